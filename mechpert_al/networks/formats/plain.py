"""Plain edge lists: two columns of genes, optionally a weight and a resource."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mechpert_al.errors import DataError
from mechpert_al.networks.formats.base import Format, Options
from mechpert_al.networks.links import Links, from_columns, scaled
from mechpert_al.textfile import TextFile, cells, numbers

if TYPE_CHECKING:
    import pandas as pd

PAIRS = (
    ("source", "target"),
    ("regulator", "target"),
    ("tf", "target"),
    ("tf", "gene"),
    ("from", "to"),
    ("bait", "prey"),
)
WEIGHTS = ("weight", "score", "combined_score", "confidence", "edge_weight", "interaction_score")
RESOURCES = ("resource", "resources", "database", "databases", "source_database")
#: Words of which headers are made, and gene names are not (ID1 is a gene).
WORDS = re.compile(
    r"(?!id[12ab]?$)([ _.#-]|gene|protein|node|interactor|source|target|from|to|symbol|name|id|"
    r"partner|bait|prey|regulator|official)+[12ab]?",
    re.IGNORECASE,
)


def _key(column: str) -> str:
    return re.sub(r"[ .#-]+", "_", column.strip().lower()).strip("_")


def _pair(file: TextFile) -> tuple[str, str] | None:
    """The two columns of genes, if the first line is a header in which one pair can be meant."""
    keys = {_key(column): column for column in file.columns}
    for first, second in PAIRS:
        if first in keys and second in keys:
            return keys[first], keys[second]
    twins = [
        (keys[key], keys[twin])
        for key in keys
        for one, two in (("1", "2"), ("a", "b"))
        if key.endswith(one) and (twin := key[:-1] + two) in keys and WORDS.fullmatch(key)
    ]
    return twins[0] if len(twins) == 1 and not _stands_below(twins[0], file) else None


def _stands_below(names: tuple[str, ...], file: TextFile) -> bool:
    """Whether a name of the first line is also a cell further down, so that it is no header."""
    below = file.lines[file.n_comments + 1 :]
    return any(name in cells(line, file.delimiter)[:2] for line in below for name in names)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d*[.,]?\d+([eE][-+]?\d+)?", text) is not None


def _recognise(file: TextFile) -> str:
    if file.suffix == ".sif" or file.first.lstrip().startswith("<"):
        return ""
    if pair := _pair(file):
        return f"columns {pair[0]} and {pair[1]}"
    names = (*file.columns, "", "")[:2]
    has_header = any(map(WORDS.fullmatch, names)) and not _stands_below(names, file)
    if has_header or file.first.startswith("#"):
        return ""
    rows = [cells(line, file.delimiter) for line in file.lines[file.n_comments :] if line.strip()]
    width = {len(row) for row in rows}
    if width == {2}:
        return "two columns, no header"
    if width == {3} and all(_is_number(row[2]) for row in rows):
        return "two columns and a number, no header"
    return ""


def _read(file: TextFile, options: Options) -> Links:
    pair = _pair(file)
    if pair is None:
        names = ("source", "target", "weight")[: len(file.columns)]
        frame = file.table(has_header=False, names=names)
        pair = ("source", "target")
    else:
        frame = file.table()
    _check_names(frame, pair, file)
    keys = {_key(str(column)): str(column) for column in frame.columns}
    weight, notes = None, []
    scores = [keys[key] for key in WEIGHTS if key in keys]
    if len(scores) > 1:
        raise DataError(
            f"{file.path}: more than one column of weights: {', '.join(scores)}",
            "Keep the one that is meant.",
        )
    if scores:
        values = numbers(frame[scores[0]], file.path)
        weight, note = scaled(values, options.scale, f"{file.path}, {scores[0]}")
        notes.append(note)
    resource = next((keys[key] for key in RESOURCES if key in keys), None)
    unused = [c for c in keys.values() if c not in (*pair, *scores, resource)]
    if unused:
        notes.append(f"columns not used: {', '.join(unused)}")
    return from_columns(
        frame[pair[0]],
        frame[pair[1]],
        weight,
        frame[resource] if resource else None,
        notes=tuple(notes),
    )


def _check_names(frame: pd.DataFrame, pair: tuple[str, str], file: TextFile) -> None:
    for column in pair:
        empty = frame.index[frame[column] == ""]
        if len(empty):
            more = f" (and {len(empty) - 1} more lines)" if len(empty) > 1 else ""
            raise DataError(
                f"{file.path}, line {empty[0]}: {column} is empty{more}, expected a gene",
                "Complete the line or remove it.",
            )


PLAIN = Format("edges", "an edge list", _recognise, _read)
