"""Scores of one split: every strategy × predictor × budget, and the controls.

The random draws are one part of a split and all the rest the other, so that they may run side by
side. A cell that fails stops the comparison with its place in the message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.strategies import Random
from mechpert_al.design.strategy import DesignState, Strategy, build_strategy
from mechpert_al.evaluation.controls import PREFIX, PermutedMeasurements, controls_of
from mechpert_al.evaluation.degradation import degraded
from mechpert_al.evaluation.metrics import AT_ONCE, METRICS, Judge
from mechpert_al.evaluation.oracles import ORACLE_BUDGET, Oracle, OracleKernel
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.screen import Screen, Split
from mechpert_al.loop.rounds import run_rounds
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import build_predictor


@dataclass(frozen=True, eq=False)
class Task:
    """One part of one split: what is computed, handed over and kept at a time."""

    screen: Screen
    split: Split
    part: str


class Cell(NamedTuple):
    """One entry of the grid."""

    dataset: str
    strategy: str
    predictor: str
    budget: int
    rounds: int = 1


@dataclass(eq=False)
class SplitScores:
    """Scores of one split.

    Parameters
    ----------
    dataset, split
        Which screen, which split of it.
    genes
        Names of the split's test genes, in its order.
    scores
        For each cell and metric one number a test target.
    random_means
        For each random cell and metric the mean of every draw, shape (n_draws,).
    notices
        What predictors left out.
    """

    dataset: str
    split: Split
    genes: tuple[str, ...]
    scores: dict[Cell, dict[str, np.ndarray]] = field(default_factory=dict)
    random_means: dict[Cell, dict[str, np.ndarray]] = field(default_factory=dict)
    notices: set[str] = field(default_factory=set)


def _random_part(
    screen: Screen, split: Split, knowledge: Knowledge, protocol: Protocol
) -> SplitScores:
    """The random draws of one split: per target the mean over draws, and each draw's mean."""
    desk = _Desk(screen, split, knowledge, protocol)
    for budget in desk.budgets:
        for name, predictor in desk.predictors.items():
            cell = Cell(screen.name, "random", name, budget)
            anchors = [desk.order(Random(draw), budget) for draw in range(protocol.random_draws)]
            draws = desk.scores([(cell, predictor, one) for one in anchors])
            desk.result.scores[cell] = {
                metric: np.mean([one[metric] for one in draws], axis=0) for metric in METRICS
            }
            desk.result.random_means[cell] = {
                metric: np.array([_mean(one[metric]) for one in draws]) for metric in METRICS
            }
    return desk.result


def _design_part(
    screen: Screen, split: Split, knowledge: Knowledge, protocol: Protocol
) -> SplitScores:
    """Everything but the random draws of one split."""
    desk = _Desk(screen, split, knowledge, protocol)
    strategies: list[Strategy] = [build_strategy(name) for name in protocol.designs]
    oracles = [Oracle(screen, split), OracleKernel(screen, split)] if protocol.oracles else []
    desk.keep(_one_shot(desk, [*strategies, *oracles]))
    if protocol.rounds > 1:
        desk.keep(_in_rounds(desk, [one for one in strategies if _may_change(one)]))
        desk.repeat([one.name for one in strategies if not _may_change(one)])
    if protocol.controls:
        desk.keep(_controls(desk))
        if protocol.rounds > 1:
            desk.keep(_permuted_rounds(desk, [one for one in strategies if one.learns]))
    return desk.result


Part = Callable[[Screen, Split, Knowledge, Protocol], SplitScores]
PARTS: dict[str, Part] = {"random draws": _random_part, "designs": _design_part}


def _may_change(strategy: Strategy) -> bool:
    """Whether rounds may pick other anchors than one shot does."""
    return strategy.learns or not strategy.is_nested


class Entry(NamedTuple):
    """A cell of the grid, ready to be scored."""

    cell: Cell
    predictor: ProfileRegressor
    anchors: np.ndarray


def _one_shot(desk: _Desk, strategies: Iterable[Strategy]) -> Iterator[Entry]:
    for strategy in strategies:
        for budget in desk.budgets:
            if strategy.name == "oracle" and budget > ORACLE_BUDGET:
                continue
            with told_place(Cell(desk.screen.name, strategy.name, "", budget), desk.split):
                anchors = desk.order(strategy, budget)
            for name, predictor in desk.predictors.items():
                cell = Cell(desk.screen.name, strategy.name, name, budget)
                yield Entry(cell, predictor, anchors)


def _in_rounds(desk: _Desk, strategies: Iterable[Strategy]) -> Iterator[Entry]:
    rounds = desk.protocol.rounds
    for strategy in strategies:
        for budget in (budget for budget in desk.budgets if budget >= rounds):
            with told_place(Cell(desk.screen.name, strategy.name, "", budget, rounds), desk.split):
                anchors = desk.in_rounds(strategy, budget)
            for name, predictor in desk.predictors.items():
                cell = Cell(desk.screen.name, strategy.name, name, budget, rounds)
                yield Entry(cell, predictor, anchors)


def _controls(desk: _Desk) -> Iterator[Entry]:
    for control in controls_of(desk.protocol, desk.knowledge, desk.split):
        for budget in desk.budgets:
            cell = Cell(desk.screen.name, control.strategy_name, control.predictor_name, budget)
            with told_place(cell, desk.split):
                picks = control.strategy.select(desk.state(control.knowledge), budget).picks
                anchors = _enough(np.array(picks, dtype=int), budget)
            yield Entry(cell, control.predictor, anchors)


def _permuted_rounds(desk: _Desk, learners: Iterable[Strategy]) -> Iterator[Entry]:
    """Strategies that learn, in rounds, from measurements under wrong names."""
    rounds, predictor = desk.protocol.rounds, desk.protocol.default_predictor
    for strategy in learners:
        name = f"{PREFIX}permuted_feedback:{strategy.name}"
        for budget in (budget for budget in desk.budgets if budget >= rounds):
            cell = Cell(desk.screen.name, name, predictor, budget, rounds)
            with told_place(cell, desk.split):
                anchors = desk.in_rounds(PermutedMeasurements(strategy, desk.seed), budget)
            yield Entry(cell, build_predictor(predictor, desk.knowledge), anchors)


class _Desk:
    """What scoring the cells of one split needs, each computed once."""

    def __init__(
        self, screen: Screen, split: Split, knowledge: Knowledge, protocol: Protocol
    ) -> None:
        self.screen = screen
        self.split = split
        self.protocol = protocol
        self.knowledge = knowledge.beside(screen.line)
        if protocol.degraded is not None:  # before anything is built on it
            self.knowledge = degraded(self.knowledge, protocol.degraded, self.seed)
        self.judge = Judge(screen, split)
        self.result = SplitScores(screen.name, split, tuple(screen.genes[i] for i in split.test))
        self.budgets = [budget for budget in protocol.budgets if budget <= len(split.pool)]
        self.predictors = {
            name: build_predictor(name, self.knowledge) for name in protocol.predictors
        }
        self.links = (self.knowledge.consensus.symmetric > 0).toarray()[split.test]
        self._orders: dict[object, np.ndarray] = {}

    @property
    def seed(self) -> int:
        """Names the split; the data set does not enter: strategies draw the same on every line."""
        return self.protocol.seed * 1_000_003 + self.split.number

    def state(self, knowledge: Knowledge) -> DesignState:
        """The state before anything is measured."""
        return DesignState(knowledge, self.split.pool, seed=self.seed)

    def order(self, strategy: Strategy, budget: int) -> np.ndarray:
        """The first anchors of a strategy in one shot."""
        largest = max(self.budgets) if strategy.is_nested else budget
        key = (strategy.name, getattr(strategy, "draw", None), largest)
        if key not in self._orders:
            picks = strategy.select(self.state(self.knowledge), largest).picks
            self._orders[key] = np.array(picks, dtype=int)
        return _enough(self._orders[key][:budget], budget)

    def in_rounds(self, strategy: Strategy, budget: int) -> np.ndarray:
        """The anchors of a strategy that is told the measurements between rounds."""
        sizes = np.diff(np.linspace(0, budget, self.protocol.rounds + 1).round().astype(int))
        rounds = run_rounds(
            self.state(self.knowledge),
            strategy,
            build_predictor(self.protocol.default_predictor, self.knowledge),
            self.screen.measure,
            sizes.tolist(),
        )
        picks = [one.picks for one in rounds]
        return _enough(np.concatenate(picks or [np.zeros(0, dtype=int)]), budget)

    def scores(
        self, entries: Iterable[tuple[Cell, ProfileRegressor, np.ndarray]]
    ) -> list[dict[str, np.ndarray]]:
        """Predict and score some entries, in order."""
        predicted, supported = [], []
        for cell, predictor, anchors in entries:
            with told_place(cell, self.split):
                predicted.append(self.judge.predict(predictor, anchors))
            self.result.notices.update(predictor.notices_)
            supported.append(self.links[:, anchors].any(axis=1).astype(np.float64))
        scores = self.judge.score(predicted)
        for one, share in zip(scores, supported, strict=True):
            one["supported_fraction"] = share
        return scores

    def keep(self, entries: Iterator[Entry]) -> None:
        """Score entries and keep the results, some at a time so that memory stays flat."""
        while chunk := list(islice(entries, AT_ONCE)):
            for entry, scores in zip(chunk, self.scores(chunk), strict=True):
                self.result.scores[entry.cell] = scores

    def repeat(self, strategies: Sequence[str]) -> None:
        """Take what strategies that pick the same in rounds scored in one shot for their rounds."""
        rounds = self.protocol.rounds
        for cell, scores in list(self.result.scores.items()):
            if cell.strategy in strategies and cell.budget >= rounds and cell.rounds == 1:
                self.result.scores[cell._replace(rounds=rounds)] = scores


def _enough(anchors: np.ndarray, budget: int) -> np.ndarray:
    """The anchors, if there are as many as the cell says: fewer would be another budget."""
    if len(anchors) != budget:
        raise ValueError(f"the strategy gave {len(anchors)} anchors where {budget} were asked for")
    return anchors


def _mean(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


@contextmanager
def told_place(cell: Cell, split: Split | None = None) -> Iterator[None]:
    """Says where in the grid an error happened; it is never swallowed."""
    try:
        yield
    except BaseException as error:
        where = f", split {split.number + 1}" if split else ""
        predictor = f", predictor {cell.predictor}" if cell.predictor else ""
        budget = f", N = {cell.budget}" if cell.budget else ""
        error.add_note(
            f"in the comparison grid: {cell.dataset}, strategy {cell.strategy}"
            f"{predictor}{budget}{where}"
        )
        raise
