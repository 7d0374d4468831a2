"""Values as people write them, turned into values of a type; what does not fit comes back as it was."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from gis import fieldtypes
from gis.catalogue import CodeList


class Misfit(ValueError):
    """A value that cannot be of the type asked for; `lost` tells whether its digits were destroyed before it came."""

    def __init__(self, *, lost: bool = False) -> None:
        super().__init__("lost" if lost else "misfit")
        self.lost = lost


_TRUE = {"true", "t", "yes", "y", "1", "是", "有", "√", "✓"}
_FALSE = {"false", "f", "no", "n", "0", "否", "无", "×", "✗"}
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_CLOCK = re.compile(
    r"[ t](?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})([.,](?P<rest>\d+))?)?"
    r"\s*(?P<zone>z|utc|[+-]\d{2}(:?\d{2})?)?$"
)
# a database keeps a day as the moment at which it begins here, and tells it in its own zone
_HERE = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# milliseconds since then: a number with fewer digits may be a day written without dashes
_MILLISECONDS = re.compile(r"-?\d{12,13}")
# days that programs write for none: the zeros of spreadsheets, of Windows and of databases
_NO_DAYS = frozenset({date(1899, 12, 30), date(1, 1, 1), date.max})
_NO_DAY = re.compile(r"0{8}|0000[-/.]0{1,2}[-/.]0{1,2}( 0?0:00(:00)?)?")
# what programs write where a cell holds nothing, and what a spreadsheet shows where it has no result
_VOID = re.compile(r"null|n/a|<null>|\(null\)|\[null\]|nan|nat|<na>|-?1\.#(qnan|ind|snan)0*", re.IGNORECASE)
# what such a text begins with: most texts begin otherwise, and need no second look
_VOID_BEGINS = frozenset("nN<([#-1\uff2e\uff4e\uff1c\uff08\uff3b\uff03\uff0d\uff11\ufeff\u200b")
_ERROR = re.compile(r"#(n/a|ref!|div/0!|value!|name\?|num!|null!|spill!|calc!)", re.IGNORECASE)
# signs that nobody sees: byte order marks, spaces without width, soft hyphens
_UNSEEN = re.compile("[\ufeff\u200b\u2060\u00ad]")
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE)
# a code of letters and figures before its title, or behind it in brackets
_CODE_FIRST = re.compile(r"(?P<code>[a-z]{0,2}\d{1,8})[\s_:·、.(\[-]*(?P<title>[^\x00-\x7f].*?)[)\]]?")
_CODE_LAST = re.compile(r"(?P<title>[^\x00-\x7f].*?)\s*[(\[](?P<code>[a-z]{0,2}\d{1,8})[)\]]")
_WHOLE = re.compile(r"[+-]?\d+")
# what a spreadsheet leaves of a long code
_POWER = re.compile(r"\d(\.\d+)?E\+\d{2,}", re.IGNORECASE)
# beyond this a float no longer holds every whole number
_EXACT = 2**53
# what the shapefile format calls no data, and nobody measures
_NO_DATA = 1e38
# letters of a number that is one
_LONGEST = 400


def missing(value: Any) -> bool:
    """Tell whether a value is not there: null, NaN, or blank text.

    Parameters
    ----------
    value
        A cell.

    Returns
    -------
    bool
    """
    if isinstance(value, str):
        return not value.strip() or not _UNSEEN.sub("", value).strip()
    if isinstance(value, list | tuple | dict | np.ndarray):
        return False
    return value is None or bool(pd.isna(value))


def void(value: Any, type_: str) -> bool:
    """Tell whether a value says that nothing is there: NULL, NaN, the zero of a calendar.

    Parameters
    ----------
    value
        A cell that is not missing.
    type_
        As for `convert`; only a date may be such a zero, and only a text an error of a spreadsheet: elsewhere that is
        a misfit, since a value was meant.

    Returns
    -------
    bool
    """
    if isinstance(value, str) and type_ != "date" and value.lstrip()[:1] not in _VOID_BEGINS:
        return False
    if isinstance(value, str) and _VOID.fullmatch(plain(value)):
        return True
    if isinstance(value, str) and _ERROR.fullmatch(plain(value)):
        return type_ == "text"
    if type_ != "date" or isinstance(value, list | tuple | dict | np.ndarray):
        return False
    if isinstance(value, str) and _NO_DAY.fullmatch(plain(value)):
        return True
    try:
        return _date(value) in _NO_DAYS
    except Misfit:
        return False


def convert(value: Any, type_: str) -> Any:
    """Turn one value into a type.

    Parameters
    ----------
    value
        A cell that is not missing.
    type_
        "text", "integer", "real", "boolean", "date" or "json".

    Returns
    -------
    Any
        str, int, float, bool, datetime.date, or JSON text.

    Raises
    ------
    Misfit
        Nothing of that type is meant.
    """
    return _CONVERTERS[type_](value)


def codes(listed: CodeList) -> dict[str, str]:
    """Return the code for every way to write it: code, delivery code, Chinese, short, English title, alias.

    Parameters
    ----------
    listed
        A code list.

    Returns
    -------
    dict
        Code by normalised text. A text that could be two codes is the one whose surer spelling it is, and is left out
        where it is equally sure.
    """
    found: dict[str, str] = {}
    ways = (
        lambda item: [item.code],
        lambda item: [item.delivery],
        lambda item: [item.zh, *([item.more["short"]] if "short" in item.more else [])],
        lambda item: [item.en],
        lambda item: list(item.more.get("aliases", ())),
    )
    for way in ways:
        seen: dict[str, set[str]] = {}
        for item in listed:
            for text in way(item):
                seen.setdefault(plain(str(text)), set()).add(item.code)
        found = {text: next(iter(owners)) for text, owners in seen.items() if len(owners) == 1} | found
    return found


def crosswalk(listed: CodeList, others: Iterable[CodeList]) -> dict[str, tuple[str, str]]:
    """Return what the codes of other lists stand for in a list, where they stand for one code or a part of one.

    Parameters
    ----------
    listed
        The list that is wanted.
    others
        Lists whose entries name codes of it.

    Returns
    -------
    dict
        Code, and the document that says so, by normalised text (code or Chinese title). An entry that stands for
        several codes is the one that holds them all, if there is one: what none holds is left out.
    """
    known = {item.code for item in listed}
    found: dict[str, tuple[str, str]] = {}
    for other in others:
        for item in other:
            targets = [str(code) for code in item.more.get(listed.name, ())]
            holders = [code for code in known if targets and all(target.startswith(code) for target in targets)]
            if holders:
                holder = max(holders, key=len)
                found |= {plain(text): (holder, other.source) for text in (item.code, item.zh)}
    return found


def code_and_title(text: str) -> tuple[str, str] | None:
    """Part a text that gives a code and its title, in either order.

    Parameters
    ----------
    text
        Such as "0701 城镇住宅用地", "R2(二类居住用地)" or "中小学用地(A33)".

    Returns
    -------
    tuple of str or None
        Two texts that each may mean a code; None where the text is not made of two.
    """
    found = _CODE_FIRST.fullmatch(plain(text)) or _CODE_LAST.fullmatch(plain(text))
    return None if found is None else (found["code"], found["title"])


def plain(text: str) -> str:
    """Return a text in one width, one case and without surrounding space or signs that nobody sees.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
    """
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).strip().casefold()


def has_marks(text: str) -> bool:
    """Tell whether a text holds raised, circled or other small figures, which would become digits of a number.

    Parameters
    ----------
    text
        Such as "1200²" or "1200①", whose last figure is the number of a note.

    Returns
    -------
    bool
    """
    return any(unicodedata.category(letter) == "No" for letter in text)


def _text(value: Any) -> str:
    """Return text; a whole number is its digits, a number whose digits are gone is a misfit."""
    if isinstance(value, str):
        if _POWER.fullmatch(value.strip()):
            raise Misfit(lost=True)
        return _UNSEEN.sub("", value).strip()
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        if not np.isfinite(number) or abs(number) >= _EXACT:
            raise Misfit(lost=True)
        return str(int(number)) if number.is_integer() else repr(number)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        raise Misfit
    return _json(value)


def _real(value: Any) -> float:
    """Return a finite number; thousands may be set apart by commas."""
    number = _number(value)
    whole = int(number) if isinstance(number, Integral) else None
    if whole is not None and abs(whole) > _EXACT and int(float(whole)) != whole:
        raise Misfit(lost=True)
    return float(number)


def _number(value: Any) -> Any:
    """Return a finite number, as an integer where it is written as one."""
    if isinstance(value, bool | np.bool_):
        raise Misfit
    if isinstance(value, str):
        if has_marks(value):
            raise Misfit
        text = plain(value).replace(",", "") if _NUMBER.fullmatch(plain(value)) else ""
        if not any(letter.isdigit() for letter in text) or len(text) > _LONGEST:
            raise Misfit
        value = int(text) if _WHOLE.fullmatch(text) else float(text)
    is_number = isinstance(value, Real | Decimal)
    if not is_number or not abs(value) < _NO_DATA:
        raise Misfit
    return value


def _integer(value: Any) -> int:
    """Return a whole number."""
    number = _number(value)
    is_exact = isinstance(number, Integral | Decimal)
    if number != int(number) or (not is_exact and abs(number) >= _EXACT):
        raise Misfit
    whole = int(number)
    if not -(2**63) <= whole < 2**63:
        raise Misfit
    return whole


def _boolean(value: Any) -> bool:
    """Return true or false, as 是/否, yes/no, T/F or 1/0."""
    text = str(int(float(value))) if isinstance(value, Real) and float(value) in {0.0, 1.0} else str(value)
    if plain(text) in _TRUE:
        return True
    if plain(text) in _FALSE:
        return False
    raise Misfit


def _date(value: Any) -> date:
    """Return a day; a moment counts as one where it is midnight, in its own zone or here."""
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, datetime):
        return _day(value)
    if isinstance(value, date):
        return value
    text = str(int(float(value))) if isinstance(value, Real) and float(value).is_integer() else plain(str(value))
    if _MILLISECONDS.fullmatch(text):
        return _day(_EPOCH + timedelta(milliseconds=int(text)))
    clock = _CLOCK.search(text)
    text = text[: clock.start()] if clock is not None else text
    found = _DATE.fullmatch(text) or (_COMPACT.fullmatch(text) if clock is None else None)
    if found is None:
        raise Misfit
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
        return day if clock is None else _day(_moment(day, clock))
    except ValueError:
        raise Misfit from None


def _moment(day: date, clock: re.Match[str]) -> datetime:
    """Return a day with a time as it is written, in its zone if it names one."""
    hour, minute, second = (int(clock[name] or 0) for name in ("hour", "minute", "second"))
    rest = 1 if (clock["rest"] or "").strip("0") else 0
    zone = clock["zone"]
    if zone in {"z", "utc"}:
        zone = "+00"
    if zone is None:
        return datetime(day.year, day.month, day.day, hour, minute, second, rest)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    offset = timezone(-ahead if zone[0] == "-" else ahead)
    return datetime(day.year, day.month, day.day, hour, minute, second, rest, tzinfo=offset)


def _day(moment: datetime) -> date:
    """Return the day that a moment begins, in its own zone or here."""
    try:
        sides = [moment] if moment.tzinfo is None else [moment, moment.astimezone(_HERE)]
        for one in sides:
            if (one.hour, one.minute, one.second, one.microsecond) == (0, 0, 0, 0):
                return date(one.year, one.month, one.day)
    # a moment before the year 1 or after 9999 has no day that a calendar holds
    except (ValueError, OverflowError):
        pass
    raise Misfit


def _json(value: Any) -> str:
    """Return JSON text."""
    if isinstance(value, str):
        if not fieldtypes.is_json(value):
            raise Misfit
        return value
    return json.dumps(_finite(value), ensure_ascii=False, default=_plain_cell)


def _finite(value: Any) -> Any:
    """Return a value, however deep, with nothing where it has a number that is none: JSON has no such numbers."""
    if isinstance(value, np.ndarray):
        return _finite(value.tolist())
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float | np.floating) and not np.isfinite(value) else value


def _plain_cell(value: Any) -> Any:
    """Turn arrays, scalars, dates and bytes into what JSON knows."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return written(value)


def written(value: Any) -> str:
    """Return a cell as text, whatever it is.

    Parameters
    ----------
    value
        A cell.

    Returns
    -------
    str
    """
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        return text if text.isprintable() and "\ufffd" not in text else value.hex()
    try:
        return str(value)
    # pandas holds moments whose year Python cannot write
    except (ValueError, OverflowError, NotImplementedError):
        return f"{value.year:04d}-{value.month:02d}-{value.day:02d} {value.hour:02d}:{value.minute:02d}"


def as_json(record: Mapping[str, Any]) -> str:
    """Return a record of cells as JSON text with its keys in order, cells that are missing left out.

    Parameters
    ----------
    record
        Cell by name.

    Returns
    -------
    str
    """
    there = {
        name: str(value) if isinstance(value, float) and not np.isfinite(value) else value
        for name, value in record.items()
        if not missing(value)
    }
    text = json.dumps(_finite(there), ensure_ascii=False, default=_plain_cell)
    # half of a surrogate pair can be kept by no store; spelt out it is JSON still
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_CONVERTERS = {"text": _text, "integer": _integer, "real": _real, "boolean": _boolean, "date": _date, "json": _json}
