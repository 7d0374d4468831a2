"""Units of area as people write them, beside a column's name or behind a value, and their factors to square metres."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

SQUARE_METRE = "m²"


@dataclass(frozen=True)
class Unit:
    """Hold a unit of area: its sign, how many square metres it is, and how it is written (NFKC, small letters)."""

    sign: str
    factor: Fraction
    spellings: tuple[str, ...]

    def to_metres(self, value: float) -> float:
        """Return an area of this unit in m²."""
        return value * self.factor.numerator / self.factor.denominator


# 1 亩 is 2000/3 m² exactly; the others are decimal
UNITS = (
    Unit(SQUARE_METRE, Fraction(1), ("m2", "平方米", "平米", "sqm", "sq m", "m^2")),
    Unit("公顷", Fraction(10_000), ("公顷", "ha", "hm2", "hectare", "hectares")),
    Unit("亩", Fraction(2000, 3), ("亩", "市亩", "mu")),
    Unit("km²", Fraction(1_000_000), ("km2", "平方公里", "平方千米", "sqkm", "sq km", "km^2")),
    Unit("万m²", Fraction(10_000), ("万平方米", "万平米", "万m2", "万平")),
)
BY_SIGN: Mapping[str, Unit] = MappingProxyType({unit.sign: unit for unit in UNITS})
_BY_SPELLING = {spelling: unit for unit in UNITS for spelling in unit.spellings}
# other units that a name may carry in brackets and that change nothing
_SAME = MappingProxyType({"m": ("m", "米"), "share": ()})
# units of what is counted or measured otherwise, as a row of units under a head holds them
_OTHERS = frozenset({
    "人", "万人", "千人", "位", "个", "处", "户", "万户", "栋", "幢", "座", "套", "间", "层", "班", "床", "张",
    "辆", "台", "家", "所", "株", "条", "件", "项", "宗", "次", "年", "月", "日", "天", "小时", "分钟", "min",
    "m", "米", "km", "公里", "千米", "度", "°", "元", "万元", "亿元", "%", "‰", "元/m2", "元/平方米", "万元/亩",
    "人/公顷", "人/ha", "人/km2", "户/公顷", "km/km2", "个/km2",
})  # fmt: skip
# units of counting, which change no number
COUNTS = ("人", "个", "位", "处", "户", "座", "间", "班", "床", "张", "辆", "台", "所")
_WRITTEN = "|".join(re.escape(text) for text in sorted(_BY_SPELLING, key=len, reverse=True))
_BEHIND_NAME = re.compile(rf"(?P<base>.*?)(?P<mark>[\s_\-·.()【\[:/,,]*)(?P<unit>{_WRITTEN})[\s)\]】]*")
_BEHIND_VALUE = re.compile(rf"\s*(?P<number>[^a-z一-鿿²]*[\d.])\s*(?P<unit>{_WRITTEN})\s*")
# a raised or circled figure behind a number is that of a note, and no digit of it
_MARKED = re.compile(r"[\d.][\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\u2460-\u24ff\u2776-\u2793]")


def of_column(name: str) -> tuple[str, Unit] | None:
    """Part a column's name from the unit of area behind it.

    Parameters
    ----------
    name
        A column such as 用地面积(公顷), 面积_亩 or AREA_HA.

    Returns
    -------
    tuple or None
        What stands before the unit, and the unit; None where the name ends in none. Latin letters count as a unit only
        behind a mark, so that `alpha` is not measured in hectares.
    """
    found = _BEHIND_NAME.fullmatch(unicodedata.normalize("NFKC", name).casefold())
    if found is None or not found["base"] or (found["unit"][0].isascii() and not found["mark"]):
        return None
    return found["base"], _BY_SPELLING[found["unit"]]


def of_value(value: Any) -> tuple[str, Unit] | None:
    """Part a number from the unit of area behind it.

    Parameters
    ----------
    value
        A cell such as "3.2公顷" or "48 亩".

    Returns
    -------
    tuple or None
        The number as text, and the unit; None where the cell is not a number followed by a unit of area.
    """
    if not isinstance(value, str) or _MARKED.search(value):
        return None
    found = _BEHIND_VALUE.fullmatch(unicodedata.normalize("NFKC", value).casefold())
    return None if found is None else (found["number"], _BY_SPELLING[found["unit"]])


def named(text: str) -> Unit | None:
    """Return the unit of area that a text names.

    Parameters
    ----------
    text
        Such as 万平方米.

    Returns
    -------
    Unit or None
    """
    return _BY_SPELLING.get(_plain(text))


def is_unit(text: str) -> bool:
    """Tell whether a text is a unit and nothing else.

    Parameters
    ----------
    text
        Such as 人, (㎡) or 万元.

    Returns
    -------
    bool
    """
    plain = _plain(text)
    return plain in _BY_SPELLING or plain in _OTHERS


def bare(value: Any, unit: str) -> Any:
    """Return a number without the unit of its own field behind it.

    Parameters
    ----------
    value
        A cell such as "1200人" for a field in 人.
    unit
        Unit of a field that is no area, as the layer file has it.

    Returns
    -------
    Any
        What stands before the unit, as text; the cell itself where the unit is not there, or another one.
    """
    if not isinstance(value, str) or _MARKED.search(value):
        return value
    text = unicodedata.normalize("NFKC", value).strip()
    sign = next((sign for sign in signs(unit) if text.endswith(sign)), "")
    return text[: -len(sign)] if sign else value


def signs(unit: str) -> tuple[str, ...]:
    """Return how the unit of a field may stand behind its name without changing the value.

    Parameters
    ----------
    unit
        Unit of a field that is no area, as the layer file has it.

    Returns
    -------
    tuple of str
    """
    return _SAME.get(unit, (unit,) if unit else ())


def _plain(text: str) -> str:
    """Return a text in one width and case, without brackets around it."""
    return unicodedata.normalize("NFKC", text).strip().strip("()[]【】").strip().casefold()
