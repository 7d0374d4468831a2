"""The ledger against results of other tools, of GEOS pair by pair, and of the hand."""

from __future__ import annotations

import dataclasses
import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import catalogue, compiled
from gis.analysis import catchments, overlay
from gis.errors import FrameError
from gis.geometry import areas, faces, noding, outlines, snapped
from gis.settings import Settings
from gis.workflow import beijing
from tests.bench import city, peers
from tests.bench.agreement import BASE_M2, PER_METRE_M2

KEYS = ["borough_id", "square_id"]


def named(frame, name, column=None):
    """Return a frame as a ledger takes it; fixtures in feet or degrees are read as if they were metres."""
    keys = frame[column].astype(str).tolist() if column else [f"{name}{n:03d}" for n in range(len(frame))]
    return gpd.GeoDataFrame({f"{name}_id": keys}, geometry=frame.geometry.to_numpy(), crs=4548)


def by_key(frame, keys):
    """Return area by key, missing keys as None, rows of one key added up."""
    found = {}
    for row, shape in zip(frame[keys].itertuples(index=False, name=None), frame.geometry, strict=True):
        key = tuple(None if pd.isna(value) else str(int(value)) for value in row)
        found[key] = found.get(key, 0.0) + (shape.area if shape is not None else 0.0)
    return found


def by_cell(cells, keys):
    """Return area by key of a ledger's cells."""
    rows = cells[keys].astype(object).where(cells[keys].notna(), None).itertuples(index=False, name=None)
    return dict(zip(rows, cells.area_m2, strict=True))


def pairwise(one, other):
    """Intersect every pair with GEOS, without any index or shortcut."""
    pairs = itertools.product(one.itertuples(index=False), other.itertuples(index=False))
    areas = {(a[0], b[0]): a.geometry.intersection(b.geometry).area for a, b in pairs}
    return {pair: area for pair, area in areas.items() if area > 0}


def found_pairs(book, *names):
    table = book.pairs(*names)
    keys = table[[f"{name}_id" for name in names]].itertuples(index=False, name=None)
    return dict(zip(keys, table.area_m2, strict=True))


# --- another tool's results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("folder", "suffix"), [("polys", ""), ("overlap", "_overlap")])
def test_geopandas_fixtures(realdata, folder, suffix):
    """The published intersection and union of geopandas' own fixtures: same keys, same areas."""
    base = realdata / "overlay" / "geopandas_overlay" / folder
    one, two = (gpd.read_file(base / f"df{n}{suffix}.geojson") for n in (1, 2))
    book = overlay.ledger({"one": named(one, "one", "col1"), "two": named(two, "two", "col2")}, tolerance=1e-3)
    intersection = by_key(gpd.read_file(base / f"df1_df2{suffix}-intersection.geojson"), ["col1", "col2"])
    assert found_pairs(book, "one", "two") == pytest.approx(intersection, abs=1e-9)
    if not book.overlapping:
        union = by_key(gpd.read_file(base / f"df1_df2{suffix}-union.geojson"), ["col1", "col2"])
        assert by_cell(book.cells, ["one_id", "two_id"]) == pytest.approx(union, abs=1e-9)


def test_new_york_as_qgis_cut_it(realdata):
    """Five boroughs with 76,000 vertices and eleven squares: the pairs and areas that QGIS found."""
    base = realdata / "overlay" / "geopandas_overlay" / "nybb_qgis"
    boroughs, squares = (gpd.read_file(base / name) for name in ("polydf.shp", "polydf2.shp"))
    layers = {"borough": named(boroughs, "borough", "BoroCode"), "square": named(squares, "square", "value1")}
    book = overlay.ledger(layers, tolerance=1e-3)
    for name, cells in (("intersection", found_pairs(book, "borough", "square")), ("union", by_cell(book.cells, KEYS))):
        truth = by_key(gpd.read_file(base / f"qgis-{name}.shp"), ["BoroCode", "value1"])
        # QGIS counted the squares' own ground outside the boroughs more than once in its union
        truth = {key: area for key, area in truth.items() if key[0] is not None}
        cells = {key: area for key, area in cells.items() if key[0] is not None}
        assert cells.keys() == truth.keys()
        assert all(cells[key] == pytest.approx(truth[key], rel=1e-12, abs=1e-5) for key in truth)


def test_flemish_parcels_and_zones(realdata):
    """Real parcels over zones: GEOS pair by pair, each area within the kernel's bound."""
    base = realdata / "overlay" / "geofileops"
    parcels, zones = (gpd.read_file(base / f"polygon-{name}.gpkg") for name in ("parcel", "zone"))
    parcels = parcels[~(parcels.geometry.isna() | parcels.geometry.is_empty)]
    layers = {"zone": named(zones, "zone"), "parcel": named(parcels, "parcel")}
    book = overlay.ledger(layers, tolerance=1e-3)
    truth, found = pairwise(layers["zone"], layers["parcel"]), found_pairs(book, "zone", "parcel")
    assert found.keys() == truth.keys()
    assert all(abs(found[key] - truth[key]) < 1e-6 for key in truth)
    assert book.balance.difference_m2.abs().max() < 1e-6


def test_overlapping_circles(realdata):
    """Circles that overlap three deep: every combination has the area that GEOS gives it, one by one."""
    circles = gpd.read_file(realdata / "overlay" / "geofileops" / "polygon-3overlappingcircles.gpkg")
    layer = named(circles, "circle", "name")
    cells = overlay.ledger({"circle": layer}, tolerance=1e-3).cells
    assert dict(zip(cells.circle_ids, cells.area_m2, strict=True)) == pytest.approx(combinations(layer), abs=1e-6)


def test_invalid_buildings_are_named(realdata):
    """Real buildings with faults are refused, exactly those that GEOS calls invalid."""
    buildings = gpd.read_file(realdata / "overlay" / "geofileops" / "polygon-invalid.gpkg")
    layer = named(buildings, "building")
    with pytest.raises(FrameError, match="repair is intake's work") as caught:
        overlay.ledger({"building": layer}, tolerance=0.5)
    assert caught.value.details["features"] == layer.building_id[~layer.geometry.is_valid].tolist()


def combinations(layer):
    """Return the area that exactly these features cover, for every combination that has any."""
    found = {}
    for size in range(1, len(layer) + 1):
        for rows in itertools.combinations(layer.itertuples(index=False), size):
            chosen = tuple(sorted(row[0] for row in rows))
            inside = shapely.intersection_all([row.geometry for row in rows])
            others = layer.geometry[~layer.iloc[:, 0].isin(chosen)].to_numpy()
            area = inside.difference(shapely.union_all(others)).area
            if area > 0:
                found[chosen] = area
    return found


# --- the same by hand, always run ---------------------------------------------------------------------------------


def test_two_squares_by_hand():
    """Two squares of 2 m a side, shifted by 1 m: 1 m² in common, 3 m² in each alone."""
    squares = {
        name: gpd.GeoDataFrame({f"{name}_id": ["1"]}, geometry=[shapely.box(n, n, n + 2, n + 2)], crs=4548)
        for n, name in enumerate(("one", "two"))
    }
    book = overlay.ledger(squares, tolerance=1e-3)
    assert by_cell(book.cells, ["one_id", "two_id"]) == {("1", None): 3, (None, "1"): 3, ("1", "1"): 1}


def test_three_circles_one_by_one():
    """Circles of 500 m around the corners of a triangle: seven combinations, each as GEOS has it."""
    centres = np.array([[440_000, 4_420_000], [440_600, 4_420_000], [440_300, 4_420_520]])
    circles = shapely.buffer(shapely.points(centres), 500, quad_segs=64)
    layer = gpd.GeoDataFrame({"catchment_id": ["a", "b", "c"]}, geometry=circles, crs=4548)
    cells = overlay.ledger({"catchment": layer}, tolerance=0.5).cells
    assert len(cells) == 7
    assert dict(zip(cells.catchment_ids, cells.area_m2, strict=True)) == pytest.approx(combinations(layer), abs=1e-6)


def test_lens_of_two_circles():
    """Two circles of 800 m, 800 m apart, share r² (2π/3 - √3/2); 1,024-gons come within a thousandth of it."""
    circles = shapely.buffer(shapely.points([[0, 0], [800, 0]]), 800, quad_segs=256)
    layer = gpd.GeoDataFrame({"catchment_id": ["a", "b"]}, geometry=circles, crs=4548)
    cells = overlay.ledger({"catchment": layer}, tolerance=0.5).cells
    shared = cells.loc[cells.catchment_id.isna(), "area_m2"].item()
    assert shared == pytest.approx(800**2 * (2 * np.pi / 3 - np.sqrt(3) / 2), rel=1e-4)


# --- the case that started it: 900 blocks, 100 units, noise of digitising -----------------------------------------


def town(noise):
    """Return 900 blocks that tile a square, 100 units of three by three digitised apart from them, and the truth."""
    n, rng = 30, np.random.default_rng(7)
    x, y = np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0), indexing="ij")
    inner = np.stack([(x % n > 0), (y % n > 0)], axis=-1)
    points = np.stack([x, y], axis=-1) * 120 + inner * rng.uniform(-25, 25, (n + 1, n + 1, 2)) + [440_000, 4_420_000]
    places = list(itertools.product(range(n), range(n)))
    shapes = [shapely.Polygon(points[[i, i + 1, i + 1, i], [j, j, j + 1, j + 1]]) for i, j in places]
    blocks = gpd.GeoDataFrame({"block_id": [f"B{i:02d}{j:02d}" for i, j in places]}, geometry=shapes, crs=4548)
    owner = pd.Series([f"U{i // 3}{j // 3}" for i, j in places])
    whole = blocks.geometry.groupby(owner.to_numpy()).agg(lambda group: shapely.union_all(group.to_numpy()))
    units = gpd.GeoDataFrame(
        {"unit_id": whole.index.to_numpy()}, geometry=[digitised(shape, noise, rng) for shape in whole], crs=4548
    )
    return blocks, units, dict(zip(blocks.block_id, owner, strict=True))


def digitised(shape, noise, rng):
    """Return an outline drawn again with a vertex every 40 m, each off by Gaussian noise."""
    ring = shapely.get_coordinates(shapely.segmentize(shape, 40))[:-1]
    return shapely.Polygon(ring + rng.normal(0, noise, ring.shape))


@pytest.mark.parametrize(("noise", "tolerance"), [(0.0005, 0.5), (0.05, 0.5), (0.30, 2.0)])
@pytest.mark.parametrize("first", ["block", "unit"])
def test_900_blocks_in_one_unit_each(noise, tolerance, first):
    """Nobody's noise puts a block into a second unit, leaves ground over or loses any, whichever layer is first."""
    blocks, units, truth = town(noise)
    layers = {"block": blocks, "unit": units} if first == "block" else {"unit": units, "block": blocks}
    book = overlay.ledger(layers, tolerance=tolerance)
    assert dict(zip(book.meetings.block_id, book.meetings.unit_id, strict=True)) == truth
    assert len(book.meetings) == 900
    assert len(book.residual("block")) == len(book.residual("unit")) == 0
    assert book.overlapping == ()
    assert book.balance.difference_m2.abs().max() < 0.01
    if first == "block":
        assert book.meetings.block_share.eq(1.0).all()
        assert book.meetings.area_m2.sum() == pytest.approx(blocks.area.sum(), abs=1e-3)
        assert set(book.slivers.layer) == {"unit"}


# --- tuples and covers one by one: the synthetic city and real layers ---------------------------------------------


@pytest.fixture
def kernels():
    """Measure with the kernels, also where they have to be compiled first."""
    with compiled.insisted():
        yield


def drawn(size):
    """Return the four layers of a city that overlap each other."""
    layers = {}
    for name, frame in city.city(dataclasses.replace(size, parcels=False, buildings=1)):
        layers[name] = frame
        if set(peers.LAYERS) <= set(layers):
            return {each: layers[each][[f"{each}_id", "geometry"]] for each in peers.LAYERS}
    raise AssertionError(sorted(layers))


def local(layers):
    """Return layers moved to the origin by whole metres, where GEOS has more digits for the points that it makes."""
    corner = -snapped.origin(*(frame.geometry.to_numpy() for frame in layers.values()))
    return {
        name: frame.set_geometry(snapped.moved(frame.geometry.to_numpy(), corner), crs=frame.crs)
        for name, frame in layers.items()
    }


def as_geopandas_cuts_them(layers):
    """Compare every tuple with a chain of intersections, none missing on either side; return how many there are."""
    keys = [f"{name}_id" for name in layers]
    ours = overlay.common_ground(layers).set_index(keys).area_m2
    theirs = peers.chain(local(layers), list(layers)).groupby(keys).area_m2.sum()
    both = pd.concat([ours, theirs], axis=1, keys=["ours", "theirs"]).fillna(0.0).reset_index()
    rows = [pd.Index(frame[f"{name}_id"]).get_indexer(both[f"{name}_id"]) for name, frame in layers.items()]
    lengths = sum(frame.length.to_numpy()[row] for frame, row in zip(layers.values(), rows, strict=True))
    off = np.abs(both.ours - both.theirs).to_numpy() / (BASE_M2 + PER_METRE_M2 * lengths)
    assert off.max(initial=0) <= 1, both.iloc[off.argmax()].to_dict()
    return len(ours)


def assert_covers_as_geos_nodes_them(layers):
    """Compare the ground of every set of features with noded and polygonised lines."""
    shapes = np.concatenate([frame.geometry.to_numpy() for frame in layers.values()])
    ours, theirs = by_cover(faces.of(outlines.of(shapes))), by_cover(noding.faces(shapes)[0])
    lengths = shapely.length(shapes)
    for cover in ours.keys() | theirs.keys():
        within = BASE_M2 + PER_METRE_M2 * lengths[list(cover)].sum()
        assert abs(ours.get(cover, 0.0) - theirs.get(cover, 0.0)) <= within, cover


def by_cover(cut):
    """Return area by the positions of the features that cover it."""
    found = {}
    for cover, area in zip(cut.cover, cut.area_m2, strict=True):
        members = tuple(sorted(cut.member[cut.cover_start[cover] : cut.cover_start[cover + 1]].tolist()))
        found[members] = found.get(members, 0.0) + area
    return found


def test_city_of_size_s_tuple_by_tuple(kernels):
    """Blocks, units, projects and catchments of the small city: every tuple as geopandas cuts it."""
    assert as_geopandas_cuts_them(drawn(city.SIZES["S"])) > 10_000


@pytest.mark.slow
@pytest.mark.benchmark
def test_city_of_size_m_tuple_by_tuple(kernels):
    """A million tuples, each as geopandas cuts it."""
    assert as_geopandas_cuts_them(drawn(city.SIZES["M"])) > 1_000_000


def test_city_cover_by_cover(kernels):
    """Every combination of features of the toy city that covers some ground, as GEOS nodes it."""
    assert_covers_as_geos_nodes_them(drawn(city.SIZES["toy"]))


def bubenec(realdata):
    file = realdata / "morphology" / "bubenec.gpkg"
    return {
        name: named(gpd.read_file(file, layer=f"{name}s" if name != "tessellation" else name), name)
        for name in ("plot", "building", "tessellation")
    }


def flanders(realdata):
    base = realdata / "overlay" / "geofileops"
    parcels, zones = (gpd.read_file(base / f"polygon-{name}.gpkg") for name in ("parcel", "zone"))
    parcels = parcels[~(parcels.geometry.isna() | parcels.geometry.is_empty)]
    return {"zone": named(zones, "zone"), "parcel": named(parcels, "parcel")}


def circles(realdata):
    base = realdata / "overlay" / "geofileops"
    files = {"one": "3overlappingcircles-1", "rest": "3overlappingcircles-2+3", "all": "3overlappingcircles"}
    return {name: named(gpd.read_file(base / f"polygon-{file}.gpkg"), name) for name, file in files.items()}


def mentougou(realdata):
    """Street blocks, rings around stations and two outlines of the district, as the workflow makes them."""
    folder, settings = realdata / "beijing", Settings()
    layers = beijing.layers(folder, catalogue=catalogue.read(), settings=settings)
    rings = catchments.rings(layers["stations"], layers["entrances"], settings.rings)
    versions = [beijing.outline(folder, each, settings=settings) for each in ("天地图", "高德(已纠偏)")]
    return {
        "block": named(layers["street_blocks"], "block"),
        "ring": named(rings[rings["version"] == "raw"], "ring"),
        "district": named(pd.concat(versions), "district"),
    }


def new_york(realdata):
    base = realdata / "overlay" / "geopandas_overlay" / "nybb_qgis"
    files = {"borough": "polydf.shp", "square": "polydf2.shp"}
    return {name: named(gpd.read_file(base / file), name) for name, file in files.items()}


REAL = [bubenec, flanders, circles, mentougou, new_york]


@pytest.mark.parametrize("read", REAL, ids=lambda read: read.__name__)
def test_real_layers_tuple_by_tuple(kernels, realdata, read):
    """Real layers: every tuple, and every pair of two layers, as geopandas cuts them."""
    layers = read(realdata)
    as_geopandas_cuts_them(layers)
    pairs = [{name: layers[name] for name in pair} for pair in itertools.combinations(layers, 2)]
    assert sum(map(as_geopandas_cuts_them, pairs)) > 0


@pytest.mark.parametrize("read", [bubenec, flanders, circles, mentougou], ids=lambda read: read.__name__)
def test_real_layers_cover_by_cover(kernels, realdata, read):
    """Real layers: every combination of features that covers some ground, as GEOS nodes it."""
    assert_covers_as_geos_nodes_them(read(realdata))


@pytest.mark.parametrize("layer", ["plot", "tessellation"])
def test_overlaps_within_bubenec(kernels, realdata, layer):
    """Real plots and cells that overlap: every pair whose boxes meet as if intersected alone."""
    shapes = local({layer: bubenec(realdata)[layer]})[layer].geometry.to_numpy()
    i, j = shapely.STRtree(shapes).query(shapes)
    i, j = i[i < j], j[i < j]
    found = {(a, b): area for a, b, area in zip(*areas.pair_areas(shapes), strict=True)}
    ours = np.array([found.pop(pair, 0.0) for pair in zip(i, j, strict=True)])
    theirs = shapely.area(shapely.intersection(shapes[i], shapes[j]))
    within = BASE_M2 + PER_METRE_M2 * (shapely.length(shapes[i]) + shapely.length(shapes[j]))
    assert (np.abs(ours - theirs) <= within).all()
    assert not found


def test_invalid_buildings_are_never_measured(kernels, realdata):
    """Common ground refuses the same real buildings as the ledger does."""
    base = realdata / "overlay" / "geofileops"
    layer = named(gpd.read_file(base / "polygon-invalid.gpkg"), "building")
    zones = named(gpd.read_file(base / "polygon-zone.gpkg"), "zone")
    with pytest.raises(FrameError, match="repair is intake's work") as caught:
        overlay.common_ground({"zone": zones, "building": layer})
    assert caught.value.details["features"] == layer.building_id[~layer.geometry.is_valid].tolist()
