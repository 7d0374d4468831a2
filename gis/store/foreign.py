"""Tables that another program has made anew: what is in them, in our shape.

Types differ from program to program: a number may come as text, a flag as 0 and 1, a day with a midnight. What is sure
is made ours; what is not goes into `extra` under its field's name, and so do columns that no field knows.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import fieldtypes, findings
from gis import rows as rules
from gis.catalogue import Catalogue, Field, Layer
from gis.errors import CrsError, RowsRefused
from gis.store.home import Home, Layout
from gis.store.records import EXTRA, GEOMETRY, VERSION, Column, Row, columns, encode, storable

# what no table of ours can hold; everything softer is taken in and shows up in gis check
_HARD = {"row.required", "row.duplicate_key", "row.type", "row.nul", "geometry.type", "geometry.not_finite"}
_NO_LISTS = Catalogue(Path(), {}, {}, (), {}, {}, "")
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DAY = re.compile(r"(\d{4})[-/](\d{2})[-/](\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00(?::?00)?)?)?")
_FLAGS: Mapping[Any, bool] = {0: False, 1: True, "f": False, "t": True, "false": False, "true": True}


@dataclass(frozen=True)
class Found:
    """Hold the rows of another program's table in our shape, and how many values its columns have that we lack.

    In a base layer those values went to `extra`, and so did those that a field of ours could not hold.
    """

    rows: list[Row]
    moved: Mapping[str, int]


def found(home: Home, layer: Layer, layout: Layout) -> Found:
    """Read a table whoever made it.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.
    layout
        Its table as found.

    Returns
    -------
    Found
        Rows in no particular order.

    Raises
    ------
    RowsRefused
        Keys are missing or repeated, shapes are of another type; in a derived layer, values are.
    """
    wanted, more_names = columns(layer), strange(layer, layout)
    more = "".join(f", {home.column(name, 't')}" for name in more_names)
    came = home.run(f"SELECT {home.select(layer, layout)}{more} FROM {home.table(layer.name)} AS t")
    width = len(wanted)
    frame = _frame([row[:width] for row in came], wanted)
    flags = {name for name in more_names if layout.types[name].lower().startswith("bool")}
    beside = [_written(dict(zip(more_names, row[width:], strict=True)), flags) for row in came]
    if not layer.derived:
        for field in layer.fields:
            if field.name != layer.key:
                _set_aside(frame, field, beside)
        frame[EXTRA] = [_merged(text, values) for text, values in zip(frame[EXTRA], beside, strict=True)]
    moved = Counter(dict.fromkeys(more_names, 0))
    moved.update(name for values in beside for name in values)
    _refuse(frame, layer, _unreadable(frame, came, layer))
    return Found(encode(rules.canonical(frame, layer), layer), moved)


def whole(home: Home, layer: Layer, layout: Layout) -> bool:
    """Tell whether a layer's table is the one that the store made.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.
    layout
        Its table as found.

    Returns
    -------
    bool
    """
    if layout.columns != {"fid", *(column.name for column in columns(layer))}:
        return False
    shape = (layout.geometry, layout.kind, layout.srid)
    return (not layer.spatial or shape == (GEOMETRY, layer.geometry, home.srid)) and not home.altered(layer)


def strange(layer: Layer, layout: Layout) -> list[str]:
    """Name the columns of a table that the layer does not have.

    Parameters
    ----------
    layer
        The layer.
    layout
        Its table as found.

    Returns
    -------
    list of str
        Computed columns are not among them: they hold nothing of their own.
    """
    known = {"fid", layout.geometry, VERSION, *(column.name for column in columns(layer))}
    return sorted(name for name in layout.columns if name not in known)


def require_crs(home: Home, layer: Layer, layout: Layout) -> None:
    """Refuse a layer that another program has put into another CRS.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.
    layout
        Its table as found.

    Raises
    ------
    CrsError
        It has.
    """
    if layer.spatial and layout.srid not in {None, home.srid}:
        raise CrsError(
            f"layer {layer.name!r} was overwritten in SRS {layout.srid}, the store keeps {home.srid}; convert it "
            "there, or take the store's last state back with gis adopt --discard, in Python adopt(discard=True)",
            came=layout.srid,
            allowed=home.srid,
        )


def _set_aside(frame: pd.DataFrame, field: Field, beside: Sequence[dict[str, Any]]) -> None:
    """Empty the cells that their field cannot hold, and keep what they held."""
    column = frame[field.name]
    wrong = fieldtypes.misfits(column, field.type)
    if field.type in {"text", "json"}:
        wrong |= np.array([isinstance(value, str) and not storable(value) for value in column], dtype=bool)
    for row in np.flatnonzero(wrong).tolist():
        beside[row][field.name] = _word(column.iloc[row])
    frame[field.name] = column.mask(wrong, None)


def _frame(stored: Sequence[Row], wanted: Sequence[Column]) -> pd.DataFrame:
    """Return rows as a frame whose values are ours where that is sure."""
    cells = list(zip(*stored, strict=True)) if stored else [()] * len(wanted)
    built = {
        column.name: pd.Series([sure(value, column.type) for value in values], dtype=object)
        for column, values in zip(wanted, cells, strict=True)
    }
    shapes = built.pop(GEOMETRY, None)
    frame = pd.DataFrame(built, index=pd.RangeIndex(len(stored)))
    if shapes is None:
        return frame
    return gpd.GeoDataFrame(frame, geometry=shapely.from_wkb(shapes.to_numpy(), on_invalid="ignore"))


def sure(value: Any, type_: str) -> Any:
    """Return a value as a type of ours has it, or as it came where it is not sure what it means.

    Parameters
    ----------
    value
        As the home returns it.
    type_
        A type of the catalogue, or "geometry".

    Returns
    -------
    object
    """
    if isinstance(value, Decimal):
        value = int(value) if type_ == "integer" and value == value.to_integral_value() else float(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if type_ == "boolean":
        plain = value.lower() if isinstance(value, str) else value
        return _FLAGS.get(plain, value) if isinstance(plain, str | int) else value
    if type_ == "integer":
        return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value
    if type_ == "real":
        return float(value) if isinstance(value, str) and _REAL.fullmatch(value) else value
    if type_ == "date" and isinstance(value, str):
        day = _DAY.fullmatch(value)
        return "-".join(day.groups()) if day else value
    if type_ == "json" and isinstance(value, dict | list | int | float):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value


def _unreadable(frame: pd.DataFrame, came: Sequence[Row], layer: Layer) -> pd.DataFrame:
    """Find cells of geometry that hold something, and no shape."""
    if not isinstance(frame, gpd.GeoDataFrame):
        return findings.table()
    place = len(columns(layer)) - 1
    return findings.table(
        findings.finding("geometry.type", layer.name, str(key), came="?", allowed=layer.geometry, row=row + 1)
        for row, (key, shape) in enumerate(zip(frame[layer.key], frame.geometry, strict=True))
        if shape is None and came[row][place] is not None
    )


def _refuse(frame: pd.DataFrame, layer: Layer, unreadable: pd.DataFrame) -> None:
    """Raise an error that lists all rows that no table of ours can hold."""
    # codes, ranges and the like are left to gis check
    fields = tuple(
        Field(field.name, field.zh, field.en, field.type, field.kind, required=key, unique=key)
        for field in layer.fields
        for key in [field.name == layer.key]
    )
    faults = findings.join(unreadable, rules.check(frame, replace(layer, fields=fields), _NO_LISTS))
    hard = faults[faults["code"].isin(_HARD)].reset_index(drop=True)
    if len(hard):
        raise RowsRefused(
            f"layer {layer.name!r}, as another program has left it, holds {len(hard)} faults, the first is "
            f"{hard['code'].iloc[0]} {hard['parameters'].iloc[0]}; correct them there, or take the store's last state "
            "back with gis adopt --discard, in Python adopt(discard=True)",
            hard,
            layer=layer.name,
        )


def _written(values: Mapping[str, Any], flags: set[str]) -> dict[str, Any]:
    """Return another program's values as JSON has them, the same from both homes."""
    there = {name: value for name, value in values.items() if value is not None}
    return {name: bool(value) if name in flags and value in (0, 1) else _word(value) for name, value in there.items()}


def _word(value: Any) -> Any:
    """Return one value as JSON has it."""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else str(value)
    return value if isinstance(value, str | int | float | dict | list) else str(value)


def _merged(text: Any, more: Mapping[str, Any]) -> str | None:
    """Return `extra` with another program's own columns added; what it holds by the same name stays.

    A text that is no JSON is kept as one.
    """
    if not isinstance(text, str):
        text = None
    sound = text is None or fieldtypes.is_json(text)
    if sound and not more:
        return text
    held = {} if text is None else json.loads(text) if sound else text
    kept: dict[str, Any] = held if isinstance(held, dict) else {EXTRA: held}
    for name, value in more.items():
        while name in kept and kept[name] != value:
            name += "_"
        kept = {**kept, name: value}
    written = json.dumps(kept, ensure_ascii=False, sort_keys=True)
    return written if storable(written) else json.dumps(kept, sort_keys=True)
