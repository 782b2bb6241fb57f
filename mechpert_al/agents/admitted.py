"""What was admitted from an agent's answers, as columns: hundreds of thousands of claims in little.

A `Hypothesis` is made of a row only when somebody asks for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, overload

import numpy as np

from mechpert_al.agents.admission import Dropped, Hypothesis


@dataclass(frozen=True, eq=False)
class Admitted:
    """What one agent said of the candidates, and what of it is no hypothesis.

    Parameters
    ----------
    agent
        Its name.
    candidates
        The genes that rows are numbered by.
    target, regulator
        Numbers of candidates, int32, shape (n,).
    direction
        +1 or −1, int8, shape (n,).
    confidence
        Above 0 and up to 1, float64, shape (n,).
    mechanisms
        All texts one after the other, UTF-8, uint8.
    ends
        Where in them the text of each row ends, int64, shape (n,).
    is_answered
        Which candidates it answered, an empty answer included, bool, shape (n_candidates,).
    dropped
        What was not admitted, and why.
    strangers
        Answered targets that are no candidates.
    """

    agent: str
    candidates: tuple[str, ...]
    target: np.ndarray
    regulator: np.ndarray
    direction: np.ndarray
    confidence: np.ndarray
    mechanisms: np.ndarray
    ends: np.ndarray
    is_answered: np.ndarray
    dropped: tuple[Dropped, ...] = ()
    strangers: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, agent: str, candidates: tuple[str, ...], hypotheses: Iterable[Hypothesis]
    ) -> Admitted:
        """The same from hypotheses; which targets were answered is left open."""
        rows = Rows(candidates)
        rows.extend(hypotheses)
        return cls(
            agent,
            candidates,
            **rows.columns(),
            is_answered=np.zeros(len(candidates), dtype=bool),
            dropped=(),
            strangers=(),
        )

    def __len__(self) -> int:
        return len(self.target)

    def __iter__(self) -> Iterator[Hypothesis]:
        return self.rows(np.arange(len(self)))

    def rows(self, numbers: np.ndarray) -> Iterator[Hypothesis]:
        """Some of the hypotheses."""
        names, texts = self.candidates, self.mechanisms.data
        starts = np.where(numbers > 0, self.ends[numbers - 1], 0)
        columns = (self.target, self.regulator, self.direction, self.confidence, self.ends)
        for start, target, regulator, direction, confidence, end in zip(
            starts.tolist(), *(column[numbers].tolist() for column in columns), strict=True
        ):
            mechanism = str(texts[start:end], "utf-8")
            yield Hypothesis(
                self.agent, names[target], names[regulator], direction, confidence, mechanism
            )

    @cached_property
    def _row_of(self) -> dict[int, int]:
        """The row of each pair: an agent proposes a regulator of a target once."""
        pairs = self.target.astype(np.int64) * len(self.candidates) + self.regulator
        return dict(zip(pairs.tolist(), range(len(self)), strict=True))

    def row_of(self, target: int, regulator: int) -> int | None:
        """The row of a pair of candidates, if it proposed that."""
        return self._row_of.get(target * len(self.candidates) + regulator)

    @property
    def answered(self) -> frozenset[str]:
        """The candidates it answered."""
        return frozenset(self.candidates[row] for row in np.flatnonzero(self.is_answered).tolist())


class Rows:
    """Hypotheses put into columns one after the other, of which none is kept as an object.

    Parameters
    ----------
    candidates
        The genes that rows are numbered by.
    """

    def __init__(self, candidates: Sequence[str]) -> None:
        self.number = {gene: row for row, gene in enumerate(candidates)}
        self._columns: tuple[array, ...] = tuple(map(array, "iibdq"))
        self._texts = bytearray()

    def extend(self, hypotheses: Iterable[Hypothesis]) -> None:
        """Add some."""
        number, texts = self.number, self._texts
        targets, regulators, directions, confidences, ends = self._columns
        for _, target, regulator, direction, confidence, mechanism in hypotheses:
            targets.append(number[target])
            regulators.append(number[regulator])
            directions.append(direction)
            confidences.append(confidence)
            texts += mechanism.encode()
            ends.append(len(texts))

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of `Admitted`."""
        target, regulator, direction, confidence, ends = self._columns
        return {
            "target": np.array(target, dtype=np.int32),
            "regulator": np.array(regulator, dtype=np.int32),
            "direction": np.array(direction, dtype=np.int8),
            "confidence": np.array(confidence, dtype=np.float64),
            "mechanisms": np.frombuffer(bytes(self._texts), dtype=np.uint8),
            "ends": np.array(ends, dtype=np.int64),
        }


class Hypotheses(Sequence[Hypothesis]):
    """The admitted hypotheses of some agents, one agent after the other.

    Parameters
    ----------
    parts
        What each agent said.
    """

    def __init__(self, parts: Sequence[Admitted]) -> None:
        self.parts = tuple(parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Hypothesis]:
        return chain.from_iterable(self.parts)

    @overload
    def __getitem__(self, place: int) -> Hypothesis: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hypothesis, ...]: ...
    def __getitem__(self, place: Any) -> Any:
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    @cached_property
    def _number(self) -> dict[str, int]:
        candidates = self.parts[0].candidates if self.parts else ()
        return {gene: row for row, gene in enumerate(candidates)}

    def of_pair(self, target: str, regulator: str, agents: Container[str]) -> list[Hypothesis]:
        """What some agents said of a pair, without looking at all the rest."""
        one, other = self._number.get(target), self._number.get(regulator)
        if one is None or other is None:
            return []
        found: list[Hypothesis] = []
        for part in self.parts:
            row = part.row_of(one, other) if part.agent in agents else None
            if row is not None:
                found += part.rows(np.array([row]))
        return found

    def of(self, agent: str) -> Admitted | None:
        """What one agent said."""
        return next((part for part in self.parts if part.agent == agent), None)
