"""Kriging with the Wiener step against a textbook solve, value by value where some are missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge

from mechpert_al.consensus import diffusion_kernel
from mechpert_al.prediction.kriging import KrigingRegressor

N, G = 16, 40
ANCHORS = np.array([11, 2, 7, 0, 13, 5])
TARGETS = np.array([1, 3, 15, 2])


def a_kernel(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return diffusion_kernel(random.random((N, N)) * (random.random((N, N)) < 0.3))


def some_profiles(seed: int = 0, n: int = len(ANCHORS), missing: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed + 100)
    profiles = random.normal(size=(n, G)) + random.normal(size=G) + random.normal(size=(n, 1))
    return np.where(random.random((n, G)) < missing, np.nan, profiles)


def centre_by_loops(profiles: np.ndarray) -> np.ndarray:
    """Mean of a readout, drawn to the grand mean by one anchor's worth times the missing share."""
    grand = np.mean([v for v in profiles.ravel() if not np.isnan(v)])
    found = []
    for column in profiles.T:
        known = column[~np.isnan(column)]
        pull = 1 - len(known) / len(profiles)
        found.append((known.sum() + pull * grand) / (len(known) + pull))
    return np.array(found)


def share_of(norms: np.ndarray) -> float:
    """How far unit profiles are centred again: by half where norms vary by the root of 0.1."""
    v = np.var(norms) / np.mean(norms) ** 2
    return v / (v + 0.1)


# ---------------------------------------------------------------------- complete profiles
def textbook(
    kernel: np.ndarray, profiles: np.ndarray, noise: float, wiener: float | None
) -> tuple[np.ndarray, float]:
    """Deviations of the targets, and c, with dense inverses and honest refits."""
    anchors = ANCHORS[: len(profiles)]
    deviations = profiles - profiles.mean(axis=0)
    norms = np.linalg.norm(deviations, axis=1)
    unit = deviations / norms[:, None]
    unit = unit - share_of(norms) * unit.mean(axis=0)
    measured = unit @ unit.T

    def weights(rows: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Of the anchors in places a; R stays as it was measured among all of them."""
        here = anchors[a]
        prior = np.linalg.inv(kernel[np.ix_(here, here)] + noise * np.eye(len(a)))
        w = kernel[np.ix_(rows, here)] @ prior
        if wiener is not None:
            r = measured[np.ix_(a, a)]
            w = w @ r @ np.linalg.inv(r + wiener * np.eye(len(a)))
        return w

    everybody = np.arange(len(anchors))
    with_truth = with_itself = 0.0
    for i in everybody:  # leave one out, solve again
        rest = np.delete(everybody, i)
        guess = (weights(anchors[[i]], rest) @ unit[rest])[0]
        with_truth += guess @ deviations[i]
        with_itself += guess @ guess
    others = np.setdiff1d(np.arange(len(kernel)), anchors)
    q = np.mean(np.sum((weights(others, everybody) @ unit) ** 2, axis=1))
    c0 = (1 + (wiener or 0)) * norms.mean()
    c = (with_truth + 10 * q * c0) / (with_itself + 10 * q)
    return c * weights(TARGETS, everybody) @ unit, c


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [0.3, 1.0])
@pytest.mark.parametrize("wiener", [None, 0.5, 2.0])
@pytest.mark.parametrize("n", [3, len(ANCHORS)])
def test_textbook(seed: int, noise: float, wiener: float | None, n: int) -> None:
    kernel, profiles = a_kernel(seed), some_profiles(seed, n)
    model = KrigingRegressor(kernel, noise, wiener).fit(ANCHORS[:n, None], profiles)
    deviation, c = textbook(kernel, profiles, noise, wiener)
    assert model.scale_ == pytest.approx(c, rel=1e-10)
    np.testing.assert_allclose(model.deviation(TARGETS), deviation, atol=1e-10)
    np.testing.assert_allclose(model.centre_, profiles.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(
        model.predict(TARGETS[:, None]), profiles.mean(axis=0) + deviation, atol=1e-10
    )
    assert model.notices_ == []


@pytest.mark.parametrize("wiener", [None, 2.0])
def test_left_out_weights_are_those_of_a_refit(wiener: float | None) -> None:
    kernel, profiles = a_kernel(), some_profiles()
    model = KrigingRegressor(kernel, 1.0, wiener).fit(ANCHORS[:, None], profiles)
    found = model._left_out_weights()
    np.testing.assert_allclose(np.diag(found), 0, atol=1e-15)
    everybody = np.arange(len(ANCHORS))
    for i in everybody:
        rest = np.delete(everybody, i)
        here = ANCHORS[rest]
        w = kernel[ANCHORS[i], here] @ np.linalg.inv(kernel[np.ix_(here, here)] + np.eye(len(rest)))
        if wiener is not None:
            assert model.correlation_ is not None
            r = model.correlation_[np.ix_(rest, rest)]
            w = w @ r @ np.linalg.inv(r + wiener * np.eye(len(rest)))
        np.testing.assert_allclose(found[i, rest], w, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-100, 100),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_units_and_origin_do_not_matter(
    seed: int, scale: float, shift: float, missing: float
) -> None:
    kernel, profiles = a_kernel(seed), some_profiles(seed, missing=missing)
    model = KrigingRegressor(kernel)
    plain = clone(model).fit(ANCHORS[:, None], profiles).deviation(TARGETS)
    moved = model.fit(ANCHORS[:, None], scale * (profiles + shift)).deviation(TARGETS)
    np.testing.assert_allclose(moved / scale, plain, atol=1e-7 * np.abs(plain).max())


def test_a_gene_that_nobody_links_gets_the_mean() -> None:
    kernel = a_kernel()
    kernel[15] = kernel[:, 15] = np.eye(N)[15]
    model = KrigingRegressor(kernel).fit(ANCHORS[:, None], some_profiles())
    np.testing.assert_array_equal(model.deviation([15]), 0)
    np.testing.assert_array_equal(model.weights([15]), 0)


def test_a_flat_anchor_says_nothing_and_breaks_nothing() -> None:
    """An anchor whose profile is the mean of all deviates nowhere."""
    kernel, profiles = a_kernel(), some_profiles()
    profiles[2] = np.delete(profiles, 2, axis=0).mean(axis=0)
    model = KrigingRegressor(kernel).fit(ANCHORS[:, None], profiles)
    np.testing.assert_array_equal(model.weights(TARGETS)[:, 2], 0)
    assert np.isfinite(model.deviation(TARGETS)).all()


def test_few_anchors_take_the_expected_size() -> None:
    kernel, profiles = a_kernel(), some_profiles(n=2)
    model = KrigingRegressor(kernel).fit(ANCHORS[:2, None], profiles)
    norms = np.linalg.norm(profiles - profiles.mean(axis=0), axis=1)
    assert model.scale_ == pytest.approx(3 * norms.mean())
    alone = KrigingRegressor(kernel).fit(ANCHORS[:1, None], profiles[:1])
    np.testing.assert_array_equal(alone.deviation(TARGETS), 0)


def test_measured_anchors_denoise_each_other() -> None:
    """Two anchors that were measured alike share what each says: the weights move together."""
    kernel, profiles = a_kernel(), some_profiles()
    profiles[1] = profiles[0] + 0.01 * profiles[1]
    with_step = KrigingRegressor(kernel).fit(ANCHORS[:, None], profiles).weights(TARGETS)
    without = KrigingRegressor(kernel, wiener=None).fit(ANCHORS[:, None], profiles).weights(TARGETS)
    gap = np.abs(with_step[:, 0] - with_step[:, 1]).max() / np.abs(with_step).max()
    assert gap < np.abs(without[:, 0] - without[:, 1]).max() / np.abs(without).max()


def test_ridge_is_ridge() -> None:
    """On a linear kernel without the Wiener step it is scikit-learn's ridge regression."""
    random = np.random.default_rng(0)
    features = random.normal(size=(N, 5))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    model = KrigingRegressor(features @ features.T, noise=0.7, wiener=None)
    model.fit(ANCHORS[:, None], some_profiles())
    ridge = Ridge(alpha=0.7, fit_intercept=False).fit(features[ANCHORS], model.unit_)
    np.testing.assert_allclose(
        model.deviation(TARGETS), model.scale_ * ridge.predict(features[TARGETS]), atol=1e-10
    )


# ---------------------------------------------------------------------- missing values
def readout_by_readout(
    kernel: np.ndarray, profiles: np.ndarray, noise: float, wiener: float | None
) -> np.ndarray:
    """Every readout on its own, from the anchors that measured it; R by loops over pairs."""
    known = ~np.isnan(profiles)
    deviations = profiles - centre_by_loops(profiles)
    norms = np.array([np.sqrt((row[~np.isnan(row)] ** 2).mean() * len(row)) for row in deviations])
    unit = deviations / norms[:, None]
    unit = unit - share_of(norms) * centre_by_loops(unit)
    prior = kernel[np.ix_(ANCHORS, ANCHORS)]
    cross = kernel[np.ix_(TARGETS, ANCHORS)]
    r = None if wiener is None else correlation_by_loops(unit)
    found = np.zeros((len(TARGETS), G))
    for g in range(G):
        k = np.flatnonzero(known[:, g])
        if not len(k):
            continue
        eye, values = np.eye(len(k)), unit[k, g]
        if r is None:
            solved = np.linalg.inv(prior[np.ix_(k, k)] + noise * eye) @ values
            found[:, g] = cross[:, k] @ solved
        else:
            cleaned = r[:, k] @ np.linalg.inv(r[np.ix_(k, k)] + wiener * eye) @ values
            whole = np.linalg.inv(prior + noise * np.eye(len(prior)))
            found[:, g] = cross @ whole @ cleaned
    return (1 + (wiener or 0)) * norms.mean() * found


def correlation_by_loops(unit: np.ndarray) -> np.ndarray:
    """Over shared readouts, believed by half at 20 of them, made positive semi-definite."""
    n = len(unit)
    r = np.eye(n)
    for i in range(n):
        for j in range(n):
            both = ~np.isnan(unit[i]) & ~np.isnan(unit[j])
            if i != j and both.any():
                a, b = unit[i, both], unit[j, both]
                r[i, j] = a @ b / np.sqrt((a @ a) * (b @ b)) * both.sum() / (both.sum() + 20)
    values, vectors = np.linalg.eigh(r)
    return (vectors * np.maximum(values, 0)) @ vectors.T


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("wiener", [None, 2.0])
@pytest.mark.parametrize("missing", [0.05, 0.2])
def test_missing_values_readout_by_readout(seed: int, wiener: float | None, missing: float) -> None:
    kernel, profiles = a_kernel(seed), some_profiles(seed, missing=missing)
    model = KrigingRegressor(kernel, 0.8, wiener).fit(ANCHORS[:, None], profiles)
    assert (model.correlation_ is None) == (wiener is None)
    np.testing.assert_allclose(model.centre_, centre_by_loops(profiles), atol=1e-12)
    np.testing.assert_allclose(
        model.deviation(TARGETS), readout_by_readout(kernel, profiles, 0.8, wiener), atol=1e-10
    )


@pytest.mark.parametrize("seed", range(3))
def test_where_pairs_share_too_little_the_step_is_left_out_and_said(seed: int) -> None:
    kernel, profiles = a_kernel(seed), some_profiles(seed, missing=0.6)
    model = KrigingRegressor(kernel).fit(ANCHORS[:, None], profiles)
    assert model.correlation_ is None
    (notice,) = model.notices_
    known = ~np.isnan(profiles)
    pairs = [(known[i] & known[j]).sum() >= 20 for i in range(len(ANCHORS)) for j in range(i)]
    assert np.mean(pairs) < 0.5
    assert "Wiener step was left out" in notice
    assert f"only {sum(pairs)} of {len(pairs)} pairs" in notice
    np.testing.assert_allclose(
        model.deviation(TARGETS), readout_by_readout(kernel, profiles, 1.0, None), atol=1e-10
    )
    assert KrigingRegressor(kernel, wiener=None).fit(ANCHORS[:, None], profiles).notices_ == []


def test_the_step_is_kept_where_half_of_the_pairs_share_enough() -> None:
    """Three of four anchors know all readouts, one knows 19: three of six pairs are enough."""
    profiles = some_profiles(n=4)
    profiles[3, 19:] = np.nan
    model = KrigingRegressor(a_kernel()).fit(ANCHORS[:4, None], profiles)
    assert model.correlation_ is not None
    profiles[2, 19:] = np.nan  # now only one pair is
    assert KrigingRegressor(a_kernel()).fit(ANCHORS[:4, None], profiles).correlation_ is None


def test_measured_correlations_stay_a_covariance() -> None:
    random = np.random.default_rng(0)
    profiles = random.normal(size=(30, 60))
    profiles[random.random(profiles.shape) < 0.35] = np.nan
    kernel = np.eye(30)
    model = KrigingRegressor(kernel).fit(np.arange(30)[:, None], profiles)
    assert model.correlation_ is not None
    assert np.linalg.eigvalsh(model.correlation_).min() > -1e-12


def test_one_missing_value_changes_little() -> None:
    """From complete to nearly complete there is no jump in shape."""
    random = np.random.default_rng(1)
    profiles = random.normal(size=(6, 2000)) + random.normal(size=2000)
    holed = profiles.copy()
    holed[3, 7] = np.nan
    model = KrigingRegressor(a_kernel())
    plain = clone(model).fit(ANCHORS[:, None], profiles).deviation(TARGETS)
    other = model.fit(ANCHORS[:, None], holed).deviation(TARGETS)
    for one, two in zip(plain, other, strict=True):
        assert np.corrcoef(one, two)[0, 1] > 0.99


# ---------------------------------------------------------------------- scikit-learn
def test_parameters() -> None:
    kernel = a_kernel()
    model = KrigingRegressor(kernel, noise=0.5, wiener=1.5)
    copy = clone(model)
    assert copy.get_params()["noise"] == 0.5
    assert copy.get_params()["wiener"] == 1.5
    np.testing.assert_array_equal(copy.get_params()["kernel"], kernel)
    assert not hasattr(copy, "anchors_")
    copy.set_params(wiener=None, noise=2.0)
    assert copy.fit(ANCHORS[:, None], some_profiles()).correlation_ is None
    assert np.isfinite(copy.score(ANCHORS[:, None], some_profiles()))
    assert copy.n_features_in_ == 1


@pytest.mark.parametrize(
    "numbers",
    [[[0, 1]], [-1], [0.5], [np.nan], [[[0]]], 3],
    ids=["two columns", "negative", "half", "nan", "3-d", "scalar"],
)
def test_what_is_no_candidate_number(numbers: object) -> None:
    model = KrigingRegressor(a_kernel()).fit(ANCHORS[:, None], some_profiles())
    with pytest.raises(ValueError, match="candidate numbers"):
        model.deviation(numbers)
