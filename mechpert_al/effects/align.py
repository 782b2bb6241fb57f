"""Effects put beside a list of candidates: matched by symbol, what does not fit is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError


@dataclass(frozen=True, eq=False)
class AlignedEffects:
    """The measured candidates.

    Parameters
    ----------
    numbers
        Their candidate numbers, ascending.
    effects
        Their profiles under the candidates' own names, rows in the order of ``numbers``.
    renamed
        Perturbations that were matched under another symbol: (name in the file, candidate, why).
    left_out
        Perturbations of the file that are no candidates.
    notices
        What was matched under another symbol, and which candidates count as not measured because
        no value of theirs is known.
    """

    numbers: np.ndarray
    effects: EffectTable
    renamed: tuple[tuple[str, str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def align(effects: EffectTable, genes: Sequence[str], source: str = "effects") -> AlignedEffects:
    """Match the perturbations of a table to the candidates.

    Names that are the same letter for letter match at once; only the rest is looked up in the
    symbol table.

    Raises
    ------
    DataError
        If no perturbation is a candidate.
    """
    number_of = {gene: number for number, gene in enumerate(genes)}
    mapping = {name: name for name in effects.perturbations if name in number_of}
    rest = [name for name in effects.perturbations if name not in mapping]
    renamed: tuple[tuple[str, str, str], ...] = ()
    if rest and len(mapping) < len(genes):
        from mechpert_al.symbols import match

        matching = match(effects.perturbations, genes, source=source)
        if matching.collisions:
            raise DataError(
                "; ".join(
                    f"{source}: {' and '.join(one.names)} are both {one.reference}"
                    for one in matching.collisions
                ),
                "Keep one of the rows, or pool them before.",
            )
        renamed = tuple((str(a), str(b), str(why)) for a, b, why in matching.renamed)
        mapping = dict(matching.mapping)
    left_out = tuple(name for name in effects.perturbations if name not in mapping)
    if not mapping:
        raise DataError(
            f"{source}: none of its {effects.n_perturbations} perturbations "
            f"({', '.join(effects.perturbations[:5])} …) is among the {len(genes)} candidates",
            "Are rows perturbations, and are both lists of the same species?",
        )
    notices = [f"{source}: {a} is {b} ({why})" for a, b, why in renamed]
    blank = [name for name in mapping if not effects.is_measured[effects.row_of[name]].any()]
    if blank:
        said = (
            f"{source}: {len(blank)} of {len(mapping)} candidates have no measured value: "
            + ", ".join(blank[:10])
            + (" …" if len(blank) > 10 else "")
        )
        if len(blank) == len(mapping):
            raise DataError(said, "Write an effects file that holds measured values.")
        notices.append(f"{said}; they count as not measured")
        mapping = {name: gene for name, gene in mapping.items() if name not in set(blank)}
    kept = sorted(mapping, key=lambda name: number_of[mapping[name]])
    return AlignedEffects(
        np.array([number_of[mapping[name]] for name in kept]),
        effects.take(kept).renamed(mapping),
        renamed,
        left_out,
        tuple(notices),
    )
