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
    if expected <= 0:
        return np.zeros(weights.shape)
    ordered = np.sort(weights[possible])[::-1]
    below = np.cumsum(ordered[::-1])[::-1]  # sum of the k-th largest weight and all smaller ones
    certain = np.arange(len(ordered))  # how many have probability 1
    scales = (expected - certain) / below
    fits = (scales > 0) & (scales * ordered <= 1)
    return np.minimum(1, scales[int(np.argmax(fits))] * weights)
