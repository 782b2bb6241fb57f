"""``mechpert-al compare``: strategies × predictors × budgets on held-out measurements."""

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
    from mechpert_al.evaluation import Comparison

_folder = click.Path(path_type=Path)
#: Folder of --out in which finished parts are kept.
PARTS = "parts"


@click.command(epilog="Example: mechpert-al compare k562 --controls --out comparison")
@loop_options
@click.option(
    "--strategy", "strategies", multiple=True, shell_complete=completion.strategies,
    help="Strategy to compare; repeatable.  [default: the loop's, or all]",
)  # fmt: skip
@click.option(
    "--predictor", "predictors", multiple=True, shell_complete=completion.predictors,
    help="Predictor to use; repeatable.  [default: the loop's, or three, four with another line]",
)  # fmt: skip
@click.option(
    "--budget",
    "budgets",
    type=click.IntRange(min=1),
    multiple=True,
    help="Number of anchors; repeatable.  [default: the loop's, or 10 to 200]",
)
@click.option(
    "--rounds", type=click.IntRange(min=1),
    help="Above 1: also in that many rounds, learning in between.  [default: the loop's, or 1]",
)  # fmt: skip
@click.option(
    "--degraded", metavar="KIND",
    help="Make the panel worse in each split: random:SHARE, shuffled, permuted, one_random, "
    "one_inverted or one_copied.",
)  # fmt: skip
@click.option("--controls", is_flag=True, help="Run the controls that must fail.")
@click.option(
    "--test-genes", type=click.Choice(["all", "development", "reserved"]), default="all",
    show_default=True, help="Genes that may be tested: choose on development, confirm on reserved.",
)  # fmt: skip
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Processes."
)
@click.option("--scheduler", help="Address of a running Dask scheduler (tcp://…) to use instead.")
@click.option("--figures", type=_folder, help="Write the figures (SVG and PNG) into this folder.")
@click.option("--report", type=_folder, help="Write the report, one HTML file.")
@click.option(
    "-o", "--out", type=_folder, help="Write tables and the JSON document there, and keep "
    "finished parts: the same command again goes on from them.",
)  # fmt: skip
@json_option
def compare(
    loop: str | None,
    strategies: tuple[str, ...],
    predictors: tuple[str, ...],
    budgets: tuple[int, ...],
    rounds: int | None,
    degraded: str | None,
    controls: bool,
    test_genes: str,
    jobs: int,
    scheduler: str | None,
    figures: Path | None,
    report: Path | None,
    out: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Compare strategies on measurements that none of them may touch.

    LOOP is the name of a shipped loop (k562, rpe1, transfer …) or a path; options replace what it
    says. Random batches and oracles are always shown.
    """
    from mechpert_al.evaluation.compare import compare_loop

    loaded = load_loop(
        loop,
        compare={
            "strategies": list(strategies) or None,
            "predictors": list(predictors) or None,
            "budgets": list(budgets) or None,
            "rounds": rounds,
            "degraded": degraded,
        },
        **given,
    )
    n_parts = 2 * len(loaded.judges) * loaded.loop.compare.splits
    with progress("comparing", n_parts) as step:
        result = compare_loop(
            loaded,
            controls=controls,
            test_genes=test_genes,
            n_jobs=jobs,
            scheduler=scheduler,
            progress=lambda text, done, total: step(1),
            keep=None if out is None else out / PARTS,
            say=say,
        )
    if out is not None:
        write(result, out)
    if as_json:
        print_json(result.as_document())
    else:
        show(result)
    _write_more(result, figures, report)
    if out is not None:
        say(f"Wrote summary.csv, cells.csv and comparison.json to {out}.")
    if report is None and not as_json:
        say(f"Next, all of it to look at: {command_line()} --report comparison.html")


def _write_more(result: Comparison, figures: Path | None, report: Path | None) -> None:
    """Write figures and the report, as far as they are asked for."""
    if figures is not None:
        from mechpert_al.report.figures import comparison_figures, save

        drawn = comparison_figures(result)
        with progress("drawing", len(drawn)) as step:
            files = save(drawn, figures, step=step)
        say(f"Wrote {len(files)} figures (SVG and PNG) to {figures}.")
    if report is not None:
        from mechpert_al.report.comparison import comparison_report

        with working("writing the report"):
            written = comparison_report(result, report, command_line())
        told_report(written)


def write(result: Comparison, folder: Path) -> None:
    """Write a comparison as two tables and one JSON document."""
    import pandas as pd

    from mechpert_al import atomic

    document = json.dumps(result.as_document(), allow_nan=False, indent=1)
    atomic.write_bytes(folder / "summary.csv", result.frame().to_csv(index=False).encode())
    atomic.write_bytes(
        folder / "cells.csv", pd.DataFrame(result.cells).to_csv(index=False).encode()
    )
    atomic.write_bytes(folder / "comparison.json", document.encode())


def show(result: Comparison) -> None:
    """Print a comparison for people: one table a data set and predictor, then the controls."""
    protocol = result.protocol
    for dataset in result.datasets:
        for predictor in protocol["predictors"]:
            _show_strategies(result, dataset, predictor)
    if result.controls:
        table(
            ["control", "as", "value>", "against>", "difference [95 %]", "fails"],
            [_control_row(row, len(result.datasets) > 1) for row in result.controls],
            title="\nControls that must fail",
        )
    stated = protocol["stated_budget"]
    predictor = protocol["default_predictor"]
    for dataset in result.datasets if result.adapting else ():
        table(
            ["strategy", "rounds>", "rounds − one shot [95 %]", "verdict"],
            [
                (
                    row["strategy"],
                    row["rounds"],
                    _with_interval(row["gain_over_one_shot"]),
                    row["gain_over_one_shot"]["verdict"],
                )
                for row in result.adapting
                if (row["dataset"], row["budget"], row["predictor"]) == (dataset, stated, predictor)
            ],
            title=f"\n{dataset}, {predictor}: rounds against one shot at {stated} measured genes",
        )
    if result.non_inferiority:
        _show_non_inferiority(result)
    notes(result.notices)


def _show_non_inferiority(result: Comparison) -> None:
    panel = result.protocol["degraded"] or "as it is"
    table(
        [
            "data",
            "N>",
            "adaptive>",
            "best plain",
            "its>",
            "difference [95 %]",
            "margin>",
            "verdict",
        ],
        [
            (
                row["dataset"],
                row["budget"],
                f"{row['value']:.3f}",
                row["best"],
                f"{row['plain'][row['best']]:.3f}",
                _with_interval(row["difference"]),
                row["margin"],
                "not inferior" if row["holds"] else "may be inferior",
            )
            for row in result.non_inferiority
            if row["rounds"] > 1
        ],
        title=f"Adaptive against the best plain method (panel: {panel})",
    )


def _show_strategies(result: Comparison, dataset: str, predictor: str) -> None:
    stated, budgets = result.protocol["stated_budget"], result.protocol["budgets"]
    rows = result.rows(
        dataset=dataset, predictor=predictor, metric="pearson_centred", budget=stated, rounds=1
    )
    means = {
        (row["strategy"], row["budget"]): row["mean"]
        for row in result.rows(
            dataset=dataset, predictor=predictor, metric="pearson_centred", rounds=1
        )
    }
    areas = {
        row["strategy"]: row["mean"]
        for row in result.rows(dataset=dataset, predictor=predictor, metric="normalised_area")
        if row["rounds"] == 1
    }
    rows = sorted(rows, key=lambda row: -row["mean"])
    table(
        ["strategy", *(f"{budget}>" for budget in budgets), "area>"],
        [
            (
                row["strategy"],
                *(_number(means.get((row["strategy"], budget))) for budget in budgets),
                _number(areas.get(row["strategy"]), 2),
            )
            for row in rows
        ],
        title=(
            f"\n{dataset}, predictor {predictor}: mean Pearson of centred profiles by number of "
            "measured genes (area: 10–50 genes, oracle = 1)"
        ),
    )
    table(
        ["strategy", f"at {stated} [95 %]", "over random>", "verdict", "pct>", "ratio>"],
        [_stated_row(row) for row in rows],
        title=(
            f"\nThe same at {stated} measured genes: {rows[0]['n_genes']} held-out genes, "
            f"{result.protocol['n_splits']} splits. Pct: random designs beaten; ratio: to the best "
            "centrality"
            if rows
            else ""
        ),
    )


def _stated_row(row: Any) -> tuple[Any, ...]:
    gain, ratio = row["gain_over_random"], row["ratio_to_best_centrality"]
    return (
        row["strategy"],
        f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
        "" if gain is None else f"{gain['value']:+.3f}",
        "" if gain is None else gain["verdict"],
        "" if gain is None else f"{row['random_percentile']:.0f}",
        "" if ratio is None else f"{ratio['value']:.2f}",
    )


def _control_row(row: Any, with_data: bool) -> tuple[Any, ...]:
    verdict = {True: "yes", False: "NO", None: "–"}[row["fails_as_it_must"]]
    difference = row.get("difference")
    name = row["control"].removeprefix("control:")
    return (
        f"{row['dataset']}: {name}" if with_data else name,
        row["as"],
        _number(row["value"]),
        _number(row.get("against")),
        "" if difference is None else _with_interval(difference),
        verdict,
    )


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _with_interval(one: Any) -> str:
    return f"{one['value']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
