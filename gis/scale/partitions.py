"""An analysis run partition by partition: tasks, their finished files, and what to say when one fails."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import dask_geopandas
import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from dask.base import get_scheduler
from dask.delayed import Delayed
from distributed import Client, KilledWorker

from gis import crs, lineage
from gis.analysis.acceptance import require_columns
from gis.errors import CrsError, FrameError, GisError, UsageError
from gis.scale import sources
from gis.scale.sources import HALF, PART, Source

Analysis = Callable[..., pd.DataFrame]

_LINEAGE = b"gis:lineage"
# features of a layer that are read together
_GROUP = 2_000
_log = logging.getLogger(__name__)


def by_partition(
    function: Analysis,
    things: dask_geopandas.GeoDataFrame | Source,
    layers: Mapping[str, gpd.GeoDataFrame | Source],
    out: str | Path,
    *,
    key: str,
    columns: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    client: Client | None = None,
) -> dd.DataFrame:
    """Run an analysis on every partition of the things with what of the layers meets the partition's box.

    Parameters
    ----------
    function
        Called as `function(things, layers, **parameters)` with frames, and first on no things but all of the layers,
        for its checks and columns. A function of a module: workers import it. What it says of a thing must depend on
        nothing but the thing and the features whose boxes meet its own.
    things, out, client
        As in `common_ground`; a client takes the place of dask's default.
    layers
        Frames or GeoParquet by name; they fit into memory here, but not necessarily in that of a worker.
    key
        Key column of the things, text.
    columns
        Further columns of the things that the function needs.
    parameters
        What else decides the result; text and numbers.

    Returns
    -------
    dask.dataframe.DataFrame
        One partition a file of `out`, divisions unknown.

    Raises
    ------
    UsageError, SourceError
        Things that are neither a dask GeoDataFrame nor GeoParquet, or lie in `out`; a file that is missing or none.
    CrsError
        Things and layers that are not all in one projected CRS.
    FrameError
        Keys of things that are no text, missing, or repeated in the same or another partition.
    GisError
        A partition failed, or killed its workers (for want of memory, most likely); the message names the partition,
        its things and the cause, which `details` holds too. Partitions that were done stay done.

    Notes
    -----
    Files are renamed when they are complete. Progress is dask's: `dask.diagnostics.ProgressBar` or the dashboard.
    """
    used = list(dict.fromkeys([key, *columns]))
    items, empty, keys = _opened(things, used, key, client)
    folder = Path(out)
    if any(isinstance(item, Path) and item.resolve().parent == folder.resolve() for item in items):
        raise UsageError(f"{folder.name} holds the things; name another folder for the results", folder=str(folder))
    settings = dict(parameters or {})
    frames = {layer: sources.read(frame) for layer, frame in layers.items()}
    crs.require_same({"things": empty, **frames})
    meta = function(empty, frames, **settings)
    _require_unique(keys, key)
    folder.mkdir(parents=True, exist_ok=True)
    kept = {layer: _kept(frame, folder / f"_{layer}.parquet") for layer, frame in frames.items()}
    job = _Job(function, used, settings, kept, folder)
    run = uuid.uuid4().hex[:8]
    tasks = [
        dask.delayed(_part, pure=False)(item, number, job, dask_key_name=f"partition {number} of run {run}")
        for number, item in enumerate(items)
    ]
    try:
        done = _compute(tasks, client)
    except KilledWorker as error:
        raise GisError(f"{error.task}: every worker that took it died, most likely for want of memory") from error
    # what killed workers left half-written, and partitions of a run that had more of them
    files = [folder / PART.format(number) for number in range(len(items))]
    for stale in {*folder.glob("part-*.parquet"), *folder.glob(f"part-*{HALF}")} - {*files}:
        stale.unlink(missing_ok=True)
    _log.info("%d of %d partitions computed, %d rows", sum(new for new, _ in done), len(done), sum(n for _, n in done))
    # dask would make another kind of text of it
    with dask.config.set({"dataframe.convert-string": False}):
        return dd.from_map(_rows, files, meta=meta)


@dataclass(frozen=True)
class _Job:
    """Hold what all partitions of a run share; small, for it travels with every task."""

    function: Analysis
    columns: list[str]
    parameters: dict[str, Any]
    layers: dict[str, Path]
    folder: Path


def _part(item: gpd.GeoDataFrame | Path, number: int, job: _Job) -> tuple[bool, int]:
    """Compute a partition unless its file says that it was made from the same; return whether, and its rows."""
    which = item.name if isinstance(item, Path) else "of a dask frame"
    try:
        things = _plain(sources.read(item, job.columns))
        keys = things[job.columns[0]].astype(str)
        which = f"{len(things)} things, {keys.min()} to {keys.max()}"
        box = tuple(things.total_bounds.tolist()) if len(things) else (1, 1, 0, 0)
        near = {layer: gpd.read_parquet(kept, bbox=box) for layer, kept in job.layers.items()}
        name = f"{job.function.__module__}.{job.function.__qualname__}"
        made_from = lineage.of(name, {"things": things, **near}, **job.parameters, layers=list(near)).json().encode()
        file = job.folder / PART.format(number)
        if (ready := _rows_of(file, made_from)) is not None:
            return False, ready
        _write(rows := job.function(things, near, **job.parameters), made_from, file)
    except Exception as error:
        # causes do not survive the way back from a worker, so the message says it all
        kind = type(error) if isinstance(error, UsageError | CrsError | FrameError) else GisError
        cause = f"{type(error).__name__}: {error}"
        details = (error.details if isinstance(error, GisError) else {}) | {"partition": number, "cause": cause}
        raise kind(f"partition {number} ({which}) failed with {cause}", **details) from error
    return True, len(rows)


def _rows_of(file: Path, made_from: bytes) -> int | None:
    """Return the number of rows of a part that is complete and was made from this, else None."""
    try:
        kept = pq.read_metadata(file)
    except (OSError, pa.ArrowInvalid):
        return None
    return int(kept.num_rows) if (kept.metadata or {}).get(_LINEAGE) == made_from else None


def _compute(tasks: Sequence[Delayed], client: Client | None) -> tuple[Any, ...]:
    """Compute on the client given, the caller's default, or here, one by one."""
    return tuple(dask.compute(*tasks, scheduler=client or get_scheduler() or "synchronous"))


def _opened(
    things: dask_geopandas.GeoDataFrame | Source, columns: list[str], key: str, client: Client | None
) -> tuple[list[Delayed] | list[Path], gpd.GeoDataFrame, pa.ChunkedArray]:
    """Return the partitions (files are read by the workers), a frame like them without rows, and all keys."""
    if isinstance(things, dask_geopandas.GeoDataFrame):
        require_columns("things", things._meta, columns)
        kept = things[[*columns, things._meta.geometry.name]]
        found = _compute([dask.delayed(_text)(part) for part in things[key].to_delayed()], client)
        return kept.to_delayed(), _plain(kept._meta.iloc[:0]), pa.chunked_array(found, pa.large_string())
    files = sources.files(things)
    empties = {json.dumps(sources.geometry(file).get("columns"), sort_keys=True): file for file in files}
    frames = {f"things ({file.name})": sources.empty(file, columns) for file in empties.values()}
    crs.require_same(frames)
    keys = [_text(pq.read_table(file, columns=[key])[key]) for file in files]
    return files, next(iter(frames.values())), pa.chunked_array(keys, type=pa.large_string())


def _plain(things: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return things with text as pandas has it, not dask."""
    return things.astype({column: "str" for column, kind in things.dtypes.items() if kind == "string"})


def _text(keys: pd.Series | pa.ChunkedArray) -> pa.Array:
    """Return keys as text, refusing what is none."""
    values = keys if isinstance(keys, pa.ChunkedArray) else pa.chunked_array([pa.array(keys)])
    if len(values) and values.type not in {pa.string(), pa.large_string()}:
        raise FrameError(f"the things' keys are {values.type}, but keys are text (leading zeros count)", layer="things")
    if values.null_count:
        raise FrameError(f"{values.null_count} things have no key; give each one", layer="things")
    return values.cast(pa.large_string()).combine_chunks()


def _require_unique(keys: pa.ChunkedArray, key: str) -> None:
    """Refuse keys that stand twice, in one partition or in two."""
    if pc.count_distinct(keys).as_py() < len(keys):
        counts = pc.value_counts(keys)
        twice = sorted(counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist())
        shown = ", ".join(twice[:5]) + (", ..." if len(twice) > 5 else "")
        raise FrameError(f"things: {len(twice)} {key} stand twice: {shown}", layer="things", features=twice)


def _kept(frame: gpd.GeoDataFrame, file: Path) -> Path:
    """Write a layer along a curve in small groups, so that what meets a box can be read with little else."""
    if len(frame):
        frame = frame.iloc[np.argsort(frame.hilbert_distance().to_numpy(), kind="stable")]
    half = file.with_name(f"{file.name}{HALF}")
    frame.to_parquet(half, index=False, write_covering_bbox=True, row_group_size=_GROUP)
    return half.replace(file)


def _rows(file: Path) -> pd.DataFrame:
    """Read a part as the function gave it: lists become tuples again."""
    frame = (gpd if b"geo" in pq.read_schema(file).metadata else pd).read_parquet(file)
    for column in frame:
        if pd.api.types.is_object_dtype(frame[column]):
            frame[column] = frame[column].map(lambda cell: tuple(cell) if isinstance(cell, np.ndarray) else cell)
    return frame


def _write(frame: pd.DataFrame, made_from: bytes, file: Path) -> None:
    """Write rows with their lineage to a file that is there either complete or not at all."""
    if isinstance(frame, gpd.GeoDataFrame):
        frame.to_parquet(buffer := BytesIO(), index=False)
        table = pq.read_table(buffer)
    else:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    half = file.with_name(f"{file.stem}-{uuid.uuid4().hex[:8]}{HALF}")
    with half.open("wb") as stream:
        said = (table.schema.metadata or {}) | {_LINEAGE: made_from}
        pq.write_table(table.replace_schema_metadata(said), stream, compression="zstd")
        stream.flush()
        os.fsync(stream.fileno())
    half.replace(file)
