"""A text file as it lies there: opened (also .gz and .zip), looked at, and read as a table.

Byte-order marks, line ends of any kind, quoted cells, and tabs, semicolons, commas or blanks
between cells are all the same to what reads the rows.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mechpert_al.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: Lines that are read to recognise a format.
N_LOOKED_AT = 40


#: Beginnings (in small letters) of well-known files that are no tables.
FOREIGN = {
    b"%pdf": "a PDF document",
    b"\x89png": "an image",
    b"\xff\xd8\xff": "an image",
    b"gif8": "an image",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet or text document",
    b"\x93numpy": "a NumPy array",
    b"sqlite format": "a database",
    b"rdx": "an R data file",
}


@dataclass(frozen=True)
class TextFile:
    """A text file and its beginning.

    Parameters
    ----------
    path
        The file.
    member
        Which file within a .zip is meant; empty otherwise.
    lines
        Its first lines, without line ends.
    """

    path: Path
    member: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> TextFile:
        """Look at a file.

        Raises
        ------
        DataError
            If it is missing, empty, damaged, not text, or a .zip in which several files could be
            meant.
        """
        if not path.is_file():
            raise DataError(f"{path}: there is no such file", "Look at the path for a misspelling.")
        _refuse_foreign(path)
        member = _member(path) if zipfile.is_zipfile(path) else ""
        with _opened(path, member) as file:
            lines = []
            for _ in range(N_LOOKED_AT):
                line = file.readline(1_000_000)
                if not line:
                    break
                lines.append(line.rstrip("\r\n"))
        if not any(line.strip() for line in lines):
            raise DataError(
                f"{path}: the file is empty",
                "Write or download it again: nothing can be read from it.",
            )
        return cls(path, member, tuple(lines))

    @property
    def suffix(self) -> str:
        """What the name ends with, lower case, compression left out."""
        name = self.member or self.path.name
        return Path(re.sub(r"\.gz$", "", name.lower())).suffix

    @property
    def n_comments(self) -> int:
        """How many lines of comment stand before the first line that counts."""
        for number, line in enumerate(self.lines):
            if line.strip() and not line.startswith(("# ", "##", "%", "//")):
                return number
        return 0

    @property
    def first(self) -> str:
        """The first line that counts."""
        return self.lines[self.n_comments]

    @property
    def delimiter(self) -> str:
        """Tab, semicolon or comma if the first line has it, else blanks."""
        for delimiter in "\t;,":
            if delimiter in self.first:
                return delimiter
        return " "

    @property
    def columns(self) -> tuple[str, ...]:
        """Cells of the first line, as a header: no leading ``#``, no quotes, no blanks around."""
        return tuple(cells(self.first.removeprefix("#"), self.delimiter))

    @contextmanager
    def opened(self) -> Iterator[TextIO]:
        """The whole text; what is wrong with the file's bytes comes as a `DataError`."""
        with _opened(self.path, self.member) as file:
            yield file

    def table(
        self,
        *,
        has_header: bool = True,
        names: Sequence[str] | None = None,
        delimiter: str | None = None,
        is_quoted: bool = True,
    ) -> pd.DataFrame:
        """The rows as text, blanks around cells removed; the index is the line in the file.

        Parameters
        ----------
        has_header
            Whether the first line that counts names the columns.
        names
            Columns, if they are not to be named by the header.
        delimiter
            Between cells; by default the one seen in the first line.
        is_quoted
            Whether ``"`` encloses cells.

        Raises
        ------
        DataError
            If a row has more cells than there are columns.
        """
        import warnings

        import pandas as pd

        separator = delimiter or self.delimiter
        columns = list(names or self._named_columns())
        with self.opened() as file, warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells would be lost
            try:
                frame = pd.read_csv(
                    file,
                    sep=r"\s+" if separator == " " else separator,
                    header=None,
                    names=columns,
                    index_col=False,
                    skiprows=self.n_comments + has_header,
                    dtype=str,
                    keep_default_na=False,
                    na_filter=False,
                    skip_blank_lines=False,
                    quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE,
                )
            except (
                pd.errors.ParserError,
                pd.errors.ParserWarning,
                pd.errors.EmptyDataError,
            ) as error:
                raise DataError(
                    f"{self.path}: not a table of {len(columns)} columns ({', '.join(columns)}): "
                    f"{error}",
                    "Every line needs as many cells as the header.",
                ) from error
        frame = frame.fillna("")
        frame.index = frame.index + self.n_comments + has_header + 1
        for column in frame.columns:
            frame[column] = frame[column].str.strip()
        return frame[(frame != "").any(axis=1)]

    def _named_columns(self) -> list[str]:
        """The header with a name for every column.

        Raises
        ------
        DataError
            If two columns have the same name.
        """
        names = [name or f"column {number}" for number, name in enumerate(self.columns, start=1)]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise DataError(
                f"{self.path}, line {self.n_comments + 1}: "
                f"more than one column is called {twice[0]}",
                "Give each column a name of its own.",
            )
        return names


def cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    if delimiter == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def numbers(column: pd.Series, path: object) -> np.ndarray:
    """A column of numbers; a decimal comma is read if the whole column has it.

    Raises
    ------
    DataError
        Naming the file, the line, the column and the text of the first cell that is no number.
    """
    import numpy as np
    import pandas as pd

    text = column
    if (
        column.str.contains(",", regex=False).any()
        and not column.str.contains(".", regex=False).any()
    ):
        text = column.str.replace(",", ".", regex=False)
    values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise DataError(
            f"{path}, line {column.index[wrong[0]]}: {column.name} is {column.iloc[wrong[0]]!r}, "
            "expected a number",
            "Every row needs its number; remove the column if it is not meant.",
        )
    return values


def _refuse_foreign(path: Path) -> None:
    """Refuse what begins as a well-known file that is no table."""
    with path.open("rb") as file:
        start = file.read(64).lstrip().lower()
    for beginning, what in FOREIGN.items():
        if start.startswith(beginning):
            raise DataError(
                f"{path}: {what}, expected a text table",
                "Give the table itself, as text (CSV or TSV).",
            )


def _member(path: Path) -> str:
    """The file within an archive that is meant; nothing is ever unpacked to disk."""
    if path.suffix.lower() in (".xlsx", ".xlsm", ".ods"):
        raise DataError(
            f"{path}: a spreadsheet, expected a text table",
            "Save the sheet as CSV, with the column of genes formatted as text.",
        )
    with zipfile.ZipFile(path) as archive:
        names = [
            one.filename
            for one in archive.infolist()
            if not one.is_dir() and not Path(one.filename).name.startswith((".", "README"))
        ]
    human = [name for name in names if "homo_sapiens" in name.lower()]
    meant = human if len(names) > 1 and human else names
    if len(meant) != 1:
        raise DataError(
            f"{path}: the archive holds {len(meant)} files that could be meant: "
            + ", ".join(sorted(meant)[:10]),
            "Unpack the one that is meant and give that.",
        )
    return meant[0]


@contextmanager
def _opened(path: Path, member: str) -> Iterator[TextIO]:
    try:
        with path.open("rb") as raw, _unpacked(raw, member) as stream:
            start = stream.peek(2)[:2]
            encoding = "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
            with io.TextIOWrapper(stream, encoding=encoding, newline=None) as text:
                yield text
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: not UTF-8 text (byte {error.start})",
            "Save it as text (CSV or TSV) in UTF-8.",
        ) from error
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path}: the compressed file is damaged or incomplete: {error}",
            "Download it again.",
        ) from error


def _unpacked(raw: io.BufferedReader, member: str) -> io.BufferedReader:
    if member:
        return io.BufferedReader(zipfile.ZipFile(raw).open(member))  # type: ignore[arg-type]
    if raw.peek(2)[:2] == b"\x1f\x8b":
        return io.BufferedReader(gzip.GzipFile(fileobj=raw))
    return raw
