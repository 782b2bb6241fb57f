"""Guides out of a library: checked before ordering, in files that counting software takes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.errors import DataError, UsageError
from mechpert_al.guides import (
    GuideLibrary,
    LibraryRow,
    ReadLayout,
    cellranger,
    mageck,
    plain,
    read_library,
    read_transcriptome,
    select_guides,
)
from mechpert_al.guides.selection import NON_TARGETING

A, B, C, D = (
    "ATCGGATTACCAGTCGATCA", "GGCATTAACCGTAGCTAGGA", "TTAGCCGATAGCTTACCGGA", "CCATGGTTAACGGATCTACG",
)  # fmt: skip
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str = "library.tsv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def library(*rows: tuple[str, str, str]) -> GuideLibrary:
    return GuideLibrary(
        tuple(LibraryRow(line, *row) for line, row in enumerate(rows, start=2)), "library.tsv"
    )


def spacers(order, gene: str) -> list[str]:
    return [guide.sequence for guide in order.guides if guide.gene == gene]


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# ---------------------------------------------------------------------- the case
@pytest.fixture
def chosen(cases) -> list[str]:
    return (cases / "guide-order" / "chosen.txt").read_text().split()


@pytest.fixture
def case_library(cases) -> GuideLibrary:
    return read_library(cases / "guide-order" / "library.tsv")


def test_everything_is_listed_at_once(case_library, chosen):
    with pytest.raises(DataError) as caught:
        select_guides(chosen, case_library)

    said = caught.value.message.splitlines()

    def lines_with(text: str) -> list[str]:
        return [line for line in said if text in line]

    for line, what in (
        (8, "'/'"), (9, "a blank"), (9, "small letters"), (10, "','"), (10, "'\"'"),
        (11, "not ASCII"), (12, "holds N"), (12, "'HBB_g2' stands for 2 sequences"),
        (13, "'HBB_g2' stands for 2 sequences"), (14, "'ENSG00000128272' is that of a gene"),
        (15, "18 letters"),
    ):  # fmt: skip
        assert any(what in text for text in lines_with(f"line {line}")), (line, what)
    assert lines_with("MED1 was chosen and has no guide")
    assert "CD99_X and CD99_Y (lines 2 to 7)" in "\n".join(said)
    assert all("library.tsv" in line for line in said)


def test_mended_order_obeys_the_rules(case_library, chosen):
    order = select_guides(dict.fromkeys(chosen, "ENSG00000000001"), case_library, mend=True)

    counts = {gene: len(spacers(order, gene)) for gene in [*chosen, NON_TARGETING]}
    assert counts == {
        "CD99": 3, "NKX2-1": 2, "HLA-A": 1, "HBB": 2, "ATF4": 2, "MED1": 0, NON_TARGETING: 2,
    }  # fmt: skip
    assert order.without_guides == ("MED1",)
    said = "\n".join([*order.problems, *order.notes])
    assert all(text in said for text in ("MED1", "HBB_g2", "CD99", "is ordered as NKX2-1_g1"))
    rows = parsed(cellranger(order.guides, ReadLayout()))
    assert_obeys_the_rules(rows)
    assert {row["target_gene_name"] for row in rows} >= {"NKX2-1", "HLA-A"}


def assert_obeys_the_rules(rows: list[dict[str, str]]) -> None:
    for row in rows:
        for name in (row["id"], row["name"]):
            assert re.fullmatch(r"[!-~]+", name)
            assert not set(name) & set("/,'\"")
        assert not row["id"].startswith("ENSG")
        assert re.fullmatch("[ACGT]+", row["sequence"])
        assert row["read"] in ("R1", "R2")
        assert "(BC)" in row["pattern"]
        assert row["feature_type"] == "CRISPR Guide Capture"
        is_control = row["target_gene_name"] == NON_TARGETING
        assert is_control == (row["target_gene_id"] == NON_TARGETING)
    for key in ("id", "sequence"):
        assert len({row[key] for row in rows}) == len(rows)


# ---------------------------------------------------------------------- libraries of the field
def test_crispri_v2(write):
    found = read_library(
        write(
            "sgId\tsublibrary\tgene\ttranscripts\tsequence\n"
            f"A1BG_-_58858617.24-P1\th6\tA1BG\tP1\t{A}\n"
            f"non-targeting_00001\th6\tnegative_control\tna\t{B}\n"
        )
    )

    assert found.of_gene["A1BG"][0] == LibraryRow(2, "A1BG_-_58858617.24-P1", A, "A1BG")
    assert [row.id for row in found.controls] == ["non-targeting_00001"]


def test_dolcetto_names_no_guides(write):
    found = read_library(
        write(
            "sgRNA Sequence\tAnnotated Gene Symbol\tAnnotated Gene ID\n"
            f"{A}\tA1BG\t1\n{B}\tA1BG\t1\n{C}\tCONTROL\tCONTROL\n"
            f"{D}\tNO-TARGET\tUNKNOWN_NO-TARGET\n"
        )
    )

    assert [row.id for row in found.of_gene["A1BG"]] == ["A1BG_1", "A1BG_2"]
    assert found.of_gene["A1BG"][0].ensembl_id == ""  # 1 is an Entrez id
    assert [row.sequence for row in found.controls] == [C, D]


def test_dual_guide_elements_are_two_guides(write):
    found = read_library(
        write(
            "unique sgRNA pair ID,gene,transcript,ensembl gene id,sgID_A,targeting sequence A,"
            "sgID_B,targeting sequence B,duplicated guide pair?\n"
            f"1_A1BG,A1BG,P1,ENSG00000121410,A1BG_a,{A},A1BG_b,{B},False\n"
            f"2_nt,non-targeting,na,na,nt_a,{C},nt_b,{D},False\n",
            "library.csv",
        )
    )

    order = select_guides(["A1BG"], found, controls=2)

    assert [(guide.id, guide.sequence) for guide in order.guides] == [
        ("A1BG_a", A), ("A1BG_b", B), ("nt_a", C), ("nt_b", D),
    ]  # fmt: skip
    assert order.guides[0].ensembl_id == "ENSG00000121410"


def test_a_feature_reference_is_a_library_too(write):
    order = select_guides({"MED1": "ENSG00000125686"}, library(("g1", A, "MED1"), ("nt", B, "NT")))

    again = read_library(write(cellranger(order.guides, ReadLayout()), "features.csv"))

    assert again.of_gene["MED1"] == (LibraryRow(2, "g1", A, "MED1", "ENSG00000125686"),)
    assert [row.id for row in again.controls] == ["nt"]


@pytest.mark.parametrize(("name", "cut"), [("lib.csv", ","), ("lib.txt", "\t")])
def test_three_columns_without_a_header(write, name, cut):
    found = read_library(write(f"g1{cut}{A}{cut}MED1\ng2{cut}{B}{cut}MED1\n", name))

    assert [row.id for row in found.of_gene["MED1"]] == ["g1", "g2"]
    assert [row.line for row in found.rows] == [1, 2]


def test_quoted_cells_and_lone_quotes(write):
    quoted = read_library(write(f'"id"\t"sequence"\t"gene"\n"g1"\t"{A}"\t"MED1"\n'))
    lone = read_library(write(f'id\tsequence\tgene\n"g1\t{A}\tMED1\ng2\t{B}\tMED1\n'))

    assert quoted.rows == (LibraryRow(2, "g1", A, "MED1"),)
    assert [row.id for row in lone.rows] == ['"g1', "g2"]  # no line was swallowed


def test_gene_called_ctrl_is_a_gene():
    """CTRL is an approved symbol's former name in one table; only whole control words count."""
    found = library(("g", A, "NTRK1"), ("h", B, "NTC"), ("i", C, ""), ("j", D, "negative_control"))

    assert list(found.of_gene) == ["NTRK1"]
    assert [row.id for row in found.controls] == ["h", "i", "j"]


# ---------------------------------------------------------------------- which guides
def test_genes_are_found_under_other_names():
    order = select_guides(["AARS1"], library(("g1", A, "AARS"), ("g2", B, "MED1")))

    assert spacers(order, "AARS1") == [A]
    assert any("AARS1 is called AARS here" in note for note in order.notes)


def test_a_spacer_of_two_chosen_genes_is_of_neither():
    shared = library(("g1", A, "MED1"), ("g2", A, "MED4"), ("g3", B, "MED4"))

    with pytest.raises(DataError, match=r"line 2 and line 3: the spacer .* MED1 and MED4"):
        select_guides(["MED1", "MED4"], shared)
    order = select_guides(["MED1", "MED4"], shared, mend=True)
    assert spacers(order, "MED4") == [B]
    assert order.without_guides == ("MED1",)
    assert spacers(select_guides(["MED4"], shared), "MED4") == [A, B]  # MED1 was not chosen


def test_at_most_so_many_guides_of_a_gene():
    rows = library(("g1", A, "MED1"), ("g 2", B, "MED1"), ("g3", C, "MED1"))

    order = select_guides(["MED1"], rows, guides_per_gene=1)  # the bad name is not ordered

    assert spacers(order, "MED1") == [A]


def test_unknown_ensembl_ids_matter_for_cell_ranger_only():
    rows = library(("g1", A, "MED1"))

    assert select_guides({"MED1": ""}, rows).problems == ()
    with pytest.raises(DataError, match="the Ensembl id of MED1 is not known"):
        select_guides({"MED1": ""}, rows, needs_ids=True)
    order = select_guides({"MED1": ""}, rows, needs_ids=True, mend=True)
    [row] = parsed(cellranger(order.guides, ReadLayout()))
    assert (row["target_gene_id"], row["target_gene_name"]) == ("None", "None")


# ---------------------------------------------------------------------- controls
def many(n_guides: int, n_controls: int) -> GuideLibrary:
    letters = "ACGT"

    def spacer(number: int) -> str:
        return "".join(letters[number // 4**place % 4] for place in range(20))

    return library(
        *((f"g{number}", spacer(number), "MED1") for number in range(n_guides)),
        *((f"nt{number}", spacer(1000 + number), "non-targeting") for number in range(n_controls)),
    )


@given(n_guides=st.integers(1, 60), percent=st.integers(1, 60))
@settings(deadline=None)
def test_a_share_of_controls_is_met_with_the_fewest(n_guides, percent):
    order = select_guides(["MED1"], many(n_guides, 100), controls=percent / 100)

    n = order.n_controls
    share = Fraction(percent, 100)
    assert Fraction(n, n + n_guides) >= share
    assert Fraction(n - 1, n - 1 + n_guides) < share


@pytest.mark.parametrize(
    ("n_guides", "there", "asked", "n"),
    [(30, 50, None, 10), (400, 50, None, 22), (30, 4, None, 4), (30, 50, 7, 7), (30, 50, 0, 0)],
)
def test_number_of_controls(n_guides, there, asked, n):
    order = select_guides(["MED1"], many(n_guides, there), controls=asked)

    assert order.n_controls == n
    assert [guide.id for guide in order.guides[n_guides:]] == [f"nt{number}" for number in range(n)]


def test_more_controls_than_there_are_is_an_error():
    with pytest.raises(DataError, match="5 control guides were asked for, the library has 4"):
        select_guides(["MED1"], many(3, 4), controls=5)


@pytest.mark.parametrize("asked", [-1, -0.5, 2.5, float("nan"), float("inf")])
def test_what_is_no_number_of_controls(asked):
    with pytest.raises(UsageError, match="a whole number, or"):
        select_guides(["MED1"], many(3, 4), controls=asked)


def test_no_controls_at_all_is_said():
    assert any("no control guide" in note for note in select_guides(["MED1"], many(3, 0)).notes)


def test_a_control_that_hits_a_gene_is_none():
    rows = library(
        ("g1", A, "MED1"), ("g2", C, "MED4"), ("nt1", A, "NT"), ("nt2", C, "NT"), ("nt3", B, "NT")
    )

    order = select_guides(["MED1"], rows, controls=1)

    assert [guide.id for guide in order.guides] == ["g1", "nt3"]


# ---------------------------------------------------------------------- formats
def test_as_the_sequencer_reads_it():
    order = select_guides(
        {"MED1": "ENSG00000125686"}, library(("g1", "AACCGGTTACGTACGTACGA", "MED1"))
    )

    [forward] = parsed(cellranger(order.guides, ReadLayout()))
    [reverse] = parsed(cellranger(order.guides, ReadLayout("reverse", "R1")))
    [own] = parsed(cellranger(order.guides, ReadLayout(pattern="5P(BC)")))

    assert (forward["pattern"], forward["read"]) == ("(BC)GTTTAAGAGCTAAGCTGGAA", "R2")
    assert forward["sequence"] == "AACCGGTTACGTACGTACGA"
    assert (reverse["pattern"], reverse["read"]) == ("TTCCAGCTTAGCTCTTAAAC(BC)", "R1")
    assert reverse["sequence"] == "TCGTACGTACGTAACCGGTT"
    assert own["pattern"] == "5P(BC)"


@pytest.mark.parametrize("pattern", ["GTTTAAGAGC", "(bc)GTTT", "(BC)GTTT(BC)"])
def test_a_pattern_says_once_where_the_spacer_stands(pattern):
    with pytest.raises(UsageError, match=r"does not hold \(BC\) once"):
        ReadLayout(pattern=pattern)


def test_names_of_the_reference(write):
    reference = read_transcriptome(
        write("ENSG1\tAARS1\tGene Expression\nENSG2\tX\tGene Expression\nENSG3\tX\tG\n", "f.tsv")
    )
    assert reference.find("AARS", "ENSG1") == "ENSG1"
    assert reference.find("AARS1", "ENSG9") == "ENSG1"
    assert reference.find("X", "") == ""  # two genes have that name
    order = select_guides({"AARS": "ENSG1"}, library(("g1", A, "AARS")))

    [row] = parsed(cellranger(order.guides, ReadLayout(), reference.name_of))

    assert (row["target_gene_id"], row["target_gene_name"]) == ("ENSG1", "AARS1")


def test_what_is_no_reference(write):
    with pytest.raises(DataError, match=r"f\.tsv, line 1: 'gene"):
        read_transcriptome(write("gene\tname\nx\ty\n", "f.tsv"))


def test_mageck_takes_three_columns_without_a_header():
    order = select_guides(["MED1"], library(("g1", A, "MED1"), ("nt", B, "NT")))

    assert mageck(order.guides) == f"g1\t{A}\tMED1\nnt\t{B}\tNon-Targeting\n"
    assert mageck(order.guides, ",").startswith(f"g1,{A},MED1\n")


def test_table_for_people():
    order = select_guides({"MED1": "E"}, library(("g1", A, "MED1")))

    assert parsed(plain(order.guides)) == [
        {"id": "g1", "sequence": A, "gene": "MED1", "ensembl_id": "E"}
    ]


# ---------------------------------------------------------------------- any library
names = st.text(st.sampled_from("ab_-1 /,'\"β\t"), max_size=4) | st.sampled_from(
    ["g1", "g1_2", "ENSG00000128272", "Non-Targeting"]
)
sequences = st.sampled_from([A, B, C, D, A.lower(), A[:18], "ACGTN" * 4, "", "acgu"])
rows = st.lists(
    st.tuples(names, sequences, st.sampled_from(["MED1", "MED4", "CD99_X", "CD99_Y", "NT"])),
    min_size=1,
    max_size=12,
)


@given(rows=rows)
@settings(deadline=None)
def test_any_mended_order_obeys_the_rules_and_loses_nothing(rows):
    genes = {"MED1": "ENSG00000125686", "CD99": "ENSG00000002586", "MED4": ""}

    order = select_guides(genes, library(*rows), mend=True, needs_ids=True)

    assert_obeys_the_rules(parsed(cellranger(order.guides, ReadLayout())))
    for gene in genes:
        assert (gene in order.without_guides) == (not spacers(order, gene))
    usable = {}
    for _, sequence, gene in rows:
        if re.fullmatch("[ACGTacgt]+", sequence):
            owner = "CD99" if gene.startswith("CD99") else gene
            usable.setdefault(sequence.upper(), set()).add(owner)
    for spacer, owners in usable.items():
        targets = owners - {"NT"}
        holders = [guide.gene for guide in order.guides if guide.sequence == spacer]
        if len(targets) == 1:
            assert holders == list(targets)
        elif targets:
            assert holders == []  # it stands for two chosen genes
    assert all(guide.sequence in usable for guide in order.guides)


@given(rows=rows)
@settings(deadline=None)
def test_an_order_without_problems_is_the_library_as_it_stands(rows):
    order = select_guides(["MED1", "MED4"], library(*rows), mend=True)
    if order.problems:
        with pytest.raises(DataError, match=f"{len(order.problems)} problems"):
            select_guides(["MED1", "MED4"], library(*rows))
        return

    known = {(name, sequence.upper()) for name, sequence, _ in rows}
    assert all((guide.id, guide.sequence) in known for guide in order.guides)
    assert select_guides(["MED1", "MED4"], library(*rows)) == order
