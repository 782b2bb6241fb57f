"""Centralities of a prior network, by networkx's definitions, kept on disk once computed.

A weight is a strength, not a length: shortest paths use length = 1 / weight, so that strong links
are short. Unweighted centralities ignore the weights altogether.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from mechpert_al.errors import UsageError
from mechpert_al.networks.prior import PriorNetwork

#: Damping of PageRank.
DAMPING = 0.85
#: Digits that are kept: sums over paths are added in another order by each number of threads, so
#: that later digits differ from run to run and would break ties at random.
SIGNIFICANT_DIGITS = 10
#: Up to this many genes an eigenvector is computed exactly, above by iteration.
DENSE_SIZE = 100
#: Two routes are equally short if their lengths differ by less, relatively.
TIE = 1e-10
#: Fewer routes than this through a gene are rounding errors of none.
NO_ROUTE = 1e-9
#: Shortest paths take a moment beyond this product of genes and links; only then they are kept.
LONG = 10_000_000
#: Kept values are read only if they were computed by this version.
VERSION = 1


@dataclass(frozen=True)
class Measure:
    """A centrality: what it means, and the pure function that computes it."""

    name: str
    meaning: str
    compute: Callable[[sparse.csr_array, bool], np.ndarray]


def centrality(
    network: PriorNetwork, measure: str, weighted: bool = False, cache: bool = True
) -> np.ndarray:
    """A centrality of every gene.

    Parameters
    ----------
    network
        The network; for a centrality among a pool only, its `PriorNetwork.subnetwork`.
    measure
        ``degree``: neighbours / (n − 1); weighted: summed weights / (n − 1).
        ``betweenness``: share of shortest paths through the gene, divided by (n − 1)(n − 2) / 2.
        ``closeness``: Wasserman–Faust, (r / (n − 1)) · (r / summed distance) with r = reachable
        genes other than itself; 0 if there is none.
        ``pagerank``: damping 0.85; genes without links jump anywhere; sums to 1.
        ``eigenvector``: of the largest connected component (of equally large ones, that with the
        first gene), Euclidean norm 1; 0 for genes outside it and where there are no links.
    weighted
        Whether stronger links count more; lengths are 1 / weight.
    cache
        Whether to keep what took long (betweenness and closeness of a large network) in the cache
        directory, and to take it from there. Names do not matter for that, the links do.

    Returns
    -------
    numpy.ndarray
        float64, shape (n_genes,), aligned with ``network.genes``, rounded to 10 significant
        digits so that ties are ties whatever the number of threads.

    Raises
    ------
    UsageError
        If there is no such measure.
    """
    if measure not in MEASURES:
        raise UsageError(f"no centrality {measure!r}", f"Choose one of: {', '.join(MEASURES)}.")
    weighted = weighted and network.is_weighted
    if not (cache and _takes_long(network, measure)):
        return _compute(network, measure, weighted)
    from mechpert_al.networks import store

    kept = store.path_of(network.links_hash, f"{measure}{'-weighted' * weighted}-{VERSION}")
    values = store.read(kept, network.n_genes)
    if values is None:
        values = _compute(network, measure, weighted)
        store.write(kept, values)
    return values


def _takes_long(network: PriorNetwork, measure: str) -> bool:
    return measure in ("betweenness", "closeness") and network.n_genes * network.n_edges > LONG


def _compute(network: PriorNetwork, measure: str, weighted: bool) -> np.ndarray:
    if not network.n_edges and measure != "pagerank":
        return np.zeros(network.n_genes)
    return _rounded(MEASURES[measure].compute(network.adjacency, weighted))


def _rounded(values: np.ndarray) -> np.ndarray:
    """The values to a fixed number of significant digits."""
    magnitude = np.zeros(len(values))
    positive = values > 0
    magnitude[positive] = np.floor(np.log10(values[positive]))
    scale = 10.0 ** (SIGNIFICANT_DIGITS - 1 - magnitude)
    return np.where(positive, np.round(values * scale) / scale, 0.0)


# ---------------------------------------------------------------------- the measures
def _degree(links: sparse.csr_array, weighted: bool) -> np.ndarray:
    summed = links.sum(axis=1) if weighted else np.diff(links.indptr)
    return np.asarray(summed, dtype=np.float64) / max(links.shape[0] - 1, 1)


def _betweenness(links: sparse.csr_array, weighted: bool) -> np.ndarray:
    if weighted and links.data.min() < links.data.max():
        return _weighted_betweenness(links)
    import rustworkx

    return _in_order(rustworkx.graph_betweenness_centrality(_graph(links)))


def _closeness(links: sparse.csr_array, weighted: bool) -> np.ndarray:
    if weighted:
        return _weighted_closeness(links)
    import rustworkx

    return _in_order(rustworkx.graph_closeness_centrality(_graph(links), wf_improved=True))


def _pagerank(links: sparse.csr_array, weighted: bool) -> np.ndarray:
    n_genes = links.shape[0]
    if not n_genes:
        return np.zeros(0)
    strength = links if weighted else links.sign()
    out = np.asarray(strength.sum(axis=1))
    share = sparse.diags_array(1 / np.where(out > 0, out, 1)) @ strength
    rank = np.full(n_genes, 1 / n_genes)
    for _ in range(1000):
        before = rank
        lost = before[out == 0].sum()
        rank = DAMPING * (share.T @ before + lost / n_genes) + (1 - DAMPING) / n_genes
        if np.abs(rank - before).sum() < 1e-15:
            break
    return rank / rank.sum()


def _eigenvector(links: sparse.csr_array, weighted: bool) -> np.ndarray:
    from scipy.sparse.csgraph import connected_components

    _, component = connected_components(links, directed=False)
    largest = np.flatnonzero(component == np.bincount(component).argmax())
    part = (links if weighted else links.sign())[largest][:, largest]
    values = np.zeros(links.shape[0])
    values[largest] = _leading_eigenvector(part)
    return values


def _leading_eigenvector(part: sparse.csr_array) -> np.ndarray:
    """Non-negative eigenvector of the largest eigenvalue, Euclidean norm 1."""
    size = part.shape[0]
    if size <= DENSE_SIZE:
        vector = np.linalg.eigh(part.toarray())[1][:, -1]
    else:
        from scipy.sparse.linalg import eigsh

        start = np.full(size, 1 / np.sqrt(size))
        vector = eigsh(part, k=1, which="LA", v0=start, tol=1e-14)[1][:, 0]
    vector = np.abs(vector)
    return np.round(vector / np.linalg.norm(vector), 12)  # what an iteration can tell


# ---------------------------------------------------------------------- shortest paths
def _graph(links: sparse.csr_array):  # type: ignore[no-untyped-def]
    import rustworkx

    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(links.shape[0]))
    first, second = sparse.triu(links, 1).tocoo().coords
    graph.add_edges_from_no_data(list(zip(first.tolist(), second.tolist(), strict=True)))
    return graph


def _in_order(values) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.array([values[row] for row in range(len(values))], dtype=np.float64)


def _lengths(links: sparse.csr_array) -> sparse.csr_array:
    lengths = links.copy()
    lengths.data = 1 / links.data
    return lengths


def _weighted_closeness(links: sparse.csr_array) -> np.ndarray:
    from scipy.sparse.csgraph import dijkstra

    lengths = _lengths(links)
    n_genes = links.shape[0]
    closeness = np.zeros(n_genes)
    for gene in range(n_genes):
        distance = dijkstra(lengths, directed=True, indices=gene)
        reached = np.isfinite(distance)
        total = distance[reached].sum()
        n_others = int(reached.sum()) - 1
        if n_others:
            closeness[gene] = n_others / total * n_others / (n_genes - 1)
    return closeness


def _weighted_betweenness(links: sparse.csr_array) -> np.ndarray:
    """Brandes' accumulation, with equally short routes told by a relative tolerance.

    From each gene s the links on shortest routes form an acyclic graph P. The number of routes σ
    solves (I − Pᵀ)σ = eₛ and the dependencies δ solve (I − P) y = 1/σ with y = (1 + δ)/σ (Brandes
    2001, rearranged): two triangular systems when genes are sorted by distance.
    """
    lengths = _lengths(links).tocoo()
    n_genes = links.shape[0]
    total = np.zeros(n_genes)
    matrix = sparse.csr_array(lengths)
    for gene in range(n_genes):
        total += _dependencies(matrix, lengths, gene)
    total[total < NO_ROUTE] = 0
    return total / max((n_genes - 1) * (n_genes - 2), 1)


def _dependencies(matrix: sparse.csr_array, lengths: sparse.coo_array, gene: int) -> np.ndarray:
    from scipy.sparse.csgraph import dijkstra
    from scipy.sparse.linalg import spsolve_triangular

    distance = dijkstra(matrix, directed=True, indices=gene)
    order = np.argsort(distance, kind="stable")[: int(np.isfinite(distance).sum())]
    rank = np.full(len(distance), -1)
    rank[order] = np.arange(len(order))
    near, far = lengths.coords
    shortest = (rank[near] >= 0) & (distance[near] < distance[far])
    near, far, step = near[shortest], far[shortest], lengths.data[shortest]
    on_route = np.abs(distance[near] + step - distance[far]) <= TIE * distance[far]
    before, after = rank[near[on_route]], rank[far[on_route]]
    size = len(order)
    routes = sparse.csr_array((np.ones(len(before)), (before, after)), shape=(size, size))
    system = sparse.csr_array(sparse.eye_array(size) - routes)
    start = np.zeros(size)
    start[0] = 1
    n_routes = spsolve_triangular(sparse.csr_array(system.T), start, lower=True)
    carried = spsolve_triangular(system, 1 / n_routes, lower=False)
    result = np.zeros(len(distance))
    result[order] = n_routes * carried - 1
    result[gene] = 0
    return result


MEASURES = {
    one.name: one
    for one in (
        Measure("degree", "number of neighbours", _degree),
        Measure("betweenness", "shortest paths that lead through the gene", _betweenness),
        Measure("pagerank", "visits of a random walk that jumps (damping 0.85)", _pagerank),
        Measure("closeness", "how near all other genes are (Wasserman–Faust)", _closeness),
        Measure("eigenvector", "well linked to well-linked genes", _eigenvector),
    )
}
