"""From scores to statements: every number of a summary recomputed from made-up scores."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from mechpert_al.evaluation.comparison import Comparison, summarise
from mechpert_al.evaluation.metrics import METRICS
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.screen import Split
from mechpert_al.evaluation.split_scores import Cell, SplitScores
from mechpert_al.evaluation.statements import CONTROL_RULES
from mechpert_al.evaluation.statistics import CrossedBootstrap, holm

GENES = np.array([f"G{i:02}" for i in range(12)])
TESTS = (np.array([0, 2, 4, 6, 8]), np.array([1, 2, 3, 5, 8]))
MEANS = {
    "random": 0.20,
    "expected_coverage": 0.50,
    "degree_prior": 0.15,
    "pagerank_prior": 0.25,
    "most_proposed": 0.40,
    "oracle": 0.60,
    "oracle_kernel": 0.55,
}
PROTOCOL = Protocol(tuple(MEANS), ("kriging", "mean"), (10, 30, 50), n_splits=2, random_draws=4)


def made_up(seed: int = 0, dataset: str = "toy", spread: float = 0.1) -> list[SplitScores]:
    """Scores around known means, a little better with more anchors; one cannot be scored."""
    random = np.random.default_rng(seed)
    results = []
    for number, test in enumerate(TESTS):
        split = Split(number, np.setdiff1d(np.arange(12), test), test)
        one = SplitScores(dataset, split, tuple(GENES[test]))
        level = random.normal(scale=spread, size=5)  # some targets are harder, for everybody
        for strategy, mean in MEANS.items():
            for predictor in ("kriging", "mean"):
                for budget in (10, 30, 50):
                    cell = Cell(dataset, strategy, predictor, budget)
                    centre = (mean if predictor == "kriging" else 0) * budget / 50
                    values = centre + level + random.normal(scale=spread, size=5)
                    values[3] = np.nan if number == 0 else values[3]
                    one.scores[cell] = dict.fromkeys(METRICS, values)
                    if strategy == "random":
                        draws = centre + random.normal(scale=spread, size=4)
                        one.random_means[cell] = dict.fromkeys(METRICS, draws)
        results.append(one)
    return results


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return summarise(made_up(), PROTOCOL, {"effects": {}}, ["told before"])


@pytest.fixture(scope="module")
def tables() -> dict[Cell, np.ndarray]:
    """Splits × genes, NaN where not tested, by hand."""
    found: dict[Cell, np.ndarray] = {}
    for one in made_up():
        for cell, scores in one.scores.items():
            table = found.setdefault(cell, np.full((2, 12), np.nan))
            table[one.split.number, one.split.test] = scores["pearson_centred"]
    # genes that are never tested have no column
    return {cell: table[:, np.unique(np.concatenate(TESTS))] for cell, table in found.items()}


def row_of(comparison: Comparison, strategy: str, budget: int | None = 50, **more: Any) -> Any:
    wanted = {"predictor": "kriging", "metric": "pearson_centred", "dataset": "toy", **more}
    (row,) = comparison.rows(strategy=strategy, budget=budget, **wanted)
    return row


def cell_of(strategy: str, budget: int = 50) -> Cell:
    return Cell("toy", strategy, "kriging", budget)


def resampled(table: np.ndarray) -> np.ndarray:
    return CrossedBootstrap.draw(2, 8, PROTOCOL.seed).means(table)


def test_means_and_intervals(comparison: Comparison, tables: dict[Cell, np.ndarray]) -> None:
    for strategy in MEANS:
        row, table = row_of(comparison, strategy), tables[cell_of(strategy)]
        assert row["mean"] == pytest.approx(np.nanmean(table))
        low, high = np.nanquantile(resampled(table), [0.025, 0.975])
        assert (row["low"], row["high"]) == pytest.approx((low, high))
        assert row["n"] == 9
        assert row["n_genes"] == 7  # of eight that are tested one is never scored


def test_gains_are_paired_by_gene_and_split(
    comparison: Comparison, tables: dict[Cell, np.ndarray]
) -> None:
    own, random = tables[cell_of("expected_coverage")], tables[cell_of("random")]
    gain = row_of(comparison, "expected_coverage")["gain_over_random"]
    assert gain["value"] == pytest.approx(np.nanmean(own - random))
    low, high = np.nanquantile(resampled(own) - resampled(random), [0.025, 0.975])
    assert (gain["low"], gain["high"]) == pytest.approx((low, high))
    unpaired = resampled(own) - CrossedBootstrap.draw(2, 8, 99).means(random)
    assert high - low < np.ptp(np.nanquantile(unpaired, [0.025, 0.975]))
    assert gain["verdict"] == "gain"
    by_gene = [np.nanmean(c) for c in (own - random).T if not np.isnan(c).all()]
    assert gain["win_rate"] == pytest.approx(np.mean(np.array(by_gene) > 0))


def test_ratios_name_the_best_rival(comparison: Comparison) -> None:
    row = row_of(comparison, "expected_coverage")
    best = row_of(comparison, "pagerank_prior")
    assert row["ratio_to_best_centrality"]["which"] == "pagerank_prior"
    assert row["ratio_to_best_centrality"]["value"] == pytest.approx(row["mean"] / best["mean"])
    heuristic = row["ratio_to_best_panel_heuristic"]
    assert heuristic["which"] == "most_proposed"
    assert 1 < heuristic["value"] < row["ratio_to_best_centrality"]["value"]
    assert row["gain_over_best_centrality"]["which"] == "pagerank_prior"
    assert best["gain_over_best_centrality"] is None  # not over itself
    assert best["ratio_to_best_centrality"]["value"] == 1


def test_no_ratio_to_nothing(comparison: Comparison) -> None:
    """A rival at or below 0 has no ratio: the mean predictor's scores lie around 0."""
    for row in comparison.rows(predictor="mean", metric="pearson_centred"):
        best = max(
            comparison.rows(
                predictor="mean", metric="pearson_centred", budget=row["budget"], strategy=name
            )[0]["mean"]
            for name in ("degree_prior", "pagerank_prior")
            if row["budget"]
        ) if row["budget"] else 0  # fmt: skip
        if row["budget"] and best <= 0:
            assert row["ratio_to_best_centrality"] is None


def test_percentile_among_draws_of_the_same_split(
    comparison: Comparison, tables: dict[Cell, np.ndarray]
) -> None:
    for strategy in ("expected_coverage", "degree_prior"):
        shares = []
        for one in made_up():
            draws = one.random_means[cell_of("random")]["pearson_centred"]
            own = np.nanmean(tables[cell_of(strategy)][one.split.number])
            shares.append(np.mean(draws < own))
        found = row_of(comparison, strategy)["random_percentile"]
        assert found == pytest.approx(100 * np.mean(shares))
    assert row_of(comparison, "random")["random_percentile"] is None


def test_mse_ratio_has_no_gain(comparison: Comparison) -> None:
    row = row_of(comparison, "expected_coverage", metric="mse_ratio")
    assert row["gain_over_random"] is row["ratio_to_best_centrality"] is None


def test_holm_over_strategies_and_data_sets() -> None:
    results = [*made_up(0, "one", 0.6), *made_up(1, "two", 0.6)]
    both = summarise(results, PROTOCOL)
    alone = summarise(made_up(0, "one", 0.6), PROTOCOL)
    wanted = {"predictor": "kriging", "metric": "pearson_centred", "budget": 50}
    compared = ("expected_coverage", "degree_prior", "pagerank_prior", "most_proposed")
    p_values = []
    for dataset, seed in (("one", 0), ("two", 1)):
        by_cell: dict[str, np.ndarray] = {}
        for one in made_up(seed, dataset, 0.6):
            for cell, scores in one.scores.items():
                if cell.predictor == "kriging" and cell.budget == 50:
                    table = by_cell.setdefault(cell.strategy, np.full((2, 12), np.nan))
                    table[one.split.number, one.split.test] = scores["pearson_centred"]
        columns = np.unique(np.concatenate(TESTS))
        for name in compared:
            draws = resampled(by_cell[name][:, columns]) - resampled(by_cell["random"][:, columns])
            draws = draws[~np.isnan(draws)]  # a draw may hold no scored target
            below, above = (draws <= 0).sum(), (draws >= 0).sum()
            p_values.append(min(1, 2 * (min(below, above) + 1) / (len(draws) + 1)))
    found = [
        both.rows(dataset=dataset, strategy=name, **wanted)[0]["gain_over_random"]["p_holm"]
        for dataset in ("one", "two")
        for name in compared
    ]
    np.testing.assert_allclose(found, holm(np.array(p_values)))
    for name in compared:  # more tests: larger p values
        (one,), (two,) = (c.rows(dataset="one", strategy=name, **wanted) for c in (alone, both))
        assert one["gain_over_random"]["p_holm"] <= two["gain_over_random"]["p_holm"]
    oracle = both.rows(dataset="one", strategy="oracle", **wanted)[0]["gain_over_random"]
    assert oracle["p_holm"] is None  # not among the tests
    assert "p" not in oracle


def test_normalised_area(comparison: Comparison) -> None:
    """Trapezoid over 10, 30, 50, held against the oracle's."""

    def area(strategy: str) -> float:
        low, middle, high = (row_of(comparison, strategy, b)["mean"] for b in (10, 30, 50))
        return 20 * (low + middle) / 2 + 20 * (middle + high) / 2

    for strategy in ("random", "expected_coverage", "oracle"):
        row = row_of(comparison, strategy, None, metric="normalised_area")
        assert row["mean"] == pytest.approx(area(strategy) / area("oracle"))
    oracle = row_of(comparison, "oracle", None, metric="normalised_area")
    assert (oracle["low"], oracle["high"]) == pytest.approx((1, 1))
    mean = row_of(comparison, "expected_coverage", None, predictor="mean", metric="normalised_area")
    assert abs(mean["mean"]) < 0.3  # the mean profile is the other end, 0


def test_no_area_without_its_ends() -> None:
    protocol = Protocol(tuple(MEANS), ("kriging", "mean"), (30, 50), n_splits=2)
    results = made_up()
    for one in results:
        one.scores = {cell: s for cell, s in one.scores.items() if cell.budget != 10}
    assert not summarise(results, protocol).rows(metric="normalised_area")


def test_cells_are_the_means_of_each_split(
    comparison: Comparison, tables: dict[Cell, np.ndarray]
) -> None:
    cells = [c for c in comparison.cells if c["metric"] == "pearson_centred"]
    assert len(cells) == len(tables) * 2
    for cell in cells:
        key = Cell("toy", cell["strategy"], cell["predictor"], cell["budget"], cell["rounds"])
        assert cell["value"] == pytest.approx(np.nanmean(tables[key][cell["split"]]))


def test_what_could_not_be_scored_is_said(comparison: Comparison) -> None:
    assert comparison.notices[0] == "told before"
    assert any("1 of 10 tests of a target could not be scored" in n for n in comparison.notices)


def test_the_document_is_plain_json(comparison: Comparison) -> None:
    document = comparison.as_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == json.loads(json.dumps(document))
    assert document["format"] == "mechpert-al compare 1"
    assert document["protocol"]["stated_budget"] == 50
    assert {"inputs", "protocol", "summary", "cells"} <= set(document)
    assert len(comparison.frame()) == len(comparison.summary)
    assert "gain_over_random_verdict" in comparison.frame()
    assert comparison.datasets == ["toy"]


# ---------------------------------------------------------------------- controls and rounds
def with_controls(**means: float) -> Comparison:
    """Controls with given mean scores (all targets alike), real score 0.5, random 0.2."""
    results = made_up(spread=0.02)
    random = np.random.default_rng(5)
    for one in results:
        for name, mean in means.items():
            kind, _, rest = name.partition("_")
            strategy, predictor = "expected_coverage", f"control:{rest}"
            if kind == "design":
                strategy, predictor = predictor, "kriging"
            cell = Cell("toy", strategy, predictor, 50)
            one.scores[cell] = dict.fromkeys(METRICS, mean + random.normal(scale=0.02, size=5))
    return summarise(results, PROTOCOL)


@pytest.mark.parametrize(
    ("name", "mean", "fails"),
    [
        ("design_permuted_panel", 0.18, True),
        ("design_permuted_panel", 0.21, True),
        ("design_permuted_panel", 0.45, False),
        ("design_rewired", 0.19, True),
        ("design_rewired", 0.40, False),
        ("predictor_permuted_panel", 0.05, True),
        ("predictor_permuted_panel", 0.30, False),
        ("predictor_rewired", 0.10, True),
        ("predictor_rewired", 0.21, True),
        ("predictor_rewired", 0.49, False),
        ("predictor_permuted_feedback", 0.0, True),
        ("predictor_permuted_feedback", 0.45, False),
    ],
)
def test_controls_that_must_fail(name: str, mean: float, fails: bool) -> None:
    (row,) = with_controls(**{name: mean}).controls
    kind, _, rest = name.partition("_")
    assert row["control"] == f"control:{rest}"
    assert row["as"] == kind
    assert row["value"] == pytest.approx(mean, abs=0.02)
    assert row["fails_as_it_must"] is fails
    assert row["rule"] == CONTROL_RULES[rest, kind]


@pytest.mark.parametrize(("permuted", "fails"), [(0.35, True), (0.45, False)])
def test_permuted_measurements_are_held_against_the_same_without(
    permuted: float, fails: bool
) -> None:
    rows = with_controls(
        predictor_permuted_measured=permuted, predictor_without_measured=0.40
    ).controls
    (row,) = (r for r in rows if r["control"] == "control:permuted_measured")
    assert row["against"] == pytest.approx(0.40, abs=0.02)
    assert row["fails_as_it_must"] is fails
    (beside,) = (r for r in rows if r["control"] == "control:without_measured")
    assert beside["fails_as_it_must"] is None


@pytest.mark.parametrize(("permuted", "fails"), [(0.15, True), (0.45, False)])
def test_a_permuted_other_line_is_held_against_none(permuted: float, fails: bool) -> None:
    rows = with_controls(
        predictor_permuted_other_line=permuted, predictor_without_other_line=0.20
    ).controls
    (row,) = (r for r in rows if r["control"] == "control:permuted_other_line")
    assert row["against"] == pytest.approx(0.20, abs=0.02)
    assert row["fails_as_it_must"] is fails


def test_permuted_measurements_do_not_apply_where_none_were_used() -> None:
    results = made_up()
    for one in results:
        for name in ("permuted_measured", "without_measured"):
            cell = Cell("toy", "expected_coverage", f"control:{name}", 50)
            one.scores[cell] = dict.fromkeys(METRICS, np.full(5, 0.3))
    rows = summarise(results, PROTOCOL).controls
    (row,) = (r for r in rows if r["control"] == "control:permuted_measured")
    assert row["fails_as_it_must"] is None
    assert "does not apply" in row["rule"]


def test_controls_are_not_compared_as_strategies() -> None:
    result = with_controls(design_rewired=0.9, predictor_rewired=0.9)
    listed = {(row["strategy"], row["predictor"]) for row in result.summary}
    assert not any("control:" in name for pair in listed for name in pair)


def test_rounds_against_one_shot() -> None:
    results = made_up()
    for one in results:
        for budget in (30, 50):
            cell = Cell("toy", "expected_coverage", "kriging", budget)
            better = {m: v + 0.05 for m, v in one.scores[cell].items()}
            one.scores[cell._replace(rounds=5)] = better
    result = summarise(results, PROTOCOL)
    assert [(row["budget"], row["rounds"]) for row in result.adapting] == [(30, 5), (50, 5)]
    for row in result.adapting:
        gain = row["gain_over_one_shot"]
        assert gain["value"] == pytest.approx(0.05)
        assert (gain["low"], gain["high"]) == pytest.approx((0.05, 0.05))
        assert gain["verdict"] == "gain"
        assert row["learns"] is False
    in_rounds = result.rows(rounds=5, metric="pearson_centred", budget=50)[0]
    assert in_rounds["gain_over_random"]["value"] > 0.3  # against random in one shot


def test_contrasts_of_predictors_are_paired(tables: dict[Cell, np.ndarray]) -> None:
    """The default against the other predictor, with the default's anchors and with random ones."""
    result = summarise(made_up(), PROTOCOL)
    pairs = {(row["strategy"], row["against_strategy"]): row for row in result.contrasts}
    assert set(pairs) == {("expected_coverage", "expected_coverage"), ("random", "random")}
    for (strategy, _), row in pairs.items():
        ours = tables[cell_of(strategy)]
        other = tables[cell_of(strategy)._replace(predictor="mean")]
        assert (row["predictor"], row["against_predictor"]) == ("kriging", "mean")
        assert row["gain"]["value"] == pytest.approx(np.nanmean(ours - other))
        assert row["value"] - row["against"] == pytest.approx(row["gain"]["value"])
        low, high = np.nanquantile(resampled(ours) - resampled(other), [0.025, 0.975])
        assert (row["gain"]["low"], row["gain"]["high"]) == pytest.approx((low, high))
