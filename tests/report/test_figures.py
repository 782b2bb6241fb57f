"""Figures of a comparison: what they show, and that files come out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import Agent, Hypothesis, Panel
from mechpert_al.effects import EffectTable
from mechpert_al.evaluation import Comparison, compare
from mechpert_al.report.comparison import comparison_report
from mechpert_al.report.figures import (
    comparison_figures,
    save,
    shown_strategies,
    target_rows,
)
from mechpert_al.report.looks import look


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


def test_files_come_out_under_safe_names_and_fit_a_column(
    comparison: Comparison, tmp_path: Path
) -> None:
    written = save(comparison_figures(comparison), tmp_path / "figures")
    stems = {
        "learning-curves-line--b--kriging",
        "strategies-line--b--kriging",
        "heat-map-line--b-",
        "win-rates-line--b-",
        "gains-line--b-",
    }
    assert {path.name for path in written} == {
        f"{n}.{kind}" for n in stems for kind in ("svg", "png")
    }
    for path in written:
        if path.suffix == ".png":
            assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
            continue
        text = path.read_text(encoding="utf-8")
        width = float(re.search(r'<svg[^>]* width="([\d.]+)"', text)[1])
        assert width / 96 * 25.4 <= 89  # mm, one column of a journal
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)px"', text)]
        assert sizes
        assert min(sizes) * 72 / 96 >= 6  # points


def test_a_strategy_has_one_colour_everywhere(comparison: Comparison) -> None:
    def colours(document: dict) -> dict[str, str]:
        found: dict[str, str] = {}
        for layer in document["layer"]:
            scale = layer.get("encoding", {}).get("color", {}).get("scale", {})
            if "domain" in scale:
                found |= dict(zip(scale["domain"], scale["range"], strict=True))
        return found

    charts = comparison_figures(comparison)
    curves = colours(charts["learning-curves-line--b--kriging"].to_dict())
    points = colours(charts["strategies-line--b--kriging"].to_dict())
    wins = colours(charts["win-rates-line--b-"].to_dict())
    assert points["expected_coverage"] == look("expected_coverage").colour
    for label, colour in curves.items():
        assert points[label.split(" (")[0]] == colour
    assert wins.items() <= points.items()


def test_strategies_of_a_learning_curve_differ_without_colour_too() -> None:
    shown = ("oracle", "expected_coverage", "similarity_coverage", "prior_coverage")
    shown += ("most_proposed", "degree_prior", "k_centre", "random")
    assert len({look(name).colour for name in shown}) == len(shown) - 1  # two baselines share one
    assert len({look(name)[1:] for name in shown}) >= len(shown) - 1


def test_per_target_gains_are_differences_of_scores(comparison: Comparison) -> None:
    rows = target_rows(comparison, "line <b>")
    assert [row["gain"] for row in rows] == sorted((row["gain"] for row in rows), reverse=True)
    stated = comparison.protocol["stated_budget"]
    of = {
        name: comparison.rows(
            strategy=name, predictor="kriging", budget=stated, metric="pearson_centred"
        )[0]
        for name in ("expected_coverage", "random")
    }
    n = [row["n_splits"] for row in rows]
    assert sum(n) == of["random"]["n"]
    for key, name in (("value", "expected_coverage"), ("random", "random")):
        weighted = np.average([row[key] for row in rows], weights=n)
        assert weighted == pytest.approx(of[name]["mean"])
    for row in rows:
        assert row["gain"] == pytest.approx(row["value"] - row["random"])


def test_randoms_spread_is_told_and_holds_its_mean(comparison: Comparison) -> None:
    for row in comparison.rows(metric="pearson_centred"):
        if row["strategy"] == "random":
            assert row["random_spread"]["low"] <= row["mean"] <= row["random_spread"]["high"]
        else:
            assert row["random_spread"] is None


def test_the_report_says_each_result_in_words(comparison: Comparison, tmp_path: Path) -> None:
    written = comparison_report(comparison, tmp_path / "report.html", "mechpert-al compare x")
    assert written.failures == ()
    text = written.path.read_text(encoding="utf-8")
    words = {"gain": "Better than", "loss": "Worse than", "tie": "A tie with"}
    stated = comparison.protocol["stated_budget"]
    row = comparison.rows(
        strategy="expected_coverage", budget=stated, metric="pearson_centred", rounds=1
    )[0]
    gain = row["gain_over_random"]
    assert f"{words[gain['verdict']]} random choices of as many genes: {gain['value']:+.3f}" in text
    assert "Made by: mechpert-al compare x" in text
    assert "line &lt;b&gt;" in text
    assert "No control was run." in text
