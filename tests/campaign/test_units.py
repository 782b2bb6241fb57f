"""Deliveries in other units than what was measured before: refused, unless accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechpert_al.campaign import Campaign
from mechpert_al.campaign.units import LARGEST_RATIO, Earlier, differences, unit_of
from mechpert_al.effects import EffectTable, convert, write_effects
from mechpert_al.errors import DataError

READOUTS = tuple(f"R{number}" for number in range(12))
LOG_COUNTS = "mean over cells of log1p(10000 × count / cell total), perturbed minus control"


def profiles(
    genes: tuple[str, ...], seed: int, scale: float = 1.0, **info: Any
) -> EffectTable:  # fmt: skip
    values = scale * np.random.default_rng(seed).normal(size=(len(genes), len(READOUTS)))
    return EffectTable(genes, READOUTS, values, info=info)


@pytest.fixture
def begun(campaign: Campaign, tmp_path: Path) -> Callable[..., Any]:
    """A campaign with three measured genes; gives a function that delivers two others."""
    genes = campaign.candidates
    first = {"normalisation": LOG_COUNTS, "control": ["non-targeting"], "shrunk": False}
    campaign.ingest(write_effects(profiles(genes[:3], 1, **first), tmp_path / "first.h5ad"))

    def deliver(
        scale: float = 1.0, absolute: bool = False, genes: Any = genes[3:5], **more: Any
    ) -> Any:
        options = {key: more.pop(key) for key in ("accept_units", "replace") if key in more}
        table = profiles(genes, 2, scale, **{**first, **more})
        if absolute:
            table = EffectTable(genes, READOUTS, np.abs(table.values), info=table.info)
        path = write_effects(table, tmp_path / "second.h5ad")
        return Campaign.open(campaign.folder.path).ingest(path, **options)

    deliver.campaign = campaign  # type: ignore[attr-defined]
    return deliver


OTHER: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unit": (
        {"normalisation": "log2 fold change of DESeq2"},
        ["second.h5ad is in the unit 'log2 fold change'",
         f"first.h5ad is in the unit {LOG_COUNTS!r}"],
    ),
    "z-scores": ({"normalisation": "z_score"}, ["'z-score'"]),
    "control": (
        {"control": ["AAVS1"]},
        ["second.h5ad is compared with the control AAVS1", "with the control non-targeting"],
    ),
    "cutting control": ({"control": ["safe-targeting"]}, ["the control safe-targeting"]),
    "shrunk": (
        {"shrunk": True},
        ["second.h5ad holds effects that were shrunk", "first.h5ad holds effects that were not"],
    ),
    "percent": ({"scale": 100.0}, ["a profile of second.h5ad is", "times larger", "median of 2"]),
    "far too small": ({"scale": 1e-4}, ["times smaller"]),
    "no signs": ({"absolute": True}, ["no value of second.h5ad is below 0", "% of those measured"]),
    "ranks": (
        {"absolute": True, "scale": 5000.0}, ["times larger", "is below 0 (ranks"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHER)
def test_other_units_are_refused_or_accepted_and_recorded(begun: Any, what: str) -> None:
    more, said = OTHER[what]
    campaign = begun.campaign
    journal = campaign.folder.journal.path
    before = journal.read_bytes(), sorted(campaign.folder.store.names())

    with pytest.raises(DataError) as caught:
        begun(**more)

    for text in said:
        assert text in caught.value.message
    assert "--accept-units" in caught.value.hint
    assert (journal.read_bytes(), sorted(campaign.folder.store.names())) == before

    intake = begun(**more, accept_units=True)
    assert len(intake.delivery.new) == 2
    written = json.loads(journal.read_text().splitlines()[-1])["options"]["accept_units"]
    assert written == caught.value.message.split("\n")
    for text in written:
        assert f"accepted all the same: {text}" in intake.lines()
    again = Campaign.open(campaign.folder.path)
    assert any("second.h5ad was accepted although" in one for one in again.status().notices)
    assert not again.verify().notices


ALIKE: dict[str, dict[str, Any]] = {
    "the same": {},
    "nothing said": {"normalisation": None, "control": [], "shrunk": None},
    "as in a table": {"normalisation": "as in the table"},
    "control of any kind": {"control": ["ctrl"]},
    "another word for it": {"control": ["NegCtrl0", "NT"]},
    "a strong batch": {"scale": LARGEST_RATIO / 5},
    "a weak batch": {"scale": 5 / LARGEST_RATIO},
}


@pytest.mark.parametrize("what", ALIKE)
def test_what_can_be_compared_is_taken(begun: Any, what: str) -> None:
    intake = begun(**ALIKE[what], accept_units=True)
    journal = begun.campaign.folder.journal.path
    assert len(intake.delivery.new) == 2
    assert "accept_units" not in json.loads(journal.read_text().splitlines()[-1])["options"]


def test_what_was_accepted_once_is_not_asked_again(begun: Any) -> None:
    genes = begun.campaign.candidates
    begun(normalisation="log2 fold change of DESeq2", accept_units=True)
    assert begun(normalisation="log2 fold change of edgeR", genes=genes[5:7]).delivery.new


def test_everything_may_be_delivered_anew_in_another_unit(begun: Any) -> None:
    """Nothing in the old unit stays: there is nothing to disagree with."""
    genes = begun.campaign.candidates
    other = {"normalisation": "z_score", "scale": 100.0, "replace": True}
    with pytest.raises(DataError, match="'z-score'"):
        begun(**other, genes=genes[:2])
    assert len(begun(**other, genes=genes[:4]).delivery.replaced) == 3


def test_a_file_that_says_nothing_new_is_not_judged(begun: Any, tmp_path: Path) -> None:
    genes = begun.campaign.candidates
    table = profiles(genes[:3], 1, normalisation="z_score")
    intake = Campaign.open(begun.campaign.folder.path).ingest(
        write_effects(table, tmp_path / "again.h5ad")
    )
    assert not intake.is_new


@given(st.floats(1e-6, 1e6), st.integers(1, 4), st.integers(1, 4))
def test_sizes_are_compared_by_their_medians(factor: float, n_here: int, n_there: int) -> None:
    here = profiles(tuple(f"A{i}" for i in range(n_here)), 5, factor)
    there = profiles(tuple(f"B{i}" for i in range(n_there)), 6)

    def median(table: EffectTable) -> float:
        return float(np.median([np.sqrt(np.mean(row**2)) for row in np.float64(table.values)]))

    ratio = median(here) / median(there)
    told = [one for one in differences(here, "here", [Earlier("there", there)]) if "profile" in one]
    assert bool(told) == (ratio > LARGEST_RATIO or ratio < 1 / LARGEST_RATIO)


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("names,logfoldchanges", "log2 fold change"),
        ("variable,log_fc,p_value", "log fold change"),
        ("gene,lfc", "log fold change"),
        ("gene,log2fc", "log2 fold change"),
        ("gene,z_score", "z-score"),
        ("gene,effect", None),
    ],
)
def test_units_of_tables(tmp_path: Path, header: str, unit: str | None) -> None:
    path = tmp_path / "table.csv"
    row = ",".join(["DDIT3", *["0.5"] * header.count(",")])
    path.write_text(f"perturbation,{header}\nMED1,{row}\n")
    assert unit_of(convert(path)[0].info) == unit


def test_a_logarithm_without_a_base_fits_any_logarithm() -> None:
    def told(one: str, other: str) -> bool:
        here = profiles(("A",), 1, normalisation=one)
        return bool(
            differences(here, "h", [Earlier("t", profiles(("B",), 2, normalisation=other))])
        )

    assert not told("lfc", "log2 fold change of DESeq2")
    assert not told("natural log fold change of Seurat before version 4", "log_fc")
    assert told("natural log fold change of Seurat before version 4", "log2fc")
    assert told("lfc", LOG_COUNTS)
