"""Which servers have a part in a run: those that went away are waited for, then left out."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mechpert_al.agents.faults import Fault
from mechpert_al.agents.hosts import Host, none_left
from mechpert_al.agents.work import Work

#: Questions in a row that a server may fail, for reasons of its own, before it is left out; it has
#: the time of an outage in any case.
PATIENCE = 3


@dataclass(frozen=True)
class Patience:
    """How long to wait between tries, in seconds.

    Parameters
    ----------
    pause
        Before a question is asked again after trouble with a server; doubled each time, and
        scattered, so that many clients do not come back together.
    longest
        The longest such pause.
    busy_tries
        Times that a busy server is asked before the try counts.
    """

    pause: float = 0.5
    longest: float = 60.0
    busy_tries: int = 8

    def before(self, number: int) -> float:
        """Seconds to wait before the next of several tries."""
        pause = min(self.pause * 2 ** min(number, 30), self.longest)
        return pause * random.uniform(0.5, 1)  # only time hangs on it, no result


class Duty:
    """The servers of a run.

    Parameters
    ----------
    hosts
        The servers that were there at the beginning.
    work
        What is to be asked; questions that nobody can answer any more are taken out of it.
    patience
        Pauses between tries.
    outage
        Seconds for which a server that went away, or only fails, is waited for.
    changed
        Called when a server went away, came back or was left out.
    """

    def __init__(
        self,
        hosts: Sequence[Host],
        work: Work,
        patience: Patience,
        outage: float,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._work, self._patience, self._outage = work, patience, outage
        self._changed = changed
        self._lock = threading.Lock()
        self._on = list(hosts)
        self._away: dict[Host, Fault] = {}
        self._left_out: dict[str, Fault] = {}
        #: Agents that no server is left for, and why.
        self.without: dict[str, Fault] = {}

    def is_on(self, host: Host) -> bool:
        """Whether a server has a part in the run."""
        return host in self._on

    def unable(self) -> list[str]:
        """Agents with open questions that no server can be asked as."""
        can = {agent for host in self._on for agent in host.agents}
        return [agent for agent in self._work.agents() if agent not in can]

    def missing(self) -> dict[str, Fault]:
        """Why servers have no part in the run, or none at the moment, by address."""
        with self._lock:
            return {**self._left_out, **{host.server.host: f for host, f in self._away.items()}}

    def wait_for(self, host: Host, fault: Fault) -> None:
        """Wait for a server that went away; leave it out if it does not come back in time.

        Meanwhile others do its work, and when nothing is left to do it is waited for no more.
        """
        end = time.monotonic() + self._outage
        with self._lock:
            self._away[host] = fault
        self._changed()
        number = 0
        while self.is_on(host) and self._work.is_open(host.agents):
            if host.is_alive():
                with self._lock:
                    self._away.pop(host, None)
                self._changed()
                return
            left = end - time.monotonic()
            if left <= 0:
                self.leave(host, fault, host.agents)
                return
            number += 1
            self._work.wait(min(self._patience.before(number), left), host.agents)

    def spare(self, host: Host, key: str, fault: Fault) -> None:
        """Give a server that is there and fails some time; leave it out if it does nothing else."""
        if not host.in_trouble:
            host.trouble_since = time.monotonic()
        host.in_trouble.add(key)
        in_trouble_for = time.monotonic() - host.trouble_since
        if len(host.in_trouble) < PATIENCE or in_trouble_for < self._outage:
            self._work.wait(self._patience.before(len(host.in_trouble)), host.agents)
        else:
            self.leave(host, fault, host.agents)

    def leave(self, host: Host, fault: Fault, agents: Collection[str]) -> None:
        """Ask a server no more as some agents; one without any is left out."""
        with self._lock:
            host.agents -= frozenset(agents)
            if not host.agents and host in self._on:
                self._on.remove(host)
                self._away.pop(host, None)
                self._left_out[host.server.host] = fault
            for agent in self.unable():
                self.without[agent] = none_left([*self._left_out.values()] or [fault])
                self._work.abandon(agent)
        self._changed()
