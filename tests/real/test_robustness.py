"""On real measurements: what adapting gains with bad agents and costs with good ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import read_panel
from mechpert_al.consensus import Knowledge
from mechpert_al.design import DesignState, build_strategy
from mechpert_al.effects import read_effects
from mechpert_al.evaluation.degradation import degraded
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import Screen, Split, splits
from mechpert_al.learning import reliability
from mechpert_al.loop.rounds import run_rounds
from mechpert_al.networks import read_network
from mechpert_al.prediction.catalogue import build_predictor

pytestmark = pytest.mark.real
N = 50


@pytest.fixture(scope="module")
def known(real_data: Path) -> Knowledge:
    network = read_network(real_data / "human_ppi_string_humap_reactome.tsv.gz")
    return Knowledge.from_panel(read_panel("essential585"), network)


@pytest.fixture(scope="module")
def screen(real_data: Path, known: Knowledge) -> Screen:
    effects = read_effects(real_data / "replogle2022_k562_up1000.h5ad")
    return Screen.of("K562", effects, known.genes)


def scored(screen: Screen, split: Split, known: Knowledge, method: str) -> float:
    """Mean score at 50 anchors of a method with its own anchors."""
    state = DesignState(known, split.pool, seed=split.number)
    predictor = build_predictor("adaptive_kriging" if method == "adaptive" else "kriging", known)
    if method == "adaptive":
        strategy = build_strategy("adaptive_coverage")
        rounds = run_rounds(state, strategy, predictor, screen.measure, [N // 5] * 5)
        anchors = list(rounds)[-1].anchors
    else:
        anchors = np.array(build_strategy("expected_coverage").select(state, N).picks)
    judge = Judge(screen, split)
    return float(judge.score([judge.predict(predictor, anchors)])[0][PRIMARY].mean())


def test_adapting_saves_a_bad_panel_and_costs_a_good_one_little(
    screen: Screen, known: Knowledge
) -> None:
    rows = []
    for split in splits(screen, 2, 0.4, seed=11):
        bad, one_bad = (degraded(known, kind, split.number) for kind in ("random:1", "one_random"))
        rows.append(
            [
                scored(screen, split, panel, method)
                for panel in (known, bad, one_bad)
                for method in ("fixed", "adaptive")
            ]
        )
    fixed, adaptive, fixed_bad, adaptive_bad, fixed_one, adaptive_one = np.mean(rows, axis=0)
    assert adaptive > fixed - 0.02
    assert abs(fixed_bad) < 0.05
    assert adaptive_bad > fixed_bad + 0.15
    assert adaptive_one > fixed_one + 0.01


def test_thirty_anchors_tell_guessers_from_agents_that_know(
    screen: Screen, known: Knowledge
) -> None:
    split = next(splits(screen, 1, 0.4, seed=12))
    said = {}
    for kind, panel in (("whole", known), ("guessers", degraded(known, "random:1", 3))):
        state = DesignState(panel, split.pool, seed=1)
        anchors = np.array(build_strategy("adaptive_coverage").select(state, 30).picks)
        told = reliability(panel, anchors, screen.measure(anchors))
        said[kind] = [one.verdict for one in told if one.source.startswith("agent:")]
        (prior,) = [one.verdict for one in told if one.source == "prior network"]
        assert prior == "informative"
    assert said["whole"] == ["informative"] * 3
    assert said["guessers"].count("no better than shuffled names") >= 2
