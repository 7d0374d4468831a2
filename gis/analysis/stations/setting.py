"""Setting: what the surroundings of stations offer to walkers and workers, and what stands in the way of renewal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs
from gis import findings as faults
from gis.analysis import bounds
from gis.analysis.acceptance import require_columns
from gis.analysis.apportionment import by_area, by_point
from gis.analysis.stations.counting import Counting, covered
from gis.geometry import junctions, parts, snapped
from gis.geometry.parts import Shapes

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "catchments": ("catchment_id",),
    "buildings": ("use", "floor_area_above_m2", "residents", "jobs"),
    "projects": ("project_type", "state"),
    "streets": (),
    "vacated_spaces": ("kind",),
    "constraints": ("effect",),
}
_RENTAL = "affordable_rental"
# ways that meet at a junction
_JUNCTION = 3


def setting(
    catchments: gpd.GeoDataFrame, layers: Mapping[str, gpd.GeoDataFrame], counting: Counting
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure streets, vacated ground, stock for workers' housing and constraints in each catchment.

    Parameters
    ----------
    catchments
        Rings or walk-sheds: catchment_id.
    layers
        Base layers by name: buildings, projects, streets, vacated_spaces, constraints. A layer that is not given, or
        has no rows, leaves its figures missing; constraints without rows mean that there are none known, not 0.
    counting
        Codes, and the share of residents who work.

    Returns
    -------
    tuple
        A table on the index of `catchments`: street_m (within), street_density (km/km²), junction_count (places where
        three or more streets meet), junction_density (1/km²), vacated_count, vacated_m2 (ground, once), stock_floor_m2
        (floor area above ground of buildings that are no homes, on vacated ground of the kinds for it and in open
        projects of the types for it, once), affordable_floor_m2, affordable_share (of the floor area of homes),
        veto_m2, condition_m2 (ground, once). Where a building does not say its use or floor area, a home whether it is
        affordable rental housing, or a constraint has no effect, what depends on it is missing; floor areas and grounds
        have <column>_least and <column>_lacking beside them, as `bounds.beside` has them. And findings:
        station.affordable_unknown, station.effect_unknown, station.employed_share_unset.

    Raises
    ------
    CrsError
        A frame without a projected CRS in metres, or with another one than the catchments'.
    FrameError
        A column is missing.

    Notes
    -----
    Affordable rental within 800 m of stations is an indicator of the city's plan (domain.md §8.2).
    """
    crs.require_same({"catchments": catchments, **layers})
    for name, frame in {"catchments": catchments, **layers}.items():
        require_columns(name, frame, _REQUIRED.get(name, ()))
    shapes = catchments.geometry.to_numpy()
    area = shapely.area(shapes)
    known = {name: _placed(frame) for name, frame in layers.items()}
    table = pd.concat(
        [
            _streets(shapes, area, known.get("streets"), counting.tolerance),
            _vacated(catchments, known.get("vacated_spaces")),
            _stock(shapes, known, counting),
            _affordable(shapes, known.get("buildings"), counting),
            _constraints(shapes, known.get("constraints"), counting),
        ],
        axis=1,
    )
    return table.set_axis(catchments.index, axis=0), _found(layers, counting)


def _placed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows that have a place."""
    return frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)


def _streets(
    shapes: Shapes, area: NDArray[np.float64], streets: gpd.GeoDataFrame | None, tolerance: float
) -> pd.DataFrame:
    """Measure length and count of streets and junctions, and their densities."""
    columns = ("street_m", "street_density", "junction_count", "junction_density")
    if streets is None or streets.empty:
        return pd.DataFrame(np.nan, index=range(len(shapes)), columns=list(columns)).astype({"junction_count": "Int64"})
    lines = shapely.get_parts(shapely.force_2d(streets.geometry.to_numpy()))
    place, line = shapely.STRtree(lines).query(shapes, predicate="intersects")
    within = shapely.length(shapely.intersection(lines[line], shapes[place]))
    length = np.bincount(place, within, minlength=len(shapes))
    made = junctions.joined(lines[shapely.length(lines) > 0], junctions.Barriers(lines[:0]), tolerance)
    ways = np.bincount(made.ends.reshape(-1), minlength=len(made.xy))
    spots = np.asarray(shapely.points(made.xy[ways >= _JUNCTION]), dtype=object)
    inside = shapely.STRtree(spots).query(shapes, predicate="covers")[0]
    count = np.bincount(inside, minlength=len(shapes))
    return pd.DataFrame(
        {
            "street_m": length,
            "street_density": length / area * 1e3,
            "junction_count": pd.array(count, dtype="Int64"),
            "junction_density": count / area * 1e6,
        }
    )


def _vacated(catchments: gpd.GeoDataFrame, spaces: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Count vacated spaces by their point, and measure their ground once."""
    if spaces is None or spaces.empty:
        count = pd.array([pd.NA] * len(catchments), dtype="Int64")
    else:
        count = pd.array(by_point(catchments, spaces).total(np.ones(len(spaces))).astype(int), dtype="Int64")
    return pd.DataFrame({"vacated_count": count, "vacated_m2": covered(catchments.geometry.to_numpy(), spaces)})


def stock(layers: Mapping[str, gpd.GeoDataFrame], counting: Counting) -> Shapes:
    """Return the grounds whose buildings may become housing for workers: vacated spaces and open projects.

    Parameters
    ----------
    layers
        vacated_spaces (kind) and projects (project_type, state), where known.
    counting
        Kinds, types and states.

    Returns
    -------
    numpy.ndarray
        Polygons; they may overlap.
    """
    grounds = [np.empty(0, dtype=object)]
    if "vacated_spaces" in layers:
        spaces = layers["vacated_spaces"]
        grounds.append(spaces.geometry.to_numpy()[spaces["kind"].isin(counting.stock_kinds).to_numpy()])
    if "projects" in layers:
        projects = layers["projects"]
        closed = projects["state"].isin([*counting.done, *counting.removed])
        fit = projects["project_type"].isin(counting.stock_types) & ~closed
        grounds.append(projects.geometry.to_numpy()[fit.to_numpy()])
    joined = np.concatenate(grounds)
    return np.asarray(joined[~(shapely.is_missing(joined) | shapely.is_empty(joined))], dtype=object)


def _stock(shapes: Shapes, layers: Mapping[str, gpd.GeoDataFrame], counting: Counting) -> pd.DataFrame:
    """Measure the floor area that may become housing for workers."""
    houses = layers.get("buildings")
    if houses is None or houses.empty or not {"vacated_spaces", "projects"} & set(layers):
        return _nothing(shapes, "stock_floor_m2")
    works = houses[~houses["use"].isin(counting.dwelling_uses)]
    ground = parts.without_dust(snapped.intersection(shapes, snapped.union(stock(layers, counting))), 0.0)
    # a building without a use may be a home
    floor = works["floor_area_above_m2"].astype("Float64").mask(works["use"].isna())
    return by_area(ground, works).bounded(floor.to_numpy(dtype=float, na_value=np.nan), "stock_floor_m2")


def _nothing(shapes: Shapes, column: str) -> pd.DataFrame:
    """Return a sum of which nothing is known."""
    names = (column, f"{column}_least", f"{column}_lacking")
    return pd.DataFrame(np.nan, index=range(len(shapes)), columns=list(names))


def _affordable(shapes: Shapes, houses: gpd.GeoDataFrame | None, counting: Counting) -> pd.DataFrame:
    """Measure the floor area of affordable rental housing, and its share of homes; missing where nobody said."""
    if houses is None or not _told(houses):
        return _nothing(shapes, "affordable_floor_m2").assign(affordable_share=np.nan)
    homes = _dwellings(houses, counting)
    floor = homes["floor_area_above_m2"].to_numpy(dtype=float, na_value=np.nan)
    inside = by_area(shapes, homes)
    said = homes[_RENTAL].astype("boolean")
    cheap = np.where(said.fillna(False), floor, np.where(said.isna(), np.nan, 0.0))
    table = inside.bounded(cheap, "affordable_floor_m2")
    # of the floor area of homes, a building without a use may be a part
    total = inside.total(np.where(homes["use"].isna(), np.nan, floor))
    empty = np.full(len(shapes), np.nan)
    cheap = table["affordable_floor_m2"].to_numpy(dtype=float)
    return table.assign(affordable_share=np.divide(cheap, total, out=empty, where=total > 0))


def _dwellings(houses: pd.DataFrame, counting: Counting) -> pd.DataFrame:
    """Return the buildings that are homes, or may be: a use that is blank excludes nothing."""
    return houses[houses["use"].isin(counting.dwelling_uses) | houses["use"].isna()]


def _told(houses: pd.DataFrame) -> bool:
    """Tell whether it is known of any building whether it is affordable rental housing."""
    return _RENTAL in houses.columns and bool(houses[_RENTAL].notna().any())


def _constraints(shapes: Shapes, constraints: gpd.GeoDataFrame | None, counting: Counting) -> pd.DataFrame:
    """Measure the ground under constraints that forbid, and under those that set conditions."""
    if constraints is None or constraints.empty:
        return pd.concat([_nothing(shapes, name) for name in ("veto_m2", "condition_m2")], axis=1)
    veto, unknown = constraints["effect"].isin(counting.vetoes), constraints["effect"].isna()
    grounds = {"veto_m2": constraints[veto], "condition_m2": constraints[~veto & ~unknown]}
    # with constraints on record, none of a kind is none
    least = pd.DataFrame({name: np.nan_to_num(covered(shapes, rows)) for name, rows in grounds.items()})
    lacking = _met(shapes, constraints[unknown])
    return bounds.beside(least, pd.DataFrame(dict.fromkeys(least.columns, lacking)))


def _met(shapes: Shapes, things: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Count the things that share ground with each shape."""
    found = by_area(shapes, things)
    return np.bincount(found.ring[found.share > 0], minlength=len(shapes))


def _found(layers: Mapping[str, gpd.GeoDataFrame], counting: Counting) -> pd.DataFrame:
    """Report figures that are missing because nobody said."""
    rows = []
    houses, constraints = layers.get("buildings"), layers.get("constraints")
    if houses is not None:
        homes = _dwellings(houses, counting) if _told(houses) else houses
        blank = int(homes[_RENTAL].isna().sum()) if _RENTAL in homes.columns else len(homes)
        if blank or not _told(houses):
            told: dict[str, Any] = {"field": _RENTAL, "severity": "info", "count": blank, "of": len(homes)}
            rows.append(faults.finding("station.affordable_unknown", "buildings", **told))
    if constraints is not None and constraints["effect"].isna().any():
        blank = int(constraints["effect"].isna().sum())
        told = {"field": "effect", "severity": "warning", "count": blank, "of": len(constraints)}
        rows.append(faults.finding("station.effect_unknown", "constraints", **told))
    if counting.employed_share is None:
        rows.append(faults.finding("station.employed_share_unset", "station_results", severity="info"))
    return faults.table(rows)
