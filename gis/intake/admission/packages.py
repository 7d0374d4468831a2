"""A GeoPackage of somebody else: opened to be read alone, so that nothing beside it changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# where the head of a file says how it is written, and what says that changes are kept in a journal beside it
_MODE, _AHEAD = slice(18, 20), b"\x02\x02"


def opened(path: Path) -> sqlite3.Connection:
    """Open a file for reading.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    sqlite3.Connection
        To be closed by the caller.
    """
    with path.open("rb") as stream:
        ahead = stream.read(_MODE.stop)[_MODE] == _AHEAD
    # without its journal nothing is to be read but the file, and no journal is to be made
    alone = ahead and not path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' * alone}", uri=True)


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever is in it.

    Parameters
    ----------
    name
        Of a table or a column.

    Returns
    -------
    str
    """
    return '"' + name.replace('"', '""') + '"'
