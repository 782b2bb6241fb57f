"""Sums or means of raw counts over groups of cells: one or several rows a perturbation.

A row becomes log1p(10000 × value / row total); effects are differences to the control rows of the
same batch, weighted by cells. That is the logarithm of a mean, where single cells give the mean of
logarithms.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.cell_groups import batches_of
from mechpert_al.effects.conversion import ConversionReport, ConvertOptions, some
from mechpert_al.effects.gene_names import default_symbols
from mechpert_al.effects.group_sums import TARGET_TOTAL
from mechpert_al.effects.labels import check_control
from mechpert_al.effects.own_readout import knock_downs, without_own_readouts
from mechpert_al.effects.pooling import pooled
from mechpert_al.effects.readers.kinds import why_kind
from mechpert_al.effects.readers.rows import Rows, read_rows, report_of_rows
from mechpert_al.effects.readouts import Readouts, own_readouts, read_readouts
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError

BATCHES = ("batch", "donor", "gem_group", "lane", "library", "plate", "replicate", "run", "sample")
"""Names of columns that look like batches."""
LAYERS = ("sum", "counts", "mean")
"""Where a maker leaves ``X`` empty, the layers that hold sums or means."""
NORMALISATION = f"log1p({TARGET_TOTAL} × mean count / mean total), perturbed minus control"


def recognises(path: Path) -> str | None:
    """Whether the rows of an AnnData file are sums or means over groups of cells."""
    return why_kind(path, "pseudobulk")


def read(path: Path, options: ConvertOptions, why: str) -> tuple[EffectTable, ConversionReport]:
    """Effects of pseudobulk rows.

    Raises
    ------
    DataError
        If a value is below 0 or missing, there is no control row, or no group has enough cells.
    """
    with AnnotatedFile(path, options.layer, options.guide_calls) as file:
        rows = read_rows(file, options, may_repeat=True)
        reading, place = rows.column.reading, str(path)
        check_control(reading, rows.column.n_of, options.control, place, "rows")
        readouts = read_readouts(file, options, default_symbols(), can_sum=True)
        values = _values(file, options, readouts)
        batch_names, batch = batches_of(file, options.batch)
        notes = () if options.batch else _batch_note(file, rows)
        gaps = file.gaps()
    totals = values.sum(axis=1, dtype=np.float64)
    rows = rows.without(totals == 0).with_enough_cells(options.min_cells, place)
    values *= (TARGET_TOTAL / np.where(totals > 0, totals, 1))[:, None].astype(np.float32)
    own = own_readouts(rows.names, readouts.names, default_symbols())
    remaining = _remaining(values, rows, batch, own)
    np.log1p(values, out=values)
    control = _control(values, rows, batch)
    effects = pooled(values - control[batch], rows.code, rows.weights, len(rows.names))
    downs = knock_downs(effects, rows.names, own, remaining)
    if not options.keep_own_readout:
        effects = without_own_readouts(effects, rows.names, own)
    report = replace(
        report_of_rows(path, "pseudobulk", why, rows, readouts),
        empty_cells=int((totals == 0).sum()),
        unmatched_batches=_unmatched(control, rows, batch, batch_names),
        knock_downs=downs,
    )
    report = replace(report, notes=(*report.notes, *notes, *gaps))
    info = rows.info(report, NORMALISATION, options)
    return EffectTable(rows.names, readouts.names, effects, rows.cells_of_names, None, info), report


def _batch_note(file: AnnotatedFile, rows: Rows) -> tuple[str, ...]:
    """That controls of several batches are pooled, if a column looks like one of batches."""
    for name in file.columns("obs"):
        if name.lower() not in BATCHES:
            continue
        batches, batch = batches_of(file, name)
        of_control = np.unique(batch[rows.is_control & (batch >= 0)])
        if len(of_control) > 1:
            shown = some([batches[code] for code in of_control])
            return (
                f"The controls of {len(of_control)} batches by column {name!r} ({shown}) were "
                f"pooled; --batch {name} compares within each.",
            )
    return ()


def _values(file: AnnotatedFile, options: ConvertOptions, readouts: Readouts) -> np.ndarray:
    """float32, shape (n_rows, n_readouts); columns of one readout summed."""
    layers = [name for name in LAYERS if name in file.layers]
    layer = options.layer or (None if file.has_x or not layers else layers[0])
    matrix = file.matrix(layer)
    values = matrix.dense()
    wrong = np.argwhere(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{matrix.place}: {values[row, column]:g} in row {row + 1}, readout "
            f"{file.variables[column]!r}; expected a sum or mean of counts, from 0 on",
            "If the rows hold effects already: --kind effects.",
        )
    if len(readouts.names) == values.shape[1]:
        return values
    summed = np.zeros((len(values), len(readouts.names)), dtype=np.float32)
    np.add.at(summed.T, readouts.of_column, values.T)
    return summed


def _control(values: np.ndarray, rows: Rows, batch: np.ndarray) -> np.ndarray:
    """Mean of the control rows of each batch, and NaN for a row without batch."""
    code = np.where(rows.is_control, batch, -1)
    means = pooled(values, code, rows.weights, int(batch.max(initial=0)) + 1)
    return np.vstack([means, np.full(values.shape[1], np.nan)]).astype(np.float32)


def _remaining(
    values: np.ndarray, rows: Rows, batch: np.ndarray, own: dict[str, list[int]]
) -> np.ndarray:
    """Expression of the own readout, perturbed over control; shape (n_perturbations,)."""
    control = _control(values, rows, batch)
    remaining = np.full(len(rows.names), np.nan)
    for number, name in enumerate(rows.names):
        if name not in own:
            continue
        of_name, column = rows.code == number, own[name][0]
        expected = np.average(control[batch[of_name], column], weights=rows.weights[of_name])
        measured = np.average(values[of_name, column], weights=rows.weights[of_name])
        if expected > 0:
            remaining[number] = measured / expected
    return remaining


def _unmatched(
    control: np.ndarray, rows: Rows, batch: np.ndarray, names: tuple[str, ...]
) -> dict[str, int]:
    """Batch → perturbed rows without a control row of their own batch."""
    has_control = ~np.isnan(control).all(axis=1)
    lost = (rows.code >= 0) & ~rows.is_control & ~has_control[batch]
    labels = (*names, "(no batch)")
    return {labels[code]: int((batch[lost] == code).sum()) for code in np.unique(batch[lost])}
