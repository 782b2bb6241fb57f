"""The questions of a run that are still open, shared by the threads that ask them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from mechpert_al.agents.faults import Usage
from mechpert_al.agents.questions import Again, Question

#: Seconds between two looks at a question that another process is asking.
LOOK_AGAIN = 0.25


@dataclass(frozen=True)
class Candidate:
    """An answer of the right form with proposals that are not admissible: better than none."""

    body: dict
    text: str
    usage: Usage


@dataclass
class Task:
    """A question on its way to an answer."""

    question: Question
    key: str
    again: Again | None = None
    second_best: Candidate | None = None
    not_before: float = field(default=0.0)

    @property
    def attempt(self) -> int:
        """Tries that counted so far."""
        return self.again.attempt if self.again else 0


class Work:
    """Open questions: taken in order, given back if a server fails, done in the end.

    Parameters
    ----------
    tasks
        The questions.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._waiting = deque(tasks)
        self._n_open = len(self._waiting)
        self._changed = threading.Condition()
        self.stopped = threading.Event()

    @property
    def n_open(self) -> int:
        """Questions that are waiting or being asked."""
        return self._n_open

    def take(self) -> Task | None:
        """The next question; None if there will be none. Waits while others may come back."""
        with self._changed:
            while self._n_open and not self.stopped.is_set():
                if self._waiting:
                    task = self._waiting.popleft()
                    wait = task.not_before - time.monotonic()
                    if wait <= 0:
                        return task
                    self._waiting.append(task)
                    if any(one.not_before <= time.monotonic() for one in self._waiting):
                        continue
                    self._changed.wait(min(wait, LOOK_AGAIN))
                else:
                    self._changed.wait()
            return None

    def put_back(self, task: Task, seconds: float = 0.0) -> None:
        """Leave a question to whoever is free, after some time."""
        task.not_before = time.monotonic() + seconds if seconds else 0.0
        with self._changed:
            if seconds:
                self._waiting.append(task)
            else:
                self._waiting.appendleft(task)
            self._changed.notify()

    def replace(self, parts: Iterable[Task]) -> None:
        """Do these in place of one question that was taken."""
        with self._changed:
            before = len(self._waiting)
            self._waiting.extendleft(reversed(list(parts)))
            self._n_open += len(self._waiting) - before - 1
            self._changed.notify_all()

    def done(self) -> None:
        """A question that was taken needs no more asking."""
        self.replace(())

    def stop(self) -> None:
        """Let nobody take another question."""
        self.stopped.set()
        with self._changed:
            self._changed.notify_all()
