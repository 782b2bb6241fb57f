"""``mechpert-al campaign ask-again``: ask about targets that measurements contradict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import print_json, say, table

if TYPE_CHECKING:
    from mechpert_al.campaign import Campaign

_file = click.Path(path_type=Path)


@click.command(
    "ask-again", epilog="Example: mechpert-al campaign ask-again my-campaign local --most 20"
)
@click.argument("folder", metavar="DIR", type=_file)
@click.argument("description", required=False)
@click.option("--most", type=click.IntRange(min=1), default=40, show_default=True, help="Targets.")
@click.option("-o", "--out", type=_file, help="Write the evidence there, for ask --evidence.")
@click.option("--host", "hosts", multiple=True, metavar="URL", help="A server; may be repeated.")
@json_option
def ask_again(
    folder: Path,
    description: str | None,
    most: int,
    out: Path | None,
    hosts: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask again about targets that the measurements in DIR contradict, or say nothing of.

    The agents of DESCRIPTION are told what was measured; their new answers take the place of the
    earlier ones in the campaign's panel folder. Without DESCRIPTION the evidence is only shown.
    """
    from mechpert_al.agents.evidence import write_evidence
    from mechpert_al.campaign import Campaign
    from mechpert_al.campaign.doubting import campaign_doubts

    opened = Campaign.open(folder)
    genes = opened.knowledge.genes
    found = campaign_doubts(opened, most)
    evidence = {genes[doubt.target]: doubt.text for doubt in found}
    if out is not None:
        write_evidence(out, evidence)
        say(f"Wrote the evidence on {len(evidence)} targets to {out}.")
    asked = None
    if description is not None and evidence:
        asked = _ask(opened, description, evidence, hosts)
    rows = [
        {"target": genes[doubt.target], "reason": doubt.reason, "evidence": doubt.text}
        for doubt in found
    ]
    if as_json:
        unanswered = None if asked is None else asked.unanswered
        print_json({"targets": rows, "asked": asked is not None, "unanswered": unanswered})
    elif rows:
        table(["target", "reason", "evidence"], [tuple(row.values()) for row in rows])
    if not rows:
        say("Nothing to ask again: no measured pair contradicts the agents, nothing is uncovered.")
    elif asked is None:
        say("Nothing was asked. Name a panel description to ask its agents.")
    else:
        say(f"Asked again about {len(rows)} targets; the next batch is planned on the new answers.")
        asked.refuse_unanswered()


def _ask(campaign: Campaign, description: str, evidence: dict[str, str], hosts: Any) -> Any:
    """Ask into the campaign's own panel folder."""
    from mechpert_al.agents import read_panel
    from mechpert_al.agents.live import ask
    from mechpert_al.datasets import resolve
    from mechpert_al.symbols import match

    place = resolve(campaign.settings.panel.path, campaign.folder.settings)
    candidates = read_panel(place).candidates
    name_of = match(list(evidence), candidates).complete().mapping
    told = {name_of[gene]: text for gene, text in evidence.items()}
    return ask(description, candidates, list(told), place, evidence=told, hosts=hosts, note=say)
