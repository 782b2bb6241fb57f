"""Every public format, from small made-up files."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from mechpert_al.errors import DataError, UsageError
from mechpert_al.networks import PriorNetwork, read_network

CASES = Path(__file__).parents[1] / "cases"


def written(folder: Path, content: str | bytes, name: str = "network.tsv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def tabs(*rows: str) -> str:
    """Rows of a table; cells are separated by | here and by tabs in the file."""
    return "".join(row.replace("|", "\t") + "\n" for row in rows)


def pairs(network: PriorNetwork) -> dict[str, float]:
    return {f"{first}|{second}": weight for first, second, weight in network.edges()}


# ---------------------------------------------------------------------- STRING
LINKS = CASES / "string-links-raw" / "9606.protein.links.txt"
INFO = CASES / "string-links-raw" / "9606.protein.info.txt"
CHECKS = {
    check["id"]: check
    for check in json.loads((LINKS.parent / "expected.json").read_text())["checks"]
}


def test_case_string_links_alone():
    with pytest.raises(DataError) as caught:
        read_network(LINKS)
    for wanted in CHECKS["links_only"]["must_mention"]:
        options = [wanted] if isinstance(wanted, str) else wanted
        assert any(one in str(caught.value) for one in options)
    assert caught.value.exit_code == CHECKS["links_only"]["exit"]


def test_case_string_with_names():
    network = read_network(LINKS, info=INFO)
    expected = CHECKS["all"]["values"]
    assert (network.n_genes, network.n_edges) == (expected["n_nodes"], expected["n_edges"])
    assert pairs(network) == pytest.approx(expected["weights"], abs=1e-12)
    assert network.info()["unmapped"] == expected["unmapped"]
    (unnamed,) = network.reading.unmapped
    assert (unnamed.line, unnamed.why) == (8, "no name in 9606.protein.info.txt")
    assert network.dropped == {"unmapped_lines": 2, "self_loop_lines": 0, "repeated_lines": 6}


@pytest.mark.parametrize("least", [0.7, 700])
def test_case_string_threshold(least):
    network = read_network(LINKS, info=INFO, min_score=least)
    expected = CHECKS["threshold"]["values"]
    assert network.n_edges == expected["n_edges"]
    assert dict(zip(network.genes, network.degree, strict=True)) == expected["degree"]
    assert network.dropped["low_score_lines"] == 4


def test_string_named_by_aliases(tmp_path):
    aliases = tabs(
        "#string_protein_id|alias|source",
        "9606.ENSP00000269305|P53|UniProt_GN_Synonyms",
        "9606.ENSP00000269305|TP53|Ensembl_HGNC_symbol",
        "9606.ENSP00000258149|MDM2|Ensembl_HGNC_symbol",
    )
    network = read_network(LINKS, info=written(tmp_path, aliases))
    assert pairs(network) == {"MDM2|TP53": 0.999}
    assert len(network.reading.unmapped) == 4
    with pytest.raises(DataError, match="sources: UniProt_GN_Synonyms"):
        read_network(LINKS, info=written(tmp_path, "\n".join(aliases.splitlines()[:2])))


def test_string_files_given_the_wrong_way(tmp_path):
    with pytest.raises(DataError, match="not a table of STRING's protein names"):
        read_network(LINKS, info=LINKS)
    with pytest.raises(DataError, match="not recognised as a network"):
        read_network(INFO, info=LINKS)
    other = tabs("#string_protein_id|preferred_name", "9606.ENSP1|A")
    with pytest.raises(UsageError, match="names none of the proteins"):
        read_network(LINKS, info=written(tmp_path, other))
    with pytest.raises(UsageError, match="needs no table of names"):
        read_network(written(tmp_path, "A\tB\n", "plain.tsv"), info=INFO)


# ---------------------------------------------------------------------- curated databases
BIOGRID = tabs(
    "#BioGRID Interaction ID|Entrez Gene Interactor A|Entrez Gene Interactor B|BioGRID ID "
    "Interactor A|BioGRID ID Interactor B|Systematic Name Interactor A|Systematic Name Interactor "
    "B|Official Symbol Interactor A|Official Symbol Interactor B|Experimental System Type|Organism "
    "ID Interactor A|Organism ID Interactor B|Score|Organism Name Interactor A|Organism Name "
    "Interactor B",
    "1|1|2|1|2|-|-|TP53|MDM2|physical|9606|9606|-|Homo sapiens|Homo sapiens",
    '2|1|2|1|2|-|-|MDM2|TP53|genetic|9606|9606|12.5|Homo "x|Homo sapiens',
    "3|1|2|1|2|-|-|TP53|Mdm2|physical|9606|10090|-|Homo sapiens|Mus musculus",
    "4|1|2|1|2|-|-|-|ATM|physical|9606|9606|-|Homo sapiens|Homo sapiens",
    "5|1|2|1|2|-|-|ATM|MDM2|physical|9606|9606|-|Homo sapiens|Homo sapiens",
)


def test_biogrid(tmp_path):
    network = read_network(written(tmp_path, BIOGRID))
    assert network.reading.recognised == "BioGRID"
    assert pairs(network) == {"ATM|MDM2": 1, "MDM2|TP53": 1}
    assert network.sources == {"genetic": 1, "physical": 2}
    assert network.dropped == {
        "other_species_lines": 1,
        "nameless_lines": 1,
        "self_loop_lines": 0,
        "repeated_lines": 1,
    }


def test_biogrid_archives(tmp_path):
    path = tmp_path / "BIOGRID-ORGANISM-LATEST.tab3.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BIOGRID-ORGANISM-Mus_musculus-5.0.tab3.txt", "nothing")
        archive.writestr("../BIOGRID-ORGANISM-Homo_sapiens-5.0.tab3.txt", BIOGRID)
    assert read_network(path).n_edges == 2
    assert [*tmp_path.iterdir()] == [path]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", BIOGRID)
        archive.writestr("b.txt", BIOGRID)
    with pytest.raises(DataError, match=r"2 files that could be meant: a\.txt, b\.txt"):
        read_network(path)


def test_biogrid_of_another_species_is_refused(tmp_path):
    path = written(tmp_path, BIOGRID.replace("9606", "559292"))
    with pytest.raises(DataError, match=r"no interaction is human.*559292"):
        read_network(path)


OMNIPATH = tabs(
    "source|target|source_genesymbol|target_genesymbol|is_directed|is_stimulation|is_inhibition|"
    "consensus_direction|sources",
    "P04637|Q00987|TP53|MDM2|True|True|False|True|SIGNOR;SPIKE",
    "Q00987|P04637|MDM2|TP53|True|False|True|True|SIGNOR",
    "COMPLEX:P01100_P05412|P04637|FOS_JUN|TP53|True|True|False|True|SIGNOR",
    "Q13315|P04637|ATM|TP53|True|True|False|True|SIGNOR",
)


def test_omnipath(tmp_path):
    network = read_network(written(tmp_path, OMNIPATH))
    assert network.reading.recognised == "OmniPath interactions"
    assert pairs(network) == {"ATM|TP53": 1, "MDM2|TP53": 1}
    assert network.dropped["complex_lines"] == 1
    assert network.sources == {"SIGNOR": 2, "SIGNOR;SPIKE": 1}


def test_omnipath_without_symbols_says_how_to_get_them(tmp_path):
    path = written(tmp_path, OMNIPATH.replace("_genesymbol", "_x"))
    with pytest.raises(DataError, match="genesymbols=1"):
        read_network(path)


SIGNOR_HEADER = (
    "ENTITYA|TYPEA|IDA|DATABASEA|ENTITYB|TYPEB|IDB|DATABASEB|EFFECT|MECHANISM|RESIDUE|SEQUENCE|"
    "TAX_ID|CELL_DATA|TISSUE_DATA|MODULATOR_COMPLEX|TARGET_COMPLEX|MODIFICATIONA|MODASEQ|"
    "MODIFICATIONB|MODBSEQ|PMID|DIRECT|NOTES|ANNOTATOR|SENTENCE|SIGNOR_ID|SCORE"
)


def signor_row(first: str, kind: str, second: str, number: int, score: str) -> str:
    middle = "|" * 16
    return (
        f"{first}|{kind}|P1|UNIPROT|{second}|protein|P2|UNIPROT|up-regulates{middle}|"
        f'a "quoted" sentence|SIGNOR-{number}|{score}'
    )


SIGNOR_ROWS = (
    signor_row("ATM", "protein", "TP53", 1, "0.8"),
    signor_row("MDM2", "protein", "TP53", 2, ""),
    signor_row("AP1", "complex", "TP53", 3, "0.4"),
    signor_row("MDM4", "protein", "TP53", 4, "0.4"),
)


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (tabs(SIGNOR_HEADER, *SIGNOR_ROWS), "columns ENTITYA and ENTITYB"),
        (tabs(*(f"{row}|" for row in SIGNOR_ROWS)), "no header"),
    ],
)
def test_signor_with_and_without_header(tmp_path, content, because):
    network = read_network(written(tmp_path, content))
    assert network.reading.recognised == "SIGNOR"
    assert because in network.reading.because
    assert pairs(network) == {"ATM|TP53": 0.8, "MDM2|TP53": 0.4, "MDM4|TP53": 0.4}
    assert network.dropped["not_protein_lines"] == 1
    assert any("1 lines without a score" in note for note in network.reading.notes)


def test_collectri(tmp_path):
    network = read_network(
        written(
            tmp_path,
            "source,target,weight,resources,references\n"
            'MYC,TERT,1,"ExTRI;HTRI",1;2\nSPI1,BGLAP,-1,ExTRI,3\nAP1,JUN,1,ExTRI,4\n',
            "CollecTRI_regulons.csv",
        )
    )
    assert network.reading.recognised == "CollecTRI"
    assert pairs(network) == {"BGLAP|SPI1": 1, "MYC|TERT": 1}
    assert network.dropped["complex_lines"] == 1


def test_reactome(tmp_path):
    content = tabs(
        "Gene1|Gene2|Annotation|Direction|Score",
        "ATM|TP53|activate|->|1.00",
        "MDM2|TP53|inhibit; ubiquitinate|<-|1.00",
        "ATM|CHEK1|predicted|-|0.87",
    )
    path = tmp_path / "FIsInGene_04142025_with_annotations.txt.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("FIsInGene.txt", content)
    network = read_network(path)
    assert network.reading.recognised == "Reactome functional interactions"
    assert pairs(network) == {"ATM|CHEK1": 0.87, "ATM|TP53": 1, "MDM2|TP53": 1}
    assert read_network(path, min_score=0.9).n_edges == 2


@pytest.mark.parametrize(
    ("header", "name", "weights"),
    [
        ("HuMAP3_ID,ComplexConfidence,Uniprot_ACCs,genenames", "humap3.csv", (1, 0.5)),
        ("HuMAP2_ID,Confidence,Uniprot_ACCs,genenames", "humap2.txt", (1, 0.4)),
    ],
)
def test_humap(tmp_path, header, name, weights):
    content = f"{header}\nH1,1,P1 P2 P3,ORC1 ORC2 ORC3\nH2,4,P3 P4,ORC3 MCM2\nH3,5,P5,ATM\n"
    network = read_network(written(tmp_path, content, name))
    strong, weak = weights
    assert pairs(network) == pytest.approx(
        {"ORC1|ORC2": strong, "ORC1|ORC3": strong, "ORC2|ORC3": strong, "MCM2|ORC3": weak}
    )
    assert network.dropped["single_member_lines"] == 1
    wrong = written(tmp_path, content.replace(",4,", ",9,"), name)
    with pytest.raises(DataError, match=r"line 3: .*onfidence is 9, expected 1 to"):
        read_network(wrong)


# ---------------------------------------------------------------------- graphs
def test_sif(tmp_path):
    content = "TP53 pp MDM2 ATM\nATM\tcontrols state of\tCHEK1\n\nLONE\n"
    network = read_network(written(tmp_path, content, "network.sif"))
    assert pairs(network) == {"ATM|CHEK1": 1, "ATM|TP53": 1, "MDM2|TP53": 1}
    assert network.sources == {"controls state of": 1, "pp": 2}
    assert network.dropped["lone_gene_lines"] == 1
    with pytest.raises(DataError, match=r"line 1: 'A pp' is no line of a SIF file"):
        read_network(written(tmp_path, "A pp\n", "bad.sif"))


def test_a_sif_file_under_another_name_is_asked_about(tmp_path):
    path = written(tmp_path, "TP53\tpp\tMDM2\nATM\tpp\tTP53\n", "network.txt")
    with pytest.raises(DataError, match="not recognised as a network") as caught:
        read_network(path)
    assert "sif" in caught.value.hint
    assert read_network(path, format="sif").n_edges == 2


GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="n" for="node" attr.name="name" attr.type="string"/>
  <key id="w" for="edge" attr.name="weight" attr.type="double"/>
  <graph edgedefault="undirected">
    <node id="1"><data key="n">TP53</data></node>
    <node id="2"><data key="n">MDM2</data></node>
    <node id="3"><data key="n">ATM</data></node>
    <edge source="1" target="2"><data key="w">0.5</data></edge>
    <edge source="2" target="1"><data key="w">0.75</data></edge>
    <edge source="3" target="1"><data key="w">0.25</data></edge>
    <edge source="3" target="3"><data key="w">1</data></edge>
  </graph>
</graphml>
"""


@pytest.mark.parametrize("name", ["network.graphml", "network.xml"])
def test_graphml(tmp_path, name):
    network = read_network(written(tmp_path, GRAPHML, name))
    assert pairs(network) == {"ATM|TP53": 0.25, "MDM2|TP53": 0.75}
    assert network.dropped == {"self_loop_lines": 1, "repeated_lines": 1}
    assert "genes named by name" in network.reading.notes


def test_graphml_by_node_ids_and_compressed(tmp_path):
    content = GRAPHML.replace('"1"', '"TP53"').replace('"2"', '"MDM2"').replace('"3"', '"ATM"')
    for part in ("TP53", "MDM2", "ATM"):
        content = content.replace(f'<data key="n">{part}</data>', "")
    network = read_network(written(tmp_path, gzip.compress(content.encode()), "n.graphml.gz"))
    assert set(pairs(network)) == {"ATM|TP53", "MDM2|TP53"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("<graphml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><graphml'), "document type or entity"),
        (("</graph>", ""), "not a GraphML file that can be read"),
        (("0.25", "much"), "not a GraphML file that can be read"),
        (("0.25", "nan"), "weight of the edge 1 – 3 is nan"),
    ],
)
def test_bad_graphml_is_refused(tmp_path, change, said):
    with pytest.raises(DataError, match=said):
        read_network(written(tmp_path, GRAPHML.replace(*change), "network.graphml"))
