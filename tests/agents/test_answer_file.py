"""What was admitted from an agent's file, as columns and kept in the cache directory."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import answer_file, read_panel
from mechpert_al.agents.admission import Dropped, Hypothesis
from mechpert_al.agents.admitted import Admitted
from mechpert_al.agents.panel import Panel
from mechpert_al.consensus import ConsensusNetwork

GENES = ("RPL3", "RPL4", "MYC", "GATA1")
SAID = {
    "RPL3": [
        {
            "gene": "RPL4",
            "direction": 1,
            "confidence": 0.8,
            "mechanism": "60S – große Untereinheit",
        },
        {"gene": "NOBODY", "direction": 1, "confidence": 0.5},
        {"gene": "MYC", "direction": -1, "confidence": 0.25},
    ],
    "RPL4": [],
    "STRANGER": [{"gene": "MYC", "direction": 1, "confidence": 0.5}],
    "MYC": [{"gene": "GATA1", "direction": -1, "confidence": 1, "mechanism": "α\nβ"}],
}
HYPOTHESES = (
    ("one", "RPL3", "RPL4", 1, 0.8, "60S – große Untereinheit"),
    ("one", "RPL3", "MYC", -1, 0.25, ""),
    ("one", "MYC", "GATA1", -1, 1.0, "α\nβ"),
    ("two", "GATA1", "RPL3", 1, 0.5, ""),
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory, in which what is read of any file is kept."""
    monkeypatch.setenv("MECHPERT_AL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(answer_file, "LONG", 0)
    return tmp_path / "cache" / "panels"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "panel"
    place.mkdir()
    write(place, "one", SAID)
    write(place, "two", {"GATA1": [{"gene": "RPL3", "direction": 1, "confidence": 0.5}]})
    agents = {name: {"file": f"{name}.jsonl"} for name in ("one", "two")}
    about = {"name": "p", "format": "mechpert-al panel 1", "agents": agents, "candidates": GENES}
    (place / "panel.json").write_text(json.dumps(about))
    return place


def write(folder: Path, agent: str, said: dict[str, list[dict[str, object]]]) -> None:
    lines = [json.dumps({"target": target, "regulators": said[target]}) for target in said]
    (folder / f"{agent}.jsonl").write_text("\n".join(lines) + "\n")


def is_as_written(panel: Panel) -> bool:
    return (
        tuple(panel.hypotheses) == HYPOTHESES
        and panel.answered == {"one": {"RPL3", "RPL4", "MYC"}, "two": {"GATA1"}}
        and panel.unknown_targets == {"one": ("STRANGER",), "two": ()}
        and [(one.agent, one.target, one.regulator, one.reason, one.line) for one in panel.dropped]
        == [("one", "RPL3", "NOBODY", "unknown_gene", 1)]
        and type(panel.dropped[0]) is Dropped
        and json.loads(panel.dropped[0].text) == SAID["RPL3"][1]
    )


@pytest.fixture
def nothing_is_checked(cache: Path, folder: Path) -> Iterator[pytest.MonkeyPatch]:
    """Whoever reads the panel takes what is kept of it, or fails."""
    assert is_as_written(read_panel(folder))

    def checked(*arguments: object) -> Admitted:
        raise AssertionError("the file was checked again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer_file, "_admitted", checked)
        yield patch


# ---------------------------------------------------------------------- the cache
@pytest.mark.usefixtures("nothing_is_checked")
def test_a_file_is_checked_once(cache: Path, folder: Path) -> None:
    assert len(list(cache.iterdir())) == 2
    panel = read_panel(folder)
    assert is_as_written(panel)
    assert panel.counts()["dropped"]["unknown_gene"] == 1
    assert read_panel(folder, ["two"]).hypotheses == HYPOTHESES[3:]


@pytest.mark.usefixtures("nothing_is_checked")
@pytest.mark.parametrize("change", ["answers", "candidates", "agent", "rules"])
def test_what_differs_is_checked_again(
    folder: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = json.loads((folder / "panel.json").read_text())
    if change == "answers":
        write(folder, "one", {**SAID, "RPL4": [{"gene": "MYC", "direction": 1, "confidence": 1}]})
    elif change == "candidates":
        about["candidates"] = [*GENES, "NOBODY"]
    elif change == "agent":
        about["agents"] = {"three": {"file": "one.jsonl"}}
    else:
        monkeypatch.setattr(answer_file, "VERSION", answer_file.VERSION + 1)
    (folder / "panel.json").write_text(json.dumps(about))
    with pytest.raises(AssertionError, match="checked again"):
        read_panel(folder)


def test_a_changed_file_takes_the_place_of_the_old_one(cache: Path, folder: Path) -> None:
    read_panel(folder)
    write(folder, "one", {"MYC": []})
    assert read_panel(folder).hypotheses == HYPOTHESES[3:]
    assert read_panel(folder).hypotheses == HYPOTHESES[3:]
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_cache_is_passed_over_and_mended(cache: Path, folder: Path) -> None:
    """Wherever a byte is wrong, what is read is what stands in the panel's own file."""
    read_panel(folder)
    kept = max(cache.iterdir(), key=lambda path: path.stat().st_size)
    whole = kept.read_bytes()
    rng = np.random.default_rng(1)
    places = rng.integers(0, len(whole), 150).tolist()
    flipped = [whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in places]
    for damaged in (*flipped, whole[: len(whole) // 2], whole[:-30], b"", b"no archive"):
        kept.write_bytes(damaged)
        assert is_as_written(read_panel(folder))
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("content", [b"no archive", b"", b"PK\x05\x06" + bytes(18)])
def test_a_rightly_sealed_file_of_another_form_is_passed_over(
    cache: Path, folder: Path, content: bytes
) -> None:
    key = answer_file._key((folder / "one.jsonl").read_bytes(), "one", GENES)
    place = answer_file._place(folder / "one.jsonl")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(answer_file._seal(key, content) + content)
    assert is_as_written(read_panel(folder))


def test_another_files_cache_is_passed_over(cache: Path, folder: Path) -> None:
    read_panel(folder)
    one, two = cache.iterdir()
    one_bytes, two_bytes = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_bytes)
    two.write_bytes(one_bytes)
    assert is_as_written(read_panel(folder))
    assert (one.read_bytes(), two.read_bytes()) == (one_bytes, two_bytes)


def test_without_a_place_to_keep_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MECHPERT_AL_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(answer_file, "LONG", 0)
    assert is_as_written(read_panel(folder))


def test_short_files_are_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MECHPERT_AL_CACHE", str(tmp_path / "cache"))
    assert os.stat(folder / "one.jsonl").st_size < answer_file.LONG
    assert is_as_written(read_panel(folder))
    assert not (tmp_path / "cache").exists()


# ---------------------------------------------------------------------- hypotheses as columns
def test_hypotheses_are_a_sequence(folder: Path) -> None:
    found = read_panel(folder).hypotheses
    assert len(found) == 4
    assert list(found) == list(HYPOTHESES)
    assert all(type(one) is Hypothesis for one in found)
    assert (found[0], found[-1], found[1:3]) == (HYPOTHESES[0], HYPOTHESES[3], HYPOTHESES[1:3])
    assert found == HYPOTHESES
    assert found != HYPOTHESES[:3]
    assert found.of_pair("RPL3", "MYC", {"one", "two"}) == [HYPOTHESES[1]]
    assert found.of_pair("RPL3", "MYC", {"two"}) == found.of_pair("MYC", "RPL3", {"one"}) == []
    assert found.of_pair("STRANGER", "MYC", {"one"}) == []
    assert pickle.loads(pickle.dumps(found)) == found


def test_links_in_numbers(folder: Path) -> None:
    panel = read_panel(folder)
    by_hand = Panel("p", panel.agents, GENES, tuple(panel.hypotheses), panel.answered)
    for one in (panel, by_hand):
        targets, regulators, values = one.signed_links("one")
        assert targets.tolist() == [0, 0, 2]
        assert regulators.tolist() == [1, 2, 3]
        assert values.tolist() == [0.8, -0.25, -1.0]
        assert one.signed_links("two")[2].tolist() == [0.5]


def test_evidence_of_a_pair_is_found_in_either_form(folder: Path) -> None:
    panel = read_panel(folder)
    by_hand = replace(panel, hypotheses=tuple(panel.hypotheses))
    for one in (panel, by_hand):
        network = ConsensusNetwork.from_panel(one)
        assert network.evidence("RPL4", "RPL3") == (HYPOTHESES[0],)
        assert network.evidence("RPL3", "GATA1") == (HYPOTHESES[3],)
        assert network.only(["one"]).evidence("RPL3", "GATA1") == ()
        assert network.extended(["NEW"]).evidence("NEW", "RPL3") == ()
