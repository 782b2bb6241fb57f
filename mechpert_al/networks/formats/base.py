"""What a network format is: how it is recognised and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mechpert_al.networks.links import Links
from mechpert_al.textfile import TextFile


@dataclass(frozen=True)
class Options:
    """What the user says about a file.

    Parameters
    ----------
    info
        The table that names the file's identifiers (STRING's protein.info or protein.aliases).
    scale
        What a full score is, where the file does not tell.
    """

    info: Path | None = None
    scale: float | None = None


@dataclass(frozen=True)
class Format:
    """A format of network files.

    Parameters
    ----------
    name
        What a user types.
    title
        What a user reads.
    recognise
        Gives the reason why a file is of this format; empty if it is not.
    read
        Gives the links.
    may_be_told
        Whether a file that is not recognised can be of this format because the user says so.
    """

    name: str
    title: str
    recognise: Callable[[TextFile], str]
    read: Callable[[TextFile, Options], Links]
    may_be_told: bool = False


def has_columns(file: TextFile, *wanted: str) -> bool:
    """Whether the first line names all of these columns."""
    return set(wanted) <= set(file.columns)
