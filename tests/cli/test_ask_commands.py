"""``ask``, ``doctor`` and ``panel verify`` as a person calls them."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mechpert_al.agents import read_panel
from mechpert_al.testing.agents import MODEL, FakeOllama, ends, says, status

GENES = ["ATF4", "DDIT3", "EIF2AK4", "PSMA1", "PSMA3", "PSMB1", "MED12", "CCNC"]

TOML = f"""\
name = "toy"
model = "{MODEL}"
max_regulators = 3
connect_timeout = 1.0
read_timeout = 5.0
tries = 2
[agent.mine]
lens = "own"
[agent.similarity]
role = "baseline"
"""


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "toy.toml").write_text(TOML)
    (tmp_path / "lenses").mkdir()
    (tmp_path / "lenses" / "own.md").write_text("# My own lens\n\nLook at the promoter.\n")
    (tmp_path / "genes.txt").write_text("\n".join(GENES) + "\n")
    (tmp_path / "targets.txt").write_text("ATF4\nPSMA3\n")
    return tmp_path


def arguments(inputs: Path, server: FakeOllama | None = None, *more: object) -> list:
    host = ["--host", server.host] if server else []
    return [
        "ask", inputs / "toy.toml", "--candidates", inputs / "genes.txt", "--targets",
        inputs / "targets.txt", "--out", inputs / "panel", *host, *more,
    ]  # fmt: skip


def test_ask_writes_a_panel_with_a_lens_of_ones_own(run_cli: Callable, inputs: Path) -> None:
    with FakeOllama() as server:
        done = run_cli(*arguments(inputs, server, "--json"))
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["answered"] == 4
    assert document["unanswered"] == {"mine": [], "similarity": []}
    panel = read_panel(inputs / "panel")
    assert panel.answered["mine"] == {"ATF4", "PSMA3"}
    assert panel.agents["mine"].lens == "My own lens"
    assert panel.baselines == ("similarity",)
    assert "Look at the promoter." in server.asked[0]["messages"][0]["content"]
    checked = run_cli("panel", "check", inputs / "panel", "--json")
    assert json.loads(checked.stdout)["admitted"] == len(panel.hypotheses)
    assert run_cli("panel", "verify", inputs / "panel").exit_code == 0


def test_verify_names_what_was_changed(run_cli: Callable, inputs: Path) -> None:
    with FakeOllama() as server:
        run_cli(*arguments(inputs, server))
    file = inputs / "panel" / "01-mine.jsonl"
    whole = file.read_text()
    first = json.loads(whole.splitlines()[0])
    first["regulators"] = [{"gene": "CCNC", "direction": 1, "confidence": 0.5, "mechanism": "no"}]
    file.write_text(json.dumps(first) + "\n" + whole.split("\n", 1)[1])
    changed = run_cli("panel", "verify", inputs / "panel", "--json")
    assert changed.exit_code == 6
    assert "01-mine.jsonl, line 1" in changed.stderr
    assert json.loads(changed.stdout)["error"]["kind"] == "integrity"
    file.write_text(whole)
    with sqlite3.connect(inputs / "panel" / "answers.sqlite") as database:
        database.execute("UPDATE answers SET model_digest = 'x'")
    database.close()
    assert run_cli("panel", "verify", inputs / "panel").exit_code == 6


def test_verify_needs_an_answer_store(run_cli: Callable) -> None:
    done = run_cli("panel", "verify", "essential585")
    assert done.exit_code == 2
    assert "answer store" in done.stderr


def test_dry_run_asks_nothing_and_needs_no_server(run_cli: Callable, inputs: Path) -> None:
    done = run_cli(*arguments(inputs), "--dry-run", "--host", "http://127.0.0.1:9")
    assert done.exit_code == 0, done.stderr
    for text in ("Look at the promoter.", "Target: ATF4", "num_ctx", MODEL):
        assert text in done.stdout
    assert not (inputs / "panel").exists()
    document = json.loads(run_cli(*arguments(inputs), "--dry-run", "--json").stdout)
    assert [one["n_questions"] for one in document["agents"]] == [2, 2]
    assert document["seconds"] > 0


def test_dry_run_counts_only_what_is_missing(run_cli: Callable, inputs: Path) -> None:
    dry = (*arguments(inputs), "--dry-run")
    with FakeOllama(capabilities=("completion", "thinking"), context=3000) as server:
        (inputs / "all.txt").write_text((inputs / "targets.txt").read_text())
        (inputs / "targets.txt").write_text("ATF4\n")
        assert run_cli(*arguments(inputs, server)).exit_code == 0
        some = json.loads(run_cli(*dry, "--json").stdout)
        assert [(one["n_questions"], one["n_answered"]) for one in some["agents"]] == [(0, 1)] * 2
        assert some["seconds"] == 0
        (inputs / "targets.txt").write_text((inputs / "all.txt").read_text())
        more = run_cli(*dry)
        assert "2 answers are there already; 2 calls would be made." in more.stdout
        assert "Target: PSMA3" in more.stdout
        assert "Target: ATF4" not in more.stdout
        assert run_cli(*arguments(inputs, server)).exit_code == 0
        assert len(server.asked) == 4
        whole = json.loads(run_cli(*dry, "--json").stdout)
    assert [(one["n_questions"], one["n_answered"]) for one in whole["agents"]] == [(0, 2)] * 2


def test_no_server_is_exit_code_4_with_a_remedy(run_cli: Callable, inputs: Path) -> None:
    done = run_cli(*arguments(inputs), "--host", "http://127.0.0.1:9", "--json")
    assert done.exit_code == 4
    assert "ollama serve" in done.stderr
    assert json.loads(done.stdout)["error"]["kind"] == "backend"


def test_a_missing_model_says_what_to_pull_and_what_is_there(
    run_cli: Callable, inputs: Path
) -> None:
    with FakeOllama(models={"other:7b": "a" * 64}) as server:
        done = run_cli(*arguments(inputs, server))
    assert done.exit_code == 4
    assert f"ollama pull {MODEL}" in done.stderr
    assert "other:7b" in done.stderr


def test_unanswered_targets_are_exit_code_7_and_named(run_cli: Callable, inputs: Path) -> None:
    with FakeOllama(script=[says("not JSON")] * 2) as server:
        done = run_cli(*arguments(inputs, server, "--json"))
        assert done.exit_code == 7
        assert "ATF4" in done.stderr
        assert "PSMA3" not in done.stderr.split("Error: ")[1]
        assert json.loads(done.stdout)["error"]["exit"] == 7
        assert read_panel(inputs / "panel").answered["mine"] == {"PSMA3"}
        failures = (inputs / "panel" / "failures.jsonl").read_text().splitlines()
        assert [json.loads(line)["text"] for line in failures] == ["not JSON"] * 2
        again = run_cli(*arguments(inputs, server))
    assert again.exit_code == 0
    assert read_panel(inputs / "panel").answered["mine"] == {"ATF4", "PSMA3"}


def test_an_interrupted_run_keeps_what_is_done(inputs: Path) -> None:
    with FakeOllama(seconds=0.3) as server:
        command = [sys.executable, "-m", "mechpert_al", *map(str, arguments(inputs, server))]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while not server.answered:
            time.sleep(0.02)
        time.sleep(0.15)
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate()
        assert process.returncode == 130, talk
        assert "Traceback" not in talk
        n_before = len(server.answered)
        panel = read_panel(inputs / "panel")
        assert sum(len(targets) for targets in panel.answered.values()) >= 1
        done = subprocess.run(command, check=False, capture_output=True)
        assert done.returncode == 0
        assert len(server.answered) <= 5  # at most the one on its way was asked again
        assert n_before >= 1


def test_targets_must_be_candidates(run_cli: Callable, inputs: Path) -> None:
    (inputs / "targets.txt").write_text("ATF4\nTP53\n")
    done = run_cli(*arguments(inputs), "--dry-run")
    assert done.exit_code == 3
    assert "TP53" in done.stderr


def test_a_recorded_panel_is_not_overwritten(run_cli: Callable, inputs: Path) -> None:
    (inputs / "panel").mkdir()
    (inputs / "panel" / "panel.json").write_text("{}")
    with FakeOllama() as server:
        done = run_cli(*arguments(inputs, server))
    assert done.exit_code == 2
    assert (inputs / "panel" / "panel.json").read_text() == "{}"


def test_talk_of_agents_reaches_no_terminal(run_cli: Callable, inputs: Path) -> None:
    with FakeOllama(script=[status(400, "\x1b[2Jgone")]) as server:
        done = run_cli(*arguments(inputs, server))
    assert done.exit_code == 4
    assert "\x1b" not in done.stderr


def test_doctor(run_cli: Callable, inputs: Path) -> None:
    with FakeOllama() as server:
        done = run_cli("doctor", inputs / "toy.toml", "--host", server.host, "--json")
        assert done.exit_code == 0, done.stdout
        document = json.loads(done.stdout)
        assert document["is_well"] is True
        whats = [line["what"] for line in document["lines"]]
        assert f"server {server.host}" in whats
        assert f"model {MODEL} (panel toy)" in whats
        assert {"symbols", "Python", "ollama"} <= set(whats)
        missing = run_cli("doctor", "local", "--host", server.host)
        anything = run_cli("doctor", "--host", server.host)
    assert missing.exit_code == 4
    assert "ollama pull" in missing.stdout
    assert anything.exit_code == 0  # some model is there, and none was asked for
    assert "ollama pull smollm2:135m" in anything.stdout
    with FakeOllama(models={}) as server:
        assert run_cli("doctor", "--host", server.host).exit_code == 4
    down = run_cli("doctor", "--host", "http://127.0.0.1:9")
    assert down.exit_code == 4
    assert "ollama serve" in down.stdout


def test_doctor_looks_at_each_server_for_what_is_asked_there(
    run_cli: Callable, tmp_path: Path
) -> None:
    with FakeOllama(models={"a:1b": "a" * 64}) as first, FakeOllama(models={}) as second:
        (tmp_path / "two.toml").write_text(
            f'name = "two"\nmodel = "a:1b"\nhosts = ["{first.host}", "{second.host}"]\n'
            f'[agent.one]\nlens_text = "A"\n'
            f'[agent.two]\nlens_text = "B"\nmodel = "b:1b"\nhosts = ["{second.host}"]\n'
        )
        done = run_cli("doctor", tmp_path / "two.toml", "--json")
    assert done.exit_code == 4
    lines = json.loads(done.stdout)["lines"]
    models = [
        (one["what"], one["found"], one["is_needed"]) for one in lines if "model" in one["what"]
    ]
    assert [what for what, *_ in models] == [
        "model a:1b (panel two)", "model a:1b (panel two)", "model b:1b (panel two)"
    ]  # fmt: skip
    assert models[1][1:] == (f"not at {second.host}", False)  # the first server has it
    assert models[2][1:] == (f"not at {second.host}", True)
    assert "ollama pull b:1b" in json.dumps(lines)


def test_done_false_is_no_answer(run_cli: Callable, inputs: Path) -> None:
    with FakeOllama(script=[ends(done=False, done_reason=None)] * 2) as server:
        done = run_cli(*arguments(inputs, server))
    assert done.exit_code == 7
    assert "done" in done.stderr
