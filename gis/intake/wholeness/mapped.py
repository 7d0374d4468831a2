"""Tables of MapInfo: whether their parts are as long as they promise each other."""

from __future__ import annotations

import csv
import io
import re
import struct
from pathlib import Path

import numpy as np

# a .map is made of blocks of this size or of a multiple of it
_BLOCK = 512
# the words with which an object of a .mif begins; each has one row in the .mid
_OBJECT = re.compile(
    r"^\s*(none|point|multipoint|line|pline|region|arc|text|rect|roundrect|ellipse|collection)(?=\s|$)", re.IGNORECASE
)
_HEAD = re.compile(r'\s*(?:columns\s+(\d+)|delimiter\s+"(.)")', re.IGNORECASE)
_UNCOUNTED = re.compile(r"\s*columns\s(?!\s*\d)", re.IGNORECASE)
# objects inside a collection are not objects of their own
_COLLECTION = re.compile(r"^\s*collection\s+(\d+)", re.IGNORECASE)
_DELETED = 0x2A


def text_fault(path: Path) -> str:
    """Say whether a .mif and its .mid have the same number of objects and rows, and whole ones.

    Parameters
    ----------
    path
        The .mif.

    Returns
    -------
    str
        "" for a sound one.
    """
    mid = _parts(path).get(".mid")
    if mid is None:
        return ""
    columns, delimiter, objects, fault = _objects(path)
    if fault or columns == 0:
        return fault
    rows, ended, swallowed = _mid_rows(mid, delimiter, columns)
    if swallowed:
        return f"row {swallowed:,} of the .mid goes on over lines that are rows of their own"
    if rows != objects:
        return f"{objects:,} objects in the .mif and {rows:,} rows in the .mid"
    return "" if ended else "the last row of the .mid is broken off"


def table_fault(path: Path) -> str:
    """Say whether the parts of a table in bytes are as long as they promise.

    Parameters
    ----------
    path
        The .tab.

    Returns
    -------
    str
        "" for a sound one.
    """
    parts = _parts(path)
    if ".dat" not in parts:
        return ""
    with parts[".dat"].open("rb") as stream:
        head = stream.read(32)
    if len(head) < 32:
        return "the head of the .dat is missing"
    rows, begin, width = struct.unpack_from("<IHH", head, 4)
    there = parts[".dat"].stat().st_size
    if there < begin + rows * width:
        return f"the .dat promises {rows:,} rows of {width} bytes and has {there:,} bytes"
    if ".id" in parts and parts[".id"].stat().st_size != 4 * rows:
        return f"the .id has places for {parts['.id'].stat().st_size // 4:,} of {rows:,} rows"
    size = parts[".map"].stat().st_size if ".map" in parts else 0
    places = np.fromfile(parts[".id"], dtype="<i4") if ".id" in parts else np.zeros(0, dtype="<i4")
    if size % _BLOCK or (size and places.max(initial=0) >= size):
        return "the .map ends before its last object"
    return ""


def table_rows(path: Path) -> tuple[int, int]:
    """Return how many rows a table in bytes has, and how many of them are marked as deleted.

    Parameters
    ----------
    path
        The .tab.

    Returns
    -------
    tuple of int
        -1 and 0 where its rows are not in a .dat.
    """
    dat = _parts(path).get(".dat")
    if dat is None:
        return -1, 0
    with dat.open("rb") as stream:
        rows, begin, width = struct.unpack_from("<IHH", stream.read(32), 4)
    if not rows or not width:
        return 0, 0
    marks = np.memmap(dat, dtype=np.uint8, mode="r", offset=begin, shape=(rows, width))[:, 0]
    return rows, int((marks == _DELETED).sum())


def _parts(path: Path) -> dict[str, Path]:
    """Return the files of a table by their suffixes in lower case."""
    stem = path.stem.casefold()
    return {part.suffix.lower(): part for part in path.parent.iterdir() if part.stem.casefold() == stem}


def _mid_rows(path: Path, delimiter: str, columns: int) -> tuple[int, bool, int]:
    """Return how many rows a .mid has, whether the last of them ends, and the first that swallows others."""
    text = path.read_bytes().decode("latin-1")
    # a lone carriage return ends a line for some programs and stands in a text for others
    lines = io.StringIO(text, newline=None)
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    swallowed = next((number for number, row in enumerate(rows, 1) if _runs_on(row, columns, delimiter)), 0)
    return len(rows), text.count('"') % 2 == 0, swallowed


def _runs_on(row: list[str], columns: int, delimiter: str) -> bool:
    """Tell whether a row goes over the end of a line into the next row."""
    broken = [cell for cell in row if "\n" in cell]
    return bool(broken) and (len(row) != columns or any(cell.count(delimiter) >= columns - 1 > 0 for cell in broken))


def _objects(path: Path) -> tuple[int, str, int, str]:
    """Return the number of columns, the delimiter and the number of objects, and what is missing of one."""
    columns = objects = inside = wanted = 0
    delimiter, data = "\t", False
    with path.open(encoding="latin-1") as stream:
        for line in stream:
            if not data:
                if _UNCOUNTED.match(line):
                    return columns, delimiter, objects, "the number of its columns is missing"
                if (head := _HEAD.match(line)) is not None:
                    columns = int(head[1]) if head[1] else columns
                    delimiter = head[2] or delimiter
                data = line.strip().casefold() == "data"
                continue
            if wanted:
                if _OBJECT.match(line):
                    return columns, delimiter, objects, f"{wanted} points of object {objects:,} are missing"
                wanted -= bool(re.match(r"\s*-?[\d.]+(e[+-]?\d+)?\s+-?[\d.]+", line, re.IGNORECASE))
                continue
            began = _OBJECT.match(line)
            if began is not None and inside:
                inside -= 1
            elif began is not None:
                objects += 1
                inside = int(found[1]) if (found := _COLLECTION.match(line)) else 0
            wanted = _points(line, began)
    missing = f"{wanted} points of its last object are missing" if wanted else "" if data else "it holds no data"
    return columns, delimiter, objects, missing


def _points(line: str, began: re.Match[str] | None) -> int:
    """Return how many lines of coordinates follow a line of a .mif."""
    words = line.split()
    if began is not None and began[1].casefold() in {"pline", "multipoint"} and words[-1].isdigit():
        return int(words[-1]) if len(words) == 2 else 0
    return int(words[0]) if len(words) == 1 and words[0].isdigit() else 0
