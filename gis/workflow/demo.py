"""The whole job on the sample town: layers in, both analyses, map, workbook and delivery out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from gis import sample
from gis.settings import Settings
from gis.store import Store
from gis.workflow import analyses, intake, outputs, surroundings
from gis.workflow.steps import Report, Track, fresh, silent

__all__ = ["Report", "demo", "put_town"]

DISTRICT = "示例区"
REASON = "示例城镇入库"


def put_town(store: Store, town: Mapping[str, pd.DataFrame], *, track: Track = silent) -> int:
    """Store the layers of the sample town, referred ones first.

    Parameters
    ----------
    store
        An empty store.
    town
        Frames by layer, as `gis.sample.town` makes them.
    track
        Shows progress.

    Returns
    -------
    int
        Rows stored.
    """
    rows = 0
    for name in track(_in_order(store, list(town)), "入库"):
        if len(town[name]):
            change = store.put(name, town[name], author="示例", reason=REASON)
            rows += change.counts.get("inserted", 0)
    return rows


def demo(folder: str | Path = "out", *, settings: Settings | None = None, track: Track = silent) -> Report:
    """Run the whole job on the sample town.

    Parameters
    ----------
    folder
        Where store, map, workbook and delivery go; files of an earlier run are replaced.
    settings
        Language, rings, tolerance; the district is the sample's.
    track
        Shows progress.

    Returns
    -------
    Report
        Steps with seconds, the files made, and outputs that could not be made.

    Raises
    ------
    StorePermissionError
        The folder may not be written.
    """
    chosen = replace(settings or Settings(), district_name=DISTRICT, district_code="990001", bounds=None)
    out, report = Path(folder), Report()
    path = fresh(out, "town.gpkg", REASON)
    with report.step("示例城镇 · sample town") as step:
        town = sample.town()
        step.result = f"{len(town)} 个图层,{sum(map(len, town.values())):,} 行"
    with intake.init(str(path), settings=chosen) as store:
        with report.step("入库 · store (GeoPackage)") as step:
            step.result = f"{put_town(store, town, track=track):,} 行,{len(store.changes())} 个变更"
        drawn = None
        with report.output("站点影响区 · catchments") as step:
            drawn = surroundings.draw(store, settings=chosen)
            step.result = f"{len(drawn.rows)} 行(半径与步行可达)"
        with report.output("街区统筹 · blocks") as step:
            result = analyses.blocks(store, settings=chosen, drawn=drawn)
            worst = float(result.ledger.balance["difference_m2"].abs().max())
            step.result = f"{len(result.results)} 行,{len(result.findings)} 条问题,账差 {worst:.6f} m²"
        with report.output("站点周边分析 · stations") as step:
            rings = surroundings.stations(store, settings=chosen, drawn=drawn)
            step.result = f"{len(rings.results)} 行(站点 × 圈层 × 版本)"
        report.files.append(path)
        outputs.write_all(store, out, report, name="town")
    with report.output("校验成果包 · verify") as step:
        step.result = f"{len(outputs.verify(out / 'town-delivery.zip'))} 处问题"
    return report


def _in_order(store: Store, names: list[str]) -> list[str]:
    """Return the layers so that every layer comes after those it refers to."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        for field in store.catalogue.layer(name).fields:
            if field.reference in names and field.reference not in (name, *ordered):
                visit(str(field.reference))
        if name not in ordered:
            ordered.append(name)

    for name in names:
        visit(name)
    return ordered
