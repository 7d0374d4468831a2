"""Sides: what lies along the sides between tiles, where neighbouring tiles have swept the same lines each for itself.

Invariant: a border along a side is there wherever the tiles beside it have another label, so that the borders of a
label close across tiles too; and a place on a side is one for both tiles, because it is settled by where it is alone.
Guarded by `tests/unit/geometry/test_borders.py`.
"""

from __future__ import annotations

import numpy as np

from gis.compiled import Floats, Ints, inlined, kernel
from gis.geometry import tally
from gis.geometry.grid import Grid
from gis.geometry.room import SAME

# the sides of a tile
WEST, EAST, SOUTH, NORTH = range(4)
# the edge of a border that runs along no edge
NO_EDGE = -1


@kernel
def across(side_start: Ints, side: Floats, side_label: Ints, grid: Grid) -> tuple[Floats, Ints]:
    """Find the borders of labels along the sides between tiles.

    Parameters
    ----------
    side_start, side, side_label
        Of all tiles, as in `borders.Book`.
    grid
        The tiles.

    Returns
    -------
    tuple
        Borders and what they are, as `line` and `what` in `borders.Book`; few, since lines rarely run along a side.
    """
    line, what, used = np.empty((1024, 4)), np.empty((1024, 2), dtype=np.int64), 0
    for tile in range(grid.columns * grid.rows):
        for north in range(2):
            if north:
                inside, other, mine, theirs = tile // grid.columns < grid.rows - 1, tile + grid.columns, NORTH, SOUTH
            else:
                inside, other, mine, theirs = tile % grid.columns < grid.columns - 1, tile + 1, EAST, WEST
            a, b, low = side_start[4 * tile + mine], side_start[4 * other + theirs] if inside else 0, 0.0
            while inside and a < side_start[4 * tile + mine + 1] and b < side_start[4 * other + theirs + 1]:
                high = min(side[a, 1], side[b, 1])
                if side_label[a] != side_label[b] and high > low:
                    if used + 2 > len(line):
                        line, what = tally.longer_rows(line, 2 * used), tally.longer_rows(what, 2 * used)
                    used = _along(line, what, used, grid, tile, north, (low, high), (side_label[a], side_label[b]))
                low = max(low, high)
                past = side[b, 1] <= high
                if side[a, 1] <= high:
                    a += 1
                if past:
                    b += 1
    return line[:used].copy(), what[:used].copy()


@inlined
def _along(
    line: Floats,
    what: Ints,
    used: int,
    grid: Grid,
    tile: int,
    north: int,
    stretch: tuple[float, float],
    labels: tuple[int, int],
) -> int:
    """Write a border along a tile's north or east side; return how many there are."""
    (low, high), (one, other) = stretch, labels
    west, south = tile % grid.columns * grid.width, tile // grid.columns * grid.height
    if north:
        ax, bx = west + low, west + high
        ay = by = south + grid.height
    else:
        ax = bx = west + grid.width
        ay, by = south + high, south + low
    # going east the north is on the left, going south the east is
    if other >= 0:
        line[used, 0], line[used, 1], line[used, 2], line[used, 3] = ax, ay, bx, by
        what[used, 0], what[used, 1] = other, NO_EDGE
        used += 1
    if one >= 0:
        line[used, 0], line[used, 1], line[used, 2], line[used, 3] = bx, by, ax, ay
        what[used, 0], what[used, 1] = one, NO_EDGE
        used += 1
    return used


def settled(line: Floats, grid: Grid) -> None:
    """Make one place of those on the sides of tiles that rounding has set apart, in place.

    Parameters
    ----------
    line
        From x and y to x and y of borders, m from the grid's corner; written to.
    grid
        The tiles.
    """
    ends = line.reshape(-1, 2)
    for across_, along, step, other in ((0, 1, grid.width, grid.height), (1, 0, grid.height, grid.width)):
        number = np.round(ends[:, across_] / step)
        on = np.flatnonzero(number * step == ends[:, across_])
        order = on[np.lexsort((ends[on, along], number[on]))]
        at, of = ends[order, along], number[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (of[1:] != of[:-1]) | (at[1:] - at[:-1] > SAME)
        first = np.flatnonzero(new)
        place = at[first]
        # a corner of a tile is on two sides and stays where it is
        corner = np.round(at / other) * other
        pinned = np.flatnonzero(corner == at)
        group = np.cumsum(new) - 1
        place[group[pinned]] = at[pinned]
        ends[order, along] = place[group]
