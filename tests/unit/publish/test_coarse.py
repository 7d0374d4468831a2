"""Generalised shapes: no vertex near a true one, and still a map."""

from __future__ import annotations

import dataclasses

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree
from shapely.geometry import LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, box

from gis import catalogue as catalogues
from gis import sample
from gis.publish import coarse, publication

CATALOGUE = catalogues.read()
EAST, NORTH = 498_000.0, 4_395_000.0
NOTHING = np.empty((0, 2))
# how much of its ground a layer of the town may gain or lose when it is generalised; its lots are a few scales wide
AREAS = {"projects": (0.9, 1.4), "public_spaces": (0.9, 1.45), "buildings": (0.0, 3.0)}


def nearest(made, true) -> float:
    """Give how near a vertex of what is drawn comes to a true one."""
    kept = [shape for shape in made if shape is not None]
    return float(cKDTree(shapely.get_coordinates(true)).query(shapely.get_coordinates(kept))[0].min())


@pytest.fixture(scope="module")
def towns() -> tuple[dict, publication.Edition]:
    """Give the sample town, and all its layers published as generalised."""
    town = sample.town()
    layers = {
        name: dataclasses.replace(layer, public="generalised", publish_when={}) if layer.spatial else layer
        for name, layer in CATALOGUE.layers.items()
    }
    return town, publication.public(town, dataclasses.replace(CATALOGUE, layers=layers))


# the town's own layers; catchments and results are computed
BASE = [layer.name for layer in CATALOGUE.layers.values() if layer.spatial and not layer.derived]
BASE.remove("catchments")


@pytest.mark.parametrize("name", BASE)
def test_no_vertex_is_near_a_true_one(towns, name):
    """Of every layer of the town: 20 m from all its vertices, and from those of what is withheld of others."""
    town, edition = towns
    drawn = edition.frames[name].geometry
    secret = town["parcels"][publication.are_secret(town["parcels"])]
    assert nearest(drawn, town[name].geometry) > 20
    assert nearest(drawn, secret.geometry) > 20
    assert drawn.is_valid.all()


@pytest.mark.parametrize("name", ["blocks", "street_blocks", "parcels", "units"])
def test_what_lies_side_by_side_still_does(towns, name):
    """Areas without overlaps have none when they are generalised, and their shared borders are the same."""
    drawn = towns[1].frames[name].geometry.to_numpy()
    assert shapely.coverage_is_valid(drawn)


@pytest.mark.parametrize("name", [name for name in BASE if CATALOGUE.layer(name).geometry == "MultiPolygon"])
def test_areas_stay_plausible(towns, name):
    """A layer has about as much ground as before; large shapes lie where they lay."""
    town, edition = towns
    before, after = town[name].geometry.area.sum(), edition.frames[name].geometry.area.sum()
    low, high = AREAS.get(name, (0.9, 1.1))
    assert low <= after / before <= high


def test_large_shapes_lie_where_they_lay(towns):
    """Nine tenths of each block is the same ground as before."""
    town, edition = towns
    drawn = edition.frames["blocks"].set_index("block_id").geometry
    true = town["blocks"].set_index("block_id").geometry
    assert (drawn.intersection(true.reindex(drawn.index)).area / drawn.area).min() > 0.9


def at(*points) -> list[tuple[float, float]]:
    return [(EAST + x, NORTH + y) for x, y in points]


def ring(radius: float, count: int) -> Polygon:
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return Polygon(at(*zip(radius * np.cos(turns), radius * np.sin(turns), strict=True)))


SPECIMENS = {
    "one point": [Point(EAST, NORTH)],
    "many points": [Point(EAST + 7 * (n % 40), NORTH + 7 * (n // 40)) for n in range(1600)],
    "several points in one": [MultiPoint(at((0, 0), (300, 5)))],
    "a line of a metre": [LineString(at((0, 0), (1, 0)))],
    "a line with a vertex every metre": [LineString(at(*((n, 3 * np.sin(n / 9)) for n in range(400))))],
    "a line that returns": [LineString(at((0, 0), (90, 0), (0, 0)))],
    "a closed line": [LineString(at((0, 0), (50, 0), (50, 50), (0, 0)))],
    "lines in one": [MultiLineString([at((0, 0), (200, 10)), at((0, 90), (200, 90))])],
    "a lot of 3 m": [box(*at((0, 0), (3, 3))[0], *at((3, 3))[0])],
    "a large lot": [box(EAST, NORTH, EAST + 900, NORTH + 700)],
    "a round one": [ring(800, 500)],
    "a ring": [ring(600, 60).difference(ring(300, 60))],
    "a bow-tie": [Polygon(at((0, 0), (400, 400), (400, 0), (0, 400)))],
    "a sliver": [box(EAST, NORTH, EAST + 2000, NORTH + 0.5)],
    "parts": [
        MultiPolygon([box(EAST, NORTH, EAST + 300, NORTH + 300), box(EAST + 900, NORTH, EAST + 990, NORTH + 90)])
    ],
    "far apart": [box(EAST, NORTH, EAST + 300, NORTH + 300), box(EAST + 4e6, NORTH, EAST + 4e6 + 300, NORTH + 300)],
    "no shape": [],
}


@pytest.mark.parametrize("scale", [5.0, 20.0, 75.0])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("name", SPECIMENS)
def test_odd_shapes_are_drawn_or_left_out(name, apart, scale):
    """Whatever comes: valid shapes of its kind that keep away from it, or none where there is no room."""
    shapes = np.array(SPECIMENS[name], dtype=object)
    before = shapely.to_wkb(shapes)
    made = coarse.coarsened(shapes, NOTHING, scale=scale, apart=apart)
    drawn = made[~shapely.is_missing(made)]
    assert len(made) == len(shapes) and shapely.is_valid(drawn).all()
    assert not len(drawn) or nearest(drawn, shapes) > scale
    assert set(shapely.get_dimensions(drawn)) <= set(shapely.get_dimensions(shapes))
    assert (shapely.to_wkb(shapes) == before).all()


def test_what_is_too_small_is_left_out():
    """A hut between lots has no ground of its own on a coarse map; the lots have."""
    lots = np.array([box(EAST, NORTH, EAST + 300, NORTH + 300), box(EAST + 300, NORTH, EAST + 304, NORTH + 4)])
    made = coarse.coarsened(lots, NOTHING, scale=20, apart=True)
    assert [shape is None for shape in made] == [False, True]


def test_the_same_shapes_give_the_same_map():
    """There is no chance in it; and shapes moved by kilometres are drawn otherwise, so that nothing tells the place."""
    lots = gpd.GeoSeries([box(EAST, NORTH, EAST + 300, NORTH + 300)])
    first, again, moved = (
        coarse.coarsened(each.to_numpy(), NOTHING, scale=20)[0] for each in (lots, lots.copy(), lots.translate(3000, 0))
    )
    assert first.equals_exact(again) and not shapely.affinity.translate(first, 3000, 0).equals_exact(moved, 0.01)


@st.composite
def lots(draw):
    """Give cells of a crooked net: areas side by side of 10 to 400 m."""
    columns, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    size, seed = draw(st.floats(10, 400)), draw(st.integers(0, 2**32 - 1))
    net = np.stack(np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0)), axis=-1)
    net = (net + np.random.default_rng(seed).uniform(-0.3, 0.3, net.shape)) * size + (EAST, NORTH)
    corners = [net[y : y + 2, x : x + 2].reshape(4, 2)[[0, 1, 3, 2]] for y in range(rows) for x in range(columns)]
    return np.array([Polygon(each) for each in corners], dtype=object)


@given(lots(), st.floats(3, 60))
@settings(max_examples=40, deadline=None)
def test_lots_side_by_side_stay_so(shapes, scale):
    """Whatever their sizes: no vertex near a true one, valid, no overlap."""
    made = coarse.coarsened(shapes, NOTHING, scale=scale, apart=True)
    drawn = made[~shapely.is_missing(made)]
    assert shapely.is_valid(drawn).all() and shapely.coverage_is_valid(drawn)
    assert not len(drawn) or nearest(drawn, shapes) > scale
