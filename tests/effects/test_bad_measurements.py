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

#: Text, options, what the message must say, what the hint must say.
TABLES: dict[str, tuple[str | bytes, dict[str, Any], list[str], str]] = {
    "empty file": ("", {}, ["effects.csv", "empty"], ""),
    "blank lines only": ("\n\n", {}, ["effects.csv", "empty"], ""),
    "header only": ("gene,DDIT3\n", {}, ["effects.csv", "line 1", "no rows"], "row"),
    "one column": ("gene\nMED1\nUBL5\n", {}, ["effects.csv", "one column"], "separated"),
    "short row": ("gene,A,B\nMED1,1,2\nUBL5,1\n", {}, ["line 3", "2 fields", "3"], "quotes"),
    "long row": ("gene,A,B\nMED1,1,2\nUBL5,1,2,3\n", {}, ["line 3", "4 fields", "3"], "quotes"),
    "long rows of R": (
        "perturbation\tA\n1\tMED1\t1\n2\tUBL5\t1\t3\n3\tATF4\t1\n", {},
        ["line 3", "4 fields", "3", "2 names"], "quotes",
    ),
    "open quote": ('gene,A\nMED1,"1\nUBL5,2\n', {}, ["effects.csv", "line 2"], "quotation mark"),
    "not UTF-8": ("gene,A\nMED1\xe4,1\n".encode("latin-1"), {}, ["effects.csv", "UTF-8"], "UTF-8"),
    "damaged gzip": (b"\x1f\x8b\x08\x00garbage", {}, ["effects.csv"], "ownload"),
    "text for a number": (
        "gene,DDIT3\nMED1,1\nUBL5,strong\n", {}, ["line 3", "'DDIT3'", "'strong'", "number"], "NA",
    ),
    "comma among points": (
        "gene\tA\tB\nMED1\t0.5\t0.25\nUBL5\t0,5\t1.5\n", {},
        ["line 3", "'A'", "'0,5'", "decimal point"], "decimal point",
    ),
    "many bad numbers": (
        "gene,A\n" + "".join(f"G{i},x\n" for i in range(12)), {},
        ["line 2", "line 11", "2 more"], "NA",
    ),
    "label missing": ("gene,A\nMED1,1\n,2\n", {}, ["line 3", "no label"], "Name"),
    "label missing in long table": (
        "perturbation,gene,lfc\nMED1,A,1\nMED1,,2\n", {}, ["line 3", "no label"], "readout",
    ),
    "running numbers": ("n,A\n1,0.5\n2,0.7\n", {}, ["running numbers", "line 2"], "--perturbation"),
    "unnamed readout": ("gene,A,,B\nMED1,1,2,3\n", {}, ["line 1", "column 3"], "Name"),
    "readout twice": ("gene,A,B,A\nMED1,1,2,3\n", {}, ["A (columns 2, 4)"], "rename"),
    "perturbation twice": (
        "gene,A\nMED1,1\nUBL5,2\nMED1,3\n", {}, ["MED1", "line 2", "line 4"],
        "--duplicated-rows mean",
    ),
    "dates": (
        "gene,A\nMED1,1\n1-Mar,2\n2-Sep,3\n", {},
        ["line 3", "1-Mar", "MARCHF1", "line 4", "2-Sep", "SEPTIN2"], "text",
    ),
    "no such column": (
        "gene,A\nMED1,1\n", {"perturbation": "guide"}, ["'guide'"], "gene, A",
    ),
    "no such column in long table": (
        "x,gene,lfc\nMED1,A,1\n", {"perturbation": "guide"}, ["'guide'"], "x, gene, lfc",
    ),
    "only controls": ("gene,A\nctrl,1\n", {}, ["no row is a perturbation", "ctrl"], "controls"),
    "no such control": (
        "gene,A\nMED1,1\nctl,0\n", {"control": "ctrl"}, ["'ctrl'"], "'ctl'",
    ),
    "transposed": ("gene,MED1,ctrl\nDDIT3,1,0\n", {}, ["line 1", "'ctrl'"], "transpose"),
    "expression": (
        "gene,A,B\nctrl,5,3\nMED1,2,4\n", {}, ["line 2", "'ctrl'", "expression"], "Subtract",
    ),
    "counts of cells": (
        "barcode,A,B\nAAACCTGAG-1,0,3\nAAACCTGCA-1,2,0\n", {},
        ["'AAACCTGAG-1' in line 2", "counts of cells"], ".h5ad",
    ),
    "scores only": (
        "names,scores\nDDIT3,2\n", {"perturbation_name": "MED1"}, ["line 1", "scores"], "fold",
    ),
    "two controls in contrasts": (
        "variable,p_value,log_fc,comparison\nA,1,1,MED1_vs_NT\nA,1,1,UBL5_vs_DMSO\n", {},
        ["'NT' (line 2)", "'DMSO' (line 3)"], "split",
    ),
    "no rows of effects": (
        "primerid,component,contrast,coef\nA,H,MED1,NA\n", {}, ["no row holds an effect"], "",
    ),
}  # fmt: skip


def refused(path: Path, wanted: list[str], hint: str, **options: Any) -> None:
    with pytest.raises(DataError) as caught:
        convert(path, **options)
    for one in wanted:
        assert one in caught.value.message, (one, caught.value.message)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("what", TABLES)
def test_tables(write_text: Write, what: str) -> None:
    content, options, wanted, hint = TABLES[what]
    refused(write_text(content), wanted, hint, **options)


def _replaced(labels: list[str], old: str, new: str) -> list[str]:
    return [new if label == old else label for label in labels]


#: What is done to a sound screen: changes of (counts, labels, genes) and writing options.
CELLS: dict[str, tuple[Callable[..., dict[str, Any]], dict[str, Any], list[str], str]] = {
    "no control": (
        lambda c, x, g: {"labels": _replaced(x, "non-targeting", "GAPDH")}, {},
        ["cells.h5ad", "no label is recognised as a control", "'GAPDH' (40 cells)"], "--control",
    ),
    "unknown control": (
        lambda c, x, g: {}, {"control": "NT"}, ["'NT'", "upper and lower case"], "",
    ),
    "control in other case": (
        lambda c, x, g: {}, {"control": "Non-Targeting"}, ["'Non-Targeting'"], "'non-targeting'",
    ),
    "two controls": (
        lambda c, x, g: {"labels": ["scrambled"] * 5 + x[5:]}, {},
        ["'non-targeting' (35 cells)", "'scrambled' (5 cells)"], "--control",
    ),
    "no such column": (
        lambda c, x, g: {}, {"perturbation": "guide"}, ["obs['guide']"], "perturbation",
    ),
    "no known column": (
        lambda c, x, g: {"column": "cluster_name"}, {"kind": "counts"},
        ["no column of obs is recognised"], "cluster_name",
    ),
    "columns that disagree": (
        lambda c, x, g: {"obs": {"gene": x[::-1]}}, {},
        ["obs['perturbation']", "obs['gene']", "'cell0'"], "--perturbation gene",
    ),
    "no such batch": (
        lambda c, x, g: {}, {"batch": "lane"}, ["obs['lane']"], "perturbation",
    ),
    "no controls in any batch": (
        lambda c, x, g: {"obs": {"lane": [str(i // 2) for i in range(90)]}}, {"batch": "lane"},
        ["40 control cells", "at most 2 in a batch", "at least 3"], "--batch",
    ),
    "no such layer": (
        lambda c, x, g: {"layers": {"raw": c}}, {"layer": "counts"}, ["layers/counts"], "raw",
    ),
    "too few cells everywhere": (
        lambda c, x, g: {}, {"min_cells": 35}, ["no perturbation has 35 cells"], "--min-cells",
    ),
    "negative": (
        lambda c, x, g: {"counts": np.where(np.arange(540).reshape(90, 6) == 29, -1, c)}, {},
        ["X: -1 for cell 'cell4', readout 'HLA-A'"], "--kind expression",
    ),
    "logarithms": (
        lambda c, x, g: {"counts": np.log1p(c), "layers": {"umi": c}}, {},
        ["X: 1.94", "expected a count"], "--layer umi",
    ),
    "one fraction far down": (
        lambda c, x, g: {"counts": c.astype(float) + 0.5 * (np.arange(90)[:, None] == 89)},
        {"kind": "counts"}, ["cell89", "'ATF4'", "a count"], "--layer",
    ),
    "missing value": (
        lambda c, x, g: {"counts": np.where(np.arange(90)[:, None] == 7, np.nan, c * 0.5)},
        {"kind": "expression"}, ["nan", "'cell7'", "finite"], "value",
    ),
    "repeated readouts": (
        lambda c, x, g: {"genes": [*g[:5], "ATF4"]}, {}, ["ATF4 in columns 1, 6"], "gene_ids",
    ),
    "repeated readouts of expression": (
        lambda c, x, g: {"genes": [*g[:5], "ATF4"]},
        {"kind": "expression", "duplicated_readouts": "sum"}, ["ATF4 in columns 1, 6"],
        "use ids",
    ),
    "no ids": (
        lambda c, x, g: {}, {"readout_names": "gene_ids"}, ["--readout-names gene_ids"], "none",
    ),
    "unnamed readout": (
        lambda c, x, g: {"genes": [*g[:5], ""]}, {}, ["column 6 has no name"], "gene_ids",
    ),
    "two names of one gene": (
        lambda c, x, g: {"labels": _replaced(x[:80], "MED1", "AARS") + ["AARS1"] * 10}, {},
        ["AARS (10 cells) and AARS1 (10 cells) are both AARS1"], "--duplicated-rows mean",
    ),
    "dates": (
        lambda c, x, g: {"labels": [*x[:80], *["1-Mar"] * 10]}, {},
        ["10 cells", "1-Mar", "MARCHF1"], "spreadsheet",
    ),
    "nothing but empty cells": (
        lambda c, x, g: {"counts": c * (np.arange(90)[:, None] < 40)}, {},
        ["no perturbation has 3 cells with counts"], "--layer",
    ),
    "empty controls": (
        lambda c, x, g: {"counts": c * (np.arange(90)[:, None] >= 40)}, {},
        ["no control cell has a count"], "--layer",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@pytest.mark.parametrize("what", CELLS)
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_cells(write_cells: Write, screen: Screen, what: str, form: str) -> None:
    change, options, wanted, hint = CELLS[what]
    counts, labels, genes = screen
    changed = {"counts": counts, "labels": labels, "genes": genes, "form": form}
    refused(write_cells(**{**changed, **change(counts, labels, genes)}), wanted, hint, **options)


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
