"""Features that come again: what a store has of them already, so that a file read twice changes nothing.

Practice keeps coordinates to a millimetre; a way to degrees and back moves them by less than any of it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.catalogue import Layer
from gis.intake import values

# by how much a corner may be off and still be the same, m
_SAME_PLACE = 1e-4
_DECIMALS = 4
# shapes of a file that are stored already, so that it can only have come from the store
_MOST = 0.5


def placed(frame: pd.DataFrame, stored: pd.DataFrame, layer: Layer) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Give rows that come again the outline that is stored.

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
    tuple
        The rows, and which of them have a stored outline: those whose own is nowhere more than 0.1 mm off the stored
        one of their key, whichever way its rings turn.
    """
    same = np.zeros(len(frame), dtype=bool)
    mine, theirs = _pairs(frame, stored, layer)
    if not isinstance(frame, gpd.GeoDataFrame) or not len(mine):
        return frame, same
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object).copy()
    known = np.asarray(stored.geometry.to_numpy(), dtype=object)[theirs]
    alike = shapely.equals_exact(shapes[mine], known, _SAME_PLACE)
    turned = shapely.orient_polygons(shapes[mine]), shapely.orient_polygons(known)
    same[mine[alike | shapely.equals_exact(turned[0], turned[1], _SAME_PLACE)]] = True
    shapes[mine] = np.where(same[mine], known, shapes[mine])
    return frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs)), same


def filled(frame: pd.DataFrame, stored: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    """Give rows their stored version that differ from what is stored only in cells that had to be emptied then.

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
        The same rows, with `_version` where there is such a row: the reason to empty the cell is gone.
    """
    if "extra" not in stored.columns:
        return frame
    marked = stored["extra"].notna().to_numpy(dtype=bool)
    pairs = zip(*_pairs(frame, stored, layer), strict=True)
    found = {row: stored["_version"].iloc[at] for row, at in pairs if marked[at] and _fills(frame, stored, row, at)}
    if not found:
        return frame
    return frame.assign(_version=pd.array([found.get(row) for row in range(len(frame))], dtype="Int64"))


def _pairs(frame: pd.DataFrame, stored: pd.DataFrame, layer: Layer) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows whose key is stored, and where."""
    places = {key: place for place, key in enumerate(stored[layer.key].tolist())}
    pairs = [(row, places[key]) for row, key in enumerate(frame[layer.key].tolist()) if key in places]
    mine, theirs = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    return mine, theirs


def shares(frame: gpd.GeoDataFrame, stored: gpd.GeoDataFrame) -> bool:
    """Tell whether the numbers of a file, whatever its CRS, are those of a store.

    Parameters
    ----------
    frame
        Rows as they came.
    stored
        The layer as the store reads it.

    Returns
    -------
    bool
        True where at least half of the shapes are stored with the same corners, to 0.1 mm.
    """
    mine = [key for key in _corners(frame) if key]
    known = set(_corners(stored)) if mine else set()
    return bool(mine) and sum(key in known for key in mine) >= _MOST * len(mine)


def _corners(frame: gpd.GeoDataFrame) -> list[bytes]:
    """Return for each shape its corners as bytes, none for one that is missing or empty."""
    points, owner = shapely.get_coordinates(frame.geometry.to_numpy(), return_index=True)
    # zero and its negative are one place
    steps = np.round(points, _DECIMALS) + 0.0
    ends = np.searchsorted(owner, np.arange(len(frame) + 1))
    return [steps[begin:end].tobytes() for begin, end in itertools.pairwise(ends)]


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
