"""The parts of a shape: its polygons, the largest of them, what is dust, and what outlives an erosion."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Shapes = NDArray[Any]


def polygons(shapes: Shapes) -> tuple[Shapes, NDArray[np.intp]]:
    """Take shapes apart into single polygons.

    Parameters
    ----------
    shapes
        Geometries of any kind; points, lines, empty and missing ones have no polygon.

    Returns
    -------
    tuple
        The polygons, and for each the position of the shape that it is a part of.
    """
    parts, index = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
    # a collection may hold multipolygons, which come apart only in the second pass
    single, inner = shapely.get_parts(parts, return_index=True)
    keep = (shapely.get_type_id(single) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(single)
    return single[keep], index[inner][keep]


def largest(shapes: Shapes) -> Shapes:
    """Return the largest polygon of each shape.

    Parameters
    ----------
    shapes
        Geometries of any kind.

    Returns
    -------
    numpy.ndarray
        Polygons, one for each shape; an empty polygon where a shape has none. Of equal parts the first wins.
    """
    found, index = polygons(shapes)
    result = np.full(len(shapes), shapely.Polygon(), dtype=object)
    order = np.lexsort((-np.arange(len(found)), shapely.area(found)))
    # the last assignment to a position stands: the largest part
    for position in order:
        result[index[position]] = found[position]
    return result


def without_dust(shapes: Shapes, min_area_m2: float) -> Shapes:
    """Drop the parts of each shape that are smaller than an area.

    Parameters
    ----------
    shapes
        Polygons, multipolygons or collections.
    min_area_m2
        Parts below this area go; a part of exactly this area stays.

    Returns
    -------
    numpy.ndarray
        A polygon where one part is left, a multipolygon where there are more, an empty polygon where none is.
    """
    found, index = polygons(shapes)
    keep = shapely.area(found) >= min_area_m2
    return _gathered(found[keep], index[keep], len(shapes))


def survives(shapes: Shapes, erosion_m: float) -> NDArray[np.bool_]:
    """Tell which shapes are wide enough for a disc: something is left when they are eroded from all sides.

    Parameters
    ----------
    shapes
        Polygons or multipolygons.
    erosion_m
        Radius of the disc, m.

    Returns
    -------
    numpy.ndarray
        True where a disc of this radius, and a little more, fits into the shape.
    """
    shapes = np.asarray(shapes, dtype=object)
    result = np.asarray(clearly_survives(shapes, erosion_m))
    open_question = np.flatnonzero(~result & (shapely.area(shapes) > np.pi * erosion_m**2))
    eroded = shapely.buffer(shapes[open_question], -erosion_m, quad_segs=16)
    result[open_question] = ~shapely.is_empty(eroded)
    return result


def clearly_survives(shapes: Shapes, erosion_m: float) -> NDArray[np.bool_]:
    """Tell by area and perimeter alone which shapes must outlive an erosion.

    Parameters
    ----------
    shapes
        Polygons or multipolygons.
    erosion_m
        Radius r of the disc, m.

    Returns
    -------
    numpy.ndarray
        True where the area exceeds what a shape without such a disc can have; False leaves the question open.

    Notes
    -----
    Every point of a shape without a disc of radius r lies within r of its outline. The inner parallel at distance t
    of a shape of perimeter P with h holes is at most P + 2πth long (Sz.-Nagy 1959), so the area is at most rP + πr²h.
    """
    shapes = np.asarray(shapes, dtype=object)
    bound = erosion_m * shapely.length(shapes) + np.pi * erosion_m**2 * holes(shapes)
    return np.asarray(shapely.area(shapes) > bound)


def holes(shapes: Shapes) -> NDArray[np.intp]:
    """Count the holes of each shape over all its parts.

    Parameters
    ----------
    shapes
        Geometries of any kind.

    Returns
    -------
    numpy.ndarray
        Number of inner rings; 0 for what is no polygon.
    """
    found, index = polygons(shapes)
    counts = np.bincount(index, weights=shapely.get_num_interior_rings(found), minlength=len(shapes))
    return counts.astype(np.intp)


def girth(shapes: Shapes) -> NDArray[np.float64]:
    """Measure boxes: what is thinner than a rounding along all of one is no ground.

    Parameters
    ----------
    shapes
        Shapes that are not empty.

    Returns
    -------
    numpy.ndarray
        Width and height of each shape's box together, m.
    """
    box = shapely.bounds(shapes).reshape(-1, 4)
    return np.asarray(box[:, 2] - box[:, 0] + box[:, 3] - box[:, 1])


def joined(polygons_: Shapes, group: NDArray[np.intp], size: int) -> Shapes:
    """Unite polygons group by group.

    Parameters
    ----------
    polygons_
        Single polygons that may share borders.
    group
        Position in the result of each polygon.
    size
        Number of groups.

    Returns
    -------
    numpy.ndarray
        One polygon or multipolygon a group; an empty polygon for a group without members.
    """
    result = _gathered(polygons_, group, size)
    many = np.flatnonzero(np.bincount(group, minlength=size) > 1)
    result[many] = shapely.union_all(result[many][:, np.newaxis], axis=1)
    return result


def _gathered(found: Shapes, index: NDArray[np.intp], size: int) -> Shapes:
    """Return polygons as one shape a position, without uniting them."""
    result = np.full(size, shapely.Polygon(), dtype=object)
    order = np.argsort(index, kind="stable")
    found, index = found[order], index[order]
    lone = np.bincount(index, minlength=size)[index] == 1
    result[index[lone]] = found[lone]
    if not lone.all():
        positions, compact = np.unique(index[~lone], return_inverse=True)
        result[positions] = shapely.multipolygons(found[~lone], indices=compact)
    return result


def placed(shapes: Shapes) -> NDArray[np.bool_]:
    """Tell which shapes have a place: some coordinates, all of them numbers.

    Parameters
    ----------
    shapes
        Of any kind; some may be missing or empty.

    Returns
    -------
    numpy.ndarray
        One entry a shape.
    """
    xy, row = shapely.get_coordinates(shapes, return_index=True)
    strange = np.bincount(row, ~np.isfinite(xy).all(axis=1), minlength=len(shapes)) > 0
    return np.asarray(~(shapely.is_missing(shapes) | shapely.is_empty(shapes) | strange))
