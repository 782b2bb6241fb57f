"""The course of coverage: what measurements explain so far, and what further ones would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from mechpert_al.report.looks import Size, look, sized, styled

if TYPE_CHECKING:
    import altair as alt


class Point(NamedTuple):
    """Coverage with n genes measured; ``kind`` is ``measured`` or ``to come``."""

    when: str
    n: int
    coverage: float
    kind: str


def coverage_chart(points: Sequence[Point], size: Size) -> alt.LayerChart:
    """Mean coverage against number of measured genes; dashed where it is to come."""
    import altair as alt

    kinds = ["measured", "to come"]
    dash = alt.StrokeDash(
        "kind:N",
        title=None,
        scale=alt.Scale(domain=kinds, range=[[1, 0], [5, 4]]),
        legend=alt.Legend(orient="bottom", symbolType="stroke", symbolSize=300),
    )
    base = alt.Chart(alt.Data(values=[point._asdict() for point in points])).encode(
        x=alt.X("n:Q", title="genes", axis=alt.Axis(grid=False, tickMinStep=1)),
        y=alt.Y("coverage:Q", title="coverage", axis=alt.Axis(format=".0%")),
    )
    colour = look("expected_coverage").colour
    line = base.mark_line(color=colour, strokeWidth=2).encode(strokeDash=dash)
    dots = base.mark_point(filled=True, color=colour, size=4 * size.font, opacity=1).encode(
        tooltip=["when:N", "n:Q", alt.Tooltip("coverage:Q", format=".1%")]
    )
    return styled(sized(alt.layer(line, dots), size), size)
