"""How good real agents are, said in the words of simulated ones.

What an agent proposes is held against a measured screen; then traits are sought with which a
simulated agent, in a virtual lab fitted to that screen, would look the same: as many proposals,
measured correlations of the same mean, the same dependence on stated confidence, and as much in
common with the other agents. Precision is then a share of truly related pairs, which no
noise of measurement lowers.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mechpert_al.agents.panel import Panel
from mechpert_al.effects.align import align
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError
from mechpert_al.networks import PriorNetwork
from mechpert_al.virtual.agents import AgentTraits, naming_odds, simulated_consensus
from mechpert_al.virtual.fitting import LabFit
from mechpert_al.virtual.lab import VirtualLab
from mechpert_al.virtual.resemblance import profile_correlations

#: Fewest measured proposals from which traits are estimated.
LEAST_PROPOSALS = 50
#: Steps of the bisection for the quality.
N_BISECTIONS = 14
#: Steps of the bisection for the grading.
N_GRADING = 7


@dataclass(frozen=True)
class Heard:
    """What an agent's proposals look like beside a screen.

    Parameters
    ----------
    n_proposals
        Proposals whose two genes are measured.
    per_target
        The same for each measured target.
    mean, spread
        Mean and standard deviation of their measured correlations.
    confidence
        Mean stated confidence.
    slope
        Least-squares slope of the measured correlation over stated confidence.
    hallucination
        Share of the raw proposals that name no known gene.
    """

    n_proposals: int
    per_target: float
    mean: float
    spread: float
    confidence: float
    slope: float
    hallucination: float


@dataclass(frozen=True)
class PanelFit:
    """Simulated agents like those of a real panel.

    Parameters
    ----------
    heard
        What each real agent's proposals look like, by name; voters first.
    traits
        The traits of each voter, by name.
    agreement
        Correlation between two voters' decisions to name a pair beyond what their knowledge
        makes alike, mean over pairs of voters.
    """

    heard: dict[str, Heard]
    traits: dict[str, AgentTraits]
    agreement: float

    @property
    def typical(self) -> AgentTraits:
        """Mean traits of the voters."""
        rows = [asdict(one) for one in self.traits.values()]
        return AgentTraits(
            **{name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
        )

    def as_document(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def fit_panel(panel: Panel, effects: EffectTable, fit: LabFit) -> PanelFit:
    """Traits and agreement of a panel's voters, from a measured screen.

    Parameters
    ----------
    panel
        The real panel; proposals are matched to the screen by symbol.
    effects
        The screen.
    fit
        A virtual lab fitted to that screen.

    Raises
    ------
    DataError
        A voter has fewer than 50 proposals whose two genes are measured.
    """
    measured = align(effects, panel.candidates).effects
    correlation = profile_correlations(measured)
    layers = {name: _layer(panel, name, measured.row_of) for name in panel.voters}
    heard = {
        name: _heard(panel, name, confidences, correlation) for name, confidences in layers.items()
    }
    simulated = profile_correlations(fit.screen(fit.lab))
    traits = {name: _traits(one, fit.lab, simulated) for name, one in heard.items()}
    shares = [
        _agreement(layers[one] > 0, layers[other] > 0, [traits[one], traits[other]], fit.lab)
        for one, other in itertools.combinations(layers, 2)
    ]
    return PanelFit(heard, traits, float(np.mean(shares)) if shares else 0.0)


def fit_literature(network: PriorNetwork, effects: EffectTable, fit: LabFit) -> dict[str, float]:
    """Informativeness and mean degree of a simulated literature like a real prior network.

    Parameters
    ----------
    network, effects, fit
        The network, a measured screen, and a lab fitted to it.

    Returns
    -------
    dict
        Arguments of `VirtualLab.network`.
    """
    aligned, _ = network.aligned(effects.perturbations, source="prior network")
    links = aligned.on(effects.perturbations).toarray() > 0
    np.fill_diagonal(links, False)
    simulated = profile_correlations(fit.screen(fit.lab))
    degree = float(links.sum() / len(links))
    if not links.any() or not fit.lab.related.any():
        return {"informativeness": 0.0, "mean_degree": degree}
    apart = ~np.eye(len(links), dtype=bool)
    real = profile_correlations(effects)
    known = (
        simulated[fit.lab.related].mean() - simulated[~np.eye(len(simulated), dtype=bool)].mean()
    )
    excess = real[links].mean() - real[apart].mean()
    return {"informativeness": float(np.clip(excess / known, 0, 1)), "mean_degree": degree}


# ---------------------------------------------------------------------- what is heard
def _layer(panel: Panel, agent: str, row_of: Any) -> np.ndarray:
    """Stated confidences between measured genes, 0 where nothing is said, shape (n, n)."""
    layer = np.zeros((len(row_of), len(row_of)))
    for one in panel.hypotheses:
        if one.agent == agent and one.target in row_of and one.regulator in row_of:
            layer[row_of[one.target], row_of[one.regulator]] = one.confidence
    return layer


def _heard(panel: Panel, agent: str, layer: np.ndarray, correlation: np.ndarray) -> Heard:
    named = layer > 0
    n = int(named.sum())
    if n < LEAST_PROPOSALS:
        raise DataError(
            f"agent {agent!r} has {n} proposals whose two genes are measured",
            f"At least {LEAST_PROPOSALS} are needed to say how good it is: give a screen that "
            "measured more of the panel's candidates.",
        )
    confidence, met = layer[named], correlation[named]
    varies = confidence.std() > 0
    slope = float(np.polyfit(confidence, met, 1)[0]) if varies else 0.0
    n_invented = sum(one.agent == agent and one.reason == "unknown_gene" for one in panel.dropped)
    n_said = sum(one.agent == agent for one in panel.hypotheses)
    return Heard(
        n,
        n / len(layer),
        float(met.mean()),
        float(met.std()),
        float(confidence.mean()),
        slope,
        n_invented / max(1, n_invented + n_said),
    )


# ---------------------------------------------------------------------- traits that look the same
def _traits(heard: Heard, lab: VirtualLab, simulated: np.ndarray) -> AgentTraits:
    """The simulated agent whose proposals have this mean measured correlation.

    Precision and nearness cannot be told apart by what is measured, so they go together as in
    `VirtualLab.traits`. No dice are needed: odds of naming are known for every pair.
    """
    low, high = 0.0, 1.0
    for _ in range(N_BISECTIONS):
        middle = (low + high) / 2
        mean, _ = _expected(_agent(heard, lab, middle), lab, simulated)
        low, high = (middle, high) if mean < heard.mean else (low, middle)
    return _calibrated(_agent(heard, lab, (low + high) / 2), heard, lab, simulated)


def _agent(heard: Heard, lab: VirtualLab, quality: float) -> AgentTraits:
    """An agent of that quality with as many proposals a target as the real one."""
    usual = lab.traits(quality)
    n_related = lab.base_rate * (lab.n_genes - 1)
    return AgentTraits(
        usual.precision,
        float(min(1.0, heard.per_target * usual.precision / n_related)),
        nearness=usual.nearness,
        confidence=heard.confidence,
        hallucination=heard.hallucination,
    )


def _expected(traits: AgentTraits, lab: VirtualLab, simulated: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the measured correlations of what the agent names."""
    odds = naming_odds(lab, traits)
    total = odds.sum()
    mean = float((odds * simulated).sum() / total)
    return mean, float(np.sqrt(max(0.0, (odds * simulated**2).sum() / total - mean**2)))


def _calibrated(
    traits: AgentTraits, heard: Heard, lab: VirtualLab, simulated: np.ndarray
) -> AgentTraits:
    """With the calibration that gives the slope of measured correlation over confidence.

    Where the slope is steeper than knowing which pairs are related explains, confidences also
    follow how close they are.
    """
    odds = naming_odds(lab, traits)
    right = np.average(simulated, weights=odds * lab.related)
    wrong = np.average(simulated, weights=odds * ~lab.related) if traits.precision < 1 else right
    full = traits.slope(lab.base_rate) * (right - wrong)
    share = float(np.clip(heard.slope / full, 0, 1)) if full > 0 else 0.0
    known = replace(traits, calibration=share)
    return known if share < 1 else _graded(known, heard, lab, simulated)


def _graded(
    traits: AgentTraits, heard: Heard, lab: VirtualLab, simulated: np.ndarray
) -> AgentTraits:
    """With the least grading that gives the slope, found by simulating the agent."""
    low, high = 0.0, 1.0
    if _simulated_slope(traits, lab, simulated) >= heard.slope:
        return traits
    for _ in range(N_GRADING):
        middle = (low + high) / 2
        slope = _simulated_slope(replace(traits, grading=middle), lab, simulated)
        low, high = (middle, high) if slope < heard.slope else (low, middle)
    return replace(traits, grading=(low + high) / 2)


def _simulated_slope(traits: AgentTraits, lab: VirtualLab, simulated: np.ndarray) -> float:
    layer = simulated_consensus(lab, [traits], agreement=0.0, draw=0).layers["agent1"].toarray()
    named = layer > 0
    return float(np.polyfit(layer[named], simulated[named], 1)[0])


def _agreement(
    one: np.ndarray, other: np.ndarray, traits: Sequence[AgentTraits], lab: VirtualLab
) -> float:
    """Share of decisions made for both by the same draw, from how many pairs both name."""
    odds = [naming_odds(lab, each) for each in traits]
    size = lab.n_genes * (lab.n_genes - 1)
    apart, together = (odds[0] * odds[1]).sum() / size, np.minimum(*odds).sum() / size
    both = float((one & other).sum() / (len(one) * (len(one) - 1)))
    return float(np.clip((both - apart) / (together - apart), 0, 1))
