"""Reading: the present, the past, and what `where` and `bbox` let through."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import MAXYEAR, MINYEAR, date, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gis import fieldtypes
from gis.catalogue import Layer
from gis.errors import MigrationNeededError, UnknownNameError, UsageError
from gis.store import foreign, versions
from gis.store.home import CHANGES, LINEAGE, Home, Layout, history
from gis.store.records import GEOMETRY, Column, Row, columns, decode, shown, storable, versioned

Where = Mapping[str, Any]
Box = Sequence[float]


def framed(
    home: Home, layer: Layer, crs: pyproj.CRS, found: Sequence[Row], *, skip: int = 0, bbox: Box | None = None
) -> pd.DataFrame:
    """Return rows as `read` hands them out.

    Parameters
    ----------
    home
        The store's home.
    layer
        The layer.
    crs
        CRS of the store.
    found
        Rows that end with their state and change set.
    skip
        How many values stand before the row itself.
    bbox
        West, south, east, north in metres: only rows whose own box meets it.

    Returns
    -------
    pandas.DataFrame
        Canonical, with `_version`, and with `extra` where one of these very rows has one.
    """
    frame = versioned(decode([row[skip:] for row in found], layer, crs), versions.listed(home, found))
    return shown(frame if bbox is None else inside(frame, layer, bbox))


def current(
    home: Home, layer: Layer, *, where: Where | None = None, bbox: Box | None = None, made: Layer | None = None
) -> list[Row]:
    """Return a layer's rows as they are, each with the state and the change set that it came from at the end.

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
    made
        The layer as the store was made, where that was with another catalogue.

    Returns
    -------
    list of tuple
        In the order in which features came into the store.
    """
    layout = present(home, layer)
    box = None if bbox is None else _box(layer, bbox)
    if not foreign.whole(home, made or layer, layout):
        return _foreign(home, layer, layout, where or {})
    condition, values = conditions(home, layer, where or {})
    if box is not None:
        inside, corners = home.within(layer.name, layout, box)
        condition, values = f"{condition} AND {inside}", [*values, *corners]
    state, join = "NULL, NULL", ""
    if not layer.derived:
        record, key = home.table(history(layer.name)), layer.key
        last = f"(SELECT max(m.id) FROM {record} AS m WHERE {home.column(key, 'm')} = {home.column(key, 't')})"
        state, join = "h.id, h.change", f" LEFT JOIN {record} AS h ON h.id = {last}"
    statement = (
        f"SELECT {home.select(layer, layout)}, {state} FROM {home.table(layer.name)} AS t{join} "
        f"WHERE {condition} ORDER BY t.fid"
    )
    return home.run(statement, values)


def past(home: Home, layer: Layer, change: int, *, where: Where | None = None) -> list[Row]:
    """Return a layer's rows as they were after a change set, each with its state and change set at the end.

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
    statement = (
        f"SELECT {_recorded(home, layer)}, t.id, t.change FROM {record} AS t "
        f"WHERE t.id IN (SELECT max(id) FROM {record} WHERE change <= %s GROUP BY {home.column(layer.key)}) "
        f"AND t.op <> 'retire' AND {condition} ORDER BY t.fid, t.id"
    )
    return home.run(statement, [change, *values])


def places(home: Home, layer: Layer) -> dict[str, int]:
    """Return where each feature stands in the order in which features came in, as history last had it.

    Parameters
    ----------
    home
        The store's home.
    layer
        A base layer.

    Returns
    -------
    dict
        fid by key, retired features included; a place that two features had is of the one that had it last, as when
        another program has given a feature another key.
    """
    record, key = home.table(history(layer.name)), home.column(layer.key)
    last = f"SELECT max(id) FROM {record} GROUP BY {key}"
    found = home.run(f"SELECT {key}, fid FROM {record} WHERE id IN ({last}) ORDER BY id")
    holders = {fid: name for name, fid in found}
    return {name: fid or 0 for name, fid in found if fid is None or holders[fid] == name}


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
    found = current(home, layer, where={layer.key: list(keys)})
    return {row[place]: (row[:-2], version) for row, version in zip(found, versions.listed(home, found), strict=True)}


def by_version(home: Home, layer: Layer, given: Collection[int]) -> dict[int, Row | None]:
    """Return the states that some versions name.

    Parameters
    ----------
    home
        The store's home.
    layer
        A base layer.
    given
        Versions as `read` hands them out, or what somebody took for one.

    Returns
    -------
    dict
        Row by version, None where it was retired; versions that this store never gave are left out.
    """
    if not given:
        return {}
    condition, values = home.among("t.id", sorted({versions.state(version) for version in given}))
    statement = (
        f"SELECT t.op, {_recorded(home, layer)}, t.id, t.change FROM {home.table(history(layer.name))} AS t "
        f"WHERE {condition}"
    )
    found = home.run(statement, values)
    pairs = zip(versions.listed(home, found), found, strict=True)
    return {version: None if row[0] == "retire" else row[1:-2] for version, row in pairs if version in given}


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
        Change set, author, reason, time and operation, the stored row, then its state and change set; oldest first.

    Raises
    ------
    UsageError
        The key is no text.
    UnknownNameError
        The layer never had such a feature.
    """
    if not isinstance(key, str):
        raise UsageError(f"keys of layer {layer.name!r} are text, not {key!r}", key=key)
    statement = (
        f"SELECT c.number, c.author, c.reason, c.at, t.op, {_recorded(home, layer)}, t.id, t.change "
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
    foreign.require_crs(home, layer, layout)
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
    for column, values, missing in _wanted(layer, where):
        condition, bind = home.among(home.shown(column, "t"), values) if values else ("1 = 0", [])
        if missing:
            condition = f"({condition} OR {home.shown(column, 't')} IS NULL)"
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
        A naive datetime, a missing one, or a number that no change set has.
    """
    newest = f"SELECT coalesce(max(number), 0) FROM {home.table(CHANGES)}"
    last = int(home.run(newest)[0][0])
    if isinstance(as_of, datetime) and not pd.isna(as_of):
        if as_of.utcoffset() is None:
            raise UsageError(f"as_of={as_of} has no time zone; say which, e.g. .replace(tzinfo=UTC)", as_of=as_of)
        # pandas' own moments know years that neither home compares rightly
        if not MINYEAR <= as_of.year <= MAXYEAR:
            return 0 if as_of.year < MINYEAR else last
        return int(home.run(f"{newest} WHERE at <= %s", [home.moment(as_of)])[0][0])
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


def ordered(home: Home, layer: Layer, found: Iterable[Row]) -> list[Row]:
    """Put rows in the order in which features came in; those that history does not know come last, by key.

    Parameters
    ----------
    home
        The store's home.
    layer
        A base layer.
    found
        Stored rows.

    Returns
    -------
    list of tuple
    """
    at, known = layer.columns.index(layer.key), places(home, layer)
    return sorted(found, key=lambda row: (row[at] not in known, known.get(row[at], 0), row[at]))


def _recorded(home: Home, layer: Layer) -> str:
    """Return the list of expressions that yield a row of history, whose geometry no table of the system lists."""
    layout = home.layout(history(layer.name)) or Layout({})
    return home.select(layer, Layout(layout.types, GEOMETRY if GEOMETRY in layout.columns else None))


def _foreign(home: Home, layer: Layer, layout: Layout, where: Where) -> list[Row]:
    """Return the rows of a table that another program has made anew, as `current` does and adopting will."""
    wanted = [
        (layer.columns.index(column.name), set(values) | ({None} if missing else set()))
        for column, values, missing in _wanted(layer, where)
    ]
    rows_ = [row for row in foreign.found(home, layer, layout).rows if all(row[at] in these for at, these in wanted)]
    at = layer.columns.index(layer.key)
    if layer.derived:
        return [(*row, None, None) for row in sorted(rows_, key=lambda row: row[at])]
    record, key = home.table(history(layer.name)), home.column(layer.key)
    last = f"SELECT max(id) FROM {record} GROUP BY {key}"
    known = {row[0]: row[1:] for row in home.run(f"SELECT {key}, id, change FROM {record} WHERE id IN ({last})")}
    return [(*row, *known.get(row[at], (None, None))) for row in ordered(home, layer, rows_)]


def _box(layer: Layer, bbox: Box) -> Box:
    """Return a bbox that is one."""
    # a set has no order, and of a mapping nobody knows which half is meant
    given = list(bbox) if isinstance(bbox, Iterable) and not isinstance(bbox, str | bytes | Set | Mapping) else []
    fits = len(given) == 4 and not fieldtypes.misfits(pd.Series(given, dtype=object), "real").any()
    numbers = [float(value) for value in given] if fits and not any(map(_missing, given)) else []
    if not layer.spatial or not numbers or numbers[0] > numbers[2] or numbers[1] > numbers[3]:
        raise UsageError(
            f"bbox={bbox!r} for layer {layer.name!r}; give west, south, east, north, as numbers and in this order, "
            "of a layer with geometry",
            bbox=bbox,
        )
    return numbers


def _wanted(layer: Layer, where: Where) -> Iterator[tuple[Column, list[Any], bool]]:
    """Yield column, plain values and whether missing ones are wanted too, for every field of `where`."""
    if not isinstance(where, Mapping):
        raise UsageError(f"where={where!r}: give a value, or a list of values, by field, such as {{'name': '…'}}")
    for name, given in where.items():
        layer.field(name)
        column = next(column for column in columns(layer) if column.name == name)
        several = isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping)
        wanted = list(given) if several else [given]
        there = [value for value in wanted if not _missing(value)]
        yield column, _values(there, column, layer), len(there) < len(wanted)


def _missing(value: Any) -> bool:
    """Tell whether a value stands for a missing one."""
    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


def _values(given: Sequence[Any], column: Column, layer: Layer) -> list[Any]:
    """Return plain values of a column's type."""
    came = pd.Series([_own(value) for value in given], dtype=object)
    wrong = fieldtypes.misfits(came, "text" if column.type == "json" else column.type)
    if wrong.any():
        value = came[wrong].iloc[0]
        raise UsageError(f"where: {layer.name}.{column.name} is {column.type}, not {value!r}", field=column.name)
    plain: dict[str, Callable[[Any], Any]] = {"integer": int, "real": float, "boolean": bool, "date": _day}
    made = [plain.get(column.type, str)(value) for value in came]
    # no row can have what no store can keep
    return [value for value in made if not isinstance(value, str) or storable(value)]


def _own(value: Any) -> Any:
    """Return a value of numpy's as Python's own."""
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]").item()
    return value.item() if isinstance(value, np.generic) else value


def _day(value: str | date) -> str:
    """Return a day as ISO text."""
    return value[:10] if isinstance(value, str) else date(value.year, value.month, value.day).isoformat()
