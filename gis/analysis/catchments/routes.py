"""Paths: the shortest walk from a station to a door, drawn."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from gis import crs as gis_crs
from gis.analysis.acceptance import require_columns
from gis.analysis.catchments import sheds
from gis.analysis.catchments.entries import Entries, enter
from gis.analysis.network import Access, Network, attach
from gis.geometry import walks


def paths(
    network: Network,
    entrances: gpd.GeoDataFrame | None,
    things: gpd.GeoDataFrame,
    *,
    key: str,
    minutes: float = 15,
    stations: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Draw the shortest walk from each station to each thing within reach.

    Parameters
    ----------
    network
        Where people walk.
    entrances, stations
        Where walks begin, as for `entries.enter`.
    things
        Few things: points, or polygons, whose door is taken at a point within them.
    key
        Column with the keys of the things.
    minutes
        Longest walk.

    Returns
    -------
    geopandas.GeoDataFrame
        station_id, the key, seconds, entrance_id and the walk as a line from the entrance to the door, in the network's
        CRS; sorted by station and thing.

    Raises
    ------
    EmptyError, FrameError, CrsError
        As for `walksheds`.
    """
    gis_crs.require_same({"things": things, "network": gpd.GeoSeries([], crs=network.crs)})
    require_columns("things", things, (key,))
    entries = enter(network, entrances, stations)
    points = sheds.doors_of(shapely.force_2d(things.geometry.to_numpy()))
    limit = sheds.times([minutes])[-1]
    reach = sheds.search(network, entries, limit)
    access = attach(network, points)
    table = sheds.reached(network, entries, access, limit, None)
    lines = []
    for station in range(len(entries.stations)):
        mine = slice(reach.begin[station], reach.begin[station + 1])
        way = dict(zip(reach.item[mine].tolist(), reach.way[mine].tolist(), strict=True))
        rows = table.loc[table["station"] == station, ["door", "entrance", "side"]].to_numpy()
        lines += [_line(network, entries, access, points, _Walk(*row), way) for row in rows.tolist()]
    return gpd.GeoDataFrame(
        {
            "station_id": entries.stations[table["station"]],
            key: things[key].to_numpy(dtype=object)[table["door"]],
            "seconds": table["seconds"],
            "entrance_id": entries.entrances[table["entrance"]],
        },
        geometry=np.array(lines, dtype=object),
        crs=network.crs,
    )


class _Walk(NamedTuple):
    """Hold positions of a door and an entrance, and how the walk arrives: by node 0 or 1 of the edge, or 2 on it."""

    door: int
    entrance: int
    side: int


def _line(
    network: Network, entries: Entries, access: Access, points: NDArray[np.object_], row: _Walk, way: dict[int, int]
) -> shapely.LineString:
    """Return one walk as a line."""
    graph, edge, share = network.graph, int(access.edge[row.door]), float(access.share[row.door])
    start = float(entries.access.share[row.entrance])
    pieces = [shapely.get_coordinates(points[row.door])]
    if row.side == 2:
        pieces.append(_along(network, edge, share, start))
    else:
        node = int(graph.ends[edge, row.side])
        pieces.append(_along(network, edge, share, float(row.side)))
        while way[node] != walks.NOWHERE:
            k = way[node]
            walked, head = int(graph.edge[k]), node
            first, last = graph.ends[walked]
            # a way out of the first node walks the edge as drawn
            forth = last == head and graph.start[first] <= k < graph.start[first + 1]
            pieces.append(_along(network, walked, 1.0, 0.0) if forth else _along(network, walked, 0.0, 1.0))
            node = int(first if forth else last)
        edge = int(entries.access.edge[row.entrance])
        end = _end_of_start(network, entries, row.entrance, node)
        pieces.append(_along(network, edge, end, start))
    pieces.append(shapely.get_coordinates(entries.points[row.entrance]))
    xy = np.concatenate(pieces)[::-1]
    moves = np.r_[True, (np.diff(xy, axis=0) != 0).any(axis=1)]
    # a door at the very entrance is a walk all the same
    return shapely.LineString(xy[moves] if moves.sum() > 1 else xy[:2])


def _end_of_start(network: Network, entries: Entries, entrance: int, node: int) -> float:
    """Return by which end of its edge, 0 or 1, a walk leaves an entrance: on a loop the nearer one."""
    first, last = network.ends[entries.access.edge[entrance]]
    if first == last:
        cost = entries.starts.cost[entrance]
        return 0.0 if cost[walks.FIRST] <= cost[walks.LAST] else 1.0
    return 0.0 if node == first else 1.0


def _along(network: Network, edge: int, begin: float, end: float) -> NDArray[np.float64]:
    """Return the vertices of an edge between two shares of its length, in that direction."""
    line = network.lines[edge]
    low, high = sorted((begin, end))
    xy = shapely.get_coordinates(line)
    dx, dy = np.diff(xy, axis=0).T
    step = np.hypot(dx, dy)
    share = np.r_[0.0, np.cumsum(step)] / max(step.sum(), 1e-300)
    inner = xy[(share > low) & (share < high)]
    tips = shapely.get_coordinates(shapely.line_interpolate_point(line, [low, high], normalized=True))
    made = np.concatenate([tips[:1], inner, tips[1:]])
    return made if begin <= end else made[::-1]
