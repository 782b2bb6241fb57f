"""Simulated responses: what perturbing each made-up gene does, before any measurement noise.

Unit of an effect: standard deviations of one control cell, as in a z-score against control cells.
A gene belongs to a module and, within it, to a sub-module; its response is

    strength × (√shared × (√(1 − ρ) module programme + √ρ sub-module programme)
                + √(1 − shared) own part) × scale of the readout
    + strength × what every perturbation causes

Programmes of different modules are partly made of the same few factors, so that modules resemble
or oppose each other. A silent perturbation has strength 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from mechpert_al.design.strategy import random_generator
from mechpert_al.errors import UsageError

#: Factors that programmes of all modules have in common.
N_FACTORS = 6


@dataclass(frozen=True)
class ResponseModel:
    """How responses are simulated; the defaults resemble an essential-gene screen in K562.

    Parameters
    ----------
    n_modules, module_spread
        Number of modules, and the standard deviation of the logarithm of their sizes. A lab is a
        sample: each of its genes belongs to a module with odds in proportion to its size.
    submodules
        Sub-modules of a module.
    submodule_share
        ρ: share of a module's programme that is the sub-module's own, 0–1.
    shared, shared_spread
        Mean share of a response's variance that follows its module, 0–1, and its concentration
        (a beta distribution over the genes; the smaller, the more unlike).
    factor_share
        Share of a module's programme made of factors common to all modules, 0–1.
    common
        Size of what every perturbation causes, relative to the specific part.
    silent_fraction
        Share of perturbations without any effect, 0 up to (not including) 1.
    strength, strength_spread
        Median size of a response, root mean square over the readouts, in standard deviations of
        one control cell; and the standard deviation of its logarithm.
    readout_spread
        Standard deviation of the logarithm of the readouts' scales.
    cell_spread
        Standard deviation of the logarithm of the cells behind each perturbation.
    """

    n_modules: int = 25
    module_spread: float = 1.0
    submodules: int = 4
    submodule_share: float = 0.15
    shared: float = 0.65
    shared_spread: float = 3.0
    factor_share: float = 0.45
    common: float = 0.2
    silent_fraction: float = 0.12
    strength: float = 0.4
    strength_spread: float = 0.7
    readout_spread: float = 0.4
    cell_spread: float = 0.4

    def __post_init__(self) -> None:
        shares = ("submodule_share", "shared", "factor_share", "silent_fraction")
        for one in fields(self):
            value = getattr(self, one.name)
            top = 1.0 if one.name in shares else np.inf
            if not (np.isfinite(value) and 0 <= value <= top):
                raise UsageError(f"{one.name} is {value}", f"Expected a number from 0 to {top:g}.")
        if self.silent_fraction == 1:
            raise UsageError("silent_fraction is 1", "Some perturbation must have an effect.")
        for name in ("n_modules", "submodules", "shared_spread", "strength"):
            if getattr(self, name) == 0:
                raise UsageError(f"{name} is 0", "Expected a number above 0.")
        for name in ("n_modules", "submodules"):
            if not isinstance(getattr(self, name), int):
                raise UsageError(
                    f"{name} is {getattr(self, name)}", "Expected a whole number, at least 1."
                )


@dataclass(frozen=True, eq=False)
class Responses:
    """What is true in a virtual lab.

    Parameters
    ----------
    modules, submodules
        Number of each gene's module and sub-module, shape (n_genes,).
    strengths
        Size of each response, 0 = silent, shape (n_genes,).
    specific
        The part of each effect that is special to it, shape (n_genes, n_readouts).
    common
        What a perturbation of strength 1 causes whatever the gene, shape (n_readouts,).
    """

    modules: np.ndarray
    submodules: np.ndarray
    strengths: np.ndarray
    specific: np.ndarray
    common: np.ndarray

    @property
    def is_silent(self) -> np.ndarray:
        """bool, shape (n_genes,)."""
        return self.strengths == 0

    @property
    def effects(self) -> np.ndarray:
        """Effects without measurement noise, shape (n_genes, n_readouts)."""
        return self.specific + self.strengths[:, None] * self.common


def simulate_responses(model: ResponseModel, n_genes: int, n_readouts: int, seed: int) -> Responses:
    """Responses of all genes; a function of its arguments alone."""
    random = partial(random_generator, seed, "responses")
    modules = _modules(model, n_genes, random("modules"))
    submodules = modules * model.submodules
    submodules += random("submodules").integers(model.submodules, size=n_genes)
    programmes = _programmes(model, n_readouts, random("programmes"))
    n_submodules = model.n_modules * model.submodules
    details = _loadings(random("sub-programmes"), n_submodules, n_readouts)
    own = _loadings(random("own parts"), n_genes, n_readouts)
    shares = random("shares").beta(
        model.shared * model.shared_spread + 1e-9,
        (1 - model.shared) * model.shared_spread + 1e-9,
        (n_genes, 1),
    )
    rho = model.submodule_share
    together = np.sqrt(1 - rho) * programmes[modules] + np.sqrt(rho) * details[submodules]
    scales = random("readouts").lognormal(0, model.readout_spread, n_readouts)
    scales /= np.sqrt((scales**2).mean())
    strengths = model.strength * random("strengths").lognormal(0, model.strength_spread, n_genes)
    strengths[random("silent").random(n_genes) < model.silent_fraction] = 0
    specific = strengths[:, None] * scales
    specific *= np.sqrt(shares) * together + np.sqrt(1 - shares) * own
    common = model.common * scales * _loadings(random("common"), 1, n_readouts)[0]
    return Responses(modules, submodules, strengths, specific, common)


def _modules(model: ResponseModel, n_genes: int, random: np.random.Generator) -> np.ndarray:
    """A module for each gene, with odds in proportion to log-normal sizes."""
    sizes = random.lognormal(0, model.module_spread, model.n_modules)
    return random.choice(model.n_modules, n_genes, p=sizes / sizes.sum())


def _programmes(model: ResponseModel, n_readouts: int, random: np.random.Generator) -> np.ndarray:
    """One profile a module, made of common factors and a part of its own."""
    factors = _loadings(random, N_FACTORS, n_readouts)
    mixture = random.normal(size=(model.n_modules, N_FACTORS))
    mixture /= np.linalg.norm(mixture, axis=1, keepdims=True)
    shared = np.einsum("mf,fr->mr", mixture, factors)
    own = _loadings(random, model.n_modules, n_readouts)
    return np.sqrt(model.factor_share) * shared + np.sqrt(1 - model.factor_share) * own


def _loadings(random: np.random.Generator, n_rows: int, n_readouts: int) -> np.ndarray:
    """Heavy-tailed profiles of unit variance: a few readouts answer strongly, most a little."""
    return random.laplace(scale=np.sqrt(0.5), size=(n_rows, n_readouts))
