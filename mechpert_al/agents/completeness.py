"""Whether a panel's files hold a line for every answer that its store has for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mechpert_al.agents import earlier, prompts
from mechpert_al.agents.store import AnswerStore, canonical, sha256

#: Options that a request has beside those of its agent.
OWN = ("seed", "num_ctx", "num_predict")


class WithoutLine(NamedTuple):
    """Targets of an agent that were answered, and have no line."""

    #: Their answers are older than the panel: the lines were there once.
    lost: list[str]
    #: Their answers came after the panel's files were written the last time.
    late: list[str]


def without_line(
    folder: Path, agent: str, store: AnswerStore, candidates: Sequence[str]
) -> WithoutLine:
    """Answered targets of an agent that its file has no line for.

    An answer counts if it was asked as panel.json says, and is not one of an earlier panel that was
    put aside.

    Parameters
    ----------
    folder
        The panel folder.
    agent
        Name of the agent.
    store
        Its answers.
    candidates
        Those of the panel.
    """
    entry = earlier.entries(folder).get(agent, {})
    file = str(entry.get("file"))
    there = {line["target"] for line in _records(folder / file)}
    aside = {
        line.get("answer")
        for place in folder.glob(f"{earlier.ASIDE}-*")
        for old in (earlier.entries(place).get(agent),)
        if old
        for line in _records(place / old["file"])
    }
    written_at = datetime.fromtimestamp((folder / earlier.PANEL).stat().st_mtime, UTC)
    found: dict[str, bool] = {}
    query = "SELECT key, targets, body, model_digest, answered_at FROM answers WHERE agent = ?"
    for key, targets, body, digest, at in store.database.rows(query, agent):
        missing = [target for target in json.loads(targets) if target not in there]
        if not missing or key in aside:
            continue
        if _is_alike(store.unpacked(body), digest, entry, candidates):
            is_late = datetime.fromisoformat(at) > written_at
            for target in missing:
                found[target] = is_late and found.get(target, True)
    return WithoutLine(
        [target for target, is_late in found.items() if not is_late],
        [target for target, is_late in found.items() if is_late],
    )


def _records(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, earlier.lines(path))


def _is_alike(
    body: Mapping[str, Any], digest: str, entry: Mapping[str, Any], candidates: Sequence[str]
) -> bool:
    """Whether a request is one of the agent as panel.json has it, by all that can be read of it."""
    alike = entry.get("asked_alike")
    if not isinstance(alike, Mapping):
        return False
    told = prompts.told_in(body["messages"][0]["content"])
    schema = body["format"]["properties"]
    answer = schema["answers"]["items"]["properties"] if "answers" in schema else schema
    regulators = answer["regulators"]
    options = {name: value for name, value in body["options"].items() if name not in OWN}
    asked = {
        "lens": _digest(told.lens),
        "context": _digest(told.context),
        "model": digest,
        "seed": body["options"]["seed"],
        "options": _digest(options),
        "max_regulators": regulators["maxItems"],
        "mechanisms": "mechanism" in regulators["items"]["properties"],
    }
    is_listed = told.candidates is None or told.candidates == tuple(candidates)
    return is_listed and all(alike.get(name) == value for name, value in asked.items())


def _digest(value: Any) -> str:
    return sha256(canonical({"": value}).decode())[:16]
