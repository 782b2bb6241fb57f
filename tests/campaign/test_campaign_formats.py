"""Campaigns of every released format stay readable."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.campaign import Campaign


@pytest.fixture
def format_1(tmp_path: Path) -> Path:
    """A campaign as the first version wrote it, without what is derived."""
    return shutil.copytree(Path(__file__).parent / "format_1", tmp_path / "campaign")


def test_format_1_is_read(format_1):
    campaign = Campaign.open(format_1)

    state = campaign.state
    assert state.name == "demo"
    assert list(state.measured) == ["MED1", "QARS1", "EPRS"]
    assert [source.file for source in state.measured["MED1"]] == ["round1.csv", "round2.csv"]
    assert [source.file for source in state.measured["QARS1"]] == ["round1_corrected.csv"]
    assert state.pending == {"EIF2B4": 1, "SMG5": 2, "UBL5": 2}
    assert state.abandoned == {"ATF4": "not expressed"}
    assert (state.failed, state.due) == ({}, {})
    assert len(state.rounds) == 2
    assert state.rounds[1].bridging == ("MED1",)
    assert [event.not_ordered for event in state.deliveries] == [("EPRS",), (), ()]
    assert state.deliveries[0].renamed[0][:2] == ("QARS", "QARS1")


def test_format_1_has_its_numbers(format_1):
    effects = Campaign.open(format_1).effects

    values = dict(zip(effects.perturbations, effects.values.tolist(), strict=True))
    pooled = (120 * np.array([0.25, -0.5, 0.0]) + 40 * np.array([0.5, -0.25, 0.25])) / 160
    assert values["MED1"] == pytest.approx(pooled)
    assert values["QARS1"] == [1.0, 1.25, 2.0]
    assert effects.n_cells.tolist() == [160, 80, 90]


def test_format_1_can_be_gone_on_with(format_1):
    campaign = Campaign.open(format_1)

    assert campaign.verify().n_records == 8
    assert campaign.order(1).genes[0] == "MED1"
    campaign.withdraw(["SMG5"], "failed", "lost")
    assert campaign.propose(1).genes == ("SMG5", "MED1")
    assert campaign.verify().n_records == 10
