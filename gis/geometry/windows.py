"""What lies around a window: the shapes that have an edge in it, with these edges, and those that hold all of it.

Invariant: what is said of the window's corner is what the sweep would find in its own coordinates, whatever rounding
does; where an edge, an end or a crossing is so near to the way there that rounding could decide, nothing is said, and
the shape is entered whole. Guarded by `tests/truth/test_exact.py` (families upright, sheer, neighbours).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Flags, Floats, Ints, Places, inlined, kernel, lean
from gis.geometry import sorting
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat

# entries of Near.size
SHAPES, RUNS = range(2)
# what Near.seen says of a shape, in bits: noted, too near to the way to its corner to tell, has an edge in the window
NOTED, UNCLEAR, CROSSES = 1, 2, 4
_SMALLEST_BIN_M = 1.0
# nearer than this to the way to the window's corner, on which side an edge lies is not told from rounded numbers, m
_NEAR_M = 1e-6


class Near(NamedTuple):
    """Hold what lies around a window; one a thread, used again for every window.

    Parameters
    ----------
    size
        How many shapes and edges there are.
    shape, run
        The shapes whose box meets the window, and the edges that meet it, sorted: the first of some that follow each
        other, and the one after the last.
    crossing, covering
        Room for as many shapes.
    seen
        What is known of every shape, 0 for nothing.
    holds
        Whether each shape holds the window's south-west corner; of no meaning where it is unclear.
    """

    size: Ints
    shape: Places
    run: Places
    crossing: Places
    covering: Places
    seen: NDArray[np.int8]
    holds: Flags


class Bins(NamedTuple):
    """Hold squares row by row from the south-west, with the shapes whose box meets each.

    Parameters
    ----------
    west, south
        Corner of the first square, m.
    side
        Of a square, m.
    columns, rows
        Number of squares east and north.
    start, shape
        Where each square's shapes begin in `shape`, and the shapes, sorted.
    """

    west: float
    south: float
    side: float
    columns: int
    rows: int
    start: Ints
    shape: Places


NO_BINS = Bins(0.0, 0.0, 1.0, 0, 0, np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32))


def bins(boxes: Floats) -> Bins:
    """Sort shapes into squares about as large as they are.

    Parameters
    ----------
    boxes
        West, south, east and north of each shape, m; NaN for an empty one.

    Returns
    -------
    Bins
    """
    full = boxes[~np.isnan(boxes[:, 0])]
    if len(full) == 0:
        return NO_BINS
    west, south = full[:, :2].min(axis=0).tolist()
    east, north = full[:, 2:].max(axis=0).tolist()
    usual = float((full[:, 2:] - full[:, :2]).mean())
    # however thinly the shapes lie, there are not many more squares than shapes
    side = max(2 * usual, ((east - west) * (north - south) / (4 * len(full) + 16)) ** 0.5, _SMALLEST_BIN_M)
    columns, rows = int((east - west) / side) + 1, int((north - south) / side) + 1
    return Bins(west, south, side, columns, rows, *_binned(boxes, west, south, side, columns, rows))


@kernel
def _binned(boxes: Floats, west: float, south: float, side: float, columns: int, rows: int) -> tuple[Ints, Places]:
    """Return where each square's shapes begin, and the shapes."""
    start = np.zeros(columns * rows + 1, dtype=np.int64)
    for n in range(len(boxes)):
        if not np.isnan(boxes[n, 0]):
            for row in range(_cell(boxes[n, 1] - south, side), _cell(boxes[n, 3] - south, side) + 1):
                for column in range(_cell(boxes[n, 0] - west, side), _cell(boxes[n, 2] - west, side) + 1):
                    start[row * columns + column + 1] += 1
    for n in range(columns * rows):
        start[n + 1] += start[n]
    shape, place = np.empty(start[-1], dtype=np.int32), start[:-1].copy()
    for n in range(len(boxes)):
        if not np.isnan(boxes[n, 0]):
            for row in range(_cell(boxes[n, 1] - south, side), _cell(boxes[n, 3] - south, side) + 1):
                for column in range(_cell(boxes[n, 0] - west, side), _cell(boxes[n, 2] - west, side) + 1):
                    shape[place[row * columns + column]] = n
                    place[row * columns + column] += 1
    return start, shape


@lean
def beside(rest: Flat, squares: Bins, window: Floats, after: int, near: Near) -> None:
    """Note the shapes whose box meets a window, by their boxes alone.

    Parameters
    ----------
    rest
        All shapes.
    squares
        They sorted into squares.
    window
        West, south, east and north, m; of one of the shapes.
    after
        Shapes up to this position are passed over.
    near
        Forgotten room, enough for as many as `wanted_beside` says; all are unclear, and perhaps cross the window.
    """
    size, here, seen, boxes, start, shape = near.size, near.shape, near.seen, rest.box, squares.start, squares.shape
    west, south, side, columns = squares.west, squares.south, squares.side, squares.columns
    shapes = 0
    for row in range(_cell(window[1] - south, side), _cell(window[3] - south, side) + 1):
        for column in range(_cell(window[0] - west, side), _cell(window[2] - west, side) + 1):
            for n in range(start[row * columns + column], start[row * columns + column + 1]):
                one = shape[n]
                if one > after and seen[one] == 0 and _meets(boxes, one, window):
                    here[shapes] = one
                    shapes += 1
                    seen[one] = NOTED | UNCLEAR | CROSSES
    size[SHAPES], size[RUNS] = shapes, 0
    sorting.alone(here, shapes)


@inlined
def wanted_beside(squares: Bins, window: Floats) -> int:
    """Return for how many shapes there must be room beside a window.

    Parameters
    ----------
    squares
        Shapes sorted into squares.
    window
        West, south, east and north, m.

    Returns
    -------
    int
    """
    west, south, side, columns, start = squares.west, squares.south, squares.side, squares.columns, squares.start
    first, last = _cell(window[0] - west, side), _cell(window[2] - west, side)
    total = 0
    for row in range(_cell(window[1] - south, side), _cell(window[3] - south, side) + 1):
        total += start[row * columns + last + 1] - start[row * columns + first]
    return total


@inlined
def _meets(boxes: Floats, n: int, window: Floats) -> bool:
    """Tell whether the box of a shape and a window have ground in common."""
    return boxes[n, 0] < window[2] and boxes[n, 2] > window[0] and boxes[n, 1] < window[3] and boxes[n, 3] > window[1]


@kernel
def room(shapes: int) -> Near:
    """Make room for what lies around a window.

    Parameters
    ----------
    shapes
        How many shapes there are in all.

    Returns
    -------
    Near
        Empty.
    """
    return _with(256, np.zeros(2, dtype=np.int64), np.zeros(shapes, dtype=np.int8), np.zeros(shapes, dtype=np.bool_))


@kernel
def larger(near: Near, wanted: int) -> Near:
    """Return forgotten room for more.

    Parameters
    ----------
    near
        What is too small.
    wanted
        For how many shapes and runs of edges.

    Returns
    -------
    Near
    """
    return _with(2 * wanted, near.size, near.seen, near.holds)


@kernel
def _with(count: int, size: Ints, seen: NDArray[np.int8], holds: Flags) -> Near:
    """Return what is known of all shapes, with room for some around a window."""
    return Near(
        size,
        np.empty(count, dtype=np.int32),
        np.empty((count, 2), dtype=np.int32),
        np.empty(count, dtype=np.int32),
        np.empty(count, dtype=np.int32),
        seen,
        holds,
    )


@inlined
def forget(near: Near) -> None:
    """Forget the shapes around a window.

    Parameters
    ----------
    near
        What was around it.
    """
    for n in range(near.size[SHAPES]):
        near.seen[near.shape[n]], near.holds[near.shape[n]] = 0, False


@lean
def around(rest: Flat, grid: Grid, window: Floats, after: int, near: Near) -> None:
    """Note what lies around a window.

    Parameters
    ----------
    rest
        All shapes.
    grid
        Tiles over them.
    window
        West, south, east and north, m.
    after
        Shapes up to this position are passed over; -1 takes all.
    near
        Forgotten room, enough for as many as `wanted_around` says.
    """
    x, y, owner_of = rest.x, rest.y, rest.owner
    size, seen, here, run = near.size, near.seen, near.shape, near.run
    west, south, east, north = _tiles(grid, window)
    shapes, runs = 0, 0
    if west < grid.columns and south < grid.rows:
        shapes = _cornered(rest, grid, window, west, south, after, near)
    start, edge_of, columns = grid.edge_start, grid.edge, grid.columns
    for row in range(south, north + 1):
        first, last = start[row * columns + west], start[row * columns + east + 1]
        one, following, met, beyond = -1, -1, False, 0
        for n in range(first, last):
            k = edge_of[n]
            if k != following:
                one, met, beyond = owner_of[k], False, _beyond(x[k], y[k], window)
            following = k + 1
            before, beyond = beyond, _beyond(x[following], y[following], window)
            # with both ends beyond one side an edge stays outside, with one end inside it does not
            enters = before & beyond == 0 and (before == 0 or beyond == 0 or _passes(x, y, k, window))
            if one > after and enters:
                if not met:
                    shapes = _noted(here, shapes, seen, one, NOTED | CROSSES)
                    run[runs, 0], met = k, True
                    runs += 1
                run[runs - 1, 1] = following
            else:
                met = False
    size[SHAPES], size[RUNS] = shapes, _run_on(run, runs)
    sorting.alone(here, shapes)
    _kept(rest, window, near)


@inlined
def _tiles(grid: Grid, window: Floats) -> tuple[int, int, int, int]:
    """Return the columns and rows of tiles that a window meets: west, south, east and north."""
    west, east = _cell(window[0] - grid.west, grid.width), _cell(window[2] - grid.west, grid.width)
    south, north = _cell(window[1] - grid.south, grid.height), _cell(window[3] - grid.south, grid.height)
    east, north = min(east, grid.columns - 1), min(north, grid.rows - 1)
    # a window east of all tiles meets no edge, and there is no tile to look into
    return west, south, east, north if west <= east else south - 1


@inlined
def wanted_around(grid: Grid, window: Floats) -> int:
    """Return for how many shapes and runs of edges there must be room around a window.

    Parameters
    ----------
    grid
        Tiles over all shapes.
    window
        West, south, east and north, m.

    Returns
    -------
    int
    """
    west, south, east, north = _tiles(grid, window)
    start, toggle, corner, columns, total = grid.edge_start, grid.toggle_start, grid.corner_start, grid.columns, 0
    for row in range(south, north + 1):
        total += start[row * columns + east + 1] - start[row * columns + west]
    if west < columns and south < grid.rows:
        tile = south * columns + west
        total += start[tile + 1] - start[tile] + toggle[tile + 1] - toggle[tile] + corner[tile + 1] - corner[tile]
    return total


@inlined
def _run_on(run: Places, count: int) -> int:
    """Sort runs of edges and make one of those that overlap or follow each other; return how many there are."""
    sorting.together(run[:, 0], run[:, 1], count)
    kept = 0
    for n in range(count):
        if kept and run[n, 0] <= run[kept - 1, 1]:
            run[kept - 1, 1] = max(run[kept - 1, 1], run[n, 1])
        else:
            run[kept, 0], run[kept, 1] = run[n, 0], run[n, 1]
            kept += 1
    return kept


@inlined
def _cell(distance: float, side: float) -> int:
    """Return the column or row of a place that far from the grid's corner; the first one for places before it."""
    return max(int(distance / side), 0)


@inlined
def _cornered(rest: Flat, grid: Grid, window: Floats, column: int, row: int, after: int, near: Near) -> int:
    """Tell which shapes hold the window's south-west corner, and note them; return how many there are.

    A shape that holds the corner of the tile does, unless an odd number of its edges cross the way from there, first
    along the tile's south side, then north. The way is asked in other coordinates than the sweep, so the answer stands
    only where no rounding can change it; any other shape is unclear and is entered whole, in the sweep's coordinates.
    """
    x, y, owner_of, holds = rest.x, rest.y, rest.owner, near.holds
    tile = row * grid.columns + column
    c0, c1 = grid.corner_start[tile], grid.corner_start[tile + 1]
    t0, t1 = grid.toggle_start[tile], grid.toggle_start[tile + 1]
    e0, e1 = grid.edge_start[tile], grid.edge_start[tile + 1]
    here, seen, count = near.shape, near.seen, 0
    px, py = window[0], window[1]
    west, south = grid.west + column * grid.width, grid.south + row * grid.height
    corner, toggle, toggle_x, edge_of = grid.corner, grid.toggle_shape, grid.toggle_x, grid.edge
    for n in range(c0, c1):
        one = corner[n]
        if one > after:
            holds[one] = not holds[one]
            count = _noted(here, count, seen, one, NOTED)
    for n in range(t0, t1):
        one, beyond = toggle[n], west + toggle_x[n] - px
        if one > after and beyond <= _NEAR_M:
            holds[one] = not holds[one]
            count = _noted(here, count, seen, one, NOTED if beyond < -_NEAR_M else NOTED | UNCLEAR)
    # an edge that leaves the next tile beside the way may as well have left this one
    if column > 0 and px - west < _NEAR_M:
        count = _doubted(grid, tile - 1, west - grid.width, px, after, here, count, seen)
    if column + 1 < grid.columns and west + grid.width - px < _NEAR_M:
        count = _doubted(grid, tile + 1, west + grid.width, px, after, here, count, seen)
    for n in range(e0, e1):
        k = edge_of[n]
        one, ax, ay, bx, by = owner_of[k], x[k], y[k], x[k + 1], y[k + 1]
        if ax > bx:
            ax, ay, bx, by = bx, by, ax, ay
        if one <= after or px < ax - _NEAR_M or px > bx + _NEAR_M:
            continue
        # an end at the way, or an edge along it
        if px < ax + _NEAR_M or px > bx - _NEAR_M:
            if min(ay, by) < py + _NEAR_M and max(ay, by) > south - _NEAR_M:
                count = _noted(here, count, seen, one, NOTED | UNCLEAR)
            continue
        at = ay + (px - ax) * ((by - ay) / (bx - ax))
        if abs(at - south) < _NEAR_M or abs(at - py) < _NEAR_M:
            count = _noted(here, count, seen, one, NOTED | UNCLEAR)
        elif south < at <= py:
            holds[one] = not holds[one]
            count = _noted(here, count, seen, one, NOTED)
    return count


@inlined
def _doubted(
    grid: Grid, tile: int, west: float, px: float, after: int, here: Places, count: int, seen: NDArray[np.int8]
) -> int:
    """Note as unclear the shapes that a tile's south side leads into or out of beside the way; return how many."""
    toggle, toggle_x = grid.toggle_shape, grid.toggle_x
    for n in range(grid.toggle_start[tile], grid.toggle_start[tile + 1]):
        if toggle[n] > after and abs(west + toggle_x[n] - px) < _NEAR_M:
            count = _noted(here, count, seen, toggle[n], NOTED | UNCLEAR)
    return count


@inlined
def _noted(here: Places, count: int, seen: NDArray[np.int8], one: int, what: int) -> int:
    """Add a shape to those that are here, and what is known of it; return how many there are."""
    if seen[one] == 0:
        here[count] = one
        count += 1
    seen[one] |= what
    return count


@inlined
def _beyond(px: float, py: float, window: Floats) -> int:
    """Return the sides of a window that a place lies beyond, in bits."""
    return (px < window[0]) | (px > window[2]) << 1 | (py < window[1]) << 2 | (py > window[3]) << 3


@inlined
def _passes(x: Floats, y: Floats, k: int, window: Floats) -> bool:
    """Tell whether an edge whose ends are outside a window, and not beyond one of its sides, passes through it."""
    dx, dy = x[k + 1] - x[k], y[k + 1] - y[k]
    # the corners farthest to either side of the edge's line: north-west and south-east if it climbs
    climbs = (dx >= 0.0) == (dy >= 0.0)
    low, high = (window[1], window[3]) if climbs else (window[3], window[1])
    one = dx * (high - y[k]) - dy * (window[0] - x[k])
    other = dx * (low - y[k]) - dy * (window[2] - x[k])
    return min(one, other) <= 0.0 <= max(one, other)


@inlined
def _kept(rest: Flat, window: Floats, near: Near) -> None:
    """Drop shapes whose box only touches the window; ask the whole outline of unclear ones without an edge in it."""
    here, seen, holds, boxes, kept = near.shape, near.seen, near.holds, rest.box, 0
    for n in range(near.size[SHAPES]):
        one = here[n]
        if not _meets(boxes, one, window):
            seen[one], holds[one] = 0, False
            continue
        if seen[one] == NOTED | UNCLEAR:
            holds[one] = _holds(rest, one, (window[0] + window[2]) / 2, (window[1] + window[3]) / 2)
        here[kept] = one
        kept += 1
    near.size[SHAPES] = kept


@lean
def _holds(rest: Flat, one: int, px: float, py: float) -> bool:
    """Tell whether a shape holds a place that none of its edges is near."""
    x, y, inside = rest.x, rest.y, False
    for k in range(rest.ring[rest.shape[one]], rest.ring[rest.shape[one + 1]] - 1):
        if rest.owner[k] >= 0 and (x[k] <= px) != (x[k + 1] <= px):
            inside ^= y[k] + (px - x[k]) / (x[k + 1] - x[k]) * (y[k + 1] - y[k]) <= py
    return inside
