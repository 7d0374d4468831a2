"""Hold overlays against exact truth: `scripts/bench exact --help`.

Truth is rational: a double is a whole number of some power of two, so what shapes share is counted in whole numbers
([arithmetic.py](../tests/truth/exact/arithmetic.py)), and no other engine is asked. Specimens come in families, made in
[pairs.py](../tests/truth/exact/pairs.py), [general.py](../tests/truth/exact/general.py),
[grids.py](../tests/truth/exact/grids.py) and [cities.py](../tests/truth/exact/cities.py): edges along edges; edges that
are upright or level but for some units in the last place, and fans of them; neighbours; hairlines; twins; spikes;
slopes that overflow; bays, holes, slits and parts that touch in a point; whole cells of a grid that is sheared and
jittered, up to 10,000 vertices a shape; cities that were in another CRS or file. They stand up to 39 million metres
from the origin, are scaled from 10⁻³ to 10³, mirrored and turned; rows come in any order, with any owner and number of
threads.

Of gis is asked, on both engines, what its callers ask: `pair_areas` of two layers and of one, and again beside other
shapes; `common_ground` of two to four layers; shares (`assign`, `apportion`); overlaps and gaps; and a ledger with
facets: its accounts, meetings, cells and slivers, and whether the shape of each cell is valid, has the cell's area,
meets no other and lies in its features. One pair, tuple, cell, account or shape is one thing judged. The others are
asked for the pairs of the first two layers of the same specimens, databases for a thousand pairs a family or so.

An area is wrong if it is off by more than 10⁻⁶ m² and 10⁻⁹ m² for each metre of the shapes' outlines, and as little
ground may be missing; that of a cell's shape, whose corners are rounded to coordinates, if it is off by more than
10⁻⁶ m² and 10⁻⁸ m² for each metre. Areas of pairs and tuples that are right, but off by more than 10⁻⁶ m² and 10⁻¹⁰ m²
for each metre, are counted as imprecise.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg2
import shapely

from tests.bench import databases, measuring
from tests.truth.exact.engines import ENGINES
from tests.truth.exact.judging import Verdict, two_layered
from tests.truth.exact.running import run
from tests.truth.exact.specimens import FAMILIES, Specimen, make

KINDS = ("lost", "invented", "measured wrongly")
OTHER = "raised or invalid"
GIS = {name: f"gis, {name}" for name in ENGINES}
PEERS = {"shapely": "shapely.intersection", "duckdb": "DuckDB", "postgis": "PostGIS"}
# pairs of each family that a database is asked for, if its specimens have so many
SAMPLE = 1000
# specimens that are asked at a time
BATCH = 2
EXAMPLES = 3
PACKAGES = ("shapely", "geopandas", "numba", "numpy", "duckdb")


@dataclass
class Result:
    """Hold what was judged of one family and contestant."""

    judged: int = 0
    imprecise: int = 0
    worst_m2: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def take(self, other: Result) -> None:
        """Take in what another batch gave."""
        self.judged += other.judged
        self.imprecise += other.imprecise
        self.worst_m2 = max(self.worst_m2, other.worst_m2)
        self.wrong += other.wrong
        self.examples = (self.examples + other.examples)[:EXAMPLES]


def asked(family: str, numbers: Sequence[int], contestants: Sequence[str]) -> dict[str, Result]:
    """Ask contestants of some specimens.

    Parameters
    ----------
    family
        Of specimens.
    numbers
        Of these.
    contestants
        Keys of GIS or PEERS.

    Returns
    -------
    dict
        Result by contestant.
    """
    specimens, results = [make(family, number) for number in numbers], {}
    for who in contestants:
        verdict = run(specimens, who) if who in GIS else _by_peer(specimens, who)
        wrong = Counter(fault.kind if fault.kind in KINDS else OTHER for fault in verdict.faults)
        said = [f"{family} {numbers}, {who}: {fault}" for fault in verdict.faults[:EXAMPLES]]
        results[who] = Result(verdict.judged, verdict.imprecise, verdict.worst_m2, wrong, said)
    return results


def _by_peer(specimens: Sequence[Specimen], who: str) -> Verdict:
    """Ask another engine for the pairs of each specimen's first two layers whose boxes meet, one by one."""
    verdict = Verdict()
    with PEER_QUERIES[who]() as query:
        for specimen in specimens:
            truth, judge = two_layered(specimen)
            got = {}
            for i, j in truth:
                try:
                    got[i, j] = query(specimen.layers[0][i], specimen.layers[1][j])
                except (shapely.errors.GEOSException, psycopg2.Error, RuntimeError, ValueError):
                    got[i, j] = float("nan")
            verdict.add(judge(PEERS[who], {key: area for key, area in got.items() if area}))
    return verdict


@contextlib.contextmanager
def _shapely() -> Iterator[Callable[[Any, Any], float]]:
    yield lambda a, b: shapely.intersection(a, b).area


@contextlib.contextmanager
def _duckdb() -> Iterator[Callable[[Any, Any], float]]:
    duckdb = importlib.import_module("duckdb")
    folder = resources.files("duckdb_extension_spatial") / "extensions" / f"v{duckdb.__version__}"
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{folder / 'spatial.duckdb_extension'}'")
        text = "SELECT ST_Area(ST_Intersection(ST_GeomFromWKB(?::BLOB), ST_GeomFromWKB(?::BLOB)))"
        yield lambda a, b: connection.execute(text, [shapely.to_wkb(a), shapely.to_wkb(b)]).fetchone()[0]


@contextlib.contextmanager
def _postgis() -> Iterator[Callable[[Any, Any], float]]:
    connection = psycopg2.connect(os.environ[databases.DSN])
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:

            def query(a: Any, b: Any) -> float:
                values = (shapely.to_wkb(a, hex=True), shapely.to_wkb(b, hex=True))
                cursor.execute("SELECT ST_Area(ST_Intersection(%s::geometry, %s::geometry))", values)
                return float(cursor.fetchone()[0])

            yield query
    finally:
        connection.close()


PEER_QUERIES = {"shapely": _shapely, "duckdb": _duckdb, "postgis": _postgis}


def measure(families: Sequence[str], count: int, first: int, processes: int) -> dict[tuple[str, str], Result]:
    """Ask every contestant of every family, in turns, until enough is judged in all or of each.

    Parameters
    ----------
    families
        Whose specimens.
    count
        Pairs, tuples, cells, accounts and shapes in all that gis is asked for, on both engines together.
    first
        Number of the first specimen.
    processes
        How many at a time.

    Returns
    -------
    dict
        Result by family and contestant.
    """
    there = {"duckdb": databases.has_duckdb(), "postgis": bool(os.environ.get(databases.DSN))}
    each = -(-count // (len(families) * len(GIS)))
    most = dict.fromkeys(GIS, each) | {"shapely": count} | {who: SAMPLE for who, here in there.items() if here}
    results, judged = {(family, who): Result() for family in families for who in most}, 0
    with ProcessPoolExecutor(processes) as pool:
        for number in itertools.count(first, BATCH):
            batches = {}
            for family in families:
                left = [who for who, need in most.items() if results[family, who].judged < need]
                # the others are asked for what gis is asked for
                if not GIS.keys().isdisjoint(left):
                    batches[family] = pool.submit(asked, family, range(number, number + BATCH), left)
            if not batches or judged >= count:
                return results
            for family, batch in batches.items():
                for who, result in batch.result().items():
                    results[family, who].take(result)
            judged = sum(results[family, who].judged for family in families for who in GIS)
            print(f"{judged:,} judged, {len(batches)} families to go on with", file=sys.stderr, flush=True)
    raise AssertionError("count never ends")


def report(results: dict[tuple[str, str], Result], arguments: Sequence[str]) -> str:
    """Write the tables with what they mean and where they were measured.

    Parameters
    ----------
    results
        As `measure` gives them.
    arguments
        Of the command.

    Returns
    -------
    str
    """
    prose = (__doc__ or "").partition("\n\n")[2].strip()
    dsn = os.environ.get(databases.DSN)
    server = databases.versions(dsn) if dsn else "no PostGIS server"
    where = f"Measured on {measuring.machine(PACKAGES)}, {server}. Again: `{' '.join(arguments)}`."
    totals: dict[str, Result] = {}
    for (_, who), result in results.items():
        totals.setdefault(who, Result()).take(result)
    whole = [_row("all", who, result) for who, result in totals.items()]
    rows = [_row(family, who, result) for (family, who), result in results.items()]
    parts = ["# Overlay against exact truth", prose, where]
    parts += ["## In all", measuring.table(whole), "## By family", measuring.table(rows)]
    return "\n\n".join(parts) + "\n"


def _row(family: str, who: str, result: Result) -> dict[str, str]:
    row = {"family": family, "who": (GIS | PEERS)[who], "judged": f"{result.judged:,}"}
    row |= {"wrong": f"{result.wrong.total():,}"}
    row |= {kind: f"{result.wrong[kind]:,}" for kind in (*KINDS, OTHER)}
    return row | {"imprecise": f"{result.imprecise:,}", "worst m² off": f"{result.worst_m2:.1e}"}


def options() -> argparse.ArgumentParser:
    """Return the command's options."""
    parser = argparse.ArgumentParser(prog="scripts/bench exact", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="pairs, tuples, cells and shapes of gis in all")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES), help=", ".join(FAMILIES))
    parser.add_argument("--seed", type=int, default=0, help="number of the first specimen")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at a time")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report, such as docs/bench-exact.md")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, measure, print, and write the report; 1 where gis is wrong."""
    given = sys.argv[1:] if arguments is None else arguments
    chosen = options().parse_args(given)
    with databases.server() as dsn:
        os.environ[databases.DSN] = dsn
        results = measure(chosen.families, chosen.count, chosen.seed, chosen.processes)
        text = report(results, ["scripts/bench", "exact", *given])
    print(text)
    wrong = {who: result for (_, who), result in results.items() if who in GIS and result.wrong}
    for result in (result for (_, who), result in results.items() if who in GIS):
        print(*result.examples, sep="\n", end="", file=sys.stderr)
    if chosen.write:
        chosen.write.parent.mkdir(parents=True, exist_ok=True)
        chosen.write.write_text(text, encoding="utf-8")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
