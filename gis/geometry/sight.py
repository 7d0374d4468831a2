"""Sight: the ground within a depth of straight pieces that is seen from them past what bars.

A place is seen from a piece unless barriers stand between it and both ends of the piece. Pieces are short, so that
what is seen from between its ends alone is a sliver.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.geometry.barriers import Barriers
from gis.geometry.parts import Shapes

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

# pieces are no longer than this share of the depth
_SHARE = 0.2
# barriers are cut off, and their shadows end, so many depths away
_OUT, _FAR = 1.5, 3.0
# a piece keeps off a barrier that it crosses by so much, m
_OFF_M = 0.005
# straight pieces of a quarter of a circle
_QUARTER = 16
# rays between the two edges of a shadow
_RAYS = 5


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
    """

    def __init__(self, barriers: Barriers, depth: float, origin: Floats) -> None:
        self._barriers, self._depth, self._origin = barriers, depth, origin
        self._known: dict[bytes, shapely.Geometry] = {}

    def beside(self, strands: Floats) -> tuple[Floats, Floats]:
        """Return strands that are further than the depth from any barrier, and short pieces of those that are not.

        Parameters
        ----------
        strands
            Stretches as x, y, x, y, from the corner.

        Returns
        -------
        tuple
            Two arrays of the same kind; strands that cross barriers are cut there.
        """
        tree = self._barriers.tree
        lines = _lines(strands + np.tile(self._origin, 2))
        near = np.unique(tree.query(lines, predicate="dwithin", distance=self._depth)[0])
        if len(near) == 0:
            return strands, strands[:0]
        pieces = _lines(_pieces(shapely.get_coordinates(lines[near]).reshape(-1, 4), _SHARE * self._depth))
        piece, barrier = tree.query(pieces, predicate="dwithin", distance=self._depth)
        seen = np.zeros(len(pieces), dtype=bool)
        seen[piece] = True
        far = pieces[~seen]
        touched, barrier = tree.query(pieces, predicate="dwithin", distance=_OFF_M)
        if len(touched):
            strip = shapely.union_all(shapely.buffer(self._barriers.pieces[np.unique(barrier)], _OFF_M))
            pieces[np.unique(touched)] = shapely.difference(pieces[np.unique(touched)], strip)
        parts = shapely.get_parts(pieces[seen])
        parts = parts[~shapely.is_empty(parts)]
        ends = [np.stack([_tips(some, 0), _tips(some, -1)], axis=1).reshape(-1, 4) for some in (far, parts)]
        ends = [each - np.tile(self._origin, 2) for each in ends]
        return np.concatenate([np.delete(strands, near, axis=0), ends[0]]), ends[1]

    def ground(self, pieces: Floats) -> list[shapely.Geometry]:
        """Return the ground that is seen from pieces.

        Parameters
        ----------
        pieces
            Short and straight, none on a barrier, as x, y, x, y from the corner.

        Returns
        -------
        list
            One shape a piece.
        """
        keys = [np.round(piece, 6).tobytes() for piece in pieces]
        new = {key: n for n, key in enumerate(keys) if key not in self._known}
        if new:
            drawn = self._drawn(pieces[list(new.values())])
            self._known.update(zip(new, drawn, strict=True))
        return [self._known[key] for key in keys]

    def _drawn(self, pieces: Floats) -> Shapes:
        """Draw what is seen from pieces."""
        lines = _lines(pieces)
        whole = np.asarray(shapely.buffer(lines, self._depth, quad_segs=_QUARTER), dtype=object)
        moved = _lines(pieces + np.tile(self._origin, 2))
        piece, barrier = self._barriers.tree.query(moved, predicate="dwithin", distance=self._depth)
        bars = shapely.get_coordinates(self._barriers.pieces[barrier]).reshape(-1, 4) - np.tile(self._origin, 2)
        order = np.argsort(piece, kind="stable")
        piece, bars = piece[order], bars[order]
        column = np.arange(len(piece)) - np.searchsorted(piece, piece)
        hidden = []
        for end in (slice(0, 2), slice(2, 4)):
            table = np.full((len(pieces), column.max(initial=-1) + 1), None, dtype=object)
            table[piece, column] = _shadows(pieces[piece, end], bars, self._depth)
            hidden.append(np.asarray(shapely.union_all(table, axis=1), dtype=object))
        return np.asarray(shapely.difference(whole, shapely.intersection(hidden[0], hidden[1])), dtype=object)


def _lines(strands: Floats) -> Shapes:
    """Return stretches as lines."""
    return np.asarray(shapely.linestrings(strands.reshape(-1, 2, 2)), dtype=object)


def _tips(lines: Shapes, end: int) -> Floats:
    """Return the first or the last place of lines."""
    return np.asarray(shapely.get_coordinates(shapely.get_point(lines, end)))


def _pieces(strands: Floats, longest: float) -> Floats:
    """Cut stretches into equal pieces."""
    start, move = strands[:, :2], strands[:, 2:] - strands[:, :2]
    count = np.maximum(np.ceil(np.hypot(*move.T) / longest).astype(np.intp), 1)
    row = np.repeat(np.arange(len(strands)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    low, high = ((step + n) / count[row] for n in (0, 1))
    return np.concatenate([start[row] + each[:, None] * move[row] for each in (low, high)], axis=1)


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
