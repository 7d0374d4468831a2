"""The bytes of a delivered table, computed by hand from the dBase format, and what the libraries do without our care.

Oracles: domain.md §10.5 and §6.4; the dBase III header (version, date, rows, sizes, language byte at 29, then 32 bytes
a field).
"""

from __future__ import annotations

import datetime
import struct

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from gis.publish import shapefiles
from gis.publish.shapefiles import Column

DAY = datetime.date(2026, 11, 23)
COLUMNS = (
    Column("BSM", "标识码", "Identifier", "C", 18),
    Column("MC", "名称", "Name", "C", 10),
    Column("HS", "户数", "Households", "N", 10),
    Column("MJ", "面积", "Area", "N", 18, 2),
    Column("RQ", "日期", "Date", "D", 8),
)


def table():
    names = pd.Series(["更新单元名", None], dtype="object")
    numbers = {"HS": pd.array([120, None], dtype="Int64"), "MJ": [1234.5, None]}
    days = pd.Series([datetime.date(2024, 2, 29), None], dtype="object")
    return pd.DataFrame({"BSM": ["011010900000000001", "2"], "MC": names, **numbers, "RQ": days})


def by_hand() -> tuple[bytes, bytes]:
    """The same table, byte by byte: head with first row, and the second row but for its blanks."""
    head = struct.pack("<4BIHH", 3, 126, 11, 23, 2, 32 + 5 * 32 + 1, 1 + 18 + 10 + 10 + 18 + 8)
    head += bytes(17) + b"\x4d" + bytes(2)
    for column in COLUMNS:
        name = column.name.encode().ljust(11, b"\0")
        head += name + column.type.encode() + bytes(4) + bytes([column.width, column.decimals]) + bytes(14)
    first = b" 011010900000000001" + "更新单元名".encode("gbk") + b"       120" + b"1234.50".rjust(18) + b"20240229"
    return head + b"\r" + first, b" 2" + b" " * 27


def test_a_table_has_the_bytes_of_the_format(tmp_path):
    """Language byte 0x4D, GBK, leading zeros, decimals and dates as the format writes them; blanks hold no digit."""
    shapefiles.write(table(), tmp_path / "T", COLUMNS, geometry="none", date=DAY)
    raw = (tmp_path / "T.dbf").read_bytes()
    beginning, second = by_hand()
    assert raw[: len(beginning)] == beginning
    assert raw[len(beginning) :][: len(second)] == second
    assert not set(raw[len(beginning) + len(second) : -1]) & set(b"123456789")
    assert (tmp_path / "T.cpg").read_bytes() == b"GBK"


def test_the_header_is_read_as_it_was_written(tmp_path):
    """Our own reading of the head agrees with the format."""
    shapefiles.write(table(), tmp_path / "T", COLUMNS, geometry="none", date=DAY)
    head = shapefiles.header(tmp_path / "T.dbf")
    assert (head.language, head.rows, head.start, head.width) == (0x4D, 2, 193, 65)
    assert head.fields[3] == ("MJ", "N", 18, 2)


@pytest.mark.parametrize("with_cpg", [True, False], ids=["with .cpg", "without .cpg"])
def test_chinese_reads_right_with_and_without_the_code_page(tmp_path, with_cpg):
    """Many receivers strip .cpg files."""
    shapefiles.write(table(), tmp_path / "T", COLUMNS, geometry="none", date=DAY)
    if not with_cpg:
        (tmp_path / "T.cpg").unlink()
    assert pyogrio.read_dataframe(tmp_path / "T.dbf")["MC"][0] == "更新单元名"


@pytest.mark.parametrize("geometry", ["Point", "MultiPoint", "MultiLineString", "MultiPolygon"])
def test_an_empty_layer_keeps_its_geometry_type(tmp_path, geometry):
    """The shape type in bytes 32 to 35 of .shp and .shx: 1, 8, 3, 5."""
    frame = gpd.GeoDataFrame({"BSM": pd.Series([], dtype="str")}, geometry=gpd.GeoSeries([], crs=4548))
    shapefiles.write(frame, tmp_path / "L", COLUMNS[:1], geometry=geometry, date=DAY)
    kinds = {"Point": 1, "MultiPoint": 8, "MultiLineString": 3, "MultiPolygon": 5}
    for suffix in (".shp", ".shx"):
        assert struct.unpack("<I", (tmp_path / f"L{suffix}").read_bytes()[32:36])[0] == kinds[geometry]


def test_coordinates_are_the_doubles_that_were_given(tmp_path):
    """No digit is lost, not even the last."""
    point = shapely.Point(423077.7412345678, 4423254.869999999)
    frame = gpd.GeoDataFrame({"BSM": ["1"]}, geometry=gpd.GeoSeries([point], crs=4548))
    shapefiles.write(frame, tmp_path / "P", COLUMNS[:1], geometry="Point", date=DAY)
    assert struct.unpack("<2d", (tmp_path / "P.shp").read_bytes()[-16:]) == (point.x, point.y)


def test_why_the_language_byte_is_set_by_hand(tmp_path):
    """encoding="GBK" leaves byte 29 at 0: without its .cpg such a table is garbled, so it is not what we write."""
    names = pd.DataFrame({"MC": ["更新单元名"]})
    pyogrio.write_dataframe(names, tmp_path / "G.dbf", driver="ESRI Shapefile", encoding="GBK")
    assert shapefiles.header(tmp_path / "G.dbf").language == 0
    (tmp_path / "G.cpg").unlink()
    assert pyogrio.read_dataframe(tmp_path / "G.dbf")["MC"][0] != "更新单元名"


@pytest.mark.parametrize(
    ("text", "missing"),
    [("门头沟", ""), ("𠮷野家𠮷", "𠮷"), ("㐂", "㐂"), ("5m²", "²"), ("€—·", "€"), ("a\0", "\0"), ("", "")],
)
def test_what_gbk_cannot_hold_is_known_before(text, missing):
    """GB 18030 has them, GBK has not; each once."""
    assert shapefiles.unencodable(text) == missing
