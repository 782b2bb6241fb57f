"""Lines and dots from rows of numbers: the two charts that most figures are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mechpert_al.report.looks import GREY, ROW, Look, Size, look, sized

if TYPE_CHECKING:
    import altair as alt

ANCHORS = "measured perturbations (anchors)"


def curves(
    rows: Sequence[Mapping[str, Any]],
    looks: Mapping[str, Look],
    banded: Iterable[str | None],
    spread: Sequence[Mapping[str, Any]],
    y_title: str,
    size: Size,
) -> alt.LayerChart:
    """Lines with points, bands for some of them, and a grey area behind all.

    Parameters
    ----------
    rows
        With the keys strategy, anchors, mean, low, high.
    looks
        Of each strategy, in the order of the legend.
    banded
        Strategies whose interval is drawn.
    spread
        With the keys anchors, low, high.
    """
    import altair as alt

    budgets = sorted({row["anchors"] for row in rows})
    x = alt.X(
        "anchors:Q",
        title=ANCHORS,
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=budgets, grid=False, format="d", labelOverlap=True),
    )

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=y_title, scale=alt.Scale(zero=False))

    legend = alt.Legend(
        orient="bottom",
        columns=alt.ExprRef("width > 600 ? 2 : 1"),
        symbolOpacity=1,
        symbolStrokeWidth=0,
        symbolSize=5 * size.font,
        # a long label takes two lines where there is little room
        labelExpr="width > 330 ? datum.label : split(replace(datum.label, ' (', '|('), '|')",
    )
    names = list(looks)
    channels: list[Any] = [
        channel(
            "strategy:N",
            title=None,
            scale=alt.Scale(domain=names, range=looked),
            legend=legend,
        )
        for channel, looked in (
            (alt.Color, [one.colour for one in looks.values()]),
            (alt.StrokeDash, [list(one.dash) for one in looks.values()]),
            (alt.Shape, [one.shape for one in looks.values()]),
        )
    ]
    colour, dash, shape = channels
    picked = alt.selection_point(name="picked", fields=["strategy"], bind="legend")
    faded = alt.condition(picked, alt.value(1.0), alt.value(0.12))
    behind = (
        alt.Chart(data(spread)).mark_area(opacity=0.16, color=GREY).encode(x, y("low"), y2="high:Q")
    )
    banded = set(banded)
    band = (
        alt.Chart(data([row for row in rows if row["strategy"] in banded]))
        .mark_area(opacity=0.2)
        .encode(x=x, y=y("low"), y2="high:Q", color=colour)
    )
    base = alt.Chart(data(rows)).encode(x=x, y=y("mean"), color=colour)
    line = base.mark_line(strokeWidth=1.8).encode(strokeDash=dash, opacity=faded)
    points = (
        base.mark_point(filled=True, size=2.6 * size.font)
        .encode(
            shape=shape,
            opacity=faded,
            tooltip=[
                alt.Tooltip("strategy:N"),
                alt.Tooltip("anchors:Q"),
                *(alt.Tooltip(f"{key}:Q", format=".3f") for key in ("mean", "low", "high")),
            ],
        )
        .add_params(picked)
    )
    return sized(alt.layer(behind, band, line, points), size)


def dots(
    rows: Sequence[Mapping[str, Any]],
    x_title: str,
    reference: float | None,
    size: Size,
    form: str = ".3f",
) -> alt.LayerChart:
    """A point a strategy with its interval, best first, and a dashed line to hold them against."""
    import altair as alt

    rows = sorted(rows, key=falling)
    order = [row["strategy"] for row in rows]
    looks = [look(name) for name in order]
    y = alt.Y("strategy:N", sort=order, title=None)
    axis = alt.Axis(
        format=".0%" if form.endswith("%") else ".2f", tickCount=alt.ExprRef("width / 90")
    )

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", title=x_title, axis=axis, scale=alt.Scale(zero=False))

    channels: list[Any] = [
        channel("strategy:N", scale=alt.Scale(domain=order, range=looked), legend=None)
        for channel, looked in (
            (alt.Color, [one.colour for one in looks]),
            (alt.Shape, [one.shape for one in looks]),
        )
    ]
    colour, shape = channels
    base = alt.Chart(data(rows))
    told = [key for key in ("mean", "low", "high") if any(row[key] is not None for row in rows)]
    layers = [
        base.mark_rule(strokeWidth=1.8).encode(x=x("low"), x2="high:Q", y=y, color=colour),
        base.mark_point(filled=True, size=5 * size.font, opacity=1).encode(
            x=x("mean"),
            y=y,
            color=colour,
            shape=shape,
            tooltip=["strategy:N", *(alt.Tooltip(f"{key}:Q", format=form) for key in told)],
        ),
    ]
    if reference is not None:
        rule = alt.Chart(data([{"reference": reference}])).mark_rule(strokeDash=[4, 3], color=GREY)
        layers.insert(0, rule.encode(x=x("reference")))
    return sized(alt.layer(*layers), size, max(2, len(rows)) * ROW * size.font)


def data(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as a chart takes them."""
    import altair as alt

    return alt.Data(values=[dict(row) for row in rows])


def falling(row: Mapping[str, Any]) -> tuple[float, str]:
    """By falling mean; what has none last, equal ones by name."""
    mean = row["mean"]
    return (float("inf") if mean is None else -mean, row["strategy"])
