"""Reading: the present, the past, and what `where` and `bbox` let through."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis import rows
from gis.catalogue import Layer
from gis.errors import CrsError, MigrationNeededError, UnknownNameError, UsageError
from gis.store.home import CHANGES, LINEAGE, Home, Layout, history
from gis.store.records import Column, Row, columns

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

Where = Mapping[str, Any]
Box = Sequence[float]


def current(home: Home, layer: Layer, *, where: Where | None = None, bbox: Box | None = None) -> list[Row]:
    """Return a layer's rows as they are, each with its version at the end.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.
    where
        Value, or list of values, by field.
    bbox
        West, south, east, north; rows just outside may be among those returned.

    Returns
    -------
    list of tuple
        In the order in which features came into the store.
    """
    layout = present(home, layer)
    condition, values = conditions(home, layer, where or {})
    if bbox is not None:
        inside, corners = home.within(layer.name, layout, _box(layer, bbox))
        condition, values = f"{condition} AND {inside}", [*values, *corners]
    order = home.column("fid" if "fid" in layout.columns else layer.key, "t")
    statement = (
        f"SELECT {home.select(layer, layout)}, {_version(home, layer)} "
        f"FROM {home.table(layer.name)} AS t WHERE {condition} ORDER BY {order}"
    )
    return home.run(statement, values)


def past(home: Home, layer: Layer, change: int, *, where: Where | None = None) -> list[Row]:
    """Return a layer's rows as they were after a change set, each with its version at the end.

    Parameters
    ----------
    home
        The store's home.
    layer
        A base layer.
    change
        Number of the change set.
    where
        Value, or list of values, by field.

    Returns
    -------
    list of tuple
        In the order in which features came into the store.
    """
    condition, values = conditions(home, layer, where or {})
    record = home.table(history(layer.name))
    layout = home.layout(history(layer.name)) or Layout(frozenset())
    statement = (
        f"SELECT {home.select(layer, _plain(layout))}, t.id FROM {record} AS t "
        f"WHERE t.id IN (SELECT max(id) FROM {record} WHERE change <= %s GROUP BY {home.column(layer.key)}) "
        f"AND t.op <> 'retire' AND {condition} ORDER BY t.fid, t.id"
    )
    return home.run(statement, [change, *values])


def by_key(home: Home, layer: Layer, keys: Collection[str]) -> dict[str, tuple[Row, int]]:
    """Return the stored rows of some keys with their versions.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.
    keys
        Keys; those that do not exist are left out.

    Returns
    -------
    dict
        Row and version by key.
    """
    place = layer.columns.index(layer.key)
    if not keys:
        return {}
    return {row[place]: (row[:-1], row[-1]) for row in current(home, layer, where={layer.key: list(keys)})}


def by_version(home: Home, layer: Layer, versions: Collection[int]) -> dict[int, Row]:
    """Return the states that some versions name, retired ones left out.

    Parameters
    ----------
    home
        The store's home.
    layer
        A base layer.
    versions
        Versions as `read` hands them out.

    Returns
    -------
    dict
        Row by version.
    """
    if not versions:
        return {}
    layout = home.layout(history(layer.name)) or Layout(frozenset())
    condition, values = home.among("t.id", sorted(versions))
    statement = (
        f"SELECT t.id, {home.select(layer, _plain(layout))} FROM {home.table(history(layer.name))} AS t "
        f"WHERE {condition} AND t.op <> 'retire'"
    )
    return {row[0]: row[1:] for row in home.run(statement, values)}


def states(home: Home, layer: Layer, key: str) -> list[Row]:
    """Return every state that a feature ever had.

    Parameters
    ----------
    home
        The store's home.
    layer
        A base layer.
    key
        The feature's key.

    Returns
    -------
    list of tuple
        Change set, author, reason, time, operation and version, then the stored row; oldest first.

    Raises
    ------
    UnknownNameError
        The layer never had such a feature.
    """
    layout = home.layout(history(layer.name)) or Layout(frozenset())
    statement = (
        f"SELECT c.number, c.author, c.reason, c.at, t.op, t.id, {home.select(layer, _plain(layout))} "
        f"FROM {home.table(history(layer.name))} AS t JOIN {home.table(CHANGES)} AS c ON c.number = t.change "
        f"WHERE {home.column(layer.key, 't')} = %s ORDER BY t.id"
    )
    found = home.run(statement, [key]) if storable(key) else []
    if not found:
        raise UnknownNameError(f"layer {layer.name!r} never had a feature {key!r}", layer=layer.name, key=key)
    return found


def present(home: Home, layer: Layer) -> Layout:
    """Return a layer's table as it is found, refusing one that cannot be read rightly.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.

    Returns
    -------
    Layout

    Raises
    ------
    MigrationNeededError
        The store has no table for the layer yet.
    CrsError
        Another program has put the layer into another CRS.
    """
    layout = home.layout(layer.name)
    if layout is None or layer.key not in layout.columns:
        raise MigrationNeededError(
            f"{home.name} has no table {layer.name!r} with a key {layer.key!r}; run gis migrate for a new layer, "
            "gis adopt for one that another program has dropped",
            layer=layer.name,
        )
    if layer.spatial and layout.srid not in {None, home.srid}:
        raise CrsError(
            f"layer {layer.name!r} was overwritten in SRS {layout.srid}, the store keeps {home.srid}; "
            "take the store's last state back with adopt(discard=True)",
            came=layout.srid,
            allowed=home.srid,
        )
    return layout


def conditions(home: Home, layer: Layer, where: Where) -> tuple[str, list[Any]]:
    """Return the condition, for the alias t, that `where` describes.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer; it says which fields there are and what type they have.
    where
        Value, or list of values, by field; None stands for a missing value.

    Returns
    -------
    tuple
        SQL and bound values.

    Raises
    ------
    UnknownNameError
        A name is no field of the layer.
    UsageError
        A value is not of its field's type.
    """
    parts, bound = ["1 = 1"], []
    for name, given in where.items():
        field = layer.field(name)
        column = next(column for column in columns(layer) if column.name == name)
        several = isinstance(given, Iterable) and not isinstance(given, str | bytes)
        wanted = list(given) if several else [given]
        values = _values([value for value in wanted if not _missing(value)], column, layer)
        shown = home.shown(column, "t")
        condition, bind = home.among(shown, values) if values else ("1 = 0", [])
        if len(values) < len(wanted):
            condition = f"({condition} OR {home.column(field.name, 't')} IS NULL)"
        parts.append(condition)
        bound += bind
    return " AND ".join(parts), bound


def inside(frame: pd.DataFrame, layer: Layer, bbox: Box) -> pd.DataFrame:
    """Keep the rows whose own box meets another, to the last digit.

    Parameters
    ----------
    frame
        A canonical frame.
    layer
        Its layer.
    bbox
        West, south, east, north in metres.

    Returns
    -------
    pandas.DataFrame
        RangeIndex.

    Raises
    ------
    UsageError
        The box is none, or the layer has no geometry.
    """
    west, south, east, north = _box(layer, bbox)
    if not isinstance(frame, gpd.GeoDataFrame) or frame.empty:
        return frame
    boxes = shapely.bounds(np.asarray(frame.geometry.to_numpy(), dtype=object))
    with np.errstate(invalid="ignore"):
        meets = (boxes[:, 0] <= east) & (boxes[:, 2] >= west) & (boxes[:, 1] <= north) & (boxes[:, 3] >= south)
    return frame if meets.all() else frame[meets].reset_index(drop=True)


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


def number_at(home: Home, as_of: int | datetime) -> int:
    """Return the change set that was the last one at a point of the store's own time.

    Parameters
    ----------
    home
        The store's home.
    as_of
        A change set's number, or a datetime with time zone.

    Returns
    -------
    int
        0 before the first change set.

    Raises
    ------
    UsageError
        A naive datetime, or a number that no change set has.
    """
    newest = f"SELECT coalesce(max(number), 0) FROM {home.table(CHANGES)}"
    if isinstance(as_of, datetime):
        if as_of.tzinfo is None:
            raise UsageError(f"as_of={as_of} has no time zone; say which, e.g. .replace(tzinfo=UTC)", as_of=as_of)
        return int(home.run(f"{newest} WHERE at <= %s", [home.moment(as_of)])[0][0])
    last = int(home.run(newest)[0][0])
    if isinstance(as_of, bool) or not isinstance(as_of, int | np.integer) or not 0 <= as_of <= last:
        raise UsageError(
            f"as_of={as_of!r} is no change set; give a number from 0 to {last} or a datetime with time zone",
            as_of=as_of,
        )
    return int(as_of)


def lineage(home: Home, layer: Layer) -> dict[str, Any] | None:
    """Return what a derived layer was made from.

    Parameters
    ----------
    home
        The store's home.
    layer
        A derived layer.

    Returns
    -------
    dict or None
        The record of `gis.lineage` with the change set's number as `change`; None before the layer was ever made.
    """
    found = home.run(f"SELECT change, record FROM {home.table(LINEAGE)} WHERE layer = %s", [layer.name])
    return {"change": found[0][0], **json.loads(found[0][1] or "{}")} if found else None


def _version(home: Home, layer: Layer) -> str:
    """Return the expression for a row's version: its last entry in history, 0 where there is none."""
    if layer.derived:
        return "0"
    record, key = home.table(history(layer.name)), layer.key
    return f"coalesce((SELECT max(h.id) FROM {record} AS h WHERE {home.column(key, 'h')} = {home.column(key, 't')}), 0)"


def _plain(layout: Layout) -> Layout:
    """Return a history table's layout with its geometry named, which no other table of the system lists."""
    return Layout(layout.columns, "geom" if "geom" in layout.columns else None)


def _box(layer: Layer, bbox: Box) -> Box:
    """Return a bbox that is one."""
    numbers = [float(value) for value in bbox] if len(bbox) == 4 else []
    if not layer.spatial or not numbers or not np.isfinite(numbers).all() or numbers[0] > numbers[2]:
        raise UsageError(
            f"bbox={tuple(bbox)} for layer {layer.name!r}; give west, south, east, north of a layer with geometry",
            bbox=bbox,
        )
    return numbers


def _missing(value: Any) -> bool:
    """Tell whether a value stands for a missing one."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _values(given: Sequence[Any], column: Column, layer: Layer) -> list[Any]:
    """Return plain values of a column's type."""
    came = pd.Series([value.item() if isinstance(value, np.generic) else value for value in given], dtype=object)
    wrong = rows.misfits(came, "text" if column.type == "json" else column.type)
    if wrong.any():
        value = came[wrong].iloc[0]
        raise UsageError(f"where: {layer.name}.{column.name} is {column.type}, not {value!r}", field=column.name)
    plain: dict[str, Callable[[Any], Any]] = {"integer": int, "real": float, "boolean": bool, "date": _day}
    made = [plain.get(column.type, str)(value) for value in came]
    # no row can have what no store can keep
    return [value for value in made if not isinstance(value, str) or storable(value)]


def _day(value: str | date) -> str:
    """Return a day as ISO text."""
    return value[:10] if isinstance(value, str) else date(value.year, value.month, value.day).isoformat()
