"""Tables that say something of each cell, by its barcode: guide calls above all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al.effects.tables.delimited import ROW_NAMES, DelimitedFile
from mechpert_al.errors import DataError

BARCODES = ("cellbarcode", "barcode", "barcodes", "cellbc", "cell", "cellid", "cellname", "index")
"""Names of the column of barcodes, without regard to case, blanks and marks."""


class Frame(dict):
    """Columns by name, laid out as AnnData has a table in a file.

    Parameters
    ----------
    columns
        Arrays of one length, the index among them.
    index
        Name of the index.
    """

    def __init__(self, columns: Mapping[str, Any], index: str = "_index") -> None:
        super().__init__(columns)
        self.attrs = {"_index": index}


def read_cell_table(
    path: Path, barcodes: Sequence[str]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The columns of a table, a value for each cell.

    Parameters
    ----------
    path
        Delimited text with a column of barcodes, such as Cell Ranger's
        ``protospacer_calls_per_cell.csv``.
    barcodes
        Of the cells.

    Returns
    -------
    columns, notes
        Text, None where the table does not name the cell; and what did not fit together.

    Raises
    ------
    DataError
        If no column holds barcodes, one stands twice, or none is a cell.
    """
    file = DelimitedFile.open(path)
    key = _barcode_column(file)
    number = {barcode: row for row, barcode in enumerate(barcodes)}
    others = [column for column in range(len(file.header)) if column != key]
    columns = {
        file.header[column] or "row": np.full(len(barcodes), None, dtype=object)
        for column in others
    }
    line_of: dict[str, int] = {}
    for record in file.records():
        barcode = record.fields[key].strip()
        if barcode in line_of:
            raise DataError(
                f"{path}: the cell {barcode!r} stands in lines {line_of[barcode]} and "
                f"{record.line}",
                "One line for each cell; several guides of a cell are joined by |.",
            )
        line_of[barcode] = record.line
        row = number.get(barcode)
        if row is not None:
            for column, values in zip(others, columns.values(), strict=True):
                values[row] = record.fields[column].strip() or None
    known = [barcode for barcode in line_of if barcode in number]
    if not known:
        raise DataError(
            f"{path}: none of its {len(line_of)} cells ({next(iter(line_of), 'none')!r}, …) is "
            f"among the {len(barcodes)} cells of the counts ({barcodes[0]!r}, …)",
            "Barcodes must be the same text in both, with or without '-1' at the end.",
        )
    notes = [f"Labels of {len(known)} of {len(barcodes)} cells are from {path.name}."]
    if len(known) < len(line_of):
        notes.append(f"Cells of {path.name} that are not among the counts: "
                     f"{len(line_of) - len(known)}.")  # fmt: skip
    return columns, tuple(notes)


def barcodes_of(path: Path) -> set[str]:
    """The cells that a table names.

    Raises
    ------
    DataError
        If no column holds barcodes.
    """
    file = DelimitedFile.open(path)
    key = _barcode_column(file)
    return {record.fields[key].strip() for record in file.records()}


def _barcode_column(file: DelimitedFile) -> int:
    """Number of the column of barcodes.

    Raises
    ------
    DataError
        If it cannot be told.
    """
    plain = ["".join(filter(str.isalnum, name.casefold())) for name in file.header]
    for name in BARCODES:
        if name in plain:
            return plain.index(name)
    if file.header[0] == ROW_NAMES:
        return 0
    raise DataError(
        f"{file.path}: no column of barcodes (line {file.header_line}: {', '.join(file.header)})",
        "Name it cell_barcode.",
    )
