"""A grid of tiles over all shapes: which edges pass each tile, and who holds its south-west corner.

Tiles are wide and low: a sweep from west to east looks at the edges above each other again and again, so their number
is what costs.

Invariant: no coordinate lies within half a micrometre of a side of a tile, so that both tiles at a side see the same
edges cross it. Guarded by `tests/unit/geometry/test_borders.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Floats, Ints, Places, kernel, lean, spread
from gis.geometry.edges import crossing
from gis.geometry.outlines import Outlines

# west, south, width, height, columns and rows of a grid
Frame = tuple[float, float, float, float, int, int]
# edges that a tile should have: few, so that slabs stay short, but enough to be worth a tile
WANTED = 60
_SMALLEST_M = 4.0
# no coordinate is so near to a side of a tile, so that rounding never moves an end of an edge across it, m
_CLEAR_M = 2.0**-21
# how much wider than high a tile is
_WIDE = 4


class Grid(NamedTuple):
    """Hold tiles row by row from the south-west, with what happens in each.

    Parameters
    ----------
    west, south
        Corner of the first tile, whole m.
    width, height
        Sides of a tile, m.
    columns, rows
        Number of tiles east and north.
    edge_start, edge
        Where each tile's edges begin in `edge`, and the coordinates at which they begin.
    toggle_start, toggle_x, toggle_shape
        Where the line along each tile's south side leads into or out of a shape: m east of the tile's corner.
    corner_start, corner
        The shapes that hold each tile's south-west corner, sorted.
    """

    west: float
    south: float
    width: float
    height: float
    columns: int
    rows: int
    edge_start: NDArray[np.int64]
    edge: NDArray[np.int32]
    toggle_start: NDArray[np.int64]
    toggle_x: NDArray[np.float64]
    toggle_shape: NDArray[np.int32]
    corner_start: NDArray[np.int64]
    corner: NDArray[np.int32]


EMPTY = Grid(
    0.0, 0.0, 1.0, 1.0, 0, 0, np.zeros(1, np.int64), np.empty(0, np.int32), np.zeros(1, np.int64), np.empty(0),
    np.empty(0, np.int32), np.zeros(1, np.int64), np.empty(0, np.int32),
)  # fmt: skip


def over(shapes: Outlines, *, size: float | None = None, wanted: int = WANTED, workers: int | None = 1) -> Grid:
    """Lay a grid over shapes.

    Parameters
    ----------
    shapes
        Shapes of all layers.
    size
        Side of a square as large as a tile, m; without it, so that tiles where the edges are have as many as wanted.
    wanted
        How many edges a tile should have.
    workers
        Number of threads, None for all processors; two have something to do.

    Returns
    -------
    Grid
    """
    boxes = shapes.boxes[~np.isnan(shapes.boxes[:, 0])]
    if len(boxes) == 0:
        boxes = np.zeros((1, 4))
    begins = np.flatnonzero(shapes.owner >= 0)
    frame = _frame(shapes, begins, boxes, size, wanted)
    _, _, width, _, columns, rows = frame

    def along_lines() -> tuple[NDArray[Any], ...]:
        line, shape, x = _crossings(shapes.x, shapes.y, shapes.owner, begins, frame)
        line, shape, x = _by_line(line, shape, x, rows)
        return *_toggles(line, shape, x, width, columns, rows), *_corners(line, shape, x, width, columns, rows)

    jobs = (lambda: tuple(_edges(shapes.x, shapes.y, begins, frame)), along_lines)
    inside, crossing_lines = spread(lambda job: job(), jobs, workers)
    return Grid(*frame, *inside, *crossing_lines)


def _frame(
    shapes: Outlines, begins: NDArray[np.intp], boxes: NDArray[np.float64], size: float | None, wanted: int
) -> Frame:
    """Return the frame of a grid no side of whose tiles runs through a point, or nearly so.

    Corner and side are binary fractions, so that tiles meet to the last bit. The corner's is one that no coordinate in
    millimetres or in quarters of a metre has; where a point lies on a side all the same the corner moves on.
    """
    east, north = boxes[:, 2:].max(axis=0) + 1.0
    for step in range(64):
        corner = np.floor(boxes[:, :2].min(axis=0)) - 1.0 - (np.array([241_829, 433_027]) + 6_002 * step) / 2**20
        west, south = corner.tolist()
        side = size or _side(shapes, begins, wanted, (west, south, east - west, north - south))
        width, height = (max(round(side * 256 * part), 1) / 256 for part in (_WIDE**0.5, _WIDE**-0.5))
        if not _touched(shapes.x, west, width) and not _touched(shapes.y, south, height):
            break
    return west, south, width, height, int((east - west) // width) + 1, int((north - south) // height) + 1


@lean
def _touched(values: Floats, first: float, step: float) -> bool:
    """Tell whether one of some coordinates lies on one of some lines, or too near to it."""
    for value in values:
        share = (value - first) / step
        if abs(share - np.round(share)) * step < _CLEAR_M:
            return True
    return False


def _side(shapes: Outlines, begins: NDArray[np.intp], wanted: int, extent: tuple[float, float, float, float]) -> float:
    """Return the side at which the tiles of most edges have the wanted number of them."""
    west, south, width, height = extent
    edges = max(len(begins), 1)
    side = max(np.sqrt(width * height * wanted / edges), _SMALLEST_M)
    for _ in range(8):
        count = np.zeros((int(height // side) + 1) * (int(width // side) + 1))
        _crowd(shapes.x, shapes.y, begins, (west, south, side, int(width // side) + 1), count)
        mean = float((count**2).sum() / max(edges, 1.0))
        smaller = max(side * np.sqrt(wanted / mean), _SMALLEST_M) if mean > 0 else side
        # empty tiles cost little, but not nothing
        if mean < 2 * wanted or smaller >= side or width * height / smaller**2 > max(4 * edges, 4096):
            break
        side = smaller
    return float(side)


@lean
def _crowd(
    x: Floats, y: Floats, begins: NDArray[np.intp], squares: tuple[float, float, float, int], count: Floats
) -> None:
    """Count the edges that begin in each square."""
    west, south, side, columns = squares
    for k in begins:
        count[int((y[k] - south) / side) * columns + int((x[k] - west) / side)] += 1.0


@kernel
def _edges(x: Floats, y: Floats, begins: NDArray[np.intp], frame: Frame) -> tuple[Ints, Places]:
    """Return the edges whose box meets each tile, long ones row by row."""
    west, south, width, height, columns, rows = frame
    start, home = np.zeros(columns * rows + 1, dtype=np.int64), np.empty(len(begins), dtype=np.int32)
    counts, unwanted, nowhere = start[1:], start[:0], home[:0]
    for n in range(len(begins)):
        k = begins[n]
        row, column = int((y[k] - south) / height), int((x[k] - west) / width)
        there = int((y[k + 1] - south) / height) == row and int((x[k + 1] - west) / width) == column
        # most edges begin and end in one tile
        home[n] = row * columns + column if there else -1
        if there:
            start[home[n] + 1] += 1
        else:
            _visit(x, y, k, frame, counts, unwanted, nowhere)
    for n in range(columns * rows):
        start[n + 1] += start[n]
    edge = np.empty(start[-1], dtype=np.int32)
    place = start[:-1].copy()
    for n in range(len(begins)):
        tile = home[n]
        if tile >= 0:
            edge[place[tile]] = begins[n]
            place[tile] += 1
        else:
            _visit(x, y, begins[n], frame, unwanted, place, edge)
    return start, edge


@lean
def _visit(x: Floats, y: Floats, k: int, frame: Frame, count: Ints, place: Ints, edge: Places) -> None:
    """Count an edge in each tile that it passes (where `count` is given), or write it there."""
    west, south, width, height, columns, rows = frame
    ax, ay, bx, by = x[k] - west, y[k] - south, x[k + 1] - west, y[k + 1] - south
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    low, high = int(ay / height), min(int(by / height), rows - 1)
    for row in range(low, high + 1):
        near, far = ax, bx
        if high > low:
            # the part of the edge in this row, a little more for rounding
            slope = (bx - ax) / (by - ay)
            near = ax + (max(row * height, ay) - ay) * slope
            far = ax + (min((row + 1) * height, by) - ay) * slope
        if near > far:
            near, far = far, near
        first = max(int((near - 1e-6) / width), 0)
        last = min(int((far + 1e-6) / width), columns - 1)
        for column in range(first, last + 1):
            tile = row * columns + column
            if len(count):
                count[tile] += 1
            else:
                edge[place[tile]] = k
                place[tile] += 1


@kernel
def _crossings(
    x: Floats, y: Floats, owner: Places, begins: NDArray[np.intp], frame: Frame
) -> tuple[Ints, Places, Floats]:
    """Return every crossing of an edge with a line between rows: line, shape and x from the grid's corner."""
    west, south, _, height, _, _ = frame
    total = 0
    for k in begins:
        low, high = min(y[k], y[k + 1]) - south, max(y[k], y[k + 1]) - south
        total += max(_lines_below(high, height) - _lines_below(low, height), 0)
    line, shape, at = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int32), np.empty(total)
    n = 0
    for k in begins:
        ax, ay, bx, by = x[k] - west, y[k] - south, x[k + 1] - west, y[k + 1] - south
        if ax > bx:
            ax, ay, bx, by = bx, by, ax, ay
        for row in range(_lines_below(min(ay, by), height), _lines_below(max(ay, by), height)):
            line[n], shape[n], at[n] = row, owner[k], crossing(ax, ay, bx, by, row * height)
            n += 1
    return line[:n], shape[:n], at[:n]


@kernel
def _by_line(line: Ints, shape: Places, x: Floats, rows: int) -> tuple[Ints, Places, Floats]:
    """Sort crossings by line, then shape, then x; those of a shape come one after the other."""
    start = np.zeros(rows + 1, dtype=np.int64)
    for n in range(len(line)):
        start[line[n] + 1] += 1
    for row in range(rows):
        start[row + 1] += start[row]
    place, begin = start[:-1].copy(), start[:-1]
    lines, shapes, at = np.empty_like(line), np.empty_like(shape), np.empty_like(x)
    for n in range(len(line)):
        row = line[n]
        k = place[row]
        place[row] += 1
        while k > begin[row] and shapes[k - 1] == shape[n] and at[k - 1] > x[n]:
            at[k] = at[k - 1]
            k -= 1
        lines[place[row] - 1], shapes[place[row] - 1], at[k] = row, shape[n], x[n]
    return lines, shapes, at


@lean
def _lines_below(y: float, side: float) -> int:
    """Return how many lines between rows lie below y; a line at y itself does not."""
    row = int(y / side)
    while row * side >= y and row > 0:
        row -= 1
    while (row + 1) * side < y:
        row += 1
    return row + 1 if y > 0.0 else 0


@kernel
def _toggles(line: Ints, shape: Places, x: Floats, side: float, columns: int, rows: int) -> tuple[Ints, Floats, Places]:
    """Sort crossings into the tiles whose south side they lie on."""
    start = np.zeros(columns * rows + 1, dtype=np.int64)
    for n in range(len(x)):
        start[line[n] * columns + _column(x[n], side, columns) + 1] += 1
    for n in range(columns * rows):
        start[n + 1] += start[n]
    at, what = np.empty(len(x)), np.empty(len(x), dtype=np.int32)
    place = start[:-1].copy()
    for n in range(len(x)):
        column = _column(x[n], side, columns)
        tile = line[n] * columns + column
        at[place[tile]], what[place[tile]] = x[n] - column * side, shape[n]
        place[tile] += 1
    return start, at, what


@kernel
def _corners(line: Ints, shape: Places, x: Floats, side: float, columns: int, rows: int) -> tuple[Ints, Places]:
    """Return the shapes that hold each tile's corner: those the line along its row has entered and not left."""
    start = np.zeros(columns * rows + 1, dtype=np.int64)
    for n in range(0, len(x) - 1, 2):
        for column in range(_column(x[n], side, columns) + 1, _column(x[n + 1], side, columns) + 1):
            start[line[n] * columns + column + 1] += 1
    for n in range(columns * rows):
        start[n + 1] += start[n]
    corner = np.empty(start[-1], dtype=np.int32)
    place = start[:-1].copy()
    # crossings come line by line and shape by shape, so the shapes of a tile come sorted
    for n in range(0, len(x) - 1, 2):
        for column in range(_column(x[n], side, columns) + 1, _column(x[n + 1], side, columns) + 1):
            tile = line[n] * columns + column
            corner[place[tile]] = shape[n]
            place[tile] += 1
    return start, corner


@lean
def _column(x: float, side: float, columns: int) -> int:
    """Return the column that an x from the grid's corner lies in."""
    return min(max(int(x / side), 0), columns - 1)
