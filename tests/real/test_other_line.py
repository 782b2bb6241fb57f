"""One measured line helps to predict the other: on development genes, few splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import read_panel
from mechpert_al.consensus import Knowledge
from mechpert_al.design import DesignState, build_strategy
from mechpert_al.effects import read_effects
from mechpert_al.evaluation.compare import judged
from mechpert_al.evaluation.controls import permuted_other_line
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import splits
from mechpert_al.prediction import build_predictor

#: Means over 12 splits of the same genes at 20 anchors, and what 3 splits may differ from them.
JOINT, KERNEL_ALONE, TOLERANCE = 0.354, 0.306, 0.025


@pytest.fixture(scope="module")
def scores(real_data: Path) -> dict[str, float]:
    """K562 with 20 anchors, RPE1 known."""
    k562, rpe1 = (
        read_effects(real_data / f"replogle2022_{name}_up1000.h5ad") for name in ("k562", "rpe1")
    )
    (screen,), known = judged(
        {"K562": k562}, Knowledge.from_panel(read_panel("essential585")), None, rpe1
    )
    known = known.beside(screen.line)
    found: dict[str, list[float]] = {}
    for split in splits(screen, 3, 0.4, 0, "development"):
        judge, state = Judge(screen, split), DesignState(known, split.pool, seed=split.number)
        anchors = np.array(build_strategy("expected_coverage").select(state, 20).picks)
        models = {name: build_predictor(name, known) for name in ("co_kriging", "kriging")}
        models["permuted"] = build_predictor("co_kriging", permuted_other_line(known, 0))
        for name, model in models.items():
            met = judge.score([judge.predict(model, anchors)])[0][PRIMARY]
            found.setdefault(name, []).append(float(met.mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def test_co_kriging_beats_kriging_on_the_joined_kernel(scores: dict[str, float]) -> None:
    assert scores["co_kriging"] == pytest.approx(JOINT, abs=TOLERANCE)
    assert scores["kriging"] == pytest.approx(KERNEL_ALONE, abs=TOLERANCE)
    assert scores["co_kriging"] > scores["kriging"] + 0.03


def test_under_wrong_names_nothing_is_gained(scores: dict[str, float]) -> None:
    assert scores["permuted"] < scores["kriging"]
