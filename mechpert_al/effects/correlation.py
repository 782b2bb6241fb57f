"""Correlation between effect profiles that may have been measured on different readouts."""

from __future__ import annotations

import numpy as np

from mechpert_al.effects.table import EffectTable


def profile_correlation(
    profiles: EffectTable | np.ndarray, min_shared: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Pearson correlation between rows, each pair over the readouts that both measured.

    Parameters
    ----------
    profiles
        An effect table, or values of shape (n_perturbations, n_readouts) with NaN = not measured.
    min_shared
        Fewest shared readouts for a correlation, at least 2.

    Returns
    -------
    correlation
        float64, shape (n_perturbations, n_perturbations), between −1 and 1; NaN where a pair
        shares too few readouts or one profile does not vary over them.
    shared
        int64, same shape: readouts that both rows measured.
    """
    values = profiles.values if isinstance(profiles, EffectTable) else profiles
    values = np.asarray(values, dtype=np.float64)
    measured = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        n_row = measured.sum(axis=1, keepdims=True)
        # Correlations do not change with a row's origin and scale; near ones keep the digits.
        values = values - np.where(measured, values, 0).sum(axis=1, keepdims=True) / n_row
        values = np.where(measured, values, 0.0)
        scale = np.abs(values).max(axis=1, initial=0, keepdims=True)
        values = values / np.where(scale > 0, scale, 1)
        present = measured.astype(np.float64)
        shared = present @ present.T
        sums = values @ present.T  # [i, j]: sum of row i over the readouts shared with j
        squares = values**2 @ present.T - sums**2 / shared
        products = values @ values.T - sums * sums.T / shared
        correlation = products / np.sqrt(squares * squares.T)
    flat = squares <= 1e-12 * np.maximum(values**2 @ present.T, 1e-300)
    known = (shared >= max(min_shared, 2)) & ~flat & ~flat.T
    correlation = np.where(known, np.clip(correlation, -1, 1), np.nan)
    return correlation, shared.astype(np.int64)
