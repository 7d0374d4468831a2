"""Assignment (归属): in which block, unit and catchment each building lies, by its ground or by its point."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis import crs
from gis.analysis.acceptance import require_keys
from gis.analysis.pieces import NOISE, share_column
from gis.errors import FrameError, UsageError
from gis.geometry import areas

_WAYS = ("area", "point")
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def assign(
    things: gpd.GeoDataFrame, targets: Mapping[str, gpd.GeoDataFrame], *, key: str, by: str = "area"
) -> pd.DataFrame:
    """Assign each thing to one feature of every target layer, and list all in which it lies.

    Parameters
    ----------
    things
        Buildings, parcels, ... with `key`; valid polygons, with by="point" any geometry.
    targets
        Polygons by singular layer name ("block", "unit", "catchment"), each with a text key in `<layer>_id`. A layer
        may overlap itself.
    key
        Key column of the things, text.
    by
        "area": the feature with the largest share of the thing's ground. "point": the feature that holds a point on the
        thing's surface, border included. Of equals the first by key.

    Returns
    -------
    pandas.DataFrame
        One row per thing, on the caller's index: the key, then for each layer `<layer>_id` (missing where the thing
        lies in none), `<layer>_share` (0 to 1, of the thing's ground in it; by point 1; 0 in none), `<layer>_others`
        (how many more features hold some of it), `<layer>_split` (whether some of it lies outside the feature named)
        and `<layer>_ids` (tuple of all, sorted by key).

    Raises
    ------
    UsageError
        A way that does not exist, no layer, or a layer whose key is that of the things.
    CrsError
        Frames without CRS, in degrees, or not all in the same one.
    FrameError
        Keys that are missing, repeated or no text; geometry that is missing, empty, invalid or, where ground is
        measured, not polygonal.

    Notes
    -----
    Ground below 10⁻⁹ of a thing is the noise of floating point and lies nowhere. Overlay with slivers settled by a
    tolerance is the ledger's work (`gis.analysis.overlay`).

    Examples
    --------
    >>> blocks = {"block_id": ["B1", "B2"], "geometry": [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)]}
    >>> houses = {"building_id": ["H1", "H2"], "geometry": [shapely.box(7, 0, 11, 5), shapely.box(50, 0, 60, 5)]}
    >>> frames = [gpd.GeoDataFrame(table, crs="EPSG:4548") for table in (houses, blocks)]
    >>> assign(frames[0], {"block": frames[1]}, key="building_id")[["block_id", "block_share", "block_ids"]]
      block_id  block_share block_ids
    0       B1         0.75  (B1, B2)
    1      NaN         0.00        ()
    """
    if not targets:
        raise UsageError("no target layer was given; hand in frames by name, such as {'block': blocks}")
    _accept(things, targets, key, by)
    table = {key: things[key]}
    shapes = _located(things, by)
    for layer, frame in targets.items():
        ordered = frame.sort_values(f"{layer}_id", kind="stable")
        pair = _pairs(shapes, ordered, by)
        for name, values in _columns(pair, ordered[f"{layer}_id"], things.index).items():
            table[f"{layer}_{name}"] = values
    return pd.DataFrame(table, index=things.index)


def pairs(things: gpd.GeoDataFrame, targets: gpd.GeoDataFrame, *, key: str, to: str, by: str = "area") -> pd.DataFrame:
    """Tabulate every thing with every target in which it lies, as `apportionment.apportion` takes them.

    Parameters
    ----------
    things
        Features with `key`, as in `assign`.
    targets
        Polygons with `to`; they may overlap.
    key, to
        Key columns, text, such as "building_id" and "block_id".
    by
        "area" or "point", as in `assign`; a point on a border lies in every target that it touches.

    Returns
    -------
    pandas.DataFrame
        `key`, `to`, area_m2 (by point the whole ground), and the share of the thing ("building_share", 0 to 1, by point
        1); sorted by both keys; RangeIndex. Things that lie in no target have no row.

    Raises
    ------
    UsageError, CrsError, FrameError
        As in `assign`.
    """
    _accept(things, {to.removesuffix("_id"): targets}, key, by, to=to)
    ordered = targets.sort_values(to, kind="stable")
    thing, target, share = _pairs(_located(things, by), ordered, by)
    whole = shapely.area(things.geometry.to_numpy())
    table = pd.DataFrame(
        {
            key: things[key].to_numpy()[thing],
            to: ordered[to].to_numpy()[target],
            "area_m2": share * whole[thing],
            share_column(key): share,
        }
    ).astype({key: "str", to: "str"})
    return table.sort_values([key, to], ignore_index=True)


Pairs = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


def _accept(
    things: gpd.GeoDataFrame, targets: Mapping[str, gpd.GeoDataFrame], key: str, by: str, to: str | None = None
) -> None:
    """Refuse what cannot be assigned."""
    if by not in _WAYS:
        raise UsageError(f"by is {by!r}; allowed are {', '.join(_WAYS)}", by=by)
    for layer, frame in targets.items():
        target_key = to or f"{layer}_id"
        if target_key == key:
            raise UsageError(f"things and layer {layer!r} share the key {key!r}; name the layer otherwise", layer=layer)
        _accept_layer(layer, frame, target_key, polygonal=True)
    _accept_layer("things", things, key, polygonal=by == "area")
    crs.require_same({"things": things, **targets})


def _accept_layer(name: str, frame: gpd.GeoDataFrame, key: str, *, polygonal: bool) -> None:
    """Refuse a layer whose features cannot be named or measured."""
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        raise FrameError(f"{name} is a {type(frame).__name__} without geometry; a GeoDataFrame is needed", layer=name)
    require_keys(name, frame, key)
    shapes = frame.geometry.to_numpy()
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    other = ~empty & ~np.isin(shapely.get_type_id(shapes), _POLYGONAL) & polygonal
    for wrong, words in (
        (empty, "has no geometry; leave it out"),
        (other, "is no polygon and has no ground; take by='point' for things"),
        (~empty & ~shapely.is_valid(shapes), "is invalid; repair is intake's work"),
    ):
        if wrong.any():
            which = frame[key].to_numpy()[wrong].tolist()
            raise FrameError(f"{name} {which[0]} {words} ({len(which)} such rows)", layer=name, features=which)


def _located(things: gpd.GeoDataFrame, by: str) -> NDArray[np.object_]:
    """Return what of the things has to lie in a target: their ground, or a point on it."""
    shapes = things.geometry.to_numpy()
    return np.asarray(shapes if by == "area" else shapely.point_on_surface(shapes), dtype=object)


def _pairs(shapes: NDArray[np.object_], targets: gpd.GeoDataFrame, by: str) -> Pairs:
    """Return the pairs of a thing and a target (by position) with the thing's share, sorted by thing, then target."""
    grounds = targets.geometry.to_numpy()
    if by == "point":
        target, thing = shapely.STRtree(shapes).query(grounds, predicate="covers")
        order = np.lexsort((target, thing))
        return thing[order], target[order], np.ones(len(order))
    thing, target, area = areas.pair_areas(shapes, np.asarray(grounds, dtype=object), owner=0)
    share = np.minimum(area / shapely.area(shapes)[thing], 1.0)
    keep = share > NOISE
    return thing[keep], target[keep], share[keep]


def _columns(pair: Pairs, names: pd.Series, index: pd.Index) -> dict[str, pd.Series]:
    """Return what the result says of one layer: id, share, others, split and ids, one value a thing."""
    thing, target, share = pair
    ends = np.searchsorted(thing, np.arange(len(index) + 1))
    count = np.diff(ends)
    order = np.lexsort((target, -share.round(9), thing))
    some = count > 0
    best = order[ends[:-1][some]]
    chosen = np.full(len(index), len(names), dtype=np.intp)
    chosen[some] = target[best]
    held = np.zeros(len(index))
    held[some] = share[best]
    keys = names.to_numpy(dtype=object)[target].tolist()
    ids = np.empty(len(index), dtype=object)
    ids[:] = [tuple(keys[start:end]) for start, end in pairwise(ends.tolist())]
    return {
        "id": pd.Series([*names, None], dtype="str").iloc[chosen].set_axis(index),
        "share": pd.Series(held, index=index),
        "others": pd.Series(np.maximum(count - 1, 0), index=index),
        "split": pd.Series(some & (held < 1 - NOISE), index=index),
        "ids": pd.Series(ids, index=index),
    }
