"""Coordinates against numbers that other tools made (domain.md §6.1, §6.2, §10.1; gcoord's 664 places)."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely

from gis import crs, gcj02

# WGS 84 -> GCJ-02, BD-09 (domain.md §6.2)
SHIFTS = [
    ((116.10, 39.94), (116.1063278, 39.9413982), (116.1129255, 39.9470636)),
    ((115.70, 39.97), (115.7062159, 39.9711621), (115.7127027, 39.9772340)),
    ((116.05, 39.90), (116.0562794, 39.9013451), (116.0626993, 39.9075736)),
]
# metres and azimuth of GCJ-02, metres of BD-09 (domain.md §6.2)
LENGTHS = [(562.7, 74.0, 1354.8), (546.5, 76.3, 1350.1), (557.4, 74.5, 1373.5)]
# 116.10E 39.94N (domain.md §6.1)
PROJECTED = {
    "EPSG:4548": (423077.74, 4423254.86),
    "EPSG:4527": (39423077.74, 4423254.86),
    "EPSG:32650": (423108.51, 4421485.56),
}


@pytest.mark.parametrize(("wgs", "gcj", "bd"), SHIFTS)
def test_shifts_match_the_table(wgs, gcj, bd):
    """Both directions, to 1e-6 degrees."""
    assert gcj02.to_gcj02(*wgs) == pytest.approx(gcj, abs=1e-6)
    assert gcj02.gcj02_to_bd09(*gcj02.to_gcj02(*wgs)) == pytest.approx(bd, abs=1e-6)
    assert gcj02.from_gcj02(*gcj) == pytest.approx(wgs, abs=1e-6)
    assert gcj02.from_gcj02(*gcj02.bd09_to_gcj02(*bd)) == pytest.approx(wgs, abs=1e-6)


@pytest.mark.parametrize(("pair", "lengths"), list(zip(SHIFTS, LENGTHS, strict=True)))
def test_shifts_are_as_long_as_measured(pair, lengths):
    """On the ellipsoid, by another tool than ours."""
    geod = pyproj.Geod(ellps="GRS80")
    azimuth, _, gcj = geod.inv(*pair[0], *map(float, gcj02.to_gcj02(*pair[0])))
    _, _, bd = geod.inv(*pair[0], *map(float, gcj02.gcj02_to_bd09(*gcj02.to_gcj02(*pair[0]))))
    assert (gcj, azimuth, bd) == pytest.approx(lengths, abs=0.1)


@pytest.mark.parametrize("system", PROJECTED)
def test_projected_coordinates_match(system):
    """To a centimetre: zone prefix, and UTM 1.77 km off in northing."""
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(116.10, 39.94)], crs="EPSG:4490")
    point = crs.to(frame, system).geometry.iloc[0]
    assert (point.x, point.y) == pytest.approx(PROJECTED[system], abs=0.01)


@pytest.mark.parametrize(("radius", "left"), [(500, 0.326), (800, 0.564)])
def test_a_shift_of_560_m_leaves_this_much_of_a_ring(radius, left):
    """Domain.md §10.4: a station ring on GCJ-02 coordinates."""
    ring = shapely.Point(0, 0).buffer(radius, quad_segs=64)
    moved = shapely.affinity.translate(ring, 560 * np.sin(np.radians(74)), 560 * np.cos(np.radians(74)))
    assert ring.intersection(moved).area / ring.area == pytest.approx(left, abs=0.001)


@pytest.fixture(scope="module")
def places(realdata):
    """Give 664 places of China as gcoord has them: degrees by datum."""
    content = json.loads((realdata / "coords/gcoord_china_cities_664.json").read_text(encoding="utf-8"))
    return {name: np.array([place["coords"][name] for place in content]).T for name in ("WGS84", "GCJ02", "BD09")}


@pytest.mark.parametrize(
    ("came", "wanted", "function"),
    [
        ("WGS84", "GCJ02", gcj02.to_gcj02),
        ("GCJ02", "WGS84", gcj02.from_gcj02),
        ("GCJ02", "BD09", gcj02.gcj02_to_bd09),
        ("BD09", "GCJ02", gcj02.bd09_to_gcj02),
    ],
)
@pytest.mark.realdata
def test_664_places_match_gcoord(places, came, wanted, function):
    """Its GCJ-02 lies half a metre from the published formula, everywhere the same way; BD-09 agrees to a decimetre."""
    assert places["WGS84"].shape == (2, 664)
    limit = 1e-6 if "BD09" in {came, wanted} else 1e-5
    assert np.abs(np.array(function(*places[came])) - places[wanted]).max() < limit
