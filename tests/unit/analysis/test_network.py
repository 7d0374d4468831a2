"""The walking network: where ways meet, what barriers part, and what a walk from door to door takes."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import pytest
import shapely
import shapely.ops
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.analysis import catchments, network
from gis.analysis.catchments import sheds
from gis.errors import CrsError, EmptyError, FrameError, UsageError
from tests.unit.analysis import doorsteps
from tests.unit.analysis.doorsteps import EAST, LEVEL, NORTH, line, seconds, town

# what two ways say: codes of the findings
UNSAID = {
    "both say it": ({"slope": [0.1, 0.0], "kind": ["footway", "stairs"]}, []),
    "one is silent of its slope": ({"slope": [0.1, None]}, ["network.slope_unknown"]),
    "one is silent of its kind": ({"kind": ["footway", None]}, ["network.kind_unknown"]),
    "nobody says it": ({"slope": [None, None], "kind": [None, None]}, []),
}
STREET = [(0, 0), (100, 0)]
LEFT, RIGHT = [(0, 0), (50, 0)], [(50, 0), (100, 0)]
BEFORE, BEHIND = [(-9, 0), (0, 0)], [(100, 0), (109, 0)]
WALL = [(50, -50), (50, 50)]
RING = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
A, B = (0, 0), (100, 0)


@pytest.mark.parametrize(
    ("lines", "start", "door", "expected"),
    [
        ([STREET], (20, 5), (70, -10), 65),
        ([STREET], (70, -10), (20, 5), 65),
        ([STREET], (40, 0), (40, 0), 0),
        ([STREET], (-3, 4), (104, 3), 110),
        ([RING], (10, -1), (-1, 10), 22),
        ([RING], (50, -1), (80, -1), 32),
        ([STREET, [(50, 0), (50, 0)]], (20, 0), (70, 0), 50),
        ([STREET, [(0, 0), (50, 40), (100, 0)]], (0, -2), (50, 42), 2 + math.hypot(50, 40) + 2),
        ([STREET, [(0, 0), (50, 40), (100, 0)]], A, B, 100),
        ([STREET, STREET], (20, 5), (70, -10), 65),
        ([LEFT, [(50.3, 0), (100, 0)]], A, B, 100),
        ([LEFT, [(50.3, -20), (50.3, 20)]], A, (50.3, 20), 70.3),
        ([LEFT, [(50.6, 0), (100, 0)]], A, B, np.inf),
        ([STREET, [(50, -50), (50, 50)]], A, (50, 50), np.inf),
        ([STREET, [(50, -50), (50, 0), (50, 50)]], A, (50, 50), 100),
        ([STREET, [(50, -50), (50, 0)], [(50, 0), (50, 50)]], A, (50, 50), 100),
        ([STREET, [(50, -50), (50, -0.2)], [(50, 0.2), (50, 50)]], A, (50, 50), 100),
        ([STREET, [(50, 0), (30, 40), (70, 40), (50, 0)]], A, (30, 40), 50 + math.hypot(20, 40)),
        ([STREET, [(30, 40), (50, 0), (70, 40), (30, 40)]], A, (30, 40), 50 + math.hypot(20, 40)),
        ([[(0, 0), (50, 0), (100, 0)], [(50, -50), (50, 0), (50, 50)]], A, (50, 50), 100),
    ],
    ids=[
        "one-edge", "one-edge-back", "same-place", "beyond-the-ends", "loop-through-its-node", "loop", "no-length",
        "parallel-by-the-bent", "parallel-by-the-straight", "twice-drawn", "loose-end-to-end", "loose-end-to-edge",
        "too-far", "overpass", "vertex-of-one", "two-on-a-third", "two-short-of-a-third", "loop-on-it",
        "loop-from-elsewhere", "common-vertex",
    ],
)  # fmt: skip
def test_walks_on_small_graphs(lines, start, door, expected):
    """A walk is the leg, the way and the leg; ways meet at common vertices and where an end almost touches."""
    assert seconds(town(lines), start, door) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("lines", "kinds", "barriers", "door", "expected"),
    [
        ([STREET], ["sidewalk"], [WALL], B, np.inf),
        ([LEFT, RIGHT], ["sidewalk"] * 2, [WALL], B, np.inf),
        ([LEFT, RIGHT], ["sidewalk"] * 2, [[(50, -50), (50, 0)], [(50, 0), (50, 50)]], B, np.inf),
        ([STREET], ["sidewalk"], [[(30, -50), (50, 0)], [(50, 0), (30, 50)], [(50, 0), (90, 40)]], B, np.inf),
        ([STREET], ["sidewalk"], [[(0, 50), (50, 0)], [(50, 0), (60, -90)]], B, np.inf),
        ([BEFORE, STREET, BEHIND], ["sidewalk", "bridge", "sidewalk"], [WALL], B, 100),
        ([BEFORE, STREET, BEHIND], ["sidewalk", "gate", "sidewalk"], [WALL], B, 100),
        ([STREET], ["crossing"], [WALL], B, 100),
        ([STREET], ["bridge"], [], B, np.inf),
        ([STREET], [None], [WALL], B, np.inf),
        ([STREET], ["sidewalk"], [[(50, 0), (50, 50)]], B, 100),
        ([STREET], ["sidewalk"], [[(20, 0), (80, 0)]], B, 100.0114),
        ([STREET], ["sidewalk"], [[(20, 9), (20, 0), (80, 0), (80, 9)]], B, 100),
        ([STREET], ["sidewalk"], [[(20, 9), (20, 0), (80, 0), (80, -9)]], B, np.inf),
        ([STREET], ["sidewalk"], [[(30, 30), (50, 0), (70, 30)]], B, 100),
        ([STREET], ["sidewalk"], [[(0, 3), (100, 3)]], B, 100),
        ([STREET, [(0, 30), (100, 30)], [(0, 0), (0, 30)]], ["bridge", "path", "bridge"],
         [[(20, 5), (120, 5)]], (50, 8), 30 + 50 + 22),
        ([LEFT, [(50.3, 0), (100, 0)]], ["sidewalk"] * 2, [[(50.15, -9), (50.15, 9)]], B, np.inf),
        ([LEFT, [(50.3, -20), (50.3, 20)]], ["sidewalk"] * 2, [[(50.15, -9), (50.15, 9)]], (50.3, 20), np.inf),
    ],
    ids=[
        "cut", "node-on-it", "seam-on-node", "seam-with-a-branch", "seam-aslant", "bridge", "gate", "crossing",
        "nothing-but-a-bridge", "no-kind", "wall-ends-at-it", "drawn-along", "along-from-one-side", "along-and-across",
        "corner", "beside", "leg-cut",
        "loose-end-behind", "loose-end-to-edge-behind",
    ],
)  # fmt: skip
def test_barriers(lines, kinds, barriers, door, expected):
    """Barriers cut ways, legs and the joining of loose ends; only kinds that lead through or over them pass."""
    # a way along a barrier keeps a centimetre off it
    away = 0.03 if any(at[1] == 0 != at[0] - 50 for wall in barriers for at in wall) else 1e-6
    assert seconds(town(lines, barriers, kind=kinds), A, door) == pytest.approx(expected, abs=away)


@pytest.mark.parametrize(
    ("columns", "start", "door", "expected"),
    [
        ({"slope": [0.1]}, A, B, 100 * math.exp(3.5 * 0.1)),
        ({"slope": [0.1]}, B, A, 100.0),
        ({"slope": [-0.05]}, A, B, 100 * math.exp(-3.5 * 0.05)),
        ({"slope": [None]}, A, B, 100.0),
        ({"kind": ["stairs"]}, A, B, 200.0),
        ({"kind": ["crossing"]}, A, B, 130.0),
        ({"kind": ["crossing"]}, (25, 0), (75, 0), 65.0),
        ({"oneway": [True]}, B, A, 100.0),
    ],
    ids=["uphill", "as-steep-downhill", "gently-downhill", "slope-unknown", "stairs", "waiting", "half-way", "one-way"],
)
def test_time(columns, start, door, expected):
    """Slope counts in both directions by Tobler's function, stairs by their pace, crossings and gates by waiting."""
    how = network.Walking(speed_mps=1.0, pace={"stairs": 0.5}, delay_s={"crossing": 30.0})
    assert seconds(town([STREET], walking=how, **columns), start, door) == pytest.approx(expected)


def test_gate():
    """A gate takes its waiting once, however it is cut up, and nobody steps onto it half-way."""
    how = network.Walking(speed_mps=1.0, delay_s={"gate": 15.0})
    lines = [[(0, 0), (40, 0)], [(40, 0), (50, 0), (60, 0)], [(60, 0), (100, 0)], [(50, 0), (55, 9)]]
    below = np.array([shapely.Point(EAST + 50, NORTH - 1)])
    paths = town(lines, [WALL], walking=how, kind=["sidewalk", "gate", "sidewalk", "gate"])
    assert seconds(paths, A, B) == pytest.approx(115)
    assert network.attach(paths, below).leg_m[0] == pytest.approx(np.hypot(10, 1), abs=0.01)


def test_speed():
    """Speed divides ways and legs alike."""
    assert seconds(town([STREET], walking=network.Walking()), (20, 5), (70, -10)) == pytest.approx(65 / 1.25)


def test_without_kinds():
    """Where no way has a kind, every one that is drawn across a barrier leads over it, and legs do not."""
    how = network.Walking(speed_mps=1.0, openings=None)
    paths = town([STREET, [(0, 30), (100, 30)]], [[(50, -50), (50, 20)], [(0, 5), (40, 5)]], walking=how)
    assert seconds(paths, A, B) == 100
    assert seconds(paths, (0, 30), (20, 8)) == 20 + 22


@pytest.mark.parametrize(
    "shape",
    [
        shapely.MultiLineString([line(*LEFT), line(*RIGHT)]),
        shapely.LineString([(EAST, NORTH, 50), (EAST + 100, NORTH, 90)]),
        shapely.LineString([(EAST, NORTH), (EAST, NORTH), (EAST + 100, NORTH), (EAST + 100, NORTH)]),
    ],
    ids=["multipart", "heights", "repeated-vertices"],
)
def test_shapes_of_ways(shape):
    """Parts of a way are joined like ways; heights and repeated vertices make no difference."""
    paths = network.build(doorsteps.frame("walkway_id", [shape]), walking=LEVEL)
    assert seconds(paths, (20, 5), (70, -10)) == pytest.approx(65)


def test_barrier_of_ground():
    """A lake bars by its outline; missing and empty barriers bar nothing."""
    lake = shapely.box(EAST + 40, NORTH - 10, EAST + 60, NORTH + 10)
    bars = doorsteps.frame("barrier_id", [lake, None, shapely.LineString()])
    ways = doorsteps.frame("walkway_id", [line(*STREET)])
    assert seconds(network.build(ways, bars, walking=LEVEL), A, B) == np.inf


def test_findings():
    """Each way that is less than it seems is named, with its place where it has one."""
    shapes = [line(*STREET), line((50, 9), (50, 9)), None, line((0, 500), (70, 500))]
    ways = doorsteps.frame("walkway_id", shapes, oneway=["yes", "no", None, None])
    found = network.build(ways, doorsteps.frame("barrier_id", [line(*WALL)])).findings
    assert found["code"].tolist() == [
        "network.no_place", "network.no_length", "network.oneway_ignored", "network.cut",
        "network.part", "network.part",
    ]  # fmt: skip
    assert found["feature"].tolist()[:2] == ["W2", "W1"]
    assert found[["x", "y"]].to_numpy()[3] == pytest.approx([EAST + 50, NORTH])


WAYS = doorsteps.frame("walkway_id", [line(*STREET)])
BARS = doorsteps.frame("barrier_id", [line(*WALL)])


@pytest.mark.parametrize(
    ("ways", "barriers", "error"),
    [
        (WAYS.iloc[:0], None, EmptyError),
        (doorsteps.frame("walkway_id", [line((0, 0), (0, 0))]), None, EmptyError),
        (doorsteps.frame("walkway_id", [line((50, -0.02), (50, 0.02))]), BARS, EmptyError),
        (WAYS.drop(columns="walkway_id"), None, FrameError),
        (WAYS.assign(walkway_id=None), None, FrameError),
        (doorsteps.frame("walkway_id", [line(*LEFT), line(*RIGHT)]).assign(walkway_id="W"), None, FrameError),
        (WAYS.set_geometry(WAYS.buffer(5)), None, FrameError),
        (WAYS, BARS.set_geometry(BARS.centroid), FrameError),
        (WAYS, BARS.set_geometry([shapely.GeometryCollection([shapely.Point(EAST, NORTH)])]), FrameError),
        (WAYS.assign(slope=["steep"]), None, FrameError),
        (WAYS.assign(slope=[12.0]), None, FrameError),
        (WAYS, BARS.to_crs(4547), CrsError),
        (WAYS.to_crs(4326), None, CrsError),
    ],
    ids=[
        "none", "no-length", "all-on-a-barrier", "no-key", "key-missing", "key-twice", "ground", "points",
        "collection", "slope-in-words", "slope-in-per-cent", "other", "degrees",
    ],
)  # fmt: skip
def test_refused(ways, barriers, error):
    """What no network can be made of is refused."""
    with pytest.raises(error):
        network.build(ways, barriers)


@pytest.mark.parametrize(
    "figures", [{"speed_mps": 0}, {"access_m": -1}, {"pace": {"stairs": 0}}, {"delay_s": {"gate": -1}}, {"join_m": -1}]
)
def test_figures_refused(figures):
    """Nobody walks at no speed or waits less than nothing."""
    with pytest.raises(UsageError):
        network.Walking(**figures)


def test_inputs_stay():
    """Frames are not changed, and the same frames make the same network."""
    case = doorsteps.anywhere(3)
    before = case.ways.copy()
    one, two = case.network, case.network
    assert case.ways.equals(before)
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("xy", "ends", "seconds", "line_xy"))


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_walks_agree_with_all_shortest_walks(seed):
    """From mid-edge to mid-edge, each walk takes what a full search between all nodes says it takes."""
    case = doorsteps.anywhere(seed, size=4, doors=15)
    paths = case.network
    expected = doorsteps.slowly(paths, case.barriers, case.entrances, case.doors)
    entries = catchments.enter(paths, case.entrances)
    found = sheds.reached(paths, entries, network.attach(paths, case.doors.geometry.to_numpy()), 300.0, None)
    got = np.full((2, len(case.doors)), np.inf)
    got[found["station"], found["door"]] = found["seconds"]
    truth = np.stack([expected[:2].min(axis=0), expected[2]])
    assert got == pytest.approx(np.where(truth <= 300.0, truth, np.inf))


@pytest.mark.parametrize(("seed", "doors"), [(1, 600), (2, 600), (3, 5000), (4, 600)])
def test_doors_beside_a_railway(seed, doors):
    """No door is misplaced at 500, 800 and 1,000 m."""
    case = doorsteps.railway(seed, doors)
    paths = network.build(case.ways, case.barriers, walking=LEVEL)
    entries = catchments.enter(paths, doorsteps.gates(case.station))
    found = sheds.reached(paths, entries, network.attach(paths, case.doors.geometry.to_numpy()), 1000.0, None)
    got = np.full(doors, np.inf)
    got[found["door"]] = found["seconds"]
    truth = doorsteps.doorsteps(case)
    assert [int(((got <= within) != (truth <= within)).sum()) for within in (500, 800, 1000)] == [0, 0, 0]
    assert got[got < np.inf] == pytest.approx(truth[got < np.inf])


def redrawn(ways, how, rng):
    """Return ways drawn in another order, the other way round, in pieces, twice, or elsewhere; slopes are left out."""
    shapes = ways.geometry.to_numpy()
    kinds = ways["kind"].to_numpy()
    order = np.arange(len(shapes))
    if how == "permuted":
        order = rng.permutation(order)
    elif how == "reversed":
        shapes = shapely.reverse(shapes)
    elif how == "moved":
        shapes = shapely.transform(shapes, lambda xy: xy + np.array([1234.567, -89.123]))
    elif how == "twice":
        shapes, order = np.r_[shapes, shapely.reverse(shapes)], np.r_[order, order]
    if how in {"split", "twice"}:
        share = rng.uniform(0.2, 0.8, len(shapes))
        pieces = [
            shapely.ops.substring(each, *part, normalized=True)
            for each, at in zip(shapes, share, strict=True) for part in ((0, at), (at, 1))
        ]  # fmt: skip
        shapes, order = np.array(pieces, dtype=object), np.repeat(order, 2)
    elif how == "permuted":
        shapes = shapes[order]
    return doorsteps.frame("walkway_id", shapes, kind=kinds[order])


@settings(max_examples=6)
@given(st.integers(0, 10**6), st.sampled_from(["permuted", "reversed", "moved", "split", "twice"]))
def test_how_ways_are_drawn_changes_nothing(seed, how):
    """Order, direction, place, pieces and twins of ways make no walk longer or shorter."""
    case = doorsteps.anywhere(seed, size=4, doors=15)
    offset = np.array([1234.567, -89.123]) if how == "moved" else np.zeros(2)

    def took(ways, by):
        bars, gates, doors = (
            each.set_geometry(shapely.transform(each.geometry.to_numpy(), lambda xy: xy + by), crs=doorsteps.CRS)
            for each in (case.barriers, case.entrances, case.doors)
        )
        paths = network.build(ways, bars, walking=LEVEL)
        access = network.attach(paths, doors.geometry.to_numpy())
        found = sheds.reached(paths, catchments.enter(paths, gates), access, 900.0, None)
        return found.set_index(["station", "door"])["seconds"]

    once = took(case.ways.drop(columns="slope"), np.zeros(2))
    again = took(redrawn(case.ways, how, np.random.default_rng(seed)), offset)
    assert once.index.equals(again.index) and again.to_numpy() == pytest.approx(once.to_numpy(), abs=1e-5)


@pytest.mark.parametrize("columns", [{}, {"kind": ["bridge", "path"]}, {"level": [1, 0]}, {"tunnel": [None, "yes"]}])
def test_crossings_without_a_common_vertex(columns):
    """They are told with their places, or joined where asked for, unless one way leads over the other."""
    lines = [[(0, 0), (100, 0)], [(50, -50), (50, 50)]]
    apart = town(lines, **columns)
    broken = town(lines, walking=network.Walking(speed_mps=1.0, break_crossings=True), **columns)
    codes = [found["code"].tolist() for found in (apart.findings, broken.findings)]
    if columns:
        assert codes[0] == codes[1] == ["network.part"]
        assert len(apart.ends) == len(broken.ends) == 2
    else:
        assert codes == [["network.crossing", "network.part"], ["network.crossing_broken"]]
        assert apart.findings[["x", "y"]].to_numpy()[0] == pytest.approx([EAST + 50, NORTH])
        assert (seconds(apart, A, (50, 50)), seconds(broken, A, (50, 50))) == (np.inf, 100)


def test_findings_of_twins_and_barriers():
    """Ways drawn twice and ways along a barrier are told with how far, a wall that only touches is not."""
    twice = town([STREET, STREET[::-1]]).findings
    assert twice["code"].tolist() == ["network.twin"] and '"metres": 100.0' in twice["parameters"].iloc[0]
    along = town([STREET], [[(20, 0), (80, 0)]]).findings
    assert along["code"].tolist() == ["network.along"] and '"metres": 60.' in along["parameters"].iloc[0]
    assert town([STREET], [[(30, 30), (50, 0), (70, 30)]]).findings.empty


def test_both_sides_of_a_way_along_a_wall():
    """Doors on both sides of a wall are reached from the way that is drawn along it, each from its own side."""
    paths = town([STREET], [[(20, 0), (80, 0)]])
    assert [seconds(paths, A, (50, y)) for y in (-7, 7)] == pytest.approx([57, 57], abs=0.03)


def test_far_from_the_origin():
    """Coordinates with a zone number in front lose no millimetre."""
    corner = np.array([39_424_000, NORTH])
    shapes = [shapely.LineString(np.array(each, dtype=float) + corner) for each in (LEFT, RIGHT)]
    paths = network.build(gpd.GeoDataFrame({"walkway_id": ["1", "2"]}, geometry=shapes, crs=4527), walking=LEVEL)
    assert len(paths.xy) == 3 and paths.metres == pytest.approx([50, 50])


@pytest.mark.parametrize("name", UNSAID)
def test_ways_that_do_not_say_it_are_counted(name):
    """A way without slope or kind is taken for a plain and level one, which is said where others say theirs."""
    columns, codes = UNSAID[name]
    found = town([LEFT, RIGHT], walking=network.Walking(), **columns).findings
    rows = found[found["code"].str.endswith("_unknown")]
    assert rows["code"].tolist() == codes
    assert rows["parameters"].str.contains('"count": 1, "of": 2').all()
