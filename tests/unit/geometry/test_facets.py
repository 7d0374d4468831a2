"""Facets: cells drawn again are valid, as large as they were measured, and neighbours share every vertex."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.geometry import faces, facets, grid, outlines, snapped
from tests.truth import test_areas as adversarial

FAR = np.array([440_000.0, 4_420_000.0])
PLACES = {"far": FAR, "near": np.zeros(2), "odd": np.array([440_000.1, 4_420_000.7])}
# sides of tiles, m: as the grid chooses, and so small that everything runs over many
SIZES = (None, 40.0, 5.5, 4.0, 2.0)


def turned(shape, angle):
    return shapely.affinity.rotate(shape, angle)


def rounded(*points):
    return shapely.Polygon(points)


SQUARE = shapely.box(0, 0, 10, 10)
RING = SQUARE.difference(shapely.box(3, 3, 7, 7))
CHECKS = [shapely.box(x, y, x + 2, y + 2) for x in range(0, 20, 2) for y in range(0, 20, 2)]
SPECIMENS = {
    "one": [SQUARE],
    "side by side": [SQUARE, shapely.box(10, 0, 20, 10), shapely.box(0, 10, 20, 20)],
    "crossing": [SQUARE, shapely.box(5, 5, 15, 15)],
    "inside": [SQUARE, shapely.box(2, 2, 4, 4), shapely.box(6, 6, 8, 8)],
    "courtyard": [RING],
    "courtyard and what stands in it": [RING, shapely.box(3, 3, 7, 7), shapely.box(4, 4, 6, 6)],
    "rings in rings": [shapely.box(n, n, 30 - n, 30 - n).difference(shapely.box(n + 1, n + 1, 29 - n, 29 - n))
                       for n in range(0, 14, 2)],
    "hole in the corner": [shapely.Polygon(SQUARE.exterior.coords, [[(0, 0), (5, 2), (2, 5)]])],
    "hole touches an edge": [shapely.Polygon(SQUARE.exterior.coords, [[(10, 5), (8, 6), (8, 4)]])],
    "holes that touch": [shapely.Polygon(SQUARE.exterior.coords, [[(2, 2), (5, 5), (2, 8)], [(5, 5), (8, 2), (8, 8)]])],
    "squares at a corner": [shapely.MultiPolygon([shapely.box(0, 0, 5, 5), shapely.box(5, 5, 10, 10)]), SQUARE],
    "four around a point": [shapely.box(x, y, x + 5, y + 5) for x in (0, 5) for y in (0, 5)],
    "many parts": [shapely.MultiPolygon([shapely.box(3 * n, 0, 3 * n + 2, 2) for n in range(100)])],
    "many holes": [shapely.box(0, 0, 300, 4).difference(
        shapely.MultiPolygon([shapely.box(3 * n + 1, 1, 3 * n + 2, 3) for n in range(99)]))],
    "chess board": CHECKS,
    "large and turned": [turned(shapely.box(0, 0, 120, 80), 33), turned(shapely.box(40, 20, 180, 60), 71)],
    "strips": [turned(shapely.box(0, 3 * n, 90, 3 * n + 3), 17) for n in range(6)],
    "fan": [shapely.Polygon([(0, 0), (60, 7 * n), (60, 7 * n + 7)]) for n in range(8)],
    "pinwheel": [turned(shapely.box(0, 0, 20, 3), angle) for angle in range(0, 180, 15)],
    "all but upright": [shapely.Polygon([(2, 9), (2, 4), (6, 4), (6.000000001, 6.5), (5.999999, 9), (4, 9), (4, 10)])],
    "hole that ends on another's edge": [
        shapely.Polygon([(0, 0), (12, 0), (12, 12), (0, 12)], [[(5, 4), (8, 6), (9, 0)]]), shapely.box(0, 1, 5, 6),
    ],
    "spike": [shapely.Polygon([(0, 0), (10, 0), (10, 4), (40, 5), (10, 6), (10, 10), (0, 10)]), SQUARE],
    "sliver between": [shapely.box(0, 0, 10, 10), shapely.box(10.001, 0, 20, 10), shapely.box(0, 9.999, 20, 20)],
    "point twice": [shapely.Polygon([(0, 0), (10, 0), (10, 0), (10, 10), (0, 10)]), shapely.box(5, 5, 15, 15)],
    "collinear points": [SQUARE, shapely.Polygon([(10, 0), (20, 0), (20, 10), (10, 10), (10, 7), (10, 3)])],
    # edges that pass other shapes' vertices within a rounding
    "vertex on a turned edge": [shapely.box(8, 1, 11, 10), turned(shapely.box(7, -1, 19, 3 - 2), 30)],
    "near a vertex": [
        shapely.box(8, 1, 11, 10),
        rounded((18.696152422706632, 3.1339745962155607), (17.696152422706632, 4.8660254037844375),
                (7.303847577293368, -1.1339745962155607), (8.303847577293368, -2.866025403784438)),
    ],
    "near another vertex": [
        shapely.box(10, 8, 13, 10),
        rounded((20.1961524227, 11.267949193), (18.1961524227, 14.732050807), (7.8038475773, 8.732050807),
                (9.8038475773, 5.267949193)),
    ],
    "near a corner": [
        shapely.box(3, 9, 5, 20),
        rounded((10.098076211353316, 9.63397459621556), (9.098076211353316, 11.366025403784437),
                (3.9019237886466835, 8.36602540378444), (4.901923788646683, 6.633974596215561)),
    ],
    "over a corner": [
        rounded((15.147114317029974, 3.450961894323342), (13.647114317029974, 6.049038105676658),
                (5.852885682970026, 1.549038105676659), (7.352885682970026, -1.0490381056766571)),
        shapely.box(1.5, 2.5, 7.5, 5.5),
    ],
}  # fmt: skip
# which shape each face goes to: by who covers it, in turn, all in one, and some to none
LABELS = {
    "cover": lambda cut: cut.cover.astype(np.int64),
    "in turn": lambda cut: np.arange(len(cut)) % 2,
    "all": lambda cut: np.zeros(len(cut), dtype=np.int64),
    "some": lambda cut: np.arange(len(cut)) % 3 - 1,
}


@pytest.fixture
def tiles(monkeypatch):
    """Return a function that makes the grid take tiles of a size."""
    over = grid.over
    return lambda size: monkeypatch.setattr(grid, "over", partial(over, size=size))


def array(items):
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def draw(shapes, label_of, workers=None):
    """Cut shapes into faces and draw them; return the labels' shapes and their areas as measured."""
    flat = outlines.of(shapes)
    cut = faces.of(flat)
    label = np.asarray(label_of(cut), dtype=np.int64)
    count = int(label.max(initial=0)) + 1
    known = label >= 0
    area = np.bincount(label[known], cut.area_m2[known], count)
    return facets.drawn(flat, cut, label, count, workers=workers), area


BY_A_ROUNDING = ("near", "over", "all but", "hole that")
PASSING = [shape for name, shapes in SPECIMENS.items() for shape in shapes if name.startswith(BY_A_ROUNDING)]


def assert_sound(drawn, area, *, shared=True):
    """Valid, as large as measured, and a coverage: neighbours share every vertex."""
    assert shapely.is_valid(drawn).all(), shapely.is_valid_reason(drawn[~shapely.is_valid(drawn)])
    # ten nanometres along the outline, in coordinates that have eight digits before the point
    assert (np.abs(shapely.area(drawn) - area) <= 1e-6 + 1e-8 * shapely.length(drawn)).all()
    if not shared:
        return
    full = drawn[~shapely.is_empty(drawn)]
    edges = shapely.coverage_invalid_edges(full)
    assert shapely.is_empty(edges).all(), edges[~shapely.is_empty(edges)]


@pytest.mark.parametrize("label_of", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("shapes", SPECIMENS.values(), ids=SPECIMENS)
def test_specimens_are_drawn_as_measured(tiles, shapes, place, label_of):
    """Whatever the tiles, a label's shape is valid, has the area of its faces and fits its neighbours exactly."""
    placed = shapely.transform(array(shapes), lambda xy: xy + place)
    for size in SIZES:
        tiles(size)
        drawn, area = draw(placed, label_of)
        # where lines pass a vertex within a rounding, neighbours agree to the nanometre, not to the bit
        assert_sound(drawn, area, shared=not any(shape in PASSING for shape in shapes))


@pytest.mark.parametrize("shapes", SPECIMENS.values(), ids=SPECIMENS)
def test_trapezoids_united_are_what_is_linked(tiles, monkeypatch, shapes):
    """Where nothing that is linked is taken, the trapezoids of the same labels make the same ground."""
    tiles(5.5)
    placed = shapely.transform(array(shapes), lambda xy: xy + PLACES["odd"])
    linked, _ = draw(placed, LABELS["cover"])
    monkeypatch.setattr(facets.validity, "valid", lambda made, flat, workers: np.zeros(len(made), dtype=bool))
    monkeypatch.setattr(facets.snapped, "fitted", lambda made, m2, off, again, place: again(np.arange(len(made))))
    united, area = draw(placed, LABELS["cover"])
    assert_sound(united, area, shared=False)
    for one, other in ((united, linked), (linked, united)):
        off = shapely.area(snapped.difference(one, other))
        assert (off <= 1e-6 + 1e-8 * shapely.length(linked)).all()


@pytest.mark.parametrize("shapes", SPECIMENS.values(), ids=SPECIMENS)
def test_all_faces_together_are_what_was_drawn(tiles, shapes):
    """One label for everything is the union of the shapes, in as few parts, with as many holes."""
    placed = shapely.transform(array(shapes), lambda xy: xy + FAR)
    tiles(4.0)
    (drawn,), _ = draw(placed, LABELS["all"])
    whole = shapely.union_all(placed)
    assert shapely.symmetric_difference(drawn, whole).area < 1e-6
    assert shapely.hausdorff_distance(drawn.boundary, whole.boundary) < 1e-3


@pytest.mark.parametrize("shapes", SPECIMENS.values(), ids=SPECIMENS)
def test_threads_do_not_show(tiles, shapes):
    """The same bytes on any number of workers."""
    tiles(5.5)
    one, three = (shapely.to_wkb(draw(array(shapes), LABELS["in turn"], workers)[0]).tolist() for workers in (1, 3))
    assert one == three


def test_shells_run_counter_clockwise(tiles):
    """Shells run counter-clockwise and holes clockwise, and a part is a polygon, not a multipolygon of one."""
    tiles(4.0)
    (drawn,), _ = draw(array([RING]), LABELS["all"])
    assert drawn.geom_type == "Polygon"
    assert drawn.exterior.is_ccw
    assert not drawn.interiors[0].is_ccw


def test_labels_without_faces_are_empty():
    """A label that no face has is an empty polygon, and faces of no label are drawn nowhere."""
    flat = outlines.of(array([SQUARE]))
    cut = faces.of(flat)
    drawn = facets.drawn(flat, cut, np.array([1]), 3)
    assert drawn[1].equals(SQUARE)
    assert shapely.is_empty(drawn).tolist() == [True, False, True]
    assert shapely.is_empty(facets.drawn(flat, cut, np.array([-1]), 1)).all()


@pytest.mark.parametrize("size", [4.0, 16.0])
def test_edges_along_the_sides_of_tiles(tiles, size):
    """Shapes whose corners lie exactly where tiles meet are drawn like any others."""
    tiles(size)
    first = shapely.box(0.3, 0.3, 1, 1)
    frame = grid.over(outlines.of(array([first, shapely.box(90, 90, 100, 100)])))
    x, y = frame.west + frame.width * np.arange(1, 8), frame.south + frame.height * np.arange(1, 8)
    rows = [shapely.box(x[n], y[m], x[n + 1 + n % 2], y[m + 1 + m % 2]) for n in range(0, 5) for m in range(0, 5, 2)]
    for label_of in LABELS.values():
        assert_sound(*draw(array([first, *rows, shapely.box(90, 90, 100, 100)]), label_of))


@pytest.mark.parametrize("place", ["far", "near"])
@pytest.mark.parametrize("family", adversarial.FAMILIES, ids=lambda family: family.__name__)
def test_awkward_shapes_alone_are_drawn_as_they_are(family, place):
    """One cell that is one shape covers what the shape covers."""
    shapes, _, offsets = adversarial.pairs(100, adversarial.PLACES[place], [family])
    shapes = adversarial.placed(shapes, adversarial.PLACES[place] - offsets)
    for n in range(len(shapes)):
        drawn, area = draw(shapes[n : n + 1], LABELS["all"])
        assert_sound(drawn, area)
        assert shapely.area(shapely.symmetric_difference(drawn, shapes[n : n + 1])).max() < 1e-6


@pytest.mark.parametrize("label", ["cover", "all"])
@pytest.mark.parametrize("family", adversarial.FAMILIES, ids=lambda family: family.__name__)
def test_awkward_pairs_are_drawn_as_measured(family, label):
    """Holes that touch, parts that touch, slivers and steep edges, two shapes over each other."""
    left, right, offsets = adversarial.pairs(100, FAR, [family])
    left, right = (adversarial.placed(layer, FAR - offsets) for layer in (left, right))
    for pair in zip(left, right, strict=True):
        assert_sound(*draw(array(pair), LABELS[label]), shared=False)


whole = st.integers(0, 14)
boxes = st.builds(lambda x, y, w, h: shapely.box(x, y, x + w + 1, y + h + 1), whole, whole, whole, whole)
yards = st.builds(lambda box: box.difference(shapely.affinity.scale(box, 0.5, 0.5)), boxes)
shapes_of_any_turn = st.builds(turned, st.one_of(boxes, yards), st.sampled_from([0, 30, 45, 90, 60, 7.3, 26.565051177]))


@settings(max_examples=150)
@given(st.lists(shapes_of_any_turn, min_size=1, max_size=7), st.sampled_from(SIZES), st.sampled_from(sorted(LABELS)))
def test_heaps_are_drawn_as_measured(shapes, size, label):
    """Any heap of boxes and rings at the angles at which lines meet in points, or pass them by a rounding."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "over", partial(grid.over, size=size))
        assert_sound(*draw(shapely.transform(array(shapes), lambda xy: xy + FAR), LABELS[label]), shared=False)
