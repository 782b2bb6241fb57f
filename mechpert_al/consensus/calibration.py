"""Calibration: what the agents' stated confidence was worth, where both genes are measured."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

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
class Calibration:
    """Stated confidence against measured correlation.

    Parameters
    ----------
    rows
        For each agent, in the panel's order, and each class of confidence.
    n_measured
        Candidates that are measured.
    background
        Mean correlation of all pairs of measured candidates.
    """

    rows: tuple[CalibrationRow, ...]
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
    rows = [
        _row(name, edges, _agreements(panel.hypotheses, name, edges, row_of, correlation), seed)
        for name in panel.agents
        for edges in itertools.pairwise(EDGES)
    ]
    pairs = correlation[np.triu_indices_from(correlation, 1)]
    pairs = pairs[~np.isnan(pairs)]
    return Calibration(
        tuple(rows), len(row_of), float(pairs.mean()) if pairs.size else float("nan")
    )


def _agreements(
    hypotheses: Sequence[Hypothesis],
    agent: str,
    edges: tuple[float, float],
    row_of: dict[str, int],
    correlation: np.ndarray,
) -> dict[str, list[float]]:
    """Direction × correlation of each measured pair of a class, by target."""
    found: dict[str, list[float]] = {}
    for one in hypotheses:
        if one.agent != agent or not edges[0] < one.confidence <= edges[1]:
            continue
        if one.target in row_of and one.regulator in row_of:
            measured = correlation[row_of[one.target], row_of[one.regulator]]
            if not np.isnan(measured):
                found.setdefault(one.target, []).append(one.direction * float(measured))
    return found


def _row(
    agent: str, edges: tuple[float, float], agreements: dict[str, list[float]], seed: int
) -> CalibrationRow:
    sums = np.array([sum(values) for values in agreements.values()])
    counts = np.array([len(values) for values in agreements.values()])
    mean = low = high = None
    if len(sums):
        mean = float(sums.sum() / counts.sum())
    if len(sums) > 1:
        purpose = zlib.crc32(f"calibration {agent} {edges}".encode())
        generator = np.random.default_rng([seed, purpose])
        weights = generator.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=N_DRAWS)
        low, high = map(float, np.quantile((weights @ sums) / (weights @ counts), [0.025, 0.975]))
    return CalibrationRow(
        agent, *edges, int(counts.sum()) if len(counts) else 0, len(sums), mean, low, high
    )
