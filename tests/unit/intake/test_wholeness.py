"""A file that was cut off is refused or said to be, in every format; a whole one is read."""

from __future__ import annotations

import shutil
import sqlite3

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis.errors import GisError, SourceError
from gis.intake.read import read

COUNT = 60
DRIVERS = {".kml": "KML", ".mif": "MapInfo File", ".tab": "MapInfo File", ".geojsonl": "GeoJSONSeq"}
DEGREES = {".kml", ".geojson", ".geojsonl", ".gml"}
SUFFIXES = [
    ".gpkg",
    ".geojson",
    ".geojsonl",
    ".kml",
    ".gml",
    ".fgb",
    ".mif",
    ".tab",
    ".dxf",
    ".shp",
    ".parquet",
    ".csv",
]
# parts that say nothing about the rows themselves
TOLD_ELSEWHERE = {".prj", ".cpg", ".xsd", ".tab", ".shx"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Give a maker of files with 60 circles."""
    shapes = [shapely.Point(423000 + 150 * (n % 10), 4423000 + 150 * (n // 10)).buffer(60) for n in range(COUNT)]
    columns = {"BH": [f"DY-{n:02d}" for n in range(COUNT)], "MC": [f"单元{n}" for n in range(COUNT)]}
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4548")

    def make(suffix):
        path = tmp_path_factory.mktemp("whole") / f"a{suffix}"
        came = frame.to_crs(4326) if suffix in DEGREES else frame
        if suffix == ".parquet":
            came.to_parquet(path)
        elif suffix == ".csv":
            came.drop(columns="geometry").assign(wkt=came.geometry.to_wkt()).to_csv(path, index=False)
        else:
            pyogrio.write_dataframe(came[["geometry"]] if suffix == ".dxf" else came, path, driver=DRIVERS.get(suffix))
        return path

    return make


def options(path):
    return {"crs": "EPSG:4548"} if path.suffix in {".dxf", ".csv"} else {}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_file_is_read(whole, suffix):
    """Without this the law below would hold for a reader that refuses everything."""
    path = whole(suffix)
    source = read(path, **options(path))
    assert len(source.frame) == COUNT
    assert "source.last_line_short" not in set(source.notes["code"])


@pytest.mark.parametrize("share", [0.31, 0.733, 0.913, 0.995])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cut_file_is_refused_or_said_to_be(whole, tmp_path, suffix, share):
    """Each of its parts may be the one that broke off."""
    path = whole(suffix)
    for part in path.parent.iterdir():
        if part.suffix in TOLD_ELSEWHERE:
            continue
        folder = tmp_path / part.suffix
        shutil.copytree(path.parent, folder)
        raw = part.read_bytes()
        (folder / part.name).write_bytes(raw[: int(len(raw) * share)])
        try:
            source = read(folder / path.name, **options(path))
        except GisError as error:
            assert error.exit_code in {4, 5}
        else:
            assert "source.last_line_short" in set(source.notes["code"]) or len(source.frame) == COUNT


def test_a_geopackage_that_is_damaged_within_is_refused(tmp_path):
    """GDAL reads the rows that it can reach and says nothing of the others."""
    path = tmp_path / "a.gpkg"
    frame = gpd.GeoDataFrame(
        {"t": ["x" * 900] * 200}, geometry=gpd.points_from_xy([423000] * 200, range(200)), crs="EPSG:4548"
    )
    pyogrio.write_dataframe(frame, path, SPATIAL_INDEX="NO")
    with sqlite3.connect(path) as base:
        root, size = base.execute("SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master "
                                  "WHERE name = 'a'").fetchone()  # fmt: skip
    base.close()
    raw = bytearray(path.read_bytes())
    leaf = (root + 2) * size
    raw[leaf : leaf + size] = bytes(size)
    path.write_bytes(bytes(raw))
    with pytest.raises(SourceError, match=r"damaged|cannot be read"):
        read(path)


def test_a_line_of_a_mapinfo_text_with_a_break_in_it_is_one_row(tmp_path, whole):
    """Quoted texts may hold line breaks and the letters of other encodings."""
    path = whole(".mif")
    mid = path.with_suffix(".mid")
    rows = mid.read_bytes().splitlines(keepends=True)
    copy = tmp_path / "a.mif"
    shutil.copyfile(path, copy)
    copy.with_suffix(".mid").write_bytes(b"".join(rows).replace("单元0".encode("gbk"), "单\n元".encode("gbk"), 1))
    assert len(read(copy).frame) == COUNT


def test_objects_of_every_kind_are_counted(tmp_path):
    """A row of a .mif may have no object, a collection, or many rings."""
    objects = [
        "none",
        "Point 1 1",
        "Line 1 1 2 2\n    Pen (1,2,0)",
        "Pline 3\n1 1\n2 2\n3 1",
        "Pline Multiple 2\n  2\n1 1\n2 2\n  2\n3 3\n4 4",
        "Region 2\n  4\n1 1\n2 1\n2 2\n1 1\n  4\n3 3\n4 3\n4 4\n3 3\n    Center 1 1",
        "Multipoint 2\n1 1\n2 2",
        'Text\n  "x"\n  1 1 2 2',
        "Collection 2\nPline 2\n1 1\n2 2\nMultipoint 1\n1 1",
    ]
    head = 'Version 300\nCharset "Neutral"\nDelimiter ","\nCoordSys Earth Projection 1, 104\nColumns 1\n'
    head += "  n Char(9)\nData\n\n"
    (tmp_path / "a.mif").write_text(head + "\n".join(objects) + "\n", encoding="ascii")
    (tmp_path / "a.mid").write_text("".join(f'"{n}"\n' for n in range(len(objects))), encoding="ascii")
    assert len(read(tmp_path / "a.mif").frame) == len(objects)


def test_a_csv_whose_last_line_is_broken_off_says_so(tmp_path):
    """A line without an end and with fewer values than columns; a short line that ends is another matter."""
    path = tmp_path / "a.csv"
    path.write_text("n,lon,lat\n1,116.1,39.9\n2,116.2", encoding="utf-8")
    assert "source.last_line_short" in set(read(path, crs="EPSG:4326").notes["code"])
    path.write_text("n,lon,lat\n1,116.1,39.9\n2,116.2,39.9", encoding="utf-8")
    assert "source.last_line_short" not in set(read(path, crs="EPSG:4326").notes["code"])
