"""Text and Parquet tables: wide ones of effects, long ones as the field's tools write them."""

from __future__ import annotations

from pathlib import Path

from mechpert_al.effects.annotated import is_annotated
from mechpert_al.effects.conversion import FEW_CELLS, ConversionReport, ConvertOptions, some
from mechpert_al.effects.gene_names import default_symbols, pooled_note
from mechpert_al.effects.own_readout import knock_downs, without_own_readouts
from mechpert_al.effects.readouts import own_readouts
from mechpert_al.effects.sources import sha256_of
from mechpert_al.effects.table import EffectTable
from mechpert_al.effects.tables.delimited import DelimitedFile
from mechpert_al.effects.tables.forms import has_no_effects, long_columns
from mechpert_al.effects.tables.grid import Grid
from mechpert_al.effects.tables.long import grid_of_pairs
from mechpert_al.effects.tables.numbers import MARK_NAMES
from mechpert_al.effects.tables.parquet import ParquetFile, is_parquet
from mechpert_al.effects.tables.wide import grid_of_rows
from mechpert_al.errors import DataError


def recognises(path: Path) -> str | None:
    """Whether the file is text, or Parquet."""
    if path.is_dir() or is_annotated(path):
        return None
    return "A Parquet table" if is_parquet(path) else "A text table"


def read(path: Path, options: ConvertOptions, why: str) -> tuple[EffectTable, ConversionReport]:
    """Effects of a text table.

    Raises
    ------
    DataError
        If the dialect, a number, a label or the meaning of the columns cannot be told; always
        with the line.
    """
    file = (ParquetFile if is_parquet(path) else DelimitedFile).open(path)
    grid = _grid(file, options)
    names = grid.names.names
    own = own_readouts(names, grid.readouts, default_symbols())
    values = grid.values
    if not options.keep_own_readout:
        values = without_own_readouts(values, names, own)
    n_cells = _n_cells(grid)
    few = {name: n for name, n in n_cells.items() if n < options.min_cells}
    kept = [name for name in names if name not in few]
    if not kept:
        raise DataError(
            f"{path}: no perturbation has {options.min_cells} cells", "Lower --min-cells."
        )
    downs = knock_downs(grid.values, names, own)
    mark = MARK_NAMES[grid.numbers.decimal]
    report = ConversionReport(
        file=str(path),
        sha256=sha256_of(path),
        kind="table",
        recognised=(
            f"{why.removesuffix('.')}, {file.form}, {mark}; {grid.what}.",
            *_left_out_lines(grid),
        ),
        n_cells=n_cells,
        too_few_cells=few,
        few_cells={n: k for n, k in n_cells.items() if options.min_cells <= k < FEW_CELLS},
        merged=grid.names.reading.merged,
        combinations=tuple(one for one in grid.names.reading.combinations if one not in few),
        knock_downs={name: down for name, down in downs.items() if name not in few},
        outdated=grid.names.genes.outdated,
        unknown=grid.names.genes.unknown,
        notes=(*_gap_lines(grid), *grid.notes, *pooled_note(grid.names.genes)),
    )
    info = {
        "kind": "table",
        "control": list(grid.names.controls),
        "normalisation": grid.unit,
        "sources": [{"file": path.name, "sha256": report.sha256}],
        "own_readout": "kept" if options.keep_own_readout else "not measured",
        "combinations": list(report.combinations),
        "too_few_cells": few,
    }
    table = EffectTable(names, grid.readouts, values, grid.n_cells, grid.standard_error, info)
    return (table.take(kept) if few else table), report


def _grid(file: DelimitedFile, options: ConvertOptions) -> Grid:
    columns = long_columns(file.header, options.perturbation)
    if columns is not None:
        return grid_of_pairs(file, columns, options)
    if has_no_effects(file.header):
        raise DataError(
            f"{file.path}: scores without effects (line {file.header_line} names 'scores', but no "
            "'logfoldchanges')",
            "Rank the genes with a method that gives fold changes.",
        )
    return grid_of_rows(file, options)


def _n_cells(grid: Grid) -> dict[str, int]:
    if grid.n_cells is None:
        return {}
    numbers = zip(grid.names.names, grid.n_cells.tolist(), strict=True)
    return {name: int(n) for name, n in numbers if n == n}


def _left_out_lines(grid: Grid) -> list[str]:
    left_out = [f"{label!r} ({why})" for label, why in grid.names.left_out().items()]
    return [f"Rows that are no perturbation: {some(left_out)}."] if left_out else []


def _gap_lines(grid: Grid) -> list[str]:
    texts = [f"{text!r} ({n})" for text, n in grid.numbers.missing.most_common()]
    return [f"Read as not measured: {some(texts)}."] if texts else []
