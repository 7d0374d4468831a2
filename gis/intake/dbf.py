"""The attribute table of a shapefile, read byte by byte.

The libraries decode before anybody can judge the encoding, turn integers with nulls into floats and long codes into
numbers; here bytes stay bytes until the encoding is decided, and a number column that a float cannot hold stays text.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gis.errors import SourceError
from gis.intake import encodings
from gis.intake.admission import limits
from gis.intake.encodings import Encoding

_HEADER = struct.Struct("<4xIHH")
_FIELD_BYTES = 32
_DELETED = 0x2A
# more digits than 64 bits hold for sure
_LONG = 18
# bytes of the widest text field
_WIDEST = 254


@dataclass(frozen=True)
class Column:
    """Describe one column: its name in bytes, type letter, width and decimals."""

    name: bytes
    letter: str
    width: int
    decimals: int


@dataclass(frozen=True)
class Table:
    """Hold an undecoded table: columns, one array of bytes a column, and what the header says about the code page.

    `kept` has an entry for each row of the file, False where it is marked as deleted; `size` counts those kept.
    """

    columns: tuple[Column, ...]
    values: tuple[NDArray[np.bytes_], ...]
    ldid: int
    size: int
    kept: NDArray[np.bool_]


def read(path: Path) -> Table:
    """Read a .dbf without decoding anything.

    Parameters
    ----------
    path
        The .dbf.

    Returns
    -------
    Table
        Without the rows marked as deleted, as GDAL leaves them out.

    Raises
    ------
    SourceError
        The header is damaged or rows are missing.
    """
    raw = path.read_bytes()
    try:
        count, start, width = _HEADER.unpack_from(raw)
        columns = _columns(raw, start)
    except (struct.error, ValueError, IndexError):
        raise SourceError(
            f"{path.name}: the header of the attribute table is damaged; ask for the file again"
        ) from None
    if 1 + sum(column.width for column in columns) > width or len(raw) < start + count * width:
        held = max(len(raw) - start, 0) // max(width, 1)
        raise SourceError(f"{path.name}: damaged; {count} rows are announced and {held} are there", announced=count)
    limits.require("rows", count, path.name)
    records = np.frombuffer(raw, dtype=np.uint8, count=count * width, offset=start).reshape(count, width)
    kept = records[:, 0] != _DELETED if count else np.zeros(0, dtype=bool)
    records = records[kept]
    values, left = [], 1
    for column in columns:
        cells = np.ascontiguousarray(records[:, left : left + column.width])
        values.append(cells.view(f"S{column.width}").reshape(-1) if column.width else np.empty(0, dtype="S1"))
        left += column.width
    return Table(tuple(columns), tuple(values), raw[29], len(records), kept)


def decide(table: Table, *, given: str | None, cpg: str | None, name: str) -> Encoding:
    """Decide the encoding of a table's names and texts.

    Parameters
    ----------
    table
        The undecoded table.
    given
        Encoding from `--encoding`.
    cpg
        Content of the .cpg.
    name
        What the file is called in messages.

    Returns
    -------
    Encoding

    Raises
    ------
    SourceError
        No candidate reads every text.
    """
    found = [(column.name, len(column.name) >= 10) for column in table.columns]
    for column, values in zip(table.columns, table.values, strict=True):
        if column.letter == "C":
            bare = [_bare(value) for value in np.unique(values).tolist()]
            found += [(value, len(value) == column.width) for value in bare]
    return encodings.decide(found, given=given, cpg=cpg, ldid=table.ldid, name=name)


def frame(table: Table, encoding: Encoding) -> tuple[pd.DataFrame, list[str]]:
    """Decode a table.

    Parameters
    ----------
    table
        The undecoded table.
    encoding
        Its encoding.

    Returns
    -------
    tuple
        The frame, and the names of columns in which a text was cut in the middle of a character. Text is `str`, whole
        numbers `Int64` (text if longer than 18 digits), others `float64`, dates and booleans as objects. A column in
        which a value is not of its type stays text.
    """
    columns: dict[str, pd.Series] = {}
    cut: list[str] = []
    for column, raw in zip(table.columns, table.values, strict=True):
        name = encodings.decoded(column.name, encoding.name, cut=len(column.name) >= 10)
        # two names may become one when they were cut
        while name in columns:
            name = f"{name}_"
        texts, was_cut = _texts(raw, column, encoding.name)
        columns[name] = _typed(texts, column)
        cut += [name] if was_cut else []
    return pd.DataFrame(columns, index=pd.RangeIndex(table.size)), cut


def starred(table: Table) -> dict[bytes, int]:
    """Count the cells that are filled with asterisks, which are read as empty.

    Parameters
    ----------
    table
        The undecoded table.

    Returns
    -------
    dict
        How many, by the column's name; text columns may hold asterisks of their own.
    """
    counts = {}
    for column, raw in zip(table.columns, table.values, strict=True):
        if column.letter != "C":
            bare = np.char.strip(raw)
            counts[column.name] = int(((np.char.strip(bare, b"*") == b"") & (bare != b"")).sum())
    return {name: count for name, count in counts.items() if count}


def _columns(raw: bytes, start: int) -> list[Column]:
    """Read the column descriptions, which end with a carriage return."""
    columns = []
    for offset in range(32, start - 1, _FIELD_BYTES):
        if raw[offset] == 0x0D:
            break
        name = raw[offset : offset + 11].split(b"\0")[0].strip(b" ")
        letter, width, decimals = chr(raw[offset + 11]), raw[offset + 16], raw[offset + 17]
        columns.append(Column(name, letter, width, decimals))
    if not columns:
        raise ValueError("no column")
    strange = [column for column in columns if column.letter not in "CNFDL"]
    if strange:
        raise SourceError(
            f"the attribute table has a field of type {strange[0].letter!r}, which shapefiles do not know; "
            "ask for a GeoPackage",
            letter=strange[0].letter,
        )
    return columns


def _bare(value: bytes) -> bytes:
    """Return a cell without what fills it up; only one that needs no filling may have been cut."""
    return value.split(b"\0")[0].rstrip(b" ")


def _texts(raw: NDArray[np.bytes_], column: Column, encoding: str) -> tuple[list[str | None], bool]:
    """Decode the values of one column, each different one once; blank is missing."""
    known: dict[bytes, str | None] = {}
    was_cut = False
    for value in np.unique(raw).tolist():
        bare = _bare(value)
        if column.letter == "C":
            text = encodings.decoded(bare, encoding, cut=len(bare) == column.width)
            # a full field of a delivery's greatest width has most likely lost what did not fit in
            was_cut |= encodings.is_cut(bare, encoding) or len(bare) >= _WIDEST
        else:
            text = bare.decode("latin-1").strip()
            # GDAL and QGIS fill the field of an empty number with asterisks, others that of one too wide for it
            text = text if text.strip("*") else ""
            # that nobody has said yes or no
            text = "" if column.letter == "L" and text == "?" else text
        known[value] = text or None
    return [known[value] for value in raw.tolist()], was_cut


def _typed(texts: list[str | None], column: Column) -> pd.Series:
    """Return texts in their column's type, as text if one of them does not fit."""
    plain = pd.Series(texts, dtype="str")
    try:
        if column.letter == "N" and not column.decimals:
            if max((len(text.lstrip("-")) for text in texts if text), default=0) > _LONG:
                return plain
            return pd.Series([None if text is None else int(text) for text in texts], dtype="Int64")
        if column.letter in "NF":
            return pd.Series([np.nan if text is None else float(text) for text in texts], dtype="float64")
        if column.letter == "D":
            days = [_day(text) for text in texts]
            return pd.Series(days, dtype=object)
        if column.letter == "L":
            return pd.Series([None if text in {None, "?"} else _truth(str(text)) for text in texts], dtype="boolean")
    except ValueError:
        return plain
    return plain


def _day(text: str | None) -> Any:
    """Return a date written as YYYYMMDD; eight zeros mean none."""
    if text is None or not text.strip("0"):
        return None
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _truth(text: str) -> bool:
    """Return what a logical field's letter means."""
    if text.upper() not in {"T", "Y", "F", "N"}:
        raise ValueError(text)
    return text.upper() in {"T", "Y"}
