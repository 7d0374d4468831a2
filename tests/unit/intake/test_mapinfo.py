"""MapInfo tables and drawings of no named encoding: guessed where the bytes are sure, else as the caller says."""

from __future__ import annotations

import geopandas as gpd
import pyogrio
import pytest

from gis.errors import SourceError, UsageError
from gis.intake.read import read
from tests.unit.intake.handmade import square

ZH = ["永定楼街区", "石门营地块"]
GR = ["Οδός Πατησίων", "Δημοτικό Σχολείο"]
WHOLE, QUOTED = b"WindowsSimpChinese", b' Charset "WindowsSimpChinese"'
# what a head says: how it is made from one that names its charset
HEADS = {
    "Neutral": lambda raw: raw.replace(WHOLE, b"Neutral"),
    "no charset": lambda raw: (
        raw.replace(QUOTED, b"")
        .replace(b"Charset " + b'"' + WHOLE + b'"\n', b"")
        .replace(b"!charset " + WHOLE + b"\n", b"")
    ),
    "another one": lambda raw: raw.replace(WHOLE, b"WindowsGreek"),
}


def table(folder, suffix, head):
    """Write a MapInfo table in GBK with another head."""
    frame = gpd.GeoDataFrame({"街区名称": ZH}, geometry=[square(), square(1)], crs="EPSG:4548")
    options = {"FORMAT": "MIF"} if suffix == ".mif" else {}
    path = folder / f"a{suffix}"
    pyogrio.write_dataframe(frame, path, driver="MapInfo File", ENCODING="CP936", **options)
    path.write_bytes(HEADS[head](path.read_bytes().replace(b"\r\n", b"\n")))
    return path


@pytest.mark.parametrize("suffix", [".mif", ".tab"])
@pytest.mark.parametrize(
    ("head", "given"), [("Neutral", None), ("Neutral", "gbk"), ("no charset", None), ("another one", "GBK")]
)
def test_a_table_is_read_in_the_encoding_of_its_bytes(tmp_path, suffix, head, given):
    """Names and texts; the file and its parts stay as they are."""
    path = table(tmp_path, suffix, head)
    before = {part.name: part.read_bytes() for part in tmp_path.iterdir()}
    source = read(path, encoding=given)
    assert source.frame["街区名称"].tolist() == ZH
    assert [one.value for one in source.decisions if one.matter == "encoding"] == ["gb18030"]
    assert {part.name: part.read_bytes() for part in tmp_path.iterdir()} == before


def test_an_encoding_that_cannot_be_is_refused(tmp_path):
    """By name, with what is allowed."""
    with pytest.raises(SourceError, match="not utf-8"):
        read(table(tmp_path, ".mif", "Neutral"), encoding="utf-8")
    with pytest.raises(UsageError, match="cp1253"):
        read(table(tmp_path, ".mif", "Neutral"), encoding="koi8-r")


def drawing(folder, texts, encoding, page=None):
    """Write a drawing with texts; without a page it has no header, as programs that make drawings leave it out."""
    head = ["0", "SECTION", "2", "HEADER", "9", "$DWGCODEPAGE", "3", page, "0", "ENDSEC"] if page else []
    lines = [*head, "0", "SECTION", "2", "ENTITIES"]
    for row, text in enumerate(texts):
        lines += ["0", "TEXT", "8", "0", "10", "423050", "20", str(4_423_050 + row), "40", "5", "1", text]
    path = folder / "a.dxf"
    path.write_bytes("\r\n".join([*lines, "0", "ENDSEC", "0", "EOF", ""]).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("texts", "encoding", "page", "given"),
    [
        (GR, "cp1253", None, "cp1253"),
        (GR, "cp1253", "ANSI_1253", None),
        (GR, "iso8859-7", "ISO8859-7", None),
        (GR, "utf-8", None, None),
        (ZH, "gbk", None, None),
        (ZH, "gbk", None, "gbk"),
        (ZH, "gbk", "GB2312", None),
        (ZH, "utf-8", None, None),
        (ZH, "big5", "BIG5", None),
    ],
)
def test_a_drawing_is_read_in_the_encoding_of_its_bytes(tmp_path, texts, encoding, page, given):
    """With a header or without, said or given or tried."""
    if encoding == "big5":
        texts = ["永定樓街區", "石門營地塊"]
    source = read(drawing(tmp_path, texts, encoding, page), crs="EPSG:4548", encoding=given)
    assert source.frame["Text"].tolist() == texts


def test_a_drawing_of_no_known_encoding_asks_for_it(tmp_path):
    """Greek letters are no Chinese, and nothing says what they are."""
    with pytest.raises(SourceError, match="--encoding"):
        read(drawing(tmp_path, GR, "cp1253"), crs="EPSG:4548")
