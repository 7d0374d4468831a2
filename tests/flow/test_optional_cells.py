"""What is no key, no outline and not required never holds a row back: the cell is emptied and what it said is kept."""

from __future__ import annotations

import json

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from gis.publish import publication
from gis.settings import Settings
from gis.workflow import intake

SETTINGS = Settings()
SHAPE = shapely.box(423_000, 4_423_000, 423_100, 4_423_100)
SOUND = {"XMBH": "X1", "XMMC": "甲", "XMLX": "老旧小区", "XMZT": "储备"}
# column of the file: (what it says, code of the finding, field, how extra keeps it)
CELLS = {
    "code that no list has": ("SSLJ", "随便", "row.code", "path", "随便"),
    "number above its range": ("HS", 2_000_000, "row.range", "households", 2_000_000),
    "number below its range": ("PFMJ", -1.5, "row.range", "approved_area_m2", -1.5),
    "year of no calendar": ("JCND", 20245, "row.range", "built_year", 20245),
    "text too long": ("SPWH", "文" * 61, "row.width", "approval_no", "文" * 61),
    "feature that is not there": ("GXDYBH", "U404", "row.reference", "unit_id", "U404"),
    "words for a number": ("HS", "约三百", "row.type", "households", "约三百"),
    "day that is none": ("JGRQ", "2024-02-30", "row.type", "completed_on", "2024-02-30"),
}


def file(folder, rows, name="projects.csv"):
    """Write projects as a table with WKT."""
    table = pd.DataFrame([{**SOUND, "wkt(EPSG:4548)": SHAPE.wkt} | row for row in rows], dtype=object)
    table.to_csv(folder / name, index=False, encoding="utf-8-sig")
    return folder / name


@pytest.fixture
def store(tmp_path):
    with intake.init(tmp_path / "s.gpkg", settings=SETTINGS) as opened:
        yield opened


def load(store, path, layer=None):
    hints = intake.Hints(layer=layer, recipes=path.parent / "recipes")
    return intake.load(store, [path], hints=hints, settings=SETTINGS)[0]


@pytest.mark.parametrize("name", CELLS)
def test_an_optional_cell_holds_no_row_back(store, tmp_path, name):
    """The row is stored without it, extra keeps the words, and one warning names row, field and what is allowed."""
    column, said, code, field, kept = CELLS[name]
    taken = load(store, file(tmp_path, [{column: said}, {"XMBH": "X2"}]))
    assert (taken.accepted, taken.quarantined) == (2, 0)
    row = store.read("projects", where={"project_id": "X1"}).iloc[0]
    assert pd.isna(row[field])
    assert kept in json.loads(row["extra"]).values()
    rows = taken.findings[(taken.findings["field"] == field) & taken.findings["code"].str.startswith("row.")]
    (found,) = rows.to_dict("records")
    assert (found["code"], found["severity"], found["feature"]) == (code, "warning", "X1")
    (sentence,) = intake.sentences(rows, SETTINGS)
    assert "此格置空" in sentence and "第 1 行" in sentence


@pytest.mark.parametrize("change", [{"XMLX": "随便"}, {"XMMC": None}, {"XMBH": "X" * 31}])
def test_a_required_cell_holds_its_row_back(store, tmp_path, change):
    """Key, name and type are what a project is; the other row of the file is stored."""
    taken = load(store, file(tmp_path, [change, {"XMBH": "X2"}]))
    assert (taken.accepted, taken.quarantined) == (1, 1)


def test_a_held_row_says_only_what_holds_it(store, tmp_path):
    """Its optional faults are warnings, and what their cells said is kept with the row."""
    load(store, file(tmp_path, [{"XMLX": "随便", "HS": -1}, {"XMBH": "X2"}]))
    (held,) = store.read("quarantine").to_dict("records")
    assert [one["code"] for one in json.loads(held["reasons"])] == ["row.code"]
    assert json.loads(json.loads(held["content"])["extra"]) == {"涉及户数": -1}


def test_characters_that_no_store_holds(store, tmp_path):
    """A NUL in an optional text of a database; extra keeps it spelt out."""
    frame = gpd.GeoDataFrame([{**SOUND, "SPWH": "京\0规"}], geometry=[SHAPE], crs="EPSG:4548")
    frame.to_parquet(tmp_path / "projects.parquet")
    taken = load(store, tmp_path / "projects.parquet")
    assert taken.accepted == 1
    assert json.loads(store.read("projects")["extra"].iloc[0]) == {"审批文号": "京\0规"}


def test_what_a_cell_said_never_replaces_what_extra_has(store, tmp_path):
    """A column of the file may already have the field's title."""
    load(store, file(tmp_path, [{"HS": -1, "extra": '{"涉及户数": "旧"}'}]))
    assert json.loads(store.read("projects")["extra"].iloc[0]) == {"涉及户数": "旧", "涉及户数_2": -1}


@pytest.mark.parametrize(("column", "said"), [("CQDWLX", "部队"), ("BMBZ", "内部"), ("BMBZ", "待定")])
def test_what_cannot_be_read_about_secrecy_is_no_licence(store, tmp_path, column, said):
    """Nobody knows whether such a row may be shown, so it is not, and that is said."""
    taken = load(store, file(tmp_path, [{column: said}, {"XMBH": "X2"}]))
    assert taken.accepted == 2
    assert publication.are_secret(store.read("projects")).tolist() == [True, False]
    assert taken.findings["code"].tolist().count("row.withheld") == 1


def test_a_file_that_comes_again_fills_what_was_emptied(store, tmp_path):
    """When the units are there, the same projects come again and are referred to; nothing else may change so."""
    path = file(tmp_path, [{"GXDYBH": "U1"}, {"XMBH": "X2", "HS": "约三百"}])
    load(store, path)
    units = gpd.GeoDataFrame(
        {"unit_id": ["U1"], "name": ["甲"], "status": ["delineated"]}, geometry=[SHAPE], crs="EPSG:4548"
    )
    pyogrio.write_dataframe(units, tmp_path / "units.gpkg")
    assert load(store, tmp_path / "units.gpkg").accepted == 1
    taken = load(store, path)
    assert (taken.accepted, taken.change.counts["updated"]) == (2, 1)
    load(store, file(tmp_path, [{"GXDYBH": "U1"}, {"XMBH": "X2", "HS": "300"}]))
    rows = store.read("projects").set_index("project_id")
    assert rows["unit_id"].fillna("—").tolist() == ["U1", "—"] and rows["households"].fillna(0).tolist() == [0, 300]
    assert "extra" not in rows.columns or rows["extra"].isna().all()


def test_a_check_says_it_as_long_as_the_cell_is_empty(store, tmp_path):
    """The finding of the load outlives the check, and goes when the file is put right."""
    load(store, file(tmp_path, [{"HS": -1}]))
    intake.check(store, settings=SETTINGS)
    held = store.read("findings", where={"origin": "load"})
    assert held["code"].tolist() == ["row.range"]
    load(store, file(tmp_path, [{"HS": 5}]))
    intake.check(store, settings=SETTINGS)
    assert "row.range" not in store.read("findings")["code"].tolist()


@pytest.mark.parametrize("said", ["#N/A", "=1/0"], ids=["an error", "no result"])
def test_a_flag_without_a_result_withholds_its_row(store, tmp_path, said):
    """Where a sheet shows an error for 保密标志, or has not calculated it, nobody takes the row for harmless."""
    book = openpyxl.Workbook()
    book.active.append([*SOUND, "BMBZ", "wkt(EPSG:4548)"])
    book.active.append([*SOUND.values(), said, SHAPE.wkt])
    book.active.append([*(SOUND | {"XMBH": "X2"}).values(), None, SHAPE.wkt])
    book.save(tmp_path / "projects.xlsx")
    taken = load(store, tmp_path / "projects.xlsx")
    flags = store.read("projects").set_index("project_id")["confidential"]
    assert flags["X1"] and pd.isna(flags["X2"])
    assert {"row.type", "row.withheld"} <= set(taken.findings["code"])
