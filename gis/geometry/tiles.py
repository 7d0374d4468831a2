"""One tile at a time: the ground in a tile cut into parts, each with its cover, its measures and its neighbours.

A part is ground of one cover that hangs together inside one tile: trapezoids of neighbouring slabs that touch along
more than a rounding. `gis.geometry.faces` joins the parts of neighbouring tiles.
"""

from __future__ import annotations

import numpy as np

from gis.compiled import Flags, Floats, Marks, Places, inlined, kernel, lean
from gis.geometry import edges, slabs, sorting
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat
from gis.geometry.room import COVER, COVERS, NE, NW, PIECES, SE, SLABS, SW, THIN, TOGGLES, TRAPS, Space, mark_of, space
from gis.geometry.tally import BORDERS, EAST, KNOWN, NAMED, NORTH, PARTS, SIDES, SOUTH, WEST, Parts, opened, with_room

# a second name for a set of shapes, so that two sets of one name would be seen
_SECOND = 0x5851F42D4C957F2D


@kernel
def cut(flat: Flat, grid: Grid, first: int, last: int) -> Parts:
    """Cut some tiles of a grid into parts.

    Parameters
    ----------
    flat
        All shapes.
    grid
        The tiles over them.
    first, last
        Which tiles; `last` is not included.

    Returns
    -------
    Parts
        With arrays that are longer than they are full.
    """
    room = space(256, 128, 2048)
    shapes = len(flat.shape) - 1
    seen, local = np.zeros(shapes, dtype=np.bool_), np.empty(shapes, dtype=np.int32)
    tiles = last - first
    book = opened(tiles, 4 * tiles + 1024)
    book.start[0] = book.side_start[0] = 0
    for tile in range(first, last):
        room, here = swept(room, flat, grid, tile, seen, local)
        column, row = tile % grid.columns, tile // grid.columns
        book = _add(book, room, here, tile - first, column * grid.width, row * grid.height)
    return book


@kernel
def swept(room: Space, flat: Flat, grid: Grid, tile: int, seen: Flags, local: Places) -> tuple[Space, Places]:
    """Sweep a tile in as much room as that takes.

    Parameters
    ----------
    room, flat, grid, tile, seen, local
        As in `filled`.

    Returns
    -------
    tuple
        The room, a larger one where that must be, and the tile's shapes, sorted.
    """
    room, here = filled(room, flat, grid, tile, seen, local)
    while not slabs.sweep(room, len(here), grid.width, grid.height):
        # the sweep has walked along the south side, so the room is filled anew
        room = space(len(room.piece), len(room.mark) * 2, len(room.trap) * 2)
        room, here = filled(room, flat, grid, tile, seen, local)
    return room, here


@kernel
def filled(room: Space, flat: Flat, grid: Grid, tile: int, seen: Flags, local: Places) -> tuple[Space, Places]:
    """Fill the room of a sweep with a tile's edges.

    Parameters
    ----------
    room
        Room that may be too small.
    flat
        All shapes.
    grid
        The tiles over them.
    tile
        Which tile.
    seen, local
        Work space, an entry a shape; `seen` is False before and after.

    Returns
    -------
    tuple
        The room, a larger one where that must be, and the tile's shapes, sorted.
    """
    edges_here = grid.edge_start[tile + 1] - grid.edge_start[tile]
    toggles = grid.toggle_start[tile + 1] - grid.toggle_start[tile]
    here = np.empty(edges_here + grid.corner_start[tile + 1] - grid.corner_start[tile], dtype=np.int32)
    count = _here(flat.owner, grid, tile, seen, here)
    if edges_here + toggles > len(room.piece) or count > len(room.mark):
        room = space(2 * (edges_here + toggles) + 16, 2 * count + 16, len(room.trap))
    _enter(room, flat, grid, tile, here, count, seen, local)
    return room, here[:count]


@lean
def _here(owner: Places, grid: Grid, tile: int, seen: Flags, here: Places) -> int:
    """List the shapes that hold a tile's corner or have an edge in it, sorted; return how many there are."""
    corner, edge, count = grid.corner, grid.edge, 0
    for n in range(grid.corner_start[tile], grid.corner_start[tile + 1]):
        seen[corner[n]] = True
        here[count] = corner[n]
        count += 1
    for n in range(grid.edge_start[tile], grid.edge_start[tile + 1]):
        shape = owner[edge[n]]
        if not seen[shape]:
            seen[shape] = True
            here[count] = shape
            count += 1
    sorting.alone(here, count)
    return count


@lean
def _enter(
    room: Space, flat: Flat, grid: Grid, tile: int, here: Places, count: int, seen: Flags, local: Places
) -> None:
    """Enter the edges and toggles of a tile."""
    x, y, owner, edge, corner = flat.x, flat.y, flat.owner, grid.edge, grid.corner
    for n in range(count):
        local[here[n]], seen[here[n]] = n, False
        room.mark[n], room.inside[n] = mark_of(here[n]), False
    for n in range(grid.corner_start[tile], grid.corner_start[tile + 1]):
        room.inside[local[corner[n]]] = True
    west = grid.west + (tile % grid.columns) * grid.width
    south = grid.south + (tile // grid.columns) * grid.height
    frame = (west, south, grid.width, grid.height)
    pieces, n, last = 0, grid.edge_start[tile], grid.edge_start[tile + 1]
    while n < last:
        # edges of following numbers follow each other
        k, end = edge[n], n + 1
        while end < last and edge[end] == k + end - n:
            end += 1
        pieces = edges.add(room.piece, room.tie, pieces, x, y, (k, k + end - n), local[owner[k]], frame)
        n = end
    first, end = grid.toggle_start[tile], grid.toggle_start[tile + 1]
    for n in range(first, end):
        room.toggle_x[n - first], room.toggle_owner[n - first] = grid.toggle_x[n], local[grid.toggle_shape[n]]
    room.size[PIECES], room.size[TOGGLES] = pieces, end - first


@kernel
def parts_of(room: Space) -> tuple[Places, int]:
    """Find the parts that the trapezoids of a sweep make.

    Parameters
    ----------
    room
        A room that was swept.

    Returns
    -------
    tuple
        The part of each trapezoid, numbered in their order, and how many there are.
    """
    part = np.empty(room.size[TRAPS], dtype=np.int32)
    return part, _parts(room, np.arange(len(part)).astype(np.int32), part)


@lean
def _parts(room: Space, parent: Places, part: Places) -> int:
    """Give each trapezoid the number of its part; return how many parts there are."""
    trap, first, cover = room.trap, room.first, room.place
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
    for n in range(len(part)):
        root = find(parent, n)
        if root == n:
            part[n] = count
            count += 1
        else:
            part[n] = part[root]
    return count


@inlined
def find(parent: Places, n: int) -> int:
    """Return the root of a set.

    Parameters
    ----------
    parent
        A member of the same set for each, itself for a root.
    n
        A member.

    Returns
    -------
    int
        The first member of the set.
    """
    while parent[n] != n:
        parent[n] = parent[parent[n]]
        n = parent[n]
    return n


@inlined
def unite(parent: Places, a: int, b: int) -> None:
    """Make one set of two.

    Parameters
    ----------
    parent
        As in `find`.
    a, b
        A member of each.
    """
    a, b = find(parent, a), find(parent, b)
    if a < b:
        parent[b] = a
    else:
        parent[a] = b


@kernel
def _add(book: Parts, room: Space, here: Places, tile: int, west: float, south: float) -> Parts:
    """Write the parts of a swept tile down."""
    part, count = parts_of(room)
    slab_count, traps = room.size[SLABS], room.size[TRAPS]
    book = with_room(book, count, 2 * slab_count + 2 * traps, 4 * traps, room.size[COVERS], room.member)
    base = book.size[PARTS]
    book.size[PARTS] = base + count
    covers = np.empty(room.size[COVERS], dtype=np.int32)
    _cover(book, room, here, np.empty(len(here), dtype=np.uint64), covers)
    slots = 64
    while slots < 8 * count:
        slots *= 2
    _measure(book, room, part, covers, base, west, south)
    _borders(book, room, part, base, np.full(slots, -1, dtype=np.int32))
    _sides(book, room, part, base, tile)
    book.start[tile + 1] = book.size[PARTS]
    return book


@lean
def _measure(book: Parts, room: Space, part: Places, covers: Places, base: int, west: float, south: float) -> None:
    """Add the trapezoids up to the measures of their parts."""
    area, holes, cover, place, box = book.area, book.holes, book.cover, book.place, book.box
    for n in range(base, book.size[PARTS]):
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


@lean
def _borders(book: Parts, room: Space, part: Places, base: int, slot: Places) -> None:
    """Add up the borders between the parts of a tile, and how often the trapezoids of one part touch."""
    pair, border, perimeter, holes = book.pair, book.border, book.perimeter, book.holes
    trap, first, cover = room.trap, room.first, room.place
    n = book.size[BORDERS]
    for slab in range(room.size[SLABS]):
        width = room.slab[slab, 1] - room.slab[slab, 0]
        for t in range(first[slab], first[slab + 1] - 1):
            rise = trap[t, NE] - trap[t, NW]
            length = np.sqrt(width * width + rise * rise)
            n = _border(pair, border, perimeter, slot, n, base + part[t], base + part[t + 1], length)
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
                    n = _border(pair, border, perimeter, slot, n, base + part[a], base + part[b], shared)
            if trap[a, NE] < trap[b, NW]:
                a += 1
            else:
                b += 1
    book.size[BORDERS] = n


@inlined
def _border(
    pair: Places, border: Floats, perimeter: Floats, slot: Places, n: int, a: int, b: int, length: float
) -> int:
    """Add a piece of border between two parts; return how many borders there are."""
    perimeter[a] += length
    perimeter[b] += length
    low, high = min(a, b), max(a, b)
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


@lean
def _sides(book: Parts, room: Space, part: Places, base: int, tile: int) -> None:
    """Write down which parts lie along the tile's west, east, south and north side."""
    slab_count = room.size[SLABS]
    n = book.size[SIDES]
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
    book.size[SIDES] = n


@lean
def _cover(book: Parts, room: Space, here: Places, second_mark: Marks, found: Places) -> None:
    """Find the position in the book of each cover of the sweep; add those that are new."""
    names, slot, begin, member, local = room.cover_mark, book.slot, room.cover, book.member, room.member
    for n in range(len(here)):
        second_mark[n] = mark_of(np.uint64(here[n]) ^ np.uint64(_SECOND))
    mask = len(slot) - 1
    new, members = book.size[KNOWN], book.size[NAMED]
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
    book.size[KNOWN], book.size[NAMED] = new, members
