"""``effects convert`` and ``effects check`` as a person or a program calls them."""

from __future__ import annotations

import json

import pytest

from mechpert_al.cli.convert_options import NAMES
from mechpert_al.effects import read_effects
from mechpert_al.effects.conversion import ConvertOptions


def document(run) -> dict:
    assert run.exit_code == 0, run.stderr
    return json.loads(run.stdout)


def test_every_option_of_convert_is_on_the_command_line():
    assert set(NAMES) == set(ConvertOptions.__dataclass_fields__)


def test_the_command_line_has_the_defaults_of_the_library(run_cli, cases, tmp_path):
    from mechpert_al.effects import convert

    file = cases / "padded-combined-labels" / "cells.h5ad"
    found = document(run_cli("effects", "convert", file, "-o", tmp_path / "e.h5ad", "--json"))
    assert found["content_hash"] == convert(file)[0].content_hash


def test_convert_tells_what_it_did(run_cli, cases, tmp_path):
    file, out = cases / "phantom-and-tiny-groups" / "cells.h5ad", tmp_path / "effects.h5ad"
    run = run_cli("effects", "convert", file, "--min-cells", 5, "-o", out)
    assert run.exit_code == 0, run.stderr
    assert run.stdout.strip() == str(out)
    assert "too few cells (2): STAT2 (2), IRF7 (1)" in run.stderr
    found = document(run_cli("effects", "convert", file, "--min-cells", 5, "-o", out, "--json"))
    assert found["n_cells"] == {"control": 10, "IFNGR1": 6, "JAK2": 6}
    assert found["too_few_cells"] == {"STAT2": 2, "IRF7": 1}
    assert found["n_perturbations"] == 2
    assert read_effects(out).content_hash == found["content_hash"]


def test_flags_reach_the_reader(run_cli, cases, tmp_path):
    folder, out = cases / "duplicated-readouts", tmp_path / "effects.h5ad"
    for flags, readouts in (
        (["--duplicated-readouts", "sum"], {"MATR3", "TBCE", "GAPDH", "ACTB"}),
        (["--readout-names", "gene_ids"], {"ENSG00000015479", "ENSG00000280987"}),
    ):
        run = run_cli("effects", "convert", folder / "a_duplicated.h5ad", *flags, "-o", out)
        assert run.exit_code == 0, run.stderr
        assert readouts <= set(read_effects(out).readouts)
    padded = cases / "padded-combined-labels" / "cells.h5ad"
    flags = ["--perturbation", "condition", "--control", "ctrl", "--keep-own-readout", "--shrink"]
    found = document(run_cli("effects", "convert", padded, *flags, "-o", out, "--json"))
    assert found["n_not_measured"] == 0
    assert found["combinations"] == ["CHRNB1+KLF1+MAP2K6", "KLF1+MAP2K6"]


@pytest.mark.parametrize(
    ("name", "flags", "wanted"),
    [
        ("csv-dialects/b_one_decimal_point.csv", [], ["line 4", "log2fc", "0.75", "decimal comma"]),
        ("rename-collision/effects.csv", [], ["RRM2 (line 2)", "C2orf48 (line 4)"]),
        ("duplicated-readouts/a_duplicated.h5ad", [], ["MATR3", "ENSG00000280987"]),
        ("ctrl-is-a-gene/a_non_targeting.h5ad", ["--kind", "table"], ["a_non_targeting.h5ad"]),
    ],
)
def test_bad_input(run_cli, cases, tmp_path, name, flags, wanted):
    out = tmp_path / "effects.h5ad"
    run = run_cli("effects", "convert", cases / name, *flags, "-o", out, "--json")
    assert run.exit_code == 3
    error = json.loads(run.stdout)["error"]
    assert error["exit"] == 3
    for one in wanted:
        assert one in error["message"]
        assert one in run.stderr
    assert "Traceback" not in run.stderr
    assert not out.exists()


def test_a_wrong_kind_lists_the_kinds(run_cli, cases, tmp_path):
    file = cases / "align-by-label" / "round1.csv"
    run = run_cli("effects", "convert", file, "--kind", "tables", "-o", tmp_path / "e.h5ad")
    assert run.exit_code == 2
    assert "Did you mean table?" in run.stderr


def test_the_source_is_not_overwritten(run_cli, cases, tmp_path):
    file = tmp_path / "round1.csv"
    file.write_bytes((cases / "align-by-label" / "round1.csv").read_bytes())
    run = run_cli("effects", "convert", file, "-o", file)
    assert run.exit_code == 2
    assert file.read_bytes().startswith(b"perturbation")


def test_check_joins_files(run_cli, cases):
    folder = cases / "align-by-label"
    run = run_cli("effects", "check", folder / "round1.csv", folder / "round2.csv", "--json")
    found = document(run)
    checks = json.loads((folder / "expected.json").read_text())["checks"]
    expected = {check["id"]: check["values"] for check in checks}
    for count, value in expected["union"].items():
        assert found[count] == value
    for pair, value in expected["similarity"]["similarity"].items():
        assert found["similarity"][pair] == pytest.approx(value, abs=1e-8)
        assert found["n_shared"][pair] == 3
    assert found["effects"]["ATF4"]["XBP1"] is None


def test_check_of_one_file(run_cli, cases, tmp_path):
    out = tmp_path / "effects.h5ad"
    run_cli("effects", "convert", cases / "uint8-and-empty-cells" / "twin.h5ad", "-o", out)
    run = run_cli("effects", "check", out)
    assert run.exit_code == 0
    assert "cells per perturbation  6 to 6, median 6" in run.stdout
    assert "non-targeting" in run.stdout


def test_check_refuses_a_perturbation_in_two_files(run_cli, cases, tmp_path):
    folder = cases / "align-by-label"
    run = run_cli("effects", "check", folder / "round1.csv", folder / "round1_shuffled.csv")
    assert run.exit_code == 3
    assert "round1_shuffled.csv" in run.stderr
    assert "ATF4" in run.stderr


def test_check_refuses_cells(run_cli, cases):
    run = run_cli("effects", "check", cases / "uint8-and-empty-cells" / "twin.h5ad")
    assert run.exit_code == 3
    assert "effects convert" in run.stderr
