"""One virtual lab as a bench: what designs and predictions score there, whoever proposes.

A share of the genes is kept for the test and never measured. Scores are mean Pearson correlations
of predicted deviations with the held-out measured profiles, centred on the pool's mean, as in every
comparison of this package; every predictor is the default one, on the kernel in question.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mechpert_al.consensus.kernel import kernel_by_name
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.design.greedy import greedy
from mechpert_al.design.objectives import ExpectedCoverage
from mechpert_al.design.strategy import random_generator
from mechpert_al.effects.table import EffectTable
from mechpert_al.evaluation.metrics import centred_rows
from mechpert_al.prediction.kriging import KrigingRegressor
from mechpert_al.virtual.agents import AgentTraits, simulated_consensus
from mechpert_al.virtual.fitting import shown
from mechpert_al.virtual.lab import HABITUAL_CONFIDENCE, N_PROPOSALS, NEARNESS, VirtualLab

#: Share of the genes that is tested and may never be measured.
TEST_FRACTION = 0.4


@dataclass(frozen=True)
class AgentQuality:
    """How good agents are, in terms that mean the same in every lab.

    Parameters
    ----------
    precision
        Share of their proposals that are truly related pairs, 0–1; below the share that guessing
        would have, they guess.
    recall
        Share of the related pairs that each names, 0–1; None: what follows from 7.5 proposals for
        each target.
    calibration
        0: stated confidence says nothing; 1: as much as it can.
    hallucination
        Share of the proposals that name no gene; they are lost.
    confidence
        Mean stated confidence; None: 0.4, or the precision if that is higher.
    grading
        How far confidences follow how close pairs are, 0–1 (see `virtual.AgentTraits`).
    """

    precision: float
    recall: float | None = None
    calibration: float = 1.0
    hallucination: float = 0.0
    confidence: float | None = None
    grading: float = 0.0

    def traits(self, lab: VirtualLab) -> AgentTraits:
        """The same in terms of one lab's related pairs."""
        base = lab.base_rate
        precision = min(1.0, max(self.precision, base))
        n_related = base * (lab.n_genes - 1)
        recall = self.recall
        if recall is None:
            recall = min(N_PROPOSALS, lab.n_genes - 1) * precision / n_related
        recall *= 1 - self.hallucination
        # as many proposals as there are genes would be a list of everything
        most = precision / base
        return AgentTraits(
            precision,
            min(1.0, recall, most),
            calibration=self.calibration,
            nearness=NEARNESS * (precision - base) / (1 - base),
            confidence=self.confidence or max(HABITUAL_CONFIDENCE, precision),
            hallucination=self.hallucination,
            grading=self.grading,
        )


@dataclass(frozen=True)
class Bench:
    """A virtual lab with a pool that may be measured and a test set that may not.

    Parameters
    ----------
    lab
        The lab; its number of cells is that of the test's measurements.
    listed
        Share of the readouts listed by rank if its measurements are shown as ranks.
    split
        Number of the division into pool and test.
    """

    lab: VirtualLab
    listed: float | None = None
    split: int = 0

    @cached_property
    def _order(self) -> np.ndarray:
        return random_generator(self.lab.seed, "power split", self.split).permutation(
            self.lab.n_genes
        )

    @cached_property
    def test(self) -> np.ndarray:
        """Gene numbers that are tested."""
        return np.sort(self._order[: round(TEST_FRACTION * self.lab.n_genes)])

    @cached_property
    def pool(self) -> np.ndarray:
        """Gene numbers that may be measured."""
        return np.sort(self._order[len(self.test) :])

    def profiles(self, n_cells: float | None = None) -> np.ndarray:
        """Measured profiles of all genes, shape (n_genes, n_readouts)."""
        table: EffectTable = shown(self.lab.effects(n_cells), self.listed)
        return table.values.astype(np.float64)

    @cached_property
    def measured(self) -> np.ndarray:
        """Profiles at the lab's own number of cells."""
        return self.profiles()

    @cached_property
    def truth(self) -> np.ndarray:
        """Held-out deviations from the pool's mean, centred, at unit norm."""
        return centred_rows(self.measured[self.test] - self.measured[self.pool].mean(axis=0))

    # ------------------------------------------------------------------ who proposes
    def consensus(
        self, agents: tuple[AgentQuality, ...], agreement: float, draw: int = 0
    ) -> ConsensusNetwork:
        """The consensus of simulated agents."""
        traits = [one.traits(self.lab) for one in agents]
        return simulated_consensus(self.lab, traits, agreement=agreement, draw=draw)

    def literature_kernel(self, **literature: Any) -> np.ndarray:
        """The kernel of a simulated literature, which needs no agents."""
        network = self.lab.network(**literature)
        return kernel_by_name(network.on(self.lab.genes), self.lab.genes)

    # ------------------------------------------------------------------ what it scores
    def design(
        self, kernel: np.ndarray, n: int, given: np.ndarray | tuple[int, ...] = ()
    ) -> np.ndarray:
        """The next n anchors by expected coverage, in order, with those given there already."""
        ties = np.argsort(self._order)
        free = np.setdiff1d(self.pool, given)
        picks = greedy(ExpectedCoverage(kernel), free, n, given=given, tie_ranks=ties).picks
        return np.array(picks, dtype=int)

    def random(self, n: int, draw: int) -> np.ndarray:
        """Random anchors: the first of a random order, so that larger sets hold smaller ones."""
        purpose = ("power random", self.split, draw)
        return random_generator(self.lab.seed, *purpose).permutation(self.pool)[:n]

    def scores(
        self, kernel: np.ndarray, anchors: np.ndarray, profiles: np.ndarray | None = None
    ) -> np.ndarray:
        """Correlation of each test gene's predicted deviation with its held-out one.

        Parameters
        ----------
        kernel
            Of the predictor.
        anchors
            Gene numbers, all in the pool.
        profiles
            All genes' profiles as the anchors were measured; those at the lab's own cells by
            default.
        """
        known = self.measured if profiles is None else profiles
        predictor = KrigingRegressor(kernel).fit(anchors[:, None], known[anchors])
        size = float(np.linalg.norm(known, axis=1).max(initial=0))
        predicted = centred_rows(predictor.deviation(self.test), size)
        return np.einsum("tr,tr->t", predicted, self.truth)

    def score(
        self, kernel: np.ndarray, anchors: np.ndarray, profiles: np.ndarray | None = None
    ) -> float:
        """Mean of `scores` over the test genes."""
        return float(self.scores(kernel, anchors, profiles).mean())

    def random_score(self, kernel: np.ndarray, n: int, n_draws: int) -> float:
        """Mean score of random anchors."""
        return float(np.mean([self.score(kernel, self.random(n, d)) for d in range(n_draws)]))
