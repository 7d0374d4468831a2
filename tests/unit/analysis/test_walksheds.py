"""Walk-sheds: the ground that stations reach on foot, whose it is where they overlap, and what stands on it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis import compiled
from gis.analysis import catchments, network
from gis.analysis.catchments import sheds
from gis.errors import CrsError, EmptyError, FrameError, UsageError
from gis.geometry import strands
from tests.unit.analysis import doorsteps
from tests.unit.analysis.doorsteps import EAST, LEVEL, NORTH, frame, gates, line, points, town

# 100, 200 and 300 m at a metre a second
MINUTES = (100 / 60, 200 / 60, 300 / 60)
STREET = [(0, 0), (1000, 0)]
RIVER = [(-100, 30), (1100, 30)]
PLOTS = frame("parcel_id", [shapely.box(EAST + x, NORTH, EAST + x + 40, NORTH + 40) for x in (0, 100, 180, 900)])
SEEDS = st.integers(0, 10**6)


def grounds(found, version, station=None):
    """Return the grounds of a version as minutes and shape."""
    rows = found.sheds[found.sheds["version"] == version]
    return rows if station is None else rows[rows["station_id"] == station]


def stretches(paths, entries, station, limit):
    """Return the stretches that a station reaches and that can be stepped off as lines."""
    reach = sheds.search(paths, entries, limit)
    cost = np.full(len(paths.xy), np.inf)
    run = entries.run(strands.reached)
    found = run(paths.graph, paths.beside, entries.starts, reach, station, limit, cost)
    return np.asarray(shapely.linestrings(found.reshape(-1, 2, 2)))


def test_street():
    """On one street a shed is a strip with round ends, and its ratio is that to the circle."""
    found = catchments.walksheds(town([STREET]), gates((500, 0)), [MINUTES[0]])
    row = found.sheds.iloc[0]
    strip = shapely.buffer(line((400, 0), (600, 0)), 50, quad_segs=64)
    assert shapely.area(shapely.symmetric_difference(row["geometry"], strip)) < 0.003 * strip.area
    assert row["shed_ratio"] == pytest.approx(row["area_m2"] / (np.pi * 100**2))
    assert row[["station_id", "radius_m", "inner_m", "method", "version"]].tolist() == ["S", 100.0, 0.0, "NET", "raw"]


def test_things():
    """A thing is in by its door, with the time, the entrance and the share of its ground in each shed."""
    things = {"parcel": PLOTS, "building": points("building_id", [(0, 10), (350, -20), (900, 0)])}
    entrances = gates((0, 0), (400, 0))
    found = catchments.walksheds(town([STREET]), entrances, MINUTES[:2], things=things)
    plots, houses = found.reached["parcel"], found.reached["building"]
    assert plots["parcel_id"].tolist() == ["P0", "P1", "P2"]
    assert plots["seconds"].tolist() == pytest.approx([40, 140, np.nan], nan_ok=True)
    assert houses["building_id"].tolist() == ["B0", "B1"]
    assert houses["seconds"].tolist() == pytest.approx([10, 70])
    assert houses["entrance_id"].tolist() == ["E0", "E1"]
    assert houses["minutes"].tolist() == pytest.approx([MINUTES[0]] * 2)
    assert "share_1.66667" in plots and plots["share_1.66667"].iloc[0] == pytest.approx(1)
    assert [column for column in houses if column.startswith("share")] == []


def test_ground_without_door():
    """A plot whose ground a shed meets but whose door is too far has a share and no time."""
    found = catchments.walksheds(town([STREET]), gates((0, 0)), MINUTES[:2], things={"parcel": PLOTS})
    row = found.reached["parcel"].set_index("parcel_id").loc["P2"]
    assert np.isnan(row["seconds"]) and np.isnan(row["minutes"]) and pd.isna(row["entrance_id"])
    assert row["share_1.66667"] == 0 and 0 < row["share_3.33333"] <= 1


def test_river_side():
    """A shed ends at the barrier and holds nothing beyond, and doors beyond are not reached."""
    paths = town([STREET], [RIVER])
    beyond = points("building_id", [(500, 35), (500, 25)])
    found = catchments.walksheds(paths, gates((500, 0)), MINUTES, things={"building": beyond})
    assert all(shape.bounds[3] <= NORTH + 30 + 1e-9 for shape in found.sheds.geometry)
    assert found.reached["building"]["building_id"].tolist() == ["B1"]
    codes = found.findings.set_index("code")
    assert codes.loc["catchment.beyond_network", "feature"] == "B0"


def test_bridge_side():
    """Over a bridge the other side is reached, and the shed lies on both sides."""
    paths = town([STREET, [(500, 0), (500, 60)], [(0, 60), (1000, 60)]], [RIVER], kind=["path", "bridge", "path"])
    shed = catchments.walksheds(paths, gates((500, 0)), [MINUTES[1]]).sheds.geometry.iloc[0]
    assert shed.contains(shapely.Point(EAST + 600, NORTH + 80)) and shed.contains(shapely.Point(EAST + 600, NORTH))


def test_round_numbers():
    """Blocks of 100 m on whole metres, where ground meets ground exactly, give valid sheds that balance."""
    grid = [[(x, 0), (x, 100), (x, 200), (x, 300), (x, 400)] for x in range(0, 500, 100)]
    grid += [[(0, y), (100, y), (200, y), (300, y), (400, y)] for y in range(0, 500, 100)]
    paths = town(grid)
    doors = gates((0, 0), (400, 400), (400, 0), stations=["S", "T", "U"])
    found = catchments.walksheds(paths, doors, MINUTES)
    assert found.sheds.is_valid.all()
    _balanced(found)


def test_dead_ends_that_touch():
    """Grounds that touch in a point or along a line make valid shapes."""
    ends = [[(-100, 0), (-50, 0)], [(50, 0), (100, 0)], [(0, -100), (0, -50)], [(0, 50), (0, 100)]]
    ring = [(-100, 0), (-100, 100), (0, 100), (100, 100), (100, 0), (100, -100), (0, -100), (-100, -100), (-100, 0)]
    found = catchments.walksheds(town([*ends, ring]), gates((-100, 0), (100, 0), stations=["S", "T"]), MINUTES)
    assert found.sheds.is_valid.all()
    _balanced(found)


def test_nothing_reached():
    """Stations beyond reach of the network have no shed, and everything is a finding instead of an error."""
    things = {"parcel": PLOTS, "building": points("building_id", [])}
    found = catchments.walksheds(town([STREET]), gates((0, 9000)), MINUTES, things=things)
    assert found.sheds.empty and found.sheds.crs == doorsteps.CRS
    assert [len(table) for table in found.reached.values()] == [0, 0]
    assert found.findings["code"].tolist() == ["catchment.no_network"]


def test_things_without_place():
    """Missing and empty shapes are not reached and are counted; a layer may be empty."""
    lost = frame("parcel_id", [None, shapely.Polygon(), shapely.box(EAST, NORTH, EAST + 9, NORTH + 9)])
    found = catchments.walksheds(town([STREET]), gates((0, 0)), MINUTES, things={"parcel": lost})
    assert found.reached["parcel"]["parcel_id"].tolist() == ["P2"]
    assert '"count": 2' in found.findings["parameters"].iloc[0]


def test_entries_findings():
    """Entrances that begin nowhere, behind a barrier, or on a part of its own are named."""
    stations = points("station_id", [(500, 10), (0, 5000), (700, 0)]).assign(station_id=["S", "T", "U"])
    stations = pd.concat([stations, frame("station_id", [None]).assign(station_id="V")], ignore_index=True)
    entrances = gates((500, 0), (400, 35), (0, 3000), (20, 2), (5, 5), stations=["S", "S", "S", "Z", None])
    paths = town([STREET, [(0, 60), (500, 60)]], [RIVER])
    entries = catchments.enter(paths, entrances, stations)
    found = entries.findings.groupby("code")["feature"].agg(list)
    assert entries.stations.tolist() == ["S", "T", "U"]
    assert found.to_dict() == {
        "catchment.entrance_apart": ["E1"], "catchment.entrance_behind": ["E1", "E2"],
        "catchment.entrance_unlinked": ["E2"], "catchment.no_entrances": ["T", "U"], "catchment.no_network": ["T"],
        "catchment.no_place": ["V"], "catchment.unknown_station": ["E3", "E4"],
    }  # fmt: skip


GATE = gates((0, 0))


@pytest.mark.parametrize(
    ("entrances", "options", "error"),
    [
        (None, {}, EmptyError),
        (GATE.iloc[:0], {}, EmptyError),
        (GATE.assign(station_id=None), {}, EmptyError),
        (frame("entrance_id", [None], station_id=["S"]), {}, EmptyError),
        (GATE.drop(columns="station_id"), {}, FrameError),
        (pd.concat([GATE, GATE]), {}, FrameError),
        (GATE.set_geometry(GATE.buffer(5)), {}, FrameError),
        (GATE.to_crs(4547), {}, CrsError),
        (GATE, {"minutes": ()}, UsageError),
        (GATE, {"minutes": (10, 5)}, UsageError),
        (GATE, {"minutes": (float("inf"),)}, UsageError),
        (GATE, {"depth_m": 0}, UsageError),
        (GATE, {"cell_m": 60}, UsageError),
        (GATE, {"things": {"parcel": PLOTS.to_crs(4547)}}, CrsError),
        (GATE, {"things": {"building": PLOTS}}, FrameError),
        (GATE, {"things": {"parcel": pd.concat([PLOTS, PLOTS])}}, FrameError),
    ],
)
def test_refused(entrances, options, error):
    """What no walk can begin at, or no shed can be drawn of, is refused."""
    with pytest.raises(error):
        catchments.walksheds(town([STREET]), entrances, **options)


def test_paths():
    """A path leads from the entrance to the door along the network and is as long as the walk takes."""
    things = points("building_id", [(550, 20), (500, 0), (0, 5000)])
    found = catchments.paths(town([STREET]), gates((500, 0)), things, key="building_id")
    assert found["building_id"].tolist() == ["B0", "B1"] and found["seconds"].tolist() == pytest.approx([70, 0])
    assert shapely.get_coordinates(found.geometry.iloc[0]).tolist() == [
        [EAST + 500, NORTH], [EAST + 550, NORTH], [EAST + 550, NORTH + 20],
    ]  # fmt: skip


def test_no_paths():
    """Where nothing is within reach, there is no path; things in another CRS are refused."""
    far = points("building_id", [(0, 5000)])
    found = catchments.paths(town([STREET]), gates((500, 0)), far, key="building_id")
    assert len(found) == 0 and list(found) == ["station_id", "building_id", "seconds", "entrance_id", "geometry"]
    with pytest.raises(CrsError):
        catchments.paths(town([STREET]), gates((500, 0)), far.to_crs(4547), key="building_id")


@settings(max_examples=20)
@given(SEEDS)
def test_paths_are_walks(seed):
    """Without slopes a path is as long as the walk takes, and crosses no barrier outside a crossing."""
    case = doorsteps.anywhere(seed, doors=15)
    paths = network.build(case.ways.drop(columns="slope"), case.barriers, walking=LEVEL)
    found = catchments.paths(paths, case.entrances, case.doors, key="parcel_id", minutes=20)
    assert shapely.length(found.geometry.to_numpy()) == pytest.approx(found["seconds"].to_numpy(), abs=2e-3)
    bridges = case.ways.geometry[case.ways["kind"] == "bridge"]
    walked = shapely.difference(found.geometry.to_numpy(), shapely.union_all(shapely.buffer(bridges, 0.01)))
    assert not shapely.crosses(walked, case.barriers.geometry.iloc[0]).any()


def _balanced(found):
    """Check that nearest sheds lie in raw ones, do not overlap, hold those of shorter walks and make up the union."""
    near = grounds(found, "nearest")
    for minutes, raw in grounds(found, "raw").groupby("minutes"):
        shapes = near[near["minutes"] == minutes].set_index("station_id").geometry
        union = shapely.union_all(raw.geometry.to_numpy()).area
        assert shapely.area(shapes.to_numpy()).sum() == pytest.approx(union, rel=1e-6)
        assert shapely.union_all(shapes.to_numpy()).area == pytest.approx(union, rel=1e-6)
        for station, shape in raw.set_index("station_id").geometry.items():
            if station in shapes:
                assert shapely.difference(shapes[station], shape).area < 1e-3
    for _, rows in near.groupby("station_id"):
        shapes = rows.geometry.to_numpy()
        assert (shapely.area(shapely.difference(shapes[:-1], shapes[1:])) < 1e-3).all()


@settings(max_examples=6)
@given(SEEDS)
def test_sheds_keep_their_laws(seed):
    """Sheds are valid and nested, nearest ones balance, and ground is what a straight leg reaches past the river."""
    case = doorsteps.anywhere(seed, doors=1)
    paths = case.network
    found = catchments.walksheds(paths, case.entrances, MINUTES)
    assert found.sheds.is_valid.all()
    _balanced(found)
    entries = catchments.enter(paths, case.entrances)
    places = np.random.default_rng(seed).uniform(-60, 460, (80, 2)) + doorsteps.CORNER
    for station, name in enumerate(entries.stations):
        rows = grounds(found, "raw", name)
        shapes = rows.geometry.to_numpy()
        assert (shapely.area(shapely.difference(shapes[:-1], shapes[1:])) < 1e-6).all()
        for minutes, shape in zip(rows["minutes"], shapes, strict=True):
            far = doorsteps.seen(stretches(paths, entries, station, 60 * minutes), case.barriers, places)
            inside = shapely.contains_xy(shape, places)
            assert inside[far < 49].all() and not inside[far > 51].any()


def test_nearest_of_two_at_one_spot():
    """Of an interchange's stations the first by key has the ground, and the other one is told about."""
    stations = points("station_id", [(500, 5), (500, 5)]).assign(station_id=["B", "A"])
    found = catchments.walksheds(town([STREET]), None, MINUTES, stations=stations)
    assert set(grounds(found, "nearest")["station_id"]) == {"A"}
    told = found.findings.set_index("code").loc["catchment.no_nearest"]
    assert told["feature"] == "B" and '"stations": ["A"]' in told["parameters"]


def test_a_station_beyond_all_ways():
    """Two stations have sheds, the third is said to reach nothing, also where the first in the row reaches nothing."""
    stations = points("station_id", [(0, 9000), (100, 0), (900, 0)]).assign(station_id=["A", "B", "C"])
    paths = town([[(0, 0), (300, 0)], [(700, 0), (1000, 0)]])
    found = catchments.walksheds(paths, None, MINUTES, stations=stations)
    assert found.sheds.groupby("version")["station_id"].agg(set).to_dict() == {"raw": {"B", "C"}, "nearest": {"B", "C"}}
    assert found.findings.set_index("code").loc["catchment.no_network", "feature"] == "A"


@pytest.mark.parametrize(
    ("lines", "kinds", "walls", "north", "expected"),
    [
        ([[(-300, -10), (300, -10)], [(0, -10), (0, 20)]], ["path", "crossing"], [[(-400, 0), (400, 0)]], 0, 5921),
        ([[(-300, -10), (300, -10)], [(0, -10), (0, 20)]], ["path", "crossing"], [[(-320, 0), (320, 0)]], 0, 5921),
        ([[(-300, -10), (300, -10)]], ["path"], [[(-400, 0), (400, 0)]], 0, 0),
        ([[(-100, -10), (100, -10)], [(0, -10), (0, 110)], [(-100, 110), (100, 110)]], ["path", "bridge", "path"],
         [[(-200, 0), (200, 0)], [(-200, 100), (200, 100)]], (0, 100), 0),
    ],
    ids=["crossing", "fence-that-ends", "fence", "bridge-over-a-yard"],
)  # fmt: skip
def test_ground_beyond_a_barrier(lines, kinds, walls, north, expected):
    """Beyond a barrier lies what is within the depth of what is walked there, and nothing below a bridge."""
    shed = catchments.walksheds(town(lines, walls, kind=kinds), gates((0, -10)), [240 / 60]).sheds.geometry.iloc[0]
    low, high = (north, 400) if north == 0 else north
    beyond = shapely.intersection(shed, shapely.box(EAST - 200, NORTH + low, EAST + 200, NORTH + high))
    assert beyond.area == pytest.approx(expected, rel=0.002, abs=1)


def test_things_at_no_place_on_earth():
    """Points without numbers are beyond the network, as things and as entrances."""
    things = {"building": frame("building_id", [shapely.Point(np.nan, 0), shapely.Point(np.inf, 0)])}
    entrances = pd.concat([gates((0, 0)), frame("entrance_id", [shapely.Point(np.nan, 0)], station_id=["T"])])
    found = catchments.walksheds(town([STREET]), entrances.assign(entrance_id=["E", "F"]), MINUTES, things=things)
    assert found.reached["building"].empty and set(found.sheds["station_id"]) == {"S"}
    assert found.findings["code"].tolist() == ["catchment.beyond_network"]


def test_workers_and_kernels():
    """Any number of threads, and kernels compiled or plain, give the same rows."""
    case = doorsteps.anywhere(11)
    paths, things = case.network, {"parcel": case.doors}
    bridge = frame("candidate_id", [line((120, 210), (330, 190))])

    def rows(workers):
        found = catchments.walksheds(paths, case.entrances, MINUTES, things=things, workers=workers)
        gained = catchments.crossings(paths, bridge, case.entrances, things, minutes=MINUTES)
        return found.sheds, found.reached["parcel"], gained.results

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "ready", lambda edges: False)
        plain = rows(1)
    with compiled.insisted():
        fast, threads = rows(1), rows(4)
    for one, two, three in zip(plain, fast, threads, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(two), pd.DataFrame(three), check_exact=True)
        shapes = [each.geometry.to_numpy() for each in (one, two) if isinstance(each, gpd.GeoDataFrame)]
        assert not shapes or (shapely.area(shapely.symmetric_difference(*shapes)) < 1e-6).all()
        kept = [pd.DataFrame(each).drop(columns="geometry", errors="ignore") for each in (one, two)]
        pd.testing.assert_frame_equal(*kept, rtol=1e-12)
