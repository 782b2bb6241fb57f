"""A measured screen as the judge: held-out truth, splits, and an exact reduction of its size.

Every linear smoother predicts inside the span of the measured profiles. Rotating the readouts into
that span keeps all inner products, so a screen of 585 perturbations × 7,225 readouts is judged
exactly in 586 dimensions. Where values are missing there is no such rotation and the whole
profiles are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import linalg

from mechpert_al.design.strategy import random_generator
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError

TestGenes = Literal["all", "development", "reserved"]
#: A target needs that many measured readouts to be scored.
MIN_SCORED_READOUTS = 20


@dataclass(frozen=True, eq=False)
class Screen:
    """Measured profiles of candidates, used as held-out truth.

    Parameters
    ----------
    name
        Name of the data set, such as the cell line.
    genes
        The candidates.
    numbers
        Candidate numbers of the measured ones, ascending, shape (n_measured,).
    effects
        Their profiles, rows in the order of ``numbers``.
    left_out
        Perturbations of the file that are no candidates.
    """

    name: str
    genes: tuple[str, ...]
    numbers: np.ndarray
    effects: EffectTable
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, effects: EffectTable, genes: tuple[str, ...]) -> Screen:
        """The part of an effect table that concerns the candidates, matched by symbol.

        Raises
        ------
        DataError
            If fewer than ten candidates were measured.
        """
        from mechpert_al.effects.align import align

        aligned = align(effects, genes, name)
        if len(aligned.numbers) < 10:
            raise DataError(
                f"{name}: only {len(aligned.numbers)} of its {effects.n_perturbations} "
                f"perturbations are among the {len(genes)} candidates",
                "Held-out evaluation needs a screen of the panel's own candidates.",
            )
        return cls(name, genes, aligned.numbers, aligned.effects, aligned.left_out)

    @cached_property
    def row_of(self) -> np.ndarray:
        """Row of each candidate in the profiles, −1 where not measured, shape (n_genes,)."""
        rows = np.full(len(self.genes), -1)
        rows[self.numbers] = np.arange(len(self.numbers))
        return rows

    @property
    def is_complete(self) -> bool:
        return self.effects.is_complete

    @cached_property
    def profiles(self) -> np.ndarray:
        """Whole profiles, float64, shape (n_measured, n_readouts)."""
        return self.effects.values.astype(np.float64)

    @cached_property
    def _rotation(self) -> tuple[np.ndarray, np.ndarray]:
        means = self.profiles.mean(axis=1, keepdims=True)
        basis, triangle = linalg.qr((self.profiles - means).T, mode="economic")
        along_mean = means * np.sqrt(self.profiles.shape[1])
        return np.hstack([along_mean, triangle.T]), basis.T

    @property
    def coordinates(self) -> np.ndarray:
        """Profiles in fewer dimensions, same inner products, shape (n_measured, n_measured + 1).

        The first coordinate lies along the constant profile: leaving it out centres a profile
        over its readouts.
        """
        return self._rotation[0]

    def basis_at(self, readouts: np.ndarray) -> np.ndarray:
        """What turns coordinates into values of some readouts.

        Parameters
        ----------
        readouts
            Readout numbers for each of n rows, shape (n, k).

        Returns
        -------
        numpy.ndarray
            Shape (n, k, n_measured + 1); times a row's coordinates it gives its k values.
        """
        basis = self._rotation[1].T[readouts]
        level = np.full((*readouts.shape, 1), 1 / np.sqrt(self.profiles.shape[1]))
        return np.concatenate([level, basis], axis=2)


@dataclass(frozen=True, eq=False)
class Split:
    """A pool that may be measured and a test set that never may, as candidate numbers."""

    number: int
    pool: np.ndarray
    test: np.ndarray


def splits(
    screen: Screen, n_splits: int, test_fraction: float, seed: int, test_genes: TestGenes = "all"
) -> Iterator[Split]:
    """Random splits of the measured candidates.

    Parameters
    ----------
    screen
        The judge.
    n_splits, test_fraction, seed
        How many, the share of the candidates that is tested, and the seed. A split depends on
        gene names only, not on the order of rows.
    test_genes
        ``development`` never tests a gene whose symbol's SHA-256 begins with 0–3 (about a quarter
        of them), ``reserved`` tests only those: choices are made on the one, confirmed on the
        other.

    Raises
    ------
    DataError
        If a test set or pool would be empty.
    """
    by_name = np.array(sorted(screen.numbers, key=lambda i: screen.genes[i]))
    reserved = np.array([is_reserved(screen.genes[i]) for i in by_name])
    testable = {"all": np.ones(len(by_name), bool), "development": ~reserved, "reserved": reserved}
    for number in range(n_splits):
        order = random_generator(seed, "split", number).permutation(len(by_name))
        eligible = order[testable[test_genes][order]]
        n_test = round(test_fraction * len(by_name))
        test = eligible[: min(n_test, len(eligible))]
        pool = np.setdiff1d(np.arange(len(by_name)), test)
        if not (test.size and pool.size):
            raise DataError(
                f"{screen.name}: a test fraction of {test_fraction} leaves {pool.size} genes to "
                f"measure and {test.size} to test",
                "Choose a test fraction between 0 and 1 that leaves both.",
            )
        yield Split(number, np.sort(by_name[pool]), np.sort(by_name[test]))


def is_reserved(gene: str) -> bool:
    """Whether a gene is kept for confirming choices (first hex digit of its SHA-256 is 0–3)."""
    return hashlib.sha256(gene.encode()).hexdigest()[0] in "0123"
