"""The one place that talks to a server: whatever it does, a reply or one of our faults comes back.

Answers are read as a stream, although they are wanted whole: a hang is then noticed between two
words rather than after the longest time that an answer may take, and a run can be stopped.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import ollama

from mechpert_al.agents.budget import Room, truncation
from mechpert_al.agents.faults import Fault, Usage
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.errors import UsageError

#: An answer longer than this many characters is no answer.
FLOOD = 2_000_000
#: Seconds for answers that need no model.
BRIEF = 15.0
#: What libraries raise at servers that do not do as they should; ValueError is what is not JSON or
#: not the expected object, AttributeError and TypeError come from JSON of another kind.
_BROKEN = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError)
_GARBLED = (ValueError, AttributeError, TypeError, RecursionError)
_NANO = 1e9


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
    return name == "localhost" or (_is_ip(name) and ipaddress.ip_address(name).is_loopback)


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Server:
    """An Ollama server.

    Parameters
    ----------
    host
        Its address, ``http://host:port``; the protocol and the port 11434 may be left out.
    connect_timeout, read_timeout
        Seconds; see `mechpert_al.config.PanelDescription`.

    Raises
    ------
    UsageError
        The address is none.
    """

    def __init__(self, host: str, connect_timeout: float = 3.0, read_timeout: float = 900.0):
        self.host = host
        brief = httpx.Timeout(min(read_timeout, BRIEF), connect=connect_timeout)
        patient = httpx.Timeout(read_timeout, connect=connect_timeout, pool=None)
        try:
            # A proxy of the environment is never between a program and its own machine.
            trusted = not is_loopback(host)
            self._brief = ollama.Client(host, timeout=brief, trust_env=trusted)
            self._patient = ollama.Client(host, timeout=patient, trust_env=trusted)
        except (ValueError, httpx.InvalidURL) as error:
            raise UsageError(
                f"{host!r} is not the address of a server ({error})",
                "Write it as http://host:port.",
            ) from error

    def close(self) -> None:
        """End all connections."""
        self._brief.close()
        self._patient.close()

    def version(self) -> str:
        """The server's version."""
        with self._faults():
            document = self._brief._request_raw("GET", "/api/version").json()
            return str(document["version"]) if "version" in document else ""

    def models(self) -> dict[str, Model]:
        """The models that the server has, by name."""
        with self._faults():
            return {
                one.model: Model(
                    one.model,
                    one.digest or "",
                    (one.details and one.details.quantization_level) or "",
                    (one.details and one.details.parameter_size) or "",
                )
                for one in self._brief.list().models
                if one.model
            }

    def abilities(self, model: str) -> Abilities:
        """What a model can do."""
        with self._faults(model, self.models):
            shown = self._brief.show(model)
            can_think = None if shown.capabilities is None else "thinking" in shown.capabilities
            about: Mapping[str, Any] = shown.modelinfo or {}
            lengths = [about[key] for key in about if key.endswith(".context_length")]
            return Abilities(can_think, int(lengths[0]) if lengths else None)

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
        with self._faults(str(body["model"]), self.models, coming):
            for part in self._patient.chat(**body):
                if is_stopped():
                    raise Stopped
                coming.add(part)
                if coming.length > FLOOD:
                    break
        fault = coming.fault(room, ratio)
        if fault:
            name, message = fault
            raise Fault(name, message, host=self.host, **coming.remains())
        return Reply(coming.text, coming.usage)

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
        except Fault:
            raise
        except ollama.ResponseError as error:
            name, message, hint = _refusal(error, model, there)
            original: Exception = error
        except httpx.ConnectTimeout as error:
            name, message, hint = "connect_timeout", "no connection in time", ""
            original = error
        except httpx.TimeoutException as error:
            name, message, hint = "hang", "no sign of life in time", ""
            original = error
        except (ConnectionError, httpx.ConnectError) as error:
            name, message, hint = "no_server", "no server answers there", ""
            if isinstance(error, ConnectionResetError | BrokenPipeError):
                name, message = "broken", f"the connection broke ({error})"
            original = error
        except _BROKEN as error:
            name, message, hint = "broken", f"the connection broke ({error})", ""
            original = error
        except _GARBLED as error:
            told = " ".join(str(error).split())[:200]
            name, message, hint = "garbled", f"not what an Ollama server says ({told})", ""
            original = error
        else:
            return
        remains = coming.remains() if coming else {}
        raise Fault(name, message, host=self.host, hint=hint, **remains) from original


class _Coming:
    """An answer while its pieces arrive."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.thoughts: list[str] = []
        self.length = 0
        self.last: ollama.ChatResponse | None = None

    def add(self, part: ollama.ChatResponse) -> None:
        self.last = part
        for kept, piece in (
            (self.pieces, part.message.content),
            (self.thoughts, part.message.thinking),
        ):
            if piece:
                kept.append(piece)
                self.length += len(piece)

    @property
    def text(self) -> str:
        return _writable("".join(self.pieces))

    @property
    def usage(self) -> Usage:
        last = self.last
        if last is None:
            return Usage()
        return Usage(
            last.prompt_eval_count,
            _seconds(last.prompt_eval_duration),
            last.eval_count,
            _seconds(last.eval_duration),
            _seconds(last.total_duration),
            _seconds(last.load_duration),
        )

    def remains(self) -> dict[str, Any]:
        return {
            "text": self.text,
            "thinking": _writable("".join(self.thoughts)),
            "usage": self.usage,
        }

    def fault(self, room: Room, ratio: float | None) -> tuple[str, str] | None:
        """Name and message of what is wrong with the whole answer."""
        last, text = self.last, self.text
        if self.length > FLOOD:
            return "flood", f"more than {FLOOD} characters came"
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


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / _NANO
