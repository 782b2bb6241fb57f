"""Databases of curated interactions: BioGRID, OmniPath, SIGNOR, CollecTRI and Reactome FI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mechpert_al.errors import DataError
from mechpert_al.networks.formats.base import Format, Options, has_columns
from mechpert_al.networks.links import Links, from_columns, scaled
from mechpert_al.textfile import TextFile, numbers

if TYPE_CHECKING:
    import pandas as pd

HUMAN = "9606"
#: Cells that stand for "no value".
MISSING = ("", "-")


def _kept(frame: pd.DataFrame, dropped: dict[str, int], **reasons: pd.Series) -> pd.DataFrame:
    """The rows for which no reason to leave them out holds; each row counts for its first one."""
    for reason, applies in reasons.items():
        rows = applies.reindex(frame.index)
        if rows.any():
            dropped[reason] = int(rows.sum())
        frame = frame[~rows]
    return frame


def _of_human(frame: pd.DataFrame, file: TextFile, *columns: str) -> pd.Series:
    """Whether all organism columns say human; an error if that holds for no row."""
    human = (frame[list(columns)] == HUMAN).all(axis=1)
    if not human.any():
        found = sorted({*frame[list(columns)].to_numpy().ravel()})
        raise DataError(
            f"{file.path}: no interaction is human ({HUMAN}); organisms: {', '.join(found[:10])}",
            "Give the human network.",
        )
    return human


# ---------------------------------------------------------------------- BioGRID
def _biogrid_columns(file: TextFile) -> dict[str, str]:
    """The columns that are read, by what they hold; versions name them differently."""
    wanted = {
        "first": r"official symbol.*\ba",
        "second": r"official symbol.*\bb",
        "species of first": r"organism(?: id| name)?.*\ba",
        "species of second": r"organism(?: id| name)?.*\bb",
        "type": r"experimental system type",
    }
    found = {}
    for what, form in wanted.items():
        fitting = [one for one in file.columns if re.fullmatch(form, one.strip().lower())]
        ids = [one for one in fitting if "name" not in one.lower()]
        if ids or fitting:
            found[what] = (ids or fitting)[0]
    return found


def _recognise_biogrid(file: TextFile) -> str:
    columns = _biogrid_columns(file)
    if {"first", "second"} <= set(columns):
        return f"columns {columns['first']} and {columns['second']}"
    return ""


def _read_biogrid(file: TextFile, options: Options) -> Links:
    columns = _biogrid_columns(file)
    species = [columns[one] for one in ("species of first", "species of second") if one in columns]
    if len(species) != 2:
        raise DataError(
            f"{file.path}: no column says which organism the interactors are of",
            "Give BioGRID's own file (tab3), with all its columns.",
        )
    frame = file.table(is_quoted=False)
    first, second = columns["first"], columns["second"]
    dropped: dict[str, int] = {}
    frame = _kept(
        frame,
        dropped,
        other_species_lines=~_of_human(frame, file, *species),
        nameless_lines=frame[first].isin(MISSING) | frame[second].isin(MISSING),
    )
    kind = frame[columns["type"]] if "type" in columns else None
    notes = ("scores are of many scales and not used", "physical and genetic interactions")
    return from_columns(frame[first], frame[second], None, kind, dropped, notes)


# ---------------------------------------------------------------------- OmniPath
def _recognise_omnipath(file: TextFile) -> str:
    if has_columns(file, "source", "target", "is_directed", "is_stimulation"):
        return "columns source, target, is_directed and is_stimulation"
    return ""


def _read_omnipath(file: TextFile, options: Options) -> Links:
    first, second = "source_genesymbol", "target_genesymbol"
    if not has_columns(file, first, second):
        raise DataError(
            f"{file.path}: the columns source_genesymbol and target_genesymbol are missing, "
            "so genes are given by UniProt accession only",
            "Download it with genesymbols=1.",
        )
    frame = file.table(is_quoted=False)
    dropped: dict[str, int] = {}
    complexes = frame["source"].str.startswith("COMPLEX") | frame["target"].str.startswith(
        "COMPLEX"
    )
    reasons = {"complex_lines": complexes}
    species = [one for one in ("ncbi_tax_id_source", "ncbi_tax_id_target") if one in frame]
    if species:
        reasons["other_species_lines"] = ~_of_human(frame, file, *species)
    reasons["nameless_lines"] = frame[first].isin(MISSING) | frame[second].isin(MISSING)
    frame = _kept(frame, dropped, **reasons)
    notes = ("directions and signs left out", "links of complexes left out")
    return from_columns(frame[first], frame[second], None, frame.get("sources"), dropped, notes)


# ---------------------------------------------------------------------- SIGNOR
SIGNOR_COLUMNS = (
    "ENTITYA", "TYPEA", "IDA", "DATABASEA", "ENTITYB", "TYPEB", "IDB", "DATABASEB", "EFFECT",
    "MECHANISM", "RESIDUE", "SEQUENCE", "TAX_ID", "CELL_DATA", "TISSUE_DATA", "MODULATOR_COMPLEX",
    "TARGET_COMPLEX", "MODIFICATIONA", "MODASEQ", "MODIFICATIONB", "MODBSEQ", "PMID", "DIRECT",
    "NOTES", "ANNOTATOR", "SENTENCE", "SIGNOR_ID", "SCORE",
)  # fmt: skip


def _has_signor_header(file: TextFile) -> bool:
    return has_columns(file, "ENTITYA", "ENTITYB", "TYPEA", "TYPEB")


def _recognise_signor(file: TextFile) -> str:
    if _has_signor_header(file):
        return "columns ENTITYA and ENTITYB"
    cells = file.columns
    if len(cells) >= len(SIGNOR_COLUMNS) and re.fullmatch(r"SIGNOR-\d+", cells[26]):
        return "no header, 28 columns, the 27th a SIGNOR id"
    return ""


def _read_signor(file: TextFile, options: Options) -> Links:
    if _has_signor_header(file):
        frame = file.table(is_quoted=False)
    else:
        extra = [f"empty {number}" for number in range(len(file.columns) - len(SIGNOR_COLUMNS))]
        frame = file.table(has_header=False, names=[*SIGNOR_COLUMNS, *extra], is_quoted=False)
    dropped: dict[str, int] = {}
    frame = _kept(
        frame,
        dropped,
        not_protein_lines=(frame["TYPEA"] != "protein") | (frame["TYPEB"] != "protein"),
        nameless_lines=frame["ENTITYA"].isin(MISSING) | frame["ENTITYB"].isin(MISSING),
    )
    weight, notes = _signor_scores(frame, file)
    return from_columns(frame["ENTITYA"], frame["ENTITYB"], weight, None, dropped, notes)


def _signor_scores(
    frame: pd.DataFrame, file: TextFile
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Scores; an interaction without one counts as the least certain of the file."""
    signs = "complexes, families, chemicals and phenotypes left out; directions and signs too"
    if "SCORE" not in frame or frame["SCORE"].isin(MISSING).all():
        return None, (signs,)
    scored = ~frame["SCORE"].isin(MISSING).to_numpy()
    values, note = scaled(numbers(frame["SCORE"][scored], file.path), None, f"{file.path}, SCORE")
    weight = np.full(len(frame), values[values > 0].min(initial=1.0))
    weight[scored] = values
    if n_unscored := int((~scored).sum()):
        note += f"; {n_unscored} lines without a score weigh as the lowest, {weight.min():g}"
    return weight, (signs, note)


# ---------------------------------------------------------------------- CollecTRI
#: Transcription factor complexes that CollecTRI lists beside genes.
COLLECTRI_COMPLEXES = ("AP1", "NFKB")


def _recognise_collectri(file: TextFile) -> str:
    if has_columns(file, "source", "target", "weight", "resources", "references"):
        return "columns source, target, weight, resources and references"
    return ""


def _read_collectri(file: TextFile, options: Options) -> Links:
    frame = file.table()
    dropped: dict[str, int] = {}
    frame = _kept(
        frame,
        dropped,
        complex_lines=frame["source"].isin(COLLECTRI_COMPLEXES)
        | frame["target"].isin(COLLECTRI_COMPLEXES),
        nameless_lines=frame["source"].isin(MISSING) | frame["target"].isin(MISSING),
    )
    notes = (
        f"the complexes {' and '.join(COLLECTRI_COMPLEXES)} left out",
        "weights are signs of regulation and not used",
    )
    return from_columns(frame["source"], frame["target"], None, None, dropped, notes)


# ---------------------------------------------------------------------- Reactome FI
def _recognise_reactome(file: TextFile) -> str:
    if has_columns(file, "Gene1", "Gene2", "Annotation", "Direction", "Score"):
        return "columns Gene1, Gene2, Annotation, Direction and Score"
    return ""


def _read_reactome(file: TextFile, options: Options) -> Links:
    frame = file.table(is_quoted=False)
    dropped: dict[str, int] = {}
    nameless = frame["Gene1"].isin(MISSING) | frame["Gene2"].isin(MISSING)
    frame = _kept(frame, dropped, nameless_lines=nameless)
    values, note = scaled(numbers(frame["Score"], file.path), 1, f"{file.path}, Score")
    notes = ("directions left out", note + " (predicted interactions score below 1)")
    return from_columns(frame["Gene1"], frame["Gene2"], values, None, dropped, notes)


BIOGRID = Format("biogrid", "BioGRID", _recognise_biogrid, _read_biogrid)
OMNIPATH = Format("omnipath", "OmniPath interactions", _recognise_omnipath, _read_omnipath)
SIGNOR = Format("signor", "SIGNOR", _recognise_signor, _read_signor)
COLLECTRI = Format("collectri", "CollecTRI", _recognise_collectri, _read_collectri)
REACTOME = Format(
    "reactome", "Reactome functional interactions", _recognise_reactome, _read_reactome
)
