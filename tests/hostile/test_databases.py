"""Databases that refuse: each refusal is one sentence of its own, with its exit code and what to do."""

from __future__ import annotations

import signal
import socket
import threading
import uuid
from contextlib import closing, contextmanager

import geopandas as gpd
import psycopg2
import pyogrio
import pytest
import shapely
from psycopg2 import sql

from gis import errors
from gis.settings import Settings
from gis.store.postgis_refusals import refused
from gis.workflow import intake

SQUARE = shapely.box(430_000, 4_420_000, 430_100, 4_420_100)


def administer(target, *statements):
    """Run statements, each in a transaction of its own."""
    with closing(psycopg2.connect(target)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def database(dsn, options=""):
    """Lend the address of a database made with options."""
    name = f"gis_odd_{uuid.uuid4().hex}"
    administer(dsn, f"CREATE DATABASE {name} TEMPLATE template0 {options}")
    try:
        yield f"{dsn.rpartition('/')[0]}/{name}"
    finally:
        administer(dsn, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def district(tmp_path):
    """Return a file with a district."""
    frame = gpd.GeoDataFrame({"XZQDM": ["110107"], "XZQMC": ["某区"]}, geometry=[SQUARE], crs=4548)
    pyogrio.write_dataframe(frame, tmp_path / "in.gpkg")
    return tmp_path / "in.gpkg"


@pytest.fixture
def filled(postgis_database):
    """Return the address of a database with an empty store."""
    intake.init(postgis_database).close()
    return postgis_database


@pytest.fixture(scope="module")
def shared(postgis_dsn):
    """Return the address of a database with an empty store that no test changes."""
    with database(postgis_dsn) as target:
        intake.init(target).close()
        yield target


@pytest.fixture
def role(shared):
    """Return a function that makes a role with some rights and returns its address of the database."""
    made = []

    def make(*rights):
        name = f"role_{uuid.uuid4().hex[:8]}"
        made.append(name)
        statements = (right.format(role=name) for right in rights)
        administer(shared, f"CREATE ROLE {name} LOGIN PASSWORD 'pw'", *statements)
        return f"postgresql://{name}:pw@{shared.rpartition('@')[2]}"

    yield make
    for name in made:
        administer(shared, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


READER = "GRANT USAGE ON SCHEMA gis TO {role}", "GRANT SELECT ON ALL TABLES IN SCHEMA gis TO {role}"
WRITER = "GRANT USAGE ON SCHEMA gis TO {role}", "GRANT ALL ON ALL TABLES IN SCHEMA gis TO {role}"
# rights, command, code, what the sentence says
RIGHTS = {
    "a reader reads": (READER, ["export", "STORE", "districts", "out.csv"], 0, ""),
    "a reader asks for what is there": (READER, ["init", "STORE"], 0, ""),
    "a reader writes": (READER, ["check", "STORE"], 12, "may not be written by this user"),
    "a reader loads": (READER, ["load", "STORE", "in.gpkg", "--layer", "districts"], 12, "may not be written"),
    "nobody reads": ((), ["export", "STORE", "districts", "out.csv"], 12, "may not be read by this user"),
    "one table is closed": (
        (*READER, "REVOKE SELECT ON gis.districts FROM {role}"),
        ["export", "STORE", "districts", "out.csv"],
        12,
        "may not be read by this user",
    ),
    "no right to create": (READER, ["init", "STORE?schema=other"], 12, "may not be made by this user"),
    "set to read only": (
        (*WRITER, "ALTER ROLE {role} SET default_transaction_read_only TO on"),
        ["check", "STORE"],
        12,
        "may not be written, only read",
    ),
    "statement timeout": (
        (*WRITER, "ALTER ROLE {role} SET statement_timeout TO '1ms'"),
        ["check", "STORE"],
        10,
        "raise statement_timeout",
    ),
    "too many connections": (
        (*READER, "ALTER ROLE {role} CONNECTION LIMIT 0"),
        ["check", "STORE"],
        10,
        "no connection left",
    ),
    "may not log in": (("ALTER ROLE {role} NOLOGIN",), ["check", "STORE"], 12, "may not enter the database"),
}


@pytest.mark.parametrize("name", RIGHTS)
def test_rights_are_told_apart(name, role, gis, district):
    """Reading, writing, making; a right, a limit, a setting."""
    rights, words, code, said = RIGHTS[name]
    target = role(*rights)
    ended = gis(*[word.replace("STORE", target) for word in words])
    assert ended.code == code and said in ended.err, ended
    assert code == 0 or ended.one_sentence


# how the address is changed; {0} is user and password, {1} host and port, {2} the database
ADDRESSES = {
    "wrong password": ("postgresql://gis:wrong@{1}/{2}", 12, "does not take this user"),
    "no such user": ("postgresql://nobody_there:pw@{1}/{2}", 12, "does not take this user"),
    "no such database": ("postgresql://{0}@{1}/none_of_it", 10, "no database of that name"),
    "no server": ("postgresql://{0}@127.0.0.1:1/{2}", 10, "no server answers there"),
    "no such machine": ("postgresql://{0}@nowhere.invalid/{2}", 10, "no machine of that name"),
    "encryption wanted": ("postgresql://{0}@{1}/{2}?sslmode=require", 10, "the server has none"),
    "certificate wanted": ("postgresql://{0}@{1}/{2}?sslmode=verify-full", 10, "certificate"),
    "no such service": ("postgresql:///?service=none_of_it", 10, "no such service"),
    "no such schema": (
        "postgresql://{0}@{1}/{2}?schema=none",
        10,
        "holds no store; make one with: gis init postgresql://",
    ),
    "schema in options": ("postgresql://{0}@{1}/{2}?options=-csearch_path%3Dgis", 2, "?schema=NAME"),
    "unknown option": ("postgresql://{0}@{1}/{2}?colour=red", 2, "cannot be read for sure"),
    "no password": ("postgresql://gis@{1}/{2}", 12, "none is known"),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_doors_are_told_apart(name, shared, gis):
    """Who is not let in reads why, and what to do."""
    pattern, code, said = ADDRESSES[name]
    who, _, rest = shared.removeprefix("postgresql://").partition("@")
    host, _, database = rest.partition("/")
    ended = gis("check", pattern.format(who, host, database), PGPASSFILE="/dev/null")
    assert ended.code == code and said in ended.err and ended.one_sentence, ended


# what servers say that we cannot make one say here, in their languages
SAID = {
    'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", no encryption': (10, "sslmode=require"),
    'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", SSL encryption': (12, "pg_hba.conf"),
    "FATAL:  sorry, too many clients already": (10, "no connection left"),
    "FATAL:  remaining connection slots are reserved": (
        10,
        "no connection left",
    ),
    "FATAL:  the database system is shutting down": (10, "starting or stopping"),
    "FATAL:  the database system is starting up": (10, "starting or stopping"),
    'FATAL:  permission denied for database "d"': (12, "may not enter"),
    '致命错误:  用户 "u" Password 认证失败': (12, "does not take this user"),
    '致命错误:  数据库 "d" 不存在': (10, "no database of that name"),
    "致命错误:  对不起, 已经有太多的客户": (10, "no connection left"),
    'connection to server at "10.0.0.1", port 5432 failed: timeout expired': (10, "does not answer in time"),
    "something that nobody has seen before: s3cr3t": (10, "cannot be reached"),
}


@pytest.mark.parametrize("text", SAID)
def test_what_servers_say_is_understood(text):
    """In English and Chinese; of a text that is not known nothing is repeated."""
    code, said = SAID[text]
    error = refused(psycopg2.OperationalError(text), "postgresql://u@h/d")
    assert error.exit_code == code and said in str(error) and "s3cr3t" not in str(error)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "EUC_CN"])
def test_an_encoding_without_all_letters_is_refused_first(postgis_dsn, gis, encoding):
    """Before anything is made there."""
    with database(postgis_dsn, f"ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'") as target:
        ended = gis("init", target)
        assert ended.code == 10 and encoding in ended.err and ended.one_sentence, ended
        ended = gis("check", target)
        assert ended.code == 10 and "has no PostGIS" in ended.err and ended.one_sentence, ended


def test_a_database_without_postgis(postgis_dsn, gis):
    """Who may add it gets it; who may not reads whom to ask."""
    with database(postgis_dsn) as target:
        ended = gis("check", target)
        assert ended.code == 10 and "has no PostGIS" in ended.err and ended.one_sentence, ended
        name = f"role_{uuid.uuid4().hex[:8]}"
        known = sql.Identifier(target.rpartition("/")[2])
        administer(target, f"CREATE ROLE {name} LOGIN PASSWORD 'pw'")
        try:
            administer(target, sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(known, sql.Identifier(name)))
            ended = gis("init", f"postgresql://{name}:pw@{target.rpartition('@')[2]}")
            assert ended.code == 12 and "CREATE EXTENSION postgis" in ended.err and ended.one_sentence, ended
            assert gis("init", target).code == 0
        finally:
            administer(target, f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")


def test_postgis_in_a_schema_of_its_own(postgis_dsn, gis, district):
    """A store is made, filled and edited by other programs, which do not have that schema on their path either."""
    with database(postgis_dsn) as target:
        administer(target, "CREATE SCHEMA gis_ext", "CREATE EXTENSION postgis SCHEMA gis_ext")
        assert gis("init", target).code == 0
        ended = gis("load", target, district, "--layer", "districts")
        assert ended.code == 0 and "入库 1 行" in ended.out, ended
        administer(target, "UPDATE gis.districts SET name = '改', geom = gis_ext.ST_Translate(geom, 1, 0)")
        ended = gis("history", target, "districts", "110107")
        assert ended.code == 0 and ended.out.count("outside") == 1, ended
        assert gis("check", target).code in {0, 19}
        with intake.opened(target, Settings()) as store:
            assert store.read("districts", bbox=(430_000, 4_420_000, 430_010, 4_420_010))["name"].tolist() == ["改"]


def test_a_server_that_goes_away_in_the_middle(filled, gis, district):
    """A writer whose connection is ended while it waits: nothing is stored, and it is said."""
    with closing(psycopg2.connect(filled)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE gis.districts IN SHARE MODE")
        pid = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        waiting = "AND wait_event_type = 'Lock'"
        stop = threading.Event()

        def terminate():
            while not stop.wait(0.2):
                administer(filled, pid + waiting)

        thread = threading.Thread(target=terminate)
        thread.start()
        ended = gis("load", filled, district, "--layer", "districts")
        stop.set()
        thread.join()
        other.rollback()
    assert ended.code == 10 and "gone away" in ended.err and "not stored" in ended.err and ended.one_sentence, ended
    with intake.opened(filled, Settings()) as store:
        assert store.read("districts").empty


def test_an_interrupted_load_into_a_database(filled, gis, district):
    """130, nothing stored, no lock left behind."""
    with closing(psycopg2.connect(filled)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE gis.districts IN SHARE MODE")
        release = threading.Timer(3, other.rollback)
        release.start()
        ended = gis("load", filled, district, "--layer", "districts", end=(signal.SIGINT, 1.5, []))
        release.join()
    assert ended.code == 130 and "nothing was stored" in ended.err, ended
    assert gis("load", filled, district, "--layer", "districts").code == 0


def test_a_silent_server(gis):
    """One that takes the connection and says nothing is waited for as long as the address says."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = gis("check", f"postgresql://u@127.0.0.1:{server.getsockname()[1]}/d?connect_timeout=2")
    assert ended.code == 10 and "does not answer in time" in ended.err and ended.one_sentence, ended
    assert ended.seconds < 20


def test_every_refusal_has_a_code_of_stores():
    """10, 11 and 12 are all that a database ends with; a wrong address is a wrong argument."""
    kinds = errors.StoreError, errors.StoreLockedError, errors.StorePermissionError, errors.UsageError
    assert {kind.exit_code for kind in kinds} == {10, 11, 12, 2}
    assert {code for *_, code, _ in RIGHTS.values()} | {code for _, code, _ in ADDRESSES.values()} <= {0, 2, 10, 11, 12}
