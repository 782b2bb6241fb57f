"""Delimited text as it comes out of R, pandas and spreadsheets.

The delimiter is found, not assumed; byte-order marks are no part of a name; a header with one name
too few (R's row names) is understood. Lines are counted as in an editor, the first is line 1.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mechpert_al.effects.progress import tell
from mechpert_al.errors import DataError
from mechpert_al.textfile import TextFile

DELIMITERS = {"\t": "tab", ";": "semicolon", ",": "comma", " ": "blank"}
ROW_NAMES = ""
"""Name of a first column without heading."""
_SAMPLE = 50
_SEPARATOR = re.compile(r"sep=(?P<delimiter>[\t;, ]?)")


@dataclass(frozen=True)
class Record:
    """One row: its line (where it starts) and its fields."""

    line: int
    fields: list[str]


@dataclass(frozen=True)
class DelimitedFile:
    """A delimited text file whose dialect is known.

    Parameters
    ----------
    source
        The file; may be compressed.
    delimiter
        As found.
    header
        Column names without blanks around them; ``ROW_NAMES`` for a first column without heading.
    header_line
        The line of the header.
    """

    source: TextFile
    delimiter: str
    header: tuple[str, ...]
    header_line: int

    @classmethod
    def open(cls, path: str | Path) -> DelimitedFile:
        """Find the dialect and read the header.

        Raises
        ------
        DataError
            If the file is missing, empty, no text, or has a single column.
        """
        source = TextFile.of(Path(path))
        delimiter = _delimiter(source)
        first, *rest = itertools.islice(_records(source, delimiter), _SAMPLE)
        header = [name.strip() for name in first.fields]
        n_longer = sum(len(record.fields) == len(header) + 1 for record in rest)
        if 2 * n_longer > len(rest):
            header = [ROW_NAMES, *header]
        elif len(header) > 1 and not header[-1]:  # a delimiter at the end of every line
            header.pop()
        if not rest:
            raise DataError(
                f"{path}: the table has a header (line {first.line}) but no rows",
                "A table needs at least one row below its header.",
            )
        return cls(source, delimiter, tuple(header), first.line)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.source.path

    @property
    def form(self) -> str:
        """What separates the fields, in words."""
        return f"separated by {DELIMITERS[self.delimiter]}s"

    def records(self) -> Iterator[Record]:
        """The rows below the header; empty ones are skipped.

        Raises
        ------
        DataError
            If a row has another number of fields than the header.
        """
        width = len(self.header)
        for record in itertools.islice(_records(self.source, self.delimiter), 1, None):
            fields = record.fields
            if len(fields) == width + 1 and not fields[-1]:
                fields = fields[:-1]
            if not any(fields):
                continue
            if len(fields) != width:
                named = width - (self.header[0] == ROW_NAMES)
                raise DataError(
                    f"{self.path}: line {record.line} has {len(fields)} fields, expected {width} "
                    f"(line {self.header_line}, the header, has {named} names; "
                    f"fields are separated by {DELIMITERS[self.delimiter]}s)",
                    "Every row needs one field for each column; a field that holds the separator "
                    "must stand in quotes.",
                )
            yield Record(record.line, fields)
            tell(f"{self.path}: lines", record.line)


def _delimiter(source: TextFile) -> str:
    """The delimiter by which most rows have as many fields as the header, or one more.

    A spreadsheet may say it in a first line of its own (``sep=;``).
    """
    said = _SEPARATOR.fullmatch(source.lines[0].strip('"'))
    if said and said["delimiter"]:
        return said["delimiter"]

    def fit(delimiter: str) -> tuple[float, int]:
        try:
            rows = list(itertools.islice(_records(source, delimiter), _SAMPLE))
        except DataError:
            return 0.0, 0
        width, *lengths = (len(row.fields) for row in rows)
        if max([width, *lengths]) < 2:
            return 0.0, 0
        return sum(n in {width, width + 1} for n in lengths) / max(len(lengths), 1), width

    best = max(DELIMITERS, key=fit)
    if fit(best) == (0.0, 0):
        list(itertools.islice(_records(source, ","), _SAMPLE))  # says what cannot be read
        raise DataError(
            f"{source.path}: one column only, expected several",
            "Columns are separated by tabs, commas, semicolons or blanks.",
        )
    return best


def _records(source: TextFile, delimiter: str) -> Iterator[Record]:
    with source.opened() as text:
        reader = csv.reader(
            text, delimiter=delimiter, skipinitialspace=delimiter == " ", strict=True
        )
        line = 1
        try:
            for fields in reader:
                if any(fields) and not (line <= 100 and _is_aside(fields[0])):
                    yield Record(line, fields)
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(
                f"{source.path}: line {line} cannot be read ({error})",
                'Is a quotation mark left open? A quote inside a field is written twice ("").',
            ) from error


def _is_aside(first: str) -> bool:
    """Whether a line is a comment, or says only how fields are separated."""
    return first.startswith(("##", "# ")) or _SEPARATOR.fullmatch(first) is not None
