"""One writer at a time.

The lock is the operating system's (``flock``): it ends with the process that holds it, however that
ends. What stands in the lock file only tells the others who it is; a file left behind by a dead
process, or by another program, holds nobody up.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mechpert_al.errors import DataError

#: Seconds between two tries.
PAUSE = 0.05


class BusyError(DataError):
    """Another process is writing to the campaign."""

    kind = "busy"


@contextmanager
def writing_alone(path: Path, patience: float) -> Iterator[None]:
    """Be the only writer while the block runs.

    Parameters
    ----------
    path
        The lock file; made if need be.
    patience
        Seconds to wait for another writer.

    Raises
    ------
    BusyError
        If another process still writes after that time.
    DataError
        If the folder cannot be written to.
    """
    deadline = time.monotonic() + patience
    while (handle := _taken(path)) is None:
        if time.monotonic() >= deadline:
            raise BusyError(
                f"{path.parent}: another command{_holder(path)} is writing to this campaign",
                "Wait until it has ended, then try again. Nothing was changed.",
            )
        time.sleep(PAUSE)
    try:
        with suppress(OSError):  # a full disk: then nobody is told, that is all
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)  # which also ends the lock


def _taken(path: Path) -> int | None:
    """A handle that holds the lock, or None while another process has it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise DataError(
            f"{path.parent}: cannot be written to ({error.strerror})",
            "Nothing was changed. Is the folder yours, and the disk not read-only?",
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), os.stat(path)):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass  # taken, or removed by somebody between the two steps
    os.close(handle)
    return None


def _holder(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return f" (process {text})" if text.isdigit() else ""
