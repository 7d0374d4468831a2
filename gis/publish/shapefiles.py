"""Shapefiles as Chinese desktop programs expect them, and read back by three readers.

The DBF is marked GBK twice (language byte 0x4D and a .cpg), because receivers strip .cpg files and programs disagree on
which of the two counts (traps.md, "Shapefiles and encodings"). Names, types and widths come from the catalogue; what
does not fit is a finding before anything is written.
"""

from __future__ import annotations

import datetime
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiona
import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapefile
import shapely
from shapely.geometry import shape

from gis import crs as systems
from gis import drivers
from gis.errors import SourceError

ENCODING = "GBK"
# byte 29 of a DBF: code page 936
LANGUAGE_BYTE = 0x4D
TEXT_LIMIT = 254
_DRIVER = "ESRI Shapefile"
# what makes a shapefile whole; the layer without geometry is a lone table
PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
TABLE_PARTS = (".dbf", ".cpg")

_SHAPES = {"Point": "Point", "MultiPoint": "MultiPoint", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}
_SINGLE = {"MultiPoint": "Point", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}
_COLLECTORS: dict[str, Any] = {
    "MultiPoint": shapely.multipoints,
    "MultiLineString": shapely.multilinestrings,
    "MultiPolygon": shapely.multipolygons,
}


@dataclass(frozen=True)
class Column:
    """Describe one column of a delivered table, as the field dictionary shows it.

    Parameters
    ----------
    name
        At most 10 ASCII bytes.
    zh, en
        Titles.
    type
        "C" text, "N" number, "D" date.
    width, decimals
        Bytes in the DBF, and digits after the point.
    unit
        Unit, or empty.
    codes
        Chinese by delivery code, for columns with a code list.
    note
        What a reader of the dictionary must know.
    source
        Canonical field that it comes from; empty for the receiver's common fields.
    """

    name: str
    zh: str
    en: str
    type: str
    width: int
    decimals: int = 0
    unit: str = ""
    codes: Mapping[str, str] | None = None
    note: str = ""
    source: str = ""


@dataclass(frozen=True)
class Header:
    """Hold what the head of a DBF says.

    Parameters
    ----------
    language
        The language byte.
    rows
        Number of rows.
    start, width
        Where the first row begins, and bytes a row.
    fields
        Name, type, width and decimals of each.
    """

    language: int
    rows: int
    start: int
    width: int
    fields: tuple[tuple[str, str, int, int], ...]


@dataclass(frozen=True)
class Table:
    """Hold a table as a reader gave it: columns of plain values (None where blank) and geometries, if it has them."""

    reader: str
    values: Mapping[str, list[Any]]
    shapes: np.ndarray | None


def write(
    frame: pd.DataFrame, path: Path, columns: Sequence[Column], *, geometry: str, date: datetime.date
) -> tuple[Path, ...]:
    """Write one layer as a shapefile, or as a lone DBF when it has no geometry.

    Parameters
    ----------
    frame
        Values by delivery name, ready to write; a GeoDataFrame in the delivery's CRS unless `geometry` is "none".
    path
        The file without extension.
    columns
        The columns in order.
    geometry
        The layer's geometry type in the catalogue; kept also when there are no rows.
    date
        Date in the DBF's head, so that the same delivery has the same bytes.

    Returns
    -------
    tuple of pathlib.Path
        The files written.

    Notes
    -----
    Fiona lays out the empty table, because only it sets field widths; pyogrio fills it, because it is fast.
    """
    spatial = geometry != "none"
    target = path.with_suffix(".shp" if spatial else ".dbf")
    crs = frame.crs if isinstance(frame, gpd.GeoDataFrame) else None
    properties = {column.name: _schema_type(column) for column in columns}
    schema = {"geometry": _SHAPES.get(geometry, "None"), "properties": properties}
    options = {"crs_wkt": crs.to_wkt()} if crs is not None else {}
    with fiona.open(target, "w", driver=_DRIVER, schema=schema, encoding="LDID/77", **options):
        pass
    if len(frame):
        names = [column.name for column in columns]
        filling = frame[[*names, frame.geometry.name]] if isinstance(frame, gpd.GeoDataFrame) else frame[names]
        kind = {"geometry_type": geometry} if spatial else {}
        pyogrio.write_dataframe(filling, target, driver=_DRIVER, append=True, **kind)
    path.with_suffix(".cpg").write_bytes(ENCODING.encode())
    if crs is not None:
        _write_prj(path.with_suffix(".prj"), crs)
    _stamp(path.with_suffix(".dbf"), date)
    return tuple(path.with_suffix(suffix) for suffix in (PARTS if spatial else TABLE_PARTS))


def header(path: Path) -> Header:
    """Return what the head of a DBF says, read byte by byte.

    Parameters
    ----------
    path
        A .dbf file.

    Returns
    -------
    Header

    Raises
    ------
    SourceError
        The file is too short to be a DBF.
    """
    raw = path.read_bytes()
    if len(raw) < 33:
        raise SourceError(f"{path.name} is not a DBF: it has {len(raw)} bytes", file=path.name)
    rows, length, width = struct.unpack("<IHH", raw[4:12])
    fields = []
    for start in range(32, min(length, len(raw)) - 32, 32):
        if raw[start] == 0x0D:
            break
        name = raw[start : start + 11].split(b"\0")[0].decode("gbk", errors="replace")
        fields.append((name, chr(raw[start + 11]), raw[start + 16], raw[start + 17]))
    return Header(raw[29], rows, length, width, tuple(fields))


def readers(path: Path, *, spatial: bool) -> Iterator[Table]:
    """Read a shapefile or a lone DBF with pyogrio, fiona and pyshp in turn.

    Parameters
    ----------
    path
        The file without extension.
    spatial
        Whether there is a .shp.

    Yields
    ------
    Table
        One a reader; pyshp shares no code with the other two.
    """
    target = path.with_suffix(".shp" if spatial else ".dbf")
    yield _with_pyogrio(target, spatial)
    yield _with_fiona(target, spatial)
    yield _with_pyshp(path, spatial)


def meant(frame: pd.DataFrame, columns: Sequence[Column]) -> Table:
    """Return what was handed to `write` in the form in which readers give theirs.

    Parameters
    ----------
    frame
        Values by delivery name.
    columns
        Its columns.

    Returns
    -------
    Table
    """
    values = {column.name: [_plain(value) for value in frame[column.name].astype("object")] for column in columns}
    return Table("source", values, frame.geometry.to_numpy() if isinstance(frame, gpd.GeoDataFrame) else None)


def differences(source: Table, columns: Sequence[Column], table: Table, *, limit: int = 20) -> list[str]:
    """Compare what was meant with what a reader found, row by row.

    Parameters
    ----------
    source
        What was meant, from `meant`.
    columns
        Its columns.
    table
        What a reader found.
    limit
        How many differences to name.

    Returns
    -------
    list of str
        One text a difference; empty when all values, blanks, types and geometries agree.
    """
    names = [column.name for column in columns]
    if list(table.values) != names:
        return [f"{table.reader}: fields are {list(table.values)}, not {names}"]
    found: list[str] = []
    for column in columns:
        wanted, came = source.values[column.name], table.values[column.name]
        if len(wanted) != len(came):
            return [f"{table.reader}: {len(came)} rows, not {len(wanted)}"]
        for row, (a, b) in enumerate(zip(wanted, came, strict=True)):
            if a != b and not _equal(a, b, column):
                found.append(f"{table.reader}: row {row + 1}, {column.name}: {b!r}, not {a!r}")
    if source.shapes is not None and table.shapes is not None:
        unlike = ~_same_shapes(source.shapes, table.shapes)
        found += [f"{table.reader}: row {row + 1}: another geometry" for row in np.flatnonzero(unlike)]
    return found[:limit]


def fitting(shapes: np.ndarray, geometry: str) -> np.ndarray:
    """Tell which shapes have the geometry type of a layer, singles counting as multiples of one.

    Parameters
    ----------
    shapes
        Geometries; None allowed.
    geometry
        The layer's type in the catalogue.

    Returns
    -------
    numpy.ndarray
        bool.
    """
    allowed = {geometry, _SINGLE.get(geometry, geometry)}
    return np.array([item is not None and item.geom_type in allowed for item in shapes], dtype=bool)


def promoted(shapes: np.ndarray, geometry: str) -> np.ndarray:
    """Return the shapes as multiples where the layer asks for them, in two dimensions.

    Parameters
    ----------
    shapes
        Geometries of the layer's type or its single form.
    geometry
        The layer's type in the catalogue.

    Returns
    -------
    numpy.ndarray
    """
    flat = shapely.force_2d(np.asarray(shapes, dtype=object))
    if geometry not in _SINGLE:
        return flat
    collect = _COLLECTORS[geometry]
    return np.array([collect([s]) if s.geom_type == _SINGLE[geometry] else s for s in flat] + [None])[:-1]


def unencodable(text: str) -> str:
    """Return the characters of a text that GBK cannot hold, each once, in order; NUL counts as one.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
    """
    try:
        text.encode("gbk")
    except UnicodeEncodeError:
        return "".join(dict.fromkeys(c for c in text if c == "\0" or not _in_gbk(c)))
    return "\0" if "\0" in text else ""


def cut(text: str, width: int) -> str:
    """Return as much of a text as fits into a width in GBK bytes, never half a character.

    Parameters
    ----------
    text
        A text that GBK can hold.
    width
        Bytes.

    Returns
    -------
    str
    """
    return text.encode("gbk")[:width].decode("gbk", errors="ignore")


def _in_gbk(letter: str) -> bool:
    """Tell whether GBK has a character."""
    try:
        letter.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def _schema_type(column: Column) -> str:
    """Return a column's type in fiona's words."""
    if column.type == "C":
        return f"str:{column.width}"
    if column.type == "D":
        return "date"
    return f"float:{column.width}.{column.decimals}" if column.decimals else f"int:{column.width}"


def _write_prj(path: Path, crs: pyproj.CRS) -> None:
    """Keep the parameters of a bureau's own grid out of the package: only its name is written."""
    if crs.to_epsg() is None:
        # the name between quotes must not end the quotes
        name = systems.discreet(crs).replace('"', "'")
        path.write_text(f'LOCAL_CS["{name}",UNIT["Meter",1.0]]', encoding="utf-8")


def _stamp(path: Path, date: datetime.date) -> None:
    """Write the delivery's date into a DBF's head, where GDAL puts today's."""
    with path.open("r+b") as file:
        file.seek(1)
        file.write(bytes((date.year - 1900, date.month, date.day)))


def _with_pyogrio(path: Path, spatial: bool) -> Table:
    """Read with GDAL through pyogrio, which finds the encoding itself."""
    with drivers.only(_DRIVER):
        frame = pyogrio.read_dataframe(path, read_geometry=spatial)
    names = [name for name in frame.columns if name != "geometry"]
    shapes = frame.geometry.to_numpy() if spatial else None
    return Table("pyogrio", {name: [_plain(value) for value in frame[name]] for name in names}, shapes)


def _with_fiona(path: Path, spatial: bool) -> Table:
    """Read with another GDAL through fiona."""
    with fiona.open(path, driver=_DRIVER) as source:
        names = list(source.schema["properties"])
        rows = [(dict(feature.properties), feature.geometry) for feature in source]
    values = {name: [_plain(properties[name]) for properties, _ in rows] for name in names}
    shapes = np.array([shape(geometry) if geometry else None for _, geometry in rows] + [None])[:-1]
    return Table("fiona", values, shapes if spatial else None)


def _with_pyshp(path: Path, spatial: bool) -> Table:
    """Read with pyshp, which is free of GDAL."""
    parts = {suffix[1:]: path.with_suffix(suffix) for suffix in ((".shp", ".shx", ".dbf") if spatial else (".dbf",))}
    files = {name: part.open("rb") for name, part in parts.items()}
    try:
        with shapefile.Reader(**files, encoding="gbk") as source:
            names = [item[0] for item in source.fields if item[0] != "DeletionFlag"]
            rows = [list(record) for record in source.iterRecords()]
            found = [shape(item.__geo_interface__) for item in source.iterShapes()] if spatial else None
    finally:
        for file in files.values():
            file.close()
    values = {name: [_plain(row[index]) for row in rows] for index, name in enumerate(names)}
    return Table("pyshp", values, None if found is None else np.array([*found, None])[:-1])


def _plain(value: Any) -> Any:
    """Return a value as text, number or None; dates as ISO text, blank texts as None."""
    # texts first: they are most of what a delivery holds
    if isinstance(value, str):
        return value.strip() or None
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (datetime.date, np.datetime64)):
        return str(value)[:10]
    return value.item() if isinstance(value, np.generic) else value


def _equal(wanted: Any, came: Any, column: Column) -> bool:
    """Compare two unlike values as a column's type asks: numbers within half of the last digit written."""
    if column.type != "N" or not isinstance(wanted, (int, float)) or not isinstance(came, (int, float)):
        return False
    slack = 0.5000001 * 10.0**-column.decimals if column.decimals else 0.0
    return bool(abs(came - wanted) <= slack + 1e-12 * abs(wanted))


def _same_shapes(wanted: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Tell which shapes have the same coordinates, whatever ring or part comes first."""
    if len(wanted) != len(came):
        return np.zeros(max(len(wanted), len(came)), dtype=bool)
    a, b = (shapely.normalize(_parted(side)) for side in (wanted, came))
    alike: np.ndarray = np.array(shapely.equals_exact(a, b, tolerance=0.0))
    # readers may group rings into parts in another way: the same ground is the same
    for row in np.flatnonzero(~alike):
        alike[row] = came[row] is not None and bool(shapely.equals(wanted[row], came[row]))
    return alike


def _parted(shapes: np.ndarray) -> np.ndarray:
    """Return multiples of one part as that part."""
    single = shapely.get_num_geometries(shapes) == 1
    return np.where(single, shapely.get_geometry(shapes, 0), shapes)
