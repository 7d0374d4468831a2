"""Paths with "!" in them: what stands before it is a zip to GDAL's door in Python, so the file gets another name."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = "!"


def has_mark(path: Path) -> bool:
    """Tell whether GDAL would take a piece of a path for a zip.

    Parameters
    ----------
    path
        Any path.

    Returns
    -------
    bool
    """
    return _MARK in str(path)


@contextmanager
def without(path: Path) -> Iterator[Path]:
    """Lend a path without "!" to a file with its parts, or to a folder such as a geodatabase.

    Parameters
    ----------
    path
        The file; parts beside it have the same stem.

    Yields
    ------
    pathlib.Path
        The path itself where there is no "!" in it; else a link, or a copy where the system makes no links. It is gone
        after the block.
    """
    if not has_mark(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="gis-") as folder:
        stem = path.stem.replace(_MARK, "") or "file"
        whole = [path] if path.is_dir() else [part for part in path.parent.iterdir() if part.stem == path.stem]
        for part in whole:
            _lend(part, Path(folder) / f"{stem}{part.suffix}")
        yield Path(folder) / f"{stem}{path.suffix}"


def _lend(path: Path, other: Path) -> None:
    """Give a file or folder a second name."""
    try:
        os.symlink(path.resolve(), other, target_is_directory=path.is_dir())
    except OSError:
        # Windows lets not everybody make links
        if path.is_dir():
            shutil.copytree(path, other)
        else:
            shutil.copyfile(path, other)
