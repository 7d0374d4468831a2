"""Findings have one shape and are worded, never executed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import shapely

from gis import catalogue, findings

TEXTS = {"a.b": "{layer} {feature}: {field} 为 {value},宽 {width_m}"}


def test_no_findings_have_the_columns_and_types_of_some():
    """So that tables can be joined in any order."""
    some = findings.table([findings.finding("a.b", "blocks", "MC00-0201", at=(1.0, 2.0))])
    assert findings.table().dtypes.equals(some.dtypes)
    assert tuple(some.columns) == findings.COLUMNS


PLACES = {
    "pair": ((1, 2), (1.0, 2.0)),
    "point": (shapely.Point(1, 2), (1.0, 2.0)),
    "inside a polygon": (shapely.box(0, 0, 2, 2), (1.0, 1.0)),
    "nowhere": (None, None),
    "empty": (shapely.Polygon(), None),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_a_pair_of_numbers(name):
    """Unknown places are NaN."""
    at, expected = PLACES[name]
    row = findings.finding("a.b", "blocks", at=at)
    assert (None if np.isnan(row["x"]) else (row["x"], row["y"])) == expected


def test_parameters_of_any_kind_become_json():
    """numpy, pandas and dates included; keys are sorted, Chinese stays readable."""
    row = findings.finding("a.b", "blocks", z=np.int64(3), a=pd.NA, when=pd.Timestamp("2024-01-02"), names=("甲", "乙"))
    assert row["parameters"] == '{"a": null, "names": ["甲", "乙"], "when": "2024-01-02 00:00:00", "z": 3}'


def test_an_unknown_severity_is_refused():
    """There are three."""
    with pytest.raises(ValueError, match="fatal"):
        findings.finding("a.b", "blocks", severity="fatal")


def test_joining_keeps_the_order():
    """And makes a new index."""
    one, two = (findings.table([findings.finding(code, "x")]) for code in ("a", "b"))
    joined = findings.join(one, findings.table(), two)
    assert list(joined["code"]) == ["a", "b"]
    assert list(joined.index) == [0, 1]


def test_joining_nothing_is_no_findings():
    """With all columns."""
    assert tuple(findings.join().columns) == findings.COLUMNS


def test_findings_without_a_place_have_no_point():
    """The others are points in the CRS asked for."""
    table = findings.table([findings.finding("a", "x", at=(1, 2)), findings.finding("b", "x")])
    shown = findings.points(table, "EPSG:4548")
    assert [None if shape is None else shape.wkt for shape in shown.geometry] == ["POINT (1 2)", None]
    assert shown.crs.to_epsg() == 4548


def word(row, titles=None):
    return findings.sentence(findings.table([row]).iloc[0].to_dict(), TEXTS, titles)


def test_a_sentence_shows_its_parameters():
    """Numbers to two decimals with thousands, lists joined by 、, nothing as a dash."""
    row = findings.finding("a.b", "blocks", "MC00-0201", field="name", value=["甲", "乙"], width_m=1234.567)
    assert word(row) == "blocks MC00-0201: name 为 甲、乙,宽 1,234.57"
    assert word(findings.finding("a.b", "blocks", value=None)) == "blocks —: — 为 —,宽 —"


def test_a_sentence_shows_titles_where_they_are_known():
    """A person reads 街区 and 街区名称, not blocks and name."""
    titles = {"blocks": "街区", "blocks.name": "街区名称"}
    row = findings.finding("a.b", "blocks", "MC00-0201", field="name", value="x", width_m=1)
    assert word(row, titles) == "街区 MC00-0201: 街区名称 为 x,宽 1"


@pytest.mark.parametrize("value", ["{layer.__class__}", "{0}", "{", "}", "{{ x }}"])
def test_values_are_never_read_as_templates(value):
    """What stands in a file is shown as it stands."""
    assert value in word(findings.finding("a.b", "blocks", value=value))


def test_an_unknown_code_is_shown_with_its_parameters():
    """Nothing is swallowed."""
    assert word(findings.finding("new.code", "blocks", n=1)) == f"new.code {json.dumps({'n': 1})}"


# code, parameters -> how the Chinese sentence goes on
WORDED = {
    "type": ("row.type", {"row": 1, "value": "约1200", "type": "integer"}, "的值“约1200”不是整数类型"),
    "shape": ("geometry.type", {"row": 1, "came": "GeometryCollection", "allowed": "MultiPolygon"}, "类型为 几何集合"),
    "reason": ("geometry.invalid", {"row": 1, "reason": "Self-intersection"}, "无效(自相交)"),
    "code": (
        "row.code",
        {"row": 1, "value": "x", "list": "unit_states", "allowed": ["proposed", "delineated", "…"]},
        "允许取值:拟划定、已划定、…",
    ),
    "a reason of another library": ("geometry.invalid", {"row": 1, "reason": "Something new"}, "无效(Something new)"),
    "a number beyond all size": ("row.type", {"row": 1, "value": -1.797e308, "type": "real"}, "“-1.8e+308”"),
}


@pytest.mark.parametrize("name", WORDED)
def test_types_shapes_and_codes_are_said_in_words(name):
    """No English word of a program in a Chinese sentence where there is a Chinese one."""
    code, parameters, expected = WORDED[name]
    book = catalogue.read()
    row = findings.finding(code, "units", "DY-1", field="status", **parameters)
    assert expected in findings.sentence(row, book.words("findings"), book.titles())
