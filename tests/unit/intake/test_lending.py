"""Reading changes nothing: not the file, not its folder; and texts in any encoding arrive."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3

import geopandas as gpd
import pyogrio
import pytest

from gis.errors import SourceError
from gis.intake.read import read
from tests.unit.intake.handmade import square


@pytest.fixture
def frame() -> gpd.GeoDataFrame:
    """Give two named squares."""
    return gpd.GeoDataFrame(
        {"BH": ["1", "2"], "名称": ["大峪街道", "城子街道"]}, geometry=[square(0), square(1)], crs="EPSG:4548"
    )


def state(folder) -> dict[str, str]:
    """Return the digest of every file of a folder."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir() if file.is_file()}


@pytest.fixture
def left_open(tmp_path, frame):
    """Give a GeoPackage as a field program leaves it: the last rows only in its -wal."""
    made, folder = tmp_path / "made", tmp_path / "came"
    made.mkdir()
    folder.mkdir()
    path = made / "a.gpkg"
    pyogrio.write_dataframe(frame, path)
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA journal_mode = wal")
        base.execute("PRAGMA wal_autocheckpoint = 0")
    # the triggers of the index need functions that only GDAL has
    for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        base.execute(f'DROP TRIGGER "{trigger}"')
    base.execute("""UPDATE a SET "名称" = '东辛房街道' WHERE fid = 2""")
    base.commit()
    for file in made.iterdir():
        shutil.copyfile(file, folder / file.name)
    base.close()
    return folder / "a.gpkg"


def test_a_wal_is_read_and_nothing_is_changed(left_open):
    """QGIS has the file open: its rows count, and the two files stay as they are."""
    before = state(left_open.parent)
    source = read(left_open)
    assert list(source.frame["名称"]) == ["大峪街道", "东辛房街道"]
    assert list(source.notes["code"]) == ["source.wal_read"]
    assert state(left_open.parent) == before


def test_a_missing_wal_is_said(left_open):
    """The file alone is an older state, and nobody can tell how much older."""
    for file in left_open.parent.glob("a.gpkg-*"):
        file.unlink()
    before = state(left_open.parent)
    source = read(left_open)
    assert list(source.frame["名称"]) == ["大峪街道", "城子街道"]
    assert list(source.notes["code"]) == ["source.wal_missing"]
    assert state(left_open.parent) == before


DRIVERS = {".kml": "KML", ".mif": "MapInfo File", ".tab": "MapInfo File", ".gdb": "OpenFileGDB"}


@pytest.mark.parametrize(
    "suffix", [".gpkg", ".gml", ".kml", ".geojson", ".geojsonl", ".fgb", ".mif", ".tab", ".shp", ".dxf", ".gdb"]
)
def test_no_reader_leaves_a_trace(tmp_path, frame, suffix):
    """GDAL makes a .gfs beside a GML, for one."""
    path = tmp_path / f"a{suffix}"
    written = frame[["geometry"]] if suffix == ".dxf" else frame.rename(columns={"名称": "MC"})
    degrees = suffix in {".gml", ".kml", ".geojson", ".geojsonl"}
    driver = "GeoJSONSeq" if suffix == ".geojsonl" else DRIVERS.get(suffix)
    pyogrio.write_dataframe(written.to_crs(4326) if degrees else written, path, driver=driver)
    path.with_suffix(".xsd").unlink(missing_ok=True)
    before = state(tmp_path)
    read(path, crs="EPSG:4548" if suffix == ".dxf" else None)
    assert state(tmp_path) == before


def foreign(tmp_path, frame, suffix, encoding, declared=None):
    """Write a text format in another encoding, declaring it or not."""
    path = tmp_path / f"a{suffix}"
    driver = {".kml": "KML", ".geojsonl": "GeoJSONSeq"}.get(suffix)
    pyogrio.write_dataframe(frame.to_crs(4326), path, driver=driver)
    text = path.read_text("utf-8")
    if declared is not None:
        text = text.replace("UTF-8", declared, 1).replace("utf-8", declared, 1)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("given", [None, "gbk"])
@pytest.mark.parametrize(
    ("suffix", "declared"),
    [(".geojson", None), (".geojsonl", None), (".kml", None), (".kml", "GB2312"), (".gml", None), (".gml", "gbk")],
)
def test_text_formats_in_gbk_are_read(tmp_path, frame, suffix, declared, given):
    """With --encoding and without: the bytes are no UTF-8 and give plain Chinese."""
    source = read(foreign(tmp_path, frame, suffix, "gb18030", declared), encoding=given)
    assert list(source.frame["名称" if "名称" in source.frame else "Name"]) == ["大峪街道", "城子街道"]
    assert source.decided("encoding").value == "gb18030"


def test_utf8_that_is_declared_to_be_gb2312_is_read(tmp_path, frame):
    """Written by a program that copies the first line from elsewhere."""
    source = read(foreign(tmp_path, frame, ".kml", "utf-8", "GB2312"))
    assert list(source.frame["名称"]) == ["大峪街道", "城子街道"]
    assert "source.encoding_wrong" in set(source.notes["code"])


def test_utf16_is_read_by_its_mark(tmp_path, frame):
    """Notepad's "Unicode"."""
    assert list(read(foreign(tmp_path, frame, ".geojson", "utf-16")).frame["名称"]) == ["大峪街道", "城子街道"]


def test_texts_in_no_encoding_that_gives_words_are_refused(tmp_path):
    """Japanese is not read as Chinese that nobody writes."""
    feature = {"type": "Feature", "properties": {"n": "カタカナ" * 9}, "geometry": None}
    path = tmp_path / "a.geojson"
    path.write_bytes(json.dumps(feature, ensure_ascii=False).encode("shift_jis"))
    with pytest.raises(SourceError, match="--encoding"):
        read(path)


@pytest.mark.parametrize(("version", "encoding"), [("AC1015", "gb18030"), ("AC1024", "utf-8")])
def test_texts_of_a_drawing_are_read(tmp_path, version, encoding):
    """From AutoCAD 2007 on a drawing is UTF-8, whatever code page it names."""
    page = "ANSI_936" if encoding == "gb18030" else "ANSI_1252"
    path = tmp_path / "a.dxf"
    head = f"  0\nSECTION\n  2\nHEADER\n  9\n$ACADVER\n  1\n{version}\n  9\n$DWGCODEPAGE\n  3\n{page}\n  0\nENDSEC\n"
    body = "  0\nSECTION\n  2\nENTITIES\n  0\nTEXT\n  8\n注记\n 10\n423000\n 20\n4423000\n 40\n2.5\n  1\n大峪\n"
    path.write_bytes((head + body + "  0\nENDSEC\n  0\nEOF\n").encode(encoding))
    source = read(path, crs="EPSG:4548")
    frame = source.frame
    assert source.notes.empty
    assert (frame["Layer"].iloc[0], frame["Text"].iloc[0]) == ("注记", "大峪")
