"""Counts of cells as delimited text, laid out as AnnData has them.

Cells stand in the rows or in the columns; which of the two, the table of their labels says, since
it names the cells. Read line by line: a line is a cell, or a gene.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from mechpert_al.effects.cell_table import Frame, barcodes_of
from mechpert_al.effects.stored_matrix import StoredMatrix
from mechpert_al.effects.tables.delimited import DelimitedFile
from mechpert_al.errors import DataError

SUFFIXES = (".csv", ".tsv", ".txt")


def is_text(path: Path) -> bool:
    """Whether a file is delimited text, by its name."""
    return path.is_file() and path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def as_annotated(path: Path, guide_calls: str | Path | None) -> dict[str, Any]:
    """The parts of an AnnData file: obs, var and X.

    Raises
    ------
    DataError
        If nothing says which cell has which label, or names repeat.
    """
    file = DelimitedFile.open(path)
    if guide_calls is None:
        raise DataError(
            f"{path}: counts as text, and no table says which cell has which guide",
            "Give one with a column of barcodes and one of labels: --guide-calls FILE.",
        )
    rows = [record.fields[0].strip() for record in file.records()]
    columns = [name.strip() for name in file.header[1:]]
    cells = barcodes_of(Path(guide_calls))
    n_cells = {"rows": len(cells.intersection(rows)), "columns": len(cells.intersection(columns))}
    if not any(n_cells.values()):
        raise DataError(
            f"{path}: none of the {len(cells)} cells of {guide_calls} names a row "
            f"({rows[0]!r}, …) or a column ({columns[0]!r}, …)",
            "Barcodes must be the same text in both, with or without '-1' at the end.",
        )
    by_rows = n_cells["rows"] >= n_cells["columns"]
    barcodes, genes = (rows, columns) if by_rows else (columns, rows)
    [(most, n)] = Counter(barcodes).most_common(1)
    if n > 1:
        raise DataError(
            f"{path}: the cell {most!r} stands {n} times", "Each cell has a row or column once."
        )
    shape = (len(barcodes), len(genes))
    return {
        "obs": Frame({"_index": np.array(barcodes, dtype=object)}),
        "var": Frame({"_index": np.array(genes, dtype=object)}),
        "X": _TextMatrix(file, "csr" if by_rows else "csc", shape, np.dtype(float), str(path)),
    }


@dataclass(frozen=True, eq=False)
class _TextMatrix(StoredMatrix):
    """Numbers of a text table: a line is a cell (csr) or a gene (csc)."""

    def _compressed_blocks(self, n_values: int) -> Iterator[tuple[slice, Any]]:
        file: DelimitedFile = self.stored
        step = max(1, n_values // max(1, len(file.header)))
        start, lines = 0, []
        for record in file.records():
            lines.append(self._numbers(record.fields, record.line))
            if len(lines) == step:
                yield slice(start, start + step), self._block(lines)
                start, lines = start + step, []
        if lines:
            yield slice(start, start + len(lines)), self._block(lines)

    def _block(self, lines: list[np.ndarray]) -> Any:
        values = np.array(lines)
        return sparse.csr_matrix(values) if self.form == "csr" else sparse.csc_matrix(values.T)

    def _numbers(self, fields: list[str], line: int) -> np.ndarray:
        numbers = np.zeros(len(fields) - 1)
        for column, text in enumerate(fields[1:]):
            try:
                numbers[column] = float(text)
            except ValueError as error:
                raise DataError(
                    f"{self.place}: line {line}, column {self.stored.header[column + 1]!r}: "
                    f"{text!r}, expected a count",
                    "Beside the names of cells and genes the table holds counts only; labels and "
                    "batches stand in the table of --guide-calls.",
                ) from error
        return numbers
