"""Reliability: is an agent informative, no better than shuffled names, or misleading.

Two measurements decide, both against nothing but what the laboratory measured. *Reach*: how well
the measured anchors predict each other through the agent's own kernel, against the same kernel with
its gene names shuffled. *Agreement*: direction × measured correlation over the agent's hypotheses
of two measured genes, with an interval over targets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import sparse

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.layers import Layers
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.learning.adaptive import AdaptiveKriging
from mechpert_al.learning.mixture import MIN_ANCHORS, MOST_ANCHORS
from mechpert_al.prediction.left_out import left_out_correlations

#: Shufflings of the names behind each verdict.
N_SHUFFLED = 200
#: Resamplings of targets behind each interval of agreement.
N_BOOTSTRAP = 2000
#: With fewer measured anchors an agent that shows nothing is not called uninformative.
ENOUGH_ANCHORS = 20
#: Measured pairs from which their agreement may call an agent misleading, and how far below 0 its
#: whole interval must lie: unrelated pairs already come out a little negative, since profiles are
#: centred on their mean.
ENOUGH_PAIRS, CONTRARY = 5, -0.1

INFORMATIVE, CHANCE, MISLEADING, OPEN = (
    "informative", "no better than shuffled names", "misleading", "not known yet"
)  # fmt: skip


@dataclass(frozen=True)
class Reliability:
    """What measurements say of one source.

    Parameters
    ----------
    source
        ``consensus``, ``agent:NAME``, ``similarity`` or ``prior network``.
    verdict
        ``informative``, ``no better than shuffled names``, ``misleading`` or ``not known yet``.
    n_anchors
        Measured anchors behind its reach, at most `MOST_ANCHORS`.
    reach
        Mean correlation of the anchors with their predictions from each other; None while too few
        are measured.
    shuffled_low, shuffled_high
        Where 95 % of the same fall when the names are shuffled.
    n_pairs
        Hypotheses whose two genes are measured.
    agreement, agreement_low, agreement_high
        Mean of direction × measured correlation over them, and its 95 % interval (bootstrap over
        targets); None without pairs, or for a source without directions.
    """

    source: str
    verdict: str
    n_anchors: int
    reach: float | None = None
    shuffled_low: float | None = None
    shuffled_high: float | None = None
    n_pairs: int = 0
    agreement: float | None = None
    agreement_low: float | None = None
    agreement_high: float | None = None

    @property
    def sentence(self) -> str:
        """The verdict in words, with its numbers."""
        if self.reach is None:
            return f"{self.source}: {self.verdict} ({self.n_anchors} measured anchors)."
        text = (
            f"{self.source}: {self.verdict}. Through it, {self.n_anchors} measured anchors predict "
            f"each other with r = {self.reach:.2f} (shuffled names: {self.shuffled_low:.2f} to "
            f"{self.shuffled_high:.2f})"
        )
        if self.agreement is not None:
            text += f"; {self.n_pairs} measured hypotheses agree by {self.agreement:.2f}"
            if self.agreement_low is not None:
                text += f" [{self.agreement_low:.2f}, {self.agreement_high:.2f}]"
        return text + "."

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "sentence": self.sentence}


def reliability(
    knowledge: Knowledge, measured: np.ndarray, profiles: np.ndarray, seed: int = 0
) -> list[Reliability]:
    """What measured anchors say of every source of the knowledge.

    Parameters
    ----------
    knowledge
        Whose agents and networks.
    measured
        Candidate numbers of the measured anchors, shape (n_measured,).
    profiles
        Their profiles, shape (n_measured, n_readouts), NaN = not measured.
    seed
        Of shuffling and bootstrap.
    """
    layers = knowledge.layers
    fitted = AdaptiveKriging(layers).fit(np.asarray(measured)[:, None], profiles)
    anchors, correlation = fitted.anchors_, fitted.correlation_
    if correlation is None or len(anchors) < MIN_ANCHORS:
        return [Reliability(name, OPEN, len(anchors)) for name in layers.names]
    decisive = layers.sample(anchors, MOST_ANCHORS)
    among = correlation[np.ix_(decisive, decisive)]
    reaches = _reaches(layers, anchors[decisive], among, seed)
    networks = {f"agent:{name}": one for name, one in knowledge.agents.items()}
    networks["consensus"] = knowledge.consensus
    if knowledge.similarity is not None:
        networks["similarity"] = knowledge.similarity
    found = []
    for name, (reach, low, high) in reaches.items():
        pairs = _agreement(networks.get(name), anchors, correlation, seed)
        found.append(
            Reliability(
                name,
                _verdict(len(anchors), reach, low, high, pairs),
                len(decisive),
                reach,
                low,
                high,
                *pairs,
            )
        )
    return found


Pairs = tuple[int, float | None, float | None, float | None]


def _verdict(n_anchors: int, reach: float, low: float, high: float, pairs: Pairs) -> str:
    n_pairs, _, _, top = pairs
    if reach < low or (n_pairs >= ENOUGH_PAIRS and top is not None and top < CONTRARY):
        return MISLEADING
    if reach > high:
        return INFORMATIVE
    return CHANCE if n_anchors >= ENOUGH_ANCHORS else OPEN


def _reaches(
    layers: Layers, anchors: np.ndarray, correlation: np.ndarray, seed: int
) -> dict[str, tuple[float, float, float]]:
    """For each layer its reach, and the 2.5 and 97.5 % quantiles with shuffled names."""
    random = np.random.default_rng(seed)
    found = {}
    for name, kernel in layers.kernels.items():
        drawn = [random.permutation(len(kernel))[: len(anchors)] for _ in range(N_SHUFFLED)]
        blocks = np.stack([kernel[np.ix_(one, one)] for one in (anchors, *drawn)])
        met = left_out_correlations(blocks, correlation).mean(axis=1)
        low, high = np.quantile(met[1:], [0.025, 0.975])
        found[name] = (float(met[0]), float(low), float(high))
    return found


def _agreement(
    network: ConsensusNetwork | None, anchors: np.ndarray, correlation: np.ndarray, seed: int
) -> Pairs:
    """Direction × correlation over the measured pairs of all agents of a network."""
    if network is None:
        return 0, None, None, None
    sums, counts = np.zeros(len(anchors)), np.zeros(len(anchors))
    for layer in network.layers.values():
        signs = np.sign(sparse.csr_array(layer)[anchors][:, anchors].toarray())
        sums += (signs * correlation).sum(axis=1)
        counts += np.abs(signs).sum(axis=1)
    if not counts.sum():
        return 0, None, None, None
    mean, told = float(sums.sum() / counts.sum()), np.flatnonzero(counts)
    if len(told) < 2:
        return int(counts.sum()), mean, None, None
    share = np.full(len(told), 1 / len(told))
    weights = np.random.default_rng(seed).multinomial(len(told), share, N_BOOTSTRAP)
    drawn = (weights @ sums[told]) / (weights @ counts[told])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return int(counts.sum()), mean, float(low), float(high)
