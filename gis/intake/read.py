"""Read files: any of the formats that a bureau meets, into one record of rows, place and decisions.

Nothing is guessed. What a file does not say, a caller has not said and the evidence does not settle is refused with the
ranking of what it may be and the flag that settles it; what was settled is a decision on the record.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import sqlite3
import struct
import warnings
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from xml.parsers import expat

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyproj
import shapely

from gis import archives, findings, writing
from gis import crs as systems
from gis.errors import EmptyError, GisError, SourceError, UsageError
from gis.intake import (
    datums,
    declarations,
    encodings,
    gdal,
    gtfs,
    lending,
    membernames,
    osmnx,
    shapefiles,
    tables,
    texts,
    workbooks,
)
from gis.intake.admission import counts, door, kinds, limits, parts
from gis.intake.places import Bounds
from gis.intake.placing import Said, Target, placed
from gis.intake.sources import Content, Decision, Source, absent
from gis.intake.wholeness import delimited, promises

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
_NEEDS = {".dbf", ".shx", ".prj", ".cpg"}
# remarks on what is read otherwise: mixed cells and coordinates that are no numbers; numbers of a KML's schema
_ANSWERED = {
    "": ("Could not parse column", "invalid value encountered in", "overflow encountered in"),
    "KML": ("parsed incompletely to", "integer overflow when converting", "Could not decode error message"),
}
# since version 9.3.0 Ovital writes GCJ-02 into its own formats, and WGS 84 into all others
_OVITAL = {".ovkml", ".ovkmz"}
# GDAL, GEOS, SQLite, pyarrow and the JSON, XML and zip modules each have their own way to fail on a damaged file
_FAULTS = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    TypeError,
    ElementTree.ParseError,
    expat.ExpatError,
    shapely.errors.ShapelyError,
    csv.Error,
    sqlite3.Error,
    struct.error,
    zipfile.BadZipFile,
    EOFError,
    zlib.error,
    pa.ArrowException,
    pyogrio.errors.FeatureError,
)
_WHERE = re.compile(r"Error occurred in \S+ at line \d+;?")


def read(
    path: str | Path,
    *,
    layer: str | None = None,
    crs: str | None = None,
    encoding: str | None = None,
    datum: str | None = None,
    bounds: Bounds | None = None,
    fit: Mapping[str, gpd.GeoDataFrame] | None = None,
    target: Target | None = None,
) -> Source:
    """Read a file as it is: nothing renamed, nothing converted, nothing guessed.

    Parameters
    ----------
    path
        Shapefile, GeoPackage, GeoJSON, GeoParquet, CSV, workbook, File Geodatabase, KML or KMZ (.ovkml and .ovkmz of
        Ovital too), DXF, road graph in JSON, stops.txt, or a .zip of one of them.
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
    target
        The layer that the rows are to be: a file that names no CRS and has the very numbers that a store has of it is
        in the CRS of the store.

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
    if encoding is not None:
        # one that does not exist is a slip of the pen, whatever the format
        encodings.codec(encoding)
    file = Path(path)
    known = Said(None if crs is None else systems.parse(crs), wanted, bounds, fit or {}, target or Target())
    with warnings.catch_warnings(record=True) as said, limits.watched(file), _refusing(file):
        warnings.simplefilter("always")
        content = _content(file, layer, encoding)
        limits.require("rows", len(content.frame))
        limits.require("columns", len(content.frame.columns))
        frame, misread = texts.led_back(content.frame, file.name) if encoding is None else (content.frame, [])
        # the same text is doubted once
        doubted = [one for one in content.notes if one["code"] != "source.text_doubtful"]
        told = content.notes if texts.still_doubted(frame, misread) else doubted
        content = dataclasses.replace(content, frame=frame, notes=(*told, *misread))
        content, decisions, notes = placed(content, file.name, known)
        given = {"encoding": encoding, "crs": None if known.crs is None else systems.label(known.crs), "datum": datum}
        notes = [*notes, *_unused(content, file.name, given)]
    remarks = [
        findings.finding("source.remark", file.name, severity="info", text=text)
        for text in dict.fromkeys(str(item.message) for item in said)
        if not _answered(text, content.format)
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
        content.unit,
        content.unsaid,
    )


def _answered(remark: str, format_: str) -> bool:
    """Tell whether a library remarks on cells or shapes that are read or asked about one by one all the same."""
    return any(text in remark for text in _ANSWERED.get("", ()) + _ANSWERED.get(format_, ()))


def _unused(content: Content, name: str, given: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    """Yield what was said of a file and had no effect: an encoding that no text was read in, a place of no shape."""
    read_in = any(one.matter in {"encoding", "names"} and one.how == "given" for one in content.decisions)
    idle = {"encoding": not read_in, **dict.fromkeys(("crs", "datum"), not isinstance(content.frame, gpd.GeoDataFrame))}
    for flag, value in given.items():
        if value is not None and idle[flag]:
            code = f"source.{'encoding' if flag == 'encoding' else 'place'}_unused"
            yield findings.finding(code, name, severity="info", flag=flag, given=value, format=content.format)


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn what any library throws at a damaged file into one error of ours."""
    try:
        yield
    except GisError:
        raise
    except PermissionError:
        raise SourceError(f"{path.name} may not be read; ask for the right to read it", path=str(path)) from None
    except BaseException as error:
        # a reader in Rust panics with something that is no Exception
        if not isinstance(error, _FAULTS) and not door.is_panic(error):
            raise
        is_system = isinstance(error, OSError) and error.errno is not None
        said = getattr(error, "strerror", None) if is_system else str(error)
        # where in its own text GDAL stumbled helps nobody
        lines = _WHERE.sub("", said or "").strip().splitlines()
        reason = lines[0] if lines else "it is damaged"
        if isinstance(error, MemoryError):
            reason = "it asks for more memory than there is"
        todo = "look at the disk and the rights on it" if is_system else "ask for it again"
        raise SourceError(f"{path.name} cannot be read: {reason}; {todo}", path=str(path)) from None


def _content(path: Path, layer: str | None, encoding: str | None) -> Content:
    """Read a file with the reader for its kind."""
    suffix = path.suffix.lower()
    if not path.exists():
        raise absent(path)
    if suffix in CONVERSIONS:
        raise SourceError(f"{path.name}: {suffix} cannot be read; ask for {CONVERSIONS[suffix]}", suffix=suffix)
    if path.is_dir() and suffix != ".gdb":
        raise SourceError(f"{path.name} is a folder; name a file in it", path=str(path))
    if path.is_file() and path.stat().st_size == 0:
        raise EmptyError(f"{path.name} is empty: 0 bytes")
    kinds.require(path)
    parts.require_own(path)
    if path.is_file() or path.is_dir():
        door.admit(path)
    content = _reader(path)(path, layer, encoding)
    if suffix in _OVITAL:
        return dataclasses.replace(content, datum="GCJ-02", marks=f"Ovital (奥维), a {suffix}")
    return content


def _reader(path: Path) -> Reader:
    """Return the reader for a file."""
    suffix = path.suffix.lower()
    if suffix in _NEEDS:
        raise SourceError(f"{path.name} is only a part of a shapefile; name the .shp", path=str(path))
    if suffix == ".json" and door.is_admitted(path) and osmnx.matches(json.loads(lending.text(path))):
        return osmnx.read
    if path.name.lower() == "stops.txt":
        return gtfs.read
    readers: dict[str, Reader] = {".shp": shapefiles.read}
    readers |= dict.fromkeys([".zip", ".kmz", ".ovkmz"], _read_zip)
    readers |= dict.fromkeys([".csv", ".txt", ".tsv"], _read_csv)
    readers |= dict.fromkeys([".xlsx", ".xls", ".xlsm", ".ods"], _read_workbook)
    readers |= dict.fromkeys([".parquet", ".geoparquet"], _read_parquet)
    readers |= dict.fromkeys(gdal.FORMATS, gdal.read)
    if suffix not in readers:
        known = ", ".join(sorted(readers))
        raise SourceError(
            f"{path.name}: {suffix or 'no suffix'} is not a format we read; allowed: {known}", suffix=suffix
        )
    return readers[suffix]


def _read_csv(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Read a delimited text, and say so where its last line looks broken off."""
    content = tables.read_csv(path, inner, encoding)
    codec = next(one.value for one in content.decisions if one.matter == "encoding")
    remarks = delimited.remarks(path, codec, len(content.frame))
    return dataclasses.replace(content, notes=(*content.notes, *remarks))


def _read_workbook(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Read a sheet of a workbook that is whole."""
    promises.before(path)
    promises.packed(path)
    return workbooks.read(path, inner, encoding)


def _read_parquet(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Read GeoParquet; a Parquet file without geometry is a table."""
    notes: tuple[dict[str, Any], ...] = ()
    try:
        counts.parquet(path)
        frame, notes = _parquet_rows(path)
    except pyproj.exceptions.ProjError:
        return _misnamed(path, inner, encoding)
    # pandas' and GeoParquet's own remarks may be damaged as well
    except (pa.ArrowException, TypeError, AttributeError, IndexError, NotImplementedError) as error:
        raise SourceError(f"{path.name} cannot be read: {error}", path=str(path)) from None
    promises.parquet(path, len(frame))
    if not isinstance(frame, gpd.GeoDataFrame):
        return tables.placed(frame, path, "Parquet")
    if frame.empty:
        raise EmptyError(f"{path.name} has no rows")
    words = declarations.Words()
    if frame.crs is not None and declarations.leads_out(frame.crs):
        words = declarations.Words((str(frame.crs.name),))
        frame = frame.set_crs(None, allow_override=True)
    content = Content(frame, "GeoParquet", claims="none" if frame.crs is None else "declared", notes=notes)
    return declarations.understood(content, words)


def _misnamed(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Read GeoParquet whose CRS is none that PROJ knows, without it, and hold the rows against what it is called."""
    table = pq.read_table(path)
    about = dict(table.schema.metadata)
    geo = json.loads(about[b"geo"])
    said = geo["columns"][geo["primary_column"]].get("crs")
    for column in geo["columns"].values():
        column["crs"] = None
    with writing.scratch() as folder:
        copy = folder / path.name
        pq.write_table(table.replace_schema_metadata({**about, b"geo": json.dumps(geo).encode()}), copy)
        content = _read_parquet(copy, inner, encoding)
    name = said.get("name") if isinstance(said, dict) else said
    return declarations.understood(content, declarations.Words((str(name or json.dumps(said)),)))


def _parquet_rows(path: Path) -> tuple[pd.DataFrame, tuple[dict[str, Any], ...]]:
    """Read Parquet whatever its days and its geometries are; say how many of these are none."""
    try:
        return _parquet_frame(path, {}), ()
    except shapely.errors.ShapelyError:
        table, lost = _sound(pq.read_table(path))
    except ValueError as error:
        if gdal.NO_YEAR not in str(error):
            raise
        return _parquet_frame(path, {"date_as_object": False}), ()
    with writing.scratch() as folder:
        copy = folder / path.name
        pq.write_table(table, copy)
        frame, _ = _parquet_rows(copy)
    return frame, (findings.finding("source.shapes_unreadable", path.name, severity="warning", count=lost),)


def _sound(table: pa.Table) -> tuple[pa.Table, int]:
    """Return GeoParquet without geometries that are none, and how many there were."""
    lost = 0
    for name, column in json.loads(table.schema.metadata[b"geo"])["columns"].items():
        if column.get("encoding") == "WKB":
            raw = table[name].to_numpy()
            shapes = shapely.from_wkb(raw, on_invalid="ignore")
            lost += int((shapely.is_missing(shapes) & pd.notna(raw)).sum())
            whole = pa.array(shapely.to_wkb(shapes), pa.binary())
            table = table.set_column(table.schema.names.index(name), name, whole)
    return table, lost


def _parquet_frame(path: Path, how: dict[str, bool]) -> pd.DataFrame:
    """Read Parquet, with geometries where it has some, and turn it into a frame as it is said."""
    if b"geo" not in (pq.read_schema(path).metadata or {}):
        return gdal.checked(pd.read_parquet(path, engine="pyarrow", to_pandas_kwargs=how))
    return gdal.checked(gpd.read_parquet(path, to_pandas_kwargs=how))


def _read_zip(path: Path, inner: str | None, encoding: str | None) -> Content:
    """Unpack a zip into a folder that lives as long as the reading, and read the one thing in it."""
    with writing.scratch() as folder:
        names = membernames.decide(path, encoding)
        listed = archives.members(path, names=names.encoding)
        limits.require("bytes", sum(member.size for member in listed if not member.junk))
        allowed = archives.Limits(member_bytes=limits.current().bytes, total_bytes=limits.current().bytes)
        files = archives.extract(path, folder, limits=allowed, names=names.encoding)
        found = _members(files, folder)
        if not found:
            raise SourceError(f"{path.name} holds nothing that we read; it has {_listed(files, folder)}")
        named = _called(found, inner)
        chosen = named if named else found
        if len(chosen) > 1:
            doubt = f"; the names are read as {names.encoding}: {names.shown}; or say --encoding" * names.doubtful
            more = {"members": list(found), "ranking": names.ranking}
            raise UsageError(f"{path.name} holds {', '.join(found)}; {gdal.SAY_WHICH}{doubt}", **more)
        name, file = next(iter(chosen.items()))
        # a name that is no member may be a layer inside the only one
        content = _content(file, None if named else inner, encoding)
        junk = [member.name for member in listed if member.junk]
        ignored = findings.finding("source.junk_ignored", path.name, severity="info", members=junk)
        return dataclasses.replace(
            content,
            decisions=(*names.decisions(), Decision("member", name, "zip"), *content.decisions),
            notes=(*content.notes, *names.remarks(path.name), *([ignored] if junk else [])),
            ranking=(*content.ranking, *names.ranking),
        )


def _called(found: dict[str, Path], inner: str | None) -> dict[str, Path]:
    """Return the members of a name: by their whole path, else by file name, else by that without its suffix."""
    whole = {name: file for name, file in found.items() if name == inner}
    last = {name: file for name, file in found.items() if PurePosixPath(name).name == inner}
    bare = {name: file for name, file in found.items() if PurePosixPath(name).stem == inner}
    return whole or last or bare


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
