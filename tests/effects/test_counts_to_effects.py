"""Counts of single cells to effects, against the dense matrix and plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.effects import convert, read_effects, write_effects
from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.differences import shrunk
from mechpert_al.effects.group_sums import GroupPlan, sum_counts
from mechpert_al.effects.stored_matrix import StoredMatrix
from mechpert_al.errors import DataError

Screen = tuple[np.ndarray, list[str], list[str]]
Write = Callable[..., Path]
LogMean = Callable[[np.ndarray], np.ndarray]


@pytest.mark.parametrize("form", ["dense", "csr", "csc"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float32", "float64"])
def test_effects_are_those_of_the_dense_matrix(
    write_cells: Write, screen: Screen, log_mean: LogMean, form: str, dtype: str
) -> None:
    counts, labels, genes = screen
    path = write_cells(counts.astype(dtype), labels, genes, form=form)
    table, report = convert(path, keep_own_readout=True)
    is_of = {name: np.array(labels) == name for name in set(labels)}
    for row, name in enumerate(table.perturbations):
        expected = log_mean(counts[is_of[name]]) - log_mean(counts[is_of["non-targeting"]])
        np.testing.assert_allclose(table.values[row], expected, atol=1e-6)
    assert table.readouts == tuple(genes)
    assert report.n_cells == {"control": 40, "ATF4": 30, "MED1": 20}
    np.testing.assert_array_equal(table.n_cells, [30, 20])


@pytest.mark.parametrize("dtype", ["float16", "bool"])
def test_dense_matrices_of_few_bits(write_cells: Write, screen: Screen, dtype: str) -> None:
    counts, labels, genes = screen
    counts = counts.astype(dtype)
    small, _ = convert(write_cells(counts, labels, genes, form="dense"))
    plain, _ = convert(write_cells(counts.astype("int64"), labels, genes))
    assert small.content_hash == plain.content_hash


def test_standard_errors_are_welch(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    table, _ = convert(write_cells(counts, labels, genes), keep_own_readout=True)
    values = np.log1p(10_000 * counts / counts.sum(axis=1, keepdims=True))
    perturbed, control = values[40:70], values[:40]
    expected = np.sqrt(perturbed.var(axis=0, ddof=1) / 30 + control.var(axis=0, ddof=1) / 40)
    np.testing.assert_allclose(table.standard_error[0], expected, rtol=1e-5)


def test_one_cell_has_no_standard_error(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    table, _ = convert(write_cells(counts, [*labels[:-1], "DDIT3"], genes), min_cells=1)
    row = table.row_of["DDIT3"]
    assert np.isnan(table.standard_error[row]).all()
    assert table.is_measured[row, [0, 1, 2, 3]].all()


def test_cells_are_compared_within_their_batch(write_cells: Write, log_mean: LogMean) -> None:
    rng = np.random.default_rng(3)
    labels = np.array((["ctrl"] * 6 + ["ATF4"] * 4) * 3)
    batch = np.repeat(["one", "two", "three"], 10)
    labels[12:14] = "ATF4"  # batch two: 4 controls, 6 perturbed
    counts = rng.poisson(5, size=(30, 4)) + 10 * (batch == "two")[:, None] * np.arange(4)
    table, report = convert(
        write_cells(
            counts, labels.tolist(), ["GAPDH", "ACTB", "DDIT3", "ASNS"], obs={"lane": batch}
        ),
        batch="lane",
    )
    expected, n_cells = np.zeros(4), 0
    for name in ("one", "two", "three"):
        here = batch == name
        perturbed, control = here & (labels == "ATF4"), here & (labels == "ctrl")
        difference = log_mean(counts[perturbed]) - log_mean(counts[control])
        expected += perturbed.sum() * difference
        n_cells += perturbed.sum()
    np.testing.assert_allclose(table.values[0], expected / n_cells, atol=1e-6)
    assert report.unmatched_batches == {}


def test_cells_without_controls_beside_them_are_left_out(
    write_cells: Write, screen: Screen
) -> None:
    counts, labels, genes = screen
    batch = np.array(["a"] * 90, dtype=object)
    batch[60:70], batch[88:] = "b", None
    path = write_cells(counts, labels, genes, obs={"batch": batch})
    table, report = convert(path, batch="batch")
    assert report.unmatched_batches == {"b": 10, "(no batch)": 2}
    assert report.n_cells == {"control": 40, "ATF4": 20, "MED1": 18}
    assert "b (10)" in "\n".join(report.lines())
    np.testing.assert_array_equal(table.n_cells, [20, 18])


def test_batches_are_told_apart_by_default(write_cells: Write, log_mean: LogMean) -> None:
    rng = np.random.default_rng(4)
    labels = np.array(["ctrl"] * 5 + ["ATF4"] * 3 + ["ctrl"] * 3 + ["ATF4"] * 9)
    batch = np.repeat(["one", "two"], [8, 12])
    counts = rng.poisson(5, size=(20, 4)) + 10 * (batch == "two")[:, None] * np.arange(4)
    genes = ["GAPDH", "ACTB", "DDIT3", "ASNS"]
    path = write_cells(counts, labels.tolist(), genes, obs={"batch": batch})
    table, report = convert(path)
    within = sum(
        (n / 12)
        * (
            log_mean(counts[(batch == name) & (labels == "ATF4")])
            - log_mean(counts[(batch == name) & (labels == "ctrl")])
        )
        for name, n in (("one", 3), ("two", 9))
    )
    np.testing.assert_allclose(table.values[0], within, atol=1e-6)
    assert table.info["batch"] == "batch"
    [line] = [line for line in report.lines() if "--batch" in line]
    assert line == (
        "Compared within the 2 batches of column 'batch'; --batch none pools all controls."
    )

    pooled, report = convert(path, batch="none")
    over_all = log_mean(counts[labels == "ATF4"]) - log_mean(counts[labels == "ctrl"])
    np.testing.assert_allclose(pooled.values[0], over_all, atol=1e-6)
    assert np.abs(over_all - within).max() > 0.05
    assert pooled.info["batch"] is None
    assert not any("batch" in line for line in report.lines())


def test_controls_are_pooled_where_a_batch_lacks_them(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    batch = np.array(["a"] * 90, dtype=object)
    batch[38:40], batch[60:70], batch[88:] = "b", "b", None
    path = write_cells(counts, labels, genes, obs={"batch": batch})
    table, report = convert(path)
    np.testing.assert_array_equal(table.values, convert(path, batch="none")[0].values)
    assert report.unmatched_batches == {}
    [line] = [line for line in report.lines() if "--batch batch" in line]
    assert "1 of the 2 batches of column 'batch' have fewer than 3 control cells: b (2)" in line
    assert "2 perturbed cells have no batch" in line


def test_a_single_batch_is_not_worth_a_word(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    _, report = convert(write_cells(counts, labels, genes, obs={"batch": ["x"] * 90}))
    assert not any("batch" in line for line in report.lines())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_values=st.integers(1, 400),
    form=st.sampled_from(["dense", "csr", "csc"]),
)
def test_blocks_and_cell_order_do_not_change_a_bit(seed: int, n_values: int, form: str) -> None:
    rng = np.random.default_rng(seed)
    n_cells, n_columns = int(rng.integers(2, 40)), int(rng.integers(1, 9))
    counts = rng.poisson(rng.uniform(0, 4, n_columns), size=(n_cells, n_columns))
    plan = GroupPlan(
        rng.integers(-1, 4, n_cells), 3, 1, rng.integers(0, n_columns, n_columns), n_columns,
        rng.integers(-1, n_columns, 3),
    )  # fmt: skip
    order = rng.permutation(n_cells)
    with h5py.File(f"{seed}.h5", "w", driver="core", backing_store=False) as file:
        whole = sum_counts(_stored(file, "a", counts, "csr"), plan, _names)
        shuffled = GroupPlan(plan.group[order], 3, 1, plan.readout, n_columns, plan.own_readout)
        parts = sum_counts(_stored(file, "b", counts[order], form), shuffled, _names, n_values)
    np.testing.assert_array_equal(parts.sums, whole.sums)
    np.testing.assert_array_equal(parts.squares, whole.squares)
    np.testing.assert_array_equal(parts.n_cells, whole.n_cells)
    np.testing.assert_array_equal(parts.is_empty, whole.is_empty[order])
    np.testing.assert_allclose(parts.own_sums, whole.own_sums)
    np.testing.assert_allclose(parts.control_sums, whole.control_sums)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_group_sums_against_plain_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_cells, n_columns = int(rng.integers(2, 30)), int(rng.integers(1, 7))
    counts = rng.poisson(2, size=(n_cells, n_columns))
    plan = GroupPlan(
        rng.integers(-1, 5, n_cells), 3, 2, rng.integers(0, n_columns, n_columns), n_columns,
        rng.integers(-1, n_columns, 3),
    )  # fmt: skip
    with h5py.File(f"{seed}.h5", "w", driver="core", backing_store=False) as file:
        sums = sum_counts(_stored(file, "a", counts, "csr"), plan, _names, 17)
    summed = np.zeros((n_cells, n_columns))
    for column, readout in enumerate(plan.readout):
        summed[:, readout] += counts[:, column]
    totals = counts.sum(axis=1)
    plain = 10_000 * summed / np.maximum(totals, 1)[:, None]
    for group in range(5):
        cells = (plan.group == group) & (totals > 0)
        assert sums.n_cells[group] == cells.sum()
        np.testing.assert_allclose(sums.sums[group], np.log1p(plain[cells]).sum(0), atol=1e-6)
        np.testing.assert_allclose(
            sums.squares[group], (np.log1p(plain[cells]) ** 2).sum(0), atol=1e-6
        )
        if group >= 3:
            np.testing.assert_allclose(sums.control_sums[group - 3], plain[cells].sum(0))
        elif plan.own_readout[group] >= 0:
            own = plain[cells, plan.own_readout[group]].sum()
            assert sums.own_sums[group] == pytest.approx(own)


def _stored(file: h5py.File, name: str, counts: np.ndarray, form: str) -> StoredMatrix:
    """The matrix as anndata lays it out."""
    if form == "dense":
        return StoredMatrix.of(file.create_dataset(name, data=counts), name)
    from scipy import sparse

    matrix = sparse.csr_matrix(counts) if form == "csr" else sparse.csc_matrix(counts)
    group = file.create_group(name)
    group.attrs["encoding-type"], group.attrs["shape"] = f"{form}_matrix", counts.shape
    for part in ("data", "indices", "indptr"):
        group[part] = getattr(matrix, part)
    return StoredMatrix.of(group, name)


def _names(cell: int, column: int) -> tuple[str, str]:
    return str(cell), str(column)


# ---------------------------------------------------------------------- own readouts
def test_own_readout_is_not_measured_but_reported(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    table, report = convert(write_cells(counts, labels, genes))
    assert np.isnan(table.values[0, 0])
    assert np.isnan(table.values[1, 1])
    assert table.n_not_measured == 2
    kept, _ = convert(write_cells(counts, labels, genes), keep_own_readout=True)
    share = counts / counts.sum(axis=1, keepdims=True)
    left = share[40:70, 0].mean() / share[:40, 0].mean()
    assert report.knock_downs["ATF4"].remaining == pytest.approx(left)
    assert report.knock_downs["ATF4"].effect == pytest.approx(float(kept.values[0, 0]))
    assert report.knock_downs["MED1"].remaining == 0
    assert report.failed_knock_downs == {}
    assert any("MED1 0%" in line for line in report.lines())


def test_a_knock_down_that_failed_is_flagged(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    counts = np.vstack([counts, counts[:30]])  # cells like the controls
    table, report = convert(write_cells(counts, [*labels, *["ACTB"] * 30], genes))
    assert list(report.failed_knock_downs) == ["ACTB"]
    assert table.info["failed_knock_downs"].keys() == {"ACTB"}
    assert any("did not lower their own gene (1): ACTB" in line for line in report.lines())


def test_a_gene_hardly_expressed_cannot_fail(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    counts[:, 4] = 0
    counts[::30, 4] = 1
    _, report = convert(write_cells(counts, [*labels[:70], *["DDIT3"] * 20], genes))
    assert report.knock_downs["DDIT3"].remaining is not None
    assert not report.failed_knock_downs


def test_own_readout_under_another_name_of_the_gene(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    path = write_cells(counts, [label.replace("MED1", "AARS") for label in labels],
                       ["ATF4", "AARS1", *genes[2:]])  # fmt: skip
    table, report = convert(path)
    assert np.isnan(table.values[table.row_of["AARS"], 1])
    assert report.outdated == {"AARS": "AARS1"}


def test_combinations_lose_the_readouts_of_all_their_genes(
    write_cells: Write, screen: Screen
) -> None:
    counts, labels, genes = screen
    labels = [*labels[:70], *["MED1+ATF4"] * 10, *["MED1"] * 10]
    table, report = convert(write_cells(counts, labels, genes))
    assert np.isnan(table.values[table.row_of["ATF4+MED1"], :2]).all()
    assert report.combinations == ("ATF4+MED1",)
    assert "ATF4+MED1" not in report.knock_downs
    assert table.info["combinations"] == ["ATF4+MED1"]


# ---------------------------------------------------------------------- groups and labels
def test_few_cells_are_named(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    labels = [*labels[:80], *["DDIT3"] * 8, *["ACTB"] * 2]
    table, report = convert(write_cells(counts, labels, genes))
    assert report.too_few_cells == {"ACTB": 2}
    assert report.few_cells == {"DDIT3": 8}
    assert "ACTB" not in table.perturbations
    assert table.info["too_few_cells"] == {"ACTB": 2}


def test_cells_without_counts_may_leave_too_few(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    counts[71:90] = 0
    table, report = convert(write_cells(counts, labels, genes))
    assert table.perturbations == ("ATF4",)
    assert report.too_few_cells == {"MED1": 1}
    assert report.empty_cells == 19


def test_unassigned_cells_are_left_out_and_counted(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    labels = [*labels[:70], *["unassigned"] * 5, *["nan"] * 4, *[None] * 3, *labels[82:]]
    table, report = convert(write_cells(counts, labels, genes))
    assert report.left_out == {"nan": 4, "unassigned": 5, "(no label)": 3}
    assert report.n_cells == {"control": 40, "ATF4": 30, "MED1": 8}
    assert table.perturbations == ("ATF4", "MED1")


def test_other_controls_are_left_out_when_one_is_named(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    labels = [*["scrambled"] * 10, *labels[10:]]
    _, report = convert(write_cells(counts, labels, genes), control="non-targeting")
    assert report.left_out == {"scrambled": 10}
    assert report.n_cells["control"] == 30
    _, both = convert(write_cells(counts, labels, genes), control=("non-targeting", "scrambled"))
    assert both.n_cells["control"] == 40


def test_two_columns_that_agree_are_one_reading(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    other = ["control" if label == "non-targeting" else label for label in labels]
    table, report = convert(
        write_cells(counts, labels, genes, column="gene", obs={"target": other})
    )
    assert report.recognised[1] == "Perturbations: obs['gene'], by its name."
    assert table.n_perturbations == 2


@pytest.mark.parametrize(
    "column", ["perturbation", "condition", "gene", "target_gene", "gene_target", "guide_id"]
)
def test_known_columns_are_found(write_cells: Write, screen: Screen, column: str) -> None:
    counts, labels, genes = screen
    table, _ = convert(write_cells(counts, labels, genes, column=column, obs={"day": ["7"] * 90}))
    assert table.perturbations == ("ATF4", "MED1")


def test_a_condition_that_names_no_gene_is_not_taken(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    treated = ["control", "stimulated"] * 45
    path = write_cells(counts, labels, genes, column="guide", obs={"condition": treated})
    assert convert(path)[0].perturbations == ("ATF4", "MED1")


def test_guides_of_one_gene_are_pooled(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    guides = [
        f"NTg{i % 3}" if label == "non-targeting" else f"{label}g{i % 4}"
        for i, label in enumerate(labels)
    ]
    by_guide, report = convert(write_cells(counts, guides, genes, column="guide"))
    by_gene, _ = convert(write_cells(counts, labels, genes))
    assert by_guide.content_hash == by_gene.content_hash
    assert report.merged["MED1"] == ("MED1g0", "MED1g1", "MED1g2", "MED1g3")


def test_cells_of_unknown_genes_are_named(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    path = write_cells(counts, [*labels[:80], *["Gm1234"] * 10], genes, obs={"batch": ["a"] * 90})
    table, report = convert(path, batch="batch")
    assert report.unknown == {"Gm1234": "10 cells"}
    assert "Gm1234" in table.perturbations
    assert "'Gm1234' (10 cells)" in "\n".join(report.lines())


def test_two_names_of_one_gene_are_pooled_if_asked(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    labels = [*labels[:70], *["AARS"] * 10, *["AARS1"] * 10]
    pooled, report = convert(write_cells(counts, labels, genes), duplicated_rows="mean")
    one, _ = convert(write_cells(counts, [*labels[:70], *["AARS1"] * 20], genes))
    assert pooled.content_hash == one.content_hash
    assert report.n_cells["AARS1"] == 20
    assert "AARS into AARS1" in "\n".join(report.lines())


# ---------------------------------------------------------------------- layouts and values
def test_layer(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    path = write_cells(np.log1p(counts), labels, genes, layers={"counts": counts})
    table, _ = convert(path, layer="counts")
    assert table.content_hash == convert(write_cells(counts, labels, genes))[0].content_hash


def test_expression_is_taken_as_it_stands(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    values = np.random.default_rng(0).normal(size=counts.shape)
    table, report = convert(
        write_cells(values, labels, genes, form="dense"), kind="expression", keep_own_readout=True
    )
    expected = values[40:70].mean(axis=0) - values[:40].mean(axis=0)
    np.testing.assert_allclose(table.values[0], expected, atol=1e-6)
    assert report.knock_downs["ATF4"].remaining is None


def test_symbols_are_found_beside_ids(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    ids = [f"ENSG{number:011d}" for number in range(6)]
    table, report = convert(write_cells(counts, labels, ids, var={"gene_name": genes}))
    assert table.readouts == tuple(genes)
    assert "Readouts are named by var['gene_name']." in report.notes
    by_id, _ = convert(
        write_cells(counts, labels, ids, var={"gene_name": genes}), readout_names="gene_ids"
    )
    assert by_id.readouts == tuple(ids)


def test_names_that_end_in_a_number_survive(write_cells: Write, screen: Screen) -> None:
    counts, labels, _ = screen
    genes = ["NKX2-1", "HLA-DRB1", "NKX2", "AL627309.1", "AL627309.5", "KRTAP5-1"]
    assert convert(write_cells(counts, labels, genes))[0].readouts == tuple(genes)


def _to_old_layout(path: Path) -> None:
    """Categories in ``obs/__categories``, as anndata 0.7 wrote them."""
    with h5py.File(path, "r+") as file:
        hidden = file.create_group("obs/__categories")
        for name in [key for key, part in file["obs"].items() if isinstance(part, h5py.Group)]:
            if name == "__categories":
                continue
            codes, categories = file["obs"][name]["codes"][:], file["obs"][name]["categories"][:]
            del file["obs"][name]
            hidden[name] = categories
            file["obs"][name] = codes
            file["obs"][name].attrs["categories"] = hidden[name].ref


def test_categories_of_old_anndata(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    path = write_cells(counts, [*labels[:-1], None], genes)
    new, _ = convert(path)
    _to_old_layout(path)
    old, report = convert(path)
    assert old.content_hash == new.content_hash
    assert report.left_out == {"(no label)": 1}


def test_obs_of_oldest_anndata(tmp_path: Path, screen: Screen, write_cells: Write) -> None:
    counts, labels, genes = screen
    path = tmp_path / "oldest.h5ad"
    names = ["ATF4", "MED1", "non-targeting"]
    with h5py.File(path, "w") as file:
        file["X"] = counts.astype("float32")
        obs = np.empty(90, dtype=[("index", "S8"), ("perturbation", "i1")])
        obs["index"] = [f"c{i}".encode() for i in range(90)]
        obs["perturbation"] = [names.index(label) for label in labels]
        file["obs"] = obs
        file["var"] = np.array([(gene.encode(),) for gene in genes], dtype=[("index", "S8")])
        file["uns/perturbation_categories"] = np.array(names, dtype="S13")
    table, _ = convert(path)
    assert table.content_hash == convert(write_cells(counts, labels, genes))[0].content_hash


def test_embeddings_are_not_read(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    path = write_cells(counts, labels, genes)
    with h5py.File(path, "r+") as file:
        file["obsm/X_pca"] = h5py.ExternalLink("gone.h5", "nothing")
    assert convert(path)[0].n_perturbations == 2


def _nullable(file: h5py.File, name: str, kind: str, values: list[object], gaps: list[int]) -> None:
    """A column as anndata writes pandas' nullable arrays."""
    part = file.create_group(f"obs/{name}")
    part.attrs["encoding-type"] = f"nullable-{kind}"
    part["values"], part["mask"] = values, np.isin(np.arange(len(values)), gaps)


def test_nullable_columns(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    plain, _ = convert(write_cells(counts, labels, genes))
    path = write_cells(counts, labels, genes, column="spare")
    with h5py.File(path, "r+") as file:
        _nullable(file, "guide", "string-array", [*labels[:-2], "", ""], [88, 89])
        _nullable(file, "depth", "integer", list(range(90)), [3])
    table, report = convert(path, perturbation="guide")
    assert report.left_out == {"(no label)": 2}
    assert report.n_cells["MED1"] == 18
    np.testing.assert_array_equal(table.values[0], plain.values[0])
    with AnnotatedFile(path) as file:
        depth = file.numbers("obs", "depth")
    assert np.isnan(depth[3])
    assert np.delete(depth, 3).tolist() == [i for i in range(90) if i != 3]


def test_numbers_kept_as_categories(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    path = write_cells(counts, labels, genes, obs={"lane": pd.Categorical([1, 2, 2] * 30)})
    with AnnotatedFile(path) as file:
        assert file.numbers("obs", "lane").tolist() == [1, 2, 2] * 30
        assert file.labels("obs", "lane").names == ("1", "2")
        with pytest.raises(DataError, match=r"obs\['perturbation'\] must hold numbers"):
            file.numbers("obs", "perturbation")


def test_a_column_of_numbers(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    path = write_cells(counts, labels, genes, obs={"depth": counts.sum(axis=1)})
    with AnnotatedFile(path) as file:
        np.testing.assert_array_equal(file.numbers("obs", "depth"), counts.sum(axis=1))


def test_provenance_survives_the_file(write_cells: Write, screen: Screen, tmp_path: Path) -> None:
    counts, labels, genes = screen
    table, report = convert(write_cells(counts, labels, genes))
    again = read_effects(write_effects(table, tmp_path / "effects.h5ad"))
    assert again.content_hash == table.content_hash
    assert again.info == table.info
    assert again.info["sources"] == [{"file": "cells.h5ad", "sha256": report.sha256}]
    np.testing.assert_array_equal(again.standard_error, table.standard_error)
    np.testing.assert_array_equal(again.n_cells, table.n_cells)


# ---------------------------------------------------------------------- shrinkage
def test_shrinkage_is_the_posterior_mean() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 0.5, size=(4000, 1))
    error = np.full_like(truth, 0.5)
    values, errors = shrunk(truth + rng.normal(0, 0.5, size=truth.shape), error)
    assert np.mean((values - truth) ** 2) == pytest.approx(0.125, rel=0.1)
    np.testing.assert_allclose(errors, np.sqrt(0.125), rtol=0.05)


def test_shrinkage_leaves_what_it_cannot_judge() -> None:
    values = np.array([[1.0, np.nan], [2.0, 3.0]], dtype=np.float32)
    errors = np.array([[np.nan, np.nan], [np.nan, 0.1]], dtype=np.float32)
    less, _ = shrunk(values, errors)
    assert less[0, 0] == 1
    assert less[1, 0] == 2
    assert np.isnan(less[0, 1])
    assert 0 < less[1, 1] < 3


def test_shrinkage_as_an_option(write_cells: Write, screen: Screen) -> None:
    counts, labels, genes = screen
    plain, _ = convert(write_cells(counts, labels, genes))
    less, report = convert(write_cells(counts, labels, genes), shrink=True)
    measured = plain.is_measured
    assert (np.abs(less.values[measured]) <= np.abs(plain.values[measured])).all()
    assert (less.values[measured] != plain.values[measured]).any()
    assert any("shrunk" in note for note in report.notes)


@pytest.mark.parametrize("seed", range(5))
def test_order_of_cells_and_columns_does_not_change_the_hash(
    write_cells: Write, screen: Screen, seed: int
) -> None:
    counts, labels, genes = screen
    rng = np.random.default_rng(seed)
    cells, columns = rng.permutation(90), rng.permutation(6)
    whole, _ = convert(write_cells(counts, labels, genes))
    shuffled, _ = convert(
        write_cells(
            counts[np.ix_(cells, columns)],
            [labels[i] for i in cells],
            [genes[i] for i in columns],
        )
    )
    assert shuffled.content_hash == whole.content_hash
