"""A matrix on disk, dense or sparse, read in blocks so that memory does not grow with its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from mechpert_al.effects.progress import tell
from mechpert_al.errors import DataError

BLOCK_VALUES = 1 << 21
"""Stored numbers in one block: 16 MiB in 64 bits."""
BLOCK_ROWS = 1 << 16
"""Rows in one block at most."""


@dataclass(frozen=True, eq=False)
class StoredMatrix:
    """A matrix of an AnnData file.

    Parameters
    ----------
    stored
        The array (dense) or the group with ``data``, ``indices`` and ``indptr`` (sparse).
    form
        ``dense``, ``csr`` or ``csc``.
    shape
        (n_rows, n_columns).
    dtype
        Of the numbers as they are stored.
    place
        File and key, for messages.
    """

    stored: Any
    form: str
    shape: tuple[int, int]
    dtype: np.dtype
    place: str

    @classmethod
    def of(cls, stored: Any, place: str) -> StoredMatrix:
        """Recognise the layout, that of old anndata versions included."""
        if isinstance(stored, StoredMatrix):
            return stored
        if hasattr(stored, "dtype"):
            if len(stored.shape) != 2:
                raise DataError(f"{place} has shape {stored.shape}, expected two dimensions")
            rows, columns = map(int, stored.shape)
            return cls(stored, "dense", (rows, columns), stored.dtype, place)
        kind = str(stored.attrs.get("encoding-type", stored.attrs.get("h5sparse_format", "")))
        form = kind.removesuffix("_matrix")
        if form not in {"csr", "csc"}:
            raise DataError(
                f"{place} is stored as {kind or 'an unknown layout'}",
                "Dense arrays, CSR and CSC matrices can be read.",
            )
        shape = stored.attrs.get("shape", stored.attrs.get("h5sparse_shape"))
        rows, columns = map(int, shape)
        return cls(stored, form, (rows, columns), stored["data"].dtype, place)

    def row_blocks(self, n_values: int = BLOCK_VALUES) -> Iterator[tuple[slice, Any]]:
        """Consecutive blocks of whole rows: (rows, ndarray or CSR matrix).

        Not for CSC, of which a block of rows cannot be read without all the rest.
        """
        if self.form == "dense":
            step = max(1, n_values // max(1, self.shape[1]))
            for start in range(0, self.shape[0], step):
                rows = slice(start, min(start + step, self.shape[0]))
                yield rows, self.stored[rows]
                tell(f"{self.place}: rows", rows.stop, self.shape[0])
        else:
            yield from self._compressed_blocks(n_values)

    def column_blocks(self, n_values: int = BLOCK_VALUES) -> Iterator[tuple[slice, Any]]:
        """Consecutive blocks of whole columns of a CSC matrix: (columns, CSC matrix)."""
        yield from self._compressed_blocks(n_values)

    def _compressed_blocks(self, n_values: int) -> Iterator[tuple[slice, Any]]:
        n_major = self.shape[0] if self.form == "csr" else self.shape[1]
        make = sparse.csr_matrix if self.form == "csr" else sparse.csc_matrix
        n_minor = self.shape[1] if self.form == "csr" else self.shape[0]
        start = 0
        while start < n_major:
            pointers = self._pointers(start, n_values)
            stop = start + len(pointers) - 1
            part = slice(int(pointers[0]), int(pointers[-1]))
            data, indices = self.stored["data"][part], self.stored["indices"][part]
            size = (stop - start, n_minor) if self.form == "csr" else (n_minor, stop - start)
            yield slice(start, stop), make((data, indices, pointers - pointers[0]), shape=size)
            start = stop
            tell(f"{self.place}: {'rows' if self.form == 'csr' else 'columns'}", start, n_major)

    def _pointers(self, start: int, n_values: int) -> np.ndarray:
        """Where the next rows (columns) begin and end, as many as hold n_values, one at least."""
        pointers = self.stored["indptr"][start : start + BLOCK_ROWS + 1].astype(np.int64)
        n = int(np.searchsorted(pointers, pointers[0] + n_values, side="right")) - 1
        return pointers[: max(n, 1) + 1]

    def dense(self, dtype: Any = np.float32) -> np.ndarray:
        """The whole matrix; what a sparse one does not store is zero, not missing."""
        values = np.empty(self.shape, dtype=dtype)
        if self.form == "csc":
            for columns, block in self.column_blocks():
                values[:, columns] = block.toarray()
            return values
        for rows, block in self.row_blocks():
            values[rows] = block.toarray() if sparse.issparse(block) else block
        return values
