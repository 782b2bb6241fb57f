"""Real files as laboratories have them, from delivery to report."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.campaign import Campaign
from mechpert_al.report.campaign import campaign_report


@pytest.fixture
def genes_of(tmp_path: Path):
    """A candidate list on disk."""

    def write(names) -> Path:
        path = tmp_path / "candidates.txt"
        path.write_text("\n".join(sorted(names)))
        return path

    return write


def test_raw_counts_in_two_deliveries_to_a_report(real_data, genes_of, tmp_path):
    """Half of the knock-outs are delivered first; then the whole file comes again."""
    import anndata

    path = real_data / "papalexi2021_thp1_counts.h5ad"
    cells = anndata.read_h5ad(path)
    labels = cells.obs["perturbation"].astype(str)
    genes = sorted(set(labels) - {"non-targeting", "unassigned"})
    half = cells[labels.isin([*genes[:12], "non-targeting"])]
    half.write_h5ad(tmp_path / "half.h5ad")
    campaign = Campaign.create(tmp_path / "c", "essential585", candidates=genes_of([*genes, "IK"]))
    campaign.propose(len(genes) + 1)

    first = campaign.ingest(tmp_path / "half.h5ad", keep_failed_knock_downs=True)
    assert set(first.delivery.new) == set(genes[:12])
    assert set(first.pending) == {*genes[12:], "IK"}
    second = campaign.ingest(path, keep_failed_knock_downs=True)

    assert set(second.delivery.known) == set(genes[:12])
    assert set(second.delivery.new) == set(genes[12:])
    assert set(campaign.state.pending) == {"IK"}
    report = campaign_report(campaign, tmp_path / "report.html")
    assert not report.failures
    page = report.path.read_text()
    assert all(gene in page for gene in genes)
    assert campaign.verify().n_files == 4


def test_significant_pairs_under_outdated_names_to_a_report(real_data, tmp_path):
    campaign = Campaign.create(tmp_path / "c", "essential585")

    intake = campaign.ingest(real_data / "adamson2016_k562_upr_de.csv.gz")

    renamed = {name: ours for name, ours, _ in intake.renamed}
    assert renamed["AARS1"] == "AARS"
    assert len(intake.delivery.new) == 90
    effects = campaign.effects
    with gzip.open(real_data / "adamson2016_k562_upr_de.csv.gz", "rt") as lines:
        header = next(lines).rstrip("\n").split(",")
        at = [header.index(name) for name in ("perturbation", "gene", "log2fc")]
        listed = [[line.rstrip("\n").split(",")[i] for i in at] for line in lines]
    column = {name: number for number, name in enumerate(effects.readouts)}
    checked = 0
    for gene, readout, value in listed[::50]:
        found = effects.values[effects.row_of[renamed.get(gene, gene)], column[readout]]
        if gene != readout:  # a gene's own readout says whether it was knocked down
            assert found == pytest.approx(float(value), rel=1e-6)
            checked += 1
    assert checked > 400
    assert np.isnan(effects.values).mean() > 0.9  # what is not listed is not measured
    status = campaign.status()
    assert 0 < status.outlook.now < 1
    report = campaign_report(campaign, tmp_path / "report.html")
    assert not report.failures
    assert "adamson2016_k562" in report.path.read_text()
