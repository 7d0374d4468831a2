"""Warming: the kernels compiled once and kept, so that the first account of the day is not slower than the second."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely

from gis import compiled
from gis.analysis import catchments, network, overlay
from gis.geometry import areas, outlines


def warm() -> bool:
    """Compile every kernel on a case that fits on a stamp, and note that they lie on disk.

    Returns
    -------
    bool
        False where no folder for compiled kernels can be written: then small inputs go to GEOS, and large ones are
        compiled for in every process.
    """
    yard = shapely.box(0, 0, 100, 100).difference(shapely.box(40, 40, 60, 60))
    blocks = _layer("block", [yard, shapely.box(100, 0, 200, 100)])
    # narrow, but with a box that is not: whether a disc fits has to be asked
    bent = shapely.union_all([shapely.box(110, 10, 110.3, 40), shapely.box(110, 10, 125, 10.3)])
    whole = [shapely.box(0, 0, 100.2, 100), shapely.box(100, 60, 150, 101), shapely.box(130, 0, 200, 60)]
    units = _layer("unit", [*whole, bent])
    rings = _layer("catchment", shapely.buffer(shapely.points([[80.0, 50.0], [120.0, 50.0]]), 70))
    with compiled.insisted():
        book = overlay.ledger({"block": blocks, "unit": units, "catchment": rings}, tolerance=0.5, facets=True)
        _tables = book.meetings, book.cells, book.balance, book.slivers
        overlay.common_ground({"block": blocks, "unit": units, "catchment": rings})
        shapes = blocks.geometry.to_numpy()
        areas.pair_areas(outlines.from_wkb(shapely.to_wkb(shapes)), np.asarray(units.geometry.to_numpy()))
        areas.pair_areas(np.asarray(units.geometry.to_numpy()))
        _walk(blocks)
    return compiled.mark()


def _walk(blocks: gpd.GeoDataFrame) -> None:
    """Walk over a crossing of two ways, and over a bridge that is not there yet."""
    ways = shapely.linestrings([[[0, 50], [200, 50]], [[100, 50], [100, 0]], [[0, 90], [200, 90]]])
    paths = network.build(gpd.GeoDataFrame({"walkway_id": ["1", "2", "3"]}, geometry=ways, crs=blocks.crs))
    gate = gpd.GeoDataFrame(
        {"entrance_id": ["1"], "station_id": ["1"]}, geometry=[shapely.Point(20, 55)], crs=blocks.crs
    )
    bridge = shapely.LineString([(50, 50), (50, 90)])
    plan = gpd.GeoDataFrame({"candidate_id": ["1"]}, geometry=[bridge], crs=blocks.crs)
    catchments.walksheds(paths, gate, [1, 2], things={"block": blocks})
    catchments.crossings(paths, plan, gate, {"block": blocks}, minutes=[1, 2])


def _layer(name: str, shapes: Iterable[shapely.Geometry]) -> gpd.GeoDataFrame:
    """Return shapes as a layer."""
    drawn = list(shapes)
    return gpd.GeoDataFrame({f"{name}_id": [f"{n}" for n in range(len(drawn))]}, geometry=drawn, crs=4548)
