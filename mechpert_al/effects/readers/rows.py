"""Files whose rows are perturbations (or samples of them): names, weights and pooling of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.cell_codes import Labels
from mechpert_al.effects.conversion import FEW_CELLS, ConversionReport, ConvertOptions, some
from mechpert_al.effects.gene_names import (
    GeneNames,
    check_names,
    default_symbols,
    pooled_note,
    refuse_damaged,
)
from mechpert_al.effects.labels import CONTROL, read_labels
from mechpert_al.effects.perturbation_column import PerturbationColumn, find_column
from mechpert_al.effects.readers.kinds import (
    CELL_NUMBERS,
    REPLOGLE_ROW,
    is_replogle_bulk,
    row_labels,
)
from mechpert_al.effects.readouts import Readouts
from mechpert_al.effects.sources import sha256_of
from mechpert_al.errors import DataError


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a file, named.

    Parameters
    ----------
    column
        Where the names come from.
    genes
        The names held against the symbol table.
    names
        Perturbations, in the order of their first rows.
    code
        Perturbation of each row: −1 none, n_perturbations the control; shape (n_rows,).
    n_cells
        Cells of each row, NaN where unknown; None: not known at all.
    notes
        What was decided, one sentence each.
    too_few
        Perturbation → cells, where these are too few.
    """

    column: PerturbationColumn
    genes: GeneNames
    names: tuple[str, ...]
    code: np.ndarray
    n_cells: np.ndarray | None
    notes: tuple[str, ...] = ()
    too_few: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_control(self) -> np.ndarray:
        """bool, shape (n_rows,)."""
        return self.code == len(self.names)

    @property
    def weights(self) -> np.ndarray:
        """Cells of each row, where known for all rows; else 1."""
        if self.n_cells is None or np.isnan(self.n_cells[self.code >= 0]).any():
            return np.ones(len(self.code))
        return np.where(self.code >= 0, self.n_cells, 0)

    @property
    def cells_of_names(self) -> np.ndarray | None:
        """Cells of each perturbation, NaN where unknown; shape (n_perturbations,)."""
        if self.n_cells is None:
            return None
        is_perturbed = (self.code >= 0) & ~self.is_control
        cells = self.n_cells[is_perturbed]
        return np.bincount(self.code[is_perturbed], cells, len(self.names))

    def without(self, is_empty: np.ndarray) -> Rows:
        """The same rows, of which some belong to nothing."""
        return replace(self, code=np.where(is_empty, -1, self.code))

    def with_enough_cells(self, min_cells: int, place: str) -> Rows:
        """The same rows, perturbations with too few cells left out.

        Raises
        ------
        DataError
            If none is left.
        """
        cells = self.cells_of_names
        if cells is None:
            return self
        few = cells < min_cells  # not where unknown
        if few.all():
            raise DataError(f"{place}: no perturbation has {min_cells} cells", "Lower --min-cells.")
        kept = np.flatnonzero(~few)
        number = np.full(len(self.names) + 2, -1)
        number[kept] = np.arange(len(kept))
        number[len(self.names)] = len(kept)
        return replace(
            self,
            names=tuple(self.names[code] for code in kept),
            code=number[self.code],
            too_few={self.names[code]: int(cells[code]) for code in np.flatnonzero(few)},
        )

    def info(
        self, report: ConversionReport, normalisation: str | None, options: ConvertOptions
    ) -> dict[str, object]:
        """Provenance of the effects, for the file."""
        return {
            "kind": report.kind,
            "control": list(self.column.reading.controls),
            "normalisation": normalisation,
            "sources": [{"file": Path(report.file).name, "sha256": report.sha256}],
            "own_readout": "kept" if options.keep_own_readout else "not measured",
            "combinations": list(report.combinations),
            "too_few_cells": dict(report.too_few_cells),
            "failed_knock_downs": report.failed_knock_downs,
        }

    def counted(self) -> dict[str, int]:
        """Cells of each perturbation and of the control, where known."""
        if self.n_cells is None or self.cells_of_names is None:
            return {}
        numbers = dict(zip(self.names, self.cells_of_names.tolist(), strict=True))
        numbers[CONTROL] = float(self.n_cells[self.is_control].sum())
        return {name: int(n) for name, n in numbers.items() if n == n and (n or name != CONTROL)}


def read_rows(file: AnnotatedFile, options: ConvertOptions, may_repeat: bool) -> Rows:
    """Name the rows of a file.

    Parameters
    ----------
    may_repeat
        Whether several rows of one perturbation belong to the format (samples, transcripts).

    Raises
    ------
    DataError
        If rows repeat that may not, or the names cannot be told.
    """
    symbols = default_symbols()
    column = _column(file, options)
    first = {
        text: f"row {row}" for row, text in reversed(list(enumerate(column.labels.texts(), 1)))
    }
    refuse_damaged({text: row for text, row in first.items() if text}, symbols, str(file.path))
    is_bulk = column.name is None and is_replogle_bulk(file)
    rows_of = _rows_of(column)
    repeated = {name: rows for name, rows in rows_of.items() if len(rows) > 1}
    if repeated and not (may_repeat or is_bulk) and options.duplicated_rows == "error":
        shown = some([f"{name} (rows {', '.join(map(str, r))})" for name, r in repeated.items()])
        raise DataError(
            f"{file.path}: {len(repeated)} perturbations stand in several rows: {shown}",
            "Remove the repeats, or ask for their mean: --duplicated-rows mean.",
        )
    where = {name: f"row {rows[0]}" for name, rows in rows_of.items()}
    genes = check_names(column.reading.names, symbols, options, str(file.path), where)
    names = tuple(dict.fromkeys(genes.name_of.values()))
    if not names:
        raise DataError(f"{file.path}: no row is a perturbation", "Are all rows controls?")
    number: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    number |= {name: number[kept] for name, kept in genes.name_of.items()}
    number |= {CONTROL: len(names), None: -1}
    code_of = [number[column.reading.name_of[label]] for label in column.labels.names]
    notes = [f"Rows of one gene were pooled: {some(list(repeated))}."] if repeated else []
    n_cells, cell_notes = _n_cells(file)
    return Rows(
        column,
        genes,
        names,
        np.array([*code_of, -1])[column.labels.codes],
        n_cells,
        (*notes, *cell_notes),
    )


def report_of_rows(
    path: Path, kind: str, why: str, rows: Rows, readouts: Readouts
) -> ConversionReport:
    """What is to be said of the rows, whatever was made of their values."""
    reading, n_cells = rows.column.reading, rows.counted()
    control = ", ".join(map(repr, reading.controls))
    control_lines = (f"Control rows: {control}.",) if reading.controls else ()
    return ConversionReport(
        file=str(path),
        sha256=sha256_of(path),
        kind=kind,
        recognised=(why, rows.column.why, *control_lines),
        n_cells=n_cells,
        too_few_cells=rows.too_few,
        few_cells={name: n for name, n in n_cells.items() if n < FEW_CELLS and name != CONTROL},
        merged=reading.merged,
        combinations=tuple(name for name in reading.combinations if name in rows.names),
        left_out=rows.column.left_out,
        outdated=rows.genes.outdated,
        unknown=rows.genes.unknown,
        notes=(*rows.notes, *readouts.notes, *pooled_note(rows.genes)),
    )


def _column(file: AnnotatedFile, options: ConvertOptions) -> PerturbationColumn:
    symbols = default_symbols()
    if options.perturbation is not None:
        return find_column(file, symbols, options.perturbation, options.control)
    if is_replogle_bulk(file):
        matches = [REPLOGLE_ROW.fullmatch(name) for name in file.observations]
        texts = [match["gene"] if match else None for match in matches]
        return _read(Labels.of(texts), None, options, "Perturbations: the symbol in the index.")
    name, labels = row_labels(file)
    source = "the index" if name is None else f"obs[{name!r}]"
    return _read(labels, name, options, f"Perturbations: {source}.")


def _read(
    labels: Labels, name: str | None, options: ConvertOptions, why: str
) -> PerturbationColumn:
    used = Labels.of(labels.texts())  # only labels that a row has
    reading = read_labels(used.names, default_symbols(), options.control, has_unassigned=False)
    return PerturbationColumn(name, used, reading, why)


def _rows_of(column: PerturbationColumn) -> dict[str, list[int]]:
    """Perturbation → its rows, counted from 1."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(column.labels.texts(), start=1):
        name = None if text is None else column.reading.name_of[text]
        if name is not None and name != CONTROL:
            rows[name].append(row)
    return dict(rows)


def _n_cells(file: AnnotatedFile) -> tuple[np.ndarray | None, Sequence[str]]:
    for name in ("n_cells", *CELL_NUMBERS):
        if not file.has("obs", name):
            continue
        numbers = file.numbers("obs", name)
        unknown = np.isnan(numbers)
        if unknown.any() and file.has("obs", "num_cells_unfiltered"):
            numbers = np.where(unknown, file.numbers("obs", "num_cells_unfiltered"), numbers)
            _refuse_cells(numbers, name, str(file.path))
            return numbers, [
                f"obs[{name!r}] is missing in {unknown.sum()} rows; there the cells before "
                "filtering count."
            ]
        _refuse_cells(numbers, name, str(file.path))
        return numbers, []
    return None, []


def _refuse_cells(numbers: np.ndarray, name: str, place: str) -> None:
    wrong = np.flatnonzero((numbers < 0) | np.isinf(numbers))
    if wrong.size:
        raise DataError(
            f"{place}: row {wrong[0] + 1}: obs[{name!r}] is {numbers[wrong[0]]:g}, expected 0 or "
            f"more" + (f"; {wrong.size} such rows" if wrong.size > 1 else ""),
            "Correct the number of cells; NaN where it is not known.",
        )
