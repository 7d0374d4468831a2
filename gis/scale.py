"""Beyond one machine: the same analyses partition by partition, on dask, with rows identical to those of a single run.

Things (buildings by the million) lie in partitions; every thing stands in exactly one and owns its rows, so what
crosses the border of a partition counts once. The other layers are blocks, units, catchments: each partition reads of
them what meets its own box. Finished partitions lie in a folder, one file each, under the fingerprint of what they were
made from: whatever is killed, only what is missing, or made from something else, is computed again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
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
import shapely
from dask.base import get_scheduler
from dask.delayed import Delayed
from distributed import Client, KilledWorker
from numpy.typing import NDArray

from gis import crs, lineage
from gis.analysis import assignment, overlay
from gis.analysis.acceptance import require_columns
from gis.errors import CrsError, EmptyError, FrameError, GisError, SourceError, UsageError

Source = str | Path | Sequence[str | Path]
Frames = Mapping[str, gpd.GeoDataFrame]
Analysis = Callable[..., pd.DataFrame]

# things a partition; with ten rows each, a worker takes about 1 GB
ROWS = 250_000
_LINEAGE = b"gis:lineage"
_PART = "part-{:05d}.parquet"
_HALF = ".half"
_BATCH, _GROUP = 50_000, 2_000
_log = logging.getLogger(__name__)


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
    drawn = {layer: _read(frame, [f"{layer}_id"]) for layer, frame in layers.items()}
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
    UsageError
        By area, a partition has no more things than a layer has features there: the features would own the ground, and
        shares differ in their last digit from those of a single run (with more things, and kernels compiled).
    GisError
        Its other children as in `by_partition`.
    """
    drawn = {layer: _read(frame, [f"{layer}_id"]) for layer, frame in targets.items()}
    return by_partition(_assign, things, drawn, out, key=key, parameters={"key": key, "by": by}, client=client)


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
    frames = {layer: _read(frame) for layer, frame in layers.items()}
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
    files = [folder / _PART.format(number) for number in range(len(items))]
    for stale in {*folder.glob("part-*.parquet"), *folder.glob(f"part-*{_HALF}")} - {*files}:
        stale.unlink(missing_ok=True)
    _log.info("%d of %d partitions computed, %d rows", sum(new for new, _ in done), len(done), sum(n for _, n in done))
    # dask would make another kind of text of it
    with dask.config.set({"dataframe.convert-string": False}):
        return dd.from_map(_rows, files, meta=meta)


def spread_out(source: gpd.GeoDataFrame | Source, folder: str | Path, *, rows: int = ROWS) -> Path:
    """Write features as GeoParquet partitions, each compact in space, holding one partition in memory at a time.

    Parameters
    ----------
    source
        A frame, GeoParquet files or a folder of them (geometry as WKB), in whatever order.
    folder
        Where the partitions go; must not exist yet.
    rows
        Features a partition, at most.

    Returns
    -------
    pathlib.Path
        The folder: `part-00000.parquet` and so on, along a Hilbert curve, with all columns.

    Raises
    ------
    UsageError, SourceError, EmptyError
        A folder that exists, or no row a partition; a file that is missing or no GeoParquet; no features.

    Notes
    -----
    Of the whole, some 50 bytes a feature are held. Scratch files, one a partition, are open together for a while.
    """
    target = Path(folder)
    if target.exists() or rows < 1:
        raise UsageError(f"{target} exists, or rows is {rows}: name a new folder and 1 row or more", folder=str(target))
    half = target.with_name(target.name + _HALF)
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    if isinstance(source, gpd.GeoDataFrame):
        source.to_parquet(half / "source.parquet", index=False)
    files = _files(half if isinstance(source, gpd.GeoDataFrame) else source)
    geo = _geo(files[0])
    rank = _ranks(files, geo["primary_column"])
    if not len(rank):
        raise EmptyError(f"{', '.join(file.name for file in files)}: no features to spread out")
    count = -(-len(rank) // rows)
    _scatter(files, rank, count, half)
    for number in range(count):
        _gather(half / f"{number}.arrow", half / _PART.format(number), geo)
    (half / "source.parquet").unlink(missing_ok=True)
    half.rename(target)
    return target


@dataclass(frozen=True)
class _Job:
    """Hold what all partitions of a run share; small, for it travels with every task."""

    function: Analysis
    columns: list[str]
    parameters: dict[str, Any]
    layers: dict[str, Path]
    folder: Path


def _common_ground(things: gpd.GeoDataFrame, layers: Frames, *, name: str) -> pd.DataFrame:
    """Run `overlay.common_ground` with the things as owners, in one thread."""
    return overlay.common_ground({name: things, **layers}, owner=name, workers=1)


def _assign(things: gpd.GeoDataFrame, layers: Frames, *, key: str, by: str) -> pd.DataFrame:
    """Run `assignment.assign` where things own the ground that is measured."""
    most = max(map(len, layers.values()), default=0)
    if by == "area" and 0 < len(things) <= most:
        raise UsageError(f"{len(things)} things meet {most} features of a layer; take partitions with more things")
    return assignment.assign(things, layers, key=key, by=by).sort_values(key, ignore_index=True)


def _part(item: gpd.GeoDataFrame | Path, number: int, job: _Job) -> tuple[bool, int]:
    """Compute a partition unless its file says that it was made from the same; return whether, and its rows."""
    which = item.name if isinstance(item, Path) else "of a dask frame"
    try:
        things = _plain(_read(item, job.columns))
        keys = things[job.columns[0]].astype(str)
        which = f"{len(things)} things, {keys.min()} to {keys.max()}"
        box = tuple(things.total_bounds.tolist()) if len(things) else (1, 1, 0, 0)
        near = {layer: gpd.read_parquet(kept, bbox=box) for layer, kept in job.layers.items()}
        name = f"{job.function.__module__}.{job.function.__qualname__}"
        made_from = lineage.of(name, {"things": things, **near}, **job.parameters, layers=list(near)).json().encode()
        file = job.folder / _PART.format(number)
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
    files = _files(things)
    empties = {json.dumps(_geo(file).get("columns"), sort_keys=True): file for file in files}
    frames = {f"things ({file.name})": _empty(file, columns) for file in empties.values()}
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


def _files(source: Source) -> list[Path]:
    """List the files of a source; of a folder, those that do not begin with _ or a dot, by name."""
    if not isinstance(source, str | Path | Sequence):
        kind = type(source).__name__
        raise UsageError(f"a {kind} came; hand in a dask GeoDataFrame or GeoParquet files", came=kind)
    paths = [Path(source)] if isinstance(source, str | Path) else [Path(path) for path in source]
    found = [file for path in paths for file in (sorted(path.glob("[!_.]*.parquet")) if path.is_dir() else [path])]
    missing = [file.name for file in found or paths if not file.is_file()]
    if missing:
        raise SourceError(f"no GeoParquet at {', '.join(missing)}", files=missing)
    return found


def _geo(file: Path) -> dict[str, Any]:
    """Return what a GeoParquet file says of its geometry."""
    try:
        metadata = pq.read_schema(file).metadata or {}
    except pa.ArrowInvalid as error:
        raise SourceError(f"{file.name} is no Parquet file: {error}", file=file.name) from error
    if b"geo" not in metadata:
        raise SourceError(f"{file.name} is no GeoParquet: it says nothing of geometry", file=file.name)
    return dict(json.loads(metadata[b"geo"]))


def _empty(file: Path, columns: Sequence[str]) -> gpd.GeoDataFrame:
    """Return the frame that a file would give if it had no rows."""
    geo, table = _geo(file), pq.read_schema(file).empty_table().to_pandas()
    require_columns(file.name, table, columns)
    name = geo["primary_column"]
    # without an entry GeoParquet means longitude and latitude; null is unknown
    shapes = gpd.GeoSeries([], index=table.index, crs=geo["columns"][name].get("crs", "OGC:CRS84"))
    return gpd.GeoDataFrame(table[[*columns]].assign(**{name: shapes}), geometry=name)


def _read(source: gpd.GeoDataFrame | Source, columns: Sequence[str] | None = None) -> gpd.GeoDataFrame:
    """Return a frame, read from its files if it is none; columns besides the geometry, None for all."""
    if isinstance(source, gpd.GeoDataFrame):
        return source
    files = _files(source)
    wanted = {file: None if columns is None else [*_empty(file, columns)] for file in files}
    frames = [gpd.read_parquet(file, columns=wanted[file]) for file in files]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def _kept(frame: gpd.GeoDataFrame, file: Path) -> Path:
    """Write a layer along a curve in small groups, so that what meets a box can be read with little else."""
    if len(frame):
        frame = frame.iloc[np.argsort(frame.hilbert_distance().to_numpy(), kind="stable")]
    half = file.with_name(f"{file.name}{_HALF}")
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
    half = file.with_name(f"{file.stem}-{uuid.uuid4().hex[:8]}{_HALF}")
    with half.open("wb") as stream:
        said = (table.schema.metadata or {}) | {_LINEAGE: made_from}
        pq.write_table(table.replace_schema_metadata(said), stream, compression="zstd")
        stream.flush()
        os.fsync(stream.fileno())
    half.replace(file)


def _ranks(files: Sequence[Path], geometry: str) -> NDArray[np.intp]:
    """Return the place of each feature when they are sorted along a Hilbert curve by the middles of their boxes."""
    middles = [np.empty((0, 2))]
    for batch in _batches(files, [geometry]):
        box = shapely.bounds(shapely.from_wkb(batch[geometry].to_numpy(zero_copy_only=False)))
        middles.append((box[:, :2] + box[:, 2:]) / 2)
    middle = np.concatenate(middles)
    there = np.isfinite(middle).all(axis=1)
    along = np.zeros(len(middle), dtype=np.uint32)
    bounds = (*middle[there].min(axis=0, initial=np.inf), *middle[there].max(axis=0, initial=-np.inf))
    # a point is a hundred bytes, so they are made a batch at a time
    for rows in np.array_split(np.flatnonzero(there), len(middle) // _BATCH + 1):
        if len(rows):
            along[rows] = gpd.GeoSeries(shapely.points(middle[rows])).hilbert_distance(total_bounds=bounds).to_numpy()
    rank = np.empty(len(along), dtype=np.intp)
    rank[np.argsort(along, kind="stable")] = np.arange(len(along))
    return rank


def _scatter(files: Sequence[Path], rank: NDArray[np.intp], count: int, folder: Path) -> None:
    """Write each row, with its place along the curve, into the scratch file of its partition."""
    begin, writers = 0, {}
    with ExitStack() as stack:
        for batch in _batches(files):
            here = rank[begin : begin + len(batch)]
            begin += len(batch)
            order = np.argsort(here)
            # an index that pandas wrote says nothing of another order
            columns = {name: batch[name] for name in batch.schema.names if not name.startswith("__index_level_")}
            placed = pa.record_batch(columns | {"_rank": pa.array(here)}).take(pa.array(order))
            numbers, first = np.unique(here[order] * count // len(rank), return_index=True)
            for number, start, end in zip(numbers.tolist(), first, [*first[1:], len(here)], strict=True):
                if number not in writers:
                    file = stack.enter_context(pa.OSFile(str(folder / f"{number}.arrow"), "wb"))
                    writers[number] = stack.enter_context(pa.ipc.new_stream(file, placed.schema))
                writers[number].write_batch(placed.slice(start, end - start))


def _batches(files: Sequence[Path], columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of files in order, a batch at a time."""
    for file in files:
        with pq.ParquetFile(file) as opened:
            yield from opened.iter_batches(_BATCH, columns=columns, use_threads=False)


def _gather(scratch: Path, file: Path, geo: dict[str, Any]) -> None:
    """Write the rows of a partition in their order, with the box that they have."""
    with pa.OSFile(str(scratch), "rb") as stream, pa.ipc.open_stream(stream) as rows:
        table = rows.read_all().sort_by("_rank").drop_columns("_rank")
    scratch.unlink()
    column = geo["primary_column"]
    box = shapely.total_bounds(shapely.from_wkb(table[column].to_numpy())).tolist()
    columns = geo["columns"] | {column: geo["columns"][column] | {"bbox": box}}
    said = {b"geo": json.dumps(geo | {"columns": columns}).encode()}
    pq.write_table(table.replace_schema_metadata(said), file, compression="zstd")
