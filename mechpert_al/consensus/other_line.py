"""Another cell line that was measured already: how its knock-downs resemble each other, and what
they did to the readouts of the screen at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mechpert_al.effects.align import align
from mechpert_al.effects.correlation import profile_correlation
from mechpert_al.effects.table import EffectTable
from mechpert_al.effects.unit_profiles import SHARED_READOUTS, centre, unit_profiles
from mechpert_al.errors import DataError

#: What errors and notices call it.
SOURCE = "the other line"


def line_correlation(effects: EffectTable, genes: Sequence[str]) -> np.ndarray:
    """Correlations of the centred profiles measured in a line, positive semi-definite.

    Parameters
    ----------
    effects
        The line's screen, matched to the genes by symbol.
    genes
        The candidates; one that was not measured has a row of zeros.

    Returns
    -------
    numpy.ndarray
        Shape (n_genes, n_genes).
    """
    aligned = align(effects, genes, SOURCE)
    values = aligned.effects.values.astype(np.float64)
    known = ~np.isnan(values)
    means = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    correlation, _ = profile_correlation(values - means)
    correlation = np.nan_to_num(correlation, nan=0.0)
    eigenvalues, vectors = np.linalg.eigh(correlation)
    whole = np.zeros((len(genes), len(genes)))
    block = np.ix_(aligned.numbers, aligned.numbers)
    whole[block] = (vectors * np.maximum(eigenvalues, 0)) @ vectors.T
    return whole


def refuse_the_same(effects: EffectTable, line: EffectTable, name: str, source: str) -> None:
    """Refuse another line that is the screen at hand: it would foretell what is held out.

    Raises
    ------
    DataError
        If all values that both have of the same knock-downs and readouts are equal.
    """
    there, read_there = set(line.perturbations), set(line.readouts)
    genes = [gene for gene in effects.perturbations if gene in there]
    readouts = [name for name in effects.readouts if name in read_there]
    if not (genes and readouts):
        return
    ours, theirs = (_block(table, genes, readouts) for table in (effects, line))
    if np.array_equal(ours, theirs, equal_nan=True):
        raise DataError(
            f"{source}: all {len(genes)} knock-downs that it shares with {name} have the very same "
            f"values at all {len(readouts)} shared readouts: it is the same measurement",
            "Give effects of another cell line, or leave --other-line out.",
        )


def _block(table: EffectTable, genes: Sequence[str], readouts: Sequence[str]) -> np.ndarray:
    """Values of some knock-downs at some readouts."""
    row_of = {gene: row for row, gene in enumerate(table.perturbations)}
    column_of = {name: column for column, name in enumerate(table.readouts)}
    rows, columns = [row_of[gene] for gene in genes], [column_of[name] for name in readouts]
    return table.values[np.ix_(rows, columns)]


@dataclass(frozen=True, eq=False)
class LineProfiles:
    """Another line's profiles of the candidates, over the readouts of the screen at hand.

    Parameters
    ----------
    numbers
        Candidate numbers of the knock-downs measured there, shape (n,).
    deviations
        Their profiles minus their mean, shape (n, n_readouts); NaN = not measured there.
    notices
        What has no counterpart in the other line, in words.
    """

    numbers: np.ndarray
    deviations: np.ndarray
    notices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        effects: EffectTable,
        genes: Sequence[str],
        readouts: Sequence[str],
        source: str = SOURCE,
    ) -> LineProfiles:
        """A line's screen put beside candidates and readouts, both matched by name.

        Knock-downs of the line that are no candidates, or of which it measured none of these
        readouts, are left out.

        Raises
        ------
        DataError
            If the line measured no candidate, or none of the readouts.
        """
        aligned = align(effects, genes, source)
        column_of = {name: column for column, name in enumerate(effects.readouts)}
        shared = [place for place, name in enumerate(readouts) if name in column_of]
        if not shared:
            raise DataError(
                f"{source}: none of its {len(column_of)} readouts "
                f"({', '.join(effects.readouts[:3])} …) is among the {len(readouts)} of the "
                f"screen at hand ({', '.join(readouts[:3])} …)",
                "Name readouts the same way in both (symbols, or gene ids): mechpert-al effects "
                "convert FILE --readout-names symbol.",
            )
        values = np.full((len(aligned.numbers), len(readouts)), np.nan)
        values[:, shared] = aligned.effects.values[:, [column_of[readouts[i]] for i in shared]]
        is_told = ~np.isnan(values).all(axis=1)
        notices = []
        if not is_told.all():
            silent = [genes[i] for i in aligned.numbers[~is_told]]
            notices.append(
                f"{source}: {len(silent)} of its knock-downs have no value at readouts of the "
                f"screen at hand and were left out: {', '.join(silent[:5])}"
                + (" …" if len(silent) > 5 else "")
            )
        if not is_told.any():
            raise DataError(
                f"{source}: its knock-downs have no value at any readout of the screen at hand",
                "Leave the other line out, or give a file that measured the same readouts.",
            )
        values, numbers = values[is_told], aligned.numbers[is_told]
        blank = np.isnan(values).all(axis=0)
        if blank.any():
            names = [name for name, is_blank in zip(readouts, blank, strict=True) if is_blank]
            notices.append(
                f"readouts that the other line did not measure, where it tells nothing: "
                f"{len(names)} of {len(readouts)} ({', '.join(names[:5])}"
                + (" …)" if len(names) > 5 else ")")
            )
        missing = int(np.isnan(values[:, ~blank]).sum())
        if missing:
            notices.append(
                f"values that the other line did not measure count as its mean: {missing} of "
                f"{values[:, ~blank].size}"
            )
        return cls(numbers, values - centre(values), tuple(notices))

    @cached_property
    def unit(self) -> np.ndarray:
        """The profiles at unit norm, 0 where not measured, shape (n, n_readouts).

        Norms are over the readouts that the line measured; as among a predictor's anchors, unit
        profiles are centred again as far as their norms differ. Over few readouts all profiles look
        alike or opposite, so the norm is 1 · n / (n + `SHARED_READOUTS`) over n readouts.
        """
        told = ~np.isnan(self.deviations).all(axis=0)
        believed = told.sum() / (told.sum() + SHARED_READOUTS)
        unit = np.zeros_like(self.deviations)
        unit[:, told] = believed * unit_profiles(self.deviations[:, told]).values
        return unit

    @cached_property
    def products(self) -> np.ndarray:
        """Inner products of the unit profiles, shape (n, n)."""
        return self.unit @ self.unit.T

    def over(self, readouts: np.ndarray) -> LineProfiles:
        """The same over some of the readouts.

        Parameters
        ----------
        readouts
            bool, shape (n_readouts,).
        """
        return replace(self, deviations=self.deviations[:, readouts])

    def relabelled(self, numbers: np.ndarray) -> LineProfiles:
        """The same profiles as those of other candidates."""
        return self._with(numbers, self.deviations, self.unit)

    def rotated(self, rotate: Callable[[np.ndarray], np.ndarray]) -> LineProfiles:
        """The unit profiles in other coordinates that keep inner products.

        Parameters
        ----------
        rotate
            From profiles (rows) to their coordinates.
        """
        turned = rotate(self.unit)
        return self._with(self.numbers, turned, turned)

    def _with(self, numbers: np.ndarray, deviations: np.ndarray, unit: np.ndarray) -> LineProfiles:
        """A copy for which nothing is computed again."""
        copy = LineProfiles(numbers, deviations, self.notices)
        copy.__dict__.update(unit=unit, products=self.products)
        return copy
