"""What the names of a file are: approved, outdated, ambiguous, damaged or unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mechpert_al.symbols.table import ALIAS, PREVIOUS, Identity, SymbolTable

#: Every name is one of these.
KINDS = ("approved", PREVIOUS, ALIAS, "ambiguous", "damaged", "unknown")


class Finding(NamedTuple):
    """A name that is no approved symbol.

    ``line`` is None where names have no lines; ``gene`` is the approved symbol if there is one.
    """

    name: str
    line: int | None
    kind: str
    gene: str | None
    why: str


@dataclass(frozen=True)
class SymbolCheck:
    """The names of a file, counted, and those listed that are no approved symbols.

    Parameters
    ----------
    counts
        Number of distinct names of each of `KINDS`.
    findings
        Every name that is no approved symbol, in the order of the file.
    """

    counts: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def n_names(self) -> int:
        """Number of distinct names."""
        return sum(self.counts.values())

    @property
    def damaged(self) -> tuple[Finding, ...]:
        """Names that a spreadsheet changed."""
        return tuple(one for one in self.findings if one.kind == "damaged")


def check_symbols(
    names: Iterable[tuple[str, int | None]], table: SymbolTable | None = None
) -> SymbolCheck:
    """Judge the names of a file by a symbol table.

    Parameters
    ----------
    names
        Names with their lines (None: without); of a repeated name the first line is told.
    table
        Symbol table; by default the installed one.
    """
    table = table or SymbolTable.default()
    lines: dict[str, int | None] = {}
    for name, line in names:
        lines.setdefault(name, line)
    identities = table.identify(lines)
    found = [_finding(identities[name], line, table) for name, line in lines.items()]
    counts = Counter(one.kind for one in found)
    return SymbolCheck(
        {kind: counts[kind] for kind in KINDS},
        tuple(one for one in found if one.kind != "approved"),
    )


def _finding(one: Identity, line: int | None, table: SymbolTable) -> Finding:
    if damage := table.damage(one.name):
        return Finding(one.name, line, "damaged", None, str(damage))
    if one.why == "ambiguous":
        return Finding(one.name, line, one.why, None, f"may be {' or '.join(one.possible)}")
    if one.gene is not None:
        return Finding(one.name, line, one.why, one.gene, f"{one.why} of {one.gene}")
    for how, changed in (("blanks", one.name.strip()), ("a version tail", _untailed(one.name))):
        if changed != one.name and table.is_symbol(changed):
            return Finding(one.name, line, "unknown", None, f"differs in {how} from {changed}")
    if near := table.in_other_case(one.name):
        why = f"differs in upper and lower case from {' or '.join(near)}"
        return Finding(one.name, line, "unknown", None, why)
    return Finding(one.name, line, "unknown", None, "not a known symbol")


def _untailed(name: str) -> str:
    stem, _, tail = name.rpartition(".")
    return stem if tail.isdigit() else name
