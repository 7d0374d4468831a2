"""Warming: the kernels compiled once and kept, so that the first account of the day is not slower than the second."""

from __future__ import annotations

from collections.abc import Iterable

import geopandas as gpd
import numpy as np
import shapely

from gis import compiled
from gis.analysis import overlay
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
    return compiled.mark()


def _layer(name: str, shapes: Iterable[shapely.Geometry]) -> gpd.GeoDataFrame:
    """Return shapes as a layer."""
    drawn = list(shapes)
    return gpd.GeoDataFrame({f"{name}_id": [f"{n}" for n in range(len(drawn))]}, geometry=drawn, crs=4548)
