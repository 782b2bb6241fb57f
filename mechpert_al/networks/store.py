"""Centralities kept in the cache directory: plain arrays, never pickles, written atomically."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import numpy as np

from mechpert_al import atomic, datasets


def path_of(links_hash: str, what: str) -> Path:
    """Where the values of a network with these links are kept."""
    return datasets.cache_dir() / "centralities" / f"{links_hash}-{what}.npy"


def read(path: Path, n_genes: int) -> np.ndarray | None:
    """The kept values; None if there are none or the file is damaged."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if values.shape != (n_genes,) or values.dtype != np.float64 or not np.isfinite(values).all():
        return None
    return np.asarray(values)


def write(path: Path, values: np.ndarray) -> None:
    """Keep values; a cache that cannot be written to is done without."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    with suppress(OSError):
        atomic.write_bytes(path, content.getvalue())
