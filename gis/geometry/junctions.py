"""Junctions: lines joined into nodes and edges where they meet, and lines that are drawn more than once.

Lines meet at vertices that they share, and wherever a vertex of one, its ends among them, lies within a given distance
of another, unless a barrier lies between. Lines that cross where neither has a vertex do not meet: one leads over the
other. Lines that lead over or under others are met at their ends and at common vertices only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csgraph

from gis.geometry import curve
from gis.geometry.barriers import Barriers
from gis.geometry.parts import Shapes

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# vertices are one where they agree to a millimetre
GRAIN_M = 1e-3
# what hangs together within so many times the distance of joining meets already
_AROUND = 10
# an end of a line through a barrier lies on the barrier if what was cut there stops so near to it
_LANDING_M = 0.03
# distances are equal where they differ by less, m
_EQUAL_M = 1e-6


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
    leg
        Which edges are no pieces of lines, but join a vertex of theirs to what is beside it.
    """

    xy: Floats
    ends: NDArray[np.int32]
    begin: NDArray[np.int64]
    line_xy: Floats
    line: Rows
    leg: Flags

    @property
    def lines(self) -> Shapes:
        """Return the edges as lines."""
        row = np.repeat(np.arange(len(self.ends)), np.diff(self.begin))
        return np.asarray(shapely.linestrings(self.line_xy, indices=row), dtype=object)

    @property
    def metres(self) -> Floats:
        """Return the length of each edge."""
        if len(self.ends) == 0:
            return np.empty(0)
        step = np.hypot(*np.diff(self.line_xy, axis=0, append=self.line_xy[-1:]).T)
        # from one edge to the next there is no step
        step[self.begin[1:] - 1] = 0.0
        return np.add.reduceat(step, self.begin[:-1])

    def taken(self, edges: Rows) -> Junctions:
        """Return some of the edges, in their order there; nodes stay."""
        begin, vertex = runs(self.begin[:-1][edges], np.diff(self.begin)[edges])
        return Junctions(self.xy, self.ends[edges], begin, self.line_xy[vertex], self.line[edges], self.leg[edges])


class Crossings(NamedTuple):
    """Hold where edges cross and do not meet.

    Parameters
    ----------
    first, second
        The edges.
    xy
        The places.
    """

    first: Rows
    second: Rows
    xy: Floats


class _Steps:
    """Hold lines as straight steps between numbered vertices.

    Parameters
    ----------
    xy, row
        Vertices of all lines, and the line of each.
    """

    def __init__(self, xy: Floats, row: Rows) -> None:
        vertex, first = _numbered(xy)
        self.xy, self.place, self.line_xy, self.row = xy[first], vertex, xy, row
        #: position of the first vertex of each step
        self.at = np.flatnonzero((row[1:] == row[:-1]) & (vertex[1:] != vertex[:-1]))
        self.a, self.b = vertex[self.at], vertex[self.at + 1]
        self.line = row[self.at]
        ends = np.stack([self.xy[self.a], self.xy[self.b]])
        # lines from corner to corner: a tree looks at nothing but their boxes
        self.tree = shapely.STRtree(_straight(ends.min(axis=0), ends.max(axis=0)))
        self.degree = np.bincount(np.r_[self.a, self.b], minlength=len(self.xy))

    def near(self, xy: Floats, radius: float) -> tuple[Rows, Rows]:
        """Return pairs of places and steps that are within a distance (m) of each other."""
        spot, step = self.tree.query(_straight(xy - radius, xy + radius))
        close = np.hypot(*(xy[spot] - self.feet(xy[spot], step)[0]).T) <= radius
        return spot[close], step[close]

    def feet(self, xy: Floats, step: Rows) -> tuple[Floats, Rows]:
        """Return where steps are nearest to places, and the vertex there, or -1 where it is in between."""
        start, move = self.xy[self.a[step]], self.xy[self.b[step]] - self.xy[self.a[step]]
        long = np.hypot(*move.T)
        at = ((xy - start) * move).sum(axis=1) / long
        foot = start + move * (np.clip(at, 0.0, long) / long)[:, None]
        end = np.where(at <= GRAIN_M, self.a[step], np.where(at >= long - GRAIN_M, self.b[step], -1))
        return np.where((end >= 0)[:, None], self.xy[end], foot), end

    def crossing(self, some: Rows) -> tuple[Rows, Rows, Floats]:
        """Return pairs of steps, among some, that cross each other off their ends, and where."""
        ends = np.stack([self.xy[self.a[some]], self.xy[self.b[some]]])
        drawn = _straight(ends.min(axis=0), ends.max(axis=0))
        one, two = shapely.STRtree(drawn).query(drawn)
        one, two = some[one[one < two]], some[two[one < two]]
        tips = np.stack([self.a[one], self.b[one]], axis=1)
        other = ~((tips == self.a[two, None]) | (tips == self.b[two, None])).any(axis=1)
        one, two = one[other], two[other]
        a, b, p, q = self.xy[self.a[one]], self.xy[self.b[one]], self.xy[self.a[two]], self.xy[self.b[two]]
        left, right, first, last = _aside(a, b, p), _aside(a, b, q), _aside(p, q, a), _aside(p, q, b)
        across = np.flatnonzero((left * right < 0) & (first * last < 0))
        share = (first[across] / (first - last)[across])[:, None]
        return one[across], two[across], a[across] + share * (b - a)[across]

    def together(self, xy: Floats, radius: float) -> tuple[Rows, Rows, Rows]:
        """Return which steps are near places, and which of those hang together within the radius.

        Parameters
        ----------
        xy
            Places.
        radius
            How far around each, m.

        Returns
        -------
        tuple
            Position of the place, step, and a number that steps share which hang together around one place.
        """
        spot, step = self.near(xy, radius)
        if len(spot) == 0:
            return spot, step, spot
        links = []
        for end in (self.a, self.b):
            near = np.hypot(*(self.xy[end[step]] - xy[spot]).T) <= radius
            links.append(np.stack([np.flatnonzero(near), spot[near] * len(self.xy) + end[step[near]]]))
        pair, node = np.concatenate(links, axis=1)
        _, node = np.unique(node, return_inverse=True)
        size = len(step) + (node.max(initial=-1) + 1)
        graph = coo_array((np.ones(len(pair), dtype=bool), (pair, len(step) + node)), shape=(size, size))
        return spot, step, csgraph.connected_components(graph, directed=False)[1][: len(step)].astype(np.intp)


def joined(
    lines: Shapes,
    barriers: Barriers,
    join: float,
    through: Flags | None = None,
    apart: Flags | None = None,
) -> Junctions:
    """Join lines into nodes and edges.

    Parameters
    ----------
    lines
        Lines of some length.
    barriers
        What is not joined across.
    join
        Vertices so near (m) to another line are taken to meet it.
    through
        Which lines lead through barriers: an end of one may lie on the barrier, or a hair beyond it, and is met by what
        was cut right there. None: no line does.
    apart
        Which lines lead over or under others; they are met at their ends. None: no line does.

    Returns
    -------
    Junctions
        Edges in the order of the lines; then legs that join vertices to what is beside them, as pieces of the vertices'
        lines.
    """
    bare = shapely.remove_repeated_points(lines, GRAIN_M / 2)
    xy, row = shapely.get_coordinates(bare, return_index=True)
    no = np.zeros(len(lines), dtype=bool)
    steps = _Steps(xy, row)
    made = _meetings(steps, barriers, join, no if through is None else through, no if apart is None else apart)
    if made is None:
        return _at_common_vertices(xy, row)
    vertex, step, foot = made
    start = steps.xy[vertex]
    # a foot that is a vertex stays that vertex
    new = np.flatnonzero((np.hypot(*(foot - start).T) > 0) | ~_is_vertex(steps, step, foot))
    xy, row = _with_vertices(xy, row, steps.at[step[new]], foot[new])
    order = np.argsort(np.r_[steps.a, steps.b], kind="stable")
    ends = np.r_[steps.a, steps.b][order]
    line = np.r_[steps.line, steps.line][order][np.searchsorted(ends, vertex)]
    more = len(lines) + np.repeat(np.arange(len(line)), 2)
    again = _at_common_vertices(np.concatenate([xy, np.stack([start, foot], axis=1).reshape(-1, 2)]), np.r_[row, more])
    return again._replace(line=np.r_[np.arange(len(lines)), line][again.line], leg=again.line >= len(lines))


def _meetings(
    steps: _Steps, barriers: Barriers, join: float, through: Flags, apart: Flags
) -> tuple[Rows, Rows, Floats] | None:
    """Return vertices, the steps that each of them is to be joined to, and where; None where there is none."""
    within = max(join, _LANDING_M)
    vertex, step = steps.near(steps.xy, within)
    other = (steps.a[step] != vertex) & (steps.b[step] != vertex)
    vertex, step = vertex[other], step[other]
    if len(vertex) == 0:
        return None
    foot, end = steps.feet(steps.xy[vertex], step)
    far = np.hypot(*(foot - steps.xy[vertex]).T)
    # nobody steps from one level to another half-way
    above = np.bincount(np.r_[steps.a, steps.b], np.tile(apart[steps.line], 2), minlength=len(steps.xy))
    halfway = (above == steps.degree) & (steps.degree > 1)
    fit = ~halfway[vertex] & ~(apart[steps.line[step]] & ((end < 0) | halfway[end]))
    # what a barrier stops is joined to what it stops beside it, however little is joined else
    landing = far <= _LANDING_M
    fit &= (far <= join) | (landing & _cut_there(steps, barriers, vertex))
    vertex, step, foot, end, far = vertex[fit], step[fit], foot[fit], end[fit], far[fit]
    if len(vertex) == 0:
        return None
    group = _apart_from(steps, vertex, step, max(_AROUND * join, within))
    legs = _straight(steps.xy[vertex], foot)
    tip = np.zeros(len(steps.xy), dtype=bool)
    tip[np.r_[steps.a, steps.b][np.tile(through[steps.line], 2)]] = True
    landed = landing[fit] & (tip[vertex] | ((end >= 0) & tip[end]))
    free = (landed | ~barriers.bar(legs)) & (group >= 0)
    vertex, step, foot, far, group = vertex[free], step[free], foot[free], far[free], group[free]
    # the nearest place of what hangs together; of equals the one furthest west, then south
    order = np.lexsort((foot[:, 1], foot[:, 0], np.round(far / _EQUAL_M), group, vertex))
    first = np.unique(np.stack([vertex[order], group[order]]), axis=1, return_index=True)[1]
    taken = order[first]
    return (vertex[taken], step[taken], foot[taken]) if len(taken) else None


def _apart_from(steps: _Steps, vertex: Rows, step: Rows, radius: float) -> Rows:
    """Return a number for what steps hang together with around vertices, -1 where the vertex is part of it."""
    some, spot = np.unique(vertex, return_inverse=True)
    place, near, group = steps.together(steps.xy[some], radius)
    key = place * len(steps.a) + near
    order = np.argsort(key)
    label = group[order][np.searchsorted(key[order], spot * len(steps.a) + step)]
    own = (steps.a[near] == some[place]) | (steps.b[near] == some[place])
    mine = np.full(len(some), -1, dtype=np.intp)
    mine[place[own]] = group[own]
    return np.where(label == mine[spot], -1, label)


def _cut_there(steps: _Steps, barriers: Barriers, vertex: Rows) -> Flags:
    """Tell which vertices lie right beside a barrier, where a line was cut."""
    some, position = np.unique(vertex, return_inverse=True)
    beside = np.zeros(len(some), dtype=bool)
    points = np.asarray(shapely.points(steps.xy[some]), dtype=object)
    beside[barriers.tree.query(points, predicate="dwithin", distance=_LANDING_M / 2)[0]] = True
    return beside[position]


def _is_vertex(steps: _Steps, step: Rows, foot: Floats) -> Flags:
    """Tell which places are ends of their steps."""
    return (foot == steps.xy[steps.a[step]]).all(axis=1) | (foot == steps.xy[steps.b[step]]).all(axis=1)


def _aside(start: Floats, end: Floats, place: Floats) -> Floats:
    """Return on which side of lines, and how far from them, places lie, as twice the area between."""
    move, step = end - start, place - start
    return np.asarray(move[:, 0] * step[:, 1] - move[:, 1] * step[:, 0])


def _straight(start: Floats, end: Floats) -> Shapes:
    """Return straight lines from places to places."""
    return np.asarray(shapely.linestrings(np.stack([start, end], axis=1)), dtype=object)


def _numbered(xy: Floats) -> tuple[Rows, Rows]:
    """Return the number of each vertex, those that are one having the same, and where each number comes first."""
    grain = np.round((xy - xy.min(axis=0, initial=np.inf)) / GRAIN_M).astype(np.int64)
    _, first, vertex = np.unique(grain[:, 0] << 32 | grain[:, 1], return_index=True, return_inverse=True)
    return vertex, first


def _at_common_vertices(xy: Floats, row: Rows) -> Junctions:
    """Break lines at the vertices that they share."""
    vertex, first = _numbered(xy)
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
    return Junctions(xy[first[node]], pairs, begin, xy[taken], row[tail], np.zeros(len(tail), dtype=bool))


def _with_vertices(xy: Floats, row: Rows, at: Rows, place: Floats) -> tuple[Floats, Rows]:
    """Give lines more vertices, each in the step that begins at a position."""
    far = np.hypot(*(place - xy[at]).T)
    order = np.lexsort((far, at))
    at, place = at[order], place[order]
    return np.insert(xy, at + 1, place, axis=0), np.insert(row, at + 1, row[at])


def crossings(made: Junctions, apart: Flags, join: float) -> Crossings:
    """Find where edges cross and do not meet.

    Parameters
    ----------
    made
        Nodes and edges.
    apart
        Which edges lead over or under others: these may cross.
    join
        What hangs together within some times this distance (m) of a crossing meets there.

    Returns
    -------
    Crossings
        From west to east.
    """
    row = np.repeat(np.arange(len(made.ends)), np.diff(made.begin))
    steps = _Steps(made.line_xy, row)
    level = np.flatnonzero(~apart[steps.line])
    one, two, xy = steps.crossing(level)
    spot, step, group = steps.together(xy, max(_AROUND * join, _LANDING_M))
    key = spot * len(steps.a) + step
    order = np.argsort(key)
    base = np.arange(len(xy)) * len(steps.a)
    label = [group[order][np.searchsorted(key[order], base + each)] for each in (one, two)]
    free = np.flatnonzero(label[0] != label[1]) if len(xy) else np.empty(0, dtype=np.intp)
    free = free[np.lexsort((xy[free, 1], xy[free, 0]))]
    return Crossings(steps.line[one[free]], steps.line[two[free]], xy[free])


def parted(made: Junctions, line: Rows, xy: Floats) -> Flags:
    """Tell at which places a line does not hang together.

    Parameters
    ----------
    made
        Nodes and edges.
    line, xy
        Lines, and a place on each.

    Returns
    -------
    numpy.ndarray
        Whether its edges around the place are of two parts, or there is an edge on one side of it only.
    """
    some = made.taken(np.flatnonzero(np.isin(made.line, line)))
    row = np.repeat(np.arange(len(some.ends)), np.diff(some.begin))
    steps = _Steps(some.line_xy, row)
    spot, step, group = steps.together(xy, _AROUND * _LANDING_M)
    mine = some.line[steps.line[step]] == line[spot]
    pairs = np.unique(np.stack([spot[mine], group[mine]]), axis=1)[0]
    return np.asarray(np.bincount(pairs, minlength=len(xy)) != 1)


def broken(made: Junctions, found: Crossings) -> Junctions:
    """Join edges where they cross.

    Parameters
    ----------
    made
        Nodes and edges.
    found
        Where, as `crossings` finds it.

    Returns
    -------
    Junctions
    """
    row = np.repeat(np.arange(len(made.ends)), np.diff(made.begin))
    edge, xy = np.r_[found.first, found.second], np.concatenate([found.xy, found.xy])
    steps = _Steps(made.line_xy, row)
    spot, step = steps.near(xy, GRAIN_M)
    mine = steps.line[step] == edge[spot]
    spot, first = np.unique(spot[mine], return_index=True)
    step = step[mine][first]
    xy, row = _with_vertices(made.line_xy, row, steps.at[step], xy[spot])
    again = _at_common_vertices(xy, row)
    return again._replace(line=made.line[again.line], leg=made.leg[again.line])


def twins(made: Junctions, join: float) -> tuple[Rows, Rows]:
    """Find edges that run beside each other from end to end.

    Parameters
    ----------
    made
        Nodes and edges.
    join
        Edges of which every place is within this distance (m) of the other one are twins.

    Returns
    -------
    tuple
        Pairs of edges, each pair once. Nodes of twins are one, or joined by edges no longer than the distance.
    """
    metres = made.metres
    short = np.flatnonzero(metres <= join)
    size = len(made.xy)
    graph = coo_array((np.ones(len(short), dtype=bool), made.ends[short].T), shape=(size, size))
    cluster = csgraph.connected_components(graph, directed=False)[1].astype(np.int64)
    long = metres > 2 * join
    # a short edge is the twin of one between the very same nodes only
    number = np.where(long[:, None], cluster[made.ends], size + made.ends.astype(np.int64))
    key = np.sort(number, axis=1) @ np.array([2 * size, 1], dtype=np.int64)
    order = np.argsort(key, kind="stable")
    one, two = _pairs(np.flatnonzero(np.r_[True, np.diff(key[order]) != 0]), len(order))
    one, two = order[one], order[two]
    # lengths tell most pairs apart
    alike = np.abs(metres[one] - metres[two]) <= 4 * join + 0.2 * np.minimum(metres[one], metres[two])
    one, two = one[alike], two[alike]
    used, position = np.unique(np.r_[one, two], return_inverse=True)
    lines = made.taken(used).lines
    first, second = lines[position[: len(one)]], lines[position[len(one) :]]
    near = shapely.hausdorff_distance(first, second) <= join + _EQUAL_M if len(one) else np.empty(0, dtype=bool)
    return np.minimum(one, two)[near], np.maximum(one, two)[near]


def _pairs(start: Rows, count: int) -> tuple[Rows, Rows]:
    """Return all pairs of positions within runs that begin at given positions."""
    size = np.diff(np.r_[start, count])
    found = [np.empty((2, 0), dtype=np.intp)]
    for n in np.unique(size[size > 1]):
        one, two = np.triu_indices(n, 1)
        base = start[size == n][:, None]
        found.append(np.stack([(base + one).reshape(-1), (base + two).reshape(-1)]))
    pairs = np.concatenate(found, axis=1)
    return pairs[0], pairs[1]


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
