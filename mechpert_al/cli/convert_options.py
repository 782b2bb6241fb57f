"""The options that say how measurements are to be read, and how far the reading is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.output import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

#: Seconds before a reading is worth showing.
PATIENCE = 2.0

OPTIONS = (
    click.option(
        "--kind",
        metavar="KIND",
        help="counts, expression, pseudobulk, effects or table; without it, recognised.",
    ),
    click.option("--perturbation", metavar="COLUMN", help="Column that says what was perturbed."),
    click.option(
        "--perturbation-name",
        metavar="GENE",
        help="The perturbed gene of a table that has no such column.",
    ),
    click.option(
        "--control",
        multiple=True,
        metavar="LABEL",
        help="Control label, letter for letter; may be given several times.",
    ),
    click.option(
        "--batch",
        metavar="COLUMN",
        help="Compare cells with the controls of their own batch; by default those of a column "
        "batch, if each has controls enough. none: with all controls.",
    ),
    click.option(
        "--layer", metavar="NAME", help="Matrix to read in place of X: a layer, or raw/X."
    ),
    click.option(
        "--guide-calls",
        metavar="FILE",
        help="Table with the labels of the cells, by barcode; found beside Cell Ranger's counts.",
    ),
    click.option(
        "--min-cells",
        type=click.IntRange(min=1),
        default=3,
        show_default=True,
        help="Groups with fewer cells count as not measured.",
    ),
    click.option(
        "--readout-names",
        default="symbol",
        show_default=True,
        metavar="symbol|gene_ids|COLUMN",
        help="What readouts are called by.",
    ),
    click.option(
        "--duplicated-readouts",
        type=click.Choice(["error", "sum"]),
        default="error",
        show_default=True,
        help="Several columns under one name: stop, or sum their counts.",
    ),
    click.option(
        "--duplicated-rows",
        type=click.Choice(["error", "mean"]),
        default="error",
        show_default=True,
        help="Several rows of one perturbation: stop, or take their mean.",
    ),
    click.option(
        "--keep-own-readout", is_flag=True, help="Keep the effect of a gene on its own readout."
    ),
    click.option("--shrink", is_flag=True, help="Shrink effects to 0 by their standard errors."),
    click.option(
        "--absent",
        type=click.Choice(["missing", "zero"]),
        default="missing",
        show_default=True,
        help="What a pair that a long table does not list is.",
    ),
    click.option(
        "--infinite",
        type=click.Choice(["error", "missing"]),
        help="Infinite effects: stop (the default), or take them as not measured.",
    ),
)
NAMES = (
    "kind", "perturbation", "perturbation_name", "control", "batch", "layer", "guide_calls",
    "min_cells", "readout_names", "duplicated_readouts", "duplicated_rows", "keep_own_readout",
    "shrink", "absent", "infinite",
)  # fmt: skip
"""Arguments that a command with these options receives: the options of `effects.convert`."""


def convert_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command all options of `effects.convert`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@contextmanager
def reading_shown(console: Console | None = None) -> Iterator[None]:
    """Show how far the reading of large files is: on stderr, in terminals, after two seconds.

    Parameters
    ----------
    console
        By default that of stderr.
    """
    from rich.console import Console

    from mechpert_al.effects.progress import watched

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    shown = _Bars(console)
    try:
        with watched(shown):
            yield
    finally:
        shown.stop()


class _Bars:
    """A bar for each thing that is being read; none while it is quick."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.begun = time.monotonic()
        self.bars: Progress | None = None
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        if self.bars is None:
            if time.monotonic() - self.begun < PATIENCE:
                return
            self.bars = _progress(self.console)
            self.bars.start()
        if what not in self.tasks:
            self.tasks[what] = self.bars.add_task(clean(what), total=total)
        self.bars.update(self.tasks[what], completed=done, total=total)

    def stop(self) -> None:
        """Take the bars away."""
        if self.bars is not None:
            self.bars.stop()


def _progress(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    what = TextColumn("{task.description}", markup=False)
    return Progress(
        what, BarColumn(), MofNCompleteColumn(), Remaining(), console=console, transient=True
    )
