"""Facets: the outlines of faces drawn again from the sweep, any number of faces to a shape.

Where the shape below a line differs from the one above it, the line is a border of both. Every tile is swept again, its
borders are cut where they meet, and each shape's borders are linked to rings that have it on their left.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.compiled import Flags, Floats, Ints, batches, kernel, lean, spread
from gis.geometry import edges, outlines, parts, rings, slabs, tally, tiles, validity
from gis.geometry.faces import Faces
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat, Outlines
from gis.geometry.parts import Shapes
from gis.geometry.rings import Borders
from gis.geometry.room import ABOVE, NE, NW, SE, SLABS, SOURCE, SW, THIN, X0, X1, Space, space

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
    if count == 0:
        return np.empty(0, dtype=object)
    borders = _swept(shapes, faces, label, count, workers)
    flat, area, length, broken = _linked(borders, faces.grid, workers)
    # larger than the shapes that are made next
    del borders
    made = outlines.shapes(flat)
    # lines that are all but upright or pass each other within a rounding can lead the linking astray
    wanted = np.bincount(label[label >= 0], faces.area_m2[label >= 0], count)
    wrong = broken | ~validity.valid(made, flat, workers=workers) | (np.abs(area - wanted) > 1e-6 + 1e-8 * length)
    for n in np.flatnonzero(wrong):
        again = shapely.union_all([_by_geos(shapes, faces, int(face)) for face in np.flatnonzero(label == n)])
        tries = np.array([shapely.make_valid(made[n], method="structure"), again], dtype=object)
        made[n] = tries[np.argmin(np.abs(shapely.area(tries) - wanted[n]))]
    return parts.without_dust(made, 0.0) if wrong.any() else made


def _swept(shapes: Outlines, faces: Faces, label: Ints, count: int, workers: int | None) -> Borders:
    """Find the borders of labels tile by tile, and sort them by label; those of one label keep their order."""
    grid = faces.grid
    part_label = np.append(np.asarray(label, dtype=np.int64), -1)[faces.part_face]

    def batch(run: tuple[int, int]) -> tuple[Floats, Ints]:
        line, what = _borders(shapes.flat, grid, *run, faces.part_start, part_label)
        return line, what

    found = spread(batch, batches(grid.columns * grid.rows), workers)
    sizes = sum((np.bincount(what[:, 0], minlength=count) for _, what in found), np.zeros(count, dtype=np.int64))
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    borders = Borders(start, np.empty((start[-1], 4)), np.empty(start[-1], dtype=np.int64))
    place = start[:-1].copy()
    while found:
        # let go of one by one: they are as large as all borders together
        line, what = found.pop(0)
        _placed(line, what, place, borders)
    return borders


@lean
def _placed(line: Floats, what: Ints, place: Ints, borders: Borders) -> None:
    """Write borders where the next one of their label belongs."""
    for n in range(len(line)):
        k = place[what[n, 0]]
        borders.line[k, 0], borders.line[k, 1] = line[n, 0], line[n, 1]
        borders.line[k, 2], borders.line[k, 3] = line[n, 2], line[n, 3]
        borders.edge[k] = what[n, 1]
        place[what[n, 0]] = k + 1


def _linked(borders: Borders, grid: Grid, workers: int | None) -> tuple[Outlines, Floats, Floats, Flags]:
    """Make an outline of each label's borders; return them, their areas and lengths, and which are broken."""

    def batch(run: tuple[int, int]) -> tuple[Outlines, Floats, Floats, Flags]:
        points, ring, owner, broken = rings.linked(borders, *run, (grid.width, grid.height))
        # measured near the grid's corner, where no digit is lost
        *flat, area, length = rings.nested(points, ring, owner, broken, (grid.west, grid.south))
        return Outlines(*flat), area, length, broken

    found = spread(batch, batches(len(borders.start) - 1), workers)
    flat = outlines.joined([each for each, *_ in found])
    area, length, broken = (np.concatenate([each[n] for each in found]) for n in (1, 2, 3))
    return flat, area, length, broken


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
                whats[used, 1] = _UPRIGHT if what[n, 2] < 0 else room.tie[what[n, 2], SOURCE]
                used += 1
    return lines[:used].copy(), whats[:used].copy()


@lean
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


@lean
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


@lean
def _exact(
    room: Space, piece: int, side: int, spot: tuple[float, float], flat: Flat, grid: Grid, corner: tuple[float, float]
) -> tuple[bool, float, float]:
    """Tell whether a border ends where its edge does, or where that meets a side of the tile, and where that is."""
    (at, height), (west, south) = spot, corner
    k, x, y = np.int64(room.tie[piece, SOURCE]), flat.x, flat.y
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
    return True, edges.crossing(ax, ay, bx, by, py), py
