"""What every predictor of unmeasured perturbations shares.

A predictor is a scikit-learn regressor. Its X are row numbers of the candidate list, shape
(n, 1); its y are effect profiles, shape (n, n_readouts), NaN = not measured. `predict` gives whole
profiles; the centre (the mean of the anchors) and the deviation from it are available apart,
because only the deviation says what is special about a perturbation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

#: How strongly a readout's mean is drawn to the grand mean where anchors did not measure it.
CENTRE_SHRINKAGE = 1.0


class ProfileRegressor(RegressorMixin, BaseEstimator):
    """Base of the predictors: stores the anchors, their centre and their deviations.

    A subclass implements `_fit` (may do nothing), `deviation` and `weights`.

    Attributes
    ----------
    anchors_
        Candidate numbers of the measured perturbations, shape (n_anchors,).
    centre_
        Mean profile of the anchors, shape (n_readouts,).
    deviations_
        Anchor profiles minus the centre, shape (n_anchors, n_readouts), NaN = not measured.
    is_complete_
        True when no anchor value is missing.
    notices_
        What was left out and why, in words.
    """

    #: True when rotating the readouts rotates the prediction (all linear smoothers): the
    #: evaluation may then work in fewer dimensions. False is always safe.
    is_rotation_equivariant = True

    def fit(self, X: Any, y: Any) -> ProfileRegressor:
        """Take the measured profiles.

        Parameters
        ----------
        X
            Candidate numbers of the anchors, shape (n_anchors, 1), all different.
        y
            Their profiles, shape (n_anchors, n_readouts).
        """
        self.anchors_ = candidate_numbers(X)
        profiles = np.asarray(y, dtype=np.float64)
        if profiles.ndim != 2 or len(profiles) != len(self.anchors_):
            raise ValueError(
                f"y has shape {profiles.shape}, expected ({len(self.anchors_)}, n_readouts)"
            )
        if len(np.unique(self.anchors_)) != len(self.anchors_):
            raise ValueError("an anchor stands twice in X; pool its profiles first")
        if np.isinf(profiles).any():
            raise ValueError("y holds infinite values; NaN means not measured")
        self.n_features_in_ = 1
        self.notices_: list[str] = []
        self.is_complete_ = not np.isnan(profiles).any()
        self.centre_ = centre(profiles)
        self.deviations_ = profiles - self.centre_
        self._fit()
        return self

    def _fit(self) -> None:
        """Prepare what does not depend on the targets."""

    def predict(self, X: Any) -> np.ndarray:
        """Whole profiles of the targets, shape (n_targets, n_readouts)."""
        return self.centre_ + self.deviation(X)

    def deviation(self, X: Any) -> np.ndarray:
        """Predicted deviations from the centre, shape (n_targets, n_readouts), without NaN."""
        raise TypeError(f"{type(self).__name__} does not say how it predicts")

    def weights(self, X: Any) -> np.ndarray:
        """What each anchor's deviation counts for each target, shape (n_targets, n_anchors)."""
        raise TypeError(f"{type(self).__name__} does not say how it weighs")


def candidate_numbers(X: Any) -> np.ndarray:
    """The candidate numbers in X, shape (n,), from an (n, 1) or (n,) array."""
    numbers = np.asarray(X)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim != 1:
        raise ValueError(f"X has shape {np.shape(X)}, expected (n, 1) candidate numbers")
    whole = numbers.astype(np.int64)
    if not np.array_equal(whole, numbers):
        raise ValueError("X holds candidate numbers, which are whole")
    return whole


def centre(profiles: np.ndarray) -> np.ndarray:
    """Mean of each readout over the anchors, shape (n_readouts,).

    A readout that only some anchors measured is drawn to the grand mean, the more the fewer they
    are; with complete profiles it is the plain mean.
    """
    known = ~np.isnan(profiles)
    counts = known.sum(axis=0)
    sums = np.where(known, profiles, 0).sum(axis=0)
    total = counts.sum()
    grand = sums.sum() / total if total else 0.0
    pull = CENTRE_SHRINKAGE * (1 - counts / max(len(profiles), 1))
    return (sums + pull * grand) / np.maximum(counts + pull, 1e-300)
