"""Strategies that see the answer: ceilings for a comparison, never part of a design.

They are made from the held-out screen inside the evaluation; nothing outside this package can
reach them, and no strategy or predictor is ever given what they are given.
"""

from __future__ import annotations

import numpy as np

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.design.greedy import Selection, greedy
from mechpert_al.design.objectives import ExpectedCoverage
from mechpert_al.design.strategy import DesignState, Strategy
from mechpert_al.effects.unit_profiles import recentring
from mechpert_al.evaluation.metrics import unit_rows
from mechpert_al.evaluation.screen import Screen, Split
from mechpert_al.prediction.kriging import WIENER

#: The oracle is computed to that many anchors.
ORACLE_BUDGET = 50
ORACLES = ("oracle", "oracle_kernel")


def pool_centred(screen: Screen, split: Split) -> np.ndarray:
    """Profiles minus the pool's mean, unknown values at 0, rows as in ``screen.numbers``."""
    profiles = screen.coordinates if screen.is_complete else screen.profiles
    pool = profiles[screen.row_of[split.pool]]
    counts = np.maximum((~np.isnan(pool)).sum(axis=0), 1)
    centre = np.where(np.isnan(pool), 0, pool).sum(axis=0) / counts
    return np.nan_to_num(profiles - centre, nan=0.0)


class OracleKernel(Strategy):
    """Expected coverage with the true correlations in place of a kernel. Not a ceiling.

    Parameters
    ----------
    screen, split
        The held-out truth.
    """

    name = "oracle_kernel"
    group = "oracle"
    summary = "expected coverage on the true correlations (sees the test set)"

    def __init__(self, screen: Screen, split: Split) -> None:
        self.screen = screen
        self.split = split

    def objective(self, state: DesignState) -> ExpectedCoverage:
        """Expected coverage on the true correlations."""
        unit = unit_rows(pool_centred(self.screen, self.split))
        kernel = np.eye(state.knowledge.n_genes)
        numbers = self.screen.numbers
        kernel[np.ix_(numbers, numbers)] = unit @ unit.T
        np.fill_diagonal(kernel, 1)
        return ExpectedCoverage(kernel)


class Oracle(Strategy):
    """Greedy on the test set's own mean score under kriging: the ceiling of what anchors can do.

    Profiles are centred on the pool's mean here, so that the measured correlations among anchors
    do not change as anchors are added; adding one is then a rank-one change of both systems of
    the predictor, and all candidates are tried at once. The picks are judged like any other.

    Parameters
    ----------
    screen, split
        The held-out truth.
    """

    name = "oracle"
    group = "oracle"
    summary = "greedy on the test set's own score under the default predictor (sees the test set)"

    def __init__(self, screen: Screen, split: Split) -> None:
        self.screen = screen
        self.split = split

    def select(self, state: DesignState, n: int) -> Selection:
        """The greedy order by true score, at most `ORACLE_BUDGET` long."""
        run = _OracleRun(state.knowledge.kernel, self.screen, self.split)
        picked = greedy(run, state.allowed, min(n, ORACLE_BUDGET), tie_ranks=state.tie_ranks)
        return Selection(picked.picks, picked.gains)


class _OracleRun:
    """Mean test score of kriging with one more anchor, for all candidates at once.

    With Q = (K[A,A] + σ²I)⁻¹ and P = (R + λI)⁻¹ the weights are b = k Q (I − λP). A candidate c
    borders both inverses: with q = Q k_c, p = P r_c, ρ the target's residual covariance with c
    over c's residual variance, and h = (u·p − ρ q·p − ρ)/d, the new weights are
    b + ρ [−q + λ P q, 1] + λ h [−p, 1].
    """

    is_submodular = False

    def __init__(self, kernel: np.ndarray, screen: Screen, split: Split) -> None:
        self.kernel = kernel
        self.test = split.test
        rows = screen.row_of
        centred = pool_centred(screen, split)
        unit = np.zeros((len(kernel), centred.shape[1]))
        unit[screen.numbers] = unit_rows(centred)
        share = recentring(np.linalg.norm(centred[rows[split.pool]], axis=1))
        unit[screen.numbers] -= share * unit[split.pool].mean(axis=0)
        self.measured = unit @ unit.T  # R of every pair
        # Scores are correlations over readouts: the constant part of a profile does not count.
        first = 1 if screen.is_complete else 0
        flat, scored = unit[:, first:], centred[:, first:]
        self.products = flat @ flat.T
        self.with_truth = flat @ unit_rows(scored[rows[split.test]]).T
        self.anchors: list[int] = []

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> _OracleRun:
        self.anchors = [int(anchor) for anchor in given]
        return self

    def add(self, candidate: int) -> None:
        self.anchors.append(int(candidate))

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        """Mean score of each extended set (the greedy choice only needs their order)."""
        anchors = np.array(self.anchors, dtype=int)
        kernel, measured, size = self.kernel, self.measured, len(self.anchors)
        prior = np.linalg.inv(kernel[np.ix_(anchors, anchors)] + NOISE * np.eye(size))
        filtered = np.linalg.inv(measured[np.ix_(anchors, anchors)] + WIENER * np.eye(size))
        cross, own = kernel[np.ix_(anchors, candidates)], kernel[np.ix_(self.test, anchors)]
        q = prior @ cross
        p = filtered @ measured[np.ix_(anchors, candidates)]
        free = np.diag(kernel)[candidates] + NOISE - np.einsum("ac,ac->c", cross, q)
        spread = (
            np.diag(measured)[candidates]
            + WIENER
            - np.einsum("ac,ac->c", measured[np.ix_(anchors, candidates)], p)
        )
        rho = (kernel[np.ix_(self.test, candidates)] - own @ q) / free
        first = own @ prior
        h = (first @ p - rho * np.einsum("ac,ac->c", q, p) - rho) / spread
        base = first - WIENER * first @ filtered
        return self._scores(
            anchors, candidates, base, q - WIENER * filtered @ q, p, rho, WIENER * h
        )

    def _scores(
        self,
        anchors: np.ndarray,
        candidates: np.ndarray,
        base: np.ndarray,
        q: np.ndarray,
        p: np.ndarray,
        rho: np.ndarray,
        h: np.ndarray,
    ) -> np.ndarray:
        """Mean correlation of base + ρ[−q, 1] + h[−p, 1] with the truth, for each candidate."""
        among = self.products[np.ix_(anchors, anchors)]
        side = self.products[np.ix_(anchors, candidates)]
        alone = np.diag(self.products)[candidates]
        truth, truth_c = self.with_truth[anchors], self.with_truth[candidates]
        hit = np.einsum("ta,at->t", base, truth)[:, None]
        hit = hit + rho * (truth_c.T - truth.T @ q) + h * (truth_c.T - truth.T @ p)
        gram_q, gram_p = among @ q, among @ p
        size = np.einsum("ta,ab,tb->t", base, among, base, optimize=True)[:, None]
        size = size + 2 * rho * (base @ (side - gram_q)) + 2 * h * (base @ (side - gram_p))
        qq = np.einsum("ac,ac->c", q, gram_q) - 2 * np.einsum("ac,ac->c", q, side) + alone
        pp = np.einsum("ac,ac->c", p, gram_p) - 2 * np.einsum("ac,ac->c", p, side) + alone
        qp = (
            np.einsum("ac,ac->c", q, gram_p)
            - np.einsum("ac,ac->c", q, side)
            - np.einsum("ac,ac->c", p, side)
            + alone
        )
        size = size + rho**2 * qq + h**2 * pp + 2 * rho * h * qp
        usable = size > 1e-20
        return np.where(usable, hit / np.sqrt(np.where(usable, size, 1)), 0).mean(axis=0)
