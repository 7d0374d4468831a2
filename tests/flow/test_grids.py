"""The whole job in a grid whose datum PROJ cannot relate to CGCS2000, or relates only by way of WGS 84."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from gis import crs
from tests.unit.publish.handmade import OWN_GRID

# a place of each grid
GRIDS = {"own": (500_000.0, 4_400_000.0), "EPSG:3826": (302_000.0, 2_770_000.0), "EPSG:2154": (652_000.0, 6_862_000.0)}


def files(folder, system, east, north):
    """Write a district with four blocks, a project and a station."""
    corners = [(0, 0), (1000, 0), (0, 1000), (1000, 1000)]
    blocks = [shapely.box(east + x, north + y, east + x + 1000, north + y + 1000) for x, y in corners]
    layers = {
        "districts": ({"XZQDM": ["63000"], "XZQMC": ["某区"]}, [shapely.union_all(blocks)]),
        "blocks": ({"JQDM": [f"AB00-000{n}" for n in range(4)], "JQMC": list("甲乙丙丁")}, blocks),
        "projects": (
            {"XMBH": ["X1"], "XMMC": ["甲"], "XMLX": ["老旧小区"], "XMZT": ["储备"]},
            [shapely.box(east + 100, north + 100, east + 300, north + 300)],
        ),
        "stations": ({"ZDBH": ["S1"], "ZDMC": ["某站"], "ZDZT": ["运营"]}, [shapely.Point(east + 900, north + 900)]),
    }
    for name, (values, shapes) in layers.items():
        pyogrio.write_dataframe(gpd.GeoDataFrame(values, geometry=shapes, crs=system), folder / f"{name}.gpkg")
        yield name, folder / f"{name}.gpkg"


@pytest.fixture(params=GRIDS)
def ours(request, tmp_path):
    """Return name, definition and a settings file of a grid."""
    system = OWN_GRID if request.param == "own" else request.param
    if request.param == "own":
        (tmp_path / "grid.wkt").write_text(system, encoding="utf-8")
    said = tmp_path / "grid.wkt" if request.param == "own" else system
    (tmp_path / "s.toml").write_text(f'bounds = []\ncrs = "{said}"\n', encoding="utf-8")
    return request.param, system, tmp_path / "s.toml"


def test_all_of_the_job_runs(gis, ours, tmp_path):
    """Loads after districts, check, delivery, maps, workbook; only GeoJSON may lack a way to degrees, and says so."""
    name, system, settings = ours
    store = tmp_path / "s.gpkg"

    def run(*words):
        return gis("--settings", settings, *words)

    assert run("init", store)[0] == 0
    for layer, file in files(tmp_path, system, *GRIDS[name]):
        code, out, said = run("load", store, file, "--layer", layer)
        assert code == 0 and "待核 0 行" in out, out + said
    assert run("check", store)[0] == 0
    assert run("deliver", store, tmp_path / "d.zip")[0] == 0
    assert run("verify", tmp_path / "d.zip")[0] == 0
    assert run("map", store, tmp_path / "m.html", "--internal")[0] == 0
    assert run("workbook", store, tmp_path / "w.xlsx")[0] == 0
    for suffix in ("gpkg", "csv", "xlsx", "parquet"):
        assert run("export", store, "blocks", tmp_path / f"b.{suffix}")[0] == 0
    code, _, said = run("export", store, "blocks", tmp_path / "b.geojson")
    if name == "own":
        assert code == 3 and "GeoJSON" in said and "latitude" in said
        return
    assert code == 0
    came = json.loads((tmp_path / "b.geojson").read_text(encoding="utf-8"))["features"]
    lon, lat = np.array(came[0]["geometry"]["coordinates"][0][0][0])
    assert (120 < lon < 123 and 24 < lat < 26) if name == "EPSG:3826" else (2 < lon < 3 and 48 < lat < 50)


def test_what_is_stated_about_places_is_not_checked_without_a_word(gis, tmp_path):
    """Bounds are degrees: where nobody knows the way to them, the check says that it was not made."""
    (tmp_path / "grid.wkt").write_text(OWN_GRID, encoding="utf-8")
    (tmp_path / "s.toml").write_text(f'crs = "{tmp_path / "grid.wkt"}"\n', encoding="utf-8")
    gis("--settings", tmp_path / "s.toml", "init", tmp_path / "s.gpkg")
    for layer, file in files(tmp_path, OWN_GRID, *GRIDS["own"]):
        code, out, said = gis("--settings", tmp_path / "s.toml", "load", tmp_path / "s.gpkg", file, "--layer", layer)
        assert code == 0 and "未检查是否在本区范围内" in out.replace("\n", ""), said


@pytest.mark.parametrize("code", ["EPSG:3826", "EPSG:2154", "EPSG:25832", "EPSG:2326"])
def test_a_way_over_wgs_84_is_a_way(code):
    """Forth and back again to a millimetre: seven parameters are taken back by their opposites."""
    assert crs.reaches_degrees(crs.parse(code))
    there = crs.transformer(crs.parse(code), crs.CGCS2000)
    back = crs.transformer(crs.CGCS2000, crs.parse(code))
    place = {"EPSG:3826": GRIDS["EPSG:3826"], "EPSG:2326": (836_000.0, 819_000.0)}.get(code, (500_000.0, 6_000_000.0))
    assert back.transform(*there.transform(*place)) == pytest.approx(place, abs=1e-3)


@pytest.mark.parametrize("code", ["EPSG:2384", "EPSG:2436", "EPSG:4555", OWN_GRID])
def test_no_way_is_invented(code):
    """Xian 1980, Beijing 1954 and a bureau's own grid stay where they are."""
    assert not crs.reaches_degrees(crs.parse(code))
