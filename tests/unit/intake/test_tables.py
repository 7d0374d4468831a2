"""Places in tables: WKT, two columns, one cell, or no names at all; read whole or in pieces, it is the same."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import shapely
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import CrsError, SourceError
from gis.intake import tables
from gis.intake.read import read

CRS = "EPSG:4490"
# text of the file -> the points of its rows
PLACES = {
    "lon and lat": ("name,lon,lat\n甲,116.10,39.94\n", [(116.10, 39.94)]),
    "lat before lon": ("name,lat,lon\n甲,39.94,116.10\n", [(116.10, 39.94)]),
    "经度 and 纬度": ("名称,经度,纬度\n甲,116.10,39.94\n", [(116.10, 39.94)]),
    "one cell": ('名称,坐标\n甲,"116.10,39.94"\n', [(116.10, 39.94)]),
    "one cell, latitude first by its values": ('名称,坐标\n甲,"39.94,116.10"\n', [(116.10, 39.94)]),
    "one cell, named": ('名称,纬经度\n甲,"39.94 116.10"\n', [(116.10, 39.94)]),
    "one cell in brackets": ('名称,location\n甲,"(116.10, 39.94)"\n', [(116.10, 39.94)]),
    "one cell, full width": ("名称,经纬度\n甲,116.10\uff0c39.94\n", [(116.10, 39.94)]),
    "one cell, one unreadable": ('名称,经纬度\n甲,"116.10,39.94"\n乙,不详\n', [(116.10, 39.94), None]),
    "no names": ("甲,大峪,116.10,39.94\n乙,城子,116.11,39.95\n", [(116.10, 39.94), (116.11, 39.95)]),
    "no names, latitude first": ("39.94,116.10,甲\n", [(116.10, 39.94)]),
    "no names, one cell": ('110109001,"116.10,39.94"\n', [(116.10, 39.94)]),
    "no names, WKT": ("甲;POINT (116.10 39.94)\n", [(116.10, 39.94)]),
    "minutes and seconds": ("name,经度,纬度\n甲,116°06′00″,39°56′24″\n", [(116.1, 39.94)]),
    "in Chinese": ("name,经度,纬度\n甲,116度6分0秒,39度56.4分\n", [(116.1, 39.94)]),
    "sixty minutes": ("name,经度,纬度\n甲,116°06′00″,39°66′24″\n乙,116.1,39.94\n", [None, (116.1, 39.94)]),
    "directions before degrees": ("name,经度,纬度\n甲,E116°06'00\",北纬39.94\n", [(116.1, 39.94)]),
    "directions behind degrees": ("name,经度,纬度\n甲,116.10°E,39.94N\n", [(116.1, 39.94)]),
    "full width": ("name,经度,纬度\n甲,１１６．１０,３９．９４\n", [(116.1, 39.94)]),
    "a note behind a number": ("name,经度,纬度\n甲,116.10²,39.94\n乙,116.1,39.94\n", [None, (116.1, 39.94)]),
    "a decimal comma": ('name,经度,纬度\n甲,"116,10",39.94\n乙,116.1,39.94\n', [None, (116.1, 39.94)]),
    "units behind the names": ("name,经度(°):,纬 度\uff1a\n甲,116.10,39.94\n", [(116.1, 39.94)]),
    "traditional characters": ("name,經度,緯度\n甲,116.10,39.94\n", [(116.1, 39.94)]),
    "semicolons": ("name;lon;lat\n甲;116.10;39.94\n", [(116.10, 39.94)]),
    "tabs": ("name\tlon\tlat\n甲\t116.10\t39.94\n", [(116.10, 39.94)]),
}


def points(source) -> list[tuple[float, float] | None]:
    return [None if shape is None else (round(shape.x, 9), round(shape.y, 9)) for shape in source.frame.geometry]


@pytest.mark.parametrize("name", PLACES)
def test_places_are_found(tmp_path, name):
    """Every row is there, with or without its point."""
    text, expected = PLACES[name]
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    assert points(read(path, crs=CRS)) == expected


def test_what_could_not_be_read_of_a_cell_stays(tmp_path):
    """「不详」 is no place, and is not lost."""
    path = tmp_path / "a.csv"
    path.write_text('名称,经纬度\n甲,"116.10,39.94"\n乙,不详\n', encoding="utf-8")
    source = read(path, crs=CRS)
    assert source.frame["经纬度"].tolist()[1] == "不详"
    assert pd.isna(source.frame["经纬度"].iloc[0])
    assert list(source.notes["code"]) == ["source.places_unreadable"]


def test_what_is_written_against_spreadsheets_is_taken_off(tmp_path):
    """An apostrophe before a formula, and ="001", are ways to keep a text a text."""
    path = tmp_path / "a.csv"
    path.write_text("编号,名称,lon,lat\n=\"001\",'=1+1,116.1,39.94\n=002,'-2+3,116.1,39.94\n", encoding="utf-8")
    source = read(path, crs=CRS)
    assert source.frame[["编号", "名称"]].to_numpy().tolist() == [["001", "=1+1"], ["=002", "-2+3"]]
    found = source.notes.loc[source.notes["code"] == "source.guards_dropped", "parameters"]
    assert json.loads(found.iloc[0]) == {"count": 3}


def test_a_table_without_names_is_noted(tmp_path):
    """Columns get numbers; codes stay text."""
    path = tmp_path / "a.csv"
    path.write_text("011010900100100123,甲,116.10,39.94\n", encoding="utf-8")
    source = read(path, crs=CRS)
    assert list(source.frame.columns)[:2] == ["column_1", "column_2"]
    assert source.frame["column_1"].tolist() == ["011010900100100123"]
    assert "source.headerless" in set(source.notes["code"])


REFUSED = {
    "two pairs without names": ("116.10,39.94,116.11,39.95\n", "first line"),
    "a pair that may be either": ('名称,坐标\n甲,"12.5,45.5"\n', "经纬度"),
    "more values than names": ("a,b\n1,2,3\n4,5,6\n", "as a table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_two_readings_are_refused(tmp_path, name):
    """The sentence says how to name the columns."""
    text, said = REFUSED[name]
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=said):
        read(path, crs=CRS)


# lines above the rows -> what is noted
ABOVE = {
    "a title": ("公共服务设施台账,,,\n编号,名称,经度,纬度\n", "source.title_skipped"),
    "a title alone": ("公共服务设施台账\n编号,名称,经度,纬度\n", "source.title_skipped"),
    "a title and a blank line": ("公共服务设施台账\n\n编号,名称,经度,纬度\n", "source.title_skipped"),
    "names in two lines": ("编号,名称,坐标,\n,,经度,纬度\n", "source.header_joined"),
    "a row of units": ("编号,名称,经度,纬度\n,,度,度\n", "source.units_joined"),
    "a title that holds a line break": ('"台账\n二〇二四年",,,\n编号,名称,经度,纬度\n', "source.title_skipped"),
}


@pytest.mark.parametrize("name", ABOVE)
def test_a_head_made_in_a_sheet_is_read(tmp_path, name):
    """A sheet saved as CSV keeps its title and its names in two rows."""
    above, code = ABOVE[name]
    path = tmp_path / "a.csv"
    path.write_text(f"{above}A,甲,116.10,39.94\nB,乙,116.11,39.95\n", encoding="utf-8")
    source = read(path, crs=CRS)
    assert points(source) == [(116.10, 39.94), (116.11, 39.95)]
    assert source.frame["编号"].tolist() == ["A", "B"]
    assert code in set(source.notes["code"])


def test_years_may_be_names(tmp_path):
    """A table by years has a line of names."""
    path = tmp_path / "a.csv"
    path.write_text("code,2019,2020\na,1,2\n", encoding="utf-8")
    assert list(read(path).frame.columns) == ["code", "2019", "2020"]


def test_a_sheet_without_names_is_read(tmp_path):
    """As a CSV is."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("甲")
        sheet.write_row(0, 0, ["大峪", 116.10, 39.94])
        sheet.write_row(1, 0, ["城子", 116.11, 39.95])
    assert points(read(path, crs=CRS)) == [(116.10, 39.94), (116.11, 39.95)]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n\"'"), max_size=6)


@given(st.lists(st.tuples(texts, texts, st.floats(115, 117), st.floats(39, 41)), min_size=1, max_size=30))
def test_pieces_are_the_whole(tmp_path_factory, rows):
    """However many rows are held at a time, the frame is the same."""
    path = tmp_path_factory.mktemp("pieces") / "a.csv"
    frame = pd.DataFrame(rows, columns=["名称", "备注", "lon", "lat"]).assign(n="1")
    frame.to_csv(path, index=False, encoding="utf-8")
    whole = read(path, crs=CRS).frame
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "PIECE", 3)
        patch.setattr(tables, "_SAMPLE", 64)
        pd.testing.assert_frame_equal(read(path, crs=CRS).frame, whole)
    assert len(whole) == len(rows)


ENCODINGS = {"gbk late": ("gb18030", 3_000), "utf-8 late": ("utf-8", 3_000), "gbk early": ("gb18030", 0)}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_long_file_is_in_one_encoding_to_its_end(tmp_path, monkeypatch, name):
    """The beginning may be ASCII only."""
    encoding, before = ENCODINGS[name]
    monkeypatch.setattr(tables, "_SAMPLE", 256)
    path = tmp_path / "a.csv"
    path.write_text("name,lon,lat\n" + "a,116.1,39.9\n" * before + "大峪街道,116.1,39.9\n" * 40, encoding=encoding)
    source = read(path, crs=CRS)
    assert source.frame["name"].iloc[-1] == "大峪街道"
    assert source.decided("encoding").value == encoding


# real file -> rows, and the columns of its place, by its own lines
REAL = {
    "messy/小学.csv": (932, "lon, lat"),
    "messy/幼儿园.csv": (2285, "lon, lat"),
    "messy/shanghai_urban.csv": (450, "lon, lat"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_points_load_once_their_datum_is_said(realdata, name):
    """Points of a commercial map: without a word they are refused."""
    rows, columns = REAL[name]
    with pytest.raises(CrsError):
        read(realdata / name)
    source = read(realdata / name, datum="GCJ-02")
    assert source.decided("geometry").value == columns
    assert len(source.frame) in {rows, rows - 1}
    assert source.frame.geometry.notna().all()


def test_real_points_load_without_their_names(realdata, tmp_path):
    """The same rows, with the line of names cut off."""
    lines = (realdata / "messy/小学.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path / "小学.csv"
    path.write_text("".join(lines[1:]), encoding="utf-8")
    bare = read(path, datum="GCJ-02").frame.geometry
    assert shapely.equals_exact(
        bare.to_numpy(), read(realdata / "messy/小学.csv", datum="GCJ-02").frame.geometry.to_numpy(), 0.0
    ).all()
