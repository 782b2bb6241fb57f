"""One file over HTTP, continued where an earlier transfer broke.

What has arrived lies in a ``.part`` file, and beside it the server's mark of the version it belongs
to: a file that changed in between is begun anew, never mended together from two versions.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import httpx
import tenacity

from mechpert_al import __version__
from mechpert_al.errors import DataError, IntegrityError

OnBytes: TypeAlias = Callable[[int, int | None], None]

N_TRIES = 5
TIMEOUT = httpx.Timeout(30, read=90)
#: Answers that another try may turn into a file.
PASSING = (408, 425, 429, 500, 502, 503, 504)
WAIT = tenacity.wait_exponential(multiplier=0.5, max=20) + tenacity.wait_random(0, 0.5)


class _TryAgainError(Exception):
    """Something that may pass."""


def transfer(
    address: str, part: Path, size: int | None = None, on_bytes: OnBytes | None = None
) -> None:
    """Bring a file, whole, to ``part``.

    Parameters
    ----------
    address
        Where it is.
    part
        Where it goes; what lies there from an earlier try is continued.
    size
        Bytes it must have, if that is known.
    on_bytes
        Called with the bytes that are there and their total (None = not known).

    Raises
    ------
    DataError
        The server cannot be reached or refuses, a web page comes in place of the file, or the disk
        has no room.
    IntegrityError
        The server's file has another size.
    """
    passing = (httpx.TransportError, _TryAgainError)
    tries = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(passing),
        stop=tenacity.stop_after_attempt(N_TRIES),
        wait=WAIT,
        reraise=True,
    )
    headers = {"User-Agent": f"mechpert-al/{__version__}", "Accept-Encoding": "identity"}
    with httpx.Client(follow_redirects=True, timeout=TIMEOUT, headers=headers) as client:
        try:
            tries(_continue, client, address, part, size, on_bytes or _nobody)
        except passing as error:
            raise DataError(
                f"{address}: the transfer broke {N_TRIES} times, at last with: {error}",
                "What has arrived is kept: fetch it again and it goes on from there.",
            ) from error
    _tag(part).unlink(missing_ok=True)
    if size not in (None, part.stat().st_size):
        came = part.stat().st_size
        part.unlink()
        raise IntegrityError(
            f"{address}: {came} bytes came, expected {size}",
            "They were thrown away. The published file may have changed, or a page asking whether "
            "you are human came in its place.",
        )


def _nobody(done: int, total: int | None) -> None:
    """Nobody wants to know."""


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _continue(
    client: httpx.Client, address: str, part: Path, size: int | None, on_bytes: OnBytes
) -> None:
    """One try: ask for what is missing and append it."""
    have, headers = _missing(part)
    if size is not None and have == size:
        return
    with client.stream("GET", address, headers=headers) as response:
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise _TryAgainError("what had arrived did not fit the file on the server")
        _check(response, address, part)
        if response.status_code != 206:
            have = 0
        total = _total(response, have)
        if None not in (size, total) and size != total:
            raise IntegrityError(
                f"{address}: the server's file has {total} bytes, expected {size}",
                "The published file may have changed.",
            )
        blocks = response.iter_bytes()  # as it arrives: what came before a break is kept
        first = next(blocks, b"")
        if not have:
            _refuse_page(first, address, part)
        _check_room(part, total, have)
        _tag(part).write_text(_mark(response), encoding="utf-8")
        with part.open("ab" if have else "wb") as file:
            on_bytes(have, total)
            for block in itertools.chain([first], blocks):
                have += file.write(block)
                on_bytes(have, total)


def _missing(part: Path) -> tuple[int, dict[str, str]]:
    """Bytes that are there, and the headers that ask for the rest of the same version."""
    try:
        have = part.stat().st_size
        mark = _tag(part).read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0, {}
    return (have, {"Range": f"bytes={have}-", "If-Range": mark}) if have and mark else (0, {})


def _mark(response: httpx.Response) -> str:
    """What the server calls this version of the file; empty if it has no lasting name."""
    mark = response.headers.get("ETag", "")
    return mark if mark and not mark.startswith("W/") else response.headers.get("Last-Modified", "")


def _total(response: httpx.Response, have: int) -> int | None:
    """Bytes of the whole file, if the server says."""
    length = response.headers.get("Content-Length")
    if response.status_code == 206:
        start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if start != str(have):
            raise DataError(f"{response.url}: asked for bytes from {have} on, got {start or '?'}")
    return have + int(length) if length else None


def _check(response: httpx.Response, address: str, part: Path) -> None:
    """Stop at an answer that is not the file."""
    status = response.status_code
    if status in PASSING:
        raise _TryAgainError(f"the server answers {status} {response.reason_phrase}")
    if status in (404, 410):
        raise DataError(
            f"{address}: there is no such file ({status})", "It was moved or taken down."
        )
    if status not in (200, 202, 206):
        raise DataError(
            f"{address}: the server refuses ({status} {response.reason_phrase})",
            _by_hand(address, part),
        )
    if status == 202 or response.headers.get("Content-Type", "").startswith("text/html"):
        raise DataError(f"{address}: a web page came in place of the file", _by_hand(address, part))


def _refuse_page(block: bytes, address: str, part: Path) -> None:
    start = block[:500].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")):
        raise DataError(f"{address}: a web page came in place of the file", _by_hand(address, part))


def _by_hand(address: str, part: Path) -> str:
    return (
        "The server may want a human. Open the address in a browser, save the file as "
        f"{part.with_suffix('')} and fetch it again: it is then only checked."
    )


def _check_room(part: Path, total: int | None, have: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        raise DataError(
            f"{part.parent}: {total - have} bytes are to come and {free} are free",
            "Make room, or choose another folder.",
        )
