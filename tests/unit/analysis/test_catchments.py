"""Station catchments: rings round entrances, as drawn and shared out between stations."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.analysis import catchments
from gis.errors import CrsError, EmptyError, FrameError, UsageError

CRS = "EPSG:4548"
EAST, NORTH = 424_000.0, 4_418_000.0
RADII = [("内圈", 300), ("外圈", 500)]


def points(places, key="station_id", **columns):
    """Return points as a frame; places are (name, x, y) from the corner of the test ground, in m."""
    names = pd.Series([name for name, *_ in places], dtype="str")
    shapes = [None if x is None else shapely.Point(EAST + x, NORTH + y) for _, x, y in places]
    return gpd.GeoDataFrame({key: names, **columns}, geometry=gpd.GeoSeries(shapes, crs=CRS))


def total(rings, version, radius):
    """Return the sum of one ring over stations, m²."""
    return rings.loc[(rings["version"] == version) & (rings["radius_m"] == radius), "area_m2"].sum()


ENTERED = ["catchment.no_entrances"]
SHARED, NONE, NEAR = "catchment.shared_place", "catchment.no_nearest", "catchment.near_place"
ONE = points([("A", 0, 0)])
PAIR = points([("A", 0, 0), ("B", 600, 0)])
DOORS = points([("A", -100, 0), ("A", 100, 0)], entrance_id=pd.Series(["A1", "A2"], dtype="str"))


def test_columns_and_keys():
    """A ring is named by station, radius and version, and the frame carries the stations' CRS."""
    rings = catchments.rings(ONE, None, RADII)
    assert rings["catchment_id"].tolist() == ["A-300-raw", "A-500-raw", "A-300-nearest", "A-500-nearest"]
    assert list(rings.columns)[:8] == [
        "catchment_id", "station_id", "ring", "radius_m", "inner_m", "method", "version", "area_m2",
    ]  # fmt: skip
    assert rings.crs == ONE.crs


@pytest.mark.parametrize(
    ("stations", "entrances", "at", "inside"),
    [
        (ONE, None, (299, 0), True),
        (ONE, None, (301, 0), False),
        (ONE, DOORS, (399, 0), True),
        (ONE, DOORS, (401, 0), False),
        (ONE, DOORS, (0, 299), False),
        (PAIR, DOORS, (899, 0), True),
        (ONE, points([("Z", 900, 0)]), (899, 0), False),
    ],
    ids=["point", "beyond", "door", "beyond-door", "waist", "other-by-point", "stray-door"],
)
def test_measured_from(stations, entrances, at, inside):
    """Distance counts from the entrances of the station, else from its point; stray entrances count for none."""
    ring = catchments.rings(stations, entrances, [("圈", 300)]).query("version == 'raw'").union_all()
    assert ring.covers(shapely.Point(EAST + at[0], NORTH + at[1])) is inside


def test_raw_counts_twice_what_nearest_counts_once():
    """Overlapping rings: raw sums exceed the union, de-duplicated ones equal it."""
    rings = catchments.rings(PAIR, None, RADII)
    union = rings[(rings["version"] == "raw") & (rings["radius_m"] == 500)].union_all().area
    assert total(rings, "raw", 500) > union * 1.1
    assert total(rings, "nearest", 500) == pytest.approx(union, rel=1e-12)


def test_border_between_stations_is_the_perpendicular():
    """De-duplicated ground ends half way between two stations."""
    rings = catchments.rings(PAIR, None, [("圈", 500)]).set_index("catchment_id")
    assert rings.geometry["A-500-nearest"].bounds[2] == pytest.approx(EAST + 300, abs=1e-6)


def test_bands_are_disjoint_and_fill_the_disc():
    """0-300 and 300-500 m do not overlap and make up the 500 m ring, in both versions."""
    rings = catchments.rings(PAIR, None, RADII)
    bands = catchments.bands(rings)
    sums = bands.groupby(["station_id", "version"])["area_m2"].sum()
    discs = rings[rings["radius_m"] == 500].set_index(["station_id", "version"])["area_m2"]
    pd.testing.assert_series_equal(sums.sort_index(), discs.sort_index(), rtol=1e-9)
    assert bands["catchment_id"].tolist()[:2] == ["A-0-300-raw", "A-300-500-raw"]
    assert bands["inner_m"].tolist()[:2] == [0.0, 300.0]


def test_bands_of_bands_are_refused():
    """Cutting twice would give nonsense."""
    with pytest.raises(FrameError, match="bands already"):
        catchments.bands(catchments.bands(catchments.rings(ONE, None, RADII)))


@pytest.mark.parametrize(
    ("radii", "message"),
    [
        ([], "no radius"),
        ([("圈", 300), ("圈", 500)], "name of its own"),
        ([("", 300)], "name of its own"),
        ([("内", 500), ("外", 300)], "grow"),
        ([("内", 300), ("外", 300)], "grow"),
        ([("内", 0)], "above 0"),
        ([("内", float("inf"))], "above 0"),
        ([("内", float("nan"))], "above 0"),
    ],
)
def test_radii_refused(radii, message):
    """Radii have names of their own and grow from the inside out."""
    with pytest.raises(UsageError, match=message):
        catchments.rings(ONE, None, radii)


@pytest.mark.parametrize(
    ("stations", "entrances", "error"),
    [
        (ONE.iloc[:0], None, EmptyError),
        (points([("A", None, None)]), None, EmptyError),
        (ONE.set_crs(None, allow_override=True), None, CrsError),
        (ONE.to_crs(4326), None, CrsError),
        (ONE, DOORS.to_crs(4549), CrsError),
        (points([("A", 0, 0), ("A", 1, 1)]), None, FrameError),
        (points([("A", 0, 0)], key="name"), None, FrameError),
        (ONE.set_geometry(ONE.buffer(10)), None, FrameError),
    ],
    ids=["empty", "no-place", "no-crs", "degrees", "other-crs", "twice", "no-key", "polygon"],
)
def test_stations_refused(stations, entrances, error):
    """Stations that cannot be measured from are refused, whatever else is right."""
    with pytest.raises(error):
        catchments.rings(stations, entrances, RADII)


def test_quad_segs_below_one_refused():
    """A circle needs pieces."""
    with pytest.raises(UsageError, match="quad_segs"):
        catchments.rings(ONE, None, RADII, quad_segs=0)


@pytest.mark.parametrize(
    ("stations", "entrances", "codes"),
    [
        (ONE, DOORS, []),
        (ONE, None, ["catchment.no_entrances"]),
        (points([("A", 0, 0), ("B", None, None)]), DOORS, ["catchment.no_place"]),
        (ONE, pd.concat([DOORS, points([("Z", 0, 9)])]), ["catchment.unknown_station"]),
        (points([("A", 0, 0), ("B", 0, 0)]), None, [*ENTERED * 2, SHARED, NONE]),
        (points([("A", 0, 0), ("B", 0, 0), ("C", 0, 0)]), None, [*ENTERED * 3, SHARED, NONE, NONE]),
        (points([("A", 0, 0), ("B", 1e-9, 0)]), None, [*ENTERED * 2, SHARED, NONE]),
        (points([("A", 0, 0), ("B", 0.03, 0)]), None, [*ENTERED * 2, NEAR]),
        (points([("A", 0, 0), ("B", 0.6, 0), ("C", 1.2, 0)]), None, [*ENTERED * 3, NEAR]),
        (points([("A", 0, 0), ("B", 0, 0), ("C", 0.03, 0)]), None, [*ENTERED * 3, SHARED, NONE, NEAR]),
        (points([("A", 0, 0), ("B", 1.1, 0)]), None, ENTERED * 2),
        (PAIR, points([("A", -9, 0), ("A", -9, 0.2), ("B", -9, 0), ("B", 9, 0)]), [SHARED, NEAR]),
    ],
    ids=[
        "nothing", "no-entrances", "no-place", "stray", "shared", "three-at-one", "rounding", "near", "chain",
        "shared-and-near", "apart", "one-of-two-doors",
    ],
)  # fmt: skip
def test_check(stations, entrances, codes):
    """What makes rings less than they seem is reported once each."""
    assert catchments.check(stations, entrances)["code"].tolist() == codes


def test_station_at_the_same_place_has_no_ground_of_its_own():
    """Two stations at one place: the first by key has the ground, the other no de-duplicated row."""
    rings = catchments.rings(points([("B", 0, 0), ("A", 0, 0)]), None, [("圈", 300)])
    assert rings["catchment_id"].tolist() == ["A-300-raw", "A-300-nearest", "B-300-raw"]


@pytest.mark.parametrize("apart", [0, 1e-9, 1e-7, 1e-5, 1e-3, 0.03])
def test_rings_of_places_that_are_nearly_one(apart):
    """However little lies between two stations, rings are drawn and add up; whom a finding leaves bare has no ring."""
    pair = points([("B", 0, 0), ("A", apart, 0), ("C", 900, 0)])
    rings = catchments.rings(pair, None, RADII)
    assert total(rings, "nearest", 500) == pytest.approx(shapely.union_all(pair.buffer(500, 64)).area, rel=1e-9)
    found = catchments.check(pair, None)
    bare = set(pair["station_id"]) - set(rings.loc[rings["version"] == "nearest", "station_id"])
    assert bare == set(found.loc[found["code"] == NONE, "feature"])


def district(*boxes):
    """Return boxes from the corner of the test ground as districts."""
    shapes = [shapely.box(EAST + a, NORTH + b, EAST + c, NORTH + d) for a, b, c, d in boxes]
    return gpd.GeoDataFrame({"district_id": [str(n) for n in range(len(shapes))]}, geometry=shapes, crs=CRS)


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ([], []),
        ([(-900, -900, 900, 900)], []),
        ([(-900, -900, 0, 900), (0, -900, 900, 900)], []),
        ([(-900, -900, 100, 900)], [("A", "info", 37)]),
        ([(-900, -900, 10, 900)], [("A", "info", 49)]),
        ([(-900, -900, -100, 900)], [("A", "warning", 63)]),
        ([(900, 900, 990, 990)], [("A", "warning", 100)]),
    ],
    ids=["no-district", "inside", "two-districts", "in-part", "near-the-border", "outside", "far-away"],
)
def test_ground_beyond_the_district(boxes, said):
    """A station whose rings leave the district is named with the share that does, whole rings of both versions once."""
    found = catchments.beyond(catchments.rings(ONE, None, RADII), district(*boxes))
    shares = [json.loads(each)["share_pct"] for each in found["parameters"]]
    told = zip(found["feature"], found["severity"], shares, strict=True)
    assert [(key, severity, round(share)) for key, severity, share in told] == said
    assert set(found["code"]) <= {"catchment.beyond_district"} and found[["x", "y"]].notna().all(axis=None)


def test_inputs_are_not_changed():
    """Stations and entrances stay as they were."""
    before = PAIR.copy(), DOORS.copy()
    catchments.rings(PAIR, DOORS, RADII)
    pd.testing.assert_frame_equal(PAIR, before[0])
    pd.testing.assert_frame_equal(DOORS, before[1])


def test_row_order_does_not_matter():
    """Rows and entrances in another order give the same rings to the last bit."""
    doors = pd.concat([DOORS, points([("B", 640, 40), ("B", 560, -40)])])
    shuffled = catchments.rings(PAIR.iloc[::-1], doors.iloc[::-1], RADII)
    pd.testing.assert_frame_equal(shuffled, catchments.rings(PAIR, doors, RADII))


places = st.lists(
    st.tuples(st.sampled_from("ABCD"), st.integers(-1500, 1500), st.integers(-1500, 1500)), min_size=1, max_size=10
)


def town(doors):
    """Return stations at the first of their doors, and all doors."""
    first = {name: (name, x, y) for name, x, y in reversed(doors)}
    return points(list(first.values())), points(doors)


@given(places)
def test_law_nearest_partitions_the_union(doors):
    """De-duplicated rings of one radius do not overlap and add up to the union of the discs."""
    rings = catchments.rings(*town(doors), RADII, quad_segs=8)
    for _, ring in rings.groupby("radius_m"):
        union = ring[ring["version"] == "raw"].union_all().area
        shared = ring[ring["version"] == "nearest"]
        assert shared["area_m2"].sum() == pytest.approx(union, rel=1e-9)
        assert shared.union_all().area == pytest.approx(union, rel=1e-9)


@given(places)
def test_law_every_place_belongs_to_the_nearest_door(doors):
    """A point inside a de-duplicated ring is no farther from its station than from any other."""
    stations, entrances = town(doors)
    rings = catchments.rings(stations, entrances, [("圈", 400)], quad_segs=8).query("version == 'nearest'")
    by_station = {key: group.union_all() for key, group in entrances.groupby("station_id")["geometry"]}
    for key, shape in zip(rings["station_id"], rings.geometry, strict=True):
        inside = shapely.get_parts(shape).tolist()
        probes = [part.representative_point() for part in inside]
        own = np.array([by_station[key].distance(probe) for probe in probes])
        best = np.array([min(other.distance(probe) for other in by_station.values()) for probe in probes])
        assert own == pytest.approx(best, abs=1e-6)


@given(places)
def test_law_rings_are_nested(doors):
    """An inner ring lies in the outer one of the same station and version."""
    rings = catchments.rings(*town(doors), RADII, quad_segs=8)
    for _, group in rings.groupby(["station_id", "version"]):
        outside = shapely.difference(group.geometry.iloc[0], group.geometry.iloc[-1])
        assert outside.area == pytest.approx(0.0, abs=1e-3)
