"""Flaws of single outlines that no rule of the store forbids and a planner must see: spikes, scraps, heights."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import findings
from gis.catalogue import Layer
from gis.geometry import parts
from gis.geometry.parts import Shapes

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# a piece of ground smaller than this is drawn by mistake, m²
_SCRAP_M2 = 1.0
# a spike is so many times longer than it is wide …
_SLENDER = 10.0
# … and narrower than the layer's tolerance, or as sharp as this
_SHARP = np.sin(np.radians(1.0))


def check(frame: gpd.GeoDataFrame, layer: Layer) -> pd.DataFrame:
    """Find spikes and scraps.

    Parameters
    ----------
    frame
        Rows with a key and a valid geometry, in a CRS in metres; `row` in a finding is the index label + 1.
    layer
        The layer, for its tolerance.

    Returns
    -------
    pandas.DataFrame
        Warnings, one a row and code: geometry.spike (the longest: an outline that turns back on itself), and
        geometry.tiny_part and geometry.tiny_hole (the smallest part or hole under 1 m², or narrower than the layer's
        tolerance on average), each with how many there are.
    """
    if layer.geometry != "MultiPolygon" or frame.empty:
        return findings.table()
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    found = [*_spikes(shapes, layer.topology.tolerance), *_scraps(shapes, layer.topology.tolerance)]
    keys = frame[layer.key]
    return findings.table(
        findings.finding(
            code, layer.name, str(keys.iloc[row]), severity="warning", at=at, row=int(frame.index[row]) + 1, **more
        )
        for row, code, at, more in sorted(found, key=lambda fault: fault[:2])
    )


def flattened(shapes: Shapes, layer: Layer) -> pd.DataFrame:
    """Tell what is lost when geometries are made flat.

    Parameters
    ----------
    shapes
        Geometries as they came; some may be missing.
    layer
        The layer that they are for.

    Returns
    -------
    pandas.DataFrame
        Findings geometry.z_dropped and geometry.m_dropped (info, with the number of geometries).
    """
    deep, measured = int(shapely.has_z(shapes).sum()), int(shapely.has_m(shapes).sum())
    found = []
    if deep:
        found.append(findings.finding("geometry.z_dropped", layer.name, severity="info", count=deep))
    if measured:
        found.append(findings.finding("geometry.m_dropped", layer.name, severity="info", count=measured))
    return findings.table(found)


Flaw = tuple[int, str, tuple[float, float], dict[str, Any]]


def _spikes(shapes: Shapes, tolerance: float) -> list[Flaw]:
    """Return the longest spike of each shape that has some."""
    tip, before, after, owner = _corners(shapes, tolerance)
    one, two = before - tip, after - tip
    lengths = np.hypot(*one.T), np.hypot(*two.T)
    shorter = np.minimum(*lengths)
    with np.errstate(divide="ignore", invalid="ignore"):
        sine = np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / (lengths[0] * lengths[1])
    width = shorter * sine
    back = (one * two).sum(axis=1) > 0
    slender = (shorter > _SLENDER * width) & (shorter > tolerance) & ((width < tolerance) | (sine < _SHARP))
    spikes = np.flatnonzero(back & slender)
    spikes = spikes[np.lexsort((-shorter[spikes], owner[spikes]))]
    rows, first, count = np.unique(owner[spikes], return_index=True, return_counts=True)
    return [
        (
            int(row),
            "geometry.spike",
            (float(tip[spike, 0]), float(tip[spike, 1])),
            {"length_m": float(shorter[spike]), "width_m": float(width[spike]), "count": int(number)},
        )
        for row, spike, number in zip(rows, spikes[first], count, strict=True)
    ]


def _corners(shapes: Shapes, tolerance: float) -> tuple[Floats, Floats, Floats, Ints]:
    """Return every corner of what is no scrap with its neighbours on the ring, and the shape it belongs to."""
    pieces, shape = parts.polygons(shapes)
    # a scrap is one flaw, however sharp it is
    meant = ~_scrap(pieces, tolerance)
    pieces, shape = pieces[meant], shape[meant]
    rings, piece = shapely.get_rings(pieces, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    last = np.ones(len(ring), dtype=bool)
    last[:-1] = ring[1:] != ring[:-1]
    # a ring's last point is its first again
    points, ring = points[~last], ring[~last]
    begin = np.searchsorted(ring, np.arange(len(rings)))
    end = np.append(begin[1:], len(points))
    place = np.arange(len(points))
    after = np.where(place + 1 == end[ring], begin[ring], place + 1)
    before = np.where(place == begin[ring], end[ring] - 1, place - 1)
    return points, points[before], points[after], shape[piece[ring]]


def _scraps(shapes: Shapes, tolerance: float) -> list[Flaw]:
    """Return the smallest part and the smallest hole of each shape that has some too small to be meant."""
    pieces, owner = parts.polygons(shapes)
    rings, piece = shapely.get_rings(pieces, return_index=True)
    inner = np.append(False, piece[1:] == piece[:-1]) if len(piece) else np.zeros(0, dtype=bool)
    holes = shapely.polygons(rings[inner])
    return [
        *_smallest(pieces, owner, tolerance, "geometry.tiny_part"),
        *_smallest(holes, owner[piece[inner]], tolerance, "geometry.tiny_hole"),
    ]


def _smallest(pieces: Shapes, owner: Ints, tolerance: float, code: str) -> list[Flaw]:
    """Return the smallest piece of each shape that has one below what anybody draws on purpose."""
    area, small = shapely.area(pieces), np.flatnonzero(_scrap(pieces, tolerance))
    small = small[np.lexsort((area[small], owner[small]))]
    rows, first, count = np.unique(owner[small], return_index=True, return_counts=True)
    points = shapely.point_on_surface(pieces[small[first]])
    return [
        (int(row), code, (float(at.x), float(at.y)), {"area_m2": float(area[one]), "count": int(number)})
        for row, one, number, at in zip(rows, small[first], count, points, strict=True)
    ]


def _scrap(pieces: Shapes, tolerance: float) -> NDArray[np.bool_]:
    """Tell which polygons nobody draws on purpose: too small, or narrower than the tolerance on average."""
    area = shapely.area(pieces)
    return np.asarray((area < _SCRAP_M2) | (2 * area < tolerance * shapely.length(pieces)), dtype=bool)
