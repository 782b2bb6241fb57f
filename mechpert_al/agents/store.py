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
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mechpert_al.agents.claims import Claims
from mechpert_al.agents.database import Database, Statement
from mechpert_al.agents.faults import Fault, Usage
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.errors import IntegrityError, MechPertError

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
        self.database = Database(self.path)
        self._claims = Claims(folder / f"{FILE}.claims")
        #: Shared texts that are known to be in the store.
        self._shared: set[str] = set()
        try:
            self._prepare()
        except MechPertError:
            self.close()
            raise

    def _prepare(self) -> None:
        ((version,),) = self.database.rows("PRAGMA user_version")
        if version > FORMAT:
            raise IntegrityError(
                f"{self.path}: written by a newer version of this program (format {version})",
                "Update mechpert-al.",
            )
        if version < FORMAT:
            made = [(statement, ()) for statement in _TABLES.split(";\n")]
            self.database.write([*made, (f"PRAGMA user_version = {FORMAT}", ())])

    def close(self) -> None:
        """End the connection; claims end too."""
        self.database.close()
        self._claims.close()

    def __enter__(self) -> AnswerStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        first, texts = self._packed(body)
        last, again = first, key
        if answered_body is not body:
            last, more = self._packed(answered_body)
            again, texts = key_of(answered_body, origin.digest), [*texts, *more]
        self._keep(texts, _insertion("answers", (
            key, agent, json.dumps(list(targets)), first, origin.digest,
            again, last, text, sha256(text), attempts, *usage,
            origin.host, origin.server_version, origin.model, origin.quantisation, _now(),
        )))  # fmt: skip

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
        packed, texts = self._packed(body)
        self._keep(texts, _insertion("failures", (
            None, key, packed, key_of(body, digest), digest, agent,
            json.dumps(list(targets)), attempt, fault.name, fault.message, fault.hint,
            fault.text, fault.thinking, sha256(fault.text), fault.host, _now(),
        )))  # fmt: skip

    def _keep(self, texts: Sequence[str], row: Statement) -> None:
        """Write a row, and the texts that its requests share with others."""
        named = {sha256(text): text for text in texts}
        new = [
            _insertion("texts", (name, zlib.compress(text.encode())))
            for name, text in named.items()
            if name not in self._shared
        ]
        self.database.write([*new, row])
        self._shared.update(named)

    def _packed(self, body: Mapping[str, Any]) -> tuple[bytes, list[str]]:
        """A request, small, and its long texts, which are kept once for all requests."""
        messages, texts = [], []
        for message in body["messages"]:
            text = message["content"]
            if len(text) > SHARED:
                texts.append(text)
                message = {**message, "content": {"sha256": sha256(text)}}
            messages.append(message)
        return zlib.compress(canonical({**body, "messages": messages}), 1), texts

    def divide(self, key: str) -> None:
        """Note that a question about several targets is asked target by target from now on."""
        self.database.write([_insertion("divided", (key,))])

    def withdraw(self, keys: Iterable[str]) -> None:
        """Remove answers of which it is not certain which model gave them."""
        self.database.write([("DELETE FROM answers WHERE key = ?", (key,)) for key in keys])

    def remember(self, models: Mapping[str, tuple[Model, Abilities]]) -> None:
        """Note what the models of a run are, by the name that the description gives them."""
        self.database.write(
            [
                (
                    "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?, ?)",
                    (name, one.digest, one.quantisation, one.parameters, *can),
                )
                for name, (one, can) in models.items()
            ]
        )

    # ------------------------------------------------------------------ reading
    def models(self) -> dict[str, tuple[Model, Abilities]]:
        """What the models of the last run were, by the name that the description gives them."""
        found = {}
        for name, digest, quantisation, parameters, can_think, context in self.database.rows(
            "SELECT name, digest, quantisation, parameters, can_think, context FROM models"
        ):
            can = Abilities(None if can_think is None else bool(can_think), context)
            found[name] = (Model(name, digest, quantisation, parameters), can)
        return found

    def tried(self) -> dict[str, int]:
        """For each question that has failed how often it was asked in vain."""
        return dict(self.database.rows("SELECT key, max(attempt) FROM failures GROUP BY key"))

    def last_failure(self, key: str) -> LastFailure:
        """The last request that brought no usable answer to a question."""
        rows = self.database.rows(
            "SELECT kind, message, host, text FROM failures WHERE key = ? "
            "ORDER BY number DESC LIMIT 1",
            key,
        )
        kind, message, host, text = rows[0]
        return LastFailure(kind, message.removeprefix(f"{host}: "), text)

    def n_failures(self) -> int:
        """Failed requests in all."""
        return self.database.rows("SELECT count(*) FROM failures")[0][0]

    def get(self, key: str) -> Stored | None:
        """The answer to a question, if it is there."""
        fields = ", ".join(Usage._fields)
        rows = self.database.rows(
            f"SELECT targets, text, attempts, {fields} FROM answers WHERE key = ?", key
        )
        if not rows:
            return None
        targets, text, attempts, *usage = rows[0]
        return Stored(key, tuple(json.loads(targets)), text, attempts, Usage(*usage))

    def answered(self) -> frozenset[str]:
        """Keys of all questions that are answered."""
        return frozenset(key for (key,) in self.database.rows("SELECT key FROM answers"))

    def divided(self) -> frozenset[str]:
        """Keys of all questions that are asked target by target."""
        return frozenset(key for (key,) in self.database.rows("SELECT key FROM divided"))

    def seconds_per_answer(self) -> float | None:
        """The mean time that an answer took; None before the first."""
        return self.database.rows("SELECT avg(total_seconds) FROM answers")[0][0]

    def failures(self) -> Iterator[dict[str, Any]]:
        """All failed requests, oldest first, as a person or program may read them."""
        names = (
            "agent", "targets", "attempt", "kind", "message", "remedy", "text", "thinking", "host",
            "failed_at", "key",
        )  # fmt: skip
        for row in self.database.each(f"SELECT {', '.join(names)} FROM failures ORDER BY number"):
            record = dict(zip(names, row, strict=True))
            yield {**record, "targets": json.loads(record["targets"])}

    def body(self, key: str) -> dict[str, Any]:
        """The request of an answered question, as it was sent the first time."""
        rows = self.database.rows("SELECT body FROM answers WHERE key = ?", key)
        if not rows:
            raise IntegrityError(f"{self.path}: no answer with the key {key}")
        return self.unpacked(rows[0][0])

    def unpacked(self, packed: bytes) -> dict[str, Any]:
        """A request as it was sent."""
        body: dict[str, Any] = json.loads(zlib.decompress(packed))
        for message in body["messages"]:
            if isinstance(message["content"], Mapping):
                name = message["content"]["sha256"]
                rows = self.database.rows("SELECT text FROM texts WHERE sha256 = ?", name)
                message["content"] = zlib.decompress(rows[0][0]).decode()
        return body


def _insertion(table: str, values: tuple) -> Statement:
    return f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(values))})", values


def sha256(text: str) -> str:
    """The hash of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
