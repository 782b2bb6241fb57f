"""Non-inferiority of the adaptive method, whatever its agents are worth.

Had the adaptive method known how good its agents are, it might have been one of the plain methods:
the fixed consensus with its own anchors, the prior network with its own anchors, or random anchors
with the better of the two. The best of them is chosen by its own mean, in its favour, and the
margin is fixed beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mechpert_al.evaluation.metrics import PRIMARY
from mechpert_al.evaluation.split_scores import Cell
from mechpert_al.evaluation.statements import ScoreTable
from mechpert_al.evaluation.statistics import interval

ADAPTIVE = ("adaptive_coverage", "adaptive_kriging")
#: (strategy, predictor) of the methods that might have been chosen.
PLAIN = (
    ("expected_coverage", "kriging"),
    ("prior_coverage", "prior_kriging"),
    ("random", "kriging"),
    ("random", "prior_kriging"),
)
#: Budget from which each margin holds.
MARGINS = {1: 0.03, 50: 0.02}


def margin(budget: int) -> float:
    """The margin of non-inferiority at a budget, in units of correlation."""
    return MARGINS[max(start for start in MARGINS if start <= budget)]


def non_inferiority(table: ScoreTable) -> Iterator[dict[str, Any]]:
    """The adaptive method against the best plain one, one row a budget and number of rounds.

    Yields
    ------
    dict
        ``difference`` with its 95 % interval (adaptive − best), the ``margin``, and whether the
        lower bound lies above −margin (``holds``). Nothing where a plain method was not compared.
    """
    strategy, predictor = ADAPTIVE
    for cell in table.listed:
        if (cell.strategy, cell.predictor) != (strategy, predictor):
            continue
        rivals = [
            Cell(table.name, name, with_predictor, cell.budget) for name, with_predictor in PLAIN
        ]
        if not all((rival, PRIMARY) in table.scores for rival in rivals):
            continue
        means = {rival: table.mean(rival, PRIMARY) for rival in rivals}
        best = max(rivals, key=means.__getitem__)
        difference = interval(
            table.mean(cell, PRIMARY) - means[best],
            table.draws(cell, PRIMARY) - table.draws(best, PRIMARY),
        )
        yield {
            "dataset": table.name,
            "degraded": table.protocol.degraded,
            "budget": cell.budget,
            "rounds": cell.rounds,
            "value": table.mean(cell, PRIMARY),
            "plain": {f"{one.strategy} + {one.predictor}": value for one, value in means.items()},
            "best": f"{best.strategy} + {best.predictor}",
            "difference": asdict(difference),
            "margin": margin(cell.budget),
            "holds": bool(difference.low >= -margin(cell.budget)),
        }
