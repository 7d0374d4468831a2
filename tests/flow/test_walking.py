"""Walking on a store: the commands that a planner types, and what stands in the store and the files afterwards."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely

from gis.errors import EmptyError
from gis.workflow import analyses, intake, outputs, surroundings, walking
from tests.flow.conftest import SETTINGS


def sheet(path, name):
    """Return the rows of a sheet below its headings, by heading."""
    rows = list(openpyxl.load_workbook(path)[name].iter_rows(values_only=True))
    return [dict(zip(rows[3], row, strict=True)) for row in rows[5:]]


def bound(cell):
    """Return the least that a cell with ≥ says, 0 for a number."""
    said = re.fullmatch(r"≥ ([\d,.]+)\(缺 \d+ 项\)", str(cell))
    return float(said[1].replace(",", "")) if said else 0.0


def candidates(store, path):
    """Write the ways that barriers cut as candidates, with a new exit of a station."""
    found = walking.network(store, settings=SETTINGS).findings
    cut = found[found["code"] == "network.cut"]
    ways = store.read("walkways").set_index("walkway_id").geometry
    shapes = [ways[key].intersection(shapely.Point(x, y).buffer(12)) for key, x, y in cut[["feature", "x", "y"]].values]
    place = store.read("stations").set_index("station_id").geometry["ZD05"]
    rows = {
        "candidate_id": [*(f"甲{n}" for n in range(len(shapes))), "丙"],
        "name": [*(f"第{n}处开口" for n in range(len(shapes))), "=澜西站新出口"],
        "kind": [*["crossing"] * len(shapes), None],
        "station_id": [*[None] * len(shapes), "ZD05"],
    }
    exit_ = shapely.Point(place.x, place.y + 180)
    frame = gpd.GeoDataFrame(rows, geometry=[*shapes, exit_], crs=store.read("walkways").crs)
    frame.to_file(path)
    return frame


def test_the_store_holds_sheds_results_and_programmes(store):
    """Catchments by line and on foot, figures in three versions, and a programme for every station in operation."""
    drawn, results = store.read("catchments"), store.read("station_results")
    assert drawn.groupby(["method", "version"]).size().to_dict() == {
        ("EUC", "nearest"): 18, ("EUC", "raw"): 18, ("NET", "nearest"): 18, ("NET", "raw"): 18,
    }  # fmt: skip
    on_foot = results[results["method"] == "NET"].set_index("version")
    ring = on_foot["ring"] == "步行15分钟"
    sums = on_foot[ring].groupby("version")[["area_m2", "building_count", "jobs"]].sum()
    split, once = (sums.loc[version].to_numpy(dtype=float) for version in ("shared", "nearest"))
    assert split == pytest.approx(once, rel=1e-9)
    assert sums.loc["raw", "area_m2"] > sums.loc["nearest", "area_m2"]
    programmes = store.read("station_programmes")
    assert set(programmes["station_id"]) == set(drawn["station_id"])
    moves = programmes[programmes["item"].str.startswith("transfer_")]
    assert set(programmes["item"]) - set(moves["item"]) == {"project", "gap", "stock", "constraint"}
    assert not moves.duplicated(["station_id", "feature_id"]).any(), "a transfer is listed once a station"
    kinds = programmes["kind"].dropna()
    assert not kinds.str.contains("[a-z]").any(), "codes are put into words"


def test_block_coordination_still_counts_rings(store):
    """Walk-sheds are no catchments of the ledger: 800 m rings are."""
    drawn = surroundings.outermost(store.read("catchments"))
    assert set(drawn["method"]) == {"EUC"} and set(drawn["radius_m"]) == {800.0}


def test_scenario(store_path, tmp_path, gis):
    """Planned stations bring more within reach, nothing is stored, and the table adds up in Chinese."""
    code, out, _ = gis("stations", store_path, "--scenario", "--out", tmp_path / "情景.xlsx")
    assert code == 0 and "居住人口" in out
    rows = sheet(tmp_path / "情景.xlsx", "规划站点情景对比表")
    known = [row for row in rows if not any(bound(row[side]) for side in ("现状", "情景", "增加"))]
    assert known and len(known) < len(rows), "some buildings of the town have no residents on record"
    assert all(row["增加"] == pytest.approx(row["情景"] - row["现状"], abs=0.011) and row["增加"] >= 0 for row in known)
    gained = [row["增加"] for row in rows if row["指标"] == "居住人口"]
    assert any(bound(cell) or cell > 0 for cell in gained)
    single = sheet(tmp_path / "情景.xlsx", "规划站点分站点对比表")
    sides = ("现状", "转入", "转出", "情景")
    here, into, out_of, then = np.array([
        [row[side] for side in sides] for row in single if not any(bound(row[side]) for side in sides)
    ]).T  # fmt: skip
    assert np.allclose(here + into - out_of, then, atol=0.03)


def test_a_table_needs_a_scenario(store_path, tmp_path, gis):
    """--out without --scenario says what to add."""
    code, _, said = gis("stations", store_path, "--out", tmp_path / "a.xlsx")
    assert code == 2 and "--scenario" in said


def test_crossings(store, store_path, tmp_path, gis):
    """Candidates are read from a file, ranked, and written; a name that looks like a formula stays text."""
    given = candidates(store, tmp_path / "候选.gpkg")
    code, out, _ = gis("crossings", store_path, tmp_path / "候选.gpkg", "--out", tmp_path / "比选.xlsx")
    assert code == 0 and "丙" in out
    rows = sheet(tmp_path / "比选.xlsx", "新增通道比选表")
    assert len(rows) == 3 * len(given)
    assert rows[0]["候选名称"] == "=澜西站新出口" and rows[0]["名次"] == 1
    made = walking.crossings(store, given, settings=SETTINGS)
    best = made.results[made.results["candidate_id"] == "丙"].set_index("minutes")
    assert [bound(row["居住人口"]) or row["居住人口"] for row in rows[:3]] == best["residents_least"].tolist()
    assert [bool(bound(row["居住人口"])) for row in rows[:3]] == (best["residents_lacking"] > 0).tolist()
    assert best["residents_least"].iloc[-1] > 0


def test_candidates_without_keys_are_numbered(store, tmp_path):
    """C1, C2, … in the order of the file."""
    frame = candidates(store, tmp_path / "a.gpkg").drop(columns="candidate_id")
    frame.to_file(tmp_path / "b.gpkg")
    read = walking.read_candidates(tmp_path / "b.gpkg", settings=SETTINGS)
    assert read["candidate_id"].tolist() == [f"C{n + 1}" for n in range(len(frame))]


def test_sheets_of_stations(store, tmp_path):
    """A page a station, named by the station; without results the error says what to run first."""
    made = list(outputs.write_sheets(store, tmp_path / "图纸", suffix=".png"))
    assert made[0].name == "云麓-ZD01.png" and len(made) == 6
    assert all(path.stat().st_size > 100_000 for path in made)
    store.replace("station_results", store.read("station_results")[:0], lineage=None)
    with pytest.raises(EmptyError, match="gis stations"):
        list(outputs.write_sheets(store, tmp_path / "图纸"))


def test_streets_stand_in_for_walkways(store):
    """A store without walkways walks on its streets, over barriers wherever they are drawn across one."""
    keys = store.read("walkways")["walkway_id"].tolist()
    store.retire("walkways", keys, author="t", reason="t")
    paths = walking.network(store, settings=SETTINGS)
    assert len(paths.ends) and "network.cut" not in set(paths.findings["code"])
    store.retire("streets", store.read("streets")["street_id"].tolist(), author="t", reason="t")
    assert walking.network(store, settings=SETTINGS) is None
    with pytest.raises(EmptyError, match="walkways"):
        walking.scenario(store, settings=SETTINGS)
    drawn = surroundings.catchments(store, settings=SETTINGS)
    assert set(drawn["method"]) == {"EUC"}


def test_a_gap_is_never_more_than_the_residents_of_the_sheet(store):
    """One population: gaps are among the residents of the widest walk; kinds without data are undetermined."""
    results, programmes = store.read("station_results"), store.read("station_programmes")
    raw = results[(results["method"] == "NET") & (results["version"] == "raw")]
    widest = raw.sort_values("minutes").drop_duplicates("station_id", keep="last").set_index("station_id")["residents"]
    gaps = programmes[programmes["item"] == "gap"]
    known = gaps.dropna(subset=["residents"])
    assert len(known) and (known["residents"] <= known["station_id"].map(widest)).all()
    have = set(store.read("facilities")["kind"])
    titles = store.catalogue.code_list("facility_kinds").titles()
    unknown = gaps[gaps["note"] == "暂无法判定(缺该类设施数据)"]
    assert set(unknown["kind"]).isdisjoint({titles[kind] for kind in have})
    assert unknown["residents"].isna().all() and set(known["kind"]) <= {titles[kind] for kind in have}
    found = store.read("findings", where={"origin": "stations"})
    assert (found["code"] == "station.gap_undetermined").sum() == (1 if len(unknown) else 0)


def bare(tmp_path, **layers):
    """Return a store that holds little."""
    made = intake.init(tmp_path / "bare.gpkg", settings=SETTINGS)
    for name, frame in layers.items():
        made.put(name, frame, author="t", reason="t")
    return made


def test_stations_without_ways_have_rings_alone(town, tmp_path):
    """Ring figures of 300, 500 and 800 m, walk figures missing, one sentence, a sheet; nothing crashes."""
    with bare(tmp_path, stations=town["stations"]) as store:
        made = surroundings.stations(store, settings=SETTINGS)
        assert set(made.results["radius_m"]) == {300.0, 500.0, 800.0}
        assert set(made.results["method"]) == {"EUC"}
        assert made.results[["minutes", "shed_ratio", "residents", "street_density"]].isna().all(axis=None)
        assert (made.findings["code"] == "station.no_network").sum() == 1
        assert set(made.programmes["note"]) == {"暂无法判定(缺建筑数据)"}
        path = next(outputs.write_sheets(store, tmp_path))
        assert path.stat().st_size > 10_000


def street(town, state):
    """Return two stations 900 m apart on one street, the second in a state, and four buildings near it."""
    middle = town["districts"].geometry.iloc[0].representative_point()

    def made(rows, shapes):
        moved = [shapely.affinity.translate(shape, middle.x, middle.y) for shape in shapes]
        return gpd.GeoDataFrame(rows, geometry=moved, crs=town["stations"].crs)

    ends = shapely.points([(0, 0), (900, 0)])
    boxes = [shapely.box(x, 5, x + 10, 15) for x in (100, 800, 820, 840)]
    return {
        "districts": town["districts"],
        "stations": made({"station_id": ["Z1", "Z2"], "name": ["甲", "乙"], "state": ["operating", state]}, ends),
        "walkways": made({"walkway_id": ["W"]}, [shapely.LineString(ends)]),
        "buildings": made(
            {
                "building_id": ["B0", "B1", "B2", "B3"],
                "use": ["residential", "residential", "residential", "commercial"],
                "floor_area_above_m2": 500.0,
                "residents": pd.array([50, 30, None, None], dtype="Int64"),
                "jobs": pd.array([None, None, None, None], dtype="Int64"),
            },
            boxes,
        ),
    }


def test_unknown_residents_are_a_bound_and_never_0(town, tmp_path, gis):
    """Print and workbook of a scenario and of crossings say ≥ and how many lack; a shop without residents has none."""
    layers = street(town, "planned")
    bare(tmp_path, **layers).close()
    code, said, _ = gis("stations", tmp_path / "bare.gpkg", "--scenario", "--out", tmp_path / "情景.xlsx")
    assert code == 0 and "≥ 30.00" in said
    rows = {(row["指标"], row["步行时间"]): row for row in sheet(tmp_path / "情景.xlsx", "规划站点情景对比表")}
    sides, least = ("现状", "情景", "增加"), "≥ 30.00(缺 1 项)"
    assert [rows["居住人口", 5][side] for side in sides] == [50, "≥ 80.00(缺 1 项)", least]
    assert [rows["就业岗位", 5][side] for side in sides] == [0, *["≥ 0.00(缺 1 项)"] * 2]
    assert {rows["更新项目数", 5][side] for side in sides} == {"暂无法判定"}
    single = [row for row in sheet(tmp_path / "情景.xlsx", "规划站点分站点对比表") if row["站点名称"] == "乙"]
    assert {row["转入"] for row in single if row["指标"] == "居住人口"} == {least}

    exit_ = layers["stations"][1:].rename(columns={"station_id": "candidate_id"}).assign(station_id="Z1")
    exit_.to_file(tmp_path / "候选.gpkg")
    code, said, _ = gis("crossings", tmp_path / "bare.gpkg", tmp_path / "候选.gpkg", "--out", tmp_path / "比选.xlsx")
    assert code == 0 and "≥" in said and "_m2" not in said
    row = sheet(tmp_path / "比选.xlsx", "新增通道比选表")[0]
    figures = ("名次", "建筑数", "居住人口", "就业岗位", "更新项目数", "可更新建筑规模")
    said = [1, 3, "≥ 30(缺 1 项)", "≥ 0(缺 1 项)", "暂无法判定", "≥ 0.00(缺 3 项)"]
    assert [row[name] for name in figures] == said


SPOTS = {
    "interchange": ([(0, 0), (0, 0)], {"catchment.shared_place", "catchment.no_nearest"}),
    "three-at-one": ([(0, 0), (0, 0), (0, 0)], {"catchment.shared_place", "catchment.no_nearest"}),
    "hand's-breadth": ([(0, 0), (0.05, 0)], {"catchment.near_place"}),
    "beyond-all-ways": ([(0, 0), (0, 4000)], {"catchment.no_network", "catchment.beyond_district"}),
    "no-entrance": ([(0, 0)], {"catchment.no_entrances"}),
}
_ON_WAYS = {"catchment.no_network"}


@pytest.mark.parametrize("ways", [True, False], ids=["ways", "rings-alone"])
@pytest.mark.parametrize("name", SPOTS)
def test_stations_that_are_less_than_they_seem_are_named(town, tmp_path, gis, name, ways):
    """Whichever command draws catchments says so, prints it and keeps it once, with a network or with rings alone."""
    places, codes = SPOTS[name]
    codes = codes if ways else codes - _ON_WAYS
    middle = town["districts"].geometry.iloc[0].representative_point()
    shapes = gpd.points_from_xy([middle.x + x for x, _ in places], [middle.y + y for _, y in places])
    rows = {"station_id": [f"Z{n}" for n in range(len(places))], "name": "某站", "state": "operating"}
    stations = gpd.GeoDataFrame(rows, geometry=shapes, crs=town["stations"].crs)
    street = shapely.LineString([(middle.x - 300, middle.y), (middle.x + 300, middle.y)])
    layers = {"stations": stations, "districts": town["districts"], "blocks": town["blocks"].head(2)}
    if ways:
        layers["walkways"] = gpd.GeoDataFrame({"walkway_id": ["W"]}, geometry=[street], crs=stations.crs)
    bare(tmp_path, **layers).close()
    for command in ("blocks", "stations", "blocks"):
        code, said, _ = gis(command, tmp_path / "bare.gpkg")
        with intake.opened(tmp_path / "bare.gpkg", SETTINGS) as store:
            found = store.read("findings", where={"origin": "catchments"})
            sentences = found[found["code"].isin(codes)]["text"]
            every = store.read("findings")
        assert code == 0 and codes <= set(found["code"])
        assert all("".join(each.split()) in "".join(said.split()) for each in sentences)
        assert not every.duplicated(["code", "layer", "feature", "parameters"]).any()
    assert found["code"].eq("station.no_network").sum() == (0 if ways else 1)
    assert sentences.str.contains("Z").all()


def test_blocks_without_a_station_are_coordinated(town, tmp_path, gis):
    """Catchment figures are missing; catchments of stations that are gone do not stay; the command ends with 0."""
    layers = {name: town[name] for name in ("blocks", "units", "projects")}
    with bare(tmp_path, stations=town["stations"], **layers) as store:
        analyses.blocks(store, settings=SETTINGS)
        assert store.read("block_results")["catchment_share"].notna().sum() == 10
        store.put("stations", store.read("stations").assign(state="planned"), author="t", reason="t")
        analyses.blocks(store, settings=SETTINGS)
        results = store.read("block_results")
        assert results[["catchment_area_m2", "catchment_share"]].isna().all(axis=None)
        assert results["project_count"].sum() == 40
        assert store.read("catchments").empty and store.read("cells")["catchment_ids"].isna().all()
    code, said, _ = gis("blocks", tmp_path / "bare.gpkg")
    assert code == 0 and "没有现状运营的轨道站点" in "".join(said.split())
