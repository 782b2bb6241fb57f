"""The answer store: every question that was asked, by its content, with what came of it.

A question's key is the SHA-256 of the whole request body (model, messages, schema, options) and of
the model's digest. Sampling is not repeatable on every machine; the store is what makes a run so:
an answer that is there is never asked for again, and the panel's files are written from it.

The file is SQLite in WAL mode. An answer is acknowledged only after its own transaction is on the
disk, so a process may be killed, and the power cut, at any moment. Two processes may share a store:
before it asks, a process claims the key (`mechpert_al.agents.claims`).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mechpert_al.agents.claims import Claims
from mechpert_al.agents.faults import Fault, Usage
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.errors import DataError, IntegrityError, MechPertError

FILE = "answers.sqlite"
FORMAT = 2
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
CREATE TABLE IF NOT EXISTS models (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, quantisation TEXT NOT NULL,
    parameters TEXT NOT NULL, can_think INTEGER, context INTEGER
) WITHOUT ROWID;
"""


class Origin(NamedTuple):
    """Where an answer came from: everything that identifies the model and the server."""

    host: str
    server_version: str
    model: str
    digest: str
    quantisation: str


class LastFailure(NamedTuple):
    """What came of the last request that brought no usable answer."""

    kind: str
    message: str
    text: str


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
        self._claims = Claims(folder / f"{FILE}.claims")
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
            # Each answer is on the disk before it is acknowledged: that costs milliseconds where an
            # answer takes seconds.
            run("PRAGMA synchronous = FULL")
        with self._writing():
            (version,) = run("PRAGMA user_version").fetchone()
            if version < FORMAT:
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
            self._database.close()
        self._claims.close()

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

    def claim(self, key: str) -> bool:
        """Reserve a question for this process; False while another process has it."""
        return self._claims.claim(key)

    def release(self, key: str) -> None:
        """Give a question back; a closed store has given all of them back."""
        self._claims.release(key)

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
                key_of(answered_body, origin.digest), last, text, sha256(text), attempts, *usage,
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
                fault.text, fault.thinking, sha256(fault.text), fault.host, _now(),
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
        name = sha256(text)
        if not self._database.execute("SELECT 1 FROM texts WHERE sha256 = ?", (name,)).fetchone():
            self._insert("texts", (name, zlib.compress(text.encode())))
        return name

    def remember(self, models: Mapping[str, tuple[Model, Abilities]]) -> None:
        """Note what the models of a run are, by the name that the description gives them."""
        with self._writing():
            self._database.executemany(
                "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (name, one.digest, one.quantisation, one.parameters, *can)
                    for name, (one, can) in models.items()
                ],
            )

    # ------------------------------------------------------------------ reading
    def _rows(self, query: str, *values: object) -> list[tuple]:
        with self._lock, self._told():
            return self._database.execute(query, values).fetchall()

    def each(self, query: str) -> Iterator[tuple]:
        """Rows one by one, on a connection of their own: there may be more than fit in memory."""
        with self._told(), closing(sqlite3.connect(self.path, timeout=60)) as database:
            yield from database.execute(query)

    def models(self) -> dict[str, tuple[Model, Abilities]]:
        """What the models of the last run were, by the name that the description gives them."""
        found = {}
        for name, digest, quantisation, parameters, can_think, context in self._rows(
            "SELECT name, digest, quantisation, parameters, can_think, context FROM models"
        ):
            can = Abilities(None if can_think is None else bool(can_think), context)
            found[name] = (Model(name, digest, quantisation, parameters), can)
        return found

    def tried(self) -> dict[str, int]:
        """For each question that has failed how often it was asked in vain."""
        return dict(self._rows("SELECT key, max(attempt) FROM failures GROUP BY key"))

    def last_failure(self, key: str) -> LastFailure:
        """The last request that brought no usable answer to a question."""
        rows = self._rows(
            "SELECT kind, message, host, text FROM failures WHERE key = ? "
            "ORDER BY number DESC LIMIT 1",
            key,
        )
        kind, message, host, text = rows[0]
        return LastFailure(kind, message.removeprefix(f"{host}: "), text)

    def n_failures(self) -> int:
        """Failed requests in all."""
        return self._rows("SELECT count(*) FROM failures")[0][0]

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
        for row in self.each(f"SELECT {', '.join(names)} FROM failures ORDER BY number"):
            record = dict(zip(names, row, strict=True))
            yield {**record, "targets": json.loads(record["targets"])}

    def body(self, key: str) -> dict[str, Any]:
        """The request of an answered question, as it was sent the first time."""
        rows = self._rows("SELECT body FROM answers WHERE key = ?", key)
        if not rows:
            raise IntegrityError(f"{self.path}: no answer with the key {key}")
        return self.unpacked(rows[0][0])

    def unpacked(self, packed: bytes) -> dict[str, Any]:
        """A request as it was sent."""
        body: dict[str, Any] = json.loads(zlib.decompress(packed))
        for message in body["messages"]:
            if isinstance(message["content"], Mapping):
                name = message["content"]["sha256"]
                rows = self._rows("SELECT text FROM texts WHERE sha256 = ?", name)
                message["content"] = zlib.decompress(rows[0][0]).decode()
        return body


def sha256(text: str) -> str:
    """The hash of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
