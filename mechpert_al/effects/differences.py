"""From sums over groups of cells to effects: perturbed minus control, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.group_sums import GroupSums

_ROWS = 256


@dataclass(frozen=True, eq=False)
class Differences:
    """Effects and their standard errors.

    Parameters
    ----------
    values
        float32, shape (n_perturbations, n_readouts).
    standard_error
        Same shape; NaN where a variance cannot be known (one cell, or no variation at all).
    """

    values: np.ndarray
    standard_error: np.ndarray


def difference_to_control(sums: GroupSums, n_by_batch: np.ndarray) -> Differences:
    """Effects of the first groups against the last, the controls of each batch.

    Within a batch b the effect is mean(perturbed) − mean(control); batches are pooled weighted by
    their perturbed cells, w[p, b] = n[p, b] / n[p]. The variance is s²[p] / n[p] + Σ w² s²[c, b] /
    n[c, b], with s² the sample variances. Over several batches s²[p] also holds the differences
    between them, so that the standard error is rather too large than too small.

    Parameters
    ----------
    sums
        Groups 0 … n_perturbations − 1 are perturbations, the rest controls, one a batch.
    n_by_batch
        Cells, shape (n_perturbations, n_batches).
    """
    n_perturbations = len(n_by_batch)
    n_cells = sums.n_cells[:n_perturbations]
    n_control = sums.n_cells[n_perturbations:, None]
    weights = n_by_batch / np.maximum(n_cells, 1)[:, None]
    control = sums.sums[n_perturbations:] / n_control
    control_variance = _variance(sums, slice(n_perturbations, None)) / n_control
    values = np.empty((n_perturbations, sums.sums.shape[1]), dtype=np.float32)
    errors = np.empty_like(values)
    for start in range(0, n_perturbations, _ROWS):
        rows = slice(start, min(start + _ROWS, n_perturbations))
        n = np.maximum(n_cells[rows, None], 1)
        values[rows] = sums.sums[rows] / n - weights[rows] @ control
        variance = _variance(sums, rows) / n + weights[rows] ** 2 @ control_variance
        errors[rows] = np.sqrt(np.where(variance > 0, variance, np.nan))
    return Differences(values, errors)


def shrunk(values: np.ndarray, standard_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Effects drawn towards 0 by their standard errors (empirical Bayes, readout by readout).

    The effects e of a readout are taken as draws from N(0, τ²), measured with the variance s²;
    τ² = max(0, mean(e² − s²)) over its perturbations. The posterior mean is e τ² / (τ² + s²), its
    standard deviation √(τ² s² / (τ² + s²)). Where no standard error is known nothing is shrunk.

    Returns
    -------
    values, standard_error
        Same shapes as given.
    """
    known = ~np.isnan(values) & ~np.isnan(standard_error)
    effect = np.where(known, values, 0).astype(np.float64)
    noise = np.where(known, standard_error, 0).astype(np.float64) ** 2
    n_known = np.maximum(known.sum(axis=0), 1)
    spread = np.maximum((effect**2 - noise).sum(axis=0) / n_known, 0)
    total = np.where(known, spread + noise, 1)
    kept = np.where(known, spread / total, 1)
    return (
        (values * kept).astype(np.float32),
        np.where(known, np.sqrt(kept * noise), standard_error).astype(np.float32),
    )


def _variance(sums: GroupSums, groups: slice) -> np.ndarray:
    """Sample variances of groups; NaN where a group has a single cell."""
    n = np.maximum(sums.n_cells[groups, None], 1).astype(np.float64)
    spread = sums.squares[groups] - sums.sums[groups] ** 2 / n
    spread[spread < 4e-8 * n] = 0  # what the grid leaves where nothing varies
    return spread / np.where(n > 1, n - 1, np.nan)
