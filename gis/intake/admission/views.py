"""Views of a GeoPackage: queries of a stranger, run by us within limits and handed over as tables.

Whoever opens such a file, and be it to list its layers, runs them: one may never end. So GDAL gets a copy without them.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from gis import writing
from gis.errors import SourceError
from gis.intake.admission import limits, packages

# how long the views of a file may take, how much they may bring, and how long one value may be
SECONDS = 15.0
BYTES = 4 << 30
VALUE_BYTES = 256 << 20
# instructions of SQLite between two looks at the clock
_STEP = 10_000
# what a query may do: read tables of this file, call functions, and call itself
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
# functions that reach beyond the file or into the program, in whatever SQLite was built
_REACHING = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "fsdir", "lsdir", "eval"}
_ASKED = {"table_info"}
# how the tables of the standard begin
_STANDARD = ("gpkg_", "rtree_")
# what programs call the number of a row, which is no value of it
_NUMBERS = {"fid", "ogc_fid"}


@contextmanager
def written_out(path: Path, inner: str | None) -> Iterator[Path]:
    """Lend a GeoPackage in which no layer is a view.

    Parameters
    ----------
    path
        The file; another kind of file is lent as it is.
    inner
        The layer that is asked for; None for whatever there is.

    Yields
    ------
    pathlib.Path
        The file itself where it has no views, else a copy that is gone after the block: in it the views that may be
        asked for are tables, and the others are not there.

    Raises
    ------
    SourceError
        A view does not end in time, brings too much, or calls what only its own program has.
    """
    views = _views(path) if path.suffix.lower() == ".gpkg" else []
    if not views:
        yield path
        return
    own = [name for name in views if name.casefold().startswith(_STANDARD)]
    if own:
        raise SourceError(
            f"{path.name}: {', '.join(own)} should be a table of the standard and is a view, that is a query, "
            "which is not run; save its layers into a new GeoPackage",
            path=str(path),
        )
    with writing.scratch() as folder:
        copy = folder / path.name
        shutil.copyfile(path, copy)
        wanted = [name for name in views if inner is None or name == inner]
        with closing(sqlite3.connect(copy, isolation_level=None)) as base:
            _disarm(base, views, [name for name in views if name not in wanted])
            with closing(packages.opened(path)) as source:
                for name in wanted:
                    _write_out(source, base, name, path.name)
        yield copy


def _views(path: Path) -> list[str]:
    """Return the names of a file's views."""
    with closing(packages.opened(path)) as base:
        return [str(row[0]) for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'view'")]


def _disarm(base: sqlite3.Connection, views: list[str], gone: list[str]) -> None:
    """Take triggers and views out of a copy, and what it says of the views that do not come back."""
    base.execute("BEGIN")
    for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        base.execute(f"DROP TRIGGER {packages.quoted(name)}")
    for name in views:
        base.execute(f"DROP VIEW {packages.quoted(name)}")
    for table in ("gpkg_contents", "gpkg_geometry_columns"):
        if base.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [table]).fetchone():
            base.executemany(f"DELETE FROM {table} WHERE table_name = ?", [[name] for name in gone])
    base.execute("COMMIT")


def _write_out(source: sqlite3.Connection, base: sqlite3.Connection, name: str, file: str) -> None:
    """Run a view and write its rows into a table of its name, columns and types."""
    allowed = min(SECONDS, limits.left())
    until = time.monotonic() + allowed
    for connection in (source, base):
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEP)
    source.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_BYTES)
    source.set_authorizer(_judged)
    size = base.execute("PRAGMA page_size").fetchone()[0]
    pages = base.execute("PRAGMA page_count").fetchone()[0]
    base.execute(f"PRAGMA max_page_count = {pages + BYTES // size}")
    try:
        columns = [(row[1], row[2]) for row in source.execute(f"PRAGMA table_info({packages.quoted(name)})")]
        try:
            _copied(source, base, name, columns, numbered=columns[0][0].casefold() in _NUMBERS)
        except sqlite3.IntegrityError:
            # of two tables joined, a number may come twice
            _copied(source, base, name, columns, numbered=False)
    except sqlite3.Error as error:
        if allowed < SECONDS and time.monotonic() > until:
            raise limits.late() from None
        raise SourceError(
            f"{file}: {name} is a view, that is a query, and {_reason(error)}; save it as a layer of its own, or name "
            "another layer: FILE#NAME",
            layer=name,
        ) from None


def _copied(
    source: sqlite3.Connection, base: sqlite3.Connection, name: str, columns: list[tuple[str, str]], *, numbered: bool
) -> None:
    """Fill a table with the rows of a view, its first column the number of the row where it is that."""
    listed = [f"{packages.quoted(column)} {packages.quoted(type_ or 'TEXT')}" for column, type_ in columns]
    if numbered:
        listed[0] = f"{packages.quoted(columns[0][0])} INTEGER PRIMARY KEY"
    base.execute("BEGIN")
    try:
        base.execute(f"CREATE TABLE {packages.quoted(name)} ({', '.join(listed)})")
        rows = _counted(source.execute(f"SELECT * FROM {packages.quoted(name)}"))
        base.executemany(f"INSERT INTO {packages.quoted(name)} VALUES ({', '.join('?' * len(columns))})", rows)
        base.execute("COMMIT")
    except BaseException:
        # of a file that is full SQLite has done so itself
        if base.in_transaction:
            base.rollback()
        raise


def _counted(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield rows, and refuse more than a layer may have."""
    for count, row in enumerate(rows, 1):
        if count > limits.current().rows:
            limits.require("rows", count)
        yield row


def _judged(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Say whether a query may do something."""
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_DENY if str(second).casefold() in _REACHING else sqlite3.SQLITE_OK
    allowed = action in _ALLOWED or (action == sqlite3.SQLITE_PRAGMA and first in _ASKED)
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _reason(error: sqlite3.Error) -> str:
    """Return why a query was not run to its end."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return f"has no end within {SECONDS:g} s"
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_TOOBIG}:
        return "brings more than a file may hold"
    return f"cannot be run here ({error})"
