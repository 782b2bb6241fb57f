"""Rows of one perturbation put together."""

from __future__ import annotations

import numpy as np


def pooled(values: np.ndarray, code: np.ndarray, weights: np.ndarray, n_names: int) -> np.ndarray:
    """Weighted means of the rows of each name, over the rows that have a value.

    Parameters
    ----------
    values
        Shape (n_rows, n_readouts), NaN = not measured.
    code
        Name of each row; rows outside 0 … n_names − 1 are left out.
    weights
        Shape (n_rows,).

    Returns
    -------
    float64, shape (n_names, n_readouts); NaN where no row has a value.
    """
    result = np.full((n_names, values.shape[1]), np.nan)
    for name in range(n_names):
        rows = np.flatnonzero(code == name)
        part = values[rows].astype(np.float64)
        weight = np.where(np.isnan(part), 0, weights[rows, None])
        total = weight.sum(axis=0)
        summed = (np.nan_to_num(part) * weight).sum(axis=0)
        np.divide(summed, total, out=result[name], where=total > 0)
    return result


def pooled_errors(
    errors: np.ndarray, code: np.ndarray, weights: np.ndarray, n_names: int
) -> np.ndarray:
    """Standard errors of the weighted means of independent rows; parameters as `pooled`."""
    result = np.full((n_names, errors.shape[1]), np.nan)
    for name in range(n_names):
        rows = np.flatnonzero(code == name)
        share = weights[rows] / max(weights[rows].sum(), 1e-300)
        result[name] = np.sqrt(((errors[rows] * share[:, None]) ** 2).sum(axis=0))
    return result
