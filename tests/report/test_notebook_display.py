"""Values show themselves in a notebook: escaped, with nothing hidden, and with their numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mechpert_al.agents import Agent, Panel
from mechpert_al.campaign import Campaign
from mechpert_al.design import plan
from mechpert_al.evaluation import compare
from mechpert_al.prediction import predict
from mechpert_al.testing import ToyScreen, toy_screen

NASTY = "<script>alert('x')</script>\u202e"


@pytest.fixture(scope="module")
def toy() -> ToyScreen:
    return toy_screen(seed=4, n_genes=24, n_readouts=20)


@pytest.fixture(scope="module")
def nasty(toy: ToyScreen) -> Panel:
    said = tuple(one._replace(mechanism=NASTY) for one in toy.panel.hypotheses)
    agents = {
        name: Agent(name, one.role, lens=NASTY, model=NASTY)
        for name, one in toy.panel.agents.items()
    }
    return replace(toy.panel, hypotheses=said, agents=agents)


def folder_of(panel: Panel, place):
    place.mkdir()
    for name in panel.agents:
        lines = [
            json.dumps(
                {
                    "target": target,
                    "regulators": [
                        {"gene": h.regulator, "direction": h.direction,
                         "confidence": h.confidence, "mechanism": h.mechanism}
                        for h in panel.hypotheses
                        if (h.agent, h.target) == (name, target)
                    ],
                }
            )
            for target in panel.answered[name]
        ]  # fmt: skip
        (place / f"{name}.jsonl").write_text("\n".join(lines))
    about = {
        "format": "mechpert-al panel 1",
        "name": NASTY,
        "candidates": list(panel.candidates),
        "agents": {
            name: {"role": one.role, "file": f"{name}.jsonl", "lens": one.lens}
            for name, one in panel.agents.items()
        },
    }
    (place / "panel.json").write_text(json.dumps(about))
    return place


def test_they_show_themselves(toy, nasty, tmp_path):
    batch = plan(nasty, 4)
    campaign = Campaign.create(tmp_path / "campaign", folder_of(nasty, tmp_path / "panel"))
    campaign.propose(3)
    shown = {
        "panel": nasty,
        "batch": batch,
        "campaign": campaign,
        "status": campaign.status(),
        "prediction": predict(toy.effects.take(toy.genes[:8]), nasty),
        "comparison": compare(
            {NASTY: toy.effects},
            toy.knowledge,
            strategies=("expected_coverage",),
            predictors=("kriging",),
            budgets=(4,),
            n_splits=1,
            random_draws=2,
        ),
    }
    for name, value in shown.items():
        html = value._repr_html_()
        assert html.startswith("<table>"), name
        assert "<script" not in html, name
        assert "\u202e" not in html, name
        assert html.count("<tr>") > 1, name
    for pick in batch:
        assert pick.gene in shown["batch"]._repr_html_()
    assert "&lt;script&gt;" in shown["batch"]._repr_html_()
    assert "&lt;script&gt;" in shown["comparison"]._repr_html_()
