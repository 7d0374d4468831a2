"""Keys by position: the same text as Arrow takes, whatever the length of the keys."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.analysis import keys

TABLES = {
    "one length": ["B0001", "B0002", "B0003"],
    "several lengths": ["B1", "B10", ""],
    "Chinese": ["东辛房", "石龙路", "城子街"],
    "one": ["U1"],
    "no letters": ["", ""],
}


@pytest.mark.parametrize("texts", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("positions", [[], [0], [0, 0, -1], [-1]], ids=["none", "first", "missing", "all missing"])
def test_named(texts, positions):
    """Each position gives its key, -1 none; the type is that of text."""
    found = keys.named(pa.array(texts, type=pa.large_string()), np.array(positions, dtype=np.int32))
    assert found.tolist() == pytest.approx([texts[n] if n >= 0 else np.nan for n in positions], nan_ok=True)
    assert found.dtype == pd.Series(["a"]).dtype


@given(st.lists(st.text(max_size=3), min_size=1, max_size=8), st.data())
def test_columns_are_as_arrow_takes_them(texts, data):
    """Of a part of an array too, and of several layers at once."""
    whole = pa.array(["x", *texts], type=pa.large_string())
    part = whole.slice(1)
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=10))
    positions = np.array([rows, rows], dtype=np.int64).T.reshape(-1, 2)
    one, two = keys.columns([part, whole], positions)
    assert one.tolist() == [texts[n] for n in rows]
    assert two.tolist() == [(["x", *texts])[n] for n in rows]
