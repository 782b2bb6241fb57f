"""Intervals and tests for paired scores of genes in splits.

A gene is tested in many splits, so its scores are not independent draws: both genes and splits are
resampled. One multinomial weight a gene holds for all splits, times one weight a split (a crossed
bootstrap, Owen & Eckles 2012).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mechpert_al.design.strategy import random_generator

N_DRAWS = 4000


@dataclass(frozen=True, eq=False)
class CrossedBootstrap:
    """Resampling weights for one table of splits × genes.

    Parameters
    ----------
    split_weights
        Shape (n_draws, n_splits).
    gene_weights
        Shape (n_draws, n_genes).
    """

    split_weights: np.ndarray
    gene_weights: np.ndarray
    #: Summed weights of what is known, by what is known: nearly all tables have the same gaps.
    _masses: dict[bytes, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def draw(
        cls, n_splits: int, n_genes: int, seed: int, n_draws: int = N_DRAWS
    ) -> CrossedBootstrap:
        """Multinomial weights for splits and genes."""
        generator = random_generator(seed, "bootstrap")
        return cls(
            generator.multinomial(n_splits, np.full(n_splits, 1 / n_splits), n_draws).astype(float),
            generator.multinomial(n_genes, np.full(n_genes, 1 / n_genes), n_draws).astype(float),
        )

    def means(self, scores: np.ndarray) -> np.ndarray:
        """Resampled means.

        Parameters
        ----------
        scores
            Shape (n_splits, n_genes), NaN where a gene is not tested or not scored.

        Returns
        -------
        numpy.ndarray
            Shape (n_draws,); NaN where a draw holds no score.
        """
        known = ~np.isnan(scores)
        total = self._weighted(np.where(known, scores, 0))
        gaps = known.tobytes()
        if gaps not in self._masses:
            self._masses[gaps] = self._weighted(known.astype(np.float64))
        mass = self._masses[gaps]
        return np.where(mass > 0, total / np.where(mass > 0, mass, 1), np.nan)

    def _weighted(self, table: np.ndarray) -> np.ndarray:
        return np.einsum("sb,bs->b", table @ self.gene_weights.T, self.split_weights)


def known_mean(values: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Mean of what is not NaN along an axis; NaN where nothing is known."""
    known = ~np.isnan(values)
    counts = known.sum(axis=axis)
    sums = np.where(known, values, 0).sum(axis=axis)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def share_below(draws: np.ndarray, value: float) -> float:
    """Share of draws below a value; a tie, also one up to rounding, counts half."""
    difference = np.round(draws - value, 12)
    return float(((difference < 0) + (difference == 0) / 2).mean())


@dataclass(frozen=True)
class Interval:
    """A number with its percentile interval."""

    value: float
    low: float
    high: float


def interval(value: float, draws: np.ndarray, level: float = 0.95) -> Interval:
    """The percentile interval of resampled values around a measured one."""
    draws = draws[np.isfinite(draws)]
    if draws.size == 0:
        return Interval(float(value), np.nan, np.nan)
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Interval(float(value), float(low), float(high))


def bootstrap_p(draws: np.ndarray) -> float:
    """Two-sided p value of a difference from 0 by its resampled values.

    Twice the smaller share of draws on one side of 0, counted with one extra draw on that side,
    so that it is never 0.
    """
    draws = draws[np.isfinite(draws)]
    below, above = (draws <= 0).sum(), (draws >= 0).sum()
    return float(min(1.0, 2 * (min(below, above) + 1) / (draws.size + 1)))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjusted p values, in the given order; NaN stays NaN and is not counted."""
    p_values = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p_values))
    adjusted = np.full(p_values.shape, np.nan)
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def verdict(gain: Interval) -> str:
    """``gain``, ``loss``, or ``tie`` where the interval includes 0."""
    if gain.low > 0:
        return "gain"
    return "loss" if gain.high < 0 else "tie"
