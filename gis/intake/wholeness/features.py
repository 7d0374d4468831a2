"""Features in JSON, one by one: how many there are, which of them are spoilt, and what is said twice.

GDAL passes over what is no feature, makes nothing of coordinates that are no numbers, and of two values under one name
keeps the last, all without a word. The text is gone through feature by feature, so that only one is held at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# how deep the positions of each type lie in its coordinates
_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_COLLECTION = "GeometryCollection"
_SPACE = re.compile(r"[ \t\r\n]*")
# what stands for the number of features in answers of servers
_COUNTS = ("numberReturned", "numberMatched", "totalFeatures")
_LIMITED = "exceededTransferLimit"
# names under which GDAL hands over geometries
GROUND = frozenset({"geometry", "wkb_geometry"})


@dataclass
class Found:
    """Hold what there is to say about the features of a file.

    Parameters
    ----------
    count
        How many there are, -1 for JSON that is no collection of features.
    none
        What is no feature at all: its number from 1, and why.
    spoilt
        Reason by number of a feature, from 1, whose geometry or properties are none.
    repeated
        Names that one object has several times, and in how many objects.
    said
        How many features there should be, by the name under which the file says so.
    limited
        Whether a server says that it held features back.
    """

    count: int = -1
    none: list[tuple[int, str]] = field(default_factory=list)
    spoilt: dict[int, str] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)
    said: dict[str, int] = field(default_factory=dict)
    limited: bool = False


def find(path: Path, *, lines: bool) -> Found:
    """Go through the features of a file.

    Parameters
    ----------
    path
        JSON in UTF-8.
    lines
        Whether each line or record may be a JSON of its own.

    Returns
    -------
    Found

    Raises
    ------
    ValueError
        Of the JSON module: the text is none.
    """
    text = path.read_text(encoding="utf-8-sig")
    found = Found()
    reader = json.JSONDecoder(object_pairs_hook=lambda pairs: _object(pairs, found))
    for number, one in enumerate(_records(text, reader) if lines else _collected(text, reader, found), 1):
        found.count = number
        _look(number, one, found)
    return found


def _object(pairs: list[tuple[str, Any]], found: Found) -> dict[str, Any]:
    """Return an object of JSON, noting the names that it has several times."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            found.repeated[name] = found.repeated.get(name, 0) + 1
    return made


def _records(text: str, reader: json.JSONDecoder) -> Iterator[Any]:
    """Yield the JSON texts of a file of many, whatever parts them."""
    place = _skipped(text, 0, "\x1e")
    while place < len(text):
        one, place = reader.raw_decode(text, place)
        is_collection = isinstance(one, dict) and one.get("type") == "FeatureCollection"
        yield from one.get("features", ()) if is_collection else [one]
        place = _skipped(text, place, "\x1e")


def _collected(text: str, reader: json.JSONDecoder, found: Found) -> Iterator[Any]:
    """Yield the features of a collection, or the one that the file is; note what it says of their number."""
    place = _skipped(text, 0)
    if text[place : place + 1] != "{":
        return
    said: dict[str, Any] = {}
    alone: dict[str, Any] = {}
    place = _skipped(text, place + 1)
    while text[place : place + 1] == '"':
        name, place = reader.raw_decode(text, place)
        if name in said:
            found.repeated[name] = found.repeated.get(name, 0) + 1
        place = _after(text, place, ":")
        said[name] = None
        if name == "features" and text[place : place + 1] == "[":
            found.count = max(found.count, 0)
            place = yield from _listed(text, place, reader)
        else:
            alone[name], place = reader.raw_decode(text, place)
        place = _skipped(text, place)
        if text[place : place + 1] != ",":
            break
        place = _skipped(text, place + 1)
    _after(text, place, "}")
    if alone.get("type") == "Feature":
        yield alone
    found.said |= {name: alone[name] for name in _COUNTS if type(alone.get(name)) is int}
    inside = alone.get("properties")
    holders = (alone, inside if isinstance(inside, dict) else {})
    found.limited = any(holder.get(_LIMITED) is True for holder in holders)
    if "type" not in alone:
        # what ArcGIS calls features has another shape
        found.none.clear()
        found.spoilt.clear()


def _listed(text: str, place: int, reader: json.JSONDecoder) -> Any:
    """Yield the members of a list of JSON; return where it ends."""
    place = _skipped(text, place + 1)
    while text[place : place + 1] != "]":
        one, place = reader.raw_decode(text, place)
        yield one
        place = _skipped(text, place)
        if text[place : place + 1] != "]":
            place = _after(text, place, ",")
    return place + 1


def _skipped(text: str, place: int, more: str = "") -> int:
    """Return the place behind blanks."""
    while True:
        end = _SPACE.match(text, place).end()  # type: ignore[union-attr]
        if not more or text[end : end + 1] != more:
            return end
        place = end + 1


def _after(text: str, place: int, mark: str) -> int:
    """Return the place behind a mark and the blanks around it."""
    place = _skipped(text, place)
    if text[place : place + 1] != mark:
        raise json.JSONDecodeError(f"Expecting {mark!r}", text, place)
    return _skipped(text, place + 1)


def _look(number: int, one: Any, found: Found) -> None:
    """Note what is wrong with one feature."""
    if not isinstance(one, dict) or one.get("type") != "Feature":
        # a geometry alone is a feature without properties
        if not (isinstance(one, dict) and (one.get("type") in _DEPTHS or one.get("type") == _COLLECTION)):
            came = one.get("type") if isinstance(one, dict) else one
            found.none.append((number, f"{json.dumps(came, ensure_ascii=False)[:40]} in place of a Feature"))
            return
        one = {"geometry": one}
    properties = one.get("properties")
    if properties is not None and not isinstance(properties, dict):
        found.spoilt[number] = f"properties: {_shown(properties)}"
    geometry = one.get("geometry")
    if geometry is not None and (fault := geometry_fault(geometry)):
        found.spoilt[number] = fault


def geometry_fault(geometry: Any) -> str:
    """Say what is wrong with a geometry of GeoJSON.

    Parameters
    ----------
    geometry
        What `json` gave.

    Returns
    -------
    str
        "" for a sound one.
    """
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind == _COLLECTION:
        parts = geometry.get("geometries")
        if not isinstance(parts, list):
            return f"geometries: {_shown(parts)}"
        return next(filter(None, map(geometry_fault, parts)), "")
    if not isinstance(kind, str) or kind not in _DEPTHS:
        return f"geometry: {_shown(kind if isinstance(geometry, dict) else geometry)}"
    if "coordinates" not in geometry:
        return "coordinates: —"
    places = geometry["coordinates"]
    # an empty geometry is one
    wrong = next(_wrong(places, _DEPTHS[kind]), None) if places != [] else None
    return "" if wrong is None else f"coordinates: {_shown(wrong[0])}"


def _wrong(places: Any, depth: int) -> Iterator[tuple[Any]]:
    """Yield what is no position among coordinates of a depth."""
    if not isinstance(places, list):
        yield (places,)
    elif depth:
        for one in places:
            yield from _wrong(one, depth - 1)
    elif len(places) < 2 or not all(type(number) in {int, float} for number in places):
        yield (places,)


def _shown(value: Any) -> str:
    """Return a value as it stands in the file, a long one its beginning."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:40]}…"
