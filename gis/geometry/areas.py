"""How much ground pairs of shapes share, pair by pair."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import compiled
from gis.geometry import measures, outlines, parts, snapped, tuples
from gis.geometry.outlines import Outlines
from gis.geometry.parts import Shapes
from gis.geometry.room import THIN

Pairs = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]

# the matrix of shapes with a point inside both
_INSIDE_BOTH = "T********"


def pair_areas(
    left: Shapes | Outlines,
    right: Shapes | Outlines | None = None,
    *,
    owner: int | None = None,
    workers: int | None = None,
) -> Pairs:
    """Measure the common ground of every pair of shapes that shares some.

    Parameters
    ----------
    left, right
        Valid polygons or multipolygons in metres. Without `right`, the pairs i < j within `left`.
    owner
        0 or 1: whose shapes the pairs of two layers are measured from, so that a pair's last digits do not depend on
        how many shapes there are; None takes the more numerous ones, which is fastest.
    workers
        Number of threads, None for all processors; the result does not depend on it.

    Returns
    -------
    tuple
        Positions i in `left`, positions j in `right`, and the shared area in m² (> 0), sorted by i, then j.

    Notes
    -----
    Touching pairs share no area and are left out, and so is ground less than a nanometre wide on the whole. The pairs
    are swept (`gis.geometry.tuples`); while the kernels are not compiled, GEOS measures small inputs: a shape that lies
    in the other by its own area, pairs whose outlines cross by intersection (`gis.geometry.snapped`).
    """
    other = left if right is None else right
    if right is None:
        owner = 0
    elif owner is None:
        owner = 0 if len(left) > len(right) else 1
    if not compiled.ready(_points(left) + (0 if right is None else _points(other))):
        found = _pair_areas_by_geos(left, right)
        if found is not None:
            return found
    one = outlines.of(left)
    return _swept(one, one if right is None else outlines.of(right), owner, within=right is None, workers=workers)


def _swept(one: Outlines, other: Outlines, owner: int, *, within: bool = False, workers: int | None = 1) -> Pairs:
    """Measure pairs by the kernels."""
    members, area = tuples.areas([one, other], owner, within=within, workers=workers)
    return members[:, 0].astype(np.intp), members[:, 1].astype(np.intp), area


def _points(shapes: Shapes | Outlines) -> int:
    """Return the number of coordinates."""
    if isinstance(shapes, Outlines):
        return len(shapes.x)
    return int(shapely.get_num_coordinates(np.asarray(shapes, dtype=object)).sum())


def _pair_areas_by_geos(left: Shapes | Outlines, right: Shapes | Outlines | None) -> Pairs | None:
    """Measure pairs by containment where that decides, else by intersection; None where GEOS lacks digits for it."""
    one = outlines.shapes(left) if isinstance(left, Outlines) else left
    other = outlines.shapes(right) if isinstance(right, Outlines) else right
    if not snapped.roomy(one, one if other is None else other):
        return None
    corner = -snapped.origin(one, one if other is None else other)
    a = snapped.moved(one, corner)
    b = a if other is None else snapped.moved(other, corner)
    i, j = _candidates(a, b, within=other is None)
    area = _shared(a[i], b[j])
    keep = area > THIN * np.minimum(parts.girth(a)[i], parts.girth(b)[j])
    return i[keep], j[keep], area[keep]


def _candidates(a: Shapes, b: Shapes, *, within: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs whose shapes have a point in common, in one layer a point inside both, sorted."""
    if within:
        # neighbours that only touch are most of all pairs, and are soonest told from their matrix
        j, i = shapely.STRtree(a).query(b)
        i, j = i[i < j], j[i < j]
        inside = shapely.relate_pattern(a[i], a[j], _INSIDE_BOTH)
        i, j = i[inside], j[inside]
    else:
        j, i = shapely.STRtree(a).query(b, predicate="intersects")
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
    area[b_inside] = measures.area(b[b_inside])
    area[a_inside] = measures.area(a[a_inside])
    crossing = np.flatnonzero(~(a_inside | b_inside))
    common, sound = snapped.parted(a[crossing], b[crossing])
    area[crossing] = measures.area(common)
    # GEOS finds where all but parallel lines cross beside them now and then: then the kernels are asked
    for n in crossing[~sound]:
        area[n] = _swept(outlines.of(a[n : n + 1]), outlines.of(b[n : n + 1]), 0)[2].sum()
    return area
