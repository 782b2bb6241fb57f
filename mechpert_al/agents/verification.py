"""Whether a live panel is what was asked and answered: every hash and every line derived again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mechpert_al.agents import earlier
from mechpert_al.agents.answers import judge
from mechpert_al.agents.completeness import without_line
from mechpert_al.agents.panel import Panel, read_panel
from mechpert_al.agents.store import FILE, AnswerStore, Stored, key_of, sha256
from mechpert_al.errors import IntegrityError, UsageError

#: Faults that a message names.
NAMED = 20


class Verified(NamedTuple):
    """What was found to be as it was written."""

    n_answers: int
    n_failures: int
    n_lines: int


def verified(folder: str | Path) -> Verified:
    """Verify a live panel.

    Parameters
    ----------
    folder
        Its folder.

    Raises
    ------
    UsageError
        It holds no answer store: it was recorded or imported, not asked.
    IntegrityError
        Something is not as it was written; the message names it.
    """
    place = Path(folder)
    if not (place / FILE).exists():
        raise UsageError(
            f"{place}: no answer store ({FILE}) there",
            "Only panels that were asked with `mechpert-al ask` have one.",
        )
    panel = read_panel(place)
    with AnswerStore(place) as store:
        damage = damage_of(store)
        _refuse(place, damage)  # a damaged store cannot be asked what its answers were
        n_lines = 0
        entries = earlier.entries(place)
        unwritten: list[str] = []
        for agent in panel.agents.values():
            lost, late = without_line(place, agent.name, store, panel.candidates)
            damage += [
                f"{place / agent.file}: no line for {agent.name}, {target}, whose answer is there"
                for target in lost
            ]
            unwritten += [f"{agent.name}, {target}" for target in late]
            for number, line in enumerate(_lines(place / agent.file), start=1):
                n_lines += 1
                wrong = _difference(line, store.get(str(line.get("answer"))), panel)
                wrong = wrong or _stranger(line, store, entries.get(agent.name, {}))
                if wrong:
                    damage.append(f"{place / agent.file}, line {number}: {wrong}")
        _refuse(place, damage)
        _refuse_unwritten(place, unwritten)
        return Verified(len(store.answered()), store.n_failures(), n_lines)


def damage_of(store: AnswerStore) -> list[str]:
    """What in a store is not as it was written: every hash is derived again from what it is of."""
    try:
        found = [line for (line,) in store.database.each("PRAGMA integrity_check") if line != "ok"]
        return [f"the database: {line}" for line in found] + list(_wrong_hashes(store))
    except IntegrityError as error:
        return [f"the database: {error.message}"]


def _wrong_hashes(store: AnswerStore) -> Iterator[str]:
    columns = "key, body, model_digest, answered_key, answered_body, text, text_sha256"
    for key, body, digest, again, later, text, sha in store.database.each(
        f"SELECT {columns} FROM answers"
    ):
        if _key_again(store, body, digest) != key:
            yield f"answer {key}: its request is not the one of its key"
        if _key_again(store, later, digest) != again:
            yield f"answer {key}: its last request is not the one of its key"
        if sha256(text) != sha:
            yield f"answer {key}: its text is not what came"
    for number, body, digest, again, text, sha in store.database.each(
        "SELECT number, body, model_digest, asked_key, text, text_sha256 FROM failures"
    ):
        if _key_again(store, body, digest) != again or sha256(text) != sha:
            yield f"failure {number}: its request or text is not what it was"


def _key_again(store: AnswerStore, packed: bytes, digest: str) -> str:
    try:
        return key_of(store.unpacked(packed), digest)
    except (zlib.error, ValueError, KeyError, IndexError, TypeError):
        return ""


def _refuse(place: Path, damage: list[str]) -> None:
    if damage:
        more = f"\n… and {len(damage) - NAMED} more" if len(damage) > NAMED else ""
        raise IntegrityError(
            f"{place}: {len(damage)} faults\n" + "\n".join(damage[:NAMED]) + more,
            "If the store itself is sound, `mechpert-al ask` with the same arguments writes the "
            "files anew. A damaged store cannot be mended: move it away and ask again.",
        )


def _refuse_unwritten(place: Path, unwritten: list[str]) -> None:
    if unwritten:
        more = f"; and {len(unwritten) - NAMED} more" if len(unwritten) > NAMED else ""
        raise IntegrityError(
            f"{place}: the panel is in progress: {len(unwritten)} answers came after its files "
            f"were written (agent, target): {'; '.join(unwritten[:NAMED])}{more}",
            "Run the same ask command again: it writes them, and asks what is still open.",
        )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from (json.loads(line) for line in file if line.strip())


def _difference(line: dict[str, Any], stored: Stored | None, panel: Panel) -> str:
    """In what a line differs from the answer that it names; empty if in nothing."""
    if stored is None:
        return "its answer is not in the store"
    target = line["target"]
    proposals = judge(stored.text, stored.targets, frozenset(panel.candidates)).proposals
    if proposals.get(target) != line["regulators"]:
        return f"{target}: its regulators are not those of the answer"
    return ""


def _stranger(line: dict[str, Any], store: AnswerStore, entry: Mapping[str, Any]) -> str:
    """How the agent of a line, as panel.json has it, differs from who was asked; or empty."""
    query = "SELECT body, model_digest FROM answers WHERE key = ?"
    ((body, digest),) = store.database.rows(query, line["answer"])
    asked = {"model_digest": digest, "seed": store.unpacked(body)["options"]["seed"]}
    return "".join(
        f"{line['target']}: its answer is of the {key} {value}, not {entry[key]}; "
        for key, value in asked.items()
        if key in entry and entry[key] != value
    ).rstrip("; ")
