"""Borders: the lines between labels in swept tiles, laid out so that the borders of every label close.

Invariant: every end of a border is a node, and a node is a function of the place that the sweep found for it. Around a
trapezoid the nodes follow each other in a ring; the borders of a label are the sum of the rings of its trapezoids, in
which what runs there and back cancels. So at every node as many borders of a label begin as end, whatever rounding has
done to the places: rings can be linked without any tolerance. On a line between slabs places nearer than a rounding are
one node; slabs thinner than that are passed over as a whole; places on a tile's side are nodes of all tiles' common
line. Guarded by `tests/unit/geometry/test_borders.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis.compiled import Floats, Ints, Places, inlined, kernel, lean
from gis.geometry import tally, tiles
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat
from gis.geometry.rings import straight
from gis.geometry.room import ABOVE, NE, NW, SAME, SLABS, SOURCE, X0, X1, Space, space
from gis.geometry.sides import EAST, NO_EDGE, SOUTH

# an edge ends where it was drawn if the sweep ends it this near, m
_END = 1e-8
# columns of what a border is: first and last node, the labels below (west of an upright one) and above (east), its
# piece of an edge
A, B, UNDER, OVER, PIECE = range(5)
# entries of Book.size: borders, stretches of sides
LINES, STRETCHES = range(2)


class Book(NamedTuple):
    """Hold the borders of several tiles, and what lies along the tiles' sides; coordinates are from the grid's corner.

    Parameters
    ----------
    size
        How much of the arrays is in use.
    line, what
        From x and y to x and y of each border, m, and its label (on the left) and edge.
    side_start, side, side_label
        For each tile its west, east, south and north side: from where to where along it which label lies there.
    """

    size: Ints
    line: Floats
    what: Ints
    side_start: Ints
    side: Floats
    side_label: Ints


class Nodes(NamedTuple):
    """Hold the nodes of one tile.

    Parameters
    ----------
    x, y, drawn
        Where each is in the tile, m, and the edge end it was drawn at (2 × edge, and 1 more for its last; -1 for none).
    line
        Where the nodes of each line between slabs begin; one entry more than there are lines.
    west, east
        The node at the upper west and east corner of each trapezoid.
    ends
        How many borders end at each.
    """

    x: Floats
    y: Floats
    drawn: Ints
    line: Ints
    west: Ints
    east: Ints
    ends: Ints


@kernel
def of_tiles(flat: Flat, grid: Grid, first: int, last: int, part_start: Ints, part_label: Ints) -> Book:
    """Find the borders of labels in some tiles.

    Parameters
    ----------
    flat
        All shapes.
    grid
        Tiles over them.
    first, last
        Which tiles; `last` is not included.
    part_start, part_label
        Where each tile's parts begin, and the label of each part, -1 for none.

    Returns
    -------
    Book
    """
    room = space(256, 128, 2048)
    shapes, count = len(flat.shape) - 1, last - first
    seen, local = np.zeros(shapes, dtype=np.bool_), np.empty(shapes, dtype=np.int32)
    book = Book(
        np.zeros(2, dtype=np.int64),
        np.empty((4096, 4)),
        np.empty((4096, 2), dtype=np.int64),
        np.zeros(4 * count + 1, dtype=np.int64),
        np.empty((4 * count + 1024, 2)),
        np.empty(4 * count + 1024, dtype=np.int64),
    )
    for tile in range(first, last):
        sides = 4 * (tile - first)
        if _of_one_label(part_label, part_start[tile], part_start[tile + 1]):
            book = _with_room(book, 0, 4)
            _one_label(book, grid, sides, part_label[part_start[tile]])
            continue
        room = tiles.swept(room, flat, grid, tile, seen, local)[0]
        part, _ = tiles.parts_of(room)
        label = part_label[part_start[tile] + part]
        fat = _fat(room)
        nodes = _nodes(room, fat, grid.width, grid.height)
        _drawn(nodes, room, fat, flat, grid, tile)
        border, borders = _between_labels(nodes, room, fat, label)
        book = _with_room(book, 2 * borders, 2 * len(nodes.x) + 2 * len(fat) + 8)
        _write(book, border, borders, nodes, room.tie, flat, grid, tile)
        _sides(book, sides, nodes, room, fat, label)
    return book


@lean
def _of_one_label(label: Ints, begin: int, end: int) -> bool:
    """Tell whether nothing is to be drawn between the parts of a tile."""
    for n in range(begin + 1, end):
        if label[n] != label[begin]:
            return False
    return True


@kernel
def _with_room(book: Book, lines: int, stretches: int) -> Book:
    """Return the book with room for more borders and stretches of sides."""
    line, what, side, side_label = book.line, book.what, book.side, book.side_label
    wanted = book.size[LINES] + lines
    if wanted > len(line):
        line, what = tally.longer_rows(line, 2 * wanted), tally.longer_rows(what, 2 * wanted)
    wanted = book.size[STRETCHES] + stretches
    if wanted > len(side):
        side, side_label = tally.longer_rows(side, 2 * wanted), tally.longer(side_label, 2 * wanted)
    return Book(book.size, line, what, book.side_start, side, side_label)


@kernel
def _fat(room: Space) -> Ints:
    """List the slabs that are no thinner than a rounding, together with those passed over since the last one."""
    fat, count, west = np.empty(room.size[SLABS], dtype=np.int64), 0, 0.0
    for slab in range(room.size[SLABS]):
        if room.slab[slab, 1] - west > SAME:
            fat[count], west = slab, room.slab[slab, 1]
            count += 1
    return fat[:count].copy()


@kernel
def _nodes(room: Space, fat: Ints, width: float, height: float) -> Nodes:
    """Give the corners of trapezoids nodes: on a line between slabs one for all that rounding has set apart."""
    first, trap, lines = room.first, room.trap, len(fat) + 1
    corners = 0
    for slab in fat:
        corners += 2 * (first[slab + 1] - first[slab] + 1)
    x, y, line = np.empty(corners), np.empty(corners), np.zeros(lines + 1, dtype=np.int64)
    west, east = np.empty(first[room.size[SLABS]], dtype=np.int64), np.empty(first[room.size[SLABS]], dtype=np.int64)
    count = 0
    for n in range(lines):
        # along a tile's side all tiles' places are told apart together
        apart = SAME if 0 < n < lines - 1 else 0.0
        at = 0.0 if n == 0 else width if n == lines - 1 else room.slab[fat[n], 0]
        a, end_a = (first[fat[n - 1]], first[fat[n - 1] + 1]) if n > 0 else (0, 0)
        b, end_b = (first[fat[n]], first[fat[n] + 1]) if n < lines - 1 else (0, 0)
        x[count], y[count], level = at, 0.0, 0.0
        count += 1
        while a < end_a or b < end_b:
            of_a = b == end_b or (a < end_a and trap[a, NE] <= trap[b, NW])
            up = trap[a, NE] if of_a else trap[b, NW]
            if up - level > apart:
                x[count], y[count] = at, up
                count += 1
            level = max(up, level)
            if of_a:
                east[a], a = count - 1, a + 1
            else:
                west[b], b = count - 1, b + 1
        # what is one with the north side lies on it
        y[count - 1] = height
        line[n + 1] = count
    return Nodes(
        x[:count],
        y[:count],
        np.full(count, -1, dtype=np.int64),
        line,
        west,
        east,
        np.zeros(count, dtype=np.int64),
    )


@lean
def _drawn(nodes: Nodes, room: Space, fat: Ints, flat: Flat, grid: Grid, tile: int) -> None:
    """Note the nodes at which an edge ends as it was drawn, the first edge of several."""
    corner_x = grid.west + tile % grid.columns * grid.width
    corner_y = grid.south + tile // grid.columns * grid.height
    x, y, piece, tie, trap, drawn = flat.x, flat.y, room.piece, room.tie, room.trap, nodes.drawn
    for n in range(len(fat)):
        for t in range(room.first[fat[n]], room.first[fat[n] + 1]):
            p = room.place[t, ABOVE]
            if p < 0:
                continue
            k = np.int64(tie[p, SOURCE])
            goes_east = x[k] <= x[k + 1]
            for east in range(2):
                # the sides of a tile run through no point
                if n + east == 0 or n + east == len(fat):
                    continue
                node = nodes.east[t] if east else nodes.west[t]
                end = piece[p, X1] if east else piece[p, X0]
                last = goes_east if east else not goes_east
                v = k + 1 if last else k
                far = abs(x[v] - corner_x - nodes.x[node]) > _END or abs(end - nodes.x[node]) > _END
                if far or abs(y[v] - corner_y - (trap[t, NE] if east else trap[t, NW])) > _END:
                    continue
                code = 2 * k + (1 if last else 0)
                if drawn[node] < 0 or code < drawn[node]:
                    drawn[node] = code


@kernel
def _between_labels(nodes: Nodes, room: Space, fat: Ints, label: Ints) -> tuple[Ints, int]:
    """Return the borders between the labels of a tile: nodes, labels and pieces, and how many there are."""
    most = 0
    for slab in fat:
        most += 3 * (room.first[slab + 1] - room.first[slab]) + 2
    border, count = np.empty((most, 5), dtype=np.int64), 0
    for n in range(len(fat)):
        if n > 0:
            count = _uprights(border, count, nodes, room.first, fat[n - 1], fat[n], nodes.line[n], label)
        count = _levels(border, count, nodes, room, fat[n], label)
    for n in range(count):
        nodes.ends[border[n, A]] += 1
        nodes.ends[border[n, B]] += 1
    return border, _run_on(border, count, nodes, len(room.piece))


@inlined
def _levels(border: Ints, count: int, nodes: Nodes, room: Space, slab: int, label: Ints) -> int:
    """Add the borders above each other in a slab; lines with the same nodes at both ends are one."""
    first, last = room.first[slab], room.first[slab + 1]
    t, below = first, label[first]
    while t < last - 1:
        above, piece, west, east = label[t + 1], room.place[t, ABOVE], nodes.west[t], nodes.east[t]
        t += 1
        # trapezoids that have no ground between their nodes
        while t < last - 1 and nodes.west[t] == west and nodes.east[t] == east:
            above, piece = label[t + 1], min(piece, room.place[t, ABOVE])
            t += 1
        if above != below:
            border[count, A], border[count, B], border[count, PIECE] = west, east, piece
            border[count, UNDER], border[count, OVER] = below, above
            count += 1
        below = above
    return count


@inlined
def _uprights(
    border: Ints, count: int, nodes: Nodes, first: Places, slab: int, after: int, bottom: int, label: Ints
) -> int:
    """Add the borders between a slab and the next one, north to south, so that the east is on the left."""
    a, b, end_a, end_b, low = first[slab], first[after], first[slab + 1] - 1, first[after + 1] - 1, bottom
    while True:
        while a < end_a and nodes.east[a] <= low:
            a += 1
        while b < end_b and nodes.west[b] <= low:
            b += 1
        high = min(nodes.east[a], nodes.west[b])
        if high <= low:
            return count
        if label[a] != label[b]:
            border[count, A], border[count, B], border[count, PIECE] = high, low, NO_EDGE
            border[count, UNDER], border[count, OVER] = label[a], label[b]
            count += 1
        low = high


@kernel
def _run_on(border: Ints, count: int, nodes: Nodes, pieces: int) -> int:
    """Make one border of those that go on in a line through nodes where nothing else ends; return how many."""
    tail, kept = np.full(pieces, -1, dtype=np.int64), 0
    for n in range(count):
        piece = border[n, PIECE]
        # upright ones come from south to north, each led southward
        last, onward, node = (kept - 1, A, border[n, B]) if piece < 0 else (tail[piece], B, border[n, A])
        joins = last >= 0 and border[last, PIECE] == piece and border[last, onward] == node and nodes.ends[node] == 2
        if joins and border[last, UNDER] == border[n, UNDER] and border[last, OVER] == border[n, OVER]:
            begin, end = border[last, A + B - onward], border[n, onward]
            # in a slab little wider than a rounding a line can be far off its edge
            if straight(nodes.x[begin], nodes.y[begin], nodes.x[node], nodes.y[node], nodes.x[end], nodes.y[end]):
                border[last, onward] = end
                continue
        for k in range(5):
            border[kept, k] = border[n, k]
        if piece >= 0:
            tail[piece] = kept
        kept += 1
    return kept


@lean
def _write(book: Book, border: Ints, count: int, nodes: Nodes, tie: Places, flat: Flat, grid: Grid, tile: int) -> None:
    """Write the borders of a tile down, once for the label on each side."""
    line, what, used = book.line, book.what, book.size[LINES]
    for n in range(count):
        ax, ay = _placed(nodes, border[n, A], flat, grid, tile)
        bx, by = _placed(nodes, border[n, B], flat, grid, tile)
        if ax == bx and ay == by:
            continue
        edge = NO_EDGE if border[n, PIECE] < 0 else tie[border[n, PIECE], SOURCE]
        if border[n, OVER] >= 0:
            # the label above a border has it on its left going east
            line[used, 0], line[used, 1], line[used, 2], line[used, 3] = ax, ay, bx, by
            what[used, 0], what[used, 1] = border[n, OVER], edge
            used += 1
        if border[n, UNDER] >= 0:
            line[used, 0], line[used, 1], line[used, 2], line[used, 3] = bx, by, ax, ay
            what[used, 0], what[used, 1] = border[n, UNDER], edge
            used += 1
    book.size[LINES] = used


@inlined
def _placed(nodes: Nodes, node: int, flat: Flat, grid: Grid, tile: int) -> tuple[float, float]:
    """Return where a node is, from the grid's corner: as drawn if an edge ends there."""
    code = nodes.drawn[node]
    if code >= 0:
        k = code // 2 + code % 2
        return flat.x[k] - grid.west, flat.y[k] - grid.south
    column, row = tile % grid.columns, tile // grid.columns
    return column * grid.width + nodes.x[node], row * grid.height + nodes.y[node]


@lean
def _sides(book: Book, side: int, nodes: Nodes, room: Space, fat: Ints, label: Ints) -> None:
    """Write down which labels lie along the sides of a tile."""
    first, used, last = room.first, book.size[STRETCHES], len(fat) - 1
    for east in range(2):
        slab, corner = (fat[last], nodes.east) if east else (fat[0], nodes.west)
        low, begin = 0.0, used
        for t in range(first[slab], first[slab + 1]):
            high = nodes.y[corner[t]]
            used = _stretch(book, begin, used, low, high, label[t])
            low = high
        book.side_start[side + EAST * east + 1] = used
    for north in range(2):
        begin = used
        for n in range(len(fat)):
            t = first[fat[n] + 1] - 1 if north else first[fat[n]]
            used = _stretch(book, begin, used, nodes.x[nodes.line[n]], nodes.x[nodes.line[n + 1]], label[t])
        book.side_start[side + SOUTH + north + 1] = used
    book.size[STRETCHES] = used


@inlined
def _stretch(book: Book, begin: int, used: int, low: float, high: float, label: int) -> int:
    """Add a stretch of a side, to the last one if that has the same label; return how many there are."""
    if high <= low:
        return used
    if used > begin and book.side_label[used - 1] == label:
        book.side[used - 1, 1] = high
        return used
    book.side[used, 0], book.side[used, 1], book.side_label[used] = low, high, label
    return used + 1


@lean
def _one_label(book: Book, grid: Grid, side: int, label: int) -> None:
    """Write down that one label lies along all sides of a tile."""
    used = book.size[STRETCHES]
    for n in range(4):
        book.side[used, 0], book.side[used, 1] = 0.0, grid.width if n >= SOUTH else grid.height
        book.side_label[used] = label
        used += 1
        book.side_start[side + n + 1] = used
    book.size[STRETCHES] = used
