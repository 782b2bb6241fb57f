"""Several servers as one: who is there, whether all have the same models, who is left out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mechpert_al.agents.description import Description
from mechpert_al.agents.faults import Fault
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.agents.ollama import Server, how_to_get
from mechpert_al.agents.store import Origin

DEFAULT = "http://127.0.0.1:11434"
#: Names the default server, as for the server's own tools.
VARIABLE = "OLLAMA_HOST"
#: Seconds for which a model's digest is taken to be what it was.
TRUSTED = 1.0


@dataclass
class Host:
    """A server that takes part in a run.

    Parameters
    ----------
    server
        The server.
    version
        Its version.
    models
        The models of the run, as it has them, by the name that the description gives them.
    """

    server: Server
    version: str
    models: Mapping[str, Model]
    #: Questions in a row that found it in trouble.
    in_trouble: set[str] = field(default_factory=set)
    #: Answers since its models were last seen to be what they were.
    unconfirmed: list[str] = field(default_factory=list)
    confirmed_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def origin(self, model: str) -> Origin:
        """What is kept with each answer."""
        one = self.models[model]
        return Origin(self.server.host, self.version, model, one.digest, one.quantisation)

    def is_alive(self) -> bool:
        """Whether the server answers at all."""
        try:
            self.server.version()
        except Fault:
            return False
        return True

    def moved(self, key: str | None) -> tuple[str, list[str]]:
        """See whether the models are still what they were.

        Parameters
        ----------
        key
            Question that was just answered; None to look in any case.

        Returns
        -------
        message, keys
            What moved (empty if nothing did) and the answers that may be of either model.
        """
        with self.lock:
            if key is not None:
                self.unconfirmed.append(key)
                if time.monotonic() < self.confirmed_at + TRUSTED:
                    return "", []
            elif not self.unconfirmed:
                return "", []
            try:
                now = self.server.models()
            except Fault:
                return "", []  # the next look will tell
            for name, model in self.models.items():
                found = named(name, now)
                if found is None or found.digest != model.digest:
                    what = "gone" if found is None else f"now {found.digest[:12]}"
                    return f"model {name!r} was {model.digest[:12]} and is {what}", self.unconfirmed
            self.unconfirmed, self.confirmed_at = [], time.monotonic()
            return "", []


@dataclass(frozen=True)
class Hosts:
    """The servers of a run.

    Parameters
    ----------
    there
        Those that can answer.
    left_out
        Why others cannot, by address.
    abilities
        What each model can.
    """

    there: tuple[Host, ...]
    left_out: Mapping[str, Fault]
    abilities: Mapping[str, Abilities]

    def close(self) -> None:
        """End all connections."""
        for host in self.there:
            host.server.close()


def addresses(description: Description, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Where servers are: as given, else by the description, OLLAMA_HOST, or the usual port."""
    found = tuple(given) or description.settings.hosts or (os.environ.get(VARIABLE) or DEFAULT,)
    return tuple(dict.fromkeys(found))


def connect(description: Description, given: Sequence[str] = ()) -> Hosts:
    """Find out which servers are there and have all models, in the same version.

    Parameters
    ----------
    description
        Which models are needed.
    given
        Addresses of servers; those of the description by default.

    Raises
    ------
    Fault
        None can answer, or a model cannot think although it should.
    UsageError
        An address is none.
    """
    panel = description.settings
    servers = [
        Server(host, panel.connect_timeout, panel.read_timeout)
        for host in addresses(description, given)
    ]
    with ThreadPoolExecutor(len(servers)) as pool:
        found = list(pool.map(lambda server: _joined(server, description.models), servers))
    there = [host for host in found if isinstance(host, Host)]
    left_out = {fault.host: fault for fault in found if isinstance(fault, Fault)}
    for host in there[1:]:
        other = _difference(there[0], host)
        if other is not None:
            left_out[host.server.host] = other
    hosts = tuple(host for host in there if host.server.host not in left_out)
    for server in servers:
        if server.host in left_out:
            server.close()
    if not hosts:
        raise none_left(tuple(left_out.values()))
    try:
        return Hosts(hosts, left_out, _abilities(description, hosts[0]))
    except Fault:
        Hosts(hosts, {}, {}).close()
        raise


def _abilities(description: Description, host: Host) -> dict[str, Abilities]:
    found = {}
    for name in description.models:
        try:
            found[name] = host.server.abilities(name)
        except Fault:  # servers of other makes do not say
            found[name] = Abilities()
    for agent in description.agents.values():
        if agent.think and found[agent.model].can_think is False:
            raise Fault(
                "cannot_think", f"agent {agent.name!r} is to think, but {agent.model!r} cannot"
            )
    return found


def none_left(faults: Sequence[Fault]) -> Fault:
    """The fault that stands for several: no server is left."""
    first = faults[0]
    if len(faults) == 1:
        return first
    fault = Fault(first.name, "\n".join(fault.message for fault in faults))
    fault.hint = " ".join(dict.fromkeys(fault.hint for fault in faults))
    return fault


def named(name: str, models: Mapping[str, Model]) -> Model | None:
    """The model of a name; a name without a tag means the tag ``latest``."""
    return models.get(name) or models.get(f"{name}:latest")


def _joined(server: Server, wanted: Sequence[str]) -> Host | Fault:
    try:
        version, there = server.version(), server.models()
    except Fault as fault:
        return fault
    found = {name: model for name in wanted if (model := named(name, there))}
    for name in wanted:
        if name not in found:
            hint = how_to_get(name, lambda: there)
            return Fault("no_model", f"model {name!r} is not there", host=server.host, hint=hint)
    return Host(server, version, found)


def _difference(first: Host, other: Host) -> Fault | None:
    """Why a server cannot join another: a model of the same name is not the same."""
    for name, model in first.models.items():
        own = other.models[name]
        if own.digest != model.digest:
            return Fault(
                "no_model",
                f"its {name!r} is {own.digest[:12]}, that of {first.server.host} is "
                f"{model.digest[:12]}",
                host=other.server.host,
                hint=f"Run `ollama pull {name}` on both, so that all answers come of one model.",
            )
    return None
