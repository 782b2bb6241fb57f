"""The report of a campaign: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mechpert_al import atomic
from mechpert_al.campaign import Campaign
from mechpert_al.display import html_table

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 72rem; margin: auto; padding: 1rem }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0 }}
thead th {{ border-bottom: 1px solid }}
caption {{ text-align: left; font-weight: 600 }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def campaign_report(campaign: Campaign, path: str | Path) -> Path:
    """Write the report of a campaign.

    Parameters
    ----------
    campaign
        The campaign.
    path
        The HTML file.
    """
    path = Path(path)
    state, status = campaign.state, campaign.status()
    parts = [
        _paragraphs(status.lines()),
        _paragraphs(f"Note: {notice}" for notice in status.notices),
        html_table(
            [{"genes": what, "n": n, "which": which} for what, n, which in status.facts()],
            "What is known of the genes",
        ),
        html_table(
            [{"further genes": n, "coverage": f"{value:.1%}"} for n, value in status.outlook.curve],
            "Coverage by further genes",
        ),
        html_table(_deliveries(campaign), "Deliveries"),
    ]
    for number in range(len(state.rounds), 0, -1):
        batch = campaign.order(number)
        rows = [_shown(row) for row in batch.rows()]
        parts.append(html_table(rows, f"Round {number}: {len(batch)} genes by {batch.strategy}"))
    page = PAGE.format(title=escape(f"Campaign {state.name}"), body="\n".join(parts))
    atomic.write_bytes(path, page.encode())
    return path


def _paragraphs(lines: Any) -> str:
    return "\n".join(f"<p>{escape(line)}</p>" for line in lines)


def _deliveries(campaign: Campaign) -> Sequence[Mapping[str, Any]]:
    return [
        {
            "when": event.time,
            "file": event.file,
            "measured": event.genes,
            "replaced": event.replaced,
            "pooled": event.pooled,
            "not ordered": event.not_ordered,
        }
        for event in campaign.state.deliveries
    ]


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("rank", "gene", "utility", "coverage_after", "newly_covered", "reason")
    return {name.replace("_", " "): row[name] for name in names}
