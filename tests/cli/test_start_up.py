"""What is asked for often starts without what it does not need."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.campaign import Campaign
from mechpert_al.effects import EffectTable, write_effects

#: Plotting, learning, tables and servers: seconds that a look at a campaign can do without.
SLOW = {
    "altair", "anndata", "httpx", "jinja2", "joblib", "modAL", "networkx", "ollama", "pandas",
    "pooch", "pyarrow", "rustworkx", "scipy.stats", "sklearn", "vl_convert", "zarr",
}  # fmt: skip


@pytest.fixture
def campaign(toy_panel: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "campaign"
    Campaign.create(folder, toy_panel).propose(5)
    return folder


def loaded(*arguments: str) -> set[str]:
    """Modules that a command has imported when it ends."""
    code = (
        "import sys\n"
        "from mechpert_al.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = re.search("^LOADED (.*)$", done.stdout, re.MULTILINE)
    assert found
    return set(found[1].split())


def test_a_look_at_a_new_campaign(campaign: Path) -> None:
    modules = loaded("campaign", "status", str(campaign))
    assert "mechpert_al.campaign.status" in modules
    assert modules.isdisjoint(SLOW)


def test_a_look_at_a_campaign_with_measurements(
    campaign: Path, toy: object, tmp_path: Path, run_cli: Callable[..., object]
) -> None:
    """So many that what predictions are worth is known too."""
    effects: EffectTable = toy.effects  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    values = rng.normal(size=(12, 40))
    table = EffectTable(effects.perturbations[:12], tuple(f"R{i}" for i in range(40)), values)
    write_effects(table, tmp_path / "measured.h5ad")
    done = Campaign.open(campaign).ingest(tmp_path / "measured.h5ad")
    assert len(done.delivery.new) == 12
    modules = loaded("campaign", "status", str(campaign), "--json")
    assert "mechpert_al.prediction.kriging" in modules
    assert modules.isdisjoint(SLOW)
