"""Shifted coordinates: GCJ-02 and BD-09 are undone once, with a record, and suspected where the ground says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs, findings, gcj02
from gis.errors import UsageError

# what a caller may say; the first two are shifted, the others only confirm that nothing is
DATUMS = ("GCJ-02", "BD-09", "WGS84", "CGCS2000")
# a shift below this is another drawing of the same line, m: public outlines of the district differ by tens of metres
_LEAST_M = 100.0
# undoing must at least halve the distance to the reference
_BETTER = 0.5
# vertices that are enough to judge a layer by, and how far outside the other's box they may lie, m
_VERTICES = 2000
_MARGIN_M = 2000.0
# lines drawn after each other's vertices lie no further apart, m
_ON_M = 1.0
# columns that only such a source writes; its coordinates are shifted and it does not say so
_SOURCES = (
    ("DataV GeoAtlas", "GCJ-02", ("adcode", "childrenNum", "acroutes")),
    ("AMap (高德)", "GCJ-02", ("adcode", "citycode")),
    ("AMap's places (高德 POI)", "GCJ-02", ("pname", "cityname", "adname")),
    ("AMap's places (高德 POI)", "GCJ-02", ("typecode", "pname")),
    ("AMap's places (高德 POI)", "GCJ-02", ("typecode", "adcode")),
    ("AMap's places (高德 POI)", "GCJ-02", ("typecode", "adname")),
    ("AMap's places (高德 POI)", "GCJ-02", ("typecode", "business_area")),
    ("Tencent's places (腾讯 POI)", "GCJ-02", ("ad_info", "_distance")),
    ("Tencent's places (腾讯 POI)", "GCJ-02", ("ad_info", "category", "title")),
    ("Baidu's places (百度 POI)", "BD-09", ("uid", "street_id")),
    ("Baidu's places (百度 POI)", "BD-09", ("uid", "detail_info")),
)
# a shapefile keeps so many letters of a name
_DBF_LETTERS = 10
# columns in which a table says where its coordinates come from
_SAYS = {
    "坐标系", "坐标系统", "坐标类型", "坐标基准", "crs", "datum", "coordsys", "coord_sys", "coordtype", "coord_type",
    "coordinate_system", "coordinatesystem",
}  # fmt: skip
_SPELT = {
    "GCJ-02": re.compile(r"(?<![a-z])gcj[\s_-]*0?2(?!\d)|火星坐标|国测局坐标|(高德|腾讯)坐标", re.IGNORECASE),
    # Baidu's metres are another thing than its degrees
    "BD-09": re.compile(r"(?<![a-z])bd[\s_-]*0?9(?!\d|[\s_-]*mc)|百度坐标|百度经纬度", re.IGNORECASE),
}
# maps that a column of coordinate systems may name in place of their datum
_MAPS = dict.fromkeys(("高德", "高德地图", "amap", "腾讯", "腾讯地图", "谷歌中国"), "GCJ-02")
_MAPS |= dict.fromkeys(("百度", "百度地图", "baidu"), "BD-09")
# how far off coordinates are around Mentougou, m (domain.md fact 14)
_OFF_M = {"GCJ-02": 560, "BD-09": 1355}


def named(datum: str | None) -> str | None:
    """Return a datum in the spelling of `DATUMS`.

    Parameters
    ----------
    datum
        As a person writes it, such as "gcj02"; None stays None.

    Returns
    -------
    str or None

    Raises
    ------
    UsageError
        Not one of `DATUMS`.
    """
    if datum is None:
        return None
    plain = {name.replace("-", "").casefold(): name for name in DATUMS}
    found = plain.get(datum.replace("-", "").replace("_", "").replace(" ", "").casefold())
    if found is None:
        raise UsageError(f"datum {datum!r} is not known; allowed: {', '.join(DATUMS)}", datum=datum)
    return found


def shifted(datum: str | None) -> bool:
    """Tell whether coordinates in this datum must be moved.

    Parameters
    ----------
    datum
        One of `DATUMS` or None.

    Returns
    -------
    bool
    """
    return datum in {"GCJ-02", "BD-09"}


def undo(frame: gpd.GeoDataFrame, datum: str) -> gpd.GeoDataFrame:
    """Move shifted coordinates back to where they are on the ground.

    Parameters
    ----------
    frame
        Rows whose coordinates, taken for WGS 84, are in the shifted datum; any CRS on WGS 84 or CGCS2000.
    datum
        "GCJ-02" or "BD-09".

    Returns
    -------
    geopandas.GeoDataFrame
        Same rows and index, EPSG:4326, two-dimensional.
    """
    degrees = crs.to(frame, crs.WGS84, name="layer")
    moved = shapely.transform(degrees.geometry.to_numpy(), partial(undone, datum=datum))
    return degrees.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=crs.WGS84))


def spelt(text: str) -> str:
    """Return the shifted datum that a text names.

    Parameters
    ----------
    text
        What a file says, such as "GCS_GCJ_02" or "火星坐标系".

    Returns
    -------
    str
        "GCJ-02", "BD-09" or "".
    """
    return next((datum for datum, words in _SPELT.items() if words.search(text)), "")


def hint(frame: pd.DataFrame) -> tuple[str, str]:
    """Name the marks of a source that is known to be shifted and not to say so.

    Parameters
    ----------
    frame
        Rows as they came.

    Returns
    -------
    tuple of str
        The shifted datum and what tells it; "" and "" where nothing does.
    """
    names = {str(name).casefold()[:_DBF_LETTERS] for name in frame.columns}
    for source, datum, columns in _SOURCES:
        if names >= {name.casefold()[:_DBF_LETTERS] for name in columns}:
            return datum, f"{source} ({', '.join(columns)})"
    for name in frame.columns:
        if str(name).strip().casefold() in _SAYS:
            for value in frame[name].dropna().unique():
                if datum := spelt(str(value)) or _MAPS.get(str(value).strip().casefold(), ""):
                    return datum, f"the column {name} ({value})"
    return "", ""


def distances(frame: gpd.GeoDataFrame, reference: gpd.GeoDataFrame) -> dict[str, float]:
    """Measure how far a layer lies from a reference as it is, and if it were GCJ-02 or BD-09 undone.

    Parameters
    ----------
    frame
        Rows with a CRS.
    reference
        Rows whose lines the layer should share, such as the district's outline, with a CRS.

    Returns
    -------
    dict
        Metres for "as it is", "GCJ-02" and "BD-09": the median distance from the vertices of one to the lines of the
        other, in the direction that fits better, since the vertices of a generalised outline lie on the detailed one
        and not the other way round. Empty where the two have fewer than three vertices near each other.
    """
    target = lines(crs.to(reference, crs.WGS84, name="reference").geometry.to_numpy())
    drawn = lines(crs.to(frame, crs.WGS84, name="layer").geometry.to_numpy())
    found = {}
    for name in ("as it is", "GCJ-02", "BD-09"):
        moved = drawn if name == "as it is" else shapely.transform(drawn, partial(undone, datum=name))
        distance = apart(moved, target)
        if distance is None:
            return {}
        found[name] = distance
    return found


def apart(drawn: NDArray[np.object_], target: NDArray[np.object_]) -> float | None:
    """Measure how far lines or points lie from those that they should share.

    Parameters
    ----------
    drawn, target
        Lines or points in degrees.

    Returns
    -------
    float or None
        The median distance in metres from the vertices of one to the lines of the other, in the direction that fits
        better; None where fewer than three vertices are near.
    """
    if not len(target) or not len(drawn):
        return None
    flat = _metres(float(shapely.total_bounds(target)[[1, 3]].mean()))
    place, ground = shapely.transform(drawn, flat), shapely.transform(target, flat)
    both = [distance for distance in (_median(place, ground), _median(ground, place)) if distance is not None]
    return min(both) if both else None


def shared(drawn: NDArray[np.object_], target: NDArray[np.object_]) -> float:
    """Measure how much of some lines or points lies on others.

    Parameters
    ----------
    drawn, target
        Lines or points in degrees.

    Returns
    -------
    float
        Share of the vertices of `drawn` that are no further than a metre from `target`, 0 to 1.
    """
    if not len(target) or not len(drawn):
        return 0.0
    flat = _metres(float(shapely.total_bounds(target)[[1, 3]].mean()))
    place, ground = shapely.transform(drawn, flat), shapely.transform(target, flat)
    points = shapely.get_coordinates(place)
    sample = np.asarray(shapely.points(points[:: max(1, len(points) // _VERTICES)]))
    on, _ = shapely.STRtree(ground).query(sample, predicate="dwithin", distance=_ON_M)
    return len(np.unique(on)) / len(sample)


def datum_offset(frame: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, *, layer: str = "layer") -> pd.DataFrame:
    """Suspect a datum shift where undoing it makes a layer fit its reference clearly better.

    Parameters
    ----------
    frame
        Rows with a CRS.
    reference
        Rows whose lines the layer should share, such as the district's outline, with a CRS.
    layer
        Name for the finding.

    Returns
    -------
    pandas.DataFrame
        One finding "datum.gcj02_suspected" or "datum.bd09_suspected" of severity error, or none. Where neither the
        layer as it is nor any hypothesis fits, nothing is said.

    Notes
    -----
    GCJ-02 is about 560 m off toward 74° at Mentougou, BD-09 about 1,355 m (domain.md fact 14).
    """
    found = distances(frame, reference)
    if not found:
        return findings.table()
    best = min(("GCJ-02", "BD-09"), key=lambda name: found[name])
    if found["as it is"] < _LEAST_M or found[best] > _BETTER * found["as it is"]:
        return findings.table()
    metres, undone = round(found["as it is"]), round(found[best])
    if best == "BD-09":
        return findings.table([findings.finding("datum.bd09_suspected", layer, metres=metres, undone=undone)])
    return findings.table([findings.finding("datum.gcj02_suspected", layer, metres=metres, undone=undone)])


def unconfirmed(name: str, datum: str, marks: str) -> str:
    """Word the refusal of a file that bears the marks of a shifted datum while nobody has confirmed it.

    Parameters
    ----------
    name
        What the file is called.
    datum
        "GCJ-02" or "BD-09".
    marks
        What tells it.

    Returns
    -------
    str
        With the flag that settles it.
    """
    return (
        f"{name} bears the marks of {marks}, whose coordinates are {datum}, about {_OFF_M[datum]:,} m off: "
        f"give --datum {datum} to undo it, or --datum WGS84 if that was done before"
    )


def undone(points: NDArray[np.float64], datum: str) -> NDArray[np.float64]:
    """Move points in a shifted datum back to where they are.

    Parameters
    ----------
    points
        Longitude and latitude, a row a point.
    datum
        "GCJ-02" or "BD-09".

    Returns
    -------
    numpy.ndarray
        Degrees in WGS 84.
    """
    x, y = points.T
    if datum == "BD-09":
        x, y = gcj02.bd09_to_gcj02(x, y)
    return np.column_stack(gcj02.from_gcj02(x, y))


def lines(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the outlines of polygons and everything else as it is.

    Parameters
    ----------
    shapes
        Geometries; missing and empty ones are left out.

    Returns
    -------
    numpy.ndarray
    """
    found = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
    polygonal = shapely.get_dimensions(found) == 2
    found = found.copy()
    found[polygonal] = shapely.boundary(found[polygonal])
    return np.asarray(found, dtype=object)


def _median(shapes: NDArray[np.object_], target: NDArray[np.object_]) -> float | None:
    """Return the median distance from vertices near a target to its lines, m; None where fewer than three are near."""
    points = shapely.get_coordinates(shapes)
    west, south, east, north = shapely.total_bounds(target)
    near = (points > [west - _MARGIN_M, south - _MARGIN_M]) & (points < [east + _MARGIN_M, north + _MARGIN_M])
    points = points[near.all(axis=1)]
    if len(points) < 3:
        return None
    sample = shapely.points(points[:: max(1, len(points) // _VERTICES)])
    _, distance = shapely.STRtree(target).query_nearest(sample, all_matches=False, return_distance=True)
    return float(np.median(distance))


def _metres(latitude: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return a function that turns degrees near a latitude into metres, good to 1 % for comparing distances."""
    scale = np.array([111_320.0 * np.cos(np.radians(latitude)), 111_132.0])
    return lambda points: points * scale
