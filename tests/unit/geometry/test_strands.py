"""Ground beside strands: close to a buffer, never less for more, and valid whatever touches."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import compiled
from gis.geometry import strands

CROSS = [(0, 0, 100, 0), (50, -50, 50, 50)]
RING = [(0, 0, 300, 0), (300, 0, 300, 300), (300, 300, 0, 300), (0, 300, 0, 0)]


def ground(pieces, depth=50.0, cell=5.0):
    """Return the ground beside straight pieces as one shape."""
    drawn = strands.ground(np.array(pieces, dtype=float).reshape(-1, 4), depth, cell, compiled.as_plain)
    return shapely.MultiPolygon(list(drawn))


def buffered(pieces, depth=50.0):
    """Return the union of buffers."""
    lines = shapely.linestrings(np.array(pieces, dtype=float).reshape(-1, 2, 2))
    return shapely.union_all(shapely.buffer(lines, depth, quad_segs=32))


@pytest.mark.parametrize(
    "pieces",
    [
        CROSS,
        RING,
        [(0, 0, 0, 0)],
        [(0, 0, 7, 0), (1000, 1000, 1007, 1000)],
        [*RING, (150, 150, 150, 150)],
        [(0, 0, 500, 0), (0, 100, 500, 100)],
        [(-100, 0, -50, 0), (50, 0, 100, 0)],
        [(-60, 0, -50, 0), (50, 0, 60, 0), (0, -60, 0, -50), (0, 50, 0, 60)],
        [(-40, 30, -40, 30), (40, 30, 40, 30), (30, -40, 30, -40), (0, -50, 0, -50)],
    ],
    ids=["cross", "ring", "place", "two", "island", "grounds-touch-along", "grounds-touch", "round-a-place", "circles"],
)
def test_as_a_buffer(pieces):
    """Ground is a valid shape that agrees with a buffer to a hundredth."""
    drawn, truth = ground(pieces), buffered(pieces)
    assert drawn.is_valid
    assert drawn.intersection(truth).area / drawn.union(truth).area > 0.99
    assert len(drawn.geoms) == len(getattr(truth.buffer(1e-3), "geoms", [truth]))


def test_none():
    """Without a strand there is no ground."""
    assert ground([]).is_empty


@settings(max_examples=25)
@given(st.lists(st.tuples(*[st.integers(-20, 20)] * 4), min_size=2, max_size=8), st.sampled_from([20.0, 50.0]))
def test_more_strands_never_take_ground_away(pieces, depth):
    """The ground of more strands holds that of fewer, also where they lie on the grid's own corners."""
    pieces = [tuple(10 * each for each in piece) for piece in pieces]
    less, more = ground(pieces[:-1], depth), ground(pieces, depth)
    assert less.is_valid and more.is_valid
    assert less.difference(more).area < 1e-6


def test_far_apart():
    """Strands in two towns make ground in both, without a grid of the land between."""
    far = [*CROSS, *(np.array(CROSS) + 4e6)]
    assert ground(far).area == pytest.approx(2 * ground(CROSS).area)


def test_place_of_the_grid():
    """The same strands elsewhere make the same ground there, by whole cells."""
    moved = shapely.transform(ground(CROSS), lambda xy: xy + np.array([500, -1000]))
    assert moved.symmetric_difference(ground(np.array(CROSS) + np.array([500, -1000, 500, -1000]))).area < 1e-6


@settings(max_examples=25)
@given(st.lists(st.tuples(*[st.integers(-200, 200)] * 4), min_size=1, max_size=9), st.booleans())
def test_distances_at_once(pieces, round_):
    """Distances are the same figures by the kernel, corner by corner, and on whole arrays, as used without kernels."""
    strands_ = np.array(pieces, dtype=float) * (1.0 if round_ else 0.977) + 300
    one = compiled.as_plain(strands._distances)(strands_, 50.0, 5.0, (121, 121))
    assert np.array_equal(one, strands._distances_at_once(strands_, 50.0, 5.0, (121, 121)))


def test_no_corner_by_itself_without_kernels():
    """Without kernels the distances are not asked for corner by corner."""

    def run(function):
        return lambda *given: pytest.fail(f"{function.py_func.__name__} runs as plain Python")

    assert len(strands.ground(np.array(CROSS, dtype=float), 50.0, 5.0, run)) == 1
