"""``mechpert-al power``: how good agents must be, how to divide cells, planned in virtual labs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.options import json_option, seed_option
from mechpert_al.cli.output import print_json, progress, say, table

if TYPE_CHECKING:
    from mechpert_al.power import AgentQuality, Check, Fitted, Power

_path = click.Path(path_type=Path)
_share = click.FloatRange(0, 1)


@click.command(epilog="Example: mechpert-al power --agents-precision 0.4 --cells 3000 --anchors 40")
@click.argument("loop", required=False)
@click.option("--effects", type=_path, help="A measured screen: labs are fitted to it.")
@click.option("--panel", help="A panel (folder or name) whose agents are measured by the screen.")
@click.option("--network", type=_path, help="A prior network, measured by the screen.")
@click.option(
    "--agents-precision", "precisions", type=click.FloatRange(0, 1, min_open=True), multiple=True,
    help="Share of the agents' proposals that are right; repeatable, the first is planned with.",
)  # fmt: skip
@click.option("--agents-recall", type=_share, help="Share of the related pairs that each names.")
@click.option("--hallucination", type=_share, help="Share of the proposals that name no gene.")
@click.option("--calibration", type=_share, help="0: confidences say nothing; 1: all they can.")
@click.option("--agreement", type=_share, help="Correlation between two agents' decisions.")
@click.option(
    "--agents", "n_agents", type=click.IntRange(min=1),
    help="Number of agents.  [default: those of the panel; 3 without one]",
)  # fmt: skip
@click.option(
    "--anchors", type=click.IntRange(min=2), default=50, show_default=True, help="Genes to measure."
)
@click.option(
    "--cells", type=click.IntRange(min=10), default=5000, show_default=True,
    help="Cells to divide among anchors.",
)  # fmt: skip
@click.option(
    "--gain", type=click.FloatRange(0, min_open=True), default=10, show_default=True,
    help="Gain over random that is wanted, in per cent.",
)  # fmt: skip
@click.option(
    "--genes", type=click.IntRange(50, 9999),
    help="Candidates of a lab.  [default: those of the screen; 300 without one]",
)  # fmt: skip
@click.option(
    "--labs", type=click.IntRange(min=4),
    help="Virtual labs; more: narrower intervals.  [default: 24; 12 if fitted to a screen; "
    "60 with --ask-again]",
)  # fmt: skip
@click.option(
    "--check", "with_check", is_flag=True,
    help="Compare with what the screen and the panel show: planned against met.",
)  # fmt: skip
@click.option(
    "--check-on", type=_path, multiple=True,
    help="A further screen to check on, of which the fit saw nothing; repeatable.",
)  # fmt: skip
@click.option(
    "--ask-again", is_flag=True,
    help="Measure instead what asking agents again with evidence is worth, in default labs.",
)  # fmt: skip
@click.option("--figures", type=_path, help="Write the figures (SVG and PNG) into this folder.")
@click.option("-o", "--out", type=_path, help="Write tables and the JSON document there.")
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes."
)
@seed_option
@json_option
def power(
    loop: str | None,
    effects: Path | None,
    panel: str | None,
    network: Path | None,
    figures: Path | None,
    out: Path | None,
    as_json: bool,
    with_check: bool,
    check_on: tuple[Path, ...],
    ask_again: bool,
    **given: Any,
) -> None:
    """Plan in virtual labs: how good must agents be, how many genes, cells and agents are enough.

    Everything is SIMULATED. With a screen (--effects, or LOOP, the name of a shipped loop or a
    path) the labs are fitted to it first, which takes minutes.
    """
    from mechpert_al.power import fitted, planned_against_met
    from mechpert_al.power import power as plan
    from mechpert_al.power.planned import N_LABS

    if ask_again:
        _ask_again(out, as_json, given)
        return
    screen, real_panel, real_network = _inputs(loop, effects, panel, network)
    judges = _judges(screen, real_panel, effects, loop, with_check, check_on)
    kind = fitted(
        screen, real_panel, real_network, n_genes=given["genes"], seed=given["seed"], say=say
    )
    n_labs = given["labs"] or _usual_labs(kind)
    with progress("simulating labs", n_labs) as step:
        result = plan(
            kind,
            agents=_agents(kind, given),
            agreement=given["agreement"],
            precisions=given["precisions"],
            anchors=given["anchors"],
            cells=given["cells"],
            goal=given["gain"] / 100,
            n_labs=n_labs,
            seed=given["seed"],
            n_jobs=given["jobs"],
            progress=step,
        )
    check = None
    if judges:
        with progress("planning the check", N_LABS) as step:
            check = planned_against_met(
                kind, judges, real_panel, seed=given["seed"], n_jobs=given["jobs"], progress=step
            )
    document = {
        **result.as_document(),
        "panel": None if kind.panel_fit is None else kind.panel_fit.as_document(),
        "resemblance": [] if kind.fit is None else [row.__dict__ for row in kind.fit.rows],
        "check": None if check is None else check.as_document(),
    }
    _write(result, document, kind, check, out, figures)
    if as_json:
        print_json(document)
    else:
        _show(result, kind, check)


def _ask_again(out: Path | None, as_json: bool, given: dict[str, Any]) -> None:
    """Measure what asking again is worth, and show it."""
    from mechpert_al import atomic
    from mechpert_al.power.asking import N_LABS, PRECISIONS, ask_again_effect

    n_labs = given["labs"] or N_LABS
    with progress("simulating labs", n_labs) as step:
        effect = ask_again_effect(
            precisions=given["precisions"] or PRECISIONS,
            n_labs=n_labs,
            n_agents=given["n_agents"] or 3,
            seed=given["seed"],
            n_jobs=given["jobs"],
            progress=step,
        )
    document = effect.as_document()
    if out is not None:
        text = json.dumps(document, allow_nan=False, indent=1)
        atomic.write_bytes(out / "ask-again.json", text.encode())
        say(f"Wrote ask-again.json to {out}.")
    if as_json:
        print_json(document)
        return
    table(
        ["precision>", "anchors>", "this", "against", "difference [95 %]", "verdict"],
        [
            (
                row["precision"],
                row["anchors"],
                row["arm"],
                row["against"],
                f"{row['value']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]",
                row["verdict"],
            )
            for row in effect.contrasts
        ],
        title=f"SIMULATED: asking again after each round, {n_labs} virtual labs, paired",
    )


def _inputs(loop: str | None, effects: Path | None, panel: str | None, network: Path | None) -> Any:
    """What was named, read: screen, panel, network; None where nothing was."""
    from mechpert_al.agents import read_panel
    from mechpert_al.datasets import resolve
    from mechpert_al.effects.files import read_effects
    from mechpert_al.evaluation.inputs import find_loop
    from mechpert_al.networks import read_network

    found, path = find_loop(loop)
    place = None if path is None else path.parent
    judge = next((one.path for one in found.effects if one.role == "judge"), None)
    names = {
        "effects": effects or judge,
        "panel": panel or (found.panel and found.panel.path),
        "network": network or (found.network and found.network.path),
    }
    readers: dict[str, Any] = {
        "effects": read_effects, "panel": read_panel, "network": read_network
    }  # fmt: skip
    return [
        None if names[role] is None else readers[role](resolve(str(names[role]), place))
        for role in readers
    ]


def _judges(
    screen: Any,
    panel: Any,
    effects: Path | None,
    loop: str | None,
    with_check: bool,
    check_on: tuple[Path, ...],
) -> dict[str, Any]:
    """The screens to check on, by name; refused before anything is computed."""
    from mechpert_al.datasets import resolve
    from mechpert_al.effects.files import read_effects
    from mechpert_al.errors import UsageError

    if (with_check or check_on) and (screen is None or panel is None):
        raise UsageError("a check needs a screen and a panel", "Give LOOP, or --effects, --panel.")
    judges = {}
    if with_check:
        judges[str(loop) if effects is None else effects.name.split(".")[0]] = screen
    for path in check_on:
        judges[path.name.split(".")[0]] = read_effects(resolve(str(path)))
    return judges


def _usual_labs(kind: Fitted) -> int:
    from mechpert_al.power.analysis import N_FITTED_LABS, N_LABS

    return N_LABS if kind.fit is None else N_FITTED_LABS


def _agents(kind: Fitted, given: dict[str, Any]) -> tuple[AgentQuality, ...] | None:
    """The panel as it was stated; what was not stated is as it was measured, or usual."""
    from dataclasses import replace

    from mechpert_al.power.analysis import N_AGENTS, USUAL

    stated = {
        "precision": given["precisions"][0] if given["precisions"] else None,
        "recall": given["agents_recall"],
        "hallucination": given["hallucination"],
        "calibration": given["calibration"],
    }
    changes: dict[str, Any] = {name: one for name, one in stated.items() if one is not None}
    if given["calibration"] == 0:
        changes["grading"] = 0.0
    agents = kind.agents or (USUAL,) * (given["n_agents"] or N_AGENTS)
    number = given["n_agents"] or len(agents)
    agents = (agents * number)[:number]
    return tuple(replace(one, **changes) for one in agents)


def _write(
    result: Power,
    document: dict[str, Any],
    kind: Fitted,
    check: Check | None,
    out: Path | None,
    figures: Path | None,
) -> None:
    from mechpert_al import atomic

    if out is not None:
        text = json.dumps(document, allow_nan=False, indent=1)
        atomic.write_bytes(out / "power.json", text.encode())
        atomic.write_bytes(out / "power.csv", result.frame().to_csv(index=False).encode())
        written = "power.json and power.csv"
        if check is not None:
            atomic.write_bytes(out / "check.csv", check.frame().to_csv(index=False).encode())
            written = "power.json, power.csv and check.csv"
        say(f"Wrote {written} to {out}.")
    if figures is not None:
        from mechpert_al.report.figures import save
        from mechpert_al.report.power import power_figures

        rows = () if kind.fit is None else kind.fit.rows
        for path in save(power_figures(result, check, rows), figures):
            say(f"Wrote {path}")


def _show(result: Power, kind: Fitted, check: Check | None) -> None:
    """Print the answers for people."""
    from mechpert_al.power.words import plain, signed

    settings = result.settings
    title = f"SIMULATED: {settings['n_labs']} virtual labs of {result.lab['n_genes']} genes, "
    title += f"{settings['anchors']} anchors; 95 % intervals over labs"
    shares = ("share_over_random", "share_over_no_agents")
    table(
        ["precision>", "design", "random", "gain", "over the better random", "over no agents"],
        [
            (
                row["precision"],
                plain(row["design"]),
                plain(row["random"]),
                f"{signed(row['gain_over_random'])} {row['gain_over_random']['verdict']}",
                *("" if row[name] is None else signed(row[name], percent=True) for name in shares),
            )
            for row in result.curve
        ],
        title=title,
    )
    if kind.fit is not None:
        table(
            ["statistic", "real>", "labs>", "least>", "most>"],
            [
                (row.name, *(f"{v:.3f}" for v in (row.real, row.simulated, row.low, row.high)))
                for row in kind.fit.rows
            ],
            title="\nThe screen beside virtual labs of the fitted kind",
        )
    if check is not None:
        table(
            ["screen", "anchors>", "quantity", "planned, one screen", "met", "within"],
            [
                (
                    row["dataset"],
                    row["budget"],
                    row["quantity"],
                    plain(row["planned"]),
                    plain(row["met"]),
                    "yes" if row["holds"] else "NO",
                )
                for row in check.rows
            ],
            title="\nPlanned against met",
        )
    click.echo()
    for text in [*result.statements, *([] if check is None else check.statements)]:
        click.echo(text)
    for notice in result.notices:
        say(f"Note: {notice}")
