"""Laws of the shift: there and back is where one was, over China and at odd places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gis import gcj02

LON = some.floats(73.0, 135.0)
LAT = some.floats(18.0, 54.0)


@given(LON, LAT)
def test_gcj02_and_back_is_the_same_place(lon, lat):
    """To 1e-9 degrees, a tenth of a millimetre."""
    assert gcj02.from_gcj02(*gcj02.to_gcj02(lon, lat)) == pytest.approx((lon, lat), abs=1e-9)


@given(LON, LAT)
def test_bd09_and_back_is_the_same_place(lon, lat):
    """Also to 1e-9 degrees."""
    assert gcj02.bd09_to_gcj02(*gcj02.gcj02_to_bd09(lon, lat)) == pytest.approx((lon, lat), abs=1e-9)


@given(LON, LAT)
def test_the_shift_is_some_hundred_metres(lon, lat):
    """Nowhere in the country is it nothing, nowhere is it two kilometres."""
    x, y = gcj02.to_gcj02(lon, lat)
    metres = np.hypot((x - lon) * 111_320 * np.cos(np.radians(lat)), (y - lat) * 111_132)
    assert 20 < metres < 2000


def test_arrays_are_shifted_one_by_one():
    """A whole layer gives what its points give."""
    lon, lat = np.array([116.1, 115.7]), np.array([39.94, 39.97])
    together = np.array(gcj02.to_gcj02(lon, lat))
    apart = np.array([gcj02.to_gcj02(*pair) for pair in zip(lon, lat, strict=True)]).T
    assert (together == apart).all()


def test_nothing_shifts_to_nothing():
    """An empty layer stays empty, in both directions."""
    assert [len(part) for part in (*gcj02.from_gcj02([], []), *gcj02.bd09_to_gcj02([], []))] == [0, 0, 0, 0]


def test_inputs_are_not_changed():
    """The caller's array keeps its values."""
    lon, lat = np.array([116.1]), np.array([39.94])
    gcj02.from_gcj02(lon, lat)
    assert (lon[0], lat[0]) == (116.1, 39.94)
