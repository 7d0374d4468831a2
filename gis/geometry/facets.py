"""Facets: the outlines of faces drawn again from the sweep, any number of faces to a shape.

Where the shape below a line differs from the one above it, the line is a border of both. Every tile is swept again, its
borders close around each shape by construction (`gis.geometry.borders`), and they are linked to rings that have it on
their left. Law: a shape is valid, and as large as its faces were measured; what is neither as it is linked is made
again, and what can't be is an error.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.compiled import Flags, Floats, Ints, batches, kernel, lean, spread
from gis.geometry import borders as bordering
from gis.geometry import outlines, rings, sides, snapped, tally, tiles, validity
from gis.geometry.borders import Book
from gis.geometry.faces import Faces
from gis.geometry.grid import Grid
from gis.geometry.outlines import Flat, Outlines
from gis.geometry.parts import Shapes
from gis.geometry.rings import Borders
from gis.geometry.room import NE, NW, SE, SLABS, SW, space


def drawn(
    shapes: Outlines, faces: Faces, label: NDArray[np.int64], count: int, *, workers: int | None = None
) -> Shapes:
    """Draw the faces of each label as one shape.

    Parameters
    ----------
    shapes
        What the faces were cut from.
    faces
        The faces.
    label
        Which shape each face is part of, from 0; -1 for none.
    count
        Number of shapes.
    workers
        Number of threads; the result does not depend on it.

    Returns
    -------
    numpy.ndarray
        Polygons and multipolygons in the CRS of `shapes`, shells counter-clockwise; an empty polygon for a label that
        no face has. Neighbours share their vertices exactly, but where lines pass each other within a nanometre.

    Raises
    ------
    OverlayError
        A shape could not be drawn as large as its faces are, to 1e-6 m² and 1e-8 m² for each metre of its outline.
    """
    if count == 0:
        return np.empty(0, dtype=object)
    borders = _swept(shapes, faces, label, count, workers)
    flat, area, broken = _linked(borders, faces.grid, workers)
    # larger than the shapes that are made next
    del borders
    made = outlines.shapes(flat)
    # where lines pass each other within a rounding, the layers' own coordinates can make a ring cross itself
    known = label >= 0
    wanted = np.bincount(label[known], faces.area_m2[known], count).astype(np.float64)
    around = np.bincount(label[known], faces.perimeter_m[known], count).astype(np.float64)
    most_off = snapped.bound(around, made)
    sound = ~broken & (np.abs(area - wanted) <= most_off) & validity.valid(made, flat, workers=workers)
    if sound.all():
        return made
    again = partial(_placed, shapes, faces, label, workers)
    return snapped.fitted(made, wanted, most_off, again, partial(_place, faces, label))


def _placed(shapes: Outlines, faces: Faces, label: Ints, workers: int | None, lost: NDArray[np.intp]) -> Shapes:
    """Unite the trapezoids of some labels on the grid of the last digits: slower than linking, but nothing crosses."""
    grid, corner = faces.grid, np.floor([faces.grid.west, faces.grid.south])
    number = np.full(int(label.max()) + 2, -1, dtype=np.int64)
    number[lost] = np.arange(len(lost))
    part_label = np.append(number[label], -1)[faces.part_face]

    def batch(run: tuple[int, int]) -> tuple[Floats, Ints]:
        return _trapezoids(shapes.flat, grid, *run, faces.part_start, part_label)

    found = spread(batch, batches(grid.columns * grid.rows), workers)
    points, of = (np.concatenate([each[n] for each in found]) for n in range(2))
    points = points.reshape(-1, 4, 2) + (np.array([grid.west, grid.south]) - corner)
    digit = snapped.last_digit(np.asarray(shapely.box(*shapes.boxes.T), dtype=object))
    return snapped.placed(shapely.polygons(points), of, len(lost), corner, digit)


@kernel
def _trapezoids(
    flat: Flat, grid: Grid, first: int, last: int, part_start: Ints, part_label: Ints
) -> tuple[Floats, Ints]:
    """Return the corners of the trapezoids of some tiles that have labels, from the grid's corner, and these."""
    room, used = space(256, 128, 2048), 0
    seen, local = np.zeros(len(flat.shape) - 1, dtype=np.bool_), np.empty(len(flat.shape) - 1, dtype=np.int32)
    points, of = np.empty((256, 8)), np.empty(256, dtype=np.int64)
    for tile in range(first, last):
        wanted = False
        for n in range(part_start[tile], part_start[tile + 1]):
            wanted = wanted or part_label[n] >= 0
        if not wanted:
            continue
        room = tiles.swept(room, flat, grid, tile, seen, local)[0]
        part, _ = tiles.parts_of(room)
        west, south = tile % grid.columns * grid.width, tile // grid.columns * grid.height
        for slab in range(room.size[SLABS]):
            for t in range(room.first[slab], room.first[slab + 1]):
                one = part_label[part_start[tile] + part[t]]
                if one < 0:
                    continue
                if used == len(of):
                    points, of = tally.longer_rows(points, 2 * used), tally.longer(of, 2 * used)
                points[used, 0] = points[used, 6] = west + room.slab[slab, 0]
                points[used, 2] = points[used, 4] = west + room.slab[slab, 1]
                for n, corner in enumerate((SW, SE, NE, NW)):
                    points[used, 2 * n + 1] = south + room.trap[t, corner]
                of[used] = one
                used += 1
    return points[:used].copy(), of[:used].copy()


def _place(faces: Faces, label: Ints, one: int) -> tuple[float, float]:
    """Return a point inside the first face of a label."""
    x, y = faces.place[int(np.flatnonzero(label == one)[0])].tolist()
    return x, y


def _swept(shapes: Outlines, faces: Faces, label: Ints, count: int, workers: int | None) -> Borders:
    """Find the borders of labels tile by tile, and sort them by label; those of one label keep their order."""
    grid = faces.grid
    part_label = np.append(np.asarray(label, dtype=np.int64), -1)[faces.part_face]

    def batch(run: tuple[int, int]) -> Book:
        return bordering.of_tiles(shapes.flat, grid, *run, faces.part_start, part_label)

    books = spread(batch, batches(grid.columns * grid.rows), workers)
    found = [(book.line[: book.size[bordering.LINES]], book.what[: book.size[bordering.LINES]]) for book in books]
    found.append(_along_sides(books, grid))
    books.clear()
    sizes = sum((np.bincount(what[:, 0], minlength=count) for _, what in found), np.zeros(count, dtype=np.int64))
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    borders = Borders(start, np.empty((start[-1], 4)), np.empty(start[-1], dtype=np.int64))
    place = start[:-1].copy()
    while found:
        # let go of one by one: they are as large as all borders together
        line, what = found.pop(0)
        _sorted_in(line, what, place, borders)
    sides.settled(borders.line, grid)
    return borders


def _along_sides(books: list[Book], grid: Grid) -> tuple[Floats, Ints]:
    """Return the borders along the sides of all tiles, and what they are."""
    before = np.cumsum([0, *(book.size[bordering.STRETCHES] for book in books)])
    start = [book.side_start[1:] + first for book, first in zip(books, before, strict=False)]
    side, side_label = (
        np.concatenate([each[: book.size[bordering.STRETCHES]] for book, each in zip(books, column, strict=True)])
        for column in zip(*((book.side, book.side_label) for book in books), strict=True)
    )
    line, what = sides.across(np.concatenate([[0], *start]), side, side_label, grid)
    return line, what


@lean
def _sorted_in(line: Floats, what: Ints, place: Ints, borders: Borders) -> None:
    """Write borders where the next one of their label belongs."""
    for n in range(len(line)):
        k = place[what[n, 0]]
        borders.line[k, 0], borders.line[k, 1] = line[n, 0], line[n, 1]
        borders.line[k, 2], borders.line[k, 3] = line[n, 2], line[n, 3]
        borders.edge[k] = what[n, 1]
        place[what[n, 0]] = k + 1


def _linked(borders: Borders, grid: Grid, workers: int | None) -> tuple[Outlines, Floats, Flags]:
    """Make an outline of each label's borders; return them, their areas, and which are broken."""

    def batch(run: tuple[int, int]) -> tuple[Outlines, Floats, Flags]:
        points, ring, owner, broken = rings.linked(borders, *run, (grid.width, grid.height))
        # measured near the grid's corner, where no digit is lost
        *flat, area = rings.nested(points, ring, owner, broken, (grid.west, grid.south))
        return Outlines(*flat), area, broken

    found = spread(batch, batches(len(borders.start) - 1), workers)
    flat = outlines.joined([each for each, *_ in found])
    area, broken = (np.concatenate([each[n] for each in found]) for n in (1, 2))
    return flat, area, broken
