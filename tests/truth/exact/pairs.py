"""Pairs of small shapes whose edges run within a rounding of each other.

A family takes a generator of random numbers, where the shapes stand and how many pairs are wanted, and returns as many
left as right shapes, the n-th left one beside the n-th right one. Noise is a few units in the last place, whatever that
is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

Points = NDArray[np.float64]
Pairs = tuple[NDArray[np.object_], NDArray[np.object_]]


@dataclass(frozen=True)
class Place:
    """Say where shapes stand: their corners up to `spread` metres east and north of a point, their size `scale`."""

    x: float
    y: float
    spread: float = 0.0
    scale: float = 1.0

    def corners(self, rng: Generator, count: int) -> Points:
        """Return points near the place, whole numbers of 2^-8 m unless it is the origin of everything."""
        spread = np.floor(rng.uniform(0, self.spread, (count, 2)) * 256) / 256
        return np.array([self.x, self.y]) + spread


def ulps(values: Points, steps: NDArray[np.integer]) -> Points:
    """Return numbers some units in the last place away; beside 0 a unit is that of 1.

    Parameters
    ----------
    values
        Coordinates, m.
    steps
        How many units, of either sign.
    """
    return values + np.spacing(np.maximum(np.abs(values), 1.0)) * steps


def noisy(rng: Generator, values: Points, most: int) -> Points:
    """Return numbers that are up to `most` units in the last place off."""
    return ulps(values, rng.integers(-most, most + 1, values.shape))


def _drawn(*corners: Points) -> NDArray[np.object_]:
    """Return polygons from the arrays of their first, second, ... corners."""
    return shapely.polygons(np.stack(corners, axis=1))


def _at(x: Points, y: Points) -> Points:
    return np.stack([x, y], axis=1)


def along(rng: Generator, place: Place, count: int) -> Pairs:
    """Triangles with part of an edge in common, its ends computed on it; the right one lies on either side."""
    corner = place.corners(rng, count)[:, np.newaxis]
    left = corner + rng.uniform(0, 400, (count, 3, 2)) * place.scale
    begin, end = left[:, 0], left[:, 1]
    s, t = np.sort(rng.uniform(0, 1, (2, count, 1)), axis=0)
    s = np.where(rng.random((count, 1)) < 0.4, 0.0, s)
    t = np.where(rng.random((count, 1)) < 0.2, 1.0, t)
    peak = left.mean(axis=1) + rng.normal(0, 3, (count, 2)) * place.scale
    across = begin + end - peak
    right = _drawn(
        begin + s * (end - begin), begin + t * (end - begin), np.where(rng.random((count, 1)) < 0.7, peak, across)
    )
    return shapely.polygons(left), right


def upright(rng: Generator, place: Place, count: int) -> Pairs:
    """Shapes with a side on one vertical line, each end of it up to two ulps off; the right one lies on either side."""
    x, y = place.corners(rng, count).T
    w, h = rng.uniform(50, 300, count) * place.scale, rng.uniform(50, 500, count) * place.scale
    s, t = np.sort(rng.uniform(0, 1, (2, count)), axis=0)
    side = rng.choice([1, 1, -1], count)
    left = _drawn(
        _at(noisy(rng, x, 2), y),
        _at(noisy(rng, x, 2), y + h),
        _at(x + w, y + h * 0.8),
        _at(x + w, y + h * 0.01),
    )
    right = _drawn(
        _at(noisy(rng, x, 2), y + s * h),
        _at(noisy(rng, x, 2), y + t * h),
        _at(x + side * rng.uniform(0.01, 1, count) * w, y + h * (s + t) / 2),
    )
    return left, right


def level(rng: Generator, place: Place, count: int) -> Pairs:
    """The same with horizontal lines."""
    turned = Place(place.y, place.x, place.spread, place.scale)
    left, right = upright(rng, turned, count)
    return _swapped(left), _swapped(right)


def _swapped(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    return shapely.transform(shapes, lambda points: points[:, ::-1])


def fan(rng: Generator, place: Place, count: int) -> Pairs:
    """Triangles with one common corner, whose edges may leave it almost in one direction."""
    tip = place.corners(rng, count)
    turn = rng.uniform(0, 2 * np.pi, count)
    s, t = np.sort(rng.uniform(0, 1, (2, count)), axis=0)
    s = np.where(rng.random(count) < 0.5, s * 10.0 ** -rng.integers(6, 17, count), s)
    left = _drawn(tip, *(tip + 100 * place.scale * _direction(turn + q) for q in (0, 1)))
    right = _drawn(tip, *(tip + 70 * place.scale * _direction(turn + q) for q in (s, s + 1e-9 + t * 0.5)))
    return left, right


def _direction(angle: Points) -> Points:
    return _at(np.cos(angle), np.sin(angle))


def leaning(rng: Generator, place: Place, count: int) -> Pairs:
    """Fans whose spokes lean from the vertical by some ulps only, cut off at other heights."""
    x, y = place.corners(rng, count).T
    shapes = []
    for _ in range(2):
        lean = np.sort(rng.integers(-4, 5, (2, count)), axis=0)
        height = rng.uniform(20, 500, (2, count)) * place.scale
        up = rng.choice([1, 1, -1], count)
        first, second = (_at(ulps(x, k), y + up * h) for k, h in zip(lean, height, strict=True))
        wide = _at(x + rng.choice([-1, 1], count) * rng.uniform(1, 200, count) * place.scale, y + up * height[0] / 2)
        shapes.append(_drawn(_at(x, y), first, np.where(rng.random((count, 1)) < 0.3, second, wide)))
    return shapes[0], shapes[1]


def neighbours(rng: Generator, place: Place, count: int) -> Pairs:
    """Shapes on both sides of a line in any direction, with corners of their own computed on it: nothing in common."""
    begin = place.corners(rng, count)
    turn = np.where(rng.random(count) < 0.5, rng.uniform(0, 2 * np.pi, count), np.pi / 2)
    ahead = _direction(turn)
    aside = ahead[:, ::-1] * [-1, 1]
    length = rng.uniform(20, 500, (count, 1)) * place.scale
    shapes = []
    for side in (1, -1):
        s, t = np.sort(rng.uniform(0, 1, (2, count, 1)), axis=0)
        on_line = [noisy(rng, begin + length * share * ahead, 1) for share in (s, (s + t) / 2, t)]
        off = side * aside * rng.uniform(1, 200, (count, 1)) * place.scale
        shapes.append(_drawn(*on_line, on_line[2] + off, on_line[0] + off))
    return shapes[0], shapes[1]


def hairlines(rng: Generator, place: Place, count: int) -> Pairs:
    """Triangles from a micrometre to a millimetre wide over each other, or over a wide one."""
    corner = place.corners(rng, count)
    shapes = []
    for _ in range(2):
        turn = rng.choice([0, 1, 2, 3], count) * np.pi / 2 + rng.choice([0, 1e-9, 1e-6, 0.3], count)
        width = 10.0 ** rng.uniform(-6, -3, (count, 1)) * place.scale
        width = np.where(rng.random((count, 1)) < 0.3, 50 * place.scale, width)
        ahead = _direction(turn)
        begin = corner + ahead * rng.uniform(-60, 0, (count, 1)) * place.scale
        far = begin + ahead * rng.uniform(50, 300, (count, 1)) * place.scale
        shapes.append(_drawn(begin, far, far + width * ahead[:, ::-1] * [-1, 1]))
    return shapes[0], shapes[1]


def twins(rng: Generator, place: Place, count: int) -> Pairs:
    """A shape, and the same with every vertex one to three ulps off."""
    corner = place.corners(rng, count)
    w, h = rng.uniform(5, 300, (2, count, 1)) * place.scale
    x, y = w * [1, 0], h * [0, 1]
    lean = rng.choice([0.0, 0.0, 0.3], (count, 1))
    points = [
        corner,
        corner + x + lean * y,
        corner + x + y,
        corner + 0.6 * x + y,
        corner + 0.4 * x + 0.5 * y,
        corner + y,
    ]
    left = np.stack(points, axis=1)
    return shapely.polygons(left), shapely.polygons(noisy(rng, left, 3))


def spiked(rng: Generator, place: Place, count: int) -> Pairs:
    """Shapes with a spike of some ulps' width, over a box that may begin on its line."""
    x, y = place.corners(rng, count).T
    w, h = rng.uniform(50, 300, (2, count)) * place.scale
    reach = rng.uniform(0.2, 3, count) * h
    foot = x + rng.choice([0, 0.5], count) * w
    left = _drawn(
        _at(x, y),
        _at(x + w, y),
        _at(x + w, y + h),
        _at(ulps(foot, rng.integers(1, 6, count)), y + h),
        _at(noisy(rng, foot, 1), y + h + reach),
        _at(foot, y + h),
        _at(x, y + h * 0.9),
    )
    low, high = np.sort(rng.uniform(0, 4, (2, count)), axis=0) * h
    begin, end = noisy(rng, foot, 2), foot + rng.choice([-1, 1], count) * w
    right = _drawn(_at(begin, y + low), _at(end, y + low), _at(end, y + high), _at(noisy(rng, begin, 1), y + high))
    return left, right


def sheer(rng: Generator, place: Place, count: int) -> Pairs:
    """Edges whose slope overflows: runs from the least number there is to 1e-290, beside x = 0."""
    lean = np.array([0.0, 5e-324, 1e-320, 1e-310, 1e-300, 1e-290, 1e-200])
    y = place.corners(rng, count)[:, 1]
    shapes = []
    for _ in range(2):
        low, high = np.sort(rng.uniform(0, 500, (2, count)), axis=0) * place.scale
        out = rng.choice([1, 1, -1], count) * rng.uniform(1, 200, count) * place.scale
        one, two = rng.choice(lean, (2, count)) * rng.choice([1, -1], (2, count))
        shapes.append(_drawn(_at(one, y + low), _at(two, y + high), _at(out, y + (low + high) / 2)))
    return shapes[0], shapes[1]


def boxes(rng: Generator, place: Place, count: int) -> Pairs:
    """Rectangles whose sides stand exactly upright, in common or not, with a fan of three corners now and then."""
    x, y = place.corners(rng, count).T
    shapes = []
    for _ in range(2):
        west, south = rng.choice([0, 0, 1, 2], (2, count)) * 10 * place.scale
        w, h = rng.choice([1, 2, 5, 31], (2, count)) * 10 * place.scale
        east = x + west + w * rng.choice([1, 1, -1], count)
        roof = np.where(rng.random(count) < 0.4, y + south + h / 2, y + south + h)
        floor = np.where(roof == y + south + h, y + south, y + south + h / 2)
        shapes.append(_drawn(_at(x + west, y + south), _at(x + west, y + south + h), _at(east, roof), _at(east, floor)))
    return shapes[0], shapes[1]


FAMILIES: dict[str, Callable[[Generator, Place, int], Pairs]] = {
    family.__name__: family
    for family in (along, upright, level, fan, leaning, neighbours, hairlines, twins, spiked, sheer, boxes)
}
