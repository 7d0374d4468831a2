"""A layer as a cover: faces, borders, overlaps and gaps with place and area."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from gis.errors import CrsError, FrameError
from gis.geometry import coverage

SQUARE = shapely.box(0, 0, 10, 10)
EAST = shapely.box(10, 0, 20, 10)


def array(*shapes):
    made = np.empty(len(shapes), dtype=object)
    made[:] = shapes
    return made


def layer(*shapes, crs=4548):
    return gpd.GeoDataFrame({"unit_id": [f"U{n}" for n in range(len(shapes))]}, geometry=list(shapes), crs=crs)


@pytest.mark.parametrize(
    ("shapes", "areas"),
    [
        ([], []),
        ([SQUARE], [100]),
        ([SQUARE, EAST], [100, 100]),
        ([SQUARE, shapely.box(5, 0, 15, 10)], [50, 50, 50]),
        ([SQUARE.difference(shapely.box(4, 4, 6, 6))], [96, 4]),
        ([SQUARE, SQUARE], [100]),
        ([shapely.MultiPolygon([SQUARE, shapely.box(20, 0, 21, 1)])], [100, 1]),
    ],
)
def test_lines_cut_the_ground_into_faces(shapes, areas):
    """Every outline cuts; a courtyard is a face; equal shapes make one."""
    assert sorted(shapely.area(coverage.faces(array(*shapes)))) == pytest.approx(sorted(areas))


def test_faces_know_who_covers_them():
    """A face in two shapes is covered by both, a courtyard by neither."""
    shapes = array(SQUARE.difference(shapely.box(4, 4, 6, 6)), shapely.box(8, 0, 12, 10))
    pieces = coverage.faces(shapes)
    face, shape = coverage.covered(pieces, shapes)
    assert sorted(shape[face == n].tolist() for n in range(len(pieces))) == [[], [0], [0, 1], [1]]


def test_borders_add_up_to_the_outlines():
    """Two squares share one side and have six outside."""
    i, j, length = coverage.borders(array(SQUARE, EAST))
    assert list(zip(i, j, length, strict=True)) == [(-1, 0, 30), (-1, 1, 30), (0, 1, 10)]


def test_courtyard_borders_its_ring():
    """The border of a face that fills a hole is the hole's whole outline."""
    pieces = array(SQUARE.difference(shapely.box(4, 4, 6, 6)), shapely.box(4, 4, 6, 6))
    assert list(zip(*coverage.borders(pieces), strict=True)) == [(-1, 0, 40), (0, 1, 8)]


def test_overlaps_have_place_and_area():
    """A double cover names both features, its area, its mean width and a point inside."""
    row = coverage.overlaps(layer(SQUARE, shapely.box(8, 0, 18, 10), shapely.box(50, 0, 60, 10)), "unit_id").iloc[0]
    assert (row["first"], row["second"], row.area_m2) == ("U0", "U1", pytest.approx(20))
    assert row.width_m == pytest.approx(2 * 20 / 24)
    assert row.geometry.contains(shapely.Point(row.x, row.y))


@pytest.mark.parametrize(("tolerance", "rows"), [(0.0, 1), (0.3, 1), (0.5, 0)])
def test_narrow_overlaps_can_be_left_out(tolerance, rows):
    """An overlap of 0.4 m counts at 0.3 m and is noise at 0.5 m."""
    frame = layer(SQUARE, shapely.box(9.6, 0, 20, 10))
    assert len(coverage.overlaps(frame, "unit_id", tolerance=tolerance)) == rows


@pytest.mark.parametrize("frame", [layer(), layer(SQUARE), layer(SQUARE, EAST), layer(SQUARE, None, shapely.Polygon())])
def test_clean_layers_have_no_faults(frame):
    """Touching is no overlap; nothing, one and missing shapes have neither overlaps nor gaps."""
    assert len(coverage.overlaps(frame, "unit_id")) == 0
    assert len(coverage.gaps(frame, "unit_id")) == 0


def test_gaps_name_their_neighbours():
    """An enclosed slit is a gap of the features around it, at its true place far from the origin."""
    at = np.array([440_000.0, 4_420_000.0])
    shapes = [SQUARE, shapely.box(10.5, 0, 20, 10), shapely.box(0, 10, 20, 11), shapely.box(0, -1, 20, 0)]
    row = coverage.gaps(layer(*shapely.transform(shapes, lambda c: c + at)), "unit_id").iloc[0]
    assert (row.neighbours, row.area_m2) == (("U0", "U1", "U2", "U3"), pytest.approx(5))
    assert (row.x - at[0], row.y - at[1]) == (pytest.approx(10.25), pytest.approx(5))


def test_gaps_within_an_area_to_be_covered():
    """Ground of the area that no feature covers is a gap, open to the outside or not."""
    found = coverage.gaps(layer(SQUARE), "unit_id", within=shapely.box(-5, 0, 12, 10))
    assert found.area_m2.tolist() == pytest.approx([50, 20])


@pytest.mark.parametrize("question", [coverage.overlaps, coverage.gaps])
def test_layers_without_crs_or_key_are_refused(question):
    """No CRS, degrees, or no key column: refused, never guessed."""
    for crs in (None, 4326):
        with pytest.raises(CrsError):
            question(layer(SQUARE, crs=crs), "unit_id")
    with pytest.raises(FrameError, match="block_id"):
        question(layer(SQUARE), "block_id")


def mesh(noise_m, share, holes=(), size=12):
    """Return squares side by side, of which a share is drawn apart by some noise and some are left out."""
    random = np.random.default_rng(7)
    shapes = []
    for n in range(size * size):
        points = shapely.get_coordinates(shapely.box(n % size, n // size, n % size + 1, n // size + 1))[:-1] * 10
        points = points + random.normal(0, noise_m, points.shape) * (random.random() < share)
        shapes.append(shapely.Polygon(points))
    return array(*[shape for n, shape in enumerate(shapes) if n not in holes])


MESHES = {
    "coverage": (0.0, 0.0),
    "coverage with holes": (0.0, 0.0, (40, 41, 90)),
    "one in ten drawn apart": (0.01, 0.1, (40,)),
    "all drawn apart": (0.01, 1.0, (40,)),
}


@pytest.mark.parametrize("name", MESHES)
def test_uniting_the_fast_way_gives_the_same_ground(name):
    """Whatever share of the shapes matches its neighbours."""
    shapes = mesh(*MESHES[name])
    fast, slow = coverage.united(shapes), shapely.union_all(shapes)
    assert fast.is_valid
    assert shapely.symmetric_difference(fast, slow).area == pytest.approx(0.0, abs=1e-9)
    assert len(shapely.get_rings(shapely.get_parts(fast))) == len(shapely.get_rings(shapely.get_parts(slow)))


def test_shapes_that_overlap_are_united_whole():
    """Equal, nested and crossing ones are no coverage."""
    shapes = array(SQUARE, SQUARE, EAST, shapely.box(2, 2, 4, 4), shapely.box(5, 5, 15, 25))
    # 100 + 100 + 10 × 15
    assert coverage.united(shapes).area == pytest.approx(350.0)


def test_uniting_nothing_is_empty():
    """And no error."""
    assert coverage.united(array()).is_empty
