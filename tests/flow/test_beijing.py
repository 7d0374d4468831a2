"""The main job on real open data of Mentougou: facts that other people published, not our own output."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gis import catalogue, store
from gis.analysis import catchments
from gis.errors import CrsError
from gis.settings import Settings
from gis.workflow import beijing, walking

SETTINGS = Settings()
RADII = [("300", 300.0), ("500", 500.0), ("800", 800.0), ("1000", 1000.0)]
# domain.md §3.3: EPSG:4548 coordinates of the six S1 stations, and sums and unions of their rings in km² (§10.3)
S1 = {
    "石厂": (422507, 4417484),
    "小园": (423716, 4417593),
    "栗园庄": (424476, 4418176),
    "上岸": (424398, 4419216),
    "桥户营": (424713, 4420018),
    "四道桥": (425420, 4420417),
}
SUMS = [1.6963, 4.7119, 12.0625, 18.8477]
UNIONS = [1.6963, 4.5812, 9.2702, 12.4812]


def totals(stations):
    """Return ring sums (raw) and unions (de-duplicated) in km², by radius."""
    rings = catchments.rings(stations, None, RADII)
    table = rings.groupby(["version", "radius_m"])["area_m2"].sum() / 1e6
    return table["raw"].tolist(), table["nearest"].tolist()


def published():
    """Return the six stations at their published coordinates."""
    points = gpd.points_from_xy(*zip(*S1.values(), strict=True))
    return gpd.GeoDataFrame({"station_id": list(S1), "name": list(S1)}, geometry=points, crs=SETTINGS.crs)


def test_ring_sums_and_unions_of_published_coordinates():
    """Sums and unions of the S1 rings are those of the record, to its four decimals."""
    sums, unions = totals(published())
    assert sums == pytest.approx(SUMS, abs=6e-4)
    assert unions == pytest.approx(UNIONS, abs=2e-3)


@pytest.fixture(scope="module")
def folder(realdata):
    """Return the folder with the open data."""
    return realdata / "beijing"


@pytest.fixture(scope="module")
def layers(folder):
    """Return the layers made from the folder."""
    return beijing.layers(folder, catalogue=catalogue.read(), settings=SETTINGS)


def operating(layers):
    """Return the stations in operation."""
    stations = layers["stations"]
    return stations[stations["state"] == "operating"].reset_index(drop=True)


@pytest.mark.realdata
def test_six_stations_lie_in_the_district_in_every_outline(folder, layers):
    """Six S1 stations in the district, whichever outline is asked."""
    for version in beijing.OUTLINES:
        datum = "GCJ-02" if version == "DataV" else None
        ground = beijing.outline(folder, version, settings=SETTINGS, datum=datum).geometry.iloc[0]
        assert layers["stations"].within(ground).all(), version
    assert set(operating(layers)["name"]) == set(S1)
    planned = layers["stations"][layers["stations"]["state"] == "planned"]
    assert set(planned["name"]) == {"门头沟", "三家店"}
    assert planned["approximate"].all()


@pytest.mark.realdata
def test_ring_sums_and_unions_of_the_stops_file(layers):
    """The stops in the folder give the published sums and unions within 2 %."""
    sums, unions = totals(operating(layers))
    assert sums == pytest.approx(SUMS, rel=0.02)
    assert unions == pytest.approx(UNIONS, rel=0.02)


@pytest.mark.realdata
@pytest.mark.parametrize("version", list(beijing.OUTLINES))
def test_area_of_each_outline(folder, version):
    """Each outline measures between 1,446 and 1,451 km²."""
    datum = "GCJ-02" if version == "DataV" else None
    assert 1446e6 < beijing.outline(folder, version, settings=SETTINGS, datum=datum).area.iloc[0] < 1451e6


@pytest.mark.realdata
def test_shifted_outline_is_refused_until_it_is_converted(folder):
    """The DataV outline is GCJ-02 although it says nothing: refused with the flag that settles it."""
    with pytest.raises(CrsError, match="--datum GCJ-02"):
        beijing.outline(folder, "DataV", settings=SETTINGS)
    converted = beijing.outline(folder, "DataV", settings=SETTINGS, datum="GCJ-02").geometry.iloc[0]
    reference = beijing.outline(folder, "高德(已纠偏)", settings=SETTINGS).geometry.iloc[0]
    assert shapely.hausdorff_distance(converted, reference) < 500
    assert shapely.area(shapely.symmetric_difference(converted, reference)) < 0.01 * reference.area


@pytest.mark.realdata
def test_street_blocks_of_the_new_town(layers):
    """About 200 street blocks, a valid coverage inside the new town."""
    blocks = layers["street_blocks"]
    assert 170 <= len(blocks) <= 230
    assert shapely.coverage_is_valid(blocks.geometry.to_numpy())
    assert blocks["street_block_id"].is_unique


@pytest.mark.realdata
def test_projects_hold_only_what_the_plan_says(layers):
    """Eleven named projects, marked approximate; floor areas, households and years are blank; one has no place."""
    projects = layers["projects"]
    assert len(projects) == 11
    assert projects["approximate"].all()
    assert {"existing_floor_m2", "households", "start_year"}.isdisjoint(projects.columns)
    assert projects.geometry.isna().sum() == 1


@pytest.mark.realdata
def test_township_codes_agree_with_the_published_list(folder):
    """The catalogue's thirteen townships are those of the statistics list, name by name."""
    published_list = pd.read_csv(folder / "streets_110109.csv", dtype=str).set_index("code")["name"].to_dict()
    assert catalogue.read().code_list("townships").titles() == published_list


@pytest.mark.realdata
def test_whole_job_runs_on_real_data(folder, tmp_path):
    """Store, both analyses, map, workbook and delivery are made; the project without a place waits in quarantine."""
    report = beijing.run(folder, tmp_path / "out", settings=SETTINGS)
    assert {path.suffix for path in report.files} >= {".gpkg", ".html", ".xlsx", ".zip"}
    with store.open_store(str(tmp_path / "out" / "mentougou.gpkg"), settings=SETTINGS) as opened:
        assert opened.read("quarantine")["feature"].tolist() == ["MTG-JH-06"]
        assert "block.stand_in" in set(opened.read("findings")["code"])
        outside = opened.read("block_results").set_index("block_id").loc["街区外"]
        assert outside["project_count"] >= 1
        drawn = opened.read("catchments")
        on_foot = drawn[(drawn["method"] == "NET") & (drawn["version"] == "raw")]
        # six stations, three times; a walk never covers more than its circle and the depth beside it
        assert len(on_foot) == 18
        assert on_foot["shed_ratio"].between(0.02, 0.8).all()
        assert len(opened.read("station_programmes")) > 0
        made, _ = walking.scenario(opened, settings=SETTINGS)
        # no file holds parcels, buildings or homes there: what is gained of them is not known, and not 0
        known = made.totals["gained"].notna()
        assert set(made.totals.loc[known, "figure"]) == {"project_count"}
        assert made.totals.loc[known, "gained"].ge(0).all()
        assert {"MTG-GH-01", "MTG-GH-02"} <= set(opened.read("stations")["station_id"])
