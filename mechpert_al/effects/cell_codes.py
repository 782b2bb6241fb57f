"""One small number for each of millions of cells: what its label, group or batch is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.stored_matrix import BLOCK_ROWS


@dataclass(frozen=True, eq=False)
class Labels:
    """A column of labels: ``names[codes[i]]`` is the label of row i, code −1 that it has none."""

    codes: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Labels:
        """Labels in the order in which they first appear."""
        number: dict[str | None, int] = {None: -1}
        codes = np.fromiter((number.setdefault(text, len(number) - 1) for text in texts), np.int32)
        return cls(codes, tuple(name for name in number if name is not None))

    def texts(self) -> list[str | None]:
        """The label of every row."""
        names = (*self.names, None)
        return [names[code] for code in self.codes]


def code_type(n: int) -> type[np.signedinteger]:
    """The smallest type for the numbers −1 … n − 1: there is one for each of millions of cells."""
    return np.int16 if n <= np.iinfo(np.int16).max else np.int32


def counted(codes: np.ndarray, n: int) -> np.ndarray:
    """How often each of the numbers 0 … n − 1 stands in millions of codes, shape (n,)."""
    total = np.zeros(n, dtype=np.int64)
    for start in range(0, len(codes), BLOCK_ROWS):
        part = codes[start : start + BLOCK_ROWS]
        total += np.bincount(part[part >= 0], minlength=n)
    return total
