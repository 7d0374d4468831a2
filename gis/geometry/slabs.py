"""The sweep: a window cut into slabs between neighbouring x, each slab into trapezoids, and who covers each of them.

A shape is what an odd number of its edges lie under: going up through a window, every edge that is crossed turns its
shape on or off. Between two neighbouring x at which an edge begins, ends or crosses another, the edges lie one above
the other, so the ground between two of them is a trapezoid that belongs to the shapes that are on. That is the whole
algebra: no topology is built, no point is snapped, any number of layers may overlap themselves, and an area is the
sum of width × mean height, exact up to rounding.

Coordinates are local to the window (its south-west corner is 0, 0): an easting or northing of 10⁶ m would cost digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.geometry.compiled import inlined, kernel

# x that differ by less, and trapezoids that are lower on the mean, are rounding, m
THIN = 1e-9

# columns of Space.piece: where an edge acts in the window, its line, and the y that it stays between
X0, X1, XL, YL, SLOPE, LOW, HIGH = range(7)
# columns of Space.trap: y of the lower and upper side, west and east
SW, SE, NW, NE = range(4)
# columns of Space.place: slab, cover, piece below and above (-1 is the window's own edge)
SLAB, COVER, BELOW, ABOVE = range(4)
# rows of Space.size
PIECES, TOGGLES, SLABS, TRAPS, COVERS, MEMBERS = range(6)
_EVENT_START, _EVENT_END, _EVENT_TOGGLE = range(3)


class Space(NamedTuple):
    """Hold the arrays that a sweep works in; one a thread, used again for every window.

    Parameters
    ----------
    size
        How much of each array is in use.
    piece, owner, source
        Edges clipped to the window, the local number of the shape that each belongs to, and the edge that it is of.
    toggle_x, toggle_owner
        Where going east along the window's south side leads into or out of a shape.
    mark
        A random number a local shape: their exclusive or names a set of shapes.
    inside
        Which local shapes hold the south-west corner; then, slab by slab, the ground along the south side.
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
    """

    size: NDArray[np.int64]
    piece: NDArray[np.float64]
    owner: NDArray[np.int32]
    source: NDArray[np.int64]
    toggle_x: NDArray[np.float64]
    toggle_owner: NDArray[np.int32]
    mark: NDArray[np.uint64]
    inside: NDArray[np.bool_]
    slab: NDArray[np.float64]
    first: NDArray[np.int32]
    trap: NDArray[np.float64]
    place: NDArray[np.int32]
    cover_mark: NDArray[np.uint64]
    cover: NDArray[np.int32]
    member: NDArray[np.int32]
    slot: NDArray[np.int32]


@kernel
def space(pieces, shapes, traps):  # type: ignore[no-untyped-def]
    """Return room for a window with so many pieces, shapes and trapezoids."""
    slots = 1024
    while slots < traps:
        slots *= 2
    return Space(
        np.zeros(6, dtype=np.int64),
        np.empty((pieces, 7)),
        np.empty(pieces, dtype=np.int32),
        np.empty(pieces, dtype=np.int64),
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
    )


@kernel
def mark_of(number):  # type: ignore[no-untyped-def]
    """Return 64 well-mixed bits for a number (splitmix64, Steele et al. 2014)."""
    z = np.uint64(number) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inlined
def crossing(ax, ay, bx, by, y):  # type: ignore[no-untyped-def]
    """Return the x at which an edge with ax <= bx reaches y."""
    if ax == bx:
        return ax
    x = ax + (y - ay) * ((bx - ax) / (by - ay))
    return min(max(x, ax), bx)


@inlined
def add_edge(room, ax, ay, bx, by, owner, source, width, height):  # type: ignore[no-untyped-def]
    """Add the part of an edge that lies in the window.

    Returns where it crosses the line along the window's south side going north (NaN if it does not): an edge that only
    touches the line from above counts, one that touches it from below or runs along it does not, so that the line is
    that of the ground just above it.
    """
    if ax > bx:
        ax, ay, bx, by = bx, by, ax, ay
    south, north = min(ay, by), max(ay, by)
    foot = np.nan
    if south <= 0.0 < north:
        foot = crossing(ax, ay, bx, by, 0.0)
    if ax == bx or north <= 0.0 or south >= height or bx <= 0.0 or ax >= width:
        return foot
    start, end = ax, bx
    if south < 0.0:
        if ay < by:
            start = foot
        else:
            end = foot
    if north > height:
        top = crossing(ax, ay, bx, by, height)
        if ay < by:
            end = top
        else:
            start = top
    start, end = max(start, 0.0), min(end, width)
    if start < end:
        n = room.size[PIECES]
        piece = room.piece[n]
        piece[X0], piece[X1], piece[XL], piece[YL] = start, end, ax, ay
        piece[SLOPE] = (by - ay) / (bx - ax)
        piece[LOW], piece[HIGH] = max(south, 0.0), min(north, height)
        room.owner[n], room.source[n] = owner, source
        room.size[PIECES] = n + 1
    return foot


@inlined
def add_toggle(room, x, owner):  # type: ignore[no-untyped-def]
    """Note that going east along the south side a shape begins or ends at x."""
    n = room.size[TOGGLES]
    room.toggle_x[n], room.toggle_owner[n] = x, owner
    room.size[TOGGLES] = n + 1


@inlined
def height_at(piece, n, x):  # type: ignore[no-untyped-def]
    """Return y of a piece's line at x, kept between its ends."""
    y = piece[n, YL] + (x - piece[n, XL]) * piece[n, SLOPE]
    return min(max(y, piece[n, LOW]), piece[n, HIGH])


@kernel
def sweep(room, shapes, width, height):  # type: ignore[no-untyped-def]
    """Cut the window into trapezoids; return False where the room is too small.

    `room` holds pieces, toggles, marks and who holds the south-west corner of `shapes` local shapes.
    """
    x, kind, what = _events(room, width)
    _forget(room)
    pieces = room.size[PIECES]
    active = np.empty(pieces, dtype=np.int32)
    west, east = np.empty(pieces), np.empty(pieces)
    ends = np.zeros(pieces, dtype=np.bool_)
    # where pieces cross: the cuts, and the pieces in the order they have between two of them
    cuts, part, w, e = np.empty(pieces * 4), np.empty(pieces, dtype=np.int32), np.empty(pieces), np.empty(pieces)
    piece, mark = room.piece, room.mark
    ground = np.uint64(0)
    for n in range(shapes):
        if room.inside[n]:
            ground ^= mark[n]
    count, event, total = 0, 0, len(x)
    here = 0.0
    while event < total and here < width:
        # all that happens within a rounding of this x happens at once
        while event < total and x[event] - here <= THIN:
            n = what[event]
            if kind[event] == _EVENT_START:
                active[count], east[count] = n, height_at(piece, n, here)
                count += 1
            elif kind[event] == _EVENT_END:
                ends[n] = True
            else:
                room.inside[n] = not room.inside[n]
                ground ^= room.mark[n]
            event += 1
        there = x[event] if event < total else width
        if there <= here:
            continue
        # what was the east of the last slab is the west of this one
        kept = 0
        for k in range(count):
            n = active[k]
            if not ends[n]:
                active[kept], west[kept], east[kept] = n, east[k], height_at(piece, n, there)
                kept += 1
        count = kept
        _order(active, west, east, count)
        if _crosses(east, count):
            cuts, found = _cuts(cuts, west, east, count, here, there)
            good, start = True, here
            part[:count] = active[:count]
            for k in range(found + 1):
                end = there if k == found else cuts[k]
                if good and (k == found or (end - start > THIN and there - end > THIN)):
                    _between(piece, part, w, e, count, start, end)
                    good = _slab(room, shapes, ground, part, w, e, count, start, end, height)
                    start = end
        else:
            good = _slab(room, shapes, ground, active, west, east, count, here, there, height)
        if not good:
            return False
        here = there
    room.first[room.size[SLABS]] = room.size[TRAPS]
    return True


@kernel
def _events(room, width):  # type: ignore[no-untyped-def]
    """Return all x at which something begins, ends or toggles, in order, with what it is."""
    pieces, toggles = room.size[PIECES], room.size[TOGGLES]
    x = np.empty(2 * pieces + toggles)
    for n in range(pieces):
        x[n], x[pieces + n] = room.piece[n, X0], room.piece[n, X1]
    for n in range(toggles):
        x[2 * pieces + n] = room.toggle_x[n]
    order = np.argsort(x, kind="mergesort")
    kind, what = np.empty(len(x), dtype=np.int8), np.empty(len(x), dtype=np.int32)
    for k in range(len(order)):
        n = order[k]
        if n < pieces:
            kind[k], what[k] = _EVENT_START, n
        elif n < 2 * pieces:
            kind[k], what[k] = _EVENT_END, n - pieces
        else:
            kind[k], what[k] = _EVENT_TOGGLE, room.toggle_owner[n - 2 * pieces]
    x = x[order]
    if len(x) == 0 or x[-1] < width - THIN:
        # a last event that does nothing: the window ends
        x = np.append(x, width)
        kind = np.append(kind, np.int8(_EVENT_END))
        what = np.append(what, np.int32(0))
    return x, kind, what


@inlined
def _order(active, west, east, count):  # type: ignore[no-untyped-def]
    """Sort pieces by their west end, then their east end; they come nearly sorted."""
    for k in range(1, count):
        a, w, e = active[k], west[k], east[k]
        j = k - 1
        while j >= 0 and (west[j] > w or (west[j] == w and east[j] > e)):
            active[j + 1], west[j + 1], east[j + 1] = active[j], west[j], east[j]
            j -= 1
        active[j + 1], west[j + 1], east[j + 1] = a, w, e


@inlined
def _crosses(east, count):  # type: ignore[no-untyped-def]
    """Tell whether pieces sorted in the west are in another order in the east."""
    for k in range(1, count):
        if east[k - 1] > east[k] + 1e-12:
            return True
    return False


@inlined
def _cuts(cuts, west, east, count, here, there):  # type: ignore[no-untyped-def]
    """Return the x at which pieces cross in a slab, in order, and how many there are."""
    found = 0
    for i in range(count):
        for j in range(i + 1, count):
            if east[i] > east[j]:
                if found == len(cuts):
                    cuts = np.append(cuts, np.empty(found + 16))
                apart_west, apart_east = west[j] - west[i], east[i] - east[j]
                x = here + (there - here) * (apart_west / (apart_west + apart_east))
                k = found - 1
                while k >= 0 and cuts[k] > x:
                    cuts[k + 1] = cuts[k]
                    k -= 1
                cuts[k + 1] = x
                found += 1
    return cuts, found


@inlined
def _between(piece, part, w, e, count, start, end):  # type: ignore[no-untyped-def]
    """Order pieces between two cuts by their middles, and set their ends there."""
    middle = (start + end) / 2
    for n in range(count):
        w[n] = e[n] = height_at(piece, part[n], middle)
    _order(part, w, e, count)
    for n in range(count):
        w[n], e[n] = height_at(piece, part[n], start), height_at(piece, part[n], end)


@inlined
def _slab(room, shapes, ground, active, west, east, count, here, there, height):  # type: ignore[no-untyped-def]
    """Add one slab in which the pieces lie one above the other."""
    slab, trap = room.size[SLABS], room.size[TRAPS]
    if slab + 1 >= len(room.slab) or trap + count + 1 > len(room.trap):
        return False
    room.slab[slab, 0], room.slab[slab, 1] = here, there
    room.first[slab] = trap
    room.size[SLABS] = slab + 1
    # arrays by name: a look into the room costs more than the sum it is for
    trapezoid, place, mark, owner, slot, known = room.trap, room.place, room.mark, room.owner, room.slot, room.cover_mark
    begin = trap
    low_west = low_east = 0.0
    below, name = -1, ground
    for k in range(count + 1):
        up_west = west[k] if k < count else height
        up_east = east[k] if k < count else height
        above = active[k] if k < count else -1
        # a side that is below the one before it by rounding does not count
        up_west, up_east = max(up_west, low_west), max(up_east, low_east)
        rise = up_west - low_west + up_east - low_east
        if rise > 2 * THIN or (k == count and trap == begin):
            at = _slot(slot, known, name)
            if slot[at] < 0:
                slot[at] = _cover(room, shapes, name, active, k)
                if slot[at] < 0:
                    return False
            cover = slot[at]
            if trap > begin and place[trap - 1, COVER] == cover:
                trap -= 1
            else:
                trapezoid[trap, SW], trapezoid[trap, SE] = low_west, low_east
                place[trap, SLAB], place[trap, COVER], place[trap, BELOW] = slab, cover, below
            trapezoid[trap, NW], trapezoid[trap, NE] = up_west, up_east
            place[trap, ABOVE] = above
            trap += 1
            low_west, low_east, below = up_west, up_east, above
        if k < count:
            name ^= mark[owner[active[k]]]
    # what rounding left under the north side goes to the last trapezoid, so that no ground is lost
    trapezoid[trap - 1, NW] = trapezoid[trap - 1, NE] = height
    place[trap - 1, ABOVE] = -1
    room.size[TRAPS] = trap
    return True


@inlined
def _slot(slot, known, name):  # type: ignore[no-untyped-def]
    """Return where a set of shapes is, or would be, among the slots."""
    mask = len(slot) - 1
    at = np.int64(name & np.uint64(mask))
    while slot[at] >= 0 and known[slot[at]] != name:
        at = (at + 1) & mask
    return at


@inlined
def _forget(room):  # type: ignore[no-untyped-def]
    """Forget the sets, slabs and trapezoids of the last window."""
    size, slot, known = room.size, room.slot, room.cover_mark
    mask = len(slot) - 1
    for n in range(size[COVERS]):
        # a chain of slots that met is emptied from the front
        at = np.int64(known[n] & np.uint64(mask))
        while slot[at] >= 0:
            slot[at] = -1
            at = (at + 1) & mask
    size[SLABS] = size[TRAPS] = size[COVERS] = size[MEMBERS] = 0
    room.cover[0] = 0


@kernel
def _cover(room, shapes, name, active, count):  # type: ignore[no-untyped-def]
    """Write a new set of shapes down and return its number (-1: no room).

    The set is who is on along the south side, and every shape turned by the `count` pieces below.
    """
    covers, members = room.size[COVERS], room.size[MEMBERS]
    inside, owner, member = room.inside, room.owner, room.member
    if covers + 1 >= len(room.cover_mark) or 2 * covers > len(room.slot) or members + shapes > len(member):
        return -1
    for k in range(count):
        inside[owner[active[k]]] = not inside[owner[active[k]]]
    for n in range(shapes):
        if inside[n]:
            member[members] = n
            members += 1
    for k in range(count):
        inside[owner[active[k]]] = not inside[owner[active[k]]]
    room.cover_mark[covers] = name
    room.cover[covers + 1] = members
    room.size[COVERS], room.size[MEMBERS] = covers + 1, members
    return covers
