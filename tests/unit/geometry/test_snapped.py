"""What GEOS overlays on a fine grid is neither lost nor invented, and what is mended keeps its area."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.errors import OverlayError
from gis.geometry import snapped


def array(*shapes):
    made = np.empty(len(shapes), dtype=object)
    made[:] = shapes
    return made


# edges along edges: plain GEOS returns nothing of the first pair, and half of the second one way round
ALONG = (
    shapely.Polygon([(115.30607302126721, 366.7012590231042), (375.7649121424535, 101.9997617690013),
                     (368.04221540550145, 6.322757552991742)]),
    shapely.Polygon([(115.30607302126721, 366.7012590231042), (375.7649121424535, 101.99976176900128),
                     (283.92512065741556, 153.23782651455585)]),
    5482.361725575418,
)  # fmt: skip


def test_edges_along_edges():
    """The exact area, by rational clipping, comes back in both orders."""
    one, other, area = ALONG
    for a, b in ((one, other), (other, one)):
        assert abs(shapely.area(snapped.intersection(array(a), array(b)))[0] - area) < 1e-6


@pytest.mark.parametrize(
    ("box", "corner"),
    [
        ((428_000.5, 4_415_424.25, 428_100, 4_415_500), (428_000, 4_415_424)),
        ((-3.5, 2, 100, 5), (0, 0)),
        ((-900.5, -20.5, -800, -10.2), (-901, 0)),
        ((0.01, 0, 20, 500), (0, 0)),
    ],
)
def test_only_what_lies_far_off_is_moved(box, corner):
    """Whole metres are taken off where that is exact."""
    assert snapped.origin(array(shapely.box(*box))).tolist() == list(corner)


def test_a_spike_near_zero_keeps_its_shape():
    """A spike of two ulps across x = 0 does not fold up on the way to the origin and back."""
    spiked = shapely.Polygon([(0, 0), (9, 0), (9, 5), (2.2e-16, 5), (-2.2e-16, 50), (0, 5)])
    west = shapely.Polygon([(-4e-16, 4), (-9, 4), (-9, 80), (-6e-16, 80)])
    assert shapely.area(snapped.intersection(array(spiked), array(west)))[0] < 1e-6


@given(st.integers(0, 2**32 - 1), st.floats(0, 4e7), st.integers(-3, 3))
def test_what_is_shared_and_what_is_left_make_the_whole(seed, offset, ulps):
    """Intersection and difference of two polygons add up to the first one, off by no more than a rounding."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 100, (3, 2)) + offset
    a = shapely.Polygon(xy)
    b = shapely.Polygon(np.r_[xy[:2] + np.spacing(xy[:2]) * ulps, [rng.uniform(0, 100, 2) + offset]])
    shared, left = snapped.intersection(array(a), array(b)), snapped.difference(array(a), array(b))
    corner = snapped.origin(array(a))
    measure = [shapely.area(snapped.moved(each, -corner))[0] for each in (shared, left, array(a))]
    assert abs(measure[0] + measure[1] - measure[2]) <= 1e-6 + 2 * np.spacing(offset + 100) * a.length


def test_shapes_that_fit_are_left_alone():
    """Valid shapes of the right area come back as they are; an invalid one is mended to its area."""
    square, bow = shapely.box(0, 0, 10, 10), shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    bow = shapely.transform(bow, lambda xy: xy + 20)
    made = snapped.fitted(array(square, bow), np.array([100.0, 50.0]), np.full(2, 1e-6), lambda n: (0.0, 0.0))
    assert made[0] is square
    assert made[1].is_valid and abs(made[1].area - 50) < 1e-9


def test_a_shape_that_is_another_is_an_error():
    """What no mending makes as large as its account says is never handed out."""
    with pytest.raises(OverlayError, match=r"^1 shapes .* 7\.000, 8\.000 is 100\.000000 m² instead of 90\.000000"):
        snapped.fitted(array(shapely.box(0, 0, 10, 10)), np.array([90.0]), np.array([1e-6]), lambda n: (7.0, 8.0))


def test_a_shape_mended_over_another_is_an_error():
    """What is as large as it should be, but once mended lies on others, is never handed out."""
    folded = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    beside = shapely.box(8, 4, 12, 6)
    with pytest.raises(OverlayError, match=r"covers 4\.0* m² of another"):
        snapped.fitted(array(folded, beside), np.array([50.0, 8.0]), np.full(2, 1e-6), lambda n: (1.0, 2.0))
