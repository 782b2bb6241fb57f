"""The status of a campaign, for a person and for a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mechpert_al.config import CampaignSettings
from mechpert_al.effects import EffectTable
from mechpert_al.loop.ordering import Ground, excluded
from mechpert_al.loop.outlook import Outlook, outlook
from mechpert_al.loop.state import CampaignState


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
        return lines

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
    last = state.rounds[-1].consensus if state.rounds else state.created.consensus
    if ground.knowledge.consensus.content_hash != last:
        said.append(
            "the panel or the candidate list has changed since "
            + (f"round {len(state.rounds)} was proposed" if state.rounds else "the campaign began")
        )
    return Status(
        state,
        excluded(settings.design, state, ground.knowledge.genes),
        outlook(settings, state, ground, effects, n),
        tuple(said),
    )


def _with_reasons(genes: dict[str, str] | Any) -> str:
    return ", ".join(f"{gene} ({reason})" for gene, reason in sorted(genes.items()))
