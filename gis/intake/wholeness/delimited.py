"""Delimited texts, which promise nothing: whether the last line ends, and whether a quotation mark swallows lines."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from gis import findings

# how much of the end of a file holds its last line
_TAIL = 1 << 16
_PIECE = 1 << 20
_DELIMITERS = ",\t;|"
# a geometry may go over lines
_WKT = re.compile(r"\s*[A-Za-z ]+\(")
# lines of a cell that are shown
_LISTED = 3


def remarks(path: Path, codec: str, rows: int) -> list[dict[str, Any]]:
    """Say what makes a delimited text look cut off or run together.

    Parameters
    ----------
    path
        The file.
    codec
        Its encoding.
    rows
        How many rows were read.

    Returns
    -------
    list of dict
        The findings source.last_line_short (its last line does not end, and has fewer values than the first) and
        source.lines_swallowed (a value in quotation marks goes over lines that look like rows of their own); warnings.
    """
    with path.open(encoding=codec, errors="replace", newline=None) as stream:
        first = stream.readline().strip("\ufeff")
    delimiter = max(_DELIMITERS, key=first.count)
    return [*_last(path, codec, first, delimiter), *_swallowed(path, codec, first.count(delimiter), delimiter, rows)]


def _last(path: Path, codec: str, first: str, delimiter: str) -> list[dict[str, Any]]:
    """Return the finding about a last line that is broken off."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL))
        tail = stream.read()
    last = re.split(rb"[\r\n]", tail)[-1]
    if not last.strip() or tail == last or codec.startswith("utf-16"):
        return []
    line = last.decode(codec, "replace")
    counts = [_width(text, delimiter) for text in (first, line)]
    if counts[1] >= counts[0] and line.count('"') % 2 == 0:
        return []
    shown: dict[str, Any] = {"columns": counts[0], "values": counts[1], "text": line[:40]}
    return [findings.finding("source.last_line_short", path.name, severity="warning", **shown)]


def _width(line: str, delimiter: str) -> int:
    """Return how many values a line has."""
    return len(next(csv.reader(io.StringIO(line, newline=None), delimiter=delimiter), []))


def _swallowed(path: Path, codec: str, width: int, delimiter: str, rows: int) -> list[dict[str, Any]]:
    """Return the finding about cells that hold lines as wide as a row."""
    if width == 0 or _lines(path, codec) - rows <= 1:
        return []
    found: list[int] = []
    with path.open(encoding=codec, errors="replace", newline=None) as stream:
        reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
        while True:
            begins = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error:
                return []
            # from one cell to the same one of the next row there are as many delimiters as in the first line
            cells = (cell for cell in row if "\n" in cell) if reader.line_num > begins else ()
            if any(cell.count(delimiter) >= width and not _WKT.match(cell) for cell in cells):
                found.append(begins)
    if not found:
        return []
    shown = [*found[:_LISTED], *["…"] * (len(found) > _LISTED)]
    more: dict[str, Any] = {"count": len(found), "lines": shown}
    return [findings.finding("source.lines_swallowed", path.name, severity="warning", **more)]


def _lines(path: Path, codec: str) -> int:
    """Return how many lines hold something, holding little of them at a time."""
    with path.open(encoding=codec, errors="replace", newline=None) as stream:
        return sum(1 for line in stream if not line.isspace())
