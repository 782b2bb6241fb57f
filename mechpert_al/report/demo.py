"""The report of the demonstration: a first batch of real genes, then rounds in a virtual lab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mechpert_al.evaluation.demo import DemoResult
from mechpert_al.evaluation.inputs import SIMULATED
from mechpert_al.report.batches import batch_table
from mechpert_al.report.cards import Card, Column, Figure, Part, Table, Words, with_interval
from mechpert_al.report.figures import learning_curves
from mechpert_al.report.looks import PAGE
from mechpert_al.report.page import Written, write_page
from mechpert_al.report.provenance import notices_card, provenance_card
from mechpert_al.report.sentences import READING

TITLE = "mechpert-al demonstration"
BANNER = (
    "Every measurement, agent and link of the virtual lab below is SIMULATED. The first batch "
    "names real genes, from a RECORDED panel of agents; no measurement stands behind it."
)


def demo_report(result: DemoResult, path: str | Path, command: str = "") -> Written:
    """Write the report of the demonstration as one HTML file.

    Parameters
    ----------
    result
        What is shown.
    path
        The HTML file.
    command
        The command that made it, for the record.
    """
    return write_page(path, TITLE, demo_cards(result, command), banner=[BANNER])


def demo_cards(result: DemoResult, command: str = "") -> list[Card]:
    """The cards of the demonstration's report."""
    lab = result.lab
    return [
        Card(f"1. A first batch of {len(result.batch)} real genes", lambda: list(_batch(result))),
        Card("2. Five rounds in a virtual lab (simulated)", lambda: list(_rounds(result))),
        Card("What was measured (simulated)", lambda: list(_measured(result))),
        notices_card(result.notices),
        provenance_card(
            command,
            [],
            result.comparison.protocol,
            {
                "panel": result.panel,
                "virtual lab": {**lab.as_document(), "quality": result.quality},
            },
        ),
    ]


def _batch(result: DemoResult) -> Iterator[Part]:
    batch = result.batch
    yield Words(
        [
            f"From the recorded panel {result.panel}, by {batch.strategy}, before anything is "
            "measured. Coverage is the mean expected explained fraction of all "
            f"{batch.n_candidates} candidates."
        ]
    )
    yield batch_table(batch, "Measure these first, in this order")


def _rounds(result: DemoResult) -> Iterator[Part]:
    lab, protocol = result.lab, result.comparison.protocol
    yield Words(
        [
            READING,
            result.statement,
            f"The lab has {lab.n_genes} simulated genes, {lab.n_readouts} readouts and "
            f"{lab.n_cells:g} cells a perturbation (seed {lab.seed}). In each split "
            f"{100 * protocol['test_fraction']:.0f} % of the genes are kept for the test and no "
            "strategy may measure them. Oracles see the test genes: they show how far anchors can "
            "go, and are no designs.",
        ]
    )
    yield Figure(
        "learning-curves",
        learning_curves(result.comparison, SIMULATED, result.predictor, size=PAGE),
        "Simulated: correlation with held-out profiles after each round; the numbers are in the "
        "table.",
        "Simulated. Bands: 95 % intervals. Grey behind: where 95 % of random designs of a split "
        "fall.",
    )
    yield Table(
        "Simulated: mean Pearson r of centred profiles by number of measured genes, 95 % interval",
        [
            Column("strategy"),
            Column("over random", True, "at the end"),
            Column("verdict"),
            *(Column(f"{budget} genes", True) for budget in result.budgets),
        ],
        [_row(name, rows) for name, rows in result.curves.items()],
    )


def _row(name: str, rows: Any) -> tuple[Any, ...]:
    gain = rows[-1]["gain_over_random"]
    return (
        name,
        with_interval(gain, form="+.3f"),
        "" if gain is None else gain["verdict"],
        *(with_interval(row, "mean") for row in rows),
    )


def _measured(result: DemoResult) -> Iterator[Part]:
    yield Table(
        f"Simulated: what {result.strategy} measured in the first split",
        [Column("round", True), Column("simulated genes, in order")],
        [(row["round"], ", ".join(row["genes"])) for row in result.first_batches],
    )
