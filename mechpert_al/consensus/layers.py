"""Layers: the kernels that a mixture is made of, and how far each is believed beforehand.

Each layer is one source's expectation of which knock-downs are alike: the consensus, every agent on
its own, the prior network, gene features, another measured line. A layer of guesses weakens itself:
links that contradict each other diffuse into hardly any covariance, so kernels are mixed as they
are and not brought to one size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mechpert_al.consensus.kernel import unit_diagonal

if TYPE_CHECKING:
    from mechpert_al.consensus.knowledge import Knowledge

CONSENSUS = "consensus"
#: Prior counts (Dirichlet): how many measured designs' worth of belief each source starts with.
COUNTS = {
    CONSENSUS: 1.0,
    "agents": 1.0,  # shared by all voters
    "similarity": 0.33,
    "prior network": 0.5,
    "features": 0.5,
    "other line": 0.5,
}


@dataclass(frozen=True, eq=False)
class Layers:
    """Kernels over the same genes, with prior counts.

    Parameters
    ----------
    kernels
        For each layer by name a kernel of unit diagonal, shape (n_genes, n_genes).
    counts
        For each layer a positive prior count.
    genes
        Names of the genes; without them they are known by number.
    """

    kernels: Mapping[str, np.ndarray]
    counts: Mapping[str, float]
    genes: tuple[str, ...] = ()

    @classmethod
    def of(cls, knowledge: Knowledge) -> Layers:
        """Every layer that the knowledge has; a voter is a layer of its own beside the consensus.

        With one voter, or several that say the same, agent and consensus are the same kernel.
        """
        voters = [name for name in knowledge.consensus.layers if name in knowledge.agents]
        kernels = {CONSENSUS: knowledge.consensus.kernel}
        counts = {CONSENSUS: COUNTS[CONSENSUS]}
        if len(voters) > 1:
            for name in voters:
                kernels[f"agent:{name}"] = knowledge.agents[name].kernel
                counts[f"agent:{name}"] = COUNTS["agents"] / len(voters)
        if knowledge.similarity is not None:
            kernels["similarity"] = knowledge.similarity.kernel
        if knowledge.prior is not None:
            kernels["prior network"] = knowledge.prior_kernel
        if knowledge.features is not None:
            kernels["features"] = knowledge.feature_kernel
        if knowledge.other_line is not None:
            kernels["other line"] = unit_diagonal(knowledge.alike_in_line)
        counts = {name: counts.get(name, COUNTS.get(name, 1.0)) for name in kernels}
        return cls(kernels, counts, knowledge.genes)

    @property
    def names(self) -> tuple[str, ...]:
        """The layers in order."""
        return tuple(self.kernels)

    @property
    def prior_weights(self) -> dict[str, float]:
        """What each layer weighs before anything is measured; they sum to 1."""
        total = sum(self.counts.values())
        return {name: self.counts[name] / total for name in self.kernels}

    def sample(self, numbers: np.ndarray, n: int) -> np.ndarray:
        """Positions of at most n of some genes, drawn by a hash of their names, ascending."""
        if len(numbers) <= n:
            return np.arange(len(numbers))
        names = [self.genes[i] if self.genes else str(i) for i in numbers]
        keys = [hashlib.sha256(name.encode()).digest() for name in names]
        return np.sort(sorted(range(len(keys)), key=keys.__getitem__)[:n])

    def mixed(self, weights: Mapping[str, float]) -> np.ndarray:
        """The weighted sum of the layers, scaled to a unit diagonal, shape (n_genes, n_genes).

        Parameters
        ----------
        weights
            For some layers a number from 0; a layer that is not named weighs 0.
        """
        parts = [
            weights[name] * np.asarray(self.kernels[name])
            for name in self.kernels
            if name in weights
        ]
        return unit_diagonal(np.sum(parts, axis=0))
