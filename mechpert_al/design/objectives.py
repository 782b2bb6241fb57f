"""Objectives: what a set of anchors is worth, given as incremental gains.

An objective knows nothing of how anchors are chosen. `begin` starts a run conditioned on the
anchors that exist already; the run answers what each candidate would add now, and is told what was
added. Sources: coverage and log-determinant as in Gaussian-process sensor placement (Krause et al.
2008), facility location (Cornuéjols et al. 1977), probabilistic coverage (max-coverage with
independent successes), k-centre (Gonzalez 1985).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import sparse

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.consensus.large_kernel import LargeKernel
from mechpert_al.design.residual import ResidualCovariance


class Run(Protocol):
    """One optimisation under way."""

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        """What each candidate would add to the objective now, shape (len(candidates),)."""

    def add(self, candidate: int) -> None:
        """Take a candidate as an anchor."""


class Objective(Protocol):
    """The worth of a set of anchors.

    ``is_submodular`` promises that a gain never grows as anchors are added: the optimiser may
    then be lazy.
    """

    is_submodular: bool

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors; only ``candidates`` will ever be asked about or added."""


# ---------------------------------------------------------------------- on a kernel
class _KernelObjective:
    """What objectives on a kernel share.

    Parameters
    ----------
    kernel
        Prior covariance of the perturbations, shape (n, n).
    noise
        σ² of a measured profile: one number, or one a candidate.
    values
        v_t: what each target is worth, shape (n,); 1 by default.
    """

    is_submodular = False

    def __init__(
        self,
        kernel: np.ndarray,
        noise: float | np.ndarray = NOISE,
        values: np.ndarray | None = None,
    ) -> None:
        self.kernel = kernel
        self.noise = np.broadcast_to(np.asarray(noise, dtype=np.float64), (len(kernel),))
        self.variance = kernel.diagonal()
        self.values = np.ones(len(kernel)) if values is None else np.asarray(values, dtype=float)

    def _residual(self, given: np.ndarray, candidates: np.ndarray) -> ResidualCovariance:
        return ResidualCovariance(self.kernel, self.noise, given, candidates)


class ExpectedCoverage(_KernelObjective):
    """Σ_t v_t coverage(t | anchors): the expected explained fraction of all targets.

    Not submodular in general; its submodularity ratio is at least σ²/(1+σ²), so greedy reaches
    at least 1 − e^(−σ²/(1+σ²)) of the optimum (Das & Kempe 2011).
    """

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors (see `Objective`)."""
        if isinstance(self.kernel, LargeKernel):
            from mechpert_al.design.large_coverage import LargeCoverageRun

            return LargeCoverageRun(self.kernel, self.noise, self.values, given)
        return _CoverageRun(self, self._residual(given, candidates))


class _CoverageRun:
    def __init__(self, objective: ExpectedCoverage, residual: ResidualCovariance) -> None:
        self.residual = residual
        self.noise = objective.noise
        self.worth = objective.values / objective.variance

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        squares = self.residual.summed_squares(self.worth, candidates)
        return squares / (self.residual.variances(candidates) + self.noise[candidates])

    def add(self, candidate: int) -> None:
        self.residual.condition(candidate)


class ExpectedCorrelation(_KernelObjective):
    """Σ_t v_t √coverage(t | anchors): the expected correlation. No bound is claimed for greedy."""

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors (see `Objective`)."""
        return _CorrelationRun(self, given, candidates)


class _CorrelationRun:
    def __init__(
        self, objective: ExpectedCorrelation, given: np.ndarray, candidates: np.ndarray
    ) -> None:
        from mechpert_al.consensus.kernel import coverage

        self.objective = objective
        self.residual = objective._residual(given, candidates)
        given = np.asarray(given, dtype=int)
        self.covered = coverage(objective.kernel, given, objective.noise[given])

    def _raised(self, candidates: np.ndarray) -> np.ndarray:
        columns = self.residual.columns[:, self.residual.places(candidates)]
        variances = self.residual.variances(candidates)
        scale = self.objective.variance[:, None] * (variances + self.objective.noise[candidates])
        return self.covered[:, None] + columns**2 / scale

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        change = np.sqrt(self._raised(candidates)) - np.sqrt(self.covered)[:, None]
        return self.objective.values @ change

    def add(self, candidate: int) -> None:
        self.covered = self._raised(np.array([candidate]))[:, 0]
        self.residual.condition(candidate)


class Averaged:
    """The mean of several objectives: the worth of anchors while it is in doubt which one holds.

    Submodular if all of them are, since a mean of submodular functions is.

    Parameters
    ----------
    objectives
        The objectives.
    weights
        How far each is believed, not negative.
    """

    def __init__(self, objectives: Sequence[Objective], weights: Sequence[float]) -> None:
        self.objectives = objectives
        self.weights = weights
        self.is_submodular = all(one.is_submodular for one in objectives)

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors (see `Objective`)."""
        return _AveragedRun([one.begin(given, candidates) for one in self.objectives], self.weights)


class _AveragedRun:
    def __init__(self, runs: Sequence[Run], weights: Sequence[float]) -> None:
        self.runs = runs
        self.weights = weights

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        gains = [run.gains(candidates) for run in self.runs]
        return np.asarray(self.weights, dtype=np.float64) @ np.array(gains)

    def add(self, candidate: int) -> None:
        for run in self.runs:
            run.add(candidate)


class LogDeterminant(_KernelObjective):
    """log det(I + K[A,A]/σ²): how much the anchors are expected to tell about themselves.

    The same as uncertainty sampling with conditional updates. Monotone and submodular.
    """

    is_submodular = True

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors (see `Objective`)."""
        return _LogDeterminantRun(self, self._residual(given, candidates))


class _LogDeterminantRun:
    def __init__(self, objective: LogDeterminant, residual: ResidualCovariance) -> None:
        self.noise = objective.noise
        self.residual = residual

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        variances = self.residual.variances(candidates)
        return np.log1p(np.maximum(variances, 0) / self.noise[candidates])

    def add(self, candidate: int) -> None:
        self.residual.condition(candidate)


class KCentre:
    """Distance to the nearest anchor in the kernel's geometry: farthest first.

    Before there is an anchor the distance is to the mean of all genes, which is what a prediction
    falls back on. Greedy is within a factor 2 of the best covering radius.
    """

    is_submodular = False

    def __init__(self, kernel: np.ndarray) -> None:
        self.kernel = kernel

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors (see `Objective`)."""
        return _KCentreRun(self.kernel, np.asarray(given, dtype=int))


class _KCentreRun:
    def __init__(self, kernel: np.ndarray, given: np.ndarray) -> None:
        self.kernel = kernel
        self.has_anchor = given.size > 0
        self.nearest = np.diag(kernel) - 2 * kernel.mean(axis=0) + kernel.mean()
        if self.has_anchor:
            self.nearest = self._squared_distances(given).min(axis=0)

    def _squared_distances(self, anchors: np.ndarray) -> np.ndarray:
        variance = np.diag(self.kernel)
        return variance[anchors][:, None] + variance - 2 * self.kernel[anchors]

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        return np.sqrt(np.maximum(self.nearest[candidates], 0))

    def add(self, candidate: int) -> None:
        distances = self._squared_distances(np.array([candidate]))[0]
        self.nearest = np.minimum(self.nearest, distances) if self.has_anchor else distances
        self.has_anchor = True


# ---------------------------------------------------------------------- on sparse links
class FacilityLocation:
    """Σ_t v_t (1/M) Σ_m max_a p_m[t,a]: how well each target is served by its best anchor.

    Averaged over agents, so that no agent's reading is lost. Monotone and submodular: greedy
    reaches at least 1 − 1/e of the optimum.

    Parameters
    ----------
    links
        For each agent positive symmetric links p_m, shape (n, n), between 0 and 1; the diagonal
        counts as 1 whatever it holds.
    values
        v_t, shape (n,); 1 by default.
    """

    is_submodular = True

    def __init__(self, links: Sequence[sparse.csr_array], values: np.ndarray | None = None) -> None:
        size = links[0].shape[0]
        self.stacked = sparse.csc_array(sparse.vstack([with_unit_diagonal(one) for one in links]))
        worth = np.ones(size) if values is None else np.asarray(values, dtype=float)
        self.worth = np.tile(worth / len(links), len(links))

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> _FacilityRun:
        """Start from the given anchors (see `Objective`)."""
        run = _FacilityRun(self)
        for anchor in given:
            run.add(int(anchor))
        return run


class _FacilityRun:
    def __init__(self, objective: FacilityLocation) -> None:
        self.links = objective.stacked
        self.worth = objective.worth
        self.best = np.zeros(self.links.shape[0])

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        rows, values, starts = columns_of(self.links, candidates)
        better = np.maximum(values - self.best[rows], 0) * self.worth[rows]
        return np.add.reduceat(better, starts)

    def add(self, candidate: int) -> None:
        rows, values, _ = columns_of(self.links, np.array([candidate]))
        self.best[rows] = np.maximum(self.best[rows], values)


class ProbabilisticCoverage:
    """Σ_t v_t (1 − Π_a (1 − p[t,a])): the chance that some anchor explains the target.

    Monotone and submodular. With p of 0 and 1 only it is maximum coverage.

    Parameters
    ----------
    links
        p, positive symmetric links, shape (n, n), between 0 and 1; unit diagonal.
    values
        v_t, shape (n,); 1 by default.
    """

    is_submodular = True

    def __init__(self, links: sparse.csr_array, values: np.ndarray | None = None) -> None:
        self.links = sparse.csc_array(with_unit_diagonal(links))
        size = links.shape[0]
        self.worth = np.ones(size) if values is None else np.asarray(values, dtype=float)

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors (see `Objective`)."""
        run = _ProbabilisticRun(self)
        for anchor in given:
            run.add(int(anchor))
        return run


class _ProbabilisticRun:
    def __init__(self, objective: ProbabilisticCoverage) -> None:
        self.links = objective.links
        self.missed = objective.worth.copy()

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        rows, values, starts = columns_of(self.links, candidates)
        return np.add.reduceat(values * self.missed[rows], starts)

    def add(self, candidate: int) -> None:
        rows, values, _ = columns_of(self.links, np.array([candidate]))
        self.missed[rows] *= 1 - values


class Modular:
    """A fixed score for each candidate: what rankings (centralities, random) maximise."""

    is_submodular = True

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = np.asarray(scores, dtype=np.float64)

    def begin(self, given: np.ndarray, candidates: np.ndarray) -> Run:
        """Start from the given anchors (see `Objective`)."""
        return _ModularRun(self.scores)


class _ModularRun:
    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        return self.scores[candidates]

    def add(self, candidate: int) -> None:
        """Nothing changes: scores do not depend on each other."""


def with_unit_diagonal(links: sparse.csr_array) -> sparse.csr_array:
    """The links between 0 and 1 with every gene its own best neighbour."""
    own = links - sparse.diags_array(links.diagonal())
    return sparse.csr_array(own.maximum(0).minimum(1) + sparse.eye_array(links.shape[0]))


def columns_of(
    matrix: sparse.csc_array, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers and values of some non-empty columns, one after the other, and their starts."""
    columns = np.asarray(columns, dtype=int)
    first, last = matrix.indptr[columns], matrix.indptr[columns + 1]
    lengths = last - first
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    places = np.arange(lengths.sum()) + np.repeat(first - starts, lengths)
    return matrix.indices[places], matrix.data[places], starts
