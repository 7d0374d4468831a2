"""What a file says of its CRS is followed, or it is refused with the ranking; it is never passed over."""

from __future__ import annotations

import json
import re
import sqlite3

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis.errors import CrsError
from gis.intake import declarations, recipes
from gis.intake.read import read
from gis.settings import Settings
from tests.unit.intake.handmade import square

BOUNDS = Settings().bounds
SHIFTED = (
    'GEOGCS["GCS_GCJ_02",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["Degree",0.0174532925199433]]'
)


@pytest.fixture
def degrees() -> gpd.GeoDataFrame:
    """Give three squares in the district, in degrees."""
    frame = gpd.GeoDataFrame({"n": ["a", "b", "c"]}, geometry=[square(number) for number in range(3)], crs="EPSG:4548")
    return frame.to_crs(4326)


def geojson(path, frame, place: str, crs):
    """Write a GeoJSON whose `crs` stands at a place of the file."""
    record = json.loads(frame.to_json(drop_id=True))
    record.pop("crs", None)
    holders = {
        "file": [record],
        "feature": record["features"],
        "geometry": [one["geometry"] for one in record["features"]],
    }
    for holder in holders[place]:
        holder["crs"] = crs
    path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    return path


def named(name):
    return {"type": "name", "properties": {"name": name}}


NOT_UNDERSTOOD = {
    "a name of a shifted datum": named("GCJ-02"),
    "a Chinese name of it": named("火星坐标系"),
    "Baidu's": named("BD-09"),
    "a code that does not exist": named("urn:ogc:def:crs:EPSG::999999"),
    "a part of a name": named("Beijing"),
    "none": None,
    "a link": {"type": "link", "properties": {"href": "http://localhost/a.prj"}},
    "a WKT of a shifted datum": named(SHIFTED),
}


@pytest.mark.parametrize("place", ["file", "feature", "geometry"])
@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_a_geojson_that_says_what_is_not_understood_is_refused_with_the_ranking(tmp_path, degrees, name, place):
    """The old standard allows the member on any object; GDAL takes WGS 84 for whatever it does not know."""
    path = geojson(tmp_path / "a.geojson", degrees, place, NOT_UNDERSTOOD[name])
    with pytest.raises(CrsError) as caught:
        read(path, bounds=BOUNDS)
    assert len(caught.value.details["ranking"]) > 1
    assert caught.value.details["flag"] in {"--crs", "--datum"}
    assert len(read(path, crs="EPSG:4326", datum="WGS84", bounds=BOUNDS).frame) == 3


UNDERSTOOD = {
    "CRS84": (named("urn:ogc:def:crs:OGC:1.3:CRS84"), 4326),
    "a URN": (named("urn:ogc:def:crs:EPSG::4490"), 4490),
    "a URL": (named("http://www.opengis.net/def/crs/EPSG/0/4490"), 4490),
    "a name": (named("CGCS2000"), 4490),
    "ArcGIS's name": (named("GCS_Xian_1980"), 4610),
    "a code": ({"type": "EPSG", "properties": {"code": 4490}}, 4490),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_geojson_that_says_what_is_understood_is_followed(tmp_path, degrees, name):
    """Xian 1980 is followed too, and refused where nobody vouches for a way from there."""
    crs, code = UNDERSTOOD[name]
    assert read(geojson(tmp_path / "a.geojson", degrees, "file", crs)).frame.crs.to_epsg() == code


def test_a_shifted_datum_that_the_file_names_is_undone_when_confirmed(tmp_path, degrees):
    """The flag of the refusal settles it."""
    path = geojson(tmp_path / "a.geojson", degrees, "file", named("GCJ-02"))
    moved = read(path, datum="GCJ-02", bounds=BOUNDS).frame
    assert 300 < moved.to_crs(4548).distance(degrees.to_crs(4548)).min() < 700


def gml(path, frame, name):
    pyogrio.write_dataframe(frame, path)
    path.write_text(re.sub(r'srsName="[^"]*"', f'srsName="{name}"', path.read_text("utf-8")), encoding="utf-8")
    return path


def mif(path, frame, clause):
    pyogrio.write_dataframe(frame, path, driver="MapInfo File")
    path.write_text(re.sub("CoordSys.*", f"CoordSys {clause}", path.read_text("latin-1")), encoding="latin-1")
    return path


def geopackage(path, frame, change):
    pyogrio.write_dataframe(frame, path)
    with sqlite3.connect(path) as base:
        base.executescript(change)
    base.close()
    return path


def shapefile(path, frame, prj):
    pyogrio.write_dataframe(frame, path)
    path.with_suffix(".prj").write_text(prj, encoding="utf-8")
    return path


def kml(path, frame, remark):
    pyogrio.write_dataframe(frame, path, driver="KML")
    text = path.read_text("utf-8")
    path.write_text(text.replace("<Document", f"<!-- {remark} --><Document", 1), encoding="utf-8")
    return path


WHERE = "WHERE srs_id = 4490"
SAYS = {
    "GML, shifted": (gml, "a.gml", "GCJ-02", "GCJ-02"),
    "GML, no code": (gml, "a.gml", "urn:ogc:def:crs:EPSG::999999", "999999"),
    "MapInfo, no datum": (mif, "a.mif", "Earth Projection 1, 9998765", "9998765"),
    "MapInfo, no clause": (mif, "a.mif", "Foo", "Foo"),
    "GeoPackage, no definition": (
        geopackage,
        "a.gpkg",
        f"UPDATE gpkg_spatial_ref_sys SET srs_name = '本地', organization = 'NONE', definition = 'x' {WHERE}",
        "本地",
    ),
    "GeoPackage, degrees of nowhere": (
        geopackage,
        "a.gpkg",
        "UPDATE gpkg_geometry_columns SET srs_id = 0; UPDATE gpkg_contents SET srs_id = 0",
        "does not say in which CRS",
    ),
    "GeoPackage, no record": (geopackage, "a.gpkg", f"DELETE FROM gpkg_spatial_ref_sys {WHERE}", "srs_id 4490"),
    "GeoPackage, shifted": (
        geopackage,
        "a.gpkg",
        f"UPDATE gpkg_spatial_ref_sys SET srs_name = 'GCJ-02' {WHERE}",
        "GCJ-02",
    ),
    ".prj, shifted": (shapefile, "a.shp", SHIFTED, "GCS_GCJ_02"),
    ".prj, no WKT": (shapefile, "a.shp", "本地坐标系", "本地坐标系"),
    ".prj, no ground": (shapefile, "a.shp", 'LOCAL_CS["Drawing",UNIT["Meter",1]]', "Drawing"),
    "KML, shifted": (kml, "a.kml", "坐标系 GCJ-02", "GCJ-02"),
}


@pytest.mark.parametrize("name", SAYS)
def test_every_format_is_heard(tmp_path, degrees, name):
    """What GDAL drops without a word is in the refusal, with the ranking."""
    write, file, says, shown = SAYS[name]
    path = write(tmp_path / file, degrees.to_crs(4490) if file == "a.gpkg" else degrees, says)
    with pytest.raises(CrsError, match=shown) as caught:
        read(path, bounds=BOUNDS)
    assert len(caught.value.details["ranking"]) > 1


def test_what_is_set_aside_by_a_flag_is_on_the_list(tmp_path, degrees):
    """The finding keeps the file's own words."""
    path = shapefile(tmp_path / "a.shp", degrees, "本地坐标系")
    notes = read(path, crs="EPSG:4490").notes
    assert list(notes["code"]) == ["source.crs_unread"]
    assert json.loads(notes["parameters"].iloc[0]) == {"text": "本地坐标系", "found": "EPSG:4490"}


def test_the_words_of_a_flatgeobuf_are_found(tmp_path, degrees):
    """Its header may hold a name that GDAL does not pass on."""
    path = tmp_path / "a.fgb"
    pyogrio.write_dataframe(degrees, path)
    raw = path.read_bytes()
    assert b"WGS 84" in raw
    path.write_bytes(raw.replace(b"WGS 84", b"GCJ-02"))
    with pytest.raises(CrsError, match="GCJ-02"):
        read(path, bounds=BOUNDS)


@pytest.mark.parametrize("suffix", [".geojson", ".gml", ".kml", ".mif", ".gpkg", ".fgb"])
def test_a_file_that_says_what_it_is_passes(tmp_path, degrees, suffix):
    """Without this the laws above would hold for a reader that refuses everything."""
    path = tmp_path / f"a{suffix}"
    drivers = {".kml": "KML", ".mif": "MapInfo File"}
    pyogrio.write_dataframe(degrees, path, driver=drivers.get(suffix))
    source = read(path, bounds=BOUNDS)
    assert source.frame.crs.to_epsg() == 4326
    assert "source.crs_unread" not in set(source.notes["code"])


def test_a_road_graph_in_another_crs_is_followed(tmp_path):
    """OSMnx keeps the CRS of a projected graph beside its nodes."""
    nodes = [{"id": 1, "x": 423000.0, "y": 4423000.0}, {"id": 2, "x": 423100.0, "y": 4423000.0}]
    graph = {"graph": {"crs": "epsg:4548"}, "nodes": nodes, "edges": [{"id": [1, 2, 0], "length": "100"}]}
    path = tmp_path / "roads.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    assert read(path).frame.crs.to_epsg() == 4548
    path.write_text(json.dumps(graph | {"graph": {"crs": "GCJ-02"}}), encoding="utf-8")
    with pytest.raises(CrsError, match="GCJ-02"):
        read(path)


def test_a_local_grid_is_named_without_its_parameters():
    """A bureau's own grid must not leak through a message."""
    assert declarations.shown('PROJCS["Local grid",GEOGCS["x"],PARAMETER["false_easting",123456.7]]') == "Local grid"


def test_a_shape_of_the_wal_changes_the_recipe(tmp_path, degrees):
    """A file with all its parts is what a recipe is for."""
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(degrees, path)
    before = recipes.digest(path)
    (tmp_path / "a.gpkg-wal").write_bytes(b"x")
    assert recipes.digest(path) != before


@pytest.mark.parametrize(
    ("columns", "datum"),
    [
        (["adcode", "citycode"], "GCJ-02"),
        (["ADCODE", "CITYCODE", "name"], "GCJ-02"),
        (["adcode", "childrenNu", "acroutes"], "GCJ-02"),
        (["pname", "cityname", "adname"], "GCJ-02"),
        (["adcode"], ""),
        (["citycode", "name"], ""),
    ],
)
def test_columns_that_only_a_shifted_source_writes(tmp_path, columns, datum):
    """AMap writes adcode beside citycode; adcode alone is the national standard's."""
    frame = gpd.GeoDataFrame({name: ["1"] for name in columns}, geometry=[shapely.Point(116.1, 39.94)], crs="EPSG:4326")
    path = tmp_path / "a.geojson"
    pyogrio.write_dataframe(frame, path)
    if not datum:
        assert len(read(path, bounds=BOUNDS).frame) == 1
        return
    with pytest.raises(CrsError, match=r"GCJ-02.*--datum"):
        read(path, bounds=BOUNDS)


def test_a_column_that_names_the_datum_is_heard(tmp_path):
    """A table may say in its own column where its coordinates come from."""
    path = tmp_path / "a.csv"
    path.write_text("编号,lon,lat,坐标系\n1,116.10,39.94,BD09\n", encoding="utf-8")
    with pytest.raises(CrsError, match="BD-09"):
        read(path, crs="EPSG:4326")
    assert len(read(path, datum="BD-09").frame) == 1


LIES = {"degrees for metres": (4548, 4326), "metres for degrees": (4326, 4548), "another zone's metres": (4548, 4534)}


@pytest.mark.parametrize("name", LIES)
def test_a_lying_prj_is_refused_with_the_ranking(tmp_path, degrees, name):
    """What the numbers may be is listed, the likeliest first, with the flag that settles it."""
    true, said = LIES[name]
    path = tmp_path / "a.shp"
    pyogrio.write_dataframe(degrees.to_crs(true).set_crs(said, allow_override=True), path)
    try:
        source = read(path, bounds=BOUNDS)
    except CrsError as error:
        assert error.details["flag"] == "--crs"
        assert f"EPSG:{true}" in str(error)
    else:
        assert "source.crs_corrected" in set(source.notes["code"])
