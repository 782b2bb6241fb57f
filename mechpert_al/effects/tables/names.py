"""Perturbation labels of a text table: read, held against the symbol table, each with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mechpert_al.effects.control_words import control_word
from mechpert_al.effects.conversion import ConvertOptions, some
from mechpert_al.effects.gene_names import GeneNames, check_names, default_symbols, refuse_damaged
from mechpert_al.effects.labels import CONTROL, LabelReading, check_asked_control, read_labels
from mechpert_al.errors import DataError

_CONTRAST = re.compile(r"(?P<perturbed>.+?)_vs_(?P<control>.+)")


@dataclass(frozen=True)
class TableNames:
    """The labels of a table and what they became.

    Parameters
    ----------
    names
        Perturbations, in the order in which they first appear.
    code_of
        Label → number of its perturbation; n_perturbations for the control, −1 for what is left
        out.
    reading, genes
        How the labels were read.
    controls
        What the perturbations were compared with, as far as the labels say.
    """

    names: tuple[str, ...]
    code_of: Mapping[str, int]
    reading: LabelReading
    genes: GeneNames
    controls: tuple[str, ...]

    def left_out(self) -> dict[str, str]:
        """Labels that are no perturbation, and why."""
        return {
            label: "control" if code == len(self.names) else "another control"
            for label, code in self.code_of.items()
            if code in (-1, len(self.names))
        }


def read_names(lines: Mapping[str, int], options: ConvertOptions, place: str) -> TableNames:
    """Read the perturbation labels of a table. A label is a name, whatever the text is.

    Parameters
    ----------
    lines
        Label → the line in which it stands first.

    Raises
    ------
    DataError
        If labels were changed by a spreadsheet, are one gene under two names, or no row is a
        perturbation.
    """
    symbols = default_symbols()
    refuse_damaged({label: f"line {line}" for label, line in lines.items()}, symbols, place)
    contrasts = {label: _CONTRAST.fullmatch(label) for label in lines}
    perturbed = {
        label: found["perturbed"] if found else label for label, found in contrasts.items()
    }
    controls = _contrasted(contrasts, lines, place)
    reading = read_labels(
        list(dict.fromkeys(perturbed.values())), symbols, options.control, has_unassigned=False
    )
    check_asked_control(reading, () if controls else options.control, place)
    where: dict[str, str] = {}
    for label, line in lines.items():
        name = reading.name_of[perturbed[label]]
        if name is not None:
            where.setdefault(name, f"line {line}")
    genes = check_names(reading.names, symbols, options, place, where)
    names = tuple(dict.fromkeys(genes.name_of[name] for name in reading.names))
    if not names:
        raise DataError(
            f"{place}: no row is a perturbation ({some(list(lines))})", "Are all rows controls?"
        )
    number: dict[str | None, int] = {name: code for code, name in enumerate(names)}
    number |= {name: number[kept] for name, kept in genes.name_of.items()}
    number |= {CONTROL: len(names), None: -1}
    code_of = {label: number[reading.name_of[perturbed[label]]] for label in lines}
    return TableNames(names, code_of, reading, genes, controls or reading.controls)


def _contrasted(
    contrasts: Mapping[str, re.Match[str] | None], lines: Mapping[str, int], place: str
) -> tuple[str, ...]:
    """The one control of all contrasts ``A_vs_B``."""
    found = {match["control"]: lines[label] for label, match in contrasts.items() if match}
    words = {control_word(name) or name for name in found}
    if len(words) > 1:
        shown = some([f"{name!r} (line {line})" for name, line in found.items()])
        raise DataError(
            f"{place}: the contrasts have several controls: {shown}",
            "Effects against different controls cannot stand in one table: split the file.",
        )
    return tuple(found)
