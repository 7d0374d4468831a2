"""Rings of the six S1 stations against published figures (domain.md §3.3 and §10)."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import crs, gcj02
from gis.analysis import catchments

CRS = "EPSG:4548"
RADII = [(f"{radius}米圈", radius) for radius in (300, 500, 800, 1000)]
# name, longitude and latitude in GCJ-02 as the source prints them (domain.md F62), E and N in EPSG:4548 (§3.3)
STATIONS = [
    ("石厂", 116.100334, 39.889378, 422507, 4417484),
    ("小园", 116.114443, 39.890465, 423716, 4417593),
    ("栗园庄", 116.123254, 39.895780, 424476, 4418176),
    ("上岸", 116.122225, 39.905138, 424398, 4419216),
    ("桥户营", 116.125809, 39.912383, 424713, 4420018),
    ("四道桥", 116.134010, 39.916030, 425420, 4420417),
]
# radius m: sum of the rings, their union, km²
PRINTED = {300: (1.6963, 1.6963), 500: (4.7119, 4.5812), 800: (12.0625, 9.2702), 1000: (18.8477, 12.4812)}


def frame(x, y, coordinates):
    """Return the six stations as points."""
    names = pd.Series([name for name, *_ in STATIONS], dtype="str")
    return gpd.GeoDataFrame({"station_id": names}, geometry=gpd.points_from_xy(x, y), crs=coordinates)


@pytest.fixture(scope="module")
def stations():
    """The stations with the shift of GCJ-02 undone."""
    _, x, y, _, _ = (np.array(column) for column in zip(*STATIONS, strict=True))
    return crs.to(frame(*gcj02.from_gcj02(x, y), "EPSG:4490"), CRS)


@pytest.fixture(scope="module")
def rings(stations):
    """Their rings."""
    return catchments.rings(stations, None, RADII)


def sums(rings):
    """Return sum and union by radius, km²."""
    raw = rings[rings["version"] == "raw"].groupby("radius_m")
    return {radius: (group["area_m2"].sum() / 1e6, group.union_all().area / 1e6) for radius, group in raw}


@pytest.mark.parametrize("radius", PRINTED)
def test_sums_and_unions(rings, radius):
    """Sums and unions agree with the printed figures in all four decimals."""
    assert sums(rings)[radius] == pytest.approx(PRINTED[radius], abs=0.5e-4)


@pytest.mark.parametrize("radius", PRINTED)
def test_nearest_sums_to_the_printed_union(rings, radius):
    """De-duplicated rings add up to the union."""
    nearest = rings[(rings["version"] == "nearest") & (rings["radius_m"] == radius)]
    assert nearest["area_m2"].sum() / 1e6 == pytest.approx(PRINTED[radius][1], abs=0.5e-4)


@pytest.mark.parametrize("radius", PRINTED)
def test_rounded_coordinates(radius):
    """From the table's coordinates in whole metres, unions differ by less than 0.02 %."""
    *_, x, y = zip(*STATIONS, strict=True)
    assert sums(catchments.rings(frame(x, y, CRS), None, RADII))[radius] == pytest.approx(PRINTED[radius], rel=2e-4)


def test_places(stations):
    """The stations lie where the table puts them, to the metre."""
    *_, x, y = (np.array(column) for column in zip(*STATIONS, strict=True))
    assert np.abs(stations.geometry.x.to_numpy() - x).max() < 0.6
    assert np.abs(stations.geometry.y.to_numpy() - y).max() < 0.6


@pytest.mark.parametrize(("quad_segs", "factor"), [(8, 0.99359), (16, 0.99839), (64, 0.99990)])
def test_disc_against_circle(stations, quad_segs, factor):
    """A 500 m disc is smaller than the circle of 785,398.16 m² by a factor that depends on its pieces."""
    ring = catchments.rings(stations.iloc[:1], None, [("圈", 500)], quad_segs=quad_segs)
    assert ring["area_m2"].iloc[0] / 785_398.16 == pytest.approx(factor, abs=0.5e-5)


@pytest.mark.parametrize(("radius", "kept"), [(500, 0.326), (800, 0.564)])
def test_shifted_datum(stations, radius, kept):
    """On coordinates 560 m off, a ring keeps a third (500 m) or little more than half (800 m) of the true one."""
    true = catchments.rings(stations.iloc[:1], None, [("圈", radius)])
    east, north = 560 * np.sin(np.radians(74)), 560 * np.cos(np.radians(74))
    moved = stations.iloc[:1].set_geometry(stations.iloc[:1].translate(east, north))
    wrong = catchments.rings(moved, None, [("圈", radius)])
    share = shapely.intersection(true.geometry.iloc[0], wrong.geometry.iloc[0]).area / true["area_m2"].iloc[0]
    assert share == pytest.approx(kept, abs=0.5e-3)


def test_stops_of_the_real_folder(realdata):
    """Rings round the stops of the subway's own list are within 2 % of the printed sums and unions."""
    stops = pd.read_csv(realdata / "beijing" / "stops.txt", dtype="str", encoding="utf-8")
    six = stops[(stops["location_type"] == "1") & stops["stop_name"].isin([name for name, *_ in STATIONS])]
    six = six.drop_duplicates("stop_name")
    points = gpd.points_from_xy(six["stop_lon"].astype(float), six["stop_lat"].astype(float))
    placed = crs.to(gpd.GeoDataFrame({"station_id": six["stop_name"]}, geometry=points, crs="EPSG:4326"), CRS)
    found = sums(catchments.rings(placed, None, RADII))
    assert len(placed) == 6
    for radius, printed in PRINTED.items():
        assert found[radius] == pytest.approx(printed, rel=0.02)
