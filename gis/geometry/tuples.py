"""Tuples: the ground that one shape of each layer shares, each tuple measured whole in the window of its owner.

The owner is the shape of one chosen layer, best the smallest things. Shapes without an edge in the owner's window hold
it all or nothing, which the tiles tell; only those with an edge in it take part in the sweep. A row therefore depends
on the owner and on the shapes that meet its window, and on nothing else: not on other rows, threads or machines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Floats, Ints, Places, batches, inlined, kernel, spread
from gis.geometry import grid as tiling
from gis.geometry import outlines, slabs, tally, windows
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat, Outlines
from gis.geometry.room import COVER, COVERS, NE, NW, PIECES, SE, SLABS, SW, THIN, TOGGLES, Space, mark_of, space
from gis.geometry.windows import CROSSES, EDGES, SHAPES, UNCLEAR, Bins, Near

# pairs of outlines with so many points in all are asked for a line between them before they are swept
_SMALL = 600
# edges that a tile should have: a window is one owner, most often smaller than a tile
_WANTED = 12
# coordinates a shape of a layer of small ones has on the mean
_FEW = 16
# choices up to which each has a place of its own
_PLACES = 1 << 16


def areas(
    layers: Sequence[Outlines], owner: int, *, within: bool = False, workers: int | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
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
        Positions in each layer (a row a tuple, a column a layer) and m², in the order of the owners. Ground that is
        less than a nanometre wide on the whole is no ground.
    """
    others = [n for n in range(len(layers)) if n != owner]
    rest = outlines.joined([layers[n] for n in others])
    sizes = np.array([len(layers[n]) for n in others])
    first = np.cumsum(sizes) - sizes
    layer_of = np.repeat(np.arange(len(others), dtype=np.int32), sizes)
    own = layers[owner]
    # neighbours in one layer of small shapes are told apart by their boxes and by a line between them
    small = within and len(rest.x) <= _FEW * len(rest)
    grid = tiling.EMPTY if small else tiling.over(rest, wanted=_WANTED)
    squares = windows.bins(rest.boxes) if small else windows.NO_BINS

    def batch(run: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        return _areas(rest.flat, layer_of, len(others), grid, squares, own.flat, run, within)

    found = spread(batch, batches(len(own)), workers)
    rows = np.concatenate([np.empty((0, len(layers)), dtype=np.int32), *(members for members, _ in found)])
    area = np.concatenate([np.empty(0), *(values for _, values in found)])
    members = np.empty_like(rows)
    members[:, owner] = rows[:, 0]
    for column, n in enumerate(others):
        members[:, n] = rows[:, 1 + column] - first[column]
    return members, area


@kernel
def _areas(
    rest: Flat, layer_of: Places, layers: int, grid: Grid, squares: Bins, mine: Flat, run: tuple[int, int], within: bool
) -> tuple[Places, Floats]:
    """Measure the tuples of a run of owners; where there is no grid, the squares tell what is near."""
    room, near = space(256, 64, 1024), windows.room(len(rest.x) if grid.rows else 0, len(layer_of))
    rows, area, used = np.empty((4096, layers + 1), dtype=np.int32), np.empty(4096), 0
    own_boxes, own_area = mine.box, mine.area
    for own in range(run[0], run[1]):
        window = own_boxes[own]
        if np.isnan(window[0]):
            continue
        if grid.rows:
            near = windows.around(rest, grid, window, own, own if within else -1, near)
        else:
            near = windows.beside(rest, squares, window, own if within else -1, near)
        crossing, covering = _parted(rest, mine, own, near)
        dust = THIN * (window[2] - window[0] + window[3] - window[1])
        if len(crossing) == 0:
            windows.forget(near)
            begin, choices = _listed(covering, layer_of, layers)
            total = _choices(begin)
            if total == 0 or own_area[own] <= dust:
                continue
            while used + total > len(area):
                rows, area = tally.longer_rows(rows, used + total), tally.longer(area, used + total)
            for c in range(total):
                _write(rows, used, own, begin, choices, c)
                area[used] = own_area[own]
                used += 1
            continue
        room = _swept(room, rest, mine, own, crossing, near)
        windows.forget(near)
        number, total_m2, begin, choices = _contributions(room, crossing, covering, layer_of, layers)
        for n in range(len(number)):
            if used == len(area):
                rows, area = tally.longer_rows(rows, 2 * used), tally.longer(area, 2 * used)
            _write(rows, used, own, begin, choices, number[n])
            # what is dust for a large owner may be ground for a small shape
            if total_m2[n] > dust or total_m2[n] > _least(rest.box, rows[used], dust):
                area[used] = total_m2[n]
                used += 1
    return rows[:used].copy(), area[:used].copy()


@inlined
def _parted(rest: Flat, mine: Flat, own: int, near: Near) -> tuple[Places, Places]:
    """Return the shapes that have to be swept, and those that hold the whole window, each sorted."""
    count = near.size[SHAPES]
    crossing, covering = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
    swept, whole = 0, 0
    ring, shape, own_ring, own_shape = rest.ring, rest.shape, mine.ring, mine.shape
    a, b = own_ring[own_shape[own]], own_ring[own_shape[own + 1]]
    for n in range(count):
        one = near.shape[n]
        if near.seen[one] & CROSSES:
            c, d = ring[shape[one]], ring[shape[one + 1]]
            if (b - a) + (d - c) <= _SMALL and (
                _line_between(mine, a, own_ring[own_shape[own] + 1], b, rest, c, d)
                or _line_between(rest, c, ring[shape[one] + 1], d, mine, a, b)
            ):
                continue
            crossing[swept] = one
            swept += 1
        elif near.holds[one]:
            covering[whole] = one
            whole += 1
    return crossing[:swept], covering[:whole]


@inlined
def _line_between(small: Flat, begin: int, ring_end: int, end: int, other: Flat, first: int, last: int) -> bool:
    """Tell whether the line of an edge of a small shape has that shape on one side and the other one beyond it."""
    if ring_end - begin > 20:
        return False
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


@inlined
def _listed(shapes: Places, layer_of: Places, layers: int) -> tuple[Ints, Places]:
    """Return where each layer's shapes begin among sorted ones, and the shapes."""
    begin = np.zeros(layers + 1, dtype=np.int64)
    for one in shapes:
        begin[layer_of[one] + 1] += 1
    for n in range(layers):
        begin[n + 1] += begin[n]
    return begin, shapes


@inlined
def _choices(begin: Ints) -> int:
    """Return how many ways there are to take one shape of each layer."""
    total = 1
    for n in range(len(begin) - 1):
        total *= begin[n + 1] - begin[n]
    return total


@inlined
def _write(rows: Places, at: int, own: int, begin: Ints, choices: Places, number: int) -> None:
    """Write a choice of one shape of each layer down, by its number."""
    rows[at, 0] = own
    for n in range(len(begin) - 2, -1, -1):
        size = begin[n + 1] - begin[n]
        rows[at, n + 1] = choices[begin[n] + number % size]
        number //= size


@inlined
def _least(boxes: Floats, row: Places, dust: float) -> float:
    """Return the area that counts as ground for the smallest shape of a row."""
    for k in range(1, len(row)):
        box = boxes[row[k]]
        dust = min(dust, THIN * (box[2] - box[0] + box[3] - box[1]))
    return dust


@kernel
def _swept(room: Space, rest: Flat, mine: Flat, own: int, crossing: Places, near: Near) -> Space:
    """Sweep the owner's window: the owner is local shape 0, the others follow."""
    window, edges = mine.box[own], near.edge[: near.size[EDGES]]
    points = len(edges) + mine.ring[mine.shape[own + 1]] - mine.ring[mine.shape[own]]
    for one in crossing:
        if near.seen[one] & UNCLEAR:
            points += rest.ring[rest.shape[one + 1]] - rest.ring[rest.shape[one]]
    if points > len(room.piece) or len(crossing) + 1 > len(room.mark):
        room = space(2 * points, 2 * len(crossing) + 2, len(room.trap))
    while True:
        room.size[PIECES] = room.size[TOGGLES] = 0
        _enter(room, mine, own, 0, window)
        at = 0
        for n in range(len(crossing)):
            one = crossing[n]
            if near.seen[one] & UNCLEAR:
                _enter(room, rest, one, n + 1, window)
            else:
                at = _enter_some(room, rest, edges, at, one, n + 1, window)
                room.inside[n + 1] = near.holds[one]
        if slabs.sweep(room, len(crossing) + 1, window[2] - window[0], window[3] - window[1]):
            return room
        room = space(len(room.piece), len(room.mark) * 2, len(room.trap) * 2)


@kernel
def _enter_some(room: Space, rest: Flat, edges: Places, at: int, one: int, local: int, window: Floats) -> int:
    """Enter those of sorted edges, from one on, that belong to a shape; return where the next shape's begin."""
    x, y, owner_of = rest.x, rest.y, rest.owner
    west, south, width, height = window[0], window[1], window[2] - window[0], window[3] - window[1]
    while at < len(edges) and owner_of[edges[at]] < one:
        at += 1
    while at < len(edges) and owner_of[edges[at]] == one:
        k = edges[at]
        ax, ay, bx, by = x[k] - west, y[k] - south, x[k + 1] - west, y[k + 1] - south
        foot = slabs.add_edge(room, ax, ay, bx, by, (local, k), (width, height))
        # those before the window's corner are known already
        if 0.0 < foot < width:
            slabs.add_toggle(room, foot, local)
        at += 1
    room.mark[local] = mark_of(local + 1)
    return at


@kernel
def _enter(room: Space, flat: Flat, one: int, local: int, window: Floats) -> None:
    """Enter all edges of one shape into the room of a sweep."""
    x, y, ring, r = flat.x, flat.y, flat.ring, flat.shape[one]
    first, last = ring[r], ring[flat.shape[one + 1]]
    width, height = window[2] - window[0], window[3] - window[1]
    inside = False
    for k in range(first, last - 1):
        if k + 1 == ring[r + 1]:
            # no edge leads from one ring to the next
            r += 1
            continue
        ax, ay, bx, by = x[k] - window[0], y[k] - window[1], x[k + 1] - window[0], y[k + 1] - window[1]
        if (ay > height and by > height) or (ay < 0.0 and by < 0.0) or (ax > width and bx > width):
            continue
        foot = slabs.add_edge(room, ax, ay, bx, by, (local, k), (width, height))
        if foot <= 0.0:
            inside = not inside
        elif foot < width:
            slabs.add_toggle(room, foot, local)
    room.mark[local] = mark_of(local + 1)
    room.inside[local] = inside


@kernel
def _contributions(
    room: Space, crossing: Places, covering: Places, layer_of: Places, layers: int
) -> tuple[Ints, Floats, Ints, Places]:
    """Return number and area of the choices of one shape of each layer that share ground, and the shapes listed."""
    area = np.zeros(room.size[COVERS])
    trap, cover, first = room.trap, room.place, room.first
    for slab in range(room.size[SLABS]):
        width = room.slab[slab, 1] - room.slab[slab, 0]
        for t in range(first[slab], first[slab + 1]):
            area[cover[t, COVER]] += width * (trap[t, NW] - trap[t, SW] + trap[t, NE] - trap[t, SE]) / 2
    begin, choices = _listed(_merged(crossing, covering), layer_of, layers)
    possible = 1.0
    for layer in range(layers):
        possible *= begin[layer + 1] - begin[layer]
    # few choices have a place each; of many only those that occur are written down, and sorted
    dense = possible <= _PLACES
    total = np.zeros(int(possible) if dense else 64)
    key, used = np.empty(0 if dense else 64, dtype=np.int64), 0
    chosen, part = np.empty(len(choices), dtype=np.int64), np.empty(layers + 1, dtype=np.int64)
    start, member = room.cover, room.member
    for n in range(len(area)):
        m, end = start[n], start[n + 1]
        if m == end or member[m] != 0:
            continue
        # of each layer: all that hold the window, and those of the cover
        m, c, count = m + 1, 0, 0
        for layer in range(layers):
            part[layer] = count
            for k in range(begin[layer], begin[layer + 1]):
                while c < len(covering) and covering[c] < choices[k]:
                    c += 1
                while m < end and crossing[member[m] - 1] < choices[k]:
                    m += 1
                holds = c < len(covering) and covering[c] == choices[k]
                if holds or (m < end and crossing[member[m] - 1] == choices[k]):
                    chosen[count] = k - begin[layer]
                    count += 1
        part[layers] = count
        ways = _choices(part)
        if not dense and used + ways > len(key):
            key, total = tally.longer(key, used + ways), tally.longer(total, used + ways)
        for way in range(ways):
            number = _number(way, part, chosen, begin)
            if dense:
                total[number] += area[n]
            else:
                key[used], total[used] = number, area[n]
                used += 1
    if dense:
        key = np.flatnonzero(total > 0.0)
        return key, total[key], begin, choices
    return (*_summed(key[:used], total[:used]), begin, choices)


@kernel
def _summed(key: Ints, value: Floats) -> tuple[Ints, Floats]:
    """Add values of one key up; return the keys, sorted, and the sums."""
    order = np.argsort(key, kind="mergesort")
    found, total, count = np.empty(len(key), dtype=np.int64), np.zeros(len(key)), 0
    for n in order:
        if count == 0 or found[count - 1] != key[n]:
            found[count] = key[n]
            count += 1
        total[count - 1] += value[n]
    return found[:count], total[:count]


@inlined
def _merged(one: Places, other: Places) -> Places:
    """Return two sorted lists as one."""
    found = np.empty(len(one) + len(other), dtype=one.dtype)
    i, j = 0, 0
    for n in range(len(found)):
        if j == len(other) or (i < len(one) and one[i] < other[j]):
            found[n] = one[i]
            i += 1
        else:
            found[n] = other[j]
            j += 1
    return found


@inlined
def _number(number: int, part: Ints, chosen: Ints, begin: Ints) -> int:
    """Return the number among all choices of a choice among those of a cover."""
    found, weight = 0, 1
    for layer in range(len(part) - 2, -1, -1):
        size = part[layer + 1] - part[layer]
        found += weight * chosen[part[layer] + number % size]
        number //= size
        weight *= begin[layer + 1] - begin[layer]
    return found
