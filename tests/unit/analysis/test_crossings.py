"""Crossings: what a footbridge, a gate or an exit brings within reach, held against a network that has it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gis.analysis import catchments, network
from gis.analysis.catchments import sheds
from gis.errors import CrsError, EmptyError, FrameError, UsageError
from tests.unit.analysis import doorsteps
from tests.unit.analysis.doorsteps import CORNER, LEVEL, frame, gates, line, points, town

# 100, 200 and 300 m at a metre a second
MINUTES = (100 / 60, 200 / 60, 300 / 60)
BANKS = [[(0, 0), (1000, 0)], [(0, 60), (1000, 60)]]
RIVER = [(-500, 30), (1500, 30)]
HOUSES = points("building_id", [(500, 70), (600, 60), (750, 60), (600, 0)], residents=[2, 3, 5, 7])
HERE = gates((500, 0))
OVER = [(500, 10), (500, 50)]
PLAN = frame("candidate_id", [line(*OVER)])


def gained(paths, candidates, entrances=HERE, things=HOUSES, **options):
    """Return what candidates gain in buildings."""
    return catchments.crossings(paths, candidates, entrances, {"building": things}, minutes=MINUTES, **options)


def test_footbridge():
    """A bridge gains what it brings within each time, counted by number and by weight."""
    found = gained(town(BANKS, [RIVER]), frame("candidate_id", [line(*OVER)]), weights={"building": ["residents"]})
    assert found.results["building_count"].tolist() == [1, 2, 2]
    assert found.results["residents"].tolist() == [2, 5, 5]
    assert found.stations[["candidate_id", "station_id"]].to_numpy().tolist() == [["C0", "S"]] * 3
    assert found.findings.empty


def test_rank():
    """The best comes first by the weight asked for within the longest time; equals share a rank."""
    plan = frame("candidate_id", [line((0, 10), (0, 50)), line((0, 9), (0, 51)), line(*OVER)])
    found = gained(town(BANKS, [RIVER]), plan)
    assert found.results["candidate_id"].tolist() == ["C2"] * 3 + ["C0"] * 3 + ["C1"] * 3
    assert found.results["rank"].tolist() == [1] * 3 + [2] * 6
    assert found.results["building_count"].tolist() == [1, 2, 2] + [0] * 6


def test_pace_and_waiting():
    """A candidate of a kind is walked at its pace and waited at."""
    how = network.Walking(speed_mps=1.0, pace={"stairs": 0.4}, delay_s={"gate": 80.0})
    plan = frame("candidate_id", [line(*OVER), line(*OVER)], kind=["stairs", "gate"])
    found = gained(town(BANKS, [RIVER], walking=how), plan).results.sort_values(["candidate_id", "minutes"])
    assert found["building_count"].tolist() == [0, 1, 2, 0, 1, 2]


def test_exit():
    """A new exit serves its own station from its own place."""
    plan = points("candidate_id", [(700, 5), (700, 5)], station_id=["S", "T"])
    found = gained(town(BANKS, [RIVER]), plan, gates((500, 0), (0, 0), stations=["S", "T"]))
    assert found.results["building_count"].tolist() == [0, 0, 0] * 2
    rows = found.stations[["candidate_id", "station_id", "minutes", "building_count"]].to_numpy().tolist()
    assert rows == [["C1", "T", MINUTES[1], 1], ["C1", "T", MINUTES[2], 1]]


def test_exit_beyond_the_river():
    """An exit on the other bank gains that bank."""
    found = gained(town(BANKS, [RIVER]), points("candidate_id", [(700, 50)], station_id=["S"]))
    assert found.results["building_count"].tolist() == [1, 2, 3]


def test_both_ends_on_one_edge():
    """A shortcut across a bend of one way gains what lies along it."""
    bend = [[(0, 0), (0, 300), (100, 300), (100, 0)]]
    things = points("building_id", [(100, 0), (100, 60), (100, 290), (0, 60)])
    plan = frame("candidate_id", [line((5, 10), (95, 10)), line((5, 10), (5, 50)), line((5, 10), (-5, 10))])
    found = gained(town(bend), plan, gates((0, 0)), things).results
    # 10 along the way, 5 + 90 + 5 across, 10 or 50 on; the others lead from the way back to it
    assert found["candidate_id"].tolist()[:3] == ["C0"] * 3
    assert found["building_count"].tolist() == [0, 2, 2] + [0] * 6


@pytest.mark.parametrize(("kind", "gains"), [("crossing", [2, 2, 2]), ("bridge", [0, 2, 2]), (None, [0, 2, 2])])
def test_stepped_onto_half_way(kind, gains):
    """Doors and entrances beside a crossing are entered from it, where it can be stepped onto half-way."""
    doors = points("building_id", [(505, 40), (505, 70)])
    entrances = gates((495, 25))
    found = gained(town(BANKS, [RIVER]), PLAN.assign(kind=[kind]), entrances, doors)
    assert found.results["building_count"].tolist() == gains


def test_meets_other_ways():
    """A crossing is joined to a way that ends on it; a bridge leads over it."""
    paths = town([*BANKS, [(500, 45), (300, 45)]], [RIVER])
    plan = frame("candidate_id", [line((500, 10), (500, 58))] * 2, kind=["crossing", "bridge"])
    found = gained(paths, plan, HERE, points("building_id", [(300, 46)]))
    assert found.results.sort_values(["candidate_id", "minutes"])["building_count"].tolist() == [0, 0, 1, 0, 0, 0]


def test_loose_and_unknown():
    """A candidate that hangs loose gains nothing; what comes without a weight leaves a bound; both are told."""
    plan = frame("candidate_id", [line((500, 10), (500, 3000)), line(*OVER)])
    things = HOUSES.assign(residents=[None, 3, 5, 7])
    found = gained(town(BANKS, [RIVER]), plan, things=things, weights={"building": ["residents"]})
    assert found.findings["code"].tolist() == ["crossing.unlinked", "crossing.unknown"]
    results = found.results.set_index("candidate_id")
    assert results.loc["C0", "residents"].tolist() == [0, 0, 0] and results.loc["C1", "residents"].isna().all()
    assert results.loc["C1", "residents_least"].tolist() == [0, 3, 3]
    assert results.loc["C1", "residents_lacking"].tolist() == [1, 1, 1]
    assert results.loc["C1", "rank"].tolist() == [1] * 3 and found.stations["residents"].isna().all()


def test_nothing_to_gain():
    """Without a station in reach nothing is gained, and the table is whole."""
    found = gained(town(BANKS, [RIVER]), frame("candidate_id", [line(*OVER)]), gates((0, 9000)))
    assert found.results["building_count"].tolist() == [0, 0, 0] and found.stations.empty


def test_a_layer_without_rows_says_nothing():
    """No buildings on record is not no buildings: nothing is known, nothing is ranked, and it is said."""
    plan = frame("candidate_id", [line(*OVER)])
    found = gained(town(BANKS, [RIVER]), plan, things=HOUSES.iloc[:0], weights={"building": ["residents"]})
    figures = ["rank", "building_count", "residents", "residents_least"]
    assert len(found.results) == 3 and found.results[figures].isna().all(axis=None)
    assert found.findings["code"].tolist() == ["crossing.layer_empty"] and found.stations.empty


EXIT = points("candidate_id", [(0, 0)])


@pytest.mark.parametrize(
    ("candidates", "options", "error"),
    [
        (PLAN.iloc[:0], {}, EmptyError),
        (PLAN.drop(columns="candidate_id"), {}, FrameError),
        (pd.concat([PLAN, PLAN]), {}, FrameError),
        (PLAN.set_geometry(PLAN.buffer(5)), {}, FrameError),
        (frame("candidate_id", [None]), {}, FrameError),
        (frame("candidate_id", [shapely.LineString()]), {}, FrameError),
        (EXIT, {}, FrameError),
        (EXIT.assign(station_id="Z"), {}, FrameError),
        (PLAN.to_crs(4547), {}, CrsError),
        (PLAN, {"weights": {"parcel": ["residents"]}}, UsageError),
        (PLAN, {"weights": {"building": ["jobs"]}}, FrameError),
        (PLAN, {"weights": {"building": ["residents", "residents"]}}, UsageError),
        (PLAN, {"rank_by": "jobs"}, UsageError),
    ],
)
def test_refused(candidates, options, error):
    """What cannot be compared is refused."""
    with pytest.raises(error):
        gained(town(BANKS, [RIVER]), candidates, **options)


@pytest.mark.parametrize(("things", "minutes"), [({}, MINUTES), ({"building": HOUSES}, (10, 5))])
def test_nothing_to_count(things, minutes):
    """Something has to be counted, within times that grow."""
    with pytest.raises(UsageError):
        catchments.crossings(town(BANKS, [RIVER]), PLAN, HERE, things, minutes=minutes)


def rebuilt(case, paths, shape, kind):
    """Return the network with a candidate, drawn out to where it meets the network."""
    ends = network.attach(paths, np.array([shapely.get_point(shape, 0), shapely.get_point(shape, -1)]))
    assume((ends.edge >= 0).all())
    # an end beside a node would be joined to the node
    assume((np.hypot(*(ends.foot[:, None] - paths.xy).T) > 1).all())
    drawn = shapely.LineString([ends.foot[0], *shape.coords, ends.foot[1]])
    more = frame("walkway_id", [drawn], kind=[kind], slope=[0.0]).assign(walkway_id="new")
    ways = pd.concat([case.ways, more], ignore_index=True)
    return network.build(ways, case.barriers, walking=LEVEL)


def reached(paths, entrances, doors, limit):
    """Return what it takes from each station to each door."""
    access = network.attach(paths, doors.geometry.to_numpy())
    table = sheds.reached(paths, catchments.enter(paths, entrances), access, limit, None)
    took = np.full((2, len(doors)), np.inf)
    took[table["station"], table["door"]] = table["seconds"]
    return took


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(["exit", "bridge", "crossing"]))
def test_gains_equal_those_of_a_new_network(seed, kind):
    """What a candidate gains is what walks in a network with it find, for every station and time."""
    case = doorsteps.anywhere(seed, doors=40)
    paths = case.network
    spots = np.random.default_rng(seed).uniform(0, 400, (2, 2)) + CORNER
    shape = shapely.Point(spots[0]) if kind == "exit" else shapely.LineString(spots)
    plan = frame("candidate_id", [shape], station_id=["T"], kind=[kind])
    if kind == "exit":
        assume(network.attach(paths, np.array([shape])).edge[0] >= 0)
        more = gates(tuple(spots[0] - CORNER), stations=["T"]).assign(entrance_id="X")
        after = reached(paths, pd.concat([case.entrances, more]), case.doors, 300.0)
    else:
        after = reached(rebuilt(case, paths, shape, kind), case.entrances, case.doors, 300.0)
    before = reached(paths, case.entrances, case.doors, 300.0)
    found = catchments.crossings(
        paths, plan, case.entrances, {"parcel": case.doors}, weights={"parcel": ["residents"]}, minutes=MINUTES
    )
    weight = case.doors["residents"].to_numpy()
    for minutes in MINUTES:
        new = (after.min(axis=0) <= 60 * minutes) & (before.min(axis=0) > 60 * minutes)
        row = found.results[found.results["minutes"] == minutes].iloc[0]
        assert row[["parcel_count", "residents"]].tolist() == [new.sum(), weight[new].sum()]
        own = (after <= 60 * minutes) & (before > 60 * minutes)
        rows = found.stations[found.stations["minutes"] == minutes].set_index("station_id")["parcel_count"]
        assert [rows.get(name, 0) for name in ("S", "T")] == own.sum(axis=1).tolist()
