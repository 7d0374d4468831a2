"""What people hang on a layer's table in a GeoPackage: computed columns, indexes, triggers, views.

SQLite changes a column's type only by making the table anew, and what hung on the old one goes with it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from gis.catalogue import Layer
from gis.errors import StoreError
from gis.store.geopackage_tables import quoted
from gis.store.home import Home

_TOKEN = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*'|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[(),]|.)""", re.DOTALL)
_NAME = re.compile(r"""\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|`[^`]*`|\[[^\]]*\]|[^\s(]+)""")
_STORED = re.compile(r"\bSTORED\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Hanging:
    """Hold one thing that hangs on a table: its kind, its name, and the statement that makes it or tries it out."""

    kind: str
    name: str
    statement: str

    def __str__(self) -> str:
        """Return kind and name as SQL has them."""
        return f"{self.kind} {self.name}"


def found(home: Home, layer: Layer, own: Collection[str]) -> list[Hanging]:
    """Return what hangs on a layer's table and is not the store's, in an order in which it can be hung again.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.
    own
        Columns that the table is to keep though no field knows them.

    Returns
    -------
    list of Hanging
        Columns, indexes, triggers, and the views of the file that can be read.
    """
    table = quoted(layer.name)
    made = home.run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [layer.name])
    columns = dict(_columns(made[0][0] if made else ""))
    listed = [
        # a stored column can't be added to a table; computed when asked for it says the same
        Hanging("COLUMN", name, f"ALTER TABLE {table} ADD COLUMN {_STORED.sub('VIRTUAL', columns[name])}")
        for name in columns
        if name in own
    ]
    return [*listed, *_indexes(home, layer), *triggers(home, layer), *_views(home)]


def hang(home: Home, layer: Layer, things: Iterable[Hanging]) -> list[Hanging]:
    """Hang things on a layer's table again.

    Parameters
    ----------
    home
        The store's home, in a transaction.
    layer
        The layer, whose table is new.
    things
        As `found` returned them.

    Returns
    -------
    list of Hanging
        Those that do not go with the table any more.
    """
    return [thing for thing in things if not _hung(home, layer, thing)]


def triggers(home: Home, layer: Layer) -> list[Hanging]:
    """Return the triggers of a layer's table that are neither the store's nor those of the standard or of GDAL.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.

    Returns
    -------
    list of Hanging
    """
    name = re.escape(layer.name)
    ours = re.compile(rf"(gis_{name}_(insert|update|delete)|rtree_{name}_.*|trigger_.*_feature_count_{name})")
    listed = home.run(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(%s) ORDER BY rowid",
        [layer.name],
    )
    return [Hanging("TRIGGER", name, made) for name, made in listed if not ours.fullmatch(name)]


def _indexes(home: Home, layer: Layer) -> list[Hanging]:
    """Return the indexes that somebody made for himself."""
    listed = home.run(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND lower(tbl_name) = lower(%s) "
        "ORDER BY rowid",
        [layer.name],
    )
    return [Hanging("INDEX", name, made) for name, made in listed]


def _views(home: Home) -> list[Hanging]:
    """Return the views that can be read."""
    listed = home.run("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY rowid")
    views = [Hanging("VIEW", name, f"EXPLAIN SELECT * FROM {quoted(name)}") for (name,) in listed]
    return [view for view in views if _run(home, view.statement) is None]


def _hung(home: Home, layer: Layer, thing: Hanging) -> bool:
    """Make one thing again, and tell whether it works."""
    if _run(home, thing.statement) is not None:
        return False
    if thing.kind != "TRIGGER":
        return True
    table, key = quoted(layer.name), quoted(layer.key)
    # SQLite looks at a trigger's columns when it is to run, and every edit of the table would end there
    asked = (f"INSERT INTO {table} DEFAULT VALUES", f"UPDATE {table} SET {key} = {key}", f"DELETE FROM {table}")
    if any("no such column" in (_run(home, f"EXPLAIN {edit}") or "") for edit in asked):
        home.run(f"DROP TRIGGER {quoted(thing.name)}")
        return False
    return True


def _run(home: Home, statement: str) -> str | None:
    """Run a statement, and return what is wrong with it."""
    try:
        home.run(statement)
    except StoreError as error:
        return str(error)
    return None


def _columns(made: str) -> Iterator[tuple[str, str]]:
    """Yield name and definition of the columns in the statement that made a table."""
    depth, part = 0, ""
    for token in _TOKEN.findall(made):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token == "(" and depth == 1:
            part = ""
        elif (token == "," and depth == 1) or (token == ")" and depth == 0):
            yield _name(part), part.strip()
            part = ""
        else:
            part += token


def _name(definition: str) -> str:
    """Return the name that a column's definition begins with."""
    found = _NAME.match(definition)
    name = found[1] if found else ""
    if name[:1] in {'"', "'", "`", "["}:
        return name[1:-1].replace(name[0] * 2, name[0])
    return name
