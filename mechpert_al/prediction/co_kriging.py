"""Co-kriging: two cell lines as one Gaussian process over (gene, line).

Another line's measured knock-downs X are further points beside this line's anchors A. With K the
kernel of the genes, one line's profiles have the covariance K + σ²I, and two lines share a part ρ
of it, noise included: what kriging calls noise is in part the gene's own signal, and that is the
same in both lines (a linear model of coregionalisation). With u the anchors' centred unit profiles,
x those of the other line, M = [u; s x] and R = M Mᵀ, a target's deviation in this line is

    ŷ(t) − μ = c · [K[t,A], ρ (K + σ²I)[t,X]] V⁻¹ R (R + λI)⁻¹ M
    V = [[(K + σ²I)[A,A], ρ (K + σ²I)[A,X]], [ρ (K + σ²I)[X,A], (K + σ²I)[X,X]]]

Both systems are solved with the other line eliminated first. That depends on no anchor and is done
once; what is left is as large as kriging's own: the residual covariance D of this line given the
other one, and the part u − û of the anchors' profiles that the other line's profiles do not span.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.consensus.other_line import LineProfiles
from mechpert_al.effects.unit_profiles import SHARED_READOUTS
from mechpert_al.prediction.kriging import (
    KrigingRegressor,
    inverse,
    partial_solve,
)

#: ρ: share of a gene's own signal, prior covariance and noise alike, that two lines have in common.
SHARED = 0.2
#: s: what another line's unit profile counts in the Wiener filter beside an anchor's own.
LINE_WEIGHT = 0.7
#: λ of the joint Wiener filter: with many profiles there is less noise to take away.
JOINT_WIENER = 1.0


class CoKrigingRegressor(KrigingRegressor):
    """Kriging over this line's anchors and another line's profiles together.

    Parameters
    ----------
    kernel
        Prior covariance of the perturbations, shape (n_genes, n_genes), unit diagonal.
    line
        The other line's profiles over the readouts that are predicted. None stands for readouts
        that are not known yet: `fit` must be given one then.
    shared
        ρ, from 0 to below 1: lines that shared all would be one.
    line_weight
        s.
    noise, wiener
        As `KrigingRegressor`; λ is above 0, or None.

    Attributes
    ----------
    scale_, correlation_, kernel_
        As `KrigingRegressor`.

    Notes
    -----
    `weights` are on this line's anchors; what comes from the other line is `offset`. Missing values
    among the anchors are honoured for each readout as in `KrigingRegressor`, the other line's
    profiles being known for every readout (0, its mean, where it measured nothing). Where the
    anchors' correlations cannot be estimated, the Wiener step is left out for both lines.
    """

    def __init__(
        self,
        kernel: np.ndarray,
        line: LineProfiles | None = None,
        shared: float = SHARED,
        line_weight: float = LINE_WEIGHT,
        noise: float = NOISE,
        wiener: float | None = JOINT_WIENER,
    ) -> None:
        super().__init__(kernel, noise, wiener)
        self.line = line
        self.shared = shared
        self.line_weight = line_weight

    def fit(self, X: Any, y: Any, line: LineProfiles | None = None) -> Self:
        """Take the measured profiles.

        Parameters
        ----------
        X, y
            As every predictor's.
        line
            The other line's profiles in the coordinates of y, where these are no readouts; by
            default those it was made with.

        Raises
        ------
        ValueError
            If there are none, or they have another number of readouts than y.
        """
        self._line = self.line if line is None else line
        return super().fit(X, y)

    # ------------------------------------------------------------------ fitting
    def _line_at_hand(self) -> LineProfiles:
        """The other line's profiles over the measured readouts."""
        line, n_readouts = self._line, len(self.has_readout_)
        if line is None:
            raise ValueError(
                "the other line is not put beside readouts yet: build the predictor from "
                "knowledge.on_readouts(readouts)"
            )
        if line.deviations.shape[1] != n_readouts:
            raise ValueError(
                f"y has {n_readouts} readouts, the other line's profiles {line.deviations.shape[1]}"
            )
        return line if self.has_readout_.all() else line.over(self.has_readout_)

    def _solve(self) -> None:
        line = self._line_at_hand()
        self.notices_ += line.notices
        self._told = told = self._eliminated(line)
        among = told.residual[np.ix_(self.anchors_, self.anchors_)]
        self._prior_inverse = inverse(among + self.noise * np.eye(len(among)))
        self._wiener_inverse = None
        if self.correlation_ is None:
            return
        across = self._across(told.profiles)
        self._spanned = across @ told.spanning
        self._left = self.correlation_ - across @ told.filter @ across.T
        if not self.is_complete_:  # its parts were estimated one by one
            values, vectors = np.linalg.eigh(self._left)
            self._left = (vectors * np.maximum(values, 0)) @ vectors.T
        self._wiener_inverse = inverse(self._left + self._ridge * np.eye(len(among)))
        self._passed_on = told.filtered_gain @ across.T

    def _eliminated(self, line: LineProfiles) -> _Eliminated:
        """What the other line tells alone, kept from one fit to the next."""
        settings = (self.noise, self._ridge, self.shared, self.line_weight)
        kept: _Eliminated | None = getattr(self, "_told", None)
        if (
            kept is not None
            and kept.kernel is self.kernel_
            and kept.line.unit is line.unit
            and kept.line.numbers is line.numbers
            and (kept.noise, kept.ridge, kept.shared, kept.weight) == settings
        ):
            return kept
        return _Eliminated(self.kernel_, line, *settings)

    def _across(self, profiles: np.ndarray) -> np.ndarray:
        """Correlations of the anchors with the other line's profiles, times s, shape (N, n)."""
        products = self.unit_ @ profiles.T
        if self.is_complete_:
            return products
        known = (~np.isnan(self.deviations_)).astype(np.float64)
        sizes = np.sqrt((self.unit_**2).sum(axis=1)[:, None] * (known @ (profiles**2).T))
        shared = known @ (profiles != 0).any(axis=0)
        believed = self.line_weight * shared / (shared + SHARED_READOUTS)
        return np.where(sizes > 0, products / np.where(sizes > 0, sizes, 1), 0) * believed[:, None]

    def _left_out_sizes(self, others: np.ndarray) -> tuple[float, float, float]:
        left_out = self.left_out()
        typical = self._combined(others, *self._parts(others))
        size = (typical**2).sum(axis=1).mean() if len(others) else 0.0
        return float((left_out * self.deviations_).sum()), float((left_out**2).sum()), float(size)

    def left_out(self) -> np.ndarray:
        """Each anchor's unit profile predicted without it, shape (n_anchors, n_measured).

        Only its point in this line is left out: the other line's profile of the same gene stays.
        Both systems lose one row, a rank-one downdate of what is left of them. Missing values
        count as the anchors' mean.
        """
        first = -self._prior_inverse / np.diag(self._prior_inverse)[:, None]
        np.fill_diagonal(first, 0)
        through = None
        if self._wiener_inverse is not None:
            through = self._asked(self.anchors_, first) @ self._wiener_inverse
            drop = np.diag(through) / np.diag(self._wiener_inverse)
            through = through - drop[:, None] * self._wiener_inverse
        return self._combined(self.anchors_, first, through)

    def left_out_correlations(self) -> np.ndarray:
        """Correlation of each anchor's profile with its left-out prediction, shape (n_anchors,).

        Over the readouts that the anchor measured; 0 where nothing is predicted.
        """
        predicted = np.where(np.isnan(self.deviations_), 0, self.left_out())
        sizes = np.linalg.norm(predicted, axis=1) * np.linalg.norm(self.unit_, axis=1)
        with_truth = (predicted * self.unit_).sum(axis=1)
        return np.where(sizes > 1e-12, with_truth / np.where(sizes > 1e-12, sizes, 1), 0)

    # ------------------------------------------------------------------ prediction
    def _parts(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Weights on the anchors' unit profiles, and further ones on what the line leaves open."""
        first = self._told.residual[np.ix_(targets, self.anchors_)] @ self._prior_inverse
        if self._wiener_inverse is None:
            return first, None
        return first, self._asked(targets, first) @ self._wiener_inverse

    def _asked(self, targets: np.ndarray, first: np.ndarray) -> np.ndarray:
        """What the Wiener filter of the anchors is asked for, given the weights without it."""
        passed_on = self._passed_on[targets] - first @ self._passed_on[self.anchors_]
        return self.shared * passed_on - self._ridge * first

    def _combined(
        self, targets: np.ndarray, first: np.ndarray, through: np.ndarray | None
    ) -> np.ndarray:
        """Unit predictions from the two kinds of weights."""
        return (
            first @ self.unit_
            + self._from_line(targets, first, through)
            + (0 if through is None else through @ self.unit_)
        )

    def _from_line(
        self, targets: np.ndarray, first: np.ndarray, through: np.ndarray | None
    ) -> np.ndarray:
        """The part of unit predictions that the other line's profiles make."""
        said = self._told.said
        part = self.shared * (said[targets] - first @ said[self.anchors_])
        return part if through is None else part - through @ self._spanned

    def _unit_weights(self, targets: np.ndarray) -> np.ndarray:
        first, through = self._parts(targets)
        return first if through is None else first + through

    def _offset(self, targets: np.ndarray) -> np.ndarray:
        return self.scale_ * self._from_line(targets, *self._parts(targets))

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        if self.is_complete_:
            return self.scale_ * self._combined(targets, *self._parts(targets))
        return self.scale_ * self._from_partial(targets)

    def _from_partial(self, targets: np.ndarray) -> np.ndarray:
        """Unit predictions where values of anchors are missing."""
        told, anchors, known = self._told, self.anchors_, ~np.isnan(self.deviations_)
        cross = told.residual[np.ix_(targets, anchors)]
        if self.correlation_ is None:
            among = told.residual[np.ix_(anchors, anchors)]
            open_ = self.unit_ - self.shared * told.said[anchors]
            solved = partial_solve(among, self.noise, known, open_)
            return self.shared * told.said[targets] + cross @ solved
        solved = partial_solve(self._left, self._ridge, known, self.unit_ - self._spanned)
        drift, own = (
            self.shared * (told.said[rows] + self._passed_on[rows] @ solved)
            for rows in (targets, anchors)
        )
        filtered = self._spanned + self._left @ solved
        return drift + cross @ self._prior_inverse @ (filtered - own)


@dataclass(frozen=True, eq=False)
class _Eliminated:
    """What the other line's points tell alone, with n genes measured there of all n_genes.

    Parameters
    ----------
    kernel, line, noise, ridge, shared, weight
        K, x, σ², λ, ρ and s.
    """

    kernel: np.ndarray
    line: LineProfiles
    noise: float
    ridge: float
    shared: float
    weight: float

    @cached_property
    def profiles(self) -> np.ndarray:
        """The other line's unit profiles times s, shape (n, n_readouts)."""
        return self.weight * self.line.unit

    @cached_property
    def gain(self) -> np.ndarray:
        """G = (K + σ²I)[:,X] (K + σ²I)[X,X]⁻¹, shape (n_genes, n)."""
        noisy = self._noisy
        return noisy @ inverse(noisy[self.line.numbers])

    @property
    def _noisy(self) -> np.ndarray:
        noisy = self.kernel[:, self.line.numbers]
        noisy[self.line.numbers, np.arange(noisy.shape[1])] += self.noise
        return noisy

    @cached_property
    def residual(self) -> np.ndarray:
        """D = K − ρ² G (K + σ²I)[X,:]: covariance given the other line, (n_genes, n_genes)."""
        return self.kernel - self.shared**2 * (self.gain @ self._noisy.T)

    @cached_property
    def filter(self) -> np.ndarray:
        """(s² x xᵀ + λI)⁻¹, shape (n, n)."""
        return inverse(
            self.weight**2 * self.line.products + self.ridge * np.eye(len(self.profiles))
        )

    @cached_property
    def spanning(self) -> np.ndarray:
        """(s² x xᵀ + λI)⁻¹ s x: what projects a profile on the other line's, (n, n_readouts)."""
        return self.filter @ self.profiles

    @cached_property
    def filtered_gain(self) -> np.ndarray:
        """λ G (s² x xᵀ + λI)⁻¹, shape (n_genes, n)."""
        return self.ridge * (self.gain @ self.filter)

    @cached_property
    def said(self) -> np.ndarray:
        """What every gene's profile is by the other line alone, shape (n_genes, n_readouts)."""
        if not self.ridge:
            return self.gain @ self.profiles
        return (self.gain - self.filtered_gain) @ self.profiles
