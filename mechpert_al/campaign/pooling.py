"""Measurements of a campaign put together from accepted deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mechpert_al.campaign.state import Source
from mechpert_al.effects import EffectTable


def assembled(
    measured: Mapping[str, Sequence[Source]],
    table_of: Callable[[str], EffectTable],
    info: Mapping[str, Any],
) -> EffectTable | None:
    """One table of all measured genes.

    Parameters
    ----------
    measured
        For each gene the deliveries that count; several are pooled.
    table_of
        Gives the accepted effects of a delivery.
    info
        Provenance to put into the table.

    Returns
    -------
    EffectTable or None
        Rows in the order of ``measured``, columns in the order in which deliveries named them;
        None if nothing is measured.
    """
    if not measured:
        return None
    names = dict.fromkeys(source.effects for sources in measured.values() for source in sources)
    tables = {name: table_of(name) for name in names}
    readouts = tuple(dict.fromkeys(r for table in tables.values() for r in table.readouts))
    column = {readout: number for number, readout in enumerate(readouts)}
    places = {
        name: np.array([column[readout] for readout in table.readouts])
        for name, table in tables.items()
    }
    values = np.full((len(measured), len(readouts)), np.nan)
    errors, cells = values.copy(), np.full(len(measured), np.nan)
    for row, (gene, sources) in enumerate(measured.items()):
        parts = [(tables[source.effects], places[source.effects]) for source in sources]
        values[row], errors[row], cells[row] = _pooled(gene, parts, len(readouts))
    has_cells = any(table.n_cells is not None for table in tables.values())
    has_errors = any(table.standard_error is not None for table in tables.values())
    return EffectTable(
        tuple(measured),
        readouts,
        values,
        cells if has_cells else None,
        errors if has_errors else None,
        info,
    )


def _pooled(
    gene: str, parts: Sequence[tuple[EffectTable, np.ndarray]], n_readouts: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Values, standard errors and cells of one gene.

    Deliveries are weighted by their cells, readout by readout among those that measured it; with
    the cells of one of them unknown, all weigh the same. The error of Σwᵢxᵢ/Σwᵢ is
    √(Σwᵢ²sᵢ²)/Σwᵢ, the deliveries being independent.
    """
    shape = (len(parts), n_readouts)
    values, errors, cells = (
        np.full(shape, np.nan),
        np.full(shape, np.nan),
        np.full(len(parts), np.nan),
    )
    for number, (table, places) in enumerate(parts):
        row = table.row_of[gene]
        values[number, places] = table.values[row]
        if table.standard_error is not None:
            errors[number, places] = table.standard_error[row]
        if table.n_cells is not None:
            cells[number] = table.n_cells[row]
    if len(parts) == 1:
        return values[0], errors[0], float(cells[0])
    shares = np.ones(len(parts)) if np.isnan(cells).any() else cells
    weights = np.where(np.isnan(values), 0.0, shares[:, None])
    total = weights.sum(axis=0)
    total[total == 0] = np.nan
    mean = (weights * np.nan_to_num(values)).sum(axis=0) / total
    is_measured = weights > 0
    squares = np.where(is_measured, (weights * errors) ** 2, 0.0)  # an unknown error stays unknown
    return mean, np.sqrt(squares.sum(axis=0)) / total, float(cells.sum())
