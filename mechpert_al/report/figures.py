"""Figures of a comparison, from one grammar, for screen and paper.

A strategy has the same colour everywhere. Colours are those of Okabe and Ito, which people with any
colour vision can tell apart; line patterns tell the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechpert_al.evaluation.comparison import Comparison
from mechpert_al.evaluation.metrics import PRIMARY

if TYPE_CHECKING:
    import altair as alt

#: Colour and line pattern of the strategies that have a fixed look.
LOOKS: dict[str, tuple[str, list[int]]] = {
    "oracle": ("#000000", [2, 2]),
    "expected_coverage": ("#D55E00", [1, 0]),
    "facility_location": ("#E69F00", [1, 0]),
    "similarity_coverage": ("#CC79A7", [6, 2]),
    "prior_coverage": ("#F0A0C8", [6, 2]),
    "random": ("#777777", [1, 0]),
    "centrality": ("#0072B2", [4, 2]),
    "panel heuristic": ("#009E73", [4, 2]),
    "diversity": ("#56B4E9", [1, 2]),
    "oracle_kernel": ("#444444", [2, 2]),
}
OTHER = ("#56B4E9", [1, 2])
WIDTH, HEIGHT = 420, 280
#: A figure printed at 89 mm shows its text at about 7 pt with these sizes.
FONT = 12


def learning_curves(
    comparison: Comparison, dataset: str, predictor: str, metric: str = PRIMARY
) -> alt.LayerChart:
    """Score against number of anchors; random and the oracle for scale.

    Of the centralities, the panel heuristics and the diversity strategies the best one is drawn,
    by its mean at the stated budget. 95 % intervals are drawn for the default and for random; those
    of the others show when pointed at, and are in the tables.
    """
    import altair as alt
    import pandas as pd

    shown = shown_strategies(comparison, dataset, predictor, metric)
    rows = [
        {
            "strategy": label,
            "anchors": row["budget"],
            "mean": row["mean"],
            "low": row["low"],
            "high": row["high"],
        }
        for name, label in shown.items()
        for row in comparison.rows(
            dataset=dataset, strategy=name, predictor=predictor, metric=metric, rounds=1
        )
    ]
    looks = [_look(name, label) for name, label in shown.items()]
    labels = list(shown.values())
    colour = alt.Color(
        "strategy:N",
        title=None,
        scale=alt.Scale(domain=labels, range=[look[0] for look in looks]),
        legend=alt.Legend(
            orient="right",
            labelLimit=260,
            symbolType="stroke",
            symbolOpacity=1,
            symbolStrokeWidth=3,
        ),
    )
    dash = alt.StrokeDash(
        "strategy:N",
        title=None,
        scale=alt.Scale(domain=labels, range=[look[1] for look in looks]),
        legend=None,
    )
    data = pd.DataFrame(rows, columns=["strategy", "anchors", "mean", "low", "high"])
    x = alt.X(
        "anchors:Q",
        title="measured perturbations (anchors)",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=sorted(data["anchors"].unique().tolist()), grid=False),
    )
    base = alt.Chart(data)
    banded = data[data["strategy"].isin((comparison.protocol["default_strategy"], "random"))]
    band = (
        alt.Chart(banded)
        .mark_area(opacity=0.15)
        .encode(x=x, y=alt.Y("low:Q", title=TITLES.get(metric, metric)), y2="high:Q", color=colour)
    )
    line = base.mark_line(point=alt.OverlayMarkDef(size=30)).encode(
        x=x,
        y=alt.Y("mean:Q", title=TITLES.get(metric, metric)),
        color=colour,
        strokeDash=dash,
        tooltip=[
            "strategy:N",
            "anchors:Q",
            alt.Tooltip("mean:Q", format=".3f"),
            alt.Tooltip("low:Q", format=".3f"),
            alt.Tooltip("high:Q", format=".3f"),
        ],
    )
    title = f"{dataset}, predictor {predictor}"
    return _styled((band + line).properties(width=WIDTH, height=HEIGHT, title=title))


TITLES = {
    "pearson_centred": "Pearson of centred profiles",
    "retrieval": "retrieval (0.5 = chance)",
    "supported_fraction": "targets with a linked anchor",
    "mse_ratio": "squared error against the mean",
}


def all_strategies(
    comparison: Comparison, dataset: str, predictor: str, metric: str = PRIMARY
) -> alt.LayerChart:
    """Every strategy at the stated budget, best first, with 95 % intervals and random's line."""
    import altair as alt
    import pandas as pd

    budget = comparison.protocol["stated_budget"]
    rows = comparison.rows(
        dataset=dataset, predictor=predictor, metric=metric, budget=budget, rounds=1
    )
    data = pd.DataFrame(
        [{k: row[k] for k in ("strategy", "mean", "low", "high")} for row in rows]
    ).sort_values("mean", ascending=False)
    order = data["strategy"].tolist()
    data["colour"] = [_look(name, name)[0] for name in order]
    y = alt.Y("strategy:N", sort=order, title=None)
    title = TITLES.get(metric, metric)
    base = alt.Chart(data)
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=title), x2="high:Q", y=y, color=alt.Color("colour:N", scale=None)
    )
    points = base.mark_point(filled=True, size=50, opacity=1).encode(
        x=alt.X("mean:Q", title=title),
        y=y,
        color=alt.Color("colour:N", scale=None),
        tooltip=["strategy:N", alt.Tooltip("mean:Q", format=".3f")],
    )
    random = data[data["strategy"] == "random"]
    rule = alt.Chart(random).mark_rule(strokeDash=[4, 3], color="#777777").encode(x="mean:Q")
    chart = (rule + bars + points).properties(
        width=WIDTH, title=f"{dataset}, N = {budget}, predictor {predictor}"
    )
    return _styled(chart)


def shown_strategies(
    comparison: Comparison, dataset: str, predictor: str, metric: str
) -> dict[str, str]:
    """The strategies a learning curve shows, with their labels."""
    from mechpert_al.design.strategy import build_strategy

    budget = comparison.protocol["stated_budget"]
    rows = comparison.rows(
        dataset=dataset, predictor=predictor, metric=metric, budget=budget, rounds=1
    )
    by_mean = sorted(rows, key=lambda row: -row["mean"])
    present = [row["strategy"] for row in by_mean]
    special = ("random", "oracle", "oracle_kernel")
    group = {name: build_strategy(name).group for name in present if name not in special}
    shown = {name: name for name in ("oracle",) if name in present}
    for name in present:
        if name == comparison.protocol["default_strategy"] or (
            group.get(name) == "baseline coverage"
        ):
            shown[name] = name
    for kind in ("panel heuristic", "centrality", "diversity"):
        best = next((name for name in present if group.get(name) == kind), None)
        if best is not None:
            shown[best] = f"{best} (best {kind})"
    if "random" in present:
        shown["random"] = "random"
    return shown


def _look(name: str, label: str) -> tuple[str, list[int]]:
    """Colour and pattern of a strategy."""
    if name in LOOKS:
        return LOOKS[name]
    for group in ("centrality", "panel heuristic"):
        if group in label:
            return LOOKS[group]
    if name.endswith(("_prior", "_pool")):
        return LOOKS["centrality"]
    if name.endswith("_consensus") or name == "most_proposed":
        return LOOKS["panel heuristic"]
    return OTHER


def _styled(chart: Any) -> Any:
    return (
        chart.configure_axis(labelFontSize=FONT, titleFontSize=FONT, gridOpacity=0.4)
        .configure_legend(labelFontSize=FONT, symbolSize=120)
        .configure_title(fontSize=FONT + 1, anchor="start")
        .configure_view(stroke=None)
    )


def comparison_figures(comparison: Comparison) -> dict[str, Any]:
    """All figures of a comparison by file name, without ending."""
    figures = {}
    for dataset in comparison.datasets:
        for predictor in comparison.protocol["predictors"]:
            stem = f"{_plain(dataset)}-{_plain(predictor)}"
            figures[f"learning-curves-{stem}"] = learning_curves(comparison, dataset, predictor)
            figures[f"strategies-{stem}"] = all_strategies(comparison, dataset, predictor)
    return figures


def save(
    figures: dict[str, Any], folder: Path, endings: Sequence[str] = ("svg", "png")
) -> list[Path]:
    """Write figures as SVG and PNG files.

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
            chart.save(str(path), scale_factor=2 if ending == "png" else 1)
            written.append(path)
    return written


def _plain(name: str) -> str:
    """A name that is safe in a file name."""
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
