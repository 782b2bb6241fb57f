"""STRING: links between proteins, named by a second file (protein.info or protein.aliases)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mechpert_al.errors import DataError, UsageError
from mechpert_al.networks.formats.base import Format, Options, has_columns
from mechpert_al.networks.links import Links
from mechpert_al.networks.prior import LeftOut
from mechpert_al.textfile import TextFile, numbers

if TYPE_CHECKING:
    import pandas as pd

#: Scores in the download are probabilities times this.
FULL_SCORE = 1000
#: Sources of aliases that are current symbols, the best first.
SYMBOL_SOURCES = ("Ensembl_HGNC_symbol", "Ensembl_HGNC_Approved_Symbol", "BioMart_HUGO")


def _recognise(file: TextFile) -> str:
    if has_columns(file, "protein1", "protein2", "combined_score"):
        return "columns protein1, protein2 and combined_score"
    return ""


def _read(file: TextFile, options: Options) -> Links:
    frame = _scores(file)
    categories = [frame[column].cat.categories.astype(str) for column in ("protein1", "protein2")]
    ids: list[str] = [*dict.fromkeys([*categories[0], *categories[1]])]
    place = {name: number for number, name in enumerate(ids)}
    first, second = (
        np.array([place[name] for name in names], dtype=np.int64)[frame[column].cat.codes]
        for column, names in zip(("protein1", "protein2"), categories, strict=True)
    )
    foreign = [name for name in ids if not name.startswith("9606.")]
    if foreign:
        raise DataError(
            f"{file.path}: {len(foreign)} of {len(ids)} proteins are not human, such as "
            f"{foreign[0]} (the number in front is the species; human is 9606)",
            "Give the human network, 9606.protein.links.",
        )
    if options.info is None:
        raise DataError(
            f"{file.path}: the names are STRING protein ids ({ids[0]}), not gene symbols",
            "Give the file that names them too: --info with STRING's protein.info "
            "(or protein.aliases) file of the same version.",
        )
    links = Links(
        tuple(ids),
        first,
        second,
        frame.index.to_numpy(dtype=np.int64),
        frame["combined_score"].to_numpy(dtype=np.float64) / FULL_SCORE,
        notes=(f"weights = combined_score / {FULL_SCORE}", f"named by {options.info.name}"),
    )
    return _named(links, _names(options.info), options.info)


def _scores(file: TextFile) -> pd.DataFrame:
    """Both ids (as categories: the whole of STRING has 14 million lines) and the score."""
    import pandas as pd

    columns = ["protein1", "protein2", "combined_score"]
    try:
        with file.opened() as text:
            frame = pd.read_csv(
                text,
                sep=r"\s+" if file.delimiter == " " else file.delimiter,
                usecols=columns,
                skiprows=file.n_comments,
                dtype=dict(zip(columns, ("category", "category", "float64"), strict=True)),
                na_filter=False,
            )
        frame.index = frame.index + file.n_comments + 2
    except ValueError:  # a cell that is no number, or a row of another width: say which
        frame = file.table()
        frame["combined_score"] = numbers(frame["combined_score"], file.path)
        frame = frame.astype({"protein1": "category", "protein2": "category"})
    if frame.empty:
        raise DataError(f"{file.path}: a header and no link", "Download it again.")
    beyond = frame.index[~frame["combined_score"].between(0, FULL_SCORE)]
    if len(beyond):
        score = float(frame.loc[beyond[0], "combined_score"])
        raise DataError(
            f"{file.path}, line {beyond[0]}: combined_score is {score:g}, "
            f"expected 0 to {FULL_SCORE}",
            "Give STRING's own file, with its scores as they are.",
        )
    return frame


def _names(path: Path) -> dict[str, str]:
    """Protein id → gene symbol, from protein.info or protein.aliases."""
    file = TextFile.of(path)
    columns = [re.sub(r"[^a-z]+", "_", column.lower()).strip("_") for column in file.columns]
    is_info = {"string_protein_id", "preferred_name"} <= {*columns}
    if not is_info and not {"string_protein_id", "alias", "source"} <= {*columns}:
        raise DataError(
            f"{path}: not a table of STRING's protein names: {file.first[:80]!r}",
            "Expected the columns #string_protein_id and preferred_name (protein.info), or "
            "#string_protein_id, alias and source (protein.aliases).",
        )
    frame = file.table(names=columns, delimiter="\t", is_quoted=False)
    if is_info:
        return dict(zip(frame["string_protein_id"], frame["preferred_name"], strict=True))
    for source in SYMBOL_SOURCES:
        chosen = frame[frame["source"] == source]
        if len(chosen):
            return dict(zip(chosen["string_protein_id"], chosen["alias"], strict=True))
    found = ", ".join(sorted(set(frame["source"]))[:10])
    raise DataError(
        f"{path}: no alias has the source {' or '.join(SYMBOL_SOURCES)}; sources: {found}",
        "Give STRING's protein.info file instead.",
    )


def _named(links: Links, names: dict[str, str], info: Path) -> Links:
    """The links under gene symbols; those of a protein without a name are left out and counted."""
    symbols = [names.get(name, "") for name in links.names]
    lines = links.first_lines()
    unmapped = tuple(
        LeftOut(name, int(lines[number]), f"no name in {info.name}")
        for number, (name, symbol) in enumerate(zip(links.names, symbols, strict=True))
        if not symbol
    )
    if len(unmapped) == len(symbols):
        raise UsageError(
            f"{info}: names none of the proteins of the links ({links.names[0]} …)",
            "Give the protein.info file of the same species and version.",
        )
    distinct = dict.fromkeys(symbol for symbol in symbols if symbol)
    place = {symbol: number for number, symbol in enumerate(distinct)}
    row = np.array([place.get(symbol, -1) for symbol in symbols], dtype=np.int64)
    kept = (row[links.first] >= 0) & (row[links.second] >= 0)
    return replace(
        links,
        names=tuple(distinct),
        first=row[links.first[kept]],
        second=row[links.second[kept]],
        line=links.line[kept],
        weight=links.weight[kept] if links.weight is not None else None,
        dropped={"unmapped_lines": int((~kept).sum())} if unmapped else {},
        unmapped=unmapped,
    )


STRING = Format("string", "STRING links", _recognise, _read)
