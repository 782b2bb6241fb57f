"""Design: which candidates to measure next."""

from mechpert_al.design.batch import Batch, Pick, explained
from mechpert_al.design.constraints import Constraints
from mechpert_al.design.greedy import Limits, Selection, greedy
from mechpert_al.design.plan import known_from, plan, with_candidates
from mechpert_al.design.strategy import (
    DEFAULT_STRATEGY,
    DesignState,
    Strategy,
    build_strategy,
    strategy_names,
)

__all__ = [
    "DEFAULT_STRATEGY",
    "Batch",
    "Constraints",
    "DesignState",
    "Limits",
    "Pick",
    "Selection",
    "Strategy",
    "build_strategy",
    "explained",
    "greedy",
    "known_from",
    "plan",
    "strategy_names",
    "with_candidates",
]
