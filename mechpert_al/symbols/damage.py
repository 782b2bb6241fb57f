"""What spreadsheets do to gene symbols: MARCH1 → 1-Mar, SEPT2 → 2-Sep, 2310009E13 → 2.31E+19.

The way back is ambiguous (1-Mar was MARCH1 or MARC1), so damage is named, never undone.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechpert_al.symbols.table import SymbolTable

#: Names of months as spreadsheets write them (English, German, French, Spanish, Italian).
MONTHS = {
    "jan": 1, "ene": 1, "gen": 1, "feb": 2, "fev": 2, "fév": 2, "mar": 3, "march": 3, "mars": 3,
    "mär": 3, "mrz": 3, "märz": 3, "apr": 4, "avr": 4, "abr": 4, "may": 5, "mai": 5, "mag": 5,
    "jun": 6, "juin": 6, "giu": 6, "jul": 7, "juil": 7, "lug": 7, "aug": 8, "ago": 8, "sep": 9,
    "sept": 9, "set": 9, "oct": 10, "okt": 10, "ott": 10, "nov": 11, "dec": 12, "dez": 12,
    "déc": 12, "dic": 12,
}  # fmt: skip
#: How symbols begin that a spreadsheet takes for a month followed by a day.
STEMS = {
    1: ("JAN",), 2: ("FEB",), 3: ("MARCH", "MARC", "MAR"), 4: ("APRIL", "APR"), 5: ("MAY",),
    6: ("JUN",), 7: ("JUL",), 8: ("AUG",), 9: ("SEPT", "SEP"), 10: ("OCT",), 11: ("NOV",),
    12: ("DEC",),
}  # fmt: skip
#: Spreadsheets count days from here (1900 is taken for a leap year).
DAY_ZERO = datetime.date(1899, 12, 30)

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_GAP = r"[-/. ]+"
_TIME = r"(?:[T ]0?0:00(?::00)?)?"
_DAY_MONTH = re.compile(rf"(\d{{1,2}})\.?{_GAP}({_MONTH})\.?(?:{_GAP}(?:\d{{4}}|\d{{2}}))?")
_MONTH_DAY = re.compile(rf"({_MONTH})\.?{_GAP}(?:(?:19|20)(\d\d)|(\d{{1,2}}))")
_YEAR_FIRST = re.compile(rf"(?:19|20)\d\d[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.](?:\d{{4}}|\d{{2}}){_TIME}")
_POWER = re.compile(r"\d+(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Damage:
    """A cell that a spreadsheet seems to have changed.

    Parameters
    ----------
    text
        What stands in the cell.
    what
        What it looks like, such as ``a date (1 March)``.
    possible
        Approved symbols of the genes it may have been; may be empty.
    """

    text: str
    what: str
    possible: tuple[str, ...] = ()

    def __str__(self) -> str:
        was = f"; may have been {' or '.join(self.possible)}" if self.possible else ""
        return f"looks like {self.what}{was}"


def may_be_damaged(text: str) -> bool:
    """Whether a text has the form of a date or a number; no symbols are looked up."""
    word = text.strip().casefold()
    return bool(_days(word) or _POWER.fullmatch(word) or _NUMBER.fullmatch(word))


def damage_of(text: str, table: SymbolTable) -> Damage | None:
    """What a spreadsheet made of a symbol, if the text looks like that.

    Parameters
    ----------
    text
        A cell of a gene column that is no known symbol.
    table
        Where symbols of the date are looked up.
    """
    word = text.strip().casefold()
    if days := _days(word):
        return Damage(text, f"a date ({_spoken(days)})", _genes(days, table))
    if _POWER.fullmatch(word):
        return Damage(text, "a number (a clone name such as 2310009E13 read as a power of ten?)")
    if _NUMBER.fullmatch(word):
        date = _serial(word)
        genes = _genes([(date.day, date.month)], table) if date else ()
        if date and genes:
            return Damage(text, f"a date's serial number ({date.isoformat()})", genes)
        return Damage(text, "a number")
    return None


def _days(word: str) -> list[tuple[int, int]]:
    """Every (day, month) that the text can mean."""
    if found := _DAY_MONTH.fullmatch(word):
        days = [(int(found[1]), MONTHS[found[2]])]
    elif found := _MONTH_DAY.fullmatch(word):
        days = [(int(found[2] or found[3]), MONTHS[found[1]])]
    elif found := _YEAR_FIRST.fullmatch(word):
        days = [(int(found[2]), int(found[1]))]
    elif found := _YEAR_LAST.fullmatch(word):
        one, two = int(found[1]), int(found[2])
        days = [(one, two), (two, one)] if one != two else [(one, two)]
    else:
        return []
    return [(day, month) for day, month in days if month in STEMS and day <= 31]


def _serial(word: str) -> datetime.date | None:
    """The date that a spreadsheet stores as this number, if between 1954 and 2099."""
    match = re.fullmatch(r"(\d{5})(?:[.,]0+)?", word)
    days = int(match[1]) if match else 0
    return DAY_ZERO + datetime.timedelta(days) if 20_000 <= days <= 73_000 else None


def _genes(days: list[tuple[int, int]], table: SymbolTable) -> tuple[str, ...]:
    former: list[str] = []
    others: list[str] = []
    for day, month in days:
        for stem in STEMS[month]:
            name = f"{stem}{day}"
            if table.is_symbol(name):
                former.append(name)
            for gene, why in table.readings(name).items():
                (others if why == "alias" else former).append(gene)
    return tuple(dict.fromkeys(former + others))


def _spoken(days: list[tuple[int, int]]) -> str:
    return " or ".join(
        f"{day} {datetime.date(2000, month, 1).strftime('%B')}" for day, month in days
    )
