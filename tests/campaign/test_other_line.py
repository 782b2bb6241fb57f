"""A campaign that knows another line: recorded, planned with, predicted with, rebuilt."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import mechpert_al as mp
from mechpert_al.agents import read_panel
from mechpert_al.campaign import Campaign
from mechpert_al.consensus import Knowledge
from mechpert_al.effects import EffectTable, read_effects, write_effects
from mechpert_al.errors import DataError
from mechpert_al.prediction import build_predictor, predict
from mechpert_al.prediction.expectation import expectation
from mechpert_al.testing import ToyScreen


@pytest.fixture
def line(toy: ToyScreen, tmp_path: Path) -> Path:
    write_effects(toy.other_line, tmp_path / "line.h5ad")
    return tmp_path / "line.h5ad"


@pytest.fixture
def campaign(toy_panel: Path, line: Path, tmp_path: Path) -> Campaign:
    return Campaign.create(tmp_path / "campaign", toy_panel, other_line=line)


def test_settings_name_it_and_the_journal_has_its_hash(campaign: Campaign, line: Path) -> None:
    settings = campaign.folder.settings.read_text()
    assert f'[prediction]\nother_line = "{line}"' in settings
    campaign.propose(3)
    expected = read_effects(line).content_hash
    assert campaign.state.created.other_line == expected
    assert campaign.state.rounds[0].other_line == expected
    again = Campaign.open(campaign.folder.path).state
    assert (again.created.other_line, again.rounds[0].other_line) == (expected, expected)


def test_batches_are_those_of_a_plan_with_it(
    campaign: Campaign, toy: ToyScreen, toy_panel: Path
) -> None:
    joined = mp.plan(str(toy_panel), 5, other_line=toy.other_line).genes
    assert campaign.propose(5).genes == joined
    assert joined != mp.plan(str(toy_panel), 5).genes


def test_predictions_and_expected_accuracy_are_joint(
    campaign: Campaign, toy: ToyScreen, tmp_path: Path
) -> None:
    measured = toy.effects.take(toy.genes[:12])
    write_effects(measured, tmp_path / "delivery.h5ad")
    campaign.ingest(tmp_path / "delivery.h5ad")
    assert campaign.effects is not None
    found = predict(campaign.effects, campaign.knowledge)
    assert found.predictor == "co_kriging"
    panel = read_panel((campaign.folder.path / campaign.settings.panel.path).resolve())
    known = Knowledge.from_panel(panel)
    known = known.with_other_line(toy.other_line).on_readouts(campaign.effects.readouts)
    numbers = np.arange(12)
    profiles = campaign.effects.take([toy.genes[i] for i in numbers]).values
    told = expectation(build_predictor("co_kriging", known).fit(numbers[:, None], profiles))
    assert told is not None
    accuracy = campaign.status().outlook.accuracy
    assert accuracy is not None
    assert accuracy.now.mean == pytest.approx(told.mean)


def test_it_survives_a_rebuild_and_is_found_from_the_folder(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = campaign.propose(4)
    campaign.folder.order_file(1).unlink()
    monkeypatch.chdir("/")  # the settings say where the line is, from wherever they are read
    again = Campaign.open(campaign.folder.path)
    again.rebuild()
    assert again.order().genes == first.genes
    assert again.verify().n_records == 2
    assert again.knowledge.other_line is not None
    fresh = again.propose(2, dry_run=True).genes
    assert campaign.propose(2).genes == fresh


def test_a_line_that_changed_is_noticed(campaign: Campaign, line: Path, toy: ToyScreen) -> None:
    def changes() -> list[str]:
        notices = Campaign.open(campaign.folder.path).status().notices
        return [text for text in notices if "changed" in text]

    assert changes() == []
    write_effects(toy.other_line.take(toy.other_line.perturbations[:8]), line)
    assert changes() == ["the other line's measurements have changed since the campaign began"]
    Campaign.open(campaign.folder.path).propose(2)
    assert changes() == []


def test_a_missing_or_foreign_line_is_refused_before_anything_is_made(
    toy_panel: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "mouse.h5ad"
    write_effects(EffectTable(("Zfp1", "Zfp2"), ("R1",), np.ones((2, 1))), foreign)
    for path, said in ((foreign, "mouse.h5ad: none of its 2"), (tmp_path / "no.h5ad", "no.h5ad")):
        with pytest.raises(DataError, match=said):
            Campaign.create(tmp_path / "refused", toy_panel, other_line=path)
        assert not (tmp_path / "refused" / "journal.jsonl").exists()


def test_journals_from_before_are_read(toy_panel: Path, tmp_path: Path) -> None:
    """A campaign without another line: its records need not have the key."""
    old = Campaign.create(tmp_path / "old", toy_panel)
    assert old.state.created.other_line is None
    assert "[prediction]" not in old.folder.settings.read_text()
    moved = shutil.copytree(old.folder.path, tmp_path / "moved")
    assert Campaign.open(moved).state.created == old.state.created


def test_a_line_that_was_added_later_is_said_to_be_that(
    toy_panel: Path, line: Path, tmp_path: Path
) -> None:
    campaign = Campaign.create(tmp_path / "campaign", toy_panel)
    campaign.propose(3)
    settings = campaign.folder.settings
    settings.write_text(settings.read_text() + f'\n[prediction]\nother_line = "{line}"\n')
    told = Campaign.open(campaign.folder.path).status()
    assert any(text == "another line was added since round 1 was proposed" for text in told.notices)


def test_without_shared_readouts_the_status_says_what_it_cannot_know(
    toy: ToyScreen, toy_panel: Path, tmp_path: Path
) -> None:
    other = toy.other_line
    ids = tuple(f"ENSG{i}" for i in range(other.n_readouts))
    write_effects(EffectTable(other.perturbations, ids, other.values), tmp_path / "ids.h5ad")
    write_effects(toy.effects.take(toy.genes[:12]), tmp_path / "measured.h5ad")
    campaign = Campaign.create(
        tmp_path / "campaign", toy_panel,
        effects=tmp_path / "measured.h5ad", other_line=tmp_path / "ids.h5ad",
    )  # fmt: skip
    told = campaign.status()
    assert told.outlook.accuracy is None
    (said,) = [line for line in told.lines() if "How accurate" in line]
    assert "ids.h5ad: none of its 4 readouts" in said
