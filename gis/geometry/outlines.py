"""Shapes as flat arrays of coordinates: read once, from GEOS or straight from WKB, and measured without GEOS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from gis import compiled
from gis.compiled import Flags, Floats, Ints, Marks, Places, lean
from gis.errors import FrameError
from gis.geometry import measures
from gis.geometry.parts import Shapes

# missing, polygon, multipolygon
_POLYGONAL = (-1, shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
# shapes whose coordinates are fetched together
_AT_ONCE = 100_000
# bytes of a point without Z and M
_POINT = 16
# what the reader of WKB says of a value: polygonal, or why not
_GOOD, _OTHER_KIND, _CUT_SHORT, _OPEN = range(4)
_WHY = {
    _OTHER_KIND: "is no polygon or multipolygon",
    _CUT_SHORT: "ends before its coordinates do",
    _OPEN: "has a ring that does not close",
}


class Flat(NamedTuple):
    """Hold outlines as a kernel takes them.

    Parameters
    ----------
    x, y, ring, shape
        As in `Outlines`.
    owner
        The shape that the edge beginning at each coordinate belongs to, -1 at the end of a ring, where none begins.
    box
        West, south, east and north of each shape, m; NaN for an empty one.
    area
        Area of each shape, m².
    """

    x: Floats
    y: Floats
    ring: Ints
    shape: Ints
    owner: Places
    box: Floats
    area: Floats


@dataclass(frozen=True)
class Outlines:
    """Hold polygons and multipolygons as coordinates in a row.

    Parameters
    ----------
    x, y
        Coordinates of all rings, closed, in the layer's CRS, m.
    ring
        Where each ring begins in x and y; one entry more than there are rings.
    shape
        Where each shape begins in `ring`; one entry more than there are shapes. Parts and holes of a shape follow each
        other: inside is what an odd number of its rings surround.
    hole
        Whether each ring is a hole.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    ring: NDArray[np.int64]
    shape: NDArray[np.int64]
    hole: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.shape) - 1

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """West, south, east and north of each shape, m; NaN for an empty one."""
        box = np.full((len(self), 4), np.nan)
        _bound(self.x, self.y, self.ring, self.shape, box)
        return box

    @cached_property
    def area_m2(self) -> NDArray[np.float64]:
        """Area of each shape, m², from coordinates local to it."""
        area = np.zeros(len(self))
        _measure(self.x, self.y, self.ring, self.shape, self.hole, self.boxes, area)
        for n in np.flatnonzero(measures.rough(self.boxes, np.diff(self.ring[self.shape]))):
            rings = range(self.shape[n], self.shape[n + 1])
            spans = [slice(self.ring[r], self.ring[r + 1]) for r in rings]
            each = [measures.ring(self.x[span], self.y[span]) for span in spans]
            area[n] = np.where(self.hole[rings], np.negative(each), each).sum()
        return area

    @cached_property
    def owner(self) -> NDArray[np.int32]:
        """Position of the shape that each coordinate belongs to, -1 at the end of a ring, where no edge begins."""
        owner = np.empty(len(self.x), dtype=np.int32)
        _own(self.ring, self.shape, owner)
        return owner

    def taken(self, rows: NDArray[np.integer]) -> Outlines:
        """Return some of the shapes.

        Parameters
        ----------
        rows
            Their positions, in the order wanted.

        Returns
        -------
        Outlines
        """
        rings = _spans(self.shape, rows)
        points = _spans(self.ring, rings)
        ring, shape = _starts(np.diff(self.ring)[rings]), _starts(np.diff(self.shape)[rows])
        return Outlines(self.x[points], self.y[points], ring, shape, self.hole[rings])

    @cached_property
    def flat(self) -> Flat:
        """All arrays of the outlines, as a kernel takes them."""
        return self.alone._replace(owner=self.owner)

    @cached_property
    def alone(self) -> Flat:
        """The same for a kernel that goes from shape to shape, and need not be told whose an edge is."""
        return Flat(self.x, self.y, self.ring, self.shape, np.empty(0, dtype=np.int32), self.boxes, self.area_m2)


def of(shapes: Shapes | Outlines) -> Outlines:
    """Read shapes.

    Parameters
    ----------
    shapes
        Polygons and multipolygons; Z and M values are dropped. Missing and empty shapes have no coordinates.

    Returns
    -------
    Outlines

    Raises
    ------
    FrameError
        Something that is no polygon.
    """
    if isinstance(shapes, Outlines):
        return shapes
    shapes = np.asarray(shapes, dtype=object)
    kinds = shapely.get_type_id(shapes)
    if (kinds == shapely.GeometryType.POLYGON).all() and not shapely.get_num_interior_rings(shapes).any():
        counts = shapely.get_num_coordinates(shapes)
        full = counts > 0
        x, y = np.empty(counts.sum()), np.empty(counts.sum())
        at = 0
        for first in range(0, len(shapes), _AT_ONCE):
            points = shapely.get_coordinates(shapes[first : first + _AT_ONCE])
            x[at : at + len(points)], y[at : at + len(points)] = points[:, 0], points[:, 1]
            at += len(points)
        rings = _starts(counts[full])
        return Outlines(x, y, rings, _starts(full.astype(np.int64)), np.zeros(len(rings) - 1, dtype=bool))
    unfit = np.flatnonzero(~np.isin(kinds, _POLYGONAL))
    if len(unfit):
        why = f"{_WHY[_OTHER_KIND]}; hand in polygons, and None where there is no shape"
        raise FrameError(f"value {unfit[0]} {why}", row=int(unfit[0]))
    return _ragged(shapes)


def from_wkb(values: Sequence[bytes | None] | NDArray[np.object_] | Any) -> Outlines:
    """Read polygons straight from well-known binary, ISO or extended, of either byte order.

    Parameters
    ----------
    values
        A pyarrow binary array (as a column of GeoParquet has it), or bytes in a row; a missing value has no
        coordinates. Z, M and SRID are passed over.

    Returns
    -------
    Outlines

    Raises
    ------
    FrameError
        A value that is no polygon or multipolygon, that ends too early, or with a ring that does not close; the message
        says which.
    """
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        values = pa.array(list(values), type=pa.large_binary())
    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        column = column.cast(pa.large_binary())
    if pc.any(pc.equal(pc.binary_length(column), 0)).as_py():
        row = pc.index(pc.equal(pc.binary_length(column), 0), True).as_py()
        why = "holds no byte; hand in WKB of polygons, and None where there is no shape"
        raise FrameError(f"value {row} {why}", row=row)
    if not compiled.ready(column.nbytes // _POINT):
        read = _by_geos(column)
        if read is not None:
            return read
    # chunk by chunk, so that the bytes are not copied
    read_bytes = [_bytes(chunk) for chunk in column.chunks]
    shapes, rings, points = [0], [0], [0]
    for content, start in read_bytes:
        more_rings, more_points, row, fault = _count(content, start)
        if fault != _GOOD:
            why = f"{_WHY[fault]}; hand in WKB of polygons, and None where there is no shape"
            raise FrameError(f"value {shapes[-1] + row} {why}", row=int(shapes[-1] + row))
        shapes.append(shapes[-1] + len(start) - 1)
        rings.append(rings[-1] + more_rings)
        points.append(points[-1] + more_points)
    x, y = np.empty(points[-1], dtype=np.uint64), np.empty(points[-1], dtype=np.uint64)
    ring, shape = np.zeros(rings[-1] + 1, dtype=np.int64), np.zeros(shapes[-1] + 1, dtype=np.int64)
    hole = np.zeros(rings[-1], dtype=bool)
    for (content, start), s, r, p in zip(read_bytes, shapes, rings, points, strict=False):
        _fill(content, start, (s, r, p), x, y, (ring, shape), hole)
    return Outlines(x.view(np.float64), y.view(np.float64), ring, shape, hole)


def _bytes(chunk: pa.Array) -> tuple[NDArray[np.uint8], Ints]:
    """Return the bytes of a binary array, and where those of each value begin; a missing value has none."""
    filled = chunk.fill_null(b"") if chunk.null_count else chunk
    _, offsets, data = filled.buffers()
    kind = np.int64 if pa.types.is_large_binary(filled.type) else np.int32
    start = np.frombuffer(offsets, dtype=kind)[filled.offset : filled.offset + len(filled) + 1].astype(np.int64)
    return np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8), start


def _by_geos(column: pa.ChunkedArray) -> Outlines | None:
    """Read polygons while nothing is compiled; None where GEOS finds a fault, which the kernels name."""
    try:
        found = shapely.from_wkb(column.to_numpy())
    except shapely.errors.GEOSException:
        return None
    if not np.isin(shapely.get_type_id(found), _POLYGONAL).all():
        return None
    return _ragged(found)


def _ragged(shapes: Shapes) -> Outlines:
    """Lay shapes out as polygons with parts, each with its holes."""
    # with one that has parts among them all are laid out as if they had
    mixed = np.concatenate([shapes, np.array([shapely.MultiPolygon()], dtype=object)])
    _, points, (ring, polygon, part) = shapely.to_ragged_array(mixed, include_z=False)
    hole = np.ones(len(ring) - 1, dtype=bool)
    hole[polygon[:-1][np.diff(polygon) > 0]] = False
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    return Outlines(x, y, ring.astype(np.int64), polygon[part[:-1]].astype(np.int64), hole)


def shapes(of_: Outlines) -> Shapes:
    """Return outlines as shapes of GEOS.

    Parameters
    ----------
    of_
        Outlines.

    Returns
    -------
    numpy.ndarray
        Polygons and multipolygons; an empty polygon where there is no ring.
    """
    made = np.full(len(of_), shapely.Polygon(), dtype=object)
    # some at a time: their coordinates are copied twice on the way
    for first in range(0, len(of_), _AT_ONCE):
        _make(of_, first, made[first : first + _AT_ONCE])
    return made


def _make(of_: Outlines, first: int, made: Shapes) -> None:
    """Write the shapes of a run down."""
    shape = of_.shape[first : first + len(made) + 1]
    ring = of_.ring[shape[0] : shape[-1] + 1]
    points = np.stack([of_.x[ring[0] : ring[-1]], of_.y[ring[0] : ring[-1]]], axis=1)
    shells = np.flatnonzero(~of_.hole[shape[0] : shape[-1]])
    polygon = np.append(shells, shape[-1] - shape[0]).astype(np.int64)
    part = np.searchsorted(shells, shape - shape[0]).astype(np.int64)
    found = shapely.from_ragged_array(shapely.GeometryType.POLYGON, points, (ring - ring[0], polygon))
    count = np.diff(part)
    made[count == 1] = found[part[:-1][count == 1]]
    several = np.flatnonzero(count > 1)
    if len(several):
        parts = found[_spans(part, several)]
        made[several] = shapely.multipolygons(parts, indices=np.repeat(np.arange(len(several)), count[several]))


def joined(layers: Sequence[Outlines]) -> Outlines:
    """Put the shapes of several layers into one row.

    Parameters
    ----------
    layers
        Outlines in the same CRS.

    Returns
    -------
    Outlines
        The shapes of the first layer, then those of the second, and so on.
    """
    if len(layers) == 1:
        return layers[0]
    rings = np.concatenate([[0], np.cumsum([len(layer.x) for layer in layers])])
    shapes = np.concatenate([[0], np.cumsum([len(layer.ring) - 1 for layer in layers])])
    return Outlines(
        np.concatenate([layer.x for layer in layers]),
        np.concatenate([layer.y for layer in layers]),
        np.concatenate([[0], *(layer.ring[1:] + before for layer, before in zip(layers, rings[:-1], strict=True))]),
        np.concatenate([[0], *(layer.shape[1:] + before for layer, before in zip(layers, shapes[:-1], strict=True))]),
        np.concatenate([layer.hole for layer in layers]),
    )


def _spans(start: Ints, rows: NDArray[np.integer]) -> Ints:
    """Return the positions of the members of some runs in a row."""
    length = np.diff(start)[rows]
    ends = np.cumsum(length)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(start[:-1][rows] - (ends - length), length)


def _starts(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each of several runs begins, and the end."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@lean
def _bound(x: Floats, y: Floats, ring: Ints, shape: Ints, box: Floats) -> None:
    """Write west, south, east and north of each shape."""
    for n in range(len(shape) - 1):
        first, last = ring[shape[n]], ring[shape[n + 1]]
        if first == last:
            continue
        west = east = x[first]
        south = north = y[first]
        for k in range(first + 1, last):
            west, east = min(west, x[k]), max(east, x[k])
            south, north = min(south, y[k]), max(north, y[k])
        box[n, 0], box[n, 1], box[n, 2], box[n, 3] = west, south, east, north


@lean
def _measure(x: Floats, y: Floats, ring: Ints, shape: Ints, hole: Flags, box: Floats, area: Floats) -> None:
    """Write the area of each shape; which way its rings run is not to be trusted."""
    for n in range(len(shape) - 1):
        for r in range(shape[n], shape[n + 1]):
            twice = 0.0
            for k in range(ring[r], ring[r + 1] - 1):
                twice += (x[k] - box[n, 0]) * (y[k + 1] - box[n, 1]) - (x[k + 1] - box[n, 0]) * (y[k] - box[n, 1])
            area[n] += -abs(twice) / 2 if hole[r] else abs(twice) / 2


@lean
def _own(ring: Ints, shape: Ints, owner: Places) -> None:
    """Write the shape of the edge that begins at each coordinate."""
    for n in range(len(shape) - 1):
        for r in range(shape[n], shape[n + 1]):
            owner[ring[r] : ring[r + 1]] = n
            owner[ring[r + 1] - 1] = -1


@lean
def _u32(data: NDArray[np.uint8], at: int, little: bool) -> np.uint32:
    """Read four bytes as a number."""
    value = np.uint32(0)
    for k in range(4):
        value |= np.uint32(data[at + k]) << np.uint32(8 * k if little else 24 - 8 * k)
    return value


@lean
def _u64(data: NDArray[np.uint8], at: int, little: bool) -> np.uint64:
    """Read eight bytes as the bits of a float."""
    value = np.uint64(0)
    for k in range(8):
        value |= np.uint64(data[at + k]) << np.uint64(8 * k if little else 56 - 8 * k)
    return value


@lean
def _head(data: NDArray[np.uint8], at: int, end: int) -> tuple[bool, int, int, int]:
    """Read the head of a geometry: byte order, kind, bytes a point, and where its content begins (-1: cut short)."""
    if at + 9 > end:
        return True, 0, 16, -1
    little = data[at] == 1
    code = _u32(data, at + 1, little)
    at += 5
    if code & np.uint32(0x20000000):
        at += 4
    width = 16
    width += 8 if code & np.uint32(0x80000000) else 0
    width += 8 if code & np.uint32(0x40000000) else 0
    plain = code & np.uint32(0x0FFFFFFF)
    thousands, kind = plain // 1000, plain % 1000
    width += 8 * (2 if thousands == 3 else 1 if thousands in (1, 2) else 0)
    return little, int(kind), width, at if at + 4 <= end else -1


@lean
def _count(data: NDArray[np.uint8], start: Ints) -> tuple[int, int, int, int]:
    """Count rings and coordinates; return them with the first row that cannot be read and what is wrong with it."""
    rings, points = 0, 0
    for row in range(len(start) - 1):
        at, end = start[row], start[row + 1]
        if at == end:
            continue
        little, kind, width, at = _head(data, at, end)
        if at < 0:
            return 0, 0, row, _CUT_SHORT
        if kind not in (3, 6):
            return 0, 0, row, _OTHER_KIND
        parts = 1
        if kind == 6:
            parts = int(_u32(data, at, little))
            at += 4
        for _ in range(parts):
            if kind == 6:
                little, inner, width, at = _head(data, at, end)
                if at < 0 or inner != 3:
                    return 0, 0, row, _CUT_SHORT if at < 0 else _OTHER_KIND
            if at + 4 > end:
                return 0, 0, row, _CUT_SHORT
            count = int(_u32(data, at, little))
            at += 4
            for _ in range(count):
                if at + 4 > end:
                    return 0, 0, row, _CUT_SHORT
                length = int(_u32(data, at, little))
                at += 4 + length * width
                if at > end:
                    return 0, 0, row, _CUT_SHORT
                if length and not _closes(data, at - length * width, at - width):
                    return 0, 0, row, _OPEN
                rings += 1 if length else 0
                points += length
    return rings, points, -1, _GOOD


@lean
def _closes(data: NDArray[np.uint8], first: int, last: int) -> bool:
    """Tell whether two points are the same to the last bit."""
    for k in range(16):
        if data[first + k] != data[last + k]:
            return False
    return True


@lean
def _fill(
    data: NDArray[np.uint8],
    start: Ints,
    done: tuple[int, int, int],
    x: Marks,
    y: Marks,
    begin: tuple[Ints, Ints],
    hole: Flags,
) -> None:
    """Write coordinates, rings and shapes after those that are done; `_count` has seen that all is there."""
    shapes, rings, points = done
    ring, shape = begin
    for row in range(len(start) - 1):
        at, end = start[row], start[row + 1]
        if at < end:
            little, kind, width, at = _head(data, at, end)
            parts = 1
            if kind == 6:
                parts = int(_u32(data, at, little))
                at += 4
            for _ in range(parts):
                if kind == 6:
                    little, _inner, width, at = _head(data, at, end)
                count = int(_u32(data, at, little))
                at += 4
                for number in range(count):
                    length = int(_u32(data, at, little))
                    at += 4
                    if length:
                        hole[rings] = number > 0
                    for _ in range(length):
                        x[points] = _u64(data, at, little)
                        y[points] = _u64(data, at + 8, little)
                        points += 1
                        at += width
                    if length:
                        rings += 1
                        ring[rings] = points
        shape[shapes + row + 1] = rings
