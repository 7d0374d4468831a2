"""Node and place (节点—场所): how well a station is connected, and how much is around it, held against many others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gis import findings as faults
from gis.analysis.acceptance import require_columns
from gis.errors import UsageError

# below this many stations a range says little
_FEW = 20


def node_place(
    stations: pd.DataFrame, reference: pd.DataFrame, *, node: Sequence[str], place: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hold what stations are as nodes and places against a larger set.

    Parameters
    ----------
    stations
        station_id and the columns of both.
    reference
        The same columns for a set larger than the district's stations, such as all of the city's.
    node, place
        Columns with amounts, 0 or more: lines, trains an hour, stations within 20 minutes; residents, jobs.

    Returns
    -------
    tuple
        station_id, the raw columns, node and place (0 to 1; the mean of the columns' places between the least and the
        most of the reference, in logarithms of 1 + amount, cut to 0 and 1), balance (node - place); missing where a
        figure is. And findings: station.reference_small.

    Raises
    ------
    FrameError
        A column is missing.
    UsageError
        No column is named, or an amount is negative.

    Notes
    -----
    Bertolini (1999), domain.md §8.2: with six stations a range from the least to the most is not stable, so that the
    raw values always stand beside the index.
    """
    if not node or not place:
        raise UsageError("name at least one column for node and one for place", node=list(node), place=list(place))
    for name, frame in (("stations", stations), ("reference", reference)):
        require_columns(name, frame, (*(["station_id"] if name == "stations" else []), *node, *place))
        amounts = frame[[*node, *place]].apply(pd.to_numeric)
        if (amounts < 0).any(axis=None):
            raise UsageError(f"{name} holds a negative amount; node and place are made of amounts from 0 up")
    table = stations[["station_id", *dict.fromkeys([*node, *place])]].reset_index(drop=True)
    for name, columns in (("node", node), ("place", place)):
        table[name] = np.mean([_ranked(stations[each], reference[each]) for each in columns], axis=0)
    table["balance"] = table["node"] - table["place"]
    rows = []
    if len(reference) < max(_FEW, 2 * len(stations)):
        rows.append(
            faults.finding(
                "station.reference_small", "stations", severity="warning", count=len(reference), of=len(stations)
            )
        )
    return table, faults.table(rows)


def _ranked(values: pd.Series, reference: pd.Series) -> np.ndarray:
    """Return where values lie between the least and the most of the reference, in logarithms."""
    logs, known = np.log1p(pd.to_numeric(values).to_numpy(dtype=float)), np.log1p(pd.to_numeric(reference).dropna())
    low, high = (known.min(), known.max()) if len(known) else (np.nan, np.nan)
    return np.clip((logs - low) / (high - low), 0.0, 1.0) if high > low else np.full(len(logs), np.nan)
