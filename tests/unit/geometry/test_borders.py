"""Borders of labels close at every node, whatever rounding does to the places."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import shapely

from gis import compiled
from gis.geometry import faces, facets, outlines, rings, sides
from tests.unit.geometry.test_facets import FAR, LABELS, SPECIMENS, array


@pytest.fixture(autouse=True, scope="module")
def kernels():
    with compiled.insisted():
        yield


def jittered(shapes, rng, ulps):
    """Move every vertex by some units in the last place, of the shapes that stay valid."""

    def nudge(xy):
        # a place is moved once, however often a ring comes by
        places, which = np.unique(xy, axis=0, return_inverse=True)
        return (places + np.spacing(places) * rng.integers(-ulps, ulps + 1, places.shape))[which.ravel()]

    made = [shapely.transform(shape, nudge) for shape in shapes]
    return [new if new.is_valid else old for new, old in zip(made, shapes, strict=True)]


def ends(shapes, label_of):
    """Return how often borders of a label begin less end at each place."""
    flat = outlines.of(array(shapes))
    cut = faces.of(flat)
    label = np.asarray(label_of(cut), dtype=np.int64)
    found = facets._swept(flat, cut, label, int(label.max(initial=0)) + 1, None)
    count = Counter()
    for n in range(len(found.start) - 1):
        for ax, ay, bx, by in found.line[found.start[n] : found.start[n + 1]].tolist():
            count[n, ax, ay] += 1
            count[n, bx, by] -= 1
    return count


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("name", SPECIMENS)
def test_borders_close(name, label):
    """At every place as many borders of a label begin as end, with lines 0 to 3 units in the last place apart."""
    rng = np.random.default_rng(5)
    for ulps in range(4):
        placed = [shapely.transform(shape, lambda xy: xy + FAR) for shape in SPECIMENS[name]]
        twice = jittered(placed, rng, ulps) + jittered(placed, rng, ulps)
        assert not any(ends(twice, LABELS[label]).values()), ulps


def test_places_on_a_side_become_one():
    """Places on a tile's side nearer than a rounding are one afterwards; a tile's corner stays where it is."""
    grid = faces.of(outlines.of(array([shapely.box(0, 0, 50, 50)]))).grid
    x, y = 2 * grid.width, 3 * grid.height
    line = np.array([[x, 5.0, x, 5.0 + 2e-9], [x, 5.0 + 4e-9, x, 6.0], [x, y + 1e-9, x, y]])
    sides.settled(line, grid)
    assert line[0].tolist() == [x, 5.0, x, 5.0] and line[1].tolist() == [x, 5.0, x, 6.0]
    assert line[2].tolist() == [x, y, x, y]


def test_a_ring_no_wider_than_a_rounding_is_no_hole():
    """What lines leave between them where they run together again outside a shape does not break its rings."""
    square = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)]
    hairline = [(12.0, 0.0), (12.0, 5.0), (12.0 + 1e-9, 9.0), (12.0 + 1e-9, 2.0)]
    line = np.array([[*a, *b] for ring in (square, hairline) for a, b in zip(ring, ring[1:] + ring[:1], strict=True)])
    found = rings.Borders(np.array([0, len(line)]), line, np.arange(len(line)))
    points, ring, owner, broken = rings.linked(found, 0, 1, (100.0, 100.0))
    *_, area = rings.nested(points, ring, owner, broken, (0.0, 0.0))
    assert not broken.any() and area.tolist() == [100.0]
