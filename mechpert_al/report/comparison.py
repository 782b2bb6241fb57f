"""The report of a comparison: who learns the most from the fewest measurements, and how sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mechpert_al.evaluation.comparison import Comparison
from mechpert_al.evaluation.metrics import PRIMARY
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
from mechpert_al.report.sentences import (
    READING,
    adapting_sentences,
    contrast_sentence,
    control_name,
    control_sentence,
    non_inferiority_sentence,
    ratio_word,
    results,
)

SCORE = "Pearson r of centred profiles, mean over held-out genes and splits, 95 % interval"


def comparison_report(comparison: Comparison, path: str | Path, command: str = "") -> Written:
    """Write the report of a comparison as one HTML file.

    Parameters
    ----------
    comparison
        The result.
    path
        The HTML file.
    command
        The command that made it, for the record.
    """
    names = ", ".join(comparison.datasets)
    protocol, files = comparison.protocol, _files(comparison)
    return write_page(
        path,
        f"Comparison on {names}",
        comparison_cards(comparison, command),
        lead=(
            f"{len(protocol['strategies'])} strategies choose which genes to measure; "
            f"{len(protocol['predictors'])} predictors predict the others. Judged on held-out "
            f"genes, {100 * protocol['test_fraction']:.0f} % of the screen in each of "
            f"{protocol['n_splits']} splits."
        ),
        banner=banner_of(comparison.datasets, files),
    )


def comparison_cards(comparison: Comparison, command: str = "") -> list[Card]:
    """The cards of a comparison's report."""
    cards = [Card("What came out", lambda: list(_results(comparison)))]
    for dataset in comparison.datasets:
        where = f": {dataset}" if len(comparison.datasets) > 1 else ""
        cards += [
            Card(f"{title}{where}", partial(_listed, make, comparison, dataset))
            for title, make in (
                ("Learning curves", _curves),
                ("All strategies", _strategies),
                ("Ratio to the best centrality", _ratios),
                ("Strategies and predictors", _heat),
                ("Win rates", _wins),
                ("Gene by gene", _targets),
            )
        ]
    cards.append(Card("Controls that must fail", lambda: list(_controls(comparison))))
    if comparison.adapting:
        cards.append(Card("Rounds against one shot", lambda: list(_adapting(comparison))))
    if comparison.non_inferiority:
        lines = partial(map, non_inferiority_sentence, comparison.non_inferiority)
        cards.append(
            Card("Adapting against not adapting", lambda: [Words(list(lines()), is_list=True)])
        )
    if comparison.contrasts:
        cards.append(Card("Other predictors, paired", lambda: list(_contrasts(comparison))))
    cards.append(notices_card(comparison.notices))
    cards.append(
        provenance_card(command, _files(comparison), comparison.protocol, _contents(comparison))
    )
    return cards


def _results(comparison: Comparison) -> Iterator[Part]:
    yield Words([READING])
    for heading, sentences in results(comparison):
        yield Words([heading])
        yield Words(sentences, is_list=True)


def _listed(make: Any, comparison: Comparison, dataset: str) -> list[Part]:
    return list(make(comparison, dataset))


def _files(comparison: Comparison) -> Sequence[Mapping[str, Any]]:
    return comparison.inputs.get("files", [])


def _contents(comparison: Comparison) -> dict[str, Any]:
    return {key: value for key, value in comparison.inputs.items() if key != "files"}


# ---------------------------------------------------------------------- one screen
def _curves(comparison: Comparison, dataset: str) -> Iterator[Part]:
    default = comparison.protocol["default_strategy"]
    for predictor in _predictors(comparison):
        yield Figure(
            f"learning-curves-{_stem(dataset, predictor)}",
            figures.learning_curves(comparison, dataset, predictor, size=PAGE),
            f"Learning curves on {dataset} with {predictor}: correlation with held-out profiles "
            f"against number of measured genes. The numbers are in the table below.",
            f"Predictor {predictor}. Bands: 95 % intervals of {default} and of random's mean. Grey "
            "behind: where 95 % of random designs of a split fall. Of the centralities, panel "
            "heuristics and diversity strategies the best is drawn. Click a name in the legend to "
            "see it alone.",
        )
        yield _curve_table(comparison, dataset, predictor)


def _curve_table(comparison: Comparison, dataset: str, predictor: str) -> Table:
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    rows = comparison.rows(dataset=dataset, predictor=predictor, metric=PRIMARY, rounds=1)
    for row in rows:
        found.setdefault(row["strategy"], {})[row["budget"]] = row
    budgets = sorted({row["budget"] for row in rows})
    return Table(
        f"Predictor {predictor}: {SCORE}, by number of measured genes",
        [Column("strategy"), *(Column(str(budget), is_number=True) for budget in budgets)],
        [
            (name, *(with_interval(by_budget.get(budget), "mean") for budget in budgets))
            for name, by_budget in found.items()
        ],
        is_folded=True,
    )


def _strategies(comparison: Comparison, dataset: str) -> Iterator[Part]:
    budget = comparison.protocol["stated_budget"]
    for predictor in _predictors(comparison):
        yield Table(
            f"{budget} measured genes, predictor {predictor}: {SCORE}",
            [
                Column("strategy"),
                Column("score", True, SCORE),
                Column("over random", True, "difference to the mean of random designs"),
                Column("verdict", help="gain or loss where the interval excludes 0, else tie"),
                Column("genes won", True, "held-out genes predicted better than by random designs"),
                Column("beats", True, "per cent of random designs that score lower"),
                Column("over best centrality", True, "chosen in favour of the centralities"),
            ],
            [_strategy_row(row) for row in figures.stated(comparison, dataset, predictor)],
            is_folded=predictor != _predictors(comparison)[0],
        )
    first = _predictors(comparison)[0]
    yield Figure(
        f"strategies-{_stem(dataset, first)}",
        figures.all_strategies(comparison, dataset, first, size=PAGE),
        f"All strategies on {dataset} at {budget} measured genes, as in the table above.",
        "Dashed: random. Oracles see the held-out genes; they show how far anchors can go.",
    )


def _strategy_row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    gain, best = row["gain_over_random"], row["gain_over_best_centrality"]
    return (
        row["strategy"],
        with_interval(row, "mean"),
        with_interval(gain, form="+.3f"),
        "" if gain is None else gain["verdict"],
        "" if gain is None else percent(gain["win_rate"]),
        "" if gain is None else percent(row["random_percentile"] / 100),
        with_interval(best, form="+.3f"),
    )


def _ratios(comparison: Comparison, dataset: str) -> Iterator[Part]:
    predictor = _predictors(comparison)[0]
    rows = [
        row
        for row in figures.stated(comparison, dataset, predictor)
        if row["ratio_to_best_centrality"]
    ]
    if not rows:
        yield Words(["No centrality was compared (they need a prior network: --network)."])
        return
    which = rows[0]["ratio_to_best_centrality"]["which"]
    yield Figure(
        f"ratios-{_stem(dataset, predictor)}",
        figures.ratios(comparison, dataset, predictor, size=PAGE),
        f"Score of each strategy over that of {which} on {dataset}, as in the table below.",
        f"Predictor {predictor}, {comparison.protocol['stated_budget']} measured genes. Best "
        f"centrality: {which}, the best of all by its mean over splits, in favour of the "
        "centralities. Dashed: as good as it.",
    )
    yield Table(
        f"Score over that of {which}, 95 % interval",
        [Column("strategy"), Column("ratio", True), Column("in words")],
        [
            (row["strategy"], with_interval(ratio, form=".2f"), ratio_word(ratio))
            for row in rows
            if (ratio := row["ratio_to_best_centrality"])
        ],
        is_folded=True,
    )


def _heat(comparison: Comparison, dataset: str) -> Iterator[Part]:
    yield Figure(
        f"heat-map-{figures.plain_name(dataset)}",
        figures.heat_map(comparison, dataset, size=PAGE),
        f"Score of every strategy under every predictor on {dataset}; the numbers are those of the "
        "tables.",
        "The lighter, the better. Rows in the order of the first predictor.",
    )


def _wins(comparison: Comparison, dataset: str) -> Iterator[Part]:
    predictor = _predictors(comparison)[0]
    yield Figure(
        f"win-rates-{_stem(dataset, predictor)}",
        figures.win_rates(comparison, dataset, predictor, size=PAGE),
        f"Share of held-out genes of {dataset} that each strategy predicts better than random "
        "designs do, as in the table of all strategies.",
        "Dashed: half of the genes. A strategy can win on average and lose on most genes.",
    )


def _targets(comparison: Comparison, dataset: str) -> Iterator[Part]:
    rows = figures.target_rows(comparison, dataset)
    if not rows:
        yield Words(["The default strategy and predictor were not compared."])
        return
    better = sum(row["gain"] > 0 for row in rows)
    protocol = comparison.protocol
    yield Words(
        [
            f"{protocol['default_strategy']} predicts {better} of {len(rows)} held-out genes "
            f"better than random designs of the same size do on average, {len(rows) - better} not."
        ]
    )
    yield Figure(
        f"gains-{figures.plain_name(dataset)}",
        figures.target_gains(comparison, dataset, size=PAGE),
        f"Gain over random of each held-out gene of {dataset}, in falling order, as in the table "
        "below.",
        "One point a gene; point at it for its name. Means over the splits that test it.",
    )
    yield Table(
        f"Held-out genes of {dataset}: r with {protocol['stated_budget']} measured genes",
        [
            Column("gene"),
            Column("gain", True),
            Column(protocol["default_strategy"], True),
            Column("random", True),
            Column("splits", True),
        ],
        [
            (
                row["target"],
                number(row["gain"], "+.3f"),
                number(row["value"]),
                number(row["random"]),
                row["n_splits"],
            )
            for row in rows
        ],
        is_folded=True,
    )


# ---------------------------------------------------------------------- all screens
def _controls(comparison: Comparison) -> Iterator[Part]:
    if not comparison.controls:
        yield Words(["No control was run. Add --controls to run those that must fail."])
        return
    yield Words([control_sentence(row) for row in comparison.controls], is_list=True)
    yield Table(
        "What each control did at the stated budget",
        [
            Column("control"),
            Column("data"),
            Column("used as"),
            Column("fails as it must"),
            Column("score", True),
            Column("against", True),
            Column("real − control", True),
            Column("rule"),
        ],
        [
            (
                control_name(row),
                row["dataset"],
                row["as"],
                {True: "yes", False: "NO", None: "–"}[row["fails_as_it_must"]],
                with_interval(row),
                number(row.get("against")),
                with_interval(row.get("difference"), form="+.3f"),
                row["rule"],
            )
            for row in comparison.controls
        ],
    )


def _adapting(comparison: Comparison) -> Iterator[Part]:
    protocol = comparison.protocol
    rows = [row for row in comparison.adapting if row["budget"] == protocol["stated_budget"]]
    default = [row for row in rows if row["predictor"] == protocol["default_predictor"]]
    yield Words(list(adapting_sentences(default)), is_list=True)
    yield Table(
        f"Rounds minus one shot, {protocol['stated_budget']} measured genes",
        [
            Column("strategy"),
            Column("data"),
            Column("predictor"),
            Column("rounds", True),
            Column("difference", True),
            Column("verdict"),
        ],
        [
            (
                row["strategy"],
                row["dataset"],
                row["predictor"],
                row["rounds"],
                with_interval(row["gain_over_one_shot"], form="+.3f"),
                row["gain_over_one_shot"]["verdict"],
            )
            for row in rows
        ],
        is_folded=True,
    )


def _contrasts(comparison: Comparison) -> Iterator[Part]:
    yield Words([contrast_sentence(row) for row in comparison.contrasts], is_list=True)


# ---------------------------------------------------------------------- parts
def _predictors(comparison: Comparison) -> list[str]:
    """The predictors, the default one first."""
    default = comparison.protocol["default_predictor"]
    return sorted(comparison.protocol["predictors"], key=lambda name: name != default)


def _stem(dataset: str, predictor: str) -> str:
    return f"{figures.plain_name(dataset)}-{figures.plain_name(predictor)}"
