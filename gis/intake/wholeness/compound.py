"""Workbooks of old (.xls): whether the sectors of the file and the records in them hang together to the end.

The reader of workbooks takes what a damaged one says of sizes for true, asks for gigabytes or dies of it.
"""

from __future__ import annotations

import struct
from pathlib import Path

MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")
_HEAD = 512
_IN_HEAD = 109
# a chain of sectors ends with this number; smaller ones are sectors
_LAST_SECTOR = 0xFFFFFFFA
_ENTRY = 128
_NAMES = {"workbook", "book"}
_SMALL = 4096
# records: beginnings and ends of parts, names of sheets, a password, cells and cells in a row
_BEGINS, _ENDS, _SHEET, _PASSWORD = {0x809, 0x409, 0x209, 0x009}, 0x0A, 0x85, 0x2F
_CELLS = {0x0006, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E, 0x00D6, 0x00FD}
_RUNS = {0x00BD, 0x00BE}
_BLANK = 0x0201
_LARGEST = 8224
_COLUMNS = 256


def fault(path: Path) -> str:
    """Say where a workbook of old stops being one.

    Parameters
    ----------
    path
        The .xls.

    Returns
    -------
    str
        "" for a sound one, and for a file that is none of sectors.
    """
    raw = path.read_bytes()
    if not raw.startswith(MAGIC):
        return ""
    try:
        return _records_fault(stream(raw))
    except Broken as error:
        return str(error)
    except (struct.error, IndexError):
        return "its head is broken off"


class Broken(ValueError):
    """Sectors that do not hang together."""


def stream(raw: bytes) -> bytes:
    """Return the workbook that lies in the sectors of a file.

    Parameters
    ----------
    raw
        The file; it begins with `MAGIC`.

    Returns
    -------
    bytes
        Its records, one behind the other.

    Raises
    ------
    Broken
        The sectors do not hang together; what is broken off raises struct's own error.
    """
    shift, small = struct.unpack_from("<HH", raw, 30)
    if (shift, small) not in {(9, 6), (12, 6)}:
        raise Broken(f"its sectors would have 2^{shift} bytes")
    size = 1 << shift
    fats, first = struct.unpack_from("<II", raw, 44)
    cutoff = struct.unpack_from("<I", raw, 56)[0]
    table = _fat(raw, size, fats)
    entries = _chained(raw, size, table, first)
    found = [entries[at : at + _ENTRY] for at in range(0, len(entries) - _ENTRY + 1, _ENTRY)]
    for entry in found:
        if _name(entry) in _NAMES and entry[66] == 2:
            start, length = struct.unpack_from("<II", entry, 116)
            if length < cutoff == _SMALL:
                return _small(raw, size, table, found, start, length)
            return _held(_chained(raw, size, table, start), length)
    raise Broken("it holds no workbook")


def _fat(raw: bytes, size: int, count: int) -> list[int]:
    """Return which sector follows which."""
    sectors = list(struct.unpack_from(f"<{_IN_HEAD}I", raw, 76))
    more, left = struct.unpack_from("<II", raw, 68)
    seen = 0
    while more < _LAST_SECTOR and seen < left:
        part = struct.unpack(f"<{size // 4}I", _sector(raw, size, more))
        sectors += part[:-1]
        more, seen = part[-1], seen + 1
    used = [sector for sector in sectors if sector < _LAST_SECTOR]
    if len(used) != count:
        raise Broken(f"{count:,} lists of sectors are promised and {len(used):,} are there")
    words = b"".join(_sector(raw, size, sector) for sector in used)
    return list(struct.unpack(f"<{len(words) // 4}I", words))


def _sector(raw: bytes, size: int, number: int) -> bytes:
    """Return a sector; the last one of a file may be short."""
    at = max(_HEAD, size) + number * size
    if at >= len(raw):
        raise Broken(f"sector {number:,} lies behind its end")
    return raw[at : at + size].ljust(size, b"\0")


def _chained(raw: bytes, size: int, table: list[int], start: int) -> bytes:
    """Return the sectors of a chain as one."""
    parts, seen = [], set()
    while start < _LAST_SECTOR:
        if start in seen or start >= len(table):
            raise Broken(f"its chain of sectors does not end ({start:,})")
        seen.add(start)
        parts.append(_sector(raw, size, start))
        start = table[start]
    return b"".join(parts)


def _small(raw: bytes, size: int, table: list[int], found: list[bytes], start: int, length: int) -> bytes:
    """Return a short stream, which lies in pieces of 64 bytes of another."""
    first, _ = struct.unpack_from("<II", raw, 60)
    words = _chained(raw, size, table, first)
    small = list(struct.unpack(f"<{len(words) // 4}I", words))
    root = next((entry for entry in found if entry[66] == 5), None)
    if root is None:
        raise Broken("it has no root")
    held = _chained(raw, size, table, struct.unpack_from("<I", root, 116)[0])
    parts, seen = [], set()
    while start < _LAST_SECTOR:
        if start in seen or start >= len(small) or 64 * start >= len(held):
            raise Broken(f"its chain of sectors does not end ({start:,})")
        seen.add(start)
        parts.append(held[64 * start : 64 * start + 64])
        start = small[start]
    return _held(b"".join(parts), length)


def _held(held: bytes, length: int) -> bytes:
    """Return a stream as long as it says."""
    if len(held) < length:
        raise Broken(f"{length:,} bytes are promised and {len(held):,} are there")
    return held[:length]


def _name(entry: bytes) -> str:
    """Return the name of an entry."""
    return entry[: max(struct.unpack_from("<H", entry, 64)[0] - 2, 0)].decode("utf-16-le", "replace").casefold()


def _records_fault(book: bytes) -> str:
    """Say where the records of a workbook stop: every part that begins ends, and every sheet has its part."""
    place = depth = parts = 0
    sheets: list[int] = []
    begun: set[int] = set()
    filled: set[tuple[int, int]] = set()
    while place + 4 <= len(book):
        kind, length = struct.unpack_from("<HH", book, place)
        if not depth and kind not in _BEGINS:
            break
        if length > _LARGEST or place + 4 + length > len(book):
            return f"record {kind:#x} at byte {place:,} is broken off"
        if kind == 0:
            return f"there is no record at byte {place:,}"
        if kind == _PASSWORD:
            return ""
        if kind in _BEGINS:
            begun.add(place)
            depth += 1
            filled.clear()
        elif kind == _ENDS:
            depth -= 1
            parts += not depth
        elif kind == _SHEET and parts == 0:
            sheets.append(struct.unpack_from("<I", book, place + 4)[0])
        elif (kind in _CELLS or kind in _RUNS) and not _is_cell(book[place + 4 : place + 4 + length], kind):
            return f"the cell at byte {place:,} lies beyond column {_COLUMNS}"
        elif kind in _CELLS and kind != _BLANK:
            cell = struct.unpack_from("<HH", book, place + 4)
            if cell in filled:
                return f"row {cell[0] + 1:,} has two values in column {cell[1] + 1}"
            filled.add(cell)
        place += 4 + length
    if depth or parts < 1 + len(sheets) or not begun.issuperset(sheets):
        return f"{1 + len(sheets):,} parts are promised and {parts:,} are whole"
    return ""


def _is_cell(body: bytes, kind: int) -> bool:
    """Tell whether a cell, or a run of them, lies within a sheet."""
    if len(body) < 6:
        return False
    column = struct.unpack_from("<H", body, 2)[0]
    last = struct.unpack_from("<H", body, len(body) - 2)[0] if kind in _RUNS else column
    return column <= last < _COLUMNS
