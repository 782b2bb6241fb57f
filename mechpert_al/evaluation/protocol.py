"""The protocol of a comparison: what is compared on what, decided before anything is scored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.strategy import DEFAULT_STRATEGY, build_strategy, strategy_names, usable
from mechpert_al.errors import UsageError
from mechpert_al.evaluation.degradation import check_kind
from mechpert_al.evaluation.oracles import ORACLES
from mechpert_al.evaluation.screen import TestGenes
from mechpert_al.prediction.catalogue import (
    DEFAULT_PREDICTOR,
    LINE_PREDICTOR,
    default_predictor,
    predictor_method,
)

BUDGETS = (10, 20, 30, 50, 100, 200)
#: The budget at which gains are stated.
STATED_BUDGET = 50
#: Normalised area is taken over these budgets.
AREA = (10, 50)
PREDICTORS = (DEFAULT_PREDICTOR, "neighbours", "similarity_kriging")
#: The same where another line was measured already.
LINE_PREDICTORS = (LINE_PREDICTOR, DEFAULT_PREDICTOR, "neighbours", "similarity_co_kriging")


@dataclass(frozen=True)
class Protocol:
    """Settings of a comparison.

    Parameters
    ----------
    strategies
        Names, random and the oracles included.
    predictors
        Names.
    budgets
        Numbers of anchors, ascending.
    n_splits, test_fraction
        Random splits of the screen, and the share of it that no strategy may measure.
    random_draws
        Random batches in each split.
    seed
        Everything random follows from it.
    rounds
        Above 1: strategies are also run in that many rounds, learning in between.
    controls
        Whether the controls that must fail are run.
    test_genes
        Which genes may be test genes (see `evaluation.screen.splits`).
    oracles
        Whether the oracles are run for scale.
    degraded
        How the panel is made worse in each split (see `evaluation.degradation`); None = not.
    default_strategy, default_predictor
        Those the controls and the oracle refer to.
    """

    strategies: tuple[str, ...]
    predictors: tuple[str, ...] = PREDICTORS
    budgets: tuple[int, ...] = BUDGETS
    n_splits: int = 6
    test_fraction: float = 0.4
    random_draws: int = 50
    seed: int = 0
    rounds: int = 1
    controls: bool = False
    test_genes: TestGenes = "all"
    oracles: bool = True
    degraded: str | None = None
    default_strategy: str = DEFAULT_STRATEGY
    default_predictor: str = DEFAULT_PREDICTOR

    def __post_init__(self) -> None:
        checks = (
            ("budgets", all(b >= 1 for b in self.budgets) and self.budgets, "positive numbers"),
            ("splits", self.n_splits >= 1, "at least 1"),
            ("test_fraction", 0 < self.test_fraction < 1, "a number between 0 and 1"),
            ("random_draws", self.random_draws >= 1, "at least 1"),
            ("rounds", self.rounds >= 1, "at least 1"),
        )
        for name, holds, expected in checks:
            if not holds:
                raise UsageError(f"{name} is not usable here", f"Expected {expected}.")
        if self.degraded is not None:
            check_kind(self.degraded)
        object.__setattr__(self, "budgets", tuple(sorted(set(self.budgets))))

    @property
    def stated_budget(self) -> int:
        """The budget at which gains are stated: 50, or the nearest one that is compared."""
        return min(self.budgets, key=lambda budget: (abs(budget - STATED_BUDGET), budget))

    @property
    def designs(self) -> tuple[str, ...]:
        """The strategies without random and the oracles."""
        return tuple(s for s in self.strategies if s != "random" and s not in ORACLES)

    def as_document(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return {**asdict(self), "stated_budget": self.stated_budget}


def make_protocol(
    knowledge: Knowledge,
    strategies: tuple[str, ...] | None = None,
    predictors: tuple[str, ...] | None = None,
    **settings: Any,
) -> tuple[Protocol, list[str]]:
    """A protocol over what the knowledge allows.

    Parameters
    ----------
    knowledge
        Decides which methods can run.
    strategies, predictors
        Names; None = all strategies, and the default predictor with baselines (another line's own
        default, with kriging beside it, where one is known). Random and the oracles are always
        there.
    settings
        The other fields of `Protocol`.

    Returns
    -------
    protocol, notices
        What had to be left out because the knowledge lacks its network is named.

    Raises
    ------
    UsageError
        An unknown name, or a method asked for by name whose network is missing.
    """
    notices: list[str] = []
    settings.setdefault("default_predictor", default_predictor(knowledge))
    if strategies is None:
        chosen = [name for name in strategy_names() if name != "random"]
        lacking = [n for n in chosen if not usable(build_strategy(n).needs, knowledge)]
        if lacking:
            notices.append(f"left out for want of their network: {', '.join(lacking)}")
        chosen = [name for name in chosen if name not in lacking]
    else:
        chosen = [name for name in strategies if name not in ("random", *ORACLES)]
        _demand([(name, build_strategy(name).needs) for name in chosen], knowledge)
    if predictors is None:
        wanted = PREDICTORS if knowledge.other_line is None else LINE_PREDICTORS
        lacking = [n for n in wanted if not usable(predictor_method(n, knowledge).needs, knowledge)]
        if lacking:
            notices.append(f"predictors left out for want of their network: {', '.join(lacking)}")
        predictors = tuple(name for name in wanted if name not in lacking)
    if settings.get("controls"):
        strategy = settings.get("default_strategy", DEFAULT_STRATEGY)
        predictor = settings["default_predictor"]
        added = [name for name in (strategy,) if name not in chosen]
        more = [name for name in (predictor,) if name not in predictors]
        if added or more:
            notices.append(f"added for the controls: {', '.join([*added, *more])}")
        chosen, predictors = [*chosen, *added], (*predictors, *more)
    _demand([(name, predictor_method(name, knowledge).needs) for name in predictors], knowledge)
    names = ("random", *chosen, *(ORACLES if settings.get("oracles", True) else ()))
    return Protocol(
        tuple(dict.fromkeys(names)), tuple(dict.fromkeys(predictors)), **settings
    ), notices


#: How to give what a method needs.
HINTS = {
    "similarity": "Use a panel with a similarity agent.",
    "prior": "Give a prior network with --network.",
    "features": "Give --features, or a prior network with --network.",
    "other_line": "Give another line's effects with --other-line (or [prediction] other_line in "
    "the loop file).",
}


def _demand(methods: list[tuple[str, tuple[str, ...]]], knowledge: Knowledge) -> None:
    for name, needs in methods:
        if not usable(needs, knowledge):
            raise UsageError(
                f"{name} needs: {', '.join(needs)}",
                " ".join(HINTS[need] for need in needs if not usable((need,), knowledge)),
            )
