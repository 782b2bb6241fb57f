"""Power analyses: answers worked out by hand, the same for any number of processes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mechpert_al.errors import UsageError
from mechpert_al.power import AgentQuality, Fitted, power
from mechpert_al.power.bench import Bench
from mechpert_al.power.result import crossing, prediction_interval, summarise
from mechpert_al.power.study import (
    CHANGES,
    NOBODY,
    STRENGTHS,
    PowerSettings,
    lab_scores,
    run_labs,
)
from mechpert_al.virtual import VirtualLab

LAB = VirtualLab(0, 80, 60)
SMALL = PowerSettings(
    agents=(AgentQuality(0.6),) * 2,
    precisions=(0.1, 0.6),
    anchors=10,
    cells=500,
    n_labs=4,
    n_draws=2,
)


@pytest.fixture(scope="module")
def rows():
    return run_labs(LAB, SMALL)


# ---------------------------------------------------------------------- what is run
def test_the_number_of_processes_changes_nothing(rows):
    assert run_labs(LAB, SMALL, n_jobs=2) == rows


def test_labs_are_told_apart_by_seed(rows):
    assert rows[2] == lab_scores(Bench(replace(LAB, seed=2)), SMALL)
    assert rows[2] != rows[1]


def test_every_question_is_asked(rows):
    keys = set(rows[0])
    assert NOBODY in keys
    assert {key[1] for key in keys if key[0] == "precision"} == {0.1, 0.6}
    assert {key[1] for key in keys if key[0] == "change"} == set(CHANGES)
    assert {key[1] for key in keys if key[0] == "agents"} == {1, 2, 3, 4}
    assert {key[1:] for key in keys if key[0] == "cells"} == {
        (factor, n) for factor in STRENGTHS for n in (5, 10, 20, 30)
    }


def test_the_panel_itself_stands_on_its_curve(rows):
    """The same agents under two keys have the same score."""
    for row in rows:
        assert row["precision", 0.6, "design"] == row["agents", 2, "design"]
        assert row["cells", 1.0, 10] == pytest.approx(row["agents", 2, "design"], abs=0.1)


@pytest.mark.parametrize(
    "settings", [{"agents": ()}, {"goal": 0}, {"n_labs": 3}, {"precisions": (0.0,)}, {"cells": 2}]
)
def test_impossible_plans_are_refused(settings):
    with pytest.raises(UsageError):
        replace(SMALL, **settings)


def test_more_anchors_than_genes_are_refused():
    with pytest.raises(UsageError, match="leave no choice"):
        run_labs(LAB, replace(SMALL, anchors=48))


# ---------------------------------------------------------------------- made-up scores
def made(design: dict[float, float], random: dict[float, float], nobody: float, noise=0.0):
    """Rows of made-up labs; scores differ between labs by noise that all keys share."""
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(12):
        shift = noise * generator.normal()
        row = {NOBODY: nobody + shift}
        for p in design:
            row["precision", p, "design"] = design[p] + shift
            row["precision", p, "random"] = random[p] + shift
        for name in CHANGES:
            row["change", name, "design"] = 0.3 + shift
            row["change", name, "random"] = 0.2 + shift
        for k in range(1, 5):
            row["agents", k, "design"] = (0.2, 0.3, 0.3, 0.25)[k - 1] + shift
            row["agents", k, "random"] = 0.2 + shift
        for factor in STRENGTHS:
            for n, score in ((5, 0.1), (10, 0.3), (20, 0.25)):
                row["cells", factor, n] = score * factor + shift
        rows.append(row)
    return rows


PLAN = replace(SMALL, precisions=(0.2, 0.4, 0.6), n_labs=12)


def answered(design, random, nobody, noise=0.0, **settings):
    plan = replace(PLAN, **settings)
    return summarise(made(design, random, nobody, noise), plan, LAB.as_document())


def test_the_required_precision_is_read_off_the_straight_line():
    """Over no agents (.2) by 50 % means .3: half way between .4 and .6. Over the better random
    (.2, .22, .25) the share is −50 %, 13.6 %, 60 %: 50 % at .4 + .2 × (50 − 13.6)/(60 − 13.6).
    """
    result = answered(
        {0.2: 0.1, 0.4: 0.25, 0.6: 0.4}, {0.2: 0.1, 0.4: 0.22, 0.6: 0.25}, 0.2, goal=0.5
    )
    one = result.required["over_no_agents"]
    assert one["value"] == pytest.approx(0.4 + 0.2 * (0.5 - 0.25) / (1.0 - 0.25))
    assert one["low"] == pytest.approx(one["value"])
    one = result.required["over_random"]
    shares = (0.25 / 0.22 - 1, 0.4 / 0.25 - 1)
    assert one["value"] == pytest.approx(0.4 + 0.2 * (0.5 - shares[0]) / (shares[1] - shares[0]))
    assert one["reached_in"] == 1


def test_a_goal_out_of_reach_is_said_to_be():
    result = answered(
        {0.2: 0.1, 0.4: 0.2, 0.6: 0.22}, {0.2: 0.1, 0.4: 0.2, 0.6: 0.2}, 0.2, goal=0.5
    )
    assert result.required["over_random"]["value"] is None
    assert "no precision up to 0.6 is enough; the most is +10%" in result.statements[0]


def test_nothing_is_gained_over_a_score_that_says_nothing():
    """Random anchors at 0.001: a tenfold score of a hundredth is no gain of 900 %."""
    result = answered(
        {0.2: 0.009, 0.4: 0.1, 0.6: 0.1}, {0.2: 0.001, 0.4: 0.1, 0.6: 0.1}, 0.0, goal=0.5
    )
    assert result.curve[0]["share_over_random"] is None
    assert result.required["over_random"]["value"] is None


def test_what_labs_share_does_not_widen_differences():
    noisy = answered({p: 0.3 for p in (0.2, 0.4, 0.6)}, {p: 0.2 for p in (0.2, 0.4, 0.6)}, 0.1, 0.1)
    score, added = noisy.agents[1]["score"], noisy.agents[1]["added"]
    assert score["high"] - score["low"] > 0.05
    assert added["value"] == pytest.approx(0.1)
    assert added["high"] - added["low"] < 1e-9
    assert [row["added"]["verdict"] for row in noisy.agents[1:]] == ["gain", "tie", "loss"]
    assert "Agent 3 adds +0.000 [+0.000, +0.000] to the score at 10 anchors: a tie." in (
        noisy.statements
    )


def test_the_best_division_of_cells():
    result = answered({p: 0.3 for p in (0.2, 0.4, 0.6)}, {p: 0.2 for p in (0.2, 0.4, 0.6)}, 0.1)
    best = result.best_divisions[0]
    assert (best["anchors"], best["low"], best["high"], best["as_good"]) == (10, 10, 10, [10])
    assert best["cells_per_anchor"] == 50
    assert [row["against_best"]["value"] for row in result.cells[:3]] == pytest.approx(
        [-0.2, 0, -0.05]
    )


def test_it_is_one_json_document_and_one_table(rows):
    result = summarise(rows, SMALL, LAB.as_document(), ["assumed"])
    document = json.loads(json.dumps(result.as_document(), allow_nan=False))
    assert document["format"] == "mechpert-al power 1"
    assert document["simulated"] is True
    assert document["notices"] == ["assumed"]
    frame = result.frame()
    assert set(frame["question"]) == {"curve", "changes", "agents", "cells"}
    assert len(frame) == 2 + len(CHANGES) + 4 + 4 * len(STRENGTHS)
    assert "answer" in result._repr_html_()


def test_means_and_intervals_counted_again(rows):
    """Means by NumPy; the interval of a difference beside Student's."""
    result = summarise(rows * 6, replace(SMALL, n_labs=24), LAB.as_document())
    values = np.array([row["agents", 2, "design"] for row in rows])
    assert result.agents[1]["score"]["value"] == pytest.approx(values.mean())
    apart = np.array([row["agents", 2, "design"] - row["agents", 1, "design"] for row in rows] * 6)
    added = result.agents[1]["added"]
    assert added["value"] == pytest.approx(apart.mean())
    low, high = stats.t.interval(0.95, 23, apart.mean(), stats.sem(apart))
    assert added["low"] == pytest.approx(low, abs=0.3 * (high - low))
    assert added["high"] == pytest.approx(high, abs=0.3 * (high - low))


# ---------------------------------------------------------------------- small parts
@given(st.lists(st.floats(-1, 3), min_size=2, max_size=8), st.floats(-0.5, 2))
def test_a_crossing_is_the_first_place_at_the_goal(values, goal):
    places = np.arange(len(values), dtype=float)
    found = crossing(places, np.array(values), goal)
    if not np.isfinite(found):
        assert max(values) < goal
        return
    assert np.interp(found, places, values) >= goal - 1e-9
    before = np.linspace(0, found, 50)[:-1] if found > 0 else []
    assert all(np.interp(place, places, values) <= goal + 1e-9 for place in before)


def test_prediction_intervals_hold_as_often_as_they_say():
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        *seen, new = generator.normal(3, 2, size=9)
        one = prediction_interval(np.array(seen))
        held += one["low"] <= new <= one["high"]
    assert held / 2000 == pytest.approx(0.95, abs=0.02)


def test_the_call_takes_what_is_stated_over_what_was_fitted():
    kind = Fitted(LAB, (AgentQuality(0.3),), 0.2, {"informativeness": 0.9})
    usual = power(kind, anchors=5, cells=100, n_labs=4, n_draws=1, precisions=(0.33,))
    assert usual.settings["agents"][0]["precision"] == 0.3
    assert usual.settings["agreement"] == 0.2
    assert usual.settings["literature"] == {"informativeness": 0.9}
    assert 0.33 in [row["precision"] for row in usual.curve]
