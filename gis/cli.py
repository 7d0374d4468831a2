"""The command line: parse, call one workflow function, print, map the error class to an exit code."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeVar

import pandas as pd
import typer
from rich.progress import track
from rich.table import Table
from rich.text import Text

from gis import addresses, stopping, terminal
from gis import catalogue as gis_catalogue
from gis import findings as gis_findings
from gis.errors import DeliveryError, FaultsFound, GisError, RowsRefused, SourceError, StorePermissionError, UsageError
from gis.settings import LIMITS, Settings
from gis.workflow import (
    analyses,
    beijing,
    bureau,
    demo,
    editions,
    intake,
    keeping,
    outlets,
    outputs,
    reconciling,
    surroundings,
    walking,
    warming,
)

app = typer.Typer(
    name="gis",
    help="城市更新空间规划:街区统筹与站城融合。Spatial planning for urban renewal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
StoreName = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        callback=terminal.noted_store,
        help="库:*.gpkg 或 postgresql://用户@主机/数据库,口令用 ~/.pgpass、PGPASSWORD 或 ?service=… "
        "· the store, without a password",
    ),
]

_SHOWN = 20
_LIMITS_HELP = f"单个文件的上限,可重复:{'、'.join(LIMITS)} · how much one file may bring"
# answers of the system that another place or more room would change
_REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO}


@dataclass(frozen=True)
class Session:
    """Hold what the common options settle: settings, and who makes changes and why."""

    settings: Settings
    author: str
    reason: str | None


# what is listed of an edition
_ABOUT_EDITIONS = ["edition_id", "name", "opens", "closes", "made_on", "features"]

T = TypeVar("T")


@app.callback()
def common(
    context: typer.Context,
    lang: Annotated[str | None, typer.Option(help="语言:zh 或 en · language")] = None,
    layers: Annotated[Path | None, typer.Option(help="图层目录文件夹 · folder of the catalogue")] = None,
    file: Annotated[Path | None, typer.Option("--settings", help="本单位设置 *.toml · the bureau's settings")] = None,
    crs: Annotated[str | None, typer.Option("--working-crs", help="工作坐标系 · EPSG code or WKT file")] = None,
    author: Annotated[str, typer.Option(envvar="GIS_AUTHOR", help="填报人 · who makes changes")] = "gis",
    reason: Annotated[str | None, typer.Option(help="变更原因 · why")] = None,
    limit: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help=_LIMITS_HELP)] = None,
) -> None:
    """城市更新空间规划:街区统筹与站城融合。Spatial planning for urban renewal."""
    intake.require_said(lang=lang, working_crs=crs)
    base = bureau.read_settings(file) if file else Settings()
    if lang is not None and lang not in gis_catalogue.LANGUAGES:
        raise UsageError(f"--lang is {lang!r}; allowed are zh and en", lang=lang)
    limits = base.limits.raised(limit or ())
    settings = replace(base, lang=lang or base.lang, layers=layers or base.layers, crs=crs or base.crs, limits=limits)
    context.obj = Session(settings, author, reason)


@app.command("demo")
def run_demo(context: typer.Context, folder: Annotated[Path, typer.Argument(metavar="OUT")] = Path("out")) -> None:
    """示例城镇全流程。Run the whole job on the fictional sample town."""
    report = demo.demo(folder, settings=_settings(context), track=_track)
    _print_steps(report)


@app.command("beijing")
def run_beijing(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="门头沟公开数据文件夹 · folder with the open data")],
    target: Annotated[Path, typer.Argument(metavar="OUT")] = Path("out-beijing"),
) -> None:
    """用门头沟公开数据跑同样的流程。Run the same job on open data of Mentougou."""
    report = beijing.run(folder, target, settings=_settings(context), track=_track)
    _print_steps(report)


@app.command()
def init(context: typer.Context, store: StoreName) -> None:
    """建库。Make an empty store with all layers of the catalogue."""
    with intake.init(store, settings=_settings(context)) as made:
        name, layers = addresses.shown(store), len(made.layers())
    _say(f"已建库 {name},{layers} 个图层", f"made {name} with {layers} layers", context)


@app.command()
def migrate(context: typer.Context, store: StoreName) -> None:
    """跟随图层目录升级库。Bring a store up to the present catalogue."""
    steps = keeping.migrate(store, settings=_settings(context))
    for step in steps:
        terminal.say(f"  {step}")
    _say(f"升级完成,{len(steps)} 步", f"migrated in {len(steps)} steps", context)


@app.command()
def adopt(
    context: typer.Context,
    store: StoreName,
    discard: Annotated[bool, typer.Option("--discard", help="恢复最后登记的状态 · take the last state back")] = False,
) -> None:
    """登记其他程序对库的修改。Record what other programs changed in the store."""
    settings, reason = _settings(context), _reason(context, "登记库外修改")
    change = keeping.adopt(store, settings=settings, author=_author(context), reason=reason, discard=discard)
    for sentence in intake.sentences(change.findings, settings):
        terminal.say(f"  {sentence}")
    _say(f"已登记为变更 {change.number}", f"recorded as change {change.number}", context)


@app.command()
def load(
    context: typer.Context,
    store: StoreName,
    files: Annotated[list[Path], typer.Argument(help="文件 · shapefile, zip, GeoPackage, GeoJSON, CSV …")],
    layer: Annotated[str | None, typer.Option(help="图层名 · the layer; else taken from the file's name")] = None,
    crs: Annotated[str | None, typer.Option(help="文件坐标系 · CRS of the files that name none")] = None,
    encoding: Annotated[str | None, typer.Option(help="属性编码 · encoding of the attributes")] = None,
    datum: Annotated[str | None, typer.Option(help="GCJ-02 或 BD-09 · to be undone")] = None,
    report: Annotated[Path | None, typer.Option(help="问题与修复清单 *.xlsx · what a person must act on")] = None,
) -> None:
    """读取、规整、检查、修复、入库;某文件无一行入库时退出码 8。Load files; exit code 8 when one stored nothing."""
    hints = intake.Hints(layer=layer, crs=crs, encoding=encoding, datum=datum)
    settings = _settings(context)
    try:
        loaded = intake.load(
            store,
            files,
            hints=hints,
            settings=settings,
            author=_author(context),
            reason=_reason(context, "数据入库"),
            report=report,
            track=_track,
        )
    except stopping.Stopped as stop:
        # of any other interruption the framework keeps the number alone
        raise typer.Abort from stop
    for taken in loaded:
        terminal.say(taken.sentence(settings.lang))
    _print_findings(gis_findings.join(*[taken.findings for taken in loaded]), settings)
    _leave_if(any(not taken.accepted for taken in loaded), RowsRefused)


@app.command()
def check(
    context: typer.Context,
    store: StoreName,
    report: Annotated[Path | None, typer.Option(help="质检报告 *.xlsx")] = None,
    points: Annotated[Path | None, typer.Option(help="问题点图层 *.gpkg · findings as points")] = None,
) -> None:
    """质检库中数据;有错误时退出码 19。List the findings on what is stored; exit code 19 when some are errors."""
    settings = _settings(context)
    found = intake.check(store, settings=settings, report=report, points=points, track=_track)
    _print_findings(found, settings)
    errors = int((found["severity"] == "error").sum())
    _say(f"共 {len(found)} 条问题,其中错误 {errors} 条", f"{len(found)} findings, {errors} of them errors", context)
    _leave_if(errors > 0, FaultsFound)


@app.command()
def export(context: typer.Context, store: StoreName, layer: str, file: Path) -> None:
    """导出一个图层。Write one layer to a file (GeoPackage, GeoJSON, GeoParquet, CSV, XLSX)."""
    rows = keeping.export(store, layer, file, settings=_settings(context))
    _say(f"已导出 {layer} {rows} 行到 {file}", f"wrote {rows} rows of {layer} to {file}", context)


@app.command()
def history(context: typer.Context, store: StoreName, layer: str, key: str) -> None:
    """查看一个要素的历史。Show who changed a feature, when and why."""
    terminal.print_frame(keeping.edits(keeping.history(store, layer, key, settings=_settings(context))))


@app.command()
def restore(
    context: typer.Context,
    store: StoreName,
    layer: str,
    key: str,
    change: int,
) -> None:
    """把一个要素恢复到某次变更后的状态。Bring a feature back to its state after a change."""
    reason = _reason(context, "恢复历史状态")
    done = keeping.restore(
        store, (layer, key, change), settings=_settings(context), author=_author(context), reason=reason
    )
    _say(f"已恢复,变更 {done.number}", f"restored as change {done.number}", context)


@app.command()
def reconcile(
    context: typer.Context,
    store: StoreName,
    layer: str,
    to: Annotated[str, typer.Option(help="跟随的图层,以逗号分隔 · layers to follow, with commas between")],
    tolerance: Annotated[float | None, typer.Option(help="容差(米) · m; else the layer's own")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="界线移动清单 *.xlsx 或 *.gpkg · moved stretches")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="只列出,不入库 · list only, store nothing")] = False,
) -> None:
    """界线协调:低效力界线跟随高效力界线。Make a layer's lines follow those of higher authority."""
    settings = _settings(context)
    done = reconciling.reconcile(
        store,
        layer,
        to=[name.strip() for name in to.split(",")],
        wish=reconciling.Wish(tolerance, file, dry),
        settings=settings,
        author=_author(context),
        reason=_reason(context, f"界线协调:跟随 {to}"),
    )
    shown = ["feature", "followed", "length_m", "shift_m", "gained_m2", "lost_m2"]
    terminal.print_frame(done.moves[shown].head(_SHOWN))
    _print_findings(done.findings, settings)
    _say(*done.sentences(), context)


@app.command("blocks")
def run_blocks(context: typer.Context, store: StoreName) -> None:
    """街区统筹。Coordinate renewal block by block; results go back into the store."""
    settings = _settings(context)
    with intake.opened(store, settings) as opened:
        result = analyses.blocks(opened, settings=settings)
        shown = ["block_id", "name", "project_count", "project_area_m2", "households", "conflict_count"]
        told = outputs.told(opened, result.results, "block_results")
        terminal.print_frame(told[shown], outputs.titles(opened, "block_results"))
    _print_findings(result.findings, settings)


@app.command("stations")
def run_stations(
    context: typer.Context,
    store: StoreName,
    scenario: Annotated[bool, typer.Option("--scenario", help="规划站点情景 · switch planned stations on")] = False,
    sheets: Annotated[Path | None, typer.Option(help="各站图纸文件夹 · folder for one figure a station")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="情景对比表 *.xlsx · table of the scenario")] = None,
) -> None:
    """站点周边分析与专项计划。Describe each station's surroundings and programme; results go back into the store."""
    settings = _settings(context)
    if file is not None and not scenario:
        raise UsageError("--out takes the table of a scenario; add --scenario")
    with intake.opened(store, settings) as opened:
        outlets.require(file, outlets.SHEETS, inputs=[opened])
        outlets.require_folder(sheets)
        if scenario:
            made, found = walking.scenario(opened, settings=settings)
            if file is not None:
                outputs.write_scenario(opened, made, file)
            titles = outputs.titles(opened)
            totals = outputs.readable(opened, made.totals)
            terminal.print_frame(totals.assign(figure=totals["figure"].replace(titles)), titles)
        else:
            result = surroundings.stations(opened, settings=settings)
            shown = ["name", "ring", "version", "area_m2", "residents", "jobs", "project_count"]
            terminal.print_frame(outputs.told(opened, result.results, "station_results")[shown], outputs.titles(opened))
            found = result.findings
        for path in outputs.write_sheets(opened, sheets) if sheets is not None else ():
            _say(f"已写出 {path}", f"wrote {path}", context)
    _print_findings(found, settings)


@app.command("crossings")
def run_crossings(
    context: typer.Context,
    store: StoreName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="候选通道(线)或出入口(点) · lines, or points as exits")],
    out_file: Annotated[Path | None, typer.Option("--out", help="比选表 *.xlsx · table")] = None,
) -> None:
    """新增步行通道比选:天桥、小区门、出入口。Rank candidates for new crossings by what each would gain."""
    settings = _settings(context)
    with intake.opened(store, settings) as opened:
        outlets.require(out_file, outlets.SHEETS, inputs=[opened, file])
        candidates = walking.read_candidates(file, settings=settings)
        made = walking.crossings(opened, candidates, settings=settings)
        if out_file is not None:
            outputs.write_crossings(opened, made, candidates, out_file)
        terminal.print_frame(outputs.readable(opened, made.results), outputs.titles(opened))
    _print_findings(made.findings, settings)


@app.command("map")
def run_map(
    context: typer.Context,
    store: StoreName,
    file: Annotated[Path, typer.Argument(metavar="OUT.html")],
    internal: Annotated[bool, typer.Option("--internal", help="内部版 · the bureau's own edition")] = False,
    notice: Annotated[Path | None, typer.Option(help="公示信息 *.toml · what the consultation is")] = None,
) -> None:
    """征求意见地图。Write the consultation map as one file that asks nothing of the network."""
    settings = _settings(context)
    with intake.opened(store, settings) as opened:
        outlets.require(file, outlets.PAGES, inputs=[opened, notice])
        edition = "internal" if internal else "public"
        report = outputs.write_map(opened, file, edition=edition, notice=bureau.read_notice(notice) if notice else None)
    _say(f"已写出 {report.path}({report.bytes:,} 字节)", f"wrote {report.path} ({report.bytes:,} bytes)", context)
    if report.edition:
        _say(f"公示版本 {report.edition},编号已留存", f"edition {report.edition}, its numbers are kept", context)


@app.command("editions")
def run_editions(
    context: typer.Context,
    store: StoreName,
    name: Annotated[str | None, typer.Argument(metavar="[EDITION]", help="公示版本 · as the page names it")] = None,
) -> None:
    """公示版本及其编号。List the editions of the public map, or the features behind the numbers of one."""
    with intake.opened(store, _settings(context)) as opened:
        made, titles = editions.edition(opened, name), opened.catalogue.titles(_settings(context).lang)
    shown = made.replace({"layer": titles}) if name else made[_ABOUT_EDITIONS]
    for row in shown.itertuples(index=False):
        terminal.say("  ".join(str(value) for value in row))
    _say(f"共 {len(shown)} 条", f"{len(shown)} rows", context)


@app.command("workbook")
def run_workbook(
    context: typer.Context, store: StoreName, file: Annotated[Path, typer.Argument(metavar="OUT.xlsx")]
) -> None:
    """工作簿:一览表、分析表、台账、问题清单、数据说明。Write the workbook."""
    settings = _settings(context)
    with intake.opened(store, settings) as opened:
        outlets.require(file, outlets.SHEETS, inputs=[opened])
        outputs.write_workbook(opened, file)
    _say(f"已写出 {file}", f"wrote {file}", context)


@app.command()
def deliver(context: typer.Context, store: StoreName, file: Annotated[Path, typer.Argument(metavar="OUT.zip")]) -> None:
    """矢量成果包。Write the shapefile delivery and compare it with the store row by row."""
    settings = _settings(context)
    with intake.opened(store, settings) as opened:
        outlets.require(file, outlets.PACKAGES, inputs=[opened])
        made = outputs.deliver(opened, file)
    _print_findings(made.findings, settings)
    _say(f"已写出并复核 {file}", f"wrote and verified {file}", context)


@app.command()
def verify(context: typer.Context, package: Annotated[Path, typer.Argument(metavar="PACKAGE.zip")]) -> None:
    """校验成果包。Check a delivery package; exit code 16 when something is wrong."""
    settings = _settings(context)
    found = outputs.verify(package, settings=settings)
    _print_findings(found, settings)
    errors = int((found["severity"] == "error").sum())
    _say(f"{package.name}:{errors} 处错误", f"{package.name}: {errors} errors", context)
    _leave_if(errors > 0, DeliveryError)


@app.command()
def warm(context: typer.Context) -> None:
    """编译并保存计算内核(安装后运行一次,约两分钟)。Compile the kernels once and keep them; takes about two minutes."""
    if warming.warm():
        _say("计算内核已编译并保存", "the kernels are compiled and kept", context)
    else:
        zh = "内核缓存目录不可写:小数据改用 GEOS,大数据每次现编译;可设 NUMBA_CACHE_DIR 指向可写目录"
        en = "no folder for compiled kernels can be written: small inputs go to GEOS, large ones compile every time; "
        _say(zh, f"{en}NUMBA_CACHE_DIR may name a folder that can", context)


def main() -> None:
    """Run a command; print one clear sentence and use the exit code of the error's class when it fails."""
    reader = terminal.taken("stdout")
    terminal.taken("stderr")
    with terminal.hushed(), stopping.heard() as came:
        code = _ended(came)
        if code:
            # what could not be written is let go of before anybody hears of it
            gc.collect()
    lost = None if reader is None else reader.left()
    sys.exit(code if lost is None else code or _print_error(lost))


def _ended(came: list[int]) -> int:
    """Run the command of the command line and return what it ends with; signals that came meanwhile are looked at."""
    try:
        # without its standalone mode the framework returns the code of an early exit instead of leaving with it
        code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt) as stop:
        return _stopped(stop, came)
    except Exception as error:
        # libraries make errors of their own of an interruption
        return _stopped(error, came) if came else _failed(error)
    if code == stopping.INTERRUPTED:
        return _stopped(None, came)
    return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    """Print an error that is nobody's mistake in a program, and return its exit code; all others are raised."""
    if isinstance(error, GisError):
        return _print_error(error)
    if isinstance(error, OSError) and error.errno is not None:
        kind = StorePermissionError if error.errno in _REFUSALS else SourceError
        place = "" if error.filename is None else f": {error.filename}"
        return _print_error(kind(f"{os.strerror(error.errno)}{place}; mend that, or give another place"))
    if not type(error).__module__.startswith(("click", "typer")):
        raise error
    said = error.format_message() if hasattr(error, "format_message") else error
    terminal.complain(f"用法错误 · usage: {said}")
    return UsageError.exit_code


def _stopped(stop: BaseException | None, came: list[int]) -> int:
    """Say that a command was stopped, and return the code that shells know."""
    terminal.complain(stopping.sentence(stop))
    return stopping.SHELL + came[0] if came else stopping.INTERRUPTED


def _settings(context: typer.Context) -> Settings:
    """Return the settings that the common options made."""
    session: Session = context.obj
    return session.settings


def _author(context: typer.Context) -> str:
    """Return who makes changes."""
    session: Session = context.obj
    return session.author


def _reason(context: typer.Context, default: str) -> str:
    """Return why changes are made, what the command says where nobody else does."""
    session: Session = context.obj
    return session.reason or default


def _leave_if(faulty: bool, cause: type[GisError]) -> None:
    """End with a cause's exit code where what a command was asked to judge or to store is at fault."""
    if faulty:
        raise typer.Exit(cause.exit_code)


def _track(items: Iterable[T], title: str) -> Iterable[T]:
    """Show a progress bar on a terminal."""
    return track(items, description=title, console=terminal.err, transient=True, disable=not terminal.err.is_terminal)


def _say(zh: str, en: str, context: typer.Context) -> None:
    """Print one summary line, the chosen language first."""
    first, second = (zh, en) if _settings(context).lang == "zh" else (en, zh)
    terminal.say(f"{first} · {second}")


def _print_error(error: GisError) -> int:
    """Print an error as one sentence with its kind in Chinese, and the faults of refused rows; return its exit code."""
    terminal.complain(f"{terminal.kind(error)} · {error}")
    if isinstance(error, RowsRefused) and error.findings is not None:
        for text in intake.sentences(error.findings.head(_SHOWN), Settings()):
            terminal.complain(f"  {text}")
    return error.exit_code


def _print_findings(found: pd.DataFrame, settings: Settings) -> None:
    """Print findings as sentences, the gravest twenty and how many more there are."""
    found = found.iloc[found["severity"].map(gis_findings.SEVERITIES.index).argsort(kind="stable")]
    for severity, text in zip(found["severity"], intake.sentences(found.head(_SHOWN), settings), strict=False):
        terminal.say(f"  [{severity}] {text}")
    if len(found) > _SHOWN:
        terminal.out.print(Text(f"  … 另有 {len(found) - _SHOWN} 条 · {len(found) - _SHOWN} more"))


def _print_steps(report: demo.Report) -> None:
    """Print what was made, its size, the seconds each step took; what is missing and why ends it with its exit code."""
    steps = Table(title="步骤 · steps")
    for title in ("步骤 · step", "内容 · what", "秒 · seconds"):
        steps.add_column(title, justify="right" if "秒" in title else "left")
    for step in report.steps:
        steps.add_row(terminal.line(step.title), terminal.line(step.result), f"{step.seconds:.2f}")
    made = Table(title="成果 · made")
    for title in ("文件 · file", "大小 · size"):
        made.add_column(title, justify="right" if "大小" in title else "left")
    for path in report.files:
        made.add_row(terminal.line(str(path)), f"{path.stat().st_size / 1024:,.0f} KB")
    terminal.out.print(steps, made)
    if not report.missing:
        return
    terminal.out.print(Text("未做成 · not made"))
    for missing in report.missing:
        terminal.out.print(
            terminal.line(f"  {missing.title}:{terminal.kind(missing.error)} · {missing.error}"), soft_wrap=True
        )
    raise typer.Exit(report.exit_code)
