"""Published figures add up to the totals printed below them."""

from __future__ import annotations

import doctest
import math
from itertools import product

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


WHOLE = [
    ("largest remainder", [6.75, 2.25], [1, 1], [7, 2]),
    ("equal remainders: the larger, then the earlier", [0.5, 1.5, 0.5, 0.5], [1, 1, 1, 1], [1, 2, 0, 0]),
    ("each group by itself", [0.5, 0.5, 2.4, 0.6], ["b", "a", "b", "a"], [1, 0, 2, 1]),
    ("noise below a whole number", [2.9999999999, 4.0000000001], [1, 1], [3, 4]),
    ("nothing", [], [], []),
]


@pytest.mark.parametrize(("name", "exact", "by", "expected"), WHOLE, ids=[case[0] for case in WHOLE])
def test_whole(name, exact, by, expected):
    """What is indivisible stays whole, and each group makes its rounded total."""
    assert rounding.whole(series(*exact), by=pd.Series(by, dtype=object)).tolist() == expected


def test_whole_keeps_missing_values_and_the_index():
    """A missing amount is no 0, and takes nothing from the others."""
    got = rounding.whole(series(1.5, np.nan, 1.5))
    assert got.isna().tolist() == [False, True, False]
    assert got.sum() == 3 and got.dtype == "Int64" and got.index.tolist() == ["r0", "r1", "r2"]


def test_whole_refuses_what_floats_cannot_tell_apart():
    """Above 2⁵³ a float stands for several whole numbers."""
    with pytest.raises(UsageError, match="area_m2 holds 1e"):
        rounding.whole(series(1e17))


@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from("abc")), max_size=30))
def test_whole_makes_the_total_of_each_group(rows):
    """Groups add up to their exact total rounded half up; each part is less than 1 from its exact value."""
    exact, by = series(*(row[0] for row in rows)), pd.Series([row[1] for row in rows], dtype=object)
    got = rounding.whole(exact, by=by)
    for group in set(by):
        inside = (by == group).to_numpy()
        assert got[inside].sum() == math.floor(math.fsum(exact[inside]) + 0.5)
    assert ((got.astype(float) - exact).abs() < 1).all()
    assert (got[exact == 0] == 0).all()


def areas(cells, rows="ABCDEFGHIJ", columns="商居水绿路"):
    """Return a table of m² from rows of cells."""
    cells = np.array(cells, dtype=float)
    return pd.DataFrame(cells, index=list(rows[: cells.shape[0]]), columns=list(columns[: cells.shape[1]]))


TABLES = [
    ("halves: the earlier row takes the earlier column", [[50, 50], [50, 50]], [[1, 0, 1], [0, 1, 1], [1, 1, 2]]),
    ("exact hundredths stay", [[100, 0], [300, 200]], [[1, 0, 1], [3, 2, 5], [4, 2, 6]]),
    # 120 and 130 would both go down to 1, but the whole is 250 and goes up: the row and the column with 130 follow
    ("the whole counts before the rows", [[60, 60], [60, 70]], [[0, 1, 1], [1, 1, 2], [1, 2, 3]]),
    ("one column", [[149], [149], [2]], [[2, 2], [1, 1], [0, 0], [3, 3]]),
    ("missing", [[150, np.nan], [150, 100]], [[2, None, 2], [1, 1, 2], [3, 1, 4]]),
]


@pytest.mark.parametrize(("name", "cells", "hundredths"), TABLES, ids=[case[0] for case in TABLES])
def test_table(name, cells, hundredths):
    """Small tables, by hand, in hundredths of a hectare with their totals."""
    got = rounding.table(areas(cells)).hectares
    assert (got * 100).round().astype("Int64").to_numpy(dtype=object, na_value=None).tolist() == hundredths


def test_table_keeps_the_exact_areas_and_says_what_totals_leave_out():
    """The m² stand under the same labels; a total that lacks a cell is marked, and one of missing cells is missing."""
    got = rounding.table(areas([[120.5, np.nan], [30, np.nan]]), total="Σ")
    assert got.area_m2.loc["Σ"].fillna(-1).tolist() == [150.5, -1, 150.5]
    assert got.hectares.loc["Σ"].fillna(-1).tolist() == [0.02, -1, 0.02]
    assert got.partial.to_numpy().tolist() == [[False, True, True]] * 2 + [[False, True, True]]
    for frame in (got.hectares, got.partial):
        assert frame.index.tolist() == ["A", "B", "Σ"] and frame.columns.tolist() == ["商", "居", "Σ"]


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (2, 0)])
def test_table_without_cells(shape):
    """Where there is nothing, the totals are 0."""
    got = rounding.table(areas(np.zeros(shape)))
    assert got.hectares.shape == (shape[0] + 1, shape[1] + 1)
    assert (got.hectares == 0).all(axis=None)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (areas([[-1.0]]), "商 holds -1"),
        (areas([[1.0], [2.0]], rows="AA"), "'A' is repeated"),
        (areas([[1.0]]).rename(index={"A": "合计"}), "'合计' is repeated or names the totals"),
    ],
)
def test_table_refuses_what_cannot_be_printed(frame, words):
    """Negative areas and labels that name two rows are a mistake of the caller."""
    with pytest.raises(UsageError, match=words):
        rounding.table(frame)


cells = st.one_of(
    st.just(0.0),
    st.floats(0, 1e7),
    st.integers(0, 20).map(lambda n: n * 50.0),
    st.floats(0, 300).map(lambda x: round(x, 1)),
)


@st.composite
def tables(draw, height=8, width=5):
    """Draw a table of areas, with zeros, exact hundredths, halves and ties."""
    height, width = draw(st.integers(1, height)), draw(st.integers(1, width))
    return areas([draw(st.lists(cells, min_size=width, max_size=width)) for _ in range(height)])


@given(tables())
def test_table_adds_up_and_stays_near(frame):
    """Printed totals are the sums of printed cells; every figure is within 0.01 ha; zeros and hundredths stay."""
    got = rounding.table(frame)
    steps = (got.hectares * 100).round()
    assert ((got.hectares * 100 - steps).abs() < 1e-6).all(axis=None)
    assert (steps.iloc[:-1].sum() == steps.iloc[-1]).all()
    assert (steps.iloc[:, :-1].sum(axis=1) == steps.iloc[:, -1]).all()
    exact = got.area_m2 / 100
    assert ((steps - exact).abs() < 1).all(axis=None)
    assert abs(steps.iloc[-1, -1] - exact.iloc[-1, -1]) <= 0.5 + 1e-6
    settled = (exact - exact.round()).abs() < 1e-9
    assert (steps[settled] == exact.round()[settled]).where(settled, True).all(axis=None)


@given(tables(), st.randoms(use_true_random=False))
def test_table_does_not_depend_on_the_order_of_rows(frame, random):
    """The same areas in another order print the same figures."""
    rows, columns = list(frame.index), list(frame.columns)
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = rounding.table(frame.loc[rows, columns]).hectares
    straight = rounding.table(frame).hectares
    pd.testing.assert_frame_equal(shuffled.loc[straight.index, straight.columns], straight)


@given(tables(height=3, width=3))
def test_table_deviates_least(frame):
    """No other table that keeps the rules has totals nearer to the exact ones, by trying all."""
    got = (rounding.table(frame).hectares * 100).round().to_numpy()
    exact = frame.to_numpy() / 100
    down = np.floor(exact + 1e-9)
    open_cells = np.argwhere(exact - down > 1e-9)
    grand = math.floor(math.fsum(exact.ravel()) + 1e-9 + 0.5)
    best = math.inf
    for choice in product([0, 1], repeat=len(open_cells)):
        table = down.copy()
        table[tuple(open_cells.T)] += choice
        off = [*(table.sum(axis=1) - exact.sum(axis=1)), *(table.sum(axis=0) - exact.sum(axis=0))]
        if table.sum() == grand and max(map(abs, off)) < 1 - 1e-9:
            best = min(best, sum(map(abs, off)))
    found = [*(got[:-1, -1] - exact.sum(axis=1)), *(got[-1, :-1] - exact.sum(axis=0))]
    assert sum(map(abs, found)) <= best + 1e-4


def test_column_shares_make_a_hundred_in_each_column():
    """Shares of a table run down its columns; a column without anything has none."""
    got = rounding.column_shares(areas([[1, 0], [1, 0], [1, np.nan]]))
    assert got["商"].tolist() == [33.4, 33.3, 33.3]
    assert got["居"].isna().all()
    assert got.index.tolist() == ["A", "B", "C"]


def test_the_examples_in_the_docstrings_run():
    """What the documentation shows is what happens."""
    assert doctest.testmod(rounding) == (0, 5)
