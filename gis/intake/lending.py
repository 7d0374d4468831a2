"""Files lent to GDAL: under a name and in an encoding that it can take, and as a copy where opening changes the file.

What stands before a "!" in a path is a zip to GDAL's door in Python; GDAL's JSON and KML know UTF-8 alone; opening a
GeoPackage moves what its -wal holds into it and deletes the -wal, and opening a GML leaves a .gfs beside it. In texts
GDAL makes 0 of "约1200" where a schema says number: a GML is lent without its schema, and a MIF with texts alone.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gis import findings, writing
from gis.intake import encodings, mapinfo
from gis.intake.sources import Decision

# and what is no name to it: control characters, and bytes that are no UTF-8
_MARK = re.compile("[!\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PIECE = 1 << 20
_XML = {".kml", ".gml"}
_TEXTS = {".geojson", ".geojsonl", ".json", ".topojson", ".dxf", *_XML}
# what GDAL goes by is the suffix
_KNOWN_AS = {".ovkml": ".kml"}
# what lies beside such a file says of which types its texts are
_ALONE = {".gml"}
# files beside a GeoPackage that hold what is not yet in it
_PENDING = ("-wal", "-journal")
# where SQLite says that writers go through a -wal
_WAL_BYTE, _WAL = 18, 2
_DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"'][^>]*\?>")
_CODE_PAGE = re.compile(rb"\$DWGCODEPAGE\s+3\s+(?:ANSI_|DOS)?([\w-]+)", re.IGNORECASE)
_VERSION = re.compile(rb"\$ACADVER\s+1\s+AC(\d+)")
# GDAL asks for the encoding of a drawing at its header alone, and takes one without for Latin
_HEADER = re.compile(rb"^[ \t]*2[ \t]*\r?\n[ \t]*HEADER[ \t\r]*$", re.MULTILINE)
_EMPTY_HEADER = "  0\nSECTION\n  2\nHEADER\n  0\nENDSEC\n"
# drawings from AutoCAD 2007 on are UTF-8, whatever code page they name
_UNICODE_VERSION = 1021
_MARKS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Lent:
    """Hold a file as GDAL may open it.

    Parameters
    ----------
    path
        The file itself, a link or a copy.
    decisions
        What was settled to make it.
    notes
        Rows of findings.
    """

    path: Path
    decisions: tuple[Decision, ...] = ()
    notes: tuple[dict[str, Any], ...] = ()


def has_mark(path: Path) -> bool:
    """Tell whether GDAL would take a piece of a path for a zip, or cannot open it by its name.

    Parameters
    ----------
    path
        Any path.

    Returns
    -------
    bool
    """
    return _MARK.search(str(path)) is not None


@contextmanager
def lent(path: Path, encoding: str | None) -> Iterator[Lent]:
    """Lend a file with its parts, or a folder such as a geodatabase.

    Parameters
    ----------
    path
        The file; parts beside it have the same stem.
    encoding
        Encoding of its texts from `--encoding`.

    Yields
    ------
    Lent
        The file itself where opening it changes nothing; else a link or a copy that is gone after the block.

    Raises
    ------
    SourceError
        Texts in no encoding that gives words.
    """
    suffix = path.suffix.lower()
    decoded = _decoded(path, encoding) if suffix in _TEXTS or suffix in _KNOWN_AS else None
    moves = suffix == ".gpkg" and _moves(path)
    mute = suffix in mapinfo.SUFFIXES and (encoding is not None or mapinfo.is_unsaid(path))
    as_it_is = suffix not in {*_ALONE, mapinfo.TEXT, *_KNOWN_AS} and not has_mark(path)
    if decoded is None and not moves and not mute and as_it_is:
        # a name that stands alone may read like the address of something else
        yield Lent(path.absolute())
        return
    with writing.scratch() as folder:
        stem = _MARK.sub("", path.stem) or "file"
        for part in [path] if path.is_dir() or suffix in _ALONE else _parts(path):
            _lend(part, folder / f"{stem}{part.suffix}", copied=moves)
        other = folder / f"{stem}{_KNOWN_AS.get(suffix, path.suffix)}"
        if suffix in _KNOWN_AS:
            (folder / f"{stem}{path.suffix}").rename(other)
        decisions: tuple[Decision, ...] = ()
        notes = _unfinished(path) if moves else ()
        if suffix == mapinfo.TEXT:
            mapinfo.untype(other)
        if mute:
            settled = mapinfo.settle(other, encoding, path.name)
            decisions = (Decision("encoding", settled.name, settled.how),)
            notes = tuple(encodings.remarks(settled, path.name))
        if decoded is not None:
            text, decisions, more = decoded
            other.unlink()
            other.write_text(text, encoding="utf-8", newline="")
            notes = (*notes, *more)
        yield Lent(other, decisions, notes)


def text(path: Path, encoding: str | None = None) -> str:
    """Return the text of a JSON or XML file.

    Parameters
    ----------
    path
        The file.
    encoding
        Encoding from `--encoding`.

    Returns
    -------
    str

    Raises
    ------
    SourceError
        The bytes are in no encoding that gives words.
    """
    decoded = _decoded(path, encoding)
    return path.read_text(encoding="utf-8-sig") if decoded is None else decoded[0]


def _parts(path: Path) -> list[Path]:
    """Return a file with those beside it that have its stem."""
    return [part for part in path.parent.iterdir() if part.stem == path.stem and part.is_file()]


def _lend(path: Path, other: Path, *, copied: bool) -> None:
    """Give a file or folder a second name."""
    try:
        if copied:
            raise OSError
        os.symlink(path.resolve(), other, target_is_directory=path.is_dir())
    except OSError:
        # Windows lets not everybody make links
        if path.is_dir():
            shutil.copytree(path, other)
        else:
            shutil.copyfile(path, other)


def pending(path: Path) -> tuple[Path, ...]:
    """Return the files beside a GeoPackage that hold what is not yet in it.

    Parameters
    ----------
    path
        Any file.

    Returns
    -------
    tuple of pathlib.Path
        Those that are there and hold something.
    """
    beside = (path.with_name(path.name + ending) for ending in _PENDING)
    return tuple(file for file in beside if file.is_file() and file.stat().st_size > 0)


def _moves(path: Path) -> bool:
    """Tell whether opening a GeoPackage would move something into it, or make files beside it."""
    with path.open("rb") as stream:
        head = stream.read(_WAL_BYTE + 1)
    return head[_WAL_BYTE:] == bytes([_WAL]) or bool(pending(path))


def _unfinished(path: Path) -> tuple[dict[str, Any], ...]:
    """Return the finding about a GeoPackage that another program has open, or that came without its -wal."""
    waiting = [file.name for file in pending(path)]
    if waiting:
        return (findings.finding("source.wal_read", path.name, severity="info", file=waiting),)
    return (findings.finding("source.wal_missing", path.name, severity="warning", file=f"{path.name}-wal"),)


def _decoded(path: Path, encoding: str | None) -> tuple[str, tuple[Decision, ...], tuple[dict[str, Any], ...]] | None:
    """Return the text of a file that GDAL would not read as it is, None of one that it does."""
    with path.open("rb") as stream:
        head = stream.read(_PIECE)
    declared, said = _said(path, head)
    headless = path.suffix.lower() == ".dxf" and not _HEADER.search(head)
    if encoding is None and declared in {"", "utf-8"} and said in {"", "utf-8"} and _is_utf8(path):
        return (_EMPTY_HEADER + path.read_text(encoding="utf-8-sig"), (), ()) if headless else None
    for mark, codec in _MARKS:
        if encoding is None and head.startswith(mark):
            decision = Decision("encoding", codec, "byte order mark")
            return _relabelled(path.read_bytes().decode(codec)), (decision,), ()
    raw = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    decided = encodings.decide([(raw, False)], given=encoding, cpg=declared or None, name=path.name)
    encodings.require_words(decided, path.name)
    if decided.how == "ASCII only" and not said:
        return None
    decision = Decision("encoding", decided.name, "declared" if decided.how == ".cpg" else decided.how)
    text = _relabelled(raw.decode(decided.name))
    return f"{_EMPTY_HEADER * headless}{text}", (decision,), tuple(encodings.remarks(decided, path.name))


def _said(path: Path, head: bytes) -> tuple[str, str]:
    """Return the encoding that a file declares, and how that is written where GDAL would go by it."""
    suffix = path.suffix.lower()
    if suffix == ".dxf":
        version, page = _VERSION.search(head), _CODE_PAGE.search(head)
        named = "" if page is None else _codec(page[1].decode("latin-1"))
        return ("utf-8" if version is not None and int(version[1]) >= _UNICODE_VERSION else named), ""
    found = _DECLARED.match(head.removeprefix(codecs.BOM_UTF8)) if suffix in {*_XML, *_KNOWN_AS} else None
    if found is None:
        return "", ""
    name = found[1].decode().casefold()
    return ("utf-8" if name in {"utf-8", "utf8", "us-ascii", "ascii"} else name), name.replace("utf8", "utf-8")


def _codec(page: str) -> str:
    """Return Python's name for the code page of a drawing, "" for one that it does not know, and for ASCII."""
    try:
        found = codecs.lookup(f"cp{page}" if page.isdigit() else page).name
    except LookupError:
        return ""
    return "" if found == "ascii" else found


def _is_utf8(path: Path) -> bool:
    """Tell whether a whole file is UTF-8, holding little of it at a time."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            while stream.read(_PIECE):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _relabelled(text: str) -> str:
    """Return a text that no longer says that it is in another encoding than UTF-8."""
    return re.sub(r"^(\s*<\?xml[^>]*?encoding\s*=\s*[\"'])[\w.:-]+", r"\1UTF-8", text.removeprefix("\ufeff"))
