"""What every predictor of unmeasured perturbations shares.

A predictor is a scikit-learn regressor. Its X are row numbers of the candidate list, shape
(n, 1); its y are effect profiles, shape (n, n_readouts), NaN = not measured. `predict` gives whole
profiles; the centre (the mean of the anchors) and the deviation from it are available apart,
because only the deviation says what is special about a perturbation.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from mechpert_al.consensus.other_line import LineProfiles
from mechpert_al.effects.unit_profiles import centre
from mechpert_al.estimator import Estimator


class ProfileRegressor(Estimator):
    """Base of the predictors: stores the anchors, their centre and their deviations.

    A subclass implements `_fit` (may do nothing), `_deviation` and `weights`. It never meets an
    anchor, or a readout, of which nothing was measured: these are left out as if absent.

    Attributes
    ----------
    anchors_
        Candidate numbers of the measured perturbations, shape (n_anchors,).
    centre_
        Mean profile of the anchors, shape (n_readouts,).
    has_readout_
        Which readouts any anchor measured, bool, shape (n_readouts,).
    deviations_
        Anchor profiles minus the centre over these readouts, shape (n_anchors, n_measured), NaN =
        not measured.
    is_complete_
        True when no value of these is missing.
    notices_
        What was left out and why, in words.
    """

    #: True when rotating the readouts rotates the prediction (all linear smoothers): the
    #: evaluation may then work in fewer dimensions. False is always safe.
    is_rotation_equivariant = True
    #: Profiles of another line over the same readouts that it predicts from too. `fit` of a
    #: predictor that has some takes them again, as ``line``, where y is in other coordinates.
    line: LineProfiles | None = None

    def fit(self, X: Any, y: Any) -> Self:
        """Take the measured profiles.

        Parameters
        ----------
        X
            Candidate numbers of the anchors, shape (n_anchors, 1), all different.
        y
            Their profiles, shape (n_anchors, n_readouts).
        """
        anchors, profiles = candidate_numbers(X), np.asarray(y, dtype=np.float64)
        if profiles.ndim != 2 or len(profiles) != len(anchors):
            raise ValueError(f"y has shape {profiles.shape}, expected ({len(anchors)}, n_readouts)")
        if not len(anchors):
            raise ValueError("there is no anchor to learn from")
        if len(np.unique(anchors)) != len(anchors):
            raise ValueError("an anchor stands twice in X; pool its profiles first")
        if np.isinf(profiles).any():
            raise ValueError("y holds infinite values; NaN means not measured")
        self.n_features_in_ = 1
        self.notices_: list[str] = []
        self._take(anchors, profiles)
        self._fit()
        return self

    def _take(self, anchors: np.ndarray, profiles: np.ndarray) -> None:
        """Keep the anchors and readouts of which something was measured."""
        known = ~np.isnan(profiles)
        is_known = known.any(axis=1)
        if not is_known.all():
            self.notices_.append(
                f"anchors without any measured value were left out: {int((~is_known).sum())} of "
                f"{len(anchors)}"
            )
            anchors, profiles, known = anchors[is_known], profiles[is_known], known[is_known]
        self.anchors_ = anchors
        self.has_readout_ = known.any(axis=0)
        self.centre_ = centre(profiles)
        self.deviations_ = profiles - self.centre_
        if not self.has_readout_.all():
            self.deviations_ = self.deviations_[:, self.has_readout_]
        self.is_complete_ = not np.isnan(self.deviations_).any()

    def _fit(self) -> None:
        """Prepare what does not depend on the targets."""

    def predict(self, X: Any) -> np.ndarray:
        """Whole profiles of the targets, shape (n_targets, n_readouts)."""
        return self.centre_ + self.deviation(X)

    def deviation(self, X: Any) -> np.ndarray:
        """Predicted deviations from the centre, shape (n_targets, n_readouts), without NaN."""
        return self._whole(self._deviation(candidate_numbers(X)))

    def offset(self, X: Any) -> np.ndarray:
        """The part of the deviations that no anchor makes, shape (n_targets, n_readouts).

        0 for a predictor that reads nothing but anchors. With complete profiles,
        deviation = weights @ (profiles − centre) + offset.
        """
        return self._whole(self._offset(candidate_numbers(X)))

    def _whole(self, values: np.ndarray) -> np.ndarray:
        """Values of the measured readouts, with 0 for the others."""
        if self.has_readout_.all():
            return values
        whole = np.zeros((len(values), len(self.has_readout_)))
        whole[:, self.has_readout_] = values
        return whole

    def _offset(self, targets: np.ndarray) -> np.ndarray:
        """The same over the measured readouts."""
        return np.zeros((len(targets), self.deviations_.shape[1]))

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        """The same over the measured readouts, for candidate numbers of shape (n_targets,)."""
        raise TypeError(f"{type(self).__name__} does not say how it predicts")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predicted profiles, as scikit-learn's model selection asks for it."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags

        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.regressor_tags = RegressorTags()
        tags.target_tags.required = True
        return tags

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
    with np.errstate(invalid="ignore"):  # NaN and infinity are told below
        whole = numbers.astype(np.int64)
    if not np.array_equal(whole, numbers):
        raise ValueError("X holds candidate numbers, which are whole")
    if (whole < 0).any():
        raise ValueError("X holds candidate numbers, which count from 0")
    return whole
