"""Perturbation names held against the symbol table: former names, unknown ones, collisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mechpert_al.effects.conversion import ConvertOptions, some
from mechpert_al.errors import DataError, SymbolError

if TYPE_CHECKING:
    from mechpert_al.symbols import SymbolTable


def default_symbols() -> SymbolTable:
    """The installed symbol table, loaded when it is first needed."""
    from mechpert_al.symbols import SymbolTable

    return SymbolTable.default()


@dataclass(frozen=True)
class GeneNames:
    """Names of perturbations as they go into the table.

    Parameters
    ----------
    name_of
        Name in the file → name in the table; they differ only where rows were asked to be pooled.
    outdated
        Former name → current symbol; the name stays as it is.
    unknown
        Names that the symbol table does not know, or not without guessing → where they stand.
    """

    name_of: Mapping[str, str]
    outdated: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


def check_names(
    names: Sequence[str],
    symbols: SymbolTable,
    options: ConvertOptions,
    place: str,
    where: Mapping[str, str],
) -> GeneNames:
    """Look the names up; two names of one gene are pooled only if that was asked for.

    Parameters
    ----------
    where
        Name → where it stands in the file, such as ``line 2`` or ``24 cells``.

    Raises
    ------
    DataError
        If two names are the same gene and ``duplicated_rows`` is ``error``.
    """
    singles = [name for name in names if "+" not in name]
    identity = symbols.identify(singles)
    names_of: Mapping[str, list[str]] = defaultdict(list)
    for name in singles:
        gene = identity[name].gene
        if gene is not None:
            names_of[gene].append(name)
    collisions = {gene: same for gene, same in names_of.items() if len(same) > 1}
    if collisions and options.duplicated_rows == "error":
        shown = "; ".join(
            f"{' and '.join(f'{name} ({where[name]})' for name in same)} are both {gene}"
            for gene, same in list(collisions.items())[:10]
        )
        raise DataError(
            f"{place}: {len(collisions)} genes stand under two names: {shown}",
            "Remove one of the names, or ask for the mean: --duplicated-rows mean.",
        )
    outdated, unknown = {}, {}
    for name, one in identity.items():
        if one.gene is None:
            possible = one.possible or symbols.in_other_case(name)
            unknown[name] = where[name] + (f", may be {' or '.join(possible)}" if possible else "")
        elif one.gene != name:
            outdated[name] = one.gene
    pooled = {name: gene for gene, same in collisions.items() for name in same}
    return GeneNames({name: pooled.get(name, name) for name in names}, outdated, unknown)


def refuse_damaged(where: Mapping[str, str], symbols: SymbolTable, place: str) -> None:
    """Stop at labels that a spreadsheet changed.

    Parameters
    ----------
    where
        Label → where it stands.

    Raises
    ------
    SymbolError
        Listing all of them.
    """
    damaged = {label: symbols.damage(label.strip()) for label in where}
    lines = [
        f"{place}, {where[label]}: {label!r} {damage}"
        for label, damage in damaged.items()
        if damage
    ]
    if lines:
        raise SymbolError(
            "\n".join(lines),
            f"{len(lines)} gene names were changed by a spreadsheet. Write the symbols again, with "
            "the column formatted as text, or keep the table outside the spreadsheet.",
        )


def damaged_note(where: Mapping[str, str], symbols: SymbolTable) -> tuple[str, ...]:
    """Which readouts a spreadsheet changed, as a sentence of the report."""
    damaged = [f"{name!r} ({where[name]})" for name in where if symbols.damage(name)]
    if not damaged:
        return ()
    return (
        f"Readouts changed by a spreadsheet, which match no gene ({len(damaged)}): "
        f"{some(damaged)}.",
    )


def pooled_note(names: GeneNames) -> tuple[str, ...]:
    """Which names were pooled, as a sentence of the report."""
    pooled = [f"{name} into {gene}" for name, gene in names.name_of.items() if name != gene]
    return (f"Pooled, two names of one gene: {some(pooled)}.",) if pooled else ()
