"""Walking on a store: its network, what stations reach, planned stations switched on, and new crossings compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import crs as gis_crs
from gis.analysis import catchments as gis_catchments
from gis.analysis import network as gis_network
from gis.analysis import stations as gis_stations
from gis.analysis.walking import Walking
from gis.catalogue import Catalogue
from gis.errors import EmptyError
from gis.intake.admission import limits
from gis.intake.read import read
from gis.settings import Settings
from gis.store import Store

OPERATING = ("operating",)
# what a scenario adds
PLANNED = ("building", "planned", "studied")
# projects in these states leave nothing to renew
_CLOSED = (*gis_stations.Counting.done, *gis_stations.Counting.removed)
_HOMES = gis_stations.Counting.dwelling_uses
# how files call what tells that a way leads over or under others
_LEVELS = {
    "level": "level", "layer": "layer", "层级": "level", "bridge": "bridge", "桥梁": "bridge", "桥": "bridge",
    "tunnel": "tunnel", "隧道": "tunnel", "地道": "tunnel",
}  # fmt: skip
# what walks lead to: singular name, layer
WALKED = {
    "parcel": "parcels",
    "building": "buildings",
    "facility": "facilities",
    "project": "projects",
    "vacated_space": "vacated_spaces",
}
# figures of things that walks are counted by
_RENEWABLE = "renewable_floor_m2"
WEIGHTS: Mapping[str, tuple[str, ...]] = {"building": ("residents", "jobs", _RENEWABLE)}


def how_people_walk(catalogue: Catalogue, settings: Settings) -> Walking:
    """Return walking speed and what the kinds of ways mean, from Settings and the code list walkway_kinds.

    Parameters
    ----------
    catalogue
        With opening, closed, pace and delay_s of the kinds.
    settings
        Walking speed, and whether ways meet where they cross without a common vertex.

    Returns
    -------
    gis.analysis.walking.Walking
    """
    kinds = catalogue.code_list("walkway_kinds")
    return Walking(
        speed_mps=settings.walk_speed_mps,
        openings=tuple(kinds.values("opening")),
        closed=tuple(kinds.values("closed")),
        pace=kinds.values("pace"),
        delay_s=kinds.values("delay_s"),
        break_crossings=settings.break_crossings,
    )


def network(store: Store, *, settings: Settings) -> gis_network.Network | None:
    """Build the walking network of a store: of its walkways, or of its streets where it has none.

    Parameters
    ----------
    store
        With the layers walkways or streets, and barriers.
    settings
        Walking speed.

    Returns
    -------
    gis.analysis.network.Network or None
        None where the store has neither. Streets are trusted to cross barriers wherever they are drawn across one,
        and have no bridges that cannot be stepped onto. What a file said of level, bridge and tunnel counts.
    """
    how = how_people_walk(store.catalogue, settings)
    bars = store.read("barriers")
    ways = _with_levels(store.read("walkways"))
    if len(ways):
        return gis_network.build(ways, bars, walking=how)
    streets = _with_levels(store.read("streets"))
    if len(streets):
        return gis_network.build(streets, bars, key="street_id", walking=replace(how, openings=None, closed=()))
    return None


def _with_levels(ways: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Take level, bridge and tunnel of ways from the columns that the catalogue does not know."""
    said = [json.loads(text) if isinstance(text, str) and text else {} for text in ways.get("extra", [])]
    names = {key: _LEVELS[key.lower()] for each in said for key in each if key.lower() in _LEVELS}
    more = {
        name: [
            next((row[key] for key, to in names.items() if to == name and row.get(key) is not None), None)
            for row in said
        ]
        for name in sorted(set(names.values()) - set(ways.columns))
    }
    return ways.assign(**more)


def entrances(store: Store, stations: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Read the entrances of some stations.

    Parameters
    ----------
    store
        With the layer entrances.
    stations
        The stations: station_id.

    Returns
    -------
    geopandas.GeoDataFrame
        Those of other stations, planned ones among them, are left out.
    """
    rows = store.read("entrances")
    return rows[rows["station_id"].isin(stations["station_id"])]


def sheds(
    store: Store,
    paths: gis_network.Network,
    stations: gpd.GeoDataFrame,
    settings: Settings,
    *,
    things: Mapping[str, str] = WALKED,
) -> gis_catchments.Walksheds:
    """Find what some stations reach on foot.

    Parameters
    ----------
    store
        With entrances, parcels, buildings, facilities, projects and vacated_spaces.
    paths
        Where people walk.
    stations
        The stations.
    settings
        Walking times and depth.
    things
        What walks lead to: layers by their singular names.

    Returns
    -------
    gis.analysis.catchments.Walksheds
    """
    return gis_catchments.walksheds(
        paths,
        entrances(store, stations),
        settings.walk_minutes,
        stations=stations,
        things={name: store.read(layer) for name, layer in things.items()},
        depth_m=settings.walk_depth_m,
    )


def scenario(
    store: Store, *, settings: Settings, states: tuple[str, ...] = PLANNED
) -> tuple[gis_stations.Comparison, pd.DataFrame]:
    """Switch planned stations on, and compare what is reached on foot with today; nothing is stored.

    Parameters
    ----------
    store
        With stations in the states, walkways or streets, parcels, buildings and projects.
    settings
        Walking times and speed.
    states
        States of the stations that are switched on.

    Returns
    -------
    tuple
        The comparison, and findings of the walks with the planned stations.

    Raises
    ------
    EmptyError
        There is no network, no station in operation, or none in the states.
    """
    paths = _network_or_raise(store, settings)
    now = store.read("stations", where={"state": list(OPERATING)})
    more = store.read("stations", where={"state": list(states)})
    if now.empty or more.empty:
        raise EmptyError(f"{len(now)} stations are in operation and {len(more)} in the states {', '.join(states)}")
    before = sheds(store, paths, now, settings)
    after = sheds(store, paths, gpd.GeoDataFrame(pd.concat([now, more]), crs=now.crs), settings)
    things = _things(store)
    made = gis_stations.compare(before.reached, after.reached, things, minutes=settings.walk_minutes, weights=WEIGHTS)
    return made, after.findings


def read_candidates(file: str | Path, *, settings: Settings) -> gpd.GeoDataFrame:
    """Read candidates for new crossings from a file.

    Parameters
    ----------
    file
        Lines, or points with station_id; candidate_id and name where they have them.
    settings
        Working CRS, and how much a file may bring.

    Returns
    -------
    geopandas.GeoDataFrame
        In the working CRS; candidates without a key are numbered C1, C2, …, in the order of the file.

    Raises
    ------
    SourceError, CrsError
        The file cannot be read, or its CRS is not known.
    """
    with limits.held(settings.limits):
        source = gpd.GeoDataFrame(read(Path(file)).frame)
    rows = gis_crs.to(source, settings.crs).reset_index(drop=True)
    if "candidate_id" not in rows.columns:
        rows["candidate_id"] = [f"C{n}" for n in range(1, len(rows) + 1)]
    return rows.assign(candidate_id=rows["candidate_id"].astype("str"))


def crossings(store: Store, candidates: gpd.GeoDataFrame, *, settings: Settings) -> gis_catchments.Crossings:
    """Find what candidates for a new footbridge, gate or exit would gain.

    Parameters
    ----------
    store
        With the stations in operation, their entrances, ways, parcels, buildings and projects.
    candidates
        As for `analysis.catchments.crossings`, in the working CRS.
    settings
        Walking times and speed.

    Returns
    -------
    gis.analysis.catchments.Crossings
        Ranked by residents within the longest time.

    Raises
    ------
    EmptyError
        There is no network or no station in operation.
    """
    paths = _network_or_raise(store, settings)
    stations = store.read("stations", where={"state": list(OPERATING)})
    things = _things(store)
    made = gis_catchments.crossings(
        paths,
        candidates,
        entrances(store, stations),
        things,
        weights=WEIGHTS,
        minutes=settings.walk_minutes,
        stations=stations,
    )
    # what may be renewed is no field of a layer, so that its title is not found among those
    title = store.catalogue.words("workbook", settings.lang)[f"walking_{_RENEWABLE}"]
    return replace(made, findings=made.findings.assign(field=made.findings["field"].replace({_RENEWABLE: title})))


def _network_or_raise(store: Store, settings: Settings) -> gis_network.Network:
    """Build the network; without ways there is nothing to walk on."""
    paths = network(store, settings=settings)
    if paths is None:
        raise EmptyError("the store has neither walkways nor streets; load one of them first")
    return paths


def _things(store: Store) -> dict[str, gpd.GeoDataFrame]:
    """Read what walks lead to, buildings with the floor area that may be renewed."""
    parcels, houses, projects = (store.read(name) for name in ("parcels", "buildings", "projects"))
    open_ones = projects[~projects["state"].isin(_CLOSED)]
    points = shapely.point_on_surface(houses.geometry.to_numpy())
    inside = np.zeros(len(houses), dtype=bool)
    inside[shapely.STRtree(points).query(open_ones.geometry.to_numpy(), predicate="covers")[1]] = True
    # without projects on record nobody knows what may be renewed
    floor = houses["floor_area_above_m2"].where(inside, 0.0 if len(projects) else np.nan)
    # the population that the stations' figures count
    people = {name: gis_stations.figures(houses, name, _HOMES) for name in ("residents", "jobs")}
    houses = houses.assign(**{_RENEWABLE: floor}, **people)
    return {"parcel": parcels, "building": houses, "project": projects}
