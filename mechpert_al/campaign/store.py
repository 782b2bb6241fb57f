"""The folder ``ingested``: accepted files, named by the SHA-256 of what is in them.

A delivery is kept twice: as the file that came, byte for byte (unless it is very large), and as the
effects that were accepted from it. The second is what the campaign is computed from, so that no
later version of a reader changes a number that was accepted.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from mechpert_al import atomic
from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.effects.files import file_image
from mechpert_al.effects.sources import sha256_of
from mechpert_al.errors import DataError, IntegrityError

#: Files larger than this are known by their hash and not copied.
LARGEST_COPY = 200_000_000


class Store:
    """Content-addressed files of a campaign.

    Parameters
    ----------
    folder
        Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._table = lru_cache(maxsize=None)(self._checked_table)

    # ------------------------------------------------------------------ in
    def put_file(self, path: Path, sha256: str) -> str | None:
        """Keep a copy of a delivered file.

        Parameters
        ----------
        path
            The file; a folder is not copied.
        sha256
            Of its content, as it was read.

        Returns
        -------
        str or None
            Its name in the store; None if it is too large to be copied.

        Raises
        ------
        DataError
            If it is not what was read any more, or the copy cannot be written.
        """
        if not self.copies(path):
            return None
        name = sha256 + path.suffix.lower()
        if not self._has(name):
            with _written(self.folder), atomic.draft(self.folder, name) as place:
                shutil.copyfile(path, place)
                if sha256_of(place) != sha256:
                    raise DataError(
                        f"{path}: was changed while it was read; nothing was recorded",
                        "Wait until it is complete, then try again.",
                    )
                atomic.publish(place, self.folder / name)
        return name

    def copies(self, path: Path) -> bool:
        """Whether a delivered file is kept as it came."""
        return path.is_file() and path.stat().st_size <= LARGEST_COPY

    def put_table(self, table: EffectTable) -> str:
        """Keep accepted effects; the name they got in the store."""
        image = file_image(table)
        name = f"{hashlib.sha256(image).hexdigest()}.h5ad"
        if not self._has(name):
            with _written(self.folder):
                atomic.write_bytes(self.folder / name, image)
        return name

    # ------------------------------------------------------------------ out
    def table(self, name: str) -> EffectTable:
        """Accepted effects.

        Raises
        ------
        IntegrityError
            If the file is missing or is not what was accepted.
        """
        return self._table(name)

    def _checked_table(self, name: str) -> EffectTable:
        self.check(name)
        return read_effects(self.folder / name)

    def check(self, name: str) -> None:
        """Compare a file with its name.

        Raises
        ------
        IntegrityError
            If it is missing or is not what was accepted.
        """
        path = self.folder / name
        if not path.is_file():
            raise IntegrityError(f"{path}: an accepted file is missing", _PUT_BACK)
        if not self._has(name):
            raise IntegrityError(
                f"{path}: an accepted file was changed (its SHA-256 is {sha256_of(path)})",
                _PUT_BACK,
            )

    def names(self) -> set[str]:
        """Names of all files that are there."""
        if not self.folder.is_dir():
            return set()
        return {path.name for path in self.folder.iterdir() if not path.name.startswith(".")}

    def _has(self, name: str) -> bool:
        """Whether the file is there with the content that its name says."""
        path = self.folder / name
        return path.is_file() and sha256_of(path) == name.split(".")[0]


_PUT_BACK = "Nothing was changed. Put the file back from a backup."


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """What goes wrong in writing, said with the place."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written to ({error.strerror or error}); nothing was recorded",
            "Make room on the disk, then try again.",
        ) from error
