"""The scripts run where they are checked out, and nothing in the tree knows a machine or a host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [*sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file()), ROOT / ".ci" / "run"]

# folders of somebody's machine; system folders such as /usr/lib are the same everywhere
MACHINE_PATHS = re.compile(r"(?<![\w.$}~*-])/(?:root|home|work|Users|mnt)/\w")
WINDOWS_PATHS = re.compile(r"\b[A-Z]:\\(?:Users|work)", re.IGNORECASE)
ADDRESSES = re.compile(r"https?://\S+|--(?:extra-)?index-url\b", re.IGNORECASE)

TEXTS = [".py", ".toml", ".yml", ".txt", ".md", ".ipynb", ""]
FOLDERS = [".ci", "docs", "gis", "layers", "notebooks", "scripts", "tests"]

shell = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)


def texts() -> list[Path]:
    """List the files that people write."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts]
    return [path for path in [*ROOT.iterdir(), *inside] if path.is_file() and path.suffix in TEXTS]


def matches(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Name file, line and match of every hit."""
    return [
        f"{path.relative_to(ROOT)}:{number} {match.group()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        for match in pattern.finditer(line)
    ]


@shell
def test_script_is_executable(script):
    """A script is started by its name."""
    assert os.access(script, os.X_OK) and script.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")


@shell
def test_script_is_valid_bash(script):
    """bash reads every script to its end."""
    result = subprocess.run([shutil.which("bash"), "-n", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@shell
def test_script_stops_at_the_first_error(script):
    """No script goes on after a command failed unseen."""
    assert re.search(r"^set -[eu]{1,2}o pipefail$", script.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_no_file_knows_a_path_of_a_machine():
    """Nothing depends on where it was written."""
    assert not matches(MACHINE_PATHS, texts()) + matches(WINDOWS_PATHS, texts())


def test_no_script_or_package_list_names_a_host():
    """Packages come from wherever the machine is set up to take them from."""
    lists = [ROOT / name for name in ("pyproject.toml", "environment.yml", "constraints.txt")]
    assert not matches(ADDRESSES, [*SCRIPTS, *lists])
