"""What a report is made of: cards, each a title and a function that says what it shows.

A card that fails says so in its place while the others render, and the failure is handed back, so
that a command can tell of it too. Parts hold plain text and charts; only the templates write HTML,
and they escape every text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from mechpert_al.errors import MechPertError

#: Characters of a cell that are shown at once; the rest unfolds.
SHOWN_TEXT = 320


class Cell(NamedTuple):
    """Text of a table's cell, and the number it is sorted by."""

    text: str
    value: float | None = None


class Column(NamedTuple):
    """A column of a table: its head, whether it holds numbers, what it means."""

    name: str
    is_number: bool = False
    help: str = ""


@dataclass(frozen=True)
class Words:
    """Paragraphs, or the points of a list."""

    lines: Sequence[str]
    is_list: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under a caption.

    Parameters
    ----------
    caption
        What the rows are, with unit and n where there are numbers.
    columns
        Their heads.
    rows
        Cells: text, numbers, None, or `Cell`.
    is_folded
        Whether the table is closed until asked for.
    head
        Which cell of a row is its head.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    is_folded: bool = False
    head: int = 0

    @property
    def cells(self) -> list[list[Cell]]:
        """The rows as `Cell` throughout."""
        return [[as_cell(value) for value in row] for row in self.rows]


@dataclass(frozen=True)
class Figure:
    """An interactive chart.

    Parameters
    ----------
    name
        Of the files it is saved under.
    chart
        An altair chart or a Vega-Lite specification.
    alt
        What it shows, for those who do not see it.
    caption
        A sentence below it.
    details
        For a chart that can be searched: what is said of each name. The chart then has a
        parameter ``searched``.
    """

    name: str
    chart: Any
    alt: str
    caption: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


Part = Words | Table | Figure


@dataclass(frozen=True)
class Card:
    """A part of a report under a heading; `make` is called when the report is written."""

    title: str
    make: Callable[[], Sequence[Part]]


class Failure(NamedTuple):
    """A card that could not be made, and why."""

    card: str
    why: str


@dataclass(frozen=True)
class Made:
    """A card with its parts, or with what went wrong."""

    title: str
    parts: tuple[Part, ...] = ()
    failure: str = ""


def made(card: Card) -> Made:
    """Make a card; what goes wrong in it stays in it."""
    try:
        parts = tuple(_checked(part) for part in card.make())
    except Exception as error:  # noqa: BLE001 - told on the page and by the command; the others render
        return Made(card.title, failure=_why(error))
    return Made(card.title, parts)


def _checked(part: Part) -> Part:
    """A part whose chart is a plain specification and whose cells are text: what can fail, has."""
    if isinstance(part, Figure):
        chart = part.chart if isinstance(part.chart, Mapping) else part.chart.to_dict()
        json.dumps(chart, allow_nan=False)
        return replace(part, chart=chart)
    if isinstance(part, Table):
        return replace(part, rows=part.cells)
    return part


def _why(error: Exception) -> str:
    if isinstance(error, MechPertError):
        return error.message
    return f"{type(error).__name__}: {error}"


# ---------------------------------------------------------------------- text
def as_cell(value: Any) -> Cell:
    """A value as a cell; a float that is no number is empty."""
    if isinstance(value, Cell):
        return value
    if isinstance(value, bool):
        return Cell("yes" if value else "no")
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return Cell("")
    if isinstance(value, int | float):
        return Cell(f"{value:.4g}" if isinstance(value, float) else str(value), float(value))
    if isinstance(value, list | tuple):
        return Cell(", ".join(map(str, value)))
    return Cell(str(value))


def number(value: float | None, form: str = ".3f") -> Cell:
    """A number in a given form."""
    return Cell("") if value is None else Cell(format(value, form), float(value))


def percent(share: float | None) -> Cell:
    """A share as per cent."""
    return Cell("") if share is None else Cell(f"{100 * share:.0f} %", float(share))


def with_interval(row: Mapping[str, Any] | None, key: str = "value", form: str = ".3f") -> Cell:
    """A number with its 95 % interval, from a row that has the keys low and high."""
    if row is None or row[key] is None:
        return Cell("")
    if row["low"] is None or row["high"] is None:
        return Cell(f"{row[key]:{form}} [no interval]", float(row[key]))
    return Cell(f"{row[key]:{form}} [{row['low']:{form}}, {row['high']:{form}}]", float(row[key]))
