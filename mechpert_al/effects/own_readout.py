"""The perturbed gene's own readout: kept apart, because it says whether the perturbation worked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mechpert_al.effects.conversion import KnockDown

VISIBLE = 3.0
"""Standard errors by which a fall must stand out from chance."""


def knock_downs(
    values: np.ndarray,
    perturbations: Sequence[str],
    own: Mapping[str, Sequence[int]],
    remaining: np.ndarray | None = None,
    standard_error: np.ndarray | None = None,
    control_level: np.ndarray | None = None,
) -> dict[str, KnockDown]:
    """What each perturbation of a single gene did to its own readout.

    Parameters
    ----------
    values
        Effects, shape (n_perturbations, n_readouts).
    own
        Perturbation → columns of its own genes.
    remaining
        Mean expression of the own readout, perturbed over control; shape (n_perturbations,).
    standard_error
        Of the effects, same shape as ``values``.
    control_level
        Mean of the own readout in the controls, in the unit of ``values``; (n_perturbations,).
    """
    found = {}
    for row, name in enumerate(perturbations):
        columns = own.get(name, ())
        if len(columns) != 1 or "+" in name or np.isnan(values[row, columns[0]]):
            continue
        effect = float(values[row, columns[0]])
        left = None if remaining is None or np.isnan(remaining[row]) else float(remaining[row])
        error = np.nan if standard_error is None else float(standard_error[row, columns[0]])
        # In log1p units a fall by half is ln 2 where counts are large, half the mean where small.
        level = 0.0 if control_level is None else float(control_level[row])
        would_show = VISIBLE * error < min(np.log(2), level / 2)
        has_failed = left is not None and would_show and effect > -VISIBLE * error
        found[name] = KnockDown(effect, left, bool(has_failed))
    return found


def without_own_readouts(
    values: np.ndarray, perturbations: Sequence[str], own: Mapping[str, Sequence[int]]
) -> np.ndarray:
    """A copy in which no perturbation has a value for its own genes."""
    blanked = values.copy()
    for row, name in enumerate(perturbations):
        blanked[row, list(own.get(name, ()))] = np.nan
    return blanked
