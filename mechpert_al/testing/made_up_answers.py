"""What the fake server says: answers that a request's schema allows, line by line."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping
from typing import Any

_TOKENS = re.compile(r"[A-Za-z]{1,4}|\d{1,2}|[^\sA-Za-z0-9]")


def piece(body: Mapping[str, Any], text: str, thinking: str = "", **more: Any) -> dict[str, Any]:
    """One line of an answer."""
    message = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    return {"model": body["model"], "message": message, "done": False, **more}


def tokens(text: str) -> int:
    """Tokens of a text, to this server."""
    return len(_TOKENS.findall(text))


def ending(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """What the last line of an answer adds."""
    prompt = sum(tokens(message["content"]) + 4 for message in body["messages"])
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 2_000_000,
        "prompt_eval_count": prompt,
        "prompt_eval_duration": 1_000_000,
        "eval_count": tokens(text),
        "eval_duration": 1_000_000,
    }


def good_answer(body: Mapping[str, Any]) -> str:
    """An answer that the schema of a request allows; the same for the same request."""
    seed = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    draws = random.Random(seed)
    schema = body["format"]["properties"]
    if "answers" in schema:
        part = schema["answers"]["items"]["properties"]
        parts = [_part(part, target, body, draws) for target in part["target"]["enum"]]
        return json.dumps({"answers": parts})
    return json.dumps(_part(schema, schema["target"]["enum"][0], body, draws))


def _part(
    schema: Mapping[str, Any], target: str, body: Mapping[str, Any], draws: random.Random
) -> dict[str, Any]:
    listed = schema["regulators"]
    proposal = listed["items"]["properties"]
    genes = proposal["gene"].get("enum") or _candidates(body)
    others = [gene for gene in genes if gene != target]
    number = draws.randint(0, min(listed["maxItems"], len(others)))
    return {
        "target": target,
        "regulators": [
            {
                "gene": gene,
                "direction": draws.choice(proposal["direction"]["enum"]),
                "confidence_percent": draws.randint(1, 99),
                **({"mechanism": "made up"} if "mechanism" in proposal else {}),
            }
            for gene in draws.sample(others, number)
        ],
    }


def _candidates(body: Mapping[str, Any]) -> list[str]:
    text = "\n".join(message["content"] for message in body["messages"])
    return text.split("Candidates: ")[1].split("\n")[0].split(", ")
