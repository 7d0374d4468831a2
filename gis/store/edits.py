"""Edits: which rows of a frame are new, changed or stale, and what is refused before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import pandas as pd
import pyproj
import shapely

from gis import crs as systems
from gis import fieldtypes, findings, rows
from gis.catalogue import Catalogue, Field, Layer
from gis.errors import RowsRefused, StaleEditError, UnknownNameError, UsageError
from gis.store import reading
from gis.store.home import CHANGES, Home, history
from gis.store.records import EXTRA, PIECE, VERSION, Column, Encoded, Row, columns, decode, encode, storable

# how progress is shown: the items gone through, under a title
Track = Callable[[Iterable[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class Desk:
    """Hold what every edit needs: the home, the rules, the CRS, and who shows progress."""

    home: Home
    catalogue: Catalogue
    crs: pyproj.CRS
    track: Track | None = None


@dataclass(frozen=True)
class Edits:
    """Sort a frame's rows: new ones, changed ones beside what they were, and how many are no edit at all."""

    inserted: Sequence[Row]
    updated: Sequence[tuple[Row, Row]]
    unchanged: int

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers of rows."""
        return {"inserted": len(self.inserted), "updated": len(self.updated), "unchanged": self.unchanged}


def settle(desk: Desk, layer: Layer, frame: pd.DataFrame, *, force: bool = False, again: bool = False) -> Edits:
    """Sort a frame's rows, refusing all of them if one breaks a rule or is stale.

    Parameters
    ----------
    desk
        Home, catalogue, CRS.
    layer
        A base layer.
    frame
        Rows with canonical column names. A column that is absent keeps what is stored.
    force
        Change rows whatever their version.
    again
        Let rows without `_version` pass where they equal what is stored, as when a file is loaded twice.

    Returns
    -------
    Edits

    Raises
    ------
    CrsError
        The frame has no CRS or another one than the store.
    RowsRefused
        With every fault of every row.
    StaleEditError
        Rows were changed or retired after they were read.
    """
    if isinstance(frame, gpd.GeoDataFrame) and layer.spatial and frame.active_geometry_name is not None:
        systems.require(frame, desk.crs, name=f"the frame for {layer.name}")
    if frame.columns.has_duplicates:
        twice = str(frame.columns[frame.columns.duplicated()][0])
        raise UsageError(f"the frame for {layer.name} repeats the column {twice!r}; keep one of them", column=twice)
    given = _versions(frame, layer)
    unknown = unknown_columns(frame, layer)
    known = frame.drop(columns=[name for name in frame.columns if str(name) in {row["field"] for row in unknown}])
    keys = _keys(known, layer)
    stored = reading.by_key(desk.home, layer, set(keys))
    whole = _completed(desk, layer, known, stored)
    faults = findings.join(
        findings.table(unknown), rows.check(whole, _with_extra(layer), desk.catalogue), _references(desk, layer, whole)
    )
    refuse(faults, layer)
    sound = rows.canonical(whole, layer, desk.crs)
    return _sorted(desk, layer, sound, given, stored, force=force, again=again)


def write(desk: Desk, layer: Layer, edits: Edits) -> dict[str, int]:
    """Write sorted rows.

    Parameters
    ----------
    desk
        Home, catalogue, CRS.
    layer
        Their layer.
    edits
        From `settle`.

    Returns
    -------
    dict
        Numbers of rows inserted, updated, unchanged.
    """
    wanted = columns(layer)
    parts = range(0, len(edits.inserted), PIECE)
    for start in desk.track(parts, "入库") if desk.track is not None and len(parts) > 1 else parts:
        desk.home.insert(layer.name, wanted, edits.inserted[start : start + PIECE])
    moved = [row for row, was in edits.updated if layer.spatial and row[-1] != was[-1]]
    desk.home.update(layer.name, wanted, moved, layer.key)
    # the spatial index is left alone where only attributes change
    kept: list[Row] = [row for row, was in edits.updated if not layer.spatial or row[-1] == was[-1]]
    plain = wanted[:-1] if layer.spatial else wanted
    desk.home.update(layer.name, plain, [row[: len(plain)] for row in kept], layer.key)
    desk.home.touch(layer)
    return edits.counts


def retire(desk: Desk, layer: Layer, keys: str | Collection[str]) -> int:
    """Delete features by key, refusing those that others refer to.

    Parameters
    ----------
    desk
        Home, catalogue, CRS.
    layer
        A base layer.
    keys
        One key or several.

    Returns
    -------
    int
        How many.

    Raises
    ------
    UnknownNameError
        A key does not exist.
    RowsRefused
        Other rows refer to a feature.
    """
    wanted = [keys] if isinstance(keys, str) or not isinstance(keys, Iterable) else list(keys)
    if not wanted or any(not isinstance(key, str) for key in wanted):
        raise UsageError(f"retire needs keys of layer {layer.name!r} as text, not {keys!r}", keys=keys)
    wanted = list(dict.fromkeys(wanted))
    stored = reading.by_key(desk.home, layer, wanted)
    missing = [key for key in wanted if key not in stored]
    if missing:
        raise UnknownNameError(f"layer {layer.name!r} has no {', '.join(missing)}", layer=layer.name, keys=missing)
    refuse(findings.table(_referrers(desk, layer, wanted)), layer)
    desk.home.delete(layer.name, wanted, layer.key)
    desk.home.touch(layer)
    return len(wanted)


def unknown_columns(frame: pd.DataFrame, layer: Layer) -> list[dict[str, Any]]:
    """Find columns that are no field of a layer.

    Parameters
    ----------
    frame
        Rows.
    layer
        Their layer.

    Returns
    -------
    list of dict
        Findings with code row.unknown_column.
    """
    shape = frame.active_geometry_name if layer.spatial and isinstance(frame, gpd.GeoDataFrame) else None
    known = {*layer.columns, VERSION, shape} | (set() if layer.derived else {EXTRA})
    return [
        findings.finding("row.unknown_column", layer.name, field=str(name), allowed=list(layer.columns))
        for name in frame.columns
        if name not in known
    ]


def refuse(faults: pd.DataFrame, layer: Layer, error: type[RowsRefused] = RowsRefused) -> None:
    """Raise an error that lists all faults, if there is one.

    Parameters
    ----------
    faults
        Findings.
    layer
        The layer that they are about.
    error
        RowsRefused or a child.

    Raises
    ------
    RowsRefused
        With the findings.
    """
    if len(faults):
        first = faults.iloc[0]
        counts = ", ".join(f"{code} × {count}" for code, count in faults["code"].value_counts().items())
        feature = first["feature"] if isinstance(first["feature"], str) else "?"
        raise error(
            f"layer {layer.name!r}: nothing was written, {len(faults)} faults ({counts}); the first is "
            f"{first['code']} at {feature} {first['parameters']}; .findings lists them all",
            faults,
            layer=layer.name,
        )


def _with_extra(layer: Layer) -> Layer:
    """Return the layer with `extra` as a field, so that it is checked to be JSON."""
    return replace(layer, fields=(*layer.fields, Field(EXTRA, "其他", "Extra", "json", "text")))


def _keys(frame: pd.DataFrame, layer: Layer) -> list[str]:
    """Return the keys that are text."""
    values: list[Any] = frame[layer.key].tolist() if layer.key in frame.columns else []
    return [value for value in values if isinstance(value, str)]


def _versions(frame: pd.DataFrame, layer: Layer) -> list[int | None]:
    """Return the version that each row was read with, None for a new one."""
    if VERSION not in frame.columns:
        return [None] * len(frame)
    column = frame[VERSION]
    if fieldtypes.misfits(column, "integer").any():
        raise UsageError(f"layer {layer.name!r}: {VERSION} must be what read() gave, or missing for new rows")
    return [None if pd.isna(value) else int(value) for value in column]


def _completed(desk: Desk, layer: Layer, frame: pd.DataFrame, stored: Mapping[str, tuple[Row, int]]) -> pd.DataFrame:
    """Fill absent columns with what is stored, so that a frame of two columns changes one field."""
    absent = [column.name for column in columns(layer) if column.name not in {*frame.columns, "geom"}]
    shapeless = layer.spatial and (not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None)
    if layer.key not in frame.columns or not (absent or shapeless):
        return frame if not shapeless else gpd.GeoDataFrame(frame, geometry=[None] * len(frame), crs=desk.crs)
    held = decode([row for row, _ in stored.values()], layer, desk.crs).set_index(layer.key)
    keys = pd.Index([value if isinstance(value, str) else None for value in frame[layer.key]], dtype=object)
    if absent and stored:
        frame = frame.assign(**{name: held[name].reindex(keys).array for name in absent if name != layer.key})
    if not shapeless:
        return frame
    shapes = held.geometry.reindex(keys).to_numpy()
    return gpd.GeoDataFrame(pd.DataFrame(frame), geometry=shapes, crs=desk.crs)


def _references(desk: Desk, layer: Layer, frame: pd.DataFrame) -> pd.DataFrame:
    """Find references to features that neither the store nor the frame has."""
    known: dict[str, set[str]] = {}
    for field in layer.fields:
        if field.reference is None or field.name not in frame.columns:
            continue
        target = desk.catalogue.layer(field.reference)
        values = {value for value in frame[field.name] if isinstance(value, str) and storable(value)}
        found = known.setdefault(target.name, set())
        found |= set(_existing(desk.home, target, values))
        found |= set(_keys(frame, layer)) if target.name == layer.name else set()
    return rows.references(frame, layer, known)


def _existing(home: Home, layer: Layer, keys: Collection[str]) -> list[str]:
    """Return those of some keys that a layer has."""
    if not keys or home.layout(layer.name) is None:
        return []
    key = home.column(layer.key)
    condition, values = home.among(key, sorted(keys))
    return [row[0] for row in home.run(f"SELECT {key} FROM {home.table(layer.name)} WHERE {condition}", values)]


def _referrers(desk: Desk, layer: Layer, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a finding for every row that refers to features about to be retired."""
    for other in desk.catalogue.layers.values():
        layout = desk.home.layout(other.name)
        for field in other.fields:
            if field.reference != layer.name or layout is None or field.name not in layout.columns:
                continue
            key, reference = desk.home.column(other.key), desk.home.column(field.name)
            condition, values = desk.home.among(reference, keys)
            statement = f"SELECT {key}, {reference} FROM {desk.home.table(other.name)} WHERE {condition} ORDER BY {key}"
            for feature, value in desk.home.run(statement, values):
                if other.name != layer.name or feature not in keys:
                    yield findings.finding(
                        "row.referenced", other.name, feature, field=field.name, value=value, target=layer.name
                    )


def _sorted(
    desk: Desk,
    layer: Layer,
    frame: pd.DataFrame,
    versions: Sequence[int | None],
    stored: Mapping[str, tuple[Row, int]],
    *,
    force: bool,
    again: bool,
) -> Edits:
    """Compare every row with what is stored and with the version that it was read with."""
    place = layer.columns.index(layer.key)
    incoming = Encoded(frame, layer)
    # what the analyst saw, for rows that somebody else has changed since
    pairs = zip(frame[layer.key], versions, strict=True)
    seen = {base for key, base in pairs if base is not None and base != stored.get(key, (None, None))[1]}
    bases = reading.by_version(desk.home, layer, seen)
    inserted: list[int] = []
    updated: list[tuple[Row, Row]] = []
    stale: list[tuple[int, str]] = []
    for number, (row, base) in enumerate(zip(incoming, versions, strict=True)):
        now, version = stored.get(row[place], (None, None))
        if row != now and base in seen and not force and not _given(base, row, bases, place):
            stale.append((number, "edit.other_version"))
        elif now is None:
            inserted.append(number)
            if base is not None and not force:
                stale.append((number, "edit.retired"))
        elif base is None and not force and not (again and row == now):
            stale.append((number, "edit.no_version"))
        elif row != now and (base == version or force):
            updated.append((row, now))
        elif row != now and row != bases.get(base or 0):
            stale.append((number, "edit.stale"))
    _refuse_stale(desk, layer, frame, stale, [versions[number] for number, _ in stale], stored)
    new = Encoded(frame if len(inserted) == len(frame) else frame.iloc[inserted], layer)
    return Edits(new, updated, len(incoming) - len(new) - len(updated))


def _given(base: int | None, row: Row, bases: Mapping[int, Row | None], place: int) -> bool:
    """Tell whether this store ever gave a version, and to the same feature."""
    then = bases.get(base or 0)
    return base in bases and (then is None or then[place] == row[place])


def _refuse_stale(
    desk: Desk,
    layer: Layer,
    frame: pd.DataFrame,
    stale: Sequence[tuple[int, str]],
    bases: Sequence[int | None],
    stored: Mapping[str, tuple[Row, int]],
) -> None:
    """Raise an error that shows, for every stale row, what is stored and what came."""
    if not stale:
        return
    rows_ = encode(frame.iloc[[number for number, _ in stale]], layer)
    place = layer.columns.index(layer.key)
    table = []
    for (number, code), base, row in zip(stale, bases, rows_, strict=True):
        now, version = stored.get(row[place], (None, None))
        who = _last_edit(desk.home, layer, row[place])
        at = frame.geometry.iloc[number] if layer.spatial else None
        more: dict[str, Any] = {"row": number + 1, "base": base, "current": version}
        more |= {"author": who[0], "on": str(who[1])}
        theirs, yours = _differences(columns(layer), now, row)
        more |= {"fields": sorted(yours), "theirs": theirs, "yours": yours}
        table.append(findings.finding(code, layer.name, row[place], at=at, **more))
    lacks = all(code == "edit.no_version" for _, code in stale)
    refuse(findings.table(table), layer, RowsRefused if lacks else StaleEditError)


def _last_edit(home: Home, layer: Layer, key: str) -> Row:
    """Return who last edited a feature, and when."""
    found = home.run(
        f"SELECT c.author, c.at FROM {home.table(CHANGES)} AS c JOIN {home.table(history(layer.name))} AS h "
        f"ON h.change = c.number WHERE {home.column(layer.key, 'h')} = %s ORDER BY h.id DESC LIMIT 1",
        [key],
    )
    return found[0] if found else (None, None)


def _differences(names: Sequence[Column], now: Row | None, row: Row) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields in which two versions differ, by name, on both sides."""
    pairs = zip(names, now or (None,) * len(row), row, strict=True)
    differing = [(column, a, b) for column, a, b in pairs if a != b]
    theirs = {column.name: _worded(column, a) for column, a, _ in differing} if now else {}
    return theirs, {column.name: _worded(column, b) for column, _, b in differing}


def _worded(column: Column, value: Any) -> Any:
    """Return a value for people; a geometry by its kind and size."""
    if column.type != "geometry" or value is None:
        return value
    shape = shapely.from_wkb(value)
    size = {0: "", 1: f" {shape.length:.1f} m"}.get(shapely.get_dimensions(shape), f" {shape.area:.1f} m²")
    return f"{shape.geom_type}{size}"
