"""What tells a whole file from one that lost something; every cut of every format is among the attacks."""

from __future__ import annotations

import sqlite3

import geopandas as gpd
import pyogrio
import pytest
import shapely

from gis.errors import SourceError
from gis.intake.read import read

COUNT = 60


@pytest.fixture
def mif(tmp_path):
    """Give a MapInfo text of 60 circles."""
    shapes = [shapely.Point(423000 + 150 * (n % 10), 4423000 + 150 * (n // 10)).buffer(60) for n in range(COUNT)]
    columns = {"BH": [f"DY-{n:02d}" for n in range(COUNT)], "MC": [f"单元{n}" for n in range(COUNT)]}
    frame = gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4548")
    pyogrio.write_dataframe(frame, tmp_path / "a.mif", driver="MapInfo File")
    return tmp_path / "a.mif"


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


def test_a_line_of_a_mapinfo_text_with_a_break_in_it_is_one_row(mif):
    """Quoted texts may hold line breaks and the letters of other encodings."""
    mid = mif.with_suffix(".mid")
    mid.write_bytes(mid.read_bytes().replace("单元0".encode("gbk"), "单\n元".encode("gbk"), 1))
    assert len(read(mif).frame) == COUNT


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
