"""Databases that hold layers (GeoPackage, File Geodatabase, FlatGeobuf): whether their parts agree with each other."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import numpy as np

from gis.intake.admission import packages

_TABLE_VERSION = 3
# rows of an index of a geodatabase come in blocks
_BLOCK_ROWS = 1024
_FLAT_MAGIC = b"fgb"
# places of two fields in the table of a FlatGeobuf's head: how many features, and how wide its index is
_FEATURES, _NODE = 8, 9


def sqlite_fault(path: Path) -> str:
    """Return what SQLite finds damaged in a GeoPackage.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        "" for a sound one.
    """
    try:
        with closing(packages.opened(path)) as base:
            found = [str(row[0]) for row in base.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error as error:
        return str(error)
    return "" if found == ["ok"] else " ".join(found[0].split()) if found else "no answer"


def sqlite_rows(path: Path, layer: str) -> tuple[int, int]:
    """Return how many rows a layer of a GeoPackage has, and how many its own table of contents promises.

    Parameters
    ----------
    path
        The file.
    layer
        Name of the layer.

    Returns
    -------
    tuple of int
        The second is -1 where nothing is promised.
    """
    with closing(packages.opened(path)) as base:
        rows = int(base.execute(f"SELECT count(*) FROM {packages.quoted(layer)}").fetchone()[0])
        try:
            said = base.execute(
                "SELECT feature_count FROM gpkg_ogr_contents WHERE lower(table_name) = lower(?)", (layer,)
            ).fetchone()
        except sqlite3.Error:
            said = None
    return rows, said[0] if said and isinstance(said[0], int) else -1


def geodatabase_fault(folder: Path) -> str:
    """Say which table of a File Geodatabase has fewer rows than it promises; deleted rows are none.

    Parameters
    ----------
    folder
        The .gdb.

    Returns
    -------
    str
        "" for a sound one.
    """
    for table in sorted(folder.glob("*.gdbtable")):
        index = table.with_suffix(".gdbtablx")
        if not index.is_file():
            continue
        raw = index.read_bytes()
        with table.open("rb") as stream:
            head = stream.read(8)
        if len(raw) < 16 or len(head) < 8:
            return f"the head of {table.name} is missing"
        version, promised = struct.unpack("<ii", head)
        if version != _TABLE_VERSION:
            continue
        blocks, width = struct.unpack_from("<i", raw, 4)[0], struct.unpack_from("<i", raw, 12)[0]
        size = blocks * _BLOCK_ROWS * width
        if width not in {4, 5, 6} or blocks < 0 or len(raw) < 16 + size:
            return f"{index.name} promises {blocks:,} blocks of places and has {len(raw):,} bytes"
        places = np.frombuffer(raw, np.uint8, size, 16).reshape(-1, width)
        there = int(places.any(axis=1).sum())
        if there < promised:
            return f"{table.name} promises {promised:,} rows and has places for {there:,}"
    return ""


def flat_fault(path: Path) -> str:
    """Say whether a FlatGeobuf has as many features as its head promises.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        "" for a sound one.
    """
    with path.open("rb") as stream:
        magic = stream.read(8)
        raw = stream.read(4)
        if magic[:3] != _FLAT_MAGIC or len(raw) < 4:
            return "its head is missing"
        # no more than there is: room is made for what is asked for
        head = stream.read(min(struct.unpack("<I", raw)[0], path.stat().st_size))
        try:
            promised, node = _flat_head(head)
        except (struct.error, IndexError):
            return "its head is damaged"
        size = path.stat().st_size
        place = 12 + len(head) + _index_bytes(promised, node)
        there = 0
        while place + 4 <= size:
            stream.seek(place)
            place += 4 + struct.unpack("<I", stream.read(4))[0]
            there += 1
    if place != size:
        return f"feature {there:,} ends {place - size:,} bytes behind the end of the file"
    return f"{promised:,} features are promised and {there:,} are there" if promised and there != promised else ""


def _flat_head(head: bytes) -> tuple[int, int]:
    """Return the number of features and the width of the index in the head of a FlatGeobuf."""
    table = struct.unpack_from("<I", head)[0]
    fields = table - struct.unpack_from("<i", head, table)[0]
    width = struct.unpack_from("<H", head, fields)[0]

    def place(number: int) -> int:
        at = 4 + 2 * number
        return struct.unpack_from("<H", head, fields + at)[0] if at < width else 0

    features, node = place(_FEATURES), place(_NODE)
    count = struct.unpack_from("<Q", head, table + features)[0] if features else 0
    return count, struct.unpack_from("<H", head, table + node)[0] if node else 16


def _index_bytes(features: int, node: int) -> int:
    """Return how many bytes the index of a FlatGeobuf takes: 40 a node of a packed tree."""
    if features == 0 or node < 2:
        return 0
    nodes = level = features
    while True:
        level = -(-level // node)
        nodes += level
        if level == 1:
            return 40 * nodes
