"""What README shows in a notebook runs as it stands there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest


def snippets(readme):
    """Return the blocks of Python of a README."""
    return re.findall(r"```python\n(.*?)```", Path(readme).read_text(encoding="utf-8"), re.DOTALL)


def test_both_readmes_show_the_same_steps():
    """But for comments and the files that a comment names."""
    names = ("README.md", "README.zh.md")
    english, chinese = ([ast.dump(ast.parse(code)) for code in snippets(name)] for name in names)
    assert english == chinese and english


@pytest.mark.slow
def test_the_snippet_runs(tmp_path, monkeypatch):
    """Line by line, in an empty folder, without anything before it."""
    code = "\n".join(snippets("README.md"))
    monkeypatch.chdir(tmp_path)
    shown: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), shown)
    assert len(shown["result"].results) and (tmp_path / "map.html").stat().st_size
    shown["store"].close()
