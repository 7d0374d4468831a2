"""Parts of shapes: taking apart, the largest, dust, and what outlives an erosion."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.geometry import parts

SQUARE = shapely.box(0, 0, 10, 10)
CRUMB = shapely.box(20, 0, 20.1, 0.1)
RING = SQUARE.difference(shapely.box(3, 3, 7, 7))
MULTI = shapely.MultiPolygon([CRUMB, SQUARE])
COLLECTION = shapely.GeometryCollection([MULTI, shapely.Point(0, 0), shapely.LineString([(0, 0), (1, 1)])])
EMPTY = shapely.Polygon()
SLIVER = shapely.box(0, 0, 1000, 0.4)
# 100 m² with holes so close that no disc of radius 1 fits, though area and outline alone would promise one
PINS = [shapely.Point(x, y).buffer(0.02, quad_segs=2) for x in range(11) for y in range(11)]
SIEVE = SQUARE.difference(shapely.union_all(PINS))
TWO = shapely.MultiPolygon([SQUARE, shapely.box(20, 0, 22, 1)])


def array(*shapes):
    made = np.empty(len(shapes), dtype=object)
    made[:] = shapes
    return made


@pytest.mark.parametrize(
    ("shape", "count"),
    [(SQUARE, 1), (RING, 1), (MULTI, 2), (COLLECTION, 2), (EMPTY, 0), (None, 0), (shapely.Point(0, 0), 0)],
)
def test_shapes_come_apart_into_polygons(shape, count):
    """Only polygons count, at any depth; each knows the shape that it came from."""
    found, index = parts.polygons(array(EMPTY, shape))
    assert len(found) == count
    assert set(index) <= {1}


@pytest.mark.parametrize(("shape", "area"), [(MULTI, 100), (COLLECTION, 100), (RING, 84), (EMPTY, 0), (None, 0)])
def test_largest_part(shape, area):
    """The largest polygon stands for the shape; nothing stands for nothing."""
    assert parts.largest(array(shape))[0].area == pytest.approx(area)


@pytest.mark.parametrize(
    ("shape", "kind", "area"),
    [(MULTI, "Polygon", 100), (CRUMB, "Polygon", 0), (TWO, "MultiPolygon", 102)],
)
def test_dust_is_dropped(shape, kind, area):
    """Parts under the limit go; the rest keeps its kind."""
    kept = parts.without_dust(array(shape), 1.0)[0]
    assert (kept.geom_type, kept.area) == (kind, pytest.approx(area))


@pytest.mark.parametrize(
    ("shape", "erosion", "outcome"),
    [
        (SQUARE, 4.9, True),
        (SQUARE, 5.1, False),
        (SLIVER, 0.19, True),
        (SLIVER, 0.21, False),
        (RING, 1.4, True),
        (RING, 2.2, False),
        (SIEVE, 0.5, True),
        (SIEVE, 1.0, False),
        (EMPTY, 0.1, False),
        (shapely.MultiPolygon([SLIVER, shapely.box(0, 5, 3, 8)]), 1.0, True),
    ],
)
def test_survival_is_width(shape, erosion, outcome):
    """A shape survives where a disc of that radius fits, however large or long it is otherwise."""
    assert parts.survives(array(shape), erosion)[0] == outcome


def test_joined_groups_are_one_shape_each():
    """Neighbours lose their common border; a group without members is empty."""
    united = parts.joined(array(SQUARE, shapely.box(10, 0, 20, 10), CRUMB), np.array([0, 0, 2]), 3)
    assert [shape.area for shape in united] == [200, 0, pytest.approx(0.01)]
    assert united[0].equals(shapely.box(0, 0, 20, 10))


@given(
    st.lists(st.tuples(st.floats(0.3, 1), st.floats(0.3, 1)), min_size=5, max_size=12),
    st.floats(0.5, 40),
)
def test_area_never_promises_what_erosion_refutes(radii, erosion):
    """Where area and perimeter decide, eroding the shape agrees, holes or not."""
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outer, inner = (100 * np.array(radii).T[n][:, None] * circle for n in (0, 1))
    shape = array(shapely.Polygon(outer).difference(shapely.Polygon(inner * 0.5)))
    assert not (parts.clearly_survives(shape, erosion)[0] and shapely.buffer(shape, -erosion)[0].is_empty)
