"""The consensus kernel: how alike two knock-downs are expected to be, from names alone.

A positive network of weights is diffused, so that partners of partners count, then centred as the
profiles themselves will be, and scaled to a unit diagonal. The result serves as the covariance of
a Gaussian process over perturbations: prediction and design both condition it on the anchors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from scipy import linalg, sparse
from scipy.linalg import lapack

#: How far the diffusion reaches: the share of a walk that goes on at each step.
ALPHA = 0.98
#: With more genes than this no matrix of all pairs is made.
DENSE_LIMIT = 5_000
#: Noise of one measured profile, in units of the kernel's diagonal.
NOISE = 1.0


def diffusion_kernel(weights: sparse.sparray | np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Centred, unit-diagonal diffusion kernel of a network.

    K₀ = (I − αP)⁻¹ with P = D^-½ S D^-½, S the symmetric part of the positive weights and D its
    row sums; then H K₀ H with H = I − 11ᵀ/n, scaled to a unit diagonal. Both are taken over the
    genes that have a link. A gene without one is a unit row of its own.

    Parameters
    ----------
    weights
        Shape (n, n); made symmetric here, negative entries and the diagonal count as no link.
    alpha
        Between 0 (no diffusion) and 1 (excluded).

    Returns
    -------
    numpy.ndarray
        float64, shape (n, n), symmetric, positive semi-definite up to rounding.
    """
    if not 0 <= alpha < 1:
        raise ValueError(f"alpha is {alpha}, expected a number from 0 up to (not including) 1")
    links = positive_links(weights)
    linked = np.flatnonzero(links.sum(axis=1) > 0)
    if linked.size == links.shape[0]:
        return _diffused(links.toarray(), alpha)
    kernel = np.eye(links.shape[0])
    if linked.size:
        kernel[np.ix_(linked, linked)] = _diffused(links[linked][:, linked].toarray(), alpha)
    return kernel


def kernel_by_name(weights: sparse.sparray, genes: Sequence[str]) -> np.ndarray:
    """The diffusion kernel of a network, computed in the order of the genes' names.

    So not even the last digit of a number depends on the order in which genes are listed. With
    very many genes it is a `LargeKernel`, which stands in for an array of which few columns are
    needed.
    """
    if is_large(len(genes)):
        from mechpert_al.consensus.large_kernel import LargeKernel

        return cast(np.ndarray, LargeKernel(weights, genes))
    order = np.argsort(genes)
    place = np.argsort(order)
    return diffusion_kernel(sparse.csr_array(weights)[order][:, order])[np.ix_(place, place)]


def is_large(n_genes: int) -> bool:
    """Whether there are too many genes for a matrix of all pairs."""
    return n_genes > DENSE_LIMIT


def positive_links(weights: Any) -> sparse.csr_array:
    """The symmetric, positive, loop-free part of a weight matrix, as CSR."""
    matrix = sparse.csr_array(weights, dtype=np.float64)
    matrix = ((matrix + matrix.T) / 2).maximum(0)
    matrix = sparse.csr_array(matrix - sparse.diags_array(matrix.diagonal()))
    matrix.eliminate_zeros()
    return matrix


def _diffused(links: np.ndarray, alpha: float) -> np.ndarray:
    scale = 1 / np.sqrt(links.sum(axis=1))
    system = links * (-alpha * scale[:, None])
    system *= scale
    system.flat[:: len(system) + 1] += 1
    kernel = _inverse(system)
    means = kernel.mean(axis=0)
    kernel -= means
    kernel -= (means - means.mean())[:, None]
    _mirror(kernel)
    return _scaled(kernel)


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric, positive definite matrix, in its place.

    From the Cholesky factor, in a third of the operations that solving for the identity takes.
    """
    factor, failed = lapack.dpotrf(matrix.T, lower=True, overwrite_a=True, clean=False)
    if not failed:
        inverse, failed = lapack.dpotri(factor, lower=True, overwrite_c=True)
    if failed:
        raise np.linalg.LinAlgError("the matrix is not positive definite")
    _mirror(inverse.T)
    return cast(np.ndarray, inverse.T)


def _mirror(matrix: np.ndarray, n_rows: int = 512) -> None:
    """Copy what is above the diagonal to below it, in its place, some rows at a time."""
    for start in range(0, len(matrix), n_rows):
        rows = slice(start, start + n_rows)
        upper = np.triu(matrix[rows, rows])
        matrix[rows, rows] = upper + np.triu(upper, 1).T
        matrix[start + n_rows :, rows] = matrix[rows, start + n_rows :].T


def unit_diagonal(kernel: np.ndarray) -> np.ndarray:
    """A kernel scaled so that every gene has variance 1; a gene without variance is on its own."""
    return _scaled(np.array(kernel, dtype=np.float64))


def _scaled(kernel: np.ndarray, n_rows: int = 512) -> np.ndarray:
    """`unit_diagonal` in the kernel's place, some rows at a time."""
    variance = np.diag(kernel).copy()
    empty = variance <= 1e-12 * max(variance.max(initial=0), 1e-300)
    variance[empty] = 1
    scale = 1 / np.sqrt(variance)
    for start in range(0, len(kernel), n_rows):
        rows = slice(start, start + n_rows)
        kernel[rows] *= np.outer(scale[rows], scale)
    kernel[empty] = kernel[:, empty] = 0
    np.fill_diagonal(kernel, 1)
    return kernel


def coverage(
    kernel: np.ndarray, anchors: np.ndarray, noise: float | np.ndarray = NOISE
) -> np.ndarray:
    """Expected explained fraction of each perturbation, given the anchors.

    coverage(t | A) = K[t,A] (K[A,A] + σ²I)⁻¹ K[A,t] / K[t,t]

    Parameters
    ----------
    kernel
        Shape (n, n).
    anchors
        Indices of the measured perturbations.
    noise
        σ², one number or one an anchor.

    Returns
    -------
    numpy.ndarray
        Shape (n,), between 0 and 1. Measured genes get their value by the same formula.
    """
    anchors = np.asarray(anchors, dtype=int)
    if anchors.size == 0:
        return np.zeros(len(kernel))
    block = kernel[np.ix_(anchors, anchors)] + np.diag(np.broadcast_to(noise, anchors.shape))
    half = linalg.solve_triangular(linalg.cholesky(block, lower=True), kernel[anchors], lower=True)
    return np.clip((half**2).sum(axis=0) / kernel.diagonal(), 0, 1)
