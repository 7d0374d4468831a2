"""The edges in a window: clipped to it and tied to chains, so that a sweep sees one line where an outline goes on.

Coordinates are local to the window (its south-west corner is 0, 0): an easting or northing of 10⁶ m would cost digits.

Invariant: an edge that crosses the window's south side begins there as a piece at the very x at which it is a foot, so
that going up at any x a shape is turned on as often as off. Guarded by `tests/truth/test_exact.py`.
"""

from __future__ import annotations

from gis.compiled import Floats, Places, inlined, lean
from gis.geometry import sorting
from gis.geometry.outlines import Flat
from gis.geometry.room import (
    FIRST,
    HIGH,
    LOW,
    NEXT,
    OWNER,
    PIECES,
    SLOPE,
    SOURCE,
    TOGGLES,
    UPRIGHT,
    X0,
    X1,
    XL,
    YL,
    Space,
)

# west and south of a window, its width and height, m
Frame = tuple[float, float, float, float]


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
    # a share of the edge overflows for no edge, its slope may
    x = ax + (y - ay) / (by - ay) * (bx - ax)
    return min(max(x, ax), bx)


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


@inlined
def add(
    piece: Floats, tie: Places, count: int, x: Floats, y: Floats, span: tuple[int, int], local: int, frame: Frame
) -> int:
    """Add the parts that lie in a window of edges that follow each other.

    Parameters
    ----------
    piece, tie
        The pieces that take them.
    count
        How many pieces there are.
    x, y
        Coordinates, m.
    span
        The first edge, and the one after the last: each leads from the coordinate of its number to the next.
    local
        Local number of their shape.
    frame
        The window.

    Returns
    -------
    int
        How many pieces there are then.
    """
    west, south, width, height = frame
    first, last = span
    bx, by = x[first] - west, y[first] - south
    # 1 and -1: the edge before is a piece that leads east or west
    before = 0
    for k in range(first, last):
        ax, ay = bx, by
        bx, by = x[k + 1] - west, y[k + 1] - south
        n, way = count, 1 if ax <= bx else -1
        line = (ax, ay, bx, by) if way == 1 else (bx, by, ax, ay)
        count = _clipped(piece, n, line, width, height)
        if count == n:
            before = 0
            continue
        tie[n, OWNER], tie[n, SOURCE], tie[n, NEXT], tie[n, FIRST] = local, k, -1, 1
        if before == way == 1 and piece[n - 1, X1] == piece[n, X0]:
            tie[n - 1, NEXT], tie[n, FIRST] = n, 0
        elif before == way == -1 and piece[n, X1] == piece[n - 1, X0]:
            tie[n, NEXT], tie[n - 1, FIRST] = n - 1, 0
        before = way
    return count


@inlined
def _clipped(piece: Floats, n: int, line: tuple[float, float, float, float], width: float, height: float) -> int:
    """Write the part of an edge that lies in the window at a place; return the next free one."""
    ax, ay, bx, by = line
    south, north = min(ay, by), max(ay, by)
    if bx - ax <= UPRIGHT or north <= 0.0 or south >= height or bx <= 0.0 or ax >= width:
        return n
    start, end = ax, bx
    if south < 0.0:
        foot = crossing(ax, ay, bx, by, 0.0)
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
    if start >= end:
        return n
    piece[n, X0], piece[n, X1], piece[n, XL], piece[n, YL] = start, end, ax, ay
    piece[n, SLOPE] = (by - ay) / (bx - ax)
    piece[n, LOW], piece[n, HIGH] = max(south, 0.0), min(north, height)
    return n + 1


@inlined
def add_feet(
    at: Floats, owner: Places, count: int, x: Floats, y: Floats, span: tuple[int, int], local: int, frame: Frame
) -> tuple[int, bool]:
    """Add where edges cross the line along a window's south side: there going east their shape begins or ends.

    Parameters
    ----------
    at, owner
        The toggles that take them.
    count
        How many toggles there are.
    x, y, span, local, frame
        As in `add`.

    Returns
    -------
    tuple
        How many toggles there are then, and whether an odd number of edges cross the line before the window begins.

    Notes
    -----
    An edge that only touches the line from above crosses it; one that touches it from below or runs along it does not:
    the line is that of the ground just above it.
    """
    west, south, width, _ = frame
    odd = False
    for k in range(span[0], span[1]):
        ay, by = y[k] - south, y[k + 1] - south
        if (ay <= 0.0) == (by <= 0.0):
            continue
        ax, bx = x[k] - west, x[k + 1] - west
        foot = crossing(ax, ay, bx, by, 0.0) if ax <= bx else crossing(bx, by, ax, ay, 0.0)
        if foot <= 0.0:
            odd = not odd
        elif foot < width:
            at[count], owner[count] = foot, local
            count += 1
    return count, odd


@lean
def enter(room: Space, flat: Flat, one: int, local: int, frame: Frame) -> None:
    """Enter the whole outline of a shape into the room of a sweep.

    Parameters
    ----------
    room
        Has room for all its edges; takes pieces and toggles, and whether the shape holds the south-west corner.
    flat, one
        The shape.
    local
        Its local number.
    frame
        The window.
    """
    x, y, ring, piece, tie = flat.x, flat.y, flat.ring, room.piece, room.tie
    toggle_x, toggle_owner = room.toggle_x, room.toggle_owner
    pieces, toggles, inside = room.size[PIECES], room.size[TOGGLES], False
    for r in range(flat.shape[one], flat.shape[one + 1]):
        span = (ring[r], ring[r + 1] - 1)
        pieces = add(piece, tie, pieces, x, y, span, local, frame)
        toggles, odd = add_feet(toggle_x, toggle_owner, toggles, x, y, span, local, frame)
        inside = inside != odd
    room.size[PIECES], room.size[TOGGLES] = pieces, toggles
    room.inside[local] = inside


@inlined
def first_ones(piece: Floats, tie: Places, at: Floats, start: Places, pieces: int) -> int:
    """List the pieces that have none before them, from west to east.

    Parameters
    ----------
    piece, tie
        Pieces of edges.
    at, start
        Take where they begin, and which they are.
    pieces
        How many pieces there are.

    Returns
    -------
    int
        How many have none before them.
    """
    count = 0
    for n in range(pieces):
        if tie[n, FIRST]:
            at[count], start[count] = piece[n, X0], n
            count += 1
    sorting.together(at, start, count)
    return count
