"""How much a drawing (DXF) grows when its blocks are put in their places: blocks in blocks, in rows and columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from gis.intake.admission import limits

_BINARY = b"AutoCAD Binary DXF"
_ENTITY = re.compile(rb"(?:^|\n)[ \t]*0[ \t]*\r?\n[ \t]*([A-Za-z_]\w*)[ \t]*(?=\r?\n)")
_NO_SHAPE = {b"BLOCK", b"ENDBLK", b"SECTION", b"ENDSEC", b"SEQEND", b"EOF", b"TABLE", b"ENDTAB", b"LAYER", b"CLASS"}
# beyond this nobody needs to know by how much
_ENOUGH = 1 << 62


def require(path: Path) -> None:
    """Refuse a drawing that holds more than the limit of rows once its blocks stand in their places.

    Parameters
    ----------
    path
        The .dxf.

    Raises
    ------
    SourceError
        With the number of its shapes.

    Notes
    -----
    A block that stands in itself is counted as nothing there, as readers leave it out.
    """
    raw = path.read_bytes()
    if raw.startswith(_BINARY) or b"INSERT" not in raw:
        return
    own: dict[bytes, int] = {}
    inside: dict[bytes, dict[bytes, int]] = {}
    block = b""
    for kind, named in _entities(raw):
        if kind in {b"BLOCK", b"ENDBLK"}:
            block = named.get(b"2", b"") if kind == b"BLOCK" else b""
        elif kind == b"INSERT":
            held = inside.setdefault(block, {})
            times = _number(named.get(b"70")) * _number(named.get(b"71"))
            held[named.get(b"2", b"")] = held.get(named.get(b"2", b""), 0) + times
        elif kind not in _NO_SHAPE:
            own[block] = own.get(block, 0) + 1
    limits.require("rows", _grown(own, inside), path.name)


def _entities(raw: bytes) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    """Yield what a drawing holds: its kind, and its values by their codes."""
    before = None
    for found in _ENTITY.finditer(raw):
        if before is not None:
            yield before[1], _pairs(raw, before, found.start())
        before = found
    if before is not None:
        yield before[1], _pairs(raw, before, len(raw))


def _pairs(raw: bytes, head: re.Match[bytes], end: int) -> dict[bytes, bytes]:
    """Return the values of an entity by their codes as far as they are looked at; the first of a code counts."""
    if head[1] not in {b"INSERT", b"BLOCK"}:
        return {}
    lines = [line.strip() for line in raw[head.end() : end + 1].split(b"\n")[1:]]
    return dict(reversed(list(zip(lines[::2], lines[1::2], strict=False))))


def _number(text: bytes | None) -> int:
    """Return how many rows or columns an insert says, 1 where it says none."""
    try:
        return max(int(text or 1), 1)
    except ValueError:
        return 1


def _grown(own: dict[bytes, int], inside: dict[bytes, dict[bytes, int]]) -> int:
    """Return how many shapes the drawing itself, block "", comes to; blocks are counted from the innermost out."""
    known: dict[bytes, int] = {}
    path, entered = [b""], {b""}
    while path:
        block = path[-1]
        wanted = next((one for one in inside.get(block, {}) if one not in entered), None)
        if wanted is not None:
            path.append(wanted)
            entered.add(wanted)
            continue
        total = own.get(block, 0) + sum(n * known.get(one, 0) for one, n in inside.get(block, {}).items())
        known[block] = min(total, _ENOUGH)
        path.pop()
    return known[b""]
