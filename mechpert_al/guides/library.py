"""Guide libraries as they are published: read by their columns, each row with its line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from mechpert_al.effects.control_words import control_word
from mechpert_al.errors import DataError
from mechpert_al.symbols import SymbolTable
from mechpert_al.textfile import TextFile

if TYPE_CHECKING:
    import pandas as pd

#: What columns are called (letters and digits only, small), the usual name first.
ID = ("id", "sgid", "sgrnaid", "sgrna", "guide", "guideid", "uid")
SEQUENCE = (
    "sequence", "sgrnasequence", "guidesequence", "targetingsequence", "protospacer",
    "protospacersequence", "spacer", "spacersequence", "targetsequence", "seq",
)  # fmt: skip
GENE = (
    "gene", "annotatedgenesymbol", "genesymbol", "symbol", "targetgenename", "targetgene",
    "genename", "target",
)  # fmt: skip
ENSEMBL = ("ensemblgeneid", "ensemblid", "targetgeneid", "geneid", "annotatedgeneid")
#: Dual-guide elements: identifier and sequence of both positions.
PAIRS = (("sgida", "targetingsequencea"), ("sgidb", "targetingsequenceb"))

_NUCLEOTIDES = re.compile(r"[ACGTNacgtn]{15,}")
_ENSEMBL_GENE = re.compile(r"ENS[A-Z]*G\d{11}")


@dataclass(frozen=True)
class LibraryRow:
    """One guide of a library, as it stands there.

    Parameters
    ----------
    line
        Where it stands, counted as an editor does.
    id, sequence, gene
        As in the file.
    ensembl_id
        Of the gene, if the file gives one.
    """

    line: int
    id: str
    sequence: str
    gene: str
    ensembl_id: str = ""


@dataclass(frozen=True, eq=False)
class GuideLibrary:
    """All guides of a library file.

    Parameters
    ----------
    rows
        In the order of the file.
    source
        The file.
    """

    rows: tuple[LibraryRow, ...]
    source: str

    @cached_property
    def of_gene(self) -> Mapping[str, tuple[LibraryRow, ...]]:
        """Rows of each gene, controls left out."""
        found: dict[str, list[LibraryRow]] = {}
        for row in self.rows:
            found.setdefault(row.gene, []).append(row)
        return {gene: tuple(rows) for gene, rows in found.items() if not _is_control(gene)}

    @cached_property
    def controls(self) -> tuple[LibraryRow, ...]:
        """Guides without a target."""
        return tuple(row for row in self.rows if row.gene not in self.of_gene)


def read_library(path: str | PathLike[str]) -> GuideLibrary:
    """Read a guide library: columns for identifier, sequence and gene, by name or by place.

    Recognised are CRISPRi v2 and what ScreenProcessing writes, Dolcetto, the dual-guide libraries
    of Replogle et al. 2022, a Cell Ranger feature reference, and MAGeCK's three columns without a
    header. A dual-guide element gives two guides.

    Parameters
    ----------
    path
        The file (.csv, .tsv, .txt; also .gz or .zip).

    Raises
    ------
    DataError
        If the file is missing or has no such columns.
    """
    file = TextFile.of(Path(path))
    if any(_NUCLEOTIDES.fullmatch(cell) for cell in file.columns):
        rows = list(_rows_by_place(file))
    else:
        rows = list(_rows_by_name(file))
    if not rows:
        raise DataError(f"{path}: no guide in this file", "Is it the library itself?")
    return GuideLibrary(tuple(rows), str(path))


def _rows_by_place(file: TextFile) -> Iterator[LibraryRow]:
    """Rows of a file without a header: identifier, sequence, gene."""
    names = ["id", "sequence", "gene"]
    further = [f"column {number}" for number in range(4, len(file.columns) + 1)]
    if len(file.columns) < len(names):
        raise DataError(
            f"{file.path}, line {file.n_comments + 1}: {len(file.columns)} columns, expected "
            f"{', '.join(names)}",
            "Name the columns in the first line.",
        )
    frame = file.table(has_header=False, names=[*names, *further], is_quoted=_is_quoted(file))
    for line, name, sequence, gene in zip(
        frame.index, frame["id"], frame["sequence"], frame["gene"], strict=True
    ):
        yield LibraryRow(int(line), name, sequence, gene)


def _rows_by_name(file: TextFile) -> Iterator[LibraryRow]:
    frame = file.table(is_quoted=_is_quoted(file))
    keys = {_key(str(column)): str(column) for column in frame.columns}
    gene = _column(file, keys, GENE, "gene")
    ensembl = next((keys[name] for name in ENSEMBL if name in keys), None)
    pairs = [(keys[a], keys[b]) for a, b in PAIRS if a in keys and b in keys]
    if not pairs:
        sequence = _column(file, keys, SEQUENCE, "sequence")
        found = next((keys[name] for name in ID if name in keys), None)
        pairs = [(found or _numbered(frame, gene), sequence)]
    for line, row in zip(frame.index, frame.to_dict("records"), strict=True):
        known = str(row[ensembl]) if ensembl is not None else ""
        for name, sequence in pairs:
            yield LibraryRow(
                int(line),
                str(row[name]),
                str(row[sequence]),
                str(row[gene]),
                known if _ENSEMBL_GENE.fullmatch(known) else "",
            )


def _is_quoted(file: TextFile) -> bool:
    """Whether quotes enclose cells; a lone one is a part of a name, and must not swallow lines."""
    with file.opened() as lines:
        return all(line.count('"') % 2 == 0 for line in lines)


def _numbered(frame: pd.DataFrame, gene: str) -> str:
    """Name the guides of a library that does not: gene and running number; the new column."""
    seen: Counter[str] = Counter()
    names = []
    for symbol in frame[gene]:
        seen[symbol] += 1
        names.append(f"{symbol}_{seen[symbol]}")
    frame["guide named here"] = names
    return "guide named here"


def _column(file: TextFile, keys: Mapping[str, str], names: Sequence[str], what: str) -> str:
    for name in names:
        if name in keys:
            return keys[name]
    raise DataError(
        f"{file.path}, line {file.n_comments + 1}: no column for the {what} of a guide; the "
        f"columns are {', '.join(keys.values())}",
        f"Call it {names[0]}. Needed are id, sequence and gene.",
    )


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_control(gene: str) -> bool:
    """Whether a target is the library's word for "none"."""
    word = gene.upper().removeprefix("UNKNOWN_")
    return not gene or (
        control_word(word) is not None and not SymbolTable.default().is_symbol(gene)
    )
