"""A store in one GeoPackage file, valid for GDAL and QGIS, written through sqlite3."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyproj

from gis.catalogue import Catalogue, Layer
from gis.errors import StoreError
from gis.store import geopackage_hanging as hanging
from gis.store import geopackage_tables as tables
from gis.store.described import titles, unedited
from gis.store.geopackage_blobs import bits, blobs, register
from gis.store.geopackage_files import address, explanation, views
from gis.store.geopackage_tables import quoted
from gis.store.home import CHANGES, FACTS, Home, Layout, history
from gis.store.records import GEOMETRY, Column, Row, columns
from gis.store.styles import qml

WAIT_S = 10.0
# with SQLite's own 2 MiB a put of 50,000 rows would spill to the disk, and lock readers out, half way
CACHE_KIB = 256 * 1024
# lists longer than this are bound as one JSON array
_LIST = 500
_DESCRIPTION = "SELECT description FROM gpkg_contents WHERE table_name = %s"
# how the tables of the store, of the standard and of its index begin
_OURS = (FACTS, CHANGES, tables.OPEN, history(""), "gpkg_", "rtree_", tables.STYLES)
_KINDS = {kind.upper(): kind for kind in ("Point", "MultiPoint", "MultiLineString", "MultiPolygon")}


class GeoPackage(Home):
    """Keep a store's tables in a GeoPackage.

    Parameters
    ----------
    path
        The file.
    create
        Make a new, still empty file where there is none.

    Raises
    ------
    StoreError
        The file is not there, or is no GeoPackage.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.name = path.name
        self.path = path
        self.srid = -1
        self._fresh = fresh = not path.exists() or path.stat().st_size == 0
        if fresh and not create:
            raise StoreError(f"{path} is not there; make it with: gis init {path.name}", target=str(path))
        if fresh and not path.parent.is_dir():
            raise StoreError(f"{path}: the folder {path.parent} is not there; make it first", target=str(path))
        with self._explained():
            named = address(path, "rwc" if create else "rw")
            self.connection = sqlite3.connect(named, uri=True, timeout=WAIT_S, isolation_level=None)
            try:
                register(self.connection)
                self.connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                if not fresh and self._pragma("application_id") != tables.APPLICATION_ID:
                    raise StoreError(f"{path.name} is an SQLite file but no GeoPackage", target=str(path))
                self._require_tables({name for name in views(self.connection) if name.startswith(_OURS)})
            except BaseException:
                self.connection.close()
                raise

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and return its rows; without values to bind, a per cent sign may stand in a name."""
        asked = statement.replace("%s", "?") if parameters else statement
        with self._explained():
            return self.connection.execute(asked, parameters).fetchall()

    @contextmanager
    def transaction(self, tables: Iterable[str] = ()) -> Iterator[None]:
        """Hold SQLite's writing lock; readers see the old state until the end."""
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.rollback()
            raise

    def close(self) -> None:
        """Close the file, and take it away if it was made but never became a store."""
        self.connection.close()
        if self._fresh and self.path.exists() and self.path.stat().st_size == 0:
            self.path.unlink()

    def table(self, name: str) -> str:
        """Return the name in quotes."""
        return quoted(name)

    def column(self, name: str, alias: str | None = None) -> str:
        """Return the name in quotes."""
        return f"{alias}.{quoted(name)}" if alias else quoted(name)

    def shown(self, column: Column, alias: str, name: str | None = None) -> str:
        """Return the column itself, for geometry without the GeoPackage header."""
        found = self.column(name or column.name, alias)
        return f"gis_wkb({found}, '{column.kind}')" if column.type == "geometry" else found

    def among(self, expression: str, values: Collection[Any]) -> tuple[str, list[Any]]:
        """Bind few values one by one and many as a JSON array, reals to the last bit."""
        if len(values) <= _LIST:
            return f"{expression} IN ({', '.join(['%s'] * len(values))})", list(values)
        if any(isinstance(value, float) for value in values):
            expression, values = f"gis_bits({expression})", [bits(value) for value in values]
        array = json.dumps(list(values), ensure_ascii=False)
        return f"{expression} IN (SELECT value FROM json_each(%s))", [array]

    def within(self, layer: str, layout: Layout, bbox: Sequence[float]) -> tuple[str, list[Any]]:
        """Ask the R-tree, where the table has one."""
        index = f"rtree_{layer}_{layout.geometry}"
        if self.layout(index) is None:
            return "1 = 1", []
        west, south, east, north = bbox
        condition = "minx <= %s AND maxx >= %s AND miny <= %s AND maxy >= %s"
        return f"t.fid IN (SELECT id FROM {quoted(index)} WHERE {condition})", [east, west, north, south]

    def unlike(self, one: str, other: str) -> str:
        """Compare as SQLite does it."""
        return f"({one}) IS NOT ({other})"

    def insert(self, table: str, names: Sequence[Column], rows: Sequence[Row]) -> None:
        """Insert rows through the table's triggers."""
        if rows:
            listed = ", ".join(quoted(column.name) for column in names)
            marks = ", ".join("?" * len(names))
            self._many(f"INSERT INTO {quoted(table)} ({listed}) VALUES ({marks})", self._blobs(names, rows))

    def update(self, table: str, names: Sequence[Column], rows: Sequence[Row], key: str) -> None:
        """Update rows by key through the table's triggers."""
        if rows:
            place = [column.name for column in names].index(key)
            others = ", ".join(f"{quoted(column.name)} = ?" for column in names if column.name != key)
            moved = ((*row[:place], *row[place + 1 :], row[place]) for row in self._blobs(names, rows))
            self._many(f"UPDATE {quoted(table)} SET {others} WHERE {quoted(key)} = ?", moved)

    def layout(self, table: str) -> Layout | None:
        """Return a table as SQLite and gpkg_geometry_columns describe it."""
        # hidden columns are those of virtual tables (1) and those that are computed (2, 3)
        self._require_tables({table.lower()} & views(self.connection))
        listed = self.run("SELECT name, type, hidden FROM pragma_table_xinfo(%s)", [table])
        if not listed:
            return None
        types = {row[0]: row[1] for row in listed if row[2] == 0}
        computed = frozenset(row[0] for row in listed if row[2] > 1)
        found = []
        if self.run("SELECT 1 FROM sqlite_master WHERE name = 'gpkg_geometry_columns'"):
            shape = "column_name, geometry_type_name, srs_id"
            found = self.run(f"SELECT {shape} FROM gpkg_geometry_columns WHERE table_name = %s", [table])
        if not found:
            return Layout(types, computed=computed)
        geometry, kind, srid = found[0]
        return Layout(types, geometry, _KINDS.get(kind.upper(), kind), srid, computed)

    def create_store(self, crs: pyproj.CRS) -> None:
        """Make the standard's tables and the store's own; a bureau's own grid is left undefined."""
        held = [row[0] for row in self.run("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if held:
            layers = ", ".join(name for name in held if not name.startswith(("gpkg_", "rtree_", "sqlite_")))
            raise StoreError(
                f"{self.name} holds tables of another program ({layers or 'none of its own'}); a store is made in a "
                "file of its own: give another name, then load this file into it",
                target=self.name,
            )
        for name, value in (("application_id", tables.APPLICATION_ID), ("user_version", tables.USER_VERSION)):
            self.run(f"PRAGMA {name} = {value}")
        for statement in (*tables.STANDARD, *tables.META):
            self.run(statement)
        code = crs.to_epsg()
        # the parameters of a bureau's own grid must not enter the store: GDAL sees an undefined Cartesian system
        self.srid = code or -1
        for row in tables.reference_systems(crs, code):
            self.run("INSERT INTO gpkg_spatial_ref_sys VALUES (%s, %s, %s, %s, %s, %s)", row)
        self.run(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (%s, 'attributes', %s, 0)",
            [tables.STYLES, tables.STYLES],
        )

    def create_layer(self, layer: Layer) -> None:
        """Make the table, its entries in the standard's tables and its R-tree."""
        self.run(tables.layer_table(layer))
        kind = "features" if layer.spatial else "attributes"
        self.run(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (%s, %s, %s, %s)",
            [layer.name, kind, layer.name, self.srid if layer.spatial else 0],
        )
        if layer.spatial:
            shape = [layer.name, GEOMETRY, layer.geometry.upper(), self.srid]
            self.run("INSERT INTO gpkg_geometry_columns VALUES (%s, %s, %s, %s, 0, 0)", shape)
            link = "http://www.geopackage.org/spec120/#extension_rtree"
            extension = [layer.name, GEOMETRY, "gpkg_rtree_index", link, "write-only"]
            self.run("INSERT INTO gpkg_extensions VALUES (%s, %s, %s, %s, %s)", extension)
            for statement in tables.rtree(layer):
                self.run(statement)

    def create_history(self, layer: Layer) -> None:
        """Make the history table and its two indexes."""
        for statement in tables.history_tables(layer):
            self.run(statement)

    def create_triggers(self, layer: Layer) -> None:
        """Make the three triggers of history."""
        for name, statement in tables.history_triggers(layer).items():
            self.run(f"DROP TRIGGER IF EXISTS {quoted(name)}")
            self.run(statement)

    def remake(self, layer: Layer) -> list[str]:
        """Make the table anew, and hang on it what hung on the old one."""
        layout = self.layout(layer.name)
        things = hanging.found(self, layer, layout.computed if layout else ())
        self._anew(layer)
        return [str(thing) for thing in hanging.hang(self, layer, things)]

    def alter(self, old: Layer, new: Layer) -> None:
        """Make the table anew around its rows: SQLite cannot change a column's type in place."""
        layout = self.layout(new.name) or Layout({})
        known = {"fid", *(column.name for column in columns(old))}
        own = layout.columns - known
        things = hanging.found(self, new, own | layout.computed)
        shared = ", ".join(quoted(name) for name in sorted(known | own))
        self.run(f"CREATE TEMP TABLE gis_copy AS SELECT {shared} FROM {quoted(new.name)}")
        self._anew(new)
        lost = hanging.hang(self, new, [thing for thing in things if thing.kind == "COLUMN"])
        if not lost:
            self.run(f"INSERT INTO {quoted(new.name)} ({shared}) SELECT {shared} FROM temp.gis_copy")
            lost = hanging.hang(self, new, [thing for thing in things if thing.kind != "COLUMN"])
        self.run("DROP TABLE temp.gis_copy")
        if lost:
            raise StoreError(
                f"{self.name}: {new.name} cannot be made to fit the catalogue with {', '.join(map(str, lost))}; "
                "drop that first, and make it anew afterwards",
                target=self.name,
            )
        if not new.derived:
            known = {column.name for column in columns(old)}
            for column in columns(new):
                if column.name not in known:
                    self.run(f"ALTER TABLE {quoted(history(new.name))} ADD COLUMN {quoted(column.name)}")
            self.create_triggers(new)
        self.touch(new)

    def altered(self, layer: Layer) -> dict[str, str]:
        """Look for the definition of every column in the statement that made the table, and for the R-tree."""
        found = self.run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [layer.name])
        types: dict[str, str] = dict(self.run("SELECT name, type FROM pragma_table_info(%s)", [layer.name]))
        made = found[0][0] if found else ""
        wanted = {"fid": tables.FID} | {column.name: tables.definition(column, layer) for column in columns(layer)}
        changed = {name: types[name] for name, text in wanted.items() if text not in made and name in types}
        if layer.spatial:
            index = f"rtree_{layer.name}_{GEOMETRY}"
            there = {row[0] for row in self.run("SELECT name FROM sqlite_master WHERE name GLOB %s", [f"{index}*"])}
            if not there >= {index, *(f"{index}_{suffix}" for suffix in tables.rtree_triggers(layer))}:
                changed[GEOMETRY] = types.get(GEOMETRY, "")
        return changed

    def refill(self, layer: Layer, rows: Sequence[Row], last: int) -> None:
        """Drop the triggers of history, empty the table, insert, and number on from there."""
        others = hanging.triggers(self, layer)
        for name in [*tables.history_triggers(layer), *(trigger.name for trigger in others)]:
            self.run(f"DROP TRIGGER IF EXISTS {quoted(name)}")
        self.run(f"DELETE FROM {quoted(layer.name)}")
        self.insert(layer.name, [Column("fid", "integer"), *columns(layer)], rows)
        for trigger in others:
            self.run(trigger.statement)
        self.run("DELETE FROM sqlite_sequence WHERE name = %s", [layer.name])
        self.run("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [layer.name, last])

    def triggers_sound(self, layer: Layer) -> bool:
        """Compare the triggers with the statements that make them."""
        wanted = tables.history_triggers(layer)
        found = self.run("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [layer.name])
        return wanted.items() <= dict(found).items()

    def titles(self, layer: Layer) -> dict[str, str | None]:
        """Return the description in gpkg_contents; columns have none."""
        found = self.run(_DESCRIPTION, [layer.name])
        return {"": found[0][0]} if found else {}

    def describe(self, catalogue: Catalogue, layers: Iterable[Layer], *, anew: bool = False) -> None:
        """Write titles into gpkg_contents and styles into layer_styles."""
        for layer in layers:
            for text in unedited(self, layer, anew=anew).values():
                self.run("UPDATE gpkg_contents SET description = %s WHERE table_name = %s", [text, layer.name])
            self.run(f"DELETE FROM {tables.STYLES} WHERE f_table_name = %s AND owner = 'gis'", [layer.name])
            if layer.spatial:
                # somebody's own style stays the one that QGIS shows first
                chosen = f"SELECT 1 FROM {tables.STYLES} WHERE f_table_name = %s AND useAsDefault = 1"
                first = int(not self.run(chosen, [layer.name]))
                title, drawing = titles(layer)[""], qml(layer, catalogue)
                style = ["", "", layer.name, GEOMETRY, layer.zh, drawing, "", first, title, "gis"]
                self.run(
                    f"INSERT INTO {tables.STYLES} (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "
                    "styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time) "
                    f"VALUES ({', '.join(['%s'] * 10)}, {tables.STAMP})",
                    style,
                )

    def touch(self, layer: Layer) -> None:
        """Bring extent and time of change in gpkg_contents up to date."""
        box: Row = (None, None, None, None)
        if layer.spatial:
            index = quoted(f"rtree_{layer.name}_{GEOMETRY}")
            box = self.run(f"SELECT min(minx), min(miny), max(maxx), max(maxy) FROM {index}")[0]
        self.run(
            f"UPDATE gpkg_contents SET last_change = {tables.STAMP}, "
            "min_x = %s, min_y = %s, max_x = %s, max_y = %s WHERE table_name = %s",
            [*box, layer.name],
        )

    def open_change(self, author: str, reason: str, operation: str, layer: str | None) -> int:
        """Enter the change set, and name it as open for the triggers."""
        # a clock that was set back must not make a later change set look earlier
        last = self.run(f"SELECT max(at) FROM {CHANGES}")[0][0] or ""
        at = max(self.moment(datetime.now(UTC)), last)
        self.run(
            f"INSERT INTO {CHANGES} (author, reason, operation, layer, at) VALUES (%s, %s, %s, %s, %s)",
            [author, reason, operation, layer, at],
        )
        number = int(self.run("SELECT last_insert_rowid()")[0][0])
        self.run(f"INSERT INTO {tables.OPEN} VALUES (%s, %s)", [number, at])
        return number

    def close_change(self, number: int, counts: str) -> None:
        """Enter the counts; nothing is open any more."""
        self.run(f"UPDATE {CHANGES} SET counts = %s WHERE number = %s", [counts, number])
        self.run(f"DELETE FROM {tables.OPEN}")

    def moment(self, at: Any) -> str:
        """Return a time as the text that change sets carry."""
        # a moment of the calendar's first or last day elsewhere is before, or after, all change sets anyhow
        with suppress(OverflowError):
            at = at.astimezone(UTC)
        return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"

    def _anew(self, layer: Layer) -> None:
        """Drop a table, its R-tree and its entries, also those that GDAL made, and make it as the store does."""
        layout = self.layout(layer.name)
        for index in {f"rtree_{layer.name}_{name}" for name in (GEOMETRY, layout.geometry if layout else GEOMETRY)}:
            self.run(f"DROP TABLE IF EXISTS {quoted(index)}")
        self.run(f"DROP TABLE IF EXISTS {quoted(layer.name)}")
        said = self.run(_DESCRIPTION, [layer.name])
        ours = "table_name = %s AND (extension_name = 'gpkg_rtree_index' OR extension_name GLOB 'gpkg_geom_*')"
        self.run(f"DELETE FROM gpkg_extensions WHERE {ours}", [layer.name])
        for table in ("gpkg_geometry_columns", "gpkg_ogr_contents", "gpkg_contents"):
            if self.layout(table):
                self.run(f"DELETE FROM {table} WHERE table_name = %s", [layer.name])
        self.create_layer(layer)
        for row in said:
            self.run("UPDATE gpkg_contents SET description = %s WHERE table_name = %s", [*row, layer.name])

    def _many(self, statement: str, rows: Iterable[Row]) -> None:
        """Run one statement for many rows."""
        with self._explained():
            self.connection.executemany(statement, rows)

    def _blobs(self, names: Sequence[Column], rows: Sequence[Row]) -> Iterable[Row]:
        """Return rows whose geometry, which comes last, has its GeoPackage header."""
        if names[-1].type != "geometry":
            return rows
        return [(*row[:-1], blob) for row, blob in zip(rows, blobs([row[-1] for row in rows], self.srid), strict=True)]

    def _require_tables(self, found: Collection[str]) -> None:
        """Refuse views where the store and the standard keep tables: a query of a stranger may never end."""
        if found:
            listed = ", ".join(sorted(found))
            raise StoreError(
                f"{self.name}: {listed} should be a table and is a view, that is a query, which is not run; take the "
                "last copy of the store that is whole, or load what the view shows into a layer",
                target=self.name,
            )

    def _pragma(self, name: str) -> int:
        """Return a number from the file's header."""
        return int(self.connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn sqlite's errors into ours, each in one sentence that says what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise explanation(error, self.path) from error
