"""Station catchments (站点影响区): rings of named radii, drawn round each station and shared out between stations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs
from gis import findings as faults
from gis.analysis.acceptance import require_columns, require_keys
from gis.analysis.catchments.entries import one_place, shared_places
from gis.analysis.versions import NEAREST, RAW, STRAIGHT
from gis.errors import EmptyError, FrameError, UsageError
from gis.geometry import parts as gis_parts
from gis.geometry import snapped
from gis.geometry.parts import Shapes

_COLUMNS = ("catchment_id", "station_id", "ring", "radius_m", "inner_m", "method", "version", "area_m2")
# a smaller share of ground beyond the district is drawing
_BEYOND = 0.001


@dataclass(frozen=True)
class _Sites:
    """Where stations are entered: their entrances, or the station itself where none is known.

    `station` is the position of each site's station in the sorted `keys`; `xy` are window coordinates in m.
    """

    keys: NDArray[np.object_]
    xy: NDArray[np.float64]
    station: NDArray[np.intp]
    origin: NDArray[np.float64]

    def discs(self, radius_m: float, quad_segs: int) -> Shapes:
        """Return the ground within a radius of any of a station's sites, one shape a station."""
        points = np.asarray(shapely.points(self.xy), dtype=object)
        places = shapely.multipoints(points, indices=self.station)
        return np.asarray(shapely.buffer(places, radius_m, quad_segs=quad_segs), dtype=object)

    def cells(self, reach_m: float) -> Shapes:
        """Return the ground nearer to each station's sites than to any other's, at least as far as `reach_m`."""
        # a place that two stations share is nearest to both; the first by key has it
        spots, first = np.unique(one_place(self.xy), axis=0, return_index=True)
        owner = self.station[first]
        window = shapely.box(*(spots.min(axis=0) - 2 * reach_m), *(spots.max(axis=0) + 2 * reach_m))
        if len(np.unique(owner)) == 1:
            pieces = np.full(1, window, dtype=object)
            owner = owner[:1]
        else:
            pieces = shapely.get_parts(
                shapely.voronoi_polygons(shapely.multipoints(spots), extend_to=window, ordered=True)
            )
        result = np.full(len(self.keys), shapely.Polygon(), dtype=object)
        for station in np.unique(owner):
            result[station] = shapely.union_all(pieces[owner == station])
        return result


def rings(
    stations: gpd.GeoDataFrame,
    entrances: gpd.GeoDataFrame | None,
    radii: Sequence[tuple[str, float]],
    *,
    quad_segs: int = 64,
) -> gpd.GeoDataFrame:
    """Draw the rings of stations twice: each for itself, and shared out to the nearest station.

    Parameters
    ----------
    stations
        Points with station_id; rows without geometry have no ring (`check` names them).
    entrances
        Points with station_id; a ring is measured from the station's entrances, or from the station itself where it
        has none. None means that no entrance is known.
    radii
        Name and radius in m of each ring, from the inside out. A ring is a whole disc; `bands` cuts the inner one out.
    quad_segs
        Straight pieces in a quarter of a circle; with 64 a disc is 0.01 % smaller than the circle.

    Returns
    -------
    geopandas.GeoDataFrame
        catchment_id, station_id, ring, radius_m, inner_m (0), method "EUC", version, area_m2 (planar) and geometry in
        the stations' CRS; sorted by station, version and radius. Version "raw" overlaps between stations, and its sums
        count ground twice; version "nearest" gives each place to the station with the nearest entrance, and its sums
        over stations equal the union. A station that shares all its places with others has no "nearest" row.

    Raises
    ------
    EmptyError
        No station has a place.
    UsageError
        No radius, a repeated or empty name, radii that do not grow from ring to ring, or quad_segs below 1.
    FrameError
        A column is missing, a station_id is missing or repeated, or a geometry is not a point.
    CrsError
        A frame without a projected CRS in metres, or entrances in another CRS than the stations.

    Notes
    -----
    Radii are data: MOHURD's guideline of 2015 has 300-500 m for the core and 500-800 m for the influence area
    (domain.md §3.2). Straight lines leap rivers and railways; walk-sheds belong to the network analysis.

    Examples
    --------
    >>> stops = gpd.GeoDataFrame({"station_id": ["A", "B"]}, geometry=gpd.points_from_xy([0, 800], [0, 0]), crs=4548)
    >>> shed = rings(stops, None, [("核心区", 500)])
    >>> shed.groupby("version")["area_m2"].sum().round(-3).to_dict()
    {'nearest': 1489000.0, 'raw': 1571000.0}
    """
    _check_radii(radii, quad_segs)
    ground = _accepted(stations, entrances)
    sites = _sites(stations, entrances)
    cells = sites.cells(max(radius for _, radius in radii))
    tables = []
    for name, radius in radii:
        discs = sites.discs(radius, quad_segs)
        # the union is shared out, not each disc cut: so the parts add up to the union to the last digit
        shared = snapped.intersection(snapped.union(discs), cells)
        for version, shapes in ((RAW, discs), (NEAREST, shared)):
            tables.append(_table(sites, shapes, name, float(radius), version))
    table = pd.concat(tables, ignore_index=True)
    table["rank"] = table["version"].map({RAW: 0, NEAREST: 1})
    table = table[~table["empty"]].sort_values(["station_id", "rank", "radius_m"], ignore_index=True)
    return gpd.GeoDataFrame(table[[*_COLUMNS, "geometry"]], geometry="geometry", crs=ground)


def bands(rings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut out of each ring the next smaller one of the same station and version (0-300, 300-500, 500-800 m).

    Parameters
    ----------
    rings
        Whole discs, as `rings` gives them.

    Returns
    -------
    geopandas.GeoDataFrame
        Same columns and order; inner_m is the radius of what was cut out, and catchment_id names both radii. Bands of
        one station and version do not overlap and add up to its largest ring.

    Raises
    ------
    CrsError
        No CRS, or not a projected one in metres.
    FrameError
        A column is missing, or a row is a band already (inner_m above 0).
    """
    crs.require(rings, name="rings")
    require_columns("rings", rings, _COLUMNS)
    if (rings["inner_m"] > 0).any():
        raise FrameError("rings holds bands already (inner_m above 0); hand in the whole discs", layer="rings")
    table = rings.sort_values(["station_id", "version", "radius_m"], kind="stable")
    groups = table.groupby(["station_id", "version"], sort=False)
    inner = groups["radius_m"].shift(fill_value=0.0)
    shapes = table.geometry.to_numpy()
    hollow = (inner > 0).to_numpy()
    before = np.roll(shapes, 1)
    cut = shapes.copy()
    cut[hollow] = snapped.difference(shapes[hollow], before[hollow])
    radii = inner.map("{:g}".format) + "-" + table["radius_m"].map("{:g}".format)
    keys = table["station_id"] + "-" + radii + "-" + table["version"]
    changed = table.assign(catchment_id=keys, inner_m=inner, area_m2=shapely.area(cut))
    return changed.set_geometry(gpd.GeoSeries(cut, index=table.index, crs=rings.crs)).reindex(rings.index)


def check(stations: gpd.GeoDataFrame, entrances: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Report what makes rings less than they seem.

    Parameters
    ----------
    stations, entrances
        As for `rings`.

    Returns
    -------
    pandas.DataFrame
        Findings: catchment.no_place (station without geometry, no ring), catchment.no_entrances (measured from the
        station's point), catchment.unknown_station (entrance of no station, not used), and those of stations that are
        entered at one place or nearly so (`entries.shared_places`).

    Raises
    ------
    EmptyError, FrameError, CrsError
        As for `rings`.
    """
    _accepted(stations, entrances)
    known = set(stations["station_id"])
    placed = _placed(stations)
    rows = [
        faults.finding("catchment.no_place", "stations", str(key)) for key in sorted(known - set(placed["station_id"]))
    ]
    used = entrances if entrances is None else _placed(entrances)
    entered = set() if used is None else set(used["station_id"])
    for key, place in zip(placed["station_id"], placed.geometry, strict=True):
        if key not in entered:
            rows.append(faults.finding("catchment.no_entrances", "stations", str(key), severity="info", at=place))
    if used is not None:
        stray = used[~used["station_id"].isin(known)]
        names = stray.get("entrance_id", stray.index)
        for name, key, place in zip(names, stray["station_id"], stray.geometry, strict=True):
            rows.append(
                faults.finding(
                    "catchment.unknown_station", "entrances", str(name), severity="warning", at=place, station=str(key)
                )
            )
    sites = _sites(stations, entrances)
    rows += shared_places(sites.xy + sites.origin, sites.keys[sites.station])
    return faults.table(rows)


def beyond(catchments: gpd.GeoDataFrame, districts: gpd.GeoDataFrame) -> pd.DataFrame:
    """Report the stations whose ground lies outside the district in part, where little may be on record.

    Parameters
    ----------
    catchments
        Rings or walk-sheds, or both; version "raw" is looked at.
    districts
        Polygons; without any, nothing is said.

    Returns
    -------
    pandas.DataFrame
        Findings catchment.beyond_district: a warning where most of the ground lies outside.

    Raises
    ------
    CrsError
        A frame without a projected CRS in metres, or districts in another one than the catchments'.
    """
    crs.require_same({"catchments": catchments, "districts": districts})
    drawn = catchments[catchments["version"] == RAW]
    if districts.empty or drawn.empty:
        return faults.table()
    whole = drawn.groupby("station_id").geometry.agg(lambda shapes: snapped.union(shapes.to_numpy()))
    shapes = whole.to_numpy()
    outside = snapped.difference(shapes, np.full(len(shapes), snapped.union(districts.geometry.to_numpy())))
    rows = []
    for key, shape, part in zip(whole.index, shapes, outside, strict=True):
        share = shapely.area(part) / shapely.area(shape)
        if share > _BEYOND:
            told = {"severity": "warning" if share > 1 / 2 else "info", "at": part, "share_pct": 100 * share}
            rows.append(faults.finding("catchment.beyond_district", "stations", str(key), **told))
    return faults.table(rows)


def _sites(stations: gpd.GeoDataFrame, entrances: gpd.GeoDataFrame | None) -> _Sites:
    """Gather the places from which distance is measured, sorted by station and place."""
    placed = _placed(stations)
    if placed.empty:
        raise EmptyError("no station has a place; load the layer stations with its points first")
    keys = np.sort(placed["station_id"].to_numpy(dtype=object))
    parts = [placed[["station_id", "geometry"]]]
    if entrances is not None:
        used = _placed(entrances)
        used = used[used["station_id"].isin(keys)]
        parts = [placed.loc[~placed["station_id"].isin(used["station_id"]), ["station_id", "geometry"]]]
        parts.append(used[["station_id", "geometry"]])
    names = np.concatenate([part["station_id"].to_numpy(dtype=object) for part in parts])
    shapes = np.concatenate([part["geometry"].to_numpy() for part in parts])
    xy, row = shapely.get_coordinates(shapes, return_index=True)
    station = np.searchsorted(keys, names[row])
    order = np.lexsort((xy[:, 1], xy[:, 0], station))
    # window coordinates keep the digits of what is cut (see snapped.origin)
    origin = snapped.origin(shapes)
    return _Sites(keys, xy[order] - origin, station[order], origin)


def _table(sites: _Sites, shapes: Shapes, name: str, radius: float, version: str) -> pd.DataFrame:
    """Return one ring of every station as rows."""
    keys = pd.Series(sites.keys, dtype="str")
    return pd.DataFrame(
        {
            "catchment_id": keys + f"-{radius:g}-{version}",
            "station_id": keys,
            "ring": pd.Series([name] * len(keys), dtype="str"),
            "radius_m": radius,
            "inner_m": 0.0,
            "method": pd.Series([STRAIGHT] * len(keys), dtype="str"),
            "version": pd.Series([version] * len(keys), dtype="str"),
            "area_m2": shapely.area(shapes),
            "geometry": snapped.moved(shapes, sites.origin),
            "empty": shapely.is_empty(shapes),
        }
    )


def _placed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows that have a place, with the geometry column named "geometry"."""
    there = frame[gis_parts.placed(frame.geometry.to_numpy())]
    return there if there.geometry.name == "geometry" else there.rename_geometry("geometry")


def _accepted(stations: gpd.GeoDataFrame, entrances: gpd.GeoDataFrame | None) -> object:
    """Refuse stations and entrances that cannot be measured from; return their CRS."""
    if stations.empty:
        raise EmptyError("there is no station; load the layer stations first")
    frames = {"stations": stations} | ({} if entrances is None else {"entrances": entrances})
    ground = crs.require_same(frames)
    for name, frame in frames.items():
        require_columns(name, frame, ("station_id",))
        wrong = ~frame.geometry.isna() & ~frame.geometry.geom_type.isin(["Point", "MultiPoint"])
        if wrong.any():
            came = frame.geometry[wrong].geom_type.iloc[0]
            raise FrameError(f"{name} holds {came}; rings are measured from points", layer=name, came=came)
    require_keys("stations", stations, "station_id", text=False)
    return ground


def _check_radii(radii: Sequence[tuple[str, float]], quad_segs: int) -> None:
    """Refuse radii that do not name growing rings."""
    if not radii:
        raise UsageError("no radius was given; give (name, metres) such as ('核心区', 500)", radii=radii)
    names = [name for name, _ in radii]
    if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"ring names are {names}; each ring needs a name of its own", radii=radii)
    metres = [float(radius) for _, radius in radii]
    growing = all(inner < outer for inner, outer in zip([0.0, *metres], metres, strict=False))
    if not growing or not all(map(math.isfinite, metres)):
        raise UsageError(f"radii are {metres}; they must be above 0 and grow from ring to ring", radii=radii)
    if quad_segs < 1:
        raise UsageError(f"quad_segs is {quad_segs}; at least 1 is needed", quad_segs=quad_segs)
