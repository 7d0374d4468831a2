"""The whole job in a grid whose datum PROJ cannot relate to CGCS2000, or relates only by way of WGS 84."""

from __future__ import annotations

import base64
import io
import json
import re
import sqlite3
import zipfile
from contextlib import closing

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


# parameters that nobody else has; one grid is tied to CGCS2000, the other to nothing that PROJ knows
SECRETS = ["116.3127", "314159.25", "0.999917", "Secret ellipsoid"]
TIED = f"""PROJCS["某区独立坐标系",GEOGCS["China Geodetic Coordinate System 2000",DATUM["China_2000",
SPHEROID["CGCS2000",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],
PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",{SECRETS[0]}],
PARAMETER["scale_factor",{SECRETS[2]}],PARAMETER["false_easting",{SECRETS[1]}],PARAMETER["false_northing",0],
UNIT["metre",1]]"""
UNTIED = TIED.replace("China_2000", "Secret datum").replace('"CGCS2000"', f'"{SECRETS[3]}"')


def contents(path):
    """Yield all that a file holds, members of a zip and what is written in base 64 unpacked."""
    raw = path.read_bytes()
    if not zipfile.is_zipfile(path):
        yield raw
        yield from (base64.b64decode(part[: len(part) // 4 * 4]) for part in re.findall(rb"[A-Za-z0-9+/]{80,}", raw))
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for name in archive.namelist():
            inner = path.with_name(f"{path.stem}-member{path.suffix}")
            inner.write_bytes(archive.read(name))
            yield from contents(inner)
            inner.unlink()


@pytest.mark.parametrize("system", [TIED, UNTIED], ids=["tied to CGCS2000", "tied to nothing"])
def test_no_file_tells_the_parameters_of_a_grid(gis, system, tmp_path):
    """Store, exports, report, points, delivery, map, workbook; and an export comes back into its store unasked."""
    (tmp_path / "grid.wkt").write_text(system, encoding="utf-8")
    (tmp_path / "s.toml").write_text(f'bounds = []\ncrs = "{tmp_path / "grid.wkt"}"\n', encoding="utf-8")
    (tmp_path / "out").mkdir()
    store, out = tmp_path / "out" / "s.gpkg", tmp_path / "out"

    def run(*words):
        code, said, wrong = gis("--settings", tmp_path / "s.toml", *words)
        assert not any(secret in said + wrong for secret in SECRETS)
        return code, said + wrong

    run("init", store)
    for layer, file in files(tmp_path, system, 300_000.0, 4_400_000.0):
        assert run("load", store, file, "--layer", layer)[0] == 0
    assert run("check", store, "--report", out / "r.xlsx", "--points", out / "p.gpkg")[0] == 0
    assert run("deliver", store, out / "d.zip")[0] == 0
    assert run("map", store, out / "m.html", "--internal")[0] == 0
    assert run("workbook", store, out / "w.xlsx")[0] == 0
    suffixes = ["gpkg", "csv", "xlsx", "parquet", *(["geojson"] if system == TIED else [])]
    for suffix in suffixes:
        code, said = run("export", store, "blocks", out / f"b.{suffix}")
        assert code == 0, said
        code, said = run("load", store, out / f"b.{suffix}", "--layer", "blocks")
        assert code == 0 and "入库 4 行" in said, said
    for path in [file for file in sorted(out.rglob("*")) if file.is_file()]:
        told = [secret for part in contents(path) for secret in SECRETS if secret.encode() in part]
        assert not told, (path.name, told)


TELLING = f"某区 {SECRETS[0]} FE{SECRETS[1]}"


def test_a_name_that_tells_the_parameters_makes_no_store(gis, tmp_path):
    """A store keeps the name of its grid: it is refused, without its numbers, and no file stays."""
    (tmp_path / "grid.wkt").write_text(TIED.replace("某区独立坐标系", TELLING), encoding="utf-8")
    code, _, said = gis("--working-crs", tmp_path / "grid.wkt", "init", tmp_path / "s.gpkg")
    assert code == 3 and "某区 … FE…" in said and not any(secret in said for secret in SECRETS)
    assert not (tmp_path / "s.gpkg").exists()


def test_a_name_that_tells_the_parameters_does_not_leave(gis, tmp_path):
    """A store made before such names were refused still opens, and no file that leaves it repeats the name."""
    (tmp_path / "plain.wkt").write_text(TIED, encoding="utf-8")
    (tmp_path / "grid.wkt").write_text(TIED.replace("某区独立坐标系", TELLING), encoding="utf-8")
    (tmp_path / "s.toml").write_text(f'bounds = []\ncrs = "{tmp_path / "grid.wkt"}"\n', encoding="utf-8")
    (tmp_path / "out").mkdir()
    store, out = tmp_path / "s.gpkg", tmp_path / "out"
    gis("--working-crs", tmp_path / "plain.wkt", "init", store)
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("UPDATE gis_store SET value = ? WHERE name = 'crs'", [TELLING])
        connection.commit()

    def run(*words):
        code, said, wrong = gis("--settings", tmp_path / "s.toml", *words)
        assert code == 0, wrong
        assert not any(secret in said + wrong for secret in SECRETS)

    for layer, file in files(tmp_path, TIED.replace("某区独立坐标系", TELLING), 300_000.0, 4_400_000.0):
        run("load", store, file, "--layer", layer, "--report", out / f"{layer}.xlsx")
    run("check", store, "--report", out / "r.xlsx", "--points", out / "p.gpkg")
    run("deliver", store, out / "d.zip")
    run("map", store, out / "m.html", "--internal")
    run("workbook", store, out / "w.xlsx")
    for suffix in ("gpkg", "csv", "xlsx", "parquet", "geojson"):
        run("export", store, "blocks", out / f"b.{suffix}")
    for path in [file for file in sorted(out.rglob("*")) if file.is_file()]:
        told = [secret for part in contents(path) for secret in SECRETS if secret.encode() in part]
        assert not told, (path.name, told)
    code, _, said = gis("check", store)
    assert code == 3 and not any(secret in said for secret in SECRETS)


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


def test_a_file_in_our_own_grid_is_asked_about_once(gis, tmp_path):
    """The recipe holds the grid's name alone; the settings say what it is."""
    (tmp_path / "grid.wkt").write_text(TIED, encoding="utf-8")
    (tmp_path / "s.toml").write_text(f'bounds = []\ncrs = "{tmp_path / "grid.wkt"}"\n', encoding="utf-8")
    corners = "POLYGON ((300000 4400000, 301000 4400000, 301000 4401000, 300000 4400000))"
    (tmp_path / "blocks.csv").write_text(f'JQDM,JQMC,wkt\nAB00-0001,甲,"{corners}"\n', encoding="utf-8")
    name, store = ("--settings", tmp_path / "s.toml"), tmp_path / "s.gpkg"
    gis(*name, "init", store)
    code, _, said = gis(*name, "load", store, tmp_path / "blocks.csv")
    assert code == 3 and "--crs" in said
    assert gis(*name, "load", store, tmp_path / "blocks.csv", "--crs", tmp_path / "grid.wkt")[0] == 0
    store.unlink()
    gis(*name, "init", store)
    assert gis(*name, "load", store, tmp_path / "blocks.csv")[0] == 0
