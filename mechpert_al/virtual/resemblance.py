"""How like a real screen a simulated one is: the same numbers of both, side by side.

Profiles are centred on the mean of all perturbations before anything is correlated, as everywhere.
A screen that holds ranks of its most up-regulated readouts and no magnitudes is compared with
simulated effects that were ranked in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.correlation import profile_correlation
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError

#: Fewest perturbations whose correlations say something about modules.
LEAST = 30
#: Two perturbations belong to one cluster if clusters correlate at least this much on average.
CLUSTERED_FROM = 0.3
PAIRS = (0.05, 0.25, 0.5, 0.75, 0.9, 0.99)
QUARTILES = (0.25, 0.5, 0.75)
COMPONENTS = (1, 5, 20, 100)
#: What a difference of 1 in the distance is, by the first word of a statistic's name.
SCALES = {
    "pairs": 0.03,
    "nearest": 0.06,
    "tenth": 0.06,
    "spectrum": 0.05,
    "cluster": 0.4,
    "size": 0.2,
}


@dataclass(frozen=True)
class Row:
    """One statistic of a real screen and of simulated ones.

    Parameters
    ----------
    name
        What it is.
    real
        Of the real screen.
    simulated
        Mean over virtual labs.
    low, high
        Smallest and largest value among these labs.
    """

    name: str
    real: float
    simulated: float
    low: float
    high: float


def profile_correlations(effects: EffectTable) -> np.ndarray:
    """Correlations of the centred profiles, 0 where unknown, shape (n, n)."""
    if effects.is_complete:
        centred = effects.values - effects.values.mean(axis=0)
        centred -= centred.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(centred, axis=1, keepdims=True)
        centred /= np.where(norms > 0, norms, 1)
        correlation = (centred @ centred.T).astype(np.float64)
        np.fill_diagonal(correlation, 1)
        return correlation
    known = effects.is_measured
    values = np.where(known, effects.values, 0).astype(np.float64)
    means = values.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    correlation, _ = profile_correlation(np.where(known, values - means, np.nan))
    correlation = np.nan_to_num(correlation, nan=0.0)
    np.fill_diagonal(correlation, 1)
    return correlation


def statistics(effects: EffectTable, correlation: np.ndarray | None = None) -> dict[str, float]:
    """What makes a screen what it is, in some twenty numbers.

    Parameters
    ----------
    effects
        At least 30 perturbations.
    correlation
        Their `profile_correlations`, if they are there already.

    Returns
    -------
    dict
        Quantiles of the correlations of all pairs; quartiles over the genes of the correlation
        with the nearest and with the tenth nearest gene; share of the variance in the first
        components; quartiles over the genes of the logarithm of the size of the cluster that a
        gene belongs to (average linkage, cut at a correlation of 0.3); and, where profiles have
        magnitudes, how unequal they are (quantiles of log size relative to the median).
    """
    n = effects.n_perturbations
    if n < LEAST:
        raise DataError(
            f"{n} perturbations are too few to learn from how a screen looks",
            f"Give a screen of at least {LEAST} perturbations.",
        )
    if correlation is None:
        correlation = profile_correlations(effects)
    found: dict[str, float] = {}
    _add(found, "pairs, quantile", PAIRS, correlation[np.triu_indices(n, 1)])
    others = np.sort(correlation - 3 * np.eye(n), axis=1)
    _add(found, "nearest gene, quantile", QUARTILES, others[:, -1])
    _add(found, "tenth nearest gene, quantile", QUARTILES, others[:, -10])
    spectrum = np.sort(np.maximum(np.linalg.eigvalsh(correlation), 0))[::-1]
    shares = np.cumsum(spectrum) / spectrum.sum()
    for components in (c for c in COMPONENTS if c < n / 2):
        found[f"spectrum, first {components}"] = float(shares[components - 1])
    _add(
        found,
        "cluster of a gene, log size, quantile",
        QUARTILES,
        np.log(_cluster_sizes(correlation)),
    )
    if listed_share(effects) is None:
        _add(found, "size of profiles, log, quantile", (0.1, 0.25, 0.75, 0.9), _log_sizes(effects))
    return found


def distance(simulated: dict[str, float], real: dict[str, float]) -> float:
    """Mean squared difference over the groups of statistics, each in units of its scale."""
    groups: dict[str, list[float]] = {}
    for name, value in real.items():
        group = name.split()[0].rstrip(",")
        groups.setdefault(group, []).append(((simulated[name] - value) / SCALES[group]) ** 2)
    return float(np.mean([np.mean(values) for values in groups.values()]))


def side_by_side(real: dict[str, float], simulated: list[dict[str, float]]) -> tuple[Row, ...]:
    """The statistics of a real screen beside those of several simulated ones."""
    rows = []
    for name, value in real.items():
        values = np.array([one[name] for one in simulated])
        low, high = float(values.min()), float(values.max())
        rows.append(Row(name, value, float(values.mean()), low, high))
    return tuple(rows)


# ---------------------------------------------------------------------- ranks in place of sizes
def listed_share(effects: EffectTable) -> float | None:
    """Share of the readouts that a screen of ranks lists; None for a screen with magnitudes.

    Ranks of the most up-regulated readouts are recognised by what they are: no value below 0, most
    of them exactly 0, and in each row the others in equal steps.
    """
    values = np.nan_to_num(effects.values, nan=0.0)
    if (values < 0).any() or (values > 0).mean() > 0.5:
        return None
    counts = []
    for row in values:
        listed = np.unique(row[row > 0])
        if len(listed) < 2 or len(listed) < 0.99 * (row > 0).sum():
            return None
        steps = listed / (listed[-1] / np.round(listed[-1] / np.diff(listed).min()))
        if not np.allclose(steps, np.round(steps), atol=0.05):
            return None
        counts.append(len(listed))
    return float(np.median(counts) / effects.n_readouts)


def ranked(effects: EffectTable, share: float) -> EffectTable:
    """1 − rank/n for the most up-regulated readouts of each perturbation, 0 for the others."""
    n = max(1, round(share * effects.n_readouts))
    values = np.zeros(effects.values.shape, dtype=np.float32)
    top = np.argsort(-effects.values, axis=1, kind="stable")[:, :n]
    np.put_along_axis(values, top, (1 - np.arange(n) / n)[None].astype(np.float32), axis=1)
    return EffectTable(effects.perturbations, effects.readouts, values, effects.n_cells)


def _add(found: dict[str, float], name: str, levels: tuple[float, ...], values: np.ndarray) -> None:
    for level, value in zip(levels, np.quantile(values, levels), strict=True):
        found[f"{name} {level:g}"] = float(value)


def _cluster_sizes(correlation: np.ndarray) -> np.ndarray:
    """Size of the cluster that each gene belongs to, shape (n,)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    apart = squareform(np.clip(1 - correlation, 0, 2), checks=False)
    labels = fcluster(linkage(apart, "average"), 1 - CLUSTERED_FROM, "distance")
    return np.bincount(labels)[labels]


def _log_sizes(effects: EffectTable) -> np.ndarray:
    """Logarithm of the root mean square of each profile, relative to the median."""
    known = effects.is_measured
    squares = np.where(known, effects.values, 0).astype(np.float64) ** 2
    sizes = np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    sizes = np.log(np.maximum(sizes, 1e-9 * max(sizes.max(), 1e-300)))
    return sizes - np.median(sizes)
