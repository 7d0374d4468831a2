"""Geometry and bytes that the tests of intake make by hand."""

from __future__ import annotations

import struct

import shapely

# within the district, working CRS
CORNER = (423_000.0, 4_423_000.0)


def square(column: int = 0, row: int = 0, side: float = 100.0) -> shapely.Polygon:
    """Return a square on a grid inside the district."""
    x, y = CORNER[0] + column * side, CORNER[1] + row * side
    return shapely.box(x, y, x + side, y + side)


def dbf_bytes(columns: list[tuple[bytes, str, int]], rows: list[list[bytes]], ldid: int = 0) -> bytes:
    """Return an attribute table: columns as (name, type letter, width), cells padded with blanks."""
    width = 1 + sum(size for _, _, size in columns)
    head = (
        struct.pack("<B3BIHH", 3, 126, 1, 1, len(rows), 33 + 32 * len(columns), width) + bytes(17) + bytes([ldid, 0, 0])
    )
    for name, letter, size in columns:
        head += name[:11].ljust(11, b"\0") + letter.encode() + bytes(4) + bytes([size, 0]) + bytes(14)
    body = b"".join(
        b" " + b"".join(cell[:size].ljust(size) for cell, (_, _, size) in zip(row, columns, strict=True))
        for row in rows
    )
    return head + b"\r" + body + b"\x1a"
