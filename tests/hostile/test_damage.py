"""Damaged files: refused with one sentence, or every row is stored, held back or named; never a row fewer unsaid."""

from __future__ import annotations

import collections
import io
import json
import re
import sqlite3
import struct
import zipfile

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import shapely

from gis.errors import SourceError
from gis.intake.read import read
from tests.hostile import fuzzing
from tests.hostile.specimens import PLACE, ROWS, Specimen, packed, specimens

SOUND = specimens()
# a text that promises nothing: cut where a line ends it is a sound file of fewer rows, and nobody can tell
PROMISES_NOTHING = {".csv", ".txt", "GTFS"}
READ_IN = re.compile(r"读入 (\d+) 行,入库 (\d+) 行,待核 (\d+) 行")


@pytest.fixture(scope="module")
def cut():
    """Give what became of every cut and every other damage, by format."""
    found = collections.defaultdict(list)
    for one in fuzzing.run("damage", SOUND):
        found[one.format].append(one)
    return found


@pytest.mark.parametrize("format_", SOUND)
def test_a_sound_file_is_read_whole_without_a_word(tmp_path, format_):
    """Without this the laws below would hold for a reader that refuses or doubts everything."""
    source = read(_laid_out(SOUND[format_].files, tmp_path) / SOUND[format_].named, **SOUND[format_].options)
    assert len(source.frame) == ROWS
    assert set(source.notes["code"]) <= {"source.cells_unseen", "source.straight_edges", "source.twin_edges"}


@pytest.mark.parametrize("format_", SOUND)
def test_a_cut_or_spoilt_file_loses_no_row_in_silence(cut, format_):
    """Every part is cut at sixty places, blocks are zeroed, bits flipped, lines dropped, doubled and ended otherwise.

    What is left of a text that promises nothing is counted line by line; every other format has all its rows.
    """
    results = cut[format_]
    assert len(results) > 60
    assert not [one for one in results if one.outcome not in {"refused", "stored"}]
    refused = [one for one in results if one.outcome == "refused"]
    # 3: the .prj was cut, 5: nothing is left
    assert {one.detail.partition(":")[0] for one in refused} <= {"3", "4", "5"}
    if format_ not in PROMISES_NOTHING:
        assert refused


@pytest.mark.parametrize("format_", sorted(set(SOUND) - PROMISES_NOTHING))
def test_half_a_file_is_refused(cut, format_):
    """Its largest part, cut in the middle."""
    part = max(SOUND[format_].files, key=lambda name: (name.endswith((".shp", ".mif", "9.gdbtable", ".gml")),
                                                       len(SOUND[format_].files[name])))  # fmt: skip
    half = f"{part} cut at {len(SOUND[format_].files[part]) // 2}"
    assert [one.outcome for one in cut[format_] if one.ways == half] == ["refused"]


def test_the_harness_sees_a_lost_row():
    """A reader that gives twelve rows of thirteen is caught."""
    one = SOUND[".fgb"]
    case = fuzzing.Case(".fgb", "", Specimen(one.files, one.named, rows=ROWS + 1), one.files, walked=False)
    assert fuzzing.outcome(case)[0] == "loss"


def _laid_out(files, folder):
    """Write files into a folder and return it."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _features(change):
    """Return a maker of a GeoJSON that is changed as data."""

    def make(folder):
        _laid_out(SOUND[".geojson"].files, folder)
        content = json.loads((folder / "jz.geojson").read_text(encoding="utf-8"))
        change(content)
        (folder / "jz.geojson").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        return folder / "jz.geojson"

    return make


def _replaced(format_, part, old, new):
    """Return a maker of a file in which some bytes are others."""

    def make(folder):
        files = SOUND[format_].files
        assert old in files[part]
        return _laid_out(files | {part: files[part].replace(old, new, 1)}, folder) / SOUND[format_].named

    return make


def _spoil(number, **changes):
    """Return a change of one feature; None takes a member out."""

    def change(content):
        for name, value in changes.items():
            content["features"][number][name] = value

    return change


def _deleted_dbf(folder):
    """Make a shapefile of which one row is marked as deleted."""
    files = dict(SOUND[".shp"].files)
    raw = bytearray(files["jz.dbf"])
    start, width = struct.unpack_from("<HH", raw, 8)
    raw[start + 3 * width] = 0x2A
    return _laid_out(files | {"jz.dbf": bytes(raw)}, folder) / "jz.shp"


def _deleted_gdb(folder):
    """Make a geodatabase of which one row was deleted, as programs do it: the table still has its place."""
    path = _laid_out(SOUND[".gdb"].files, folder) / "jz.gdb"
    index = path / "a00000009.gdbtablx"
    table = path / "a00000009.gdbtable"
    raw, head = bytearray(index.read_bytes()), bytearray(table.read_bytes())
    width = struct.unpack_from("<i", raw, 12)[0]
    raw[16 + 3 * width : 16 + 4 * width] = bytes(width)
    struct.pack_into("<i", head, 4, ROWS - 1)
    index.write_bytes(bytes(raw))
    table.write_bytes(bytes(head))
    return path


def _lost_place_gdb(folder):
    """Make a geodatabase whose index has lost the place of a row."""
    path = _deleted_gdb(folder)
    table = path / "a00000009.gdbtable"
    table.write_bytes(SOUND[".gdb"].files["jz.gdb/a00000009.gdbtable"])
    return path


def _fewer_gpkg(folder):
    """Make a GeoPackage out of which a row was taken past its own table of contents."""
    path = _laid_out(SOUND[".gpkg"].files, folder) / "jz.gpkg"
    base = sqlite3.connect(path)
    base.execute("UPDATE gpkg_ogr_contents SET feature_count = 20")
    base.commit()
    base.close()
    return path


def _shorter_flat(folder):
    """Make a FlatGeobuf that counts fewer features than it has."""
    raw = SOUND[".fgb"].files["jz.fgb"]
    at = raw.index(struct.pack("<Q", ROWS))
    return _laid_out({"jz.fgb": raw[:at] + struct.pack("<Q", ROWS - 4) + raw[at + 8 :]}, folder) / "jz.fgb"


def _panicking_xls(folder):
    """Make a workbook of old whose folder of streams is cut off: the reader of workbooks dies of it."""
    return _laid_out({"jz.xls": SOUND[".xls"].files["jz.xls"][:4693]}, folder) / "jz.xls"


def _twice_row_xlsx(folder):
    """Make a workbook in which two rows have one number."""
    files = _members(SOUND[".xlsx"].files["jz.xlsx"])
    sheet = files["xl/worksheets/sheet1.xml"]
    files["xl/worksheets/sheet1.xml"] = sheet.replace(b'<row r="5"', b'<row r="4"', 1)
    return _laid_out({"jz.xlsx": packed(files)}, folder) / "jz.xlsx"


def _broken_sum_ods(folder):
    """Make a sheet whose member is not what its check sum says, behind the last tag."""
    files = _members(SOUND[".ods"].files["jz.ods"])
    raw = bytearray(packed(files, zipfile.ZIP_STORED))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        info = archive.getinfo("content.xml")
    at = raw.index(b"residential", info.header_offset)
    raw[at : at + 1] = b"R"
    return _laid_out({"jz.ods": bytes(raw)}, folder) / "jz.ods"


def _members(raw):
    """Return the members of a zip."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _quoted_csv(folder):
    """Make a table in which a quotation mark without a partner swallows four lines."""
    lines = [f"JZ-{row},{row}号楼,116.1{row},39.9" for row in range(8)]
    lines[2] = 'JZ-2,"2号楼,116.12,39.9'
    lines[6] = 'JZ-6,6"号楼,116.16,39.9'
    (folder / "jz.csv").write_text("\n".join(["building_id,name,lon,lat", *lines]) + "\n", encoding="utf-8")
    return folder / "jz.csv"


def _paired_csv(folder):
    """Make a table in which two marks of different rows make a pair, so that one row becomes a name of the other."""
    lines = [f"JZ-{row},{row}号楼,116.1{row},39.9" for row in range(8)]
    lines[2], lines[3] = 'JZ-2,"2号楼,116.12,39.9', 'JZ-3,3号楼",116.13,39.9'
    (folder / "jz.csv").write_text("\n".join(["building_id,name,lon,lat", *lines]) + "\n", encoding="utf-8")
    return folder / "jz.csv"


def _stranger_dxf(folder):
    """Make a drawing with an object that GDAL passes over."""
    return _replaced(".dxf", "jz.dxf", b"  0\nLWPOLYLINE\n", b"  0\nACAD_PROXY_ENTITY\n")(folder)


def _pair_dxf(folder):
    """Make a drawing that lost a line in the middle."""
    return _replaced(".dxf", "jz.dxf", b" 10\n423100\n", b"423100\n")(folder)


def _unknown_stop(folder):
    """Make a feed with a stop of a kind that is none."""
    path = _replaced("GTFS", "stops.txt", b"116.098,1,\ns1", b"116.098,7,\ns1")(folder)
    return path.with_name("stops.txt#stations")


def _one_place_too_many(folder):
    """Make a road graph in which one node stands at two places."""
    content = json.loads(SOUND["OSMnx"].files["roads.json"])
    content["nodes"].append({"id": 3, "x": "116.9", "y": "39.9"})
    return _laid_out({"roads.json": json.dumps(content).encode()}, folder) / "roads.json"


def _missing_node(folder):
    """Make a road graph without the node at the end of an edge that has its own line."""
    content = json.loads(SOUND["OSMnx"].files["roads.json"])
    content["nodes"].pop()
    content["edges"][-1]["osmid"] = "[999]"
    return _laid_out({"roads.json": json.dumps(content).encode()}, folder) / "roads.json"


def _matched_gml(folder):
    """Make an answer of a server that holds a part of what there is."""
    return _replaced(".gml", "jz.gml", b"<ogr:FeatureCollection", b'<ogr:FeatureCollection numberMatched="500"')(folder)


def _promising_gml(folder):
    """Make an answer of a server that promises more than it holds."""
    return _replaced(".gml", "jz.gml", b"<ogr:FeatureCollection", b'<ogr:FeatureCollection numberOfFeatures="40"')(
        folder
    )


def _other_class_gml(folder):
    """Make a GML of which one member is of a class of its own."""
    files = SOUND[".gml"].files
    text = files["jz.gml"].decode()
    first = text.index("<ogr:jz ")
    end = text.index("</ogr:jz>")
    text = text[:first] + "<ogr:qt " + text[first + 8 : end] + "</ogr:qt>" + text[end + 9 :]
    return _laid_out({"jz.gml": text.encode()}, folder) / "jz.gml"


def _carriage_lines(folder):
    """Make features line by line, with the ends of lines of an old machine."""
    raw = SOUND[".geojsonl"].files["jz.geojsonl"]
    return _laid_out({"jz.geojsonl": raw.replace(b"\n", b"\r")}, folder) / "jz.geojsonl"


REPEATED = b'"building_id": "JZ-03"'
# what is damaged -> file, exit code, rows read, stored and held back (none where it is refused), words that say it
NAMED = {
    "coordinates that are a text": (_features(_spoil(3, geometry={"type": "Point", "coordinates": ["a", "b"]})),
                                    0, (12, 11, 1), "第 4("),
    "a polygon without coordinates": (_features(_spoil(5, geometry={"type": "Polygon"})), 0, (12, 11, 1), "第 6("),
    "a geometry that is a text": (_features(_spoil(0, geometry="POINT (1 2)")), 0, (12, 11, 1), "第 1("),
    "properties that are a text": (_features(_spoil(2, properties="x")), 0, (12, 11, 1), "第 3("),
    "something else among features": (_features(_spoil(4, type="Featur")), 4, None, "5 of 12"),
    "a number among features": (_features(lambda content: content["features"].__setitem__(4, 7)), 4, None, "5 of 12"),
    "one key twice": (_replaced(".geojson", "jz.geojson", REPEATED, b'"storeys": 99, ' + REPEATED), 0, (12, 12, 0),
                      "storeys"),
    "more features returned than there are": (_features(lambda content: content.update(numberReturned=40)), 4, None,
                                              "40 rows are promised"),
    "more features matched than returned": (_features(lambda content: content.update(numberMatched=500)), 0,
                                            (12, 12, 0), "500"),
    "a server's limit": (_features(lambda content: content.update(exceededTransferLimit=True)), 0, (12, 12, 0),
                         "exceededTransferLimit"),
    "carriage returns between features": (_carriage_lines, 4, None, "12 rows are promised"),
    "an arc that is not there": (_replaced(".topojson", "jz.topojson", b'"arcs": [[3]]', b'"arcs": [[77]]'), 0,
                                 (12, 11, 1), "第 4("),
    "GML: matched": (_matched_gml, 0, (12, 12, 0), "500"),
    "GML: promised": (_promising_gml, 4, None, "40 rows are promised"),
    "a drawing's object unread": (_stranger_dxf, 0, None, "ACAD_PROXY_ENTITY 1"),
    "a drawing without a line": (_pair_dxf, 4, None, "no group code"),
    "a row of a shapefile deleted": (_deleted_dbf, 0, (11, 11, 0), "1 行带删除标记"),
    "a row of a geodatabase deleted": (_deleted_gdb, 0, (11, 11, 0), "入库 11"),
    "a place of a geodatabase lost": (_lost_place_gdb, 4, None, "places for 11"),
    "a GeoPackage that lists more rows": (_fewer_gpkg, 0, (12, 12, 0), "登记 20 行"),
    "a FlatGeobuf that counts fewer": (_shorter_flat, 4, None, "ask for it again"),
    "a workbook of old cut off": (_panicking_xls, 4, None, "sector"),
    "two rows of one number": (_twice_row_xlsx, 4, None, "stands twice"),
    "a check sum that is wrong": (_broken_sum_ods, 4, None, "content.xml"),
    "a quotation mark without partner": (_quoted_csv, 0, None, "引号"),
    "two marks of different rows": (_paired_csv, 0, None, "引号"),
    "a .mid whose quotation marks pair across rows": (
        _replaced(".mif", "jz.mid", b'"residential",4,13.2', b'"residential,4,13.2'), 4, None, "rows"),
    "a stop of no kind": (_unknown_stop, 0, (11, 11, 0), "location_type 为 7"),
    "a node at two places": (_one_place_too_many, 4, None, "two places"),
    "an edge to nowhere": (_missing_node, 0, (12, 12, 0), "端点不在节点表中"),
}  # fmt: skip
LAYERS = {"roads.json": "streets", "stops.txt#stations": "stations"}


@pytest.mark.parametrize("name", NAMED)
def test_a_named_damage_is_said(gis, store, tmp_path, name):
    """Through the real command: exit code, rows stored and held back, and the words that say what is missing."""
    make, code, rows, words = NAMED[name]
    path = make(tmp_path)
    place = [] if path.suffix in {".geojson", ".geojsonl", ".gml", ".json", ".gpkg", ".shp", ".gdb", ".fgb"} else [
        "--crs", "EPSG:4326" if path.suffix in {".csv", ".topojson"} else PLACE["crs"]]  # fmt: skip
    place = [] if path.name.startswith("stops") else place
    came = gis("load", store, path, "--layer", LAYERS.get(path.name, "buildings"), *place, "--report", "report.xlsx")
    assert came.code == code or (rows is None and code == 0 and came.code == 8), came
    assert "Traceback" not in came.err
    if code:
        assert came.one_sentence
        assert words in came.err
        return
    counted = READ_IN.search(came.out)
    assert rows is None or tuple(map(int, counted.groups())) == rows
    book = openpyxl.load_workbook(tmp_path / "report.xlsx", read_only=True)
    said = "\n".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell)
    book.close()
    assert words in said + came.out + came.err


def test_a_member_of_another_class_is_a_layer_of_its_own(gis, store, tmp_path):
    """A person is asked which; nothing is left out."""
    came = gis("load", store, _other_class_gml(tmp_path), "--layer", "buildings")
    assert came.code == 2
    assert "jz" in came.err and "qt" in came.err


def test_features_of_arcgis_are_no_spoilt_ones(tmp_path):
    """They have attributes and a geometry without a type."""
    rows = [{"attributes": {"n": n}, "geometry": {"x": 116.1, "y": 39.9}} for n in range(3)]
    content = {"geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 4326},
               "fields": [{"name": "n", "type": "esriFieldTypeInteger"}], "features": rows}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    assert list(read(tmp_path / "a.json").frame["n"]) == [0, 1, 2]


class PanicException(BaseException):
    """Stand for what a reader in Rust panics with, which is no Exception."""


@pytest.mark.parametrize(
    ("thrown", "said"),
    [
        (PanicException("slice index starts at 4608 but ends at 4181"), "slice index .*; ask for it again"),
        (MemoryError(), "more memory than there is"),
        (OSError(28, "No space left on device"), "No space left on device; look at the disk"),
        (RuntimeError("Error occurred in a/b.cpp at line 7"), "it is damaged; ask for it again"),
    ],
)
def test_whatever_a_library_throws_is_one_error_of_ours(tmp_path, monkeypatch, thrown, said):
    """With what came and what to do."""

    def fail(*_):
        raise thrown

    monkeypatch.setattr("gis.intake.read._content", fail)
    with pytest.raises(SourceError, match=said):
        read(tmp_path / "a.gpkg")


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".fgb", ".shp"])
def test_a_field_called_like_the_geometry_stays(tmp_path, suffix):
    """GDAL's door in Python puts the shapes in its place, or fails."""
    frame = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(423_000, 4_423_000)], crs="EPSG:4548")
    frame = frame.rename_geometry("geom").assign(geometry="x").set_geometry("geom")
    frame = frame.to_crs(4326) if suffix == ".geojson" else frame
    pyogrio.write_dataframe(frame, tmp_path / f"a{suffix}")
    source = read(tmp_path / f"a{suffix}")
    assert list(source.frame["geometry_"]) == ["x"]
    assert source.frame.geometry.geom_type.tolist() == ["Point"]


@pytest.mark.parametrize("changed", [{3846: 64, 3848: 0}, {2246: 0xFF, 2248: 0}, {3974: 0xFF}])
def test_a_flatgeobuf_with_lengths_that_lie_kills_nobody(gis, store, tmp_path, changed):
    """Lengths of texts that reach beyond their feature: the quick way through Arrow died of the first (signal 11)."""
    raw = bytearray(SOUND[".fgb"].files["jz.fgb"])
    for at, byte in changed.items():
        raw[at] = byte
    (tmp_path / "jz.fgb").write_bytes(bytes(raw))
    came = gis("load", store, tmp_path / "jz.fgb", "--layer", "buildings")
    assert came.code in {0, 4, 8}
    assert "Traceback" not in came.err
