"""The contract of strategies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from mechpert_al.design import DesignState, Limits, Strategy
from mechpert_al.loop.learner import DesignLearner
from mechpert_al.loop.rounds import run_rounds
from mechpert_al.prediction.neighbours import MeanRegressor
from mechpert_al.testing.toy import ToyScreen, toy_screen

#: A value that would show wherever it was read.
POISON = 1e30


class StrategyContract:
    """What every strategy must do.

    Subclass it and give the fixture ``strategy``; see `mechpert_al.testing` for an example. Its
    tests must hold for every kind of strategy; what is special about yours needs tests of its own.
    """

    @pytest.fixture
    def strategy(self) -> Strategy:
        """The strategy under test: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'strategy'")

    @pytest.fixture
    def world(self) -> ToyScreen:
        """Where it is tested."""
        return toy_screen()

    @pytest.fixture
    def start(self, world: ToyScreen) -> DesignState:
        """Three of every four genes may be measured, nothing is measured yet."""
        numbers = np.arange(len(world.genes))
        return DesignState(world.knowledge, numbers[numbers % 4 != 1], seed=7)

    @pytest.fixture
    def later(self, world: ToyScreen, start: DesignState) -> DesignState:
        """Four genes are measured, two more are ordered."""
        measured, pending, allowed = np.split(start.allowed, [4, 6])
        return replace(
            start,
            allowed=allowed,
            measured=measured,
            profiles=world.profiles[measured],
            pending=pending,
            round=2,
        )

    # ------------------------------------------------------------------ the picks
    @pytest.mark.parametrize("when", ["start", "later"])
    @pytest.mark.parametrize("n", [1, 2, 3, 8, 10_000])
    def test_picks_are_distinct_and_allowed(
        self, strategy: Strategy, n: int, when: str, request: pytest.FixtureRequest
    ) -> None:
        """As many as asked for while there are any, each once, each with a finite utility."""
        state: DesignState = request.getfixturevalue(when)
        selection = strategy.select(state, n)
        assert len(selection.picks) == min(n, len(state.allowed))
        assert len(set(selection.picks)) == len(selection.picks)
        assert set(selection.picks) <= set(state.allowed.tolist())
        assert len(selection.gains) == len(selection.picks)
        assert np.isfinite(selection.gains).all()

    def test_nothing_allowed_gives_no_picks(self, strategy: Strategy, start: DesignState) -> None:
        """An empty pool is no error."""
        nothing = replace(start, allowed=np.zeros(0, dtype=int))
        assert strategy.select(nothing, 3).picks == ()

    def test_must_include_comes_first(self, strategy: Strategy, start: DesignState) -> None:
        """Genes that must be included are the first of the batch."""
        first = tuple(int(i) for i in start.allowed[[2, 11]])
        picks = strategy.select(replace(start, limits=Limits(first=first)), 6).picks
        assert set(picks[:2]) == set(first)
        assert len(set(picks)) == 6

    def test_budget_is_kept(self, strategy: Strategy, start: DesignState) -> None:
        """The picks never cost more than the budget, and something is bought with it."""
        costs = 1 + np.arange(start.knowledge.n_genes) % 3.0
        picks = strategy.select(replace(start, limits=Limits(costs=costs, budget=7.0)), 20).picks
        assert 0 < costs[list(picks)].sum() <= 7

    def test_group_caps_are_kept(self, strategy: Strategy, start: DesignState) -> None:
        """No group gives more than its share; genes without a group are free."""
        groups = np.arange(start.knowledge.n_genes) % 4 - 1
        limits = Limits(groups=groups, max_per_group=2)
        picks = strategy.select(replace(start, limits=limits), 10_000).picks
        taken = np.bincount(groups[list(picks)] + 1, minlength=4)
        there = np.bincount(groups[start.allowed] + 1, minlength=4)
        assert taken.tolist() == [there[0], *np.minimum(there[1:], 2)]

    def test_nested_batches(self, strategy: Strategy, later: DesignState) -> None:
        """If it says so, a smaller batch is the beginning of a larger one."""
        if strategy.is_nested:
            assert strategy.select(later, 9).picks[:4] == strategy.select(later, 4).picks

    # ------------------------------------------------------------------ repeatability
    def test_same_state_same_picks(self, strategy: Strategy, later: DesignState) -> None:
        """Neither earlier calls nor the global random generator matter, nor are they touched."""
        before = strategy.select(later, 8)
        strategy.select(replace(later, seed=99), 5)
        strategy.select(replace(later, round=5), 5)
        state = _global_random()
        again, cloned = strategy.select(later, 8), clone(strategy).select(later, 8)
        assert before == again == cloned
        np.testing.assert_array_equal(_global_random(), state)

    @pytest.mark.parametrize("when", ["start", "later"])
    def test_order_of_rows_does_not_matter(
        self,
        strategy: Strategy,
        world: ToyScreen,
        when: str,
        request: pytest.FixtureRequest,
    ) -> None:
        """The same genes are picked, in the same order, however the candidates are listed."""
        state: DesignState = request.getfixturevalue(when)
        expected = [world.genes[i] for i in strategy.select(state, 8).picks]
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(len(world.genes))
            other = world.reordered(order)
            place = np.argsort(order)
            moved = replace(
                state,
                knowledge=other.knowledge,
                allowed=place[state.allowed],
                measured=place[state.measured],
                pending=place[state.pending],
            )
            assert [other.genes[i] for i in strategy.select(moved, 8).picks] == expected

    # ------------------------------------------------------------------ what it may know
    def test_unmeasured_profiles_are_not_read(
        self, strategy: Strategy, world: ToyScreen, start: DesignState
    ) -> None:
        """Rounds go the same way whatever the profiles of genes that were never picked hold."""
        honest = _picks_in_rounds(strategy, start, world.profiles)
        for poison in (np.nan, POISON):
            profiles = np.full_like(world.profiles, poison)
            profiles[honest] = world.profiles[honest]
            assert _picks_in_rounds(strategy, start, profiles) == honest

    def test_learns_only_if_it_says_so(self, strategy: Strategy, later: DesignState) -> None:
        """Unless ``learns`` is true, measured values change nothing."""
        if not strategy.learns:
            assert later.profiles is not None
            other = replace(later, profiles=later.profiles[::-1] * 3 - 1)
            assert strategy.select(other, 8) == strategy.select(later, 8)

    def test_inputs_are_left_alone(self, strategy: Strategy, later: DesignState) -> None:
        """It works on copies."""
        assert later.profiles is not None
        parts = (
            later.allowed,
            later.measured,
            later.pending,
            later.profiles,
            later.knowledge.kernel,
            later.knowledge.consensus.weights.data,
        )
        before = [part.copy() for part in parts]
        strategy.select(later, 5)
        for part, copy in zip(parts, before, strict=True):
            np.testing.assert_array_equal(part, copy)

    # ------------------------------------------------------------------ its manners
    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_works_as_a_query_strategy(
        self, strategy: Strategy, world: ToyScreen, start: DesignState, n: int
    ) -> None:
        """Called by modAL it returns positions in the pool, not candidate numbers."""
        learner = DesignLearner(MeanRegressor(), strategy, start.knowledge, seed=start.seed)
        pool = start.allowed[::-1, None]
        positions, rows, utilities = learner.query(pool, n, return_metrics=True)
        assert rows[:, 0].tolist() == list(strategy.select(start, n).picks)
        np.testing.assert_array_equal(pool[positions], rows)
        assert utilities.shape == (n,)

    def test_introduces_itself(self, strategy: Strategy) -> None:
        """Tables of methods are generated from name, group and summary."""
        for text in (strategy.name, strategy.group, strategy.summary):
            assert text.strip() == text
            assert text
        assert set(strategy.needs) <= {"similarity", "prior"}
        assert type(clone(strategy)) is type(strategy)
        assert _same(clone(strategy).get_params(), strategy.get_params())


def _picks_in_rounds(
    strategy: Strategy, start: DesignState, profiles: np.ndarray, sizes: Sequence[int] = (3, 3, 2)
) -> list[int]:
    rounds = run_rounds(start, strategy, MeanRegressor(), lambda picks: profiles[picks], sizes)
    return [int(pick) for one in rounds for pick in one.picks]


def _global_random() -> np.ndarray:
    return np.array(np.random.get_state(legacy=False)["state"]["key"])  # noqa: NPY002 - only looks


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)
