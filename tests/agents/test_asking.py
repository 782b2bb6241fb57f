"""Asking a panel over real sockets, without faults."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from filelock import FileLock

import mechpert_al as mp
from mechpert_al.agents import folder, read_panel
from mechpert_al.agents.answers import judge
from mechpert_al.agents.description import Description, completed
from mechpert_al.agents.duty import Patience
from mechpert_al.agents.live import Asked, ask
from mechpert_al.agents.store import AnswerStore
from mechpert_al.agents.verification import damage_of, verified
from mechpert_al.config import PanelDescription
from mechpert_al.errors import DataError, IntegrityError
from mechpert_al.testing.agents import FakeOllama, answers
from mechpert_al.testing.made_up_answers import good_answer

GENES = tuple(f"GENE{number}" for number in range(1, 25))
QUICK = Patience(pause=0.01, longest=0.02, busy_tries=3)


def description(**settings: object) -> Description:
    agents = {
        "one": {"lens_text": "Look at regulation."},
        "two": {"lens_text": "Look at complexes."},
        "base": {"lens_text": "Look at similarity.", "role": "baseline"},
    }
    base = {"name": "toy", "model": "fake:1b", "agent": agents, "max_regulators": 4}
    return completed(PanelDescription.model_validate({**base, **settings}))


def run(folder: Path, *servers: FakeOllama, n: int = 6, **settings: object) -> Asked:
    told = description(read_timeout=1.0, connect_timeout=1.0, **settings)
    hosts = [server.host for server in servers]
    return ask(told, GENES, GENES[:n], folder, hosts=hosts, patience=QUICK)


def test_every_agent_answers_every_target(tmp_path: Path) -> None:
    with FakeOllama() as server:
        asked = run(tmp_path, server)
    assert asked.unanswered == {"one": [], "two": [], "base": []}
    panel = read_panel(tmp_path)
    assert panel.candidates == GENES
    assert panel.voters == ("one", "two")
    assert all(panel.answered[name] == set(GENES[:6]) for name in panel.agents)
    assert not panel.dropped
    # every proposal is exactly what the server said
    said = {}
    for body in server.answered:
        target = body["format"]["properties"]["target"]["enum"][0]
        agent = {"reg": "one", "com": "two", "sim": "base"}[
            body["messages"][0]["content"].split("Look at ")[1][:3]
        ]
        said[agent, target] = judge(good_answer(body), [target], GENES).proposals[target]
    assert len(said) == 18
    found: dict = {key: [] for key in said}
    for h in panel.hypotheses:
        found[h.agent, h.target].append((h.regulator, h.direction, h.confidence))
    assert found == {
        key: [(p["gene"], p["direction"], p["confidence"]) for p in proposals]
        for key, proposals in said.items()
    }


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server, n=4)
        before = (tmp_path / "01-one.jsonl").read_bytes()
        assert len(server.asked) == 12
        run(tmp_path, server, n=4)
        assert len(server.asked) == 12
        assert (tmp_path / "01-one.jsonl").read_bytes() == before
        run(tmp_path, server, n=7)
        assert len(server.asked) == 21


def test_earlier_targets_stay_in_the_panel(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server, n=7)
        run(tmp_path, server, n=2)
    assert read_panel(tmp_path).answered["one"] == set(GENES[:7])


def test_a_run_does_not_write_over_what_another_has_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, write_lines = description(), folder._write_lines
    others: list[threading.Thread] = []

    def interrupted(path: Path, lines: Iterable[str]) -> None:
        """Let another run come to its end between what is read and what is written."""
        read = list(lines)
        if read and not others:
            others.append(threading.Thread(target=ask_about, args=(GENES[3:6],)))
            others[0].start()
            while len(server.answered) < 18 and others[0].is_alive():
                time.sleep(0.01)
            others[0].join(1.0)  # without a lock it ends here
        write_lines(path, read)

    def ask_about(targets: tuple[str, ...]) -> None:
        ask(told, GENES, targets, tmp_path, hosts=[server.host], patience=QUICK)

    monkeypatch.setattr(folder, "_write_lines", interrupted)
    with FakeOllama() as server:
        ask_about(GENES[:3])
        others[0].join()
    assert len(server.asked) == 18
    panel = read_panel(tmp_path)
    assert panel.answered == {name: set(GENES[:6]) for name in panel.agents}
    verified(tmp_path)


def test_a_panel_that_another_process_writes_without_end_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "PATIENCE", 0.05)
    with FakeOllama() as server:
        with FileLock(tmp_path / folder.LOCK), pytest.raises(DataError, match="another process"):
            run(tmp_path, server)
        assert not any(run(tmp_path, server).unanswered.values())


def test_evidence_is_another_question_whose_answer_takes_the_place_of_the_earlier(
    tmp_path: Path,
) -> None:
    told = description()
    with FakeOllama() as server:
        ask(told, GENES, GENES[:5], tmp_path, hosts=[server.host])
        before = read_panel(tmp_path)
        for _ in range(2):  # the second time it is there
            evidence = {"GENE2": "GENE7 did the opposite.", "GENE4": "Nothing changed."}
            targets = ["GENE2", "GENE4"]
            ask(told, GENES, targets, tmp_path, evidence=evidence, hosts=[server.host])
    assert len(server.asked) == 15 + 6
    assert "GENE7 did the opposite." in server.asked[15]["messages"][1]["content"]
    after = read_panel(tmp_path)
    assert after.answered == before.answered
    changed = {h.target for h in set(before.hypotheses) ^ set(after.hypotheses)}
    assert {"GENE2", "GENE4"} == changed
    verified(tmp_path)


def test_agents_are_independent(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server)
    for body in server.asked:
        text = "".join(message["content"] for message in body["messages"])
        assert text.count("Look at ") == 1
        assert "made up" not in text  # what fake answers state as mechanism


def test_the_target_stands_last_and_all_before_it_is_shared(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server)
    commons = {body["messages"][0]["content"] for body in server.asked}
    assert len(commons) == 3  # one an agent
    for body in server.asked:
        target = body["format"]["properties"]["target"]["enum"][0]
        assert len(body["messages"]) == 2
        assert body["messages"][1]["content"] == f"Target: {target}"


@pytest.mark.parametrize("per_call", [2, 4])
def test_several_targets_in_a_call(tmp_path: Path, per_call: int) -> None:
    with FakeOllama() as server:
        asked = run(tmp_path, server, targets_per_call=per_call)
    assert len(server.asked) == 3 * -(-6 // per_call)
    assert not any(asked.unanswered.values())
    assert read_panel(tmp_path).answered["two"] == set(GENES[:6])


def test_two_servers_share_the_work(tmp_path: Path) -> None:
    with FakeOllama(seconds=0.02) as first, FakeOllama(seconds=0.02) as second:
        run(tmp_path, first, second, n=20)
        assert len(first.asked) + len(second.asked) == 60
        assert min(len(first.asked), len(second.asked)) > 5


def test_an_answer_is_asked_for_again_with_its_error(tmp_path: Path) -> None:
    bad = answers(lambda text: text.replace("confidence_percent", "confidence"))
    with FakeOllama(script=[bad] * 1) as server:
        asked = run(tmp_path, server, n=1, max_regulators=1, agent={"x": {"lens_text": "Look"}})
    if len(server.asked) == 2:  # the made-up answer had a proposal to spoil
        told = server.asked[1]["messages"][-1]["content"]
        assert "confidence_percent must be a whole number" in told
    assert asked.unanswered == {"x": []}


def test_the_store_can_be_verified_and_shows_what_was_changed(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server, n=3)
    with AnswerStore(tmp_path) as store:
        assert damage_of(store) == []
        assert len(store.answered()) == 9
        key = sorted(store.answered())[0]
        assert {**store.body(key), "keep_alive": "30m"} in server.asked
        store.database.write([("UPDATE answers SET text = '{}' WHERE key = ?", (key,))])
        assert damage_of(store) == [f"answer {key}: its text is not what came"]


@pytest.mark.parametrize("per_call", [1, 2])
def test_a_line_that_was_taken_out_of_a_panel_is_missed(tmp_path: Path, per_call: int) -> None:
    with FakeOllama() as server:
        run(tmp_path, server, n=3, targets_per_call=per_call, context="Cells.")
        verified(tmp_path)
        file = tmp_path / "02-two.jsonl"
        lines = file.read_text().splitlines(keepends=True)
        for kept in (lines[:1] + lines[2:], []):
            file.write_text("".join(kept))
            with pytest.raises(IntegrityError, match=r"02-two.jsonl: no line for two, GENE2") as e:
                verified(tmp_path)
            assert ("GENE1" in str(e.value)) == (not kept)
        run(tmp_path, server, n=3, targets_per_call=per_call, context="Cells.")
    assert verified(tmp_path).n_lines == 9


def test_answers_that_a_kill_left_unwritten_are_said_to_be_in_progress(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server, n=2)
        before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.glob("*.json*")}
        run(tmp_path, server, n=3)
        for path, (content, moment) in before.items():  # as a kill would have left them
            path.write_bytes(content)
            os.utime(path, ns=(moment, moment))
        with pytest.raises(IntegrityError, match=r"in progress: 3 answers.*two, GENE3") as caught:
            verified(tmp_path)
        assert "the same ask command again" in str(caught.value.hint)
        run(tmp_path, server, n=3)
    assert verified(tmp_path).n_lines == 9


def test_answers_of_panels_that_were_put_aside_are_not_missed(tmp_path: Path) -> None:
    with FakeOllama() as server:
        for number, context in ((4, "Cells."), (2, "Other cells."), (1, "Cells.")):
            run(tmp_path, server, n=number, context=context)
            assert verified(tmp_path).n_lines == 3 * number


@pytest.mark.parametrize("key", ["seed", "model_digest"])
def test_answers_of_another_agent_or_model_do_not_pass_for_its_own(
    tmp_path: Path, key: str
) -> None:
    with FakeOllama() as server:
        run(tmp_path, server, n=3)
    verified(tmp_path)
    if key == "seed":
        lines = (tmp_path / "02-two.jsonl").read_text()
        (tmp_path / "01-one.jsonl").write_text(lines.replace('"agent": "two"', '"agent": "one"'))
    else:
        document = json.loads((tmp_path / "panel.json").read_text())
        document["agents"]["one"]["model_digest"] = "0" * 64
        (tmp_path / "panel.json").write_text(json.dumps(document))
    with pytest.raises(IntegrityError, match=f"01-one.jsonl, line 1: GENE1: .* of the {key}"):
        verified(tmp_path)


def test_a_store_with_spoilt_bytes_is_said_to_be_damaged(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server)
    file = tmp_path / "answers.sqlite"
    data = bytearray(file.read_bytes())
    data[4096 : len(data) // 2] = bytes(len(data) // 2 - 4096)
    file.write_bytes(data)
    with pytest.raises(IntegrityError, match="the database"):
        verified(tmp_path)
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(IntegrityError, match="not an answer store"):
        verified(tmp_path)


def test_a_full_disk_ends_the_run_and_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = AnswerStore._prepare

    def small(store: AnswerStore) -> None:
        prepare(store)
        store.database._writer.execute("PRAGMA max_page_count = 24")

    with FakeOllama() as server:
        with monkeypatch.context() as patched:
            patched.setattr(AnswerStore, "_prepare", small)
            with pytest.raises(DataError, match="disk is full"):
                run(tmp_path, server, n=24)
        kept = verified(tmp_path).n_answers
        assert 0 < kept < 72
        n_before = len(server.asked)
        assert not any(run(tmp_path, server, n=24).unanswered.values())
        assert len(server.asked) == n_before + 72 - kept


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    AnswerStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "answers.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(IntegrityError, match="newer version"):
        AnswerStore(tmp_path)


def test_a_store_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server)
        with AnswerStore(tmp_path) as store:
            store.database.write([("DROP TABLE models", ()), ("PRAGMA user_version = 1", ())])
        run(tmp_path, server)
        assert len(server.asked) == 18
    run(tmp_path, server)  # what the models are is known again: no server is needed


def test_a_run_that_was_killed_before_its_first_answer_can_be_started_again(
    tmp_path: Path,
) -> None:
    (tmp_path / "answers.sqlite.claims").touch()
    with FakeOllama() as server:
        assert not any(run(tmp_path, server).unanswered.values())


def test_a_closed_store_claims_nothing(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path)
    assert store.claim("f" * 64)
    store.close()
    assert not store.claim("f" * 64)
    store.release("f" * 64)  # does nothing, and raises nothing


def test_short_lists_are_recorded_and_only_their_genes_enumerated(tmp_path: Path) -> None:
    genes = tuple(f"GENE{number}" for number in range(1, 601))
    with FakeOllama() as server:
        told = description(context_tokens=2048)
        ask(told, genes, genes[:2], tmp_path, hosts=[server.host], patience=QUICK)
    document = json.loads((tmp_path / "panel.json").read_text())
    shown = document["short_lists"]["n_shown"]
    assert all(20 <= number < 600 for number in shown.values())
    for body in server.asked:
        gene = body["format"]["properties"]["regulators"]["items"]["properties"]["gene"]
        assert len(gene["enum"]) in shown.values()
        assert f"Candidates: {', '.join(gene['enum'])}\n" in body["messages"][1]["content"]
    panel = read_panel(tmp_path)
    assert len(panel.candidates) == 600
    assert not panel.dropped


def test_many_candidates_are_not_enumerated(tmp_path: Path) -> None:
    with FakeOllama() as server:
        asked = run(tmp_path, server, enumerate_up_to=5)
    assert not any(asked.unanswered.values())
    assert not read_panel(tmp_path).dropped
    gene = server.asked[0]["format"]["properties"]["regulators"]["items"]["properties"]["gene"]
    assert "enum" not in gene


def test_a_panel_is_asked_in_one_line_of_python(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(
        'name = "toy"\nmodel = "fake:1b"\n[agent.one]\nlens_text = "Look."\n'
    )
    with FakeOllama() as server:
        asked = mp.ask(
            tmp_path / "toy.toml", GENES[:5], None, tmp_path / "panel", hosts=[server.host]
        )
        with pytest.raises(DataError, match="TP53"):
            mp.ask(tmp_path / "toy.toml", GENES, ["TP53"], tmp_path / "p", hosts=[server.host])
    assert asked.unanswered == {"one": []}
    assert mp.read_panel(asked.folder).answered["one"] == set(GENES[:5])
