"""Inputs that go wrong in practice, with the values that are right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mechpert_al.effects import ConversionReport, EffectTable, convert, profile_correlation
from mechpert_al.errors import MechPertError

Case = Callable[[str, str], dict[str, Any]]
Converted = tuple[EffectTable, ConversionReport]


@pytest.fixture(scope="module")
def case(cases: Path) -> Case:
    """One check of a case."""

    def found(folder: str, check: str) -> dict[str, Any]:
        document = json.loads((cases / folder / "expected.json").read_text(encoding="utf-8"))
        [one] = [one for one in document["checks"] if one["id"] == check]
        return one

    return found


def assert_effects(table: EffectTable, expected: dict[str, Any], tolerance: float = 1e-6) -> None:
    for perturbation, row in expected.items():
        for readout, value in row.items():
            got = table.values[table.row_of[perturbation], table.readouts.index(readout)]
            assert got == pytest.approx(value, abs=tolerance), (perturbation, readout)


def assert_says(text: str, wanted: list[Any]) -> None:
    for one in wanted:
        options = one if isinstance(one, list) else [one]
        assert any(option in text for option in options), (options, text)


def refused(path: Path, wanted: list[Any], **options: Any) -> None:
    with pytest.raises(MechPertError) as caught:
        convert(path, **options)
    assert caught.value.exit_code == 3
    assert_says(str(caught.value), wanted)


# ---------------------------------------------------------------------- tables
def test_shuffled_rows_and_columns_are_the_same_content(cases: Path, case: Case) -> None:
    check = case("align-by-label", "shuffled")
    first, _ = convert(cases / "align-by-label" / "round1.csv")
    shuffled, _ = convert(cases / "align-by-label" / "round1_shuffled.csv")
    assert_effects(shuffled, check["values"]["effects"])
    assert shuffled.content_hash == first.content_hash


def test_rounds_are_joined_by_label(cases: Path, case: Case) -> None:
    first, second = (convert(cases / "align-by-label" / f"round{n}.csv")[0] for n in (1, 2))
    both = first.union(second)
    for count, expected in case("align-by-label", "union")["values"].items():
        assert getattr(both, count) == expected
    check = case("align-by-label", "similarity")
    correlation, shared = profile_correlation(both)
    for pair, expected in check["values"]["similarity"].items():
        one, other = (both.row_of[name] for name in pair.split("|"))
        assert correlation[one, other] == pytest.approx(expected, abs=check["tolerance"])
        assert shared[one, other] == 3


def test_german_spreadsheet(cases: Path, case: Case) -> None:
    table, report = convert(cases / "csv-dialects" / "a_german_excel.csv")
    assert_effects(table, case("csv-dialects", "a")["values"]["effects"])
    assert "decimal comma" in report.recognised[0]


def test_one_decimal_point_among_commas(cases: Path, case: Case) -> None:
    check = case("csv-dialects", "b")
    refused(cases / "csv-dialects" / "b_one_decimal_point.csv", check["must_mention"])


def test_row_names_of_r(cases: Path, case: Case) -> None:
    check = case("csv-dialects", "c")["values"]
    table, _ = convert(cases / "csv-dialects" / "c_r_row_names.tsv")
    assert_effects(table, check["effects"])
    assert sorted(table.perturbations) == check["perturbations"]


def test_labels_named_nan_are_names(cases: Path, case: Case) -> None:
    check = case("label-named-nan", "labels")["values"]
    table, report = convert(cases / "label-named-nan" / "effects.csv")
    assert_effects(table, check["effects"])
    assert sorted(table.perturbations) == check["perturbations"]
    assert sorted(table.readouts) == check["readouts"]
    gaps = {
        (name, readout)
        for name in table.perturbations
        for readout in table.readouts
        if not table.is_measured[table.row_of[name], table.readouts.index(readout)]
    }
    assert gaps == {tuple(pair) for pair in check["not_measured"]}
    assert report.unknown["nan"] == "line 10"


def test_two_rows_of_one_gene(cases: Path, case: Case) -> None:
    check = case("rename-collision", "effects")
    path = cases / "rename-collision" / "effects.csv"
    refused(path, check["must_mention"])
    table, report = convert(path, duplicated_rows="mean")
    assert_effects(table, check["values"]["if_mean_is_asked_for"])
    assert "C2orf48 into RRM2" in " ".join(report.lines())


def test_perturbation_twice_in_one_file(cases: Path, case: Case) -> None:
    check = case("ingest-twice-partial", "d")
    refused(cases / "ingest-twice-partial" / "d_within_one_file_twice.csv", check["must_mention"])


def test_the_same_numbers_written_otherwise(cases: Path) -> None:
    folder = cases / "ingest-twice-partial"
    first, _ = convert(folder / "a_first_delivery.csv")
    second, _ = convert(folder / "b_same_numbers_reformatted.csv")
    assert first.content_hash == second.content_hash


# ---------------------------------------------------------------------- cells
@pytest.mark.parametrize(
    ("check_id", "file"), [("a", "a_non_targeting.h5ad"), ("b", "b_gears_style.h5ad")]
)
def test_ctrl_is_a_gene(cases: Path, case: Case, check_id: str, file: str) -> None:
    check = case("ctrl-is-a-gene", check_id)["values"]
    table, report = convert(cases / "ctrl-is-a-gene" / file, keep_own_readout=True)
    assert report.n_cells == check["n_cells"]
    assert_effects(table, check["effects"])


def test_padded_and_combined_labels(cases: Path, case: Case) -> None:
    check = case("padded-combined-labels", "labels")["values"]
    folder = cases / "padded-combined-labels"
    table, report = convert(
        folder / "cells.h5ad", perturbation="condition", control="ctrl", keep_own_readout=True
    )
    assert report.n_cells == check["n_cells"]
    assert_effects(table, check["effects"])
    twin, _ = convert(folder / "twin.h5ad", keep_own_readout=True)
    assert table.content_hash == twin.content_hash
    assert report.combinations == ("CHRNB1+KLF1+MAP2K6", "KLF1+MAP2K6")
    assert report.merged["KLF1+MAP2K6"] == ("KLF1+MAP2K6", "KLF1_MAP2K6", "MAP2K6+KLF1")


def test_column_and_control_are_found_too(cases: Path) -> None:
    path = cases / "padded-combined-labels" / "cells.h5ad"
    asked, _ = convert(path, perturbation="condition", control="ctrl")
    found, _ = convert(path)
    assert found.content_hash == asked.content_hash


def test_two_columns_of_one_symbol(cases: Path, case: Case) -> None:
    path = cases / "duplicated-readouts" / "a_duplicated.h5ad"
    refused(path, case("duplicated-readouts", "a")["must_mention"])
    summed, _ = convert(path, duplicated_readouts="sum")
    assert_effects(summed, case("duplicated-readouts", "a_sum")["values"]["effects"])
    by_id, _ = convert(path, readout_names="gene_ids")
    assert_effects(by_id, case("duplicated-readouts", "a_ids")["values"]["effects"])


def test_columns_that_were_made_unique(cases: Path, case: Case) -> None:
    path = cases / "duplicated-readouts" / "b_made_unique.h5ad"
    refused(path, case("duplicated-readouts", "b")["must_mention"])
    summed, _ = convert(path, duplicated_readouts="sum")
    assert summed.readouts == ("MATR3", "TBCE", "GAPDH", "ACTB")
    assert_effects(summed, case("duplicated-readouts", "a_sum")["values"]["effects"])


def test_phantom_and_tiny_groups(cases: Path, case: Case) -> None:
    check = case("phantom-and-tiny-groups", "ingest")
    table, report = convert(cases / "phantom-and-tiny-groups" / "cells.h5ad", min_cells=5)
    assert list(table.perturbations) == check["values"]["measured"]
    assert report.n_cells == check["values"]["n_cells"]
    assert report.too_few_cells == check["values"]["too_few_cells"]
    assert_effects(table, check["values"]["effects"])
    assert_says("\n".join(report.lines()), check["must_mention"])
    assert table.is_complete


@pytest.mark.parametrize("file", ["twin.h5ad", "a_uint8.h5ad", "b_empty_cells.h5ad"])
def test_small_integers_and_empty_cells(cases: Path, case: Case, file: str) -> None:
    check = case("uint8-and-empty-cells", "b")["values"]
    folder = cases / "uint8-and-empty-cells"
    table, report = convert(folder / file)
    assert_effects(table, check["effects"])
    assert report.n_cells == check["n_cells"]
    assert report.empty_cells == (check["empty_cells"] if file.startswith("b") else 0)
    assert table.content_hash == convert(folder / "twin.h5ad")[0].content_hash
    assert table.is_complete
