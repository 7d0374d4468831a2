"""Withheld ground closes without a trace."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, Point, Polygon, box

from gis.publish import ground

# a row of three lots on a straight street, and one across the street
LEFT, MIDDLE, RIGHT = box(0, 0, 100, 100), box(100, 0, 150, 100), box(150, 0, 300, 100)
ACROSS = box(100, 130, 150, 200)
# a street that bends at the middle lot
BENT = Polygon([(100, 0), (125, -9), (150, 0), (150, 100), (100, 100)])
NOTCHED = Polygon([(0, 0), (100, 0), (100, 30), (100.3, 30), (100.3, 70), (100, 70), (100, 100), (0, 100)])


def shapes(*geometries) -> np.ndarray:
    return np.array(geometries, dtype=object)


def vertices(*geometries) -> set[tuple[float, float]]:
    return {(round(x, 2), round(y, 2)) for x, y in shapely.get_coordinates(shapes(*geometries))}


def test_ground_goes_to_the_longest_border():
    """The neighbour that shares most of the border takes the ground; the others keep their shape."""
    low = box(150, 0, 300, 40)
    result = ground.absorb(shapes(low, LEFT), shapes(MIDDLE))
    assert result[0].equals(low)
    assert result[1].symmetric_difference(box(0, 0, 150, 100)).area < 10


def test_a_tie_goes_to_the_first():
    """Equal borders do not make the page differ from run to run."""
    result = ground.absorb(shapes(LEFT, RIGHT), shapes(MIDDLE))
    assert [shape.area for shape in result] == [15000, 15000]


def test_the_seam_is_forgotten():
    """Where the street runs straight on, nothing tells where the withheld lot began."""
    (merged, _) = ground.absorb(shapes(LEFT, RIGHT), shapes(MIDDLE))
    assert vertices(merged) == {(0, 0), (150, 0), (150, 100), (0, 100)}


@pytest.mark.parametrize("withheld", [BENT], ids=["bent"])
def test_corners_of_its_own_are_cut(withheld):
    """A vertex that only the withheld shape had is not in the drawing, and the ground still is."""
    merged, right = ground.absorb(shapes(LEFT, RIGHT), shapes(withheld))
    assert (125, -9) not in vertices(merged)
    assert merged.union(right).intersection(withheld).area > 0.99 * withheld.area


def test_corners_that_others_show_stay():
    """A corner that a published street block has is public, and no cut marks it."""
    block = Polygon([(0, 0), (100, 0), (125, -9), (150, 0), (300, 0), (300, 100), (0, 100)])
    (merged, _) = ground.absorb(shapes(LEFT, RIGHT), shapes(BENT), others=shapes(block))
    assert (125, -9) in vertices(merged)


def test_a_compound_that_touches_nobody_goes_to_the_nearest():
    """A lot that fills its street block becomes a further part of the nearest lot across the street."""
    result = ground.absorb(shapes(LEFT, RIGHT, ACROSS), shapes(box(400, 0, 500, 100)))
    assert [shape.geom_type for shape in result] == ["Polygon", "MultiPolygon", "Polygon"]
    assert result[1].area == pytest.approx(RIGHT.area + 10_000, abs=50)


def test_withheld_neighbours_go_together():
    """Two withheld lots side by side are one ground, so that no border between them is left."""
    (merged,) = ground.absorb(shapes(LEFT), shapes(MIDDLE, RIGHT))
    assert merged.geom_type == "Polygon" and not merged.interiors
    assert merged.symmetric_difference(box(0, 0, 300, 100)).area < 20


def test_a_hairline_between_borders_is_closed():
    """Two lines for one border leave no hairline, which would draw the withheld outline."""
    (merged,) = ground.absorb(shapes(LEFT), shapes(box(100.2, 0, 150, 100)))
    assert merged.geom_type == "Polygon"
    assert merged.area == pytest.approx(15_000, abs=60)


def test_a_digitised_overlap_is_swallowed():
    """Overlapping digitisation makes no second ring."""
    (merged,) = ground.absorb(shapes(NOTCHED), shapes(MIDDLE))
    assert merged.geom_type == "Polygon" and not merged.interiors


@pytest.mark.parametrize(
    ("shown", "withheld"), [((), (MIDDLE,)), ((LEFT,), ()), ((LEFT,), (Polygon(), None))], ids=["none", "all", "empty"]
)
def test_nothing_to_close(shown, withheld):
    """Without heirs or without ground the published shapes come back as they were."""
    assert list(ground.absorb(shapes(*shown), shapes(*withheld))) == list(shown)


def test_inputs_are_not_changed():
    """The caller's array keeps its shapes."""
    shown = shapes(LEFT, RIGHT)
    ground.absorb(shown, shapes(MIDDLE))
    assert list(shown) == [LEFT, RIGHT]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Point(50, 50), True),
        (Point(150, 50), False),
        (LineString([(0, 0), (100, 0)]), True),
        (LineString([(50, 50), (170, 50)]), False),
        (box(80, 0, 110, 30), True),
        (box(80, 0, 200, 30), False),
        (None, False),
    ],
    ids=["inside", "outside", "wall", "passing", "mostly in", "mostly out", "missing"],
)
def test_lying_on_a_ground(shape, expected):
    """Points within it, walls along it and what lies mostly on it count; what passes through does not."""
    assert ground.on(shapes(shape), LEFT).tolist() == [expected]
