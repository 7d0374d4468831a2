"""Where outputs may go: asked before any work is done, so that nothing is stored or computed for a file that can't be.

A file that is there already is replaced. What is not replaced: a folder, a device, an input of the same command, and a
store, whose history would end.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path

from gis import addresses, writing
from gis.errors import UsageError
from gis.store import Store
from gis.store.geopackage import GeoPackage
from gis.store.geopackage_files import is_store

SHEETS, PAGES, PACKAGES = (".xlsx",), (".html", ".htm"), (".zip",)


def require(out: Path | None, suffixes: Collection[str], *, inputs: Iterable[str | Path | Store | None] = ()) -> None:
    """Refuse a place where a command could not leave its output.

    Parameters
    ----------
    out
        The file to be made; None asks for nothing.
    suffixes
        What its name may end in, each with its dot.
    inputs
        Stores, files and other outputs of the same command, which stay as they are.

    Raises
    ------
    UsageError
        Another suffix, one of the inputs, or a store.
    StorePermissionError
        No file can be made there: a folder is in the way, or the system does not let us write.
    """
    if out is None:
        return
    if out.suffix.lower() not in suffixes:
        allowed, came = ", ".join(sorted(suffixes)), out.suffix or "no suffix"
        raise UsageError(f"{out.name}: {came} cannot be written; allowed: {allowed}", suffix=out.suffix)
    with writing.explained(out):
        writing.require_file(out)
        if any(_same(out, Path(path)) for path in map(_path, inputs) if path is not None):
            raise UsageError(f"{out} is what the command reads or writes already; give another name", file=out.name)
        if out.is_file() and is_store(out):
            raise UsageError(f"{out} is a store and its history would end; give another name", file=out.name)
        if out.exists():
            # what another program holds open, or somebody has locked, can't be replaced later on either
            out.open("r+b").close()
        _try(out.parent)


def require_folder(folder: Path | None) -> None:
    """Refuse a folder where a command could not leave its outputs; it is not made yet.

    Parameters
    ----------
    folder
        The folder; None asks for nothing.

    Raises
    ------
    StorePermissionError
        A file is in the way, or the system does not let us write.
    """
    if folder is not None:
        with writing.explained(folder):
            _try(folder)


def _try(folder: Path) -> None:
    """Make a nameless file in a folder, or in the nearest one above it that is there."""
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except FileNotFoundError:
        # some folders of the system are there and hold no files
        if folder.exists():
            raise
        _try(folder.parent)


def _path(given: str | Path | Store | None) -> str | Path | None:
    """Return the file that a store, or a store's name, is in; None for a database."""
    if isinstance(given, Store):
        return given.home.path if isinstance(given.home, GeoPackage) else None
    return None if given is None or addresses.is_database(given) else given


def _same(one: Path, other: Path) -> bool:
    """Tell whether two names lead to one file, which may not be there yet."""
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))
