"""Lists sorted in place: short ones by insertion, long ones otherwise, with the same result."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis import compiled
from gis.geometry import sorting

ALONE, TOGETHER = compiled.as_plain(sorting.alone), compiled.as_plain(sorting.together)
lengths = st.one_of(st.integers(0, 12), st.integers(40, 120))


@given(lengths, st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_the_first_entries_are_sorted_and_the_rest_stays(count, seed, more):
    """Whatever the length, what is beyond it is not touched."""
    values = np.random.default_rng(seed).integers(0, 20, count + more).astype(np.int32)
    sorted_, rest = np.sort(values[:count]), values[count:].copy()
    ALONE(values, count)
    assert values[:count].tolist() == sorted_.tolist()
    assert values[count:].tolist() == rest.tolist()


@given(lengths, st.integers(0, 2**32 - 1))
def test_what_goes_together_stays_together_and_equals_keep_their_order(count, seed):
    """The second list moves as the first does, stably."""
    at = np.random.default_rng(seed).integers(0, 9, count).astype(float)
    other, order = np.arange(count, dtype=np.int32), np.argsort(at, kind="stable")
    truth = at[order]
    TOGETHER(at, other, count)
    assert at.tolist() == truth.tolist()
    assert other.tolist() == order.tolist()
