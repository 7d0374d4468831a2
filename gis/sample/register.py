"""The register of the sample town: parcels, buildings, units and projects as a bureau would keep them."""

from __future__ import annotations

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.sample import names
from gis.sample.amenities import Town
from gis.sample.land_use import CODES
from gis.sample.renewal import Project, Renewal
from gis.sample.territories import Territories

_BUILDING_USE = {
    "old_estate": "residential", "courts": "residential", "shanty": "residential", "village": "residential",
    "simple": "residential",
    "estate": "residential", "resettlement": "residential", "public": "public", "shops": "commercial",
    "retail": "commercial",
    "office": "office", "works": "industrial", "storage": "storage", "utility": "utility", "special": "other",
    "ancillary": "other",
}  # fmt: skip
_FABRIC = {
    "old_estate": "old_estate", "courts": "self_built", "shanty": "shanty", "village": "self_built", "simple": "simple",
    "estate": "commercial_housing", "resettlement": "resettlement", "public": "public", "shops": "shop_office",
    "retail": "shop_office", "office": "shop_office", "works": "factory", "storage": "factory", "utility": "other",
    "special": "other", "ancillary": "other",
}  # fmt: skip
_STOREY_M = {
    "courts": 3.2,
    "shanty": 3.2,
    "village": 3.3,
    "works": 6.0,
    "storage": 7.0,
    "retail": 4.4,
    "office": 3.8,
    "public": 3.7,
}
_OWNERS = {
    "special": "military", "village": "collective", "courts": "private", "shanty": "private", "works": "city",
    "storage": "city", "estate": "private", "retail": "mixed", "office": "private", "old_estate": "mixed",
    "simple": "district", "utility": "city", "rail": "central",
}  # fmt: skip
_LEADS = {
    "old_estate": "区住建委", "dangerous_building": "区住建委", "commercial": "区商务局", "industrial": "区科信局",
    "shanty": "区住建委", "public_space": "区发改委、区城管委",
}  # fmt: skip
_CLASSES = {
    "old_estate": "residential", "dangerous_building": "residential", "commercial": "industrial",
    "industrial": "industrial", "shanty": "residential", "public_space": "public_space",
}  # fmt: skip
_WORDS = {
    "old_estate": "老旧小区综合整治", "dangerous_building": "简易楼改建", "commercial": "更新改造",
    "industrial": "腾笼换鸟",
    "shanty": "棚户区改造", "public_space": "公共空间提升",
}  # fmt: skip
# state, start year: 40 of them, those furthest on first
_STAGES = (
    [("completed", 2024)] * 4 + [("completed", 2025)] * 2 + [("under_construction", 2025)] * 5
    + [("under_construction", 2026)] * 3 + [("suspended", 2026)] + [("scheme_review", 2026)]
    + [("scheme_consultation", 2026)] * 2
    + [("scheme_drafting", 2026)] + [("scheme_drafting", 2027)] * 2 + [("annual", 2027)] * 5 + [("reserve", 2027)] * 2
    + [("reserve", 2028)] * 12
)  # fmt: skip


def parcels(town: Town, territories: Territories, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Write the parcels.

    Parameters
    ----------
    town : Town
        The town.
    territories : Territories
        Blocks.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``parcels``.
    """
    shapes, uses = town.parcels.shapes, town.uses
    block = territories.block_of[town.parcels.street_blocks]
    area = shapely.area(shapes)
    plot = town.parcels.kinds == "plot"
    # a certificate and a drawing never agree to the metre, and not every plot has a certificate
    certified = np.where(
        plot & (rng.random(len(area)) < 0.78), np.round(area * (1 + rng.normal(0, 0.004, len(area))), 1), np.nan
    )
    planned = [_planned(str(use), draw) for use, draw in zip(uses, rng.random(len(uses)), strict=True)]
    far = {"0701": 1.8, "0901": 2.2, "0902": 2.5, "080403": 0.8, "1001": 1.2, "0802": 1.5}
    height = {"0701": 45.0, "0901": 36.0, "0902": 60.0, "080403": 24.0, "1001": 24.0, "0802": 36.0}
    frame = {
        "parcel_id": parcel_ids(town),
        "street_block_id": street_block_ids(len(town.streets.faces))[town.parcels.street_blocks],
        "block_id": block_ids(len(territories.blocks))[block],
        "land_use": [CODES[str(use)] for use in uses],
        "planned_land_use": planned,
        "certified_area_m2": certified,
        "planned_far": [far.get(code, np.nan) for code in planned],
        "planned_height_m": [height.get(code, np.nan) for code in planned],
        "owner_class": [_OWNERS.get(str(use), "district") for use in uses],
        "confidential": uses == "special",
        "authority": np.where(np.isnan(certified), "draft", "registered"),
    }
    return gpd.GeoDataFrame(frame, geometry=shapes)


def _planned(use: str, draw: float) -> str:
    # plans move works to offices and research, courts to housing and parks
    if use in ("works", "storage") and draw < 0.45:
        return "0902" if draw < 0.25 else "0802"
    if use in ("courts", "shanty") and draw < 0.25:
        return "1401" if draw < 0.12 else "080403"
    return CODES[use]


def parcel_ids(town: Town) -> np.ndarray:
    """Give every parcel a number: its street block, then a count within it.

    Parameters
    ----------
    town : Town
        The town.

    Returns
    -------
    numpy.ndarray of str
        Keys of the layer ``parcels``.
    """
    owner = town.parcels.street_blocks
    first = np.concatenate([[0], np.flatnonzero(np.diff(owner)) + 1])
    within = np.arange(len(owner)) - np.repeat(first, np.diff(np.concatenate([first, [len(owner)]]))) + 1
    return np.array(
        [f"SL00-{block + 1:04d}-{number:04d}" for block, number in zip(owner, within, strict=True)], dtype=object
    )


def street_block_ids(count: int) -> np.ndarray:
    """Give every street block a number.

    Parameters
    ----------
    count : int
        How many there are.

    Returns
    -------
    numpy.ndarray of str
        Keys of the layer ``street_blocks``.
    """
    return np.array([f"JF{i + 1:03d}" for i in range(count)], dtype=object)


def block_ids(count: int) -> np.ndarray:
    """Give every control-plan block its code.

    Parameters
    ----------
    count : int
        How many there are.

    Returns
    -------
    numpy.ndarray of str
        Keys of the layer ``blocks``, such as SL00-0101.
    """
    return np.array([f"SL00-{(i // 4 + 1) * 100 + i % 4 + 1:04d}" for i in range(count)], dtype=object)


def estates(town: Town, rng: np.random.Generator) -> np.ndarray:
    """Name the housing estates.

    Parameters
    ----------
    town : Town
        The town.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    numpy.ndarray of str
        Name of the estate of each parcel, None where there is none.
    """
    named = np.isin(town.uses, ["old_estate", "estate", "resettlement"])
    titles = np.full(len(town.uses), None, dtype=object)
    titles[named] = names.estates(int(named.sum()), rng)
    return titles


def buildings(town: Town, titles: np.ndarray, demolished: np.ndarray, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Write the buildings.

    Parameters
    ----------
    town : Town
        The town.
    titles : numpy.ndarray of str
        Name of the estate of each parcel.
    demolished : numpy.ndarray of bool
        Buildings that a project will pull down.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``buildings``.
    """
    made, people = town.buildings, town.people
    uses = town.uses[made.parcels]
    kinds = made.kinds
    chance = rng.random(len(kinds))
    grade = np.full(len(kinds), None, dtype=object)
    grade[(kinds == "simple")] = np.where(chance[kinds == "simple"] < 0.6, "D", "C")
    courts = np.isin(kinds, ["courts", "shanty"])
    grade[courts & (chance < 0.07)] = "C"
    grade[courts & (chance < 0.02)] = "D"
    below = np.isin(kinds, ["estate", "resettlement", "office", "retail"]) & (made.years > 2003)
    footprint = shapely.area(made.shapes)
    frame = {
        "building_id": [f"JZ{i + 1:05d}" for i in range(len(kinds))],
        "parcel_id": parcel_ids(town)[made.parcels],
        "use": [_BUILDING_USE[kind] for kind in kinds],
        "fabric": [_FABRIC[kind] for kind in kinds],
        "estate": titles[made.parcels],
        "storeys": made.storeys,
        "height_m": np.round(made.storeys * np.array([_STOREY_M.get(kind, 2.9) for kind in kinds]) + 0.6, 1),
        "built_year": made.years,
        "floor_area_above_m2": made.floor_m2,
        "floor_area_below_m2": np.where(below, np.round(footprint * 1.6, 1), 0.0),
        "dwellings": people.dwellings,
        "households": people.households,
        "residents": people.residents,
        "jobs": people.jobs,
        "owner_class": [_OWNERS.get(str(use), "district") for use in uses],
        "danger_grade": grade,
        "illegal": courts & (chance > 0.96),
        "to_demolish": demolished,
        "affordable_rental": (kinds == "resettlement") & (chance > 0.8),
        "confidential": uses == "special",
    }
    return gpd.GeoDataFrame(frame, geometry=made.shapes)


def units(town: Town, renewal: Renewal, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Write the renewal units.

    Parameters
    ----------
    town : Town
        The town.
    renewal : Renewal
        Units and projects.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``units``.
    """
    shapes = [shapely.coverage_union_all(town.streets.faces[list(unit)]) for unit in renewal.units]
    held = np.bincount([p.unit for p in renewal.projects if p.unit >= 0], minlength=len(shapes))
    drawn = np.arange(len(shapes)) % 5 != 4
    titles = names.streets(len(shapes), rng)
    area = shapely.area(shapes)
    on = [pd.Timestamp(2023, 3, 1) + pd.Timedelta(days=int(61 * i)) if drawn[i] else pd.NaT for i in range(len(shapes))]
    frame = {
        "unit_id": [f"SLGX-{i + 1:02d}" for i in range(len(shapes))],
        "name": [title[:-1] + "片区更新单元" for title in titles],
        "unit_type": np.where(held == 1, "comprehensive", "multiple"),
        "status": np.where(drawn, "delineated", "proposed"),
        "delineated_on": on,
        "coordinator": [f"松澜城市更新有限公司{'一二三'[i % 3]}部" if drawn[i] else None for i in range(len(shapes))],
        "coordinator_notice_from": [day + pd.Timedelta(days=30) for day in on],
        "coordinator_notice_to": [day + pd.Timedelta(days=37) for day in on],
        "quota_m2": np.round(area * 0.12, -2),
        "approved_area_m2": np.where(drawn, np.round(area * (1 + rng.normal(0, 0.003, len(area))), 0), np.nan),
        "authority": np.where(drawn, "registered", "draft"),
    }
    return gpd.GeoDataFrame(frame, geometry=np.array(shapes))


def stages(renewal: Renewal, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Deal out state and start year, so that projects that overlap differ in year.

    Parameters
    ----------
    renewal : Renewal
        Units and projects.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of (str, int)
        State and start year of each project.
    """
    order = rng.permutation(len(renewal.projects))
    dealt: list[tuple[str, int]] = [("", 0)] * len(order)
    for place, number in enumerate(order):
        dealt[int(number)] = _STAGES[place]
    shapes = [project.shape for project in renewal.projects]
    tree = shapely.STRtree(shapes)
    for first, second in sorted(map(tuple, np.sort(tree.query(shapes, predicate="overlaps").T, axis=1).tolist())):
        if dealt[first][1] == dealt[second][1]:
            other = next(i for i, stage in enumerate(dealt) if stage[1] != dealt[first][1] and i not in (first, second))
            dealt[second], dealt[other] = dealt[other], dealt[second]
    return dealt


def projects(
    town: Town, territories: Territories, renewal: Renewal, titles: np.ndarray, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Write the projects.

    Parameters
    ----------
    town, territories, renewal
        The town, its blocks, its units and projects.
    titles : numpy.ndarray of str
        Name of the estate of each parcel.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``projects``.
    """
    dealt = stages(renewal, rng)
    rows = []
    centres = shapely.centroid(town.buildings.shapes)
    for number, (project, (state, year)) in enumerate(zip(renewal.projects, dealt, strict=True)):
        row = {"project_id": f"SLXM-{number + 1:03d}", "project_type": project.kind, "state": state, "start_year": year}
        row |= _what(town, project, titles, number)
        row |= _sizes(town, project, centres)
        row |= _who(project, state, number)
        row |= _when(state, year, number)
        row |= _where(town, territories, project)
        rows.append(row)
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry=np.array([project.shape for project in renewal.projects]))


def _what(town: Town, project: Project, titles: np.ndarray, number: int) -> dict[str, object]:
    first = project.parcels[0] if project.parcels else 0
    if project.kind == "old_estate":
        place = str(titles[first])
    elif project.kind == "industrial":
        place = names.works(number)
    elif project.kind == "commercial":
        place = names.shop(number)
    else:
        place = project.title or names.streets(len(titles), np.random.default_rng(35))[number][:-1]
    year = town.buildings.years[np.isin(town.buildings.parcels, project.parcels)]
    return {
        "name": place + _WORDS[project.kind],
        "renewal_class": _CLASSES[project.kind],
        "built_year": int(np.median(year)) if len(year) else None,
        "planned_use": {"industrial": "文化创意、科技研发", "commercial": "商业、商务"}.get(project.kind),
        "demonstration": number % 13 == 0,
        "confidential": False,
        "approximate": not project.parcels,
        "authority": "draft" if project.unit < 0 else "submitted",
    }


def _sizes(town: Town, project: Project, centres: np.ndarray) -> dict[str, object]:
    shapely.prepare(project.shape)
    inside = shapely.contains_properly(project.shape, centres)
    floor = float(town.buildings.floor_m2[inside].sum())
    households = float(np.nansum(town.people.households[inside]))
    cleared = {"shanty": 0.92, "dangerous_building": 1.0, "industrial": 0.16, "commercial": 0.05, "old_estate": 0.01}
    ratio = {"shanty": 1.9, "dangerous_building": 1.25, "industrial": 1.6, "commercial": 1.4, "old_estate": 0.4}
    demolished = floor * cleared.get(project.kind, 0.0)
    moved = round(households) if project.kind in ("shanty", "dangerous_building") else None
    return {
        "approved_area_m2": round(float(project.shape.area), 0) if project.parcels else None,
        "existing_floor_m2": round(floor, 0),
        "demolished_floor_m2": round(demolished, 0),
        "exempt_demolished_m2": round(demolished * (1.0 if project.kind == "dangerous_building" else 0.12), 0),
        "new_controlled_m2": round(demolished * ratio.get(project.kind, 0.0), 0),
        "new_exempt_m2": round(180.0 + 0.012 * floor, 0),
        "households": round(households) if households else None,
        "rehoused_households": moved,
        "rehoused_nearby": round(0.62 * moved) if moved else None,
        "investment_wan": round(0.16 * floor + 1.35 * demolished + 300.0, 0),
    }


def _who(project: Project, state: str, number: int) -> dict[str, object]:
    owner = {"old_estate": "mixed", "dangerous_building": "district", "commercial": "private", "industrial": "city",
             "shanty": "private", "public_space": "district"}  # fmt: skip
    chosen = state not in ("reserve", "annual")
    mode = {"shanty": "grant", "industrial": "agreement", "commercial": "agreement"}.get(project.kind, "allocation")
    path = {"shanty": "key_project", "industrial": "block", "commercial": "station"}.get(
        project.kind, ("single", "block")[number % 2]
    )
    return {
        "path": path,
        "unit_id": f"SLGX-{project.unit + 1:02d}" if project.unit >= 0 else None,
        "owner_class": owner[project.kind],
        "land_mode": mode,
        "lead": _LEADS[project.kind],
        "responsible": "各镇街",
        "coordinator": "松澜城市更新有限公司" if chosen else None,
        "implementer": "松澜建设投资有限公司" if chosen else None,
    }


def _when(state: str, year: int, number: int) -> dict[str, object]:
    started = state in ("completed", "under_construction")
    reviewed = started or state == "scheme_review"
    shown = dt.date(year - 1, 4 + number % 6, 1 + number % 25)
    return {
        "planner_opinion_no": f"松责规〔{year - 1}〕{number + 1}号" if reviewed else None,
        "planner_opinion_on": shown if reviewed else None,
        "approval_no": f"松政批〔{year - 1}〕{number + 11}号" if started else None,
        "reserved_on": dt.date(year - 2, 2 + number % 10, 1 + number % 27),
        "plan_year": year if state != "reserve" else None,
        "completed_on": dt.date(year + 1, 9, 1 + number % 28) if state == "completed" else None,
        "notice_from": shown if reviewed else None,
        "notice_to": shown + dt.timedelta(days=30) if reviewed else None,
    }


def _where(town: Town, territories: Territories, project: Project) -> dict[str, object]:
    touched = [names.TOWNSHIPS[i][1] for i, shape in enumerate(territories.townships)
               if shape.intersection(project.shape).area > 1.0]  # fmt: skip
    sides = []
    lines = town.streets.lines[town.streets.names != ""]
    labels = town.streets.names[town.streets.names != ""]
    x, y = project.shape.centroid.x, project.shape.centroid.y
    near = shapely.dwithin(lines, project.shape, 45.0)
    spots = shapely.get_coordinates(shapely.line_interpolate_point(lines[near], 0.5, normalized=True)) - (x, y)
    for word, axis, sign in (("东", 0, 1), ("南", 1, -1), ("西", 0, -1), ("北", 1, 1)):
        if len(spots):
            far = int(np.argmax(sign * spots[:, axis]))
            sides.append(f"{word}至{labels[near][far]}")
    return {
        "townships": "、".join(touched),
        "extent_text": ",".join(sides) if sides else None,
        "source_crs": "EPSG:4548",
    }
