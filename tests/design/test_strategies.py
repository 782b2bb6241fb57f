"""Built-in strategies: what each one maximises, and that every parameter counts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest

from mechpert_al.consensus import coverage
from mechpert_al.design import DesignState, Strategy, build_strategy, strategy_names
from mechpert_al.design.heuristics import Centrality, MostProposed, TypiClust
from mechpert_al.design.strategies import (
    AdaptiveCoverage,
    ExpectedCorrelation,
    ExpectedCoverage,
    FacilityLocation,
    KCentre,
    PriorCoverage,
    ProbabilisticCoverage,
    ProbabilityCover,
    Random,
    SimilarityCoverage,
    Uncertainty,
)
from mechpert_al.errors import UsageError
from mechpert_al.evaluation.oracles import ORACLES
from mechpert_al.loop.rounds import run_rounds
from mechpert_al.prediction.neighbours import MeanRegressor
from mechpert_al.testing import ToyScreen, toy_screen

MEASURES = {
    "degree": nx.degree_centrality,
    "betweenness": nx.betweenness_centrality,
    "pagerank": nx.pagerank,
    "closeness": nx.closeness_centrality,
}


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen(seed=1)


@pytest.fixture(scope="module")
def state(world: ToyScreen) -> DesignState:
    numbers = np.arange(len(world.genes))
    return DesignState(world.knowledge, numbers[numbers % 4 != 1], seed=3)


def picks_of(strategy: Strategy, state: DesignState, n: int = 8) -> list[int]:
    return list(strategy.select(state, n).picks)


# ---------------------------------------------------------------------- the objectives' strategies
def greedy_by_loops(state: DesignState, worth: Any, n: int = 5) -> list[int]:
    """The best candidate at each turn by a set function, of equal ones the first by rank."""
    picks: list[int] = []
    for _ in range(n):
        rest = [int(c) for c in state.allowed if c not in picks]
        values = {c: round(worth([*picks, c]), 9) for c in rest}
        picks.append(max(rest, key=lambda c: (values[c], -state.tie_ranks[c])))
    return picks


def test_coverage_strategies_maximise_coverage(state: DesignState) -> None:
    known = state.knowledge
    for strategy, kernel, root in (
        (ExpectedCoverage(), known.kernel, False),
        (ExpectedCorrelation(), known.kernel, True),
        (SimilarityCoverage(), known.similarity_network.kernel, False),
    ):

        def worth(a: list[int], kernel: np.ndarray = kernel, root: bool = root) -> float:
            covered = coverage(kernel, np.array(a))
            return float(np.sqrt(covered).sum() if root else covered.sum())

        assert picks_of(strategy, state, 5) == greedy_by_loops(state, worth), strategy.name


def test_uncertainty_is_the_most_uncertain_given_those_before(state: DesignState) -> None:
    """The residual variance of each candidate, by conditioning anew at each turn."""
    kernel, picks = state.knowledge.kernel, picks_of(Uncertainty(), state, 6)
    for turn in range(6):
        a = picks[:turn]
        inverse = np.linalg.inv(kernel[np.ix_(a, a)] + np.eye(turn))
        residual = np.diag(kernel) - np.einsum("ta,ab,tb->t", kernel[:, a], inverse, kernel[:, a])
        rest = [c for c in state.allowed if c not in a]
        assert residual[picks[turn]] == pytest.approx(residual[rest].max(), rel=1e-9)


def test_link_strategies_read_their_own_links(state: DesignState) -> None:
    known = state.knowledge

    def facility(layers: list[np.ndarray]) -> Any:
        return lambda a: sum(
            max(max(layer[t, c], float(t == c)) for c in a)
            for layer in layers
            for t in range(known.n_genes)
        )

    agents = [links.toarray() for links in known.consensus.agent_links]
    assert picks_of(FacilityLocation(), state, 5) == greedy_by_loops(state, facility(agents))
    prior = facility([known.prior_links.toarray()])
    assert picks_of(PriorCoverage(), state, 5) == greedy_by_loops(state, prior)

    p = np.clip(known.consensus.symmetric.toarray(), 0, 1)
    np.fill_diagonal(p, 1)
    assert picks_of(ProbabilisticCoverage(), state, 5) == greedy_by_loops(
        state, lambda a: float((1 - np.prod(1 - p[:, a], axis=1)).sum())
    )


def test_most_proposed_counts_agents_and_targets(world: ToyScreen, state: DesignState) -> None:
    named = dict.fromkeys(range(len(world.genes)), 0)
    for one in world.panel.hypotheses:
        if one.agent in ("alpha", "beta"):
            named[world.genes.index(one.regulator)] += 1
    selection = MostProposed().select(state, 10)
    assert list(selection.gains) == sorted((named[i] for i in state.allowed), reverse=True)[:10]
    assert [named[pick] for pick in selection.picks] == list(selection.gains)


def test_k_centre_is_farthest_first(state: DesignState) -> None:
    kernel, picks = state.knowledge.kernel, picks_of(KCentre(), state, 6)
    values, vectors = np.linalg.eigh(kernel)
    points = vectors * np.sqrt(np.maximum(values, 0))
    for turn in range(1, 6):
        gaps = points[:, None] - points[picks[:turn]]
        nearest = np.linalg.norm(gaps, axis=2).min(axis=1)
        rest = [c for c in state.allowed if c not in picks[:turn]]
        assert nearest[picks[turn]] == pytest.approx(nearest[rest].max(), rel=1e-9)


def test_probability_cover_counts_genes_in_reach(state: DesignState) -> None:
    strategy = ProbabilityCover(similarity=0.25)
    selection = strategy.select(state, 6)
    near = state.knowledge.kernel >= 0.25
    reached = np.zeros(state.knowledge.n_genes, dtype=bool)
    for pick, gain in zip(selection.picks, selection.gains, strict=True):
        assert gain == (near[:, pick] & ~reached).sum()
        assert gain == max((near[:, c] & ~reached).sum() for c in state.allowed)
        reached |= near[:, pick]


# ---------------------------------------------------------------------- centralities
@pytest.mark.parametrize("measure", [*MEASURES, "eigenvector"])
@pytest.mark.parametrize("network", ["prior", "prior_pool", "consensus"])
def test_centralities_agree_with_networkx(
    world: ToyScreen, state: DesignState, measure: str, network: str
) -> None:
    graph = nx.Graph()
    if network == "consensus":
        s = np.maximum(state.knowledge.consensus.symmetric.toarray(), 0)
        graph.add_nodes_from(world.genes)
        graph.add_edges_from(
            (world.genes[i], world.genes[j], {"weight": s[i, j], "length": 1 / s[i, j]})
            for i, j in zip(*np.nonzero(np.triu(s, 1)), strict=True)
        )
    else:
        graph.add_edges_from((one, other) for one, other, _ in world.prior.edges())
        if network == "prior_pool":
            pool = {world.genes[i] for i in state.pool}
            graph = nx.Graph(graph.subgraph(pool & set(world.prior.genes)))
    expected = reference_centrality(graph, measure, weighted=network == "consensus")
    scores = Centrality(measure, network).scores(state)
    for gene, score in zip(world.genes, scores, strict=True):
        assert score == pytest.approx(expected.get(gene, 0.0), abs=1e-5), gene


def reference_centrality(graph: nx.Graph, measure: str, *, weighted: bool) -> dict[str, float]:
    if measure == "eigenvector":
        largest = max(nx.connected_components(graph), key=len)
        part = graph.subgraph(largest)
        return nx.eigenvector_centrality_numpy(part, weight="weight" if weighted else None)
    if not weighted:
        return MEASURES[measure](graph)
    if measure == "degree":
        return {g: d / (len(graph) - 1) for g, d in graph.degree(weight="weight")}
    if measure == "betweenness":
        return nx.betweenness_centrality(graph, weight="length")
    if measure == "closeness":
        return nx.closeness_centrality(graph, distance="length")
    return nx.pagerank(graph, weight="weight", tol=1e-12)


def test_centrality_strategies_pick_the_most_central(state: DesignState) -> None:
    for name in strategy_names():
        strategy = build_strategy(name)
        if isinstance(strategy, Centrality):
            scores = strategy.scores(state)
            selection = strategy.select(state, 6)
            best = sorted(scores[state.allowed], reverse=True)[:6]
            np.testing.assert_allclose(selection.gains, best, rtol=1e-9)
            assert name == f"{strategy.measure}_{strategy.network}"


def test_the_pool_is_what_could_ever_be_measured(world: ToyScreen) -> None:
    """What is measured or ordered stays in the network: rounds rank like one shot."""
    known, numbers = world.knowledge, np.arange(24)
    whole = DesignState(known, numbers)
    later = DesignState(known, numbers[8:], measured=numbers[:5], pending=numbers[5:8])
    one, other = (Centrality("closeness", "prior_pool").scores(s) for s in (whole, later))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("measure", "network"), [("degree", "prio"), ("fame", "prior")])
def test_unknown_centralities_are_refused(state: DesignState, measure: str, network: str) -> None:
    with pytest.raises(UsageError, match=r"'prio'|'fame'"):
        Centrality(measure, network).select(state, 3)


# ---------------------------------------------------------------------- random, TypiClust
def test_random_depends_on_seed_round_and_draw_alone(state: DesignState) -> None:
    first = picks_of(Random(), state, 25)
    assert sorted(first) == sorted(set(first))
    assert picks_of(Random(1), state, 25) != first
    assert picks_of(Random(), replace(state, seed=4), 25) != first
    assert picks_of(Random(), replace(state, round=2), 25) != first
    fewer = replace(state, allowed=state.allowed[::2])
    kept = set(fewer.allowed.tolist())
    assert picks_of(Random(), fewer, 25) == [pick for pick in first if pick in kept]


def test_random_is_uniform(world: ToyScreen) -> None:
    allowed = np.arange(6)
    counts = np.zeros(6)
    for draw in range(600):
        counts[picks_of(Random(draw), DesignState(world.knowledge, allowed), 1)] += 1
    chi_square = ((counts - 100) ** 2 / 100).sum()
    assert chi_square < 20.5  # the 99.9 % point with 5 degrees of freedom; the seed is fixed


def test_typiclust_takes_the_middle_of_the_largest_clusters(world: ToyScreen) -> None:
    """Three planted clusters of 9, 7 and 5 genes, one gene of each nearest to its centre."""
    random = np.random.default_rng(0)
    centres = np.eye(3) * 5
    labels = np.repeat([0, 1, 2], [9, 7, 5])
    points = centres[labels] + random.normal(scale=0.3, size=(21, 3))
    for cluster, middle in enumerate((0, 9, 16)):
        points[middle] = points[labels == cluster].mean(axis=0)
    known = replace(world.knowledge)
    known.__dict__["kernel"] = np.pad(points @ points.T, (0, len(world.genes) - 21))
    state = DesignState(known, np.arange(21))
    assert picks_of(TypiClust(), state, 3) == [0, 9, 16]
    # with an anchor in the largest cluster, the others come first
    begun = DesignState(known, np.arange(1, 21), measured=np.array([0]))
    assert picks_of(TypiClust(), begun, 2) == [9, 16]


# ---------------------------------------------------------------------- every parameter counts
CHANGED = [
    (ExpectedCoverage(), {"noise": 0.01}),
    (ExpectedCorrelation(), {"noise": 0.01}),
    (AdaptiveCoverage(), {"noise": 0.01}),
    (SimilarityCoverage(), {"noise": 0.01}),
    (Uncertainty(), {"noise": 0.001}),
    (ProbabilityCover(), {"similarity": 0.05}),
    (Random(), {"draw": 3}),
    (TypiClust(), {"n_neighbours": 1}),
    (Centrality("degree"), {"measure": "closeness"}),
    (Centrality("degree"), {"network": "consensus"}),
]


@pytest.mark.parametrize(("strategy", "change"), CHANGED, ids=lambda value: str(value))
def test_every_parameter_changes_something(
    state: DesignState, strategy: Strategy, change: dict[str, Any]
) -> None:
    n = 3 if isinstance(strategy, TypiClust) else 12  # few clusters are large ones
    before = strategy.select(state, n)
    (name,) = change
    assert name in strategy.get_params()
    other = type(strategy)(**{**strategy.get_params(), **change})
    assert other.select(state, n) != before


def test_every_parameter_of_every_strategy_is_on_that_list() -> None:
    tested = {(type(strategy), name) for strategy, change in CHANGED for name in change}
    for strategy in map(build_strategy, strategy_names()):
        for parameter in strategy.get_params():
            assert (type(strategy), parameter) in tested


def test_noise_may_differ_between_anchors(state: DesignState) -> None:
    """A gene measured with few cells tells less and is picked later."""
    plain = picks_of(ExpectedCoverage(), state, 3)
    noise = np.ones(state.knowledge.n_genes)
    noise[plain[0]] = 50
    assert plain[0] not in picks_of(ExpectedCoverage(noise), state, 3)


# ---------------------------------------------------------------------- rounds, seeds, processes
def anchors_in_rounds(state: DesignState, world: ToyScreen, name: str, sizes: list[int]) -> list:
    rounds = run_rounds(
        state,
        build_strategy(name),
        MeanRegressor(),
        lambda picks: world.profiles[picks],
        sizes,
    )
    return [one.anchors.tolist() for one in rounds][-1]


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in strategy_names()
        if build_strategy(name).is_nested and not build_strategy(name).learns and name != "random"
    ],
)
def test_rounds_equal_one_shot_where_nothing_is_learned(
    world: ToyScreen, state: DesignState, name: str
) -> None:
    one_shot = anchors_in_rounds(state, world, name, [20])
    assert anchors_in_rounds(state, world, name, [4] * 5) == one_shot


def test_ties_follow_the_seed(state: DesignState) -> None:
    """Most genes have the same few degrees: seeds order them differently, scores stay sorted."""
    orders = {
        tuple(picks_of(Centrality("degree"), replace(state, seed=seed), 20)) for seed in range(6)
    }
    assert len(orders) == 6


SCRIPT = """
import numpy as np
from mechpert_al.design import DesignState, build_strategy, strategy_names
from mechpert_al.testing import toy_screen
world = toy_screen(seed=1)
state = DesignState(world.knowledge, np.arange(0, 33, 2), measured=np.array([1, 5]), seed=3)
for name in strategy_names():
    selection = build_strategy(name).select(state, 8)
    print(name, selection.picks, selection.gains)
"""


def test_hash_seed_does_not_matter() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(said[0].splitlines()) == len(strategy_names())


# ---------------------------------------------------------------------- names
def test_names_of_strategies() -> None:
    names = set(strategy_names())
    assert {"random", "expected_coverage", "typiclust", "degree_prior_pool"} <= names
    assert not names & set(ORACLES)
    for name in (*ORACLES, "expected_covrage"):
        with pytest.raises(UsageError, match="unknown strategy") as caught:
            build_strategy(name)
        assert "expected_coverage" in caught.value.hint
    assert "Did you mean expected_coverage" in caught.value.hint


def test_what_a_strategy_needs_is_asked_for(world: ToyScreen) -> None:
    bare = replace(world.knowledge, prior=None, similarity=None)
    state = DesignState(bare, np.arange(10))
    for strategy in map(build_strategy, strategy_names()):
        if strategy.needs:
            with pytest.raises(UsageError, match=r"prior network|similarity agent"):
                strategy.select(state, 2)
        else:
            assert len(strategy.select(state, 2)) == 2
