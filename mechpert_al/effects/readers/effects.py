"""Files that hold effects already: our own, any AnnData of perturbations, normalised bulk files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.conversion import DEFAULT_MIN_CELLS, ConversionReport, ConvertOptions
from mechpert_al.effects.files import KEY, read_effects
from mechpert_al.effects.gene_names import default_symbols
from mechpert_al.effects.own_readout import knock_downs, without_own_readouts
from mechpert_al.effects.pooling import pooled, pooled_errors
from mechpert_al.effects.readers.kinds import is_replogle_bulk, why_kind
from mechpert_al.effects.readers.rows import Rows, read_rows, report_of_rows
from mechpert_al.effects.readouts import own_readouts, read_readouts
from mechpert_al.effects.sources import sha256_of
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError, UsageError

BULK_NORMALISATION = "mean over cells of z-scores against the controls of each gem group"


def recognises(path: Path) -> str | None:
    """Whether the rows of an AnnData file are perturbations and its values effects."""
    return why_kind(path, "effects")


def read(path: Path, options: ConvertOptions, why: str) -> tuple[EffectTable, ConversionReport]:
    """Effects as they stand; rows of one gene are pooled weighted by cells.

    Raises
    ------
    DataError
        If names repeat, or values are infinite (``infinite`` says what to do with them).
    UsageError
        If an option comes too late for a file that was converted before.
    """
    with AnnotatedFile(path, options.layer, options.guide_calls) as file:
        if file.note(KEY) is not None:
            return _own_file(path, options, why)
        rows = read_rows(file, options, may_repeat=False)
        rows = rows.with_enough_cells(options.min_cells, str(path))
        readouts = read_readouts(file, options, default_symbols(), can_sum=False)
        values = file.matrix(options.layer).dense()
        is_bulk = is_replogle_bulk(file)
        has_errors = "standard_error" in file.layers
        errors = file.matrix("standard_error").dense() if has_errors else None
        place, gaps = str(path), file.gaps()
    infinite = options.infinite or ("missing" if is_bulk else "error")
    values, notes = _finite(values, rows, readouts.names, infinite, place)
    effects = pooled(values, rows.code, rows.weights, len(rows.names)).astype(np.float32)
    if errors is not None:
        errors = pooled_errors(errors, values, rows.code, rows.weights, len(rows.names))
    own = own_readouts(rows.names, readouts.names, default_symbols())
    downs = knock_downs(effects, rows.names, own)
    if not options.keep_own_readout:
        effects = without_own_readouts(effects, rows.names, own)
    report = report_of_rows(path, "effects", why, rows, readouts)
    report = replace(report, knock_downs=downs, notes=(*report.notes, *notes, *gaps))
    info = rows.info(report, BULK_NORMALISATION if is_bulk else None, options)
    cells = rows.cells_of_names
    return EffectTable(rows.names, readouts.names, effects, cells, errors, info), report


def _own_file(
    path: Path, options: ConvertOptions, why: str
) -> tuple[EffectTable, ConversionReport]:
    table = read_effects(path)
    _refuse_options(path, table, options)
    cells = [] if table.n_cells is None else table.n_cells.tolist()
    counted = zip(table.perturbations, cells, strict=False)
    n_cells = {name: int(n) for name, n in counted if n == n}
    few = {name: n for name, n in n_cells.items() if n < options.min_cells}
    kept = [name for name in table.perturbations if name not in few]
    if not kept:
        raise DataError(
            f"{path}: no perturbation has {options.min_cells} cells", "Lower --min-cells."
        )
    return (table.take(kept) if few else table), ConversionReport(
        file=str(path),
        sha256=sha256_of(path),
        kind="effects",
        recognised=(why,),
        n_cells={name: n for name, n in n_cells.items() if name not in few},
        too_few_cells=few,
        combinations=tuple(one for one in table.info.get("combinations", ()) if one not in few),
        notes=("Taken as it stands: it was converted before.",),
    )


def _refuse_options(path: Path, table: EffectTable, options: ConvertOptions) -> None:
    """Stop at options that would have had to be given when the file was made."""
    asked = {
        f"--min-cells {options.min_cells}": (
            options.min_cells != DEFAULT_MIN_CELLS and table.n_cells is None,
            "the file does not say how many cells there were",
        ),
        "--shrink": (
            options.shrink and not table.info.get("shrunk"),
            "its effects were converted before, without it",
        ),
        "--infinite missing": (
            options.infinite == "missing",
            "a converted file holds no infinite values",
        ),
    }
    wrong = {option: why for option, (holds, why) in asked.items() if holds}
    if wrong:
        raise UsageError(
            f"{path}: "
            + "; ".join(f"{option} cannot apply, {why}" for option, why in wrong.items()),
            f"Leave {' and '.join(wrong)} out, or give the source of the file with it.",
        )


def _finite(
    values: np.ndarray, rows: Rows, readouts: tuple[str, ...], infinite: str, place: str
) -> tuple[np.ndarray, list[str]]:
    wrong = np.argwhere(np.isinf(values) & (rows.code >= 0)[:, None])
    if not len(wrong):
        return values, []
    row, column = wrong[0]
    if infinite == "error":
        raise DataError(
            f"{place}: {len(wrong)} infinite values, the first in row {row + 1}, readout "
            f"{readouts[column]!r}",
            "Write NaN where nothing could be measured, or ask for it: --infinite missing.",
        )
    values = np.where(np.isinf(values), np.nan, values)
    return values, [f"Infinite values taken as not measured: {len(wrong)}."]
