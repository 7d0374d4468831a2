"""The values of a draft as columns: named, typed, as text, and as the bytes of a dBase table."""

from __future__ import annotations

import struct
from datetime import date
from typing import Any

import pandas as pd
import shapely

from gis.sample.mess.draft import Draft

_MOST = 254


def named(draft: Draft) -> dict[str, list[Any]]:
    """Return the columns that will be written, by their name in the file.

    Parameters
    ----------
    draft
        The file in the making.

    Returns
    -------
    dict
        One list of cells a column.
    """
    found = {draft.columns[name]: draft.cells[name].tolist() for name in draft.cells.columns if name in draft.columns}
    return {**found, **draft.options.get("more", {})}


def places(draft: Draft) -> dict[str, list[Any]]:
    """Return the columns that carry the place in a table: a pair or one cell for points, WKT for everything else.

    Parameters
    ----------
    draft
        The file in the making.

    Returns
    -------
    dict
        One list of cells a column.
    """
    if draft.layer.geometry != "Point":
        return {"WKT": [None if shape is None else shapely.to_wkt(shape, rounding_precision=10) for shape in
                        draft.shapes]}  # fmt: skip
    x = [None if shape is None else float(shape.x) for shape in draft.shapes]
    y = [None if shape is None else float(shape.y) for shape in draft.shapes]
    if draft.options.get("one_cell"):
        return {"坐标": [None if a is None else f"{a!r},{b!r}" for a, b in zip(x, y, strict=True)]}
    largest = max((abs(value) for value in [*x, *y] if value is not None), default=0.0)
    return {"经度": x, "纬度": y} if largest <= 180.0 else {"东坐标": x, "北坐标": y}


def written(cell: Any) -> str:
    """Return a cell as a person would type it.

    Parameters
    ----------
    cell
        str, int, float, bool, date or None.

    Returns
    -------
    str
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    return cell.isoformat() if isinstance(cell, date) else cell if isinstance(cell, str) else repr(cell)


def typed(draft: Draft) -> pd.DataFrame:
    """Return the columns in the types that GDAL would give them; a column of several types is text.

    Parameters
    ----------
    draft
        The file in the making.

    Returns
    -------
    pandas.DataFrame
    """
    columns = {}
    dtypes: dict[str, Any] = {"N": "Int64", "F": "float64", "L": "boolean", "C": "str"}
    for name, cells in named(draft).items():
        letter = _letter(cells)
        if letter == "D":
            columns[name] = pd.Series(cells, index=draft.cells.index, dtype=object)
            continue
        values = [None if cell is None else written(cell) for cell in cells] if letter == "C" else cells
        columns[name] = pd.Series(values, index=draft.cells.index, dtype=object).astype(dtypes[letter])
    return pd.DataFrame(columns, index=draft.cells.index)


def dbf(draft: Draft, *, encoding: str, ldid: int) -> bytes:
    """Return the attribute table of a shapefile.

    Parameters
    ----------
    draft
        The file in the making; its option "widths" sets the width of text columns by field.
    encoding
        Of names and texts.
    ldid
        The code page byte.

    Returns
    -------
    bytes
    """
    widths = {draft.columns.get(name): width for name, width in draft.options.get("widths", {}).items()}
    head, body = b"", [b" "] * len(draft.cells)
    total = 1
    for name, cells in named(draft).items():
        letter = _letter(cells)
        raw = [_raw(cell, letter, encoding) for cell in cells]
        longest = max((len(value) for value in raw), default=1)
        width = widths.get(name, min(max(longest, 1), _MOST)) if letter == "C" else max(longest, 8)
        decimals = 9 if letter == "F" else 0
        title = name.encode(encoding)[:10].ljust(11, b"\0")
        kind = b"N" if letter == "F" else letter.encode()
        head += title + kind + bytes(4) + bytes([width, decimals]) + bytes(14)
        right = letter in "NF"
        body = [
            row + (value[:width].rjust(width) if right else value[:width].ljust(width))
            for row, value in zip(body, raw, strict=True)
        ]
        total += width
    count = len(named(draft))
    start = struct.pack("<B3BIHH", 3, 126, 1, 1, len(body), 33 + 32 * count, total) + bytes(17) + bytes([ldid, 0, 0])
    return start + head + b"\r" + b"".join(body) + b"\x1a"


def _letter(cells: list[Any]) -> str:
    """Return the type of a column: N whole, F decimal, L, D, or C for text and for several types."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int} and kinds:
        return "N"
    if kinds <= {int, float} and kinds:
        return "F"
    return {frozenset({bool}): "L", frozenset({date}): "D"}.get(frozenset(kinds), "C")


def _raw(cell: Any, letter: str, encoding: str) -> bytes:
    """Return a cell as a dBase table has it."""
    if cell is None:
        return b""
    if letter == "L":
        return b"T" if cell else b"F"
    if letter == "D":
        return cell.strftime("%Y%m%d").encode()
    if letter == "F":
        return f"{cell:.9f}"[:32].encode()
    return written(cell).encode(encoding, errors="replace")
