"""Features that come again: what a store has of them already, so that a file read twice changes nothing.

Practice keeps coordinates to a millimetre; a way to degrees and back moves them by less than any of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.catalogue import Layer
from gis.intake import values

# by how much a corner may be off and still be the same, m
_SAME_PLACE = 1e-4


def recognised(frame: pd.DataFrame, stored: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    """Give rows that come again the outline that is stored, and those that are better read their stored version.

    Parameters
    ----------
    frame
        Rows in canonical shape, in the working CRS.
    stored
        The layer as the store reads it.
    layer
        The layer.

    Returns
    -------
    pandas.DataFrame
        The same rows. An outline that is nowhere more than 0.1 mm off the stored one is the stored one. A row that
        differs from the stored one only where a cell had to be emptied, and fills it, has the stored `_version`: the
        reason to empty it is gone.
    """
    places = {key: place for place, key in enumerate(stored[layer.key].tolist())}
    pairs = [(row, places[key]) for row, key in enumerate(frame[layer.key].tolist()) if key in places]
    if not pairs:
        return frame
    mine, theirs = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    if isinstance(frame, gpd.GeoDataFrame):
        shapes = np.asarray(frame.geometry.to_numpy(), dtype=object).copy()
        known = np.asarray(stored.geometry.to_numpy(), dtype=object)[theirs]
        same = shapely.equals_exact(shapes[mine], known, tolerance=_SAME_PLACE)
        shapes[mine[same]] = known[same]
        frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
    if "extra" not in stored.columns:
        return frame
    marked = stored["extra"].notna().to_numpy(dtype=bool)
    filled = {row: stored["_version"].iloc[at] for row, at in pairs if marked[at] and _fills(frame, stored, row, at)}
    if not filled:
        return frame
    return frame.assign(_version=pd.array([filled.get(row) for row in range(len(frame))], dtype="Int64"))


def _fills(frame: pd.DataFrame, stored: pd.DataFrame, row: int, at: int) -> bool:
    """Tell whether a row says what the stored one could not hold, and is the same otherwise."""
    now, was = frame.iloc[row], stored.iloc[at]
    differing = [name for name in frame.columns if name != "extra" and not _alike(now[name], was[name])]
    left, held = _record(now.get("extra")), _record(was["extra"])
    taken = held.keys() - left.keys()
    rest = {name: value for name, value in held.items() if name not in taken}
    filled = all(values.missing(was[name]) for name in differing)
    return bool(differing) and len(taken) >= len(differing) and filled and rest == left


def _record(text: Any) -> Mapping[str, Any]:
    """Return what an `extra` holds."""
    return {} if values.missing(text) else json.loads(str(text))


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two cells are the same, blanks included."""
    if isinstance(one, shapely.Geometry) or isinstance(other, shapely.Geometry):
        return bool(shapely.equals_identical(one, other))
    gone = values.missing(one), values.missing(other)
    return all(gone) if any(gone) else bool(one == other)
