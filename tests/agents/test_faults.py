"""Every fault of a server, over real sockets: the folder stays whole, a second run completes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mechpert_al.agents import read_panel
from mechpert_al.agents.description import Description, completed
from mechpert_al.agents.duty import Patience
from mechpert_al.agents.live import Asked, ask
from mechpert_al.agents.store import AnswerStore
from mechpert_al.agents.verification import damage_of, verified
from mechpert_al.config import PanelDescription
from mechpert_al.errors import BackendError
from mechpert_al.testing import agents as fake
from mechpert_al.testing.agents import MODEL, Act, FakeOllama
from mechpert_al.testing.made_up_answers import piece

GENES = ("ATF4", "DDIT3", "EIF2AK4", "PSMA1", "PSMA3", "PSMB1", "MED12", "CCNC")
TARGETS = GENES[:3]
QUICK = Patience(pause=0.01, longest=0.02, busy_tries=2)
TRIES = 2


def description(**settings: object) -> Description:
    agents = {"one": {"lens_text": "Look at regulation."}, "two": {"lens_text": "At complexes."}}
    base = {"name": "toy", "model": MODEL, "agent": agents, "max_regulators": 3, "tries": TRIES}
    quick = {"read_timeout": 1.0, "connect_timeout": 1.0, "outage": 0.1}
    return completed(PanelDescription.model_validate({**base, **quick, **settings}))


def run(folder: Path, *servers: FakeOllama, **settings: object) -> Asked:
    hosts = [server.host for server in servers]
    return ask(description(**settings), GENES, TARGETS, folder, hosts=hosts, patience=QUICK)


def failures(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "failures.jsonl").read_text().splitlines()]


def good(change: Callable[[dict], object]) -> Act:
    """A good answer with one proposal, changed as a document."""

    def changed(text: str) -> str:
        document = json.loads(text)
        proposal = {"gene": "CCNC", "direction": "same", "confidence_percent": 60, "mechanism": ""}
        document["regulators"] = [proposal]
        result = change(document)
        return json.dumps(document if result is None else result)

    return fake.answers(changed)


def proposal(**changes: object) -> Act:
    return good(lambda document: document["regulators"][0].update(changes))


def first_meets(act: Act, n: int) -> Callable[[dict], Act | None]:
    """Play an act the first times that the first agent is asked about the first target."""
    left = [act] * n

    def script(body: dict) -> Act | None:
        is_first = body["format"]["properties"]["target"]["enum"] == ["ATF4"]
        is_first &= "Look at regulation" in body["messages"][0]["content"]
        return left.pop() if left and is_first else None

    return script


LONG = piece({"model": MODEL}, '{"target": "ATF4", "regulators": []}')
#: Name: what the server does, the kind under which it is kept, what the message must mention.
SCRIPTS: dict[str, tuple[Act, str, str]] = {
    "busy": (fake.status(503, "server busy"), "busy", "server busy"),
    "too many": (fake.status(429, "slow down"), "busy", "slow down"),
    "internal error": (fake.status(500, "llama runner stopped"), "server_error", "runner stopped"),
    "proxy page": (fake.status(502, "<html>bad</html>", "text/html"), "server_error", "<html>"),
    "error is a list": (
        lambda handler, body: handler.send_whole(b"[1]", 500), "garbled", "not what an Ollama",
    ),
    "page with 200": (fake.whole(b"<html>hello</html>", "text/html"), "garbled", "not what"),
    "a list with 200": (fake.whole(b"[]\n"), "garbled", "not what"),
    "a number with 200": (fake.whole(b"3\n"), "garbled", "not what"),
    "nothing with 200": (fake.whole(b""), "not_done", "done"),
    "not UTF-8": (fake.whole(b'{"message": "\xff\xfe"}\n'), "garbled", ""),
    "nested without end": (fake.whole(b'{"a":' * 200_000 + b"\n"), "garbled", "not what"),
    "no message": (fake.whole(b'{"done": true}\n'), "garbled", "message"),
    "hang at once": (fake.hang(), "hang", "no sign of life"),
    "hang in the middle": (fake.hang(begun=True), "hang", "no sign of life"),
    "reset at once": (fake.breaks(), "broken", "broke"),
    "end at once": (fake.breaks(politely=True), "broken", "broke"),
    "reset in the middle": (fake.breaks(begun=True), "broken", "broke"),
    "half a chunk": (fake.breaks(in_chunk=True, politely=True), "broken", "broke"),
    "half a line": (fake.stream(b'{"model": "fa'), "garbled", "not what"),
    "load only": (fake.says("", done_reason="load"), "load_only", "load"),
    "thinking only": (
        fake.says("", thinking="hm", done_reason="length"), "thinking_only", "num_predict",
    ),
    "thinking only, ended": (fake.says("", thinking='{"target"'), "thinking_only", "thinking"),
    "cut": (fake.ends(done_reason="length"), "cut", "length"),
    "white space": (
        fake.says('{"target"' + "\n " * 500, done_reason="length"), "white_space", "white space",
    ),
    "only white space": (fake.says("  \n\n "), "empty", "empty"),
    "done is false": (fake.ends(done=False), "not_done", "done"),
    "error in the stream": (
        fake.stream(LONG, {"error": "an error was encountered"}), "error_in_stream", "encountered",
    ),
    "stream without end": (fake.stream(LONG), "not_done", "incomplete"),
    "prompt filled the context": (
        fake.ends(prompt_eval_count=10**5), "truncated_prompt", "fills the whole context",
    ),
    "prompt hardly read": (fake.ends(prompt_eval_count=7), "truncated_prompt", "only 7 tokens"),
    "not JSON": (fake.says("ATF4 is regulated by PERK."), "invalid", "not JSON"),
    "JSON in talk": (fake.answers(lambda text: f"Here you are: {text}"), "invalid", "not JSON"),
    "two documents": (fake.answers(lambda text: text + text), "invalid", "not JSON"),
    "a list": (good(lambda document: [document]), "invalid", "expected an object"),
    "another target": (good(lambda d: d.update(target="TP53")), "invalid", "not asked about"),
    "confidence 100": (proposal(confidence_percent=100), "invalid", "from 1 to 99"),
    "confidence 0": (proposal(confidence_percent=0), "invalid", "from 1 to 99"),
    "confidence 1e15": (proposal(confidence_percent=10**15), "invalid", "from 1 to 99"),
    "confidence 0.5": (proposal(confidence_percent=0.5), "invalid", "whole number"),
    "confidence in words": (proposal(confidence_percent="high"), "invalid", "whole number"),
    "confidence true": (proposal(confidence_percent=True), "invalid", "whole number"),
    "direction up": (proposal(direction="up"), "invalid", "same or opposite"),
    "direction 1": (proposal(direction=1), "invalid", "same or opposite"),
    "gene is null": (proposal(gene=None), "invalid", "object with gene"),
    "mechanism is a list": (proposal(mechanism=["x"]), "invalid", "must be a text"),
    "not a number": (
        fake.answers(lambda text: text.replace('"regulators"', '"x": NaN, "regulators"')),
        "invalid", "NaN",
    ),
    "a key twice": (
        fake.answers(lambda text: text.replace('"target"', '"target": "X", "target"')),
        "invalid", "twice",
    ),
    "too many proposals": (
        good(lambda d: d.update(regulators=d["regulators"] * 4)), "invalid", "at most 3",
    ),
    "an error with half a character": (
        fake.stream({"error": "no \ud800"}), "error_in_stream", "no ?",
    ),
    "a refusal with half a character": (fake.status(500, "no \ud800"), "server_error", "no ?"),
    "half a character": (proposal(mechanism="\ud800"), "invalid", "not JSON"),
}  # fmt: skip


def test_there_are_enough_scripts() -> None:
    assert len(SCRIPTS) >= 25


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_folder_is_whole_and_a_second_run_completes_it(tmp_path: Path, name: str) -> None:
    act, kind, mention = SCRIPTS[name]
    n_calls = QUICK.busy_tries * TRIES if kind == "busy" else TRIES
    with FakeOllama(script=first_meets(act, n_calls)) as server:
        asked = run(tmp_path, server)
        # the first question of the first agent met the fault at each try
        assert asked.unanswered == {"one": ["ATF4"], "two": []}
        panel = read_panel(tmp_path)
        assert panel.answered == {"one": {"DDIT3", "EIF2AK4"}, "two": set(TARGETS)}
        assert not panel.dropped
        assert not [h for h in panel.hypotheses if (h.agent, h.target) == ("one", "ATF4")]
        kept = failures(tmp_path)
        assert [one["kind"] for one in kept] == [kind] * TRIES
        assert [one["attempt"] for one in kept] == [1, 2]
        assert all(mention in f"{one['message']} {one['remedy']}" for one in kept)
        assert all(one["remedy"] and one["targets"] == ["ATF4"] for one in kept)
        verified(tmp_path)
        n_before = len(server.answered)
        again = run(tmp_path, server)
        assert again.unanswered == {"one": [], "two": []}
        assert len(server.answered) == n_before + 1
    assert read_panel(tmp_path).answered == {"one": set(TARGETS), "two": set(TARGETS)}
    verified(tmp_path)


@pytest.mark.parametrize("kind", ["cut", "white space", "thinking only"])
def test_the_next_try_has_more_room(tmp_path: Path, kind: str) -> None:
    with FakeOllama(script=[SCRIPTS[kind][0]]) as server:
        asked = run(tmp_path, server)
    assert not any(asked.unanswered.values())
    first, second = (body["options"] for body in server.asked[:2])
    assert second["num_predict"] == 2 * first["num_predict"]
    assert second["seed"] != first["seed"]


@pytest.mark.parametrize("limit", [1024, 4096])
def test_a_prompt_that_only_looks_cut_is_asked_with_another_context(
    tmp_path: Path, limit: int
) -> None:
    as_if_cut = fake.ends(prompt_eval_count=1024 // 2 + 2)
    long = {"context": "a very long story " * 50, "answer_tokens": 16}
    with FakeOllama(script=[as_if_cut] * 20) as server:
        asked = run(tmp_path, server, context_tokens=limit, **long)
    assert {"truncated_prompt"} == {one["kind"] for one in failures(tmp_path)}
    assert "cut to half" in failures(tmp_path)[0]["message"]
    assert not any(asked.unanswered.values())
    contexts = [body["options"]["num_ctx"] for body in server.asked]
    assert contexts[1] == (2048 if limit == 4096 else 1024 - 64)
    assert set(contexts) == {1024, contexts[1]}
    assert asked.progress.failures == {"truncated_prompt": 1}  # then it is known


def test_the_next_try_tells_what_was_wrong(tmp_path: Path) -> None:
    with FakeOllama(script=[proposal(confidence_percent=100)]) as server:
        run(tmp_path, server)
    *first, answer, told = server.asked[1]["messages"]
    assert first == server.asked[0]["messages"]  # what was read before is read again at no cost
    assert json.loads(answer["content"])["regulators"][0]["confidence_percent"] == 100
    assert told["content"] == (
        "This answer cannot be used:\n"
        "- ATF4, 'CCNC': confidence_percent must be from 1 to 99, found 100\n"
        "Answer the same question again."
    )


@pytest.mark.parametrize("gene", ["ATF4", "TP53", "ccnc"])
def test_an_answer_of_nothing_but_invented_genes_is_none(tmp_path: Path, gene: str) -> None:
    with FakeOllama(script=[proposal(gene=gene)] * TRIES) as server:
        asked = run(tmp_path, server)
        assert gene in server.asked[1]["messages"][-1]["content"]
        assert asked.unanswered == {"one": ["ATF4"], "two": []}
        kept = failures(tmp_path)
        assert [one["kind"] for one in kept] == ["rejected"] * TRIES
        assert json.loads(kept[0]["text"])["regulators"][0]["gene"] == gene  # as it came
        panel = read_panel(tmp_path)
        assert "ATF4" not in panel.answered["one"]
        assert not panel.dropped
        assert not any(run(tmp_path, server).unanswered.values())
    verified(tmp_path)


def test_an_invented_gene_among_others_is_asked_about_once_more_then_dropped(
    tmp_path: Path,
) -> None:
    def mixed(document: dict) -> None:
        document["regulators"].append({**document["regulators"][0], "gene": "TP53"})

    with FakeOllama(script=[good(mixed)] * 2) as server:
        asked = run(tmp_path, server)
        assert "TP53" in server.asked[1]["messages"][-1]["content"]
        assert len(server.asked) == 7
    assert not any(asked.unanswered.values())
    panel = read_panel(tmp_path)
    assert [(one.target, one.regulator, one.reason) for one in panel.dropped] == [
        ("ATF4", "TP53", "unknown_gene")
    ]
    proposed = [h.regulator for h in panel.hypotheses if (h.agent, h.target) == ("one", "ATF4")]
    assert proposed == ["CCNC"]
    verified(tmp_path)


def test_the_second_best_answer_counts_if_nothing_better_comes(tmp_path: Path) -> None:
    def mixed(document: dict) -> None:
        document["regulators"].append({**document["regulators"][0], "gene": "TP53"})

    with FakeOllama(script=[good(mixed), fake.says("no")]) as server:
        run(tmp_path, server)
    panel = read_panel(tmp_path)
    proposed = [h.regulator for h in panel.hypotheses if (h.agent, h.target) == ("one", "ATF4")]
    assert proposed == ["CCNC"]
    assert [one.regulator for one in panel.dropped] == ["TP53"]
    verified(tmp_path)


def test_a_full_context_is_not_asked_for_the_same_cut_answer_again(tmp_path: Path) -> None:
    genes = [f"GENE{number}" for number in range(1, 2001)]
    agent = {"one": {"lens_text": "Look."}}
    settings = {"name": "toy", "model": MODEL, "agent": agent, "context_tokens": 2048, "tries": 9}
    told = completed(PanelDescription.model_validate(settings))
    cut = fake.ends(done_reason="length")
    with FakeOllama(script=[cut] * 20) as server:
        asked = ask(told, genes, genes[:1], tmp_path, hosts=[server.host])
    bodies = [{**b, "options": {**b["options"], "seed": 0}} for b in server.asked]
    assert 1 < len(bodies) < 9
    assert all(one not in bodies[:n] for n, one in enumerate(bodies))
    assert asked.unanswered == {"one": ["GENE1"]}
    last = failures(tmp_path)[-1]
    assert last["kind"] == "cut"
    assert "raise context_tokens" in last["remedy"]


def test_several_targets_are_asked_one_by_one_after_a_cut(tmp_path: Path) -> None:
    with FakeOllama(script=[fake.ends(done_reason="length")]) as server:
        asked = run(tmp_path, server, targets_per_call=3)
        assert not any(asked.unanswered.values())
        assert len(server.asked) == 1 + 3 + 1
        run(tmp_path, server, targets_per_call=3)
        assert len(server.asked) == 5  # also the division is remembered
    verified(tmp_path)


def test_each_of_several_targets_must_come_back(tmp_path: Path) -> None:
    def forget(text: str) -> str:
        return json.dumps({"answers": json.loads(text)["answers"][:2]})

    def repeat(text: str) -> str:
        first, second, _ = json.loads(text)["answers"]
        return json.dumps({"answers": [first, second, first]})

    with FakeOllama(script=[fake.answers(forget), fake.answers(repeat)]) as server:
        asked = run(tmp_path, server, targets_per_call=3)
        assert len(server.asked) == 2 + 3 + 1  # then each alone
    assert not any(asked.unanswered.values())
    told = [one["message"] for one in failures(tmp_path)]
    assert "no answer for EIF2AK4" in told[0]
    assert "ATF4 is answered twice" in told[1]


def test_a_baseline_does_not_point_the_other_way(tmp_path: Path) -> None:
    agents = {"one": {"lens_text": "Look at regulation.", "role": "baseline"}}
    with FakeOllama(script=[proposal(direction="opposite")]) as server:
        asked = run(tmp_path, server, agent=agents)
    assert asked.progress.failures == {"invalid": 1}
    assert "always be same" in failures(tmp_path)[0]["message"]


@pytest.mark.parametrize("number", [10**30, 10**400, -1], ids=["large", "huge", "negative"])
def test_counts_that_are_none_are_not_kept(tmp_path: Path, number: int) -> None:
    odd = fake.ends(eval_count=number, total_duration=number, prompt_eval_duration=number)
    with FakeOllama(script=[odd]) as server:
        asked = run(tmp_path, server)
    assert not any(asked.unanswered.values())
    with AnswerStore(tmp_path) as store:
        found = store.database.rows(
            "SELECT prompt_seconds, answer_tokens, total_seconds FROM answers WHERE agent = 'one' "
            "AND targets LIKE '%ATF4%'"
        )
    assert found == [(None, None, None)]


def test_a_kept_fault_does_not_hold_its_call(tmp_path: Path) -> None:
    with FakeOllama(script=first_meets(fake.hang(), TRIES)) as server:
        asked = run(tmp_path, server)
    (fault,) = asked.faults.values()
    assert (fault.__traceback__, fault.__cause__, fault.__context__) == (None, None, None)


def test_the_second_best_answer_is_said_to_come_from_who_gave_it(tmp_path: Path) -> None:
    def mixed(document: dict) -> None:
        document["regulators"].append({**document["regulators"][0], "gene": "TP53"})

    def elsewhere(body: dict) -> Act | None:
        is_told = len(body["messages"]) > 2
        return fake.says("no") if is_told else None

    agents = {"one": {"lens_text": "Look at regulation."}}
    with (
        FakeOllama(script=[good(mixed), fake.dies()]) as first,
        FakeOllama(script=elsewhere, seconds=0.3) as second,
    ):
        run(tmp_path, first, second, agent=agents, outage=30, tries=2)
        with AnswerStore(tmp_path) as store:
            rows = store.database.rows("SELECT host, text FROM answers")
        assert {host for host, text in rows if "TP53" in text} == {first.host}


# ---------------------------------------------------------------------- hosts and models
def test_a_host_that_dies_is_left_out_and_its_work_done_elsewhere(tmp_path: Path) -> None:
    with (
        FakeOllama(script=[None, fake.dies()], seconds=0.02) as first,
        FakeOllama(seconds=0.1) as second,
    ):
        asked = run(tmp_path, first, second)
        assert list(asked.left_out) == [first.host]
        assert len(first.answered) == 1
        assert len(second.answered) == 5
    assert not any(asked.unanswered.values())
    assert {one["kind"] for one in failures(tmp_path)} == {"broken"}
    verified(tmp_path)


def test_when_the_last_host_dies_the_run_ends_and_keeps_what_it_has(tmp_path: Path) -> None:
    with FakeOllama(script=[None, None, fake.dies()]) as server:
        with pytest.raises(BackendError) as caught:
            run(tmp_path, server)
        assert caught.value.exit_code == 4
        assert read_panel(tmp_path).answered == {"one": {"ATF4", "DDIT3"}, "two": set()}
        server.is_dead = False
        assert not any(run(tmp_path, server).unanswered.values())
        assert len(server.answered) == 6


def test_a_host_that_only_fails_is_left_out(tmp_path: Path) -> None:
    with FakeOllama(script=[fake.status(500)] * 50) as bad, FakeOllama(seconds=0.05) as fine:
        asked = run(tmp_path, bad, fine)
    assert list(asked.left_out) == [bad.host]


def test_hosts_that_are_down_at_the_beginning_do_not_matter(tmp_path: Path) -> None:
    with FakeOllama() as server:
        told = description(hosts=["http://127.0.0.1:9", server.host])
        notes: list[str] = []
        asked = ask(told, GENES, TARGETS, tmp_path, note=notes.append, patience=QUICK)
    assert list(asked.left_out) == ["http://127.0.0.1:9"]
    assert "ollama serve" in notes[0]
    assert not any(asked.unanswered.values())


def test_a_host_with_another_model_of_that_name_is_left_out(tmp_path: Path) -> None:
    with FakeOllama() as first, FakeOllama(models={MODEL: "0" * 64}) as other:
        asked = run(tmp_path, first, other)
        assert list(asked.left_out) == [other.host]
        assert not other.asked


def test_a_tag_that_moves_stops_the_run_and_its_answers_are_not_kept(tmp_path: Path) -> None:
    with FakeOllama(script=[None, fake.moves_tag()]) as server:
        with pytest.raises(BackendError, match=re.escape("ffffffffffff and is now eeeeeeeeeeee")):
            run(tmp_path, server)
        read_panel(tmp_path)
        asked = run(tmp_path, server)
        assert not any(asked.unanswered.values())
        assert len(server.answered) >= 6  # nothing of the old model counts for the new one
    document = json.loads((tmp_path / "panel.json").read_text())
    assert {agent["model_digest"] for agent in document["agents"].values()} == {"e" * 64}


def test_a_model_that_cannot_think_is_told_beforehand(tmp_path: Path) -> None:
    with FakeOllama() as server, pytest.raises(BackendError, match="cannot") as caught:
        run(tmp_path, server, think=True)
    assert "think = false" in caught.value.hint
    assert not server.asked


def test_the_server_refuses_to_think(tmp_path: Path) -> None:
    refusal = fake.status(400, f'"{MODEL}" does not support thinking')
    with FakeOllama(script=[refusal], capabilities=None) as server:
        with pytest.raises(BackendError, match="cannot think"):
            run(tmp_path, server, think=True)
        assert server.asked[0]["think"] is True


def test_a_thinking_model_is_told_not_to(tmp_path: Path) -> None:
    with FakeOllama(capabilities=("completion", "thinking")) as server:
        run(tmp_path, server)
    assert {body["think"] for body in server.asked} == {False}


def test_a_model_that_vanishes_is_said_with_its_remedy(tmp_path: Path) -> None:
    def vanish(handler: fake.Handler, body: dict) -> None:
        handler.fake.models.clear()
        handler.send_json({"error": f"model '{MODEL}' not found"}, 404)

    with FakeOllama(script=[None, vanish]) as server, pytest.raises(BackendError) as caught:
        run(tmp_path, server)
    assert f"ollama pull {MODEL}" in caught.value.hint
    assert read_panel(tmp_path).answered["one"] == {"ATF4"}


def test_a_refused_request_ends_the_run_if_nothing_was_answered(tmp_path: Path) -> None:
    with FakeOllama(script=[fake.status(400, "bad format")]) as server:
        with pytest.raises(BackendError, match="bad format"):
            run(tmp_path, server)
        assert len(server.asked) == 1


def test_a_refused_request_among_others_leaves_only_its_target_unanswered(tmp_path: Path) -> None:
    with FakeOllama(script=[None, fake.status(400, "too long")]) as server:
        assert run(tmp_path, server).unanswered == {"one": ["DDIT3"], "two": []}


def test_a_server_that_is_busy_for_a_while_is_asked_again(tmp_path: Path) -> None:
    with FakeOllama(script=[fake.status(503)]) as server:
        asked = run(tmp_path, server)
    assert not any(asked.unanswered.values())
    assert asked.progress.failures == {"busy": 1}
    assert not failures(tmp_path)  # no try was lost


# ---------------------------------------------------------------------- the case
@pytest.mark.parametrize("check", "abcdefg")
def test_an_answer_with_200_that_is_none(tmp_path: Path, cases: Path, check: str) -> None:
    folder = cases / "ollama-200-without-answer"
    expected = json.loads((folder / "expected.json").read_text())["checks"]
    told = next(one for one in expected if one["id"] == check)
    data = (folder / told["files"][0]).read_bytes()
    # the count of tokens stands for a longer prompt: it must not be what the fault is found by
    act = fake.whole(data, "application/x-ndjson")
    with FakeOllama(script=first_meets(act, TRIES)) as server:
        asked = run(tmp_path, server)
    assert asked.unanswered == {"one": ["ATF4"], "two": []}
    panel = read_panel(tmp_path)
    assert [h for h in panel.hypotheses if (h.agent, h.target) == ("one", "ATF4")] == []
    text = (tmp_path / "failures.jsonl").read_text()
    with pytest.raises(Exception, match="ATF4") as caught:
        asked.refuse_unanswered()
    for wanted in told["must_mention"]:
        words = [wanted] if isinstance(wanted, str) else wanted
        assert any(word in text for word in words)
        assert any(word in str(caught.value) for word in words)
    said = "".join(
        json.loads(line).get("message", {}).get("content", "") for line in data.splitlines()
    )
    assert [one["text"] for one in failures(tmp_path)] == [said] * TRIES
    with AnswerStore(tmp_path) as store:
        assert damage_of(store) == []


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("http://127.0.0.1:11434", True),
        ("localhost:11434", True),
        ("http://[::1]:1", True),
        ("http://workstation:11434", False),
        ("0.0.0.0:11434", True),  # as OLLAMA_HOST is set for a server
        ("http://10.0.0.7:11434", False),
    ],
)
def test_only_other_machines_are_reached_through_a_proxy(host: str, is_here: bool) -> None:
    from mechpert_al.agents.ollama import is_loopback

    assert is_loopback(host) is is_here
