"""Centralities against networkx, by hand, and their cache."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al import datasets
from mechpert_al.errors import UsageError
from mechpert_al.networks import MEASURES, PriorNetwork, centralities, centrality, read_network

CASE = Path(__file__).parents[1] / "cases" / "centrality-weights-loops"


def as_graph(network: PriorNetwork) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(network.genes)
    for first, second, weight in network.edges():
        exact = 1 / Fraction(str(weight))  # ties are ties
        graph.add_edge(first, second, weight=weight, length=exact)
    return graph


def by_networkx(graph: nx.Graph, measure: str, weighted: bool) -> dict[str, float]:
    weight = "weight" if weighted else None
    length = "length" if weighted else None
    if measure == "degree":
        return {gene: value / (len(graph) - 1) for gene, value in graph.degree(weight=weight)}
    if measure == "betweenness":
        return nx.betweenness_centrality(graph, weight=length)
    if measure == "closeness":
        return nx.closeness_centrality(graph, distance=length)
    if measure == "pagerank":
        return nx.pagerank(graph, alpha=0.85, weight=weight, tol=1e-14, max_iter=5000)
    size = max(map(len, nx.connected_components(graph)))
    largest = min(sorted(part) for part in nx.connected_components(graph) if len(part) == size)
    found = dict.fromkeys(graph, 0.0)
    matrix = nx.to_numpy_array(graph, nodelist=largest, weight=weight)
    found.update(zip(largest, np.abs(np.linalg.eigh(matrix)[1][:, -1]), strict=True))
    return found


@st.composite
def networks(draw) -> PriorNetwork:
    """Up to 14 genes, often in parts, some without a link; weights with and without ties."""
    n_genes = draw(st.integers(3, 14))
    genes = [f"v{number:02d}" for number in range(n_genes)]
    one_of = st.sampled_from(genes)
    weight = st.sampled_from([0.25, 0.5, 0.75, 1.0]) | st.floats(0.05, 1)
    edges = draw(st.lists(st.tuples(one_of, one_of, weight), max_size=2 * n_genes))
    return PriorNetwork.from_edges(edges, genes=genes)


@pytest.mark.parametrize("measure", [one for one in MEASURES if one != "eigenvector"])
@pytest.mark.parametrize("weighted", [False, True])
@given(network=networks())
@settings(max_examples=40)
def test_they_agree_with_networkx(network, measure, weighted):
    expected = by_networkx(as_graph(network), measure, weighted)
    values = centrality(network, measure, weighted, cache=False)
    np.testing.assert_allclose(values, [expected[gene] for gene in network.genes], atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@given(network=networks())
@settings(max_examples=40)
def test_eigenvectors_are_those_of_the_largest_component(network, weighted):
    if network.subnetwork(network.genes).n_edges == 0:
        assert not centrality(network, "eigenvector", weighted, cache=False).any()
        return
    expected = by_networkx(as_graph(network), "eigenvector", weighted)
    values = centrality(network, "eigenvector", weighted, cache=False)
    np.testing.assert_allclose(values, [expected[gene] for gene in network.genes], atol=1e-9)
    if max(map(len, nx.connected_components(as_graph(network)))) > 2:
        part = as_graph(network).subgraph(np.array(network.genes)[values > 0])
        peer = nx.eigenvector_centrality_numpy(part, weight="weight" if weighted else None)
        mine = dict(zip(network.genes, values, strict=True))
        assert {gene: abs(value) for gene, value in peer.items()} == pytest.approx(
            {gene: mine[gene] for gene in part}, abs=1e-8
        )


def test_large_sparse_and_small_dense_eigenvectors_agree(monkeypatch):
    graph = nx.gnm_random_graph(150, 900, seed=1)
    network = PriorNetwork.from_edges([(f"v{one:03d}", f"v{two:03d}") for one, two in graph.edges])
    sparse_way = centrality(network, "eigenvector", cache=False)
    monkeypatch.setattr(centralities, "DENSE_SIZE", 1000)
    np.testing.assert_allclose(
        sparse_way, centrality(network, "eigenvector", cache=False), atol=1e-10
    )


@pytest.mark.parametrize("check", json.loads((CASE / "expected.json").read_text())["checks"])
def test_case_weights_and_loops(check):
    network = read_network(CASE / check["files"][0])
    weighted = check.get("options", {}).get("weighted", False)
    expected = check["values"]
    values = centrality(network, "betweenness", weighted, cache=False)
    found = dict(zip(network.genes, values, strict=True))
    assert found == pytest.approx(expected["betweenness"], abs=check["tolerance"])
    if "top" in expected:
        assert max(found, key=found.__getitem__) == expected["top"]
    if "degree" in expected:
        assert dict(zip(network.genes, network.degree, strict=True)) == expected["degree"]
        assert network.dropped == expected["dropped"]
        assert (network.n_genes, network.n_edges) == (expected["n_nodes"], expected["n_edges"])


def test_equally_short_routes_are_equal_whatever_the_order_of_adding():
    """1/0.3 + 1/0.6 + 1/0.9 differs in the last digit from the same sum in another order."""
    ring = ["S", "A", "C", "T", "D", "B", "S"]
    weights = [0.3, 0.6, 0.9, 0.6, 0.3, 0.9]
    assert 1 / 0.3 + 1 / 0.6 + 1 / 0.9 != 1 / 0.9 + 1 / 0.3 + 1 / 0.6
    network = PriorNetwork.from_edges(zip(ring, ring[1:], weights, strict=False))
    expected = by_networkx(as_graph(network), "betweenness", True)
    values = centrality(network, "betweenness", True, cache=False)
    np.testing.assert_allclose(values, [expected[gene] for gene in network.genes], atol=1e-9)


def test_weights_are_strengths():
    star = PriorNetwork.from_edges(
        [(gene, hub, weight) for gene in "ABC" for hub, weight in (("HUB", 0.9), ("BUH", 0.1))]
    )
    for measure in MEASURES:
        values = dict(zip(star.genes, centrality(star, measure, True, cache=False), strict=True))
        assert values["HUB"] > values["BUH"], measure
        plain = dict(zip(star.genes, centrality(star, measure, cache=False), strict=True))
        assert plain["HUB"] == pytest.approx(plain["BUH"]), measure


def test_genes_without_links():
    network = PriorNetwork.from_edges([], genes=["A", "B"])
    for measure in MEASURES:
        expected = [0.5, 0.5] if measure == "pagerank" else [0, 0]
        assert centrality(network, measure, cache=False).tolist() == expected
    assert centrality(PriorNetwork.from_edges([]), "pagerank", cache=False).shape == (0,)


def test_ties_are_ties():
    """On a ring all genes are alike, whatever order sums are taken in."""
    ring = PriorNetwork.from_edges([(f"v{i:03d}", f"v{(i + 1) % 301:03d}") for i in range(301)])
    for measure in MEASURES:
        assert len(np.unique(centrality(ring, measure, cache=False))) == 1, measure


def test_an_unknown_measure_is_refused():
    with pytest.raises(UsageError, match="no centrality 'harmonic'"):
        centrality(PriorNetwork.from_edges([("A", "B")]), "harmonic")


# ---------------------------------------------------------------------- the cache
@pytest.fixture
def kept_in(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(centralities, "LONG", 0)
    monkeypatch.setattr(datasets, "cache_dir", lambda: tmp_path)
    return tmp_path / "centralities"


def test_values_are_kept_by_content(kept_in, monkeypatch):
    network = PriorNetwork.from_edges([("A", "B", 0.5), ("B", "C", 1.0)])
    first = {
        (measure, weighted): centrality(network, measure, weighted)
        for measure in ("betweenness", "closeness")
        for weighted in (False, True)
    }
    assert len([*kept_in.iterdir()]) == 4

    def refuse(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(centralities, "_compute", refuse)
    again = PriorNetwork.from_edges([("C", "B", 1.0), ("B", "A", 0.5)])
    for (measure, weighted), values in first.items():
        np.testing.assert_array_equal(centrality(again, measure, weighted), values)
        renamed = again.renamed({"A": "A1"})
        np.testing.assert_array_equal(centrality(renamed, measure, weighted), values)
    with pytest.raises(AssertionError):
        centrality(PriorNetwork.from_edges([("A", "B")]), "closeness")


def test_what_is_quick_is_not_kept(kept_in, monkeypatch):
    network = PriorNetwork.from_edges([("A", "B", 0.5), ("B", "C", 1.0)])
    for measure in ("degree", "pagerank", "eigenvector"):
        centrality(network, measure)
    monkeypatch.setattr(centralities, "LONG", 10)
    centrality(network, "betweenness")
    assert not kept_in.exists()


def test_a_damaged_or_foreign_file_is_computed_again(kept_in):
    network = PriorNetwork.from_edges([("A", "B"), ("B", "C")])
    values = centrality(network, "closeness")
    (kept,) = kept_in.iterdir()
    whole = kept.read_bytes()
    np.save(kept_in / "objects.npy", np.array([{}, {}, {}]), allow_pickle=True)
    pickled = (kept_in / "objects.npy").read_bytes()
    (kept_in / "objects.npy").unlink()
    for damaged in (whole[:20], b"", whole[:-8], pickled):
        kept.write_bytes(damaged)
        np.testing.assert_array_equal(centrality(network, "closeness"), values)
        assert kept.read_bytes() == whole
    assert [*kept_in.iterdir()] == [kept]


def test_without_cache_nothing_is_written(kept_in):
    centrality(PriorNetwork.from_edges([("A", "B")]), "closeness", cache=False)
    assert not kept_in.exists()


# ---------------------------------------------------------------------- real data
def test_the_literature_network(real_data):
    network = read_network(real_data / "human_ppi_string_humap_reactome.tsv.gz")
    assert (network.reading.n_names, network.reading.n_pairs) == (12_668, 115_550)
    assert {one.name: one.gene for one in network.reading.renamed} == {
        "C2orf48": "RRM2",
        "CBSL": "CBS",
        "CTAGE5": "MIA2",
        "SIK1B": "SIK1",
    }
    assert (network.n_genes, network.n_edges) == (12_664, 115_546)
    assert network.dropped["self_loop_lines"] == 0
    degree = centrality(network, "degree", cache=False)
    np.testing.assert_allclose(degree, network.degree / 12_663, rtol=1e-9)
    pagerank = centrality(network, "pagerank", cache=False)
    assert pagerank.sum() == pytest.approx(1)
    graph = nx.from_scipy_sparse_array(network.adjacency)
    expected = nx.pagerank(graph, alpha=0.85, tol=1e-14, max_iter=500)
    np.testing.assert_allclose(pagerank, [expected[row] for row in range(len(expected))], atol=1e-9)
    assert np.linalg.norm(centrality(network, "eigenvector", cache=False)) == pytest.approx(1)
