"""Simulated agents of stated precision, recall and calibration.

Every ordered pair of genes is either related or not (`VirtualLab.related`). An agent names a
related pair with the mean probability recall, and any other with the mean probability that makes a
share ``precision`` of what it names related; within both, closer pairs come easier to mind, as far
as stated (``nearness``): so its mistakes are near misses. Its stated confidences follow one beta
distribution; the share of related pairs among those named with confidence c is the straight line

    precision + calibration × steepness × (c − confidence)

with the greatest steepness for which the line stays above the base rate of related pairs and not
above 1. An agent whose mean confidence is its precision and whose calibration is 1 means what it
says (its line is the diagonal, but for the base rate). An agent no better than the base rate has
no slope: what it says and how confidently is independent of the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mechpert_al.agents.panel import Agent, Answer, Dropped, Hypothesis, Panel, admit
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.design.strategy import random_generator
from mechpert_al.errors import UsageError
from mechpert_al.virtual.odds import proportional_odds

if TYPE_CHECKING:
    from mechpert_al.virtual.lab import VirtualLab

#: Concentration of the beta distribution of stated confidences.
CONCENTRATION = 3.0
#: A hundred-fold change of odds for 0.1 of relatedness is enough.
MOST_NEARNESS = 50
#: What a simulated agent gives as its mechanism.
MECHANISM = "simulated claim"


@dataclass(frozen=True)
class AgentTraits:
    """How good a simulated agent is.

    Parameters
    ----------
    precision
        Share of its admitted proposals that are related pairs, above 0 and up to 1.
    recall
        Share of the related pairs that it names, 0–1.
    calibration
        How much of the possible slope its confidences have, 0 (none) to 1.
    nearness
        How much likelier closer pairs are named, from 0 (all alike): among related pairs, and
        among the others, odds are in proportion to exp(nearness × relatedness).
    confidence
        Mean of its stated confidences, above 0 and up to 1.
    hallucination
        Share of its raw proposals that name genes which do not exist, 0 up to (not including) 1.
    grading
        How far its confidences also follow how close a pair is, among related pairs and among the
        others, 0 (not at all) to 1 (the order of the confidences is that of relatedness).
    """

    precision: float
    recall: float
    calibration: float = 1.0
    nearness: float = 0.0
    confidence: float = 0.4
    hallucination: float = 0.0
    grading: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            top = MOST_NEARNESS if one.name == "nearness" else 1
            if not 0 <= value <= top:
                raise UsageError(
                    f"{one.name} of a simulated agent is {value}",
                    f"Expected a number from 0 to {top}.",
                )
        if not (self.precision and self.confidence):
            raise UsageError("precision and confidence of a simulated agent are above 0")
        if self.hallucination == 1:
            raise UsageError("an agent that invents every gene (hallucination = 1) says nothing")

    def false_alarm(self, base_rate: float) -> float:
        """Probability of naming an unrelated pair.

        Parameters
        ----------
        base_rate
            Share of related pairs among all pairs.

        Raises
        ------
        UsageError
            If no probability up to 1 makes recall and precision agree.
        """
        rate = self.recall * (1 / self.precision - 1) * base_rate / (1 - base_rate)
        if rate > 1 + 1e-9:
            raise UsageError(
                f"no agent has precision {self.precision:.3g} and recall {self.recall:.3g} where "
                f"{base_rate:.3g} of all pairs are related",
                "Naming everything has more precision: raise the precision or lower the recall.",
            )
        return min(rate, 1.0)

    def slope(self, base_rate: float) -> float:
        """Slope of the share of related pairs over the stated confidence."""
        if self.confidence == 1:
            return 0.0
        down = (self.precision - base_rate) / self.confidence
        up = (1 - self.precision) / (1 - self.confidence)
        return self.calibration * max(0.0, min(down, up))

    def reliability(self, confidence: Any, base_rate: float) -> Any:
        """Share of related pairs among those named with the given confidence."""
        return self.precision + self.slope(base_rate) * (confidence - self.confidence)


def simulated_panel(
    lab: VirtualLab,
    agents: Sequence[tuple[Agent, AgentTraits]],
    *,
    agreement: float,
    draw: int,
    name: str,
) -> Panel:
    """A panel of simulated agents.

    Parameters
    ----------
    lab
        Where the genes and the truth come from.
    agents
        Who they are, and how good.
    agreement
        Correlation between two equally good agents' decisions to name a pair, 0–1: that share of
        decisions is made for both by the same draw, as if they were one model asked twice.
    draw
        Another number gives other agents of the same traits.
    name
        The panel's name.
    """
    hypotheses: list[Hypothesis] = []
    dropped: list[Dropped] = []
    candidates = {gene: gene for gene in lab.genes}
    roster = [(agent.name, traits) for agent, traits in agents]
    for voice, traits, claims, random in _claims(lab, roster, agreement, draw):
        for answer in _answers(lab, traits, claims, random):
            good, bad = admit(voice, answer, candidates)
            hypotheses += good
            dropped += bad
    about = {
        "simulated": True,
        "note": "simulated agents in a virtual lab: nothing here is biology",
        "lab": lab.as_document(),
        "agreement": agreement,
        "traits": {agent.name: _document(traits) for agent, traits in agents},
    }
    everyone = frozenset(lab.genes)
    return Panel(
        name,
        {agent.name: agent for agent, _ in agents},
        lab.genes,
        tuple(hypotheses),
        {agent.name: everyone for agent, _ in agents},
        tuple(dropped),
        about=about,
    )


def simulated_consensus(
    lab: VirtualLab, traits: Sequence[AgentTraits], *, agreement: float, draw: int
) -> ConsensusNetwork:
    """The consensus of simulated voters, without the panel around it: the same numbers, sooner.

    Parameters
    ----------
    lab, agreement, draw
        See `simulated_panel`.
    traits
        Of each voter; their names are agent1, agent2 …
    """
    from scipy import sparse

    roster = [(f"agent{number}", one) for number, one in enumerate(traits, start=1)]
    shape = (lab.n_genes, lab.n_genes)
    layers = {
        name: sparse.csr_array((said.confidences, (said.targets, said.regulators)), shape=shape)
        for name, _, said, _ in _claims(lab, roster, agreement, draw)
    }
    everyone = np.ones(lab.n_genes, dtype=bool)
    return ConsensusNetwork(lab.genes, layers, dict.fromkeys(layers, everyone))


class Claims(NamedTuple):
    """Pairs that an agent names: gene numbers and stated confidences, each of shape (n_named,)."""

    targets: np.ndarray
    regulators: np.ndarray
    confidences: np.ndarray


def _claims(
    lab: VirtualLab, agents: Sequence[tuple[str, AgentTraits]], agreement: float, draw: int
) -> Iterator[tuple[str, AgentTraits, Claims, np.random.Generator]]:
    """What each agent names; its generator goes with it."""
    if not 0 <= agreement <= 1:
        raise UsageError(f"agreement is {agreement}", "Expected a number from 0 to 1.")
    shape = (3, lab.n_genes, lab.n_genes)
    shared = random_generator(lab.seed, "panel", draw).random(shape)
    odds: dict[AgentTraits, np.ndarray] = {}
    for name, traits in agents:
        random = random_generator(lab.seed, "panel", draw, name)
        follows = random.random(shape[1:]) < np.sqrt(agreement)
        dice = np.where(follows, shared, random.random(shape))
        if traits not in odds:
            odds[traits] = naming_odds(lab, traits)
        targets, regulators = np.nonzero(dice[0] < odds[traits])
        is_related = lab.related[targets, regulators]
        confidences = stated_confidence(
            traits, lab.base_rate, is_related, dice[1:, targets, regulators]
        )
        if traits.grading:
            closeness = lab.relatedness[targets, regulators]
            for stratum in (is_related, ~is_related):
                confidences[stratum] = graded(
                    confidences[stratum], closeness[stratum], traits.grading
                )
        yield name, traits, Claims(targets, regulators, confidences), random


def _answers(
    lab: VirtualLab, traits: AgentTraits, claims: Claims, random: np.random.Generator
) -> list[Answer]:
    """What the agent says of every gene, most confident first, invented genes among it."""
    said: list[list[tuple[str, float]]] = [[] for _ in lab.genes]
    for place, regulator, confidence in zip(*claims, strict=True):
        said[place].append((lab.genes[regulator], float(confidence)))
    for target, gene, confidence in _invented(lab, traits, len(claims.targets), random):
        said[target].append((gene, confidence))
    return [
        Answer(gene, [_proposal(*one) for one in sorted(made, key=lambda c: (-c[1], c[0]))])
        for gene, made in zip(lab.genes, said, strict=True)
    ]


def naming_odds(lab: VirtualLab, traits: AgentTraits) -> np.ndarray:
    """Probability that the agent names each pair (target, regulator), shape (n_genes, n_genes)."""
    weights = np.exp(traits.nearness * lab.relatedness)
    np.fill_diagonal(weights, 0)
    odds = np.zeros_like(weights)
    rates = ((lab.related, traits.recall), (~lab.related, traits.false_alarm(lab.base_rate)))
    for pairs, rate in rates:
        wanted = weights * pairs
        odds += proportional_odds(wanted, rate * np.count_nonzero(wanted))
    return odds


def stated_confidence(
    traits: AgentTraits, base_rate: float, is_related: np.ndarray, dice: np.ndarray
) -> np.ndarray:
    """Confidences with the marginal distribution and reliability that the traits state.

    With f the beta density of mean m, tilting it for related pairs by c/m and for others by
    (1 − c)/(1 − m), in shares that give the wanted slope, leaves f as it is over both together.

    Parameters
    ----------
    is_related
        Whether each named pair is related, shape (n_pairs,).
    dice
        Uniform numbers, shape (2, n_pairs).

    Returns
    -------
    numpy.ndarray
        In hundredths from 0.01 to 1, shape (n_pairs,).
    """
    from scipy.special import betaincinv

    mean, precision, slope = traits.confidence, traits.precision, traits.slope(base_rate)
    if mean == 1:
        return np.ones(len(is_related))
    up = slope * mean / precision
    down = slope * (1 - mean) / (1 - precision) if precision < 1 else 0.0
    is_tilted = dice[0] < np.where(is_related, up, down)
    first = mean * CONCENTRATION + (is_tilted & is_related)
    second = (1 - mean) * CONCENTRATION + (is_tilted & ~is_related)
    return np.clip(np.round(betaincinv(first, second, dice[1]), 2), 0.01, 1.0)


def graded(confidences: np.ndarray, closeness: np.ndarray, grading: float) -> np.ndarray:
    """The same confidences in an order that follows closeness as far as stated.

    The new order is that of a sum of normal scores, grading × closeness + √(1 − grading²) × the
    confidence that a pair had: so no confidence is lost, and no further dice are needed.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    if not len(confidences):
        return confidences
    own, near = (
        ndtri((rankdata(values, "ordinal") - 0.5) / len(values))
        for values in (confidences, closeness)
    )
    order = np.argsort(grading * near + np.sqrt(1 - grading**2) * own, kind="stable")
    ordered = np.empty_like(confidences)
    ordered[order] = np.sort(confidences)
    return ordered


def _invented(
    lab: VirtualLab, traits: AgentTraits, n_named: int, random: np.random.Generator
) -> list[tuple[int, str, float]]:
    """Proposals of genes that do not exist: target, name, confidence."""
    share = traits.hallucination
    n_invented = int(random.poisson(n_named * share / (1 - share)))
    targets = random.integers(lab.n_genes, size=n_invented)
    mean = min(traits.confidence, 0.99)
    confidences = random.beta(mean * CONCENTRATION, (1 - mean) * CONCENTRATION, n_invented)
    return [
        (int(target), f"SIMX{number:04d}", float(np.clip(round(confidence, 2), 0.01, 1)))
        for number, (target, confidence) in enumerate(zip(targets, confidences, strict=True), 1)
    ]


def _proposal(gene: str, confidence: float) -> dict[str, Any]:
    return {"gene": gene, "direction": 1, "confidence": confidence, "mechanism": MECHANISM}


def _document(traits: AgentTraits) -> dict[str, float]:
    return {one.name: getattr(traits, one.name) for one in fields(traits)}
