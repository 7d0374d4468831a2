"""The command line: every command helps, does its job, and fails with one sentence and its own exit code."""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
from functools import partial
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
import typer

from gis import cli, errors

SQUARE = shapely.box(500_000, 4_398_000, 500_100, 4_398_100)
COMMANDS = sorted(command.name or command.callback.__name__ for command in cli.app.registered_commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_in_both_languages(command, gis):
    """--help says what a command does, in Chinese and English."""
    code, out, _ = gis(command, "--help")
    assert code == 0
    text = typer.main.get_command(cli.app).commands[command].help
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text) and any(letter.isascii() for letter in text)
    assert text.split("。")[0][:4] in out


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command, readme):
    """The README's table names every command."""
    assert f"`gis {command} " in Path(readme).read_text(encoding="utf-8")


def test_exit_codes_are_one_table():
    """Each class of error has its own code; README's list is held in `tests/hostile/test_endings.py`."""
    classes = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.GisError)]
    codes = {item.exit_code for item in classes}
    assert len(codes) == len(classes)


def projects_file(folder, crs="EPSG:4548", rows=1, name="更新项目.geojson.gpkg"):
    """Write a file with projects and return its path."""
    values = {"XMBH": ["X1"], "XMMC": ["新项目"], "XMLX": ["老旧小区"], "XMZT": ["储备"]}
    path = folder / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = gpd.GeoDataFrame(values, geometry=[SQUARE], crs=crs)
        pyogrio.write_dataframe(frame.iloc[:rows], path, geometry_type="Polygon", encoding="UTF-8")
    return path


def test_load_stores_good_rows_and_quarantines_the_rest(gis, store_path, tmp_path):
    """Rows in = rows stored + rows quarantined; Chinese column names and code titles are understood."""
    frame = gpd.GeoDataFrame(
        {"项目编号": ["X1", "X2"], "项目名称": ["甲", "乙"], "类型": ["老旧小区", "不存在"], "状态": ["储备", "储备"]},
        geometry=[SQUARE, SQUARE],
        crs="EPSG:4548",
    )
    pyogrio.write_dataframe(frame, tmp_path / "p.gpkg")
    code, out, _ = gis("load", store_path, tmp_path / "p.gpkg", "--layer", "projects")
    assert code == 0
    assert "读入 2 行,入库 1 行,待核 1 行" in out
    code, out, _ = gis("history", store_path, "projects", "X1")
    assert code == 0 and "数据入库" in out


def no_crs(folder):
    """Return a file without CRS."""
    return [projects_file(folder, crs=None, name="p.shp"), "--layer", "projects"]


def wrong_crs(folder):
    """Return a file in Xian 1980, which nobody can transform for us."""
    return [projects_file(folder, crs="EPSG:2384", name="p.gpkg"), "--layer", "projects"]


def empty(folder):
    """Return a file of 0 bytes."""
    (folder / "p.geojson").write_bytes(b"")
    return [folder / "p.geojson", "--layer", "projects"]


def no_rows(folder):
    """Return a layer without rows."""
    return [projects_file(folder, rows=0, name="p.gpkg"), "--layer", "projects"]


def missing_dbf(folder):
    """Return a shapefile whose .dbf is gone."""
    path = projects_file(folder, name="p.shp")
    path.with_suffix(".dbf").unlink()
    return [path, "--layer", "projects"]


def unknown_layer(folder):
    """Name a layer that the catalogue does not have."""
    return [projects_file(folder, name="p.gpkg"), "--layer", "gardens"]


def unnamed_layer(folder):
    """Give a file whose name is no layer's."""
    return [projects_file(folder, name="p.gpkg")]


def absent(folder):
    """Name a file that is not there."""
    return [folder / "nothing.shp", "--layer", "projects"]


REFUSED = [
    (no_crs, 3, "坐标系有误", "--crs"),
    (wrong_crs, 3, "坐标系有误", "EPSG:2384"),
    (empty, 5, "没有数据", "0 bytes"),
    (no_rows, 5, "没有数据", "no rows"),
    (missing_dbf, 4, "文件无法读取", ".dbf"),
    (unknown_layer, 6, "名称不存在", "gardens"),
    (unnamed_layer, 2, "参数有误", "--layer"),
    (absent, 4, "文件无法读取", "nothing.shp"),
]


def content(path):
    """Return every row of every table of a store, so that any change shows."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return hashlib.sha256("\n".join(db.iterdump()).encode("utf-8", "replace")).hexdigest()


@pytest.mark.parametrize(("make", "exit_code", "kind", "words"), REFUSED, ids=[case[0].__name__ for case in REFUSED])
def test_refused_input_ends_with_one_sentence_and_changes_nothing(
    make, exit_code, kind, words, gis, store_path, tmp_path
):
    """One line on standard error, the class's exit code, and the store as it was."""
    before = content(store_path)
    code, _, said = gis("load", store_path, *make(tmp_path))
    assert code == exit_code
    assert said.startswith(f"{kind} · ") and words in said.replace("\n", "")
    assert "Traceback" not in said
    assert content(store_path) == before


def test_locked_store_is_refused(gis, store_path, tmp_path):
    """Another program writes: exit code 11, nothing changed."""
    path = projects_file(tmp_path, name="p.gpkg")
    before = content(store_path)
    other = sqlite3.connect(store_path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    code, _, said = gis("load", store_path, path, "--layer", "projects")
    other.execute("ROLLBACK")
    other.close()
    assert code == 11 and said.startswith("库被其他程序占用")
    assert content(store_path) == before


def test_place_that_may_not_be_written_is_refused(gis, store_path, tmp_path):
    """Writing below a file, which no user may do: exit code 12 and nothing left behind."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    code, _, said = gis("map", store_path, blocked / "map.html")
    assert code == 12 and said.startswith("没有写入权限")
    assert blocked.read_text(encoding="utf-8") == "not a folder"


NO_STORE = [("blocks", []), ("check", []), ("map", ["m.html"]), ("deliver", ["d.zip"]), ("workbook", ["w.xlsx"])]


@pytest.mark.parametrize(("command", "more"), NO_STORE, ids=[case[0] for case in NO_STORE])
def test_missing_store_is_refused(command, more, gis, tmp_path):
    """A store that is not there is not made by accident; the sentence says how to make one."""
    code, _, said = gis(command, tmp_path / "none.gpkg", *more)
    assert code == 10 and "gis init" in said.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


def test_check_lists_findings_and_writes_the_report(gis, store_path, tmp_path):
    """The sample town's planted defects are listed and written as 质检报告."""
    code, out, _ = gis("check", store_path, "--report", tmp_path / "report.xlsx")
    assert code == 0 and "条问题" in out
    sheet = pd.read_excel(tmp_path / "report.xlsx", engine="calamine", header=None)
    assert sheet.astype(str).stack().str.contains("质检报告|问题清单").any()


EXPORTS = ["p.gpkg", "p.geojson", "p.parquet", "p.csv", "p.xlsx"]


@pytest.mark.parametrize("name", EXPORTS)
def test_export_writes_every_row(name, gis, store, store_path, tmp_path):
    """Forty projects leave in each format and can be read again."""
    code, _, _ = gis("export", store_path, "projects", tmp_path / name)
    assert code == 0
    readers = {".csv": pd.read_csv, ".xlsx": partial(pd.read_excel, engine="calamine"), ".parquet": gpd.read_parquet}
    assert len(readers.get(Path(name).suffix, gpd.read_file)(tmp_path / name)) == 40


def test_csv_export_holds_no_formula(gis, store, store_path, tmp_path):
    """A text that a spreadsheet would run begins with an apostrophe."""
    row = store.read("projects").head(1)
    store.put("projects", row.assign(name="=cmd|' /C calc'!A0"), author="t", reason="hostile")
    gis("export", store_path, "projects", tmp_path / "p.csv")
    assert "'=cmd" in set(pd.read_csv(tmp_path / "p.csv")["name"].str[:5])


def test_restore_brings_a_feature_back(gis, store, store_path):
    """An edit is undone by naming the change before it."""
    row = store.read("projects").head(1)
    key, name = row["project_id"].iloc[0], row["name"].iloc[0]
    first = int(store.history("projects", key)["change"].iloc[0])
    store.put("projects", row.assign(name="改名"), author="t", reason="r")
    store.close()
    assert gis("restore", store_path, "projects", key, first)[0] == 0
    assert name in gis("history", store_path, "projects", key)[1]


def test_unknown_option_is_a_usage_error(gis):
    """A wrong word on the command line ends with exit code 2 and one sentence."""
    code, _, said = gis("blocks", "--no-such-option")
    assert code == 2 and said.startswith("用法错误")
