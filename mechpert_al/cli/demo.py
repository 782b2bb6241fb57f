"""``mechpert-al demo``: the whole loop with no data, no network and no server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mechpert_al.cli.options import json_option, seed_option
from mechpert_al.cli.output import command_line, notes, print_json, progress, say, table, tell

if TYPE_CHECKING:
    from mechpert_al.evaluation.demo import DemoResult
    from mechpert_al.report.page import Written


@click.command(epilog="Example: mechpert-al demo --out demo --quality 0.3")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="mechpert-al-demo",
    show_default=True,
    help="Folder for batch.csv, comparison.json and report.html.",
)
@click.option(
    "--quality",
    type=click.FloatRange(0, 1),
    default=0.6,
    show_default=True,
    help="How much the simulated agents know, from 0 (nothing) to 1.",
)
@seed_option
@json_option
def demo(out: Path, quality: float, seed: int, as_json: bool) -> None:
    """Plan a batch of real genes, then run design rounds in a virtual lab.

    The batch comes from the shipped recorded panel. The rounds, their agents and their
    measurements are SIMULATED; --seed is another virtual lab.
    """
    from mechpert_al.evaluation.demo import demonstrate, n_steps

    with progress("demonstrating", n_steps()) as step:
        result = demonstrate(seed, quality, step)
    written = write(result, out)
    if as_json:
        print_json(result.as_document())
    else:
        show(result)
    for line in written.lines():
        say(f"Note: {line}")
    say(f"Wrote batch.csv, comparison.json and report.html to {out}.")
    say(
        "Next, your own batch: mechpert-al plan --panel essential585 -n 24 --out order.csv\n"
        "Or see what worse agents do: mechpert-al demo --quality 0"
    )


def write(result: DemoResult, folder: Path) -> Written:
    """Write the batch, the comparison and the report."""
    from mechpert_al import atomic
    from mechpert_al.report.demo import demo_report

    document = json.dumps(result.comparison_document(), allow_nan=False, indent=1)
    result.batch.write(folder / "batch.csv")
    atomic.write_bytes(folder / "comparison.json", document.encode())
    return demo_report(result, folder / "report.html", command_line())


def show(result: DemoResult) -> None:
    """Print the demonstration for people."""
    batch = result.batch
    table(
        ["#>", "gene", "coverage>", "new>", "why"],
        [
            (
                pick.rank,
                pick.gene,
                f"{pick.coverage_after:.1%}",
                len(pick.newly_covered),
                pick.reason,
            )
            for pick in batch
        ],
        title=(
            f"1. A first batch: {len(batch)} real genes from the recorded panel {result.panel}. "
            "Nothing is measured; coverage = expected explained fraction of all "
            f"{batch.n_candidates} candidates."
        ),
    )
    click.echo()
    table(
        ["strategy", *(f"{n}>" for n in result.budgets), "95 % at end", "over random"],
        [
            (
                name,
                *(f"{row['mean']:.3f}" for row in rows),
                f"{rows[-1]['low']:.3f}–{rows[-1]['high']:.3f}",
                _against_random(rows[-1]["gain_over_random"]),
            )
            for name, rows in result.curves.items()
        ],
        title=(
            f"2. Rounds in a virtual lab, SIMULATED: {result.lab.n_genes} simulated genes, agents "
            f"of quality {result.quality:g}. Correlation with held-out profiles against number of "
            "measured genes; oracles see the answer."
        ),
    )
    click.echo()
    table(
        ["round>", "genes>", "proposed and measured (SIMULATED, first split)"],
        [
            (row["round"], len(row["genes"]), ", ".join(row["genes"]))
            for row in result.first_batches
        ],
    )
    click.echo()
    tell(result.statement)
    notes(result.notices)


def _against_random(gain: dict[str, float] | None) -> str:
    return "" if gain is None else f"{gain['value']:+.3f} {gain['verdict']}"
