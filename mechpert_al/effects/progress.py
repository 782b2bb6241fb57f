"""How far a long reading is, told to whoever watches.

Readers are plug-ins that know nothing of terminals; a command that wants to show progress watches
while it calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Watcher = Callable[[str, int, int | None], None]
"""Receives what is being read, how much of it was, and how much there is (None: not known)."""
_WATCHER: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Have a watcher told of all readings in the block."""
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def tell(what: str, done: int, total: int | None = None) -> None:
    """Tell the watcher, if there is one; cheap, but not meant for every single number."""
    watcher = _WATCHER.get()
    if watcher is not None:
        watcher(what, done, total)
