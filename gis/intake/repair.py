"""Repairs of geometry: named, minimal, the same when done twice, and each on the list with what it gained and lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import findings, rows
from gis.catalogue import Layer
from gis.intake import values

Shapes = NDArray[np.object_]
Mask = NDArray[np.bool_]

# a registered or approved line is never edited; a fault in it is reported (practice.md, "Authority of a line")
_LOCKED = "registered"


@dataclass(frozen=True)
class Repaired:
    """Hold the rows after repair and a finding for each repair.

    Parameters
    ----------
    frame
        Same rows, same order; only geometry differs.
    findings
        repair.vertices and repair.orientation (info, one a layer with the number of rows), repair.structure (warning,
        one a row, with the areas before and after) and repair.locked (warning, one a row left as it was).
    """

    frame: pd.DataFrame
    findings: pd.DataFrame


def repair(frame: pd.DataFrame, layer: Layer) -> Repaired:
    """Repair what can be repaired without a decision.

    Parameters
    ----------
    frame
        Rows in canonical shape.
    layer
        The layer; rows whose field `authority` says registered keep their geometry to the last bit.

    Returns
    -------
    Repaired

    Notes
    -----
    In this order: vertices that repeat the one before are dropped (the shape stays); a polygon that crosses itself is
    rebuilt as the ground that its outer rings enclose less that of its inner rings (GEOS, make valid by structure);
    rings are turned, outer ones against the clock. What collapses to a line or a point is left, for the row check to
    refuse.
    """
    if not layer.spatial or not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        return Repaired(frame, findings.table())
    before = np.asarray(frame.geometry.to_numpy(), dtype=object)
    locked = _locked(frame, layer)
    usable = ~shapely.is_missing(before) & ~shapely.is_empty(before) & _finite(before)
    free = usable & ~locked
    shapes, notes = _without_repeats(before, free, layer)
    shapes, rebuilt = _rebuilt(shapes, free, layer, frame)
    shapes, turned = _oriented(shapes, free, layer)
    left = usable & locked & ~shapely.is_valid(before)
    notes += rebuilt + turned + [_left(frame, layer, int(row)) for row in np.flatnonzero(left)]
    geometry = gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)
    return Repaired(frame.set_geometry(geometry.rename(frame.geometry.name)), findings.table(notes))


def _locked(frame: gpd.GeoDataFrame, layer: Layer) -> Mask:
    """Tell which rows may not be edited."""
    if "authority" not in layer.columns or "authority" not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return (frame["authority"] == _LOCKED).fillna(value=False).to_numpy(dtype=bool)


def _finite(shapes: Shapes) -> Mask:
    """Tell which shapes have a finite box."""
    return np.asarray(np.isfinite(shapely.bounds(shapes)).all(axis=1), dtype=bool)


def _without_repeats(shapes: Shapes, free: Mask, layer: Layer) -> tuple[Shapes, list[dict[str, Any]]]:
    """Drop vertices that repeat the one before."""
    result, dropped, count = shapes.copy(), 0, 0
    for row in np.flatnonzero(free & _repeats(shapes)):
        try:
            shape = shapely.remove_repeated_points(shapes[row])
        except shapely.errors.GEOSException:
            # a ring that is but a point stays as it came, for the row check to refuse
            continue
        fewer = int(shapely.get_num_coordinates(shapes[row]) - shapely.get_num_coordinates(shape))
        if fewer and not shape.is_empty:
            result[row] = shape
            dropped, count = dropped + fewer, count + 1
    if not count:
        return result, []
    return result, [findings.finding("repair.vertices", layer.name, severity="info", count=count, dropped=dropped)]


def _repeats(shapes: Shapes) -> Mask:
    """Tell which shapes have two equal vertices in a row, or parts that touch end to end."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    same = (points[1:] == points[:-1]).all(axis=1) & (owner[1:] == owner[:-1])
    result = np.zeros(len(shapes), dtype=bool)
    result[owner[1:][same]] = True
    return result


def _rebuilt(shapes: Shapes, free: Mask, layer: Layer, frame: gpd.GeoDataFrame) -> tuple[Shapes, list[dict[str, Any]]]:
    """Rebuild polygons that cross or touch themselves."""
    polygonal = np.isin(shapely.get_type_id(shapes), [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON])
    broken = np.flatnonzero(free & polygonal & ~shapely.is_valid(shapes))
    result, notes = shapes.copy(), []
    made = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    for row, shape in zip(broken, rows.promoted(made, layer), strict=True):
        if shape.is_empty or shape.geom_type != layer.geometry:
            continue
        # crossing parts of one ring count against each other in its drawn area
        drawn, area = float(shapely.area(shapes[row])), float(shape.area)
        result[row] = shape
        notes.append(
            findings.finding(
                "repair.structure",
                layer.name,
                _key(frame, layer, int(row)),
                severity="warning",
                at=shape,
                number=int(row) + 1,
                reason=str(shapely.is_valid_reason(shapes[row])).partition("[")[0].strip(),
                before_m2=drawn,
                after_m2=area,
                gained_m2=max(area - drawn, 0.0),
                lost_m2=max(drawn - area, 0.0),
            )
        )
    return result, notes


def _oriented(shapes: Shapes, free: Mask, layer: Layer) -> tuple[Shapes, list[dict[str, Any]]]:
    """Turn rings: outer ones against the clock, inner ones with it."""
    polygonal = np.flatnonzero(free & (shapely.get_dimensions(shapes) == 2) & shapely.is_valid(shapes))
    result = shapes.copy()
    result[polygonal] = shapely.orient_polygons(shapes[polygonal])
    turned = int((~shapely.equals_identical(result[polygonal], shapes[polygonal])).sum())
    if not turned:
        return result, []
    return result, [findings.finding("repair.orientation", layer.name, severity="info", count=turned)]


def _left(frame: gpd.GeoDataFrame, layer: Layer, row: int) -> dict[str, Any]:
    """Return the finding about a broken geometry that may not be edited."""
    return findings.finding("repair.locked", layer.name, _key(frame, layer, row), severity="warning", number=row + 1)


def _key(frame: gpd.GeoDataFrame, layer: Layer, row: int) -> str | None:
    """Return a row's key, None where it has none."""
    value = frame[layer.key].iloc[row] if layer.key in frame.columns else None
    return None if values.missing(value) else str(value)
