"""Lines joined into nodes and edges, and cut at barriers."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy.sparse import coo_array, csgraph

from gis.geometry import junctions
from gis.geometry.barriers import Barriers

NONE = Barriers(np.empty(0, dtype=object))
WALL = [(50, -50), (50, 50)]


def lines(*places):
    """Return lines."""
    return np.array([shapely.LineString(each) for each in places], dtype=object)


@pytest.mark.parametrize(
    ("drawn", "nodes", "edges"),
    [
        ([[(0, 0), (9, 0)]], 2, 1),
        ([[(0, 0), (5, 0), (9, 0)], [(5, 0), (5, 9)]], 4, 3),
        ([[(0, 0), (9, 0)], [(5, -5), (5, 5)]], 4, 2),
        ([[(0, 0), (9, 0), (9, 9), (0, 0)]], 1, 1),
        ([[(0, 0), (5, 0), (5, 5), (2, 5), (2, 2), (2, -5)]], 2, 1),
        ([[(0, 0), (5, 0), (5, 5), (2, 5), (2, 0), (2, -5)]], 3, 3),
        ([[(0, 0), (5, 0), (5, 5), (2, 5), (2, 0.3)]], 3, 3),
        ([[(0, 0), (5, 0), (5, 5), (0, 5), (5, 0), (9, 0)]], 3, 3),
        ([[(0, 0), (9, 0)], [(0, 0), (9, 0)]], 2, 2),
        ([[(0, 0), (5, 0), (5.0004, 0), (9, 0)]], 2, 1),
        ([[(0, 0), (9, 0)], [(9.0004, 0), (20, 0)]], 3, 2),
        ([[(0, 0), (9, 0)], [(9.3, 0), (20, 0)]], 4, 4),
        ([[(0, 0), (9, 0)], [(9.6, 0), (20, 0)]], 4, 2),
        ([[(0, 0), (9, 0)], [(4, 0.3), (4, 9)]], 5, 4),
        ([[(0, 0), (9, 0)], [(4, 0), (4, 9)], [(4, 0), (4, -9)]], 5, 4),
        ([[(0, 0), (9, 0)], [(4, 0.2), (4, 9)], [(4, -0.2), (4, -9)]], 7, 8),
        ([[(0, 0), (9, 0)], [(4, 9), (4, 0), (4, -9)]], 5, 4),
        ([[(0, 0), (9, 0)], [(4, 9), (4, 0.3), (5, 9)]], 6, 5),
        ([[(0, 0), (9, 0)], [(4, 0), (2, 6), (6, 6), (4, 0)]], 3, 3),
        ([[(0, 0), (9, 0)], [(2, 6), (4, 0), (6, 6), (2, 6)]], 4, 4),
        ([[(0, 0), (90, 0)], [(0, 0), (3, 0.2), (90, 5)]], 3, 2),
    ],
    ids=[
        "line", "tee", "overpass", "loop", "crosses-itself", "vertex-on-itself", "end-near-itself", "touches-itself",
        "twice", "grain", "same-to-a-grain", "loose-end", "too-far", "loose-end-to-line", "two-ends-on-a-third",
        "two-ends-short-of-a-third", "vertex-of-one", "bend-near-a-line", "loop-from-a-line", "loop-from-elsewhere",
        "fork",
    ],
)  # fmt: skip
def test_joined(drawn, nodes, edges):
    """Lines meet at common vertices, and where a vertex almost touches another line, but not again within a fork."""
    made = junctions.joined(lines(*drawn), NONE, 0.5)
    assert (len(made.xy), len(made.ends), len(made.begin)) == (nodes, edges, edges + 1)
    starts, stops = made.line_xy[made.begin[:-1]], made.line_xy[made.begin[1:] - 1]
    assert np.abs(starts - made.xy[made.ends[:, 0]]).max() < 2e-3
    assert np.abs(stops - made.xy[made.ends[:, 1]]).max() < 2e-3


@pytest.mark.parametrize(
    ("drawn", "barriers", "kept"),
    [
        ([(0, 0), (100, 0)], [WALL], [49.99, 49.99]),
        ([(0, 0), (50, 0)], [WALL], [49.99]),
        ([(0, 0), (40, 0)], [WALL], [40]),
        ([(0, 0), (100, 0)], [[(20, 0), (80, 0)]], [19.99, 19.99, 120.06]),
        ([(20, 0), (80, 0)], [[(0, 0), (100, 0)]], [60.04, 60.04]),
        ([(49.95, 0), (50.05, 0)], [[(0, 0), (100, 0)]], []),
        ([(0, 0), (100, 0)], [[(20, 0), (50, 0), (50, 50)]], [19.99, 49.99, 60.06]),
        ([(0, 0), (100, 0)], [WALL, [(70, -50), (70, 50)]], [49.99, 19.98, 29.99]),
    ],
    ids=["across", "up-to", "short-of", "along", "within", "short-within", "along-and-off", "twice"],
)
def test_cut(drawn, barriers, kept):
    """What is left of a line stops a centimetre before the barrier, and what runs along it is on both its sides."""
    made = Barriers(lines(*barriers)).cut(lines(drawn), 0.01)
    assert sorted(shapely.length(made.pieces)) == pytest.approx(sorted(kept), abs=0.03)
    assert made.line.tolist() == [0] * len(kept)
    assert not shapely.intersects(made.pieces, shapely.multilinestrings(lines(*barriers))).any()


@pytest.mark.parametrize(
    ("leg", "barriers", "barred"),
    [
        ([(0, 0), (100, 0)], [WALL], True),
        ([(0, 0), (50, 0)], [WALL], False),
        ([(50, 0), (100, 0)], [WALL], False),
        ([(50, 0), (50, 0)], [WALL], False),
        ([(0, 0), (100, 0)], [[(50, 0), (50, 50)]], False),
        ([(0, 0), (100, 0)], [[(50, -50), (50, 0)], [(50, 0), (50, 50)]], True),
        ([(0, 0), (100, 0)], [[(50, -50), (50, 0)], [(50, 0), (30, 50)], [(50, 0), (70, 50)]], True),
        ([(0, 0), (50, 0)], [[(50, -50), (50, 0)], [(50, 0), (50, 50)]], False),
        ([(0, 0), (100, 0)], [], False),
        ([(0, 0), (100, 0)], [[(30, 50), (50, 0), (70, 50)]], False),
        ([(0, 0), (100, 0)], [[(30, 50), (50, 0)], [(50, 0), (70, 50)]], False),
        ([(0, 0), (100, 0)], [[(30, 50), (50, 0), (70, -50)]], True),
        ([(0, 0), (100, 0)], [[(30, 50), (40, 0), (60, 0), (70, 50)]], False),
        ([(0, 0), (100, 0)], [[(30, 50), (40, 0), (60, 0), (70, -50)]], True),
        ([(0, 0), (100, 0)], [[(30, 50), (40, 0), (60, 0), (70, 50)], [(50, 0), (50, -9)]], True),
        ([(0, 0), (100, 0)], [[(20, 0), (80, 0)]], False),
        ([(50, 0), (100, 0)], [[(30, 50), (40, 0), (60, 0), (70, -50)]], False),
    ],
    ids=[
        "across",
        "up-to",
        "from",
        "no-length",
        "end",
        "seam",
        "fork",
        "up-to-seam",
        "none",
        "corner",
        "corner-of-two",
        "bend",
        "along",
        "along-and-across",
        "along-with-a-branch",
        "all-along",
        "from-along",
    ],
)
def test_bar(leg, barriers, barred):
    """A leg is barred where it changes sides, at a seam or along a wall too, and not by what it touches or ends at."""
    for turn in (0.0, 33.0):
        drawn = [shapely.affinity.rotate(shapely.LineString(each), turn, (0, 0)) for each in [leg, *barriers]]
        moved = shapely.transform(np.array(drawn, dtype=object), lambda xy: xy + np.array([424_000, 4_418_000]))
        assert Barriers(moved[1:]).bar(moved[:1]).tolist() == [barred]
        assert Barriers(shapely.reverse(moved[1:])).bar(shapely.reverse(moved[:1])).tolist() == [barred]


def test_barriers_of_any_kind():
    """Parts count one by one; empty and missing barriers bar nothing, heights make no difference."""
    drawn = [None, shapely.LineString(), shapely.MultiLineString([WALL, [(80, -9), (80, 9)]])]
    bars = Barriers(np.array([*drawn, shapely.LineString([(20, -9, 5), (20, 9, 7)])], dtype=object))
    legs = lines([(0, 0), (40, 0)], [(25, 0), (40, 0)], [(60, 0), (100, 0)])
    assert bars.bar(legs).tolist() == [True, False, True]


@pytest.mark.parametrize(("end", "parts"), [(50.0, 1), (50.0004, 1), (49.7, 1), (50.6, 2)])
def test_a_bridge_is_met_at_its_landing(end, parts):
    """A path that a bank cuts meets the bridge that begins on the bank, a hair before or behind it, not far beyond."""
    bank = Barriers(lines(WALL))
    pieces = bank.cut(lines([(0, 0), (end, 0)]), 0.01).pieces
    bridge = lines([(end, 0), (90, 0)])
    made = junctions.joined(np.r_[pieces, bridge], bank, 0.5, np.arange(len(pieces) + 1) == len(pieces))
    graph = coo_array((np.ones(len(made.ends)), made.ends.T), shape=(len(made.xy), len(made.xy)))
    assert csgraph.connected_components(graph, directed=False)[0] == parts


def test_new_numbers_of_nodes_change_nothing_else():
    """Every edge still has its ends where they were, and nodes near each other come near in memory."""
    rng = np.random.default_rng(2)
    xy = rng.uniform(0, 10_000, (500, 2)) + np.array([500_000, 4_400_000])
    ends = rng.integers(0, 500, (900, 2)).astype(np.int32)
    vertices, no = xy[ends].reshape(-1, 2), np.zeros(900, dtype=bool)
    made = junctions.Junctions(xy, ends, np.arange(901) * 2, vertices, np.arange(900), no)
    again = junctions.near_together(made)
    assert np.array_equal(again.xy[again.ends], xy[ends])
    assert np.array_equal(np.unique(again.xy, axis=0), np.unique(xy, axis=0))
    step, before = (np.abs(np.diff(each.xy, axis=0)).mean() for each in (again, made))
    assert step < before / 5


def test_a_way_cut_near_a_bridge_does_not_cross_by_its_landing():
    """Both halves of a path that a bank cuts 0.3 m beside the end of a bridge stay where they are."""
    bank = Barriers(lines(WALL))
    pieces = bank.cut(lines([(0, 0), (100, 0)]), 0.01).pieces
    bridge = lines([(50.2, 0.2), (90, 30)])
    made = junctions.joined(np.r_[pieces, bridge], bank, 0.5, np.arange(len(pieces) + 1) == len(pieces))
    graph = coo_array((np.ones(len(made.ends)), made.ends.T), shape=(len(made.xy), len(made.xy)))
    assert csgraph.connected_components(graph, directed=False)[0] == 2
