"""Every command in README.md and the pages on method and results is run.

What takes long is run smaller: options are added, nothing is taken away.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import read_panel
from mechpert_al.effects import EffectTable, write_effects

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/method.md", "docs/results.md", "docs/robustness.md")
SMALL = ["--splits", "1", "--random-draws", "2", "--budget", "10", "--strategy", "most_proposed"]
#: What is added to a command so that it takes little, by its first words.
ADDED = {
    ("compare",): SMALL,
    ("simulate",): ["--splits", "1", "--random-draws", "2"],
    ("ask",): ["--dry-run"],
}
#: Commands that read real measurements.
REAL = {"k562", "rpe1", "transfer", "other_line", "robustness"}


def commands() -> list[str]:
    """Every `mechpert-al …` that stands in code on a page, once."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = (ROOT / page).read_text()
        fenced = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
        blocks = [block for language, block in fenced.findall(text) if language != "python"]
        text = fenced.sub("", text)
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", text)
        for line in lines:
            if line.startswith("mechpert-al ") and "…" not in line:
                found[line] = None
    return list(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cases: Path) -> Path:
    """The files that the pages speak of."""
    place = tmp_path_factory.mktemp("reader")
    generator = np.random.default_rng(1)
    genes = read_panel("essential585").candidates[:30]
    table = EffectTable(genes, tuple(f"R{i}" for i in range(40)), generator.normal(size=(30, 40)))
    write_effects(table, place / "measured.h5ad")
    write_effects(table, place / "other.h5ad")
    (place / "cells.h5ad").write_bytes((cases / "phantom-and-tiny-groups/cells.h5ad").read_bytes())
    (place / "network.tsv").write_text("source\ttarget\nTP53\tMDM2\nTP53\tATM\n")
    (place / "genes.txt").write_text("TP53\nMDM2\nATM\n")
    return place


def test_the_pages_hold_commands() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize("command", [c for c in commands() if not REAL & set(c.split())])
def test_a_command_of_the_pages(
    run_cli: Callable, folder: Path, tmp_path: Path, command: str
) -> None:
    run(run_cli, folder, tmp_path, command)


@pytest.mark.parametrize("command", [c for c in commands() if REAL & set(c.split())])
def test_a_command_on_real_data(
    run_cli: Callable, folder: Path, tmp_path: Path, real_data: Path, command: str
) -> None:
    run(run_cli, folder, tmp_path, command)


def run(run_cli: Callable, folder: Path, tmp_path: Path, command: str) -> None:
    """Run a command beside copies of the files; it must succeed."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    words = shlex.split(command)[1:]
    added = next((more for first, more in ADDED.items() if tuple(words[:1]) == first), [])
    done = run_cli(*words, *added, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
