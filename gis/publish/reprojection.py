"""A layer's shapes in the receiver's CRS: what cannot be delivered is named with its place, what the move spoils mends.

A straight edge between two vertices is another line in another projection, and vertices are rounded anew: a valid
polygon whose edges nearly touch may cross itself after the move. Such crossings are undone where that moves no line
further than the receiver's own rounding of metres.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis import crs
from gis.catalogue import Layer
from gis.geometry import parts
from gis.publish import shapefiles
from gis.publish.receivers import Receiver

_METRES, _DECIMALS = "m", 3
_METRES_A_DEGREE = 111_320.0
_PLACE = re.compile(r"\[(\S+) (\S+)\]")
Point = tuple[float, float]


@dataclass(frozen=True)
class Fault:
    """Say what is wrong with one row's shape, or was before it was mended.

    Parameters
    ----------
    row
        Its position.
    code, severity
        Of the finding.
    reason
        In few words.
    at
        Place in the working CRS, if there is one.
    moved_m
        How far a line was moved (m).
    """

    row: int
    code: str
    severity: str
    reason: str
    at: Point | None = None
    moved_m: float = 0.0


def ready(frame: gpd.GeoDataFrame, layer: Layer, receiver: Receiver) -> tuple[gpd.GeoSeries, list[Fault]]:
    """Return the shapes as the receiver gets them, and what is wrong with them.

    Parameters
    ----------
    frame
        Rows in the working CRS.
    layer
        The layer.
    receiver
        CRS and rounding of the delivery.

    Returns
    -------
    tuple
        Shapes in the delivery's CRS on the frame's index, None where one cannot be delivered; and the faults: code
        delivery.geometry (error) and delivery.mended (warning).

    Raises
    ------
    CrsError
        No CRS, or no way to that of the delivery.
    """
    crs.require(frame, name=layer.name)
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    faults = _unfit(shapes, layer)
    sound = np.ones(len(shapes), dtype=bool)
    sound[[fault.row for fault in faults]] = False
    kept = np.full(len(shapes), None, dtype=object)
    kept[sound] = shapefiles.promoted(shapes[sound], layer.geometry)
    series = gpd.GeoSeries(kept, index=frame.index, crs=frame.crs)
    target = crs.parse(receiver.crs)
    moved = crs.to(gpd.GeoDataFrame(geometry=series), target, name=f"{layer.name} (delivery)").geometry
    step = 10.0 ** -receiver.decimals.get(_METRES, _DECIMALS)
    spoilt = np.flatnonzero(sound & ~shapely.is_valid(moved.to_numpy()))
    places = _places(moved.iloc[spoilt], frame)
    result = np.asarray(moved.to_numpy(), dtype=object).copy()
    for row, place in zip(spoilt.tolist(), places, strict=True):
        mended, distance = _mended(result[row], step, degrees=bool(target.is_geographic))
        result[row] = None if mended is None else shapefiles.promoted(np.array([mended]), layer.geometry)[0]
        code, severity = ("delivery.geometry", "error") if mended is None else ("delivery.mended", "warning")
        faults.append(Fault(row, code, severity, "invalid in the delivery's CRS", place, distance))
    return gpd.GeoSeries(result, index=frame.index, crs=target), sorted(faults, key=lambda fault: fault.row)


def _unfit(shapes: NDArray[np.object_], layer: Layer) -> list[Fault]:
    """Return the shapes that no shapefile of this layer can hold: missing, empty, type, not finite or invalid."""
    missing = shapely.is_missing(shapes)
    tests: list[tuple[str, Any]] = [
        ("invalid", ~shapely.is_valid(shapes)),
        ("not finite", ~np.isfinite(shapely.bounds(shapes)).all(axis=1) if len(shapes) else missing),
        ("type", ~shapefiles.fitting(shapes, layer.geometry)),
        ("empty", shapely.is_empty(shapes)),
        ("missing", missing),
    ]
    # later tests are the plainer reason and win
    reasons = {int(row): reason for reason, bad in tests for row in np.flatnonzero(bad)}
    found = []
    for row, reason in reasons.items():
        said = str(shapely.is_valid_reason(shapes[row])) if reason == "invalid" else ""
        at = _point(shapes[row]) if reason == "type" else _said_place(said)
        found.append(Fault(row, "delivery.geometry", "error", reason, at))
    return found


def _mended(shape: Any, step: float, *, degrees: bool) -> tuple[Any, float]:
    """Return a polygon made valid, and how far its lines moved (m); None where they would move more than the step."""
    unit = _METRES_A_DEGREE if degrees else 1.0
    if shapely.get_dimensions(shape) != 2:
        return None, float("nan")
    single, _ = parts.polygons(np.array([shapely.make_valid(shape, method="structure", keep_collapsed=False)]))
    made: Any = shapely.multipolygons(single)
    if made.is_empty or not made.is_valid:
        return None, float("nan")
    distance = float(shapely.hausdorff_distance(shapely.boundary(shape), shapely.boundary(made))) * unit
    # lines that stay where they are may still enclose other ground
    gained = abs(made.area - shape.area) * unit * unit
    return (made if distance <= step and gained <= step * shape.length * unit else None), distance


def _places(moved: gpd.GeoSeries, frame: gpd.GeoDataFrame) -> list[Point | None]:
    """Return where each shape crosses itself, in the CRS of the frame."""
    points = [_said_place(str(shapely.is_valid_reason(shape))) for shape in moved]
    known = [shapely.Point(*(point or (np.nan, np.nan))) for point in points]
    back = crs.to(gpd.GeoDataFrame(geometry=gpd.GeoSeries(known, crs=moved.crs)), frame.crs, name="places").geometry
    return [None if point is None else _point(place) for point, place in zip(points, back, strict=True)]


def _said_place(reason: str) -> Point | None:
    """Return the place that GEOS names."""
    found = _PLACE.search(reason)
    return (float(found[1]), float(found[2])) if found else None


def _point(shape: Any) -> Point | None:
    """Return a point of a shape."""
    if shape is None or shape.is_empty:
        return None
    point = shape if shape.geom_type == "Point" else shapely.point_on_surface(shape)
    return float(point.x), float(point.y)
