"""Numbers as people and spreadsheets write them: decimal points or commas, thousands, gaps.

One file has one decimal mark. Which one is decided by all its numbers together; a number that
then does not fit is an error with its place, never another number.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import TypeVar

import numpy as np

from mechpert_al.errors import DataError

T = TypeVar("T")
MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "#na", "#nv", "nan", "-nan", "<na>", "null", "none", "n.a.", "-", "."}
)
_USUAL_GAPS = frozenset({"", "NA", "NaN", "nan", "N/A", "n/a"})
MARK_NAMES = {".": "decimal point", ",": "decimal comma"}


@dataclass(frozen=True)
class OddNumber:
    """A text that is no number in the file's notation, and where it stands."""

    line: int
    column: str
    text: str


@dataclass
class NumberReader:
    """Turns the texts of a file into numbers, in one notation, and remembers what did not fit.

    Parameters
    ----------
    decimal
        ``.`` or ``,``; the other one may separate thousands.
    is_careful
        Look at every text by itself, and count as points only what no comma could be.
    """

    decimal: str = "."
    is_careful: bool = False
    odd: list[OddNumber] = field(default_factory=list)
    missing: Counter[str] = field(default_factory=Counter)
    n_with_point: int = 0
    _unclear: dict[str, list[OddNumber]] = field(default_factory=lambda: defaultdict(list))
    _has_thousands: set[str] = field(default_factory=set)

    def row(self, texts: Sequence[str], line: int, columns: Sequence[str]) -> np.ndarray:
        """The numbers of one row, float64; NaN where missing or where the text does not fit."""
        plain = self._plain(texts)
        if plain is not None:
            return plain
        return np.array([self._value(*one) for one in zip(texts, repeat(line), columns)])

    def column(
        self, texts: Sequence[str], lines: Sequence[int], name: str, is_needed: bool = True
    ) -> np.ndarray:
        """The numbers of one column, float64; NaN where missing or where the text does not fit.

        In a column that is not needed a text that is no number in any notation, such as <0.001,
        is missing too.
        """
        plain = self._plain(texts)
        if plain is not None:
            return plain
        values = np.array([self._value(*one) for one in zip(texts, lines, repeat(name))])
        if not is_needed:
            self.odd = [
                odd
                for odd in self.odd
                if odd.column != name or is_number(odd.text, ".") or is_number(odd.text, ",")
            ]
        return values

    def _plain(self, texts: Sequence[str]) -> np.ndarray | None:
        """All numbers at once, if they have decimal points and no peculiarities."""
        if self.decimal != "." or self.is_careful:
            return None
        n_missing = Counter(text for text in texts if text in _USUAL_GAPS)
        usual = ["nan" if text in n_missing else text for text in texts] if n_missing else texts
        try:
            numbers = np.array(usual, dtype=np.float64)
        except ValueError:
            return None
        if np.isnan(numbers).sum() != n_missing.total() or np.isinf(numbers).any():
            return None
        joined = "".join(usual)
        if "_" in joined:  # Python reads 1_000
            return None
        self.missing += n_missing
        self.n_with_point += joined.count(".")
        return numbers

    def _value(self, text: str, line: int, column: str) -> float:
        text = text.strip()
        if text.casefold() in MISSING:
            self.missing[text] += 1
            return math.nan
        sign = text.replace("\N{MINUS SIGN}", "-")
        if re.fullmatch(r"[+-]?inf(inity)?", sign, re.IGNORECASE):
            return math.copysign(math.inf, -1 if sign[0] == "-" else 1)
        self.n_with_point += is_number(sign, ".") and "." in sign and not is_number(sign, ",")
        if not is_number(sign, self.decimal):
            self.odd.append(OddNumber(line, column, text))
            return math.nan
        thousands = "," if self.decimal == "." else "."
        if thousands in sign:
            if is_number(sign, thousands):
                self._unclear[column].append(OddNumber(line, column, text))
            else:
                self._has_thousands.add(column)
        return float(sign.replace(thousands, "").replace(self.decimal, "."))

    @property
    def n_other_mark(self) -> int:
        """Texts that are numbers only with the other decimal mark."""
        other = "," if self.decimal == "." else "."
        return sum(is_number(odd.text, other) for odd in self.odd)

    @property
    def unclear(self) -> list[OddNumber]:
        """Texts such as 1.125 where points may be thousands and nothing in the column says so."""
        return [
            odd
            for column, texts in self._unclear.items()
            if column not in self._has_thousands
            for odd in texts
        ]

    def check(self, path: object) -> None:
        """Raise if any text did not fit.

        Raises
        ------
        DataError
            Naming the file and the line, the column and the text of the first ten.
        """
        bad = sorted([*self.odd, *self.unclear], key=lambda odd: odd.line)
        if not bad:
            return
        places = "; ".join(f"line {o.line}, column {o.column!r}: {o.text!r}" for o in bad[:10])
        more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
        mark = MARK_NAMES[self.decimal]
        if not self.odd and not self._is_mark_known:
            said = "may have a decimal point or a decimal comma, and no other number tells"
            hint = "Write the numbers without separators between thousands."
        elif self.n_other_mark or not self.odd:
            said = f"the other numbers of this file use a {mark}"
            hint = f"Write every number with a {mark}, or NA where nothing was measured."
        else:
            said = "expected a number"
            hint = "Write a number, or NA where nothing was measured."
        raise DataError(f"{path}: {places}{more}: {said}", hint)

    @property
    def _is_mark_known(self) -> bool:
        return self.n_with_point > 0 if self.decimal == "." else True


def read_numbers(
    parse: Callable[[NumberReader], T], path: object, is_comma_likely: bool
) -> tuple[T, NumberReader]:
    """Parse a file with decimal points, and once more with decimal commas if it has these.

    Parameters
    ----------
    parse
        Reads the whole file with the given reader.
    is_comma_likely
        Whether numbers that may be either, as 1,125, have decimal commas.

    Raises
    ------
    DataError
        If a text is no number in the notation of the file.
    """
    reader = NumberReader(".")
    result = parse(reader)
    if reader.n_other_mark or reader.unclear:
        reader = NumberReader(".", is_careful=True)
        result = parse(reader)
        lead = reader.n_other_mark - reader.n_with_point
        if lead > 0 or (lead == 0 and is_comma_likely):
            reader = NumberReader(",")
            result = parse(reader)
    reader.check(path)
    return result, reader


_NUMBER = {
    mark: re.compile(
        rf"[+-]?(?:(?:\d+|[1-9]\d{{0,2}}(?:\{thousands}\d{{3}})+)(?:\{mark}\d*)?|\{mark}\d+)"
        r"(?:[eE][+-]?\d+)?"
    )
    for mark, thousands in ((".", ","), (",", "."))
}


def is_number(text: str, decimal: str) -> bool:
    """Whether a text is a number with that decimal mark (and the other for thousands)."""
    return _NUMBER[decimal].fullmatch(text.replace("\N{MINUS SIGN}", "-")) is not None
