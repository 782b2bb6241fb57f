"""Calibration: what the agents' stated confidence was worth, where both genes are measured."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from mechpert_al.agents.panel import Hypothesis, Panel
from mechpert_al.effects.align import align
from mechpert_al.effects.correlation import profile_correlation
from mechpert_al.effects.table import EffectTable

#: Edges of the classes of stated confidence; the upper edge belongs to a class.
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
N_DRAWS = 2000


@dataclass(frozen=True)
class CalibrationRow:
    """One agent's hypotheses of one class of stated confidence.

    Parameters
    ----------
    agent
        Who stated it.
    above, up_to
        The class of confidence.
    n_pairs, n_targets
        Hypotheses whose two genes are measured, and their distinct targets.
    mean
        Mean over these pairs of direction × Pearson correlation of the centred profiles; None
        without a pair.
    low, high
        95 % percentile interval of the mean, bootstrap over targets; None with one target.
    """

    agent: str
    above: float
    up_to: float
    n_pairs: int
    n_targets: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class CalibrationCurve:
    """What one agent's stated confidence turned out to be worth, without classes.

    Parameters
    ----------
    agent
        Who stated it.
    n_pairs, n_targets
        Hypotheses whose two genes are measured, and their distinct targets.
    confidence, agreement
        Isotonic regression of direction × correlation on confidence: its values at the distinct
        confidences stated, ascending. Empty without pairs.
    error, error_low, error_high
        Expected calibration error: mean over the pairs of the distance between the mean confidence
        and the mean agreement of their class, and its 95 % interval (bootstrap over targets). None
        without pairs; no interval with one target.
    """

    agent: str
    n_pairs: int
    n_targets: int
    confidence: tuple[float, ...]
    agreement: tuple[float, ...]
    error: float | None = None
    error_low: float | None = None
    error_high: float | None = None


@dataclass(frozen=True)
class Calibration:
    """Stated confidence against measured correlation.

    Parameters
    ----------
    rows
        For each agent, in the panel's order, and each class of confidence.
    curves
        For each agent, in the panel's order.
    n_measured
        Candidates that are measured.
    background
        Mean correlation of all pairs of measured candidates.
    """

    rows: tuple[CalibrationRow, ...]
    curves: tuple[CalibrationCurve, ...]
    n_measured: int
    background: float

    def as_document(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def calibration(panel: Panel, effects: EffectTable, seed: int = 0) -> Calibration:
    """Compare stated confidence with measured correlation.

    Parameters
    ----------
    panel
        Whose hypotheses; agents that do not vote are among them.
    effects
        What is measured; matched to the candidates by symbol. Profiles are centred on the mean of
        all measured candidates.
    seed
        Of the bootstrap.

    Raises
    ------
    DataError
        If no candidate is measured.
    """
    measured = align(effects, panel.candidates).effects
    values = measured.values.astype(np.float64)
    known = ~np.isnan(values)
    centre = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    correlation, _ = profile_correlation(values - centre)
    row_of = {gene: row for row, gene in enumerate(measured.perturbations)}
    pairs_of = {
        name: _measured_pairs(panel.hypotheses, name, row_of, correlation) for name in panel.agents
    }
    rows = [
        _row(name, edges, pairs, seed)
        for name, pairs in pairs_of.items()
        for edges in itertools.pairwise(EDGES)
    ]
    curves = [_curve(name, pairs, seed) for name, pairs in pairs_of.items()]
    pairs = correlation[np.triu_indices_from(correlation, 1)]
    pairs = pairs[~np.isnan(pairs)]
    background = float(pairs.mean()) if pairs.size else float("nan")
    return Calibration(tuple(rows), tuple(curves), len(row_of), background)


class _Pairs(NamedTuple):
    """An agent's hypotheses whose two genes are measured, one entry each."""

    target: np.ndarray
    confidence: np.ndarray
    agreement: np.ndarray  # direction × correlation

    def where(self, chosen: np.ndarray) -> _Pairs:
        return _Pairs(*(values[chosen] for values in self))

    def by_target(self, values: np.ndarray) -> np.ndarray:
        """Sums of some values, one for each distinct target."""
        return np.bincount(np.unique(self.target, return_inverse=True)[1], values)


def _measured_pairs(
    hypotheses: Sequence[Hypothesis], agent: str, row_of: dict[str, int], correlation: np.ndarray
) -> _Pairs:
    found = [
        (row, one.confidence, one.direction * correlation[row, partner])
        for one in hypotheses
        if one.agent == agent
        and (row := row_of.get(one.target)) is not None
        and (partner := row_of.get(one.regulator)) is not None
        and not np.isnan(correlation[row, partner])
    ]
    target, confidence, agreement = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return _Pairs(target, confidence, agreement)


def _row(agent: str, edges: tuple[float, float], pairs: _Pairs, seed: int) -> CalibrationRow:
    own = pairs.where((edges[0] < pairs.confidence) & (pairs.confidence <= edges[1]))
    sums, counts = own.by_target(own.agreement), own.by_target(np.ones(len(own.target)))
    mean = low = high = None
    if len(sums):
        mean = float(sums.sum() / counts.sum())
    if len(sums) > 1:
        weights = _drawn(len(sums), seed, f"calibration {agent} {edges}")
        low, high = map(float, np.quantile((weights @ sums) / (weights @ counts), [0.025, 0.975]))
    return CalibrationRow(agent, *edges, len(own.target), len(sums), mean, low, high)


def _curve(agent: str, pairs: _Pairs, seed: int) -> CalibrationCurve:
    from sklearn.isotonic import IsotonicRegression

    n_pairs, n_targets = len(pairs.target), len(np.unique(pairs.target))
    if not n_pairs:
        return CalibrationCurve(agent, 0, 0, (), ())
    stated = np.unique(pairs.confidence)
    fitted = IsotonicRegression().fit(pairs.confidence, pairs.agreement).predict(stated)
    counts, gaps = pairs.by_target(np.ones(n_pairs)), []
    for low, high in itertools.pairwise(EDGES):
        inside = (low < pairs.confidence) & (pairs.confidence <= high)
        gaps.append(pairs.by_target(np.where(inside, pairs.confidence - pairs.agreement, 0)))
    by_target = np.array(gaps).T  # (n_targets, n_classes)
    error = np.abs(by_target.sum(axis=0)).sum() / n_pairs
    interval: tuple[float | None, float | None] = (None, None)
    if n_targets > 1:
        weights = _drawn(n_targets, seed, f"calibration error {agent}")
        drawn = np.abs(weights @ by_target).sum(axis=1) / (weights @ counts)
        low, high = np.quantile(drawn, [0.025, 0.975])
        interval = (float(low), float(high))
    return CalibrationCurve(
        agent,
        n_pairs,
        n_targets,
        tuple(stated.tolist()),
        tuple(fitted.tolist()),
        float(error),
        *interval,
    )


def _drawn(n_targets: int, seed: int, purpose: str) -> np.ndarray:
    """How often each target comes in each resampling, shape (N_DRAWS, n_targets)."""
    generator = np.random.default_rng([seed, zlib.crc32(purpose.encode())])
    return generator.multinomial(n_targets, np.full(n_targets, 1 / n_targets), size=N_DRAWS)
