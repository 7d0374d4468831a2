"""The main job on open data of Mentougou: outline, road graph, subway stops and the district's own action plan.

Nothing is invented: what the plan does not say stays blank, positions known only roughly are marked 示意, and because
the control-plan blocks are not public, street blocks made from the road graph stand in for them, said so in a finding.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from gis import crs as gis_crs
from gis import findings as gis_findings
from gis.analysis import coordination, street_blocks
from gis.catalogue import Catalogue
from gis.errors import FrameError
from gis.intake.admission import limits
from gis.intake.read import Source, read
from gis.settings import Settings
from gis.store import Store
from gis.workflow import analyses, intake, outputs, surroundings
from gis.workflow.steps import Report, Track, fresh, silent

OUTLINES = {
    "天地图": "beijing_districts_tianditu.geojson",
    "高德(已纠偏)": "beijing_districts_amap.geojson",
    "DataV": "datav_gcj02_门头沟区.json",
}
ROADS = "osmnx_drive_2020_门头沟区.json"
STOPS = "stops.txt"
PLAN = "mentougou-2021-2025"
REASON = "门头沟公开数据"

_OSM = "OpenStreetMap 贡献者(ODbL)"


def plan(catalogue: Catalogue) -> dict[str, Any]:
    """Return what the district's action plan names: projects, stations' former names, the new town's extent.

    Parameters
    ----------
    catalogue
        Its folder holds `plans/`.

    Returns
    -------
    dict
        The parsed file.
    """
    content: dict[str, Any] = tomllib.loads((catalogue.folder / "plans" / f"{PLAN}.toml").read_text(encoding="utf-8"))
    return content


def outline(folder: Path, version: str, *, settings: Settings, datum: str | None = None) -> gpd.GeoDataFrame:
    """Read the district's outline from one of the public versions.

    Parameters
    ----------
    folder
        Folder with the open data.
    version
        A key of `OUTLINES`.
    settings
        District code and working CRS.
    datum
        "GCJ-02" for the version that is shifted; without it that file is refused.

    Returns
    -------
    geopandas.GeoDataFrame
        One row of the layer districts, working CRS.

    Raises
    ------
    CrsError
        The file bears the marks of GCJ-02 and no datum was given.
    FrameError
        The file has no such district.
    """
    source = _read(folder / OUTLINES[version], settings, datum=datum)
    codes = [column for column in ("district_adcode", "adcode") if column in source.frame.columns]
    rows = source.frame[source.frame[codes[0]].astype(str) == settings.district_code] if codes else source.frame[:0]
    if len(rows) != 1:
        raise FrameError(f"{OUTLINES[version]} has {len(rows)} rows for district {settings.district_code}, not one")
    shapes = gis_crs.to(gpd.GeoDataFrame(geometry=rows.geometry), settings.crs).geometry.to_numpy()
    return gpd.GeoDataFrame(
        {
            "district_id": [settings.district_code],
            "name": [settings.district_name],
            "version": [version],
            "source": [OUTLINES[version]],
        },
        geometry=shapes,
        crs=gis_crs.parse(settings.crs),
    )


def layers(folder: Path, *, catalogue: Catalogue, settings: Settings) -> dict[str, gpd.GeoDataFrame]:
    """Turn the open data and the plan into layers.

    Parameters
    ----------
    folder
        Folder with the open data.
    catalogue
        Code lists (leads by project type) and the plan.
    settings
        District and working CRS.

    Returns
    -------
    dict
        districts, streets, street_blocks (new town), stations and entrances of line S1 in the district with two
        planned stations (示意), projects (named by the plan, 示意); working CRS.
    """
    known = plan(catalogue)
    district = outline(folder, "天地图", settings=settings)
    streets = _streets(folder, settings)
    stations, entrances = _stations(folder, known, district, settings)
    return {
        "districts": district,
        "streets": streets,
        "street_blocks": _street_blocks(streets, district, known["new_town"], settings),
        "stations": stations,
        "entrances": entrances,
        "projects": _projects(known, catalogue, settings),
    }


def run(folder: Path, target: Path, *, settings: Settings, track: Track = silent) -> Report:
    """Run the whole main job on the open data.

    Parameters
    ----------
    folder
        Folder with the open data.
    target
        Folder for the store, map, workbook and delivery.
    settings
        District, working CRS, rings, tolerance.
    track
        Shows progress.

    Returns
    -------
    Report
    """
    report = Report()
    path = fresh(target, "mentougou.gpkg", REASON)
    with intake.init(str(path), settings=settings) as store:
        with report.step("公开数据入库 · open data in") as step:
            frames = layers(folder, catalogue=store.catalogue, settings=settings)
            taken = [
                intake.take_in(store, name, frame, file=_files(name), author="gis", reason=REASON)
                for name, frame in track(list(frames.items()), "入库")
            ]
            quarantined = sum(item.quarantined for item in taken)
            step.result = f"{sum(item.accepted for item in taken)} 行入库,{quarantined} 行待核"
        drawn = None
        with report.output("站点影响区 · catchments") as step:
            drawn = surroundings.draw(store, settings=settings)
            step.result = f"{len(drawn.rows)} 行"
        with report.output("街区统筹(以街坊代) · coordination by street block") as step:
            result = coordinate(store, settings=settings, drawn=drawn)
            step.result = f"{len(result.results)} 行,{len(result.findings)} 条问题"
        with report.output("站点周边分析 · stations") as step:
            rings = surroundings.stations(store, settings=settings, drawn=drawn)
            step.result = f"{len(rings.results)} 行"
        outputs.write_all(store, target, report, name="mentougou")
    report.files.insert(0, path)
    return report


def coordinate(
    store: Store, *, settings: Settings, drawn: surroundings.Drawn | None = None
) -> coordination.Coordination:
    """Coordinate with street blocks in the place of control-plan blocks, which are not public.

    Parameters
    ----------
    store
        With the layers street_blocks, units, projects, stations.
    settings
        Tolerance (m) and rings.
    drawn
        Catchments that `surroundings.draw` made of the same store just now; None draws them.

    Returns
    -------
    gis.analysis.coordination.Coordination
        Its findings begin with "block.stand_in"; those about stations come last.
    """
    rings, of_rings = surroundings.catchments_or_none(store, settings=settings, drawn=drawn)
    stand_in = store.read("street_blocks")
    stand_in = stand_in.assign(
        block_id=stand_in["street_block_id"],
        name=stand_in["street_block_id"],
        control_total_m2=float("nan"),
        existing_floor_m2=float("nan"),
    )
    result = coordination.blocks(
        stand_in,
        store.read("units"),
        store.read("projects"),
        rings,
        counting=analyses.counting(store.catalogue),
        tolerance=settings.tolerance,
    )
    note = gis_findings.finding("block.stand_in", "blocks", severity="info", count=len(stand_in))
    found = gis_findings.join(gis_findings.table([note]), result.findings)
    result = replace(result, findings=found)
    analyses.keep(store, result)
    return replace(result, findings=gis_findings.join(found, of_rings))


def _files(layer: str) -> str:
    """Return the file that a layer came from."""
    names = {"districts": OUTLINES["天地图"], "streets": ROADS, "street_blocks": ROADS, "projects": f"{PLAN}.toml"}
    return names.get(layer, STOPS)


def _read(file: Path, settings: Settings, **how: str | None) -> Source:
    """Read a file that brings no more than the settings allow."""
    with limits.held(settings.limits):
        return read(file, layer=how.get("layer"), datum=how.get("datum"))


def _streets(folder: Path, settings: Settings) -> gpd.GeoDataFrame:
    """Return the road centre-lines of the graph, each street once."""
    rows = gis_crs.to(gpd.GeoDataFrame(_read(folder / ROADS, settings).frame), settings.crs)
    return gpd.GeoDataFrame(
        {"street_id": rows["street_id"].astype("str"), "source": _OSM}, geometry=rows.geometry.to_numpy(), crs=rows.crs
    )


def _street_blocks(
    streets: gpd.GeoDataFrame, district: gpd.GeoDataFrame, extent: list[float], settings: Settings
) -> gpd.GeoDataFrame:
    """Make the new town's street blocks from the streets inside the district."""
    west, south, east, north = extent
    box = gpd.GeoDataFrame(geometry=[shapely.box(west, south, east, north)], crs=gis_crs.CGCS2000)
    town = shapely.intersection(gis_crs.to(box, settings.crs).geometry.iloc[0], district.geometry.iloc[0])
    boundary = gpd.GeoDataFrame(geometry=[town], crs=district.crs)
    made = street_blocks.from_streets(streets, boundary)
    return made[["street_block_id", "geometry"]].assign(source=f"{_OSM};由道路中心线生成")


def _stations(
    folder: Path, known: Mapping[str, Any], district: gpd.GeoDataFrame, settings: Settings
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the stations that the plan's list names, inside the district, and their entrances."""
    old_names = {item["name"]: item["old_names"] for item in known["stations"]}
    every = gis_crs.to(gpd.GeoDataFrame(_read(folder / STOPS, settings, layer="stations").frame), settings.crs)
    inside = every.within(district.geometry.iloc[0]) & every["name"].isin(list(old_names))
    found = every[inside].sort_values("station_id", ignore_index=True)
    stations = found[["station_id", "name", "state", "geometry"]].assign(
        old_names=found["name"].map(old_names).replace("", None), lines="S1线", approximate=False, source=_OSM
    )
    stations = gpd.GeoDataFrame(pd.concat([stations, _planned(known, settings)], ignore_index=True), crs=stations.crs)
    doors = gis_crs.to(gpd.GeoDataFrame(_read(folder / STOPS, settings, layer="entrances").frame), settings.crs)
    doors = doors[doors["station_id"].isin(set(stations["station_id"]))].reset_index(drop=True)
    return stations, doors[["entrance_id", "station_id", "name", "geometry"]].assign(source=_OSM)


def _planned(known: Mapping[str, Any], settings: Settings) -> gpd.GeoDataFrame:
    """Return the stations that are planned, for scenarios; they lie roughly where the plan's list puts them."""
    rows = known["planned_stations"]
    table = pd.DataFrame([{name: row[name] for name in ("station_id", "name", "lines")} for row in rows])
    table = table.assign(state="planned", approximate=True, source=known["plan"])
    points = shapely.points([row["place"] for row in rows])
    return gis_crs.to(gpd.GeoDataFrame(table, geometry=points, crs=gis_crs.CGCS2000), settings.crs)


def _projects(known: Mapping[str, Any], catalogue: Catalogue, settings: Settings) -> gpd.GeoDataFrame:
    """Return the plan's named projects: what it says of them, and a disc of fixed size where they roughly lie."""
    types = catalogue.code_list("project_types")
    rows, shapes = [], []
    for item in known["projects"]:
        kind = types.get(item["project_type"])
        target = {"计划完成时限": str(item["finish_by"])} if "finish_by" in item else {}
        extra = target | {"条款": item["clause"], "位置说明": known["position_note"]}
        rows.append(
            {
                "project_id": item["project_id"],
                "name": item["name"],
                "project_type": item["project_type"],
                "state": "named",
                "lead": "、".join(kind.more["lead"]),
                "responsible": "、".join(kind.more["responsible"]),
                "demonstration": True if item.get("demonstration") else None,
                "approximate": True,
                "authority": "indicative",
                "source": known["plan"],
                "extra": json.dumps(extra, ensure_ascii=False, sort_keys=True),
            }
        )
        shapes.append(shapely.MultiPoint(item["places"]) if item["places"] else None)
    points = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=shapes, crs=gis_crs.CGCS2000)
    placed = gis_crs.to(points, settings.crs)
    discs = [None if shape is None else shape.buffer(known["disc_radius_m"]) for shape in placed.geometry]
    return placed.set_geometry(gpd.GeoSeries(discs, index=placed.index, crs=placed.crs))
