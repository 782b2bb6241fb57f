"""Evidence files: by target, what its agents are told when they are asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mechpert_al import atomic
from mechpert_al.errors import DataError

#: What a file must be, in words.
EXPECTED = 'Expected one JSON object of texts by target, such as {"PSMA3": "…"}.'


def read_evidence(path: str | Path) -> dict[str, str]:
    """Read an evidence file: one JSON object, from target to text.

    Raises
    ------
    DataError
        It is not that, or holds nothing.
    """
    place = Path(path)
    try:
        document = json.loads(place.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{place}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: not UTF-8 text", EXPECTED) from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{place}: not JSON: {error}", EXPECTED) from error
    if not isinstance(document, dict) or not document:
        raise DataError(f"{place}: no texts by target", EXPECTED)
    for target, text in document.items():
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"{place}: the evidence on {target!r} is {text!r}", EXPECTED)
    return document


def write_evidence(path: str | Path, evidence: Mapping[str, str]) -> None:
    """Write an evidence file."""
    text = json.dumps(dict(evidence), ensure_ascii=False, indent=1)
    atomic.write_bytes(Path(path), text.encode() + b"\n")
