"""How far the sheets of an old workbook (.xls) reach; only what tells the place of a cell is read of its records."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from gis.intake.wholeness import compound

_BEGIN, _SHEET, _END = 0x0809, 0x0085, 0x000A
# cells by the number of their record, in the spelling of all versions; some stand for several
_CELLS = {0x0006, 0x0203, 0x0204, 0x0205, 0x027E, 0x00FD, 0x00D6, 0x0002, 0x0003, 0x0004, 0x0005, 0x0406, 0x0206}
_SEVERAL = {0x00BD}
_DAMAGED = (struct.error, IndexError, ValueError, UnicodeDecodeError)


def reaches(path: Path) -> dict[str, tuple[int, int, int]]:
    """Return the last row, the last column and the number of filled cells of each sheet.

    Parameters
    ----------
    path
        The .xls.

    Returns
    -------
    dict
        Numbers by the sheet's name, rows and columns counted from 1; empty where the file is no such workbook, or is
        damaged.
    """
    try:
        raw = path.read_bytes()
        # before that, files were the stream itself
        book = compound.stream(raw) if raw.startswith(compound.MAGIC) else raw
        return {name: _reach(book, place) for name, place in _sheets(book)}
    except _DAMAGED:
        return {}


def _sheets(book: bytes) -> Iterator[tuple[str, int]]:
    """Yield name and place of each sheet; a file of the oldest versions is one sheet."""
    found = False
    for kind, content in _records(book, 0):
        if kind == _SHEET:
            found = True
            (place,) = struct.unpack_from("<I", content)
            wide = len(content) > 7 and content[7] & 1
            letters = content[8:] if len(content) > 7 and content[7] in {0, 1} else content[7:]
            yield letters.decode("utf-16-le" if wide else "latin-1", "replace"), place
    if not found:
        yield "", 0


def _reach(book: bytes, place: int) -> tuple[int, int, int]:
    """Return how far the cells of one sheet reach."""
    rows = columns = filled = 0
    for kind, content in _records(book, place):
        if kind not in _CELLS and kind not in _SEVERAL:
            continue
        row, column = struct.unpack_from("<HH", content)
        last = column
        if kind in _SEVERAL:
            (last,) = struct.unpack_from("<H", content, len(content) - 2)
        rows, columns, filled = max(rows, row + 1), max(columns, last + 1), filled + max(last - column, 0) + 1
    return rows, columns, filled


def _records(book: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    """Yield the records from a place to the end of its part; a chart within a sheet is a part of its own."""
    depth = 0
    while place + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, place)
        yield kind, book[place + 4 : place + 4 + length]
        place += 4 + length
        depth += (kind == _BEGIN) - (kind == _END)
        if kind == _END and depth <= 0:
            return
