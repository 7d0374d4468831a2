"""Buildings on ground small enough to check by hand: two blocks side by side, and two catchments that overlap."""

from __future__ import annotations

import doctest

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import LineString, MultiPolygon, Point, Polygon, box

from gis.analysis import assignment
from gis.errors import CrsError, FrameError, UsageError

CRS = "EPSG:4548"
EAST, NORTH = 424_000, 4_418_000


def square(west, south, east, north):
    """Return a rectangle on the test ground, m from its corner."""
    return box(EAST + west, NORTH + south, EAST + east, NORTH + north)


def place(x, y):
    """Return a point on the test ground."""
    return Point(EAST + x, NORTH + y)


def layer(key, rows):
    """Return a layer of shapes by key."""
    return gpd.GeoDataFrame({key: pd.Series(list(rows), dtype="str")}, geometry=list(rows.values()), crs=CRS)


BLOCKS = layer("block_id", {"B2": square(100, 0, 200, 100), "B1": square(0, 0, 100, 100)})
CATCHMENTS = layer("catchment_id", {"C1": square(0, 0, 90, 100), "C2": square(60, 0, 200, 100)})
TARGETS = {"block": BLOCKS, "catchment": CATCHMENTS}

inside = square(10, 10, 20, 20)
quarter = square(90, 0, 130, 10)
half = square(95, 0, 105, 10)
edge = square(195, 0, 205, 10)
nowhere = square(300, 0, 310, 10)
both = square(70, 0, 80, 10)
touching = square(200, 0, 210, 10)
parts = MultiPolygon([square(0, 0, 10, 10), square(150, 0, 160, 20)])

# shape, then block: id, share, others, split, ids; the same for catchments
BY_AREA = [
    ("inside", inside, ("B1", 1.0, 0, False, ("B1",)), ("C1", 1.0, 0, False, ("C1",))),
    ("a quarter in the first", quarter, ("B2", 0.75, 1, True, ("B1", "B2")), ("C2", 1.0, 0, False, ("C2",))),
    ("half and half: first by key", half, ("B1", 0.5, 1, True, ("B1", "B2")), ("C2", 1.0, 0, False, ("C2",))),
    ("half outside", edge, ("B2", 0.5, 0, True, ("B2",)), ("C2", 0.5, 0, True, ("C2",))),
    ("in nothing", nowhere, (None, 0.0, 0, False, ()), (None, 0.0, 0, False, ())),
    ("touching from outside", touching, (None, 0.0, 0, False, ()), (None, 0.0, 0, False, ())),
    ("wholly in both", both, ("B1", 1.0, 0, False, ("B1",)), ("C1", 1.0, 1, False, ("C1", "C2"))),
    ("in parts", parts, ("B2", 2 / 3, 1, True, ("B1", "B2")), ("C2", 2 / 3, 1, True, ("C1", "C2"))),
]
BY_POINT = [
    ("inside", place(5, 5), "B1", 1.0, 0, ("B1",)),
    ("on the border: first by key", place(100, 50), "B1", 1.0, 1, ("B1", "B2")),
    ("on the outer border", place(200, 50), "B2", 1.0, 0, ("B2",)),
    ("in nothing", place(300, 50), None, 0.0, 0, ()),
    ("a polygon by a point on it", quarter, "B2", 1.0, 0, ("B2",)),
]


@pytest.mark.parametrize(("name", "shape", "block", "catchment"), BY_AREA, ids=[case[0] for case in BY_AREA])
def test_by_area(name, shape, block, catchment):
    """The largest share decides, all features are listed, and what lies in none stays with a missing key."""
    got = assignment.assign(layer("building_id", {"H": shape}), TARGETS, key="building_id").iloc[0]
    for target, expected in (("block", block), ("catchment", catchment)):
        found = [got[f"{target}_{name}"] for name in ("id", "share", "others", "split", "ids")]
        assert (None if pd.isna(found[0]) else found[0], pytest.approx(found[1]), *found[2:]) == expected


@pytest.mark.parametrize(("name", "shape", "block", "share", "others", "ids"), BY_POINT, ids=[c[0] for c in BY_POINT])
def test_by_point(name, shape, block, share, others, ids):
    """A point counts whole, on a border in the first by key."""
    things = layer("building_id", {"H": shape})
    got = assignment.assign(things, {"block": BLOCKS}, key="building_id", by="point").iloc[0]
    assert (None if pd.isna(got["block_id"]) else got["block_id"]) == block
    assert (got["block_share"], got["block_others"], got["block_ids"]) == (share, others, ids)
    assert not got["block_split"]


def test_the_result_stands_on_the_callers_index():
    """Rows keep order and index, so that columns can be joined as they are; the input is not changed."""
    things = layer("building_id", {"H2": inside, "H1": nowhere}).set_axis([7, 3])
    before = things.copy()
    got = assignment.assign(things, TARGETS, key="building_id")
    assert got.index.tolist() == [7, 3] and got["building_id"].tolist() == ["H2", "H1"]
    assert got["block_id"].dtype == "str"
    pd.testing.assert_frame_equal(things, before)


@pytest.mark.parametrize("by", ["area", "point"])
def test_empty_layers(by):
    """Nothing lies in an empty layer, and no building gives no row."""
    buildings = layer("building_id", {"H": inside})
    got = assignment.assign(buildings, {"block": BLOCKS.iloc[:0]}, key="building_id", by=by)
    assert got["block_id"].isna().all() and got["block_ids"].tolist() == [()]
    assert assignment.assign(buildings.iloc[:0], TARGETS, key="building_id", by=by).empty


def test_pairs_are_what_apportionment_takes():
    """Each pair has its ground and the share of the building; things in nothing have no row."""
    buildings = layer("building_id", {"H2": quarter, "H1": inside, "H3": nowhere})
    got = assignment.pairs(buildings, BLOCKS, key="building_id", to="block_id")
    assert got.columns.tolist() == ["building_id", "block_id", "area_m2", "building_share"]
    assert got[["building_id", "block_id"]].to_numpy().tolist() == [["H1", "B1"], ["H2", "B1"], ["H2", "B2"]]
    assert got["area_m2"].tolist() == pytest.approx([100, 100, 300])
    assert got["building_share"].tolist() == pytest.approx([1, 0.25, 0.75])


def test_pairs_by_point_carry_the_whole_ground():
    """By point a thing is not cut."""
    got = assignment.pairs(layer("building_id", {"H": quarter}), BLOCKS, key="building_id", to="block_id", by="point")
    assert got.to_numpy().tolist() == [["H", "B2", 400.0, 1.0]]


HOUSES = layer("building_id", {"H": inside})
REFUSED = [
    (UsageError, "by is 'centre'", HOUSES, TARGETS, {"by": "centre"}),
    (UsageError, "no target layer", HOUSES, {}, {}),
    (UsageError, "share the key 'building_id'", HOUSES, {"building": HOUSES}, {}),
    (FrameError, "lacks block_id", HOUSES, {"block": CATCHMENTS}, {}),
    (FrameError, "without geometry", HOUSES, {"block": pd.DataFrame({"block_id": ["B1"]})}, {}),
    (FrameError, "keys are text", HOUSES.assign(building_id=7), TARGETS, {}),
    (FrameError, "repeats B1", HOUSES, {"block": BLOCKS.assign(block_id="B1")}, {}),
    (FrameError, "no building_id", HOUSES.assign(building_id=None), TARGETS, {}),
    (FrameError, "H is no polygon", layer("building_id", {"H": place(1, 1)}), TARGETS, {}),
    (FrameError, "H has no geometry", layer("building_id", {"H": Polygon()}), TARGETS, {}),
    (FrameError, "B is no polygon", HOUSES, {"block": layer("block_id", {"B": LineString([(0, 0), (1, 1)])})}, {}),
    (
        FrameError,
        "H is invalid",
        layer("building_id", {"H": Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])}),
        TARGETS,
        {},
    ),
    (CrsError, "EPSG:4549", HOUSES, {"block": BLOCKS.set_crs("EPSG:4549", allow_override=True)}, {}),
    (CrsError, "no coordinate", HOUSES.set_crs(None, allow_override=True), TARGETS, {}),
]


@pytest.mark.parametrize(("error", "words", "things", "targets", "options"), REFUSED, ids=[case[1] for case in REFUSED])
def test_what_cannot_be_assigned_is_refused(error, words, things, targets, options):
    """The message says what came and what to do."""
    with pytest.raises(error, match=words):
        assignment.assign(things, targets, key="building_id", **options)


corners = st.tuples(st.integers(0, 180), st.integers(0, 80), st.integers(1, 60), st.integers(1, 60))
rectangles = corners.map(lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3]))


@given(st.lists(rectangles, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_shares_follow_the_ground_in_any_order(shapes, random):
    """Each share is that of the intersection, and no order of rows changes a row."""
    buildings = layer("building_id", {f"H{n}": square(*shape) for n, shape in enumerate(shapes)})
    got = assignment.assign(buildings, TARGETS, key="building_id").set_index("building_id")
    grounds = BLOCKS.set_index("block_id").geometry
    for key, shape in zip(got.index, shapes, strict=True):
        exact = shapely.intersection(square(*shape), grounds.to_numpy())
        share = pd.Series(shapely.area(exact) / square(*shape).area, index=grounds.index).sort_index()
        assert got.loc[key, "block_share"] == pytest.approx(share.max(), abs=1e-9)
        if share.max() > 1e-9:
            assert got.loc[key, "block_id"] == share.round(9).idxmax()
        assert list(got.loc[key, "block_ids"]) == share[share > 1e-9].index.tolist()
    order = list(range(len(shapes)))
    random.shuffle(order)
    turned = {name: frame.iloc[::-1] for name, frame in TARGETS.items()}
    again = assignment.assign(buildings.iloc[order], turned, key="building_id").set_index("building_id")
    pd.testing.assert_frame_equal(again.loc[got.index], got)


def test_the_examples_in_the_docstrings_run():
    """What the documentation shows is what happens."""
    assert doctest.testmod(assignment) == (0, 4)
