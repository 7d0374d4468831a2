"""The sweep: a window cut into slabs between neighbouring x, each slab into trapezoids, and who covers each of them.

A shape is what an odd number of its edges lie under: going up through a window, every edge that is crossed turns its
shape on or off. Between two neighbouring x at which an edge begins, ends or crosses another, the edges lie one above
the other, so the ground between two of them is a trapezoid that belongs to the shapes that are on. That is the whole
algebra: no topology is built, no point is snapped, any number of layers may overlap themselves, and an area is the
sum of width × mean height, exact up to rounding.

Coordinates are local to the window (its south-west corner is 0, 0): an easting or northing of 10⁶ m would cost digits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Floats, Marks, Places, inlined, kernel
from gis.geometry.room import (
    ABOVE,
    BELOW,
    COVER,
    COVERS,
    HIGH,
    LOW,
    MEMBERS,
    NE,
    NW,
    PIECES,
    SE,
    SLAB,
    SLABS,
    SLOPE,
    SW,
    THIN,
    TOGGLES,
    TRAPS,
    X0,
    X1,
    XL,
    YL,
    Space,
)

_EVENT_START, _EVENT_END, _EVENT_TOGGLE = range(3)


@inlined
def crossing(ax: float, ay: float, bx: float, by: float, y: float) -> float:
    """Find where an edge reaches a height.

    Parameters
    ----------
    ax, ay, bx, by
        Ends of the edge, ax <= bx.
    y
        The height, between the ends.

    Returns
    -------
    float
        x, between the ends.
    """
    if ax == bx:
        return ax
    x = ax + (y - ay) * ((bx - ax) / (by - ay))
    return min(max(x, ax), bx)


@inlined
def add_edge(
    room: Space, ax: float, ay: float, bx: float, by: float, name: tuple[int, int], frame: tuple[float, float]
) -> float:
    """Add the part of an edge that lies in the window.

    Parameters
    ----------
    room
        The room of the sweep.
    ax, ay, bx, by
        Ends of the edge in coordinates of the window.
    name
        Local shape and number of the edge.
    frame
        Width and height of the window, m.

    Returns
    -------
    float
        x at which the edge crosses the line along the window's south side, NaN if it does not.

    Notes
    -----
    An edge that only touches the line from above crosses it; one that touches it from below or runs along it does not:
    the line is that of the ground just above it.
    """
    if ax > bx:
        ax, ay, bx, by = bx, by, ax, ay
    width, height = frame
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
        piece = room.piece
        piece[n, X0], piece[n, X1], piece[n, XL], piece[n, YL] = start, end, ax, ay
        piece[n, SLOPE] = (by - ay) / (bx - ax)
        piece[n, LOW], piece[n, HIGH] = max(south, 0.0), min(north, height)
        room.owner[n], room.source[n] = name
        room.size[PIECES] = n + 1
    return foot


@inlined
def add_toggle(room: Space, x: float, owner: int) -> None:
    """Note that going east along the south side a shape begins or ends.

    Parameters
    ----------
    room
        The room of the sweep.
    x
        Where, in coordinates of the window.
    owner
        Local shape.
    """
    n = room.size[TOGGLES]
    room.toggle_x[n], room.toggle_owner[n] = x, owner
    room.size[TOGGLES] = n + 1


@inlined
def height_at(piece: Floats, n: int, x: float) -> float:
    """Return the height of a piece's line.

    Parameters
    ----------
    piece
        The pieces.
    n
        Which.
    x
        Where.

    Returns
    -------
    float
        y, kept between the ends of the piece.
    """
    y = piece[n, YL] + (x - piece[n, XL]) * piece[n, SLOPE]
    return min(max(y, piece[n, LOW]), piece[n, HIGH])


@kernel
def sweep(room: Space, shapes: int, width: float, height: float) -> bool:
    """Cut the window into trapezoids.

    Parameters
    ----------
    room
        Pieces, toggles and marks, and who holds the south-west corner; takes slabs, trapezoids and covers.
    shapes
        Number of local shapes.
    width, height
        Of the window, m.

    Returns
    -------
    bool
        False where the room is too small: then it is of no more use.
    """
    x, kind, what = _events(room, width)
    _forget(room)
    pieces = room.size[PIECES]
    active = np.empty(pieces, dtype=np.int32)
    west, east = np.empty(pieces), np.empty(pieces)
    ends = np.zeros(pieces, dtype=np.bool_)
    # where pieces cross: the cuts, and the pieces in the order they have between two of them
    cuts, part, w, e = np.empty(pieces * 4), np.empty(pieces, dtype=np.int32), np.empty(pieces), np.empty(pieces)
    piece, mark, inside = room.piece, room.mark, room.inside
    ground = np.uint64(0)
    for n in range(shapes):
        if inside[n]:
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
                inside[n] = not inside[n]
                ground ^= mark[n]
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
                    good = _slab(room, shapes, ground, part, w, e, count, (start, end, height))
                    start = end
        else:
            good = _slab(room, shapes, ground, active, west, east, count, (here, there, height))
        if not good:
            return False
        here = there
    room.first[room.size[SLABS]] = room.size[TRAPS]
    return True


@kernel
def _events(room: Space, width: float) -> tuple[Floats, NDArray[np.int8], Places]:
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
def _order(active: Places, west: Floats, east: Floats, count: int) -> None:
    """Sort pieces by their west end, then their east end; they come nearly sorted."""
    for k in range(1, count):
        a, w, e = active[k], west[k], east[k]
        j = k - 1
        while j >= 0 and (west[j] > w or (west[j] == w and east[j] > e)):
            active[j + 1], west[j + 1], east[j + 1] = active[j], west[j], east[j]
            j -= 1
        active[j + 1], west[j + 1], east[j + 1] = a, w, e


@inlined
def _crosses(east: Floats, count: int) -> bool:
    """Tell whether pieces sorted in the west are in another order in the east."""
    for k in range(1, count):
        if east[k - 1] > east[k] + 1e-12:
            return True
    return False


@inlined
def _cuts(cuts: Floats, west: Floats, east: Floats, count: int, here: float, there: float) -> tuple[Floats, int]:
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
def _between(piece: Floats, part: Places, w: Floats, e: Floats, count: int, start: float, end: float) -> None:
    """Order pieces between two cuts by their middles, and set their ends there."""
    middle = (start + end) / 2
    for n in range(count):
        w[n] = e[n] = height_at(piece, part[n], middle)
    _order(part, w, e, count)
    for n in range(count):
        w[n], e[n] = height_at(piece, part[n], start), height_at(piece, part[n], end)


@inlined
def _slab(
    room: Space,
    shapes: int,
    ground: np.uint64,
    active: Places,
    west: Floats,
    east: Floats,
    count: int,
    frame: tuple[float, float, float],
) -> bool:
    """Add one slab in which the pieces lie one above the other."""
    here, there, height = frame
    slab, trap = room.size[SLABS], room.size[TRAPS]
    if slab + 1 >= len(room.slab) or trap + count + 1 > len(room.trap):
        return False
    room.slab[slab, 0], room.slab[slab, 1] = here, there
    room.first[slab] = trap
    room.size[SLABS] = slab + 1
    # arrays by name: a look into the room costs more than the sum it is for
    trapezoid, place, mark, owner = room.trap, room.place, room.mark, room.owner
    slot, known = room.slot, room.cover_mark
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
def _slot(slot: Places, known: Marks, name: np.uint64) -> np.int64:
    """Return where a set of shapes is, or would be, among the slots."""
    mask = len(slot) - 1
    at = np.int64(name & np.uint64(mask))
    while slot[at] >= 0 and known[slot[at]] != name:
        at = (at + 1) & mask
    return at


@inlined
def _forget(room: Space) -> None:
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
def _cover(room: Space, shapes: int, name: np.uint64, active: Places, count: int) -> int:
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
