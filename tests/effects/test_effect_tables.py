"""Delimited text: dialects, wide and long tables, and what each tool of the field writes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.effects import convert
from mechpert_al.effects.tables.delimited import DelimitedFile
from mechpert_al.effects.tables.forms import long_columns
from mechpert_al.effects.tables.numbers import NumberReader, is_number, read_numbers
from mechpert_al.errors import DataError

Write = Callable[..., Path]

PLAIN = [["perturbation", "DDIT3", "ASNS"], ["MED1", "-1.25", "1024.5"], ["UBL5", "0.75", ""]]
VALUES = np.array([[-1.25, 1024.5], [0.75, np.nan]], dtype=np.float32)


def text(rows: list[list[str]], delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in rows)


# ---------------------------------------------------------------------- dialects
GERMAN = [
    ["perturbation", "DDIT3", "ASNS"],
    ["MED1", "-1,25", "1.024,5"],
    ["UBL5", "0,75", ""],
]
R_NAMES = [["DDIT3", "ASNS"], ["MED1", "-1.25", "1024.5"], ["UBL5", "0.75", "NA"]]
R_NUMBERS = [
    ["perturbation", "DDIT3", "ASNS"],
    ["1", "MED1", "-1.25", "1024.5"],
    ["2", "UBL5", "0.75", "NA"],
]
QUOTED = [
    ['"perturbation"', '"DDIT3"', '"ASNS"'],
    ['"MED1"', '"-1.25"', '"1,024.5"'],
    ['"UBL5"', "0.75", "NA"],
]
PANDAS = [["", "perturbation", "DDIT3", "ASNS"], ["0", *PLAIN[1]], ["1", *PLAIN[2]]]
PADDED = [["perturbation ", " DDIT3", "ASNS"], [" MED1", " -1.25 ", "1024.5"], PLAIN[2]]
NA_TEXTS = [PLAIN[0], PLAIN[1], ["UBL5", "0.75", "#N/A"]]


@pytest.mark.parametrize(
    "content",
    [
        text(PLAIN),
        text(PLAIN, "\t"),
        text(PLAIN, ";"),
        text(PLAIN, end="\r\n"),
        text(PLAIN, end="\r"),
        text(PLAIN).rstrip("\n"),
        "\n" + text(PLAIN, end="\n\n"),
        text(PLAIN) + ",,\n,,\n",
        text(PLAIN, end=",\n"),
        "## made by somebody\n# on a day\n" + text(PLAIN),
        "\ufeff" + text(PLAIN),
        text(PLAIN).encode("utf-16"),
        gzip.compress(text(PLAIN).encode(), mtime=0),
        "\ufeff" + text(GERMAN, ";", "\r\n"),
        text(GERMAN, "\t"),
        "sep=;\n" + text(GERMAN, ";"),
        text(R_NAMES, "\t"),
        text(R_NAMES, " "),
        text(R_NUMBERS, "\t"),
        text(QUOTED),
        text(PANDAS),
        text(PADDED),
        text(NA_TEXTS),
        text([row[:1] + row[:0:-1] for row in PLAIN]),
    ],
    ids=range(24),
)
def test_dialects(write_text: Write, content: str | bytes) -> None:
    table, _ = convert(write_text(content))
    assert table.perturbations == ("MED1", "UBL5")
    columns = [table.readouts.index(name) for name in ("DDIT3", "ASNS")]
    np.testing.assert_array_equal(table.values[:, columns], VALUES)


def test_lines_are_counted_as_in_an_editor(write_text: Write) -> None:
    content = '\nperturbation,"a\nb",c\n\nMED1,1,2\n"UB\nL5",3,4\nATF4,5,6\n'
    file = DelimitedFile.open(write_text(content))
    assert file.header_line == 2
    assert [record.line for record in file.records()] == [5, 6, 8]


@pytest.mark.parametrize("mark", [".", ","])
@given(
    numbers=st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 4)), min_size=1, max_size=8),
    has_thousands=st.booleans(),
)
def test_numbers_survive_their_notation(
    mark: str, numbers: list[float], has_thousands: bool
) -> None:
    texts = [f"{number:,.4f}" if has_thousands else f"{number:.4f}" for number in numbers]
    if mark == ",":
        texts = [one.translate(str.maketrans(".,", ",.")) for one in texts]

    def parse(reader: NumberReader) -> np.ndarray:
        return reader.column(texts, range(2, 2 + len(texts)), "x")

    values, reader = read_numbers(parse, "file", is_comma_likely=mark == ",")
    assert reader.decimal == mark
    assert values.tolist() == [pytest.approx(float(f"{number:.4f}")) for number in numbers]


@pytest.mark.parametrize(
    ("one", "is_point", "is_comma"),
    [
        ("1.125", True, True), ("0.75", True, False), ("1.024,5", False, True),
        ("1,024.5", True, False), ("0,250", False, True), ("1e-5", True, True),
        ("1,5E-08", False, True), (".5", True, False), ("5.", True, False), ("1_0", False, False),
        ("12,34,567", False, False), ("0x10", False, False), ("1 000", False, False),
        ("\N{MINUS SIGN}2.5", True, False), ("", False, False), ("+3", True, True),
    ],
)  # fmt: skip
def test_what_a_number_is(one: str, is_point: bool, is_comma: bool) -> None:
    assert is_number(one, ".") == is_point
    assert is_number(one, ",") == is_comma


def test_python_spellings_are_no_numbers(write_text: Write) -> None:
    with pytest.raises(DataError, match="line 2, column 'DDIT3': '1_000'"):
        convert(write_text("perturbation,DDIT3\nMED1,1_000\n"))


def test_a_point_that_may_be_thousands_is_a_question(write_text: Write) -> None:
    rows = [["perturbation", "DDIT3"], ["MED1", "-1,25"], ["UBL5", "1.125"]]
    with pytest.raises(DataError, match=r"line 3, column 'DDIT3': '1\.125'.*decimal comma"):
        convert(write_text(text(rows, ";")))


def test_thousands_that_the_column_explains(write_text: Write) -> None:
    rows = [["perturbation", "DDIT3"], ["MED1", "1.024,5"], ["UBL5", "1.125"]]
    assert convert(write_text(text(rows, ";")))[0].values.tolist() == [[1024.5], [1125]]


def test_semicolons_mean_decimal_commas(write_text: Write) -> None:
    rows = [["perturbation", "DDIT3"], ["MED1", "1,125"], ["UBL5", "2,250"]]
    assert convert(write_text(text(rows, ";")))[0].values.tolist() == [[1.125], [2.25]]
    with pytest.raises(DataError, match="may have a decimal point or a decimal comma"):
        convert(write_text(text(rows, "\t")))


# ---------------------------------------------------------------------- wide tables
def test_cells_of_a_wide_table(write_text: Write) -> None:
    table, report = convert(write_text("gene,DDIT3,n_cells\nMED1,1,12\nUBL5,2,5\n"))
    assert table.readouts == ("DDIT3",)
    assert table.n_cells is not None
    assert table.n_cells.tolist() == [12, 5]
    assert report.few_cells == {"UBL5": 5}


def test_rows_of_too_few_cells_are_not_measured(write_text: Write) -> None:
    path = write_text("gene,A,B,n_cells\nMED1,1,-1,2\nUBL5,2,0,12\nRRM2,1,1,0\n")
    for least, few in ((3, {"MED1": 2, "RRM2": 0}), (1, {"RRM2": 0})):
        table, report = convert(path, min_cells=least)
        assert report.too_few_cells == few
        assert set(table.perturbations) == {"MED1", "UBL5", "RRM2"} - set(few)
        assert table.values[table.row_of["UBL5"]].tolist() == [2, 0]
    with pytest.raises(DataError, match="no perturbation has 20 cells"):
        convert(path, min_cells=20)


@pytest.mark.parametrize("cells", ["-4", "inf", "-inf"])
def test_impossible_numbers_of_cells_are_refused(write_text: Write, cells: str) -> None:
    path = write_text(f"gene,DDIT3,n_cells\nMED1,1,12\nMED1,-3,{cells}\nUBL5,2,\n")
    with pytest.raises(DataError) as caught:
        convert(path, duplicated_rows="mean")
    assert f"{path}: line 3: n_cells is {cells}, expected 0 or more" in caught.value.message
    path = write_text("gene,DDIT3,n_cells\nMED1,1,12\nMED1,-3,\n")
    assert convert(path, duplicated_rows="mean")[0].values.tolist() == [[-1]]


def test_repeated_rows_are_pooled_by_cells(write_text: Write) -> None:
    path = write_text("gene,DDIT3,ASNS,n_cells\nMED1,1,5,30\nMED1 ,4,,10\nUBL5,2,2,5\n")
    table, _ = convert(path, duplicated_rows="mean")
    np.testing.assert_allclose(table.values, [[1.75, 5], [2, 2]])
    assert table.n_cells is not None
    assert table.n_cells.tolist() == [40, 5]


def test_control_rows_are_left_out_and_said(write_text: Write) -> None:
    table, report = convert(write_text("gene,DDIT3\nctrl,0\nMED1,-1\nCTRL,2\n"))
    assert table.perturbations == ("MED1", "CTRL")
    assert "'ctrl' (control)" in "\n".join(report.lines())


def test_own_readout_of_a_table(write_text: Write) -> None:
    path = write_text("gene,ATF4,DDIT3\nATF4,-3,1\nMED1,0.5,2\n")
    table, report = convert(path)
    assert np.isnan(table.values[0, 0])
    assert table.n_not_measured == 1
    assert report.knock_downs["ATF4"].effect == -3
    assert convert(path, keep_own_readout=True)[0].is_complete


def test_former_names_are_kept_and_said(write_text: Write) -> None:
    table, report = convert(write_text("gene,DDIT3\nAARS,1\nQARS,2\nEPRS1,3\n"))
    assert table.perturbations == ("AARS", "QARS", "EPRS1")
    assert report.outdated == {"AARS": "AARS1", "QARS": "QARS1"}


def test_names_in_other_letters_are_said(write_text: Write) -> None:
    _, report = convert(write_text("gene,A\nAtf4,1\nMED1,-1\n"))
    assert report.unknown == {"Atf4": "line 2, may be ATF4"}


def test_readouts_changed_by_a_spreadsheet_are_said(write_text: Write) -> None:
    _, wide = convert(write_text("gene,A,9-Sep\nMED1,1,-1\n"))
    assert any("(1): '9-Sep' (line 1)" in note for note in wide.notes)
    _, long = convert(write_text("perturbation,gene,lfc\nMED1,A,1\nMED1,9-Sep,2\n"))
    assert any("(1): '9-Sep' (line 3)" in note for note in long.notes)


# ---------------------------------------------------------------------- long tables
TOOLS = {
    "scanpy": (
        "group,names,scores,logfoldchanges,pvals,pvals_adj\n"
        "MED1,DDIT3,1,-1.5,0.1,0.2\nMED1,ASNS,1,2.5,0.1,0.2\n",
        {},
    ),
    "scanpy, one group": (
        "names,scores,logfoldchanges,pvals,pvals_adj\nDDIT3,1,-1.5,0.1,0.2\nASNS,1,2.5,0.1,0.9\n",
        {"perturbation_name": "MED1"},
    ),
    "DESeq2": (
        '"","baseMean","log2FoldChange","lfcSE","stat","pvalue","padj"\n'
        '"DDIT3",10,-1.5,0.25,-6,1e-5,1e-4\n"ASNS",20,2.5,0.5,5,1e-5,NA\n',
        {"perturbation_name": "MED1"},
    ),
    "DESeq2, R row names": (
        "baseMean\tlog2FoldChange\tlfcSE\tstat\tpvalue\tpadj\n"
        "DDIT3\t10\t-1.5\t0.25\t-6\t1e-5\t1e-4\nASNS\t20\t2.5\t0.5\t5\t1e-5\tNA\n",
        {"perturbation_name": "MED1"},
    ),
    "edgeR": (
        "logFC\tlogCPM\tF\tPValue\tFDR\nDDIT3\t-1.5\t3\t9\t0.1\t0.2\nASNS\t2.5\t3\t9\t0.1\t0.2\n",
        {"perturbation_name": "MED1"},
    ),
    "limma": (
        ",logFC,AveExpr,t,P.Value,adj.P.Val,B\nDDIT3,-1.5,3,9,0.1,0.2,1\nASNS,2.5,3,9,0.1,0.2,1\n",
        {"perturbation_name": "MED1"},
    ),
    "MAST": (
        '"primerid","component","contrast","Pr(>Chisq)","ci.hi","ci.lo","coef"\n'
        '"DDIT3","C","MED1",0.1,1,2,7\n"DDIT3","logFC","MED1",NA,1,2,-1.5\n'
        '"DDIT3","H","MED1",0.1,NA,NA,NA\n"ASNS","logFC","MED1",NA,1,2,2.5\n',
        {},
    ),
    "SCEPTRE": (
        "response_id,grna_target,n_nonzero_trt,n_nonzero_cntrl,pass_qc,p_value,"
        "fold_change,se_fold_change,log_2_fold_change,significant\n"
        "DDIT3,MED1,9,9,TRUE,0.1,0.3,0.1,-1.5,TRUE\nASNS,MED1,9,9,TRUE,0.1,5,0.1,2.5,TRUE\n",
        {},
    ),
    "Seurat": (
        '"","p_val","avg_log2FC","pct.1","pct.2","p_val_adj"\n'
        '"DDIT3",0.1,-1.5,0.5,0.4,1\n"ASNS",0.1,2.5,0.5,0.4,1\n',
        {"perturbation_name": "MED1"},
    ),
    "Seurat, all markers": (
        '"","p_val","avg_log2FC","pct.1","pct.2","p_val_adj","cluster","gene"\n'
        '"DDIT3.1",0.1,-1.5,0.5,0.4,1,"MED1","DDIT3"\n"ASNS",0.1,2.5,0.5,0.4,1,"MED1","ASNS"\n',
        {},
    ),
    "Seurat before version 4": (
        "p_val\tavg_logFC\tpct.1\tpct.2\tp_val_adj\n"
        "DDIT3\t0.1\t-1.5\t0.5\t0.4\t1\nASNS\t0.1\t2.5\t0.5\t0.4\t1\n",
        {"perturbation_name": "MED1"},
    ),
    "pertpy": (
        ",variable,p_value,adj_p_value,log_fc,comparison\n"
        "0,DDIT3,0.1,0.2,-1.5,MED1_vs_control\n1,ASNS,0.1,0.2,2.5,MED1_vs_control\n",
        {},
    ),
    "pdex": (
        "target,feature,target_mean,ref_mean,fold_change,log2_fold_change,p_value,fdr\n"
        "MED1,DDIT3,1,2,9,-1.5,0.1,0.2\nMED1,ASNS,1,2,9,2.5,0.1,0.2\n",
        {},
    ),
    "cell-eval": (
        "target,feature,fold_change,percent_change,p_value,fdr\n"
        "MED1,DDIT3,-1.5,9,0.1,0.2\nMED1,ASNS,2.5,9,0.1,0.2\n",
        {},
    ),
    "plain": ("perturbation,gene,log2fc\nMED1,DDIT3,-1.5\nMED1,ASNS,2.5\n", {}),
    "named column": (
        "who,gene,readout,effect\nMED1,x,DDIT3,-1.5\nMED1,x,ASNS,2.5\n",
        {"perturbation": "who"},
    ),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_tools(write_text: Write, tool: str) -> None:
    content, options = TOOLS[tool]
    if tool == "named column":
        content = content.replace(",gene,", ",note,")
    table, report = convert(write_text(content, "table.txt"), **options)
    assert table.perturbations == ("MED1",)
    assert table.readouts == ("DDIT3", "ASNS")
    np.testing.assert_array_equal(table.values, np.float32([[-1.5, 2.5]]))
    said = "\n".join(report.lines())
    if tool not in {"plain", "named column"}:
        assert tool.split(",")[0] in said
        assert tool.split(",")[0] in table.info["normalisation"]
    if tool.startswith("DESeq2"):
        assert table.standard_error is not None
        assert table.standard_error.tolist() == [[0.25, 0.5]]
    if tool == "pertpy":
        assert table.info["control"] == ["control"]


@pytest.mark.parametrize("tool", ["scanpy, one group", "DESeq2", "edgeR", "Seurat"])
def test_a_table_without_perturbation_asks_for_its_name(write_text: Write, tool: str) -> None:
    path = write_text(TOOLS[tool][0], "MED1.deg.csv")
    with pytest.raises(DataError, match=r"MED1\.deg\.csv.*no column names") as caught:
        convert(path)
    assert "--perturbation-name MED1" in caught.value.hint


def test_names_of_columns_in_r_and_python() -> None:
    columns = long_columns(["primerid", "component", "contrast", "Pr..Chisq.", "coef"])
    assert columns is not None
    assert columns.form.tool == "MAST"
    assert long_columns(["perturbation", "DDIT3", "ASNS"]) is None


def test_absent_pairs(write_text: Write) -> None:
    path = write_text(
        "perturbation,gene,log2fc,padj\nMED1,DDIT3,-1,0.01\nUBL5,ASNS,2,0.04\nUBL5,DDIT3,NA,0.03\n"
    )
    table, report = convert(path)
    np.testing.assert_array_equal(table.values, np.float32([[-1, np.nan], [np.nan, 2]]))
    assert "only significant ones are (largest adjusted p 0.04)" in "\n".join(report.notes)
    zero, _ = convert(path, absent="zero")
    np.testing.assert_array_equal(zero.values, np.float32([[-1, 0], [np.nan, 2]]))


def test_p_values_need_not_be_numbers(write_text: Write) -> None:
    path = write_text("perturbation,gene,lfc,padj\nMED1,A,-1,<0.001\nMED1,B,2,0.04\n")
    assert convert(path)[0].values.tolist() == [[-1, 2]]
    mixed = write_text("perturbation;gene;lfc;padj\nMED1;A;-1,5;0.001\nMED1;B;2,5;0,04\n")
    with pytest.raises(DataError, match=r"line 2, column 'padj': '0\.001'"):
        convert(mixed)


def test_repeated_pairs(write_text: Write) -> None:
    path = write_text("perturbation,gene,lfc\nMED1,DDIT3,1\nUBL5,DDIT3,5\nMED1 ,DDIT3,2\n")
    with pytest.raises(DataError, match=r"on DDIT3 \(lines 2 and 4\)"):
        convert(path)
    table, report = convert(path, duplicated_rows="mean")
    assert table.values.tolist() == [[1.5], [5]]
    assert report.merged == {"MED1": ("MED1", "MED1 ")}


def test_infinite_effects(write_text: Write) -> None:
    long = write_text("perturbation,gene,lfc\nMED1,DDIT3,1\nMED1,ASNS,-inf\n")
    with pytest.raises(DataError, match="1 infinite effects, the first in line 3"):
        convert(long)
    table, report = convert(long, infinite="missing")
    assert table.n_not_measured == 1
    assert "Infinite effects taken as not measured: 1." in report.notes
    wide = write_text("gene,DDIT3,ASNS\nMED1,1,Inf\n", "wide.csv")
    with pytest.raises(DataError, match="first in line 2, column 'ASNS'"):
        convert(wide)
    assert convert(wide, infinite="missing")[0].n_not_measured == 1


def test_combinations_and_controls_of_a_long_table(write_text: Write) -> None:
    table, report = convert(
        write_text(
            "condition,gene,lfc\nMED1+ctrl,DDIT3,1\nctrl,DDIT3,0\nUBL5+MED1,DDIT3,3\n"
            "ctrl+UBL5,DDIT3,2\n"
        )
    )
    assert table.perturbations == ("MED1", "MED1+UBL5", "UBL5")
    assert table.values.ravel().tolist() == [1, 3, 2]
    assert report.combinations == ("MED1+UBL5",)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), is_german=st.booleans())
def test_long_and_wide_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, is_german: bool
) -> None:
    rng = np.random.default_rng(seed)
    names, readouts = ["MED1", "UBL5", "RRM2"], ["DDIT3", "ASNS", "XBP1", "NA"]
    values = rng.normal(size=(3, 4)).round(3)
    gaps = rng.random(values.shape) < 0.2
    gaps[:, 0] = False
    mark, delimiter = (",", ";") if is_german else (".", ",")
    texts = [
        [
            "NA" if gap else f"{value:.3f}".replace(".", mark)
            for value, gap in zip(*row, strict=True)
        ]
        for row in zip(values, gaps, strict=True)
    ]
    wide = [["perturbation", *readouts]]
    wide += [[name, *row] for name, row in zip(names, texts, strict=True)]
    long = [["perturbation", "gene", "log2fc"]]
    pairs = [(i, j) for i in range(3) for j in range(4)]
    long += [[names[i], readouts[j], texts[i][j]] for i, j in rng.permutation(pairs)]
    folder = tmp_path_factory.mktemp("tables")
    (folder / "wide.csv").write_text(text(wide, delimiter), encoding="utf-8")
    (folder / "long.csv").write_text(text(long, delimiter), encoding="utf-8")
    one, other = (convert(folder / f"{form}.csv")[0] for form in ("wide", "long"))
    assert one.content_hash == other.content_hash
    np.testing.assert_allclose(one.values, np.where(gaps, np.nan, values), rtol=1e-6)


def test_many_rows_are_read_in_chunks(write_text: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mechpert_al.effects.tables.pairs._CHUNK", 3)
    rows = [["perturbation", "gene", "lfc"]]
    rows += [[name, f"G{i}", str(i)] for name in ("MED1", "UBL5") for i in range(5)]
    table, _ = convert(write_text(text(rows)))
    np.testing.assert_array_equal(table.values, np.float32([range(5)] * 2))


@pytest.mark.parametrize(
    ("name", "start", "what"),
    [
        ("paper.pdf", b"%PDF-1.4\n%\xe2\xe3", "a PDF document"),
        ("figure.png", b"\x89PNG\r\n\x1a\n", "an image"),
        ("photo.jpg", b"\xff\xd8\xff\xe0aaaa", "an image"),
        ("saved.csv", b"\n<!DOCTYPE html><html>404</html>", "a web page"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1", "an old spreadsheet"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(
    write_text: Write, name: str, start: bytes, what: str
) -> None:
    with pytest.raises(DataError, match=f"{name}: {what}.*, expected a text table"):
        convert(write_text(start, name))
