"""Areas of pairs: the same as intersecting every pair, found without intersecting most of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis import compiled
from gis.geometry import areas, grid, outlines, snapped, tuples, windows

SQUARE = shapely.box(0, 0, 10, 10)
RING = SQUARE.difference(shapely.box(3, 3, 7, 7))
FAR = np.array([440_000.0, 4_420_000.0])

whole = st.integers(0, 12)
boxes = st.builds(
    lambda x, y, w, h: shapely.box(x, y, x + w + 1, y + h + 1), whole, whole, whole, whole
)
turned = st.builds(lambda shape, angle: shapely.affinity.rotate(shape, angle), boxes, st.floats(0, 360))
shapes = st.lists(st.one_of(boxes, turned, st.just(RING)), min_size=1, max_size=6)


def array(items):
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


@pytest.mark.parametrize(
    ("other", "area"),
    [
        (shapely.box(2, 2, 4, 4), 4),
        (shapely.box(-5, -5, 50, 50), 100),
        (shapely.box(5, 5, 15, 15), 25),
        (shapely.box(10, 0, 20, 10), None),
        (shapely.box(10, 10, 20, 20), None),
        (shapely.box(50, 50, 60, 60), None),
        (RING, 84),
        (shapely.MultiPolygon([shapely.box(-1, 0, 1, 1), shapely.box(9, 0, 11, 1)]), 2),
        (SQUARE, 100),
    ],
)
def test_shared_area_of_a_pair(other, area):
    """Inside, around, crossing, equal: the shared area; touching or apart: no pair."""
    _, _, found = areas.pair_areas(array([SQUARE]), array([other]))
    assert found.tolist() == ([] if area is None else [pytest.approx(area, abs=1e-9)])


# an upright end a rounding wide, far below the line that it meets again 58 km later; edges that meet at a slope of 0.3;
# an upright side of two roundings beside a slit: areas by rational clipping
STEEP = {
    "upright end": (
        [(8938.273939015924, 2764.91904491612), (-276377.12602707435, -85493.47673646377),
         (-261601.1156940074, -133260.30119274405)],
        [(16327.444694993685, -0.0100000000029993), (-49532.2025394792, -0.0099999999909011),
         (-49532.20253947921, -50000.00999999999)],
        325939604.6735932,
    ),
    "thin and sloped": (
        [(-4432511.300354288, -439471.7469177476), (-4618913.663256813, -381810.73905910866),
         (-4604137.652923746, -334043.9146028283)],
        [(-4377210.856287268, -439084.7765625), (-4462681.479350438, -439084.7765625),
         (-4462681.479350438, -439083.83310084767)],
        385.8556082234462,
    ),
    "slit": (
        [(31037.438298224195, 29215.693766974196), (-38879.95861072417, 29215.69376697419),
         (-38879.9586107242, -40701.70314197417), (-6778.2568513190945, -40701.70314197418),
         (-10274.126635954457, 3325.2571096998763), (-6778.256790507044, -40701.703141974205),
         (31037.438298224188, -40701.703141974176)],
        [(46330.96310646093, -217208.65411538226), (26455.8423042977, -2741.3306223051222),
         (-13294.399300028748, 160418.641125719), (-92794.88250868165, -256958.8957197087)],
        4509548606.794123,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other", "area"), STEEP.values(), ids=STEEP)
def test_edges_all_but_upright_leave_no_line_on_the_wrong_side(one, other, area):
    """Whoever owns the pair, and whichever way it is turned, its area is the exact one."""
    for turn in (1.0, -1.0):
        pair = [outlines.of(array([shapely.Polygon(turn * np.array(ring))])) for ring in (one, other)]
        for owner in range(2):
            _, (found,) = tuples.areas(pair, owner)
            assert abs(found - area) < 1e-6 + 1e-9 * (shapely.Polygon(one).length + shapely.Polygon(other).length)


def test_hole_shares_nothing():
    """What stands in a courtyard is not inside the ring around it."""
    assert len(areas.pair_areas(array([RING]), array([shapely.box(4, 4, 6, 6)]))[0]) == 0


def test_pairs_within_one_array():
    """Without a second array every pair comes once, smaller position first."""
    i, j, area = areas.pair_areas(array([SQUARE, RING, shapely.box(9, 9, 11, 11)]))
    assert list(zip(i, j, area.round(9), strict=True)) == [(0, 1, 84), (0, 2, 1), (1, 2, 1)]


@given(shapes, shapes)
def test_every_pair_as_if_intersected(left, right):
    """Per pair, not in total: the same keys as intersecting all pairs, each area within the kernel's bound."""
    a, b = snapped.moved(array(left), FAR), snapped.moved(array(right), FAR)
    found = {(i, j): area for i, j, area in zip(*areas.pair_areas(a, b), strict=True)}
    for i, j in itertools.product(range(len(a)), range(len(b))):
        truth = shapely.intersection(a[i], b[j]).area
        assert abs(found.get((i, j), 0.0) - truth) <= 1e-6 + 1e-10 * (a[i].length + b[j].length)


@given(shapes)
def test_pairs_within_are_those_of_the_layer_with_itself(drawn):
    """Within one layer neighbours are found by their boxes, between two by their edges: the pairs are the same."""
    a = snapped.moved(array(drawn), FAR)
    within = {(i, j): area for i, j, area in zip(*areas.pair_areas(a), strict=True)}
    between = {(i, j): area for i, j, area in zip(*areas.pair_areas(a, a), strict=True) if i < j}
    assert within == pytest.approx(between, abs=1e-6)


@given(shapes, shapes)
def test_sides_are_symmetric(left, right):
    """Left with right shares what right with left shares, to a nanometre along their outlines."""
    one = {(i, j): area for i, j, area in zip(*areas.pair_areas(array(left), array(right)), strict=True)}
    two = {(i, j): area for j, i, area in zip(*areas.pair_areas(array(right), array(left)), strict=True)}
    for pair in one.keys() | two.keys():
        around = left[pair[0]].length + right[pair[1]].length
        assert one.get(pair, 0) == pytest.approx(two.get(pair, 0), rel=0, abs=1e-9 * around)


def test_moving_is_exact_and_leaves_the_input_alone():
    """Whole metres come off and go back on without losing a bit; heights are dropped."""
    shape = shapely.Polygon([(440000.1, 4420000.3, 5), (440100.7, 4420000.3, 5), (440050.9, 4420077.7, 5)])
    given_shapes = array([shape])
    back = snapped.moved(snapped.moved(given_shapes, -FAR), FAR)
    assert shapely.equals_exact(back[0], shapely.force_2d(shape))
    assert given_shapes[0].has_z


@pytest.mark.parametrize(("dx", "dy"), [(5000, 0), (-5000, 0), (0, 5000), (0, -5000), (5000, 5000)])
def test_a_shape_beyond_all_tiles_meets_nothing(dx, dy):
    """As plain Python, where an array is never read beyond its end."""
    rest = outlines.of(np.array([shapely.box(0, 0, 100, 100)], dtype=object))
    own = outlines.of(np.array([shapely.box(dx, dy, dx + 10, dy + 10 if dy else 90)], dtype=object))
    tiles, layer_of = grid.over(rest, wanted=12), np.zeros(1, dtype=np.int32)
    owners = np.zeros(1, dtype=np.int32)
    given = tuples.Given(rest.flat, layer_of, 1, tiles, windows.NO_BINS, own.flat)
    rows, _ = compiled.as_plain(tuples._areas)(given, owners, False)
    assert len(rows) == 0
