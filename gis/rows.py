"""The rows of one layer: what each must satisfy, and the canonical shape of a frame.

Intake and both stores ask the same questions of a row; they ask them here, so that what intake accepts a store accepts.
Every fault is a finding that carries `row`, the row's number in the frame counted from 1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from gis import crs as references_systems
from gis import fieldtypes, findings
from gis.catalogue import Catalogue, Field, Layer
from gis.errors import FrameError

Mask = NDArray[np.bool_]
Row = dict[str, Any]

# columns that every layer may have beside its fields: what has no field, and the version that was read
BESIDE = ("extra", "_version")
DTYPES = {
    "text": "str",
    "json": "str",
    "integer": "Int64",
    "real": "float64",
    "boolean": "boolean",
    "date": "datetime64[us]",
}
# the codes of what no store holds: no exception lets such a row in
RULES = frozenset(
    {f"row.{name}" for name in ("required", "duplicate_key", "type", "code", "range", "pattern", "width", "nul")}
    | {f"geometry.{name}" for name in ("missing", "empty", "type", "invalid", "not_finite")}
    | {"row.reference"}
)
# how many codes a sentence lists before it only names the list
_LISTED = 12
_PLACE = re.compile(r"\[(\S+) (\S+)\]")
# NUL and lone surrogates can be stored neither in SQLite nor in PostgreSQL
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def check(frame: pd.DataFrame, layer: Layer, catalogue: Catalogue) -> pd.DataFrame:
    """Find every fault that a row has by itself or with the other rows of the frame.

    Parameters
    ----------
    frame
        Rows with canonical column names; a GeoDataFrame where the layer has geometry. Columns that are no field of the
        layer are not looked at.
    layer
        The layer's rules.
    catalogue
        Its code lists.

    Returns
    -------
    pandas.DataFrame
        Findings, all of severity error, with codes row.required, row.duplicate_key, row.type, row.code, row.range,
        row.pattern, row.width, row.nul, geometry.missing, geometry.empty, geometry.type, geometry.invalid and
        geometry.not_finite; empty when all is well.

    Raises
    ------
    FrameError
        The layer has geometry and the frame is not a GeoDataFrame.
    """
    faults: list[tuple[int, str, str | None, dict[str, Any]]] = []
    for field in layer.fields:
        faults += [(row, code, field.name, more) for row, code, more in _field_faults(frame, field, catalogue)]
    shapes = _shapes(frame, layer)
    at: dict[int, tuple[float, float]] = {}
    if shapes is not None:
        for row, code, more, place in _geometry_faults(shapes, layer):
            faults.append((row, code, None, more))
            at |= {row: place} if place else {}
    return _table(frame, layer, faults, at)


def references(frame: pd.DataFrame, layer: Layer, known: Mapping[str, Collection[str]]) -> pd.DataFrame:
    """Find references to features that do not exist.

    Parameters
    ----------
    frame
        Rows with canonical column names.
    layer
        The layer whose fields refer to others.
    known
        Keys that exist, by layer; a reference to a layer that is not given is not checked.

    Returns
    -------
    pandas.DataFrame
        Findings with code row.reference, severity error.
    """
    faults: list[tuple[int, str, str | None, dict[str, Any]]] = []
    for field in layer.fields:
        if field.reference is None or field.reference not in known or field.name not in frame.columns:
            continue
        column = frame[field.name]
        missing = _present(column) & ~column.isin(set(known[field.reference])).to_numpy(dtype=bool)
        for row in np.flatnonzero(missing):
            more = {"value": str(column.iloc[row]), "target": field.reference}
            faults.append((int(row), "row.reference", field.name, more))
    return _table(frame, layer, faults, {})


def canonical(frame: pd.DataFrame, layer: Layer, crs: str | pyproj.CRS | None = None) -> pd.DataFrame:
    """Return the frame in its canonical shape.

    Parameters
    ----------
    frame
        Rows that pass `check`, with canonical column names; columns may be absent or in any order.
    layer
        The layer.
    crs
        The CRS that the frame must be in; None accepts any.

    Returns
    -------
    pandas.DataFrame
        The layer's fields in their order (absent ones empty), then extra and _version where the frame has them, then
        geometry: two-dimensional and of the layer's type. Text is `str`, integers `Int64`, reals `float64`, booleans
        `boolean`, dates `datetime64`. RangeIndex; a GeoDataFrame where the layer has geometry.

    Raises
    ------
    CrsError
        The frame has no CRS or another one.
    FrameError
        A column is no field of the layer, or holds what its type cannot.
    """
    geometry = frame.geometry.name if layer.spatial and isinstance(frame, gpd.GeoDataFrame) else None
    unknown = [str(name) for name in frame.columns if name not in {*layer.columns, *BESIDE, geometry}]
    if unknown:
        raise FrameError(
            f"layer {layer.name!r} has no field {', '.join(unknown)}; its fields are {', '.join(layer.columns)}",
            layer=layer.name,
            fields=unknown,
        )
    columns = {field.name: _typed(frame, field, layer) for field in layer.fields}
    if "extra" in frame.columns:
        columns["extra"] = frame["extra"].astype("str").reset_index(drop=True)
    if "_version" in frame.columns:
        columns["_version"] = frame["_version"].astype("Int64").reset_index(drop=True)
    plain = pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))
    shapes = _shapes(frame, layer)
    if shapes is None:
        return plain
    system = references_systems.require(frame, crs, name=layer.name) if crs is not None else frame.crs
    wanted = references_systems.parse(crs) if isinstance(crs, str) else crs or system
    return gpd.GeoDataFrame(plain, geometry=promoted(shapes, layer), crs=wanted)


def promoted(shapes: NDArray[Any], layer: Layer) -> NDArray[Any]:
    """Return shapes in two dimensions and in the layer's type where nothing is lost by it.

    Parameters
    ----------
    shapes
        Geometries, some of them missing.
    layer
        The layer whose type they take: a polygon becomes a multipolygon of one; a multipoint of one becomes a point; a
        collection of polygons alone becomes a multipolygon.

    Returns
    -------
    numpy.ndarray
        The same number of geometries; one of another kind stays as it is.
    """
    shapes = shapely.force_2d(np.asarray(shapes, dtype=object))
    for row in np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION):
        shapes[row] = _of_one_kind(shapes[row])
    result = shapes.copy()
    kinds = shapely.get_type_id(shapes)
    makers: dict[str, tuple[int, Any]] = {
        "MultiPoint": (shapely.GeometryType.POINT, shapely.multipoints),
        "MultiLineString": (shapely.GeometryType.LINESTRING, shapely.multilinestrings),
        "MultiPolygon": (shapely.GeometryType.POLYGON, shapely.multipolygons),
    }
    if layer.geometry in makers:
        kind, make = makers[layer.geometry]
        single = np.flatnonzero((kinds == kind) & ~shapely.is_empty(shapes))
        if len(single):
            result[single] = make(shapes[single], indices=np.arange(len(single)))
    elif layer.geometry == "Point":
        lone = (kinds == shapely.GeometryType.MULTIPOINT) & (shapely.get_num_geometries(shapes) == 1)
        result[lone] = shapely.get_geometry(shapes[lone], 0)
    return result


def _of_one_kind(collection: shapely.Geometry) -> shapely.Geometry:
    """Return a collection of polygons alone, lines alone or points alone, however deep, as that; any other as it is."""
    parts = np.array([collection], dtype=object)
    while (shapely.get_type_id(parts) >= shapely.GeometryType.MULTIPOINT).any():
        parts = shapely.get_parts(parts)
    parts = parts[~shapely.is_empty(parts)]
    kinds = set(shapely.get_type_id(parts).tolist())
    # a ring by itself is a line
    kinds = {1 if kind == shapely.GeometryType.LINEARRING else kind for kind in kinds}
    makers: dict[int, Any] = {
        shapely.GeometryType.POINT: shapely.multipoints,
        shapely.GeometryType.LINESTRING: shapely.multilinestrings,
        shapely.GeometryType.POLYGON: shapely.multipolygons,
    }
    return makers[kinds.pop()](parts) if len(kinds) == 1 else collection


def _present(column: pd.Series) -> Mask:
    """Tell which values are there; blank text is not."""
    column = fieldtypes.plain(column)
    there = column.notna().to_numpy(dtype=bool)
    if isinstance(column.dtype, pd.StringDtype) or column.dtype == object:
        blank = [isinstance(value, str) and not value.strip() for value in column]
        there = there & ~np.array(blank, dtype=bool)
    return there


def _field_faults(frame: pd.DataFrame, field: Field, catalogue: Catalogue) -> Iterator[tuple[int, str, Row]]:
    """Yield row, code and parameters of every fault in one column."""
    if field.name not in frame.columns:
        if field.required:
            yield from ((row, "row.required", {}) for row in range(len(frame)))
        return
    column = fieldtypes.plain(frame[field.name])
    present = _present(column)
    if field.required:
        yield from ((int(row), "row.required", {}) for row in np.flatnonzero(~present))
    wrong = fieldtypes.misfits(column, field.type)
    yield from (
        (int(row), "row.type", {"value": str(column.iloc[row]), "type": field.type}) for row in np.flatnonzero(wrong)
    )
    sound = np.flatnonzero(present & ~wrong)
    if not len(sound):
        return
    values = column.iloc[sound]
    yield from _rule_faults(sound, values, field, catalogue)
    if field.unique:
        twice = values.duplicated(keep=False).to_numpy()
        counts = values.value_counts()
        for row, value in zip(sound[twice], values[twice], strict=True):
            yield int(row), "row.duplicate_key", {"value": str(value), "count": int(counts[value])}


def _rule_faults(
    rows: NDArray[np.intp], values: pd.Series, field: Field, catalogue: Catalogue
) -> Iterator[tuple[int, str, Row]]:
    """Yield the faults of values whose type is right: code, range, pattern, width, characters."""
    if field.codes is not None:
        listed = catalogue.code_list(field.codes)
        codes = [item.code for item in listed]
        allowed = codes if len(codes) <= _LISTED else [*codes[:_LISTED], "…"]
        known = values.isin(codes).to_numpy(dtype=bool)
        if listed.open:
            known = known | values.str.fullmatch(listed.open).to_numpy(dtype=bool)
        for row, value in _where(rows, values, ~known):
            yield row, "row.code", {"value": value, "list": field.codes, "allowed": allowed}
    if field.range is not None:
        low, high = field.range
        numbers = values.to_numpy(dtype=float)
        for row, value in _where(rows, values, (numbers < low) | (numbers > high)):
            yield row, "row.range", {"value": value, "low": f"{low:g}", "high": f"{high:g}"}
    if field.type not in {"text", "json"}:
        return
    if field.pattern is not None:
        matches = values.str.fullmatch(field.pattern).to_numpy(dtype=bool)
        for row, value in _where(rows, values, ~matches):
            yield row, "row.pattern", {"value": value, "pattern": field.pattern}
    if field.width is not None:
        for row, value in _where(rows, values, (values.str.len() > field.width).to_numpy(dtype=bool)):
            yield row, "row.width", {"value": f"{value[:20]}…", "length": len(value), "width": field.width}
    unstorable = np.array([bool(_UNSTORABLE.search(value)) for value in values], dtype=bool)
    for row, value in _where(rows, values, unstorable):
        yield row, "row.nul", {"value": ascii(value[:40])}


def _where(rows: NDArray[np.intp], values: pd.Series, wrong: Mask) -> Iterator[tuple[int, str]]:
    """Yield row and value as text where a rule is broken."""
    for position in np.flatnonzero(wrong):
        yield int(rows[position]), str(values.iloc[position])


def _shapes(frame: pd.DataFrame, layer: Layer) -> NDArray[Any] | None:
    """Return the frame's geometries, None for a layer without."""
    if not layer.spatial:
        return None
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        raise FrameError(
            f"layer {layer.name!r} holds {layer.geometry}; a GeoDataFrame with a geometry column is needed",
            layer=layer.name,
        )
    return np.asarray(frame.geometry.to_numpy(), dtype=object)


def _geometry_faults(shapes: NDArray[Any], layer: Layer) -> Iterator[tuple[int, str, Row, tuple[float, float] | None]]:
    """Yield row, code, parameters and place (where it is known better than by the row) of every geometry fault."""
    missing, empty = shapely.is_missing(shapes), shapely.is_empty(shapes)
    # a derived row, such as a finding without a place, may have none
    if not layer.derived:
        yield from ((int(row), "geometry.missing", {}, None) for row in np.flatnonzero(missing))
    yield from ((int(row), "geometry.empty", {}, None) for row in np.flatnonzero(empty))
    there = ~missing & ~empty
    names = np.array([shape.geom_type if shape is not None else "" for shape in promoted(shapes, layer)], dtype=object)
    for row in np.flatnonzero(there & (names != layer.geometry)):
        yield int(row), "geometry.type", {"came": str(names[row]), "allowed": layer.geometry}, None
    finite = _finite(shapes)
    yield from ((int(row), "geometry.not_finite", {}, None) for row in np.flatnonzero(there & ~finite))
    for row in np.flatnonzero(there & finite & ~shapely.is_valid(shapes)):
        reason = str(shapely.is_valid_reason(shapes[row]))
        found = _PLACE.search(reason)
        place = (float(found[1]), float(found[2])) if found else None
        yield int(row), "geometry.invalid", {"reason": reason.partition("[")[0].strip()}, place


def _finite(shapes: NDArray[Any]) -> Mask:
    """Tell which shapes have only finite coordinates."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    result = np.ones(len(shapes), dtype=bool)
    result[owner[~np.isfinite(points).all(axis=1)]] = False
    return result


def _typed(frame: pd.DataFrame, field: Field, layer: Layer) -> pd.Series:
    """Return one column in the dtype of its field."""
    dtype: Any = DTYPES[field.type]
    if field.name not in frame.columns:
        return pd.Series(pd.array([None] * len(frame), dtype=dtype))
    column = fieldtypes.plain(frame[field.name].reset_index(drop=True))
    wrong = fieldtypes.misfits(column, field.type)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise FrameError(
            f"layer {layer.name!r}, field {field.name!r}, row {row + 1}: {column.iloc[row]!r} is not {field.type}",
            layer=layer.name,
            field=field.name,
        )
    if field.type == "date":
        return pd.to_datetime(column, format="ISO8601").astype(dtype)
    if field.type in {"integer", "boolean", "real"} and column.dtype == object:
        return pd.Series(pd.array([None if pd.isna(value) else value for value in column], dtype=dtype))
    return column.astype(dtype)


def _table(
    frame: pd.DataFrame,
    layer: Layer,
    faults: list[tuple[int, str, str | None, dict[str, Any]]],
    at: Mapping[int, tuple[float, float]],
) -> pd.DataFrame:
    """Return faults as findings in row order, with the row's key and place."""
    faults = sorted(faults, key=lambda fault: fault[0])
    rows = sorted({fault[0] for fault in faults})
    keys = dict(zip(rows, _keys(frame, layer, rows), strict=True))
    places = dict(zip(rows, _places(frame, layer, rows), strict=True))
    return findings.table(
        findings.finding(
            code,
            layer.name,
            keys[row],
            field=field,
            at=at.get(row, places[row]) if code.startswith("geometry.") else places[row],
            row=row + 1,
            **more,
        )
        for row, code, field, more in faults
    )


def _keys(frame: pd.DataFrame, layer: Layer, rows: list[int]) -> list[str | None]:
    """Return the keys of some rows, None where there is none."""
    if layer.key not in frame.columns:
        return [None] * len(rows)
    values = frame[layer.key].iloc[rows]
    return [None if pd.isna(value) or not str(value).strip() else str(value) for value in values]


def _places(frame: pd.DataFrame, layer: Layer, rows: list[int]) -> list[tuple[float, float] | None]:
    """Return a point for each of some rows: inside where the shape is sound, else the middle of its box."""
    if not layer.spatial or not rows or not isinstance(frame, gpd.GeoDataFrame):
        return [None] * len(rows)
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)[rows]
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    x, y = (west + east) / 2, (south + north) / 2
    sound = shapely.is_valid(shapes) & ~shapely.is_empty(shapes) & ~shapely.is_missing(shapes) & _finite(shapes)
    inside = shapely.point_on_surface(shapes[sound])
    x[sound], y[sound] = shapely.get_x(inside), shapely.get_y(inside)
    return [(float(a), float(b)) if np.isfinite(a) and np.isfinite(b) else None for a, b in zip(x, y, strict=True)]
