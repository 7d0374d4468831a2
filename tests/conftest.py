"""What all tests share: the real files' folder, a PostGIS database, Chromium, and the rule about skips."""
from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hypothesis
import pandas as pd
import psycopg2
import pytest
from psycopg2 import sql

CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

# figures are drawn without a screen, also in the kernels that notebooks start
os.environ.setdefault("MPLBACKEND", "Agg")
# pandas computes the same way whether or not numexpr happens to be there
pd.set_option("compute.use_numexpr", False)

# no deadline: two cores are shared, and a slow second is not a fault; in CI the same examples come every time
hypothesis.settings.register_profile("local", deadline=None, max_examples=50)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if CI else "local")

_skips: pytest.StashKey[list[tuple[str, str, bool]]] = pytest.StashKey()


# --- what tests may ask for ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Give the folder of real files; tests that ask for it are marked realdata."""
    return Path(os.environ["GIS_TEST_DATA"])


@pytest.fixture(scope="session")
def postgis_dsn() -> str:
    """Give the DSN of a PostGIS server whose user may create databases (`scripts/test` starts one)."""
    dsn = os.environ.get("GIS_TEST_POSTGIS")
    if not dsn:
        pytest.skip("GIS_TEST_POSTGIS names no server (scripts/test starts one)")
    return dsn


@pytest.fixture
def postgis_database(postgis_dsn: str) -> Iterator[str]:
    """Give the DSN of a fresh, empty database with PostGIS, dropped afterwards."""
    name = f"gis_test_{uuid.uuid4().hex}"
    _administer(postgis_dsn, "CREATE DATABASE {} TEMPLATE gis_template", name, template=True)
    yield f"{postgis_dsn.rpartition('/')[0]}/{name}"
    # a killed writer may still hold its connection
    _administer(postgis_dsn, "DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the path of the system's Chromium."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium on the path ({', '.join(CHROMIUM_NAMES)})")
    return path


@pytest.fixture
def loopback() -> Iterator[tuple[str, list[str]]]:
    """Give the address of a server on this machine, and the list of what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_OPTIONS = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def _administer(dsn: str, statement: str, name: str, *, template: bool = False) -> None:
    """Run a statement about the database `name`, which no transaction allows."""
    connection = psycopg2.connect(dsn)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            if template:
                _make_template(cursor, dsn)
            cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))
    finally:
        connection.close()


def _make_template(cursor, dsn: str) -> None:
    """Make the database that others are copied from: copying is ten times faster than CREATE EXTENSION."""
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'gis_template'")
    if cursor.fetchone():
        return
    cursor.execute("CREATE DATABASE gis_template")
    connection = psycopg2.connect(f"{dsn.rpartition('/')[0]}/gis_template")
    try:
        connection.autocommit = True
        with connection.cursor() as inside:
            inside.execute("CREATE EXTENSION postgis")
    finally:
        connection.close()


# --- the rule about skips -----------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_skips] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures they ask for, and skip real files that are not here."""
    absent = pytest.mark.skip(reason="GIS_TEST_DATA names no folder of real files")
    folder = os.environ.get("GIS_TEST_DATA")
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        for fixture, marker in (("realdata", "realdata"), ("postgis_dsn", "postgis"), ("chromium", "browser")):
            if fixture in asked:
                item.add_marker(marker)
        if item.get_closest_marker("realdata") and not (folder and Path(folder).is_dir()):
            item.add_marker(absent)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        _note_skip(item.config, report, permitted=item.get_closest_marker("realdata") is not None)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if report.skipped:
        _note_skip(collector.config, report, permitted=False)
    return report


def _note_skip(config: pytest.Config, report, *, permitted: bool) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    config.stash[_skips].append((report.nodeid, reason, permitted))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a CI session in which anything but a realdata test was skipped."""
    refused = [skip for skip in session.config.stash[_skips] if not skip[2]]
    if CI and refused and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skips = config.stash[_skips]
    real = sum(permitted for *_, permitted in skips)
    terminalreporter.write_line(f"skips: {len(skips)}, of them {real} for want of real files (realdata)")
    if CI and real < len(skips):
        terminalreporter.section("skips that CI does not permit (only realdata may be skipped)", red=True)
        for nodeid, reason, permitted in skips:
            if not permitted:
                terminalreporter.write_line(f"{nodeid}: {reason}")
