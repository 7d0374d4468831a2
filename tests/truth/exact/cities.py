"""Cities of rectangles on whole metres, sent to another CRS or a file and back: lines that were one are ulps apart."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

Layers = tuple[NDArray[np.object_], ...]
HOME = 4548
# longitude and latitude, and the zone that writes its number before the easting
AWAY = (4326, 4490, 4527)
BLOCKS = 6


def drawn(rng: Generator, side: int = BLOCKS) -> Layers:
    """Return the blocks of a city, and the units that these are cut into, all of them boxes on whole metres."""
    lines = [start + np.r_[0, np.cumsum(rng.integers(120, 240, side))] for start in (428_000, 4_420_000)]
    blocks, units = [], []
    columns, rows = (itertools.pairwise(line) for line in lines)
    for (west, east), (south, north) in itertools.product(columns, rows):
        blocks.append(shapely.box(west, south, east, north))
        cuts = np.unique(np.r_[west, west + rng.integers(1, 110, rng.integers(1, 4)), east])
        for left, right in itertools.pairwise(cuts):
            across = [south, south + rng.integers(20, 100), north] if rng.random() < 0.4 else [south, north]
            units += [shapely.box(left, low, right, high) for low, high in itertools.pairwise(across)]
    return np.array(blocks, dtype=object), np.array(units, dtype=object)


def returned(layers: Layers, away: int) -> Layers:
    """Return layers as they come back from another CRS."""
    sent = (gpd.GeoSeries(layer, crs=HOME).to_crs(away).to_crs(HOME) for layer in layers)
    return tuple(np.asarray(layer.to_numpy(), dtype=object) for layer in sent)


def _through_file(rng: Generator, layer: gpd.GeoSeries) -> gpd.GeoSeries:
    suffix, away = [("geojson", 4326), ("geojson", 4490), ("shp", 4326), ("shp", 4527), ("shp", HOME)][rng.integers(5)]
    options = {"COORDINATE_PRECISION": "15"} if suffix == "geojson" else {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"layer.{suffix}"
        layer.to_crs(away).to_file(file, **options)
        # a .prj does not always name its code
        return gpd.read_file(file).geometry.set_crs(away, allow_override=True)


def reprojected(rng: Generator) -> Layers:
    """A city that was in EPSG:4326, 4490 or 4527, each layer in another."""
    return tuple(returned((layer,), int(rng.choice(AWAY)))[0] for layer in drawn(rng))


def refiled(rng: Generator) -> Layers:
    """A city whose layers were GeoJSON or shapefiles in one of these."""
    sent = (_through_file(rng, gpd.GeoSeries(layer, crs=HOME)).to_crs(HOME) for layer in drawn(rng))
    return tuple(np.asarray(layer.to_numpy(), dtype=object) for layer in sent)


FAMILIES: dict[str, Callable[[Generator], Layers]] = {family.__name__: family for family in (reprojected, refiled)}
