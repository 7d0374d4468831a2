"""Read files: any of the formats that a bureau meets, into one record of rows, place and decisions.

Nothing is guessed. What a file does not say, a caller has not said and the evidence does not settle is refused with the
ranking of what it may be and the flag that settles it; what was settled is a decision on the record.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely

from gis import archives, findings
from gis import crs as systems
from gis.errors import EmptyError, GisError, SourceError, UnknownNameError, UsageError
from gis.intake import bangs, datums, declared, gtfs, kml, membernames, osmnx, shapefiles, tables, texts, workbooks
from gis.intake.places import Bounds
from gis.intake.placing import Said, placed
from gis.intake.sources import Content, Decision, Source

__all__ = ["Source", "read"]

Reader = Callable[[Path, str | None, str | None], Content]
_SAY_WHICH = "say which: FILE#NAME for a load, layer= for read"

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
# what Python says of a day that it cannot hold
_NO_YEAR = "is out of range"
_NEEDS = {".dbf", ".shx", ".prj", ".cpg"}


def read(
    path: str | Path,
    *,
    layer: str | None = None,
    crs: str | None = None,
    encoding: str | None = None,
    datum: str | None = None,
    bounds: Bounds | None = None,
    fit: Mapping[str, gpd.GeoDataFrame] | None = None,
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
    bounds
        West, south, east and north of the district in degrees: evidence where the file is silent or wrong.
    fit
        Layers in known CRSs, such as the district and the blocks, whose lines the rows should share: better evidence.

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
        No CRS was found or given and the evidence does not settle one, the coordinates contradict it, or the file bears
        the marks of a shifted source. `details["ranking"]` lists what was weighed, `details["flag"]` what settles it.
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
    frame, misread = texts.led_back(content.frame, file.name) if encoding is None else (content.frame, [])
    # the same text is doubted once
    doubted = [one for one in content.notes if one["code"] != "source.text_doubtful"]
    told = content.notes if texts.still_doubted(frame, misread) else doubted
    content = dataclasses.replace(content, frame=frame, notes=(*told, *misread))
    known = Said(None if crs is None else systems.parse(crs), wanted, bounds, fit or {})
    content, decisions, notes = placed(content, file.name, known)
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
        content.ranking,
        content.spreads,
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
        ElementTree.ParseError,
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
    readers |= dict.fromkeys([".xlsx", ".xls", ".xlsm", ".ods"], workbooks.read)
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
    with bangs.without(path) as lent:
        return _read_layer(path, lent, inner)


def _read_layer(path: Path, lent: Path, inner: str | None) -> Content:
    """Read one layer of a file with GDAL, which is handed the lent path."""
    names = [str(name) for name, _ in pyogrio.list_layers(lent)]
    if not names:
        raise EmptyError(f"{path.name} has no layers")
    if inner is not None and inner not in names:
        raise UnknownNameError(f"{path.name} has no layer {inner!r}; it has {', '.join(names)}", layer=inner)
    if inner is None and len(names) > 1:
        raise UsageError(f"{path.name} holds several layers: {', '.join(names)}; {_SAY_WHICH}", layers=names)
    name = inner if inner is not None else names[0]
    frame, curved = _gdal_frame(lent, name)
    if path.suffix.lower() == ".kml":
        frame = kml.named(frame, path, name, len(names))
    untyped: list[dict[str, Any]] = []
    if path.suffix.lower() == ".gpkg":
        frame, untyped = declared.restored(frame, lent, name, path.name)
    if frame.empty:
        raise EmptyError(f"{path.name}, layer {name}, has no rows")
    format_, standard = _GDAL[path.suffix.lower()]
    if isinstance(frame, gpd.GeoDataFrame) and frame.crs is not None and not _on_earth(frame):
        # an "undefined" system of a GeoPackage says no more than none
        frame = frame.set_crs(None, allow_override=True)
    has_crs = isinstance(frame, gpd.GeoDataFrame) and frame.crs is not None
    # an old GeoJSON may name another CRS, which is a declaration
    claims = ("standard" if standard and frame.crs.to_epsg() == 4326 else "declared") if has_crs else "none"
    decisions = (Decision("layer", name, "given"),) if inner is not None else ()
    notes = untyped
    if curved:
        notes.append(findings.finding("source.curves_straightened", path.name, severity="info", count=curved))
    return Content(frame, format_, name if len(names) > 1 else None, claims, decisions, tuple(notes))


def _on_earth(frame: gpd.GeoDataFrame) -> bool:
    """Tell whether a frame's CRS ties its coordinates to the earth."""
    return bool(frame.crs.is_geographic or frame.crs.is_projected)


def _gdal_frame(path: Path, name: str) -> tuple[pd.DataFrame, int]:
    """Read rows through Arrow, which keeps whole numbers whole; return them and, of a layer with curves, how many."""
    try:
        return _arrow_frame(path, name, {"integer_object_nulls": True})
    except ValueError as error:
        # Python has no day in the year 0 or after 9999: there days are moments, for the row to be asked about
        if _NO_YEAR not in str(error):
            raise
    return _arrow_frame(path, name, {"integer_object_nulls": True, "date_as_object": False})


def _arrow_frame(path: Path, name: str, how: dict[str, bool]) -> tuple[pd.DataFrame, int]:
    """Read rows through Arrow and turn them into a frame as it is said; a layer with curves without them first."""
    options = {"layer": name, "on_invalid": "ignore"}
    whole = {"use_arrow": True, "arrow_to_pandas_kwargs": how}
    try:
        return _checked(pyogrio.read_dataframe(path, **options, **whole)), 0
    except NotImplementedError:
        shapes = pyogrio.read_dataframe(path, **options, columns=[], use_arrow=False)
        table = pyogrio.read_dataframe(path, **options, **whole, read_geometry=False)
        frame = gpd.GeoDataFrame(table, geometry=shapes.geometry.reset_index(drop=True), crs=shapes.crs)
        return _checked(frame), len(frame)


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    """Refuse texts that are not UTF-8: Arrow passes them on, and they fail where nobody expects it."""
    for column in frame.columns:
        dtype = frame[column].dtype
        array = frame[column].cat.categories if isinstance(dtype, pd.CategoricalDtype) else frame[column].array
        if isinstance(array.dtype, pd.StringDtype | pd.ArrowDtype):
            pa.array(array).validate(full=True)
    return frame


def _read_parquet(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Read GeoParquet; a Parquet file without geometry is a table."""
    try:
        frame = _parquet_frame(path, {})
    except ValueError as error:
        if _NO_YEAR not in str(error):
            raise
        frame = _parquet_frame(path, {"date_as_object": False})
    # pandas' and GeoParquet's own remarks may be damaged as well
    except (pa.ArrowException, TypeError, AttributeError, IndexError, NotImplementedError) as error:
        raise SourceError(f"{path.name} cannot be read: {error}", path=str(path)) from None
    if not isinstance(frame, gpd.GeoDataFrame):
        return tables.placed(frame, path, "Parquet")
    if frame.empty:
        raise EmptyError(f"{path.name} has no rows")
    return Content(frame, "GeoParquet", claims="none" if frame.crs is None else "declared")


def _parquet_frame(path: Path, how: dict[str, bool]) -> pd.DataFrame:
    """Read Parquet, with geometries where it has some, and turn it into a frame as it is said."""
    try:
        return _checked(gpd.read_parquet(path, to_pandas_kwargs=how))
    except ValueError as error:
        if _NO_YEAR in str(error):
            raise
        return _checked(pd.read_parquet(path, engine="pyarrow", to_pandas_kwargs=how))


def _read_zip(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Unpack a zip into a folder that lives as long as the reading, and read the one thing in it."""
    with tempfile.TemporaryDirectory(prefix="gis-") as folder:
        names = membernames.decide(path, encoding)
        files = archives.extract(path, Path(folder), names=names.encoding)
        found = _members(files, Path(folder))
        if not found:
            raise SourceError(f"{path.name} holds nothing that we read; it has {_listed(files, Path(folder))}")
        named = {name: file for name, file in found.items() if inner in {name, PurePosixPath(name).stem}}
        chosen = named if named else found
        if len(chosen) > 1:
            doubt = f"; the names are read as {names.encoding}: {names.shown}; or say --encoding" * names.doubtful
            more = {"members": list(found), "ranking": names.ranking}
            raise UsageError(f"{path.name} holds {', '.join(found)}; {_SAY_WHICH}{doubt}", **more)
        name, file = next(iter(chosen.items()))
        # a name that is no member may be a layer inside the only one
        content = _reader(file)(file, None if named else inner, encoding)
        junk = [member.name for member in archives.members(path, names=names.encoding) if member.junk]
        ignored = findings.finding("source.junk_ignored", path.name, severity="info", members=junk)
        return dataclasses.replace(
            content,
            decisions=(*names.decisions(), Decision("member", name, "zip"), *content.decisions),
            notes=(*content.notes, *names.remarks(path.name), *([ignored] if junk else [])),
            ranking=(*content.ranking, *names.ranking),
        )


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
