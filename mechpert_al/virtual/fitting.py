"""A virtual lab fitted to a real screen: what can be read off is read off, the rest is matched.

Read off, where the screen says it: the number of cells and its spread; with standard errors also
the sizes of the responses and the share of perturbations that do nothing. What shapes the
correlations between profiles (modules, their sizes, what they have in common, how much of a
response is a gene's own) is chosen so that simulated screens have the same statistics
(`resemblance`): by Nelder and Mead's simplex, once from the default and once from the best of a
Sobol sequence, always with the same random numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from mechpert_al.effects.table import EffectTable
from mechpert_al.virtual.lab import VirtualLab
from mechpert_al.virtual.resemblance import (
    Row,
    distance,
    listed_share,
    ranked,
    side_by_side,
    statistics,
)
from mechpert_al.virtual.responses import ResponseModel

#: Readouts of the fitted lab, unless the screen has fewer; simulated readouts are independent, so
#: fewer of them say as much as the many of a real screen.
N_READOUTS = 800
#: Points of the Sobol sequence, and most evaluations of both simplices together.
N_POINTS, N_STEPS = 32, 120
#: Labs over which the misfit is averaged, except at a first glance.
N_AVERAGED = 3
#: Labs whose statistics stand beside the real ones; another seed than any the fit has seen.
SHOWN_LABS = range(101, 107)
#: Parameters that are matched, with their limits; those that are no shares in logarithms.
LIMITS = {
    "n_modules": (8, 80),
    "module_spread": (0.3, 2.0),
    "submodule_share": (0.0, 0.6),
    "shared": (0.1, 0.95),
    "shared_spread": (0.5, 12.0),
    "factor_share": (0.0, 0.9),
    "silent_fraction": (0.0, 0.5),
    "strength_spread": (0.1, 1.5),
}
LOGARITHMIC = ("n_modules", "module_spread", "shared_spread", "strength_spread")


@dataclass(frozen=True)
class LabFit:
    """A virtual lab fitted to a real screen.

    Parameters
    ----------
    lab
        The lab; with another seed it is another lab of the same kind.
    listed
        Share of the readouts that the screen lists by rank; None: it has magnitudes.
    read_off, matched, assumed
        Names of parameters by where their values came from: the screen says them, they were
        chosen so that statistics agree, or the screen does not tell and the default stands.
    rows
        Statistics of the screen and of six labs with seeds that the fit did not use.
    misfit
        Mean squared difference of these statistics in units of their tolerances (see
        `resemblance.SCALES`), mean over these labs.
    notices
        What the screen does not tell, in words.
    """

    lab: VirtualLab
    listed: float | None
    read_off: tuple[str, ...]
    matched: tuple[str, ...]
    assumed: tuple[str, ...]
    rows: tuple[Row, ...]
    misfit: float
    notices: tuple[str, ...] = ()

    def screen(self, lab: VirtualLab) -> EffectTable:
        """The lab's measured effects in the form of the real screen."""
        return shown(lab.effects(), self.listed)


def fit_lab(
    effects: EffectTable,
    *,
    n_readouts: int | None = None,
    n_points: int = N_POINTS,
    n_steps: int = N_STEPS,
    seed: int = 0,
) -> LabFit:
    """Fit a virtual lab to a measured screen.

    Parameters
    ----------
    effects
        At least 30 perturbations.
    n_readouts
        Readouts of the lab; by default 800, or as many as the screen has.
    n_points, n_steps
        How long to search.
    seed
        Of the lab, and of the search.

    Raises
    ------
    DataError
        Too few perturbations.
    """
    real = statistics(effects)
    listed = listed_share(effects)
    read, notices = _read_off(effects, listed)
    n_readouts = n_readouts or max(20, min(N_READOUTS, effects.n_readouts))
    values: dict[str, Any] = {k: v for k, v in read.items() if k != "n_cells"}
    start = VirtualLab(
        seed,
        min(9999, effects.n_perturbations),
        n_readouts,
        read.get("n_cells", VirtualLab.n_cells),
        replace(ResponseModel(), **values),
    )
    free = [name for name in LIMITS if name not in read]
    if listed is not None:  # ranks are blind to sizes
        free.remove("strength_spread")
    search = _Search(start, tuple(free), listed, real)
    lab = search.lab(search.best(n_points, n_steps))
    seen = [statistics(shown(replace(lab, seed=s).effects(), listed)) for s in SHOWN_LABS]
    names = ["n_cells", *(one.name for one in fields(ResponseModel))]
    return LabFit(
        lab,
        listed,
        tuple(name for name in names if name in read),
        tuple(free),
        tuple(name for name in names if name not in read and name not in free),
        side_by_side(real, seen),
        float(np.mean([distance(one, real) for one in seen])),
        notices,
    )


def shown(effects: EffectTable, listed: float | None) -> EffectTable:
    """Simulated effects in the form of a real screen: as ranks if it holds ranks."""
    return effects if listed is None else ranked(effects, listed)


# ---------------------------------------------------------------------- what the screen says
def _read_off(
    effects: EffectTable, listed: float | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Parameters that stand in the screen itself, and what it does not tell."""
    found: dict[str, float] = {}
    notices = []
    cells = None if effects.n_cells is None else effects.n_cells[effects.n_cells > 0]
    if cells is not None and len(cells) > 1:
        found["n_cells"] = float(max(1.0, cells.mean()))
        found["cell_spread"] = float(np.log(cells).std())
    else:
        notices.append(
            "the screen does not say how many cells stand behind a perturbation: "
            f"{VirtualLab.n_cells:g} are assumed"
        )
    if listed is None and effects.standard_error is not None:
        mean_cells = found.get("n_cells", VirtualLab.n_cells)
        found.update(_strengths(effects, effects.standard_error, mean_cells))
    else:
        why = "holds ranks and no magnitudes" if listed is not None else "has no standard errors"
        notices.append(
            f"the screen {why}: the strength of responses beside the noise of a cell is assumed "
            f"({ResponseModel.strength:g}), so advice on cells rests on that assumption"
        )
    return found, tuple(notices)


def _strengths(effects: EffectTable, errors: np.ndarray, mean_cells: float) -> dict[str, float]:
    """Sizes of responses in standard deviations of one cell, from the standard errors.

    A profile's mean squared ratio to its standard error is 1 plus its squared strength times its
    cells; among silent ones, half lie below 1.
    """
    usable = effects.is_measured & (errors > 0)
    ratios = np.where(usable, effects.values / np.where(usable, errors, 1), 0).astype(np.float64)
    signal = (ratios**2).sum(axis=1) / np.maximum(usable.sum(axis=1), 1) - 1
    signal = signal[usable.any(axis=1)]
    silent = float(min(LIMITS["silent_fraction"][1], 2 * (signal < 0).mean()))
    cells = np.full(effects.n_perturbations, mean_cells)
    if effects.n_cells is not None:
        cells = np.where(effects.n_cells > 0, effects.n_cells, mean_cells)
    strengths = np.sqrt(np.maximum(signal, 0) / cells[usable.any(axis=1)])
    loud = np.sort(strengths)[round(silent * len(strengths)) :]
    loud = loud[loud > 0]
    if len(loud) < 2:
        return {}
    return {
        "silent_fraction": silent,
        "strength": float(np.median(loud)),
        "strength_spread": float(np.log(loud).std()),
    }


# ---------------------------------------------------------------------- what is matched
@dataclass(frozen=True)
class _Search:
    """A search over the free parameters, each brought to the interval from 0 to 1."""

    start: VirtualLab
    free: tuple[str, ...]
    listed: float | None
    real: dict[str, float]

    def point(self, model: ResponseModel) -> np.ndarray:
        """The point of the unit cube that stands for a model."""
        places = []
        for name in self.free:
            (low, high), value = LIMITS[name], getattr(model, name)
            if name in LOGARITHMIC:
                low, high, value = np.log((low, high, value))
            places.append((value - low) / (high - low))
        return np.array(places)

    def lab(self, point: np.ndarray) -> VirtualLab:
        """The lab at a point of the unit cube."""
        values: dict[str, Any] = {}
        for name, place in zip(self.free, np.clip(point, 0, 1), strict=True):
            low, high = LIMITS[name]
            if name in LOGARITHMIC:
                value = float(low * (high / low) ** place)
            else:
                value = float(low + (high - low) * place)
            values[name] = round(value) if name == "n_modules" else round(value, 3)
        return replace(self.start, model=replace(self.start.model, **values))

    def misfit(self, point: np.ndarray, seeds: Sequence[int]) -> float:
        """How unlike the real screen labs at this point are; outside the cube more so.

        The mean over single labs: a kind of lab whose labs differ much is not like the screen,
        however near their mean is.
        """
        outside = float(np.abs(point - np.clip(point, 0, 1)).sum())
        lab = self.lab(point)
        seen = [
            distance(statistics(shown(replace(lab, seed=seed).effects(), self.listed)), self.real)
            for seed in seeds
        ]
        return float(np.mean(seen)) * (1 + outside)

    def best(self, n_points: int, n_steps: int) -> np.ndarray:
        """The point of least misfit that was found, from the default and from elsewhere."""
        from scipy.stats import qmc

        seeds = tuple(self.start.seed + place for place in range(N_AVERAGED))
        sobol = qmc.Sobol(len(self.free), seed=self.start.seed)
        points = sobol.random_base2(int(np.ceil(np.log2(max(2, n_points)))))
        elsewhere = points[int(np.argmin([self.misfit(point, seeds[:1]) for point in points]))]
        starts = (self.point(self.start.model), elsewhere)
        found = [self._descended(start, seeds, n_steps // len(starts)) for start in starts]
        return min(found, key=lambda point: self.misfit(point, seeds))

    def _descended(self, start: np.ndarray, seeds: Sequence[int], n_steps: int) -> np.ndarray:
        """Where Nelder and Mead's simplex comes from a point."""
        from scipy.optimize import minimize

        steps = np.where(start < 0.5, 0.12, -0.12)
        found = minimize(
            self.misfit,
            start,
            args=(seeds,),
            method="Nelder-Mead",
            options={
                "initial_simplex": np.vstack([start, start + np.diag(steps)]),
                "maxfev": n_steps,
                "xatol": 0.005,
            },
        )
        return np.asarray(found.x)
