"""What a workbook's number format adds to a number: the zeros before a code, the words around it or in its place.

A measurement is read as it is stored, whatever its format rounds, groups or scales; a code is what a person sees.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

# beyond this a workbook has lost digits
_EXACT = 2**53
_PLACES = "0#?"
# signs of money say a unit of the number, and are no part of a code
_MONEY = re.compile(r"[¥$€£₩]|元|rmb|cny|usd|hk\$?", re.IGNORECASE)
# dates, times, percentages, powers: the number is not what is shown
_OTHER = frozenset("yYmMdDhHsSeEbBgG%/")
_LOCALE = re.compile(r"\$(?P<text>.*?)(-[0-9A-Fa-f,]*)?")
_COLOUR = re.compile(
    r"(black|blue|cyan|green|magenta|red|white|yellow|color ?\d+|颜色 ?\d+|[黑蓝青绿红白黄]色?|洋红)", re.IGNORECASE
)
_CONDITION = re.compile(r"(?P<sign><=|>=|<>|<|>|=)\s*(?P<bound>[+-]?\d+(\.\d+)?)")
_SIGNS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne
}  # fmt: skip
_GENERAL = re.compile(r"General|G/通用格式", re.IGNORECASE)


class _Other(Exception):
    """A format that shows something else than a number with words around it."""


@dataclass(frozen=True)
class _Shape:
    """Hold one section of a format: literal texts and places in their order, "." the point, "@" the value itself.

    `condition` is for which numbers it is, such as ">=100"; "" where its place among the sections says so.
    """

    parts: tuple[tuple[str, str], ...]
    condition: str = ""

    @property
    def words(self) -> str:
        """Return all literal texts as one."""
        return "".join(text for kind, text in self.parts if kind == "text")

    def meets(self, value: Decimal) -> bool:
        """Tell whether a section with a condition is for a number; one without is for all that are left."""
        found = _CONDITION.fullmatch(self.condition)
        return found is None or bool(_SIGNS[found["sign"]](value, Decimal(found["bound"])))

    @property
    def zeros(self) -> int:
        """Return how many digits stand before the point at least."""
        kinds = [text for kind, text in self.parts if kind in {"place", "point"}]
        before = kinds[: kinds.index(".")] if "." in kinds else kinds
        return before.count("0")


def shown(number: str, code: str) -> str | None:
    """Return a number as its format shows it, with all its digits.

    Parameters
    ----------
    number
        As the file stores it.
    code
        The format, such as 000000 or "DY-"000.

    Returns
    -------
    str or None
        None where the format adds neither zeros nor words: then the number itself is meant. Words that stand in the
        place of the number, such as 待定, are what is meant.
    """
    try:
        value = Decimal(repr(float(number)))
    except (ValueError, InvalidOperation):
        return None
    shape = _section(_sections(code), value) if value.is_finite() else None
    if shape is None or value < 0 or abs(value) >= _EXACT:
        return None
    if not any(kind in {"place", "value", "point"} for kind, _ in shape.parts):
        instead = shape.words.strip()
        return instead if any(unicodedata.category(letter)[0] == "L" for letter in instead) else None
    holds = [kind for kind, _ in shape.parts if kind in {"place", "value"}]
    if not holds or not (shape.zeros > 1 or _tells(shape.words)):
        return None
    whole, _, rest = f"{value:f}".partition(".")
    return _filled(shape, whole, rest.rstrip("0"))


def around(code: str) -> tuple[str, str] | None:
    """Return what a format puts before and behind a text.

    Parameters
    ----------
    code
        The format, such as "DY-"@.

    Returns
    -------
    tuple or None
        None where it adds nothing.
    """
    sections = _sections(code)
    shape = sections[3] if len(sections) > 3 else sections[0]
    if shape is None or ("value", "@") not in shape.parts or not shape.words.strip():
        return None
    at = shape.parts.index(("value", "@"))
    before, behind = ("".join(text for _, text in part) for part in (shape.parts[:at], shape.parts[at + 1 :]))
    return before, behind


def _section(sections: tuple[_Shape | None, ...], value: Decimal) -> _Shape | None:
    """Return the section of a format that is for a number, None for one that shows something else than a number."""
    if any(shape is not None and shape.condition for shape in sections):
        # where one is not understood nobody can tell which it is
        fitting = (shape for shape in sections if shape is None or shape.meets(value))
        return next(fitting, None)
    # a second section is for what is below zero, a third for zero
    return sections[2] if len(sections) > 2 and value == 0 else sections[0]


def _tells(words: str) -> bool:
    """Tell whether literal texts say more than how a sum of money or a sign is set."""
    rest = _MONEY.sub("", words)
    return any(unicodedata.category(letter)[0] in "LN" or letter in "-#_№²" for letter in rest)


def _filled(shape: _Shape, whole: str, rest: str) -> str:
    """Return the digits of a number in the places of a shape; no digit is rounded away."""
    places = [number for number, (kind, _) in enumerate(shape.parts) if kind == "place"]
    point = next((number for number, (kind, _) in enumerate(shape.parts) if kind == "point"), None)
    before = [number for number in places if point is None or number < point]
    behind = [number for number in places if point is not None and number > point]
    written = dict.fromkeys(places, "")
    digits = whole
    for number in reversed(before):
        last, digits = digits[-1:], digits[:-1]
        written[number] = last or ("0" if shape.parts[number][1] == "0" else "")
    if before:
        written[before[0]] = digits + written[before[0]]
    least = sum(shape.parts[number][1] == "0" for number in behind)
    fraction = rest.ljust(least, "0")
    fraction = f".{fraction}" if fraction else ""
    if before:
        written[before[-1]] += fraction
    plain = whole + (f".{rest}" if rest else "")
    made = {"text": lambda number, text: text, "place": lambda number, text: written[number]}
    made |= {"value": lambda number, text: plain, "point": lambda number, text: ""}
    return "".join(made[kind](number, text) for number, (kind, text) in enumerate(shape.parts))


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[_Shape | None, ...]:
    """Return the sections of a format; None for one that shows something else than a number."""
    found: list[_Shape | None] = []
    for text in _parted(code):
        try:
            parts = _parts(text)
            conditions = [words for kind, words in parts if kind == "condition"]
            found.append(_Shape(tuple(part for part in parts if part[0] != "condition"), "".join(conditions)))
        except _Other:
            found.append(None)
    return tuple(found)


def _parted(code: str) -> list[str]:
    """Part a format at the semicolons that stand in no text."""
    parts = re.findall(r'(?:"[^"]*"|\\.|!.|\[[^\]]*\]|[^;])+|(?<=;)(?=;|$)', code)
    return parts or [""]


def _parts(section: str) -> list[tuple[str, str]]:
    """Read one section of a format."""
    parts: list[tuple[str, str]] = []
    rest = section
    while rest:
        found, kind, text = _next(rest)
        if kind == "comma" and not re.search(r"^[,0#?]*[0#?]", rest[1:]):
            # a comma behind the last place divides by a thousand
            raise _Other
        if kind in {"text", "place", "point", "value", "condition"} and text:
            parts.append((kind, text))
        rest = rest[found:]
    return parts


def _next(rest: str) -> tuple[int, str, str]:
    """Return how long the next piece of a section is, what it is, and its text."""
    first = rest[0]
    if first == '"':
        end = rest.find('"', 1)
        end = len(rest) if end < 0 else end
        return end + 1, "text", rest[1:end]
    if first in "\\!":
        return 2, "text", rest[1:2]
    if first in "_*":
        return 2, "space", ""
    if first == "[":
        return _bracket(rest)
    general = _GENERAL.match(rest)
    if general is not None:
        return general.end(), "value", "@"
    if first in _OTHER:
        raise _Other
    kinds = dict.fromkeys(_PLACES, "place") | {"@": "value", ".": "point", ",": "comma"}
    return 1, kinds.get(first, "text"), first


def _bracket(rest: str) -> tuple[int, str, str]:
    """Return the piece of a section that stands in brackets: money and other words, a colour, else a condition."""
    end = rest.find("]")
    inside = rest[1:end] if end > 0 else ""
    locale = _LOCALE.fullmatch(inside)
    if locale is not None:
        return end + 1, "text", locale["text"]
    if _CONDITION.fullmatch(inside):
        return end + 1, "condition", inside
    if end < 0 or not _COLOUR.fullmatch(inside):
        raise _Other
    return end + 1, "space", ""
