"""Generalised shapes: drawn through places near which nothing true is.

A page's own plane hides nothing by itself: whoever knows a few places fits it to the ground. What a generalised layer
shows is therefore drawn anew. Places are scattered over the ground and those near a true vertex are struck out; areas
become the triangles between the places that are left, lines and points go from place to place. No vertex of the result
is then within the layer's scale of a true one, whatever the page is fitted to. How much stays of a shape follows from
its size: one that is no wider than a few times the scale is a triangle near where it lies.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry import parts

Shapes = NDArray[np.object_]
Points = NDArray[np.float64]
# places are scattered one a cell: in this many rows of narrow cells beside a border and of wide ones farther off
_BESIDE, _AROUND = 4, 2
# widths of narrow and of wide cells, in scales
_APART, _WIDER = 0.6, 8
# fewer places have no triangles
_TRIANGLES = 4
# corners of a page are whole tenths of a metre: what is struck out reaches so much further (m)
_ROUNDING = 0.1
# a part of a shape that is cut off from the rest is drawn from so many squares of the scale on
_LEAST = 4.0
# a shape is drawn as a triangle of so many times its size at most
_MOST = 4.0
_NOBODY, _CORNERS = -1, 3
# shapes with fewer places within are not cut back
_FEW = 12
# the way along which borders are shifted: none that streets are built along
_TOWARDS = np.array([0.5568, 0.8307])
# lines go on one side of the true ones, so many scales away
_ASIDE = 1.5
# borders are smoothed by this many scales
_SMOOTH = 1.5


def coarsened(shapes: Shapes, secret: Points, *, scale: float, apart: bool = False) -> Shapes:
    """Draw shapes through places none of which is near a true vertex.

    Parameters
    ----------
    shapes
        Shapes of one layer, all points, all lines or all polygons (single or multi).
    secret
        Vertices that must not be told besides those of the shapes.
    scale
        Distance in m within which no vertex of the result has a vertex of the shapes, or a secret one.
    apart
        Whether the shapes are polygons that lie side by side: then the result does too, shared borders drawn once.

    Returns
    -------
    numpy.ndarray
        Valid shapes of the same kinds in their order; None for a shape that finds no room between its neighbours.

    Notes
    -----
    Same shapes, same result. The places follow from the shapes in a way that cannot be turned round, so that they tell
    nothing of where the page lies.
    """
    result = np.full(len(shapes), None, dtype=object)
    kinds = shapely.get_dimensions(shapes)
    if not len(shapes):
        return result
    places = _places(shapes, secret, scale)
    if len(places) < _TRIANGLES:
        return result
    sound = np.asarray(shapely.make_valid(shapes)) if (kinds == 2).any() else shapes
    draw = {0: _points, 1: _lines}.get(int(kinds.max()))
    return draw(sound, places, scale) if draw else _areas(sound, places, scale, apart=apart)


def _places(shapes: Shapes, secret: Points, scale: float) -> Points:
    """Scatter places over the ground of shapes, close together beside their borders; none is near a true vertex."""
    # large, and needed by public maps alone
    from scipy.spatial import cKDTree

    seed = hashlib.sha256(b"".join(shapely.to_wkb(shapes))).digest()
    chance = np.random.default_rng(np.frombuffer(seed, dtype=np.uint32))
    true = shapely.get_coordinates(shapes)
    borders = np.where(shapely.get_dimensions(shapes) == 2, shapely.boundary(shapes), shapes)
    lines = shapely.segmentize(borders, _APART * scale)
    corner = true.min(axis=0) - chance.uniform(0, _WIDER * scale, 2)
    beside = _cells(shapely.get_coordinates(lines) - corner, _APART * scale, _BESIDE)
    around = _cells(shapely.get_coordinates(lines) - corner, _WIDER * scale, _AROUND)
    scattered = np.concatenate([cells + chance.random(cells.shape) for cells in (beside, around)])
    sizes = np.repeat([_APART * scale, _WIDER * scale], [len(beside), len(around)])[:, np.newaxis]
    found: Points = corner + scattered * sizes
    kept = np.concatenate([true, secret.reshape(-1, 2)])
    far, _ = cKDTree(kept).query(found, distance_upper_bound=scale + _ROUNDING)
    return found[np.isinf(far)]


def _cells(points: Points, size: float, rows: int) -> Points:
    """Return the cells of a lattice that points lie in, and so many rows of cells around them."""
    near = np.unique(np.floor(points / size), axis=0)
    for _ in range(rows):
        steps = np.array([(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)])
        near = np.unique((near[:, np.newaxis] + steps).reshape(-1, 2), axis=0)
    return near


def _points(shapes: Shapes, places: Points, _: float) -> Shapes:
    """Move points to the places nearest to them."""
    from scipy.spatial import cKDTree

    at, row = shapely.get_coordinates(shapes, return_index=True)
    moved = places[cKDTree(places).query(at)[1]]
    return _plain(shapely.multipoints(moved[row == n]) for n in range(len(shapes)))


def _lines(shapes: Shapes, places: Points, scale: float) -> Shapes:
    """Lead lines from place to place; where lines meet, they meet in one place."""
    from scipy.spatial import cKDTree

    tree: Any = cKDTree(places)
    made = []
    for shape in shapes:
        runs = []
        for part in shapely.get_parts(shape):
            at = shapely.get_coordinates(shapely.segmentize(part, scale))
            run = tree.query(_beside(at, _ASIDE * scale))[1]
            run = run[np.concatenate([[True], run[1:] != run[:-1]])]
            line: Any = shapely.simplify(shapely.linestrings(places[run]), scale) if len(run) > 1 else None
            if line is None or line.length == 0:
                # shorter than places are apart
                line = shapely.linestrings(places[tree.query(at.mean(axis=0), k=2)[1]])
            runs.append(line)
        made.append(shapely.multilinestrings(runs))
    return _plain(made)


def _beside(line: Points, distance: float) -> Points:
    """Return points on one side of a line, away from its vertices; its ends go where those of other lines go."""
    ways = np.gradient(line, axis=0)
    across = np.stack([-ways[:, 1], ways[:, 0]], axis=1) / np.maximum(np.hypot(*ways.T), 1e-9)[:, np.newaxis]
    east, north = line[-1] - line[0]
    side = 1.0 if np.array([-north, east]) @ _TOWARDS >= 0 else -1.0
    moved: Points = line + side * distance * across
    moved[[0, -1]] = line[[0, -1]] + distance * _TOWARDS
    return moved


def _plain(shapes: Iterable[Any]) -> Shapes:
    """Return shapes of one part as that part."""
    several = [(shape, shapely.get_parts(shape)) for shape in shapes]
    return np.array([shape if len(found) > 1 else found[0] for shape, found in several], dtype=object)


def _areas(shapes: Shapes, places: Points, scale: float, *, apart: bool) -> Shapes:
    """Build areas of the triangles between places."""
    from scipy.spatial import Delaunay

    mesh = Delaunay(places - places.mean(axis=0))
    nodes, beside = mesh.simplices.astype(np.intp), mesh.neighbors.astype(np.intp)
    corners = places[nodes]
    triangles, middles = np.asarray(shapely.polygons(corners)), corners.mean(axis=1)
    place, owner = shapely.STRtree(shapes).query(shapely.points(places), predicate="intersects")
    order = np.lexsort([owner, place])
    place, owner = place[order], owner[order]
    if apart:
        # of two that hold it the first
        place, first = np.unique(place, return_index=True)
        holder = np.full(len(places), _NOBODY)
        holder[place] = owner[first]
        holder = _won(holder[nodes], middles, shapes)
        holder = _joined(holder, beside, shapely.area(triangles), _LEAST * scale**2)
        owned = [each.tolist() for each in _grouped(np.arange(len(holder)), holder, len(shapes))]
    else:
        held = _held(place, owner, nodes, middles, shapes)
        owned = [_whole(each, beside, triangles, scale) for each in held]
    _settle(owned, shapes, triangles, apart=apart)
    result = np.full(len(shapes), None, dtype=object)
    there = np.flatnonzero([bool(each) for each in owned])
    made = np.array([shapely.coverage_union_all(triangles[owned[n]]) for n in there], dtype=object)
    if apart:
        made = np.asarray(shapely.coverage_simplify(made, _SMOOTH * scale))
    else:
        smooth = (shapely.coverage_simplify([one], _SMOOTH * scale) for one in made)
        made = np.concatenate([np.empty(0, object), *smooth])
    result[there] = parts.without_dust(shapely.make_valid(made), 0.0)
    return result


def _won(holders: NDArray[np.intp], middles: Points, shapes: Shapes) -> NDArray[np.intp]:
    """Return whose each triangle is whose corners lie in shapes side by side.

    Of two neighbours always the one further along wins, so that their border runs on one side of the true one and does
    not go to and fro across it; and each shape gains on one side what it loses on the other.
    """
    along, few = _along(shapes), np.bincount(holders[holders >= 0], minlength=len(shapes)) < _FEW
    # what has little ground always wins
    rank = np.append(np.lexsort([along, few]).argsort(), -1)
    winner = np.take_along_axis(holders, rank[holders].argmax(axis=1)[:, np.newaxis], axis=1)[:, 0]
    open_sides = (holders == _NOBODY).any(axis=1) & (winner != _NOBODY)
    before = middles @ _TOWARDS < along[winner]
    return np.where(open_sides & ~before & ~few[winner], _NOBODY, winner)


def _held(
    place: NDArray[np.intp], owner: NDArray[np.intp], corners: NDArray[np.intp], middles: Points, shapes: Shapes
) -> list[NDArray[np.intp]]:
    """Return the triangles of shapes that may lie over each other: those within, and the border's on one side."""
    from scipy.sparse import coo_array

    count = int(corners.max()) + 1
    inside = coo_array((np.ones(len(place)), (owner, place)), shape=(len(shapes), count)).tocsr()
    one = np.repeat(np.arange(len(corners)), 3)
    touched = coo_array((np.ones(len(one)), (corners.ravel(), one)), shape=(count, len(corners))).tocsr()
    found = (inside @ touched).tocoo()
    shape, triangle = (axis.astype(np.intp) for axis in found.coords)
    few = np.bincount(owner, minlength=len(shapes)) < _FEW
    within = (found.data > _CORNERS - 1) | few[shape] | (middles[triangle] @ _TOWARDS < _along(shapes)[shape])
    return _grouped(triangle[within], shape[within], len(shapes))


def _along(shapes: Shapes) -> NDArray[np.float64]:
    """Return how far along each shape lies."""
    found: NDArray[np.float64] = shapely.get_coordinates(shapely.centroid(shapes)) @ _TOWARDS
    return found


def _grouped(triangle: NDArray[np.intp], owner: NDArray[np.intp], count: int) -> list[NDArray[np.intp]]:
    """Return the triangles of each owner."""
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(count + 1))
    return [triangle[order[low:high]] for low, high in itertools.pairwise(ends)]


def _clusters(label: NDArray[np.intp], neighbours: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the cluster of each triangle, of those with one label that hang together by sides; and all sides."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    one = np.repeat(np.arange(len(label)), 3)
    other = neighbours.ravel()
    sides = np.stack([one, other])[:, other >= 0]
    same = sides[:, label[sides[0]] == label[sides[1]]]
    graph = coo_array((np.ones(same.shape[1]), same), shape=(len(label),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp), sides


def _joined(
    holder: NDArray[np.intp], neighbours: NDArray[np.intp], areas: NDArray[np.float64], least: float
) -> NDArray[np.intp]:
    """Give what is cut off from the rest of its shape, and gaps, to who has most sides with it, where it is small."""
    cluster, sides = _clusters(holder, neighbours)
    size = np.bincount(cluster, areas)
    # every shape keeps its largest
    first = np.unique(cluster, return_index=True)[1]
    largest: dict[int, int] = {}
    for n in np.argsort(size, kind="stable").tolist():
        largest[int(holder[first[n]])] = n
    kept = {n for label, n in largest.items() if label != _NOBODY}
    result = holder.copy()
    for n in np.argsort(size, kind="stable").tolist():
        if size[n] >= least:
            break
        if n not in kept:
            beside = result[sides[1][(cluster[sides[0]] == n) & (cluster[sides[1]] != n)]]
            labels, count = np.unique(beside, return_counts=True)
            result[cluster == n] = labels[np.argmax(count)] if len(labels) else _NOBODY
    return result


def _whole(owned: NDArray[np.intp], neighbours: NDArray[np.intp], triangles: Shapes, scale: float) -> list[int]:
    """Return the triangles of a shape without small clusters that are cut off from the rest of it."""
    if not len(owned):
        return []
    owned = np.sort(owned)
    beside = neighbours[owned]
    place = np.minimum(np.searchsorted(owned, beside), len(owned) - 1)
    cluster, _ = _clusters(np.zeros(len(owned), dtype=np.intp), np.where(owned[place] == beside, place, -1))
    size = np.bincount(cluster, shapely.area(triangles[owned]))
    found: list[int] = owned[(size[cluster] >= _LEAST * scale**2) | (cluster == np.argmax(size))].tolist()
    return found


def _settle(owned: list[list[int]], shapes: Shapes, triangles: Shapes, *, apart: bool) -> None:
    """Give each shape that holds the middle of no triangle the one that it covers most of, where that can be had."""
    lost = [n for n, each in enumerate(owned) if not each]
    tree, areas, sizes = shapely.STRtree(triangles), shapely.area(triangles), shapely.area(shapes)
    # areas that may lie over each other share triangles
    holder = {triangle: n for n, each in enumerate(owned) for triangle in each} if apart else {}
    # the smallest has the fewest to choose from
    for n in sorted(lost, key=lambda n: (sizes[n], n)):
        near = np.sort(tree.query(shapes[n], predicate="intersects"))
        near = near[areas[near] <= _MOST * sizes[n]]
        shares = shapely.area(shapely.intersection(triangles[near], shapes[n]))
        for triangle in near[np.argsort(-shares, kind="stable")].tolist():
            before = holder.get(triangle)
            if before is not None and len(owned[before]) == 1:
                continue
            if before is not None:
                owned[before].remove(triangle)
            owned[n].append(triangle)
            if apart:
                holder[triangle] = n
            break


def vertices(frames: list[gpd.GeoDataFrame]) -> Points:
    """Return the vertices of shapes, without those that are no numbers.

    Parameters
    ----------
    frames
        Frames with shapes.

    Returns
    -------
    numpy.ndarray
        A row a vertex, metres.
    """
    found = [shapely.get_coordinates(frame.geometry.to_numpy()) for frame in frames]
    points: Any = np.concatenate([np.empty((0, 2)), *found])
    return points[np.isfinite(points).all(axis=1)]
