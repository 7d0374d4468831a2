"""Repairs are named, minimal, on the list with their areas, and done once."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as some

from gis import catalogue
from gis.intake.repair import repair
from tests.unit.intake.handmade import square

CATALOGUE = catalogue.read()
BOWTIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
CLOCKWISE = shapely.Polygon([(0, 0), (0, 10), (10, 10), (10, 0)])
AGAINST = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)])
REPEATED = shapely.Polygon([(0, 0), (10, 0), (10, 0), (10, 10), (0, 10)])
SPIKE = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (-5, -5), (0, 0)])
FLAT = shapely.Polygon([(0, 0), (10, 0), (5, 0)])


def frame(*shapes, **columns):
    names = [f"MC00-{number:04d}" for number in range(len(shapes))]
    multi = [None if shape is None else shapely.MultiPolygon([shape]) for shape in shapes]
    return gpd.GeoDataFrame({"block_id": names} | columns, geometry=multi, crs="EPSG:4548")


REPAIRS = {
    "nothing to do": (AGAINST, [], 100.0),
    "rings against the clock": (CLOCKWISE, ["repair.orientation"], 100.0),
    "repeated vertex": (REPEATED, ["repair.vertices"], 100.0),
    "bow-tie": (BOWTIE, ["repair.structure", "repair.orientation"], 50.0),
    "spike": (SPIKE, ["repair.structure", "repair.orientation"], 100.0),
    "missing": (None, [], 0.0),
    "collapses to a line": (FLAT, [], 0.0),
}


@pytest.mark.parametrize("name", REPAIRS)
def test_a_repair_is_named_and_keeps_the_ground(name):
    """What cannot be a polygon is left for the row check."""
    shape, codes, area = REPAIRS[name]
    repaired = repair(frame(shape), CATALOGUE.layer("blocks"))
    assert list(repaired.findings["code"]) == codes
    assert repaired.frame.geometry.area.fillna(0).sum() == pytest.approx(area)


def test_areas_before_and_after_are_listed():
    """The two halves of a bow-tie count against each other until it is rebuilt."""
    found = repair(frame(BOWTIE), CATALOGUE.layer("blocks")).findings.iloc[0]
    values = json.loads(found["parameters"])
    assert [values[name] for name in ("before_m2", "after_m2", "gained_m2", "lost_m2")] == [0.0, 50.0, 50.0, 0.0]
    assert found["feature"] == "MC00-0000"


SQUARE = [(0, 0), (100, 0), (100, 100), (0, 100)]
UNEQUAL = {
    "a hole that leaves its outline": (shapely.Polygon(SQUARE, [[(50, 50), (120, 50), (50, 80)]]), 8950.0, 9035.714),
    "a hole outside": (shapely.Polygon(SQUARE, [[(150, 50), (170, 50), (150, 80), (149, 60)]]), 9685.0, 10315.0),
    "holes that cross": (
        shapely.Polygon(
            SQUARE, [[(10, 10), (60, 10), (60, 60), (10, 60)], [(30, 30), (80, 30), (80, 80), (50, 90), (30, 80)]]
        ),
        4750.0,
        5650.0,
    ),
    "a bow-tie beside a sound part": (
        shapely.MultiPolygon(
            [
                shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)]),
                shapely.Polygon([(200, 0), (300, 0), (300, 50), (310, 60), (300, 100), (200, 100)]),
            ]
        ),
        10250.0,
        15250.0,
    ),
}


@pytest.mark.parametrize("name", UNEQUAL)
def test_rings_of_unequal_length_are_rebuilt(name):
    """What is gained less what is lost is the difference of the areas."""
    shape, before, after = UNEQUAL[name]
    came = frame(AGAINST, AGAINST)
    came.loc[0, "geometry"] = shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape])
    repaired = repair(came, CATALOGUE.layer("blocks"))
    assert repaired.frame.geometry.area.tolist() == pytest.approx([after, 100.0], abs=0.01)
    one = repaired.repairs.loc[repaired.repairs["code"] == "repair.structure"].iloc[0]
    assert (one["before_m2"], one["after_m2"]) == pytest.approx((before, after), abs=0.01)
    assert one["gained_m2"] - one["lost_m2"] == pytest.approx(after - before, abs=0.01)


def test_a_registered_line_is_never_edited():
    """Its fault is reported; every bit of it stays."""
    before = frame(BOWTIE, CLOCKWISE, authority=["registered", "registered"])
    repaired = repair(before, CATALOGUE.layer("blocks"))
    assert list(repaired.findings["code"]) == ["repair.locked"]
    assert list(repaired.frame.to_wkb()["geometry"]) == list(before.to_wkb()["geometry"])


def test_a_draft_line_may_be_repaired():
    """Only registered and approved lines are locked."""
    repaired = repair(frame(BOWTIE, authority=["draft"]), CATALOGUE.layer("blocks"))
    assert repaired.frame.geometry.is_valid.all()


def test_the_input_is_not_changed():
    """Inputs never are."""
    before = frame(BOWTIE)
    copy = before.copy()
    repair(before, CATALOGUE.layer("blocks"))
    assert before.geometry.geom_equals_exact(copy.geometry, 0).all()


def test_a_layer_without_geometry_has_nothing_to_repair():
    """It comes back as it is."""
    came = gpd.pd.DataFrame({"vote_id": ["1"]})
    assert repair(came, CATALOGUE.layer("votes")).frame is came


corner = some.tuples(some.integers(0, 6), some.integers(0, 6))


@given(some.lists(some.lists(corner, min_size=3, max_size=8), min_size=1, max_size=4))
def test_repairing_twice_changes_nothing(rings):
    """The second time finds nothing to do and moves no bit."""
    layer = CATALOGUE.layer("blocks")
    once = repair(frame(*map(shapely.Polygon, rings)), layer).frame
    twice = repair(once, layer)
    assert list(twice.frame.to_wkb()["geometry"]) == list(once.to_wkb()["geometry"])
    assert twice.findings.empty


RINGS = some.lists(some.lists(corner, min_size=3, max_size=8), min_size=1, max_size=4)


@given(RINGS)
def test_what_is_gained_less_what_is_lost_is_the_change(rings):
    """For each repair, and for the rows as a whole; only ground that is there after can have been gained."""
    before = frame(*map(shapely.Polygon, rings))
    repaired = repair(before, CATALOGUE.layer("blocks"))
    made = repaired.repairs
    change = made["after_m2"] - made["before_m2"]
    assert (made["gained_m2"] - made["lost_m2"] - change).abs().max() < 1e-6 or made.empty
    total = repaired.frame.geometry.area.sum() - before.geometry.area.sum()
    assert (made["gained_m2"] - made["lost_m2"]).sum() == pytest.approx(total, abs=1e-6)
    assert (made[["gained_m2", "lost_m2"]] >= 0).all(axis=None)


TWICE = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0), (6, 0), (6, 6), (0, 6)])
GROUND = {
    # name: (shape, before, after, gained, lost), m²
    "two equal lobes": (BOWTIE, 0.0, 50.0, 50.0, 0.0),
    "around a corner twice": (TWICE, 136.0, 100.0, 0.0, 36.0),
    "repeated vertex": (REPEATED, 100.0, 100.0, 0.0, 0.0),
    "spike": (SPIKE, 100.0, 100.0, 0.0, 0.0),
}


@pytest.mark.parametrize("name", GROUND)
def test_a_repair_is_a_row_with_the_ground_before_and_after(name):
    """Ground that counted twice is lost once; ground that counted against is gained twice."""
    shape, before, after, gained, lost = GROUND[name]
    one = repair(frame(AGAINST, shape), CATALOGUE.layer("blocks")).repairs.iloc[0]
    assert one[["before_m2", "after_m2", "gained_m2", "lost_m2"]].tolist() == [before, after, gained, lost]
    assert one[["layer", "feature", "row"]].tolist() == ["blocks", "MC00-0001", 2]
    assert shapely.dwithin(shapely.Point(one["x"], one["y"]), shapely.make_valid(shape, method="structure"), 0.1)


def test_a_dropped_vertex_is_counted():
    """Five corners become four; the ring's end counts once more."""
    one = repair(frame(REPEATED), CATALOGUE.layer("blocks")).repairs.iloc[0]
    assert one[["code", "before_vertices", "after_vertices"]].tolist() == ["repair.vertices", 6, 5]


@given(RINGS)
def test_no_locked_shape_is_ever_in_the_list(rings):
    """Nothing is done to it, so nothing is listed."""
    shapes = list(map(shapely.Polygon, rings))
    before = frame(*shapes, *shapes, authority=["registered"] * len(shapes) + ["draft"] * len(shapes))
    repaired = repair(before, CATALOGUE.layer("blocks"))
    assert (repaired.repairs["row"] > len(shapes)).all()
    same = repaired.frame.geometry.iloc[: len(shapes)].geom_equals_exact(before.geometry.iloc[: len(shapes)], 0)
    assert same.all()


def test_lines_lose_repeated_vertices():
    """A street digitised with a double click."""
    line = shapely.MultiLineString([[(0, 0), (1, 1), (1, 1), (2, 0)]])
    came = gpd.GeoDataFrame({"street_id": ["1"]}, geometry=[line], crs="EPSG:4548")
    repaired = repair(came, CATALOGUE.layer("streets"))
    assert shapely.get_num_coordinates(repaired.frame.geometry.iloc[0]) == 3


def test_a_square_is_left_bit_for_bit():
    """Nothing is done to what needs nothing."""
    came = frame(shapely.orient_polygons(square()))
    assert repair(came, CATALOGUE.layer("blocks")).findings.empty
