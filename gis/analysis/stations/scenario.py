"""Scenarios: what a planned station changes: what enters a walk, what leaves one station for another, who gains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.analysis import bounds
from gis.analysis.acceptance import require_columns
from gis.errors import UsageError

_SIDES = ("before", "after", "entered", "left")


@dataclass(frozen=True)
class Comparison:
    """Hold two states of the stations side by side.

    Parameters
    ----------
    totals
        minutes, figure, before, after, gained: what lies within that walk of any station.
    stations
        station_id, minutes, figure, before, after, entered, left: what the station is the nearest one for; what leaves
        one station has a shorter walk to another. before + entered - left = after. In both tables each amount is
        followed by <amount>_least and <amount>_lacking, as `bounds.beside` has them: where things lack the figure the
        amount is missing. Of a layer without rows nothing is known.
    things
        layer, thing, seconds_before, seconds_after, station_before, station_after: everything whose shortest walk
        changes; missing where none is within reach.
    """

    totals: pd.DataFrame
    stations: pd.DataFrame
    things: pd.DataFrame


def compare(
    before: Mapping[str, pd.DataFrame],
    after: Mapping[str, pd.DataFrame],
    things: Mapping[str, pd.DataFrame],
    *,
    minutes: Sequence[float] = (5, 10, 15),
    weights: Mapping[str, Sequence[str]] | None = None,
) -> Comparison:
    """Compare what stations reach in two states.

    Parameters
    ----------
    before, after
        `reached` of `catchments.walksheds` in both states, by singular name of the layer.
    things
        The layers' rows: <name>_id and the columns that are added up.
    minutes
        Walking times.
    weights
        For a layer, the columns that are added up, never below 0; every layer is counted as <name>_count too.

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        A layer is missing in one of the states.
    FrameError
        A column is missing.
    """
    totals, stations, changed = [], [], []
    for name, frame in things.items():
        if name not in before or name not in after:
            raise UsageError(f"walks to {name!r} are not there in both states; hand the layer to walksheds twice")
        columns = list((weights or {}).get(name, ()))
        require_columns(name, frame, (f"{name}_id", *columns))
        values = frame[columns].apply(pd.to_numeric).astype(float)
        values.insert(0, f"{name}_count", 1.0)
        values.index = pd.Index(frame[f"{name}_id"], name="thing")
        was, now = (_best(walks[name], f"{name}_id").reindex(values.index) for walks in (before, after))
        totals.append(_totals(was, now, values, minutes))
        stations.append(_stations(was, now, values, minutes))
        changed.append(_changed(name, was, now))
    return Comparison(*(pd.concat(tables, ignore_index=True) for tables in (totals, stations, changed)))


def _best(walks: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return the nearest station of each thing that is reached; of equals the first by key."""
    reached = walks.dropna(subset=["seconds"]).sort_values([key, "seconds", "station_id"])
    return reached.drop_duplicates(key).set_index(key)[["seconds", "station_id"]].rename_axis("thing")


def _amounts(values: pd.DataFrame, sides: Mapping[str, NDArray[np.bool_]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add up figures over some of the things: what they are at least, and how many lack; a column a side."""
    blank = values.isna()
    least = pd.DataFrame({name: values[some].sum() for name, some in sides.items()})
    lacking = pd.DataFrame({name: blank[some].sum() for name, some in sides.items()})
    # a layer without rows says nothing
    return (least if len(values) else least * np.nan), lacking


def _long(least: pd.DataFrame, lacking: pd.DataFrame, minutes: float) -> pd.DataFrame:
    """Turn figures into rows."""
    return bounds.beside(least, lacking).rename_axis("figure").reset_index().assign(minutes=float(minutes))


def _totals(was: pd.DataFrame, now: pd.DataFrame, values: pd.DataFrame, minutes: Sequence[float]) -> pd.DataFrame:
    """Add up what lies within each time of any station."""
    rows = []
    for each in minutes:
        had, has = ((walk["seconds"] <= 60.0 * each).to_numpy() for walk in (was, now))
        sides = {"before": had, "after": has, "entered": has & ~had, "left": had & ~has}
        least, lacking = _amounts(values, sides)
        # of what is on both sides nothing need be known; with unknown things on their way out no bound holds
        gained = (least["entered"] - least["left"]).where(lacking["left"] == 0)
        least, lacking = least.assign(gained=gained), lacking.assign(gained=lacking["entered"] + lacking["left"])
        shown = ["before", "after", "gained"]
        rows.append(_long(least[shown], lacking[shown], each))
    return _in_order(pd.concat(rows, ignore_index=True), ["minutes"])


def _stations(was: pd.DataFrame, now: pd.DataFrame, values: pd.DataFrame, minutes: Sequence[float]) -> pd.DataFrame:
    """Add up, station by station, what has its shortest walk to it before and after."""
    rows = []
    keys = sorted({*was["station_id"].dropna(), *now["station_id"].dropna()})
    for each in minutes:
        owner = [walk["station_id"].astype(object).where(walk["seconds"] <= 60.0 * each) for walk in (was, now)]
        for key in keys:
            had, has = ((side == key).to_numpy() for side in owner)
            sides = dict(zip(_SIDES, (had, has, has & ~had, had & ~has), strict=True))
            rows.append(_long(*_amounts(values, sides), each).assign(station_id=key))
    none = np.zeros(len(values), dtype=bool)
    # where no station reaches anything there are columns all the same
    rows = rows or [_long(*_amounts(values, dict.fromkeys(_SIDES, none)), 0).assign(station_id="").iloc[:0]]
    table = _in_order(pd.concat(rows, ignore_index=True), ["station_id", "minutes"])
    return table.sort_values(["station_id", "minutes"], kind="stable", ignore_index=True)


def _in_order(table: pd.DataFrame, head: Sequence[str]) -> pd.DataFrame:
    """Return a table with what names a row in front."""
    front = [*head, "figure"]
    return table.reindex(columns=[*front, *(column for column in table.columns if column not in front)])


def _changed(name: str, was: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """List the things whose shortest walk changes."""
    table = pd.DataFrame(
        {
            "layer": name,
            "thing": was.index,
            "seconds_before": was["seconds"].to_numpy(),
            "seconds_after": now["seconds"].to_numpy(),
            "station_before": was["station_id"].to_numpy(dtype=object),
            "station_after": now["station_id"].to_numpy(dtype=object),
        }
    )
    same = (table["seconds_before"] == table["seconds_after"]) | (
        table["seconds_before"].isna() & table["seconds_after"].isna()
    )
    return table[~same].reset_index(drop=True)
