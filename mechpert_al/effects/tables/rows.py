"""Wide tables: a row for each perturbation, a column for each readout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.control_words import control_word
from mechpert_al.effects.conversion import some
from mechpert_al.effects.tables.delimited import ROW_NAMES, DelimitedFile
from mechpert_al.effects.tables.forms import PERTURBATION, READOUT, plain
from mechpert_al.effects.tables.numbers import NumberReader
from mechpert_al.errors import DataError

N_CELLS = "n_cells"


@dataclass(frozen=True, eq=False)
class WideRows:
    """The rows of a wide table.

    Parameters
    ----------
    labels
        As they stand in the file, one a row.
    lines
        Where each row stands.
    readouts
        Names of the columns.
    values
        float64, shape (n_rows, n_readouts), NaN = not measured.
    n_cells
        From a column of that name; None if there is none.
    """

    labels: tuple[str, ...]
    lines: tuple[int, ...]
    readouts: tuple[str, ...]
    values: np.ndarray
    n_cells: np.ndarray | None


def read_wide(file: DelimitedFile, reader: NumberReader, label: str | None) -> WideRows:
    """Read a wide table.

    Parameters
    ----------
    reader
        Turns texts into numbers, and remembers what is none.
    label
        Column with the perturbations; None: found.

    Raises
    ------
    DataError
        If a label is empty, readouts repeat, or the columns look like the perturbations.
    """
    at, skipped = _label_column(file, label)
    columns = [
        number for number in range(len(file.header)) if number != at and number not in skipped
    ]
    readouts = tuple(file.header[column] for column in columns)
    _check_readouts(file, readouts)
    labels, lines, values = [], [], []
    for record in file.records():
        labels.append(record.fields[at])
        lines.append(record.line)
        texts = [record.fields[column] for column in columns]
        values.append(reader.row(texts, record.line, readouts).astype(np.float64))
    _check_labels(file, labels, lines)
    matrix = np.array(values)
    if N_CELLS not in readouts:
        return WideRows(tuple(labels), tuple(lines), readouts, matrix, None)
    cells = readouts.index(N_CELLS)
    kept = [column for column in range(len(readouts)) if column != cells]
    return WideRows(
        tuple(labels),
        tuple(lines),
        tuple(readouts[column] for column in kept),
        matrix[:, kept],
        matrix[:, cells],
    )


def _label_column(file: DelimitedFile, wanted: str | None) -> tuple[int, set[int]]:
    """Position of the labels, and of a running number in front of them."""
    header = file.header
    if wanted is not None:
        if wanted not in header:
            raise DataError(
                f"{file.path}: no column {wanted!r}", f"The columns are {some(list(header))}."
            )
        at = header.index(wanted)
        return at, {0} if at != 0 and header[0] == ROW_NAMES else set()
    known = {plain(name) for name in (*PERTURBATION, *READOUT)}
    if header[0] == ROW_NAMES and len(header) > 1 and plain(header[1]) in known:
        return 1, {0}
    return 0, set()


def _check_readouts(file: DelimitedFile, readouts: Sequence[str]) -> None:
    place = f"{file.path}: line {file.header_line}"
    if not all(readouts):
        column = file.header.index("", 1) + 1 if "" in file.header[1:] else 1
        raise DataError(f"{place}: column {column} has no name", "Name every readout.")
    twice = [name for name, count in Counter(readouts).items() if count > 1]
    if twice:
        shown = [
            f"{name} (columns "
            f"{', '.join(str(i + 1) for i, other in enumerate(file.header) if other == name)})"
            for name in twice
        ]
        raise DataError(
            f"{place}: {len(twice)} readouts stand more than once: {some(shown)}",
            "Effects of two genes cannot be added up: rename the columns, or remove all but one.",
        )
    controls = [name for name in readouts if control_word(name) is not None]
    if controls and plain(file.header[0]) in {plain(name) for name in READOUT}:
        raise DataError(
            f"{place}: the columns look like perturbations ({controls[0]!r} is one, and the "
            f"rows are named by {file.header[0]!r})",
            "Rows must be perturbations and columns readouts: transpose the table.",
        )


def _check_labels(file: DelimitedFile, labels: Sequence[str], lines: Sequence[int]) -> None:
    for label, line in zip(labels, lines, strict=True):
        if not label.strip():
            raise DataError(
                f"{file.path}: line {line} has no label", "Name the perturbation of every row."
            )
    running = [str(number) for number in range(len(labels))]
    if list(labels) == running or list(labels) == [str(int(number) + 1) for number in running]:
        raise DataError(
            f"{file.path}: the rows are named by running numbers ({labels[0]!r}, … from line "
            f"{lines[0]})",
            "Name the column with the perturbations: --perturbation COLUMN.",
        )
