"""Outlines: the same coordinates whatever way shapes come in, and nothing half read."""

from __future__ import annotations

import struct

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis import compiled
from gis.errors import FrameError
from gis.geometry import outlines
from tests.truth import test_areas as adversarial

FAR = np.array([440_000.0, 4_420_000.0])
SQUARE = shapely.box(0, 0, 10, 10)
RING = SQUARE.difference(shapely.box(3, 3, 7, 7))
ISLANDS = shapely.MultiPolygon([RING, shapely.box(4, 4, 6, 6), shapely.box(10, 10, 12, 12)])
EMPTY, NO_PARTS = shapely.Polygon(), shapely.MultiPolygon()
# shapes that touch themselves where one might ask whether a ring is a hole
NOTCH = shapely.Polygon(
    [(0, 0), (10, 0), (10, 4), (6, 5), (10, 6), (10, 10), (0, 10)], [[(6, 2), (6, 8), (4, 8), (4, 2)]]
)
TWICE = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(10, 5), (10, 5), (8, 6), (8, 4)]])
CORNERED = shapely.Polygon([(0, 0), (10, 0), (10, 10), (0, 10)], [[(0, 0), (5, 2), (2, 5)]])
LINKED = shapely.Polygon(
    [(0, 0), (10, 0), (10, 10), (0, 10)], [[(2, 2), (5, 5), (2, 8)], [(5, 5), (8, 2), (8, 8)]]
)
SPECIMENS = {
    "square": SQUARE,
    "ring": RING,
    "islands": ISLANDS,
    "empty": EMPTY,
    "no parts": NO_PARTS,
    "missing": None,
    "notch on the middle of a hole's edge": NOTCH,
    "point twice where a hole touches": TWICE,
    "hole in the corner": CORNERED,
    "holes that touch": LINKED,
    "clockwise": shapely.orient_polygons(RING, exterior_cw=True),
    "holes and shell run alike": shapely.Polygon(RING.exterior.coords, [RING.interiors[0].coords[::-1]]),
    "part in a part's hole first": shapely.MultiPolygon([shapely.box(4, 4, 6, 6), RING]),
    "parts that touch": shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(1, 1, 2, 2)]),
}


def array(*items):
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("x", "y", "ring", "shape"))


@pytest.mark.parametrize("shape", SPECIMENS.values(), ids=SPECIMENS)
def test_specimens_keep_area_box_and_ground(shape):
    """Area and box are those of GEOS, also far from the origin, and so is the shape that is built from them."""
    far = array(shape, SQUARE)
    far = shapely.transform(far, lambda xy: xy + FAR)
    flat = outlines.of(far)
    assert flat.area_m2 == pytest.approx(np.nan_to_num(shapely.area(array(shape, SQUARE))), abs=1e-9)
    assert np.array_equal(flat.boxes, shapely.bounds(far), equal_nan=True)
    back = outlines.shapes(flat)
    if shape is None:
        assert back[0].is_empty
    else:
        assert shapely.normalize(back[0]).symmetric_difference(far[0]).area == 0
    assert outlines.shapes(outlines.of(array())).tolist() == []


def test_one_shape_after_the_other():
    """Outlines keep the order of shapes, say where each begins and whose each edge is; outlines stay what they are."""
    flat = outlines.of(array(SQUARE, None, RING, EMPTY))
    assert len(flat) == 4
    assert flat.ring.tolist() == [0, 5, 10, 15]
    assert flat.shape.tolist() == [0, 1, 1, 3, 3]
    assert flat.owner.tolist() == [0] * 4 + [-1] + ([2] * 4 + [-1]) * 2
    assert outlines.of(flat) is flat
    assert same(outlines.joined([outlines.of(array(SQUARE, None)), outlines.of(array(RING, EMPTY))]), flat)


def test_shapes_of_one_ring_take_no_detour():
    """Plain polygons, with heights and without, come out as if they had gone through well-known binary."""
    plain = array(SQUARE, EMPTY, shapely.force_3d(SQUARE, 7.5))
    assert same(outlines.of(plain), outlines.from_wkb(shapely.to_wkb(plain)))


@pytest.mark.parametrize("order", [0, 1], ids=["big", "little"])
@pytest.mark.parametrize("flavor", ["iso", "extended"])
@pytest.mark.parametrize("kind", ["", "Z", "M", "ZM"])
def test_every_dialect_of_wkb(order, flavor, kind):
    """Byte order, ISO or extended, heights, measures and SRID: the same coordinates."""
    shapes = [shapely.from_wkt(shape.wkt) for shape in (SQUARE, RING, ISLANDS, EMPTY, NO_PARTS)]
    values = [more(shape, kind) for shape in shapes]
    srid = flavor == "extended"
    written = shapely.to_wkb(
        shapely.set_srid(values, 4548), byte_order=order, flavor=flavor, output_dimension=4, include_srid=srid
    )
    assert same(outlines.from_wkb(written), outlines.from_wkb(shapely.to_wkb(shapes)))


@pytest.mark.parametrize("order", [0, 1], ids=["big", "little"])
def test_geos_reads_the_same_while_nothing_is_compiled(monkeypatch, order):
    """Without kernels GEOS reads, to the same arrays, and leaves it to the kernels to find words for a fault."""
    values = shapely.to_wkb(array(*SPECIMENS.values()), byte_order=order)
    with compiled.insisted():
        kernels = outlines.from_wkb(values)
        nothing = outlines.from_wkb([None])
    monkeypatch.setattr(compiled, "ready", lambda edges: False)
    geos = outlines.from_wkb(values)
    assert same(geos, kernels)
    assert geos.hole.tolist() == kernels.hole.tolist()
    assert same(outlines.from_wkb([None]), nothing)
    with pytest.raises(FrameError, match="value 1 is no polygon"):
        outlines.from_wkb([values[0], shapely.to_wkb(shapely.Point(0, 0))])
    with pytest.raises(FrameError, match="value 0 ends before"):
        outlines.from_wkb([values[0][:-1]])


def more(shape, kind):
    """Return a shape with heights, measures, both or neither."""
    if not kind or shape.is_empty:
        return shape
    parts = []
    for part in shapely.get_parts(shape):
        shell, *holes = (
            [[*xy, *range(5, 5 + len(kind))] for xy in shapely.get_coordinates(ring).tolist()]
            for ring in shapely.get_rings(part)
        )
        rings = ", ".join(f"({', '.join(' '.join(map(str, point)) for point in ring)})" for ring in (shell, *holes))
        parts.append(f"({rings})")
    body = f"({', '.join(parts)})" if shape.geom_type == "MultiPolygon" else parts[0]
    return shapely.from_wkt(f"{shape.geom_type} {kind} {body}")


MAKES = {
    "binary": pa.array,
    "large": lambda values: pa.array(values, pa.large_binary()),
    "chunked": lambda values: pa.chunked_array([values[:1], values[1:]]),
    "view": lambda values: pa.array(values, pa.binary_view()),
    "slice": lambda values: pa.array([b"x", *values, b"y"])[1:-1],
    "list": list,
    "numpy": lambda values: np.array(values, dtype=object),
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_columns_of_any_make(make):
    """Arrow arrays of either width, in chunks or cut out of longer ones, and plain sequences, with missing values."""
    values = [shapely.to_wkb(RING), None, shapely.to_wkb(SQUARE)]
    assert same(outlines.from_wkb(make(values)), outlines.of(array(RING, None, SQUARE)))


def test_a_fault_in_a_later_chunk_is_named_by_its_row():
    """Rows are counted through all chunks."""
    whole = shapely.to_wkb(SQUARE)
    with pytest.raises(FrameError, match="value 3 ends before"):
        outlines.from_wkb(pa.chunked_array([[whole, None], [whole, whole[:60]], [whole]]))


def test_nothing_to_read():
    """No values, and none but missing ones, are outlines without coordinates."""
    assert len(outlines.from_wkb([])) == 0
    blank = outlines.from_wkb([None, None])
    assert len(blank) == 2
    assert np.isnan(blank.boxes).all()
    assert blank.area_m2.tolist() == [0, 0]


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shape", [SQUARE, RING, ISLANDS], ids=["square", "ring", "islands"])
def test_bytes_that_end_too_early(shape, order):
    """Wherever a value is cut off, it is refused, and the message says which value it is."""
    whole = shapely.to_wkb(shape, byte_order=order)
    for length in range(1, len(whole)):
        with pytest.raises(FrameError, match=r"value 2 (ends before|is no polygon)") as caught:
            outlines.from_wkb([whole, None, whole[:length], whole])
        assert caught.value.details["row"] == 2


@pytest.mark.parametrize(
    "shape",
    [
        shapely.Point(0, 0), shapely.Point(), shapely.LineString([(0, 0), (1, 1)]), shapely.MultiPoint([(0, 0)]),
        shapely.GeometryCollection([SQUARE]), shapely.GeometryCollection(), SQUARE.exterior,
    ],
)  # fmt: skip
def test_what_is_no_polygon_is_refused(shape):
    """Points, lines and collections are refused by both doors, and the message says which value it is."""
    with pytest.raises(FrameError, match="value 1 is no polygon or multipolygon"):
        outlines.from_wkb([shapely.to_wkb(SQUARE), shapely.to_wkb(shape)])
    with pytest.raises(FrameError, match="value 1 is no polygon or multipolygon"):
        outlines.of(array(SQUARE, shape))


def test_lines_in_a_multipolygon_are_refused():
    """A multipolygon is made of polygons, whatever its bytes say."""
    parts = shapely.to_wkb(shapely.LineString([(0, 0), (1, 1)]))
    with pytest.raises(FrameError, match="value 0 is no polygon or multipolygon"):
        outlines.from_wkb([struct.pack("<BII", 1, 6, 1) + parts])


def test_rings_that_do_not_close_are_refused():
    """A ring whose last point is not its first has no inside: GEOS refuses it, and so do we."""
    ring = struct.pack("<4d2d2d", 0, 0, 10, 0, 10, 10, 0, 10)
    with pytest.raises(FrameError, match="value 0"):
        outlines.from_wkb([struct.pack("<BIII", 1, 3, 1, 4) + ring])


@given(st.binary(max_size=120), st.sampled_from([b"", *(struct.pack("<BII", 1, kind, 1) for kind in (3, 6))]))
def test_random_bytes_are_read_or_refused(noise, head):
    """No bytes whatever crash the reader; what it accepts is whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "ready", lambda edges: len(noise) % 2)
        try:
            flat = outlines.from_wkb([head + noise])
        except FrameError:
            return
    assert flat.ring[-1] == len(flat.x) == len(flat.y)
    assert flat.shape.tolist() == [0, len(flat.ring) - 1]


@given(st.integers(0, 2**200), st.integers(0, 2**32 - 1), st.sampled_from([SQUARE, RING, ISLANDS]))
def test_flipped_bits_are_read_or_refused(where, seed, shape):
    """Damaged values are read or refused, never worse."""
    damaged = bytearray(shapely.to_wkb(shape))
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, len(damaged), 1 + where % 4):
        damaged[at] ^= 1 << rng.integers(0, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "ready", lambda edges: seed % 2)
        try:
            flat = outlines.from_wkb([bytes(damaged)])
        except FrameError:
            return
    assert flat.ring[-1] == len(flat.x)


@pytest.mark.parametrize("family", adversarial.FAMILIES, ids=lambda family: family.__name__)
def test_areas_of_awkward_shapes(family):
    """Holes that touch, parts in holes and points drawn twice: the area that GEOS gives, shape by shape."""
    for shapes in adversarial.pairs(500, adversarial.PLACES["near"], [family])[:2]:
        assert outlines.of(shapes).area_m2 == pytest.approx(shapely.area(shapes), abs=1e-6)


@pytest.mark.parametrize("family", adversarial.FAMILIES, ids=lambda family: family.__name__)
def test_awkward_shapes_come_back(family):
    """Shapes that are built from outlines are valid and cover the same ground."""
    for shapes in adversarial.pairs(200, adversarial.PLACES["far"], [family])[:2]:
        back = outlines.shapes(outlines.of(shapes))
        assert shapely.is_valid(back).all()
        assert shapely.area(back) == pytest.approx(shapely.area(shapes), rel=1e-12)
        assert shapely.equals(shapely.normalize(back), shapes).mean() > 0.99
