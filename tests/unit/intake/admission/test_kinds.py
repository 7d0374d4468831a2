"""What a file is by its first bytes, and whether that is what its suffix says."""

from __future__ import annotations

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis.errors import SourceError
from gis.intake.admission import kinds

XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
KINDS = {
    b'{"type": "FeatureCollection"}': "JSON",
    b"\xef\xbb\xbf \n[1]": "JSON",
    b'\x1e{"type": "Feature"}\n': "JSON",
    '{"类型": 1}'.encode("gb18030"): "JSON",
    '{"type": 1}'.encode("utf-16"): "JSON",
    b"<kml/>": "KML",
    f'{XML}<!-- a remark --><k:kml xmlns:k="http://www.opengis.net/kml/2.2">'.encode(): "KML",
    f"\ufeff{XML}<!DOCTYPE kml [<!ENTITY a 'b'>]>\n<kml>".encode(): "KML",
    b'<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2">': "GML",
    b"<OGRVRTDataSource>": "GDAL virtual file (VRT)",
    f"{XML}<!-- <kml> --><OGRVRTDataSource>".encode(): "GDAL virtual file (VRT)",
    b"<wfs:WFS_Capabilities xmlns:gml='http://www.opengis.net/gml'>": "description of a web service (WFS)",
    b"<!DOCTYPE html>\n<html>": "web page",
    b"<osm>": "XML <osm>",
    b"  0\r\nSECTION\r\n  2\r\nHEADER": "DXF",
    b"999\nmade by hand\n0\nSECTION": "DXF",
    b"AutoCAD Binary DXF\r\n\x1a\x00": "DXF",
    b"AC1027\x00": "DWG drawing",
    b"!table\n!version 300": "MapInfo table",
    b"Version 300\nCharset": "MapInfo interchange file",
    b"SQLite format 3\x00": "SQLite",
    b"fgb\x03fgb\x00": "FlatGeobuf",
    b"PAR1": "Parquet",
    b"PK\x03\x04": "zip",
    b"%PDF-1.7": "PDF",
    b"name,kind\n": "text",
    b"\x00\x01\x02": "unknown",
}
# suffix and content of what is read on purpose, though its first bytes say nothing or little of it
READ = {
    ".geojson": b'loadGeoJSON({"type": "FeatureCollection"})',
    ".dxf": b"\n\n  0\nSECTION\n",
    ".mif": b"\n! a remark\nVersion 300\n",
    ".kml": b"<Document/>",
    ".gml": b"<ogr:FeatureCollection>",
    ".gpkg": b"\x00" * 100,
    ".xlsx": b"<html>",
    ".csv": b"<kml>",
}
REFUSED = {
    "a.gpkg": (b"<OGRVRTDataSource>", "no SQLite but a GDAL virtual file (VRT), which holds no data itself"),
    "b.gpkg": (b'{"type": 1}', "no SQLite but JSON; rename it to .geojson"),
    "c.kml": (b'<a xmlns:gml="http://www.opengis.net/gml">', "no KML but GML; rename it to .gml"),
    "d.GeoJSON": (b"<html>", "no JSON but web page; ask for it as"),
    "e.dxf": (b"AC1027", "no DXF but DWG drawing; ask for it as"),
    "f.tab": (b"Version 300", "no MapInfo table but MapInfo interchange file; rename it to .mif"),
    "g.fgb": (b"PK\x03\x04", "no FlatGeobuf but zip; rename it to .zip"),
    "h.parquet": (b"a,b", "no Parquet but text; ask for it as"),
    "i.gdb": (b"SQLite format 3\x00", "is no file geodatabase, a folder with a00000001.gdbtable in it"),
    "j.tab": (b"!table\n!version 100\n\nopen  TABLE x", "points at other tables; save it as one table"),
    "k.tab": (b'!table\nbegin_metadata\n"\\IsSeamless" = "TRUE"', "points at other tables"),
}


@pytest.mark.parametrize("head", KINDS)
def test_a_kind_is_told_from_the_first_bytes(head):
    """Byte order marks, declarations, remarks and white space stand before any text."""
    assert kinds.kind(head) == KINDS[head]


@pytest.mark.parametrize("suffix", READ)
def test_what_is_read_on_purpose_is_let_through(tmp_path, suffix):
    """The one driver that may open it judges it."""
    file = tmp_path / f"a{suffix}"
    file.write_bytes(READ[suffix])
    kinds.require(file)


@pytest.mark.parametrize("name", REFUSED)
def test_another_kind_is_refused_with_what_to_do(tmp_path, name):
    """The sentence names file, suffix's kind, seeming kind and a way out."""
    content, said = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        kinds.require(tmp_path / name)
    assert said in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize(
    "suffix", [".gpkg", ".geojson", ".geojsonl", ".kml", ".dxf", ".tab", ".mif", ".fgb", ".gml", ".gdb"]
)
def test_what_gdal_writes_is_what_it_is_called(tmp_path, suffix):
    """A table of one point in every format that GDAL writes and we read."""
    drivers = {".kml": "KML", ".gdb": "OpenFileGDB", ".geojsonl": "GeoJSONSeq"}
    place = gpd.GeoDataFrame(geometry=[shapely.Point(116.1, 39.9)], crs="EPSG:4326")
    frame = place if suffix == ".dxf" else place.assign(name="养老站")
    file = tmp_path / f"a{suffix}"
    pyogrio.write_dataframe(frame, file, driver=drivers.get(suffix))
    kinds.require(file)
