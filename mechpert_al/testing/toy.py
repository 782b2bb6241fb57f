"""A toy screen: made-up genes in modules, agents that know most of them, and their responses.

Small enough to check by hand, and awkward on purpose: genes that nobody links, targets that were
not answered, contrary directions, a literature network with a hub, strangers and missing genes,
and names whose alphabetical order is not their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mechpert_al.agents.panel import Agent, Hypothesis, Panel
from mechpert_al.consensus import Knowledge
from mechpert_al.effects import EffectTable
from mechpert_al.networks import PriorNetwork

#: Genes of one module, and genes at the end of the list that no agent ever names.
MODULE_SIZE, N_LONERS = 6, 3
#: How often an agent names a module mate, and any other gene.
RECALL, FALSE_ALARM = 0.6, 0.02


@dataclass(frozen=True, eq=False)
class ToyScreen:
    """A panel, a prior network, and the effects of every candidate.

    Parameters
    ----------
    panel
        Two voting agents, ``alpha`` and ``beta``, and a similarity agent, ``plain``.
    prior
        A literature network with a hub; it lacks some candidates and has strangers.
    effects
        Profiles of all candidates, without missing values, rows in the panel's order.
    """

    panel: Panel
    prior: PriorNetwork
    effects: EffectTable

    @property
    def genes(self) -> tuple[str, ...]:
        """The candidates."""
        return self.panel.candidates

    @property
    def knowledge(self) -> Knowledge:
        """What is known before anything is measured (made anew at each call)."""
        return Knowledge.from_panel(self.panel, self.prior)

    @property
    def other_line(self) -> EffectTable:
        """The same genes in another line: alike in part, some genes and readouts not measured.

        It has a stranger, a readout of its own, and holes.
        """
        random = np.random.default_rng(77)
        by_name = sorted(self.effects.perturbations)  # whatever order the candidates have
        values = self.effects.take(by_name).values.astype(np.float64)
        values = values + random.normal(scale=1.0, size=values.shape)
        values[random.random(values.shape) < 0.02] = np.nan
        return EffectTable(
            (*by_name[3:], "STRANGER1"),
            (*self.effects.readouts[1:], "ELSEWHERE"),
            np.pad(values[3:, 1:], ((0, 1), (0, 1)), constant_values=1.0),
        )

    @property
    def profiles(self) -> np.ndarray:
        """Profiles in float64, row = candidate number, shape (n_genes, n_readouts)."""
        return self.effects.values.astype(np.float64)

    def reordered(self, order: Sequence[int] | np.ndarray) -> ToyScreen:
        """The same screen with its candidates listed in another order."""
        genes = tuple(self.genes[i] for i in order)
        return ToyScreen(
            replace(self.panel, candidates=genes), self.prior, self.effects.take(genes)
        )


def toy_screen(seed: int = 0, n_genes: int = 33, n_readouts: int = 60) -> ToyScreen:
    """A toy screen; the same seed gives the same one.

    Parameters
    ----------
    seed
        Everything random follows from it.
    n_genes
        Candidates, at least 12.
    n_readouts
        Readouts of each profile.
    """
    random = np.random.default_rng(seed)
    genes = tuple(f"TOY{number}" for number in random.permutation(np.arange(100, 100 + n_genes)))
    module = np.arange(n_genes) // MODULE_SIZE
    hypotheses = [
        hypothesis
        for agent in ("alpha", "beta", "plain")
        for hypothesis in _proposals(agent, genes, module, random)
    ]
    answered = {
        "alpha": frozenset(genes),
        "beta": frozenset(genes[2:]),  # its first two targets were not answered
        "plain": frozenset(genes),
    }
    panel = Panel(
        "toy",
        {
            "alpha": Agent("alpha", "mechanism"),
            "beta": Agent("beta", "mechanism"),
            "plain": Agent("plain", "baseline"),
        },
        genes,
        tuple(h for h in hypotheses if h.target in answered[h.agent]),
        answered,
    )
    return ToyScreen(
        panel, _network(genes, module, random), _effects(genes, module, n_readouts, random)
    )


def _proposals(
    agent: str, genes: Sequence[str], module: np.ndarray, random: np.random.Generator
) -> list[Hypothesis]:
    linked = len(genes) - N_LONERS
    found = []
    for target in range(linked):
        for regulator in range(linked):
            chance = RECALL if module[target] == module[regulator] else FALSE_ALARM
            if target != regulator and random.random() < chance:
                direction = -1 if random.random() < 0.05 else 1
                confidence = round(float(random.uniform(0.1, 0.95)), 2)
                found.append(
                    Hypothesis(
                        agent, genes[target], genes[regulator], direction, confidence, "made up"
                    )
                )
    return found


def _network(genes: Sequence[str], module: np.ndarray, random: np.random.Generator) -> PriorNetwork:
    known = [*genes[1:], "STRANGER1", "STRANGER2"]  # the first candidate is not in it
    place = {gene: number for number, gene in enumerate(genes)}
    edges = [("STRANGER1", gene) for gene in known[:-2:2]]  # a hub
    for i, one in enumerate(known[:-2]):
        for other in known[i + 1 : -2]:
            chance = 0.4 if module[place[one]] == module[place[other]] else 0.05
            if random.random() < chance:
                edges.append((one, other))
    return PriorNetwork.from_edges([*edges, ("STRANGER1", "STRANGER2")])


def _effects(
    genes: Sequence[str], module: np.ndarray, n_readouts: int, random: np.random.Generator
) -> EffectTable:
    programmes = random.normal(size=(module.max() + 1, n_readouts))
    strength = random.uniform(0.5, 1.5, size=(len(genes), 1))
    common = random.normal(size=n_readouts)
    noise = random.normal(scale=0.7, size=(len(genes), n_readouts))
    return EffectTable(
        tuple(genes),
        tuple(f"R{number}" for number in range(n_readouts)),
        common + strength * programmes[module] + noise,
    )
