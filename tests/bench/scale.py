"""Measure `gis.scale` from ten thousand to ten million buildings, on one worker and two: `scripts/bench scale --help`.

The city is that of the overlay benchmark (city.py) at its density: two hundred buildings and two units a block, and a
circle of 800 m round a station for every ten blocks. Ten million buildings are ten copies of its size M side by side.
The buildings lie in one GeoParquet file; `scale.spread_out` makes partitions of it, and `scale.common_ground` measures
every building with every block, unit and catchment that it shares ground with.

Each run has a fresh cluster of worker processes with one thread and 4 GB each; a worker above that would be killed.
Wall and processor seconds are those of the call, with the loading of modules and kernels in the workers. Of up to a
million buildings the rows are compared with those of a single run, bit by bit; of ten million those of one worker with
those of two. What the processors did meanwhile for others stands beside: where that is much, wall time says little.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client, LocalCluster

from gis import scale
from gis.analysis import overlay
from tests.bench import city, measuring

Result = TypeVar("Result")

CACHE = Path("out") / "bench-scale"
LAYERS = ("block", "unit", "catchment")
KEYS = [f"{layer}_id" for layer in ("building", *LAYERS)]
MEMORY = "4 GB"
# m between copies, so that shaken crossings do not overlap
GAP_M = 60.0
# rows of a single run that are compared, at most: beyond, a single run has no room
COMPARED = 1_000_000
PACKAGES = ("dask", "distributed", "dask-geopandas", "geopandas", "shapely", "numba", "numpy", "pandas", "pyarrow")


@dataclass(frozen=True)
class Case:
    """Say how many buildings: a city, how many copies of it, and how many buildings a partition."""

    city: city.Size
    copies: int = 1
    rows: int = scale.ROWS

    @property
    def buildings(self) -> int:
        return self.city.buildings * self.copies


CASES = {
    "toy": Case(city.SIZES["toy"], copies=2, rows=60),
    "1e4": Case(city.Size(7, 14, units=97, stations=5, projects=1, buildings=10_000, parcels=False)),
    "1e5": Case(city.Size(22, 14, units=960, stations=48, projects=1, buildings=100_000, parcels=False)),
    "1e6": Case(city.SIZES["M"]),
    "1e7": Case(city.SIZES["M"], copies=10),
}


@dataclass(frozen=True)
class Run:
    """Hold what was measured of a call: seconds, MB at the peak of the fullest worker and of the caller, and rows.

    `others_cpu_s` is what the machine's processors did meanwhile for anybody else: wall time suffers from it.
    """

    workers: int
    wall_s: float
    workers_cpu_s: float
    caller_cpu_s: float
    others_cpu_s: float
    worker_mb: float
    caller_mb: float
    rows: int
    partitions: int
    digest: str


@dataclass(frozen=True)
class Results:
    """Hold a case's runs, what spreading its file took, and whether its rows are those of a single run."""

    case: Case
    spread: measuring.Run
    runs: Sequence[Run]
    same: bool | None


def write(name: str, cache: Path) -> Path:
    """Write a case's layers unless they lie there already.

    Parameters
    ----------
    name
        One of CASES.
    cache
        Where cases are kept.

    Returns
    -------
    pathlib.Path
        Folder with building.parquet, block.parquet, unit.parquet and catchment.parquet.
    """
    drawn = hashlib.sha256(Path(city.__file__).read_bytes() + repr(CASES[name]).encode()).hexdigest()[:8]
    folder = cache / f"{name}-{drawn}"
    if not folder.exists():
        half = folder.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for layer, frame in city.city(CASES[name].city):
            if layer in {"building", *LAYERS}:
                _write_copies(frame[[f"{layer}_id", "geometry"]], CASES[name], half / f"{layer}.parquet")
        half.rename(folder)
    return folder


def _write_copies(frame: gpd.GeoDataFrame, case: Case, file: Path) -> None:
    """Write a layer's copies one below the other, holding one at a time."""
    key, pitch = frame.columns[0], case.city.side * city.SIDE_M + GAP_M
    across = math.ceil(math.sqrt(case.copies))
    writer = None
    for number in range(case.copies):
        row, column = divmod(number, across)
        moved = frame.translate(column * pitch, row * pitch) if number else frame.geometry
        keys = f"{number:02d}-" + frame[key] if case.copies > 1 else frame[key]
        buffer = pa.BufferOutputStream()
        gpd.GeoDataFrame({key: keys}, geometry=moved, crs=frame.crs).to_parquet(buffer, index=False)
        table = pq.read_table(pa.BufferReader(buffer.getvalue()))
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table.replace_schema_metadata(writer.schema.metadata), row_group_size=city.ROW_GROUP)
    if writer is not None:
        writer.close()


def _spread(case: Path) -> Path:
    """Spread a case's buildings out anew."""
    rows = CASES[case.name.partition("-")[0]].rows
    shutil.rmtree(case / "spread", ignore_errors=True)
    return scale.spread_out(case / "building.parquet", case / "spread", rows=rows)


JOBS = {
    "spread": measuring.Job(
        lambda case, threads: _spread(case),
        rows=lambda folder: sum(pq.read_metadata(file).num_rows for file in folder.iterdir()),
    )
}


def run(case: Path, workers: int) -> Run:
    """Measure the call on a fresh cluster; the result stays in the case's folder.

    Parameters
    ----------
    case
        Folder of the case, spread out.
    workers
        Number of worker processes.

    Returns
    -------
    Run
    """
    out = case / f"ground-{workers}"
    shutil.rmtree(out, ignore_errors=True)
    layers = {layer: case / f"{layer}.parquet" for layer in LAYERS}
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit=MEMORY, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        before, own, all_, wall = client.run(time.process_time), time.process_time(), _busy_s(), time.perf_counter()
        scale.common_ground(case / "spread", layers, out, client=client)
        wall, own, all_ = time.perf_counter() - wall, time.process_time() - own, _busy_s() - all_
        after, peaks = client.run(time.process_time), client.run(measuring.peak_mb)
        if before.keys() != after.keys():
            raise RuntimeError("a worker was lost, so its figures are too")
    files = sorted(out.glob("part-*.parquet"))
    theirs = sum(after.values()) - sum(before.values())
    return Run(
        workers=workers,
        wall_s=wall,
        workers_cpu_s=theirs,
        caller_cpu_s=own,
        others_cpu_s=max(all_ - theirs - own, 0.0),
        worker_mb=max(peaks.values()),
        caller_mb=measuring.peak_mb(),
        rows=sum(pq.read_metadata(file).num_rows for file in files),
        partitions=len(files),
        digest=hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest(),
    )


def _busy_s() -> float:
    """Return how long the machine's processors have been busy, in processor seconds."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - sum(getattr(times, name, 0.0) for name in ("iowait", "guest", "guest_nice"))


def same(case: Path, workers: int) -> bool:
    """Tell whether the rows of a run are those of a single run, to the last bit.

    Parameters
    ----------
    case
        Folder of the case.
    workers
        Which run.

    Returns
    -------
    bool
    """
    frames = {layer: gpd.read_parquet(case / f"{layer}.parquet") for layer in ("building", *LAYERS)}
    single = overlay.common_ground(frames, owner="building", workers=1)
    parts = pq.read_table(sorted((case / f"ground-{workers}").glob("part-*.parquet")))
    ordered = parts.sort_by([(key, "ascending") for key in KEYS])
    return ordered.equals(pa.Table.from_pandas(single, preserve_index=False).cast(ordered.schema))


def measure(name: str, workers: Sequence[int], cache: Path) -> Results:
    """Measure a case.

    Parameters
    ----------
    name
        One of CASES.
    workers
        Numbers of workers.
    cache
        Where cases are kept; results are removed.

    Returns
    -------
    Results
    """
    case = _apart(write, name, cache)
    spread = measuring.fresh("tests.bench.scale:spread", case)
    if spread.failure:
        raise RuntimeError(spread.failure)
    runs = [_apart(run, case, number) for number in workers]
    alike = len({found.digest for found in runs}) == 1
    compared = CASES[name].buildings <= COMPARED
    held = alike and _apart(same, case, workers[0]) if compared else (alike if len(runs) > 1 else None)
    for found in runs:
        shutil.rmtree(case / f"ground-{found.workers}")
    return Results(CASES[name], spread, runs, held)


def _apart(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a process of its own, whose memory is given back."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def report(found: Sequence[Results], arguments: Sequence[str]) -> str:
    """Write all cases with what they mean, where they were measured and how to measure them again.

    Parameters
    ----------
    found
        Results in the order of sizes.
    arguments
        Of the command.

    Returns
    -------
    str
    """
    prose = (__doc__ or "").partition("\n\n")[2].strip()
    rows, spreads = [], []
    for results in found:
        count = results.case.buildings
        for run in results.runs:
            rows.append({
                "buildings": f"{count:,}",
                "workers": f"{run.workers}",
                "partitions": f"{run.partitions}",
                "rows": f"{run.rows:,}",
                "wall s": f"{run.wall_s:.1f}",
                "CPU s, workers": f"{run.workers_cpu_s:.1f}",
                "CPU s, caller": f"{run.caller_cpu_s:.1f}",
                "CPU s, others": f"{run.others_cpu_s:.0f}",
                "CPU µs a building": f"{(run.workers_cpu_s + run.caller_cpu_s) / count * 1e6:,.0f}",
                "CPU µs a row": f"{(run.workers_cpu_s + run.caller_cpu_s) / max(run.rows, 1) * 1e6:,.1f}",
                "peak MB a worker": f"{run.worker_mb:,.0f}",
                "peak MB, caller": f"{run.caller_mb:,.0f}",
                "same rows": {True: "yes", False: "**no**", None: "–"}[results.same],
            })  # fmt: skip
        spread = results.spread
        spreads.append({
            "buildings": f"{count:,}",
            "wall s": f"{spread.wall_s:.1f}",
            "CPU s": f"{spread.cpu_s:.1f}",
            "CPU µs a building": f"{spread.cpu_s / count * 1e6:,.0f}",
            "peak MB": f"{spread.peak_mb:,.0f}",
        })  # fmt: skip
    where = f"Measured once on {measuring.machine(PACKAGES)}. Again: `" + " ".join(arguments) + "`."
    parts = ["# Beyond one machine: ten thousand to ten million buildings", prose, where]
    parts += ["## Common ground", measuring.table(rows), growth(found)]
    parts += ["## Spreading one file out over partitions", measuring.table(spreads)]
    return "\n\n".join(part for part in parts if part) + "\n"


def growth(found: Sequence[Results]) -> str:
    """Say how cost grows with the number of buildings, from size to size and from one worker to two.

    Parameters
    ----------
    found
        Results in the order of sizes.

    Returns
    -------
    str
        Nothing for a single size.
    """
    sentences = []
    for small, large in pairwise(found):
        one, other = small.runs[0], large.runs[0]
        ratio = large.case.buildings / small.case.buildings
        cpu = (other.workers_cpu_s + other.caller_cpu_s) / (one.workers_cpu_s + one.caller_cpu_s)
        sentences.append(
            f"* From {small.case.buildings:,} to {large.case.buildings:,} buildings: {ratio:,.1f} times the buildings,"
            f" {other.rows / max(one.rows, 1):,.1f} times the rows, {cpu:,.1f} times the processor time"
            f" (an exponent of {math.log(cpu) / math.log(ratio):.2f} in the buildings)."
        )
    for results in found:
        if len(results.runs) > 1:
            first, last = results.runs[0], results.runs[-1]
            sentences.append(
                f"* {results.case.buildings:,} buildings: {last.workers} workers take"
                f" {last.wall_s / first.wall_s:.2f} of the wall time of {first.workers}."
            )
    return "\n".join(sentences)


def options() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="scripts/bench scale", description=(__doc__ or "").partition("\n")[0])
    sizes = [*CASES][1:]
    parser.add_argument("--sizes", nargs="+", choices=CASES, default=sizes[:3], help=", ".join(CASES))
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2], help="numbers of workers, each measured")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="where the layers are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report, such as docs/bench-scale.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, measure, print, and write the report where it is asked for."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = options().parse_args(given)
    found = []
    for name in chosen.sizes:
        found.append(measure(name, chosen.workers, chosen.cache))
        print(report(found, ["scripts/bench", "scale", *given]), flush=True)
    if chosen.write:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(report(found, ["scripts/bench", "scale", *given]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
