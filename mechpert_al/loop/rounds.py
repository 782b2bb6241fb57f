"""Design rounds: propose, measure, teach, propose again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mechpert_al.design.strategy import DesignState, Strategy
from mechpert_al.loop.learner import DesignLearner
from mechpert_al.prediction.base import ProfileRegressor


@dataclass(frozen=True, eq=False)
class Round:
    """One finished round.

    Parameters
    ----------
    number
        1 for the first.
    picks, utilities
        Candidate numbers in order, and the utility of each at its turn.
    anchors
        All candidates measured so far, in the order of measurement.
    """

    number: int
    picks: np.ndarray
    utilities: np.ndarray
    anchors: np.ndarray


def run_rounds(
    start: DesignState,
    strategy: Strategy,
    predictor: ProfileRegressor,
    measure: Callable[[np.ndarray], np.ndarray],
    sizes: Sequence[int],
) -> Iterator[Round]:
    """Run design rounds against a source of measurements.

    Parameters
    ----------
    start
        What is known, allowed and measured at the beginning.
    strategy, predictor
        The strategy that proposes, and the predictor that is taught.
    measure
        Gives the profiles of some candidates, shape (n, n_readouts).
    sizes
        Size of each batch.

    Yields
    ------
    Round
        After its measurements were taught. Ends early when no candidate is left or allowed.
    """
    learner = DesignLearner(predictor, strategy, start.knowledge, start.limits, start.seed)
    learner.pending = start.pending
    if start.profiles is not None and start.measured.size:
        learner.teach(start.measured[:, None], start.profiles)
    pool = np.setdiff1d(start.allowed, start.given)
    anchors = start.measured
    for number, size in enumerate(sizes, start=start.round):
        if not (pool.size and size):
            return
        learner.round = number
        _, rows, utilities = learner.query(pool[:, None], size, return_metrics=True)
        picks = rows[:, 0]
        if not picks.size:
            return
        learner.teach(picks[:, None], measure(picks))
        anchors = np.concatenate([anchors, picks]).astype(int)
        pool = np.setdiff1d(pool, picks)
        yield Round(number, picks, utilities, anchors)
