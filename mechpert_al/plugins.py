"""One door for plug-ins: built-in and foreign methods are found through entry points.

A package adds a strategy, a predictor, a reader or an oracle by naming it in its own metadata, in
the group that the built-ins use too. An agent needs no code: it is a lens in a panel description,
or a table of proposals.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mechpert_al.errors import UsageError, did_you_mean


@cache
def _installed(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


def names(group: str) -> list[str]:
    """Names of everything installed in a group, sorted."""
    return sorted(_installed(group))


def named(group: str, name: str, what: str) -> Any:
    """The object of that name.

    Parameters
    ----------
    group
        Entry-point group, such as ``mechpert_al.strategies``.
    name
        As the user typed it.
    what
        What it is, for the message.

    Raises
    ------
    UsageError
        If there is none; the message gives the nearest and all valid names.
    """
    installed = _installed(group)
    if name not in installed:
        raise UsageError(
            f"unknown {what} {name!r}",
            f"{did_you_mean(name, sorted(installed))}Valid names: {', '.join(sorted(installed))}.",
        )
    return installed[name].load()
