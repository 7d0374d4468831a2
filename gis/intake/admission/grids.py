"""Whether a file makes PROJ open another one: a CRS may name a grid of shifts by its path, and GDAL looks into it."""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gis import drivers
from gis.errors import SourceError
from gis.intake.admission import packages

_PIECE, _OVERLAP = 1 << 20, 1 << 9
# an ASCII letter that is written as an escape in JSON or XML, which nobody needs
_ESCAPED = re.compile(rb"(?i)\\u00[4-7][0-9a-f]|&#(?:x[4-7][0-9a-f]|6[5-9]|[7-9]\d|1[01]\d|12[0-2]);")
_TEXTS = {".geojson", ".geojsonl", ".json", ".topojson", ".gml"}
# where the length of the head of a FlatGeobuf stands
_LENGTH = struct.Struct("<8xI")
# how long the table of a GeoPackage's systems may take: in its place may be a query without end
_SECONDS, _STEP = 5.0, 10_000


def require_none(path: Path, lent: Path | None = None) -> None:
    """Refuse a file of which the CRS names a grid by its path or address.

    Parameters
    ----------
    path
        The file, or the folder of a file geodatabase.
    lent
        The file as it is read, where that is a copy.

    Raises
    ------
    SourceError
        A grid that PROJ itself has is named without a path, and is no fault.
    """
    if any(drivers.names_grid(words) for words in _words(lent or path)):
        raise SourceError(
            f"{path.name} is in a coordinate system that is tied to a grid in another file, which is not opened; "
            "ask for the data in EPSG:4490 or EPSG:4548, or take the words about the system out and give --crs",
            path=str(path),
        )


def _words(path: Path) -> Iterator[bytes]:
    """Yield what GDAL takes a CRS from: texts as a whole, and of other files the parts that hold one."""
    suffix = path.suffix.lower()
    if path.is_dir():
        for table in sorted(path.glob("*.gdbtable")):
            # some of its texts are in UTF-16
            yield from (piece.replace(b"\x00", b"") for piece in _pieces(table))
    elif suffix == ".shp":
        stem = path.stem.casefold()
        beside = (part for part in path.parent.iterdir() if part.stem.casefold() == stem)
        yield from (part.read_bytes() for part in beside if part.suffix.lower() == ".prj")
    elif suffix == ".gpkg":
        yield from _systems(path)
    elif suffix == ".fgb":
        with path.open("rb") as stream:
            head = stream.read(_LENGTH.size)
            yield stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""
    elif suffix in _TEXTS:
        for piece in _pieces(path):
            escaped = b"\\u00" in piece or b"&#" in piece
            yield _ESCAPED.sub(_letter, piece) if escaped else piece


def _pieces(file: Path) -> Iterator[bytes]:
    """Yield a file piece by piece, each with the end of the one before it."""
    with file.open("rb") as stream:
        tail = b""
        while piece := stream.read(_PIECE):
            yield tail + piece
            tail = piece[-_OVERLAP:]


def _systems(path: Path) -> Iterator[bytes]:
    """Yield the texts of a GeoPackage's table of systems."""
    until = time.monotonic() + _SECONDS
    with closing(packages.opened(path)) as base:
        base.text_factory = bytes
        base.set_progress_handler(lambda: time.monotonic() > until, _STEP)
        if base.execute("SELECT 1 FROM sqlite_master WHERE lower(name) = 'gpkg_spatial_ref_sys'").fetchone():
            for row in base.execute("SELECT * FROM gpkg_spatial_ref_sys"):
                yield from (value for value in row if isinstance(value, bytes))


def _letter(found: re.Match[bytes]) -> bytes:
    """Return the letter that an escape stands for."""
    written = found[0].lower().strip(b"&#;").removeprefix(b"\\u")
    hexadecimal = found[0].startswith(b"\\") or written.startswith(b"x")
    return bytes([int(written.removeprefix(b"x"), 16 if hexadecimal else 10)])
