"""Compare walks and walk-sheds in gis with scipy, pandana, networkx and shapely: `scripts/bench network --help`.

Streets are a bent grid drawn from a seed, with edges that are missing and railways that are crossed only here and
there. Each of 500 stations has four entrances; asked for is what is reached from the nearest of them within 5, 10 and
15 minutes at 1.25 m/s. Entrances lie at nodes, as other tools need them; for gis also where they fall beside the
streets, from where walks start in mid-edge.

* scipy: `csgraph.dijkstra` with `min_only` and `limit`, once a station.
* pandana: `nodes_in_range` from the entrances of all stations in one call, the nearest kept; it is fed metres, because
  it cuts small weights, and walks over a contracted graph. To make that takes minutes, so it is measured once, by
  itself, and remembered beside the streets.
* networkx: `multi_source_dijkstra_path_length` with `cutoff`, once a station; and a graph cut out around each entrance
  with `ego_graph`, as isochrones are made with OSMnx. Both are measured at the first 25 stations; figures are per
  station.

Every run is a process of its own, and all contestants take turns; compiled kernels are on disk and in memory, but for
the first run. Figures are processor milliseconds a station, from the graph to nodes with their seconds, everything that
a contestant asks of its own arrays or dictionaries included. Build is from the streets in memory to the graph: for gis
from lines that have yet to be joined, for the others from numbered nodes and edges. Where entrances meet the network of
gis is found in a column of its own. Peak memory is that of the whole process. Agreement is that of the reached nodes,
station by station and limit by limit, and of the seconds, with scipy.

Ground is drawn within 50 m of all that is reached, cut at railways, and kept where something is reached. shapely is
given the reached stretches as lines, gis finds them itself. Each stretch is buffered and the buffers are united; one
buffer around all stretches takes shapely ten times as long. Doors are 5,000 parcels beside a railway with two crossings
and a station in mid-edge, held against walks found by trying every street near a door; seconds are from the layers to
sheds and parcels.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gis.workflow import warming
from tests.bench import measuring, reaching, walking
from tests.bench.measuring import Run
from tests.bench.walking import LIMITS_S, MINUTES, SIZES

CACHE = Path("out") / "bench"
PACKAGES = ("numba", "numpy", "scipy", "shapely", "geopandas", "pandana", "networkx")
OURS, OURS_TWO, BESIDE, FIRST = "gis, one thread", "gis, two threads", "gis, entrances beside", "gis, first run"
SCIPY, PANDANA, NETWORKX, EGO = "scipy", "pandana", "networkx, many sources", "networkx, ego graphs"
DRAWN, EACH = "gis", "shapely, union of buffers"
BENCH = "tests.bench"


@dataclass(frozen=True)
class Entry:
    """Enter a contestant; `once` is measured once and remembered, `big` takes part at a million edges too."""

    who: str
    job: str
    threads: int = 1
    cold: bool = False
    once: bool = False
    big: bool = True
    needs: str = "scipy"


WALKS = [
    Entry(OURS, f"{BENCH}.walking:gis"),
    Entry(OURS_TWO, f"{BENCH}.walking:gis", threads=2),
    Entry(BESIDE, f"{BENCH}.walking:gis beside", big=False),
    Entry(FIRST, f"{BENCH}.walking:gis first", cold=True, big=False),
    Entry(SCIPY, f"{BENCH}.walking:scipy"),
    Entry(NETWORKX, f"{BENCH}.walking:networkx", needs="networkx"),
    Entry(EGO, f"{BENCH}.walking:ego", needs="networkx"),
    Entry(PANDANA, f"{BENCH}.walking:pandana", once=True, needs="pandana"),
]
GROUND = [
    Entry(DRAWN, f"{BENCH}.reaching:gis", big=False),
    Entry(EACH, f"{BENCH}.reaching:each buffered", big=False),
]


@dataclass(frozen=True)
class Answer:
    """Hold what a contestant answered and how long that took, ms a station for each limit."""

    cpu_ms: NDArray[np.float64]
    wall_ms: NDArray[np.float64]
    stations: int
    enter_s: float
    rows: dict[str, NDArray[np.float64]]


@dataclass
class Results:
    """Hold one size: runs and times by contestant, how walks agree with scipy's, and how alike grounds are."""

    size: str
    edges: int = 0
    nodes: int = 0
    runs: dict[str, Run] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    # by contestant: differing nodes for each limit, and the largest difference in seconds
    apart: dict[str, tuple[list[int], float]] = field(default_factory=dict)
    likeness: dict[str, tuple[float, float]] = field(default_factory=dict)
    threads_alike: bool = True

    def ratio(self, who: str, against: str) -> NDArray[np.float64]:
        """Return how much less processor time a station takes than with another contestant, for each limit."""
        if who not in self.answers or against not in self.answers:
            return np.full(len(LIMITS_S), np.nan)
        return self.answers[against].cpu_ms / self.answers[who].cpu_ms


@dataclass(frozen=True)
class Doors:
    """Hold one case of parcels: misplaced ones by radius, as found by gis, node by node, and in a circle."""

    seed: int
    run: Run
    inside: list[int]
    ours: list[int]
    by_node: list[int]
    circle: list[int]
    worst_m: float


def measure(size: str, rounds: int, cache: Path = CACHE, without: Sequence[str] = ()) -> Results:
    """Run all contestants in turns on one size, and compare what they answer.

    Parameters
    ----------
    size
        One of walking.SIZES.
    rounds
        How often each runs; medians count.
    cache
        Where streets are kept.
    without
        Packages that are left out.

    Returns
    -------
    Results
    """
    case = walking.write(size, cache)
    streets = walking.streets(case)
    results = Results(size, len(streets.ends), len(streets.xy))
    entries = [entry for entry in [*WALKS, *GROUND] if _takes_part(entry, size, without)]
    runs: dict[str, list[Run]] = {entry.who: [] for entry in entries}
    answers: dict[str, list[Answer]] = {entry.who: [] for entry in entries}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for entry in entries:
                if number and (entry.once or entry.cold):
                    continue
                file = Path(folder) / f"{entry.who}.npz"
                run = _once(entry, case, file) if entry.once else _fresh(entry, case, file)
                print(f"{size} {entry.who}: {run.failure or _said(run)}", file=sys.stderr, flush=True)
                runs[entry.who].append(run)
                if not run.failure:
                    answers[entry.who].append(_read(file))
        results.runs = {who: measuring.median(found) for who, found in runs.items()}
        results.answers = {who: _middle(found) for who, found in answers.items() if found}
        _compare(results, case, Path(folder))
    return results


def _takes_part(entry: Entry, size: str, without: Sequence[str]) -> bool:
    """Tell whether a contestant is installed and wanted."""
    return bool(util.find_spec(entry.needs)) and entry.needs not in without and (entry.big or size != "1M")


def _fresh(entry: Entry, case: Path, file: Path) -> Run:
    return measuring.fresh(entry.job, case, threads=entry.threads, cold=entry.cold, answer=file)


def _once(entry: Entry, case: Path, file: Path) -> Run:
    """Measure what takes many minutes once, and remember it beside the case."""
    said, kept = (case / f"once-{entry.job.partition(':')[2]}{ending}" for ending in (".json", ".npz"))
    if said.exists():
        run = Run(**json.loads(said.read_text(encoding="utf-8")))
    else:
        run = _fresh(entry, case, kept)
        if not run.failure:
            said.write_text(json.dumps(dataclasses.asdict(run)), encoding="utf-8")
    if not run.failure:
        file.write_bytes(kept.read_bytes())
    return run


def _said(run: Run) -> str:
    return f"built in {run.prepare_cpu_s:.2f} s CPU, ran {run.cpu_s:.2f} s CPU, {run.peak_mb:,.0f} MB"


def _read(file: Path) -> Answer:
    with np.load(file) as held:
        rows = {name: held[name] for name in ("station", "node", "seconds") if name in held}
        enter = float(held["enter_s"]) if "enter_s" in held else 0.0
        return Answer(held["cpu_ms"], held["wall_ms"], int(held["stations"]), enter, rows)


def _middle(found: Sequence[Answer]) -> Answer:
    """Return the last answer with the median times of all."""
    names = ("cpu_ms", "wall_ms", "enter_s")
    times = {name: np.median([getattr(each, name) for each in found], axis=0) for name in names}
    return dataclasses.replace(found[-1], **times)


def _compare(results: Results, case: Path, folder: Path) -> None:
    """Hold walks against scipy's, and grounds against those of gis."""
    for who in (OURS, OURS_TWO, FIRST, PANDANA, NETWORKX, EGO):
        if who in results.answers and SCIPY in results.answers:
            results.apart[who] = compared(results.answers[who], results.answers[SCIPY])
    if {OURS, OURS_TWO} <= results.answers.keys():
        one, two = (results.answers[who].rows for who in (OURS, OURS_TWO))
        results.threads_alike = all(np.array_equal(one[name], two[name]) for name in one)
    if {DRAWN, EACH} <= results.answers.keys():
        results.likeness[EACH] = reaching.likeness(*(folder / f"{name}.npz" for name in (DRAWN, EACH)))


def compared(ours: Answer, theirs: Answer) -> tuple[list[int], float]:
    """Return how many nodes only one of two reaches within each limit, and the largest difference in seconds.

    Parameters
    ----------
    ours
        What is compared; without seconds only the last limit is.
    theirs
        With what; stations that were not asked for in both do not count.

    Returns
    -------
    tuple
    """
    found = []
    for each in (ours, theirs):
        rows = each.rows["station"] < min(ours.stations, theirs.stations)
        key = each.rows["station"][rows].astype(np.int64) << 32 | each.rows["node"][rows].astype(np.int64)
        found.append((key, each.rows["seconds"][rows]))
    (key, seconds), (other, others) = found
    if np.isnan(seconds).any():
        return [len(np.setxor1d(key, other))], float("nan")
    differ = [len(np.setxor1d(key[seconds <= limit], other[others <= limit])) for limit in LIMITS_S]
    _, i, j = np.intersect1d(key, other, assume_unique=True, return_indices=True)
    return differ, float(np.abs(seconds[i] - others[j]).max(initial=0.0))


def at_doors(seed: int, cache: Path = CACHE, parcels: int = reaching.PARCELS) -> Doors:
    """Measure the doors of one case.

    Parameters
    ----------
    seed
        Of the case.
    cache
        Where cases are kept.
    parcels
        How many there are.

    Returns
    -------
    Doors
    """
    case = reaching.write(seed, cache, parcels)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "doors.npz"
        run = measuring.fresh(f"{BENCH}.reaching:doors", case, answer=file)
        if run.failure:
            raise RuntimeError(run.failure)
        with np.load(file) as held, np.load(case / "truth.npz") as true:
            metres, truth, by_node, circle = held["metres"], true["metres"], true["by_node"], true["circle"]
    known = truth <= reaching.RADII_M[-1]
    worst = np.abs(metres - truth)[known].max(initial=0.0)
    inside = [int((truth <= radius).sum()) for radius in reaching.RADII_M]
    return Doors(seed, run, inside, *(reaching.misplaced(truth, each) for each in (metres, by_node, circle)), worst)


def walks_table(results: Results) -> str:
    """Write a row a contestant.

    Parameters
    ----------
    results
        One size.

    Returns
    -------
    str
    """
    rows = []
    for entry in WALKS:
        run, answer = results.runs.get(entry.who), results.answers.get(entry.who)
        if run is None or answer is None:
            continue
        differ, worst = results.apart.get(entry.who, ([], float("nan")))
        times = {f"{m} min ms": f"{ms:.3f}" for m, ms in zip(MINUTES, answer.cpu_ms, strict=True)}
        rows.append(
            {"who": entry.who, "build s": f"{run.prepare_cpu_s:.2f}", "entrances s": f"{answer.enter_s or 0:.2f}"}
            | times
            | {
                "15 min wall ms": f"{answer.wall_ms[-1]:.3f}",
                "peak MB": f"{run.peak_mb:,.0f}",
                "whole s": f"{run.whole_wall_s:.1f}",
                "stations": f"{answer.stations}",
                "nodes otherwise than scipy": " / ".join(map(str, differ)) or "–",
                "largest difference s": "–" if np.isnan(worst) else f"{worst:.0e}",
            }
        )
    return measuring.table(rows)


def ground_table(results: Results) -> str:
    """Write how long ground takes to draw, and how alike it is.

    Parameters
    ----------
    results
        One size.

    Returns
    -------
    str
        Empty where none was drawn.
    """
    rows = []
    for entry in GROUND:
        answer = results.answers.get(entry.who)
        if answer is None:
            continue
        worst, mean = results.likeness.get(entry.who, (float("nan"), float("nan")))
        times = {f"{m} min ms": f"{ms:.1f}" for m, ms in zip(MINUTES, answer.cpu_ms, strict=True)}
        alike = {"worst likeness to gis": f"{worst:.4f}", "mean": f"{mean:.4f}"} if worst == worst else {}
        rows.append({"who": entry.who} | times | {"sheds": f"{answer.stations * len(MINUTES)}"} | (alike or _NOTHING))
    return measuring.table(rows) if rows else ""


_NOTHING = {"worst likeness to gis": "–", "mean": "–"}


def doors_table(found: Sequence[Doors]) -> str:
    """Write which parcels are misplaced.

    Parameters
    ----------
    found
        One a seed.

    Returns
    -------
    str
    """
    return measuring.table(
        [
            {
                "seed": str(each.seed),
                "radii": " / ".join(f"{radius:.0f}" for radius in reaching.RADII_M),
                "truly in": " / ".join(map(str, each.inside)),
                "misplaced by gis": " / ".join(map(str, each.ours)),
                "largest difference m": f"{each.worst_m:.0e}",
                "misplaced node by node": " / ".join(map(str, each.by_node)),
                "misplaced by a circle": " / ".join(map(str, each.circle)),
                "wall s": f"{each.run.wall_s:.2f}",
                "CPU s": f"{each.run.cpu_s:.2f}",
            }
            for each in found
        ]
    )


def targets(found: Mapping[str, Results], doors: Sequence[Doors]) -> str:
    """Write what was aimed at beside what was measured.

    Parameters
    ----------
    found
        Results by size.
    doors
        Cases of parcels.

    Returns
    -------
    str
    """
    rows = [row for results in found.values() for row in _aims(results)]
    if doors:
        wrong, slow = sum(sum(each.ours) for each in doors), max(each.run.wall_s for each in doors)
        rows += [("", "parcels misplaced at 500, 800 and 1,000 m, all seeds", "0", str(wrong), wrong == 0)]
        rows += [("", "seconds from layers to sheds and parcels, slowest seed", "≤ 2", f"{slow:.2f}", slow <= 2)]
    names = ("edges", "what", "wanted", "measured", "")
    return measuring.table(
        [dict(zip(names, (*row[:4], "met" if row[4] else "**not met**"), strict=True)) for row in rows]
    )


def _aims(results: Results) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield size, aim, figure wanted and measured, and whether it is met."""
    edges = f"{results.edges:,}"
    scipy, ego = results.ratio(OURS, SCIPY).min(), results.ratio(OURS, EGO).min()
    if results.size != "0.2M" and not np.isnan(scipy):
        yield edges, "times as fast as scipy, slowest limit", "6×", f"{scipy:.1f}×", scipy >= 6
    if not np.isnan(ego):
        yield edges, "times as fast as ego graphs, slowest limit", "100×", f"{ego:.0f}×", ego >= 100
    if OURS in results.apart:
        differ = sum(results.apart[OURS][0])
        yield edges, "nodes reached otherwise than by scipy, all limits", "0", f"{differ}", differ == 0
    if OURS_TWO in results.answers:
        same = "yes" if results.threads_alike else "no"
        yield edges, "the same to the last bit on two threads", "yes", same, results.threads_alike
    if EACH in results.likeness:
        worst, faster = results.likeness[EACH][0], results.ratio(DRAWN, EACH)
        yield edges, "worst likeness of a shed to the union of buffers", "0.99", f"{worst:.4f}", worst >= 0.99
        yield edges, "sheds, times as fast as the union, slowest limit", "4×", f"{faster.min():.1f}×", faster.min() >= 4


def report(found: Mapping[str, Results], doors: Sequence[Doors], rounds: int, arguments: Sequence[str]) -> str:
    """Write everything with what it means, where it was measured and how to measure it again.

    Parameters
    ----------
    found
        Results by size.
    doors
        Cases of parcels.
    rounds
        Of which the medians count.
    arguments
        Of the command.

    Returns
    -------
    str
    """
    prose = (__doc__ or "").partition("\n\n")[2].strip()
    kept = (
        "The streets and the other contestants are in [walking.py](../tests/bench/walking.py),"
        " ground and doors in [reaching.py](../tests/bench/reaching.py)."
    )
    where = f"Measured on {measuring.machine(PACKAGES)}; rounds: {rounds}, of which the median counts, but one for the"
    where += " first run and for pandana. Again: `" + " ".join(arguments) + "`."
    parts = ["# Walks and walk-sheds against scipy, pandana, networkx and shapely", prose, kept, where]
    parts += ["## Targets", targets(found, doors)]
    for results in found.values():
        parts += [f"## {results.edges:,} edges, {results.nodes:,} nodes", walks_table(results), _builds(results)]
        ground = ground_table(results)
        parts += ["### Ground", ground] if ground else []
    if doors:
        parts += [f"## Doors: {reaching.PARCELS:,} parcels", doors_table(doors)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _builds(results: Results) -> str:
    """Say what the build takes."""
    run = results.runs[OURS]
    return (
        f"The network of {results.edges:,} edges is built in {run.prepare_wall_s:.1f} s"
        f" ({run.prepare_cpu_s:.1f} s CPU); the process, with the layers and the answers,"
        f" holds {run.peak_mb:,.0f} MB at most."
    )


def options() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="scripts/bench network", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["0.2M", "1M"], help=", ".join(SIZES))
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the medians count")
    parser.add_argument("--seeds", nargs="*", type=int, default=[3, 4, 5], help="seeds of the parcels' cases")
    parser.add_argument("--without", nargs="*", choices=("pandana", "networkx"), default=[], help="who is left out")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="FOLDER", help="where the cases are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report, such as docs/bench-network.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, measure, print, and write the report where it is asked for."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = options().parse_args(given)
    warming.warm()
    chosen.cache.mkdir(parents=True, exist_ok=True)
    doors = [at_doors(seed, chosen.cache) for seed in chosen.seeds]
    found = {size: measure(size, chosen.rounds, chosen.cache, chosen.without) for size in chosen.sizes}
    text = report(found, doors, chosen.rounds, ["scripts/bench", "network", *given])
    print(text)
    if chosen.write:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
