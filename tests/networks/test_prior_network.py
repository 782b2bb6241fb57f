"""The prior network as a value: links, alignment, other networks from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from mechpert_al.errors import DataError, UsageError
from mechpert_al.networks import PriorNetwork

GENES = tuple("ABCDEFG")
EDGES = st.lists(
    st.tuples(st.sampled_from(GENES), st.sampled_from(GENES), st.sampled_from([0.25, 0.5, 1.0])),
    max_size=30,
)


@pytest.fixture
def network() -> PriorNetwork:
    return PriorNetwork.from_edges([("A", "B", 0.5), ("B", "C", 1.0), ("C", "D", 0.25)])


@given(EDGES)
def test_a_simple_graph_is_made_of_any_links(edges):
    network = PriorNetwork.from_edges(edges, genes=GENES)
    heaviest: dict[frozenset[str], float] = {}
    n_loops = 0
    for first, second, weight in edges:
        pair = frozenset({first, second})
        n_loops += len(pair) == 1
        if len(pair) == 2:
            heaviest[pair] = max(weight, heaviest.get(pair, 0))
    assert {frozenset(edge[:2]): edge[2] for edge in network.edges()} == heaviest
    assert network.n_edges == len(heaviest)
    assert network.dropped == {
        "self_loop_lines": n_loops,
        "repeated_lines": len(edges) - n_loops - len(heaviest),
    }
    assert network.degree.tolist() == [sum(gene in pair for pair in heaviest) for gene in GENES]
    assert (network.adjacency != network.adjacency.T).nnz == 0
    assert not network.adjacency.diagonal().any()


@given(EDGES, st.lists(st.sampled_from([*GENES, "X", "Y"]), unique=True))
def test_links_are_aligned_by_name(edges, wanted):
    network = PriorNetwork.from_edges(edges, genes=GENES)
    links = network.on(wanted).toarray()
    weights = {frozenset(edge[:2]): edge[2] for edge in network.edges()}
    for row, first in enumerate(wanted):
        for column, second in enumerate(wanted):
            assert links[row, column] == weights.get(frozenset({first, second}), 0)
    part = network.subnetwork(wanted)
    assert part.genes == tuple(gene for gene in wanted if gene in GENES)
    assert {frozenset(edge[:2]) for edge in part.edges()} == {
        pair for pair in weights if pair <= set(wanted)
    }


def test_neighbours_and_unknown_genes(network):
    assert network.neighbours("B") == {"A": 0.5, "C": 1.0}
    with pytest.raises(UsageError, match="'X' is not in the network"):
        network.neighbours("X")


def test_the_hash_tells_networks_apart(network):
    edges = [edge[:] for edge in network.edges()]
    assert PriorNetwork.from_edges(reversed(edges)).content_hash == network.content_hash
    heavier = [(*edge[:2], 1.0) for edge in edges]
    assert PriorNetwork.from_edges(heavier).content_hash != network.content_hash
    other = network.renamed({"A": "A1"})
    assert other.content_hash != network.content_hash
    assert len(network.content_hash) == 64


def test_weights_and_counts(network):
    assert network.is_weighted
    assert not PriorNetwork.from_edges([("A", "B")]).is_weighted
    info = network.info()
    assert (info["n_nodes"], info["n_edges"]) == (4, 3)
    assert repr(network) == "PriorNetwork(4 genes, 3 links)"


def test_it_cannot_be_changed(network):
    with pytest.raises(ValueError, match="read-only"):
        network.adjacency.data[0] = 1
    with pytest.raises(AttributeError):
        network.genes = ()


def test_renaming_merges_genes(network):
    merged = network.renamed({"D": "A"})
    assert merged.genes == ("A", "B", "C")
    assert list(merged.edges()) == [("A", "B", 0.5), ("A", "C", 0.25), ("B", "C", 1.0)]


def test_alignment_to_names_of_another_age():
    network = PriorNetwork.from_edges([("AARS1", "QARS1"), ("EPRS1", "TP53"), ("TP53", "QARS1")])
    candidates = ["QARS", "EPRS", "AARS", "TP53", "DBR1"]
    aligned, matching = network.aligned(candidates, source="candidates")
    assert aligned.on(candidates).toarray().tolist() == [
        [0, 0, 1, 1, 0],
        [0, 0, 0, 1, 0],
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    assert [one.name for one in matching.unmatched] == ["DBR1"]
    assert {one.name: one.reference for one in matching.renamed} == {
        "QARS": "QARS1",
        "EPRS": "EPRS1",
        "AARS": "AARS1",
    }


@pytest.mark.parametrize(
    ("genes", "links", "said"),
    [
        ("AB", [[0, 1], [0, 0]], "symmetric"),
        ("AB", [[1, 1], [1, 0]], "links no gene to itself"),
        ("AB", [[0, 2], [2, 0]], "up to 1"),
        ("AB", [[0, -1], [-1, 0]], "above 0"),
        ("AB", [[0, np.nan], [np.nan, 0]], "symmetric|above 0"),
        ("AA", [[0, 1], [1, 0]], "more than once"),
        ("ABC", [[0, 1], [1, 0]], "3 genes"),
    ],
)
def test_what_is_no_prior_network_is_refused(genes, links, said):
    with pytest.raises(DataError, match=said):
        PriorNetwork(tuple(genes), sparse.csr_array(np.array(links, dtype=float)))


def test_links_of_genes_outside_the_list_are_refused():
    with pytest.raises(DataError, match="not in the list: C"):
        PriorNetwork.from_edges([("A", "C")], genes=["A", "B"])
