"""Words that say "no gene was perturbed here", and words that say "nobody knows".

A label is a control only as a whole word from this list: NTRK1 does not begin with a control, and
CTRL is a gene. The caller asks the symbol table first, so that an approved symbol stays a gene.
"""

from __future__ import annotations

import re

CONTROLS = frozenset(
    {
        "non-targeting", "nontargeting", "non-targeting-control", "nontargeting-control",
        "non-targeting-guide", "nt", "ntc", "nt-control", "ctrl", "control", "controls",
        "neg-ctrl", "negctrl", "neg-control", "negcontrol", "negative-control", "negative-ctrl",
        "no-target", "notarget", "non-target", "nontarget", "safe-targeting", "safe-harbor",
        "safe-harbour", "scramble", "scrambled", "intergenic", "unperturbed", "untransduced",
        "wildtype", "wild-type", "wt", "mock", "dmso", "dmso-tf", "gal4-4(mod)", "62(mod)",
        "63(mod)", "3x-neg-ctrl",
    }
)  # fmt: skip

UNASSIGNED = frozenset(
    {
        "", "*", "-", "?", ".", "nan", "na", "n/a", "none", "null", "unassigned", "unknown",
        "undetermined", "no-guide", "noguide", "no-call", "multiplet", "multiplets", "multiple",
        "doublet", "doublets", "ambiguous", "not-assigned", "unmapped",
    }
)  # fmt: skip

# A guide number after the word: NegCtrl0, non-targeting_00012, NTg1, NT-1 (but not NT5, a gene).
_NUMBERS = tuple(
    re.compile(rf"(?P<word>{word}){number}")
    for word, number in (
        (r".*[a-z)]", r"-\d+"),
        (r".*[a-z)]", r"-?(?:g|sg|guide)-?\d+"),
        (r".{4,}[a-z)]", r"\d+"),
    )
)
# What names of constructs add: a plasmid (3x_neg_ctrl_pMJ144-1), a vector (p_INTERGENIC393453).
_CONSTRUCT = re.compile(r"-p[a-z]{2}\d+(-\d+)?$|^p-")
INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"


def stripped(label: str) -> str:
    """The label without blanks around it (no-break ones too) and without invisible marks."""
    for mark in INVISIBLE:
        label = label.replace(mark, "")
    return " ".join(label.split())


def word_of(label: str) -> str:
    """A label as it is compared with the lists: lower case, blanks and ``_`` as ``-``."""
    return re.sub(r"[\s_-]+", "-", stripped(label).casefold())


def control_word(label: str) -> str | None:
    """The control word that the label is, a guide number after it left out, or None."""
    word = _CONSTRUCT.sub("", word_of(label))
    for candidate in (word, *_without_number(word)):
        if candidate in CONTROLS:
            return candidate
    return None


def is_unassigned(label: str | None) -> bool:
    """Whether the label says that the cell's perturbation is not known."""
    return label is None or word_of(label) in UNASSIGNED


def _without_number(word: str) -> list[str]:
    matches = (pattern.fullmatch(word) for pattern in _NUMBERS)
    return [match["word"] for match in matches if match]
