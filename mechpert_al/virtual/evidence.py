"""Simulated agents that are asked again: some read the evidence, some do not.

Asked again about a target, an agent decides anew: each of its decisions stays as it was with the
probability `PERSISTENCE` and is otherwise made afresh, as good as before. That is all that an agent
does which does not read. One that reads then weighs its proposals by what it was told, and by
nothing else: a proposal is weighed by the measured correlations that it is part of. Where they
speak against it, it is withdrawn; where they speak for it, its confidence rises. Of two measured
genes that were both proposed and are unlike, at least one is wrong: the less confident one goes.
In the place of what is withdrawn it proposes what it thinks of next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import sparse

from mechpert_al.consensus.contradictions import Doubt, Pair
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.design.strategy import random_generator
from mechpert_al.virtual.agents import AgentTraits, simulated_consensus
from mechpert_al.virtual.lab import VirtualLab

#: Probability that a decision stays as it was when an agent is asked again.
PERSISTENCE = 0.75
#: Measured correlations below the first speak against a proposal, above the second for it.
AGAINST, FOR = 0.1, 0.3
#: Share of the way to certainty by which confidence rises.
RISE = 0.5

Reading = Literal["ignored", "used", "permuted"]


@dataclass(frozen=True)
class AskedAgain:
    """Agents of a virtual lab that can be asked again.

    Parameters
    ----------
    lab, traits, agreement
        The lab, and its voters.
    reading
        ``ignored``: they do not read evidence; ``used``: they do; ``permuted``: they read
        evidence whose measured correlations stand beside the wrong genes.
    """

    lab: VirtualLab
    traits: tuple[AgentTraits, ...]
    agreement: float
    reading: Reading

    def answer(
        self, network: ConsensusNetwork, asked: Sequence[Doubt], round_number: int
    ) -> ConsensusNetwork:
        """The network after these targets were asked about again.

        Parameters
        ----------
        network
            What was said before.
        asked
            The targets, with their evidence.
        round_number
            Other rounds have other dice.
        """
        if not asked:
            return network
        fresh = simulated_consensus(
            self.lab, self.traits, agreement=self.agreement, draw=round_number
        )
        targets = np.array([doubt.target for doubt in asked])
        told = {doubt.target: doubt.pairs for doubt in asked}
        if self.reading == "permuted":
            told = permuted(told, self.lab.seed, round_number)
        layers = {}
        for name, layer in network.layers.items():
            random = random_generator(self.lab.seed, "asked again", round_number, name)
            stays = random.random((len(targets), self.lab.n_genes)) < PERSISTENCE
            rows = layer.toarray()
            new = fresh.layers[name].toarray()[targets]
            rows[targets] = np.where(stays, rows[targets], new)
            if self.reading != "ignored":
                for place, target in enumerate(targets):
                    kept = reconsidered(rows[target], target, told[target])
                    withdrawn = (rows[target] > 0) & (kept == 0)
                    rows[target] = refilled(kept, new[place], withdrawn)
            layers[name] = sparse.csr_array(rows)
        return replace(network, layers=layers, hypotheses=None)


def reconsidered(answer: np.ndarray, target: int, pairs: Sequence[Pair]) -> np.ndarray:
    """An agent's proposals for a target, weighed by measured correlations.

    Parameters
    ----------
    answer
        Confidence in each gene, 0 = not proposed, shape (n_genes,).
    target
        Who is asked about.
    pairs
        What was measured.

    Returns
    -------
    numpy.ndarray
        Same shape. With no evidence on a proposal it stays as it is.
    """
    weighed = answer.copy()
    for pair in pairs:
        if target in pair[:2]:
            gene = pair.other if pair.one == target else pair.one
            if answer[gene] > 0:
                weighed[gene] = _moved(weighed[gene], pair.measured)
        elif answer[pair.one] > 0 and answer[pair.other] > 0:
            if pair.measured >= FOR:
                for gene in (pair.one, pair.other):
                    weighed[gene] = _moved(weighed[gene], pair.measured)
            elif pair.measured < AGAINST:
                lesser = min(pair[:2], key=lambda gene: (_standing(answer, gene, pairs), gene))
                weighed[lesser] = 0.0
    return weighed


def refilled(kept: np.ndarray, thought_of: np.ndarray, withdrawn: np.ndarray) -> np.ndarray:
    """The answer with as many new proposals as were withdrawn, the most confident ones first.

    Parameters
    ----------
    kept
        Confidence in each gene after evidence was weighed, shape (n_genes,).
    thought_of
        Confidence in whatever else comes to the agent's mind, same shape.
    withdrawn
        Which proposals the evidence spoke against; they do not come back.
    """
    new = np.where((kept > 0) | withdrawn, 0, thought_of)
    best = np.argsort(-new, kind="stable")[: int(withdrawn.sum())]
    answer = kept.copy()
    answer[best] = np.maximum(answer[best], new[best])
    return answer


def _standing(answer: np.ndarray, gene: int, pairs: Sequence[Pair]) -> float:
    """Confidence in a proposal, with what its measured company says of it."""
    met = [
        pair.measured
        for pair in pairs
        if gene in pair[:2] and answer[pair.one] > 0 and answer[pair.other] > 0
    ]
    return float(answer[gene] + (np.mean(met) if met else 0.0))


def _moved(confidence: float, measured: float) -> float:
    if measured < AGAINST:
        return 0.0
    return confidence + RISE * (1 - confidence) if measured >= FOR else confidence


def permuted(
    told: Mapping[int, tuple[Pair, ...]], seed: int, round_number: int
) -> dict[int, tuple[Pair, ...]]:
    """The same evidence with its measured correlations given to other pairs at random."""
    distinct = sorted({pair[:2] for pairs in told.values() for pair in pairs})
    met = {pair[:2]: pair.measured for pairs in told.values() for pair in pairs}
    order = random_generator(seed, "permuted evidence", round_number).permutation(len(distinct))
    other = {pair: met[distinct[place]] for pair, place in zip(distinct, order, strict=True)}
    return {
        target: tuple(pair._replace(measured=other[pair[:2]]) for pair in pairs)
        for target, pairs in told.items()
    }
