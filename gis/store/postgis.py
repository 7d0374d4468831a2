"""A store in one schema of a PostGIS database: psycopg2, binary COPY of EWKB, GiST, statement triggers."""

from __future__ import annotations

import io
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
import psycopg2
import pyproj
from psycopg2 import sql

from gis import addresses
from gis.catalogue import Catalogue, Layer
from gis.errors import StoreError
from gis.store import postgis_connecting as connecting
from gis.store import postgis_mending as mending
from gis.store import postgis_tables as tables
from gis.store.described import unedited
from gis.store.home import CHANGES, Home, Layout, history
from gis.store.postgis_refusals import explanation
from gis.store.records import GEOMETRY, Column, Row, columns

WAIT = "10s"
_EPOCH = np.datetime64("2000-01-01", "D")
_MISSING = b"\xff\xff\xff\xff"


class Postgis(Home):
    """Keep a store's tables in one schema of a PostGIS database.

    Parameters
    ----------
    dsn
        "postgresql://user@host:port/database?schema=gis"; the schema is `gis` where none is named.
    create
        Make the schema, and the PostGIS extension, where they are missing.

    Raises
    ------
    StoreError
        No server answers, or the schema is not there.
    """

    def __init__(self, dsn: str, *, create: bool = False) -> None:
        parts, self.schema = connecting.parted(dsn)
        self.name = addresses.shown(dsn)
        self.srid = 0
        self.connection = connecting.connect(parts, self.name)
        try:
            self.connection.autocommit = True
            self.connection.set_client_encoding("UTF8")
            self.run("SET TIME ZONE 'UTC'; SET datestyle TO ISO; SET client_min_messages TO warning")
            self._enter(create)
        except BaseException:
            self.connection.close()
            raise

    def run(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement, in which a per cent sign is doubled, and return its rows."""
        with self._explained(statement), self.connection.cursor() as cursor:
            if parameters:
                cursor.execute(statement, list(parameters))
            else:
                cursor.execute(statement.replace("%%", "%"))
            return [] if cursor.description is None else [_unwrapped(row) for row in cursor.fetchall()]

    @contextmanager
    def transaction(self, tables: Iterable[str] = ()) -> Iterator[None]:
        """Lock the layers that will be written, then the change sets: writers queue, readers see the old state."""
        self.run("BEGIN")
        try:
            self.run(f"SET LOCAL lock_timeout TO '{WAIT}'")
            # always in the same order, the change sets last
            for table in (*sorted(set(tables)), CHANGES):
                mode = "EXCLUSIVE" if table == CHANGES else "SHARE ROW EXCLUSIVE"
                if self.run("SELECT to_regclass(%s)", [self._called(table)])[0][0]:
                    self.run(f"LOCK TABLE {self.table(table)} IN {mode} MODE")
            yield
            self.run("COMMIT")
        except BaseException:
            if not self.connection.closed:
                self.run("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def table(self, name: str) -> str:
        """Return the name with its schema, in quotes."""
        return self._called(name).replace("%", "%%")

    def column(self, name: str, alias: str | None = None) -> str:
        """Return the name in quotes."""
        parts = [alias, name] if alias else [name]
        return sql.Identifier(*parts).as_string(self.connection).replace("%", "%%")

    def _called(self, name: str) -> str:
        """Return a table's name with its schema, in quotes, as a value and not inside a statement."""
        return sql.Identifier(self.schema, name).as_string(self.connection)

    def shown(self, column: Column, alias: str, name: str | None = None) -> str:
        """Return the column, geometry as WKB, dates as ISO text, and nothing for what is no number."""
        found = self.column(name or column.name, alias)
        if column.type == "geometry":
            return f"ST_AsBinary({found}, 'NDR')"
        if column.type == "real":
            # what is no number is a missing one, as in a GeoPackage; another program may have changed the type
            return f"CASE WHEN {found}::text <> 'NaN' THEN {found} END"
        return f"({found})::text" if column.type == "date" else found

    def among(self, expression: str, values: Collection[Any]) -> tuple[str, list[Any]]:
        """Bind the values as one array."""
        return f"{expression} = ANY(%s)", [list(values)]

    def within(self, layer: str, layout: Layout, bbox: Sequence[float]) -> tuple[str, list[Any]]:
        """Ask the GiST index."""
        geometry = self.column(layout.geometry or GEOMETRY, "t")
        return f"{geometry} && ST_MakeEnvelope(%s, %s, %s, %s, %s)", [*bbox, self.srid]

    def unlike(self, one: str, other: str) -> str:
        """Compare as standard SQL does it."""
        return f"({one}) IS DISTINCT FROM ({other})"

    def insert(self, table: str, names: Sequence[Column], rows: Sequence[Row]) -> None:
        """Copy rows in binary form."""
        if rows:
            listed = ", ".join(self.column(column.name) for column in names)
            self._copy(f"COPY {self.table(table)} ({listed}) FROM STDIN (FORMAT binary)", names, rows)

    def update(self, table: str, names: Sequence[Column], rows: Sequence[Row], key: str) -> None:
        """Copy rows into a temporary table and update from there, in one statement."""
        if not rows:
            return
        listed = ", ".join(self.column(column.name) for column in names)
        self.run(f"CREATE TEMP TABLE gis_came ON COMMIT DROP AS SELECT {listed} FROM {self.table(table)} WITH NO DATA")
        self._copy(f"COPY gis_came ({listed}) FROM STDIN (FORMAT binary)", names, rows)
        others = [self.column(column.name) for column in names if column.name != key]
        changes = ", ".join(f"{name} = s.{name}" for name in others)
        same = f"{self.column(key, 't')} = {self.column(key, 's')}"
        self.run(f"UPDATE {self.table(table)} AS t SET {changes} FROM gis_came AS s WHERE {same}")
        self.run("DROP TABLE gis_came")

    def layout(self, table: str) -> Layout | None:
        """Return a table as the system's catalogue describes it."""
        found = self.run(
            "SELECT attname, format_type(atttypid, CASE WHEN typname = 'geometry' THEN NULL ELSE atttypmod END), "
            "attgenerated <> '', "
            "CASE WHEN typname = 'geometry' THEN postgis_typmod_type(atttypmod) END, "
            "CASE WHEN typname = 'geometry' THEN postgis_typmod_srid(atttypmod) END "
            "FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            [self._called(table)],
        )
        if not found:
            return None
        types = {row[0]: row[1] for row in found if not row[2]}
        computed = frozenset(row[0] for row in found if row[2])
        shapes = [(row[0], *row[3:]) for row in found if row[3] is not None and row[0] in types]
        # a second geometry of another program does not hide ours
        geometry, kind, srid = min(shapes, key=lambda shape: shape[0] != GEOMETRY, default=(None, None, None))
        if srid == 0 and self.srid:
            # the column takes any system: each shape says its own
            shape = self.column(str(geometry))
            own = {row[0] for row in self.run(f"SELECT DISTINCT ST_SRID({shape}) FROM {self.table(table)}")} - {None}
            srid = min(own, key=lambda one: one == self.srid, default=None)
        return Layout(types, geometry, kind, srid, computed)

    def create_store(self, crs: pyproj.CRS) -> None:
        """Make the store's own tables and the function that names a transaction's change set."""
        code = crs.to_epsg()
        if code and not self.run("SELECT 1 FROM spatial_ref_sys WHERE srid = %s", [code]):
            raise StoreError(f"PostGIS of {self.name} does not know EPSG:{code}; add it to spatial_ref_sys", epsg=code)
        self.srid = code or 0
        self.run(";\n".join(tables.meta(self.table)))

    def create_layer(self, layer: Layer) -> None:
        """Make the table and its GiST index."""
        self.run(";\n".join(tables.layer_table(self, layer)))

    def create_history(self, layer: Layer) -> None:
        """Make the history table and its two indexes."""
        self.run(";\n".join(tables.history_table(self, layer)))

    def create_triggers(self, layer: Layer) -> None:
        """Make the trigger functions and the four triggers of history."""
        self.run(";\n".join(tables.history_triggers(self, layer, self.beside)))

    def remake(self, layer: Layer) -> list[str]:
        """Mend the table in its place, so that what hangs on it stays."""
        layout = self.layout(layer.name)
        if layout is None:
            self.create_layer(layer)
            return []
        return mending.mend(self, layer, layout, self.altered(layer))

    def alter(self, old: Layer, new: Layer) -> None:
        """Add and widen columns in place."""
        known = {column.name: column for column in columns(old)}
        names = [new.name] if new.derived else [new.name, history(new.name)]
        for table in names:
            for column in columns(new):
                name, type_ = self.column(column.name), tables.TYPES.get(column.type, "geometry")
                if column.name not in known:
                    self.run(f"ALTER TABLE {self.table(table)} ADD COLUMN {name} {type_}")
                elif column.type != known[column.name].type:
                    self.run(f"ALTER TABLE {self.table(table)} ALTER COLUMN {name} TYPE {type_}")
        if not new.derived:
            self.create_triggers(new)

    def altered(self, layer: Layer) -> dict[str, str]:
        """Compare types with those that the store gave, and look for what makes keys unique and rows numbered."""
        layout = self.layout(layer.name)
        types = layout.types if layout else {}
        wanted = {"fid": "bigint"} | {
            column.name: tables.TYPES[column.type] for column in columns(layer) if column.type != "geometry"
        }
        changed = {name: types[name] for name, type_ in wanted.items() if name in types and types[name] != type_}
        guarded = self.run(
            "SELECT attname, CASE WHEN attname = 'fid' THEN attidentity <> '' ELSE attnotnull END "
            "FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname IN ('fid', %s)",
            [self._called(layer.name), layer.key],
        )
        said, unique = {"fid": "not numbered", layer.key: "not unique"}, tables.unique(self, layer)
        loose = [name for name, sound in guarded if name in types and not (sound and name in unique)]
        changed |= {name: f"{types[name]}, {said[name]}" for name in loose}
        if layer.spatial and GEOMETRY in types:
            type_ = tables.shape_type(self, layer)
            if type_ != tables.type_of(self, layer, columns(layer)[-1]):
                changed[GEOMETRY] = type_
            elif not tables.indexed(self, layer):
                changed[GEOMETRY] = f"{type_}, not indexed"
        return changed

    def refill(self, layer: Layer, rows: Sequence[Row], last: int) -> None:
        """Change rows by their keys, so that what refers to a feature stays; number on from the last one."""
        table, key, place = self.table(layer.name), self.column(layer.key), 1 + layer.columns.index(layer.key)
        names = [Column("fid", "integer"), *columns(layer)]
        there = {row[0] for row in self.run(f"SELECT {key} FROM {table}")}
        with mending.silenced(self, layer):
            self.delete(layer.name, there - {row[place] for row in rows}, layer.key)
            # features may have changed places: first all leave theirs
            self.run(
                f"UPDATE {table} AS t SET fid = f.low - f.row FROM (SELECT {key}, row_number() OVER () AS row, "
                f"least(min(fid) OVER (), 0) AS low FROM {table}) AS f WHERE f.{key} = t.{key}"
            )
            self.update(layer.name, names, [row for row in rows if row[place] in there], layer.key)
            self.insert(layer.name, names, [row for row in rows if row[place] not in there])
        sequence = "pg_get_serial_sequence(%s, 'fid')"
        self.run(f"SELECT setval({sequence}, %s, %s)", [self._called(layer.name), max(last, 1), last > 0])

    def triggers_sound(self, layer: Layer) -> bool:
        """Compare triggers and their functions with the statements that make them."""
        found = self.run(
            "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgrelid = to_regclass(%s) AND NOT t.tgisinternal AND t.tgenabled = 'O'",
            [self._called(layer.name)],
        )
        wanted = {name: body.replace("%%", "%") for name, body in tables.trigger_bodies(self, layer).items()}
        return wanted.items() <= dict(found).items()

    def titles(self, layer: Layer) -> dict[str, str | None]:
        """Return the comments on the table and its columns."""
        found = self.run(
            "SELECT coalesce(a.attname, ''), d.description FROM pg_class AS c "
            "CROSS JOIN LATERAL (SELECT attname, attnum FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 "
            "AND NOT attisdropped UNION ALL SELECT NULL, 0) AS a "
            "LEFT JOIN pg_description AS d ON d.objoid = c.oid AND d.objsubid = a.attnum "
            "AND d.classoid = 'pg_class'::regclass WHERE c.oid = to_regclass(%s)",
            [self._called(layer.name)],
        )
        return dict(found)

    def describe(self, catalogue: Catalogue, layers: Iterable[Layer], *, anew: bool = False) -> None:
        """Write titles as comments on tables and columns."""
        for layer in layers:
            table = self.table(layer.name)
            said = {
                f"COLUMN {table}.{self.column(name)}" if name else f"TABLE {table}": title
                for name, title in unedited(self, layer, anew=anew).items()
            }
            texts = {place: sql.Literal(title).as_string(self.connection) for place, title in said.items()}
            if texts:
                comments = (f"COMMENT ON {place} IS {text.replace('%', '%%')}" for place, text in texts.items())
                self.run(";\n".join(comments))

    def touch(self, layer: Layer) -> None:
        """Do nothing: the server keeps its own account."""

    def open_change(self, author: str, reason: str, operation: str, layer: str | None) -> int:
        """Enter the change set; the triggers find it by its transaction."""
        changes = self.table(CHANGES)
        statement = (
            f"INSERT INTO {changes} (number, author, reason, operation, layer) "
            f"SELECT {tables.next_number(changes)}, %s, %s, %s, %s RETURNING number"
        )
        return int(self.run(statement, [author, reason, operation, layer])[0][0])

    def close_change(self, number: int, counts: str) -> None:
        """Enter the counts."""
        self.run(f"UPDATE {self.table(CHANGES)} SET counts = %s WHERE number = %s", [counts, number])

    def moment(self, at: Any) -> Any:
        """Return the time as it is."""
        return at

    def _enter(self, create: bool) -> None:
        """Find the schema and PostGIS, making them where that is wanted."""
        there = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
        if create and not self.run(there, [self.schema]):
            connecting.require_letters(self.run, self.name)
            if not self.run("SELECT 1 FROM pg_extension WHERE extname = 'postgis'"):
                self.run("CREATE EXTENSION postgis")
            self.run(f"CREATE SCHEMA IF NOT EXISTS {self.column(self.schema)}")
        self.beside = connecting.find_postgis(self.run, self.name)
        if not self.run(there, [self.schema]):
            raise StoreError(f"{self.name} holds no store; make one with: gis init {self.name}", target=self.name)

    def _copy(self, statement: str, names: Sequence[Column], rows: Sequence[Row]) -> None:
        """Send rows through binary COPY."""
        with self._explained(statement), self.connection.cursor() as cursor:
            cursor.copy_expert(statement.replace("%%", "%"), io.BytesIO(binary(names, rows, self.srid)))

    @contextmanager
    def _explained(self, statement: str = "") -> Iterator[None]:
        """Turn psycopg2's errors into ours, each in one sentence that says what to do."""
        try:
            yield
        except psycopg2.Error as error:
            raise explanation(error, self.name, statement) from None


def binary(names: Sequence[Column], rows: Sequence[Row], srid: int) -> bytes:
    """Write rows in PostgreSQL's binary COPY format.

    Parameters
    ----------
    names
        Columns of the rows.
    rows
        Plain values, at least one row.
    srid
        SRID put into the geometries' EWKB.

    Returns
    -------
    bytes

    References
    ----------
    PostgreSQL 15 documentation, COPY, "Binary Format".
    """
    count = struct.pack(">h", len(names))
    fields: list[Iterable[bytes]] = [[count] * len(rows)]
    for column, cells in zip(names, zip(*rows, strict=True), strict=True):
        fields.append(_SENDERS[column.type](cells) if column.type != "geometry" else _sent(_ewkb(cells, srid)))
    body = b"".join(chain.from_iterable(zip(*fields, strict=True)))
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + body + b"\xff\xff"


def _sent(cells: Iterable[bytes | None]) -> list[bytes]:
    """Put its length before each value."""
    return [_MISSING if cell is None else struct.pack(">i", len(cell)) + cell for cell in cells]


def _packed(form: str) -> Any:
    """Return a sender of numbers of one binary form."""
    packer = struct.Struct(f">i{form}")
    size = packer.size - 4
    return lambda cells: [_MISSING if cell is None else packer.pack(size, cell) for cell in cells]


def _sent_days(cells: Sequence[str | None]) -> list[bytes]:
    """Send ISO dates as days since 2000-01-01."""
    days = (np.array(cells, dtype="datetime64[D]") - _EPOCH).astype("int64").tolist()
    packer = struct.Struct(">ii")
    return [_MISSING if cell is None else packer.pack(4, day) for cell, day in zip(cells, days, strict=True)]


def _sent_text(cells: Sequence[str | None]) -> list[bytes]:
    """Send text as UTF-8."""
    return _sent(None if cell is None else cell.encode("utf-8") for cell in cells)


def _ewkb(cells: Sequence[bytes | None], srid: int) -> Iterator[bytes | None]:
    """Put the SRID into little-endian WKB."""
    mark = struct.pack("<I", srid)
    for cell in cells:
        if cell is None or not srid:
            yield cell
        else:
            # the flag of an SRID is the third bit of the type's last byte
            yield cell[:4] + bytes([cell[4] | 0x20]) + mark + cell[5:]


_SENDERS: Mapping[str, Any] = {
    "text": _sent_text,
    "json": _sent_text,
    "integer": _packed("q"),
    "real": _packed("d"),
    "boolean": _packed("?"),
    "date": _sent_days,
}


def _unwrapped(row: Row) -> Row:
    """Return a row whose geometry is bytes."""
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
