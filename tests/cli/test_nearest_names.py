"""Wrong names of panels, files, loops, strategies and predictors get the nearest valid ones."""

import os
import subprocess
import sys

import pytest

from mechpert_al.errors import did_you_mean, did_you_mean_file


@pytest.mark.parametrize(
    ("command", "near"),
    [
        ("plan --panel essential58 -n 2", "essential585"),
        ("plan --panel essential585 -n 2 --effects measurd.h5ad", "measured.h5ad"),
        ("compare k526", "k562"),
        ("plan --panel essential585 -n 2 --strategy Expected_Coverage", "expected_coverage"),
        ("predict --effects measured.h5ad --panel essential585 --predictor krig -o x", "kriging"),
    ],
)
def test_the_nearest_name_is_told(run_cli, tmp_path, command, near):
    from mechpert_al.agents import read_panel
    from mechpert_al.effects import EffectTable, write_effects

    genes = read_panel("essential585").candidates[:3]
    write_effects(EffectTable(genes, ("R",), [[1.0], [0.0], [-1.0]]), tmp_path / "measured.h5ad")
    done = run_cli(*command.split(), cwd=tmp_path)
    assert done.exit_code in (2, 3)
    assert f"Did you mean {near}" in done.stderr


@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_gene_lists_get_the_nearest_candidates(run_cli, tmp_path, option):
    (tmp_path / "genes.txt").write_text("RPS14\nRPL18X\n")
    done = run_cli("plan", "--panel", "essential585", "-n", 2, option, "genes.txt", cwd=tmp_path)
    assert "RPL18X not matched: not a known symbol, and not there; nearest: RPL18" in done.stderr


def test_options_and_missing_files_get_the_nearest(run_cli, tmp_path):
    (tmp_path / "measured.csv").touch()
    done = run_cli("effects", "convert", "measurd.csv", "-o", "made.h5ad", cwd=tmp_path)
    assert (done.exit_code, "Did you mean measured.csv" in done.stderr) == (3, True)
    done = run_cli("plan", "--panel", "essential585", "-n", 2, "--exclud", "x", cwd=tmp_path)
    assert (done.exit_code, "--exclude" in done.stderr) == (2, True)


def test_what_is_far_from_everything_gets_no_guess(tmp_path):
    assert did_you_mean("zzz", ["kriging"]) == ""
    assert did_you_mean_file([tmp_path / "nothing" / "here.csv"]) == ""
    (tmp_path / "genes.txt").touch()
    assert str(tmp_path / "genes.txt") in did_you_mean_file([tmp_path / "gene.txt"])


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        (["plan", "--strategy", "expected_cov"], "expected_coverage"),
        (["simulate", "--predictor", "krig"], "kriging"),
        (["predict", "--panel", "ess"], "essential585"),
        (["compare", "rp"], "rpe1"),
        (["camp"], "campaign"),
    ],
)
def test_the_tab_key_completes_names(typed, completed, tmp_path):
    words = " ".join(["mechpert-al", *typed])
    done = subprocess.run(
        [sys.executable, "-c", "from mechpert_al.cli import main; main(prog_name='mechpert-al')"],
        cwd=tmp_path,
        env={
            **os.environ,
            "_MECHPERT_AL_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(typed)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"plain,{completed}" in done.stdout.splitlines()
