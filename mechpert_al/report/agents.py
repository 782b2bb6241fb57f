"""The agents of a panel in a report: who they are, what was dropped, what confidence was worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mechpert_al.agents.panel import DROP_REASONS, Panel
from mechpert_al.consensus.calibration import Calibration, CalibrationRow, calibration
from mechpert_al.report.cards import Cell, Column, Figure, Part, Table, Words
from mechpert_al.report.looks import GREY, PAGE, Size, sized, styled
from mechpert_al.symbols import match

if TYPE_CHECKING:
    import altair as alt

    from mechpert_al.campaign import Campaign
    from mechpert_al.campaign.state import CampaignState

#: Agents whose calibration is drawn; all of them are in the table.
DRAWN = 6
#: Dropped hypotheses that are shown as examples.
EXAMPLES = 100


class Told(Protocol):
    """What the cards here need of a campaign's story."""

    campaign: Campaign
    state: CampaignState

    @property
    def panel(self) -> Panel:
        """The panel."""


def reliability(story: Told) -> Iterator[Part]:
    """Who the agents are, and what their stated confidence was worth on what is measured."""
    panel, effects = story.panel, story.campaign.effects
    counts = panel.counts()["agents"]
    found = None
    if effects is None:
        yield Words(["Nothing is measured yet, so stated confidence cannot be checked."])
    elif match(effects.perturbations, panel.candidates).mapping:
        found = calibration(panel, effects)
        yield from _calibrated(found)
    else:
        yield Words(["No measured gene is a candidate of the panel: confidence cannot be checked."])
    worth = {} if found is None else _worth(found.rows)
    models = {agent.model for agent in panel.agents.values()}
    if len(models) == 1 and models != {""}:
        yield Words([f"All agents: {models.pop()}."])
        models = {""}
    yield Table(
        f"Agents of the panel {panel.name}",
        [
            Column("agent"),
            Column("role", help="a baseline never votes"),
            *([] if models == {""} else [Column("model")]),
            Column("answered", True, "targets, empty answers included"),
            Column("unanswered", True),
            Column("hypotheses", True, "admitted"),
            Column("dropped", True),
            Column("measured agreement", True, "mean of direction × correlation over hypotheses "
                   "whose two genes are measured, and their number"),
            Column("lens"),
        ],
        [
            (
                name,
                agent.role,
                *([] if models == {""} else [agent.model]),
                counts[name]["answered"],
                counts[name]["unanswered"],
                counts[name]["admitted"],
                sum(counts[name]["dropped"].values()),
                worth.get(name, ""),
                agent.lens,
            )
            for name, agent in panel.agents.items()
        ],
    )  # fmt: skip


def _worth(rows: Sequence[CalibrationRow]) -> dict[str, Cell]:
    """Mean agreement of each agent over all classes of confidence."""
    found = {}
    for name in dict.fromkeys(row.agent for row in rows):
        own = [row for row in rows if row.agent == name and row.mean is not None]
        n = sum(row.n_pairs for row in own)
        if n:
            mean = sum(row.n_pairs * (row.mean or 0.0) for row in own) / n
            found[name] = Cell(f"{mean:+.3f} (n = {n})", mean)
    return found


def _calibrated(found: Calibration) -> Iterator[Part]:
    yield Words(
        [
            f"On {found.n_measured} measured candidates; two of them taken at random correlate by "
            f"{found.background:+.3f} on average. An agent is worth its confidence where its curve "
            "rises and stays above that."
        ]
    )
    rows = [row for row in found.rows if row.mean is not None]
    if not rows:
        yield Words(["No hypothesis joins two measured genes yet."])
        return
    pairs: dict[str, int] = {}
    for row in rows:
        pairs[row.agent] = pairs.get(row.agent, 0) + row.n_pairs
    most = sorted(pairs, key=lambda name: (-pairs[name], name))[:DRAWN]
    yield Figure(
        "calibration",
        calibration_chart([row for row in rows if row.agent in most], found.background, PAGE),
        "Measured agreement of each agent's hypotheses by class of stated confidence; the numbers "
        "are in the table.",
        "Bars: 95 % intervals, bootstrap over targets. Dashed: mean correlation of all pairs of "
        "measured candidates."
        + (
            f" The {DRAWN} agents with the most pairs of {len(pairs)}."
            if len(pairs) > DRAWN
            else ""
        ),
    )
    yield Table(
        "Direction × measured correlation of the two genes, by stated confidence",
        [
            Column("agent"),
            Column("stated confidence"),
            Column("pairs", True),
            Column("targets", True),
            Column("measured agreement, 95 % interval", True),
        ],
        [
            (
                row.agent,
                f"above {row.above:.1f} up to {row.up_to:.1f}",
                row.n_pairs,
                row.n_targets,
                _with_interval(row),
            )
            for row in rows
        ],
        is_folded=True,
    )


def _with_interval(row: CalibrationRow) -> Cell:
    if row.low is None or row.high is None:
        return Cell(f"{row.mean:+.3f} [one target]", row.mean)
    return Cell(f"{row.mean:+.3f} [{row.low:+.3f}, {row.high:+.3f}]", row.mean)


def calibration_chart(
    rows: Sequence[CalibrationRow], background: float, size: Size
) -> alt.LayerChart:
    """Measured agreement against stated confidence, one panel of points an agent."""
    import altair as alt

    values = [
        {
            "agent": row.agent,
            "confidence": f"{row.above:.1f}–{row.up_to:.1f}",
            "mean": row.mean,
            "low": row.low,
            "high": row.high,
            "pairs": row.n_pairs,
        }
        for row in rows
    ]
    agents = list(dict.fromkeys(row.agent for row in rows))
    legend = alt.Legend(orient="bottom", columns=alt.ExprRef("width > 500 ? 3 : 1"))
    channels: list[Any] = [
        channel("agent:N", title=None, scale=alt.Scale(domain=agents, range=looked), legend=legend)
        for channel, looked in (
            (alt.Color, ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]),
            (alt.Shape, ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross"]),
        )
    ]
    x = alt.X("confidence:O", title="stated confidence", axis=alt.Axis(labelAngle=0))
    offset = alt.XOffset("agent:N", sort=agents)
    base = alt.Chart(alt.Data(values=values)).encode(x=x, xOffset=offset, color=channels[0])
    bars = base.mark_rule(strokeWidth=1.8).encode(
        y=alt.Y("low:Q", title="measured agreement"), y2="high:Q"
    )
    points = base.mark_point(filled=True, size=5 * size.font, opacity=1).encode(
        y=alt.Y("mean:Q", title="measured agreement"),
        shape=channels[1],
        tooltip=[
            "agent:N",
            "confidence:O",
            *(alt.Tooltip(f"{key}:Q", format="+.3f") for key in ("mean", "low", "high")),
            "pairs:Q",
        ],
    )
    rule = alt.Chart(alt.Data(values=[{"background": background}])).mark_rule(
        strokeDash=[4, 3], color=GREY
    )
    layers = [rule.encode(y="background:Q"), bars, points]
    return styled(sized(alt.layer(*layers), size), size)


# ---------------------------------------------------------------------- what was dropped
def dropped(story: Told) -> Iterator[Part]:
    """Hypotheses, measurements and genes that do not count, each with its reason."""
    yield from _dropped_hypotheses(story.panel)
    state = story.state
    measurements = [
        (name, delivery.file, reason)
        for delivery in state.deliveries
        for name, reason in delivery.not_measured.items()
    ]
    yield Table(
        f"{len(measurements)} perturbations of deliveries that do not count as measured",
        [Column("perturbation"), Column("file"), Column("why")],
        measurements,
        is_folded=len(measurements) > EXAMPLES,
    )
    given_up = [
        *((gene, "failed, may be proposed again", reason) for gene, reason in state.failed.items()),
        *((gene, "abandoned", reason) for gene, reason in state.abandoned.items()),
    ]
    yield Table(
        f"{len(given_up)} genes given up", [Column("gene"), Column("fate"), Column("why")], given_up
    )


def _dropped_hypotheses(panel: Panel) -> Iterator[Part]:
    counts: Mapping[str, Any] = panel.counts()
    total = sum(counts["dropped"].values())
    yield Words(
        [f"{counts['admitted']} hypotheses of the agents were admitted and {total} were dropped."]
    )
    reasons = [reason for reason, n in counts["dropped"].items() if n]
    if total:
        yield Table(
            "Dropped hypotheses by reason",
            [Column("reason"), Column("n", True), Column("meaning")],
            [(reason, counts["dropped"][reason], DROP_REASONS[reason]) for reason in reasons],
        )
        yield Table(
            f"Examples: the first {min(EXAMPLES, total)} of {total}",
            [
                Column("agent"),
                Column("target"),
                Column("regulator"),
                Column("reason"),
                Column("as it was said"),
            ],
            [
                (one.agent, one.target, one.regulator, one.reason, one.text)
                for one in panel.dropped[:EXAMPLES]
            ],
            is_folded=True,
        )
    strangers = [(name, ", ".join(genes)) for name, genes in panel.unknown_targets.items() if genes]
    if strangers:
        yield Table(
            "Answers about genes that are not candidates (left out)",
            [Column("agent"), Column("genes")],
            strangers,
            is_folded=True,
        )
