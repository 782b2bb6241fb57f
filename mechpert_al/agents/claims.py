"""Who is asking what: claims on questions that hold among processes and end with their process.

A claim is a lock on one byte of a file beside the answer store, at an offset taken from the key of
the question. Such a lock ends with its process, however that ends. It belongs to the process, not
to the handle: closing any handle of the file gives up all of them. So a process opens each file
once, however many stores it has there, and notes which of them holds what.
"""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from mechpert_al.errors import DataError


@dataclass(eq=False)
class _LockFile:
    """A file of locks in this process, and who holds which byte."""

    handle: int
    users: set[Claims] = field(default_factory=set)
    holder: dict[int, Claims] = field(default_factory=dict)


#: Files of locks that are open, by device and number; the lock guards them all.
_files: dict[tuple[int, int], _LockFile] = {}
_guard = threading.Lock()


class Claims:
    """Claims of one answer store.

    Parameters
    ----------
    path
        The file of locks; made if need be, never written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _guard:
            self._file: _LockFile | None = _opened(path)
            self._file.users.add(self)

    def close(self) -> None:
        """Give everything back."""
        with _guard:
            file, self._file = self._file, None
            if file is None:
                return
            for offset in [one for one, holder in file.holder.items() if holder is self]:
                self._unlock(file, offset)
            file.users.discard(self)
            if not file.users:
                _files.pop(_identity(os.fstat(file.handle)))
                os.close(file.handle)

    def claim(self, key: str) -> bool:
        """Reserve a question.

        False while another process or another store has it, and after `close`.

        Raises
        ------
        DataError
            The file system has no locks.
        """
        offset = _offset(key)
        with _guard:
            if self._file is None or self._file.holder.get(offset, self) is not self:
                return False
            try:
                fcntl.lockf(self._file.handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
            except (BlockingIOError, PermissionError):
                return False
            except OSError as error:
                raise DataError(
                    f"{self.path}: cannot be locked ({error.strerror})",
                    "Some network file systems have no locks: use a folder on a local disk.",
                ) from error
            self._file.holder[offset] = self
            return True

    def release(self, key: str) -> None:
        """Give a question back; after `close` it is given back already."""
        offset = _offset(key)
        with _guard:
            if self._file is not None and self._file.holder.get(offset) is self:
                self._unlock(self._file, offset)

    @staticmethod
    def _unlock(file: _LockFile, offset: int) -> None:
        del file.holder[offset]
        fcntl.lockf(file.handle, fcntl.LOCK_UN, 1, offset)


def _opened(path: Path) -> _LockFile:
    """The file of locks, opened unless this process has it open already."""
    try:
        known = _files.get(_identity(os.stat(path)))
    except FileNotFoundError:
        known = None
    if known is None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        known = _files.setdefault(_identity(os.fstat(handle)), _LockFile(handle))
    return known


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _offset(key: str) -> int:
    return int(key[:15], 16)
