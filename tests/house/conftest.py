"""The project's own sources, parsed once for all house tests."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    """A source file of the package: dotted name, path from the root, text and syntax tree."""

    name: str
    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part of the house it stands in: `store` for gis.store.base, `__init__` for gis itself."""
        return self.name.split(".")[1] if "." in self.name else "__init__"


def read(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Module(name, path.relative_to(ROOT).as_posix(), text, ast.parse(text, filename=str(path)))


@pytest.fixture(scope="session")
def root() -> Path:
    """Give the project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    """Give every module of gis/, in the order of their names."""
    return [read(path) for path in sorted((ROOT / "gis").rglob("*.py"))]
