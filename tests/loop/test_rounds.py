"""Design rounds: propose, measure, teach, propose again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mechpert_al.design import DesignState, Limits, Selection, Strategy, build_strategy
from mechpert_al.loop.rounds import Round, run_rounds
from mechpert_al.prediction.catalogue import build_predictor
from mechpert_al.testing import ToyScreen, toy_screen


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen()


@pytest.fixture
def start(world: ToyScreen) -> DesignState:
    return DesignState(world.knowledge, np.arange(20), seed=2)


class Lab:
    """Measures what is asked for, and remembers the orders."""

    def __init__(self, world: ToyScreen) -> None:
        self.world = world
        self.orders: list[list[int]] = []

    def __call__(self, picks: np.ndarray) -> np.ndarray:
        self.orders.append(picks.tolist())
        return self.world.profiles[picks]


class Watching(Strategy):
    """Takes the first allowed genes and keeps the states it was shown."""

    name = "watching"
    learns = True

    def __init__(self) -> None:
        self.states: list[DesignState] = []

    def select(self, state: DesignState, n: int) -> Selection:
        self.states.append(state)
        picks = tuple(state.allowed[:n].tolist())
        return Selection(picks, tuple(float(-i) for i in range(len(picks))))


def run(start: DesignState, strategy: Strategy, measure: Any, sizes: Sequence[int]) -> list[Round]:
    predictor = build_predictor("kriging", start.knowledge)
    return list(run_rounds(start, strategy, predictor, measure, sizes))


def test_a_round_sees_what_the_rounds_before_measured(world: ToyScreen, start: DesignState) -> None:
    strategy, lab = Watching(), Lab(world)
    rounds = run(start, strategy, lab, [3, 2, 4])
    assert [one.number for one in rounds] == [1, 2, 3]
    assert lab.orders == [[0, 1, 2], [3, 4], [5, 6, 7, 8]]
    for one, state in zip(rounds, strategy.states, strict=True):
        before = one.anchors[: -len(one.picks)]
        assert state.measured.tolist() == before.tolist()
        assert state.allowed.tolist() == sorted(set(range(20)) - set(before.tolist()))
        assert state.round == one.number
        if state.profiles is not None:
            np.testing.assert_array_equal(state.profiles, world.profiles[before])
    assert rounds[-1].anchors.tolist() == list(range(9))
    assert rounds[2].utilities.tolist() == [0, -1, -2, -3]


def test_it_goes_on_from_what_is_measured_and_ordered(world: ToyScreen, start: DesignState) -> None:
    begun = replace(
        start,
        measured=np.array([4, 1]),
        profiles=world.profiles[[4, 1]],
        pending=np.array([0]),
        round=3,
    )
    strategy, lab = Watching(), Lab(world)
    rounds = run(begun, strategy, lab, [2, 2])
    assert lab.orders == [[2, 3], [5, 6]]  # neither measured nor ordered again
    assert [one.number for one in rounds] == [3, 4]
    assert rounds[0].anchors.tolist() == [4, 1, 2, 3]
    assert all(0 in state.pending for state in strategy.states)
    assert strategy.states[0].measured.tolist() == [4, 1]


def test_it_ends_when_nothing_is_left(world: ToyScreen, start: DesignState) -> None:
    rounds = run(start, build_strategy("random"), Lab(world), [8, 8, 8, 8])
    assert [len(one.picks) for one in rounds] == [8, 8, 4]
    assert sorted(rounds[-1].anchors.tolist()) == list(range(20))


def test_it_ends_when_nothing_is_affordable(world: ToyScreen, start: DesignState) -> None:
    costs = np.full(33, 5.0)
    costs[[3, 4]] = 1.0
    limited = replace(start, limits=Limits(costs=costs, budget=2.0))
    lab = Lab(world)
    rounds = run(limited, build_strategy("expected_coverage"), lab, [4, 4, 4])
    assert [sorted(one.picks.tolist()) for one in rounds] == [[3, 4]]
    assert len(lab.orders) == 1


def test_a_failing_laboratory_is_heard(world: ToyScreen, start: DesignState) -> None:
    def fails(picks: np.ndarray) -> np.ndarray:
        raise RuntimeError("the sequencer is down")

    with pytest.raises(RuntimeError, match="sequencer"):
        run(start, build_strategy("random"), fails, [2])


def test_wrong_measurements_are_refused(world: ToyScreen, start: DesignState) -> None:
    with pytest.raises(ValueError, match="shape"):
        run(start, build_strategy("random"), lambda picks: world.profiles[:1], [2])
    sizes = iter((60, 59))
    with pytest.raises(ValueError, match="59 readouts where 60"):
        run(
            start,
            build_strategy("random"),
            lambda picks: np.zeros((len(picks), next(sizes))),
            [2, 2],
        )


def test_rounds_come_one_by_one(world: ToyScreen, start: DesignState) -> None:
    """Nothing is measured before it is asked for: a caller may stop after any round."""
    lab = Lab(world)
    predictor = build_predictor("mean", start.knowledge)
    rounds = run_rounds(start, build_strategy("random"), predictor, lab, [2, 2, 2])
    next(rounds)
    assert len(lab.orders) == 1
