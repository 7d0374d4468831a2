"""Notebooks are committed as they were written, not as they ran."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def test_there_is_a_notebook_to_open_first():
    """Analysts start with a tour."""
    assert NOTEBOOKS, "notebooks/ holds no .ipynb"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_valid_and_has_no_outputs(path):
    """A notebook carries no results, no counters and no name of the machine's kernel."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    ran = [cell.source for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    assert not ran, f"clear the outputs of {path.name}; these cells have some:\n" + "\n---\n".join(ran)
    assert notebook.metadata.get("kernelspec", {}).get("name") == "python3"
