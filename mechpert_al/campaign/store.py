"""The folder ``ingested``: accepted files, named by the SHA-256 of what is in them.

A delivery is kept twice: as the file that came, byte for byte (unless it is very large), and as the
effects that were accepted from it. The second is what the campaign is computed from, so that no
later version of a reader changes a number that was accepted: one table of all that was measured is
put together from these.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al import atomic
from mechpert_al.campaign.state import Source
from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.effects.files import file_image
from mechpert_al.effects.pooling import pooled, pooled_errors
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

    def assembled(
        self, measured: Mapping[str, Sequence[Source]], info: Mapping[str, Any]
    ) -> EffectTable | None:
        """One table of all measured genes.

        Parameters
        ----------
        measured
            For each gene the deliveries that count; several are pooled, weighted by their cells
            (alike, where the cells of one of them are not known).
        info
            Provenance to put into the table.

        Returns
        -------
        EffectTable or None
            Rows in the order of ``measured``, columns in the order in which deliveries named them;
            None if nothing is measured.

        Raises
        ------
        IntegrityError
            If a file is missing or is not what was accepted.
        """
        if not measured:
            return None
        names = dict.fromkeys(source.effects for sources in measured.values() for source in sources)
        tables = {name: self.table(name) for name in names}
        readouts = tuple(dict.fromkeys(r for table in tables.values() for r in table.readouts))
        column = {readout: number for number, readout in enumerate(readouts)}
        places = {
            name: np.array([column[readout] for readout in table.readouts])
            for name, table in tables.items()
        }
        values = np.full((len(measured), len(readouts)), np.nan)
        errors, cells = values.copy(), np.full(len(measured), np.nan)
        for row, (gene, sources) in enumerate(measured.items()):
            parts = [(tables[source.effects], places[source.effects]) for source in sources]
            values[row], errors[row], cells[row] = _pooled(gene, parts, len(readouts))
        has_cells = any(table.n_cells is not None for table in tables.values())
        has_errors = any(table.standard_error is not None for table in tables.values())
        return EffectTable(
            tuple(measured),
            readouts,
            values,
            cells if has_cells else None,
            errors if has_errors else None,
            info,
        )

    # ------------------------------------------------------------------ looking
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


def _pooled(
    gene: str, parts: Sequence[tuple[EffectTable, np.ndarray]], n_readouts: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Values, standard errors and cells of one gene."""
    shape = (len(parts), n_readouts)
    values, errors = np.full(shape, np.nan), np.full(shape, np.nan)
    cells = np.full(len(parts), np.nan)
    for number, (table, places) in enumerate(parts):
        row = table.row_of[gene]
        values[number, places] = table.values[row]
        if table.standard_error is not None:
            errors[number, places] = table.standard_error[row]
        if table.n_cells is not None:
            cells[number] = table.n_cells[row]
    if len(parts) == 1:
        return values[0], errors[0], float(cells[0])
    one = np.zeros(len(parts), dtype=int)
    shares = np.ones(len(parts)) if np.isnan(cells).any() else cells
    mean = pooled(values, one, shares, 1)[0]
    return mean, pooled_errors(errors, values, one, shares, 1)[0], float(cells.sum())
