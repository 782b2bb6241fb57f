"""Who is asking what: claims on questions that hold among processes and end with their process.

A claim is a lock on one byte of a file beside the answer store, at an offset taken from the key of
the question. Such a lock ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from mechpert_al.errors import DataError


class Claims:
    """The claims of this process.

    Parameters
    ----------
    path
        The file of locks; made if need be, never written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def close(self) -> None:
        """Give everything back."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None

    def claim(self, key: str) -> bool:
        """Reserve a question for this process.

        False while another process has it, and after `close`.

        Raises
        ------
        DataError
            The file system has no locks.
        """
        with self._lock:
            if self._file is None:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(key))
            except (BlockingIOError, PermissionError):
                return False
            except OSError as error:
                raise DataError(
                    f"{self.path}: cannot be locked ({error.strerror})",
                    "Some network file systems have no locks: use a folder on a local disk.",
                ) from error
            return True

    def release(self, key: str) -> None:
        """Give a question back; after `close` it is given back already."""
        with self._lock:
            if self._file is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(key))


def _offset(key: str) -> int:
    return int(key[:15], 16)
