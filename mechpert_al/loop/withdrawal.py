"""Genes given up: what can be withdrawn, and what that does to measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mechpert_al.errors import UsageError
from mechpert_al.loop.folder import now
from mechpert_al.loop.state import CampaignState, Withdrawn

Fate = Literal["failed", "abandoned"]


def withdrawal(
    genes: Sequence[str], fate: Fate, reason: str, state: CampaignState, drop_measurements: bool
) -> Withdrawn:
    """The record of a withdrawal.

    Parameters
    ----------
    genes
        Under the campaign's names.
    fate, reason, drop_measurements
        See `Campaign.withdraw`.
    state
        What is measured and pending.

    Raises
    ------
    UsageError
        Naming each gene that cannot be withdrawn so.
    """
    if not genes or not reason.strip():
        raise UsageError("a withdrawal needs genes and a reason", "Say why, in words.")
    measured = tuple(gene for gene in genes if gene in state.measured)
    problems = []
    for gene in genes:
        if gene in state.due or (gene in measured and drop_measurements):
            continue
        if gene in measured:
            problems.append(f"{gene} is measured")
        elif fate == "failed" and gene not in state.pending:
            problems.append(f"{gene} is not pending")
    if problems:
        raise UsageError(
            f"cannot be withdrawn: {'; '.join(problems)}",
            "Nothing was withdrawn. --drop-measurements also takes out what was measured; "
            "--abandoned is for genes that shall never be proposed.",
        )
    return Withdrawn(
        time=now(),
        genes=tuple(genes),
        fate=fate,
        reason=reason.strip(),
        dropped=measured if drop_measurements else (),
    )
