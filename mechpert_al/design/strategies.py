"""The built-in strategies that maximise an objective."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design import objectives
from mechpert_al.design.objectives import Objective
from mechpert_al.design.strategy import DesignState, Strategy
from mechpert_al.learning.adaptive import learned
from mechpert_al.learning.mixture import Mixture

#: Layers that are believed less do not take part in a design.
NEGLIGIBLE = 0.02


class KernelStrategy(Strategy):
    """Maximise an objective on a kernel.

    Parameters
    ----------
    noise
        σ²: noise of one measured profile in units of the kernel's diagonal.
    """

    def __init__(self, noise: float = NOISE) -> None:
        self.noise = noise


class ExpectedCoverage(KernelStrategy):
    """Maximise the expected explained fraction of all candidates under the consensus kernel."""

    name = "expected_coverage"
    summary = "most expected explained fraction of all candidates (consensus kernel); the default"

    def objective(self, state: DesignState) -> Objective:
        """Sum of coverages under the consensus kernel."""
        return objectives.ExpectedCoverage(state.knowledge.kernel, self.noise)


class AdaptiveCoverage(KernelStrategy):
    """Expected coverage averaged over agents and prior network, as far as each is believed.

    The average is over what is in doubt: which source is right. Before anything is measured each
    has its prior weight, so that the first batch hedges; with every round the sources that predict
    the measured anchors gain weight, and the others lose theirs.
    """

    name = "adaptive_coverage"
    summary = "expected coverage, mean over agents and prior network as measurements favour them"
    learns = True

    def seen(self, state: DesignState) -> Knowledge:
        """Knowledge whose kernel is the learned mixture."""
        return self._learned(state)[0]

    def objective(self, state: DesignState) -> Objective:
        """Sum of coverages: half under the mixture, half under each layer as far as it is believed.

        The mixture predicts best if all sources know something; the layers one by one serve each
        in case the others know nothing. Small beliefs are left out.
        """
        layers, (seen, mixture) = state.knowledge.layers, self._learned(state)
        believed = {name: weight for name, weight in mixture.weights.items() if weight > NEGLIGIBLE}
        kernels = [seen.kernel, *(layers.kernels[name] for name in believed)]
        return objectives.Averaged(
            [objectives.ExpectedCoverage(kernel, self.noise) for kernel in kernels],
            [sum(believed.values()), *believed.values()],
        )

    def _learned(self, state: DesignState) -> tuple[Knowledge, Mixture]:
        return learned(state.knowledge, state.measured, state.profiles)


class ExpectedCorrelation(KernelStrategy):
    """Maximise the expected correlation, the root of the coverage, summed over candidates."""

    name = "expected_correlation"
    summary = "most expected correlation of all candidates (consensus kernel); good at small N"

    def objective(self, state: DesignState) -> Objective:
        """Sum of the roots of coverages under the consensus kernel."""
        return objectives.ExpectedCorrelation(state.knowledge.kernel, self.noise)


class Uncertainty(KernelStrategy):
    """Most uncertain first, with conditional updates: the log-determinant objective."""

    name = "uncertainty"
    group = "diversity"
    summary = "most uncertain candidate first, given those before (log-determinant)"

    def objective(self, state: DesignState) -> Objective:
        """Log-determinant under the consensus kernel."""
        return objectives.LogDeterminant(state.knowledge.kernel, self.noise)


class SimilarityCoverage(KernelStrategy):
    """The default objective on the similarity agent's kernel."""

    name = "similarity_coverage"
    group = "baseline coverage"
    summary = "the default objective on the similarity agent's kernel"
    needs = ("similarity",)

    def objective(self, state: DesignState) -> Objective:
        """Sum of coverages under the similarity agent's kernel."""
        return objectives.ExpectedCoverage(state.knowledge.similarity_network.kernel, self.noise)


class FacilityLocation(Strategy):
    """Serve every candidate by its best anchor, averaged over the agents."""

    name = "facility_location"
    summary = "every candidate's best anchor, averaged over agents (sparse, exact, lazy)"

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        return objectives.FacilityLocation(state.knowledge.consensus.agent_links)


class ProbabilisticCoverage(Strategy):
    """Maximise the chance that some anchor explains each candidate, links as independent odds."""

    name = "probabilistic_coverage"
    summary = "chance that some anchor explains each candidate, links read as independent odds"

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        return objectives.ProbabilisticCoverage(state.knowledge.consensus.symmetric)


class PriorCoverage(Strategy):
    """Facility location on the prior network among the candidates."""

    name = "prior_coverage"
    group = "baseline coverage"
    summary = "every candidate's best anchor in the prior network (facility location)"
    needs = ("prior",)

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        return objectives.FacilityLocation([state.knowledge.prior_links])


class KCentre(Strategy):
    """Farthest first in the consensus kernel's geometry."""

    name = "k_centre"
    group = "diversity"
    summary = "farthest candidate first in the consensus kernel's geometry"

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        return objectives.KCentre(state.knowledge.kernel)


class ProbabilityCover(Strategy):
    """Cover as many candidates as possible by balls of one radius (Yehuda et al. 2022).

    Parameters
    ----------
    similarity
        Kernel value from which a candidate lies in an anchor's ball.
    """

    name = "prob_cover"
    group = "diversity"
    summary = "most candidates within a fixed radius of an anchor (ProbCover)"

    def __init__(self, similarity: float = 0.3) -> None:
        self.similarity = similarity

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        near = state.knowledge.kernel >= self.similarity
        return objectives.ProbabilisticCoverage(sparse.csr_array(near.astype(np.float64)))


class Random(Strategy):
    """A uniformly random order of the allowed candidates.

    Parameters
    ----------
    draw
        Number of the draw: each gives another order for the same seed.
    """

    name = "random"
    group = "random"
    summary = "a random batch; always shown, many times over"

    def __init__(self, draw: int = 0) -> None:
        self.draw = draw

    def objective(self, state: DesignState) -> Objective:
        """The objective of this strategy in a given state."""
        genes = state.knowledge.genes
        by_name = sorted(range(len(genes)), key=genes.__getitem__)
        scores = np.empty(len(genes))
        scores[by_name] = state.generator("random", self.draw).random(len(genes))
        return objectives.Modular(scores)
