"""Publication: the consultation map and its editions, the workbook, deliveries and their verification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gis import terminal
from gis.cli import session
from gis.errors import DeliveryError
from gis.workflow import bureau, editions, intake, outlets, outputs

# what is listed of an edition
_ABOUT_EDITIONS = ["edition_id", "name", "opens", "closes", "made_on", "features"]


@session.app.command("map")
def run_map(
    context: typer.Context,
    store: session.StoreName,
    file: Annotated[Path, typer.Argument(metavar="OUT.html")],
    internal: Annotated[bool, typer.Option("--internal", help="内部版 · the bureau's own edition")] = False,
    notice: Annotated[Path | None, typer.Option(help="公示信息 *.toml · what the consultation is")] = None,
) -> None:
    """征求意见地图。Write the consultation map as one file that asks nothing of the network."""
    settings = session.settings_of(context)
    with intake.opened(store, settings) as opened:
        outlets.require(file, outlets.PAGES, inputs=[opened, notice])
        edition = "internal" if internal else "public"
        report = outputs.write_map(opened, file, edition=edition, notice=bureau.read_notice(notice) if notice else None)
    session.say(
        f"已写出 {report.path}({report.bytes:,} 字节)", f"wrote {report.path} ({report.bytes:,} bytes)", context
    )
    if report.edition:
        session.say(f"公示版本 {report.edition},编号已留存", f"edition {report.edition}, its numbers are kept", context)


@session.app.command("editions")
def run_editions(
    context: typer.Context,
    store: session.StoreName,
    name: Annotated[str | None, typer.Argument(metavar="[EDITION]", help="公示版本 · as the page names it")] = None,
) -> None:
    """公示版本及其编号。List the editions of the public map, or the features behind the numbers of one."""
    with intake.opened(store, session.settings_of(context)) as opened:
        made, titles = editions.edition(opened, name), opened.catalogue.titles(session.settings_of(context).lang)
    shown = made.replace({"layer": titles}) if name else made[_ABOUT_EDITIONS]
    for row in shown.itertuples(index=False):
        terminal.say("  ".join(str(value) for value in row))
    session.say(f"共 {len(shown)} 条", f"{len(shown)} rows", context)


@session.app.command("workbook")
def run_workbook(
    context: typer.Context, store: session.StoreName, file: Annotated[Path, typer.Argument(metavar="OUT.xlsx")]
) -> None:
    """工作簿:一览表、分析表、台账、问题清单、数据说明。Write the workbook."""
    settings = session.settings_of(context)
    with intake.opened(store, settings) as opened:
        outlets.require(file, outlets.SHEETS, inputs=[opened])
        outputs.write_workbook(opened, file)
    session.say(f"已写出 {file}", f"wrote {file}", context)


@session.app.command()
def deliver(
    context: typer.Context, store: session.StoreName, file: Annotated[Path, typer.Argument(metavar="OUT.zip")]
) -> None:
    """矢量成果包。Write the shapefile delivery and compare it with the store row by row."""
    settings = session.settings_of(context)
    with intake.opened(store, settings) as opened:
        outlets.require(file, outlets.PACKAGES, inputs=[opened])
        made = outputs.deliver(opened, file)
    session.print_findings(made.findings, settings)
    session.say(f"已写出并复核 {file}", f"wrote and verified {file}", context)


@session.app.command()
def verify(context: typer.Context, package: Annotated[Path, typer.Argument(metavar="PACKAGE.zip")]) -> None:
    """校验成果包。Check a delivery package; exit code 16 when something is wrong."""
    settings = session.settings_of(context)
    found = outputs.verify(package, settings=settings)
    session.print_findings(found, settings)
    errors = int((found["severity"] == "error").sum())
    session.say(f"{package.name}:{errors} 处错误", f"{package.name}: {errors} errors", context)
    session.leave_if(errors > 0, DeliveryError)
