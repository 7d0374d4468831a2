"""Station surroundings on ground small enough to check by hand: two square rings that overlap by half."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

from gis import catalogue
from gis.analysis import apportionment, mix, stations
from gis.errors import CrsError, EmptyError, FrameError

CRS = "EPSG:4548"
EAST, NORTH = 424_000, 4_418_000
COUNTING = stations.Counting(
    land_classes=("residential", "commercial", "transport", "green"),
    class_of={"0701": "residential", "0901": "commercial", "1207": "transport", "1401": "green"},
    building_uses=("residential", "commercial", "office"),
    project_types=("old_estate", "shanty"),
    facility_kinds=("market", "primary_school"),
)


def square(west, south, east, north):
    """Return a rectangle on the test ground, m from its corner."""
    return box(EAST + west, NORTH + south, EAST + east, NORTH + north)


def place(x, y):
    """Return a point on the test ground."""
    return Point(EAST + x, NORTH + y)


def frame(columns, rows):
    """Return rows as a frame; the last value of a row is its geometry."""
    table = {name: [row[i] for row in rows] for i, name in enumerate(columns.split())}
    shapes = gpd.GeoSeries([row[-1] for row in rows], crs=CRS)
    return gpd.GeoDataFrame({name: pd.Series(values) for name, values in table.items()}, geometry=shapes)


STATIONS = frame("station_id name", [("A", "甲", place(100, 50)), ("B", "乙", place(200, 50))])
CATCHMENTS = frame(
    "catchment_id station_id ring inner_m radius_m method version",
    [
        ("A-raw", "A", "圈", 0.0, 100.0, "EUC", "raw", square(0, 0, 200, 100)),
        ("A-nearest", "A", "圈", 0.0, 100.0, "EUC", "nearest", square(0, 0, 150, 100)),
        ("B-raw", "B", "圈", 0.0, 100.0, "EUC", "raw", square(100, 0, 300, 100)),
        ("B-nearest", "B", "圈", 0.0, 100.0, "EUC", "nearest", square(150, 0, 300, 100)),
    ],
)
PARCELS = frame(
    "parcel_id land_use",
    [
        ("P1", "0701", square(0, 0, 100, 100)),
        ("P2", "1207", square(100, 0, 150, 100)),
        ("P3", "0901", square(150, 0, 300, 50)),
    ],
)
# H2 stands across the border between the stations, on transport land and half of its ground in each
BUILDINGS = frame(
    "building_id use floor_area_above_m2 residents jobs",
    [
        ("H1", "residential", 1000.0, 30, None, square(10, 10, 30, 30)),
        ("H2", "commercial", 800.0, None, 20, square(140, 60, 160, 80)),
    ],
).astype({"residents": "Int64", "jobs": "Int64"})
# X1 and X2 share the ground of H1; X3 is done, X4 is out of the library, X5 only touches by a sliver
PROJECTS = frame(
    "project_id project_type state",
    [
        ("X1", "old_estate", "reserve", square(0, 0, 50, 100)),
        ("X2", "shanty", "approved", square(20, 0, 60, 100)),
        ("X3", "old_estate", "completed", square(130, 50, 170, 100)),
        ("X4", "shanty", "removed", square(0, 0, 300, 100)),
        ("X5", "shanty", "reserve", square(0, 99.8, 100, 200)),
    ],
)
FACILITIES = frame("facility_id kind", [("F1", "market", place(150, 50)), ("F2", "primary_school", place(10, 90))])
SPACES = frame("public_space_id", [("G1", square(0, 0, 20, 100)), ("G2", square(10, 0, 30, 100))])
LAYERS = {"parcels": PARCELS, "buildings": BUILDINGS, "projects": PROJECTS, "facilities": FACILITIES}


def run(**changed):
    """Measure the two stations, with some frames replaced."""
    given = {"stations": STATIONS, "catchments": CATCHMENTS, **LAYERS, "counting": COUNTING} | changed
    others = {name: given.pop(name) for name in list(given) if name not in {"stations", "catchments", "counting"}}
    return stations.rings(given["stations"], given["catchments"], others, counting=given["counting"])


@pytest.fixture(scope="module")
def result():
    """What lies round the two stations."""
    return run(public_spaces=SPACES)


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ("A-raw", "area_m2", 20_000),
        ("A-raw", "land_residential_m2", 10_000),
        ("A-raw", "land_transport_m2", 5_000),
        ("A-raw", "land_commercial_m2", 2_500),
        ("A-raw", "land_green_m2", 0),
        ("A-raw", "parcel_land_m2", 17_500),
        ("A-raw", "net_land_m2", 12_500),
        ("A-raw", "floor_area_m2", 1_800),
        ("A-raw", "far_gross", 0.09),
        ("A-raw", "far_net", 0.08),
        ("A-raw", "building_count", 2),
        ("A-raw", "residents", 30),
        ("A-raw", "jobs", 20),
        ("A-nearest", "floor_area_m2", 1_400),
        ("A-nearest", "jobs", 20),
        ("A-nearest", "facility_market_count", 1),
        ("B-nearest", "floor_area_m2", 400),
        ("B-nearest", "far_net", 0),
        ("B-nearest", "jobs", 0),
        ("B-nearest", "residents", 0),
        ("B-nearest", "facility_market_count", 0),
        ("B-raw", "facility_market_count", 1),
        ("A-raw", "facility_primary_school_count", 1),
        ("A-raw", "facility_count", 2),
        ("A-raw", "mix_floor", -(5 / 9 * np.log(5 / 9) + 4 / 9 * np.log(4 / 9)) / np.log(3)),
        ("B-nearest", "mix_floor", 0),
        ("B-nearest", "mix_land", 0),
        ("A-raw", "renewable_old_estate_m2", 1_000),
        ("A-raw", "renewable_shanty_m2", 500),
        ("A-raw", "renewable_floor_m2", 1_000),
        ("B-raw", "renewable_floor_m2", 0),
        ("A-raw", "project_count", 3),
        ("A-raw", "project_area_m2", 6_000 + 2_000),
        ("B-nearest", "project_share", 1_000 / 15_000),
        ("A-raw", "public_space_m2", 3_000),
        ("A-raw", "public_space_share", 0.15),
    ],
)
def test_by_hand(result, row, column, value):
    """Every figure is what a planner would work out on paper."""
    found = result.results.set_index("station_result_id").loc[row, column]
    assert found == pytest.approx(value, rel=1e-9, abs=1e-9)


def test_projects_are_named(result):
    """A project meets a ring unless they share a sliver only; those removed from the library are left out."""
    ids = result.results.set_index("station_result_id")["project_ids"].map(json.loads)
    assert ids["A-raw"] == ["X1", "X2", "X3"]
    assert ids["B-nearest"] == ["X3"]
    shared = result.projects.set_index(["catchment_id", "project_id"]).loc[("B-nearest", "X3")]
    assert (shared["area_m2"], shared["share"]) == (1_000, 0.5)


@pytest.mark.parametrize(
    "column", ["area_m2", "parcel_land_m2", "floor_area_m2", "residents", "jobs", "building_count", "facility_count"]
)
def test_nearest_sums_to_the_whole(result, column):
    """Sums over stations in the de-duplicated version count everything once."""
    rows = result.results[result.results["version"] == "nearest"]
    whole = {"area_m2": 30_000, "parcel_land_m2": 22_500, "floor_area_m2": 1_800, "residents": 30, "jobs": 20}
    assert rows[column].sum() == pytest.approx(whole.get(column, 2))


def test_land_use_is_long(result):
    """Land by class has a row for each class of the list, with its share of the ring."""
    rows = result.land_use[result.land_use["catchment_id"] == "A-raw"].set_index("class")
    assert rows.index.tolist() == list(COUNTING.land_classes)
    assert rows.loc["residential", "share"] == 0.5


def test_columns_are_those_of_the_layer():
    """With the code lists of the catalogue the columns are columns of station_results, in their order; then bounds."""
    book = catalogue.read()
    names = ("land_use_classes", "building_uses", "project_types", "facility_kinds")
    classes, uses, types, kinds = (tuple(code.code for code in book.code_list(name)) for name in names)
    counting = stations.Counting(classes, book.code_list("land_uses").values("class"), uses, types, kinds)
    found = run(counting=counting).results
    own = [name for name in found.columns if not name.endswith(("_least", "_lacking"))]
    assert [name for name in book.layer("station_results").columns if name in own] == own
    assert {name.removesuffix("_least").removesuffix("_lacking") for name in found.columns} == set(own)


@pytest.mark.parametrize(
    ("column", "expected", "missing"),
    [
        ("residents", "station.residents_missing", ["residents"]),
        ("jobs", "station.jobs_missing", ["jobs"]),
        ("floor_area_above_m2", "station.floor_area_missing", ["floor_area_m2", "far_gross", "far_net", "mix_floor"]),
    ],
)
def test_missing_is_not_zero(column, expected, missing):
    """A building without its figure leaves its rings without a sum, and a finding counts it."""
    blank = BUILDINGS.copy()
    blank[column] = blank[column].astype("Float64").mask(np.array([True, True]))
    found = run(buildings=blank)
    row = found.results.set_index("station_result_id").loc["A-raw"]
    assert row[missing].isna().all()
    finding = found.findings[(found.findings["code"] == expected) & (found.findings["feature"] == "A")].iloc[0]
    count = {"residents": 1, "jobs": 1, "floor_area_above_m2": 2}[column]
    assert json.loads(finding["parameters"]) == {"count": count, "rings": ["圈"]}


# what is blank of which building: (figures that are missing, {bounded figure: (least, lacking)}) in ring A-raw
BLANKS = {
    "residents of a home": ("residents", "H1", [], {"residents": (0, 1)}),
    "jobs of a shop": ("jobs", "H2", [], {"jobs": (0, 1)}),
    "floor area of a home": (
        "floor_area_above_m2", "H1", ["far_gross", "far_net", "mix_floor"],
        {"floor_area_m2": (800, 1), "renewable_floor_m2": (0, 1), "renewable_old_estate_m2": (0, 1)},
    ),
    "floor area of a shop": ("floor_area_above_m2", "H2", ["far_gross", "mix_floor"], {"floor_area_m2": (1000, 1)}),
    "use of a shop": ("use", "H2", ["mix_floor"], {"residents": (30, 1)}),
}  # fmt: skip


@pytest.mark.parametrize("name", BLANKS)
def test_a_sum_with_a_blank_is_at_least_what_is_known(name):
    """Beside a sum that is missing stand what is known of it and how many buildings lack; other sums are whole."""
    column, key, missing, known = BLANKS[name]
    blank = BUILDINGS.copy()
    blank[column] = blank[column].mask(blank["building_id"] == key)
    row = run(buildings=blank).results.set_index("station_result_id").loc["A-raw"]
    assert row[[*missing, *known]].isna().all()
    assert {name: (row[f"{name}_least"], row[f"{name}_lacking"]) for name in known} == known
    whole = {"residents", "jobs", "floor_area_m2", "renewable_floor_m2"} - set(known)
    assert row[list(whole)].notna().all()


def test_a_parcel_without_a_use_leaves_land_open():
    """It may be of any class: land by class, its mix and what is built on building land are missing around it."""
    blank = PARCELS.assign(land_use=["0701", None, "0901"])
    row = run(parcels=blank).results.set_index("station_result_id").loc["A-raw"]
    assert row[["land_residential_m2", "land_green_m2", "net_land_m2", "mix_land", "far_net"]].isna().all()
    assert row["parcel_land_m2"] == 17_500


def test_missing_elsewhere_does_not_matter():
    """Only the rings that hold the building lose their sum."""
    blank = BUILDINGS.assign(residents=pd.array([None, None], dtype="Int64"))
    rows = run(buildings=blank).results.set_index("station_result_id")
    assert rows.loc["B-raw", "residents"] == 0


@pytest.mark.parametrize(
    ("layer", "columns"),
    [
        ("buildings", ["floor_area_m2", "residents", "jobs", "building_count", "renewable_floor_m2", "mix_floor"]),
        ("parcels", ["parcel_land_m2", "net_land_m2", "land_residential_m2", "mix_land", "far_net"]),
        ("facilities", ["facility_count", "facility_market_count"]),
        ("projects", ["project_count", "project_area_m2", "renewable_floor_m2", "renewable_shanty_m2"]),
    ],
)
def test_a_layer_without_rows_says_nothing(layer, columns):
    """Nothing is computed from an empty layer, and a finding says so."""
    found = run(**{layer: LAYERS[layer].iloc[:0]})
    assert found.results[columns].isna().all(axis=None)
    assert found.findings[["code", "layer"]].to_numpy().tolist() == [["station.layer_empty", layer]]


def test_public_spaces_may_be_left_out():
    """Without the layer its columns are missing, without a finding."""
    found = run()
    assert found.results["public_space_m2"].isna().all()
    assert found.findings.empty


def test_unknown_codes_are_reported():
    """A code that is in no list counts in no class, and is named."""
    strange = PARCELS.assign(land_use=["0701", "9999", "0901"])
    found = run(parcels=strange)
    row = found.results.set_index("station_result_id").loc["A-raw"]
    assert (row["parcel_land_m2"], row["land_transport_m2"]) == (17_500, 0)
    finding = found.findings.iloc[0]
    assert (finding["code"], finding["layer"], finding["field"]) == ("station.code_unknown", "parcels", "land_use")
    assert json.loads(finding["parameters"]) == {"count": 1, "values": ["9999"]}


BOW_TIE = Polygon([(EAST, NORTH), (EAST + 9, NORTH + 9), (EAST + 9, NORTH), (EAST, NORTH + 9)])


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"stations": STATIONS.iloc[:0]}, EmptyError),
        ({"catchments": CATCHMENTS.iloc[:0]}, EmptyError),
        ({"parcels": PARCELS.to_crs(4549)}, CrsError),
        ({"buildings": BUILDINGS.set_crs(None, allow_override=True)}, CrsError),
        ({"projects": PROJECTS.to_crs(4326)}, CrsError),
        ({"buildings": BUILDINGS.drop(columns="residents")}, FrameError),
        ({"parcels": PARCELS.set_geometry([BOW_TIE] * 3, crs=CRS)}, FrameError),
        ({"catchments": pd.concat([CATCHMENTS, CATCHMENTS])}, FrameError),
    ],
    ids=["no-station", "no-ring", "other-crs", "no-crs", "degrees", "no-column", "bow-tie", "ring-twice"],
)
def test_refused(changed, error):
    """What cannot be measured is refused by name."""
    with pytest.raises(error):
        run(**changed)


def test_disc_and_innermost_band_are_both_counted():
    """A disc and the band that equals it hold the same people, in the de-duplicated version too."""
    twin = CATCHMENTS.assign(catchment_id=CATCHMENTS["catchment_id"] + "-band")
    rows = run(catchments=pd.concat([CATCHMENTS, twin], ignore_index=True)).results.set_index("station_result_id")
    assert rows.loc["A-nearest-band", "jobs"] == rows.loc["A-nearest", "jobs"] == 20


def test_rows_without_geometry_and_multipolygons():
    """A building without geometry is in no ring; one in two parts is shared out by its whole ground."""
    halves = MultiPolygon([square(10, 10, 20, 20), square(260, 10, 270, 20)])
    houses = BUILDINGS.assign(geometry=gpd.GeoSeries([halves, None], crs=CRS))
    rows = run(buildings=houses).results.set_index("station_result_id")
    assert rows["floor_area_m2"].to_dict() == {"A-raw": 500, "A-nearest": 500, "B-raw": 500, "B-nearest": 500}


def test_inputs_are_not_changed(result):
    """The layers stay as they were."""
    before = {name: layer.copy() for name, layer in LAYERS.items()}
    run()
    for name, layer in LAYERS.items():
        pd.testing.assert_frame_equal(layer, before[name])


@pytest.mark.parametrize(
    ("amounts", "k", "value"),
    [
        ([50, 50, 0, 0, 0], 5, np.log(2) / np.log(5)),
        ([1, 1, 1, 1], 4, 1.0),
        ([7, 0, 0], 3, 0.0),
        ([0, 0, 0], 3, np.nan),
        ([5, np.nan, 1], 3, np.nan),
        ([5], 1, np.nan),
    ],
    ids=["two-of-five", "even", "one", "nothing", "missing", "one-class"],
)
def test_mix(amounts, k, value):
    """Entropy over a fixed number of classes (domain.md §10.8: two equal of five give 0.4307)."""
    assert mix.entropy(np.array([amounts], dtype=float), k)[0] == pytest.approx(value, nan_ok=True)


@given(st.lists(st.floats(0, 1e7, allow_subnormal=False), min_size=2, max_size=12), st.floats(0.1, 1e3))
def test_law_mix(amounts, scale):
    """Mix lies between 0 and 1, and neither scale nor order of classes changes it."""
    row = np.array([amounts])
    found = mix.entropy(row, len(amounts))
    assert np.isnan(found[0]) or -1e-12 <= found[0] <= 1 + 1e-12
    again = mix.entropy(row[:, ::-1] * scale, len(amounts))
    assert again == pytest.approx(found, abs=1e-9, nan_ok=True)


corners = st.tuples(st.integers(0, 290), st.integers(0, 90))


@given(st.lists(st.tuples(corners, st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=12))
def test_law_nearest_splits_without_loss(rectangles):
    """Shares of a thing in de-duplicated ground sum to what lies in the union, whether by area or by point."""
    shapes = [square(x, y, x + width, y + height) for (x, y), width, height in rectangles]
    things = gpd.GeoDataFrame(geometry=shapes, crs=CRS)
    nearest = CATCHMENTS[CATCHMENTS["version"] == "nearest"].reset_index(drop=True)
    union = square(0, 0, 300, 100)
    ground = apportionment.by_area(nearest.geometry.to_numpy(), things).total(things.area.to_numpy())
    assert ground.sum() == pytest.approx(things.intersection(union).area.sum())
    inside = things.representative_point().within(union).sum()
    assert apportionment.by_point(nearest, things).total(np.ones(len(things))).sum() >= inside
    assert len(set(apportionment.by_point(nearest, things).thing)) == len(apportionment.by_point(nearest, things).thing)
