"""``campaign ask-again`` and ``ask --evidence`` against a scripted server over real sockets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mechpert_al.agents import read_panel
from mechpert_al.agents.evidence import read_evidence, write_evidence
from mechpert_al.errors import DataError
from mechpert_al.testing.agents import MODEL, FakeOllama, says, status

GENES = ["ATF4", "DDIT3", "EIF2AK4", "PSMA1", "PSMA3", "PSMB1", "MED12", "CCNC"]
TOML = f"""\
name = "toy"
model = "{MODEL}"
max_regulators = 3
connect_timeout = 1.0
read_timeout = 5.0
tries = 1
[agent.first]
lens = "own"
[agent.second]
lens = "own"
"""
#: ATF4 is said to be like PSMA3, which measurements deny; MED12 and CCNC like each other, as met.
SAID = {"ATF4": "PSMA3", "MED12": "CCNC"}
MEASURED = {
    "ATF4": [3, 0, 0, -1, 0, 1],
    "PSMA3": [0, 0, 3, 1, -2, 0],
    "PSMA1": [0, 0, -3, -1, 1, 0],
    "MED12": [-1, 3, 0, 1, 0, -2],
    "CCNC": [-1, 3, 0, 1, 0, -2],
    "DDIT3": [-1, -6, 0, -1, 1, 3],
}


def answer(proposals: Mapping[str, str]) -> Callable:
    """A script that proposes one gene with confidence .9 for some targets, nothing for others."""

    def play(body: dict) -> Callable:
        target = body["format"]["properties"]["target"]["enum"][0]
        gene = proposals.get(target)
        said = [] if gene is None else [
            {"gene": gene, "direction": "same", "confidence_percent": 90, "mechanism": "a guess"}
        ]  # fmt: skip
        return says(json.dumps({"target": target, "regulators": said}))

    return play


@pytest.fixture(scope="module")
def begun(run_cli: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a live panel that was asked once, and a campaign that measured six genes."""
    tmp_path = tmp_path_factory.mktemp("begun")
    (tmp_path / "toy.toml").write_text(TOML)
    (tmp_path / "lenses").mkdir()
    (tmp_path / "lenses" / "own.md").write_text("# My own lens\n\nLook at the promoter.\n")
    (tmp_path / "genes.txt").write_text("\n".join(GENES) + "\n")
    with FakeOllama(script=answer(SAID)) as server:
        asked = run_cli(
            "ask", "toy.toml", "--candidates", "genes.txt", "--out", "panel", "--host", server.host,
            cwd=tmp_path,
        )  # fmt: skip
    assert asked.exit_code == 0, asked.stderr
    header = ",".join(["perturbation", *(f"READ{i}" for i in range(6))])
    lines = [",".join([gene, *map(str, row)]) for gene, row in MEASURED.items()]
    (tmp_path / "effects.csv").write_text("\n".join([header, *lines]) + "\n")
    (tmp_path / "screen").mkdir()
    made = run_cli(
        "campaign", "new", "screen", "--panel", "panel", "--effects", "effects.csv", cwd=tmp_path
    )
    assert made.exit_code == 0, made.stderr
    return tmp_path


@pytest.fixture
def campaign(begun: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(begun, tmp_path / "here")


def questions(server: FakeOllama) -> dict[str, str]:
    """The last message of each question, by target."""
    return {
        body["format"]["properties"]["target"]["enum"][0]: body["messages"][-1]["content"]
        for body in server.asked
    }


def test_without_a_description_the_evidence_is_shown_and_nothing_is_asked(run_cli, campaign):
    done = run_cli("campaign", "ask-again", "screen", "--json", "--out", "e.json", cwd=campaign)
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    told = {row["target"]: row for row in document["targets"]}
    assert told["ATF4"]["reason"] == "contradicted"
    assert "ATF4 and PSMA3 " in told["ATF4"]["evidence"]
    assert "MED12" not in told
    assert {row["reason"] for name, row in told.items() if name != "ATF4"} == {"uncovered"}
    assert document["asked"] is False
    assert json.loads((campaign / "e.json").read_text())["ATF4"] == told["ATF4"]["evidence"]


def test_agents_are_told_what_was_measured_and_their_answers_take_the_old_ones_place(
    run_cli, campaign
):
    before = read_panel(campaign / "panel")
    with FakeOllama(script=answer({**SAID, "ATF4": "DDIT3"})) as server:
        done = run_cli(
            "campaign", "ask-again", "screen", "toy.toml", "--most", 1, "--host", server.host,
            cwd=campaign,
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert len(server.asked) == 2  # one target, two agents
    assert "Evidence on ATF4: measured correlations" in questions(server)["ATF4"]
    assert "ATF4 and PSMA3 " in questions(server)["ATF4"]
    after = read_panel(campaign / "panel")
    assert {(h.target, h.regulator) for h in before.hypotheses} == set(SAID.items())
    assert {(h.target, h.regulator) for h in after.hypotheses} == {
        ("ATF4", "DDIT3"), ("MED12", "CCNC"),
    }  # fmt: skip
    assert after.answered == before.answered
    again = run_cli("campaign", "ask-again", "screen", "--json", cwd=campaign)
    reasons = {row["target"]: row["reason"] for row in json.loads(again.stdout)["targets"]}
    assert "PSMA3" not in json.dumps([h.regulator for h in after.hypotheses])
    assert reasons.get("ATF4") == "contradicted"  # ATF4 and DDIT3 are unlike too
    verified = run_cli("panel", "verify", "panel", cwd=campaign)
    assert verified.exit_code == 0, verified.stderr


def test_no_evidence_reaches_other_targets_and_no_answer_of_an_agent_does(run_cli, campaign):
    run_cli("campaign", "ask-again", "screen", "--out", "e.json", cwd=campaign)
    (campaign / "one.json").write_text(
        json.dumps({"ATF4": json.loads((campaign / "e.json").read_text())["ATF4"]})
    )
    with FakeOllama(script=answer({})) as server:
        done = run_cli(
            "ask", "toy.toml", "--candidates", "genes.txt", "--evidence", "one.json",
            "--out", "panel", "--host", server.host, cwd=campaign,
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert set(questions(server)) == {"ATF4"}  # all others are in the store
    for body in server.asked:
        text = json.dumps(body["messages"])
        assert "a guess" not in text
        assert "0.9" not in text


def test_a_server_that_is_down_keeps_the_old_answers(run_cli, campaign):
    before = read_panel(campaign / "panel").hypotheses
    with FakeOllama(script=lambda body: status(400)) as server:
        done = run_cli(
            "campaign", "ask-again", "screen", "toy.toml", "--most", 1, "--host", server.host,
            cwd=campaign,
        )  # fmt: skip
    assert done.exit_code in (4, 7), done.stderr
    after = read_panel(campaign / "panel").hypotheses
    assert {h for h in before if h.target == "MED12"} == {h for h in after if h.target == "MED12"}


@pytest.mark.parametrize(
    "text", ["", "[1]", "{}", '{"ATF4": 3}', '{"ATF4": " "}', "not json", "[" * 100_000]
)
def test_an_evidence_file_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "wrong.json").write_text(text)
    with pytest.raises(DataError, match=r"wrong\.json"):
        read_evidence(tmp_path / "wrong.json")


def test_evidence_comes_back_as_it_was_written(tmp_path):
    told = {"ATF4": '±0.3, „quoted“\nand "more"', "H2BC": "x"}
    write_evidence(tmp_path / "e.json", told)
    assert read_evidence(tmp_path / "e.json") == told


def test_evidence_on_a_gene_that_is_not_asked_about_is_refused(run_cli, campaign):
    (campaign / "wrong.json").write_text('{"NOGENE": "x"}')
    done = run_cli(
        "ask", "toy.toml", "--candidates", "genes.txt", "--evidence", "wrong.json",
        "--out", "panel", "--dry-run", cwd=campaign,
    )  # fmt: skip
    assert done.exit_code == 3
    assert "NOGENE" in done.stderr


def test_a_campaign_that_measured_little_contradicts_nobody(run_cli, campaign):
    (campaign / "empty").mkdir()
    made = run_cli("campaign", "new", "empty", "--panel", "panel", cwd=campaign)
    assert made.exit_code == 0, made.stderr
    done = run_cli("campaign", "ask-again", "empty", cwd=campaign)
    assert done.exit_code == 2
    assert "0 candidates are measured" in done.stderr
