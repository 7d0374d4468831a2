"""Discs: whether ground that two shapes share, or that others leave open of a shape, is wide enough for a disc.

The ground is swept in the window around it. A trapezoid lower than the disc holds no centre. For any other, branch and
bound: if its middle is d from the nearest edge and no point of it is further than s from its middle, no centre in it is
deeper than d + s. Nor is it deeper than half of what its distances from any two edges add up to, and that sum is
convex, so its largest value is at a corner: a long strip is dismissed at once. What may be deep enough is halved, and a
middle that is deep enough settles the question.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Flags, Floats, Ints, Places, batches, inlined, kernel, lean, spread
from gis.geometry import edges, slabs, tally, tiles
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat, Outlines
from gis.geometry.room import COVER, NE, NW, PIECES, SE, SLAB, SW, TOGGLES, TRAPS, Space, mark_of, space

# a trapezoid this much smaller than the disc is not halved again; so many are looked at before GEOS is asked
_FINE = 1e-3
_PATIENCE = 4_000
NO, YES, ASK = 0, 1, -1


def fits(
    shapes: Outlines,
    grid: Grid,
    layer_of: NDArray[np.int32],
    what: NDArray[np.int64],
    place: NDArray[np.float64],
    box: NDArray[np.float64],
    radius: float,
    *,
    workers: int | None = None,
) -> NDArray[np.int8]:
    """Tell where a disc fits.

    Parameters
    ----------
    shapes, grid
        Shapes of all layers and the tiles over them.
    layer_of
        Position of each shape's layer.
    what
        Rows of -1 and two shapes or more (their common ground), or of a layer and a shape (its ground in no shape of
        the layer, as far as it hangs together with `place`); -1 behind the last shape.
    place, box
        A point of that ground, and west, south, east and north of it.
    radius
        Radius of the disc, m.
    workers
        Number of threads; the result does not depend on it.

    Returns
    -------
    numpy.ndarray
        YES, NO, or ASK where it is too close to call.
    """

    def batch(run: tuple[int, int]) -> NDArray[np.int8]:
        rows = slice(*run)
        return np.asarray(_fits(shapes.flat, grid, layer_of, what[rows], place[rows], box[rows], radius))

    found = spread(batch, batches(len(what)), workers)
    return np.concatenate([np.empty(0, dtype=np.int8), *found])


@kernel
def _fits(
    flat: Flat, grid: Grid, layer_of: Places, what: Ints, place: Floats, box: Floats, radius: float
) -> NDArray[np.int8]:
    """Answer questions one by one."""
    answer = np.empty(len(what), dtype=np.int8)
    room = space(256, 64, 1024)
    seen = np.zeros(len(layer_of), dtype=np.bool_)
    for n in range(len(what)):
        window = np.array([
            box[n, 0] - radius, box[n, 1] - radius, box[n, 2] + radius, box[n, 3] + radius
        ])  # fmt: skip
        here = _here(flat, grid, layer_of, what[n], window, seen)
        room, lines = _filled(room, flat, here, window)
        width, height = window[2] - window[0], window[3] - window[1]
        while not slabs.sweep(room, len(here), width, height):
            room = space(len(room.piece), len(room.mark) * 2, len(room.trap) * 2)
            room, lines = _filled(room, flat, here, window)
        ground = _ground(room, here, what[n], place[n, 0] - window[0], place[n, 1] - window[1])
        answer[n] = _deep_enough(room, ground, lines, radius)
    return answer


@kernel
def _here(flat: Flat, grid: Grid, layer_of: Places, what: Ints, window: Floats, seen: Flags) -> Ints:
    """Return the shapes that decide in a window: the ones asked about first, then the layer's."""
    if what[0] < 0:
        return what[1:][what[1:] >= 0]
    owner, boxes = flat.owner, flat.box
    found = np.empty(64, dtype=np.int64)
    found[0], count = what[1], 1
    west, south = window[0] - grid.west, window[1] - grid.south
    first, last = max(int(west / grid.width), 0), int((window[2] - grid.west) / grid.width)
    low, high = max(int(south / grid.height), 0), int((window[3] - grid.south) / grid.height)
    for row in range(low, min(high, grid.rows - 1) + 1):
        for column in range(first, min(last, grid.columns - 1) + 1):
            tile = row * grid.columns + column
            edges = grid.edge_start[tile + 1] - grid.edge_start[tile]
            for k in range(edges + grid.corner_start[tile + 1] - grid.corner_start[tile]):
                if k < edges:
                    candidate = np.int64(owner[grid.edge[grid.edge_start[tile] + k]])
                else:
                    candidate = np.int64(grid.corner[grid.corner_start[tile] + k - edges])
                if layer_of[candidate] != what[0] or seen[candidate] or not _meets(boxes, candidate, window):
                    continue
                seen[candidate] = True
                if count == len(found):
                    found = tally.longer(found, 2 * count)
                found[count] = candidate
                count += 1
    for k in range(1, count):
        seen[found[k]] = False
    found[1:count] = np.sort(found[1:count])
    return found[:count]


@inlined
def _meets(boxes: Floats, n: int, window: Floats) -> bool:
    """Tell whether the box of a shape meets a window."""
    return (
        boxes[n, 0] <= window[2] and boxes[n, 2] >= window[0] and boxes[n, 1] <= window[3] and boxes[n, 3] >= window[1]
    )


@kernel
def _filled(room: Space, flat: Flat, here: Ints, window: Floats) -> tuple[Space, Floats]:
    """Fill the room of a sweep with the edges of some shapes; return it, and the edges in the window."""
    x, y, ring, shape = flat.x, flat.y, flat.ring, flat.shape
    points = 0
    for n in here:
        points += ring[shape[n + 1]] - ring[shape[n]]
    if points > len(room.piece) or len(here) > len(room.mark):
        room = space(2 * points, 2 * len(here), len(room.trap))
    lines, count = np.empty((points, 4)), 0
    room.size[PIECES] = room.size[TOGGLES] = 0
    width, height = window[2] - window[0], window[3] - window[1]
    for n in range(len(here)):
        room.mark[n] = mark_of(here[n])
        edges.enter(room, flat, here[n], n, (window[0], window[1], width, height))
        for r in range(shape[here[n]], shape[here[n] + 1]):
            for k in range(ring[r], ring[r + 1] - 1):
                ax, ay, bx, by = x[k] - window[0], y[k] - window[1], x[k + 1] - window[0], y[k + 1] - window[1]
                if min(ax, bx) <= width and max(ax, bx) >= 0 and min(ay, by) <= height and max(ay, by) >= 0:
                    lines[count, 0], lines[count, 1], lines[count, 2], lines[count, 3] = ax, ay, bx, by
                    count += 1
    return room, lines[:count]


@kernel
def _ground(room: Space, here: Ints, what: Ints, px: float, py: float) -> Ints:
    """Return the trapezoids of the ground that is asked about."""
    traps = room.size[TRAPS]
    good = np.zeros(traps, dtype=np.bool_)
    wanted = len(here) if what[0] < 0 else 1
    for t in range(traps):
        cover = room.place[t, COVER]
        begin, end = room.cover[cover], room.cover[cover + 1]
        # in all the shapes asked about, or alone in the one
        good[t] = end - begin == wanted and room.member[begin] == 0
    if what[0] >= 0:
        part, _ = tiles.parts_of(room)
        piece = -1
        for t in range(traps):
            slab = room.place[t, SLAB]
            if good[t] and room.slab[slab, 0] <= px <= room.slab[slab, 1]:
                share = (px - room.slab[slab, 0]) / (room.slab[slab, 1] - room.slab[slab, 0])
                low = room.trap[t, SW] + share * (room.trap[t, SE] - room.trap[t, SW])
                high = room.trap[t, NW] + share * (room.trap[t, NE] - room.trap[t, NW])
                if low <= py <= high:
                    piece = part[t]
        for t in range(traps):
            good[t] = good[t] and part[t] == piece
    return np.flatnonzero(good)


@kernel
def _deep_enough(room: Space, ground: Ints, edges: Floats, radius: float) -> int:
    """Tell whether a point of the trapezoids is further than the radius from all edges."""
    near = np.empty((len(edges), 4))
    looked, unsure = 0, False
    cell = np.empty((256, 6))
    for t in ground:
        trap = room.trap[t]
        if max(trap[NW] - trap[SW], trap[NE] - trap[SE]) < 2 * radius:
            continue
        slab = room.place[t, SLAB]
        west, east = room.slab[slab, 0], room.slab[slab, 1]
        south, north = min(trap[SW], trap[SE]), max(trap[NW], trap[NE])
        count = 0
        for n in range(len(edges)):
            if (
                min(edges[n, 0], edges[n, 2]) <= east + radius and max(edges[n, 0], edges[n, 2]) >= west - radius
                and min(edges[n, 1], edges[n, 3]) <= north + radius and max(edges[n, 1], edges[n, 3]) >= south - radius
            ):  # fmt: skip
                near[count] = edges[n]
                count += 1
        cell[0, 0], cell[0, 1], cell[0, 2], cell[0, 3], cell[0, 4], cell[0, 5] = (
            west, east, trap[SW], trap[SE], trap[NW], trap[NE]
        )  # fmt: skip
        depth = 1
        while depth:
            depth -= 1
            x0, x1, a0, a1, b0, b1 = (
                cell[depth, 0], cell[depth, 1], cell[depth, 2], cell[depth, 3], cell[depth, 4], cell[depth, 5]
            )  # fmt: skip
            mx, my = (x0 + x1) / 2, (a0 + a1 + b0 + b1) / 4
            reach = np.sqrt((x1 - x0) ** 2 / 4 + max(my - min(a0, a1), max(b0, b1) - my) ** 2)
            deep, nearest = _depth(near, count, mx, my)
            if deep > radius:
                return YES
            if deep + reach < radius or _shallow(near, count, nearest, (x0, x1, a0, a1, b0, b1), radius):
                continue
            looked += 1
            if reach < _FINE * radius or looked > _PATIENCE or depth + 2 > len(cell):
                unsure = True
                continue
            # across the longer way; a steep strip is long along its slope
            if max(x1 - x0, abs(a1 - a0), abs(b1 - b0)) >= max(b0 - a0, b1 - a1):
                am, bm = (a0 + a1) / 2, (b0 + b1) / 2
                _put(cell, depth, x0, mx, a0, am, b0, bm)
                _put(cell, depth + 1, mx, x1, am, a1, bm, b1)
            else:
                m0, m1 = (a0 + b0) / 2, (a1 + b1) / 2
                _put(cell, depth, x0, x1, a0, a1, m0, m1)
                _put(cell, depth + 1, x0, x1, m0, m1, b0, b1)
            depth += 2
    return ASK if unsure else NO


@lean
def _shallow(
    edges: Floats, count: int, nearest: int, trapezoid: tuple[float, float, float, float, float, float], radius: float
) -> bool:
    """Tell whether no point of a trapezoid is further than a diameter from two edges together, by its corners."""
    x0, x1, a0, a1, b0, b1 = trapezoid
    one = edges[nearest]
    sw, se = _distance(one, x0, a0), _distance(one, x1, a1)
    nw, ne = _distance(one, x0, b0), _distance(one, x1, b1)
    for n in range(count):
        other = edges[n]
        if (
            sw + _distance(other, x0, a0) < 2 * radius and ne + _distance(other, x1, b1) < 2 * radius
            and se + _distance(other, x1, a1) < 2 * radius and nw + _distance(other, x0, b0) < 2 * radius
        ):  # fmt: skip
            return True
    return False


@inlined
def _put(cell: Floats, n: int, x0: float, x1: float, a0: float, a1: float, b0: float, b1: float) -> None:
    """Write a trapezoid down."""
    cell[n, 0], cell[n, 1], cell[n, 2], cell[n, 3], cell[n, 4], cell[n, 5] = x0, x1, a0, a1, b0, b1


@lean
def _depth(edges: Floats, count: int, px: float, py: float) -> tuple[float, int]:
    """Return the distance of a point from the nearest edge, m, and which that is."""
    best, nearest = np.inf, 0
    for n in range(count):
        distance = _distance(edges[n], px, py)
        if distance < best:
            best, nearest = distance, n
    return best, nearest


@inlined
def _distance(edge: Floats, px: float, py: float) -> float:
    """Return the distance of a point from an edge, m."""
    dx, dy = edge[2] - edge[0], edge[3] - edge[1]
    square = dx * dx + dy * dy
    share = 0.0
    if square > 0:
        share = min(max(((px - edge[0]) * dx + (py - edge[1]) * dy) / square, 0.0), 1.0)
    ex, ey = edge[0] + share * dx - px, edge[1] + share * dy - py
    return np.sqrt(ex * ex + ey * ey)
