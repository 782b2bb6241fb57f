"""What a campaign does with batches and deliveries, in memory and in its folder."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mechpert_al as mp
from mechpert_al.agents import read_panel
from mechpert_al.campaign import Campaign
from mechpert_al.campaign.status import outlook
from mechpert_al.effects import read_effects
from mechpert_al.errors import DataError, NothingLeftError, SymbolError, UsageError

#: Effects of a gene whose numbers do not matter.
ROW = [-1.0, 0.5, 2.0, -0.25]


def facts(campaign: Campaign) -> dict[str, set[str]]:
    state = campaign.state
    return {
        "measured": set(state.measured),
        "pending": set(state.pending),
        "failed": set(state.failed),
        "abandoned": set(state.abandoned),
    }


def values_of(campaign: Campaign, gene: str) -> list[float]:
    effects = campaign.effects
    assert effects is not None
    return effects.values[effects.row_of[gene]].tolist()


# ---------------------------------------------------------------------- proposing
def test_is_what_the_package_offers():
    assert mp.Campaign is Campaign


def test_first_batch_is_that_of_the_plan(campaign, toy_panel):
    batch = campaign.propose(5)

    assert batch.genes == mp.plan(str(toy_panel), 5).genes
    assert facts(campaign)["pending"] == set(batch.genes)


def test_proposing_while_a_batch_is_pending_gives_further_genes(campaign):
    first, second = campaign.propose(5), campaign.propose(5)

    assert not set(first.genes) & set(second.genes)
    assert facts(campaign)["pending"] == {*first.genes, *second.genes}
    assert [one.round for one in campaign.state.rounds] == [1, 2]


def test_two_batches_are_one_batch_twice_as_large(campaign, toy_panel):
    """Pending genes count as anchors: what is proposed after them fits them."""
    genes = (*campaign.propose(3).genes, *campaign.propose(3).genes)

    assert genes == mp.plan(str(toy_panel), 6).genes


def test_order_file_has_the_order(campaign):
    batch = campaign.propose(4)

    with campaign.folder.order_file(1).open(newline="") as stream:
        rows = list(csv.DictReader(stream))

    assert [row["gene"] for row in rows] == list(batch.genes)
    assert [int(row["rank"]) for row in rows] == [1, 2, 3, 4]
    assert [row["reason"] for row in rows] == [pick.reason for pick in batch]
    assert list(rows[0]) == [
        "rank", "gene", "ensembl_id", "utility", "coverage_after", "newly_covered", "agents",
        "reason", "group", "cost",
    ]  # fmt: skip


def test_order_is_remembered_with_its_reasons(campaign):
    batch = campaign.propose(4)

    again = Campaign.open(campaign.folder.path).order()

    assert again.as_csv() == batch.as_csv()
    assert again.left_out == batch.left_out


def test_dry_run_records_nothing(campaign):
    before = campaign.folder.journal.path.read_bytes()

    shown = campaign.propose(4, dry_run=True)

    assert campaign.folder.journal.path.read_bytes() == before
    assert not campaign.folder.orders.exists()
    assert campaign.propose(4).genes == shown.genes


def test_nothing_left_says_what_can_be_done(campaign, toy):
    campaign.propose(len(toy.genes))

    with pytest.raises(NothingLeftError) as caught:
        campaign.propose(1)

    assert "pending" in caught.value.message
    assert "withdraw" in caught.value.hint


def test_fewer_than_asked_is_noticed(campaign, toy):
    batch = campaign.propose(len(toy.genes) + 3)

    assert len(batch) == len(toy.genes)
    assert any("were asked for" in notice for notice in batch.notices)


def test_only_candidates_of_the_list_are_proposed(toy, toy_panel, tmp_path):
    listed = [*toy.genes[3:7], "ATF4"]  # the last one is not known to the panel
    (tmp_path / "few.txt").write_text("\n".join(listed))
    Campaign.create(tmp_path / "c", toy_panel, candidates=tmp_path / "few.txt")
    (tmp_path / "few.txt").unlink()  # the campaign has a copy

    assert set(Campaign.open(tmp_path / "c").propose(9).genes) == set(listed)


def test_orders_name_genes_as_the_candidate_list_does(tmp_path):
    """The recorded panel says QARS; the list (and the order) says QARS1."""
    (tmp_path / "genes.txt").write_text("QARS1\nMED1\n")
    campaign = Campaign.create(tmp_path / "c", "essential585", candidates=tmp_path / "genes.txt")

    batch = campaign.propose(2)

    assert set(batch.genes) == {"QARS1", "MED1"}
    pick = next(pick for pick in batch if pick.gene == "QARS1")
    assert pick.agents  # what the agents said of QARS is said of QARS1
    assert pick.ensembl_id == "ENSG00000172053"


# ---------------------------------------------------------------------- the case: parts and repeats
@pytest.fixture(scope="module")
def partial(cases):
    return cases / "ingest-twice-partial"


@pytest.fixture(scope="module")
def folder_after_a(partial, tmp_path_factory):
    """Five genes ordered, the first delivery taken in."""
    folder = tmp_path_factory.mktemp("after_a") / "c"
    campaign = Campaign.create(folder, "essential585", candidates=partial / "order.csv")
    campaign.propose(5)
    campaign.ingest(partial / "a_first_delivery.csv")
    return folder


@pytest.fixture
def after_a(folder_after_a, tmp_path) -> Campaign:
    return Campaign.open(shutil.copytree(folder_after_a, tmp_path / "c"))


def test_part_of_an_order(after_a, partial):
    assert facts(after_a)["measured"] == {"ATF4", "EIF2B4", "MED1", "UBL5"}
    assert facts(after_a)["pending"] == {"QARS1", "SMG5"}
    assert after_a.state.deliveries[0].not_ordered == ("EIF2B4",)
    with pytest.raises(NothingLeftError):  # what is pending is not proposed again
        after_a.propose(1)


@pytest.mark.parametrize("name", ["a_first_delivery.csv", "b_same_numbers_reformatted.csv"])
@pytest.mark.parametrize("decision", [{}, {"replace": True}, {"replicate": True}])
def test_same_content_again_changes_nothing(after_a, partial, name, decision):
    before = after_a.folder.journal.path.read_bytes()
    stored = after_a.folder.store.names()

    intake = after_a.ingest(partial / name, **decision)

    assert not intake.is_new
    assert any("nothing new" in line for line in intake.lines())
    assert after_a.folder.journal.path.read_bytes() == before
    assert after_a.folder.store.names() == stored


def test_other_numbers_need_a_decision(after_a, partial):
    before = after_a.folder.journal.path.read_bytes()

    with pytest.raises(DataError) as caught:
        after_a.ingest(partial / "c_other_numbers.csv")

    for text in ("c_other_numbers.csv", "ATF4", "a_first_delivery.csv", "DDIT3 is -1, was -2"):
        assert text in caught.value.message
    assert "--replace" in caught.value.hint
    assert "--replicate" in caught.value.hint
    assert after_a.folder.journal.path.read_bytes() == before
    assert facts(after_a)["pending"] == {"QARS1", "SMG5"}


def test_replaced_numbers(after_a, partial):
    after_a.ingest(partial / "c_other_numbers.csv", replace=True)

    assert values_of(after_a, "ATF4") == [-1.0, -0.5, -2.0]
    assert values_of(after_a, "UBL5") == [0.5, 0.25, -0.5]
    assert facts(after_a)["pending"] == {"QARS1"}
    assert not after_a.ingest(partial / "c_other_numbers.csv").is_new
    with pytest.raises(DataError, match=r"than in c_other_numbers\.csv"):  # the old ones differ now
        after_a.ingest(partial / "a_first_delivery.csv")


def test_replicated_numbers(after_a, partial):
    intake = after_a.ingest(partial / "c_other_numbers.csv", replicate=True)

    assert values_of(after_a, "ATF4") == [-1.5, -1.0, -2.5]  # no cells counted: the plain mean
    assert any("weigh the same" in notice for notice in intake.notices)
    for name in ("a_first_delivery.csv", "c_other_numbers.csv"):
        assert not after_a.ingest(partial / name, replicate=True).is_new


def test_gene_twice_in_one_file(after_a, partial):
    with pytest.raises(DataError) as caught:
        after_a.ingest(partial / "d_within_one_file_twice.csv")

    for text in ("d_within_one_file_twice.csv", "SMG5", "line 2", "line 4"):
        assert text in caught.value.message
    assert facts(after_a)["pending"] == {"QARS1", "SMG5"}


def test_names_that_become_one(campaign, cases):
    with pytest.raises(DataError) as caught:
        campaign.ingest(cases / "rename-collision" / "effects.csv")

    for text in ("effects.csv", "RRM2", "C2orf48", "line 2", "line 4"):
        assert text in caught.value.message
    campaign.ingest(cases / "rename-collision" / "effects.csv", duplicated_rows="mean")
    effects = campaign.effects
    row = effects.values[effects.row_of["RRM2"]]
    assert dict(zip(effects.readouts, row.tolist(), strict=True)) == {
        "ATF4": 0.0, "DDIT3": 1.0, "CHAC1": 0.0,
    }  # fmt: skip


def test_groups_of_few_cells_stay_candidates(cases, tmp_path):
    case = cases / "phantom-and-tiny-groups"
    campaign = Campaign.create(tmp_path / "c", "essential585", candidates=case / "candidates.txt")

    intake = campaign.ingest(case / "cells.h5ad", min_cells=5)

    assert facts(campaign)["measured"] == {"IFNGR1", "JAK2"}
    assert intake.not_measured == {"STAT2": "2 cells", "IRF7": "1 cells"}
    assert set(campaign.propose(4).genes) == {"STAT2", "IRF7", "MYC", "SPI1"}
    effects = campaign.effects
    row = dict(zip(effects.readouts, effects.values[effects.row_of["IFNGR1"]], strict=True))
    assert row == pytest.approx(
        {"GAPDH": 0.660293371, "STAT1": -0.487773526, "IRF1": -0.80170821}, abs=1e-6
    )


def test_a_plan_knows_groups_of_few_cells_as_unmeasured(cases):
    from mechpert_al.effects import convert

    case = cases / "phantom-and-tiny-groups"
    effects, _ = convert(case / "cells.h5ad", min_cells=5)

    batch = mp.plan(
        "essential585",
        4,
        effects=effects,
        candidates=(case / "candidates.txt").read_text().split(),
    )

    assert set(batch.genes) == {"STAT2", "IRF7", "MYC", "SPI1"}


# ---------------------------------------------------------------------- deliveries in general
def test_pooling_is_weighted_by_cells_and_readout(campaign, deliver):
    nan = math.nan
    first = deliver({"A": [1, 2, nan, 4]}, "first.csv", n_cells={"A": 30})
    second = deliver({"A": [5, nan, nan, 0]}, "second.csv", n_cells={"A": 10})
    campaign.ingest(first)

    campaign.ingest(second, replicate=True)

    expected = [(30 * 1 + 10 * 5) / 40, 2, nan, (30 * 4 + 10 * 0) / 40]
    np.testing.assert_array_equal(values_of(campaign, "A"), expected)
    assert campaign.effects.n_cells.tolist() == [40]


def test_pooled_standard_errors_are_those_of_the_weighted_mean(campaign, tmp_path):
    """Checked against many draws."""
    from mechpert_al.effects import EffectTable, write_effects

    for name, value, error, cells in (("a", 1.0, 0.2, 30), ("b", 3.0, 0.5, 10)):
        table = EffectTable(("A",), ("R0",), [[value]], [cells], [[error]])
        write_effects(table, tmp_path / f"{name}.h5ad")
        campaign.ingest(tmp_path / f"{name}.h5ad", replicate=True)

    draws = np.random.default_rng(0)
    means = (30 * draws.normal(1, 0.2, 200_000) + 10 * draws.normal(3, 0.5, 200_000)) / 40
    assert campaign.effects.standard_error[0, 0] == pytest.approx(means.std(), rel=0.01)
    assert values_of(campaign, "A")[0] == pytest.approx(means.mean(), rel=0.01)


def test_delivery_under_another_name_counts_for_the_gene_that_was_ordered(tmp_path, deliver):
    (tmp_path / "genes.txt").write_text("AARS1\nMED1\n")
    campaign = Campaign.create(tmp_path / "c", "essential585", candidates=tmp_path / "genes.txt")
    campaign.propose(2)

    intake = campaign.ingest(deliver({"AARS": ROW}))

    assert facts(campaign)["pending"] == {"MED1"}
    assert intake.renamed[0][:2] == ("AARS", "AARS1")
    assert any("AARS is AARS1" in line for line in intake.lines())


def test_readouts_are_aligned_by_label_and_symbol(campaign, deliver):
    campaign.ingest(deliver({"A": [1, 2]}, "a.csv", readouts=("AARS1", "MED1")))

    intake = campaign.ingest(
        deliver({"B": [20, 10, 30]}, "b.csv", readouts=("MED1", "AARS", "TP53"))
    )

    assert campaign.effects.readouts == ("AARS1", "MED1", "TP53")
    assert values_of(campaign, "B") == [10, 20, 30]
    np.testing.assert_array_equal(values_of(campaign, "A"), [1, 2, math.nan])
    assert any("TP53" in notice for notice in intake.notices)


def test_no_shared_readout_is_refused(campaign, deliver):
    campaign.ingest(deliver({"A": [1, 2]}, "a.csv", readouts=("AARS1", "MED1")))

    with pytest.raises(DataError, match="none of its 2 readouts"):
        campaign.ingest(deliver({"B": [1, 2]}, "b.csv", readouts=("ENSG1", "ENSG2")))


def test_further_numbers_of_a_known_gene_need_a_decision(campaign, deliver):
    """The same numbers and more of them: nothing contradicts, but something is new."""
    campaign.ingest(deliver({"A": [1, 2, 3, math.nan]}, "a.csv"))

    with pytest.raises(DataError, match="R3 is 4, was not measured; 1 of 4 readouts differ"):
        campaign.ingest(deliver({"A": [1, 2, 3, 4]}, "b.csv"))
    assert not campaign.ingest(deliver({"A": [1, 2, math.nan, math.nan]}, "c.csv")).is_new


def test_a_correction_with_fewer_readouts_says_what_it_takes_away(campaign, toy, deliver):
    gene, other = toy.genes[:2]
    campaign.ingest(deliver({gene: [1, 2, 3, 5], other: ROW}, "1.csv"))

    intake = campaign.ingest(deliver({gene: [1, math.nan, 4, math.nan]}, "2.csv"), replace=True)

    [said] = [one for one in intake.notices if gene in one]
    readouts = campaign.effects.readouts
    assert said == (
        f"{gene}: 2 values measured before are not in the correction and count no more: "
        f"{readouts[1]}, {readouts[3]}"
    )
    again = campaign.ingest(deliver({gene: [1, 2, 3, 4]}, "3.csv"), replace=True)
    assert not any("count no more" in one for one in again.notices)


def test_other_numbers_of_cells_need_a_decision(campaign, deliver):
    campaign.ingest(deliver({"A": ROW}, "a.csv", n_cells={"A": 10}))

    with pytest.raises(DataError, match="other numbers of cells"):
        campaign.ingest(deliver({"A": ROW}, "b.csv", n_cells={"A": 11}))


def test_other_standard_errors_need_a_decision(campaign, tmp_path):
    from mechpert_al.effects import EffectTable, write_effects

    for name, error in (("a", 0.2), ("b", 0.3)):
        table = EffectTable(("A",), ("R0",), [[1.0]], [10], [[error]])
        write_effects(table, tmp_path / f"{name}.h5ad")
    campaign.ingest(tmp_path / "a.h5ad")

    with pytest.raises(DataError, match="the same effects, with other numbers of cells or"):
        campaign.ingest(tmp_path / "b.h5ad")


def test_a_row_without_values_is_not_measured(campaign, deliver):
    batch = campaign.propose(2)
    one, other = batch.genes

    intake = campaign.ingest(deliver({one: ROW, other: [math.nan] * 4}))

    assert facts(campaign)["pending"] == {other}
    assert intake.not_measured == {other: "no value"}
    assert any("still pending" in notice for notice in intake.notices)


@pytest.fixture
def knock_downs(tmp_path) -> Path:
    """Counts of cells: the knock-down of ATF4 worked, that of MED1 did not."""
    import anndata
    import pandas as pd

    random = np.random.default_rng(3)
    labels = np.repeat(["non-targeting", "ATF4", "MED1"], 80)
    means = np.full((240, 4), 30.0)
    means[labels == "ATF4", 0] = 4.0
    cells = anndata.AnnData(
        random.poisson(means).astype("int32"),
        obs=pd.DataFrame({"perturbation": labels}, index=[f"c{i}" for i in range(240)]),
        var=pd.DataFrame(index=["ATF4", "MED1", "GAPDH", "ACTB"]),
    )
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad"


def test_a_failed_knock_down_is_not_measured_unless_asked_for(knock_downs, tmp_path):
    (tmp_path / "genes.txt").write_text("ATF4\nMED1\n")
    campaign = Campaign.create(tmp_path / "c", "essential585", candidates=tmp_path / "genes.txt")
    campaign.propose(2)

    intake = campaign.ingest(knock_downs)

    assert facts(campaign)["measured"] == {"ATF4"}
    assert facts(campaign)["pending"] == {"MED1"}
    assert "the knock-down failed" in intake.not_measured["MED1"]
    assert any("withdraw … MED1 --failed" in notice for notice in intake.notices)
    campaign.ingest(knock_downs, keep_failed_knock_downs=True)
    assert facts(campaign)["measured"] == {"ATF4", "MED1"}
    assert campaign.state.deliveries[1].options == {"keep_failed_knock_downs": True}


def test_nothing_but_failed_knock_downs_is_refused(knock_downs, tmp_path, campaign):
    import anndata

    cells = anndata.read_h5ad(knock_downs)
    cells[cells.obs["perturbation"] != "ATF4"].write_h5ad(tmp_path / "failed.h5ad")

    with pytest.raises(DataError, match="nothing in it counts as measured: MED1") as caught:
        campaign.ingest(tmp_path / "failed.h5ad")
    assert "--keep-failed-knock-downs" in caught.value.hint


def test_doubtful_names_are_refused_as_a_whole(campaign, deliver, toy):
    gene = toy.genes[0]

    with pytest.raises(SymbolError, match=f"{gene.lower()} differs in upper and lower case"):
        campaign.ingest(deliver({gene.lower(): ROW, toy.genes[1]: ROW}))

    assert not campaign.state.measured


def test_dry_run_of_a_delivery(campaign, deliver):
    file = deliver({"A": ROW})

    intake = campaign.ingest(file, dry_run=True)

    assert intake.delivery.new == ("A",)
    assert not intake.is_recorded
    assert not Campaign.open(campaign.folder.path).state.measured


def test_what_came_in_is_kept_byte_for_byte(campaign, deliver):
    file = deliver({"A": ROW})

    campaign.ingest(file)

    record = campaign.state.deliveries[0]
    assert (campaign.folder.store.folder / record.copy_of).read_bytes() == file.read_bytes()
    assert record.copy_of == f"{record.sha256}.csv"


def test_a_large_file_is_known_by_its_hash(campaign, deliver, monkeypatch):
    monkeypatch.setattr("mechpert_al.campaign.store.LARGEST_COPY", 10)
    file = deliver({"A": ROW})

    intake = campaign.ingest(file)
    file.unlink()

    assert any("not copied (too large)" in notice for notice in intake.notices)
    assert campaign.state.deliveries[0].copy_of is None
    assert values_of(Campaign.open(campaign.folder.path), "A") == ROW
    assert campaign.verify().n_files == 1


def test_a_file_that_changes_while_it_is_read_is_refused(campaign, deliver, monkeypatch):
    file = deliver({"A": ROW})

    def slow_copy(source, target):
        file.write_text(file.read_text().replace("0.5", "0.75"))
        Path(target).write_bytes(Path(source).read_bytes())

    monkeypatch.setattr("mechpert_al.campaign.store.shutil.copyfile", slow_copy)

    with pytest.raises(DataError, match="was changed while it was read"):
        campaign.ingest(file)
    assert not campaign.state.measured
    assert campaign.folder.store.names() == set()


def test_a_file_name_that_is_no_text(campaign, deliver, tmp_path):
    file = deliver({"A": ROW}).rename(tmp_path / os.fsdecode(b"\xff\xfe.csv"))

    campaign.ingest(file)

    assert Campaign.open(campaign.folder.path).state.deliveries[0].file == "\ufffd\ufffd.csv"


def test_effects_file_is_one_that_anybody_can_read(campaign, deliver):
    campaign.ingest(deliver({"A": ROW}, n_cells={"A": 7}))

    table = read_effects(campaign.folder.effects_file)

    assert table.perturbations == ("A",)
    assert table.values.tolist() == [ROW]
    assert table.info["sources"][0]["file"] == "delivery.csv"


def test_measured_from_the_start(toy, toy_panel, tmp_path, deliver):
    gene = toy.genes[0]
    file = deliver({gene: ROW})

    campaign = Campaign.create(tmp_path / "c", toy_panel, effects=file)

    assert facts(campaign)["measured"] == {gene}
    assert gene not in campaign.propose(len(toy.genes)).genes


# ---------------------------------------------------------------------- withdrawing
def test_failed_may_be_proposed_again_abandoned_never(campaign, toy):
    batch = campaign.propose(3)
    failed, abandoned, _ = batch.genes

    campaign.withdraw([failed], "failed", "no cells")
    campaign.withdraw([abandoned], "abandoned", "lethal")
    rest = campaign.propose(len(toy.genes)).genes

    assert failed in rest
    assert abandoned not in rest
    assert facts(campaign)["failed"] == set()  # it is pending again
    assert campaign.state.abandoned == {abandoned: "lethal"}


def test_any_candidate_can_be_abandoned(campaign, toy):
    campaign.withdraw([toy.genes[0]], "abandoned", "not expressed")

    assert toy.genes[0] not in campaign.propose(len(toy.genes)).genes


def test_a_failed_gene_that_comes_back_is_measured(campaign, deliver):
    gene = campaign.propose(1).genes[0]
    campaign.withdraw([gene], "failed", "lost")

    campaign.ingest(deliver({gene: ROW}))

    assert facts(campaign) == {
        "measured": {gene}, "pending": set(), "failed": set(), "abandoned": set(),
    }  # fmt: skip


def test_an_abandoned_gene_that_comes_back_is_measured_and_said(campaign, deliver):
    gene = campaign.propose(1).genes[0]
    campaign.withdraw([gene], "abandoned", "lethal")

    intake = campaign.ingest(deliver({gene: ROW}))

    assert gene in campaign.state.measured
    assert any("abandoned earlier" in notice for notice in intake.notices)
    assert campaign.status().excluded == ()


def test_measurements_are_taken_out_only_if_asked_for(campaign, deliver):
    gene = campaign.propose(1).genes[0]
    file = deliver({gene: ROW})
    campaign.ingest(file)

    with pytest.raises(UsageError, match=f"{gene} is measured"):
        campaign.withdraw([gene], "failed", "swapped")
    campaign.withdraw([gene], "failed", "swapped", drop_measurements=True)

    assert campaign.effects is None
    assert not campaign.folder.effects_file.exists()
    assert gene in facts(campaign)["failed"]
    campaign.ingest(file)  # and it can be brought back
    assert values_of(campaign, gene) == ROW


def test_a_withdrawal_is_all_or_nothing(campaign, toy):
    gene = campaign.propose(1).genes[0]
    other = next(name for name in toy.genes if name != gene)

    with pytest.raises(UsageError, match=f"{other} is not pending"):
        campaign.withdraw([gene, other], "failed", "lost")

    assert facts(campaign)["pending"] == {gene}


@pytest.mark.parametrize(("genes", "reason"), [((), "lost"), (("x",), " ")])
def test_a_withdrawal_needs_genes_and_a_reason(campaign, genes, reason):
    gene = campaign.propose(1).genes[0]

    with pytest.raises(UsageError):
        campaign.withdraw([gene for _ in genes], "failed", reason)


# ---------------------------------------------------------------------- constraints
def set_design(campaign: Campaign, *lines: str) -> Campaign:
    """Write settings into campaign.toml, as a person would."""
    path = campaign.folder.settings
    path.write_text(path.read_text().replace("[design]\n", "[design]\n" + "\n".join(lines) + "\n"))
    return Campaign.open(campaign.folder.path)


def quoted(genes) -> str:
    return json.dumps(list(genes))


def test_excluded_by_the_settings(campaign, toy):
    out = toy.genes[:2]
    campaign = set_design(campaign, f"exclude = {quoted([*out, 'NOBODY'])}")

    batch = campaign.propose(len(toy.genes))
    assert not set(out) & set(batch.genes)
    assert any("NOBODY not matched" in notice for notice in batch.notices)
    status = campaign.status()
    assert status.excluded == tuple(sorted(out))


def test_what_is_excluded_is_not_expected_next(campaign, toy):
    best = campaign.status(2).outlook.next.genes[0]
    campaign = set_design(campaign, f"exclude = {quoted([best])}")

    assert best not in campaign.status(2).outlook.next.genes


def test_lists_of_one_batch(campaign, toy, tmp_path):
    (tmp_path / "in.txt").write_text("\n".join(toy.genes[-2:]))
    (tmp_path / "out.txt").write_text("\n".join(toy.genes[:6]))
    constraints, _ = campaign.constraints(include=tmp_path / "in.txt", exclude=tmp_path / "out.txt")

    first = campaign.propose(5, constraints=constraints)
    later = campaign.propose(len(toy.genes))

    assert set(toy.genes[-2:]) <= set(first.genes[:2])
    assert not set(toy.genes[:6]) & set(first.genes)
    assert set(toy.genes[:6]) <= set(later.genes)  # they were left out of one batch only


def test_costs_budget_and_group_caps_of_the_settings(campaign, toy, tmp_path):
    groups = {gene: "one" if number % 2 else "two" for number, gene in enumerate(toy.genes)}
    rows = [f"{gene},{2 + number % 3},{groups[gene]}" for number, gene in enumerate(toy.genes)]
    (campaign.folder.path / "costs.csv").write_text("\n".join(["gene,cost,group", *rows[:-1]]))
    campaign = set_design(campaign, 'cost = "costs.csv"', "budget = 14.0", "max_per_group = 2")

    batch = campaign.propose(10)

    assert any("costs.csv" in one and toy.genes[-1] in one for one in batch.notices)
    assert sum(pick.cost for pick in batch) <= 14
    grouped = [groups[gene] for gene in batch.genes if gene != toy.genes[-1]]
    counts = [grouped.count(group) for group in ("one", "two")]
    assert max(counts) == 2


def test_bridging_genes_come_first_once_and_then_in_every_batch(campaign, toy, deliver):
    bridge = toy.genes[-1]
    campaign = set_design(campaign, f"bridging = {quoted([bridge])}")

    first = campaign.propose(2)
    assert first.genes[0] == bridge
    second = campaign.propose(2)
    assert bridge not in second.genes  # it is pending
    campaign.ingest(deliver({bridge: [1, 2, 3, 5]}, "1.csv", n_cells={bridge: 10}))
    third = campaign.propose(2)
    assert third.genes[-1] == bridge
    assert len(third) == 3  # on top of the new ones
    assert third.picks[-1].group == "bridging"
    assert campaign.state.rounds[-1].genes == third.genes[:2]
    assert campaign.state.due == {bridge: 3}


def test_bridging_genes_are_pooled_without_being_asked(campaign, toy, deliver):
    bridge = toy.genes[-1]
    campaign = set_design(campaign, f"bridging = {quoted([bridge])}")
    campaign.ingest(deliver({bridge: [1, 2, 3, 5]}, "1.csv", n_cells={bridge: 10}))
    campaign.propose(2)

    intake = campaign.ingest(deliver({bridge: [2, 4, 6, 10]}, "2.csv", n_cells={bridge: 30}))

    assert intake.delivery.pooled == (bridge,)
    assert intake.delivery.agreement[bridge] == (pytest.approx(1.0), 4)
    assert values_of(campaign, bridge) == [1.75, 3.5, 5.25, 8.75]
    assert campaign.state.due == {}
    with pytest.raises(DataError, match="other numbers"):  # not due any more
        campaign.ingest(deliver({bridge: [0, 0, 0, 0]}, "3.csv", n_cells={bridge: 30}))


def test_a_correction_of_a_bridging_gene_is_not_pooled_with_what_it_corrects(
    campaign, toy, deliver
):
    bridge = toy.genes[-1]
    campaign = set_design(campaign, f"bridging = {quoted([bridge])}")
    campaign.ingest(deliver({bridge: [1, 2, 3, 5]}, "1.csv", n_cells={bridge: 10}))
    campaign.propose(2)

    corrected = deliver({bridge: [2, 4, 6, 9]}, "2.csv", n_cells={bridge: 10})
    intake = campaign.ingest(corrected, replace=True)

    assert (intake.delivery.replaced, intake.delivery.pooled) == ((bridge,), ())
    assert values_of(campaign, bridge) == [2, 4, 6, 9]
    assert set(campaign.state.due) == {bridge}  # the batch is still to measure it
    campaign.ingest(deliver({bridge: [4, 8, 12, 18]}, "3.csv", n_cells={bridge: 10}))
    assert values_of(campaign, bridge) == [3, 6, 9, 13.5]
    assert campaign.state.due == {}


def test_a_failed_bridging_gene_keeps_its_measurements(campaign, toy, deliver):
    bridge = toy.genes[-1]
    campaign = set_design(campaign, f"bridging = {quoted([bridge])}")
    campaign.ingest(deliver({bridge: [1, 2, 3, 5]}))
    campaign.propose(1)

    campaign.withdraw([bridge], "failed", "lost this time")

    assert campaign.state.due == {}
    assert facts(campaign)["failed"] == set()
    assert values_of(campaign, bridge) == [1, 2, 3, 5]


def contradictory(toy):
    first, second, *_ = toy.genes
    return {
        "excluded bridging gene": (
            [f"bridging = {quoted([first])}", f"exclude = {quoted([first])}"],
            f"{first} is a bridging gene, but excluded",
        ),
        "too many bridging genes": (
            [f"bridging = {quoted([first, second])}"],
            "2 genes must be included in a batch of 1",
        ),
        "unknown bridging gene": (['bridging = ["NOBODY"]'], "NOBODY not matched"),
        "budget without costs": (["budget = 3.0"], "a budget needs costs"),
        "cap without groups": (["max_per_group = 3"], "a cap per group needs groups"),
    }


@pytest.mark.parametrize("what", list(contradictory(type("Toy", (), {"genes": "ab"}))))
def test_contradictions_are_named_before_anything_is_written(campaign, toy, what):
    lines, said = contradictory(toy)[what]
    campaign = set_design(campaign, *lines)
    before = campaign.folder.journal.path.read_bytes()

    with pytest.raises((UsageError, SymbolError), match=said):
        campaign.propose(1)

    assert campaign.folder.journal.path.read_bytes() == before
    assert not campaign.folder.orders.exists()


def test_an_abandoned_bridging_gene_is_a_contradiction(campaign, toy):
    campaign.withdraw([toy.genes[0]], "abandoned", "lethal")
    campaign = set_design(campaign, f"bridging = {quoted(toy.genes[:1])}")

    with pytest.raises(UsageError, match="is a bridging gene, but abandoned"):
        campaign.propose(3)


def test_bridging_genes_are_paid_from_the_budget(campaign, toy, deliver):
    bridge = toy.genes[0]
    (campaign.folder.path / "costs.csv").write_text(
        "gene,cost\n" + "\n".join(f"{gene},2" for gene in toy.genes)
    )
    campaign.ingest(deliver({bridge: [1, 2, 3, 5]}))
    campaign = set_design(
        campaign, 'cost = "costs.csv"', "budget = 6.0", f"bridging = {quoted([bridge])}"
    )

    batch = campaign.propose(5)

    assert len(batch) == 3
    assert sum(pick.cost for pick in batch) == 6
    campaign = set_design(campaign)
    tight, _ = campaign.constraints(budget=2)
    with pytest.raises(UsageError, match="cost 2, the budget is 2"):
        campaign.propose(5, constraints=tight)


# ---------------------------------------------------------------------- status
def test_coverage_now_and_later_is_that_of_the_kernel(campaign, deliver):
    """By the formula: K[t,A] (K[A,A] + I)⁻¹ K[A,t] / K[t,t], averaged over all candidates."""
    batch = campaign.propose(4)
    measured, pending = batch.genes[:2], batch.genes[2:]
    campaign.ingest(deliver({gene: ROW for gene in measured}))

    status = campaign.status(3)

    kernel, index = campaign.knowledge.kernel, campaign.knowledge.consensus.index

    def coverage(genes):
        at = [index[gene] for gene in genes]
        inner = np.linalg.inv(kernel[np.ix_(at, at)] + np.eye(len(at)))
        return np.mean([kernel[t, at] @ inner @ kernel[at, t] / kernel[t, t] for t in range(18)])

    told = status.outlook
    assert told.now == pytest.approx(coverage(measured))
    assert told.after_pending == pytest.approx(coverage(batch.genes))
    assert told.curve[0] == (0, pytest.approx(coverage(batch.genes)))
    assert [n for n, _ in told.curve] == [0, 3, 6, 9, 12, 14]
    further = campaign.propose(3, dry_run=True).genes
    assert told.next.genes == further
    assert told.next.gain == pytest.approx(
        coverage([*batch.genes, *further]) - coverage(batch.genes)
    )
    assert [value for _, value in told.curve] == sorted(value for _, value in told.curve)
    assert pending == tuple(campaign.state.pending)


def test_accuracy_is_expected_from_ten_anchors_on(campaign, deliver):
    """The mean from the anchors left out in turn; later ones by the coverage, as documented."""
    from mechpert_al.prediction import KrigingRegressor
    from mechpert_al.prediction.expectation import GROWTH, expectation, mean_root

    random = np.random.default_rng(0)
    first = campaign.propose(9).genes
    campaign.ingest(deliver({gene: random.normal(size=len(ROW)) for gene in first}))
    assert campaign.status(2).outlook.accuracy is None
    assert "not known yet" in campaign.status(2).lines()[-1]

    second = campaign.propose(3).genes
    campaign.ingest(deliver({gene: random.normal(size=len(ROW)) for gene in second[:2]}))

    status = campaign.status(2)

    told = status.outlook.accuracy
    index, kernel = campaign.knowledge.consensus.index, campaign.knowledge.kernel
    at = np.array([index[gene] for gene in sorted(campaign.state.measured)])
    values = campaign.effects.take([campaign.knowledge.genes[i] for i in at]).values
    expected = expectation(KrigingRegressor(kernel).fit(at[:, None], values.astype(float)))
    assert told.now.mean == pytest.approx(expected.mean)
    then = [*at, *(index[gene] for gene in campaign.state.pending)]
    later = [*then, *(index[gene] for gene in status.outlook.next.genes)]
    for promised, anchors in ((told.after_pending, then), (told.after_next, later)):
        root = mean_root(kernel, np.array(anchors), np.array(anchors))
        factor = (root / expected.root) ** GROWTH if root else 1
        assert promised.mean == pytest.approx(expected.mean * factor)
    assert f"from {len(at)} anchors" in status.lines()[-1]
    assert status.as_document()["expected_accuracy"]["now"]["mean"] == told.now.mean


def test_gain_by_each_single_agent(campaign, toy_panel):
    """The same batch, with one agent's own network as the kernel."""
    from mechpert_al.consensus import ConsensusNetwork

    told = campaign.status(3).outlook.next

    panel = read_panel(toy_panel)
    assert set(told.by_agent) == {"alpha", "beta"}  # the similarity agent never votes
    for agent, gain in told.by_agent.items():
        kernel = ConsensusNetwork.from_panel(panel, [agent]).kernel
        at = [panel.candidates.index(gene) for gene in told.genes]
        inner = np.linalg.inv(kernel[np.ix_(at, at)] + np.eye(3))
        expected = np.mean(
            [kernel[t, at] @ inner @ kernel[at, t] / kernel[t, t] for t in range(18)]
        )
        assert gain == pytest.approx(expected)
    assert (told.low, told.high) == (min(told.by_agent.values()), max(told.by_agent.values()))


def test_status_when_nothing_is_left(campaign, toy):
    campaign.propose(len(toy.genes))

    status = campaign.status()

    assert status.outlook.next is None
    assert status.outlook.curve == ((0, status.outlook.after_pending),)
    assert "No candidate is left to propose." in status.lines()


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan")])
def test_what_is_no_budget(campaign, toy, tmp_path, budget):
    (costs := tmp_path / "costs.csv").write_text(f"gene,cost\n{toy.genes[0]},2\n")

    with pytest.raises(UsageError, match="the budget is"):
        campaign.constraints(cost=costs, budget=budget)


def test_candidates_without_a_cost_are_said(campaign, toy, tmp_path):
    (costs := tmp_path / "costs.csv").write_text(f"gene,cost\n{campaign.candidates[0]},2\n")

    _, said = campaign.constraints(cost=costs)

    n = len(campaign.candidates)
    assert [f"{n - 1} of {n} candidates have no cost there" in line for line in said] == [True]
    assert campaign.candidates[1] in said[0]


def test_a_budget_that_buys_no_gene_orders_nothing(campaign, toy, tmp_path):
    costs = tmp_path / "costs.csv"
    costs.write_text("gene,cost\n" + "\n".join(f"{gene},2" for gene in toy.genes))
    limits, _ = campaign.constraints(cost=costs, budget=1.0)

    with pytest.raises(NothingLeftError, match=f"{len(toy.genes)} over budget") as caught:
        campaign.propose(3, constraints=limits)

    assert "budget" in caught.value.hint
    assert campaign.state.rounds == ()


def test_a_last_round_without_new_genes_does_not_set_the_size(campaign):
    campaign.propose(3)
    empty = campaign.state.rounds[-1].model_copy(update={"round": 2, "genes": ()})
    state = replace(campaign.state, rounds=(*campaign.state.rounds, empty))

    told = outlook(campaign.settings, state, campaign.ground, None)

    assert told.next is not None
    assert told.next.n == 3


def test_a_panel_that_changed_is_noticed(toy_panel, tmp_path):
    panel = shutil.copytree(toy_panel, tmp_path / "panel")
    campaign = Campaign.create(tmp_path / "c", panel)
    assert campaign.status().notices == ()
    lines = (panel / "alpha.jsonl").read_text().splitlines()
    (panel / "alpha.jsonl").write_text("\n".join(lines[1:]))

    notices = Campaign.open(tmp_path / "c").status().notices

    assert notices == ("the panel or the candidate list has changed since the campaign began",)


def test_status_is_plain_json(campaign, deliver):
    batch = campaign.propose(3)
    campaign.ingest(deliver({batch.genes[0]: ROW}))

    document = json.loads(json.dumps(campaign.status().as_document()))

    assert {"measured", "pending", "excluded", "coverage", "next"} <= set(document)
    assert document["measured"] == [batch.genes[0]]
    assert document["pending"] == sorted(batch.genes[1:])


def test_shows_itself_in_a_notebook(campaign):
    campaign.propose(2)

    assert "2 pending" in repr(campaign)
    assert "<table>" in campaign._repr_html_()
    assert "<table>" in campaign.status()._repr_html_()
