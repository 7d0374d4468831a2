"""The analyses that run by partition: common ground, assignment and apportionment of things by the million."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import dask.dataframe as dd
import dask_geopandas
import geopandas as gpd
import pandas as pd
from distributed import Client

from gis import compiled
from gis.analysis import apportionment, assignment, overlay
from gis.errors import UsageError
from gis.scale import sources
from gis.scale.partitions import by_partition
from gis.scale.sources import Source

Frames = Mapping[str, gpd.GeoDataFrame]

# ways of `apportionment.apportion` that need nothing but the ground
_WAYS = ("area", "largest")


def common_ground(
    things: dask_geopandas.GeoDataFrame | Source,
    layers: Mapping[str, gpd.GeoDataFrame | Source],
    out: str | Path,
    *,
    name: str = "building",
    client: Client | None = None,
) -> dd.DataFrame:
    """Measure the ground of every tuple of a thing and one feature of each layer, partition by partition.

    Parameters
    ----------
    things
        Many polygons with a text key in `<name>_id`: a dask GeoDataFrame, or GeoParquet files or a folder of them, each
        file a partition. The more compact, the less they read of the layers (`spread_out`).
    layers
        The other layers by singular name, as frames or GeoParquet, each with a text key in `<layer>_id`.
    out
        Folder of the results, `part-00000.parquet` and so on, within reach of all workers.
    name
        Singular name of the things.
    client
        Of a cluster that takes the partitions; without one, the caller's default client or this process.

    Returns
    -------
    dask.dataframe.DataFrame
        The files in `out`: `<name>_id`, `<layer>_id` for each layer and area_m2, sorted by the keys in each partition.
        All rows together are those of `gis.analysis.overlay.common_ground` with the things as first layer and owner.

    Raises
    ------
    GisError
        Its children as in `by_partition`; what is wrong with a layer is said as `overlay.common_ground` says it.
    """
    drawn = {layer: sources.read(frame, [f"{layer}_id"]) for layer, frame in layers.items()}
    return by_partition(_common_ground, things, drawn, out, key=f"{name}_id", parameters={"name": name}, client=client)


def assign(
    things: dask_geopandas.GeoDataFrame | Source,
    targets: Mapping[str, gpd.GeoDataFrame | Source],
    out: str | Path,
    *,
    key: str,
    by: str = "area",
    client: Client | None = None,
) -> dd.DataFrame:
    """Assign each thing to one feature of every target layer, partition by partition.

    Parameters
    ----------
    things, out, client
        As in `common_ground`.
    targets
        Polygons by singular layer name, as frames or GeoParquet, each with a text key in `<layer>_id`.
    key
        Key column of the things, text.
    by
        "area" or "point", as in `gis.analysis.assignment.assign`.

    Returns
    -------
    dask.dataframe.DataFrame
        The files in `out`: the columns of `assignment.assign`, sorted by key in each partition.

    Raises
    ------
    GisError
        Its children as in `by_partition`.

    Notes
    -----
    Rows are those of a single run with the kernels on disk; of a small one without them GEOS gives other last digits.
    """
    drawn = {layer: sources.read(frame, [f"{layer}_id"]) for layer, frame in targets.items()}
    return by_partition(_assign, things, drawn, out, key=key, parameters={"key": key, "by": by}, client=client)


def apportion(
    things: dask_geopandas.GeoDataFrame | Source,
    targets: Mapping[str, gpd.GeoDataFrame | Source],
    out: str | Path,
    *,
    key: str,
    kinds: Mapping[str, str],
    by: str = "area",
    client: Client | None = None,
) -> dd.DataFrame:
    """Apportion the figures of things to the features of a layer, partition by partition.

    Parameters
    ----------
    things, out, client
        As in `common_ground`; the things with the fields of `kinds`.
    targets
        One layer by its singular name, as a frame or GeoParquet, with a text key in `<layer>_id`.
    key
        Key column of the things, text.
    kinds
        Kind by field, as in `gis.analysis.apportionment.apportion`: extensive, intensive, count or category.
    by
        "area" or "largest".

    Returns
    -------
    dask.dataframe.DataFrame
        The files in `out`: `parts` of `apportionment.apportion`, sorted by both keys in each partition. The figures of
        a thing are whole in its rows, so that extensive figures and counts add up by target over all partitions.

    Raises
    ------
    UsageError
        More than one layer or none; a way that needs a weight or does not exist; a kind that does not exist.
    GisError
        Its other children as in `by_partition`.

    Notes
    -----
    Rows are those of a single run, as in `assign`, on the pairs that `assignment.pairs` gives.

    Examples
    --------
    >>> kinds = {"floor_m2": "extensive"}
    >>> parts = apportion("in", {"block": "blocks.parquet"}, "out", key="building_id", kinds=kinds)  # doctest: +SKIP
    >>> parts.groupby("block_id")["floor_m2"].sum().compute()  # doctest: +SKIP
    """
    if len(targets) != 1 or by not in _WAYS:
        raise UsageError(
            f"{len(targets)} layers and by={by!r} came; one layer is needed, and by is one of {', '.join(_WAYS)}"
        )
    drawn = {layer: sources.read(frame, [f"{layer}_id"]) for layer, frame in targets.items()}
    settings = {"key": key, "kinds": dict(kinds), "by": by}
    return by_partition(
        _apportion, things, drawn, out, key=key, columns=list(kinds), parameters=settings, client=client
    )


def _common_ground(things: gpd.GeoDataFrame, layers: Frames, *, name: str) -> pd.DataFrame:
    """Run `overlay.common_ground` with the things as owners, in one thread."""
    return overlay.common_ground({name: things, **layers}, owner=name, workers=1)


def _assign(things: gpd.GeoDataFrame, layers: Frames, *, key: str, by: str) -> pd.DataFrame:
    """Run `assignment.assign` with the kernels, which see nothing of where a partition begins."""
    with compiled.insisted():
        return assignment.assign(things, layers, key=key, by=by).sort_values(key, ignore_index=True)


def _apportion(
    things: gpd.GeoDataFrame, layers: Frames, *, key: str, kinds: Mapping[str, str], by: str
) -> pd.DataFrame:
    """Run `apportionment.apportion` on the pairs of the things with the one layer there is."""
    ((layer, targets),) = layers.items()
    with compiled.insisted():
        pairs = assignment.pairs(things, targets, key=key, to=f"{layer}_id")
    return apportionment.apportion(pairs, things, kinds, source=key, target=f"{layer}_id", by=by).parts
