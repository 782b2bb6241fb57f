"""Which targets to ask about again, and with what evidence.

When anchors are measured, some of what was said of a target turns out wrong. A target is
*contradicted* when two measured genes that should resemble each other do not: the target itself and
a gene proposed for it, or two genes that were both proposed for it. A target is *uncovered* when no
measured gene tells anything of it. Both may be asked about again, with what was measured.

The evidence names measured genes and their correlations, never an agent's answer: agents stay
independent of each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from mechpert_al.consensus.kernel import coverage
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.effects.correlation import profile_correlation

#: What a stated confidence of 1 implies for the measured correlation, as met on two lines.
IMPLIED = 0.65
#: A pair is contradicted if it correlates less than this share of what was implied …
SHARE = 1 / 3
#: … and at least this was implied: lesser expectations cannot be disappointed.
LEAST_IMPLIED = 0.1
#: A target below this coverage is not covered.
COVERED_FROM = 0.1
#: Fewest anchors whose correlations, centred on their mean, say something.
LEAST_ANCHORS = 5
#: Measured genes resemble each other from this correlation on.
ALIKE_FROM = 0.3
#: Most pairs, and most groups and genes in a group, that an evidence tells of.
MOST_PAIRS, MOST_GROUPS, MOST_MEMBERS = 12, 10, 5

Reason = Literal["contradicted", "uncovered"]


class Pair(NamedTuple):
    """Two measured genes.

    Parameters
    ----------
    one, other
        Their numbers among the candidates.
    implied
        The correlation that stated confidences imply.
    measured
        Correlation of their centred profiles.
    """

    one: int
    other: int
    implied: float
    measured: float

    @property
    def is_contradicted(self) -> bool:
        """True when they correlate much less than was implied."""
        return self.implied >= LEAST_IMPLIED and self.measured < SHARE * self.implied


@dataclass(frozen=True)
class Doubt:
    """A target to ask about again.

    Parameters
    ----------
    target
        Its number among the candidates.
    reason
        Why.
    pairs
        Measured pairs that bear on it, those that disappoint most first; of an uncovered target
        none.
    text
        The evidence, as an agent is told it.
    """

    target: int
    reason: Reason
    pairs: tuple[Pair, ...]
    text: str

    @property
    def weight(self) -> float:
        """How much was implied and not met, summed over the contradicted pairs."""
        return sum(pair.implied - pair.measured for pair in self.pairs if pair.is_contradicted)


def doubts(
    network: ConsensusNetwork,
    kernel: np.ndarray,
    anchors: Sequence[int] | np.ndarray,
    profiles: np.ndarray,
    *,
    most: int | None = None,
) -> list[Doubt]:
    """The targets to ask about again.

    Parameters
    ----------
    network
        What was said.
    kernel
        The kernel by which coverage is reckoned, shape (n_genes, n_genes).
    anchors
        Numbers of the measured candidates.
    profiles
        Their profiles, shape (n_anchors, n_readouts); NaN = not measured.
    most
        The most targets; all by default.

    Returns
    -------
    list of Doubt
        Contradicted targets first, the most disappointing first; then the uncovered ones, the
        least covered first. With fewer than five anchors none.
    """
    numbers = np.asarray(anchors, dtype=int)
    if len(numbers) < LEAST_ANCHORS:
        return []
    correlation = measured_correlation(profiles)
    said = _stated(network)
    place = {int(gene): row for row, gene in enumerate(numbers)}
    found = [
        doubt
        for target in range(network.n_genes)
        if (doubt := _contradicted(network, said, target, place, correlation)) is not None
    ]
    found.sort(key=lambda doubt: (-doubt.weight, network.genes[doubt.target]))
    covered = coverage(kernel, numbers)
    known = {*place, *(doubt.target for doubt in found)}
    bare = [t for t in range(network.n_genes) if covered[t] < COVERED_FROM and t not in known]
    bare.sort(key=lambda target: (round(float(covered[target]), 9), network.genes[target]))
    text = _groups_text(network.genes, numbers, correlation)
    found += [Doubt(target, "uncovered", (), text) for target in bare]
    return found if most is None else found[:most]


def measured_correlation(profiles: np.ndarray) -> np.ndarray:
    """Correlations of profiles centred on their mean; NaN where two share too little."""
    values = np.asarray(profiles, dtype=np.float64)
    known = ~np.isnan(values)
    means = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    correlation, _ = profile_correlation(np.where(known, values - means, np.nan))
    return correlation


# ---------------------------------------------------------------------- one target
def _stated(network: ConsensusNetwork) -> np.ndarray:
    """Mean stated confidence with which a gene is proposed for a target, shape (n, n)."""
    return np.maximum(network.weights.toarray(), 0)


def _contradicted(
    network: ConsensusNetwork,
    said: np.ndarray,
    target: int,
    place: dict[int, int],
    correlation: np.ndarray,
) -> Doubt | None:
    proposed = [gene for gene in map(int, np.flatnonzero(said[target])) if gene in place]
    pairs = []
    if target in place:
        pairs += [
            Pair(target, gene, IMPLIED * said[target, gene], _at(correlation, place, target, gene))
            for gene in proposed
        ]
    for one, other in itertools.combinations(proposed, 2):
        implied = IMPLIED**2 * said[target, one] * said[target, other]
        pairs.append(Pair(one, other, implied, _at(correlation, place, one, other)))
    pairs = [pair for pair in pairs if not np.isnan(pair.measured)]
    if not any(pair.is_contradicted for pair in pairs):
        return None
    pairs.sort(key=lambda pair: (pair.measured - pair.implied, pair.one, pair.other))
    told = tuple(pairs[:MOST_PAIRS])
    return Doubt(target, "contradicted", told, _pairs_text(network.genes, told))


def _at(correlation: np.ndarray, place: dict[int, int], one: int, other: int) -> float:
    return float(correlation[place[one], place[other]])


# ---------------------------------------------------------------------- what agents are told
def _pairs_text(genes: Sequence[str], pairs: Sequence[Pair]) -> str:
    told = ", ".join(
        f"{genes[pair.one]} and {genes[pair.other]} {pair.measured:+.2f}" for pair in pairs
    )
    return (
        f"measured correlations of silencing effects (0 = unlike, 1 = alike): {told}. "
        "Propose anew in view of this."
    )


def _groups_text(genes: Sequence[str], numbers: np.ndarray, correlation: np.ndarray) -> str:
    """For targets of which no measured gene tells: which measured genes resemble each other."""
    groups = [
        " ".join(genes[numbers[row]] for row in members[:MOST_MEMBERS])
        for members in alike(correlation)[:MOST_GROUPS]
    ]
    listed = f" Measured genes that resemble each other: {'; '.join(groups)}." if groups else ""
    return (
        f"none of the genes measured so far was tied to it.{listed} Propose anew in view of this."
    )


def alike(correlation: np.ndarray) -> list[list[int]]:
    """Groups of at least two rows that resemble each other, the largest first (average linkage)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    apart = np.clip(1 - np.nan_to_num(correlation, nan=0.0), 0, 2)
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform((apart + apart.T) / 2, checks=False), "average")
    labels = fcluster(tree, 1 - ALIKE_FROM, "distance")
    groups = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    return sorted((one for one in groups if len(one) > 1), key=lambda one: (-len(one), one))
