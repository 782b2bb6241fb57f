"""``network`` and ``symbols`` as a person or a program calls them."""

from __future__ import annotations

import json

import pytest


def document(run) -> dict:
    assert run.exit_code == 0, run.stderr
    return json.loads(run.stdout)


def test_check_tells_what_the_case_expects(run_cli, cases):
    folder = cases / "centrality-weights-loops"
    for check in json.loads((folder / "expected.json").read_text())["checks"]:
        flags = ["--weighted"] if check.get("options", {}).get("weighted") else []
        file = folder / check["files"][0]
        found = document(run_cli("network", "check", file, *flags, "--json"))
        for key, expected in check["values"].items():
            if key == "betweenness":
                assert found[key] == pytest.approx(expected, abs=check["tolerance"])
            elif key != "top":
                assert found[key] == expected
        ranked = document(
            run_cli("network", "centrality", file, "--measure", "betweenness", *flags, "--json")
        )
        assert ranked["betweenness"] == pytest.approx(
            check["values"]["betweenness"], abs=check["tolerance"]
        )
        assert ranked["top"] == check["values"].get("top", ranked["top"])


def test_string_links(run_cli, cases):
    folder = cases / "string-links-raw"
    links, info = folder / "9606.protein.links.txt", folder / "9606.protein.info.txt"
    alone = run_cli("network", "check", links, "--json")
    assert alone.exit_code == 3
    assert "9606.ENSP" in alone.stderr
    assert "info" in json.loads(alone.stdout)["error"]["hint"]
    run = run_cli("network", "check", links, "--info", info, "--json")
    found = document(run)
    assert (found["n_nodes"], found["n_edges"]) == (5, 6)
    assert found["unmapped"] == ["9606.ENSP00000999999"]
    assert "9606.ENSP00000999999" in run.stderr
    assert found["weights"]["ATM|MDM2"] == 0.65
    strong = run_cli("network", "check", links, "--info", info, "--min-score", "700", "--json")
    assert document(strong)["degree"]["TP53"] == 4
    plain = run_cli("network", "check", links, "--info", info, "--weighted")
    assert "0.4 to 0.999; in shortest paths length = 1 / weight" in plain.stdout


def test_ambiguous_names_are_told(run_cli, cases):
    run = run_cli("network", "check", cases / "rename-collision" / "regulon.tsv", "--json")
    found = document(run)
    assert found["neighbours"]["BHLHE40"] == ["CLOCK", "IL10", "PER1"]
    assert found["left_out"] == [
        {"name": "STRA13", "line": 6, "why": "may be BHLHE40 or CENPX"},
    ]
    assert "line 6: STRA13 left out, may be BHLHE40 or CENPX" in run.stderr
    assert "line 4: BHLHB2 merged into BHLHE40 (previous symbol of BHLHE40)" in run.stderr
    plain = run_cli("network", "check", cases / "rename-collision" / "regulon.tsv", "--edges")
    for wanted in ("STRA13", "read as", "columns source and target", "BHLHE40  PER1"):
        assert wanted in plain.stdout


def test_centralities_are_ranked(run_cli, tmp_path):
    file = tmp_path / "star.csv"
    file.write_text("source,target,weight\nHUB,A1,0.5\nHUB,B1,1\nHUB,C1,0.25\nA1,B1,0.1\n")
    run = run_cli(
        "network", "centrality", file, "--measure", "closeness", "--measure", "degree",
        "--weighted", "--top", "2", "--json",
    )  # fmt: skip
    found = document(run)
    assert list(found["closeness"]) == list(found["degree"]) == ["HUB", "B1"]
    assert found["degree"]["HUB"] == pytest.approx(1.75 / 3)
    assert found["n_neighbours"] == {"HUB": 3, "B1": 2}
    plain = run_cli("network", "centrality", file, "--top", "1")
    assert plain.stdout.splitlines()[0] == "4 genes, 4 links; weights not used"
    assert plain.stdout.splitlines()[-1].split() == ["1", "HUB", "3", "1"]


def test_bad_options_are_refused(run_cli, tmp_path):
    file = tmp_path / "star.csv"
    file.write_text("source,target,weight\nHUB,A,0.5\n")
    assert run_cli("network", "check", tmp_path / "absent.csv").exit_code == 3
    assert run_cli("network", "check", file, "--min-score", "-1").exit_code == 2
    assert run_cli("network", "check", file, "--format", "excel").exit_code == 2
    assert run_cli("network", "centrality", file, "--measure", "fame").exit_code == 2


def test_symbols_of_several_files(run_cli, cases, tmp_path):
    genes = tmp_path / "genes.txt"
    genes.write_text("TP53\nAARS\nQARS\ntp63\nEIF3A\nTP53.2\nno_such_gene\n")
    panel = tmp_path / "links.csv"
    panel.write_text("source,target\nTP53,PRP4\n")
    run = run_cli("symbols", "check", genes, panel, "--json")
    found = document(run)
    first, second = found["files"]
    assert first["file"] == str(genes)
    kinds = ("approved", "previous", "alias", "ambiguous", "damaged", "unknown")
    assert [first[kind] for kind in kinds] == [2, 1, 0, 1, 0, 3]
    assert first["n_names"] == 7
    told = {one["name"]: one for one in first["names"]}
    assert told["AARS"] == {
        "name": "AARS",
        "line": 2,
        "kind": "previous symbol",
        "gene": "AARS1",
        "why": "previous symbol of AARS1",
    }
    assert told["QARS"]["why"] == "may be EPRS1 or QARS1"
    assert told["tp63"]["why"] == "differs in upper and lower case from TP63"
    assert told["TP53.2"]["why"] == "differs in a version tail from TP53"
    assert told["no_such_gene"]["why"] == "not a known symbol"
    assert [one["name"] for one in second["names"]] == ["PRP4"]


def test_damaged_symbols_are_listed_and_fail(run_cli, cases):
    folder = cases / "excel-dates"
    (check,) = json.loads((folder / "expected.json").read_text())["checks"]
    run = run_cli("symbols", "check", folder / "candidates.csv", "--json")
    assert run.exit_code == 3
    (file,) = json.loads(run.stdout)["files"]
    assert (file["damaged"], file["approved"]) == (check["values"]["damaged_cells"], 4)
    plain = run_cli("symbols", "check", folder / "candidates.csv")
    assert plain.exit_code == 3
    for word in check["must_not_mention"]:
        assert word not in plain.stdout + plain.stderr
    assert "MARCHF1 or MTARC1" in plain.stdout


def test_symbols_of_a_panel_and_of_effects(run_cli, cases, tmp_path):
    effects = cases / "rename-collision" / "effects.csv"
    found = document(run_cli("symbols", "check", effects, "essential585", "--json"))
    assert [one["n_names"] for one in found["files"]] == [4, 585]
    assert [one["previous"] for one in found["files"]] == [1, 17]
    table = tmp_path / "effects.csv"
    table.write_text("perturbation,gene,log2fc\nATF4,CHOP10,-1\nATF4,ASNS,-2\nAARS,ASNS,1\n")
    first, second = document(run_cli("symbols", "check", table, "--json"))["files"]
    assert first["file"] == f"{table}, perturbation"
    assert (first["n_names"], first["previous"]) == (2, 1)
    assert (second["n_names"], second["alias"]) == (2, 1)
