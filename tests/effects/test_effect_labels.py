"""What labels say: genes, combinations, guides, controls, or nothing."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechpert_al.effects.control_words import control_word, is_unassigned, stripped
from mechpert_al.effects.labels import CONTROL, check_control, read_labels
from mechpert_al.errors import DataError


class Symbols:
    """A small symbol table: some approved symbols, one former."""

    approved = frozenset(
        {
            "CTRL", "NTRK1", "NTS", "SAFB", "HLA-A", "NKX2-1", "KLF1", "MAP2K6", "CHRNB1", "ATF4",
            "AHR", "SPI1", "A1BG", "ZBTB4", "AARS1", "WT1", "SCRIB", "NT5E", "TP53",
        }
    )  # fmt: skip

    def is_symbol(self, name: str) -> bool:
        return name in self.approved

    def current_of(self, name: str) -> str | None:
        return "AARS1" if name == "AARS" else name if name in self.approved else None

    def ensembl_id(self, name: str) -> str | None:
        return None


def name_of(label: str, **options: object) -> str | None:
    return read_labels([label], Symbols(), **options).name_of[label]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "label",
    [
        "non-targeting", "Non-Targeting", "non_targeting", "NON TARGETING", "nontargeting", "NT",
        "NTC", "ctrl", "Ctrl", "control", "CONTROL", "neg_ctrl", "NegCtrl0", "NegCtrl12",
        "negative_control", "NO-TARGET", "NTg1", "NTC_3", "non-targeting_00012", " ctrl ",
        "ctrl\u00a0", "\ufeffctrl", "ctrl+ctrl", "NegCtrl0_NegCtrl0", "safe-targeting",
        "NegCtrl10_NegCtrl0__NegCtrl10_NegCtrl0", "62(mod)_pBA581", "Gal4-4(mod)_pBA582",
        "3x_neg_ctrl_pMJ144-1", "p_INTERGENIC393453", "DMSO_TF", "scrambled",
    ],
)  # fmt: skip
def test_controls(label: str) -> None:
    assert name_of(label) == CONTROL


@pytest.mark.parametrize(
    "label",
    ["CTRL", "NTRK1", "NTS", "SAFB", "SCRIB", "WT1", "NT5E", "NT5", "NT1", "ctrl2go", "controller"],
)
def test_genes_that_begin_like_controls(label: str) -> None:
    assert name_of(label) == label


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("HLA-A", "HLA-A"),
        ("NKX2-1", "NKX2-1"),
        ("NKX2-1+ctrl", "NKX2-1"),
        ("ctrl+HLA-A", "HLA-A"),
        ("CTRL+ctrl", "CTRL"),
        ("KLF1+MAP2K6", "KLF1+MAP2K6"),
        ("MAP2K6+KLF1", "KLF1+MAP2K6"),
        ("MAP2K6 + KLF1 ", "KLF1+MAP2K6"),
        ("KLF1_MAP2K6", "KLF1+MAP2K6"),
        ("KLF1,MAP2K6", "KLF1+MAP2K6"),
        ("KLF1;MAP2K6", "KLF1+MAP2K6"),
        ("KLF1|KLF1", "KLF1"),
        ("KLF1+MAP2K6+CHRNB1", "CHRNB1+KLF1+MAP2K6"),
        ("HLA-A_NKX2-1", "HLA-A+NKX2-1"),
        ("KLF1_NegCtrl0__KLF1_NegCtrl0", "KLF1"),
        ("NegCtrl0_KLF1__NegCtrl0_KLF1", "KLF1"),
        ("ATF4g1", "ATF4"),
        ("ATF4_sg2", "ATF4"),
        ("sgTP53-1", "TP53"),
        ("p_sgTP53_2", "TP53"),
        ("ATF4_2", "ATF4"),
        ("NKX2-1_2", "NKX2-1"),
        ("SPI1_pDS255", "SPI1"),
        ("A1BG_+_58858964.23-P1", "A1BG"),
        ("A1BG_+_58858964.23-P1|A1BG_-_58858617.23-P1", "A1BG"),
        ("A1BG_+_5.23-P1,ENST00000263100", "A1BG"),
        ("ZBTB4_P1P2", "ZBTB4"),
        ("AARS_P1", "AARS"),
        ("UNHEARD_OF", "UNHEARD_OF"),
        ("KLF1_UNHEARD", "KLF1_UNHEARD"),
        ("unheard", "unheard"),
    ],
)
def test_genes(label: str, name: str) -> None:
    assert name_of(label) == name


@pytest.mark.parametrize("label", ["", "nan", "NA", "unassigned", "None", "*", "multiplet"])
def test_nobody_knows(label: str) -> None:
    reading = read_labels([label], Symbols())
    assert reading.name_of[label] is None
    assert reading.unassigned == (label,)


def test_in_tables_every_label_is_a_name() -> None:
    assert name_of("nan", has_unassigned=False) == "nan"


def test_a_partner_that_nobody_knows_spoils_the_pair() -> None:
    assert name_of("KLF1+unassigned") is None


def test_only_the_named_control_counts() -> None:
    reading = read_labels(["ctrl", "non-targeting", "KLF1+ctrl"], Symbols(), ["non-targeting"])
    assert reading.controls == ("non-targeting",)
    assert reading.other_controls == ("ctrl",)
    assert reading.name_of["KLF1+ctrl"] == "KLF1"


def test_a_gene_may_be_named_as_the_control() -> None:
    reading = read_labels(["CTRL", "KLF1", "KLF1+CTRL"], Symbols(), ["CTRL"])
    assert reading.controls == ("CTRL",)
    assert reading.name_of["KLF1+CTRL"] == "KLF1"


def test_spellings_are_listed_once() -> None:
    reading = read_labels(["KLF1", "KLF1 ", "ATF4", "KLF1_MAP2K6", "MAP2K6+KLF1"], Symbols())
    assert reading.merged == {
        "KLF1": ("KLF1", "KLF1 "),
        "KLF1+MAP2K6": ("KLF1_MAP2K6", "MAP2K6+KLF1"),
    }
    assert reading.combinations == ("KLF1+MAP2K6",)
    assert reading.names == ("KLF1", "ATF4", "KLF1+MAP2K6")


def test_two_words_for_a_control_are_a_question() -> None:
    reading = read_labels(["ctrl", "scrambled", "KLF1"], Symbols())
    with pytest.raises(DataError, match=r"'ctrl' \(3 cells\), 'scrambled' \(2 cells\)") as caught:
        check_control(reading, {"ctrl": 3, "scrambled": 2, "KLF1": 9}, (), "f", "cells")
    assert "--control" in caught.value.hint


def test_numbered_guides_of_one_word_are_one_control() -> None:
    labels = ["NTg1", "NTg2", "NT", "KLF1"]
    check_control(read_labels(labels, Symbols()), dict.fromkeys(labels, 1), (), "f", "cells")


SEVERAL = st.lists(st.sampled_from(["KLF1", "MAP2K6", "HLA-A", "NKX2-1"]), min_size=1, max_size=4)
BLANKS = st.sampled_from(["", " ", "\t", "\u00a0", "\u200b", "  "])


@given(genes=SEVERAL, joint=st.sampled_from("+;|&"), before=BLANKS, after=BLANKS)
def test_order_and_blanks_are_spelling(
    genes: list[str], joint: str, before: str, after: str
) -> None:
    expected = "+".join(sorted(set(genes)))
    for order in itertools.islice(itertools.permutations(genes), 6):
        assert name_of(before + f"{after}{joint}{before}".join(order) + after) == expected


@given(st.text(max_size=12))
def test_any_text_is_read(label: str) -> None:
    reading = read_labels([label], Symbols())
    name = reading.name_of[label]
    assert name is None or name == CONTROL or name
    assert stripped(stripped(label)) == stripped(label)


def test_words() -> None:
    assert control_word("NTRK1") is None
    assert control_word("NegCtrl3") == "negctrl"
    assert is_unassigned(None)
    assert not is_unassigned("NANOG")
