"""Data: files into a store and out of it, checked, and the history of each feature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gis import findings as gis_findings
from gis import stopping, terminal
from gis.cli import session
from gis.errors import FaultsFound, RowsRefused
from gis.workflow import intake, keeping, reconciling


@session.app.command()
def load(
    context: typer.Context,
    store: session.StoreName,
    files: Annotated[list[Path], typer.Argument(help="文件 · shapefile, zip, GeoPackage, GeoJSON, CSV …")],
    layer: Annotated[str | None, typer.Option(help="图层名 · the layer; else taken from the file's name")] = None,
    crs: Annotated[str | None, typer.Option(help="文件坐标系 · CRS of the files that name none")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 · encoding of the attributes")] = None,
    datum: Annotated[str | None, typer.Option(help="GCJ-02 或 BD-09 · to be undone")] = None,
    report: Annotated[Path | None, typer.Option(help="问题与修复清单 *.xlsx · what a person must act on")] = None,
) -> None:
    """读取、规整、检查、修复、入库;某文件无一行入库时退出码 8。Load files; exit code 8 when one stored nothing."""
    hints = intake.Hints(layer=layer, crs=crs, encoding=encoding, datum=datum)
    settings = session.settings_of(context)
    try:
        loaded = intake.load(
            store,
            files,
            hints=hints,
            settings=settings,
            author=session.author_of(context),
            reason=session.reason_of(context, "数据入库"),
            report=report,
            track=session.tracked,
        )
    except stopping.Stopped as stop:
        # of any other interruption the framework keeps the number alone
        raise typer.Abort from stop
    for taken in loaded:
        terminal.say(taken.sentence(settings.lang))
    session.print_findings(gis_findings.join(*[taken.findings for taken in loaded]), settings)
    session.leave_if(any(not taken.accepted for taken in loaded), RowsRefused)


@session.app.command()
def check(
    context: typer.Context,
    store: session.StoreName,
    report: Annotated[Path | None, typer.Option(help="质检报告 *.xlsx")] = None,
    points: Annotated[Path | None, typer.Option(help="问题点图层 *.gpkg · findings as points")] = None,
) -> None:
    """质检库中数据;有错误时退出码 19。List the findings on what is stored; exit code 19 when some are errors."""
    settings = session.settings_of(context)
    found = intake.check(store, settings=settings, report=report, points=points, track=session.tracked)
    session.print_findings(found, settings)
    errors = int((found["severity"] == "error").sum())
    session.say(
        f"共 {len(found)} 条问题,其中错误 {errors} 条", f"{len(found)} findings, {errors} of them errors", context
    )
    session.leave_if(errors > 0, FaultsFound)


@session.app.command()
def export(context: typer.Context, store: session.StoreName, layer: str, file: Path) -> None:
    """导出一个图层。Write one layer to a file (GeoPackage, GeoJSON, GeoParquet, CSV, XLSX)."""
    rows = keeping.export(store, layer, file, settings=session.settings_of(context))
    session.say(f"已导出 {layer} {rows} 行到 {file}", f"wrote {rows} rows of {layer} to {file}", context)


@session.app.command()
def history(context: typer.Context, store: session.StoreName, layer: str, key: str) -> None:
    """查看一个要素的历史。Show who changed a feature, when and why."""
    terminal.print_frame(keeping.edits(keeping.history(store, layer, key, settings=session.settings_of(context))))


@session.app.command()
def restore(
    context: typer.Context,
    store: session.StoreName,
    layer: str,
    key: str,
    change: int,
) -> None:
    """把一个要素恢复到某次变更后的状态。Bring a feature back to its state after a change."""
    reason = session.reason_of(context, "恢复历史状态")
    done = keeping.restore(
        store,
        (layer, key, change),
        settings=session.settings_of(context),
        author=session.author_of(context),
        reason=reason,
    )
    session.say(f"已恢复,变更 {done.number}", f"restored as change {done.number}", context)


@session.app.command()
def reconcile(
    context: typer.Context,
    store: session.StoreName,
    layer: str,
    to: Annotated[str, typer.Option(help="跟随的图层,以逗号分隔 · layers to follow, with commas between")],
    tolerance: Annotated[float | None, typer.Option(help="容差(米) · m; else the layer's own")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="界线移动清单 *.xlsx 或 *.gpkg · moved stretches")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="只列出,不入库 · list only, store nothing")] = False,
) -> None:
    """界线协调:低效力界线跟随高效力界线。Make a layer's lines follow those of higher authority."""
    settings = session.settings_of(context)
    done = reconciling.reconcile(
        store,
        layer,
        to=[name.strip() for name in to.split(",")],
        wish=reconciling.Wish(tolerance, file, dry),
        settings=settings,
        author=session.author_of(context),
        reason=session.reason_of(context, f"界线协调:跟随 {to}"),
    )
    shown = ["feature", "followed", "length_m", "shift_m", "gained_m2", "lost_m2"]
    terminal.print_frame(done.moves[shown].head(session.SHOWN))
    session.print_findings(done.findings, settings)
    session.say(*done.sentences(), context)
