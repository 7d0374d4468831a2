"""The faces that the lines of all shapes make of the ground: measures, covers and neighbours, without any topology.

Invariant: the faces that a shape covers add up to it (`held`). Guarded on every run by `gis.analysis.ground.cut`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Flags, Floats, Ints, Marks, Places, batches, kernel, lean, spread
from gis.geometry import grid as tiling
from gis.geometry import tally, tiles
from gis.geometry.grid import Grid
from gis.geometry.outlines import Outlines
from gis.geometry.room import THIN
from gis.geometry.tally import EAST, NORTH, SOUTH, WEST, Parts
from gis.geometry.tiles import find, unite


@dataclass(frozen=True)
class Faces:
    """Hold ground of one cover that hangs together, with its neighbours.

    Parameters
    ----------
    area_m2, perimeter_m
        Measures of each face.
    holes
        Never fewer than each face has.
    cover
        Position of each face's cover.
    cover_start, member
        Where each cover begins in `member`, and the positions of its shapes, sorted. No cover is empty.
    place
        x and y of a point inside each face, in the shapes' CRS.
    box
        West, south, east and north of each face, in the shapes' CRS, m.
    near_start, near, near_m
        Where each face's neighbours begin in `near`, the neighbours (-1 is the ground that no shape covers), sorted,
        and the length of the common border, m.
    part_face
        The face that each part of a tile belongs to, tiles from the south-west row by row (-1 as above).
    part_start
        Where each tile's parts begin.
    grid
        The tiles.
    """

    area_m2: NDArray[np.float64]
    perimeter_m: NDArray[np.float64]
    holes: NDArray[np.int64]
    cover: NDArray[np.int32]
    cover_start: NDArray[np.int64]
    member: NDArray[np.int32]
    place: NDArray[np.float64]
    box: NDArray[np.float64]
    near_start: NDArray[np.int64]
    near: NDArray[np.int32]
    near_m: NDArray[np.float64]
    part_face: NDArray[np.int32]
    part_start: NDArray[np.int64]
    grid: Grid

    def __len__(self) -> int:
        return len(self.area_m2)


def of(shapes: Outlines, *, workers: int | None = None) -> Faces:
    """Cut the ground along the lines of all shapes.

    Parameters
    ----------
    shapes
        Valid shapes of all layers, in one CRS in metres.
    workers
        Number of threads; the result does not depend on it.

    Returns
    -------
    Faces
        In the order of the tiles in which they begin, from the south-west row by row.
    """
    grid = tiling.over(shapes, workers=workers)
    count = grid.columns * grid.rows

    def batch(run: tuple[int, int]) -> Parts:
        return _trimmed(tiles.cut(shapes.flat, grid, *run))

    found = spread(batch, batches(count), workers)
    cover, cover_start, member = _covers(found)
    return _joined(found, cover, cover_start, member, grid)


def held(faces: Faces, count: int) -> NDArray[np.float64]:
    """Add up the faces that each shape covers.

    Parameters
    ----------
    faces
        The faces.
    count
        Number of shapes.

    Returns
    -------
    numpy.ndarray
        m² of each shape: its own area, unless ground was lost or cut twice.
    """
    cover_m2 = np.bincount(faces.cover, faces.area_m2, len(faces.cover_start) - 1)
    return np.bincount(faces.member, np.repeat(cover_m2, np.diff(faces.cover_start)), count).astype(np.float64)


def _trimmed(book: Parts) -> Parts:
    """Return the arrays of a book as long as they are full."""
    parts, sides, borders, covers, members = book.size.tolist()
    lengths = {"side": sides, "side_part": sides, "pair": borders, "border": borders, "name": covers}
    lengths |= {"cover_start": covers + 1, "member": members}
    lengths |= dict.fromkeys(("area", "perimeter", "holes", "cover", "place", "box"), parts)
    return book._replace(**{name: getattr(book, name)[:length].copy() for name, length in lengths.items()})


def _covers(found: list[Parts]) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """Return the cover of each part among those of all batches, in the order of the tiles, and their members."""
    names = np.concatenate([book.name for book in found])
    length = np.concatenate([np.diff(book.cover_start) for book in found])
    member = np.concatenate([book.member for book in found])
    position, start, members = _distinct(names, length, member)
    before = np.cumsum([0, *(len(book.name) for book in found[:-1])])
    cover = np.concatenate([position[book.cover + first] for book, first in zip(found, before, strict=True)])
    return cover, start, members


@kernel
def _distinct(name: Marks, length: Ints, member: Places) -> tuple[Places, Ints, Places]:
    """Return which of the different covers each is, in the order in which they come, and the members of these."""
    slots = 1024
    while slots < 2 * len(name):
        slots *= 2
    slot, mask = np.full(slots, -1, dtype=np.int32), np.uint64(slots - 1)
    position, first = np.empty(len(name), dtype=np.int32), np.empty(len(name), dtype=np.int32)
    start, members = np.zeros(len(name) + 1, dtype=np.int64), np.empty(len(member), dtype=np.int32)
    count, begin = 0, 0
    for n in range(len(name)):
        at = np.int64(name[n, 0] & mask)
        while slot[at] >= 0 and not (name[first[slot[at]], 0] == name[n, 0] and name[first[slot[at]], 1] == name[n, 1]):
            at = (at + 1) & (slots - 1)
        if slot[at] < 0:
            slot[at], first[count] = count, n
            start[count + 1] = start[count] + length[n]
            members[start[count] : start[count + 1]] = member[begin : begin + length[n]]
            count += 1
        position[n] = slot[at]
        begin += length[n]
    return position, start[: count + 1].copy(), members[: start[count]].copy()


@kernel
def gathered(begin: Ints, length: Ints, member: Places, chosen: Ints) -> tuple[Ints, Places]:
    """Take some lists out of many.

    Parameters
    ----------
    begin, length
        Where each list begins in `member`, and how long it is.
    member
        All lists in a row.
    chosen
        Which lists.

    Returns
    -------
    tuple
        Where each chosen list begins, one entry more than there are, and the lists in a row.
    """
    start = np.zeros(len(chosen) + 1, dtype=np.int64)
    for n in range(len(chosen)):
        start[n + 1] = start[n] + length[chosen[n]]
    members = np.empty(start[-1], dtype=np.int32)
    for n in range(len(chosen)):
        first = begin[chosen[n]]
        members[start[n] : start[n + 1]] = member[first : first + length[chosen[n]]]
    return start, members


def _joined(
    found: list[Parts],
    cover: NDArray[np.int32],
    cover_start: NDArray[np.int64],
    member: NDArray[np.int32],
    grid: Grid,
) -> Faces:
    """Join the parts of neighbouring tiles."""
    before = np.cumsum([0, *(len(book.area) for book in found)])
    sides_before = np.cumsum([0, *(len(book.side) for book in found)])
    side_start = np.concatenate(
        [[0], *(book.side_start[1:] + first for book, first in zip(found, sides_before, strict=False))]
    )
    side = np.concatenate([book.side for book in found])
    side_part = np.concatenate([book.side_part + first for book, first in zip(found, before, strict=False)])
    pair = np.concatenate([book.pair + first for book, first in zip(found, before, strict=False)])
    border = np.concatenate([book.border for book in found])
    perimeter = np.concatenate([book.perimeter for book in found])
    holes = np.concatenate([book.holes for book in found]).astype(np.int64)
    area = np.concatenate([book.area for book in found])
    place, box = np.concatenate([book.place for book in found]), np.concatenate([book.box for book in found])
    part_start = np.concatenate([[0], *(book.start[1:] + first for book, first in zip(found, before, strict=False))])
    # they hold as much again as what was made of them
    found.clear()
    root, more, more_m = _across(side_start, side, side_part, cover, perimeter, holes, grid.columns, grid.rows)
    empty = (np.diff(cover_start) == 0)[cover]
    face, count = _numbered(root, empty)
    measures = _measured(face, count, area, perimeter, holes, cover, place, box)
    total, around, open_, covers, inside, corners = measures
    start, near, near_m = _neighbours(face, count, pair, border, more, more_m)
    corner = np.array([grid.west, grid.south])
    return Faces(
        total,
        around,
        open_,
        covers,
        cover_start,
        member,
        inside + corner,
        corners + np.tile(corner, 2),
        start,
        near,
        near_m,
        face,
        part_start,
        grid,
    )


@kernel
def _across(
    side_start: Ints,
    side: Floats,
    side_part: Places,
    cover: Places,
    perimeter: Floats,
    holes: Ints,
    columns: int,
    rows: int,
) -> tuple[Places, Places, Floats]:
    """Unite parts of one cover across the tiles' sides; return roots, and the borders that run along a side."""
    root = np.arange(len(cover)).astype(np.int32)
    pairs, lengths = np.empty((1024, 2), dtype=np.int32), np.empty(1024)
    count = 0
    for tile in range(columns * rows):
        for east in range(2):
            if east:
                other, mine, theirs = tile + 1, 1, 0
                if tile % columns == columns - 1:
                    continue
            else:
                other, mine, theirs = tile + columns, 3, 2
                if tile // columns == rows - 1:
                    continue
            a, end_a = side_start[4 * tile + mine], side_start[4 * tile + mine + 1]
            b, end_b = side_start[4 * other + theirs], side_start[4 * other + theirs + 1]
            while a < end_a and b < end_b:
                shared = min(side[a, 1], side[b, 1]) - max(side[a, 0], side[b, 0])
                if shared > THIN:
                    p, q = side_part[a], side_part[b]
                    if cover[p] == cover[q]:
                        # a second contact closes a ring, and with it perhaps a hole
                        if find(root, p) == find(root, q):
                            holes[p] += 1
                        unite(root, p, q)
                    else:
                        if count == len(pairs):
                            pairs, lengths = tally.longer_rows(pairs, 2 * count), tally.longer(lengths, 2 * count)
                        pairs[count, 0], pairs[count, 1], lengths[count] = p, q, shared
                        perimeter[p] += shared
                        perimeter[q] += shared
                        count += 1
                if side[a, 1] < side[b, 1]:
                    a += 1
                else:
                    b += 1
    return root, pairs[:count], lengths[:count]


@kernel
def _numbered(root: Places, empty: Flags) -> tuple[Places, int]:
    """Give each face a number, in the order of their first parts; -1 for ground that no shape covers."""
    face = np.empty(len(root), dtype=np.int32)
    count = 0
    for n in range(len(root)):
        first = find(root, n)
        if empty[n]:
            face[n] = -1
        elif first == n:
            face[n] = count
            count += 1
        else:
            face[n] = face[first]
    return face, count


@kernel
def _measured(
    face: Places,
    count: int,
    part_area: Floats,
    part_perimeter: Floats,
    part_holes: Ints,
    part_cover: Places,
    part_place: Floats,
    part_box: Floats,
) -> tuple[Floats, Floats, Ints, Places, Floats, Floats]:
    """Add up the measures of the parts of each face, in the order of the tiles."""
    area, perimeter, holes = np.zeros(count), np.zeros(count), np.zeros(count, dtype=np.int64)
    cover, place, box = np.empty(count, dtype=np.int32), np.zeros((count, 3)), np.empty((count, 4))
    box[:, :2], box[:, 2:] = np.inf, -np.inf
    for n in range(len(face)):
        f = face[n]
        if f < 0:
            continue
        area[f] += part_area[n]
        perimeter[f] += part_perimeter[n]
        holes[f] += part_holes[n]
        cover[f] = part_cover[n]
        if part_place[n, 2] > place[f, 2]:
            place[f] = part_place[n]
        box[f, WEST], box[f, SOUTH] = min(box[f, WEST], part_box[n, WEST]), min(box[f, SOUTH], part_box[n, SOUTH])
        box[f, EAST], box[f, NORTH] = max(box[f, EAST], part_box[n, EAST]), max(box[f, NORTH], part_box[n, NORTH])
    return area, perimeter, holes, cover, place[:, :2].copy(), box


@kernel
def _neighbours(
    face: Places, count: int, pair: Places, border: Floats, more: Places, more_m: Floats
) -> tuple[Ints, Places, Floats]:
    """Return each face's neighbours, sorted, and how long the border with each is."""
    start = np.zeros(count + 1, dtype=np.int64)
    for n in range(len(pair) + len(more)):
        p, q = (face[pair[n, 0]], face[pair[n, 1]]) if n < len(pair) else _of(face, more, n - len(pair))
        if p != q:
            if p >= 0:
                start[p + 1] += 1
            if q >= 0:
                start[q + 1] += 1
    for n in range(count):
        start[n + 1] += start[n]
    near, near_m = np.empty(start[-1], dtype=np.int32), np.empty(start[-1])
    place = start[:-1].copy()
    for n in range(len(pair) + len(more)):
        p, q = (face[pair[n, 0]], face[pair[n, 1]]) if n < len(pair) else _of(face, more, n - len(pair))
        length = border[n] if n < len(pair) else more_m[n - len(pair)]
        if p != q:
            if p >= 0:
                near[place[p]], near_m[place[p]] = q, length
                place[p] += 1
            if q >= 0:
                near[place[q]], near_m[place[q]] = p, length
                place[q] += 1
    return _merged(start, near, near_m)


@lean
def _of(face: Places, pairs: Places, n: int) -> tuple[int, int]:
    """Return the faces of a pair of parts."""
    return face[pairs[n, 0]], face[pairs[n, 1]]


@kernel
def _merged(start: Ints, near: Places, near_m: Floats) -> tuple[Ints, Places, Floats]:
    """Sort each face's neighbours and add up several borders with one of them."""
    merged = np.zeros(len(start), dtype=np.int64)
    kept = 0
    for f in range(len(start) - 1):
        # few to a face: insertion keeps the order of equal ones, so that sums do not depend on anything else
        for n in range(start[f] + 1, start[f + 1]):
            other, length, k = near[n], near_m[n], n - 1
            while k >= start[f] and near[k] > other:
                near[k + 1], near_m[k + 1] = near[k], near_m[k]
                k -= 1
            near[k + 1], near_m[k + 1] = other, length
        begin = kept
        for n in range(start[f], start[f + 1]):
            if kept > begin and near[kept - 1] == near[n]:
                near_m[kept - 1] += near_m[n]
            else:
                near[kept], near_m[kept] = near[n], near_m[n]
                kept += 1
        merged[f + 1] = kept
    return merged, near[:kept].copy(), near_m[:kept].copy()
