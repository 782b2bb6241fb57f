"""The learned mixture: left-out predictions refitted one by one, and who is believed in the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.consensus import Knowledge, coverage, diffusion_kernel
from mechpert_al.consensus.layers import Layers
from mechpert_al.design import DesignState, build_strategy
from mechpert_al.learning import AdaptiveKriging, learn_mixture, learned
from mechpert_al.learning.mixture import MIN_ANCHORS, telling
from mechpert_al.prediction import KrigingRegressor
from mechpert_al.prediction.left_out import left_out_correlations
from mechpert_al.testing import toy_screen


def unit_profiles(random: np.random.Generator, n: int, readouts: int = 12) -> np.ndarray:
    profiles = random.normal(size=(n, readouts))
    profiles -= profiles.mean(axis=0)
    return profiles / np.linalg.norm(profiles, axis=1, keepdims=True)


def refitted(kernel: np.ndarray, profiles: np.ndarray, left: int, ridge: float) -> float:
    """Correlation (inner product at unit norm) of a profile with its prediction from the others."""
    others = np.delete(np.arange(len(profiles)), left)
    among = profiles[others] @ profiles[others].T
    weights = kernel[left, others] @ np.linalg.inv(
        kernel[np.ix_(others, others)] + np.eye(len(others))
    )
    weights = weights @ among @ np.linalg.inv(among + ridge * np.eye(len(others)))
    predicted = weights @ profiles[others]
    return float(predicted @ profiles[left] / np.linalg.norm(predicted))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 9), ridge=st.sampled_from([0.5, 2.0]))
def test_left_out_correlations_equal_refits(seed: int, n: int, ridge: float) -> None:
    random = np.random.default_rng(seed)
    profiles = unit_profiles(random, n)
    kernels = []
    for _ in range(2):
        square = random.normal(size=(n, n + 2))
        kernel = square @ square.T
        scale = 1 / np.sqrt(np.diag(kernel))
        kernels.append(kernel * np.outer(scale, scale))
    met = left_out_correlations(np.array(kernels), profiles @ profiles.T, 1.0, ridge)
    expected = [[refitted(k, profiles, a, ridge) for a in range(n)] for k in kernels]
    np.testing.assert_allclose(met, expected, atol=1e-8)


def test_a_kernel_that_links_nobody_predicts_nothing() -> None:
    profiles = unit_profiles(np.random.default_rng(0), 6)
    met = left_out_correlations(np.eye(6)[None], profiles @ profiles.T)
    np.testing.assert_array_equal(met, np.zeros((1, 6)))


# ---------------------------------------------------------------------- who is believed
N_MODULES, SIZE = 12, 5
N = N_MODULES * SIZE


def planted(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Profiles in modules, the network of the modules, and the same under wrong names."""
    random = np.random.default_rng(seed)
    module = np.repeat(np.arange(N_MODULES), SIZE)
    right = (module[:, None] == module).astype(float)
    np.fill_diagonal(right, 0)
    order = random.permutation(N)
    profiles = random.normal(size=(N_MODULES, 40))[module] + random.normal(size=(N, 40))
    return profiles, diffusion_kernel(right), diffusion_kernel(right[np.ix_(order, order)])


def correlation_of(profiles: np.ndarray) -> np.ndarray:
    return KrigingRegressor(np.eye(len(profiles))).fit(np.arange(len(profiles))[:, None], profiles
        ).correlation_  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_layer_that_predicts_is_believed(seed: int) -> None:
    profiles, right, wrong = planted(seed)
    layers = Layers({"wrong": wrong, "right": right}, {"wrong": 1.0, "right": 0.5})
    anchors = np.random.default_rng(seed).permutation(N)[:30]
    mixture = learn_mixture(layers, anchors, correlation_of(profiles[anchors]))
    assert mixture.prior == pytest.approx({"wrong": 2 / 3, "right": 1 / 3})
    assert mixture.weights["right"] > 0.8
    assert mixture.high["wrong"] < 0.5
    assert mixture.alone["right"] > mixture.alone["wrong"] + 0.2
    assert mixture.n_anchors == 30


def test_one_layer_alone_is_found_among_many_that_guess() -> None:
    """Mixtures drawn with little of a layer cannot say that it alone is right."""
    profiles, right, _ = planted(0)
    wrong = {f"wrong {seed}": planted(seed)[2] for seed in range(1, 6)}
    layers = Layers({**wrong, "right": right}, {**dict.fromkeys(wrong, 1.0), "right": 0.25})
    anchors = np.random.default_rng(0).permutation(N)[:30]
    mixture = learn_mixture(layers, anchors, correlation_of(profiles[anchors]))
    assert mixture.prior["right"] < 0.05
    assert mixture.weights["right"] > 0.9


def test_an_anchor_counts_as_much_as_the_others_tell_of_it() -> None:
    kernel = planted(0)[1][:17, :17]
    told = []
    for anchor in range(17):
        others = np.delete(np.arange(17), anchor)
        among = kernel[np.ix_(others, others)] + np.eye(16)
        told.append(kernel[anchor, others] @ np.linalg.solve(among, kernel[others, anchor]))
    np.testing.assert_allclose(telling(kernel), np.array(told) / np.mean(told), atol=1e-10)
    np.testing.assert_array_equal(telling(np.eye(5)), np.ones(5))


def test_permuted_measurements_teach_nothing() -> None:
    """The control: profiles under wrong names leave no layer much above its prior on average."""
    moved = []
    for seed in range(12):
        profiles, right, wrong = planted(seed)
        layers = Layers({"wrong": wrong, "right": right}, {"wrong": 1.0, "right": 1.0})
        random = np.random.default_rng(seed)
        anchors = random.permutation(N)[:30]
        told = correlation_of(profiles[random.permutation(anchors)])
        moved.append(learn_mixture(layers, anchors, told).weights["right"] - 0.5)
    assert abs(np.mean(moved)) < 2.5 * np.std(moved) / np.sqrt(len(moved))


def test_weights_are_a_mixture_and_the_prior_stands_while_little_is_measured() -> None:
    profiles, right, wrong = planted(0)
    layers = Layers({"wrong": wrong, "right": right}, {"wrong": 1.0, "right": 0.5})
    few = np.arange(MIN_ANCHORS - 1)
    for anchors, told in ((few, correlation_of(profiles[few])), (np.arange(20), None)):
        mixture = learn_mixture(layers, anchors, told)
        assert mixture.weights == mixture.prior
        assert mixture.alone == {}
        assert mixture.n_anchors == 0
    mixture = learn_mixture(layers, np.arange(20), correlation_of(profiles[:20]))
    assert sum(mixture.weights.values()) == pytest.approx(1)
    for name in layers.names:
        assert 0 <= mixture.low[name] <= mixture.high[name] <= 1


def test_with_many_anchors_a_sample_by_name_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles, right, wrong = planted(1)
    names = tuple(f"G{number}" for number in range(N))
    layers = Layers({"wrong": wrong, "right": right}, {"wrong": 1.0, "right": 1.0}, names)
    monkeypatch.setattr("mechpert_al.learning.mixture.MOST_ANCHORS", 20)
    told = correlation_of(profiles)
    mixture = learn_mixture(layers, np.arange(N), told)
    order = np.random.default_rng(0).permutation(N)
    again = learn_mixture(layers, order, told[np.ix_(order, order)])
    assert mixture.n_anchors == again.n_anchors == 20
    assert again.weights == pytest.approx(mixture.weights)
    assert mixture.weights["right"] > 0.7
    assert layers.sample(np.arange(5), 20).tolist() == [0, 1, 2, 3, 4]


# ---------------------------------------------------------------------- layers of knowledge
def test_layers_are_the_sources_of_the_knowledge() -> None:
    known = toy_screen().knowledge
    layers = known.layers
    assert layers.names == (
        "consensus", "agent:alpha", "agent:beta", "similarity", "prior network"
    )  # fmt: skip
    np.testing.assert_array_equal(layers.kernels["consensus"], known.consensus.kernel)
    np.testing.assert_array_equal(layers.kernels["agent:beta"], known.agents["beta"].kernel)
    np.testing.assert_array_equal(layers.kernels["prior network"], known.prior_kernel)
    total = 1 + 1 + 0.33 + 0.5
    assert layers.prior_weights["agent:alpha"] == pytest.approx(0.5 / total)
    assert sum(layers.prior_weights.values()) == pytest.approx(1)
    alone = replace(known, prior=None, similarity=None)
    single = replace(alone, consensus=alone.consensus.only(["alpha"]))
    assert single.layers.names == ("consensus",)
    np.testing.assert_allclose(
        single.layers.mixed({"consensus": 1.0}), single.consensus.kernel, atol=1e-12
    )


def test_weighted_knowledge_reads_the_mixture() -> None:
    known = toy_screen().knowledge
    weights = {"consensus": 0.25, "prior network": 0.75}
    mixed = 0.25 * known.consensus.kernel + 0.75 * known.prior_kernel
    np.testing.assert_allclose(known.weighted(weights).kernel, mixed, atol=1e-12)
    assert known.kernel is known.consensus.kernel


def test_the_adaptive_predictor_is_kriging_on_the_learned_mixture() -> None:
    world = toy_screen(seed=2)
    known, anchors = world.knowledge, np.arange(0, 24, 2)
    model = AdaptiveKriging(known.layers).fit(anchors[:, None], world.profiles[anchors])
    seen, mixture = learned(known, anchors, world.profiles[anchors])
    assert model.mixture_.weights == mixture.weights
    plain = KrigingRegressor(seen.kernel).fit(anchors[:, None], world.profiles[anchors])
    targets = np.arange(1, 24, 2)[:, None]
    np.testing.assert_allclose(model.predict(targets), plain.predict(targets), atol=1e-12)
    assert mixture.n_anchors == len(anchors)


# ---------------------------------------------------------------------- design under doubt
def test_the_first_batch_hedges_over_the_layers() -> None:
    """Before anything is measured: greedy on coverages by the mixture and by each layer."""
    known = toy_screen(seed=4).knowledge
    state = DesignState(known, np.arange(known.n_genes))
    picks = list(build_strategy("adaptive_coverage").select(state, 3).picks)
    layers = known.layers

    def worth(anchors: list[int]) -> float:
        kernels = {**layers.kernels, "mixture": layers.mixed(layers.prior_weights)}
        weights = {**layers.prior_weights, "mixture": 1.0}
        return sum(
            weight * float(coverage(kernels[name], np.array(anchors)).sum())
            for name, weight in weights.items()
        )

    for place in range(len(picks)):
        others = [g for g in range(known.n_genes) if g not in picks[:place]]
        best = max(worth([*picks[:place], g]) for g in others)
        assert worth(picks[: place + 1]) == pytest.approx(best)


def test_measurements_change_the_design() -> None:
    """A panel under wrong names: after one round the prior network is believed, and followed."""
    world = toy_screen(seed=1)
    known = world.knowledge
    order = np.random.default_rng(3).permutation(known.n_genes)
    spoiled = Knowledge(known.consensus.relabelled(order), prior=known.prior)
    measured = np.arange(0, known.n_genes, 2)
    allowed = np.arange(1, known.n_genes, 2)
    strategy = build_strategy("adaptive_coverage")
    state = DesignState(spoiled, allowed, measured, world.profiles[measured])
    weights = strategy.seen(state).weights
    assert weights is not None
    assert weights["prior network"] > spoiled.layers.prior_weights["prior network"]
    blind = replace(state, profiles=None)
    assert strategy.seen(blind).weights == spoiled.layers.prior_weights
