"""The state is a fold over the records: what each does, and that contradictions are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mechpert_al.campaign.journal import FORMAT, Journal, Reading
from mechpert_al.campaign.state import CampaignState, Source, replayed
from mechpert_al.errors import IntegrityError

TIME = "2026-01-02T03:04:05+00:00"


def created(**more: Any) -> dict[str, Any]:
    return {
        "kind": "created", "time": TIME, "format": FORMAT, "version": "0.1.0", "campaign": "demo",
        "seed": 7, "n_candidates": 9, "consensus": "c0ffee", **more,
    }  # fmt: skip


def proposed(round: int, *genes: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "proposed", "time": TIME, "round": round, "genes": list(genes), "seed": 7,
        "strategy": "random", "consensus": "c0ffee", "effects": None, "constraints": {},
        "order": {}, **more,
    }  # fmt: skip


def ingested(file: str, *genes: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "ingested", "time": TIME, "file": file, "sha256": "5ha", "copy_of": None,
        "effects": f"{file}.h5ad", "options": {}, "genes": list(genes), **more,
    }  # fmt: skip


def withdrawn(fate: str, *genes: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "withdrawn", "time": TIME, "genes": list(genes), "fate": fate, "reason": "lost",
        **more,
    }  # fmt: skip


@pytest.fixture
def fold(tmp_path: Path):
    """The state that records lead to, through a journal on disk."""

    def state_after(*records: dict[str, Any]) -> CampaignState:
        journal, reading = Journal(tmp_path / "journal.jsonl"), Reading()
        for record in records:
            reading = journal.append(reading, record)
        return replayed(journal.read(), journal.path)

    return state_after


def test_a_life(fold):
    state = fold(
        created(),
        proposed(1, "A", "B", "C", "D"),
        ingested("one", "A", "X", not_ordered=["X"]),
        withdrawn("failed", "B"),
        withdrawn("abandoned", "C"),
        proposed(2, "B", bridging=["A"]),
        ingested("two", "D", pooled=["A"]),
        ingested("three", replaced=["X"]),
    )

    assert state.measured == {
        "A": (Source("one", "one.h5ad"), Source("two", "two.h5ad")),
        "X": (Source("three", "three.h5ad"),),
        "D": (Source("two", "two.h5ad"),),
    }
    assert state.pending == {"B": 2}
    assert state.due == {}
    assert state.failed == {}
    assert state.abandoned == {"C": "lost"}
    assert state.n_records == 8
    assert state.stamp.seq == 8
    assert set(state.genes) == {"A", "B", "C", "D", "X"}


def test_dropping_measurements(fold):
    state = fold(
        created(), proposed(1, "A"), ingested("one", "A"), withdrawn("failed", "A", dropped=["A"])
    )

    assert state.measured == {}
    assert state.failed == {"A": "lost"}
    assert state.stamp.seq == 4  # the derived effects must follow


def test_what_changes_no_measurement_leaves_the_stamp(fold):
    state = fold(created(), ingested("one", "A"), proposed(1, "B"), withdrawn("failed", "B"))

    assert state.stamp.seq == 2


@pytest.mark.parametrize(
    ("records", "line", "said"),
    [
        ([proposed(1, "A")], 1, "begins with a record 'proposed'"),
        ([created(), created()], 2, "created again"),
        ([created(), proposed(2, "A")], 2, "round 2 follows round 0"),
        ([created(), proposed(1, "A"), proposed(1, "B")], 3, "round 1 follows round 1"),
        ([created(), ingested("one", "A"), proposed(1, "A")], 3, "A: proposed, but measured"),
        ([created(), proposed(1, "A"), proposed(2, "A")], 3, "A: proposed, but pending"),
        ([created(), withdrawn("abandoned", "A"), proposed(1, "A")], 3, "but abandoned"),
        ([created(), proposed(1, "A", bridging=["B"])], 2, "B: measured again, but not measured"),
        ([created(), ingested("one", "A"), ingested("two", "A")], 3, "for the first time twice"),
        ([created(), ingested("one", replaced=["A"])], 2, "A: measured again, but not measured"),
        ([created(), ingested("one", pooled=["A"])], 2, "A: measured again, but not measured"),
        ([created(), withdrawn("failed", "A", dropped=["A"])], 2, "A: not measured, but dropped"),
        ([created(), {"kind": "eaten", "time": TIME}], 2, "eaten"),
        ([created(), {"time": TIME}], 2, "kind"),
        ([created(), withdrawn("lost", "A")], 2, "fate"),
        ([created(), withdrawn("failed", "A", colour="red")], 2, "colour"),
        ([created(seed="many")], 1, "seed"),
        ([{key: value for key, value in created().items() if key != "format"}], 1, "format"),
    ],
)
def test_contradictory_records_are_found_with_their_line(fold, records, line, said):
    """Records whose hashes are right, written by something that is not this program."""
    with pytest.raises(IntegrityError) as caught:
        fold(*records)

    assert f"line {line}: " in caught.value.message
    assert said in caught.value.message
    assert "backup" in caught.value.hint
