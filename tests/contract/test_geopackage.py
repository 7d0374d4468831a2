"""The GeoPackage as other programs see it: GDAL's own tools, pyogrio, sqlite."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import subprocess
import xml.etree.ElementTree as ET
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from gis.store import geopackage_blobs, open_store


@pytest.fixture
def path(tmp_path, template, catalogue, blocks, who):
    """Give a GeoPackage with the three blocks."""
    copy = tmp_path / "town.gpkg"
    shutil.copy(template, copy)
    with open_store(copy, catalogue=catalogue) as store:
        store.put("blocks", blocks, **who)
    return copy


@pytest.fixture
def reopened(path, catalogue):
    with open_store(path, catalogue=catalogue) as store:
        yield store


def test_ogrinfo_accepts_it(path, catalogue):
    """GDAL's own program lists the layers of the catalogue, their types, CRS and extent, without a word of warning."""
    command = ["ogrinfo", "-ro", "-so", "-al", str(path)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert "Warning" not in result.stdout + result.stderr and "ERROR" not in result.stdout + result.stderr
    listed = [line.removeprefix("Layer name: ") for line in result.stdout.splitlines() if line.startswith("Layer name")]
    assert sorted(listed) == sorted([*catalogue.layers, "layer_styles"])
    assert "Extent: (480000.000000, 4420000.000000) - (480700.000000, 4420100.000000)" in result.stdout
    assert 'ID["EPSG",4548]' in result.stdout
    assert "approved_on: Date" in result.stdout and "residents: Integer64" in result.stdout
    assert "is_renewal: Integer(Boolean)" in result.stdout and "name: String (60.0)" in result.stdout


def test_the_whole_catalogue_is_listed(tmp_path, whole_catalogue):
    """Spatial layers are features, tables are attributes; history and the store's own tables are not listed."""
    with open_store(tmp_path / "town.gpkg", catalogue=whole_catalogue, create=True) as store:
        listed = dict(store.home.run("SELECT table_name, data_type FROM gpkg_contents"))
    wanted = {name: "features" if layer.spatial else "attributes" for name, layer in whole_catalogue.layers.items()}
    assert listed == wanted | {"layer_styles": "attributes"}


def test_the_file_is_sound(path):
    """SQLite's own check, the standard's references and the R-tree's entries hold."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT count(*) FROM rtree_blocks_geom").fetchone() == (3,)
        assert connection.execute("SELECT rtreecheck('rtree_blocks_geom')").fetchone() == ("ok",)


def test_geopandas_reads_what_the_store_reads(path, reopened):
    """A plain read of the file gives the same rows."""
    plain = gpd.read_file(path, layer="blocks")
    ours = reopened.read("blocks")
    assert plain["block_id"].tolist() == ours["block_id"].tolist()
    assert plain.geometry.geom_equals_exact(ours.geometry, 0).all()
    assert plain.crs == ours.crs


def test_an_append_through_gdal_is_recorded(path, blocks, catalogue, box):
    """GDAL fires the triggers: the rows are in history, by nobody we know, and the index finds them."""
    new = gpd.GeoDataFrame({"block_id": ["MC00-0008", "MC00-0009"]}, geometry=[box(8), box(9)], crs=blocks.crs)
    pyogrio.write_dataframe(new, path, layer="blocks", append=True, promote_to_multi=True)
    with open_store(path, catalogue=catalogue) as store:
        assert store.findings().empty
        assert len(store.read("blocks")) == 5
        last = store.history("blocks", "MC00-0009").iloc[0]
        assert (last["author"], last["operation"]) == ("outside", "insert")
        assert store.read("blocks", bbox=box(9).bounds)["block_id"].tolist() == ["MC00-0009"]
        assert store.changes()[["author", "inserted"]].iloc[-1].tolist() == ["outside", 2]


def test_an_update_through_gdal_is_recorded(path, catalogue):
    """So is an SQL statement run by GDAL's own program."""
    statement = "UPDATE blocks SET name = 'GDAL' WHERE block_id = 'MC00-0002'"
    subprocess.run(["ogrinfo", str(path), "-sql", statement], capture_output=True, check=True, timeout=60)
    with open_store(path, catalogue=catalogue) as store:
        assert store.findings().empty
        assert store.history("blocks", "MC00-0002")["name"].tolist()[1] == "GDAL"


def test_plain_sqlite_with_five_functions_is_recorded(path, catalogue):
    """Whoever registers the functions of the R-tree's triggers may edit shapes too."""
    with closing(sqlite3.connect(path)) as connection:
        for place, name in enumerate(("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")):
            connection.create_function(name, 1, lambda blob, at=8 + 8 * place: struct.unpack_from("<d", blob, at)[0])
        connection.create_function("ST_IsEmpty", 1, lambda blob: 0)
        connection.execute("UPDATE blocks SET geom = (SELECT geom FROM blocks WHERE fid = 1) WHERE fid = 2")
        connection.commit()
    with open_store(path, catalogue=catalogue) as store:
        assert store.findings().empty
        assert store.history("blocks", "MC00-0002")["author"].tolist() == ["li", "outside"]


def test_two_analysts_with_to_file(path, reopened, catalogue, who):
    """The measured trap: an overwrite loses the other's edit in silence. Here it is found, and history has the edit."""
    second = gpd.read_file(path, layer="blocks")
    reopened.put("blocks", reopened.read("blocks").iloc[:1].assign(name="李改"), **who)
    second.assign(residents=pd.array([7] * 3, dtype="Int64")).to_file(path, layer="blocks")
    with open_store(path, catalogue=catalogue) as store:
        assert "store.trigger_missing" in set(store.findings()["code"])
        assert store.adopt(**who).counts["updated"] == 3
        assert store.read("blocks", where={"block_id": "MC00-0001"})["name"].tolist() == ["永定"]
        assert store.history("blocks", "MC00-0001")["name"].tolist() == ["永定", "李改", "永定"]
        store.restore("blocks", "MC00-0001", 3, **who)
        assert store.read("blocks")["name"].iloc[0] == "李改"
        assert store.read("blocks").dtypes["residents"] == "Int64"


def test_layers_bring_their_styles(path, catalogue):
    """layer_styles has a default style for every spatial layer, with a class for each code."""
    with closing(sqlite3.connect(path)) as connection:
        found = dict(connection.execute("SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault"))
    assert set(found) == {name for name, layer in catalogue.layers.items() if layer.spatial}
    categories = ET.fromstring(found["projects"]).findall(".//category")
    assert [one.get("value") for one in categories][:-1] == [code.code for code in catalogue.code_list("project_types")]


def test_blobs_carry_the_standard_s_header(reopened):
    """Magic, version 0, little-endian with envelope, SRS, then min x, max x, min y, max y."""
    blob = reopened.home.run("SELECT geom FROM blocks WHERE fid = 1")[0][0]
    assert blob[:4] == b"GP\x00\x03"
    assert int.from_bytes(blob[4:8], "little") == 4548
    assert np.frombuffer(blob[8:40], "<f8").tolist() == [480_000, 480_100, 4_420_000, 4_420_100]
    assert shapely.from_wkb(blob[40:]).geom_type == "MultiPolygon"


def test_wide_columns_of_another_program_go_to_extra(path, blocks, catalogue, who):
    """A column that QGIS adds is found, and adopted into `extra`."""
    with closing(sqlite3.connect(path)) as connection:
        geopackage_blobs.register(connection)
        connection.execute("ALTER TABLE blocks ADD COLUMN memo TEXT")
        connection.execute("UPDATE blocks SET memo = 'x' WHERE fid = 1")
        connection.commit()
    with open_store(path, catalogue=catalogue) as store:
        assert json.loads(store.findings()["parameters"].iloc[0])["unknown"] == ["memo"]
        store.adopt(**who)
        assert store.read("blocks")["extra"].iloc[0] == '{"memo": "x"}'
        assert store.findings().empty
