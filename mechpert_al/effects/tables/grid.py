"""A text table as a grid of perturbations and readouts, whatever its form was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.conversion import ConvertOptions
from mechpert_al.effects.tables.names import TableNames
from mechpert_al.effects.tables.numbers import NumberReader
from mechpert_al.errors import DataError


@dataclass(frozen=True, eq=False)
class Grid:
    """Perturbations × readouts.

    Parameters
    ----------
    what
        What the table was taken for, in words.
    unit
        What its values are, in words.
    names
        Perturbations, and how their labels were read.
    readouts
        Names of the columns.
    values, standard_error
        float64, shape (n_perturbations, n_readouts), NaN = not measured.
    n_cells
        Cells of each perturbation, if known.
    numbers
        The notation of the file's numbers, and its gaps.
    notes
        What was decided, one sentence each.
    """

    what: str
    unit: str
    names: TableNames
    readouts: tuple[str, ...]
    values: np.ndarray
    standard_error: np.ndarray | None
    n_cells: np.ndarray | None
    numbers: NumberReader
    notes: tuple[str, ...] = ()


def without_infinities(
    values: np.ndarray, first: str, options: ConvertOptions, place: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Values in which infinite ones are missing, if that was asked for; and a note of it.

    Parameters
    ----------
    first
        Where the first infinite value stands, if there is one.

    Raises
    ------
    DataError
        If there are infinite values and it was not asked for.
    """
    infinite = np.isinf(values)
    n_infinite = int(infinite.sum())
    if not n_infinite:
        return values, ()
    if options.infinite != "missing":
        raise DataError(
            f"{place}: {n_infinite} infinite effects, the first in {first}",
            "Write NA where nothing could be measured, or ask for it: --infinite missing.",
        )
    note = f"Infinite effects taken as not measured: {n_infinite}."
    return np.where(infinite, np.nan, values), (note,)
