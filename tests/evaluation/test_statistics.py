"""Intervals and adjusted p values against closed forms and worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mechpert_al.evaluation.statistics import (
    CrossedBootstrap,
    Interval,
    bootstrap_p,
    holm,
    interval,
    known_mean,
    share_below,
    verdict,
)

N_DRAWS = 20_000


def test_one_split_is_the_ordinary_bootstrap() -> None:
    """The variance of a resampled mean of n numbers is s²/n, s² with divisor n."""
    values = np.random.default_rng(0).normal(size=40)
    draws = CrossedBootstrap.draw(1, 40, 0, N_DRAWS).means(values[None])
    assert draws.mean() == pytest.approx(
        values.mean(), abs=4 * values.std() / np.sqrt(40 * N_DRAWS)
    )
    assert draws.var() == pytest.approx(values.var() / 40, rel=0.04)


def test_one_gene_resamples_splits_alone() -> None:
    values = np.random.default_rng(1).normal(size=12)
    draws = CrossedBootstrap.draw(12, 1, 0, N_DRAWS).means(values[:, None])
    assert draws.var() == pytest.approx(values.var() / 12, rel=0.04)


def test_additive_effects_add_their_variances() -> None:
    """score = split + gene: both parts are resampled independently of each other."""
    random = np.random.default_rng(2)
    by_split, by_gene = random.normal(size=8), random.normal(size=30)
    draws = CrossedBootstrap.draw(8, 30, 0, N_DRAWS).means(by_split[:, None] + by_gene)
    assert draws.var() == pytest.approx(by_split.var() / 8 + by_gene.var() / 30, rel=0.04)


def test_a_gene_weighs_the_same_in_all_splits() -> None:
    """Repeating a split does not narrow an interval: that would be pseudo-replication."""
    values = np.random.default_rng(3).normal(size=25)
    many = CrossedBootstrap.draw(50, 25, 0, N_DRAWS).means(np.tile(values, (50, 1)))
    assert many.var() == pytest.approx(values.var() / 25, rel=0.04)


def test_means_by_loops_with_missing_scores() -> None:
    random = np.random.default_rng(4)
    scores = random.normal(size=(3, 6))
    scores[random.random((3, 6)) < 0.5] = np.nan
    bootstrap = CrossedBootstrap.draw(3, 6, 0, 50)
    assert (bootstrap.split_weights.sum(axis=1) == 3).all()
    assert (bootstrap.gene_weights.sum(axis=1) == 6).all()
    for draw, mean in enumerate(bootstrap.means(scores)):
        total = mass = 0.0
        for s in range(3):
            for g in range(6):
                weight = bootstrap.split_weights[draw, s] * bootstrap.gene_weights[draw, g]
                if not np.isnan(scores[s, g]):
                    total, mass = total + weight * scores[s, g], mass + weight
        if mass:
            assert mean == pytest.approx(total / mass)
        else:
            assert np.isnan(mean)


def test_the_same_seed_gives_the_same_draws() -> None:
    one, two = (CrossedBootstrap.draw(4, 9, 5, 10) for _ in range(2))
    np.testing.assert_array_equal(one.gene_weights, two.gene_weights)
    assert not np.array_equal(one.gene_weights, CrossedBootstrap.draw(4, 9, 6, 10).gene_weights)
    assert len(CrossedBootstrap.draw(4, 9, 5).gene_weights) >= 2000


def test_interval_is_the_percentile_interval() -> None:
    draws = np.append(np.arange(1001.0), [np.nan, np.inf])
    found = interval(3.0, draws)
    assert (found.value, found.low, found.high) == pytest.approx((3, 25, 975))
    nothing = interval(3.0, np.array([np.nan]))
    assert nothing.value == 3
    assert np.isnan([nothing.low, nothing.high]).all()


def test_coverage_of_the_interval() -> None:
    """About 95 % of intervals hold the mean that the numbers were drawn from."""
    random = np.random.default_rng(6)
    bootstrap = CrossedBootstrap.draw(1, 50, 0, 2000)
    held = 0
    for _ in range(300):
        found = interval(0.0, bootstrap.means(random.normal(size=(1, 50))))
        held += found.low <= 0 <= found.high
    assert 0.90 <= held / 300 <= 0.98


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.3, "gain"),
        (-0.3, -0.1, "loss"),
        (-0.1, 0.1, "tie"),
        (0, 0.1, "tie"),
        (-0.1, 0, "tie"),
    ],
)
def test_verdict(low: float, high: float, expected: str) -> None:
    assert verdict(Interval(0.0, low, high)) == expected


def test_an_unknown_interval_is_no_gain() -> None:
    assert verdict(Interval(0.5, np.nan, np.nan)) == "tie"


# ---------------------------------------------------------------------- p values
def test_bootstrap_p_by_hand() -> None:
    assert bootstrap_p(np.array([1.0] * 97 + [-1.0] * 2)) == pytest.approx(2 * 3 / 100)
    assert bootstrap_p(-np.array([1.0] * 97 + [-1.0] * 2)) == pytest.approx(2 * 3 / 100)
    assert bootstrap_p(np.ones(99)) == pytest.approx(2 / 100)  # never 0
    assert bootstrap_p(np.zeros(10)) == 1
    assert bootstrap_p(np.array([])) == 1


def test_bootstrap_p_agrees_with_the_z_test() -> None:
    draws = np.random.default_rng(0).normal(1.5, 1, 100_000)
    assert bootstrap_p(draws) == pytest.approx(2 * stats.norm.sf(1.5), rel=0.03)


def test_holm_worked_example() -> None:
    """Holm (1979), four tests: .01 × 4, .02 × 3, .03 × 2 (not below .06), .04 × 1 likewise."""
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03, 0.02])), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(
        holm(np.array([0.005, np.nan, 0.9, 0.03])), [0.015, np.nan, 0.9, 0.06]
    )
    assert holm(np.array([0.7, 0.6])).tolist() == [1, 1]
    assert holm(np.array([])).size == 0
    assert np.isnan(holm(np.array([np.nan]))).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_by_its_step_down_rule(p_values: list[float]) -> None:
    """Rejected at level a are the smallest ones, as long as p ≤ a / (number not yet rejected)."""
    adjusted = holm(np.array(p_values))
    for level in (0.01, 0.05, 0.3):
        rejected: set[int] = set()
        for place in sorted(range(len(p_values)), key=lambda i: p_values[i]):
            if p_values[place] * (len(p_values) - len(rejected)) > level:
                break
            rejected.add(place)
        smaller = {i for i, p in enumerate(adjusted) if p <= level}
        same = {i for i in smaller ^ rejected if any(p_values[i] == p_values[j] for j in rejected)}
        assert smaller ^ rejected == same


def test_share_below() -> None:
    draws = np.array([0.1, 0.2, 0.3, 0.3 + 1e-15, 0.4])
    assert share_below(draws, 0.3) == pytest.approx((2 + 2 / 2) / 5)
    assert share_below(draws, 1.0) == 1
    assert share_below(draws, 0.0) == 0
    assert share_below(draws, np.nan) == 0


def test_known_mean() -> None:
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(known_mean(values, axis=0), [2, 5, np.nan])
    np.testing.assert_array_equal(known_mean(values, axis=1), [1, 4])
    assert known_mean(values) == 3
    assert np.isnan(known_mean(values[:, 2]))
