"""Rows in quarantine are said to wait, with number and reasons, wherever something leaves without them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from gis import archives
from gis.publish import waiting
from gis.workflow import intake, outputs
from tests.flow.conftest import SETTINGS

SQUARE = shapely.box(500_000, 4_398_000, 500_100, 4_398_100)
DATA = re.compile(r'<script type="application/json" id="consultation-data">(.*?)</script>', re.DOTALL)


@pytest.fixture
def held(gis, tmp_path):
    """Return a store with one sound project and three that wait, one of them of a military owner."""
    frame = gpd.GeoDataFrame(
        {
            "XMBH": ["X1", "X2", "X3", "X4"],
            "XMMC": ["甲", None, "丙", "丁"],
            "XMLX": ["老旧小区", "老旧小区", "没有的类型", "没有的类型"],
            "XMZT": ["储备", "储备", "储备", "储备"],
            "owner_class": [None, None, None, "military"],
        },
        geometry=[shapely.affinity.translate(SQUARE, 200 * row) for row in range(4)],
        crs="EPSG:4548",
    )
    pyogrio.write_dataframe(frame, tmp_path / "projects.gpkg")
    path = tmp_path / "s.gpkg"
    settings = tmp_path / "s.toml"
    settings.write_text("bounds = []\n", encoding="utf-8")
    assert gis("--settings", settings, "init", path)[0] == 0
    assert gis("--settings", settings, "load", path, tmp_path / "projects.gpkg")[0] == 0
    return path, settings


def test_check_says_how_many_rows_wait_and_why(gis, held, tmp_path):
    """On the screen, in the report, and again as long as they wait."""
    path, settings = held
    _, out, _ = gis("--settings", settings, "check", path, "--report", tmp_path / "r.xlsx")
    said = out.replace("\n", "")
    assert "更新项目有 3 行待核" in said and "不在代码表·项目类型 2" in said and "必填字段为空·项目名称 1" in said
    sheets = pd.read_excel(tmp_path / "r.xlsx", engine="calamine", header=None, sheet_name=None)
    assert any(sheet.astype(str).stack().str.contains("3 行待核").any() for sheet in sheets.values())


def test_a_delivery_says_so(gis, held, tmp_path):
    """On the screen, in readme and manifest."""
    path, settings = held
    code, out, _ = gis("--settings", settings, "deliver", path, tmp_path / "d.zip")
    assert code == 0 and "3 行待核" in out.replace("\n", "")
    archives.extract(tmp_path / "d.zip", tmp_path / "files")
    assert "待核数据(未汇交):更新项目 3 行(" in (tmp_path / "files" / "readme.txt").read_text("utf-8-sig")
    said = json.loads((tmp_path / "files" / "manifest.json").read_text("utf-8"))["waiting"]
    assert [(one["layer"], one["rows"]) for one in said] == [("projects", 3)]


def test_an_internal_map_says_so(gis, held, tmp_path):
    """With the reasons."""
    path, settings = held
    assert gis("--settings", settings, "map", path, tmp_path / "m.html", "--internal")[0] == 0
    found = json.loads(DATA.search((tmp_path / "m.html").read_text("utf-8"))[1])
    assert found["waiting"]["zh"].startswith("更新项目 3 行(") and found["waiting"]["en"]


def test_the_public_learns_of_what_it_would_see_only(held):
    """Rows not yet public, and those of military owners, are not even counted."""
    path, _ = held
    with intake.opened(path, replace(SETTINGS)) as store:
        rows = store.read("quarantine")
        assert waiting.count(waiting.public(rows, store.catalogue), store.catalogue) == ()
        row = rows.iloc[[0]].assign(layer="stations", content='{"name": "某站"}')
        secret = row.assign(content='{"name": "某站", "confidential": true}')
        both = pd.concat([row, secret], ignore_index=True)
        (seen,) = waiting.count(waiting.public(both, store.catalogue), store.catalogue)
    assert (seen.layer, seen.rows) == ("stations", 1)


def test_the_workbook_says_so(held, tmp_path):
    """Beside each layer's rows, and above every table."""
    path, _ = held
    with intake.opened(path, SETTINGS) as store:
        outputs.write_workbook(store, tmp_path / "w.xlsx")
    sheet = pd.read_excel(tmp_path / "w.xlsx", engine="calamine", header=None, sheet_name="数据说明").astype(str)
    assert sheet.stack().str.contains("待核 更新项目 3 行(", regex=False).any()
    every = pd.read_excel(tmp_path / "w.xlsx", engine="calamine", header=None, sheet_name=None)
    said = {name: str(table.iloc[2, 0]) for name, table in every.items()}
    assert len(said) == 6 and all("待核数据(未计入):更新项目 3 行(" in line for line in said.values())


WAITING = ("projects", "parcels", "transfers", "constraints", "waters")


def test_station_sheets_say_so_of_all_they_count(store, monkeypatch, tmp_path):
    """Of layers that are drawn, and of those that only their figures and programmes count; not of others."""
    rows = [
        {"quarantine_id": f"H{n}", "layer": name, "reasons": "[]", "content": "{}"} for n, name in enumerate(WAITING)
    ]
    rows += [{"quarantine_id": "H9", "layer": "votes", "reasons": "[]", "content": "{}"}]
    store.replace("quarantine", pd.DataFrame(rows))
    said = []
    monkeypatch.setattr(outputs.station_sheet, "write", lambda *_, about, **__: said.append(about.waiting))
    list(outputs.write_sheets(store, tmp_path))
    titles = [store.catalogue.layer(name).zh for name in WAITING]
    assert said and all(f"{title} 1 行" in said[0] for title in titles)
    assert store.catalogue.layer("votes").zh not in said[0]


def test_nothing_is_said_where_nothing_waits(tmp_path):
    """An empty quarantine is no sentence and no finding."""
    with intake.init(tmp_path / "s.gpkg", settings=SETTINGS) as store:
        assert waiting.count(store.read("quarantine"), store.catalogue) == ()
        assert waiting.sentence((), store.catalogue) == "" and waiting.table((), store.catalogue).empty
    assert waiting.count(None, store.catalogue) == ()
