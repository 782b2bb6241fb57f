"""Lists of genes that a person keeps: candidates, genes to include or to leave out, costs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mechpert_al.errors import DataError, SymbolError
from mechpert_al.symbols.damage import may_be_damaged
from mechpert_al.symbols.table import SymbolTable
from mechpert_al.textfile import TextFile, numbers

if TYPE_CHECKING:
    import pandas as pd

#: Headers of the column of genes.
GENE_COLUMNS = (
    "gene", "genes", "symbol", "symbols", "candidate", "candidates", "gene_symbol", "gene_name",
    "hgnc_symbol", "perturbation", "target", "target_gene",
)  # fmt: skip


class Repeat(NamedTuple):
    """A gene that stands in a list again."""

    gene: str
    line: int
    first_line: int


@dataclass(frozen=True, eq=False)
class GeneList:
    """Genes with their lines, as written in a file.

    Parameters
    ----------
    genes
        Names as in the file, unique, in its order.
    lines
        The line of each, counted from 1 as an editor does.
    cost
        float64, shape (n_genes,); None without such a column.
    group
        A text for each gene; None without such a column.
    repeats
        Genes that stand again further down; the first line counts.
    source
        The file.
    """

    genes: tuple[str, ...]
    lines: tuple[int, ...]
    cost: np.ndarray | None = None
    group: tuple[str, ...] | None = None
    repeats: tuple[Repeat, ...] = ()
    source: str = ""

    def __len__(self) -> int:
        return len(self.genes)

    def line_of(self, gene: str) -> int:
        """The line on which a gene stands."""
        return self.lines[self.genes.index(gene)]


def read_gene_list(path: str | PathLike[str], column: str | None = None) -> GeneList:
    """Read a list of genes: one a line, or a CSV/TSV with a header.

    Parameters
    ----------
    path
        The file; empty lines and lines that begin with ``#`` do not count.
    column
        Header of the column of genes; by default ``gene``, ``symbol``, ``candidate`` or the like.
        Columns ``cost`` and ``group`` are read if they are there.

    Raises
    ------
    SymbolError
        Listing every cell that a spreadsheet changed (1-Mar, 44256, 2.31E+19).
    DataError
        If the file is missing, is no such list, a cost is not positive, or a gene stands twice
        with different costs.
    """
    frame = gene_rows(path, column)
    refuse_damaged(frame["gene"].items(), str(path))
    again = frame["gene"].duplicated()
    first = frame[~again]
    line_of = dict(zip(first["gene"], first.index.tolist(), strict=True))
    twice = frame["gene"][again]
    repeats = tuple(
        Repeat(gene, line, line_of[gene])
        for line, gene in zip(twice.index.tolist(), twice, strict=True)
    )
    _refuse_contradictions(frame, repeats, str(path))
    return GeneList(
        tuple(line_of),
        tuple(line_of.values()),
        _costs(first["cost"], str(path)) if "cost" in first else None,
        tuple(first["group"]) if "group" in first else None,
        repeats,
        str(path),
    )


def gene_rows(path: str | PathLike[str], column: str | None = None) -> pd.DataFrame:
    """The rows of a gene list as text: ``gene``, and ``cost`` and ``group`` where they are there.

    Parameters
    ----------
    path, column
        See `read_gene_list`.

    Returns
    -------
    pandas.DataFrame
        Index: the line in the file. Nothing is judged yet but an empty gene.
    """
    file = TextFile.of(Path(path))
    keys = [_key(name) for name in cells_of(file)]
    place = _gene_column(keys, column, file)
    if place is None:
        frame = file.table(has_header=False, names=["gene"], delimiter="\t")
    else:
        further = [keys.index(key) for key in ("cost", "group") if key in keys]
        frame = file.table(
            names=[f"{number}" for number in range(len(keys))],
            delimiter=file.delimiter.replace(" ", "\t"),
        )
        frame = frame.iloc[:, [place, *further]]
        frame.columns = ["gene", *(keys[number] for number in further)]
    frame = frame[~frame["gene"].str.startswith("#")]
    empty = frame.index[frame["gene"] == ""]
    if len(empty):
        raise DataError(
            f"{path}, line {empty[0]}: no gene in this line", "Complete the line or remove it."
        )
    if frame.empty:
        raise DataError(f"{path}: no gene in this file", "Write one gene a line.")
    return frame


def gene_columns(path: str | PathLike[str]) -> list[str]:
    """The columns of a table that hold genes by their headers; several in a table of effects."""
    return [name for name in cells_of(TextFile.of(Path(path))) if _key(name) in GENE_COLUMNS]


def cells_of(file: TextFile) -> tuple[str, ...]:
    """The cells of the first line; without tabs, commas or semicolons the line is one cell."""
    return (file.first.strip().strip('"'),) if file.delimiter == " " else file.columns


def _key(name: str) -> str:
    return re.sub(r"[ .-]+", "_", name.strip().lower())


def _gene_column(keys: list[str], column: str | None, file: TextFile) -> int | None:
    """Which column holds the genes; None if the file is one column without a header."""
    where = f"{file.path}, line {file.n_comments + 1}"
    wanted = (_key(column),) if column is not None else GENE_COLUMNS
    found = [number for number, key in enumerate(keys) if key in wanted]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise DataError(
            f"{where}: more than one column of genes: {', '.join(keys[one] for one in found)}",
            "Say which column is meant, or keep only that one.",
        )
    if len([key for key in keys if key]) == 1 and column is None:
        return None
    raise DataError(
        f"{where}: no column {column or 'gene, symbol or candidate'} in the header: "
        + ", ".join(cells_of(file)),
        "Name the column of genes in the first line.",
    )


def refuse_damaged(cells: Iterable[tuple[object, str]], path: str) -> None:
    """Stop at names that a spreadsheet changed.

    Parameters
    ----------
    cells
        Line and text of each name.
    path
        The file, for the message.

    Raises
    ------
    SymbolError
        Listing all of them. The symbol table is loaded only if some look like that.
    """
    suspects = [(line, text) for line, text in cells if may_be_damaged(text)]
    if not suspects:
        return
    table = SymbolTable.default()
    damaged = [
        f"{path}, line {line}: {text!r} {damage}"
        for line, text in suspects
        if (damage := table.damage(text))
    ]
    if damaged:
        raise SymbolError(
            "\n".join(damaged),
            f"{len(damaged)} gene names were changed by a spreadsheet. Write the symbols again, "
            "with the column formatted as text, or keep the list outside the spreadsheet.",
        )


def _costs(column: pd.Series, path: str) -> np.ndarray:
    costs = numbers(column, path)
    below = np.flatnonzero(costs <= 0)
    if below.size:
        raise DataError(
            f"{path}, line {column.index[below[0]]}: cost is {costs[below[0]]:g}, "
            "expected a positive number",
            "Correct the cost, or leave the gene out.",
        )
    return costs


def _refuse_contradictions(frame: pd.DataFrame, repeats: tuple[Repeat, ...], path: str) -> None:
    for gene, line, first in repeats:
        for key in frame.columns.drop("gene"):
            here, there = str(frame.at[line, key]), str(frame.at[first, key])
            if here != there:
                raise DataError(
                    f"{path}, line {line}: {gene} has {key} {here!r}, "
                    f"and {there!r} on line {first}",
                    "Remove one of the two lines.",
                )
