"""The file of one agent of a panel: its answers, one a line, checked hypothesis by hypothesis.

What was admitted from a long file is kept in the cache directory, as plain arrays and JSON, never
pickles. It is taken from there only if the file, its agent and the candidates are the same to the
letter; a damaged or foreign cache file is passed over, and the answers are read afresh.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al import atomic, datasets
from mechpert_al.agents.admission import Answer, Dropped, admit
from mechpert_al.agents.admitted import Admitted, Rows
from mechpert_al.errors import DataError

#: Bytes of a file that take a moment to check; what comes of a shorter one is not kept.
LONG = 1 << 18
#: Kept answers are taken only if they were admitted by this version of the rules.
VERSION = 1
#: What reading a file that is none of ours may raise.
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)
#: Arrays that are kept as they are.
_COLUMNS = (
    "target", "regulator", "direction", "confidence", "mechanisms", "ends", "is_answered",
)  # fmt: skip


def read_answers(path: Path, agent: str, candidates: tuple[str, ...]) -> Admitted:
    """What an agent's file says of the candidates.

    Raises
    ------
    DataError
        The file is missing, a line is no answer, or a target is answered twice; the message names
        file and line.
    """
    if not path.is_file():
        raise DataError(f"{path}: the file of agent {agent!r} is not there")
    content = path.read_bytes()
    if len(content) < LONG:
        return _admitted(path, content, agent, candidates)
    key = _key(content, agent, candidates)
    place = _place(path)
    with suppress(*DAMAGE):
        kept = _unpacked(place.read_bytes(), key, agent, candidates)
        if kept is not None:
            return kept
    found = _admitted(path, content, agent, candidates)
    with suppress(OSError):  # a cache that cannot be written to is done without
        atomic.write_bytes(place, _packed(found, key))
    return found


# ---------------------------------------------------------------------- checking
def _admitted(path: Path, content: bytes, agent: str, candidates: tuple[str, ...]) -> Admitted:
    names = {gene: gene for gene in candidates}
    rows = Rows(candidates)
    line_of: dict[str, int] = {}
    is_answered = np.zeros(len(candidates), dtype=bool)
    dropped: list[Dropped] = []
    strangers: list[str] = []
    for answer in _answers(path, content, agent):
        if answer.target in line_of:
            raise DataError(
                f"{path}: target {answer.target!r} is answered twice, "
                f"on lines {line_of[answer.target]} and {answer.line}",
                "Keep one line for each target.",
            )
        line_of[answer.target] = answer.line
        if answer.target not in names:
            strangers.append(answer.target)
            continue
        good, bad = admit(agent, answer, names)
        rows.extend(good)
        dropped += bad
        is_answered[rows.number[answer.target]] = True
    return Admitted(
        agent,
        candidates,
        **rows.columns(),
        is_answered=is_answered,
        dropped=tuple(dropped),
        strangers=tuple(strangers),
    )


def _answers(path: Path, content: bytes, agent: str) -> Iterator[Answer]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = parsed(line)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}: not a JSON object ({error})",
                "Each line is one answer; a cut last line means that the file is incomplete.",
            ) from error
        if not (
            isinstance(record, dict)
            and isinstance(record.get("target"), str)
            and isinstance(record.get("regulators"), list)
        ):
            raise DataError(
                f"{path}, line {number}: expected an object with 'target' (text) and "
                f"'regulators' (list), found {line[:80].decode(errors='replace')!r}",
            )
        if record.get("agent", agent) != agent:
            raise DataError(
                f"{path}, line {number}: agent is {record['agent']!r}, "
                f"but panel.json gives this file to {agent!r}"
            )
        yield Answer(record["target"], record["regulators"], number)


def parsed(text: bytes) -> Any:
    """A JSON document whose every text can be written again.

    Raises
    ------
    ValueError, RecursionError
        Not JSON, nested without end, or with half a character in a text.
    """
    document = json.loads(text)
    if b"\\" in text or not text.isascii():  # else there can be no half of a character
        json.dumps(document, ensure_ascii=False).encode()
    return document


# ---------------------------------------------------------------------- the cache
def _place(path: Path) -> Path:
    """Where what a file says is kept: one place a file, so that changing files do not pile up."""
    name = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()
    return datasets.cache_dir() / "panels" / name


def _key(content: bytes, agent: str, candidates: tuple[str, ...]) -> bytes:
    """Names everything that the admitted hypotheses follow from."""
    about = json.dumps([VERSION, agent, candidates]).encode()
    return hashlib.sha256(
        hashlib.sha256(about).digest() + hashlib.sha256(content).digest()
    ).digest()


def _packed(found: Admitted, key: bytes) -> bytes:
    """A seal (of the key and all that follows), then an .npz file."""
    about = json.dumps({"dropped": found.dropped, "strangers": found.strangers}).encode()
    columns = {name: getattr(found, name) for name in _COLUMNS}
    content = io.BytesIO()
    np.savez(content, about=np.frombuffer(about, dtype=np.uint8), **columns)
    return _seal(key, content.getvalue()) + content.getvalue()


def _unpacked(kept: bytes, key: bytes, agent: str, candidates: tuple[str, ...]) -> Admitted | None:
    """What was kept; None if it was made of something else, or is damaged."""
    seal, content = kept[: len(key)], memoryview(kept)[len(key) :]
    if seal != _seal(key, content):
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        about = json.loads(file["about"].tobytes())
        columns = {name: file[name] for name in _COLUMNS}
    dropped = tuple(Dropped(*one) for one in about["dropped"])
    return Admitted(
        agent, candidates, **columns, dropped=dropped, strangers=tuple(about["strangers"])
    )


def _seal(key: bytes, content: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(key)
    digest.update(content)
    return digest.digest()
