"""The how-tos of the documentation: their code, installed as a package, and their commands run."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("howto_*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`((?:[\w-]+/)*[\w-]+\.(?:py|toml|md|cfg))`")
#: Lines of code that a how-to may take.
MOST_LINES = 40


def files_of(page: Path) -> dict[str, str]:
    """The files that a page shows: each block belongs to the name said last before it."""
    text = page.read_text(encoding="utf-8")
    found, start = {}, 0
    for block in BLOCK.finditer(text):
        names = NAMED.findall(text[start : block.start()])
        if block[1] in ("python", "ini", "toml", "markdown"):
            found[names[-1]] = block[2]
        start = block.end()
    return found


def commands_of(page: Path) -> list[str]:
    blocks = [block[2] for block in BLOCK.finditer(page.read_text()) if block[1] == "console"]
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def install(files: Mapping[str, str], folder: Path) -> None:
    """Lay the files out as an installed package: its entry points as pip would write them."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text, encoding="utf-8")
    if "setup.cfg" in files:
        parser = configparser.ConfigParser()
        parser.read_string(files["setup.cfg"])
        lines: list[str] = []
        for group, entries in parser["options.entry_points"].items():
            lines += [f"[{group}]", *entries.split("\n")[1:]]
        info = folder / "my_package-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def inputs(folder: Path) -> None:
    """The files that the commands speak of."""
    (folder / "genes.txt").write_text("TP53\nMDM2\nATM\nCHEK2\n")
    np.savez(
        folder / "screen.npz",
        genes=["TP53", "MYC"],
        readouts=["A", "B"],
        values=[[1.0, 2.0], [0.5, -1.0]],
    )


def run(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *sys.path[:1], os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_howto_works_through_the_entry_points(page: Path, tmp_path: Path) -> None:
    files = files_of(page)
    install(files, tmp_path)
    inputs(tmp_path)
    assert commands_of(page)
    for command in commands_of(page):
        done = run("-m", "mechpert_al", *shlex.split(command)[1:], folder=tmp_path)
        assert done.returncode == 0, done.stderr
    for name in files:
        if name.startswith("test_"):
            # the contract of the package, as its author would run it
            done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", name, folder=tmp_path)
            assert done.returncode == 0, done.stdout
            assert " passed" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_howto_is_short(page: Path) -> None:
    code = [
        line
        for name, text in files_of(page).items()
        if not name.startswith("test_")
        for line in text.splitlines()
        if line.strip()
    ]
    assert len(code) <= MOST_LINES


def test_there_is_one_for_each_kind() -> None:
    kinds = {"howto_agent", "howto_large", "howto_reader", "howto_strategy"}
    assert {page.stem for page in PAGES} == kinds
