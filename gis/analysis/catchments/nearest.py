"""Nearest ground: reached ground shared out between stations, each place to the one that is nearest on foot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.analysis.catchments import owners
from gis.analysis.catchments.entries import Entries
from gis.analysis.catchments.owners import Owned
from gis.analysis.network import Network
from gis.geometry import parts, snapped, walks
from gis.geometry.parts import Shapes

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

# spots that stand for stretches are so far apart, m: a border half a depth away is off by a hundredth of it squared
_STEP_M = 2.0
# what is smaller is no piece of ground by itself, m²
_CRUMB_M2 = 1.0
# where rounding would make an outline cross itself, its vertices lie on this grid, m
_GRID_M = 2.0**-20
# what is smaller is rounding, m²
_DUST_M2 = 1e-6


def nearest(
    network: Network, entries: Entries, reach: walks.Reach, limits: Sequence[float], shapes: Shapes, depth: float
) -> Shapes:
    """Share reached ground out: each place to the station that is nearest on foot.

    Parameters
    ----------
    network
        Where people walk.
    entries
        Where walks begin.
    reach
        Nodes reached within the largest limit.
    limits
        Walking times, s, growing.
    shapes
        Ground as `grounds.raw` draws it.
    depth
        How deep the ground beside a way counts, m.

    Returns
    -------
    numpy.ndarray
        As `shapes`; the parts of a column do not overlap, lie each within its station's own ground, hold those of
        shorter walks, and make up the column's union.

    Notes
    -----
    A place is given away once, within the shortest of the limits at which any station reaches it. It belongs to the
    spot of a way reached by then that it is nearest to on its side of barriers, and that spot to the station with the
    shortest walk to it; of equals to the first by key. So borders between stations begin where both take the same time.
    """
    result = np.full(shapes.shape, shapely.MultiPolygon(), dtype=object)
    before: Shapes = np.full(len(shapes), shapely.MultiPolygon(), dtype=object)
    ground = shapely.bounds(shapes).reshape(-1, 4)
    if np.isnan(ground).all():
        return result
    origin = np.floor(np.nanmin(ground, axis=0)[:2])
    for n, limit in enumerate(limits):
        raw = snapped.moved(shapes[:, n], -origin)
        new = _polygonal(shapely.difference(raw, shapely.union_all(before)))
        spots, owner = _spots(network, owners.owned(network, entries, reach, limit))
        before = _shared(network, (spots - origin, owner), (new, before), depth, origin)
        result[:, n] = settled(before, origin)
    return result


def _shared(
    network: Network, found: tuple[Floats, Rows], grounds: tuple[Shapes, Shapes], depth: float, origin: Floats
) -> Shapes:
    """Return what stations have by now, when what they newly reach is shared out."""
    new, before = grounds
    spots, owner = found
    own = [[ground] for ground in before]
    stations = np.flatnonzero(~shapely.is_empty(new))
    once, disputed = _disputed(new, stations)
    for station in stations:
        own[station].append(once[station])
    for place in disputed:
        rivals = stations[shapely.intersects(new[stations], place)]
        for face in _faces(network, place, depth, origin):
            for rival, piece in _split(face, place, spots, owner, new, rivals):
                own[rival].append(piece)
    made = _polygonal(np.array([shapely.union_all(each) for each in own], dtype=object))
    return _without_crumbs(made, before, new)


def _disputed(new: Shapes, stations: Rows) -> tuple[Shapes, Shapes]:
    """Return what each station reaches alone, and the pieces of what several reach."""
    one, two = shapely.STRtree(new[stations]).query(new[stations], predicate="intersects")
    one, two = stations[one[one < two]], stations[two[one < two]]
    common = _polygonal(shapely.intersection(new[one], new[two]))
    whole = shapely.union_all(common) if len(common) else shapely.MultiPolygon()
    return _polygonal(shapely.difference(new, whole)), parts.polygons(np.array([whole], dtype=object))[0]


def _faces(network: Network, place: shapely.Polygon, depth: float, origin: Floats) -> Shapes:
    """Return the ground around a piece, apart on each side of the barriers there."""
    around = shapely.buffer(place, depth + _STEP_M, quad_segs=4)
    bars = network.barriers
    near = bars.tree.query(snapped.moved(np.array([around], dtype=object), origin)[0], predicate="intersects")
    if len(near) == 0:
        return np.array([around], dtype=object)
    lines = snapped.moved(bars.pieces[near], -origin)
    drawn = shapely.union_all([shapely.boundary(around), *lines])
    faces = shapely.get_parts(shapely.polygonize([drawn]))
    return np.asarray(faces[shapely.intersects(faces, place)], dtype=object)


def _split(
    face: shapely.Polygon, place: shapely.Polygon, spots: Floats, owner: Rows, new: Shapes, rivals: Rows
) -> list[tuple[int, shapely.Geometry]]:
    """Share out what of a piece lies on one side of barriers: first by the nearest spots, then what these leave."""
    points = np.asarray(shapely.points(spots), dtype=object)
    inside = shapely.STRtree(points).query(face, predicate="intersects")
    inside = inside[np.isin(owner[inside], rivals)]
    left = shapely.intersection(place, face)
    found = []
    for station, cell in _cells(spots[inside], owner[inside], face):
        piece = shapely.intersection(shapely.intersection(left, cell), new[station])
        found.append((station, piece))
    if found:
        left = shapely.difference(left, shapely.union_all([piece for _, piece in found]))
    return found + _leftover(left, spots[inside], owner[inside], new, rivals)


def _cells(spots: Floats, owner: Rows, face: shapely.Polygon) -> list[tuple[int, shapely.Geometry]]:
    """Return the ground nearest to each station's spots."""
    stations = np.unique(owner)
    if len(stations) < 2:
        return [(station, face) for station in stations.tolist()]
    places, first = np.unique(np.round(spots, 6), axis=0, return_index=True)
    drawn = shapely.voronoi_polygons(shapely.multipoints(places), extend_to=face, ordered=True)
    pieces = shapely.get_parts(drawn)
    return [
        (station, shapely.coverage_union_all(pieces[owner[first] == station]))
        for station in np.unique(owner[first]).tolist()
    ]


def _leftover(
    left: shapely.Geometry, spots: Floats, owner: Rows, new: Shapes, rivals: Rows
) -> list[tuple[int, shapely.Geometry]]:
    """Give what the nearest spots' stations do not reach, behind a bend of a barrier, to the next one that does."""
    found = []
    waiting = list(parts.polygons(np.array([left], dtype=object))[0])
    while waiting:
        piece = waiting.pop()
        if shapely.area(piece) <= _DUST_M2:
            continue
        middle = shapely.point_on_surface(piece)
        fit = rivals[shapely.covers(new[rivals], middle)]
        if len(fit) == 0:
            continue
        far = np.hypot(*(spots - shapely.get_coordinates(middle)).T)
        away = [far[owner == station].min(initial=np.inf) for station in fit]
        station = int(fit[int(np.argmin(away))])
        found.append((station, shapely.intersection(piece, new[station])))
        rest = np.array([shapely.difference(piece, new[station])], dtype=object)
        waiting += list(parts.polygons(rest)[0])
    return found


def _without_crumbs(made: Shapes, before: Shapes, new: Shapes) -> Shapes:
    """Give pieces too small to stand by themselves to the neighbour with the longest border, if it reaches them."""
    single, owner = parts.polygons(made)
    small = np.flatnonzero(shapely.area(single) < _CRUMB_M2)
    tree = shapely.STRtree(single)
    moved = owner.copy()
    for n in small.tolist():
        beside = tree.query(single[n], predicate="intersects")
        # what is given away stays so
        free = ~shapely.intersects(before[owner[n]], shapely.point_on_surface(single[n]))
        fits = [k for k in beside.tolist() if k not in small and owner[k] != owner[n] and free]
        fits = [k for k in fits if shapely.area(shapely.difference(single[n], new[owner[k]])) <= _DUST_M2]
        if fits:
            borders = [shapely.length(shapely.intersection(single[n], single[k])) for k in fits]
            moved[n] = owner[fits[int(np.argmax(borders))]]
    if (moved == owner).all():
        return made
    changed = np.unique(np.r_[moved[moved != owner], owner[moved != owner]])
    result = made.copy()
    for station in changed.tolist():
        result[station] = shapely.union_all(single[moved == station])
    return _polygonal(result)


def settled(shapes: Shapes, origin: Floats) -> Shapes:
    """Move shapes from a corner to where they lie; what rounding there makes cross itself is mended.

    Parameters
    ----------
    shapes
        Multipolygons.
    origin
        The corner.

    Returns
    -------
    numpy.ndarray
        Valid multipolygons.
    """
    clean = _without_dust(shapes)
    moved = snapped.moved(clean, origin)
    wrong = ~shapely.is_valid(moved)
    if wrong.any():
        # on this grid numbers lose nothing when they are moved by whole metres
        moved[wrong] = snapped.moved(_polygonal(shapely.set_precision(clean[wrong], _GRID_M)), origin)
    return moved


def _without_dust(shapes: Shapes) -> Shapes:
    """Return multipolygons without parts and holes that are rounding."""
    single, whose = parts.polygons(shapes)
    rings, part = shapely.get_rings(single, return_index=True)
    filled = np.asarray(shapely.polygons(rings), dtype=object)
    outer = np.diff(part, prepend=-1) > 0
    some = shapely.area(filled) > _DUST_M2
    kept = np.flatnonzero(some[outer])
    plain = np.bincount(part, some & ~outer, minlength=len(single)) == np.bincount(part, ~outer, minlength=len(single))
    result = single.copy()
    for n in np.flatnonzero(~plain).tolist():
        result[n] = shapely.polygons(rings[outer][n], holes=rings[(part == n) & ~outer & some])
    return np.array(
        [shapely.MultiPolygon(list(result[kept[whose[kept] == n]])) for n in range(len(shapes))], dtype=object
    )


def _polygonal(shapes: Shapes) -> Shapes:
    """Return shapes as multipolygons, without the lines and points in which they touch."""
    single, index = parts.polygons(shapes)
    return np.array([shapely.MultiPolygon(list(single[index == n])) for n in range(len(shapes))], dtype=object)


def _spots(network: Network, owned: Owned) -> tuple[Floats, Rows]:
    """Return spots along stretches, and their stations: the same on both sides of where one gives way to another."""
    long = (owned.high - owned.low) * network.metres[owned.edge]
    some = np.flatnonzero(long > 0)
    inner = np.maximum(long[some] - _STEP_M, 0.0)
    # half a step from each end, and evenly in between; a short stretch has one in its middle
    count = np.where(inner > 0, np.ceil(inner / _STEP_M).astype(np.intp) + 1, 1)
    row = np.repeat(np.arange(len(some)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    metres = np.where(
        count[row] > 1, _STEP_M / 2 + step * inner[row] / np.maximum(count[row] - 1, 1), long[some][row] / 2
    )
    stretch = some[row]
    share = owned.low[stretch] + metres / network.metres[owned.edge[stretch]]
    places = shapely.line_interpolate_point(network.lines[owned.edge[stretch]], share, normalized=True)
    return shapely.get_coordinates(places), owned.station[stretch]
