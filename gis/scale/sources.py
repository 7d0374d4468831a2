"""GeoParquet files as sources of features, with what can be known of them before any row is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gis.analysis.acceptance import require_columns
from gis.errors import SourceError, UsageError

Source = str | Path | Sequence[str | Path]

# name of a part by its number, and what is added while one is written
PART = "part-{:05d}.parquet"
HALF = ".half"


def files(source: Source) -> list[Path]:
    """List the files of a source.

    Parameters
    ----------
    source
        GeoParquet files, or a folder of them.

    Returns
    -------
    list of pathlib.Path
        Of a folder those that do not begin with _ or a dot, by name.

    Raises
    ------
    UsageError
        What is no path.
    SourceError
        Files that are missing.
    """
    if not isinstance(source, str | Path | Sequence):
        kind = type(source).__name__
        raise UsageError(f"a {kind} came; hand in a dask GeoDataFrame or GeoParquet files", came=kind)
    paths = [Path(source)] if isinstance(source, str | Path) else [Path(path) for path in source]
    found = [file for path in paths for file in (sorted(path.glob("[!_.]*.parquet")) if path.is_dir() else [path])]
    missing = [file.name for file in found or paths if not file.is_file()]
    if missing:
        raise SourceError(f"no GeoParquet at {', '.join(missing)}", files=missing)
    return found


def geometry(file: Path) -> dict[str, Any]:
    """Return what a GeoParquet file says of its geometry.

    Parameters
    ----------
    file
        The file.

    Returns
    -------
    dict
        As the format has it: primary_column, columns, ...

    Raises
    ------
    SourceError
        A file that is no GeoParquet.
    """
    try:
        metadata = pq.read_schema(file).metadata or {}
    except pa.ArrowInvalid as error:
        raise SourceError(f"{file.name} is no Parquet file: {error}", file=file.name) from error
    if b"geo" not in metadata:
        raise SourceError(f"{file.name} is no GeoParquet: it says nothing of geometry", file=file.name)
    return dict(json.loads(metadata[b"geo"]))


def empty(file: Path, columns: Sequence[str]) -> gpd.GeoDataFrame:
    """Return the frame that a file would give if it had no rows.

    Parameters
    ----------
    file
        GeoParquet.
    columns
        Columns besides the geometry.

    Returns
    -------
    geopandas.GeoDataFrame

    Raises
    ------
    SourceError, FrameError
        A file that is no GeoParquet, or lacks a column.
    """
    geo, table = geometry(file), pq.read_schema(file).empty_table().to_pandas()
    require_columns(file.name, table, columns)
    name = geo["primary_column"]
    # without an entry GeoParquet means longitude and latitude; null is unknown
    shapes = gpd.GeoSeries([], index=table.index, crs=geo["columns"][name].get("crs", "OGC:CRS84"))
    return gpd.GeoDataFrame(table[[*columns]].assign(**{name: shapes}), geometry=name)


def read(source: gpd.GeoDataFrame | Source, columns: Sequence[str] | None = None) -> gpd.GeoDataFrame:
    """Return a frame, read from its files if it is none.

    Parameters
    ----------
    source
        A frame, or GeoParquet.
    columns
        Columns besides the geometry, None for all.

    Returns
    -------
    geopandas.GeoDataFrame

    Raises
    ------
    UsageError, SourceError, FrameError
        As in `files` and `empty`.
    """
    if isinstance(source, gpd.GeoDataFrame):
        return source
    found = files(source)
    wanted = {file: None if columns is None else [*empty(file, columns)] for file in found}
    frames = [gpd.read_parquet(file, columns=wanted[file]) for file in found]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
