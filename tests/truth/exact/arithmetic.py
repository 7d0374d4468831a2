"""Areas without rounding: every double is a whole number of 2^-k metres, so shared ground is counted in whole numbers.

A valid shape is the sum, over its edges, of the ground below them: 1(x, y) = Σ s · [x under the edge] · [y below it],
with s = 1 on upper edges and -1 on lower ones. The product of two such sums is one again, since below f and below g is
below the lower of them; so the ground that any number of shapes share is a list of signed pieces of their edges.
Whether one edge lies below another is decided in whole numbers. Nothing is divided but for a piece's area and the place
where two edges cross, and these are cut off `FINER` binary digits below the last one that any coordinate has: at
2^-64 of a unit in the last place, whatever that is.

`clipped` is a second way, in fractions, for convex shapes alone: the two guard each other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np
import shapely

# left end, right end, then the line that bounds it from above: a point, its run (> 0) and rise; all whole numbers
Piece = tuple[int, int, int, int, int, int]
Ring = list[tuple[int, int]]
# binary digits kept below those of the coordinates, for the places where edges cross
FINER = 64


class Shapes:
    """Hold shapes as whole numbers of one unit, and measure what they share.

    Parameters
    ----------
    shapes
        Valid polygons and multipolygons.

    Attributes
    ----------
    digits
        The unit is 2^-digits metres.
    """

    def __init__(self, shapes: Sequence[shapely.Geometry]) -> None:
        points = shapely.get_coordinates(np.asarray(shapes, dtype=object))
        self.digits = _digits(points) + FINER
        if len(points) and np.ptp(points[:, 0]) < np.ptp(points[:, 1]):
            # the longer way, so that few edges lie below each other; it mirrors all shapes alike
            points = points[:, ::-1]
        whole = iter(_whole(points.ravel(), self.digits))
        self.rings = [[(hole, _ring(whole, size)) for hole, size in _sizes(shape)] for shape in shapes]
        self._pieces: dict[int, dict[Piece, int]] = {}

    def pieces(self, shape: int) -> dict[Piece, int]:
        """Return the edges of a shape that are not vertical, each with its sign."""
        if shape not in self._pieces:
            found: dict[Piece, int] = {}
            for hole, ring in self.rings[shape]:
                turn = 1 if (_twice(ring) < 0) != hole else -1
                for (x1, y1), (x2, y2) in pairwise(ring):
                    if x1 != x2:
                        first = min(x1, x2)
                        line = (x1, y1, x2 - x1, y2 - y1) if x1 < x2 else (x2, y2, x1 - x2, y1 - y2)
                        piece = (first, max(x1, x2), *line)
                        found[piece] = found.get(piece, 0) + (turn if x1 < x2 else -turn)
            self._pieces[shape] = dict(sorted((piece, sign) for piece, sign in found.items() if sign))
        return self._pieces[shape]

    def area(self, *which: int) -> float:
        """Return the ground that shapes share, m², rounded once.

        Parameters
        ----------
        *which
            Positions of one shape or more.

        Returns
        -------
        float
        """
        *others, last = (self.pieces(shape) for shape in which)
        if not others:
            twice = sum(sign * _under(piece, piece[0], piece[1]) for piece, sign in last.items())
        else:
            # two alone need no place where they cross
            twice = _common(reduce(_product, others), last)
        return float(Fraction(twice, 2 << 2 * self.digits))


def clipped(a: shapely.Polygon, b: shapely.Polygon) -> Fraction:
    """Return the ground that two convex polygons share, by cutting one along the edges of the other.

    Parameters
    ----------
    a, b
        Convex and without holes.

    Returns
    -------
    fractions.Fraction
        m², without any rounding.
    """
    ring, knife = (_fractions(shape) for shape in (a, b))
    if _twice([*knife, knife[0]]) < 0:
        knife.reverse()
    for (x1, y1), (x2, y2) in zip(knife, knife[1:] + knife[:1], strict=True):
        kept = []
        sides = [(x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) for x, y in ring]
        for (x, y), (u, v), s, t in zip(ring, ring[1:] + ring[:1], sides, sides[1:] + sides[:1], strict=True):
            if s >= 0:
                kept.append((x, y))
            if s * t < 0:
                kept.append((x + s / (s - t) * (u - x), y + s / (s - t) * (v - y)))
        ring = kept
    return abs(_twice([*ring, ring[0]])) / 2 if ring else Fraction(0)


def _fractions(shape: shapely.Polygon) -> list[tuple[Fraction, Fraction]]:
    return [(Fraction(x), Fraction(y)) for x, y in shapely.get_coordinates(shape)[:-1].tolist()]


def _digits(points: np.ndarray) -> int:
    """Return how many binary digits behind the point some coordinate has, or more."""
    some = points[points != 0]
    return max(0, 53 - int(np.frexp(some)[1].min())) if len(some) else 0


def _whole(values: np.ndarray, digits: int) -> list[int]:
    """Return doubles as whole numbers of 2^-digits."""
    mantissa, exponent = np.frexp(values)
    parts = zip((mantissa * 2.0**53).astype(np.int64).tolist(), (exponent - 53 + digits).tolist(), strict=True)
    # below the least exponent only zeros and what has fewer digits than 53 are
    return [m << e if e >= 0 else m >> -e for m, e in parts]


def _sizes(shape: shapely.Geometry) -> Iterator[tuple[bool, int]]:
    """Yield every ring of a shape in the order of its coordinates: whether it is a hole, and how many points it has."""
    for part in shapely.get_parts(shape):
        yield False, len(part.exterior.coords)
        for hole in part.interiors:
            yield True, len(hole.coords)


def _ring(whole: Iterable[int], size: int) -> Ring:
    numbers = iter(whole)
    return [(next(numbers), next(numbers)) for _ in range(size)]


def _twice(ring):
    """Return twice the signed area of a closed ring, counter-clockwise above 0."""
    return sum(x * v - u * y for (x, y), (u, v) in pairwise(ring))


def _under(piece: Piece, left: int, right: int) -> int:
    """Return twice the area between a line and the axis, downwards."""
    _, _, x, y, run, rise = piece
    return (right - left) * (2 * y * run + (left + right - 2 * x) * rise) // run


def _above(one: Piece, other: Piece, x: int) -> int:
    """Return by how much one line lies above another at x, times both runs."""
    _, _, x1, y1, run1, rise1 = one
    _, _, x2, y2, run2, rise2 = other
    return (y1 * run1 + (x - x1) * rise1) * run2 - (y2 * run2 + (x - x2) * rise2) * run1


def _meeting(one: dict[Piece, int], other: dict[Piece, int]) -> Iterator[tuple[Piece, Piece, int, int, int]]:
    """Yield pieces of two lists over a common stretch of x: both, the product of their signs, the stretch's ends."""
    pieces = list(other.items())
    lefts = [piece[0] for piece in other]
    longest = max((piece[1] - piece[0] for piece in other), default=0)
    for a, sign in one.items():
        begin, end = a[0], a[1]
        for b, turn in pieces[bisect_left(lefts, begin - longest) : bisect_left(lefts, end)]:
            left, right = max(begin, b[0]), min(end, b[1])
            if left < right:
                yield a, b, sign * turn, left, right


def _common(one: dict[Piece, int], other: dict[Piece, int]) -> int:
    """Return twice the area below both lists of pieces."""
    return sum(sign * _lower(a, b, left, right) for a, b, sign, left, right in _meeting(one, other))


def _lower(a: Piece, b: Piece, left: int, right: int) -> int:
    """Return twice the area below the lower of two lines."""
    begin, end = _above(a, b, left), _above(a, b, right)
    if begin >= 0 and end >= 0:
        return _under(b, left, right)
    if begin <= 0 and end <= 0:
        return _under(a, left, right)
    # below a, but for the triangle in which a is the higher one
    high = max(begin, end)
    return _under(a, left, right) - (right - left) * high * high // (abs(begin - end) * a[4] * b[4])


def _product(one: dict[Piece, int], other: dict[Piece, int]) -> dict[Piece, int]:
    """Return the pieces below both lists, split where they cross."""
    found: dict[Piece, int] = {}
    for a, b, sign, left, right in _meeting(one, other):
        for piece in _lowest(a, b, left, right):
            found[piece] = found.get(piece, 0) + sign
    return dict(sorted((piece, sign) for piece, sign in found.items() if sign))


def _lowest(a: Piece, b: Piece, left: int, right: int) -> Iterator[Piece]:
    begin, end = _above(a, b, left), _above(a, b, right)
    if begin >= 0 and end >= 0:
        yield (left, right, *b[2:])
    elif begin <= 0 and end <= 0:
        yield (left, right, *a[2:])
    else:
        cross = left + (right - left) * abs(begin) // abs(begin - end)
        first, second = (b, a) if begin > 0 else (a, b)
        if left < cross:
            yield (left, cross, *first[2:])
        if cross < right:
            yield (cross, right, *second[2:])
