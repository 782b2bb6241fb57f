"""The agents of a panel in a report: who they are, what was dropped, what confidence was worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mechpert_al.agents.panel import DROP_REASONS, Panel
from mechpert_al.consensus.calibration import Calibration, CalibrationRow, calibration
from mechpert_al.consensus.layers import CONSENSUS
from mechpert_al.learning import Reliability
from mechpert_al.learning.mixture import MIN_ANCHORS
from mechpert_al.learning.reliability import MISLEADING
from mechpert_al.report.cards import Cell, Column, Figure, Part, Table, Words, number
from mechpert_al.report.looks import GREY, PAGE, Size, sized, styled
from mechpert_al.symbols import match

if TYPE_CHECKING:
    import altair as alt

    from mechpert_al.campaign import Campaign
    from mechpert_al.campaign.state import CampaignState

#: Agents whose calibration is drawn, sources that have a sentence; all of them are in the tables.
DRAWN, SENTENCES = 6, 8
#: Dropped hypotheses that are shown as examples.
EXAMPLES = 100


class Told(Protocol):
    """What the cards here need of a campaign's story."""

    campaign: Campaign
    state: CampaignState

    @property
    def panel(self) -> Panel:
        """The panel."""

    @property
    def n_anchors(self) -> int:
        """Measured candidates."""

    @property
    def judged(self) -> Sequence[Reliability]:
        """What they say of every source."""


def reliability(story: Told) -> Iterator[Part]:
    """Whom measurements call reliable, what stated confidence was worth, and who the agents are."""
    yield from _verdicts(story.judged, story.n_anchors)
    panel, effects = story.panel, story.campaign.effects
    if effects is not None and match(effects.perturbations, panel.candidates).mapping:
        yield from _calibrated(calibration(panel, effects))
    yield from _agents(panel)


def _verdicts(judged: Sequence[Reliability], n_anchors: int) -> Iterator[Part]:
    """The sentences of the reliability of each source, and its numbers."""
    if all(one.reach is None for one in judged):
        yield Words(
            [
                f"Nothing is known yet: {n_anchors} candidates are measured, and it takes at least "
                f"{MIN_ANCHORS} to see whether measured genes resemble each other as the agents "
                "say."
            ]
        )
        return
    yield Words(
        [
            "An agent is informative if measured genes can be predicted from the measured genes "
            "that it links them to, better than with its gene names shuffled. It is misleading if "
            "that goes worse, or if measured effects go against what it says."
        ]
    )
    told = sorted(judged, key=_most_telling)[:SENTENCES] if len(judged) > SENTENCES else judged
    yield Words([one.sentence for one in told], is_list=True)
    yield Table(
        f"What {n_anchors} measured candidates say of each source",
        [
            Column("source"),
            Column("verdict"),
            Column("r", True, "mean correlation of the measured genes with their predictions from "
                   "each other, through this source"),
            Column("with shuffled names", True, "where 95 % of the same fall when names are "
                   "shuffled"),
            Column("pairs", True, "its hypotheses whose two genes are measured"),
            Column("agreement, 95 % interval", True, "mean of direction × measured correlation "
                   "over these pairs"),
        ],
        [
            (
                one.source,
                one.verdict,
                number(one.reach, "+.2f"),
                "" if one.shuffled_low is None or one.shuffled_high is None
                else f"{one.shuffled_low:+.2f} to {one.shuffled_high:+.2f}",
                one.n_pairs,
                _with_interval(one.agreement, one.agreement_low, one.agreement_high),
            )
            for one in judged
        ],
        is_folded=len(judged) <= SENTENCES,
    )  # fmt: skip
    if len(judged) > SENTENCES:
        counts = Counter(one.verdict for one in judged)
        yield Words(
            [
                f"Of {len(judged)} sources "
                + ", ".join(f"{n} are {verdict}" for verdict, n in counts.most_common())
                + "."
            ]
        )


def _most_telling(one: Reliability) -> tuple[bool, bool, int]:
    """The consensus first, then who misleads, then who has the most measured pairs."""
    return one.source != CONSENSUS, one.verdict != MISLEADING, -one.n_pairs


def _agents(panel: Panel) -> Iterator[Part]:
    """Who the agents are, and how much each said."""
    counts = panel.counts()["agents"]
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
                agent.lens,
            )
            for name, agent in panel.agents.items()
        ],
    )


def _calibrated(found: Calibration) -> Iterator[Part]:
    """The curve of stated confidence against measured agreement."""
    rows = [row for row in found.rows if row.mean is not None]
    if not rows:
        yield Words(
            [
                "What stated confidence is worth is not known yet: no hypothesis joins two "
                "measured genes."
            ]
        )
        return
    yield Words(
        [
            "Agreement says how alike the measured effects of the two genes of a hypothesis are: "
            "1 = the same, 0 = unrelated, −1 = opposite; turned around where the agent said "
            "opposite. Confidence is worth something where a curve rises. Two measured candidates "
            f"taken at random have {found.background:+.3f} (n = {found.n_measured} candidates)."
        ]
    )
    pairs: Counter[str] = Counter()
    for row in rows:
        pairs[row.agent] += row.n_pairs
    most = sorted(pairs, key=lambda name: (-pairs[name], name))[:DRAWN]
    yield Figure(
        "calibration",
        calibration_chart([row for row in rows if row.agent in most], found.background, PAGE),
        "Measured agreement of each agent's hypotheses by class of stated confidence; the numbers "
        "are in the table.",
        "Bars: 95 % intervals, bootstrap over targets; a point without one stands on a single "
        "target. Dashed: two measured candidates taken at random."
        + (
            f" The {DRAWN} agents with the most pairs of {len(pairs)}."
            if len(pairs) > DRAWN
            else ""
        ),
    )
    yield Table(
        "Measured agreement by stated confidence",
        [
            Column("agent"),
            Column("stated confidence"),
            Column("pairs", True),
            Column("targets", True),
            Column("agreement, 95 % interval", True),
        ],
        [
            (
                row.agent,
                f"above {row.above:.1f} up to {row.up_to:.1f}",
                row.n_pairs,
                row.n_targets,
                _with_interval(row.mean, row.low, row.high),
            )
            for row in rows
        ],
        is_folded=True,
    )


def _with_interval(mean: float | None, low: float | None, high: float | None) -> Cell:
    if mean is None:
        return Cell("")
    interval = "one target" if low is None or high is None else f"{low:+.3f}, {high:+.3f}"
    return Cell(f"{mean:+.3f} [{interval}]", mean)


def calibration_chart(
    rows: Sequence[CalibrationRow], background: float, size: Size
) -> alt.LayerChart:
    """Measured agreement against stated confidence, a curve an agent."""
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
    legend = alt.Legend(
        orient="bottom", columns=alt.ExprRef("width > 500 ? 6 : 1"), symbolOpacity=1
    )
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
    lines = base.mark_line(strokeWidth=1.2, opacity=0.6).encode(
        y=alt.Y("mean:Q", title="measured agreement")
    )
    layers = [rule.encode(y="background:Q"), lines, bars, points]
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
    if measurements:
        yield Table(
            f"Delivered, but not counted as measured (n = {len(measurements)})",
            [Column("perturbation"), Column("file"), Column("why")],
            measurements,
            is_folded=len(measurements) > EXAMPLES,
        )
    else:
        yield Words(["Every perturbation that was delivered counts as measured."])
    given_up = [
        *((gene, "failed, may be proposed again", reason) for gene, reason in state.failed.items()),
        *((gene, "abandoned", reason) for gene, reason in state.abandoned.items()),
    ]
    if given_up:
        yield Table(
            f"Genes given up (n = {len(given_up)})",
            [Column("gene"), Column("fate"), Column("why")],
            given_up,
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
