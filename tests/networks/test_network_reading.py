"""Plain edge lists, and what every format goes through: scores, species, symbols."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechpert_al.errors import DataError, MechPertError, UsageError
from mechpert_al.networks import PriorNetwork, read_network
from mechpert_al.symbols import SymbolTable

CASES = Path(__file__).parents[1] / "cases"


TABLE = SymbolTable(
    dict.fromkeys(["NEW", "ELSE", "OTHER", "FAR"], ""),
    {"OLD": ["NEW"], "OLDER": ["NEW"], "TORN": ["ELSE", "OTHER"]},
    {"NICK": ["NEW"], "PET": ["FAR", "ELSE"]},
)


PATIENT = settings().suppress_health_check


def written(folder: Path, content: str | bytes, name: str = "network.txt") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pairs(network: PriorNetwork) -> dict[str, float]:
    return {f"{first}|{second}": weight for first, second, weight in network.edges()}


@pytest.mark.parametrize(
    "content",
    [
        "source\ttarget\nTP53\tMDM2\nATM\tTP53\n",
        "target,source\r\nTP53,MDM2\r\nATM,TP53\r\n",
        '\ufeff"Source";"Target";"Resource"\n"TP53";"MDM2";"a;b"\n"ATM";"TP53";"c"\n',
        "gene1 gene2\nTP53 MDM2\nATM TP53\n",
        "Gene A\tGene B\tpmid\nTP53\tMDM2\t1\nATM\tTP53\t2\n",
        "#node_1\tnode_2\nTP53\tMDM2\nATM\tTP53\n",
        "tf,gene\nTP53,MDM2\nATM,TP53\n",
        "# made by hand\nfrom\tto\nTP53\tMDM2\n\nATM\tTP53\n",
        "TP53\tMDM2\nATM\tTP53\n",
        "TP53 , MDM2\nATM , TP53\n",
        "TP53   MDM2\nATM TP53",
        gzip.compress(b"source,target\nTP53,MDM2\nATM,TP53\n", mtime=0),
        "source\ttarget\nTP53\tMDM2\nATM\tTP53\n".encode("utf-16"),
    ],
)
def test_edge_lists_of_many_dialects(tmp_path, content):
    network = read_network(written(tmp_path, content))
    assert pairs(network) == {"ATM|TP53": 1, "MDM2|TP53": 1}
    assert network.genes == ("ATM", "MDM2", "TP53")
    assert network.reading.recognised == "an edge list"


@pytest.mark.parametrize("first", ["GENE1,GENE2", "P1,P2", "ID1,ID2", "AXIN1,AXIN2"])
def test_a_first_link_is_not_taken_for_a_header(tmp_path, first):
    one, other = first.split(",")
    network = read_network(written(tmp_path, f"{first}\n{other},XYZ\n"))
    assert set(pairs(network)) == {f"{one}|{other}", f"{other}|XYZ"}


@pytest.mark.parametrize(
    ("content", "weights", "note"),
    [
        ("source,target,weight\nA1BG,TP53,0.5\nATM,TP53,1\n", (0.5, 1), "weights = weight / 1"),
        ("A1BG TP53 0.5\nATM TP53 1\n", (0.5, 1), "weights = weight / 1"),
        ("source,target,score\nA1BG,TP53,500\nATM,TP53,900\n", (0.5, 0.9), "score / 1000"),
        ("source,target,weight\nA1BG,TP53,-0.5\nATM,TP53,1\n", (0.5, 1), "signs left out"),
        ("source;target;weight\nA1BG;TP53;0,5\nATM;TP53;1,0\n", (0.5, 1), "weights = weight / 1"),
    ],
)
def test_weights(tmp_path, content, weights, note):
    network = read_network(written(tmp_path, content))
    assert pairs(network) == {"A1BG|TP53": weights[0], "ATM|TP53": weights[1]}
    assert any(note in one for one in network.reading.notes)


def test_a_scale_that_cannot_be_told_is_asked_about(tmp_path):
    path = written(tmp_path, "source,target,weight\nA1BG,TP53,3\nATM,TP53,20\n")
    with pytest.raises(DataError, match="values go up to 20"):
        read_network(path)
    assert pairs(read_network(path, scale=20)) == {"A1BG|TP53": 0.15, "ATM|TP53": 1}
    with pytest.raises(DataError, match="a full score was said to be 10"):
        read_network(path, scale=10)


def test_links_of_weight_zero_and_below_the_minimum_are_counted(tmp_path):
    path = written(tmp_path, "source,target,weight\nA1BG,TP53,0\nATM,TP53,0.3\nATM,MDM2,0.7\n")
    network = read_network(path, min_score=0.5)
    assert pairs(network) == {"ATM|MDM2": 0.7}
    assert network.dropped["zero_weight_lines"] == 1
    assert network.dropped["low_score_lines"] == 1
    assert network.dropped["genes_without_link"] == 2
    with pytest.raises(DataError, match="no link is left"):
        read_network(path, min_score=0.9)


def test_a_minimum_needs_scores_and_a_range(tmp_path):
    path = written(tmp_path, "A1BG,TP53\nATM,TP53\n")
    with pytest.raises(DataError, match="the links have no score"):
        read_network(path, min_score=0.5)
    weighted = written(tmp_path, "A1BG,TP53,0.5\n")
    for least in (-1, 1001):
        with pytest.raises(UsageError, match="the minimum score is"):
            read_network(weighted, min_score=least)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("source,target\n1,A,B\n2,A,C\n", "not a table of 2 columns"),  # row names of R
        ("name\nA\n", "not recognised as a network"),
        ("gene_1,gene_2,id_1,id_2\nA,B,1,2\n", "not recognised as a network"),
    ],
)
def test_what_looks_like_an_edge_list_is_refused(tmp_path, content, said):
    path = written(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_network(path)
    assert said in str(caught.value)
    assert path.name in str(caught.value)


HEADERS = st.sampled_from(
    [
        "",
        "source,target,weight\n",
        "protein1 protein2 combined_score\n",
        "source,target,weight,resources,references\n",
        "Gene1\tGene2\tAnnotation\tDirection\tScore\n",
        "HuMAP3_ID,ComplexConfidence,Uniprot_ACCs,genenames\n",
        "ENTITYA\tTYPEA\tENTITYB\tTYPEB\tSCORE\n",
        "#Official Symbol Interactor A\tOfficial Symbol Interactor B\tOrganism ID Interactor A\t"
        "Organism ID Interactor B\n",
        "source\ttarget\tsource_genesymbol\ttarget_genesymbol\tis_directed\tis_stimulation\n",
        "<graphml>",
    ]
)
PIECES = st.sampled_from(
    ["TP53", "MDM2", "A", "P1 P2", "é", "0.5", "700", "-1", "nan", "1e400", "9606", "protein"]
) | st.sampled_from(
    ["1-Mar", '"', "#", "</graphml>", "\0", "\t", "\t", ",", ",", ";", " ", "\n", "\n", "\r\n"]
)


@given(HEADERS, st.lists(PIECES, max_size=30), st.sampled_from(["network.txt", "network.sif"]))
@settings(max_examples=200, suppress_health_check=[*PATIENT, HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused_with_its_name(tmp_path, header, pieces, name):
    path = written(tmp_path, header + "".join(pieces), name)
    refusal = ""
    try:
        assert read_network(path, symbols=TABLE).n_edges > 0
    except MechPertError as error:
        refusal = str(error)
    assert not refusal or name in refusal


@pytest.mark.parametrize(
    "name",
    ["string", "biogrid", "omnipath", "signor", "collectri", "humap", "reactome", "graphml"],
)
def test_a_format_that_does_not_fit_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"network\.txt, line 1: not "):
        read_network(written(tmp_path, "A,B\nB,C\n"), format=name)


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no network format 'excel'"):
        read_network(written(tmp_path, "A,B\n"), format="excel")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("Trp53 Mdm2 Atm Chek1", "gene symbols of the mouse or rat"),
        ("tp53 mdm2 atm chek1", "in small letters"),
        ("ENSMUSG00000059552 ENSMUSG00000020184 Atm Chek1 ENSMUSG00000034218", "of the mouse"),
        ("10090.ENSMUSP1 10090.ENSMUSP2 10090.ENSMUSP3 10090.ENSMUSP4", "another species"),
        ("9606.ENSP00000269305 9606.ENSP00000258149", "STRING protein ids"),
        ("ENSG00000141510 ENSG00000135679 ENSG00000149311 ENSG00000149554", "Ensembl ids"),
        ("P04637 Q00987 Q13315 O14757", "UniProt accessions"),
        ("7157 4193 472 1111", "NCBI (Entrez) gene ids"),
    ],
)
def test_names_that_are_no_human_symbols_are_recognised(tmp_path, names, said):
    one, *others = names.split()
    content = "source,target\n" + "".join(f"{one},{other}\n" for other in others)
    with pytest.raises(DataError) as caught:
        read_network(written(tmp_path, content))
    assert said in str(caught.value)
    assert one in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "names", ["C1orf43 C11orf58 C9orf72", "Hub Gene1 Gene2 Gene3", "a b c", "v01 v02 v03"]
)
def test_human_and_invented_names_with_small_letters_are_fine(tmp_path, names):
    one, *others = names.split()
    content = "source,target\n" + "".join(f"{one},{other}\n" for other in others)
    assert set(read_network(written(tmp_path, content)).genes) == {one, *others}


def test_case_regulon():
    case = CASES / "rename-collision"
    checks = json.loads((case / "expected.json").read_text())["checks"]
    (check,) = [one for one in checks if one["id"] == "regulon"]
    network = read_network(case / "regulon.tsv")
    expected = check["values"]
    assert network.n_edges == expected["edges"]
    for gene, neighbours in expected["neighbours"].items():
        assert sorted(network.neighbours(gene)) == neighbours
    degree = dict(zip(network.genes, network.degree, strict=True))
    assert {gene: degree[gene] for gene in expected["degree"]} == expected["degree"]
    assert network.info()["not_matched"] == expected["not_matched"]
    (left_out,) = network.reading.not_matched
    assert (left_out.name, left_out.line) == ("STRA13", 6)
    for wanted in check["must_mention"]:
        assert wanted in left_out.name + left_out.why
    assert network.reading.renamed[0] == network.reading.renamed[-1]
    assert network.info()["renamed"] == {"BHLHB2": "BHLHE40"}


@pytest.mark.parametrize(
    ("content", "expected", "left_out"),
    [
        ("OLD,X\nY,X", {"OLD|X", "X|Y"}, []),  # alone, a name stays as it is
        ("OLD,X\nNEW,Y", {"NEW|X", "NEW|Y"}, []),
        ("OLD,X\nOLDER,Y", {"NEW|X", "NEW|Y"}, []),  # two former names of one gene
        ("NICK,X\nNEW,Y", {"NEW|X", "NEW|Y"}, []),
        ("NICK,X\nY,X", {"NICK|X", "X|Y"}, []),
        ("OLD,NEW\nNEW,Y", {"NEW|Y"}, []),  # becomes a link to itself
        ("TORN,X\nY,X", {"TORN|X", "X|Y"}, []),  # neither reading is in the file
        ("TORN,X\nELSE,Y", {"TORN|X", "ELSE|Y"}, []),  # the other reading is left: OTHER
        ("TORN,X\nELSE,OTHER\nX,Y", {"ELSE|OTHER", "X|Y"}, ["TORN"]),
        ("PET,X\nELSE,Y", {"ELSE|Y"}, ["PET"]),
        ("9-Sep,X\nY,X", {"X|Y"}, ["9-Sep"]),
    ],
)
def test_one_gene_one_node(tmp_path, content, expected, left_out):
    network = read_network(written(tmp_path, f"source,target\n{content}\n"), symbols=TABLE)
    assert set(pairs(network)) == expected
    assert network.info()["not_matched"] == left_out
    assert network.dropped.get("not_matched_lines", 0) == len(left_out)


def test_the_reading_is_told(tmp_path):
    path = written(
        tmp_path, "source,target,resource,year\nTP53,MDM2,STRING,1999\nMDM2,TP53,,2000\n"
    )
    info = read_network(path).info()
    assert info["file"] == str(path)
    assert info["because"] == "columns source and target"
    assert (info["n_lines"], info["n_names"], info["n_pairs"]) == (2, 2, 1)
    assert info["sources"] == {"STRING": 1}
    assert info["notes"] == ["columns not used: year"]
    json.dumps(info)
