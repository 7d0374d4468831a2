"""Barriers: what straight legs do not cross, and how lines are cut that lie across or along it.

To touch is not to cross. A leg that meets a barrier in a place, or runs along it, crosses it where it comes from one
side and leaves on another; what the sides are, the barriers around that place tell, however many meet there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry.parts import Shapes

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

# so near to a barrier is on it: what rounding of coordinates leaves behind, m
_TOUCH_M = 1e-6
# sides are told apart within this distance of a contact, m
_AROUND_M = 1e-3
# a line that is so many times as long beside a barrier as it keeps off from it runs along it
_ALONG = 10
# pieces of cut lines are of some length, m
_GRAIN_M = 1e-3


class Cut(NamedTuple):
    """Hold lines cut at barriers.

    Parameters
    ----------
    pieces
        What is left, and the sides of what ran along a barrier.
    line
        Line that each is of.
    beside
        Which are sides of what ran along a barrier.
    along
        Lines that ran along a barrier, those of one place one after the other.
    stretches
        Where each of them did.
    """

    pieces: Shapes
    line: Rows
    beside: NDArray[np.bool_]
    along: Rows
    stretches: Shapes


class Barriers:
    """Answer whether straight legs cross barriers.

    Parameters
    ----------
    lines
        Lines; empty and missing ones bar nothing.
    """

    def __init__(self, lines: Shapes) -> None:
        parts = shapely.get_parts(shapely.force_2d(lines[~shapely.is_missing(lines)]))
        self.lines = np.asarray(parts[~shapely.is_empty(parts)], dtype=object)
        shapely.prepare(self.lines)
        xy, row = shapely.get_coordinates(self.lines, return_index=True)
        inner = np.flatnonzero((row[1:] == row[:-1]) & (xy[1:] != xy[:-1]).any(axis=1))
        # short pieces are told apart by their boxes
        self._of, self._start, self._end = row[inner], xy[inner], xy[inner + 1]
        self.pieces = np.asarray(shapely.linestrings(np.stack([self._start, self._end], axis=1)), dtype=object)
        self.tree = shapely.STRtree(self.pieces)

    def near(self, shapes: Shapes) -> tuple[Rows, Rows]:
        """Return pairs of shapes and barriers that touch."""
        shape, piece = self.tree.query(shapes, predicate="intersects")
        pairs = np.unique(np.stack([shape, self._of[piece]]), axis=1) if len(shape) else np.empty((2, 0), dtype=np.intp)
        return pairs[0], pairs[1]

    def bar(self, legs: Shapes) -> NDArray[np.bool_]:
        """Tell which straight legs cross a barrier; touching it is not crossing, nor is beginning or ending on it."""
        barred = np.zeros(len(legs), dtype=bool)
        leg, piece = self.tree.query(legs, predicate="dwithin", distance=_TOUCH_M)
        if len(leg) == 0:
            return barred
        start, end = (shapely.get_coordinates(shapely.get_point(legs[leg], n)) for n in (0, -1))
        long = np.hypot(*(end - start).T)
        some = long > _TOUCH_M
        leg, start, end, long, piece = leg[some], start[some], end[some], long[some], piece[some]
        across, low, high = _met(start, end, long, self._start[piece], self._end[piece])
        barred[leg[across]] = True
        known = ~across & (low <= high) & ~barred[leg]
        rows = dict(zip(leg[known].tolist(), np.flatnonzero(known).tolist(), strict=True))
        for n, begins, ends in _contacts(leg[known], low[known], high[known]):
            row = rows[n]
            # what the leg begins or ends on it does not cross there
            inside = begins > _TOUCH_M and ends < long[row] - _TOUCH_M
            if inside and not barred[n]:
                barred[n] = self._parts(start[row], (end[row] - start[row]) / long[row], begins, ends)
        return barred

    def _parts(self, start: Floats, along: Floats, begins: float, ends: float) -> bool:
        """Tell whether barriers part a leg before it touches them from the leg after."""
        origin = start + along * begins
        core = shapely.LineString([origin, origin + along * max(ends - begins, 1e-2 * _TOUCH_M)])
        around = self.tree.query(core, predicate="dwithin", distance=_AROUND_M)
        # numbers are small there
        pieces = shapely.linestrings(np.stack([self._start[around], self._end[around]], axis=1) - origin)
        way = shapely.linestrings(np.stack([np.zeros(2), along * (ends - begins)]))
        # pieces that touch but for a rounding leave no way between them
        strips = shapely.buffer(pieces, 2 * _TOUCH_M, quad_segs=2)
        faces = shapely.get_parts(shapely.difference(shapely.buffer(way, _AROUND_M), shapely.union_all(strips)))
        tips = np.stack([-along * _AROUND_M / 2, along * (ends - begins + _AROUND_M / 2)])
        before, after = np.asarray(shapely.points(tips), dtype=object)
        return not bool((shapely.covers(faces, before) & shapely.covers(faces, after)).any())

    def cut(self, lines: Shapes, keep_off: float) -> Cut:
        """Cut lines at barriers; what is left stops before them, and what runs along them is led beside them.

        Parameters
        ----------
        lines
            Lines.
        keep_off
            Distance from the barrier at which a cut line ends, and at which a line runs along it, m.

        Returns
        -------
        Cut
            A line that runs along a barrier is on both sides of it; each side hangs together with what comes to it.
        """
        row = np.arange(len(lines))
        none = np.empty(0, dtype=np.intp)
        line = self.tree.query(lines, predicate="dwithin", distance=keep_off)[0]
        if len(line) == 0:
            return Cut(lines.copy(), row, np.zeros(len(row), dtype=bool), none, lines[:0])
        met = np.unique(line)
        # what adjoins those that are met is drawn too, so that ends of barriers stand where they are
        _, beside = self.tree.query(lines[met], predicate="dwithin", distance=2 * _ALONG * keep_off)
        # round ends, so that no line slips through where one barrier is drawn on from another
        strips = shapely.union_all(shapely.buffer(self.pieces[np.unique(beside)], keep_off))
        shapely.prepare(strips)
        pieces = lines.copy()
        pieces[met] = shapely.difference(lines[met], strips)
        inside, of = shapely.get_parts(shapely.line_merge(shapely.intersection(lines[met], strips)), return_index=True)
        long = shapely.length(inside) > _ALONG * keep_off
        inside, of = np.asarray(inside[long], dtype=object), met[of[long]]
        ground = shapely.buffer(inside, 2 * keep_off)
        sides = shapely.line_merge(shapely.intersection(shapely.boundary(strips), ground))
        parts, whose = shapely.get_parts(np.r_[pieces, sides], return_index=True)
        there = shapely.length(parts) > _GRAIN_M
        owner = np.r_[row, of]
        whose = whose[there]
        return Cut(np.asarray(parts[there], dtype=object), owner[whose], whose >= len(row), of, inside)


def _met(
    start: Floats, end: Floats, long: Floats, first: Floats, last: Floats
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Return which legs cross pieces of barriers outright, and else from where to where along the leg they touch."""
    along = (end - start) / long[:, None]

    def aside(base: Floats, direction: Floats, place: Floats) -> Floats:
        step = place - base
        return direction[:, 0] * step[:, 1] - direction[:, 1] * step[:, 0]

    piece = (last - first) / np.hypot(*(last - first).T)[:, None]
    a, b = aside(start, along, first), aside(start, along, last)
    p, q = aside(first, piece, start), aside(first, piece, end)
    across = (a * b < 0) & (p * q < 0) & (np.abs([a, b, p, q]) > _TOUCH_M).all(axis=0)
    at, to = ((along * (place - start)).sum(axis=1) for place in (first, last))
    # where a piece comes to the leg's line: at one of its ends, with both, or in between
    on_a, on_b = np.abs(a) <= _TOUCH_M, np.abs(b) <= _TOUCH_M
    with np.errstate(divide="ignore", invalid="ignore"):
        between = at + (to - at) * a / (a - b)
    low = np.where(on_a & on_b, np.minimum(at, to), np.where(on_a, at, np.where(on_b, to, between)))
    high = np.where(on_a & on_b, np.maximum(at, to), low)
    apart = ~on_a & ~on_b & (a * b > 0)
    low, high = np.maximum(low, 0.0), np.minimum(high, long)
    return (
        across,
        np.where(apart | (low > high + _TOUCH_M), np.inf, low),
        np.where(apart, -np.inf, np.maximum(low, high)),
    )


def _contacts(leg: Rows, low: Floats, high: Floats) -> list[tuple[int, float, float]]:
    """Return where legs touch barriers, contacts that hang together as one."""
    order = np.lexsort((low, leg))
    found: list[tuple[int, float, float]] = []
    for n, begins, ends in zip(leg[order].tolist(), low[order].tolist(), high[order].tolist(), strict=True):
        if found and found[-1][0] == n and begins <= found[-1][2] + 2 * _TOUCH_M:
            found[-1] = (n, found[-1][1], max(found[-1][2], ends))
        else:
            found.append((n, begins, ends))
    return found
