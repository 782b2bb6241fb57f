"""When to stop: what is covered now, what pending and further batches would add, and how sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mechpert_al.config import CampaignSettings
from mechpert_al.consensus.kernel import coverage
from mechpert_al.design import DesignState, build_strategy
from mechpert_al.effects import EffectTable
from mechpert_al.loop.ordering import Ground, excluded
from mechpert_al.loop.state import CampaignState

#: Further batches that the curve shows.
N_BATCHES = 5
#: Size of a further batch if none was ordered yet.
BATCH = 24


@dataclass(frozen=True)
class NextBatch:
    """What the next batch is expected to bring.

    Parameters
    ----------
    n
        Its size.
    strategy
        Which strategy would choose it.
    genes
        Its genes, in order (constraints of a single batch left aside).
    gain
        What it adds to the mean coverage of all candidates, by the consensus.
    by_agent
        The same by the network of each single agent: how much the agents differ.
    """

    n: int
    strategy: str
    genes: tuple[str, ...]
    gain: float
    by_agent: Mapping[str, float]

    @property
    def low(self) -> float:
        """The least that an agent's own network promises."""
        return min(self.by_agent.values())

    @property
    def high(self) -> float:
        """The most that an agent's own network promises."""
        return max(self.by_agent.values())


@dataclass(frozen=True)
class Outlook:
    """Coverage: mean expected explained fraction of all candidates, 0–1.

    Parameters
    ----------
    n_candidates
        How many genes it is a mean over.
    now, after_pending
        By what is measured; by that and what is pending.
    curve
        (further genes, coverage), beginning with none.
    next
        None if no gene can be proposed.
    """

    n_candidates: int
    now: float
    after_pending: float
    curve: tuple[tuple[int, float], ...]
    next: NextBatch | None

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        following = None
        if self.next is not None:
            following = {
                "n": self.next.n,
                "strategy": self.next.strategy,
                "gain": self.next.gain,
                "low": self.next.low,
                "high": self.next.high,
                "n_agents": len(self.next.by_agent),
                "by_agent": dict(self.next.by_agent),
                "genes": list(self.next.genes),
            }
        return {
            "coverage": {
                "now": self.now,
                "after_pending": self.after_pending,
                "curve": [{"n": n, "coverage": value} for n, value in self.curve],
                "n_candidates": self.n_candidates,
            },
            "next": following,
        }


def outlook(
    settings: CampaignSettings,
    state: CampaignState,
    ground: Ground,
    effects: EffectTable | None,
    n: int | None = None,
) -> Outlook:
    """What is covered, and what further batches would bring.

    Parameters
    ----------
    effects
        All measurements so far; for strategies that learn from them.
    n
        Genes in a further batch; by default as many as the last one had.
    """
    knowledge = ground.knowledge.extended(list(state.pending))
    index = knowledge.consensus.index
    size = n or (len(state.rounds[-1].genes) if state.rounds else BATCH)
    measured = np.array([index[gene] for gene in state.measured if gene in index], dtype=int)
    pending = np.array([index[gene] for gene in state.pending], dtype=int)
    out = {*excluded(settings.design, state, knowledge.genes), *state.measured, *state.pending}
    allowed = np.array([index[gene] for gene in ground.candidates if gene not in out], dtype=int)
    profiles = None
    if effects is not None and measured.size:
        rows = effects.take([knowledge.genes[i] for i in measured])
        profiles = rows.values.astype(np.float64)
    design = DesignState(
        knowledge,
        allowed,
        measured,
        profiles,
        pending,
        seed=settings.seed,
        round=len(state.rounds) + 1,
    )
    strategy = build_strategy(settings.design.strategy)
    picks: np.ndarray = np.zeros(0, dtype=int)
    if allowed.size:
        picks = np.array(strategy.select(design, size * N_BATCHES).picks, dtype=int)

    def covered(kernel: np.ndarray, n_picks: int) -> float:
        return float(coverage(kernel, np.concatenate([design.given, picks[:n_picks]])).mean())

    numbers = [*range(0, len(picks), size), len(picks)]
    curve = tuple((number, covered(knowledge.kernel, number)) for number in dict.fromkeys(numbers))
    following = None
    if picks.size:
        first = min(size, len(picks))
        kernels = {name: knowledge.agents[name].kernel for name in knowledge.consensus.layers}
        following = NextBatch(
            first,
            strategy.name,
            tuple(knowledge.genes[i] for i in picks[:first]),
            curve[1][1] - curve[0][1],
            {name: covered(k, first) - covered(k, 0) for name, k in kernels.items()},
        )
    now = float(coverage(knowledge.kernel, measured).mean())
    return Outlook(knowledge.n_genes, now, curve[0][1], curve, following)
