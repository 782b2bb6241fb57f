"""Raw counts of single cells: effects are differences of mean log1p(10000 × count / total)."""

from __future__ import annotations

from pathlib import Path

from mechpert_al.effects.annotated import RAW, AnnotatedFile
from mechpert_al.effects.conversion import ConversionReport, ConvertOptions
from mechpert_al.effects.group_sums import TARGET_TOTAL, check_first_counts, sum_counts
from mechpert_al.effects.readers.cells import CellMeasure, effects_of_cells
from mechpert_al.effects.readers.kinds import looks_like_counts, why_kind
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError

MEASURE = CellMeasure(
    "counts",
    f"mean over cells of log1p({TARGET_TOTAL} × count / cell total), perturbed minus control",
    sum_counts,
    is_counts=True,
)


def recognises(path: Path) -> str | None:
    """Whether the rows of an AnnData file are cells."""
    return why_kind(path, "counts")


def read(path: Path, options: ConvertOptions, why: str) -> tuple[EffectTable, ConversionReport]:
    """Effects of single cells.

    Raises
    ------
    DataError
        If the values are no counts, or labels, controls or readouts cannot be told.
    """
    _refuse_other_values(path, options.layer, options.guide_calls)
    return effects_of_cells(path, options, why, MEASURE)


def _refuse_other_values(path: Path, layer: str | None, guide_calls: str | None) -> None:
    """Say at once if these are no counts, and which layer holds some."""
    with AnnotatedFile(path, layer, guide_calls) as file:
        try:
            check_first_counts(file.matrix(layer), file.names_at)
            return
        except DataError as error:
            refused = error
        counts = [name for name in file.layers if looks_like_counts(file.matrix(name))]
    with AnnotatedFile(path, None, guide_calls) as file:
        has_raw = "raw/X" in file.root or "raw.X" in file.root
    if has_raw and layer != RAW:
        with AnnotatedFile(path, RAW) as file:
            counts += [RAW] if looks_like_counts(file.matrix(RAW)) else []
    if not counts:
        raise refused
    hint = f"Raw counts seem to lie elsewhere: --layer {' or --layer '.join(counts)}."
    raise DataError(refused.message, f"{hint} {refused.hint}") from refused
