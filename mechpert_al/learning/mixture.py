"""The mixture of layers that predicts the measured anchors best, drawn to what was believed before.

Each mixture of the layers' kernels is asked to predict every measured anchor from the other ones;
the correlations it meets are its evidence. Mixtures are drawn from a Dirichlet prior, every layer
on its own among them, and the mean under the posterior is what is used. While few anchors are
measured the prior mixture stands; a layer of guesses loses its weight within some twenty anchors,
whatever it claims of itself.

Anchors are not like targets: they were chosen far from each other, so that left out they have
fewer relatives among the rest than a target has among all, and judged by them alone a layer of
broad classes beats one that knows close partners. An anchor therefore counts as much as the others
are expected to tell of it.

Only correlations among the anchors enter (see `prediction.left_out`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.consensus.layers import Layers
from mechpert_al.prediction.kriging import WIENER
from mechpert_al.prediction.left_out import left_out_correlations

#: Mixtures drawn from the prior.
N_MIXTURES = 128
#: How much one anchor predicted perfectly (r = 1 against 0) adds to the log-evidence.
SHARPNESS = 20.0
#: With fewer anchors there is nothing to leave out.
MIN_ANCHORS = 4
#: With more anchors, so many of them decide: the rest would not change the verdict.
MOST_ANCHORS = 150
#: Mean coverage of anchors by each other below which none tells of another.
NOTHING = 1e-9
#: Anchors whose numbers are handled at once, squared: bounds the memory of a step.
AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class Mixture:
    """How far each layer is believed.

    Parameters
    ----------
    weights
        Mean weight of each layer under the posterior; they sum to 1.
    prior
        What each weighed beforehand.
    low, high
        95 % posterior interval of each weight.
    alone
        For each layer the mean correlation with which it alone predicts measured anchors from each
        other; empty before enough are measured.
    n_anchors
        Measured anchors that decided (at most `MOST_ANCHORS`); 0 when the prior stands.
    """

    weights: Mapping[str, float]
    prior: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    alone: Mapping[str, float]
    n_anchors: int = 0


def learn_mixture(
    layers: Layers,
    anchors: np.ndarray,
    correlation: np.ndarray | None,
    *,
    noise: float = NOISE,
    ridge: float = WIENER,
) -> Mixture:
    """Weigh the layers by how well they predict measured anchors from each other.

    Parameters
    ----------
    layers
        Kernels and prior counts.
    anchors
        Candidate numbers of the measured anchors, shape (n_anchors,).
    correlation
        R: correlations of their centred profiles, shape (n_anchors, n_anchors); None when it could
        not be estimated, and the prior stands.
    noise, ridge
        σ² and λ of the predictor (see `prediction.kriging`).
    """
    names = layers.names
    counts = np.array([layers.counts[name] for name in names])
    drawn = _mixtures(counts)
    if correlation is None or len(anchors) < MIN_ANCHORS:
        return _told(names, counts, drawn, np.full(len(drawn), 1 / len(drawn)))
    decisive = layers.sample(anchors, MOST_ANCHORS)
    anchors, correlation = anchors[decisive], correlation[np.ix_(decisive, decisive)]
    blocks = np.stack([layers.kernels[name][np.ix_(anchors, anchors)] for name in names])
    met = np.concatenate(
        [
            left_out_correlations(
                _unit(np.einsum("mj,jab->mab", part, blocks)), correlation, noise, ridge
            )
            for part in np.array_split(drawn, max(1, len(drawn) * len(anchors) ** 2 // AT_ONCE))
        ]
    )
    prior = np.tensordot(counts / counts.sum(), blocks, axes=1)
    evidence = SHARPNESS * met @ telling(_unit(prior[None])[0], noise)
    believed = np.exp(evidence - evidence.max())
    alone = dict(zip(names, met[-len(names) :].mean(axis=1).tolist(), strict=True))
    return _told(names, counts, drawn, believed / believed.sum(), alone, len(anchors))


def telling(kernel: np.ndarray, noise: float = NOISE) -> np.ndarray:
    """How much each anchor counts in judging a mixture: its coverage by the others, mean 1.

    Parameters
    ----------
    kernel
        Prior covariance among the anchors, unit diagonal, shape (n_anchors, n_anchors).
    noise
        σ².

    Returns
    -------
    numpy.ndarray
        Shape (n_anchors,); all 1 where no anchor is expected to tell of any other.
    """
    inverse = np.linalg.inv(kernel + noise * np.eye(len(kernel)))
    coverage = np.maximum(1 + noise - 1 / np.diag(inverse), 0)
    mean = coverage.mean()
    return coverage / mean if mean > NOTHING else np.ones(len(coverage))


def _mixtures(counts: np.ndarray) -> np.ndarray:
    """What is tried: the prior mean, fixed draws from the prior, and every layer on its own.

    A Dirichlet of several layers hardly ever draws one of them alone, which is the truth where
    all the others guess.
    """
    drawn = np.random.default_rng(0).dirichlet(counts, N_MIXTURES)
    return np.vstack([counts / counts.sum(), drawn, np.eye(len(counts))])


def _unit(kernels: np.ndarray) -> np.ndarray:
    scale = 1 / np.sqrt(np.einsum("mii->mi", kernels))
    return kernels * scale[:, :, None] * scale[:, None, :]


def _told(
    names: tuple[str, ...],
    counts: np.ndarray,
    drawn: np.ndarray,
    believed: np.ndarray,
    alone: Mapping[str, float] | None = None,
    n_anchors: int = 0,
) -> Mixture:
    prior = counts / counts.sum()
    weights = believed @ drawn if n_anchors else prior
    low, high = (_quantiles(drawn, believed, share) for share in (0.025, 0.975))

    def named(values: np.ndarray) -> dict[str, float]:
        return dict(zip(names, values.tolist(), strict=True))

    return Mixture(named(weights), named(prior), named(low), named(high), alone or {}, n_anchors)


def _quantiles(drawn: np.ndarray, believed: np.ndarray, share: float) -> np.ndarray:
    """Weighted quantile of each column."""
    order = np.argsort(drawn, axis=0)
    reached = np.cumsum(believed[order], axis=0)
    rows = np.minimum((reached < share).sum(axis=0), len(drawn) - 1)
    columns = np.arange(drawn.shape[1])
    return drawn[order[rows, columns], columns]
