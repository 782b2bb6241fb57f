"""The result of a power analysis: what virtual labs answered, with intervals, in numbers and words.

Labs are independent, so intervals of means come from resampling labs, the same resampled labs for
whatever is compared. The interval for *one* screen is wider: it holds what a single further lab of
the same kind would show (Student's prediction interval).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al.design.strategy import random_generator
from mechpert_al.evaluation.statistics import interval, verdict
from mechpert_al.power.study import CHANGES, NOBODY, STRENGTHS, Key, PowerSettings

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "mechpert-al power 1"
N_DRAWS = 2000
#: A score below this is no yardstick: a ratio to it says nothing.
LEAST_SCORE = 0.01


@dataclass(frozen=True, eq=False)
class Power:
    """What a design is worth, planned in virtual labs.

    Parameters
    ----------
    settings, lab
        What was planned, in what kind of lab; plain JSON values.
    curve
        One row a precision of the agents: score of the design, of random anchors with the same
        predictor, and of random anchors without agents; the differences, and the gains as shares.
    required
        The precision from which the wanted gain is reached, over each kind of random.
    changes
        One row a change of one trait of the agents: score, and the difference from the panel.
    agents
        One row a number of agents: score, and what the last of them adds.
    cells
        One row a strength of the responses and number of anchors that share the budget: score, and
        how far below the best it is.
    best_divisions
        One row a strength: the best number of anchors, with its interval.
    screen
        What one screen may show at this panel: gain over random with the interval for one screen.
    notices
        What had to be assumed.
    """

    settings: Mapping[str, Any]
    lab: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]]
    required: Mapping[str, Mapping[str, Any]]
    changes: Sequence[Mapping[str, Any]]
    agents: Sequence[Mapping[str, Any]]
    cells: Sequence[Mapping[str, Any]]
    best_divisions: Sequence[Mapping[str, Any]]
    screen: Mapping[str, Any]
    notices: Sequence[str] = field(default=())

    def as_document(self) -> dict[str, Any]:
        """Everything as one JSON document."""
        return {
            "format": FORMAT,
            "simulated": True,
            "settings": dict(self.settings),
            "lab": dict(self.lab),
            "statements": self.statements,
            "curve": list(self.curve),
            "required": dict(self.required),
            "changes": list(self.changes),
            "agents": list(self.agents),
            "cells": list(self.cells),
            "best_divisions": list(self.best_divisions),
            "screen": dict(self.screen),
            "notices": list(self.notices),
        }

    def frame(self) -> pd.DataFrame:
        """All rows as one pandas table; ``question`` says which list a row is from."""
        import pandas as pd

        parts = ("curve", "changes", "agents", "cells")
        rows = [{"question": part, **row} for part in parts for row in getattr(self, part)]
        return pd.json_normalize(rows, sep="_")

    @property
    def statements(self) -> list[str]:
        """The answers in words."""
        from mechpert_al.power.words import statements

        return statements(self)

    def __repr__(self) -> str:
        return f"Power({self.settings['n_labs']} virtual labs of {self.lab['n_genes']} genes)"

    def _repr_html_(self) -> str:
        from mechpert_al.display import html_table

        return html_table([{"answer": text} for text in self.statements], caption=repr(self))


def summarise(
    rows: Sequence[Mapping[Key, float]],
    settings: PowerSettings,
    lab: Mapping[str, Any],
    notices: Sequence[str] = (),
) -> Power:
    """All answers from the scores of the labs."""
    table = _Table(rows, settings.seed)
    base = ("agents", len(settings.agents))
    curve = [_curve_row(table, precision) for precision in sorted(set(settings.precisions))]
    return Power(
        settings.as_document(),
        lab,
        curve,
        {kind: _required(table, settings, kind) for kind in ("over_random", "over_no_agents")},
        [_change_row(table, name, (*base, "design")) for name in CHANGES],
        [
            _agents_row(table, n)
            for n in range(1, 1 + max(key[1] for key in rows[0] if key[0] == "agents"))
        ],
        [row for factor in STRENGTHS for row in _cell_rows(table, settings, factor)],
        [_best_division(table, settings, factor) for factor in STRENGTHS],
        table.one_screen((*base, "design"), (*base, "random")),
        notices,
    )


class _Table:
    """Scores of labs by key, and the labs resampled."""

    def __init__(self, rows: Sequence[Mapping[Key, float]], seed: int) -> None:
        self.values = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        self.weights = bootstrap_weights(len(rows), seed)

    def draws(self, key: Key) -> np.ndarray:
        """Resampled means, shape (N_DRAWS,)."""
        return self.weights @ self.values[key]

    def mean(self, key: Key) -> dict[str, float]:
        """Mean over the labs with its interval."""
        return _numbers(self.values[key].mean(), self.draws(key))

    def gain(self, key: Key, rival: Key) -> dict[str, Any]:
        """Paired difference with its interval and verdict."""
        draws = self.draws(key) - self.draws(rival)
        found = interval(float((self.values[key] - self.values[rival]).mean()), draws)
        return {
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "verdict": verdict(found),
        }

    def share(self, key: Key, rival: Key) -> dict[str, float] | None:
        """Gain as a share of the rival's score; None where that score says nothing."""
        below, below_draws = self.values[rival].mean(), self.draws(rival)
        if np.quantile(below_draws, 0.025) < LEAST_SCORE:
            return None
        return _numbers(self.values[key].mean() / below - 1, self.draws(key) / below_draws - 1)

    def one_screen(self, key: Key, rival: Key) -> dict[str, float]:
        """The gain in one further lab: Student's prediction interval."""
        return prediction_interval(self.values[key] - self.values[rival])


def bootstrap_weights(n_labs: int, seed: int) -> np.ndarray:
    """Shares of resampled labs, shape (N_DRAWS, n_labs); times values they give resampled means."""
    generator = random_generator(seed, "power bootstrap")
    return generator.multinomial(n_labs, np.full(n_labs, 1 / n_labs), N_DRAWS) / n_labs


def prediction_interval(values: np.ndarray, level: float = 0.95) -> dict[str, float]:
    """Mean of some labs' values, and where one further lab's value is expected."""
    from scipy.stats import t

    n = len(values)
    half = float(t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) * np.sqrt(1 + 1 / n))
    mean = float(values.mean())
    return {"value": mean, "low": mean - half, "high": mean + half}


def _numbers(value: float, draws: np.ndarray) -> dict[str, float]:
    found = interval(float(value), draws)
    return {"value": found.value, "low": found.low, "high": found.high}


# ---------------------------------------------------------------------- how good must agents be
def _curve_row(table: _Table, precision: float) -> dict[str, Any]:
    design, random = ("precision", precision, "design"), ("precision", precision, "random")
    rival = _better_random(table, precision)
    return {
        "precision": precision,
        "design": table.mean(design),
        "random": table.mean(random),
        "no_agents": table.mean(NOBODY),
        "gain_over_random": table.gain(design, random),
        "gain_over_no_agents": table.gain(design, NOBODY),
        "share_over_random": table.share(design, rival),
        "share_over_no_agents": table.share(design, NOBODY),
    }


def _better_random(table: _Table, precision: float) -> Key:
    """Random anchors with the better of the two predictors, agents' or literature's, by mean."""
    random: Key = ("precision", precision, "random")
    return max((random, NOBODY), key=lambda key: float(table.values[key].mean()))


def _required(table: _Table, settings: PowerSettings, kind: str) -> dict[str, Any]:
    """The smallest precision from which the goal is reached, read off between those tried."""
    precisions = np.array(sorted(set(settings.precisions)))
    designs = [("precision", p, "design") for p in precisions]
    rivals = [NOBODY if kind == "over_no_agents" else _better_random(table, p) for p in precisions]
    means = np.array(
        [
            _share(table.values[d].mean(), table.values[r].mean())
            for d, r in zip(designs, rivals, strict=True)
        ]
    )
    drawn = np.array(
        [_share(table.draws(d), table.draws(r)) for d, r in zip(designs, rivals, strict=True)]
    )
    crossings = np.array([crossing(precisions, one, settings.goal) for one in drawn.T])
    value = crossing(precisions, means, settings.goal)
    low, high = np.quantile(crossings, [0.025, 0.975], method="closest_observation")
    return {
        "goal": settings.goal,
        "value": _finite(value),
        "low": _finite(low),
        "high": _finite(high),
        "reached_in": float(np.isfinite(crossings).mean()),
        "most": float(means.max()),
        "most_at": float(precisions[int(means.argmax())]),
        "from": float(precisions[0]),
        "up_to": float(precisions[-1]),
    }


def _share(value: Any, below: Any) -> Any:
    """Gain as a share; nothing is gained over a score that says nothing."""
    usable = np.asarray(below) >= LEAST_SCORE
    return np.where(usable, value / np.where(usable, below, 1) - 1, -1.0)


def crossing(places: np.ndarray, values: np.ndarray, goal: float) -> float:
    """The first place at which values reach a goal, by straight lines; infinite if they do not."""
    above = np.flatnonzero(values >= goal)
    if not above.size:
        return float("inf")
    first = int(above[0])
    if first == 0:
        return float(places[0])
    before, after = values[first - 1], values[first]
    step = (goal - before) / (after - before)
    return float(places[first - 1] + step * (places[first] - places[first - 1]))


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


# ---------------------------------------------------------------------- traits, agents, cells
def _change_row(table: _Table, name: str, base: Key) -> dict[str, Any]:
    key = ("change", name, "design")
    return {
        "change": name,
        "score": table.mean(key),
        "difference": table.gain(key, base),
        "gain_over_random": table.gain(key, ("change", name, "random")),
    }


def _agents_row(table: _Table, n: int) -> dict[str, Any]:
    key = ("agents", n, "design")
    return {
        "n_agents": n,
        "score": table.mean(key),
        "gain_over_random": table.gain(key, ("agents", n, "random")),
        "added": None if n == 1 else table.gain(key, ("agents", n - 1, "design")),
    }


def _divisions(table: _Table, factor: float) -> list[int]:
    return sorted(key[2] for key in table.values if key[0] == "cells" and key[1] == factor)


def _cell_rows(table: _Table, settings: PowerSettings, factor: float) -> list[dict[str, Any]]:
    divisions = _divisions(table, factor)
    best = max(divisions, key=lambda n: float(table.values["cells", factor, n].mean()))
    return [
        {
            "strength": factor,
            "anchors": n,
            "cells_per_anchor": settings.cells / n,
            "score": table.mean(("cells", factor, n)),
            "against_best": table.gain(("cells", factor, n), ("cells", factor, best)),
        }
        for n in divisions
    ]


def _best_division(table: _Table, settings: PowerSettings, factor: float) -> dict[str, Any]:
    divisions = _divisions(table, factor)
    means = np.array([table.values["cells", factor, n].mean() for n in divisions])
    drawn = np.array([table.draws(("cells", factor, n)) for n in divisions])
    chosen = np.array(divisions)[drawn.argmax(axis=0)]
    low, high = np.quantile(chosen, [0.025, 0.975], method="closest_observation")
    best = divisions[int(means.argmax())]
    as_good = [
        n
        for n in divisions
        if n == best or table.gain(("cells", factor, n), ("cells", factor, best))["high"] >= 0
    ]
    return {
        "strength": factor,
        "anchors": best,
        "low": int(low),
        "high": int(high),
        "cells_per_anchor": settings.cells / best,
        "score": table.mean(("cells", factor, best)),
        "as_good": as_good,
        "most_tried": divisions[-1],
    }
