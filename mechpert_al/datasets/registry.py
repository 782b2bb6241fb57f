"""The public data sets that are known by name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mechpert_al.errors import UsageError


@dataclass(frozen=True)
class Dataset:
    """A public data set.

    Parameters
    ----------
    name
        Name here.
    address
        Where it is.
    file
        Name of the file when it was fetched.
    licence
        Licence of the data, or where it is stated.
    what
        What is in it.
    size
        Bytes, where the exact number is known.
    md5
        Checksum, where one is published.
    md5_is_disputed
        Published checksums disagree: it is shown, not checked.
    note
        What else one should know.
    """

    name: str
    address: str
    file: str
    licence: str
    what: str
    size: int | None = None
    md5: str | None = None
    md5_is_disputed: bool = False
    note: str = ""

    @property
    def checked_md5(self) -> str | None:
        """The checksum that a file must have."""
        return None if self.md5_is_disputed else self.md5


@cache
def registry() -> Mapping[str, Dataset]:
    """All data sets by name."""
    text = (resources.files(__package__) / "registry.toml").read_text(encoding="utf-8")
    return {name: Dataset(name, **entry) for name, entry in tomllib.loads(text).items()}


def dataset(name: str) -> Dataset:
    """The data set of that name.

    Raises
    ------
    UsageError
        If there is none; the message gives the nearest names.
    """
    known = registry()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        guess = f"Did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(
            f"no data set is called {name!r}", f"{guess}All names: mechpert-al data list"
        )
    return known[name]
