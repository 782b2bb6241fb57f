"""The notebooks of the documentation run, and hold what their scripts say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jupytext
import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.name != "make.py")


def make_module():
    spec = importlib.util.spec_from_file_location("make_notebooks", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_two_or_more() -> None:
    assert len(SCRIPTS) >= 2


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_notebook_is_its_script_executed(script: Path) -> None:
    kept = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    assert [cell.source for cell in kept.cells] == [
        cell.source for cell in jupytext.read(script).cells
    ]
    assert all(cell.execution_count for cell in kept.cells if cell.cell_type == "code")
    again = make_module().executed(script)
    for cell in again.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
