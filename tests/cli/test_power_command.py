"""``mechpert-al power`` as a person types it."""

import csv
import json

import pytest

SMALL = ("--genes", 60, "--labs", 4, "--anchors", 8, "--cells", 200, "--agents", 2)


@pytest.fixture(scope="module")
def runs(run_cli, tmp_path_factory):
    """The same analysis with one process and with two, other hash seeds, as JSON and for people."""
    folder = tmp_path_factory.mktemp("power")
    arguments = ("power", "--agents-precision", 0.42, *SMALL)
    clean = {"MECHPERT_AL_DATA": None}
    one = run_cli(
        *arguments, "--json", "--jobs", 1, "--out", "one", "--figures", "figures", cwd=folder,
        env={**clean, "PYTHONHASHSEED": "1"},
    )  # fmt: skip
    two = run_cli(
        *arguments, "--jobs", 2, "--out", "two", cwd=folder, env={**clean, "PYTHONHASHSEED": "2"}
    )
    return folder, one, two


def test_it_answers_and_says_what_it_wrote(runs):
    folder, one, two = runs
    assert one.exit_code == two.exit_code == 0, one.stderr + two.stderr
    assert "SIMULATED" in two.stdout
    assert "To beat random anchors" in two.stdout
    assert "simulating labs: 4 of 4" in two.stderr
    assert "Wrote power.json and power.csv to two." in two.stderr
    assert "no screen was given" in two.stderr
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert {f"power-{name}.svg" for name in ("precision", "cells", "agents")} <= figures


def test_processes_and_hash_seeds_change_no_number(runs):
    folder, _, _ = runs
    for name in ("power.json", "power.csv"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()


def test_stdout_is_one_json_document(runs):
    folder, one, _ = runs
    document = json.loads(one.stdout)
    assert document == json.loads((folder / "one/power.json").read_text())
    assert document["format"] == "mechpert-al power 1"
    assert document["simulated"] is True
    assert [agent["precision"] for agent in document["settings"]["agents"]] == [0.42, 0.42]
    assert 0.42 in [row["precision"] for row in document["curve"]]
    with (folder / "one/power.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["question"] for row in rows} == {"curve", "changes", "agents", "cells"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--agents-precision", "0"), "--agents-precision"),
        (("--agents-precision", "1.2"), "--agents-precision"),
        (("--genes", "60", "--anchors", "40"), "leave no choice"),
        (("--check",), "a check needs a screen and a panel"),
        (("--panel", "essential585"), "without a screen"),
        (("nowhere",), "no loop file"),
    ],
)
def test_impossible_plans_are_usage_errors(run_cli, tmp_path, arguments, said):
    done = run_cli("power", *arguments, cwd=tmp_path, env={"MECHPERT_AL_DATA": None})
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_asking_again_is_measured(run_cli, tmp_path):
    done = run_cli(
        "power", "--ask-again", "--labs", 4, "--agents-precision", 0.5, "--agents", 1, "--jobs", 1,
        "--json", "--out", "here", cwd=tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "here/ask-again.json").read_text())
    assert document["format"] == "mechpert-al power ask-again 1"
    assert {row["anchors"] for row in document["contrasts"]} == {10, 20, 30, 40, 50}
