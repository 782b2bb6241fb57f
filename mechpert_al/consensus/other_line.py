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
from mechpert_al.effects.unit_profiles import centre, unit_profiles
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
        cls, effects: EffectTable, genes: Sequence[str], readouts: Sequence[str]
    ) -> LineProfiles:
        """A line's screen put beside candidates and readouts, both matched by name.

        Knock-downs of the line that are no candidates are left out.

        Raises
        ------
        DataError
            If the line measured no candidate, or none of the readouts.
        """
        aligned = align(effects, genes, SOURCE)
        column_of = {name: column for column, name in enumerate(effects.readouts)}
        shared = [place for place, name in enumerate(readouts) if name in column_of]
        if not shared:
            raise DataError(
                f"{SOURCE}: none of its {len(column_of)} readouts "
                f"({', '.join(effects.readouts[:3])} …) is among the {len(readouts)} of the "
                f"screen at hand ({', '.join(readouts[:3])} …)",
                "Name readouts the same way in both (symbols, or gene ids): mechpert-al effects "
                "convert FILE --readout-names symbol.",
            )
        values = np.full((len(aligned.numbers), len(readouts)), np.nan)
        values[:, shared] = aligned.effects.values[:, [column_of[readouts[i]] for i in shared]]
        blank = np.isnan(values).all(axis=0)
        notices = []
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
        return cls(aligned.numbers, values - centre(values), tuple(notices))

    @cached_property
    def unit(self) -> np.ndarray:
        """The profiles at unit norm, 0 where not measured, shape (n, n_readouts).

        Norms are over the readouts that the line measured; as among a predictor's anchors, unit
        profiles are centred again as far as their norms differ.
        """
        told = ~np.isnan(self.deviations).all(axis=0)
        unit = np.zeros_like(self.deviations)
        unit[:, told] = unit_profiles(self.deviations[:, told]).values
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
