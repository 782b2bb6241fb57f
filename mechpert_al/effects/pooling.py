"""Rows of one perturbation put together, weighted by their cells."""

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
        part, weight = _part(values, code == name, weights)
        total = weight.sum(axis=0)
        summed = (np.nan_to_num(part) * weight).sum(axis=0)
        np.divide(summed, total, out=result[name], where=total > 0)
    return result


def pooled_errors(
    errors: np.ndarray, values: np.ndarray, code: np.ndarray, weights: np.ndarray, n_names: int
) -> np.ndarray:
    """Standard errors of the means of `pooled`, √(Σwᵢ²sᵢ²)/Σwᵢ for independent rows.

    Parameters
    ----------
    errors
        Shape (n_rows, n_readouts); where the error of a value is not known, that of the mean is
        not.
    values, code, weights, n_names
        As in `pooled`.
    """
    result = np.full((n_names, values.shape[1]), np.nan)
    for name in range(n_names):
        _, weight = _part(values, code == name, weights)
        total = weight.sum(axis=0)
        squares = np.where(weight > 0, (weight * errors[code == name]) ** 2, 0.0)
        np.divide(np.sqrt(squares.sum(axis=0)), total, out=result[name], where=total > 0)
    return result


def _part(
    values: np.ndarray, is_meant: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Some rows, and the weight of each value: 0 where it is missing."""
    part = values[is_meant].astype(np.float64)
    return part, np.where(np.isnan(part), 0.0, weights[is_meant, None])
