"""Ways in which a file is spoilt: cut, bytes changed, blocks and lines moved, values replaced, members repacked."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from tests.hostile.specimens import Specimen, every_part, packed

# places at which every part is cut, as shares of its length
CUTS = [number / 60 for number in range(60)]
# numbers that formats use as sizes and places, as they stand in files: small, huge, negative
SIZES = [0, 1, 2, 255, 1 << 16, 1 << 30, (1 << 31) - 1, (1 << 32) - 1]
WORDS = [size.to_bytes(4, order) for size in SIZES for order in ("big", "little")]
# not a number, infinite, and a place on the other side of the Earth
DOUBLES = [bytes.fromhex(text) for text in ("000000000000f87f", "000000000000f07f", "0000000000c062c0")]
TEXTS = [b"\x00", b"\xff\xfe", b"null", b"1e999", b"NaN", b"\xf0\x28\x8c\x28", b'"', b"[" * 50, b"\xed\xa0\x80",
         b"9" * 400, b"-1", b"{}", b"\\u0000", b"&#0;", b"&lt;", b"\n", b"\r", b"\r\n", b",", b"\t", b"'",
         b"=1+1"]  # fmt: skip
VALUES: list[Any] = [None, True, 0, -1, 1e308, "", "x", "116.1", [], {}, [[]], [None, None], {"type": "Point"}, 10**400]
TEXT_PARTS = {".geojson", ".geojsonl", ".topojson", ".json", ".kml", ".gml", ".dxf", ".mif", ".mid", ".csv", ".txt",
              ".tab", ".prj", ".cpg", ".xsd"}  # fmt: skip
XML_PARTS = {".kml", ".gml", ".xsd", ".xml", ".rels"}
JSON_PARTS = {".geojson", ".topojson", ".json"}
PACKED = {".zip", ".kmz", ".xlsx", ".ods"}
_TOLD_ELSEWHERE = {".prj", ".cpg", ".xsd"}
_ROWS_OF_GDB = "a00000009.gdbtabl"
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TAG = re.compile(rb"</?[\w:]+")
Way = Callable[[bytes, random.Random], bytes]


def damage(specimen: Specimen) -> Iterator[tuple[str, str, bytes]]:
    """Yield a name, a part and its bytes for every cut of every part and for every other way to lose something."""
    for part in every_part(specimen):
        raw = specimen.files[part]
        # parts that hold no rows are cut less often
        small = suffix(part) in _TOLD_ELSEWHERE or ("/" in part and _ROWS_OF_GDB not in part)
        places = sorted({int(share * len(raw)) for share in (CUTS[::15] if small else CUTS)} | {len(raw) - 1})
        yield from ((f"{part} cut at {at}", part, raw[:at]) for at in places)
        if small:
            continue
        for share in (0.2, 0.5, 0.8):
            at = int(share * len(raw))
            block = max(min(len(raw) // 8, 512), 1)
            yield f"{part} zeros at {at}", part, raw[:at] + bytes(block) + raw[at + block :]
            yield f"{part} flip at {at}", part, raw[:at] + bytes([raw[at] ^ 0x20]) + raw[at + 1 :]
            if suffix(part) in TEXT_PARTS:
                lines = raw.splitlines(keepends=True)
                line = int(share * len(lines))
                yield f"{part} line {line} out", part, b"".join(lines[:line] + lines[line + 1 :])
                yield f"{part} line {line} twice", part, b"".join(lines[: line + 1] + lines[line:])
                mixed = [*lines[:line], *(one.replace(b"\n", b"\r") for one in lines[line:])]
                yield f"{part} line ends mixed from {line}", part, b"".join(mixed)


def suffix(part: str) -> str:
    """Return the suffix of a part in lower case."""
    return "." + part.rpartition(".")[2].lower()


def spoilt(part: str, raw: bytes, other: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Spoil one part of a file in one to three ways.

    Parameters
    ----------
    part
        Its name.
    raw
        Its bytes.
    other
        Bytes of another file, for a splice.
    chance
        Decides.

    Returns
    -------
    tuple
        Which ways, in words, and the bytes.
    """
    said = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        ways = [*_BYTES]
        ending = suffix(part)
        ways += _TEXT * 2 if ending in TEXT_PARTS else []
        ways += [_json_value] * 8 if ending in JSON_PARTS else []
        ways += [_tag_swapped, _tag_renamed] * 4 if ending in XML_PARTS else []
        ways += [_member] * 12 if ending in PACKED else []
        ways += [_dbf_head] * 4 if ending in {".dbf", ".dat"} else []
        ways += [_tail] * 4 if ending in {".parquet", ".fgb"} else []
        way = chance.choice(ways)
        said.append(way.__name__.strip("_"))
        raw = _spliced(raw, chance, other) if way is _splice else way(raw, chance)
    return " + ".join(said), raw


def _at(raw: bytes, chance: random.Random) -> int:
    """Return a place in a file; heads are small beside the rest and matter more."""
    return chance.randrange(min(len(raw), 200) if chance.random() < 0.2 else max(len(raw), 1)) if raw else 0


def _flip(raw: bytes, chance: random.Random) -> bytes:
    """Flip bits of a few bytes."""
    made = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if made:
            made[_at(raw, chance)] ^= 1 << chance.randrange(8)
    return bytes(made)


def _cut(raw: bytes, chance: random.Random) -> bytes:
    """Cut the end off."""
    return raw[: _at(raw, chance)]


def _piece(chance: random.Random) -> bytes:
    """Return bytes that hurt."""
    kinds = [WORDS, DOUBLES, TEXTS, [chance.randbytes(chance.randint(1, 12))]]
    return chance.choice(chance.choice(kinds))


def _over(raw: bytes, chance: random.Random) -> bytes:
    """Write hostile bytes over others."""
    at, piece = _at(raw, chance), _piece(chance)
    return raw[:at] + piece + raw[at + len(piece) :]


def _in(raw: bytes, chance: random.Random) -> bytes:
    """Put hostile bytes in."""
    at = _at(raw, chance)
    return raw[:at] + _piece(chance) + raw[at:]


def _out(raw: bytes, chance: random.Random) -> bytes:
    """Take a block out."""
    at = _at(raw, chance)
    return raw[:at] + raw[at + chance.choice((1, 4, 50, 512)) :]


def _zeros(raw: bytes, chance: random.Random) -> bytes:
    """Fill a block with zeros."""
    at, size = _at(raw, chance), chance.choice((4, 64, 512, 4096))
    return raw[:at] + bytes(min(size, len(raw) - at)) + raw[at + size :]


def _swap(raw: bytes, chance: random.Random) -> bytes:
    """Let two blocks change places."""
    size = chance.choice((8, 64, 512))
    one, two = sorted((_at(raw, chance), _at(raw, chance)))
    if two < one + size:
        return raw
    return raw[:one] + raw[two : two + size] + raw[one + size : two] + raw[one : one + size] + raw[two + size :]


def _twice(raw: bytes, chance: random.Random) -> bytes:
    """Repeat a block."""
    at, size = _at(raw, chance), chance.choice((1, 16, 512))
    return raw[: at + size] + raw[at:]


def _splice(raw: bytes, chance: random.Random) -> bytes:
    """Stand for the way that needs another file."""
    return _spliced(raw, chance, raw)


def _spliced(raw: bytes, chance: random.Random, other: bytes) -> bytes:
    """Let a file go on as another one."""
    return raw[: _at(raw, chance)] + other[_at(other, chance) :]


def _number(raw: bytes, chance: random.Random) -> bytes:
    """Put a hostile value in the place of a number."""
    found = list(_NUMBER.finditer(raw))
    if not found:
        return raw
    one = chance.choice(found)
    return raw[: one.start()] + _piece(chance) + raw[one.end() :]


def _tokens(raw: bytes, chance: random.Random) -> bytes:
    """Let two words or numbers change places."""
    found = list(re.finditer(rb"[\w.\-]+", raw))
    if len(found) < 2:
        return raw
    one, two = sorted(chance.sample(found, 2), key=lambda match: match.start())
    return raw[: one.start()] + two[0] + raw[one.end() : two.start()] + one[0] + raw[two.end() :]


def _line_out(raw: bytes, chance: random.Random) -> bytes:
    """Drop a line."""
    lines = raw.splitlines(keepends=True)
    if lines:
        del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def _line_twice(raw: bytes, chance: random.Random) -> bytes:
    """Repeat a line somewhere."""
    lines = raw.splitlines(keepends=True)
    if lines:
        lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    return b"".join(lines)


def _line_ends(raw: bytes, chance: random.Random) -> bytes:
    """Mix the ends of lines."""
    ends = (b"\n", b"\r\n", b"\r")
    return b"".join(line.rstrip(b"\r\n") + chance.choice(ends) for line in raw.splitlines(keepends=True))


def _json_value(raw: bytes, chance: random.Random) -> bytes:
    """Replace, remove, repeat or move one value of JSON."""
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return _flip(raw, chance)
    places = list(_places(content))
    if not places:
        return raw
    holder, key = chance.choice(places)
    way = chance.choice(("value", "value", "out", "swap", "twice"))
    if way == "value":
        holder[key] = chance.choice(VALUES)
    elif way == "out":
        del holder[key]
    elif way == "swap":
        other, name = chance.choice(places)
        holder[key], other[name] = other[name], holder[key]
    elif isinstance(holder, list):
        holder.insert(key, holder[key])
    try:
        text = json.dumps(content, ensure_ascii=False)
    except ValueError:
        return raw
    if way == "twice" and isinstance(holder, dict):
        spelled = json.dumps(key, ensure_ascii=False) + ": "
        text = text.replace(spelled, f"{spelled}1, {spelled}", 1)
    # half of a pair is a character to JSON
    return text.encode("utf-8", "surrogatepass")


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every value of JSON as what holds it and where."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(pairs):
        yield content, key
        yield from _places(value)


def _tag_swapped(raw: bytes, chance: random.Random) -> bytes:
    """Let two tags change places."""
    found = list(_TAG.finditer(raw))
    if len(found) < 2:
        return raw
    one, two = sorted(chance.sample(found, 2), key=lambda match: match.start())
    return raw[: one.start()] + two[0] + raw[one.end() : two.start()] + one[0] + raw[two.end() :]


def _tag_renamed(raw: bytes, chance: random.Random) -> bytes:
    """Give one element, its end included, another name."""
    found = [match for match in _TAG.finditer(raw) if not match[0].startswith(b"</")]
    if not found:
        return raw
    one, name = chance.choice(found), chance.choice(found)[0][1:]
    end = raw.find(b"</" + one[0][1:], one.end())
    if end < 0:
        return raw
    return raw[: one.start() + 1] + name + raw[one.end() : end + 2] + name + raw[end + 1 + len(one[0]) :]


def _member(raw: bytes, chance: random.Random) -> bytes:
    """Spoil, drop or repeat one member of a zip, which is then packed as if nothing had happened."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return _flip(raw, chance)
    if not files:
        return raw
    name = chance.choice(sorted(files))
    if chance.random() < 0.1:
        del files[name]
    else:
        files[name] = spoilt(name, files[name], files[chance.choice(sorted(files))], chance)[1]
    return packed(files, chance.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)))


def _dbf_head(raw: bytes, chance: random.Random) -> bytes:
    """Change a field of the head of a table."""
    at = chance.choice((4, 5, 8, 10, 29, *range(43, 300, 32), *range(48, 300, 32)))
    return raw[:at] + bytes([chance.choice((0, 1, 2, 11, 32, 67, 78, 255))]) + raw[at + 1 :]


def _tail(raw: bytes, chance: random.Random) -> bytes:
    """Change a byte of the end, where some formats have their table of contents."""
    at = len(raw) - 1 - chance.randrange(min(max(len(raw), 1), 3000)) if raw else 0
    return raw[:at] + chance.choice((b"\x00", b"\xff", bytes([chance.randrange(256)]))) + raw[at + 1 :]


_BYTES: list[Way] = [_flip, _flip, _cut, _over, _over, _in, _out, _zeros, _swap, _twice, _splice]
_TEXT: list[Way] = [_number, _number, _tokens, _line_out, _line_twice, _line_ends]
