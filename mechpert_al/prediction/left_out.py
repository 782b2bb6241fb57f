"""Each anchor left out in turn: how well the others predict it.

Leaving an anchor out of an inverse is a rank-one downdate, so no system is solved again; and a
left-out prediction is a weighted sum of the other anchors' unit profiles, so its correlation with
the anchor follows from the correlations R among them.
"""

from __future__ import annotations

import numpy as np

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.prediction.kriging import WIENER


def left_out_correlations(
    kernels: np.ndarray, correlation: np.ndarray, noise: float = NOISE, ridge: float = WIENER
) -> np.ndarray:
    """Correlation of each anchor's profile with its prediction from the other anchors.

    Parameters
    ----------
    kernels
        Some kernels among the anchors, shape (n_kernels, n_anchors, n_anchors).
    correlation
        R among the anchors.
    noise, ridge
        σ² and λ.

    Returns
    -------
    numpy.ndarray
        Shape (n_kernels, n_anchors); 0 where nothing is predicted.
    """
    size = len(correlation)
    own = np.arange(size)
    inverse = np.linalg.inv(kernels + noise * np.eye(size))
    wiener = np.linalg.inv(correlation + ridge * np.eye(size))
    first = -inverse / np.einsum("mii->mi", inverse)[:, :, None]
    first[:, own, own] = 0
    through = first @ wiener
    drop = np.einsum("mii->mi", through) / np.diag(wiener)
    weights = first - ridge * (through - drop[:, :, None] * wiener)
    weights[:, own, own] = 0
    products = weights @ correlation
    sizes = np.einsum("mij,mij->mi", products, weights)
    with_truth = np.einsum("mii->mi", products)
    is_told = sizes > 1e-12
    scale = np.sqrt(np.where(is_told, sizes, 1) * np.maximum(np.diag(correlation), 1e-12))
    return np.where(is_told, with_truth / scale, 0)
