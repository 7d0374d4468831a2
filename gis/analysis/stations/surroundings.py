"""Station-city integration (站城融合): what lies in each ring of each station, and what renewal there has to work with.

Land, floor area and projects' ground are apportioned by area; people, jobs, buildings and facilities are indivisible
and go where their point lies. What is not known is not computed: it is missing and named in the findings, never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs
from gis import findings as faults
from gis import lineage as origins
from gis.analysis import mix
from gis.analysis.acceptance import require_columns
from gis.analysis.apportionment import Shares, by_area
from gis.analysis.stations.counting import HEAD, Counting, covered, told, unless_empty, wide
from gis.analysis.stations.people import counts, inside, lacking, with_jobs_ratios
from gis.analysis.stations.renewal import ground_of_projects, met, renewable
from gis.errors import EmptyError, FrameError
from gis.geometry.parts import Shapes
from gis.lineage import Lineage

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "stations": ("station_id", "name"),
    "catchments": (*HEAD, "inner_m", "radius_m", "method"),
    "parcels": ("parcel_id", "land_use"),
    "buildings": ("building_id", "use", "floor_area_above_m2", "residents", "jobs"),
    "projects": ("project_id", "project_type", "state"),
    "facilities": ("facility_id", "kind"),
    "public_spaces": (),
}


@dataclass(frozen=True)
class StationRings:
    """Hold the result for all stations, rings and versions.

    Sums over stations are allowed in version "nearest" only; rings that are whole discs are never added to each other.

    Parameters
    ----------
    results
        One row per station, ring and version, columns of the layer `station_results`; behind them <column>_least and
        <column>_lacking, as `bounds.beside` has them, of sums in which a building may lack its figure.
    land_use
        catchment_id, station_id, ring, version, class, area_m2, share (of the ring's area): a row for each class.
    facilities
        catchment_id, station_id, ring, version, kind, count: a row for each kind.
    renewable
        catchment_id, station_id, ring, version, project_type, floor_area_m2: a row for each type. Types may share
        ground, so that they need not add up to `renewable_floor_m2` of the results, which counts ground once.
    projects
        catchment_id, station_id, ring, version, project_id, area_m2 (within the ring), share (of the project): a row
        for each project that meets the ring.
    findings
        What could not be computed, and codes that are not in the lists.
    lineage
        Inputs' fingerprints, parameters and versions.
    """

    results: pd.DataFrame
    land_use: pd.DataFrame
    facilities: pd.DataFrame
    renewable: pd.DataFrame
    projects: pd.DataFrame
    findings: pd.DataFrame
    lineage: Lineage


def rings(
    stations: gpd.GeoDataFrame,
    catchments: gpd.GeoDataFrame,
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    counting: Counting,
    walked: Mapping[str, pd.DataFrame] | None = None,
) -> StationRings:
    """Measure land, floor area, people, facilities and renewal in each ring of each station.

    Parameters
    ----------
    stations
        轨道站点: station_id, name.
    catchments
        Rings of `catchments.rings` or bands of `catchments.bands`, or both, in both versions.
    layers
        parcels 地块 (parcel_id, land_use), buildings 建筑 (building_id, use, floor_area_above_m2, residents, jobs),
        projects 更新项目 (project_id, project_type, state), facilities 公共服务设施 (facility_id, kind); public_spaces
        公共空间, without which that figure is left out.
    counting
        Codes to count by.
    walked
        Of buildings and facilities, which belong to which walk-shed (`catchments.members`): catchment_id, key, share.
        Catchments of method "NET" count people and facilities by their doors then; all others by their points.

    Returns
    -------
    StationRings
        Areas in m² (planar, CRS of the stations), shares and mixes 0 to 1; one row of results per row of `catchments`.

    Raises
    ------
    EmptyError
        There is no station or no catchment.
    FrameError
        A column is missing, or a geometry is invalid; the message names the layer.
    CrsError
        A frame without a projected CRS in metres, or with another one than the stations'.

    Notes
    -----
    Floor area of a building is split by the share of its footprint (估算 where a ring cuts it). Gross FAR is floor area
    above ground ÷ area of the ring; net FAR is the floor area of buildings whose point lies on building land ÷ building
    land. Mix is H = -Σ pᵢ ln pᵢ ÷ ln k over the k classes of the list, by land and by floor area of uses; p = 0 adds 0,
    and k < 2 leaves it undefined (domain.md §8.2). Renewable floor area stands on the ground of projects that are
    neither done nor removed. A layer without rows says nothing: what needs it is missing.
    """
    used = {name: layers[name] for name in _REQUIRED if name in layers}
    layers = _accepted({"stations": stations, "catchments": catchments, **used})
    shed, counted = layers["catchments"], layers["projects"]
    counted = counted[~counted["state"].isin(counting.removed)]
    shapes = shed.geometry.to_numpy()
    houses = layers["buildings"]
    footprints = by_area(shapes, houses)
    housed = inside(shed, houses, "building_id", (walked or {}).get("buildings"))
    served = inside(shed, layers["facilities"], "facility_id", (walked or {}).get("facilities"))
    land = _land(shapes, layers["parcels"], counting)
    common = met(shed, counted, counting.tolerance)
    results = pd.concat(
        [
            _head(shed, layers["stations"]),
            land[["parcel_land_m2", "net_land_m2"]],
            _floor(shed, houses, footprints, _on_building_land(houses, layers["parcels"], counting), land, counting),
            counts(houses, layers["facilities"], housed, served, counting).astype("Float64").round().astype("Int64"),
            _open_ground(shapes, layers.get("public_spaces")),
            renewable(shapes, houses, counted, counting),
            ground_of_projects(shed, counted, common),
            land.drop(columns=["parcel_land_m2", "net_land_m2"]),
        ],
        axis=1,
    )
    results = with_jobs_ratios(results, counting)
    beside = [column for column in results.columns if column.endswith(("_least", "_lacking"))]
    results = results[[*_columns(counting), *beside]]
    told = {name: frame[[*_REQUIRED[name], frame.geometry.name]] for name, frame in layers.items()}
    told |= {f"walked_{name}": rows for name, rows in (walked or {}).items()}
    return StationRings(
        results=results,
        land_use=_land_use(results, counting),
        facilities=_long(results, counting.facility_kinds, "facility_{}_count", "kind", "count"),
        renewable=_long(results, counting.project_types, "renewable_{}_m2", "project_type", "floor_area_m2"),
        projects=pd.DataFrame(common.drop(columns="geometry")),
        findings=faults.join(_unknown(layers, counting), _missing(layers, footprints, housed, counting)),
        lineage=origins.of("analysis.stations.rings", told, tolerance_m=counting.tolerance),
    )


def _accepted(given: Mapping[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """Refuse frames that cannot be measured; return the rows that have a place."""
    for name in ("stations", "catchments"):
        if given[name].empty:
            raise EmptyError(f"there is no row in {name}; rings need stations and their catchments", layer=name)
    crs.require_same(dict(given))
    layers: dict[str, gpd.GeoDataFrame] = {}
    for name, frame in given.items():
        require_columns(name, frame, _REQUIRED[name])
        shapes = frame.geometry.to_numpy()
        there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        wrong = np.flatnonzero(there & ~shapely.is_valid(shapes))
        if len(wrong):
            reason = shapely.is_valid_reason(shapes[wrong[0]])
            raise FrameError(
                f"{name} holds {len(wrong)} invalid geometries (row {wrong[0]}: {reason}); repair them at intake first",
                layer=name,
            )
        layers[name] = frame if name == "catchments" else frame[there]
        layers[name] = layers[name].reset_index(drop=True)
    if layers["catchments"]["catchment_id"].duplicated().any():
        raise FrameError("catchments: catchment_id is repeated; each ring needs a key of its own", layer="catchments")
    return layers


def _columns(counting: Counting) -> Iterable[str]:
    """Yield the columns of the results in their order."""
    yield from ("station_result_id", "station_id", "name", "ring", "inner_m", "radius_m", "method", "version")
    yield from ("area_m2", "parcel_land_m2", "net_land_m2", "floor_area_m2", "far_gross", "far_net")
    yield from ("mix_land", "mix_floor")
    yield from ("building_count", "residents", "jobs", "jobs_per_resident", "jobs_housing_ratio", "facility_count")
    yield from ("public_space_m2", "public_space_share")
    yield from ("renewable_floor_m2", "project_count", "project_area_m2", "project_share", "project_ids")
    yield from (f"land_{name}_m2" for name in counting.land_classes)
    yield from (f"renewable_{name}_m2" for name in counting.project_types)
    yield from (f"facility_{name}_count" for name in counting.facility_kinds)


def _head(shed: gpd.GeoDataFrame, stations: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return what names a row."""
    names = stations.drop_duplicates("station_id").set_index("station_id")["name"]
    return pd.DataFrame(
        {
            "station_result_id": shed["catchment_id"],
            "station_id": shed["station_id"],
            "name": shed["station_id"].map(names).astype("str"),
            "ring": shed["ring"],
            "inner_m": shed["inner_m"].astype(float),
            "radius_m": shed["radius_m"].astype(float),
            "method": shed["method"],
            "version": shed["version"],
            "area_m2": shed.geometry.area,
        }
    )


def _land(shapes: Shapes, parcels: gpd.GeoDataFrame, counting: Counting) -> pd.DataFrame:
    """Measure land in parcels, building land, land by class, and its mix."""
    inside = by_area(shapes, parcels)
    size = parcels.geometry.area.to_numpy()
    # a use that no class has is counted in none; a blank one may be of any class
    classes = parcels["land_use"].map(dict(counting.class_of))
    classes = classes.astype(object).mask(classes.isna() & parcels["land_use"].notna(), "")
    by_class = unless_empty(inside.by_code(size, classes, counting.land_classes), parcels)
    building_land = [name not in counting.open_classes for name in counting.land_classes]
    table = wide(by_class, "land_{}_m2", counting.land_classes)
    table["parcel_land_m2"] = unless_empty(inside.total(size), parcels)
    table["net_land_m2"] = by_class[:, building_land].sum(axis=1)
    table["mix_land"] = mix.entropy(by_class, len(counting.land_classes))
    return table


def _on_building_land(houses: gpd.GeoDataFrame, parcels: gpd.GeoDataFrame, counting: Counting) -> NDArray[np.bool_]:
    """Tell which buildings stand on building land."""
    classes = parcels["land_use"].map(dict(counting.class_of))
    land = parcels.geometry.to_numpy()[(classes.notna() & ~classes.isin(counting.open_classes)).to_numpy()]
    points = shapely.point_on_surface(houses.geometry.to_numpy())
    result = np.zeros(len(houses), dtype=bool)
    result[shapely.STRtree(points).query(land, predicate="covers")[1]] = True
    return result


def _floor(
    shed: gpd.GeoDataFrame,
    houses: gpd.GeoDataFrame,
    inside: Shares,
    on_building_land: NDArray[np.bool_],
    land: pd.DataFrame,
    counting: Counting,
) -> pd.DataFrame:
    """Measure floor area above ground, gross and net FAR, and the mix of uses."""
    floor = houses["floor_area_above_m2"].to_numpy(dtype=float, na_value=np.nan)
    total = told(inside.bounded(floor, "floor_area_m2"), houses)
    built = unless_empty(inside.total(np.where(on_building_land, floor, 0.0)), houses)
    net = land["net_land_m2"].to_numpy()
    uses = unless_empty(inside.by_code(floor, houses["use"], counting.building_uses), houses)
    return total.assign(
        far_gross=total["floor_area_m2"].to_numpy() / shed.geometry.area.to_numpy(),
        far_net=np.divide(built, net, out=np.full(len(shed), np.nan), where=net > 0),
        mix_floor=mix.entropy(uses, len(counting.building_uses)),
    )


def _open_ground(shapes: Shapes, spaces: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Measure public space, ground that several cover once."""
    area = covered(shapes, spaces)
    return pd.DataFrame({"public_space_m2": area, "public_space_share": area / shapely.area(shapes)})


def _long(results: pd.DataFrame, codes: Sequence[str], template: str, code: str, value: str) -> pd.DataFrame:
    """Turn the columns of one code list into rows."""
    columns = [template.format(name) for name in codes]
    head = results.rename(columns={"station_result_id": "catchment_id"})[list(HEAD)]
    table = head.loc[head.index.repeat(len(codes))].reset_index(drop=True)
    table[code] = pd.Series(list(codes) * len(results), dtype="str")
    values = results[columns].to_numpy(dtype=float, na_value=np.nan).ravel()
    table[value] = pd.Series(values).astype("Int64") if value == "count" else values
    return table


def _land_use(results: pd.DataFrame, counting: Counting) -> pd.DataFrame:
    """Return land by class as rows, with the share of the ring's area."""
    table = _long(results, counting.land_classes, "land_{}_m2", "class", "area_m2")
    return table.assign(share=table["area_m2"] / np.repeat(results["area_m2"].to_numpy(), len(counting.land_classes)))


def _unknown(layers: Mapping[str, gpd.GeoDataFrame], counting: Counting) -> pd.DataFrame:
    """Report layers without rows, and codes that are not in the lists and so counted nowhere."""
    rows = [
        faults.finding("station.layer_empty", name, severity="warning")
        for name in ("parcels", "buildings", "projects", "facilities")
        if layers[name].empty
    ]
    listed: dict[tuple[str, str], Iterable[str]] = {
        ("parcels", "land_use"): counting.class_of,
        ("buildings", "use"): counting.building_uses,
        ("projects", "project_type"): counting.project_types,
        ("facilities", "kind"): counting.facility_kinds,
    }
    for (name, column), codes in listed.items():
        values = layers[name][column]
        stray = values[~values.isin(list(codes))]
        if len(stray):
            came = sorted(set(stray.fillna("—").astype(str)))
            rows.append(
                faults.finding(
                    "station.code_unknown", name, severity="warning", field=column, count=len(stray), values=came
                )
            )
    return faults.table(rows)


def _missing(
    layers: Mapping[str, gpd.GeoDataFrame], footprints: Shares, housed: Shares, counting: Counting
) -> pd.DataFrame:
    """Report, station by station, the buildings whose missing figure leaves rings without a sum."""
    shed, houses = layers["catchments"], layers["buildings"]
    places = layers["stations"].drop_duplicates("station_id").set_index("station_id").geometry
    checks = {
        "station.floor_area_missing": (footprints, houses["floor_area_above_m2"].isna().to_numpy()),
        "station.residents_missing": (housed, lacking(houses, "residents", counting.dwelling_uses)),
        "station.jobs_missing": (housed, lacking(houses, "jobs", counting.dwelling_uses)),
    }
    rows = []
    for code, (within, without) in checks.items():
        hit = without[within.thing]
        table = shed[["station_id", "ring"]].iloc[within.ring[hit]].assign(thing=within.thing[hit])
        for station, group in table.groupby("station_id"):
            names = [name for name in dict.fromkeys(shed["ring"]) if name in set(group["ring"])]
            found = faults.finding(
                code,
                "stations",
                str(station),
                severity="warning",
                at=places.get(station),
                rings=names,
                count=int(group["thing"].nunique()),
            )
            rows.append(found)
    return faults.table(rows)
