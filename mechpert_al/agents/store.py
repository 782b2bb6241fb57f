"""The answer store: every question that was asked, by its content, with what came of it.

A question's key is the SHA-256 of the whole request body (model, messages, schema, options) and of
the model's digest. Sampling is not repeatable on every machine; the store is what makes a run so:
an answer that is there is never asked for again, and the panel's files are written from it.

The file is SQLite in WAL mode. An answer is acknowledged only after its own transaction is
committed, so a process may be killed at any moment. Two processes may share a store: before it
asks, a process claims the key with a lock on one byte of a file beside the store, at an offset
taken from the key. Such a lock ends with its process, however that ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mechpert_al.agents.faults import Fault, Usage
from mechpert_al.errors import DataError, IntegrityError, MechPertError

FILE = "answers.sqlite"
FORMAT = 1
#: Texts longer than this stand in the store once, however many requests hold them.
SHARED = 1000

_TABLES = f"""
CREATE TABLE IF NOT EXISTS texts (sha256 TEXT PRIMARY KEY, text BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, agent TEXT NOT NULL, targets TEXT NOT NULL,
    body BLOB NOT NULL, model_digest TEXT NOT NULL,
    answered_key TEXT NOT NULL, answered_body BLOB NOT NULL,
    text TEXT NOT NULL, text_sha256 TEXT NOT NULL,
    attempts INTEGER NOT NULL, {" ".join(f"{name} REAL," for name in Usage._fields)}
    host TEXT NOT NULL, server_version TEXT NOT NULL, model TEXT NOT NULL,
    quantisation TEXT NOT NULL, answered_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS failures (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL, body BLOB NOT NULL,
    asked_key TEXT NOT NULL, model_digest TEXT NOT NULL, agent TEXT NOT NULL, targets TEXT NOT NULL,
    attempt INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, remedy TEXT NOT NULL,
    text TEXT NOT NULL, thinking TEXT NOT NULL, text_sha256 TEXT NOT NULL,
    host TEXT NOT NULL, failed_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS failures_of ON failures (key);
CREATE TABLE IF NOT EXISTS divided (key TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Origin(NamedTuple):
    """Where an answer came from: everything that identifies the model and the server."""

    host: str
    server_version: str
    model: str
    digest: str
    quantisation: str


class Stored(NamedTuple):
    """An answer as it is kept."""

    key: str
    targets: tuple[str, ...]
    text: str
    attempts: int
    usage: Usage


def canonical(body: Mapping[str, Any]) -> bytes:
    """The bytes of a request that are hashed; the order of keys counts, as it does in a schema."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def key_of(body: Mapping[str, Any], digest: str) -> str:
    """The key of a question: SHA-256, in hexadecimal, of its request body and the model digest."""
    return hashlib.sha256(canonical(body) + b"\n" + digest.encode()).hexdigest()


class AnswerStore:
    """The answers of a panel folder.

    Parameters
    ----------
    folder
        The panel folder; made if need be.

    Raises
    ------
    IntegrityError
        The file there is no answer store, or one of a newer version.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._is_closed = False
        self._claims = os.open(
            folder / f"{FILE}.claims", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666
        )
        self._database = sqlite3.connect(
            self.path, timeout=60, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare()
        except MechPertError:
            self.close()
            raise

    def _prepare(self) -> None:
        run = self._database.execute
        with self._told():
            run("PRAGMA journal_mode = WAL")
            run(
                "PRAGMA synchronous = NORMAL"
            )  # a power cut may cost the last answers, not the file
        with self._writing():
            (version,) = run("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _TABLES.split(";\n"):
                    run(statement)
                run(f"PRAGMA user_version = {FORMAT}")
        if version > FORMAT:
            raise IntegrityError(
                f"{self.path}: written by a newer version of this program (format {version})",
                "Update mechpert-al.",
            )

    def close(self) -> None:
        """End the connection; claims end too."""
        with self._lock:
            self._is_closed = True
            self._database.close()
            os.close(self._claims)

    def __enter__(self) -> AnswerStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; what is written in it survives this process when the block has ended."""
        with self._lock, self._told():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._database.in_transaction:  # a full disk ends it by itself
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    # ------------------------------------------------------------------ claims
    def claim(self, key: str) -> bool:
        """Reserve a question for this process; False while another process has it."""
        if self._is_closed:
            return False
        try:
            fcntl.lockf(self._claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(key))
        except (BlockingIOError, PermissionError):
            return False
        except OSError as error:
            raise DataError(
                f"{self.path}: its claims cannot be locked ({error.strerror})",
                "Some network file systems have no locks: use a folder on a local disk.",
            ) from error
        return True

    def release(self, key: str) -> None:
        """Give a question back; a closed store has given all of them back."""
        with self._lock:
            if self._is_closed:
                return
            fcntl.lockf(self._claims, fcntl.LOCK_UN, 1, _offset(key))

    # ------------------------------------------------------------------ writing
    def add(
        self,
        key: str,
        agent: str,
        targets: Sequence[str],
        body: Mapping[str, Any],
        answered_body: Mapping[str, Any],
        text: str,
        attempts: int,
        usage: Usage,
        origin: Origin,
    ) -> None:
        """Keep an answer; when this returns it survives this process.

        Parameters
        ----------
        key, agent, targets, body
            The question, as it was asked for the first time.
        answered_body
            The request that brought the answer: the first one, or a later one that told what was
            wrong.
        text
            The answer as it came.
        attempts
            Requests that it took.
        usage, origin
            What it cost, and where it came from.
        """
        with self._writing():
            first = self._packed(body)
            last = first if answered_body is body else self._packed(answered_body)
            self._insert("answers", (
                key, agent, json.dumps(list(targets)), first, origin.digest,
                key_of(answered_body, origin.digest), last, text, _sha256(text), attempts, *usage,
                origin.host, origin.server_version, origin.model, origin.quantisation, _now(),
            ))  # fmt: skip

    def add_failure(
        self,
        key: str,
        body: Mapping[str, Any],
        digest: str,
        agent: str,
        targets: Sequence[str],
        attempt: int,
        fault: Fault,
    ) -> None:
        """Keep a request that brought no usable answer, with what came of one."""
        with self._writing():
            self._insert("failures", (
                None, key, self._packed(body), key_of(body, digest), digest, agent,
                json.dumps(list(targets)), attempt, fault.name, fault.message, fault.hint,
                fault.text, fault.thinking, _sha256(fault.text), fault.host, _now(),
            ))  # fmt: skip

    def _insert(self, table: str, values: tuple) -> None:
        places = ", ".join("?" * len(values))
        self._database.execute(f"INSERT OR IGNORE INTO {table} VALUES ({places})", values)

    def divide(self, key: str) -> None:
        """Note that a question about several targets is asked target by target from now on."""
        with self._writing():
            self._database.execute("INSERT OR IGNORE INTO divided VALUES (?)", (key,))

    def withdraw(self, keys: Iterable[str]) -> None:
        """Remove answers of which it is not certain which model gave them."""
        with self._writing():
            self._database.executemany("DELETE FROM answers WHERE key = ?", [(k,) for k in keys])

    def _packed(self, body: Mapping[str, Any]) -> bytes:
        """A request, small: long texts that many requests share are kept once."""
        messages = []
        for message in body["messages"]:
            text = message["content"]
            if len(text) > SHARED:
                message = {**message, "content": {"sha256": self._shared(text)}}
            messages.append(message)
        return zlib.compress(canonical({**body, "messages": messages}), 1)

    def _shared(self, text: str) -> str:
        """Keep a text once; its name."""
        name = _sha256(text)
        if not self._database.execute("SELECT 1 FROM texts WHERE sha256 = ?", (name,)).fetchone():
            self._insert("texts", (name, zlib.compress(text.encode())))
        return name

    # ------------------------------------------------------------------ reading
    def _rows(self, query: str, *values: object) -> list[tuple]:
        with self._lock, self._told():
            return self._database.execute(query, values).fetchall()

    def get(self, key: str) -> Stored | None:
        """The answer to a question, if it is there."""
        fields = ", ".join(Usage._fields)
        rows = self._rows(
            f"SELECT targets, text, attempts, {fields} FROM answers WHERE key = ?", key
        )
        if not rows:
            return None
        targets, text, attempts, *usage = rows[0]
        return Stored(key, tuple(json.loads(targets)), text, attempts, Usage(*usage))

    def answered(self) -> frozenset[str]:
        """Keys of all questions that are answered."""
        return frozenset(key for (key,) in self._rows("SELECT key FROM answers"))

    def divided(self) -> frozenset[str]:
        """Keys of all questions that are asked target by target."""
        return frozenset(key for (key,) in self._rows("SELECT key FROM divided"))

    def seconds_per_answer(self) -> float | None:
        """The mean time that an answer took; None before the first."""
        return self._rows("SELECT avg(total_seconds) FROM answers")[0][0]

    def failures(self) -> Iterator[dict[str, Any]]:
        """All failed requests, oldest first, as a person or program may read them."""
        names = (
            "agent", "targets", "attempt", "kind", "message", "remedy", "text", "thinking", "host",
            "failed_at", "key",
        )  # fmt: skip
        for row in self._rows(f"SELECT {', '.join(names)} FROM failures ORDER BY number"):
            record = dict(zip(names, row, strict=True))
            yield {**record, "targets": json.loads(record["targets"])}

    def body(self, key: str) -> dict[str, Any]:
        """The request of an answered question, as it was sent the first time."""
        rows = self._rows("SELECT body FROM answers WHERE key = ?", key)
        if not rows:
            raise IntegrityError(f"{self.path}: no answer with the key {key}")
        return self._unpacked(rows[0][0])

    def _unpacked(self, packed: bytes) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(zlib.decompress(packed))
        for message in body["messages"]:
            if isinstance(message["content"], Mapping):
                name = message["content"]["sha256"]
                rows = self._rows("SELECT text FROM texts WHERE sha256 = ?", name)
                message["content"] = zlib.decompress(rows[0][0]).decode()
        return body

    # ------------------------------------------------------------------ verification
    def damage(self) -> list[str]:
        """What is not as it was written: every hash is derived again from what it stands for."""
        try:
            found = [line for (line,) in self._rows("PRAGMA integrity_check") if line != "ok"]
            return [f"the database: {line}" for line in found] + self._wrong_hashes()
        except IntegrityError as error:
            return [f"the database: {error.message}"]

    def _wrong_hashes(self) -> list[str]:
        found = []
        columns = "key, body, model_digest, answered_key, answered_body, text, text_sha256"
        for key, body, digest, again, later, text, sha in self._rows(
            f"SELECT {columns} FROM answers"
        ):
            if self._key_again(body, digest) != key:
                found.append(f"answer {key}: its request is not the one of its key")
            if self._key_again(later, digest) != again:
                found.append(f"answer {key}: its last request is not the one of its key")
            if _sha256(text) != sha:
                found.append(f"answer {key}: its text is not what came")
        for number, body, digest, again, text, sha in self._rows(
            "SELECT number, body, model_digest, asked_key, text, text_sha256 FROM failures"
        ):
            if self._key_again(body, digest) != again or _sha256(text) != sha:
                found.append(f"failure {number}: its request or text is not what it was")
        return found

    def _key_again(self, packed: bytes, digest: str) -> str:
        try:
            return key_of(self._unpacked(packed), digest)
        except (zlib.error, ValueError, KeyError, IndexError, TypeError):
            return ""


def _offset(key: str) -> int:
    return int(key[:15], 16)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
