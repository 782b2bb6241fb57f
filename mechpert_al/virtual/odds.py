"""Probabilities in proportion to a weight that add up to a wanted number."""

from __future__ import annotations

import numpy as np


def proportional_odds(weights: np.ndarray, expected: float) -> np.ndarray:
    """Probabilities min(1, c × weight) with the wanted sum.

    Parameters
    ----------
    weights
        Any shape, none negative; 0 = impossible.
    expected
        Sum of the probabilities; where fewer are possible, all of these have probability 1.

    Returns
    -------
    numpy.ndarray
        Same shape as ``weights``.
    """
    possible = weights > 0
    if expected >= possible.sum():
        return possible.astype(np.float64)
    low, high = 0.0, 1 / weights[possible].min()
    for _ in range(60):
        middle = (low + high) / 2
        if np.minimum(1, middle * weights).sum() < expected:
            low = middle
        else:
            high = middle
    return np.minimum(1, high * weights)
