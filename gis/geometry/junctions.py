"""Junctions: lines cut where barriers lie across them, and joined into nodes and edges where they meet.

Lines meet at vertices that they share. An end that stops short of another line by less than a given distance is taken
to meet it, unless a barrier lies between. Lines that cross without a common vertex do not meet: one leads over the
other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gis.geometry import curve
from gis.geometry.parts import Shapes

Rows = NDArray[np.intp]

# vertices are one where they agree to a millimetre
_GRAIN_M = 1e-3
# how many neighbours of a loose end are looked at for one that is not its own edge's other end
_NEAR = 4
# an end of a line through a barrier lies on the barrier if what was cut there stops so near to it
_LANDING_M = 0.03


class Barriers:
    """Answer whether straight legs cross barriers.

    Parameters
    ----------
    lines
        Lines; empty and missing ones bar nothing.
    """

    def __init__(self, lines: Shapes) -> None:
        parts = shapely.get_parts(shapely.force_2d(lines[~shapely.is_missing(lines)]))
        self.lines = np.asarray(parts[~shapely.is_empty(parts)], dtype=object)
        shapely.prepare(self.lines)
        xy, row = shapely.get_coordinates(self.lines, return_index=True)
        inner = np.flatnonzero(row[1:] == row[:-1])
        # short pieces are told apart by their boxes
        self._of, self._tree = row[inner], shapely.STRtree(_straight(xy[inner], xy[inner + 1]))
        tips = np.concatenate([shapely.get_coordinates(shapely.get_point(self.lines, n)) for n in (0, -1)])
        ends, count = np.unique(tips, axis=0, return_counts=True)
        # barriers that are drawn on from one another have no way between them
        self._seams = shapely.STRtree(np.asarray(shapely.points(ends[count > 1]), dtype=object))

    def near(self, shapes: Shapes) -> tuple[Rows, Rows]:
        """Return pairs of shapes and barriers that touch."""
        shape, piece = self._tree.query(shapes, predicate="intersects")
        pairs = np.unique(np.stack([shape, self._of[piece]]), axis=1) if len(shape) else np.empty((2, 0), dtype=np.intp)
        return pairs[0], pairs[1]

    def bar(self, legs: Shapes) -> NDArray[np.bool_]:
        """Tell which legs cross a barrier; touching it with an end is not crossing."""
        barred = np.zeros(len(legs), dtype=bool)
        leg, barrier = self.near(legs)
        barred[leg[shapely.crosses(self.lines[barrier], legs[leg])]] = True
        barred[self._seams.query(legs, predicate="contains")[0]] = True
        return barred


class Junctions(NamedTuple):
    """Hold lines joined into nodes and edges.

    Parameters
    ----------
    xy
        Nodes.
    ends
        First and last node of each edge.
    begin, line_xy
        Where the vertices of each edge begin (one entry more than edges), and all vertices.
    line
        Line that each edge is a piece of.
    """

    xy: NDArray[np.float64]
    ends: NDArray[np.int32]
    begin: NDArray[np.int64]
    line_xy: NDArray[np.float64]
    line: Rows


def cut(lines: Shapes, barriers: Barriers, keep_off: float) -> tuple[Shapes, Rows]:
    """Cut lines at barriers; what is left stops so far (m) before them.

    Parameters
    ----------
    lines
        Lines.
    barriers
        What lies across them.
    keep_off
        Distance from the barrier at which a cut line ends.

    Returns
    -------
    tuple
        The pieces, and the line that each is of. A line that runs along a barrier may be gone.
    """
    line, barrier = barriers.near(lines)
    pieces, row = lines.copy(), np.arange(len(lines))
    if len(line) == 0:
        return pieces, row
    met = np.unique(line)
    # round ends, so that no line slips through where one barrier is drawn on from another
    strips = shapely.buffer(barriers.lines[np.unique(barrier)], keep_off)
    pieces[met] = shapely.difference(lines[met], shapely.union_all(strips))
    parts, of = shapely.get_parts(pieces, return_index=True)
    there = shapely.length(parts) > _GRAIN_M
    return np.asarray(parts[there], dtype=object), row[of[there]]


def joined(
    lines: Shapes, barriers: Barriers, join: float, through: NDArray[np.bool_] | None = None
) -> Junctions:
    """Join lines into nodes and edges.

    Parameters
    ----------
    lines
        Lines of some length.
    barriers
        What ends are not joined across.
    join
        Ends so near (m) to another node or line are taken to meet it.
    through
        Which lines lead through barriers: an end of one may lie on the barrier, or a hair beyond it, and is met by what
        was cut right there. None: no line does.

    Returns
    -------
    Junctions
        Edges in the order of the lines; then legs that join ends to what is beside them, as pieces of the ends' lines.
    """
    bare = shapely.remove_repeated_points(lines, _GRAIN_M / 2)
    made = _at_common_vertices(*shapely.get_coordinates(bare, return_index=True))
    loose = np.flatnonzero(np.bincount(made.ends.reshape(-1), minlength=len(made.xy)) == 1)
    if join <= 0 or len(loose) == 0:
        return made
    own = np.empty(len(made.xy), dtype=np.intp)
    own[made.ends.reshape(-1)] = np.repeat(np.arange(len(made.ends)), 2)
    onto = np.zeros(len(made.xy), dtype=bool)
    if through is not None:
        onto[made.ends[through[made.line]]] = True
    target = _nodes_beside(made, (loose, own[loose], onto), barriers, join)
    rest = loose[target < 0]
    edge, along, foot = _edges_beside(made, rest, own[rest], barriers, join)
    hit = edge >= 0
    start = np.r_[loose[target >= 0], rest[hit]]
    end = np.concatenate([made.xy[target[target >= 0]], foot[hit]])
    return _with_legs(made, (edge[hit], along[hit], foot[hit]), (made.xy[start], end, made.line[own[start]]))


def _straight(start: NDArray[np.float64], end: NDArray[np.float64]) -> Shapes:
    """Return straight lines from places to places."""
    return np.asarray(shapely.linestrings(np.stack([start, end], axis=1)), dtype=object)


def _at_common_vertices(xy: NDArray[np.float64], row: Rows) -> Junctions:
    """Break lines at the vertices that they share."""
    grain = np.round((xy - xy.min(axis=0, initial=np.inf)) / _GRAIN_M).astype(np.int64)
    _, first, vertex = np.unique(grain[:, 0] << 32 | grain[:, 1], return_index=True, return_inverse=True)
    ends = np.r_[True, row[1:] != row[:-1]] | np.r_[row[1:] != row[:-1], True]
    node = np.bincount(vertex) > 1
    node[vertex[ends]] = True
    breaks = np.flatnonzero(node[vertex])
    inner = row[breaks[1:]] == row[breaks[:-1]]
    tail, head = breaks[:-1][inner], breaks[1:][inner]
    # the same vertex twice in a row is no edge
    some = (vertex[tail] != vertex[head]) | (head - tail > 1)
    tail, head = tail[some], head[some]
    number = np.cumsum(node) - 1
    begin, taken = runs(tail, head - tail + 1)
    pairs = np.stack([number[vertex[tail]], number[vertex[head]]], axis=1).astype(np.int32)
    return Junctions(xy[first[node]], pairs, begin, xy[taken], row[tail])


def runs(first: Rows, count: Rows) -> tuple[NDArray[np.int64], Rows]:
    """Write runs of positions one after the other.

    Parameters
    ----------
    first, count
        First position and length of each run.

    Returns
    -------
    tuple
        Where each run begins (one entry more), and all positions.
    """
    begin = np.r_[0, np.cumsum(count)].astype(np.int64)
    return begin, np.arange(begin[-1]) + np.repeat(first - begin[:-1], count)


def near_together(made: Junctions) -> Junctions:
    """Give nodes numbers so that those near each other are near in memory too: a search touches few pages then.

    Parameters
    ----------
    made
        Nodes and edges.

    Returns
    -------
    Junctions
        The same, nodes in the order of a curve that fills the plane.
    """
    order = curve.along(made.xy)
    number = np.empty(len(order), dtype=np.int32)
    number[order] = np.arange(len(order))
    return made._replace(xy=made.xy[order], ends=number[made.ends])


def _nodes_beside(
    made: Junctions, ends: tuple[Rows, Rows, NDArray[np.bool_]], barriers: Barriers, join: float
) -> Rows:
    """Return the nearest node that a loose end can be joined to, or -1.

    `ends` are the loose ends, the edge of each, and which nodes lead through barriers.
    """
    loose, own, onto = ends
    near = list(range(1, min(_NEAR, len(made.xy)) + 1))
    distance, beside = cKDTree(made.xy).query(made.xy[loose], k=near, distance_upper_bound=join)
    node = np.asarray(beside, dtype=np.intp)
    fit = np.isfinite(distance) & (node != loose[:, None])
    at, column = np.nonzero(fit)
    found = node[at, column]
    legs = _straight(made.xy[loose[at]], made.xy[found])
    landed = onto[found] & (shapely.length(legs) <= _LANDING_M)
    fit[at, column] = (made.ends[own[at]] != found[:, None]).all(axis=1) & (landed | ~barriers.bar(legs))
    return np.where(fit.any(axis=1), node[np.arange(len(loose)), np.argmax(fit, axis=1)], -1)


def _edges_beside(
    made: Junctions, loose: Rows, own: Rows, barriers: Barriers, join: float
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
    """Return the nearest edge that a loose end can be joined to, or -1, how far along it, and the place."""
    row = np.repeat(np.arange(len(made.ends)), np.diff(made.begin))
    lines = np.asarray(shapely.linestrings(made.line_xy, indices=row), dtype=object)
    points = np.asarray(shapely.points(made.xy[loose]), dtype=object)
    end, edge = shapely.STRtree(lines).query(points, predicate="dwithin", distance=join)
    end, edge = end[edge != own[end]], edge[edge != own[end]]
    along = shapely.line_locate_point(lines[edge], points[end])
    foot = shapely.get_coordinates(shapely.line_interpolate_point(lines[edge], along))
    legs = _straight(made.xy[loose[end]], foot)
    order = np.lexsort((edge, shapely.length(legs), barriers.bar(legs), end))
    best, first = np.unique(end[order], return_index=True)
    taken = order[first]
    free = ~barriers.bar(legs[taken])
    result, place, spot = np.full(len(loose), -1, dtype=np.intp), np.zeros(len(loose)), np.zeros((len(loose), 2))
    result[best[free]] = edge[taken[free]]
    place[best[free]], spot[best[free]] = along[taken[free]], foot[taken[free]]
    return result, place, spot


def _with_legs(
    made: Junctions,
    feet: tuple[Rows, NDArray[np.float64], NDArray[np.float64]],
    legs: tuple[NDArray[np.float64], NDArray[np.float64], Rows],
) -> Junctions:
    """Give edges a vertex at each foot, and add the legs."""
    edge, along, foot = feet
    dx, dy = np.diff(made.line_xy, axis=0, prepend=made.line_xy[:1]).T
    walked = np.cumsum(np.hypot(dx, dy))
    at = np.searchsorted(walked, walked[made.begin[edge]] + along, side="right")
    at = np.clip(at, made.begin[edge] + 1, made.begin[edge + 1] - 1)
    order = np.lexsort((along, at))
    row = np.insert(np.repeat(np.arange(len(made.ends)), np.diff(made.begin)), at[order], edge[order])
    xy = np.insert(made.line_xy, at[order], foot[order], axis=0)
    start, end, line = legs
    more = len(made.ends) + np.repeat(np.arange(len(line)), 2)
    again = _at_common_vertices(np.concatenate([xy, np.stack([start, end], axis=1).reshape(-1, 2)]), np.r_[row, more])
    return again._replace(line=np.r_[made.line, line][again.line])
