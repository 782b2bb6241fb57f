"""How things look, everywhere the same: colours and line patterns of strategies, sizes of charts.

Colours are those of Okabe and Ito, which people with any colour vision can tell apart; patterns and
labels tell the rest. A strategy without a look of its own has that of its group.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from mechpert_al.errors import MechPertError
from mechpert_al.report.page import INK

GREY = "#777777"


class Look(NamedTuple):
    """Colour, line pattern, and shape of points."""

    colour: str
    dash: tuple[int, int]
    shape: str = "circle"


#: By name of a strategy, then by its group.
LOOKS: dict[str, Look] = {
    "oracle": Look(INK, (2, 2), "cross"),
    "oracle_kernel": Look(INK, (1, 3), "cross"),
    "expected_coverage": Look("#D55E00", (1, 0), "circle"),
    "facility_location": Look("#E69F00", (1, 0), "diamond"),
    "similarity_coverage": Look("#CC79A7", (6, 2), "square"),
    "prior_coverage": Look("#CC79A7", (2, 2), "triangle-down"),
    "random": Look(GREY, (1, 0), "circle"),
    "centrality": Look("#0072B2", (4, 2), "triangle-up"),
    "panel heuristic": Look("#009E73", (4, 2), "square"),
    "diversity": Look("#56B4E9", (1, 2), "triangle-down"),
    "consensus": Look("#E69F00", (6, 2), "diamond"),
}
OTHER = Look("#56B4E9", (1, 2), "square")


class Size(NamedTuple):
    """Of a chart, in CSS pixels (96 an inch); `width` None = as wide as the page allows."""

    width: int | None
    height: int
    font: float


#: A column of a journal: 89 mm with axes and labels; text is about 7 points high.
PAPER = Size(324, 180, 9.5)
#: In a report.
PAGE = Size(None, 300, 12.5)
#: Height of a row in a chart of one row a strategy, as a multiple of the font.
ROW = 1.7


@cache
def group_of(strategy: str) -> str:
    """The group of a strategy; its own name where it is not installed here."""
    from mechpert_al.design.strategy import build_strategy

    if strategy in ("random", "oracle", "oracle_kernel"):
        return strategy
    try:
        return build_strategy(strategy).group
    except MechPertError:
        return strategy


def look(strategy: str) -> Look:
    """How a strategy looks."""
    return LOOKS.get(strategy) or LOOKS.get(group_of(strategy), OTHER)


def styled(chart: Any, size: Size, title: str = "") -> Any:
    """A chart with our type, grid and ink."""
    if title:
        chart = chart.properties(title=title)
    ink = {"labelColor": INK, "titleColor": INK}
    return (
        chart.configure_axis(
            labelFontSize=size.font, titleFontSize=size.font, titleFontWeight="normal",
            gridColor=GREY, gridOpacity=0.25, domainColor=GREY, tickColor=GREY, labelLimit=260,
            **ink,
        )
        .configure_legend(labelFontSize=size.font, titleFontSize=size.font, labelLimit=0, **ink)
        .configure_header(labelFontSize=size.font, titleFontSize=size.font, **ink)
        .configure_title(fontSize=size.font + 1, anchor="start", color=INK, fontWeight=600)
        .configure_view(stroke=None)
    )  # fmt: skip


def sized(chart: Any, size: Size, height: float | None = None) -> Any:
    """A chart with its width, axes and labels included, and the height of its plot."""
    import altair as alt

    fit = (
        {}
        if size.width is None
        else {"autosize": alt.AutoSizeParams(type="fit-x", contains="content")}
    )
    return chart.properties(
        width="container" if size.width is None else size.width,
        height=size.height if height is None else height,
        **fit,
    )
