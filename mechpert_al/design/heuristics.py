"""Strategies of the field that rank or cluster: centralities, most-proposed, TypiClust."""

from __future__ import annotations

from functools import partial

import numpy as np

from mechpert_al.consensus.knowledge import centrality_of
from mechpert_al.design.greedy import Selection, greedy
from mechpert_al.design.objectives import Modular, Objective
from mechpert_al.design.strategy import DesignState, Strategy

#: Dimensions of the embedding in which TypiClust clusters.
N_EMBEDDING = 50


class Centrality(Strategy):
    """Most central genes first.

    Parameters
    ----------
    measure
        ``degree``, ``betweenness``, ``pagerank``, ``closeness`` or ``eigenvector``.
    network
        ``prior`` (the whole prior network), ``prior_pool`` (its part among the candidates that
        could be measured) or ``consensus`` (the positive consensus links, weighted).
    """

    def __init__(self, measure: str, network: str = "prior") -> None:
        self.measure = measure
        self.network = network

    @property
    def name(self) -> str:  # type: ignore[override]
        """As typed, and shown everywhere."""
        return f"{self.measure}_{self.network}"

    @property
    def group(self) -> str:  # type: ignore[override]
        """``centrality`` or ``panel heuristic``."""
        return "panel heuristic" if self.network == "consensus" else "centrality"

    @property
    def needs(self) -> tuple[str, ...]:  # type: ignore[override]
        """Parts of the knowledge it reads beyond the consensus."""
        return () if self.network == "consensus" else ("prior",)

    @property
    def summary(self) -> str:  # type: ignore[override]
        """One line: what it does."""
        where = {
            "prior": "in the whole prior network",
            "prior_pool": "in the prior network among the pool",
            "consensus": "in the consensus network",
        }
        return f"highest {self.measure} {where[self.network]}"

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        return Modular(self.scores(state))

    def scores(self, state: DesignState) -> np.ndarray:
        """The centrality of every candidate, 0 where the network does not have the gene."""
        known = state.knowledge
        if self.network != "prior_pool":
            return known.centrality(self.measure, self.network)
        pool = known.prior_network.subnetwork([known.genes[i] for i in state.pool])
        return centrality_of(pool, self.measure, known.genes)


degree_prior = partial(Centrality, "degree", "prior")
betweenness_prior = partial(Centrality, "betweenness", "prior")
pagerank_prior = partial(Centrality, "pagerank", "prior")
closeness_prior = partial(Centrality, "closeness", "prior")
eigenvector_prior = partial(Centrality, "eigenvector", "prior")
degree_prior_pool = partial(Centrality, "degree", "prior_pool")
betweenness_prior_pool = partial(Centrality, "betweenness", "prior_pool")
pagerank_prior_pool = partial(Centrality, "pagerank", "prior_pool")
closeness_prior_pool = partial(Centrality, "closeness", "prior_pool")
eigenvector_prior_pool = partial(Centrality, "eigenvector", "prior_pool")
degree_consensus = partial(Centrality, "degree", "consensus")
betweenness_consensus = partial(Centrality, "betweenness", "consensus")
pagerank_consensus = partial(Centrality, "pagerank", "consensus")
closeness_consensus = partial(Centrality, "closeness", "consensus")
eigenvector_consensus = partial(Centrality, "eigenvector", "consensus")


class MostProposed(Strategy):
    """The genes that agents name most often as regulators."""

    name = "most_proposed"
    group = "panel heuristic"
    summary = "the gene that agents name most often as a regulator"

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        support = state.knowledge.consensus.support
        return Modular(np.asarray(support.sum(axis=0), dtype=np.float64).ravel())


class TypiClust(Strategy):
    """The most typical candidate of each of the largest clusters without an anchor (Hacohen 2022).

    Parameters
    ----------
    n_neighbours
        Typicality is one over the mean distance to that many nearest neighbours in the cluster.
    """

    name = "typiclust"
    group = "diversity"
    summary = "the most typical candidate of each of the largest clusters without an anchor"
    is_nested = False

    def __init__(self, n_neighbours: int = 20) -> None:
        self.n_neighbours = n_neighbours

    def select(self, state: DesignState, n: int) -> Selection:
        """Up to n allowed candidates, in order (see `Strategy.select`)."""
        order = self._ranking(state, n)
        scores = np.full(state.knowledge.n_genes, -1.0)
        scores[order] = np.arange(len(order), 0, -1)
        return greedy(
            Modular(scores),
            state.allowed,
            n,
            given=state.given,
            limits=state.limits,
            tie_ranks=state.tie_ranks,
        )

    def _ranking(self, state: DesignState, n: int) -> np.ndarray:
        """Allowed candidates: one a cluster, largest cluster without an anchor first."""
        from sklearn.cluster import KMeans

        if not state.allowed.size:
            return np.zeros(0, dtype=int)
        genes = state.knowledge.genes
        pool = np.array(sorted(state.pool, key=lambda i: genes[i]))
        points = embedding(state.knowledge.kernel[np.ix_(pool, pool)])
        n_clusters = min(len(pool), n + len(state.given))
        seed = int(state.generator("typiclust").integers(2**31))
        labels = KMeans(n_clusters, n_init=1, random_state=seed).fit_predict(points)
        is_anchor = np.isin(pool, state.given)
        sizes = np.bincount(labels, minlength=n_clusters)
        anchored = np.bincount(labels, weights=is_anchor, minlength=n_clusters) > 0
        ranking = []
        for cluster in np.lexsort((np.arange(n_clusters), -sizes, anchored)):
            members = np.flatnonzero((labels == cluster) & np.isin(pool, state.allowed))
            if members.size:
                typical = self._typicality(points[labels == cluster], points[members])
                ranking.append(pool[members[np.argmax(np.round(typical, 9))]])
        return np.array(ranking, dtype=int)

    def _typicality(self, cluster: np.ndarray, members: np.ndarray) -> np.ndarray:
        distances = np.linalg.norm(members[:, None] - cluster[None], axis=2)
        k = min(self.n_neighbours, len(cluster) - 1)
        if k < 1:
            return np.ones(len(members))
        nearest = np.partition(distances, k, axis=1)[:, : k + 1].sum(axis=1) / k
        return 1 / np.maximum(nearest, 1e-12)


def embedding(kernel: np.ndarray) -> np.ndarray:
    """Coordinates whose inner products are those of the kernel, as far as few can give them."""
    values, vectors = np.linalg.eigh(kernel)
    values, vectors = values[-N_EMBEDDING:], vectors[:, -N_EMBEDDING:]
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    return vectors * signs * np.sqrt(np.maximum(values, 0))
