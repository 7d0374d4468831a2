"""Rows as they came become rows of a layer, as many and in the same order; nothing is lost."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import shapely

from gis.errors import CrsError, FrameError
from gis.intake import conform
from gis.intake.sources import Source
from tests.unit.intake.handmade import square


def test_columns_get_their_canonical_names_and_types(source, conformed):
    """Chinese headers, cut names and delivery names in one file."""
    came = source(
        {"街区编号": ["MC00-0201"], "JQMC": ["黑山"], "街区管控总": ["1,200"], "控规批复日期": ["2024年1月2日"]}
    )
    row = conformed(came).frame.iloc[0]
    assert row[["block_id", "name", "control_total_m2"]].tolist() == ["MC00-0201", "黑山", 1200.0]
    assert row["approved_on"].date() == date(2024, 1, 2)


def test_unknown_columns_are_kept_and_listed_once(source, conformed):
    """Nothing is lost on day one; blanks are not kept."""
    result = conformed(source({"block_id": ["a", "b"], "备注": ["近河", None], "填报人": ["张", "李"]}))
    assert [json.loads(text) for text in result.frame["extra"]] == [{"备注": "近河", "填报人": "张"}, {"填报人": "李"}]
    assert list(result.findings["code"]) == ["columns.unknown"]


def test_an_extra_column_of_the_file_is_taken_over(source, conformed):
    """A layer that was exported and comes back keeps what had no field."""
    result = conformed(source({"block_id": ["a", "b"], "extra": ['{"甲": 1}', "自由文字"]}))
    assert [json.loads(text) for text in result.frame["extra"]] == [{"甲": 1}, {"extra": "自由文字"}]


def test_a_value_that_does_not_fit_is_kept_and_named(source, conformed):
    """The cell is empty, the text is in extra, the finding says row, field and value, with a place."""
    result = conformed(source({"block_id": ["a"], "常住人口": ["约三万"]}))
    finding = result.findings.iloc[0]
    assert pd.isna(result.frame["residents"].iloc[0])
    assert json.loads(result.frame["extra"].iloc[0]) == {"常住人口": "约三万"}
    assert (finding["code"], finding["feature"], finding["field"]) == ("row.type", "a", "residents")
    assert (finding["x"], finding["y"]) == (423_050.0, 4_423_050.0)


def test_destroyed_codes_are_named(source, conformed):
    """A spreadsheet that made 1.10109E+17 of an 18-digit code has lost its digits."""
    result = conformed(source({"block_id": ["1.10109E+17"]}))
    assert list(result.findings["code"]) == ["row.digits_lost"]
    assert result.frame["block_id"].isna().all()


def test_codes_are_accepted_by_title(source, conformed):
    """What is no code stays for the row check."""
    came = source({"project_id": ["p", "q", "r"], "项目类型": ["老旧小区", "06", "别的"]})
    assert list(conformed(came, "projects").frame["project_type"]) == ["old_estate", "public_space", "别的"]


def test_heights_are_dropped_with_a_word(source, conformed):
    """Z is nobody's in a plan."""
    result = conformed(source({"block_id": ["a"]}, [shapely.force_3d(square(), 5.0)]))
    assert not result.frame.geometry.has_z.any()
    assert list(result.findings["code"]) == ["geometry.z_dropped"]


def test_geometry_takes_the_layers_type(source, conformed):
    """A polygon is a multipolygon of one."""
    assert list(conformed(source({"block_id": ["a"]})).frame.geom_type) == ["MultiPolygon"]


def test_rows_come_into_the_working_crs(source, conformed):
    """The oracle of domain.md §6.1: 116.10E 39.94N."""
    came = source({"station_id": ["s"]}, [shapely.Point(116.10, 39.94)], "EPSG:4490")
    point = conformed(came, "stations").frame.geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx((423077.74, 4423254.86), abs=0.01)


@pytest.mark.parametrize("crs", ["EPSG:2384", "EPSG:2436"], ids=["Xian80", "Beijing54"])
def test_old_datums_are_refused(source, conformed, crs):
    """PROJ would leave them tens of metres off without a word."""
    with pytest.raises(CrsError, match="surveying office"):
        conformed(source({"block_id": ["a"]}, crs=crs))


def test_a_missing_geometry_stays_missing(source, conformed):
    """For the row check to name; the row is not dropped."""
    result = conformed(source({"station_id": ["s", "t"]}, [None, shapely.Point(116.1, 39.94)], "EPSG:4490"), "stations")
    assert list(result.frame.geometry.isna()) == [True, False]


def test_a_table_without_places_is_refused_for_a_layer_with_geometry(conformed):
    """The sentence says which columns would do."""
    came = Source(pd.DataFrame({"block_id": ["a"]}), Path("a.csv"), "CSV", None, (), pd.DataFrame())
    with pytest.raises(FrameError, match="WKT"):
        conformed(came)


def test_a_table_is_enough_for_a_layer_without_geometry(conformed):
    """Votes and transfers lie nowhere."""
    came = Source(pd.DataFrame({"征询编号": ["1"], "项目编号": ["p"]}), Path("a.csv"), "CSV", None, (), pd.DataFrame())
    assert conformed(came, "votes").frame.loc[0, ["vote_id", "project_id"]].tolist() == ["1", "p"]


def test_the_source_is_not_changed(source, conformed):
    """Inputs never are."""
    came = source({"block_id": ["a"], "备注": ["x"]})
    before = came.frame.copy()
    conformed(came)
    assert came.frame.equals(before)


def test_measures_are_dropped_with_a_word(source, conformed):
    """M is nobody's in a plan either."""
    line = shapely.from_wkt("POLYGON M ((423000 4423000 1, 423100 4423000 2, 423100 4423100 3, 423000 4423000 1))")
    result = conformed(source({"block_id": ["a"]}, [line]))
    assert not shapely.has_m(result.frame.geometry.to_numpy()).any()
    assert list(result.findings["code"]) == ["geometry.m_dropped"]


def test_pieces_give_what_the_whole_gives(source, conformed, monkeypatch):
    """Rows, extra, row numbers and counts do not depend on how many rows are held at a time."""
    came = source(
        {
            "block_id": ["a", "b", "1.10109E+17", None, "e"],
            "常住人口": ["1", "约三万", None, "4", "五"],
            "批复面积(公顷)": ["1", "2亩", "x", None, "5"],
            "备注": ["甲", None, "丙", "丁", None],
        }
    )
    whole = conformed(came)
    monkeypatch.setattr(conform, "_PIECE", 2)
    parts = conformed(came)
    pd.testing.assert_frame_equal(parts.frame, whole.frame)
    pd.testing.assert_frame_equal(parts.findings, whole.findings)
    assert list(whole.findings["code"]).count("row.type") == 3
