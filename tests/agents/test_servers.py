"""Limits of calls, servers that come and go, and agents that have servers of their own."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from mechpert_al.agents import hosts, read_panel
from mechpert_al.agents.description import Description, completed
from mechpert_al.agents.duty import Patience
from mechpert_al.agents.faults import Fault
from mechpert_al.agents.live import Asked, ask
from mechpert_al.agents.verification import verified
from mechpert_al.agents.wire import LINE, Flooded, lines
from mechpert_al.config import PanelDescription
from mechpert_al.errors import BackendError
from mechpert_al.testing import agents as fake
from mechpert_al.testing.agents import MODEL, FakeOllama
from mechpert_al.testing.made_up_answers import good_answer, piece

GENES = ("ATF4", "DDIT3", "EIF2AK4", "PSMA1", "PSMA3", "PSMB1", "MED12", "CCNC")
TARGETS = GENES[:3]
QUICK = Patience(pause=0.01, longest=0.02, busy_tries=2)


def description(**settings: object) -> Description:
    base = {"name": "toy", "model": MODEL, "max_regulators": 3, "tries": 2, "connect_timeout": 0.5}
    agents = {"one": {"lens_text": "Look at regulation."}, "two": {"lens_text": "At complexes."}}
    return completed(PanelDescription.model_validate({**base, "agent": agents, **settings}))


def run(folder: Path, *servers: FakeOllama, **settings: object) -> Asked:
    there = [server.host for server in servers]
    return ask(description(**settings), GENES, TARGETS, folder, hosts=there, patience=QUICK)


def failures(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "failures.jsonl").read_text().splitlines()]


# ---------------------------------------------------------------------- limits of a call
@pytest.mark.parametrize("head", [False, True])
def test_an_answer_that_drips_ends_all_the_same(tmp_path: Path, head: bool) -> None:
    script = [fake.drips(0.05, head=head)]
    with FakeOllama(script=script) as server:
        asked = run(tmp_path, server, read_timeout=0.5, stall_timeout=0.5, answer_timeout=0.6)
    assert not any(asked.unanswered.values())
    assert [one["kind"] for one in failures(tmp_path)] == ["slow"]
    assert "answer_timeout" in failures(tmp_path)[0]["remedy"]
    assert "0.6 s" in failures(tmp_path)[0]["message"]


@pytest.mark.parametrize(
    "part", [b"x" * 60_000, b"\n" * 60_000, json.dumps(piece({"model": MODEL}, "y")).encode()]
)
def test_an_answer_without_end_does_not_fill_the_memory(tmp_path: Path, part: bytes) -> None:
    part += b"\n" if part.endswith(b"}") else b""
    with FakeOllama(script=[fake.endless(part)], keeps_bodies=False) as server:
        tracemalloc.start()
        asked = run(tmp_path, server)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert not any(asked.unanswered.values())
    (kept,) = failures(tmp_path)
    assert kept["kind"] == "flood"
    assert len(kept["text"]) <= 10_000
    assert peak < 20_000_000


def test_lines_are_those_of_the_text_however_it_is_cut() -> None:
    text = b'{"a": 1}\n\n{"b": "\xc3\xa9"}\n{"c'
    for size in range(1, len(text) + 1):
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert list(lines(chunks)) == [b'{"a": 1}', b'{"b": "\xc3\xa9"}', b'{"c']
    assert len(next(lines([b"x" * LINE]))) == LINE
    with pytest.raises(Flooded):
        list(lines([b"x" * LINE, b"x"]))


def test_a_prompt_may_be_read_for_longer_than_words_may_stay_away(tmp_path: Path) -> None:
    limits = {"read_timeout": 5.0, "stall_timeout": 0.3}

    def slow_to_begin(handler: fake.Handler, body: dict) -> None:
        time.sleep(0.8)
        handler.send_answer(body, good_answer(body))

    with FakeOllama(script=[slow_to_begin, fake.hang(begun=True)]) as server:
        start = time.monotonic()
        asked = run(tmp_path, server, **limits)
        assert time.monotonic() - start < 5.0  # the hang was not waited for that long
        assert len(server.asked) == 7
    assert not any(asked.unanswered.values())
    assert [(one["kind"], one["targets"]) for one in failures(tmp_path)] == [("hang", ["DDIT3"])]
    assert "0.3 s" in failures(tmp_path)[0]["message"]


# ---------------------------------------------------------------------- coming and going
def test_a_short_restart_of_the_only_server_is_waited_for(tmp_path: Path) -> None:
    with FakeOllama(script=[None, fake.restarts(0.5)]) as server:
        asked = run(tmp_path, server, outage=30.0)
        assert len(server.answered) == 6
    assert not any(asked.unanswered.values())
    assert not asked.left_out
    assert [one["kind"] for one in failures(tmp_path)] == ["broken"]
    verified(tmp_path)


def test_a_server_that_stays_away_ends_the_run_after_the_stated_time(tmp_path: Path) -> None:
    with FakeOllama(script=[None, fake.dies()]) as server:
        start = time.monotonic()
        with pytest.raises(BackendError) as caught:
            run(tmp_path, server, outage=0.7)
        assert time.monotonic() - start >= 0.7
    assert caught.value.exit_code == 4
    assert read_panel(tmp_path).answered["one"] == {"ATF4"}
    verified(tmp_path)


def test_a_server_that_fails_for_a_while_is_not_left_out(tmp_path: Path) -> None:
    until = time.monotonic() + 0.6

    def script(body: dict) -> fake.Act | None:
        return fake.status(500, "runner stopped") if time.monotonic() < until else None

    with FakeOllama(script=script) as server:
        asked = ask(
            description(outage=30.0, tries=20),
            GENES,
            TARGETS,
            tmp_path,
            hosts=[server.host],
            patience=Patience(pause=0.02, longest=0.1),
        )
    assert not any(asked.unanswered.values())
    assert not asked.left_out
    assert len({one["targets"][0] for one in failures(tmp_path)}) >= 3


def test_who_waits_for_a_server_stops_when_others_have_done_its_work(tmp_path: Path) -> None:
    with FakeOllama(script=[fake.dies()]) as first, FakeOllama(seconds=0.05) as second:
        start = time.monotonic()
        asked = run(tmp_path, first, second, outage=3600.0)
        assert time.monotonic() - start < 600
        assert list(asked.left_out) == [first.host]
    assert not any(asked.unanswered.values())


# ---------------------------------------------------------------------- models and hosts
TWO = {
    "one": {"lens_text": "Look at regulation.", "model": "a:1b"},
    "two": {"lens_text": "Look at complexes.", "model": "b:1b"},
}
A, B = {"a:1b": "a" * 64}, {"b:1b": "b" * 64}


def asked_as(server: FakeOllama) -> set[str]:
    return {body["model"] for body in server.asked}


def test_servers_are_asked_for_the_models_that_they_have(tmp_path: Path) -> None:
    notes: list[str] = []
    with FakeOllama(models=A) as first, FakeOllama(models=B) as second:
        hosts = [first.host, second.host]
        told = description(agent=TWO)
        asked = ask(told, GENES, TARGETS, tmp_path, hosts=hosts, note=notes.append)
        assert (asked_as(first), asked_as(second)) == ({"a:1b"}, {"b:1b"})
    assert not any(asked.unanswered.values())
    assert not asked.left_out
    assert "ollama pull b:1b" in notes[0]
    agents = json.loads((tmp_path / "panel.json").read_text())["agents"]
    assert {n: one["model_digest"] for n, one in agents.items()} == {
        "one": "a" * 64,
        "two": "b" * 64,
    }


def test_a_model_that_differs_on_one_server_is_not_asked_there(tmp_path: Path) -> None:
    with (
        FakeOllama(models={**A, **B}) as first,
        FakeOllama(models={**A, "b:1b": "c" * 64}, seconds=0.01) as second,
    ):
        asked = run(tmp_path, first, second, agent=TWO)
        assert asked_as(second) <= {"a:1b"}
    assert not any(asked.unanswered.values())


def test_agents_may_have_servers_of_their_own(tmp_path: Path) -> None:
    with FakeOllama() as first, FakeOllama() as second, FakeOllama() as third:
        own = {
            "one": {"lens_text": "Look at regulation.", "hosts": [second.host, third.host]},
            "two": {"lens_text": "Look at complexes."},
        }
        told = description(agent=own, hosts=[first.host])
        asked = ask(told, GENES, TARGETS, tmp_path)
        texts = [
            {body["messages"][0]["content"].split("Look at ")[1][:3] for body in one.asked}
            for one in (first, second, third)
        ]
        assert texts[0] == {"com"}
        assert texts[1] | texts[2] == {"reg"}
        # an address that is given counts for all
        ask(told, GENES, GENES, tmp_path, hosts=[first.host])
        assert len(first.asked) == 3 + 10
    assert not any(asked.unanswered.values())


def test_an_agent_without_a_server_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    with FakeOllama(models=A) as server:
        with pytest.raises(BackendError, match="b:1b") as caught:
            run(tmp_path, server, agent=TWO)
        assert not server.asked
    assert "ollama pull b:1b" in caught.value.hint


def test_when_one_agent_loses_its_server_the_others_go_on(tmp_path: Path) -> None:
    with (
        FakeOllama(models=A, script=[fake.dies()]) as first,
        FakeOllama(models=B) as second,
        pytest.raises(BackendError, match="broke"),
    ):
        run(tmp_path, first, second, agent=TWO, outage=0.1)
    assert read_panel(tmp_path).answered == {"one": set(), "two": set(TARGETS)}
    verified(tmp_path)


# ---------------------------------------------------------------------- later runs
def test_a_complete_folder_needs_no_server(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server)
        host = server.host
    before = {p.name: p.read_bytes() for p in tmp_path.glob("*.json*")}
    told, notes = description(), []  # type: ignore[var-annotated]
    asked = ask(told, GENES, TARGETS, tmp_path, hosts=[host], note=notes.append)
    assert asked.progress.stored == 6
    assert not any(asked.unanswered.values())
    assert "no server is needed" in notes[-1]
    after = {p.name: p.read_bytes() for p in tmp_path.glob("*.json*")}
    assert after == before
    with pytest.raises(BackendError):
        ask(told, GENES, GENES, tmp_path, hosts=[host])
    assert read_panel(tmp_path).answered["one"] == set(TARGETS)


def test_what_a_model_can_is_known_although_the_server_does_not_say_it_again(
    tmp_path: Path,
) -> None:
    with FakeOllama(capabilities=("completion", "thinking")) as server:
        run(tmp_path, server)
        server.capabilities = None
        server.context = 0
        run(tmp_path, server)
        assert len(server.asked) == 6


@pytest.mark.parametrize(
    "act", [fake.status(503), fake.status(500), fake.breaks()], ids=["busy", "error", "broken"]
)
def test_what_a_model_can_is_asked_again_of_a_server_in_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: fake.Act
) -> None:
    monkeypatch.setattr(hosts, "PAUSE", 0.01)
    thinking = ("completion", "thinking")
    with FakeOllama(capabilities=thinking, shows=[act, act, None, act]) as server:
        run(tmp_path, server)
        assert [body.get("think") for body in server.asked] == [False] * 6
        run(tmp_path, server)
        assert len(server.asked) == 6


def test_a_server_that_never_says_what_a_model_can_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "PAUSE", 0.01)
    trouble = [fake.status(500, "out of files")] * hosts.TRIES
    with FakeOllama(shows=[*trouble, None]) as server:
        with pytest.raises(Fault, match="does not say what model") as caught:
            run(tmp_path, server)
        assert caught.value.exit_code == 4
        assert caught.value.name == "server_error"
        assert str(caught.value).count("out of files") == 1
        assert f"ollama show {MODEL}" in caught.value.hint
        assert not server.asked
        assert not any(run(tmp_path, server).unanswered.values())
    with FakeOllama(shows=trouble) as one, FakeOllama() as other:  # another can say it
        run(tmp_path / "two", one, other)
        assert (len(one.asked), len(other.asked)) == (0, 6)


def test_a_server_too_old_to_say_what_a_model_can_is_asked_and_this_is_said(tmp_path: Path) -> None:
    notes: list[str] = []
    with FakeOllama(shows=[fake.status(404, "404 page not found")] * 2) as server:
        ask(description(), GENES, TARGETS, tmp_path, hosts=[server.host], note=notes.append)
        assert not any("think" in body for body in server.asked)
        assert len(server.asked) == 6
    assert [note for note in notes if MODEL in note and "whether" in note]


def test_a_later_run_sends_no_request_again(tmp_path: Path) -> None:
    bad = fake.says('{"target": "ATF4", "regulators": 3}')
    with FakeOllama(script=[bad] * 5) as server:
        agents = {"one": {"lens_text": "Look at regulation."}}
        runs = [
            ask(description(agent=agents), GENES, GENES[:1], tmp_path, hosts=[server.host])
            for _ in range(3)
        ]
        assert [one.unanswered["one"] for one in runs] == [["ATF4"], ["ATF4"], []]
        sent = [json.dumps(body) for body in server.asked]
        assert len(set(sent)) == len(sent) == 6  # two tries a run, each with a seed of its own
        seeds = [body["options"]["seed"] for body in server.asked]
        assert seeds == list(range(seeds[0], seeds[0] + 6))
        told = server.asked[2]["messages"]  # the first request of the second run
        assert told[-2]["content"] == '{"target": "ATF4", "regulators": 3}'
        assert 'expected an object with "target"' in told[-1]["content"]
    assert [one["attempt"] for one in failures(tmp_path)] == [1, 2, 3, 4, 5]
    verified(tmp_path)


def cut_then(n: int) -> Callable[[dict], fake.Act | None]:
    left = [fake.ends(done_reason="length")] * n
    return lambda body: left.pop() if left else None


def test_a_later_run_goes_on_with_more_room(tmp_path: Path) -> None:
    agents = {"one": {"lens_text": "Look at regulation."}}
    with FakeOllama(script=cut_then(2)) as server:
        for _ in range(2):
            ask(description(agent=agents), GENES, GENES[:1], tmp_path, hosts=[server.host])
        room = [body["options"]["num_predict"] for body in server.asked]
        assert room[1] == 2 * room[0] < room[2]
        assert len({body["options"]["num_ctx"] for body in server.asked}) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"read_timeout": 77.0, "stall_timeout": 9.0, "answer_timeout": 99.0, "outage": 5.0},
        {"keep_alive": "1m"},
        {"tries": 9, "calls_per_host": 2, "connect_timeout": 1.0},
    ],
)
def test_how_servers_are_reached_is_no_part_of_a_question(tmp_path: Path, settings: dict) -> None:
    with FakeOllama() as server:
        run(tmp_path, server, answer_tokens=200)
        before = (tmp_path / "01-one.jsonl").read_bytes()
        run(tmp_path, server, answer_tokens=200, **settings)
        assert len(server.asked) == 6
        assert server.asked[0]["keep_alive"] == "30m"  # it is sent all the same
    assert (tmp_path / "01-one.jsonl").read_bytes() == before
    assert not list(tmp_path.glob("earlier*"))


def test_what_other_settings_brought_is_kept(tmp_path: Path) -> None:
    notes: list[str] = []
    agents = {"one": {"lens_text": "Look at loops."}, "two": {"lens_text": "At complexes."}}
    with FakeOllama() as server:
        run(tmp_path, server)
        before = read_panel(tmp_path)
        server.is_dead = True
        with pytest.raises(BackendError):
            run(tmp_path, server, agent=agents)
        assert read_panel(tmp_path).hypotheses == before.hypotheses  # nothing was asked yet
        server.is_dead = False
        told = description(agent=agents, context_tokens=8192)
        asked = ask(told, GENES, TARGETS[:1], tmp_path, hosts=[server.host], note=notes.append)
    assert not any(asked.unanswered.values())
    after = read_panel(tmp_path)
    assert after.answered == {"one": {"ATF4"}, "two": set(TARGETS)}  # two was asked alike
    aside = read_panel(tmp_path / "earlier-1")
    assert aside.hypotheses == before.hypotheses
    assert notes == [
        f"one: asked otherwise than before (lens). The panel as it was is kept in "
        f"{tmp_path / 'earlier-1'}."
    ]
    assert not (tmp_path / "earlier-2").exists()
    verified(tmp_path)


def test_the_answers_of_an_agent_that_is_not_asked_any_more_are_kept(tmp_path: Path) -> None:
    with FakeOllama() as server:
        run(tmp_path, server)
        run(tmp_path, server, agent={"two": {"lens_text": "At complexes."}})
    assert read_panel(tmp_path).answered == {"two": set(TARGETS)}
    assert read_panel(tmp_path / "earlier-1").answered["one"] == set(TARGETS)


def test_an_agent_keeps_its_answers_when_another_is_put_before_it(tmp_path: Path) -> None:
    more = {"new": {"lens_text": "Look at nothing."}}
    agents = {"one": {"lens_text": "Look at regulation."}, "two": {"lens_text": "At complexes."}}
    with FakeOllama() as server:
        run(tmp_path, server)
        told = description(agent={**more, **agents})
        ask(told, GENES, TARGETS[:1], tmp_path, hosts=[server.host])
    found = read_panel(tmp_path)
    assert found.answered == {"new": {"ATF4"}, "one": set(TARGETS), "two": set(TARGETS)}
    assert not list(tmp_path.glob("earlier*"))


def test_a_prompt_that_was_cut_unseen_does_not_hide_others(tmp_path: Path) -> None:
    """The first answer calibrates what is expected; a fuller one corrects it."""
    estimate = 330  # about what is estimated for these prompts
    counts = iter([int(0.62 * estimate), int(0.95 * estimate), int(0.62 * estimate)])

    def script(body: dict) -> fake.Act | None:
        return fake.ends(prompt_eval_count=next(counts, int(0.95 * estimate)))

    with FakeOllama(script=script) as server:
        asked = run(tmp_path, server)
    assert not any(asked.unanswered.values())
    assert [(one["kind"], one["targets"]) for one in failures(tmp_path)] == [
        ("truncated_prompt", ["EIF2AK4"])
    ]
