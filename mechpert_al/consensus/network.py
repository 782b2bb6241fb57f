"""The consensus network: every agent's signed layer, and their average.

Agent m gives the sparse matrix A_m[target, regulator] = direction × confidence, 0 where it is
silent. The weight of a pair is the mean over the agents that answered the target, so silence
counts as 0 and a lone proposal is worth 1/M of its confidence: this averaging is the filter. Every
number can be traced to the agents and mechanisms behind it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import sparse

from mechpert_al.agents.admitted import Hypotheses
from mechpert_al.agents.panel import Hypothesis, Panel
from mechpert_al.consensus.kernel import coverage, is_large, kernel_by_name, positive_links
from mechpert_al.errors import UsageError

Orientation = Literal["symmetric", "directed", "reversed"]


@dataclass(frozen=True, eq=False)
class ConsensusNetwork:
    """Weighted neighbourhoods of genes, agreed on by several agents.

    Parameters
    ----------
    genes
        The candidates; row and column order of every matrix.
    layers
        For each agent a signed CSR matrix (n_genes, n_genes), rows = targets.
    answered
        For each agent a bool vector (n_genes,): which targets it answered.
    min_agents
        Agreement filter: pairs named by fewer agents weigh nothing.
    min_confidence
        Agreement filter: proposals below this confidence weigh nothing.
    orientation
        How `neighbourhoods` reads the weights: ``symmetric`` S = (W + Wᵀ)/2, ``directed`` W
        (a target's regulators) or ``reversed`` Wᵀ.
    hypotheses
        What stands behind the numbers; only `evidence` needs them. Those of agents without a layer
        are passed over.
    """

    genes: tuple[str, ...]
    layers: Mapping[str, sparse.csr_array]
    answered: Mapping[str, np.ndarray]
    min_agents: int = 1
    min_confidence: float = 0.0
    orientation: Orientation = "symmetric"
    hypotheses: Sequence[Hypothesis] | None = None

    @classmethod
    def from_panel(
        cls,
        panel: Panel,
        agents: Sequence[str] | None = None,
        *,
        min_agents: int = 1,
        min_confidence: float = 0.0,
        orientation: Orientation = "symmetric",
    ) -> ConsensusNetwork:
        """Build the network from a panel's admitted hypotheses.

        Parameters
        ----------
        panel
            The panel; its candidates become the genes.
        agents
            Who votes; by default every agent with the role ``mechanism``.
        min_agents, min_confidence, orientation
            See the class.

        Raises
        ------
        UsageError
            An unknown agent or orientation, or a panel in which nobody votes.
        """
        voters = tuple(agents if agents is not None else panel.voters)
        unknown = [name for name in voters if name not in panel.agents]
        if unknown or not voters:
            what = f"no agent {', '.join(map(repr, unknown))}" if unknown else "no agent that votes"
            raise UsageError(
                f"panel {panel.name!r} has {what}", f"Its agents: {', '.join(panel.agents)}."
            )
        if orientation not in ("symmetric", "directed", "reversed"):
            raise UsageError(
                f"orientation is {orientation!r}", "Choose symmetric, directed or reversed."
            )
        return cls(
            panel.candidates,
            {name: _layer(*panel.signed_links(name), len(panel.candidates)) for name in voters},
            {
                name: np.array([gene in panel.answered[name] for gene in panel.candidates])
                for name in voters
            },
            min_agents,
            min_confidence,
            orientation,
            panel.hypotheses,
        )

    # ------------------------------------------------------------------ numbers
    @property
    def n_genes(self) -> int:
        """Number of genes."""
        return len(self.genes)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Row number of each gene."""
        return {gene: row for row, gene in enumerate(self.genes)}

    @cached_property
    def support(self) -> sparse.csr_array:
        """How many agents name the pair with at least `min_confidence`; int, (n, n)."""
        total = sparse.csr_array((self.n_genes, self.n_genes), dtype=np.int64)
        for layer in self._kept_layers:
            total = total + (layer != 0).astype(np.int64)
        return sparse.csr_array(total)

    @cached_property
    def n_answers(self) -> np.ndarray:
        """M_t: how many agents answered each target, shape (n_genes,)."""
        return np.sum([self.answered[name] for name in self.layers], axis=0)

    @cached_property
    def weights(self) -> sparse.csr_array:
        """W[t, a]: mean of the signed confidences over the agents that answered t."""
        total = sparse.csr_array((self.n_genes, self.n_genes), dtype=np.float64)
        for layer in self._kept_layers:
            total = total + layer
        if self.min_agents > 1:
            total = total * (self.support >= self.min_agents)
        mean = sparse.diags_array(1 / np.maximum(self.n_answers, 1)) @ total
        result = sparse.csr_array(mean)
        result.eliminate_zeros()
        return result

    @cached_property
    def symmetric(self) -> sparse.csr_array:
        """S = (W + Wᵀ) / 2."""
        return sparse.csr_array((self.weights + self.weights.T) / 2)

    @property
    def neighbourhoods(self) -> sparse.csr_array:
        """The weights read in the chosen orientation; row t is the neighbourhood of t."""
        if self.orientation == "symmetric":
            return self.symmetric
        return self.weights if self.orientation == "directed" else sparse.csr_array(self.weights.T)

    @cached_property
    def kernel(self) -> np.ndarray:
        """The consensus kernel with the default reach, shape (n_genes, n_genes)."""
        return kernel_by_name(self.symmetric, self.genes)

    @cached_property
    def agent_links(self) -> tuple[sparse.csr_array, ...]:
        """Each agent's own positive, symmetric links p_m (without the unit diagonal)."""
        return tuple(positive_links(layer.maximum(0)) for layer in self._kept_layers)

    @property
    def is_large(self) -> bool:
        """Whether there are too many genes for a matrix of all pairs."""
        return is_large(self.n_genes)

    def coverage(self, anchors: np.ndarray) -> np.ndarray:
        """What the anchors tell of each gene, 0–1, shape (n_genes,).

        The expected explained fraction under the kernel; in a large network what `link_coverage`
        gives, at a fraction of the cost.
        """
        if self.is_large:
            return link_coverage(self.agent_links, anchors)
        return coverage(self.kernel, anchors)

    @property
    def _kept_layers(self) -> list[sparse.csr_array]:
        if self.min_confidence <= 0:
            return list(self.layers.values())
        return [
            sparse.csr_array(layer * (abs(layer) >= self.min_confidence))
            for layer in self.layers.values()
        ]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the genes and weights; the order of the genes does not matter."""
        order = np.argsort(self.genes)
        block = sparse.csr_array(self.weights[order][:, order])
        block.sort_indices()
        digest = hashlib.sha256("\x1f".join(self.genes[i] for i in order).encode())
        for part in (block.indptr, block.indices):
            digest.update(part.astype("<i8").tobytes())
        digest.update(np.round(block.data, 12).astype("<f8").tobytes())
        return digest.hexdigest()

    # ------------------------------------------------------------------ reasons and variants
    def evidence(self, one: str, other: str) -> tuple[Hypothesis, ...]:
        """Everything the agents said of a pair, in either direction, strongest first."""
        found = [*self._said_of(one, other), *self._said_of(other, one)]
        return tuple(sorted(found, key=lambda h: (-h.confidence, h.agent, h.target)))

    def _said_of(self, target: str, regulator: str) -> Sequence[Hypothesis]:
        """The voters' hypotheses of a pair."""
        if isinstance(self.hypotheses, Hypotheses):
            return self.hypotheses.of_pair(target, regulator, self.layers)
        return self._said_by_pair.get((target, regulator), ())

    @cached_property
    def _said_by_pair(self) -> Mapping[tuple[str, str], list[Hypothesis]]:
        said: dict[tuple[str, str], list[Hypothesis]] = {}
        for one in self.hypotheses or ():
            if one.agent in self.layers:
                said.setdefault((one.target, one.regulator), []).append(one)
        return said

    def only(self, agents: Iterable[str]) -> ConsensusNetwork:
        """The same network with fewer agents."""
        kept = set(agents)
        return replace(
            self,
            layers={name: layer for name, layer in self.layers.items() if name in kept},
            answered={name: mask for name, mask in self.answered.items() if name in kept},
        )

    def extended(self, genes: Sequence[str]) -> ConsensusNetwork:
        """The same network with further genes, of which no agent said anything."""
        extra = tuple(gene for gene in genes if gene not in self.index)
        size = self.n_genes + len(extra)

        def padded(layer: sparse.csr_array) -> sparse.csr_array:
            ends = np.concatenate([layer.indptr, np.full(len(extra), layer.indptr[-1])])
            return sparse.csr_array((layer.data, layer.indices, ends), shape=(size, size))

        silent = np.zeros(len(extra), dtype=bool)
        return replace(
            self,
            genes=self.genes + extra,
            layers={name: padded(layer) for name, layer in self.layers.items()},
            answered={name: np.concatenate([mask, silent]) for name, mask in self.answered.items()},
        )

    def relabelled(self, order: np.ndarray) -> ConsensusNetwork:
        """The network with its gene names permuted: gene i takes the place of gene order[i].

        A control: the structure stays, its meaning is gone.
        """
        return replace(
            self,
            layers={
                name: sparse.csr_array(layer[order][:, order])
                for name, layer in self.layers.items()
            },
            answered={name: mask[order] for name, mask in self.answered.items()},
            hypotheses=None,
        )

    def __repr__(self) -> str:
        return (
            f"ConsensusNetwork({self.n_genes} genes, agents {', '.join(self.layers)}, "
            f"{self.weights.nnz} pairs)"
        )


def link_coverage(links: Sequence[sparse.csr_array], anchors: np.ndarray) -> np.ndarray:
    """How well each gene is served by its best anchor, mean over agents, shape (n_genes,).

    Parameters
    ----------
    links
        For each agent symmetric links between 0 and 1, shape (n_genes, n_genes). An anchor serves
        itself by 1.
    anchors
        Indices of the measured perturbations.
    """
    anchors = np.asarray(anchors, dtype=int)
    served = np.zeros(links[0].shape[0])
    for own in links if anchors.size else ():
        served += own[anchors].max(axis=0).toarray().ravel()
    served /= len(links)
    served[anchors] = 1
    return served


def _layer(
    rows: np.ndarray, columns: np.ndarray, values: np.ndarray, size: int
) -> sparse.csr_array:
    """What one agent said, as direction × confidence."""
    matrix = sparse.csr_array((values, (rows, columns)), shape=(size, size))
    matrix.sort_indices()
    return matrix
