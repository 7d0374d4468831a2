"""No file is without bounds: rows, columns, bytes, seconds and nesting have limits that are said, and can be raised."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hostile import deaths
from tests.hostile.deaths import KML_RING, feature, kml, written

SIX = gpd.GeoDataFrame(
    {"water_id": [f"W{n}" for n in range(6)], "name": "水", "kind": "river"},
    geometry=[deaths.square(n) for n in range(6)],
    crs="EPSG:4548",
)
PLACEMARK = kml(KML_RING).partition("<Document>")[2].partition("</Document>")[0]
GRAPH = json.dumps(
    {
        "nodes": [{"id": n, "x": 116.1, "y": 39.9 + n / 100} for n in range(7)],
        "edges": [{"id": [n, n + 1, 0], "length": "1", "name": "路"} for n in range(6)],
    }
)


def _by_gdal(name: str, **how: object) -> deaths.Maker:
    """Return a maker of a file of six rows."""

    def make(folder: Path) -> Path:
        SIX.to_file(folder / name, engine="pyogrio", **how)
        return folder / name

    return make


def _parquet(folder: Path) -> Path:
    SIX.to_parquet(folder / "waters.parquet")
    return folder / "waters.parquet"


def _table(folder: Path) -> Path:
    SIX.drop(columns="geometry").to_parquet(folder / "waters.parquet")
    return folder / "waters.parquet"


def _zipped(folder: Path) -> Path:
    inner = _by_gdal("waters.fgb", driver="FlatGeobuf")(folder)
    with zipfile.ZipFile(folder / "waters.zip", "w") as archive:
        archive.write(inner, inner.name)
    return folder / "waters.zip"


SHEET_ROWS = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>{n}</v></c></row>' for n in range(2, 8))
STOPS = "stop_id,stop_name,stop_lat,stop_lon,location_type\n" + "".join(f"S{n},站,39.9{n},116.1,1\n" for n in range(6))
OF_SIX = {
    "GeoPackage": _by_gdal("waters.gpkg", driver="GPKG"),
    "shapefile": _by_gdal("waters.shp", encoding="UTF-8"),
    "FlatGeobuf": _by_gdal("waters.fgb", driver="FlatGeobuf"),
    "geodatabase": _by_gdal("waters.gdb", driver="OpenFileGDB", layer="waters"),
    "GeoJSON": _by_gdal("waters.geojson", driver="GeoJSON"),
    "GML": _by_gdal("waters.gml", driver="GML"),
    "KML": written("waters.kml", kml("").replace("<Placemark>", PLACEMARK * 6 + "<Placemark>")),
    "zip": _zipped,
    "GeoParquet": _parquet,
    "Parquet": _table,
    "CSV": deaths.frame_of("waters.csv", **{name: list(map(str, SIX[name])) for name in ("water_id", "name", "kind")}),
    "workbook": deaths.workbook(SHEET_ROWS),
    "road graph": written("streets.json", GRAPH),
    "timetable": written("stops.txt", STOPS),
}


@pytest.mark.parametrize("name", OF_SIX)
@pytest.mark.parametrize("limit", ["rows=5", "columns=1", "bytes=90"])
def test_every_reader_holds_the_limits(gis, store, tmp_path, name, limit):
    """A file beyond a limit is refused with what came, what is allowed and the flag that allows more."""
    path = OF_SIX[name](tmp_path)
    named = f"{path.name}#stations" if path.name == "stops.txt" else path.name
    layer = {"streets": "streets", "stops": "stations"}.get(path.stem, "waters")
    outcome = gis("--limit", limit, "load", store.name, named, "--layer", layer)
    what, _, allowed = limit.partition("=")
    assert outcome.code == 4 and outcome.one_sentence
    assert f"allowed are {allowed}." in outcome.err and f"--limit {what}=" in outcome.err


def _long(name: str, size: int) -> deaths.Maker:
    """Return a maker of a file that takes no place on the disk."""

    def make(folder: Path) -> Path:
        (folder / name).touch()
        os.truncate(folder / name, size)
        return folder / name

    return make


def _zeros(folder: Path) -> Path:
    """Return a Parquet of a hundred million rows and few bytes."""
    path = folder / "waters.parquet"
    piece = pa.table({"water_id": pa.nulls(10_000_000, pa.int8())})
    with pq.ParquetWriter(path, piece.schema) as writer:
        for _ in range(10):
            writer.write_table(piece)
    return path


def _dictionary(folder: Path) -> Path:
    """Return a Parquet of one long text in a hundred thousand rows: 100 GB of a few hundred kilobytes."""
    path = folder / "waters.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["长" * 333_333]))
    pq.write_table(pa.table({"water_id": texts}), path)
    return path


def _view(select: str) -> deaths.Maker:
    """Return a maker of a GeoPackage whose layer is a view."""
    return deaths.packed(
        "waters.gpkg",
        changed=f"""
        ALTER TABLE waters RENAME TO kept;
        CREATE VIEW waters AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) {select};
        UPDATE gpkg_contents SET table_name = 'waters' WHERE table_name = 'kept';
        UPDATE gpkg_geometry_columns SET table_name = 'waters' WHERE table_name = 'kept';
        """,
    )


ENDLESS = "SELECT n AS fid, 'W' || n AS water_id, (SELECT geom FROM kept LIMIT 1) AS geom FROM c"
BOUNDLESS = {
    "20 GB of GeoJSON": (_long("waters.geojson", 20 << 30), (), "21,474,836,480 bytes"),
    "20 GB of CSV": (_long("waters.csv", 20 << 30), (), "21,474,836,480 bytes"),
    "20 GB of GML": (_long("waters.gml", 20 << 30), (), "21,474,836,480 bytes"),
    "20 GB of workbook": (_long("waters.xls", 20 << 30), (), "21,474,836,480 bytes"),
    "a hundred million rows of Parquet": (_zeros, (), "100,000,000 rows"),
    "100 GB in one text": (_dictionary, (), "bytes, unpacked"),
    "a coast a hundred thousand times": (
        written(
            "waters.topojson",
            json.dumps(
                {
                    "type": "Topology",
                    "arcs": [[[116.1, 39.9]] * 10_000],
                    "objects": {"waters": {"type": "LineString", "arcs": [0] * 100_000}},
                }
            ),
        ),
        (),
        "16,000,000,000 bytes",
    ),
    "100,000 columns of CSV": (
        written("waters.csv", ",".join(f"c{n}" for n in range(100_000)) + "\n" + "1," * 99_999 + "1\n"),
        (),
        "100,000 columns",
    ),
    "100,000 columns of GeoJSON": (
        feature("null", "{" + ",".join(f'"c{n}": 1' for n in range(100_000)) + "}"),
        (),
        "100,000 columns",
    ),
    "an endless view": (_view(ENDLESS), ("--limit", "rows=1000000"), "1,000,001 rows"),
    "a view that ends never and gives nothing": (_view(f"{ENDLESS} WHERE n < 0"), ("--limit", "seconds=1"), "seconds"),
}


@pytest.mark.parametrize("name", BOUNDLESS)
def test_what_has_no_end_is_refused(gis, store, tmp_path, name):
    """It is refused in seconds, by what it promises or while it is counted."""
    make, flags, said = BOUNDLESS[name]
    path = make(tmp_path)
    outcome = gis(
        *flags, "load", store.name, f"{path.name}#waters" if ".gpkg" in path.name else path.name, "--layer", "waters"
    )
    assert outcome.code == 4 and outcome.one_sentence and said in outcome.err
    assert outcome.seconds < 30


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--limit", "rows=6"], 0),
        (["--limit", "rows=6", "--limit", "columns=9"], 0),
        (["--settings", "wide.toml"], 0),
        (["--settings", "narrow.toml"], 4),
        (["--settings", "narrow.toml", "--limit", "rows=6"], 0),
        (["--settings", "wrong.toml"], 2),
        (["--limit", "rows"], 2),
        (["--limit", "rows=many"], 2),
        (["--limit", "rows=0"], 2),
        (["--limit", "rows=-1"], 2),
        (["--limit", "lines=5"], 2),
        (["--limit", "nesting=401"], 2),
    ],
)
def test_limits_are_raised_and_lowered(gis, store, tmp_path, flags, code):
    """The flag is stronger than the settings file; a limit that is none is a slip of the pen."""
    (tmp_path / "wide.toml").write_text("[limits]\nrows = 6\n", encoding="utf-8")
    (tmp_path / "narrow.toml").write_text("[limits]\nrows = 5\n", encoding="utf-8")
    (tmp_path / "wrong.toml").write_text("[limits]\nrows = 5.5\n", encoding="utf-8")
    path = OF_SIX["GeoPackage"](tmp_path)
    outcome = gis(*flags, "load", store.name, path.name, "--layer", "waters")
    assert outcome.code == code and (code == 0 or outcome.one_sentence)
    with sqlite3.connect(store) as base:
        assert base.execute("SELECT count(*) FROM waters").fetchone()[0] == (0 if code else 6)


def test_what_nests_may_be_let_in(gis, store, tmp_path):
    """A geometry 150 deep is refused as such, and read once the limit is raised."""
    make = deaths.frame_of("waters.csv", water_id=["W1"], wkt=[deaths.nested_wkt(149)])
    words = ["load", store.name, make(tmp_path).name, "--layer", "waters", "--crs", "EPSG:4326", "--datum", "WGS84"]
    refused, taken = gis(*words), gis("--limit", "nesting=150", *words)
    assert refused.code == 4 and "150 levels" in refused.err
    assert taken.code in {0, 8} and "levels" not in taken.err


def test_other_commands_that_read_files_hold_them(gis, store, tmp_path):
    """Candidates for crossings are a file as any other."""
    path = tmp_path / "ways.csv"
    pd.DataFrame({"wkt": ["LINESTRING(116.1 39.9,116.2 39.9)"] * 6}).to_csv(path, index=False)
    outcome = gis("--limit", "rows=5", "crossings", store.name, path.name)
    assert outcome.code == 4 and "6 rows" in outcome.err


@pytest.mark.realdata
def test_open_data_holds_them(gis, tmp_path, realdata):
    """The job on open data reads files as a load does."""
    outcome = gis("--limit", "rows=5", "beijing", realdata / "beijing", "out")
    assert outcome.code == 4 and outcome.one_sentence and "--limit rows=" in outcome.err
