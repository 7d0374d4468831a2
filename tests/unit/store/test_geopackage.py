"""The GeoPackage's binary form of a geometry."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import numpy as np
import pytest
import shapely

from gis.store import geopackage_blobs

SHAPES = {
    "point": shapely.Point(3, 4),
    "square": shapely.box(1, 2, 5, 9),
    "multi": shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(7, 7, 8, 9)]),
}


def ask(blob: bytes | None) -> tuple:
    """Ask the functions of the R-tree's triggers for min x, max x, min y, max y and emptiness."""
    with closing(sqlite3.connect(":memory:")) as connection:
        geopackage_blobs.register(connection)
        functions = ("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY", "ST_IsEmpty")
        return connection.execute(f"SELECT {', '.join(f'{name}(?1)' for name in functions)}", [blob]).fetchone()


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("envelope", [True, False])
def test_boxes_are_read_from_any_header(name, envelope):
    """With an envelope and without, as other programs write points."""
    shape = SHAPES[name]
    blob = geopackage_blobs.blobs([shape.wkb], 4548)[0]
    if not envelope:
        blob = b"GP\x00\x01" + blob[4:8] + shape.wkb
    west, south, east, north = shape.bounds
    assert ask(blob) == (west, east, south, north, 0)


def test_big_endian_headers_are_read():
    """A header may have its numbers the other way round."""
    envelope = np.array([1, 5, 2, 9], dtype=">f8").tobytes()
    blob = b"GP\x00\x02" + (4548).to_bytes(4, "big") + envelope + SHAPES["square"].wkb
    assert ask(blob) == (1, 5, 2, 9, 0)


def test_what_is_empty_or_missing_has_no_box():
    """An empty shape is empty, with the flag and without; a missing one is NULL."""
    wkb = shapely.to_wkb(shapely.Polygon())
    for flags in (b"\x11", b"\x01"):
        assert ask(b"GP\x00" + flags + bytes(4) + wkb)[4] == 1
    assert ask(None) == (None,) * 5


def test_missing_shapes_stay_missing():
    """None among shapes gives None among blobs, in its place."""
    made = geopackage_blobs.blobs([None, SHAPES["point"].wkb, None], -1)
    assert [blob is None for blob in made] == [True, False, True]
    assert not math.isnan(ask(made[1])[0])
