"""Expression values that were normalised already: effects are differences of their means."""

from __future__ import annotations

from pathlib import Path

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.conversion import ConversionReport, ConvertOptions
from mechpert_al.effects.group_sums import sum_expression
from mechpert_al.effects.readers.cells import CellMeasure, effects_of_cells
from mechpert_al.effects.readers.kinds import looks_like_counts
from mechpert_al.effects.table import EffectTable

MEASURE = CellMeasure(
    "expression",
    "mean over cells of the values as they stand, perturbed minus control",
    sum_expression,
    is_counts=False,
)


def recognises(path: Path) -> str | None:
    """Never: whether values were normalised, and how, only the user knows (--kind expression)."""
    del path
    return None


def read(path: Path, options: ConvertOptions, why: str) -> tuple[EffectTable, ConversionReport]:
    """Effects of cells whose values were normalised before."""
    with AnnotatedFile(path, options.layer, options.guide_calls) as file:
        if looks_like_counts(file.matrix(options.layer)):
            why += " The values look like raw counts: --kind counts would normalise them."
    return effects_of_cells(path, options, why, MEASURE)
