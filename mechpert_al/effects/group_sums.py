"""Sums over groups of cells, read in blocks from a matrix that never lies in memory as a whole.

Memory is (groups × readouts), whatever the number of cells. Values are rounded to a grid of 2⁻²⁸
(4e-9) before they are added: on that grid sums in 64 bits are exact, so neither the order of the
cells nor the size of the blocks changes a single bit of the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from mechpert_al.effects.cell_codes import counted
from mechpert_al.effects.stored_matrix import BLOCK_VALUES, StoredMatrix
from mechpert_al.errors import DataError

TARGET_TOTAL = 10_000
_GRID = float(1 << 28)
_STEP = 1 << 15
"""Entries that are added at a time: what is made of them stays in the processor's cache."""
NameOf = Callable[[int, int], tuple[str, str]]
"""Names of a cell and a column by their numbers; asked for in messages only."""


@dataclass(frozen=True, eq=False)
class GroupPlan:
    """Which cells are added to which group, and which columns to which readout.

    Parameters
    ----------
    group
        Group of each cell, −1: none; shape (n_cells,).
    n_perturbations, n_controls
        The first groups are perturbations, the groups after them controls.
    readout
        Readout of each column of the matrix; shape (n_columns,).
    n_readouts
        Number of readouts.
    own_readout
        The readout of which a perturbation's unlogged values are added up too, −1: none;
        shape (n_perturbations,).
    """

    group: np.ndarray
    n_perturbations: int
    n_controls: int
    readout: np.ndarray
    n_readouts: int
    own_readout: np.ndarray

    @property
    def n_groups(self) -> int:
        """Perturbations and controls together."""
        return self.n_perturbations + self.n_controls

    def is_one_to_one(self) -> bool:
        """Whether every column is a readout of its own."""
        return np.array_equal(self.readout, np.arange(self.n_readouts))


@dataclass(frozen=True, eq=False)
class GroupSums:
    """What was added up.

    Parameters
    ----------
    n_cells
        Cells of each group, empty ones left out; shape (n_groups,).
    sums, squares
        Sums of the values and of their squares, float64, shape (n_groups, n_readouts).
    own_sums
        Sums of the unlogged values of each perturbation's own readout, (n_perturbations,).
    control_sums
        Sums of the unlogged values of the controls, shape (n_controls, n_readouts).
    is_empty
        Cells without a single count, bool, shape (n_cells,).
    """

    n_cells: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    own_sums: np.ndarray
    control_sums: np.ndarray
    is_empty: np.ndarray


def sum_counts(
    matrix: StoredMatrix,
    plan: GroupPlan,
    names: NameOf,
    n_values: int = BLOCK_VALUES,
) -> GroupSums:
    """Sums of log1p(10000 × count / cell total), the total over all columns.

    Parameters
    ----------
    names
        Names of a cell and of a column, for messages.
    n_values
        Numbers in one block.

    Raises
    ------
    DataError
        If a value is negative, infinite, missing or not whole.
    """
    return _add_up(matrix, plan, _Checked(matrix.place, names, is_counts=True), n_values)


def sum_expression(
    matrix: StoredMatrix,
    plan: GroupPlan,
    names: NameOf,
    n_values: int = BLOCK_VALUES,
) -> GroupSums:
    """Sums of the values as they stand; parameters as `sum_counts`.

    Raises
    ------
    DataError
        If a value is infinite or missing.
    """
    return _add_up(matrix, plan, _Checked(matrix.place, names, is_counts=False), n_values)


def check_first_counts(matrix: StoredMatrix, names: NameOf, n_values: int = 1 << 16) -> None:
    """Look whether the first values are counts; parameters and errors as `sum_counts`."""
    next(_Checked(matrix.place, names, is_counts=True).blocks(matrix, n_values), None)


@dataclass(frozen=True)
class _Checked:
    """Blocks of a matrix as float64, free of values that do not belong there."""

    place: str
    names: NameOf
    is_counts: bool

    def blocks(
        self, matrix: StoredMatrix, n_values: int
    ) -> Iterator[tuple[slice, sparse.csr_matrix | sparse.csc_matrix]]:
        is_csc = matrix.form == "csc"
        blocks = matrix.column_blocks(n_values) if is_csc else matrix.row_blocks(n_values)
        for part, block in blocks:
            values = block.astype(np.float64)
            checked = sparse.csr_matrix(values) if matrix.form == "dense" else values
            checked.sum_duplicates()
            self._check(checked, part.start)
            yield part, checked

    def _fits(self, values: np.ndarray) -> np.ndarray:
        fits = np.isfinite(values)
        if self.is_counts:
            fits &= (values >= 0) & (values == np.rint(values))
        return fits

    def _check(self, block: sparse.csr_matrix | sparse.csc_matrix, start: int) -> None:
        steps = range(0, len(block.data), _STEP)
        parts = (self._fits(block.data[start : start + _STEP]) for start in steps)
        wrong = next(((i, fits) for i, fits in enumerate(parts) if not fits.all()), None)
        if wrong is None:
            return
        first = wrong[0] * _STEP + int(np.argmin(wrong[1]))
        major = start + int(np.searchsorted(block.indptr, first, side="right")) - 1
        minor = int(block.indices[first])
        cell, column = (major, minor) if block.format == "csr" else (minor, major)
        named, readout = self.names(cell, column)
        raise DataError(
            f"{self.place}: {block.data[first]:g} for cell {named!r}, readout {readout!r}; "
            "expected "
            + ("a count (a whole number from 0 on)" if self.is_counts else "a finite number"),
            "Name the layer with raw counts (--layer), or say that the values were normalised "
            "already (--kind expression)."
            if self.is_counts
            else "Every cell needs a value for every readout.",
        )


def _add_up(matrix: StoredMatrix, plan: GroupPlan, checked: _Checked, n_values: int) -> GroupSums:
    adder = _Adder(plan, logged=checked.is_counts)
    if matrix.form == "csc":
        totals = _totals_by_columns(matrix, checked, n_values)
        is_empty = totals == 0 if checked.is_counts else np.zeros(len(totals), dtype=bool)
        for readouts, block in _whole_readouts(matrix, plan, checked, n_values):
            adder.add(_scaled(block, totals) if checked.is_counts else block, slice(None), readouts)
    else:
        is_empty = np.zeros(matrix.shape[0], dtype=bool)
        to_readout = None if plan.is_one_to_one() else _column_map(plan)
        for cells, block in checked.blocks(matrix, n_values):
            values = block if to_readout is None else (block @ to_readout).tocsr()
            if checked.is_counts:
                totals = block.sum(axis=1).A1
                is_empty[cells] = totals == 0
                values = _scaled(values, totals)
            adder.add(values, cells, None)
    n_cells = counted(np.where(is_empty, -1, plan.group), plan.n_groups)
    return GroupSums(n_cells, *adder.totals(), adder.own_sums, adder.control_sums, is_empty)


class _Adder:
    """Adds blocks of values to the sums of their groups."""

    def __init__(self, plan: GroupPlan, logged: bool) -> None:
        self.plan = plan
        self.logged = logged
        self._sums = np.zeros(plan.n_groups * plan.n_readouts)  # in steps of the grid
        self._squares = np.zeros(plan.n_groups * plan.n_readouts)
        self.own = np.append(plan.own_readout, np.full(plan.n_controls, -1))
        self.own_sums = np.zeros(plan.n_perturbations)
        self.control_sums = np.zeros((plan.n_controls, plan.n_readouts))

    def add(
        self,
        values: sparse.csr_matrix | sparse.csc_matrix,
        cells: slice,
        readouts: np.ndarray | None,
    ) -> None:
        """Add a block: some cells × some readouts (None: all, in their order)."""
        group = self.plan.group[cells].astype(np.int64)
        if values.format == "csr":  # neighbours in memory are faster to add to
            order = np.argsort(group, kind="stable")
            order = order[np.searchsorted(group[order], 0) :]
            values, group = values[order], group[order]
        group, readout = _entries(values, group, readouts)
        for start in range(0, len(values.data), _STEP):
            part = slice(start, start + _STEP)
            self._add_entries(group[part], readout[part], values.data[part])

    def _add_entries(self, group: np.ndarray, readout: np.ndarray, plain: np.ndarray) -> None:
        plan = self.plan
        is_used = group >= 0
        if not is_used.all():
            group, readout, plain = group[is_used], readout[is_used], plain[is_used]
        value = np.log1p(plain) if self.logged else plain
        place = group * plan.n_readouts + readout
        np.add.at(self._sums, place, np.rint(value * _GRID))
        np.add.at(self._squares, place, np.rint(value * value * _GRID))
        controls = np.flatnonzero(group >= plan.n_perturbations)
        first = plan.n_perturbations * plan.n_readouts
        np.add.at(self.control_sums.reshape(-1), place[controls] - first, plain[controls])
        own = np.flatnonzero(self.own[group] == readout)
        np.add.at(self.own_sums, group[own], plain[own])

    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the values and of their squares, shape (n_groups, n_readouts)."""
        shape = self.plan.n_groups, self.plan.n_readouts
        for sums in (self._sums, self._squares):
            sums /= _GRID
        return self._sums.reshape(shape), self._squares.reshape(shape)


def _entries(
    block: sparse.csr_matrix | sparse.csc_matrix, group: np.ndarray, readouts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Group and readout of each stored number of a block."""
    n_each = np.diff(block.indptr)
    if block.format == "csr":
        readout = block.indices if readouts is None else readouts[block.indices]
        return np.repeat(group, n_each), readout
    each = np.arange(block.shape[1]) if readouts is None else readouts
    return group[block.indices], np.repeat(each, n_each)


def _column_map(plan: GroupPlan) -> sparse.csr_matrix:
    """0/1, shape (n_columns, n_readouts)."""
    n_columns = len(plan.readout)
    where = (np.arange(n_columns), plan.readout)
    return sparse.csr_matrix((np.ones(n_columns), where), shape=(n_columns, plan.n_readouts))


def _scaled(counts: sparse.csr_matrix | sparse.csc_matrix, totals: np.ndarray) -> sparse.spmatrix:
    """10000 × count / cell total; a cell without counts has none to scale."""
    factor = TARGET_TOTAL / np.where(totals > 0, totals, 1)
    if counts.format == "csr":
        each = np.repeat(factor, np.diff(counts.indptr))
    else:
        each = factor[counts.indices]
    return type(counts)((counts.data * each, counts.indices, counts.indptr), shape=counts.shape)


def _totals_by_columns(matrix: StoredMatrix, checked: _Checked, n_values: int) -> np.ndarray:
    totals = np.zeros(matrix.shape[0])
    for _, block in checked.blocks(matrix, n_values):
        totals += block.sum(axis=1).A1
    return totals


def _whole_readouts(
    matrix: StoredMatrix, plan: GroupPlan, checked: _Checked, n_values: int
) -> Iterator[tuple[np.ndarray, sparse.csc_matrix]]:
    """Blocks of columns, each holding all columns of its readouts: (readouts, values)."""
    n_columns = np.bincount(plan.readout, minlength=plan.n_readouts)
    split: dict[int, sparse.csc_matrix] = defaultdict(lambda: 0)
    for columns, block in checked.blocks(matrix, n_values):
        readouts = plan.readout[columns]
        for column in np.flatnonzero(n_columns[readouts] > 1):
            split[readouts[column]] = split[readouts[column]] + block[:, [column]]
        single = np.flatnonzero(n_columns[readouts] == 1)
        yield readouts[single], block[:, single] if len(single) < len(readouts) else block
    if split:
        yield np.array(list(split)), sparse.hstack(list(split.values()), format="csc")
