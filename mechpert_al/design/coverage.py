"""Coverage anchor by anchor, each at a fraction of the cost of starting anew."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from scipy import linalg

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.objectives import FacilityLocation

#: What is said of batches whose coverage is counted by links.
BY_LINKS = (
    "with more than {limit:,} candidates, coverage counts direct links: each candidate's best link "
    "to an anchor, mean over agents"
)


class Coverage(Protocol):
    """What the anchors so far tell of each candidate."""

    @property
    def values(self) -> np.ndarray:
        """0–1, shape (n_genes,)."""

    def add(self, anchor: int) -> None:
        """Take a further anchor."""


def coverage_by(knowledge: Knowledge, given: np.ndarray, room: int) -> Coverage:
    """Coverage under the knowledge's kernel; with very many candidates by the agents' links.

    Parameters
    ----------
    given
        Anchors to begin with.
    room
        How many will be added at most.
    """
    if knowledge.is_large:
        return LinkCoverage(knowledge, given)
    return KernelCoverage(knowledge.kernel, given, room)


class KernelCoverage:
    """The expected explained fraction, `consensus.coverage`, by one more row of a Cholesky factor.

    Parameters
    ----------
    kernel
        Shape (n_genes, n_genes).
    given, room
        See `coverage_by`.
    """

    def __init__(self, kernel: np.ndarray, given: np.ndarray, room: int) -> None:
        self.kernel = kernel
        self.variance = np.diag(kernel)
        given = np.asarray(given, dtype=int)
        self.half = np.empty((len(given) + room, len(kernel)))
        self.n_anchors = len(given)
        if given.size:
            block = kernel[np.ix_(given, given)] + NOISE * np.eye(len(given))
            factor = linalg.cholesky(block, lower=True)
            self.half[: len(given)] = linalg.solve_triangular(factor, kernel[given], lower=True)
        self.explained = (self.half[: len(given)] ** 2).sum(axis=0)

    @property
    def values(self) -> np.ndarray:
        """0–1, shape (n_genes,)."""
        return np.clip(self.explained / self.variance, 0, 1)

    def add(self, anchor: int) -> None:
        """Take a further anchor."""
        half = self.half[: self.n_anchors]
        known = half[:, anchor]
        left = self.variance[anchor] + NOISE - known @ known
        row = (self.kernel[anchor] - known @ half) / np.sqrt(left)
        self.half[self.n_anchors] = row
        self.n_anchors += 1
        self.explained += row**2


class LinkCoverage:
    """How well each candidate is served by its best anchor, `ConsensusNetwork.coverage`.

    Parameters
    ----------
    knowledge
        Its agents' links count.
    given
        Anchors to begin with.
    """

    def __init__(self, knowledge: Knowledge, given: np.ndarray) -> None:
        links = knowledge.consensus.agent_links
        self.n_agents = len(links)
        self.run = FacilityLocation(links).begin(given, np.arange(knowledge.n_genes))

    @property
    def values(self) -> np.ndarray:
        """0–1, shape (n_genes,)."""
        return self.run.best.reshape(self.n_agents, -1).mean(axis=0)

    def add(self, anchor: int) -> None:
        """Take a further anchor."""
        self.run.add(anchor)
