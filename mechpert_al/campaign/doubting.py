"""What a campaign's measurements contradict: the targets to ask about again."""

from __future__ import annotations

from mechpert_al.campaign.campaign import Campaign
from mechpert_al.consensus.contradictions import LEAST_ANCHORS, Doubt, doubts
from mechpert_al.effects.align import align
from mechpert_al.errors import UsageError


def campaign_doubts(campaign: Campaign, most: int | None = None) -> list[Doubt]:
    """The targets of a campaign to ask about again.

    Parameters
    ----------
    campaign
        The campaign.
    most
        The most targets; all by default.

    Raises
    ------
    UsageError
        Fewer than five candidates are measured.
    """
    known, effects = campaign.knowledge, campaign.effects
    aligned = None if effects is None else align(effects, known.genes)
    n_measured = 0 if aligned is None else len(aligned.numbers)
    if aligned is None or n_measured < LEAST_ANCHORS:
        raise UsageError(
            f"{n_measured} candidates are measured: they contradict nobody yet",
            f"Ask again when at least {LEAST_ANCHORS} are.",
        )
    return doubts(known.consensus, known.kernel, aligned.numbers, aligned.effects.values, most=most)
