"""Block-level coordination on a town small enough to check by hand: two square blocks of one hectare side by side."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
from shapely import MultiPolygon, box

from gis.analysis import bounds, coordination
from gis.errors import CrsError, EmptyError, FrameError

CRS = "EPSG:4548"
COUNTING = coordination.Counting(
    project_types=("old_estate", "shanty"),
    paths=("block", "single"),
    stages={"reserve": "reserve", "completed": "done", "removed": "removed"},
)
BLOCKS = gpd.GeoDataFrame(
    {
        "block_id": ["TT00-0001", "TT00-0002"],
        "name": ["东", "西"],
        "control_total_m2": [20_000.0, float("nan")],
        "existing_floor_m2": [12_000.0, 5_000.0],
    },
    geometry=[box(500_000, 4_400_000, 500_100, 4_400_100), box(500_100, 4_400_000, 500_200, 4_400_100)],
    crs=CRS,
)
UNITS = gpd.GeoDataFrame(
    {"unit_id": ["U1"], "name": ["单元"]}, geometry=[box(500_010, 4_400_010, 500_150, 4_400_090)], crs=CRS
)
CATCHMENTS = gpd.GeoDataFrame(
    {"catchment_id": ["c1", "c2"]},
    geometry=[box(500_000, 4_400_000, 500_050, 4_400_100), box(500_040, 4_400_000, 500_060, 4_400_100)],
    crs=CRS,
)


def project(key, shape, **values):
    """Return one project row with the columns that the analysis needs."""
    row = {
        "project_id": key, "name": key, "project_type": "old_estate", "path": "block", "state": "reserve",
        "lead": "区住建委", "start_year": 2026, "unit_id": None, "households": 10, "existing_floor_m2": 1000.0,
        "demolished_floor_m2": 100.0, "new_controlled_m2": 50.0, "new_exempt_m2": 30.0, "geometry": shape,
    }  # fmt: skip
    return row | values


def projects(*rows):
    """Return projects as a frame."""
    frame = gpd.GeoDataFrame(list(rows), crs=CRS)
    return frame.astype({"start_year": "Int64", "households": "Int64", "unit_id": "str"})


def run(frame, **options):
    """Coordinate the two blocks."""
    return coordination.blocks(BLOCKS, UNITS, frame, CATCHMENTS, counting=COUNTING, tolerance=0.5, **options)


STRADDLING = project("P1", box(500_070, 4_400_020, 500_110, 4_400_040))


def test_straddling_project_is_split_by_area_and_counted_once():
    """Three quarters lie in block 1: areas and floor area split 3:1, households whole, the count goes to block 1."""
    got = run(projects(STRADDLING | {"households": 9})).results.set_index("block_id")
    assert got["project_count"].tolist() == [1, 0]
    assert got["type_old_estate_m2"].tolist() == pytest.approx([600.0, 200.0])
    assert got["existing_floor_m2"].tolist() == pytest.approx([750.0, 250.0])
    assert got["households"].tolist() == [7, 2]


def test_ground_is_never_counted_twice():
    """Overlapping catchments and projects cover ground once; the unit's part of each block is exact."""
    got = run(projects(STRADDLING, STRADDLING | {"project_id": "P2"})).results.set_index("block_id")
    assert got["project_area_m2"].tolist() == pytest.approx([600.0, 200.0])
    assert got["catchment_share"].tolist() == pytest.approx([0.6, 0.0])
    assert got["unit_area_m2"].tolist() == pytest.approx([90.0 * 80, 50.0 * 80])


def test_remaining_floor_area_counts_pending_projects_and_transfers():
    """Remaining = 20,000 - (12,000 + 50 - 100 + 500): the completed project is already in 现状."""
    inside = box(500_020, 4_400_020, 500_040, 4_400_040)
    done = project("P2", box(500_050, 4_400_050, 500_060, 4_400_060), state="completed")
    moved = pd.DataFrame({"from_block": ["TT00-0002"], "to_block": ["TT00-0001"], "floor_area_m2": [500.0]})
    got = run(projects(project("P1", inside), done), transfers=moved).results.set_index("block_id")
    assert got.loc["TT00-0001", "remaining_m2"] == pytest.approx(20_000 - (12_000 + 50 - 100 + 500))
    assert pd.isna(got.loc["TT00-0002", "remaining_m2"])


def test_project_outside_every_block_has_its_own_row():
    """Nothing is dropped: the sums over all rows are the sums over all projects."""
    far = project("P9", box(501_000, 4_400_000, 501_010, 4_400_010))
    got = run(projects(STRADDLING, far)).results
    assert got["block_id"].tolist() == ["TT00-0001", "TT00-0002", coordination.OUTSIDE]
    assert got["existing_floor_m2"].sum() == pytest.approx(2000.0)
    assert got["project_count"].sum() == 2


def test_missing_floor_area_is_not_zero():
    """A blank figure stays blank and is named; a block without projects has 0."""
    inside = box(500_020, 4_400_020, 500_040, 4_400_040)
    got = run(projects(project("P1", inside, demolished_floor_m2=None)))
    table = got.results.set_index("block_id")
    assert pd.isna(table.loc["TT00-0001", "demolished_floor_m2"])
    assert table.loc["TT00-0002", "demolished_floor_m2"] == 0
    assert pd.isna(table.loc["TT00-0001", "remaining_m2"])
    assert "block.partial_sum" in set(got.findings["code"])


def test_a_part_of_the_floor_area_is_not_taken_for_the_whole():
    """Where one of two projects has no figure the block's sum is missing; the finding says what is known."""
    one, two = box(500_020, 4_400_020, 500_040, 4_400_040), box(500_050, 4_400_020, 500_070, 4_400_040)
    got = run(projects(project("P1", one, demolished_floor_m2=None), project("P2", two, demolished_floor_m2=300.0)))
    assert pd.isna(got.results.set_index("block_id").loc["TT00-0001", "demolished_floor_m2"])
    said = got.findings.set_index("code").loc["block.partial_sum", "parameters"]
    assert '"least_m2": 300.0' in said and '"P1"' in said


# figure of a project that is blank: (figure of the block, what is known of it, code of the finding)
BLANKS = {
    "existing_floor_m2": ("existing_floor_m2", 1000.0, "block.partial_sum"),
    "demolished_floor_m2": ("demolished_floor_m2", 100.0, "block.partial_sum"),
    "new_controlled_m2": ("new_controlled_m2", 50.0, "block.partial_sum"),
    "new_exempt_m2": ("new_exempt_m2", 30.0, "block.partial_sum"),
    "households": ("households", 10.0, "block.partial_count"),
    "path": ("path_block_count", 1.0, "block.path_unknown"),
}


@pytest.mark.parametrize("blank", BLANKS)
def test_a_sum_with_a_blank_is_at_least_what_is_known(blank):
    """One of two projects of a block does not say: the figure is missing, with bound and count; others are whole."""
    column, least, code = BLANKS[blank]
    one, two = box(500_020, 4_400_020, 500_040, 4_400_040), box(500_050, 4_400_020, 500_070, 4_400_040)
    got = run(projects(project("P1", one, **{blank: None}), project("P2", two)))
    row = got.results.set_index("block_id").loc["TT00-0001"]
    assert pd.isna(row[column]) and (row[f"{column}_least"], row[f"{column}_lacking"]) == (least, 1)
    assert code in set(got.findings["code"])
    others = {column for column, _, _ in BLANKS.values()} - {column}
    assert row[list(others)].notna().all()
    listed = bounds.listed(got.results, "block_id")
    known = listed[listed["field"] == column]
    assert known[["feature", "least", "lacking"]].to_numpy().tolist() == [["TT00-0001", least, 1]]


@pytest.mark.parametrize(("blank", "code"), [("lead", "conflict.lead"), ("start_year", "conflict.years")])
def test_projects_that_do_not_say_may_disagree(blank, code):
    """Two projects overlap and differ; where one is silent the count of conflicts is at least the overlap itself."""
    first, second = box(500_020, 4_400_020, 500_060, 4_400_060), box(500_040, 4_400_020, 500_080, 4_400_060)
    values = {"lead": "区商务局", "start_year": 2030}
    loud = run(projects(project("P1", first), project("P2", second, **values)))
    assert loud.results.set_index("block_id").loc["TT00-0001", "conflict_count"] == 3
    got = run(projects(project("P1", first), project("P2", second, **values | {blank: None})))
    row = got.results.set_index("block_id").loc["TT00-0001"]
    assert pd.isna(row["conflict_count"]) and (row["conflict_count_least"], row["conflict_count_lacking"]) == (2, 1)
    assert code not in set(got.findings["code"]) and "project.overlap_undetermined" in set(got.findings["code"])


def test_departments_are_those_known():
    """A project without a lead department is counted beside those that are named."""
    one, two = box(500_020, 4_400_020, 500_040, 4_400_040), box(500_050, 4_400_020, 500_070, 4_400_040)
    got = run(projects(project("P1", one, lead=None), project("P2", two)))
    row = got.results.set_index("block_id").loc["TT00-0001"]
    assert (row["lead_departments"], row["lead_departments_lacking"]) == ("区住建委", 1)
    assert "block.lead_unknown" in set(got.findings["code"])


def test_removed_projects_are_left_out():
    """A project that left the library counts nowhere."""
    assert (
        run(projects(STRADDLING, STRADDLING | {"project_id": "P2", "state": "removed"})).results["project_count"].sum()
        == 1
    )


OVERLAPPING = [
    STRADDLING,
    project("P2", box(500_090, 4_400_020, 500_130, 4_400_040), lead="区商务局", start_year=2027),
]
CONFLICTS = [
    ("conflict.overlap", OVERLAPPING, "P1", (500_100.0, 4_400_030.0)),
    ("conflict.lead", OVERLAPPING, "P1", (500_100.0, 4_400_030.0)),
    ("conflict.years", OVERLAPPING, "P1", (500_100.0, 4_400_030.0)),
    ("project.no_unit", [project("P3", box(500_000, 4_400_000, 500_008, 4_400_008))], "P3", (500_004.0, 4_400_004.0)),
    ("project.no_block", [project("P4", box(500_300, 4_400_000, 500_310, 4_400_010))], "P4", (500_305.0, 4_400_005.0)),
    ("project.unit_differs", [STRADDLING | {"unit_id": "U7"}], "P1", (500_090.0, 4_400_030.0)),
    ("unit.crosses_blocks", [STRADDLING], "U1", (500_080.0, 4_400_050.0)),
]


@pytest.mark.parametrize(("code", "rows", "feature", "place"), CONFLICTS, ids=[case[0] for case in CONFLICTS])
def test_conflict_is_found_with_its_place(code, rows, feature, place):
    """Each kind of conflict names the feature and a place inside the ground concerned."""
    found = run(projects(*rows)).findings
    row = found[found["code"] == code].iloc[0]
    assert row["feature"] == feature
    assert (row["x"], row["y"]) == pytest.approx(place)


FAR = box(500_040, 4_400_020, 500_050, 4_400_030)
CLEAN = [
    ("touching", [STRADDLING, project("P2", box(500_110, 4_400_020, 500_130, 4_400_040))]),
    ("sliver of 20 cm", [STRADDLING, project("P2", box(500_109.8, 4_400_020, 500_130, 4_400_040))]),
    ("multipart", [project("P1", MultiPolygon([box(500_020, 4_400_020, 500_030, 4_400_030), FAR]))]),
]


@pytest.mark.parametrize(("name", "rows"), CLEAN, ids=[case[0] for case in CLEAN])
def test_no_conflict_where_there_is_none(name, rows):
    """Neighbours, slivers below the tolerance and parts of one project are no conflict."""
    assert not run(projects(*rows)).findings["code"].str.startswith("conflict.").any()


def test_same_lead_or_blank_year_is_no_disagreement():
    """A blank differs from nothing."""
    rows = [STRADDLING, STRADDLING | {"project_id": "P2", "start_year": None}]
    assert set(run(projects(*rows)).findings["code"]) & {"conflict.lead", "conflict.years"} == set()


def test_without_a_station_only_figures_of_catchments_are_missing():
    """Mountain townships have none: the rest of the block's figures stand, and one sentence says why."""
    whole, got = (
        coordination.blocks(BLOCKS, UNITS, projects(STRADDLING), rings, counting=COUNTING, tolerance=0.5)
        for rings in (CATCHMENTS, None)
    )
    columns = ["catchment_area_m2", "catchment_share"]
    assert got.results[columns].isna().all(axis=None)
    pd.testing.assert_frame_equal(got.results.drop(columns=columns), whole.results.drop(columns=columns))
    assert got.findings["code"].tolist().count("block.catchments_unknown") == 1


SILENT = [
    ("units", UNITS.iloc[:0], projects(STRADDLING), ["unit_count", "unit_area_m2", "unit_share"]),
    ("projects", UNITS, projects(STRADDLING).iloc[:0], ["project_count", "households", "remaining_m2"]),
]


@pytest.mark.parametrize(("layer", "units", "rows", "columns"), SILENT, ids=["units", "projects"])
def test_a_layer_without_rows_says_nothing(layer, units, rows, columns):
    """Its figures are missing, never 0; nothing else is; no project lies outside units that nobody drew."""
    got = coordination.blocks(BLOCKS, units, rows, CATCHMENTS, counting=COUNTING, tolerance=0.5)
    assert got.results[columns].isna().all(axis=None)
    assert got.results["catchment_share"].notna().all()
    found = got.findings
    assert found.loc[found["code"] == "block.layer_empty", "layer"].tolist() == [layer]
    assert not set(found["code"]) & {"project.no_unit", "project.unit_differs"}


def test_an_exceeded_control_total_is_found():
    """By what is planned and moves in, by how much and where; what stands alone is told where projects are blank."""
    inside = box(500_020, 4_400_020, 500_040, 4_400_040)
    large = run(projects(project("P1", inside, new_controlled_m2=9_000.0))).findings
    row = large[large["code"] == "block.control_exceeded"].iloc[0]
    assert (row["feature"], row["severity"], row["field"]) == ("TT00-0001", "warning", "control_total_m2")
    assert '"over_m2": 900.0' in row["parameters"] and 500_000 < row["x"] < 500_100
    full = BLOCKS.assign(existing_floor_m2=[20_100.0, 5_000.0])
    blank = projects(project("P1", inside, new_controlled_m2=None))
    found = coordination.blocks(full, UNITS, blank, None, counting=COUNTING, tolerance=0.5).findings
    assert '"over_m2": 100.0' in found.loc[found["code"] == "block.existing_exceeds", "parameters"].iloc[0]
    assert not run(projects(STRADDLING)).findings["code"].str.contains("exceed").any()


def test_a_transfer_of_unknown_size_leaves_the_remainder_open():
    """A blank floor area is not 0."""
    moved = pd.DataFrame({"from_block": ["X"], "to_block": ["TT00-0001"], "floor_area_m2": [float("nan")]})
    got = run(projects(STRADDLING), transfers=moved).results.set_index("block_id")
    assert got.loc["TT00-0001", ["transferred_in_m2", "remaining_m2"]].isna().all()
    assert got["transferred_out_m2"].tolist() == [0.0, 0.0]


REFUSED = [
    (EmptyError, "no block", {"blocks": BLOCKS.iloc[:0]}),
    (FrameError, "control_total_m2", {"blocks": BLOCKS.drop(columns="control_total_m2")}),
    (CrsError, "EPSG:4549", {"units": UNITS.set_crs("EPSG:4549", allow_override=True)}),
]


@pytest.mark.parametrize(("error", "words", "changed"), REFUSED)
def test_unusable_input_is_refused(error, words, changed):
    """The message says what came."""
    frames = {"blocks": BLOCKS, "units": UNITS, "projects": projects(STRADDLING), "catchments": CATCHMENTS} | changed
    with pytest.raises(error, match=words):
        coordination.blocks(**frames, counting=COUNTING, tolerance=0.5)
