"""How far the sheets of an old workbook (.xls) reach: its records, in the one stream of its small file system.

Only what tells the place of a cell is read. A chain of sectors that runs in a circle, or leaves the file, is damage.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_HEADER = 512
_LAST = 0xFFFFFFFA
_ENTRY = 128
_CUTOFF = 4096
_STREAMS = ("workbook", "book")
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
        book = _stream(path.read_bytes())
        return {name: _reach(book, place) for name, place in _sheets(book)}
    except _DAMAGED:
        return {}


def _stream(raw: bytes) -> bytes:
    """Return the stream that holds the workbook; before that, files were the stream itself."""
    if raw[:8] != _MAGIC:
        return raw
    size = 1 << struct.unpack_from("<H", raw, 30)[0]
    fat = _table(raw, size)
    (first,) = struct.unpack_from("<I", raw, 48)
    entries = _joined(raw, fat, first, size)
    root = found = None
    for place in range(0, len(entries) - _ENTRY + 1, _ENTRY):
        (letters,) = struct.unpack_from("<H", entries, place + 64)
        name = entries[place : place + min(letters, 64)].decode("utf-16-le").rstrip("\0").casefold()
        kind = entries[place + 66]
        start, length = struct.unpack_from("<II", entries, place + 116)
        if kind == 5:
            root = start, length
        elif kind == 2 and name in _STREAMS and found is None:
            found = start, length
    if found is None or root is None:
        raise ValueError
    if found[1] >= _CUTOFF:
        return _joined(raw, fat, found[0], size)[: found[1]]
    small = _joined(raw, fat, root[0], size)
    (mini,) = struct.unpack_from("<I", raw, 60)
    pairs = _joined(raw, fat, mini, size)
    chain = list(struct.unpack(f"<{len(pairs) // 4}I", pairs[: len(pairs) // 4 * 4]))
    return b"".join(small[64 * one : 64 * one + 64] for one in _chain(chain, found[0]))[: found[1]]


def _table(raw: bytes, size: int) -> list[int]:
    """Return which sector follows each."""
    sectors = [one for one in struct.unpack_from("<109I", raw, 76) if one < _LAST]
    (more,) = struct.unpack_from("<I", raw, 68)
    seen = set()
    while more < _LAST and more not in seen:
        seen.add(more)
        numbers = struct.unpack_from(f"<{size // 4}I", raw, (more + 1) * size)
        sectors += [one for one in numbers[:-1] if one < _LAST]
        more = numbers[-1]
    fat: list[int] = []
    for one in dict.fromkeys(sectors):
        fat += struct.unpack_from(f"<{size // 4}I", raw, (one + 1) * size)
    return fat


def _joined(raw: bytes, fat: list[int], first: int, size: int) -> bytes:
    """Return the sectors of a chain as one."""
    return b"".join(raw[(one + 1) * size : (one + 2) * size] for one in _chain(fat, first))


def _chain(fat: list[int], first: int) -> Iterator[int]:
    """Yield the sectors of a chain; one that comes back to itself is damage."""
    seen = set()
    while first < _LAST:
        if first in seen:
            raise ValueError
        seen.add(first)
        yield first
        first = fat[first]


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
