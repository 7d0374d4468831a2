"""Facets: the outlines of faces drawn again from the sweep, any number of faces to a shape.

Where the shape below a line differs from the one above it, the line is a border of both. Every tile is swept again, its
borders are cut where they meet, and each shape's borders are linked to rings that have it on their left.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.compiled import Flags, Floats, Ints, batches, kernel, spread
from gis.geometry import outlines, parts, slabs, tally, tiles, validity
from gis.geometry.faces import Faces
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat, Outlines
from gis.geometry.parts import Shapes
from gis.geometry.room import ABOVE, NE, NW, SE, SLABS, SW, THIN, X0, X1, Space, space

# points of one place that rounding has set apart are nearer than this, m
_SAME = 4e-9
# an edge ends where it was drawn if it does so to this, m
_CUT = 1e-11
# an edge without number: a vertical border
_UPRIGHT = -1


def drawn(
    shapes: Outlines, faces: Faces, label: NDArray[np.int64], count: int, *, workers: int | None = None
) -> Shapes:
    """Draw the faces of each label as one shape.

    Parameters
    ----------
    shapes
        What the faces were cut from.
    faces
        The faces.
    label
        Which shape each face is part of, from 0; -1 for none.
    count
        Number of shapes.
    workers
        Number of threads; the result does not depend on it.

    Returns
    -------
    numpy.ndarray
        Polygons and multipolygons in the CRS of `shapes`, shells counter-clockwise; an empty polygon for a label that
        no face has. Neighbours share their vertices exactly, but where lines pass each other within a nanometre.
    """
    grid = faces.grid
    part_label = np.append(np.asarray(label, dtype=np.int64), -1)[faces.part_face]

    def batch(run: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        return _borders(shapes.flat, grid, *run, faces.part_start, part_label)

    found = spread(batch, batches(grid.columns * grid.rows), workers)
    line = np.concatenate([lines for lines, _ in found])
    what = np.concatenate([whats for _, whats in found])
    start, order = _sorted_by(what[:, 0], count)
    points, ring, ring_label, broken = _rings(line, what, start, order, (grid.width, grid.height))
    made = _assembled(points, ring, ring_label, count)
    # measured near the grid's corner, where no digit is lost
    area, slack = shapely.area(made), 1e-6 + 1e-8 * shapely.length(made)
    corner = np.array([grid.west, grid.south])
    made = np.asarray(shapely.transform(made, lambda xy: xy + corner), dtype=object)
    # lines that are all but upright or pass each other within a rounding can lead the linking astray
    wanted = np.bincount(label[label >= 0], faces.area_m2[label >= 0], count)
    wrong = broken | ~validity.valid(made, workers=workers) | (np.abs(area - wanted) > slack)
    for n in np.flatnonzero(wrong):
        again = shapely.union_all([_by_geos(shapes, faces, int(face)) for face in np.flatnonzero(label == n)])
        tries = np.array([shapely.make_valid(made[n], method="structure"), again], dtype=object)
        made[n] = tries[np.argmin(np.abs(shapely.area(tries) - wanted[n]))]
    return parts.without_dust(made, 0.0) if wrong.any() else made


def _by_geos(shapes: Outlines, faces: Faces, face: int) -> shapely.Geometry:
    """Draw one face by GEOS: the ground of its cover and of no other shape, as far as it hangs together."""
    box, cover = faces.box[face], faces.cover[face]
    members = faces.member[faces.cover_start[cover] : faces.cover_start[cover + 1]]
    boxes = shapes.boxes
    meets = (boxes[:, 0] <= box[2]) & (boxes[:, 2] >= box[0]) & (boxes[:, 1] <= box[3]) & (boxes[:, 3] >= box[1])
    others = np.setdiff1d(np.flatnonzero(meets), members)
    corner = np.floor(box[:2])
    inside, outside = (
        shapely.transform(outlines.shapes(shapes.taken(rows)), lambda xy: xy - corner) for rows in (members, others)
    )
    pieces, _ = parts.polygons(np.array([shapely.intersection_all(inside).difference(shapely.union_all(outside))]))
    if not len(pieces):
        return shapely.Polygon()
    nearest = pieces[np.argmin(shapely.distance(pieces, shapely.Point(faces.place[face] - corner)))]
    return shapely.transform(nearest, lambda xy: xy + corner)


@kernel
def _borders(flat: Flat, grid: Grid, first: int, last: int, part_start: Ints, part_label: Ints) -> tuple[Floats, Ints]:
    """Return the borders of labels in some tiles: from, to (from the grid's corner), label and edge."""
    room = space(256, 128, 2048)
    shapes = len(flat.shape) - 1
    seen, local = np.zeros(shapes, dtype=np.bool_), np.empty(shapes, dtype=np.int32)
    lines, whats, used = np.empty((4096, 4)), np.empty((4096, 2), dtype=np.int64), 0
    for tile in range(first, last):
        if _of_one_label(part_label, part_start[tile], part_start[tile + 1]):
            continue
        room, here = tiles.filled(room, flat, grid, tile, seen, local)
        while not slabs.sweep(room, len(here), grid.width, grid.height):
            room = space(len(room.piece), len(room.mark) * 2, len(room.trap) * 2)
            room, here = tiles.filled(room, flat, grid, tile, seen, local)
        part, _ = tiles.parts_of(room)
        label = part_label[part_start[tile] + part]
        line, end, what, count = _lines(room, label)
        column, row = tile % grid.columns, tile // grid.columns
        corner = (column * grid.width, row * grid.height)
        point = _points(room, line, end, what, count, flat, grid, corner)
        while used + 2 * count > len(lines):
            lines, whats = tally.longer_rows(lines, used + 2 * count), tally.longer_rows(whats, used + 2 * count)
        for n in range(count):
            ax, ay, bx, by = point[2 * n, 0], point[2 * n, 1], point[2 * n + 1, 0], point[2 * n + 1, 1]
            if ax == bx and ay == by:
                continue
            for side in range(2):
                if what[n, side] < 0:
                    continue
                # the label above a border has it on its left going east, the label below going west
                if side:
                    lines[used, 0], lines[used, 1], lines[used, 2], lines[used, 3] = ax, ay, bx, by
                else:
                    lines[used, 0], lines[used, 1], lines[used, 2], lines[used, 3] = bx, by, ax, ay
                whats[used, 0] = what[n, side]
                whats[used, 1] = _UPRIGHT if what[n, 2] < 0 else room.source[what[n, 2]]
                used += 1
    return lines[:used].copy(), whats[:used].copy()


@kernel
def _of_one_label(label: Ints, begin: int, end: int) -> bool:
    """Tell whether nothing is to be drawn between the parts of a tile."""
    for n in range(begin + 1, end):
        if label[n] != label[begin]:
            return False
    return True


@kernel
def _lines(room: Space, label: Ints) -> tuple[Floats, Ints, Ints, int]:
    """Return the borders in a swept tile: y at both ends, the slab lines they end at, and what they are.

    What a border is: the label below (or west, for an upright one), the label above (or east), and its piece.
    """
    room_for = room.first[room.size[SLABS]] * 4 + 16
    line, end = np.empty((room_for, 2)), np.empty((room_for, 2), dtype=np.int64)
    what = np.empty((room_for, 3), dtype=np.int64)
    count = 0
    current = np.full(len(room.piece), -1, dtype=np.int64)
    for slab in range(room.size[SLABS]):
        for t in range(room.first[slab], room.first[slab + 1] - 1):
            below, above, piece = label[t], label[t + 1], room.place[t, ABOVE]
            if below == above:
                continue
            n = current[piece]
            # a border goes on as long as its edge does and parts the same labels
            if n >= 0 and end[n, 1] == slab and what[n, 0] == below and what[n, 1] == above:
                line[n, 1], end[n, 1] = room.trap[t, NE], slab + 1
            else:
                line[count, 0], line[count, 1] = room.trap[t, NW], room.trap[t, NE]
                end[count, 0], end[count, 1] = slab, slab + 1
                what[count, 0], what[count, 1], what[count, 2] = below, above, piece
                current[piece] = count
                count += 1
        if slab > 0:
            count = _uprights(room, label, slab, line, end, what, count)
    return line, end, what, count


@kernel
def _uprights(room: Space, label: Ints, slab: int, line: Floats, end: Ints, what: Ints, count: int) -> int:
    """Add the upright borders between a slab and the one before it; return how many borders there are."""
    trap = room.trap
    a, b = room.first[slab - 1], room.first[slab]
    end_a, end_b = b, room.first[slab + 1]
    while a < end_a and b < end_b:
        low, high = max(trap[a, SE], trap[b, SW]), min(trap[a, NE], trap[b, NW])
        if high - low > THIN and label[a] != label[b]:
            n = count - 1
            goes_on = n >= 0 and what[n, 2] < 0 and end[n, 0] == slab and line[n, 0] - low < THIN
            # north to south, so that the east is on the left
            if goes_on and what[n, 0] == label[a] and what[n, 1] == label[b] and low - line[n, 0] < THIN:
                line[n, 0] = high
            else:
                line[count, 0], line[count, 1] = high, low
                end[count, 0] = end[count, 1] = slab
                what[count, 0], what[count, 1], what[count, 2] = label[a], label[b], -1
                count += 1
        if trap[a, NE] < trap[b, NW]:
            a += 1
        else:
            b += 1
    return count


@kernel
def _points(
    room: Space, line: Floats, end: Ints, what: Ints, count: int, flat: Flat, grid: Grid, corner: tuple[float, float]
) -> Floats:
    """Return the ends of borders from the grid's corner: one point for ends that rounding has set apart.

    An end of an edge is where it was drawn; where a tile's side cuts an edge both tiles find the same point.
    """
    west, south = corner
    point, exact = np.empty((2 * count, 2)), np.zeros(2 * count, dtype=np.bool_)
    key, height = np.empty(2 * count, dtype=np.int64), np.empty(2 * count)
    slab_count = room.size[SLABS]
    for n in range(count):
        for side in range(2):
            k, slab = 2 * n + side, end[n, side]
            at = room.slab[slab, 0] if slab < slab_count else grid.width
            point[k, 0], point[k, 1] = west + at, south + line[n, side]
            key[k], height[k] = slab, line[n, side]
            if what[n, 2] >= 0:
                found = _exact(room, what[n, 2], side, (at, line[n, side]), flat, grid, corner)
                exact[k] = found[0]
                if found[0]:
                    point[k, 0], point[k, 1] = found[1], found[2]
    order = np.argsort(height, kind="mergesort")
    order = order[np.argsort(key[order], kind="mergesort")]
    begin = 0
    for n in range(1, 2 * count + 1):
        if n < 2 * count and key[order[n]] == key[order[n - 1]] and height[order[n]] - height[order[n - 1]] < _SAME:
            continue
        best = order[begin]
        for k in range(begin, n):
            if exact[order[k]]:
                best = order[k]
                break
        for k in range(begin, n):
            point[order[k], 0], point[order[k], 1] = point[best, 0], point[best, 1]
        begin = n
    return point


@kernel
def _exact(
    room: Space, piece: int, side: int, spot: tuple[float, float], flat: Flat, grid: Grid, corner: tuple[float, float]
) -> tuple[bool, float, float]:
    """Tell whether a border ends where its edge does, or where that meets a side of the tile, and where that is."""
    (at, height), (west, south) = spot, corner
    k, x, y = room.source[piece], flat.x, flat.y
    ax, ay, bx, by = x[k] - grid.west, y[k] - grid.south, x[k + 1] - grid.west, y[k + 1] - grid.south
    if ax > bx:
        ax, ay, bx, by = bx, by, ax, ay
    clip = room.piece[piece, X1] if side else room.piece[piece, X0]
    if abs(clip - at) > THIN:
        return False, 0.0, 0.0
    # an end that no side of the tile has cut off; the height there is no guide where an edge is all but upright
    if side == 0 and abs(clip - (ax - west)) <= _CUT:
        return True, ax, ay
    if side == 1 and abs(clip - (bx - west)) <= _CUT:
        return True, bx, by
    if at <= THIN or at >= grid.width - THIN:
        px = west if at <= THIN else west + grid.width
        return True, px, ay + (px - ax) * ((by - ay) / (bx - ax))
    py = south if height < grid.height / 2 else south + grid.height
    return True, slabs.crossing(ax, ay, bx, by, py), py


@kernel
def _sorted_by(label: Ints, count: int) -> tuple[Ints, Ints]:
    """Return where each label's borders begin in an order of all, and the order."""
    start = np.zeros(count + 1, dtype=np.int64)
    for value in label:
        start[value + 1] += 1
    for n in range(count):
        start[n + 1] += start[n]
    order, place = np.empty(len(label), dtype=np.int64), start[:-1].copy()
    for n in range(len(label)):
        order[place[label[n]]] = n
        place[label[n]] += 1
    return start, order


@kernel
def _rings(
    line: Floats, what: Ints, start: Ints, order: Ints, sides: tuple[float, float]
) -> tuple[Floats, Ints, Ints, Flags]:
    """Link the borders of each label to rings; return points, where rings begin, their labels, and broken labels."""
    points, used = np.empty((2 * len(line) + 16, 2)), 0
    ring, label, rings = np.zeros(len(line) + 2, dtype=np.int64), np.empty(len(line) + 1, dtype=np.int64), 0
    broken = np.zeros(len(start) - 1, dtype=np.bool_)
    for n in range(len(start) - 1):
        count = start[n + 1] - start[n]
        if count == 0:
            continue
        own = order[start[n] : start[n + 1]]
        first, following = _chains(line, own)
        gone = np.zeros(count, dtype=np.bool_)
        path = np.empty(count + 1, dtype=np.int64)
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
                back = _passed(line, own, path, length, first, following)
                if back >= 0:
                    if rings + 1 >= len(label):
                        broken[n] = True
                        break
                    used = _closed(line, what, own, path, (back, length), points, used, sides)
                    if used - ring[rings] >= 4:
                        rings += 1
                        ring[rings], label[rings - 1] = used, n
                    else:
                        used = ring[rings]
                    length = back
                    if length == 0:
                        break
                k = _next(line, own, first, following, gone, path[length - 1] if back < 0 else k)
                if k < 0 and length > 0:
                    broken[n] = True
                    break
            if broken[n]:
                break
        if broken[n]:
            used, rings = begin_used, begin_rings
    return points[:used].copy(), ring[: rings + 1].copy(), label[:rings].copy(), broken


@kernel
def _chains(line: Floats, own: Ints) -> tuple[Ints, Ints]:
    """Return a table of the places where borders begin: the first border of each slot, and the next in its chain."""
    slots = 4
    while slots < 2 * len(own):
        slots *= 2
    first, following = np.full(slots, -1, dtype=np.int64), np.full(len(own), -1, dtype=np.int64)
    for k in range(len(own) - 1, -1, -1):
        slot = _slot(line[own[k], 0], line[own[k], 1], slots)
        following[k] = first[slot]
        first[slot] = k
    return first, following


@kernel
def _slot(px: float, py: float, slots: int) -> np.int64:
    """Return the slot of a place."""
    mixed = np.int64(px * 1048576.0) * 73856093 ^ np.int64(py * 1048576.0) * 19349663
    return (mixed ^ (mixed >> 17)) & (slots - 1)


@kernel
def _next(line: Floats, own: Ints, first: Ints, following: Ints, gone: Flags, last: int) -> int:
    """Return a border that begins where the last one ends: the one furthest to the left (-1: none)."""
    px, py = line[own[last], 2], line[own[last], 3]
    dx, dy = px - line[own[last], 0], py - line[own[last], 1]
    best, turn = -1, -10.0
    k = first[_slot(px, py, len(first))]
    while k >= 0:
        if not gone[k] and line[own[k], 0] == px and line[own[k], 1] == py:
            ex, ey = line[own[k], 2] - px, line[own[k], 3] - py
            angle = np.arctan2(dx * ey - dy * ex, dx * ex + dy * ey)
            if angle > turn:
                best, turn = k, angle
        k = following[k]
    return best


@kernel
def _passed(line: Floats, own: Ints, path: Ints, length: int, first: Ints, following: Ints) -> int:
    """Return the position on the path of the border that begins where the last one ends (-1: none)."""
    px, py = line[own[path[length - 1]], 2], line[own[path[length - 1]], 3]
    if line[own[path[0]], 0] == px and line[own[path[0]], 1] == py:
        return 0
    # only a place where several borders begin can be passed twice
    begins, k = 0, first[_slot(px, py, len(first))]
    while k >= 0:
        begins += line[own[k], 0] == px and line[own[k], 1] == py
        k = following[k]
    for n in range(length if begins > 1 else 0):
        if line[own[path[n]], 0] == px and line[own[path[n]], 1] == py:
            return n
    return -1


@kernel
def _closed(
    line: Floats,
    what: Ints,
    own: Ints,
    path: Ints,
    span: tuple[int, int],
    points: Floats,
    used: int,
    sides: tuple[float, float],
) -> int:
    """Write the ring of a piece of path down, without the points that only a tile's side made; return the end."""
    first, (begin, end), (width, height) = used, span, sides
    for n in range(begin, end):
        before, here = own[path[n - 1 if n > begin else end - 1]], own[path[n]]
        px, py = line[here, 0], line[here, 1]
        if what[before, 1] == what[here, 1] and (_on_line(px, width) or _on_line(py, height)):
            continue
        points[used, 0], points[used, 1] = px, py
        used += 1
    if used > first:
        points[used, 0], points[used, 1] = points[first, 0], points[first, 1]
        used += 1
    return used


@kernel
def _on_line(value: float, size: float) -> bool:
    """Tell whether a coordinate from the grid's corner lies on a side of a tile."""
    return np.round(value / size) * size == value


def _assembled(
    points: NDArray[np.float64], ring: NDArray[np.int64], label: NDArray[np.int64], count: int
) -> Shapes:
    """Make shapes of rings: shells run counter-clockwise, and each hole goes to the smallest shell around it."""
    area = _signed(points, ring)
    shell = _shells(points, ring, label, area)
    order = np.lexsort((np.arange(len(area)), area <= 0, shell, label))
    lengths = np.diff(ring)[order]
    coordinates = points[_spans(ring[:-1][order], lengths)]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    begins = np.flatnonzero(area[order] > 0)
    polygon = np.append(begins, len(order))
    multi = np.searchsorted(label[order][begins], np.arange(count + 1))
    made = shapely.from_ragged_array(
        shapely.GeometryType.MULTIPOLYGON, coordinates, (starts.astype(np.int64), polygon, multi)
    )
    parts = np.diff(multi)
    made[parts == 1] = shapely.get_geometry(made[parts == 1], 0)
    made[parts == 0] = shapely.Polygon()
    return np.asarray(made, dtype=object)


def _spans(begin: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions of several runs in a row."""
    ends = np.cumsum(length)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - (ends - length), length)


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
def _shells(points: Floats, ring: Ints, label: Ints, area: Floats) -> Ints:
    """Return the shell that each ring belongs to; a shell belongs to itself."""
    shell = np.arange(len(area))
    begin = 0
    while begin < len(area):
        end = begin
        while end < len(area) and label[end] == label[begin]:
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
            shell[n] = best if best >= 0 else begin
        begin = end
    return shell


@kernel
def _around(points: Floats, ring: Ints, n: int, px: float, py: float) -> bool:
    """Tell whether a ring surrounds a point."""
    inside = False
    for k in range(ring[n], ring[n + 1] - 1):
        ax, ay, bx, by = points[k, 0], points[k, 1], points[k + 1, 0], points[k + 1, 1]
        if (ay > py) != (by > py) and ax + (py - ay) * ((bx - ax) / (by - ay)) > px:
            inside = not inside
    return inside
