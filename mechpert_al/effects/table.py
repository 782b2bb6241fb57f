"""The effect table: what perturbing each gene did to each readout.

Rows are perturbations, columns are readouts, and a missing number means *not measured*: it never
enters a mean, a correlation or a fit as zero. Tables are put side by side by label, never by
position.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mechpert_al.errors import DataError


@dataclass(frozen=True, eq=False)
class EffectTable:
    """Effect profiles of perturbations, perturbed minus control.

    Parameters
    ----------
    perturbations
        Symbols of the perturbed genes, one a row, unique.
    readouts
        Names of the measured genes, one a column, unique.
    values
        float32, shape (n_perturbations, n_readouts); NaN = not measured.
    n_cells
        Cells behind each row, shape (n_perturbations,); NaN where unknown. None: not known at all.
    standard_error
        Same shape as ``values``, in the same unit; NaN where unknown. None: not known at all.
    info
        Where the numbers come from: kind, control, normalisation, sources, notes. Plain JSON.

    Raises
    ------
    DataError
        Repeated names, infinite values, an empty table, or shapes that do not agree.
    """

    perturbations: tuple[str, ...]
    readouts: tuple[str, ...]
    values: np.ndarray
    n_cells: np.ndarray | None = None
    standard_error: np.ndarray | None = None
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "perturbations", tuple(map(str, self.perturbations)))
        object.__setattr__(self, "readouts", tuple(map(str, self.readouts)))
        shape = (len(self.perturbations), len(self.readouts))
        if 0 in shape:
            raise DataError(
                f"the effect table is empty: {shape[0]} perturbations, {shape[1]} readouts",
                "A table needs at least one perturbation (row) and one readout (column).",
            )
        object.__setattr__(self, "values", _frozen(self.values, shape, "values"))
        if self.standard_error is not None:
            errors = _frozen(self.standard_error, shape, "standard_error")
            object.__setattr__(self, "standard_error", errors)
        if self.n_cells is not None:
            cells = np.array(self.n_cells, dtype=np.float64)
            if cells.shape != shape[:1]:
                raise DataError(f"n_cells has shape {cells.shape}, expected {shape[:1]}")
            wrong = np.flatnonzero((cells < 0) | np.isinf(cells))
            if wrong.size:
                raise DataError(
                    f"perturbation {self.perturbations[wrong[0]]!r} (row {wrong[0] + 1}): n_cells "
                    f"is {cells[wrong[0]]:g}, expected 0 or more",
                    "Correct the number of cells; NaN where it is not known.",
                )
            cells.setflags(write=False)
            object.__setattr__(self, "n_cells", cells)
        for names, what in ((self.perturbations, "perturbation"), (self.readouts, "readout")):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise DataError(
                    f"{what} named more than once: {', '.join(twice[:10])}"
                    + (f" and {len(twice) - 10} more" if len(twice) > 10 else ""),
                    f"Each {what} may stand in the table once: remove or pool the repeats.",
                )
        infinite = np.isinf(self.values)
        if infinite.any():
            row, column = np.argwhere(infinite)[0]
            raise DataError(
                f"{infinite.sum()} infinite values, the first at perturbation "
                f"{self.perturbations[row]!r}, readout {self.readouts[column]!r}",
                "Write NaN where a value could not be measured.",
            )

    # ------------------------------------------------------------------ size and content
    @property
    def n_perturbations(self) -> int:
        """Number of rows."""
        return len(self.perturbations)

    @property
    def n_readouts(self) -> int:
        """Number of columns."""
        return len(self.readouts)

    @cached_property
    def is_measured(self) -> np.ndarray:
        """bool, shape (n_perturbations, n_readouts)."""
        return ~np.isnan(self.values)

    @cached_property
    def is_complete(self) -> bool:
        """True when no value is missing."""
        return bool(self.is_measured.all())

    @property
    def n_measured(self) -> int:
        """Values that are there."""
        return int(self.is_measured.sum())

    @property
    def n_not_measured(self) -> int:
        """Values that are missing."""
        return self.values.size - self.n_measured

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """Row number of each perturbation."""
        return {gene: row for row, gene in enumerate(self.perturbations)}

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the labelled numbers; the order of rows and columns does not matter."""
        rows, columns = np.argsort(self.perturbations), np.argsort(self.readouts)
        digest = hashlib.sha256()
        for names, order in ((self.perturbations, rows), (self.readouts, columns)):
            digest.update("\x1f".join(names[i] for i in order).encode() + b"\x1e")
        block = self.values[np.ix_(rows, columns)].astype("<f4") + np.float32(0)  # −0 becomes 0
        block[np.isnan(block)] = np.nan  # one bit pattern for every NaN
        digest.update(block.tobytes())
        return digest.hexdigest()

    # ------------------------------------------------------------------ parts and unions
    def take(self, perturbations: Iterable[str]) -> EffectTable:
        """The rows of the named perturbations, in that order.

        Raises
        ------
        DataError
            If one of them is not in the table.
        """
        wanted = list(perturbations)
        missing = [gene for gene in wanted if gene not in self.row_of]
        if missing:
            raise DataError(
                f"not in the effect table: {', '.join(missing[:10])}"
                + (f" and {len(missing) - 10} more" if len(missing) > 10 else ""),
                "Only perturbations of the table can be taken from it.",
            )
        rows = [self.row_of[gene] for gene in wanted]
        return EffectTable(
            tuple(wanted),
            self.readouts,
            self.values[rows],
            None if self.n_cells is None else self.n_cells[rows],
            None if self.standard_error is None else self.standard_error[rows],
            self.info,
        )

    def renamed(self, names: Mapping[str, str]) -> EffectTable:
        """The same table with some perturbations under other names."""
        return EffectTable(
            tuple(names.get(gene, gene) for gene in self.perturbations),
            self.readouts,
            self.values,
            self.n_cells,
            self.standard_error,
            self.info,
        )

    def union(self, other: EffectTable) -> EffectTable:
        """Both tables together, aligned by label; what one of them did not measure is NaN.

        Raises
        ------
        DataError
            If a perturbation stands in both.
        """
        readouts = tuple(dict.fromkeys(self.readouts + other.readouts))
        column_of = {name: column for column, name in enumerate(readouts)}
        n_rows = self.n_perturbations + other.n_perturbations
        values = np.full((n_rows, len(readouts)), np.nan, dtype=np.float32)
        errors = values.copy()
        cells = np.full(n_rows, np.nan)
        start = 0
        for part in (self, other):
            rows = slice(start, start + part.n_perturbations)
            columns = [column_of[name] for name in part.readouts]
            values[rows, columns] = part.values
            if part.standard_error is not None:
                errors[rows, columns] = part.standard_error
            if part.n_cells is not None:
                cells[rows] = part.n_cells
            start = rows.stop
        sources = [*self.info.get("sources", []), *other.info.get("sources", [])]
        return EffectTable(
            self.perturbations + other.perturbations,
            readouts,
            values,
            None if self.n_cells is None and other.n_cells is None else cells,
            None if self.standard_error is None and other.standard_error is None else errors,
            {**other.info, **self.info, "sources": sources},
        )

    def __repr__(self) -> str:
        missing = f", {self.n_not_measured} not measured" if self.n_not_measured else ""
        return f"EffectTable({self.n_perturbations} × {self.n_readouts}{missing})"


def _frozen(values: Any, shape: Sequence[int], what: str) -> np.ndarray:
    array = np.array(values, dtype=np.float32)
    if array.shape != tuple(shape):
        raise DataError(f"{what} has shape {array.shape}, expected {tuple(shape)}")
    array.setflags(write=False)
    return array
