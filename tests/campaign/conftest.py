"""A small campaign: a toy panel on disk, and deliveries as tables."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import Panel
from mechpert_al.campaign import Campaign
from mechpert_al.testing import ToyScreen, toy_screen

READOUTS = ("R0", "R1", "R2", "R3")


@pytest.fixture(scope="session")
def toy() -> ToyScreen:
    return toy_screen(seed=1, n_genes=18, n_readouts=4)


@pytest.fixture(scope="session")
def toy_panel(toy: ToyScreen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy panel as a folder."""
    return write_panel(tmp_path_factory.mktemp("panel"), toy.panel)


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


def write_panel(folder: Path, panel: Panel) -> Path:
    agents = {
        name: {"role": agent.role, "file": f"{name}.jsonl"} for name, agent in panel.agents.items()
    }
    (folder / "panel.json").write_text(
        json.dumps(
            {
                "format": "mechpert-al panel 1",
                "name": panel.name,
                "agents": agents,
                "candidates": list(panel.candidates),
            }
        )
    )
    for name in panel.agents:
        lines = []
        for target in sorted(panel.answered[name]):
            proposals = [
                {
                    "gene": one.regulator,
                    "direction": one.direction,
                    "confidence": one.confidence,
                    "mechanism": one.mechanism,
                }
                for one in panel.hypotheses
                if one.agent == name and one.target == target
            ]
            lines.append(json.dumps({"agent": name, "target": target, "regulators": proposals}))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


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
