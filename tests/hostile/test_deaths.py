"""No file ends the process: what would is refused in one sentence, and rows that are nothing are asked about."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.hostile import deaths
from tests.hostile.deaths import DEEP, KML_RING, ODS_CELL, ODS_ROW, PLANE, feature, gml, kml, workbook, written
from tests.unit.intake.handmade import dbf_bytes

ROW_2 = '<row r="2"><c r="A2"><v>1</v></c></row>'
COLLECTION = '{"type": "GeometryCollection", "geometries": ['
POINT = '{"type": "Point", "coordinates": [116.1, 39.94]}'
STREETS = '{"nodes": [{"id": 1, "x": 116.1, "y": 39.9}, {"id": 2, "x": 116.1, "y": 39.91}], "edges": [%s]}'
LINE = "POINT(116.1 39.94)"


def inserted(times: str, blocks: str) -> str:
    """Return a drawing of one insert of the block B0."""
    return (
        "  0\nSECTION\n  2\nBLOCKS\n" + blocks + "  0\nENDSEC\n  0\nSECTION\n  2\nENTITIES\n"
        f"  0\nINSERT\n  8\n0\n  2\nB0\n{times} 10\n0\n 20\n0\n  0\nENDSEC\n  0\nEOF\n"
    )


def block(name: str, content: str) -> str:
    """Return a block of a drawing."""
    return f"  0\nBLOCK\n  8\n0\n  2\n{name}\n 70\n0\n 10\n0\n 20\n0\n{content}  0\nENDBLK\n"


DOT = "  0\nPOINT\n  8\n0\n 10\n1\n 20\n1\n"
TEN = "".join(block(f"B{n}", f"  0\nINSERT\n  8\n0\n  2\nB{n + 1}\n 10\n0\n 20\n0\n" * 10) for n in range(9))


def swollen(folder: Path) -> Path:
    """Return a workbook whose shared texts are one of 80 MB."""
    path = workbook('<row r="2"><c r="A2" t="s"><v>0</v></c></row>')(folder)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/sharedStrings.xml", "w") as part:
        part.write(f'<sst xmlns="{deaths.SHEET}"><si><t>'.encode())
        for _ in range(8):
            part.write(bytes(10_000_000).replace(b"\0", b"a"))
        part.write(b"</t></si></sst>")
    return path


def kmz(folder: Path) -> Path:
    """Return a KMZ of a KML that nests."""
    path = folder / "waters.kmz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("doc.kml", kml("<MultiGeometry>" * DEEP + KML_RING + "</MultiGeometry>" * DEEP))
    return path


def damaged(folder: Path) -> Path:
    """Return a Parquet with a text that is none in its dictionary."""
    path = folder / "waters.parquet"
    keys = pa.array([0, 1, 1], pa.int32())
    texts = pa.StringArray.from_buffers(
        2, pa.py_buffer(struct.pack("<3i", 0, 2, 4)), pa.py_buffer(b"W1\xff\xfe"), None, 0
    )
    pq.write_table(pa.table({"water_id": pa.DictionaryArray.from_arrays(keys, texts)}), path)
    return path


def header(change: bytes, place: int, suffix: str = ".fgb"):
    """Return a maker of a file whose head claims something else."""

    def make(folder: Path) -> Path:
        path = folder / f"waters{suffix}"
        rows = gpd.GeoDataFrame({"water_id": ["W1"]}, geometry=[deaths.square()], crs="EPSG:4548")
        rows.to_file(path, engine="pyogrio", driver="FlatGeobuf", SPATIAL_INDEX="NO")
        raw = bytearray(path.read_bytes())
        raw[place : place + len(change)] = change
        path.write_bytes(raw)
        return path

    return make


HUGE = struct.pack("<I", 0x7FFFFFF0)
TABLE = dbf_bytes([(b"water_id", "C", 10)], [[b"W1"]])
# file, and a piece of the one sentence with which it is refused
DEADLY = {
    "a value in the last cell": (
        workbook(ROW_2 + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        "reach to XFD1048576",
    ),
    "a cell that is not where its row is": (
        workbook(ROW_2 + '<row r="3"><c r="XFD1048576"><v>1</v></c></row>'),
        "reach to XFD1048576",
    ),
    "an empty text in the last cell": (
        workbook(ROW_2 + '<row r="3"><c r="XFD1048576" t="str"><v></v></c></row>'),
        "reach to XFD1048576",
    ),
    "a column beyond all sheets": (workbook('<row r="2"><c r="ZZZZ2"><v>1</v></c></row>'), "reach to ZZZZ2"),
    "a row beyond all sheets": (workbook('<row r="2"><c r="A4294967297"><v>1</v></c></row>'), "B4294967297"),
    "a cell beyond all numbers": (workbook('<row r="2"><c r="ZZZZZZZ99999999999"><v>1</v></c></row>'), "99999999999"),
    "texts that stand for others in a sheet": (workbook(ROW_2, head=deaths.BOMB), "declares a document type"),
    "shared texts of 80 MB": (swollen, "unpacks from"),
    "an old workbook with a value far off": (deaths.xls((1, 0, "W1"), (65535, 255, "x")), "reach to IV65536"),
    "an old workbook with two values in one cell": (
        deaths.xls((1, 0, "W1"), (1, 1, "a"), (1, 1, "b")),
        "row 2 has two values in column 2",
    ),
    "an old workbook with a value beyond": (deaths.xls((1, 0, "W1"), (65535, 65535, "x")), "beyond column 256"),
    "a cell that is there 10^9 times": (
        deaths.ods(ODS_ROW.format(ODS_CELL.format(' table:number-columns-repeated="1000000000"'))),
        "goes on to",
    ),
    "a row that is there 10^9 times": (
        deaths.ods(f'<table:table-row table:number-rows-repeated="1000000000">{ODS_CELL.format("")}</table:table-row>'),
        "goes on to",
    ),
    "texts that stand for others in an .ods": (
        deaths.ods(ODS_ROW.format(ODS_CELL.format("")), head=deaths.BOMB),
        "declares a document type",
    ),
    "WKT in a CSV": (deaths.frame_of("waters.csv", water_id=["W1", "W2"], wkt=[LINE, deaths.nested_wkt()]), "50,001"),
    "WKT with arcs": (deaths.frame_of("waters.csv", water_id=["W1"], wkt=["MULTISURFACE(" * DEEP]), "50,000"),
    "WKT in a road graph": (
        written("streets.json", STREETS % f'{{"id": [1, 2, 0], "length": "1", "geometry": "{deaths.nested_wkt()}"}}'),
        "50,001",
    ),
    "collections in a GeoPackage": (deaths.packed("waters.gpkg", deaths.nested_wkb()), "50,000"),
    "multipoints in a GeoPackage": (deaths.packed("waters.gpkg", deaths.nested_wkb(kind=4)), "50,000"),
    "collections in GeoParquet": (deaths.parquet("waters.parquet", deaths.nested_wkb()), "50,000"),
    "multipolygons in GeoParquet": (deaths.parquet("waters.parquet", deaths.nested_wkb(kind=6)), "50,000"),
    "GeoJSON": (feature(COLLECTION * DEEP + POINT + "]}" * DEEP), "100,005"),
    "coordinates of GeoJSON": (
        feature('{"type": "Polygon", "coordinates": ' + "[" * 10**6 + "]" * 10**6 + "}"),
        "levels",
    ),
    "properties of GeoJSON": (feature("null", '{"a": ' + "[" * 10**6 + "]" * 10**6 + "}", "waters.json"), "1,000,004"),
    "GeoJSON on lines": (
        written("waters.geojsonl", '{"type": "Feature", "geometry": ' + COLLECTION * DEEP + "]}" * DEEP + "}\n"),
        "100,001",
    ),
    "TopoJSON": (
        written("waters.topojson", '{"type": "Topology", "objects": {"a": ' + COLLECTION * DEEP + "]}" * DEEP + "}}"),
        "100,002",
    ),
    "a number of a million digits": (feature(POINT, '{"n": ' + "9" * 10**6 + "}", "waters.json"), "1,000,000 digits"),
    "KML": (written("waters.kml", kml("<MultiGeometry>" * DEEP + KML_RING + "</MultiGeometry>" * DEEP)), "50,007"),
    "KMZ": (kmz, "50,007"),
    "KML in GBK": (
        written("waters.kml", kml("<a>" * DEEP + "水" + "</a>" * DEEP).replace("UTF-8", "GBK").encode("gbk")),
        "50,003",
    ),
    "GML": (written("waters.gml", gml("<x>" * DEEP + "</x>" * DEEP)), "50,004"),
    "texts that stand for others in a KML": (written("waters.kml", kml("<b>&a9;</b>", deaths.BOMB)), "entity 'a0'"),
    "texts that stand for others in a GML": (written("waters.gml", gml("<b>&a9;</b>", deaths.BOMB)), "entity 'a0'"),
    "blocks in blocks of a drawing": (written("waters.dxf", inserted("", TEN + block("B9", DOT))), "1,000,000,000"),
    "a block in rows and columns": (
        written("waters.dxf", inserted(" 70\n30000\n 71\n30000\n", block("B0", DOT))),
        "900,000,000",
    ),
    "types in types of a Parquet": (written("waters.parquet", b"PAR1" + bytes(8) + HUGE + b"PAR1"), "cannot be read"),
    "a damaged text of a Parquet": (damaged, "cannot be read"),
    "a feature of 2 GB in a FlatGeobuf": (header(HUGE, 8), "1 features are promised and 0 are there"),
    "a table of four thousand million rows": (
        deaths.shapefile(deaths.ring(PLANE[0]), dbf=TABLE[:4] + struct.pack("<I", 0xFFFFFFFF) + TABLE[8:]),
        "4294967295 rows are announced",
    ),
    "a shapefile of 4 GB": (deaths.shapefile(deaths.ring(PLANE[0]), announced=0x7FFFFFFF), "are announced"),
}


@pytest.mark.parametrize("name", DEADLY)
def test_what_ends_a_reader_is_refused(gis, store, tmp_path, name):
    """One sentence, exit code 4 (5 where a reader finds nothing in the file), and nothing is stored."""
    make, said = DEADLY[name]
    path = make(tmp_path)
    outcome = gis("load", store.name, path.name, "--layer", path.stem)
    assert outcome.code == (4 if said else 5) and outcome.one_sentence and said in outcome.err
    assert rows(store, path.stem) == rows(store, "quarantine") == 0


def rows(store: Path, layer: str) -> int:
    """Return how many rows a store has of a layer."""
    with sqlite3.connect(store) as base:
        return base.execute(f"SELECT count(*) FROM {layer}").fetchone()[0]


MERGED = "<mergeCells>" + '<mergeCell ref="A2:A1048576"/>' * 3000 + "</mergeCells>"
SLOW = {
    "a MIF of empty lines": written("waters.mif", "Version 300\n" + "\n" * 1_000_000),
    "a TAB of empty lines": written("waters.tab", "!table\n!version 300\n" + "\n" * 1_000_000),
    "a DXF of empty lines": written("waters.dxf", "\n" * 1_000_000),
    "cells merged to the end of the sheet": workbook(ROW_2 + '<row r="3"><c r="A3"><v>2</v></c></row>', more=MERGED),
}


@pytest.mark.parametrize("name", SLOW)
def test_what_is_short_is_answered_soon(gis, store, tmp_path, name):
    """A megabyte takes seconds, whatever is in it; each of these once took an hour."""
    outcome = gis("load", store.name, SLOW[name](tmp_path).name, "--layer", "waters")
    assert outcome.code in {4, 7} and outcome.one_sentence and outcome.seconds < 30


FAR = {"1e300": 1e300, "1.7e308": 1.7e308, "1e20": 1e20, "inf": float("inf"), "nan": float("nan")}
SHAPES = {f"a vertex at {name}": deaths.vertex(x) for name, x in FAR.items()}
SHAPES |= {f"{count} vertices": deaths.vertex(PLANE[0], count=count) for count in (0, 1, 2)}
RECORDS = {f"a vertex at {name}": deaths.ring(x) for name, x in FAR.items()}
RECORDS |= {f"{count} vertices": deaths.ring(PLANE[0], count=count) for count in (0, 1, 2)}
RECORDS["more points than it has"] = deaths.ring(PLANE[0], claimed=0x7FFFFFFF)
RECORDS["more parts than it has"] = deaths.ring(PLANE[0], parts=0x7FFFFFFF)
RECORDS["fewer parts than none"] = deaths.ring(PLANE[0], parts=-1)


@pytest.mark.parametrize(
    ("make", "bad"),
    [
        pytest.param(deaths.packed("waters.gpkg", *SHAPES.values()), len(SHAPES), id="GeoPackage"),
        pytest.param(deaths.parquet("waters.parquet", *SHAPES.values()), len(SHAPES), id="GeoParquet"),
        pytest.param(deaths.shapefile(deaths.ring(PLANE[0]), *RECORDS.values()), len(RECORDS), id="shapefile"),
    ],
)
def test_shapes_that_are_nothing_are_asked_about(gis, store, tmp_path, make, bad):
    """One row is sound and stored; a row with a vertex in the void, or too few of them, waits with its reason."""
    path = make(tmp_path)
    outcome = gis("load", store.name, path.name, "--layer", "waters", "--crs", "EPSG:4548")
    assert outcome.code == 0 and "Traceback" not in outcome.err and "encountered in" not in outcome.out
    assert rows(store, "waters") == 1 and rows(store, "quarantine") == bad


PLACES = [f"POLYGON(({x} 39.94,116.1 39.95,116.101 39.94,{x} 39.94))" for x in ("116.1", *FAR)]
PLACES += ["POLYGON(())", "POLYGON((116.1 39.94))", "POLYGON((116.1 39.94,116.2 39.95))"]
FEATURES = [
    {"type": "Feature", "properties": {"water_id": f"W{n}"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    for n, ring in enumerate([deaths.RING, *[[[x, 39.94], *deaths.RING[1:3], [x, 39.94]] for x in FAR.values()]])
] + [
    {"type": "Feature", "properties": {"water_id": f"V{n}"}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    for n, ring in enumerate([[], deaths.RING[:1], deaths.RING[:2]])
]
RINGS = [KML_RING, *(KML_RING.replace("116.1,", f"{x},") for x in FAR)]
MARKS = "</Placemark><Placemark>".join(
    f'<ExtendedData><Data name="water_id"><value>V{n}</value></Data></ExtendedData>{ring}'
    for n, ring in enumerate(RINGS)
)
TEXTS = {
    "CSV": deaths.frame_of("waters.csv", water_id=[f"W{n}" for n in range(len(PLACES))], wkt=PLACES),
    "GeoJSON": written("waters.geojson", json.dumps({"type": "FeatureCollection", "features": FEATURES})),
    "KML": written("waters.kml", kml(f"</Placemark><Placemark>{MARKS}")),
    "road graph": written("waters.json", json.dumps(json.loads(STREETS % "")).replace("116.1", "1e300", 1)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_with_places_in_the_void_are_asked_about(gis, store, tmp_path, name):
    """No sentence of numpy, GEOS or PROJ, no signal, and no row but sound ones."""
    path = TEXTS[name](tmp_path)
    outcome = gis("load", store.name, path.name, "--layer", "waters", "--crs", "EPSG:4326", "--datum", "WGS84")
    assert outcome.code >= 0 and "Traceback" not in outcome.err and "encountered in" not in outcome.out
    assert rows(store, "waters") <= 1


def test_a_long_value_is_no_attack(gis, store, tmp_path):
    """The outline of a district is a value of some hundred thousand letters."""
    turns = np.linspace(0, 2 * np.pi, 4_000)
    outline = ",".join(f"{116.1 + 0.01 * np.cos(one):.15f} {39.94 + 0.01 * np.sin(one):.15f}" for one in turns)
    assert len(outline) > 1 << 17
    path = deaths.frame_of("waters.csv", water_id=["W1"], wkt=[f"POLYGON(({outline}))"])(tmp_path)
    outcome = gis("load", store.name, path.name, "--layer", "waters", "--crs", "EPSG:4326", "--datum", "WGS84")
    assert outcome.code in {0, 8} and rows(store, "waters") + rows(store, "quarantine") == 1


@pytest.mark.realdata
@pytest.mark.parametrize("case", ["xlsx_corner/x_corner.xlsx", "damaged_parquet/a.parquet"])
def test_cases_from_bureaus_are_refused(gis, store, tmp_path, case, realdata):
    """Files that ended the command once."""
    path = Path(shutil.copy(realdata.parent / "cases" / case, tmp_path))
    outcome = gis("load", store.name, path.name, "--layer", "facilities")
    assert outcome.code == 4 and outcome.one_sentence
