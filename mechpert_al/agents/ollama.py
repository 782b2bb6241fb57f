"""The one place that talks to a server: whatever it does, a reply or one of our faults comes back.

Answers are read as a stream, although they are wanted whole: a hang is then noticed between two
words rather than after the longest time that an answer may take, and a run can be stopped.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import ollama

from mechpert_al.agents.budget import Room, truncation
from mechpert_al.agents.faults import Fault, Usage
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.agents.wire import Call, Flooded, Overdue, current, limited, lines, watched
from mechpert_al.config import PanelDescription
from mechpert_al.errors import UsageError

#: Characters that are kept of an answer without end.
FLOOD = 10_000
#: Seconds for answers that need no model.
BRIEF = 15.0
#: What libraries raise at servers that do not do as they should; ValueError is what is not JSON or
#: not the expected object, AttributeError and TypeError come from JSON of another kind.
_BROKEN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)
_GARBLED = (ValueError, AttributeError, TypeError, RecursionError)
_NANO = 1e9
#: Above this a number is no count of tokens or nanoseconds, and no database holds it.
_MOST = 2**63


@dataclass(frozen=True)
class Reply:
    """An answer whose call had no fault; its text is not examined yet."""

    text: str
    usage: Usage


class Stopped(Exception):  # noqa: N818 - no error: somebody wanted it
    """The run was stopped while an answer was coming."""


def is_loopback(host: str) -> bool:
    """Whether an address is that of this machine."""
    name = httpx.URL(host if "://" in host else f"http://{host}").host
    if name == "localhost":
        return True
    with suppress(ValueError):
        address = ipaddress.ip_address(name)
        return address.is_loopback or address.is_unspecified  # a server's own OLLAMA_HOST
    return False


@dataclass(frozen=True)
class Timeouts:
    """How long a server is waited for, in seconds; see `mechpert_al.config.PanelDescription`.

    Parameters
    ----------
    connect
        For a connection.
    first
        For the first word of an answer: the model may have to be loaded, the prompt to be read.
    between
        For each further word.
    whole
        For the whole answer.
    """

    connect: float = 3.0
    first: float = 900.0
    between: float = 120.0
    whole: float = 3600.0

    @classmethod
    def of(cls, panel: PanelDescription) -> Timeouts:
        """Those of a panel description."""
        first, whole = panel.read_timeout, panel.answer_timeout
        return cls(panel.connect_timeout, first, min(first, panel.stall_timeout), whole)


class Server:
    """An Ollama server.

    Parameters
    ----------
    host
        Its address, ``http://host:port``; the protocol and the port 11434 may be left out.
    timeouts
        How long it is waited for.
    keep_alive
        How long it is to keep a model in memory after an answer; its own default if None.

    Raises
    ------
    UsageError
        The address is none.
    """

    def __init__(
        self,
        host: str,
        timeouts: Timeouts = Timeouts(),
        keep_alive: str | None = None,
    ) -> None:
        self.host, self.timeouts = host, timeouts
        # When the model leaves the memory has no part in what it answers: it is sent, and is in no
        # request that is kept.
        self._along = {} if keep_alive is None else {"keep_alive": keep_alive}
        try:
            # A proxy of the environment is never between a program and its own machine.
            self._client = ollama.Client(
                host,
                timeout=httpx.Timeout(timeouts.first, connect=timeouts.connect, pool=None),
                trust_env=not is_loopback(host),
                headers={"Accept-Encoding": "identity"},  # what is small on the wire stays small
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise UsageError(
                f"{host!r} is not the address of a server ({error})",
                "Write it as http://host:port.",
            ) from error
        self._http = self._client._client
        watched(self._http)

    def close(self) -> None:
        """End all connections."""
        self._client.close()

    def version(self) -> str:
        """The server's version."""
        with self._briefly(), self._faults():
            document = self._client._request_raw("GET", "/api/version").json()
            return _writable(str(document["version"])) if "version" in document else ""

    def models(self) -> dict[str, Model]:
        """The models that the server has, by name."""
        with self._briefly(), self._faults():
            return {
                _writable(one.model): Model(
                    _writable(one.model),
                    _writable(one.digest or ""),
                    _writable((one.details and one.details.quantization_level) or ""),
                    _writable((one.details and one.details.parameter_size) or ""),
                )
                for one in self._client.list().models
                if one.model
            }

    def abilities(self, model: str) -> Abilities:
        """What a model can do."""
        with self._briefly(), self._faults(model, self.models):
            shown = self._client.show(model)
            can_think = None if shown.capabilities is None else "thinking" in shown.capabilities
            about: Mapping[str, Any] = shown.modelinfo or {}
            lengths = [about[key] for key in about if key.endswith(".context_length")]
            return Abilities(can_think, int(lengths[0]) or None if lengths else None)

    def chat(
        self,
        body: Mapping[str, Any],
        room: Room,
        ratio: float | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Reply:
        """Ask.

        Parameters
        ----------
        body
            The request, as the server gets it.
        room
            The tokens it was given.
        ratio
            See `mechpert_al.agents.budget.truncation`.
        is_stopped
            Asked at each piece of the answer.

        Raises
        ------
        Fault
            There is no usable answer.
        Stopped
            ``is_stopped`` said so.
        """
        coming = _Coming()
        call = Call(self.timeouts.first, self.timeouts.whole, room.answer)
        with (
            limited(call),
            self._faults(str(body["model"]), self.models, coming),
            closing(self._parts(body, call)) as parts,
        ):
            for part in parts:
                if is_stopped():
                    raise Stopped
                coming.add(part)
        fault = coming.fault(room, ratio)
        if fault:
            name, message = fault
            raise Fault(name, message, host=self.host, **coming.remains())
        return Reply(coming.text, coming.usage)

    def _parts(
        self, body: Mapping[str, Any], call: Call
    ) -> Generator[ollama.ChatResponse, None, None]:
        """The pieces of an answer, as they come.

        The client's own method reads a line before it looks at its length, and leaves options out
        that it does not know.
        """
        sent = {**body, **self._along}
        with self._http.stream("POST", "/api/chat", json=sent) as response:
            if response.status_code >= 400:
                response.read()
                raise ollama.ResponseError(response.text, response.status_code)
            for line in lines(response.iter_raw()):
                call.quiet = self.timeouts.between
                document = json.loads(line)
                if told := document.get("error"):
                    raise ollama.ResponseError(told)
                yield ollama.ChatResponse(**document)

    @contextmanager
    def _briefly(self) -> Iterator[None]:
        """Limits of calls that need no model."""
        with limited(Call(BRIEF, BRIEF, n_tokens=10_000)):
            yield

    @contextmanager
    def _faults(
        self,
        model: str = "",
        there: Callable[[], Mapping[str, Model]] | None = None,
        coming: _Coming | None = None,
    ) -> Iterator[None]:
        """Turn whatever is raised inside into a fault."""
        try:
            yield
        except ollama.ResponseError as error:
            name, message, hint = _refusal(error, model, there)
            original: Exception = error
        except (Overdue, Flooded, *_BROKEN, *_GARBLED) as error:
            (name, message), hint = _named(error), ""
            original = error
        else:
            return
        remains = coming.remains(FLOOD if name == "flood" else None) if coming else {}
        told = _writable(message)
        raise Fault(name, told, host=self.host, hint=_writable(hint), **remains) from original


def _named(error: Exception) -> tuple[str, str]:
    """Name and message of what a library raised."""
    call = current()
    is_overdue = isinstance(error, Overdue)
    if isinstance(error, httpx.ConnectTimeout):
        return "connect_timeout", "no connection in time"
    if call and is_overdue and call.quiet < call.whole:
        return "slow", f"the answer took too long in all ({call.whole:g} s)"
    if is_overdue or isinstance(error, httpx.TimeoutException):
        return "hang", "no sign of life in time" + (f" ({call.quiet:g} s)" if call else "")
    if isinstance(error, Flooded):
        return "flood", "the answer, or a line of it, has no end"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "broken", f"the connection broke ({error})"
    if isinstance(error, ConnectionError | httpx.ConnectError):
        return "no_server", "no server answers there"
    if isinstance(error, _BROKEN):
        return "broken", f"the connection broke ({error})"
    told = " ".join(str(error).split())[:200]
    return "garbled", f"not what an Ollama server says ({told})"


class _Coming:
    """An answer while its pieces arrive."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.thoughts: list[str] = []
        self.last: ollama.ChatResponse | None = None

    def add(self, part: ollama.ChatResponse) -> None:
        self.last = part
        for kept, piece in (
            (self.pieces, part.message.content),
            (self.thoughts, part.message.thinking),
        ):
            if piece:
                kept.append(piece)

    @property
    def text(self) -> str:
        return _writable("".join(self.pieces))

    @property
    def usage(self) -> Usage:
        last = self.last
        if last is None:
            return Usage()
        return Usage(
            _count(last.prompt_eval_count),
            _seconds(last.prompt_eval_duration),
            _count(last.eval_count),
            _seconds(last.eval_duration),
            _seconds(last.total_duration),
            _seconds(last.load_duration),
        )

    def remains(self, length: int | None = None) -> dict[str, Any]:
        return {
            "text": self.text[:length],
            "thinking": _writable("".join(self.thoughts))[:length],
            "usage": self.usage,
        }

    def fault(self, room: Room, ratio: float | None) -> tuple[str, str] | None:
        """Name and message of what is wrong with the whole answer."""
        last, text = self.last, self.text
        if text != "".join(self.pieces):
            return "garbled", "there are halves of characters in the answer"
        if last is None or not last.done:
            return "not_done", "the answer is incomplete: it ended without done = true"
        if last.done_reason == "load":
            return "load_only", 'the model was only loaded (done_reason "load")'
        cut = truncation(last.prompt_eval_count, room, ratio)
        if cut:
            return "truncated_prompt", f"the prompt was cut: {cut}"
        return self._unusable(text, last.done_reason)

    def _unusable(self, text: str, reason: str | None) -> tuple[str, str] | None:
        is_cut = reason == "length"
        at = ' at its limit of tokens (done_reason "length", num_predict)' if is_cut else ""
        if not text.strip() and self.thoughts:
            return "thinking_only", f"all of the answer is in thinking, it ended{at or ' there'}"
        if is_cut and len(text.rstrip()) < 0.5 * len(text):
            return "white_space", f"the answer runs into white space and was cut{at}"
        if is_cut:
            return "cut", f"the answer was cut{at}"
        if not text.strip():
            return "empty", "the answer is empty"
        return None


def _refusal(
    error: ollama.ResponseError, model: str, there: Callable[[], Mapping[str, Model]] | None
) -> tuple[str, str, str]:
    """Name, message and remedy of an error that the server itself states."""
    told, status = " ".join(str(error.error).split())[:500], error.status_code
    if status == -1:
        return "error_in_stream", f"error during the answer: {told}", ""
    if status == 404 and model:
        return "no_model", f"model {model!r} is not there ({told})", how_to_get(model, there)
    if status == 400 and "does not support thinking" in told:
        return "cannot_think", f"model {model!r} cannot think: {told}", ""
    if status in (429, 503):
        return "busy", f"busy ({status}): {told}", ""
    name = "server_error" if status >= 500 else "bad_request"
    return name, f"HTTP {status}: {told}", ""


def how_to_get(model: str, there: Callable[[], Mapping[str, Model]] | None) -> str:
    """The remedy for a model that a server does not have."""
    names = "not known"
    if there is not None:
        with suppress(Fault):
            names = ", ".join(there()) or "none"
    return f"Get it with `ollama pull {model}`. Models there: {names}."


def _writable(text: str) -> str:
    """The text with halves of characters (lone surrogates) replaced."""
    return text.encode(errors="replace").decode()


def _count(number: int | None) -> int | None:
    """A number as the server states it, unless it is no count of anything."""
    return number if number is not None and 0 <= number < _MOST else None


def _seconds(nanoseconds: int | None) -> float | None:
    counted = _count(nanoseconds)
    return None if counted is None else counted / _NANO
