"""How far a run is."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from mechpert_al.agents.faults import Usage

#: A prompt that is read this many times faster than the slowest one was mostly read before.
HIT = 5


@dataclass
class Progress:
    """Counts of a run, kept up to date while it goes on.

    Parameters
    ----------
    total
        Questions of the run.
    stored
        Those whose answers were in the store when it began.
    answered, unanswered
        Those answered, and given up, since then.
    failures
        Failed requests by the kind of fault.
    """

    total: int
    stored: int = 0
    answered: int = 0
    unanswered: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    answer_tokens: int = 0
    answer_seconds: float = 0.0
    prompt_seconds: float = 0.0
    #: Answers whose prompt the server had read before, but for its end.
    prefix_hits: int = 0
    #: Seconds in which the slowest prompt was read, for each of its tokens.
    slowest_token: float = 0.0
    agent: str = ""
    targets: tuple[str, ...] = ()
    #: Servers that went away or were left out on the way.
    away: tuple[str, ...] = ()
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Questions that need no more asking."""
        return self.stored + self.answered + self.unanswered

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens that a server writes in a second."""
        return self.answer_tokens / self.answer_seconds if self.answer_seconds else None

    @property
    def seconds_to_go(self) -> float | None:
        """Time that the rest will take at the pace so far; None before the first answer."""
        finished = self.answered + self.unanswered
        if not finished:
            return None
        return (time.monotonic() - self.started) / finished * (self.total - self.done)

    def count(self, usage: Usage) -> None:
        """Add what an answer cost."""
        self.answer_tokens += usage.answer_tokens or 0
        self.answer_seconds += usage.answer_seconds or 0.0
        self.prompt_seconds += usage.prompt_seconds or 0.0
        if usage.prompt_tokens and usage.prompt_seconds:
            each = usage.prompt_seconds / usage.prompt_tokens
            self.slowest_token = max(self.slowest_token, each)
            self.prefix_hits += each < self.slowest_token / HIT
