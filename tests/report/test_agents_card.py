"""The card on the agents: the verdicts of `learning.reliability`, and that nothing is known yet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mechpert_al.campaign import Campaign
from mechpert_al.consensus.calibration import calibration
from mechpert_al.effects import write_effects
from mechpert_al.learning import reliability
from mechpert_al.report import agents
from mechpert_al.report.campaign import Story
from mechpert_al.report.cards import Card, Figure, Table, Words, made
from mechpert_al.testing import ToyScreen


@pytest.fixture
def campaign(toy_panel: Path, tmp_path: Path) -> Campaign:
    return Campaign.create(tmp_path / "screen", toy_panel)


def card(campaign: Campaign):
    """The parts of the card, as they are rendered."""
    found = made(Card("agents", lambda: list(agents.reliability(Story(campaign)))))
    assert found.failure == ""
    return found.parts


def said(parts) -> str:
    return "\n".join(line for part in parts if isinstance(part, Words) for line in part.lines)


def deliver(campaign: Campaign, toy: ToyScreen, genes, folder: Path) -> None:
    write_effects(toy.effects.take(genes), folder / "delivery.h5ad")
    campaign.ingest(folder / "delivery.h5ad")


@pytest.mark.parametrize("n", [0, 3])
def test_before_enough_is_measured_it_says_that_nothing_is_known(campaign, toy, tmp_path, n):
    if n:
        deliver(campaign, toy, toy.genes[:n], tmp_path)
    text = said(card(campaign))
    assert f"Nothing is known yet: {n} candidates are measured" in text
    assert "informative" not in text


def test_verdicts_sentences_and_curve_are_those_of_the_library(campaign, toy, tmp_path):
    genes = toy.genes[:12]
    deliver(campaign, toy, genes, tmp_path)
    parts = card(campaign)
    knowledge = campaign.knowledge
    numbers = np.array([knowledge.genes.index(gene) for gene in genes])
    expected = reliability(knowledge, numbers, toy.effects.take(genes).values.astype(float))
    for one in expected:
        assert one.sentence in said(parts)
    tables = [part for part in parts if isinstance(part, Table)]
    rows = {row[0].text: row[1].text for row in tables[0].rows}
    assert rows == {one.source: one.verdict for one in expected}
    figure = next(part for part in parts if isinstance(part, Figure))
    drawn = [
        row
        for layer in figure.chart["layer"]
        for row in layer.get("data", {}).get("values", [])
        if "agent" in row
    ]
    shown = {(row["agent"], row["confidence"]): row["mean"] for row in drawn}
    found = calibration(Story(campaign).panel, toy.effects.take(genes))
    assert shown == {
        (row.agent, f"{row.above:.1f}–{row.up_to:.1f}"): pytest.approx(row.mean)
        for row in found.rows
        if row.mean is not None
    }
    assert len(shown) >= 4


def test_of_many_sources_the_telling_ones_have_a_sentence(campaign, toy, tmp_path, monkeypatch):
    deliver(campaign, toy, toy.genes[:12], tmp_path)
    monkeypatch.setattr(agents, "SENTENCES", 2)
    parts = card(campaign)
    listed = [part.lines for part in parts if isinstance(part, Words) and part.is_list]
    assert [line.split(":")[0] == "consensus" for line in listed[0]] == [True, False]
    judged = Story(campaign).judged
    assert f"Of {len(judged)} sources" in said(parts)
    assert len(next(part for part in parts if isinstance(part, Table)).rows) == len(judged)
