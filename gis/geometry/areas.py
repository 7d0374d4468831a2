"""How much ground pairs of shapes share: boxes first, then containment, and intersection only where outlines cross."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry.parts import Shapes

Pairs = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


def origin(*arrays: Shapes) -> NDArray[np.float64]:
    """Return the south-west corner of all shapes in whole metres.

    Parameters
    ----------
    *arrays
        Shapes; may be empty.

    Returns
    -------
    numpy.ndarray
        x and y, m; zeros where nothing has a place.

    Notes
    -----
    A northing near 4.4 million leaves 9 decimals; taking off whole metres is exact and gives the lost digits back to
    the points that are computed where lines cross.
    """
    boxes = np.concatenate([shapely.bounds(np.asarray(shapes, dtype=object)).reshape(-1, 4) for shapes in arrays])
    corners = boxes[np.isfinite(boxes).all(axis=1), :2]
    return np.floor(corners.min(axis=0)) if len(corners) else np.zeros(2)


def moved(shapes: Shapes, offset: NDArray[np.float64]) -> Shapes:
    """Return flat copies of shapes, shifted.

    Parameters
    ----------
    shapes
        Geometries; Z and M values are dropped.
    offset
        x and y to add, m.

    Returns
    -------
    numpy.ndarray
        New shapes; the ones given are not touched.
    """
    flat = shapely.force_2d(np.asarray(shapes, dtype=object))
    return np.asarray(shapely.transform(flat, lambda coordinates: coordinates + offset), dtype=object)


def pair_areas(left: Shapes, right: Shapes | None = None) -> Pairs:
    """Measure the common ground of every pair of shapes that shares some.

    Parameters
    ----------
    left, right
        Valid polygons or multipolygons in metres. Without `right`, the pairs i < j within `left`.

    Returns
    -------
    tuple
        Positions i in `left`, positions j in `right`, and the shared area in m² (> 0), sorted by i, then j.

    Notes
    -----
    Touching pairs share no area and are left out. A shape that lies in the other is measured by its own area;
    only pairs whose outlines cross are intersected.
    """
    corner = -origin(left, left if right is None else right)
    a = moved(left, corner)
    b = a if right is None else moved(right, corner)
    i, j = _candidates(a, b, within=right is None)
    area = _shared(a[i], b[j])
    keep = area > 0
    return i[keep], j[keep], area[keep]


def _candidates(a: Shapes, b: Shapes, *, within: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs whose shapes have a point in common, sorted."""
    j, i = shapely.STRtree(a).query(b, predicate="intersects")
    if within:
        i, j = i[i < j], j[i < j]
    order = np.lexsort((j, i))
    return i[order], j[order]


def _shared(a: Shapes, b: Shapes) -> NDArray[np.float64]:
    """Return the area of each a with its b, by containment where that decides."""
    shapely.prepare(a)
    shapely.prepare(b)
    area = np.zeros(len(a))
    b_inside = shapely.covers(a, b)
    a_inside = ~b_inside
    a_inside[a_inside] = shapely.covers(b[a_inside], a[a_inside])
    area[b_inside] = shapely.area(b[b_inside])
    area[a_inside] = shapely.area(a[a_inside])
    crossing = ~(a_inside | b_inside)
    area[crossing] = shapely.area(shapely.intersection(a[crossing], b[crossing]))
    return area
