"""Links as a reader finds them, before symbols are matched and repeats merged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mechpert_al.errors import DataError
from mechpert_al.networks.prior import LeftOut

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Links:
    """The links of a file.

    Parameters
    ----------
    names
        Distinct names, in the order of their first line.
    first, second
        int64 positions in ``names``, shape (n_links,).
    line
        int64 line of the file of each link, shape (n_links,).
    weight
        float64 in [0, 1], shape (n_links,); None if the file has no scores.
    sources
        Links by resource, where the file names resources.
    dropped
        Lines the reader left out, by reason.
    unmapped
        Identifiers that no companion table names.
    notes
        What was decided on the way.
    """

    names: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    line: np.ndarray
    weight: np.ndarray | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    unmapped: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_links(self) -> int:
        """Number of links."""
        return len(self.first)

    def first_lines(self) -> np.ndarray:
        """The first line on which each name stands, int64, shape (n_names,)."""
        lines = np.full(len(self.names), np.iinfo(np.int64).max)
        np.minimum.at(lines, self.first, self.line)
        np.minimum.at(lines, self.second, self.line)
        return lines

    def n_pairs(self) -> int:
        """Number of distinct pairs of different names, in either direction."""
        low = np.minimum(self.first, self.second)
        high = np.maximum(self.first, self.second)
        return len(np.unique((low * len(self.names) + high)[low != high]))


def from_columns(
    first: pd.Series,
    second: pd.Series,
    weight: np.ndarray | None = None,
    resource: pd.Series | None = None,
    dropped: Mapping[str, int] | None = None,
    notes: tuple[str, ...] = (),
) -> Links:
    """Links from two columns of names whose index is the line in the file."""
    import pandas as pd

    codes, names = pd.factorize(pd.concat([first, second]).to_numpy(dtype=object))
    counts = Counter(resource) if resource is not None else Counter[str]()
    return Links(
        tuple(map(str, names)),
        codes[: len(first)].astype(np.int64),
        codes[len(first) :].astype(np.int64),
        first.index.to_numpy(dtype=np.int64),
        weight,
        {name: counts[name] for name in sorted(counts) if name},
        dict(dropped or {}),
        (),
        notes,
    )


def scaled(values: np.ndarray, scale: float | None, where: str) -> tuple[np.ndarray, str]:
    """Scores as weights between 0 and 1, and a note on how.

    Parameters
    ----------
    values
        Scores as in the file; of a signed score the sign is no strength and is left out.
    scale
        What a full score is; None: 1 if no score is above 1, and 1000 for whole numbers up to
        1000 some of which are above 100 (STRING's way).
    where
        File and column, for the message.

    Raises
    ------
    DataError
        If the scale cannot be told, or scores exceed it.
    """
    strength = np.abs(values)
    highest = float(strength.max(initial=0.0))
    if scale is None:
        if highest <= 1:
            scale = 1
        elif 100 < highest <= 1000 and (strength == np.round(strength)).all():
            scale = 1000
    if scale is None or highest > scale:
        raise DataError(
            f"{where}: values go up to {highest:g}; expected 0 to 1, or whole numbers up to 1000"
            + (f" (a full score was said to be {scale:g})" if scale else ""),
            "Say what a full score is (scale), or remove the column to read the links unweighted.",
        )
    signs = "; signs left out" if (values < 0).any() else ""
    return strength / scale, f"weights = {where.split(', ')[-1]} / {scale:g}{signs}"
