"""Read files: any of the formats that a bureau meets, into one record of rows, place and decisions.

Nothing is guessed. What a file does not say and a caller has not said is refused with one sentence that names the flag
which settles it; what was settled is a decision on the record.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from gis import archives, crs, findings
from gis.errors import CrsError, EmptyError, GisError, SourceError, UnknownNameError, UsageError
from gis.intake import datums, gtfs, osmnx, shapefiles, tables
from gis.intake.sources import Content, Decision, Source

__all__ = ["Source", "read"]

Reader = Callable[[Path, str | None, str | None], Content]

# what to ask for instead of a format that cannot be read
CONVERSIONS = {
    ".dwg": "a DXF, or better a GeoPackage or shapefile, exported from the drawing with its coordinate system",
    ".rar": "a .zip of the same files",
    ".7z": "a .zip of the same files",
    ".mdb": "a File Geodatabase (.gdb) or a GeoPackage",
    ".accdb": "a File Geodatabase (.gdb) or a GeoPackage",
    ".mxd": "the layers themselves as a GeoPackage or shapefiles; this is only a map document",
    ".aprx": "the layers themselves as a GeoPackage or shapefiles; this is only a project",
    ".qgz": "the layers themselves as a GeoPackage; this is only a project",
    ".pdf": "the vector data behind the sheet",
    ".doc": "a table as .xlsx or .csv",
    ".docx": "a table as .xlsx or .csv",
}
# formats that GDAL reads, by suffix, and whether their standard says WGS 84
_GDAL = {
    ".gpkg": ("GeoPackage", False),
    ".geojson": ("GeoJSON", True),
    ".geojsonl": ("GeoJSON", True),
    ".json": ("GeoJSON", True),
    ".topojson": ("TopoJSON", False),
    ".gdb": ("File Geodatabase", False),
    ".kml": ("KML", True),
    ".dxf": ("DXF", False),
    ".fgb": ("FlatGeobuf", False),
    ".gml": ("GML", False),
    ".tab": ("MapInfo", False),
    ".mif": ("MapInfo", False),
}
_NEEDS = {".dbf", ".shx", ".prj", ".cpg"}


def read(
    path: str | Path,
    *,
    layer: str | None = None,
    crs: str | None = None,
    encoding: str | None = None,
    datum: str | None = None,
) -> Source:
    """Read a file as it is: nothing renamed, nothing converted, nothing guessed.

    Parameters
    ----------
    path
        Shapefile, GeoPackage, GeoJSON, GeoParquet, CSV, workbook, File Geodatabase, KML, DXF, road graph in JSON,
        stops.txt, or a .zip of one of them.
    layer
        Name of the layer, sheet or member inside the file; needed where there are several.
    crs
        CRS of the coordinates, where the file does not say or says it wrong.
    encoding
        Encoding of the texts, where it cannot be told.
    datum
        "GCJ-02" or "BD-09" to undo that shift; "WGS84" or "CGCS2000" to say that there is none.

    Returns
    -------
    Source

    Raises
    ------
    SourceError
        Missing, incomplete, damaged, of a format that must be converted first, or in no known encoding.
    EmptyError
        No rows.
    CrsError
        No CRS was found or given, the coordinates contradict it, or the file bears the marks of a shifted source.
    UnknownNameError
        The file has no such layer.
    UsageError
        Several layers and none named; a datum or encoding that does not exist.
    """
    wanted = datums.named(datum)
    file = Path(path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        content = _content(file, layer, encoding)
    content, decisions, notes = _settled(content, file.name, crs, wanted)
    remarks = [
        findings.finding("source.remark", file.name, severity="info", text=text)
        for text in dict.fromkeys(str(item.message) for item in said)
    ]
    return Source(
        content.frame,
        file,
        content.format,
        content.inner,
        (*content.decisions, *decisions),
        findings.table([*content.notes, *notes, *remarks]),
    )


def _content(path: Path, layer: str | None, encoding: str | None) -> Content:
    """Read a file with the reader for its kind; faults of any library come out as errors of ours."""
    suffix = path.suffix.lower()
    if not path.exists():
        raise SourceError(f"there is no file {path}", path=str(path))
    if suffix in CONVERSIONS:
        raise SourceError(f"{path.name}: {suffix} cannot be read; ask for {CONVERSIONS[suffix]}", suffix=suffix)
    if path.is_dir() and suffix != ".gdb":
        raise SourceError(f"{path.name} is a folder; name a file in it", path=str(path))
    try:
        if path.is_file() and path.stat().st_size == 0:
            raise EmptyError(f"{path.name} is empty: 0 bytes")
        return _reader(path)(path, layer, encoding)
    except GisError:
        raise
    except PermissionError:
        raise SourceError(f"{path.name} may not be read; ask for the right to read it", path=str(path)) from None
    # GDAL, GEOS, pyarrow and the JSON module each have their own way to fail on a damaged file
    except (
        OSError,
        ValueError,
        RuntimeError,
        KeyError,
        shapely.errors.ShapelyError,
        pyogrio.errors.FeatureError,
    ) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path.name} cannot be read: {reason}", path=str(path)) from None


def _reader(path: Path) -> Reader:
    """Return the reader for a file."""
    suffix = path.suffix.lower()
    if suffix in _NEEDS:
        raise SourceError(f"{path.name} is only a part of a shapefile; name the .shp", path=str(path))
    if suffix == ".json" and osmnx.matches(json.loads(path.read_text(encoding="utf-8"))):
        return osmnx.read
    if path.name.lower() == "stops.txt":
        return gtfs.read
    readers: dict[str, Reader] = {".shp": shapefiles.read, ".zip": _read_zip}
    readers |= dict.fromkeys([".csv", ".txt", ".tsv"], tables.read_csv)
    readers |= dict.fromkeys([".xlsx", ".xls", ".xlsm", ".ods"], tables.read_workbook)
    readers |= dict.fromkeys([".parquet", ".geoparquet"], _read_parquet)
    readers |= dict.fromkeys(_GDAL, _read_gdal)
    if suffix not in readers:
        known = ", ".join(sorted(readers))
        raise SourceError(
            f"{path.name}: {suffix or 'no suffix'} is not a format we read; allowed: {known}", suffix=suffix
        )
    return readers[suffix]


def _read_gdal(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Read one layer of a file with GDAL."""
    names = [str(name) for name, _ in pyogrio.list_layers(path)]
    if not names:
        raise EmptyError(f"{path.name} has no layers")
    if inner is not None and inner not in names:
        raise UnknownNameError(f"{path.name} has no layer {inner!r}; it has {', '.join(names)}", layer=inner)
    if inner is None and len(names) > 1:
        raise UsageError(f"{path.name} holds several layers: {', '.join(names)}; say which", layers=names)
    name = inner if inner is not None else names[0]
    frame = _gdal_frame(path, name)
    if frame.empty:
        raise EmptyError(f"{path.name}, layer {name}, has no rows")
    format_, standard = _GDAL[path.suffix.lower()]
    has_crs = isinstance(frame, gpd.GeoDataFrame) and frame.crs is not None
    # an old GeoJSON may name another CRS, which is a declaration
    claims = ("standard" if standard and frame.crs.to_epsg() == 4326 else "declared") if has_crs else "none"
    decisions = (Decision("layer", name, "given"),) if inner is not None else ()
    return Content(frame, format_, name if len(names) > 1 else None, claims, decisions)


def _gdal_frame(path: Path, name: str) -> pd.DataFrame:
    """Read rows through Arrow, which keeps whole numbers beside blanks whole; curves are straightened apart."""
    options = {"layer": name, "on_invalid": "ignore"}
    whole = {"use_arrow": True, "arrow_to_pandas_kwargs": {"integer_object_nulls": True}}
    try:
        return pyogrio.read_dataframe(path, **options, **whole)
    except NotImplementedError:
        shapes = pyogrio.read_dataframe(path, **options, columns=[], use_arrow=False)
        table = pyogrio.read_dataframe(path, **options, **whole, read_geometry=False)
        return gpd.GeoDataFrame(table, geometry=shapes.geometry.reset_index(drop=True), crs=shapes.crs)


def _read_parquet(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Read GeoParquet; a Parquet file without geometry is a table."""
    try:
        frame = gpd.read_parquet(path)
    except ValueError:
        return tables.placed(pd.read_parquet(path), path, "Parquet")
    if frame.empty:
        raise EmptyError(f"{path.name} has no rows")
    return Content(frame, "GeoParquet", claims="none" if frame.crs is None else "declared")


def _read_zip(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Unpack a zip into a folder that lives as long as the reading, and read the one thing in it."""
    with tempfile.TemporaryDirectory(prefix="gis-") as folder:
        files = archives.extract(path, Path(folder))
        found = _members(files, Path(folder))
        if not found:
            raise SourceError(f"{path.name} holds nothing that we read; it has {_listed(files, Path(folder))}")
        named = {name: file for name, file in found.items() if inner in {name, PurePosixPath(name).stem}}
        chosen = named if named else found
        if len(chosen) > 1:
            raise UsageError(f"{path.name} holds {', '.join(found)}; say which", members=list(found))
        name, file = next(iter(chosen.items()))
        # a name that is no member may be a layer inside the only one
        content = _reader(file)(file, None if named else inner, encoding)
        return dataclasses.replace(content, decisions=(Decision("member", name, "zip"), *content.decisions))


def _members(files: tuple[Path, ...], folder: Path) -> dict[str, Path]:
    """Return what can be read among unpacked files, by path inside the zip; a geodatabase is one thing."""
    found: dict[str, Path] = {}
    for file in files:
        relative = file.relative_to(folder)
        database = next((part for part in relative.parents if part.suffix.lower() == ".gdb"), None)
        if database is not None:
            found[database.as_posix()] = folder / database
        elif file.suffix.lower() not in {*_NEEDS, ".zip", ".txt"} or file.name.lower() == "stops.txt":
            try:
                _reader(file)
            except (SourceError, ValueError):
                continue
            found[relative.as_posix()] = file
    return found


def _listed(files: tuple[Path, ...], folder: Path) -> str:
    """Return the first names among unpacked files."""
    names = [file.relative_to(folder).as_posix() for file in files]
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "") if names else "no files"


def _settled(
    content: Content, name: str, given: str | None, datum: str | None
) -> tuple[Content, list[Decision], list[dict[str, Any]]]:
    """Settle in which CRS and datum the rows lie, or refuse."""
    frame = content.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        return content, [], []
    came = frame.crs
    decisions, notes = [], []
    if given is not None:
        wanted = crs.parse(given)
        decisions.append(Decision("crs", crs.label(wanted), "given"))
        if content.claims == "declared" and not crs.same(came, wanted):
            notes.append(_overridden(name, came, wanted))
        frame = frame.set_crs(wanted, allow_override=True)
    elif came is None and datums.shifted(datum):
        decisions.append(Decision("crs", "EPSG:4326", f"{datum} is in degrees"))
        frame = frame.set_crs(crs.WGS84)
    elif came is None:
        raise CrsError(
            f"{name} does not say in which CRS it is ({_ranges(frame)}): give --crs, such as EPSG:4548 or "
            "EPSG:4490, or --datum GCJ-02 for coordinates from a commercial map",
            came=None,
        )
    else:
        decisions.append(Decision("crs", crs.label(came), content.claims))
    _refuse_impossible(frame, name)
    if datum is None:
        datums.refuse_hinted(frame, name)
    elif datums.shifted(datum):
        frame = datums.undo(frame, datum)
        notes.append(findings.finding("datum.undone", name, severity="info", datum=datum))
    if datum is not None:
        decisions.append(Decision("datum", datum, "given"))
    return dataclasses.replace(content, frame=frame), decisions, notes


def _overridden(name: str, came: pyproj.CRS, wanted: pyproj.CRS) -> dict[str, Any]:
    """Return the finding about a declared CRS that the caller sets aside."""
    return findings.finding(
        "source.crs_overridden", name, severity="warning", declared=crs.label(came), given=crs.label(wanted)
    )


def _refuse_impossible(frame: gpd.GeoDataFrame, name: str) -> None:
    """Refuse coordinates that cannot be in the CRS that was declared or given."""
    bounds = _bounds(frame)
    if bounds is None or frame.crs is None:
        return
    label = crs.label(frame.crs)
    west, south, east, north = bounds
    # rounding may leave a pole a little beyond itself
    degrees = max(abs(west), abs(east)) <= 180.001 and max(abs(south), abs(north)) <= 90.001
    if frame.crs.is_geographic and not degrees:
        swapped = max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180
        advice = "longitude and latitude are swapped" if swapped else "they are no degrees: give --crs"
        raise CrsError(f"{name} is said to be in {label}, but {_ranges(frame)}; {advice}", came=label)
    if frame.crs.is_projected and degrees and _is_metric(frame.crs):
        raise CrsError(
            f"{name} is said to be in {label}, but {_ranges(frame)}, which look like degrees: give --crs", came=label
        )


def _is_metric(system: pyproj.CRS) -> bool:
    """Tell whether a projected CRS has a false easting, so that small coordinates lie far from its ground."""
    operation = system.coordinate_operation
    values = (
        [parameter.value for parameter in operation.params if parameter.name == "False easting"] if operation else []
    )
    return any(abs(float(value)) > 180 for value in values)


def _bounds(frame: gpd.GeoDataFrame) -> tuple[float, float, float, float] | None:
    """Return the box of all finite coordinates, None where there is none."""
    points = shapely.get_coordinates(frame.geometry.to_numpy())
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    (west, south), (east, north) = points.min(axis=0), points.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _ranges(frame: gpd.GeoDataFrame) -> str:
    """Word the ranges of the coordinates."""
    bounds = _bounds(frame)
    if bounds is None:
        return "no coordinates"
    west, south, east, north = (f"{value:.6g}" for value in bounds)
    return f"x from {west} to {east}, y from {south} to {north}"
