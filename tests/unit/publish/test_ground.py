"""Withheld ground closes without a trace."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box

from gis.publish import ground

# a row of three lots on a straight street, and one across the street
LEFT, MIDDLE, RIGHT = box(0, 0, 100, 100), box(100, 0, 150, 100), box(150, 0, 300, 100)
# a street that bends at the middle lot
BENT = Polygon([(100, 0), (125, -9), (150, 0), (150, 100), (100, 100)])
NOTCHED = Polygon([(0, 0), (100, 0), (100, 30), (100.3, 30), (100.3, 70), (100, 70), (100, 100), (0, 100)])


def shapes(*geometries) -> np.ndarray:
    return np.array(geometries, dtype=object)


def borders(*geometries):
    return shapely.union_all(shapely.boundary(np.array(geometries, dtype=object)))


def assert_closed(before, withheld, after):
    """Check that shapes cover what they and the withheld covered, without overlap, and that no old border is left."""
    assert shapely.is_valid(after).all()
    whole, now = shapely.union_all([*before, *withheld]), shapely.union_all(after)
    assert shapely.symmetric_difference(whole, now).area < 1e-3 * max(shapely.length(withheld).sum(), 1)
    assert abs(sum(shape.area for shape in after) - now.area) < 1e-6
    inside = shapely.difference(borders(*withheld), shapely.buffer(shapely.boundary(whole), 0.01))
    left = shapely.intersection(inside, shapely.buffer(borders(*after), 1e-3))
    assert left.length < 0.01 * inside.length + 0.1


def test_ground_is_parted_along_the_line_equally_far_from_its_neighbours():
    """The middle lot of a row goes to both sides in halves; no border of it is left."""
    left, right = ground.absorb(shapes(LEFT, RIGHT), shapes(MIDDLE))
    assert left.symmetric_difference(box(0, 0, 125, 100)).area < 1
    assert right.symmetric_difference(box(125, 0, 300, 100)).area < 1


def test_the_seam_is_forgotten():
    """Where the street runs straight on, nothing tells where the withheld lot began."""
    left, right = ground.absorb(shapes(LEFT, RIGHT), shapes(MIDDLE))
    for x, y in shapely.get_coordinates([left, right]):
        assert x in (0, 300) or abs(x - 125) < 1, (x, y)


def test_a_corner_keeps_its_middle_line():
    """Two lots around a corner meet in its diagonal, which begins where their own border ended."""
    below, beside = box(0, 0, 100, 20), box(100, 20, 140, 120)
    low, high = ground.absorb(shapes(below, beside), shapes(box(0, 20, 100, 120)))
    assert_closed((below, beside), (box(0, 20, 100, 120),), (low, high))
    assert low.intersects(Point(40, 60)) and high.intersects(Point(80, 60))


@pytest.mark.parametrize("withheld", [BENT, MIDDLE, box(100.2, 0, 150, 100)], ids=["bent", "plain", "hairline"])
def test_nothing_is_lost_and_nothing_left(withheld):
    """A bend to the street stays, as the ground is the same; a hairline is closed; the inner borders are gone."""
    after = ground.absorb(shapes(LEFT, RIGHT), shapes(withheld))
    whole = withheld.union(box(100, 0, 150, 100))
    assert_closed((LEFT, RIGHT), (whole,), after)


def test_a_compound_that_touches_nobody_goes_to_those_around():
    """A lot that fills its street block is parted among those across the streets, as further parts of them."""
    north, south = box(0, 120, 100, 200), box(0, -100, 100, -20)
    after = ground.absorb(shapes(north, south, box(900, 0, 1000, 100)), shapes(box(0, 0, 100, 100)))
    assert [shape.geom_type for shape in after] == ["MultiPolygon", "MultiPolygon", "Polygon"]
    assert shapely.area(after) == pytest.approx([13_000, 13_000, 10_000], abs=300)


def test_withheld_neighbours_go_together():
    """Two withheld lots side by side are one ground, so that no border between them is left."""
    (merged,) = ground.absorb(shapes(LEFT), shapes(MIDDLE, RIGHT))
    assert merged.geom_type == "Polygon" and not merged.interiors
    assert merged.symmetric_difference(box(0, 0, 300, 100)).area < 1e-6


def test_a_digitised_overlap_is_swallowed():
    """Overlapping digitisation makes no second ring."""
    (merged,) = ground.absorb(shapes(NOTCHED), shapes(MIDDLE))
    assert merged.geom_type == "Polygon" and not merged.interiors


def town(seed):
    """Return a made-up tiling of a square: the cells of random places, sent to degrees and back."""
    places = np.random.default_rng(seed).uniform(0, 400, (60, 2))
    frame = box(0, 0, 400, 400)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(places), extend_to=frame))
    cells = shapely.set_precision(shapely.intersection(cells, frame), 0.01)
    back = gpd.GeoSeries(shapely.transform(cells, lambda at: at + np.array([440_000, 4_420_000])), crs=4548)
    return back.to_crs(4326).to_crs(4548).to_numpy()


@pytest.mark.parametrize("seed", range(3))
def test_any_one_of_a_tiling_may_be_withheld(seed):
    """Sixty tilings a town, each with one hole: all close, and none shows where it was."""
    cells = town(seed)
    for n in range(len(cells)):
        kept = np.delete(cells, n)
        assert_closed(kept, cells[n : n + 1], ground.absorb(kept, cells[n : n + 1]))


@given(seed=st.integers(0, 20), out=st.sets(st.integers(0, 59), min_size=1, max_size=59))
@settings(max_examples=40, deadline=None)
def test_any_rows_of_a_tiling_may_be_withheld(seed, out):
    """Any subset may stay behind: what is shown is a tiling of the same ground."""
    cells = town(seed)
    hidden = np.isin(np.arange(len(cells)), list(out))
    after = ground.absorb(cells[~hidden], cells[hidden])
    assert shapely.is_valid(after).all()
    whole, now = shapely.union_all(cells), shapely.union_all(after)
    assert shapely.symmetric_difference(whole, now).area < 1
    assert abs(shapely.area(after).sum() - now.area) < 1e-4


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
