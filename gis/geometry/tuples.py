"""Tuples: the ground that one shape of each layer shares, each tuple measured whole in the window of its owner.

The owner is the shape of one chosen layer, best the smallest things. Shapes without an edge in the owner's window hold
it all or nothing, which the tiles tell; only those with an edge in it take part in the sweep. A row therefore depends
on the owner and on the shapes that meet its window, and on nothing else: not on other rows, threads or machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Floats, Ints, Places, batches, inlined, kernel, lean, spread
from gis.geometry import choices as choosing
from gis.geometry import curve, edges, outlines, strokes, tally, windows
from gis.geometry import grid as tiling
from gis.geometry.choices import FOUND, Choices
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat, Outlines
from gis.geometry.room import PIECES, THIN, TOGGLES, Space, mark_of, space
from gis.geometry.windows import CROSSES, RUNS, SHAPES, UNCLEAR, Bins, Near

# pairs of outlines with so many points in all are asked for a line between them before they are swept
_SMALL = 24
# edges that a tile should have: a window is one owner, most often smaller than a tile
_WANTED = 12
# coordinates a shape of a layer of small ones has on the mean
_FEW = 16
# rows an owner, and in all, for which there is room from the start
_ROWS, _MOST = 64, 1 << 20
# members and areas of tuples
Rows = tuple[NDArray[np.int32], NDArray[np.float64]]

# entries of Desk.size: owners that are done, rows that are written, room that is wanted
DONE, USED, WANTED = range(3)
# what there may be too little room for: shapes around, shapes listed, choices, lines, sets, rows
NEAR, LISTED, NUMBERS, LINES, SETS, ROWS = range(1, 7)


class Given(NamedTuple):
    """Hold what tuples are measured of.

    Parameters
    ----------
    rest, layer_of, layers
        The shapes of all layers but that of the owners, the layer of each, and how many there are.
    grid, squares
        Tiles over them; where there are none, the squares tell what is near.
    mine
        The owners' layer.
    """

    rest: Flat
    layer_of: Places
    layers: int
    grid: Grid
    squares: Bins
    mine: Flat


class Desk(NamedTuple):
    """Hold what tuples are measured with; one a thread, used again for every owner.

    Parameters
    ----------
    room, near, choices
        For the window of an owner.
    rows, area
        The owner with the shapes of the others, and m².
    size
        How far all is done.
    """

    room: Space
    near: Near
    choices: Choices
    rows: Places
    area: Floats
    size: Ints


def areas(
    layers: Sequence[Outlines], owner: int, *, within: bool = False, workers: int | None = None
) -> Rows:
    """Measure the ground of every tuple of shapes, one of each layer, that share some.

    Parameters
    ----------
    layers
        Valid shapes of two or more layers in one CRS in metres.
    owner
        Which layer's shapes own the tuples.
    within
        Whether both of two layers are the same one: then only pairs i < j are measured.
    workers
        Number of threads; the result does not depend on it.

    Returns
    -------
    tuple
        Positions in each layer (a row a tuple, a column a layer), sorted by the first column first, and m². Ground
        that is less than a nanometre wide on the whole is no ground.
    """
    others = [n for n in range(len(layers)) if n != owner]
    rest = outlines.joined([layers[n] for n in others])
    sizes = np.array([len(layers[n]) for n in others])
    first = np.cumsum(sizes) - sizes
    layer_of = np.repeat(np.arange(len(others), dtype=np.int32), sizes)
    own = layers[owner]
    # neighbours in one layer of small shapes are told apart by their boxes and by a line between them
    small = within and len(rest.x) <= _FEW * len(rest)
    grid = tiling.EMPTY if small else tiling.over(rest, wanted=_WANTED, workers=workers)
    squares = windows.bins(rest.boxes) if small else windows.NO_BINS

    # what one owner has read of the others its neighbours need next
    order = curve.along(own.boxes[:, :2]).astype(np.int32)
    given = Given(rest.flat, layer_of, len(others), grid, squares, own.alone)

    def batch(run: tuple[int, int]) -> Rows:
        return _areas(given, order[run[0] : run[1]], within)

    found = spread(batch, batches(len(own)), workers)
    place = np.zeros(len(own) + 1, dtype=np.int64)
    for rows, _ in found:
        _counted(rows, 0, 0, len(rows), place[1:])
    np.cumsum(place, out=place)
    members, area = np.empty((place[-1], len(layers)), dtype=np.int32), np.empty(place[-1])
    columns, before = np.array([owner, *others]), np.concatenate([[0], first]).astype(np.int32)
    spread(lambda rows: _put(*rows, columns, before, place, members, area), found, workers)
    # an owner's tuples are in order already: it is left to sort by the layers before that of the owners
    spare = (np.empty_like(members), np.empty_like(area)) if owner else (members, area)
    for column in range(owner - 1, -1, -1):
        _by_column((members, area), column, len(layers[column]), spare, workers)
        (members, area), spare = spare, (members, area)
    return members, area


def _by_column(rows: Rows, column: int, values: int, to: Rows, workers: int | None) -> None:
    """Sort rows by one of their columns, by counting; equal ones keep their order."""
    runs = batches(len(rows[1]))
    count = np.zeros((len(runs), values), dtype=np.int64)
    spread(lambda n: _counted(rows[0], column, *runs[n], count[n]), range(len(runs)), workers)
    # of one value, those of the first run come first
    place = np.ascontiguousarray(np.cumsum(count.T.ravel()).reshape(values, len(runs)).T - count)
    spread(lambda n: _moved(*rows, column, *runs[n], place[n], to), range(len(runs)), workers)


@lean
def _put(
    rows: Places, values: Floats, columns: Ints, before: Places, place: Ints, members: Places, area: Floats
) -> None:
    """Put rows where those of their owner go, each shape by its number in its own layer, in its own column."""
    for n in range(len(rows)):
        at = place[rows[n, 0]]
        place[rows[n, 0]] += 1
        area[at] = values[n]
        for k in range(len(columns)):
            members[at, columns[k]] = rows[n, k] - before[k]


@lean
def _counted(members: Places, column: int, first: int, last: int, count: Ints) -> None:
    """Count the rows of a run by one of their columns."""
    for n in range(first, last):
        count[members[n, column]] += 1


@lean
def _moved(members: Places, area: Floats, column: int, first: int, last: int, place: Ints, to: Rows) -> None:
    """Move the rows of a run to where those of their value go."""
    moved, moved_area = to
    for n in range(first, last):
        at = place[members[n, column]]
        place[members[n, column]] += 1
        moved_area[at] = area[n]
        for k in range(members.shape[1]):
            moved[at, k] = members[n, k]


@kernel
def _areas(given: Given, owners: Places, within: bool) -> tuple[Places, Floats]:
    """Measure the tuples of some owners."""
    layers, shapes = given.layers, len(given.layer_of)
    # more than most need: what is not written on costs nothing
    count = min(_ROWS * len(owners), _MOST)
    desk = Desk(
        space(256, 64, 1024),
        windows.room(shapes),
        choosing.choosing(layers),
        np.empty((count, layers + 1), dtype=np.int32),
        np.empty(count),
        np.zeros(3, dtype=np.int64),
    )
    short = _written(given, owners, within, desk)
    while short:
        desk = _larger(desk, short)
        short = _written(given, owners, within, desk)
    used = desk.size[USED]
    return desk.rows[:used], desk.area[:used]


@kernel
def _larger(desk: Desk, short: int) -> Desk:
    """Return the desk with more room where it was short of it."""
    room, near, choices, rows, area = desk.room, desk.near, desk.choices, desk.rows, desk.area
    wanted = 2 * desk.size[WANTED]
    if short == NEAR:
        near = windows.larger(near, wanted)
    elif short == LISTED:
        choices = choosing.wider(choices, wanted, len(choices.number))
    elif short == NUMBERS:
        choices = choosing.wider(choices, len(choices.listed), wanted)
    elif short == LINES:
        room = space(max(wanted, len(room.piece)), max(wanted, len(room.mark)), len(room.trap))
    elif short == SETS:
        room = space(len(room.piece), len(room.mark), 2 * len(room.trap))
    else:
        rows, area = tally.longer_rows(rows, wanted), tally.longer(area, wanted)
    return Desk(room, near, choices, rows, area, desk.size)


@lean
def _written(given: Given, owners: Places, within: bool, desk: Desk) -> int:
    """Measure owners from where it was left off; return what there was too little room for, 0 if all are done."""
    for n in range(desk.size[DONE], len(owners)):
        short = _measured(given, owners[n], within, desk)
        windows.forget(desk.near)
        if short:
            return short
        desk.size[DONE] = n + 1
    return 0


@inlined
def _measured(given: Given, own: int, within: bool, desk: Desk) -> int:
    """Write the tuples of one owner down; return what there was too little room for, 0 if they are all there."""
    rest, mine, near, choices, room, size = given.rest, given.mine, desk.near, desk.choices, desk.room, desk.size
    rows, area, window, own_m2 = desk.rows, desk.area, mine.box[own], mine.area[own]
    if np.isnan(window[0]):
        return 0
    after = own if within else -1
    tiled = given.grid.rows > 0
    size[WANTED] = windows.wanted_around(given.grid, window) if tiled else windows.wanted_beside(given.squares, window)
    if size[WANTED] > len(near.shape):
        return NEAR
    if tiled:
        windows.around(rest, given.grid, window, after, near)
    else:
        windows.beside(rest, given.squares, window, after, near)
    crossing, covering = _parted(rest, mine, own, near)
    dust = THIN * (window[2] - window[0] + window[3] - window[1])
    if crossing == 0 and (covering == 0 or given.layers == 1):
        # the commonest case by far where the owners are buildings
        size[WANTED] = size[USED] + covering
        if size[WANTED] > len(area):
            return ROWS
        whole, used = near.covering, size[USED]
        if own_m2 > dust:
            for n in range(covering):
                rows[used + n, 0], rows[used + n, 1], area[used + n] = own, whole[n], own_m2
            size[USED] += covering
        return 0
    size[WANTED] = crossing + covering + 1
    if size[WANTED] > len(choices.listed):
        return LISTED
    choosing.listed(choices, near, crossing, covering, given.layer_of)
    if choosing.ways(choices) == 0:
        return 0
    if crossing:
        size[WANTED] = max(_points(rest, mine, own, crossing, near), crossing + 2)
        if size[WANTED] > len(room.piece) or crossing + 2 > len(room.mark):
            return LINES
        if not _swept(room, rest, mine, own, crossing, near):
            return SETS
    size[WANTED] = choosing.measured(choices, room) if crossing else choosing.whole(choices, own_m2)
    if size[WANTED]:
        return NUMBERS
    size[WANTED] = size[USED] + choices.size[FOUND]
    if size[WANTED] > len(area):
        return ROWS
    size[USED] = choosing.write(choices, rest.box, own, dust, rows, area, size[USED])
    return 0


@lean
def _parted(rest: Flat, mine: Flat, own: int, near: Near) -> tuple[int, int]:
    """Write down which shapes have to be swept, and which hold the whole window; return how many."""
    shapes, seen, holds, crossing, covering = near.shape, near.seen, near.holds, near.crossing, near.covering
    swept, whole = 0, 0
    ring, shape, own_ring, own_shape = rest.ring, rest.shape, mine.ring, mine.shape
    a, b = own_ring[own_shape[own]], own_ring[own_shape[own + 1]]
    for n in range(near.size[SHAPES]):
        one = shapes[n]
        if seen[one] & CROSSES:
            c, d = ring[shape[one]], ring[shape[one + 1]]
            if (b - a) + (d - c) <= _SMALL and (
                _line_between(mine, a, own_ring[own_shape[own] + 1], b, rest, c, d)
                or _line_between(rest, c, ring[shape[one] + 1], d, mine, a, b)
            ):
                continue
            crossing[swept] = one
            swept += 1
        elif holds[one]:
            covering[whole] = one
            whole += 1
    return swept, whole


@inlined
def _line_between(small: Flat, begin: int, ring_end: int, end: int, other: Flat, first: int, last: int) -> bool:
    """Tell whether the line of an edge of a small shape has that shape on one side and the other one beyond it."""
    x, y, other_x, other_y = small.x, small.y, other.x, other.y
    for k in range(begin, ring_end - 1):
        dx, dy = x[k + 1] - x[k], y[k + 1] - y[k]
        slack = THIN * (abs(dx) + abs(dy))
        low, high = 0.0, 0.0
        for n in range(begin, end):
            side = dx * (y[n] - y[k]) - dy * (x[n] - x[k])
            low, high = min(low, side), max(high, side)
        # shapes on both sides, or an edge without length, or a shape without width
        if (low < -slack and high > slack) or max(-low, high) <= slack:
            continue
        sign = 1.0 if high > slack else -1.0
        beyond = True
        for n in range(first, last):
            if sign * (dx * (other_y[n] - y[k]) - dy * (other_x[n] - x[k])) > slack:
                beyond = False
                break
        if beyond:
            return True
    return False


@lean
def _points(rest: Flat, mine: Flat, own: int, crossing: int, near: Near) -> int:
    """Return how many edges may be in the owner's window, and a few more."""
    run, seen, shapes, ring, shape = near.run, near.seen, near.crossing, rest.ring, rest.shape
    points = mine.ring[mine.shape[own + 1]] - mine.ring[mine.shape[own]] + 2
    for n in range(near.size[RUNS]):
        points += run[n, 1] - run[n, 0]
    for n in range(crossing):
        if seen[shapes[n]] & UNCLEAR:
            points += ring[shape[shapes[n] + 1]] - ring[shape[shapes[n]]]
    return points


@lean
def _swept(room: Space, rest: Flat, mine: Flat, own: int, crossing: int, near: Near) -> bool:
    """Measure the sets of shapes in the owner's window: the owner is local shape 0; tell whether there was room."""
    window = mine.box[own]
    frame = (window[0], window[1], window[2] - window[0], window[3] - window[1])
    room.size[PIECES] = room.size[TOGGLES] = 0
    edges.enter(room, mine, own, 0, frame)
    _enter(room, rest, crossing, near, frame)
    for n in range(crossing + 1):
        room.mark[n] = mark_of(n + 1)
    return strokes.measure(room, crossing + 1, frame[2], frame[3])


@lean
def _enter(room: Space, rest: Flat, crossing: int, near: Near, frame: edges.Frame) -> None:
    """Enter what is in the window of the shapes with an edge there; the whole outline where their corner is unclear."""
    x, y, owner_of, run, seen, holds, shapes = (
        rest.x, rest.y, rest.owner, near.run, near.seen, near.holds, near.crossing
    )  # fmt: skip
    piece, tie, toggle_x, toggle_owner, inside = room.piece, room.tie, room.toggle_x, room.toggle_owner, room.inside
    pieces, toggles, at, runs = room.size[PIECES], room.size[TOGGLES], 0, near.size[RUNS]
    for n in range(crossing):
        one = shapes[n]
        if seen[one] & UNCLEAR:
            room.size[PIECES], room.size[TOGGLES] = pieces, toggles
            edges.enter(room, rest, one, n + 1, frame)
            pieces, toggles = room.size[PIECES], room.size[TOGGLES]
            continue
        inside[n + 1] = holds[one]
        while at < runs and owner_of[run[at, 0]] < one:
            at += 1
        while at < runs and owner_of[run[at, 0]] == one:
            span = (run[at, 0], run[at, 1])
            pieces = edges.add(piece, tie, pieces, x, y, span, n + 1, frame)
            # those before the window's corner are known already
            toggles, _ = edges.add_feet(toggle_x, toggle_owner, toggles, x, y, span, n + 1, frame)
            at += 1
    room.size[PIECES], room.size[TOGGLES] = pieces, toggles
