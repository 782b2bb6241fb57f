"""``mechpert-al panel``: what agents proposed, how much of it was admitted, and how good it is."""

from __future__ import annotations

import difflib
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.groups import Group
from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import print_json, say, table, tell, working
from mechpert_al.errors import SymbolError

if TYPE_CHECKING:
    from mechpert_al.agents.panel import Hypothesis, Panel

#: Notices that are told before the rest is only counted.
SHOWN = 20


@click.group(cls=Group, epilog="Example: mechpert-al panel show essential585 PSMA3")
def panel() -> None:
    """Panels of agents: what they say of a gene, what was dropped, how far to trust them."""


@panel.command("list", epilog="Example: mechpert-al panel list --json")
@json_option
def list_(as_json: bool) -> None:
    """List the panels that come with the package."""
    from mechpert_al.agents.listing import listed_panels

    panels = listed_panels()
    if as_json:
        print_json([one._asdict() for one in panels])
    else:
        table(
            ["name", "kind", "agents", "models"],
            [(p.name, p.kind, p.agents, p.models) for p in panels],
        )


@panel.command(epilog="Example: mechpert-al panel show essential585 PSMA3")
@click.argument("panel_path", metavar="PANEL")
@click.argument("gene", required=False)
@json_option
def show(panel_path: str, gene: str | None, as_json: bool) -> None:
    """Show the agents of PANEL (a folder or a name), or what they say of GENE."""
    read = _read(panel_path)
    if gene is None:
        _show_agents(read, as_json)
    else:
        _show_gene(read, _candidate(read, gene), as_json)


@panel.command(epilog="Example: mechpert-al panel check essential585 --json")
@click.argument("panel_path", metavar="PANEL")
@click.option(
    "--effects",
    "effects_path",
    type=click.Path(path_type=Path),
    help="Measured effects: what the stated confidence was worth, and who is reliable.",
)
@click.option(
    "--network", type=click.Path(path_type=Path), help="Prior network, to be judged beside them."
)
@json_option
def check(panel_path: str, effects_path: Path | None, network: Path | None, as_json: bool) -> None:
    """Count what was admitted and what was dropped, and why.

    With measurements: whether each agent is informative, no better than shuffled names, or
    misleading.
    """
    read = _read(panel_path)
    document = {**read.counts(), "reasons": _reasons()}
    if effects_path is not None:
        with working("holding the agents against the measurements"):
            document |= _judged(read, effects_path, network)
    if as_json:
        print_json(document)
        return
    _print_counts(document)
    if effects_path is not None:
        _print_calibration(document["calibration"])
        click.echo()
        for one in document["reliability"]:
            tell(one["sentence"])


@panel.command(epilog="Example: mechpert-al panel verify my-panel")
@click.argument("folder", metavar="PANEL", type=click.Path(path_type=Path))
@json_option
def verify(folder: Path, as_json: bool) -> None:
    """Derive every hash of a live panel's answer store again, and its files from the answers."""
    from mechpert_al.agents.verification import verified

    found = verified(folder)
    if as_json:
        print_json({**found._asdict(), "is_whole": True})
    else:
        tell(
            f"{folder}: {found.n_answers} answers and {found.n_failures} failed tries are what "
            f"was written; {found.n_lines} lines of the panel are what the answers say."
        )


@panel.command(
    "import",
    epilog="Example: mechpert-al panel import proposals.csv -o my-panel --candidates genes.txt",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the new panel."
)
@click.option(
    "--candidates",
    type=click.Path(path_type=Path),
    help="Genes that may be proposed; by default all that FILE names.",
)
@click.option("--name", help="Name of the panel; that of its folder by default.")
@click.option(
    "--baseline", "baselines", multiple=True, metavar="AGENT", help="An agent that does not vote."
)
@json_option
def import_(
    file: Path,
    out: Path,
    candidates: Path | None,
    name: str | None,
    baselines: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a panel of a CSV FILE: agent, target, regulator, direction, confidence, mechanism."""
    from mechpert_al.agents.importing import import_panel

    imported = import_panel(file, out, candidates=candidates, name=name, baselines=baselines)
    for notice in imported.notices[:SHOWN]:
        say(notice)
    if len(imported.notices) > SHOWN:
        say(f"… and {len(imported.notices) - SHOWN} more names like these.")
    document = imported.panel.counts()
    if as_json:
        print_json({**document, "path": out, "notices": imported.notices})
        return
    _print_counts({**document, "reasons": _reasons()})
    say(f"Written: {out}. Next: mechpert-al plan --panel {shlex.quote(str(out))} -n 24")


# ---------------------------------------------------------------------- parts
def _read(path: str) -> Panel:
    from mechpert_al.agents.panel import read_panel

    return read_panel(path)


def _reasons() -> dict[str, str]:
    from mechpert_al.agents.panel import DROP_REASONS

    return dict(DROP_REASONS)


def _candidate(read: Panel, gene: str) -> str:
    """The candidate that a name stands for."""
    from mechpert_al.symbols import match

    matching = match([gene], read.candidates, source=f"panel {read.name}")
    if gene not in matching.mapping:
        near = difflib.get_close_matches(gene, read.candidates, n=5)
        hint = f"Similar candidates: {', '.join(near)}." if near else ""
        raise SymbolError("\n".join(matching.lines()), hint)
    for line in matching.lines():
        say(line)
    return matching.mapping[gene]


def _show_agents(read: Panel, as_json: bool) -> None:
    counts = read.counts()["agents"]
    agents = [
        {
            "agent": agent.name,
            "role": agent.role,
            "model": agent.model,
            "lens": agent.lens,
            "answered": counts[agent.name]["answered"],
            "admitted": counts[agent.name]["admitted"],
        }
        for agent in read.agents.values()
    ]
    if as_json:
        about = {"n_candidates": len(read.candidates), "about": read.about}
        print_json({"panel": read.name, **about, "agents": agents})
        return
    table(
        ["agent", "role", "answered>", "hypotheses>", "lens"],
        [(a["agent"], a["role"], a["answered"], a["admitted"], a["lens"]) for a in agents],
        title=f"Panel {read.name}: {len(read.candidates)} candidates",
    )
    for key in ("model", "recorded", "known_limits"):
        if key in read.about:
            say(f"{key.replace('_', ' ')}: {read.about[key]}")


def _show_gene(read: Panel, gene: str, as_json: bool) -> None:
    told = read.about_gene(gene)
    silent = [name for name in read.agents if gene not in read.answered[name]]
    if as_json:
        print_json(
            {
                "panel": read.name,
                "gene": gene,
                "hypotheses": [one._asdict() for one in told],
                "unanswered_by": silent,
            }
        )
        return
    of_target = sorted((h for h in told if h.target == gene), key=_strongest_first)
    as_regulator = sorted((h for h in told if h.regulator == gene), key=_strongest_first)
    columns = ["agent", "gene", "direction>", "confidence>", "mechanism"]
    table(
        columns,
        [(h.agent, h.regulator, f"{h.direction:+d}", h.confidence, h.mechanism) for h in of_target],
        title=f"{len(of_target)} hypotheses on what tells about {gene}:",
    )
    click.echo()
    table(
        columns,
        [(h.agent, h.target, f"{h.direction:+d}", h.confidence, h.mechanism) for h in as_regulator],
        title=f"{len(as_regulator)} hypotheses on what {gene} tells about:",
    )
    if silent:
        say(f"Not asked about {gene}, or without an answer: {', '.join(silent)}")


def _strongest_first(one: Hypothesis) -> tuple[float, str, str, str]:
    return (-one.confidence, one.target, one.regulator, one.agent)


def _print_counts(document: dict[str, Any]) -> None:
    agents = document["agents"]
    table(
        ["agent", "role", "answered>", "empty>", "unanswered>", "admitted>", "dropped>"],
        [
            (
                name,
                one["role"],
                one["answered"],
                one["empty_answers"],
                one["unanswered"],
                one["admitted"],
                sum(one["dropped"].values()),
            )
            for name, one in agents.items()
        ],
        title=f"Panel {document['panel']}: {document['n_candidates']} candidates, "
        f"{document['admitted']} hypotheses admitted",
    )
    dropped = Counter(document["dropped"])
    click.echo()
    table(
        ["dropped>", "reason", "meaning"],
        [(n, reason, document["reasons"][reason]) for reason, n in dropped.items()],
    )
    strangers = {name: one["unknown_targets"] for name, one in agents.items()}
    for name, number in strangers.items():
        if number:
            say(f"{name}: {number} answered targets are not candidates and are left out.")


def _judged(read: Panel, effects_path: Path, network: Path | None) -> dict[str, Any]:
    """What measurements say of the panel: its confidence, and its agents."""
    from mechpert_al.consensus import Knowledge
    from mechpert_al.consensus.calibration import calibration
    from mechpert_al.datasets import resolve
    from mechpert_al.effects import read_effects
    from mechpert_al.effects.align import align
    from mechpert_al.learning import reliability
    from mechpert_al.networks import read_network

    effects = read_effects(resolve(effects_path))
    prior = None if network is None else read_network(resolve(network))
    knowledge = Knowledge.from_panel(read, prior)
    aligned = align(effects, knowledge.genes)
    told = reliability(knowledge, aligned.numbers, aligned.effects.values)
    return {
        "calibration": calibration(read, effects).as_document(),
        "reliability": [one.as_document() for one in told],
    }


def _print_calibration(document: dict[str, Any]) -> None:
    click.echo()
    table(
        ["agent", "stated confidence", "pairs>", "measured correlation>", "95 % interval>"],
        [
            (
                row["agent"],
                f"above {row['above']:.1f} up to {row['up_to']:.1f}",
                row["n_pairs"],
                None if row["mean"] is None else f"{row['mean']:.3f}",
                None if row["low"] is None else f"{row['low']:.3f} to {row['high']:.3f}",
            )
            for row in document["rows"]
        ],
        title=f"What confidence was worth on {document['n_measured']} measured candidates "
        f"(all pairs: {document['background']:.3f}; interval: bootstrap over targets)",
    )
    for curve in document["curves"]:
        if curve["error_low"] is not None:
            say(
                f"{curve['agent']}: calibration error {curve['error']:.2f} "
                f"[{curve['error_low']:.2f}, {curve['error_high']:.2f}], {curve['n_pairs']} pairs"
            )
