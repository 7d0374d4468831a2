"""What each row must satisfy, and the canonical shape: the same questions for intake and for both stores."""

from __future__ import annotations

import json
from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as some

from gis import catalogue, fieldtypes, rows
from gis.errors import CrsError, FrameError

CATALOGUE = catalogue.read()
BLOCKS = CATALOGUE.layer("blocks")
ARROW_TEXT = pd.ArrowDtype(pyarrow.string())
BOX = shapely.box(0, 0, 10, 10)
BOWTIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
with np.errstate(invalid="ignore"):
    NOT_A_NUMBER, INFINITE = (shapely.from_wkt(f"POLYGON ((0 0, 9 0, 9 {bad}, 0 9, 0 0))") for bad in ("nan", "inf"))


def block(shape=BOX, **values):
    cells = {"block_id": "MC00-0201"} | values
    # the string type holds no lone surrogate, an object column does
    columns = {
        name: pd.Series([value], dtype=object if isinstance(value, str) else None) for name, value in cells.items()
    }
    return gpd.GeoDataFrame(columns, geometry=[shape], crs="EPSG:4548")


VALUES = {
    # name: (field, value) -> code of the fault
    "missing key": ("block_id", None, "row.required"),
    "blank key": ("block_id", "  ", "row.required"),
    "key against its pattern": ("block_id", "MC00-201", "row.pattern"),
    "pattern with a line break behind": ("block_id", "MC00-0201\n", "row.pattern"),
    "number in a text field": ("name", 1, "row.type"),
    "too wide": ("name", "甲" * 61, "row.width"),
    "as wide as may be": ("name", "甲" * 60, None),
    "NUL": ("name", "a\0b", "row.nul"),
    "lone surrogate": ("name", "\ud83d", "row.nul"),
    "half a person": ("residents", 2.5, "row.type"),
    "whole float": ("residents", 2.0, None),
    "text in an integer field": ("residents", "2", "row.type"),
    "truth in an integer field": ("residents", True, "row.type"),
    "too many": ("residents", 2_000_000, "row.range"),
    "the limit itself": ("residents", 1_000_000, None),
    "negative area": ("approved_area_m2", -1.0, "row.range"),
    "infinite": ("approved_area_m2", np.inf, "row.type"),
    "integer in a real field": ("approved_area_m2", 5, None),
    "not a number is missing": ("approved_area_m2", np.nan, None),
    "one for true": ("is_key", 1, "row.type"),
    "true": ("is_key", True, None),
    "day": ("approved_on", date(2024, 1, 2), None),
    "day in ISO words": ("approved_on", "2024-01-02", None),
    "day that is none": ("approved_on", "2023-02-29", "row.type"),
    "with a time of day": ("approved_on", pd.Timestamp("2024-01-02 03:00"), "row.type"),
    "unknown code": ("authority", "sworn", "row.code"),
    "known code": ("authority", "draft", None),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_checked(name):
    """One fault gives one finding, with its field and row."""
    field, value, code = VALUES[name]
    found = rows.check(block(**{field: value}), BLOCKS, CATALOGUE)
    assert list(found["code"]) == ([code] if code else [])
    assert found["field"].isin([field]).all()
    assert [json.loads(text)["row"] for text in found["parameters"]] == [1] * len(found)


# name: (field, column of two rows) -> code of the first row's fault; the second row is sound
DTYPES = {
    "year 0": ("approved_on", pd.Series(np.array(["0000-06-01", "2024-01-02"], "M8[s]")), "row.type"),
    "before Christ": ("approved_on", pd.Series(np.array(["-0044-03-15", "2024-01-02"], "M8[s]")), "row.type"),
    "after 9999": ("approved_on", pd.Series(np.array(["10000-01-01", "NaT"], "M8[s]")), "row.type"),
    "after 9999, an object": ("approved_on", pd.Series([np.datetime64("20240-01-01"), None], dtype=object), "row.type"),
    "the first day": ("approved_on", pd.Series(np.array(["0001-01-01", "9999-12-31"], "M8[s]")), None),
    "Arrow's day": ("approved_on", pd.Series([date(2024, 1, 2), None], dtype="date32[pyarrow]"), None),
    "category of days": ("approved_on", pd.Series([pd.Timestamp("2024-01-02"), None], dtype="category"), None),
    "category blank key": ("block_id", pd.Series([" ", "MC00-0002"], dtype="category"), "row.required"),
    "Arrow's blank key": ("block_id", pd.Series([" ", "MC00-0002"], dtype="string[pyarrow]"), "row.required"),
    "Arrow's other blank key": ("block_id", pd.Series([" ", "MC00-0002"], dtype=ARROW_TEXT), "row.required"),
    "category against the pattern": ("block_id", pd.Series(["x", "MC00-0002"], dtype="category"), "row.pattern"),
    "category too wide": ("name", pd.Series(["甲" * 61, None], dtype="category"), "row.width"),
    "category": ("name", pd.Series(["甲", None], dtype="category"), None),
    "unsigned beyond 64 bits": ("residents", pd.Series([2**63, 1], dtype="uint64"), "row.type"),
    "unsigned": ("residents", pd.Series([3, 1], dtype="uint64"), None),
    "Arrow's integers": ("residents", pd.Series([3, None], dtype="int64[pyarrow]"), None),
    "digits that a real loses": ("approved_area_m2", pd.Series([2**53 + 1, 1]), "row.type"),
    "digits that a real keeps": ("approved_area_m2", pd.Series([5, 1]), None),
    "beyond all reals": ("approved_area_m2", pd.Series([10**400, None], dtype=object), "row.type"),
    "Arrow's reals": ("approved_area_m2", pd.Series([1.5, None], dtype="double[pyarrow]"), None),
    "Arrow's flags": ("is_key", pd.Series([True, None], dtype="bool[pyarrow]"), None),
}


@pytest.mark.parametrize("name", DTYPES)
def test_a_column_of_any_dtype_is_checked(name):
    """The rule is the value's, however pandas keeps it; what passes has a canonical shape."""
    field, column, code = DTYPES[name]
    frame = pd.concat([block(block_id="MC00-0001"), block(block_id="MC00-0002")], ignore_index=True)
    frame[field] = column
    found = rows.check(frame, BLOCKS, CATALOGUE)
    assert found["code"].tolist() == ([] if code is None else [code])
    if code is None:
        assert rows.canonical(frame, BLOCKS)[field].isna().tolist() == column.isna().tolist()


SHAPES = {
    "polygon": (BOX, None),
    "multipolygon": (shapely.MultiPolygon([BOX]), None),
    "missing": (None, "geometry.missing"),
    "empty": (shapely.Polygon(), "geometry.empty"),
    "point": (shapely.Point(1, 1), "geometry.type"),
    "collection": (shapely.GeometryCollection([BOX]), None),
    "mixed collection": (shapely.GeometryCollection([BOX, BOX.exterior]), "geometry.type"),
    "bow-tie": (BOWTIE, "geometry.invalid"),
    "NaN": (NOT_A_NUMBER, "geometry.not_finite"),
    "infinite": (INFINITE, "geometry.not_finite"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_geometry_is_checked(name):
    """A single polygon is as good as a multipolygon."""
    shape, code = SHAPES[name]
    assert list(rows.check(block(shape), BLOCKS, CATALOGUE)["code"]) == ([code] if code else [])


def test_an_invalid_geometry_is_shown_where_it_is_broken():
    """At the crossing, not in the middle of the shape."""
    lopsided = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 2)])
    found = rows.check(block(lopsided), BLOCKS, CATALOGUE).iloc[0]
    assert (found["x"], found["y"]) == pytest.approx((10 / 6, 10 / 6))


def test_repeated_keys_are_all_named():
    """Which of two is the right one, nobody knows."""
    twice = pd.concat([block(), block(), block(block_id="MC00-0202")], ignore_index=True)
    found = rows.check(twice, BLOCKS, CATALOGUE)
    assert list(found["code"]) == ["row.duplicate_key"] * 2
    assert [json.loads(text)["row"] for text in found["parameters"]] == [1, 2]


def test_an_absent_required_column_is_a_fault_of_every_row():
    """So that every row is quarantined."""
    came = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[BOX, BOX], crs="EPSG:4548")
    assert list(rows.check(came, BLOCKS, CATALOGUE)["code"]) == ["row.required"] * 2


def test_all_faults_come_at_once():
    """In the order of the rows."""
    came = pd.concat([block(BOWTIE, name=1), block(None, block_id=None)], ignore_index=True)
    codes = list(rows.check(came, BLOCKS, CATALOGUE)["code"])
    assert codes == ["row.type", "geometry.invalid", "row.required", "geometry.missing"]


def test_a_frame_without_geometry_is_refused_for_a_layer_with():
    """That is a program's fault, not a row's."""
    with pytest.raises(FrameError, match="GeoDataFrame"):
        rows.check(pd.DataFrame({"block_id": ["a"]}), BLOCKS, CATALOGUE)


@pytest.mark.parametrize(("unit", "codes"), [("u", []), ("v", ["row.reference"]), (None, [])])
def test_references_must_exist(unit, codes):
    """A blank one refers to nothing; a layer that is not given is not checked."""
    came = pd.DataFrame({"project_id": ["p"], "unit_id": [unit]})
    layer = CATALOGUE.layer("projects")
    assert list(rows.references(came, layer, {"units": ["u"]})["code"]) == codes
    assert rows.references(came, layer, {}).empty


def test_a_canonical_frame_has_all_columns_in_their_types():
    """Fields in their order, then extra and _version, then geometry."""
    came = block(residents=3, approved_on="2024-01-02", _version=4, extra="{}")
    shaped = rows.canonical(came[reversed(came.columns)].set_crs("EPSG:4548"), BLOCKS, "EPSG:4548")
    assert list(shaped.columns) == [*BLOCKS.columns, "extra", "_version", "geometry"]
    assert {str(shaped[field.name].dtype) for field in BLOCKS.fields if field.type == "integer"} == {"Int64"}
    assert shaped.loc[0, "approved_on"] == pd.Timestamp("2024-01-02")
    assert shaped.geom_type[0] == "MultiPolygon"


@pytest.mark.parametrize("layer", sorted(CATALOGUE.layers))
def test_an_empty_frame_of_every_layer_is_canonical_twice(layer):
    """An empty layer keeps its columns, types and geometry type; shaping it again changes nothing."""
    layer = CATALOGUE.layer(layer)
    empty = gpd.GeoDataFrame(geometry=[], crs="EPSG:4548") if layer.spatial else pd.DataFrame()
    once = rows.canonical(empty, layer)
    assert rows.canonical(once, layer).dtypes.equals(once.dtypes)
    assert rows.check(once, layer, CATALOGUE).empty


@pytest.mark.parametrize(
    ("came", "error", "said"),
    [
        (block(colour="red"), FrameError, "colour"),
        (block(residents="many"), FrameError, "residents"),
        (block().set_crs("EPSG:4547", allow_override=True), CrsError, "EPSG:4547"),
    ],
    ids=["unknown column", "wrong type", "wrong CRS"],
)
def test_what_has_no_canonical_shape_is_refused(came, error, said):
    """With the name of what is wrong."""
    with pytest.raises(error, match=said):
        rows.canonical(came, BLOCKS, "EPSG:4548")


FAR = shapely.box(50, 50, 60, 60)
COLLECTIONS = {
    "polygons": ("blocks", [BOX, FAR], "MultiPolygon"),
    "one polygon and nothing": ("blocks", [shapely.Polygon(), BOX], "MultiPolygon"),
    "a collection of a multipolygon": (
        "blocks",
        [shapely.GeometryCollection([shapely.MultiPolygon([BOX])])],
        "MultiPolygon",
    ),
    "lines": ("streets", [BOX.exterior, shapely.LineString([(0, 0), (1, 1)])], "MultiLineString"),
    "one point": ("stations", [shapely.Point(1, 1)], "Point"),
    "a polygon and a line": ("blocks", [BOX, shapely.LineString([(0, 0), (1, 1)])], "GeometryCollection"),
    "nothing": ("blocks", [], "GeometryCollection"),
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_a_collection_of_one_kind_is_of_that_kind(name):
    """Other programs write polygons as collections; what holds two kinds is asked."""
    layer, parts, kind = COLLECTIONS[name]
    came = np.array([shapely.GeometryCollection(parts)], dtype=object)
    (made,) = rows.promoted(came, CATALOGUE.layer(layer))
    assert made.geom_type == kind
    assert made.area == pytest.approx(came[0].area)


def test_promoting_keeps_heights_out_and_strangers_as_they_are():
    """A multipoint of one is a point; a line in a layer of points stays a line."""
    shapes = np.array([shapely.MultiPoint([(1, 2, 3)]), shapely.LineString([(0, 0), (1, 1)]), None], dtype=object)
    found = rows.promoted(shapes, CATALOGUE.layer("stations"))
    assert [shape and shape.wkt for shape in found] == ["POINT (1 2)", "LINESTRING (0 0, 1 1)", None]


cell = some.none() | some.integers() | some.floats() | some.booleans() | some.text() | some.dates() | some.binary()


@given(some.lists(cell, max_size=5), some.sampled_from(sorted(rows.DTYPES)))
def test_what_fits_can_be_stored_and_what_does_not_is_found(cells, type_):
    """`misfits` and `canonical` never disagree, whatever stands in a cell."""
    column = pd.Series(cells, dtype=object)
    fitting = column[~fieldtypes.misfits(column, type_)]
    field = next(item for layer in CATALOGUE.layers.values() for item in layer.fields if item.type == type_)
    layer = next(item for item in CATALOGUE.layers.values() if field in item.fields)
    came = pd.DataFrame({field.name: fitting.to_list()}, dtype=object)
    if layer.spatial:
        came = gpd.GeoDataFrame(came, geometry=[None] * len(came), crs="EPSG:4548")
    shaped = rows.canonical(came, layer)
    assert list(shaped[field.name].isna()) == [bool(pd.isna(value)) for value in came[field.name]]
