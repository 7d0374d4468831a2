"""Whether rows lie where the district is: outside it, with swapped axes, or a vertex in another country."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from gis import crs, findings
from gis.catalogue import Layer
from gis.errors import CrsError
from gis.intake import values
from gis.intake.places import Bounds, within
from gis.settings import Settings

Floats = NDArray[np.float64]

# a feature of a neighbouring district, such as the next station, is worth a look; beyond this it is in the wrong place
_NEAR_DEGREES = 0.1


def check(frame: gpd.GeoDataFrame, layer: Layer, settings: Settings) -> pd.DataFrame:
    """Find rows that do not lie where the district is.

    Parameters
    ----------
    frame
        Rows in canonical shape, in the working CRS; RangeIndex.
    layer
        The layer.
    settings
        The district's bounds; None switches the check off.

    Returns
    -------
    pandas.DataFrame
        Findings place.stray_vertex (error, at the vertex: most of the outline is here, less than half of it is far
        away), place.swapped_axes (error), place.outside_district (error, a warning within 0.1° of the bounds) and
        place.unchecked (info, no known way from the working CRS to degrees). One a row.
    """
    if settings.bounds is None or frame.crs is None:
        return findings.table()
    try:
        to_degrees = crs.transformer(frame.crs, crs.CGCS2000)
    except CrsError:
        # a grid of the bureau's own may have no known way to degrees, in which the bounds are
        return findings.table([findings.finding("place.unchecked", layer.name, severity="info")])
    stray = _strays(frame, to_degrees, settings.bounds)
    x, y = _middles(frame)
    lon, lat = to_degrees.transform(x, y)
    there = np.isfinite(x) & np.isfinite(y)
    inside = within(lon, lat, settings.bounds, 0.0)
    near = within(lon, lat, settings.bounds, _NEAR_DEGREES)
    swapped = there & ~near & within(*to_degrees.transform(y, x), settings.bounds, 0.0)
    asked = np.flatnonzero(there & ~inside)
    found = []
    for row in sorted({*stray, *map(int, asked)}):
        key = frame[layer.key].iloc[row]
        feature = None if values.missing(key) else str(key)
        if row in stray:
            at, more = stray[row]
            found.append(_stray(layer.name, feature, at, {"row": row + 1, **more}))
            continue
        at = (float(x[row]), float(y[row]))
        if swapped[row]:
            found.append(findings.finding("place.swapped_axes", layer.name, feature, at=at, row=row + 1))
            continue
        severity = "warning" if near[row] else "error"
        place = {"row": row + 1, "lon": _degrees(lon[row]), "lat": _degrees(lat[row])}
        found.append(_outside(layer.name, feature, severity, at, place))
    return findings.table(found)


def _strays(
    frame: gpd.GeoDataFrame, to_degrees: pyproj.Transformer, bounds: Bounds
) -> dict[int, tuple[tuple[float, float], dict[str, Any]]]:
    """Return the first far vertex of each row that mostly lies in the district: its place and what is said of it."""
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    box = shapely.bounds(shapes).reshape(-1, 4)
    corners = [
        within(*to_degrees.transform(box[:, i], box[:, j]), bounds, _NEAR_DEGREES) for i in (0, 2) for j in (1, 3)
    ]
    asked = np.flatnonzero(np.isfinite(box).all(axis=1) & ~np.logical_and.reduce(corners))
    points, owner = shapely.get_coordinates(shapes[asked], return_index=True)
    lon, lat = to_degrees.transform(points[:, 0], points[:, 1])
    far = ~within(lon, lat, bounds, _NEAR_DEGREES)
    count, total = np.bincount(owner[far], minlength=len(asked)), np.bincount(owner, minlength=len(asked))
    result = {}
    for position in np.flatnonzero((count > 0) & (2 * count < total)):
        begin = int(np.searchsorted(owner, position))
        vertex = begin + int(np.flatnonzero(far[begin : begin + total[position]])[0])
        more = {"vertex": vertex - begin + 1, "lon": _degrees(lon[vertex]), "lat": _degrees(lat[vertex])}
        at = (float(points[vertex, 0]), float(points[vertex, 1]))
        result[int(asked[position])] = at, {**more, "count": int(count[position])}
    return result


def _stray(layer: str, feature: str | None, at: tuple[float, float], more: dict[str, Any]) -> dict[str, Any]:
    """Return the finding about a vertex far from the rest of its outline."""
    return findings.finding("place.stray_vertex", layer, feature, at=at, **more)


def _outside(
    layer: str, feature: str | None, severity: str, at: tuple[float, float], place: dict[str, Any]
) -> dict[str, Any]:
    """Return the finding about a row outside the district."""
    return findings.finding("place.outside_district", layer, feature, severity=severity, at=at, **place)


def _degrees(value: float) -> str:
    """Return degrees as a person reads them; what is no place on earth is a dash."""
    return f"{value:.4f}" if np.isfinite(value) else "—"


def _middles(frame: gpd.GeoDataFrame) -> tuple[Floats, Floats]:
    """Return the middle of each row's box, NaN where it has none."""
    west, south, east, north = shapely.bounds(frame.geometry.to_numpy()).reshape(-1, 4).T
    return (west + east) / 2, (south + north) / 2
