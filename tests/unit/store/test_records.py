"""Stored rows: frames become plain values and plain values become the same frames."""

from __future__ import annotations

from datetime import date

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import given
from hypothesis import strategies as st

from gis import catalogue, rows
from gis.errors import StoreError
from gis.store import records

CRS = pyproj.CRS("EPSG:4548")
BLOCKS = catalogue.read().layer("blocks")

# what SQLite and PostgreSQL can hold: no NUL, no lone surrogates
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(
        st.tuples(
            st.none() | TEXT,
            st.none() | NUMBER,
            st.none() | st.booleans(),
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
            st.floats(-1e7, 1e7),
        ),
        max_size=5,
    )
)
def test_every_frame_comes_back(cells):
    """Encoding and decoding is the identity on canonical frames, whatever is missing."""
    columns = list(zip(*cells, strict=True)) or [()] * 6
    frame = gpd.GeoDataFrame(
        {
            "block_id": pd.Series([f"B{n}" for n in range(len(cells))], dtype="str"),
            "name": pd.Series(columns[0], dtype="str"),
            "control_total_m2": pd.Series(columns[1], dtype="float64"),
            "is_renewal": pd.array(columns[2], dtype="boolean"),
            "residents": pd.array(columns[3], dtype="Int64"),
            "approved_on": pd.Series(np.array(columns[4], dtype="datetime64[D]"), dtype="datetime64[us]"),
        },
        geometry=[shapely.multipoints([[x, 0.0]]) for x in columns[5]],
        crs=CRS,
    )
    sound = rows.canonical(frame, BLOCKS)
    back = records.decode(records.encode(sound, BLOCKS), BLOCKS, CRS).drop(columns="extra")
    assert_geodataframe_equal(back, sound)


def test_plain_values_are_plain():
    """Homes are handed Python's own types, and None for what is missing."""
    cells = {"block_id": ["B"], "residents": [3], "is_key": [True]}
    frame = gpd.GeoDataFrame(cells, geometry=[shapely.box(0, 0, 1, 1)])
    row = records.encode(rows.canonical(frame, BLOCKS), BLOCKS)[0]
    found = dict(zip((column.name for column in records.columns(BLOCKS)), row, strict=True))
    assert {type(value) for value in row} == {str, int, bool, bytes, type(None)}
    assert (found["residents"], found["is_key"], found["approved_on"]) == (3, True, None)


@pytest.mark.parametrize(
    ("field", "value"), [("approved_on", "May"), ("residents", "many"), ("name", 3), ("geom", b"no shape")]
)
def test_a_value_that_its_type_does_not_allow_is_named(field, value):
    """A table that another program has spoilt gives an error with layer and field, not a wrong number."""
    row = [None] * len(records.columns(BLOCKS))
    row[[column.name for column in records.columns(BLOCKS)].index(field)] = value
    with pytest.raises(StoreError, match=f"blocks.*{field}"):
        records.decode([tuple(row)], BLOCKS, CRS)
