"""What is wrong with an input is said with its place, and with the way to mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest

from mechpert_al.effects import EffectTable, convert, from_anndata, read_effects
from mechpert_al.errors import DataError, MechPertError, UsageError

Screen = tuple[np.ndarray, list[str], list[str]]
Write = Callable[..., Path]


# ---------------------------------------------------------------------- files as such
def test_no_such_file(tmp_path: Path) -> None:
    for read in (convert, read_effects):
        with pytest.raises(DataError, match=r"nowhere\.h5ad: .*no such file"):
            read(tmp_path / "nowhere.h5ad")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not recognised") as caught:
        convert(tmp_path)
    assert "--kind" in caught.value.hint


def test_cut_short(write_cells: Write, screen: Screen) -> None:
    path = write_cells(*screen)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"cells\.h5ad: no HDF5 file, or cut short") as caught:
        convert(path)
    assert "checksum" in caught.value.hint


def test_text_under_the_name_of_a_matrix(write_text: Write) -> None:
    with pytest.raises(DataError, match="no HDF5 file"):
        convert(write_text("gene,A\nMED1,1\n", "effects.h5ad"))


def test_no_anndata(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["matrix/data"] = [1]
    with pytest.raises(DataError, match="no AnnData file, it has no obs and no var"):
        convert(tmp_path / "other.h5")


def test_shape_and_names_disagree(write_cells: Write, screen: Screen) -> None:
    path = write_cells(*screen, form="dense")
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = np.ones((90, 7))
    with pytest.raises(DataError, match=r"X has shape \(90, 7\), but obs and var name \(90, 6\)"):
        convert(path)


def test_no_matrix(write_cells: Write, screen: Screen) -> None:
    path = write_cells(*screen)
    with h5py.File(path, "r+") as file:
        del file["X"]
    with pytest.raises(DataError, match="no matrix X"):
        convert(path)


def test_unknown_kind_and_options(write_cells: Write, screen: Screen) -> None:
    path = write_cells(*screen)
    for options, message, hint in (
        ({"kind": "count"}, "unknown kind of input 'count'", "counts"),
        ({"minimum": 3}, "unknown option 'minimum'", "min_cells"),
        ({"duplicated_rows": "first"}, "duplicated_rows is 'first'", "'mean'"),
        ({"infinite": "zero"}, "infinite is 'zero'", "'missing'"),
        ({"min_cells": 0}, "min_cells is 0", "at least 1"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            convert(path, **options)
        assert hint in caught.value.hint


# ---------------------------------------------------------------------- where effects are expected
def test_single_cells_where_effects_are_expected(write_cells: Write, screen: Screen) -> None:
    with pytest.raises(DataError, match="90 rows for 3 labels") as caught:
        read_effects(write_cells(*screen))
    assert "effects convert" in caught.value.hint
    assert "--kind counts" in caught.value.hint


@pytest.mark.parametrize("column", ["leiden", "cell_type"])
def test_cells_without_perturbation_labels(write_cells: Write, screen: Screen, column: str) -> None:
    counts, _, genes = screen
    path = write_cells(counts, ["a", "b"] * 45, genes, column=column)
    with pytest.raises(DataError, match="the labels in the index are no genes"):
        read_effects(path)
    with pytest.raises(DataError, match="no column of obs is recognised") as caught:
        convert(path)
    assert f"Columns of obs: {column}." in caught.value.hint


ROWS: dict[str, tuple[list[str], list[str], Any, str]] = {
    "rows": (["MED1", "UBL5", "MED1"], ["A", "B"], 1.0, r"MED1 \(rows 1, 3\)"),
    "readouts": (["MED1", "UBL5", "RRM2"], ["A", "A"], 1.0, r"A \(columns 1, 2\)"),
    "infinite": (["MED1", "UBL5", "RRM2"], ["A", "B"], np.inf, "'MED1', readout 'A'"),
}


@pytest.mark.filterwarnings("ignore:.*names are not unique")
@pytest.mark.parametrize("what", ROWS)
def test_effects_files(write_rows: Write, what: str) -> None:
    names, readouts, value, message = ROWS[what]
    path = write_rows(np.full((3, 2), value) * [1, -1], names, readouts)
    with pytest.raises(DataError, match=rf"rows\.h5ad.*{message}") as caught:
        read_effects(path)
    assert caught.value.hint


def test_notes_of_other_versions(write_rows: Write) -> None:
    for note, message in (
        ('{"format": "mechpert-al effects 2"}', "mechpert-al effects 2"),
        ("not JSON", "no JSON text"),
        ("[1]", "no JSON text"),
    ):
        path = write_rows(np.ones((1, 1)), ["MED1"], ["A"], uns={"mechpert_al": note})
        with pytest.raises(DataError, match=message):
            read_effects(path)


def test_anndata_objects() -> None:
    obs, var = pd.DataFrame(index=["MED1"]), pd.DataFrame(index=["A"])
    with pytest.raises(DataError, match="has no X"):
        from_anndata(anndata.AnnData(obs=obs, var=var))
    with pytest.raises(DataError, match="0 readouts"):
        from_anndata(anndata.AnnData(np.empty((1, 0)), obs=obs))


def test_every_error_of_a_table_names_its_kind() -> None:
    with pytest.raises(MechPertError, match="perturbation named more than once: A"):
        EffectTable(("A", "A"), ("x",), np.zeros((2, 1)))
