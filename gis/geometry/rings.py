"""Rings: borders of many shapes linked to rings that have their shape on the left, and holes put into their shells.

Invariant: at every place as many borders of a shape end as begin (`gis.geometry.borders`), so that every way round ends
where it began. Guarded by `tests/unit/geometry/test_borders.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis.compiled import Flags, Floats, Ints, kernel, lean
from gis.geometry.room import SAME


class Borders(NamedTuple):
    """Hold the borders of shapes, those of one shape in a row.

    Parameters
    ----------
    start
        Where each shape's borders begin; one entry more than there are shapes.
    line
        x and y of both ends of each border, m; the shape is on the left.
    edge
        The edge that each is a piece of.
    """

    start: Ints
    line: Floats
    edge: Ints


@kernel
def linked(borders: Borders, low: int, high: int, sides: tuple[float, float]) -> tuple[Floats, Ints, Ints, Flags]:
    """Link the borders of some shapes to rings.

    Parameters
    ----------
    borders
        The borders of all shapes.
    low, high
        Which shapes; `high` is not included.
    sides
        Width and height of the tiles, m.

    Returns
    -------
    tuple
        Points; where each ring begins in them, one entry more than there are rings; the shape of each ring, counted
        from `low`; and which shapes are broken: these have no ring.
    """
    start = borders.start
    size = start[high] - start[low]
    points, used = np.empty((2 * size + 16, 2)), 0
    ring, owner, rings = np.zeros(size + 2, dtype=np.int64), np.empty(size + 1, dtype=np.int64), 0
    broken = np.zeros(high - low, dtype=np.bool_)
    for n in range(low, high):
        count = start[n + 1] - start[n]
        line, edge = borders.line[start[n] : start[n + 1]], borders.edge[start[n] : start[n + 1]]
        first, following = _chains(line)
        gone, path = np.zeros(count, dtype=np.bool_), np.empty(count + 1, dtype=np.int64)
        begin_used, begin_rings = used, rings
        for begin in range(count):
            if gone[begin]:
                continue
            length, k = 0, begin
            while k >= 0:
                gone[k] = True
                path[length] = k
                length += 1
                # a place passed twice closes a ring of its own, so that every ring is simple
                back = _passed(line, path, length, first, following)
                if back >= 0:
                    used = _closed(line, edge, path, (back, length), points, used, sides)
                    if used - ring[rings] >= 4 and not _thin(points, ring[rings], used):
                        rings += 1
                        ring[rings], owner[rings - 1] = used, n - low
                    else:
                        used = ring[rings]
                    length = back
                    if length == 0:
                        break
                k = _next(line, first, following, gone, path[length - 1] if back < 0 else k)
                if k < 0 and length > 0:
                    broken[n - low] = True
                    break
            if broken[n - low]:
                used, rings = begin_used, begin_rings
                break
    return points[:used].copy(), ring[: rings + 1].copy(), owner[:rings].copy(), broken


@kernel
def nested(
    points: Floats, ring: Ints, owner: Ints, broken: Flags, corner: tuple[float, float]
) -> tuple[Floats, Floats, Ints, Ints, Flags, Floats]:
    """Put each hole after the smallest shell around it.

    Parameters
    ----------
    points, ring, owner, broken
        Rings as `linked` returns them: shells run counter-clockwise, holes clockwise. A hole in no shell, which lines
        that cross by a rounding can leave, is left out; the area tells whether it was more than that.
    corner
        Added to all points, once the rings are measured: a northing leaves few digits.

    Returns
    -------
    tuple
        x, y, ring, shape and hole as in `gis.geometry.outlines.Outlines`; and the area of each shape.
    """
    signed = _signed(points, ring)
    shell = _shells(points, ring, owner, signed)
    x, y = np.empty(len(points)), np.empty(len(points))
    starts, hole, used, written = np.zeros(len(ring), dtype=np.int64), np.zeros(len(owner), dtype=np.bool_), 0, 0
    shape = np.zeros(len(broken) + 1, dtype=np.int64)
    area = np.zeros(len(broken))
    begin = 0
    for n in range(len(broken)):
        end = begin
        while end < len(owner) and owner[end] == n:
            end += 1
        if not broken[n]:
            for r in _in_order(shell, begin, end):
                area[n] += signed[r]
                for k in range(ring[r], ring[r + 1]):
                    x[written], y[written] = points[k, 0] + corner[0], points[k, 1] + corner[1]
                    written += 1
                hole[used] = shell[r] != r
                used += 1
                starts[used] = written
        shape[n + 1] = used
        begin = end
    return x[:written], y[:written], starts[: used + 1], shape, hole[:used], area


@kernel
def _chains(line: Floats) -> tuple[Ints, Ints]:
    """Return a table of the places where borders begin: the first border of each slot, and the next in its chain."""
    slots = 4
    while slots < 2 * len(line):
        slots *= 2
    first, following = np.full(slots, -1, dtype=np.int64), np.full(len(line), -1, dtype=np.int64)
    for k in range(len(line) - 1, -1, -1):
        slot = _slot(line[k, 0], line[k, 1], slots)
        following[k] = first[slot]
        first[slot] = k
    return first, following


@lean
def _slot(px: float, py: float, slots: int) -> np.int64:
    """Return the slot of a place."""
    mixed = np.int64(px * 1048576.0) * 73856093 ^ np.int64(py * 1048576.0) * 19349663
    return (mixed ^ (mixed >> 17)) & (slots - 1)


@lean
def _next(line: Floats, first: Ints, following: Ints, gone: Flags, last: int) -> int:
    """Return a border that begins where the last one ends: the one furthest to the left (-1: none)."""
    px, py = line[last, 2], line[last, 3]
    dx, dy = px - line[last, 0], py - line[last, 1]
    best, turn = -1, -10.0
    k = first[_slot(px, py, len(first))]
    while k >= 0:
        if not gone[k] and line[k, 0] == px and line[k, 1] == py:
            ex, ey = line[k, 2] - px, line[k, 3] - py
            angle = np.arctan2(dx * ey - dy * ex, dx * ex + dy * ey)
            if angle > turn:
                best, turn = k, angle
        k = following[k]
    return best


@lean
def _passed(line: Floats, path: Ints, length: int, first: Ints, following: Ints) -> int:
    """Return the position on the path of the border that begins where the last one ends (-1: none)."""
    px, py = line[path[length - 1], 2], line[path[length - 1], 3]
    if line[path[0], 0] == px and line[path[0], 1] == py:
        return 0
    # only a place where several borders begin can be passed twice
    begins, k = 0, first[_slot(px, py, len(first))]
    while k >= 0:
        begins += line[k, 0] == px and line[k, 1] == py
        k = following[k]
    for n in range(length if begins > 1 else 0):
        if line[path[n], 0] == px and line[path[n], 1] == py:
            return n
    return -1


@lean
def _closed(
    line: Floats, edge: Ints, path: Ints, span: tuple[int, int], points: Floats, used: int, sides: tuple[float, float]
) -> int:
    """Write the ring of a piece of path down, without the points that only a tile's side made; return the end."""
    first, (begin, end), (width, height) = used, span, sides
    for n in range(begin, end):
        before, here = path[n - 1 if n > begin else end - 1], path[n]
        px, py = line[here, 0], line[here, 1]
        on_side = edge[before] == edge[here] and (_on_line(px, width) or _on_line(py, height))
        if on_side and straight(line[before, 0], line[before, 1], px, py, line[here, 2], line[here, 3]):
            continue
        points[used, 0], points[used, 1] = px, py
        used += 1
    if used > first:
        points[used, 0], points[used, 1] = points[first, 0], points[first, 1]
        used += 1
    return used


@lean
def _on_line(value: float, size: float) -> bool:
    """Tell whether a coordinate from the grid's corner lies on a side of a tile."""
    return np.round(value / size) * size == value


@lean
def straight(ax: float, ay: float, px: float, py: float, bx: float, by: float) -> bool:
    """Tell whether a place is on the way from one to another, to a rounding.

    Parameters
    ----------
    ax, ay, bx, by
        The two places, m.
    px, py
        The one between them, m.

    Returns
    -------
    bool
    """
    dx, dy = bx - ax, by - ay
    return abs(dx * (py - ay) - dy * (px - ax)) <= SAME * (abs(dx) + abs(dy))


@lean
def _thin(points: Floats, begin: int, end: int) -> bool:
    """Tell whether a ring is no wider than a rounding: what lines leave between them that run together again."""
    twice, length = 0.0, 0.0
    for k in range(begin, end - 1):
        dx, dy = points[k + 1, 0] - points[k, 0], points[k + 1, 1] - points[k, 1]
        twice += (points[k, 0] - points[begin, 0]) * dy - (points[k, 1] - points[begin, 1]) * dx
        length += abs(dx) + abs(dy)
    return abs(twice) <= SAME * length


@kernel
def _signed(points: Floats, ring: Ints) -> Floats:
    """Return the area of each ring, above 0 where it runs counter-clockwise."""
    area = np.zeros(len(ring) - 1)
    for n in range(len(ring) - 1):
        x0, y0, twice = points[ring[n], 0], points[ring[n], 1], 0.0
        for k in range(ring[n], ring[n + 1] - 1):
            twice += (points[k, 0] - x0) * (points[k + 1, 1] - y0) - (points[k + 1, 0] - x0) * (points[k, 1] - y0)
        area[n] = twice / 2
    return area


@kernel
def _shells(points: Floats, ring: Ints, owner: Ints, area: Floats) -> Ints:
    """Return the shell that each ring belongs to, -1 for none; a shell belongs to itself."""
    shell = np.arange(len(area))
    begin = 0
    while begin < len(area):
        end = begin
        while end < len(area) and owner[end] == owner[begin]:
            end += 1
        for n in range(begin, end):
            if area[n] > 0:
                continue
            px = (points[ring[n], 0] + points[ring[n] + 1, 0]) / 2
            py = (points[ring[n], 1] + points[ring[n] + 1, 1]) / 2
            best = -1
            for m in range(begin, end):
                if area[m] > -area[n] and (best < 0 or area[m] < area[best]) and _around(points, ring, m, px, py):
                    best = m
            shell[n] = best
        begin = end
    return shell


@lean
def _around(points: Floats, ring: Ints, n: int, px: float, py: float) -> bool:
    """Tell whether a ring surrounds a point."""
    inside = False
    for k in range(ring[n], ring[n + 1] - 1):
        ax, ay, bx, by = points[k, 0], points[k, 1], points[k + 1, 0], points[k + 1, 1]
        if (ay > py) != (by > py) and ax + (py - ay) * ((bx - ax) / (by - ay)) > px:
            inside = not inside
    return inside


@kernel
def _in_order(shell: Ints, begin: int, end: int) -> Ints:
    """Return those of some rings that belong to a shell in another order: each shell, then its holes."""
    place, order, count = np.zeros(end - begin + 1, dtype=np.int64), np.empty(end - begin, dtype=np.int64), 0
    for n in range(begin, end):
        if shell[n] >= 0:
            place[shell[n] - begin + 1] += 1
            count += 1
    for n in range(end - begin):
        place[n + 1] += place[n]
    for holes in (False, True):
        for n in range(begin, end):
            if shell[n] >= 0 and (shell[n] != n) == holes:
                order[place[shell[n] - begin]] = n
                place[shell[n] - begin] += 1
    return order[:count]
