"""The baseline: what an analyst writes with geopandas and shapely, each in the form that was fastest.

Orders: a chain of intersections takes blocks, units, projects, catchments. Of all 24 orders those that bring the
catchments last are equally fast at S, and at M this is the fastest of them; `scripts/bench overlay` measures the orders
at S anew. A chain of unions is fastest as blocks, catchments, units, projects.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from tests.bench import agreement
from tests.bench.agreement import LAYERS
from tests.bench.measuring import Job

ORDER = ("block", "unit", "project", "catchment")
UNION_ORDER = ("block", "catchment", "unit", "project")
# less is what rounding leaves along a shared border
DUST_M2 = 1e-6

Layers = dict[str, gpd.GeoDataFrame]


def layers(case: Path) -> Layers:
    """Read the layers of an overlay.

    Parameters
    ----------
    case
        Folder of the case.

    Returns
    -------
    dict of str to geopandas.GeoDataFrame
        `<layer>_id` and geometry.
    """
    return {name: gpd.read_parquet(case / f"{name}.parquet", columns=[f"{name}_id", "geometry"]) for name in LAYERS}


def parcels(case: Path) -> gpd.GeoDataFrame:
    """Read the parcels of which some overlap.

    Parameters
    ----------
    case
        Folder of the case.

    Returns
    -------
    geopandas.GeoDataFrame
        parcel_id and geometry.
    """
    return gpd.read_parquet(case / "redrawn.parquet", columns=["parcel_id", "geometry"])


def chain(frames: Layers, order: Sequence[str] = ORDER, how: str = "intersection") -> gpd.GeoDataFrame:
    """Overlay layer after layer.

    Parameters
    ----------
    frames
        The layers.
    order
        Their names, in the order in which they are taken.
    how
        "intersection" gives the tuples that share ground, "union" also what lies outside some layers.

    Returns
    -------
    geopandas.GeoDataFrame
        The pieces with `<layer>_id` and area_m2.
    """
    pieces = frames[order[0]]
    for name in order[1:]:
        pieces = gpd.overlay(pieces, frames[name], how=how, keep_geom_type=True)
    return pieces.assign(area_m2=pieces.area)


def contained_first(frames: Layers) -> pd.DataFrame:
    """Find the tuples with shapely: what lies wholly inside is taken whole, the rest is intersected.

    Parameters
    ----------
    frames
        The layers.

    Returns
    -------
    pandas.DataFrame
        `<layer>_id` and area_m2.
    """
    first = frames[ORDER[0]]
    pieces, keys = np.asarray(first.geometry), {f"{ORDER[0]}_id": first[f"{ORDER[0]}_id"].array}
    for name in ORDER[1:]:
        shapes, ids = np.asarray(frames[name].geometry), frames[name][f"{name}_id"].array
        shapely.prepare(shapes)
        # sorted by the layer's feature, so that a prepared shape is used again while it is at hand
        j, i = shapely.STRtree(pieces).query(shapes, predicate="intersects")
        inside = shapely.covers(shapes[j], pieces[i])
        pieces = pieces[i]
        pieces[~inside] = shapely.intersection(pieces[~inside], shapes[j[~inside]])
        ground = shapely.area(pieces) > 0
        pieces = pieces[ground]
        keys = {column: values[i[ground]] for column, values in keys.items()} | {f"{name}_id": ids[j[ground]]}
    return pd.DataFrame(keys).assign(area_m2=shapely.area(pieces))


def floors_by_block(case: Path) -> gpd.GeoDataFrame:
    """Spread the floor area of buildings over blocks, from the files to the sums.

    Parameters
    ----------
    case
        Folder of the case.

    Returns
    -------
    geopandas.GeoDataFrame
        The pieces with block_id, building_id and area_m2; the sums by block are in its attrs.
    """
    blocks = gpd.read_parquet(case / "block.parquet", columns=["block_id", "geometry"])
    buildings = gpd.read_parquet(case / "building.parquet", columns=["building_id", "floors", "geometry"])
    pieces = gpd.overlay(blocks, buildings, how="intersection", keep_geom_type=True)
    pieces["area_m2"] = pieces.area
    pieces.attrs["sums"] = (pieces["area_m2"] * pieces["floors"]).groupby(pieces["block_id"]).sum()
    return pieces


def pairwise(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """Find the overlaps of a layer by intersecting every pair of neighbours.

    Parameters
    ----------
    frame
        Parcels with parcel_id.

    Returns
    -------
    pandas.DataFrame
        first, second, area_m2.

    Notes
    -----
    The tree is asked for boxes only: its predicates cost more than the intersections that they save.
    """
    shapes, keys = np.asarray(frame.geometry), frame["parcel_id"].array
    i, j = shapely.STRtree(shapes).query(shapes)
    i, j = i[i < j], j[i < j]
    area = shapely.area(shapely.intersection(shapes[i], shapes[j]))
    real = area > DUST_M2
    return pd.DataFrame({"first": keys[i[real]], "second": keys[j[real]], "area_m2": area[real]})


def trial(case: Path) -> pd.DataFrame:
    """Measure the chain of intersections in every order.

    Parameters
    ----------
    case
        Folder of a case, best a small one.

    Returns
    -------
    pandas.DataFrame
        order and cpu_s, the fastest first.
    """
    frames = layers(case)
    found = []
    for order in itertools.permutations(LAYERS):
        start = time.process_time()
        chain(frames, order)
        found.append({"order": ", ".join(order), "cpu_s": time.process_time() - start})
    return pd.DataFrame(found).sort_values("cpu_s", ignore_index=True)


JOBS = {
    "chain": Job(lambda data, threads: chain(data), read=layers, keep=agreement.keeper("meetings")),
    "unions": Job(lambda data, threads: chain(data, UNION_ORDER, "union"), read=layers),
    "contained first": Job(lambda data, threads: contained_first(data), read=layers, keep=agreement.keeper("meetings")),
    "buildings": Job(lambda data, threads: floors_by_block(data), keep=agreement.keeper("buildings")),
    "pairwise": Job(lambda data, threads: pairwise(data), read=parcels, keep=agreement.keeper("overlaps")),
}
