"""How withheld ground closes: a parcel that may not be shown leaves no hole in the parcels around it.

A blank, a grey patch or a missing number would say "here is something secret" (practice.md, "What must not leave by
accident"). Here the ground of what is withheld is parted among the shapes around it, along lines equally far from them:
its own borders are nobody's borders any more. The shapes of its neighbours and their parts of its ground are one tiling
of the same ground as before, by construction: the ground is cut once, into faces, and each face has one heir.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry import parts, snapped

Shapes = NDArray[np.object_]
# how far apart the points are (m) from which lines equally far are drawn, and how many there are of one border at most
_APART, _MOST = 2.0, 400
# a corner that nobody else has is cut back by at most this much (m)
_CORNER = 3.0
# a vertex of what is withheld is forgotten where the outline of what is shown is straight to this much (m)
_STRAIGHT = 1e-3
# borders nearer than this (m) are one
_SAME = 1e-6
# vertices nearer to a border than this (m) are on it
_NEAR = 1e-8


def absorb(shown: Shapes, withheld: Shapes, *, tolerance: float = 0.5) -> Shapes:
    """Part the ground of withheld polygons among their published neighbours.

    Parameters
    ----------
    shown
        Published polygons of a layer without overlaps.
    withheld
        Polygons of the same layer that are not shown.
    tolerance
        Width in m below which two borders count as shared; gaps up to it between heir and ground are closed.

    Returns
    -------
    numpy.ndarray
        The published polygons in their order; heirs enlarged, all others untouched. What they cover together is what
        was covered before, but for seams that are straight to a millimetre and corners of what touches nobody.

    Notes
    -----
    Withheld neighbours are joined first. Heirs are the shapes with a border along the ground; ground that touches
    nobody (a compound that fills its street block) is parted among the shapes around, as further parts of them.
    """
    result = np.array(shown, dtype=object)
    # not-a-number corners and empty shapes have no ground
    lost = np.array([shape for shape in withheld if _drawn(shape)], dtype=object)
    lost = parts.without_dust(shapely.make_valid(lost), 0.0)
    there = np.flatnonzero([_drawn(shape) for shape in result])
    if not len(there) or not len(lost):
        return result
    sound = result.copy()
    sound[there] = parts.without_dust(shapely.make_valid(result[there]), 0)
    tree = shapely.STRtree(sound)
    taken: dict[int, list[Any]] = {}
    grounds = shapely.get_parts(snapped.union(lost))
    for n, ground in enumerate(grounds):
        grounds[n] = _without_hairlines(ground, sound, tree, np.delete(grounds, n), tolerance)
        for heir, piece in _parted(grounds[n], sound, tree, tolerance):
            taken.setdefault(heir, []).append(piece)
    for heir, pieces in taken.items():
        result[heir] = _joined(sound[heir], np.array(pieces, dtype=object))
    seams = np.asarray(shapely.points(np.unique(shapely.get_coordinates(lost), axis=0)))
    seam, holder = tree.query(seams, predicate="dwithin", distance=_SAME)
    # what an untouched shape has too stays, else they would not fit any more
    free = np.setdiff1d(seam, seam[~np.isin(holder, list(taken))])
    _forget(result, sorted(taken), _vertices(seams[free]))
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


def _drawn(shape: Any) -> bool:
    """Tell whether a shape has ground whose corners are numbers."""
    return shape is not None and not shape.is_empty and bool(np.isfinite(shapely.get_coordinates(shape)).all())


def _parted(ground: Any, shown: Shapes, tree: shapely.STRtree, tolerance: float) -> list[tuple[int, Any]]:
    """Part a piece of ground among those around it; return the heirs and their pieces."""
    around = np.sort(tree.query(ground, predicate="dwithin", distance=tolerance))
    owner, point = _along(ground, shown, around, tolerance)
    if not len(owner):
        around, ground = _facing(ground, shown, tree), _cut(ground)
        owner, point = _along(ground, shown, around, np.inf)
    heirs = np.unique(owner)
    if len(heirs) == 1:
        return [(int(heirs[0]), ground)]
    faces = _faces(ground, owner, point)
    # a face is its owner's whose point is nearest; ties go to the first
    places = shapely.STRtree(np.asarray(shapely.points(point)))
    _, nearest = places.query_nearest(shapely.point_on_surface(faces), all_matches=False)
    return list(zip(owner[nearest].tolist(), faces, strict=True))


def _without_hairlines(ground: Any, shown: Shapes, tree: shapely.STRtree, others: Shapes, tolerance: float) -> Any:
    """Return ground without what its neighbours hold of it too, and with the hairlines between it and them."""
    around = np.sort(tree.query(ground, predicate="dwithin", distance=tolerance))
    if not len(around):
        return ground
    near = snapped.union(shown[around])
    left = snapped.difference(ground, near)
    both = snapped.union(np.array([left, near], dtype=object))
    grown = shapely.buffer(both, tolerance, join_style="mitre", quad_segs=1)
    closed = shapely.buffer(grown, -tolerance, join_style="mitre", quad_segs=1)
    gaps = shapely.get_parts(snapped.difference(closed, both))
    gaps = gaps[(shapely.area(gaps) > tolerance**2) & (shapely.distance(gaps, left) < _SAME)]
    if len(gaps):
        besides = others[shapely.dwithin(others, left, tolerance)]
        left = snapped.union(np.array([left, snapped.difference(snapped.union(gaps), snapped.union(besides))]))
    made = parts.without_dust(np.array([left], dtype=object), 0)[0]
    return ground if made.is_empty else made


def _facing(ground: Any, shown: Shapes, tree: shapely.STRtree) -> NDArray[np.intp]:
    """Return the shapes that ground looks at which touches nobody: those no further than twice the nearest, at most."""
    nearest = tree.query_nearest(ground, all_matches=False)[0]
    reach = 2 * float(shapely.distance(ground, shown[nearest]))
    return np.sort(tree.query(ground, predicate="dwithin", distance=max(reach, _SAME)))


def _cut(ground: Any) -> Any:
    """Cut off the corners of ground that touches nobody, as street corners are: its outline is all that tells of it."""
    rings = []
    for ring in (ground.exterior, *ground.interiors):
        points = shapely.get_coordinates(ring)[:-1]
        both = [np.roll(points, step, axis=0) - points for step in (1, -1)]
        reach = [np.minimum(_CORNER / np.hypot(*each.T), 1 / 3)[:, np.newaxis] for each in both]
        rings.append(
            np.stack([points + each * far for each, far in zip(both, reach, strict=True)], axis=1).reshape(-1, 2)
        )
    return shapely.Polygon(rings[0], rings[1:])


def _along(
    ground: Any, shown: Shapes, around: NDArray[np.intp], tolerance: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return points along the border of ground, and which shape is there, the first of several."""
    none = np.empty(0, dtype=np.intp), np.empty((0, 2))
    if not len(around):
        return none
    corners = shapely.multipoints(np.unique(shapely.get_coordinates(shown[around]), axis=0))
    alone, edge = np.isinf(tolerance), shapely.snap(shapely.boundary(ground), corners, _NEAR)
    segments = _segments(shapely.segmentize(edge, 2 * _APART) if alone else edge)
    middles = shapely.line_interpolate_point(segments, 0.5, normalized=True)
    tree = shapely.STRtree(shown[around])
    nobody = len(around)
    owner = np.full(len(segments), nobody, dtype=np.intp)
    middle, nearest = tree.query_nearest(middles, max_distance=None if alone else tolerance)
    np.minimum.at(owner, middle, nearest)
    owners, points = [], []
    for n in np.unique(owner[owner < nobody]).tolist():
        border = shapely.line_merge(shapely.multilinestrings(segments[owner == n]))
        for line in shapely.get_parts(border):
            at = _stations(line.length)
            points.append(shapely.get_coordinates(shapely.line_interpolate_point(line, at)))
            owners.append(np.full(len(at), around[n]))
    return (np.concatenate(owners), np.concatenate(points)) if owners else none


def _segments(border: Any) -> Shapes:
    """Return the segments of lines."""
    point, line = shapely.get_coordinates(shapely.get_parts(border), return_index=True)
    same = line[1:] == line[:-1]
    return np.asarray(shapely.linestrings(np.stack([point[:-1][same], point[1:][same]], axis=1)))


def _stations(length: float) -> NDArray[np.float64]:
    """Return where points are taken along a border: as far from its ends as from each other, by halves.

    Two borders that meet in a corner then have their last points equally far from it, and the line between their
    owners begins in that corner.
    """
    count = max(2, min(int(length / _APART), _MOST))
    first = min(_APART / 2, length / 4)
    return np.linspace(first, length - first, count)


def _faces(ground: Any, owner: NDArray[np.intp], point: NDArray[np.float64]) -> Shapes:
    """Cut ground along the lines equally far from the borders of different owners; the faces tile it."""
    # large, and needed by public maps alone
    from scipy.spatial import Voronoi

    corner = snapped.origin(np.array([ground], dtype=object))
    near = snapped.moved(np.array([ground], dtype=object), -corner)[0]
    # four points far off bound all cells whose lines count
    west, south, east, north = shapely.bounds(near)
    far = 4 * max(east - west, north - south, 1.0)
    beyond = np.array([[west - far, south], [east + far, north], [west, north + far], [east, south - far]])
    cells = Voronoi(np.concatenate([point - corner, beyond]))
    one, other = np.concatenate([owner, np.full(4, -1)])[cells.ridge_points.T]
    ends = np.array(cells.ridge_vertices)
    between = (one != other) & (one >= 0) & (other >= 0) & (ends >= 0).all(axis=1)
    lines = shapely.linestrings(cells.vertices[ends[between]])
    smooth = shapely.simplify(shapely.get_parts(shapely.line_merge(shapely.multilinestrings(lines))), _APART / 2)
    # on the grid of the last digits of the place: what is rounded now is not rounded when it is joined to its heir
    cell = snapped.last_digit(np.array([ground], dtype=object))
    noded = shapely.union_all([shapely.boundary(near), *smooth], grid_size=cell)
    shapely.prepare(near)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inside = shapely.contains(near, shapely.point_on_surface(faces))
    return snapped.moved(faces[inside], corner)


def _joined(heir: Any, pieces: Shapes) -> Any:
    """Return a shape with its pieces of ground; where both have one border they meet in the same vertices."""
    fitting = shapely.snap(heir, shapely.multipolygons(shapely.get_parts(pieces)), _NEAR)
    fitted = shapely.snap(pieces, fitting, _NEAR)
    both = [fitting, *fitted]
    all_of = np.array(both if shapely.is_valid(both).all() else [heir, *pieces], dtype=object)
    return parts.without_dust(np.array([snapped.union(all_of)], dtype=object), 0.0)[0]


def _forget(shapes: Shapes, heirs: list[int], lost: set[tuple[int, int]]) -> None:
    """Leave out the vertices of withheld shapes at which outlines are straight, and those inside a border of two."""
    holders: dict[tuple[int, int], list[int]] = {}
    for n in heirs:
        for key in _vertices(shapes[n : n + 1]) & lost:
            holders.setdefault(key, []).append(n)
    for key in sorted(holders):
        changed = {n: _without(shapes[n], key, straight=len(holders[key]) == 1) for n in holders[key]}
        if all(shape is not None for shape in changed.values()):
            before, after = (shapely.union_all([each[n] for n in holders[key]]) for each in (shapes, changed))
            apart = sum(shape.area for shape in changed.values()) - after.area
            gained = shapely.symmetric_difference(before, after).area
            if gained <= (_STRAIGHT * before.length if len(changed) == 1 else _SAME) and apart < _SAME:
                for n, shape in changed.items():
                    shapes[n] = shape


def _without(shape: Any, key: tuple[int, int], *, straight: bool) -> Any:
    """Return a shape without a vertex; None where it would not be straight, or no shape."""
    made = []
    for part in shapely.get_parts(shape):
        rings = []
        for ring in (part.exterior, *part.interiors):
            points = shapely.get_coordinates(ring)[:-1]
            at = [n for n, one in enumerate(_keys(points)) if one == key]
            if any(straight and not _straight(points, n) for n in at) or len(points) - len(at) < 3:
                return None
            rings.append(np.delete(points, at, axis=0))
        made.append(shapely.Polygon(rings[0], rings[1:]))
    whole = made[0] if len(made) == 1 else shapely.multipolygons(made)
    return whole if whole.is_valid else None


def _straight(points: NDArray[np.float64], index: int) -> bool:
    """Tell whether the outline runs straight through a vertex."""
    before, here, after = points[index - 1], points[index], points[(index + 1) % len(points)]
    (ax, ay), (bx, by) = here - before, after - before
    length = float(np.hypot(bx, by))
    return length > 0 and abs(ax * by - ay * bx) / length < _STRAIGHT


def _vertices(shapes: Shapes) -> set[tuple[int, int]]:
    """Return the vertices of shapes, to the millimetre."""
    return set(_keys(shapely.get_coordinates(shapes)))


def _keys(points: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return coordinates as whole millimetres, which compare exactly."""
    return [(int(x), int(y)) for x, y in np.rint(points * 1000)]
