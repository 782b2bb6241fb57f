"""Correlation of profiles over the readouts they share, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mechpert_al.effects import EffectTable, profile_correlation


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    missing=st.sampled_from([0.0, 0.2, 0.6]),
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
    origin=st.sampled_from([0.0, 3.0, -1e3]),
)
def test_against_one_pair_after_the_other(
    seed: int, missing: float, scale: float, origin: float
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(6, 12)) * scale * rng.uniform(0.1, 10, size=(6, 1)) + origin * scale
    values[rng.random(values.shape) < missing] = np.nan
    correlation, shared = profile_correlation(values, min_shared=4)
    for i in range(6):
        for j in range(6):
            both = ~np.isnan(values[i]) & ~np.isnan(values[j])
            assert shared[i, j] == both.sum()
            if both.sum() < 4:
                assert np.isnan(correlation[i, j])
            else:
                expected = stats.pearsonr(values[i, both], values[j, both])[0]
                assert correlation[i, j] == pytest.approx(expected, abs=1e-8)


def test_a_flat_profile_correlates_with_nothing() -> None:
    values = np.array([[1.0, 2, 3, 4], [0.1, 0.1, 0.1, 0.1], [4.0, 3, 2, 2]])
    correlation, _ = profile_correlation(values)
    assert np.isnan(correlation[1]).all()
    assert np.isnan(correlation[:, 1]).all()
    assert correlation[0, 0] == pytest.approx(1)


def test_flat_only_over_what_is_shared() -> None:
    values = np.array([[1.0, 1, 1, 5, np.nan], [1.0, 2, 4, np.nan, 7]])
    correlation, shared = profile_correlation(values)
    assert shared[0, 1] == 3
    assert np.isnan(correlation[0, 1])


def test_a_profile_without_any_value() -> None:
    values = np.array([[1.0, 2, 4], [np.nan, np.nan, np.nan]])
    correlation, shared = profile_correlation(values)
    assert shared.tolist() == [[3, 0], [0, 0]]
    assert np.isnan(correlation[1]).all()


def test_symmetric_and_bounded() -> None:
    table = EffectTable(
        ("A", "B", "C"), tuple("abcdef"), np.random.default_rng(0).normal(size=(3, 6))
    )
    correlation, _ = profile_correlation(table)
    np.testing.assert_allclose(correlation, correlation.T, atol=1e-15)
    np.testing.assert_allclose(correlation, np.corrcoef(table.values.astype(float)), atol=1e-12)
    assert np.abs(correlation).max() <= 1
