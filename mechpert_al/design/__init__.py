"""Design: which candidates to measure next."""

from mechpert_al.design.constraints import Constraints
from mechpert_al.design.greedy import Limits, Selection, greedy
from mechpert_al.design.strategy import (
    DEFAULT_STRATEGY,
    DesignState,
    Strategy,
    build_strategy,
    strategy_names,
)

__all__ = [
    "DEFAULT_STRATEGY",
    "Constraints",
    "DesignState",
    "Limits",
    "Selection",
    "Strategy",
    "build_strategy",
    "greedy",
    "strategy_names",
]
