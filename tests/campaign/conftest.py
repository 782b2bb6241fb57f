"""A small campaign, and deliveries as tables."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.campaign import Campaign

READOUTS = ("R0", "R1", "R2", "R3")


@pytest.fixture
def campaign(toy_panel: Path, tmp_path: Path) -> Campaign:
    return Campaign.create(tmp_path / "campaign", toy_panel)


@pytest.fixture
def deliver(tmp_path: Path) -> Callable[..., Path]:
    """Write a delivery: gene → values of the four readouts."""

    def write(
        rows: Mapping[str, Sequence[float]], name: str = "delivery.csv", **more: object
    ) -> Path:
        return write_table(tmp_path / name, rows, **more)  # type: ignore[arg-type]

    return write


def write_table(
    path: Path,
    rows: Mapping[str, Sequence[float]],
    readouts: Sequence[str] = READOUTS,
    n_cells: Mapping[str, int] | None = None,
) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["perturbation", *readouts, *(["n_cells"] if n_cells else [])])
        for gene, values in rows.items():
            texts = ["" if np.isnan(value) else repr(float(value)) for value in values]
            writer.writerow([gene, *texts, *([n_cells[gene]] if n_cells else [])])
    return path
