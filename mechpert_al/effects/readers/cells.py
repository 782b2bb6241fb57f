"""Single cells to effects: what the readers of counts and of expression have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.cell_groups import CellGroups, group_cells
from mechpert_al.effects.conversion import FEW_CELLS, ConversionReport, ConvertOptions, KnockDown
from mechpert_al.effects.differences import difference_to_control, shrunk
from mechpert_al.effects.gene_names import (
    GeneNames,
    check_names,
    default_symbols,
    pooled_note,
    refuse_damaged,
)
from mechpert_al.effects.group_sums import GroupPlan, GroupSums, NameOf
from mechpert_al.effects.labels import CONTROL, check_control
from mechpert_al.effects.own_readout import knock_downs, without_own_readouts
from mechpert_al.effects.perturbation_column import PerturbationColumn, find_column
from mechpert_al.effects.readouts import Readouts, own_readouts, read_readouts
from mechpert_al.effects.sources import sha256_of
from mechpert_al.effects.stored_matrix import StoredMatrix
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError

AddUp = Callable[[StoredMatrix, GroupPlan, NameOf], GroupSums]


@dataclass(frozen=True)
class CellMeasure:
    """What is made of the numbers of one cell.

    Parameters
    ----------
    kind
        Name of the reader.
    normalisation
        What a value of the result is, in words.
    add_up
        Sums over groups of cells.
    is_counts
        Whether the numbers are counts: columns may be summed, ratios mean something.
    """

    kind: str
    normalisation: str
    add_up: AddUp
    is_counts: bool


def effects_of_cells(
    path: Path, options: ConvertOptions, why: str, measure: CellMeasure
) -> tuple[EffectTable, ConversionReport]:
    """Effects of the cells of a file, perturbed minus control."""
    with AnnotatedFile(path, options.layer, options.guide_calls) as file:
        screen = _Screen.read(file, options, measure)
        sums = measure.add_up(file.matrix(options.layer), screen.plan(), file.names_at)
        gaps = file.gaps()
    return _Effects(path, options, measure, screen, sums, gaps).table_and_report(why)


@dataclass(frozen=True, eq=False)
class _Screen:
    """Everything that is known before the matrix is read."""

    column: PerturbationColumn
    genes: GeneNames
    groups: CellGroups
    readouts: Readouts
    own: dict[str, list[int]]
    notes: tuple[str, ...]
    beside: tuple[Path, ...]

    @classmethod
    def read(cls, file: AnnotatedFile, options: ConvertOptions, measure: CellMeasure) -> _Screen:
        symbols, place = default_symbols(), str(file.path)
        column = find_column(file, symbols, options.perturbation, options.control)
        refuse_damaged({label: f"{n} cells" for label, n in column.n_of.items()}, symbols, place)
        check_control(column.reading, column.n_of, options.control, place, "cells")
        where = {name: f"{n} cells" for name, n in column.n_of_names.items()}
        genes = check_names(column.reading.names, symbols, options, place, where)
        groups = group_cells(file, column, genes.name_of, options)
        readouts = read_readouts(file, options, symbols, measure.is_counts)
        own = own_readouts(groups.names, readouts.names, symbols)
        notes = (*file.notes, *groups.notes)
        return cls(column, genes, groups, readouts, own, notes, file.beside)

    def plan(self) -> GroupPlan:
        names, readouts = self.groups.names, self.readouts
        own = np.array([self.own.get(name, [-1])[0] for name in names])
        return GroupPlan(
            self.groups.group,
            len(names),
            len(self.groups.batches),
            readouts.of_column,
            len(readouts.names),
            own,
        )


@dataclass(frozen=True, eq=False)
class _Effects:
    """The matrix was read; what follows is arithmetic and bookkeeping."""

    path: Path
    options: ConvertOptions
    measure: CellMeasure
    screen: _Screen
    sums: GroupSums
    gaps: tuple[str, ...]

    def table_and_report(self, why: str) -> tuple[EffectTable, ConversionReport]:
        self._refuse_empty_controls()
        groups, readouts = self.screen.groups, self.screen.readouts
        result = difference_to_control(self.sums, groups.n_by_batch(self.sums.is_empty))
        n_cells = self.sums.n_cells[: len(groups.names)]
        rows = np.flatnonzero(n_cells >= self.options.min_cells)
        names = tuple(groups.names[row] for row in rows)
        if not names:
            raise DataError(
                f"{self.path}: no perturbation has {self.options.min_cells} cells with counts",
                "Is this the right matrix? Other layers: --layer NAME.",
            )
        values, errors = result.values[rows], result.standard_error[rows]
        downs = self._knock_downs(values, errors, names, rows)
        if self.options.shrink:
            values, errors = shrunk(values, errors)
        if not self.options.keep_own_readout:
            values = without_own_readouts(values, names, self.screen.own)
        report = self._report(why, n_cells, downs)
        table = EffectTable(
            names, readouts.names, values, n_cells[rows], errors, self._info(report)
        )
        return table, report

    def _refuse_empty_controls(self) -> None:
        groups = self.screen.groups
        n_control = self.sums.n_cells[len(groups.names) :]
        if not n_control.all():
            batch = groups.batches[int(np.argmin(n_control))]
            raise DataError(
                f"{self.path}: no control cell has a count ({batch})",
                "Is this the right matrix? Other layers: --layer NAME."
                + (" To pool all controls: --batch none." if groups.batch_column else ""),
            )

    def _knock_downs(
        self, values: np.ndarray, errors: np.ndarray, names: Sequence[str], rows: np.ndarray
    ) -> dict[str, KnockDown]:
        """Own effects, and how much of the expression is left compared with the same batches."""
        groups, sums = self.screen.groups, self.sums
        n_perturbations = len(groups.names)
        by_batch = groups.n_by_batch(sums.is_empty)[rows]
        weights = by_batch / by_batch.sum(axis=1, keepdims=True)
        n_control = sums.n_cells[n_perturbations:, None]
        own = self.screen.plan().own_readout[rows]
        logged = (sums.sums[n_perturbations:] / n_control)[:, own]
        plain = (sums.control_sums / n_control)[:, own]
        remaining = np.full(len(rows), np.nan)
        level = np.einsum("pb,bp->p", weights, logged)
        if self.measure.is_counts:
            expected = np.einsum("pb,bp->p", weights, plain)
            measured = sums.own_sums[rows] / sums.n_cells[rows]
            np.divide(measured, expected, out=remaining, where=expected > 0)
        return knock_downs(values, names, self.screen.own, remaining, errors, level)

    def _report(
        self, why: str, n_cells: np.ndarray, downs: dict[str, KnockDown]
    ) -> ConversionReport:
        screen, least = self.screen, self.options.min_cells
        counted = dict(zip(screen.groups.names, n_cells.tolist(), strict=True))
        measured = {name: n for name, n in counted.items() if n >= least}
        n_control = int(self.sums.n_cells[len(counted) :].sum())
        too_few = {**screen.groups.too_few} | {name: n for name, n in counted.items() if n < least}
        reading = screen.column.reading
        return ConversionReport(
            file=str(self.path),
            sha256=sha256_of(self.path),
            kind=self.measure.kind,
            recognised=(why, screen.column.why, self._control_line(n_control)),
            n_cells={CONTROL: n_control, **measured},
            too_few_cells=too_few,
            few_cells={name: n for name, n in measured.items() if n < FEW_CELLS},
            merged=reading.merged,
            combinations=tuple(name for name in reading.combinations if name in measured),
            left_out=screen.column.left_out,
            empty_cells=int(self.sums.is_empty.sum()),
            unmatched_batches=screen.groups.unmatched,
            knock_downs=downs,
            outdated=screen.genes.outdated,
            unknown=screen.genes.unknown,
            notes=(*screen.readouts.notes, *pooled_note(screen.genes), *self._notes()),
        )

    def _control_line(self, n_control: int) -> str:
        labels = ", ".join(map(repr, self.screen.column.reading.controls))
        how = "as asked" if self.options.control else "recognised as a whole word"
        return f"Control: {labels} ({how}), {n_control} cells."

    def _notes(self) -> list[str]:
        notes = [*self.screen.notes, *self.gaps]
        if self.options.shrink:
            notes.append("Effects were shrunk towards 0 by their standard errors.")
        return notes

    def _info(self, report: ConversionReport) -> dict[str, object]:
        return {
            "kind": self.measure.kind,
            "control": list(self.screen.column.reading.controls),
            "normalisation": self.measure.normalisation,
            "sources": [
                {"file": self.path.name, "sha256": report.sha256},
                *({"file": one.name, "sha256": sha256_of(one)} for one in self.screen.beside),
            ],
            "min_cells": self.options.min_cells,
            "batch": self.screen.groups.batch_column,
            "shrunk": self.options.shrink,
            "own_readout": "kept" if self.options.keep_own_readout else "not measured",
            "combinations": list(report.combinations),
            "too_few_cells": dict(report.too_few_cells),
            "failed_knock_downs": report.failed_knock_downs,
        }
