"""What surrounds stations, what their programmes hold, and what planned ones change: by hand on a small ground."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point, box
from shapely.geometry import LineString

from gis.analysis import catchments, network, stations
from gis.errors import FrameError, UsageError

CRS = "EPSG:4548"
EAST, NORTH = 424_000, 4_418_000
COUNTING = stations.Counting(
    land_classes=("residential", "commercial"),
    class_of={"0701": "residential", "0901": "commercial"},
    building_uses=("residential", "office"),
    project_types=("old_estate", "commercial"),
    facility_kinds=("kindergarten", "market"),
    employed_share=0.5,
)
STANDARDS = {"kindergarten": stations.Standard(300.0, "附录B"), "market": stations.Standard(500.0, "附录B")}


def square(west, south, east, north):
    """Return a rectangle on the test ground, m from its corner."""
    return box(EAST + west, NORTH + south, EAST + east, NORTH + north)


def place(x, y):
    """Return a point on the test ground."""
    return Point(EAST + x, NORTH + y)


def line(*spots):
    """Return a line on the test ground."""
    return LineString([(EAST + x, NORTH + y) for x, y in spots])


def frame(columns, rows):
    """Return rows as a frame; the last value of a row is its geometry."""
    table = {name: [row[n] for row in rows] for n, name in enumerate(columns.split())}
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries([row[-1] for row in rows], crs=CRS), crs=CRS)


# two stations 600 m apart on one street, a side street to the north of B
WAYS = frame(
    "walkway_id kind",
    [("W1", "sidewalk", line((0, 0), (1000, 0))), ("W2", "sidewalk", line((800, 0), (800, 400)))],
)
GATES = frame("entrance_id station_id", [("A1", "A", place(200, 0)), ("B1", "B", place(800, 0))])
STATIONS = frame(
    "station_id name state", [("A", "甲站", "operating", place(200, 0)), ("B", "乙站", "planned", place(800, 0))]
)
# H1 is 100 m from A, H2 300 m from both, H3 (an office) 200 m north of B, H4 empty
BUILDINGS = frame(
    "building_id use floor_area_above_m2 residents jobs affordable_rental",
    [
        ("H1", "residential", 1000.0, 40.0, None, True, square(90, -10, 110, 10)),
        ("H2", "residential", 3000.0, 60.0, None, False, square(490, -10, 510, 10)),
        ("H3", "office", 800.0, None, 30.0, None, square(790, 190, 810, 210)),
        ("H4", "residential", 500.0, 0.0, None, False, square(290, -10, 310, 10)),
    ],
)
PARCELS = frame(
    "parcel_id land_use", [("P1", "0701", square(0, -60, 600, 60)), ("P2", "0901", square(600, -60, 1000, 400))]
)
PROJECTS = frame(
    "project_id name project_type state start_year lead responsible existing_floor_m2",
    [
        ("X1", "甲", "old_estate", "reserve", 2027, "区住建委", "各镇街", 1000.0, square(80, -20, 120, 20)),
        ("X2", "乙", "commercial", "annual", 2026, "区商务局", None, 800.0, square(780, 180, 820, 220)),
        ("X3", "丙", "old_estate", "removed", 2026, None, None, None, square(480, -20, 520, 20)),
        ("X4", "丁", "old_estate", "under_construction", 2027, "区住建委", None, None, square(130, -20, 150, 20)),
    ],
)
FACILITIES = frame("facility_id kind", [("F1", "kindergarten", place(100, 100)), ("F2", "market", place(3000, 0))])
VACATED = frame(
    "vacated_space_id name kind floor_area_m2",
    [
        ("T1", "闲置厂房", "old_factory", 500.0, square(480, 20, 500, 40)),
        ("T2", "边角地", "corner", None, square(160, 20, 170, 30)),
    ],
)
CONSTRAINTS = frame(
    "constraint_id name kind effect",
    [
        ("Z1", "红线", "ecology", "veto", square(0, 0, 100, 10)),
        ("Z2", "文保", "heritage", "condition", square(0, 0, 50, 10)),
    ],
)
BLOCKS = frame("block_id", [("K1", square(0, -500, 500, 500)), ("K2", square(500, -500, 1500, 500))])
TRANSFERS = pd.DataFrame(
    {
        "transfer_id": ["R1", "R2"],
        "from_block": ["K1", "K9"],
        "to_block": ["K2", "K1"],
        "floor_area_m2": [100.0, 50.0],
        "approval_no": ["批1", None],
        "approved_on": [pd.Timestamp(2025, 3, 1), pd.NaT],
    }
)
LAYERS = {
    "projects": PROJECTS,
    "buildings": BUILDINGS,
    "facilities": FACILITIES,
    "vacated_spaces": VACATED,
    "blocks": BLOCKS,
    "transfers": TRANSFERS,
    "constraints": CONSTRAINTS,
}


@pytest.fixture(scope="module")
def paths():
    """The network, walked at 1 m/s."""
    return network.build(WAYS, walking=network.Walking(speed_mps=1.0))


@pytest.fixture(scope="module")
def sheds(paths):
    """What both stations reach within 5 and 10 minutes."""
    things = {"building": BUILDINGS, "facility": FACILITIES, "project": PROJECTS, "parcel": PARCELS}
    return catchments.walksheds(paths, GATES, (5, 10), stations=STATIONS, things=things)


@pytest.fixture(scope="module")
def widest(sheds):
    """The widest raw shed of each station."""
    raw = sheds.sheds[sheds.sheds["version"] == "raw"]
    return raw[raw["minutes"] == 10]


# people go by doors


def test_members_of_a_walk_in_three_versions(sheds):
    """H2 lies 300 m from both stations: raw counts it twice, nearest for A, shared half for each."""
    table = catchments.members(sheds.reached["building"], "building_id", (5, 10))
    five = table[(table["minutes"] == 5) & (table["building_id"] == "H2")]
    found = {(row.version, row.station_id): row.share for row in five.itertuples()}
    assert found == {
        ("raw", "A"): 1.0, ("raw", "B"): 1.0, ("nearest", "A"): 1.0, ("shared", "A"): 0.5, ("shared", "B"): 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("version", ["nearest", "shared"])
def test_members_count_everything_once(sheds, version):
    """Shares of a thing add up to 1 in the versions that may be summed."""
    table = catchments.members(sheds.reached["building"], "building_id", (5, 10))
    rows = table[table["version"] == version]
    assert np.allclose(rows.groupby(["minutes", "building_id"])["share"].sum(), 1.0)


def measured(sheds):
    """Return rings of figures for the sheds, and the shared version."""
    walked = {
        "buildings": catchments.members(sheds.reached["building"], "building_id", (5, 10)),
        "facilities": catchments.members(sheds.reached["facility"], "facility_id", (5, 10)),
    }
    raw = sheds.sheds[sheds.sheds["version"] == "raw"]
    pieces = stations.facets(raw)
    layers = {"parcels": PARCELS, "buildings": BUILDINGS, "projects": PROJECTS, "facilities": FACILITIES}
    layers["public_spaces"] = frame("public_space_id", [("G1", square(150, -10, 250, 10))])
    rows = pd.concat([sheds.sheds, pieces], ignore_index=True)
    found = stations.rings(STATIONS, rows, layers, counting=COUNTING, walked=walked)
    extra, _ = stations.setting(rows, {"streets": WAYS, "vacated_spaces": VACATED}, COUNTING)
    results = pd.concat([found.results, rows[["minutes", "shed_ratio"]], extra], axis=1)
    everything = {**layers, "stations": STATIONS}
    return results, pieces, stations.shared(results, pieces, everything, counting=COUNTING, walked=walked)


def test_shared_ground_adds_up_to_the_union(sheds):
    """Areas, residents and floor area of the shared version add up to what all stations reach, counted once."""
    results, pieces, even = measured(sheds)
    nearest = results[results["version"] == "nearest"]
    for ring in ("步行5分钟", "步行10分钟"):
        mine, other = even[even["ring"] == ring], nearest[nearest["ring"] == ring]
        union = pieces.loc[pieces["ring"] == ring, "area_m2"].sum()
        assert mine["area_m2"].sum() == pytest.approx(union, rel=1e-9)
        assert mine["residents"].sum() == other["residents"].sum() == 100
        assert mine["floor_area_m2"].sum() == pytest.approx(other["floor_area_m2"].sum(), rel=1e-9)
        assert mine["street_m"].sum() == pytest.approx(other["street_m"].sum(), rel=1e-6)
    assert even.set_index(["station_id", "ring"]).loc[("B", "步行5分钟"), "residents"] == 30


def test_jobs_are_held_against_working_residents(sheds):
    """B reaches 60 residents and 30 jobs: 0.5 jobs a resident, 1.0 a working one."""
    results, _, _ = measured(sheds)
    row = results[results["station_result_id"] == "B-walk5-raw"].iloc[0]
    assert (row["residents"], row["jobs"], row["jobs_per_resident"], row["jobs_housing_ratio"]) == (60, 30, 0.5, 1.0)


# what a setting offers


def one_catchment(ground):
    """Return one catchment of station A."""
    return frame("catchment_id station_id ring inner_m radius_m version", [("K", "A", "圈", 0, 1, "raw", ground)])


def test_setting_by_hand():
    """Streets, junctions, vacated ground, stock, affordable homes and constraints of one square."""
    shed = one_catchment(square(0, -50, 1000, 450))
    layers = {name: LAYERS[name] for name in ("buildings", "projects", "vacated_spaces", "constraints")}
    layers["streets"] = WAYS
    table, found = stations.setting(shed, layers, COUNTING)
    row = table.iloc[0]
    assert row["street_m"] == pytest.approx(1400.0)
    assert row["street_density"] == pytest.approx(2.8)
    assert (row["junction_count"], row["vacated_count"]) == (1, 2)
    assert row["vacated_m2"] == pytest.approx(500.0)
    # the office in the open commercial project; nothing stands on the idle works
    assert row["stock_floor_m2"] == pytest.approx(800.0)
    assert (row["affordable_floor_m2"], row["affordable_share"]) == pytest.approx((1000.0, 1000 / 4500))
    assert (row["veto_m2"], row["condition_m2"]) == pytest.approx((1000.0, 500.0))
    assert found.empty


def test_setting_says_what_nobody_said():
    """Without layers, the column or the share, figures are missing, never 0, and two findings say why."""
    shed = one_catchment(square(0, 0, 10, 10))
    bare = {"buildings": BUILDINGS.drop(columns="affordable_rental")}
    table, found = stations.setting(shed, bare, stations.Counting((), {}, (), (), ()))
    assert table.isna().all(axis=None)
    assert set(found["code"]) == {"station.affordable_unknown", "station.employed_share_unset"}


@pytest.mark.parametrize(
    ("layer", "column", "missing", "code"),
    [
        ("buildings", "affordable_rental", ["affordable_floor_m2", "affordable_share"], "station.affordable_unknown"),
        ("constraints", "effect", ["veto_m2", "condition_m2"], "station.effect_unknown"),
    ],
)
def test_a_blank_is_no_no(layer, column, missing, code):
    """Where one row does not say it, the figure around it is missing, elsewhere it stands; a finding counts them."""
    shed = pd.concat([one_catchment(square(0, -50, 1000, 450)), one_catchment(square(2000, 0, 2010, 10))])
    rows = LAYERS[layer].copy()
    rows[column] = rows[column].astype(object).where(np.arange(len(rows)) > 0, None)
    table, found = stations.setting(shed, {layer: rows}, COUNTING)
    assert table[missing].iloc[0].isna().all() and (table[missing[0]].iloc[1] == 0)
    assert found["code"].tolist() == [code] and '"count": 1' in found["parameters"].iloc[0]


# programmes


def rows_of(table, station, item):
    """Return the rows of one item of one station."""
    return table[(table["station_id"] == station) & (table["item"] == item)].reset_index(drop=True)


@pytest.fixture(scope="module")
def table(sheds, widest):
    """The programmes of both stations."""
    return stations.programme(
        widest, LAYERS, counting=COUNTING, standards=STANDARDS,
        states=("reserve", "annual", "under_construction"), walks=sheds.reached,
    )  # fmt: skip


def test_projects_in_order(table):
    """A's projects by year, in one year the furthest first; removed ones are not there; walks are to the door."""
    mine = rows_of(table, "A", "project")
    assert list(mine["feature_id"]) == ["X4", "X1"]
    assert list(mine["sequence"]) == [1, 2]
    assert mine["walk_minutes"].tolist() == pytest.approx([1.0, 100 / 60])
    assert mine["land_m2"].tolist() == pytest.approx([800.0, 1600.0], abs=1)
    assert rows_of(table, "B", "project")["lead"].tolist() == ["区商务局"]


def test_gaps_are_residents_whom_nothing_serves(table):
    """No market serves anybody; the kindergarten serves H1 but not H2."""
    mine = rows_of(table, "A", "gap")
    assert dict(zip(mine["feature_id"], mine["residents"], strict=True)) == {"market": 100, "kindergarten": 60}
    assert list(mine["feature_id"]) == ["market", "kindergarten"]
    assert mine["note"].iloc[0] == "500 m, 附录B"


def test_a_kind_without_any_row_is_undetermined(widest):
    """No data is no gap: neither for a kind that no row is of, nor without facilities or buildings; it comes last."""
    known = FACILITIES[FACILITIES["kind"] == "kindergarten"]
    for layers, told, missing in (
        ({"facilities": known}, {"kindergarten"}, "facilities"),
        ({"facilities": FACILITIES.iloc[:0]}, set(), "facilities"),
        ({"buildings": BUILDINGS.iloc[:0]}, set(), "buildings"),
    ):
        made = stations.programme(widest, LAYERS | layers, counting=COUNTING, standards=STANDARDS)
        mine = rows_of(made, "A", "gap")
        assert mine["feature_id"].tolist() == ["kindergarten", "market"]
        unknown = mine[mine["note"] == f"{stations.UNDETERMINED};{missing}"]
        assert unknown["residents"].isna().all()
        assert set(mine["feature_id"]) - set(unknown["feature_id"]) == told
        assert "market" not in "".join(rows_of(made, "A", "stock")["note"])


def test_gaps_are_among_the_residents_that_the_figures_count(sheds, widest):
    """H1 and H2 belong to A's shed by their doors: where ground and doors differ, the doors decide."""
    walked = {"buildings": catchments.members(sheds.reached["building"], "building_id", (5, 10))}
    thin = widest.set_geometry(widest.geometry.intersection(square(0, -500, 300, 500)))
    options = {"counting": COUNTING, "standards": STANDARDS}
    by_ground = rows_of(stations.programme(thin, LAYERS, **options), "A", "gap")
    by_door = rows_of(stations.programme(thin, LAYERS, walked=walked, **options), "A", "gap")
    assert by_ground.loc[by_ground["feature_id"] == "market", "residents"].tolist() == [40]
    assert by_door.loc[by_door["feature_id"] == "market", "residents"].tolist() == [100]
    results, _, _ = measured(sheds)
    counted = results.set_index("station_result_id").loc["A-walk10-raw", "residents"]
    assert by_door["residents"].max() <= counted == 100


def test_a_home_that_does_not_say_leaves_the_gap_open(widest):
    """H2's residents are not known: at least H1's 40 lack a market, and one building says nothing."""
    silent = BUILDINGS.assign(residents=BUILDINGS["residents"].mask(BUILDINGS["building_id"] == "H2"))
    made = stations.programme(widest, LAYERS | {"buildings": silent}, counting=COUNTING, standards=STANDARDS)
    mine = rows_of(made, "A", "gap").set_index("feature_id")
    assert mine["residents"].isna().all()
    assert mine.loc["market", "note"] == "40;1;500 m, 附录B"
    assert mine.loc["kindergarten", "note"] == "0;1;300 m, 附录B"
    stock = rows_of(made, "A", "stock").set_index("feature_id")
    assert pd.isna(stock.loc["T1", "residents"])
    assert mine.loc["market", ["residents_least", "residents_lacking"]].tolist() == [40, 1]
    assert stock.loc["T1", ["residents_least", "residents_lacking"]].tolist() == [40, 1]
    assert stock.loc["T1", "note"] == "market=40=1"


def test_stock_by_what_it_would_serve(table):
    """A market in the idle works would serve all 100 residents; a kindergarten there H2's 60."""
    mine = rows_of(table, "A", "stock").set_index("feature_id")
    assert mine.loc["T1", "residents"] == 100
    assert mine.loc["T1", "note"] == "market=100=0;kindergarten=60=0"
    assert mine.loc["T2", "note"] == "market=100=0"
    assert mine.loc["T1", "sequence"] == 1


def test_a_transfer_is_listed_once_a_station(table, widest):
    """R1 leaves K1 for K2: sheds that meet both blocks have it within, one that meets K2 alone has it in."""
    for station in ("A", "B"):
        assert rows_of(table, station, "transfer_within")["feature_id"].tolist() == ["R1"]
        assert rows_of(table, station, "transfer_in")["feature_id"].tolist() == ["R2"]
        assert rows_of(table, station, "transfer_out").empty
    assert rows_of(table, "A", "transfer_within")["year"].tolist() == [2025]
    layers = {"blocks": BLOCKS[BLOCKS["block_id"] == "K2"], "transfers": TRANSFERS}
    one = stations.programme(widest, layers, counting=COUNTING, standards=STANDARDS)
    assert one["item"].tolist() == ["transfer_in"] * 2


def test_constraints_and_departments(table):
    """Constraints with their ground, most first; departments with their projects."""
    mine = rows_of(table, "A", "constraint")
    assert mine["land_m2"].tolist() == pytest.approx([1000.0, 500.0], abs=1)
    assert mine["note"].tolist() == ["veto", "condition"]
    found = stations.departments(table)
    assert found[found["station_id"] == "A"][["lead", "projects"]].to_numpy().tolist() == [["区住建委", 2]]


def test_two_catchments_of_a_station_are_refused(sheds):
    """A programme has one extent."""
    raw = sheds.sheds[sheds.sheds["version"] == "raw"]
    with pytest.raises(FrameError, match="two catchments"):
        stations.programme(raw, LAYERS, counting=COUNTING, standards=STANDARDS)


def test_a_programme_without_layers_is_empty(widest):
    """Nothing given, nothing listed, and the columns are there."""
    table = stations.programme(widest, {}, counting=COUNTING, standards=STANDARDS)
    assert list(table.columns) == list(stations.programme(widest, LAYERS, counting=COUNTING, standards={}).columns)
    assert table.empty


# planned stations


def compared(paths, minutes=(5, 10)):
    """Compare A alone with A and B."""
    people = {name: stations.figures(BUILDINGS, name, ("residential",)) for name in ("residents", "jobs")}
    things = {"building": BUILDINGS.assign(**people)}
    alone = STATIONS[STATIONS["station_id"] == "A"]
    before = catchments.walksheds(paths, GATES[GATES["station_id"] == "A"], minutes, stations=alone, things=things)
    after = catchments.walksheds(paths, GATES, minutes, stations=STATIONS, things=things)
    return stations.compare(
        before.reached, after.reached, things, minutes=minutes, weights={"building": ("residents", "jobs")}
    )


def test_a_planned_station_by_hand(paths):
    """B brings H3 within five minutes; nobody leaves A, to whom H2 is as near."""
    made = compared(paths)
    totals = made.totals.set_index(["minutes", "figure"])
    assert totals.loc[(5.0, "jobs"), ["before", "after", "gained"]].tolist() == [0.0, 30.0, 30.0]
    assert totals.loc[(5.0, "residents"), "gained"] == 0.0
    by_station = made.stations.set_index(["station_id", "minutes", "figure"])
    assert by_station.loc[("B", 5.0, "building_count"), "entered"] == 1
    assert by_station.loc[("A", 5.0, "residents"), "left"] == 0
    assert made.things["thing"].tolist() == ["H3"]


def test_what_enters_and_leaves_adds_up(paths):
    """before + entered - left = after, station by station; stations add up to the totals."""
    made = compared(paths)
    rows = made.stations
    assert np.allclose(rows["before"] + rows["entered"] - rows["left"], rows["after"])
    sums = rows.groupby(["minutes", "figure"])[["before", "after"]].sum()
    totals = made.totals.set_index(["minutes", "figure"])[["before", "after"]]
    assert np.allclose(sums.reindex(totals.index), totals)


def amounts(row, name):
    """Return an amount, what it is at least, and how many things lack."""
    return [None if pd.isna(value) else value for value in (row[name], row[f"{name}_least"], row[f"{name}_lacking"])]


@pytest.mark.parametrize(
    ("blank", "before", "gained"),
    [
        ([], [90, 90, 0], [30, 30, 0]),
        (["H3"], [90, 90, 0], [None, 0, 1]),
        (["H1"], [None, 40, 1], [30, 30, 0]),
        (["H1", "H2"], [None, 0, 2], [30, 30, 0]),
        (["H1", "H2", "H3"], [None, 0, 2], [None, 0, 1]),
    ],
    ids=["all-known", "what-comes", "what-stays", "all-that-stays", "nothing-known"],
)
def test_what_is_not_known_is_a_bound_and_never_0(blank, before, gained):
    """Sums with unknown parts are missing beside what they are at least; what is on both sides need not be known."""
    houses = pd.DataFrame({"building_id": ["H1", "H2", "H3"], "jobs": [50.0, 40.0, 30.0]})
    houses["jobs"] = houses["jobs"].mask(houses["building_id"].isin(blank))
    walks = pd.DataFrame({"building_id": houses["building_id"], "station_id": ["A", "A", "B"], "seconds": [6.0, 9, 5]})
    made = stations.compare(
        {"building": walks[:2]}, {"building": walks}, {"building": houses}, minutes=(5,), weights={"building": ["jobs"]}
    )
    row = made.totals.set_index("figure").loc["jobs"]
    assert amounts(row, "before") == before and amounts(row, "gained") == gained
    by_station = made.stations.set_index(["station_id", "figure"])
    assert amounts(by_station.loc[("A", "jobs")], "after") == before
    assert amounts(by_station.loc[("A", "jobs")], "left") == [0, 0, 0]
    assert amounts(by_station.loc[("B", "jobs")], "entered") == gained
    assert made.totals.set_index("figure").loc["building_count", "gained"] == 1


def test_what_leaves_without_a_figure_leaves_no_bound():
    """Where an unknown thing goes out of reach, nobody can tell whether the total grows."""
    houses = pd.DataFrame({"building_id": ["H1", "H2"], "jobs": [np.nan, 40.0]})
    walks = pd.DataFrame({"station_id": ["A", "A"], "building_id": ["H1", "H2"], "seconds": [60.0, 90.0]})
    made = stations.compare(
        {"building": walks[:1]}, {"building": walks[1:]}, {"building": houses}, minutes=(5,),
        weights={"building": ["jobs"]},
    )  # fmt: skip
    assert amounts(made.totals.set_index("figure").loc["jobs"], "gained") == [None, None, 1]


@pytest.mark.parametrize("reached", [0, 1])
def test_a_layer_without_rows_says_nothing(reached):
    """No buildings on record is not no buildings."""
    things = {"building": BUILDINGS[:0], "parcel": pd.DataFrame({"parcel_id": ["P"]})}
    walks = {
        "building": pd.DataFrame({"station_id": [], "building_id": [], "seconds": []}),
        "parcel": pd.DataFrame({"station_id": ["A"], "parcel_id": ["P"], "seconds": [5.0]})[:reached],
    }
    made = stations.compare(walks, walks, things, minutes=(5,), weights={"building": ["jobs"]})
    rows = made.totals.set_index("figure")
    assert rows.loc[["building_count", "jobs"], ["before", "after", "gained", "after_least"]].isna().all(axis=None)
    assert rows.loc["parcel_count", ["before", "gained"]].tolist() == [reached, 0]
    assert {"station_id", "entered_lacking"} <= set(made.stations.columns)


def test_a_layer_that_is_missing_in_one_state_is_refused():
    """Both states need the same walks."""
    with pytest.raises(UsageError, match="both states"):
        stations.compare({}, {}, {"building": BUILDINGS})


# nodes and places


def test_node_and_place_against_a_larger_set():
    """Between the least and the most of the reference in logarithms; raw values stand beside."""
    many = pd.DataFrame({"lines": [0, 1, 3] * 10, "people": [0.0, 99.0, 9999.0] * 10})
    mine = pd.DataFrame({"station_id": ["A", "B"], "lines": [1, 5], "people": [99.0, None]})
    table, found = stations.node_place(mine, many, node=["lines"], place=["people"])
    assert table["node"].tolist() == pytest.approx([0.5, 1.0])
    assert table["place"].iloc[0] == pytest.approx(0.5)
    assert np.isnan(table["place"].iloc[1])
    assert table["lines"].tolist() == [1, 5]
    assert found.empty


def test_a_small_reference_is_said():
    """Six stations against six are no range."""
    few = pd.DataFrame({"station_id": list("ABCDEF"), "lines": range(6), "people": range(6)})
    _, found = stations.node_place(few, few, node=["lines"], place=["people"])
    assert found["code"].tolist() == ["station.reference_small"]


@pytest.mark.parametrize(("node", "values", "said"), [([], [1], "at least one"), (["lines"], [-1], "negative")])
def test_bad_node_place_is_refused(node, values, said):
    """No column, or an amount below 0."""
    rows = pd.DataFrame({"station_id": ["A"], "lines": values, "people": [1]})
    with pytest.raises(UsageError, match=said):
        stations.node_place(rows, rows, node=node, place=["people"])
