"""Planned against met, where the screen that is met is itself a virtual lab of the planned kind."""

from dataclasses import replace

import numpy as np
import pytest

from mechpert_al.errors import UsageError
from mechpert_al.evaluation import compare
from mechpert_al.power import AgentQuality, Fitted, planned_against_met
from mechpert_al.report.power import planned_and_met
from mechpert_al.virtual import VirtualLab

LAB = VirtualLab(0, 80, 60)
QUALITY = AgentQuality(0.6)
KIND = Fitted(LAB, (QUALITY,) * 2, 0.5)
MET = replace(LAB, seed=77)
SIZES = {"budgets": (6, 15), "n_labs": 4, "met_splits": 2, "met_draws": 3}


def screen():
    panel = MET.panel(traits=[QUALITY.traits(MET)] * 2, agreement=0.5)
    return MET.effects(), panel


@pytest.fixture(scope="module")
def check():
    effects, panel = screen()
    return planned_against_met(KIND, {"other": effects}, panel, **SIZES)


def test_what_is_met_is_what_the_comparison_says(check):
    effects, panel = screen()
    result = compare(
        effects, panel, strategies=["expected_coverage"], predictors=["kriging"],
        budgets=(6, 15), n_splits=2, random_draws=3,
    )  # fmt: skip
    for row in (row for row in check.rows if row["quantity"] == "design"):
        (own,) = result.rows(
            strategy="expected_coverage", budget=row["budget"], metric="pearson_centred"
        )
        assert row["met"] == {"value": own["mean"], "low": own["low"], "high": own["high"]}


def test_gains_are_differences_and_intervals_decide(check):
    for budget in (6, 15):
        found = {row["quantity"]: row for row in check.rows if row["budget"] == budget}
        for side in ("planned", "met"):
            gain = found["design"][side]["value"] - found["random"][side]["value"]
            assert found["gain"][side]["value"] == pytest.approx(gain)
    for row in check.rows:
        inside = row["planned"]["low"] <= row["met"]["value"] <= row["planned"]["high"]
        assert row["holds"] == inside
    n = sum(row["holds"] for row in check.rows if row["quantity"] == "gain")
    assert f"{n} of 2 numbers of anchors" in check.statements[0]


def test_the_figure_shows_both(check):
    drawn = planned_and_met(check, "other").to_dict()
    assert len(drawn["vconcat"]) == 3
    values = [row["value"] for data in drawn["datasets"].values() for row in data]
    assert all(np.isfinite(values))


def test_unknown_agents_cannot_be_planned_with():
    effects, panel = screen()
    with pytest.raises(UsageError, match="nothing is known of the agents"):
        planned_against_met(Fitted(LAB), {"other": effects}, panel)
