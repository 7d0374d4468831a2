"""The sweep: a window cut into slabs between neighbouring x, each slab into trapezoids, and who covers each of them.

A shape is what an odd number of its edges lie under: going up through a window, every edge that is crossed turns its
shape on or off. Between two neighbouring x at which an edge begins, ends or crosses another, the edges lie one above
the other, so the ground between two of them is a trapezoid that belongs to the shapes that are on. That is the whole
algebra: no topology is built, no point is snapped, any number of layers may overlap themselves, and an area is the
sum of width × mean height, exact up to rounding. Where nothing but areas is wanted, `gis.geometry.strokes` is faster.

Who covers what changes only where a chain of edges begins or ends, or two cross; from bend to bend the sets above each
other stay.

Invariant: the trapezoids of a slab lie on each other without gap or overlap, in whatever order rounding has put lines
that are one; their areas add up to the window's. Guarded by `tests/unit/geometry/test_slabs.py`.
"""

from __future__ import annotations

import numpy as np

from gis.compiled import Floats, Marks, Places, inlined, lean
from gis.geometry import edges, sets, sorting
from gis.geometry.edges import height_at
from gis.geometry.room import (
    ABOVE,
    BELOW,
    COVER,
    COVERS,
    NE,
    NEXT,
    NW,
    OWNER,
    PIECES,
    SE,
    SLAB,
    SLABS,
    SW,
    THIN,
    TOGGLES,
    TRAPS,
    X0,
    X1,
    Space,
)

# pieces whose y differ by less are on one level, m
_LEVEL = 1e-12


@lean
def sweep(room: Space, shapes: int, width: float, height: float) -> bool:
    """Cut the window into trapezoids.

    Parameters
    ----------
    room
        Pieces, toggles and marks, and who holds the south-west corner; takes covers, slabs and trapezoids.
    shapes
        Number of local shapes.
    width, height
        Of the window, m.

    Returns
    -------
    bool
        False where the room is too small: then it is of no more use.
    """
    # arrays by name: a look into the room costs more than the sum it is for
    piece, tie, start, active, west, east = room.piece, room.tie, room.start, room.active, room.west, room.east
    toggle_x, toggle_owner, mark, inside, name = room.toggle_x, room.toggle_owner, room.mark, room.inside, room.name
    trap, place, slab, first, holder = room.trap, room.place, room.slab, room.first, room.holder
    starts, toggles = edges.first_ones(piece, tie, west, start, room.size[PIECES]), room.size[TOGGLES]
    sorting.together(toggle_x, toggle_owner, toggles)
    sets.forget(room.slot, room.cover_mark, room.size[COVERS])
    corner, here, fresh, room.cover[0] = sets.corner(mark, inside, shapes), 0.0, True, 0
    s = t = count = slabs = traps = covers = members = 0
    while here < width:
        if traps + count + starts - s + 1 > len(trap) or slabs + 1 >= len(slab):
            return False
        # all that happens within a rounding of this x happens at once
        while s < starts and piece[start[s], X0] - here <= THIN:
            active[count], east[count] = start[s], height_at(piece, start[s], here)
            s, count, fresh = s + 1, count + 1, True
        while t < toggles and toggle_x[t] - here <= THIN:
            one, t, fresh = toggle_owner[t], t + 1, True
            corner ^= mark[one]
            inside[one] = not inside[one]
        there = min(piece[start[s], X0], width) if s < starts else width
        there = min(toggle_x[t], there) if t < toggles else there
        kept, there = _gone_on(piece, tie, active, west, east, count, here, there)
        fresh, count = fresh or kept < count, kept
        if not _reached(piece, active, west, east, count, there):
            fresh = _order(active, west, east, count) or fresh
            if _crosses(east, count):
                there, fresh = _first_crossing(west, east, count, here, there), True
                _between(piece, active, west, east, count, here, there)
        if fresh:
            _name(tie, mark, active, count, corner, name, holder)
            fresh = False
        slab[slabs, 0], slab[slabs, 1], first[slabs] = here, there, traps
        traps = _trapezoids(trap, place, name, active, west, east, (slabs, traps, count), height)
        for n in range(first[slabs], traps):
            k = place[n, COVER]
            if holder[k] < 0:
                holder[k], covers, members = sets.number(room, name[k], k, shapes, (covers, members))
                if holder[k] < 0:
                    return False
            place[n, COVER] = holder[k]
        here, slabs = there, slabs + 1
    first[slabs], room.size[SLABS], room.size[TRAPS], room.size[COVERS] = traps, slabs, traps, covers
    return True


@inlined
def _gone_on(
    piece: Floats, tie: Places, active: Places, west: Floats, east: Floats, count: int, here: float, there: float
) -> tuple[int, float]:
    """Put the next of its chain in the place of each piece that has ended; return how many are left, and to where."""
    kept = 0
    for k in range(count):
        n = active[k]
        end = piece[n, X1]
        # what was the east of the last slab is the west of this one
        y = east[k]
        if end - here <= THIN:
            while n >= 0 and piece[n, X1] - here <= THIN:
                n = tie[n, NEXT]
            if n < 0:
                continue
            end, y = piece[n, X1], height_at(piece, n, here)
        active[kept], west[kept] = n, y
        there = min(end, there)
        kept += 1
    return kept, there


@inlined
def _reached(piece: Floats, active: Places, west: Floats, east: Floats, count: int, there: float) -> bool:
    """Set the pieces' y where the slab ends; tell whether they lie one above the other at both of its ends."""
    good, before_west, before_east = True, -np.inf, -np.inf
    for k in range(count):
        here, y = west[k], height_at(piece, active[k], there)
        east[k] = y
        good &= (before_west < here) & (before_east <= y)
        before_west, before_east = here, y
    return good


@inlined
def _order(active: Places, west: Floats, east: Floats, count: int) -> bool:
    """Sort pieces by their west end, those that meet there by their east end; tell whether one had to move."""
    moved = False
    for k in range(1, count):
        a, w, e, j = active[k], west[k], east[k], k - 1
        while j >= 0 and (west[j] > w + _LEVEL or (west[j] >= w - _LEVEL and east[j] > e + _LEVEL)):
            active[j + 1], west[j + 1], east[j + 1] = active[j], west[j], east[j]
            j -= 1
        if j < k - 1:
            moved = True
            active[j + 1], west[j + 1], east[j + 1] = a, w, e
    return moved


@inlined
def _crosses(east: Floats, count: int) -> bool:
    """Tell whether pieces sorted in the west are in another order in the east."""
    for k in range(1, count):
        if east[k - 1] > east[k] + _LEVEL:
            return True
    return False


@inlined
def _first_crossing(west: Floats, east: Floats, count: int, here: float, there: float) -> float:
    """Return the first x at which pieces cross that is more than a rounding from both ends, the east end if none is."""
    first = there
    for i in range(count):
        for j in range(i + 1, count):
            if east[i] > east[j]:
                apart_west, apart_east = west[j] - west[i], east[i] - east[j]
                x = here + (there - here) * (apart_west / (apart_west + apart_east))
                if x - here > THIN and there - x > THIN:
                    first = min(x, first)
    return first


@inlined
def _between(piece: Floats, active: Places, west: Floats, east: Floats, count: int, here: float, there: float) -> None:
    """Order pieces by their middles, and set their ends."""
    middle = (here + there) / 2
    for n in range(count):
        west[n] = east[n] = height_at(piece, active[n], middle)
    _order(active, west, east, count)
    for n in range(count):
        west[n], east[n] = height_at(piece, active[n], here), height_at(piece, active[n], there)


@inlined
def _name(
    tie: Places, mark: Marks, active: Places, count: int, corner: np.uint64, name: Marks, holder: Places
) -> None:
    """Name what is between the pieces of a slab, from its south side on; it has no number yet."""
    name[0], holder[0] = corner, -1
    for k in range(count):
        corner ^= mark[tie[active[k], OWNER]]
        name[k + 1], holder[k + 1] = corner, -1


@inlined
def _trapezoids(
    trapezoid: Floats,
    place: Places,
    name: Marks,
    active: Places,
    west: Floats,
    east: Floats,
    at: tuple[int, int, int],
    height: float,
) -> int:
    """Write down the trapezoids of one slab and which ground between its pieces they are; return how many there are."""
    slab, begin, count = at
    trap, below, low, low_west, low_east = begin, -1, 0.0, 0.0, 0.0
    for k in range(count + 1):
        up_west = west[k] if k < count else height
        up_east = east[k] if k < count else height
        if up_west + up_east - low > 2 * THIN or (k == count and trap == begin):
            low = up_west + up_east
            up_west, up_east = max(up_west, low_west), max(up_east, low_east)
            if trap > begin and name[place[trap - 1, COVER]] == name[k]:
                trap -= 1
            else:
                trapezoid[trap, SW], trapezoid[trap, SE] = low_west, low_east
                place[trap, SLAB], place[trap, COVER], place[trap, BELOW] = slab, k, below
            trapezoid[trap, NW], trapezoid[trap, NE] = up_west, up_east
            place[trap, ABOVE] = below = active[k] if k < count else -1
            trap += 1
            low_west, low_east = up_west, up_east
    trapezoid[trap - 1, NW] = trapezoid[trap - 1, NE] = height
    place[trap - 1, ABOVE] = -1
    return trap
