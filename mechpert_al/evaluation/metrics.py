"""Scores of predicted deviations against held-out profiles.

The truth is centred on the pool's mean profile, the same for every strategy and seen by no
predictor; the prediction is a deviation from the anchors' mean. A prediction that is constant over
the readouts scores 0 (retrieval 0.5) and is never dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

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
#: A profile whose norm is below this share of the largest true one counts as constant.
CONSTANT = 1e-9
#: Share of a sum of squares that rounding may leave of nothing.
ROUNDING = 1e-12
#: With fewer readouts some targets, or their top readouts, cannot be scored: see `_MaskedScores`.
MIN_REDUCED_READOUTS = 50
#: Predictions scored together; more need more memory and are no faster.
AT_ONCE = 50


class Judge:
    """Scores predictors on one split's test set.

    Where profiles are complete and the predictor follows rotations, it works in the reduced
    space; otherwise over the whole profiles, each target's measured readouts.

    Parameters
    ----------
    screen, split
        The held-out truth, and which part of it is pool and which is test.
    """

    def __init__(self, screen: Screen, split: Split) -> None:
        self.screen = screen
        self.split = split

    @cached_property
    def _reduced(self) -> _ReducedScores:
        return _ReducedScores(self.screen, self.split)

    @cached_property
    def _whole(self) -> _MaskedScores:
        return _MaskedScores(self.screen, self.split)

    def predict(self, predictor: ProfileRegressor, anchors: np.ndarray) -> Predicted:
        """Fit the predictor to the anchors' profiles and predict the test set.

        Parameters
        ----------
        predictor
            Will be fitted.
        anchors
            Candidate numbers, all of them in the split's pool.

        Raises
        ------
        ValueError
            If an anchor is not in the pool.
        """
        if not np.isin(anchors, self.split.pool).all():
            raise ValueError("an anchor is not in the pool: it may not be measured in this split")
        rows = self.screen.row_of[anchors]
        is_reduced = (
            self.screen.is_complete
            and self.screen.effects.n_readouts >= MIN_REDUCED_READOUTS
            and predictor.is_rotation_equivariant
        )
        profiles, beside = self.screen.profiles, {}
        if is_reduced:
            profiles = self.screen.coordinates
            if predictor.line is not None:
                beside["line"] = self.screen.rotated(predictor.line)
        predictor.fit(np.asarray(anchors)[:, None], profiles[rows], **beside)
        return Predicted(predictor.deviation(self.split.test), predictor.centre_, is_reduced)

    def score(self, predicted: Sequence[Predicted]) -> list[dict[str, np.ndarray]]:
        """Scores of predictions, many at a time because that is faster.

        Returns
        -------
        list of dict
            For each prediction and each metric but ``supported_fraction`` one number a test
            target; NaN = cannot be scored.
        """
        scores: list[dict[str, np.ndarray]] = [{} for _ in predicted]
        reduced = [place for place, one in enumerate(predicted) if one.is_reduced]
        for places in (reduced[i : i + AT_ONCE] for i in range(0, len(reduced), AT_ONCE)):
            together = self._reduced.score([predicted[place] for place in places])
            for place, found in zip(places, together, strict=True):
                scores[place] = found
        for place, one in enumerate(predicted):
            if not one.is_reduced:
                scores[place] = self._whole.score(one)
        return scores


class Predicted(NamedTuple):
    """A prediction of a test set.

    ``deviation`` (n_test, d) and ``centre`` (d,) are coordinates of the reduced space if
    ``is_reduced``, else whole profiles.
    """

    deviation: np.ndarray
    centre: np.ndarray
    is_reduced: bool


def centred_rows(profiles: np.ndarray, size: float | None = None) -> np.ndarray:
    """Rows minus their means at unit norm; constant rows become 0."""
    return unit_rows(profiles - profiles.mean(axis=1, keepdims=True), size)


def unit_rows(profiles: np.ndarray, size: float | None = None) -> np.ndarray:
    """Rows at unit norm; rows that are nothing beside ``size`` become 0.

    Parameters
    ----------
    profiles
        Shape (n, d).
    size
        The largest norm that is expected; by default the largest there is.
    """
    norms = np.linalg.norm(profiles, axis=1, keepdims=True)
    largest = norms.max(initial=0) if size is None else size
    usable = norms > CONSTANT * max(largest, 1e-300)
    return np.where(usable, profiles / np.where(usable, norms, 1), 0)


def largest_norm(profiles: np.ndarray) -> float:
    """The largest norm of a row."""
    return float(np.linalg.norm(profiles, axis=1).max(initial=0))


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
class _ReducedScores:
    """Scores complete profiles in the rotated space."""

    screen: Screen
    split: Split

    def __post_init__(self) -> None:
        rows = self.screen.row_of
        coordinates = self.screen.coordinates
        self.truth = coordinates[rows[self.split.test]]
        self.reference = coordinates[rows[self.split.pool]].mean(axis=0)
        centred = (self.truth - self.reference)[:, 1:]
        self.size = largest_norm(centred)
        self.unit_truth = unit_rows(centred)
        self._top_readouts()

    def _top_readouts(self) -> None:
        rows = self.screen.row_of
        deviation = self.screen.profiles[rows[self.split.test]] - self.screen.profiles[
            rows[self.split.pool]
        ].mean(axis=0)
        order = np.argsort(-np.abs(deviation), axis=1, kind="stable")[:, :50]
        self.widest = self.screen.basis_at(order)
        self.top = {
            k: centred_rows(np.take_along_axis(deviation, order[:, :k], axis=1)) for k in (20, 50)
        }

    def score(self, predicted: Sequence[Predicted]) -> list[dict[str, np.ndarray]]:
        """Scores of several predictions; values at the top readouts are had in one product."""
        stacked = np.stack([one.deviation for one in predicted])
        values = np.matmul(self.widest, stacked.transpose(1, 2, 0))  # (n_test, 50, n_predictions)
        return [self._scored(one, values[:, :, place]) for place, one in enumerate(predicted)]

    def _scored(self, predicted: Predicted, values: np.ndarray) -> dict[str, np.ndarray]:
        deviation = predicted.deviation
        similarities = unit_rows(deviation[:, 1:], self.size) @ self.unit_truth.T
        scores = {
            "pearson_centred": np.diag(similarities).copy(),
            "retrieval": retrieval(np.round(similarities, 12)),
            "mse_ratio": _error_ratio(self.truth - predicted.centre, deviation),
        }
        for k, truth in self.top.items():
            top = centred_rows(values[:, :k], self.size)
            scores[f"pearson_top{k}"] = np.einsum("tk,tk->t", top, truth)
        return scores


def _error_ratio(truth: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Squared error of the prediction over that of the anchors' mean, for each target."""
    baseline = (truth**2).sum(axis=1)
    error = ((truth - deviation) ** 2).sum(axis=1)
    return np.where(baseline > 0, error / np.where(baseline > 0, baseline, 1), np.nan)


@dataclass(eq=False)
class _MaskedScores:
    """Scores profiles with missing values over each target's own measured readouts."""

    screen: Screen
    split: Split

    def __post_init__(self) -> None:
        rows, profiles = self.screen.row_of, self.screen.profiles
        pool = profiles[rows[self.split.pool]]
        counts = (~np.isnan(pool)).sum(axis=0)
        sums = np.where(np.isnan(pool), 0, pool).sum(axis=0)
        reference = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        values = profiles[rows[self.split.test]]
        known = ~np.isnan(values - reference)
        self.at = np.nonzero(known)  # every measured value, row by row
        self.counts = known.sum(axis=1)
        self.is_scored = self.counts >= MIN_SCORED_READOUTS
        self.values = values[self.at]
        self.truth = self.values - reference[self.at[1]]
        self.size = np.sqrt(self._row_sums(self._centred(self.truth) ** 2).max(initial=0))
        self.unit_truth = self._unit(self.truth)
        self.truth_columns = self._matrix(self.unit_truth)
        self.known_columns = self._matrix(np.ones(len(self.values)))
        strength = np.full(known.shape, -1.0)
        strength[self.at] = np.abs(self.truth)
        self.order = np.argsort(-strength, axis=1, kind="stable")[:, :50]
        self.top = np.take_along_axis(values - reference, self.order, axis=1)

    def _row_sums(self, entries: np.ndarray) -> np.ndarray:
        """Sums over each target's measured values."""
        return np.bincount(self.at[0], weights=entries, minlength=len(self.counts))

    def _matrix(self, entries: np.ndarray) -> np.ndarray | sparse.csr_array:
        """Measured values as a matrix of targets × readouts, lean where most are missing."""
        shape = (len(self.counts), self.screen.profiles.shape[1])
        matrix = sparse.csr_array((entries, self.at), shape=shape)
        return matrix if len(entries) < 0.2 * shape[0] * shape[1] else matrix.toarray()

    def _centred(self, entries: np.ndarray) -> np.ndarray:
        """Measured values minus their target's mean."""
        means = self._row_sums(entries) / np.maximum(self.counts, 1)
        return entries - means[self.at[0]]

    def _unit(self, entries: np.ndarray) -> np.ndarray:
        """The same at unit norm; those of a constant profile become 0."""
        centred = self._centred(entries)
        norms = np.sqrt(self._row_sums(centred**2))
        usable = norms > CONSTANT * max(self.size, 1e-300)
        return centred * np.where(usable, 1 / np.where(usable, norms, 1), 0)[self.at[0]]

    def score(self, prediction: Predicted) -> dict[str, np.ndarray]:
        """Scores of one prediction."""
        deviation = prediction.deviation
        entries = deviation[self.at]
        baseline = self.values - prediction.centre[self.at[1]]
        errors = self._row_sums((baseline - entries) ** 2)
        spread = self._row_sums(baseline**2)
        scores = {
            "pearson_centred": self._row_sums(self._unit(entries) * self.unit_truth),
            "retrieval": retrieval(np.round(self._similarities(deviation), 12)),
            "mse_ratio": np.where(spread > 0, errors / np.where(spread > 0, spread, 1), np.nan),
        }
        for k in (20, 50):
            values = np.take_along_axis(deviation, self.order[:, :k], axis=1)
            enough = self.counts >= k
            truth = centred_rows(np.where(enough[:, None], self.top[:, :k], 0))
            score = np.einsum("tk,tk->t", centred_rows(values, self.size), truth)
            scores[f"pearson_top{k}"] = np.where(enough, score, np.nan)
        return {name: np.where(self.is_scored, values, np.nan) for name, values in scores.items()}

    def _similarities(self, deviation: np.ndarray) -> np.ndarray:
        """Correlation of each prediction with each truth over the truth's measured readouts."""
        counts = np.maximum(self.counts, 1)
        covariance = (self.truth_columns @ deviation.T).T
        means = (self.known_columns @ deviation.T).T / counts
        whole = (self.known_columns @ (deviation**2).T).T
        squares = whole - counts * means**2
        usable = squares > np.maximum((CONSTANT * self.size) ** 2, ROUNDING * whole)
        return np.where(usable, covariance / np.sqrt(np.where(usable, squares, 1)), 0)
