"""Counts as Cell Ranger writes them, laid out as AnnData has them.

Two forms: an HDF5 file with a group ``matrix``, and a folder with ``matrix.mtx``, ``barcodes.tsv``
and ``features.tsv`` (all may be compressed). Both hold a column of numbers for each cell, so cells
can be read one block after the other. Guides and antibodies are no readouts; which guide a cell
has stands in ``protospacer_calls_per_cell.csv``.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from mechpert_al.effects.cell_table import Frame
from mechpert_al.effects.progress import tell
from mechpert_al.effects.stored_matrix import BLOCK_VALUES, StoredMatrix
from mechpert_al.errors import DataError
from mechpert_al.textfile import TextFile

CALLS = "protospacer_calls_per_cell.csv"
GENES = "Gene Expression"
"""Type of the features that are readouts."""


def is_tenx(root: Any) -> bool:
    """Whether an open file is of Cell Ranger."""
    if isinstance(root, MarketFolder):
        return True
    return "matrix" in root and all(f"matrix/{part}" in root for part in ("barcodes", "features"))


def market_file(folder: Path) -> Path | None:
    """The matrix of a folder that Cell Ranger wrote, if it is one."""
    return _found(folder, "matrix.mtx")


def calls_beside(path: Path) -> Path | None:
    """The guide calls that Cell Ranger put beside its counts, if they are there."""
    folders = [*([path] if path.is_dir() else []), path.absolute().parent]
    for place in (*folders, folders[-1] / "crispr_analysis"):
        if (place / CALLS).is_file():
            return place / CALLS
    return None


def as_annotated(root: Any, path: Path) -> dict[str, Any]:
    """The parts of an AnnData file: obs, var and X.

    Raises
    ------
    DataError
        If the parts do not fit together.
    """
    whole: StoredMatrix
    if isinstance(root, MarketFolder):
        barcodes, features, whole = root.barcodes, root.features, root.matrix
    else:
        group = root["matrix"]
        barcodes = _texts(group["barcodes"])
        kinds = group["features"].get("feature_type")
        features = _Features(
            _texts(group["features/id"]),
            _texts(group["features/name"]),
            None if kinds is None else _texts(kinds),
        )
        shape = (int(group["shape"][1]), int(group["shape"][0]))
        whole = StoredMatrix(group, "csr", shape, group["data"].dtype, f"{path}: matrix")
    if whole.shape != (len(barcodes), len(features.ids)):
        raise DataError(
            f"{path}: the matrix has {whole.shape[1]} features and {whole.shape[0]} cells, but "
            f"{len(features.ids)} features and {len(barcodes)} cells are named",
            "Copy all of it again.",
        )
    columns = features.genes
    if not columns.size:
        raise DataError(f"{path}: no feature is of the type {GENES!r}", "Is this the right file?")
    shape = (whole.shape[0], len(columns))
    return {
        "obs": Frame({"_index": np.array(barcodes, dtype=object)}),
        "var": Frame(
            {
                "_index": np.array(features.names, dtype=object)[columns],
                "gene_ids": np.array(features.ids, dtype=object)[columns],
            }
        ),
        "X": _SomeColumns(None, "csr", shape, whole.dtype, whole.place, whole, columns),
    }


@dataclass(frozen=True, eq=False)
class _Features:
    """What the rows of the stored matrix are."""

    ids: list[str]
    names: list[str]
    kinds: list[str] | None

    @property
    def genes(self) -> np.ndarray:
        """Numbers of the readouts."""
        if self.kinds is None:
            return np.arange(len(self.ids))
        return np.flatnonzero(np.array(self.kinds, dtype=object) == GENES)


@dataclass(frozen=True, eq=False)
class _SomeColumns(StoredMatrix):
    """Some columns of a matrix that is stored by rows."""

    whole: StoredMatrix
    columns: np.ndarray

    def row_blocks(self, n_values: int = BLOCK_VALUES) -> Iterator[tuple[slice, Any]]:
        """Blocks of whole rows, as `StoredMatrix.row_blocks`."""
        is_all = len(self.columns) == self.whole.shape[1]
        for rows, block in self.whole.row_blocks(n_values):
            yield rows, block if is_all else block[:, self.columns]


# ---------------------------------------------------------------------- a folder
class MarketFolder:
    """A folder with ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv``.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    DataError
        If a part is missing or is not what it must be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.barcodes = [cells[0] for cells in _rows(_part(path, "barcodes.tsv"))]
        rows = _rows(_part(path, "features.tsv", "genes.tsv"))
        if any(len(cells) < 2 for cells in rows):
            raise DataError(
                f"{path}: features without a name",
                "Each line of features.tsv has an id and a name.",
            )
        has_kinds = all(len(cells) > 2 for cells in rows)
        self.features = _Features(
            [cells[0] for cells in rows],
            [cells[1] for cells in rows],
            [cells[2] for cells in rows] if has_kinds else None,
        )
        self.matrix = _MarketMatrix.open(_part(path, "matrix.mtx"))

    def __contains__(self, part: object) -> bool:
        return False  # nothing is stored under AnnData's names


@dataclass(frozen=True, eq=False)
class _MarketMatrix(StoredMatrix):
    """A MatrixMarket file of features × cells, read as cells × features."""

    n_entries: int
    n_lines: int

    @classmethod
    def open(cls, path: Path) -> _MarketMatrix:
        """Read the header: the kind of matrix, comments, and the size."""
        lines = TextFile.of(path).lines
        kind = lines[0].casefold().split()
        if kind[:3] != ["%%matrixmarket", "matrix", "coordinate"] or kind[4:] != ["general"]:
            raise DataError(
                f"{path}, line 1: {lines[0][:60]!r}, expected '%%MatrixMarket matrix coordinate "
                "integer general'",
                "Write the matrix again as Cell Ranger has it: features × cells, entries only.",
            )
        n_lines = next((n for n, line in enumerate(lines) if not line.startswith("%")), 0)
        size = lines[n_lines].split()
        if len(size) != 3 or not all(map(str.isdigit, size)):
            raise DataError(
                f"{path}, line {n_lines + 1}: {lines[n_lines][:60]!r}, expected numbers of "
                "features, cells and entries",
                "Copy the file again.",
            )
        n_features, n_cells, n_entries = map(int, size)
        dtype = np.dtype(np.int64 if kind[3] == "integer" else np.float64)
        return cls(path, "csr", (n_cells, n_features), dtype, str(path), n_entries, n_lines + 1)

    def row_blocks(self, n_values: int = BLOCK_VALUES) -> Iterator[tuple[slice, Any]]:
        """Blocks of whole rows, as `StoredMatrix.row_blocks`.

        Raises
        ------
        DataError
            If entries are not in the order of cells, lie outside the matrix, or are missing.
        """
        start, n_read = 0, 0
        left = np.zeros((0, 3))
        for entries in self._entries(n_values):
            self._check(entries, left, n_read)
            n_read += len(entries)
            known = np.concatenate([left, entries])
            stop = int(known[-1, 1]) - 1  # the last cell may go on in the next block
            is_whole = known[:, 1] <= stop
            left = known[~is_whole]
            if stop > start:
                yield slice(start, stop), self._block(known[is_whole], start, stop)
                start = stop
            tell(f"{self.place}: entries", n_read, self.n_entries)
        if n_read != self.n_entries:
            raise DataError(
                f"{self.place}: {n_read} entries, line {self.n_lines} says {self.n_entries}: the "
                "file was cut short",
                "Copy or download it again.",
            )
        yield slice(start, self.shape[0]), self._block(left, start, self.shape[0])

    def _entries(self, n_values: int) -> Iterator[np.ndarray]:
        """Feature, cell and value of each entry, counted from 1; shape (n, 3)."""
        import pandas as pd

        open_ = gzip.open if self.stored.suffix == ".gz" else open
        with open_(self.stored, "rt", encoding="ascii") as stream:
            try:
                chunks = pd.read_csv(
                    stream,
                    sep=" ",
                    header=None,
                    skiprows=self.n_lines,
                    names=["feature", "cell", "value"],
                    dtype=np.float64,
                    chunksize=n_values,
                    index_col=False,
                )
                for chunk in chunks:
                    yield chunk.to_numpy(np.float64)
            except pd.errors.EmptyDataError:
                return
            except (ValueError, EOFError, OSError) as error:
                raise DataError(
                    f"{self.place}: an entry cannot be read ({error})",
                    "Every line needs three numbers: feature, cell and count.",
                ) from error

    def _check(self, entries: np.ndarray, left: np.ndarray, n_read: int) -> None:
        cells = entries[:, 1]
        most = np.array([self.shape[1], self.shape[0]])
        outside = ~((entries[:, :2] >= 1) & (entries[:, :2] <= most)).all(axis=1)
        before = np.concatenate(
            [left[-1:, 1], cells[:-1]] if len(left) else [cells[:1], cells[:-1]]
        )
        for wrong, what, remedy in (
            (outside, "lies outside the matrix", "Copy the file again."),
            (
                cells < before,
                "is of an earlier cell than the one before",
                "Sort the entries by cell (the second number), or write an .h5ad file.",
            ),
        ):
            if wrong.any():
                first = int(np.argmax(wrong))
                feature, cell = entries[first, :2]
                raise DataError(
                    f"{self.place}, line {self.n_lines + 1 + n_read + first}: the entry "
                    f"({feature:g}, {cell:g}) {what}",
                    remedy,
                )

    def _block(self, entries: np.ndarray, start: int, stop: int) -> sparse.csr_matrix:
        places = entries[:, 1].astype(np.int64) - 1 - start, entries[:, 0].astype(np.int64) - 1
        return sparse.csr_matrix((entries[:, 2], places), shape=(stop - start, self.shape[1]))


def _found(folder: Path, *names: str) -> Path | None:
    for name in names:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def _part(folder: Path, *names: str) -> Path:
    path = _found(folder, *names)
    if path is None:
        raise DataError(
            f"{folder}: matrix.mtx without {' or '.join(names)}",
            "Cell Ranger writes matrix.mtx, barcodes.tsv and features.tsv into one folder.",
        )
    return path


def _rows(path: Path) -> list[list[str]]:
    with TextFile.of(path).opened() as text:
        return [line.rstrip("\n").split("\t") for line in text if line.strip()]


def _texts(stored: Any) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else str(one) for one in stored[:]]
