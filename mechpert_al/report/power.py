"""Figures of a power analysis, in the grammar of the comparison's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mechpert_al.power import Check, Power
from mechpert_al.report.looks import LOOKS, PAPER, ROW, Size, sized, styled
from mechpert_al.virtual.resemblance import Row

if TYPE_CHECKING:
    import altair as alt

SCORE = "Pearson r of centred profiles"
PLANNED, MET = LOOKS["centrality"].colour, LOOKS["expected_coverage"].colour
DESIGN, RANDOM, NOBODY = "designed anchors", "random anchors", "random anchors, no agents"
COLOURS = {
    DESIGN: LOOKS["expected_coverage"].colour,
    RANDOM: LOOKS["random"].colour,
    NOBODY: LOOKS["centrality"].colour,
}


def power_figures(
    result: Power, check: Check | None = None, rows: Sequence[Row] = ()
) -> dict[str, Any]:
    """All figures by file name, without ending."""
    figures: dict[str, Any] = {
        "power-precision": precision_curve(result),
        "power-cells": division_curves(result),
        "power-agents": agent_curve(result),
    }
    if rows:
        figures["power-resemblance"] = resemblance(rows)
    if check is not None:
        for name in check.datasets:
            figures[f"power-planned-{name}"] = planned_and_met(check, name)
    return figures


def precision_curve(result: Power, size: Size = PAPER) -> alt.LayerChart:
    """Scores against the agents' precision, with 95 % intervals."""
    rows = [
        {"what": what, "x": row["precision"], **row[key]}
        for row in result.curve
        for what, key in ((DESIGN, "design"), (RANDOM, "random"), (NOBODY, "no_agents"))
    ]
    title = f"{result.settings['anchors']} anchors, {result.settings['n_labs']} virtual labs"
    return _bands(rows, "precision of the agents", COLOURS, title, size)


def division_curves(result: Power, size: Size = PAPER) -> alt.LayerChart:
    """Score against the number of anchors among which a budget of cells is divided."""
    names = {row["strength"]: f"responses × {row['strength']:g}" for row in result.best_divisions}
    colours = dict(
        zip(
            names.values(),
            (
                LOOKS["expected_coverage"].colour,
                LOOKS["facility_location"].colour,
                LOOKS["diversity"].colour,
            ),
            strict=True,
        )
    )
    rows = [
        {"what": names[row["strength"]], "x": row["anchors"], **row["score"]}
        for row in result.cells
    ]
    title = f"{result.settings['cells']} cells divided among the anchors"
    return _bands(rows, "anchors", colours, title, size, is_log=True)


def agent_curve(result: Power, size: Size = PAPER) -> alt.LayerChart:
    """Score against the number of agents."""
    rows = [{"what": DESIGN, "x": row["n_agents"], **row["score"]} for row in result.agents]
    return _bands(rows, "agents", COLOURS, "Panels of more and more agents", size)


#: What is planned and met, and its axis.
QUANTITIES = {"random": "random anchors", "design": "designed anchors", "gain": "gain over random"}


def planned_and_met(check: Check, dataset: str, size: Size = PAPER) -> alt.VConcatChart:
    """Learning curves and the gain over random, as planned for one screen and as met."""
    import altair as alt

    panels = [
        _planned_and_met(check, dataset, quantity).properties(
            width=size.width or PAPER.width, height=0.7 * size.height
        )
        for quantity in QUANTITIES
    ]
    title = f"{dataset}: planned for one screen (blue), met (orange)"
    return styled(alt.vconcat(*panels), size, title)


def _planned_and_met(check: Check, dataset: str, quantity: str) -> alt.LayerChart:
    import altair as alt
    import pandas as pd

    rows = [r for r in check.rows if (r["dataset"], r["quantity"]) == (dataset, quantity)]
    planned = pd.DataFrame([{"anchors": row["budget"], **row["planned"]} for row in rows])
    met = pd.DataFrame([{"anchors": row["budget"], **row["met"]} for row in rows])
    axis = alt.Axis(values=planned["anchors"].tolist(), grid=False, format="d")
    x = alt.X("anchors:Q", scale=alt.Scale(type="log", nice=False), axis=axis)
    y = alt.Y("low:Q", title=QUANTITIES[quantity])
    band = alt.Chart(planned).mark_area(opacity=0.2, color=PLANNED).encode(x=x, y=y, y2="high:Q")
    line = alt.Chart(planned).mark_line(color=PLANNED).encode(x=x, y="value:Q")
    bars = alt.Chart(met).mark_rule(color=MET, strokeWidth=2).encode(x=x, y=y, y2="high:Q")
    points = alt.Chart(met).mark_point(filled=True, size=50, color=MET).encode(x=x, y="value:Q")
    return band + line + bars + points


def resemblance(rows: Sequence[Row], size: Size = PAPER) -> alt.LayerChart:
    """Every statistic of the real screen (point) beside those of virtual labs (range)."""
    import altair as alt
    import pandas as pd

    data = pd.DataFrame([row.__dict__ for row in rows])
    y = alt.Y("name:N", sort=data["name"].tolist(), title=None, axis=alt.Axis(labelLimit=320))
    base = alt.Chart(data)
    x = alt.X("low:Q", title="value")
    ranges = base.mark_rule(strokeWidth=6, color=PLANNED, opacity=0.4).encode(x=x, x2="high:Q", y=y)
    means = base.mark_tick(color=PLANNED, thickness=2).encode(x="simulated:Q", y=y)
    real = base.mark_point(filled=True, size=50, color=MET, opacity=1).encode(x="real:Q", y=y)
    title = "Real screen (orange), virtual labs (blue)"
    height = ROW * size.font * len(rows)
    return styled(sized(ranges + means + real, size, height), size, title)


def _bands(
    rows: Sequence[Mapping[str, Any]],
    x_title: str,
    colours: Mapping[str, str],
    title: str,
    size: Size,
    *,
    is_log: bool = False,
) -> alt.LayerChart:
    """Lines with 95 % intervals."""
    import altair as alt
    import pandas as pd

    data = pd.DataFrame(rows)
    shown = [name for name in colours if name in set(data["what"])]
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=shown, range=[colours[name] for name in shown]),
        legend=alt.Legend(orient="bottom", columns=1, symbolOpacity=1) if len(shown) > 1 else None,
    )
    scale = alt.Scale(type="log", nice=False) if is_log else alt.Scale(zero=False)
    places = sorted(data["x"].unique().tolist())
    axis = alt.Axis(values=places, grid=False, format="~g", labelOverlap=True)
    x = alt.X("x:Q", title=x_title, scale=scale, axis=axis)
    y = alt.Y("low:Q", title=SCORE)
    band = alt.Chart(data).mark_area(opacity=0.15).encode(x=x, y=y, y2="high:Q", color=colour)
    line = (
        alt.Chart(data)
        .mark_line(point=alt.OverlayMarkDef(size=30))
        .encode(
            x=x,
            y=alt.Y("value:Q", title=SCORE),
            color=colour,
            tooltip=[
                "what:N",
                "x:Q",
                *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("value", "low", "high")),
            ],
        )
    )
    return styled(sized(band + line, size), size, title)
