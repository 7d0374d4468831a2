"""A norm applies on the days that its document says; which one is in force is never guessed."""

from __future__ import annotations

from datetime import date

import pytest

from gis.errors import UnknownNameError
from gis.norms import Norm, pick

OLD = Norm("radius", 500, "m", ("半径", "radius"), "京政发〔2015〕7号", effective_to=date(2025, 11, 30))
NEW = Norm("radius", 300, "m", ("半径", "radius"), "京政发〔2025〕25号", effective_from=date(2025, 12, 1))
OPEN = Norm("share", 0.5, "", ("比例", "share"), "建科〔2021〕63号")


@pytest.mark.parametrize(
    ("norm", "day", "applies"),
    [
        (OLD, date(2025, 11, 30), True),
        (OLD, date(2025, 12, 1), False),
        (NEW, date(2025, 11, 30), False),
        (NEW, date(2025, 12, 1), True),
        (OPEN, date(1900, 1, 1), True),
    ],
)
def test_first_and_last_day_belong_to_a_norm(norm, day, applies):
    """An open end stays open."""
    assert norm.applies(day) is applies


def test_the_day_decides_which_edition_counts():
    """The norm that the plan names was replaced on 2025-12-01 (domain.md fact 4)."""
    assert [pick([OLD, NEW], "radius", date(2025, month, 1)).value for month in (11, 12)] == [500, 300]


@pytest.mark.parametrize(
    ("norms", "key"),
    [([OLD, NEW], "height"), ([NEW], "radius"), ([OLD, OLD], "radius")],
    ids=["none", "not yet", "two"],
)
def test_none_or_two_are_refused(norms, key):
    """The message lists the names there are."""
    with pytest.raises(UnknownNameError, match="radius"):
        pick(norms, key, date(2024, 1, 1))
