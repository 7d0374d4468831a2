"""The workbook as a planner reads it: title, who and when, 口径, headings, units, rows and a total that agrees."""

from __future__ import annotations

import datetime
import json
import math
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from gis import findings
from gis.errors import StorePermissionError
from gis.publish import rounding, tables, workbook
from gis.publish.tables import About
from tests.unit.publish import handmade

ABOUT = About(unit="规划分局", preparer="甲", date=datetime.date(2026, 11, 23), data_to=datetime.date(2026, 6, 30))
SHEETS = ["街区统筹一览表", "站点周边分析表", "站城融合专项计划表", "更新项目台账", "问题清单", "数据说明"]
HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "{{7*7}}", "<b>粗</b>", "http://example.org", "'0071", "-1"]


def blocks():
    rows = [
        {"block_id": "SL00-0101", "name": "北街区", "area_m2": 3_333.3, "project_count": 2, "project_share": 0.12345},
        {"block_id": "SL00-0102", "name": "南街区", "area_m2": 3_333.3, "project_count": 0, "remaining_m2": -12_344.0}
        | {"demolished_floor_m2": 20_000.0, "lead_departments": "区商务局"},
        {"block_id": "SL00-0103", "name": "西街区", "area_m2": 3_333.4, "unit_count": 3, "control_total_m2": 1e6},
    ]
    return handmade.frame("block_results", rows)


def stations():
    rows = []
    for version in ("raw", "nearest"):
        for station in ("Z1", "Z2"):
            for inner, radius, area in ((0, 300, 10_000.0), (0, 500, 30_000.0), (300, 500, 20_000.0)):
                key = f"{station}-{inner}-{radius}-{version}"
                row = {"station_result_id": key, "station_id": station, "name": station, "ring": f"{radius}米圈"}
                rows.append(row | {"inner_m": inner, "radius_m": radius, "version": version, "area_m2": area})
    rows[0] |= {"project_ids": json.dumps(["P1", "P2"])}
    rows[-2] |= {"residents": 900}
    return handmade.frame("station_results", rows)


def sheds():
    """The walk-sheds of two stations in three versions, beside their rings."""
    rows = []
    for version in ("raw", "nearest", "shared"):
        for station in ("Z2", "Z1"):
            for minutes, radius, area in ((5.0, 375.0, 10_000.0), (10.0, 750.0, 70_000.0)):
                key = f"{station}-walk{minutes:g}-{version}"
                row = {"station_result_id": key, "station_id": station, "name": station, "ring": f"步行{minutes:g}分钟"}
                row |= {"inner_m": 0.0, "radius_m": radius, "minutes": minutes, "method": "NET", "version": version}
                row |= {"street_m": 12_345.6, "street_density": 6.126, "shed_ratio": 0.3251}
                rows.append(row | {"area_m2": area})
    rows[0] |= {"junction_density": 81.25, "affordable_share": 0.0625, "vacated_count": 3}
    return handmade.frame("station_results", rows)


def programmes():
    rows = [
        {"item": "stock", "sequence": 1, "title": "旧厂房", "kind": "old_factory", "floor_area_m2": 4321.4},
        {"item": "gap", "sequence": 1, "title": "kindergarten", "note": "缺 180 学位"},
        {"item": "project", "sequence": 2, "title": "乙", "kind": "industrial", "walk_minutes": 7.26},
        {"item": "project", "sequence": 1, "title": "甲", "kind": "old_estate", "state": "annual", "year": 2026},
        {"item": "transfer_in", "sequence": 1, "title": "调剂", "lead": '["区发改委", "区城管委"]'},
    ]
    rows[0] |= {"land_m2": 9e3}
    rows = [{"station_id": "Z1", "name": "一站", "ring": "步行15分钟"} | row for row in rows]
    rows.insert(0, {"station_id": "Z2", "name": "二站", "ring": "步行15分钟", "item": "constraint", "title": "采空区"})
    return handmade.frame("station_programmes", [{"station_programme_id": f"J{n}"} | row for n, row in enumerate(rows)])


def problems():
    place = (handmade.EAST, handmade.NORTH)
    return findings.table(
        [
            findings.finding("delivery.spaces", "projects", "P2", severity="info", field="name", row=2),
            findings.finding(
                "delivery.number", "projects", "P1", field="households", value="9", width=1, row=1, at=place
            ),
        ]
    )


def partial():
    """What is known in part of a block and of the widest ring of a station."""
    columns = ["layer", "feature", "field", "least", "lacking"]
    rows = [
        ("block_results", "SL00-0101", "demolished_floor_m2", 12_349.0, 2),
        ("block_results", "SL00-0102", "lead_departments", None, 1),
        ("station_results", "Z1-0-500-nearest", "residents", 600.0, 3),
    ]
    return pd.DataFrame(rows, columns=columns)


def frames():
    return {
        "partial_sums": partial(),
        "block_results": blocks(),
        "station_results": stations(),
        "station_programmes": programmes(),
        "projects": handmade.projects(),
        "findings": problems(),
    }


def sources():
    return pd.DataFrame({"layer": ["blocks"], "zh": ["街区"], "rows": [3], "sources": ["控规"]})


def write(out, given=None, **options):
    options = {"catalogue": handmade.book(), "sources": sources(), "about": ABOUT} | options
    return workbook.write(out, frames() if given is None else given, **options)


class Sheet:
    """A sheet by its headings."""

    def __init__(self, path, name):
        self.rows = CalamineWorkbook.from_path(path).get_sheet_by_name(name).to_python()
        self.head, self.units, self.body = self.rows[3], self.rows[4], self.rows[5:]

    def column(self, title):
        place = self.head.index(title)
        return [self.units[place], *(row[place] for row in self.body)]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return write(tmp_path_factory.mktemp("book") / "工作簿.xlsx", synthetic=True)


def test_it_has_the_sheets_of_the_practice(book):
    """In the order in which a bureau reads them."""
    assert CalamineWorkbook.from_path(book).sheet_names == SHEETS


@pytest.mark.parametrize("name", SHEETS)
def test_each_sheet_says_what_it_is(book, name):
    """Title with both notices, who and when with a line for what is not known, 口径, 序号, a unit row."""
    sheet = Sheet(book, name)
    assert sheet.rows[0][0] == f"{name} 【内部资料 注意保管】 【示例数据,非真实情况】"
    signature = "填报单位:规划分局    填表人:甲    日期:2026-11-23    审核人:________    数据截止:2026-06-30"
    assert sheet.rows[1][0] == signature
    assert sheet.rows[2][0].startswith("口径:")
    assert (sheet.head[0], sheet.units[0], sheet.body[0][0]) == ("序号", "单位", 1)


def test_rows_add_up_to_the_total(book):
    """Three times a third of a hectare is a hectare."""
    assert Sheet(book, "街区统筹一览表").column("街区面积") == ["公顷", 0.33, 0.33, 0.34, 1.0, ""]


FIGURES = {
    "count": ("更新项目数", ["个", 2, 0, "暂无法判定", "≥ 2(缺 1 行)", 1]),
    "share": ("更新项目占比", ["%", 0.123, "暂无法判定", "暂无法判定", "", ""]),
    "floor area, negative": ("剩余规模", ["万m²", "暂无法判定", -1.23, "暂无法判定", "暂无法判定", 2]),
    "floor area": ("街区管控总规模", ["万m²", "暂无法判定", "暂无法判定", 100.0, "≥ 100.00(缺 2 行)", 2]),
    "counted in several blocks": ("更新单元数", ["个", "暂无法判定", "暂无法判定", 3, "", ""]),
    "nothing known": ("涉及户数", ["户", "暂无法判定", "暂无法判定", "暂无法判定", "暂无法判定", 3]),
    "known in part": ("拆除建筑面积", ["万m²", "≥ 1.23(缺 2 项)", 2.0, "暂无法判定", "≥ 3.23(缺 2 行)", 2]),
    "listed in part": ("牵头单位", ["", "—", "区商务局(缺 1 项)", "—", "", ""]),
    "text": ("街区名称", ["", "北街区", "南街区", "西街区", "", ""]),
}


@pytest.mark.parametrize(("title", "values"), FIGURES.values(), ids=FIGURES)
def test_figures_are_shown_in_the_units_of_the_practice(book, title, values):
    """Unit, rows, total, and how many rows had no figure; what lacks is said, never 0 and never left out of a sum."""
    assert Sheet(book, "街区统筹一览表").column(title) == values


def test_the_last_rows_are_named(book):
    """合计 and the count of gaps."""
    assert [row[0] for row in Sheet(book, "街区统筹一览表").body] == [1, 2, 3, "合计", "缺数据行数"]


def test_ground_around_stations_is_added_once(book):
    """Of twelve rows the largest de-duplicated disc of each station enters the total."""
    sheet = Sheet(book, "站点周边分析表")
    assert sheet.column("圈层面积")[-2:] == [6.0, ""]
    # one of the two stations has no figure: a sum would pass for the whole
    assert sheet.column("居住人口")[-2:] == ["≥ 1,500(缺 1 行)", 1]
    assert sheet.body[-2][0] == "合计(去重最大圈)"
    assert sheet.column("版本(是否去重)")[1] == "去重(按最近站点)"


def test_rows_of_one_method_and_version_stand_together(tmp_path):
    """Rings before sheds, each by version, station and width; who is meant stands in the frozen columns."""
    both = pd.concat([sheds(), stations().assign(method="EUC")], ignore_index=True)
    sheet = Sheet(write(tmp_path / "a.xlsx", {"station_results": both}), "站点周边分析表")
    assert sheet.head[:3] == ["序号", "站点名称", "圈层名称"]
    methods, versions = sheet.column("划定方法")[1:25], sheet.column("版本(是否去重)")[1:25]
    assert methods == ["直线距离"] * 12 + ["步行网络"] * 12
    walked = [title for title in ("去重(按最近站点)", "原始(可重叠)", "共享(多站共有部分均分)") for _ in range(4)]
    assert versions[12:] == walked
    assert sheet.column("站点名称")[13:17] == ["Z1", "Z1", "Z2", "Z2"]
    assert sheet.column("步行时间")[13:15] == [5, 10]


TOTALS = {
    # two discs of 3 ha; the sheds lie on the same ground
    "rings and sheds": ([stations, sheds], 6.0, "合计(去重最大圈)", "直线距离"),
    "sheds alone": ([sheds], 14.0, "合计(去重最大步行范围)", "步行网络"),
    "rings alone": ([stations], 6.0, "合计(去重最大圈)", "直线距离"),
}


@pytest.mark.parametrize(("made", "total", "title", "method"), TOTALS.values(), ids=TOTALS)
def test_the_total_counts_ground_by_one_method(tmp_path, made, total, title, method):
    """De-duplicated, widest, and never rings and sheds together; the sheet says which."""
    frame = pd.concat([each() for each in made], ignore_index=True)
    sheet = Sheet(write(tmp_path / "a.xlsx", {"station_results": frame}), "站点周边分析表")
    area = sheet.column("圈层面积")
    assert (area[1 + len(frame)], sheet.body[len(frame)][0]) == (total, title)
    assert f"合计只计{method}去重版" in sheet.rows[2][0]


WALKED = {
    "length in km": ("道路长度", ["km", 12.35]),
    "density": ("路网密度", ["km/km²", 6.13]),
    "minutes without digits": ("步行时间", ["分钟", 5]),
    "shed over circle": ("步行可达面积比(可达范围÷同时间圆)", ["%", 0.325]),
    "not measured": ("可改造租赁住房备选存量", ["万m²", "—"]),
}


@pytest.mark.parametrize(("title", "values"), WALKED.values(), ids=WALKED)
def test_figures_of_a_walk_shed_have_the_units_of_the_practice(tmp_path, title, values):
    """As unit and first row."""
    sheet = Sheet(write(tmp_path / "a.xlsx", {"station_results": sheds()}), "站点周边分析表")
    assert sheet.column(title)[:2] == pytest.approx(values, abs=0.006) if values[1] != "—" else values


PROGRAMME = {
    "by station, item, order": ("站点名称", ["一站"] * 5 + ["二站"]),
    "items by title": ("事项", ["更新项目", "更新项目", "设施缺口", "可利用存量", "规模调入", "限制要素"]),
    "titles": ("对象名称", ["甲", "乙", "幼儿园", "旧厂房", "调剂", "采空区"]),
    "no English code": ("对象类别", ["老旧小区", "园区厂房", "—", "闲置厂房", "—", "—"]),
    "years without separators": ("年度", [2026, "—", "—", "—", "—", "—"]),
    "walk": ("步行时间", ["—", 7.3, "—", "—", "—", "—"]),
    "floor area in m²": ("建筑规模", ["—", "—", "—", 4321, "—", "—"]),
    "land in hectares": ("范围内用地面积", ["—", "—", "—", 0.9, "—", "—"]),
    "lists joined": ("牵头单位", ["—", "—", "—", "—", "区发改委、区城管委", "—"]),
}


@pytest.mark.parametrize(("title", "values"), PROGRAMME.values(), ids=PROGRAMME)
def test_programmes_are_listed_station_by_station(book, title, values):
    """Without a total: projects, gaps and stock are of different kinds."""
    assert Sheet(book, "站城融合专项计划表").column(title)[1:] == pytest.approx(values, abs=0.051)


def test_lists_are_joined(book):
    """A JSON list is for programs."""
    assert "P1、P2" in Sheet(book, "站点周边分析表").column("更新项目编号")


PROJECTS = {
    "codes by title": ("项目类型", ["老旧小区改造", "低效产业园区“腾笼换鸟”和老旧厂房更新改造", "老旧小区改造"]),
    "approved land": ("批复用地面积", ["—", "—", 1.23]),
    "measured land": ("图形面积", [1.0, 1.0, 2.0]),
    "boolean": ("示范项目", ["—", "否", "是"]),
    "date": ("入库日期", ["—", datetime.date(2024, 2, 29), "—"]),
    "year without separators": ("年度计划", ["—", "—", 2026]),
}


@pytest.mark.parametrize(("title", "values"), PROJECTS.values(), ids=PROJECTS)
def test_projects_are_listed_by_key(book, title, values):
    """With approved and measured area side by side."""
    assert Sheet(book, "更新项目台账").column(title)[1:4] == values


def test_findings_come_as_sentences_gravest_first(book):
    """With Chinese for layer and field, and the place."""
    sheet = Sheet(book, "问题清单")
    assert sheet.column("严重程度") == ["", "错误", "提示"]
    assert sheet.column("问题描述")[1] == "更新项目第 1 行(P1):涉及户数的值 9 超过字段长度 1 位。"
    assert sheet.column("横坐标") == ["m", handmade.EAST, "—"]


def test_sources_and_reading_rules_are_told(book):
    """Layers with rows and sources, then notes, then the catalogue's version."""
    sheet = Sheet(book, "数据说明")
    assert sheet.body[0][1:] == ["街区", "blocks", 3, "控规"]
    assert any("缺数据不作 0 计" in row[4] for row in sheet.body)
    assert sheet.body[-1][4] == handmade.book().digest


def test_hostile_text_is_inert(tmp_path):
    """Whatever a name looks like, its cell is a text that reads back as it is; the file has no formula and no link."""
    rows = [{"block_id": f"B{n}", "name": text} for n, text in enumerate(HOSTILE)]
    path = write(tmp_path / "a.xlsx", {"block_results": handmade.frame("block_results", rows)})
    sheet = openpyxl.load_workbook(path)["街区统筹一览表"]
    cells = [sheet.cell(row, 3) for row in range(6, 6 + len(HOSTILE))]
    assert [(cell.value, cell.data_type, cell.hyperlink) for cell in cells] == [(text, "s", None) for text in HOSTILE]
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert not [name for name in parts if "externalLink" in name]
    assert not [name for name, content in parts.items() if name.startswith("xl/worksheets/sheet") and b"<f>" in content]


def test_text_that_no_workbook_can_hold_is_made_to_fit(tmp_path):
    """Longer than a cell, or half a surrogate pair: the sheet is written all the same."""
    names = pd.Series(["长" * 40_000, "a\udc00b\x01"], dtype="object")
    rows = handmade.frame("block_results", [{"block_id": "B1"}, {"block_id": "B2"}]).assign(name=names)
    path = write(tmp_path / "a.xlsx", {"block_results": rows})
    long, odd = Sheet(path, "街区统筹一览表").column("街区名称")[1:3]
    assert (len(long), long[-1]) == (32_000, "…")
    assert odd.startswith("a?b")


@pytest.mark.parametrize("name", SHEETS)
def test_sheets_are_ready_to_print(book, name):
    """Landscape A3 or A4, headings on every page, frozen panes, no merged cells, both notices in the page's head."""
    sheet = openpyxl.load_workbook(book)[name]
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.page_setup.paperSize in (tables._A3, tables._A4)
    assert sheet.print_title_rows == "$4:$5"
    assert sheet.freeze_panes == "D6"
    assert not sheet.merged_cells.ranges
    assert sheet.oddHeader.right.text == "内部资料 注意保管 示例数据,非真实情况"


def test_columns_are_wide_enough_for_chinese(book):
    """A name of eight characters needs sixteen half ones."""
    sheet = openpyxl.load_workbook(book)["问题清单"]
    assert sheet.column_dimensions["C"].width > 40
    assert all(sheet.column_dimensions[letter].width >= 9 for letter in "BDEFGHI")


def test_real_data_has_no_notice_of_samples(tmp_path):
    """Internal it remains."""
    path = write(tmp_path / "a.xlsx")
    assert Sheet(path, SHEETS[0]).rows[0][0] == "街区统筹一览表 【内部资料 注意保管】"


def test_nothing_to_show_gives_headings(tmp_path):
    """Five sheets, no rows, no total that looks like a figure."""
    path = workbook.write(tmp_path / "a.xlsx", {}, catalogue=handmade.book())
    sheet = Sheet(path, "街区统筹一览表")
    assert sheet.head[1] == "街区代码"
    assert [row[0] for row in sheet.body] == ["合计"]
    assert set(sheet.body[0][1:]) <= {"—", ""}


def test_same_frames_give_the_same_bytes(tmp_path):
    """A workbook can be compared with last month's."""
    assert write(tmp_path / "a.xlsx").read_bytes() == write(tmp_path / "b.xlsx").read_bytes()


def test_inputs_are_not_modified(tmp_path):
    """The frames handed in stay as they were."""
    given = frames()
    write(tmp_path / "a.xlsx", given)
    for name, frame in frames().items():
        pd.testing.assert_frame_equal(pd.DataFrame(given[name]), pd.DataFrame(frame))


def test_findings_alone_are_a_quality_report(tmp_path):
    """质检报告: what somebody must act on, with who takes it; the rest on a sheet of its own."""
    path = workbook.write_findings(problems(), tmp_path / "a.xlsx", catalogue=handmade.book())
    assert CalamineWorkbook.from_path(path).sheet_names == ["质检报告", "提示与核准例外"]
    sheet = Sheet(path, "质检报告")
    assert [len(sheet.body), len(Sheet(path, "提示与核准例外").body)] == [1, 1]
    assert sheet.column("责任方") == ["", "数据处理人员"]


def repairs():
    row = {"code": "repair.structure", "layer": "projects", "feature": "P1", "row": 3}
    row |= {"before_vertices": 5, "after_vertices": 8, "before_m2": 0.0, "after_m2": 50.0}
    return pd.DataFrame([row | {"gained_m2": 50.0, "lost_m2": 0.0, "x": handmade.EAST, "y": handmade.NORTH}])


def test_repairs_are_listed_row_by_row(tmp_path):
    """修复记录: before, after, gained and lost."""
    path = workbook.write_findings(problems(), tmp_path / "a.xlsx", catalogue=handmade.book(), repairs=repairs())
    sheet = Sheet(path, "修复记录")
    assert sheet.column("修复") == ["", "自相交重建"]
    assert sheet.column("增加面积") == ["m²", 50.0]
    assert sheet.column("修复后节点数") == ["", 8]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_inert_in_a_quality_report(tmp_path, value):
    """No formula, no link; the headings are Chinese whatever the store's language."""
    finding = findings.finding("row.code", "projects", value, field="name", value=value, list="x", allowed=[], row=1)
    path = workbook.write_findings(findings.table([finding]), tmp_path / "a.xlsx", catalogue=handmade.book())
    cells = [cell for row in openpyxl.load_workbook(path)["质检报告"] for cell in row if cell.value is not None]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    assert value in [cell.value for cell in cells]
    headings = [cell.value for cell in openpyxl.load_workbook(path)["质检报告"][4] if cell.value]
    assert headings == [
        "序号",
        "严重程度",
        "问题描述",
        "责任方",
        "图层",
        "要素",
        "字段",
        "横坐标",
        "纵坐标",
        "问题代码",
    ]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """One sentence, nothing half-made."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorePermissionError, match=r"cannot write a\.xlsx"):
        write(tmp_path / "file" / "a.xlsx")


AMOUNTS = st.lists(st.one_of(st.none(), st.floats(-1e7, 1e7).map(lambda value: round(value, 3))), max_size=40)


@given(AMOUNTS, st.integers(0, 3))
@example([1.781, 1.781, 1.781, 1.781, 2097145.781], 2)
def test_rounded_rows_add_up(values, digits):
    """To the exact total rounded half up, none off by a whole step, gaps kept."""
    series = pd.Series(values, dtype="float64")
    rounded = rounding.rounded_to_total(series, digits)
    step = 10.0**-digits
    # a sum within a rounding of a tie is a tie, and may have gone either way
    steps = math.fsum(series.dropna()) / step + 0.5
    slack = 1e-9 + 1e-14 * abs(steps)
    totals = {math.floor(steps - slack), math.floor(steps + slack)}
    assert any(math.fsum(rounded.dropna()) == pytest.approx(total * step, abs=step * 1e-3) for total in totals)
    assert (np.abs(rounded - series).dropna() < step * (1 + 1e-5)).all()
    assert rounded.isna().equals(series.isna())
