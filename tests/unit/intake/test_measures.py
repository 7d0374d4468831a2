"""A stated area is held against the drawing: what fits is silent, what does not is named with its likely cause."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gis.intake import measures
from tests.unit.intake.handmade import square

# a square of 100 m: 10,000 m², 1 公顷, 15 亩; outline 400 m, tolerance of parcels 0.01 m: 4 m²
STATED = {
    "right": (10_000.0, None, None),
    "right within the tolerance": (10_003.0, None, None),
    "within 1 %": (10_040.0, None, None),
    "beyond 1 %": (10_110.0, "area.differs", None),
    "公顷": (1.0, "area.unit_suspected", "公顷/万m²"),
    "亩": (15.0, "area.unit_suspected", "亩"),
    "km²": (0.01, "area.unit_suspected", "km²"),
    "公顷 twice": (1e8, "area.twice_converted", "公顷/万m²"),
    "亩 twice": (10_000 * 2000 / 3, "area.twice_converted", "亩"),
    "half": (5_000.0, "area.differs", None),
    "nothing": (None, None, None),
}


@pytest.fixture
def parcels(shared):
    """Give a maker of parcels with certified areas."""

    def make(stated, shapes=None):
        shapes = shapes or [square(number) for number in range(len(stated))]
        frame = gpd.GeoDataFrame(
            {"parcel_id": [f"p{n}" for n in range(len(stated))], "certified_area_m2": pd.Series(stated, dtype=float)},
            geometry=shapes,
            crs="EPSG:4548",
        )
        return measures.check(frame, shared.layer("parcels"))

    return make


@pytest.mark.parametrize("name", STATED)
def test_a_stated_area_is_compared(parcels, name):
    """One finding at most, a warning about the row at its place, with both values."""
    stated, code, unit = STATED[name]
    found = parcels([stated])
    assert list(found["code"]) == ([code] if code else [])
    if code:
        row, more = found.iloc[0], json.loads(found["parameters"].iloc[0])
        assert (row["severity"], row["feature"], row["field"]) == ("warning", "p0", "certified_area_m2")
        assert (row["x"], row["y"]) == (423_050.0, 4_423_050.0)
        assert (more["row"], more["stated_m2"], more["drawn_m2"], more.get("unit")) == (1, stated, 10_000.0, unit)


@pytest.mark.parametrize(("system", "code"), [("EPSG:3857", "area.web_mercator"), ("EPSG:4490", "area.square_degrees")])
def test_areas_of_another_plane_are_told(parcels, system, code):
    """At 40° N Web Mercator is 1.70 times too large; a square degree is ten thousand million m²."""
    shape = square(side=1_000.0)
    stated = shapely.area(gpd.GeoSeries([shape], crs="EPSG:4548").to_crs(system).iloc[0])
    if system == "EPSG:3857":
        assert stated / 1e6 == pytest.approx(1.70, abs=0.01)
    assert list(parcels([stated], [shape])["code"]) == [code]


def test_an_ellipsoidal_area_fits_as_well(parcels):
    """National deliveries state 椭球面积: 5 km beside the meridian it differs from the plane by 144 ppm."""
    shape = square(side=10_000.0)
    ellipsoidal = measures._ellipsoidal(gpd.GeoDataFrame(geometry=[shape], crs="EPSG:4548"))[0]
    assert abs(ellipsoidal - shape.area) > 10_000
    assert parcels([ellipsoidal], [shape]).empty


def test_what_has_no_area_is_not_compared(parcels):
    """A missing, an empty and a crossing shape."""
    bow = shapely.from_wkt("POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))")
    assert parcels([1.0, 1.0, 1.0], [None, shapely.Polygon(), bow]).empty


COLUMNS = {
    "Shape_Area in square degrees": ("Shape_Area", "°²"),
    "面积_亩 that is in 公顷": ("面积_亩", None),
    "TBMJ in 亩": ("TBMJ", "亩"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_areas_without_a_field_is_compared_as_a_whole(source, conformed, name):
    """GIS programs add Shape_Area in whatever the layer was in."""
    column, suspected = COLUMNS[name]
    shapes = [square(0), square(1)]
    degrees = shapely.area(gpd.GeoSeries(shapes, crs="EPSG:4548").to_crs("EPSG:4490").to_numpy()).tolist()
    stated = {"Shape_Area": degrees, "面积_亩": ["1", "1"], "TBMJ": ["15", "15"]}[column]
    found = conformed(source({"block_id": ["a", "b"], column: stated})).findings
    told = found.loc[found["code"] == "area.column_unit", "parameters"]
    assert [json.loads(text)["suspected"] for text in told] == [suspected]


def test_a_column_of_right_areas_is_silent(source, conformed):
    """15 亩 are 10,000 m²."""
    found = conformed(source({"block_id": ["a"], "面积_亩": ["15"]})).findings
    assert list(found["code"]) == ["columns.unknown"]
