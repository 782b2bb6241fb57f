"""Makers of small measurement files, and effects recomputed from the dense matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "dense": np.asarray,
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
}


@pytest.fixture
def write_cells(tmp_path: Path) -> Callable[..., Path]:
    """Write cells as AnnData.

    Takes counts (cells × genes), labels and gene names; ``form``, ``column``, further columns of
    obs and var, layers and the file name are options.
    """

    def write(
        counts: np.ndarray,
        labels: Sequence[str | None],
        genes: Sequence[str],
        *,
        form: str = "csr",
        column: str = "perturbation",
        obs: dict[str, Any] | None = None,
        var: dict[str, Any] | None = None,
        layers: dict[str, np.ndarray] | None = None,
        name: str = "cells.h5ad",
    ) -> Path:
        cells = [f"cell{number}" for number in range(len(labels))]
        frame = pd.DataFrame({column: pd.Categorical(labels), **(obs or {})}, index=cells)
        annotated = anndata.AnnData(
            FORMS[form](counts),
            obs=frame,
            var=pd.DataFrame(var or {}, index=list(genes)),
            layers=layers,
        )
        path = tmp_path / name
        annotated.write_h5ad(path)
        return path

    return write


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Write a matrix whose rows are perturbations or samples of them."""

    def write(
        values: Any,
        names: Sequence[str],
        readouts: Sequence[str],
        *,
        obs: dict[str, Any] | None = None,
        layers: dict[str, np.ndarray] | None = None,
        uns: dict[str, Any] | None = None,
        name: str = "rows.h5ad",
    ) -> Path:
        annotated = anndata.AnnData(
            values,
            obs=pd.DataFrame(obs or {}, index=list(names)),
            var=pd.DataFrame(index=list(readouts)),
            layers=layers,
            uns=uns,
        )
        path = tmp_path / name
        annotated.write_h5ad(path)
        return path

    return write


@pytest.fixture
def write_text(tmp_path: Path) -> Callable[..., Path]:
    """Write a text file, as it is given."""

    def write(text: str | bytes, name: str = "effects.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


@pytest.fixture(scope="session")
def log_mean() -> Callable[[np.ndarray], np.ndarray]:
    """Mean over cells of log1p(10000 × count / cell total), straight from the dense matrix."""

    def mean(counts: np.ndarray) -> np.ndarray:
        counts = np.asarray(counts, dtype=np.float64)
        counts = counts[counts.sum(axis=1) > 0]
        return np.log1p(10_000 * counts / counts.sum(axis=1, keepdims=True)).mean(axis=0)

    return mean


@pytest.fixture
def screen() -> tuple[np.ndarray, list[str], list[str]]:
    """Counts of 90 cells, their labels and the genes; ATF4 and MED1 are perturbed."""
    rng = np.random.default_rng(7)
    genes = ["ATF4", "MED1", "GAPDH", "ACTB", "DDIT3", "HLA-A"]
    counts = rng.poisson([6, 3, 40, 25, 2, 9], size=(90, 6))
    labels = ["non-targeting"] * 40 + ["ATF4"] * 30 + ["MED1"] * 20
    counts[40:70, 0] //= 5
    counts[70:, 1] = 0
    counts[40:70, 4] += 7
    return counts, labels, genes
