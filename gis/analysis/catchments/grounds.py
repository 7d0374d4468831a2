"""Grounds: walk-sheds as polygons, each station's for itself and shared out to the station that is nearest on foot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.analysis.catchments.entries import Entries
from gis.analysis.network import Network
from gis.analysis.versions import WALKED
from gis.geometry import parts, snapped, strands, walks
from gis.geometry.junctions import Barriers
from gis.geometry.parts import Shapes

# places along reached edges at which the nearest station is asked for are so far apart, m
_STEP_M = 10.0
# rings with less ground than this are rounding, m²
_DUST_M2 = 1e-6


def raw(
    network: Network, entries: Entries, reach: walks.Reach, limits: Sequence[float], depth: float, cell: float
) -> Shapes:
    """Draw the ground that each station reaches within each limit.

    Parameters
    ----------
    network
        Where people walk.
    entries
        Where walks begin.
    reach
        Nodes reached within the largest limit.
    limits
        Walking times, s, growing.
    depth
        How deep the ground beside a way counts, m.
    cell
        Fineness of the outlines, m.

    Returns
    -------
    numpy.ndarray
        Polygons or multipolygons, a row a station, a column a limit; empty where nothing is reached. Those of longer
        walks hold those of shorter ones.
    """
    shapes = np.full((len(entries.stations), len(limits)), shapely.MultiPolygon(), dtype=object)
    stretches = entries.run(strands.reached)
    cost = np.full(len(network.xy), np.inf)
    lines = (network.begin, network.line_xy)
    # rings are drawn in a window, where numbers are small
    origin = np.floor(network.line_xy.min(axis=0) / cell) * cell
    for station in range(len(entries.stations)):
        for n, limit in enumerate(limits):
            found = stretches(network.graph, lines, entries.starts, reach, station, limit, cost)
            drawn = snapped.moved(strands.ground(found - np.tile(origin, 2), depth, cell, entries.run), origin)
            shapes[station, n] = _kept(drawn, found, network.barriers)
    return shapes


def _kept(pieces: Shapes, found: NDArray[np.float64], barriers: Barriers) -> shapely.MultiPolygon:
    """Cut ground at barriers, and keep the sides that are reached."""
    piece, barrier = barriers.near(pieces)
    if len(piece) == 0:
        return shapely.MultiPolygon(list(pieces))
    whole = np.setdiff1d(np.arange(len(pieces)), piece)
    kept = list(pieces[whole])
    walked = shapely.STRtree(np.asarray(shapely.linestrings(found.reshape(-1, 2, 2)), dtype=object))
    for n in np.unique(piece):
        lines = np.r_[barriers.lines[barrier[piece == n]], shapely.boundary(pieces[n])]
        faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(shapely.union_all(lines))))
        faces = faces[shapely.contains_properly(pieces[n], shapely.point_on_surface(faces))]
        reached = np.unique(walked.query(faces, predicate="intersects")[0])
        kept += list(faces[reached])
    return shapely.MultiPolygon(list(shapely.get_parts(shapely.union_all(kept))))


def nearest(
    network: Network, entries: Entries, reach: walks.Reach, limits: Sequence[float], shapes: Shapes
) -> Shapes:
    """Share reached ground out: each place to the station that is nearest on foot.

    Parameters
    ----------
    network
        Where people walk.
    entries
        Where walks begin.
    reach
        Nodes reached within the largest limit.
    limits
        Walking times, s.
    shapes
        Ground as `raw` draws it.

    Returns
    -------
    numpy.ndarray
        As `shapes`; the parts of a column do not overlap, lie each within its station's own ground, and make up the
        column's union.

    Notes
    -----
    A place belongs to the spot of a reached way that it is nearest to, and that spot to the station with the shortest
    walk to it. Where the spot's station does not reach the place (a barrier lies between), it goes to the first
    station by key that does.
    """
    spots, owner = _spots(network, entries, reach, limits[-1])
    result = np.full(shapes.shape, shapely.MultiPolygon(), dtype=object)
    if len(spots) == 0:
        return result
    cells = _cells(spots, owner, shapes[:, -1])
    for n in range(len(limits)):
        own = _polygonal(shapely.intersection(shapes[:, n], cells))
        left = shapely.difference(shapely.union_all(shapes[:, n]), shapely.union_all(own))
        for station in range(len(own)):
            extra = _polygonal(shapely.intersection(left, shapes[station : station + 1, n]))[0]
            if shapely.area(extra) > _DUST_M2:
                own[station], left = shapely.union(own[station], extra), shapely.difference(left, extra)
        result[:, n] = _polygonal(own)
    return result


def _polygonal(shapes: Shapes) -> Shapes:
    """Return shapes as multipolygons, without the lines and points in which they touch."""
    single, index = parts.polygons(shapes)
    return np.array([shapely.MultiPolygon(list(single[index == n])) for n in range(len(shapes))], dtype=object)


def _spots(
    network: Network, entries: Entries, reach: walks.Reach, limit: float
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return spots along reached edges, and the station with the shortest walk to each; of equals the first."""
    touched = np.zeros(len(network.xy), dtype=bool)
    touched[reach.item] = True
    used: NDArray[np.bool_] = touched[network.ends[:, 0]] | touched[network.ends[:, 1]]
    used[entries.access.edge[entries.access.edge >= 0]] = True
    edge = np.flatnonzero(used)
    count = np.maximum(np.ceil(network.metres[edge] / _STEP_M).astype(int), 1)
    row = np.repeat(np.arange(len(edge)), count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    share = (step + 0.5) / count[row]
    best, owner = np.full(len(row), np.inf), np.full(len(row), -1, dtype=np.intp)
    ends, seconds = network.ends[edge][row], network.seconds[edge][row]
    for station in range(len(entries.stations)):
        cost = np.full(len(network.xy), np.inf)
        mine = slice(reach.begin[station], reach.begin[station + 1])
        cost[reach.item[mine]] = reach.cost[mine]
        walked = np.minimum(cost[ends[:, 0]] + share * seconds[:, 0], cost[ends[:, 1]] + (1 - share) * seconds[:, 1])
        for entrance in np.flatnonzero(entries.station == station):
            here = np.flatnonzero(edge[row] == entries.access.edge[entrance])
            on = share[here] - entries.access.share[entrance]
            direct = np.where(on > 0, on * seconds[here, 0], -on * seconds[here, 1])
            walked[here] = np.minimum(walked[here], direct + entries.starts.cost[entrance, walks.LEG])
        nearer = (walked < best) & (walked <= limit)
        best[nearer], owner[nearer] = walked[nearer], station
    known = np.flatnonzero(owner >= 0)
    lines = network.lines[edge][row[known]]
    places = shapely.line_interpolate_point(lines, share[known], normalized=True)
    return shapely.get_coordinates(places), owner[known]


def _cells(spots: NDArray[np.float64], owner: NDArray[np.intp], shapes: Shapes) -> Shapes:
    """Return the ground nearest to each station's spots."""
    origin = np.floor(spots.min(axis=0))
    places, first = np.unique(np.round(spots - origin, 6), axis=0, return_index=True)
    result = np.full(len(shapes), shapely.Polygon(), dtype=object)
    low, high = np.nanmin(shapely.bounds(shapes), axis=0)[:2], np.nanmax(shapely.bounds(shapes), axis=0)[2:]
    window = shapely.box(*(low - origin - _STEP_M), *(high - origin + _STEP_M))
    stations = np.unique(owner[first])
    if len(stations) == 1:
        result[stations[0]] = snapped.moved(np.array([window], dtype=object), origin)[0]
        return result
    drawn = shapely.voronoi_polygons(shapely.multipoints(places), extend_to=window, ordered=True)
    pieces = shapely.get_parts(drawn)
    for station in stations:
        mine = shapely.coverage_union_all(pieces[owner[first] == station])
        result[station] = snapped.moved(np.array([mine], dtype=object), origin)[0]
    return result


def table(
    network: Network, entries: Entries, minutes: Sequence[float], versions: Mapping[str, Shapes]
) -> gpd.GeoDataFrame:
    """Return grounds as rows of the layer catchments.

    Parameters
    ----------
    network
        For its CRS and walking speed.
    entries
        Stations.
    minutes
        Walking times.
    versions
        Grounds by the name of their version.

    Returns
    -------
    geopandas.GeoDataFrame
        Sorted by station, version and time; grounds without area are left out.
    """
    tables = []
    for rank, (version, shapes) in enumerate(versions.items()):
        for n, each in enumerate(minutes):
            radius = 60.0 * float(each) * network.walking.speed_mps
            ground = shapely.area(shapes[:, n])
            keys = pd.Series(entries.stations, dtype="str")
            tables.append(
                pd.DataFrame(
                    {
                        "catchment_id": [catchment_id(key, each, version) for key in keys],
                        "station_id": keys,
                        "ring": pd.Series([f"步行{each:g}分钟"] * len(keys), dtype="str"),
                        "radius_m": radius,
                        "inner_m": 0.0,
                        "method": pd.Series([WALKED] * len(keys), dtype="str"),
                        "version": pd.Series([version] * len(keys), dtype="str"),
                        "minutes": float(each),
                        "area_m2": ground,
                        "shed_ratio": ground / (math.pi * radius**2),
                        "geometry": shapes[:, n],
                        "rank": rank,
                    }
                )
            )
    joined = pd.concat(tables, ignore_index=True)
    joined = joined[joined["area_m2"] > _DUST_M2].sort_values(["station_id", "rank", "minutes"], ignore_index=True)
    return gpd.GeoDataFrame(joined.drop(columns="rank"), geometry="geometry", crs=network.crs)


def catchment_id(station: str, minutes: float, version: str) -> str:
    """Return the key of a walk-shed.

    Parameters
    ----------
    station
        Key of the station.
    minutes
        Walking time.
    version
        "raw", "nearest" or "shared".

    Returns
    -------
    str
    """
    return f"{station}-walk{minutes:g}-{version}"
