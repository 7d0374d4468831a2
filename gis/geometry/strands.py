"""Strands: the stretches of edges that a walk reaches, and the ground beside them.

The ground is every place within a given depth of a strand. Its outline is drawn where the distance to the nearest
strand, measured at the corners of a fine grid, passes that depth; it is off the true outline by much less than a cell.
More strands never take ground away, so that grounds of longer walks hold those of shorter ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.compiled import Floats, Ints, inlined, kernel
from gis.geometry import tally
from gis.geometry.parts import Shapes
from gis.geometry.walks import FIRST, LAST, LEG, NOWHERE, Graph, Reach, Stops

_FAR = 1e18
# corners of the grid lie at the very depth where ways are drawn in round numbers; rings must not touch themselves there
_NUDGE_M = 1e-6


@kernel
def reached(
    graph: Graph,
    lines: tuple[Ints, Floats],
    starts: Stops,
    reach: Reach,
    station: int,
    limit: float,
    cost: Floats,
) -> Floats:
    """Find the stretches of edges that a station reaches.

    Parameters
    ----------
    graph
        Where people walk.
    lines
        Where the vertices of each edge begin, and all vertices.
    starts
        Entrances.
    reach
        Nodes as `walks.nodes` finds them, within this limit or a larger one.
    station
        Position.
    limit
        Longest walk, s.
    cost
        Room for a number a node, infinite before and after.

    Returns
    -------
    numpy.ndarray
        Straight pieces as x, y, x, y.
    """
    seconds = graph.seconds
    made, used = np.empty((1024, 4)), 0
    for n in range(reach.begin[station], reach.begin[station + 1]):
        cost[reach.item[n]] = reach.cost[n]
    for n in range(reach.begin[station], reach.begin[station + 1]):
        node = reach.item[n]
        if cost[node] > limit:
            break
        for k in range(graph.start[node], graph.start[node + 1]):
            edge = graph.edge[k]
            first, last = graph.ends[edge, 0], graph.ends[edge, 1]
            ahead = _part(limit - cost[first], seconds[edge, 0])
            back = 1.0 - _part(limit - cost[last], seconds[edge, 1])
            if ahead >= back:
                # once only, though both ends may be reached
                if node == first or cost[first] > limit:
                    made, used = _stretch(made, used, lines, edge, 0.0, 1.0)
                continue
            if node == first:
                made, used = _stretch(made, used, lines, edge, 0.0, ahead)
            if node == last:
                made, used = _stretch(made, used, lines, edge, back, 1.0)
    for entrance in range(starts.begin[station], starts.begin[station + 1]):
        edge = starts.edge[entrance]
        if edge == NOWHERE or starts.cost[entrance, LEG] > limit:
            continue
        left = limit - starts.cost[entrance, LEG]
        share = _share(starts.cost[entrance, FIRST], starts.cost[entrance, LAST], seconds[edge, 0], seconds[edge, 1])
        low, high = share - _part(left, seconds[edge, 1]), share + _part(left, seconds[edge, 0])
        made, used = _stretch(made, used, lines, edge, max(low, 0.0), min(high, 1.0))
    for n in range(reach.begin[station], reach.begin[station + 1]):
        cost[reach.item[n]] = np.inf
    return made[:used].copy()


@inlined
def _part(left: float, whole: float) -> float:
    """Return which part of an edge the time left leads along."""
    if not left >= 0.0:
        return 0.0
    return 1.0 if left >= whole else left / whole


@inlined
def _share(back: float, ahead: float, forth: float, home: float) -> float:
    """Return where along an edge a place stands from the time to either end."""
    return back / home if home > 0.0 else (1.0 - ahead / forth if forth > 0.0 else 0.0)


@kernel
def _stretch(
    made: Floats, used: int, lines: tuple[Ints, Floats], edge: int, low: float, high: float
) -> tuple[Floats, int]:
    """Write down the pieces of an edge between two shares of its length."""
    begin, xy = lines
    first, last = begin[edge], begin[edge + 1] - 1
    if used + last - first > len(made):
        made = tally.longer_rows(made, used + last - first)
    whole = 0.0
    for k in range(first, last):
        whole += np.hypot(xy[k + 1, 0] - xy[k, 0], xy[k + 1, 1] - xy[k, 1])
    walked = 0.0
    for k in range(first, last):
        dx, dy = xy[k + 1, 0] - xy[k, 0], xy[k + 1, 1] - xy[k, 1]
        step = np.hypot(dx, dy)
        if step == 0.0:
            continue
        a, b = max((low * whole - walked) / step, 0.0), min((high * whole - walked) / step, 1.0)
        walked += step
        if a <= b:
            made[used, 0], made[used, 1] = xy[k, 0] + a * dx, xy[k, 1] + a * dy
            made[used, 2], made[used, 3] = xy[k, 0] + b * dx, xy[k, 1] + b * dy
            used += 1
    return made, used


def ground(strands: Floats, depth: float, cell: float, run: Callable[[Any], Callable[..., Any]]) -> Shapes:
    """Return the ground within a depth of strands, as polygons that do not touch.

    Parameters
    ----------
    strands
        Stretches as x, y, x, y.
    depth
        How far the ground reaches on both sides, m.
    cell
        Side of the grid's cells, m.
    run
        Turns a kernel into what is called: compiled, or plain.

    Returns
    -------
    numpy.ndarray
        Polygons; none where there is no strand.
    """
    # what lies apart is drawn apart: an entrance in the wrong town makes no grid of all the land between
    drawn = [_drawn(strands[rows], depth, cell, run) for rows in _groups(strands, 2 * depth + 4 * cell)]
    return np.concatenate([np.empty(0, dtype=object), *drawn])


def _groups(strands: Floats, gap: float) -> list[NDArray[np.intp]]:
    """Return groups of strands that are further apart than a gap, as far as straight cuts tell."""
    for axis in range(2 if len(strands) else 0):
        low, high = np.sort(strands[:, axis::2], axis=1).T
        order = np.argsort(low, kind="stable")
        cuts = np.flatnonzero(low[order][1:] > np.maximum.accumulate(high[order])[:-1] + gap) + 1
        if len(cuts):
            runs = np.split(order, cuts)
            return [rows[inner] for rows in runs for inner in _groups(strands[rows], gap)]
    return [np.arange(len(strands))] if len(strands) else []


def _drawn(strands: Floats, depth: float, cell: float, run: Callable[[Any], Callable[..., Any]]) -> Shapes:
    """Return the ground of strands on one grid."""
    # the same grid for all grounds, so that they hold each other
    low = np.floor((strands.reshape(-1, 2).min(axis=0) - depth) / cell) - 2
    high = np.ceil((strands.reshape(-1, 2).max(axis=0) + depth) / cell) + 3
    origin = low * cell
    size = int(high[0] - low[0]), int(high[1] - low[1])
    # plain Python walks from corner to corner; on whole arrays it is nearly as fast as the compiler
    distances = _distances if run(_distances) is _distances else _distances_at_once
    far = distances(strands - np.tile(origin, 2), depth + _NUDGE_M, cell, size)
    xy, begin = _outlines(far, depth + _NUDGE_M, cell)
    return _polygons(xy + origin, begin)


@kernel
def _distances(strands: Floats, depth: float, cell: float, size: tuple[int, int]) -> Floats:
    """Return the distance to the nearest strand at each corner of the grid that may matter."""
    square = np.full(size, _FAR)
    pad = depth + 1.5 * cell
    for n in range(len(strands)):
        ax, ay, bx, by = strands[n, 0], strands[n, 1], strands[n, 2], strands[n, 3]
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        across = 1.0 / length if length > 0.0 else 0.0
        west = max(int((min(ax, bx) - pad) / cell), 0)
        east = min(int((max(ax, bx) + pad) / cell) + 1, size[0] - 1)
        south = max(int((min(ay, by) - pad) / cell), 0)
        north = min(int((max(ay, by) + pad) / cell) + 1, size[1] - 1)
        for i in range(west, east + 1):
            px = i * cell - ax
            for j in range(south, north + 1):
                py = j * cell - ay
                t = min(max((px * dx + py * dy) * across, 0.0), 1.0)
                ex, ey = px - t * dx, py - t * dy
                d = ex * ex + ey * ey
                if d < square[i, j]:
                    square[i, j] = d
    return np.sqrt(square)


def _distances_at_once(strands: Floats, depth: float, cell: float, size: tuple[int, int]) -> Floats:
    """Return what `_distances` does, figure by figure, without the compiler: all corners beside a strand at once."""
    square = np.full(size, _FAR)
    pad = depth + 1.5 * cell
    low = np.minimum(strands[:, :2], strands[:, 2:]) - pad
    high = np.maximum(strands[:, :2], strands[:, 2:]) + pad
    first = np.maximum((low / cell).astype(np.intp), 0)
    last = np.minimum((high / cell).astype(np.intp) + 1, np.array(size) - 1) + 1
    x, y = (np.arange(count) * cell for count in size)
    for (ax, ay, bx, by), (west, south), (east, north) in zip(
        strands.tolist(), first.tolist(), last.tolist(), strict=True
    ):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        across = 1.0 / length if length > 0.0 else 0.0
        px, py = x[west:east, None] - ax, y[south:north] - ay
        t = np.minimum(np.maximum((px * dx + py * dy) * across, 0.0), 1.0)
        ex, ey = px - t * dx, py - t * dy
        part = square[west:east, south:north]
        np.minimum(part, ex * ex + ey * ey, out=part)
    return np.sqrt(square)


def _outlines(far: Floats, depth: float, cell: float) -> tuple[Floats, Ints]:
    """Return the rings along which the distance is the depth, ground to their left, and where each begins.

    A ring goes from side to side of the cells; a side has a number: twice its corner's, and one more if it goes north.
    """
    high = far.shape[1]
    within = far <= depth
    sw, se, nw, ne = within[:-1, :-1], within[1:, :-1], within[:-1, 1:], within[1:, 1:]
    cells = np.nonzero((sw != se) | (se != ne) | (ne != nw))
    sw, se, nw, ne = (each[cells] for each in (sw, se, nw, ne))
    south = 2 * (cells[0] * high + cells[1])
    north, west, east = south + 2, south + 1, south + 2 * high + 1
    # around each run of corners within; where two lie across, each by itself
    turns = [
        (sw & ~se, south, np.where(~nw, west, np.where(~ne, north, east))),
        (se & ~ne, east, np.where(~sw, south, np.where(~nw, west, north))),
        (ne & ~nw, north, np.where(~se, east, np.where(~sw, south, west))),
        (nw & ~sw, west, np.where(~ne, north, np.where(~se, east, south))),
    ]
    tail, head = (np.concatenate([each[n][each[0]] for each in turns]) for n in (1, 2))
    order = np.argsort(tail)
    follows = dict(zip(tail[order].tolist(), head[order].tolist(), strict=True))
    sides: list[int] = []
    begin = [0]
    # the first side that is left begins the next ring
    for side in list(follows):
        at = side
        while at in follows:
            sides.append(at)
            at = follows.pop(at)
        if len(sides) > begin[-1]:
            begin.append(len(sides))
    return _spots(far, depth, cell, np.array(sides, dtype=np.int64)), np.array(begin, dtype=np.int64)


def _spots(far: Floats, depth: float, cell: float, side: Ints) -> Floats:
    """Return where on sides the distance is the depth."""
    high = far.shape[1]
    corner, north = np.divmod(side, 2)
    i, j = np.divmod(corner, high)
    a, b = far[i, j], far[i + 1 - north, j + north]
    share = np.minimum(np.maximum((depth - a) / (b - a), 0.0), 1.0)
    return np.stack([(i + np.where(north, 0.0, share)) * cell, (j + np.where(north, share, 0.0)) * cell], axis=1)


def _polygons(xy: NDArray[np.float64], begin: NDArray[np.int64]) -> Shapes:
    """Return rings as polygons: those that go round their ground, with those that go round what it leaves out."""
    row = np.repeat(np.arange(len(begin) - 1), np.diff(begin))
    rings: Shapes = np.asarray(shapely.linearrings(xy, indices=row), dtype=object)
    around = shapely.is_ccw(rings)
    shells, holes = rings[around], rings[~around]
    whole: Shapes = np.asarray(shapely.polygons(shells), dtype=object)
    hole, shell = shapely.STRtree(whole).query(np.asarray(shapely.get_point(holes, 0)), predicate="within")
    # the smallest of those around it
    order = np.lexsort((shapely.area(whole[shell]), hole))
    hole, first = np.unique(hole[order], return_index=True)
    owner = shell[order][first]
    for n in np.unique(owner):
        whole[n] = shapely.polygons(shells[n], holes=holes[hole[owner == n]])
    return whole
