"""The covariance that anchors leave open, updated as anchors are added."""

from __future__ import annotations

import numpy as np


class ResidualCovariance:
    """The kernel's columns of some candidates, conditioned on anchors by rank-one updates.

    Parameters
    ----------
    kernel
        Prior covariance of the perturbations, shape (n, n).
    noise
        σ² of each candidate's measured profile, shape (n,).
    given
        Anchors that exist already.
    candidates
        Whose columns are kept, k of them: only these may be asked about or conditioned on.

    Attributes
    ----------
    columns
        ``columns[t, j]`` is the covariance of target t and candidate j given the anchors so far,
        shape (n, k).
    """

    def __init__(
        self, kernel: np.ndarray, noise: np.ndarray, given: np.ndarray, candidates: np.ndarray
    ) -> None:
        self.noise = noise
        self.candidates = np.asarray(candidates, dtype=int)
        self.place = np.full(len(kernel), -1)
        self.place[self.candidates] = np.arange(len(self.candidates))
        self.columns = np.array(kernel[:, self.candidates], dtype=np.float64)
        self._change = np.empty_like(self.columns)
        given = np.asarray(given, dtype=int)
        if given.size:
            block = kernel[np.ix_(given, given)] + np.diag(noise[given])
            cross = kernel[np.ix_(given, self.candidates)]
            self.columns -= kernel[:, given] @ np.linalg.solve(block, cross)

    def places(self, candidates: np.ndarray) -> np.ndarray:
        """Columns of some candidates."""
        return self.place[candidates]

    def condition(self, candidate: int) -> None:
        """Measure a candidate: every column loses what it tells."""
        column = self.columns[:, self.place[candidate]]
        scale = column[candidate] + self.noise[candidate]
        np.outer(column / scale, self.columns[candidate], out=self._change)
        self.columns -= self._change

    def summed_squares(self, worth: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Σ_t worth[t] · columns[t, c]² of some candidates, shape (k,)."""
        places, columns = self.places(candidates), self.columns
        if 2 * len(places) < columns.shape[1]:
            columns, places = columns[:, places], np.arange(len(places))
        return np.einsum("t,tc,tc->c", worth, columns, columns)[places]

    def variances(self, candidates: np.ndarray) -> np.ndarray:
        """Residual variances of some candidates, shape (k,)."""
        return self.columns[candidates, self.places(candidates)]
