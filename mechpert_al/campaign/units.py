"""Whether the numbers of a delivery can stand beside those that were measured before.

What a file says of itself is compared (unit, control, shrinkage), and what its numbers show: their
size, and whether any of them is below 0. What a file does not say is not held against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mechpert_al.effects import EffectTable
from mechpert_al.effects.control_words import control_word, stripped
from mechpert_al.effects.tables.forms import FORMS, plain

#: Profiles of one screen differ in size by a factor of ten or so; another unit differs by more.
LARGEST_RATIO = 30.0
#: Values that must be there before it means something that none is below 0, and the share of
#: values below 0 among the earlier ones.
N_SIGNS, SHARE_NEGATIVE = 20, 0.05

_LOG2, _LOG = "log2 fold change", "log fold change"
_BY_COLUMN = {
    **dict.fromkeys(("log2fc", "log2foldchange", "avglog2fc", "logfoldchanges"), _LOG2),
    **dict.fromkeys(("logfc", "lfc", "avglogfc"), _LOG),
    "zscore": "z-score",
}
_SAYS_NOTHING = ("asinthetable", "effect", "effectsize", "coef", "beta")
_ANY_CONTROL = ("ctrl", "control", "controls")
_CUTTING = ("safe-targeting", "safe-harbor", "safe-harbour", "intergenic")
_UNTREATED = ("unperturbed", "untransduced", "wildtype", "wild-type", "wt", "mock")


@dataclass(frozen=True)
class Earlier:
    """A delivery that counts: its file, and those of its effects that stay."""

    file: str
    effects: EffectTable


def unit_of(info: Mapping[str, Any]) -> str | None:
    """The unit of an effect table, in words; None where the table does not say."""
    text = info.get("normalisation")
    if not isinstance(text, str) or plain(text) in _SAYS_NOTHING:
        return None
    for form in FORMS:
        text = text.removesuffix(f" of {form.tool}")
    return _BY_COLUMN.get(plain(text), text)


def differences(table: EffectTable, file: str, earlier: Sequence[Earlier]) -> tuple[str, ...]:
    """In what a delivery cannot be compared with the earlier ones, one sentence each.

    Parameters
    ----------
    table, file
        The delivery, under the campaign's names.
    earlier
        What it will stand beside; empty: nothing to compare with.
    """
    if not earlier:
        return ()
    named = (
        _named(
            table.info, file, earlier, unit_of, _are_units_alike, "{file} is in the unit {told!r}"
        ),
        _named(
            table.info, file, earlier, _controls, _are_controls_alike,
            "{file} is compared with the control {told}",
        ),
        _named(
            table.info, file, earlier, _shrinkage, lambda one, other: one == other,
            "{file} holds effects that were {told}",
        ),
    )  # fmt: skip
    shown = (_size(table, file, earlier), _signs(table, file, earlier))
    return tuple(one for one in (*named, *shown) if one is not None)


# ---------------------------------------------------------------------- what files say
def _named(
    info: Mapping[str, Any],
    file: str,
    earlier: Sequence[Earlier],
    told_by: Any,
    are_alike: Any,
    sentence: str,
) -> str | None:
    """What the delivery says otherwise than every earlier one that says something."""
    here = told_by(info)
    there = {one.file: told_by(one.effects.info) for one in earlier}
    there = {name: told for name, told in there.items() if told is not None}
    if here is None or not there or any(are_alike(here, told) for told in there.values()):
        return None
    other, told = next(iter(there.items()))
    return f"{sentence.format(file=file, told=here)}, {sentence.format(file=other, told=told)}"


def _are_units_alike(one: str, other: str) -> bool:
    """Whether two units are the same, or may be: a logarithm whose base nobody said fits any."""
    return one == other or (
        _LOG in (one, other) and one.endswith(_LOG[4:]) and other.endswith(_LOG[4:])
    )


def _controls(info: Mapping[str, Any]) -> str | None:
    """The control labels as text."""
    labels = info.get("control")
    if not labels:
        return None
    return ", ".join([labels] if isinstance(labels, str) else map(str, labels))


def _are_controls_alike(one: str, other: str) -> bool:
    """Whether two texts of control labels can mean the same kind of control."""
    kinds = [{_kind_of_control(label) for label in text.split(", ")} for text in (one, other)]
    return "" in kinds[0] | kinds[1] or bool(kinds[0] & kinds[1])


def _kind_of_control(label: str) -> str:
    """What kind of control a label names; empty if it can be any."""
    word = control_word(label)
    if word in _ANY_CONTROL:
        return ""
    for words in (_CUTTING, _UNTREATED):
        if word in words:
            return words[0]
    return stripped(label).casefold() if word in (None, "dmso", "dmso-tf") else "non-targeting"


def _shrinkage(info: Mapping[str, Any]) -> str | None:
    told = info.get("shrunk")
    return None if told is None else "shrunk towards 0" if told else "not shrunk"


# ---------------------------------------------------------------------- what numbers show
def _size(table: EffectTable, file: str, earlier: Sequence[Earlier]) -> str | None:
    here, there = _sizes(table), np.concatenate([_sizes(one.effects) for one in earlier])
    if not (here.size and there.size):
        return None
    ratio = float(np.median(here) / np.median(there))
    if 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
        return None
    size = f"{ratio:.3g} times larger" if ratio > 1 else f"{1 / ratio:.3g} times smaller"
    return (
        f"a profile of {file} is {size} than one measured before (root mean square "
        f"{np.median(here):.3g}, median of {here.size}, against {np.median(there):.3g})"
    )


def _sizes(table: EffectTable) -> np.ndarray:
    """Root mean square of each profile that is not 0 throughout."""
    squares = np.where(table.is_measured, table.values.astype(np.float64) ** 2, 0).sum(axis=1)
    n = table.is_measured.sum(axis=1)
    return np.sqrt(squares[squares > 0] / n[squares > 0])


def _signs(table: EffectTable, file: str, earlier: Sequence[Earlier]) -> str | None:
    n_other = int((np.nan_to_num(table.values) != 0).sum())
    if n_other < N_SIGNS or np.any(table.values < 0):
        return None
    n_below = sum(int((one.effects.values < 0).sum()) for one in earlier)
    share = n_below / sum(one.effects.n_measured for one in earlier)
    if share < SHARE_NEGATIVE:
        return None
    return (
        f"no value of {file} is below 0 (ranks, p values, expression?), {share:.0%} of those "
        "measured before are"
    )
