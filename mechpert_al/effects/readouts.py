"""Names of readouts, and what to do when several columns carry one name.

Reference genomes have several genes under one symbol. Such columns are never picked from or made
unique in silence: MATR3-1 beside MATR3 is the same trouble after somebody made the names unique.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.conversion import ConvertOptions, some
from mechpert_al.effects.labels import Symbols
from mechpert_al.errors import DataError

ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl_gene_id", "feature_id")
SYMBOL_COLUMNS = ("gene_name", "gene_symbol", "gene_symbols", "symbol", "feature_name")
_ENSEMBL = re.compile(r"ENS[A-Z]*G\d{6,}(\.\d+)?")
_MADE_UNIQUE = re.compile(r"(?P<base>.+?)(?:[-._]\d+|_ENS[A-Z]*G\d+(?:\.\d+)?)")


@dataclass(frozen=True, eq=False)
class Readouts:
    """Readouts and the columns they come from.

    Parameters
    ----------
    names
        One a readout, unique.
    of_column
        Number of the readout of each column, shape (n_columns,).
    notes
        What was decided, one sentence each.
    """

    names: tuple[str, ...]
    of_column: np.ndarray
    notes: tuple[str, ...] = ()


def read_readouts(
    file: AnnotatedFile, options: ConvertOptions, symbols: Symbols, can_sum: bool
) -> Readouts:
    """The readouts of a file.

    Parameters
    ----------
    can_sum
        Whether values of several columns may be added up: true for counts only.

    Raises
    ------
    DataError
        If columns share a name and the options do not say what to do.
    """
    names, source = _names(file, options.readout_names)
    if not names:
        raise DataError(f"{file.path}: no readouts (var is empty)", "Is this the right file?")
    empty = [column for column, name in enumerate(names) if not name]
    if empty:
        raise DataError(
            f"{file.path}: column {empty[0] + 1} has no name in {source}",
            "Name every readout, or use other names: --readout-names gene_ids.",
        )
    notes = () if source == "var_names" else (f"Readouts are named by {source}.",)
    repeated = _repeated(names, _ids(file), symbols)
    if not repeated:
        return Readouts(tuple(names), np.arange(len(names)), notes)
    shown = some([_described(name, columns, names, file) for name, columns in repeated.items()])
    if options.duplicated_readouts == "error" or not can_sum:
        offer = "sum their counts (--duplicated-readouts sum), or " if can_sum else ""
        raise DataError(
            f"{file.path}: {len(repeated)} readout names stand for several columns: {shown}",
            f"To mend it, {offer}use ids (--readout-names gene_ids).",
        )
    renamed = list(names)
    for name, columns in repeated.items():
        for column in columns:
            renamed[column] = name
    unique = tuple(dict.fromkeys(renamed))
    number = {name: readout for readout, name in enumerate(unique)}
    return Readouts(
        unique,
        np.array([number[name] for name in renamed]),
        (*notes, f"Counts of columns with one name were summed: {shown}."),
    )


def own_readouts(
    perturbations: Sequence[str], readouts: Sequence[str], symbols: Symbols
) -> dict[str, list[int]]:
    """For each perturbation the columns of its own genes: the same text, or the same gene.

    A name that the symbol table does not know is no gene, and has no own readout.
    """
    column_of = {name: column for column, name in enumerate(readouts)}
    column_of_gene: dict[str, int] = {}
    for name, column in column_of.items():
        column_of_gene.setdefault(symbols.current_of(name) or name, column)
    own: dict[str, list[int]] = {}
    for perturbation in perturbations:
        for name in perturbation.split("+"):
            gene = symbols.current_of(name)
            if gene is None:
                continue
            found = [column_of.get(name), column_of_gene.get(gene)]
            found.append(column_of.get(symbols.ensembl_id(name) or ""))
            own.setdefault(perturbation, []).extend([c for c in found if c is not None][:1])
    return {perturbation: columns for perturbation, columns in own.items() if columns}


def _names(file: AnnotatedFile, wanted: str) -> tuple[list[str], str]:
    if wanted == "symbol":
        is_id = sum(_ENSEMBL.fullmatch(name) is not None for name in file.variables)
        if 2 * is_id > len(file.variables):
            for column in SYMBOL_COLUMNS:
                if file.has("var", column):
                    return _texts(file, column), f"var[{column!r}]"
        return list(file.variables), "var_names"
    for column in ID_COLUMNS if wanted == "gene_ids" else (wanted,):
        if file.has("var", column):
            return _texts(file, column), f"var[{column!r}]"
    if wanted == "gene_ids" and all(map(_ENSEMBL.fullmatch, file.variables)):
        return list(file.variables), "var_names"
    have = ", ".join(file.columns("var")) or "none"
    raise DataError(
        f"{file.path}: no column of var for --readout-names {wanted}", f"Columns of var: {have}."
    )


def _texts(file: AnnotatedFile, column: str) -> list[str]:
    return [text or "" for text in file.labels("var", column).texts()]


def _ids(file: AnnotatedFile) -> list[str]:
    for column in ID_COLUMNS:
        if file.has("var", column):
            return _texts(file, column)
    return list(file.variables)


def _repeated(names: Sequence[str], ids: Sequence[str], symbols: Symbols) -> dict[str, list[int]]:
    """Names of several columns, those that were made unique by a number included."""
    columns: Mapping[str, list[int]] = defaultdict(list)
    for column, name in enumerate(names):
        columns[name].append(column)
    present = set(names)
    found: dict[str, list[int]] = {}
    for name, here in columns.items():
        base = _base(name, present, symbols)
        if base is not None:
            here = sorted({*columns.get(base, []), *here, *found.get(base, [])})
        if len(here) > 1 and (base is None or len({ids[column] for column in here}) > 1):
            found[base or name] = sorted({*found.get(base or name, []), *here})
    return found


def _base(name: str, present: set[str], symbols: Symbols) -> str | None:
    """MATR3 of MATR3-1, if MATR3 is there and MATR3-1 is no name of a gene."""
    match = _MADE_UNIQUE.fullmatch(name)
    if match is None or match["base"] not in present or symbols.current_of(name) is not None:
        return None
    return match["base"]


def _described(name: str, columns: Sequence[int], names: Sequence[str], file: AnnotatedFile) -> str:
    ids = _ids(file)
    spelled = dict.fromkeys(names[column] for column in columns)
    places = ", ".join(str(column + 1) for column in columns)
    named = "" if list(spelled) == [name] else f" ({', '.join(spelled)})"
    return f"{name}{named} in columns {places}: {', '.join(ids[column] for column in columns)}"
