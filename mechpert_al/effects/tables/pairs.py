"""Long tables: a row for each pair of a perturbation and a readout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mechpert_al.effects.tables.delimited import DelimitedFile, Record
from mechpert_al.effects.tables.forms import LongColumns
from mechpert_al.effects.tables.numbers import NumberReader
from mechpert_al.errors import DataError

_CHUNK = 50_000


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of a long table, in the order of its rows.

    Parameters
    ----------
    perturbations, readouts
        Distinct labels as they stand in the file → the line in which each stands first.
    perturbation, readout
        Number of the label of each pair, shape (n_pairs,).
    line
        Where each pair stands.
    effect, standard_error, probability
        float64; all NaN where the table has no such column.
    """

    perturbations: dict[str, int]
    readouts: dict[str, int]
    perturbation: np.ndarray
    readout: np.ndarray
    line: np.ndarray
    effect: np.ndarray
    standard_error: np.ndarray
    probability: np.ndarray


def read_pairs(
    file: DelimitedFile, columns: LongColumns, reader: NumberReader, name: str | None
) -> Pairs:
    """Read all pairs of a long table.

    Parameters
    ----------
    reader
        Turns texts into numbers, and remembers what is none.
    name
        The perturbation, where no column names it.

    Raises
    ------
    DataError
        If a label is empty.
    """
    position = {column: number for number, column in enumerate(file.header)}
    perturbations, readouts = _Names(), _Names()
    parts = []
    for chunk in _chunks(file, columns, position):
        lines = [record.line for record in chunk]

        def texts(column: str, chunk: list[Record] = chunk) -> list[str]:
            return [record.fields[position[column]] for record in chunk]

        perturbed = [name] * len(chunk) if name else texts(columns.perturbation or "")
        numbers = [
            np.full(len(chunk), np.nan)
            if one is None
            else reader.column(texts(one), lines, one, is_needed=one != columns.probability)
            for one in (columns.effect, columns.standard_error, columns.probability)
        ]
        try:
            codes = perturbations.numbered(perturbed, lines)
            columns_of = readouts.numbered(texts(columns.readout), lines)
        except _NoLabelError as error:
            raise DataError(
                f"{file.path}: line {error.line} has no label",
                "Every row needs the name of its perturbation and of its readout.",
            ) from error
        parts.append((codes, columns_of, lines, *numbers))
    if not parts:
        raise DataError(f"{file.path}: no row holds an effect", "Are all rows of another kind?")
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return Pairs(perturbations.lines, readouts.lines, *joined)


def _chunks(
    file: DelimitedFile, columns: LongColumns, position: dict[str, int]
) -> Iterator[list[Record]]:
    records = file.records()
    if columns.selected is not None:
        where, value = position[columns.selected], columns.form.only_rows[1]
        records = (record for record in records if record.fields[where].strip() == value)
    while chunk := list(islice(records, _CHUNK)):
        yield chunk


class _NoLabelError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Names:
    """Labels numbered in the order in which they first appear."""

    def __init__(self) -> None:
        self.number: dict[str, int] = {}
        self.lines: dict[str, int] = {}

    def numbered(self, texts: list[str], lines: list[int]) -> np.ndarray:
        codes = np.empty(len(texts), dtype=np.int64)
        for place, (text, line) in enumerate(zip(texts, lines, strict=True)):
            code = self.number.get(text)
            if code is None:
                if not text.strip():
                    raise _NoLabelError(line)
                code = self.number[text] = len(self.number)
                self.lines[text] = line
            codes[place] = code
        return codes
