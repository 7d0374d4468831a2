"""Values as people write them become values of a type, or come back as they were."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gis.intake import values

MEANT = {
    "text": [
        (" 0701 ", "0701"),
        (110109001, "110109001"),
        (110109001.0, "110109001"),
        (np.int64(7), "7"),
        (1.5, "1.5"),
        (Decimal("0.50"), "0.50"),
        (time(12, 30), "12:30:00"),
        ("\ufeffDY\u200b-01", "DY-01"),
    ],
    "integer": [
        ("1,234", 1234),
        ("12", 12),
        ("12.0", 12),
        (3.0, 3),
        (np.int32(4), 4),
        ("-5", -5),
        ("9007199254740993", 2**53 + 1),
        ("１２００", 1200),
        ("1200\u200b", 1200),
    ],
    "real": [
        ("1,234.5", 1234.5),
        ("12", 12.0),
        ("1e3", 1000.0),
        (7, 7.0),
        (".5", 0.5),
        (2**53, float(2**53)),
        (2**60, float(2**60)),
        (Decimal("2.5"), 2.5),
    ],
    "boolean": [("是", True), ("否", False), ("T", True), (0, False), (1.0, True), ("√", True), (np.True_, True)],
    "date": [
        ("2024-02-29", date(2024, 2, 29)),
        ("2024/2/9", date(2024, 2, 9)),
        ("2024年2月9日", date(2024, 2, 9)),
        ("20240209", date(2024, 2, 9)),
        (20240209, date(2024, 2, 9)),
        (datetime(2024, 2, 9), date(2024, 2, 9)),
        (pd.Timestamp("2024-02-09"), date(2024, 2, 9)),
        ("2024-02-09 00:00:00", date(2024, 2, 9)),
        ("2024-02-09T00:00:00", date(2024, 2, 9)),
        ("2024/2/9 0:00", date(2024, 2, 9)),
        ("2024-02-09T00:00:00.000Z", date(2024, 2, 9)),
        ("2024-02-09 00:00:00+08:00", date(2024, 2, 9)),
        ("2024-02-08T16:00:00Z", date(2024, 2, 9)),
        ("2024-02-08 16:00:00+00", date(2024, 2, 9)),
        (pd.Timestamp("2024-02-09", tz="UTC"), date(2024, 2, 9)),
        (datetime(2024, 2, 8, 16, tzinfo=UTC), date(2024, 2, 9)),
        (datetime(2024, 2, 9, tzinfo=timezone(timedelta(hours=-5))), date(2024, 2, 9)),
        (1709568000000, date(2024, 3, 5)),
        (1709596800000.0, date(2024, 3, 5)),
        ("-157766400000", date(1965, 1, 1)),
    ],
    "json": [
        ('["a"]', '["a"]'),
        (["甲"], '["甲"]'),
        (np.array([1, 2]), "[1, 2]"),
        ([float("nan"), {"a": [np.inf]}], '[null, {"a": [null]}]'),
    ],
}
MISFITS = {
    "text": ["1.10109E+17", 1.1e17, float("inf"), b"\xbd\xd6"],
    "integer": ["1.5", "十二", True, "12人", "99999999999999999999", 2.5, ",", "1,23", "9" * 5000, "1200²", "12①"],
    "real": [
        "不详",
        "1㎡",
        "nan",
        "inf",
        True,
        "",
        ".",
        "12 34",
        "1200²",
        "1200①",
        "3½",
        "5000,00",
        -1.7976931348623157e308,
        "-1.797E+308",
        2**53 + 1,
        "9007199254740993",
        np.uint64(2**63 + 1),
    ],
    "boolean": ["部分", 2, "待定"],
    "date": [
        "2024-02",
        "2024-13-01",
        "2023-02-29",
        "二〇二四年",
        datetime(2024, 2, 9, 3),
        "2024-02-09 03:00",
        "2024-02-09T03:00:00Z",
        "2024-02-09 00:00:00.5",
        "2024-02-09 25:00",
        "20240209 00:00",
        1709568000001,
        "1709568000",
        "0000-00-00",
        "0000-03-05",
        "12024-03-05",
        "-0044-03-15",
        np.datetime64("0000-03-05", "s"),
        np.datetime64("-0044-03-15", "s"),
        np.datetime64("12024-03-05", "s"),
        datetime(9999, 12, 31, 16, tzinfo=UTC),
        float("inf"),
    ],
    "json": ["{", "甲", "[NaN]", '{"a": -Infinity}', "[" * 100_000],
}


@pytest.mark.parametrize(("type_", "came", "meant"), [(kind, *pair) for kind, pairs in MEANT.items() for pair in pairs])
def test_a_value_means_what_a_person_means(type_, came, meant):
    """Thousands, Chinese dates, 是 and 否; nothing is rounded."""
    value = values.convert(came, type_)
    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(("type_", "came"), [(kind, value) for kind, group in MISFITS.items() for value in group])
def test_a_value_that_does_not_fit_is_a_misfit(type_, came):
    """It is never turned into something near."""
    with pytest.raises(values.Misfit):
        values.convert(came, type_)


@given(some.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_survive_as_text(number):
    """18-digit codes keep every digit, there and back."""
    assert values.convert(values.convert(number, "text"), "integer") == number


@given(some.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_days_are_read_in_every_spelling(day):
    """ISO, compact and Chinese say the same day."""
    chinese = f"{day.year}年{day.month}月{day.day}日"
    assert {values.convert(text, "date") for text in (day.isoformat(), f"{day:%Y%m%d}", chinese)} == {day}


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, pd.NaT, "", "  ", "\u200b", "\ufeff "])
def test_what_is_not_there_is_missing(value):
    """Blank text is not there either."""
    assert values.missing(value)


@pytest.mark.parametrize(
    ("type_", "value", "is_void"),
    [
        *[
            ("text", text, True)
            for text in ("NULL", "<Null>", " null ", "#N/A", "#REF!", "#ＤＩＶ/０!", "NaN", "1.#QNAN")
        ],
        *[
            ("text", text, False)
            for text in ("无", "N", "-", "待定", "0", "nanjing", "NULL 号楼", "1899-12-30", "none")
        ],
        *[("real", text, True) for text in ("NaN", "-1.#IND", "<NULL>")],
        *[("real", text, False) for text in ("0", "-9999", "inf", "—", 0.0, "#REF!")],
        *[("boolean", text, False) for text in ("#N/A", "-", "?")],
        *[("date", day, True) for day in ("00000000", "0000-00-00", "1899-12-30", "18991230", "0001-01-01", "NaT")],
        *[("date", day, True) for day in (date(1899, 12, 30), datetime(1, 1, 1), pd.Timestamp("1899-12-30"))],
        *[("date", day, False) for day in ("1970-01-01", "1900-01-01", "0", "待定", "2024-02-30", 0, ["x"])],
    ],
)
def test_a_value_may_say_that_nothing_is_there(type_, value, is_void):
    """Words of programs and the first day of their calendars; what a person writes is another thing."""
    assert values.void(value, type_) is is_void


@pytest.mark.parametrize("way", ["old_estate", "01", "老旧小区改造", "老旧小区", "Old housing estates", " 老旧小区 "])
def test_a_code_is_known_by_code_delivery_and_titles(shared, way):
    """The six project types of the plan, however they are written."""
    assert values.codes(shared.code_list("project_types"))[values.plain(way)] == "old_estate"


def test_an_unknown_code_stays_for_the_row_check_to_name(shared):
    """Land use 701 is not 0701 with its zero lost: that is a guess."""
    assert "701" not in values.codes(shared.code_list("land_uses"))
