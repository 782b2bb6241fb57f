"""From the text of an answer to proposals, or to a list of what is wrong with it.

The text is untrusted. It is read strictly or not at all: nothing is clamped, completed, spelt
right or taken out of surrounding talk.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mechpert_al.agents.schema import DIRECTIONS

#: Characters of a mechanism that are kept.
MECHANISM = 300
#: Faults that an agent is told of at a time.
TOLD = 8


@dataclass
class Judged:
    """An answer after its examination.

    Parameters
    ----------
    proposals
        For each target the proposals as a panel file has them; a target is there only if its part
        of the answer has the right form.
    faults
        Why the answer cannot be used, in words for the agent.
    rejected
        Proposals of the right form that are not admissible (an unknown gene, the target itself), in
        words for the agent. They stay among ``proposals``, where reading the panel counts them.
    """

    proposals: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    #: Targets that got proposals, none of which is admissible: no answer, and no empty one either.
    hollow: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether every target has a part of the right form."""
        return not self.faults


def judge(
    text: str,
    targets: Sequence[str],
    candidates: Collection[str],
    *,
    most: int | None = None,
    is_directed: bool = True,
) -> Judged:
    """Examine an answer.

    Parameters
    ----------
    text
        As it came.
    targets
        Genes asked about.
    candidates
        Genes that may be proposed; fast to look up in.
    most
        The most proposals for a target; any number if None, as for an answer that was used.
    is_directed
        Whether proposals may point the other way.
    """
    judged = Judged()
    try:
        document = strictly_parsed(text)
    except (ValueError, RecursionError) as error:
        judged.faults.append(f"it is not JSON: {_short(error)}")
        return judged
    for part in _parts(document, targets, judged):
        _judge_part(part, targets, candidates, judged)
    judged.faults += _beyond(judged.proposals, most, is_directed)
    missing = [target for target in targets if target not in judged.proposals]
    if missing and not judged.faults:
        judged.faults.append(f"no answer for {', '.join(missing)}")
    return judged


def strictly_parsed(text: str) -> Any:
    """A JSON document without repeated keys, without NaN, whose every text can be written again.

    Raises
    ------
    ValueError, RecursionError
        It is none.
    """
    document = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_number)
    json.dumps(document, ensure_ascii=False).encode()
    return document


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def _parts(document: Any, targets: Sequence[str], judged: Judged) -> list[Any]:
    """The part of each target."""
    if len(targets) == 1:
        return [document]
    parts = document.get("answers") if isinstance(document, Mapping) else None
    if not isinstance(parts, list):
        judged.faults.append('expected an object with "answers", a list')
        return []
    return parts


def _judge_part(
    part: Any, targets: Sequence[str], candidates: Collection[str], judged: Judged
) -> None:
    target = part.get("target") if isinstance(part, Mapping) else None
    listed = part.get("regulators") if isinstance(part, Mapping) else None
    if not isinstance(target, str) or not isinstance(listed, list):
        judged.faults.append('expected an object with "target", a text, and "regulators", a list')
    elif target not in targets:
        judged.faults.append(f"{target[:40]!r} was not asked about")
    elif target in judged.proposals:
        judged.faults.append(f"{target} is answered twice")
    else:
        wrong = [fault for one in listed if (fault := _form(one, target))]
        judged.faults += wrong
        if not wrong:
            judged.proposals[target] = [_proposal(one) for one in listed]
            rejected = [
                fault for one in listed if (fault := _standing(one["gene"], target, candidates))
            ]
            judged.rejected += rejected
            if listed and len(rejected) == len(listed):
                judged.hollow.append(target)


def _beyond(
    proposals: Mapping[str, Sequence[Mapping[str, Any]]], most: int | None, is_directed: bool
) -> Iterator[str]:
    """What of the right form the question did not allow."""
    for target, listed in proposals.items():
        if most is not None and len(listed) > most:
            yield f"{target}: {len(listed)} proposals, where at most {most} were asked for"
        if not is_directed and any(one["direction"] != DIRECTIONS["same"] for one in listed):
            yield f"{target}: direction must always be same"


def _form(one: Any, target: str) -> str:
    """What is wrong with the form of a proposal; empty if nothing is."""
    if not isinstance(one, Mapping) or not isinstance(one.get("gene"), str):
        return f"{target}: a proposal is an object with gene, direction and confidence_percent"
    where = f"{target}, {one['gene'][:40]!r}"
    percent = one.get("confidence_percent")
    if isinstance(percent, bool) or not isinstance(percent, int):
        return f"{where}: confidence_percent must be a whole number, found {_short(percent)}"
    if not 1 <= percent <= 99:
        return f"{where}: confidence_percent must be from 1 to 99, found {_short(percent)}"
    direction = one.get("direction")
    if not isinstance(direction, str) or direction not in DIRECTIONS:
        return f"{where}: direction must be same or opposite, found {_short(direction)}"
    if not isinstance(one.get("mechanism", ""), str):
        return f"{where}: mechanism must be a text"
    return ""


def _standing(gene: str, target: str, candidates: Collection[str]) -> str:
    """Why a gene may not be proposed; empty if it may."""
    if gene == target:
        return f"{target} is the target itself and cannot be its own regulator"
    if gene not in candidates:
        return f"{gene[:40]!r} (for {target}) is not in the list of candidates"
    return ""


def _proposal(one: Mapping[str, Any]) -> dict[str, Any]:
    """A proposal as a panel file has it."""
    return {
        "gene": one["gene"],
        "direction": DIRECTIONS[one["direction"]],
        "confidence": one["confidence_percent"] / 100,
        "mechanism": one.get("mechanism", "")[:MECHANISM],
    }


def _short(value: object) -> str:
    try:
        return str(value)[:80]
    except ValueError:  # a whole number with thousands of digits
        return "a number without end"
