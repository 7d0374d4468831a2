"""Every form in which geometry comes is read, and what it cannot keep is said."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis.errors import GisError, SourceError
from gis.intake import columns
from gis.intake.read import read
from tests.unit.intake.handmade import square

DRIVERS = {
    ".kml": "KML",
    ".dxf": "DXF",
    ".gdb": "OpenFileGDB",
    ".geojson": "GeoJSON",
    ".gpkg": "GPKG",
    ".fgb": "FlatGeobuf",
}


@pytest.mark.parametrize("linked", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("suffix", [*DRIVERS, ".shp", ".tab"])
def test_a_path_may_have_an_exclamation_mark(tmp_path, suffix, linked, monkeypatch):
    """In the folder's name and in the file's, without links too; nothing is left beside it. MapInfo keeps cm."""

    def refuse(*_, **__):
        raise OSError("a required privilege is not held")

    if not linked:
        monkeypatch.setattr("os.symlink", refuse)
    drivers = {**DRIVERS, ".shp": "ESRI Shapefile", ".tab": "MapInfo File"}
    frame = gpd.GeoDataFrame({"Name": ["甲"]}, geometry=[square()], crs="EPSG:4548")
    written = frame.drop(columns="Name") if suffix == ".dxf" else frame
    degrees = suffix in {".kml", ".geojson"}
    (tmp_path / "plain").mkdir()
    pyogrio.write_dataframe(
        written.to_crs("EPSG:4326") if degrees else written, tmp_path / "plain" / f"a{suffix}", driver=drivers[suffix]
    )
    odd = (tmp_path / "plain").rename(tmp_path / "urgent!")
    for part in sorted(odd.iterdir()):
        part.rename(odd / f"!{part.name}")
    there = sorted(odd.iterdir())
    came = read(odd / f"!a{suffix}", crs="EPSG:4548").frame if not degrees else read(odd / f"!a{suffix}").frame
    shape = came.geometry.to_crs("EPSG:4548").iloc[0]
    assert shapely.hausdorff_distance(shapely.boundary(shape), square().boundary) < 0.02
    assert sorted(odd.iterdir()) == there


@pytest.mark.parametrize("suffix", DRIVERS)
def test_a_file_of_each_form_is_read(tmp_path, suffix):
    """The square comes back within a millimetre; a drawing says no CRS."""
    path = tmp_path / f"a{suffix}"
    frame = gpd.GeoDataFrame({"Name": ["甲"]}, geometry=[square()], crs="EPSG:4548")
    degrees = suffix in {".kml", ".geojson"}
    written = frame.drop(columns="Name") if suffix == ".dxf" else frame
    pyogrio.write_dataframe(written.to_crs("EPSG:4326") if degrees else written, path, driver=DRIVERS[suffix])
    came = read(path, crs="EPSG:4548" if suffix == ".dxf" else None).frame
    shape = came.geometry.to_crs("EPSG:4548").iloc[0]
    assert shapely.hausdorff_distance(shapely.boundary(shape), square().boundary) < 0.001
    if suffix != ".dxf":
        assert came["Name"].tolist() == ["甲"]


ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet><table:table
 table:name="甲">{}</table:table></office:spreadsheet></office:body></office:document-content>"""

MANIFEST = """<?xml version="1.0" encoding="UTF-8"?><manifest:manifest
 xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>"""


def test_an_ods_sheet_is_read(tmp_path):
    """The form of LibreOffice."""
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    lines = [["name", "lon", "lat"], ["大峪", "116.10", "39.94"], ["城子", "116.11", "39.95"]]
    body = "".join(f"<table:table-row>{''.join(map(cell.format, line))}</table:table-row>" for line in lines)
    path = tmp_path / "a.ods"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        packed.writestr("META-INF/manifest.xml", MANIFEST)
        packed.writestr("content.xml", ODS.format(body))
    shapes = read(path, crs="EPSG:4490").frame.geometry
    assert [(shape.x, shape.y) for shape in shapes] == [(116.10, 39.94), (116.11, 39.95)]


def test_geoparquet_is_read(tmp_path):
    """With its CRS."""
    path = tmp_path / "a.parquet"
    gpd.GeoDataFrame({"n": ["1"]}, geometry=[square()], crs="EPSG:4548").to_parquet(path)
    assert read(path).frame.geometry.iloc[0].equals(square())


CONVERSIONS = {"a.dwg": "DXF", "a.rar": r"\.zip", "a.7z": r"\.zip", "a.mdb": "GeoPackage"}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_what_cannot_be_read_says_what_to_ask_for(tmp_path, name):
    """One sentence with the exact conversion."""
    path = tmp_path / name
    path.write_bytes(b"x")
    with pytest.raises(SourceError, match=CONVERSIONS[name]):
        read(path)


def test_arcs_in_a_table_are_straightened_with_a_word(tmp_path):
    """A half circle of radius 1 has 3.14 of length; its chord would have 2."""
    path = tmp_path / "a.csv"
    path.write_text('name,wkt\n甲,"CIRCULARSTRING (0 0, 1 1, 2 0)"\n乙,"LINESTRING (0 0, 1 1)"\n', encoding="utf-8")
    source = read(path, crs="EPSG:4490")
    assert shapely.length(source.frame.geometry.to_numpy()).round(2).tolist() == [3.14, 1.41]
    assert list(source.notes["code"]) == ["geometry.curves_straightened"]


def test_every_base_layer_knows_its_columns_by_all_their_names(shared):
    """Canonical and delivery name, both titles, every alias: each leads to its field, and to no other."""
    wrong = [
        (layer.name, field.name, spelling)
        for layer in shared.layers.values()
        if not layer.derived
        for field in layer.fields
        for spelling, _ in columns.spellings(field)
        if [match.field for match in columns.match([spelling], layer)[0]] != [field.name]
    ]
    assert wrong == []


def test_a_cut_name_leads_to_its_field_or_to_none(shared):
    """Ten bytes of a name, in UTF-8 and in GBK; where they are another field's whole name they are that field's."""
    wrong = []
    for layer in shared.layers.values():
        for field in layer.fields if not layer.derived else ():
            for spelling, _ in columns.spellings(field):
                for encoding in ("utf-8", "gbk"):
                    cut = spelling.encode(encoding)[:10].decode(encoding, errors="ignore")
                    found = columns.match([cut], layer)[0]
                    if found and found[0].field != field.name and found[0].rank == "cut":
                        wrong.append((layer.name, field.name, cut, found[0].field))
    assert wrong == []


KML = """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>
<name>a</name>{}</Folder></Document></kml>"""
PLACEMARK = """<Placemark>{}<ExtendedData><Data name="名称"><value>{}</value></Data><Data name="编号"><value>{}</value>
</Data></ExtendedData><Point><coordinates>116.1,39.94</coordinates></Point></Placemark>"""


def test_fields_of_placemarks_keep_their_chinese_names(tmp_path):
    """GDAL writes underscores for names beyond ASCII, and one field over the other; here both are there, in order."""
    path = tmp_path / "a.kml"
    path.write_text(KML.format(PLACEMARK.format("", "甲", "0001") + PLACEMARK.format("", "乙", "")), encoding="utf-8")
    came = read(path).frame
    assert came["名称"].tolist() == ["甲", "乙"]
    assert came["编号"].iloc[0] == "0001"
    assert came["编号"].isna().tolist() == [False, True]
    assert not any(str(column).startswith("_") for column in came.columns)


def test_a_damaged_kml_is_refused(tmp_path):
    """What is no XML is an error of ours."""
    path = tmp_path / "a.kml"
    path.write_text(KML.format(PLACEMARK.format("", "甲", "1"))[:-20], encoding="utf-8")
    with pytest.raises(GisError):
        read(path)
