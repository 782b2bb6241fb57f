"""Effects files: written, read back, and what other AnnData files are taken for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mechpert_al.effects import (
    EffectTable,
    from_anndata,
    read_effects,
    to_anndata,
    write_effects,
)
from mechpert_al.errors import DataError

Write = Callable[..., Path]


@pytest.fixture
def table() -> EffectTable:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 4))
    values[1, 2] = np.nan
    return EffectTable(
        ("ATF4", "MED1", "nan"),
        ("DDIT3", "NA", "ASNS", "nan"),
        values,
        np.array([10, 20, np.nan]),
        np.abs(rng.normal(size=(3, 4))),
        {"kind": "counts", "note": "a β"},
    )


def assert_same(one: EffectTable, other: EffectTable) -> None:
    assert one.perturbations == other.perturbations
    assert one.readouts == other.readouts
    np.testing.assert_array_equal(one.values, other.values)
    assert one.info == other.info
    for name in ("n_cells", "standard_error"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs)


def test_written_and_read_back(table: EffectTable, tmp_path: Path) -> None:
    assert_same(read_effects(write_effects(table, tmp_path / "effects.h5ad")), table)


def test_without_cells_and_errors(tmp_path: Path) -> None:
    bare = EffectTable(("ATF4",), ("DDIT3",), np.array([[1.5]]))
    assert_same(read_effects(write_effects(bare, tmp_path / "effects.h5ad")), bare)


def test_anndata_reads_what_we_write(table: EffectTable, tmp_path: Path) -> None:
    annotated = anndata.read_h5ad(write_effects(table, tmp_path / "effects.h5ad"))
    assert list(annotated.obs_names) == list(table.perturbations)
    assert annotated.X.dtype == np.float32
    assert_same(from_anndata(annotated), table)


def test_through_anndata(table: EffectTable) -> None:
    assert_same(from_anndata(to_anndata(table)), table)


def test_to_anndata_gives_arrays_of_its_own(table: EffectTable) -> None:
    annotated = to_anndata(table)
    annotated.X[0, 0] = 99
    assert table.values[0, 0] != 99


def test_writing_the_same_twice_gives_the_same_bytes(table: EffectTable, tmp_path: Path) -> None:
    one, two = (write_effects(table, tmp_path / name) for name in ("one.h5ad", "two.h5ad"))
    assert one.read_bytes() == two.read_bytes()


@settings(max_examples=20, deadline=None)
@given(
    values=st.lists(
        st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6, width=32)), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    ),
    seed=st.integers(0, 1000),
)
def test_order_does_not_change_the_hash(values: list[list[float | None]], seed: int) -> None:
    matrix = np.array(values, dtype=np.float32)
    rows = [f"G{i}" for i in range(len(matrix))]
    table = EffectTable(tuple(rows), ("A", "B", "C"), matrix)
    rng = np.random.default_rng(seed)
    order, columns = rng.permutation(len(rows)), rng.permutation(3)
    shuffled = EffectTable(
        tuple(rows[i] for i in order),
        tuple("ABC"[j] for j in columns),
        matrix[np.ix_(order, columns)],
    )
    assert shuffled.content_hash == table.content_hash
    assert_same(from_anndata(to_anndata(table)), table)


# ---------------------------------------------------------------------- foreign AnnData
def test_perturbation_column_wins_over_the_index(write_rows: Write) -> None:
    path = write_rows(
        np.ones((2, 2)), ["row1", "row2"], ["A", "B"], obs={"perturbation": ["ATF4", "MED1"]}
    )
    assert read_effects(path).perturbations == ("ATF4", "MED1")


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_matrix])
def test_what_sparse_data_does_not_store_is_zero(
    write_rows: Write, form: Callable[[np.ndarray], object]
) -> None:
    values = np.array([[0, 1.5, 0], [np.nan, 0, -2]], dtype=np.float32)
    read = read_effects(write_rows(form(values), ["ATF4", "MED1"], ["A", "B", "C"]))
    np.testing.assert_array_equal(read.values, values)
    assert read.n_not_measured == 1


def test_control_rows_are_no_perturbations(write_rows: Write) -> None:
    values = np.array([[0.0, 0.1], [1.0, -1.0], [2.0, 0.5]])
    read = read_effects(
        write_rows(
            values, ["non-targeting", "ATF4", "CTRL"], ["A", "B"], obs={"n_cells": [9, 8, 7]}
        )
    )
    assert read.perturbations == ("ATF4", "CTRL")
    np.testing.assert_array_equal(read.values, np.float32(values[1:]))
    np.testing.assert_array_equal(read.n_cells, [8, 7])
    assert read.info["control_rows"] == ["non-targeting"]


def test_a_condition_that_is_a_day_does_not_name_rows(write_rows: Write) -> None:
    values = np.array([[1.0, -1.0], [2.0, 0.5], [0.5, 0.5], [0.0, 1.0]])
    names = ["ATF4", "MED1", "UBL5", "RRM2"]
    path = write_rows(values, names, ["A", "B"], obs={"condition": ["day7"] * 4})
    assert read_effects(path).perturbations == tuple(names)


def test_a_table_is_converted_on_the_way(write_text: Write) -> None:
    read = read_effects(write_text("perturbation,DDIT3\nATF4,1.5\n"))
    assert read.values.tolist() == [[1.5]]


# ---------------------------------------------------------------------- safe writing
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, table: EffectTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_effects(table, tmp_path / "effects.h5ad")
    before = path.read_bytes()

    def half_a_write(draft: Path, image: bytes) -> None:
        with draft.open("wb") as file:
            file.write(image[: len(image) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", half_a_write)
    with pytest.raises(DataError, match=r"effects\.h5ad: cannot be written \(disk full\)"):
        write_effects(table, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_the_usual_permissions(tmp_path: Path, table: EffectTable) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    path = write_effects(table, tmp_path / "effects.h5ad")
    assert path.stat().st_mode == plain.stat().st_mode


def test_no_folder_to_write_to(tmp_path: Path, table: EffectTable) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_effects(table, tmp_path / "file" / "effects.h5ad")


def test_reading_needs_neither_pandas_nor_anndata(tmp_path: Path, table: EffectTable) -> None:
    path = write_effects(table, tmp_path / "effects.h5ad")
    code = (
        "import sys; from mechpert_al.effects import read_effects; "
        f"read_effects({str(path)!r}); "
        "print(sorted({'pandas', 'anndata', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
