"""Long tables put on a grid: pairs that repeat, that are missing, or that were not significant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.control_words import stripped
from mechpert_al.effects.conversion import ConvertOptions, some
from mechpert_al.effects.gene_names import damaged_note, default_symbols
from mechpert_al.effects.tables.delimited import ROW_NAMES, DelimitedFile
from mechpert_al.effects.tables.forms import LongColumns
from mechpert_al.effects.tables.grid import Grid, without_infinities
from mechpert_al.effects.tables.names import TableNames, read_names
from mechpert_al.effects.tables.numbers import read_numbers
from mechpert_al.effects.tables.pairs import Pairs, read_pairs
from mechpert_al.errors import DataError

LARGEST_SIGNIFICANT = 0.1
"""A table whose adjusted p values all lie below this lists significant pairs only."""


def grid_of_pairs(file: DelimitedFile, columns: LongColumns, options: ConvertOptions) -> Grid:
    """Read a long table.

    Raises
    ------
    DataError
        If nothing names the perturbation, pairs repeat, or effects are infinite; with lines.
    """
    name, place = _one_perturbation(file, columns, options), str(file.path)
    pairs, numbers = read_numbers(
        lambda reader: read_pairs(file, columns, reader, name), place, file.delimiter == ";"
    )
    names = read_names(pairs.perturbations, options, place)
    cells = _Cells.of(pairs, names)
    if options.duplicated_rows == "error":
        cells.refuse_repeats(pairs, place)
    lines = pairs.line[cells.is_effect]
    effect = pairs.effect[cells.is_effect]
    first = f"line {lines[np.argmax(np.isinf(effect))]}" if len(effect) else ""
    effect, infinite_notes = without_infinities(effect, first, options, place)
    values = cells.scattered(effect)
    absent = ~cells.is_listed
    if options.absent == "zero":
        values[absent] = 0
    has_error = columns.standard_error is not None
    where = {stripped(readout): f"line {line}" for readout, line in pairs.readouts.items()}
    return Grid(
        _described(columns),
        f"{columns.form.unit} of {columns.form.tool}" if columns.form.tool else columns.effect,
        names,
        cells.readouts,
        values,
        cells.scattered(pairs.standard_error[cells.is_effect]) if has_error else None,
        None,
        numbers,
        (
            *infinite_notes,
            *_absent_notes(absent, pairs, options),
            *damaged_note(where, default_symbols()),
            *filter(None, [columns.form.note]),
        ),
    )


@dataclass(frozen=True, eq=False)
class _Cells:
    """Where the pairs of a table stand on the grid.

    ``is_effect`` says which pairs belong to a perturbation, ``cell`` the flat place of each of
    these.
    """

    n_perturbations: int
    readouts: tuple[str, ...]
    is_effect: np.ndarray
    cell: np.ndarray

    @classmethod
    def of(cls, pairs: Pairs, names: TableNames) -> _Cells:
        readouts = tuple(dict.fromkeys(map(stripped, pairs.readouts)))
        number = {readout: code for code, readout in enumerate(readouts)}
        row = np.array([names.code_of[label] for label in pairs.perturbations])
        column = np.array([number[stripped(label)] for label in pairs.readouts])
        row, column = row[pairs.perturbation], column[pairs.readout]
        is_effect = (row >= 0) & (row < len(names.names))
        cell = (row * len(readouts) + column)[is_effect]
        return cls(len(names.names), readouts, is_effect, cell)

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_perturbations, len(self.readouts)

    @property
    def size(self) -> int:
        return self.n_perturbations * len(self.readouts)

    @property
    def is_listed(self) -> np.ndarray:
        """Whether the table has the pair at all, shape (n_perturbations, n_readouts)."""
        return (np.bincount(self.cell, minlength=self.size) > 0).reshape(self.shape)

    def scattered(self, values: np.ndarray) -> np.ndarray:
        """Means of the values of each cell, NaN where there is none."""
        known = ~np.isnan(values)
        n = np.bincount(self.cell[known], minlength=self.size)
        sums = np.bincount(self.cell[known], values[known], self.size)
        means = np.divide(sums, n, out=np.full(self.size, np.nan), where=n > 0)
        return means.reshape(self.shape)

    def refuse_repeats(self, pairs: Pairs, place: str) -> None:
        order = np.argsort(self.cell, kind="stable")
        repeated = np.flatnonzero(np.diff(self.cell[order]) == 0)
        if not repeated.size:
            return
        labels, readouts = list(pairs.perturbations), list(pairs.readouts)
        rows = np.flatnonzero(self.is_effect)[order]
        shown = [
            f"{labels[pairs.perturbation[one]]} on {readouts[pairs.readout[one]]} "
            f"(lines {pairs.line[one]} and {pairs.line[other]})"
            for one, other in zip(rows[repeated[:10]], rows[repeated[:10] + 1], strict=True)
        ]
        more = f" and {repeated.size - 10} more" if repeated.size > 10 else ""
        raise DataError(
            f"{place}: {repeated.size} pairs stand more than once: {', '.join(shown)}{more}",
            "Remove the repeats, or ask for their mean: --duplicated-rows mean.",
        )


def _one_perturbation(
    file: DelimitedFile, columns: LongColumns, options: ConvertOptions
) -> str | None:
    """The perturbation of a table that has no column for it; None if it has one."""
    header = some([name for name in file.header if name])
    if options.perturbation is not None and options.perturbation not in file.header:
        raise DataError(
            f"{file.path}: no column {options.perturbation!r}", f"The columns are {header}."
        )
    if options.perturbation_name is not None:
        return options.perturbation_name
    if columns.perturbation is not None:
        return None
    stem = file.path.name.split(".")[0]
    guess = stem if default_symbols().is_symbol(stem) else "GENE"
    raise DataError(
        f"{file.path}: no column names the perturbation (line {file.header_line}: {header})",
        f"Name the perturbed gene: --perturbation-name {guess}, or the column: "
        "--perturbation COLUMN.",
    )


def _absent_notes(absent: np.ndarray, pairs: Pairs, options: ConvertOptions) -> list[str]:
    n_absent = int(absent.sum())
    if not n_absent:
        return []
    share = f"{n_absent} of {absent.size} pairs ({n_absent / absent.size:.0%}) are not listed"
    if options.absent == "zero":
        return [f"{share}; as asked, their effect is 0."]
    largest = np.nanmax(pairs.probability) if not np.isnan(pairs.probability).all() else np.nan
    if largest < LARGEST_SIGNIFICANT:
        share += f", only significant ones are (largest adjusted p {largest:.2g})"
    return [f"{share}; they count as not measured (--absent zero takes them as 0)."]


def _described(columns: LongColumns) -> str:
    tool = f" of {columns.form.tool}" if columns.form.tool else ""
    readouts = "the row names" if columns.readout == ROW_NAMES else repr(columns.readout)
    return f"long table{tool}: readouts in {readouts}, effects in {columns.effect!r}"
