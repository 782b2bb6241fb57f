"""The panel reader: every proposal is admitted as it stands or dropped for a named reason."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechpert_al.agents.panel import DROP_REASONS, Answer, admit, read_panel
from mechpert_al.errors import DataError, UsageError

CANDIDATES = ("AARS", "HARS", "POLR2A", "SF3B1", "ÅNGSTRÖM1")


def proposal(gene: Any = "HARS", direction: Any = 1, confidence: Any = 0.5, **more: Any) -> dict:
    return {"gene": gene, "direction": direction, "confidence": confidence, **more}


def reasons(*proposals: Any, target: str = "AARS") -> list[str]:
    """Why each proposal of one answer was dropped; nothing may be admitted."""
    admitted, dropped = admit("agent", Answer(target, proposals), CANDIDATES)
    assert admitted == []
    assert len(dropped) == len(proposals)
    return [one.reason for one in dropped]


# ---------------------------------------------------------------------- admit
BAD = [
    ("HARS", "malformed"),
    (None, "malformed"),
    (["HARS", 1, 0.5], "malformed"),
    ({}, "malformed"),
    (proposal(gene=7), "malformed"),
    (proposal(gene=None), "malformed"),
    (proposal(direction="1"), "malformed"),
    (proposal(direction=True), "malformed"),
    (proposal(direction=None), "malformed"),
    (proposal(confidence="0.5"), "malformed"),
    (proposal(confidence=True), "malformed"),
    (proposal(confidence=[0.5]), "malformed"),
    (proposal(confidence=0), "confidence"),
    (proposal(confidence=-0.1), "confidence"),
    (proposal(confidence=1.0001), "confidence"),
    (proposal(confidence=math.nan), "confidence"),
    (proposal(confidence=math.inf), "confidence"),
    (proposal(confidence=10**400), "confidence"),
    (proposal(direction=0), "direction"),
    (proposal(direction=2), "direction"),
    (proposal(direction=0.5), "direction"),
    (proposal(direction=math.nan), "direction"),
    (proposal(direction=10**400), "direction"),
    (proposal(gene="AARS"), "self_proposal"),
    (proposal(gene="GENE99"), "unknown_gene"),
    (proposal(gene="hars"), "unknown_gene"),
    (proposal(gene=" HARS"), "unknown_gene"),
    (proposal(gene=""), "unknown_gene"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_each_drop_reason(bad: Any, reason: str) -> None:
    assert reasons(bad) == [reason]


def test_every_reason_is_tested_and_explained() -> None:
    assert {reason for _, reason in BAD} | {"duplicate", "contradiction"} == set(DROP_REASONS)
    assert all(DROP_REASONS.values())


def test_first_of_a_repeated_regulator_is_kept() -> None:
    admitted, dropped = admit(
        "agent",
        Answer(
            "AARS", [proposal(confidence=0.3), proposal("POLR2A"), proposal(confidence=0.9)], 12
        ),
        CANDIDATES,
    )
    assert [(h.regulator, h.confidence) for h in admitted] == [("HARS", 0.3), ("POLR2A", 0.5)]
    (lost,) = dropped
    assert (lost.reason, lost.regulator, lost.line) == ("duplicate", "HARS", 12)
    assert json.loads(lost.text)["confidence"] == 0.9


def test_a_contradiction_keeps_neither() -> None:
    admitted, dropped = admit(
        "agent",
        Answer(
            "AARS",
            [
                proposal(direction=1, mechanism="first"),
                proposal("SF3B1"),
                proposal(direction=-1),
                proposal(direction=1, confidence=0.7),
            ],
        ),
        CANDIDATES,
    )
    assert [h.regulator for h in admitted] == ["SF3B1"]
    assert Counter(one.reason for one in dropped) == {"contradiction": 2, "duplicate": 1}
    assert any("first" in one.text for one in dropped)  # what was said is still there, in full


def test_contradictions_are_listed_in_the_order_they_came() -> None:
    genes = [f"G{i}" for i in range(30)]
    twice = [proposal(g, d) for d in (1, -1) for g in genes]
    _, dropped = admit("agent", Answer("T", twice), [*genes, "T"])
    assert [one.regulator for one in dropped] == genes + genes


def test_a_well_formed_proposal_is_taken_as_it_stands() -> None:
    good = proposal(direction=-1.0, confidence=1, mechanism="same complex", extra="ignored")
    (hypothesis,), dropped = admit("agent", Answer("AARS", [good]), CANDIDATES)
    assert hypothesis == ("agent", "AARS", "HARS", -1, 1.0, "same complex")
    assert isinstance(hypothesis.direction, int)
    assert not dropped
    (silent,), _ = admit("agent", Answer("AARS", [proposal(mechanism=["a", "list"])]), CANDIDATES)
    assert silent.mechanism == ""


def test_spellings_lead_to_the_candidate_meant() -> None:
    names = {"AARS1": "AARS", "AARS": "AARS", "HARS": "HARS", "HARS1": "HARS"}
    admitted, dropped = admit(
        "agent", Answer("AARS", [proposal("HARS1"), proposal("HARS"), proposal("AARS1")]), names
    )
    assert [h.regulator for h in admitted] == ["HARS"]
    assert [one.reason for one in dropped] == ["duplicate", "self_proposal"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
near_proposals = st.fixed_dictionaries(
    {},
    optional={
        "gene": st.sampled_from([*CANDIDATES, "GENE99"]) | anything,
        "direction": st.sampled_from([1, -1, 1.0, 0, 2]) | anything,
        "confidence": st.floats(-0.5, 1.5) | anything,
        "mechanism": anything,
    },
)


@given(
    target=st.sampled_from([*CANDIDATES, "STRANGER"]),
    proposals=st.lists(near_proposals | anything, max_size=8),
)
def test_each_proposal_ends_in_exactly_one_place(target: str, proposals: list[Any]) -> None:
    admitted, dropped = admit("agent", Answer(target, proposals, 3), CANDIDATES)
    assert len(admitted) + len(dropped) == len(proposals)
    assert {one.reason for one in dropped} <= set(DROP_REASONS)
    pairs = Counter(hypothesis.regulator for hypothesis in admitted)
    assert all(count == 1 for count in pairs.values())
    for one in admitted:
        assert one.agent == "agent"
        assert one.target == target != one.regulator
        assert one.regulator in CANDIDATES
        assert one.direction in (1, -1)
        assert 0 < one.confidence <= 1
        assert isinstance(one.mechanism, str)
        # it stands in the answer as it is, and nothing in the answer contradicts it
        same = [p for p in proposals if isinstance(p, dict) and p.get("gene") == one.regulator]
        assert any(p.get("confidence") == one.confidence for p in same)
    for lost in dropped:
        assert (lost.agent, lost.target, lost.line) == ("agent", target, 3)
        lost.text.encode()


# ---------------------------------------------------------------------- a panel folder
@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a panel folder; keyword arguments replace parts of panel.json."""

    def write(answers: dict[str, list[Any]] | None = None, **about: Any) -> Path:
        answers = {"one": [], "two": []} if answers is None else answers
        document = {
            "name": "made-up",
            "format": "mechpert-al panel 1",
            "agents": {name: {"role": "mechanism", "file": f"{name}.jsonl"} for name in answers},
            "candidates": list(CANDIDATES),
            **about,
        }
        (tmp_path / "panel.json").write_text(json.dumps(document), encoding="utf-8")
        for name, lines in answers.items():
            text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
            (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def answer(target: str, *proposals: Any, **more: Any) -> dict[str, Any]:
    return {"target": target, "regulators": list(proposals), **more}


def test_empty_answers_are_not_missing_answers(folder: Callable[..., Path]) -> None:
    panel = read_panel(
        folder(
            {
                "one": [
                    answer("AARS", proposal()),
                    answer("HARS"),
                    answer("POLR2A", proposal("NOBODY")),
                    answer("GENE99", proposal()),
                ]
            }
        )
    )
    assert panel.answered["one"] == {"AARS", "HARS", "POLR2A"}
    assert panel.unanswered["one"] == ("SF3B1", "ÅNGSTRÖM1")
    assert panel.unknown_targets["one"] == ("GENE99",)
    counts = panel.counts()["agents"]["one"]
    assert counts["answered"] == 3
    assert counts["empty_answers"] == 1  # HARS; POLR2A was answered, if badly
    assert counts["unanswered"] == 2
    assert counts["unknown_targets"] == 1
    assert counts["admitted"] == 1
    assert counts["dropped"]["unknown_gene"] == 1


def test_counts_of_the_shipped_panel_by_hand() -> None:
    panel = read_panel("essential585")
    assert panel.folder is not None
    candidates = set((panel.folder / "candidates.txt").read_text().split())
    assert set(panel.candidates) == candidates
    total = 0
    for name, agent in panel.agents.items():
        lines = [
            json.loads(line)
            for line in (panel.folder / agent.file).read_text().splitlines()
            if line
        ]
        proposed = [(line["target"], r) for line in lines for r in line["regulators"]]
        good = {
            (target, r["gene"])
            for target, r in proposed
            if r["gene"] in candidates - {target} and target in candidates
        }
        counts = panel.counts()["agents"][name]
        assert counts["answered"] == len({line["target"] for line in lines} & candidates)
        assert counts["admitted"] + sum(counts["dropped"].values()) == len(proposed)
        assert {(h.target, h.regulator) for h in panel.hypotheses if h.agent == name} <= good
        total += counts["admitted"]
    assert total == len(panel.hypotheses) == panel.counts()["admitted"] > 10_000
    assert panel.voters == ("regulation", "complex", "response")
    assert panel.baselines == ("similarity",)


def test_only_some_agents(folder: Callable[..., Path]) -> None:
    place = folder({"one": [answer("AARS", proposal())], "two": []})
    assert list(read_panel(place, ["two"]).agents) == ["two"]
    with pytest.raises(UsageError, match="no agent 'three'") as caught:
        read_panel(place, ["three"])
    assert "one, two" in caught.value.hint


def test_candidates_from_a_file(folder: Callable[..., Path]) -> None:
    place = folder(candidates="genes.txt")
    (place / "genes.txt").write_bytes(b"\xef\xbb\xbfAARS\r\n\r\n HARS \r\nSF3B1")
    assert read_panel(place).candidates == ("AARS", "HARS", "SF3B1")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"format": "mechpert-al panel 2"}, "format is 'mechpert-al panel 2'"),
        ({"format": None}, "format is None"),
        ({"name": 7}, "'name'"),
        ({"agents": []}, "'agents'"),
        ({"agents": {"one": "one.jsonl"}}, "agents.one needs a key 'file'"),
        ({"agents": {"one": {"file": 3}}}, "agents.one needs a key 'file'"),
        ({"agents": {"one": {"file": "one.jsonl", "role": "judge"}}}, "role is 'judge'"),
        ({"agents": {"one": {"file": "one.jsonl", "role": ["mechanism"]}}}, "role is"),
        ({"candidates": None}, "'candidates'"),
        ({"candidates": []}, "no gene"),
        ({"candidates": ["AARS", "AARS"]}, "more than once: AARS"),
        ({"candidates": ["AARS", 9]}, "candidate 9 is not a text"),
        ({"candidates": ["AARS", None]}, "candidate None is not a text"),
        ({"candidates": ["AARS", "\ud800"]}, "not a JSON file in UTF-8"),
        ({"candidates": "elsewhere.txt"}, "elsewhere.txt: the candidate list"),
    ],
)
def test_wrong_panel_json(folder: Callable[..., Path], about: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as caught:
        read_panel(folder(**about))
    assert said in caught.value.message
    assert str(folder()) in caught.value.message


@pytest.mark.parametrize("part", ["agents", "candidates"])
@pytest.mark.parametrize(
    "name",
    ["../secret.jsonl", "/etc/passwd", "..", ".", "", "deep/er.jsonl", "here/../one.jsonl", "one/"],
)
def test_files_outside_the_folder_are_not_read(
    folder: Callable[..., Path], name: str, part: str
) -> None:
    about: dict[str, Any] = {"candidates": name}
    if part == "agents":
        about = {"agents": {"one": {"file": name}}}
    place = folder(**about)
    (place.parent / "secret.jsonl").write_text(json.dumps(answer("AARS", proposal())))
    with pytest.raises(DataError, match="not a plain file name"):
        read_panel(place)


@pytest.mark.parametrize("name", ["one.jsonl", "genes.txt", "panel.json"])
def test_links_out_of_the_folder_are_not_followed(
    folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """A panel from a stranger must not make somebody read another file of theirs."""
    place = folder(candidates="genes.txt")
    (place / "genes.txt").write_text("\n".join(CANDIDATES))
    read_panel(place)
    outside = (place / name).rename(tmp_path_factory.mktemp("outside") / name)
    (place / name).symlink_to(outside)
    with pytest.raises(DataError, match=rf"{re.escape(name)}: a link that leads out") as caught:
        read_panel(place)
    assert "Copy the file" in caught.value.hint


def test_links_within_the_folder_and_to_it_are_followed(
    folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = folder(candidates="genes.txt")
    (place / "list").write_text("\n".join(CANDIDATES))
    (place / "genes.txt").symlink_to("list")
    link = tmp_path_factory.mktemp("elsewhere") / "panel"
    link.symlink_to(place)
    assert read_panel(link).candidates == CANDIDATES


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not json",
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe{}",
        b"[" * 200_000,
        b'{"format": ' + b"9" * 5000 + b"}",
        b'{"format": "mechpert-al panel 1"',
    ],
    ids=range(8),
)
def test_a_panel_json_that_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "panel.json").write_bytes(text)
    with pytest.raises(DataError, match=r"panel\.json"):
        read_panel(tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"target": "AARS", "regul', "not a JSON object"),
        ("[" * 200_000, "not a JSON object"),
        ('{"target": "AARS", "regulators": [' + "9" * 5000 + "]}", "not a JSON object"),
        (r'{"target": "AARS", "regulators": ["\ud83d"]}', "not a JSON object"),
        ("[1]", "expected an object with 'target'"),
        ('{"target": 3, "regulators": []}', "expected an object with 'target'"),
        ('{"target": "AARS"}', "expected an object with 'target'"),
        ('{"target": "AARS", "regulators": {"gene": "HARS"}}', "expected an object"),
        ('{"agent": "two", "target": "AARS", "regulators": []}', "agent is 'two'"),
    ],
    ids=range(9),
)
def test_a_bad_line_is_named(folder: Callable[..., Path], line: str, said: str) -> None:
    place = folder({"one": [answer("HARS"), "", line]})
    with pytest.raises(DataError, match=r"one\.jsonl, line 3") as caught:
        read_panel(place)
    assert said in caught.value.message


def test_a_target_may_be_answered_once(folder: Callable[..., Path]) -> None:
    place = folder({"one": [answer("HARS"), answer("AARS"), answer("HARS")]})
    with pytest.raises(DataError, match="'HARS' is answered twice, on lines 1 and 3"):
        read_panel(place)


def test_missing_files(folder: Callable[..., Path], tmp_path: Path) -> None:
    place = folder()
    (place / "two.jsonl").unlink()
    with pytest.raises(DataError, match=r"two\.jsonl: the file of agent 'two'"):
        read_panel(place)
    (place / "latin.txt").write_bytes("ÅNGSTRÖM1".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt: not a text in UTF-8"):
        read_panel(folder(candidates="latin.txt"))
    with pytest.raises(DataError, match="no panel there") as caught:
        read_panel(tmp_path / "nowhere")
    assert "essential585" in caught.value.hint


def test_what_a_gene_is_said_to_do(folder: Callable[..., Path]) -> None:
    panel = read_panel(
        folder(
            {
                "one": [
                    answer("AARS", proposal(), proposal("SF3B1")),
                    answer("HARS", proposal("AARS")),
                ]
            }
        )
    )
    assert {(h.target, h.regulator) for h in panel.about_gene("HARS")} == {
        ("AARS", "HARS"),
        ("HARS", "AARS"),
    }
    assert list(panel.table().columns) == [
        "agent", "target", "regulator", "direction", "confidence", "mechanism",
    ]  # fmt: skip
    assert len(panel.table()) == 3
    assert "2 agents" not in repr(panel)
    assert "3 hypotheses" in repr(panel)


@given(
    st.sampled_from(["gene", "mechanism", "more"]),
    st.text(alphabet=st.characters(categories=["Cs", "Ll"]), min_size=1, max_size=5),
)
def test_halves_of_characters_are_admitted_nowhere(key: str, text: str) -> None:
    proposal = {"gene": "B", "direction": 1, "confidence": 0.5, "mechanism": "m", key: text}
    admitted, dropped = admit("a", Answer("A", [proposal]), ["A", "B"])
    for one in (*admitted, *dropped):
        "".join(map(str, one)).encode()  # all of it can be written
    is_half = any("\ud800" <= sign <= "\udfff" for sign in text)
    if key == "mechanism":
        assert [one.reason for one in dropped] == (["malformed"] if is_half else [])
    admitted, dropped = admit("a", Answer(f"A{text}", [{**proposal, key: "B"}]), ["A", "B"])
    for one in (*admitted, *dropped):
        "".join(map(str, one)).encode()
