"""The kernel of very many genes, against the dense one of the same network."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mechpert_al.consensus import coverage, diffusion_kernel
from mechpert_al.consensus.kernel import kernel_by_name
from mechpert_al.consensus.large_kernel import MOST, LargeKernel
from mechpert_al.errors import UsageError
from mechpert_al.prediction import KrigingRegressor

N = 700


def modular_weights(n: int = N, seed: int = 0) -> sparse.csr_array:
    """Modules of 20, each gene with 9 partners there and one anywhere; the last 3 have no link."""
    random = np.random.default_rng(seed)
    gene = np.repeat(np.arange(n - 3), 10)
    partner = np.minimum(gene // 20 * 20 + random.integers(0, 20, gene.size), n - 4)
    partner[::10] = random.integers(0, n - 3, n - 3)
    values = random.uniform(-0.1, 1, gene.size)
    return sparse.csr_array((values, (gene, partner)), shape=(n, n))


@pytest.fixture(scope="module")
def names() -> list[str]:
    return [f"G{i}" for i in np.random.default_rng(9).permutation(N)]


@pytest.fixture(scope="module")
def dense() -> np.ndarray:
    return diffusion_kernel(modular_weights())


@pytest.fixture(scope="module")
def large(names: list[str]) -> LargeKernel:
    return LargeKernel(modular_weights(), names)


ANCHORS = np.array([3, 699, 17, 350, 351, 352, 40, 600])  # 699 has no link


def test_anchors_among_themselves_are_exact(large: LargeKernel, dense: np.ndarray) -> None:
    np.testing.assert_allclose(
        large[np.ix_(ANCHORS, ANCHORS)], dense[np.ix_(ANCHORS, ANCHORS)], atol=1e-8
    )


def test_rows_are_exact_up_to_their_scale_and_the_scale_is_near(
    large: LargeKernel, dense: np.ndarray
) -> None:
    found, expected = large.columns(ANCHORS), dense[:, ANCHORS]
    tells = np.abs(expected).max(axis=1) > 0
    factor = (found * expected).sum(axis=1)[tells] / (expected**2).sum(axis=1)[tells]
    np.testing.assert_allclose(found[tells], factor[:, None] * expected[tells], atol=1e-8)
    np.testing.assert_array_equal(found[~tells], 0)
    others = np.setdiff1d(np.flatnonzero(tells), ANCHORS)
    factor = factor[np.isin(np.flatnonzero(tells), others)]
    assert abs(factor.mean() - 1) < 0.005
    assert factor.std() < 0.03
    assert np.abs(factor - 1).max() < 0.2


def test_stands_in_for_an_array(large: LargeKernel, dense: np.ndarray) -> None:
    rows = np.array([699, 5, 17])
    assert len(large) == len(dense) == N
    np.testing.assert_array_equal(large.diagonal(), dense.diagonal())
    np.testing.assert_array_equal(large[np.ix_(rows, ANCHORS)], large.columns(ANCHORS)[rows])
    np.testing.assert_array_equal(large[ANCHORS], large.columns(ANCHORS).T)


@pytest.mark.parametrize("whole", [np.asarray, lambda k: k[0], lambda k: np.linalg.eigvalsh(k)])
def test_what_needs_all_of_it_says_so(large: LargeKernel, whole: object) -> None:
    with pytest.raises(UsageError, match="all pairs"):
        whole(large)  # type: ignore[operator]


def test_too_many_columns_are_refused() -> None:
    n = MOST + 1
    empty = LargeKernel(sparse.csr_array((n, n)), [str(i) for i in range(n)])
    with pytest.raises(UsageError, match=f"{n:,} candidates"):
        empty[np.arange(n)]
    np.testing.assert_array_equal(empty[np.arange(3)], np.eye(n)[:3])


def test_the_order_of_rows_changes_no_digit(large: LargeKernel, names: list[str]) -> None:
    order = np.random.default_rng(1).permutation(N)
    moved = LargeKernel(modular_weights()[order][:, order], [names[i] for i in order])
    place = np.argsort(order)
    np.testing.assert_array_equal(
        moved.columns(place[ANCHORS])[place], large.columns(ANCHORS), strict=True
    )


def test_coverage_is_near_and_of_anchors_exact(large: LargeKernel, dense: np.ndarray) -> None:
    anchors = np.arange(0, 690, 13)
    found, expected = coverage(large, anchors), coverage(dense, anchors)  # type: ignore[arg-type]
    np.testing.assert_allclose(found[anchors], expected[anchors], atol=1e-8)
    np.testing.assert_allclose(found.mean(), expected.mean(), rtol=0.005)


def test_sketch_estimates_the_squared_columns(large: LargeKernel, dense: np.ndarray) -> None:
    values = np.random.default_rng(2).uniform(0, 2, N)
    _, sketch = large.sketch(values)
    ratio = (sketch**2).sum(axis=1) / (values @ dense**2)
    np.testing.assert_allclose(ratio[-3:], 1, atol=1e-12)
    assert abs(ratio.mean() - 1) < 0.02
    assert ratio.std() < 0.1


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_predictions_have_the_same_shape(
    large: LargeKernel, dense: np.ndarray, missing: float
) -> None:
    random = np.random.default_rng(3)
    anchors = np.arange(0, 690, 9)
    profiles = random.normal(size=(len(anchors), 60))
    profiles[random.random(profiles.shape) < missing] = np.nan
    targets = np.setdiff1d(np.arange(N - 3), anchors)
    one, other = (
        KrigingRegressor(kernel).fit(anchors[:, None], profiles).deviation(targets)
        for kernel in (large, dense)
    )
    size = np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(one, size[:, None] * other, atol=1e-8 * np.abs(other).max())
    assert np.abs(size - 1).max() < 0.2


def test_above_the_limit_kernels_are_of_this_kind(
    monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    monkeypatch.setattr("mechpert_al.consensus.kernel.DENSE_LIMIT", N)
    assert isinstance(kernel_by_name(modular_weights(), names), np.ndarray)
    monkeypatch.setattr("mechpert_al.consensus.kernel.DENSE_LIMIT", N - 1)
    assert isinstance(kernel_by_name(modular_weights(), names), LargeKernel)
