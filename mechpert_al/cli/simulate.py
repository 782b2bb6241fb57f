"""``mechpert-al simulate``: one strategy as design rounds on held-out data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli import completion
from mechpert_al.cli.loop_options import load_loop, loop_options
from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import (
    command_line,
    notes,
    print_json,
    progress,
    say,
    table,
    told_report,
    working,
)

if TYPE_CHECKING:
    from mechpert_al.evaluation.simulate import Simulation


@click.command(
    epilog="Example: mechpert-al simulate k562 --strategy expected_coverage --batch 10 --rounds 5"
)
@loop_options
@click.option(
    "--strategy",
    shell_complete=completion.strategies,
    help="How batches are chosen.  [default: the loop's, or expected_coverage]",
)
@click.option(
    "--predictor",
    shell_complete=completion.predictors,
    help="What is taught and scored.  [default: the loop's, or kriging; co_kriging with another "
    "line]",
)
@click.option(
    "--batch", type=click.IntRange(min=1), help="Genes in a round.  [default: the loop's, or 10]"
)
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds.  [default: the loop's, or 5]")
@click.option("--report", type=click.Path(path_type=Path), help="Write the report, one HTML file.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Write the JSON document there.")
@json_option
def simulate(
    loop: str | None,
    strategy: str | None,
    predictor: str | None,
    batch: int | None,
    rounds: int | None,
    report: Path | None,
    out: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Propose, measure, learn, propose again, on a screen that was measured already.

    LOOP is the name of a shipped loop or a path; options replace what it says.
    """
    from mechpert_al import atomic
    from mechpert_al.evaluation.simulate import simulate_loop

    loaded = load_loop(
        loop,
        design={"strategy": strategy, "batch": batch, "rounds": rounds},
        prediction={"predictor": predictor},
        **given,
    )
    n_steps = len(loaded.judges) * loaded.loop.compare.splits * loaded.loop.design.rounds
    with progress("simulating", n_steps) as step:
        result = simulate_loop(loaded, progress=step)
    if out is not None:
        document = json.dumps(result.as_document(), allow_nan=False, indent=1)
        atomic.write_bytes(out, document.encode())
    if as_json:
        print_json(result.as_document())
    else:
        show(result)
        notes(result.notices)
    if report is not None:
        from mechpert_al.report.simulation import simulation_report

        with working("writing the report"):
            written = simulation_report(result, report, command_line())
        told_report(written)
    if out is not None:
        say(f"Wrote rounds and batches to {out}.")
    elif report is None and not as_json:
        say("Next, the genes of every round: add --report simulation.html, or --out FILE.")


def show(result: Simulation) -> None:
    """Print a simulation for people: one table a data set."""
    settings = result.settings
    for dataset in dict.fromkeys(row["dataset"] for row in result.rounds):
        table(
            [
                "round>",
                "genes>",
                "score [95 %]",
                "random>",
                "gain over random [95 %]",
                "pct>",
                "cover>",
            ],
            [
                (
                    row["round"],
                    row["n_anchors"],
                    f"{row['score']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
                    f"{row['random']:.3f}",
                    f"{row['gain_over_random']:+.3f} "
                    f"[{row['gain_low']:+.3f}, {row['gain_high']:+.3f}]",
                    f"{row['random_percentile']:.0f}",
                    f"{row['coverage']:.1%}",
                )
                for row in result.rounds
                if row["dataset"] == dataset
            ],
            title=(
                f"{dataset}: {settings['strategy']} with {settings['predictor']}, "
                f"{settings['rounds']} rounds of {settings['batch']}, mean of "
                f"{settings['n_splits']} splits (Pearson of centred profiles; pct: random designs "
                "beaten; cover: mean coverage of held-out genes)"
            ),
        )
