"""Analyses: block by block, station by station, and what new crossings would gain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gis import terminal
from gis.cli import session
from gis.errors import UsageError
from gis.workflow import analyses, intake, outlets, outputs, surroundings, walking


@session.app.command("blocks")
def run_blocks(context: typer.Context, store: session.StoreName) -> None:
    """街区统筹。Coordinate renewal block by block; results go back into the store."""
    settings = session.settings_of(context)
    with intake.opened(store, settings) as opened:
        result = analyses.blocks(opened, settings=settings)
        shown = ["block_id", "name", "project_count", "project_area_m2", "households", "conflict_count"]
        told = outputs.told(opened, result.results, "block_results")
        terminal.print_frame(told[shown], outputs.titles(opened, "block_results"))
    session.print_findings(result.findings, settings)


@session.app.command("stations")
def run_stations(
    context: typer.Context,
    store: session.StoreName,
    scenario: Annotated[bool, typer.Option("--scenario", help="规划站点情景 · switch planned stations on")] = False,
    sheets: Annotated[Path | None, typer.Option(help="各站图纸文件夹 · folder for one figure a station")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="情景对比表 *.xlsx · table of the scenario")] = None,
) -> None:
    """站点周边分析与专项计划。Describe each station's surroundings and programme; results go back into the store."""
    settings = session.settings_of(context)
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
            session.say(f"已写出 {path}", f"wrote {path}", context)
    session.print_findings(found, settings)


@session.app.command("crossings")
def run_crossings(
    context: typer.Context,
    store: session.StoreName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="候选通道(线)或出入口(点) · lines, or points as exits")],
    out_file: Annotated[Path | None, typer.Option("--out", help="比选表 *.xlsx · table")] = None,
) -> None:
    """新增步行通道比选:天桥、小区门、出入口。Rank candidates for new crossings by what each would gain."""
    settings = session.settings_of(context)
    with intake.opened(store, settings) as opened:
        outlets.require(out_file, outlets.SHEETS, inputs=[opened, file])
        candidates = walking.read_candidates(file, settings=settings)
        made = walking.crossings(opened, candidates, settings=settings)
        if out_file is not None:
            outputs.write_crossings(opened, made, candidates, out_file)
        terminal.print_frame(outputs.readable(opened, made.results), outputs.titles(opened))
    session.print_findings(made.findings, settings)
