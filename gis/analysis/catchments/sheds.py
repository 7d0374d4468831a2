"""Walk-sheds (步行可达范围): what each station's entrances reach on foot, door by door and as ground.

Doors are reached along the network, from mid-edge to mid-edge, with the legs at both ends. A shed is the ground within
a given depth of the stretches that are reached; it is cut at barriers and keeps only the sides that are reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import compiled
from gis import crs as gis_crs
from gis import findings as faults
from gis import lineage as origins
from gis.analysis.acceptance import require_keys
from gis.analysis.catchments import grounds
from gis.analysis.catchments.entries import Entries, enter
from gis.analysis.catchments.members import layer_of
from gis.analysis.catchments.nearest import nearest
from gis.analysis.network import Access, Network, attach
from gis.analysis.versions import NEAREST, RAW
from gis.errors import UsageError
from gis.geometry import areas, parts, walks
from gis.lineage import Lineage


@dataclass(frozen=True)
class Walksheds:
    """Hold what stations reach on foot.

    Parameters
    ----------
    sheds
        Rows of the layer catchments: catchment_id, station_id, ring, radius_m (that of the circle walked in the same
        time), inner_m (0), method "NET", version, minutes, area_m2, shed_ratio (ground ÷ that circle), geometry. In
        version "raw" sheds overlap between stations; in "nearest" each place is of the station whose walk comes there
        first (`nearest.nearest`), and sums over stations equal the union. Sheds of longer walks hold those of shorter
        ones in both, and are the same whatever other minutes are asked for.
    reached
        For each layer of things, a row for each station and thing that is reached within the longest time, or whose
        ground a shed meets: station_id, <layer>_id, seconds and entrance_id of the shortest walk (missing where only
        its ground is met), minutes (the shortest of the given ones within which the door lies) and, for polygons,
        share_<minutes> of its ground.
    findings
        Entrances and stations that are less than they seem (`entries.enter`), stations that are nearest to nothing
        (catchment.no_nearest), such as the second of two at one spot, and things beyond reach of the network
        (catchment.beyond_network).
    lineage
        Inputs' fingerprints and parameters.
    """

    sheds: gpd.GeoDataFrame
    reached: Mapping[str, pd.DataFrame]
    findings: pd.DataFrame
    lineage: Lineage


def walksheds(
    network: Network,
    entrances: gpd.GeoDataFrame | None,
    minutes: Sequence[float] = (5, 10, 15),
    *,
    stations: gpd.GeoDataFrame | None = None,
    things: Mapping[str, gpd.GeoDataFrame] | None = None,
    depth_m: float = 50.0,
    cell_m: float = 5.0,
    workers: int | None = None,
) -> Walksheds:
    """Find what each station reaches on foot within some minutes.

    Parameters
    ----------
    network
        Where people walk.
    entrances, stations
        Where walks begin, as for `entries.enter`.
    minutes
        Walking times, growing.
    things
        By singular name of their layer ("parcel", "building"): points, or polygons, whose door is taken at a point
        within them.
    depth_m
        How deep the ground on both sides of a way counts as reached.
    cell_m
        Fineness of the sheds' outlines.
    workers
        Number of threads; the result does not depend on it.

    Returns
    -------
    Walksheds
        In the network's CRS.

    Raises
    ------
    EmptyError, FrameError, CrsError
        As for `entries.enter`; things without a key column, or in another CRS.
    UsageError
        Minutes that do not grow from above 0, or a depth or cell that is not above 0, or a cell above the depth.
    """
    limits = times(minutes)
    if not 0 < cell_m <= depth_m:
        said = f"depth_m is {depth_m}, cell_m {cell_m}; both must be above 0, and a cell no larger than the depth"
        raise UsageError(said, depth_m=depth_m, cell_m=cell_m)
    entries = enter(network, entrances, stations)
    reach = search(network, entries, limits[-1], workers=workers)
    seen = grounds.sight(network, depth_m, cell_m)
    shapes = grounds.raw(network, entries, reach, limits, seen, cell_m)
    shapes, near = nearest(network, entries, reach, limits, shapes, seen, cell_m)
    versions = {RAW: shapes, NEAREST: near}
    sheds = grounds.table(network, entries, minutes, versions)
    reached, found = {}, [entries.findings, _without_ground(entries, versions)]
    for name, frame in (things or {}).items():
        reached[name], beyond = _things(network, entries, frame, f"{name}_id", minutes, shapes, workers)
        found.append(beyond)
    used = {"entrances": entrances, "stations": stations, **(things or {})}
    told = {"minutes": list(minutes), "depth_m": depth_m, "cell_m": cell_m, "network": network.lineage.json()}
    kept = {name: frame for name, frame in used.items() if frame is not None}
    return Walksheds(sheds, reached, faults.join(*found), origins.of("analysis.catchments.walksheds", kept, **told))


def search(network: Network, entries: Entries, limit: float, *, workers: int | None = None) -> walks.Reach:
    """Return the nodes that each station reaches.

    Parameters
    ----------
    network
        Where people walk.
    entries
        Where walks begin.
    limit
        Longest walk, s.
    workers
        Number of threads.

    Returns
    -------
    gis.geometry.walks.Reach
        From near to far, station by station.
    """
    run, graph = entries.run(walks.nodes), network.graph
    found = compiled.spread(
        lambda part: run(graph, entries.starts, limit, part), compiled.batches(len(entries.stations)), workers
    )
    return _in_a_row(found)


def reached(network: Network, entries: Entries, access: Access, limit: float, workers: int | None) -> pd.DataFrame:
    """Return the shortest walk from each station to each door within reach.

    Parameters
    ----------
    network
        Where people walk.
    entries
        Where walks begin.
    access
        Where the doors meet the network.
    limit
        Longest walk, s.
    workers
        Number of threads.

    Returns
    -------
    pandas.DataFrame
        station and door (positions), seconds, entrance (position in entries), side (how the walk arrives: by the first
        or last node of the door's edge, 0 or 1, or 2 without leaving the entrance's edge); sorted by station and door.
    """
    stops, order = access.doors(network)
    run, graph = entries.run(walks.doors), network.graph
    found = compiled.spread(
        lambda part: run(graph, entries.starts, stops, limit, part), compiled.batches(len(entries.stations)), workers
    )
    reach = _in_a_row(found)
    table = pd.DataFrame(
        {
            "station": np.repeat(np.arange(len(entries.stations)), np.diff(reach.begin)),
            "door": order[reach.item],
            "seconds": reach.cost,
            "entrance": reach.origin,
            "side": reach.way,
        }
    )
    return table.sort_values(["station", "door"], ignore_index=True)


def times(minutes: Sequence[float]) -> list[float]:
    """Return walking times in seconds, refusing those that do not grow.

    Parameters
    ----------
    minutes
        Walking times.

    Returns
    -------
    list of float
        Seconds.

    Raises
    ------
    UsageError
        There is none, or they do not grow from above 0.
    """
    limits = [60.0 * float(each) for each in minutes]
    if not limits or not all(a < b < np.inf for a, b in zip([0.0, *limits], limits, strict=False)):
        given = list(minutes)
        raise UsageError(f"minutes are {given}; give growing times above 0, such as (5, 10, 15)", minutes=given)
    return limits


def _in_a_row(found: Sequence[walks.Reach]) -> walks.Reach:
    """Return what runs of stations reached as one."""
    counts = np.concatenate([np.diff(each.begin) for each in found])
    begin = np.r_[0, np.cumsum(counts)].astype(np.int64)
    item, cost, origin, way = (np.concatenate([each[n] for each in found]) for n in range(1, 5))
    return walks.Reach(begin, item, cost, origin, way)


def _without_ground(entries: Entries, versions: Mapping[str, NDArray[np.object_]]) -> pd.DataFrame:
    """Report stations that reach ground and are nearest to none of it, with those that have it."""
    raw, near = (versions[name][:, -1] for name in (RAW, NEAREST))
    told_of = entries.findings.loc[entries.findings["code"] == "catchment.no_nearest", "feature"]
    known = np.isin(entries.stations.astype(str), told_of.to_numpy(dtype=str))
    bare = np.flatnonzero(~shapely.is_empty(raw) & shapely.is_empty(near) & ~known)
    rows = []
    for station in bare.tolist():
        place = entries.points[entries.station == station][0]
        common = np.flatnonzero(shapely.area(shapely.intersection(near, raw[station])) > 0)
        told: dict[str, Any] = {"severity": "warning", "at": place, "stations": entries.stations[common].tolist()}
        rows.append(faults.finding("catchment.no_nearest", "stations", str(entries.stations[station]), **told))
    return faults.table(rows)


def _things(
    network: Network,
    entries: Entries,
    frame: gpd.GeoDataFrame,
    key: str,
    minutes: Sequence[float],
    shapes: NDArray[np.object_],
    workers: int | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what is reached of one layer, and what is beyond the network."""
    gis_crs.require_same({key: frame, "network": gpd.GeoSeries([], crs=network.crs)})
    layer = layer_of(key.removesuffix("_id"))
    require_keys(layer, frame, key, text=False)
    ground = shapely.force_2d(frame.geometry.to_numpy())
    points = doors_of(ground)
    limits = times(minutes)
    access = attach(network, points)
    table = reached(network, entries, access, limits[-1], workers)
    band = np.searchsorted(limits, table["seconds"].to_numpy())
    table["minutes"] = np.asarray(minutes, dtype=float)[band]
    if len(ground) and (shapely.get_dimensions(ground) == 2).any():
        table = table.merge(_shares(shapes, ground, minutes), on=["station", "door"], how="outer")
        columns = [f"share_{each:g}" for each in minutes]
        table[columns] = table[columns].fillna(0.0)
    keys = frame[key].to_numpy(dtype=object)
    entrance = table["entrance"].fillna(-1).to_numpy(dtype=int)
    names = np.r_[entries.entrances, [None]].astype(object)
    result = pd.DataFrame({"station_id": entries.stations[table["station"]], key: keys[table["door"]]})
    result["seconds"], result["entrance_id"] = table["seconds"].to_numpy(), names[entrance]
    rest = table.drop(columns=["station", "door", "seconds", "entrance", "side"])
    beyond = _beyond(frame, key, points, np.flatnonzero(access.edge < 0), network.walking.access_m)
    return pd.concat([result, rest], axis=1), beyond


def doors_of(ground: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return where things are entered: points as they are, others at a point within them.

    Parameters
    ----------
    ground
        Points, lines or polygons; those without a place have no door.

    Returns
    -------
    numpy.ndarray
        Points, None where there is none.
    """
    there = parts.placed(ground)
    points = np.full(len(ground), None, dtype=object)
    points[there] = shapely.point_on_surface(ground[there])
    return points


def _shares(shapes: NDArray[np.object_], ground: NDArray[np.object_], minutes: Sequence[float]) -> pd.DataFrame:
    """Return which share of each thing's ground lies in each shed."""
    flat = ground.copy()
    flat[shapely.get_dimensions(ground) != 2] = shapely.Polygon()
    shed, thing, common = areas.pair_areas(shapes.reshape(-1), flat)
    station, band = np.divmod(shed, len(minutes))
    table = pd.DataFrame({"station": station, "door": thing, "band": band, "share": common / shapely.area(flat)[thing]})
    wide = table.pivot_table(index=["station", "door"], columns="band", values="share", aggfunc="sum", fill_value=0.0)
    wide = wide.reindex(columns=range(len(minutes)), fill_value=0.0).clip(upper=1.0)
    return wide.set_axis([f"share_{each:g}" for each in minutes], axis=1).reset_index()


def _beyond(
    frame: gpd.GeoDataFrame, key: str, points: NDArray[np.object_], missing: NDArray[np.intp], within: float
) -> pd.DataFrame:
    """Report how many things have no way within reach, with the first one's place."""
    if len(missing) == 0:
        return faults.table()
    first = next((n for n in missing if points[n] is not None), missing[0])
    layer, name = layer_of(key.removesuffix("_id")), str(frame[key].iloc[first])
    told: dict[str, Any] = {"count": len(missing), "within_m": within}
    row = faults.finding("catchment.beyond_network", layer, name, severity="warning", at=points[first], **told)
    return faults.table([row])
