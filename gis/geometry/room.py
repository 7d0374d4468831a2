"""The room of a sweep: the arrays that it works in, one set a thread, used again for every window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis.compiled import Flags, Floats, Ints, Marks, Places, kernel, lean

# x that differ by less, and trapezoids that are lower on the mean, are rounding, m
THIN = 1e-9
# places that rounding has set apart are nearer than this, m
SAME = 4e-9
# an edge that leads no farther east is upright: it has no ground under it, and its slope may be no number, m
UPRIGHT = 1e-14

# columns of Space.piece: where an edge acts in the window, its line, and the y that it stays between
X0, X1, XL, YL, SLOPE, LOW, HIGH = range(7)
# columns of Space.tie: local shape, edge, the piece that goes on where this one ends (-1: none), 1 if none is before
OWNER, SOURCE, NEXT, FIRST = range(4)
# columns of Space.trap: y of the lower and upper side, west and east
SW, SE, NW, NE = range(4)
# columns of Space.place: slab, cover, piece below and above (-1 is the window's own edge)
SLAB, COVER, BELOW, ABOVE = range(4)
# columns of Space.stroke: where the line's piece ends, where that or a meeting with the next line happens first, since
# where the line's sum is open, y there
END, COMING, SINCE, FROM = range(4)
# columns of Space.bound: the line's piece, the sets below and above it
PIECE, UNDER, OVER = range(3)
# rows of Space.size
PIECES, TOGGLES, SLABS, TRAPS, COVERS = range(5)


class Space(NamedTuple):
    """Hold the arrays that a sweep works in; one a thread, used again for every window.

    Parameters
    ----------
    size
        How much of each array is in use.
    piece, tie
        Edges clipped to the window, and what they belong to.
    toggle_x, toggle_owner
        Where going east along the window's south side leads into or out of a shape.
    mark
        A random number a local shape: their exclusive or names a set of shapes.
    inside
        Which local shapes hold the south-west corner; in a sweep, the ground along the south side so far.
    slab
        West and east of each slab.
    first
        First trapezoid of each slab; one entry more than there are slabs.
    trap, place
        The trapezoids from west to east, in a slab from south to north.
    cover_mark, cover, member
        The name of each set of shapes that was met, where it begins in `member`, and the local shapes of all sets.
    slot
        The sets by the low bits of their names, -1 where there is none.
    start
        Pieces with none before them, from west to east.
    active, west, east
        Pieces in the slab, from south to north, and their y at its ends.
    name, holder
        The set between each of them and the next, and its number; -1 for none yet.
    stroke, bound, named
        Of a line, which is known by its first piece: where it is and what it separates, and the set above it.
    area, lost
        Ground of each set, m², where it is measured, and what rounding has taken from the sum so far.
    """

    size: Ints
    piece: Floats
    tie: Places
    toggle_x: Floats
    toggle_owner: Places
    mark: Marks
    inside: Flags
    slab: Floats
    first: Places
    trap: Floats
    place: Places
    cover_mark: Marks
    cover: Places
    member: Places
    slot: Places
    start: Places
    active: Places
    west: Floats
    east: Floats
    name: Marks
    holder: Places
    stroke: Floats
    bound: Places
    named: Marks
    area: Floats
    lost: Floats


@kernel
def space(pieces: int, shapes: int, traps: int) -> Space:
    """Make room for a window.

    Parameters
    ----------
    pieces, shapes, traps
        How many pieces of edges, local shapes and trapezoids there is room for.

    Returns
    -------
    Space
    """
    slots = 1024
    while slots < traps:
        slots *= 2
    return Space(
        np.zeros(5, dtype=np.int64),
        np.empty((pieces, 7)),
        np.empty((pieces, 4), dtype=np.int32),
        np.empty(pieces),
        np.empty(pieces, dtype=np.int32),
        np.empty(shapes, dtype=np.uint64),
        np.empty(shapes, dtype=np.bool_),
        np.empty((traps + 1, 2)),
        np.empty(traps + 1, dtype=np.int32),
        np.empty((traps, 4)),
        np.empty((traps, 4), dtype=np.int32),
        np.empty(traps, dtype=np.uint64),
        np.empty(traps + 1, dtype=np.int32),
        np.empty(traps * 4 + shapes, dtype=np.int32),
        np.full(slots, -1, dtype=np.int32),
        np.empty(pieces, dtype=np.int32),
        np.empty(pieces, dtype=np.int32),
        np.empty(pieces),
        np.empty(pieces),
        np.empty(pieces + 1, dtype=np.uint64),
        np.empty(pieces + 1, dtype=np.int32),
        np.empty((pieces, 4)),
        np.empty((pieces, 3), dtype=np.int32),
        np.empty(pieces, dtype=np.uint64),
        np.empty(traps),
        np.empty(traps),
    )


def marks(count: int) -> Marks:
    """Return the marks of the first numbers, without a kernel.

    Parameters
    ----------
    count
        How many.

    Returns
    -------
    numpy.ndarray
        What `mark_of` returns for each.
    """
    with np.errstate(over="ignore"):
        return np.asarray(mark_of.py_func(np.arange(count, dtype=np.uint64)))


@lean
def mark_of(number: int) -> np.uint64:
    """Mix a number into 64 bits.

    Parameters
    ----------
    number
        0 or more.

    Returns
    -------
    numpy.uint64
        The same bits for the same number, everywhere.

    References
    ----------
    splitmix64: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    z = np.uint64(number) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
