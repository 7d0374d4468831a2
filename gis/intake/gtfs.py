"""Stops of a timetable feed (GTFS): stations, their entrances, and platforms."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from gis import findings
from gis.errors import EmptyError, SourceError, UnknownNameError, UsageError
from gis.intake import tables
from gis.intake.sources import Content, Decision
from gis.intake.wholeness import delimited

# location_type of the GTFS reference; blank means a platform
KINDS = {"stops": "0", "stations": "1", "entrances": "2"}
# what the feed calls the columns that refer to each other
_KEYS = {
    "stations": {"stop_id": "station_id", "stop_name": "name"},
    "entrances": {"stop_id": "entrance_id", "stop_name": "name", "parent_station": "station_id"},
    "stops": {"stop_name": "name", "parent_station": "station_id"},
}


def read(path: Path, inner: str | None = None, encoding: str | None = None) -> Content:
    """Read the rows of one kind from stops.txt.

    Parameters
    ----------
    path
        stops.txt of a feed.
    inner
        "stations", "entrances" or "stops" (platforms).
    encoding
        Encoding from `--encoding`; feeds are UTF-8.

    Returns
    -------
    Content
        Points in WGS 84, as the format prescribes; a row with blank coordinates has no geometry. An interchange is
        one row a line, as in the feed. Stations and entrances refer to each other by the feed's stop_id; stations of a
        feed are in operation.

    Raises
    ------
    SourceError
        A column that the format prescribes is missing.
    UsageError
        `inner` was not named: the file holds several kinds.
    UnknownNameError
        `inner` is something else.
    EmptyError
        No row of this kind.
    """
    if inner is None:
        raise UsageError(f"{path.name} holds several layers: {', '.join(KINDS)}; say which", layers=list(KINDS))
    if inner not in KINDS:
        raise UnknownNameError(f"{path.name} has no layer {inner!r}; it has {', '.join(KINDS)}", layer=inner)
    table = tables.read_csv(path, encoding=encoding or "utf-8")
    frame = table.frame
    lacking = sorted({"stop_id", "stop_name", "stop_lat", "stop_lon", "location_type"} - set(frame.columns))
    if lacking:
        raise SourceError(f"{path.name} lacks {', '.join(lacking)}; it is no GTFS stops.txt", columns=lacking)
    kinds = frame["location_type"].fillna("0")
    rows = frame.loc[kinds == KINDS[inner]].reset_index(drop=True)
    if rows.empty:
        raise EmptyError(f"{path.name} has no {inner}")
    plain = rows.drop(columns="geometry").rename(columns=_KEYS[inner])
    blank = [name for name in plain.columns if plain[name].isna().all() and name not in {"stop_lat", "stop_lon"}]
    plain = plain.drop(columns=blank)
    if inner == "stations":
        plain["state"] = "operating"
    content = tables.placed(plain, path, "GTFS", inner=inner, decisions=table.decisions[:1], claims="standard")
    notes = [*content.notes, *delimited.remarks(path, table.decisions[0].value, len(frame))]
    others = sorted(set(kinds) - set(KINDS.values()))
    if others:
        count = int(kinds.isin(others).sum())
        notes.append(findings.finding("source.stops_unread", path.name, severity="warning", count=count, types=others))
    return dataclasses.replace(
        content, decisions=(*content.decisions, Decision("layer", inner, "given")), notes=tuple(notes)
    )
