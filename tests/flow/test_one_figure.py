"""One thing, one figure: sheet, workbook and map say the same of it, and what is not known is said on each."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from gis.publish import paper, rounding, station_figures, station_sheet
from gis.workflow import analyses, intake, outputs, surroundings
from tests.flow.conftest import SETTINGS

DATA = re.compile(r'<script type="application/json" id="consultation-data">(.*?)</script>', re.DOTALL)
# of every layer some optional cells that figures are made of: field and how many rows do not say it
BLANKS = {
    "projects": {"households": 3, "path": 2, "lead": 2, "demolished_floor_m2": 2, "approved_area_m2": 3},
    "blocks": {"control_total_m2": 1, "existing_floor_m2": 1},
    "units": {"quota_m2": 2},
    "buildings": {"residents": 40, "use": 5, "floor_area_above_m2": 5, "affordable_rental": 5},
    "constraints": {"effect": 1},
    "vacated_spaces": {"floor_area_m2": 2},
}  # fmt: skip


class Sheet:
    """A sheet of a workbook: rows by what one column says."""

    def __init__(self, path, name, key):
        rows = CalamineWorkbook.from_path(path).get_sheet_by_name(name).to_python()
        self.head, self.units = rows[3], dict(zip(rows[3], rows[4], strict=True))
        self.by_key = {row[self.head.index(key)]: dict(zip(self.head, row, strict=True)) for row in rows[5:]}
        self.rows = [dict(zip(self.head, row, strict=True)) for row in rows[5:]]


def blanked(store):
    """Empty some cells of the town, the same ones each time."""
    random = np.random.default_rng(20)
    for layer, fields in BLANKS.items():
        frame = store.read(layer)
        for field, count in fields.items():
            rows = random.choice(len(frame), count, replace=False)
            frame[field] = frame[field].mask(pd.Series(np.isin(np.arange(len(frame)), rows), index=frame.index))
        store.put(layer, frame, author="试验", reason="部分单元格缺数据")
    return store


@pytest.fixture(scope="module")
def holed(made_store, tmp_path_factory):
    """Return the folder of map, workbook and store of a town in which some cells are blank, its blocks coordinated."""
    folder = tmp_path_factory.mktemp("holed")
    shutil.copy(made_store, folder / "town.gpkg")
    with intake.opened(folder / "town.gpkg", SETTINGS) as store:
        analyses.blocks(blanked(store), settings=SETTINGS)
        outputs.write_map(store, folder / "m.html", edition="internal")
        outputs.write_workbook(store, folder / "w.xlsx")
    return folder


def layer_of(folder, name):
    """Return a layer of the map: its fields and its rows of values."""
    found = json.loads(DATA.search((folder / "m.html").read_text("utf-8"))[1])
    (layer,) = [layer for layer in found["layers"] if layer["name"] == name]
    names = [field["name"] for field in layer["fields"]]
    return layer["fields"], [dict(zip(names, row[3], strict=True)) for row in layer["rows"]]


# layer of the map: sheet of the workbook, its key, titles that differ there
COMPARED = {
    "projects": ("更新项目台账", "项目编号", {}),
    "blocks": ("街区统筹一览表", "街区代码", {"现状建筑规模": "现状建筑规模(街区)"}),
}


@pytest.mark.parametrize("name", COMPARED)
def test_the_map_says_what_the_workbook_says(holed, name):
    """Number, unit and digits of every figure that both show; where one knows nothing the other does not either."""
    sheet_name, key, titles = COMPARED[name]
    sheet = Sheet(holed / "w.xlsx", sheet_name, key)
    fields, rows = layer_of(holed, name)
    compared, missing = 0, 0
    for field in (field for field in fields if "digits" in field):
        title = titles.get(field["zh"], field["zh"])
        if title not in sheet.head:
            continue
        assert field.get("unit", "") == sheet.units[title] or field.get("plain"), title
        for row in rows:
            printed = sheet.by_key[row[fields[0]["name"]]][title]
            if row[field["name"]] is None:
                assert printed in ("—", "暂无法判定"), title
                missing += 1
            else:
                assert printed == row[field["name"]], (title, row)
                assert round(row[field["name"]], field["digits"]) == row[field["name"]]
            compared += 1
    assert compared > 15 and missing > 1


def test_what_blocks_lack_is_said(holed):
    """Beside every sum that a blank leaves open stands what is known; totals are bounds too; nothing is a plain sum."""
    sheet = Sheet(holed / "w.xlsx", "街区统筹一览表", "街区代码")
    with_bound = re.compile(r"≥ [\d,.]+\(缺 \d+ 项\)")
    for title in ("涉及户数", "拆除建筑面积", "单项更新项目数"):
        said = [str(row[title]) for row in sheet.rows if str(row["街区代码"]).startswith("SL")]
        assert any(with_bound.fullmatch(text) for text in said), title
        # after the row of what lies outside all blocks
        total = str(sheet.rows[len(said) + 1][title])
        assert re.fullmatch(r"≥ [\d,.]+\(缺 \d+ 行\)", total), title
    assert any("(缺 " in str(row["牵头单位"]) for row in sheet.rows)


def test_sheets_say_what_the_workbook_says(store, tmp_path):
    """Every key figure of a station whose residents are known in part stands on its sheet as in the workbook."""
    outputs.write_workbook(store, tmp_path / "w.xlsx")
    rows = Sheet(tmp_path / "w.xlsx", "站点周边分析表", "圈层名称").rows
    layer = store.catalogue.layer("station_results")
    mine = [row for row in rows if row["站点编号"] == "ZD04" and row["划定方法"] == "步行网络"]
    mine = [row for row in mine if row["版本(是否去重)"].startswith("原始")]
    frames = {name: store.read(name) for name in outputs._ON_SHEETS}
    drawn = station_sheet.draw("ZD04", frames, catalogue=store.catalogue)
    said = [text.get_text() for axes in drawn.axes for text in axes.texts]
    assert len(mine) == 3 and any(str(row["居住人口"]).startswith("≥") for row in mine)
    for name in station_figures.FIGURES:
        display = rounding.of_field(layer.field(name), layer)
        for row in mine:
            value = row[layer.field(name).zh]
            share = display is rounding.SHARE
            figure = (
                value
                if isinstance(value, str)
                else f"{value * (100 if share else 1):,.{1 if share else display.digits}f}"
            )
            assert paper.printable(figure) in said, (name, figure)
    assert "—" not in said


@pytest.mark.slow
def test_nothing_is_false_where_cells_are_blank(store, tmp_path):
    """A result of a town with blanks is that of the whole town, or missing with no more than the whole as its bound."""
    keys = {"block_results": "block_id", "station_results": "station_result_id"}
    whole = {name: store.read(name).set_index(key) for name, key in keys.items()}
    blanked(store)
    analyses.blocks(store, settings=SETTINGS)
    surroundings.stations(store, settings=SETTINGS)
    partial, missing = store.read("partial_sums"), 0
    for name, key in keys.items():
        now, was = store.read(name).set_index(key), whole[name]
        for column in was.select_dtypes("number").columns.drop("_version", errors="ignore"):
            before, after = was[column].astype(float).reindex(now.index), now[column].astype(float)
            assert np.isclose(after, before, rtol=1e-9, atol=1e-6)[after.notna()].all(), column
            known = partial[(partial["layer"] == name) & (partial["field"] == column)].set_index("feature")
            full = before.reindex(known.index)
            assert not (known["least"] > full + 1e-6).any() and after.reindex(known.index).isna().all(), column
            missing += int((after.isna() & before.notna()).sum())
    assert missing > 50
    rows = store.read("station_programmes")
    assert rows.loc[rows["item"] == "constraint", "note"].notna().all()
    outputs.write_workbook(store, tmp_path / "w.xlsx")
    assert len(list(outputs.write_sheets(store, tmp_path / "sheets"))) == 6
    for edition in ("internal", "public"):
        page = outputs.write_map(store, tmp_path / f"{edition}.html", edition=edition).path.read_text("utf-8")
        assert not re.search(r'"(?:nan|None|NaN|<NA>|NaT)"', DATA.search(page)[1])
    cells = pd.read_excel(tmp_path / "w.xlsx", engine="calamine", header=None, sheet_name=None, keep_default_na=False)
    texts = {str(cell) for sheet in cells.values() for cell in sheet.to_numpy().ravel()}
    assert not texts & {"nan", "None", "NaN", "<NA>", "NaT"}
    outputs.deliver(store, tmp_path / "d.zip")
    assert outputs.verify(tmp_path / "d.zip").empty
