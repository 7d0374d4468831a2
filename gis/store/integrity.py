"""Integrity: does every layer still show what its history says, and how is an outside program's work taken in."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from gis import findings
from gis.catalogue import Layer
from gis.errors import CrsError, RowsRefused
from gis.store import foreign, reading
from gis.store.changes import Draft
from gis.store.edits import Desk
from gis.store.home import Home, Layout, history
from gis.store.records import GEOMETRY, Row, columns, decode, encode


def inspect(home: Home, layers: Iterable[Layer]) -> pd.DataFrame:
    """Find layers that another program has changed without history's seeing it.

    Parameters
    ----------
    home
        The store's home.
    layers
        Layers as the store was made.

    Returns
    -------
    pandas.DataFrame
        Findings store.table_missing, store.columns_changed, store.trigger_missing, store.rows_differ, and
        store.result_changed of a derived layer; empty when all is well.
    """
    return findings.table(fault for layer in layers for fault in _faults(home, layer))


def torn(home: Home, layers: Iterable[Layer], written: Iterable[Layer]) -> list[str]:
    """Name the layers whose edits would go unrecorded, or whose tables would not hold what is written.

    Parameters
    ----------
    home
        The store's home.
    layers
        Layers as the store was made.
    written
        Those of them that are to be written now.

    Returns
    -------
    list of str
    """
    base = [layer for layer in layers if not layer.derived]
    silent = [layer.name for layer in base if not home.triggers_sound(layer)]
    names = {layer.name for layer in written}
    results = [layer.name for layer in written if layer.derived and any(_result_faults(home, layer))]
    return [*silent, *(layer.name for layer in base if layer.name in names and not _whole(home, layer)), *results]


def adopt(desk: Desk, layer: Layer, draft: Draft, *, discard: bool) -> pd.DataFrame:
    """Record how a layer differs from its history, and make its table and triggers whole again.

    Parameters
    ----------
    desk
        Home, catalogue, CRS; the home in a transaction.
    layer
        A layer as the store was made.
    draft
        The open change set, to which counts and findings are added.
    discard
        Take history's last state back instead of what the other program left; a derived layer, which has no history,
        keeps its rows where it can.

    Returns
    -------
    pandas.DataFrame
        Findings about columns and values that could not stay as they were.

    Raises
    ------
    RowsRefused
        Keys are missing or repeated, or shapes are of a type that the layer cannot hold.
    CrsError
        The layer was overwritten in another CRS.
    """
    if layer.derived:
        return _adopt_result(desk, layer, draft, discard=discard)
    home = desk.home
    place = layer.columns.index(layer.key)
    last = {row[place]: row for row in reading.past(home, layer, draft.number)}
    layout = home.layout(layer.name)
    whole = _whole(home, layer)
    moved: Mapping[str, int] = {}
    if discard:
        # an edit that history saw may have left what no table should hold: that is refused by name
        came = encode(decode(list(last.values()), layer, desk.crs), layer)
    elif layout is None:
        came = []
    else:
        foreign.require_crs(home, layer, layout)
        came, moved = _taken(home, layer, layout)
    lost = [] if whole else home.remake(layer)
    numbered = _numbered(home, layer, came)
    if not whole or any(_drift(home, layer)) or _misplaced(home, layer, numbered):
        last_fid = max([*reading.places(home, layer).values(), *(row[0] for row in numbered)], default=0)
        home.refill(layer, numbered, last_fid)
    draft.counts.update(_record(home, layer, {row[place]: row for row in came}, last, draft.number))
    home.create_triggers(layer)
    # under another catalogue the migration that follows will describe it
    if desk.catalogue.layers.get(layer.name) == layer:
        home.describe(desk.catalogue, [layer])
    home.touch(layer)
    said = list(_said(layer, moved, lost))
    draft.findings += said
    return findings.table(said)


def _adopt_result(desk: Desk, layer: Layer, draft: Draft, *, discard: bool) -> pd.DataFrame:
    """Make a derived layer's table whole around its rows, and name the columns that it does not keep."""
    home, layout, table = desk.home, desk.home.layout(layer.name), desk.home.table(layer.name)
    there, said = foreign.Found([], {}), []
    if layout is not None:
        try:
            foreign.require_crs(home, layer, layout)
            there = foreign.found(home, layer, layout)
        except (CrsError, RowsRefused):
            if not discard:
                raise
            names = foreign.strange(layer, layout)
            counted = ", ".join(["count(*)", *(f"count({home.column(name)})" for name in names)])
            count, *values = home.run(f"SELECT {counted} FROM {table}")[0]
            there = foreign.Found([], dict(zip(names, values, strict=True)))
            said.append(findings.finding("store.result_emptied", layer.name, severity="warning", count=count))
    place = layer.columns.index(layer.key)
    lost = home.remake(layer)
    home.run(f"DELETE FROM {table}")
    home.insert(layer.name, columns(layer), sorted(there.rows, key=lambda row: row[place]))
    if desk.catalogue.layers.get(layer.name) == layer:
        home.describe(desk.catalogue, [layer])
    home.touch(layer)
    said += [
        findings.finding("store.column_dropped", layer.name, severity="warning", column=name, count=count)
        for name, count in sorted(there.moved.items())
    ]
    said += _said(layer, {}, lost)
    draft.findings += said
    return findings.table(said)


def _whole(home: Home, layer: Layer) -> bool:
    """Tell whether a layer has a table, and it is the one that the store made."""
    layout = home.layout(layer.name)
    return layout is not None and foreign.whole(home, layer, layout)


def _faults(home: Home, layer: Layer) -> Iterable[dict[str, Any]]:
    """Yield what is wrong with one layer's table."""
    if layer.derived:
        yield from _result_faults(home, layer)
        return
    layout = home.layout(layer.name)
    if layout is None:
        yield findings.finding("store.table_missing", layer.name)
        return
    whole = foreign.whole(home, layer, layout)
    if not whole:
        wanted = {"fid", *(column.name for column in columns(layer))}
        yield findings.finding(
            "store.columns_changed",
            layer.name,
            missing=sorted(wanted - layout.columns),
            unknown=sorted(layout.columns - wanted),
            altered=[f"{name} ({now})" for name, now in sorted(home.altered(layer).items())],
            geometry=f"{layout.kind} {layout.srid}" if layer.spatial else "",
        )
    if not home.triggers_sound(layer):
        yield findings.finding("store.trigger_missing", layer.name)
    if whole and any(counts := _drift(home, layer)):
        added, changed, missing = counts
        yield findings.finding("store.rows_differ", layer.name, added=added, changed=changed, missing=missing)


def _result_faults(home: Home, layer: Layer) -> Iterator[dict[str, Any]]:
    """Yield what another program has added to a derived layer's table or taken from it.

    A result that is gone, or that was written anew with the same columns, is simply computed again.
    """
    layout = home.layout(layer.name)
    if layout is None:
        return
    there = layout.columns | ({GEOMETRY} if layout.geometry is not None else set())
    missing = sorted({column.name for column in columns(layer)} - there)
    unknown = foreign.strange(layer, layout)
    if missing or unknown or (layer.spatial and layout.srid not in {None, home.srid}):
        yield findings.finding(
            "store.result_changed",
            layer.name,
            missing=missing,
            unknown=unknown,
            geometry=f"{layout.kind} {layout.srid}" if layer.spatial else "",
        )


def _drift(home: Home, layer: Layer) -> tuple[int, int, int]:
    """Count the rows that history does not know, knows otherwise, or misses."""
    table, record = home.table(layer.name), home.table(history(layer.name))
    key = home.column(layer.key)
    names = [column.name for column in columns(layer)]
    now, then = (", ".join(home.column(name, side) for name in names) for side in ("t", "h"))
    unlike = home.unlike(now, then)
    if layer.spatial:
        # programs write one shape in several ways; only where the bytes differ is it worth a look
        same, was = (home.shown(columns(layer)[-1], side) for side in ("t", "h"))
        plain, before = (", ".join(home.column(name, side) for name in names[:-1]) for side in ("t", "h"))
        unlike = f"{unlike} AND {home.unlike(f'{plain}, {same}', f'{before}, {was}')}"
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


def _taken(home: Home, layer: Layer, layout: Layout) -> tuple[list[Row], Mapping[str, int]]:
    """Return another program's rows in our order, and the columns whose values go to `extra`."""
    there = foreign.found(home, layer, layout)
    return reading.ordered(home, layer, there.rows), there.moved


def _numbered(home: Home, layer: Layer, came: Iterable[Row]) -> list[Row]:
    """Put before each row its fid: the one that history knows, and the next ones for new features."""
    place, known = layer.columns.index(layer.key), reading.places(home, layer)
    fresh = itertools.count(max(known.values(), default=0) + 1)
    taken: set[int] = set()
    numbered = []
    for row in came:
        fid = known.get(row[place], 0)
        # a key that came back may find its place taken
        fid = next(fresh) if fid < 1 or fid in taken else fid
        taken.add(fid)
        numbered.append((fid, *row))
    return numbered


def _misplaced(home: Home, layer: Layer, numbered: Iterable[Row]) -> bool:
    """Tell whether a feature stands elsewhere in the table than in history's order."""
    there: dict[str, int] = dict(home.run(f"SELECT {home.column(layer.key)}, fid FROM {home.table(layer.name)}"))
    place = layer.columns.index(layer.key)
    return any(there[row[1 + place]] != row[0] for row in numbered)


def _said(layer: Layer, moved: Mapping[str, int], lost: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield findings about what another program left and the layer's own table does not have."""
    for name, count in sorted(moved.items()):
        if name in layer.columns:
            type_ = layer.field(name).type
            yield findings.finding(
                "store.values_moved", layer.name, severity="warning", field=name, type=type_, count=count
            )
        else:
            yield findings.finding("store.column_moved", layer.name, severity="warning", column=name, count=count)
    for what in sorted(lost):
        yield findings.finding("store.hanging_lost", layer.name, severity="warning", what=what)


def _record(home: Home, layer: Layer, came: Mapping[str, Row], last: Mapping[str, Row], change: int) -> dict[str, int]:
    """Enter into history what differs between a layer's table and history's last state."""
    groups = {
        "insert": [key for key in came if key not in last],
        "update": [key for key, row in came.items() if key in last and row != last[key][:-2]],
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
            condition, values = home.among("id", [last[key][-2] for key in keys])
        home.run(
            f"INSERT INTO {record} (change, op, {names}) SELECT %s, %s, {names} FROM {source} WHERE {condition} "
            "ORDER BY fid",
            [change, operation, *values],
        )
    return {"inserted": len(groups["insert"]), "updated": len(groups["update"]), "retired": len(groups["retire"])}
