"""What a strategy is: a modAL query strategy over candidates, with a pure function at its core."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.greedy import Limits, Selection, greedy
from mechpert_al.design.objectives import Objective
from mechpert_al.errors import UsageError
from mechpert_al.estimator import Estimator
from mechpert_al.plugins import named, names
from mechpert_al.prediction.base import candidate_numbers

GROUP = "mechpert_al.strategies"
DEFAULT_STRATEGY = "expected_coverage"
#: The default where there are too many candidates for a matrix of all pairs.
LARGE_STRATEGY = "facility_location"


def random_generator(seed: int, *purpose: object) -> np.random.Generator:
    """A generator that depends on the seed and the purpose only, never on what ran before."""
    text = "\x1f".join(map(str, (seed, *purpose)))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16]))


@dataclass(frozen=True, eq=False)
class DesignState:
    """All that a strategy may know when it chooses.

    Parameters
    ----------
    knowledge
        What is known from names.
    allowed
        Candidate numbers that may be picked.
    measured
        Candidate numbers of the anchors.
    profiles
        Their measured profiles, shape (n_measured, n_readouts), NaN = not measured; None before
        the first measurement. A strategy never sees any other measurement.
    pending
        Candidate numbers that are ordered and not yet measured.
    limits
        Constraints of this batch.
    seed, round
        Randomness is a function of the two and of its purpose.
    """

    knowledge: Knowledge
    allowed: np.ndarray
    measured: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    profiles: np.ndarray | None = None
    pending: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=int))
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    round: int = 1

    @property
    def given(self) -> np.ndarray:
        """Candidates that count as anchors already: measured and pending."""
        return np.concatenate([self.measured, self.pending]).astype(int)

    @property
    def pool(self) -> np.ndarray:
        """Candidates that could ever be measured: allowed, measured and pending, sorted."""
        return np.unique(np.concatenate([self.allowed, self.given]).astype(int))

    @cached_property
    def tie_ranks(self) -> np.ndarray:
        """Ranks by a seeded hash of the symbol: no order of rows can decide a tie."""
        keys = [
            hashlib.sha256(f"{self.seed}\x1ftie\x1f{gene}".encode()).digest()
            for gene in self.knowledge.genes
        ]
        ranks = np.empty(len(keys), dtype=int)
        ranks[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
        return ranks

    def generator(self, *purpose: object) -> np.random.Generator:
        """A generator for one purpose in this round."""
        return random_generator(self.seed, self.round, *purpose)


class Strategy(Estimator):
    """Base of the strategies.

    A subclass names itself and gives an `objective`; or it overrides `select` altogether.
    Called by modAL as a query strategy, it returns positions in the pool and the utility of each.
    """

    #: As typed, and shown everywhere.
    name: ClassVar[str] = ""
    #: ``random``, ``centrality``, ``panel heuristic``, ``diversity``, ``baseline coverage``,
    #: ``consensus`` or ``oracle``.
    group: ClassVar[str] = "consensus"
    #: One line: what it does.
    summary: ClassVar[str] = ""
    #: Parts of the knowledge beyond the consensus: ``similarity``, ``prior``.
    needs: ClassVar[tuple[str, ...]] = ()
    #: True when measured profiles change what it picks.
    learns: ClassVar[bool] = False
    #: True when the first picks of a larger batch are the picks of a smaller one.
    is_nested: ClassVar[bool] = True

    def seen(self, state: DesignState) -> Knowledge:
        """The knowledge as this strategy reads it: by its kernel, batches are explained."""
        return state.knowledge

    def objective(self, state: DesignState) -> Objective:
        """What the greedy optimiser maximises."""
        raise TypeError(f"{type(self).__name__} has no objective")

    def select(self, state: DesignState, n: int) -> Selection:
        """Up to n allowed candidates, in order, with the utility of each at its turn."""
        return greedy(
            self.objective(state),
            state.allowed,
            n,
            given=state.given,
            limits=state.limits,
            tie_ranks=state.tie_ranks,
        )

    def __call__(
        self, learner: Any, X_pool: Any, n_instances: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """The modAL protocol: positions in ``X_pool`` and the utility of each pick."""
        allowed = candidate_numbers(X_pool)
        selection = self.select(learner.design_state(allowed), n_instances)
        position = {int(candidate): place for place, candidate in enumerate(allowed)}
        places = np.array([position[pick] for pick in selection.picks], dtype=int)
        return places, np.array(selection.gains)


def strategy_names() -> list[str]:
    """Names of all installed strategies (oracles are not among them)."""
    return names(GROUP)


def build_strategy(name: str) -> Strategy:
    """The strategy of that name, with its default parameters.

    Raises
    ------
    UsageError
        An unknown name; the message lists the valid ones.
    """
    made = named(GROUP, name, "strategy")()
    if not isinstance(made, Strategy):
        raise UsageError(
            f"strategy {name!r} is a {type(made).__name__}",
            "An entry point of this group must give a mechpert_al.design.Strategy.",
        )
    return made


def chosen_strategy(given: str | Strategy | None, knowledge: Knowledge) -> Strategy:
    """The strategy that is given, by name or as it is; otherwise the default for so many genes."""
    if isinstance(given, Strategy):
        return given
    return build_strategy(given or (LARGE_STRATEGY if knowledge.is_large else DEFAULT_STRATEGY))


def usable(needs: Sequence[str], knowledge: Knowledge) -> bool:
    """Whether the knowledge holds what a method needs."""
    have = {
        "similarity": knowledge.similarity is not None,
        "prior": knowledge.prior is not None,
        "features": knowledge.features is not None or knowledge.prior is not None,
        "other_line": knowledge.other_line is not None,
    }
    return all(have[need] for need in needs)
