"""An SQLite file that threads and processes share; a change is on the disk when it returns."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mechpert_al.errors import DataError, IntegrityError, MechPertError

#: A statement with its values.
Statement = tuple[str, Sequence]


@dataclass(eq=False)
class _Change:
    """What one thread wants written, and what became of it."""

    statements: Sequence[Statement]
    is_done: bool = False
    error: Exception | None = None


class Database:
    """The file.

    Parameters
    ----------
    path
        The file; made if need be.

    Raises
    ------
    DataError
        It cannot be used.
    IntegrityError
        It is no database, or a damaged one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing, self._reading, self._waiting = (threading.Lock() for _ in range(3))
        self._changes: list[_Change] = []
        with self._told():
            self._writer, self._reader = (
                sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
                for _ in range(2)
            )
        try:
            with self._told():
                self._writer.execute("PRAGMA journal_mode = WAL")
                # A change is on the disk before anybody is told of it: that costs milliseconds
                # where an answer takes seconds.
                self._writer.execute("PRAGMA synchronous = FULL")
        except MechPertError:
            self.close()
            raise

    def close(self) -> None:
        """End the connections."""
        with self._writing, self._reading:
            self._writer.close()
            self._reader.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what the database cannot do in our own errors."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DataError(
                f"{self.path}: cannot be used ({error})",
                "Is the disk full, or the folder read-only? What was answered is kept.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise IntegrityError(
                f"{self.path}: not an answer store, or a damaged one ({error})",
                "Move the file away; what it held will be asked again.",
            ) from error

    # ------------------------------------------------------------------ writing
    def write(self, statements: Sequence[Statement]) -> None:
        """Make a change, all of it or nothing; when this returns it is on the disk.

        Threads that come while another one waits for the disk are written together.
        """
        change = _Change(statements)
        with self._waiting:
            self._changes.append(change)
        with self._writing:
            if not change.is_done:
                with self._waiting:
                    changes, self._changes = self._changes, []
                self._write_all(changes)
        if change.error is not None:
            with self._told():
                raise change.error

    def _write_all(self, changes: Sequence[_Change]) -> None:
        """One transaction; if it fails, one for each, so that none fails for another's fault."""
        error = self._attempt(changes)
        for change in changes:
            change.error = error and (error if len(changes) == 1 else self._attempt([change]))
            change.is_done = True

    def _attempt(self, changes: Sequence[_Change]) -> Exception | None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for change in changes:
                for statement, values in change.statements:
                    self._writer.execute(statement, values)
            self._writer.execute("COMMIT")
        except (sqlite3.Error, ValueError, OverflowError) as error:  # also: cannot be bound
            if self._writer.in_transaction:  # a full disk ends it by itself
                self._writer.execute("ROLLBACK")
            return error
        return None

    # ------------------------------------------------------------------ reading
    def rows(self, query: str, *values: object) -> list[tuple]:
        """What a query finds."""
        with self._reading, self._told():
            return self._reader.execute(query, values).fetchall()

    def each(self, query: str) -> Iterator[tuple]:
        """The same one by one, on a connection of its own: it may be more than fits in memory."""
        with self._told(), closing(sqlite3.connect(self.path, timeout=60)) as database:
            yield from database.execute(query)
