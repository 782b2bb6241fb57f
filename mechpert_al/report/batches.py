"""A batch as a table: which genes, in which order, and why."""

from __future__ import annotations

from collections.abc import Callable

from mechpert_al.design import Batch
from mechpert_al.report.cards import Cell, Column, Table, number

COVERAGE = "mean expected explained fraction of all candidates, once it and those before it are "


def batch_table(
    batch: Batch,
    caption: str,
    state_of: Callable[[str], str] | None = None,
    *,
    is_folded: bool = False,
) -> Table:
    """The picks of a batch with their reasons.

    Parameters
    ----------
    batch
        The batch.
    caption
        Above the table.
    state_of
        What became of a gene, in a word; without it there is no such column.
    is_folded
        Whether the table is closed until asked for.
    """
    has_groups = any(pick.group for pick in batch)
    has_costs = any(pick.cost is not None for pick in batch)
    columns = [
        Column("#", True, "place in the batch"),
        Column("gene"),
        *([Column("state")] if state_of else []),
        Column("coverage", True, f"{COVERAGE}measured"),
        Column("adds", True, "what it adds to the strategy's objective"),
        Column("new", True, "other genes that come into reach"),
        Column("newly covered"),
        Column("agents", help="agents that link it to the genes it covers"),
        Column("why"),
        *([Column("group")] if has_groups else []),
        *([Column("cost", True)] if has_costs else []),
    ]
    rows = [
        (
            pick.rank,
            pick.gene,
            *([state_of(pick.gene)] if state_of else []),
            Cell(f"{100 * pick.coverage_after:.1f} %", pick.coverage_after),
            number(pick.utility, ".2f"),
            len(pick.newly_covered),
            ", ".join(pick.newly_covered),
            ", ".join(pick.agents),
            pick.reason,
            *([pick.group] if has_groups else []),
            *([pick.cost] if has_costs else []),
        )
        for pick in batch
    ]
    return Table(caption, columns, rows, is_folded, head=1)
