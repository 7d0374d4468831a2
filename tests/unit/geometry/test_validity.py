"""Validity: what GEOS says of every shape, although it is not asked about most."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.geometry import validity
from tests.truth import test_areas as adversarial

FAR = np.array([440_000.0, 4_420_000.0])
NAN, INF = float("nan"), float("inf")
RINGS = {
    "square": [(0, 0), (10, 0), (10, 10), (0, 10)],
    "triangle": [(0, 0), (10, 0), (5, 8)],
    "bow-tie": [(0, 0), (10, 10), (10, 0), (0, 10)],
    "bow-tie through a vertex": [(0, 0), (5, 5), (10, 0), (10, 10), (5, 5), (0, 10)],
    "point twice": [(0, 0), (10, 0), (10, 0), (10, 10), (0, 10)],
    "first point twice": [(0, 0), (0, 0), (10, 0), (10, 10), (0, 10)],
    "last point twice": [(0, 0), (10, 0), (10, 10), (0, 0)],
    "collinear points": [(0, 0), (3, 0), (5, 0), (10, 0), (10, 10), (0, 10)],
    "spike": [(0, 0), (10, 0), (10, 5), (20, 5), (10, 5), (10, 10), (0, 10)],
    "spike beyond": [(0, 0), (10, 0), (10, 20), (10, 10), (0, 10)],
    "spike inwards": [(0, 0), (10, 0), (10, 5), (3, 5), (10, 5), (10, 10), (0, 10)],
    "spike over the first point": [(5, 0), (10, 0), (10, 10), (0, 10), (0, 0), (7, 0)],
    "spike of a rounding": [(0, 0), (10, 0), (10, 5), (20, 5), (10, 5 + 1e-12), (10, 10), (0, 10)],
    "no ground": [(0, 0), (5, 0), (10, 0)],
    "there and back": [(0, 0), (10, 0), (10, 10), (10, 0)],
    "vertex on an edge": [(0, 0), (10, 0), (10, 10), (5, 0), (0, 10)],
    "vertex all but on an edge": [(0, 0), (10, 0), (10, 10), (5, 1e-15), (0, 10)],
    "edge along an edge": [(0, 0), (10, 0), (10, 4), (6, 4), (6, 0), (4, 0), (4, 4), (0, 4)],
    "crossing in a vertex": [(0, 0), (4, 4), (8, 0), (8, 8), (4, 4), (0, 8)],
    "pentagram": [(0, 10), (6, -8), (-9.5, 3), (9.5, 3), (-6, -8)],
    "round twice": [(0, 0), (10, 0), (10, 10), (0, 10), (-1, -1), (11, -1), (11, 11), (-1, 11)],
    "round and back": [(0, 0), (10, 0), (10, 10), (2, 2), (1, 9), (0, 10)],
    "tiny": [(0, 0), (1e-9, 0), (1e-9, 1e-9), (0, 1e-9)],
    "tiny bow-tie": [(0, 0), (1e-9, 1e-9), (1e-9, 0), (0, 1e-9)],
    "sliver": [(0, 0), (1000, 0), (1000, 1e-9), (0, 1e-9)],
    "huge": [(-1e15, -1e15), (1e15, -1e15), (1e15, 1e15), (-1e15, 1e15)],
    "huge bow-tie": [(-1e100, -1e100), (1e100, 1e100), (1e100, -1e100), (-1e100, 1e100)],
    "nan in the middle": [(0, 0), (10, 0), (NAN, 5), (0, 10)],
    "nan second": [(0, 0), (NAN, 0), (10, 10), (0, 10)],
    "nan northing": [(0, 0), (10, 0), (10, NAN), (0, 10)],
    "nan triangle": [(0, 0), (NAN, NAN), (10, 10)],
    "inf": [(0, 0), (INF, 0), (10, 10), (0, 10)],
    "inf triangle": [(0, 0), (INF, 0), (0, 5)],
    "inf northing": [(0, 0), (10, INF), (0, 5)],
    "-inf both": [(0, 0), (10, 0), (-INF, -INF)],
    "inf last": [(0, 0), (3, 0), (3, 3), (-INF, 4)],
}
SQUARE = shapely.box(0, 0, 10, 10)
SHELL = SQUARE.exterior.coords
SHAPES = {
    "ring": SQUARE.difference(shapely.box(3, 3, 7, 7)),
    "hole touches the shell": shapely.Polygon(SHELL, [[(10, 5), (8, 6), (8, 4)]]),
    "hole touches it twice": shapely.Polygon(SHELL, [[(10, 5), (5, 6), (0, 5), (5, 4)]]),
    "hole along the shell": shapely.Polygon(SHELL, [[(10, 5), (10, 7), (8, 6)]]),
    "hole outside": shapely.Polygon(SHELL, [[(12, 5), (14, 7), (13, 6)]]),
    "hole in a hole": shapely.Polygon(SHELL, [shapely.box(n, n, 10 - n, 10 - n).exterior.coords for n in (2, 3)]),
    "hole with a fault": shapely.Polygon(SHELL, [[(2, 2), (4, 4), (4, 2), (2, 4)]]),
    "parts that touch": shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(1, 1, 2, 2)]),
    "parts that share an edge": shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)]),
    "parts that overlap": shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)]),
    "part of one": shapely.MultiPolygon([SQUARE]),
    "empty": shapely.Polygon(),
    "no parts": shapely.MultiPolygon(),
    "missing": None,
}


def array(items):
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def polygon(ring):
    """Return a polygon as a file might hold it, NaN and all."""
    points = [*ring, ring[0]]
    with np.errstate(invalid="ignore"):
        return shapely.from_wkb(struct.pack("<BIII", 1, 3, 1, len(points)) + np.array(points, dtype="<f8").tobytes())


def agrees(shapes, workers=None):
    with np.errstate(invalid="ignore"):
        return np.array_equal(validity.valid(shapes, workers=workers), shapely.is_valid(shapes))


@pytest.mark.parametrize("ring", RINGS.values(), ids=RINGS)
@pytest.mark.parametrize("place", [(0, 0), FAR], ids=["near", "far"])
def test_rings_are_valid_when_geos_says_so(ring, place):
    """Every specimen, begun at every point and walked either way."""
    moved = np.array(ring, dtype=float) + place
    walks = [np.roll(moved[::way], turn, axis=0) for way in (1, -1) for turn in range(len(ring))]
    # a ring that begins with NaN never closes
    assert agrees(array([polygon(walk.tolist()) for walk in walks if not np.isnan(walk[0]).any()]))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_shapes_are_valid_when_geos_says_so(shape):
    """Holes, parts, and nothing at all."""
    assert agrees(array([shape]))


def test_answers_keep_their_places():
    """Among many shapes each gets its own answer, on any number of workers."""
    shapes = array([*SHAPES.values(), *(polygon(ring) for ring in RINGS.values())] * 3)
    assert all(agrees(shapes, workers) for workers in (None, 1, 3))
    assert validity.valid(shapes[:0]).tolist() == []


@pytest.mark.parametrize("family", adversarial.FAMILIES, ids=lambda family: family.__name__)
def test_awkward_shapes(family):
    """Valid or not, thousands of awkward shapes: the answer of GEOS."""
    assert all(agrees(shapes) for shapes in family(np.random.default_rng(11), 3000))


@pytest.mark.parametrize("points", [4, 5, 7, 12, 40])
@pytest.mark.parametrize("lattice", [3, 8, 1000])
def test_random_walks_on_a_lattice(points, lattice):
    """Rings through random points of a lattice, most of which cross, touch or fold back on themselves."""
    rng = np.random.default_rng(points * lattice)
    rings = rng.integers(0, lattice, (3000, points, 2)) / 4
    assert agrees(shapely.polygons(rings))
    assert agrees(shapely.polygons(rings + FAR))


def test_rings_of_more_points_than_are_looked_at():
    """Long rings are left to GEOS, sound or crossed."""
    whole = shapely.get_coordinates(shapely.Point(FAR).buffer(500, quad_segs=700))
    crossed = whole.copy()
    crossed[[700, 900]] = crossed[[900, 700]]
    assert agrees(shapely.polygons(np.stack([whole, crossed])))


steps = st.sampled_from([0.0, 1.0, 2.0, 3.0, 1e-9, -1e-9, 1 / 3, 0.1, 2.0000000001])


@given(st.lists(st.tuples(steps, steps), min_size=3, max_size=9))
def test_rings_a_rounding_away(points):
    """Points a nanometre or a rounding off lines and each other are never taken for sound when they are not."""
    assert agrees(array([polygon(points)]))
    assert agrees(array([polygon((np.array(points) + FAR).tolist())]))
