"""Figures of a comparison or simulation, from one grammar (altair), for screen and paper.

Every figure is a function of the result and a size; the same one is drawn in the report and saved
by ``--figures``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechpert_al.evaluation.comparison import Comparison
from mechpert_al.evaluation.metrics import PRIMARY
from mechpert_al.report.charts import curves, data, dots, falling
from mechpert_al.report.looks import (
    GREY,
    PAPER,
    ROW,
    Size,
    group_of,
    look,
    sized,
    styled,
)
from mechpert_al.report.page import INK

if TYPE_CHECKING:
    import altair as alt

TITLES = {
    "pearson_centred": "Pearson r of centred profiles",
    "retrieval": "retrieval (0.5 = chance)",
    "supported_fraction": "targets with a linked anchor",
    "mse_ratio": "squared error against the mean",
}
#: Groups of which the best strategy is drawn in a learning curve.
BEST_OF = ("panel heuristic", "centrality", "diversity")


# ---------------------------------------------------------------------- learning curves
def learning_curves(
    comparison: Comparison,
    dataset: str,
    predictor: str,
    metric: str = PRIMARY,
    size: Size = PAPER,
) -> alt.LayerChart:
    """Score against number of anchors; behind it where random designs fall.

    Of the centralities, the panel heuristics and the diversity strategies the best one is drawn,
    by its mean at the stated budget. 95 % intervals are drawn for the default and for random; those
    of the others show when pointed at, and are in the tables.
    """
    shown = shown_strategies(comparison, dataset, predictor, metric)
    rows, spread = [], []
    for name, label in shown.items():
        for row in comparison.rows(
            dataset=dataset, strategy=name, predictor=predictor, metric=metric, rounds=1
        ):
            numbers = {key: row[key] for key in ("mean", "low", "high")}
            rows.append({"strategy": label, "anchors": row["budget"], **numbers})
            if row.get("random_spread"):
                spread.append({"anchors": row["budget"], **row["random_spread"]})
    looks = {label: look(name) for name, label in shown.items()}
    banded = {shown.get(comparison.protocol["default_strategy"]), "random"}
    chart = curves(rows, looks, banded, spread, TITLES.get(metric, metric), size)
    return styled(chart, size, f"{dataset}, predictor {predictor}")


def shown_strategies(
    comparison: Comparison, dataset: str, predictor: str, metric: str
) -> dict[str, str]:
    """The strategies a learning curve shows, with their labels."""
    budget = comparison.protocol["stated_budget"]
    rows = comparison.rows(
        dataset=dataset, predictor=predictor, metric=metric, budget=budget, rounds=1
    )
    present = [row["strategy"] for row in sorted(rows, key=falling)]
    shown = {name: name for name in ("oracle",) if name in present}
    for name in present:
        if name == comparison.protocol["default_strategy"] or (
            group_of(name) == "baseline coverage"
        ):
            shown[name] = name
    for kind in BEST_OF:
        best = next((name for name in present if group_of(name) == kind), None)
        if best is not None:
            shown[best] = f"{best} (best {kind})"
    if "random" in present:
        shown["random"] = "random"
    return shown


# ---------------------------------------------------------------------- one row a strategy
def all_strategies(
    comparison: Comparison,
    dataset: str,
    predictor: str,
    metric: str = PRIMARY,
    size: Size = PAPER,
) -> alt.LayerChart:
    """Every strategy at the stated budget, best first, with 95 % intervals and random's line."""
    budget = comparison.protocol["stated_budget"]
    rows = stated(comparison, dataset, predictor, metric)
    random = next((row["mean"] for row in rows if row["strategy"] == "random"), None)
    chart = dots(
        [{key: row[key] for key in ("strategy", "mean", "low", "high")} for row in rows],
        TITLES.get(metric, metric),
        random,
        size,
    )
    return styled(chart, size, f"{dataset}, N = {budget}, predictor {predictor}")


def ratios(
    comparison: Comparison, dataset: str, predictor: str, size: Size = PAPER
) -> alt.LayerChart:
    """Score over that of the best centrality, with 95 % intervals; 1 = as good."""
    rows = [
        {
            "strategy": row["strategy"],
            "mean": ratio["value"],
            "low": ratio["low"],
            "high": ratio["high"],
        }
        for row in stated(comparison, dataset, predictor)
        if (ratio := row["ratio_to_best_centrality"]) and row["strategy"] != ratio["which"]
    ]
    chart = dots(rows, "ratio to the best centrality", 1.0, size)
    return styled(chart, size, f"{dataset}, predictor {predictor}")


def win_rates(
    comparison: Comparison, dataset: str, predictor: str, size: Size = PAPER
) -> alt.LayerChart:
    """Share of held-out genes that are predicted better than with random anchors."""
    rows = [
        {"strategy": row["strategy"], "mean": gain["win_rate"], "low": None, "high": None}
        for row in stated(comparison, dataset, predictor)
        if (gain := row["gain_over_random"]) and gain["win_rate"] is not None
    ]
    chart = dots(rows, "genes won against random", 0.5, size, ".0%")
    return styled(chart, size, f"{dataset}, predictor {predictor}")


def stated(
    comparison: Comparison, dataset: str, predictor: str, metric: str = PRIMARY
) -> list[Mapping[str, Any]]:
    """One-shot rows at the stated budget, best first."""
    rows = comparison.rows(
        dataset=dataset,
        predictor=predictor,
        metric=metric,
        budget=comparison.protocol["stated_budget"],
        rounds=1,
    )
    return sorted(rows, key=falling)


# ---------------------------------------------------------------------- strategy × predictor
def heat_map(
    comparison: Comparison, dataset: str, metric: str = PRIMARY, size: Size = PAPER
) -> alt.LayerChart:
    """Every strategy under every predictor at the stated budget; rows by the default predictor."""
    import altair as alt

    protocol = comparison.protocol
    rows = [
        {"strategy": row["strategy"], "predictor": row["predictor"], "mean": row["mean"]}
        for name in protocol["predictors"]
        for row in stated(comparison, dataset, name, metric)
        if row["mean"] is not None
    ]
    default = protocol["default_predictor"]
    first = default if default in protocol["predictors"] else protocol["predictors"][0]
    order = [row["strategy"] for row in rows if row["predictor"] == first]
    means = [row["mean"] for row in rows] or [0.0]
    dark = min(means) + 0.45 * (max(means) - min(means))
    base = alt.Chart(data(rows)).encode(
        x=alt.X(
            "predictor:N",
            sort=list(protocol["predictors"]),
            title=None,
            axis=alt.Axis(orient="top", labelAngle=-90, labelAlign="left", labelBaseline="middle"),
        ),
        y=alt.Y("strategy:N", sort=order, title=None),
        tooltip=["strategy:N", "predictor:N", alt.Tooltip("mean:Q", format=".3f")],
    )
    tiles = base.mark_rect().encode(
        color=alt.Color("mean:Q", scale=alt.Scale(scheme="cividis"), legend=None)
    )
    text = base.mark_text(fontSize=size.font - 1).encode(
        text=alt.Text("mean:Q", format=".3f"),
        color=alt.condition(f"datum.mean < {dark}", alt.value("#ffffff"), alt.value("#000001")),
    )
    height = max(2, len(order)) * ROW * size.font
    title = f"{dataset}, N = {protocol['stated_budget']}: {TITLES.get(metric, metric)}"
    return styled(sized(tiles + text, size, height), size, title)


# ---------------------------------------------------------------------- gene by gene
def target_gains(comparison: Comparison, dataset: str, size: Size = PAPER) -> alt.LayerChart:
    """What the default gains over random for each held-out gene, in falling order."""
    import altair as alt

    rows = [
        {"place": place, "gene": row["target"], **{k: row[k] for k in ("gain", "value", "random")}}
        for place, row in enumerate(target_rows(comparison, dataset), 1)
    ]
    colour = look(comparison.protocol["default_strategy"]).colour
    points = (
        alt.Chart(data(rows))
        .mark_point(filled=True, size=2.2 * size.font, opacity=0.75)
        .encode(
            x=alt.X("place:Q", title="held-out genes, in order of gain", axis=alt.Axis(grid=False)),
            y=alt.Y("gain:Q", title="gain over random (r)"),
            color=alt.condition("datum.gain >= 0", alt.value(colour), alt.value(GREY)),
            tooltip=[
                "gene:N",
                *(alt.Tooltip(f"{key}:Q", format="+.3f") for key in ("gain", "value", "random")),
            ],
        )
    )
    zero = alt.Chart(data([{"zero": 0}])).mark_rule(color=INK, strokeWidth=1).encode(y="zero:Q")
    title = f"{dataset}, N = {comparison.protocol['stated_budget']}"
    return styled(sized(alt.layer(zero, points), size), size, title)


def target_rows(comparison: Comparison, dataset: str) -> list[Mapping[str, Any]]:
    """The held-out genes of a screen, largest gain first."""
    rows = [row for row in comparison.targets if row["dataset"] == dataset]
    return sorted(rows, key=lambda row: (-row["gain"], row["target"]))


# ---------------------------------------------------------------------- rounds
def round_curves(
    rows: Sequence[Mapping[str, Any]], strategy: str, dataset: str, size: Size = PAPER
) -> alt.LayerChart:
    """Score of a simulation after each round, beside random's mean.

    Parameters
    ----------
    rows
        Of one data set, as in `Simulation.rounds`.
    """
    points = [
        {"strategy": name, "anchors": row["n_anchors"], "mean": row[key], "low": low, "high": high}
        for row in rows
        for name, key, low, high in (
            (strategy, "score", row["low"], row["high"]),
            ("random", "random", None, None),
        )
    ]
    looks = {strategy: look(strategy), "random": look("random")}
    chart = curves(points, looks, [strategy], [], TITLES[PRIMARY], size)
    return styled(chart, size, dataset)


# ---------------------------------------------------------------------- all of them, as files
def comparison_figures(comparison: Comparison, size: Size = PAPER) -> dict[str, Any]:
    """All figures of a comparison by file name, without ending."""
    figures = {}
    for dataset in comparison.datasets:
        for predictor in comparison.protocol["predictors"]:
            stem = f"{plain_name(dataset)}-{plain_name(predictor)}"
            figures[f"learning-curves-{stem}"] = learning_curves(
                comparison, dataset, predictor, size=size
            )
            figures[f"strategies-{stem}"] = all_strategies(
                comparison, dataset, predictor, size=size
            )
        name, first = plain_name(dataset), comparison.protocol["predictors"][0]
        figures[f"heat-map-{name}"] = heat_map(comparison, dataset, size=size)
        figures[f"win-rates-{name}"] = win_rates(comparison, dataset, first, size=size)
        if any(row["ratio_to_best_centrality"] for row in stated(comparison, dataset, first)):
            figures[f"ratios-{name}"] = ratios(comparison, dataset, first, size=size)
        if target_rows(comparison, dataset):
            figures[f"gains-{name}"] = target_gains(comparison, dataset, size=size)
    return figures


def save(
    figures: Mapping[str, Any],
    folder: Path,
    endings: Sequence[str] = ("svg", "png"),
    step: Callable[[], None] = lambda: None,
) -> list[Path]:
    """Write figures as SVG and PNG files; a PNG has 384 pixels an inch.

    `step` is called after each figure.

    Returns
    -------
    list of pathlib.Path
        The files, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, chart in figures.items():
        for ending in endings:
            path = folder / f"{name}.{ending}"
            chart.save(str(path), scale_factor=4 if ending == "png" else 1)
            written.append(path)
        step()
    return written


def plain_name(name: str) -> str:
    """A name that is safe in a file name."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
