"""Which cells belong to which perturbation, and which controls they are compared with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.cell_codes import code_type, counted
from mechpert_al.effects.conversion import DEFAULT_MIN_CELLS, ConvertOptions, some
from mechpert_al.effects.labels import CONTROL
from mechpert_al.effects.perturbation_column import PerturbationColumn
from mechpert_al.effects.stored_matrix import BLOCK_ROWS
from mechpert_al.errors import DataError

#: Column that is taken for the batches where none is named.
BATCH = "batch"
#: What is named in place of a column to pool all controls.
NO_BATCH = "none"


@dataclass(frozen=True, eq=False)
class CellGroups:
    """Groups of cells.

    Parameters
    ----------
    names
        Perturbations with enough cells; groups 0 … n − 1.
    batches
        Batches with enough controls; their controls are the groups n, n + 1, …
    group
        Group of each cell, −1: none; shape (n_cells,).
    batch
        Batch of each cell, −1: none; shape (n_cells,).
    too_few
        Perturbation → cells, where these are too few.
    unmatched
        Batch → perturbed cells without enough controls beside them.
    batch_column
        Column with the batches; None: all cells are one.
    notes
        Why cells are compared within batches, or why not, where nobody asked for either.
    """

    names: tuple[str, ...]
    batches: tuple[str, ...]
    group: np.ndarray
    batch: np.ndarray
    too_few: Mapping[str, int] = field(default_factory=dict)
    unmatched: Mapping[str, int] = field(default_factory=dict)
    batch_column: str | None = None
    notes: tuple[str, ...] = ()

    def n_by_batch(self, is_empty: np.ndarray) -> np.ndarray:
        """Cells with counts, shape (n_perturbations, n_batches)."""
        numbers = np.zeros((len(self.names), len(self.batches)))
        for start in range(0, len(self.group), BLOCK_ROWS):
            cells = slice(start, start + BLOCK_ROWS)
            group, batch = self.group[cells], self.batch[cells]
            used = (group >= 0) & (group < len(self.names)) & ~is_empty[cells]
            np.add.at(numbers, (group[used], batch[used]), 1)
        return numbers


def group_cells(
    file: AnnotatedFile,
    column: PerturbationColumn,
    name_of: Mapping[str, str],
    options: ConvertOptions,
) -> CellGroups:
    """Put the cells of a file into groups.

    Parameters
    ----------
    name_of
        Name in the column → name in the table.

    Raises
    ------
    DataError
        If no batch has enough controls, or no perturbation enough cells.
    """
    names, code = _perturbations(column, name_of)
    is_control = code == len(names)
    is_perturbed = (code >= 0) & ~is_control
    batch_column, notes = _batch_column(file, options, is_perturbed, is_control)
    batches, batch = batches_of(file, batch_column)
    n_control = counted(batch[is_control], len(batches))
    has_controls = np.append(n_control >= options.min_cells, False)  # batch −1 has none
    if not has_controls.any():
        raise DataError(
            f"{file.path}: {is_control.sum()} control cells"
            + (f", at most {n_control.max()} in a batch" if batch_column else "")
            + f"; at least {options.min_cells} are needed",
            "Lower --min-cells" + (", or leave --batch out." if batch_column else "."),
        )
    is_matched = is_perturbed & has_controls[batch]
    n_cells = counted(code[is_matched], len(names))
    is_enough = n_cells >= options.min_cells
    if not is_enough.any():
        most = int(np.argmax(n_cells))
        raise DataError(
            f"{file.path}: no perturbation has {options.min_cells} cells; the most, "
            f"{n_cells[most]}, has {names[most]}",
            "Lower --min-cells.",
        )
    new_batch = _renumbered(has_controls)
    n_groups = int(is_enough.sum() + has_controls.sum())
    group = np.full(len(code), -1, dtype=code_type(n_groups))
    group[is_matched] = _renumbered(is_enough)[code[is_matched]]
    beside = is_control & has_controls[batch]
    group[beside] = is_enough.sum() + new_batch[batch[beside]]
    return CellGroups(
        tuple(itertools.compress(names, is_enough)),
        tuple(itertools.compress(batches, has_controls)),
        group,
        new_batch[batch],
        dict(itertools.compress(zip(names, n_cells.tolist(), strict=True), ~is_enough)),
        _counted(batches, batch[is_perturbed & ~is_matched]),
        batch_column,
        notes,
    )


def _batch_column(
    file: AnnotatedFile,
    options: ConvertOptions,
    is_perturbed: np.ndarray,
    is_control: np.ndarray,
) -> tuple[str | None, tuple[str, ...]]:
    """The column with the batches, and what is to be said about a choice that nobody made.

    Where none is named, ``batch`` is taken if every batch with perturbed cells has controls enough
    for a standard error, so that no cell is lost by it.
    """
    if options.batch is not None:
        return (None if options.batch == NO_BATCH else options.batch), ()
    if not file.has("obs", BATCH):
        return None, ()
    batches, batch = batches_of(file, BATCH)
    if len(np.unique(batch[is_perturbed | is_control])) < 2:
        return None, ()  # within the only batch or over all cells is the same
    used = np.unique(batch[is_perturbed])
    least = max(options.min_cells, DEFAULT_MIN_CELLS)
    n_control = counted(batch[is_control], len(batches))
    lacking = [f"{batches[code]} ({n_control[code]})" for code in used[used >= 0]
               if n_control[code] < least]  # fmt: skip
    n_without = int((is_perturbed & (batch < 0)).sum())
    if not (lacking or n_without):
        return BATCH, (
            f"Compared within the {len(used)} batches of column {BATCH!r}; "
            f"--batch {NO_BATCH} pools all controls.",
        )
    why = []
    if lacking:
        why.append(
            f"{len(lacking)} of the {(used >= 0).sum()} batches of column {BATCH!r} have fewer "
            f"than {least} control cells: {some(lacking)}"
        )
    if n_without:
        why.append(f"{n_without} perturbed cells have no batch in column {BATCH!r}")
    return None, (
        f"Batches were not told apart, all controls were pooled: {'; '.join(why)}. "
        f"--batch {BATCH} compares within each and leaves out cells without controls beside them.",
    )


def _perturbations(
    column: PerturbationColumn, name_of: Mapping[str, str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names, and the name's number for each cell: −1 none, n_names the control."""
    names = tuple(dict.fromkeys(name_of[name] for name in column.reading.names))
    number: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    number |= {name: number[name_of[name]] for name in column.reading.names}
    number |= {CONTROL: len(names), None: -1}
    code_of = [number[column.reading.name_of[label]] for label in column.labels.names]
    return names, np.array([*code_of, -1], dtype=code_type(len(names) + 1))[column.labels.codes]


def batches_of(file: AnnotatedFile, name: str | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the batches, and the batch of each row; a single one if no column is named."""
    if name in (None, NO_BATCH):
        return ("all cells",), np.zeros(file.shape[0], dtype=code_type(1))
    if not file.has("obs", name):
        have = ", ".join(file.columns("obs")) or "none"
        raise DataError(f"{file.path}: no column obs[{name!r}]", f"Columns of obs: {have}.")
    labels = file.labels("obs", name)
    return labels.names, labels.codes


def _renumbered(is_kept: np.ndarray) -> np.ndarray:
    """New numbers of what is kept, −1 for the rest."""
    numbers = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
    return numbers.astype(code_type(len(numbers)))


def _counted(names: tuple[str, ...], codes: np.ndarray) -> dict[str, int]:
    numbers, counts = np.unique(codes, return_counts=True)
    labels = (*names, "(no batch)")
    return {labels[code]: n for code, n in zip(numbers.tolist(), counts.tolist(), strict=True)}
