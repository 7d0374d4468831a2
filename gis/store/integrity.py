"""Integrity: does every layer still show what its history says, and how is an outside program's work taken in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from gis import findings, rows
from gis.catalogue import Layer
from gis.errors import CrsError, RowsRefused
from gis.store import reading
from gis.store.edits import Desk
from gis.store.home import Home, Layout, history
from gis.store.records import EXTRA, VERSION, Row, columns, encode, lenient

# what no table of ours can hold; everything softer is taken in and shows up in gis check
_HARD = {"row.type", "row.nul", "geometry.type", "geometry.not_finite"}


def inspect(home: Home, layers: Iterable[Layer]) -> pd.DataFrame:
    """Find layers that another program has changed without history's seeing it.

    Parameters
    ----------
    home
        The store's home.
    layers
        Base layers as the store was made.

    Returns
    -------
    pandas.DataFrame
        Findings store.table_missing, store.columns_changed, store.trigger_missing, store.rows_differ; empty when all
        is well.
    """
    return findings.table(fault for layer in layers if not layer.derived for fault in _faults(home, layer))


def triggers_missing(home: Home, layers: Iterable[Layer]) -> list[str]:
    """Name the layers whose edits would go unrecorded.

    Parameters
    ----------
    home
        The store's home.
    layers
        Layers as the store was made.

    Returns
    -------
    list of str
    """
    return [layer.name for layer in layers if not layer.derived and not home.triggers_sound(layer)]


def adopt(desk: Desk, layer: Layer, change: int, *, discard: bool) -> dict[str, int]:
    """Record how a layer differs from its history, and make its table and triggers whole again.

    Parameters
    ----------
    desk
        Home, catalogue, CRS; the home in a transaction.
    layer
        A base layer as the store was made.
    change
        Number of the open change set.
    discard
        Take history's last state back instead of what the other program left.

    Returns
    -------
    dict
        Numbers of rows inserted, updated and retired.

    Raises
    ------
    RowsRefused
        Keys are missing or repeated, or values and shapes are of a type that the layer cannot hold.
    CrsError
        The layer was overwritten in another CRS.
    """
    home = desk.home
    place = layer.columns.index(layer.key)
    last = {row[place]: row for row in reading.past(home, layer, change)}
    layout = home.layout(layer.name)
    whole = layout is not None and layout.fits(layer, home.srid)
    if discard:
        came = [row[:-1] for row in last.values()]
    elif layout is None:
        came = []
    else:
        came = _as_found(desk, layer, layout)
    if not whole or discard:
        home.drop_layer(layer)
        home.create_layer(layer)
        home.insert(layer.name, columns(layer), came)
    counts = _record(home, layer, {row[place]: row for row in came}, last, change)
    home.create_triggers(layer)
    # under another catalogue the migration that follows will describe it
    if desk.catalogue.layers.get(layer.name) == layer:
        home.describe(desk.catalogue, [layer])
    home.touch(layer)
    return counts


def _faults(home: Home, layer: Layer) -> Iterable[dict[str, Any]]:
    """Yield what is wrong with one layer's table."""
    layout = home.layout(layer.name)
    if layout is None:
        yield findings.finding("store.table_missing", layer.name)
        return
    if not layout.fits(layer, home.srid):
        wanted = {"fid", *(column.name for column in columns(layer))}
        yield findings.finding(
            "store.columns_changed",
            layer.name,
            missing=sorted(wanted - layout.columns),
            unknown=sorted(layout.columns - wanted),
            geometry=f"{layout.kind} {layout.srid}",
        )
    if not home.triggers_sound(layer):
        yield findings.finding("store.trigger_missing", layer.name)
    if layout.fits(layer, home.srid):
        counts = _drift(home, layer)
        if any(counts):
            added, changed, missing = counts
            yield findings.finding("store.rows_differ", layer.name, added=added, changed=changed, missing=missing)


def _drift(home: Home, layer: Layer) -> tuple[int, int, int]:
    """Count the rows that history does not know, knows otherwise, or misses."""
    table, record = home.table(layer.name), home.table(history(layer.name))
    key = home.column(layer.key)
    names = [column.name for column in columns(layer)]
    now, then = (", ".join(home.column(name, side) for name in names) for side in ("t", "h"))
    unlike = home.unlike(now, then)
    known = "h.id IS NOT NULL AND h.op <> 'retire'"
    added, changed, matched = home.run(
        f"SELECT coalesce(sum(CASE WHEN {known} THEN 0 ELSE 1 END), 0), "
        f"coalesce(sum(CASE WHEN {known} AND {unlike} THEN 1 ELSE 0 END), 0), "
        f"coalesce(sum(CASE WHEN {known} THEN 1 ELSE 0 END), 0) FROM {table} AS t LEFT JOIN {record} AS h "
        f"ON h.id = (SELECT max(id) FROM {record} AS m WHERE m.{key} = t.{key})"
    )[0]
    living = home.run(
        f"SELECT count(*) FROM {record} WHERE op <> 'retire' AND id IN (SELECT max(id) FROM {record} GROUP BY {key})"
    )[0][0]
    return int(added), int(changed), int(living - matched)


def _as_found(desk: Desk, layer: Layer, layout: Layout) -> list[Row]:
    """Return the rows of another program's table in our shape, with columns of its own moved to `extra`."""
    home = desk.home
    if layer.spatial and layout.srid not in {None, home.srid}:
        raise CrsError(
            f"layer {layer.name!r} was overwritten in SRS {layout.srid}, the store keeps {home.srid}; convert it "
            "there, or take the store's last state back with adopt(discard=True)",
            came=layout.srid,
            allowed=home.srid,
        )
    order = home.column("fid") if "fid" in layout.columns else "1"
    known = {"fid", layout.geometry, VERSION, *(column.name for column in columns(layer))}
    foreign = sorted(name for name in layout.columns if name not in known)
    more = "".join(f", {home.column(name, 't')}" for name in foreign)
    found = home.run(f"SELECT {home.select(layer, layout)}{more} FROM {home.table(layer.name)} AS t ORDER BY {order}")
    width = len(columns(layer))
    frame = lenient([row[:width] for row in found], layer, desk.crs)
    if foreign:
        frame[EXTRA] = [
            _merged(text, dict(zip(foreign, row[width:], strict=True)))
            for text, row in zip(frame[EXTRA], found, strict=True)
        ]
    faults = rows.check(frame, layer, desk.catalogue)
    on_key = faults["field"].eq(layer.key) & faults["code"].isin({"row.required", "row.duplicate_key"})
    hard = faults[faults["code"].isin(_HARD) | on_key].reset_index(drop=True)
    if len(hard):
        raise RowsRefused(
            f"layer {layer.name!r} cannot be adopted: {len(hard)} faults, the first is {hard['code'].iloc[0]} "
            f"{hard['parameters'].iloc[0]}; correct them there, or take the last state back with adopt(discard=True)",
            hard,
            layer=layer.name,
        )
    return encode(rows.canonical(frame, layer, desk.crs), layer)


def _merged(text: Any, more: Mapping[str, Any]) -> str | None:
    """Return `extra` with another program's own columns added."""
    there = {name: value for name, value in more.items() if value is not None}
    if not there:
        return text if isinstance(text, str) else None
    kept = json.loads(text) if isinstance(text, str) else {}
    return json.dumps({**kept, **there}, ensure_ascii=False, sort_keys=True, default=str)


def _record(home: Home, layer: Layer, came: Mapping[str, Row], last: Mapping[str, Row], change: int) -> dict[str, int]:
    """Enter into history what differs between a layer's table and history's last state."""
    groups = {
        "insert": [key for key in came if key not in last],
        "update": [key for key, row in came.items() if key in last and row != last[key][:-1]],
        "retire": [key for key in last if key not in came],
    }
    record = home.table(history(layer.name))
    names = ", ".join(["fid", *(home.column(column.name) for column in columns(layer))])
    for operation, keys in groups.items():
        if not keys:
            continue
        condition, values = home.among(home.column(layer.key), keys)
        source = home.table(layer.name)
        if operation == "retire":
            source = record
            condition, values = home.among("id", [last[key][-1] for key in keys])
        home.run(
            f"INSERT INTO {record} (change, op, {names}) SELECT %s, %s, {names} FROM {source} WHERE {condition} "
            "ORDER BY fid",
            [change, operation, *values],
        )
    return {"inserted": len(groups["insert"]), "updated": len(groups["update"]), "retired": len(groups["retire"])}
