"""Street blocks: the ground between streets."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, Polygon, box

from gis.analysis import street_blocks
from gis.errors import CrsError, EmptyError, FrameError, UsageError

CRS = "EPSG:4548"
EAST, NORTH = 424_000.0, 4_418_000.0


def ground(*shapes):
    """Return shapes, given in m from the corner of the test ground, as a frame."""
    moved = [shapely.transform(shape, lambda xy: xy + np.array([EAST, NORTH])) for shape in shapes]
    return gpd.GeoDataFrame(geometry=gpd.GeoSeries(moved, crs=CRS))


def line(*points):
    """Return a street."""
    return LineString(points)


TOWN = ground(box(0, 0, 400, 200))
ACROSS = line((200, -50), (200, 250))
ALONG = line((-50, 100), (450, 100))


def areas(streets, **options):
    """Return the areas of the blocks, m², sorted."""
    blocks = street_blocks.from_streets(ground(*streets), options.pop("boundary", TOWN), **options)
    return sorted(blocks["area_m2"].round(3).tolist())


@pytest.mark.parametrize(
    ("streets", "expected"),
    [
        ([ACROSS], [40_000, 40_000]),
        ([ACROSS, ALONG], [20_000] * 4),
        ([ACROSS, ACROSS.reverse(), ACROSS], [40_000, 40_000]),
        ([ACROSS, line((300, 200), (300, 120))], [40_000, 40_000]),
        ([ACROSS, line((310, 0), (310, 90)), line((310, 110), (310, 200))], [40_000, 40_000]),
        ([line((200, 0), (200, 190))], [40_000, 40_000]),
        ([line((200, 12), (200, 188))], [40_000, 40_000]),
        ([line((200, 0), (200, 180))], [80_000]),
        ([line((-500, 500), (-400, 500))], [80_000]),
        ([MultiLineString([ACROSS, ALONG])], [20_000] * 4),
        ([line((195, 0), (195, 200)), line((205, 0), (205, 200))], [39_000, 41_000]),
        ([line((200, 0, 5), (200, 200, 7))], [40_000, 40_000]),
    ],
    ids=[
        "one", "cross", "drawn-twice", "dead-end", "gap-too-wide", "gap-at-edge", "gaps-at-both-ends",
        "too-far-from-edge", "elsewhere", "multi", "carriageways", "with-heights",
    ],
)  # fmt: skip
def test_blocks(streets, expected):
    """Streets part the ground; dead ends and what lies elsewhere do not."""
    assert areas(streets) == pytest.approx(expected, abs=1)


def test_near_miss_inside_the_network():
    """A street that ends 10 m short of another is drawn out to it; with a tolerance of 5 m it is not."""
    short = line((200, 100), (200, 10))
    assert areas([ALONG, short]) == pytest.approx([20_000, 20_000, 40_000], abs=1)
    assert areas([ALONG, short], tolerance=5) == pytest.approx([40_000, 40_000], abs=1)


@pytest.mark.parametrize(
    ("option", "value", "blocks"),
    [("min_area_m2", 0.0, 3), ("min_area_m2", 3_000.0, 2), ("min_width", 14.0, 2), ("min_width", 9.0, 3)],
)
def test_small_faces_join_a_neighbour(option, value, blocks):
    """The strip of 10 m between two carriageways is no block of its own."""
    measures = {"min_area_m2": 0.0, "min_width": 0.0} | {option: value}
    assert len(areas([line((195, 0), (195, 200)), line((205, 0), (205, 200))], **measures)) == blocks


def test_small_face_joins_the_longest_border():
    """A corner triangle goes to the neighbour with which it shares most, and no ground is lost."""
    triangle = line((180, 0), (200, 40))
    assert areas([ACROSS, triangle]) == pytest.approx([40_000, 40_000], abs=1)


def test_chains_of_small_faces_end_in_a_large_one():
    """Many faces in a row between two carriageways all find a block."""
    rungs = [line((195, y), (205, y)) for y in range(20, 200, 20)]
    blocks = areas([line((195, -9), (195, 209)), line((205, -9), (205, 209)), *rungs])
    assert len(blocks) == 2
    assert sum(blocks) == pytest.approx(80_000)


def test_small_faces_that_only_have_each_other_stay_together():
    """On an island smaller than any block nothing is a block, and the ground is accounted for."""
    island = ground(box(0, 0, 30, 30))
    blocks = street_blocks.from_streets(ground(line((15, 0), (15, 30))), island)
    found = street_blocks.check(blocks, island)
    assert blocks.empty
    assert found["code"].tolist() == ["street_block.left_over"]
    assert json.loads(found["parameters"][0]) == {"area_m2": pytest.approx(900.0)}


def test_waters_belong_to_no_block_and_bound_them():
    """A river parts the ground without a street along it; a bridge does not join what it parts."""
    river = ground(box(100, -10, 140, 210))
    assert areas([ALONG], waters=river) == pytest.approx([10_000, 10_000, 26_000, 26_000], abs=1)


def test_barriers_part_blocks():
    """A railway parts the ground as a street does."""
    assert areas([ALONG], barriers=ground(ACROSS)) == pytest.approx([20_000] * 4, abs=1)


def test_holes_and_parts_of_the_boundary():
    """Nothing outside the boundary becomes a block, nor in its holes."""
    ring = Polygon(box(0, 0, 400, 200).exterior, [box(150, 50, 250, 150).exterior])
    island = box(600, 0, 700, 100)
    found = areas([ACROSS, ALONG], boundary=ground(ring, island))
    assert found == pytest.approx([10_000] + [17_500] * 4, abs=1)


def test_ground_of_streets_can_be_taken_away():
    """With a street width of 20 m, 10 m go on each side of the centre-line."""
    assert areas([ACROSS], street_width=20) == pytest.approx([38_000, 38_000], abs=1)


def test_names_run_from_north_to_south_and_west_to_east():
    """Identifiers name squares of a kilometre from the north-west corner, not coordinates."""
    blocks = street_blocks.from_streets(
        ground(line((1_200, 0), (1_200, 1_500)), line((0, 900), (2_500, 900))), ground(box(0, 0, 2_500, 1_500))
    )
    assert blocks["street_block_id"].tolist() == ["JF-0000-01", "JF-0001-01", "JF-0100-01", "JF-0101-01"]
    assert blocks.crs == CRS
    assert list(blocks.columns) == ["street_block_id", "area_m2", "geometry"]


def test_names_elsewhere_survive_an_edit():
    """A new street renumbers the blocks of its own square only."""
    town = ground(box(0, 0, 4_000, 500))
    streets = [line((x, -9), (x, 509)) for x in (500, 1_000, 2_000, 3_000, 3_500)]
    before = street_blocks.from_streets(ground(*streets), town)
    after = street_blocks.from_streets(ground(*streets, line((250, -9), (250, 509))), town)
    east = before[before.bounds["minx"] >= EAST + 999].reset_index(drop=True)
    assert set(east["street_block_id"]) < set(after["street_block_id"])
    assert after.set_index("street_block_id").loc[east["street_block_id"], "area_m2"].tolist() == pytest.approx(
        east["area_m2"].tolist()
    )


LINES = ground(ACROSS, ALONG)
BOW_TIE = ground(Polygon([(0, 0), (100, 100), (100, 0), (0, 100)]))


@pytest.mark.parametrize(
    ("streets", "boundary", "options", "error"),
    [
        (LINES.iloc[:0], TOWN, {}, EmptyError),
        (LINES, TOWN.iloc[:0], {}, EmptyError),
        (LINES.set_crs(None, allow_override=True), TOWN, {}, CrsError),
        (LINES.to_crs(4326), TOWN, {}, CrsError),
        (LINES, TOWN.to_crs(4549), {}, CrsError),
        (LINES, TOWN, {"waters": TOWN.to_crs(4549)}, CrsError),
        (TOWN, TOWN, {}, FrameError),
        (LINES, LINES, {}, FrameError),
        (LINES, BOW_TIE, {}, FrameError),
        (LINES, TOWN, {"barriers": TOWN}, FrameError),
        (LINES, TOWN, {"tolerance": -1.0}, UsageError),
        (LINES, TOWN, {"min_area_m2": float("nan")}, UsageError),
    ],
)
def test_refused(streets, boundary, options, error):
    """What cannot bound street blocks is refused."""
    with pytest.raises(error):
        street_blocks.from_streets(streets, boundary, **options)


def test_inputs_are_not_changed():
    """Streets and boundary stay as they were."""
    before = LINES.copy()
    street_blocks.from_streets(LINES, TOWN)
    pd.testing.assert_frame_equal(LINES, before)


spots = st.tuples(st.integers(-100, 1_100), st.integers(-100, 1_100))


@given(st.lists(st.tuples(spots, spots).filter(lambda ends: ends[0] != ends[1]), min_size=1, max_size=12))
def test_law_blocks_partition_the_boundary(ends):
    """Blocks do not overlap, share their vertices, and with what is left over make up the boundary without waters."""
    town, lake = ground(box(0, 0, 1_000, 1_000)), ground(box(400, 300, 600, 500))
    blocks = street_blocks.from_streets(ground(*map(LineString, ends)), town, waters=lake)
    left = [json.loads(text)["area_m2"] for text in street_blocks.check(blocks, town, waters=lake)["parameters"]]
    shapes = blocks.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes)
    assert shapely.is_valid(shapes).all()
    assert blocks["area_m2"].sum() + sum(left) == pytest.approx(960_000, rel=1e-6)
    assert not np.any(blocks["area_m2"] < 2_000)


@given(st.permutations(range(5)))
def test_law_row_order_does_not_matter(order):
    """Streets in another order give the same blocks under the same names."""
    streets = ground(ACROSS, ALONG, line((300, -9), (290, 95)), line((80, 210), (90, 108)), line((0, 0), (400, 200)))
    blocks = street_blocks.from_streets(streets.iloc[list(order)], TOWN)
    usual = street_blocks.from_streets(streets, TOWN)
    assert blocks["street_block_id"].tolist() == usual["street_block_id"].tolist()
    assert blocks["area_m2"].tolist() == pytest.approx(usual["area_m2"].tolist())
