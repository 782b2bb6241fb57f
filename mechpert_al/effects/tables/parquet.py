"""Parquet tables, row by row as if they were text.

Rows take the place of lines in messages, the first is line 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechpert_al.effects.progress import tell
from mechpert_al.effects.tables.delimited import ROW_NAMES, DelimitedFile, Record
from mechpert_al.errors import DataError
from mechpert_al.textfile import TextFile

MAGIC = b"PAR1"
_NO_NAME = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name; it writes an index behind the columns."""


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


@dataclass(frozen=True)
class ParquetFile(DelimitedFile):
    """A Parquet file, with the columns in the order in which they are read.

    Parameters
    ----------
    columns
        Their names in the file.
    """

    columns: tuple[str, ...]

    @classmethod
    def open(cls, path: str | Path) -> ParquetFile:
        """Read the names of the columns.

        Raises
        ------
        DataError
            If pyarrow is not installed, the file is damaged or empty, or a column holds lists.
        """
        path = Path(path)
        with _opened(path) as file:
            n_rows, fields = file.metadata.num_rows, list(file.schema_arrow)
            about = file.schema_arrow.pandas_metadata or {}
        nested = [field.name for field in fields if field.type.num_fields]
        if nested:
            raise DataError(
                f"{path}: the column {nested[0]!r} holds lists, expected one value in a row",
                "A table of effects has a row for each perturbation, or for each pair of a "
                "perturbation and a readout.",
            )
        index = [name for name in about.get("index_columns", ()) if isinstance(name, str)]
        names = sorted((field.name for field in fields), key=lambda name: name not in index)
        if not n_rows or len(names) < 2:
            raise DataError(
                f"{path}: {n_rows} rows and {len(names)} columns, expected a table",
                "A table needs at least one row and two columns.",
            )
        header = tuple(ROW_NAMES if _NO_NAME.fullmatch(name) else name.strip() for name in names)
        return cls(TextFile(path, "", ()), ",", header, 0, tuple(names))

    @property
    def form(self) -> str:
        """What separates the fields, in words."""
        return "Parquet"

    def records(self) -> Iterator[Record]:
        """The rows; empty ones are skipped."""
        line = 0
        with _opened(self.path) as file:
            for batch in file.iter_batches(columns=list(self.columns)):
                values = [batch.column(name).to_pylist() for name in self.columns]
                for row in zip(*values, strict=True):
                    line += 1
                    fields = list(map(_text, row))
                    if any(fields):
                        yield Record(line, fields)
                tell(f"{self.path}: rows", line, file.metadata.num_rows)


def _opened(path: Path) -> Any:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise DataError(
            f"{path}: a Parquet file, and pyarrow, which reads these, is not installed",
            "Install it (pip install pyarrow), or save the table as CSV.",
        ) from error
    try:
        return parquet.ParquetFile(path)
    except (ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path}: cannot be read as Parquet ({error})", "Copy or download it again."
        ) from error


def _text(value: Any) -> str:
    """A value as a text table would have it; missing ones are empty."""
    if value is None or value != value:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
