"""Zarr stores of AnnData read with the same care as files: no links out, nothing lost unseen.

Zarr reads a chunk that is not there as its fill value: writers leave out chunks of zeros. So names
and stored entries must be whole, and whatever else is read as zeros is told. Its codecs raise
errors of all kinds for damaged bytes; they become ours here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mechpert_al.errors import DataError

#: Arrays of a sparse matrix: what they store is not zero.
ENTRIES = ("data", "indices")


def opened(path: Path) -> Stored:
    """The root of a store.

    Raises
    ------
    DataError
        If it is none, or a link in it leads out of it.
    """
    import zarr

    _refuse_links_out(path)
    try:
        return Stored(zarr.open_group(path, mode="r"), str(path), {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: no zarr store ({error})", "Copy it again, as a whole.") from error


def _refuse_links_out(path: Path) -> None:
    root = path.resolve()
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            part = Path(folder, name)
            if part.is_symlink() and not part.resolve().is_relative_to(root):
                raise DataError(
                    f"{part} is a link out of the store, to {part.resolve()}",
                    "Put the data itself into the store.",
                )


class Stored:
    """A group or an array of a store, in the manner of h5py.

    Parameters
    ----------
    node
        Zarr's own group or array.
    place
        The store and the name in it, for messages.
    absent
        Place of each array that was read with chunks missing → how many, of how many.
    """

    def __init__(self, node: Any, place: str, absent: dict[str, tuple[int, int]]) -> None:
        self._node = node
        self.place = place
        self.absent = absent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def __contains__(self, key: str) -> bool:
        return key in self._node

    def __iter__(self) -> Iterator[str]:
        return iter(self._node)

    def get(self, key: str, default: Any = None) -> Any:
        """A part by its name, or the default."""
        is_there = key in self
        return self[key] if is_there else default

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return Stored(self._node[key], f"{self.place}/{key}", self.absent)
        try:
            self.check()
            return self._node[key]
        except DataError:
            raise
        except Exception as error:  # whatever a codec says of bytes that are none of its own
            raise DataError(
                f"{self.place} cannot be read ({error})", "Copy the store again, as a whole."
            ) from error

    def check(self) -> None:
        """Look, once, whether all chunks are there.

        Raises
        ------
        DataError
            If names or stored entries are incomplete.
        """
        if self.place in self.absent or not self._node.size:
            return
        n_all = int(self._node.nchunks)
        n_absent = n_all - int(self._node.nchunks_initialized)
        self.absent[self.place] = (n_absent, n_all)
        is_entries = self.place.rsplit("/", 1)[-1] in ENTRIES
        if n_absent and (is_entries or self._node.dtype.kind not in "biuf"):
            raise DataError(
                f"{self.place}: {n_absent} of {n_all} chunks are missing",
                "Copy the store again, as a whole.",
            )

    def gaps(self) -> tuple[str, ...]:
        """What was read as zeros because no chunk says otherwise, one sentence each."""
        return tuple(
            f"{place}: {n_absent} of {n_all} chunks are not stored, which means zeros."
            for place, (n_absent, n_all) in self.absent.items()
            if n_absent
        )
