"""Real measurements, where they are at hand."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import anndata
import numpy as np
import pytest
from scipy import io

from mechpert_al.effects import convert, read_effects


@pytest.mark.parametrize("line", ["k562", "rpe1"])
def test_effects_of_two_lines(real_data: Path, line: str) -> None:
    path = real_data / f"replogle2022_{line}_up1000.h5ad"
    table, annotated = read_effects(path), anndata.read_h5ad(path)
    np.testing.assert_array_equal(table.values, annotated.X.toarray())
    assert table.perturbations == tuple(annotated.obs["perturbation"])
    assert table.readouts == tuple(annotated.var_names)
    assert table.is_complete


@pytest.mark.parametrize("batch", [None, "batch", "none"])
def test_cells_against_the_dense_matrix(real_data: Path, batch: str | None) -> None:
    path = real_data / "papalexi2021_thp1_counts.h5ad"
    table, report = convert(path, keep_own_readout=True, batch=batch)
    annotated = anndata.read_h5ad(path)
    counts = annotated.X.toarray().astype(np.float64)
    values = np.log1p(10_000 * counts / counts.sum(axis=1, keepdims=True))
    label = annotated.obs["perturbation"].to_numpy(dtype=str)
    group = np.zeros(len(label), int) if batch == "none" else annotated.obs["batch"].cat.codes
    control = {
        code: values[(label == "non-targeting") & (group == code)].mean(axis=0)
        for code in np.unique(group)
    }
    values -= np.array([control[code] for code in group])
    assert set(table.perturbations) == set(label) - {"non-targeting", "unassigned"}
    for row, name in enumerate(table.perturbations):
        np.testing.assert_allclose(table.values[row], values[label == name].mean(0), atol=1e-6)
        assert report.n_cells[name] == (label == name).sum()
    assert report.left_out == {"unassigned": (label == "unassigned").sum()}


def test_guides_and_genes_are_one_reading(real_data: Path) -> None:
    path = real_data / "papalexi2021_thp1_counts.h5ad"
    by_gene, _ = convert(path)
    by_guide, report = convert(path, perturbation="guide")
    assert by_guide.content_hash == by_gene.content_hash
    assert report.n_cells["control"] == 1912


def test_significant_pairs_of_a_long_table(real_data: Path) -> None:
    path = real_data / "adamson2016_k562_upr_de.csv.gz"
    table, report = convert(path, keep_own_readout=True)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert table.n_perturbations == len({row["perturbation"] for row in rows}) == 90
    assert table.n_measured == len(rows) == 26_672
    column_of = {name: column for column, name in enumerate(table.readouts)}
    for row in rows:
        value = table.values[table.row_of[row["perturbation"]], column_of[row["gene"]]]
        assert value == np.float32(row["log2fc"])
    assert "only significant ones are (largest adjusted p 0.05)" in "\n".join(report.lines())
    assert convert(path, absent="zero", keep_own_readout=True)[0].is_complete


def test_thp1_counts_as_cell_ranger_has_them(real_data: Path, tmp_path: Path) -> None:
    """The same cells, written by SciPy into a folder of Cell Ranger, with calls by guide."""
    source = real_data / "papalexi2021_thp1_counts.h5ad"
    cells = anndata.read_h5ad(source)
    io.mmwrite(tmp_path / "matrix.mtx", cells.X.T.tocsc())
    (tmp_path / "barcodes.tsv").write_text("\n".join(cells.obs_names) + "\n")
    rows = [f"ENSG{i:011}\t{gene}\tGene Expression" for i, gene in enumerate(cells.var_names)]
    (tmp_path / "features.tsv").write_text("\n".join(rows) + "\n")
    calls = cells.obs["guide"].rename("feature_call").rename_axis("cell_barcode")
    calls.to_csv(tmp_path / "protospacer_calls_per_cell.csv")

    folder, _ = convert(tmp_path)  # which does not tell batches
    whole, _ = convert(source, perturbation="perturbation", batch="none")
    assert folder.content_hash == whole.content_hash
