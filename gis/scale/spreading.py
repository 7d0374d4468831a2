"""Features spread out over GeoParquet partitions that are compact in space."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from gis.errors import EmptyError, UsageError
from gis.scale import sources
from gis.scale.sources import HALF, PART, Source

# things a partition; with ten rows each, a worker takes about 1 GB
ROWS = 250_000
_BATCH = 50_000


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
    half = target.with_name(target.name + HALF)
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    if isinstance(source, gpd.GeoDataFrame):
        source.to_parquet(half / "source.parquet", index=False)
    files = sources.files(half if isinstance(source, gpd.GeoDataFrame) else source)
    geo = sources.geometry(files[0])
    rank = _ranks(files, geo["primary_column"])
    if not len(rank):
        raise EmptyError(f"{', '.join(file.name for file in files)}: no features to spread out")
    count = -(-len(rank) // rows)
    _scatter(files, rank, count, half)
    for number in range(count):
        _gather(half / f"{number}.arrow", half / PART.format(number), geo)
    (half / "source.parquet").unlink(missing_ok=True)
    half.rename(target)
    return target


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
