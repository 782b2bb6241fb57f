"""What commands print: the payload to stdout, the talk to stderr.

Text from files and agents is never markup here, and control characters in it do not reach the
terminal.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.display import cell

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from mechpert_al.report.page import Written

PROGRAM = "mechpert-al"
#: A column whose cells are no longer than this is never folded.
WHOLE = 24
#: So many notices of a kind are told one by one.
ALIKE = 4
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def print_json(document: Any) -> None:
    """Print one JSON document in UTF-8 to stdout.

    Numbers that JSON does not know (NaN, infinities) become null; NumPy values and paths become
    plain ones.
    """
    text = json.dumps(_plain(document), ensure_ascii=False, allow_nan=False, indent=2)
    click.echo(text.encode())


def say(text: str, style: str = "") -> None:
    """Tell the person something on stderr."""
    _print(_console(stderr=True), text, style)


def tell(text: str) -> None:
    """Print sentences to stdout."""
    console = _console()
    if console.is_terminal:
        _print(console, text)
    else:
        click.echo(clean(text))


def _print(console: Console, text: str, style: str = "") -> None:
    """Print lines; a terminal breaks them between words, but never what is to be copied."""
    for line in clean(text).split("\n"):
        parts = [line]
        if console.is_terminal and f"{PROGRAM} " not in line:
            parts = textwrap.wrap(
                line, console.width, break_long_words=False, break_on_hyphens=False
            ) or [line]
        for part in parts:
            console.print(part, style=style, markup=False, highlight=False, soft_wrap=True)


def command_line() -> str:
    """The command as it was typed, for the record."""
    return shlex.join([PROGRAM, *sys.argv[1:]])


def told_report(written: Written) -> None:
    """Say where a report was written, and which of its parts failed."""
    for line in written.lines():
        say(f"Note: {line}")
    say(f"Wrote {written.path}: open it in a browser.")


def notes(notices: Iterable[str]) -> None:
    """Tell notices; of many that begin alike (up to the first colon) a few, and how many more."""
    kinds: dict[str, list[str]] = {}
    for notice in notices:
        kinds.setdefault(notice.partition(":")[0], []).append(notice)
    for told in kinds.values():
        shown = told if len(told) <= ALIKE else told[: ALIKE - 1]
        for notice in shown:
            say(f"Note: {notice}")
        if len(told) > len(shown):
            more = len(told) - len(shown)
            say(f"Note: … and {more} more like these (--json and reports have all of them)")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print a table to stdout.

    In a terminal long cells are folded; elsewhere every row is one line of aligned columns.

    Parameters
    ----------
    columns
        Headers; one that ends in ``>`` is aligned right.
    rows
        Cells, shown as `mechpert_al.display.cell` has them.
    title
        A line above.
    """
    from rich.table import Table
    from rich.text import Text

    console = _console()
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    cells = [[_cell(value) for value in row] for row in rows]
    for place, column in enumerate(columns):
        name = column.removesuffix(">")
        widest = max((len(row[place]) for row in cells), default=0)
        grid.add_column(
            Text(name, style="bold"),
            justify="right" if name != column else "left",
            overflow="fold",
            no_wrap=widest <= WHOLE,
        )
    for row in cells:
        grid.add_row(*map(Text, row))
    if title:
        _print(console, title)
    if console.is_terminal:
        console.print(grid)
        return
    console.width = console.measure(grid, options=_unbounded(console)).maximum
    with console.capture() as lines:
        console.print(grid)
    click.echo("\n".join(line.rstrip() for line in lines.get().splitlines()))


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[..., None]]:
    """Show how far a long task is, on stderr.

    Parameters
    ----------
    what
        What is being done.
    total
        Number of steps.

    Yields
    ------
    callable
        To be called with the number of steps done since the last call (1 by default).
    """
    with _shown(what, total, in_bytes=False) as shown:
        yield shown.advance


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show in a terminal that something is being done whose steps cannot be counted."""
    console = _console(stderr=True)
    if not console.is_terminal:
        yield
        return
    from rich.text import Text

    with console.status(Text(f"{clean(what)} …")):
        yield


@contextmanager
def byte_progress(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show how much of a file has come, on stderr.

    Yields
    ------
    callable
        To be called with the bytes that are there and their total (None = not known).
    """
    with _shown(what, None, in_bytes=True) as shown:
        yield shown.reach


@contextmanager
def _shown(what: str, total: int | None, *, in_bytes: bool) -> Iterator[_Bar | _Lines]:
    console = _console(stderr=True)
    if not console.is_terminal:
        yield _Lines(what, total)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    count = DownloadColumn() if in_bytes else MofNCompleteColumn()
    name = TextColumn("{task.description}", markup=False)
    with Progress(name, BarColumn(), count, TimeRemainingColumn(), console=console) as bars:
        yield _Bar(bars, bars.add_task(clean(what), total=total))


class _Bar:
    """Progress in a terminal."""

    def __init__(self, bars: Progress, task: TaskID) -> None:
        self.bars, self.task = bars, task

    def advance(self, steps: int = 1) -> None:
        self.bars.advance(self.task, steps)

    def reach(self, done: int, total: int | None) -> None:
        self.bars.update(self.task, completed=done, total=total)


class _Lines:
    """Progress elsewhere: a line at each tenth of the way."""

    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total = what, total
        self.done = 0

    def advance(self, steps: int = 1) -> None:
        self.reach(self.done + steps, self.total)

    def reach(self, done: int, total: int | None) -> None:
        if total and 10 * done // total > 10 * self.done // total:
            say(f"{self.what}: {done} of {total}")
        self.done = done


def clean(text: str) -> str:
    """The text without control characters (tab and line end may stay)."""
    return _CONTROL.sub("�", text)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def _unbounded(console: Console) -> Any:
    return console.options.update(width=100_000, max_width=100_000)


def _cell(value: Any) -> str:
    return clean(cell(value)).replace("\n", " ").replace("\t", " ")


def _plain(value: Any) -> Any:
    """The same as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, set | frozenset):
        return [_plain(one) for one in sorted(value)]
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int) else str(value)
