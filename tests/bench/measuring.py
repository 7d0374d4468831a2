"""Measure a job in a fresh process: wall and processor seconds, peak memory; and describe the machine.

`fresh` starts `python -m tests.bench.measuring`, which imports the module that the job stands in, reads what the job
needs, prepares, runs, and only then keeps the answer for comparison. Pools of threads that numpy, Arrow and numba
would fill with all processors are held to the number asked for, and so is the process where the system can do it.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

POOLS = (
    "ARROW_IO_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
MINUTES = 60


def peak_mb() -> float:
    """Return the most memory that this process held so far, MB.

    Returns
    -------
    float
        What it holds now where the system does not tell the peak.

    Notes
    -----
    `ru_maxrss` will not do: on Linux a process starts with the peak of the one that started it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss) / 1024**2


@dataclass(frozen=True)
class Job:
    """Say what is measured.

    Parameters
    ----------
    run
        Takes what was read and the number of threads, gives the answer: this is what is timed.
    read
        Reads the folder of a case; counts only towards the whole process.
    prepare
        Takes what was read; timed apart, for those that index or load first.
    rows
        Counts the answer.
    keep
        Writes what is compared of the answer into a file, untimed: case folder, answer, file.
    clock
        Processor seconds used up to now.
    peak_mb
        Most memory held up to now, MB; NaN where another process does the work.
    """

    run: Callable[[Any, int], Any]
    read: Callable[[Path], Any] = lambda case: case
    prepare: Callable[[Any], object] = lambda data: None
    rows: Callable[[Any], int] = len
    keep: Callable[[Path, Any, Path], None] = lambda case, answer, file: None
    clock: Callable[[], float] = time.process_time
    peak_mb: Callable[[], float] = peak_mb


@dataclass(frozen=True)
class Run:
    """Hold what was measured: seconds of wall clock and processor, MB at the peak, rows of the answer.

    `whole` is the process from its start to the answer, with imports and reading. NaN stands for what could not be
    measured; `failure` says why a run gave no answer.
    """

    wall_s: float = float("nan")
    cpu_s: float = float("nan")
    prepare_wall_s: float = float("nan")
    prepare_cpu_s: float = float("nan")
    whole_wall_s: float = float("nan")
    whole_cpu_s: float = float("nan")
    peak_mb: float = float("nan")
    rows: int = 0
    failure: str = ""


def fresh(job: str, case: Path, *, threads: int = 1, cold: bool = False, answer: Path | None = None) -> Run:
    """Measure a job in a process of its own.

    Parameters
    ----------
    job
        Module and key in its JOBS, as in "tests.bench.peers:chain".
    case
        Folder that the job reads.
    threads
        How many the job and all pools may use.
    cold
        Whether kernels that were compiled earlier are out of reach.
    answer
        File for what is compared.

    Returns
    -------
    Run
        With a failure if the process ended otherwise than well.
    """
    environment = os.environ | dict.fromkeys(POOLS, str(threads))
    # bytecode is kept, as it is on an analyst's machine and as it is of all installed packages
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as empty:
        if cold:
            environment["NUMBA_CACHE_DIR"] = empty
        order = {"job": job, "case": str(case), "threads": threads, "answer": answer and str(answer)}
        order["started"] = time.time()
        command = [sys.executable, "-m", "tests.bench.measuring", json.dumps(order)]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60 * MINUTES)
        except subprocess.TimeoutExpired:
            return Run(failure=f"stopped after {MINUTES} minutes")
    if done.returncode:
        # the line that names the exception; its text may go on below
        said = [line for line in done.stderr.splitlines() if ": " in line and not line.startswith(" ")]
        return Run(failure=said[-1][:100] if said else f"ended with {done.returncode}")
    # libraries may talk before and after
    return Run(**json.loads([line for line in done.stdout.splitlines() if line.startswith("{")][-1]))


def carry_out(order: Mapping[str, Any]) -> Run:
    """Do what `fresh` asks for, in this process.

    Parameters
    ----------
    order
        job, case, threads, answer, and started (seconds since 1970).

    Returns
    -------
    Run
    """
    if hasattr(os, "sched_setaffinity"):
        # the last processors: the first has the interrupts
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-order["threads"] :])
    module, _, name = order["job"].partition(":")
    job: Job = importlib.import_module(module).JOBS[name]
    case = Path(order["case"])
    data = job.read(case)
    seconds = []
    for step in (lambda: job.prepare(data), lambda: job.run(data, order["threads"])):
        wall, cpu = time.perf_counter(), job.clock()
        result = step()
        seconds += [time.perf_counter() - wall, job.clock() - cpu]
    run = Run(
        prepare_wall_s=seconds[0],
        prepare_cpu_s=seconds[1],
        wall_s=seconds[2],
        cpu_s=seconds[3],
        whole_wall_s=time.time() - order["started"],
        whole_cpu_s=job.clock(),
        peak_mb=job.peak_mb(),
        rows=job.rows(result),
    )
    if order["answer"]:
        job.keep(case, result, Path(order["answer"]))
    return run


def median(runs: Sequence[Run]) -> Run:
    """Return the median of every figure; the first failure if there is one.

    Parameters
    ----------
    runs
        Rounds of one job; at least one.

    Returns
    -------
    Run
    """
    failed = [run for run in runs if run.failure]
    if failed:
        return failed[0]
    figures = [field.name for field in dataclasses.fields(Run) if field.name not in {"rows", "failure"}]
    values = {name: statistics.median(getattr(run, name) for run in runs) for name in figures}
    return Run(**values, rows=runs[0].rows)


def machine(packages: Iterable[str] = ("geopandas", "shapely", "numpy", "pandas")) -> str:
    """Describe the machine and the versions that were measured.

    Parameters
    ----------
    packages
        Whose versions are named; one that is not installed is left out.

    Returns
    -------
    str
    """
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    memory = psutil.virtual_memory().total / 1024**3
    installed = {name: version for name in packages if (version := _version(name))}
    if "shapely" in installed:
        installed["GEOS"] = ".".join(map(str, importlib.import_module("shapely").geos_version))
    versions = ", ".join(f"{name} {version}" for name, version in installed.items())
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GB, {system}, {versions}"


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Lay rows out as a Markdown table.

    Parameters
    ----------
    rows
        The columns are those of the first row, in its order; numbers stand to the right.

    Returns
    -------
    str
    """
    names = list(rows[0])
    numbers = [all(str(row[name])[:1].isdigit() or row[name] in {"", "–"} for row in rows) for name in names]
    rule = ["---:" if number else "---" for number in numbers]
    lines = [names, rule, *([str(row[name]) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    print("\n" + json.dumps(dataclasses.asdict(carry_out(json.loads(sys.argv[1])))))
