"""What the labels of cells and rows say: a gene, several genes, a control, or nothing.

Labels are typed, joined and exported by many hands. Blanks around them, the order of a pair and
``A+ctrl`` are spelling; everything else is read only where the symbol table leaves one reading.
Whatever is not letter for letter is listed, and what is left out is counted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Protocol

from mechpert_al.effects.control_words import control_word, is_unassigned, stripped
from mechpert_al.errors import DataError

CONTROL = "control"
"""The name under which control cells and rows are counted."""


class Symbols(Protocol):
    """What is asked of the symbol table."""

    def is_symbol(self, name: str) -> bool:
        """Whether the name is an approved symbol, letter for letter."""

    def current_of(self, name: str) -> str | None:
        """The approved symbol of a current or former name, if there is exactly one."""

    def ensembl_id(self, name: str) -> str | None:
        """The Ensembl gene id of a name, if there is one."""


@dataclass(frozen=True)
class LabelReading:
    """The distinct labels of one column, read.

    Parameters
    ----------
    name_of
        Label → perturbation name, ``CONTROL``, or None where it is left out.
    controls
        Labels that are the control.
    unassigned
        Labels that say that nobody knows.
    other_controls
        Control-like labels which are not the control that was asked for.
    merged
        Name → the labels that were read as it, where there are several or one in other letters.
    combinations
        Names of perturbations of more than one gene, ``A+B`` in alphabetical order.
    """

    name_of: Mapping[str, str | None]
    controls: tuple[str, ...] = ()
    unassigned: tuple[str, ...] = ()
    other_controls: tuple[str, ...] = ()
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    combinations: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Perturbation names in the order in which they first appear."""
        found = dict.fromkeys(self.name_of.values())
        return tuple(name for name in found if name is not None and name != CONTROL)


def read_labels(
    labels: Sequence[str],
    symbols: Symbols,
    control: Sequence[str] = (),
    has_unassigned: bool = True,
) -> LabelReading:
    """Read the distinct labels of a column.

    Parameters
    ----------
    labels
        As they stand in the file, each once.
    symbols
        The symbol table.
    control
        Labels the user calls the control; without them, whole words from a known list count,
        unless they are approved symbols.
    has_unassigned
        Whether a label like ``unassigned`` or ``nan`` means that the perturbation is unknown. In
        tables it does not: there a label is a name, whatever it is.
    """
    wanted = {stripped(label) for label in control}
    reader = _Reader(symbols, wanted, has_unassigned)
    parts_of = {label: reader.parts(stripped(label)) for label in labels}
    name_of = {label: _name(parts) for label, parts in parts_of.items()}
    spellings = defaultdict(list)
    for label, name in name_of.items():
        if name is not None:
            spellings[name].append(label)
    return LabelReading(
        name_of,
        tuple(label for label, name in name_of.items() if name == CONTROL),
        tuple(label for label, parts in parts_of.items() if parts is UNKNOWN),
        tuple(label for label, parts in parts_of.items() if parts is OTHER),
        {
            name: tuple(found)
            for name, found in spellings.items()
            if (len(found) > 1 or (name != CONTROL and found != [name]))
        },
        tuple(sorted({"+".join(parts) for parts in parts_of.values() if len(parts) > 1})),
    )


def check_asked_control(reading: LabelReading, control: Sequence[str], place: str) -> None:
    """Raise unless every control that was asked for is a label.

    Raises
    ------
    DataError
        Naming the control and the nearest labels.
    """
    present = {stripped(label) for label in reading.name_of}
    for label in control:
        if stripped(label) not in present:
            near = get_close_matches(label, sorted(present), n=3, cutoff=0.4)
            raise DataError(
                f"{place}: no label is the control {label!r} (upper and lower case matter)",
                f"Nearest labels: {', '.join(map(repr, near))}."
                if near
                else f"Labels: {', '.join(map(repr, sorted(present)[:10]))}.",
            )


def check_control(
    reading: LabelReading, n_of: Mapping[str, int], control: Sequence[str], place: str, unit: str
) -> None:
    """Raise unless there is a control, and one reading of it.

    Parameters
    ----------
    n_of
        Cells or rows of each label.
    unit
        What is counted: ``cells`` or ``rows``.

    Raises
    ------
    DataError
        If no label is a control, a label that was asked for is not there, or several different
        words for a control stand in the file.
    """
    check_asked_control(reading, control, place)
    if not reading.controls:
        most = sorted(n_of, key=lambda label: -n_of[label])[:8]
        shown = ", ".join(f"{label!r} ({n_of[label]} {unit})" for label in most)
        raise DataError(
            f"{place}: no label is recognised as a control; the most frequent are {shown}",
            "Name the control: --control LABEL (may be given more than once).",
        )
    words = {control_word(label) for label in reading.controls} - {None}
    if not control and len(words) > 1:
        shown = ", ".join(f"{label!r} ({n_of[label]} {unit})" for label in reading.controls)
        raise DataError(
            f"{place}: several labels look like controls: {shown}",
            "Say which are: --control LABEL (may be given more than once); "
            "the others are then left out.",
        )


# ---------------------------------------------------------------------- one label
UNKNOWN: tuple[str, ...] = ("?unassigned",)
OTHER: tuple[str, ...] = ("?other control",)
_JOINTS = re.compile(r"\s*(?:(?<!_)\+|\+(?!_)|;|\||&|__)\s*")  # "_+_" is a strand
_NUMBER_MARK = re.compile(r"(?P<gene>.+?)[-_. ]\d+")  # ATF2_1
_GUIDE_MARKS = (
    re.compile(r"(?P<gene>.+?)_p[A-Z]{2}\d+(?:-\d+)?"),  # a plasmid: SPI1_pDS255
    re.compile(r"(?P<gene>.+?)_[+-]_\d+(?:\.\d+)?(?:-P\d+(?:P\d+)*)?.*"),  # A1BG_+_5885.23-P1
    re.compile(r"(?P<gene>.+?)_P\d+(?:P\d+)*(?:-\d+)?"),  # a promoter: ZBTB4_P1-2
    re.compile(r"(?P<gene>.+?)[-_. ]?(?:sgRNA|gRNA|guide|sg|g)[-_. ]?\d+"),  # ATF2g1
    re.compile(r"(?:p_)?(?:sg|g)[-_]?(?P<gene>.+?)(?:[-_. ]\d+)?"),  # sgATF2-1
)


def _name(parts: tuple[str, ...]) -> str | None:
    if parts is UNKNOWN or parts is OTHER:
        return None
    return "+".join(parts) or CONTROL


class _Reader:
    """Reads one label after the other; ``()`` is a control."""

    def __init__(self, symbols: Symbols, wanted: set[str], has_unassigned: bool) -> None:
        self.symbols = symbols
        self.wanted = wanted
        self.has_unassigned = has_unassigned

    def parts(self, label: str) -> tuple[str, ...]:
        """The genes of a label, each once, in alphabetical order."""
        if label in self.wanted:
            return ()
        if self.symbols.is_symbol(label):
            return (label,)
        if control_word(label) is not None:
            return OTHER if self.wanted else ()
        if self.has_unassigned and is_unassigned(label):
            return UNKNOWN
        pieces = [piece for piece in _JOINTS.split(label) if piece]
        if len(pieces) > 1:
            return self._joined(pieces)
        for joint in "_,/:- ":
            pair = self._pair(label.split(joint))
            if pair is not None:
                return pair
        return (self._gene_of_guide(label) or label,)

    def _joined(self, pieces: Sequence[str]) -> tuple[str, ...]:
        genes: set[str] = set()
        for piece in pieces:
            parts = self.parts(piece)
            if parts is UNKNOWN:
                return UNKNOWN
            if parts is not OTHER:  # beside a gene, any control word stands for "nothing else"
                genes.update(parts)
        return tuple(sorted(genes))

    def _pair(self, pieces: Sequence[str]) -> tuple[str, ...] | None:
        """The genes of ``A_B`` and the like, if each part is a symbol or a control; else None."""
        genes = {piece for piece in pieces if self.symbols.is_symbol(piece)}
        rest = [piece for piece in pieces if piece not in genes]
        is_pair = len(pieces) > 1 and all(control_word(piece) for piece in rest)
        return tuple(sorted(genes)) if is_pair else None

    def _gene_of_guide(self, label: str) -> str | None:
        """The gene of a guide's name, if the name without the guide's mark is one."""
        if self.symbols.current_of(label) is not None:
            return None
        for pattern in _GUIDE_MARKS:
            found = pattern.fullmatch(label)
            if found and self.symbols.current_of(found["gene"]) is not None:
                return found["gene"]
        found = _NUMBER_MARK.fullmatch(label)
        return found["gene"] if found and self.symbols.is_symbol(found["gene"]) else None
