"""Rows as they came become rows of a layer, as many and in the same order; nothing is lost."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely

from gis.errors import CrsError, FrameError
from gis.intake import conform
from gis.intake.sources import Source
from gis.intake.validate import split, validate
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
    result = conformed(source({"block_id": ["a", "b", "c"], "extra": ['{"甲": 1}', "自由文字", {"甲": 1}]}))
    assert [json.loads(text) for text in result.frame["extra"]] == [{"甲": 1}, {"extra": "自由文字"}, {"甲": 1}]


def test_a_value_that_does_not_fit_is_kept_and_named(source, conformed):
    """The cell is empty, the text is in extra, the finding says row, field and value, with a place."""
    result = conformed(source({"block_id": ["a"], "常住人口": ["约三万"]}))
    finding = result.findings.iloc[0]
    assert pd.isna(result.frame["residents"].iloc[0])
    assert json.loads(result.frame["extra"].iloc[0]) == {"常住人口": "约三万"}
    assert (finding["code"], finding["feature"], finding["field"]) == ("row.type", "a", "residents")
    assert (finding["x"], finding["y"]) == (423_050.0, 4_423_050.0)


# field -> a cell that cannot be read, and the text of it that is kept
UNREADABLE = {
    "a number": ("residents", "约三万", "约三万"),
    "half a person": ("residents", 2.5, 2.5),
    "digits that a real cannot hold": ("control_total_m2", 2**53 + 1, 2**53 + 1),
    "the null of another program": ("control_total_m2", -1.797e308, -1.797e308),
    "a truth": ("is_renewal", "待定", "待定"),
    "a day": ("approved_on", "年底", "年底"),
    "a time of day": ("approved_on", "2024-03-05 09:30", "2024-03-05 09:30"),
    "year 0": ("approved_on", pd.Timestamp(np.datetime64("0000-03-05", "s")), "0000-03-05 00:00:00"),
    "before Christ": ("approved_on", pd.Timestamp(np.datetime64("-0044-03-15", "s")), "-044-03-15 00:00:00"),
    "after 9999": ("approved_on", pd.Timestamp(np.datetime64("12024-03-05", "s")), "12024-03-05 00:00:00"),
    "a code without its digits": ("approval_no", "1.10109E+17", "1.10109E+17"),
    "bytes in a text": ("approval_no", b"\xbd\xd6", "bdd6"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_optional_cell_never_holds_its_row_back(source, conformed, shared, settings, name):
    """It is emptied, its text is kept in extra, and the finding is a warning; the row may enter."""
    field, came, kept = UNREADABLE[name]
    result = conformed(source({"block_id": ["MC00-0001"], field: pd.Series([came], dtype=object)}))
    finding = result.findings.iloc[0]
    assert (finding["severity"], finding["field"]) == ("warning", field)
    assert pd.isna(result.frame[field].iloc[0])
    assert json.loads(result.frame["extra"].iloc[0]) == {field: kept}
    found = validate(result.frame, shared.layer("blocks"), catalogue=shared, settings=settings)
    assert len(split(result.frame, found)[0]) == 1


@pytest.mark.parametrize("column", ["unit_id", "name", "status"])
@pytest.mark.parametrize("dtype", ["str", pd.StringDtype("pyarrow"), pd.ArrowDtype(pa.string()), "category", object])
def test_blank_text_is_no_key_in_any_dtype(source, conformed, shared, settings, column, dtype):
    """What must be there and is blank holds its row back, with the reason."""
    cells = {"unit_id": "DY-01", "name": "甲", "status": "delineated"} | {column: "  "}
    came = source({name: pd.Series([cell], dtype=dtype) for name, cell in cells.items()})
    frame = conformed(came, "units").frame
    found = validate(frame, shared.layer("units"), catalogue=shared, settings=settings)
    assert list(found.loc[found["severity"] == "error", "code"]) == ["row.required"]


def test_a_rival_column_is_kept_and_said(source, conformed):
    """NAME beside 更新单元名称: the exact title is taken, and how many rows of the other differ is a warning."""
    came = source({"NAME": ["PG_1", "城子"], "更新单元编号": ["DY-01", "DY-02"], "更新单元名称": ["新桥", "城子"]})
    result = conformed(came, "units")
    assert result.frame["name"].tolist() == ["新桥", "城子"]
    assert [json.loads(text) for text in result.frame["extra"]] == [{"NAME": "PG_1"}, {"NAME": "城子"}]
    note = result.findings.set_index("code").loc["columns.rival"]
    assert (note["severity"], json.loads(note["parameters"])["count"]) == ("warning", 1)
    assert "columns.unknown" not in set(result.findings["code"])


def test_a_number_may_carry_the_unit_of_its_field(source, conformed):
    """1200人 are 1200 where the field counts 人; 万 and other units are asked about."""
    result = conformed(source({"block_id": ["a", "b", "c"], "residents": ["1200人", "1,200 人", "3万人"]}))
    assert result.frame["residents"].tolist()[:2] == [1200, 1200]
    assert list(result.findings["code"]) == ["row.type"]


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


def test_words_for_nothing_are_empty_and_counted(source, conformed):
    """<Null> is no number and 1899-12-30 no day; a text may be meant, so it stays; how often each came is said."""
    columns = {
        "block_id": ["MC00-0001", "MC00-0002", "#N/A"],
        "name": ["NULL", "甲", "NULL"],
        "residents": ["NaN", "1", "<Null>"],
        "approved_on": ["1899-12-30", "2024-03-05", "00000000"],
    }
    made = conformed(source(columns))
    assert made.frame["block_id"].tolist() == columns["block_id"]
    assert made.frame["name"].tolist() == columns["name"]
    assert made.frame["residents"].isna().tolist() == [True, False, True]
    assert made.frame["approved_on"].isna().tolist() == [True, False, True]
    extra = [None if pd.isna(text) else json.loads(text) for text in made.frame["extra"]]
    assert extra == [{"approved_on": "1899-12-30"}, None, {"approved_on": "00000000"}]
    found = made.findings[made.findings["code"].str.startswith("columns.void")]
    said = [
        (code.partition(".")[2], *map(json.loads(text).get, ("value", "count")))
        for code, text in zip(found["code"], found["parameters"], strict=True)
    ]
    assert set(zip(said, found["severity"], strict=True)) == {
        (("void_text", "#N/A", 1), "warning"),
        (("void_text", "NULL", 2), "warning"),
        (("void", "NaN", 1), "info"),
        (("void", "<Null>", 1), "info"),
        (("void", "1899-12-30", 1), "warning"),
        (("void", "00000000", 1), "warning"),
    }


@pytest.mark.parametrize(
    ("keys", "count"), [(["2024-03-05", "DY-2"], 1), (["3-5", "DY-2"], 0), (["2024-03-05 00:00:00", "2024-03-06"], 2)]
)
def test_keys_that_a_spreadsheet_made_days_are_said(source, conformed, keys, count):
    """Of 3-5 it makes the fifth of March, and nobody can tell which code it was."""
    made = conformed(source({"unit_id": keys, "name": ["甲", "乙"]}), "units")
    found = made.findings.loc[made.findings["code"] == "columns.codes_as_days", "parameters"]
    assert [json.loads(text)["count"] for text in found] == ([count] if count else [])


def test_a_number_without_end_is_kept_as_it_came(source, conformed):
    """What the finding says is kept is there to be read."""
    made = conformed(source({"block_id": ["MC00-0001"], "residents": [float("inf")]}))
    assert json.loads(made.frame["extra"].iloc[0]) == {"residents": "inf"}
