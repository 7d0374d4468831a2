"""The attribute table keeps what others lose: long codes, leading zeros, whole numbers beside blanks."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from gis.errors import SourceError
from gis.intake import dbf
from gis.intake.encodings import Encoding
from tests.unit.intake.handmade import dbf_bytes

UTF8 = Encoding("utf-8", "given")


def table(tmp_path, columns, rows):
    path = tmp_path / "t.dbf"
    path.write_bytes(dbf_bytes(columns, rows))
    return dbf.frame(dbf.read(path), UTF8)[0]


CELLS = {
    "leading zeros stay": (("C", 6), b"000701", "000701"),
    "blank text is missing": (("C", 6), b"", None),
    "whole number": (("N", 6), b"    42", 42),
    "blank number is missing": (("N", 6), b"", None),
    "a code of 19 digits is text": (("N", 19), b"1101090010000000001", "1101090010000000001"),
    "a number that is none stays text": (("N", 6), b"12 34*", "12 34*"),
    "an empty number of GDAL": (("N", 6), b"******", None),
    "an empty float of GDAL": (("F", 24), b"*" * 24, None),
    "an empty date of GDAL": (("D", 8), b"********", None),
    "an empty truth of GDAL": (("L", 1), b"*", None),
    "stars may be a text": (("C", 6), b"***", "***"),
    "a number of NUL": (("N", 6), bytes(6), None),
    "a date of NUL": (("D", 8), bytes(8), None),
    "float": (("F", 8), b"  1.5", 1.5),
    "date": (("D", 8), b"20240229", date(2024, 2, 29)),
    "no date": (("D", 8), b"00000000", None),
    "an impossible date stays text": (("D", 8), b"20240230", "20240230"),
    "true": (("L", 1), b"T", True),
    "unknown truth is missing": (("L", 1), b"?", None),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_keeps_its_value(tmp_path, name):
    """Each kind of cell comes out as what it means, or as the text that it is."""
    (letter, width), raw, expected = CELLS[name]
    value = table(tmp_path, [(b"A", letter, width)], [[raw]])["A"].iloc[0]
    assert (None if pd.isna(value) else value) == expected


def test_cells_of_asterisks_are_counted(tmp_path):
    """Empty, or a number that did not fit when it was written: a person may want to know."""
    path = tmp_path / "t.dbf"
    path.write_bytes(dbf_bytes([(b"A", "N", 4), (b"B", "C", 4)], [[b"****", b"****"], [b"  12", b""], [b" ***", b""]]))
    assert dbf.starred(dbf.read(path)) == {b"A": 2}


def test_whole_numbers_beside_blanks_stay_whole(tmp_path):
    """A null does not turn a column into floats."""
    column = table(tmp_path, [(b"HS", "N", 18)], [[b"123456789012345678"], [b""]])["HS"]
    assert column.dtype == "Int64"
    assert column.iloc[0] == 123456789012345678


def test_deleted_rows_are_left_out(tmp_path):
    """A row marked with a star was deleted by its author."""
    raw = bytearray(dbf_bytes([(b"A", "C", 1)], [[b"x"], [b"y"]]))
    raw[33 + 32] = 0x2A
    (tmp_path / "t.dbf").write_bytes(raw)
    assert list(dbf.frame(dbf.read(tmp_path / "t.dbf"), UTF8)[0]["A"]) == ["y"]


@pytest.mark.parametrize("length", [0, 10, 40, 70])
def test_a_cut_table_is_damaged(tmp_path, length):
    """A table that ends too soon is refused, wherever it ends."""
    raw = dbf_bytes([(b"A", "C", 9)], [[b"x"], [b"y"]])
    (tmp_path / "t.dbf").write_bytes(raw[:length])
    with pytest.raises(SourceError, match=r"t\.dbf"):
        dbf.read(tmp_path / "t.dbf")


def test_a_memo_field_is_refused(tmp_path):
    """What shapefiles do not know is asked for in another format."""
    (tmp_path / "t.dbf").write_bytes(dbf_bytes([(b"A", "M", 10)], [[b"1"]]))
    with pytest.raises(SourceError, match="GeoPackage"):
        dbf.read(tmp_path / "t.dbf")


@pytest.mark.parametrize(("width", "expected"), [(5, "大峪"), (8, None)], ids=["filled", "with blanks behind"])
def test_only_a_filled_cell_may_end_in_half_a_character(tmp_path, width, expected):
    """A lone last byte with room behind it was not cut: the bytes are no GB18030, and nothing is dropped in silence."""
    path = tmp_path / "t.dbf"
    path.write_bytes(dbf_bytes([(b"A", "C", width)], [["大峪街".encode("gbk")[:5]]]))
    table = dbf.read(path)
    if expected is None:
        with pytest.raises(SourceError, match="--encoding"):
            dbf.decide(table, given=None, cpg=None, name="t")
        return
    decided = dbf.decide(table, given=None, cpg=None, name="t")
    assert list(dbf.frame(table, decided)[0]["A"]) == [expected]


def test_neither_yes_nor_no_is_empty(tmp_path):
    """A question mark in a logical field says that nobody has filled it in."""
    column = table(tmp_path, [(b"A", "L", 1)], [[b"T"], [b"?"], [b" "], [b"F"]])["A"]
    assert [None if pd.isna(value) else value for value in column] == [True, None, None, False]
