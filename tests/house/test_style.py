"""The strict tools find nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest


def run(root, *command) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", *command]
    return subprocess.run(program, cwd=root, capture_output=True, encoding="utf-8", timeout=600)


def test_ruff_finds_nothing(root):
    """Code, tests and notebooks keep the rules of pyproject.toml."""
    result = run(root, "ruff", "check", "--output-format", "concise", ".")
    assert result.returncode == 0, f"\n{result.stdout}{result.stderr}"


@pytest.mark.slow
def test_mypy_finds_nothing(root):
    """The types of gis/ agree with each other."""
    result = run(root, "mypy", "--no-error-summary")
    assert result.returncode == 0, f"\n{result.stdout}{result.stderr}"
