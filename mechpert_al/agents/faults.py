"""What can go wrong between a question and its answer: name, remedy, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from mechpert_al.errors import BackendError


class Follows(Enum):
    """What a fault means for the question that met it."""

    ASK_AGAIN = "ask again, telling what was wrong"
    MORE_ROOM = "ask again with more room, or about fewer targets"
    OTHER_CONTEXT = "ask again with another context, or about fewer targets"
    WAIT = "wait, then ask again"
    PROBE = "see whether the server is still there, then ask again"
    LEAVE = "this server is no use, others may be"
    STOP = "nobody can answer this before a person has mended it"


class Kind(NamedTuple):
    """A kind of fault; ``remedy`` is for the person who reads of it."""

    follows: Follows
    remedy: str


_LOG = "The log of the server says more (`journalctl -u ollama`, or ~/.ollama/logs/server.log)."
_START = "Start the server (`ollama serve`), or say where it is with --host or OLLAMA_HOST."

#: Every kind of fault by its name.
KINDS: Mapping[str, Kind] = {
    # the server
    "no_server": Kind(Follows.PROBE, _START),
    "connect_timeout": Kind(Follows.PROBE, "Is the host up, and no firewall in between? " + _START),
    "hang": Kind(
        Follows.PROBE,
        "Raise read_timeout if the model is slow to load or to read the prompt, stall_timeout if "
        "it is slow to write. " + _LOG,
    ),
    "slow": Kind(Follows.PROBE, "Raise answer_timeout if the model is as slow as that. " + _LOG),
    "broken": Kind(Follows.PROBE, "The connection broke during the answer. " + _LOG),
    "garbled": Kind(Follows.PROBE, "Is that address an Ollama server, without a proxy before it?"),
    "busy": Kind(Follows.WAIT, "Too many calls wait at the server: lower calls_per_host."),
    "server_error": Kind(Follows.PROBE, _LOG),
    # the request
    "no_model": Kind(Follows.LEAVE, "Get the model with `ollama pull`."),
    "bad_request": Kind(Follows.STOP, "The server refuses the request as it is. " + _LOG),
    "cannot_think": Kind(Follows.STOP, "Set think = false, or choose a model that can think."),
    "moved_tag": Kind(
        Follows.STOP,
        "The model of that name was replaced while it was asked. Run the command again: answers of "
        "the old one are not mixed with those of the new one.",
    ),
    # the answer
    "load_only": Kind(
        Follows.ASK_AGAIN, "The server only loaded the model. If it stays so, check the request."
    ),
    "thinking_only": Kind(
        Follows.MORE_ROOM,
        "All tokens went into thinking: set think = false, or raise answer_tokens (num_predict).",
    ),
    "cut": Kind(
        Follows.MORE_ROOM,
        "Raise answer_tokens (num_predict), or ask about fewer targets per call. Where the context "
        "is full, raise context_tokens, or lower max_regulators.",
    ),
    "white_space": Kind(
        Follows.MORE_ROOM, "The model writes white space without end: raise answer_tokens "
        "(num_predict), or choose another model."
    ),
    "not_done": Kind(
        Follows.ASK_AGAIN, "The answer has no end: the server stopped it (done is false). " + _LOG
    ),
    "error_in_stream": Kind(Follows.PROBE, _LOG),
    "flood": Kind(Follows.ASK_AGAIN, "The answer is far longer than was asked for. " + _LOG),
    "truncated_prompt": Kind(
        Follows.OTHER_CONTEXT,
        "The server dropped the beginning of the prompt: raise context_tokens, shorten the list of "
        "candidates, or lower targets_per_call.",
    ),
    "empty": Kind(Follows.MORE_ROOM, "The answer has no text. " + _LOG),
    "rejected": Kind(
        Follows.ASK_AGAIN, "Genes were proposed that are not in the list, or the target itself."
    ),
    "invalid": Kind(
        Follows.ASK_AGAIN, "The answer is not what the schema demands: try a larger model."
    ),
}  # fmt: skip


class Usage(NamedTuple):
    """What an answer cost; None where the server does not say. Seconds, not nanoseconds."""

    prompt_tokens: int | None = None
    prompt_seconds: float | None = None
    answer_tokens: int | None = None
    answer_seconds: float | None = None
    total_seconds: float | None = None
    load_seconds: float | None = None


class Fault(BackendError):  # noqa: N818 - it is kept as data as often as it is raised
    """A call that brought no usable answer.

    Parameters
    ----------
    name
        A key of `KINDS`.
    message
        What happened.
    host
        Address of the server.
    text, thinking
        What came of an answer.
    usage
        What it cost.
    told
        What is wrong with the answer, in words for the agent.
    hint
        What to do; that of the kind by default.
    """

    def __init__(
        self,
        name: str,
        message: str,
        *,
        host: str = "",
        text: str = "",
        thinking: str = "",
        usage: Usage = Usage(),  # noqa: B008 - a tuple cannot change
        told: tuple[str, ...] = (),
        hint: str = "",
    ) -> None:
        super().__init__(f"{host}: {message}" if host else message, hint or KINDS[name].remedy)
        self.name, self.host, self.usage = name, host, usage
        self.text, self.thinking, self.told = text, thinking, told

    @property
    def follows(self) -> Follows:
        """What it means for the question."""
        return KINDS[self.name].follows
