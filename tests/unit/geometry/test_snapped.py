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


def unasked(lost):
    """Fail if shapes are drawn again that could be mended."""
    raise AssertionError(f"{lost} are drawn again")


def test_shapes_that_fit_are_left_alone():
    """Valid shapes of the right area come back as they are; an invalid one is mended to its area."""
    square, bow = shapely.box(0, 0, 10, 10), shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    bow = shapely.transform(bow, lambda xy: xy + 20)
    made = snapped.fitted(array(square, bow), np.array([100.0, 50.0]), np.full(2, 1e-6), unasked, lambda n: (0.0, 0.0))
    assert made[0] is square
    assert made[1].is_valid and abs(made[1].area - 50) < 1e-9


def test_a_shape_that_is_another_is_an_error():
    """What no mending makes as large as its account says is never handed out."""
    with pytest.raises(OverlayError, match=r"^1 shapes .* 7\.000, 8\.000 is 100\.000000 m² instead of 90\.000000"):
        square = array(shapely.box(0, 0, 10, 10))
        snapped.fitted(square, np.array([90.0]), np.array([1e-6]), lambda lost: square[lost], lambda n: (7.0, 8.0))


def test_a_shape_mended_over_another_is_an_error():
    """What is as large as it should be, but once mended lies on others, is never handed out."""
    folded = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    beside = shapely.box(8, 4, 12, 6)
    with pytest.raises(OverlayError, match=r"covers 4\.0* m² of another"):
        snapped.fitted(array(folded, beside), np.array([50.0, 8.0]), np.full(2, 1e-6), unasked, lambda n: (1.0, 2.0))


def test_what_no_mending_helps_is_drawn_again_as_it_was_before_it_was_rounded():
    """A spike thinner than the last digit folds its ring over in its place; on that place's grid it does not."""
    corner, digit = np.array([500_000.0, 4_400_000.0]), 2.0**-30
    ring = [(0, 0), (3000, 1e-9), (3000.1, 1e-9 + 2e-10), (0.1, 3e-10), (50, 80), (-50, 80)]
    local = array(shapely.Polygon(ring))
    wanted = shapely.area(local)
    asked = []

    def again(lost):
        asked.extend(lost.tolist())
        return snapped.placed(local[lost], np.arange(len(lost)), len(lost), corner, digit)

    made = snapped.fitted(snapped.moved(local, corner), wanted, snapped.bound(wanted * 0 + 6000, local), again, tuple)
    assert shapely.is_valid(made).all()
    assert abs(shapely.area(snapped.moved(made, -corner)) - wanted) < 1e-5


@given(st.integers(0, 2**32 - 1))
def test_what_is_put_in_its_place_is_valid_there(seed):
    """Stars with hairlines stay valid and keep their area to the last digit along their outlines."""
    rng = np.random.default_rng(seed)
    corner, digit = np.array([500_000.0, 4_400_000.0]), 2.0**-30
    turn = np.sort(rng.uniform(0, 2 * np.pi, 12))
    out = np.where(rng.random(12) < 0.5, rng.uniform(1, 900, 12), rng.uniform(0, 1e-8, 12))
    local = array(shapely.Polygon(np.c_[out * np.cos(turn), out * np.sin(turn)]).buffer(0))
    made = snapped.placed(local, np.zeros(1, dtype=np.int64), 1, corner, digit)
    assert shapely.is_valid(made).all()
    moved_m2 = abs(shapely.area(snapped.moved(made, -corner)) - shapely.area(local))
    assert (moved_m2 <= 1e-6 + digit * shapely.length(local)).all()


def test_a_union_in_its_place_is_valid():
    """Shapes in their place are overlaid on the grid of their last digits: putting the result back moves nothing."""
    rng = np.random.default_rng(5)
    for _ in range(200):
        box, turns = shapely.box(0, 0, 400, 300), rng.uniform(0, 360, 4)
        turned = array(*(shapely.affinity.rotate(box, turn, origin=(0, 0)) for turn in turns))
        placed = snapped.moved(turned, np.array([499_000.3, 4_395_000.7]))
        assert snapped.union(placed).is_valid
        assert snapped.difference(placed[0], placed[1]).is_valid
        assert snapped.intersection(placed[0], placed[1]).is_valid


def test_edges_along_edges_far_off_are_asked_again_on_coarser_grids():
    """Two hundred-kilometre shapes, edges along edges to an ulp of nine million metres: exact by rational clipping."""
    one = [(-4988052.25, 8735424.000000004), (-4868052.249999999, 8855423.999999994), (-4988052.25, 8975423.999999998),
           (-5108052.250000001, 9095423.999999998), (-5228052.250000003, 8975423.999999996),
           (-5108052.249999997, 8855424.000000004)]  # fmt: skip
    other = [(-4868052.250000001, 8855423.999999996), (-4988052.249999998, 8975423.999999996),
             (-5108052.250000001, 8855424.000000004), (-4988052.249999997, 8735424.000000004)]  # fmt: skip
    a, b = array(shapely.Polygon(one)), array(shapely.Polygon(other))
    for pair in ((a, b), (b, a)):
        common, sure = snapped.parted(*pair)
        assert sure.all() and abs(shapely.area(common)[0] - 28799999999.998905) < 1e-3
