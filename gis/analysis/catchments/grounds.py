"""Grounds: walk-sheds as polygons, each station's for itself and shared out to the station that is nearest on foot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.analysis.catchments.entries import Entries
from gis.analysis.catchments.nearest import settled
from gis.analysis.network import Network
from gis.analysis.versions import WALKED
from gis.geometry import parts, snapped, strands, walks
from gis.geometry.parts import Shapes
from gis.geometry.sight import Sight

# rings with less ground than this are rounding, m²
_DUST_M2 = 1e-6


def sight(network: Network, depth: float, cell: float) -> Sight:
    """Return what is seen from the ways of a network, drawn from a corner of the outlines' grid.

    Parameters
    ----------
    network
        Where people walk.
    depth
        How deep the ground beside a way counts, m.
    cell
        Fineness of the outlines, m.

    Returns
    -------
    gis.geometry.sight.Sight
    """
    origin = np.floor(network.line_xy.min(axis=0) / cell) * cell
    return Sight(network.barriers, depth, origin, network.beside)


def raw(
    network: Network, entries: Entries, reach: walks.Reach, limits: Sequence[float], seen: Sight, cell: float
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
    seen
        What is seen from the ways, and how deep the ground beside them counts.
    cell
        Fineness of the outlines, m.

    Returns
    -------
    numpy.ndarray
        Multipolygons, a row a station, a column a limit; empty where nothing is reached. Those of longer walks hold
        those of shorter ones. Ground is what a straight leg reaches from a way without crossing a barrier, as doors are
        reached; beside ways that nobody steps off half-way there is none.
    """
    shapes = np.full((len(entries.stations), len(limits)), shapely.MultiPolygon(), dtype=object)
    stretches = entries.run(strands.reached)
    cost = np.full(len(network.xy), np.inf)
    # rings are drawn in a window, where numbers are small
    origin = seen.origin
    for station in range(len(entries.stations)):
        drawn = shapely.MultiPolygon()
        for n, limit in enumerate(limits):
            found = stretches(network.graph, network.beside, entries.starts, reach, station, limit, cost)
            free, beside = seen.beside(found - np.tile(origin, 2))
            pieces = list(strands.ground(free, seen.depth, cell, entries.run))
            # where nothing bars, ground holds that of shorter walks as it is drawn
            if len(beside.piece):
                pieces = [snapped.gathered([drawn, *pieces, *seen.ground(beside)])]
            drawn = shapely.MultiPolygon(list(parts.polygons(np.array(pieces, dtype=object))[0]))
            shapes[station, n] = settled(np.array([drawn], dtype=object), origin)[0]
    return shapes


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
