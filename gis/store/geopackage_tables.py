"""The statements that make a GeoPackage: the standard's own tables, layers with their R-tree, history and its triggers.

References
----------
OGC 12-128r18, GeoPackage 1.3 with the R-tree triggers of 1.4 (update6 and update7 in place of update1, which GDAL must
work around).
"""

from __future__ import annotations

import pyproj

from gis import crs as systems
from gis.catalogue import Layer
from gis.store.home import CHANGES, FACTS, LINEAGE, history
from gis.store.records import GEOMETRY, Column, Row, columns

# "GPKG", and version 1.3.0, the newest that GDAL 3.6 opens without a warning
APPLICATION_ID = 0x47504B47
USER_VERSION = 10300
# the change set that is open inside a transaction; always empty for everybody else
OPEN = "gis_open"
STYLES = "layer_styles"

# how the standard writes times
STAMP = "strftime('%Y-%m-%dT%H:%M:%fZ','now')"
# how change sets write them: to the microsecond, though SQLite's clock has milliseconds
NOW = "strftime('%Y-%m-%dT%H:%M:%f','now') || '000Z'"
# edits of other programs come row by row; those of one second make one change set
_A_SECOND_AGO = "strftime('%Y-%m-%dT%H:%M:%f','now','-1 seconds') || '000Z'"

FID = '"fid" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL'
_TYPES = {"text": "TEXT", "integer": "INTEGER", "real": "REAL", "boolean": "BOOLEAN", "date": "DATE", "json": "TEXT"}
_CHECKS = {
    "text": "typeof({0}) IN ('text', 'null')",
    "json": "typeof({0}) IN ('text', 'null')",
    "integer": "typeof({0}) IN ('integer', 'null')",
    "real": "typeof({0}) IN ('real', 'null')",
    "boolean": "{0} IN (0, 1)",
    "date": "{0} IS NULL OR {0} IS date({0})",
}

STANDARD = (
    """CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL,
    description TEXT)""",
    f"""CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
    identifier TEXT UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT ({STAMP}),
    min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
    CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))""",
    """CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
    geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
    CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name), CONSTRAINT uk_gc_table_name UNIQUE (table_name),
    CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
    CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))""",
    """CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
    definition TEXT NOT NULL, scope TEXT NOT NULL,
    CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))""",
)

META = (
    f'CREATE TABLE "{FACTS}" (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)',
    f"""CREATE TABLE "{CHANGES}" (number INTEGER PRIMARY KEY AUTOINCREMENT, author TEXT NOT NULL, reason TEXT NOT NULL,
    operation TEXT NOT NULL, layer TEXT, at TEXT NOT NULL, counts TEXT NOT NULL DEFAULT '{{}}')""",
    f'CREATE TABLE "{OPEN}" (number INTEGER NOT NULL, at TEXT NOT NULL)',
    f'CREATE TABLE "{LINEAGE}" (layer TEXT NOT NULL PRIMARY KEY, change INTEGER NOT NULL, record TEXT)',
    # as QGIS makes it
    f"""CREATE TABLE "{STYLES}" (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256),
    f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30),
    styleQML TEXT, styleSLD TEXT,
    useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)""",
)


def reference_systems(crs: pyproj.CRS, code: int | None) -> list[Row]:
    """Return the rows of gpkg_spatial_ref_sys: the three that the standard wants, and the store's own.

    Parameters
    ----------
    crs
        Working CRS.
    code
        Its EPSG code, None for a bureau's own grid.

    Returns
    -------
    list of tuple
    """
    degrees = "longitude and latitude in degrees"
    rows: list[Row] = [
        ("Undefined Cartesian SRS", -1, "NONE", -1, "undefined", "undefined Cartesian coordinate reference system"),
        ("Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic coordinate reference system"),
        ("WGS 84 geodetic", 4326, "EPSG", 4326, systems.WGS84.to_wkt("WKT1_GDAL"), degrees),
    ]
    if code is not None and code != 4326:
        rows.append((crs.name, code, "EPSG", code, crs.to_wkt("WKT1_GDAL"), "working CRS of the store"))
    return rows


def quoted(name: str) -> str:
    """Return a name as SQL takes it.

    Parameters
    ----------
    name
        Plain name.

    Returns
    -------
    str
    """
    return '"' + name.replace('"', '""') + '"'


def layer_table(layer: Layer) -> str:
    """Return the statement that makes a layer's table; checks keep other programs from storing values of another type.

    Parameters
    ----------
    layer
        The layer.

    Returns
    -------
    str
    """
    parts = [FID, *(definition(column, layer) for column in columns(layer))]
    return f"CREATE TABLE {quoted(layer.name)} ({', '.join(parts)})"


def definition(column: Column, layer: Layer) -> str:
    """Return one column of a layer's table as its statement has it.

    Parameters
    ----------
    column
        The column.
    layer
        Its layer.

    Returns
    -------
    str
    """
    name = quoted(column.name)
    if column.type == "geometry":
        return f"{name} {layer.geometry.upper()}"
    type_ = _TYPES[column.type]
    if column.type == "text" and column.width:
        type_ = f"TEXT({column.width})"
    key = " NOT NULL UNIQUE" if column.name == layer.key else ""
    return f"{name} {type_}{key} CHECK ({_CHECKS[column.type].format(name)})"


def history_tables(layer: Layer) -> list[str]:
    """Return the statements that make a layer's history: one row for every state that a feature ever had.

    Parameters
    ----------
    layer
        A base layer.

    Returns
    -------
    list of str
    """
    name = quoted(history(layer.name))
    # untyped columns keep exactly what the layer's table held
    names = ", ".join(quoted(column.name) for column in columns(layer))
    key = quoted(layer.key)
    return [
        f"CREATE TABLE {name} (id INTEGER PRIMARY KEY AUTOINCREMENT, change INTEGER NOT NULL, op TEXT NOT NULL, "
        f"fid INTEGER, {names})",
        f"CREATE INDEX {quoted(history(layer.name) + '_key')} ON {name} ({key}, id)",
        f"CREATE INDEX {quoted(history(layer.name) + '_change')} ON {name} (change, op)",
    ]


def history_triggers(layer: Layer) -> dict[str, str]:
    """Return the statements of the triggers that record every edit, by the trigger's name.

    Parameters
    ----------
    layer
        A base layer.

    Returns
    -------
    dict
        They use built-in functions only, so that GDAL, QGIS and sqlite fire them alike.
    """
    table, key = quoted(layer.name), quoted(layer.key)
    names = [quoted(column.name) for column in columns(layer)]
    old, new = (", ".join(f"{side}.{name}" for name in names) for side in ("OLD", "NEW"))
    change = (
        f'INSERT INTO "{CHANGES}" (author, reason, operation, layer, at) '
        f"SELECT 'outside', '', 'outside', NULL, {NOW} "
        f'WHERE NOT EXISTS (SELECT 1 FROM "{OPEN}") AND NOT EXISTS (SELECT 1 FROM "{CHANGES}" '
        f"WHERE number = (SELECT max(number) FROM \"{CHANGES}\") AND operation = 'outside' AND at > {_A_SECOND_AGO});"
    )
    number = f'coalesce((SELECT number FROM "{OPEN}"), (SELECT max(number) FROM "{CHANGES}"))'
    into = f"INSERT INTO {quoted(history(layer.name))} (change, op, fid, {', '.join(names)}) SELECT {number}"
    added = f"{into}, 'insert', NEW.fid, {new};"
    changed = f"{into}, CASE WHEN OLD.{key} IS NEW.{key} THEN 'update' ELSE 'insert' END, NEW.fid, {new};"
    gone = f"{into}, 'retire', OLD.fid, {old}"
    prefix = f"gis_{layer.name}"
    return {
        f"{prefix}_insert": f'CREATE TRIGGER "{prefix}_insert" AFTER INSERT ON {table} BEGIN {change} {added} END',
        f"{prefix}_update": f'CREATE TRIGGER "{prefix}_update" AFTER UPDATE ON {table} '
        f"WHEN ({old}) IS NOT ({new}) BEGIN {change} {gone} WHERE OLD.{key} IS NOT NEW.{key}; {changed} END",
        f"{prefix}_delete": f'CREATE TRIGGER "{prefix}_delete" AFTER DELETE ON {table} BEGIN {change} {gone}; END',
    }


def rtree(layer: Layer) -> list[str]:
    """Return the statements that make a layer's R-tree and the seven triggers that keep it.

    Parameters
    ----------
    layer
        A layer with geometry.

    Returns
    -------
    list of str
    """
    name = f"rtree_{layer.name}_{GEOMETRY}"
    return [
        f'CREATE VIRTUAL TABLE "{name}" USING rtree(id, minx, maxx, miny, maxy)',
        *(f'CREATE TRIGGER "{name}_{suffix}" {body}' for suffix, body in rtree_triggers(layer).items()),
    ]


def rtree_triggers(layer: Layer) -> dict[str, str]:
    """Return what the triggers of a layer's R-tree do, by the end of the trigger's name.

    Parameters
    ----------
    layer
        A layer with geometry.

    Returns
    -------
    dict
    """
    table, name, geometry = quoted(layer.name), f"rtree_{layer.name}_{GEOMETRY}", quoted(GEOMETRY)
    there, was = (f"({side}.{geometry} NOTNULL AND NOT ST_IsEmpty({side}.{geometry}))" for side in ("NEW", "OLD"))
    absent, was_absent = (f"({side}.{geometry} ISNULL OR ST_IsEmpty({side}.{geometry}))" for side in ("NEW", "OLD"))
    box = ", ".join(f"ST_{side}(NEW.{geometry})" for side in ("MinX", "MaxX", "MinY", "MaxY"))
    put = f'INSERT OR REPLACE INTO "{name}" VALUES (NEW."fid", {box})'
    drop = f'DELETE FROM "{name}" WHERE id = OLD."fid"'
    stays, moves = 'OLD."fid" = NEW."fid"', 'OLD."fid" != NEW."fid"'
    on_geometry, on_row = f"AFTER UPDATE OF {geometry} ON {table}", f"AFTER UPDATE ON {table}"
    return {
        "insert": f"AFTER INSERT ON {table} WHEN {there} BEGIN {put}; END",
        "update6": f"{on_geometry} WHEN {stays} AND {there} AND {was} BEGIN {put}; END",
        "update7": f"{on_geometry} WHEN {stays} AND {there} AND {was_absent} BEGIN {put}; END",
        "update2": f"{on_geometry} WHEN {stays} AND {absent} BEGIN {drop}; END",
        "update5": f"{on_row} WHEN {moves} AND {there} BEGIN {drop}; {put}; END",
        "update4": f'{on_row} WHEN {moves} AND {absent} BEGIN DELETE FROM "{name}" '
        'WHERE id IN (OLD."fid", NEW."fid"); END',
        "delete": f"AFTER DELETE ON {table} WHEN OLD.{geometry} NOT NULL BEGIN {drop}; END",
    }
