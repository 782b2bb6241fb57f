"""Where measurements come from: a narrow door that a simulator, a file or a robot fits through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.plugins import named, names

GROUP = "mechpert_al.oracles"


@runtime_checkable
class Oracle(Protocol):
    """A source of measurements."""

    @property
    def readouts(self) -> tuple[str, ...]:
        """What is measured of each perturbation."""

    def measure(self, genes: Sequence[str]) -> EffectTable:
        """The effects of perturbing these genes, rows in the given order.

        What is asked for together must not matter: a gene's profile is its own.

        Raises
        ------
        DataError
            A gene that cannot be measured here.
        """


def oracle_names() -> list[str]:
    """Names of all installed oracles."""
    return names(GROUP)


def build_oracle(name: str, **settings: Any) -> Oracle:
    """The oracle of that name, made with the given settings.

    Raises
    ------
    UsageError
        An unknown name (the message lists the valid ones), or something that cannot measure.
    """
    made = named(GROUP, name, "oracle")(**settings)
    if not isinstance(made, Oracle):
        raise UsageError(
            f"oracle {name!r} is a {type(made).__name__}",
            "An entry point of this group must give an object with readouts and measure(genes).",
        )
    return made


def by_number(oracle: Oracle, genes: Sequence[str]) -> Callable[[np.ndarray], np.ndarray]:
    """The oracle as design rounds ask it: candidate numbers in, profiles out.

    Parameters
    ----------
    oracle
        Who measures.
    genes
        The candidates.

    Returns
    -------
    callable
        From numbers, shape (n,), to profiles, float64, shape (n, n_readouts).
    """

    def measure(numbers: np.ndarray) -> np.ndarray:
        asked = np.asarray(numbers, dtype=int)
        if asked.size == 0:
            return np.zeros((0, len(oracle.readouts)))
        if asked.min() < 0 or asked.max() >= len(genes):
            raise IndexError(f"candidate numbers lie between 0 and {len(genes) - 1}")
        return oracle.measure([genes[i] for i in asked]).values.astype(np.float64)

    return measure
