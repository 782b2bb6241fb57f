"""Errors of mechpert-al: one root, and an exit code for each kind.

Every error carries what happened (``message``: the file, the row or key, the value and what was
expected) apart from how to mend it (``hint``). Library code raises them; only the command line
turns them into exit codes.
"""

from __future__ import annotations


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
