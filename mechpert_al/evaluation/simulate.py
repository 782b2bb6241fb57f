"""One strategy as simulated design rounds on a measured screen, beside random batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al.agents.panel import Panel
from mechpert_al.consensus.kernel import coverage
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.constraints import Constraints
from mechpert_al.design.strategies import Random
from mechpert_al.design.strategy import DEFAULT_STRATEGY, DesignState, Strategy, build_strategy
from mechpert_al.effects.table import EffectTable
from mechpert_al.evaluation.compare import inputs_of, judged
from mechpert_al.evaluation.comparison import condensed
from mechpert_al.evaluation.inputs import LoopInputs
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import Screen, Split, splits
from mechpert_al.evaluation.statistics import CrossedBootstrap, interval, known_mean, share_below
from mechpert_al.loop.rounds import Round, run_rounds
from mechpert_al.networks import PriorNetwork
from mechpert_al.prediction.catalogue import build_predictor, default_predictor
from mechpert_al.symbols import match

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "mechpert-al simulate 1"


@dataclass(frozen=True, eq=False)
class Simulation:
    """Design rounds on held-out data.

    Parameters
    ----------
    settings, inputs
        What was run on what.
    rounds
        One row a data set and round: number of anchors, score with interval, random's mean score
        at the same number, the share of random draws below, mean coverage.
    batches
        One row a data set, split and round: the genes in order, with their utilities.
    notices
        What was left out.
    """

    settings: Mapping[str, Any]
    inputs: Mapping[str, Any]
    rounds: list[dict[str, Any]]
    batches: list[dict[str, Any]]
    notices: tuple[str, ...] = ()

    def as_document(self) -> dict[str, Any]:
        """Everything as one JSON document."""
        return {
            "format": FORMAT,
            "settings": dict(self.settings),
            "inputs": dict(self.inputs),
            "rounds": self.rounds,
            "batches": self.batches,
            "notices": list(self.notices),
        }

    def frame(self) -> pd.DataFrame:
        """The rounds as a pandas table."""
        import pandas as pd

        return pd.DataFrame(self.rounds)

    def __repr__(self) -> str:
        return f"Simulation({self.settings['strategy']}, {len(self.rounds)} rounds)"

    def _repr_html_(self) -> str:
        from mechpert_al.display import html_table

        return html_table(self.rounds, caption=repr(self))


def simulate(
    effects: EffectTable | Mapping[str, EffectTable],
    panel: Panel | Knowledge | str | Path,
    *,
    network: PriorNetwork | None = None,
    strategy: str | Strategy = DEFAULT_STRATEGY,
    predictor: str | None = None,
    batch: int = 10,
    rounds: int = 5,
    constraints: Constraints | None = None,
    n_splits: int = 6,
    test_fraction: float = 0.4,
    random_draws: int = 50,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> Simulation:
    """Propose, measure, learn, propose again, on a screen that was measured already.

    Parameters
    ----------
    effects, panel, network
        As for `compare`.
    strategy, predictor
        What proposes, and what is taught and scored; by default kriging, and co-kriging where the
        knowledge has another line.
    batch, rounds
        Genes in a round, and rounds.
    constraints
        Must-include and exclude lists, and costs, budget and caps, which hold for each batch.
        Must-include genes of a split's test set are left out of that split, which is said.
    n_splits, test_fraction, random_draws, seed
        As for `compare`.
    progress
        Called after each round of each split.
    """
    screens, knowledge = judged(effects, panel, network)
    method = build_strategy(strategy) if isinstance(strategy, str) else strategy
    predictor = predictor or default_predictor(knowledge)
    constraints = constraints or Constraints()
    job = _Job(knowledge, method, predictor, [batch] * rounds, constraints, random_draws, seed)
    job.step = progress or job.step
    found = [
        job.run(screen, list(splits(screen, n_splits, test_fraction, seed))) for screen in screens
    ]
    settings = {
        "strategy": method.name,
        "predictor": predictor,
        "batch": batch,
        "rounds": rounds,
        "n_splits": n_splits,
        "test_fraction": test_fraction,
        "random_draws": random_draws,
        "seed": seed,
        "metric": PRIMARY,
    }
    return Simulation(
        settings,
        inputs_of(screens, knowledge),
        [row for rows, _ in found for row in rows],
        [row for _, rows in found for row in rows],
        (
            *knowledge.notices,
            *(notice for screen in screens for notice in screen.notices),
            *job.notices,
            *condensed(job.said),
        ),
    )


def simulate_loop(loaded: LoopInputs, progress: Callable[[], None] | None = None) -> Simulation:
    """The simulation that a loop file describes; `progress` as in `simulate`."""
    loop = loaded.loop
    genes = loaded.knowledge.genes
    constraints = Constraints(
        tuple(match(loop.design.must_include, genes).complete().mapping.values()),
        frozenset(match(loop.design.exclude, genes).complete().mapping.values()),
    )
    result = simulate(
        loaded.judges,
        loaded.knowledge,
        strategy=loop.design.strategy,
        predictor=loop.prediction.predictor,
        batch=loop.design.batch,
        rounds=loop.design.rounds,
        constraints=constraints,
        n_splits=loop.compare.splits,
        test_fraction=loop.compare.test_fraction,
        random_draws=loop.compare.random_draws,
        seed=loop.seed,
        progress=progress,
    )
    return replace(
        result,
        inputs={**result.inputs, "files": loaded.files},
        notices=(*loaded.notices, *result.notices),
    )


class _Job:
    """One simulation: the same settings for every screen and split."""

    def __init__(
        self,
        knowledge: Knowledge,
        strategy: Strategy,
        predictor: str,
        sizes: list[int],
        constraints: Constraints,
        random_draws: int,
        seed: int,
    ) -> None:
        self.knowledge = knowledge
        self.strategy = strategy
        self.predictor = predictor
        self.sizes = sizes
        self.constraints = constraints
        self.random_draws = random_draws
        self.seed = seed
        self.notices: list[str] = []
        self.said: set[str] = set()  # by predictors
        self.step: Callable[[], None] = lambda: None
        constraints.check(knowledge.genes, (), sum(sizes))

    def run(
        self, screen: Screen, parts: list[Split]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        self.knowledge = self.knowledge.beside(screen.line)
        self.scored = build_predictor(self.predictor, self.knowledge)
        names = np.array(screen.genes)
        genes = np.unique(names[np.concatenate([split.test for split in parts])])
        shape = (len(self.sizes), len(parts), len(genes))
        own, random, cover = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
        below = np.full(shape[:2], np.nan)
        n_anchors = np.zeros(len(self.sizes), dtype=int)
        batches = []
        for split in parts:
            columns = np.searchsorted(genes, names[split.test])
            judge = Judge(screen, split)
            for one in self._rounds(screen, split, self.strategy):
                place = one.number - 1
                scores = self._score(judge, one.anchors)
                draws = np.array(
                    [
                        self._score(judge, self._random(split, draw, len(one.anchors)))
                        for draw in range(self.random_draws)
                    ]
                )
                own[place, split.number, columns] = scores
                random[place, split.number, columns] = known_mean(draws, axis=0)
                expected = coverage(self.knowledge.kernel, one.anchors)
                cover[place, split.number, columns] = expected[split.test]
                means = known_mean(draws, axis=1)
                below[place, split.number] = share_below(means, float(known_mean(scores)))
                n_anchors[place] = max(n_anchors[place], len(one.anchors))
                batches.append(self._batch_row(screen, split, one))
                self.step()
        bootstrap = CrossedBootstrap.draw(len(parts), len(genes), self.seed)
        rows = [
            self._round_row(screen, number, n, own[i], random[i], cover[i], below[i], bootstrap)
            for i, (number, n) in enumerate(enumerate(n_anchors.tolist(), start=1))
            if n
        ]
        return rows, batches

    def _rounds(self, screen: Screen, split: Split, strategy: Strategy) -> list[Round]:
        allowed = self._allowed(split)
        limits = self.constraints.limits(self.knowledge.genes)
        first = tuple(i for i in limits.first if i in set(allowed.tolist()))
        missing = len(limits.first) - len(first)
        if missing:
            self.notices.append(
                f"{screen.name}, split {split.number + 1}: {missing} genes to include are not in "
                "its pool"
            )
        start = DesignState(
            self.knowledge,
            allowed,
            limits=replace(limits, first=first),
            seed=self._seed(split),
        )
        predictor = build_predictor(self.predictor, self.knowledge)
        return list(run_rounds(start, strategy, predictor, screen.measure, self.sizes))

    def _allowed(self, split: Split) -> np.ndarray:
        """The pool without what is excluded; random batches come from it too."""
        genes, exclude = self.knowledge.genes, self.constraints.exclude
        return np.array([i for i in split.pool if genes[i] not in exclude], dtype=int)

    def _seed(self, split: Split) -> int:
        return self.seed * 1_000_003 + split.number

    def _random(self, split: Split, draw: int, n: int) -> np.ndarray:
        state = DesignState(self.knowledge, self._allowed(split), seed=self._seed(split))
        return np.array(Random(draw).select(state, n).picks, dtype=int)

    def _score(self, judge: Judge, anchors: np.ndarray) -> np.ndarray:
        predicted = judge.predict(self.scored, anchors)
        self.said.update(self.scored.notices_)
        return judge.score([predicted])[0][PRIMARY]

    def _batch_row(self, screen: Screen, split: Split, one: Round) -> dict[str, Any]:
        return {
            "dataset": screen.name,
            "split": split.number,
            "round": one.number,
            "genes": [self.knowledge.genes[i] for i in one.picks],
            "utilities": [float(value) for value in one.utilities],
        }

    def _round_row(
        self,
        screen: Screen,
        number: int,
        n_anchors: int,
        own: np.ndarray,
        random: np.ndarray,
        cover: np.ndarray,
        below: np.ndarray,
        bootstrap: CrossedBootstrap,
    ) -> dict[str, Any]:
        score = interval(float(known_mean(own)), bootstrap.means(own))
        gain = interval(
            float(known_mean(own) - known_mean(random)),
            bootstrap.means(own) - bootstrap.means(random),
        )
        return {
            "dataset": screen.name,
            "round": number,
            "n_anchors": n_anchors,
            "score": score.value,
            "low": score.low,
            "high": score.high,
            "n": int((~np.isnan(own)).sum()),
            "random": float(known_mean(random)),
            "gain_over_random": gain.value,
            "gain_low": gain.low,
            "gain_high": gain.high,
            "random_percentile": float(100 * known_mean(below)),
            "coverage": float(known_mean(cover)),
        }
