"""The learner: modAL's protocol, with modAL's traps closed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modAL.models import ActiveLearner
from sklearn.base import clone

from mechpert_al.design import Limits, Strategy, build_strategy
from mechpert_al.errors import NothingLeftError
from mechpert_al.loop.learner import DesignLearner
from mechpert_al.prediction.catalogue import build_predictor
from mechpert_al.prediction.neighbours import MeanRegressor
from mechpert_al.testing import ToyScreen, toy_screen


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen()


@pytest.fixture
def learner(world: ToyScreen) -> DesignLearner:
    return learning(world, build_strategy("expected_coverage"))


def learning(world: ToyScreen, strategy: Any, **more: Any) -> DesignLearner:
    known = world.knowledge
    return DesignLearner(build_predictor("kriging", known), strategy, known, **more)


class Answering(Strategy):
    """A strategy that answers what it is told to, and counts how often it is asked."""

    name = "answering"

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.n_asked = 0

    def __call__(self, learner: Any, X_pool: Any, n_instances: int = 1) -> Any:
        self.n_asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


POOL = np.arange(5, 15)[:, None]


# ---------------------------------------------------------------------- querying
@pytest.mark.parametrize("k", [1, 2, 3, 10, 99])
def test_as_many_picks_as_asked_for(learner: DesignLearner, k: int) -> None:
    """modAL loses one of exactly two picks that come without utilities; here none is lost."""
    positions, rows, utilities = learner.query(POOL, k, return_metrics=True)
    assert len(positions) == len(rows) == len(utilities) == min(k, 10)
    assert len(set(positions.tolist())) == min(k, 10)
    np.testing.assert_array_equal(rows, POOL[positions])
    again = learner.query(POOL, k)
    assert len(again) == 2
    np.testing.assert_array_equal(again[0], positions)


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt(), SystemExit(3)])
def test_a_strategy_that_raises_runs_once_and_is_heard(
    world: ToyScreen, error: BaseException
) -> None:
    strategy = Answering(error)
    with pytest.raises(type(error)) as caught:
        learning(world, strategy).query(POOL, 2)
    assert caught.value is error
    assert strategy.n_asked == 1


def picks(*positions: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.array(positions), np.zeros(len(positions))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.array([0, 1]), "pair"),  # the bare array of exactly two indices
        (np.array([0, 1, 2]), "pair"),
        ([0, 1], "pair"),
        (None, "pair"),
        ((np.array([0]), np.zeros(1), np.zeros(1)), "pair"),
        (picks(3, 3), "twice"),
        (picks(0, 10), "outside"),
        (picks(-1), "outside"),
        (picks(0, 1, 2, 3), "4 picks where 3"),
        ((np.array([0, 1]), np.zeros(3)), "2 picks came with 3 utilities"),
        (picks(0.5), "whole numbers"),
        (picks(1.0, 2.0), "whole numbers"),
        (picks(np.nan), "whole numbers"),
        (picks(True, False, True), "whole numbers"),  # a mask is not positions
        ((np.array(["0"]), np.zeros(1)), "whole numbers"),
    ],
)
def test_bad_answers_are_refused(world: ToyScreen, answer: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        learning(world, Answering(answer)).query(POOL, 3)


def test_fewer_picks_are_no_error(world: ToyScreen) -> None:
    for n in range(3):
        positions, _ = learning(world, Answering(picks(*range(n)))).query(POOL, 3)
        assert positions.tolist() == list(range(n))


def test_an_empty_pool_is_told(learner: DesignLearner) -> None:
    with pytest.raises(NothingLeftError):
        learner.query(POOL[:0], 1)


def test_a_plain_function_is_a_strategy_too(world: ToyScreen) -> None:
    """What modAL users write: no class of ours, no name."""

    def last(learner: Any, X_pool: Any, n_instances: int = 1) -> Any:
        return np.arange(len(X_pool))[-n_instances:], np.zeros(n_instances)

    learner = learning(world, last)
    assert learner.query(POOL, 2)[1].ravel().tolist() == [13, 14]
    assert "last" in repr(learner)
    assert clone(learner).query_strategy is last


# ---------------------------------------------------------------------- learning
def test_it_is_a_modal_learner(learner: DesignLearner, world: ToyScreen) -> None:
    assert isinstance(learner, ActiveLearner)
    anchors = np.arange(0, 8)[:, None]
    learner.teach(anchors, world.profiles[:8])
    expected = clone(learner.estimator).fit(anchors, world.profiles[:8])
    targets = np.arange(8, 20)[:, None]
    np.testing.assert_array_equal(learner.predict(targets), expected.predict(targets))
    assert learner.score(targets, world.profiles[8:20]) == expected.score(
        targets, world.profiles[8:20]
    )


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_teaching_in_parts_is_teaching_at_once(world: ToyScreen, missing: float) -> None:
    profiles = np.where(
        np.random.default_rng(0).random(world.profiles.shape) < missing, np.nan, world.profiles
    )
    parts, whole = (learning(world, Answering()) for _ in range(2))
    order = np.array([4, 9, 2, 30, 17, 8])
    for part in (order[:1], order[1:4], order[4:]):
        parts.teach(part[:, None], profiles[part])
    whole.fit(order[:, None], profiles[order])
    np.testing.assert_array_equal(parts.X_training, order[:, None])
    np.testing.assert_array_equal(parts.predict([[0], [1]]), whole.predict([[0], [1]]))
    whole.fit(order[:3, None], profiles[order[:3]])  # fit forgets, teach does not
    assert len(whole.X_training) == 3


def test_tables_may_be_taught(learner: DesignLearner, world: ToyScreen) -> None:
    learner.teach(pd.DataFrame({"candidate": [3, 4, 5]}), pd.DataFrame(world.profiles[3:6]))
    np.testing.assert_array_equal(learner.y_training, world.profiles[3:6])


@pytest.mark.parametrize(
    ("X", "shape", "said"),
    [
        ([[4]], (1, 60), "taught before"),
        ([[7], [7]], (2, 60), "taught before"),
        ([[7]], (1, 59), "59 readouts where 60 were known"),
        ([[7]], (2, 60), "shape"),
        ([[7]], (60,), "shape"),
        ([[7.5]], (1, 60), "whole"),
        ([[-7]], (1, 60), "count from 0"),
    ],
)
def test_what_cannot_be_taught(
    learner: DesignLearner, world: ToyScreen, X: Any, shape: tuple[int, ...], said: str
) -> None:
    learner.teach([[4], [5]], world.profiles[4:6])
    with pytest.raises(ValueError, match=said):
        learner.teach(X, np.zeros(shape))
    assert len(learner.X_training) == 2


def test_infinite_values_cannot_be_taught(learner: DesignLearner, world: ToyScreen) -> None:
    profiles = world.profiles[:2].copy()
    profiles[1, 3] = -np.inf
    with pytest.raises(ValueError, match="infinite"):
        learner.teach([[0], [1]], profiles)


@pytest.mark.parametrize("option", ["bootstrap", "only_new"])
def test_it_learns_from_everything_once(
    learner: DesignLearner, world: ToyScreen, option: str
) -> None:
    with pytest.raises(ValueError, match="every measurement once"):
        learner.teach([[0]], world.profiles[:1], **{option: True})


def test_what_was_taught_is_a_copy(learner: DesignLearner, world: ToyScreen) -> None:
    """A laboratory may use its buffer again."""
    buffer = world.profiles[:3].copy()
    learner.teach([[0], [1], [2]], buffer)
    buffer[:] = 0
    np.testing.assert_array_equal(learner.y_training, world.profiles[:3])


# ---------------------------------------------------------------------- what a strategy sees
def test_the_state_holds_what_was_taught_and_nothing_more(world: ToyScreen) -> None:
    limits = Limits(first=(6,))
    learner = learning(world, Answering(), limits=limits, seed=11, round=4)
    learner.pending = np.array([20])
    empty = learner.design_state(np.array([6, 7]))
    assert empty.measured.size == 0
    assert empty.profiles is None
    learner.teach([[3], [1]], world.profiles[[3, 1]])
    state = learner.design_state(np.array([6, 7]))
    assert state.measured.tolist() == [3, 1]
    assert state.profiles is not None
    np.testing.assert_array_equal(state.profiles, world.profiles[[3, 1]])
    assert state.allowed.tolist() == [6, 7]
    assert state.given.tolist() == [3, 1, 20]
    assert (state.seed, state.round, state.limits) == (11, 4, limits)
    with pytest.raises(ValueError, match="read-only"):
        state.profiles[0, 0] = 1


# ---------------------------------------------------------------------- scikit-learn's habits
def test_it_can_be_shown(learner: DesignLearner, world: ToyScreen) -> None:
    assert repr(learner) == "DesignLearner(KrigingRegressor, expected_coverage, 0 measured)"
    learner.teach([[0]], world.profiles[:1])
    assert "1 measured" in repr(learner)


def test_a_clone_knows_the_same_and_learned_nothing(world: ToyScreen) -> None:
    learner = learning(world, build_strategy("random"), seed=3, round=2, limits=Limits(first=(7,)))
    learner.teach([[0], [1]], world.profiles[:2])
    copy = clone(learner)
    assert copy.X_training is None
    assert not hasattr(copy.estimator, "anchors_")
    assert copy.estimator is not learner.estimator
    assert copy.query_strategy is not learner.query_strategy
    assert copy.knowledge is learner.knowledge
    assert (copy.seed, copy.round, copy.limits) == (3, 2, learner.limits)
    np.testing.assert_array_equal(copy.query(POOL, 4)[0], learner.query(POOL, 4)[0])


def test_parameters(world: ToyScreen) -> None:
    learner = DesignLearner(MeanRegressor(), build_strategy("random"), world.knowledge)
    assert set(learner.get_params()) == {
        "estimator", "query_strategy", "knowledge", "limits", "seed", "round",
    }  # fmt: skip
    before = learner.query(POOL, 5)[0].tolist()
    learner.set_params(seed=8, query_strategy__draw=1)
    assert learner.seed == 8
    assert learner.query(POOL, 5)[0].tolist() != before
