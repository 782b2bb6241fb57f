"""Figures of a comparison: what they show, and that files come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import Agent, Hypothesis, Panel
from mechpert_al.effects import EffectTable
from mechpert_al.evaluation import Comparison, compare
from mechpert_al.report.figures import comparison_figures, save, shown_strategies


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    generator = np.random.default_rng(0)
    genes = tuple(f"G{i:02d}" for i in range(40))
    said = tuple(
        Hypothesis("one", genes[t], genes[r], 1, 0.5, "")
        for t, r in generator.integers(0, 40, size=(200, 2))
        if t != r
    )
    unique = {(h.target, h.regulator): h for h in said}
    panel = Panel(
        "made",
        {"one": Agent("one", "mechanism")},
        genes,
        tuple(unique.values()),
        {"one": frozenset(genes)},
    )
    profiles = generator.normal(size=(40, 50))
    return compare(
        {"line <b>": EffectTable(genes, tuple(f"R{i}" for i in range(50)), profiles)},
        panel,
        strategies=("expected_coverage", "most_proposed", "k_centre"),
        predictors=("kriging",),
        budgets=(10, 20),
        n_splits=2,
        random_draws=3,
    )


def test_random_and_the_oracle_are_always_shown(comparison: Comparison) -> None:
    shown = shown_strategies(comparison, "line <b>", "kriging", "pearson_centred")
    assert {"random", "oracle", "expected_coverage"} <= set(shown)
    assert shown["most_proposed"] == "most_proposed (best panel heuristic)"


def test_curves_draw_the_numbers_of_the_summary(comparison: Comparison) -> None:
    charts = comparison_figures(comparison)
    document = charts["learning-curves-line--b--kriging"].to_dict()
    rows = [row for layer in document["layer"] for row in layer["data"]["values"]]
    drawn = {(row["strategy"], row["anchors"]): row["mean"] for row in rows if "mean" in row}
    for row in comparison.rows(metric="pearson_centred", strategy="random"):
        assert drawn["random", row["budget"]] == pytest.approx(row["mean"])


def test_files_come_out_under_safe_names(comparison: Comparison, tmp_path: Path) -> None:
    written = save(comparison_figures(comparison), tmp_path / "figures")
    assert sorted(path.name for path in written) == [
        "learning-curves-line--b--kriging.png",
        "learning-curves-line--b--kriging.svg",
        "strategies-line--b--kriging.png",
        "strategies-line--b--kriging.svg",
    ]
    for path in written:
        head = path.read_bytes()[:8]
        assert head == b"\x89PNG\r\n\x1a\n" if path.suffix == ".png" else head.startswith(b"<svg")
