"""The sweep of one window: chains of edges, and the ground of every set of shapes, drawn and measured."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import compiled
from gis.geometry import edges, outlines, slabs, strokes, tuples
from gis.geometry.room import COVER, COVERS, FIRST, NE, NEXT, NW, PIECES, SE, SLAB, SW, TRAPS, mark_of, space

ENTER, SWEEP, MEASURE = (compiled.as_plain(each) for each in (edges.enter, slabs.sweep, strokes.measure))
SPACE, MARK = compiled.as_plain(space), compiled.as_plain(mark_of)

SQUARE = shapely.box(0, 0, 12, 12)
whole = st.integers(0, 12)
boxes = st.builds(lambda x, y, w, h: shapely.box(x, y, x + w + 1, y + h + 1), whole, whole, whole, whole)
turned = st.builds(lambda shape, angle: shapely.affinity.rotate(shape, angle), boxes, st.floats(0, 360))
rings = st.just(SQUARE.difference(shapely.box(3, 3, 7, 9)))


def entered(shapes, window):
    """Return the room of a window with the outlines of some shapes."""
    west, south, east, north = window
    flat = outlines.of(np.array(shapes, dtype=object)).flat
    room = SPACE(1024, 32, 4096)
    for n in range(len(shapes)):
        ENTER(room, flat, n, n, (west, south, east - west, north - south))
        room.mark[n] = MARK(n + 1)
    return room


def swept(shapes, window, drawn):
    """Return the area of each set of shapes in a window."""
    room = entered(shapes, window)
    assert (SWEEP if drawn else MEASURE)(room, len(shapes), window[2] - window[0], window[3] - window[1])
    sets = [tuple(room.member[room.cover[n] : room.cover[n + 1]].tolist()) for n in range(room.size[COVERS])]
    if not drawn:
        return dict(zip(sets, room.area[: len(sets)].tolist(), strict=True))
    area = dict.fromkeys(sets, 0.0)
    for t in range(room.size[TRAPS]):
        here, there = room.slab[room.place[t, SLAB]]
        rise = room.trap[t, NW] - room.trap[t, SW] + room.trap[t, NE] - room.trap[t, SE]
        area[sets[room.place[t, COVER]]] += (there - here) * rise / 2
    assert len(area) == len(sets)
    return area


@settings(max_examples=60)
@given(st.lists(st.one_of(boxes, turned, rings), min_size=1, max_size=4))
def test_every_set_has_its_ground_drawn_and_measured(others):
    """Each set holds what its shapes share and no other one covers; measured are those with the first shape in them."""
    shapes = [SQUARE, *others]
    drawn, measured = swept(shapes, SQUARE.bounds, True), swept(shapes, SQUARE.bounds, False)
    assert sum(drawn.values()) == pytest.approx(SQUARE.area, abs=1e-9)
    for size in range(len(shapes) + 1):
        for inside in itertools.combinations(range(len(shapes)), size):
            rest = [shape for n, shape in enumerate(shapes) if n not in inside]
            common = functools.reduce(shapely.intersection, [shapes[n] for n in inside], SQUARE)
            truth = common.difference(shapely.union_all(rest)).area
            assert drawn.get(inside, 0.0) == pytest.approx(truth, abs=1e-7)
            assert measured.get(inside, 0.0) == pytest.approx(truth if 0 in inside else 0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("ring", "chains"),
    [
        # from its west corner a ring that looks back nowhere is an upper and a lower chain
        ([(0, 5), (4, 9), (8, 9), (12, 5), (8, 1), (4, 1)], 2),
        # upright edges are no pieces
        ([(0, 0), (0, 9), (9, 9), (9, 0)], 2),
        # begun in the middle of a chain, that chain is in two
        ([(4, 9), (8, 9), (12, 5), (8, 1), (4, 1), (0, 5)], 3),
        # a bay open to the west
        ([(0, 0), (0, 4), (6, 5), (0, 6), (0, 9), (9, 9), (9, 0)], 4),
        # cut off at the window's north side and back again
        ([(0, 1), (3, 15), (6, 1)], 3),
        # cut off at the south side just below the bend above it
        ([(2, 0), (3, 1), (9, -7)], 2),
    ],
    ids=["hexagon", "square", "begun amid", "bay", "cut off", "cut off below a bend"],
)
def test_edges_that_follow_each_other_are_one_chain(ring, chains):
    """A chain goes east from one piece to the next, each beginning where the one before it ends."""
    room = entered([shapely.Polygon(ring)], (-1, -1, 12, 12))
    pieces = room.size[PIECES]
    assert room.tie[:pieces, FIRST].sum() == chains
    following = room.tie[:pieces, NEXT]
    assert sorted(following[following >= 0].tolist()) == np.flatnonzero(room.tie[:pieces, FIRST] == 0).tolist()
    for n in np.flatnonzero(following >= 0):
        assert room.piece[n, 1] == room.piece[following[n], 0]


@pytest.mark.parametrize("count", [3, 30], ids=["a place each", "written down and sorted"])
def test_many_choices_are_all_there(count):
    """Of three layers of nested boxes every choice shares with the owner what its smallest box does."""
    nested = np.array([shapely.box(-1, -1, k + 1, 50) for k in range(count)], dtype=object)
    own = np.array([shapely.box(0, 0, count + 5, 10)], dtype=object)
    members, area = tuples.areas([outlines.of(nested)] * 3 + [outlines.of(own)], 3)
    assert members.tolist() == [[*choice, 0] for choice in itertools.product(range(count), repeat=3)]
    assert area == pytest.approx(10.0 * (members[:, :3].min(axis=1) + 1), abs=1e-8)
