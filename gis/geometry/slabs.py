"""The sweep: a window cut into slabs between neighbouring x, each slab into trapezoids, and who covers each of them.

A shape is what an odd number of its edges lie under: going up through a window, every edge that is crossed turns its
shape on or off. Between two neighbouring x at which an edge begins, ends or crosses another, the edges lie one above
the other, so the ground between two of them is a trapezoid that belongs to the shapes that are on. That is the whole
algebra: no topology is built, no point is snapped, any number of layers may overlap themselves, and an area is the
sum of width × mean height, exact up to rounding.

Who covers what changes only where a chain of edges begins or ends, or two cross; from bend to bend the sets above each
other stay, and where nothing but areas is wanted a slab is a sum over its edges.
"""

from __future__ import annotations

import numpy as np

from gis.compiled import Flags, Floats, Marks, Places, inlined, kernel
from gis.geometry.edges import height_at
from gis.geometry.room import (
    ABOVE,
    BELOW,
    BOTTOM,
    COVER,
    COVERS,
    FIRST,
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

# more pieces or toggles than these are sorted by more than insertion
_FEW = 48
# pieces whose y differ by less are on one level, m
_LEVEL = 1e-12


@kernel
def sweep(room: Space, shapes: int, width: float, height: float, drawn: bool) -> bool:
    """Cut the window into trapezoids, or measure the sets of shapes in it.

    Parameters
    ----------
    room
        Pieces, toggles and marks, and who holds the south-west corner; takes covers, slabs and trapezoids.
    shapes
        Number of local shapes.
    width, height
        Of the window, m.
    drawn
        Whether slabs and trapezoids are wanted, and all covers; else only those that local shape 0 is in, with their
        area.

    Returns
    -------
    bool
        False where the room is too small: then it is of no more use.
    """
    # arrays by name: a look into the room costs more than the sum it is for
    piece, tie, start, active, west, east = room.piece, room.tie, room.start, room.active, room.west, room.east
    toggle_x, toggle_owner, mark, turn, name = room.toggle_x, room.toggle_owner, room.mark, room.turn, room.name
    ground, trap, place, slab, first = room.ground, room.trap, room.place, room.slab, room.first
    starts, toggles = _started(piece, tie, start, room.size[PIECES]), room.size[TOGGLES]
    _toggled(toggle_x, toggle_owner, toggles)
    corner = _corner(mark, room.inside, shapes)
    s = t = count = slabs = traps = base = strips = 0
    # what is drawn is to be seen; what is measured may be as thin as it likes
    here, fresh, thin = 0.0, True, 2 * THIN if drawn else 0.0
    while here < width:
        most = count + starts - s + 1
        if strips + toggles - t + most > len(turn) or traps + most > len(trap) or slabs + 1 >= len(slab):
            return False
        # all that happens within a rounding of this x happens at once
        while s < starts and piece[start[s], X0] - here <= THIN:
            active[count], east[count] = start[s], height_at(piece, start[s], here)
            s, count, fresh = s + 1, count + 1, True
        while t < toggles and toggle_x[t] - here <= THIN:
            corner ^= mark[toggle_owner[t]]
            turn[strips] = BOTTOM - 1 - toggle_owner[t]
            t, strips, fresh = t + 1, strips + 1, True
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
            base, strips, fresh = strips, strips + count + 1, False
            _name(tie, mark, active, count, corner, turn, name, base)
            ground[base:strips] = -1.0
        if drawn:
            slab[slabs, 0], slab[slabs, 1], first[slabs] = here, there, traps
            traps = _trapezoids(trap, place, name, active, west, east, (slabs, traps, base, count), height)
            slabs += 1
        _measured(ground, base, west, east, count, ((there - here) / 2, height), thin)
        here = there
    first[slabs], room.size[SLABS], room.size[TRAPS] = traps, slabs, traps
    return _gathered(room, shapes, strips, drawn)


@inlined
def _started(piece: Floats, tie: Places, start: Places, pieces: int) -> int:
    """Sort the pieces that have none before them by where they begin; return how many there are."""
    count = 0
    for n in range(pieces):
        if tie[n, FIRST]:
            start[count] = n
            count += 1
    if count > _FEW:
        at = np.empty(count)
        for k in range(count):
            at[k] = piece[start[k], X0]
        start[:count] = start[:count][np.argsort(at, kind="mergesort")]
        return count
    for k in range(1, count):
        n, j = start[k], k - 1
        at_n = piece[n, X0]
        while j >= 0 and piece[start[j], X0] > at_n:
            start[j + 1] = start[j]
            j -= 1
        start[j + 1] = n
    return count


@inlined
def _toggled(at: Floats, owner: Places, count: int) -> None:
    """Sort the toggles from west to east."""
    if count > _FEW:
        order = np.argsort(at[:count], kind="mergesort")
        at[:count], owner[:count] = at[:count][order], owner[:count][order]
        return
    for k in range(1, count):
        x, one, j = at[k], owner[k], k - 1
        while j >= 0 and at[j] > x:
            at[j + 1], owner[j + 1] = at[j], owner[j]
            j -= 1
        at[j + 1], owner[j + 1] = x, one


@inlined
def _corner(mark: Marks, inside: Flags, shapes: int) -> np.uint64:
    """Return the name of the set that holds the south-west corner."""
    name = np.uint64(0)
    for n in range(shapes):
        if inside[n]:
            name ^= mark[n]
    return name


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
    tie: Places, mark: Marks, active: Places, count: int, corner: np.uint64, turn: Places, name: Marks, base: int
) -> None:
    """Write down what is between the pieces of a slab, from its south side on."""
    turn[base], name[base] = BOTTOM, corner
    for k in range(count):
        owner = tie[active[k], OWNER]
        corner ^= mark[owner]
        turn[base + k + 1], name[base + k + 1] = owner, corner


@inlined
def _measured(
    ground: Floats, base: int, west: Floats, east: Floats, count: int, frame: tuple[float, float], thin: float
) -> None:
    """Add the ground of one slab, in which the pieces lie one above the other."""
    (half, height), low, last = frame, 0.0, -1
    for k in range(count):
        up = west[k] + east[k]
        # a side that is below the one before it by rounding does not count
        if up - low > thin:
            last = base + k
            ground[last] = max(ground[last], 0.0) + half * (up - low)
            low = up
    # what rounding left under the north side goes to the last set, so that no ground is lost
    if 2 * height - low > thin or last < 0:
        last = base + count
    ground[last] = max(ground[last], 0.0) + half * (2 * height - low)


@inlined
def _trapezoids(
    trapezoid: Floats,
    place: Places,
    name: Marks,
    active: Places,
    west: Floats,
    east: Floats,
    at: tuple[int, int, int, int],
    height: float,
) -> int:
    """Write the trapezoids of one slab down, which stand for their sets; return how many there are then."""
    slab, begin, base, count = at
    trap, below, low, low_west, low_east = begin, -1, 0.0, 0.0, 0.0
    for k in range(count + 1):
        up_west = west[k] if k < count else height
        up_east = east[k] if k < count else height
        if up_west + up_east - low > 2 * THIN or (k == count and trap == begin):
            low = up_west + up_east
            up_west, up_east = max(up_west, low_west), max(up_east, low_east)
            if trap > begin and name[place[trap - 1, COVER]] == name[base + k]:
                trap -= 1
            else:
                trapezoid[trap, SW], trapezoid[trap, SE] = low_west, low_east
                place[trap, SLAB], place[trap, COVER], place[trap, BELOW] = slab, base + k, below
            trapezoid[trap, NW], trapezoid[trap, NE] = up_west, up_east
            place[trap, ABOVE] = below = active[k] if k < count else -1
            trap += 1
            low_west, low_east = up_west, up_east
    trapezoid[trap - 1, NW] = trapezoid[trap - 1, NE] = height
    place[trap - 1, ABOVE] = -1
    return trap


@kernel
def _gathered(room: Space, shapes: int, strips: int, drawn: bool) -> bool:
    """Give the sets that have ground numbers and add it up; tell whether there was room."""
    turn, name, ground, holder, inside = room.turn, room.name, room.ground, room.holder, room.inside
    slot, known, begin, member, area = room.slot, room.cover_mark, room.cover, room.member, room.area
    _forget(slot, known, room.size[COVERS])
    covers, mask, bottom, members, wanted = 0, len(slot) - 1, 0, 0, False
    begin[0] = 0
    for n in range(strips):
        if turn[n] < BOTTOM:
            one = BOTTOM - 1 - turn[n]
            inside[one] = not inside[one]
            continue
        if turn[n] == BOTTOM:
            bottom, wanted = n, drawn or inside[0]
        elif turn[n] == 0:
            wanted = drawn or not wanted
        if not wanted or ground[n] < 0.0:
            continue
        at = np.int64(name[n] & np.uint64(mask))
        while slot[at] >= 0 and known[slot[at]] != name[n]:
            at = (at + 1) & mask
        if slot[at] < 0:
            room.size[COVERS] = covers
            if covers + 1 >= len(known) or 2 * covers > len(slot) or members + shapes > len(member):
                return False
            members = _members(turn, bottom, n, inside, shapes, member, members)
            slot[at], known[covers], area[covers], begin[covers + 1] = covers, name[n], 0.0, members
            covers += 1
        holder[n] = slot[at]
        area[slot[at]] += ground[n]
    for n in range(room.size[TRAPS]):
        room.place[n, COVER] = holder[room.place[n, COVER]]
    room.size[COVERS] = covers
    return True


@inlined
def _members(
    turn: Places, bottom: int, top: int, inside: Flags, shapes: int, member: Places, members: int
) -> int:
    """Write the shapes of a set down: who is on along the south side, turned by the pieces below."""
    for k in range(bottom + 1, top + 1):
        inside[turn[k]] = not inside[turn[k]]
    for n in range(shapes):
        if inside[n]:
            member[members] = n
            members += 1
    for k in range(bottom + 1, top + 1):
        inside[turn[k]] = not inside[turn[k]]
    return members


@inlined
def _forget(slot: Places, known: Marks, covers: int) -> None:
    """Forget the sets of the last window."""
    mask = len(slot) - 1
    for n in range(covers):
        # a chain of slots that met is emptied from the front
        at = np.int64(known[n] & np.uint64(mask))
        while slot[at] >= 0:
            slot[at] = -1
            at = (at + 1) & mask
