"""The panel folder of a live panel: written from the answer store, whole at any moment."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechpert_al import atomic
from mechpert_al.agents import schema, shortlist
from mechpert_al.agents.answers import judge
from mechpert_al.agents.models import Model
from mechpert_al.agents.panel import FORMAT
from mechpert_al.agents.questions import Question, Questions
from mechpert_al.agents.store import FILE, AnswerStore, canonical
from mechpert_al.errors import UsageError

CANDIDATES = "candidates.txt"
FAILURES = "failures.jsonl"


@dataclass(frozen=True)
class PanelFolder:
    """Where the answers of a description go.

    Parameters
    ----------
    path
        The folder.
    questions
        What is asked.
    models
        The models that answer, by the name that the description gives them.
    versions
        The version of each server.
    """

    path: Path
    questions: Questions
    models: Mapping[str, Model]
    versions: Mapping[str, str]

    def write(self, keys: Mapping[Question, str], store: AnswerStore) -> dict[str, list[str]]:
        """Write all files anew.

        Parameters
        ----------
        keys
            The key of each question.
        store
            The answers.

        Returns
        -------
        dict
            For each agent the targets of this run that have no answer.
        """
        before = _before(self.path)
        files = file_names(self.questions.description.agents)
        candidates = frozenset(self.questions.candidates)
        unanswered = {}
        entries = {}
        for name, file in files.items():
            answers = dict(_answers(name, keys, store, candidates))
            unanswered[name] = [gene for gene in self.questions.targets if gene not in answers]
            entry = entries[name] = self._entry(name, file)
            if before.get(name, {}).get("asked_alike") == entry["asked_alike"]:
                answers = {**_lines(self.path / file), **answers}
            _write_lines(self.path / file, answers.values())
        _write_lines(self.path / FAILURES, map(_line, store.failures()))
        atomic.write_bytes(
            self.path / CANDIDATES, "\n".join([*self.questions.candidates, ""]).encode()
        )
        document = {**self._about(), "unanswered": unanswered, "agents": entries}
        text = json.dumps(document, ensure_ascii=False, indent=2)
        atomic.write_bytes(self.path / "panel.json", f"{text}\n".encode())
        return unanswered

    def _about(self) -> dict[str, Any]:
        panel = self.questions.description.settings
        everything = len(self.questions.candidates)
        short = {name: n for name, n in self.questions.shown.items() if n < everything}
        return {
            "name": panel.name,
            "format": FORMAT,
            "candidates": CANDIDATES,
            "targets_per_call": panel.targets_per_call,
            "schema": schema.VERSION,
            "servers": dict(self.versions),
            "short_lists": {
                "method": list(shortlist.METHOD),
                "n_candidates": everything,
                "n_shown": short,
                "requests": f"the list that each target was shown stands in its request ({FILE})",
            }
            if short
            else None,
        }

    def _entry(self, name: str, file: str) -> dict[str, Any]:
        agent = self.questions.description.agents[name]
        model = self.models[agent.model]
        question = Question(name, ())
        alike = {
            "lens": agent.lens,
            "digest": model.digest,
            "seed": agent.seed,
            "options": dict(agent.options),
            "candidates": list(self.questions.candidates),
            "panel": self.questions.description.settings.model_dump_json(
                exclude={"hosts", "calls_per_host", "tries", "agent"}
            ),
        }
        return {
            "role": agent.role,
            "lens": agent.title,
            "file": file,
            "model": agent.model,
            "model_digest": model.digest,
            "quantisation": model.quantisation,
            "parameters": model.parameters,
            "seed": agent.seed,
            "options": dict(agent.options),
            "n_shown": self.questions.shown[question.agent],
            "asked_alike": hashlib.sha256(canonical(alike)).hexdigest(),
        }


def file_names(agents: Iterable[str]) -> dict[str, str]:
    """The file of each agent; a name that could lead elsewhere does not become one."""
    return {
        name: f"{number:02}-{re.sub(r'[^A-Za-z0-9_-]+', '-', name)[:60]}.jsonl"
        for number, name in enumerate(agents, start=1)
    }


def refuse_other(folder: Path) -> None:
    """Stop before a folder that holds something else than answers.

    Raises
    ------
    UsageError
        It does.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file", "Name a folder.")
    others = folder.is_dir() and any(not p.name.startswith(FILE) for p in folder.iterdir())
    if others and not (folder / FILE).exists():
        raise UsageError(
            f"{folder}: is there already, and is no panel of live agents",
            "Name a new folder, or one that was written by `mechpert-al ask`.",
        )


# ---------------------------------------------------------------------- parts
def _answers(
    agent: str, keys: Mapping[Question, str], store: AnswerStore, candidates: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """The line of each target that the agent has answered."""
    for question, key in keys.items():
        if question.agent != agent:
            continue
        stored = store.get(key)
        if stored is None:
            continue
        judged = judge(stored.text, question.targets, candidates)
        for target in judged.proposals:
            record = {
                "agent": agent,
                "target": target,
                "regulators": judged.proposals[target],
                "answer": key,
            }
            yield target, _line(record)


def _before(folder: Path) -> dict[str, Any]:
    """The agents of the panel that is there."""
    try:
        document = json.loads((folder / "panel.json").read_bytes())
    except (OSError, ValueError):
        return {}
    agents = document.get("agents") if isinstance(document, dict) else None
    return agents if isinstance(agents, dict) else {}


def _lines(path: Path) -> dict[str, str]:
    """The lines of an agent's file that is there, by target."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return {json.loads(line)["target"]: line for line in lines}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic.writing(path) as place, place.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
