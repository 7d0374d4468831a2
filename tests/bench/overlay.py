"""Compare overlay in gis with geopandas, shapely, PostGIS and DuckDB, side by side: `scripts/bench overlay --help`.

Five questions on layers of one synthetic city at several sizes, and on the sample town:

* meetings: every tuple of block, unit, project and catchment that shares ground, with its area;
* cells: the ledger, a partition of the ground in which slivers are settled and every feature's account balances;
* cells with geometry: the same, with the shapes;
* buildings: floor area spread over blocks by area, from the WKB in the files to the sums;
* overlaps: where parcels of one layer lie over each other.

Every run is a process of its own, and all contestants take turns. Seconds are from layers in memory to the answer,
with whatever the contestant needs first (indexes, arrays of coordinates, COPY into tables): what a database needs
before it can be asked stands in a column of its own and counts towards the ratios. Buildings start at the files.
Processor seconds are user and system time of all threads, and of the server for PostGIS; one thread has one processor.
`whole` is the process from its start to the answer, with imports and reading. In a first run nothing is compiled, as
on a new machine; all others have the compiled kernels on disk. Ratios are the baseline's figure ÷ this one: above 1 is
better than the baseline.

geopandas has no ledger. Cells are held against its chain of intersections, which gives the meetings alone: no ground
outside a layer, nothing settled, nothing balanced. Its chain of unions comes nearer to the question, and is shown where
it ends within minutes.

Answers are compared tuple by tuple in the same run: the same features, and areas no further apart than 10⁻⁶ m² and
10⁻¹⁰ m² for each metre of their outlines; a tuple smaller than that may be missing on either side.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.bench import agreement, city, databases, measuring, peers
from tests.bench.measuring import Run

OURS = "gis, one thread"
OURS_TWO = "gis, two threads"
FIRST = "gis, one thread, first run"
SMALL = ("toy", "town", "S")
CACHE = Path("out") / "bench"
PACKAGES = ("geopandas", "shapely", "numba", "numpy", "pandas", "pyarrow", "duckdb")
TITLES = {
    "meetings": "Meetings",
    "cells": "Balanced cells with slivers",
    "facets": "Balanced cells with slivers and geometry",
    "buildings": "Floor area of buildings by block, end to end from WKB",
    "overlaps": "Overlaps of a coverage",
}
# question -> whom gis is held against
BASELINE = {
    "meetings": "geopandas",
    "cells": "geopandas, intersections",
    "facets": "geopandas, intersections",
    "buildings": "geopandas",
    "overlaps": "shapely, pairwise",
}


@dataclass(frozen=True)
class Entry:
    """Enter a contestant for a question; `once` lets it run a single time at large sizes."""

    question: str
    who: str
    job: str
    threads: int = 1
    cold: bool = False
    once: bool = False
    sizes: tuple[str, ...] = (*city.SIZES, city.TOWN)


@dataclass(frozen=True)
class Target:
    """Say by how much gis is to be better than the baseline at one size, in one of the figures of a Run."""

    question: str
    who: str
    figure: str
    ratio: float
    size: str = "M"


@dataclass
class Results:
    """Hold one size: medians by question and contestant, agreement with gis, and the files of answers."""

    size: str
    case: Path
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)
    agreements: dict[tuple[str, str], agreement.Agreement] = field(default_factory=dict)
    worst: dict[str, dict[str, float]] = field(default_factory=dict)

    def ratio(self, question: str, who: str, figure: str) -> float:
        """Return the baseline's figure ÷ that of a contestant; NaN where one is missing."""
        runs = (self.runs.get((question, name), Run()) for name in (BASELINE[question], who))
        baseline, own = (_figure(run, figure) for run in runs)
        return baseline / own if own else float("nan")


ENTRIES = [
    *(Entry(question, OURS, f"tests.bench.ours:{question}") for question in TITLES),
    *(Entry(question, OURS_TWO, f"tests.bench.ours:{question}", threads=2) for question in TITLES),
    *(Entry(question, FIRST, f"tests.bench.ours:{question}", cold=True, once=True) for question in TITLES),
    Entry("meetings", "geopandas", "tests.bench.peers:chain"),
    Entry("meetings", "shapely, contained first", "tests.bench.peers:contained first"),
    Entry("cells", "geopandas, unions", "tests.bench.peers:unions", once=True, sizes=("toy", "town", "S")),
    Entry("buildings", "geopandas", "tests.bench.peers:buildings"),
    Entry("overlaps", "shapely, pairwise", "tests.bench.peers:pairwise"),
    *(
        Entry(question, label, f"tests.bench.databases:{name} {question}", threads=2, once=True)
        for name, label in {"postgis": "PostGIS", "duckdb": "DuckDB"}.items()
        for question in databases.STEPS
    ),
]

TARGETS = [
    Target("meetings", OURS, "cpu_s", 25),
    Target("meetings", OURS_TWO, "wall_s", 40),
    Target("cells", OURS, "cpu_s", 8),
    Target("facets", OURS, "cpu_s", 2),
    Target("facets", OURS_TWO, "wall_s", 3),
    Target("buildings", OURS, "cpu_s", 12),
    Target("overlaps", OURS, "cpu_s", 12),
    *(Target(question, OURS, "peak_mb", 2) for question in TITLES),
    *(Target(question, who, "whole_wall_s", 1, "S") for who in (OURS, FIRST) for question in TITLES),
]
FIGURES = {
    "cpu_s": "processor seconds",
    "wall_s": "wall seconds",
    "whole_wall_s": "whole process, wall seconds",
    "peak_mb": "peak memory",
}


def measure(size: str, rounds: int, *, cache: Path = CACHE, entries: Sequence[Entry] = ENTRIES) -> Results:
    """Run all contestants in turns on one size, and compare what they answer.

    Parameters
    ----------
    size
        One of city.SIZES, or "town".
    rounds
        How often each runs; medians count.
    cache
        Where the layers are kept.
    entries
        The contestants; those that are not installed are left out.

    Returns
    -------
    Results
    """
    results = Results(size, city.write(size, cache))
    taking_part = [entry for entry in entries if _takes_part(entry, results)]
    runs: dict[Entry, list[Run]] = {entry: [] for entry in taking_part}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for entry in taking_part:
                if number and entry.once and size not in SMALL:
                    continue
                answer = None if number else _answer(Path(folder), entry.question, entry.who)
                run = measuring.fresh(entry.job, results.case, threads=entry.threads, cold=entry.cold, answer=answer)
                print(f"{size} {entry.question} {entry.who}: {_said(run)}", file=sys.stderr, flush=True)
                runs[entry].append(run)
        results.runs |= {(entry.question, entry.who): measuring.median(found) for entry, found in runs.items()}
        for question in ("cells", "facets"):
            results.runs[question, BASELINE[question]] = results.runs["meetings", BASELINE["meetings"]]
        _compare(results, Path(folder))
    return results


def _takes_part(entry: Entry, results: Results) -> bool:
    """Tell whether a contestant is installed and the size has the layers of its question."""
    installed = {"postgis": bool(os.environ.get(databases.DSN)), "duckdb": databases.has_duckdb()}
    name = entry.job.partition(":")[2].partition(" ")[0]
    layers = agreement.TUPLES.get(entry.question, {}).values()
    there = all((results.case / f"{layer}.parquet").exists() for layer in layers)
    return there and installed.get(name, True) and results.size in entry.sizes


def _compare(results: Results, folder: Path) -> None:
    """Hold every answer against that of gis on one thread; note how well the ledgers balance."""
    for (question, who), run in results.runs.items():
        ours, theirs = (_answer(folder, question, name) for name in (OURS, who))
        if question not in agreement.TUPLES:
            if who == OURS and ours.exists():
                with np.load(ours) as worst:
                    results.worst[question] = {name: float(worst[name]) for name in worst}
        elif who != OURS and not run.failure and ours.exists():
            results.agreements[question, who] = agreement.compare(question, results.case, ours, theirs)


def _answer(folder: Path, question: str, who: str) -> Path:
    return folder / f"{question}, {who}.npz"


def _figure(run: Run, figure: str) -> float:
    """Return a figure of a run, preparation counted."""
    prepared = {"cpu_s": run.prepare_cpu_s, "wall_s": run.prepare_wall_s}
    return getattr(run, figure) + prepared.get(figure, 0.0)


def _said(run: Run) -> str:
    return run.failure or f"{run.rows:,} rows, {run.cpu_s:.2f} s CPU, {run.wall_s:.2f} s wall, {run.peak_mb:,.0f} MB"


def section(results: Results) -> str:
    """Write the tables of one size.

    Parameters
    ----------
    results
        As `measure` gives them.

    Returns
    -------
    str
    """
    layers = [file.stem for file in sorted(results.case.glob("*.parquet")) if file.stem not in {"redrawn", "shed"}]
    counts = [f"{pq.read_metadata(results.case / f'{name}.parquet').num_rows:,} {name}s" for name in layers]
    parts = [f"## {results.size}: {', '.join(counts)}"]
    for question, title in TITLES.items():
        rows = [_row(results, question, who) for asked, who in results.runs if asked == question]
        if rows:
            parts += [f"### {title}", measuring.table(rows), *_balance(results, question)]
    return "\n\n".join(parts)


def _row(results: Results, question: str, who: str) -> dict[str, str]:
    """Lay out one contestant."""
    run = results.runs[question, who]
    ratios = {figure: results.ratio(question, who, figure) for figure in ("cpu_s", "wall_s", "peak_mb")}
    return {
        "who": f"{who} ({run.failure})" if run.failure else who,
        "rows": f"{run.rows:,}" if run.rows else "–",
        "prepare s": _number(run.prepare_wall_s, 2) if run.prepare_wall_s > 0.001 else "–",
        "wall s": _number(run.wall_s, 3),
        "CPU s": _number(run.cpu_s, 3),
        "CPU ratio": _number(ratios["cpu_s"], 1),
        "wall ratio": _number(ratios["wall_s"], 1),
        "peak MB": _number(run.peak_mb, 0),
        "memory ratio": _number(ratios["peak_mb"], 1),
        "whole s": _number(run.whole_wall_s, 2),
        "tuples otherwise than gis": _agreed(results.agreements.get((question, who))),
    }


def _number(value: float, digits: int) -> str:
    return "–" if np.isnan(value) else f"{value:,.{digits}f}"


def _agreed(found: agreement.Agreement | None) -> str:
    """Count the tuples that differ by more than the bound, and state the worst difference."""
    if found is None:
        return "–"
    return f"{found.only_ours + found.only_theirs + found.beyond} of {found.tuples:,}; worst {found.worst_m2:.0e} m²"


def _balance(results: Results, question: str) -> Iterator[str]:
    worst = results.worst.get(question)
    if worst:
        text = f"Own area and account of a feature differ by {worst['feature_m2']:.0e} m² at most"
        geometry = worst.get("geometry_m2")
        yield text + (f", a cell and its geometry by {geometry:.0e} m²." if geometry is not None else ".")


def targets(found: Mapping[str, Results]) -> str:
    """Write what was aimed at beside what was measured.

    Parameters
    ----------
    found
        Results by size; targets at other sizes are left out.

    Returns
    -------
    str
    """
    rows = []
    for target in TARGETS:
        if target.size in found:
            ratio = found[target.size].ratio(target.question, target.who, target.figure)
            rows.append(
                {
                    "size": target.size,
                    "question": TITLES[target.question],
                    "who": target.who,
                    "figure": FIGURES[target.figure],
                    "against": BASELINE[target.question],
                    "wanted": f"{target.ratio:g}×",
                    "measured": f"{ratio:.2f}×",
                    "": "met" if ratio >= target.ratio else "**not met**",
                }
            )
    for size, results in found.items():
        for (question, who), agreed in results.agreements.items():
            if who == BASELINE[question]:
                row = {"size": size, "question": TITLES[question], "who": OURS, "figure": "tuples that differ"}
                row |= {"against": who, "wanted": "0", "measured": _agreed(agreed)}
                rows.append(row | {"": "met" if agreed.holds else "**not met**"})
    return measuring.table(rows) if rows else ""


def report(found: Mapping[str, Results], rounds: int, arguments: Sequence[str], orders: str = "") -> str:
    """Write all sizes with what they mean, where they were measured and how to measure them again.

    Parameters
    ----------
    found
        Results by size.
    rounds
        Of which the medians count.
    arguments
        Of the command.
    orders
        What the trial of orders said.

    Returns
    -------
    str
    """
    prose = (__doc__ or "").partition("\n\n")[2].strip()
    dsn = os.environ.get(databases.DSN)
    server = databases.versions(dsn) if dsn else "no PostGIS server"
    kept = (
        "The baseline's script is [peers.py](../tests/bench/peers.py), the databases' is"
        " [databases.py](../tests/bench/databases.py), the city's [city.py](../tests/bench/city.py)."
    )
    where = f"Measured on {measuring.machine(PACKAGES)}, {server}; rounds: {rounds}, of which the median counts"
    where += ", but one for databases and first runs at M and L. Again: `" + " ".join(arguments) + "`."
    parts = ["# Overlay against geopandas, shapely, PostGIS and DuckDB", prose, kept, orders, where]
    parts += ["## Targets", targets(found), *(section(results) for results in found.values())]
    return "\n\n".join(part for part in parts if part) + "\n"


def tried(size: str, cache: Path) -> str:
    """Say how fast the baseline's orders are.

    Parameters
    ----------
    size
        On which they are tried.
    cache
        Where the layers are kept.

    Returns
    -------
    str
    """
    orders = peers.trial(city.write(size, cache))
    best = "; ".join(f"{row.order} {row.cpu_s:.2f} s" for row in orders.head(3).itertuples())
    return (
        f"Of the {len(orders)} orders of geopandas' chain, tried at {size}, these are the fastest: {best}; the slowest"
        f" takes {orders['cpu_s'].iloc[-1]:.2f} s. Measured is {', '.join(peers.ORDER)}, the fastest of these at M."
    )


def options() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="scripts/bench overlay", description=(__doc__ or "").partition("\n")[0])
    sizes = [city.TOWN, *city.SIZES]
    parser.add_argument("--sizes", nargs="+", choices=sizes, default=["town", "S", "M"], help=", ".join(sizes))
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the medians count")
    parser.add_argument("--questions", nargs="+", choices=TITLES, default=list(TITLES), help=", ".join(TITLES))
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="where the layers are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report, such as docs/bench-overlay.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, measure, print, and write the report where it is asked for."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = options().parse_args(given)
    # meetings are always measured: their baseline is that of cells too
    entries = [entry for entry in ENTRIES if entry.question in {"meetings", *chosen.questions}]
    with databases.server() as dsn:
        os.environ[databases.DSN] = dsn
        orders = tried("S", chosen.cache) if "S" in chosen.sizes else ""
        found = {size: measure(size, chosen.rounds, cache=chosen.cache, entries=entries) for size in chosen.sizes}
        text = report(found, chosen.rounds, ["scripts/bench", "overlay", *given], orders)
    print(text)
    if chosen.write:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
