"""What comes in reads nothing else: no other file, no address, no query without end; and its names obey nobody."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import zipfile

import geopandas as gpd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
import xlsxwriter

from gis.errors import SourceError
from gis.intake.read import read
from gis.workflow import intake
from tests.hostile.children import PATIENCE_S

# what stands in a file that nobody named
CANARY = "KANARIENVOGEL"
ROW = {"facility_id": "F1", "name": "养老站", "kind": "care_home"}
PLACE = shapely.Point(116.1, 39.9)
SUFFIXES = ["geojson", "geojsonl", "json", "topojson", "gpkg", "kml", "ovkml", "gml", "dxf", "tab", "mif", "fgb"]
SUFFIXES += ["gdb", "shp", "dbf", "parquet", "csv", "xlsx", "ods", "zip", "kmz"]
# characters that a terminal obeys or that turn the order of others
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b[31mred\x1b[0m\x9b2J\u202eevil"


@pytest.fixture
def canary(tmp_path):
    """Return the path of a file that nobody names on a command line."""
    path = tmp_path / "private" / "canary.geojson"
    path.parent.mkdir()
    path.write_text(geojson(name=CANARY), encoding="utf-8")
    return path


@pytest.fixture
def load(gis, store, tmp_path, loopback, canary):
    """Return a function that loads a file as facilities and proves that nothing but the file was read."""
    asked = loopback[1]

    def run(file, *more):
        words = ["load", store, file, "--layer", "facilities", "--report", tmp_path / "report.xlsx", *more]
        # whoever works behind a proxy goes around it to some machines
        ended = gis(*words, NO_PROXY="*", no_proxy="*", PYTHONUNBUFFERED="1")
        assert not asked, ended
        kept = [store, tmp_path / "report.xlsx", *tmp_path.glob("store.recipes/*")]
        held = b"".join(text(path) for path in kept if path.exists())
        assert CANARY not in ended.out + ended.err and CANARY.encode() not in held
        assert "Traceback" not in ended.err
        return ended

    return run


def text(path):
    """Return the bytes of a file, of a workbook those of its parts."""
    if path.suffix != ".xlsx":
        return path.read_bytes()
    with zipfile.ZipFile(path) as book:
        return b"".join(book.read(name) for name in book.namelist())


def rows(store):
    """Return how many facilities a store holds, and how many rows wait."""
    counts = [f"SELECT count(*) FROM {name}" for name in ("facilities", "quarantine")]
    with contextlib.closing(sqlite3.connect(store)) as base:
        return tuple(base.execute(count).fetchone()[0] for count in counts)


def geojson(*, crs=None, place_crs=None, **changed):
    """Return a GeoJSON of one facility."""
    place = {"type": "Point", "coordinates": [116.1, 39.9]} | ({"crs": place_crs} if place_crs else {})
    feature = {"type": "Feature", "properties": ROW | changed, "geometry": place}
    return json.dumps({"type": "FeatureCollection", "features": [feature]} | ({"crs": crs} if crs else {}))


def frame(**changed):
    """Return one facility."""
    return gpd.GeoDataFrame([ROW | changed], geometry=[PLACE], crs="EPSG:4490")


def shapefile(path):
    """Make a shapefile of one facility."""
    pyogrio.write_dataframe(frame().rename(columns={"facility_id": "SSBH"}), path, encoding="UTF-8")
    return path


def vrt(source):
    """Return the text of a virtual file."""
    layer = f'<OGRVRTLayer name="canary"><SrcDataSource>{source}</SrcDataSource></OGRVRTLayer>'
    return f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>"


def gridded_wkt(grid):
    """Return a CRS that names a grid of shifts by its path."""
    spheroid = f'SPHEROID["k",6378245,298.3],EXTENSION["PROJ4_GRIDS","{grid}"]'
    return f'GEOGCS["x",DATUM["d",{spheroid}],PRIMEM["G",0],UNIT["degree",0.0174532925199433]]'


DISGUISES = {
    "virtual file": lambda path, address: vrt(path),
    "virtual file of an address": lambda path, address: vrt(f"/vsicurl/{address}/x.geojson"),
    "virtual file behind a remark": lambda path, address: f"<!-- <kml> -->\n{vrt(path)}",
    "service": lambda path, address: f"<OGRWFSDataSource><URL>{address}/wfs</URL></OGRWFSDataSource>",
    "pipeline": lambda path, address: json.dumps(
        {"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {path} ! write --of stream x"}
    ),
}


@pytest.mark.parametrize(
    ("disguise", "suffix"),
    [("virtual file", suffix) for suffix in SUFFIXES]
    + [("virtual file of an address", suffix) for suffix in ("geojson", "gpkg", "kml", "dxf", "fgb", "mif", "gdb")],
)
def test_a_disguise_opens_nothing(load, store, tmp_path, canary, loopback, disguise, suffix):
    """Whatever a virtual file is called, what it names is not read, and nothing is stored."""
    file = tmp_path / f"facilities.{suffix}"
    file.write_text(DISGUISES[disguise](canary, loopback[0]), encoding="utf-8")
    ended = load(file)
    # a text is a table of one column, of which no row is a facility
    assert ended.code in ({4, 5, 7, 8} if suffix == "csv" else {4}), ended
    assert ended.one_sentence or suffix == "csv", ended
    assert rows(store)[0] == 0


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "kml", "gml", "tab"])
@pytest.mark.parametrize("disguise", list(DISGUISES)[2:])
def test_other_disguises_open_nothing(load, store, tmp_path, canary, loopback, disguise, suffix):
    """Remarks before it, services and pipelines are no way around."""
    file = tmp_path / f"facilities.{suffix}"
    file.write_text(DISGUISES[disguise](canary, loopback[0]), encoding="utf-8")
    ended = load(file)
    assert (ended.code, ended.one_sentence, rows(store)) == (4, True, (0, 0)), ended


@pytest.mark.parametrize("member", ["facilities.geojson", "doc.kml", "facilities.gpkg"])
def test_a_disguise_within_a_zip_opens_nothing(load, store, tmp_path, canary, member):
    """What is unpacked is looked at as what lies in a folder."""
    file = tmp_path / ("facilities.kmz" if member == "doc.kml" else "facilities.zip")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, vrt(canary))
    ended = load(file)
    assert (ended.code, ended.one_sentence, rows(store)) == (4, True, (0, 0)), ended


@pytest.mark.parametrize("part", [".shp", ".dbf", ".prj"])
def test_a_disguise_in_a_delivery_is_a_fault(gis, tmp_path, canary, part):
    """Whoever receives a package checks it, and opens nothing else for that."""
    shapefile(tmp_path / "GGFWSS.shp")
    if part == ".prj":
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "GGFWSS.prj").write_text(gridded_wkt(tmp_path / "pipe"), encoding="ascii")
    else:
        (tmp_path / f"GGFWSS{part}").write_text(vrt(canary), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as package:
        for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
            package.write(tmp_path / f"GGFWSS{suffix}", f"GGFWSS{suffix}")
    ended = gis("verify", tmp_path / "package.zip")
    assert ended.code == 16 and CANARY not in ended.out + ended.err and "Traceback" not in ended.err, ended


DRAWING = """  0
SECTION
  2
BLOCKS
  0
BLOCK
  2
x
 70
4
 10
0
 20
0
  3
x
  1
ELSEWHERE
  0
ENDBLK
  0
ENDSEC
  0
SECTION
  2
ENTITIES
  0
POINT
  8
care_home
 10
500000
 20
4420000
  0
INSERT
  8
0
  2
x
 10
0
 20
0
  0
ENDSEC
  0
EOF
"""


def linked(address):
    """Return the texts of files that point at an address, by name, and with which code they end."""
    link = {"type": "link", "properties": {"href": f"{address}/link", "type": "ogcwkt"}}
    url = {"type": "url", "properties": {"url": f"{address}/url"}}
    point = "<Point><coordinates>116.1,39.9</coordinates></Point>"
    data = "".join(f'<Data name="{name}"><value>{value}</value></Data>' for name, value in ROW.items())
    style = f"<styleUrl>{address}/style.kml#a</styleUrl><ExtendedData>{data}</ExtendedData>{point}"
    more = f"<NetworkLink><Link><href>{address}/more.kml</href></Link></NetworkLink>"
    fields = "".join(f"<o:{name}>{value}</o:{name}>" for name, value in ROW.items())
    place = '<gml:Point srsName="EPSG:4326"><gml:coordinates>116.1,39.9</gml:coordinates></gml:Point>'
    asked = f"{address}/ows?service=WFS&amp;version=1.0.0&amp;request=DescribeFeatureType&amp;typename=o:f"
    spaces = 'xmlns:gml="http://www.opengis.net/gml" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    spaces += f' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:o="http://o" xsi:schemaLocation="http://o {asked}"'
    member = f"<gml:featureMember><o:f>{fields}<o:place>{place}</o:place><o:more xlink:href='{address}/x#a'/></o:f>"
    topology = {"type": "Topology", "arcs": [], "crs": link}
    shape = {"type": "Point", "coordinates": [116.1, 39.9], "properties": ROW}
    topology["objects"] = {"facilities": {"type": "GeometryCollection", "geometries": [shape]}}
    return {
        "crs link.geojson": (geojson(crs=link), 3),
        "crs url.json": (geojson(crs=url), 3),
        "crs of a place.geojson": (geojson(place_crs=link), 3),
        "crs link.topojson": (json.dumps(topology), 3),
        "links.kml": (f"<kml><Document>{more}<Placemark>{style}</Placemark></Document></kml>", 0),
        "schema.gml": (f"<gml:FeatureCollection {spaces}>{member}</gml:featureMember></gml:FeatureCollection>", 0),
        "xref.dxf": (DRAWING.replace("ELSEWHERE", f"{address}/x.dxf"), 8),
        "formula.csv": (
            f'facility_id,name,kind,lon,lat\nF1,"=WEBSERVICE(""{address}/csv"")",care_home,116.1,39.9\n',
            0,
        ),
    }


@pytest.mark.parametrize("name", linked(""))
def test_a_link_is_not_followed(load, store, tmp_path, loopback, name):
    """A CRS, a style, a schema or a part that lies on a server is not asked for; a CRS that is not known is refused."""
    content, code = linked(loopback[0])[name]
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    crs = {".csv": "EPSG:4490", ".dxf": "EPSG:4548"}.get(file.suffix)
    ended = load(file, *(["--crs", crs] if crs else []))
    assert ended.code == code, ended
    assert sum(rows(store)) == (1 if code in {0, 8} else 0)


def test_a_workbook_asks_nobody(load, store, tmp_path, loopback):
    """Formulas of other workbooks and of addresses hold what they held."""
    file = tmp_path / "facilities.xlsx"
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, [*ROW, "lon", "lat"])
        sheet.write_row(1, 0, [*ROW.values(), 116.1, 39.9])
        sheet.write_formula(1, 1, f"='{loopback[0]}/[other.xlsx]Sheet1'!A1", value="养老站")
        sheet.write_url(1, 0, f"{loopback[0]}/url", string="F1")
    assert load(file, "--crs", "EPSG:4490").code == 0
    assert rows(store) == (1, 0)


def parts(folder, name, canary):
    """Make a file of which a part leads elsewhere, and return its path."""
    path = folder / f"facilities{name[name.rindex('.') :]}" if "." in name else folder / name
    elsewhere = canary.parent / "elsewhere"
    if name in {"dbf.shp", "prj.shp", "pipe.shp"}:
        shapefile(path)
        part = path.with_suffix(".prj" if name == "prj.shp" else ".dbf")
        shutil.copy(part, elsewhere)
        part.unlink()
        if name == "prj.shp":
            elsewhere.write_text(f'GEOGCS["{CANARY}"]', encoding="utf-8")
        os.mkfifo(part) if name == "pipe.shp" else part.symlink_to(elsewhere)
    elif name == "mid.mif":
        path.write_text('Version 300\nDelimiter ","\nColumns 1\n name Char(99)\nData\nPoint 116.1 39.9\n', "utf-8")
        elsewhere.write_text(f'"{CANARY}"\n', encoding="utf-8")
        path.with_suffix(".mid").symlink_to(elsewhere)
    elif name == "table.gdb":
        frame().to_file(path, driver="OpenFileGDB")
        table = next(file for file in sorted(path.iterdir()) if file.suffix == ".gdbtable")
        shutil.move(table, elsewhere)
        table.symlink_to(elsewhere)
    elif name == "view.tab":
        path.write_text(f'!table\n!version 100\nOpen Table "{elsewhere}"\nCreate View x As Select * From y\n', "utf-8")
    elif name == "seamless.tab":
        path.write_text('!table\n!version 300\n\nbegin_metadata\n"\\IsSeamless" = "TRUE"\nend_metadata\n', "utf-8")
    elif name.startswith("grid"):
        os.mkfifo(elsewhere)
        gridded(path, elsewhere, escaped="escapes" in name)
    elif name.startswith("pipe"):
        os.mkfifo(path)
    elif name.startswith("entity"):
        point = "<Point><coordinates>116.1,39.9</coordinates></Point>"
        head = f'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY a SYSTEM "{canary.as_uri()}">]>\n'
        if path.suffix == ".kml":
            path.write_text(f"{head}<kml><Placemark><name>&a;</name>{point}</Placemark></kml>", encoding="utf-8")
        else:
            spaces = 'xmlns:gml="http://www.opengis.net/gml"'
            shape = "<gml:Point><gml:coordinates>116.1,39.9</gml:coordinates></gml:Point>"
            member = f"<gml:featureMember><o><name>&a;</name><p>{shape}</p></o></gml:featureMember>"
            path.write_text(f"{head}<gml:FeatureCollection {spaces}>{member}</gml:FeatureCollection>", encoding="utf-8")
    elif name == "column.parquet":
        # a file of remarks about others, as large sets have one
        other = canary.parent / "canary.parquet"
        frame(name=CANARY).to_parquet(other)
        about = pq.read_metadata(other)
        about.set_file_path("private/canary.parquet")
        pq.write_metadata(pq.read_schema(other), path, [about])
    return path


def gridded(path, grid, *, escaped):
    """Make a file whose CRS names a grid of shifts by its path."""
    wkt = gridded_wkt(grid)
    if path.suffix == ".shp":
        shapefile(path).with_suffix(".prj").write_text(wkt, encoding="ascii")
    elif path.suffix == ".gpkg":
        with contextlib.closing(sqlite3.connect(geopackage(path))) as base:
            named = "UPDATE gpkg_spatial_ref_sys SET organization = 'x', definition = ? WHERE srs_id = 4490"
            base.execute(named, [wkt])
            base.commit()
    else:
        crs = {"type": "name", "properties": {"name": f"+proj=longlat +ellps=krass +nadgrids={grid}"}}
        content = geojson(crs=crs)
        path.write_text(content.replace("nadgrids", "\\u006ead\\u0067rids") if escaped else content, encoding="utf-8")


PARTS = {
    "dbf.shp": 4,
    "prj.shp": 4,
    "pipe.shp": 4,
    "mid.mif": 4,
    "table.gdb": 4,
    "view.tab": 4,
    "seamless.tab": 4,
    "pipe.geojson": 4,
    "pipe.xlsx": 4,
    "pipe.zip": 4,
    "entity.kml": 4,
    "entity.gml": 4,
    "column.parquet": 4,
    "grid.shp": 4,
    "grid.gpkg": 4,
    "grid.geojson": 4,
    "grid in escapes.geojson": 4,
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_lies_elsewhere_is_not_read(load, store, tmp_path, canary, name):
    """Links out of the folder, pipes, tables that point at others, and grids of a CRS are refused."""
    ended = load(parts(tmp_path, name, canary))
    assert (ended.code, ended.one_sentence, rows(store)) == (PARTS[name], True, (0, 0)), ended
    assert ended.seconds < PATIENCE_S / 2


def test_a_pipe_is_no_workbook(gis, store, tmp_path):
    """Nor is it opened to see of which layer it is."""
    os.mkfifo(tmp_path / "x.xlsx")
    os.mkfifo(tmp_path / "x.zip")
    for words in (["load", store, "x.xlsx"], ["crossings", store, "x.xlsx"], ["verify", "x.zip"]):
        ended = gis(*words)
        assert ended.code in {2, 4, 16} and ended.seconds < 10 and "Traceback" not in ended.err, ended


@pytest.mark.parametrize("name", ["link", "../facilities.geojson", "/facilities.geojson"])
def test_a_member_that_leads_out_of_a_zip_is_not_unpacked(load, store, tmp_path, canary, name):
    """A link, or a name that leaves the folder."""
    file = tmp_path / "facilities.zip"
    with zipfile.ZipFile(file, "w") as archive:
        info = zipfile.ZipInfo("facilities.geojson" if name == "link" else name)
        info.create_system, info.external_attr = 3, (0o120777 if name == "link" else 0o100644) << 16
        archive.writestr(info, str(canary) if name == "link" else geojson())
    ended = load(file)
    assert (ended.code, ended.one_sentence, rows(store)) == (4, True, (0, 0)), ended
    assert not (tmp_path.parent / "facilities.geojson").exists()


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS fid, '' AS n FROM c WHERE x < 0"
VIEWS = {
    "sound": ("SELECT fid, facility_id, name, kind, geom FROM t", 0),
    "without end": (ENDLESS, 4),
    "too long": ("SELECT 1 AS fid, zeroblob(900000000) AS name", 4),
    "extension": ("SELECT 1 AS fid, load_extension('{canary}') AS name", 4),
    "tokens": ("SELECT 1 AS fid, fts3_tokenizer('simple') AS name", 4),
    "server": ("SELECT 1 AS fid, ogr_geocode('x', '', 'query_template={address}/%s') AS name", 4),
    "picture": ("SELECT 1 AS fid, gdal_get_pixel_value('{address}/r.tif', 1, 'georef', 1, 2) AS name", 4),
}


def geopackage(path, *statements):
    """Make a GeoPackage of one facility, and change it."""
    pyogrio.write_dataframe(frame(), path, layer="t", driver="GPKG")
    with contextlib.closing(sqlite3.connect(path)) as base:
        for statement in statements:
            base.execute(statement)
        base.commit()
    return path


def viewed(path, query):
    """Make a GeoPackage with a view beside its table."""
    contents = "INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('v', 'features', 4490)"
    shape = "INSERT INTO gpkg_geometry_columns VALUES ('v', 'geom', 'POINT', 4490, 0, 0)"
    return geopackage(path, f"CREATE VIEW v AS {query}", contents, shape)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_run_within_limits(load, store, tmp_path, canary, loopback, name):
    """A query of a stranger reads its own file, for a while; else it is refused by name."""
    query, code = VIEWS[name]
    query = query.replace("{canary}", str(canary)).replace("{address}", loopback[0])
    file = viewed(tmp_path / "facilities.gpkg", query)
    ended = load(f"{file}#v")
    assert ended.code == code, ended
    assert ended.one_sentence or code == 0, ended
    assert rows(store) == ((1, 0) if code == 0 else (0, 0))


def test_a_table_is_read_beside_a_view_without_end(load, store, tmp_path):
    """Nobody runs what was not asked for."""
    ended = load(f"{viewed(tmp_path / 'facilities.gpkg', ENDLESS)}#t")
    assert (ended.code, rows(store)) == (0, (1, 0)), ended
    assert ended.seconds < 10


NAMED = [
    "/vsicurl/{}/x.geojson",
    "/vsizip//vsicurl/{}/x.zip/x.geojson",
    "{}/facilities.geojson",
    "WFS:{}/wfs",
    "PG:host=127.0.0.1 dbname=x",
    '{{"type": "FeatureCollection", "crs": {{"type": "link", "properties": {{"href": "{}"}}}}}}',
    "<OGRVRTDataSource><SrcDataSource>/vsicurl/{}</SrcDataSource></OGRVRTDataSource>",
]


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("command", ["load", "crossings", "verify"])
def test_an_address_is_no_file(gis, store, loopback, command, name):
    """Commands that take files fetch nothing."""
    file = name.format(loopback[0])
    more = [file, "--layer", "facilities"] if command == "load" else [file]
    ended = gis(command, *([] if command == "verify" else [store]), *more)
    assert (ended.code in {4, 16}) and not loopback[1] and "Traceback" not in ended.err, ended
    assert ended.one_sentence or command == "verify"


STORES = {
    "virtual file": None,
    "layer": f"CREATE VIEW facilities AS {ENDLESS}",
    "changes": f"CREATE VIEW gis_changes AS {ENDLESS}",
    "history": f"CREATE VIEW gis_history_facilities AS {ENDLESS}",
    "contents": f"CREATE VIEW gpkg_contents AS {ENDLESS}",
}
COMMANDS = [["export", "facilities", "out.csv"], ["check"], ["map", "out.html", "--internal"], ["blocks"]]


@pytest.mark.parametrize("name", STORES)
def test_a_hostile_store_is_one_sentence(gis, store, canary, name):
    """What is no store, or has queries where a store has tables, is not opened."""
    if STORES[name] is None:
        store.write_text(vrt(canary), encoding="utf-8")
    else:
        table = STORES[name].split()[2]
        with contextlib.closing(sqlite3.connect(store)) as base:
            base.execute(f"DROP TABLE {table}")
            base.execute(STORES[name])
            base.commit()
    for command, *more in COMMANDS:
        ended = gis(command, store, *more)
        assert (ended.code, ended.one_sentence) == (10, True) and CANARY not in ended.out, (command, ended)
        assert ended.seconds < 10


@pytest.mark.parametrize("call", ["load_extension('x')", "ogr_geocode('x')", "readfile('x')"])
def test_a_trigger_reaches_no_file(gis, store, tmp_path, call):
    """A trigger hung on a store's table calls what SQLite alone has, or the write is refused whole."""
    with contextlib.closing(sqlite3.connect(store)) as base:
        base.execute(f"CREATE TRIGGER x AFTER INSERT ON facilities BEGIN SELECT {call}; END")
        base.commit()
    file = tmp_path / "facilities.geojson"
    file.write_text(geojson(), encoding="utf-8")
    ended = gis("load", store, file)
    assert (ended.code, ended.one_sentence, rows(store)) == (10, True, (0, 0)), ended


def spelt(folder, name):
    """Make a file in which somebody's names obey a terminal, and return the words of the command that says them."""
    path = folder / "facilities.geojson"
    load = ["load", "store.gpkg"]
    if name == "fields":
        content = json.loads(geojson())
        content["features"][0]["properties"][EVIL] = EVIL
        content["features"][0]["properties"]["kind"] = EVIL
        path.write_text(json.dumps(content), encoding="utf-8")
        return [*load, path]
    if name == "column":
        path = folder / "facilities.csv"
        path.write_text(f"facility_id,name,kind,lon,lat,{EVIL}\nF1,x,{EVIL},116.1,39.9,x\n", encoding="utf-8")
        return [*load, path]
    if name == "sheet":
        path = folder / "facilities.xlsx"
        with xlsxwriter.Workbook(path) as book:
            for sheet in ("\u202eevil", "\u2066other"):
                book.add_worksheet(sheet).write_row(0, 0, ["facility_id", "kind"])
                book.get_worksheet_by_name(sheet).write_row(1, 0, ["F1", EVIL])
        return [*load, path]
    if name == "layers":
        path = folder / "facilities.gpkg"
        for layer in (EVIL, "other\nline"):
            pyogrio.write_dataframe(frame(), path, layer=layer, driver="GPKG", append=path.exists())
        return [*load, path]
    if name == "folder of a KML":
        path = folder / "facilities.kml"
        place = "<Placemark><Point><coordinates>116.1,39.9</coordinates></Point></Placemark>"
        folders = "".join(f"<Folder><name>&#x202e;{number}</name>{place}</Folder>" for number in (1, 2))
        path.write_text(f"<kml><Document>{folders}</Document></kml>", encoding="utf-8")
        return [*load, path]
    if name in {"members", "package"}:
        path = folder / "facilities.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for member in ("\u202eevil.geojson", "\x7f\x9b2J.geojson", "b.geojson"):
                archive.writestr(member, geojson())
        return [*load, path] if name == "members" else ["verify", path]
    odd = folder / f"facilities{EVIL}\nline.geojson"
    odd.write_text(geojson(), encoding="utf-8")
    return [*load, odd, "--layer", "facilities"] if name == "file" else [*load, odd]


@pytest.mark.parametrize(
    "name", ["fields", "column", "sheet", "layers", "folder of a KML", "members", "package", "file", "file of no layer"]
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_names_obey_nobody(gis, store, tmp_path, name, lang):
    """Names of fields, sheets, layers, members and files reach a terminal as they are written in programs."""
    ended = gis("--lang", lang, *spelt(tmp_path, name))
    assert ended.code != 1 and not OBEYED.search(ended.out + ended.err), ended
    assert "\nline" not in ended.out + ended.err


def test_a_stored_name_obeys_nobody(gis, store, tmp_path):
    """What was loaded is said by commands that print rows."""
    file = tmp_path / "facilities.geojson"
    file.write_text(geojson(name=EVIL, facility_id="F\u202e1", source=EVIL), encoding="utf-8")
    commands = [
        ["load", store, file],
        ["check", store, "--report", "report.xlsx"],
        ["history", store, "facilities", "F\u202e1"],
        ["export", store, "facilities", f"{EVIL}.csv"],
        ["export", store, EVIL, "x.csv"],
        ["restore", store, "facilities", EVIL, "1"],
        [EVIL],
    ]
    for words in commands:
        ended = gis(*words)
        assert ended.code not in {1, -9} and not OBEYED.search(ended.out + ended.err), (words, ended)


def test_a_recipe_is_of_the_file_that_was_read(store, tmp_path, monkeypatch):
    """A file that is written while it is read is refused, and nothing is stored."""
    file = tmp_path / "facilities.geojson"
    file.write_text(geojson(), encoding="utf-8")
    intake.load(store, [file])
    recipe = json.loads(next(tmp_path.glob("store.recipes/*.json")).read_text(encoding="utf-8"))
    assert recipe["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()

    def late(path, **options):
        source = read(path, **options)
        file.write_text(geojson(facility_id="F3"), encoding="utf-8")
        return source

    file.write_text(geojson(facility_id="F2"), encoding="utf-8")
    monkeypatch.setattr(intake, "read", late)
    with pytest.raises(SourceError, match="was changed while it was read"):
        intake.load(store, [file])
    assert rows(store) == (1, 0)
