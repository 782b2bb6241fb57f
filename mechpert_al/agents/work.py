"""The questions of a run that are still open, shared by the threads that ask them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from mechpert_al.agents.faults import Usage
from mechpert_al.agents.hosts import Host
from mechpert_al.agents.questions import Again, Question

#: Seconds between two looks at questions that must wait, or that another process is asking.
LOOK_AGAIN = 0.25


@dataclass(frozen=True)
class Candidate:
    """An answer, and who gave it; with proposals that are not admissible it is better than none."""

    body: dict
    text: str
    usage: Usage
    host: Host


@dataclass
class Task:
    """A question on its way to an answer."""

    question: Question
    key: str
    again: Again | None = None
    second_best: Candidate | None = None
    #: Tries of earlier runs.
    before: int = 0
    not_before: float = field(default=0.0)

    @property
    def agent(self) -> str:
        """Who is asked."""
        return self.question.agent

    @property
    def attempt(self) -> int:
        """Tries that counted so far, in this run and in earlier ones."""
        return self.again.attempt if self.again else 0


class Work:
    """Open questions: taken in order, given back if a server fails, done in the end.

    Parameters
    ----------
    tasks
        The questions.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._ready: dict[str, deque[Task]] = {}
        self._later: list[Task] = []
        self._n_open: Counter[str] = Counter()
        self._changed = threading.Condition()
        self.stopped = threading.Event()
        for task in tasks:
            self._n_open[task.agent] += 1
            self._ready.setdefault(task.agent, deque()).append(task)

    @property
    def n_open(self) -> int:
        """Questions that are waiting or being asked."""
        return self._n_open.total()

    def agents(self) -> list[str]:
        """The agents that have open questions."""
        return [agent for agent, number in self._n_open.items() if number]

    def is_open(self, agents: Collection[str]) -> bool:
        """Whether there is, or may come back, something to ask these agents."""
        return not self.stopped.is_set() and any(self._n_open[agent] > 0 for agent in agents)

    def take(self, agents: Collection[str]) -> Task | None:
        """The next question to one of the agents; None if there will be none.

        Waits while others may come back.
        """
        with self._changed:
            while self.is_open(agents):
                self._wake()
                for agent, waiting in self._ready.items():
                    if waiting and agent in agents:
                        return waiting.popleft()
                self._changed.wait(self._until_next())
            return None

    def _until_next(self) -> float | None:
        """Seconds until one that must wait may be taken."""
        if not self._later:
            return None
        left = min(task.not_before for task in self._later) - time.monotonic()
        return min(max(left, 0.001), LOOK_AGAIN)

    def _wake(self) -> None:
        """Let those be taken whose time has come."""
        now = time.monotonic()
        due = [task for task in self._later if task.not_before <= now]
        if due:
            self._later = [task for task in self._later if task.not_before > now]
            for task in due:
                self._ready.setdefault(task.agent, deque()).append(task)

    def put_back(self, task: Task, seconds: float = 0.0) -> None:
        """Leave a question to whoever is free, after some time."""
        task.not_before = time.monotonic() + seconds
        with self._changed:
            if seconds:
                self._later.append(task)
            else:
                self._ready.setdefault(task.agent, deque()).appendleft(task)
            self._changed.notify_all()

    def replace(self, task: Task, parts: Sequence[Task] = ()) -> None:
        """Do these in place of one question that was taken."""
        with self._changed:
            self._ready.setdefault(task.agent, deque()).extendleft(reversed(parts))
            if self._n_open[task.agent]:  # not if it was abandoned while this one was asked
                self._n_open[task.agent] += len(parts) - 1
            self._changed.notify_all()

    def abandon(self, agent: str) -> None:
        """Give up all questions to an agent that nobody can answer as."""
        with self._changed:
            self._ready.pop(agent, None)
            self._later = [task for task in self._later if task.agent != agent]
            self._n_open[agent] = 0
            self._changed.notify_all()

    def wait(self, seconds: float, agents: Collection[str]) -> None:
        """Sleep, but no longer than there is something to do for the agents."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_open(agents), timeout=seconds)

    def stop(self) -> None:
        """Let nobody take another question."""
        self.stopped.set()
        with self._changed:
            self._changed.notify_all()
