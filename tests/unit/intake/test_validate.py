"""All faults at once, each with a place; rows in are rows accepted and rows quarantined, always."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as some

from gis import catalogue, findings, rows
from gis.intake.validate import split, validate
from gis.settings import Settings
from tests.unit.intake.handmade import square

CATALOGUE = catalogue.read()
BOWTIE = shapely.Polygon([(423000, 4423000), (423100, 4423100), (423100, 4423000), (423000, 4423100)])


def frame(layer, shapes, **columns):
    columns = {CATALOGUE.layer(layer).key: [f"MC00-{number:04d}" for number in range(len(shapes))]} | columns
    came = gpd.GeoDataFrame(columns, geometry=list(shapes), crs="EPSG:4548")
    return rows.canonical(came, CATALOGUE.layer(layer), "EPSG:4548")


def check(layer, shapes, references=None, **columns):
    came = frame(layer, shapes, **columns)
    options = {"catalogue": CATALOGUE, "settings": Settings(), "references": references}
    return came, validate(came, CATALOGUE.layer(layer), **options)


def sliver(width):
    """Two squares side by side, the second begins `width` m before the first ends."""
    return [square(), shapely.affinity.translate(square(1), -width)]


RING = [square(column, row) for column in range(3) for row in range(3) if (column, row) != (1, 1)]
FAULTS = {
    # name: (layer, shapes) -> codes with severity
    "sound": (("blocks", [square(), square(1)]), []),
    "bow-tie": (("blocks", [BOWTIE]), [("geometry.invalid", "error")]),
    "same geometry": (
        ("projects", [square(), square()]),
        [("geometry.duplicate", "warning"), ("coverage.overlap", "warning")],
    ),
    "overlap where none may be": (("blocks", sliver(1.0)), [("coverage.overlap", "error")]),
    "overlap within the tolerance": (("blocks", sliver(0.005)), []),
    "overlap that is allowed": (("constraints", sliver(50.0)), []),
    "gap where none may be": (("blocks", RING), [("coverage.gap", "error")]),
    "gap that is allowed": (("parcels", RING), []),
    "swapped axes": (
        ("blocks", [shapely.transform(square(), lambda c: c[:, ::-1])]),
        [("place.swapped_axes", "error")],
    ),
    "next district": (
        ("blocks", [shapely.affinity.translate(square(), 9000)]),
        [("place.outside_district", "warning")],
    ),
    "almost the same": (
        ("projects", [square(), shapely.affinity.translate(square(), 2)]),
        # 98 of 102 metres: 96.08 %
        [("geometry.near_duplicate", "warning"), ("coverage.overlap", "warning")],
    ),
    "much the same": (
        # 97 of 103 metres: 94.17 %
        ("projects", [square(), shapely.affinity.translate(square(), 3)]),
        [("coverage.overlap", "warning")],
    ),
    "almost the same where features may overlap": (
        ("constraints", [square(), shapely.affinity.translate(square(), 2)]),
        [("geometry.near_duplicate", "info")],
    ),
    "overlap of rounding": (
        # 4e-8 m²
        ("parcels", [square(), shapely.affinity.translate(square(1), -4e-10)]),
        [],
    ),
    "one vertex in another country": (
        ("blocks", [shapely.Polygon([*square().exterior.coords[:3], (0, 0), square().exterior.coords[3]])]),
        [("place.stray_vertex", "error"), ("geometry.spike", "warning")],
    ),
    "another city": (
        ("blocks", [shapely.affinity.translate(square(), -200_000)]),
        [("place.outside_district", "error")],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_neighbours_and_places_are_checked(name):
    """What the layer file says about its topology decides."""
    (layer, shapes), expected = FAULTS[name]
    _, found = check(layer, shapes)
    found = found[~found["code"].isin(["row.required"])]
    assert list(zip(found["code"], found["severity"], strict=True)) == expected
    assert np.isfinite(found["x"]).all()


def test_a_stray_vertex_is_named_with_its_place():
    """So that it can be taken out by hand."""
    corners = list(square().exterior.coords)
    _, found = check("projects", [square(1), shapely.Polygon([*corners[:3], (9e5, 9e5), corners[3]])])
    found = found[found["code"] == "place.stray_vertex"]
    assert found[["x", "y", "feature"]].to_numpy().tolist() == [[9e5, 9e5, "MC00-0001"]]
    said = json.loads(found["parameters"].iloc[0])
    assert (said["row"], said["vertex"], said["count"]) == (2, 4, 1)


CONTAINMENT = {
    # name: (shapes of the parcels, the street block each names) -> feature, m² outside
    "inside": ([square()], ["a"], []),
    "all of another": ([square(1)], ["a"], [("MC00-0000", 10_000.0)]),
    "half a metre over, wider than the tolerance": (
        [shapely.affinity.translate(square(), -0.5)],
        ["a"],
        [("MC00-0000", 50.0)],
    ),
    "within the tolerance": ([shapely.affinity.translate(square(), -0.005)], ["a"], []),
    "names none": ([square(5)], [None], []),
    "names one that does not exist": ([square(5)], ["z"], []),
}


@pytest.mark.parametrize("name", CONTAINMENT)
def test_a_feature_must_lie_in_the_feature_that_it_names(name):
    """A parcel in its street block, with the area that is outside."""
    shapes, named, expected = CONTAINMENT[name]
    layer = CATALOGUE.layer("parcels")
    came = frame("parcels", shapes, street_block_id=named)
    ground = gpd.GeoDataFrame({"street_block_id": ["a", "b"]}, geometry=[square(), square(1)], crs="EPSG:4548")
    parents = {"street_blocks": ground}
    found = validate(came, layer, catalogue=CATALOGUE, settings=Settings(), parents=parents)
    found = found[found["code"] == "containment.outside"]
    outside = [json.loads(text)["area_m2"] for text in found["parameters"]]
    assert list(zip(found["feature"], map(round, outside), strict=True)) == expected
    assert set(found["severity"]) <= {"warning"}


def test_a_unit_must_lie_in_the_districts():
    """Two districts side by side are one ground; the seam between them is no edge."""
    came = frame("units", [square(0, 0, 150.0), square(4)])
    ground = gpd.GeoDataFrame({"district_id": ["a", "b"]}, geometry=[square(0, 0, 100.0), square(1)], crs="EPSG:4548")
    wide = ground.assign(geometry=ground.buffer(60, join_style="mitre"))
    layer = CATALOGUE.layer("units")
    found = validate(came, layer, catalogue=CATALOGUE, settings=Settings(), parents={"districts": wide})
    assert list(found.loc[found["code"] == "containment.outside", "feature"]) == ["MC00-0001"]


def test_references_are_checked_against_what_is_known():
    """A project's unit must exist, once the units are known."""
    _, found = check("entrances", [shapely.Point(423000, 4423000)], {"stations": {"s"}}, station_id=["t"])
    assert list(found["code"]) == ["row.reference"]


def test_bounds_may_be_switched_off():
    """A sample town lies nowhere."""
    came = frame("blocks", [shapely.affinity.translate(square(), -200_000)])
    found = validate(came, CATALOGUE.layer("blocks"), catalogue=CATALOGUE, settings=Settings(bounds=None))
    assert found.empty


def test_a_grid_without_a_way_to_degrees_is_said_to_be_unchecked():
    """The bureau's own grid may name no datum that PROJ knows."""
    grid = "+proj=tmerc +lon_0=116.2 +x_0=300000 +y_0=-4000000 +ellps=krass +units=m +no_defs"
    came = frame("blocks", [square()]).set_crs(grid, allow_override=True)
    found = validate(came, CATALOGUE.layer("blocks"), catalogue=CATALOGUE, settings=Settings())
    assert list(found["code"]) == ["place.unchecked"]


def test_quarantined_rows_keep_their_reasons_values_and_geometry():
    """A person must be able to put the row right from the record alone."""
    came, found = check("blocks", [BOWTIE, square(3)], name=["黑山", "滨河路"])
    accepted, quarantined = split(came, found, layer="blocks", file="街区.shp")
    held = quarantined.iloc[0]
    assert list(accepted["name"]) == ["滨河路"]
    assert held[["layer", "file", "row", "feature"]].tolist() == ["blocks", "街区.shp", 1, "MC00-0000"]
    assert [reason["code"] for reason in json.loads(held["reasons"])] == ["geometry.invalid"]
    assert json.loads(held["content"])["name"] == "黑山"
    assert shapely.from_wkb(held["wkb"]).equals_exact(came.geometry.iloc[0])


def test_the_quarantine_has_the_columns_of_its_layer():
    """So that a store takes it as it is."""
    came, found = check("blocks", [BOWTIE])
    _, quarantined = split(came, found, layer="blocks", file="a")
    layer = CATALOGUE.layer("quarantine")
    assert tuple(quarantined.columns) == layer.columns
    assert rows.check(quarantined, layer, CATALOGUE).empty


def test_neighbours_that_overlap_are_reported_and_enter():
    """Whose line is wrong is a person's question; keeping both out would leave a hole."""
    came, found = check("blocks", sliver(1.0))
    accepted, quarantined = split(came, found)
    assert (len(accepted), len(quarantined)) == (2, 0)


@given(some.lists(some.sampled_from(["fine", "bow-tie", "missing", "no key", "far"]), max_size=8))
def test_no_row_is_lost(kinds):
    """Rows in = rows accepted + rows quarantined; what is sound is accepted."""
    shapes = {"bow-tie": BOWTIE, "missing": None, "far": shapely.box(0, 0, 1, 1)}
    came = frame(
        "public_spaces",
        [shapes.get(kind, square(number)) for number, kind in enumerate(kinds)],
        public_space_id=[None if kind == "no key" else f"k{number}" for number, kind in enumerate(kinds)],
        kind=["park" if "park" in CATALOGUE.code_list("public_space_kinds") else None] * len(kinds),
    )
    layer = CATALOGUE.layer("public_spaces")
    found = validate(came, layer, catalogue=CATALOGUE, settings=Settings())
    found = found[found["field"] != "kind"]
    accepted, quarantined = split(came, findings.table(found.to_dict("records")))
    assert len(accepted) + len(quarantined) == len(kinds)
    assert len(accepted) == kinds.count("fine")


def test_an_empty_frame_has_no_faults():
    """And splits into two empty ones."""
    came, found = check("blocks", [])
    assert [len(part) for part in (found, *split(came, found))] == [0, 0, 0]
