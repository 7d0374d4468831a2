"""Published figures add up to the totals printed below them."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.analysis import rounding
from gis.errors import UsageError

amounts = st.lists(st.floats(0, 1e8), max_size=30)


def series(*values, name="area_m2"):
    return pd.Series(list(values), dtype="float64", name=name, index=[f"r{n}" for n in range(len(values))])


@pytest.mark.parametrize(
    ("areas_m2", "expected"),
    [
        ([3333.3, 3333.3, 3333.4], [0.33, 0.33, 0.34]),
        ([50, 50, 50, 50], [0.01, 0.01, 0.0, 0.0]),
        ([12_345.6, 0.0, 654.4], [1.23, 0.0, 0.07]),
        ([49], [0.0]),
        ([50], [0.01]),
        ([], []),
    ],
)
def test_hectares(areas_m2, expected):
    """Rows make the rounded total; equal remainders go up from the top."""
    assert rounding.hectares(series(*areas_m2)).tolist() == expected


def test_missing_stays_missing():
    """Missing data is no 0, and the rows that are known still add up."""
    assert rounding.hectares(series(149, np.nan, 151)).fillna(-1).tolist() == [0.01, -1, 0.02]
    assert rounding.shares(series(1, np.nan, 2)).fillna(-1).tolist() == [33.3, -1, 66.7]


@pytest.mark.parametrize("values", [[], [0, 0], [np.nan]])
def test_nothing_has_no_shares(values):
    """Where there is nothing to share out, no share is made up."""
    assert rounding.shares(series(*values)).isna().all()


@pytest.mark.parametrize("value", [-1.0, math.inf])
@pytest.mark.parametrize("publish", [rounding.hectares, rounding.shares])
def test_what_is_no_amount_is_refused(publish, value):
    """Negative and infinite amounts are a mistake of the caller."""
    with pytest.raises(UsageError, match="area_m2 holds"):
        publish(series(5, value))


@given(amounts)
def test_hectares_make_the_total(values):
    """Rows add up to the exact total rounded half up, each within a step of its exact value."""
    given_areas = series(*values)
    published = rounding.hectares(given_areas)
    assert round(published.sum() * 100) == math.floor(math.fsum(values) / 100 + 0.5)
    assert ((published - given_areas / 10_000).abs() < 0.01 + 1e-9).all()
    assert published.index.equals(given_areas.index) and published.name == "area_m2"


@given(amounts.filter(lambda values: sum(values) > 1e-3))
def test_shares_make_a_hundred(values):
    """Shares add up to 100.0, each within 0.1 of its exact value; nothing has no share."""
    published = rounding.shares(series(*values))
    assert round(published.sum(), 6) == 100
    assert ((published - series(*values) / math.fsum(values) * 100).abs() < 0.1 + 1e-9).all()
    assert (published[series(*values) == 0] == 0).all()


def test_the_examples_in_the_docstrings_run():
    """What the documentation shows is what happens."""
    assert doctest.testmod(rounding) == (0, 2)
