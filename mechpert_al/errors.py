"""Errors of mechpert-al: one root, and an exit code for each kind.

Every error carries what happened (``message``: the file, the row or key, the value and what was
expected) apart from how to mend it (``hint``). Library code raises them; only the command line
turns them into exit codes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class MechPertError(Exception):
    """Root of all errors raised on purpose.

    Parameters
    ----------
    message
        What is wrong and where.
    hint
        What the reader can do about it.
    """

    kind = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(MechPertError):
    """A command or call was put together wrongly (unknown name, contradictory options)."""

    kind = "usage"
    exit_code = 2


class DataError(MechPertError):
    """A file or table does not hold what it must."""

    kind = "data"
    exit_code = 3


class ConfigError(DataError):
    """A file written by a person (loop, panel description, campaign) has a wrong key or value."""

    kind = "config"


class SymbolError(DataError):
    """Gene names that cannot be matched without guessing."""

    kind = "symbols"


class BackendError(MechPertError):
    """The server that runs the agents cannot be reached or cannot serve."""

    kind = "backend"
    exit_code = 4


class NothingLeftError(MechPertError):
    """No candidate is left to propose."""

    kind = "nothing left"
    exit_code = 5


class IntegrityError(MechPertError):
    """A journal, store or data set is damaged: its content is not what was written."""

    kind = "integrity"
    exit_code = 6


class UnansweredError(MechPertError):
    """Agents were asked and some targets stayed unanswered."""

    kind = "unanswered"
    exit_code = 7


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The beginning of a hint, "Did you mean a or b? "; empty if no valid name is near."""
    by_case: dict[str, str] = {}
    for one in valid:
        by_case.setdefault(one.lower(), one)
    near = difflib.get_close_matches(name.lower(), by_case, n=3)
    return f"Did you mean {' or '.join(by_case[one] for one in near)}? " if near else ""


def did_you_mean_file(paths: Iterable[Path]) -> str:
    """The same for files that are not there: the nearest names beside each of them."""
    found: dict[str, None] = {}
    for path in paths:
        with suppress(OSError):
            names = {one.name.lower(): one.name for one in path.parent.iterdir()}
            near = difflib.get_close_matches(path.name.lower(), names, n=3, cutoff=0.7)
            found |= dict.fromkeys(str(path.parent / names[one]) for one in near)
    return f"Did you mean {' or '.join(list(found)[:3])}? " if found else ""
