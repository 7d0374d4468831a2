"""Layers that GDAL reads: one of a file, whole, with what the file says of its place and of its own end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio

from gis import drivers, findings
from gis.errors import EmptyError, UnknownNameError, UsageError
from gis.intake import declarations, declared, kml, lending, mapinfo
from gis.intake.admission import counts, grids, views
from gis.intake.sources import Content, Decision
from gis.intake.wholeness import features, promises

SAY_WHICH = "say which: FILE#NAME for a load, layer= for read"
# formats that GDAL reads, by suffix, and whether their standard says WGS 84
FORMATS = {
    ".gpkg": ("GeoPackage", False),
    ".geojson": ("GeoJSON", True),
    ".geojsonl": ("GeoJSON", True),
    ".json": ("GeoJSON", True),
    ".topojson": ("TopoJSON", False),
    ".gdb": ("File Geodatabase", False),
    ".kml": ("KML", True),
    ".ovkml": ("KML", True),
    ".dxf": ("DXF", False),
    ".fgb": ("FlatGeobuf", False),
    ".gml": ("GML", False),
    ".tab": ("MapInfo", False),
    ".mif": ("MapInfo", False),
}
_JSON_FILES = {".geojson", ".geojsonl", ".json"}
_SLOW = {".topojson", ".kml", ".gml", ".dxf", ".mif", ".tab"}
# JSON is told apart by what it holds, and none of its kinds leads elsewhere
_JSON = ("GeoJSON", "GeoJSONSeq", "ESRIJSON", "TopoJSON", "JSONFG")
# the drivers of GDAL that a suffix promises
_DRIVERS = dict.fromkeys((".geojson", ".geojsonl", ".json", ".topojson"), _JSON) | {
    ".gpkg": ("GPKG",),
    ".gdb": ("OpenFileGDB",),
    ".kml": ("LIBKML", "KML"),
    ".ovkml": ("LIBKML", "KML"),
    ".dxf": ("DXF",),
    ".fgb": ("FlatGeobuf",),
    ".gml": ("GML",),
    ".tab": ("MapInfo File",),
    ".mif": ("MapInfo File",),
}
# what Python says of a day that it cannot hold
NO_YEAR = "is out of range"
# drawings are handed over as UTF-8; a degree of an arc is a chord that lies 0.004 % of the radius inside; what a GML
# without its schema holds are texts, and so is 2024/03/05 or 12:30 in JSON; a FlatGeobuf is read feature by feature, as
# the quick way hands on lengths that nobody has proved, and Python dies of them
_OPTIONS = {
    "DXF_ENCODING": "UTF-8",
    "OGR_ARC_STEPSIZE": "1",
    "GML_FIELDTYPES": "ALWAYS_STRING",
    "OGR_GEOJSON_DATE_AS_STRING": "YES",
    "OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES",
}


def read(path: Path, inner: str | None = None, encoding: str | None = None) -> Content:
    """Read one layer of a file with GDAL; the file and the folder around it stay as they are.

    Parameters
    ----------
    path
        A file whose suffix is one of `FORMATS`.
    inner
        Name of the layer; needed where there are several.
    encoding
        Encoding of the texts from `--encoding`, for formats of text.

    Returns
    -------
    Content

    Raises
    ------
    SourceError
        The file is cut off, or has lost rows.
    EmptyError
        No layers, or no rows.
    UnknownNameError
        No such layer.
    UsageError
        Several layers and none named.
    """
    promises.before(path)
    with drivers.only(*_DRIVERS[path.suffix.lower()]), lending.lent(path, encoding) as lent, _options():
        with views.written_out(lent.path, inner) as plain:
            grids.require_none(path, plain)
            content = _layer(path, plain, inner)
        return dataclasses.replace(
            content,
            decisions=(*lent.decisions, *content.decisions),
            notes=(*lent.notes, *content.notes),
        )


def _layer(path: Path, lent: Path, inner: str | None) -> Content:
    """Read one layer of a file that was lent."""
    names = [str(name) for name, _ in pyogrio.list_layers(lent)]
    if not names:
        raise EmptyError(f"{path.name} has no layers")
    if inner is not None and inner not in names:
        raise UnknownNameError(f"{path.name} has no layer {inner!r}; it has {', '.join(names)}", layer=inner)
    if inner is None and len(names) > 1:
        raise UsageError(f"{path.name} holds several layers: {', '.join(names)}; {SAY_WHICH}", layers=names)
    name = inner if inner is not None else names[0]
    counts.layer(lent, name)
    frame, curved = _frame(lent, name)
    frame, found = promises.after(path, lent, name, frame)
    format_, standard = FORMATS[path.suffix.lower()]
    notes: list[dict[str, Any]] = []
    if format_ == "KML":
        frame, notes = kml.named(frame, lent, path.name, names.index(name), names)
    if format_ == "MapInfo":
        frame = mapinfo.retyped(frame, path)
    if format_ == "GeoPackage":
        frame, notes = declared.restored(frame, lent, name, path.name)
    notes = [*notes, *found]
    if frame.empty:
        raise EmptyError(f"{path.name}, layer {name}, has no rows")
    # an "undefined" system of a GeoPackage says no more than none
    if isinstance(frame, gpd.GeoDataFrame) and frame.crs is not None and not declarations.says_place(frame.crs):
        frame = frame.set_crs(None, allow_override=True)
    has_crs = isinstance(frame, gpd.GeoDataFrame) and frame.crs is not None
    # an old GeoJSON may name another CRS, which is a declaration
    claims = ("standard" if standard and frame.crs.to_epsg() == 4326 else "declared") if has_crs else "none"
    decisions = (Decision("layer", name, "given"),) if inner is not None else ()
    if curved:
        notes.append(findings.finding("source.curves_straightened", path.name, severity="info", count=curved))
    content = Content(frame, format_, name if len(names) > 1 else None, claims, decisions, tuple(notes))
    return declarations.heeded(content, lent, name)


@contextmanager
def _options() -> Iterator[None]:
    """Set what GDAL goes by for as long as a file is read."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in _OPTIONS}
    pyogrio.set_gdal_config_options(_OPTIONS)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


def _frame(path: Path, name: str) -> tuple[pd.DataFrame, int]:
    """Read rows through Arrow, which keeps whole numbers whole; return them and, of a layer with curves, how many."""
    try:
        return _arrow_frame(path, name, {"integer_object_nulls": True})
    except ValueError as error:
        # Python has no day in the year 0 or after 9999: there days are moments, for the row to be asked about
        if NO_YEAR not in str(error):
            raise
    return _arrow_frame(path, name, {"integer_object_nulls": True, "date_as_object": False})


def _arrow_frame(path: Path, name: str, how: dict[str, bool]) -> tuple[pd.DataFrame, int]:
    """Read rows through Arrow and turn them into a frame as it is said; a layer with curves without them first."""
    options = {"layer": name, "on_invalid": "ignore"}
    whole = {"use_arrow": True, "arrow_to_pandas_kwargs": how}
    try:
        frame = checked(pyogrio.read_dataframe(path, **options, **whole))
    except NotImplementedError:
        shapes = pyogrio.read_dataframe(path, **options, columns=[], use_arrow=False)
        table = pyogrio.read_dataframe(path, **options, **whole, read_geometry=False)
        frame = gpd.GeoDataFrame(table, geometry=shapes.geometry.reset_index(drop=True), crs=shapes.crs)
        return checked(frame), len(frame)
    except AttributeError:
        # two columns have one name, and neither is a field's
        if not _namesakes(path, name):
            raise ValueError("a column has the name of the geometries") from None
    except ValueError:
        if not _namesakes(path, name):
            raise
    else:
        if not _hides(path, name, frame):
            return frame, 0
    return checked(_parted(path, options, whole)), 0


def _parted(path: Path, options: dict[str, Any], whole: dict[str, Any]) -> pd.DataFrame:
    """Read a layer of which fields are called like its geometries; these have a mark behind."""
    fields = [str(field) for field in pyogrio.read_info(path, layer=options["layer"])["fields"]]
    own = [field for field in fields if field not in features.GROUND]
    frame = pyogrio.read_dataframe(path, **options, **whole, columns=own)
    others = [field for field in fields if field in features.GROUND]
    hidden = pyogrio.read_dataframe(path, **options, columns=others, read_geometry=False, use_arrow=False)
    return frame.assign(**{f"{field}_": hidden[field] for field in others})


def _hides(path: Path, name: str, frame: pd.DataFrame) -> bool:
    """Tell whether a field that is called like the geometries was lost to them."""
    suffix = path.suffix.lower()
    # these take as long to be asked for their fields as to be read
    if suffix in _JSON_FILES and path.read_bytes().count(b'"geometry"') <= len(frame):
        return False
    return suffix not in _SLOW and _namesakes(path, name)


def _namesakes(path: Path, name: str) -> bool:
    """Tell whether a field of a layer is called like the geometries are."""
    return not features.GROUND.isdisjoint(pyogrio.read_info(path, layer=name)["fields"])


def checked(frame: pd.DataFrame) -> pd.DataFrame:
    """Refuse texts that are not UTF-8, and names that are there twice: they fail where nobody expects it.

    Parameters
    ----------
    frame
        Rows as Arrow gave them.

    Returns
    -------
    pandas.DataFrame
        The same.

    Raises
    ------
    ValueError
        Of pyarrow's, with the place; or two columns have one name.
    """
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise ValueError(f"several columns are called {str(twice[0])!r}")
    for column in frame.columns:
        dtype = frame[column].dtype
        array = frame[column].cat.categories if isinstance(dtype, pd.CategoricalDtype) else frame[column].array
        if isinstance(array.dtype, pd.StringDtype | pd.ArrowDtype):
            pa.array(array).validate(full=True)
    return frame
