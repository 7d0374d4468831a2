"""The sample town keeps to the numbers of practice.md, "A town that looks right to a planner", within 10 %."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

HA = 1e4
WAN = 1e4


def built_up(town):
    return town["street_blocks"].area.sum()


def land(town, known):
    """Return the share of each land-use class in the built-up ground, %."""
    classes = known.code_list("land_uses").values("class")
    parcels = town["parcels"]
    return parcels.area.groupby(parcels["land_use"].map(classes)).sum() / built_up(town) * 100


def floor(town, *uses):
    buildings = town["buildings"]
    return buildings.loc[buildings["use"].isin(uses), "floor_area_above_m2"].sum() / WAN


def era(town, first, last):
    buildings = town["buildings"]
    within = buildings["built_year"].between(first, last)
    return buildings.loc[within, "floor_area_above_m2"].sum() / buildings["floor_area_above_m2"].sum() * 100


def estates(town):
    return town["buildings"].query("fabric == 'old_estate'")


def estate_land(town):
    parcels = town["parcels"]
    return parcels[parcels["parcel_id"].isin(estates(town)["parcel_id"])].area.sum()


def reached(town, points):
    """Return the share of residents within 800 m of the points, %."""
    buildings = town["buildings"]
    ring = shapely.union_all(shapely.buffer(points.geometry.to_numpy(), 800.0, quad_segs=64))
    inside = shapely.contains(ring, shapely.centroid(buildings.geometry.to_numpy()))
    return buildings.loc[inside, "residents"].sum() / buildings["residents"].sum() * 100


def running(town):
    return town["stations"].query("state == 'operating'")


MEASURES = {
    "district km²": (18, lambda t: t["districts"].area.sum() / 1e6),
    "built-up ha": (1_300, lambda t: built_up(t) / HA),
    "blocks": (10, lambda t: len(t["blocks"])),
    "street blocks": (100, lambda t: len(t["street_blocks"])),
    "street block, mean ha": (13, lambda t: t["street_blocks"].area.mean() / HA),
    "parcels": (520, lambda t: len(t["parcels"])),
    "parcel, median ha": (1.6, lambda t: t["parcels"].area.median() / HA),
    "buildings": (7_000, lambda t: len(t["buildings"])),
    "people": (130_000, lambda t: t["buildings"]["residents"].sum()),
    "dwellings": (62_000, lambda t: t["buildings"]["dwellings"].sum()),
    "households": (54_000, lambda t: t["buildings"]["households"].sum()),
    "people a household": (2.4, lambda t: t["buildings"]["residents"].sum() / t["buildings"]["households"].sum()),
    "jobs": (46_000, lambda t: t["buildings"]["jobs"].sum()),
    "floor 万m²": (840, lambda t: t["buildings"]["floor_area_above_m2"].sum() / WAN),
    "floor 居住 万m²": (530, lambda t: floor(t, "residential")),
    "floor 公服 万m²": (88, lambda t: floor(t, "public")),
    "floor 商办 万m²": (104, lambda t: floor(t, "commercial", "office")),
    "floor 工业 万m²": (72, lambda t: floor(t, "industrial", "storage")),
    "floor other 万m²": (46, lambda t: floor(t, "utility", "other")),
    "gross FAR": (0.65, lambda t: t["buildings"]["floor_area_above_m2"].sum() / built_up(t)),
    "built before 1980 %": (5, lambda t: era(t, 0, 1979)),
    "built 1980-2000 %": (27, lambda t: era(t, 1980, 2000)),
    "built 2001-10 %": (24, lambda t: era(t, 2001, 2010)),
    "built later %": (44, lambda t: era(t, 2011, 2100)),
    "old estates": (62, lambda t: estates(t)["estate"].nunique()),
    "old estates ha": (100, lambda t: estate_land(t) / HA),
    "old estates 万m²": (130, lambda t: estates(t)["floor_area_above_m2"].sum() / WAN),
    "old estates, buildings": (280, lambda t: len(estates(t))),
    "old estates, m² a household": (
        70,
        lambda t: estates(t)["floor_area_above_m2"].sum() / estates(t)["households"].sum(),
    ),
    "units": (15, lambda t: len(t["units"])),
    "units ha": (380, lambda t: t["units"].area.sum() / HA),
    "roads km/km²": (
        5.6,
        lambda t: (
            t["streets"].query("`class` != 'lane'").clip(t["street_blocks"].union_all()).length.sum()
            / 1e3
            / (built_up(t) / 1e6)
        ),
    ),
    "residents within 800 m of a station %": (45, lambda t: reached(t, running(t))),
    "residents within 800 m of an entrance %": (45, lambda t: reached(t, t["entrances"])),
}
LAND = {
    "residential": 31, "public_service": 9, "commercial": 5, "industrial and storage": 10, "transport": 18,
    "utility": 2,
    "green": 13, "special": 2, "reserved": 5, "village": 5,
}  # fmt: skip
FACILITIES = {
    "primary_school": 12, "secondary_school": 6, "kindergarten": 26, "health_centre": 2, "health_station": 14,
    "care_home": 4, "day_care": 18, "culture_centre": 2, "market": 10, "park": 16, "bus_stop": 95, "toilet": 70,
}  # fmt: skip
FAR = {
    "old_estate": (1.2, 1.6),
    "commercial_housing": (1.6, 2.2),
    "resettlement": (2.0, 2.6),
    "shanty": (0.4, 0.6),
    "factory": (0.4, 0.8),
    "shop_office": (1.2, 2.5),
}
TYPES = {
    "old_estate": 16, "dangerous_building": 4, "commercial": 5, "industrial": 6, "shanty": 4, "public_space": 5,
}  # fmt: skip
STAGES = {"reserve": 14, "annual": 5, "scheme": 6, "building": 8, "done": 6, "suspended": 1}
SIZES = {
    "old_estate": (1.0, 4.0), "shanty": (10.0, 35.0), "industrial": (2.0, 9.0), "commercial": (0.4, 1.5),
    "dangerous_building": (0.2, 0.8),
}  # fmt: skip
HOUSEHOLDS = {"old_estate": (150, 700), "shanty": (800, 2_500), "dangerous_building": (30, 120)}


@pytest.mark.parametrize("name", MEASURES)
def test_a_number_of_the_table_is_met(town, name):
    """Every measured number lies within 10 % of the table."""
    target, measure = MEASURES[name]
    assert float(measure(town)) == pytest.approx(target, rel=0.1)


@pytest.mark.parametrize("group", LAND)
def test_land_balance(town, known, group):
    """The land balance is the table's, to a tenth of each share or half a per cent of the ground."""
    shares = land(town, known)
    share = shares.reindex(group.replace("industrial and storage", "industrial,storage").split(",")).sum()
    assert share == pytest.approx(LAND[group], rel=0.1, abs=0.2)


def test_land_balance_adds_up(town, known):
    """Parcels, roads included, cover the built-up ground."""
    assert land(town, known).sum() == pytest.approx(100.0, abs=1e-6)


@pytest.mark.parametrize("kind", FACILITIES)
def test_facilities_are_counted(town, kind):
    """Each kind of facility occurs as often as the table says."""
    assert int((town["facilities"]["kind"] == kind).sum()) == FACILITIES[kind]


@pytest.mark.parametrize("fabric", FAR)
def test_floor_area_ratio_of_a_fabric(town, fabric):
    """Parcels built over by one fabric have its usual floor-area ratio."""
    buildings, parcels = town["buildings"], town["parcels"]
    own = buildings[buildings["fabric"] == fabric]
    on = own.groupby("parcel_id")["floor_area_above_m2"].sum()
    total = buildings[buildings["fabric"] != "other"].groupby("parcel_id")["floor_area_above_m2"].sum()
    mostly = on[on > 0.6 * total.reindex(on.index)]
    ground = parcels.set_index("parcel_id").area.reindex(mostly.index)
    low, high = FAR[fabric]
    assert low <= mostly.sum() / ground.sum() <= high


def test_sizes_of_blocks_and_street_blocks(town):
    """Blocks have 0.9 to 2.8 km², street blocks 2 to 35 ha, units 8 to 60 ha."""
    assert town["blocks"].area.between(0.9e6, 2.8e6).all()
    assert town["street_blocks"].area.between(2 * HA, 35 * HA).all()
    assert town["units"].area.between(8 * HA, 60 * HA).all()


def test_over_half_of_the_buildings_are_low(town):
    """More than half of the buildings have one storey or were built by their owners."""
    buildings = town["buildings"]
    low = (buildings["storeys"] == 1) | buildings["fabric"].isin(["self_built", "shanty"])
    assert low.mean() > 0.5


def test_heights(town):
    """Old estates have no more than six storeys, and the highest building 60 to 80 m."""
    assert estates(town)["storeys"].between(4, 6).all()
    assert 60.0 <= town["buildings"]["height_m"].max() <= 80.0


def test_old_estates_are_old(town):
    """Old estates stood before the end of 2000."""
    assert (estates(town)["built_year"] <= 2000).all()


def test_the_north_is_unserved(town):
    """No station in operation is within 800 m of the northern third of the town."""
    limit = np.quantile(shapely.get_y(town["buildings"].centroid.to_numpy()), 0.75)
    assert (shapely.get_y(running(town).geometry.to_numpy()) + 800.0 < limit).all()


def test_projects_by_type_and_state(town, known):
    """Forty projects, of the types and stages of the table."""
    projects = town["projects"]
    stage = projects["state"].map({c.code: c.more["stage"] for c in known.codes["project_states"].codes})
    assert projects["project_type"].value_counts().to_dict() == TYPES
    assert stage.value_counts().to_dict() == STAGES


def test_projects_start_over_five_years(town):
    """Starts spread over five years: 4, 7, 8, 9 and 12."""
    assert town["projects"]["start_year"].value_counts().sort_index().tolist() == [4, 7, 8, 9, 12]


@pytest.mark.parametrize("kind", SIZES)
def test_project_sizes(town, kind):
    """Projects of a type are as large as the table says, give or take a tenth."""
    hectares = town["projects"].query("project_type == @kind").area / HA
    low, high = SIZES[kind]
    assert hectares.between(0.9 * low, 1.1 * high).all()


@pytest.mark.parametrize("kind", HOUSEHOLDS)
def test_project_households(town, kind):
    """Projects of a type have as many households as the table says, give or take a tenth."""
    households = town["projects"].query("project_type == @kind")["households"]
    low, high = HOUSEHOLDS[kind]
    assert households.between(0.9 * low, 1.1 * high).all()


def test_units_hold_one_to_six_projects(town):
    """Every unit holds one to six projects."""
    held = town["projects"]["unit_id"].value_counts().reindex(town["units"]["unit_id"]).fillna(0)
    assert held.between(1, 6).all()
