"""``mechpert-al demo`` as a person types it, in an empty folder."""

import csv
import json

import pytest


@pytest.fixture(scope="module")
def demo(run_cli, tmp_path_factory):
    """One run with ``--json`` and one without, with other hash seeds and no data folder."""
    folder = tmp_path_factory.mktemp("demo")
    clean = {"MECHPERT_AL_DATA": None, "COLUMNS": None}
    runs = [
        run_cli("demo", "--out", "one", "--json", cwd=folder, env={**clean, "PYTHONHASHSEED": "1"}),
        run_cli("demo", "--out", "two", cwd=folder, env={**clean, "PYTHONHASHSEED": "2"}),
    ]
    return folder, *runs


def test_it_works_and_says_what_it_wrote(demo):
    folder, as_json, for_people = demo
    for run, name in ((as_json, "one"), (for_people, "two")):
        assert run.exit_code == 0, run.stderr
        assert f"Wrote batch.csv, comparison.json and report.html to {name}." in run.stderr
        assert "Next, your own batch: mechpert-al plan --panel essential585" in run.stderr
        written = {path.name for path in (folder / name).iterdir()}
        assert written == {"batch.csv", "comparison.json", "report.html"}


def test_the_same_seed_writes_the_same_files(demo):
    folder, _, _ = demo
    for name in ("batch.csv", "comparison.json"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()
    one, two = ((folder / name / "report.html").read_text() for name in ("one", "two"))
    assert one.replace("demo --out one --json", "demo --out two") == two


def test_stdout_is_one_json_document(demo):
    folder, as_json, _ = demo
    document = json.loads(as_json.stdout)
    assert document["format"] == "mechpert-al demo 1"
    assert document["simulated"] is True
    assert document["comparison"] == json.loads((folder / "one/comparison.json").read_text())
    with (folder / "one/batch.csv").open(encoding="utf-8", newline="") as file:
        genes = [row["gene"] for row in csv.DictReader(file)]
    assert genes == [row["gene"] for row in document["first_batch"]["batch"]]
    assert len(genes) == 24


def test_people_read_that_it_is_simulated(demo):
    folder, _, for_people = demo
    assert "SIMULATED" in for_people.stdout
    for strategy in ("expected_coverage", "random", "degree_prior", "eigenvector_prior", "oracle"):
        assert strategy in for_people.stdout
    assert "After 5 rounds of 10 simulated measurements" in for_people.stdout
    assert "SIMULATED" in (folder / "two/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("quality", ["1.5", "-1", "good"])
def test_a_quality_that_is_none_is_a_usage_error(run_cli, tmp_path, quality):
    run = run_cli("demo", "--quality", quality, cwd=tmp_path)
    assert run.exit_code == 2
    assert "--quality" in run.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["compare", "simulate"])
def test_the_lab_is_a_loop_for_the_other_commands_too(run_cli, tmp_path, command):
    small = ("--splits", 1, "--random-draws", 2, "--strategy", "degree_prior", "--json")
    run = run_cli(command, "demo", *small, cwd=tmp_path, env={"MECHPERT_AL_DATA": None})
    assert run.exit_code == 0, run.stderr
    document = json.loads(run.stdout)
    assert "SIMULATED" in " ".join(document["notices"])
    rows = document["summary" if command == "compare" else "rounds"]
    assert {row["dataset"] for row in rows} == {"virtual lab (simulated)"}


def test_real_effects_have_no_place_in_a_virtual_lab(run_cli, tmp_path):
    (tmp_path / "effects.h5ad").touch()
    run = run_cli("compare", "demo", "--effects", "effects.h5ad", cwd=tmp_path)
    assert run.exit_code == 3
    assert "a virtual lab, and effects beside it" in run.stderr
