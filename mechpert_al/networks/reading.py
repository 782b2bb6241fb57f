"""Reading a network file: format, scores, species, symbols; then one simple graph."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from mechpert_al.errors import DataError, UsageError
from mechpert_al.networks.formats import Options, recognise
from mechpert_al.networks.links import Links
from mechpert_al.networks.naming import one_name_each, refuse_foreign
from mechpert_al.networks.prior import PriorNetwork, Reading, simple_graph
from mechpert_al.symbols import SymbolTable
from mechpert_al.textfile import TextFile


def read_network(
    path: str | PathLike[str],
    info: str | PathLike[str] | None = None,
    min_score: float | None = None,
    symbols: SymbolTable | None = None,
    *,
    format: str | None = None,
    scale: float | None = None,
) -> PriorNetwork:
    """Read a prior network; the format is recognised by the file's first line.

    Parameters
    ----------
    path
        STRING, BioGRID, OmniPath, SIGNOR, CollecTRI, hu.MAP, Reactome FI, SIF, GraphML or an edge
        list (csv, tsv or blanks; also .gz or .zip).
    info
        The table that names the identifiers of a STRING file: protein.info or protein.aliases.
    min_score
        Links with a lower score are left out; 0 to 1, or up to 1000 on STRING's scale (700 is
        the same as 0.7).
    symbols
        Table of gene symbols, by which two names of one gene become one; by default the
        installed one.
    format
        Name of the format, if it is not to be recognised.
    scale
        What a full score is, if the file does not tell.

    Returns
    -------
    PriorNetwork
        Genes in alphabetical order; ``reading`` and ``dropped`` say what became of every line.

    Raises
    ------
    DataError
        If the file is not understood, is of another species, or leaves no link.
    UsageError
        If an option is out of range.
    """
    file = TextFile.of(Path(path))
    chosen, because = recognise(file, format)
    if info is not None and chosen.name != "string":
        raise UsageError(
            f"{path}: read as {chosen.title}, which needs no table of names, but {info} was given",
            "Leave it out; it goes with STRING's links.",
        )
    links = chosen.read(file, Options(Path(info) if info is not None else None, scale))
    table = symbols or SymbolTable.default()
    refuse_foreign(links.names, table, path)
    reading = Reading(
        str(path),
        chosen.title,
        because,
        links.n_links,
        len(links.names),
        links.n_pairs(),
        links.unmapped,
        notes=links.notes,
    )
    strong, dropped = _strong_enough(links, min_score, path)
    network = _assembled(strong, reading, table)
    network = replace(network, dropped={**links.dropped, **dropped, **network.dropped})
    if not network.n_edges:
        raise DataError(
            f"{path}: no link is left; left out: {dict(network.dropped)}",
            "Lower the minimum score, or see whether it is the right file.",
        )
    return network


def names_in(path: str | PathLike[str]) -> dict[str, int] | None:
    """Every name in a network file, with its first line; None if the file is not a network.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    file = TextFile.of(Path(path))
    try:
        chosen, _ = recognise(file)
    except DataError:
        return None
    links = chosen.read(file, Options())
    return dict(zip(links.names, links.first_lines().tolist(), strict=True))


def threshold(min_score: float | None) -> float:
    """A threshold between 0 and 1, whichever scale it was given on.

    Raises
    ------
    UsageError
        If it is negative or above 1000.
    """
    if min_score is None:
        return 0.0
    if not 0 <= min_score <= 1000:
        raise UsageError(
            f"the minimum score is {min_score:g}", "Give 0 to 1, or up to 1000 (700 means 0.7)."
        )
    return min_score / 1000 if min_score > 1 else min_score


def _strong_enough(
    links: Links, min_score: float | None, path: object
) -> tuple[Links, dict[str, int]]:
    """The links that reach the minimum; a link of weight 0 is none."""
    least = threshold(min_score)
    if links.weight is None:
        if min_score is not None:
            raise DataError(
                f"{path}: the links have no score, so none can be compared with {min_score:g}",
                "Leave the minimum score out.",
            )
        return links, {}
    zero = links.weight <= 0
    weak = ~zero & (links.weight < least)
    kept = ~zero & ~weak
    dropped = {"zero_weight_lines": int(zero.sum()), "low_score_lines": int(weak.sum())}
    return (
        replace(
            links,
            first=links.first[kept],
            second=links.second[kept],
            line=links.line[kept],
            weight=links.weight[kept],
        ),
        {reason: count for reason, count in dropped.items() if count},
    )


def _assembled(links: Links, reading: Reading, table: SymbolTable) -> PriorNetwork:
    """One simple graph of the genes that have a link."""
    genes, renamed, left_out = one_name_each(links.names, links.first_lines().tolist(), table)
    everything = sorted({gene for gene in genes if gene is not None})
    place = {gene: row for row, gene in enumerate(everything)}
    row_of = np.array([-1 if gene is None else place[gene] for gene in genes], dtype=np.int64)
    first, second = row_of[links.first], row_of[links.second]
    named = (first >= 0) & (second >= 0)
    weight = np.ones(links.n_links) if links.weight is None else links.weight
    adjacency, dropped = simple_graph(first[named], second[named], weight[named], len(everything))
    linked = np.flatnonzero(np.diff(adjacency.indptr))
    if not_matched := int((~named).sum()):
        dropped["not_matched_lines"] = not_matched
    if n_lone := len(everything) - len(linked):
        dropped["genes_without_link"] = n_lone
    reading = replace(reading, renamed=tuple(renamed), not_matched=tuple(left_out))
    return PriorNetwork(
        tuple(everything[row] for row in linked),
        adjacency[linked][:, linked],
        links.sources,
        dropped,
        reading,
    )
