"""What a failure looks like to the person or program that called: text, JSON, exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import NamedTuple

import click

from mechpert_al.cli.output import print_json, say
from mechpert_al.errors import MechPertError

INTERRUPTED = 130
TRACEBACK = "MECHPERT_AL_TRACEBACK"


class Failure(NamedTuple):
    """A failure, as it is shown; ``exit`` is the exit code."""

    kind: str
    message: str
    hint: str
    exit: int


@contextmanager
def reported(*, as_json: bool) -> Iterator[None]:
    """Turn what goes wrong inside into text on stderr and an exit code.

    Errors in this package itself are not caught: the interpreter ends with exit code 1, and what it
    prints is shortened and asks for a report.

    Parameters
    ----------
    as_json
        Whether stdout gets ``{"error": …}`` too.
    """
    sys.excepthook = partial(_bug, as_json)
    try:
        yield
    except (MechPertError, click.ClickException, click.Abort, OSError) as error:
        failure = _failure(error)
        _show(failure._replace(message=_noted(failure.message, error)), as_json)
        sys.exit(failure.exit)


def _failure(error: Exception) -> Failure:
    if isinstance(error, MechPertError):
        return Failure(error.kind, error.message, error.hint, error.exit_code)
    if isinstance(error, click.UsageError):
        context = error.ctx
        hint = f"Help: {context.command_path} --help" if context else ""
        return Failure("usage", error.format_message(), hint, error.exit_code)
    if isinstance(error, click.ClickException):
        return Failure("usage", error.format_message(), "", 2)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Failure("data", f"{where}{error.strerror or error}", "", 3)
    return Failure("interrupted", "Interrupted.", "", INTERRUPTED)


def _noted(message: str, error: BaseException) -> str:
    """The message with what was noted on the error's way, such as its place in a comparison."""
    return "; ".join([message, *getattr(error, "__notes__", ())])


def _show(failure: Failure, as_json: bool) -> None:
    say(f"Error: {failure.message}", style="bold red")
    if failure.hint:
        say(failure.hint)
    if as_json:
        with suppress(OSError):  # stdout itself may be what fails
            print_json({"error": failure._asdict()})


def _bug(
    as_json: bool, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Replace the interpreter's last words after an error that nobody foresaw."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(kind, error, trace)
    frames = traceback.extract_tb(trace)
    where = f", {frames[-1].filename}, line {frames[-1].lineno}" if frames else ""
    message = _noted(f"{kind.__name__}: {error}{where}", error)
    hint = (
        "This is a bug in mechpert-al. Please report it with the command you typed and what "
        f"{TRACEBACK}=1 in front of it prints."
    )
    _show(Failure("bug", message, hint, 1), as_json)
