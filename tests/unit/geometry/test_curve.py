"""The curve that fills the plane: an order of all places, in which neighbours stay together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.geometry import curve

places = st.tuples(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))


@given(st.lists(places, max_size=30))
def test_every_place_is_there_once(xy):
    """The order is one of all places, whatever they are."""
    order = curve.along(np.array(xy, dtype=float).reshape(-1, 2))
    assert sorted(order.tolist()) == list(range(len(xy)))


def test_a_quarter_follows_the_other():
    """South-west, south-east, north-west, north-east; in each quarter the same."""
    steps = [(0, 0), (1, 0), (0, 1), (1, 1)]
    xy = np.array([(2 * a + c, 2 * b + d) for a, b in steps for c, d in steps], dtype=float)
    shuffled = np.random.default_rng(7).permutation(len(xy))
    assert xy[shuffled][curve.along(xy[shuffled])].tolist() == xy.tolist()


@pytest.mark.parametrize("rows", [[[np.nan, np.nan]] * 2, [[1.0, 1.0], [np.nan, np.nan], [5.0, 5.0]]])
def test_what_has_no_place_is_in_the_corner(rows):
    """Empty shapes have no box: they are there all the same, beside what is farthest south-west."""
    order = curve.along(np.array(rows))
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert np.isnan(np.array(rows)[order[0]]).all() or rows[order[0]] == [1.0, 1.0]
