"""How far a long reading is: told to a watcher, shown in terminals, and only when it is slow."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mechpert_al.cli import convert_options
from mechpert_al.cli.convert_options import reading_shown
from mechpert_al.effects import convert
from mechpert_al.effects.progress import tell, watched

Screen = tuple[np.ndarray, list[str], list[str]]
Write = Callable[..., Path]


@pytest.mark.parametrize("form", ["dense", "csr", "csc"])
def test_a_watcher_is_told_to_the_end(write_cells: Write, screen: Screen, form: str) -> None:
    path = write_cells(*screen, form=form)
    told: list[tuple[str, int, int | None]] = []
    with watched(lambda *one: told.append(one)):
        convert(path)
    convert(path)  # nobody watches any more
    n = 6 if form == "csc" else 90
    unit = "columns" if form == "csc" else "rows"
    matrix = [(done, total) for what, done, total in told if what == f"{path}: X: {unit}"]
    assert matrix[-1] == (n, n)
    assert {total for _, total in matrix} == {n}
    size = path.stat().st_size
    assert (f"{path}: checksum", size, size) in told


def test_lines_of_a_table_are_told(write_text: Write) -> None:
    told: list[tuple[str, int, int | None]] = []
    path = write_text("gene,A\nMED1,1\nUBL5,2\n")
    with watched(lambda *one: told.append(one)):
        convert(path)
    assert (f"{path}: lines", 3, None) in told


def shown(is_terminal: bool) -> str:
    text = io.StringIO()
    console = Console(file=text, force_terminal=is_terminal, width=100)
    with reading_shown(console):
        for done in (40, 90):
            tell("cells.h5ad: rows", done, 90)
    return text.getvalue()


def test_only_what_is_slow_is_shown_and_only_in_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(is_terminal=True) == ""
    monkeypatch.setattr(convert_options, "PATIENCE", 0.0)
    assert shown(is_terminal=False) == ""
    assert re.search(r"cells\.h5ad: rows.*90/90", shown(is_terminal=True))


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_real_terminal(write_cells: Write, screen: Screen, is_terminal: bool) -> None:
    """stdout stays what it is: the path of the file that was written."""
    path = write_cells(*screen)
    code = (
        "from mechpert_al.cli import main, convert_options\n"
        "convert_options.PATIENCE = 0.0\n"
        f"main(['effects', 'convert', {str(path)!r}, '-o', {str(path.with_name('e.h5ad'))!r}])"
    )
    here, there = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=there if is_terminal else subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        check=True,
    )
    os.close(there)
    told = b""
    while is_terminal:
        try:
            told += os.read(here, 65536)
        except OSError:
            break
    os.close(here)
    told = told if is_terminal else done.stderr
    assert done.stdout.decode().strip() == str(path.with_name("e.h5ad"))
    assert (b"90/90" in told) == is_terminal
