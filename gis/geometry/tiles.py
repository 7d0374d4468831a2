"""One tile at a time: the ground in a tile cut into parts, each with its cover, its measures and its neighbours.

A part is ground of one cover that hangs together inside one tile: trapezoids of neighbouring slabs that touch along
more than a rounding. `gis.geometry.faces` joins the parts of neighbouring tiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.geometry import slabs
from gis.geometry.compiled import inlined, kernel
from gis.geometry.slabs import COVER, COVERS, NE, NW, PIECES, SE, SLABS, SW, THIN, TOGGLES, TRAPS

# columns of Parts.box
WEST, SOUTH, EAST, NORTH = range(4)
# entries of Parts.size
_PARTS, _SIDES, _BORDERS, _COVERS, _MEMBERS = range(5)
# a second name for a set of shapes, so that two sets of one name would be seen
_SECOND = 0x5851F42D4C957F2D


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

    size: NDArray[np.int64]
    start: NDArray[np.int64]
    area: NDArray[np.float64]
    perimeter: NDArray[np.float64]
    holes: NDArray[np.int32]
    cover: NDArray[np.int32]
    place: NDArray[np.float64]
    box: NDArray[np.float64]
    side_start: NDArray[np.int64]
    side: NDArray[np.float64]
    side_part: NDArray[np.int32]
    pair: NDArray[np.int32]
    border: NDArray[np.float64]
    name: NDArray[np.uint64]
    cover_start: NDArray[np.int64]
    member: NDArray[np.int32]
    slot: NDArray[np.int32]


@kernel
def cut(x, y, owner, shapes, grid, first, last):  # type: ignore[no-untyped-def]
    """Cut the tiles first to last (not included) of a grid into parts."""
    room = slabs.space(256, 128, 2048)
    seen, local = np.zeros(shapes, dtype=np.bool_), np.empty(shapes, dtype=np.int32)
    tiles = last - first
    book = _book(tiles, 4 * tiles + 1024)
    book.start[0] = book.side_start[0] = 0
    for tile in range(first, last):
        room, here = filled(room, x, y, owner, grid, tile, seen, local)
        while not slabs.sweep(room, len(here), grid.width, grid.height):
            # the sweep has walked along the south side, so the room is filled anew
            room = slabs.space(len(room.piece), len(room.mark) * 2, len(room.trap) * 2)
            room, here = filled(room, x, y, owner, grid, tile, seen, local)
        column, row = tile % grid.columns, tile // grid.columns
        book = _add(book, room, here, tile - first, column * grid.width, row * grid.height)
    return book


@kernel
def filled(room, x, y, owner, grid, tile, seen, local):  # type: ignore[no-untyped-def]
    """Fill the room of a sweep with a tile's edges; return it, larger where it must be, and the tile's shapes."""
    e0, e1 = grid.edge_start[tile], grid.edge_start[tile + 1]
    t0, t1 = grid.toggle_start[tile], grid.toggle_start[tile + 1]
    c0, c1 = grid.corner_start[tile], grid.corner_start[tile + 1]
    here = np.empty(e1 - e0 + c1 - c0, dtype=np.int32)
    count = 0
    for n in range(c0, c1):
        seen[grid.corner[n]] = True
        here[count] = grid.corner[n]
        count += 1
    for n in range(e0, e1):
        shape = owner[grid.edge[n]]
        if not seen[shape]:
            seen[shape] = True
            here[count] = shape
            count += 1
    here = np.sort(here[:count])
    if e1 - e0 + t1 - t0 > len(room.piece) or count > len(room.mark):
        room = slabs.space(2 * (e1 - e0 + t1 - t0) + 16, 2 * count + 16, len(room.trap))
    for n in range(count):
        local[here[n]], seen[here[n]] = n, False
        room.mark[n] = slabs.mark_of(here[n])
        room.inside[n] = False
    for n in range(c0, c1):
        room.inside[local[grid.corner[n]]] = True
    room.size[PIECES] = room.size[TOGGLES] = 0
    west = grid.west + (tile % grid.columns) * grid.width
    south = grid.south + (tile // grid.columns) * grid.height
    for n in range(e0, e1):
        k = grid.edge[n]
        ax, ay, bx, by = x[k] - west, y[k] - south, x[k + 1] - west, y[k + 1] - south
        slabs.add_edge(room, ax, ay, bx, by, local[owner[k]], k, grid.width, grid.height)
    for n in range(t0, t1):
        slabs.add_toggle(room, grid.toggle_x[n], local[grid.toggle_shape[n]])
    return room, here


@kernel
def parts_of(room):  # type: ignore[no-untyped-def]
    """Number the parts that the trapezoids of a sweep make; return the number of each and how many there are."""
    traps, trap, first, cover = room.size[TRAPS], room.trap, room.first, room.place
    parent = np.arange(traps).astype(np.int32)
    for slab in range(1, room.size[SLABS]):
        a, b = first[slab - 1], first[slab]
        end_a, end_b = b, first[slab + 1]
        while a < end_a and b < end_b:
            shared = min(trap[a, NE], trap[b, NW]) - max(trap[a, SE], trap[b, SW])
            if shared > THIN and cover[a, COVER] == cover[b, COVER]:
                unite(parent, a, b)
            if trap[a, NE] < trap[b, NW]:
                a += 1
            else:
                b += 1
    count = 0
    part = np.empty(traps, dtype=np.int32)
    for n in range(traps):
        root = find(parent, n)
        if root == n:
            part[n] = count
            count += 1
        else:
            part[n] = part[root]
    return part, count


@inlined
def find(parent, n):  # type: ignore[no-untyped-def]
    """Return the root of a set; the first member is always the root."""
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@inlined
def unite(parent, a, b):  # type: ignore[no-untyped-def]
    """Make one set of two."""
    a, b = find(parent, a), find(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@kernel
def _add(book, room, here, tile, west, south):  # type: ignore[no-untyped-def]
    """Write the parts of a swept tile down."""
    part, count = parts_of(room)
    slab_count, traps = room.size[SLABS], room.size[TRAPS]
    book = _with_room(book, count, 2 * slab_count + 2 * traps, 4 * traps, room.size[COVERS], room.member)
    base = book.size[_PARTS]
    book.size[_PARTS] = base + count
    covers = _covers(book, room, here)
    _measure(book, room, part, covers, base, west, south)
    _borders(book, room, part, count, base)
    _sides(book, room, part, base, tile)
    book.start[tile + 1] = book.size[_PARTS]
    return book


@kernel
def _measure(book, room, part, covers, base, west, south):  # type: ignore[no-untyped-def]
    """Add the trapezoids up to the measures of their parts."""
    area, holes, cover, place, box = book.area, book.holes, book.cover, book.place, book.box
    for n in range(base, book.size[_PARTS]):
        area[n] = book.perimeter[n] = place[n, 2] = 0.0
        holes[n] = 1
        box[n, WEST] = box[n, SOUTH] = np.inf
        box[n, EAST] = box[n, NORTH] = -np.inf
    trap, of, first = room.trap, room.place, room.first
    for slab in range(room.size[SLABS]):
        here, there = west + room.slab[slab, 0], west + room.slab[slab, 1]
        for t in range(first[slab], first[slab + 1]):
            n = base + part[t]
            ground = (there - here) * (trap[t, NW] - trap[t, SW] + trap[t, NE] - trap[t, SE]) / 2
            area[n] += ground
            holes[n] -= 1
            cover[n] = covers[of[t, COVER]]
            if ground > place[n, 2]:
                place[n, 0] = (here + there) / 2
                place[n, 1] = south + (trap[t, NW] + trap[t, SW] + trap[t, NE] + trap[t, SE]) / 4
                place[n, 2] = ground
            box[n, WEST], box[n, EAST] = min(box[n, WEST], here), max(box[n, EAST], there)
            box[n, SOUTH] = min(box[n, SOUTH], south + min(trap[t, SW], trap[t, SE]))
            box[n, NORTH] = max(box[n, NORTH], south + max(trap[t, NW], trap[t, NE]))


@kernel
def _borders(book, room, part, count, base):  # type: ignore[no-untyped-def]
    """Add up the borders between the parts of a tile, and how often the trapezoids of one part touch."""
    slots = 64
    while slots < 8 * count:
        slots *= 2
    slot = np.full(slots, -1, dtype=np.int32)
    pair, border, perimeter, holes = book.pair, book.border, book.perimeter, book.holes
    trap, first, cover = room.trap, room.first, room.place
    n = book.size[_BORDERS]
    for slab in range(room.size[SLABS]):
        width = room.slab[slab, 1] - room.slab[slab, 0]
        for t in range(first[slab], first[slab + 1] - 1):
            rise = trap[t, NE] - trap[t, NW]
            length = np.sqrt(width * width + rise * rise)
            n = _border(pair, border, perimeter, slot, n, base, part[t], part[t + 1], length)
        if slab == 0:
            continue
        a, b = first[slab - 1], first[slab]
        end_a, end_b = b, first[slab + 1]
        while a < end_a and b < end_b:
            shared = min(trap[a, NE], trap[b, NW]) - max(trap[a, SE], trap[b, SW])
            if shared > THIN:
                if cover[a, COVER] == cover[b, COVER]:
                    holes[base + part[a]] += 1
                else:
                    n = _border(pair, border, perimeter, slot, n, base, part[a], part[b], shared)
            if trap[a, NE] < trap[b, NW]:
                a += 1
            else:
                b += 1
    book.size[_BORDERS] = n


@inlined
def _border(pair, border, perimeter, slot, n, base, a, b, length):  # type: ignore[no-untyped-def]
    """Add a piece of border between two parts; return how many borders there are."""
    perimeter[base + a] += length
    perimeter[base + b] += length
    low, high = base + min(a, b), base + max(a, b)
    mask = len(slot) - 1
    at = (low * 31 + high * 17) & mask
    while slot[at] >= 0 and not (pair[slot[at], 0] == low and pair[slot[at], 1] == high):
        at = (at + 1) & mask
    if slot[at] < 0:
        slot[at] = n
        pair[n, 0], pair[n, 1], border[n] = low, high, 0.0
        n += 1
    border[slot[at]] += length
    return n


@kernel
def _sides(book, room, part, base, tile):  # type: ignore[no-untyped-def]
    """Write down which parts lie along the tile's west, east, south and north side."""
    slab_count = room.size[SLABS]
    n = book.size[_SIDES]
    for t in range(room.first[0], room.first[1]):
        book.side[n, 0], book.side[n, 1], book.side_part[n] = room.trap[t, SW], room.trap[t, NW], base + part[t]
        n += 1
    book.side_start[4 * tile + 1] = n
    for t in range(room.first[slab_count - 1], room.first[slab_count]):
        book.side[n, 0], book.side[n, 1], book.side_part[n] = room.trap[t, SE], room.trap[t, NE], base + part[t]
        n += 1
    book.side_start[4 * tile + 2] = n
    for north in range(2):
        begin = n
        for slab in range(slab_count):
            t = room.first[slab + 1] - 1 if north else room.first[slab]
            if n > begin and book.side_part[n - 1] == base + part[t]:
                book.side[n - 1, 1] = room.slab[slab, 1]
            else:
                book.side[n, 0], book.side[n, 1] = room.slab[slab, 0], room.slab[slab, 1]
                book.side_part[n] = base + part[t]
                n += 1
        book.side_start[4 * tile + 3 + north] = n
    book.size[_SIDES] = n


@kernel
def _covers(book, room, here):  # type: ignore[no-untyped-def]
    """Return the position in the book of each cover of the sweep; add those that are new."""
    found = np.empty(room.size[COVERS], dtype=np.int32)
    names, slot, begin, member, local = room.cover_mark, book.slot, room.cover, book.member, room.member
    second_mark = np.empty(len(here), dtype=np.uint64)
    for n in range(len(here)):
        second_mark[n] = slabs.mark_of(np.uint64(here[n]) ^ np.uint64(_SECOND))
    mask = len(slot) - 1
    new, members = book.size[_COVERS], book.size[_MEMBERS]
    for cover in range(len(found)):
        name, second = names[cover], np.uint64(0)
        for n in range(begin[cover], begin[cover + 1]):
            second += second_mark[local[n]]
        at = np.int64(name & np.uint64(mask))
        while slot[at] >= 0 and not (book.name[slot[at], 0] == name and book.name[slot[at], 1] == second):
            at = (at + 1) & mask
        if slot[at] < 0:
            slot[at] = new
            book.name[new, 0], book.name[new, 1] = name, second
            for n in range(begin[cover], begin[cover + 1]):
                member[members] = here[local[n]]
                members += 1
            new += 1
            book.cover_start[new] = members
        found[cover] = slot[at]
    book.size[_COVERS], book.size[_MEMBERS] = new, members
    return found


@kernel
def _book(tiles, room):  # type: ignore[no-untyped-def]
    """Return an empty book for so many tiles."""
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
def _with_room(book, parts, sides, borders, covers, members):  # type: ignore[no-untyped-def]
    """Return the book, larger where so much more would not fit."""
    size = book.size
    area, perimeter, holes, cover, place, box = (
        book.area, book.perimeter, book.holes, book.cover, book.place, book.box
    )  # fmt: skip
    if size[_PARTS] + parts > len(area):
        more = size[_PARTS] + parts
        area, perimeter, holes = longer(area, more), longer(perimeter, more), longer(holes, more)
        cover, place, box = longer(cover, more), longer_rows(place, more), longer_rows(box, more)
    side, side_part = book.side, book.side_part
    if size[_SIDES] + sides > len(side):
        side, side_part = longer_rows(side, size[_SIDES] + sides), longer(side_part, size[_SIDES] + sides)
    pair, border = book.pair, book.border
    if size[_BORDERS] + borders > len(pair):
        pair, border = longer_rows(pair, size[_BORDERS] + borders), longer(border, size[_BORDERS] + borders)
    name, cover_start, member, slot = book.name, book.cover_start, book.member, book.slot
    if size[_COVERS] + covers > len(name):
        name = longer_rows(name, size[_COVERS] + covers)
        cover_start = longer(cover_start, len(name) + 1)
        slot = _slots(name, size[_COVERS])
    if size[_MEMBERS] + len(members) > len(member):
        member = longer(member, size[_MEMBERS] + len(members))
    return Parts(
        size, book.start, area, perimeter, holes, cover, place, box, book.side_start, side, side_part, pair, border,
        name, cover_start, member, slot,
    )  # fmt: skip


@kernel
def _slots(name, count):  # type: ignore[no-untyped-def]
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
def longer(array, wanted):  # type: ignore[no-untyped-def]
    """Return a copy with room for half as much again."""
    larger = np.empty(max(wanted, len(array) * 3 // 2), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


@kernel
def longer_rows(array, wanted):  # type: ignore[no-untyped-def]
    """Return a copy of rows with room for half as many again."""
    larger = np.empty((max(wanted, len(array) * 3 // 2), array.shape[1]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
