"""Amenities of the sample town: facilities, parks and squares, water, greenways, and what limits plans."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from gis.sample import names
from gis.sample.buildings import Buildings
from gis.sample.parcels import Parcels
from gis.sample.people import People
from gis.sample.rail import Stations
from gis.sample.streets import WIDTHS, Streets
from gis.sample.terrain import Terrain, elevation

PARKS = 16
_PARK_M2 = 5_000.0
# kind: word, owner, capacity and its unit, floor area m²
_FACILITIES: dict[str, tuple[str, str, float, str, float]] = {
    "primary_school": ("小学", "district", 1_080.0, "学位", 9_500.0),
    "secondary_school": ("中学", "district", 1_350.0, "学位", 15_000.0),
    "kindergarten": ("幼儿园", "district", 300.0, "学位", 3_600.0),
    "health_centre": ("社区卫生服务中心", "district", 60.0, "床", 5_200.0),
    "health_station": ("社区卫生服务站", "district", 0.0, "", 240.0),
    "care_home": ("养老院", "district", 180.0, "床", 7_200.0),
    "day_care": ("日间照料中心", "district", 40.0, "人", 520.0),
    "culture_centre": ("文化活动中心", "district", 0.0, "", 4_300.0),
    "market": ("菜市场", "collective", 0.0, "", 1_400.0),
    "bus_stop": ("公交站", "city", 0.0, "", 0.0),
    "toilet": ("公共厕所", "district", 0.0, "", 60.0),
    "park": ("公园", "district", 0.0, "", 0.0),
}
# facilities that have a plot of their own come first, others stand in or beside housing
_OWN_PLOT = {
    "primary_school": ("primary_school",), "secondary_school": ("secondary_school",), "kindergarten": ("kindergarten",),
    "health_centre": ("health",), "care_home": ("welfare",), "culture_centre": ("culture",),
    "health_station": ("community",),
}  # fmt: skip
_COUNTS = {
    "primary_school": 12, "secondary_school": 6, "kindergarten": 26, "health_centre": 2, "health_station": 14,
    "care_home": 4, "day_care": 18, "culture_centre": 2, "market": 10, "toilet": 70,
}  # fmt: skip
_BUS_STOPS = 95


@dataclass(frozen=True)
class Town:
    """Everything that has been built; frozen, so that later steps only read it.

    Parameters
    ----------
    terrain, streets, parcels, stations, buildings, people
        The parts of the town.
    uses : numpy.ndarray of str
        Use of each parcel.
    """

    terrain: Terrain
    streets: Streets
    parcels: Parcels
    stations: Stations
    buildings: Buildings
    people: People
    uses: np.ndarray


def facilities(town: Town, parks: gpd.GeoDataFrame, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Place the public facilities.

    Parameters
    ----------
    town : Town
        The town.
    parks : geopandas.GeoDataFrame
        Public spaces, of which the parks of half a hectare count as facilities.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``facilities``, points in town coordinates, no CRS yet.
    """
    kinds: list[str] = []
    points: list[shapely.Point] = []
    for kind, count in _COUNTS.items():
        found = _places(town, kind, count, rng)
        kinds += [kind] * len(found)
        points += found
    stops = _bus_stops(town)
    kinds += ["bus_stop"] * len(stops)
    points += stops
    green = parks[parks["kind"] == "park"]
    kinds += ["park"] * len(green)
    points += list(shapely.point_on_surface(green.geometry.array))
    return _facility_frame(kinds, points, green, rng)


def _facility_frame(
    kinds: list[str], points: list[shapely.Point], green: gpd.GeoDataFrame, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    streets = names.streets(len(kinds), rng)
    facts = [_FACILITIES[kind] for kind in kinds]
    size = rng.uniform(0.7, 1.35, len(kinds))
    capacity = np.array([fact[2] for fact in facts]) * size
    floor = np.round(np.array([fact[4] for fact in facts]) * size, 0)
    title = [street[:-1] + fact[0] for street, fact in zip(streets, facts, strict=True)]
    title[len(title) - len(green) :] = list(green["name"])
    land = np.full(len(kinds), np.nan)
    land[len(land) - len(green) :] = np.round(green.geometry.area, 1)
    frame = {
        "facility_id": [f"SS{i + 1:04d}" for i in range(len(kinds))],
        "name": title,
        "kind": kinds,
        "capacity": np.where(capacity > 0, np.round(capacity, -1), np.nan),
        "capacity_unit": [fact[3] or None for fact in facts],
        "floor_area_m2": np.where(floor > 0, floor, np.nan),
        "land_area_m2": land,
        "owner_class": [fact[1] for fact in facts],
        "confidential": False,
    }
    return gpd.GeoDataFrame(frame, geometry=np.array(points))


def _places(town: Town, kind: str, count: int, rng: np.random.Generator) -> list[shapely.Point]:
    plots = np.flatnonzero(np.isin(town.uses, _OWN_PLOT.get(kind, ())))
    if kind == "health_station":
        plots = plots[: count // 2]
    own = [shapely.point_on_surface(shape) for shape in town.parcels.shapes[plots[:count]]]
    lived = np.nan_to_num(town.people.residents)
    if kind == "toilet":
        # public toilets serve the courts, the villages and the shops
        lived = np.where(np.isin(town.buildings.kinds, ["courts", "shanty", "village", "retail", "shops"]), 1.0, 0.02)
    if kind == "market":
        lived = lived + 40.0 * (town.buildings.kinds == "shops")
    chosen = _spread(town, lived, count - len(own), own, rng)
    return [shapely.transform(point, lambda xy: np.round(xy, 3)) for point in own + chosen]


def _spread(
    town: Town, weight: np.ndarray, count: int, taken: list[shapely.Point], rng: np.random.Generator
) -> list[shapely.Point]:
    # of a hundred chances weighted by people, the farthest from what is there already
    if count <= 0:
        return []
    centres = shapely.centroid(town.buildings.shapes)
    spots = shapely.get_coordinates(centres)
    pool = rng.choice(len(weight), size=min(60 * count, len(weight)), p=weight / weight.sum())
    distance = np.full(len(pool), 1e4)
    for point in taken:
        distance = np.minimum(distance, np.hypot(*(spots[pool] - (point.x, point.y)).T))
    chosen: list[shapely.Point] = []
    for number in range(count):
        window = slice(number * len(pool) // count, (number + 1) * len(pool) // count)
        best = window.start + int(np.argmax(distance[window]))
        chosen.append(shapely.Point(spots[pool[best]]))
        distance = np.minimum(distance, np.hypot(*(spots[pool] - spots[pool[best]]).T))
    return chosen


def _bus_stops(town: Town) -> list[shapely.Point]:
    wide = np.isin(town.streets.classes, ["arterial", "secondary"])
    lines = town.streets.lines[wide]
    half = np.array([WIDTHS[kind] for kind in town.streets.classes[wide]]) / 2.0 - 3.0
    run = np.concatenate([[0.0], np.cumsum(shapely.length(lines))])
    every = np.linspace(0.0, run[-1], _BUS_STOPS + 2)[1:-1]
    line = np.searchsorted(run, every, side="right") - 1
    along = every - run[line]
    spots = shapely.get_coordinates(shapely.line_interpolate_point(lines[line], along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines[line], np.maximum(along - 4.0, 0.0)))
    heading = spots - ahead
    heading = heading / np.maximum(np.hypot(*heading.T), 1e-6)[:, None]
    side = (
        np.stack([heading[:, 1], -heading[:, 0]], axis=1)
        * (half[line] * np.where(np.arange(len(line)) % 2, 1, -1))[:, None]
    )
    return [shapely.Point(spot) for spot in np.round(spots + side, 3)]


def public_spaces(town: Town, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """Collect parks, squares and waterfronts.

    Parameters
    ----------
    town : Town
        The town.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``public_spaces``; 16 of the kind ``park`` cover half a hectare or more.
    """
    plots = np.flatnonzero(np.isin(town.uses, ["park", "square", "sport", "buffer"]))
    shapes = town.parcels.shapes[plots]
    areas = shapely.area(shapes)
    uses = town.uses[plots]
    shore = (shapely.distance(shapely.point_on_surface(shapes), town.terrain.river) < 105.0) & (uses == "park")
    kinds = np.where(uses == "square", "square", np.where(uses == "sport", "sports", "pocket_park")).astype(object)
    kinds[shore] = "waterfront"
    large = np.flatnonzero((areas >= _PARK_M2) & ~shore & np.isin(uses, ["park", "buffer"]))
    order = sorted(large.tolist(), key=lambda i: (uses[i] != "park", -areas[i]))
    kinds[order[:PARKS]] = "park"
    keep = (kinds != "pocket_park") | (areas < _PARK_M2)
    words = {"square": "广场", "sports": "运动场", "pocket_park": "口袋公园", "waterfront": "滨河绿地", "park": "公园"}
    streets = names.streets(int(keep.sum()), rng)
    frame = {
        "public_space_id": [f"GK{i + 1:03d}" for i in range(int(keep.sum()))],
        "name": [street[:-1] + words[kind] for street, kind in zip(streets, kinds[keep], strict=True)],
        "kind": kinds[keep],
    }
    return gpd.GeoDataFrame(frame, geometry=shapes[keep])


def waters(town: Town, parks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Draw the river, a brook from the hills and the lakes of the larger parks.

    Parameters
    ----------
    town : Town
        The town.
    parks : geopandas.GeoDataFrame
        Public spaces.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``waters``.
    """
    river = town.terrain.river.intersection(town.terrain.district)
    shapes = [max(shapely.get_parts(river), key=shapely.area)]
    titles, kinds = [names.RIVER], ["river"]
    valley = shapely.LineString([(-80, 2_060), (60, 2_010), (190, 2_025), (330, 1_985), (420, 1_975)]).buffer(
        5.0, quad_segs=3
    )
    brook = valley.intersection(town.terrain.district).difference(shapely.union_all([town.terrain.west_town]))
    shapes.append(max(shapely.get_parts(brook), key=shapely.area))
    titles.append("云谷沟")
    kinds.append("channel")
    large = parks[(parks["kind"] == "park")].copy()
    large = large.iloc[np.argsort(-large.geometry.area.to_numpy(), kind="stable")[:3]]
    for number, shape in enumerate(large.geometry):
        circle = shapely.maximum_inscribed_circle(shape)
        centre = shapely.get_coordinates(circle)[0]
        turn = np.linspace(0.0, 2 * np.pi, 33)[:-1]
        radius = circle.length * (0.55 + 0.10 * np.sin(2 * turn + number) + 0.06 * np.sin(3 * turn))
        lake = shapely.Polygon(centre + np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1))
        banks = shapely.buffer(town.buildings.shapes[shapely.dwithin(town.buildings.shapes, lake, 9.0)], 8.0)
        shapes.append(max(shapely.get_parts(lake.difference(shapely.union_all(banks))), key=shapely.area))
        titles.append(("镜湖", "荷塘", "月湖")[number])
        kinds.append("lake")
    frame = {"water_id": [f"SX{i + 1:02d}" for i in range(len(shapes))], "name": titles, "kind": kinds}
    return gpd.GeoDataFrame(frame, geometry=np.array(shapes))


def greenways(town: Town) -> gpd.GeoDataFrame:
    """Draw the greenways: along the river, and at the foot of the hills.

    Parameters
    ----------
    town : Town
        The town.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``greenways``.
    """
    west, east = town.terrain.west_town, town.terrain.east_town
    lines = []
    for ground in (west, east):
        shore = shapely.line_merge(town.terrain.river.buffer(22.0).exterior.intersection(ground.buffer(-4.0)))
        lines.append(max(shapely.get_parts(shore), key=shapely.length).simplify(1.0))
    foot = shapely.offset_curve(town.terrain.foot.simplify(6.0), 42.0)
    hill = shapely.get_parts(shapely.line_merge(foot.intersection(town.terrain.district)))
    lines.append(max(hill, key=shapely.length).simplify(1.0))
    frame = {"greenway_id": ["LD1", "LD2", "LD3"], "name": ["澜河西岸绿道", "澜河东岸绿道", "云岭山脚绿道"]}
    return gpd.GeoDataFrame(frame, geometry=np.array(lines))


# a bridge or an underpass begins so far before what it leads over or under, m
_LANDING_M = 12.0
# width of the dyke below its road, m
_DYKE_M = 4.0


def barriers(town: Town) -> gpd.GeoDataFrame:
    """Draw what cannot be crossed on foot: river banks, railway, expressway, walls.

    Parameters
    ----------
    town : Town
        The town.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``barriers``; openings are the walkways of the kinds bridge and underpass.
    """
    district = town.terrain.district
    banks = shapely.get_parts(shapely.line_merge(_channel(town).exterior.intersection(district)))
    rows = [("river", names.RIVER, shapely.multilinestrings(sorted(banks, key=shapely.length)[-2:]))]
    rows.append(("rail", "松澜铁路", town.streets.railway.intersection(district)))
    fast = town.streets.classes == "expressway"
    rows.append(("road", "云澜快速路", shapely.line_merge(shapely.union_all(town.streets.lines[fast]))))
    for number in np.flatnonzero(town.uses == "special"):
        rows.append(("wall", "围墙", shapely.LineString(town.parcels.shapes[number].exterior)))
    frame = {
        "barrier_id": [f"ZG{i + 1:02d}" for i in range(len(rows))],
        "kind": [kind for kind, _, _ in rows],
        "name": [name for _, name, _ in rows],
    }
    return gpd.GeoDataFrame(frame, geometry=np.array([shape for _, _, shape in rows]))


def walkways(town: Town) -> gpd.GeoDataFrame:
    """Draw the walking network: pavements, lanes, crossings to station entrances, bridges and underpasses.

    Parameters
    ----------
    town : Town
        The town.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``walkways``; lines meet at their ends.
    """
    streets = town.streets
    walked = streets.classes != "expressway"
    lines = np.concatenate([streets.lines[walked], town.parcels.lanes])
    access = shapely.shortest_line(town.stations.entrances, shapely.union_all(streets.lines[walked]))
    entered = shapely.line_merge(shapely.union_all(np.concatenate([lines, access])))
    parts, kinds = _through(town, shapely.get_parts(entered))
    parts = shapely.normalize(parts)
    kept = shapely.length(parts) > 0.5
    parts, kinds = shapely.transform(parts[kept], lambda xy: np.round(xy, 3)), kinds[kept]
    middles = shapely.line_interpolate_point(parts, 0.5, normalized=True)
    spots = np.round(shapely.get_coordinates(middles), 2)
    order = np.lexsort((spots[:, 0], spots[:, 1]))
    parts, kinds, middles = parts[order], kinds[order], middles[order]
    plain = kinds == "sidewalk"
    kinds[plain & shapely.dwithin(middles, shapely.union_all(town.parcels.lanes), 0.5)] = "footpath"
    kinds[plain & shapely.dwithin(parts, shapely.multipoints(town.stations.entrances), 0.05)] = "crossing"
    frame = {"walkway_id": [f"BX{i + 1:04d}" for i in range(len(parts))], "kind": kinds, "slope": _slopes(parts)}
    return gpd.GeoDataFrame(frame, geometry=parts)


def _channel(town: Town) -> shapely.Polygon:
    # the dyke's road runs along the edge of the water; what bars the way lies below it
    return town.terrain.river.buffer(-_DYKE_M)


def _through(town: Town, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # streets lead over the river and under railway and expressway; the stretch that does is a way of its own
    fast = shapely.union_all(town.streets.lines[town.streets.classes == "expressway"])
    footpaths = shapely.union_all(town.parcels.lanes)
    obstacles = [
        ("bridge", _channel(town).exterior, _channel(town).buffer(_LANDING_M)),
        ("underpass", town.streets.railway, town.streets.railway.buffer(_LANDING_M)),
        ("underpass", fast, fast.buffer(_LANDING_M)),
    ]
    kinds = np.full(len(lines), "sidewalk", dtype=object)
    for kind, barrier, zone in obstacles:
        over = shapely.crosses(lines, barrier) & (kinds == "sidewalk") & ~shapely.within(lines, footpaths.buffer(0.5))
        taken = (cut(lines[over], zone) for cut in (shapely.intersection, shapely.difference))
        inside, outside = (shapely.get_parts(each) for each in taken)
        lines = np.concatenate([lines[~over], outside, inside])
        passes = np.where(shapely.crosses(inside, barrier), kind, "sidewalk").astype(object)
        kinds = np.concatenate([kinds[~over], np.full(len(outside), "sidewalk", dtype=object), passes])
    return lines, kinds


def _slopes(lines: np.ndarray) -> np.ndarray:
    # from the height of the two ends
    first, last = (shapely.get_coordinates(shapely.get_point(lines, end)) for end in (0, -1))
    rise = elevation(last[:, 0], last[:, 1]) - elevation(first[:, 0], first[:, 1])
    return np.asarray(np.round(np.clip(rise / shapely.length(lines), -0.3, 0.3), 3))


def constraints(town: Town) -> gpd.GeoDataFrame:
    """Draw what limits renewal: heritage, mined-out ground, flood line, slides, ecology, reserves, military ground.

    Parameters
    ----------
    town : Town
        The town.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``constraints``.
    """
    terrain, town_ground = town.terrain, shapely.union_all([town.terrain.west_town, town.terrain.east_town])
    hills = terrain.district.difference(town_ground).difference(terrain.river.buffer(120.0))
    hills = max(shapely.get_parts(hills), key=shapely.area)
    rows: list[tuple[str | None, str, str, BaseGeometry]] = [
        ("旧城传统街巷", "heritage", "condition", shapely.Point(2_480, 4_030).buffer(150.0, quad_segs=6)),
        ("旧采空区", "goaf", "veto", _blob(1_430, 3_930, 240.0).intersection(terrain.district)),
        (
            "澜河洪涝风险控制线",
            "flood",
            "condition",
            terrain.river.buffer(26.0, quad_segs=4).intersection(terrain.district),
        ),
        ("云岭生态保护红线", "ecology", "veto", hills.buffer(-95.0, quad_segs=4)),
    ]
    for number, northing in enumerate((1_050.0, 2_880.0, 4_450.0)):
        spot = terrain.foot.intersection(shapely.LineString([(-900.0, northing), (3_000.0, northing)])).centroid
        rows.append((f"崩塌隐患点{number + 1}", "geohazard", "condition", _blob(spot.x - 55.0, spot.y, 38.0)))
    for place in np.flatnonzero(np.isin(town.uses, ["reserved", "special"])):
        kind = "reserved" if town.uses[place] == "reserved" else "military"
        title = "战略留白用地" if kind == "reserved" else None
        rows.append((title, kind, "veto" if kind == "military" else "condition", town.parcels.shapes[place]))
    frame = {
        "constraint_id": [f"XZ{i + 1:03d}" for i in range(len(rows))],
        "name": [row[0] for row in rows],
        "kind": [row[1] for row in rows],
        "effect": [row[2] for row in rows],
    }
    return gpd.GeoDataFrame(frame, geometry=np.array([row[3] for row in rows]))


def _blob(x: float, y: float, radius: float) -> shapely.Polygon:
    turn = np.linspace(0.0, 2 * np.pi, 29)[:-1]
    reach = radius * (1.0 + 0.22 * np.sin(2 * turn + x) + 0.12 * np.sin(3 * turn + y))
    return shapely.Polygon(np.stack([x + reach * np.cos(turn), y + 0.8 * reach * np.sin(turn)], axis=1))


def vacated_spaces(town: Town) -> gpd.GeoDataFrame:
    """List what has been vacated: corner plots, cleared ground, idle works.

    Parameters
    ----------
    town : Town
        The town.

    Returns
    -------
    geopandas.GeoDataFrame
        Columns of the layer ``vacated_spaces``.
    """
    areas = shapely.area(town.parcels.shapes)
    works = [i for i in np.flatnonzero(town.uses == "works") if areas[i] < 6e4][:3]
    corners = sorted(np.flatnonzero(np.isin(town.uses, ["buffer", "square"])), key=lambda i: areas[i])[:9]
    empty = list(np.flatnonzero(town.uses == "reserved")[:3])
    rows = [(i, "old_factory", "闲置厂房", "文化体育") for i in works]
    rows += [(i, "corner", "边角地", "口袋公园") for i in corners]
    rows += [(i, "demolished_illegal", "拆违腾退用地", "便民停车") for i in empty]
    floor = np.bincount(town.buildings.parcels, weights=town.buildings.floor_m2, minlength=len(areas))
    index = [int(row[0]) for row in rows]
    frame = {
        "vacated_space_id": [f"TT{i + 1:03d}" for i in range(len(rows))],
        "name": [f"{row[2]}{n + 1}" for n, row in enumerate(rows)],
        "kind": [row[1] for row in rows],
        "vacated_on": [pd.Timestamp(2021 + n % 5, 1 + (5 * n) % 12, 1 + (7 * n) % 28) for n in range(len(rows))],
        "floor_area_m2": np.where(floor[index] > 0, np.round(floor[index], 0), np.nan),
        "intended_use": [row[3] for row in rows],
    }
    return gpd.GeoDataFrame(frame, geometry=town.parcels.shapes[index])
