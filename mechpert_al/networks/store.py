"""Centralities kept in the cache directory: plain arrays, never pickles, written atomically."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from mechpert_al import datasets


def path_of(content_hash: str, what: str) -> Path:
    """Where the values of a network are kept."""
    return datasets.cache_dir() / "centralities" / f"{content_hash}-{what}.npy"


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
    """Keep values; a file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            np.save(file, values, allow_pickle=False)
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
