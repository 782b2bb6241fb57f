"""What is expected of predictions: the rule by hand, and whether intervals hold what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.consensus import Knowledge, coverage
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import Screen, splits
from mechpert_al.prediction import KrigingRegressor, predict
from mechpert_al.prediction.expectation import (
    EVEN,
    FLOOR,
    GROWTH,
    LEVEL,
    MIN_ANCHORS,
    SELECTED,
    SPREAD,
    WIDTH,
    Expectation,
    expectation,
    mean_root,
)
from mechpert_al.virtual import VirtualLab

LAB = VirtualLab(seed=5, n_genes=60, n_readouts=60)
KNOWN = Knowledge.from_panel(LAB.panel(0.8))
PROFILES = LAB.effects().values.astype(np.float64)


def fitted(anchors: np.ndarray, profiles: np.ndarray = PROFILES) -> KrigingRegressor:
    return KrigingRegressor(KNOWN.kernel).fit(anchors[:, None], profiles[anchors])


def test_the_mean_follows_from_anchors_refitted_one_by_one() -> None:
    anchors = np.arange(0, 60, 4)
    model = fitted(anchors)
    unit = model.unit_
    met = []
    for left in range(len(anchors)):
        others = np.delete(np.arange(len(anchors)), left)
        K = KNOWN.kernel[np.ix_(anchors[others], anchors[others])]
        R = unit[others] @ unit[others].T
        weights = KNOWN.kernel[anchors[left], anchors[others]] @ np.linalg.inv(K + np.eye(len(K)))
        predicted = weights @ R @ np.linalg.inv(R + 2 * np.eye(len(K))) @ unit[others]
        met.append(predicted @ unit[left] / np.linalg.norm(predicted) / np.linalg.norm(unit[left]))
    told = expectation(model)
    assert told is not None
    assert told.mean == pytest.approx(np.mean(met) * (LEVEL - SELECTED / np.sqrt(15)))
    half = WIDTH * np.sqrt(FLOOR**2 + SPREAD**2 * np.var(met) / 15)
    assert (told.mean - told.low, told.high - told.mean) == pytest.approx((half, half))
    others = np.setdiff1d(np.arange(60), anchors)
    assert told.root == pytest.approx(np.sqrt(coverage(KNOWN.kernel, anchors)[others]).mean())


def test_too_few_anchors_tell_nothing() -> None:
    assert expectation(fitted(np.arange(MIN_ANCHORS - 1))) is None
    assert expectation(fitted(np.arange(MIN_ANCHORS))) is not None


def test_correlations_that_cannot_be_estimated_tell_nothing() -> None:
    holes = PROFILES.copy()
    holes[np.random.default_rng(0).random(holes.shape) < 0.8] = np.nan
    assert expectation(fitted(np.arange(20), holes)) is None


@settings(max_examples=50, deadline=None)
@given(
    mean=st.floats(-0.3, 0.9),
    roots=st.lists(st.floats(0.01, 0.5), min_size=2, max_size=9).map(np.array),
)
def test_targets_share_the_mean_by_their_coverage(mean: float, roots: np.ndarray) -> None:
    told = Expectation(mean, 0.06, 30, float(roots.mean()))
    of_targets = told.of_targets(roots)
    by_hand = [mean * (EVEN + (1 - EVEN) * root / roots.mean()) for root in roots]
    np.testing.assert_allclose(of_targets, np.clip(by_hand, -1, 1))
    if mean > 0:
        assert (np.diff(of_targets[np.argsort(roots)]) >= 0).all()


def test_more_coverage_raises_what_is_expected() -> None:
    told = Expectation(0.3, 0.06, 30, 0.25)
    later = told.grown(0.3)
    assert later.mean == pytest.approx(0.3 * (0.3 / 0.25) ** GROWTH)
    assert later.root == 0.3
    assert later.high - later.low > told.grown(0.25).high - told.grown(0.25).low
    assert told.grown(0.25).mean == pytest.approx(0.3)


def test_nothing_left_to_cover_has_no_root() -> None:
    everything = np.arange(60)
    assert mean_root(KNOWN.kernel, everything, everything) == 0
    told = expectation(fitted(everything))
    assert told is not None
    assert told.root == 0
    np.testing.assert_allclose(told.of_targets(np.zeros(3)), told.mean)


def test_nine_in_ten_intervals_hold_whatever_the_agents_are_worth() -> None:
    """40 virtual labs; below 30 of them has a chance of 1 in 700 if nine in ten hold."""
    held = []
    for seed in range(5000, 5040):
        lab = VirtualLab(seed, 120, 80, 100)
        known = Knowledge.from_panel(lab.panel(quality=(seed % 5) / 4))
        screen = Screen.of("lab", lab.effects(), known.genes)
        split = next(splits(screen, 1, 0.4, seed))
        judge, model = Judge(screen, split), KrigingRegressor(known.kernel)
        predicted = judge.predict(model, np.sort(split.pool[:30]))
        met = np.nanmean(judge.score([predicted])[0][PRIMARY])
        told = expectation(model)
        assert told is not None
        held.append(told.low <= met <= told.high)
    assert sum(held) >= 30


def test_a_prediction_says_what_to_expect_of_it() -> None:
    effects = LAB.effects()
    some = effects.take([effects.perturbations[i] for i in range(0, 60, 3)])
    told = predict(some, KNOWN)
    assert told.expectation is not None
    assert "from 20 anchors" in told.promise
    expected = told.frame()["expected_correlation"]
    assert expected.mean() == pytest.approx(told.expectation.mean)
    few = predict(effects.take(list(effects.perturbations[:5])), KNOWN)
    assert few.expectation is None
    assert "(here: kriging, 5 anchors)" in few.promise
    assert "(here: neighbours, 20 anchors)" in predict(some, KNOWN, predictor="neighbours").promise
    np.testing.assert_allclose(few.expected_correlation, np.sqrt(few.coverage))
