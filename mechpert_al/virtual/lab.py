"""The virtual lab: genes, responses, agents and a literature that are simulated, and say so.

Everything is a function of the lab's parameters and its seed. What a gene does is true by
construction, so that claims about designs can be checked where no real screen could: with agents
of any quality, with more or fewer cells, many times over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mechpert_al.agents.panel import Agent, Panel
from mechpert_al.design.strategy import random_generator
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.networks import PriorNetwork
from mechpert_al.virtual.agents import AgentTraits, simulated_panel
from mechpert_al.virtual.literature import literature_network
from mechpert_al.virtual.responses import ResponseModel, Responses, simulate_responses

#: Two genes are related when their specific responses correlate at least this much.
RELATED_FROM = 0.3
#: Mean number of proposals an agent makes for a target.
N_PROPOSALS = 7.5
#: Mean confidence an agent states, unless its precision is higher.
HABITUAL_CONFIDENCE = 0.4
#: How much likelier an agent of quality 1 names closer pairs (see `AgentTraits`).
NEARNESS = 10.0
#: Quality and agreement of agents like those of the shipped panel.
QUALITY, AGREEMENT = 0.6, 0.75


@dataclass(frozen=True)
class VirtualLab:
    """A simulated laboratory.

    Parameters
    ----------
    seed
        Everything random follows from it.
    n_genes
        Candidates, 10 to 9999; their names are SIM0001, SIM0002 …
    n_readouts
        Measured genes, at least 20; none of them is a candidate.
    n_cells
        Mean number of cells behind a measured perturbation.
    model
        How responses are simulated.
    """

    seed: int = 0
    n_genes: int = 200
    n_readouts: int = 400
    n_cells: float = 100
    model: ResponseModel = field(default_factory=ResponseModel)

    def __post_init__(self) -> None:
        for name, lowest, highest in (("n_genes", 10, 9999), ("n_readouts", 20, 99_999)):
            value = getattr(self, name)
            if not (isinstance(value, int) and lowest <= value <= highest):
                raise UsageError(
                    f"{name} of a virtual lab is {value}",
                    f"Expected a whole number from {lowest} to {highest}.",
                )
        _check_cells(self.n_cells)

    # ------------------------------------------------------------------ what is true
    @cached_property
    def genes(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(f"SIM{number:04d}" for number in range(1, self.n_genes + 1))

    @cached_property
    def readouts(self) -> tuple[str, ...]:
        """Names of the readouts."""
        return tuple(f"SIMR{number:05d}" for number in range(1, self.n_readouts + 1))

    @cached_property
    def responses(self) -> Responses:
        """What perturbing each gene does, without noise."""
        return simulate_responses(self.model, self.n_genes, self.n_readouts, self.seed)

    @cached_property
    def relatedness(self) -> np.ndarray:
        """Correlation of the specific responses, 0 for a silent gene, shape (n_genes, n_genes)."""
        specific = self.responses.specific
        deviation = specific - specific.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(deviation, axis=1, keepdims=True)
        unit = deviation / np.where(norms > 0, norms, 1)
        return unit @ unit.T

    @cached_property
    def related(self) -> np.ndarray:
        """Which ordered pairs are related, symmetric bool without diagonal."""
        related = self.relatedness >= RELATED_FROM
        np.fill_diagonal(related, False)
        return related

    @property
    def base_rate(self) -> float:
        """Share of related pairs among all pairs of two genes."""
        return float(self.related.sum() / (self.n_genes * (self.n_genes - 1)))

    # ------------------------------------------------------------------ what is measured
    def effects(self, n_cells: float | None = None, replicate: int = 0) -> EffectTable:
        """Measured effects of every gene.

        Parameters
        ----------
        n_cells
            Mean number of cells behind a perturbation; the lab's own by default. A perturbation's
            noise has the variance 1 / its number of cells.
        replicate
            Number of the experiment: another number gives other noise. With more cells, the same
            experiment's noise only shrinks.

        Returns
        -------
        EffectTable
            Complete, with cells and standard errors; its info says that it is simulated.
        """
        mean = self.n_cells if n_cells is None else n_cells
        _check_cells(mean)
        spread = self.model.cell_spread
        random = random_generator(self.seed, "cells")
        yields = random.lognormal(-(spread**2) / 2, spread, self.n_genes)
        cells = np.maximum(1, np.round(mean * yields))
        errors = np.repeat(1 / np.sqrt(cells)[:, None], self.n_readouts, axis=1)
        noise = random_generator(self.seed, "noise", replicate).normal(size=errors.shape)
        return EffectTable(
            self.genes,
            self.readouts,
            self.responses.effects + noise * errors,
            cells,
            errors,
            {
                "kind": "simulated",
                "simulated": True,
                "note": "simulated measurements of a virtual lab: nothing here is biology",
                "control": "simulated control cells",
                "normalisation": "mean z-score of cells against control cells",
                "lab": self.as_document(),
                "mean_cells": mean,
                "replicate": replicate,
            },
        )

    @cached_property
    def _experiment(self) -> EffectTable:
        return self.effects()

    def measure(self, genes: Sequence[str]) -> EffectTable:
        """The measured effects of some genes (see `virtual.oracle.Oracle`).

        Raises
        ------
        DataError
            A gene that is not in the lab.
        """
        return self._experiment.take(genes)

    # ------------------------------------------------------------------ what is said
    def traits(self, quality: float = QUALITY, hallucination: float = 0.0) -> AgentTraits:
        """An agent of a given quality.

        Parameters
        ----------
        quality
            Share of its proposals that it knows; the others are guesses among all genes. 0: what
            it says is independent of the truth; 1: every pair it names is related, and it says so.
        hallucination
            Share of its raw proposals that name genes which do not exist.

        Returns
        -------
        AgentTraits
            With about 7.5 proposals for each target, as far as there are related pairs to name.
        """
        if not 0 <= quality <= 1:
            raise UsageError(f"quality is {quality}", "Expected a number from 0 to 1.")
        if not self.related.any():
            raise UsageError(
                "no two genes of this lab are related: its agents have nothing to know",
                "Raise the shared part of the responses, or take more genes.",
            )
        precision = self.base_rate + quality * (1 - self.base_rate)
        n_related = self.base_rate * (self.n_genes - 1)
        recall = min(1.0, min(N_PROPOSALS, self.n_genes - 1) * precision / n_related)
        confidence = max(HABITUAL_CONFIDENCE, precision)
        return AgentTraits(
            precision,
            recall,
            nearness=NEARNESS * quality,
            confidence=confidence,
            hallucination=hallucination,
        )

    def panel(
        self,
        quality: float = QUALITY,
        n_agents: int = 3,
        *,
        traits: AgentTraits | Sequence[AgentTraits] | None = None,
        similarity: AgentTraits | float | None = None,
        agreement: float = AGREEMENT,
        hallucination: float = 0.0,
        draw: int = 0,
    ) -> Panel:
        """Simulated agents: voters, and a similarity agent as the baseline.

        Parameters
        ----------
        quality, hallucination
            See `traits`; for all voters.
        n_agents
            Number of voters.
        traits
            States precision, recall and calibration instead: one for all voters, or one for each.
        similarity
            Quality or traits of the similarity agent; by default those of the first voter.
        agreement
            Correlation between two equally good agents' decisions to name a pair, 0–1.
        draw
            Another number gives other agents of the same kind.
        """
        if traits is None:
            traits = self.traits(quality, hallucination)
        voters = [traits] * n_agents if isinstance(traits, AgentTraits) else list(traits)
        if not voters:
            raise UsageError("a panel without agents was asked for", "Ask for at least one.")
        baseline = voters[0] if similarity is None else similarity
        if not isinstance(baseline, AgentTraits):
            baseline = self.traits(baseline, hallucination)
        agents = [
            (Agent(f"agent{number}", "mechanism", "simulated", "simulated"), one)
            for number, one in enumerate(voters, start=1)
        ]
        agents.append((Agent("similarity", "baseline", "simulated", "simulated"), baseline))
        name = f"simulated agents of virtual lab {self.seed}"
        return simulated_panel(self, agents, agreement=agreement, draw=draw, name=name)

    def network(
        self,
        informativeness: float = 0.45,
        *,
        mean_degree: float = 8.0,
        fame_spread: float = 1.0,
        draw: int = 0,
    ) -> PriorNetwork:
        """A simulated literature network with hubs.

        Parameters
        ----------
        informativeness
            Share of the links drawn among related pairs; the others are coincidences. 0: links are
            independent of what genes do.
        mean_degree
            Links of a gene, on average.
        fame_spread
            How unequally genes are studied: standard deviation of the logarithm of fame.
        draw
            Another number gives another literature.
        """
        return literature_network(
            self.genes,
            self.related,
            informativeness=informativeness,
            mean_degree=mean_degree,
            fame_spread=fame_spread,
            seed=self.seed,
            draw=draw,
        )

    def as_document(self) -> dict[str, Any]:
        """The parameters as plain JSON values."""
        return asdict(self)


def _check_cells(n_cells: float) -> None:
    if not (np.isfinite(n_cells) and n_cells >= 1):
        raise UsageError(f"{n_cells} cells a perturbation", "Expected a number of at least 1.")
