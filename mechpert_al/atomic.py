"""Files that are there whole or not at all, and stay there when the machine goes down."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: What the names of unfinished files end with.
SUFFIX = ".part"


@contextmanager
def draft(folder: Path, name: str = "new") -> Iterator[Path]:
    """An empty file to write to, gone when the block ends unless it was published.

    Parameters
    ----------
    folder
        Where it lies; made if need be.
    name
        What it will be called, so that a person who finds it can tell.
    """
    make_folder(folder)
    handle, place = tempfile.mkstemp(dir=folder, prefix=f".{name[:80]}.", suffix=SUFFIX)
    os.close(handle)
    try:
        yield Path(place)
    finally:
        Path(place).unlink(missing_ok=True)


def publish(written: Path, path: Path) -> None:
    """Give a finished draft its name, in one step; an existing file is replaced.

    Its content is on the disk before its name is, and its name before this returns.
    """
    written.chmod(0o666 & ~_umask())  # drafts can be read by their owner only
    sync(written)
    written.replace(path)
    sync(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of ``path`` when the block ends without error."""
    with draft(path.parent, path.name) as place:
        yield place
        publish(place, path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file beside its place, then put it there in one step.

    Parameters
    ----------
    path
        Its directory is made if need be; an existing file is replaced.
    data
        The content.
    """
    with writing(path) as place:
        place.write_bytes(data)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that they stay."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
