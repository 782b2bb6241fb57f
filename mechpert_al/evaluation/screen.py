"""A measured screen as the judge: held-out truth, splits, and an exact reduction of its size.

Every linear smoother predicts inside the span of the measured profiles. Rotating the readouts into
that span keeps all inner products, so a screen of 585 perturbations × 7,225 readouts is judged
exactly in 586 dimensions (twice as many where another line's profiles are read too). Where values
are missing there is no such rotation and the whole profiles are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy import linalg

from mechpert_al.consensus.other_line import LineProfiles
from mechpert_al.design.strategy import random_generator
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError
from mechpert_al.prediction.base import candidate_numbers

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
    notices
        What was matched under another symbol or left out of the file.
    line
        Profiles of another line over the same readouts, which predictors may read.
    """

    name: str
    genes: tuple[str, ...]
    numbers: np.ndarray
    effects: EffectTable
    notices: tuple[str, ...] = ()
    line: LineProfiles | None = None

    @classmethod
    def of(
        cls,
        name: str,
        effects: EffectTable,
        genes: tuple[str, ...],
        line: LineProfiles | None = None,
    ) -> Screen:
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
        notices = list(aligned.notices)
        if aligned.left_out:
            notices.append(
                f"{name}: {len(aligned.left_out)} perturbations are no candidates and were left "
                f"out: {', '.join(aligned.left_out[:10])}"
                + (" …" if len(aligned.left_out) > 10 else "")
            )
        return cls(name, genes, aligned.numbers, aligned.effects, tuple(notices), line)

    @cached_property
    def row_of(self) -> np.ndarray:
        """Row of each candidate in the profiles, −1 where not measured, shape (n_genes,)."""
        rows = np.full(len(self.genes), -1)
        rows[self.numbers] = np.arange(len(self.numbers))
        return rows

    @property
    def is_complete(self) -> bool:
        """True when no value is missing."""
        return self.effects.is_complete

    @cached_property
    def profiles(self) -> np.ndarray:
        """Whole profiles, float64, shape (n_measured, n_readouts)."""
        return self.effects.values.astype(np.float64)

    def measure(self, picks: np.ndarray) -> np.ndarray:
        """Whole profiles of some candidates, as a laboratory would deliver them.

        Raises
        ------
        ValueError
            If the screen did not measure one of them.
        """
        picks = candidate_numbers(picks)
        if not np.isin(picks, self.numbers).all():
            raise ValueError(f"{self.name} did not measure every one of the candidates asked for")
        return self.profiles[self.row_of[picks]]

    @cached_property
    def _rotation(self) -> tuple[np.ndarray, np.ndarray]:
        profiles = self.profiles
        if self.line is not None:
            profiles = np.vstack([profiles, self.line.unit])
        means = profiles.mean(axis=1, keepdims=True)
        basis, triangle = linalg.qr((profiles - means).T, mode="economic")
        along_mean = means * np.sqrt(profiles.shape[1])
        return np.hstack([along_mean, triangle.T]), basis.T

    @cached_property
    def _rotated_line(self) -> np.ndarray:
        return self._rotation[0][len(self.numbers) :]

    def rotated(self, line: LineProfiles) -> LineProfiles:
        """The other line's profiles as coordinates.

        Parameters
        ----------
        line
            The screen's own, under whatever gene numbers.

        Raises
        ------
        ValueError
            If they are others, which the coordinates need not span.
        """
        if self.line is None or line.unit is not self.line.unit:
            raise ValueError(
                f"{self.name} was not made with these profiles of another line: its coordinates "
                "do not span them"
            )
        return line.rotated(lambda unit: self._rotated_line)

    @property
    def coordinates(self) -> np.ndarray:
        """Profiles in fewer dimensions, same inner products, shape (n_measured, n_dimensions).

        As many dimensions as profiles, those of another line included, and one more: the first
        coordinate lies along the constant profile, and leaving it out centres a profile over its
        readouts.
        """
        return self._rotation[0][: len(self.numbers)]

    def basis_at(self, readouts: np.ndarray) -> np.ndarray:
        """What turns coordinates into values of some readouts.

        Parameters
        ----------
        readouts
            Readout numbers for each of n rows, shape (n, k).

        Returns
        -------
        numpy.ndarray
            Shape (n, k, n_dimensions); times a row's coordinates it gives its k values.
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
    """Random splits of the measured candidates into a pool and a test set.

    Test sets are consecutive parts of one random sequence in which every gene comes once before
    any comes again, so all genes are tested equally often (give or take one).

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
    by_name = sorted(screen.numbers.tolist(), key=lambda i: screen.genes[i])
    wanted = {"all": (True, False), "development": (False,), "reserved": (True,)}[test_genes]
    testable = [i for i in by_name if is_reserved(screen.genes[i]) in wanted]
    n_test = round(test_fraction * len(by_name))
    n_pool = len(by_name) - n_test
    n_test = min(n_test, len(testable))
    if not (n_test and n_pool):
        raise DataError(
            f"{screen.name}: a test fraction of {test_fraction} leaves {n_pool} genes to "
            f"measure and {n_test} to test",
            "Choose a test fraction between 0 and 1 that leaves both.",
        )
    sequence: list[int] = []
    for number in range(n_splits):
        generator = random_generator(seed, "split", number)
        test, later = _next_part(sequence, testable, n_test, generator)
        sequence = later
        others = np.setdiff1d(by_name, test)
        pool = generator.permutation(others)[:n_pool]
        yield Split(number, np.sort(pool), np.sort(test))


def _next_part(
    sequence: list[int], genes: list[int], size: int, generator: np.random.Generator
) -> tuple[np.ndarray, list[int]]:
    """The next distinct genes of the sequence, and what is left of it."""
    part = sequence[:size]
    rest = sequence[size:]
    if len(part) < size:
        fresh = generator.permutation(genes).tolist()
        new = [gene for gene in fresh if gene not in set(part)][: size - len(part)]
        part, rest = part + new, [gene for gene in fresh if gene not in set(new)]
    return np.array(part), rest


def is_reserved(gene: str) -> bool:
    """Whether a gene is kept for confirming choices (first hex digit of its SHA-256 is 0–3)."""
    return hashlib.sha256(gene.encode()).hexdigest()[0] in "0123"
