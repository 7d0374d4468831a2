"""MapInfo tables (.tab, .mif) whose head names no charset, or another one, or types that their texts are not of.

GDAL hands on the bytes of a table of charset "Neutral" as they are, and decodes those of a named one. So the head of a
copy is given the name of the charset that the bytes are in. It makes a number of whatever a .mid holds in a column of
numbers: 12 of "12万", 0 of nothing, and the first of March of the thirtieth of February. So the head of a copy of a
.mif calls all its columns texts, and they become numbers here where every cell is one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyogrio

from gis.errors import UsageError
from gis.intake import encodings
from gis.intake.encodings import Encoding

SUFFIXES = frozenset({".tab", ".mif"})
# the one of them whose cells are texts, in a .mid beside it
TEXT = ".mif"
_NEUTRAL = "Neutral"
_CHARSETS = {
    "gb18030": "WindowsSimpChinese",
    "utf-8": "UTF-8",
    "cp932": "WindowsJapanese",
    "cp949": "WindowsKorean",
    "cp950": "WindowsTradChinese",
    "cp1250": "WindowsLatin2",
    "cp1251": "WindowsCyrillic",
    "cp1252": "WindowsLatin1",
    "cp1253": "WindowsGreek",
    "cp1254": "WindowsTurkish",
    "cp1255": "WindowsHebrew",
    "cp1256": "WindowsArabic",
    "cp1257": "WindowsBalticRim",
}
_SAID = re.compile(rb"(?im)^([ \t]*!?charset[ \t]+\"?|[ \t]*type[ \t]+native[ \t]+charset[ \t]+\")([\w.-]+)")
# after what line of a head the charset stands, and how
_PLACES = {".mif": (rb"(?i)^(version\s+\d+[^\r\n]*\r?\n)", b'Charset "%s"\n')}
_PLACES[".tab"] = (rb"(?i)^(!table\s*\r?\n!version\s+\d+[^\r\n]*\r?\n)", b"!charset %s\n")
# the columns of a .mif: how many, and on a line each a name and a type
_COLUMNS = re.compile(rb"(?im)^\s*columns\s+(\d+)\s*$")
_NUMBERS = (b"integer", b"smallint", b"largeint", b"float", b"decimal")
_WHOLE = r"-?(0|[1-9]\d{0,17})"
# what a float holds for sure
_DECIMAL = r"-?(\d{1,15}|\d{0,12}\.\d{0,15}(?<!\.))(e[+-]?\d{1,2})?"


def is_unsaid(path: Path) -> bool:
    """Tell whether the head of a table names no charset.

    Parameters
    ----------
    path
        A .tab or .mif.

    Returns
    -------
    bool
    """
    said = {found[2].lower() for found in _SAID.finditer(_head(path.read_bytes()))}
    return not said - {_NEUTRAL.lower().encode()}


def untype(path: Path) -> None:
    """Make every column of a copy of a .mif one of texts.

    Parameters
    ----------
    path
        The head of the copy; it is written anew.
    """
    raw = path.read_bytes()
    lines = raw.splitlines(keepends=True)
    for number in _column_lines(lines):
        name = lines[number].split(maxsplit=1)[0]
        lines[number] = b"  " + name + b" Char(254)\n"
    path.unlink()
    path.write_bytes(b"".join(lines))


def retyped(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Make numbers of the texts of columns that a .mif calls numbers, where every cell of a column is one.

    Parameters
    ----------
    frame
        Rows of a copy whose columns are all texts, in their order.
    path
        The file itself; another than a .mif has types of its own.

    Returns
    -------
    pandas.DataFrame
        Whole numbers as `Int64`, others as `float64`; a column in which a cell is no number stays text.
    """
    if path.suffix.lower() != TEXT:
        return frame
    lines = path.read_bytes().splitlines()
    kinds = [lines[number].split(maxsplit=1)[1].lower() for number in _column_lines(lines)]
    changed: dict[Any, pd.Series] = {}
    for column, kind in zip(frame.columns, kinds, strict=False):
        if kind.startswith(_NUMBERS):
            texts = frame[column].str.strip()
            texts = texts.mask(texts == "")
            there = texts.dropna()
            if there.str.fullmatch(_WHOLE).all():
                changed[column] = texts.astype("Int64")
            elif there.str.fullmatch(_DECIMAL, flags=re.IGNORECASE).all():
                changed[column] = texts.astype("float64")
    return frame.assign(**changed)


def settle(path: Path, encoding: str | None, name: str) -> Encoding:
    """Decide the encoding of a copy of a table and name it in its head.

    Parameters
    ----------
    path
        The head of the copy (.tab or .mif), its parts beside it; it is written anew.
    encoding
        Encoding from `--encoding`.
    name
        What the file is called in messages.

    Returns
    -------
    Encoding

    Raises
    ------
    SourceError
        Texts in no encoding that gives words.
    UsageError
        The encoding given is none that MapInfo has a charset for.
    """
    raw = path.read_bytes()
    path.unlink()
    path.write_bytes(_named(raw, path, _NEUTRAL))
    decided = encodings.decide(_texts(path), given=encoding, cpg=None, name=name)
    encodings.require_words(decided, name)
    if decided.name not in _CHARSETS:
        allowed = ", ".join(sorted(_CHARSETS))
        raise UsageError(f"{name}: MapInfo knows no charset for {encoding}; allowed: {allowed}", encoding=encoding)
    path.write_bytes(_named(raw, path, _CHARSETS[decided.name]))
    return decided


def _head(raw: bytes) -> bytes:
    """Return what stands before the data."""
    return re.split(rb"(?im)^data\s*$", raw, maxsplit=1)[0]


def _column_lines(lines: list[bytes]) -> range:
    """Return which lines of a .mif describe its columns, none where that cannot be told."""
    for number, line in enumerate(lines):
        found = _COLUMNS.match(line)
        if found is not None:
            last = number + 1 + int(found[1])
            sound = last <= len(lines) and all(len(one.split(maxsplit=1)) == 2 for one in lines[number + 1 : last])
            return range(number + 1, last if sound else number + 1)
    return range(0)


def _named(raw: bytes, path: Path, charset: str) -> bytes:
    """Return a table's head with the name of a charset."""
    head = _head(raw)
    rest = raw[len(head) :]
    if _SAID.search(head):
        return _SAID.sub(lambda found: found[1] + charset.encode(), head) + rest
    place, line = _PLACES[path.suffix.lower()]
    return re.sub(place, lambda found: found[1] + line % charset.encode(), head, count=1) + rest


def _texts(path: Path) -> list[tuple[bytes, bool]]:
    """Return the names and texts of a table of charset Neutral as bytes."""
    names = [str(name) for name in pyogrio.read_info(path, encoding="latin-1")["fields"]]
    table = pyogrio.read_dataframe(path, encoding="latin-1", use_arrow=False, read_geometry=False)
    texts = [text for column in table.columns for text in table[column].dropna().unique() if isinstance(text, str)]
    # a name fills the 31 letters that it may have, and a text its field, without a word of it
    return [(text.encode("latin-1"), True) for text in (*names, *texts)]
