"""Limits of a call that hold whatever the server does: seconds in all, seconds of silence, bytes.

A client's own time-out begins anew with each byte, so that a server which drips one now and then
holds a call for ever, and a line without end fills the memory. Here every read from the network is
counted against the limits of the call that the thread is making.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

#: The most bytes of a line, which holds a few words, and of what comes beside the words.
LINE = BASE = 1_000_000
#: The most bytes in which a token comes.
TOKEN = 1000


class Overdue(Exception):  # noqa: N818 - what became of a call
    """A call took longer than it may in all."""


class Flooded(Exception):  # noqa: N818
    """More came than any answer has."""


class Call:
    """The limits of one call.

    Parameters
    ----------
    quiet
        Seconds without a byte until the server counts as hanging; may be changed on the way.
    whole
        Seconds that the call may take in all.
    n_tokens
        Tokens that were asked for.
    """

    def __init__(self, quiet: float, whole: float, n_tokens: int = 0) -> None:
        self.quiet, self.whole = quiet, whole
        self.most = BASE + TOKEN * n_tokens
        self._end = time.monotonic() + whole
        self._n_bytes = 0

    def patience(self) -> float:
        """Seconds for which the next byte may be waited for.

        Raises
        ------
        Overdue
            None are left.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise Overdue
        return min(self.quiet, left)

    def count(self, n_bytes: int) -> None:
        """Note what came.

        Raises
        ------
        Flooded
            It is too much.
        """
        self._n_bytes += n_bytes
        if self._n_bytes > self.most:
            raise Flooded


_current: ContextVar[Call | None] = ContextVar("_current", default=None)


def current() -> Call | None:
    """The call that this thread is making, if its limits are kept."""
    return _current.get()


@contextmanager
def limited(call: Call) -> Iterator[Call]:
    """Hold what this thread reads inside the block against the limits of a call."""
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)


def watched(client: httpx.Client) -> None:
    """Make all connections of a client keep to the limits of calls, through proxies too."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool
            pool._network_backend = _Backend(pool._network_backend)


class _Stream(httpcore.NetworkStream):
    """A connection."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        call = _current.get()
        if call is None:
            return self._inner.read(max_bytes, timeout)
        try:
            data = self._inner.read(max_bytes, call.patience())
        except httpcore.ReadTimeout:
            call.patience()  # the end of the call, or of the silence?
            raise
        call.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        call = _current.get()
        self._inner.write(buffer, timeout if call is None else call.patience())

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *settings: Any, **more: Any) -> _Stream:
        return _Stream(self._inner.start_tls(*settings, **more))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """What makes connections."""

    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(self, *settings: Any, **more: Any) -> _Stream:
        return _Stream(self._inner.connect_tcp(*settings, **more))

    def connect_unix_socket(self, *settings: Any, **more: Any) -> _Stream:
        return _Stream(self._inner.connect_unix_socket(*settings, **more))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a stream that are not empty.

    Raises
    ------
    Flooded
        One is too long.
    """
    rest = bytearray()
    for chunk in chunks:
        *ended, last = chunk.split(b"\n")
        for end in ended:
            line = bytes(rest + end)
            rest.clear()
            if line.strip():
                yield line
        rest += last
        if len(rest) > LINE:
            raise Flooded
    if rest.strip():
        yield bytes(rest)
