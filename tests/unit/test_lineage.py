"""A fingerprint is the same for the same content and differs for any other."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gis import lineage


def frame(**changes):
    columns = {"name": ["黑山", None], "n": [1.0, float("nan")], "flag": [True, False]} | changes
    crs = columns.pop("crs", "EPSG:4548")
    shapes = columns.pop("shapes", [shapely.Point(1, 2), None])
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)


SAME = {
    "a copy": frame().copy(),
    "another index": frame().set_index(pd.Index([7, 9])),
    "minus zero": frame(n=[1.0, float("nan")]),
    "memory order": frame().iloc[::-1].iloc[::-1],
}
OTHER = {
    "a value": frame(name=["黑山", "龙泉务"]),
    "blank for missing": frame(name=["黑山", ""]),
    "a number": frame(n=[1.0000001, float("nan")]),
    "zero for missing": frame(n=[1.0, 0.0]),
    "a place": frame(shapes=[shapely.Point(1, 2.0001), None]),
    "the CRS": frame(crs="EPSG:4547"),
    "row order": frame().iloc[::-1],
    "a column name": frame().rename(columns={"n": "m"}),
    "a column less": frame().drop(columns="n"),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_content_has_the_same_fingerprint(name):
    """Whatever the index and the memory."""
    assert lineage.fingerprint(SAME[name]) == lineage.fingerprint(frame())


@pytest.mark.parametrize("name", OTHER)
def test_other_content_has_another_fingerprint(name):
    """Missing is neither blank nor zero."""
    assert lineage.fingerprint(OTHER[name]) != lineage.fingerprint(frame())


def test_values_do_not_run_into_each_other():
    """Two cells are not one long cell."""
    prints = {lineage.fingerprint(pd.DataFrame({"a": pair})) for pair in (["ab", "c"], ["a", "bc"])}
    assert len(prints) == 2


def test_zero_has_no_sign():
    """-0.0 and 0.0 are the same area."""
    plus, minus = (pd.DataFrame({"a": [value]}) for value in (0.0, -0.0))
    assert lineage.fingerprint(plus) == lineage.fingerprint(minus)


def test_an_operation_is_described_as_json_with_sorted_keys():
    """Inputs by fingerprint, parameters as they are, versions of what computed it."""
    record = json.loads(lineage.of("overlay.ledger", {"block": frame()}, tolerance=0.5).json())
    assert record["operation"] == "overlay.ledger"
    assert record["inputs"] == {"block": lineage.fingerprint(frame())}
    assert record["parameters"] == {"tolerance": 0.5}
    assert {"geopandas", "shapely", "GEOS".lower()} <= set(record["versions"])
