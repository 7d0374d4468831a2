"""Values as other programs write them, made ours where that is sure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gis.store import foreign

SURE = [
    ("boolean", 1, True),
    ("boolean", "f", False),
    ("boolean", "TRUE", True),
    ("boolean", 2, 2),
    ("boolean", "是", "是"),
    ("date", "2021-05-01T00:00:00Z", "2021-05-01"),
    ("date", "2021/05/01", "2021-05-01"),
    ("date", "2021-05-01 00:00:00+00", "2021-05-01"),
    ("date", "2021-05-01T10:00:00Z", "2021-05-01T10:00:00Z"),
    ("integer", "1200", 1200),
    ("integer", "1,200", "1,200"),
    ("integer", "约1200", "约1200"),
    ("integer", Decimal("12"), 12),
    ("integer", Decimal("12.5"), 12.5),
    ("real", "1.5e3", 1500.0),
    ("real", "待定", "待定"),
    ("real", float("nan"), None),
    ("json", {"a": 1}, '{"a": 1}'),
    ("text", 7, 7),
    ("text", None, None),
]


@pytest.mark.parametrize(("type_", "came", "wanted"), SURE)
def test_what_is_sure_is_made_ours_and_the_rest_stays(type_, came, wanted):
    """A spelling that can mean only one thing is taken; a guess is never made."""
    found = foreign.sure(came, type_)
    assert (found, type(found)) == (wanted, type(wanted))


MERGED = [
    (None, {}, None),
    ('{"a": 1}', {}, '{"a": 1}'),
    ('{"a": 1}', {"b": 2}, '{"a": 1, "b": 2}'),
    ('{"a": 1}', {"a": 1}, '{"a": 1}'),
    ('{"a": 1}', {"a": 2}, '{"a": 1, "a_": 2}'),
    ("[1, 2]", {"a": 1}, '{"a": 1, "extra": [1, 2]}'),
    ("no JSON", {"a": 1}, '{"a": 1, "extra": "no JSON"}'),
    (None, {"a": "\ud800"}, '{"a": "\\ud800"}'),
]


@pytest.mark.parametrize(("text", "more", "wanted"), MERGED)
def test_nothing_that_extra_holds_is_lost(text, more, wanted):
    """What was there stays, whatever it was and whatever the new column is called."""
    assert foreign._merged(text, more) == wanted


def test_both_homes_write_a_value_alike():
    """SQLite has flags as 0 and 1 and times as text; PostgreSQL has types for them."""
    ours = foreign._written({"flag": 1, "at": "2021-05-01T10:00:00Z", "gone": None}, {"flag"})
    theirs = foreign._written({"flag": True, "at": datetime(2021, 5, 1, 10, tzinfo=UTC), "gone": None}, {"flag"})
    assert ours == theirs == {"flag": True, "at": "2021-05-01T10:00:00Z"}
    assert json.dumps(foreign._written({"n": Decimal("1.50"), "b": b"\x01", "x": float("inf")}, set())) == (
        '{"n": 1.5, "b": "01", "x": "inf"}'
    )
