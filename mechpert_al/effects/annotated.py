"""AnnData files read piece by piece, without loading what nobody asked for.

Only the layout on disk is needed here (h5py, or zarr for ``.zarr`` stores): names, single columns
and one matrix. That keeps embeddings and graphs unread, starts without importing anndata and
pandas, and also understands the layouts of old anndata versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from mechpert_al.effects import tenx, text_counts, zarr_store
from mechpert_al.effects.cell_codes import Labels
from mechpert_al.effects.cell_table import Frame, read_cell_table
from mechpert_al.effects.stored_matrix import BLOCK_ROWS, StoredMatrix
from mechpert_al.errors import DataError

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
RAW = "raw/X"
"""The matrix that scanpy keeps aside, with columns of its own; asked for like a layer."""


class AnnotatedFile:
    """An AnnData file or store, or what can be read as one, open for reading.

    Use it as a context manager.

    Parameters
    ----------
    path
        AnnData (.h5ad, .zarr), counts as Cell Ranger writes them (.h5, or a folder with
        matrix.mtx), or counts as text.
    layer
        Which matrix will be asked for: ``raw/X`` has columns of its own.
    guide_calls
        A table that says more of each cell, by its barcode.

    Raises
    ------
    DataError
        If the file is missing, is no AnnData, or a part of it cannot be read.
    """

    def __init__(
        self,
        path: str | Path,
        layer: str | None = None,
        guide_calls: str | Path | None = None,
    ) -> None:
        self.path = Path(path)
        self.notes: tuple[str, ...] = ()
        self.beside: tuple[Path, ...] = ()
        if text_counts.is_text(self.path):
            self._file: Any = text_counts.as_annotated(self.path, guide_calls)
        else:
            self._file = _opened(self.path)
        self.root = _raw(self._file, self.path) if layer == RAW else self._file
        self.is_of_cells = tenx.is_tenx(self.root)
        if self.is_of_cells:
            self.root = tenx.as_annotated(self.root, self.path)
            guide_calls = guide_calls or tenx.calls_beside(self.path)
        missing = [part for part in ("obs", "var") if part not in self.root]
        if missing:
            self.close()
            raise DataError(
                f"{self.path}: no AnnData file, it has no {' and no '.join(missing)}",
                "An AnnData file is written by anndata's write_h5ad or write_zarr.",
            )
        if guide_calls is not None:
            self._join(guide_calls)

    def _join(self, guide_calls: str | Path) -> None:
        """Put the columns of a table of cells beside those of ``obs``."""
        if _is_array(self.root["obs"]):
            raise DataError(
                f"{self.path}: obs is one compound array, as anndata before 0.7 wrote it",
                "Write the file again with a newer anndata, or put the labels into obs.",
            )
        columns, notes = read_cell_table(Path(guide_calls), self.observations)
        obs = self.root["obs"]
        frame = Frame({name: obs[name] for name in obs}, _index_key(obs))
        taken = [name for name in columns if name in frame]
        if taken:
            raise DataError(
                f"{guide_calls}: obs of {self.path} has a column {taken[0]!r} too",
                "Rename or remove one of the two.",
            )
        frame |= columns
        self.root = {**{key: self.root[key] for key in self.root}, "obs": frame}
        self.notes, self.beside = notes, (Path(guide_calls),)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if isinstance(error, OSError):  # h5py's word for bytes that cannot be read
            raise DataError(
                f"{self.path}: a part of the file cannot be read ({error})",
                "Copy or download it again.",
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        close = getattr(self._file, "close", None)
        if close is not None:
            close()

    # ------------------------------------------------------------------ names and columns
    @cached_property
    def observations(self) -> tuple[str, ...]:
        """``obs_names``."""
        return self._index("obs")

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """``var_names``."""
        return self._index("var")

    def names_at(self, observation: int, variable: int) -> tuple[str, str]:
        """Names of a row and of a column, by their numbers."""
        return self.observations[observation], self.variables[variable]

    def columns(self, axis: str) -> list[str]:
        """Column names of ``obs`` or ``var``, without the index."""
        frame = self.root[axis]
        if _is_array(frame):
            return [name for name in frame.dtype.names if name != _index_key(frame)]
        hidden = {_index_key(frame), "__categories"}
        return [name for name in frame if name not in hidden]

    def has(self, axis: str, name: str) -> bool:
        """Whether there is such a column; the index answers to its own name too."""
        return name in self.columns(axis) or name == _index_key(self.root[axis])

    def labels(self, axis: str, name: str) -> Labels:
        """A column as labels (numbers become their text)."""
        frame = self.root[axis]
        if not _is_array(frame) and _is_plain(frame, name):  # texts of all rows would be too many
            return Labels.of(_texts_in_blocks(frame[name]))
        codes, names = self._stored(axis, name)
        if names is not None:
            small = codes if codes.dtype.kind == "i" else codes.astype(np.int64)
            return Labels(small, tuple(_texts(names)))
        return Labels.of(_texts(codes))

    def numbers(self, axis: str, name: str) -> np.ndarray:
        """A column as float64, shape (n,)."""
        stored, names = self._stored(axis, name)
        try:
            if names is None:
                return np.asarray(stored, dtype=np.float64)
            return np.append(np.asarray(names, dtype=np.float64), np.nan)[stored]
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{self.path}: the column {axis}[{name!r}] must hold numbers ({error})"
            ) from error

    def _stored(self, axis: str, name: str) -> tuple[Any, Any]:
        """Codes and categories, or values and None."""
        frame = self.root[axis]
        if _is_array(frame):  # anndata < 0.7: one compound array, categories in uns
            categories = self.root.get(f"uns/{name}_categories")
            return frame[name], None if categories is None else categories[:]
        part = frame[name]
        if not _is_array(part):
            if "categories" in part:
                return part["codes"][:], _read(part["categories"])
            return _read(part), None
        if not _is_plain(frame, name):  # anndata 0.7
            return part[:], frame["__categories"][name][:]
        return part[:], None

    def _index(self, axis: str) -> tuple[str, ...]:
        self._length(axis)
        names = self.labels(axis, _index_key(self.root[axis])).texts()
        return tuple("" if name is None else name for name in names)

    def _length(self, axis: str) -> int:
        """Number of names, which are not read."""
        frame, key = self.root[axis], _index_key(self.root[axis])
        if _is_array(frame):
            return len(frame)
        if key not in frame:
            raise DataError(f"{self.path}: {axis} has no index ({key!r})", "Write the file again.")
        part = frame[key]
        if not _is_array(part):
            part = part["codes" if "codes" in part else "values"]
        return int(part.shape[0])

    def first_observations(self, n: int) -> list[str]:
        """The first few ``obs_names``, without the rest."""
        key = _index_key(self.root["obs"])
        part = self.root["obs"] if _is_array(self.root["obs"]) else self.root["obs"].get(key)
        if part is None or not _is_array(part):
            return list(self.observations[:n])
        values = part[:n]
        return _texts(values[key] if values.dtype.names else values)

    # ------------------------------------------------------------------ matrices and notes
    @cached_property
    def shape(self) -> tuple[int, int]:
        """(n_obs, n_vars)."""
        return self._length("obs"), self._length("var")

    @property
    def layers(self) -> list[str]:
        """Names of the layers."""
        return list(self.root["layers"]) if "layers" in self.root else []

    @property
    def has_x(self) -> bool:
        """Whether there is a matrix ``X``."""
        return "X" in self.root

    def matrix(self, layer: str | None = None) -> StoredMatrix:
        """``X``, or the layer of that name.

        Raises
        ------
        DataError
            If there is none, or its shape is not that of the names.
        """
        key = "X" if layer in (None, RAW) else f"layers/{layer}"
        if key not in self.root:
            have = ", ".join([*(["X"] if self.has_x else []), *self.layers]) or "none at all"
            raise DataError(f"{self.path}: there is no matrix {key}", f"It has: {have}.")
        matrix = StoredMatrix.of(self.root[key], f"{self.path}: {key}")
        if matrix.shape != self.shape:
            raise DataError(
                f"{self.path}: {key} has shape {matrix.shape}, but obs and var name {self.shape}"
            )
        return matrix

    def gaps(self) -> tuple[str, ...]:
        """What was read as zeros because a store says nothing of it, one sentence each."""
        return self._file.gaps() if isinstance(self._file, zarr_store.Stored) else ()

    def note(self, key: str) -> str | None:
        """The text stored in ``uns`` under that key, or None."""
        if "uns" not in self.root or key not in self.root["uns"]:
            return None
        stored = self.root["uns"][key]
        return _text(stored[()]) if _is_array(stored) and stored.shape == () else None


def is_annotated(path: str | Path) -> bool:
    """Whether a path looks like an AnnData file or store, by its first bytes or its suffix."""
    path = Path(path)
    if path.is_dir():
        return path.suffix == ".zarr" or tenx.market_file(path) is not None
    if path.suffix in {".h5ad", ".h5"}:
        return True
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(HDF5_SIGNATURE)) == HDF5_SIGNATURE


def _opened(path: Path) -> Any:
    if not path.exists():
        raise DataError(f"{path}: no such file", "Look at the path for a misspelling.")
    if path.is_dir() and tenx.market_file(path) is not None:
        return tenx.MarketFolder(path)
    if path.is_dir():
        return zarr_store.opened(path)
    import h5py

    try:
        return h5py.File(path, "r", rdcc_nbytes=1 << 25)
    except OSError as error:
        raise DataError(
            f"{path}: no HDF5 file, or cut short ({error})",
            "Copy or download it again, and compare its size and checksum with the source.",
        ) from error


def _raw(root: Any, path: Path) -> dict[str, Any]:
    """The file with the matrix and the columns that were kept aside.

    Raises
    ------
    DataError
        If there are none.
    """
    for matrix, columns in (("raw/X", "raw/var"), ("raw.X", "raw.var")):
        if matrix in root and columns in root:
            parts = {key: root[key] for key in ("obs", "uns") if key in root}
            return {**parts, "X": root[matrix], "var": root[columns]}
    raise DataError(f"{path}: there is no matrix {RAW}", "scanpy keeps one aside as adata.raw.")


def _is_array(stored: Any) -> bool:
    return hasattr(stored, "dtype")


def _index_key(frame: Any) -> str:
    if _is_array(frame):
        return "index" if "index" in frame.dtype.names else frame.dtype.names[0]
    return _text(frame.attrs.get("_index", "_index"))


def _read(stored: Any) -> np.ndarray:
    """An array; of anndata's nullable arrays the values, with None or NaN where masked."""
    if _is_array(stored):
        return stored[:]
    values, mask = stored["values"][:], stored["mask"][:].astype(bool)
    if not mask.any():
        return values
    if values.dtype.kind in "biuf":
        values = values.astype(np.float64)
        values[mask] = np.nan
    else:
        values = values.astype(object)
        values[mask] = None
    return values


def _is_plain(frame: Any, name: str) -> bool:
    """Whether a column is an array of its values, and not of codes."""
    has_categories = "__categories" in frame and name in frame["__categories"]
    return _is_array(frame[name]) and not has_categories


def _texts_in_blocks(stored: Any) -> Iterator[Any]:
    for start in range(0, stored.shape[0], BLOCK_ROWS):
        yield from _texts(stored[start : start + BLOCK_ROWS])


def _texts(values: Any) -> list[Any]:
    return [None if value is None else _text(value) for value in np.asarray(values).tolist()]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
