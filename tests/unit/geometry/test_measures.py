"""Areas beside rational arithmetic, where a plain sum of products is metres off."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
import shapely

from gis.geometry import measures, outlines


def staircase(steps, side, west, south, chance):
    """Return a staircase of some steps, its corners off by some units in the last place."""
    n = np.arange(steps)
    up = np.stack([np.repeat(n, 2)[1:], np.repeat(n, 2)[:-1]], axis=1)
    ring = np.concatenate([up, [[steps, steps - 1], [steps, -1], [0, -1]]]) * side + (west, south)
    return shapely.Polygon(ring + chance.integers(-2, 3, ring.shape) * np.spacing(ring))


def exact(shape):
    """Return the area of a polygon or multipolygon in fractions."""
    total = Fraction(0)
    for part in shapely.get_parts(shape):
        for n, ring in enumerate(shapely.get_rings(part)):
            points = [(Fraction(x), Fraction(y)) for x, y in shapely.get_coordinates(ring).tolist()]
            twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(points))
            total += -abs(twice) / 2 if n else abs(twice) / 2
    return total


RANDOM = np.random.default_rng(3)
SPECIMENS = {
    "staircase over a continent": staircase(400, 12e3, 4.4e6, -39e6, RANDOM),
    "staircase over the globe": staircase(3000, 12e3, 4.4e6, -39e6, RANDOM),
    "with a hole and a part": shapely.MultiPolygon([
        shapely.box(-3e6 + 0.1, 4e6, 9e6, 5e6 + 1 / 3).difference(staircase(60, 12e3, 0.7, 4.2e6, RANDOM)),
        shapely.Point(3e7, 4e6).buffer(1.7e6, quad_segs=500),
    ]),
    "district": shapely.Point(440_000, 4_420_000).buffer(20_000.3, quad_segs=700),
    "house": shapely.box(440_000.1, 4_420_000.2, 440_011.3, 4_420_009.9),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIMENS)
def test_areas_are_rational_ones_to_the_last_digits(name):
    """From GEOS and from flat arrays; beside others and alone."""
    shape = SPECIMENS[name]
    truth = exact(shape)
    for shapes in (np.array([shape]), np.array([SPECIMENS["house"], shape, shapely.Polygon()])):
        at = 1 if len(shapes) > 1 else 0
        for got in (measures.area(shapes)[at], outlines.of(shapes).area_m2[at]):
            assert abs(Fraction(float(got)) - truth) <= Fraction(1, 10**7) + truth / 10**15


def test_a_plain_sum_is_not_enough():
    """The specimens are what they are here for."""
    shape = SPECIMENS["staircase over the globe"]
    assert abs(Fraction(shapely.area(shape)) - exact(shape)) > 0.01


def test_what_has_no_area():
    """Lines and points that an overlay leaves, empty shapes, and a collection with ground in it."""
    big = shapely.box(0, 0, 1e8, 1e8)
    shapes = [shapely.LineString([(0, 0), (1e8, 1e8)]), shapely.Point(1, 1), shapely.Polygon()]
    both = shapely.GeometryCollection([*shapes[:2], shapely.MultiPolygon([big])])
    assert measures.area(np.array([*shapes, both], dtype=object)).tolist() == [0, 0, 0, 1e16]
