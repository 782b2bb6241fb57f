"""Order files: for people, for Cell Ranger, for MAGeCK."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mechpert_al.errors import UsageError
from mechpert_al.guides.selection import NON_TARGETING, Guide

Orientation = Literal["forward", "reverse"]
#: Where the spacer stands in the read, by how it is read (10x Genomics' own patterns).
PATTERNS: Mapping[str, str] = {
    "forward": "(BC)GTTTAAGAGCTAAGCTGGAA",
    "reverse": "TTCCAGCTTAGCTCTTAAAC(BC)",
}
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class ReadLayout:
    """How the sequencer reads the guides; only Cell Ranger's file says it.

    Parameters
    ----------
    orientation
        ``forward`` as in the library, or ``reverse``: the reverse complement.
    read
        R1 or R2.
    pattern
        With ``(BC)`` for the spacer; by default that of 10x Genomics for the orientation.

    Raises
    ------
    UsageError
        A pattern that does not hold ``(BC)`` once.
    """

    orientation: Orientation = "forward"
    read: Literal["R1", "R2"] = "R2"
    pattern: str = ""

    def __post_init__(self) -> None:
        if self.pattern and self.pattern.count("(BC)") != 1:
            raise UsageError(
                f"the pattern {self.pattern!r} does not hold (BC) once",
                "Write (BC) where the spacer stands in the read, as in (BC)GTTTAAGAGC.",
            )

    def as_read(self, sequence: str) -> str:
        """The spacer as the sequencer reads it."""
        if self.orientation == "forward":
            return sequence
        return sequence.translate(_COMPLEMENT)[::-1]


def cellranger(
    guides: Sequence[Guide], layout: ReadLayout, names: Mapping[str, str] | None = None
) -> str:
    """A Cell Ranger feature reference (CSV).

    Parameters
    ----------
    guides
        Their targets without a known Ensembl id are written as ``None``, which Cell Ranger allows.
    layout
        How they are read.
    names
        Name of each Ensembl id in the transcriptome; by default the genes' own.
    """
    header = (
        "id", "name", "read", "pattern", "sequence", "feature_type", "target_gene_id",
        "target_gene_name",
    )  # fmt: skip
    pattern = layout.pattern or PATTERNS[layout.orientation]
    rows = [
        (
            guide.id,
            guide.id,
            layout.read,
            pattern,
            layout.as_read(guide.sequence),
            "CRISPR Guide Capture",
            *_target(guide, names or {}),
        )
        for guide in guides
    ]
    return _table([header, *rows], ",")


def _target(guide: Guide, names: Mapping[str, str]) -> tuple[str, str]:
    if guide.is_control:
        return NON_TARGETING, NON_TARGETING
    if not guide.ensembl_id:
        return "None", "None"
    return guide.ensembl_id, names.get(guide.ensembl_id, guide.gene)


def mageck(guides: Sequence[Guide], delimiter: str = "\t") -> str:
    """A MAGeCK library: identifier, sequence, gene by place.

    Without a header, which old versions take for a guide. MAGeCK splits at commas if the file's
    name ends in .csv.
    """
    return _table([(guide.id, guide.sequence, guide.gene) for guide in guides], delimiter)


def plain(guides: Sequence[Guide]) -> str:
    """A table for people (CSV)."""
    rows = [(guide.id, guide.sequence, guide.gene, guide.ensembl_id) for guide in guides]
    return _table([("id", "sequence", "gene", "ensembl_id"), *rows], ",")


def _table(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()
