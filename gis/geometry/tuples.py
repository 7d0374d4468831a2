"""Tuples: the ground that one shape of each layer shares, each tuple measured whole in the window of its owner.

The owner is the shape of one chosen layer, best the smallest things. Shapes without an edge in the owner's window hold
it all or nothing, which the tiles tell; only those with an edge in it take part in the sweep. A row therefore depends
on the owner and on the shapes that meet its window, and on nothing else: not on other rows, threads or machines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Flags, Floats, Ints, Places, batches, inlined, kernel, spread
from gis.geometry import grid as tiling
from gis.geometry import outlines, slabs, tally
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat, Outlines
from gis.geometry.room import COVER, COVERS, NE, NW, PIECES, SE, SLABS, SW, THIN, TOGGLES, Space, mark_of, space

# pairs of outlines with so many points in all are asked for a line between them before they are swept
_SMALL = 600
# what is known of a shape near a window, each more than the one before: noted, asked whole, swept
_UNCLEAR, _SWEPT = 2, 3
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
    grid = tiling.over(rest)
    own = layers[owner]

    def batch(run: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        return _areas(rest.flat, layer_of, len(others), grid, own.flat, *run, within)

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
    rest: Flat, layer_of: Places, layers: int, grid: Grid, mine: Flat, first: int, last: int, within: bool
) -> tuple[Places, Floats]:
    """Measure the tuples of owners first to last (not included)."""
    room = space(256, 64, 1024)
    seen, state = np.zeros(len(layer_of), dtype=np.int8), np.zeros(len(layer_of), dtype=np.bool_)
    here = np.empty(256, dtype=np.int32)
    rows, area, used = np.empty((4096, layers + 1), dtype=np.int32), np.empty(4096), 0
    own_boxes, own_area = mine.box, mine.area
    for own in range(first, last):
        window = own_boxes[own]
        if np.isnan(window[0]):
            continue
        here, count = _around(rest, grid, window, own if within else -1, seen, state, here)
        crossing, covering = _parted(rest, mine, own, here, count, seen, state)
        for n in range(count):
            seen[here[n]], state[here[n]] = 0, False
        dust = THIN * (window[2] - window[0] + window[3] - window[1])
        if len(crossing) == 0:
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
        room = _swept(room, rest, mine, own, crossing, window)
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
def _around(
    rest: Flat, grid: Grid, window: Floats, after: int, seen: NDArray[np.int8], state: Flags, here: Places
) -> tuple[Places, int]:
    """Return the shapes whose box meets a window, marked as swept where they may have an edge in it.

    For the others `state` tells whether they hold the window: a shape that holds the tile's corner does, unless an odd
    number of its edges cross the way from there to the window's middle, first along the tile's south side, then north.
    """
    x, y, owner_of, boxes = rest.x, rest.y, rest.owner, rest.box
    count = 0
    px, py = (window[0] + window[2]) / 2, (window[1] + window[3]) / 2
    column = min(max(int((px - grid.west) / grid.width), 0), grid.columns - 1)
    row = min(max(int((py - grid.south) / grid.height), 0), grid.rows - 1)
    first = max(int((window[0] - grid.west) / grid.width), 0)
    last = min(int((window[2] - grid.west) / grid.width), grid.columns - 1)
    low = max(int((window[1] - grid.south) / grid.height), 0)
    high = min(int((window[3] - grid.south) / grid.height), grid.rows - 1)
    for r in range(low, high + 1):
        for c in range(first, last + 1):
            tile = r * grid.columns + c
            middle = r == row and c == column
            if middle:
                for n in range(grid.corner_start[tile], grid.corner_start[tile + 1]):
                    state[grid.corner[n]] = not state[grid.corner[n]]
                    here, count = _noted(here, count, seen, grid.corner[n])
                for n in range(grid.toggle_start[tile], grid.toggle_start[tile + 1]):
                    if grid.west + c * grid.width + grid.toggle_x[n] <= px:
                        state[grid.toggle_shape[n]] = not state[grid.toggle_shape[n]]
                        here, count = _noted(here, count, seen, grid.toggle_shape[n])
            south = grid.south + r * grid.height
            for n in range(grid.edge_start[tile], grid.edge_start[tile + 1]):
                k = grid.edge[n]
                one = owner_of[k]
                ax, ay, bx, by = x[k], y[k], x[k + 1], y[k + 1]
                if ax > bx:
                    ax, ay, bx, by = bx, by, ax, ay
                near = _enters(ax, ay, bx, by, window)
                if middle and ax <= px < bx:
                    at = ay + (px - ax) * ((by - ay) / (bx - ax)) if bx > ax else ay
                    if abs(at - south) < 1e-6:
                        # too near to the bend of the way to be told: the whole shape is asked
                        here, count = _noted(here, count, seen, one)
                        seen[one] = max(seen[one], _UNCLEAR)
                    if south < at <= py:
                        state[one] = not state[one]
                        here, count = _noted(here, count, seen, one)
                if near:
                    here, count = _noted(here, count, seen, one)
                    seen[one] = _SWEPT
    _sorted(here, count)
    kept = 0
    for n in range(count):
        one = here[n]
        if one <= after or not _meets(boxes, one, window):
            seen[one], state[one] = 0, False
        else:
            if seen[one] == _UNCLEAR:
                state[one] = _holds(x, y, rest.ring[rest.shape[one]], rest.ring[rest.shape[one + 1]], owner_of, px, py)
            here[kept] = one
            kept += 1
    return here, kept


@inlined
def _enters(ax: float, ay: float, bx: float, by: float, window: Floats) -> bool:
    """Tell whether an edge that runs east meets a window, whatever tiles it passes: the grid must not matter."""
    if ax > window[2] or bx < window[0] or min(ay, by) > window[3] or max(ay, by) < window[1]:
        return False
    dx, dy = bx - ax, by - ay
    # the corners farthest to either side of the edge's line: north-west and south-east if it climbs
    low, high = (window[1], window[3]) if dy >= 0.0 else (window[3], window[1])
    one = dx * (high - ay) - dy * (window[0] - ax)
    other = dx * (low - ay) - dy * (window[2] - ax)
    return min(one, other) <= 0.0 <= max(one, other)


@kernel
def _holds(x: Floats, y: Floats, first: int, last: int, owner_of: Places, px: float, py: float) -> bool:
    """Tell whether a shape with the points first to last (not included) holds a place far from its edges."""
    inside = False
    for k in range(first, last - 1):
        if owner_of[k] >= 0 and (x[k] <= px) != (x[k + 1] <= px):
            inside ^= y[k] + (px - x[k]) * ((y[k + 1] - y[k]) / (x[k + 1] - x[k])) <= py
    return inside


@inlined
def _noted(here: Places, count: int, seen: NDArray[np.int8], one: int) -> tuple[Places, int]:
    """Add a shape to those that are here; return them and how many there are."""
    if seen[one] == 0:
        seen[one] = 1
        if count == len(here):
            here = tally.longer(here, 2 * count)
        here[count] = one
        count += 1
    return here, count


@inlined
def _sorted(here: Places, count: int) -> None:
    """Sort the first few entries in place."""
    for n in range(1, count):
        one, k = here[n], n - 1
        while k >= 0 and here[k] > one:
            here[k + 1] = here[k]
            k -= 1
        here[k + 1] = one


@inlined
def _meets(boxes: Floats, n: int, window: Floats) -> bool:
    """Tell whether the box of a shape and a window have ground in common."""
    return boxes[n, 0] < window[2] and boxes[n, 2] > window[0] and boxes[n, 1] < window[3] and boxes[n, 3] > window[1]


@inlined
def _parted(
    rest: Flat, mine: Flat, own: int, here: Places, count: int, seen: NDArray[np.int8], state: Flags
) -> tuple[Places, Places]:
    """Return the shapes that have to be swept, and those that hold the whole window, each sorted."""
    crossing, covering = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
    swept, whole = 0, 0
    ring, shape, own_ring, own_shape = rest.ring, rest.shape, mine.ring, mine.shape
    a, b = own_ring[own_shape[own]], own_ring[own_shape[own + 1]]
    for n in range(count):
        one = here[n]
        if seen[one] == _SWEPT:
            c, d = ring[shape[one]], ring[shape[one + 1]]
            if (b - a) + (d - c) <= _SMALL and (
                _line_between(mine, a, own_ring[own_shape[own] + 1], b, rest, c, d)
                or _line_between(rest, c, ring[shape[one] + 1], d, mine, a, b)
            ):
                continue
            crossing[swept] = one
            swept += 1
        elif state[one]:
            covering[whole] = one
            whole += 1
    return crossing[:swept], covering[:whole]


@kernel
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
def _swept(room: Space, rest: Flat, mine: Flat, own: int, crossing: Places, window: Floats) -> Space:
    """Sweep the window: the owner is local shape 0, the others follow."""
    points = mine.ring[mine.shape[own + 1]] - mine.ring[mine.shape[own]]
    for one in crossing:
        points += rest.ring[rest.shape[one + 1]] - rest.ring[rest.shape[one]]
    if points > len(room.piece) or len(crossing) + 1 > len(room.mark):
        room = space(2 * points, 2 * len(crossing) + 2, len(room.trap))
    width, height = window[2] - window[0], window[3] - window[1]
    while True:
        room.size[PIECES] = room.size[TOGGLES] = 0
        _enter(room, mine, own, 0, window)
        for n in range(len(crossing)):
            _enter(room, rest, crossing[n], n + 1, window)
        if slabs.sweep(room, len(crossing) + 1, width, height):
            return room
        room = space(len(room.piece), len(room.mark) * 2, len(room.trap) * 2)


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
