"""Wide tables put on a grid: rows that repeat, and rows that are no effects."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np

from mechpert_al.effects.conversion import ConvertOptions, some
from mechpert_al.effects.gene_names import damaged_note, default_symbols
from mechpert_al.effects.pooling import pooled
from mechpert_al.effects.tables.delimited import DelimitedFile
from mechpert_al.effects.tables.grid import Grid, without_infinities
from mechpert_al.effects.tables.names import TableNames, read_names
from mechpert_al.effects.tables.numbers import read_numbers
from mechpert_al.effects.tables.rows import WideRows, read_wide
from mechpert_al.errors import DataError

_BARCODE = re.compile(r"(?:.*[-_.:])?[ACGTN]{8,}(?:[-_.:]\w+)?")
_COUNTS = (
    "Counts of cells need a table of their labels: --kind counts --guide-calls FILE; or an .h5ad "
    "file, which holds both."
)


def grid_of_rows(file: DelimitedFile, options: ConvertOptions) -> Grid:
    """Read a wide table.

    Raises
    ------
    DataError
        If perturbations repeat, effects are infinite, or the values are no effects; with lines.
    """
    place = str(file.path)
    rows, numbers = read_numbers(
        lambda reader: read_wide(file, reader, options.perturbation), place, file.delimiter == ";"
    )
    _refuse_cells(rows, place)
    names = read_names(_first_lines(rows), options, place)
    code = np.array([names.code_of[label] for label in rows.labels])
    if options.duplicated_rows == "error":
        _refuse_repeats(rows, names, code, place)
    _refuse_expression(rows, names, code == len(names.names), place)
    values, infinite_notes = without_infinities(rows.values, _first_infinity(rows), options, place)
    where = {readout: f"line {file.header_line}" for readout in rows.readouts}
    return Grid(
        f"wide table: {len(code)} rows, {len(rows.readouts)} readouts",
        "as in the table",
        names,
        rows.readouts,
        pooled(values, code, _weights(rows), len(names.names)),
        None,
        _n_cells(rows, code, len(names.names)),
        numbers,
        (*infinite_notes, *damaged_note(where, default_symbols())),
    )


def _first_lines(rows: WideRows) -> dict[str, int]:
    lines: dict[str, int] = {}
    for label, line in zip(rows.labels, rows.lines, strict=True):
        lines.setdefault(label, line)
    return lines


def _first_infinity(rows: WideRows) -> str:
    infinite = np.argwhere(np.isinf(rows.values))
    if not len(infinite):
        return ""
    row, column = infinite[0]
    return f"line {rows.lines[row]}, column {rows.readouts[column]!r}"


def _weights(rows: WideRows) -> np.ndarray:
    """Cells of each row where all are known, else 1."""
    if rows.n_cells is None or np.isnan(rows.n_cells).any():
        return np.ones(len(rows.labels))
    return rows.n_cells


def _refuse_cells(rows: WideRows, place: str) -> None:
    if rows.n_cells is None:
        return
    wrong = np.flatnonzero((rows.n_cells < 0) | np.isinf(rows.n_cells))
    if len(wrong):
        row = wrong[0]
        raise DataError(
            f"{place}: line {rows.lines[row]}: n_cells is {rows.n_cells[row]:g}, expected 0 or more"
            + (f"; {len(wrong)} such rows" if len(wrong) > 1 else ""),
            "Correct the number of cells; leave it empty where it is not known.",
        )


def _n_cells(rows: WideRows, code: np.ndarray, n_names: int) -> np.ndarray | None:
    if rows.n_cells is None:
        return None
    is_effect = (code >= 0) & (code < n_names)
    return np.bincount(code[is_effect], rows.n_cells[is_effect], n_names)


def _refuse_repeats(rows: WideRows, names: TableNames, code: np.ndarray, place: str) -> None:
    lines = defaultdict(list)
    for row, number in enumerate(code):
        if 0 <= number < len(names.names):
            lines[number].append(f"line {rows.lines[row]}")
    repeated = {names.names[number]: where for number, where in lines.items() if len(where) > 1}
    if repeated:
        shown = some([f"{name} ({', '.join(where)})" for name, where in repeated.items()])
        raise DataError(
            f"{place}: {len(repeated)} perturbations stand in several rows: {shown}",
            "Remove the repeats, or ask for their mean: --duplicated-rows mean.",
        )


def _refuse_expression(
    rows: WideRows, names: TableNames, is_control: np.ndarray, place: str
) -> None:
    """Without a value below 0, a control row above 0 or rows that are no genes are no effects."""
    if (rows.values < 0).any():
        return
    is_whole = np.array_equal(rows.values, np.rint(rows.values))
    n_barcodes = sum(_BARCODE.fullmatch(name) is not None for name in rows.readouts)
    if is_whole and 2 * n_barcodes > len(rows.readouts):
        raise DataError(
            f"{place}: these look like counts of cells, not effects: whole numbers only, and the "
            f"columns are barcodes ({rows.readouts[0]!r}, …)",
            f"Rows must be perturbations. {_COUNTS}",
        )
    if is_whole and len(names.genes.unknown) == len(names.names) > 1:
        raise DataError(
            f"{place}: these look like counts of cells, not effects: whole numbers only, and no "
            f"row is named by a known gene ({rows.labels[0]!r} in line {rows.lines[0]})",
            f"Rows must be perturbations. {_COUNTS}",
        )
    if np.any(rows.values[is_control] > 0):
        row = int(np.flatnonzero(is_control)[0])
        raise DataError(
            f"{place}: these look like expression values, not effects: no value is below 0, and "
            f"the control row {rows.labels[row]!r} (line {rows.lines[row]}) is not 0",
            "Subtract the control from every row (of logarithms), or give counts as .h5ad.",
        )
