"""Tokens: how many a prompt may have before it is sent, and whether all of it was read.

A server that gets more than its context holds drops the beginning and answers all the same. So the
context is chosen from an estimate that is meant to be too high, and what the server says it has
read is compared with what was sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from mechpert_al.config import PanelDescription

#: Tokens of the chat template around a message.
PER_MESSAGE = 12
#: Contexts are multiples of this, so that a few of them serve all prompts: a server loads the model
#: anew for another context.
STEP = 1024
#: What a context is made smaller by if it cannot be made larger: a count of tokens that only looked
#: like that of a cut prompt stays what it was.
TWEAK = 64
#: Estimates are made larger by this, for tokenizers that know few words.
MARGIN = 1.15
#: This share at least of the fewest tokens that a prompt can have, and of its estimate once that is
#: calibrated on an answer, must have been read.
FEWEST, CALIBRATED = 0.9, 0.85
#: A count as that of a prompt cut to half a context is taken for one unless this share of the
#: estimate was read.
WHOLE = 0.8

_PIECES = re.compile(r"[a-z]+|[A-Z]+|\d|[^\sA-Za-z0-9]")
_RUNS = re.compile(r"[A-Za-z]*[a-z][A-Za-z]*|[A-Z]{1,4}|\d{1,3}|[^\sA-Za-z0-9]+")


class Room(NamedTuple):
    """Tokens of a call: what is sent by estimate, what may come back, and the context for both.

    ``fewest`` is what the prompt has at least, in any tokenizer.
    """

    prompt: int
    answer: int
    context: int
    fewest: int = 0


@lru_cache(maxsize=1024)
def estimate(text: str) -> int:
    """Tokens of a text in any common tokenizer, rather too many than too few.

    Words in lower case count a token for each four letters, letters in capitals one for two (gene
    symbols are no words), digits and signs one each, and characters beyond ASCII three.
    """
    total = 0
    for piece in _PIECES.findall(text):
        if piece.isascii():
            total += math.ceil(len(piece) / (4 if piece.islower() else 2))
        else:
            total += 3
    return total


@lru_cache(maxsize=1024)
def fewest(text: str) -> int:
    """Tokens that a text has at least: one a word, one for four capitals, for three digits."""
    return len(_RUNS.findall(text))


def prompt_tokens(conversation: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of a conversation, by `estimate` and a margin."""
    plain = sum(estimate(message["content"]) + PER_MESSAGE for message in conversation)
    return math.ceil(MARGIN * plain)


def fewest_tokens(conversation: Sequence[Mapping[str, Any]]) -> int:
    """Tokens of a conversation, by `fewest`."""
    return sum(fewest(message["content"]) for message in conversation)


def answer_tokens(panel: PanelDescription, n_targets: int) -> int:
    """The most tokens that an answer may need."""
    if panel.answer_tokens is not None:
        return panel.answer_tokens * n_targets
    proposal = 90 if panel.mechanisms else 45
    return (40 + proposal * panel.max_regulators) * n_targets


def room(prompt: int, answer: int, fewest: int = 0) -> Room:
    """The smallest context that holds both."""
    return Room(prompt, answer, STEP * math.ceil((prompt + answer) / STEP), fewest)


def truncation(read: int | None, sent: Room, ratio: float | None) -> str:
    """Why a prompt must be taken as cut; empty if there is no sign of it.

    Parameters
    ----------
    read
        Tokens that the server says it has read; None when it does not say, as some do when all of
        the prompt was read before.
    sent
        The tokens of the call.
    ratio
        Tokens read for each one estimated: the most that was seen of this model, for a prompt that
        was cut unseen reads fewer; None at first.
    """
    if read is None:
        return ""
    if read >= sent.context:
        return f"the prompt fills the whole context of {sent.context} tokens"
    is_half = abs(read - (sent.context // 2 + 2)) <= 1
    if ratio is None and is_half and read < WHOLE * sent.prompt:
        return f"{read} tokens were read, where a context of {sent.context} is cut to half"
    least = FEWEST * sent.fewest if ratio is None else CALIBRATED * ratio * sent.prompt
    if read < least:
        return f"only {read} tokens were read of at least {math.floor(least)} sent"
    return ""
