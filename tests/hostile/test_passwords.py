"""Passwords of databases: in whatever form they are typed, nobody reads them again."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
import uuid
import zipfile
from contextlib import closing
from urllib.parse import quote

import geopandas as gpd
import psycopg2
import pyogrio
import pytest
import shapely
from psycopg2 import sql

from gis import addresses, errors
from gis.store import open_store
from gis.workflow import intake

SECRET = "s3cr3t"
# what people type, and what is left of it to be read
TYPED = {
    "plain": (f"postgresql://u:{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "short scheme": (f"postgres://u:{SECRET}@127.0.0.1:1/d?schema=s", "postgresql://u@127.0.0.1:1/d?schema=s"),
    "other library": (f"postgresql+psycopg2://u:{SECRET}@127.0.0.1:1/d", addresses.HIDDEN),
    "GDAL": (f"PG:host=127.0.0.1 password={SECRET}", addresses.HIDDEN),
    "list": (f"host=127.0.0.1 user=u password={SECRET}", addresses.HIDDEN),
    "list with quotes": (f"user=u password='my {SECRET}' host=127.0.0.1", addresses.HIDDEN),
    "option": (f"postgresql://127.0.0.1:1/d?user=u&password={SECRET}", "postgresql://127.0.0.1:1/d?user=u"),
    "key's password": (f"postgresql://127.0.0.1:1/d?sslpassword={SECRET}", "postgresql://127.0.0.1:1/d"),
    "options": (f"postgresql://127.0.0.1:1/d?options=-cx.y%3D{SECRET}", "postgresql://127.0.0.1:1/d"),
    "unknown option": (f"postgresql://127.0.0.1:1/d?{SECRET}=1", "postgresql://127.0.0.1:1/d"),
    "@": (f"postgresql://u:a@{SECRET}@127.0.0.1:1/d", addresses.HIDDEN),
    ":": (f"postgresql://u:a:{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "/": (f"postgresql://u:1/{SECRET}@127.0.0.1:1/d", addresses.HIDDEN),
    "//": (f"postgresql://u://{SECRET}@127.0.0.1:1/d", addresses.HIDDEN),
    "#": (f"postgresql://u:1#{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "?": (f"postgresql://u:1?{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "? and /": (f"postgresql://u:1?schema=a/{SECRET}@127.0.0.1:1/d", addresses.HIDDEN),
    "%": (f"postgresql://u:1%{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "%00": (f"postgresql://u:1%00{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "[": (f"postgresql://u:[{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "]": (f"postgresql://u:]{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "blank": (f"postgresql://u:1 {SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "quote": (f"postgresql://u:'\"{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "line break": (f"postgresql://u:1\n{SECRET}@127.0.0.1:1/d", "postgresql://u@127.0.0.1:1/d"),
    "no host": (f"postgresql://u:{SECRET}@/d", "postgresql://u@/d"),
    "two hosts": (f"postgresql://u:{SECRET}@127.0.0.1:1,127.0.0.1:2/d", "postgresql://u@127.0.0.1:1,127.0.0.1:2/d"),
    "port of letters": (f"postgresql://u:{SECRET}@127.0.0.1:x/d", addresses.HIDDEN),
    "one slash": (f"postgresql:/u:{SECRET}@127.0.0.1:1/d", addresses.HIDDEN),
}
# addresses in places where no store is asked for
MISPLACED = [
    ["load", "STORE", "GIVEN"],
    ["verify", "GIVEN"],
    ["export", "STORE", "blocks", "GIVEN"],
    ["workbook", "STORE", "GIVEN"],
    ["export", "STORE", "GIVEN", "out.csv"],
    ["history", "STORE", "blocks", "GIVEN"],
    ["init", "STORE", "GIVEN"],
    ["--settings", "GIVEN", "check", "STORE"],
    ["--lang", "GIVEN", "check", "STORE"],
    ["GIVEN"],
    ["load", "STORE", "STORE", "--crs", "GIVEN"],
    ["load", "STORE", "STORE", "--layer", "GIVEN"],
    ["reconcile", "STORE", "blocks", "--to", "GIVEN"],
    ["map", "STORE", "out.html", "--notice", "GIVEN"],
]


@pytest.mark.parametrize("name", TYPED)
def test_a_password_is_in_nothing_that_is_said(name, gis):
    """Neither by a command, nor by the error, its details and its traceback; what is left opens the same store."""
    target, left = TYPED[name]
    assert addresses.shown(target) == left
    assert addresses.masked(left) == left
    ended = gis("init" if len(name) > 2 else "check", target)
    assert ended.code in {2, 10} and ended.one_sentence, ended
    assert SECRET not in ended.out + ended.err
    with pytest.raises(errors.GisError) as caught:
        open_store(target)
    said = "".join(traceback.format_exception(caught.value)).replace(f"open_store({target!r})", "")
    assert SECRET not in said + repr(caught.value) + str(caught.value.details)


@pytest.mark.parametrize("name", ["plain", "/"])
def test_a_password_in_another_place_is_not_repeated(name, gis, store):
    """As a file, an output, a layer, a key, a setting, a command."""
    given = TYPED[name][0]
    for words in MISPLACED:
        ended = gis(*[{"STORE": store, "GIVEN": given}.get(word, word) for word in words])
        assert ended.code not in {0, 1} and "Traceback" not in ended.err, ended
        assert SECRET not in ended.out + ended.err, words


def test_what_is_no_address_is_left_alone():
    """Texts without a database's address stay as they are, to the letter."""
    for text in ("a/b.gpkg", "口令:无", "postgres is a server", "100% @ 5 m", "pass = 3", "host.gpkg"):
        assert addresses.masked(text) == text
        assert addresses.shown(text) == text


def test_a_traceback_of_developers_shows_none():
    """Python's own development mode prints what it likes: warnings, chained errors."""
    program = "import sys\nfrom gis.store import open_store\nopen_store(sys.argv[1])"
    words = [sys.executable, "-X", "dev", "-c", program, TYPED["plain"][0]]
    ended = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert "StoreError" in ended.stderr and SECRET not in ended.stderr, ended.stderr


# --- with a server ----------------------------------------------------------------------------------------------------

# every sign that means something in an address
AWKWARD = f"{SECRET}@:/?#%[] '\"=口令"


@pytest.fixture
def planner(postgis_database):
    """Return address, user and host of a database whose user has an awkward password."""
    name = f"planner_{uuid.uuid4().hex[:8]}"
    database, host = postgis_database.rpartition("/")[2], postgis_database.rpartition("@")[2]
    with closing(psycopg2.connect(postgis_database)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        user = sql.Identifier(name)
        cursor.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(user, sql.Literal(AWKWARD)))
        cursor.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(database), user))
    yield f"postgresql://{name}:{quote(AWKWARD, safe='')}@{host}", name, host
    with closing(psycopg2.connect(postgis_database)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
        cursor.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def contents(path):
    """Return all that a file holds, of archives what is packed in it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    return path.read_bytes()


def kept(target):
    """Return all that the database holds as text."""
    with closing(psycopg2.connect(target)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'gis'")
        tables = [row[0] for row in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"SELECT t::text FROM {table} AS t")
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_a_password_goes_nowhere(planner, gis, tmp_path):
    """Init, load, check, workbook, map, delivery: neither what is said, nor stored, nor written has it; one hint."""
    target, name, host = planner
    square = shapely.box(430_000, 4_420_000, 430_100, 4_420_100)
    frame = gpd.GeoDataFrame({"XZQDM": ["110107"], "XZQMC": ["某区"]}, geometry=[square], crs=4548)
    pyogrio.write_dataframe(frame, tmp_path / "in.gpkg")
    runs = [
        ["init", target],
        ["load", target, "in.gpkg", "--layer", "districts", "--report", "report.xlsx"],
        ["check", target, "--report", "check.xlsx", "--points", "points.gpkg"],
        ["workbook", target, "book.xlsx"],
        ["export", target, "districts", "out.gpkg"],
        ["deliver", target, "package.zip"],
        ["blocks", target],
        ["map", target, "map.html", "--internal"],
        ["history", target, "districts", "110107"],
        ["adopt", target],
        ["migrate", target],
    ]
    shown = f"postgresql://{name}@{host}"
    for words in runs:
        ended = gis(*words)
        assert ended.code in {0, 5, 17}, ended
        assert SECRET not in ended.out + ended.err
        assert ended.err.count("提示 · hint") == 1
        assert words[0] != "init" or ended.out.count(shown) == 2
    said = kept(target)
    assert "某区" in said and SECRET not in said
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert len(files) >= 7
    assert [path for path in files if SECRET.encode() in contents(path)] == []
    with intake.init(target) as store:
        assert (store.name, SECRET in repr(store) + repr(store.home) + repr(store.home.connection)) == (shown, False)


@pytest.mark.parametrize("way", ["pgpass", "variable", "service"])
def test_ways_that_are_taught(way, planner, gis, tmp_path):
    """A password that is not on the command line: no hint, and the same store."""
    _, name, host = planner
    place, _, database = host.partition("/")
    machine, _, port = place.partition(":")
    secret = AWKWARD.replace("\\", "\\\\").replace(":", "\\:")
    file = tmp_path / "kept"
    if way == "pgpass":
        file.write_text(f"{machine}:{port}:{database}:{name}:{secret}\n", encoding="utf-8")
        known = {"PGPASSFILE": str(file)}
    elif way == "variable":
        known = {"PGPASSWORD": AWKWARD}
    else:
        lines = ["[bureau]", f"host={machine}", f"port={port}", f"dbname={database}", f"user={name}"]
        file.write_text("\n".join([*lines, f"password={AWKWARD}", ""]), encoding="utf-8")
        known = {"PGSERVICEFILE": str(file)}
    file.touch()
    file.chmod(0o600)
    asked = "postgresql:///?service=bureau" if way == "service" else f"postgresql://{name}@{host}"
    ended = gis("init", asked, **known)
    assert (ended.code, ended.err) == (0, ""), ended
    assert ended.out.count(asked) == 2
