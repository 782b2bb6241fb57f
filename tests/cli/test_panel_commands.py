import json

import pytest

from mechpert_al.agents import read_panel
from mechpert_al.agents.panel import DROP_REASONS


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_list(run_cli):
    done = run_cli("panel", "list", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    panels = {one["name"]: one for one in json.loads(done.stdout)}
    recorded = panels["essential585"]
    assert set(recorded) == {"name", "kind", "models", "agents"}
    assert recorded["kind"] == "recorded"
    assert recorded["agents"] == ["regulation", "complex", "response", "similarity"]
    assert len(recorded["models"]) == 1
    assert {one["kind"] for one in panels.values()} <= {"recorded", "live"}
    plain = run_cli("panel", "list")
    assert [row[0] for row in lines(plain.stdout)] == ["name", *panels]


def test_show_lists_the_agents(run_cli):
    done = run_cli("panel", "show", "essential585", "--json")
    document = json.loads(done.stdout)
    assert document["n_candidates"] == 585
    assert {one["agent"]: one["role"] for one in document["agents"]}["similarity"] == "baseline"
    assert "known_limits" in document["about"]
    plain = run_cli("panel", "show", "essential585")
    assert plain.stdout.startswith("Panel essential585: 585 candidates\n")
    assert "known limits: " in plain.stderr


def test_show_a_gene(run_cli):
    told = read_panel("essential585").about_gene("PSMA3")
    done = run_cli("panel", "show", "essential585", "PSMA3", "--json")
    document = json.loads(done.stdout)
    assert document["gene"] == "PSMA3"
    assert [tuple(one.values()) for one in document["hypotheses"]] == [tuple(one) for one in told]
    plain = run_cli("panel", "show", "essential585", "PSMA3").stdout
    n_of = sum(one.target == "PSMA3" for one in told)
    assert f"{n_of} hypotheses on what tells about PSMA3:" in plain
    assert f"{len(told) - n_of} hypotheses on what PSMA3 tells about:" in plain
    first = plain.splitlines()[2].split()
    best = max(one.confidence for one in told if one.target == "PSMA3")
    assert float(first[3]) == best


def test_show_a_gene_by_its_current_symbol(run_cli):
    done = run_cli("panel", "show", "essential585", "QARS1", "--json")
    assert json.loads(done.stdout)["gene"] == "QARS"
    assert "QARS1 is QARS" in done.stderr


def test_a_gene_that_is_no_candidate(run_cli):
    done = run_cli("panel", "show", "essential585", "PSMA33", "--json")
    assert done.exit_code == 3
    error = json.loads(done.stdout)["error"]
    assert "PSMA33 not matched" in error["message"]
    assert "PSMA3" in error["hint"]


def test_a_panel_that_is_not_there(run_cli):
    done = run_cli("panel", "check", "nowhere")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "essential585" in done.stderr


def test_check_counts_and_explains(run_cli):
    document = json.loads(run_cli("panel", "check", "essential585", "--json").stdout)
    assert document["reasons"] == dict(DROP_REASONS)
    del document["reasons"]
    assert document == read_panel("essential585").counts()
    plain = run_cli("panel", "check", "essential585").stdout
    for reason, meaning in DROP_REASONS.items():
        assert reason in plain
        assert meaning in plain


@pytest.fixture
def proposals(tmp_path):
    path = tmp_path / "proposals.csv"
    path.write_text(
        "agent,target,regulator,direction,confidence,mechanism\n"
        "a,TP53,MDM2,-1,0.9,[red]\x1b[31m\n"
        "a,TP53,MDM2,-1,0.9,again\n"
        "b,MDM2,TP53,1,7,\n"
    )
    return path


def test_import_and_look_at_it(run_cli, proposals, tmp_path):
    done = run_cli("panel", "import", proposals, "-o", tmp_path / "panel", "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["path"] == str(tmp_path / "panel")
    assert document["admitted"] == 1
    assert (document["dropped"]["duplicate"], document["dropped"]["confidence"]) == (1, 1)
    checked = json.loads(run_cli("panel", "check", tmp_path / "panel", "--json").stdout)
    assert checked["dropped"] == document["dropped"]
    shown = run_cli("panel", "show", "panel", "TP53", cwd=tmp_path).stdout
    assert "[red]\ufffd[31m" in shown
    assert "\x1b" not in shown


def test_import_tells_its_counts(run_cli, proposals, tmp_path):
    done = run_cli(
        "panel", "import", proposals, "-o", tmp_path / "panel", "--baseline", "b", "--name", "mine"
    )
    assert done.stdout.startswith("Panel mine: 2 candidates, 1 hypotheses admitted\n")
    assert ["1", "duplicate"] in [row[:2] for row in lines(done.stdout)]
    assert f"Written: {tmp_path / 'panel'}" in done.stderr
    again = run_cli("panel", "import", proposals, "-o", tmp_path / "panel")
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_names_matched_at_import_are_told_but_not_all(run_cli, tmp_path):
    rows = "".join(f"a,TP53,NOPE{number},1,0.5,\n" for number in range(30))
    source = tmp_path / "proposals.csv"
    source.write_text(
        "agent,target,regulator,direction,confidence,mechanism\na,TP53,MDM2,1,0.5,\n" + rows
    )
    (tmp_path / "genes.txt").write_text("TP53\nMDM2\n")
    done = run_cli(
        "panel", "import", source, "-o", tmp_path / "p", "--candidates", tmp_path / "genes.txt"
    )
    assert done.exit_code == 0
    assert done.stderr.count("not matched") == 20
    assert "and 10 more names" in done.stderr


def test_check_on_measurements(run_cli, real_data):
    done = run_cli(
        "panel",
        "check",
        "essential585",
        "--effects",
        "replogle2022_k562_up1000.h5ad",
        "--json",
        env={"MECHPERT_AL_DATA": str(real_data)},
    )
    found = json.loads(done.stdout)["calibration"]
    assert found["n_measured"] == 585
    assert len(found["rows"]) == 20
