"""What people get wrong, in one table: each message has the place, the value and the remedy.

A row says what is done, what the message must name (the file, the row or key, the value), and what
the remedy must say. Nothing may be changed by it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from mechpert_al.campaign import Campaign
from mechpert_al.config import LoopFile, load_toml
from mechpert_al.datasets import dataset
from mechpert_al.effects import convert
from mechpert_al.errors import (
    ConfigError,
    DataError,
    MechPertError,
    SymbolError,
    UsageError,
)  # fmt: skip
from mechpert_al.guides import read_library, read_transcriptome, select_guides
from mechpert_al.networks import read_network
from mechpert_al.symbols import read_gene_list

HEADER = "perturbation,R0,R1,R2,R3\n"
A, B = "ATCGGATTACCAGTCGATCA", "GGCATTAACCGTAGCTAGGA"


class Bad(NamedTuple):
    """What is done, the kind of error, what the message and the remedy must say."""

    do: Callable[[Any], object]
    error: type[MechPertError]
    message: str | tuple[str, ...]
    hint: str


class Folder:
    """A folder to write files into."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


# ---------------------------------------------------------------------- tables of effects
#: Text, options, what the message must say, what the hint must say.
TABLES: dict[str, tuple[str | bytes, dict[str, Any], list[str], str]] = {
    "empty file": ("", {}, ["effects.csv", "empty"], "again"),
    "blank lines only": ("\n\n", {}, ["effects.csv", "empty"], "again"),
    "header only": ("gene,DDIT3\n", {}, ["effects.csv", "line 1", "no rows"], "row"),
    "one column": ("gene\nMED1\nUBL5\n", {}, ["effects.csv", "one column"], "separated"),
    "short row": ("gene,A,B\nMED1,1,2\nUBL5,1\n", {}, ["line 3", "2 fields", "3"], "quotes"),
    "long row": ("gene,A,B\nMED1,1,2\nUBL5,1,2,3\n", {}, ["line 3", "4 fields", "3"], "quotes"),
    "long rows of R": (
        "perturbation\tA\n1\tMED1\t1\n2\tUBL5\t1\t3\n3\tATF4\t1\n", {},
        ["line 3", "4 fields", "3", "2 names"], "quotes",
    ),
    "open quote": ('gene,A\nMED1,"1\nUBL5,2\n', {}, ["effects.csv", "line 2"], "quotation mark"),
    "not UTF-8": ("gene,A\nMED1\xe4,1\n".encode("latin-1"), {}, ["effects.csv", "UTF-8"], "UTF-8"),
    "damaged gzip": (b"\x1f\x8b\x08\x00garbage", {}, ["effects.csv"], "ownload"),
    "text for a number": (
        "gene,DDIT3\nMED1,1\nUBL5,strong\n", {}, ["line 3", "'DDIT3'", "'strong'", "number"], "NA",
    ),
    "comma among points": (
        "gene\tA\tB\nMED1\t0.5\t0.25\nUBL5\t0,5\t1.5\n", {},
        ["line 3", "'A'", "'0,5'", "decimal point"], "decimal point",
    ),
    "many bad numbers": (
        "gene,A\n" + "".join(f"G{i},x\n" for i in range(12)), {},
        ["line 2", "line 11", "2 more"], "NA",
    ),
    "label missing": ("gene,A\nMED1,1\n,2\n", {}, ["line 3", "no label"], "Name"),
    "label missing in long table": (
        "perturbation,gene,lfc\nMED1,A,1\nMED1,,2\n", {}, ["line 3", "no label"], "readout",
    ),
    "running numbers": ("n,A\n1,0.5\n2,0.7\n", {}, ["running numbers", "line 2"], "--perturbation"),
    "unnamed readout": ("gene,A,,B\nMED1,1,2,3\n", {}, ["line 1", "column 3"], "Name"),
    "readout twice": ("gene,A,B,A\nMED1,1,2,3\n", {}, ["A (columns 2, 4)"], "rename"),
    "perturbation twice": (
        "gene,A\nMED1,1\nUBL5,2\nMED1,3\n", {}, ["MED1", "line 2", "line 4"],
        "--duplicated-rows mean",
    ),
    "dates": (
        "gene,A\nMED1,1\n1-Mar,2\n2-Sep,3\n", {},
        ["line 3", "1-Mar", "MARCHF1", "line 4", "2-Sep", "SEPTIN2"], "text",
    ),
    "no such column": (
        "gene,A\nMED1,1\n", {"perturbation": "guide"}, ["'guide'"], "gene, A",
    ),
    "no such column in long table": (
        "x,gene,lfc\nMED1,A,1\n", {"perturbation": "guide"}, ["'guide'"], "x, gene, lfc",
    ),
    "only controls": ("gene,A\nctrl,1\n", {}, ["no row is a perturbation", "ctrl"], "controls"),
    "no such control": (
        "gene,A\nMED1,1\nctl,0\n", {"control": "ctrl"}, ["'ctrl'"], "'ctl'",
    ),
    "transposed": ("gene,MED1,ctrl\nDDIT3,1,0\n", {}, ["line 1", "'ctrl'"], "transpose"),
    "expression": (
        "gene,A,B\nctrl,5,3\nMED1,2,4\n", {}, ["line 2", "'ctrl'", "expression"], "Subtract",
    ),
    "counts of cells": (
        "barcode,A,B\nAAACCTGAG-1,0,3\nAAACCTGCA-1,2,0\n", {},
        ["'AAACCTGAG-1' in line 2", "counts of cells"], ".h5ad",
    ),
    "scores only": (
        "names,scores\nDDIT3,2\n", {"perturbation_name": "MED1"}, ["line 1", "scores"], "fold",
    ),
    "two controls in contrasts": (
        "variable,p_value,log_fc,comparison\nA,1,1,MED1_vs_NT\nA,1,1,UBL5_vs_DMSO\n", {},
        ["'NT' (line 2)", "'DMSO' (line 3)"], "split",
    ),
    "no rows of effects": (
        "primerid,component,contrast,coef\nA,H,MED1,NA\n", {},
        ["no row holds an effect"], "of another kind",
    ),
}  # fmt: skip


# ---------------------------------------------------------------------- cells
def _replaced(labels: list[str], old: str, new: str) -> list[str]:
    return [new if label == old else label for label in labels]


#: What is done to a sound screen: changes of (counts, labels, genes) and writing options.
CELLS: dict[str, tuple[Callable[..., dict[str, Any]], dict[str, Any], list[str], str]] = {
    "no control": (
        lambda c, x, g: {"labels": _replaced(x, "non-targeting", "GAPDH")}, {},
        ["cells.h5ad", "no label is recognised as a control", "'GAPDH' (40 cells)"], "--control",
    ),
    "unknown control": (
        lambda c, x, g: {}, {"control": "NT"}, ["'NT'", "upper and lower case"], "'non-targeting'",
    ),
    "control in other case": (
        lambda c, x, g: {}, {"control": "Non-Targeting"}, ["'Non-Targeting'"], "'non-targeting'",
    ),
    "two controls": (
        lambda c, x, g: {"labels": ["scrambled"] * 5 + x[5:]}, {},
        ["'non-targeting' (35 cells)", "'scrambled' (5 cells)"], "--control",
    ),
    "no such column": (
        lambda c, x, g: {}, {"perturbation": "guide"}, ["obs['guide']"], "perturbation",
    ),
    "no known column": (
        lambda c, x, g: {"column": "cluster_name"}, {"kind": "counts"},
        ["no column of obs is recognised"], "cluster_name",
    ),
    "columns that disagree": (
        lambda c, x, g: {"obs": {"gene": x[::-1]}}, {},
        ["obs['perturbation']", "obs['gene']", "'cell0'"], "--perturbation gene",
    ),
    "no such batch": (
        lambda c, x, g: {}, {"batch": "lane"}, ["obs['lane']"], "perturbation",
    ),
    "no controls in any batch": (
        lambda c, x, g: {"obs": {"lane": [str(i // 2) for i in range(90)]}}, {"batch": "lane"},
        ["40 control cells", "at most 2 in a batch", "at least 3"], "--batch",
    ),
    "no such layer": (
        lambda c, x, g: {"layers": {"raw": c}}, {"layer": "counts"}, ["layers/counts"], "raw",
    ),
    "too few cells everywhere": (
        lambda c, x, g: {}, {"min_cells": 35}, ["no perturbation has 35 cells"], "--min-cells",
    ),
    "negative": (
        lambda c, x, g: {"counts": np.where(np.arange(540).reshape(90, 6) == 29, -1, c)}, {},
        ["X: -1 for cell 'cell4', readout 'HLA-A'"], "--kind expression",
    ),
    "logarithms": (
        lambda c, x, g: {"counts": np.log1p(c), "layers": {"umi": c}}, {},
        ["X: 1.94", "expected a count"], "--layer umi",
    ),
    "one fraction far down": (
        lambda c, x, g: {"counts": c.astype(float) + 0.5 * (np.arange(90)[:, None] == 89)},
        {"kind": "counts"}, ["cell89", "'ATF4'", "a count"], "--layer",
    ),
    "missing value": (
        lambda c, x, g: {"counts": np.where(np.arange(90)[:, None] == 7, np.nan, c * 0.5)},
        {"kind": "expression"}, ["nan", "'cell7'", "finite"], "value",
    ),
    "repeated readouts": (
        lambda c, x, g: {"genes": [*g[:5], "ATF4"]}, {}, ["ATF4 in columns 1, 6"], "gene_ids",
    ),
    "repeated readouts of expression": (
        lambda c, x, g: {"genes": [*g[:5], "ATF4"]},
        {"kind": "expression", "duplicated_readouts": "sum"}, ["ATF4 in columns 1, 6"],
        "use ids",
    ),
    "no ids": (
        lambda c, x, g: {}, {"readout_names": "gene_ids"}, ["--readout-names gene_ids"], "none",
    ),
    "unnamed readout": (
        lambda c, x, g: {"genes": [*g[:5], ""]}, {}, ["column 6 has no name"], "gene_ids",
    ),
    "two names of one gene": (
        lambda c, x, g: {"labels": _replaced(x[:80], "MED1", "AARS") + ["AARS1"] * 10}, {},
        ["AARS (10 cells) and AARS1 (10 cells) are both AARS1"], "--duplicated-rows mean",
    ),
    "dates": (
        lambda c, x, g: {"labels": [*x[:80], *["1-Mar"] * 10]}, {},
        ["10 cells", "1-Mar", "MARCHF1"], "spreadsheet",
    ),
    "nothing but empty cells": (
        lambda c, x, g: {"counts": c * (np.arange(90)[:, None] < 40)}, {},
        ["no perturbation has 3 cells with counts"], "--layer",
    ),
    "empty controls": (
        lambda c, x, g: {"counts": c * (np.arange(90)[:, None] >= 40)}, {},
        ["no control cell has a count"], "--layer",
    ),
}  # fmt: skip


def cells(folder: Folder, change: Callable[..., dict[str, Any]], form: str) -> Path:
    """Counts of 90 cells of which ATF4 and MED1 are perturbed, with something changed."""
    rng = np.random.default_rng(7)
    genes = ["ATF4", "MED1", "GAPDH", "ACTB", "DDIT3", "HLA-A"]
    counts = rng.poisson([6, 3, 40, 25, 2, 9], size=(90, 6))
    labels = ["non-targeting"] * 40 + ["ATF4"] * 30 + ["MED1"] * 20
    parts = {"counts": counts, "labels": labels, "genes": genes, "column": "perturbation"}
    parts |= change(counts, labels, genes)
    matrix = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix}[form](parts["counts"])
    names = [f"cell{number}" for number in range(90)]
    obs = pd.DataFrame({parts["column"]: parts["labels"], **parts.get("obs", {})}, index=names)
    var = pd.DataFrame(index=parts["genes"])
    path = folder.path / "cells.h5ad"
    anndata.AnnData(matrix, obs=obs, var=var, layers=parts.get("layers")).write_h5ad(path)
    return path


# ---------------------------------------------------------------------- Cell Ranger, text, Parquet
MARKET = "%%MatrixMarket matrix coordinate integer general\n%\n2 3 4\n1 1 5\n2 1 3\n1 2 4\n2 3 9\n"


def tenx(folder: Folder, **parts: str) -> Path:
    """A folder of Cell Ranger with three cells, parts of it changed (None: not there)."""
    whole = {
        "matrix.mtx": MARKET,
        "barcodes.tsv": "AAAC-1\nAAAG-1\nAAAT-1\n",
        "features.tsv": "E1\tATF4\tGene Expression\nE2\tMED1\tGene Expression\n",
        "protospacer_calls_per_cell.csv":
            "cell_barcode,feature_call\nAAAC-1,ATF4_1\nAAAG-1,NT_1\nAAAT-1,NT_2\n",
    }  # fmt: skip
    for name, content in {**whole, **parts}.items():
        if content is not None:
            folder.file(f"run/{name}", content)
    return folder.path / "run"


def parquet(folder: Folder, **columns: Any) -> Path:
    path = folder.path / "effects.parquet"
    pd.DataFrame(columns).to_parquet(path, index=False)
    return path


def text_counts(folder: Folder, content: str, calls: str | None) -> object:
    path = folder.file("counts.csv", content)
    beside = None if calls is None else folder.file("calls.csv", calls)
    return convert(path, kind="counts", guide_calls=beside, min_cells=1)


LABELS = "barcode,gene\nc1,MED1\nc2,NT\n"
READ: dict[str, Bad] = {
    "matrix market of another kind": Bad(
        lambda f: convert(tenx(f, **{"matrix.mtx": MARKET.replace("coordinate", "array")})),
        DataError, ("matrix.mtx, line 1", "matrix array integer general"), "features × cells",
    ),
    "matrix market without its size": Bad(
        lambda f: convert(tenx(f, **{"matrix.mtx": MARKET.replace("2 3 4", "2 3")})),
        DataError, ("matrix.mtx, line 3", "'2 3'"), "Copy",
    ),
    "entry outside the matrix": Bad(
        lambda f: convert(tenx(f, **{"matrix.mtx": MARKET.replace("2 3 9", "7 3 9")})),
        DataError, ("matrix.mtx, line 7", "(7, 3) lies outside"), "Copy",
    ),
    "entries by feature": Bad(
        lambda f: convert(tenx(f, **{"matrix.mtx": MARKET.replace("1 2 4\n2 3 9", "2 3 9\n1 2 4")})
        ),
        DataError, ("matrix.mtx, line 7", "(1, 2) is of an earlier cell"), "Sort the entries",
    ),
    "matrix cut short": Bad(
        lambda f: convert(tenx(f, **{"matrix.mtx": MARKET.replace("2 3 9\n", "")}), min_cells=1),
        DataError, ("matrix.mtx", "3 entries, line 3 says 4"), "again",
    ),
    "entry that is no number": Bad(
        lambda f: convert(tenx(f, **{"matrix.mtx": MARKET.replace("2 3 9", "2 3 nine")})),
        DataError, ("matrix.mtx", "nine"), "three numbers",
    ),
    "fraction of a count": Bad(
        lambda f: convert(tenx(f, **{"matrix.mtx": MARKET.replace("integer", "real").replace(
            "1 2 4", "1 2 4.5")}), min_cells=1),
        DataError, ("matrix.mtx", "4.5 for cell 'AAAG-1', readout 'ATF4'"), "--kind expression",
    ),
    "one barcode too few": Bad(
        lambda f: convert(tenx(f, **{"barcodes.tsv": "AAAC-1\nAAAG-1\n"})),
        DataError, ("run", "3 cells, but 2 features and 2 cells are named"), "Copy",
    ),
    "no barcodes": Bad(
        lambda f: convert(tenx(f, **{"barcodes.tsv": None})),
        DataError, ("run: matrix.mtx without barcodes.tsv",), "one folder",
    ),
    "no gene among the features": Bad(
        lambda f: convert(tenx(f, **{"features.tsv": "A\tA\tAntibody\nB\tB\tAntibody\n"})),
        DataError, ("run", "no feature is of the type 'Gene Expression'"), "right file",
    ),
    "no guide calls": Bad(
        lambda f: convert(tenx(f, **{"protospacer_calls_per_cell.csv": None})),
        DataError, ("run", "no column of obs"), "--guide-calls",
    ),
    "guide calls of other cells": Bad(
        lambda f: convert(tenx(f), guide_calls=f.file("c.csv", "barcode,gene\nAAAC,MED1\n")),
        DataError, ("c.csv", "'AAAC'", "'AAAC-1'"), "'-1'",
    ),
    "guide calls without barcodes": Bad(
        lambda f: convert(tenx(f), guide_calls=f.file("c.csv", "guide,gene\nA,MED1\n")),
        DataError, ("c.csv", "line 1: guide, gene"), "cell_barcode",
    ),
    "a cell twice in the guide calls": Bad(
        lambda f: convert(
            tenx(f), guide_calls=f.file("c.csv", "barcode,gene\nAAAC-1,MED1\nAAAC-1,NT\n")
        ),
        DataError, ("c.csv", "'AAAC-1' stands in lines 2 and 3"), "joined by |",
    ),
    "counts as text without labels": Bad(
        lambda f: text_counts(f, "cell,A,B\nc1,1,2\nc2,0,3\n", None),
        DataError, ("counts.csv", "which cell has which guide"), "--guide-calls",
    ),
    "counts as text of other cells": Bad(
        lambda f: text_counts(f, "cell,A,B\nd1,1,2\nd2,0,3\n", LABELS),
        DataError, ("counts.csv", "'d1'", "'A'", "calls.csv"), "'-1'",
    ),
    "text among counts": Bad(
        lambda f: text_counts(f, "cell,A,B\nc1,1,2\nc2,G1,3\n", LABELS),
        DataError, ("counts.csv: line 3", "column 'A'", "'G1'"), "--guide-calls",
    ),
    "a cell twice in the counts": Bad(
        lambda f: text_counts(f, "cell,A,B\nc1,1,2\nc1,0,3\n", LABELS),
        DataError, ("counts.csv", "'c1' stands 2 times"), "once",
    ),
    "lists in Parquet": Bad(
        lambda f: convert(parquet(f, gene_token_id=[[1, 2]], gene_target=["MED1"])),
        DataError, ("effects.parquet", "'gene_token_id' holds lists"),
        "a row for each perturbation",
    ),
    "text for a number in Parquet": Bad(
        lambda f: convert(parquet(f, perturbation=["MED1", "ATF4"], DDIT3=["0.5", "high"])),
        DataError, ("effects.parquet", "line 2", "'DDIT3'", "'high'"), "NA",
    ),
    "damaged Parquet": Bad(
        lambda f: convert(f.file("effects.parquet", b"PAR1garbage")),
        DataError, ("effects.parquet", "cannot be read as Parquet"), "again",
    ),
    "no HDF5 file": Bad(
        lambda f: convert(f.file("cells.h5ad", "gene,A\nMED1,1\n")),
        DataError, ("cells.h5ad", "no HDF5 file"), "checksum",
    ),
    "file that is not there": Bad(
        lambda f: convert(f.path / "none.h5ad"), DataError, ("none.h5ad: no such file",), "path"
    ),
}  # fmt: skip

# ---------------------------------------------------------------------- networks, guides, lists
CASES = Path(__file__).parent / "cases"
STRING = CASES / "string-links-raw"
LINKS = (STRING / "9606.protein.links.txt").read_text()
SIF = "A\tpp\tB\n"
GRAPHML = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    '<key id="w" for="edge" attr.name="weight" attr.type="double"/><graph edgedefault="undirected">'
    '<node id="TP53"/><node id="MDM2"/><edge source="TP53" target="MDM2"><data key="w">0.5</data>'
    "</edge></graph></graphml>"
)


def network(
    content: str | bytes, *message: str, hint: str, name: str = "n.csv", **more: Any
) -> Bad:
    return Bad(
        lambda f: read_network(f.file(name, content), **more), DataError, (name, *message), hint
    )


def string(old: str, new: str, *message: str, hint: str) -> Bad:
    info = STRING / "9606.protein.info.txt"
    return network(LINKS.replace(old, new), *message, hint=hint, name="links.txt", info=info)


def library(content: str, *message: str, hint: str, genes: Any = ("MED1",), **more: Any) -> Bad:
    return Bad(
        lambda f: select_guides(genes, read_library(f.file("lib.tsv", content)), **more),
        DataError, ("lib.tsv", *message), hint,
    )  # fmt: skip


def listed(content: str, *message: str, hint: str, kind: Any = DataError) -> Bad:
    return Bad(
        lambda f: read_gene_list(f.file("genes.csv", content)), kind, ("genes.csv", *message), hint
    )


GUIDES = "id\tsequence\tgene\n"
OTHERS: dict[str, Bad] = {
    "weight that is no number": network(
        "source,target,weight\nA,B,0.5\nA,C,high\n", "line 3: weight is 'high'", hint="number"
    ),
    "weight that is missing": network(
        "source,target,weight\nA,B,0.5\nA,C,\n", "line 3: weight is ''", hint="number"
    ),
    "decimal comma beside a point": network(
        "source;target;weight\nA;B;0,5\nA;C;0.5\n", "line 2: weight is '0,5'", hint="number"
    ),
    "link to nobody": network("source,target\nA,B\nA,\n", "line 3: target is empty", hint="remove"),
    "link of four": network("source,target\nA,B\nA,B,C,D\n", "line 3, saw 4", hint="header"),
    "two weights": network(
        "source,target,weight,score\nA,B,1,1\n", "weights: weight, score", hint="Keep the one"
    ),
    "column twice": network(
        "source,target,source\nA,B,C\n", "line 1: more than one column is called source",
        hint="name",
    ),
    "no network": network(
        "protein,other\nA,B\n", "line 1", "'protein,other'", hint="source and target"
    ),
    "empty network": network("", "empty", hint="again"),
    "network that is no text": network(b"\x89HDF\r\n\x1a\n\xff\xff", "not UTF-8", hint="UTF-8"),
    "weights above a full score": network(
        "source,target,weight\nTP53,MDM2,2000.5\n", "up to 2000.5", hint="scale"
    ),
    "minimum score without scores": network(
        "source,target\nTP53,MDM2\n", "no score", hint="minimum score", min_score=0.5
    ),
    "minimum score above all": network(
        "source,target,weight\nTP53,MDM2,0.5\nTP53,ATM,0.4\n", "no link is left", hint="Lower",
        min_score=0.9,
    ),
    "mouse genes": network(
        "source,target\nTrp53,Mdm2\nMdm2,Atm\nAtm,Brca1\n", "Trp53", hint="human"
    ),
    "SIF without a target": network("A pp B\nA pp\n", "line 2: 'A pp'", hint="gene", name="n.sif"),
    "XML entities": network(
        GRAPHML.replace("<graphml", '<!DOCTYPE x [<!ENTITY a "b">]><graphml'), "document type",
        hint="DOCTYPE", name="n.graphml",
    ),
    "GraphML cut short": network(
        GRAPHML.replace("</graph>", ""), "not a GraphML file", hint="Export it again",
        name="n.graphml",
    ),
    "GraphML without a weight": network(
        GRAPHML.replace("0.5", "nan"), "weight of the edge TP53 – MDM2 is nan", hint="every edge",
        name="n.graphml",
    ),
    "STRING of another species": string(
        "9606.ENSP", "10090.ENSMUSP", "10090.ENSMUSP", hint="9606.protein.links"
    ),
    "STRING score in words": string(
        "650\n", "many\n", "line 6: combined_score is 'many'", hint="number"
    ),
    "STRING score above 1000": string(
        "650\n", "6500\n", "line 6: combined_score is 6500, expected 0 to 1000", hint="STRING's own"
    ),
    "STRING without names": Bad(
        lambda f: read_network(f.file("links.txt", LINKS)), DataError,
        ("links.txt", "9606.ENSP00000258149"), "--info",
    ),
    # guides
    "library without genes": library(
        "id\tsequence\n", "line 1: no column for the gene", hint="gene"
    ),
    "library without sequences": library(
        "id\tgene\ng1\tMED1\n", "line 1: no column for the sequence", hint="sequence"
    ),
    "library without guides": library(GUIDES, "no guide", hint="library itself"),
    "library by place with two columns": library(
        f"{A}\tMED1\n", "line 1: 2 columns, expected id, sequence, gene", hint="first line"
    ),
    "letters that are no bases": library(
        f"{GUIDES}g1\t{A[:-1]}X\tMED1\n", "line 2: the sequence of 'g1' (MED1) holds X",
        hint="Correct the library"
    ),
    "one spacer for two genes": library(
        f"{GUIDES}g1\t{A}\tMED1\ng2\t{A}\tMED4\n", "line 2 and line 3", "MED1 and MED4",
        hint="--mend", genes=("MED1", "MED4"),
    ),
    "more controls than there are": library(
        f"{GUIDES}g1\t{A}\tMED1\ng2\t{B}\tNT\n", "5 control guides", "the library has 1",
        hint="--control-guides", controls=5,
    ),
    "reference that is none": Bad(
        lambda f: read_transcriptome(f.file("features.tsv", "gene\tname\nA\tB\n")), DataError,
        ("features.tsv, line 1", "'gene"), "features.tsv.gz",
    ),
    # lists of genes, data sets, settings
    "list without genes": listed("gene\n", "no gene", hint="one gene a line"),
    "gap in a list": listed("gene,cost\nMED1,1\n,2\n", "line 3: no gene", hint="Complete"),
    "dates in a list": listed(
        "gene\nMED1\n9-Sep\n", "line 3", "9-Sep", hint="spreadsheet", kind=SymbolError
    ),
    "two columns of genes": listed(
        "gene,symbol\nMED1,MED1\n", "gene, symbol", hint="Say which column"
    ),
    "negative cost": listed("gene,cost\nMED1,-1\n", "line 2: cost is -1", hint="Correct the cost"),
    "one gene with two costs": listed(
        "gene,cost\nMED1,1\nMED1,2\n", "line 3", "line 2", hint="Remove one"
    ),
    "unknown data set": Bad(
        lambda f: dataset("replogle_k526"), UsageError, ("'replogle_k526'",),
        "mechpert-al data list",
    ),
    "unknown key in a loop": Bad(
        lambda f: load_toml(
            f.file("loop.toml", '[panel]\npath = "x"\n[desing]\nrounds = 2\n'), LoopFile
        ),
        ConfigError, ("loop.toml: unknown key desing",), "Did you mean design",
    ),
}  # fmt: skip


# ---------------------------------------------------------------------- campaigns
class Bench(Folder):
    """A campaign with one measured and two pending genes, and a folder for files."""

    def __init__(self, campaign: Campaign, folder: Path, panel: Path) -> None:
        super().__init__(folder)
        self.folder, self.panel = folder, panel
        self.campaign = campaign.folder.path
        self.measured, self.pending, self.other = campaign.propose(3).genes
        campaign.ingest(self.file("first.csv", f"{HEADER}{self.measured},-1,0.5,2,0.25\n"))
        self.strange = next(
            gene for gene in campaign.candidates if gene not in campaign.state.pending
            and gene != self.measured
        )  # fmt: skip

    def open(self) -> Campaign:
        return Campaign.open(self.campaign)

    def ingest(self, content: str | bytes, name: str = "bad.csv", **options: object) -> object:
        return self.open().ingest(self.file(name, content), **options)

    def design(self, line: str) -> Campaign:
        """A line in the section [design] of the settings."""
        settings = self.campaign / "campaign.toml"
        settings.write_text(settings.read_text().replace("[design]\n", f"[design]\n{line}\n"))
        return self.open()

    def constrained(self, n: int = 2, **files: object) -> object:
        campaign = self.open()
        return campaign.propose(n, constraints=campaign.constraints(**files)[0])


def row(gene: str) -> str:
    return f"{gene},-1,0.5,2,0.25\n"


CAMPAIGNS: dict[str, Bad] = {
    # ------------------------------------------------------------------ deliveries
    "delivery that is not there": Bad(
        lambda b: b.open().ingest(b.folder / "none.csv"), DataError, "none.csv", "Looked for"
    ),
    "empty delivery": Bad(lambda b: b.ingest(""), DataError, "bad.csv: the file is empty", "again"),
    "delivery that is no text": Bad(
        lambda b: b.ingest(b"\xff\xfe\x00\x80" * 40), DataError,
        "bad.csv: one column only", "separated by"
    ),
    "delivery with a word for a number": Bad(
        lambda b: b.ingest(HEADER + f"{b.pending},-1,high,2,0.25\n"), DataError,
        "bad.csv: line 2, column 'R1': 'high'", "NA"
    ),
    "gene twice in a delivery": Bad(
        lambda b: b.ingest(HEADER + row(b.pending) + row(b.pending)), DataError,
        "line 2, line 3", "--duplicated-rows",
    ),
    "other numbers than before": Bad(
        lambda b: b.ingest(HEADER + f"{b.measured},-1,0.5,2,0.75\n"), DataError,
        "R3 is 0.75, was 0.25; 1 of 4 readouts differ", "--replicate",
    ),
    "both decisions at once": Bad(
        lambda b: b.ingest(HEADER + row(b.pending), replace=True, replicate=True), UsageError,
        "both replace and be pooled", "one of the two",
    ),
    "symbol in small letters": Bad(
        lambda b: b.ingest(HEADER + row(b.pending.lower()) + row("MED1")), SymbolError,
        "differs in upper and lower case", "Correct the names",
    ),
    "two names of one gene": Bad(
        lambda b: b.ingest(HEADER + row("AARS") + row("AARS1")), DataError,
        "AARS (line 2) and AARS1 (line 3) are both AARS1", "Remove one"
    ),
    "date for a symbol": Bad(
        lambda b: b.ingest(HEADER + row("9-Sep") + row("MED1")), DataError,
        "bad.csv, line 2: '9-Sep'", "spreadsheet"
    ),
    "readouts of another kind": Bad(
        lambda b: b.ingest(f"perturbation,X1,X2\n{b.pending},-1.5,2\n"), DataError,
        "none of its 2 readouts (X1, …) is among the 4 measured so far (R0, …)", "transposed",
    ),
    "nothing but missing values": Bad(
        lambda b: b.ingest(HEADER + f"{b.pending},NA,NA,NA,NA\n"), DataError,
        ("bad.csv: nothing", "(no value)"), "right file"
    ),
    "ranks where effects were": Bad(
        lambda b: b.ingest(f"{HEADER}{b.pending},812,31,990,447\n"), DataError,
        ("a profile of bad.csv is", "times larger", "root mean square 678"), "--accept-units",
    ),
    "unknown option": Bad(
        lambda b: b.ingest(HEADER + row(b.pending), colour="red"), UsageError, "'colour'", "Valid"
    ),
    "unknown kind": Bad(
        lambda b: b.ingest(HEADER + row(b.pending), kind="magic"), UsageError, "'magic'",
        "Valid names",
    ),
    # ------------------------------------------------------------------ proposals
    "no genes": Bad(lambda b: b.open().propose(0), UsageError, "a batch of 0 genes", "at least 1"),
    "unknown strategy": Bad(
        lambda b: b.open().propose(1, strategy="expected_covrage"), UsageError,
        "'expected_covrage'", "Did you mean expected_coverage",
    ),
    "strategy without its network": Bad(
        lambda b: b.open().propose(1, strategy="degree_prior"), UsageError,
        "needs a prior network", "--network",
    ),
    "including what is measured": Bad(
        lambda b: b.constrained(include=b.file("in.txt", b.measured)), UsageError,
        "is measured or pending already", "nothing was proposed",
    ),
    "including what is pending": Bad(
        lambda b: b.constrained(include=b.file("in.txt", b.pending)), UsageError,
        "is measured or pending already", "nothing was proposed",
    ),
    "including and excluding": Bad(
        lambda b: b.constrained(
            include=b.file("in.txt", b.strange), exclude=b.file("out.txt", b.strange)
        ),
        UsageError, "must be included, but is excluded", "nothing was proposed",
    ),
    "including more than the batch": Bad(
        lambda b: b.constrained(
            1, include=b.file("in.txt", "\n".join(g for g in b.open().candidates
                              if g not in (b.measured, b.pending, b.other)))
        ),
        UsageError, "must be included in a batch of 1", "nothing was proposed",
    ),
    "including nobody": Bad(
        lambda b: b.constrained(include=b.file("in.txt", "NOBODY")), SymbolError,
        "in.txt: NOBODY not matched", "Correct the names",
    ),
    "several contradictions at once": Bad(
        lambda b: (
            b.design(f'bridging = ["{b.measured}"]'),
            b.constrained(
                include=b.file("in.txt", b.pending), exclude=b.file("out.txt", b.measured)
            ),
        ),
        UsageError,
        ("is a bridging gene, but excluded", "must be included, but is measured or pending"),
        "[design] in campaign.toml; nothing was proposed",
    ),
    "list that is not there": Bad(
        lambda b: b.constrained(exclude=b.folder / "none.txt"), DataError,
        "none.txt: there is no such file", "path",
    ),
    "cost that is no number": Bad(
        lambda b: b.constrained(cost=b.file("cost.csv", f"gene,cost\n{b.strange},cheap\n")),
        DataError, "cost.csv, line 2: cost is 'cheap'", "number",
    ),
    "cost of nothing": Bad(
        lambda b: b.constrained(cost=b.file("cost.csv", f"gene,cost\n{b.strange},0\n")),
        DataError, "cost.csv, line 2: cost is 0, expected a positive number", "Correct the cost",
    ),
    "budget without costs": Bad(
        lambda b: b.constrained(budget=3), UsageError, "a budget needs costs", "--cost"
    ),
    # ------------------------------------------------------------------ settings
    "unknown key": Bad(
        lambda b: b.design('stratgy = "random"'), ConfigError,
        'campaign.toml: unknown key design.stratgy (= "random")', "Did you mean strategy",
    ),
    "text for a number": Bad(
        lambda b: b.design('budget = "3"'), ConfigError, 'design.budget is "3"', "Correct the value"
    ),
    "no TOML": Bad(
        lambda b: b.design("strategy ="), ConfigError, "campaign.toml: not TOML",
        "Write key = value",
    ),
    "bridging gene that nobody knows": Bad(
        lambda b: b.design('bridging = ["NOBODY"]').propose(1), SymbolError,
        "design.bridging: NOBODY not matched", "Correct the names",
    ),
    "settings that are gone": Bad(
        lambda b: ((b.campaign / "campaign.toml").unlink(), b.open()), ConfigError,
        "campaign.toml: No such file", "Put the file there"
    ),
    "panel that is gone": Bad(
        lambda b: (shutil.rmtree(b.panel), b.open().propose(1)), DataError, "panel", "Looked for"
    ),
    # ------------------------------------------------------------------ withdrawals
    "withdrawing nobody": Bad(
        lambda b: b.open().withdraw(["NOBODY"], "failed", "x"), SymbolError,
        "NOBODY not matched", "Correct the names",
    ),
    "withdrawing what is measured": Bad(
        lambda b: b.open().withdraw([b.measured], "failed", "x"), UsageError,
        "is measured", "--drop-measurements",
    ),
    "failing what is not pending": Bad(
        lambda b: b.open().withdraw([b.strange], "failed", "x"), UsageError,
        "is not pending", "--abandoned",
    ),
    "withdrawing without a reason": Bad(
        lambda b: b.open().withdraw([b.pending], "failed", "  "), UsageError,
        "needs genes and a reason", "Say why",
    ),
    # ------------------------------------------------------------------ orders and folders
    "round that never was": Bad(
        lambda b: b.open().export(round=9), UsageError, "no round 9", "rounds 1 to 1"
    ),
    "guides without a library": Bad(
        lambda b: b.open().export("cellranger"), UsageError, "no guide library", "--library"
    ),
    "unknown format": Bad(
        lambda b: b.open().export("excel"), UsageError, "'excel'", "csv, cellranger, mageck"
    ),
    "library that is not there": Bad(
        lambda b: b.open().export("mageck", library=b.folder / "none.tsv"), DataError,
        "none.tsv", "Looked for",
    ),
    "campaign that is not there": Bad(
        lambda b: Campaign.open(b.folder / "nowhere"), DataError,
        "nowhere: no campaign there", "campaign new",
    ),
    "campaign that is there already": Bad(
        lambda b: Campaign.create(b.campaign, b.panel), DataError,
        "is a campaign already", "campaign status",
    ),
    "panel that is not there": Bad(
        lambda b: Campaign.create(b.folder / "new", b.folder / "none"), DataError, "none",
        "Looked for",
    ),
    "measurements from the start that are none": Bad(
        lambda b: Campaign.create(b.folder / "new", b.panel, effects=b.file("e.csv", "no effects")),
        DataError, "e.csv: the table has a header (line 1)", "at least one row",
    ),
    "empty candidate list": Bad(
        lambda b: Campaign.create(b.folder / "new", b.panel, candidates=b.file("c.txt", "\n")),
        DataError, "c.txt: the file is empty", "again",
    ),
    "settings of another program": Bad(
        lambda b: (
            (b.folder / "new").mkdir(), b.file("new/campaign.toml", "mine = true\n"),
            Campaign.create(b.folder / "new", b.panel),
        ),
        DataError, "campaign.toml: is there already, with another content", "Remove or rename",
    ),
    "folder that is a file": Bad(
        lambda b: Campaign.create(b.file("new", "a file"), b.panel), DataError,
        "new: cannot be written to (File exists)", "another folder"
    ),
}  # fmt: skip


# ---------------------------------------------------------------------- all of them
def told(bad: Bad, folder: Any) -> None:
    with pytest.raises(bad.error) as caught:
        bad.do(folder)
    for text in (bad.message,) if isinstance(bad.message, str) else bad.message:
        assert text in caught.value.message, (text, caught.value.message)
    assert bad.hint, "every row names a remedy"
    assert bad.hint in caught.value.hint, (bad.hint, caught.value.hint)


ALL: dict[str, Bad] = {
    **{
        f"table: {name}": Bad(
            lambda f, content=content, options=options: convert(
                f.file("effects.csv", content), **options
            ),
            DataError, ("effects.csv", *wanted), hint,
        )
        for name, (content, options, wanted, hint) in TABLES.items()
    },
    **{
        f"{form}: {name}": Bad(
            lambda f, change=change, options=options, form=form: convert(
                cells(f, change, form), **options
            ),
            DataError, ("cells.h5ad", *wanted), hint,
        )
        for name, (change, options, wanted, hint) in CELLS.items()
        for form in ("csr", "csc")
    },
    **READ,
    **OTHERS,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@pytest.mark.parametrize("what", ALL)
def test_bad_input_is_told_with_its_place_and_remedy(tmp_path: Path, what: str) -> None:
    told(ALL[what], Folder(tmp_path))


@pytest.fixture
def bench(toy_panel: Path, tmp_path: Path) -> Bench:
    panel = shutil.copytree(toy_panel, tmp_path / "panel")
    return Bench(Campaign.create(tmp_path / "campaign", panel), tmp_path, panel)


@pytest.mark.parametrize("what", CAMPAIGNS)
def test_bad_input_changes_nothing_in_a_campaign(bench: Bench, what: str) -> None:
    before = (bench.campaign / "journal.jsonl").read_bytes()
    stored = sorted(path.name for path in (bench.campaign / "ingested").iterdir())

    told(CAMPAIGNS[what], bench)

    assert (bench.campaign / "journal.jsonl").read_bytes() == before
    assert sorted(path.name for path in (bench.campaign / "ingested").iterdir()) == stored
    new = bench.folder / "new"
    assert not new.is_dir() or [path.name for path in new.iterdir()] in (
        ["campaign.toml"], ["campaign.toml", "journal.jsonl.lock"],
    )  # fmt: skip
