"""The commands plan, predict, compare and simulate, as a person types them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import read_panel
from mechpert_al.consensus import Knowledge
from mechpert_al.effects import EffectTable, write_effects

ORDER = "rank,gene,ensembl_id,utility,coverage_after,newly_covered,agents,reason,group,cost"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A screen drawn from the panel's own kernel, a network, gene lists and a loop file."""
    place = tmp_path_factory.mktemp("inputs")
    panel = read_panel("essential585")
    kernel = Knowledge.from_panel(panel).kernel
    generator = np.random.default_rng(5)
    values, vectors = np.linalg.eigh(kernel)
    root = vectors * np.sqrt(np.maximum(values, 0))
    profiles = root @ generator.normal(size=(585, 60)) + 0.5 * generator.normal(size=(585, 60))
    readouts = tuple(f"R{i}" for i in range(60))
    table = EffectTable(panel.candidates, readouts, profiles)
    write_effects(table, place / "screen.h5ad")
    order = generator.permutation(585)
    shuffled = EffectTable(tuple(panel.candidates[i] for i in order), readouts, profiles[order])
    write_effects(shuffled, place / "shuffled.h5ad")
    write_effects(table.take(panel.candidates[:40]), place / "measured.h5ad")
    pairs = generator.integers(0, 585, size=(1500, 2))
    lines = [f"{panel.candidates[a]}\t{panel.candidates[b]}" for a, b in pairs if a != b]
    (place / "network.tsv").write_text("source\ttarget\n" + "\n".join(lines) + "\n")
    (place / "loop.toml").write_text(
        'seed = 3\n[[effects]]\npath = "screen.h5ad"\nname = "made up"\n'
        '[panel]\npath = "essential585"\n[network]\npath = "network.tsv"\n'
        "[compare]\nbudgets = [10, 50]\nsplits = 2\nrandom_draws = 5\n"
    )
    return place


def document(run: Callable, *arguments: object, **settings: object) -> dict:
    """The JSON document a command prints; nothing else may be on stdout."""
    done = run(*arguments, "--json", **settings)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_plan_writes_an_order_with_reasons(run_cli: Callable, tmp_path: Path) -> None:
    out = tmp_path / "order.csv"
    found = document(run_cli, "plan", "--panel", "essential585", "-n", 12, "--out", out)
    picks = found["batch"]
    assert [pick["rank"] for pick in picks] == list(range(1, 13))
    assert len({pick["gene"] for pick in picks}) == 12
    after = [pick["coverage_after"] for pick in picks]
    assert after == sorted(after)
    assert all(pick["reason"] and pick["agents"] for pick in picks)
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert ",".join(rows[0]) == ORDER
    assert [row["gene"] for row in rows] == [pick["gene"] for pick in picks]


def test_plan_obeys_measured_include_exclude_and_costs(
    run_cli: Callable, folder: Path, tmp_path: Path
) -> None:
    measured = set(read_panel("essential585").candidates[:40])
    (tmp_path / "include.txt").write_text("MED14\n")
    (tmp_path / "exclude.txt").write_text("RPL18\nLARS1\n")
    (tmp_path / "cost.csv").write_text("gene,cost,group\nMED14,3,a\nPSMC4,9,b\nRPS14,1,b\n")
    done = run_cli(
        "plan", "--panel", "essential585", "-n", 8, "--effects", folder / "measured.h5ad",
        "--include", tmp_path / "include.txt", "--exclude", tmp_path / "exclude.txt",
        "--cost", tmp_path / "cost.csv", "--budget", 9, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "candidates have no cost there and count as 1 each" in " ".join(done.stderr.split())
    found = json.loads(done.stdout)
    genes = [pick["gene"] for pick in found["batch"]]
    assert genes[0] == "MED14"
    assert not measured & set(genes)
    assert not {"RPL18", "LARS", "PSMC4"} & set(genes)  # LARS1 is the panel's LARS
    assert sum(pick["cost"] for pick in found["batch"]) <= 9
    assert found["left_out"]["measured"] == 40


def test_plan_takes_candidates_the_panel_does_not_know(run_cli: Callable, tmp_path: Path) -> None:
    (tmp_path / "candidates.txt").write_text("STAT2\nIRF7\nMYC\nSPI1\n")
    done = run_cli(
        "plan", "--panel", "essential585", "-n", 4, "--candidates", tmp_path / "candidates.txt",
        "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    genes = {pick["gene"] for pick in json.loads(done.stdout)["batch"]}
    assert genes == {"STAT2", "IRF7", "MYC", "SPI1"}
    assert "not known to the panel" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "said"),
    [
        (["--panel", "essential586", "-n", 3], 3, ["essential586", "essential585"]),
        (["--panel", "essential585", "-n", 0], 2, ["-n"]),
        (["--panel", "essential585", "-n", 3, "--strategy", "k_center"], 2, ["k_centre"]),
        (["--panel", "essential585", "-n", 3, "--budget", 4], 2, ["--cost"]),
        (["--panel", "essential585", "-n", 3, "--strategy", "degree_prior"], 2, ["--network"]),
        (["--panel", "essential585", "-n", 3, "--effects", "gone.h5ad"], 3, ["gone.h5ad"]),
    ],
)
def test_plan_says_what_is_wrong(
    run_cli: Callable, arguments: list, exit_code: int, said: list[str]
) -> None:
    done = run_cli("plan", *arguments, "--json")
    assert done.exit_code == exit_code
    assert all(text in done.stderr for text in said)
    assert json.loads(done.stdout)["error"]["exit"] == exit_code


def test_plan_with_nothing_left_exits_5(run_cli: Callable, folder: Path) -> None:
    done = run_cli("plan", "--panel", "essential585", "-n", 3, "--effects", folder / "screen.h5ad")
    assert done.exit_code == 5
    assert "585 measured" in done.stderr


def test_plan_for_more_than_there_are_gives_all_with_a_notice(
    run_cli: Callable, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "few.txt").write_text("MED14\nRPL18\n")
    done = run_cli(
        "plan", "--panel", "essential585", "-n", 5, "--candidates", tmp_path / "few.txt", "--json"
    )
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)["batch"]) == 2
    assert "2 could be proposed" in done.stderr


def test_predict_writes_what_it_says(run_cli: Callable, folder: Path, tmp_path: Path) -> None:
    import anndata

    out = tmp_path / "predicted.h5ad"
    found = document(
        run_cli, "predict", "--effects", folder / "measured.h5ad", "--panel", "essential585",
        "-o", out,
    )  # fmt: skip
    assert found["n_anchors"] == 40
    assert len(found["targets"]) == 545
    table = anndata.read_h5ad(out)
    assert table.shape == (545, 60)
    whole = table.layers["profile"] - table.X
    np.testing.assert_allclose(whole, np.tile(table.var["centre"], (545, 1)), atol=1e-5)
    neighbours = json.loads(table.obs["neighbours"].iloc[0])
    assert {"anchor", "weight", "agents", "mechanisms"} == set(neighbours[0])


def test_compare_prints_the_contract(run_cli: Callable, folder: Path, tmp_path: Path) -> None:
    found = document(
        run_cli, "compare", folder / "loop.toml", "--controls", "--out", tmp_path / "out",
        "--figures", tmp_path / "figures", "--predictor", "kriging", "--predictor", "mean",
    )  # fmt: skip
    assert found["format"] == "mechpert-al compare 1"
    assert {"default_strategy", "default_predictor", "n_splits", "seed"} <= set(found["protocol"])
    strategies = {row["strategy"] for row in found["summary"]}
    assert {"random", "oracle", "oracle_kernel", "expected_coverage", "degree_prior"} <= strategies
    row = next(
        row
        for row in found["summary"]
        if (row["strategy"], row["predictor"], row["budget"], row["metric"])
        == ("expected_coverage", "kriging", 50, "pearson_centred")
    )
    assert row["low"] <= row["mean"] <= row["high"]
    assert {"value", "low", "high", "which"} == set(row["ratio_to_best_centrality"])
    assert {"value", "low", "high", "p_holm", "win_rate", "verdict"} <= set(row["gain_over_random"])
    assert row["gain_over_random"]["verdict"] == "gain"  # the screen was drawn from the kernel
    means = [
        row["mean"]
        for row in found["summary"]
        if row["predictor"] == "mean" and row["metric"] == "pearson_centred"
    ]
    assert means
    assert all(mean == 0 for mean in means)
    cell = found["cells"][0]
    assert {"strategy", "predictor", "budget", "split", "metric", "value", "rounds"} <= set(cell)
    assert {row["control"] for row in found["controls"]} >= {
        "control:permuted_panel", "control:rewired", "control:permuted_measured",
        "control:permuted_feedback",
    }  # fmt: skip
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".svg", ".png"}
    assert (tmp_path / "out" / "summary.csv").read_text().startswith("dataset,strategy")


def test_compare_does_not_depend_on_jobs_or_row_order(run_cli: Callable, folder: Path) -> None:
    def summary(*more: object) -> list[dict]:
        found = document(
            run_cli, "compare", "--panel", "essential585", "--network", folder / "network.tsv",
            "--strategy", "expected_coverage", "--strategy", "typiclust", "--budget", 10,
            "--splits", 2, "--random-draws", 3, "--predictor", "kriging", *more,
        )  # fmt: skip
        return [{**row, "dataset": ""} for row in found["summary"]]

    one = summary("--effects", folder / "screen.h5ad", "--jobs", 1)
    two = summary("--effects", folder / "screen.h5ad", "--jobs", 2)
    shuffled = summary("--effects", folder / "shuffled.h5ad", "--jobs", 2)
    assert one == two
    for row, other in zip(one, shuffled, strict=True):
        assert row["strategy"] == other["strategy"]
        assert row["mean"] == pytest.approx(other["mean"], abs=1e-8)


def test_compare_names_every_missing_file(run_cli: Callable, tmp_path: Path) -> None:
    done = run_cli("compare", "k562", env={"MECHPERT_AL_DATA": str(tmp_path)})
    assert done.exit_code == 3
    assert "replogle2022_k562_up1000.h5ad" in done.stderr
    assert "human_ppi_string_humap_reactome.tsv.gz" in done.stderr
    assert "data fetch" in done.stderr


def test_simulate_runs_rounds(run_cli: Callable, folder: Path) -> None:
    found = document(
        run_cli, "simulate", folder / "loop.toml", "--strategy", "expected_coverage",
        "--batch", 6, "--rounds", 3,
    )  # fmt: skip
    assert [row["n_anchors"] for row in found["rounds"]] == [6, 12, 18]
    for split in (0, 1):
        genes = [gene for row in found["batches"] if row["split"] == split for gene in row["genes"]]
        assert len(set(genes)) == 18
    again = document(
        run_cli, "simulate", folder / "loop.toml", "--strategy", "expected_coverage",
        "--batch", 18, "--rounds", 1,
    )  # fmt: skip
    together = again["batches"][0]["genes"]
    in_rounds = [gene for row in found["batches"] if row["split"] == 0 for gene in row["genes"]]
    assert together == in_rounds  # a strategy that does not learn picks the same in rounds


# ---------------------------------------------------------------------- another line
@pytest.fixture(scope="module")
def line(folder: Path) -> Path:
    """The screen again with more noise, as another line of which part was measured."""
    from mechpert_al.effects import read_effects

    table = read_effects(folder / "screen.h5ad")
    noise = np.random.default_rng(9).normal(scale=0.5, size=table.values.shape)
    other = EffectTable(table.perturbations, table.readouts, table.values + noise)
    write_effects(other.take(table.perturbations[5:300]), folder / "line.h5ad")
    return folder / "line.h5ad"


def test_plan_with_another_line(run_cli: Callable, folder: Path, line: Path) -> None:
    given = ("plan", "--panel", "essential585", "-n", 10)
    alone, joined = document(run_cli, *given), document(run_cli, *given, "--other-line", line)
    genes = [[pick["gene"] for pick in found["batch"]] for found in (alone, joined)]
    assert genes[0] != genes[1]
    known = Knowledge.from_panel(read_panel("essential585"))
    from mechpert_al.design import plan
    from mechpert_al.effects import read_effects

    assert list(plan(known, 10, other_line=read_effects(line)).genes) == genes[1]
    assert any("line.h5ad: 295 of 585 candidates" in text for text in joined["notices"]) or any(
        "line.h5ad: 295 of 585 candidates" in text
        for text in run_cli(*given, "--other-line", line).stderr.splitlines()
    )


def test_predict_with_another_line(
    run_cli: Callable, folder: Path, line: Path, tmp_path: Path
) -> None:
    given = (
        "predict", "--effects", folder / "measured.h5ad", "--panel", "essential585",
        "--other-line", line, "-o", tmp_path / "out.h5ad",
    )  # fmt: skip
    found = document(run_cli, *given)
    assert found["predictor"] == "co_kriging"
    shares = {row["target"]: row["from_other_line"] for row in found["targets"]}
    measured_there = read_panel("essential585").candidates[40:300]
    assert np.mean([shares[gene] for gene in measured_there]) > 0.2
    shown = run_cli(*given)
    assert "other line" in shown.stdout
    plain = document(run_cli, *given, "--predictor", "kriging")
    assert plain["predictor"] == "kriging"
    assert "from_other_line" not in plain["targets"][0]


def test_compare_with_another_line(run_cli: Callable, folder: Path, line: Path) -> None:
    found = document(
        run_cli, "compare", folder / "loop.toml", "--other-line", line, "--splits", 1, "-j", 1,
        "--random-draws", 2, "--strategy", "expected_coverage", "--budget", 10, "--controls",
    )  # fmt: skip
    assert found["protocol"]["default_predictor"] == "co_kriging"
    assert found["protocol"]["predictors"] == [
        "co_kriging", "kriging", "neighbours", "similarity_co_kriging",
    ]  # fmt: skip
    means = {
        row["predictor"]: row["mean"]
        for row in found["summary"]
        if (row["strategy"], row["metric"]) == ("expected_coverage", "pearson_centred")
    }
    assert means["co_kriging"] > means["kriging"]
    roles = {one["role"]: one["name"] for one in found["inputs"]["files"]}
    assert roles["other line"] == "line.h5ad"
    controls = {row["control"]: row for row in found["controls"]}
    assert controls["control:permuted_other_line"]["fails_as_it_must"]
    assert "control:without_other_line" in controls


def test_simulate_with_another_line(run_cli: Callable, folder: Path, line: Path) -> None:
    found = document(
        run_cli, "simulate", folder / "loop.toml", "--other-line", line, "--splits", 1,
        "--random-draws", 2, "--batch", 5, "--rounds", 2,
    )  # fmt: skip
    assert found["settings"]["predictor"] == "co_kriging"


@pytest.mark.parametrize("command", ["plan", "predict", "compare"])
def test_a_line_that_cannot_be_used_is_refused(
    run_cli: Callable, folder: Path, tmp_path: Path, command: str
) -> None:
    readouts = tuple(f"R{i}" for i in range(60))
    mouse = tmp_path / "mouse.h5ad"
    write_effects(EffectTable(("Zfp1", "Zfp2", "Zfp3"), readouts, np.ones((3, 60))), mouse)
    given = {
        "plan": ("plan", "--panel", "essential585", "-n", 3),
        "predict": (
            "predict", "--effects", folder / "measured.h5ad", "--panel", "essential585",
            "-o", tmp_path / "out.h5ad",
        ),
        "compare": ("compare", folder / "loop.toml", "--splits", 1),
    }[command]  # fmt: skip
    done = run_cli(*given, "--other-line", mouse)
    assert done.exit_code == 3
    assert "mouse.h5ad: none of its 3 perturbations" in done.stderr
    assert "585 candidates" in done.stderr
    missing = run_cli(*given, "--other-line", tmp_path / "nowhere.h5ad")
    assert missing.exit_code == 3
    assert "nowhere.h5ad" in missing.stderr
    assert not (tmp_path / "out.h5ad").exists()


def test_co_kriging_needs_another_line(run_cli: Callable, folder: Path, tmp_path: Path) -> None:
    done = run_cli("compare", folder / "loop.toml", "--predictor", "co_kriging", "--splits", 1)
    assert done.exit_code == 2
    assert "co_kriging needs: other_line" in done.stderr
    assert "--other-line" in done.stderr
