"""Public data sets fetched: continued where a transfer broke, and checked before they are used."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mechpert_al.datasets.registry import Dataset, dataset
from mechpert_al.datasets.shipped import cache_dir
from mechpert_al.errors import DataError, IntegrityError

if TYPE_CHECKING:
    from mechpert_al.datasets.transfer import OnBytes


def fetched(name: str, folder: Path | None = None) -> Path | None:
    """The file of a data set, if it was fetched.

    Parameters
    ----------
    name
        Name of the data set.
    folder
        Where it was fetched to; ``data`` in the cache directory by default.
    """
    known = dataset(name)
    path = _home(folder) / known.file
    if not path.is_file() or known.size not in (None, path.stat().st_size):
        return None
    return path


def fetch(
    name: str,
    folder: Path | None = None,
    *,
    base_url: str | None = None,
    on_bytes: OnBytes | None = None,
) -> Path:
    """Fetch a data set; one that is there and whole is not fetched again.

    Parameters
    ----------
    name
        Name of the data set.
    folder
        Where to put it; ``data`` in the cache directory by default.
    base_url
        Address of a mirror that holds the file under its own name.
    on_bytes
        Called with the bytes that are there and their total (None = not known).

    Returns
    -------
    Path
        The file. Its size and MD5 are those of the registry, where these are known.

    Raises
    ------
    DataError
        The server cannot be reached, refuses, or sends something else. What has arrived is kept
        beside the file's place (``….part``) and continued by the next call.
    IntegrityError
        The whole file came and is not the one that was published.
    """
    known, home = dataset(name), _home(folder)
    address = f"{base_url.rstrip('/')}/{known.file}" if base_url else known.address
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home / f"{known.file}.lock"):
        if fetched(name, folder) is None:
            (home / known.file).unlink(missing_ok=True)
        return _retrieved(known, address, home, on_bytes)


def _home(folder: Path | None) -> Path:
    return cache_dir() / "data" if folder is None else folder


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Keep others from fetching the same file into the same place."""
    import filelock

    try:
        with filelock.FileLock(lock, timeout=0):
            yield
    except filelock.Timeout as error:
        raise DataError(
            f"{lock.with_suffix('')}: is being fetched by another process", "Wait for that one."
        ) from error


def _retrieved(known: Dataset, address: str, home: Path, on_bytes: OnBytes | None) -> Path:
    import pooch

    from mechpert_al.datasets.transfer import transfer

    def download(url: str, target: str, _: object) -> None:
        part = home / f"{known.file}.part"
        transfer(url, part, known.size, on_bytes)
        os.replace(part, target)

    pooch.get_logger().setLevel(logging.ERROR)
    md5 = known.checked_md5
    keeper = pooch.create(
        path=home,
        base_url="",
        registry={known.file: md5 and f"md5:{md5}"},
        urls={known.file: address},
    )
    try:
        return Path(keeper.fetch(known.file, downloader=download))
    except ValueError as error:  # pooch's word for a checksum that differs
        raise IntegrityError(
            f"{address}: the file that came does not have the published MD5 {md5}",
            "It was thrown away. Fetch it again; if that gives the same, the published file has "
            "changed or something between you and the server changes it.",
        ) from error
