"""What is known of the candidates before any of them is measured: names, links, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy import sparse

from mechpert_al.agents.panel import Panel
from mechpert_al.consensus.kernel import (
    DENSE_LIMIT,
    coverage,
    kernel_by_name,
    positive_links,
    unit_diagonal,
)
from mechpert_al.consensus.layers import Layers
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.consensus.other_line import SOURCE, LineProfiles, line_correlation
from mechpert_al.effects.align import align
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.networks import PriorNetwork, centrality

#: Dimensions of the prior network's spectral embedding, the features used when none are given.
N_SPECTRAL = 50
#: What another line's measured correlations count beside the consensus kernel.
OTHER_LINE_WEIGHT = 0.5
#: What is computed once and depends on no readout.
DERIVED = (
    "kernel", "layers", "prior_links", "prior_kernel", "feature_kernel", "alike_in_line"
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Knowledge:
    """The prior knowledge that strategies and predictors may use; it holds no measurement.

    Parameters
    ----------
    consensus
        The consensus network; its genes are the candidates.
    similarity
        The similarity agent's own network, over the same genes (a baseline).
    prior
        A network from the literature.
    features
        Gene features, shape (n_genes, n_features); a gene without features has a row of NaN.
    agents
        Each single agent's network, for `agent:NAME` predictors.
    other_line
        A screen of the candidates in another cell line that was measured already; its
        correlations are added to the kernel, and its profiles help to predict (see `line`).
    notices
        Names that were not matched letter for letter.
    weights
        What each layer weighs in the kernel (see `consensus.layers`); None = the consensus alone,
        with another line added where there is one.
    line
        The other line's profiles over the readouts that are predicted; None while these are not
        known. See `on_readouts`.
    line_source
        What errors and notices call the other line.
    """

    consensus: ConsensusNetwork
    similarity: ConsensusNetwork | None = None
    prior: PriorNetwork | None = None
    features: np.ndarray | None = None
    agents: Mapping[str, ConsensusNetwork] = field(default_factory=dict)
    other_line: EffectTable | None = None
    notices: tuple[str, ...] = ()
    weights: Mapping[str, float] | None = None
    line: LineProfiles | None = None
    line_source: str = SOURCE
    _centralities: dict[tuple[str, str], np.ndarray] = field(
        default_factory=dict, init=False, repr=False
    )

    @classmethod
    def from_panel(
        cls,
        panel: Panel,
        prior: PriorNetwork | None = None,
        features: np.ndarray | None = None,
        agents: Sequence[str] | None = None,
    ) -> Knowledge:
        """Knowledge from a panel: its voters' consensus, and its baseline agent apart.

        The prior network's genes are matched to the candidates by symbol.
        """
        notices: tuple[str, ...] = ()
        if prior is not None:
            prior, matching = prior.aligned(panel.candidates, source="prior network")
            notices = tuple(
                f"prior network: {name} is {reference} ({why})"
                for name, reference, why in matching.renamed
            )
        baselines = [name for name in panel.baselines if agents is None or name in agents]
        voters = [name for name in panel.voters if agents is None or name in agents]
        consensus = ConsensusNetwork.from_panel(panel, voters)
        alone = {name: ConsensusNetwork.from_panel(panel, [name]) for name in baselines}
        return cls(
            consensus,
            alone[baselines[0]] if baselines else None,
            prior,
            features,
            {**{name: consensus.only([name]) for name in voters}, **alone},
            notices=notices,
        )

    @property
    def genes(self) -> tuple[str, ...]:
        """The candidates."""
        return self.consensus.genes

    @property
    def n_genes(self) -> int:
        """Number of candidates."""
        return len(self.genes)

    @cached_property
    def kernel(self) -> np.ndarray:
        """The kernel of strategies and predictors, shape (n_genes, n_genes).

        The consensus kernel; with another line measured, K + ½ R scaled to a unit diagonal, R the
        positive semi-definite part of that line's profile correlations. With `weights`, the
        mixture of the layers.
        """
        if self.weights is not None:
            return self.layers.mixed(self.weights)
        if self.other_line is None:
            return self.consensus.kernel
        return self.with_line(self.consensus.kernel)

    def with_line(self, kernel: np.ndarray) -> np.ndarray:
        """A kernel of the candidates joined by the other line: K + ½ R at unit diagonal.

        Raises
        ------
        UsageError
            If no other line is known, or there are too many candidates for all pairs.
        """
        return unit_diagonal(kernel + OTHER_LINE_WEIGHT * self.alike_in_line)

    @cached_property
    def alike_in_line(self) -> np.ndarray:
        """R: correlations of the candidates' knock-downs in the other line, (n_genes, n_genes).

        Raises
        ------
        UsageError
            As `with_line`.
        """
        return line_correlation(self._demanded_line(), self.genes)

    def _demanded_line(self) -> EffectTable:
        if self.other_line is None:
            raise UsageError(
                "this needs another line that was measured already, and none was given",
                "Give one with --other-line (or [prediction] other_line in the file of settings).",
            )
        if self.is_large:
            raise UsageError(
                f"another line takes a matrix of all pairs of candidates, and {self.n_genes} are "
                "too many",
                f"Go on without the other line, or with at most {DENSE_LIMIT} candidates.",
            )
        return self.other_line

    @property
    def line_profiles(self) -> LineProfiles | None:
        """`line`, for what cannot do without another line.

        Raises
        ------
        UsageError
            If no other line is known.
        """
        self._demanded_line()
        return self.line

    @property
    def is_large(self) -> bool:
        """Whether there are too many candidates for a matrix of all pairs."""
        return self.consensus.is_large

    def coverage(self, anchors: np.ndarray) -> np.ndarray:
        """What the anchors tell of each candidate, 0–1, shape (n_genes,).

        The expected explained fraction under the kernel; with very many candidates what direct
        links promise (see `ConsensusNetwork.coverage`).
        """
        return self.consensus.coverage(anchors) if self.is_large else coverage(self.kernel, anchors)

    @cached_property
    def layers(self) -> Layers:
        """The kernels that may be mixed."""
        return Layers.of(self)

    @property
    def similarity_network(self) -> ConsensusNetwork:
        """The similarity agent's network.

        Raises
        ------
        UsageError
            If the panel has no such agent.
        """
        if self.similarity is None:
            raise UsageError(
                "this needs a similarity agent, and the panel has none",
                "Use a panel with an agent of role 'baseline', or leave this method out.",
            )
        return self.similarity

    @property
    def prior_network(self) -> PriorNetwork:
        """The prior network.

        Raises
        ------
        UsageError
            If none was given.
        """
        if self.prior is None:
            raise UsageError(
                "this needs a prior network, and none was given",
                "Give one with --network (or [network] in the loop file).",
            )
        return self.prior

    @cached_property
    def prior_links(self) -> sparse.csr_array:
        """The prior network among the candidates, shape (n_genes, n_genes)."""
        return self.prior_network.on(self.genes)

    def centrality(self, measure: str, network: str) -> np.ndarray:
        """How central each candidate is, 0 where the network does not have it, shape (n_genes,).

        Parameters
        ----------
        measure
            One of `networks.MEASURES`.
        network
            ``prior`` (the whole prior network) or ``consensus`` (the positive consensus links,
            weighted). Computed once.

        Raises
        ------
        UsageError
            If there is no such measure or network.
        """
        if network not in ("prior", "consensus"):
            raise UsageError(
                f"no network {network!r} to be central in",
                "Choose prior, prior_pool or consensus.",
            )
        if (measure, network) not in self._centralities:
            if network == "consensus":
                graph = PriorNetwork(self.genes, positive_links(self.consensus.symmetric))
            else:
                graph = self.prior_network
            values = centrality_of(graph, measure, self.genes, is_weighted=network == "consensus")
            self._centralities[measure, network] = values
        return self._centralities[measure, network]

    @cached_property
    def prior_kernel(self) -> np.ndarray:
        """The diffusion kernel of the prior network among the candidates."""
        return kernel_by_name(self.prior_links, self.genes)

    @cached_property
    def feature_kernel(self) -> np.ndarray:
        """Linear kernel of the standardised features, unit diagonal, shape (n_genes, n_genes).

        Without features: of the spectral embedding of the prior network, whose dimensions keep
        their sizes (they say how much each one tells).
        """
        if self.features is None:
            part = spectral_embedding(self.prior_kernel)
            part -= part.mean(axis=0)
            return unit_diagonal(part @ part.T)
        known = ~np.isnan(self.features).any(axis=1)
        kernel = np.eye(self.n_genes)
        if known.any():
            part = self.features[known] - self.features[known].mean(axis=0)
            spread = part.std(axis=0)
            tells = spread > 1e-9 * np.abs(self.features[known]).max(axis=0, initial=0)
            part = part[:, tells] / spread[tells]
            kernel[np.ix_(known, known)] = unit_diagonal(part @ part.T)
        return kernel

    def extended(self, genes: Sequence[str]) -> Knowledge:
        """The same knowledge with further candidates, of which no agent said anything."""
        extra = [gene for gene in genes if gene not in self.consensus.index]
        if not extra:
            return self
        features = self.features
        if features is not None:
            features = np.vstack([features, np.full((len(extra), features.shape[1]), np.nan)])
        return replace(
            self,
            consensus=self.consensus.extended(extra),
            similarity=None if self.similarity is None else self.similarity.extended(extra),
            features=features,
            agents={name: network.extended(extra) for name, network in self.agents.items()},
            line=None,  # it may have measured the new ones too
        )

    def weighted(self, weights: Mapping[str, float]) -> Knowledge:
        """The same knowledge with its layers mixed by other weights."""
        changed = replace(self, weights=weights)
        for name in (
            "layers",
            "prior_kernel",
            "feature_kernel",
            "alike_in_line",
        ):  # they do not depend on weights
            if name in self.__dict__:
                changed.__dict__[name] = self.__dict__[name]
        return changed

    def on_readouts(self, readouts: Sequence[str]) -> Knowledge:
        """The same knowledge once it is known which readouts are predicted, by name.

        Only another line's profiles depend on them; without one nothing changes.

        Raises
        ------
        DataError
            If the other line measured none of the candidates, or none of the readouts.
        """
        if self.other_line is None:
            return self
        line = LineProfiles.of(self.other_line, self.genes, readouts, self.line_source)
        return self.beside(line)

    def beside(self, line: LineProfiles | None) -> Knowledge:
        """The same knowledge with the other line's profiles over the readouts at hand."""
        changed = replace(self, line=line)
        kept = {name: value for name, value in self.__dict__.items() if name in DERIVED}
        changed.__dict__.update(kept, _centralities=self._centralities)
        return changed

    def with_other_line(self, effects: EffectTable, source: str = SOURCE) -> Knowledge:
        """The same knowledge, and a screen of another line that was measured already.

        Parameters
        ----------
        effects
            The screen; knock-downs that are no candidates are left out, which is said.
        source
            What errors and notices call it.

        Raises
        ------
        DataError
            If none of its knock-downs is a candidate.
        UsageError
            If there are too many candidates for all pairs.
        """
        aligned = align(effects, self.genes, source)
        told = f"{source}: {len(aligned.numbers)} of {self.n_genes} candidates were measured there"
        if aligned.left_out:
            told += f"; {len(aligned.left_out)} of its knock-downs are no candidates"
        earlier = tuple(
            one
            for one in self.notices
            if self.other_line is None or not one.startswith(f"{self.line_source}: ")
        )
        notices = (*earlier, told, *aligned.notices)
        known = replace(self, other_line=effects, line=None, line_source=source, notices=notices)
        known._demanded_line()
        return known

    def with_consensus(self, consensus: ConsensusNetwork) -> Knowledge:
        """The same knowledge with another consensus network."""
        return replace(self, consensus=consensus)


def spectral_embedding(kernel: np.ndarray) -> np.ndarray:
    """Coordinates whose inner products come nearest to a kernel's, shape (n_genes, N_SPECTRAL)."""
    values, vectors = np.linalg.eigh(kernel)
    return vectors[:, -N_SPECTRAL:] * np.sqrt(np.maximum(values[-N_SPECTRAL:], 0))


def centrality_of(
    network: PriorNetwork, measure: str, genes: Sequence[str], *, is_weighted: bool = False
) -> np.ndarray:
    """How central each gene is in a network, 0 where the network does not have it."""
    values = centrality(network, measure, weighted=is_weighted)
    score_of = dict(zip(network.genes, values, strict=True))
    return np.array([score_of.get(gene, 0.0) for gene in genes])
