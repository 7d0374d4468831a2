"""The same questions put to PostGIS and DuckDB, each in the form that was fastest.

Both work in steps, each step's pieces in a table of their own: in one statement they would intersect the same shapes
several times. What lies wholly inside is taken whole. PostGIS has GiST indexes, two parallel workers beside the
leader, and the larger shape on the outer side of a join, where it stays prepared. DuckDB has two threads and a file
with small row groups, without which it would not share a table of this size out among them.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import resources, util
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import psycopg2
import pyarrow.parquet as pq

from tests.bench import agreement
from tests.bench.agreement import LAYERS
from tests.bench.measuring import Job

DSN = "GIS_BENCH_POSTGIS"
SCHEMA = "gis_bench"
WORKERS = 2
SETTINGS = {
    "search_path": f"{SCHEMA}, public",
    "max_parallel_workers_per_gather": str(WORKERS),
    # these tables are too small for the planner to think of workers by itself
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
    "min_parallel_index_scan_size": "0",
    "work_mem": "512MB",
    "maintenance_work_mem": "512MB",
    "jit": "off",
}
# what stands on the inner side of a join
INDEXED = {"unit", "project", "three", "building", "redrawn"}
ROOT = Path(__file__).resolve().parents[2]
_KINDS = {"floors": "integer"}

# area of `inner` in `outer`
COMMON = (
    "CASE WHEN ST_Covers({outer}, {inner}) THEN ST_Area({inner}) ELSE ST_Area(ST_Intersection({inner}, {outer})) END"
)

# question -> step -> what its table holds
STEPS: Mapping[str, Mapping[str, str]] = {
    "meetings": {
        "two": "SELECT block_id, unit_id, ST_Intersection(a.geom, b.geom) AS geom"
        " FROM block a JOIN unit b ON ST_Intersects(a.geom, b.geom)",
        "three": "SELECT block_id, unit_id, project_id, ST_Intersection(a.geom, b.geom) AS geom"
        " FROM two a JOIN project b ON ST_Intersects(a.geom, b.geom)",
        "answer": "SELECT block_id, unit_id, project_id, catchment_id,"
        f" {COMMON.format(outer='b.geom', inner='a.geom')} AS area_m2"
        " FROM three a JOIN catchment b ON ST_Intersects(b.geom, a.geom)",
    },
    "buildings": {
        "answer": f"SELECT block_id, building_id, floors, {COMMON.format(outer='a.geom', inner='b.geom')} AS area_m2"
        " FROM block a JOIN building b ON ST_Intersects(a.geom, b.geom)",
        "sums": "SELECT block_id, SUM(area_m2 * floors) AS floor_area_m2 FROM answer GROUP BY block_id",
    },
    "overlaps": {
        "answer": "SELECT * FROM (SELECT a.parcel_id AS first, b.parcel_id AS second,"
        " ST_Area(ST_Intersection(a.geom, b.geom)) AS area_m2"
        " FROM redrawn a JOIN redrawn b ON a.geom && b.geom AND a.parcel_id < b.parcel_id"
        # a fence: the condition below must not become one of the join
        " OFFSET 0) pairs"
        " WHERE area_m2 > 1e-6",
    },
}
# question -> layer -> columns
COLUMNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "meetings": {name: (f"{name}_id",) for name in LAYERS},
    "buildings": {"block": ("block_id",), "building": ("building_id", "floors")},
    "overlaps": {"redrawn": ("parcel_id",)},
}


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Give the DSN of a PostGIS server: that of GIS_TEST_POSTGIS, or a private one until the end.

    Yields
    ------
    str
        Empty where there is none.
    """
    given = os.environ.get("GIS_TEST_POSTGIS", "")
    script = str(ROOT / "scripts" / "postgis")
    if given or subprocess.run([script, "find"], capture_output=True).returncode:
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"GIS_POSTGIS_DIR": str(Path(folder) / "postgis")}
        # the server's own user must be able to enter
        Path(folder).chmod(0o711)
        started = subprocess.run([script, "start"], env=environment, capture_output=True, encoding="utf-8", check=True)
        try:
            yield started.stdout.strip()
        finally:
            subprocess.run([script, "stop"], env=environment, capture_output=True, check=True)


def has_duckdb() -> bool:
    """Return whether DuckDB and its spatial extension are installed."""
    return all(util.find_spec(name) for name in ("duckdb", "duckdb_extension_spatial"))


class PostGis:
    """Ask PostGIS one question on tables that go when the connection does.

    Parameters
    ----------
    question
        One of STEPS.
    """

    def __init__(self, question: str) -> None:
        self.question = question
        self._cursor: psycopg2.extensions.cursor | None = None
        self._backend = self._postmaster = psutil.Process()
        self._before = 0.0

    @property
    def job(self) -> Job:
        """What is measured: loading, indexing and analysing as preparation, then the steps."""
        return Job(self.run, self.read, self.prepare, self.rows, self.keep, self.clock, peak_mb=lambda: math.nan)

    def read(self, case: Path) -> dict[str, bytes]:
        """Connect, and read the layers as COPY wants them."""
        connection = psycopg2.connect(os.environ[DSN])
        connection.autocommit = True
        self._cursor = connection.cursor()
        self._backend = psutil.Process(connection.info.backend_pid)
        self._postmaster = self._backend.parent()
        self._before = self._served()
        for setting, value in SETTINGS.items():
            self._cursor.execute("SELECT set_config(%s, %s, false)", (setting, value))
        self._cursor.execute("CREATE EXTENSION IF NOT EXISTS postgis SCHEMA public")
        self._cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        self._cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        return {layer: _copied(case / f"{layer}.parquet", columns) for layer, columns in COLUMNS[self.question].items()}

    def prepare(self, layers: Mapping[str, bytes]) -> None:
        """Load the layers, index those that are looked up, and let the planner count."""
        for layer, content in layers.items():
            columns = ", ".join(f"{name} {_KINDS.get(name, 'text')}" for name in COLUMNS[self.question][layer])
            self._cursor.execute(f"CREATE UNLOGGED TABLE {layer} ({columns}, geom geometry)")
            self._cursor.copy_expert(f"COPY {layer} FROM STDIN", io.BytesIO(content))
            self._indexed(layer)

    def run(self, layers: Mapping[str, bytes], threads: int) -> str:
        """Make one table after the other; return the name of the answer's."""
        for step, query in STEPS[self.question].items():
            self._cursor.execute(f"CREATE UNLOGGED TABLE {step} AS {query}")
            self._indexed(step)
        return "answer"

    def rows(self, answer: str) -> int:
        """Count the answer."""
        self._cursor.execute(f"SELECT count(*) FROM {answer}")
        return self._cursor.fetchone()[0]

    def keep(self, case: Path, answer: str, file: Path) -> None:
        """Fetch the answer and write what is compared; the tables are done with."""
        names = list(agreement.TUPLES[self.question])
        content = io.StringIO()
        self._cursor.copy_expert(f"COPY (SELECT {', '.join(names)}, area_m2 FROM {answer}) TO STDOUT", content)
        content.seek(0)
        table = pd.read_csv(content, sep="\t", names=[*names, "area_m2"])
        agreement.keep(self.question, case, table, file)
        self._cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")

    def clock(self) -> float:
        """Return the processor seconds of this process, its backend, and the workers that have ended."""
        served = self._served() - self._before if self._cursor else 0.0
        return time.process_time() + served

    def _served(self) -> float:
        own, ended = self._backend.cpu_times(), self._postmaster.cpu_times()
        return own.user + own.system + ended.children_user + ended.children_system

    def _indexed(self, name: str) -> None:
        if name in INDEXED:
            self._cursor.execute(f"CREATE INDEX ON {name} USING gist (geom)")
        self._cursor.execute(f"ANALYZE {name}")


class DuckDb:
    """Ask DuckDB one question in a file of its own.

    Parameters
    ----------
    question
        One of STEPS.
    """

    def __init__(self, question: str) -> None:
        self.question = question
        self._connection: Any = None
        self._folder: tempfile.TemporaryDirectory | None = None

    @property
    def job(self) -> Job:
        """What is measured: loading as preparation, then the steps; the join makes its own index."""
        return Job(self.run, self.read, self.prepare, self.rows, self.keep)

    def read(self, case: Path) -> Path:
        """Open a file with small row groups and load the extension that was installed with the package."""
        duckdb = importlib.import_module("duckdb")
        folder = resources.files("duckdb_extension_spatial") / "extensions" / f"v{duckdb.__version__}"
        self._folder = tempfile.TemporaryDirectory()
        self._connection = duckdb.connect(config={"threads": WORKERS})
        self._connection.execute(f"LOAD '{folder / 'spatial.duckdb_extension'}'")
        file = Path(self._folder.name) / "bench.duckdb"
        self._connection.execute(f"ATTACH '{file}' AS bench (ROW_GROUP_SIZE 2048, STORAGE_VERSION 'latest')")
        self._connection.execute("USE bench")
        return case

    def prepare(self, case: Path) -> None:
        """Load the layers from their files."""
        for layer, columns in COLUMNS[self.question].items():
            source = f"read_parquet('{case / f'{layer}.parquet'}')"
            query = f"SELECT {', '.join(columns)}, geometry AS geom FROM {source}"
            self._connection.execute(f"CREATE TABLE {layer} AS {query}")

    def run(self, case: Path, threads: int) -> str:
        """Make one table after the other; return the name of the answer's."""
        for step, query in STEPS[self.question].items():
            self._connection.execute(f"CREATE TABLE {step} AS {query}")
        return "answer"

    def rows(self, answer: str) -> int:
        """Count the answer."""
        return self._connection.execute(f"SELECT count(*) FROM {answer}").fetchone()[0]

    def keep(self, case: Path, answer: str, file: Path) -> None:
        """Fetch the answer and write what is compared; the file is done with."""
        names = ", ".join(agreement.TUPLES[self.question])
        table = self._connection.execute(f"SELECT {names}, area_m2 FROM {answer}").df()
        agreement.keep(self.question, case, table, file)
        self._connection.close()
        self._folder.cleanup()


def versions(dsn: str) -> str:
    """Name the versions of the server.

    Parameters
    ----------
    dsn
        Of a PostGIS server.

    Returns
    -------
    str
    """
    connection = psycopg2.connect(dsn)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), postgis_lib_version(), postgis_geos_version()")
            postgres, postgis, geos = cursor.fetchone()
    finally:
        connection.close()
    return f"PostgreSQL {postgres.split()[0]}, PostGIS {postgis} (GEOS {geos.partition('-')[0]})"


def _copied(file: Path, columns: tuple[str, ...]) -> bytes:
    """Write a layer as COPY reads it."""
    table = pq.read_table(file, columns=[*columns, "geometry"])
    *values, shapes = (table[name].to_pylist() for name in table.column_names)
    lines = zip(*(map(str, column) for column in values), (shape.hex() for shape in shapes), strict=True)
    return "".join("\t".join(line) + "\n" for line in lines).encode()


JOBS = {f"postgis {question}": PostGis(question).job for question in STEPS} | {
    f"duckdb {question}": DuckDb(question).job for question in STEPS
}
