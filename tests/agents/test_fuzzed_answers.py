"""Thousands of spoilt answers: nothing invalid is admitted, nothing crashes or is invented."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.agents.answers import MECHANISM, judge, strictly_parsed
from mechpert_al.agents.panel import Answer, admit
from mechpert_al.agents.schema import DIRECTIONS

GENES = ("ATF4", "DDIT3", "EIF2AK4", "PSMA1", "PSMA3", "MT-CO1", "HLA-A", "C1orf43")
TARGET = "ATF4"

#: Values that were seen, or that are one step from what is allowed.
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 99, 100, 101, -5, 0.5, 1.0, 85.0, 1e15, 10**400, "", " ",
    "same", "Same", "opposite", "up", "+1", "high", "50", "ATF4", "atf4", "TP53", "DDIT3 ",
    "\u2063DDIT3", "\ud800", "\x00", "../../etc", "<script>", "A" * 5000, [], {}, [[]],
    ["DDIT3"], {"gene": "DDIT3"},
)  # fmt: skip
KEYS = ("target", "regulators", "gene", "direction", "confidence_percent", "mechanism", "answers")


def good(draws: random.Random) -> dict[str, Any]:
    genes = draws.sample(GENES[1:], draws.randint(0, 5))
    return {
        "target": TARGET,
        "regulators": [
            {
                "gene": gene,
                "direction": draws.choice(list(DIRECTIONS)),
                "confidence_percent": draws.randint(1, 99),
                "mechanism": "binds it",
            }
            for gene in genes
        ],
    }


# ---------------------------------------------------------------------- mutations of the document
def places(document: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with every key in it."""
    keys = (
        list(document)
        if isinstance(document, dict)
        else range(len(document))
        if isinstance(document, list)
        else ()
    )
    found = [(document, key) for key in keys]
    for key in keys:
        found += places(document[key])
    return found


def replaced(document: Any, draws: random.Random) -> None:
    container, key = draws.choice(places(document))
    container[key] = draws.choice(ODD)


def removed(document: Any, draws: random.Random) -> None:
    container, key = draws.choice(places(document))
    del container[key]


def renamed(document: Any, draws: random.Random) -> None:
    container, key = draws.choice(places(document))
    if isinstance(container, dict):
        container[draws.choice(KEYS)] = container.pop(key)


def repeated(document: Any, draws: random.Random) -> None:
    listed = document.get("regulators")
    if isinstance(listed, list) and listed:
        again = draws.choice(listed)
        if isinstance(again, dict):
            listed.append({**again, "direction": draws.choice(ODD[18:22])})


def added(document: Any, draws: random.Random) -> None:
    container, _ = draws.choice(places(document))
    if isinstance(container, dict):
        container[draws.choice(KEYS)] = draws.choice(ODD)
    else:
        container.append(draws.choice(ODD))


# ---------------------------------------------------------------------- mutations of the text
def cut(text: str, draws: random.Random) -> str:
    return text[: draws.randrange(len(text) + 1)]


def struck(text: str, draws: random.Random) -> str:
    place = draws.randrange(len(text) + 1)
    return (
        text[:place]
        + draws.choice(["", "\x00", '"', "}", "]", ",", "\\", "é", "9"])
        + text[place + 1 :]
    )


def wrapped(text: str, draws: random.Random) -> str:
    before, after = draws.choice(
        [("```json\n", "\n```"), ("Sure! ", ""), ("", " Done."), ("[", "]")]
    )
    return before + text + after


def unquoted(text: str, draws: random.Random) -> str:
    return text.replace(*draws.choice([('"', "'"), (": ", ":NaN,"), ("[", "[["), ("99", "1e999")]))


DOCUMENTS: tuple[Callable, ...] = (replaced, removed, renamed, repeated, added)
TEXTS: tuple[Callable, ...] = (cut, struck, wrapped, unquoted)


def mutated(seed: int) -> str:
    draws = random.Random(seed)
    document = good(draws)
    for _ in range(draws.randint(0, 3)):
        if places(document):
            draws.choice(DOCUMENTS)(document, draws)
    text = json.dumps(document, ensure_ascii=draws.random() < 0.5)
    if draws.random() < 0.4:
        text = draws.choice(TEXTS)(text, draws)
    return text


# ---------------------------------------------------------------------- what must hold
def examine(text: str) -> int:
    """Number of hypotheses that were admitted, all of which are what the text itself states."""
    judged = judge(text, [TARGET], frozenset(GENES))
    assert judged.faults or list(judged.proposals) == [TARGET]
    if judged.faults:
        "\n".join(judged.faults).encode()  # what the agent is told can be written
        return 0
    proposals = judged.proposals[TARGET]
    json.dumps(proposals, ensure_ascii=False).encode()  # can be written
    stated = json.loads(text)
    assert stated["target"] == TARGET
    assert len(proposals) == len(stated["regulators"])  # nothing lost, nothing invented
    genes = [one["gene"] for one in proposals]
    has_none = bool(genes) and not any(gene in GENES and gene != TARGET for gene in genes)
    assert judged.hollow == ([TARGET] if has_none else [])
    hypotheses, dropped = admit("agent", Answer(TARGET, proposals), GENES)
    assert len(hypotheses) + len(dropped) == len(proposals)
    for one in hypotheses:
        assert one.regulator in GENES
        assert one.regulator != TARGET
        assert one.direction in (1, -1)
        assert 0.01 <= one.confidence <= 0.99
        assert len(one.mechanism) <= MECHANISM
        assert [
            part
            for part in stated["regulators"]
            if part["gene"] == one.regulator
            and type(part["confidence_percent"]) is int
            and part["confidence_percent"] == round(100 * one.confidence)
            and DIRECTIONS[part["direction"]] == one.direction
        ]
    return len(hypotheses)


def test_five_thousand_mutated_answers() -> None:
    texts = [mutated(seed) for seed in range(5000)]
    admitted = [examine(text) for text in texts]
    n_spoilt = sum(bool(judge(text, [TARGET], frozenset(GENES)).faults) for text in texts)
    # the mutations spoil many answers and leave many whole: both ways are tested
    assert n_spoilt > 1000
    assert sum(admitted) > 1000


@given(st.text())
def test_any_text(text: str) -> None:
    assert examine(text) == 0 or TARGET in text


json_values = st.recursive(
    st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries({"target": st.just(TARGET), "regulators": st.lists(json_values)})
    | json_values
)
@settings(max_examples=300)
def test_any_document(document: Any) -> None:
    examine(json.dumps(document))


@given(json_values, st.lists(st.sampled_from(GENES), min_size=2, max_size=4, unique=True))
def test_any_document_for_several_targets(document: Any, targets: list[str]) -> None:
    judged = judge(json.dumps(document), targets, frozenset(GENES))
    assert judged.faults or set(judged.proposals) == set(targets)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 100_000,
        '{"target": "ATF4", "regulators": [' + "{}," * 10_000,
        "\ufeff{}",
        "null",
        '"ATF4"',
        '{"target": "ATF4", "regulators": null}',
        '{"target": ["ATF4"], "regulators": []}',
        '{"target": "ATF4", "target": "ATF4", "regulators": []}',
        '{"target": "ATF4", "regulators": [{"gene": "DDIT3", "direction": "same", '
        '"confidence_percent": ' + "9" * 5000 + "}]}",
    ],
    ids=range(11),
)
def test_corpus(text: str) -> None:
    assert judge(text, [TARGET], frozenset(GENES)).faults


def test_strict_reading_refuses_what_cannot_be_written_again() -> None:
    for text in ('"\\ud800"', "NaN", "[Infinity]", '{"a": 1, "a": 2}'):
        with pytest.raises(ValueError):  # noqa: PT011 - messages are those of several parts
            strictly_parsed(text)
    assert strictly_parsed('{"a": [1, 2.5, "\\u00e9"]}') == {"a": [1, 2.5, "é"]}
