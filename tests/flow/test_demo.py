"""The whole job on the sample town, through the door that a user takes."""

from __future__ import annotations

import zipfile

import pandas as pd
import pytest
from typer.testing import CliRunner

from gis import cli
from gis.errors import EmptyError, MissingDependencyError
from gis.lineage import MADE_UP
from gis.workflow import analyses, demo, outputs
from gis.workflow.steps import Report


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


def test_an_output_that_cannot_be_made_does_not_stop_the_others(store, tmp_path, monkeypatch):
    """Sheets lack a library and the delivery is refused: map and workbook are made, and no old file stays."""
    (tmp_path / "town-sheets").mkdir()
    for old in ("town-delivery.zip", "town-sheets/云麓-ZD01.pdf"):
        (tmp_path / old).write_text("of an earlier run", encoding="utf-8")

    def no_sheets(*_, **__):
        raise ImportError("libfreetype.so.6: cannot open shared object file")

    def no_delivery(*_, **__):
        raise EmptyError("nothing to deliver")

    monkeypatch.setattr(outputs.station_sheet, "write", no_sheets)
    monkeypatch.setattr(outputs.delivery, "write", no_delivery)
    report = Report()
    outputs.write_all(store, tmp_path, report, name="town")
    made = {path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".gpkg"}
    assert made == {"town-map-public.html", "town-map-internal.html", "town-workbook.xlsx"}
    assert [type(missing.error) for missing in report.missing] == [MissingDependencyError, EmptyError]
    assert report.exit_code == MissingDependencyError.exit_code


def test_the_demo_says_at_the_end_what_is_missing(monkeypatch, tmp_path):
    """Title, kind and reason, and the exit code of the first."""
    report = Report()
    with report.output("站点图 · sheets of stations"):
        raise MissingDependencyError("no typeface")
    with report.output("成果包 · delivery") as step:
        step.result = "made"
    monkeypatch.setattr(demo, "demo", lambda *_, **__: report)
    result = CliRunner().invoke(cli.app, ["demo", str(tmp_path)])
    assert result.exit_code == 18
    assert result.output.rstrip().splitlines()[-1] == "  站点图 · sheets of stations:缺少程序 · no typeface"
