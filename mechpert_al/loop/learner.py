"""The learner at the centre of the loop: modAL's ActiveLearner, repaired in one place.

modAL 0.4.2.1 as it stands cannot be used with current scikit-learn (its validation passes an
argument that is gone), runs a failing strategy twice and swallows Ctrl-C (a bare ``except``), loses
one of exactly two picks that come without utilities, and cannot be printed or cloned. This subclass
keeps its protocol and mends those.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from modAL.models import ActiveLearner

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.greedy import Limits
from mechpert_al.design.strategy import DesignState, Strategy
from mechpert_al.errors import NothingLeftError
from mechpert_al.prediction.base import ProfileRegressor, candidate_numbers


class DesignLearner(ActiveLearner):
    """An active learner over the candidates of a screen.

    X are candidate numbers, shape (n, 1); y are effect profiles with NaN for what was not
    measured.

    Parameters
    ----------
    estimator
        The predictor, refitted whenever measurements come in.
    query_strategy
        The strategy.
    knowledge
        What is known from names; the strategy reads it through `design_state`.
    limits
        Constraints of the batches.
    seed, round
        Randomness is a function of the two.
    """

    def __init__(
        self,
        estimator: ProfileRegressor,
        query_strategy: Strategy,
        knowledge: Knowledge,
        limits: Limits | None = None,
        seed: int = 0,
        round: int = 1,
    ) -> None:
        super().__init__(estimator, query_strategy, force_all_finite=False)
        self.knowledge = knowledge
        self.limits = limits
        self.seed = seed
        self.round = round
        self.pending = np.zeros(0, dtype=int)

    # ------------------------------------------------------------------ proposing
    def design_state(self, allowed: np.ndarray) -> DesignState:
        """What the strategy may know now; it can read the measurements, not change them."""
        measured, profiles = np.zeros(0, dtype=int), None
        if self.X_training is not None:
            measured, profiles = candidate_numbers(self.X_training), self.y_training.view()
            profiles.setflags(write=False)
        return DesignState(
            self.knowledge,
            np.asarray(allowed, dtype=int),
            measured,
            profiles,
            self.pending,
            self.limits or Limits(),
            self.seed,
            self.round,
        )

    def query(
        self, X_pool: Any, n_instances: int = 1, return_metrics: bool = False
    ) -> tuple[np.ndarray, ...]:
        """Ask the strategy once for distinct positions in the pool.

        Returns
        -------
        positions, rows
            And the utilities of the picks with ``return_metrics``.

        Raises
        ------
        NothingLeftError
            If the pool is empty.
        ValueError
            If the strategy returned repeated or impossible positions, or more than were asked
            for.
        """
        pool = np.asarray(X_pool)
        if len(pool) == 0:
            raise NothingLeftError("no candidate is left to propose")
        answer = self.query_strategy(self, pool, n_instances)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise ValueError("a strategy returns the pair (positions, utilities)")
        positions = np.asarray(answer[0]).ravel()
        if positions.size and not np.issubdtype(positions.dtype, np.integer):
            raise ValueError(f"positions are of type {positions.dtype}, expected whole numbers")
        positions = positions.astype(int)
        utilities = np.asarray(answer[1], dtype=np.float64).ravel()
        if len(positions) != len(utilities):
            raise ValueError(f"{len(positions)} picks came with {len(utilities)} utilities")
        if len(np.unique(positions)) != len(positions):
            raise ValueError("the strategy picked a candidate twice")
        if len(positions) > n_instances:
            raise ValueError(f"{len(positions)} picks where {n_instances} were asked for")
        if positions.size and not (positions.min() >= 0 and positions.max() < len(pool)):
            raise ValueError("the strategy picked a position outside the pool")
        if return_metrics:
            return positions, pool[positions], utilities
        return positions, pool[positions]

    # ------------------------------------------------------------------ learning
    def teach(
        self, X: Any, y: Any, bootstrap: bool = False, only_new: bool = False, **fit_kwargs: Any
    ) -> None:
        """Add measurements and refit the predictor to all of them.

        Raises
        ------
        ValueError
            If shapes do not agree, values are infinite, or a candidate was taught before.
        """
        if bootstrap or only_new:
            raise ValueError("the learner always learns from every measurement once")
        self._add_training_data(np.asarray(X), np.array(y, dtype=np.float64))
        self._fit_to_known(**fit_kwargs)

    def fit(self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any) -> DesignLearner:
        """Forget everything and learn from these measurements."""
        self.X_training: Any = None
        self.y_training: Any = None
        self.teach(X, y, bootstrap=bootstrap, **fit_kwargs)
        return self

    def _add_training_data(self, X: np.ndarray, y: np.ndarray) -> None:
        numbers = candidate_numbers(X)
        if y.ndim != 2 or len(y) != len(numbers):
            raise ValueError(f"y has shape {y.shape}, expected ({len(numbers)}, n_readouts)")
        if np.isinf(y).any():
            raise ValueError("y holds infinite values; NaN means not measured")
        if self.X_training is not None:
            earlier: np.ndarray = self.y_training
            if y.shape[1] != earlier.shape[1]:
                raise ValueError(f"{y.shape[1]} readouts where {earlier.shape[1]} were known")
            numbers = np.concatenate([candidate_numbers(self.X_training), numbers])
            y = np.vstack([earlier, y])
        if len(np.unique(numbers)) != len(numbers):
            raise ValueError("a candidate was taught before; pool its profiles first")
        self.X_training = numbers[:, None]
        self.y_training = y

    # ------------------------------------------------------------------ scikit-learn's habits
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor parameters; modAL's own signature hides them from scikit-learn."""
        names = ("estimator", "query_strategy", "knowledge", "limits", "seed", "round")
        return {name: getattr(self, name) for name in names}

    def __sklearn_clone__(self) -> DesignLearner:
        from sklearn.base import clone

        params = self.get_params()
        params["estimator"] = clone(self.estimator)
        params["query_strategy"] = clone(self.query_strategy, safe=False)
        return DesignLearner(**params)

    def __repr__(self) -> str:
        n_taught = 0 if self.X_training is None else len(self.X_training)
        strategy = getattr(self.query_strategy, "name", repr(self.query_strategy))
        return f"DesignLearner({type(self.estimator).__name__}, {strategy}, {n_taught} measured)"
