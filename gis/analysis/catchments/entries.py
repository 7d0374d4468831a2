"""Entries: where the walks of each station begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csgraph

from gis import compiled
from gis import crs as gis_crs
from gis import findings as faults
from gis.analysis.acceptance import require_columns, require_keys
from gis.analysis.network import Access, Network, attach
from gis.errors import EmptyError, FrameError
from gis.geometry import parts, walks

# nodes that a station reaches, on the whole; tells whether compiling pays
_REACH = 5_000
# places whose coordinates agree so far are one: the walk between them takes no time that is told apart
_DECIMALS = 6
# entrances of two stations that are closer are hardly two, m
_NEAR_M = 1.0


@dataclass(frozen=True)
class Entries:
    """Hold the entrances of stations on a network.

    Parameters
    ----------
    stations
        Keys of the stations, sorted.
    entrances
        Key of each entrance, station by station; a station without entrances is entered at its own point and key.
    station
        Position of each entrance's station.
    points
        The entrances.
    access
        Where they meet the network.
    starts
        The same as times.
    findings
        catchment.no_place, catchment.no_entrances, catchment.unknown_station, those of `shared_places`,
        catchment.no_network (nothing within reach of a station), catchment.entrance_unlinked (of an entrance),
        catchment.entrance_behind (a barrier lies between an entrance and its station), catchment.entrance_apart (it
        meets a part that does not hang together with the longest).
    """

    stations: NDArray[np.object_]
    entrances: NDArray[np.object_]
    station: NDArray[np.intp]
    points: NDArray[np.object_]
    access: Access
    starts: walks.Stops
    findings: pd.DataFrame

    def run(self, kernel: Any) -> Callable[..., Any]:
        """Return a kernel compiled, or as plain Python where nothing is compiled yet and little is to be done."""
        ready = compiled.ready(_REACH * len(self.stations))
        return compiled.as_compiled(kernel) if ready else compiled.as_plain(kernel)


def enter(network: Network, entrances: gpd.GeoDataFrame | None, stations: gpd.GeoDataFrame | None = None) -> Entries:
    """Find where the walks of each station begin.

    Parameters
    ----------
    network
        Where people walk.
    entrances
        站点出入口: entrance_id, station_id; points. None: stations are entered at their own points.
    stations
        轨道站点: station_id; points. None: the stations are those that the entrances name.

    Returns
    -------
    Entries

    Raises
    ------
    EmptyError
        No station has a place.
    FrameError
        A column is missing, a key is repeated, or a geometry is not a point.
    CrsError
        A frame in another CRS than the network's.
    """
    _require(network, entrances, stations)
    table, found = _table(entrances, stations)
    if table.empty:
        raise EmptyError("no station has a place; load stations and entrances with their points first")
    keys, station = np.unique(table["station_id"].to_numpy(dtype=str), return_inverse=True)
    order = np.lexsort((table["entrance_id"].to_numpy(dtype=str), station))
    table, station = table.iloc[order], station[order]
    points = table["geometry"].to_numpy()
    access = attach(network, points)
    begin = np.searchsorted(station, np.arange(len(keys) + 1)).astype(np.int64)
    names = table["entrance_id"].to_numpy(dtype=object)
    entries = Entries(
        keys.astype(object), names, station, points, access, access.starts(network, begin), faults.table()
    )
    met = shared_places(shapely.get_coordinates(points), entries.stations[station])
    rows = [*found, *met, *_unlinked(entries, network), *_behind(entries, network, stations)]
    return Entries(**{**vars(entries), "findings": faults.table(rows)})


def shared_places(xy: NDArray[np.float64], stations: NDArray[np.object_]) -> list[dict[str, Any]]:
    """Report the places at which more than one station is entered, and what the de-duplicated versions make of them.

    Parameters
    ----------
    xy
        Places.
    stations
        Key of each one's station.

    Returns
    -------
    list
        Findings catchment.shared_place (of stations at one place the first by key is the nearest), catchment.no_nearest
        (a station that is not the first at any of its places has no ground of its own), catchment.near_place (places
        of several stations so close that a drawing's inaccuracy decides whose the ground is).
    """
    x, y = one_place(xy).T
    table = pd.DataFrame({"x": x, "y": y, "station": stations}).drop_duplicates(ignore_index=True)
    table["first"] = table.groupby(["x", "y"])["station"].transform("min")
    rows = []
    for place, group in table.groupby(["x", "y"]):
        names = sorted(group["station"])
        if len(names) > 1:
            told: dict[str, Any] = {"severity": "warning", "at": place, "stations": names}
            rows.append(faults.finding("catchment.shared_place", "stations", names[0], **told))
    for key, group in table[~table["station"].isin(table["first"])].groupby("station"):
        told = {"severity": "warning", "at": tuple(group[["x", "y"]].iloc[0]), "stations": sorted(set(group["first"]))}
        rows.append(faults.finding("catchment.no_nearest", "stations", str(key), **told))
    return rows + _near_places(table)


def one_place(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places so that those which are one have the same coordinates.

    Parameters
    ----------
    xy
        Places, m.

    Returns
    -------
    numpy.ndarray
        Rounded to a micrometre.
    """
    return np.round(xy, _DECIMALS)


def _near_places(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Report groups of places, each close to another one that a different station is entered at."""
    spots = np.asarray(shapely.points(table[["x", "y"]].to_numpy()), dtype=object)
    one, two = shapely.STRtree(spots).query(spots, predicate="dwithin", distance=_NEAR_M)
    names = table["station"].to_numpy()
    close = (names[one] != names[two]) & (shapely.distance(spots[one], spots[two]) > 0)
    one, two = one[close], two[close]
    links = coo_array((np.ones(len(one)), (one, two)), shape=(len(spots), len(spots)))
    group = csgraph.connected_components(links, directed=False)[1]
    rows = []
    for number in np.unique(group[one]):
        met = group == number
        told: dict[str, Any] = {"severity": "warning", "at": spots[met][0], "within_m": _NEAR_M}
        stations = sorted(set(names[met]))
        rows.append(faults.finding("catchment.near_place", "stations", stations[0], stations=stations, **told))
    return rows


def _require(network: Network, entrances: gpd.GeoDataFrame | None, stations: gpd.GeoDataFrame | None) -> None:
    """Refuse entrances and stations from which no walk can begin."""
    for name, frame, columns in (
        ("entrances", entrances, ("entrance_id", "station_id")),
        ("stations", stations, ("station_id",)),
    ):
        if frame is None:
            continue
        gis_crs.require_same({name: frame, "network": gpd.GeoSeries([], crs=network.crs)})
        require_columns(name, frame, columns)
        wrong = frame.geometry.dropna().geom_type
        wrong = wrong[wrong != "Point"]
        if len(wrong):
            raise FrameError(f"{name} holds {wrong.iloc[0]}; walks begin at points", layer=name, came=wrong.iloc[0])
        require_keys(name, frame, columns[0], text=False)
    if entrances is None and stations is None:
        raise EmptyError("neither entrances nor stations were given; walks need one of them to begin at")


def _table(
    entrances: gpd.GeoDataFrame | None, stations: gpd.GeoDataFrame | None
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Return station_id, entrance_id and point of each entrance, and what is left out."""
    rows: list[dict[str, Any]] = []
    tables = []
    if entrances is not None:
        used = _placed(entrances, ["entrance_id", "station_id"])
        known = used["station_id"].notna() if stations is None else used["station_id"].isin(stations["station_id"])
        rows += [
            faults.finding(
                "catchment.unknown_station", "entrances", str(name), severity="warning", at=at,
                station="" if pd.isna(key) else str(key),
            )
            for name, key, at in used[~known].itertuples(index=False)
        ]  # fmt: skip
        tables.append(used[known])
    if stations is not None:
        bare = _placed(stations, ["station_id"])
        entered = {key for part in tables for key in part["station_id"]}
        lost = set(stations["station_id"]) - set(bare["station_id"]) - entered
        rows += [faults.finding("catchment.no_place", "stations", str(key)) for key in sorted(lost)]
        bare = bare[~bare["station_id"].isin(entered)]
        if entrances is not None:
            rows += [
                faults.finding("catchment.no_entrances", "stations", str(key), severity="info", at=at)
                for key, at in bare.itertuples(index=False)
            ]
        tables.append(bare.assign(entrance_id=bare["station_id"]))
    return pd.concat(tables, ignore_index=True), rows


def _placed(frame: gpd.GeoDataFrame, columns: list[str]) -> pd.DataFrame:
    """Return columns and geometry of the rows that have a place."""
    there = frame[parts.placed(frame.geometry.to_numpy())]
    return pd.DataFrame(there[columns]).assign(geometry=shapely.force_2d(there.geometry.to_numpy()))


def _unlinked(entries: Entries, network: Network) -> list[dict[str, Any]]:
    """Report entrances and stations without a way within reach, and those on a part of its own."""
    none = entries.access.edge < 0
    alone = np.bincount(entries.station, ~none, minlength=len(entries.stations)) == 0
    part = network.part[network.ends[entries.access.edge, 0]]
    within = network.walking.access_m

    def entrance(code: str, n: Any, **parameters: Any) -> dict[str, Any]:
        at, name = entries.points[n], str(entries.entrances[n])
        return faults.finding(code, "entrances", name, severity="warning", at=at, **parameters)

    def station(n: Any) -> dict[str, Any]:
        at = entries.points[np.searchsorted(entries.station, n)]
        return faults.finding("catchment.no_network", "stations", str(entries.stations[n]), at=at, within_m=within)

    lost = np.flatnonzero(none & ~alone[entries.station])
    return [
        *(entrance("catchment.entrance_unlinked", n, within_m=within) for n in lost),
        *(station(n) for n in np.flatnonzero(alone)),
        *(entrance("catchment.entrance_apart", n) for n in np.flatnonzero(~none & (part > 0))),
    ]


def _behind(entries: Entries, network: Network, stations: gpd.GeoDataFrame | None) -> list[dict[str, Any]]:
    """Report entrances that a barrier parts from their station."""
    if stations is None:
        return []
    placed = _placed(stations, ["station_id"])
    place = pd.Series(placed["geometry"].to_numpy(), index=placed["station_id"].astype(str).to_numpy())
    named = entries.stations[entries.station]
    known = np.flatnonzero(np.isin(named.astype(str), place.index.to_numpy(dtype=str)))
    middle, gates = place.loc[named[known].tolist()].to_numpy(), entries.points[known]
    ends = np.stack([shapely.get_coordinates(middle), shapely.get_coordinates(gates)], axis=1)
    barred = network.barriers.bar(np.asarray(shapely.linestrings(ends), dtype=object))
    return [
        faults.finding(
            "catchment.entrance_behind", "entrances", str(entries.entrances[n]), severity="warning",
            at=entries.points[n], station=str(named[n]),
        )
        for n in known[barred]
    ]  # fmt: skip
