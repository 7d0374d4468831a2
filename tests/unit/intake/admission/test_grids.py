"""A CRS that is tied to a grid in another file is found wherever GDAL would read it, and no other is."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing

import pytest

from gis import drivers
from gis.errors import SourceError
from gis.intake.admission import grids

WKT = 'GEOGCS["x",DATUM["d",SPHEROID["k",6378245,298.3],EXTENSION["PROJ4_GRIDS","{}"]]]'
SECOND = 'BOUNDCRS[ABRIDGEDTRANSFORMATION["t",PARAMETERFILE["Latitude and longitude difference file","{}"]]]'
NAMED = [
    "+proj=longlat +nadgrids=/tmp/a.gsb",
    "+proj=longlat +nadgrids=@null,@/tmp/a.gsb",
    "+PROJ=longlat +NADGRIDS = //host/share/a.gsb",
    r"+proj=longlat +nadgrids=\\host\share\a.gsb",
    "+proj=longlat +geoidgrids=https://host/a.tif",
    "+init=/tmp/a:b",
    WKT.format("/tmp/a.gsb"),
    SECOND.format(r"C:\a.gsb"),
    json.dumps(WKT.format("/tmp/a.gsb")),
]
OWN = [
    "+proj=merc +a=6378137 +nadgrids=@null +wktext +no_defs",
    json.dumps('EXTENSION["PROJ4","+proj=merc +nadgrids=@null"]'),
    "+init=epsg:4548",
    WKT.format("conus"),
    SECOND.format("ntv2_0.gsb"),
    "the grids = a/b of the plan",
    '{"url": "https://host/grids"}',
]


@pytest.mark.parametrize("words", NAMED)
def test_a_grid_of_another_place_is_named(words):
    """By a path, a share, an address; in PROJ's words, in both kinds of WKT, and within JSON."""
    assert drivers.names_grid(words.encode())


@pytest.mark.parametrize("words", OWN)
def test_a_grid_of_proj_itself_is_none(words):
    """The null grid of web maps, registered grids, and words that are no CRS."""
    assert not drivers.names_grid(words.encode())


@pytest.mark.parametrize("name", ["a.geojson", "a.gml", "a.gdb/a00000003.gdbtable", "a.shp"])
@pytest.mark.parametrize("before", [0, (1 << 20) - 20])
def test_it_is_found_in_the_midst_of_a_file(tmp_path, name, before):
    """Also across two pieces of a long file, and in the tables of a geodatabase."""
    path, file = tmp_path / name.split("/")[0], tmp_path / name
    file.parent.mkdir(exist_ok=True)
    if name == "a.shp":
        file = path.with_suffix(".PRJ")
    file.write_bytes(b" " * before + NAMED[0].encode("utf-16-le" if path.suffix == ".gdb" else "utf-8"))
    with pytest.raises(SourceError, match="tied to a grid in another file, which is not opened"):
        grids.require_none(path)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_it_is_found_in_the_table_of_systems(tmp_path, encoding):
    """Long texts lie on several pages of a GeoPackage, and in one of two encodings."""
    path = tmp_path / "a.gpkg"
    with closing(sqlite3.connect(path)) as base:
        base.execute(f"PRAGMA encoding = '{encoding}'")
        base.execute("CREATE TABLE gpkg_spatial_ref_sys (srs_id INTEGER, definition TEXT)")
        base.execute("INSERT INTO gpkg_spatial_ref_sys VALUES (1, ?)", [" " * 4040 + NAMED[0] + " " * 9000])
        base.commit()
    with pytest.raises(SourceError, match="tied to a grid in another file, which is not opened"):
        grids.require_none(path)


def test_it_is_found_in_the_head_of_a_flatgeobuf(tmp_path):
    """Whose length stands before it; what comes behind are shapes and values."""
    path, words = tmp_path / "a.fgb", NAMED[0].encode()
    path.write_bytes(b"fgb\x03fgb\x00" + struct.pack("<I", len(words)) + words)
    with pytest.raises(SourceError, match="tied to a grid in another file, which is not opened"):
        grids.require_none(path)
    path.write_bytes(b"fgb\x03fgb\x00" + struct.pack("<I", 0) + words)
    grids.require_none(path)


@pytest.mark.parametrize("escape", ["\\u006E", "\\u006e", "&#110;", "&#x6e;", "&#X6E;"])
def test_letters_in_escapes_are_letters(tmp_path, escape):
    """Readers of JSON and XML undo them."""
    file = tmp_path / "a.gml"
    file.write_text(NAMED[0].replace("n", escape), encoding="utf-8")
    with pytest.raises(SourceError, match="which is not opened"):
        grids.require_none(file)
