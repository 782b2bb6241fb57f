"""Execute the notebooks from their scripts: ``python docs/notebooks/make.py``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def scripts() -> list[Path]:
    """The scripts that notebooks are made from."""
    return sorted(path for path in FOLDER.glob("*.py") if path.name != "make.py")


def executed(script: Path) -> nbformat.NotebookNode:
    """A script as an executed notebook; it runs in an empty folder."""
    notebook = jupytext.read(script)
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata = nbformat.from_dict({})
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran tells nobody anything
    return notebook


def main() -> None:
    """Write every notebook anew."""
    os.environ.setdefault("PYTHONHASHSEED", "0")
    for script in scripts():
        nbformat.write(executed(script), script.with_suffix(".ipynb"))
        print(script.with_suffix(".ipynb"))


if __name__ == "__main__":
    main()
