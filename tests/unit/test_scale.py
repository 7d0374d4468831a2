"""Partitions give the rows of a single run to the last bit, once each, and nothing finished is lost or made twice."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

import dask_geopandas
import geopandas as gpd
import numpy as np
import pandas as pd
import psutil
import pytest
import shapely
from distributed import Client, LocalCluster

from gis import compiled, scale
from gis.analysis import apportionment, assignment, overlay
from gis.errors import CrsError, EmptyError, FrameError, SourceError, UsageError

AT = np.array([440_000.0, 4_420_000.0])
KEYS = ["building_id", "block_id", "unit_id", "catchment_id"]


def frame(name, shapes):
    placed = shapely.transform(np.asarray(shapes, dtype=object), lambda corners: np.round(corners + AT, 3))
    keys = pd.Series([f"{name[:2].upper()}{n:04d}" for n in range(len(placed))], dtype="str")
    return gpd.GeoDataFrame({f"{name}_id": keys}, geometry=placed, crs="EPSG:4548")


@pytest.fixture(scope="module")
def layers():
    """Draw blocks in a grid, units that cut across them, and catchments that overlap."""
    random = np.random.default_rng(7)
    x, y = np.meshgrid(np.arange(0, 600, 100.0), np.arange(0, 600, 100.0))
    blocks = shapely.box(x + 3, y + 3, x + 97, y + 97).ravel()
    units = [shapely.transform(shape, lambda corners: corners @ [[0.9, 0.3], [-0.3, 0.9]]) for shape in blocks]
    stops = shapely.points(random.uniform(0, 600, (12, 2)))
    return {
        "block": frame("block", blocks),
        "unit": frame("unit", units),
        "catchment": frame("catchment", shapely.buffer(stops, 180)),
    }


@pytest.fixture(scope="module")
def buildings():
    """Draw 400 turned houses, many across the lines of blocks and units."""
    random = np.random.default_rng(8)
    middle, half, turn = random.uniform(0, 600, (400, 2)), random.uniform(4, 15, (400, 2)), random.uniform(0, 3, 400)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * half[:, None, :]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y = corners[..., 0] * cos - corners[..., 1] * sin, corners[..., 0] * sin + corners[..., 1] * cos
    houses = frame("building", shapely.polygons(np.stack([x, y], -1) + middle[:, None, :]))
    return houses.assign(floors=np.arange(400) % 7)


@pytest.fixture(scope="module")
def single(buildings, layers):
    return overlay.common_ground({"building": buildings, **layers}, owner="building")


@pytest.fixture
def kernels(monkeypatch):
    """Let kernels measure pairs however few they are: GEOS, which stands in for them, sees where a frame begins."""
    monkeypatch.setattr(compiled, "ready", lambda edges: True)


def partitions(things, count):
    return dask_geopandas.from_geopandas(things.reset_index(drop=True), npartitions=count)


def rows(table, keys=KEYS):
    return table.compute(scheduler="synchronous").sort_values(keys, ignore_index=True)


def same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def times(folder):
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("part-*.parquet")}


@pytest.mark.parametrize("count", [1, 3, 7])
def test_rows_are_those_of_a_single_run(buildings, layers, single, tmp_path, count):
    """However many partitions and in whatever order, the rows are the same to the last bit."""
    assert len(single) > 1000
    shuffled = buildings.sample(frac=1, random_state=count)
    table = scale.common_ground(partitions(shuffled, count), layers, tmp_path)
    assert table.npartitions == len(times(tmp_path)) == count
    same(rows(table), single)


def test_rows_do_not_depend_on_the_tiles(tmp_path):
    """Long edges over small units: which tiles an edge passes depends on the partition, the areas do not."""
    random = np.random.default_rng(3)
    x, y = np.meshgrid(np.arange(0, 600, 10.0), np.arange(0, 600, 10.0))
    squares = [[(0, -reach), (reach, 0), (0, reach), (-reach, 0)] for reach in (150, 200, 240, 280)]
    layers = {
        "unit": frame("unit", shapely.box(x + 0.5, y + 0.5, x + 9.5, y + 9.5).ravel()),
        "catchment": frame("catchment", shapely.polygons(np.array(squares) + 300.0)),
    }
    middle, half = random.uniform(0, 600, (1500, 1, 2)), random.uniform(2, 6, (1500, 1, 1))
    houses = frame("building", shapely.polygons(middle + half * [(-1, -1), (1, -0.9), (1, 1), (-0.8, 1)]))
    one = overlay.common_ground({"building": houses, **layers}, owner="building")
    things = scale.spread_out(houses, tmp_path / "spread", rows=220)
    same(rows(scale.common_ground(things, layers, tmp_path / "out"), [KEYS[0], *KEYS[2:]]), one)


def test_files_give_the_same_rows(buildings, layers, single, tmp_path):
    """Things spread out over files along a curve, and layers from files, are the same things and layers."""
    buildings.sample(frac=1, random_state=1).to_parquet(tmp_path / "buildings.parquet", row_group_size=30)
    for name, layer in layers.items():
        layer.to_parquet(tmp_path / f"{name}.parquet", write_covering_bbox=True)
    folder = scale.spread_out(tmp_path / "buildings.parquet", tmp_path / "spread", rows=60)
    files = {name: str(tmp_path / f"{name}.parquet") for name in layers}
    table = scale.common_ground(folder, files, tmp_path / "out")
    assert table.npartitions == 7
    same(rows(table), single)
    same(rows(scale.common_ground(sorted(folder.iterdir())[:3], files, tmp_path / "part")), single[
        single["building_id"].isin(pd.concat(map(pd.read_parquet, sorted(folder.iterdir())[:3]))["building_id"])
    ].reset_index(drop=True))  # fmt: skip


def test_what_crosses_a_border_counts_once(buildings, layers, tmp_path):
    """Houses whose ground reaches into another partition's keep all of it, and no other partition has it."""
    folder = scale.spread_out(buildings, tmp_path / "spread", rows=60)
    parts = [gpd.read_parquet(file) for file in sorted(folder.iterdir())]
    hulls = [part.union_all().convex_hull for part in parts]
    crossing = [part[part.intersects(shapely.union_all(hulls[:n] + hulls[n + 1 :]))] for n, part in enumerate(parts)]
    assert sum(map(len, crossing)) > 20
    table = rows(scale.common_ground(folder, {"block": layers["block"]}, tmp_path / "out"), KEYS[:2])
    assert not table.duplicated(KEYS[:2]).any()
    ground = buildings.set_index("building_id").intersection(layers["block"].union_all()).area
    found = table.groupby("building_id")["area_m2"].sum().reindex(ground.index, fill_value=0.0)
    pd.testing.assert_series_equal(found, ground, check_names=False, atol=1e-6)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("by", ["area", "point"])
def test_assignment_is_that_of_a_single_run(buildings, layers, tmp_path, by):
    """Ids, shares and tuples of ids come back as they were."""
    one = assignment.assign(buildings, layers, key="building_id", by=by).sort_values("building_id", ignore_index=True)
    table = scale.assign(partitions(buildings, 3), layers, tmp_path, key="building_id", by=by)
    same(rows(table, ["building_id"]), one)


def test_a_few_houses_among_many_blocks_are_assigned_as_ever(buildings, layers, tmp_path):
    """Houses own the ground that is measured, so that the rows do not depend on how many there are of either."""
    with compiled.insisted():
        one = assignment.assign(buildings, layers, key="building_id").sort_values("building_id", ignore_index=True)
    table = scale.assign(partitions(buildings, 40), layers, tmp_path, key="building_id")
    same(rows(table, ["building_id"]), one)


KINDS = {"floor_m2": "extensive", "households": "count", "floors": "intensive", "use": "category"}


@pytest.mark.parametrize("by", ["area", "largest"])
def test_apportionment_is_that_of_a_single_run(buildings, layers, tmp_path, by):
    """Figures of houses fall to blocks as in one run, and none is lost."""
    random = np.random.default_rng(9)
    floors, households = random.uniform(50, 5000, 400), random.integers(0, 90, 400)
    things = buildings.assign(floor_m2=floors, households=households, use=random.choice(list("ABC"), 400))
    with compiled.insisted():
        pairs = assignment.pairs(things, layers["block"], key="building_id", to="block_id")
    one = apportionment.apportion(pairs, things, KINDS, source="building_id", target="block_id", by=by).parts
    table = scale.apportion(
        partitions(things, 7), {"block": layers["block"]}, tmp_path, key="building_id", kinds=KINDS, by=by
    )
    found = rows(table, ["building_id", "block_id"])
    same(found, one)
    assert found["households"].sum() == things["households"].sum()
    assert found["floor_m2"].sum() == pytest.approx(things["floor_m2"].sum(), rel=1e-9)


@pytest.mark.parametrize(
    ("chosen", "settings", "error", "words"),
    [
        (["block", "unit"], {}, UsageError, "2 layers and by='area' came; one layer is needed"),
        ([], {}, UsageError, "0 layers"),
        (["block"], {"by": "weight"}, UsageError, "by is one of area, largest"),
        (["block"], {"kinds": {"floors": "some"}}, UsageError, "some"),
        (["block"], {"kinds": {"storeys": "count"}}, FrameError, "lacks storeys"),
        (["catchment"], {}, FrameError, r"partition \d+ .* overlaps itself there"),
    ],
    ids=["two layers", "no layer", "a weight", "no such kind", "no such field", "overlapping targets"],
)
def test_what_cannot_be_apportioned_is_refused(buildings, layers, tmp_path, chosen, settings, error, words):
    """Before anything runs where that can be known, else with the partition named."""
    asked = {"kinds": {"floors": "intensive"}} | settings
    with pytest.raises(error, match=words):
        targets = {name: layers[name] for name in chosen}
        scale.apportion(partitions(buildings, 3), targets, tmp_path, key="building_id", **asked)


def test_only_what_is_missing_is_computed_again(buildings, layers, single, tmp_path):
    """A finished partition is left as it is; one that is lost, damaged or half-written comes back."""
    things = partitions(buildings, 5)
    scale.common_ground(things, layers, tmp_path)
    before = times(tmp_path)
    (tmp_path / "part-00001.parquet").unlink()
    (tmp_path / "part-00003.parquet").write_bytes(b"PAR1")
    (tmp_path / "part-00002-0a.half").write_bytes(b"PAR1")
    same(rows(scale.common_ground(things, layers, tmp_path)), single)
    after = times(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {"part-00001.parquet", "part-00003.parquet"}
    assert not list(tmp_path.glob("*.half"))


@pytest.mark.usefixtures("kernels")
def test_a_change_recomputes_what_it_touches(buildings, layers, tmp_path):
    """A changed house or block counts where it is, another parameter everywhere."""
    folder = scale.spread_out(buildings, tmp_path / "spread", rows=60)
    out = tmp_path / "out"

    def changed(blocks, things=folder, **options):
        before = times(out)
        table = scale.assign(things, {"block": blocks}, out, key="building_id", **options)
        one = assignment.assign(gpd.read_parquet(folder), {"block": blocks}, key="building_id", **options)
        same(rows(table, ["building_id"]), one.sort_values("building_id", ignore_index=True))
        return {name for name, at in times(out).items() if before.get(name) != at}

    assert len(changed(layers["block"])) == 7
    assert not changed(layers["block"])
    first = sorted(folder.iterdir())[0]
    gpd.read_parquet(first).assign(geometry=lambda part: part.translate(0.5)).to_parquet(first)
    assert changed(layers["block"]) == {"part-00000.parquet"}
    moved = layers["block"].assign(geometry=[layers["block"].geometry[0].buffer(1), *layers["block"].geometry[1:]])
    assert 0 < len(changed(moved)) < 7
    assert len(changed(moved, by="point")) == 7


def test_fewer_partitions_leave_no_old_ones(buildings, layers, single, tmp_path):
    """Whoever reads the folder finds each row once."""
    for count in (7, 2):
        scale.common_ground(partitions(buildings, count), layers, tmp_path)
    same(pd.read_parquet(tmp_path).sort_values(KEYS, ignore_index=True), single)


def test_empty_partitions_have_no_rows(buildings, layers, single, tmp_path):
    """A file without things, and things far from everything, give the same columns without rows."""
    far = buildings.iloc[:3].assign(building_id=["FA1", "FA2", "FA3"], geometry=buildings.geometry[:3].translate(9e4))
    for number, part in enumerate([buildings.iloc[:0], buildings, far]):
        part.to_parquet(tmp_path / f"{number}.parquet")
    table = scale.common_ground(tmp_path, layers, tmp_path / "out")
    assert [len(table.partitions[n].compute(scheduler="synchronous")) for n in range(3)] == [0, len(single), 0]
    same(rows(table), single)


def test_keys_that_stand_in_two_partitions_are_refused(buildings, layers, tmp_path):
    """The owner of a row must be one thing; nothing is computed."""
    twice = pd.concat([buildings, buildings.iloc[[5, 9]]])
    with pytest.raises(FrameError, match="2 building_id stand twice: BU0005, BU0009") as caught:
        scale.common_ground(partitions(twice, 3), layers, tmp_path)
    assert caught.value.details["features"] == ["BU0005", "BU0009"]
    assert not times(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda things: things.assign(building_id=range(400)), FrameError, "keys are text"),
        (lambda things: things.assign(building_id=things["building_id"].mask(things.index == 3)), FrameError, "no key"),
        (lambda things: things.drop(columns="building_id"), FrameError, "lacks building_id; it has"),
        (lambda things: things.to_crs(4490), CrsError, "EPSG:4490"),
        (lambda things: things.to_crs(4547), CrsError, "EPSG:4547"),
    ],
    ids=["numbers", "missing key", "no key column", "degrees", "other zone"],
)
@pytest.mark.parametrize("files", [False, True], ids=["frame", "files"])
def test_things_that_cannot_be_named_or_placed_are_refused(buildings, layers, tmp_path, spoil, error, words, files):
    """Before anything is computed."""
    things = partitions(spoil(buildings), 2)
    if files:
        things = tmp_path / "things"
        things.mkdir()
        spoil(buildings).to_parquet(things / "a.parquet")
    with pytest.raises(error, match=words):
        scale.common_ground(things, layers, tmp_path / "out")


def test_sources_that_are_none_are_refused(buildings, tmp_path):
    """A folder without files, tables without geometry, other files and plain frames are no things."""
    (tmp_path / "text.parquet").write_text("no", encoding="utf-8")
    pd.DataFrame({"building_id": ["A"]}).to_parquet(tmp_path / "plain.parquet")
    for name, words in (("none", "GeoParquet at none"), ("text.parquet", "no Parquet"), ("plain.parquet", "geometry")):
        with pytest.raises(SourceError, match=words):
            scale.common_ground(tmp_path / name, {}, tmp_path / "out")
    with pytest.raises(UsageError, match="GeoDataFrame came"):
        scale.common_ground(buildings, {}, tmp_path / "out")
    folder = scale.spread_out(buildings, tmp_path / "things")
    with pytest.raises(UsageError, match="things holds the things"):
        scale.assign(folder, {}, tmp_path / "out" / ".." / "things", key="building_id", by="point")
    buildings.iloc[:0].to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(EmptyError):
        scale.spread_out(tmp_path / "empty.parquet", tmp_path / "spread")
    with pytest.raises(UsageError, match="new folder"):
        scale.spread_out(buildings, tmp_path)


def test_an_error_names_partition_and_cause(buildings, layers, tmp_path):
    """What is wrong with a house is said with its partition, and the others stay done."""
    bow_tie = shapely.transform(shapely.Polygon([(0, 0), (9, 9), (9, 0), (0, 9)]), lambda corners: corners + AT)
    shapes = [*buildings.geometry[:250], bow_tie, *buildings.geometry[251:]]
    things = partitions(buildings.assign(geometry=shapes), 4)
    with pytest.raises(FrameError, match=r"partition 2 \(100 things, BU0200 to BU0299\) failed with Fr") as caught:
        scale.common_ground(things, layers, tmp_path)
    assert caught.value.details["features"] == ["BU0250"]
    assert caught.value.details["partition"] == 2
    before = times(tmp_path)
    scale.common_ground(partitions(buildings, 4), layers, tmp_path)
    assert before.items() <= times(tmp_path).items()


def test_layers_are_checked_before_anything_runs(buildings, layers, tmp_path):
    """A block that repeats a key is refused even where no house stands."""
    twice = pd.concat([layers["block"], layers["block"].iloc[[0]].translate(9e4).to_frame("geometry").assign(
        block_id="BL0000")], ignore_index=True)  # fmt: skip
    with pytest.raises(FrameError, match="block_id repeats BL0000"):
        scale.common_ground(partitions(buildings, 2), {"block": twice}, tmp_path)


def floors_by_block(things, layers, *, factor):
    """Count floors where a house stands, as any analysis might."""
    pairs = assignment.pairs(things, layers["block"], key="building_id", to="block_id", by="point")
    pairs["floors"] = pairs["building_id"].map(things.set_index("building_id")["floors"]) * factor
    return gpd.GeoDataFrame(pairs, geometry=gpd.points_from_xy(pairs["area_m2"], pairs["area_m2"]), crs=4548)


def test_any_analysis_runs_by_partition(buildings, layers, tmp_path):
    """With further columns and parameters; a result with geometry is GeoParquet."""
    table = scale.by_partition(
        floors_by_block, partitions(buildings, 4), layers, tmp_path, key="building_id", columns=["floors"],
        parameters={"factor": 2},
    )  # fmt: skip
    same(rows(table, KEYS[:2]), floors_by_block(buildings, layers, factor=2))
    assert gpd.read_parquet(tmp_path / "part-00000.parquet").crs == 4548


def test_spreading_out_keeps_every_row_and_makes_compact_partitions(buildings, tmp_path):
    """All columns and rows come out once, each file states its box, and boxes hardly overlap."""
    shuffled = buildings.sample(frac=1, random_state=3)
    for number in range(3):
        shuffled[number::3].to_parquet(tmp_path / f"{number}.parquet")
    folder = scale.spread_out(tmp_path, tmp_path / "spread", rows=100)
    parts = [gpd.read_parquet(file) for file in sorted(folder.iterdir())]
    assert [len(part) for part in parts] == [100] * 4
    same(pd.concat(parts).sort_values("building_id", ignore_index=True), buildings)
    boxes = [shapely.box(*part.total_bounds) for part in parts]
    assert sum(shapely.area(boxes)) < 1.5 * shapely.box(*buildings.total_bounds).area


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(buildings, layers, single, tmp_path):
    """Its partitions go to another worker; the rows are complete and the same."""
    things = scale.spread_out(buildings, tmp_path / "spread", rows=4)
    out = tmp_path / "out"
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
        ThreadPoolExecutor(1) as beside,
    ):
        pids = list(client.run(os.getpid).values())
        left = beside.submit(kill_after, 10, out, psutil.Process(pids[0]))
        table = scale.common_ground(things, layers, out, client=client)
        assert left.result() > 10
        assert pids[0] not in client.run(os.getpid).values()
    assert table.npartitions == 100
    same(rows(table), single)
    assert not list(out.glob("*.half"))


def kill_after(parts, out, worker):
    """Kill a worker when so many parts are there; return how many were not."""
    while (done := len(times(out))) < parts:
        time.sleep(0.002)
    worker.kill()
    return 100 - done
