"""GeoPackage blobs: how shapes are written into a file, and the functions that let SQL ask about them."""

from __future__ import annotations

import math
import sqlite3
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import shapely

from gis.catalogue import Layer
from gis.rows import promoted

# bytes of the envelope by its code in the header's flags
_ENVELOPES = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}
# of our own blobs: little-endian, not empty, with an envelope in x and y
_FLAGS = 0b00011
_NO_BLOB = (TypeError, IndexError, KeyError, struct.error, shapely.errors.ShapelyError)
# how our own WKB begins: little-endian, in two dimensions
_HEADS = {
    kind: struct.pack("<BI", 1, code)
    for kind, code in {"Point": 1, "MultiPoint": 4, "MultiLineString": 5, "MultiPolygon": 6}.items()
}


def blobs(shapes: Sequence[bytes | None], srid: int) -> list[bytes | None]:
    """Put the GeoPackage header with its envelope before WKB.

    Parameters
    ----------
    shapes
        Little-endian WKB, or None.
    srid
        srs_id of the header.

    Returns
    -------
    list
        GeoPackage blobs, None where there is no geometry.
    """
    boxes = shapely.bounds(shapely.from_wkb(np.array(shapes, dtype=object)))[:, [0, 2, 1, 3]]
    envelopes = np.ascontiguousarray(boxes, dtype="<f8").tobytes()
    head = b"GP\x00" + bytes([_FLAGS]) + struct.pack("<i", srid)
    return [
        None if wkb is None else head + envelopes[32 * place : 32 * place + 32] + wkb
        for place, wkb in enumerate(shapes)
    ]


def _bare(blob: bytes) -> bytes:
    """Return a GeoPackage blob without its header."""
    return blob[8 + _ENVELOPES[(blob[3] >> 1) & 7] :]


def _wkb(blob: Any, kind: str) -> Any:
    """Return the geometry of a GeoPackage blob as our own blobs hold it, whoever wrote it.

    GDAL writes points without an envelope, other programs big-endian, with heights, or a polygon among multipolygons.
    What is no GeoPackage blob comes back as it is, to be named where it is read.
    """
    if not isinstance(blob, bytes) or blob[:2] != b"GP" or len(blob) < 13:
        return blob
    wkb = _bare(blob)
    if wkb[:5] == _HEADS.get(kind):
        return wkb
    try:
        shapes = shapely.from_wkb(np.array([wkb], dtype=object))
    except shapely.errors.ShapelyError:
        return wkb
    made = promoted(shapes, Layer(kind, kind, kind, kind, kind, "", ()))
    return shapely.to_wkb(made[0], byte_order=1, flavor="iso")


def _box(blob: bytes) -> tuple[float, float, float, float]:
    """Return min x, max x, min y, max y of a GeoPackage blob; NaN where it is empty."""
    if (blob[3] >> 1) & 7:
        return struct.unpack_from("<4d" if blob[3] & 1 else ">4d", blob, 8)
    west, south, east, north = shapely.bounds(shapely.from_wkb(_bare(blob)))
    return west, east, south, north


def bits(value: Any) -> str | None:
    """Return a real as text, to the last bit.

    Parameters
    ----------
    value
        A number, or None.

    Returns
    -------
    str or None
    """
    return None if value is None else (float(value) + 0.0).hex()


def register(connection: sqlite3.Connection) -> None:
    """Register the five functions of the R-tree triggers, the one that takes the header off, and that of long lists.

    Parameters
    ----------
    connection
        An open file.
    """

    def side(place: int) -> Callable[[Any], float | None]:
        def measure(blob: Any) -> float | None:
            if blob is None:
                return None
            try:
                # our own blobs are asked four times a row: the envelope's number is read at its place
                return number(blob, 8 + 8 * place)[0] if blob[3] == _FLAGS else _box(blob)[place]
            except _NO_BLOB:
                return None

        return measure

    def is_empty(blob: Any) -> int | None:
        if blob is None:
            return None
        try:
            # nothing is said of what is no shape, as GDAL has it: it gets no entry in the R-tree
            return 0 if blob[3] == _FLAGS else int(bool(blob[3] & 16) or math.isnan(_box(blob)[0]))
        except _NO_BLOB:
            return None

    number = struct.Struct("<d").unpack_from
    functions = {"ST_MinX": side(0), "ST_MaxX": side(1), "ST_MinY": side(2), "ST_MaxY": side(3)}
    for name, function in (functions | {"ST_IsEmpty": is_empty, "gis_bits": bits}).items():
        connection.create_function(name, 1, function, deterministic=True)
    connection.create_function("gis_wkb", 2, _wkb, deterministic=True)
