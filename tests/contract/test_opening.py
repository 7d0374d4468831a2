"""Opening: what is not there, not ours, not allowed or held by others ends with one clear sentence."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from urllib.parse import unquote

import psycopg2
import pyogrio
import pytest
from psycopg2 import sql

from gis.errors import CrsError, StoreError, StoreLockedError, StorePermissionError, UsageError
from gis.settings import Settings
from gis.store import geopackage, open_store, postgis
from gis.store.geopackage_files import is_store

# a bureau's own grid: the parameters are a secret, its name is not
SECRET = "123456.78"
LOCAL_WKT = f"""PROJCS["Fictional town grid",GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",
SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],
PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",116.125],
PARAMETER["scale_factor",1],PARAMETER["false_easting",{SECRET}],PARAMETER["false_northing",-4000000],UNIT["metre",1]]"""


def test_a_store_is_made_once_and_opened_afterwards(place, catalogue):
    """create=True makes what is missing and opens what is there."""
    for _ in range(2):
        with open_store(place, catalogue=catalogue, create=True) as store:
            assert store.layers() == tuple(catalogue.layers)
            assert store.changes()["operation"].tolist() == ["init"]
            assert store.findings().empty


def test_what_is_not_there_is_not_made_in_passing(place, catalogue):
    """Opening says how to make a store."""
    with pytest.raises(StoreError, match="gis init"):
        open_store(place, catalogue=catalogue)


@pytest.mark.parametrize("name", ["town.shp", "mysql://host/db", ""])
def test_a_target_of_another_kind_is_refused(name):
    """Only .gpkg files and PostgreSQL addresses are stores."""
    with pytest.raises(UsageError, match="gpkg"):
        open_store(name)


def test_the_working_crs_is_the_store_s_own(target, catalogue):
    """Without settings the store says; settings that disagree are refused."""
    with open_store(target, catalogue=catalogue) as store:
        assert store.crs == store.settings.crs == "EPSG:4548"
    with pytest.raises(CrsError, match="EPSG:4548"):
        open_store(target, catalogue=catalogue, settings=Settings(crs="EPSG:4547"))


def test_a_bureau_s_own_grid_stays_secret(place, catalogue, blocks, who, tmp_path):
    """A local grid works, and its parameters are neither in the store nor in messages."""
    wkt = tmp_path / "grid.wkt"
    wkt.write_text(LOCAL_WKT, encoding="utf-8")
    settings = Settings(crs=str(wkt))
    with open_store(place, catalogue=catalogue, settings=settings, create=True) as store:
        store.put("blocks", blocks.set_crs(LOCAL_WKT, allow_override=True), **who)
        assert store.read("blocks").crs == store.crs
        with pytest.raises(CrsError) as caught:
            store.put("blocks", blocks, **who)
        facts = str(store.home.facts())
    with pytest.raises(CrsError) as closed:
        open_store(place, catalogue=catalogue)
    assert SECRET not in facts + str(caught.value) + str(closed.value)
    if place.endswith(".gpkg"):
        with open(place, "rb") as file:
            content = file.read()
        assert SECRET.encode() not in content and b"116.125" not in content


def test_a_geographic_crs_is_no_working_crs(place, catalogue):
    """Areas need metres; nothing is left behind."""
    with pytest.raises(CrsError):
        open_store(place, catalogue=catalogue, settings=Settings(crs="EPSG:4490"), create=True)
    with pytest.raises(StoreError):
        open_store(place, catalogue=catalogue)


def test_a_held_lock_is_named(filled, target, again, who, monkeypatch):
    """A second writer waits a while and is then told; readers go on."""
    other = again()
    frame = other.read("blocks")
    if target.endswith(".gpkg"):
        other.home.run("PRAGMA busy_timeout = 50")
    monkeypatch.setattr(postgis, "WAIT", "50ms")
    with filled.home.transaction(["blocks"]):
        with pytest.raises(StoreLockedError, match="try again"):
            other.put("blocks", frame.assign(name="新"), **who)
        assert len(other.read("blocks")) == 3
    assert other.put("blocks", frame.assign(name="新"), **who).counts["updated"] == 3


def test_writers_queue(filled, target, catalogue, who):
    """A writer that has to wait a moment is not refused."""
    done = []

    def second() -> None:
        with open_store(target, catalogue=catalogue) as other:
            done.append(other.put("blocks", other.read("blocks").assign(name="新"), **who))

    thread = threading.Thread(target=second)
    with filled.home.transaction(["blocks"]):
        thread.start()
        time.sleep(0.5)
        assert not done
    thread.join()
    assert done[0].counts["updated"] == 3


def test_a_reader_who_may_not_write_is_told(filled, target, catalogue, who, request):
    """No permission is another thing than a lock; reading goes on and nothing changes."""
    frame = filled.read("blocks").assign(name="新")
    if target.endswith(".gpkg"):
        filled.home.run("PRAGMA query_only = on")
    else:
        filled.home.run("SET default_transaction_read_only TO on")
    with pytest.raises(StorePermissionError, match="may not be written"):
        filled.put("blocks", frame, **who)
    assert "新" not in filled.read("blocks")["name"].tolist()


def test_a_file_that_is_no_geopackage_is_refused(tmp_path, catalogue):
    """Text, a plain SQLite file and a GeoPackage without a store are told apart and left alone."""
    text, plain, foreign = (tmp_path / name for name in ("text.gpkg", "plain.gpkg", "foreign.gpkg"))
    text.write_text("no database, " * 100, encoding="utf-8")
    for path, pragma in ((plain, "user_version = 1"), (foreign, f"application_id = {0x47504B47}")):
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE t (a)")
        connection.commit()
        connection.close()
    for path, said in ((text, "no GeoPackage"), (plain, "no GeoPackage"), (foreign, "holds no store")):
        before = path.read_bytes()
        with pytest.raises(StoreError, match=said):
            open_store(path, catalogue=catalogue)
        assert path.read_bytes() == before


def test_no_store_is_made_among_the_tables_of_another_program(tmp_path, catalogue, blocks):
    """Its layers are named, and the file stays as it is."""
    pyogrio.write_dataframe(blocks, tmp_path / "theirs.gpkg", layer="theirs")
    before = (tmp_path / "theirs.gpkg").read_bytes()
    with pytest.raises(StoreError, match=r"another program \(theirs\)"):
        open_store(tmp_path / "theirs.gpkg", catalogue=catalogue, create=True)
    assert (tmp_path / "theirs.gpkg").read_bytes() == before


def test_a_damaged_file_is_said_to_be_damaged(tmp_path, catalogue):
    """Cut off, or overwritten in the middle; in our own words."""
    open_store(tmp_path / "town.gpkg", catalogue=catalogue, create=True).close()
    whole = (tmp_path / "town.gpkg").read_bytes()
    for spoilt in (whole[: len(whole) // 2], whole[:4096] + b"\xff" * (len(whole) - 4096)):
        (tmp_path / "town.gpkg").write_bytes(spoilt)
        with pytest.raises(StoreError, match="damaged") as caught:
            open_store(tmp_path / "town.gpkg", catalogue=catalogue).read("blocks")
        assert "malformed" not in str(caught.value)


def test_a_store_is_told_from_other_files(tmp_path, catalogue, blocks):
    """Also while somebody holds it."""
    open_store(tmp_path / "town.gpkg", catalogue=catalogue, create=True).close()
    pyogrio.write_dataframe(blocks, tmp_path / "theirs.gpkg")
    (tmp_path / "text.gpkg").write_text("text", encoding="utf-8")
    found = {path.name: is_store(path) for path in tmp_path.glob("*.gpkg")}
    assert found == {"town.gpkg": True, "theirs.gpkg": False, "text.gpkg": False}
    with closing(sqlite3.connect(tmp_path / "town.gpkg", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert is_store(tmp_path / "town.gpkg")


def test_a_grid_in_feet_is_refused(tmp_path, catalogue):
    """A store measures in metres."""
    with pytest.raises(CrsError, match="metres"):
        open_store(tmp_path / "town.gpkg", catalogue=catalogue, settings=Settings(crs="EPSG:2227"), create=True)


def test_a_folder_that_is_not_there_is_named(tmp_path, catalogue):
    """A new store needs its folder."""
    with pytest.raises(StoreError, match="folder"):
        open_store(tmp_path / "none" / "town.gpkg", catalogue=catalogue, create=True)


@pytest.mark.postgis
def test_a_password_never_shows(postgis_dsn, catalogue):
    """A wrong password and a silent server make messages without the DSN."""
    user, password = psycopg2.extensions.parse_dsn(postgis_dsn)["user"], "hunter2-secret"
    host = postgis_dsn.rpartition("@")[2]
    for dsn in (f"postgresql://{user}:{password}@{host}", f"postgresql://{user}:{password}@127.0.0.1:1/gis"):
        with pytest.raises((StoreError, StorePermissionError)) as caught:
            open_store(dsn, catalogue=catalogue)
        assert password not in str(caught.value)


def test_a_failed_creation_leaves_no_file(tmp_path, catalogue, monkeypatch):
    """An empty file does not stay behind."""

    def broken(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(geopackage.GeoPackage, "create_layer", broken)
    with pytest.raises(RuntimeError):
        open_store(tmp_path / "town.gpkg", catalogue=catalogue, create=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.postgis
@pytest.mark.parametrize("name", ["100%25", "a%25s", "%2525", 'quo"te', "区 划"])
def test_a_schema_may_have_any_name(postgis_dsn, catalogue, blocks, who, name):
    """Per cent signs, quotes and Chinese are names like others."""
    target = f"{postgis_dsn}?schema={name}"
    try:
        with open_store(target, catalogue=catalogue, create=True) as store:
            store.put("blocks", blocks, **who)
            store.put("blocks", store.read("blocks", where={"name": None}).assign(name="100 %"), **who)
            assert store.findings().empty
            store.home.run(f"DROP TABLE {store.home.table('blocks')}")
            store.adopt(discard=True, **who)
            assert len(store.read("blocks", as_of=2)) == 3
            assert store.restore("blocks", "MC00-0001", 2, **who).number == 5
            store.home.run(f"DROP SCHEMA {store.home.column(store.home.schema)} CASCADE")
    except BaseException:
        connection = psycopg2.connect(postgis_dsn)
        connection.autocommit = True
        connection.cursor().execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(unquote(name))))
        connection.close()
        raise
