"""A GeoPackage as a file: its address, whether it holds a store, and what SQLite's errors about it mean."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote_from_bytes

from gis.errors import GisError, StoreError, StoreLockedError, StorePermissionError
from gis.store.home import CHANGES, FACTS

_REFUSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_STOPPED = {sqlite3.SQLITE_FULL: "the disk is full", sqlite3.SQLITE_IOERR: "the system reads or writes it no further"}


def address(path: Path, mode: str) -> str:
    """Return a file's address as SQLite takes it; unlike Path.as_uri it also leads to a share of another machine.

    Parameters
    ----------
    path
        The file.
    mode
        "ro", "rw" or "rwc".

    Returns
    -------
    str
    """
    absolute = path.resolve().as_posix()
    named = quote_from_bytes(os.fsencode(absolute), safe="/:")
    return f"file://{'' if absolute.startswith('/') else '/'}{named}?mode={mode}"


def is_store(path: Path) -> bool:
    """Tell whether a file holds a store.

    Parameters
    ----------
    path
        Any file.

    Returns
    -------
    bool
        True also where it is locked: who writes there right now is taken for one.
    """
    try:
        with closing(sqlite3.connect(address(path, "ro"), uri=True, timeout=0.1)) as connection:
            return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [FACTS]).fetchall())
    except sqlite3.Error as error:
        return isinstance(explanation(error, path), StoreLockedError)


def reasons(path: Path) -> frozenset[str] | None:
    """Return why rows were ever brought into a store.

    Parameters
    ----------
    path
        Any file.

    Returns
    -------
    frozenset of str or None
        Empty for a store that never held any; None where there is no store, or it cannot be read.
    """
    told = f"SELECT DISTINCT reason FROM {CHANGES} WHERE operation NOT IN ('init', 'replace')"
    try:
        with closing(sqlite3.connect(address(path, "ro"), uri=True, timeout=0.1)) as connection:
            if views(connection) & {CHANGES}:
                return None
            return frozenset(str(row[0]) for row in connection.execute(told))
    except sqlite3.Error:
        return None


def views(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the names of a file's views, without running one: what stands in them is anybody's.

    Parameters
    ----------
    connection
        To the file.

    Returns
    -------
    frozenset of str
        In lower case.
    """
    listed = connection.execute("SELECT lower(name) FROM sqlite_master WHERE type = 'view'")
    return frozenset(str(row[0]) for row in listed)


def explanation(error: sqlite3.Error, path: Path) -> GisError:
    """Return the error to raise for one of sqlite's.

    Parameters
    ----------
    error
        What SQLite said.
    path
        The file.

    Returns
    -------
    gis.errors.GisError
        In one sentence that says what to do.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreLockedError(
            f"{path.name} is being written by another program; wait, or close it there, then try again",
            target=str(path),
        )
    if code in _REFUSED:
        return StorePermissionError(
            f"{path} may not be written (and the folder must allow a journal beside it); "
            "ask for the right, or work on a copy",
            target=str(path),
        )
    if code in _STOPPED:
        return StorePermissionError(
            f"{path}: {_STOPPED[code]}; the store is as it was: make room, or bring the drive back, then try again",
            target=str(path),
        )
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(f"{path.name} is no GeoPackage; give another file", target=str(path))
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreError(
            f"{path.name} is damaged: parts of the file are cut off or overwritten; take the last copy that is whole",
            target=str(path),
        )
    return StoreError(
        f"{path.name} is not as the store made it ({error}); take the last copy that is whole", target=str(path)
    )
