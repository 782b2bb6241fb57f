"""Delimited text: wide tables of effects, and long ones as the tools of the field write them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mechpert_al.effects.annotated import is_annotated
from mechpert_al.effects.control_words import stripped
from mechpert_al.effects.conversion import FEW_CELLS, ConversionReport, ConvertOptions, some
from mechpert_al.effects.delimited import DELIMITERS, ROW_NAMES, DelimitedFile
from mechpert_al.effects.gene_names import pooled_note
from mechpert_al.effects.long_table import Pairs, read_pairs
from mechpert_al.effects.number_text import MARK_NAMES, NumberReader, read_numbers
from mechpert_al.effects.own_readout import knock_downs, without_own_readouts
from mechpert_al.effects.readers.kinds import default_symbols
from mechpert_al.effects.readers.rows import pooled
from mechpert_al.effects.readouts import own_readouts
from mechpert_al.effects.sources import sha256_of
from mechpert_al.effects.table import EffectTable
from mechpert_al.effects.table_forms import LongColumns, has_no_effects, long_columns
from mechpert_al.effects.table_names import TableNames, read_names
from mechpert_al.effects.wide_table import WideRows, read_wide
from mechpert_al.errors import DataError

LARGEST_SIGNIFICANT = 0.1
"""A table whose adjusted p values all lie below this lists significant pairs only."""


def recognises(path: Path) -> str | None:
    """Whether the file is text."""
    return None if path.is_dir() or is_annotated(path) else "A text table"


def read(path: Path, options: ConvertOptions, why: str) -> tuple[EffectTable, ConversionReport]:
    """Effects of a text table.

    Raises
    ------
    DataError
        If the dialect, a number, a label or the meaning of the columns cannot be told; always
        with the line.
    """
    file = DelimitedFile.open(path)
    columns = long_columns(file.header, options.perturbation)
    if columns is not None:
        grid = _grid_of_pairs(file, columns, options)
    elif has_no_effects(file.header):
        raise DataError(
            f"{path}: scores without effects (line {file.header_line} names 'scores', but no "
            "'logfoldchanges')",
            "Rank the genes with a method that gives fold changes.",
        )
    else:
        grid = _grid_of_rows(file, options)
    return _Finished(path, options, why, file, grid).table_and_report()


@dataclass(frozen=True, eq=False)
class _Grid:
    """Perturbations × readouts, whatever form the table had.

    ``values`` and ``errors`` are float64 with NaN = not measured.
    """

    what: str
    unit: str
    names: TableNames
    readouts: tuple[str, ...]
    values: np.ndarray
    errors: np.ndarray | None
    n_cells: np.ndarray | None
    numbers: NumberReader
    notes: tuple[str, ...] = ()


# ---------------------------------------------------------------------- long tables
def _grid_of_pairs(file: DelimitedFile, columns: LongColumns, options: ConvertOptions) -> _Grid:
    name = _one_perturbation(file, columns, options)
    pairs, numbers = read_numbers(
        lambda reader: read_pairs(file, columns, reader, name), file.path, file.delimiter == ";"
    )
    names = read_names(pairs.perturbations, options, str(file.path))
    readouts = tuple(dict.fromkeys(map(stripped, pairs.readouts)))
    number = {readout: code for code, readout in enumerate(readouts)}
    row = np.array([names.code_of[label] for label in pairs.perturbations])[pairs.perturbation]
    column = np.array([number[stripped(label)] for label in pairs.readouts])[pairs.readout]
    is_effect = (row >= 0) & (row < len(names.names))
    cell = (row * len(readouts) + column)[is_effect]
    _refuse_repeated_pairs(file, pairs, is_effect, cell, options)
    effect, notes = _finite(pairs.effect[is_effect], pairs, is_effect, file, options)
    shape = (len(names.names), len(readouts))
    values, is_listed = _scattered(cell, effect, shape)
    notes += _absent_notes(is_listed, pairs, options)
    if options.absent == "zero":
        values[~is_listed] = 0
    errors = None
    if columns.standard_error is not None:
        errors, _ = _scattered(cell, pairs.standard_error[is_effect], shape)
    if columns.form.note:
        notes.append(columns.form.note)
    tool = f" of {columns.form.tool}" if columns.form.tool else ""
    row_names = "the row names" if columns.readout == ROW_NAMES else repr(columns.readout)
    what = f"long table{tool}: readouts in {row_names}, effects in {columns.effect!r}"
    unit = f"{columns.form.unit}{tool}" if tool else columns.effect
    return _Grid(what, unit, names, readouts, values, errors, None, numbers, tuple(notes))


def _one_perturbation(
    file: DelimitedFile, columns: LongColumns, options: ConvertOptions
) -> str | None:
    """The perturbation of a table that has no column for it; None if it has one."""
    if options.perturbation is not None and options.perturbation not in file.header:
        raise DataError(
            f"{file.path}: no column {options.perturbation!r}",
            f"The columns are {some([name for name in file.header if name])}.",
        )
    if options.perturbation_name is not None:
        return options.perturbation_name
    if columns.perturbation is not None:
        return None
    stem = file.path.name.split(".")[0]
    guess = stem if default_symbols().is_symbol(stem) else "GENE"
    raise DataError(
        f"{file.path}: no column names the perturbation (line {file.header_line}: "
        f"{some([name for name in file.header if name])})",
        f"Name the perturbed gene: --perturbation-name {guess}, or the column: "
        "--perturbation COLUMN.",
    )


def _refuse_repeated_pairs(
    file: DelimitedFile,
    pairs: Pairs,
    is_effect: np.ndarray,
    cell: np.ndarray,
    options: ConvertOptions,
) -> None:
    if options.duplicated_rows == "mean":
        return
    order = np.argsort(cell, kind="stable")
    repeated = np.flatnonzero(np.diff(cell[order]) == 0)
    if not repeated.size:
        return
    labels, readouts = list(pairs.perturbations), list(pairs.readouts)
    places = np.flatnonzero(is_effect)[order]
    shown = [
        f"{labels[pairs.perturbation[second]]} on {readouts[pairs.readout[second]]} "
        f"(lines {pairs.line[first]} and {pairs.line[second]})"
        for first, second in zip(places[repeated[:10]], places[repeated[:10] + 1], strict=True)
    ]
    more = f" and {repeated.size - 10} more" if repeated.size > 10 else ""
    raise DataError(
        f"{file.path}: {repeated.size} pairs stand more than once: {', '.join(shown)}{more}",
        "Remove the repeats, or ask for their mean: --duplicated-rows mean.",
    )


def _finite(
    effect: np.ndarray,
    pairs: Pairs,
    is_effect: np.ndarray,
    file: DelimitedFile,
    options: ConvertOptions,
) -> tuple[np.ndarray, list[str]]:
    infinite = np.isinf(effect)
    if not infinite.any():
        return effect, []
    if options.infinite != "missing":
        line = pairs.line[is_effect][infinite][0]
        raise DataError(
            f"{file.path}: {infinite.sum()} infinite effects, the first in line {line}",
            "Write NA where nothing could be measured, or ask for it: --infinite missing.",
        )
    return np.where(infinite, np.nan, effect), [
        f"Infinite effects taken as not measured: {infinite.sum()}."
    ]


def _scattered(
    cell: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Means of the values of each cell (NaN where none), and which cells are listed at all."""
    size, known = shape[0] * shape[1], ~np.isnan(values)
    n = np.bincount(cell[known], minlength=size)
    sums = np.bincount(cell[known], values[known], size)
    means = np.divide(sums, n, out=np.full(size, np.nan), where=n > 0)
    is_listed = np.bincount(cell, minlength=size) > 0
    return means.reshape(shape), is_listed.reshape(shape)


def _absent_notes(is_listed: np.ndarray, pairs: Pairs, options: ConvertOptions) -> list[str]:
    n_absent = int((~is_listed).sum())
    if not n_absent:
        return []
    share = f"{n_absent} of {is_listed.size} pairs ({n_absent / is_listed.size:.0%}) are not listed"
    if options.absent == "zero":
        return [f"{share}; as asked, their effect is 0."]
    largest = np.nanmax(pairs.probability) if not np.isnan(pairs.probability).all() else np.nan
    if largest < LARGEST_SIGNIFICANT:
        share += f", only significant ones are (largest adjusted p {largest:.2g})"
    return [f"{share}; they count as not measured (--absent zero takes them as 0)."]


# ---------------------------------------------------------------------- wide tables
def _grid_of_rows(file: DelimitedFile, options: ConvertOptions) -> _Grid:
    rows, numbers = read_numbers(
        lambda reader: read_wide(file, reader, options.perturbation),
        file.path,
        file.delimiter == ";",
    )
    lines: dict[str, int] = {}
    for label, line in zip(rows.labels, rows.lines, strict=True):
        lines.setdefault(label, line)
    names = read_names(lines, options, str(file.path))
    code = np.array([names.code_of[label] for label in rows.labels])
    _refuse_repeated_rows(file, rows, names, code, options)
    _refuse_expression(file, rows, code == len(names.names))
    values, notes = rows.values, []
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        if options.infinite != "missing":
            raise DataError(
                f"{file.path}: {len(infinite)} infinite effects, the first in line "
                f"{rows.lines[row]}, column {rows.readouts[column]!r}",
                "Write NA where nothing could be measured, or ask for it: --infinite missing.",
            )
        values = np.where(np.isinf(values), np.nan, values)
        notes.append(f"Infinite effects taken as not measured: {len(infinite)}.")
    n_names = len(names.names)
    weights = np.ones(len(code))
    n_cells = None
    if rows.n_cells is not None:
        is_effect = (code >= 0) & (code < n_names)
        n_cells = np.bincount(code[is_effect], rows.n_cells[is_effect], n_names)
        weights = np.where(np.isnan(rows.n_cells).any(), 1.0, rows.n_cells)
    return _Grid(
        f"wide table: {len(code)} rows, {len(rows.readouts)} readouts",
        "as in the table",
        names,
        rows.readouts,
        pooled(values, code, weights, n_names),
        None,
        n_cells,
        numbers,
        tuple(notes),
    )


def _refuse_repeated_rows(
    file: DelimitedFile,
    rows: WideRows,
    names: TableNames,
    code: np.ndarray,
    options: ConvertOptions,
) -> None:
    if options.duplicated_rows == "mean":
        return
    lines = defaultdict(list)
    for row, number in enumerate(code):
        if 0 <= number < len(names.names):
            lines[number].append(f"line {rows.lines[row]}")
    repeated = {names.names[number]: where for number, where in lines.items() if len(where) > 1}
    if repeated:
        shown = some([f"{name} ({', '.join(where)})" for name, where in repeated.items()])
        raise DataError(
            f"{file.path}: {len(repeated)} perturbations stand in several rows: {shown}",
            "Remove the repeats, or ask for their mean: --duplicated-rows mean.",
        )


def _refuse_expression(file: DelimitedFile, rows: WideRows, is_control: np.ndarray) -> None:
    """A control row above 0 in a table without a value below 0 is no effect."""
    if (
        not is_control.any()
        or np.nanmin(rows.values) < 0
        or not np.any(rows.values[is_control] > 0)
    ):
        return
    row = int(np.flatnonzero(is_control)[0])
    raise DataError(
        f"{file.path}: these look like expression values, not effects: no value is below 0, and "
        f"the control row {rows.labels[row]!r} (line {rows.lines[row]}) is not 0",
        "Subtract the control from every row (of logarithms), or give counts as .h5ad.",
    )


# ---------------------------------------------------------------------- the result
@dataclass(frozen=True, eq=False)
class _Finished:
    path: Path
    options: ConvertOptions
    why: str
    file: DelimitedFile
    grid: _Grid

    def table_and_report(self) -> tuple[EffectTable, ConversionReport]:
        grid, names = self.grid, self.grid.names.names
        own = own_readouts(names, grid.readouts, default_symbols())
        downs = knock_downs(grid.values, names, own)
        values = grid.values
        if not self.options.keep_own_readout:
            values = without_own_readouts(values, names, own)
        report = ConversionReport(
            file=str(self.path),
            sha256=sha256_of(self.path),
            kind="table",
            recognised=(self._dialect(), *self._control_lines()),
            n_cells=self._n_cells(),
            few_cells={name: n for name, n in self._n_cells().items() if n < FEW_CELLS},
            merged=grid.names.reading.merged,
            combinations=grid.names.reading.combinations,
            knock_downs=downs,
            outdated=grid.names.genes.outdated,
            unknown=grid.names.genes.unknown,
            notes=(*self._gap_lines(), *grid.notes, *pooled_note(grid.names.genes)),
        )
        return (
            EffectTable(
                names, grid.readouts, values, grid.n_cells, grid.errors, self._info(report)
            ),
            report,
        )

    def _n_cells(self) -> dict[str, int]:
        if self.grid.n_cells is None:
            return {}
        numbers = zip(self.grid.names.names, self.grid.n_cells.tolist(), strict=True)
        return {name: int(n) for name, n in numbers if n == n}

    def _dialect(self) -> str:
        mark, delimiter = MARK_NAMES[self.grid.numbers.decimal], DELIMITERS[self.file.delimiter]
        return f"{self.why}, separated by {delimiter}s, {mark}; {self.grid.what}."

    def _control_lines(self) -> list[str]:
        left_out = [f"{label!r} ({why})" for label, why in self.grid.names.left_out().items()]
        return [f"Rows that are no perturbation: {some(left_out)}."] if left_out else []

    def _gap_lines(self) -> list[str]:
        gaps = self.grid.numbers.missing
        texts = [f"{text!r} ({n})" for text, n in gaps.most_common()]
        return [f"Read as not measured: {some(texts)}."] if texts else []

    def _info(self, report: ConversionReport) -> dict[str, object]:
        return {
            "kind": "table",
            "control": list(self.grid.names.controls),
            "normalisation": self.grid.unit,
            "sources": [{"file": self.path.name, "sha256": report.sha256}],
            "own_readout": "kept" if self.options.keep_own_readout else "not measured",
            "combinations": list(report.combinations),
        }
