"""Sharing: ground that several stations reach, measured once and split evenly between them."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import crs
from gis.analysis import mix
from gis.analysis.acceptance import require_columns
from gis.analysis.catchments.grounds import catchment_id
from gis.analysis.rounding import whole
from gis.analysis.stations.counting import Counting
from gis.analysis.stations.people import by_door, counts, with_jobs_ratios
from gis.analysis.versions import SHARED
from gis.errors import FrameError
from gis.geometry import snapped

FACET = "facet"
# figures that add up over pieces of ground; all others are derived from them or cannot be split
_AMOUNTS = (
    "area_m2", "parcel_land_m2", "net_land_m2", "floor_area_m2", "public_space_m2", "renewable_floor_m2",
    "project_area_m2", "street_m", "vacated_m2", "stock_floor_m2", "affordable_floor_m2", "veto_m2", "condition_m2",
)  # fmt: skip
# counted by the piece they lie in; all other counts go by doors
_SPOTS = ("junction_count", "vacated_count")
_PEOPLE = ("residents", "jobs")
_HEAD = ("ring", "inner_m", "radius_m", "minutes", "method")


def facets(sheds: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut catchments that overlap into pieces of ground that the same stations reach.

    Parameters
    ----------
    sheds
        Raw catchments: catchment_id, station_id, ring; one row a station and ring.

    Returns
    -------
    geopandas.GeoDataFrame
        catchment_id (of the piece), station_id (that of the first station), station_ids (sorted tuple), stations (how
        many), ring and all other columns of the ring, version "facet", area_m2 and geometry. Pieces of a ring do not
        overlap and make up the union of its catchments.

    Raises
    ------
    FrameError
        A column is missing, or a station has two rows in one ring.
    CrsError
        No CRS, or not a projected one in metres.
    """
    crs.require(sheds, name="sheds")
    require_columns("sheds", sheds, ("catchment_id", "station_id", "ring"))
    if sheds.duplicated(["station_id", "ring"]).any():
        raise FrameError("sheds has a station twice in one ring; hand in one version only", layer="sheds")
    made = [_of_ring(rows.reset_index(drop=True)) for _, rows in sheds.groupby("ring", sort=False)]
    joined = pd.concat(made, ignore_index=True) if made else sheds.assign(station_ids=[], stations=[])
    return gpd.GeoDataFrame(joined, geometry="geometry", crs=sheds.crs)


def _of_ring(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut one ring of all stations."""
    shapes = rows.geometry.to_numpy()
    lines = snapped.union(shapely.boundary(shapes))
    pieces = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    piece, row = shapely.STRtree(shapes).query(shapely.point_on_surface(pieces), predicate="intersects")
    keys = rows["station_id"].to_numpy(dtype=str)
    of_piece: dict[int, list[str]] = {}
    for number, key in zip(piece.tolist(), keys[row].tolist(), strict=True):
        of_piece.setdefault(number, []).append(key)
    of_set: dict[tuple[str, ...], list[int]] = {}
    for number, reached in of_piece.items():
        of_set.setdefault(tuple(sorted(reached)), []).append(number)
    names = sorted(of_set)
    ground = np.array([snapped.union(pieces[of_set[each]]) for each in names], dtype=object)
    table = pd.DataFrame([rows.iloc[0].drop("geometry")] * len(ground)).reset_index(drop=True)
    table["station_ids"], table["stations"] = names, [len(each) for each in names]
    table["station_id"] = [each[0] for each in names]
    table["catchment_id"] = [f"{'+'.join(each)}-{rows['ring'].iloc[0]}-{FACET}" for each in names]
    table["version"], table["area_m2"] = FACET, shapely.area(ground)
    return gpd.GeoDataFrame(table, geometry=ground, crs=rows.crs)


def shared(
    results: pd.DataFrame,
    pieces: gpd.GeoDataFrame,
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    counting: Counting,
    walked: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Split what the pieces hold, and what their doors lead to, evenly between the stations that reach them.

    Parameters
    ----------
    results
        Results of `rings` (and `setting`) for the pieces: station_result_id is the piece's catchment_id.
    pieces
        As `facets` gives them.
    layers
        stations (station_id, name), buildings and facilities, as for `rings`.
    counting
        Codes to count by.
    walked
        Members of the sheds in version "shared", as for `rings`.

    Returns
    -------
    pandas.DataFrame
        One row a station and ring, version "shared". Areas and lengths add up over stations to the union's; counts are
        rounded by largest remainder, so that they do too. Densities, floor-area ratios and the mix of land follow from
        the sums; what cannot be split (numbers of projects, the mix of floor area) is missing.
    """
    listed = [column for column in results.columns if _listed(column, counting)]
    amounts = [column for column in (*_AMOUNTS, *listed) if column in results.columns]
    table = results.set_index("station_result_id").loc[pieces["catchment_id"]].reset_index(drop=True)
    built = table["far_net"].to_numpy(dtype=float) * table["net_land_m2"].to_numpy(dtype=float)
    values = table[[*amounts, *_SPOTS]].astype(float).assign(built=np.where(table["net_land_m2"] > 0, built, 0.0))
    split = values.div(pieces["stations"].to_numpy(), axis=0)
    head = [column for column in _HEAD if column in pieces.columns]
    long = pd.concat([pieces[[*head, "station_ids"]].reset_index(drop=True), split], axis=1)
    long = long.explode("station_ids").rename(columns={"station_ids": "station_id"})
    # a piece without a figure leaves its stations without the sum
    total = long.groupby(["station_id", *head], sort=True).agg(lambda column: column.sum(skipna=False)).reset_index()
    total["station_result_id"] = [
        catchment_id(station, each, SHARED) for station, each in zip(total["station_id"], total["minutes"], strict=True)
    ]
    houses, facilities = (layers[name].reset_index(drop=True) for name in ("buildings", "facilities"))
    housed = by_door(total["station_result_id"], houses["building_id"], "building_id", walked["buildings"])
    served = by_door(total["station_result_id"], facilities["facility_id"], "facility_id", walked["facilities"])
    total = pd.concat([total, counts(houses, facilities, housed, served, counting)], axis=1)
    for column in [*_PEOPLE, *(each for each in total.columns if each.endswith("_count"))]:
        known = total[column].notna()
        rounded = whole(total.loc[known, column].clip(lower=0), by=total.loc[known, "ring"])
        total[column] = rounded.reindex(total.index).astype("Int64")
    names = layers["stations"].set_index("station_id")["name"]
    return _derived(total, names, counting).reindex(columns=results.columns)


def _listed(column: str, counting: Counting) -> bool:
    """Tell whether a column is an area by code."""
    land, renewable = counting.land_classes, counting.project_types
    return column in {*(f"land_{code}_m2" for code in land), *(f"renewable_{code}_m2" for code in renewable)}


def _derived(total: pd.DataFrame, names: pd.Series, counting: Counting) -> pd.DataFrame:
    """Add what follows from the sums."""
    area = total["area_m2"].to_numpy(dtype=float)
    ratios = {
        "far_gross": ("floor_area_m2", area, 1.0),
        "far_net": ("built", total["net_land_m2"].to_numpy(dtype=float), 1.0),
        "public_space_share": ("public_space_m2", area, 1.0),
        "project_share": ("project_area_m2", area, 1.0),
        "street_density": ("street_m", area, 1e3),
        "junction_density": ("junction_count", area, 1e6),
    }
    for name, (source, base, factor) in ratios.items():
        if source in total.columns:
            value = total[source].to_numpy(dtype=float, na_value=np.nan)
            total[name] = factor * np.divide(value, base, out=np.full(len(value), np.nan), where=base > 0)
    land = total[[f"land_{code}_m2" for code in counting.land_classes]].to_numpy(dtype=float)
    total["mix_land"] = mix.entropy(land, len(counting.land_classes))
    total["name"], total["version"] = total["station_id"].map(names), SHARED
    return with_jobs_ratios(total, counting)
