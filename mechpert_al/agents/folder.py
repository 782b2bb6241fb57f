"""The panel folder of a live panel: written from the answer store, whole at any moment."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from mechpert_al import atomic
from mechpert_al.agents import earlier, schema, shortlist
from mechpert_al.agents.answers import judge
from mechpert_al.agents.earlier import PANEL
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.agents.panel import FORMAT
from mechpert_al.agents.questions import Question, Questions
from mechpert_al.agents.store import FILE, AnswerStore, canonical
from mechpert_al.errors import DataError, UsageError

CANDIDATES = "candidates.txt"
FAILURES = "failures.jsonl"
#: Held by the one process that writes the panel's files; it stays where it is.
LOCK = f"{FILE}.writing"
#: Seconds that another process may take to write them.
PATIENCE = 120.0


@dataclass
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
    note
        Called when files of an earlier run are put aside.
    """

    path: Path
    questions: Questions
    models: Mapping[str, tuple[Model, Abilities]]
    versions: Mapping[str, str]
    note: Callable[[str], None] = lambda text: None
    #: Failures that were written before.
    _n_failures: int = -1

    def begin(self, keys: Mapping[Question, str], store: AnswerStore) -> None:
        """Make a folder that is new a whole one."""
        if not (self.path / PANEL).exists():
            self.write(keys, store)

    def write(self, keys: Mapping[Question, str], store: AnswerStore) -> dict[str, list[str]]:
        """Write all files anew.

        What stands there and was asked alike stays. The rest is put aside before anything takes its
        place, and nothing is written as long as there is no answer that could. Other processes that
        write the same folder wait: what one has written, none replaces by what it read before.

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

        Raises
        ------
        DataError
            Another process writes and comes to no end.
        """
        with _writing_alone(self.path):
            return self._write(keys, store)

    def _write(self, keys: Mapping[Question, str], store: AnswerStore) -> dict[str, list[str]]:
        agents = self.questions.description.agents
        answered = store.answered()
        given = {
            name: {q: key for q, key in keys.items() if q.agent == name and key in answered}
            for name in agents
        }
        have = {name: {gene for q in given[name] for gene in q.targets} for name in agents}
        unanswered = {
            name: [gene for gene in self.questions.targets if gene not in have[name]]
            for name in agents
        }
        before = earlier.entries(self.path)
        files = file_names(agents)
        entries = {name: self._entry(name, file) for name, file in files.items()}
        changes = earlier.changes(self.path, before, entries)
        if changes and not any(have.values()):
            return unanswered
        if changes:
            place = earlier.put_aside(self.path, before)
            self.note(f"{'; '.join(changes)}. The panel as it was is kept in {place}.")
        candidates = frozenset(self.questions.candidates)
        for name, file in files.items():
            stays: Iterator[str] = iter(())
            if name in before and not earlier.difference(before[name], entries[name]):
                stays = earlier.lines(self.path / before[name]["file"], without=have[name])
            _write_lines(
                self.path / file, chain(stays, _answers(name, given[name], store, candidates))
            )
        self._write_failures(store)
        atomic.write_bytes(
            self.path / CANDIDATES, "\n".join([*self.questions.candidates, ""]).encode()
        )
        document = {**self._about(), "unanswered": unanswered, "agents": entries}
        text = json.dumps(document, ensure_ascii=False, indent=2)
        atomic.write_bytes(self.path / PANEL, f"{text}\n".encode())
        return unanswered

    def _write_failures(self, store: AnswerStore) -> None:
        number = store.n_failures()
        if number != self._n_failures:
            _write_lines(self.path / FAILURES, map(_line, store.failures()))
            self._n_failures = number

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
            "servers": {**earlier.servers(self.path), **self.versions},
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
        description = self.questions.description
        agent, panel = description.agents[name], description.settings
        model, _ = self.models[agent.model]
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
            "n_shown": self.questions.shown[name],
            "asked_alike": {
                "lens": _digest(agent.lens),
                "model": model.digest,
                "seed": agent.seed,
                "options": _digest(dict(agent.options)),
                "think": agent.think,
                "candidates": _digest(list(self.questions.candidates)),
                "context": _digest(panel.context),
                "cards": _digest(dict(description.cards)),
                "max_regulators": panel.max_regulators,
                "mechanisms": panel.mechanisms,
                "schema": schema.VERSION,
            },
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
@contextmanager
def _writing_alone(folder: Path) -> Iterator[None]:
    """Be the only one who writes the files of a folder; the lock ends with its process."""
    import filelock

    lock = filelock.FileLock(folder / LOCK, timeout=PATIENCE)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise DataError(
            f"{folder}: another process has been writing this panel for {PATIENCE:g} s",
            "See whether one was suspended. All answers are kept: the same command again writes "
            "the panel.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _answers(
    agent: str, keys: Mapping[Question, str], store: AnswerStore, candidates: frozenset[str]
) -> Iterator[str]:
    """The line of each target that the agent has answered."""
    for question, key in keys.items():
        stored = store.get(key)
        if stored is not None:
            judged = judge(stored.text, question.targets, candidates)
            for target, regulators in judged.proposals.items():
                yield _line(
                    {"agent": agent, "target": target, "regulators": regulators, "answer": key}
                )


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical({"": value})).hexdigest()[:16]


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with atomic.writing(path) as place, place.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
