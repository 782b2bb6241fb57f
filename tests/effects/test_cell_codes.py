"""What is kept of each cell is small, and counted in steps, whatever their number."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.cell_codes import Labels, code_type, counted
from mechpert_al.effects.group_sums import GroupPlan, sum_counts
from mechpert_al.effects.stored_matrix import BLOCK_ROWS

#: More than one step, and not a whole number of them.
N_CELLS = BLOCK_ROWS + 1234


def test_counts_of_codes_in_steps() -> None:
    codes = np.random.default_rng(0).integers(-1, 300, N_CELLS).astype(np.int16)
    found = counted(codes, 301)
    assert found.tolist() == [(codes == code).sum() for code in range(301)]
    assert found[300] == 0


@pytest.mark.parametrize("n", [1, 127, 128, 32_767, 32_768, 100_000])
def test_the_smallest_type_holds_all_codes(n: int) -> None:
    codes = np.array([-1, 0, n - 1])
    assert codes.astype(code_type(n)).tolist() == codes.tolist()
    assert np.dtype(code_type(n)).itemsize <= 4


def test_labels_that_are_texts_are_read_in_steps(tmp_path: Path) -> None:
    """Of a column of texts as of categories, with the same result."""
    texts = [f"GENE{number}" for number in np.random.default_rng(1).integers(0, 50, N_CELLS)]
    obs = pd.DataFrame({"plain": texts, "coded": pd.Categorical(texts)})
    obs.index = obs.index.astype(str)
    cells = anndata.AnnData(sparse.csr_matrix((N_CELLS, 2), dtype=np.float32), obs)
    cells.write_h5ad(tmp_path / "cells.h5ad", convert_strings_to_categoricals=False)
    with AnnotatedFile(tmp_path / "cells.h5ad") as file:
        plain, coded = file.labels("obs", "plain"), file.labels("obs", "coded")
    assert plain.texts() == texts == coded.texts()
    assert plain.names == tuple(dict.fromkeys(texts))
    assert plain.codes.itemsize <= 4
    assert coded.codes.itemsize == 1


def test_labels_keep_their_order_and_gaps() -> None:
    labels = Labels.of(iter(["b", None, "a", "b"]))
    assert labels.names == ("b", "a")
    assert labels.codes.tolist() == [0, -1, 1, 0]


def test_sums_over_more_groups_than_small_numbers_can_multiply(tmp_path: Path) -> None:
    """300 groups × 400 readouts; more cells than rows of a block, most of them empty."""
    rng = np.random.default_rng(2)
    n_genes, n_groups = 400, 300
    counts = sparse.random_array((N_CELLS, n_genes), density=3e-4, rng=rng, format="csr")
    counts.data = np.ceil(counts.data * 5)
    group = rng.integers(-1, n_groups, N_CELLS).astype(np.int16)
    names = pd.DataFrame(index=[str(i) for i in range(N_CELLS)])
    anndata.AnnData(sparse.csr_matrix(counts), names).write_h5ad(tmp_path / "cells.h5ad")
    own = np.full(n_groups - 1, -1)
    plan = GroupPlan(group, n_groups - 1, 1, np.arange(n_genes), n_genes, own)
    with AnnotatedFile(tmp_path / "cells.h5ad") as file:
        found = sum_counts(file.matrix(), plan, file.names_at)
    totals = counts.sum(axis=1)
    values = np.log1p(counts.toarray() * 10_000 / np.maximum(totals, 1)[:, None])
    sums = np.zeros((n_groups + 1, n_genes))
    np.add.at(sums, group, values)  # −1 is added to the last row, which is nobody's
    assert np.allclose(found.sums, sums[:n_groups], atol=1e-6)
    assert (found.is_empty == (totals == 0)).all()
    expected = [((group == one) & (totals > 0)).sum() for one in range(n_groups)]
    assert found.n_cells.tolist() == expected
