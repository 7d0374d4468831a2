"""The tally of tiles: their parts written down in arrays that grow."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Floats, Ints, Marks, Places, kernel

# columns of Parts.box
WEST, SOUTH, EAST, NORTH = range(4)
# entries of Parts.size
PARTS, SIDES, BORDERS, KNOWN, NAMED = range(5)


class Parts(NamedTuple):
    """Hold the parts that the lines of all shapes make of several tiles; coordinates are from the grid's corner, m.

    Parameters
    ----------
    size
        How much of the arrays is in use, while they are filled.
    start
        Where each tile's parts begin; one entry more than there are tiles.
    area, perimeter, holes
        Measures of each part, m² and m; the tile's own sides are no border.
    cover
        Position of each part's cover.
    place
        x and y of a point inside each part, and the area of the trapezoid around it.
    box
        West, south, east and north of each part.
    side_start, side, side_part
        For each tile its west, east, south and north side: from where to where which part lies along it.
    pair, border
        Two parts of a tile with a common border, and its length.
    name, cover_start, member
        Two names of each cover, where it begins in `member`, and its shapes, sorted.
    slot
        Covers by the low bits of their names.
    """

    size: Ints
    start: Ints
    area: Floats
    perimeter: Floats
    holes: Places
    cover: Places
    place: Floats
    box: Floats
    side_start: Ints
    side: Floats
    side_part: Places
    pair: Places
    border: Floats
    name: Marks
    cover_start: Ints
    member: Places
    slot: Places


@kernel
def opened(tiles: int, room: int) -> Parts:
    """Open a book.

    Parameters
    ----------
    tiles
        How many tiles it is for.
    room
        How many parts, sides, borders and covers there is room for at first.

    Returns
    -------
    Parts
        Empty.
    """
    slots = 1024
    while slots < 4 * room:
        slots *= 2
    return Parts(
        np.zeros(5, dtype=np.int64),
        np.empty(tiles + 1, dtype=np.int64),
        np.empty(room),
        np.empty(room),
        np.empty(room, dtype=np.int32),
        np.empty(room, dtype=np.int32),
        np.empty((room, 3)),
        np.empty((room, 4)),
        np.empty(4 * tiles + 1, dtype=np.int64),
        np.empty((room, 2)),
        np.empty(room, dtype=np.int32),
        np.empty((room, 2), dtype=np.int32),
        np.empty(room),
        np.empty((room, 2), dtype=np.uint64),
        np.zeros(room + 1, dtype=np.int64),
        np.empty(4 * room, dtype=np.int32),
        np.full(slots, -1, dtype=np.int32),
    )


@kernel
def with_room(book: Parts, parts: int, sides: int, borders: int, covers: int, members: Places) -> Parts:
    """Make room for more.

    Parameters
    ----------
    book
        The book.
    parts, sides, borders, covers
        How many more there may be.
    members
        An array as long as there may be more members of covers.

    Returns
    -------
    Parts
        The book, or a larger copy.
    """
    size = book.size
    area, perimeter, holes, cover, place, box = (
        book.area, book.perimeter, book.holes, book.cover, book.place, book.box
    )  # fmt: skip
    if size[PARTS] + parts > len(area):
        more = size[PARTS] + parts
        area, perimeter, holes = longer(area, more), longer(perimeter, more), longer(holes, more)
        cover, place, box = longer(cover, more), longer_rows(place, more), longer_rows(box, more)
    side, side_part = book.side, book.side_part
    if size[SIDES] + sides > len(side):
        side, side_part = longer_rows(side, size[SIDES] + sides), longer(side_part, size[SIDES] + sides)
    pair, border = book.pair, book.border
    if size[BORDERS] + borders > len(pair):
        pair, border = longer_rows(pair, size[BORDERS] + borders), longer(border, size[BORDERS] + borders)
    name, cover_start, member, slot = book.name, book.cover_start, book.member, book.slot
    if size[KNOWN] + covers > len(name):
        name = longer_rows(name, size[KNOWN] + covers)
        cover_start = longer(cover_start, len(name) + 1)
        slot = _slots(name, size[KNOWN])
    if size[NAMED] + len(members) > len(member):
        member = longer(member, size[NAMED] + len(members))
    return Parts(
        size, book.start, area, perimeter, holes, cover, place, box, book.side_start, side, side_part, pair, border,
        name, cover_start, member, slot,
    )  # fmt: skip


@kernel
def _slots(name: Marks, count: int) -> Places:
    """Sort covers by the low bits of their names anew."""
    slots = 1024
    while slots < 4 * len(name):
        slots *= 2
    slot = np.full(slots, -1, dtype=np.int32)
    for n in range(count):
        at = np.int64(name[n, 0] & np.uint64(slots - 1))
        while slot[at] >= 0:
            at = (at + 1) & (slots - 1)
        slot[at] = n
    return slot


@kernel
def longer(array: NDArray[Any], wanted: int) -> NDArray[Any]:
    """Return a copy with room for half as much again.

    Parameters
    ----------
    array
        Any array of one dimension.
    wanted
        How long it must be at least.

    Returns
    -------
    numpy.ndarray
    """
    larger = np.empty(max(wanted, len(array) * 3 // 2), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


@kernel
def longer_rows(array: NDArray[Any], wanted: int) -> NDArray[Any]:
    """Return a copy of rows with room for half as many again.

    Parameters
    ----------
    array
        Any array of two dimensions.
    wanted
        How many rows it must have at least.

    Returns
    -------
    numpy.ndarray
    """
    larger = np.empty((max(wanted, len(array) * 3 // 2), array.shape[1]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
