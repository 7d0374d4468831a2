"""What holds for the sample town whatever its numbers: coverage, keys, names, defects, the same town every time."""

from __future__ import annotations

import hashlib

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gis import rows, sample
from gis.errors import UsageError

# places of the district that first uses the system: townships, stations, quarters of its plan
REAL = (
    "门头沟", "大峪", "城子", "东辛房", "大台", "王平", "永定", "龙泉", "潭柘", "军庄", "雁翅", "斋堂", "清水", "妙峰",
    "石厂", "小园", "栗园庄", "上岸", "桥户营", "四道桥", "金安桥", "三家店", "葡东", "琉璃渠", "冯村", "石景山",
    "黑山", "滨河路",
)  # fmt: skip
MISSING = {"catchments", "exceptions"}


def fingerprint(frames):
    """Return a digest of all values and coordinates."""
    digest = hashlib.sha256()
    for name, frame in frames.items():
        plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
        digest.update(name.encode() + plain.to_csv().encode())
        if isinstance(frame, gpd.GeoDataFrame):
            digest.update(b"".join(shapely.to_wkb(frame.geometry.to_numpy())))
    return digest.hexdigest()


def spatial(frames):
    return {name: frame for name, frame in frames.items() if isinstance(frame, gpd.GeoDataFrame)}


def overlaps(frame, least=1.0):
    """Return the pairs of rows that share more than `least` m², with that area."""
    shapes = frame.geometry.to_numpy()
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    first, second = first[first < second], second[first < second]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    return [(int(a), int(b), float(m2)) for a, b, m2 in zip(first, second, shared, strict=True) if m2 > least]


def test_the_same_seed_gives_the_same_town(town, known):
    """A second call returns the same bytes."""
    assert fingerprint(sample.town(catalogue=known)) == fingerprint(town)


def test_another_seed_gives_another_town_that_keeps_the_rules(town, known):
    """Streets and names change with the seed, and the rows still satisfy the catalogue."""
    other = sample.town(seed=7, catalogue=known)
    assert fingerprint(other) != fingerprint(town)
    assert sum(len(rows.check(frame, known.layers[name], known)) for name, frame in other.items()) == 0


def test_all_base_layers_are_filled(town, known):
    """Every base layer has rows, but catchments, made by an analysis, and exceptions, which people register."""
    base = {name for name, layer in known.layers.items() if not layer.derived}
    assert {name for name, frame in town.items() if len(frame)} == base - MISSING


def test_rows_satisfy_the_catalogue(town, known):
    """No row breaks key, type, range, code list, pattern or geometry type."""
    assert {name: len(rows.check(frame, known.layers[name], known)) for name, frame in town.items()} == dict.fromkeys(
        town, 0
    )


def test_references_are_kept(town, known):
    """Every reference leads to a row."""
    keys = {name: set(frame[known.layers[name].key]) for name, frame in town.items()}
    lost = [rows.references(frame, known.layers[name], keys) for name, frame in town.items()]
    assert sum(map(len, lost)) == 0


def test_frames_are_canonical(town, known):
    """Columns are the layer's fields in order, then geometry in EPSG:4548."""
    for name, frame in town.items():
        fields = list(known.layers[name].columns)
        assert list(frame.columns) == ([*fields, "geometry"] if name in spatial(town) else fields)
    assert {frame.crs.to_epsg() for frame in spatial(town).values()} == {4548}


def test_geometries_are_valid_and_rounded(town):
    """Every geometry is valid, not empty, and lies on the millimetre."""
    for name, frame in spatial(town).items():
        coordinates = shapely.get_coordinates(frame.geometry.to_numpy())
        assert frame.geometry.is_valid.all() and not frame.geometry.is_empty.any(), name
        assert np.abs(coordinates - np.round(coordinates, 3)).max() < 1e-6, name


def test_the_ground_is_fictional(town):
    """The town lies far from the district that uses the system, inside the validity of EPSG:4548."""
    west, south, east, north = town["districts"].total_bounds
    assert 490_000 < west < east < 510_000 and 4_390_000 < south < north < 4_405_000


@pytest.mark.parametrize("layer", ["blocks", "street_blocks", "parcels"])
def test_coverages_share_their_vertices(town, layer):
    """Blocks, street blocks and parcels neither overlap nor miss each other's vertices."""
    assert shapely.coverage_is_valid(town[layer].geometry.to_numpy())


def test_parcels_tile_their_street_blocks(town):
    """The parcels of a street block, its road land included, are the street block."""
    parcels = town["parcels"].dissolve("street_block_id")
    whole = town["street_blocks"].set_index("street_block_id").loc[parcels.index]
    assert parcels.geometry.symmetric_difference(whole.geometry).area.max() < 0.05


def test_street_blocks_lie_in_their_block(town):
    """A street block belongs to the block in which it lies."""
    merged = town["street_blocks"].merge(
        town["blocks"][["block_id", "geometry"]], on="block_id", suffixes=("", "_block")
    )
    outside = shapely.difference(merged["geometry"].to_numpy(), merged["geometry_block"].to_numpy())
    assert shapely.area(outside).max() < 0.5


def test_streets_run_along_the_borders_of_street_blocks(town):
    """Polygonised streets, lanes of the inside left out, and railway give the street blocks back."""
    blocks = town["street_blocks"].geometry.to_numpy()
    borders = shapely.union_all(shapely.boundary(blocks))
    rail = town["barriers"].query("kind == 'rail'").union_all()
    lines = shapely.union_all([town["streets"].union_all(), rail])
    assert borders.difference(lines.buffer(0.02)).length < 0.001 * borders.length


def test_buildings_stand_in_their_parcel(town):
    """Every building lies wholly in the parcel that it names."""
    merged = town["buildings"].merge(
        town["parcels"][["parcel_id", "geometry"]], on="parcel_id", suffixes=("", "_parcel")
    )
    assert shapely.covers(merged["geometry_parcel"].to_numpy(), merged["geometry"].to_numpy()).all()


def test_buildings_hardly_overlap(town):
    """Fewer than five buildings in a thousand touch a neighbour's ground."""
    assert len(overlaps(town["buildings"], 0.01)) < 0.005 * len(town["buildings"])


def test_townships_overlap_and_a_block_straddles_two(town):
    """Townships are no partition, and one block lies in two of them."""
    assert overlaps(town["townships"], 1e4)
    assert town["blocks"]["townships"].str.contains("、").sum() >= 1


def test_conflicts_are_planted(town):
    """Three to five pairs of projects overlap, and each pair differs in lead department or in year."""
    projects = town["projects"]
    pairs = overlaps(projects)
    assert 3 <= len(pairs) <= 5
    assert all(
        (projects.loc[a, ["lead", "start_year"]] != projects.loc[b, ["lead", "start_year"]]).any() for a, b, _ in pairs
    )


def test_two_projects_lie_in_no_unit(town):
    """Two projects name no unit and touch none; the others lie in the unit that they name."""
    projects, units = town["projects"], town["units"]
    lone = projects[projects["unit_id"].isna()]
    assert len(lone) == 2 and lone.intersection(units.union_all()).area.max() < 1.0
    merged = projects.merge(units[["unit_id", "geometry"]], on="unit_id", suffixes=("", "_unit"))
    inside = shapely.area(shapely.intersection(merged["geometry"].to_numpy(), merged["geometry_unit"].to_numpy()))
    assert (inside > 0.5 * shapely.area(merged["geometry"].to_numpy())).all()


def test_one_project_lies_in_no_block(town):
    """One project lies on the far slopes, outside every block but inside the district."""
    outside = town["projects"].intersection(town["blocks"].union_all()).area < 1.0
    assert outside.sum() == 1
    assert town["projects"][outside].within(town["districts"].union_all()).all()


def test_one_project_has_several_parts(town):
    """Exactly one project is multipart."""
    parts = shapely.get_num_geometries(town["projects"].geometry.to_numpy())
    assert (parts > 1).sum() == 1


def test_uncounted_houses_are_missing_not_empty(town):
    """Some dwellings have no count of residents: missing there, never nought."""
    lived = town["buildings"].query("dwellings > 0")
    assert 20 < lived["residents"].isna().sum() < 0.05 * len(lived)
    assert (lived["residents"].dropna() > 0).all()


def test_six_stations_stand_in_a_row(town):
    """Six stations 0.7 to 1.1 km apart with two to four entrances each, and two planned ones."""
    stations = town["stations"]
    row = stations.query("state == 'operating'").geometry.to_numpy()
    entrances = town["entrances"]["station_id"].value_counts()
    assert len(row) == 6 and (stations["state"] != "operating").sum() == 2
    assert all(600.0 < gap < 1_100.0 for gap in shapely.distance(row[:-1], row[1:]))
    assert len(entrances) == 6 and entrances.between(2, 4).all()


def test_few_streets_cross_river_and_railway(town):
    """Three to five streets cross the river, and no more than a dozen the railway."""
    streets = town["streets"].dissolve("name").geometry
    river = town["waters"].query("kind == 'river'").union_all().buffer(-5.0)
    rail = town["barriers"].query("kind == 'rail'").union_all()
    assert 3 <= (streets.intersection(river).length > 60.0).sum() <= 5
    assert 2 <= streets.crosses(rail).sum() <= 12


def test_names_are_invented_and_rows_say_so(town):
    """No text holds a place of the district that uses the system, and every row names its source as fictional."""
    for frame in town.values():
        texts = frame.select_dtypes("str").drop(columns="responsible", errors="ignore")
        found = texts.apply(lambda column: column.str.contains("|".join(REAL), na=False)).to_numpy().any()
        assert not found
        assert (frame["source"] == "示例数据,非真实情况").all()


def test_military_ground_is_confidential(town):
    """Whatever the military owns is marked confidential."""
    for layer in ("parcels", "buildings"):
        military = town[layer]["owner_class"] == "military"
        assert military.any() and (town[layer].loc[military, "confidential"]).all()


def test_a_larger_town_repeats_itself_with_keys_of_its_own(town, known):
    """At scale 2.5 there are 2.5 times the buildings, unique keys, whole references, and blocks with proper codes."""
    large = sample.town(scale=2.5, catalogue=known)
    keys = {name: set(frame[known.layers[name].key]) for name, frame in large.items()}
    lost = [rows.references(frame, known.layers[name], keys) for name, frame in large.items()]
    assert len(large["buildings"]) == round(2.5 * len(town["buildings"]))
    assert sum(map(len, lost)) == 0
    assert sum(len(rows.check(large[name], known.layers[name], known)) for name in ("blocks", "parcels", "units")) == 0
    assert shapely.coverage_is_valid(large["parcels"].geometry.to_numpy())


@pytest.mark.parametrize("scale", [0.5, 201.0])
def test_an_impossible_scale_is_refused(scale):
    """A scale below 1 or above 200 is refused."""
    with pytest.raises(UsageError):
        sample.town(scale=scale)
