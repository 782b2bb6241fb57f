"""Scores of predicted deviations against held-out profiles.

The truth is centred on the pool's mean profile, the same for every strategy and seen by no
predictor; the prediction is a deviation from the anchors' mean. A prediction that is constant over
the readouts scores 0 (retrieval 0.5) and is never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mechpert_al.evaluation.screen import MIN_SCORED_READOUTS, Screen, Split
from mechpert_al.prediction.base import ProfileRegressor

METRICS = (
    "pearson_centred",
    "pearson_top20",
    "pearson_top50",
    "retrieval",
    "supported_fraction",
    "mse_ratio",
)
PRIMARY = "pearson_centred"
#: A profile whose norm is below this share of the largest counts as constant.
CONSTANT = 1e-9


class Judge(Protocol):
    """Scores a fitted predictor on one split's test set."""

    def score(self, predictor: ProfileRegressor) -> dict[str, np.ndarray]:
        """For each metric one number a test target, NaN = cannot be scored."""

    def anchor_profiles(self, anchors: np.ndarray, predictor: ProfileRegressor) -> np.ndarray:
        """Measured profiles of anchors in the space in which the predictor will be judged."""


def judge(screen: Screen, split: Split) -> Judge:
    """The judge that fits the screen: reduced where profiles are complete."""
    return _ReducedJudge(screen, split) if screen.is_complete else _MaskedJudge(screen, split)


def centred_rows(profiles: np.ndarray) -> np.ndarray:
    """Rows minus their means at unit norm; constant rows become 0."""
    return unit_rows(profiles - profiles.mean(axis=1, keepdims=True))


def unit_rows(profiles: np.ndarray) -> np.ndarray:
    """Rows at unit norm; rows without any size become 0."""
    norms = np.linalg.norm(profiles, axis=1, keepdims=True)
    usable = norms > CONSTANT * max(norms.max(initial=0), 1e-300)
    return np.where(usable, profiles / np.where(usable, norms, 1), 0)


def retrieval(similarities: np.ndarray) -> np.ndarray:
    """Where the own profile ranks among all: 1 = first, 0.5 = chance; ties count half.

    Parameters
    ----------
    similarities
        Predicted (rows) with true (columns) profiles, shape (n, n).
    """
    own = np.diag(similarities)[:, None]
    n_others = max(len(similarities) - 1, 1)
    above = (similarities > own).sum(axis=1)
    ties = (similarities == own).sum(axis=1) - 1
    return 1 - (above + ties / 2) / n_others


@dataclass(eq=False)
class _ReducedJudge:
    """Scores complete profiles in the rotated space."""

    screen: Screen
    split: Split

    def __post_init__(self) -> None:
        rows = self.screen.row_of
        coordinates = self.screen.coordinates
        self.truth = coordinates[rows[self.split.test]]
        self.reference = coordinates[rows[self.split.pool]].mean(axis=0)
        self.unit_truth = unit_rows((self.truth - self.reference)[:, 1:])
        self._top_readouts()

    def _top_readouts(self) -> None:
        rows = self.screen.row_of
        deviation = self.screen.profiles[rows[self.split.test]] - self.screen.profiles[
            rows[self.split.pool]
        ].mean(axis=0)
        self.top: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        order = np.argsort(-np.abs(deviation), axis=1, kind="stable")[:, :50]
        for k in (20, 50):
            readouts = order[:, :k]
            self.top[k] = (readouts, centred_rows(np.take_along_axis(deviation, readouts, 1)))

    def anchor_profiles(self, anchors: np.ndarray, predictor: ProfileRegressor) -> np.ndarray:
        rows = self.screen.row_of[anchors]
        reduced = predictor.is_rotation_equivariant
        return self.screen.coordinates[rows] if reduced else self.screen.profiles[rows]

    def score(self, predictor: ProfileRegressor) -> dict[str, np.ndarray]:
        deviation = predictor.deviation(self.split.test)
        centre = predictor.centre_
        if not predictor.is_rotation_equivariant:
            deviation, centre = self._rotated(deviation), self._rotated(centre[None])[0]
        unit = unit_rows(deviation[:, 1:])
        similarities = unit @ self.unit_truth.T
        scores = {
            "pearson_centred": np.diag(similarities).copy(),
            "retrieval": retrieval(np.round(similarities, 12)),
            "mse_ratio": _error_ratio(self.truth - centre, deviation),
        }
        widest = self.screen.values_at(deviation, self.top[50][0])
        for k, (_, truth) in self.top.items():
            predicted = centred_rows(widest[:, :k])
            scores[f"pearson_top{k}"] = np.einsum("tk,tk->t", predicted, truth)
        return scores

    def _rotated(self, profiles: np.ndarray) -> np.ndarray:
        """Whole profiles in coordinates; what lies outside the measured span is kept as one more.

        That last coordinate counts in norms and matches no measured profile.
        """
        basis = self.screen._rotation[1]
        means = profiles.mean(axis=1, keepdims=True)
        inside = (profiles - means) @ basis.T
        return np.hstack([means * np.sqrt(profiles.shape[1]), inside])


def _error_ratio(truth: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Squared error of the prediction over that of the anchors' mean, for each target."""
    baseline = (truth**2).sum(axis=1)
    error = ((truth - deviation) ** 2).sum(axis=1)
    return np.where(baseline > 0, error / np.where(baseline > 0, baseline, 1), np.nan)


@dataclass(eq=False)
class _MaskedJudge:
    """Scores profiles with missing values over each target's own measured readouts."""

    screen: Screen
    split: Split

    def __post_init__(self) -> None:
        rows, profiles = self.screen.row_of, self.screen.profiles
        pool = profiles[rows[self.split.pool]]
        counts = (~np.isnan(pool)).sum(axis=0)
        sums = np.where(np.isnan(pool), 0, pool).sum(axis=0)
        reference = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        self.values = profiles[rows[self.split.test]]
        truth = self.values - reference
        self.known = ~np.isnan(truth)
        self.truth = np.where(self.known, truth, 0)
        self.counts = self.known.sum(axis=1)
        self.is_scored = self.counts >= MIN_SCORED_READOUTS
        self.unit_truth = self._unit(self.truth)
        order = np.argsort(np.where(self.known, -np.abs(self.truth), 1), axis=1, kind="stable")
        self.order = order[:, :50]

    def anchor_profiles(self, anchors: np.ndarray, predictor: ProfileRegressor) -> np.ndarray:
        return self.screen.profiles[self.screen.row_of[anchors]]

    def _unit(self, profiles: np.ndarray) -> np.ndarray:
        """Rows centred over their measured readouts, at unit norm, 0 elsewhere."""
        means = (profiles * self.known).sum(axis=1) / np.maximum(self.counts, 1)
        return unit_rows(np.where(self.known, profiles - means[:, None], 0))

    def score(self, predictor: ProfileRegressor) -> dict[str, np.ndarray]:
        deviation = predictor.deviation(self.split.test)
        predicted = self._unit(deviation)
        scores = {
            "pearson_centred": np.einsum("tg,tg->t", predicted, self.unit_truth),
            "retrieval": retrieval(np.round(self._similarities(deviation), 12)),
            "mse_ratio": _error_ratio(
                np.where(self.known, self.values - predictor.centre_, 0),
                np.where(self.known, deviation, 0),
            ),
        }
        for k in (20, 50):
            readouts = self.order[:, :k]
            enough = self.counts >= k
            values = centred_rows(np.take_along_axis(deviation, readouts, 1))
            truth = centred_rows(np.take_along_axis(self.truth, readouts, 1))
            score = np.einsum("tk,tk->t", values, truth)
            scores[f"pearson_top{k}"] = np.where(enough, score, np.nan)
        return {name: np.where(self.is_scored, values, np.nan) for name, values in scores.items()}

    def _similarities(self, deviation: np.ndarray) -> np.ndarray:
        """Correlation of each prediction with each truth over the truth's measured readouts."""
        known = self.known.astype(np.float64)
        counts = np.maximum(self.counts, 1)
        covariance = deviation @ self.unit_truth.T
        means = deviation @ known.T / counts
        squares = (deviation**2) @ known.T - counts * means**2
        usable = squares > 1e-18
        return np.where(usable, covariance / np.sqrt(np.where(usable, squares, 1)), 0)
