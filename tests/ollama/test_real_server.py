"""A panel asked of a real server with a tiny real model: protocol only, never biology or speed."""

from __future__ import annotations

import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mechpert_al.agents import budget, read_panel
from mechpert_al.agents.answers import strictly_parsed
from mechpert_al.agents.description import Description, completed
from mechpert_al.agents.faults import Fault
from mechpert_al.agents.hosts import connect
from mechpert_al.agents.live import Asked, ask, questions_of
from mechpert_al.agents.ollama import Server
from mechpert_al.agents.questions import Question, Questions
from mechpert_al.agents.store import AnswerStore
from mechpert_al.agents.verification import verified
from mechpert_al.config import PanelDescription

pytestmark = pytest.mark.ollama

MODEL = "smollm2:135m"
GENES = (
    "ATF4", "DDIT3", "EIF2AK4", "PSMA1", "PSMA3", "PSMB1", "MED12", "CCNC", "RPL5", "RPS6",
    "HSPA5", "SEC61A1", "POLR2A", "CDK9",
)  # fmt: skip
TARGETS = GENES[:12]
AGENTS = ("regulation", "complex", "response")


@pytest.fixture(scope="module")
def host() -> str:
    address = os.environ.get("MECHPERT_AL_TEST_OLLAMA")
    if not address:
        pytest.skip("MECHPERT_AL_TEST_OLLAMA is not set (the address of an Ollama server)")
    return address


def description(host: str, **settings: object) -> Description:
    agents = {name: {"lens_text": f"You look at the {name} of genes."} for name in AGENTS}
    base = {"name": "real", "model": MODEL, "agent": agents, "hosts": [host]}
    short = {"max_regulators": 1, "mechanisms": False, "context_tokens": 1024}
    # Two threads wait for each other on a busy machine; this model ends no answer by itself.
    short["options"] = {"num_thread": 1, "stop": ["\n\n"]}
    return completed(PanelDescription.model_validate({**base, **short, **settings}))


@pytest.fixture(scope="module")
def asked(host: str, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """Twelve targets, three agents."""
    folder = tmp_path_factory.mktemp("real") / "panel"
    return ask(description(host), GENES, TARGETS, folder)


def answers(folder: Path) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """Agent, targets and the answer itself of everything in the store."""
    with sqlite3.connect(folder / "answers.sqlite") as database:
        rows = database.execute("SELECT agent, targets, text FROM answers").fetchall()
    database.close()
    for agent, targets, text in rows:
        yield agent, strictly_parsed(targets), strictly_parsed(text)


def test_three_agents_answer_twelve_targets(asked: Asked) -> None:
    assert asked.unanswered == {name: [] for name in AGENTS}
    panel = read_panel(asked.folder)
    assert all(panel.answered[name] == set(TARGETS) for name in AGENTS)
    assert len(list(answers(asked.folder))) == 36


def test_the_schema_holds(asked: Asked) -> None:
    n_proposals = 0
    for _, targets, answer in answers(asked.folder):
        assert list(answer) == ["target", "regulators"]
        assert [answer["target"]] == targets
        for one in answer["regulators"]:
            n_proposals += 1
            assert list(one) == ["gene", "direction", "confidence_percent"]
            assert one["gene"] in GENES  # the enumeration
            assert one["gene"] != answer["target"]
            assert one["direction"] in ("same", "opposite")
            assert type(one["confidence_percent"]) is int  # the bounds of an integer
            assert 1 <= one["confidence_percent"] <= 99
    assert n_proposals > 0
    assert not read_panel(asked.folder).dropped


def test_the_store_verifies_and_says_which_model_answered(host: str, asked: Asked) -> None:
    found = verified(asked.folder)
    assert found.n_answers == found.n_lines == 36
    server = Server(host)
    model, version = server.models()[MODEL], server.version()
    server.close()
    with sqlite3.connect(asked.folder / "answers.sqlite") as database:
        rows = database.execute(
            "SELECT DISTINCT model_digest, server_version, quantisation, host FROM answers"
        ).fetchall()
        counts = database.execute(
            "SELECT count(*), min(answer_tokens), min(total_seconds) FROM answers"
        ).fetchone()
    database.close()
    assert rows == [(model.digest, version, model.quantisation, host)]
    assert counts[0] == 36
    assert counts[1] > 5
    assert counts[2] > 0


def test_nothing_is_asked_twice(host: str, asked: Asked) -> None:
    again = ask(description(host), GENES, TARGETS, asked.folder)
    assert again.progress.stored == 36
    assert again.progress.answered == 0


def test_estimates_are_too_high_rather_than_too_low(host: str, asked: Asked) -> None:
    with AnswerStore(asked.folder) as store:
        for key in store.answered():
            stored = store.get(key)
            assert stored is not None
            if stored.attempts == 1 and stored.usage.prompt_tokens is not None:
                sent = budget.prompt_tokens(store.body(key)["messages"])
                assert 0.5 * sent < stored.usage.prompt_tokens <= sent


# ---------------------------------------------------------------------- faults
@pytest.fixture
def server(host: str) -> Iterator[Server]:
    one = Server(host)
    yield one
    one.close()


def questions(host: str) -> Questions:
    told = description(host)
    joined = connect(told)
    joined.close()
    abilities = {name: can for name, (_, can) in joined.models.items()}
    return questions_of(told, GENES, TARGETS, abilities)


def test_a_model_that_is_not_there(host: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(Fault) as caught:
        ask(description(host, model="nobody-has-this:1b"), GENES, TARGETS, tmp_path / "panel")
    assert caught.value.exit_code == 4
    assert "ollama pull nobody-has-this:1b" in caught.value.hint
    assert MODEL in caught.value.hint
    body, room = questions(host).request(Question("complex", ("ATF4",)))
    with pytest.raises(Fault) as caught:
        server.chat({**body, "model": "nobody-has-this:1b"}, room)
    assert caught.value.name == "no_model"
    assert MODEL in caught.value.hint


def test_a_model_that_cannot_think(host: str, server: Server, tmp_path: Path) -> None:
    assert server.abilities(MODEL).can_think is False
    with pytest.raises(Fault, match="cannot") as caught:
        ask(description(host, think=True), GENES, TARGETS, tmp_path / "panel")
    assert caught.value.name == "cannot_think"
    body, room = questions(host).request(Question("complex", ("ATF4",)))
    with pytest.raises(Fault, match="does not support thinking") as caught:
        server.chat({**body, "think": True}, room)
    assert caught.value.name == "cannot_think"


def test_a_cut_answer_is_none(host: str, server: Server) -> None:
    body, room = questions(host).request(Question("complex", ("ATF4",)))
    with pytest.raises(Fault) as caught:
        server.chat({**body, "options": {**body["options"], "num_predict": 3}}, room)
    assert caught.value.name == "cut"
    assert caught.value.text


def test_killed_and_started_again(host: str, tmp_path: Path) -> None:
    (tmp_path / "genes.txt").write_text("\n".join(GENES) + "\n")
    (tmp_path / "targets.txt").write_text("\n".join(TARGETS[:3]) + "\n")
    (tmp_path / "one.toml").write_text(
        f'name = "one"\nmodel = "{MODEL}"\nmax_regulators = 1\nmechanisms = false\n'
        "context_tokens = 1024\n[agent.complex]\n"
        'lens_text = "You look at the complex of genes."\n'
        '[options]\nnum_thread = 1\nstop = ["\\n\\n"]\n'
    )
    command = [
        sys.executable, "-m", "mechpert_al", "ask", "one.toml", "--candidates", "genes.txt",
        "--targets", "targets.txt", "--out", "panel", "--host", host,
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    store = tmp_path / "panel" / "answers.sqlite"
    while process.poll() is None and _n_answers(store) < 1:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_kept = _n_answers(store)
    assert n_kept >= 1
    done = subprocess.run(
        [*command, "--json"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    document = strictly_parsed(done.stdout)
    assert document["stored_before"] == n_kept
    assert document["answered"] == 3 - n_kept
    assert read_panel(tmp_path / "panel").answered["complex"] == set(TARGETS[:3])
    assert verified(tmp_path / "panel").n_answers == 3


def _n_answers(store: Path) -> int:
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
            number = database.execute("SELECT count(*) FROM answers").fetchone()[0]
        database.close()
    except sqlite3.OperationalError:
        return 0
    return number


# ---------------------------------------------------------------------- the prefix cache
def test_what_is_common_is_read_once(host: str, server: Server, asked: Asked) -> None:
    """Against the same prompt with the target first, which shares nothing with any before it."""
    with AnswerStore(asked.folder) as store:
        kept = [store.get(key) for key in store.answered()]
    last = [one.usage.prompt_seconds for one in kept if one and one.attempts == 1]
    body, room = questions(host).request(Question("complex", ("ATF4",)))
    common, question = body["messages"]
    turned = f"{question['content']}\n\n{common['content']}"
    body["messages"] = [{"role": "user", "content": turned}]
    body["options"] = {**body["options"], "num_predict": 1}
    with pytest.raises(Fault) as caught:
        server.chat(body, room)
    assert caught.value.name == "cut"
    first = caught.value.usage.prompt_seconds
    assert first is not None
    assert first >= 5 * statistics.median(seconds or 0.0 for seconds in last)


def test_a_prompt_that_is_cut_does_not_go_unseen(host: str, server: Server) -> None:
    body, _ = questions(host).request(Question("complex", ("ATF4",)))
    body["messages"][0]["content"] += ", ".join(GENES * 12)
    body["options"] = {**body["options"], "num_ctx": 256, "num_predict": 8}
    sent = budget.Room(
        budget.prompt_tokens(body["messages"]), 8, 256, budget.fewest_tokens(body["messages"])
    )
    assert sent.fewest > 2 * 256
    with pytest.raises(Fault) as caught:
        server.chat(body, sent)
    assert caught.value.name in ("truncated_prompt", "bad_request")
