"""Kriging with denoising: a Gaussian-process prior from names, cleaned by what was measured.

With E′ the centred anchor profiles, brought to unit norm and centred again as far as their norms
differ, and R = E′E′ᵀ their correlations, a target's deviation is

    ŷ(t) − μ = c · K[t,A] (K[A,A] + σ²I)⁻¹ R (R + λI)⁻¹ E′

The kernel K comes from names alone. R(R + λI)⁻¹ is a Wiener filter: measured anchors denoise each
other, and this is what measurements teach. The number c matters for squared error only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.effects.unit_profiles import SHARED_READOUTS, reciprocal, unit_profiles
from mechpert_al.prediction.base import ProfileRegressor, candidate_numbers

#: λ of the Wiener filter.
WIENER = 2.0
#: κ: how many anchors' worth of prior knowledge stands behind the scale c.
SCALE_SHRINKAGE = 10.0


class KrigingRegressor(ProfileRegressor):
    """Kriging on a kernel of expected similarities, with a Wiener step among the anchors.

    Parameters
    ----------
    kernel
        Prior covariance of the perturbations, shape (n_genes, n_genes), unit diagonal.
    noise
        σ²: noise of one measured profile in units of the kernel's diagonal.
    wiener
        λ of the Wiener filter; None leaves the step out.

    Attributes
    ----------
    scale_
        c, in units of the profiles.
    correlation_
        R, shape (n_anchors, n_anchors); None when the step is left out.
    kernel_
        The kernel that was used, shape (n_genes, n_genes).

    Notes
    -----
    A missing value is honoured for each readout: only the anchors that measured it are
    conditioned on, and through R they speak for the anchors that did not. Where fewer than half of
    the pairs of anchors share enough readouts, R cannot be estimated; the Wiener step is then left
    out and `notices_` says so.
    """

    def __init__(
        self, kernel: np.ndarray, noise: float = NOISE, wiener: float | None = WIENER
    ) -> None:
        self.kernel = kernel
        self.noise = noise
        self.wiener = wiener

    # ------------------------------------------------------------------ fitting
    def _fit(self) -> None:
        known = ~np.isnan(self.deviations_)
        self.unit_, self.norms_, self.recentring_ = unit_profiles(self.deviations_)
        self.correlation_ = self._anchor_correlation(known)
        self.kernel_ = self._fitted_kernel()
        self._ridge = 0.0 if self.correlation_ is None or self.wiener is None else self.wiener
        self._solve()
        self.scale_ = self._fitted_scale()

    def _solve(self) -> None:
        """Solve once what every target's weights are made of."""
        among = self.kernel_[np.ix_(self.anchors_, self.anchors_)]
        self._prior_inverse = inverse(among + self.noise * np.eye(len(among)))
        self._wiener_inverse = None
        if self.correlation_ is not None:
            self._wiener_inverse = inverse(
                self.correlation_ + self._ridge * np.eye(len(self.correlation_))
            )

    def _fitted_kernel(self) -> np.ndarray:
        """The kernel to predict with: a subclass may learn it from `correlation_`."""
        return self.kernel

    def _anchor_correlation(self, known: np.ndarray) -> np.ndarray | None:
        """R among the anchors, or None when the Wiener step is left out."""
        if self.wiener is None:
            return None
        if self.is_complete_:
            return self.unit_ @ self.unit_.T
        counted = known.astype(np.float64)
        shared = counted @ counted.T
        pairs = np.triu_indices(len(shared), 1)
        estimable = shared >= SHARED_READOUTS
        if len(pairs[0]) == 0 or estimable[pairs].mean() < 0.5:
            self.notices_.append(
                f"the Wiener step was left out: only {int(estimable[pairs].sum())} of "
                f"{len(pairs[0])} pairs of anchors share {SHARED_READOUTS} measured readouts"
            )
            return None
        return _shrunken_correlation(self.unit_, counted, shared)

    def _smoother(self) -> np.ndarray:
        """(K[A,A] + σ²I)⁻¹ R (R + λI)⁻¹, shape (n_anchors, n_anchors)."""
        if self._wiener_inverse is None:
            return self._prior_inverse
        return self._prior_inverse - self._ridge * (self._prior_inverse @ self._wiener_inverse)

    def _fitted_scale(self) -> float:
        """c: the size of the deviations, by leave-one-out, drawn to its expected value."""
        if not len(self.anchors_):
            return 0.0
        expected = float((1 + self._ridge) * self.norms_.mean())
        if not self.is_complete_ or len(self.anchors_) < 3:
            return expected
        others = np.setdiff1d(np.arange(len(self.kernel_)), self.anchors_)
        with_truth, with_itself, size = self._left_out_sizes(others)
        prior = SCALE_SHRINKAGE * size
        total = with_itself + prior
        return float((with_truth + prior * expected) / total) if total > 0 else expected

    def _left_out_sizes(self, others: np.ndarray) -> tuple[float, float, float]:
        """Summed products of left-out unit predictions with the truth, and with themselves.

        And the mean squared norm of the unit predictions of other candidates, 0 without any.
        """
        products = self.unit_ @ self.unit_.T
        left_out = self._left_out_weights()
        with_truth = (left_out * (self.deviations_ @ self.unit_.T)).sum()
        with_itself = np.einsum("ij,jk,ik->", left_out, products, left_out, optimize=True)
        typical = self.kernel_[np.ix_(others, self.anchors_)] @ self._smoother()
        size = np.einsum("ij,ij->i", typical @ products, typical).mean() if len(others) else 0.0
        return float(with_truth), float(with_itself), float(size)

    def _left_out_weights(self) -> np.ndarray:
        """Weights of the other anchors for each anchor in turn, zero on the diagonal.

        Leaving one row out of an inverse is a rank-one downdate, so no system is solved again.
        """
        first = -self._prior_inverse / np.diag(self._prior_inverse)[:, None]
        np.fill_diagonal(first, 0)
        if self._wiener_inverse is None:
            return first
        through = first @ self._wiener_inverse
        drop = np.diag(through) / np.diag(self._wiener_inverse)
        return first - self._ridge * (through - drop[:, None] * self._wiener_inverse)

    # ------------------------------------------------------------------ prediction
    def _unit_weights(self, targets: np.ndarray) -> np.ndarray:
        return self.kernel_[np.ix_(targets, self.anchors_)] @ self._smoother()

    def weights(self, X: Any) -> np.ndarray:
        """Weights on the anchors' deviations; with missing values those of a whole readout."""
        raw = self._unit_weights(candidate_numbers(X))
        usable = self.norms_ > 0
        if usable.any():  # the unit profiles are centred again
            raw = raw - self.recentring_ * raw[:, usable].mean(axis=1, keepdims=True)
        return self.scale_ * raw * reciprocal(self.norms_)

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        if self.is_complete_:
            return self.scale_ * (self._unit_weights(targets) @ self.unit_)
        cross = self.kernel_[np.ix_(targets, self.anchors_)]
        known = ~np.isnan(self.deviations_)
        if self.correlation_ is None:
            among = self.kernel_[np.ix_(self.anchors_, self.anchors_)]
            return self.scale_ * (cross @ partial_solve(among, self.noise, known, self.unit_))
        solved = partial_solve(self.correlation_, self._ridge, known, self.unit_)
        return self.scale_ * (cross @ self._prior_inverse @ (self.correlation_ @ solved))


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric positive definite matrix."""
    return linalg.cho_solve(linalg.cho_factor(matrix), np.eye(len(matrix)))


def _shrunken_correlation(unit: np.ndarray, known: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Correlations over shared readouts, shrunk by their number, positive semi-definite."""
    products, squares = unit @ unit.T, unit**2
    sizes = np.sqrt((squares @ known.T) * (known @ squares.T))
    correlation = np.where(sizes > 0, products / np.where(sizes > 0, sizes, 1), 0)
    correlation *= shared / (shared + SHARED_READOUTS)
    np.fill_diagonal(correlation, 1)
    values, vectors = np.linalg.eigh(correlation)
    return (vectors * np.maximum(values, 0)) @ vectors.T


def partial_solve(
    matrix: np.ndarray, ridge: float, known: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """(M[k,k] + ridge I)⁻¹ right[k] for each column's own set k of known rows; 0 elsewhere.

    Columns with the same set share one inverse, and sets of one size are inverted together.
    """
    solved = np.zeros_like(right)
    patterns, of_column = _distinct_columns(known)
    sizes = patterns.sum(axis=1)
    for size in np.unique(sizes[sizes > 0]):
        chosen = np.flatnonzero(sizes == size)
        for part in np.array_split(chosen, max(1, len(chosen) * size * size // 4_000_000)):
            rows = np.nonzero(patterns[part])[1].reshape(len(part), size)
            blocks = matrix[rows[:, :, None], rows[:, None, :]] + ridge * np.eye(size)
            inverses = np.linalg.inv(blocks)
            columns = np.flatnonzero(np.isin(of_column, part))
            place = np.searchsorted(part, of_column[columns])
            here = rows[place]
            values = np.einsum("cij,cj->ci", inverses[place], right[here, columns[:, None]])
            solved[here, columns[:, None]] = values
    return solved


def _distinct_columns(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct columns, one a row, and which of them each column is."""
    number: dict[bytes, int] = {}
    packed = np.packbits(known, axis=0).T
    of_column = np.array([number.setdefault(column.tobytes(), len(number)) for column in packed])
    _, first = np.unique(of_column, return_index=True)
    return known.T[first], of_column
