"""The transcriptome that reads are counted on: its genes and what it calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

from mechpert_al.errors import DataError
from mechpert_al.textfile import TextFile


@dataclass(frozen=True, eq=False)
class Transcriptome:
    """Genes of a Cell Ranger reference.

    Parameters
    ----------
    name_of
        Ensembl id → name.
    source
        The file.
    """

    name_of: Mapping[str, str]
    source: str

    @cached_property
    def id_of(self) -> Mapping[str, str]:
        """Name → Ensembl id; names of several genes are not in it."""
        found: dict[str, str] = {}
        twice = set()
        for gene, name in self.name_of.items():
            if found.setdefault(name, gene) != gene:
                twice.add(name)
        return {name: gene for name, gene in found.items() if name not in twice}

    def find(self, symbol: str, ensembl_id: str) -> str:
        """The reference's Ensembl id of a gene, by its id, else by its name; empty if none."""
        return ensembl_id if ensembl_id in self.name_of else self.id_of.get(symbol, "")


def read_transcriptome(path: str | PathLike[str]) -> Transcriptome:
    """Read the genes of a reference.

    Parameters
    ----------
    path
        ``features.tsv`` (or genes.tsv, also .gz) of any Cell Ranger run on it: id and name in the
        first two columns.

    Raises
    ------
    DataError
        If the file has no Ensembl gene ids in its first column.
    """
    file = TextFile.of(Path(path))
    if len(file.columns) < 2 or not file.columns[0].startswith("ENS"):
        raise DataError(
            f"{path}, line 1: {file.first[:60]!r}, expected an Ensembl id and a name",
            "Give the features.tsv.gz of a Cell Ranger run on the same reference.",
        )
    further = [f"column {number}" for number in range(3, len(file.columns) + 1)]
    frame = file.table(has_header=False, names=["id", "name", *further])
    return Transcriptome(dict(zip(frame["id"], frame["name"], strict=True)), str(path))
