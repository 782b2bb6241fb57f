"""Which proposals of an answer are admitted as hypotheses, and why others are dropped.

Nothing is repaired: a proposal is admitted as it stands or dropped under a named reason, and what
was dropped is data about the agent that said it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

#: Why a hypothesis is not admitted, and what that means.
DROP_REASONS: Mapping[str, str] = {
    "malformed": "not an object with gene, direction and confidence of the right types",
    "confidence": "confidence is not a number above 0 and up to 1",
    "direction": "direction is neither +1 nor -1",
    "self_proposal": "the target itself is named as its regulator",
    "unknown_gene": "the regulator is not a candidate",
    "duplicate": "the same regulator again for the same target (the first one is kept)",
    "contradiction": "the same regulator in both directions for one target (none is kept)",
}


class Hypothesis(NamedTuple):
    """One agent's claim: measuring ``regulator`` tells about ``target``."""

    agent: str
    target: str
    regulator: str
    direction: int
    confidence: float
    mechanism: str


class Dropped(NamedTuple):
    """A hypothesis that was not admitted, and why (a key of `DROP_REASONS`)."""

    agent: str
    target: str
    regulator: str
    reason: str
    line: int
    text: str


class Answer(NamedTuple):
    """One agent's raw answer about one target; ``line`` is its place in the file."""

    target: str
    regulators: Sequence[Any]
    line: int = 0


def admit(
    agent: str, answer: Answer, candidates: Mapping[str, str] | Iterable[str]
) -> tuple[list[Hypothesis], list[Dropped]]:
    """Check one raw answer, hypothesis by hypothesis.

    Parameters
    ----------
    agent
        Who answered.
    answer
        The target and the list of proposals as they came.
    candidates
        The genes that may be proposed; a mapping gives, for each spelling, the candidate meant.

    Returns
    -------
    admitted, dropped
        Every proposal is in one of the two.
    """
    names = candidates if isinstance(candidates, Mapping) else {gene: gene for gene in candidates}
    first: dict[str, Hypothesis] = {}
    raw: dict[str, Any] = {}
    dropped: list[Dropped] = []
    contradicted: dict[str, None] = {}
    for proposal in answer.regulators:
        reason, hypothesis = _checked(agent, answer.target, proposal, names)
        if hypothesis is not None:
            gene = hypothesis.regulator
            if gene not in first:
                first[gene], raw[gene] = hypothesis, proposal
                continue
            reason = "duplicate"
            if first[gene].direction != hypothesis.direction:
                reason = "contradiction"
                contradicted[gene] = None
        dropped.append(_dropped(agent, answer, proposal, reason))
    for gene in contradicted:
        del first[gene]
        dropped.append(_dropped(agent, answer, raw[gene], "contradiction"))
    return list(first.values()), dropped


def _checked(
    agent: str, target: str, proposal: Any, names: Mapping[str, str]
) -> tuple[str, Hypothesis | None]:
    """The reason to drop a proposal ("" when there is none) and the hypothesis it states."""
    # This runs for every proposal of every answer: a dict is the usual case, and tested first.
    if not isinstance(proposal, (dict, Mapping)) or not isinstance(proposal.get("gene"), str):
        return "malformed", None
    confidence: Any = proposal.get("confidence")
    direction: Any = proposal.get("direction")
    if not (_is_number(confidence) and _is_number(direction)):
        return "malformed", None
    if not 0 < confidence <= 1:  # false for NaN too
        return "confidence", None
    if direction not in (1, -1):
        return "direction", None
    gene = names.get(proposal["gene"])
    if gene == target or proposal["gene"] == target:
        return "self_proposal", None
    if gene is None:
        return "unknown_gene", None
    mechanism = proposal.get("mechanism", "")
    mechanism = mechanism if isinstance(mechanism, str) else ""
    if not (_is_writable(mechanism) and _is_writable(target)):
        return "malformed", None
    return "", Hypothesis(agent, target, gene, int(direction), float(confidence), mechanism)


def _dropped(agent: str, answer: Answer, proposal: Any, reason: str) -> Dropped:
    gene = str(proposal.get("gene", "")) if isinstance(proposal, Mapping) else ""
    text = json.dumps(proposal, ensure_ascii=False, default=str)[:300]
    return Dropped(
        agent, _written(answer.target), _written(gene), reason, answer.line, _written(text)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_writable(text: str) -> bool:
    """Whether a text can be written to a file: halves of characters cannot."""
    return text.isascii() or _written(text) == text


def _written(text: str) -> str:
    """A text with what cannot be written replaced."""
    return text.encode(errors="replace").decode()
