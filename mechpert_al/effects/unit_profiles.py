"""Profiles as directions: centred, brought to unit norm, and centred again as far as norms differ.

Missing values are honoured: a mean is over the known values, and a norm is scaled up by the share
of them that is known.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: How strongly a readout's mean is drawn to the grand mean where profiles did not measure it.
CENTRE_SHRINKAGE = 1.0
#: Shared readouts at which what they say of two profiles is believed by half.
SHARED_READOUTS = 20
#: v₀: squared coefficient of variation of the norms at which unit profiles are half recentred.
UNEQUAL = 0.1


class UnitProfiles(NamedTuple):
    """Centred profiles at unit norm.

    ``values`` (n, n_readouts) has 0 where not known; ``norms`` (n,) are those before, 0 for a flat
    profile; ``recentring`` is the share of their mean that was taken off again, 0–1.
    """

    values: np.ndarray
    norms: np.ndarray
    recentring: float


def unit_profiles(deviations: np.ndarray) -> UnitProfiles:
    """Deviations from the centre at unit norm.

    Parameters
    ----------
    deviations
        Shape (n, n_readouts), NaN = not measured.
    """
    known = ~np.isnan(deviations)
    filled = np.where(known, deviations, 0)
    counts = known.sum(axis=1)
    squares = (filled**2).sum(axis=1) * known.shape[1] / np.maximum(counts, 1)
    norms = np.sqrt(squares)
    norms = np.where(norms > 1e-9 * max(norms.max(initial=0), 1e-300), norms, 0)
    share = recentring(norms)
    unit = filled * reciprocal(norms)[:, None]
    return UnitProfiles(_recentred(unit, known & (norms > 0)[:, None], share), norms, share)


def centre(profiles: np.ndarray) -> np.ndarray:
    """Mean of each readout over the profiles, shape (n_readouts,).

    A readout that only some of them measured is drawn to the grand mean, the more the fewer they
    are; with complete profiles it is the plain mean.
    """
    known = ~np.isnan(profiles)
    counts = known.sum(axis=0)
    sums = np.where(known, profiles, 0).sum(axis=0)
    total = counts.sum()
    grand = sums.sum() / total if total else 0.0
    pull = CENTRE_SHRINKAGE * (1 - counts / max(len(profiles), 1))
    return (sums + pull * grand) / np.maximum(counts + pull, 1e-300)


def recentring(norms: np.ndarray) -> float:
    """How far unit profiles are centred again, 0–1: not at all where all norms are alike.

    v / (v + v₀) with v the squared coefficient of variation of the norms, flat profiles left out.
    """
    norms = norms[norms > 0]
    if not norms.size:
        return 0.0
    spread = float(norms.var() / norms.mean() ** 2)
    return spread / (spread + UNEQUAL)


def reciprocal(norms: np.ndarray) -> np.ndarray:
    """One over each norm, 0 where there is none."""
    return np.where(norms > 0, 1 / np.where(norms > 0, norms, 1), 0)


def _recentred(unit: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """Unit profiles minus a share of their mean, 0 where not known.

    Profiles of unequal size no longer sum to zero once each has unit norm: weak ones would pull
    every prediction along the mean, against the centring that the kernel assumes.
    """
    return np.where(known, unit - share * centre(np.where(known, unit, np.nan)), 0)
