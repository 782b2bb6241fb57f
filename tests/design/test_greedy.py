"""The greedy optimiser against exhaustive search, and against plain loops under limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mechpert_al.consensus import coverage, diffusion_kernel
from mechpert_al.design import Limits, greedy
from mechpert_al.design.objectives import (
    ExpectedCorrelation,
    ExpectedCoverage,
    FacilityLocation,
    KCentre,
    LogDeterminant,
    Modular,
    Objective,
    ProbabilisticCoverage,
)

NONE = np.array([], dtype=int)


def tied_links(random: np.random.Generator, n: int, levels: int = 4) -> sparse.csr_array:
    """Symmetric links of few different strengths, so that gains are often equal."""
    links = random.integers(0, levels + 1, (n, n)) / levels * (random.random((n, n)) < 0.4)
    return sparse.csr_array(np.maximum(links, links.T))


def submodular(kind: str, random: np.random.Generator, n: int) -> Objective:
    links = tied_links(random, n)
    if kind == "facility":
        return FacilityLocation([links, tied_links(random, n)])
    if kind == "probabilistic":
        return ProbabilisticCoverage(links)
    if kind == "log_determinant":
        return LogDeterminant(diffusion_kernel(links))
    return Modular(random.integers(0, 4, n).astype(float))


SUBMODULAR = ("facility", "probabilistic", "log_determinant", "modular")


def worth(objective: Objective, anchors: Sequence[int], n: int) -> float:
    """The set function, as the sum of gains in any order (tested apart)."""
    run, total = objective.begin(NONE, np.arange(n)), 0.0
    for anchor in anchors:
        total += float(run.gains(np.array([anchor]))[0])
        run.add(anchor)
    return total


# ---------------------------------------------------------------------- how good it is
@pytest.mark.parametrize("kind", SUBMODULAR)
@pytest.mark.parametrize("seed", range(4))
def test_submodular_objectives_reach_their_bound(kind: str, seed: int) -> None:
    n, k = 10, 4
    objective = submodular(kind, np.random.default_rng(seed), n)
    best = max(worth(objective, anchors, n) for anchors in combinations(range(n), k))
    found = sum(greedy(objective, np.arange(n), k).gains)
    assert (1 - 1 / math.e) * best - 1e-9 <= found <= best + 1e-9
    if kind == "modular":
        assert found == pytest.approx(best)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise", [0.5, 1.0])
def test_expected_coverage_reaches_its_bound(seed: int, noise: float) -> None:
    """1 − e^(−σ²/(1+σ²)) of the optimum, the weakest that Das & Kempe allow; mostly far more."""
    n, k = 9, 3
    random = np.random.default_rng(seed)
    kernel = diffusion_kernel(random.random((n, n)) * (random.random((n, n)) < 0.4))

    def covered(anchors: Sequence[int]) -> float:
        return float(coverage(kernel, np.array(anchors), noise).sum())

    best = max(covered(anchors) for anchors in combinations(range(n), k))
    selection = greedy(ExpectedCoverage(kernel, noise), np.arange(n), k)
    assert sum(selection.gains) == pytest.approx(covered(selection.picks))
    assert covered(selection.picks) >= (1 - math.exp(-noise / (1 + noise))) * best
    assert covered(selection.picks) >= 0.9 * best  # what small sets showed


@pytest.mark.parametrize("seed", range(8))
def test_k_centre_is_within_a_factor_of_two(seed: int) -> None:
    n, k = 11, 4
    points = np.random.default_rng(seed).normal(size=(n, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=2)

    def radius(anchors: Sequence[int]) -> float:
        return float(distance[:, list(anchors)].min(axis=1).max())

    best = min(radius(anchors) for anchors in combinations(range(n), k))
    picks = greedy(KCentre(points @ points.T), np.arange(n), k).picks
    assert best <= radius(picks) <= 2 * best + 1e-9


def test_budgeted_greedy_takes_the_better_of_two_runs() -> None:
    """By gain alone a dear gene wins and eats the budget; by gain per cost a trifle does."""
    dear_is_wasteful = Modular(np.array([10.0, 9, 9, 9]))
    limits = Limits(costs=np.array([9.0, 3, 3, 3]), budget=9.0)
    assert set(greedy(dear_is_wasteful, np.arange(4), 4, limits=limits).picks) == {1, 2, 3}
    trifle_is_wasteful = Modular(np.array([10.0, 1.5]))
    limits = Limits(costs=np.array([10.0, 1.0]), budget=10.0)
    assert greedy(trifle_is_wasteful, np.arange(2), 2, limits=limits).picks == (0,)


@pytest.mark.parametrize("kind", SUBMODULAR)
@pytest.mark.parametrize("seed", range(4))
def test_budgeted_greedy_reaches_its_bound(kind: str, seed: int) -> None:
    n = 9
    random = np.random.default_rng(seed)
    objective = submodular(kind, random, n)
    costs, budget = random.integers(1, 5, n).astype(float), 7.0
    best = max(
        worth(objective, anchors, n)
        for k in range(1, n + 1)
        for anchors in combinations(range(n), k)
        if costs[list(anchors)].sum() <= budget
    )
    selection = greedy(objective, np.arange(n), n, limits=Limits(costs=costs, budget=budget))
    assert costs[list(selection.picks)].sum() <= budget
    assert sum(selection.gains) >= (1 - 1 / math.e) / 2 * best - 1e-9


# ---------------------------------------------------------------------- lazy and plain
@st.composite
def some_limits(draw: st.DrawFn, n: int) -> Limits:
    """Costs with a budget, groups with a cap, must-include; each of them or none."""
    first = tuple(draw(st.sets(st.integers(0, n - 1), max_size=2)))
    costs = budget = groups = cap = None
    if draw(st.booleans()):
        costs = np.array(draw(st.lists(st.sampled_from([1.0, 2, 3]), min_size=n, max_size=n)))
        budget = draw(st.sampled_from([0.5, 2.0, 6, 11]))
    if draw(st.booleans()):
        groups = np.array(draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n)))
        cap = draw(st.integers(1, 3))
    return Limits(first, costs, budget, groups, cap)


@pytest.mark.parametrize("kind", SUBMODULAR)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000), k=st.integers(0, 12))
def test_lazy_picks_what_plain_picks(kind: str, data: st.DataObject, seed: int, k: int) -> None:
    n = 12
    random = np.random.default_rng(seed)
    objective = submodular(kind, random, n)
    candidates = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1)))), dtype=int)
    given_anchors = np.setdiff1d(np.arange(n), candidates)[:3]
    options: dict[str, Any] = {
        "given": given_anchors,
        "limits": data.draw(some_limits(n)),
        "tie_ranks": random.permutation(n),
    }
    lazy = greedy(objective, candidates, k, is_lazy=True, **options)
    plain = greedy(objective, candidates, k, is_lazy=False, **options)
    assert lazy.picks == plain.picks
    np.testing.assert_allclose(lazy.gains, plain.gains, atol=1e-12)
    assert lazy.left_out == plain.left_out
    assert greedy(objective, candidates, k, **options) == lazy  # lazy is what it does by itself


def test_lazy_looks_again_at_few_candidates() -> None:
    class Counting(FacilityLocation):
        n_asked = 0

        def begin(self, given: np.ndarray, candidates: np.ndarray) -> Any:
            run = super().begin(given, candidates)
            ask = run.gains

            def gains(candidates: np.ndarray) -> np.ndarray:
                Counting.n_asked += len(candidates)
                return ask(candidates)

            run.gains = gains  # type: ignore[method-assign]
            return run

    random = np.random.default_rng(0)
    links = sparse.csr_array(np.triu(random.random((200, 200)) * (random.random((200, 200)) < 0.1)))
    objective = Counting([links + links.T])
    greedy(objective, np.arange(200), 40, is_lazy=True)
    lazy, Counting.n_asked = Counting.n_asked, 0
    greedy(objective, np.arange(200), 40, is_lazy=False)
    assert lazy < Counting.n_asked / 5


# ---------------------------------------------------------------------- limits, by loops
def is_allowed(candidate: int, picks: list[int], limits: Limits) -> bool:
    if limits.costs is not None and limits.costs[[*picks, candidate]].sum() > limits.budget:
        return False
    if limits.groups is None or limits.groups[candidate] < 0:
        return True
    mates = limits.groups[picks] == limits.groups[candidate]
    return bool(mates.sum() < limits.max_per_group)


def by_loops(
    value: Callable[[Sequence[int]], float],
    candidates: Sequence[int],
    n: int,
    limits: Limits,
    ranks: np.ndarray,
) -> list[int]:
    """Greedy under limits, written as one would explain it."""

    def one_run(costs: np.ndarray) -> list[int]:
        picks: list[int] = []
        for stage in (limits.first, candidates):
            while len(picks) < n:
                rest = [c for c in stage if c in candidates and c not in picks]
                gains = {
                    c: (value([*picks, c]) - value(picks)) / costs[c]
                    for c in rest
                    if is_allowed(c, picks, limits)
                }
                if not gains:
                    break
                top = max(gains.values())
                tied = [c for c in gains if gains[c] >= top - 1e-9 * abs(top)]
                picks.append(min(tied, key=lambda c: ranks[c]))
        return picks

    plain = one_run(np.ones(len(ranks)))
    return plain if limits.costs is None else max(plain, one_run(limits.costs), key=value)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 10_000), k=st.integers(1, 8))
def test_limits_by_loops(data: st.DataObject, seed: int, k: int) -> None:
    n = 8
    random = np.random.default_rng(seed)
    objective = submodular("facility", random, n)
    limits, ranks = data.draw(some_limits(n)), random.permutation(n)
    candidates = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1)))
    found = greedy(objective, np.array(candidates), k, limits=limits, tie_ranks=ranks)
    expected = by_loops(lambda a: worth(objective, a, n), candidates, k, limits, ranks)
    if limits.budget is None:
        assert list(found.picks) == expected
    else:  # of two runs that are worth the same either may come back
        assert sum(found.gains) == pytest.approx(worth(objective, expected, n))


def test_what_limits_left_out_is_counted() -> None:
    scores = Modular(np.array([5.0, 4, 3, 2, 1]))
    groups = Limits(groups=np.array([0, 0, 0, -1, 1]), max_per_group=1)
    selection = greedy(scores, np.arange(5), 5, limits=groups)
    assert selection.picks == (0, 3, 4)
    assert selection.left_out["group is full"] == 2
    budget = Limits(costs=np.array([1.0, 9, 9, 1, 1]), budget=3.0)
    selection = greedy(scores, np.arange(5), 5, limits=budget)
    assert selection.picks == (0, 3, 4)
    assert selection.left_out["over budget"] == 2


def test_must_include_comes_first_whatever_it_is_worth() -> None:
    scores = Modular(np.array([5.0, 4, 3, 2, 1]))
    selection = greedy(scores, np.arange(5), 3, limits=Limits(first=(4, 3)))
    assert selection.picks == (3, 4, 0)
    assert greedy(scores, np.arange(5), 1, limits=Limits(first=(4, 3))).picks == (3,)


# ---------------------------------------------------------------------- ties and edges
@pytest.mark.parametrize("is_lazy", [True, False])
@given(ranks=st.permutations(range(8)))
def test_ties_are_broken_by_rank_alone(is_lazy: bool, ranks: list[int]) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 8) * 1e-12  # what rounding may do
    objective = Modular(1 + noise)
    selection = greedy(objective, np.arange(8), 8, tie_ranks=np.array(ranks), is_lazy=is_lazy)
    assert [ranks[pick] for pick in selection.picks] == list(range(8))


def test_a_difference_that_is_none_decides_nothing_and_a_real_one_does() -> None:
    ranks = np.array([1, 0])
    assert greedy(Modular(np.array([1 + 1e-12, 1])), np.arange(2), 1, tie_ranks=ranks).picks == (1,)
    assert greedy(Modular(np.array([1 + 1e-6, 1])), np.arange(2), 1, tie_ranks=ranks).picks == (0,)
    negative = Modular(np.array([-1.0, -1 - 1e-12]))
    assert greedy(negative, np.arange(2), 2, tie_ranks=ranks).picks == (1, 0)


def test_edges() -> None:
    scores = Modular(np.array([1.0, 3, 2]))
    assert greedy(scores, NONE, 3).picks == ()
    assert greedy(scores, np.arange(3), 0).picks == ()
    assert greedy(scores, np.array([2, 1, 2, 1]), 9).picks == (1, 2)
    assert len(greedy(scores, np.arange(3), 2)) == 2


@pytest.mark.parametrize("kind", [ExpectedCoverage, ExpectedCorrelation, LogDeterminant, KCentre])
def test_starting_from_anchors_continues_a_longer_run(
    kind: Callable[[np.ndarray], Objective],
) -> None:
    random = np.random.default_rng(1)
    kernel = diffusion_kernel(random.random((15, 15)) * (random.random((15, 15)) < 0.3))
    ranks = random.permutation(15)
    whole = greedy(kind(kernel), np.arange(15), 9, tie_ranks=ranks).picks
    first = np.array(whole[:4])
    rest = np.setdiff1d(np.arange(15), first)
    assert greedy(kind(kernel), rest, 5, given=first, tie_ranks=ranks).picks == whole[4:]
