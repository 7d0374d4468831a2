"""A workbook is read as a person reads it; what shows something and holds nothing is never passed over."""

from __future__ import annotations

import json
import re
import zipfile

import openpyxl
import pandas as pd
import pytest
import xlsxwriter
from openpyxl.styles import Font

from gis.errors import SourceError
from gis.intake.read import read

HEAD = ["设施编号", "设施名称", "设施类别", "设施规模", "建筑面积", "经度", "纬度"]


def facility(number: int) -> list:
    return [f"SS-{number:03d}", f"设施{number}", "小学", 100 + number, 2000 + number, 116.0 + number / 1000, 39.95]


@pytest.fixture
def workbook(tmp_path):
    """Give a maker of workbooks: rows, and what else a test does to the sheet."""

    def make(rows, change=lambda sheet: None, name="a.xlsx"):
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "设施"
        for row in rows:
            sheet.append(row)
        change(sheet)
        book.save(tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def facilities(conformed):
    """Give a short way from a workbook to the rows of the layer and everything that was said on the way."""

    def make(path):
        source = read(path, crs="EPSG:4490")
        made = conformed(source, "facilities")
        notes = pd.concat([source.notes, made.findings], ignore_index=True)
        said = zip(notes["code"], notes["parameters"], strict=True)
        return made.frame, {code: json.loads(text) for code, text in said}

    return make


def test_a_code_is_read_as_its_format_shows_it(workbook, facilities):
    """1 under 000000 is 000001; a size under #,##0 stays the number that it is."""

    def change(sheet):
        for row in range(2, 5):
            sheet.cell(row, 1).value = row - 1
            sheet.cell(row, 1).number_format = "000000" if row < 4 else '"DY-"000'
            sheet.cell(row, 4).number_format = "#,##0.0"
            sheet.cell(row, 2).number_format = '"第"@'

    frame, notes = facilities(workbook([HEAD, *map(facility, (1, 2, 3))], change))
    assert frame["facility_id"].tolist() == ["000001", "000002", "DY-003"]
    assert frame["capacity"].tolist() == [101.0, 102.0, 103.0]
    assert frame["name"].tolist() == ["第设施1", "第设施2", "第设施3"]
    assert notes["source.cells_formatted"]["count"] == 3


def test_a_unit_in_the_format_is_read(workbook, conformed):
    """What shows 3.20公顷 is 32,000 m² and not 3.2."""

    def change(sheet):
        sheet["D2"].number_format = '0.00"公顷"'

    rows = [["更新单元编号", "更新单元名称", "划定状态", "批复面积", "wkt"]]
    rows += [
        ["DY-01", "甲", "已划定", 3.2468, "POLYGON ((423000 4423000, 423100 4423000, 423100 4423100, 423000 4423000))"]
    ]
    made = conformed(read(workbook(rows, change), crs="EPSG:4548"), "units")
    assert made.frame["approved_area_m2"].tolist() == [pytest.approx(32468.0)]


def test_errors_are_empty_and_named(tmp_path, facilities):
    """#N/A, #DIV/0! and #REF!: the row enters, each cell has its finding; a text that looks like one is a text."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("设施")
        for number, row in enumerate([HEAD, *map(facility, (1, 2, 3, 4))]):
            sheet.write_row(number, 0, row)
        sheet.write_formula("B2", "=VLOOKUP(9,A1:B2,2,0)", None, "#N/A")
        sheet.write_formula("E3", "=1/0", None, "#DIV/0!")
        sheet.write_formula("D4", "=#REF!", None, "#REF!")
        sheet.write_string("B5", "#N/A")
    source = read(path, crs="EPSG:4490")
    errors = source.notes[source.notes["code"] == "source.cell_error"]
    assert [json.loads(text)["cell"] for text in errors["parameters"]] == ["B2", "E3", "D4"]
    assert [json.loads(text)["value"] for text in errors["parameters"]] == ["#N/A", "#DIV/0!", "#REF!"]
    frame, said = facilities(path)
    assert [None if pd.isna(name) else name for name in frame["name"]] == [None, "设施2", "设施3", "#N/A"]
    assert said["columns.void_text"]["value"] == "#N/A"
    assert frame["floor_area_m2"].isna().tolist() == [False, True, False, False]


def test_formulas_without_a_result_are_named(workbook, facilities):
    """Empty, with the cells and what to do."""

    def change(sheet):
        for row in range(2, 5):
            sheet.cell(row, 5).value = f"=D{row}*20"

    frame, notes = facilities(workbook([HEAD, *map(facility, (1, 2, 3))], change))
    assert frame["floor_area_m2"].isna().all()
    assert notes["source.formulas_unsolved"] == {
        "column": "建筑面积",
        "count": 3,
        "cells": ["E2 =D2*20", "E3 =D3*20", "E4 =D4*20"],
    }


def test_a_zero_written_for_a_result_to_come_is_none(tmp_path, facilities):
    """A program that leaves calculating to the reader writes 0 meanwhile; a result that it gives is taken."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("设施")
        for number, row in enumerate([HEAD, facility(1), facility(2)]):
            sheet.write_row(number, 0, row)
        sheet.write_formula("E2", "=D2*20")
        sheet.write_formula("E3", "=D3*20", None, 2040)
        sheet.write_formula("B3", '=""', None, "")
    frame, notes = facilities(path)
    assert [None if pd.isna(value) else value for value in frame["floor_area_m2"]] == [None, 2040.0]
    assert notes["source.formulas_unsolved"]["cells"] == ["E2 =D2*20"]


def test_a_merged_cell_is_in_each_of_its_rows_and_a_sum_in_the_first(workbook, facilities):
    """Three schools under one 小学 are three; 480 places over three rows are not 1,440."""

    def change(sheet):
        sheet.merge_cells("C2:C4")
        sheet.merge_cells("D2:D4")
        sheet["D2"] = 480

    frame, notes = facilities(workbook([HEAD, *map(facility, (1, 2, 3, 4))], change))
    assert frame["kind"].tolist() == ["primary_school"] * 4
    assert [None if pd.isna(value) else value for value in frame["capacity"]] == [480.0, None, None, 104.0]
    assert notes["columns.cells_merged"]["cells"] == ["C2:C4"]
    assert notes["columns.sum_merged"] == {"cells": "D2:D4", "value": "480", "count": 3}


def test_a_row_that_a_merged_cell_only_reaches_is_none(workbook, facilities):
    """C2:C5 reaches below the table."""
    frame, _ = facilities(workbook([HEAD, *map(facility, (1, 2))], lambda sheet: sheet.merge_cells("C2:C5")))
    assert frame["kind"].tolist() == ["primary_school"] * 2


# rows above the rows of the table, cells that are merged -> names of the columns, first rows left out
GROUPED = ["设施编号", "设施名称", "设施类别", "设施规模", "建筑面积", "坐标", None]
PARTS = [None, None, None, None, None, "经度", "纬度"]
DOWN = [f"{letter}1:{letter}2" for letter in "ABCDE"]
HEADS = {
    "two rows, merged": ([GROUPED, PARTS], [*DOWN, "F1:G1"]),
    "two rows, only the group merged": ([GROUPED, PARTS], ["F1:G1"]),
    "two rows, nothing merged": ([GROUPED, PARTS], []),
    "all in groups": ([["基本信息", None, None, "规模", None, "坐标", None], HEAD], ["A1:C1", "D1:E1", "F1:G1"]),
    "a title": ([["公共服务设施台账", *[None] * 6], HEAD], ["A1:G1"]),
    "a title, unmerged, and a blank row": ([["公共服务设施台账", *[None] * 6], [None] * 7, HEAD], []),
    "a title and who filled it in": (
        [["公共服务设施台账", *[None] * 6], ["填报单位:规自分局", *[None] * 5, "日期:2024-03-05"], HEAD],
        ["A1:G1"],
    ),
    "a title above two rows": (
        [["公共服务设施台账", *[None] * 6], GROUPED, PARTS],
        ["A1:G1", "F2:G2", *[f"{letter}2:{letter}3" for letter in "ABCDE"]],
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_made_for_eyes_is_read(workbook, facilities, name):
    """Titles are said and left out; names in two rows become one, and lead to their fields and to the place."""
    above, merged = HEADS[name]

    def change(sheet):
        for cells in merged:
            sheet.merge_cells(cells)

    frame, notes = facilities(workbook([*above, *map(facility, (1, 2))], change))
    assert frame["facility_id"].tolist() == ["SS-001", "SS-002"]
    assert frame["floor_area_m2"].tolist() == [2001.0, 2002.0]
    assert frame.geometry.notna().all()
    assert ("source.title_skipped" in notes) == ("title" in name)
    assert ("source.header_joined" in notes) == ("title" not in name or "two rows" in name)


def test_a_group_and_its_part_are_a_field_together(workbook, conformed):
    """批复 over 用地面积 and 现状 over 建筑面积 are 批复用地面积 and 现状建筑面积."""
    rows = [
        ["项目编号", "项目名称", "项目类型", "项目状态", "批复", "现状", "拆除", "wkt"],
        [None, None, None, None, "用地面积", "建筑面积", "建筑面积", None],
        [
            "XM-01",
            "甲",
            "老旧小区",
            "储备",
            10,
            20,
            30,
            "POLYGON ((423000 4423000, 423100 4423000, 423100 4423100, 423000 4423000))",
        ],
    ]
    path = workbook(rows, lambda sheet: [sheet.merge_cells(f"{letter}1:{letter}2") for letter in "ABCDH"])
    made = conformed(read(path, crs="EPSG:4548"), "projects").frame
    assert made[["approved_area_m2", "existing_floor_m2", "demolished_floor_m2"]].iloc[0].tolist() == [10.0, 20.0, 30.0]


def test_two_places_in_groups_are_no_place(workbook):
    """起点 and 终点 both have 经度 and 纬度: nobody says which is meant."""
    rows = [
        ["编号", "起点", None, "终点", None],
        [None, "经度", "纬度", "经度", "纬度"],
        ["A", 116.1, 39.9, 116.2, 39.9],
    ]
    source = read(workbook(rows))
    assert source.decided("geometry") is None


REFUSED = {
    "a name twice": ([["编号", "面积", "面积"], ["A", 1, 2]], [], "'面积' is there twice"),
    "no name": ([["编号", None, "面积"], ["A", 1, 2], ["B", 1, 2]], [], "column 2 has no name"),
    "a name over two columns": ([["编号", "坐标", None], ["A", 116, 39], ["B", 117, 39]], ["B1:C1"], "without merged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_head_without_a_name_for_each_column_is_refused(workbook, name):
    """The sentence says which column, and what to do."""
    rows, merged, said = REFUSED[name]
    with pytest.raises(SourceError, match=said):
        read(workbook(rows, lambda sheet: [sheet.merge_cells(cells) for cells in merged]))


def test_an_empty_column_needs_no_name(workbook):
    """Formatted, coloured, and nothing in it."""
    assert list(read(workbook([["编号", None, "面积"], ["A", None, 2]])).frame.columns) == ["编号", "面积"]


def test_a_table_need_not_begin_in_the_corner(workbook):
    """Cells are named as the sheet names them."""

    def change(sheet):
        sheet.insert_rows(1, 3)
        sheet.insert_cols(1, 2)
        sheet["D6"] = "=1+1"

    source = read(workbook([["编号", "面积"], ["A", 1], ["B", 2]], change))
    assert source.frame["编号"].tolist() == ["A", "B"]
    note = source.notes.set_index("code").loc["source.formulas_unsolved"]
    assert json.loads(note["parameters"])["cells"] == ["D6 =1+1"]


def test_a_value_far_off_is_refused_before_room_is_made(workbook):
    """1.5 KB that would take seventeen thousand million cells."""
    path = workbook([["编号", "面积"], ["A", 1]], lambda sheet: sheet.cell(1_048_576, 16_384, "x"))
    assert path.stat().st_size < 10_000
    with pytest.raises(SourceError, match="XFD1048576"):
        read(path)


def test_formatted_cells_without_values_reach_nowhere(workbook, facilities):
    """A colour down to the last row makes no table."""

    def change(sheet):
        sheet.cell(1_000_000, 30).number_format = "0.00"

    frame, _ = facilities(workbook([HEAD, facility(1)], change))
    assert len(frame) == 1


@pytest.mark.parametrize("member", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_a_damaged_part_is_refused(workbook, tmp_path, member):
    """In one sentence, whichever part it is."""
    path = workbook([HEAD, facility(1)])
    spoiled = tmp_path / "b.xlsx"
    with zipfile.ZipFile(path) as came, zipfile.ZipFile(spoiled, "w") as goes:
        for one in came.namelist():
            goes.writestr(one, came.read(one)[:80] if one == member else came.read(one))
    with pytest.raises(SourceError, match="cannot be read as a workbook"):
        read(spoiled)


# rows above the rows of the table -> what 建筑面积 of 2,001 is, by hand, and what is said
UNITS = {
    "a row of units": ([HEAD, [None, None, None, "人", "(平方米)", "度", "°"]], 2001.0, "source.units_joined"),
    "a row of units with dashes": ([HEAD, ["—", "-", "/", "人", "㎡", "-", "-"]], 2001.0, "source.units_joined"),
    "another unit": ([HEAD, [None, None, None, None, "亩", None, None]], 2001 * 2000 / 3, "source.units_joined"),
    "a unit above": ([["公共服务设施台账(单位:亩)", *[None] * 6], HEAD], 2001 * 2000 / 3, "source.unit_above"),
    "a unit above in a line of its own": (
        [["台账", *[None] * 6], [None] * 6 + ["计量单位\uff1a平方米"], HEAD],
        2001.0,
        "source.unit_above",
    ),
    "two units above": ([["台账(单位:公顷、万平方米)", *[None] * 6], HEAD], None, "source.units_above"),
    "who filled it in": ([["填报单位:公顷", *[None] * 6], HEAD], 2001.0, "source.title_skipped"),
    "a unit above and one in the name": (
        [["台账(单位:万平方米)", *[None] * 6], [*HEAD[:4], "建筑面积(㎡)", *HEAD[5:]]],
        2001.0,
        "source.unit_above",
    ),
}


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_of_a_column_may_stand_above_or_under_its_name(workbook, facilities, name):
    """It is that of the values; of two nobody knows which, and the values stay as they came."""
    above, area, code = UNITS[name]
    frame, notes = facilities(workbook([*above, *map(facility, (1, 2))]))
    assert frame["facility_id"].tolist() == ["SS-001", "SS-002"]
    assert frame["capacity"].tolist() == [101.0, 102.0]
    assert code in notes
    if area is None:
        assert frame["floor_area_m2"].isna().all()
        assert [json.loads(text)["建筑面积"] for text in frame["extra"]] == ["2001", "2002"]
    else:
        assert frame["floor_area_m2"].iloc[0] == pytest.approx(area)


def test_words_in_the_first_row_are_no_units(workbook, facilities):
    """A row of the table that holds a unit in one cell is a row of the table."""
    frame, notes = facilities(workbook([[*HEAD, "规模单位"], *[[*facility(number), "班"] for number in (1, 2)]]))
    assert frame["capacity_unit"].tolist() == ["班", "班"]
    assert "source.units_joined" not in notes


@pytest.mark.parametrize("inside", [False, True])
def test_scripts_and_strokes_inside_a_text_are_read(tmp_path, facilities, inside):
    """A note's number is no digit, what is struck out is no part of the text, and a square metre stays one."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("设施")
        raised, line, bold = (book.add_format({key: True}) for key in ("font_script", "font_strikeout", "bold"))
        for number, row in enumerate([HEAD, *map(facility, (1, 2, 3))]):
            sheet.write_row(number, 0, row)
        sheet.write_rich_string("B2", "设施", line, "旧", bold, "新")
        sheet.write_rich_string("D2", "1200", raised, "2")
        sheet.write_rich_string("E2", "1200m", raised, "2")
        sheet.write_rich_string("D3", line, "100", "120")
        sheet.write_rich_string("A4", "SS-", bold, "003")
    if inside:
        made_inline(path)
    frame, notes = facilities(path)
    assert frame["name"].tolist() == ["设施新", "设施2", "设施3"]
    assert frame["capacity"].tolist()[1:] == [120.0, 103.0]
    assert pd.isna(frame["capacity"].iloc[0])
    assert json.loads(frame["extra"].iloc[0])["设施规模"] == "1200²"
    assert frame["floor_area_m2"].iloc[0] == 1200.0
    assert frame["facility_id"].iloc[2] == "SS-003"
    assert notes["source.text_struck_out"] == {"cell": "D3", "column": "设施规模", "value": "100"}


def made_inline(path):
    """Put the shared texts of a workbook into its cells, as some programs write them."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    texts = re.findall(r"<si>(.*?)</si>", parts["xl/sharedStrings.xml"].decode(), re.DOTALL)
    sheet = parts["xl/worksheets/sheet1.xml"].decode()
    sheet = re.sub(
        r'<c r="(\w+)"((?: s="\d+")?) t="s"><v>(\d+)</v></c>',
        lambda cell: f'<c r="{cell[1]}"{cell[2]} t="inlineStr"><is>{texts[int(cell[3])]}</is></c>',
        sheet,
    )
    parts["xl/worksheets/sheet1.xml"] = sheet.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw in parts.items():
            archive.writestr(name, raw)


def test_cells_struck_out_and_rows_out_of_sight_are_said(workbook, facilities):
    """They may be void or filtered away: they are read, and a person is told."""

    def change(sheet):
        for cell in sheet[3]:
            cell.font = Font(strike=True)
        sheet["A1"].font = Font(strike=True)
        sheet.row_dimensions[4].hidden = True

    frame, notes = facilities(workbook([HEAD, *map(facility, (1, 2, 3))], change))
    assert frame["facility_id"].tolist() == ["SS-001", "SS-002", "SS-003"]
    assert notes["source.cells_struck_out"]["count"] == 7
    assert notes["source.cells_struck_out"]["cells"][:2] == ["A3", "B3"]
    assert notes["source.rows_hidden"] == {"count": 1, "rows": [4]}
