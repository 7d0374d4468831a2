"""What files say of their own CRS, in their own words: GDAL passes on what PROJ knows and drops the rest unsaid.

A name that is not understood is no silence: taking the standard of the format for it would put GCJ-02, Xian 1980 or a
local grid on the ground as if they were WGS 84.
"""

from __future__ import annotations

import dataclasses
import json
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.parsers import expat

import geopandas as gpd
import pyproj

from gis import crs
from gis.intake import datums
from gis.intake.admission import packages
from gis.intake.sources import Content

# an EPSG code at the end of a URN, a URL or a plain pair
_EPSG = re.compile(r"\bEPSG\b.*?\D(\d{3,6})$", re.IGNORECASE)
_CRS84 = re.compile(r"\bCRS:?84$", re.IGNORECASE)
_WKT = re.compile(r'\s*[A-Z_0-9]+\s*\[\s*"([^"]*)"')
# what a GeoJSON that says nothing beside the standard does not hold
_SPEAKS = re.compile(rb'"(crs|coordRefSys)"\s*:|gcj|bd.?09|\xe7\x81\xab\xe6\x98\x9f', re.IGNORECASE)
_PIECE = 1 << 20
# numbers of datums in a CoordSys clause that are WGS 84 indeed; GDAL takes every number that it does not know for it
_MAPINFO_WGS84 = {"104", "157"}
_COORDSYS = re.compile(rb"^[ \t]*CoordSys[ \t]+([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_EARTH = re.compile(r"Earth\s+Projection\s+\d+\s*,\s*(\d+)", re.IGNORECASE)
_LONGEST = 60
# where the words of PROJ name a file by its path or address
_FILE = re.compile(r"(init|grids|file|data)\s*=\s*[^\s\"]*[/\\]", re.IGNORECASE)
_SEPARATORS = {"/", "\\"}


@dataclasses.dataclass(frozen=True)
class Words:
    """Hold what a file says of its place.

    Parameters
    ----------
    names
        Every name of a CRS that it gives its coordinates; None where GDAL has understood what there is.
    remarks
        Texts that may speak of a datum: titles, comments, labels of a CRS.
    """

    names: tuple[str, ...] | None = None
    remarks: tuple[str, ...] = ()


def heeded(content: Content, path: Path, layer: str) -> Content:
    """Hold a frame's CRS against the words of its file.

    Parameters
    ----------
    content
        What GDAL gave.
    path
        The file, as it was read.
    layer
        Name of the layer.

    Returns
    -------
    Content
        With the CRS that the file names; without one, and with `unread`, where it names what is not understood or
        several; with `datum` and `marks` where its words name a shifted datum.
    """
    speaks = _SPEAK.get(path.suffix.lower())
    return understood(content, Words() if speaks is None else speaks(path, layer, content))


def understood(content: Content, words: Words) -> Content:
    """Hold a frame's CRS against words about it.

    Parameters
    ----------
    content
        What a reader found.
    words
        What the file says.

    Returns
    -------
    Content
        As for `heeded`.
    """
    frame = content.frame
    if not isinstance(frame, gpd.GeoDataFrame):
        return content
    content = _shifted(content, [*(words.names or ()), *words.remarks, *_own(frame.crs)])
    if content.datum or words.names is None:
        return content
    found = [resolved(name) for name in words.names]
    known = [one for one in found if one is not None]
    if len(known) < len(found) or any(not crs.same(known[0], one) for one in known[1:]):
        unread = ", ".join(dict.fromkeys(shown(name) for name in words.names))
        bare = frame.set_crs(None, allow_override=True)
        return dataclasses.replace(content, frame=bare, claims="none", unread=unread)
    if known and not crs.same(frame.crs, known[0]):
        return dataclasses.replace(content, frame=frame.set_crs(known[0], allow_override=True), claims="declared")
    return content


def resolved(name: str) -> pyproj.CRS | None:
    """Return the CRS that a name in a file means.

    Parameters
    ----------
    name
        A code, URN, URL, WKT or name such as "GCS_Xian_1980".

    Returns
    -------
    pyproj.CRS or None
        None where it names none that PROJ knows by just that name.
    """
    text = name.strip()
    if _FILE.search(text):
        return None
    if _CRS84.search(text):
        return crs.WGS84
    code = _EPSG.search(text)
    try:
        found = pyproj.CRS.from_user_input(f"EPSG:{code[1]}" if code else text)
    except pyproj.exceptions.ProjError:
        return None
    if not on_earth(found):
        return None
    if code or _WKT.match(text):
        return found
    # PROJ takes a part of a name for the whole: "Beijing" is no CRS
    alike = {_plain(found.name), _plain(crs.ground(found)), _plain(crs.label(found))}
    return found if _plain(text) in alike or text.casefold().startswith(("gcs_", "urn:", "http", "+proj")) else None


# PROJ looks through all its operations for it, which takes longer than reading a small file
@lru_cache(maxsize=64)
def on_earth(system: pyproj.CRS) -> bool:
    """Tell whether a CRS ties its coordinates to the Earth.

    Parameters
    ----------
    system
        Any CRS; those of drawings and of other planets do not.

    Returns
    -------
    bool
    """
    if not (system.is_geographic or system.is_projected) or leads_out(system):
        return False
    try:
        pyproj.Transformer.from_crs(system, crs.CGCS2000, always_xy=True)
    except pyproj.exceptions.ProjError:
        return False
    return True


def leads_out(system: pyproj.CRS) -> bool:
    """Tell whether a CRS names a file by its path or address, which PROJ would open to use it.

    Parameters
    ----------
    system
        Any CRS; a bare name, such as "conus" or "@null", is of a grid that PROJ itself has.

    Returns
    -------
    bool
    """
    named = any(_SEPARATORS & set(name) for name in _files(system.to_json_dict()))
    return named or _FILE.search(system.srs) is not None


def _files(part: Any) -> Iterator[str]:
    """Yield the parameters of a CRS that are no numbers: names of files."""
    if isinstance(part, dict):
        yield from (one["value"] for one in part.get("parameters", ()) if isinstance(one.get("value"), str))
        part = list(part.values())
    for one in part if isinstance(part, list) else ():
        yield from _files(one)


def says_place(system: pyproj.CRS) -> bool:
    """Tell whether a CRS says more than that its coordinates are plane or in degrees.

    Parameters
    ----------
    system
        Any CRS, such as the "Undefined geographic SRS" of a GeoPackage.

    Returns
    -------
    bool
    """
    return on_earth(system) and not system.name.casefold().startswith("undefined")


def shown(name: str) -> str:
    """Return what a file calls its CRS, short enough for a message and without the parameters of a local grid.

    Parameters
    ----------
    name
        A name or WKT.

    Returns
    -------
    str
    """
    inside = _WKT.match(name)
    text = " ".join((inside[1] if inside else name).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _plain(name: str) -> str:
    """Return a name as letters and digits alone."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _own(system: pyproj.CRS | None) -> list[str]:
    """Return what a CRS calls itself and its datum."""
    if system is None:
        return []
    return [system.name, crs.ground(system)]


def _shifted(content: Content, texts: list[str]) -> Content:
    """Return the content with the shifted datum that one of its texts names."""
    told = next(((text, datum) for text in texts if (datum := datums.spelt(text))), None)
    if told is None:
        return content
    frame, (text, datum) = content.frame, told
    if not isinstance(frame, gpd.GeoDataFrame):
        return content
    if frame.crs is None or frame.crs.is_geographic:
        frame = frame.set_crs(crs.WGS84, allow_override=True)
    return dataclasses.replace(content, frame=frame, claims="declared", datum=datum, marks=f"“{shown(text)}”")


def _geojson(path: Path, layer: str, content: Content) -> Words:
    """Return the `crs` members of a GeoJSON, wherever they stand, and what it says of itself as a whole."""
    if not _speaks(path):
        return Words()
    texts = path.read_text(encoding="utf-8-sig")
    records = [json.loads(texts)] if path.suffix.lower() != ".geojsonl" else _lines(texts)
    names, remarks = [], []
    for record in records:
        if isinstance(record, dict):
            names += [_named(member) for member in _members(record)]
            remarks += [value for value in record.values() if isinstance(value, str)]
    return Words(tuple(dict.fromkeys(names)) or None, tuple(remarks))


def _speaks(path: Path) -> bool:
    """Tell whether a file may hold more about its place than the standard, by its bytes alone."""
    with path.open("rb") as stream:
        tail = b""
        while piece := stream.read(_PIECE):
            if _SPEAKS.search(tail + piece):
                return True
            tail = piece[-64:]
    return False


def _lines(text: str) -> list[Any]:
    """Return the records of a file that has one a line; what is none is left to GDAL."""
    records = []
    for line in text.replace("\x1e", "").splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def _members(record: dict[str, Any]) -> Iterator[Any]:
    """Yield the `crs` members of a GeoJSON object, its features and their geometries."""
    yield from (record[name] for name in ("crs", "coordRefSys") if name in record)
    for key in ("features", "geometries"):
        for one in record.get(key) or ():
            if isinstance(one, dict):
                yield from _members(one)
    if isinstance(record.get("geometry"), dict):
        yield from _members(record["geometry"])


def _named(member: Any) -> str:
    """Return what a `crs` member names: the older standard has a record with a name, a code or a link."""
    values = member.get("properties") if isinstance(member, dict) else None
    if not isinstance(values, dict):
        return member if isinstance(member, str) else json.dumps(member, ensure_ascii=False)
    if "code" in values:
        return f"EPSG:{values['code']}"
    return str(values.get("name", json.dumps(member, ensure_ascii=False)))


def _gml(path: Path, layer: str, content: Content) -> Words:
    """Return every `srsName` of a GML."""
    names: dict[str, None] = {}

    def note(_: str, attributes: dict[str, str]) -> None:
        if "srsName" in attributes:
            names[attributes["srsName"]] = None

    parser = expat.ParserCreate()
    parser.StartElementHandler = note
    with path.open("rb") as stream:
        parser.ParseFile(stream)
    return Words(tuple(names) or None)


def _kml(path: Path, layer: str, content: Content) -> Words:
    """Return the comments of a KML and the names and descriptions of its documents and folders."""
    remarks: list[str] = []
    open_tags: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda tag, _: open_tags.append(tag.rpartition(":")[2])
    parser.EndElementHandler = lambda _: open_tags.pop()
    parser.CommentHandler = remarks.append

    def text(value: str) -> None:
        if open_tags[-1] in {"name", "description"} and "Placemark" not in open_tags:
            remarks.append(value)

    parser.CharacterDataHandler = text
    with path.open("rb") as stream:
        parser.ParseFile(stream)
    return Words(remarks=tuple(remarks))


def _mapinfo(path: Path, layer: str, content: Content) -> Words:
    """Return the CoordSys clause of a .mif where GDAL has put WGS 84 for a datum that it does not know."""
    with path.open("rb") as stream:
        clause = _COORDSYS.search(stream.read(_PIECE))
    if clause is None:
        return Words()
    text = clause[1].decode("latin-1").strip()
    datum = _EARTH.match(text)
    known = datum is not None and datum[1] in _MAPINFO_WGS84
    system = content.frame.crs if isinstance(content.frame, gpd.GeoDataFrame) else None
    lost = system is None and not text.casefold().startswith("nonearth")
    invented = system is not None and datum is not None and not known and crs.ground(system) == "WGS84"
    return Words((f"CoordSys {text}",)) if lost or invented else Words()


def _geopackage(path: Path, layer: str, content: Content) -> Words:
    """Return what a GeoPackage calls the CRS of a layer."""
    with closing(packages.opened(path)) as base:
        used = base.execute("SELECT srs_id FROM gpkg_geometry_columns WHERE table_name = ?", (layer,)).fetchone()
        if used is None:
            return Words()
        row = base.execute(
            "SELECT srs_name, organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys "
            "WHERE srs_id = ?",
            used,
        ).fetchone()
    if used[0] in {-1, 0}:
        return Words()
    if row is None:
        return Words((f"srs_id {used[0]}",))
    name, organization, code, definition = (str(value or "") for value in row)
    system = content.frame.crs if isinstance(content.frame, gpd.GeoDataFrame) else None
    if system is not None:
        return Words(remarks=(name,))
    coded = f"EPSG:{code}" if organization.upper() == "EPSG" else ""
    return Words((coded or name or shown(definition) or f"srs_id {used[0]}",), (name, definition))


def _flatgeobuf(path: Path, layer: str, content: Content) -> Words:
    """Return what the header of a FlatGeobuf calls its CRS, where GDAL has made nothing of it."""
    with path.open("rb") as stream:
        stream.seek(8)
        size = struct.unpack("<I", stream.read(4))[0]
        header = stream.read(size)
    system = _table(header, struct.unpack_from("<I", header)[0], 10)
    if system is None:
        return Words()
    # org, name, description, wkt, code_string stand at 0, 2, 3, 4, 5 of the record, the code at 1
    texts = [_string(header, system, field) for field in (4, 5, 2, 3, 0)]
    at = _field(header, system, 1)
    code = struct.unpack_from("<i", header, at)[0] if at else 0
    said = [text for text in texts if text]
    if isinstance(content.frame, gpd.GeoDataFrame) and content.frame.crs is not None:
        return Words(remarks=tuple(said))
    return Words((said[0],), tuple(said)) if said else Words((f"EPSG:{code}",) if code else None)


def _field(raw: bytes, table: int, number: int) -> int:
    """Return where a field of a flat buffer's record stands, 0 where it has none."""
    vtable = table - struct.unpack_from("<i", raw, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", raw, vtable)[0]:
        return 0
    offset = struct.unpack_from("<H", raw, vtable + 4 + 2 * number)[0]
    return table + offset if offset else 0


def _table(raw: bytes, table: int, number: int) -> int | None:
    """Return where the record in a field begins, None where there is none."""
    at = _field(raw, table, number)
    return at + struct.unpack_from("<I", raw, at)[0] if at else None


def _string(raw: bytes, table: int, number: int) -> str:
    """Return the text in a field, "" where there is none."""
    at = _table(raw, table, number)
    if at is None:
        return ""
    size = struct.unpack_from("<I", raw, at)[0]
    return raw[at + 4 : at + 4 + size].decode("utf-8", "replace")


_SPEAK: dict[str, Callable[[Path, str, Content], Words]] = {
    ".geojson": _geojson,
    ".geojsonl": _geojson,
    ".json": _geojson,
    ".topojson": _geojson,
    ".gml": _gml,
    ".kml": _kml,
    ".mif": _mapinfo,
    ".gpkg": _geopackage,
    ".fgb": _flatgeobuf,
}
