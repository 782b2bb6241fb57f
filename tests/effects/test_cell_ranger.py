"""Counts as Cell Ranger and scanpy leave them, against the dense matrix and plain NumPy."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import io, sparse

from mechpert_al.effects import convert
from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.errors import DataError

Screen = tuple[np.ndarray, list[str], list[str]]
Write = Callable[..., Path]
LogMean = Callable[[np.ndarray], np.ndarray]
#: Guides are counted beside the genes, and are no readouts.
GUIDES = ["ATF4_g1", "ATF4_g2", "MED1_g1", "NT_1"]
CALLS = {"ATF4": "ATF4_g1|ATF4_g2", "MED1": "MED1_g1", "non-targeting": "NT_1"}


@pytest.fixture
def barcodes() -> list[str]:
    rng = np.random.default_rng(11)
    return ["".join(rng.choice(list("ACGT"), 16)) + "-1" for _ in range(90)]


def features(genes: list[str]) -> tuple[list[str], list[str], list[str]]:
    ids = [f"ENSG{number:011}" for number in range(len(genes))] + GUIDES
    kinds = ["Gene Expression"] * len(genes) + ["CRISPR Guide Capture"] * len(GUIDES)
    return ids, [*genes, *GUIDES], kinds


def with_guides(counts: np.ndarray) -> sparse.csc_matrix:
    """Features × cells, with guide counts of their own, as they are stored."""
    guides = np.random.default_rng(5).poisson(50, size=(len(counts), len(GUIDES)))
    return sparse.csc_matrix(np.hstack([counts, guides]).T)


def write_h5(folder: Path, counts: np.ndarray, genes: list[str], barcodes: list[str]) -> Path:
    matrix = with_guides(counts)
    ids, names, kinds = features(genes)
    path = folder / "filtered_feature_bc_matrix.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["data"], group["indices"] = (
            matrix.data.astype("int32"),
            matrix.indices.astype("int64"),
        )
        group["indptr"], group["shape"] = matrix.indptr.astype("int64"), np.array(matrix.shape)
        group["barcodes"] = np.array(barcodes, dtype="S18")
        for name, values in (("id", ids), ("name", names), ("feature_type", kinds)):
            group[f"features/{name}"] = np.array(values, dtype="S")
    return path


def write_folder(
    folder: Path, counts: np.ndarray, genes: list[str], barcodes: list[str], packed: bool = True
) -> Path:
    place = folder / "filtered_feature_bc_matrix"
    place.mkdir()
    open_ = gzip.open if packed else open
    end = ".gz" if packed else ""
    with open_(place / f"matrix.mtx{end}", "wb") as file:
        io.mmwrite(file, with_guides(counts), comment=' metadata_json: {"format_version": 2}')
    with open_(place / f"barcodes.tsv{end}", "wt") as file:
        file.write("\n".join(barcodes) + "\n")
    with open_(place / f"features.tsv{end}", "wt") as file:
        file.write("".join("\t".join(row) + "\n" for row in zip(*features(genes), strict=True)))
    return place


def write_calls(path: Path, barcodes: list[str], labels: list[str]) -> Path:
    path.parent.mkdir(exist_ok=True)
    rows = ["cell_barcode,num_features,feature_call,num_umis"]
    for barcode, label in zip(barcodes, labels, strict=True):
        call = CALLS[label]
        n = call.count("|") + 1
        rows.append(f"{barcode},{n},{call},{'|'.join(['80'] * n)}")
    path.write_text("\n".join(rows) + "\n")
    return path


WRITERS = {
    "h5": write_h5,
    "mtx.gz": write_folder,
    "mtx": lambda *more: write_folder(*more, packed=False),
}


@pytest.mark.parametrize("form", WRITERS)
def test_counts_of_cell_ranger(
    tmp_path: Path, screen: Screen, barcodes: list[str], log_mean: LogMean, form: str
) -> None:
    """Its guide calls lie where it puts them; three cells have none, one call has no cell."""
    counts, labels, genes = screen
    path = WRITERS[form](tmp_path, counts, genes, barcodes)
    write_calls(
        tmp_path / "crispr_analysis" / "protospacer_calls_per_cell.csv",
        [*barcodes[3:], "GGGGGGGGGGGGGGGG-1"], [*labels[3:], "MED1"],
    )  # fmt: skip
    table, report = convert(path, keep_own_readout=True)

    is_of = {name: np.array(labels) == name for name in set(labels)}
    is_of["non-targeting"][:3] = False
    assert table.perturbations == ("ATF4", "MED1")
    assert table.readouts == tuple(genes)
    for row, name in enumerate(table.perturbations):
        expected = log_mean(counts[is_of[name]]) - log_mean(counts[is_of["non-targeting"]])
        np.testing.assert_allclose(table.values[row], expected, atol=1e-6)
    assert report.n_cells == {"control": 37, "ATF4": 30, "MED1": 20}
    assert report.left_out == {"(no label)": 3}
    calls = tmp_path / "crispr_analysis" / "protospacer_calls_per_cell.csv"
    assert table.info["sources"][1] == {
        "file": calls.name, "sha256": hashlib.sha256(calls.read_bytes()).hexdigest()
    }  # fmt: skip
    assert "Labels of 87 of 90 cells are from protospacer_calls_per_cell.csv." in report.notes
    assert (
        "Cells of protospacer_calls_per_cell.csv that are not among the counts: 1." in report.notes
    )


@pytest.mark.parametrize("form", WRITERS)
@given(
    seed=st.integers(0, 1000), n_values=st.integers(1, 400), n_empty=st.integers(0, 30),
)  # fmt: skip
@settings(max_examples=15)
def test_blocks_put_together_are_the_matrix(
    tmp_path_factory: pytest.TempPathFactory, form: str, seed: int, n_values: int, n_empty: int
) -> None:
    """Whatever the size of a block, and with cells that have no count at all."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.4, size=(40, 5))
    counts[rng.permutation(40)[:n_empty]] = 0
    barcodes = [f"CELL{number}" for number in range(40)]
    folder = tmp_path_factory.mktemp("blocks")
    path = WRITERS[form](folder, counts, ["A", "B", "C", "D", "E"], barcodes)
    with AnnotatedFile(path) as file:
        assert file.observations == tuple(barcodes)
        parts = list(file.matrix().row_blocks(n_values))
    assert [rows.start for rows, _ in parts] == [0, *[rows.stop for rows, _ in parts[:-1]]]
    np.testing.assert_array_equal(np.vstack([block.toarray() for _, block in parts]), counts)
    assert all(len(range(40)[rows]) == block.shape[0] for rows, block in parts)
    if n_values < 100 and form == "h5":
        assert len(parts) > 1


def test_old_folders_have_genes_and_no_types(
    tmp_path: Path, screen: Screen, barcodes: list[str]
) -> None:
    counts, labels, genes = screen
    place = write_folder(tmp_path, counts, genes, barcodes, packed=False)
    (place / "features.tsv").unlink()
    (place / "genes.tsv").write_text("".join(f"ENSG{i:011}\t{g}\n" for i, g in enumerate(genes)))
    io.mmwrite(place / "matrix.mtx", sparse.csc_matrix(counts.T))
    write_calls(place / "protospacer_calls_per_cell.csv", barcodes, labels)
    assert convert(place)[0].readouts == tuple(genes)
    assert convert(place, readout_names="gene_ids")[0].readouts[5] == "ENSG00000000005"


def test_labels_from_a_table_beside_an_annotated_file(
    tmp_path: Path, write_cells: Write, screen: Screen
) -> None:
    counts, labels, genes = screen
    within, _ = convert(write_cells(counts, labels, genes))
    bare = write_cells(counts, ["a", "b"] * 45, genes, column="leiden", name="bare.h5ad")
    calls = tmp_path / "cells.tsv"
    rows = [f"cell{number}\t{label}" for number, label in enumerate(labels)]
    calls.write_text("\n".join(["cell BC\tguide identity", *rows[::-1]]) + "\n")
    apart, report = convert(bare, guide_calls=calls, perturbation="guide identity")
    assert apart.content_hash == within.content_hash
    assert "obs['guide identity']" in " ".join(report.recognised)


# ---------------------------------------------------------------------- text
@pytest.mark.parametrize("by", ["rows", "columns"])
@pytest.mark.parametrize("name", ["counts.csv", "counts.tsv.gz"])
def test_counts_as_text(
    tmp_path: Path, write_cells: Write, screen: Screen, barcodes: list[str], by: str, name: str
) -> None:
    counts, labels, genes = screen
    frame = pd.DataFrame(counts, index=barcodes, columns=genes)
    frame = frame if by == "rows" else frame.T
    frame.to_csv(tmp_path / name, sep="\t" if "tsv" in name else ",")
    calls = pd.DataFrame({"barcode": barcodes, "gene": labels, "lane": ["a", "b"] * 45})
    calls.to_csv(tmp_path / "cells.csv", index=False)
    with pytest.raises(DataError, match="look like counts of cells") as told:
        convert(tmp_path / name)
    assert "--kind counts --guide-calls" in told.value.hint
    options = {"kind": "counts", "guide_calls": tmp_path / "cells.csv"}
    table, report = convert(tmp_path / name, **options)
    assert table.content_hash == convert(write_cells(counts, labels, genes))[0].content_hash
    assert report.n_cells == {"control": 40, "ATF4": 30, "MED1": 20}
    batched = write_cells(counts, labels, genes, obs={"lane": ["a", "b"] * 45})
    assert (
        convert(tmp_path / name, **options, batch="lane")[0].content_hash
        == convert(batched, batch="lane")[0].content_hash
    )


# ---------------------------------------------------------------------- scanpy's raw counts
def write_raw(path: Path, screen: Screen, counts_of_raw: np.ndarray) -> Path:
    """X holds scaled values of four genes; what was there before is kept aside."""
    _, labels, genes = screen
    obs = pd.DataFrame({"perturbation": labels}, index=[f"cell{i}" for i in range(90)])
    var = pd.DataFrame(index=genes)
    whole = anndata.AnnData(sparse.csr_matrix(counts_of_raw), obs=obs, var=var)
    scaled = np.random.default_rng(2).normal(size=(90, 4))
    small = anndata.AnnData(scaled, obs=obs, var=var.iloc[:4])
    small.raw = whole
    small.write_h5ad(path)
    return path


def test_counts_kept_aside_are_asked_about_and_read(
    tmp_path: Path, write_cells: Write, screen: Screen
) -> None:
    counts, labels, genes = screen
    path = write_raw(tmp_path / "raw.h5ad", screen, counts)
    with pytest.raises(DataError, match="expected a count") as caught:
        convert(path)
    assert "--layer raw/X" in caught.value.hint
    table, _ = convert(path, layer="raw/X")
    assert table.readouts == tuple(genes)
    assert table.content_hash == convert(write_cells(counts, labels, genes))[0].content_hash


def test_logarithms_kept_aside_are_not_offered(tmp_path: Path, screen: Screen) -> None:
    path = write_raw(tmp_path / "raw.h5ad", screen, np.log1p(screen[0]))
    with pytest.raises(DataError, match="expected a count") as caught:
        convert(path)
    assert "raw/X" not in caught.value.hint


def test_nothing_was_kept_aside(write_cells: Write, screen: Screen) -> None:
    with pytest.raises(DataError, match="there is no matrix raw/X"):
        convert(write_cells(*screen), layer="raw/X")
