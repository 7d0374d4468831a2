"""The whole job on the sample town, through the door that a user takes."""

from __future__ import annotations

import zipfile

import pandas as pd
import pytest

from gis.lineage import MADE_UP
from gis.workflow import analyses, demo


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Run the demo once and return its folder and report."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo.demo(folder)


def test_demo_makes_everything(out):
    """Store, two maps, workbook and delivery are there and listed; every step has a title, a result and a time."""
    folder, report = out
    sheets = {path.name for path in report.files if path.parent.name == "town-sheets"}
    assert len(sheets) == 6 and "松澜广场-ZD04.pdf" in sheets
    names = {path.name for path in report.files} - sheets
    assert names == {
        "town.gpkg", "town-map-public.html", "town-map-internal.html", "town-workbook.xlsx", "town-delivery.zip",
    }  # fmt: skip
    assert all((folder / name).stat().st_size > 10_000 for name in names)
    assert all(step.title and step.result and step.seconds > 0 for step in report.steps)


def test_every_output_says_that_the_data_are_made_up(out):
    """「示例数据,非真实情况」 stands on the map, in the workbook and in the delivery."""
    folder, _ = out
    for edition in ("public", "internal"):
        assert MADE_UP in (folder / f"town-map-{edition}.html").read_text(encoding="utf-8")
    for name, sheet in pd.read_excel(
        folder / "town-workbook.xlsx", sheet_name=None, header=None, engine="calamine"
    ).items():
        assert sheet.astype(str).stack().str.contains(MADE_UP).any(), name
    with zipfile.ZipFile(folder / "town-delivery.zip") as package:
        assert MADE_UP in package.read("manifest.json").decode("utf-8")


def test_workbook_totals_are_those_of_the_store(out):
    """The 合计 row of 街区统筹一览表 counts the forty projects."""
    folder, _ = out
    sheet = pd.read_excel(
        folder / "town-workbook.xlsx", sheet_name="街区统筹一览表", header=None, engine="calamine"
    ).astype(str)
    header = next(index for index, row in sheet.iterrows() if "街区代码" in set(row))
    column = sheet.loc[header].tolist().index("更新项目数")
    total = sheet[sheet.apply(lambda row: "合计" in set(row), axis=1)]
    assert float(total.iloc[0, column]) == 40


def test_ledger_of_the_town_balances(store):
    """Own area = cells + given - received, for every feature, to 0.01 m²."""
    assert store.lineage("cells")["operation"] == "analysis.overlay.ledger"
    cells = store.read("cells")
    blocks = store.read("blocks")
    by_block = cells.dropna(subset=["block_id"]).groupby("block_id")["area_m2"].sum()
    assert by_block.to_numpy() == pytest.approx(blocks.set_index("block_id").area[by_block.index].to_numpy(), abs=0.5)


def test_planted_defects_are_found(store):
    """3-5 conflicts, two projects outside units, one outside every block (practice.md)."""
    codes = store.read("findings", where={"origin": "coordination"})["code"].value_counts()
    assert 3 <= codes["conflict.overlap"] <= 5
    assert codes["project.no_unit"] == 2
    assert codes["project.no_block"] == 1


def test_analyses_can_be_repeated(store):
    """A second run gives the same rows and edits nothing."""

    before = store.read("block_results"), len(store.history("catchments", "ZD01-800-raw"))
    analyses.blocks(store, settings=store.settings)
    pd.testing.assert_frame_equal(store.read("block_results"), before[0])
    assert len(store.history("catchments", "ZD01-800-raw")) == before[1]
