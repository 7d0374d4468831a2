"""Verification of a delivery package, by whoever receives it: everything that can be checked without its source.

A package is distrusted: it is read as a zip of unknown origin, and each part is checked by itself, so that one fault
does not hide the others. Faults are findings, never exceptions.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from gis import archives, crs, drivers, findings, writing
from gis.catalogue import GEOMETRIES
from gis.errors import CrsError, GisError
from gis.publish import dictionary, shapefiles
from gis.publish.preparation import measured
from gis.publish.receivers import AREAS
from gis.publish.shapefiles import Column

MANIFEST = "manifest.json"
README = "readme.txt"
FORMAT = "gis-delivery/1"
SIDECARS = (MANIFEST, README, dictionary.CSV_NAME, dictionary.XLSX_NAME)

_EXTENSIONS = (*shapefiles.PARTS, ".sbn", ".sbx", ".qix")
# what desktop programs put beside a shapefile that they open: indexes, descriptions, styles
_INDEXES = (".sbn", ".sbx", ".qix", ".idm", ".ind", ".fbn", ".fbx", ".ain", ".aih", ".atx", ".ixs", ".mxs")
_SIDE = (*_INDEXES, ".shp.xml", ".qpj", ".qml", ".qmd", ".lyr", ".sld")
# an area written with two decimals, and what the same area may differ by between two libraries
_AREA_SLACK_M2, _AREA_RATIO = 0.02, 1e-7
Finding = dict[str, Any]


@dataclass(frozen=True)
class _Layer:
    """Hold what is known about one delivered layer: its parts, what the dictionary and the manifest say of it."""

    name: str
    path: Path
    suffixes: frozenset[str]
    columns: tuple[Column, ...] | None
    said: Mapping[str, Any]
    package: Mapping[str, Any]

    @property
    def spatial(self) -> bool:
        """Tell whether a .shp should be there."""
        if "geometry" in self.said:
            return bool(self.said["geometry"] != "none")
        return bool(self.suffixes & {".shp", ".shx", ".prj"})

    def fault(self, code: str, *, severity: str = "error", **more: Any) -> Finding:
        """Return a finding on this layer."""
        return findings.finding(f"package.{code}", self.name, severity=severity, **more)


def verify(path: Path) -> pd.DataFrame:
    """Check a delivery package: members, hashes, encodings, fields, rows, geometry, codes and areas.

    Parameters
    ----------
    path
        The zip.

    Returns
    -------
    pandas.DataFrame
        A findings table, empty when nothing is wrong; codes begin with "package.". `layer` is the delivered layer's
        file name, or the member's name for faults of the package itself.

    Notes
    -----
    A package without our manifest or dictionary is checked as far as it goes, with a finding for what is missing.
    """
    try:
        members = archives.members(path)
    except GisError as error:
        return findings.table([findings.finding("package.damaged", path.name, reason=str(error))])
    found = [_unsafe(member) for member in members if member.fault]
    found += [findings.finding("package.member_junk", m.name, severity="info") for m in members if m.junk]
    sound = [member.name for member in members if not member.fault and not member.junk]
    with writing.scratch() as folder:
        root, files = folder, []
        for name in sound:
            try:
                content = archives.read(path, name)
            except GisError as error:
                found.append(findings.finding("package.damaged", name, reason=str(error)))
                continue
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            files.append(name)
        base = _base(files)
        inside = [name.removeprefix(base) for name in files if name.startswith(base)]
        found += [findings.finding("package.member_extra", name) for name in files if not name.startswith(base)]
        found += _folder(root / base, inside)
    return findings.table(found)


def _base(files: list[str]) -> str:
    """Return the folder, with its slash, into which somebody packed the package again, or an empty text."""
    folders = {name.removesuffix(MANIFEST) for name in files if f"/{name}".endswith(f"/{MANIFEST}")}
    if not folders:
        folders = {f"{name.partition('/')[0]}/" if "/" in name else "" for name in files}
    return folders.pop() if len(folders) == 1 else ""


def _unsafe(member: archives.Member) -> Finding:
    """Return the finding for a member that may not be unpacked."""
    code = "package.path" if member.fault in {"escape", "link", "name"} else "package.damaged"
    return findings.finding(code, member.name, reason=member.fault)


def _folder(root: Path, files: list[str]) -> list[Finding]:
    """Check an unpacked package."""
    found: list[Finding] = []
    files = list(_spelt(root, files, found))
    manifest = _manifest(root, files, found)
    columns = _dictionary(root, files, found)
    found += _members(root, files, manifest)
    said = {item["file"]: item for item in manifest.get("layers", [])}
    for layer in _layers(root, files, columns, said, manifest):
        found += _layer(layer)
    return found


def _spelt(root: Path, files: list[str], found: list[Finding]) -> Iterator[str]:
    """Give members the spelling of the package, in capitals or not, and say which had another."""
    ours = {name.casefold(): name for name in (MANIFEST, dictionary.CSV_NAME)}
    manifest = next((name for name in files if name.casefold() == MANIFEST), None)
    try:
        listed = json.loads((root / manifest).read_text(encoding="utf-8"))["members"] if manifest else {}
        ours |= {str(name).casefold(): str(name) for name in listed}
    # what is wrong with it is said where it is read
    except (ValueError, LookupError, TypeError):
        pass
    for name in files:
        stem, dot, suffix = name.rpartition(".")
        bare = f"{stem}{dot}{suffix.lower()}" if f".{suffix.lower()}" in _EXTENSIONS else name
        wanted = ours.get(name.casefold(), bare)
        if wanted != name and wanted not in files:
            (root / name).rename(root / wanted)
            found.append(findings.finding("package.member_case", name, severity="info", member=wanted))
            yield wanted
        else:
            yield name


def _manifest(root: Path, files: list[str], found: list[Finding]) -> Mapping[str, Any]:
    """Return the manifest, or nothing and a finding."""
    if MANIFEST not in files:
        found.append(findings.finding("package.manifest_missing", MANIFEST))
        return {}
    try:
        manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    except ValueError as error:
        found.append(findings.finding("package.manifest_broken", MANIFEST, reason=str(error)))
        return {}
    if not _well_formed(manifest):
        reason = f"not of format {FORMAT}"
        found.append(findings.finding("package.manifest_broken", MANIFEST, reason=reason))
        return {}
    return dict(manifest)


def _well_formed(manifest: Any) -> bool:
    """Tell whether a manifest has the parts that are looked at, each of its kind."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return False
    layers, members, areas = (manifest.get(name) for name in ("layers", "members", "areas"))
    return (
        isinstance(layers, list)
        and all(isinstance(item, dict) and isinstance(item.get("file"), str) for item in layers)
        and isinstance(members, dict)
        and all(isinstance(item, dict) for item in members.values())
        and isinstance(areas, dict)
        and all(kind in AREAS for kind in areas.values())
        and isinstance(manifest.get("crs"), dict)
        and isinstance(manifest.get("plane", {}), dict)
    )


def _dictionary(root: Path, files: list[str], found: list[Finding]) -> Mapping[str, tuple[Column, ...]]:
    """Return the field dictionary, or nothing and a finding."""
    if dictionary.CSV_NAME not in files:
        found.append(findings.finding("package.dictionary_missing", dictionary.CSV_NAME))
        return {}
    try:
        return dictionary.read((root / dictionary.CSV_NAME).read_bytes())
    except GisError as error:
        found.append(findings.finding("package.dictionary_broken", dictionary.CSV_NAME, reason=str(error)))
        return {}


def _members(root: Path, files: list[str], manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare the members with those of the manifest."""
    listed = manifest.get("members", {})
    for name in sorted(set(listed) - set(files)):
        yield findings.finding("package.member_missing", name.partition(".")[0], member=name)
    for name in files:
        if name == MANIFEST:
            continue
        known = listed.get(name)
        if manifest and known is None:
            side = any(name.lower().endswith(suffix) and f"{name[: -len(suffix)]}.dbf" in listed for suffix in _SIDE)
            code, severity = ("package.member_side", "info") if side else ("package.member_extra", "error")
            yield findings.finding(code, name, severity=severity)
        elif known is not None and known.get("sha256") != archives.digest(root / name):
            yield findings.finding("package.hash", name)


def _layers(
    root: Path,
    files: list[str],
    columns: Mapping[str, tuple[Column, ...]],
    said: Mapping[str, Mapping[str, Any]],
    manifest: Mapping[str, Any],
) -> Iterator[_Layer]:
    """Yield the layers that are there or should be, by the path of their files without extension."""
    parts: dict[str, set[str]] = {name: set() for name in said}
    for name in files:
        stem, suffix = name[: name.rfind(".")], name[name.rfind(".") :].lower()
        if suffix in _EXTENSIONS:
            parts.setdefault(stem, set()).add(suffix)
    for stem, suffixes in sorted(parts.items()):
        yield _Layer(stem, root / stem, frozenset(suffixes), columns.get(stem), said.get(stem, {}), manifest)


def _layer(layer: _Layer) -> Iterator[Finding]:
    """Check one layer, part by part."""
    wanted = shapefiles.PARTS if layer.spatial else shapefiles.TABLE_PARTS
    lacking = [suffix for suffix in wanted if suffix not in layer.suffixes]
    # a package with a manifest has named the missing files already
    listed = layer.package.get("members", {})
    yield from (
        layer.fault("member_missing", member=f"{layer.name}{suffix}")
        for suffix in lacking
        if f"{layer.name}{suffix}" not in listed
    )
    if ".dbf" in layer.suffixes:
        yield from _table(layer)
    yield from _code_page(layer)
    # without these GDAL opens nothing, or something else
    if not {".shp", ".shx", ".dbf"} & set(lacking) and not isinstance(_head(layer), str):
        yield from _content(layer)


def _code_page(layer: _Layer) -> Iterator[Finding]:
    """Check what the .cpg says."""
    if ".cpg" in layer.suffixes:
        said = layer.path.with_suffix(".cpg").read_bytes().decode("latin-1").strip()
        if said.upper() != shapefiles.ENCODING:
            yield layer.fault("code_page", came=said, allowed=shapefiles.ENCODING)


def _table(layer: _Layer) -> Iterator[Finding]:
    """Check the head of the DBF, and that its texts are GBK."""
    head = _head(layer)
    if isinstance(head, str):
        yield layer.fault("damaged", reason=head)
        return
    if head.language != shapefiles.LANGUAGE_BYTE:
        came, allowed = f"0x{head.language:02X}", f"0x{shapefiles.LANGUAGE_BYTE:02X}"
        yield layer.fault("language_byte", came=came, allowed=allowed)
    names = [name for name, *_ in head.fields]
    yield from (layer.fault("field_name", field=name) for name in names if len(name) > 10 or not name.isascii())
    if layer.columns is not None:
        known = {column.name: column for column in layer.columns}
        yield from (layer.fault("field_unknown", field=name) for name in names if name not in known)
        yield from (layer.fault("field_missing", field=name) for name in known if name not in names)
        for name, kind, width, decimals in head.fields:
            column = known.get(name)
            if column and (kind, width, decimals) != (column.type, column.width, column.decimals):
                came, allowed = f"{kind}{width}.{decimals}", f"{column.type}{column.width}.{column.decimals}"
                yield layer.fault("field_type", field=name, came=came, allowed=allowed)
    rows = layer.said.get("rows")
    if rows is not None and rows != head.rows:
        yield layer.fault("rows", came=head.rows, allowed=rows)
    yield from _texts(layer, head)


def _head(layer: _Layer) -> shapefiles.Header | str:
    """Return the head of the DBF, or why it cannot be trusted."""
    path = layer.path.with_suffix(".dbf")
    try:
        head = shapefiles.header(path)
    except GisError as error:
        return str(error)
    # a damaged head may promise billions of rows, for which GDAL would make room
    size = path.stat().st_size
    if head.start + head.rows * head.width > size or head.width != 1 + sum(field[2] for field in head.fields):
        return f"{path.name} promises {head.rows} rows of {head.width} bytes after {head.start}, but has {size} bytes"
    return head


def _texts(layer: _Layer, head: shapefiles.Header) -> Iterator[Finding]:
    """Find texts that are not GBK, or hold the marks of a text that once was garbled."""
    raw = layer.path.with_suffix(".dbf").read_bytes()
    offset = 1
    for name, kind, size, _ in head.fields:
        for row in range(head.rows if kind == "C" else 0):
            place = head.start + row * head.width + offset
            cell = raw[place : place + size]
            if not _is_gbk(cell):
                yield layer.fault("text", field=name, row=row + 1, bytes=cell.rstrip()[:20].hex(" "))
        offset += size


def _is_gbk(cell: bytes) -> bool:
    """Tell whether bytes are GBK without the traces of a conversion gone wrong (锟斤拷 is U+FFFD read as GBK)."""
    if cell.isascii():
        return True
    try:
        return "锟斤拷" not in cell.decode("gbk")
    except UnicodeDecodeError:
        return False


def _content(layer: _Layer) -> Iterator[Finding]:
    """Check rows and geometries as GDAL reads them."""
    path = layer.path.with_suffix(".shp" if layer.spatial else ".dbf")
    prj = path.with_suffix(".prj")
    if prj.is_file() and drivers.names_grid(prj.read_bytes()):
        yield layer.fault("damaged", reason=".prj: names a grid in another file, which is not opened")
        return
    try:
        # what is called a .shp and is something else may lead to any file of ours
        with drivers.only("ESRI Shapefile"), warnings.catch_warnings():
            # what GDAL warns about is looked at below
            warnings.simplefilter("ignore")
            info = pyogrio.read_info(path)
            frame = pyogrio.read_dataframe(path, read_geometry=layer.spatial, encoding="GBK")
    # a damaged file raises anything in four native libraries, even UnboundLocalError in a wrapper
    except Exception as error:
        yield layer.fault("damaged", reason=str(error)[:200].replace(str(layer.path.parent), ""))
        return
    yield from _identifiers(layer, frame)
    yield from _codes(layer, frame)
    if layer.spatial:
        rows = layer.said.get("rows")
        if rows is not None and rows != len(frame):
            yield layer.fault("rows", came=len(frame), allowed=rows)
        yield from _geometry(layer, frame, str(info["geometry_type"]))
        yield from _areas(layer, frame)


def _identifiers(layer: _Layer, frame: pd.DataFrame) -> Iterator[Finding]:
    """Find blank or repeated BSM and key values."""
    for name in dict.fromkeys(("BSM", str(layer.said.get("key", "BSM")))):
        if name in frame.columns:
            values = frame[name]
            for row in np.flatnonzero(values.duplicated(keep=False) | values.isna()):
                value = None if pd.isna(values.iloc[row]) else str(values.iloc[row])
                yield layer.fault("duplicate", field=name, row=int(row) + 1, value=value)


def _codes(layer: _Layer, frame: pd.DataFrame) -> Iterator[Finding]:
    """Find values that the dictionary's code list does not have."""
    for column in layer.columns or ():
        if column.codes is None or column.name not in frame.columns:
            continue
        values = frame[column.name].astype("object")
        unknown = values.notna() & ~values.astype(str).str.strip().isin([*column.codes, ""])
        for row in np.flatnonzero(unknown):
            yield layer.fault("code", field=column.name, row=int(row) + 1, value=str(values.iloc[row]))


def _geometry(layer: _Layer, frame: gpd.GeoDataFrame, came: str) -> Iterator[Finding]:
    """Check geometry type, CRS and each shape."""
    wanted = layer.said.get("geometry")
    if wanted in GEOMETRIES and came.replace("Multi", "") != str(wanted).replace("Multi", ""):
        yield layer.fault("geometry_type", came=came, allowed=wanted)
    said = layer.package.get("crs", {}).get("code")
    if ".prj" in layer.suffixes and said and not _same_crs(frame.crs, str(said)):
        yield layer.fault("crs", came=crs.label(frame.crs), allowed=str(said))
    shapes = frame.geometry.to_numpy()
    bad = {"missing": shapely.is_missing(shapes), "empty": shapely.is_empty(shapes)}
    bad["invalid"] = ~shapely.is_valid(shapes) & ~bad["missing"]
    for reason, rows in bad.items():
        for row in np.flatnonzero(rows):
            why = shapely.is_valid_reason(shapes[row]) if reason == "invalid" else reason
            yield layer.fault("geometry_invalid", row=int(row) + 1, reason=str(why))


def _same_crs(came: pyproj.CRS | None, said: str) -> bool:
    """Compare the .prj with the manifest."""
    try:
        return crs.same(came, crs.parse(said))
    except CrsError:
        return False


def _plane(layer: _Layer) -> pyproj.CRS | None:
    """Return the plane in which areas of degrees were taken, None where the manifest names none that is public."""
    code = layer.package.get("plane", {}).get("code")
    try:
        return crs.parse(str(code)) if code else None
    except CrsError:
        return None


def _areas(layer: _Layer, frame: gpd.GeoDataFrame) -> Iterator[Finding]:
    """Compare the area fields with the geometries."""
    if not str(layer.said.get("geometry", "")).endswith("Polygon"):
        return
    plane = _plane(layer)
    # the others are reported as invalid already
    sound = shapely.is_valid(frame.geometry.to_numpy())
    for name, kind in layer.package.get("areas", {}).items():
        if name not in frame.columns:
            continue
        try:
            truth = measured(frame[sound], kind, plane).to_numpy()
        except (CrsError, pyproj.exceptions.ProjError):
            # the .prj of a bureau's own grid carries no parameters, so nobody else can measure on the ellipsoid
            yield layer.fault("area_unchecked", severity="info", field=name)
            continue
        written = pd.to_numeric(frame.loc[sound, name], errors="coerce").to_numpy(dtype=float)
        off = ~(np.abs(written - truth) <= _AREA_SLACK_M2 + _AREA_RATIO * np.abs(truth))
        for row, came, allowed in zip(np.flatnonzero(sound)[off] + 1, written[off], truth[off], strict=True):
            yield layer.fault("area", field=name, row=int(row), came=float(came), allowed=float(allowed))
