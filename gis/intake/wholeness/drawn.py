"""Entities of a drawing: whether its lines are pairs up to the end mark, and which entities were not read."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_BINARY = b"AutoCAD Binary DXF"
# how much of the end of a file holds its end mark
_TAIL = 1 << 16
# other programs leave words of their own behind it
_END = re.compile(rb"^[ \t]*0[ \t]*\r?\n[ \t]*EOF[ \t\r]*$", re.MULTILINE)
# parts of other entities, what a viewer alone needs, and what is drawn by what it stands for
_PARTS = frozenset({"VERTEX", "SEQEND", "ATTRIB", "ATTDEF", "VIEWPORT", "INSERT", "ENDSEC", "SECTION", "EOF"})
# what is a blank to Python alone is none
_CODE = re.compile(r"[ \t]*-?[0-9]{1,5}[ \t\r\n]*")
_BEGINS, _NAMES, _HANDLES, _REMARK = 0, 2, (5, 105), 999


def end_fault(path: Path) -> str:
    """Say what is missing at the end of a drawing, or where it stops being pairs of a code and a value.

    Parameters
    ----------
    path
        The drawing.

    Returns
    -------
    str
        "" for a sound one.
    """
    if is_binary(path):
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _TAIL))
        tail = stream.read()
    if not _END.search(tail.rstrip(b"\x1a\x00")):
        return "its end mark (0, EOF) is missing"
    before: list[tuple[int | None, str]] = [(None, ""), (None, "")]
    outside = True
    for number, code, value in _pairs(path):
        if code is None:
            return f"line {number:,} is no group code"
        if outside and code != _REMARK and (code, value) not in {(_BEGINS, "SECTION"), (_BEGINS, "EOF")}:
            return f"line {number:,} is in no section"
        if code == _BEGINS and value in {"SECTION", "ENDSEC"}:
            outside = value == "ENDSEC"
        # what is no beginning there, or a remark, was the beginning of an entity
        if before == [(_BEGINS, "SECTION"), (_NAMES, "ENTITIES")] and code not in {_BEGINS, _REMARK}:
            return f"line {number:,} is in no entity"
        before = [before[1], (code, value)]
    return ""


def is_binary(path: Path) -> bool:
    """Tell whether a drawing is one of bytes.

    Parameters
    ----------
    path
        The drawing.

    Returns
    -------
    bool
    """
    with path.open("rb") as stream:
        return stream.read(len(_BINARY)) == _BINARY


def unread(path: Path, handles: Mapping[str, int], rows: int) -> Mapping[str, int]:
    """Count the entities that gave no row, by type.

    Parameters
    ----------
    path
        The drawing, of texts.
    handles
        How many rows have each handle.
    rows
        How many rows there are.

    Returns
    -------
    Mapping
        Empty where all gave one. Entities without handles (of old drawings) are only compared in number.
    """
    entities = list(_entities(path))
    drawn = [(kind, handle) for kind, handle in entities if kind not in _PARTS]
    missing: collections.Counter[str] = collections.Counter()
    seen: collections.Counter[str] = collections.Counter()
    for kind, handle in drawn:
        seen[handle] += 1
        # one handle twice is two entities
        missing[kind] += bool(handle) and seen[handle] > handles.get(handle, 0)
    missing = +missing
    bare = [kind for kind, handle in drawn if not handle]
    # what is inserted gives rows of its own
    if bare and len(drawn) - missing.total() > rows and not any(kind == "INSERT" for kind, _ in entities):
        missing["?"] = len(drawn) - missing.total() - rows
    return missing


def _pairs(path: Path) -> Iterator[tuple[int, int | None, str]]:
    """Yield the pairs of a drawing up to its end mark: number of the line, code (None for what is none) and value."""
    with path.open(encoding="latin-1", newline=None) as stream:
        number = 0
        for line in stream:
            number += 1
            if not _CODE.fullmatch(line):
                yield number, None, line
                return
            code, value = int(line), stream.readline().strip()
            yield number, code, value
            number += 1
            if code == _BEGINS and value == "EOF":
                return


def _entities(path: Path) -> Iterator[tuple[str, str]]:
    """Yield type and handle of what stands in the section of entities."""
    section, kind, handle, opened = "", "", "", False
    for _, code, value in _pairs(path):
        if code == _BEGINS:
            if section == "ENTITIES" and kind:
                yield kind, handle
            opened = value == "SECTION"
            section = "" if value in {"SECTION", "ENDSEC"} else section
            kind, handle = (value, "") if section == "ENTITIES" else ("", "")
        elif opened and code == _NAMES:
            section, opened = value, False
        elif code in _HANDLES and kind and not handle:
            handle = value
