"""Pseudobulk and bulk files, made as their makers lay them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

from mechpert_al.effects import EffectTable, convert, read_effects
from mechpert_al.effects.files import to_anndata
from mechpert_al.errors import DataError, UsageError

Write = Callable[..., Path]
GENES = ["ATF4", "DDIT3", "GAPDH"]
CONTROL = "non-targeting_non-targeting_non-targeting"


def profile(row: np.ndarray) -> np.ndarray:
    return np.log1p(10_000 * row / row.sum())


# ---------------------------------------------------------------------- Replogle 2022
@pytest.fixture
def bulk(write_rows: Write) -> Callable[..., Path]:
    """A bulk file: two transcripts of ATF4, one of HLA-A, a control."""

    def write(values: np.ndarray, cells: list[float]) -> Path:
        names = [
            "10_ATF4_P1_ENSG00000128272",
            "11_ATF4_P2_ENSG00000128272",
            "12_HLA-A_P1P2_ENSG00000206503",
            f"13_{CONTROL}",
        ]
        obs = {"num_cells_filtered": cells, "num_cells_unfiltered": [40.0, 50.0, 60.0, 70.0]}
        return write_rows(values.astype(np.float32), names, GENES, obs=obs)

    return write


def test_transcripts_of_one_gene_are_pooled_by_cells(bulk: Callable[..., Path]) -> None:
    values = np.array([[-1.0, 2, 0], [-3, 1, 1], [0.5, -0.5, 0.25], [0.01, 0, 0]])
    table, report = convert(bulk(values, [30, 10, 20, 100]))
    assert table.perturbations == ("ATF4", "HLA-A")
    np.testing.assert_allclose(table.values[0, 1:], (30 * values[0] + 10 * values[1])[1:] / 40)
    np.testing.assert_allclose(table.values[1], values[2])
    assert np.isnan(table.values[0, 0])
    assert report.n_cells == {"ATF4": 40, "HLA-A": 20, "control": 100}
    said = "\n".join(report.lines())
    assert "Normalised bulk file of Replogle 2022" in said
    assert "Rows of one gene were pooled: ATF4." in said
    assert report.knock_downs["ATF4"].effect == pytest.approx(-1.5)


def test_infinities_and_unknown_cells_of_bulk_files(bulk: Callable[..., Path]) -> None:
    values = np.array([[-1.0, np.inf, 0], [-3, 1, 1], [0.5, -np.inf, np.nan], [0, 0, 0]])
    table, report = convert(bulk(values, [30, np.nan, 20, np.nan]))
    np.testing.assert_allclose(table.values[0, 1:], [1, 50 / 80])
    assert np.isnan(table.values[1, 1:]).all()
    assert "Infinite values taken as not measured: 2." in report.notes
    assert any("missing in 2 rows" in note for note in report.notes)
    assert report.n_cells == {"ATF4": 80, "HLA-A": 20, "control": 70}


def test_bulk_files_are_read_as_effects(bulk: Callable[..., Path]) -> None:
    values = np.array([[-1.0, 2, 0], [-3, 1, 1], [0.5, -0.5, 0.25], [0, 0, 0]])
    path = bulk(values, [30, 10, 20, 100])
    assert read_effects(path).content_hash == convert(path)[0].content_hash


def test_raw_bulk_files(bulk: Callable[..., Path]) -> None:
    values = np.array([[0.5, 9, 40], [0.25, 7, 50], [3, 3, 45], [2.5, 3.5, 44]])
    table, report = convert(bulk(values, [30, 10, 20, 100]), keep_own_readout=True)
    control = profile(values[3])
    expected = (30 * profile(values[0]) + 10 * profile(values[1])) / 40 - control
    np.testing.assert_allclose(table.values[0], expected, atol=1e-5)
    share = values / values.sum(axis=1, keepdims=True)
    left = (30 * share[0, 0] + 10 * share[1, 0]) / 40 / share[3, 0]
    assert report.knock_downs["ATF4"].remaining == pytest.approx(left, rel=1e-5)
    assert "Raw bulk file of Replogle 2022" in "\n".join(report.lines())


@pytest.mark.parametrize("number", [np.inf, -3.0])
def test_a_number_of_cells_that_cannot_be_is_refused_with_its_row(
    bulk: Callable[..., Path], tmp_path: Path, number: float
) -> None:
    values = np.array([[-1.0, 2, 0], [-3, 1, 1], [0.5, -0.5, 0.25], [0, 0, 0]])
    with pytest.raises(DataError, match=rf"row 2: obs\['num_cells_filtered'\] is {number:g}"):
        convert(bulk(values, [30, number, 20, 100]))
    own = to_anndata(EffectTable(("MED1", "UBL5"), ("R",), np.ones((2, 1)), np.ones(2)))
    own.obs["n_cells"] = [10, number]
    own.write_h5ad(tmp_path / "own.h5ad")
    for read in (convert, read_effects):
        with pytest.raises(
            DataError, match=rf"own.h5ad: .*'UBL5' \(row 2\): n_cells is {number:g}"
        ):
            read(tmp_path / "own.h5ad")


# ---------------------------------------------------------------------- pseudobulk
SUMS = np.array([[10, 50, 400], [20, 80, 500], [0, 0, 0], [40, 30, 450], [60, 20, 600]])
OBS = {
    "perturbation": ["ATF4", "ATF4", "MED1", "control", "control"],
    "sample": ["s1", "s2", "s1", "s1", "s2"],
}


@pytest.mark.parametrize("column", ["psbulk_cells", "psbulk_n_cells"])
def test_decoupler(write_rows: Write, column: str) -> None:
    names = [f"{s}_{p}" for s, p in zip(OBS["sample"], OBS["perturbation"], strict=True)]
    cells = [20, 30, 0, 40, 60]
    path = write_rows(SUMS.astype(float), names, GENES, obs={**OBS, column: cells})
    table, report = convert(path, batch="sample", keep_own_readout=True)
    assert table.perturbations == ("ATF4",)
    first, second = profile(SUMS[0]) - profile(SUMS[3]), profile(SUMS[1]) - profile(SUMS[4])
    np.testing.assert_allclose(table.values[0], (20 * first + 30 * second) / 50, atol=1e-5)
    assert report.empty_cells == 1
    assert report.too_few_cells == {"MED1": 0}
    assert not any("The controls" in note for note in report.notes)
    pooled, told = convert(path, keep_own_readout=True)
    assert told.notes[-1] == (
        "The controls of 2 batches by column 'sample' (s1, s2) were pooled; --batch sample "
        "compares within each."
    )
    control = (40 * profile(SUMS[3]) + 60 * profile(SUMS[4])) / 100
    mean = (20 * profile(SUMS[0]) + 30 * profile(SUMS[1])) / 50
    np.testing.assert_allclose(pooled.values[0], mean - control, atol=1e-5)


def test_scanpy_aggregate(tmp_path: Path) -> None:
    """``X`` is empty, the sums lie in a layer."""
    obs = pd.DataFrame({"perturbation": pd.Categorical(["ATF4", "control"]),
                        "n_obs_aggregated": [20, 40]}, index=["ATF4", "control"])  # fmt: skip
    path = tmp_path / "aggregate.h5ad"
    var = pd.DataFrame(index=GENES)
    anndata.AnnData(obs=obs, var=var, layers={"sum": SUMS[[0, 3]]}).write_h5ad(path)
    table, report = convert(path, keep_own_readout=True)
    np.testing.assert_allclose(table.values[0], profile(SUMS[0]) - profile(SUMS[3]), atol=1e-5)
    assert report.n_cells == {"ATF4": 20, "control": 40}


def test_sums_without_a_mark_are_known_by_their_control(write_rows: Write) -> None:
    path = write_rows(SUMS[[0, 3]].astype(float), ["ATF4", "non-targeting"], GENES)
    table, report = convert(path, keep_own_readout=True)
    np.testing.assert_allclose(table.values[0], profile(SUMS[0]) - profile(SUMS[3]), atol=1e-5)
    assert "sums or means" in report.recognised[0]
    with pytest.raises(DataError, match="no effects") as caught:
        read_effects(path)
    assert "--kind pseudobulk" in caught.value.hint


def test_rows_of_batches_without_control(write_rows: Write) -> None:
    obs = {**OBS, "psbulk_cells": [20, 30, 5, 40, 60], "sample": ["s1", "s3", "s1", "s1", "s2"]}
    values = np.where(SUMS > 0, SUMS, 5).astype(float)
    table, report = convert(write_rows(values, list("abcde"), GENES, obs=obs), batch="sample")
    assert report.unmatched_batches == {"s3": 1}
    np.testing.assert_allclose(
        table.values[0, 1:], (profile(values[0]) - profile(values[3]))[1:], atol=1e-5
    )


def test_columns_of_one_name_are_summed(write_rows: Write) -> None:
    values = np.array([[5.0, 10, 400, 7], [10, 20, 500, 3]])
    names = ["ATF4-1", "DDIT3", "GAPDH", "DDIT3-1"]
    path = write_rows(values, ["MED1", "control"], names, obs={"psbulk_cells": [20, 30]})
    with pytest.raises(DataError, match="DDIT3"):
        convert(path)
    table, _ = convert(path, duplicated_readouts="sum")
    summed = np.column_stack([values[:, 0], values[:, 1] + values[:, 3], values[:, 2]])
    assert table.readouts == ("ATF4-1", "DDIT3", "GAPDH")
    np.testing.assert_allclose(table.values[0], profile(summed[0]) - profile(summed[1]), atol=1e-5)


def test_a_negative_sum(write_rows: Write) -> None:
    path = write_rows(np.array([[5.0, -1, 3], [1, 1, 1]]), ["MED1", "control"], GENES,
                      obs={"psbulk_cells": [20, 30]})  # fmt: skip
    with pytest.raises(DataError, match="-1 in row 1, readout 'DDIT3'") as caught:
        convert(path)
    assert "--kind effects" in caught.value.hint


def test_too_few_cells_in_every_row(write_rows: Write) -> None:
    path = write_rows(SUMS[[0, 3]].astype(float), ["ATF4", "control"], GENES,
                      obs={"psbulk_cells": [2, 30]})  # fmt: skip
    with pytest.raises(DataError, match="no perturbation has 3 cells"):
        convert(path)


def test_a_named_column_of_rows(write_rows: Write) -> None:
    path = write_rows(np.array([[1.0, -1, 2], [1, 1, 1]]), ["a", "b"], GENES,
                      obs={"who": ["MED1", "UBL5"], "note": ["x", "y"]})  # fmt: skip
    table, report = convert(path, kind="effects", perturbation="who")
    assert table.perturbations == ("MED1", "UBL5")
    assert report.recognised[0] == "Read as effects, as asked."


# ---------------------------------------------------------------------- effects
def test_repeated_rows_and_their_errors(write_rows: Write) -> None:
    values = np.array([[1.0, -1, 0], [3, 1, 2], [0.5, 0.5, -0.5]])
    errors = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2], [0.1, 0.1, 0.1]])
    obs = {"perturbation": ["MED1", "MED1", "UBL5"], "n_cells": [30, 10, 5]}
    path = write_rows(values, list("abc"), GENES, obs=obs, layers={"standard_error": errors})
    with pytest.raises(DataError, match=r"MED1 \(rows 1, 2\)"):
        convert(path)
    table, report = convert(path, duplicated_rows="mean")
    np.testing.assert_allclose(table.values[0], (3 * values[0] + values[1]) / 4)
    expected = np.sqrt((0.75 * errors[0]) ** 2 + (0.25 * errors[1]) ** 2)
    assert table.standard_error is not None
    np.testing.assert_allclose(table.standard_error[0], expected, rtol=1e-6)
    assert report.n_cells == {"MED1": 40, "UBL5": 5}
    assert report.few_cells == {"UBL5": 5}


def test_infinite_effects_of_a_matrix(write_rows: Write) -> None:
    path = write_rows(np.array([[1.0, -np.inf, 2.0]]), ["MED1"], GENES)
    with pytest.raises(DataError, match="row 1, readout 'DDIT3'") as caught:
        convert(path)
    assert "--infinite missing" in caught.value.hint
    assert convert(path, infinite="missing")[0].n_not_measured == 1


def test_a_row_without_name_is_counted(write_rows: Write) -> None:
    path = write_rows(
        np.array([[1.0, -1, 2], [1, 1, 1]]), ["a", "b"], GENES,
        obs={"perturbation": pd.Categorical(["MED1", None])},
    )  # fmt: skip
    _, report = convert(path)
    assert report.left_out == {"(no label)": 1}
    with pytest.raises(DataError, match="row 2 has no name"):
        read_effects(path)


def test_a_converted_file_is_taken_as_it_stands(write_rows: Write, tmp_path: Path) -> None:
    from mechpert_al.effects import write_effects

    table, _ = convert(write_rows(np.array([[1.0, -1, 2]]), ["ATF4"], GENES), keep_own_readout=True)
    again, report = convert(write_effects(table, tmp_path / "effects.h5ad"))
    assert again.content_hash == table.content_hash
    assert "converted before" in report.notes[0]


def test_converted_files_obey_the_least_number_of_cells(tmp_path: Path) -> None:
    from mechpert_al.effects import EffectTable, write_effects

    cells = np.array([2, 12, np.nan])
    values = np.arange(6.0).reshape(3, 2)
    table = EffectTable(("ATF4", "MED1", "UBL5"), ("DDIT3", "ASNS"), values, cells)
    path = write_effects(table, tmp_path / "effects.h5ad")
    for least, few in ((1, {}), (3, {"ATF4": 2}), (13, {"ATF4": 2, "MED1": 12})):
        found, report = convert(path, min_cells=least)
        assert report.too_few_cells == few
        kept = [row for row, name in enumerate(table.perturbations) if name not in few]
        assert found.perturbations == tuple(table.perturbations[row] for row in kept)
        np.testing.assert_array_equal(found.values, values[kept])
    path = write_effects(
        EffectTable(("ATF4",), ("DDIT3",), np.ones((1, 1)), np.array([5])), tmp_path / "few.h5ad"
    )
    with pytest.raises(DataError, match="no perturbation has 6 cells"):
        convert(path, min_cells=6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_cells": 20}, "--min-cells 20 cannot apply, the file does not say how many cells"),
        ({"shrink": True}, "--shrink cannot apply"),
        ({"infinite": "missing"}, "--infinite missing cannot apply"),
    ],
)
def test_options_that_come_too_late_are_refused(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    from mechpert_al.effects import EffectTable, write_effects

    bare = EffectTable(("ATF4",), ("DDIT3",), np.ones((1, 1)))
    path = write_effects(bare, tmp_path / "effects.h5ad")
    assert convert(path, infinite="error")[0].content_hash == bare.content_hash
    with pytest.raises(UsageError) as caught:
        convert(path, **options)
    assert said in caught.value.message
    assert caught.value.hint is not None
    assert "source" in caught.value.hint
