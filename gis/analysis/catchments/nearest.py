"""Nearest ground: reached ground shared out between stations, each place to the one whose walk comes there first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.analysis.catchments import owners, rivals
from gis.analysis.catchments.entries import Entries
from gis.analysis.catchments.spread import Spread, ends_a_round
from gis.analysis.network import Network
from gis.geometry import parts, snapped, walks
from gis.geometry.parts import Shapes
from gis.geometry.sight import Sight

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# where rounding would make an outline cross itself, its vertices lie on this grid, m
_GRID_M = 2.0**-20
# what is smaller is rounding, m²
_DUST_M2 = 1e-6
# so is what is thinner, m
_THIN_M = 1e-5


def nearest(
    network: Network,
    entries: Entries,
    reach: walks.Reach,
    limits: Sequence[float],
    shapes: Shapes,
    seen: Sight,
    cell: float,
) -> tuple[Shapes, Shapes]:
    """Share reached ground out: each place to the station whose walk comes there first.

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
    seen, cell
        What that was drawn with.

    Returns
    -------
    tuple
        Two arrays as `shapes`: the same ground, and what is each station's. Both are made of the same faces: the parts
        of a column do not overlap, lie each within its station's own ground, hold those of shorter walks, and make up
        the column's union, by exact predicates.

    Notes
    -----
    `rivals` says what comes first is. It looks neither at the limits asked for nor at how ways are split, turned or
    sorted, so that ground of 15 minutes is the same asked for alone or with 5 and 10, but for hairs of less than 1 m²
    along borders. Whoever would share out the union of every limit, nested, each part within its station's own ground,
    has to give a place to the one who comes first. Limits end a round: 60 s, 70 s, and so on; ground of a limit in the
    middle of a round may be the station's own only by the end of the round.

    On a straight way a border stands where walks from both sides take the same time, to a rounding; beside corners it
    is drawn between spots half a second apart, and by rounds of ten seconds: the station that has a place comes there
    at most ten seconds after any other. What the first minute reaches is shared by what way is nearest.
    """
    none = np.full(shapes.shape, shapely.MultiPolygon(), dtype=object)
    ground = shapely.bounds(shapes).reshape(-1, 4)
    if np.isnan(ground).all():
        return none, none.copy()
    corner = np.floor(np.nanmin(ground, axis=0)[:2])
    digit = snapped.last_digit(shapes.reshape(-1))
    drawn = snapped.moved(shapes.reshape(-1), -corner).reshape(shapes.shape)
    spread = Spread(network, entries, owners.owned(network, entries, reach, limits[-1]), corner)
    shared = rivals.disputed(spread, seen, cell, digit)
    outlines = shapely.get_parts(shapely.boundary(np.r_[drawn.reshape(-1), shared.shapes]))
    faces = rivals.faces_of(outlines, digit)
    places = rivals.within(faces)
    own = _reached(drawn, places)
    owner = _owners(spread, shared, places)
    into = _without_dust(faces)
    own, owner, kept = own[:, :, into], owner[into], into >= 0
    since = np.where(own.any(axis=(0, 1)) & kept, np.argmax(own.any(axis=0), axis=0), len(limits))
    mine = (owner == np.arange(len(shapes))[:, None])[:, None] & (since <= np.arange(len(limits))[:, None])
    # outlines are drawn to a part of a cell: a station's own ground holds what is its alone
    even = np.array([ends_a_round(limit) for limit in limits])
    own = (own & kept) | (mine & even[:, None])
    return _made(faces, own, corner), _made(faces, mine, corner)


def _reached(shapes: Shapes, places: Floats) -> NDArray[np.bool_]:
    """Tell which shapes, or those of shorter walks, hold places: a row a station, a column a limit, a layer a place."""
    own = np.zeros((*shapes.shape, len(places)), dtype=bool)
    for station, column in np.ndindex(shapes.shape):
        shapely.prepare(shapes[station, column])
        own[station, column] = shapely.contains_xy(shapes[station, column], places)
    return np.asarray(np.logical_or.accumulate(own, axis=1))


def _owners(spread: Spread, shared: rivals.Disputed, places: Floats) -> Rows:
    """Return whose places are."""
    _, _, group = spread.spots
    owner = spread.stations(group[spread.tree.query(places)[1]], places)
    points = np.asarray(shapely.points(places), dtype=object)
    if len(shared.shapes):
        place, shape = shapely.STRtree(shared.shapes).query(points, predicate="intersects")
        owner[place] = shared.station[shape]
    return owner


def _without_dust(faces: Shapes) -> Rows:
    """Return for each face itself, or for one that is rounding the neighbour with the longest border, -1 for none."""
    into = np.arange(len(faces))
    area, around = shapely.area(faces), shapely.length(faces)
    dust = (area <= _DUST_M2) | (2 * area <= _THIN_M * around)
    tree = shapely.STRtree(faces)
    while dust.any():
        small = np.flatnonzero(dust)
        one, two = tree.query(faces[small], predicate="intersects")
        one = small[one]
        sound = ~dust[two]
        one, two = one[sound], two[sound]
        border = shapely.length(shapely.intersection(faces[one], faces[two]))
        order = np.lexsort((two, -border, one))
        _, first = np.unique(one[order], return_index=True)
        first = order[first]
        first = first[border[first] > 0]
        done = one[first]
        # what lies outside may be the longest neighbour of all
        if not len(done):
            into[small] = -1
            break
        into[done] = into[two[first]]
        dust[done] = False
    return into


def _made(faces: Shapes, member: Flags, corner: Floats) -> Shapes:
    """Return faces as shapes in their place, a row a station, a column a limit."""
    made = np.full(member.shape[:2], shapely.MultiPolygon(), dtype=object)
    for station, column in np.ndindex(made.shape):
        some = faces[member[station, column]]
        if len(some):
            whole = np.array([shapely.coverage_union_all(some)], dtype=object)
            made[station, column] = shapely.MultiPolygon(list(parts.polygons(whole)[0]))
    return snapped.moved(made.reshape(-1), corner).reshape(made.shape)


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
    clean = _without_crumbs(shapes)
    moved = snapped.moved(clean, origin)
    wrong = ~shapely.is_valid(moved)
    if wrong.any():
        # on this grid numbers lose nothing when they are moved by whole metres
        moved[wrong] = snapped.moved(_polygonal(shapely.set_precision(clean[wrong], _GRID_M)), origin)
    return moved


def _without_crumbs(shapes: Shapes) -> Shapes:
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
