"""How deep a file nests, told without going down: GEOS and others go a level down their stack for each, until it ends.

Beside that, texts that are short and grow: entities of XML, and numbers of more digits than any number has.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from gis.errors import SourceError
from gis.intake.admission import limits

_PIECE = 1 << 22
_STEP = np.zeros(256, dtype=np.int8)
_STEP[[ord("["), ord("{"), ord("(")]] = 1
_STEP[[ord("]"), ord("}"), ord(")")]] = -1
_BRACKETS = b'[]{}"'
_REST = bytes(sorted(set(range(256)) - set(_BRACKETS)))
_NO_PARENS = bytes(sorted(set(range(256)) - set(b"()")))
_ZEROS = bytes.maketrans(b"123456789", b"0" * 9)
# digits that Python turns into a number at once
_DIGITS = 4300
_DEAD = re.compile(rb'"[^"]*"')
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
# letters of two bytes, of which the second may look like a bracket
_WIDE = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x81-\xfe]$")
_HEAD_BYTES = 9
# where the declaration of an XML ends at the latest, and what may stand before it
_PROLOG, _BOM = 400, b"\xef\xbb\xbf"
_POINT, _LINES, _RINGS = {1}, {2, 8, 13}, {3, 17}
_HAS_Z, _HAS_M, _HAS_SRID = 0x80000000, 0x40000000, 0x20000000


def json(path: Path) -> None:
    """Refuse JSON that nests deeper than the limit, or holds numbers of thousands of digits.

    Parameters
    ----------
    path
        A file of one JSON text or of one a line.

    Raises
    ------
    SourceError
        With the depth or the number of digits.
    """
    depth, rest, open_text = 0, b"", b""
    long = b"0" * (_DIGITS + 1)
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            piece = rest + piece
            # a sign that escapes the next one is looked at with what follows
            rest = b"\\" * ((len(piece) - len(piece.rstrip(b"\\"))) % 2)
            piece = piece.removesuffix(rest)
            digits = piece.translate(_ZEROS)
            if long in digits:
                count = len(max(re.findall(rb"0+", digits), key=len))
                raise SourceError(
                    f"{path.name} holds a number of {count:,} digits; allowed are {_DIGITS:,}: write it as a text, or "
                    "ask for the file again",
                    digits=count,
                )
            if not _is_utf8(piece):
                rest = (piece[-1:] if piece[-1:] > b"\x7f" else b"") + rest
                piece = _WIDE.sub(b"", piece)
            if b"\\" in piece:
                piece = _ESCAPED.sub(b"", piece)
            bare = _DEAD.sub(b"", open_text + piece.translate(None, _REST))
            # what follows the last quotation mark is text, to the end of the piece and beyond
            bare, open_text, _ = bare.partition(b'"')
            steps = np.cumsum(_STEP[np.frombuffer(bare, dtype=np.uint8)], dtype=np.int64)
            limits.require("nesting", depth + int(steps.max(initial=0)), path.name)
            depth += int(steps[-1]) if len(steps) else 0


def xml(path: Path) -> None:
    """Refuse XML that nests deeper than the limit, or declares texts that stand for others.

    Parameters
    ----------
    path
        A file such as a KML or GML.

    Raises
    ------
    SourceError
        With the depth, or the name of the entity.
    """
    if _is_plain(path):
        return
    elements = _Elements(path.name)
    try:
        elements.parse(path, None)
    # damage is for the reader to word; an encoding that expat does not know hides no bracket of an element
    except (expat.ExpatError, ValueError, LookupError):
        again = _Elements(path.name)
        with suppress(expat.ExpatError):
            again.parse(path, "iso-8859-1")
        elements.deepest = max(elements.deepest, again.deepest)
    limits.require("nesting", elements.deepest, path.name)


def wkt(texts: Iterable[Any], file: str | None = None) -> None:
    """Refuse texts of geometries that nest deeper than the limit.

    Parameters
    ----------
    texts
        Cells; what is no text is passed over.
    file
        What the file is called; None takes the one that is being read.

    Raises
    ------
    SourceError
        With the depth.
    """
    most = limits.current().nesting
    for text in texts:
        if isinstance(text, str) and text.count("(") > most:
            steps = text.encode("latin-1", "replace").translate(None, _NO_PARENS)
            depth = np.cumsum(_STEP[np.frombuffer(steps, dtype=np.uint8)], dtype=np.int64).max(initial=0)
            limits.require("nesting", int(depth), file)


def wkb(blobs: Iterable[bytes | memoryview | None], file: str | None = None) -> None:
    """Refuse geometries as bytes that nest deeper than the limit.

    Parameters
    ----------
    blobs
        WKB, also with SRID, or as a GeoPackage holds it; None is passed over.
    file
        What the file is called; None takes the one that is being read.

    Raises
    ------
    SourceError
        With the depth.
    """
    most = limits.current().nesting
    for blob in blobs:
        if blob is None or len(blob) <= _HEAD_BYTES * most:
            continue
        raw = bytes(blob)
        limits.require("nesting", _depth(raw, _start(raw)), file)


def _is_plain(path: Path) -> bool:
    """Tell quickly whether an XML holds nothing but elements, of which too few are open anywhere to be too deep.

    An element that ends in its own tag counts as open to the end, so many of them leave the question open.
    """
    depth, rest = 0, b""
    most = limits.current().nesting
    with path.open("rb") as stream:
        begin = stream.read(_PROLOG)
        stream.seek(len(begin.partition(b"?>")[0]) + 2 if begin.removeprefix(_BOM).startswith(b"<?xml ") else 0)
        while piece := rest + stream.read(_PIECE):
            if piece == rest:
                return True
            rest = piece[-1:]
            if b"<!" in piece or b"<?" in piece:
                return False
            letters = np.frombuffer(piece, dtype=np.uint8)
            begins = np.flatnonzero(letters[:-1] == ord("<"))
            steps = np.cumsum(np.where(letters[begins + 1] == ord("/"), -1, 1))
            if depth + int(steps.max(initial=0)) > most:
                return False
            depth += int(steps[-1]) if len(steps) else 0
    return True


def _is_utf8(piece: bytes) -> bool:
    """Tell whether a piece of a text is UTF-8, its first and last letter aside."""
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError as error:
        inside = piece[4:-4] if error.start < 4 or error.start > len(piece) - 5 else b"\xff"
        return inside.decode("utf-8", "replace").strip("\ufffd").count("\ufffd") == 0
    return True


def _start(raw: bytes) -> int:
    """Return where the geometry begins: a GeoPackage puts a head with a box before it."""
    if raw[:2] != b"GP":
        return 0
    return 8 + (0, 32, 48, 48, 64, 64, 64, 64)[raw[3] >> 1 & 7]


def _depth(raw: bytes, place: int) -> int:
    """Return how deep geometries stand in each other."""
    left: list[int] = []
    deepest = 0
    try:
        while True:
            order = "<" if raw[place] else ">"
            (said,) = struct.unpack_from(f"{order}I", raw, place + 1)
            kind = said & 0x1FFFFFFF
            wide = 2 + (bool(said & _HAS_Z) or kind // 1000 in {1, 3}) + (bool(said & _HAS_M) or kind // 1000 in {2, 3})
            place += 5 + 4 * bool(said & _HAS_SRID)
            place, held = _content(raw, place, kind % 1000, order, 8 * wide)
            if held:
                left.append(held)
                deepest = max(deepest, len(left))
            elif left:
                left[-1] -= 1
            while left and left[-1] == 0:
                left.pop()
                if left:
                    left[-1] -= 1
            if not left:
                return deepest
    except (IndexError, struct.error):
        # it ends in the middle, and so will whoever reads it
        return deepest


def _content(raw: bytes, place: int, kind: int, order: str, width: int) -> tuple[int, int]:
    """Return where the content of a geometry ends, and how many geometries stand there instead of coordinates."""
    if kind in _POINT:
        return place + width, 0
    (count,) = struct.unpack_from(f"{order}I", raw, place)
    place += 4
    if kind in _LINES:
        return place + count * width, 0
    if kind not in _RINGS:
        return place, count
    for _ in range(count):
        (points,) = struct.unpack_from(f"{order}I", raw, place)
        place += 4 + points * width
    return place, 0


class _Elements:
    """Count how deep the elements of an XML stand in each other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._depth = 0
        self.deepest = 0

    def parse(self, path: Path, encoding: str | None) -> None:
        """Go through a file; expat has its own word for damage."""
        parser = expat.ParserCreate(encoding)
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._entity
        with path.open("rb") as stream:
            parser.ParseFile(stream)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        """Go a level down."""
        self._depth += 1
        self.deepest = max(self.deepest, self._depth)

    def _end(self, name: str) -> None:
        """Go a level up."""
        self._depth -= 1

    def _entity(self, name: str, *_: Any) -> None:
        """Refuse a text that stands for another."""
        raise SourceError(
            f"{self._name} declares the entity {name!r}, a text that stands for another; allowed is a file without a "
            "DOCTYPE that declares any: save it again from the program that made it",
            entity=name,
        )
