"""Shapefiles whose parts are missing or at odds: the index is made anew, the rest is refused or on the list."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import shapefile as pyshp
import shapely

from gis.errors import CrsError, SourceError
from gis.intake.read import read
from gis.intake.shapefiles import Index, index_bytes
from tests.unit.intake.handmade import square

COLUMNS = [(b"BH", "C", 4)]
ROWS = [[b"A"], [b"B"], [b"C"]]
# where the .shx keeps the place of the second shape, and how long it is, both in words
SECOND = 100 + 8


def spoilt(path, suffix, at, raw):
    """Overwrite some bytes of one part."""
    content = bytearray(path.with_suffix(suffix).read_bytes())
    content[at : at + len(raw)] = raw
    path.with_suffix(suffix).write_bytes(content)


def first_entry(path) -> bytes:
    return path.with_suffix(".shx").read_bytes()[100:108]


INDEX_FAULTS = {
    "missing": lambda path: path.with_suffix(".shx").unlink(),
    "empty": lambda path: path.with_suffix(".shx").write_bytes(b""),
    "cut": lambda path: path.with_suffix(".shx").write_bytes(path.with_suffix(".shx").read_bytes()[:-3]),
    "beyond the end": lambda path: spoilt(path, ".shx", SECOND, struct.pack(">i", 1 << 30)),
    "negative": lambda path: spoilt(path, ".shx", SECOND, struct.pack(">i", -1)),
    "in the middle of a shape": lambda path: spoilt(path, ".shx", SECOND, struct.pack(">i", 53)),
    "the first shape twice": lambda path: spoilt(path, ".shx", SECOND, first_entry(path)),
    "another length": lambda path: spoilt(path, ".shx", SECOND + 4, struct.pack(">i", 4)),
}


@pytest.mark.parametrize("name", INDEX_FAULTS)
def test_an_index_that_cannot_be_right_is_made_anew(shapefile, name):
    """Each row keeps its own square, the finding says so, and the folder stays as it was."""
    path = shapefile(COLUMNS, ROWS)
    INDEX_FAULTS[name](path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    source = read(path)
    assert list(source.notes["code"]) == ["source.index_rebuilt"]
    pairs = zip(source.frame["BH"], source.frame.geometry, strict=True)
    assert all(shape.equals(square("ABC".index(key))) for key, shape in pairs)
    assert source.frame.crs.to_epsg() == 4548
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_a_sound_index_is_followed(shapefile):
    """Programs that edit in place leave holes between records; then only the .shx knows which shapes are left."""
    path = shapefile(COLUMNS, ROWS)
    raw, pairs = path.read_bytes(), path.with_suffix(".shx").read_bytes()[100:]
    entries = np.frombuffer(pairs, dtype=">i4").reshape(-1, 2).astype(np.int64) * 2
    kept = Index(entries[[2, 0], 0], entries[[2, 0], 1])
    path.with_suffix(".shx").write_bytes(index_bytes(raw, kept))
    path.with_suffix(".dbf").write_bytes(shapefile(COLUMNS, ROWS[:2], stem="two").with_suffix(".dbf").read_bytes())
    source = read(path)
    assert list(source.notes["code"]) == []
    assert [shape.equals(square(n)) for shape, n in zip(source.frame.geometry, (2, 0), strict=True)] == [True, True]


def test_the_index_has_the_bytes_of_the_format(shapefile):
    """Made by GDAL or by us, byte by byte."""
    path = shapefile(COLUMNS, ROWS)
    shx = path.with_suffix(".shx").read_bytes()
    entries = np.frombuffer(shx, dtype=">i4", offset=100).reshape(-1, 2).astype(np.int64) * 2
    assert index_bytes(path.read_bytes(), Index(entries[:, 0], entries[:, 1])) == shx


def test_without_an_index_a_broken_record_is_damage(shapefile):
    """A length that reaches beyond the file leaves no way to the next shape."""
    path = shapefile(COLUMNS, ROWS)
    path.with_suffix(".shx").unlink()
    spoilt(path, ".shp", 104, struct.pack(">i", 1 << 30))
    with pytest.raises(SourceError, match="longer than the file"):
        read(path)


TYPES = {"bodies": (31, "multipatch"), "no type of the format": (77, "type 77")}


@pytest.mark.parametrize("name", TYPES)
def test_shapes_that_no_layer_holds_are_refused(shapefile, name):
    """GDAL gives bodies back as rows without geometry, and says nothing."""
    kind, said = TYPES[name]
    path = shapefile(COLUMNS, ROWS)
    spoilt(path, ".shp", 32, struct.pack("<i", kind))
    with pytest.raises(SourceError, match=said):
        read(path)


def test_a_record_that_cannot_be_read_is_on_the_list(shapefile):
    """A polygon that announces a billion points: its row stays, without geometry, and is counted."""
    path = shapefile(COLUMNS, ROWS)
    # record: 8 bytes of header, type, box of 32, number of parts, number of points
    spoilt(path, ".shp", 100 + 8 + 4 + 32 + 4, struct.pack("<i", 1_000_000_000))
    source = read(path)
    assert "source.shapes_unreadable" in set(source.notes["code"])
    assert list(source.frame.geometry.isna()) == [True, False, False]
    assert list(source.frame["BH"]) == ["A", "B", "C"]


def test_without_a_prj_the_crs_is_asked_for(shapefile):
    """And the flag settles it."""
    path = shapefile(COLUMNS, ROWS)
    path.with_suffix(".prj").unlink()
    with pytest.raises(CrsError, match="--crs"):
        read(path)
    assert len(read(path, crs="EPSG:4548").frame) == 3


def written(path, kind, add):
    """Write a shapefile with another library: one null shape, then what `add` adds."""
    with pyshp.Writer(str(path), shapeType=kind) as writer:
        writer.field("BH", "C", 4)
        writer.null()
        writer.record("0")
        add(writer)
        writer.record("1")
    return path


RING = [[0, 0], [0, 10], [10, 10], [10, 0], [0, 0]]
DIMENSIONS = {
    "point": (pyshp.POINT, lambda w: w.point(1, 2), "POINT (1 2)"),
    "point z": (pyshp.POINTZ, lambda w: w.pointz(1, 2, 3), "POINT Z (1 2 3)"),
    "point m": (pyshp.POINTM, lambda w: w.pointm(1, 2, 9), "POINT (1 2)"),
    "line m": (pyshp.POLYLINEM, lambda w: w.linem([[[0, 0, 5], [3, 4, 6]]]), "LINESTRING (0 0, 3 4)"),
    "polygon z": (
        pyshp.POLYGONZ,
        lambda w: w.polyz([[[*at, 7] for at in RING]]),
        "POLYGON Z ((0 0 7, 0 10 7, 10 10 7, 10 0 7, 0 0 7))",
    ),
    "polygon m": (
        pyshp.POLYGONM,
        lambda w: w.polym([[[*at, 7] for at in RING]]),
        "POLYGON ((0 0, 0 10, 10 10, 10 0, 0 0))",
    ),
    "multipoint": (pyshp.MULTIPOINT, lambda w: w.multipoint([[0, 0], [1, 1]]), "MULTIPOINT (0 0, 1 1)"),
}


@pytest.mark.parametrize("name", DIMENSIONS)
def test_null_shapes_heights_and_measures(tmp_path, name):
    """A null shape is a row without geometry and no finding of the reader; heights stay, measures are no coordinate."""
    kind, add, wkt = DIMENSIONS[name]
    source = read(written(tmp_path / "a.shp", kind, add), crs="EPSG:4326")
    assert list(source.frame["BH"]) == ["0", "1"]
    assert source.frame.geometry.iloc[0] is None
    assert shapely.equals_exact(source.frame.geometry.iloc[1], shapely.from_wkt(wkt))
    assert "source.shapes_unreadable" not in set(source.notes["code"])


PRJ = {
    "of no planet": b"\x00\x01",
    "of the Moon": b'GEOGCS["Moon",DATUM["D_Moon",SPHEROID["Moon",1737400,0]],PRIMEM["0",0],UNIT["Degree",0.0174533]]',
}


@pytest.mark.parametrize("name", PRJ)
def test_a_prj_of_no_place_on_earth_is_set_aside(shapefile, name):
    """Then the CRS is asked for like that of a file without a .prj, and the finding says why."""
    path = shapefile(COLUMNS, ROWS)
    path.with_suffix(".prj").write_bytes(PRJ[name])
    with pytest.raises(CrsError, match="--crs"):
        read(path)
    source = read(path, crs="EPSG:4548")
    assert len(source.frame) == 3
    assert set(source.notes["code"]) <= {"source.crs_unread"}
