"""How withheld ground closes: a parcel that may not be shown leaves no hole in the parcels around it.

A blank, a grey patch or a missing number would say "here is something secret" (practice.md, "What must not leave by
accident"). Here the ground of what is withheld goes to the neighbour with the longest shared border, whose attributes
stay as they are, and the corners that only the withheld shape had are cut off, so that its outline is not in the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Shapes = NDArray[np.object_]
# a corner that nobody else has is cut back by at most this much (m), as street corners are
CORNER_M = 3.0
# a vertex that two published shapes share is forgotten only where the outline is straight to this much (m)
STRAIGHT_M = 0.05


def absorb(shown: Shapes, withheld: Shapes, *, others: Shapes | None = None, tolerance: float = 0.5) -> Shapes:
    """Give the ground of withheld polygons to their published neighbours.

    Parameters
    ----------
    shown
        Published polygons of a layer without overlaps.
    withheld
        Polygons of the same layer that are not shown.
    others
        Further published shapes, whose vertices are public anyway (street blocks and the like).
    tolerance
        Width in m below which two borders count as shared; gaps up to it between heir and ground are closed.

    Returns
    -------
    numpy.ndarray
        The published polygons in their order; heirs enlarged, all others untouched.

    Notes
    -----
    Withheld neighbours are joined first. The heir is the shape with the longest border within `tolerance`; ground that
    touches nobody (a compound that fills its street block) goes to the nearest shape as a further part. Ties go to the
    first in order.
    """
    result = np.array(shown, dtype=object)
    # not-a-number corners and empty shapes have no ground
    lost = [shape for shape in withheld if shape is not None and not shape.is_empty]
    if not len(result) or not lost:
        return result
    public = _vertices(result) | (_vertices(others) if others is not None else set())
    grounds = shapely.get_parts(_closed(shapely.union_all(shapely.make_valid(np.array(lost))), tolerance))
    for ground in sorted(grounds, key=lambda part: (-part.area, part.bounds)):
        heir = _heir(result, ground, tolerance)
        result[heir] = _joined(result[heir], ground, tolerance, public)
    return result


def on(shapes: Shapes, ground: Any, *, share: float = 0.5) -> NDArray[np.bool_]:
    """Tell which shapes lie on a ground: points within it, lines and areas with at least a share of their size.

    Parameters
    ----------
    shapes
        Points, lines or polygons.
    ground
        A polygon or multipolygon.
    share
        The share from which a line or an area counts as lying on it.

    Returns
    -------
    numpy.ndarray
        One truth value a shape; False for missing shapes.
    """
    shapely.prepare(ground)
    near = shapely.intersects(ground, shapes)
    result = np.zeros(len(shapes), dtype=bool)
    for row in np.flatnonzero(near):
        shape = shapely.make_valid(shapes[row])
        piece = shapely.intersection(shape, ground)
        size, whole = (piece.area, shape.area) if shape.area else (piece.length, shape.length)
        result[row] = whole == 0 or size >= share * whole
    return result


def _closed(shape: Any, width: float) -> Any:
    """Close gaps narrower than twice the width, keeping straight edges and corners."""
    grown = shapely.buffer(shape, width, join_style="mitre", quad_segs=1)
    return shapely.buffer(grown, -width, join_style="mitre", quad_segs=1)


def _heir(shown: Shapes, ground: Any, tolerance: float) -> int:
    """Return the position of the shape with the longest border along the ground, else of the nearest one."""
    tree = shapely.STRtree(shown)
    near = np.sort(tree.query(ground, predicate="dwithin", distance=tolerance))
    if not len(near):
        return int(tree.query_nearest(ground, all_matches=False)[0])
    strip = shapely.buffer(ground, tolerance)
    shared = shapely.length(shapely.intersection(shapely.boundary(shown[near]), strip))
    return int(near[np.argmax(np.round(shared, 3))])


def _joined(heir: Any, ground: Any, tolerance: float, public: set[tuple[int, int]]) -> Any:
    """Return heir and ground as one shape without the vertices that tell where the ground was."""
    union = shapely.union_all([shapely.make_valid(heir), ground])
    if shapely.get_num_geometries(union) > shapely.get_num_geometries(heir):
        # a hairline between two digitised borders would draw the outline of what is withheld
        union = _closed(union, tolerance)
    private = _vertices(np.array([ground], dtype=object))
    parts = [part for part in shapely.get_parts(union) if part.geom_type == "Polygon"]
    polygons = [
        shapely.Polygon(
            _forgotten(part.exterior, private, public), [_forgotten(ring, private, public) for ring in part.interiors]
        )
        for part in parts
    ]
    return shapely.make_valid(polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons))


def _forgotten(ring: Any, private: set[tuple[int, int]], public: set[tuple[int, int]]) -> list[NDArray[np.float64]]:
    """Return a ring without the vertices of the withheld shape: straight ones left out, its own corners cut."""
    points = shapely.get_coordinates(ring)[:-1]
    keys = _keys(points)
    kept = [
        index
        for index, key in enumerate(keys)
        if key not in private or key not in public or not _straight(points, index)
    ]
    corners: list[NDArray[np.float64]] = []
    for place, index in enumerate(kept):
        point = points[index]
        if keys[index] not in private or keys[index] in public:
            corners.append(point)
            continue
        for neighbour in (points[kept[place - 1]], points[kept[(place + 1) % len(kept)]]):
            reach = float(np.hypot(*(neighbour - point)))
            corners.append(point + (neighbour - point) * min(CORNER_M / reach, 1 / 3))
    return corners


def _straight(points: NDArray[np.float64], index: int) -> bool:
    """Tell whether the outline runs straight through a vertex."""
    before, here, after = points[index - 1], points[index], points[(index + 1) % len(points)]
    (ax, ay), (bx, by) = here - before, after - before
    length = float(np.hypot(bx, by))
    return length > 0 and abs(ax * by - ay * bx) / length < STRAIGHT_M


def _vertices(shapes: Shapes) -> set[tuple[int, int]]:
    """Return the vertices of shapes, to the millimetre."""
    return set(_keys(shapely.get_coordinates(shapes)))


def _keys(points: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return coordinates as whole millimetres, which compare exactly."""
    return [(int(x), int(y)) for x, y in np.rint(points * 1000)]
