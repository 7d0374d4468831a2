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
from gis.geometry import parts, snapped
from gis.intake import values

Shapes = NDArray[np.object_]
Mask = NDArray[np.bool_]

# a registered or approved line is never edited; a fault in it is reported (practice.md, "Authority of a line")
_LOCKED = "registered"
_COLUMNS = (
    dict.fromkeys(("code", "layer", "feature"), "str")
    | dict.fromkeys(("row", "before_vertices", "after_vertices"), "int64")
    | dict.fromkeys(("before_m2", "after_m2", "gained_m2", "lost_m2", "x", "y"), "float64")
)


@dataclass(frozen=True)
class Repaired:
    """Hold the rows after repair and a finding for each repair.

    Parameters
    ----------
    frame
        Same rows, same order; only geometry differs.
    repairs
        One row a repair, in the order done: code, layer, feature, row (from 1), vertices and area before and after
        (before_vertices, after_vertices, before_m2, after_m2), ground gained and lost (gained_m2, lost_m2; their
        difference is after_m2 - before_m2), x, y (a point of the repaired shape, m).
    findings
        repair.vertices and repair.orientation (info, one a layer with the number of rows), repair.structure (warning,
        one a row, with the areas before and after) and repair.locked (warning, one a row left as it was).
    """

    frame: pd.DataFrame
    repairs: pd.DataFrame
    findings: pd.DataFrame


def repair(frame: pd.DataFrame, layer: Layer, *, kept: Mask | None = None) -> Repaired:
    """Repair what can be repaired without a decision.

    Parameters
    ----------
    frame
        Rows in canonical shape.
    layer
        The layer; rows whose field `authority` says registered keep their geometry to the last bit.
    kept
        Which rows a store has already with this very geometry: nothing is done to them.

    Returns
    -------
    Repaired

    Notes
    -----
    In this order: vertices that repeat the one before are dropped (the shape stays); a polygon that crosses itself is
    rebuilt as the ground that its outer rings enclose less that of its inner rings (GEOS, make valid by structure; an
    inner ring that lies outside altogether counts as a part of its own); rings are turned, outer ones against the
    clock. What collapses to a line or a point is left, for the row check to refuse. The area of a shape that crosses
    itself is its drawn area, in which ground that an outline goes around twice counts twice and ground that it goes
    around the wrong way is taken off.
    """
    if not layer.spatial or not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        return Repaired(frame, _listed([]), findings.table())
    before = np.asarray(frame.geometry.to_numpy(), dtype=object)
    locked = _locked(frame, layer)
    usable = ~shapely.is_missing(before) & ~shapely.is_empty(before) & _finite(before)
    free = usable & ~locked if kept is None else usable & ~locked & ~kept
    shapes, done = before, []
    # a corner that a damaged file has thrown off the map may be further than numbers go
    with np.errstate(invalid="ignore", over="ignore"):
        for code, step in _STEPS.items():
            made = step(shapes, free, layer)
            touched = np.flatnonzero(~shapely.equals_identical(made, shapes) & free)
            done.append(_records(code, layer, frame, touched, (shapes[touched], made[touched])))
            shapes = made
    repairs = _listed(done)
    left = usable & locked & ~shapely.is_valid(before)
    notes = _said(repairs, layer, before)
    notes += [_left(frame, layer, int(row)) for row in np.flatnonzero(left)]
    geometry = gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)
    return Repaired(frame.set_geometry(geometry.rename(frame.geometry.name)), repairs, findings.table(notes))


def _records(
    code: str, layer: Layer, frame: gpd.GeoDataFrame, touched: NDArray[np.intp], shapes: tuple[Shapes, Shapes]
) -> pd.DataFrame:
    """Return the repairs of one kind as rows: what was there, what is there now, what was gained and lost."""
    before, after = shapes
    moves = code == "repair.structure"
    exchanged = [_exchanged(*pair) if moves else (0.0, 0.0) for pair in zip(before, after, strict=True)]
    gained, lost = np.array(exchanged, dtype=float).reshape(-1, 2).T
    places = shapely.point_on_surface(after)
    return pd.DataFrame(
        {
            "code": code,
            "layer": layer.name,
            "feature": [_key(frame, layer, int(row)) for row in touched],
            "row": touched + 1,
            "before_vertices": shapely.get_num_coordinates(before),
            "after_vertices": shapely.get_num_coordinates(after),
            "before_m2": shapely.area(before),
            "after_m2": shapely.area(after),
            "gained_m2": gained,
            "lost_m2": lost,
            "x": shapely.get_x(places),
            "y": shapely.get_y(places),
        }
    )


def _listed(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return repairs as one table with fixed columns and types, also when there is none."""
    some = [table for table in tables if len(table)]
    joined = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=list(_COLUMNS))
    return joined.astype(_COLUMNS)


def _exchanged(before: shapely.Geometry, after: shapely.Geometry) -> tuple[float, float]:
    """Return the ground gained and lost by a repair, m²; not known (NaN) where GEOS cannot part the drawing."""
    try:
        return _by_faces(before, after)
    except shapely.errors.GEOSException:
        return float("nan"), float("nan")


def _by_faces(before: shapely.Geometry, after: shapely.Geometry) -> tuple[float, float]:
    """Return the ground gained and lost, m²: face by face, how often it counted against whether it does."""
    shapes = snapped.moved(np.array([before, after], dtype=object), -snapped.origin(np.array([before], dtype=object)))
    pieces, _ = parts.polygons(shapes[:1])
    rings, piece = shapely.get_rings(pieces, return_index=True)
    inner = np.append(False, piece[1:] == piece[:-1])
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    lines = shapely.union_all(shapely.linestrings(points, indices=ring_of))
    faces = shapely.get_parts(shapely.polygonize([lines]))
    inside = shapely.point_on_surface(faces)
    counted = np.zeros(len(faces))
    for ring, hole in zip(rings, inner, strict=True):
        signed, turns = _turns(shapely.get_coordinates(ring), shapely.get_coordinates(inside))
        counted += turns * (-1 if hole else 1) * (-1 if signed < 0 else 1)
    change = shapely.contains(shapes[1], inside) - counted
    area = shapely.area(faces)
    return float((area * np.maximum(change, 0)).sum()), float((area * np.maximum(-change, 0)).sum())


def _turns(ring: NDArray[np.float64], points: NDArray[np.float64]) -> tuple[float, NDArray[np.intp]]:
    """Return the signed area of a ring, and how often it goes around each point against the clock."""
    begin, end = ring[:-1], ring[1:]
    turns = np.zeros(len(points), dtype=np.intp)
    for place, (x, y) in enumerate(points):
        side = (end[:, 0] - begin[:, 0]) * (y - begin[:, 1]) - (x - begin[:, 0]) * (end[:, 1] - begin[:, 1])
        up = (begin[:, 1] <= y) & (end[:, 1] > y) & (side > 0)
        down = (begin[:, 1] > y) & (end[:, 1] <= y) & (side < 0)
        turns[place] = up.sum() - down.sum()
    return float((begin[:, 0] * end[:, 1] - end[:, 0] * begin[:, 1]).sum()) / 2, turns


def _locked(frame: gpd.GeoDataFrame, layer: Layer) -> Mask:
    """Tell which rows may not be edited."""
    if "authority" not in layer.columns or "authority" not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return (frame["authority"] == _LOCKED).fillna(value=False).to_numpy(dtype=bool)


def _finite(shapes: Shapes) -> Mask:
    """Tell which shapes have only finite coordinates."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    result = np.ones(len(shapes), dtype=bool)
    result[owner[~np.isfinite(points).all(axis=1)]] = False
    return result


def _without_repeats(shapes: Shapes, free: Mask, layer: Layer) -> Shapes:
    """Drop vertices that repeat the one before."""
    result = shapes.copy()
    for row in np.flatnonzero(free & _repeats(shapes)):
        try:
            shape = shapely.remove_repeated_points(shapes[row])
        except shapely.errors.GEOSException:
            # a ring that is but a point stays as it came, for the row check to refuse
            continue
        # parts that touch end to end repeat nothing
        fewer = shapely.get_num_coordinates(shape) < shapely.get_num_coordinates(shapes[row])
        result[row] = shape if fewer and not shape.is_empty else shapes[row]
    return result


def _repeats(shapes: Shapes) -> Mask:
    """Tell which shapes have two equal vertices in a row, or parts that touch end to end."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    same = (points[1:] == points[:-1]).all(axis=1) & (owner[1:] == owner[:-1])
    result = np.zeros(len(shapes), dtype=bool)
    result[owner[1:][same]] = True
    return result


def _rebuilt(shapes: Shapes, free: Mask, layer: Layer) -> Shapes:
    """Rebuild polygons that cross or touch themselves."""
    polygonal = np.isin(shapely.get_type_id(shapes), [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON])
    broken = np.flatnonzero(free & polygonal & ~shapely.is_valid(shapes))
    result = shapes.copy()
    made = rows.promoted(np.array([_made_valid(shape) for shape in shapes[broken]], dtype=object), layer)
    fits = np.array([not shape.is_empty and shape.geom_type == layer.geometry for shape in made], dtype=bool)
    result[broken[fits]] = made[fits]
    return result


def _made_valid(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a shape made valid; one that GEOS cannot mend stays as it came, for the row check to refuse."""
    try:
        return shapely.make_valid(shape, method="structure", keep_collapsed=False)
    except shapely.errors.GEOSException:
        return shape


def _oriented(shapes: Shapes, free: Mask, layer: Layer) -> Shapes:
    """Turn rings: outer ones against the clock, inner ones with it."""
    polygonal = np.flatnonzero(free & (shapely.get_dimensions(shapes) == 2) & shapely.is_valid(shapes))
    result = shapes.copy()
    result[polygonal] = shapely.orient_polygons(shapes[polygonal])
    return result


_STEPS = {"repair.vertices": _without_repeats, "repair.structure": _rebuilt, "repair.orientation": _oriented}


def _said(repairs: pd.DataFrame, layer: Layer, before: Shapes) -> list[dict[str, Any]]:
    """Return the findings about repairs: one a shape rebuilt, one a layer for what keeps the ground."""
    notes = []
    dropped = repairs.loc[repairs["code"] == "repair.vertices"]
    if len(dropped):
        fewer = int((dropped["before_vertices"] - dropped["after_vertices"]).sum())
        notes.append(
            findings.finding("repair.vertices", layer.name, severity="info", count=len(dropped), dropped=fewer)
        )
    for one in repairs.loc[repairs["code"] == "repair.structure"].to_dict("records"):
        notes.append(
            findings.finding(
                "repair.structure",
                layer.name,
                None if values.missing(one["feature"]) else str(one["feature"]),
                severity="warning",
                at=(one["x"], one["y"]),
                number=one["row"],
                reason=str(shapely.is_valid_reason(before[one["row"] - 1])).partition("[")[0].strip(),
                before_m2=_known(one["before_m2"]),
                after_m2=_known(one["after_m2"]),
                gained_m2=_known(one["gained_m2"]),
                lost_m2=_known(one["lost_m2"]),
            )
        )
    turned = int((repairs["code"] == "repair.orientation").sum())
    if turned:
        notes.append(findings.finding("repair.orientation", layer.name, severity="info", count=turned))
    return notes


def _known(area: float) -> float | None:
    """Return an area, None where it is not known: what is no number has no place in a finding."""
    return area if np.isfinite(area) else None


def _left(frame: gpd.GeoDataFrame, layer: Layer, row: int) -> dict[str, Any]:
    """Return the finding about a broken geometry that may not be edited."""
    return findings.finding("repair.locked", layer.name, _key(frame, layer, row), severity="warning", number=row + 1)


def _key(frame: gpd.GeoDataFrame, layer: Layer, row: int) -> str | None:
    """Return a row's key, None where it has none."""
    value = frame[layer.key].iloc[row] if layer.key in frame.columns else None
    return None if values.missing(value) else str(value)
