"""Graph files of network viewers: SIF and GraphML."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from mechpert_al.errors import DataError
from mechpert_al.networks.formats.base import Format, Options
from mechpert_al.networks.formats.plain import WEIGHTS
from mechpert_al.networks.links import Links, scaled
from mechpert_al.textfile import TextFile

#: Attributes of GraphML nodes that hold the gene's name, the best first.
NAME_ATTRIBUTES = ("symbol", "gene_symbol", "gene", "name", "label", "shared name")


def _links(
    pairs: list[tuple[str, str, int]], weight: np.ndarray | None = None, **further: Any
) -> Links:
    names = dict.fromkeys(name for pair in pairs for name in pair[:2])
    place = {name: number for number, name in enumerate(names)}
    table = np.array(
        [(place[one], place[other], line) for one, other, line in pairs], dtype=np.int64
    ).reshape(-1, 3)
    return Links(tuple(names), table[:, 0], table[:, 1], table[:, 2], weight, **further)


# ---------------------------------------------------------------------- SIF
def _recognise_sif(file: TextFile) -> str:
    return "the name ends with .sif" if file.suffix == ".sif" else ""


def _read_sif(file: TextFile, options: Options) -> Links:
    """Lines ``gene relation gene …``; a gene alone on its line is counted."""
    pairs: list[tuple[str, str, int]] = []
    relations: Counter[str] = Counter()
    n_lone = 0
    with file.opened() as text:
        for number, line in enumerate(text, start=1):
            if not line.strip() or line.startswith("#"):
                continue
            separator = "\t" if "\t" in line else None
            cells = [cell.strip() for cell in line.rstrip("\n").split(separator)]
            if len(cells) == 1:
                n_lone += 1
                continue
            if len(cells) == 2 or "" in cells:
                raise DataError(
                    f"{file.path}, line {number}: {line.strip()[:80]!r} is no line of a SIF file",
                    "Expected a gene, a relation and one or more genes; or a gene alone.",
                )
            source, relation, *targets = cells
            relations[relation] += len(targets)
            pairs += [(source, target, number) for target in targets]
    return _links(
        pairs,
        sources=dict(sorted(relations.items())),
        dropped={"lone_gene_lines": n_lone} if n_lone else {},
        notes=("links counted by relation",),
    )


# ---------------------------------------------------------------------- GraphML
def _recognise_graphml(file: TextFile) -> str:
    start = "\n".join(file.lines)
    return "an XML file with <graphml>" if re.search(r"<(\w+:)?graphml\b", start) else ""


def _read_graphml(file: TextFile, options: Options) -> Links:
    graph = _parsed(file)
    attribute = next(
        (
            one
            for one in NAME_ATTRIBUTES
            if len(graph) and all(data.get(one) for _, data in graph.nodes(data=True))
        ),
        None,
    )
    name = {
        node: str(data[attribute] if attribute else node).strip()
        for node, data in graph.nodes(data=True)
    }
    edges = list(graph.edges(data=True))
    scores = [one for one in WEIGHTS if edges and all(one in data for *_, data in edges)]
    notes = [f"genes named by {attribute}" if attribute else "genes named by the node's id"]
    weight = None
    if scores:
        values = _edge_numbers(edges, scores[0], file)
        weight, note = scaled(values, options.scale, f"{file.path}, {scores[0]}")
        notes.append(note)
    return _links(
        [(name[one], name[other], 0) for one, other, _ in edges], weight, notes=tuple(notes)
    )


_REMEDY = "Give every edge its number, or leave the attribute out of all."


def _edge_numbers(
    edges: list[tuple[Any, Any, dict[str, Any]]], key: str, file: TextFile
) -> np.ndarray:
    try:
        values = np.array([float(data[key]) for *_, data in edges])
    except (TypeError, ValueError) as error:
        raise DataError(f"{file.path}: an edge's {key} is no number: {error}", _REMEDY) from error
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        source, target, data = edges[wrong[0]]
        raise DataError(
            f"{file.path}: {key} of the edge {source} – {target} is {data[key]}, expected a number",
            _REMEDY,
        )
    return values


def _parsed(file: TextFile) -> Any:
    """The graph; a document that defines entities is refused, for they can explode."""
    from xml.etree.ElementTree import ParseError

    import networkx as nx

    with file.opened() as opened:
        text = opened.read()
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise DataError(
            f"{file.path}: the XML has a document type or entity definition, which is not read",
            "GraphML needs none: remove the <!DOCTYPE …> part.",
        )
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        return nx.parse_graphml(text)
    except (ParseError, nx.NetworkXError, KeyError, ValueError) as error:
        raise DataError(
            f"{file.path}: not a GraphML file that can be read: {error}",
            "Export it again, or write an edge list with the columns source and target.",
        ) from error


SIF = Format("sif", "SIF", _recognise_sif, _read_sif, may_be_told=True)
GRAPHML = Format("graphml", "GraphML", _recognise_graphml, _read_graphml)
