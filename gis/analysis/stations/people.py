"""People: residents, jobs, buildings and facilities, which are indivisible and go where their point or door lies."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.analysis.apportionment import Shares, by_point
from gis.analysis.stations.counting import Counting, told, unless_empty, wide
from gis.analysis.versions import WALKED


def lacking(houses: pd.DataFrame, column: str, dwelling_uses: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which buildings should have residents (or jobs) and have no figure.

    Parameters
    ----------
    houses
        Buildings: use and the column.
    column
        "residents" or "jobs".
    dwelling_uses
        Uses whose buildings have residents; all others have jobs.

    Returns
    -------
    numpy.ndarray
        One flag a building.
    """
    home = houses["use"].isin(dwelling_uses)
    expected = home if column == "residents" else ~home
    return (houses[column].isna() & (expected | houses["use"].isna())).to_numpy()


def figures(houses: pd.DataFrame, column: str, dwelling_uses: Sequence[str]) -> NDArray[np.float64]:
    """Return the residents (or jobs) of buildings: one population for all that is counted of them.

    Parameters
    ----------
    houses, column, dwelling_uses
        As for `lacking`.

    Returns
    -------
    numpy.ndarray
        One number a building: missing where one should be and is not, 0 where none is to be expected.
    """
    values = np.array(houses[column].to_numpy(dtype=float, na_value=0.0))
    values[lacking(houses, column, dwelling_uses)] = np.nan
    return values


def inside(shed: gpd.GeoDataFrame, things: gpd.GeoDataFrame, key: str, walked: pd.DataFrame | None) -> Shares:
    """Tell what lies in which catchment: by its point, in walk-sheds by its door.

    Parameters
    ----------
    shed
        Catchments.
    things
        Points or polygons.
    key
        Column with their keys.
    walked
        Members of walk-sheds, as `catchments.members` gives them; None takes points everywhere.

    Returns
    -------
    gis.analysis.apportionment.Shares
    """
    by_line = by_point(shed, things)
    if walked is None:
        return by_line
    on_foot = (shed["method"] == WALKED).to_numpy()
    kept, rows = ~on_foot[by_line.ring], np.flatnonzero(on_foot)
    doors = by_door(shed["catchment_id"].iloc[rows], things[key], key, walked)
    ring, thing = np.r_[by_line.ring[kept], rows[doors.ring]], np.r_[by_line.thing[kept], doors.thing]
    return Shares(ring, thing, np.r_[by_line.share[kept], doors.share], len(shed))


def by_door(catchments: pd.Series, things: pd.Series, key: str, walked: pd.DataFrame) -> Shares:
    """Give indivisible things to the walk-sheds that their doors belong to.

    Parameters
    ----------
    catchments
        catchment_id, one a row of the result.
    things
        Keys of the things.
    key
        Their column in `walked`.
    walked
        catchment_id, key and share, as `catchments.members` gives them.

    Returns
    -------
    gis.analysis.apportionment.Shares
    """
    ring = pd.Index(catchments).get_indexer(pd.Index(walked["catchment_id"]))
    thing = pd.Index(things).get_indexer(pd.Index(walked[key]))
    known = (ring >= 0) & (thing >= 0)
    return Shares(ring[known], thing[known], walked["share"].to_numpy()[known], len(catchments))


def with_jobs_ratios(results: pd.DataFrame, counting: Counting) -> pd.DataFrame:
    """Hold jobs against residents.

    Parameters
    ----------
    results
        With residents and jobs.
    counting
        Share of residents who work.

    Returns
    -------
    pandas.DataFrame
        With jobs_per_resident and jobs_housing_ratio (jobs ÷ working residents; missing where no share is known).
    """
    lived, worked = (results[name].to_numpy(dtype=float, na_value=np.nan) for name in ("residents", "jobs"))
    ratio = np.divide(worked, lived, out=np.full(len(results), np.nan), where=lived > 0)
    share = counting.employed_share
    return results.assign(jobs_per_resident=ratio, jobs_housing_ratio=ratio / share if share else np.nan)


def counts(
    houses: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame, housed: Shares, served: Shares, counting: Counting
) -> pd.DataFrame:
    """Count buildings, residents, jobs and facilities; where a building lacks its figure, the sum is a bound.

    Parameters
    ----------
    houses, facilities
        The layers.
    housed, served
        Which of them lie in which catchment.
    counting
        Codes to count by.

    Returns
    -------
    pandas.DataFrame
        building_count, residents, jobs, facility_<kind>_count and facility_count, not rounded; residents and jobs with
        what they are at least (rounded down) and how many buildings lack them; a row a catchment.
    """
    table = pd.DataFrame({"building_count": unless_empty(housed.total(np.ones(len(houses))), houses)})
    for column in ("residents", "jobs"):
        sums = told(housed.bounded(figures(houses, column, counting.dwelling_uses), column), houses)
        table[sums.columns] = sums.assign(**{f"{column}_least": np.floor(sums[f"{column}_least"] + 1e-6)})
    one = np.ones(len(facilities))
    kinds = served.by_code(one, facilities["kind"], counting.facility_kinds)
    table_of_kinds = wide(unless_empty(kinds, facilities), "facility_{}_count", counting.facility_kinds)
    return pd.concat([table, table_of_kinds.assign(facility_count=unless_empty(served.total(one), facilities))], axis=1)
