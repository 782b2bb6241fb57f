"""Weighted neighbours: a target is the weighted mean of its measured neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from mechpert_al.prediction.base import ProfileRegressor, candidate_numbers


class NeighbourRegressor(ProfileRegressor):
    """Shrunken weighted mean of the measured neighbours.

    ŷ(t) − μ = Σ_a w[t,a] (E[a] − μ) / (λ + Σ_a |w[t,a]|), the sums over the anchors that measured
    the readout.

    Parameters
    ----------
    links
        Weights (n_genes, n_genes), row t = the neighbourhood of t; signed.
    shrinkage
        λ: draws a weakly supported target to the mean. Without missing values it changes the size
        of the predicted deviation, not its shape.
    is_weighted
        False: every neighbour with a positive weight counts the same (an unweighted list).
    """

    def __init__(
        self, links: sparse.csr_array, shrinkage: float = 0.1, is_weighted: bool = True
    ) -> None:
        self.links = links
        self.shrinkage = shrinkage
        self.is_weighted = is_weighted

    def _raw_weights(self, targets: np.ndarray) -> np.ndarray:
        rows = self.links[targets]
        block = np.asarray(rows[:, self.anchors_].toarray(), dtype=np.float64)
        return block if self.is_weighted else (block > 0).astype(np.float64)

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        raw = self._raw_weights(targets)
        if self.is_complete_:
            return self._shares(raw, np.abs(raw).sum(axis=1, keepdims=True)) @ self.deviations_
        known = ~np.isnan(self.deviations_)
        total = raw @ np.where(known, self.deviations_, 0)
        return self._shares(total, np.abs(raw) @ known.astype(np.float64))

    def weights(self, X: Any) -> np.ndarray:
        """What each anchor's deviation counts for each target, shape (n_targets, n_anchors)."""
        raw = self._raw_weights(candidate_numbers(X))
        return self._shares(raw, np.abs(raw).sum(axis=1, keepdims=True))

    def _shares(self, total: np.ndarray, mass: np.ndarray) -> np.ndarray:
        return np.where(mass > 0, total / np.maximum(mass + self.shrinkage, 1e-300), 0)


class MeanRegressor(ProfileRegressor):
    """The mean profile of the anchors for every target: the deviation is zero."""

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        return np.zeros((len(targets), self.deviations_.shape[1]))

    def weights(self, X: Any) -> np.ndarray:
        """What each anchor's deviation counts for each target, shape (n_targets, n_anchors)."""
        return np.zeros((len(candidate_numbers(X)), len(self.anchors_)))
