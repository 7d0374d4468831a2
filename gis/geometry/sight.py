"""Sight: the ground within a depth of ways that is seen from them past what bars.

A place is seen from a piece of a way unless barriers stand between it and both ends of the piece. Pieces are short, so
that what is seen from between its ends alone is a sliver. They are the same ones however ways are split or turned, and
whatever stretch of them is asked for: a stretch of a piece sees what the piece sees.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry.barriers import Barriers
from gis.geometry.parts import Shapes

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Ints = NDArray[np.int64]

# pieces are no longer than this share of the depth: they are cut by a lattice of so many lines a depth
_SHARE, _LINES = 0.2, 8
# barriers are cut off, and their shadows end, so many depths away
_OUT, _FAR = 1.5, 3.0
# a piece keeps off a barrier that it crosses by so much, m
_OFF_M = 0.005
# what is so near is on a line, m
_ON_M = 1e-5
# straight pieces of a quarter of a circle
_QUARTER = 16
# rays between the two edges of a shadow
_RAYS = 5


class Beside(NamedTuple):
    """Hold stretches beside barriers.

    Parameters
    ----------
    strands
        Stretches as x, y, x, y, from the corner.
    piece
        The piece that each is a part of.
    """

    strands: Floats
    piece: Rows


class Sight:
    """Draw what is seen, and remember it: stations reach the same pieces again and again.

    Parameters
    ----------
    barriers
        What bars.
    depth
        How far is seen, m.
    origin
        Corner from which shapes are drawn, m.
    ways
        Where the vertices of each way begin, and all vertices.

    Attributes
    ----------
    depth, origin
        As given.
    """

    def __init__(self, barriers: Barriers, depth: float, origin: Floats, ways: tuple[Ints, Floats]) -> None:
        self._barriers, self.depth, self.origin, self._ways = barriers, depth, origin, ways
        self._known: dict[tuple[int, bytes], shapely.Geometry] = {}
        self._hidden: dict[int, shapely.Geometry] = {}

    @cached_property
    def _pieces(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the pieces of all ways around barriers, from the corner, and which are within the depth of one."""
        begin, xy = self._ways
        inner = np.ones(max(len(xy) - 1, 0), dtype=bool)
        # some ways may have no vertices here
        inner[begin[(begin > 0) & (begin < len(xy))] - 1] = False
        at = np.flatnonzero(inner)
        steps = _lines(np.concatenate([xy[at], xy[at + 1]], axis=1))
        tree, longest = self._barriers.tree, _SHARE * self.depth
        # beyond the depth too, so that a piece is whole wherever ways are split
        near = np.unique(tree.query(steps, predicate="dwithin", distance=self.depth + 2 * longest)[0])
        pieces = _lines(_cut(_runs(steps[near]), self.depth / _LINES))
        touched, barrier = tree.query(pieces, predicate="dwithin", distance=_OFF_M)
        if len(touched):
            strip = shapely.union_all(shapely.buffer(self._barriers.pieces[np.unique(barrier)], _OFF_M))
            pieces[np.unique(touched)] = shapely.difference(pieces[np.unique(touched)], strip)
        parts = np.asarray(shapely.get_parts(pieces), dtype=object)
        parts = parts[shapely.length(parts) > _ON_M]
        close = np.zeros(len(parts), dtype=bool)
        close[tree.query(parts, predicate="dwithin", distance=self.depth)[0]] = True
        ends = np.stack([_tips(parts, 0), _tips(parts, -1)], axis=1).reshape(-1, 4)
        return ends - np.tile(self.origin, 2), close

    @cached_property
    def _tree(self) -> shapely.STRtree:
        """Return an index of the pieces."""
        return shapely.STRtree(_lines(self._pieces[0]))

    def beside(self, strands: Floats) -> tuple[Floats, Beside]:
        """Return strands whose pieces are further than the depth from any barrier, and stretches of the others.

        Parameters
        ----------
        strands
            Stretches of the ways as x, y, x, y, from the corner.

        Returns
        -------
        tuple
            Strands, and stretches; what crosses barriers is cut there.
        """
        lines = _lines(strands + np.tile(self.origin, 2))
        # a stretch may be further from a barrier than its piece
        within = (1 + _SHARE) * self.depth
        near = np.unique(self._barriers.tree.query(lines, predicate="dwithin", distance=within)[0])
        if len(near) == 0:
            return strands, Beside(strands[:0], near)
        pieces, close = self._pieces
        strand, piece = self._tree.query(_lines(strands[near]), predicate="dwithin", distance=_ON_M)
        start, move = pieces[piece, :2], pieces[piece, 2:] - pieces[piece, :2]
        long = np.hypot(*move.T)
        along = move / long[:, None]
        ends = [strands[near[strand], 2 * n : 2 * n + 2] - start for n in range(2)]
        aside = np.abs([along[:, 0] * each[:, 1] - along[:, 1] * each[:, 0] for each in ends]).max(axis=0, initial=0.0)
        at = np.sort([(along * each).sum(axis=1) for each in ends], axis=0)
        low, high = np.maximum(at[0], 0.0), np.minimum(at[1], long)
        # a strand may be a mere place
        some = (aside <= _ON_M) & (high - low >= np.where(at[1] - at[0] > _ON_M, _ON_M / 10, -_ON_M))
        piece, start, along = piece[some], start[some], along[some]
        stretches = np.concatenate(
            [start + np.clip(each[some], 0.0, long[some])[:, None] * along for each in (low, high)], axis=1
        )
        free = np.concatenate([np.delete(strands, near, axis=0), stretches[~close[piece]]])
        return free, Beside(stretches[close[piece]], piece[close[piece]])

    def ground(self, beside: Beside) -> list[shapely.Geometry]:
        """Return the ground that is seen from stretches.

        Parameters
        ----------
        beside
            Stretches as `beside` finds them.

        Returns
        -------
        list
            One shape a stretch.
        """
        bounds = [np.round(strand, 6).tobytes() for strand in beside.strands]
        keys = list(zip(beside.piece.tolist(), bounds, strict=True))
        new = {key: n for n, key in enumerate(keys) if key not in self._known}
        if new:
            rows = list(new.values())
            whole = shapely.buffer(_lines(beside.strands[rows]), self.depth, quad_segs=_QUARTER)
            drawn = shapely.difference(np.asarray(whole, dtype=object), self._shadows(beside.piece[rows]))
            self._known.update(zip(new, drawn, strict=True))
        return [self._known[key] for key in keys]

    def _shadows(self, piece: Rows) -> Shapes:
        """Return what is hidden from pieces."""
        new = np.array([n for n in np.unique(piece).tolist() if n not in self._hidden], dtype=np.intp)
        if len(new):
            self._hidden.update(zip(new.tolist(), self._drawn(self._pieces[0][new]), strict=True))
        return np.array([self._hidden[n] for n in piece.tolist()], dtype=object)

    def _drawn(self, pieces: Floats) -> Shapes:
        """Draw what is hidden from pieces."""
        moved = _lines(pieces + np.tile(self.origin, 2))
        piece, barrier = self._barriers.tree.query(moved, predicate="dwithin", distance=self.depth)
        bars = shapely.get_coordinates(self._barriers.pieces[barrier]).reshape(-1, 4) - np.tile(self.origin, 2)
        order = np.argsort(piece, kind="stable")
        piece, bars = piece[order], bars[order]
        column = np.arange(len(piece)) - np.searchsorted(piece, piece)
        hidden = []
        for end in (slice(0, 2), slice(2, 4)):
            table = np.full((len(pieces), column.max(initial=-1) + 1), None, dtype=object)
            table[piece, column] = _shadows(pieces[piece, end], bars, self.depth)
            hidden.append(np.asarray(shapely.union_all(table, axis=1), dtype=object))
        return np.asarray(shapely.intersection(hidden[0], hidden[1]), dtype=object)


def _lines(strands: Floats) -> Shapes:
    """Return stretches as lines."""
    return np.asarray(shapely.linestrings(strands.reshape(-1, 2, 2)), dtype=object)


def _tips(lines: Shapes, end: int) -> Floats:
    """Return the first or the last place of lines."""
    return np.asarray(shapely.get_coordinates(shapely.get_point(lines, end)))


def _runs(steps: Shapes) -> Floats:
    """Return straight steps of ways as x, y, x, y, those that go on straight as one."""
    merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(steps))) if len(steps) else steps
    xy, row = shapely.get_coordinates(shapely.simplify(merged, _ON_M / 10), return_index=True)
    inner = np.flatnonzero(row[1:] == row[:-1])
    return np.concatenate([xy[inner], xy[inner + 1]], axis=1)


def _cut(runs: Floats, side: float) -> Floats:
    """Cut straight runs where they cross the lines of a lattice: the same places, whichever way they are drawn."""
    found = [np.empty((0, 4))]
    for run in runs:
        start, move = run[:2], run[2:] - run[:2]
        shares = [np.array([0.0, 1.0])]
        for axis in np.flatnonzero(move):
            first, last = np.sort([run[axis], run[axis + 2]]) / side
            shares.append((np.arange(np.ceil(first), np.floor(last) + 1) * side - run[axis]) / move[axis])
        at = np.unique(np.clip(np.concatenate(shares), 0.0, 1.0))
        places = start + at[:, None] * move
        found.append(np.concatenate([places[:-1], places[1:]], axis=1))
    return np.concatenate(found)


def _shadows(places: Floats, bars: Floats, depth: float) -> Shapes:
    """Return what straight barriers hide from places; nothing where they are too far away."""
    a, b = bars[:, :2] - places, bars[:, 2:] - places
    move = b - a
    # from where to where a barrier is near the place
    square, half, rest = (move**2).sum(axis=1), (a * move).sum(axis=1), (a**2).sum(axis=1) - (_OUT * depth) ** 2
    inside = half**2 - square * rest
    root = np.sqrt(np.maximum(inside, 0.0))
    low, high = (np.clip((-half + sign * root) / square, 0.0, 1.0) for sign in (-1, 1))
    a, b = a + low[:, None] * move, a + high[:, None] * move
    turn = np.arctan2(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], (a * b).sum(axis=1))
    some = np.flatnonzero((inside > 0) & (low < high) & (np.abs(turn) > 1e-9))
    result = np.full(len(places), None, dtype=object)
    angle = np.arctan2(a[some, 1], a[some, 0])[:, None] + turn[some, None] * np.linspace(0.0, 1.0, _RAYS)
    rim = _FAR * depth * np.stack([np.cos(angle), np.sin(angle)], axis=2)
    rings = np.concatenate([a[some, None], rim, b[some, None]], axis=1) + places[some, None]
    result[some] = shapely.polygons(rings)
    return result
