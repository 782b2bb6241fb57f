"""SIGKILL at any moment: no acknowledged answer is lost, none is asked for twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import read_panel
from mechpert_al.agents.answers import strictly_parsed
from mechpert_al.agents.store import FILE, AnswerStore
from mechpert_al.agents.verification import damage_of, verified
from mechpert_al.testing.agents import FakeOllama

N_QUESTIONS = 20  # two agents, ten targets: see asking_child.py


class Nursery:
    """Forks processes that ask."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("asking_child.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _told(self, *words: object) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def start(self, folder: Path, host: str) -> int:
        return self._told("start", folder, host)

    def reap(self, child: int) -> int:
        """Status of a process: 0 if it ended well, the number of the signal if it was killed."""
        return self._told("reap", child)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    one = Nursery()
    yield one
    one.close()


def question_of(body: dict) -> tuple[str, str]:
    agent = body["messages"][0]["content"].split("Look at ")[1].split(".")[0]
    return agent, body["format"]["properties"]["target"]["enum"][0]


def acknowledged(folder: Path) -> set[tuple[str, str]]:
    file = Path(f"{folder}.acknowledged")
    lines = file.read_text().splitlines() if file.exists() else []
    return {tuple(line.split()) for line in lines}  # type: ignore[misc]


def kept(folder: Path) -> set[tuple[str, str]]:
    """Questions whose answers are in the store."""
    if not (folder / FILE).exists():
        return set()
    with AnswerStore(folder) as store:
        assert damage_of(store) == []
        rows = store.database.rows("SELECT agent, targets FROM answers")
    return {(agent, strictly_parsed(targets)[0]) for agent, targets in rows}


def killed_until_done(
    nursery: Nursery, folder: Path, moments: Iterator[float]
) -> tuple[int, int, list[tuple[str, str]]]:
    """Kill runs until one ends by itself.

    Returns
    -------
    n_killed, n_lost, twice
        Kills, acknowledged answers that were lost, and questions asked again although their
        answers were acknowledged.
    """
    n_killed = n_lost = 0
    twice: list[tuple[str, str]] = []
    with FakeOllama(seconds=0.004) as server:
        for moment in moments:
            before, known = len(server.asked), acknowledged(folder)
            child = nursery.start(folder, server.host)
            time.sleep(moment)
            os.kill(child, signal.SIGKILL)
            status = nursery.reap(child)
            n_killed += status == signal.SIGKILL
            n_lost += len(acknowledged(folder) - kept(folder))
            twice += [q for body in server.asked[before:] if (q := question_of(body)) in known]
            if (folder / "panel.json").exists():
                read_panel(folder)  # whole at any moment
            if status == 0:
                break
        child = nursery.start(folder, server.host)
        assert nursery.reap(child) == 0
        assert len(kept(folder)) == N_QUESTIONS
        assert verified(folder).n_lines == N_QUESTIONS
        counts = Counter(map(question_of, server.asked))
        # only what was on its way at a kill, at most two calls, can have been asked again
        assert sum(counts.values()) - N_QUESTIONS <= 2 * n_killed
    return n_killed, n_lost, twice


def kill(nursery: Nursery, folder: Path, n_kills: int, seed: int) -> None:
    draws = np.random.default_rng(seed)
    n_killed, number = 0, 0
    while n_killed < n_kills:
        moments = iter(draws.uniform(0.0, 0.3, size=n_kills - n_killed).tolist())
        killed, n_lost, twice = killed_until_done(nursery, folder / str(number), moments)
        assert n_lost == 0
        assert twice == []
        n_killed += killed
        number += 1


def test_forty_kill_points(nursery: Nursery, tmp_path: Path) -> None:
    kill(nursery, tmp_path, 40, seed=1)


@pytest.mark.slow
def test_two_hundred_kill_points(nursery: Nursery, tmp_path: Path) -> None:
    kill(nursery, tmp_path, 200, seed=2)


def test_two_processes_share_a_store(nursery: Nursery, tmp_path: Path) -> None:
    folder = tmp_path / "panel"
    with FakeOllama(seconds=0.02) as server:
        children = [nursery.start(folder, server.host) for _ in range(3)]
        assert [nursery.reap(child) for child in children] == [0, 0, 0]
        assert len(server.asked) == N_QUESTIONS  # nobody asked what another was asking
    assert kept(folder) == acknowledged(folder)
    assert verified(folder).n_answers == N_QUESTIONS
    panel = read_panel(folder)
    assert all(len(targets) == 10 for targets in panel.answered.values())


def test_what_a_killed_process_was_asking_is_free_again(nursery: Nursery, tmp_path: Path) -> None:
    folder = tmp_path / "panel"
    with FakeOllama(seconds=0.5) as server:
        child = nursery.start(folder, server.host)
        while len(server.asked) < 2:
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        assert nursery.reap(child) == signal.SIGKILL
        server.seconds = 0.0
        assert nursery.reap(nursery.start(folder, server.host)) == 0
    assert len(kept(folder)) == N_QUESTIONS
