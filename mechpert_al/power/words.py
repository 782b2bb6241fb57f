"""The answers of a power analysis in words; where an interval includes 0 it is called a tie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mechpert_al.power.result import Power

RIVALS = {
    "over_random": "random anchors with the better of two predictors (the agents' or literature's)",
    "over_no_agents": "random anchors predicted from literature, without agents",
}


def statements(result: Power) -> list[str]:
    """The answers, most wanted first."""
    return [
        *(_required(result, kind) for kind in RIVALS),
        _screen(result),
        *(_division(result, row) for row in result.best_divisions),
        *(_agent(result, row) for row in result.agents if row["added"] is not None),
        *(_change(row) for row in result.changes),
    ]


def signed(one: Mapping[str, Any], percent: bool = False) -> str:
    """A difference with its interval."""
    if percent:
        return f"{one['value']:+.0%} [{one['low']:+.0%}, {one['high']:+.0%}]"
    return f"{one['value']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"


def plain(one: Mapping[str, Any]) -> str:
    """A score with its interval."""
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def required(one: Mapping[str, Any]) -> str:
    """A precision with its interval, or that none is enough."""
    if one["value"] is None:
        return f"not reached up to {one['up_to']:g}"
    high = f"above {one['up_to']:g}" if one["high"] is None else f"{one['high']:.2f}"
    low = f"above {one['up_to']:g}" if one["low"] is None else f"{one['low']:.2f}"
    return f"{one['value']:.2f} [{low}, {high}]"


def _required(result: Power, kind: str) -> str:
    one, n = result.required[kind], result.settings["anchors"]
    what = f"To beat {RIVALS[kind]} by {one['goal']:.0%} at {n} anchors"
    if one["value"] is None:
        return (
            f"{what}, no precision up to {one['up_to']:g} is enough; the most is "
            f"{one['most']:+.0%}, at a precision of {one['most_at']:g}."
        )
    if one["value"] <= one["from"]:
        return f"{what}, a precision of {one['from']:g}, the least that was tried, is enough."
    return (
        f"{what}, the agents' precision must be {required(one)} or more; the most, "
        f"{one['most']:+.0%}, is had at {one['most_at']:g}."
    )


def _screen(result: Power) -> str:
    n, number = result.settings["anchors"], len(result.settings["agents"])
    mean = result.agents[number - 1]["gain_over_random"]
    return (
        f"The panel as stated gains {signed(mean)} over random at {n} anchors on average "
        f"({_called(mean)}); in one screen the gain is expected between "
        f"{result.screen['low']:+.3f} and {result.screen['high']:+.3f}."
    )


def _division(result: Power, row: Mapping[str, Any]) -> str:
    strength = (
        "" if row["strength"] == 1 else f" With responses {row['strength']:g} times as strong:"
    )
    many = ", ".join(map(str, row["as_good"]))
    more = "; no more were tried" if row["anchors"] == row["most_tried"] else ""
    return (
        f"Of {result.settings['cells']} cells:{strength} {row['anchors']} anchors × "
        f"{row['cells_per_anchor']:.0f} cells score best, {plain(row['score'])} (interval of the "
        f"best number {row['low']}–{row['high']}{more}); as good within the interval: {many}."
    )


def _agent(result: Power, row: Mapping[str, Any]) -> str:
    return (
        f"Agent {row['n_agents']} adds {signed(row['added'])} to the score at "
        f"{result.settings['anchors']} anchors: {_called(row['added'])}."
    )


def _change(row: Mapping[str, Any]) -> str:
    return (
        f"With {row['change']} the score changes by {signed(row['difference'])}: "
        f"{_called(row['difference'])}."
    )


def _called(one: Mapping[str, Any]) -> str:
    return "a tie" if one["verdict"] == "tie" else f"a {one['verdict']}"
