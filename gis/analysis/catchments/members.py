"""Members: which things belong to which walk-shed, door by door, in each version."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gis.analysis.acceptance import require_columns
from gis.analysis.catchments.grounds import catchment_id
from gis.analysis.versions import NEAREST, RAW, SHARED


def members(reached: pd.DataFrame, key: str, minutes: Sequence[float]) -> pd.DataFrame:
    """Say which things lie within which walks.

    Parameters
    ----------
    reached
        One layer of `Walksheds.reached`: station_id, the key, seconds.
    key
        Column with the keys of the things.
    minutes
        Walking times.

    Returns
    -------
    pandas.DataFrame
        catchment_id, station_id, minutes, version, the key and share. In version "raw" a thing belongs to every station
        that reaches it; in "nearest" to the one with the shortest walk, of equals the first by key; in "shared" to all
        that reach it, in equal parts. Shares in "nearest" and "shared" add up to 1 a thing.

    Raises
    ------
    FrameError
        A column is missing.
    """
    require_columns("reached", reached, ("station_id", key, "seconds"))
    walks = reached.dropna(subset=["seconds"]).sort_values([key, "seconds", "station_id"])
    tables = []
    for each in minutes:
        inside = walks.loc[walks["seconds"] <= 60.0 * each, ["station_id", key]].assign(minutes=float(each))
        count = inside.groupby(key)["station_id"].transform("size")
        for version, rows, share in (
            (RAW, inside, 1.0),
            (NEAREST, inside.drop_duplicates(key), 1.0),
            (SHARED, inside, 1.0 / count),
        ):
            names = [catchment_id(station, each, version) for station in rows["station_id"]]
            tables.append(rows.assign(catchment_id=names, version=version, share=share))
    joined = pd.concat(tables, ignore_index=True)
    return joined[["catchment_id", "station_id", "minutes", "version", key, "share"]]


def layer_of(name: str) -> str:
    """Return the name of the layer whose things have a singular name.

    Parameters
    ----------
    name
        Such as "building" or "facility".

    Returns
    -------
    str
        "buildings" or "facilities".
    """
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"
