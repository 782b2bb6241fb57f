"""From chosen genes to what is ordered and counted: guides out of a library that a person has."""

from __future__ import annotations

from mechpert_al.guides.formats import ReadLayout, cellranger, mageck, plain
from mechpert_al.guides.library import GuideLibrary, LibraryRow, read_library
from mechpert_al.guides.reference import Transcriptome, read_transcriptome
from mechpert_al.guides.selection import Guide, GuideOrder, select_guides

__all__ = [
    "Guide",
    "GuideLibrary",
    "GuideOrder",
    "LibraryRow",
    "ReadLayout",
    "Transcriptome",
    "cellranger",
    "mageck",
    "plain",
    "read_library",
    "read_transcriptome",
    "select_guides",
]
