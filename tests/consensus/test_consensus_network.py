"""The consensus network, recomputed pair by pair with plain loops."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from mechpert_al.agents.panel import Agent, Hypothesis, Panel
from mechpert_al.consensus import ConsensusNetwork, Knowledge
from mechpert_al.errors import UsageError
from mechpert_al.networks import PriorNetwork

GENES = ("D", "B", "A", "E", "C", "F")
AGENTS = ("one", "two", "three")


def random_panel(seed: int, genes: tuple[str, ...] = GENES) -> Panel:
    """Three voters and a baseline; some targets unanswered, some answered with nothing."""
    random = np.random.default_rng(seed)
    hypotheses, answered = [], {}
    for agent in (*AGENTS, "plain"):
        asked = [gene for gene in genes if random.random() < 0.7]
        answered[agent] = frozenset(asked)
        for target, regulator in product(asked, genes):
            if target != regulator and random.random() < 0.4:
                direction = int(random.choice([1, 1, -1]))
                confidence = float(round(random.uniform(0.05, 1), 2))
                hypotheses.append(Hypothesis(agent, target, regulator, direction, confidence, "m"))
    roles = {**dict.fromkeys(AGENTS, "mechanism"), "plain": "baseline"}
    agents = {name: Agent(name, role) for name, role in roles.items()}
    return Panel("random", agents, genes, tuple(hypotheses), answered)


def by_hand(
    panel: Panel, voters: tuple[str, ...] = AGENTS, min_agents: int = 1, min_confidence: float = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and support, from the definitions."""
    n = len(panel.candidates)
    weights, support = np.zeros((n, n)), np.zeros((n, n), dtype=int)
    for (t, target), (a, regulator) in product(enumerate(panel.candidates), repeat=2):
        named = [
            h
            for h in panel.hypotheses
            if (h.target, h.regulator) == (target, regulator)
            and h.agent in voters
            and h.confidence >= min_confidence
        ]
        support[t, a] = len(named)
        if len(named) >= min_agents:
            n_answers = sum(target in panel.answered[voter] for voter in voters)
            weights[t, a] = sum(h.direction * h.confidence for h in named) / max(n_answers, 1)
    return weights, support


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("min_agents", [1, 2, 3])
@pytest.mark.parametrize("min_confidence", [0.0, 0.3, 0.5])
def test_weights_and_support(seed: int, min_agents: int, min_confidence: float) -> None:
    panel = random_panel(seed)
    network = ConsensusNetwork.from_panel(
        panel, min_agents=min_agents, min_confidence=min_confidence
    )
    weights, support = by_hand(panel, min_agents=min_agents, min_confidence=min_confidence)
    np.testing.assert_allclose(network.weights.toarray(), weights, atol=1e-15)
    np.testing.assert_array_equal(network.support.toarray(), support)
    assert network.support.dtype == np.int64
    np.testing.assert_allclose(network.symmetric.toarray(), (weights + weights.T) / 2, atol=1e-15)
    assert network.weights.nnz == np.count_nonzero(weights)  # no stored zeros


@pytest.mark.parametrize("seed", range(3))
def test_orientation(seed: int) -> None:
    panel = random_panel(seed)
    weights, _ = by_hand(panel)
    expected = {"directed": weights, "reversed": weights.T, "symmetric": (weights + weights.T) / 2}
    for orientation, values in expected.items():
        network = ConsensusNetwork.from_panel(panel, orientation=orientation)
        np.testing.assert_allclose(network.neighbourhoods.toarray(), values, atol=1e-15)


def test_silence_counts_and_absence_does_not() -> None:
    """A lone proposal is worth its share of the agents that answered, and only of those."""

    def weight(answered: dict[str, frozenset[str]]) -> float:
        panel = Panel(
            "by hand",
            {name: Agent(name, "mechanism") for name in AGENTS},
            ("A", "B"),
            (Hypothesis("one", "A", "B", 1, 0.9, ""),),
            answered,
        )
        return float(ConsensusNetwork.from_panel(panel).weights.toarray()[0, 1])

    asked, absent = frozenset(["A"]), frozenset[str]()
    assert weight({"one": asked, "two": asked, "three": asked}) == pytest.approx(0.3)
    assert weight({"one": asked, "two": asked, "three": absent}) == pytest.approx(0.45)
    assert weight({"one": asked, "two": absent, "three": absent}) == pytest.approx(0.9)


def test_the_baseline_never_votes() -> None:
    panel = random_panel(0)
    network = ConsensusNetwork.from_panel(panel)
    assert tuple(network.layers) == AGENTS
    silent = replace(panel, hypotheses=tuple(h for h in panel.hypotheses if h.agent != "plain"))
    assert ConsensusNetwork.from_panel(silent).content_hash == network.content_hash
    known = Knowledge.from_panel(panel)
    assert known.similarity is not None
    np.testing.assert_allclose(
        known.similarity.weights.toarray(), by_hand(panel, ("plain",))[0], atol=1e-15
    )
    assert set(known.agents) == {*AGENTS, "plain"}
    for name, one in known.agents.items():
        np.testing.assert_allclose(one.weights.toarray(), by_hand(panel, (name,))[0], atol=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_each_agents_own_links(seed: int) -> None:
    """p_m = (max(A_m, 0) + max(A_m, 0)ᵀ) / 2."""
    panel = random_panel(seed)
    index = {gene: i for i, gene in enumerate(GENES)}
    network = ConsensusNetwork.from_panel(panel)
    for name, links in zip(AGENTS, network.agent_links, strict=True):
        layer = np.zeros((len(GENES),) * 2)
        for h in panel.hypotheses:
            if h.agent == name:
                layer[index[h.target], index[h.regulator]] = max(h.direction * h.confidence, 0)
        np.testing.assert_allclose(links.toarray(), (layer + layer.T) / 2, atol=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_order_of_genes_changes_nothing(seed: int) -> None:
    panel = random_panel(seed)
    network = ConsensusNetwork.from_panel(panel)
    order = np.random.default_rng(seed).permutation(len(GENES))
    moved = ConsensusNetwork.from_panel(replace(panel, candidates=tuple(GENES[i] for i in order)))
    assert moved.content_hash == network.content_hash
    np.testing.assert_array_equal(moved.kernel, network.kernel[np.ix_(order, order)])
    np.testing.assert_array_equal(
        moved.weights.toarray(), network.weights.toarray()[np.ix_(order, order)]
    )


def test_what_changes_the_hash() -> None:
    panel = random_panel(1)
    network = ConsensusNetwork.from_panel(panel)
    first = panel.hypotheses[0]
    more = replace(panel, candidates=(*GENES, "G"), answered=panel.answered)
    stronger = replace(panel, hypotheses=(first._replace(confidence=0.01), *panel.hypotheses[1:]))
    told = replace(
        panel, hypotheses=tuple(h._replace(mechanism="another") for h in panel.hypotheses)
    )
    hashes = {
        ConsensusNetwork.from_panel(other).content_hash for other in (panel, more, stronger)
    } | {ConsensusNetwork.from_panel(panel, min_agents=2).content_hash}
    assert len(hashes) == 4
    assert ConsensusNetwork.from_panel(told).content_hash == network.content_hash


def test_evidence_is_found_in_both_directions_strongest_first() -> None:
    panel = random_panel(2)
    network = ConsensusNetwork.from_panel(panel)
    n_found = 0
    for one, other in product(GENES, repeat=2):
        said = network.evidence(one, other)
        expected = [
            h
            for h in panel.hypotheses
            if {h.target, h.regulator} == {one, other} and h.agent in AGENTS
        ]
        assert sorted(said) == sorted(expected)
        assert [h.confidence for h in said] == sorted((h.confidence for h in said), reverse=True)
        n_found += len(said)
    assert n_found == 2 * sum(h.agent in AGENTS for h in panel.hypotheses)


def test_fewer_agents_are_the_panel_without_the_others() -> None:
    panel = random_panel(3)
    network = ConsensusNetwork.from_panel(panel).only(["one", "three"])
    np.testing.assert_allclose(
        network.weights.toarray(), by_hand(panel, ("one", "three"))[0], atol=1e-15
    )


def test_relabelling_moves_names_and_nothing_else() -> None:
    network = ConsensusNetwork.from_panel(random_panel(4))
    order = np.array([2, 0, 1, 5, 3, 4])
    moved = network.relabelled(order)
    for i, j in product(range(6), repeat=2):
        assert moved.weights[i, j] == network.weights[order[i], order[j]]
    np.testing.assert_allclose(
        np.linalg.eigvalsh(moved.symmetric.toarray()),
        np.linalg.eigvalsh(network.symmetric.toarray()),
        atol=1e-12,
    )
    assert moved.evidence("A", "B") == ()


def test_further_genes_are_silent() -> None:
    network = ConsensusNetwork.from_panel(random_panel(4))
    wider = network.extended(["A", "X", "Y"])
    assert wider.genes == (*GENES, "X", "Y")
    dense = wider.weights.toarray()
    np.testing.assert_array_equal(dense[:6, :6], network.weights.toarray())
    assert not dense[6:].any()
    assert not dense[:, 6:].any()
    np.testing.assert_array_equal(wider.kernel[6:, 6:], np.eye(2))
    np.testing.assert_array_equal(wider.kernel[:6, :6], network.kernel)


def test_who_may_vote() -> None:
    panel = random_panel(0)
    with pytest.raises(UsageError, match="no agent 'nobody'"):
        ConsensusNetwork.from_panel(panel, ["one", "nobody"])
    with pytest.raises(UsageError, match="no agent that votes"):
        ConsensusNetwork.from_panel(panel, [])
    with pytest.raises(UsageError, match="orientation is 'sideways'"):
        ConsensusNetwork.from_panel(panel, orientation="sideways")  # type: ignore[arg-type]


def test_silent_agents_make_an_empty_network() -> None:
    panel = replace(random_panel(0), hypotheses=())
    network = ConsensusNetwork.from_panel(panel)
    assert network.weights.nnz == network.support.nnz == network.symmetric.nnz == 0
    np.testing.assert_array_equal(network.kernel, np.eye(6))


def test_knowledge_names_what_is_missing() -> None:
    panel = random_panel(0)
    known = Knowledge.from_panel(panel, agents=AGENTS)
    with pytest.raises(UsageError, match="similarity agent"):
        _ = known.similarity_network
    with pytest.raises(UsageError, match="prior network"):
        _ = known.prior_links


def test_prior_links_are_aligned_by_name() -> None:
    prior = PriorNetwork.from_edges([("A", "B"), ("B", "X"), ("C", "A", 0.5), ("X", "Y")])
    known = Knowledge.from_panel(random_panel(0), prior)
    links = known.prior_links.toarray()
    place = {gene: i for i, gene in enumerate(GENES)}
    expected = np.zeros((6, 6))
    for one, other, weight in (("A", "B", 1), ("A", "C", 0.5)):
        expected[place[one], place[other]] = expected[place[other], place[one]] = weight
    np.testing.assert_array_equal(links, expected)


def test_feature_kernel() -> None:
    """Correlation of standardised features; a gene without them stands alone."""
    random = np.random.default_rng(0)
    features = random.normal(size=(6, 9)) * np.arange(1, 10) + 5
    features[:, 4] = 3.0  # tells nothing
    features[2, 1] = np.nan
    known = replace(Knowledge.from_panel(random_panel(0)), features=features)
    rest = [0, 1, 3, 4, 5]
    told = np.delete(features[rest], 4, axis=1)
    told = (told - told.mean(axis=0)) / told.std(axis=0)
    told /= np.linalg.norm(told, axis=1, keepdims=True)
    np.testing.assert_allclose(known.feature_kernel[np.ix_(rest, rest)], told @ told.T, atol=1e-12)
    np.testing.assert_array_equal(known.feature_kernel[2], np.eye(6)[2])


def test_spectral_features_keep_their_sizes() -> None:
    """Up to 50 genes the embedding is exact: the kernel is the centred prior kernel."""
    prior = PriorNetwork.from_edges([("A", "B"), ("B", "C"), ("C", "D"), ("D", "E"), ("A", "C")])
    known = Knowledge.from_panel(random_panel(0), prior)
    centring = np.eye(6) - 1 / 6
    expected = centring @ known.prior_kernel @ centring
    scale = 1 / np.sqrt(np.diag(expected))
    np.testing.assert_allclose(known.feature_kernel, scale[:, None] * expected * scale, atol=1e-10)
