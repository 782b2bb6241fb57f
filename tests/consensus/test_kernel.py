"""The diffusion kernel and its coverage, against their formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mechpert_al.consensus import coverage, diffusion_kernel
from mechpert_al.consensus.kernel import kernel_by_name, positive_links, unit_diagonal


def random_weights(seed: int, n: int = 12, density: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(seed)
    weights = random.uniform(-0.3, 1, size=(n, n)) * (random.random((n, n)) < density)
    weights[n - 2 :] = weights[:, n - 2 :] = 0  # two genes that nobody links
    return weights


def written_out(weights: np.ndarray, alpha: float) -> np.ndarray:
    """METHOD's formula with a dense inverse."""
    links = np.maximum((weights + weights.T) / 2, 0)
    np.fill_diagonal(links, 0)
    kernel = np.eye(len(links))
    linked = [i for i in range(len(links)) if links[i].sum() > 0]
    if linked:
        s = links[np.ix_(linked, linked)]
        d = np.diag(1 / np.sqrt(s.sum(axis=1)))
        walk = d @ s @ d
        diffused = np.linalg.inv(np.eye(len(linked)) - alpha * walk)
        centring = np.eye(len(linked)) - np.ones((len(linked),) * 2) / len(linked)
        centred = centring @ diffused @ centring
        scale = np.diag(1 / np.sqrt(np.diag(centred)))
        kernel[np.ix_(linked, linked)] = scale @ centred @ scale
    return kernel


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.98])
def test_formula(seed: int, alpha: float) -> None:
    weights = random_weights(seed)
    expected = written_out(weights, alpha)
    np.testing.assert_allclose(diffusion_kernel(weights, alpha), expected, atol=1e-11)
    np.testing.assert_allclose(
        diffusion_kernel(sparse.csr_array(weights), alpha), expected, atol=1e-11
    )


def test_only_relative_weights_count() -> None:
    weights = random_weights(3)
    np.testing.assert_allclose(
        diffusion_kernel(1e-3 * weights), diffusion_kernel(weights), atol=1e-11
    )


@pytest.mark.parametrize("seed", range(5))
def test_is_a_covariance(seed: int) -> None:
    kernel = diffusion_kernel(random_weights(seed, n=30))
    np.testing.assert_array_equal(kernel, kernel.T)
    np.testing.assert_allclose(np.diag(kernel), 1, atol=1e-12)
    assert np.linalg.eigvalsh(kernel).min() >= -1e-10
    assert np.abs(kernel).max() <= 1 + 1e-12
    np.testing.assert_array_equal(kernel[28:], np.eye(30)[28:])


def test_small_networks() -> None:
    np.testing.assert_array_equal(diffusion_kernel(np.zeros((3, 3))), np.eye(3))
    pair = np.zeros((3, 3))
    pair[0, 1] = 1  # two linked genes, centred: each is the other's opposite
    np.testing.assert_allclose(
        diffusion_kernel(pair), [[1, -1, 0], [-1, 1, 0], [0, 0, 1]], atol=1e-12
    )
    only_negative = -pair
    np.testing.assert_array_equal(diffusion_kernel(only_negative), np.eye(3))


@pytest.mark.parametrize("alpha", [-0.1, 1.0, 2.0, np.nan])
def test_reach_must_make_sense(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        diffusion_kernel(np.eye(3), alpha)


def test_partners_of_partners_count() -> None:
    ring = np.roll(np.eye(9), 1, axis=1)
    near, far = diffusion_kernel(ring, 0.5), diffusion_kernel(ring, 0.98)
    assert far[0, 1] > far[0, 2] > far[0, 3]
    assert far[0, 1] > near[0, 1]
    assert far[0, 2] > near[0, 2]  # 2 is no partner of 0


@pytest.mark.parametrize("seed", range(5))
def test_order_of_genes(seed: int) -> None:
    weights = sparse.csr_array(random_weights(seed))
    genes = [f"G{i}" for i in range(12)]
    order = np.random.default_rng(seed).permutation(12)
    plain = kernel_by_name(weights, genes)
    moved = kernel_by_name(weights[order][:, order], [genes[i] for i in order])
    np.testing.assert_array_equal(moved, plain[np.ix_(order, order)])
    np.testing.assert_allclose(plain, diffusion_kernel(weights), atol=1e-12)


def test_positive_links() -> None:
    weights = random_weights(0)
    np.fill_diagonal(weights, 5)
    expected = np.maximum((weights + weights.T) / 2, 0)
    np.fill_diagonal(expected, 0)
    links = positive_links(weights)
    np.testing.assert_allclose(links.toarray(), expected, atol=1e-15)
    assert links.nnz == np.count_nonzero(expected)


def test_unit_diagonal_leaves_genes_without_variance_alone() -> None:
    kernel = np.array([[4.0, 2.0, 0.0], [2.0, 9.0, 0.0], [0.0, 0.0, 0.0]])
    expected = [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(unit_diagonal(kernel), expected)


@pytest.mark.parametrize("noise", [0.2, 1.0, "each"])
@pytest.mark.parametrize("anchors", [[], [3], [1, 4, 7], list(range(12))])
def test_coverage_is_the_explained_variance(anchors: list[int], noise: float | str) -> None:
    kernel = 3.0 * diffusion_kernel(random_weights(1)) + 0.5 * np.eye(12)
    each = np.linspace(0.3, 2, len(anchors)) if noise == "each" else np.full(len(anchors), noise)
    covered = coverage(kernel, np.array(anchors), each if noise == "each" else float(noise))
    for target in range(12):
        cross = kernel[target, anchors]
        block = kernel[np.ix_(anchors, anchors)] + np.diag(each)
        explained = cross @ np.linalg.inv(block) @ cross if anchors else 0.0
        assert covered[target] == pytest.approx(explained / kernel[target, target], abs=1e-12)
    assert covered.min() >= 0
    assert covered.max() < 1


@settings(max_examples=30)
@given(seed=st.integers(0, 1000), order=st.permutations(range(10)))
def test_coverage_only_grows(seed: int, order: list[int]) -> None:
    kernel = diffusion_kernel(random_weights(seed, n=10, density=0.4))
    before = np.zeros(10)
    for size in range(1, 11):
        after = coverage(kernel, np.array(order[:size]))
        assert (after >= before - 1e-12).all()
        before = after


def test_the_shipped_panels_kernel_is_a_covariance() -> None:
    from mechpert_al.agents import read_panel
    from mechpert_al.consensus import ConsensusNetwork

    kernel = ConsensusNetwork.from_panel(read_panel("essential585")).kernel
    np.testing.assert_array_equal(kernel, kernel.T)
    np.testing.assert_allclose(np.diag(kernel), 1, atol=1e-12)
    assert np.linalg.eigvalsh(kernel).min() >= -1e-10
