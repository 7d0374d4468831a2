"""Whether a file is whole: what it promises of its own end and of its rows, against what is there and what was read.

GDAL reads half of many formats without a word. A file that was cut off is refused: nobody knows what is missing.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
import pandas as pd
import pyogrio

from gis import findings
from gis.errors import SourceError

# how much of the end of a file holds its last mark or line
_TAIL = 1 << 16
_DXF_BINARY = b"AutoCAD Binary DXF"
# other programs leave words of their own behind it
_DXF_END = re.compile(rb"^[ \t]*0[ \t]*\r?\n[ \t]*EOF[ \t\r]*$", re.MULTILINE)
# a .map is made of blocks of this size or of a multiple of it
_BLOCK = 512
# the words with which an object of a .mif begins; each has one row in the .mid
_MIF_OBJECT = re.compile(
    r"^\s*(none|point|multipoint|line|pline|region|arc|text|rect|roundrect|ellipse|collection)\b", re.IGNORECASE
)
_MIF_HEAD = re.compile(r'\s*(?:columns\s+(\d+)|delimiter\s+"(.)")', re.IGNORECASE)
# objects inside a collection are not objects of their own
_COLLECTION = re.compile(r"^\s*collection\s+(\d+)", re.IGNORECASE)


def before(path: Path) -> None:
    """Refuse a file that ends before it should, by its bytes alone.

    Parameters
    ----------
    path
        The file, as it came.

    Raises
    ------
    SourceError
        It is cut off; the message says what is missing.
    """
    check = _ENDS.get(path.suffix.lower())
    missing = check(path) if check is not None else ""
    if missing:
        raise SourceError(f"{path.name} is cut off: {missing}; ask for it again", path=str(path))


def after(path: Path, lent: Path, layer: str, frame: pd.DataFrame) -> None:
    """Refuse what GDAL has read of a file that promises more.

    Parameters
    ----------
    path
        The file, for the message.
    lent
        The file as GDAL read it.
    layer
        Name of the layer.
    frame
        Its rows.

    Raises
    ------
    SourceError
        Rows are missing, or the file is damaged within.
    """
    check = _WITHIN.get(lent.suffix.lower())
    fault = check(lent) if check is not None else ""
    if fault:
        raise SourceError(f"{path.name} is cut off or damaged ({fault}); ask for it again", path=str(path))
    promised = _promised(lent, layer)
    if promised > len(frame):
        raise SourceError(
            f"{path.name}, layer {layer}: {promised:,} rows are promised and {len(frame):,} can be read; it is cut off "
            "or damaged: ask for it again",
            promised=promised,
            read=len(frame),
        )


def remarks(path: Path, codec: str) -> list[dict[str, Any]]:
    """Say that a delimited text may be cut off: its last line does not end, and has fewer values than the first.

    Parameters
    ----------
    path
        The file.
    codec
        Its encoding.

    Returns
    -------
    list of dict
        The finding source.last_line_short (warning), or none.
    """
    with path.open("rb") as stream:
        first = stream.readline()
        stream.seek(max(0, path.stat().st_size - _TAIL))
        tail = stream.read()
    last = tail.rpartition(b"\n")[2]
    if not last.strip() or tail == last or codec.startswith("utf-16"):
        return []
    head, line = (piece.decode(codec, "replace") for piece in (first, last))
    delimiter = max(",\t;|", key=head.count)
    counts = [len(next(csv.reader([text], delimiter=delimiter), [])) for text in (head.strip("\ufeff"), line)]
    if counts[1] >= counts[0] and line.count('"') % 2 == 0:
        return []
    shown: dict[str, Any] = {"columns": counts[0], "values": counts[1], "text": line[:40]}
    return [findings.finding("source.last_line_short", path.name, severity="warning", **shown)]


def _drawing_end(path: Path) -> str:
    """Say what is missing at the end of a DXF."""
    with path.open("rb") as stream:
        head = stream.read(len(_DXF_BINARY))
        stream.seek(max(0, path.stat().st_size - _TAIL))
        tail = stream.read()
    if head == _DXF_BINARY or _DXF_END.search(tail.rstrip(b"\x1a\x00")):
        return ""
    return "its end mark (0, EOF) is missing"


def _xml_fault(path: Path) -> str:
    """Say where a file stops being XML."""
    parser = expat.ParserCreate()
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.ErrorString(error.code)}"
    return ""


def _mif_end(path: Path) -> str:
    """Say whether a .mif and its .mid have the same number of objects and rows, and whole ones."""
    mid = next((part for part in path.parent.iterdir() if part.name.casefold() == f"{path.stem}.mid".casefold()), None)
    if mid is None:
        return ""
    columns, delimiter, objects, fault = _mif_objects(path)
    if fault or columns == 0:
        return fault
    text = mid.read_bytes().decode("latin-1")
    rows = sum(1 for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row)
    if rows != objects:
        return f"{objects:,} objects in the .mif and {rows:,} rows in the .mid"
    if text.count('"') % 2:
        return "the last row of the .mid is broken off"
    return ""


def _mif_objects(path: Path) -> tuple[int, str, int, str]:
    """Return the number of columns, the delimiter and the number of objects, and what is missing of the last one."""
    columns = objects = inside = wanted = 0
    delimiter, data = "\t", False
    with path.open(encoding="latin-1") as stream:
        for line in stream:
            if not data:
                if (head := _MIF_HEAD.match(line)) is not None:
                    columns = int(head[1]) if head[1] else columns
                    delimiter = head[2] or delimiter
                data = line.strip().casefold() == "data"
                continue
            if wanted:
                wanted -= bool(re.match(r"\s*-?[\d.]+(e[+-]?\d+)?\s+-?[\d.]+", line, re.IGNORECASE))
                continue
            began = _MIF_OBJECT.match(line)
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


def _tab_end(path: Path) -> str:
    """Say whether the parts of a MapInfo table are as long as they promise."""
    parts = {
        part.suffix.lower(): part for part in path.parent.iterdir() if part.stem.casefold() == path.stem.casefold()
    }
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
    if ".id" in parts and parts[".id"].stat().st_size < 4 * rows:
        return f"the .id has places for {parts['.id'].stat().st_size // 4:,} of {rows:,} rows"
    size = parts[".map"].stat().st_size if ".map" in parts else 0
    places = np.fromfile(parts[".id"], dtype="<i4") if ".id" in parts else np.zeros(0, dtype="<i4")
    if size % _BLOCK or (size and places.max(initial=0) >= size):
        return "the .map ends before its last object"
    return ""


def _sqlite_fault(path: Path) -> str:
    """Return what SQLite finds damaged in a GeoPackage, "" where it is sound."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            found = [str(row[0]) for row in base.execute("PRAGMA quick_check(1)")]
    except sqlite3.Error as error:
        return str(error)
    return "" if found == ["ok"] else found[0] if found else "no answer"


def _promised(path: Path, layer: str) -> int:
    """Return how many rows a layer promises, -1 where it promises nothing."""
    if path.suffix.lower() == ".gpkg":
        name = layer.replace('"', '""')
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            return int(base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])
    if path.suffix.lower() in {".fgb", ".gdb"}:
        return int(pyogrio.read_info(path, layer=layer)["features"])
    return -1


def _lines_fault(path: Path) -> str:
    """Return which record of a file of JSON texts, one a line or parted by record separators, is none."""
    text = path.read_text(encoding="utf-8-sig")
    parts = text.split("\x1e") if "\x1e" in text else text.split("\n")
    records = [part for part in parts if part.strip()]
    for number, record in enumerate(records, 1):
        try:
            json.loads(record)
        except ValueError as error:
            return "" if _is_json(text) else f"record {number:,} of {len(records):,} is no JSON: {error}"
    return ""


def _is_json(text: str) -> bool:
    """Tell whether a whole text is JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


_ENDS: dict[str, Callable[[Path], str]] = {".dxf": _drawing_end, ".mif": _mif_end, ".tab": _tab_end}
_WITHIN: dict[str, Callable[[Path], str]] = {
    ".gpkg": _sqlite_fault,
    ".gml": _xml_fault,
    ".kml": _xml_fault,
    ".geojsonl": _lines_fault,
}
