"""Strokes: the ground of every set of shapes in a window, added up under its lines from one event to the next.

Going up through a window, every chain of edges turns its shape on or off (`gis.geometry.slabs` says more). The ground
between two lines is what lies under the upper one less what lies under the lower one, and both sums go on as long as
the sets on the two sides of a line stay the same. So nothing is cut into slabs: where a chain begins, ends or crosses
its neighbour, and only there, the lines whose sides change are settled, each by width × mean height since the last
time. Bends change nothing but the sum. Coordinates are local to the window, so that sums are no larger than its ground,
and what rounding takes from them is kept.

Invariant: at every x the lines in the window are the edges that pass it, each once, in an order that is right to a
rounding; then the sums are, since a line in the wrong order by a rounding moves no more ground than a rounding does. So
nothing has to be decided exactly but who holds the window's corner (`gis.geometry.windows`). Guarded by
`tests/truth/test_exact.py`.
"""

from __future__ import annotations

import numpy as np

from gis.compiled import Floats, Places, inlined, lean
from gis.geometry import edges, sets, sorting
from gis.geometry.edges import height_at
from gis.geometry.room import (
    COMING,
    COVERS,
    END,
    FROM,
    HIGH,
    LOW,
    NEXT,
    OVER,
    OWNER,
    PIECE,
    PIECES,
    SINCE,
    SLOPE,
    THIN,
    TOGGLES,
    UNDER,
    X0,
    X1,
    XL,
    YL,
    Space,
)

# lines whose y differ by less are on one level, m
_LEVEL = 1e-12
# how far apart, m, with how much ground between them, m², and for how many roundings of x two lines in the wrong order
# are for more than a rounding
_FAR, _GROUND, _STEPS = 1e-9, 1e-8, 8
# a set that local shape 0 is not in: the last place takes the ground that nobody asks for
_NOWHERE = -1


@lean
def measure(room: Space, shapes: int, width: float, height: float) -> bool:
    """Measure the sets of shapes in a window that local shape 0 is in.

    Parameters
    ----------
    room
        Pieces, toggles and marks, and who holds the south-west corner; takes covers and their areas.
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
    piece, order, stroke, inside, mark = room.piece, room.active, room.stroke, room.inside, room.mark
    toggle_x, toggle_owner, toggles = room.toggle_x, room.toggle_owner, room.size[TOGGLES]
    start, at_start, starts = room.start, room.west, _opened(room, shapes, height)
    corner, here, count, swaps, covers, members, s, t = sets.corner(mark, inside, shapes), 0.0, 1, 0, 0, 0, 0, 0
    # the lowest and the highest line whose neighbours are others than before
    lowest, highest = 0, 0
    while True:
        k, at = _first(order, stroke, count)
        begins = at_start[s] if s < starts else np.inf
        turns = toggle_x[t] if t < toggles else np.inf
        coming = min(at, begins, turns)
        # all that happens at one x happens at once; later by a rounding would be much where a window is high
        if coming > here:
            if lowest <= count:
                covers, members = _named(room, corner, (lowest, highest, count), (covers, members, shapes), here)
                if covers < 0:
                    return False
            swaps, lowest, highest = 0 if coming - here > THIN else swaps, len(order), 0
        if coming >= width:
            break
        here = max(here, coming)
        # up to which line it has to be found anew where they meet
        last = k
        if at == coming and stroke[order[k], END] > at:
            # lines so near each other that rounding leads round in a ring stay as they are for a while
            if swaps > count * count:
                later = at + (stroke[order[k], END] - at) / 2
                stroke[order[k], COMING] = later if later > at else stroke[order[k], END]
                continue
            order[k], order[k + 1] = order[k + 1], order[k]
            last, swaps, lowest, highest = k + 1, swaps + 1, min(lowest, k), max(highest, k + 1)
        elif at == coming:
            if not _goes_on(room, order[k], here):
                last, count, lowest, highest = k - 1, count - 1, min(lowest, k), max(highest - 1, k)
                for n in range(k, count):
                    order[n] = order[n + 1]
        elif begins == coming:
            k, s = _begun(room, start[s], count, here), s + 1
            if k == 0:
                continue
            last, count, lowest, highest = k, count + 1, min(lowest, k), max(highest + 1, k)
        else:
            one, t, lowest = toggle_owner[t], t + 1, 0
            corner ^= mark[one]
            inside[one] = not inside[one]
            continue
        for n in range(k - 1, last + 1):
            _met(room, n, count, here)
    order[count], room.size[COVERS] = room.size[PIECES] + 1, covers
    for k in range(count + 1):
        _settled(piece, stroke, room.bound, (room.area, room.lost), order[k], width)
    return True


@inlined
def _opened(room: Space, shapes: int, height: float) -> int:
    """Sort what begins and turns, and take the window's sides for lines; return how many chains begin in it."""
    south = room.size[PIECES]
    starts = edges.first_ones(room.piece, room.tie, room.west, room.start, south)
    sorting.together(room.toggle_x, room.toggle_owner, room.size[TOGGLES])
    sets.forget(room.slot, room.cover_mark, room.size[COVERS])
    for line, y in ((south, 0.0), (south + 1, height)):
        piece, stroke, bound = room.piece[line], room.stroke[line], room.bound[line]
        piece[X0] = piece[XL] = piece[SLOPE] = stroke[SINCE] = 0.0
        piece[X1] = stroke[END] = stroke[COMING] = np.inf
        piece[YL] = piece[LOW] = piece[HIGH] = stroke[FROM] = y
        bound[PIECE], bound[UNDER], bound[OVER] = line, _NOWHERE, _NOWHERE
    # they are of a shape that is no shape
    room.tie[south, OWNER], room.mark[shapes], room.inside[shapes] = shapes, 0, False
    room.active[0], room.cover[0] = south, 0
    return starts


@inlined
def _named(
    room: Space, corner: np.uint64, changed: tuple[int, int, int], known: tuple[int, int, int], here: float
) -> tuple[int, int]:
    """Find the sets between lines anew where they are others; return how many there are, with their members.

    Up to the lowest line that has other neighbours, and from some line above the highest one on, all is as it was.
    """
    piece, tie, order, stroke, bound, named = room.piece, room.tie, room.active, room.stroke, room.bound, room.named
    mark, ground, south = room.mark, (room.area, room.lost), room.size[PIECES]
    (lowest, highest, count), (covers, members, shapes) = changed, known
    line = order[max(lowest - 1, 0)]
    name, below = (named[line], bound[line, OVER]) if lowest else (corner, _NOWHERE)
    wanted = below != _NOWHERE if lowest else room.inside[0]
    for n in range(lowest, count):
        line = order[n]
        one, over = tie[line, OWNER], _NOWHERE
        name ^= mark[one]
        wanted = wanted != (one == 0)
        if n > highest and named[line] == name and bound[line, UNDER] == below:
            return covers, members
        if wanted:
            over = bound[line, OVER]
            if over == _NOWHERE or named[line] != name:
                over, covers, members = sets.number(room, name, n + 1, shapes, (covers, members))
                if over < 0:
                    return -1, 0
        named[line] = name
        _between(piece, stroke, bound, ground, line, (below, over), here)
        below = over
    _between(piece, stroke, bound, ground, south + 1, (below, _NOWHERE), here)
    return covers, members


@inlined
def _first(order: Places, stroke: Floats, count: int) -> tuple[int, float]:
    """Return which line is the first to end, bend or meet the one above it, and where."""
    at, k = np.inf, 0
    for n in range(1, count):
        coming = stroke[order[n], COMING]
        if coming < at:
            at, k = coming, n
    return k, at


@inlined
def _settled(
    piece: Floats, stroke: Floats, bound: Places, ground: tuple[Floats, Floats], line: int, here: float
) -> None:
    """Give the ground under a line since the last time to the set below it, and take it from the set above."""
    y = height_at(piece, bound[line, PIECE], here)
    under = (here - stroke[line, SINCE]) * (stroke[line, FROM] + y) / 2
    _add(ground, bound[line, UNDER], under)
    _add(ground, bound[line, OVER], -under)
    stroke[line, SINCE], stroke[line, FROM] = here, y


@inlined
def _add(ground: tuple[Floats, Floats], of: int, value: float) -> None:
    """Add a value to the ground of a set, and keep what rounding takes away (two-sum: Knuth, TAOCP 2, 4.2.2)."""
    area, lost = ground
    total = area[of] + value
    part = total - area[of]
    lost[of] += (area[of] - (total - part)) + (value - part)
    area[of] = total


@inlined
def _between(
    piece: Floats,
    stroke: Floats,
    bound: Places,
    ground: tuple[Floats, Floats],
    line: int,
    sides: tuple[int, int],
    here: float,
) -> None:
    """Set the sets below and above a line; what is under it so far goes to those before."""
    under, over = sides
    if bound[line, UNDER] != under or bound[line, OVER] != over:
        _settled(piece, stroke, bound, ground, line, here)
        bound[line, UNDER], bound[line, OVER] = under, over


@inlined
def _goes_on(room: Space, line: int, here: float) -> bool:
    """Put the next piece of its chain in the place of a line's piece that has ended; tell whether there is one."""
    piece, stroke, bound = room.piece, room.stroke, room.bound
    _settled(piece, stroke, bound, (room.area, room.lost), line, here)
    n = _lasting(piece, room.tie, bound[line, PIECE], here)
    if n >= 0:
        bound[line, PIECE], stroke[line, END], stroke[line, FROM] = n, piece[n, X1], height_at(piece, n, here)
    return n >= 0


@inlined
def _lasting(piece: Floats, tie: Places, n: int, here: float) -> int:
    """Return the first piece of a chain, from one on, that goes on beyond an x; -1 if none does."""
    while n >= 0 and piece[n, X1] <= here:
        n = tie[n, NEXT]
    return n


@inlined
def _begun(room: Space, line: int, count: int, here: float) -> int:
    """Add the line of a chain above those that are lower where it begins; return its place, 0 if it ends here too."""
    piece, order, stroke, bound = room.piece, room.active, room.stroke, room.bound
    n = _lasting(piece, room.tie, line, here)
    if n < 0:
        return 0
    y, slope, k = height_at(piece, n, here), piece[n, SLOPE], count
    while k > 1:
        other = bound[order[k - 1], PIECE]
        apart = height_at(piece, other, here) - y
        if apart <= _LEVEL and (apart < -_LEVEL or piece[other, SLOPE] <= slope):
            break
        order[k] = order[k - 1]
        k -= 1
    order[k] = line
    stroke[line, END], stroke[line, SINCE], stroke[line, FROM] = piece[n, X1], here, y
    bound[line, PIECE], bound[line, UNDER], bound[line, OVER] = n, _NOWHERE, _NOWHERE
    return k


@inlined
def _met(room: Space, k: int, count: int, here: float) -> None:
    """Find where a line ends or bends, or meets the one above it before one of them does."""
    piece, order, stroke, bound = room.piece, room.active, room.stroke, room.bound
    if k < 1 or k >= count:
        return
    line = order[k]
    end = stroke[line, END]
    stroke[line, COMING] = end
    if k + 1 == count:
        return
    other = order[k + 1]
    m, n = bound[line, PIECE], bound[other, PIECE]
    apart = height_at(piece, n, here) - height_at(piece, m, here)
    if apart >= 0.0 and piece[m, SLOPE] <= piece[n, SLOPE]:
        return
    end = min(end, stroke[other, END])
    # how they lie where the first of them ends decides, so that none change places to and fro
    beyond = height_at(piece, m, end) - height_at(piece, n, end)
    if beyond > _LEVEL or (beyond >= -_LEVEL and apart < -_LEVEL):
        stroke[line, COMING] = here + (end - here) * (apart / (apart + beyond)) if apart > 0.0 else here
    # the end of an edge all but upright can leave its line far on the wrong side of one that it meets much later; what
    # lies on the wrong side by a rounding is left there, or lines would change places to and fro
    elif apart < -_FAR:
        wrong = (end - here) * (apart / (apart + beyond))
        if here + wrong / _STEPS > here and -apart * wrong > _GROUND:
            stroke[line, COMING] = here
