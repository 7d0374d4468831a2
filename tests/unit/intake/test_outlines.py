"""Spikes and scraps: tables of shapes with lengths and areas worked out by hand."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis import catalogue
from gis.intake import outlines

LAYER = catalogue.read().layer("units")  # tolerance 0.5 m
BASE = [(0, 0), (100, 0), (100, 100), (0, 100)]


def square(side, x=0.0, y=0.0):
    return shapely.box(x, y, x + side, y + side)


def spiked(tip, width, at=50.0):
    """Return a square whose upper side has a triangle `width` m wide up to the tip."""
    return shapely.Polygon([*BASE[:3], (at + width / 2, 100), tip, (at - width / 2, 100), BASE[3]])


FLAWS = {
    # name: (shape, code and what it says, or None)
    "square": (square(100), None),
    "spike": (spiked((50, 130), 0.2), ("geometry.spike", {"length_m": 30.0, "width_m": 0.2, "count": 1})),
    "gore": (spiked((50, 70), 0.2), ("geometry.spike", {"length_m": 30.0, "width_m": 0.2, "count": 1})),
    "spire as wide as the tolerance allows": (spiked((50, 130), 4.0), None),
    "far vertex": (spiked((50, 3100), 10.0), ("geometry.spike", {"length_m": 3000.0, "width_m": 10.0, "count": 1})),
    "short nick": (spiked((50, 100.3), 0.02), None),
    "tiny part": (
        shapely.MultiPolygon([square(100), square(0.5, 200)]),
        ("geometry.tiny_part", {"area_m2": 0.25, "count": 1}),
    ),
    "two tiny parts": (
        shapely.MultiPolygon([square(100), square(0.5, 200), square(0.25, 300)]),
        ("geometry.tiny_part", {"area_m2": 0.0625, "count": 2}),
    ),
    "sliver": (shapely.box(0, 0, 100, 0.4), ("geometry.tiny_part", {"area_m2": 40.0, "count": 1})),
    "tiny hole": (
        shapely.Polygon(BASE, [square(0.5, 10, 10).exterior.coords]),
        ("geometry.tiny_hole", {"area_m2": 0.25, "count": 1}),
    ),
    "courtyard": (shapely.Polygon(BASE, [square(2, 10, 10).exterior.coords]), None),
    "empty part": (shapely.MultiPolygon([square(100), shapely.Polygon()]), None),
}


@pytest.mark.parametrize("name", FLAWS)
def test_flaws_are_found_with_their_measures(name):
    """One warning a row, at the place."""
    shape, expected = FLAWS[name]
    frame = gpd.GeoDataFrame({"unit_id": ["A", "U"]}, geometry=[square(9, -50), shape], crs="EPSG:4548")
    found = outlines.check(frame, LAYER)
    if expected is None:
        assert found.empty
        return
    code, said = expected
    assert found[["code", "severity", "feature"]].to_numpy().tolist() == [[code, "warning", "U"]]
    parameters = json.loads(found["parameters"].iloc[0])
    assert parameters.pop("row") == 2
    assert parameters == pytest.approx(said, rel=1e-3)
    assert shapely.dwithin(shapely.Point(found["x"].iloc[0], found["y"].iloc[0]), shape, 1.0)


@pytest.mark.parametrize("turn", range(7))
def test_a_spike_is_found_wherever_the_ring_begins(turn):
    """The corner between the last point and the first is a corner."""
    points = list(spiked((50, 130), 0.2).exterior.coords)[:-1]
    frame = gpd.GeoDataFrame({"unit_id": ["U"]}, geometry=[shapely.Polygon(points[turn:] + points[:turn])], crs=4548)
    found = outlines.check(frame, LAYER)
    assert found[["code", "x", "y"]].to_numpy().tolist() == [["geometry.spike", 50.0, 130.0]]


def test_heights_and_measures_are_counted():
    """What is dropped is said."""
    shapes = np.array([shapely.from_wkt(text) for text in ("POINT Z (1 2 3)", "POINT M (1 2 3)", "POINT (1 2)")])
    found = outlines.flattened(np.append(shapes, None), LAYER)
    assert list(found["code"]) == ["geometry.z_dropped", "geometry.m_dropped"]
    assert [json.loads(text)["count"] for text in found["parameters"]] == [1, 1]
