"""The JSON schema that binds an answer.

A server enforces an enumeration and the bounds of an integer, not those of a number: confidence is
therefore asked for as a whole percentage, and direction as a word. Nothing here is trusted when the
answer comes; `mechpert_al.agents.answers` checks everything again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Direction by its word.
DIRECTIONS = {"same": 1, "opposite": -1}
#: A symbol where candidates are too many to enumerate; anchored, as servers demand.
SYMBOL = "^[A-Za-z0-9][A-Za-z0-9._/@-]{0,39}$"
#: Raised when the form of answers changes.
VERSION = 1


def answer_schema(
    targets: Sequence[str],
    candidates: Sequence[str],
    *,
    max_regulators: int,
    enumerate_up_to: int,
    mechanisms: bool = True,
    is_directed: bool = True,
) -> dict[str, Any]:
    """Schema of the answer to one question.

    Parameters
    ----------
    targets
        Genes asked about. One target is answered by an object with ``target`` and ``regulators``,
        several by an object with ``answers``, a list of such objects.
    candidates
        Genes that may be proposed; a single target is never among those it may get.
    max_regulators
        The most proposals for a target.
    enumerate_up_to
        Up to this number of candidates the schema lists them; above it, only their form is given.
    mechanisms
        Whether a proposal states its mechanism.
    is_directed
        Whether proposals may point the other way.
    """
    proposal: dict[str, Any] = {
        "gene": _gene(targets, candidates, enumerate_up_to),
        "direction": {"type": "string", "enum": list(DIRECTIONS)[: 2 if is_directed else 1]},
        "confidence_percent": {"type": "integer", "minimum": 1, "maximum": 99},
    }
    if mechanisms:
        proposal["mechanism"] = {"type": "string"}
    answer = _object(
        {
            "target": {"type": "string", "enum": list(targets)},
            "regulators": {
                "type": "array",
                "maxItems": max_regulators,
                "items": _object(proposal),
            },
        }
    )
    if len(targets) == 1:
        return answer
    number = len(targets)
    return _object(
        {"answers": {"type": "array", "minItems": number, "maxItems": number, "items": answer}}
    )


def _gene(targets: Sequence[str], candidates: Sequence[str], limit: int) -> dict[str, Any]:
    if len(candidates) > limit + 1:
        return {"type": "string", "pattern": SYMBOL}
    own = targets[0] if len(targets) == 1 else None
    allowed = [gene for gene in candidates if gene != own]
    if 0 < len(allowed) <= limit:
        return {"type": "string", "enum": allowed}
    return {"type": "string", "pattern": SYMBOL}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
