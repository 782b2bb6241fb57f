"""Names of one list found in another, where either may be outdated.

Two names match if they are the same text, or if they denote the same gene. What does not match
letter for letter is listed; what cannot be matched without guessing is named with its reason.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from mechpert_al.errors import SymbolError
from mechpert_al.symbols.table import Identity, SymbolTable


class Renaming(NamedTuple):
    """A name that was matched under another one."""

    name: str
    reference: str
    why: str


class Unmatched(NamedTuple):
    """A name that has no match, and why; ``possible`` are names it may stand for."""

    name: str
    why: str
    possible: tuple[str, ...] = ()


class Collision(NamedTuple):
    """Several names that denote one name of the reference."""

    reference: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    """How the names of a list were found in a reference.

    Parameters
    ----------
    mapping
        Name → name in the reference, in the order of the names; colliding names are all in it.
    exact
        Names that are in the reference letter for letter.
    renamed
        The other matches: (name, reference, why).
    unmatched
        Names without a match: (name, why, possible).
    collisions
        Names of the reference that several names denote.
    source
        Where the names come from.
    """

    mapping: Mapping[str, str]
    exact: tuple[str, ...]
    renamed: tuple[Renaming, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    collisions: tuple[Collision, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def ambiguous(self) -> tuple[Unmatched, ...]:
        """The unmatched names that may be one of several genes."""
        return tuple(one for one in self.unmatched if len(one.possible) > 1)

    def lines(self) -> list[str]:
        """What is not letter for letter, one sentence each."""
        place = f"{self.source}: " if self.source else ""
        return (
            [f"{place}{one.name} is {one.reference} ({one.why})" for one in self.renamed]
            + [f"{place}{one.name} not matched: {one.why}" for one in self.unmatched]
            + [
                f"{place}{' and '.join(one.names)} are both {one.reference}"
                for one in self.collisions
            ]
        )

    def complete(self) -> Matching:
        """The matching itself, if every name was found and none twice.

        Raises
        ------
        SymbolError
            Listing every name that was not.
        """
        if self.unmatched or self.collisions:
            wrong = Matching({}, (), (), self.unmatched, self.collisions, self.source).lines()
            raise SymbolError("\n".join(wrong), "Correct the names or remove them.")
        return self


def match(
    names: Iterable[str],
    reference: Iterable[str],
    table: SymbolTable | None = None,
    source: str = "",
) -> Matching:
    """Find names in a reference; either list may hold outdated symbols.

    In order: (1) the same text; (2) names that denote the same gene, each judged beside the other
    names of its own list (`SymbolTable.identify`). Nothing else matches: upper and lower case,
    blanks, version tails and dates are recognised and said, not guessed.

    Parameters
    ----------
    names
        Names to find; repeats count once.
    reference
        Names to find them in; repeats count once.
    table
        Symbol table; by default the installed one, which is not even loaded if every name is in
        the reference letter for letter.
    source
        Where the names come from, for messages.
    """
    wanted = list(dict.fromkeys(names))
    offered = dict.fromkeys(reference)
    exact = tuple(name for name in wanted if name in offered)
    if len(exact) == len(wanted):
        return Matching({name: name for name in wanted}, exact, source=source)
    table = table or SymbolTable.default()
    ours = table.identify(wanted)
    theirs = table.identify(offered)
    named = _names_of_genes(theirs)
    near = _NearMisses(offered, table)
    mapping: dict[str, str] = {}
    renamed, unmatched = [], []
    for name in wanted:
        if name in offered:
            mapping[name] = name
            continue
        here = ours[name]
        found = named.get(here.gene, ()) if here.gene is not None else ()
        if len(found) == 1:
            mapping[name] = found[0]
            renamed.append(Renaming(name, found[0], _why(here, theirs[found[0]])))
        else:
            unmatched.append(_unmatched(here, found, theirs, near))
    return Matching(mapping, exact, tuple(renamed), tuple(unmatched), _collisions(mapping), source)


def _names_of_genes(identities: Mapping[str, Identity]) -> dict[str, tuple[str, ...]]:
    """Each gene's names in a list; only the approved one if it is among them."""
    named: dict[str, tuple[str, ...]] = {}
    for name, one in identities.items():
        if one.gene is not None:
            named[one.gene] = (*named.get(one.gene, ()), name)
    return {gene: (gene,) if gene in names else names for gene, names in named.items()}


def _collisions(mapping: Mapping[str, str]) -> tuple[Collision, ...]:
    back: dict[str, list[str]] = {}
    for name, reference in mapping.items():
        back.setdefault(reference, []).append(name)
    return tuple(Collision(gene, tuple(names)) for gene, names in back.items() if len(names) > 1)


def _why(here: Identity, there: Identity) -> str:
    if here.gene == there.name:
        return f"{here.why} of {here.gene}"
    if here.gene == here.name:
        return f"{there.name} is a {there.why} of it"
    return f"both are names of {here.gene}: {here.why}, {there.why}"


def _unmatched(
    here: Identity,
    found: tuple[str, ...],
    theirs: Mapping[str, Identity],
    near: _NearMisses,
) -> Unmatched:
    if found:
        return Unmatched(here.name, f"is {here.gene}, as are {' and '.join(found)}", found)
    if here.why == "ambiguous":
        return Unmatched(here.name, f"may be {' or '.join(here.possible)}", here.possible)
    if here.gene is not None:
        unclear = [one for one in theirs.values() if here.gene in one.possible and not one.gene]
        if unclear:
            name, possible = unclear[0].name, unclear[0].possible
            return Unmatched(here.name, f"{name} may be {' or '.join(possible)}", (name,))
    return near.of(here)


def _without_blanks(name: str) -> str:
    return "".join(name.split())


def _without_version(name: str) -> str:
    return re.sub(r"\.\d+$", "", name)


#: What two names may differ in and still be told to be alike.
RESEMBLANCES: dict[str, Callable[[str], str]] = {
    "differs in upper and lower case from": str.casefold,
    "differs in blanks from": _without_blanks,
    "differs in its version tail from": _without_version,
}


#: So many unknown names of a list get the names that are spelt nearly so.
MOST_GUESSES = 20


class _NearMisses:
    """What an unmatched name resembles: said, never used."""

    def __init__(self, offered: Iterable[str], table: SymbolTable) -> None:
        self.offered = tuple(offered)
        self.table = table
        self.guesses = MOST_GUESSES

    def _nearest(self, name: str) -> str:
        """Names that are spelt nearly so; each guess takes time, so there are not many."""
        self.guesses -= 1
        near = difflib.get_close_matches(name, self.offered, n=3) if self.guesses >= 0 else []
        return f"; nearest: {', '.join(near)}" if near else ""

    @cached_property
    def alike(self) -> dict[tuple[str, str], tuple[str, ...]]:
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for how, key in RESEMBLANCES.items():
            for name in self.offered:
                found[how, key(name)] = (*found.get((how, key(name)), ()), name)
        return found

    def of(self, here: Identity) -> Unmatched:
        name = here.name
        for how, key in RESEMBLANCES.items():
            if similar := self.alike.get((how, key(name))):
                return Unmatched(name, f"{how} {' or '.join(similar)}", similar)
        if damage := self.table.damage(name):
            return Unmatched(name, str(damage), damage.possible)
        if here.gene is None:
            return Unmatched(name, f"not a known symbol, and not there{self._nearest(name)}")
        if here.gene != name:
            return Unmatched(name, f"{here.why} of {here.gene}, which is not there")
        return Unmatched(name, "an approved symbol, but not there")
