"""hu.MAP: protein complexes; every two members of a complex are linked."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from mechpert_al.errors import DataError
from mechpert_al.networks.formats.base import Format, Options, has_columns
from mechpert_al.networks.links import Links
from mechpert_al.textfile import TextFile, numbers

#: Of each version: the columns of ids and confidence, and the number of confidence classes.
#: Class 1 is the most certain.
VERSIONS = {"3.0": ("HuMAP3_ID", "ComplexConfidence", 6), "2.0": ("HuMAP2_ID", "Confidence", 5)}


def _version(file: TextFile) -> str:
    for version, (identifier, confidence, _) in VERSIONS.items():
        if has_columns(file, identifier, confidence, "genenames"):
            return version
    return ""


def _recognise(file: TextFile) -> str:
    version = _version(file)
    return f"columns {VERSIONS[version][0]} and {VERSIONS[version][1]}" if version else ""


def _read(file: TextFile, options: Options) -> Links:
    version = _version(file)
    _, confidence, n_classes = VERSIONS[version]
    frame = file.table()
    classes = numbers(frame[confidence], file.path)
    wrong = np.flatnonzero((classes < 1) | (classes > n_classes))
    if wrong.size:
        raise DataError(
            f"{file.path}, line {frame.index[wrong[0]]}: {confidence} is {classes[wrong[0]]:g}, "
            f"expected 1 to {n_classes}",
            "Is it the file of another version?",
        )
    place: dict[str, int] = {}
    rows: list[tuple[int, int, int, float]] = []
    n_single = 0
    for line, text, certainty in zip(frame.index, frame["genenames"], classes, strict=True):
        members = [place.setdefault(one, len(place)) for one in dict.fromkeys(text.split())]
        n_single += len(members) < 2
        weight = (n_classes + 1 - certainty) / n_classes
        rows += [(one, other, line, weight) for one, other in combinations(members, 2)]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Links(
        tuple(place),
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        table[:, 2].astype(np.int64),
        table[:, 3],
        dropped={"single_member_lines": n_single} if n_single else {},
        notes=(
            f"hu.MAP {version}: every two members of a complex are linked",
            f"weights = ({n_classes + 1} − {confidence}) / {n_classes}: class 1 weighs 1",
        ),
    )


HUMAP = Format("humap", "hu.MAP complexes", _recognise, _read)
