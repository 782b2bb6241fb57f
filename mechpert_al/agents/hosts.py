"""Several servers as one: who is there, whether all have the same models, who is left out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import tenacity

from mechpert_al.agents.description import Description
from mechpert_al.agents.faults import Fault, Follows
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.agents.ollama import Server, Timeouts, how_to_get
from mechpert_al.agents.store import Origin

DEFAULT = "http://127.0.0.1:11434"
#: Names the default server, as for the server's own tools.
VARIABLE = "OLLAMA_HOST"
#: Seconds for which a model's digest is taken to be what it was.
TRUSTED = 1.0
#: Times that a server in trouble is asked what a model can, and seconds before the second time.
TRIES, PAUSE = 4, 0.5


@dataclass(eq=False)
class Host:
    """A server that takes part in a run.

    Parameters
    ----------
    server
        The server.
    version
        Its version.
    models
        The models of the run that it has, by the name that the description gives them.
    agents
        The agents that it can be asked as.
    """

    server: Server
    version: str
    models: Mapping[str, Model]
    agents: frozenset[str]
    #: Questions in a row that found it in trouble, and since when.
    in_trouble: set[str] = field(default_factory=set)
    trouble_since: float = 0.0
    #: Answers since its models were last seen to be what they were.
    unconfirmed: list[str] = field(default_factory=list)
    confirmed_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def origin(self, model: str) -> Origin:
        """What is kept with each answer."""
        one = self.models[model]
        return Origin(self.server.host, self.version, model, one.digest, one.quantisation)

    def is_alive(self) -> bool:
        """Whether the server answers at all; it may have come back in another version."""
        try:
            self.version = self.server.version()
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
    lacks
        For each model why servers that are there cannot be asked for it.
    models
        Each model that some server has: what it is, and what it can.
    """

    there: tuple[Host, ...]
    left_out: Mapping[str, Fault]
    lacks: Mapping[str, Sequence[Fault]]
    models: Mapping[str, tuple[Model, Abilities]]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All that is wrong."""
        lacking = [fault for faults in self.lacks.values() for fault in faults]
        return (*self.left_out.values(), *(f for f in lacking if f.host not in self.left_out))

    def why_not(self, model: str) -> Fault:
        """Why no server can be asked for a model."""
        gone = [fault for fault in self.left_out.values() if fault.name != "no_model"]
        return none_left(list(dict.fromkeys([*gone, *self.lacks.get(model, ())])) or self.faults)

    def close(self) -> None:
        """End all connections."""
        for host in self.there:
            host.server.close()


def addresses(
    description: Description, given: Sequence[str] = (), agent: str | None = None
) -> tuple[str, ...]:
    """Where servers are.

    Parameters
    ----------
    description
        Who is asked.
    given
        Addresses that count in place of all others.
    agent
        The agent that they are for; all by default.

    Returns
    -------
    tuple of str
        As given, else those of the agent, of the description, of OLLAMA_HOST, or the usual port.
    """
    if given:
        found: Sequence[str] = given
    elif agent is None:
        found = [one for name in description.agents for one in addresses(description, (), name)]
    else:
        usual = (os.environ.get(VARIABLE) or DEFAULT,)
        found = description.agents[agent].hosts or description.settings.hosts or usual
    return tuple(dict.fromkeys(found))


def connect(description: Description, given: Sequence[str] = ()) -> Hosts:
    """Find out which servers are there, and which of the models each has.

    Parameters
    ----------
    description
        Who is asked.
    given
        Addresses of servers; those of the description by default.

    Raises
    ------
    UsageError
        An address is none.
    """
    panel = description.settings
    wanted: dict[str, list[str]] = {}
    for agent in description.agents:
        for address in addresses(description, given, agent):
            wanted.setdefault(address, []).append(agent)
    servers = [Server(address, Timeouts.of(panel), panel.keep_alive) for address in wanted]
    with ThreadPoolExecutor(len(servers)) as pool:
        found = list(pool.map(_seen, servers))
    there: list[Host] = []
    left_out: dict[str, Fault] = {}
    lacks: dict[str, list[Fault]] = {}
    models: dict[str, tuple[Model, Abilities]] = {}
    for server, seen in zip(servers, found, strict=True):
        if isinstance(seen, Fault):
            left_out[server.host] = seen
            continue
        host, own = _joined(server, seen, description, wanted[server.host], models)
        for name, fault in own.items():
            lacks.setdefault(name, []).append(fault)
        if host is None:
            left_out[server.host] = none_left(tuple(own.values()))
        else:
            there.append(host)
    for server in servers:
        if server.host in left_out:
            server.close()
    return Hosts(tuple(there), left_out, lacks, models)


def _seen(server: Server) -> tuple[str, Mapping[str, Model]] | Fault:
    """The version and the models of a server."""
    try:
        return server.version(), server.models()
    except Fault as fault:
        return fault


def _joined(
    server: Server,
    seen: tuple[str, Mapping[str, Model]],
    description: Description,
    agents: Sequence[str],
    models: dict[str, tuple[Model, Abilities]],
) -> tuple[Host | None, dict[str, Fault]]:
    """A server with those models that it shares with the others, and why not with more.

    All answers of a model come of the same weights: those of the first server that has it.
    """
    version, there = seen
    own: dict[str, Model] = {}
    lacks: dict[str, Fault] = {}
    for name in dict.fromkeys(description.agents[agent].model for agent in agents):
        model = named(name, there)
        if model is None:
            hint = how_to_get(name, lambda: there)
            what = f"model {name!r} is not there"
            lacks[name] = Fault("no_model", what, host=server.host, hint=hint)
            continue
        if name not in models:
            try:
                models[name] = model, _abilities(server, name)
            except Fault as fault:
                lacks[name] = _silent(server.host, name, fault)
                continue
        if model.digest == models[name][0].digest:
            own[name] = model
        else:
            lacks[name] = _other(server.host, model, models[name][0], name)
    can = frozenset(agent for agent in agents if description.agents[agent].model in own)
    return (Host(server, version, own, can) if can else None), lacks


def _abilities(server: Server, name: str) -> Abilities:
    """What a model can; nothing is known if the server is too old to be asked.

    It has a part in every request. A server in trouble is therefore asked again: taken for one that
    does not say, it would be sent other questions than before and after.

    Raises
    ------
    Fault
        The server is in trouble still.
    """
    ask = tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: (
                isinstance(error, Fault) and error.follows in (Follows.PROBE, Follows.WAIT)
            )
        ),
        wait=tenacity.wait_random_exponential(PAUSE),
        stop=tenacity.stop_after_attempt(TRIES),
        reraise=True,
    )
    try:
        return ask(server.abilities, name)
    except Fault as fault:
        if fault.name == "no_model":  # HTTP 404; the model is in its list, so it is the question
            return Abilities()
        raise


def _silent(host: str, name: str, fault: Fault) -> Fault:
    """A model is there, but the server does not come to say what it can."""
    told = fault.message.removeprefix(f"{host}: ")
    return Fault(
        fault.name,
        f"does not say what model {name!r} can, which has a part in every question ({told})",
        host=host,
        hint=f"{fault.hint} See whether `ollama show {name}` answers, then run the command again.",
    )


def _other(host: str, model: Model, first: Model, name: str) -> Fault:
    """A model of the same name that is not the same."""
    return Fault(
        "no_model",
        f"its {name!r} is {model.digest[:12]}, that of others is {first.digest[:12]}",
        host=host,
        hint=f"Run `ollama pull {name}` on all, so that all answers come of one model.",
    )


def refuse_thoughtless(
    description: Description, models: Mapping[str, tuple[Model, Abilities]]
) -> None:
    """Stop if an agent is to think whose model cannot.

    Raises
    ------
    Fault
        One is.
    """
    for agent in description.agents.values():
        if agent.think and models[agent.model][1].can_think is False:
            raise Fault(
                "cannot_think", f"agent {agent.name!r} is to think, but {agent.model!r} cannot"
            )


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
