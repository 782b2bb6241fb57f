"""Status of a campaign: what it has and waits for, and when to stop.

The outlook is what is covered now, what pending and further batches would add, and how sure it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mechpert_al.campaign.ordering import Ground, excluded
from mechpert_al.campaign.state import CampaignState
from mechpert_al.config import CampaignSettings
from mechpert_al.consensus import ConsensusNetwork, Knowledge
from mechpert_al.consensus.kernel import DENSE_LIMIT
from mechpert_al.design import DesignState
from mechpert_al.design.coverage import BY_LINKS
from mechpert_al.design.strategy import chosen_strategy
from mechpert_al.effects import EffectTable
from mechpert_al.errors import DataError
from mechpert_al.prediction.catalogue import build_predictor, default_predictor
from mechpert_al.prediction.expectation import MIN_ANCHORS, Expectation, expectation, mean_root
from mechpert_al.prediction.kriging import KrigingRegressor

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
class Accuracy:
    """Mean correlation expected between predicted and measured profiles of unmeasured candidates.

    Parameters
    ----------
    now, after_pending, after_next
        With what is measured; with what is pending too; with the next batch as well.
    """

    now: Expectation
    after_pending: Expectation
    after_next: Expectation

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "now": self.now.as_document(),
            "after_pending": self.after_pending.as_document(),
            "after_next": self.after_next.as_document(),
        }


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
    accuracy
        None while too few anchors are measured to say.
    unknown
        Why nothing can be said of it, in words; empty where that is not so.
    """

    n_candidates: int
    now: float
    after_pending: float
    curve: tuple[tuple[int, float], ...]
    next: NextBatch | None
    accuracy: Accuracy | None = None
    unknown: str = ""

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
            "expected_accuracy": None if self.accuracy is None else self.accuracy.as_document(),
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
    sizes = (len(one.genes) for one in reversed(state.rounds) if one.genes)
    size = n or next(sizes, BATCH)
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
    strategy = chosen_strategy(settings.design.strategy, knowledge)
    seen = strategy.seen(design)
    picks: np.ndarray = np.zeros(0, dtype=int)
    if allowed.size:
        picks = np.array(strategy.select(design, size * N_BATCHES).picks, dtype=int)

    def covered(by: Knowledge | ConsensusNetwork, n_picks: int) -> float:
        return float(by.coverage(np.concatenate([design.given, picks[:n_picks]])).mean())

    numbers = [*range(0, len(picks), size), len(picks)]
    curve = tuple((number, covered(seen, number)) for number in dict.fromkeys(numbers))
    following = None
    if picks.size:
        first = min(size, len(picks))
        alone = {name: knowledge.agents[name] for name in knowledge.consensus.layers}
        following = NextBatch(
            first,
            strategy.name,
            tuple(knowledge.genes[i] for i in picks[:first]),
            curve[1][1] - curve[0][1],
            {name: covered(one, first) - covered(one, 0) for name, one in alone.items()},
        )
    now = float(seen.coverage(measured).mean())
    steps = [design.given, np.concatenate([design.given, picks[:size]])]
    accuracy, unknown = None, ""
    if profiles is not None and effects is not None and not seen.is_large:  # takes seconds
        try:
            accuracy = _accuracy(seen.on_readouts(effects.readouts), measured, profiles, steps)
        except DataError as error:  # the other line has no readout in common with this one
            unknown = f"How accurate predictions are is not known: {error.message}."
    return Outlook(knowledge.n_genes, now, curve[0][1], curve, following, accuracy, unknown)


def _accuracy(
    seen: Knowledge, measured: np.ndarray, profiles: np.ndarray, steps: Sequence[np.ndarray]
) -> Accuracy | None:
    """What the measured anchors let expect, now and once further genes are measured."""
    model = build_predictor(default_predictor(seen), seen).fit(measured[:, None], profiles)
    told = expectation(model) if isinstance(model, KrigingRegressor) else None
    if told is None:
        return None
    kernel = seen.kernel
    return Accuracy(told, *(told.grown(mean_root(kernel, genes, genes)) for genes in steps))


@dataclass(frozen=True, eq=False)
class Status:
    """What a campaign has, what it waits for, and what further batches would bring.

    Parameters
    ----------
    state
        What the journal says.
    excluded
        Genes that are never proposed: by the settings, or abandoned.
    outlook
        Coverage now and later, and the gain of the next batch.
    notices
        What the reader should know.
    """

    state: CampaignState
    excluded: tuple[str, ...]
    outlook: Outlook
    notices: tuple[str, ...] = ()

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        state = self.state
        return {
            "campaign": state.name,
            "records": state.n_records,
            "rounds": len(state.rounds),
            "measured": sorted(state.measured),
            "pending": sorted(state.pending),
            "excluded": list(self.excluded),
            "failed": dict(state.failed),
            "abandoned": dict(state.abandoned),
            "bridging_due": sorted(state.due),
            "deliveries": [{"file": one.file, "sha256": one.sha256} for one in state.deliveries],
            **self.outlook.as_document(),
            "notices": list(self.notices),
        }

    def facts(self) -> list[tuple[str, int, str]]:
        """What the genes are: (fact, how many, which)."""
        state = self.state
        pending = [f"{gene} (round {number})" for gene, number in sorted(state.pending.items())]
        return [
            ("measured", len(state.measured), ", ".join(sorted(state.measured))),
            ("pending", len(pending), ", ".join(pending)),
            ("ordered again (bridging)", len(state.due), ", ".join(sorted(state.due))),
            ("excluded", len(self.excluded), ", ".join(self.excluded)),
            ("failed, may be proposed again", len(state.failed), _with_reasons(state.failed)),
        ]

    def lines(self) -> list[str]:
        """The outlook for a person, one sentence a line."""
        told = self.outlook
        lines = [
            f"Coverage (mean expected explained fraction of {told.n_candidates} candidates): "
            f"{told.now:.1%} now, {told.after_pending:.1%} with what is pending."
        ]
        if len(told.curve) > 1:
            further = ", ".join(f"{value:.1%} with {n} more" for n, value in told.curve[1:])
            lines.append(f"By {told.next.strategy if told.next else ''}: {further}.")
        if told.next is None:
            lines.append("No candidate is left to propose.")
        else:
            lines.append(
                f"The next {told.next.n} genes would add {100 * told.next.gain:.1f} points; by the "
                f"networks of single agents {100 * told.next.low:.1f} to "
                f"{100 * told.next.high:.1f} ({len(told.next.by_agent)} agents)."
            )
        return [*lines, self._accuracy_line()]

    def _accuracy_line(self) -> str:
        told = self.outlook.accuracy
        if self.outlook.unknown:
            return self.outlook.unknown
        if told is None:
            return (
                "How accurate predictions are is not known yet: that takes at least "
                f"{MIN_ANCHORS} measured candidates, each predicted from the others."
            )
        text = f"Predictions of unmeasured genes are expected to correlate by {told.now} on average"
        if self.outlook.next is not None:
            pending = " with what is pending and" if self.state.pending else " with"
            text += f", and by {told.after_next}{pending} the next {self.outlook.next.n} genes"
        return (
            f"{text} (90 % intervals, from {told.now.n_anchors} anchors each predicted from the "
            "others)."
        )

    def _repr_html_(self) -> str:
        from mechpert_al.display import html_table

        rows = [{"": what, "n": n, "genes": genes} for what, n, genes in self.facts()]
        return html_table(rows, caption=" ".join([self.state.name, *self.lines()]))


def status_of(
    settings: CampaignSettings,
    state: CampaignState,
    ground: Ground,
    effects: EffectTable | None,
    notices: Sequence[str],
    n: int | None,
) -> Status:
    """The status; see `Campaign.status`."""
    said = list(notices)
    last = state.rounds[-1] if state.rounds else state.created
    since = f"round {len(state.rounds)} was proposed" if state.rounds else "the campaign began"
    if ground.knowledge.consensus.content_hash != last.consensus:
        said.append(f"the panel or the candidate list has changed since {since}")
    if ground.other_line_hash != last.other_line:
        changed = "the other line's measurements have changed"
        if last.other_line is None:
            changed = "another line was added"
        elif ground.other_line_hash is None:
            changed = "the other line was taken away"
        said.append(f"{changed} since {since}")
    if ground.knowledge.is_large:
        said.append(BY_LINKS.format(limit=DENSE_LIMIT))
    counting = {source.effects for sources in state.measured.values() for source in sources}
    said += [
        f"{one.file} was accepted although {difference}"
        for one in state.deliveries
        if one.effects in counting
        for difference in one.options.get("accept_units", ())
    ]
    barred = excluded(settings.design, state, ground.knowledge.genes)
    return Status(state, barred, outlook(settings, state, ground, effects, n), tuple(said))


def overview(state: CampaignState, caption: str) -> str:
    """What a campaign knows of the genes, as an HTML table."""
    from mechpert_al.display import html_table

    facts = {
        "measured": state.measured,
        "pending": state.pending,
        "failed": state.failed,
        "abandoned": state.abandoned,
    }
    rows = [{"": fact, "genes": ", ".join(genes)} for fact, genes in facts.items()]
    return html_table(rows, caption=caption)


def _with_reasons(genes: dict[str, str] | Any) -> str:
    return ", ".join(f"{gene} ({reason})" for gene, reason in sorted(genes.items()))
