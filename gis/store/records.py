"""Stored rows: how canonical frames become plain values and how plain values become frames again.

Both homes keep the same plain values: text, integers, reals, booleans, dates as ISO text, JSON as text, geometry as
little-endian ISO WKB. Two rows are equal when these values are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gis import fieldtypes, rows
from gis.catalogue import Layer
from gis.errors import StoreError

GEOMETRY = "geom"
EXTRA = "extra"
VERSION = "_version"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# rows held as plain values at a time
PIECE = 50_000

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    """Name a stored column and its type: one of the catalogue's, or "geometry", and then its kind."""

    name: str
    type: str
    width: int | None = None
    kind: str = ""


def columns(layer: Layer) -> tuple[Column, ...]:
    """List what is stored of a layer's rows: fields, `extra` for base layers, geometry last.

    Parameters
    ----------
    layer
        The layer.

    Returns
    -------
    tuple of Column
        In the order of stored rows.
    """
    fields = tuple(Column(field.name, field.type, field.width) for field in layer.fields)
    extra = () if layer.derived else (Column(EXTRA, "json"),)
    geometry = (Column(GEOMETRY, "geometry", kind=layer.geometry),) if layer.spatial else ()
    return (*fields, *extra, *geometry)


def encode(frame: pd.DataFrame, layer: Layer) -> list[Row]:
    """Turn a canonical frame into stored rows.

    Parameters
    ----------
    frame
        As `gis.rows.canonical` returns it.
    layer
        Its layer.

    Returns
    -------
    list of tuple
        Values in the order of `columns`; None where a value is missing.
    """
    values = [_plain(frame, column) for column in columns(layer)]
    return list(zip(*values, strict=True)) if len(frame) else []


class Encoded(Sequence[Row]):
    """Stand for the stored rows of a canonical frame, made as they are asked for: as a table they take far less."""

    def __init__(self, frame: pd.DataFrame, layer: Layer) -> None:
        self.frame = frame
        self.layer = layer

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.frame)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        """Return one row, or those of a slice."""
        if isinstance(place, slice):
            return encode(self.frame.iloc[place], self.layer)
        return encode(self.frame.iloc[[place]], self.layer)[0]

    def __iter__(self) -> Iterator[Row]:
        """Go through the rows, encoding a piece at a time."""
        for start in range(0, len(self), PIECE):
            yield from self[start : start + PIECE]


def decode(stored: Sequence[Row], layer: Layer, crs: pyproj.CRS) -> pd.DataFrame:
    """Turn stored rows into a canonical frame.

    Parameters
    ----------
    stored
        Rows in the order of `columns`; further values at their end are left out.
    layer
        Their layer.
    crs
        CRS of the store.

    Returns
    -------
    pandas.DataFrame
        Canonical, with `extra` always; RangeIndex; a GeoDataFrame in `crs` where the layer has geometry.

    Raises
    ------
    StoreError
        Another program has left a value that its type does not allow.
    """
    wanted = columns(layer)
    values = list(zip(*stored, strict=True)) if stored else [()] * len(wanted)
    built: dict[str, Any] = {}
    for column, cells in zip(wanted, values, strict=False):
        try:
            built[column.name] = _DECODERS[column.type](list(cells))
        except (TypeError, ValueError, shapely.errors.ShapelyError):
            raise StoreError(
                f"layer {layer.name!r}, field {column.name!r} holds a value that is not {column.type}; "
                "another program wrote it: correct it there",
                layer=layer.name,
                field=column.name,
            ) from None
    shapes = built.pop(GEOMETRY, None)
    frame = pd.DataFrame(built, index=pd.RangeIndex(len(stored)))
    return frame if shapes is None else gpd.GeoDataFrame(frame, geometry=shapes, crs=crs)


def versioned(frame: pd.DataFrame, versions: Sequence[int]) -> pd.DataFrame:
    """Add `_version` before the geometry.

    Parameters
    ----------
    frame
        As `decode` returns it.
    versions
        Version of each row.

    Returns
    -------
    pandas.DataFrame
    """
    place = len(frame.columns) - isinstance(frame, gpd.GeoDataFrame)
    frame.insert(place, VERSION, pd.Series(list(versions), dtype="Int64"))
    return frame


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop `extra` where no row of a frame has one.

    Parameters
    ----------
    frame
        The very rows that are handed out.

    Returns
    -------
    pandas.DataFrame
    """
    empty = EXTRA in frame.columns and not frame[EXTRA].notna().any()
    return frame.drop(columns=EXTRA) if empty else frame


def storable(text: str) -> bool:
    """Tell whether both homes can keep a text: it has no NUL and no half of a surrogate pair.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    bool
    """
    return _UNSTORABLE.search(text) is None


def _plain(frame: pd.DataFrame, column: Column) -> list[Any]:
    """Return one column as plain values."""
    if column.type == "geometry":
        shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
        return list(shapely.to_wkb(shapes, byte_order=1, flavor="iso"))
    if column.name not in frame.columns:
        return [None] * len(frame)
    values = frame[column.name]
    if column.type == "real":
        # nobody means a zero below zero, and SQLite keeps none
        return [None if value != value else value + 0.0 for value in values.tolist()]
    if column.type == "date":
        days = np.datetime_as_string(values.to_numpy().astype("datetime64[D]"))
        return [None if day == "NaT" else day for day in days.tolist()]
    return list(values.astype(object).where(values.notna(), None))


def _days(cells: list[Any]) -> pd.Series:
    """Return ISO dates as a column of dates, refusing those of a year that ISO words do not have."""
    column = pd.Series(np.array(cells, dtype="datetime64[D]"), dtype=rows.DTYPES["date"])
    if fieldtypes.misfits(column, "date").any():
        raise ValueError("no day of our calendar")
    return column


def _text(cells: list[Any]) -> pd.Series:
    """Return text as a column, refusing what is no text."""
    if any(not isinstance(value, str | None) for value in cells):
        raise TypeError("not text")
    return pd.Series(cells, dtype="str")


_DECODERS: dict[str, Callable[[list[Any]], Any]] = {
    "text": _text,
    "json": _text,
    "integer": lambda cells: pd.array(cells, dtype="Int64"),
    "real": lambda cells: pd.Series(cells, dtype="float64"),
    "boolean": lambda cells: pd.array([None if v is None else bool(v) for v in cells], dtype="boolean"),
    "date": _days,
    "geometry": lambda cells: shapely.from_wkb(np.array(cells, dtype=object)),
}
