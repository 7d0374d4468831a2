"""Areas that a file states, beside the areas of its drawing: which differ, and which are in another unit.

A stated area (批复面积, 证载面积) is kept as it came: a document says so. It is never taken for a measurement; here it
is held against the ground that the row draws, and what does not fit is a finding about the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from gis import crs, findings
from gis.catalogue import Field, Layer
from gis.errors import CrsError
from gis.intake import units, values

Floats = NDArray[np.float64]

# how near a ratio must come to that of a unit to be suspected of it: far nearer than two units come to one another
_NEAR_UNIT = 0.05
# how near the area of the same outline in degrees, or in Web Mercator, must come: it is the same outline
_NEAR_OUTLINE = 0.01
# how large a share of an area a document and a drawing may differ by before a person looks: to find, no norm
_SHARE = 0.01
# steps (m²) to which people round: 0.01 公顷, 0.01 亩, 1 m², 0.01 m²
_STEPS = (100.0, 20 / 3, 1.0, 0.01)
# what a column of areas that no field takes is called; the unit behind it is set apart first
_AREAS = frozenset(
    {"面积", "图形面积", "图斑面积", "用地面积", "占地面积", "宗地面积", "mj", "tbmj", "txmj", "area", "shapearea"}
)
_WEB_MERCATOR = "EPSG:3857"


def check(frame: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    """Hold the stated areas of a layer's rows against their drawing.

    Parameters
    ----------
    frame
        Rows in canonical shape, in the working CRS.
    layer
        The layer; its `stated` fields are looked at.

    Returns
    -------
    pandas.DataFrame
        Findings, all warnings with `row`: area.unit_suspected (the ratio is that of another unit), area.twice_converted
        (it is the inverse), area.web_mercator, area.square_degrees (it is the same outline measured there), and else
        area.differs. The drawn area in them is planar, in the working CRS.

    Notes
    -----
    Equal means: as near to the planar or the ellipsoidal area as the layer's tolerance (m) along the outline and the
    rounding of the stated value allow, or within 1 % of it. Rows whose geometry is missing or invalid have no area to
    compare with.
    """
    fields = [field for field in layer.fields if field.stated and field.name in frame.columns]
    if not fields or not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        return findings.table()
    shapes = frame.geometry.to_numpy()
    drawn = _drawn(shapes)
    notes: list[dict[str, Any]] = []
    for field in fields:
        stated = frame[field.name].to_numpy(dtype=float, na_value=np.nan)
        off = _off(stated, drawn, shapely.length(shapes), layer.topology.tolerance)
        rows = np.flatnonzero(off)
        near = np.abs(stated[rows] - _ellipsoidal(frame.iloc[rows]))
        slack = _slack(stated[rows], shapely.length(shapes[rows]), layer.topology.tolerance)
        rows = rows[~(near <= slack)]
        notes += _told(frame, layer, field, rows, stated, drawn)
    return findings.table(notes)


def columns(names: Sequence[str], frame: gpd.GeoDataFrame, drawn: gpd.GeoSeries, layer: Layer) -> list[dict[str, Any]]:
    """Hold columns of areas that are no field, such as Shape_Area or 面积_亩, against the drawing.

    Parameters
    ----------
    names
        Columns of the file that no field takes.
    frame
        The file's rows.
    drawn
        Their geometries in the working CRS.
    layer
        The layer that they are to be.

    Returns
    -------
    list of dict
        A finding (warning) for each column whose median ratio to the drawn area is not 1: area.column_unit.
    """
    if layer.geometry != "MultiPolygon":
        return []
    shapes = drawn.to_numpy()
    areas = _drawn(shapes)
    notes = []
    for name in names:
        base, unit = units.of_column(name) or (name, units.BY_SIGN[units.SQUARE_METRE])
        if base.casefold().replace("_", "").strip() not in _AREAS:
            continue
        stated = np.array([_number(value) for value in frame[name].array], dtype=float)
        stated = np.array([unit.to_metres(value) for value in stated], dtype=float)
        usable = np.isfinite(stated) & (stated > 0) & (areas > 0)
        if not usable.any():
            continue
        ratios = stated[usable] / areas[usable]
        middle = int(np.flatnonzero(usable)[np.argsort(ratios)[len(ratios) // 2]])
        ratio = float(stated[middle] / areas[middle])
        if abs(ratio - 1) <= _NEAR_UNIT:
            continue
        found = _kind(ratio, drawn.iloc[[middle]], areas[middle], stated[middle])
        notes.append(
            findings.finding(
                "area.column_unit",
                layer.name,
                severity="warning",
                column=name,
                ratio=f"{ratio:.4g}",
                count=int(usable.sum()),
                suspected=found[1] if found else None,
            )
        )
    return notes


def _drawn(shapes: NDArray[Any]) -> Floats:
    """Return planar areas, NaN where there is no sound polygon."""
    sound = ~shapely.is_missing(shapes) & (shapely.get_dimensions(shapes) == 2)
    result = np.full(len(shapes), np.nan)
    sound[sound] = shapely.is_valid(shapes[sound])
    # a corner that a damaged file has thrown off the map may be further than numbers go
    with np.errstate(invalid="ignore", over="ignore"):
        result[sound] = shapely.area(shapes[sound])
    result[~(np.isfinite(result) & (result > 0))] = np.nan
    return result


def _slack(stated: Floats, lengths: Floats, tolerance: float) -> Floats:
    """Return by how much two areas may differ: tolerance along the outline and half a step of rounding, or a share."""
    rounding = np.full(len(stated), _STEPS[-1] / 2)
    for step in sorted(_STEPS):
        count = stated / step
        rounding[np.abs(count - np.round(count)) < 1e-6 * np.maximum(1.0, np.abs(count))] = step / 2
    return np.asarray(np.maximum(tolerance * lengths + rounding, _SHARE * stated), dtype=float)


def _off(stated: Floats, drawn: Floats, lengths: Floats, tolerance: float) -> NDArray[np.bool_]:
    """Tell which stated areas are not the planar one."""
    there = np.isfinite(stated) & np.isfinite(drawn)
    return np.asarray(there & (np.abs(stated - drawn) > _slack(stated, lengths, tolerance)), dtype=bool)


def _ellipsoidal(frame: gpd.GeoDataFrame) -> Floats:
    """Return ellipsoidal areas, NaN where there is no known way from the working CRS to degrees."""
    try:
        return np.asarray(crs.ellipsoidal_area(frame), dtype=float)
    except CrsError:
        return np.full(len(frame), np.nan)


def _told(
    frame: gpd.GeoDataFrame, layer: Layer, field: Field, rows: NDArray[np.intp], stated: Floats, drawn: Floats
) -> Iterator[dict[str, Any]]:
    """Yield a finding for each row whose stated area is not the drawn one."""
    for row in rows:
        key = frame[layer.key].iloc[row]
        about = {
            "feature": None if values.missing(key) else str(key),
            "severity": "warning",
            "field": field.name,
            "at": frame.geometry.iloc[row],
            "row": int(row) + 1,
            "stated_m2": float(stated[row]),
            "drawn_m2": float(drawn[row]),
        }
        found = _kind(stated[row] / drawn[row], frame.geometry.iloc[[row]], drawn[row], stated[row])
        if found is None:
            yield findings.finding("area.differs", layer.name, **about)
        elif found[0] == "unit":
            yield findings.finding("area.unit_suspected", layer.name, unit=found[1], **about)
        elif found[0] == "twice":
            yield findings.finding("area.twice_converted", layer.name, unit=found[1], **about)
        elif found[0] == "mercator":
            yield findings.finding("area.web_mercator", layer.name, **about)
        else:
            yield findings.finding("area.square_degrees", layer.name, **about)


def _kind(ratio: float, shape: gpd.GeoSeries, drawn: float, stated: float) -> tuple[str, str] | None:
    """Return what a ratio of stated to drawn area speaks for: the kind of mistake, and its unit in words."""
    for unit in units.UNITS:
        factor = float(unit.factor)
        # 公顷 and 万m² are the same number
        sign = "公顷/万m²" if factor == 10_000 else unit.sign
        if factor != 1 and abs(ratio * factor - 1) <= _NEAR_UNIT:
            return "unit", sign
        if factor != 1 and abs(ratio / factor - 1) <= _NEAR_UNIT:
            return "twice", sign
    for kind, system, words in (
        ("mercator", pyproj.CRS(_WEB_MERCATOR), "EPSG:3857"),
        ("degrees", crs.CGCS2000, "°²"),
    ):
        area = _measured_in(shape, system)
        if area > 0 and abs(stated / area - 1) <= _NEAR_OUTLINE:
            return kind, words
    return None


def _measured_in(shape: gpd.GeoSeries, system: pyproj.CRS) -> float:
    """Return the area of a shape's outline in the units of another CRS, NaN where there is no known way to it."""
    try:
        return float(shapely.area(crs.to(gpd.GeoDataFrame(geometry=shape), system).geometry.iloc[0]))
    except CrsError:
        return float("nan")


def _number(value: Any) -> float:
    """Return a cell as a number, NaN where it is none."""
    if values.missing(value):
        return float("nan")
    try:
        return float(values.convert(value, "real"))
    except values.Misfit:
        return float("nan")
