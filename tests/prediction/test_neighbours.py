"""Weighted neighbours, the mean, and the unweighted list, by loops over readouts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from mechpert_al.effects.unit_profiles import centre
from mechpert_al.errors import UsageError
from mechpert_al.prediction.catalogue import build_predictor, predictor_method, predictor_names
from mechpert_al.prediction.neighbours import MeanRegressor, NeighbourRegressor
from mechpert_al.testing import toy_screen

N, G = 12, 15
ANCHORS, TARGETS = np.array([8, 1, 4, 10, 0]), np.array([2, 3, 11, 4])


def some_links(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    links = random.uniform(-1, 1, (N, N)) * (random.random((N, N)) < 0.5)
    links[11] = 0  # nobody speaks for this one
    return links


def some_profiles(seed: int, missing: float) -> np.ndarray:
    random = np.random.default_rng(seed + 50)
    profiles = random.normal(size=(len(ANCHORS), G)) + 3
    return np.where(random.random(profiles.shape) < missing, np.nan, profiles)


def by_loops(
    links: np.ndarray, profiles: np.ndarray, shrinkage: float, is_weighted: bool
) -> np.ndarray:
    mean = centre(profiles[~np.isnan(profiles).all(axis=1)])  # of those that measured anything
    found = np.zeros((len(TARGETS), G))
    for row, target in enumerate(TARGETS):
        for g in range(G):
            total = mass = 0.0
            for place, anchor in enumerate(ANCHORS):
                weight = links[target, anchor]
                weight = weight if is_weighted else float(weight > 0)
                if not np.isnan(profiles[place, g]):
                    total += weight * (profiles[place, g] - mean[g])
                    mass += abs(weight)
            found[row, g] = total / (mass + shrinkage) if mass else 0.0
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("missing", [0.0, 0.4, 0.9])
@pytest.mark.parametrize(("shrinkage", "is_weighted"), [(0.1, True), (2.0, True), (0.0, False)])
def test_by_loops(seed: int, missing: float, shrinkage: float, is_weighted: bool) -> None:
    links, profiles = some_links(seed), some_profiles(seed, missing)
    model = NeighbourRegressor(sparse.csr_array(links), shrinkage, is_weighted)
    model.fit(ANCHORS[:, None], profiles)
    np.testing.assert_allclose(
        model.deviation(TARGETS), by_loops(links, profiles, shrinkage, is_weighted), atol=1e-12
    )
    np.testing.assert_array_equal(model.deviation([11]), 0)


def test_shrinkage_changes_size_not_shape() -> None:
    links, profiles = sparse.csr_array(some_links(0)), some_profiles(0, 0)
    loose, tight = (
        NeighbourRegressor(links, shrinkage).fit(ANCHORS[:, None], profiles).deviation(TARGETS[:2])
        for shrinkage in (0.0, 5.0)
    )
    for one, two in zip(loose, tight, strict=True):
        assert np.corrcoef(one, two)[0, 1] == pytest.approx(1)
        assert np.linalg.norm(two) < np.linalg.norm(one) / 2


@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_mean(missing: float) -> None:
    profiles = some_profiles(0, missing)
    model = MeanRegressor().fit(ANCHORS[:, None], profiles)
    np.testing.assert_array_equal(model.deviation(TARGETS), 0)
    np.testing.assert_allclose(model.predict(TARGETS), np.tile(centre(profiles), (4, 1)))


def test_centre_is_the_mean_and_is_shrunk_where_values_are_missing() -> None:
    assert centre(np.array([[1.0, 2.0], [3.0, 6.0]])).tolist() == [2, 4]
    profiles = np.array([[1.0, np.nan, np.nan], [3.0, 6.0, np.nan]])
    grand = 10 / 3
    # half of the anchors are missing: half an anchor's worth of the grand mean
    assert centre(profiles) == pytest.approx([2, (6 + grand / 2) / 1.5, grand])
    assert centre(np.full((2, 2), np.nan)).tolist() == [0, 0]


# ---------------------------------------------------------------------- by name
def test_the_similarity_list_is_a_plain_mean_of_those_named() -> None:
    world = toy_screen(seed=3)
    anchors = np.arange(0, 33, 2)
    model = build_predictor("similarity_list", world.knowledge)
    model.fit(anchors[:, None], world.profiles[anchors])
    mean = world.profiles[anchors].mean(axis=0)
    for target in range(1, 33, 2):
        named = [
            world.genes.index(h.regulator)
            for h in world.panel.hypotheses
            if h.agent == "plain" and h.target == world.genes[target] and h.direction > 0
        ]
        measured = sorted(set(named) & set(anchors.tolist()))
        expected = world.profiles[measured].mean(axis=0) - mean if measured else 0 * mean
        np.testing.assert_allclose(model.deviation([target])[0], expected, atol=1e-12)


def test_every_name_reads_what_it_says() -> None:
    known = toy_screen(seed=3).knowledge
    links = {
        "neighbours": known.consensus.symmetric,
        "similarity_neighbours": known.similarity_network.symmetric,
        "prior_neighbours": known.prior_links,
    }
    for name, expected in links.items():
        model = build_predictor(name, known)
        assert isinstance(model, NeighbourRegressor)
        np.testing.assert_array_equal(model.links.toarray(), expected.toarray())
        assert model.shrinkage == 0.1
    kernels = {
        "kriging": known.kernel,
        "similarity_kriging": known.similarity_network.kernel,
        "prior_kriging": known.prior_kernel,
        "ridge": known.feature_kernel,
        "agent:alpha": known.agents["alpha"].kernel,
        "agent:plain": known.similarity_network.kernel,
    }
    for name, kernel in kernels.items():
        model = build_predictor(name, known)
        np.testing.assert_array_equal(model.get_params()["kernel"], kernel)
        assert model.get_params()["wiener"] == (None if name == "ridge" else 2.0)
    others = {
        "mean", "similarity_list", "adaptive_kriging", "co_kriging", "similarity_co_kriging",
    }  # fmt: skip
    tested = {*links, *kernels, *others} - {"agent:alpha", "agent:plain"}
    assert tested == set(predictor_names())


def test_unknown_names() -> None:
    known = toy_screen().knowledge
    with pytest.raises(UsageError, match="unknown predictor 'krigging'") as caught:
        build_predictor("krigging", known)
    assert "Did you mean kriging" in caught.value.hint
    with pytest.raises(UsageError, match="no agent 'gamma'") as caught:
        build_predictor("agent:gamma", known)
    assert "alpha, beta, plain" in caught.value.hint
    with pytest.raises(UsageError, match="no agent 'alpha'"):
        predictor_method("agent:alpha")


def test_clones_are_unfitted() -> None:
    model = NeighbourRegressor(sparse.csr_array(some_links(0)), 0.7, False)
    model.fit(ANCHORS[:, None], some_profiles(0, 0))
    copy = clone(model)
    assert copy.get_params()["shrinkage"] == 0.7
    assert copy.get_params()["is_weighted"] is False
    assert not hasattr(copy, "anchors_")
