"""Pairs of any valid shapes: bays, holes, slits, parts and holes that touch in a point, lines along each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.random import Generator

from tests.truth.exact.pairs import Pairs, Place, Points, noisy

Pair = tuple[shapely.Geometry, shapely.Geometry]


def _star(rng: Generator, number: int, least: float = 0.3) -> Points:
    """Return corners around the origin in order of their angle, none of them beyond 1."""
    angle = (np.arange(number) + rng.uniform(0, 0.7, number)) / number * 2 * np.pi
    return (rng.uniform(least, 1, number) * [np.cos(angle), np.sin(angle)]).T


def _pairs(draw: Callable[[Generator], Pair], rng: Generator, place: Place, count: int) -> Pairs:
    """Draw pairs around the origin, 1 m in size, and lay them out in place with some noise."""
    sides: tuple[list, list] = ([], [])
    for corner in place.corners(rng, count):
        size = rng.uniform(20, 300) * place.scale
        most = int(rng.choice([0, 0, 1, 3]))
        for side, shape in zip(sides, draw(rng), strict=True):
            # one and the same point stays one: what touches goes on touching
            known, again = np.unique(shapely.get_coordinates(shape), axis=0, return_inverse=True)
            laid = noisy(rng, known * size + corner, most)[again.ravel()]
            side.append(shapely.set_coordinates(shapely.from_wkb(shapely.to_wkb(shape)), laid))
    return np.array(sides[0], dtype=object), np.array(sides[1], dtype=object)


def _bays(rng: Generator) -> Pair:
    left = _star(rng, int(rng.integers(5, 12)))
    return shapely.Polygon(left), shapely.Polygon(_redrawn(rng, left))


def _redrawn(rng: Generator, ring: Points) -> Points:
    """Return another ring that has some corners of the first, and some edges of it with a corner more."""
    kept = ring[np.sort(rng.choice(len(ring), max(3, int(len(ring) * rng.uniform(0.3, 1))), replace=False))]
    moved = kept * np.where(rng.random((len(kept), 1)) < 0.3, rng.uniform(0.5, 1.3, (len(kept), 1)), 1.0)
    found = []
    for begin, end in zip(moved, np.roll(moved, -1, axis=0), strict=True):
        found.append(begin)
        if rng.random() < 0.3:
            found.append(begin + rng.uniform(0, 1) * (end - begin))
    return np.array(found)


def _holes(rng: Generator) -> Pair:
    shell = _star(rng, int(rng.integers(5, 10)), 0.7)
    hole = _star(rng, int(rng.integers(3, 7)), 0.1) * 0.5
    if rng.random() < 0.5:
        # the hole reaches out to a corner of the shell
        hole[rng.integers(len(hole))] = shell[rng.integers(len(shell))]
    left = shapely.Polygon(shell, [hole])
    way = rng.integers(3)
    if way == 0:
        return left, shapely.Polygon(hole)
    if way == 1:
        return left, shapely.Polygon(_redrawn(rng, hole))
    return left, shapely.Polygon(_redrawn(rng, shell), [hole * rng.choice([1.0, 0.5])])


def _slits(rng: Generator) -> Pair:
    """A box with slits cut in from its sides, some hairlines, over one of its parts or the wedge that was cut out."""
    wide = 10.0 ** -rng.uniform(1, 9)
    x, deep = rng.uniform(-0.8, 0.8), rng.uniform(-0.9, 0.9)
    lean = rng.choice([0.0, 0.0, 0.1])
    tip = (x + lean, deep)
    left = shapely.Polygon([(-1, -1), (1, -1), (1, 1), (x + wide, 1), tip, (x, 1), (-1, 1)])
    other = [
        [(x, 1), tip, (x + wide, 1)],
        [(x, 1), tip, (x + 0.3, -0.9), (x + 0.7, 1.2)],
        [tip, (x, 1), (-1, 1), (-1, deep)],
        [(x, -2), (x, 2), (x - 1, 2), (x - 1, -2)],
    ]
    return left, shapely.Polygon(other[rng.integers(len(other))])


def _parts(rng: Generator) -> Pair:
    """Parts that touch in a point, over a ring that has edges of both."""
    shift = rng.choice([-1.0, 1.0], 2)
    one, two = (np.abs(_star(rng, int(rng.integers(3, 6)))) for _ in range(2))
    first = shapely.convex_hull(shapely.multipoints(np.vstack([one, [0.0, 0.0]])))
    second = shapely.convex_hull(shapely.multipoints(np.vstack([-two * abs(shift), [0.0, 0.0]])))
    left = shapely.MultiPolygon([first, second])
    corners = shapely.get_coordinates(left)
    chosen = corners[rng.choice(len(corners), 4, replace=False)]
    return left, shapely.convex_hull(shapely.multipoints(np.vstack([chosen, rng.uniform(-1, 1, (1, 2))])))


def bays(rng: Generator, place: Place, count: int) -> Pairs:
    """Shapes with bays, the right one drawn again along the left one."""
    return _pairs(_bays, rng, place, count)


def holes(rng: Generator, place: Place, count: int) -> Pairs:
    """Shapes with a hole, which may touch its shell, over what fills it or another such shape."""
    return _pairs(_holes, rng, place, count)


def slits(rng: Generator, place: Place, count: int) -> Pairs:
    """Boxes with a slit, over what lies in it or beside it."""
    return _pairs(_slits, rng, place, count)


def parts(rng: Generator, place: Place, count: int) -> Pairs:
    """Parts that touch in a point, over a shape that has some of their corners."""
    return _pairs(_parts, rng, place, count)


FAMILIES: dict[str, Callable[[Generator, Place, int], Pairs]] = {
    family.__name__: family for family in (bays, holes, slits, parts)
}
