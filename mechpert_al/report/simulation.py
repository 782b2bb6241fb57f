"""The report of a simulation: what each design round brought on a screen measured already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mechpert_al.evaluation.simulate import Simulation
from mechpert_al.report import figures
from mechpert_al.report.cards import (
    Card,
    Column,
    Figure,
    Part,
    Table,
    Words,
    number,
    percent,
    with_interval,
)
from mechpert_al.report.looks import PAGE
from mechpert_al.report.page import Written, write_page
from mechpert_al.report.provenance import banner_of, notices_card, provenance_card
from mechpert_al.report.sentences import READING


def simulation_report(simulation: Simulation, path: str | Path, command: str = "") -> Written:
    """Write the report of a simulation as one HTML file.

    Parameters
    ----------
    simulation
        The result.
    path
        The HTML file.
    command
        The command that made it, for the record.
    """
    settings = simulation.settings
    return write_page(
        path,
        f"Simulated rounds on {', '.join(datasets(simulation))}",
        simulation_cards(simulation, command),
        lead=(
            f"{settings['strategy']} proposes {settings['batch']} genes in each of "
            f"{settings['rounds']} rounds; {settings['predictor']} predicts genes that may never "
            "be measured. Measurements come from a finished screen."
        ),
        banner=banner_of(datasets(simulation), simulation.inputs.get("files", [])),
    )


def simulation_cards(simulation: Simulation, command: str = "") -> list[Card]:
    """The cards of a simulation's report."""
    cards = [
        Card(
            "What came out",
            lambda: [Words([READING]), Words(list(_sentences(simulation)), is_list=True)],
        )
    ]
    for dataset in datasets(simulation):
        cards.append(Card(f"Round by round: {dataset}", partial(_rounds, simulation, dataset)))
    cards.append(Card("Which genes", partial(_batches, simulation)))
    cards.append(notices_card(simulation.notices))
    hashes = {key: value for key, value in simulation.inputs.items() if key != "files"}
    files = simulation.inputs.get("files", [])
    cards.append(provenance_card(command, files, simulation.settings, hashes))
    return cards


def datasets(simulation: Simulation) -> list[str]:
    """Names of the screens."""
    return list(dict.fromkeys(row["dataset"] for row in simulation.rounds))


def _sentences(simulation: Simulation) -> Iterator[str]:
    for dataset in datasets(simulation):
        last = [row for row in simulation.rounds if row["dataset"] == dataset][-1]
        word = "a tie with"
        if last["gain_low"] > 0:
            word = "better than"
        elif last["gain_high"] < 0:
            word = "worse than"
        yield (
            f"{dataset}: after {last['round']} rounds, {last['n_anchors']} measured genes, "
            f"held-out genes are predicted with r = {last['score']:.3f} [{last['low']:.3f}, "
            f"{last['high']:.3f}]. This is {word} random choices of as many genes: "
            f"{last['gain_over_random']:+.3f} [{last['gain_low']:+.3f}, {last['gain_high']:+.3f}]; "
            f"it beats {last['random_percentile']:.0f} % of them."
        )


def _rounds(simulation: Simulation, dataset: str) -> list[Part]:
    rows = [row for row in simulation.rounds if row["dataset"] == dataset]
    strategy = simulation.settings["strategy"]
    return [
        Figure(
            f"rounds-{figures.plain_name(dataset)}",
            figures.round_curves(rows, strategy, dataset, size=PAGE),
            f"Score after each round on {dataset}, beside random; the numbers are in the table.",
            f"Band: 95 % interval of {strategy}. Random: mean of "
            f"{simulation.settings['random_draws']} designs of the same size in each split.",
        ),
        Table(
            "Pearson r of centred profiles, mean over held-out genes and splits, 95 % interval",
            [
                Column("round", True),
                Column("measured genes", True),
                Column("score", True),
                Column("random", True),
                Column("gain over random", True),
                Column("beats", True, "per cent of random designs that score lower"),
                Column("coverage", True, "mean expected explained fraction of held-out genes"),
                Column("n", True, "scored tests: genes × splits"),
            ],
            [_row(row) for row in rows],
        ),
    ]


def _row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    gain = {"value": row["gain_over_random"], "low": row["gain_low"], "high": row["gain_high"]}
    return (
        row["round"],
        row["n_anchors"],
        with_interval(row, "score"),
        number(row["random"]),
        with_interval(gain, form="+.3f"),
        percent(row["random_percentile"] / 100),
        percent(row["coverage"]),
        row["n"],
    )


def _batches(simulation: Simulation) -> list[Part]:
    return [
        Table(
            "Genes in the order in which they were chosen; each split tests other genes",
            [Column("round", True), Column("split", True), Column("data"), Column("genes")],
            [
                (row["round"], row["split"] + 1, row["dataset"], ", ".join(row["genes"]))
                for row in simulation.batches
            ],
        )
    ]
