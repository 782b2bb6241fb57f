"""The experiment on asking again: its arms, its control, its intervals."""

import numpy as np
import pytest

from mechpert_al.errors import UsageError
from mechpert_al.power import asking
from mechpert_al.power.asking import ARMS, CONTRASTS, NEVER, ask_again_effect
from mechpert_al.virtual import VirtualLab

SIZES = {"precisions": (0.5,), "n_agents": 2, "batch": 6, "rounds": 2, "most": 15}


@pytest.fixture(scope="module")
def effect():
    return ask_again_effect(n_labs=4, **SIZES)


def test_the_number_of_processes_changes_nothing(effect):
    again = ask_again_effect(n_labs=4, n_jobs=2, **SIZES)
    assert again.as_document() == effect.as_document()


def test_every_arm_is_there_after_every_round(effect):
    assert {(row["arm"], row["anchors"]) for row in effect.curves} == {
        (arm, anchors) for arm in ARMS for anchors in (6, 12)
    }
    assert {(row["arm"], row["against"]) for row in effect.contrasts} == set(CONTRASTS)
    assert len(effect.statements) == len(CONTRASTS)


def test_differences_are_those_of_the_curves(effect):
    mean = {(row["arm"], row["anchors"]): row["value"] for row in effect.curves}
    for row in effect.contrasts:
        expected = mean[row["arm"], row["anchors"]] - mean[row["against"], row["anchors"]]
        assert row["value"] == pytest.approx(expected)
        assert row["low"] <= row["value"] <= row["high"]


def test_only_who_is_asked_counts_questions(effect):
    for row in effect.curves:
        assert (row["questions"] == 0) == (row["arm"] == NEVER)
        assert row["questions"] <= 15 * row["anchors"] / 6


def test_without_questions_no_arm_differs():
    """With no target asked about, all arms are the same design."""
    bench_rows = asking._lab(VirtualLab(0, 100, 60), (0.5,), 2, 0.5, 6, 2, 0)
    for anchors in (6, 12):
        scores = {bench_rows[0.5, arm, anchors] for arm in ARMS}
        assert len(scores) == 1


def test_too_few_labs_are_refused():
    with pytest.raises(UsageError, match="at least 4"):
        ask_again_effect(n_labs=3)


def test_evidence_reaches_the_score():
    """Agents that read differ from agents that do not, given the same dice."""
    found = asking._lab(VirtualLab(3, 120, 80), (0.5,), 3, 0.5, 15, 2, 60)
    read, unread = (
        np.array([found[0.5, arm, 30][0]])
        for arm in ("asked again, evidence used", "asked again, evidence not read")
    )
    assert read != unread
