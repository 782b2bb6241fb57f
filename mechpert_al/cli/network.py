"""``mechpert-al network``: what a prior network holds, and how central its genes are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.groups import Group
from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import print_json, say, table, working

if TYPE_CHECKING:
    from mechpert_al.networks import PriorNetwork

MEASURES = ("degree", "betweenness", "pagerank", "closeness", "eigenvector")
#: Up to this many links a JSON document has all of them without being asked.
SMALL = 1000
#: Names that are told on stderr before the rest is only counted.
SHOWN = 20


@click.group(cls=Group, epilog="Example: mechpert-al network check network.tsv")
def network() -> None:
    """Prior networks: what a file holds, and how central its genes are."""


def _reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of everything that reads a network."""
    for option in (
        click.option(
            "--scale", type=float, help="What a full score is, where the file does not tell."
        ),
        click.option("--format", "form", help="The file's format, if it is not to be recognised."),
        click.option(
            "--weighted", is_flag=True, help="Strong links count more (length = 1 / weight)."
        ),
        click.option(
            "--min-score",
            type=float,
            help="Leave out weaker links; 0 to 1, or up to 1000 (700 is 0.7).",
        ),
        click.option(
            "--info",
            type=click.Path(path_type=Path),
            help="STRING's protein.info or protein.aliases file.",
        ),
        click.argument("file", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


@network.command(
    epilog="Example: mechpert-al network check 9606.protein.links.txt.gz "
    "--info 9606.protein.info.txt.gz --min-score 0.7"
)
@_reading_options
@click.option("--edges", is_flag=True, help="List every link, however many there are.")
@json_option
def check(
    file: Path,
    info: Path | None,
    min_score: float | None,
    weighted: bool,
    form: str | None,
    scale: float | None,
    edges: bool,
    as_json: bool,
) -> None:
    """Read the network in FILE and tell what is in it and what was left out."""
    read = _read(file, info, min_score, form, scale)
    if as_json:
        _tell(read)
        print_json(_document(read, weighted, edges))
        return
    table(["", ""], _summary(read, weighted))
    if edges:
        click.echo()
        table(["gene", "gene", "weight>"], read.edges())


@network.command(
    epilog="Example: mechpert-al network centrality network.tsv --measure betweenness --top 20"
)
@_reading_options
@click.option(
    "--measure",
    "measures",
    multiple=True,
    type=click.Choice(MEASURES),
    default=("degree",),
    show_default=True,
    help="May be given several times; genes are ranked by the first.",
)
@click.option("--top", type=click.IntRange(min=1), help="Only so many genes.")
@json_option
def centrality(
    file: Path,
    info: Path | None,
    min_score: float | None,
    weighted: bool,
    form: str | None,
    scale: float | None,
    measures: tuple[str, ...],
    top: int | None,
    as_json: bool,
) -> None:
    """Rank the genes of the network in FILE by centrality.

    Definitions are networkx's: degree / (n − 1), betweenness / ((n − 1)(n − 2) / 2), closeness
    after Wasserman and Faust, PageRank with damping 0.85, the leading eigenvector of the largest
    connected component.
    """
    from mechpert_al.networks import centrality as compute

    read = _read(file, info, min_score, form, scale)
    _tell(read)
    with working("counting shortest paths and the like"):
        values = {measure: compute(read, measure, weighted) for measure in dict.fromkeys(measures)}
    leading = next(iter(values.values()))
    order = sorted(range(read.n_genes), key=lambda row: (-leading[row], read.genes[row]))[:top]
    if as_json:
        print_json(
            {
                **_counts(read),
                "weighted": weighted,
                "top": read.genes[order[0]],
                **{
                    measure: {read.genes[row]: float(found[row]) for row in order}
                    for measure, found in values.items()
                },
                "n_neighbours": {read.genes[row]: int(read.degree[row]) for row in order},
            }
        )
        return
    weights = "lengths = 1 / weight" if weighted else "weights not used"
    table(
        ["rank>", "gene", "neighbours>", *(f"{measure}>" for measure in values)],
        [
            (
                rank,
                read.genes[row],
                int(read.degree[row]),
                *(float(one[row]) for one in values.values()),
            )
            for rank, row in enumerate(order, start=1)
        ],
        title=f"{read.n_genes} genes, {read.n_edges} links; {weights}",
    )


def _read(
    file: Path, info: Path | None, min_score: float | None, form: str | None, scale: float | None
) -> PriorNetwork:
    from mechpert_al.datasets import resolve
    from mechpert_al.networks import read_network

    named = resolve(info) if info is not None else None
    with working(f"reading {file.name}"):
        return read_network(resolve(file), named, min_score, format=form, scale=scale)


def _told(read: PriorNetwork) -> list[str]:
    """Every name that was left out or renamed, with its line and reason."""
    if read.reading is None:
        return []
    left_out = [*read.reading.unmapped, *read.reading.not_matched]
    return [
        f"line {one.line}: {one.name} left out, {one.why}"
        if one.line
        else f"{one.name} left out, {one.why}"
        for one in left_out
    ] + [
        f"line {one.line}: {one.name} merged into {one.gene} ({one.why})"
        for one in read.reading.renamed
    ]


def _tell(read: PriorNetwork) -> None:
    """Say on stderr what is not letter for letter as in the file."""
    told = _told(read)
    for line in told[:SHOWN]:
        say(line)
    if len(told) > SHOWN:
        say(f"… and {len(told) - SHOWN} more names; --json lists all of them")


def _counts(read: PriorNetwork) -> dict[str, Any]:
    document = read.info()
    if read.reading is not None:
        document["left_out"] = [
            {"name": one.name, "line": one.line or None, "why": one.why}
            for one in (*read.reading.unmapped, *read.reading.not_matched)
        ]
        document["merged"] = [
            {"name": one.name, "gene": one.gene, "line": one.line or None, "why": one.why}
            for one in read.reading.renamed
        ]
    return document


def _document(read: PriorNetwork, weighted: bool, edges: bool) -> dict[str, Any]:
    """The counts; of a small network also degrees, betweenness and every link."""
    from mechpert_al.networks import centrality as compute

    document = {**_counts(read), "weighted": weighted}
    is_small = read.n_edges <= SMALL
    if is_small:
        values = compute(read, "betweenness", weighted, cache=False)
        document["degree"] = {
            gene: int(count) for gene, count in zip(read.genes, read.degree, strict=True)
        }
        document["betweenness"] = {
            gene: float(value) for gene, value in zip(read.genes, values, strict=True)
        }
    if is_small or edges:
        document["weights"] = {f"{one}|{other}": weight for one, other, weight in read.edges()}
        document["neighbours"] = {gene: sorted(read.neighbours(gene)) for gene in read.genes}
    return document


def _summary(read: PriorNetwork, weighted: bool) -> list[tuple[str, Any]]:
    reading = read.reading
    rows: list[tuple[str, Any]] = [("genes", read.n_genes), ("links", read.n_edges)]
    if reading is not None:
        rows += [
            ("read as", f"{reading.recognised} ({reading.because})"),
            ("names in the file", reading.n_names),
            ("pairs in the file", reading.n_pairs),
        ]
        rows += [("note", note) for note in reading.notes]
    if read.is_weighted:
        data = read.adjacency.data
        use = "length = 1 / weight" if weighted else "not used without --weighted"
        rows.append(("weights", f"{data.min():g} to {data.max():g}; in shortest paths {use}"))
    rows += [(f"links from {source}", count) for source, count in read.sources.items()]
    rows += [(reason.replace("_", " "), count) for reason, count in read.dropped.items()]
    told = _told(read)
    rows += [("not letter for letter", line) for line in told[:SHOWN]]
    if len(told) > SHOWN:
        rows.append(("", f"… and {len(told) - SHOWN} more names; --json lists all of them"))
    return rows
