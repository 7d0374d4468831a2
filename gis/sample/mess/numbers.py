"""Spoilings of numbers, codes and dates: units, lost digits, blanks, words where numbers should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import shapely

from gis.sample.mess import draft as drafts
from gis.sample.mess.draft import Draft, Spoiling

# m² in one of each
_UNITS = {"亩": 10_000.0 / 15.0, "公顷": 10_000.0, "万平方米": 10_000.0, "平方公里": 1_000_000.0, "km²": 1_000_000.0}
# EPSG:3857 at this latitude, and a square degree, in m²
_MERCATOR = 1.69
_SQUARE_DEGREE = 9.53e9


def _unit_said(draft: Draft, *, unit: str) -> Draft:
    """Give the area in another unit and say so in the column's name."""
    name = drafts.area_field(draft)
    field = next(one for one in draft.layer.fields if one.name == name)
    cells = [None if cell is None else cell / _UNITS[unit] for cell in drafts.values(draft, name)]
    # a shapefile has room for ten bytes
    short = draft.columns[name] == field.delivery
    columns = {**draft.columns, name: f"{field.delivery}_{unit}" if short else f"{field.zh}({unit})"}
    return replace(drafts.with_values(draft, name, cells), columns=columns)


def _unit_unsaid(draft: Draft, *, factor: float) -> Draft:
    """Give the area in another unit, or wrong by a factor, without a word."""
    name = drafts.area_field(draft)
    cells = drafts.values(draft, name)
    draft = drafts.marked(draft, [row for row, cell in enumerate(cells) if cell is not None], name)
    return drafts.with_values(draft, name, [None if cell is None else cell * factor for cell in cells])


def _unit_one_row(draft: Draft) -> Draft:
    """Give the area of one row in 亩, all others in m²."""
    name = drafts.area_field(draft)
    row = drafts.first_present(draft, name)
    cells = drafts.values(draft, name)
    cells[row] = cells[row] / _UNITS["亩"]
    return drafts.with_values(drafts.marked(draft, [row], name), name, cells)


def _thousands(draft: Draft) -> Draft:
    """Write areas as texts with commas."""
    name = drafts.area_field(draft)
    return drafts.with_values(draft, name, [None if cell is None else f"{cell:,.1f}" for cell in
                                            drafts.values(draft, name)])  # fmt: skip


def _zeros_lost(draft: Draft) -> Draft:
    """Turn codes into numbers, so that leading zeros are gone."""
    cells = [None if cell is None else int(cell) for cell in drafts.values(draft, "land_use")]
    lost = [row for row, cell in enumerate(drafts.values(draft, "land_use")) if cell and cell.startswith("0")]
    return drafts.with_values(drafts.marked(draft, lost, "land_use"), "land_use", cells)


def _keys(draft: Draft, make: Callable[[int], str], write: Callable[[str], Any], lost: bool) -> Draft:
    """Give the rows other keys and write these as numbers."""
    key, rows = draft.layer.key, range(len(draft.cells))
    true = [make(row) for row in rows]
    draft = drafts.with_values(draft, key, true, true=True)
    draft = drafts.with_values(draft, key, [write(text) for text in true])
    return drafts.marked(draft, rows, key) if lost else draft


def _long_key(row: int) -> str:
    """Return a code of eighteen digits."""
    return f"1101090012003{45_670 + row:05d}"


def _short_key(row: int) -> str:
    """Return a code of four digits, of which the first ones are zeros."""
    return f"{(row + 3) * 11:04d}"


def _blanks(draft: Draft, *, blank: Any = None) -> Draft:
    """Leave out every second whole number; `blank` stands there instead."""
    for field in draft.layer.fields:
        if field.type != "integer":
            continue
        cells = drafts.values(draft, field.name)
        kept = [cell if row % 2 else None for row, cell in enumerate(cells)]
        draft = drafts.with_values(draft, field.name, kept, true=True)
        written = [cell if row % 2 else blank for row, cell in enumerate(cells)]
        draft = drafts.with_values(draft, field.name, written)
        if blank is not None:
            draft = drafts.marked(draft, range(0, len(cells), 2), field.name)
    return draft


def _floats(draft: Draft) -> Draft:
    """Write whole numbers with decimals, as pandas does beside blanks."""
    for field in draft.layer.fields:
        if field.type == "integer":
            cells = [None if cell is None else float(cell) for cell in drafts.values(draft, field.name)]
            draft = drafts.with_values(draft, field.name, cells)
    return draft


def _yes_no(draft: Draft) -> Draft:
    """Write booleans as 是 and 否."""
    for field in draft.layer.fields:
        if field.type == "boolean":
            cells = [None if cell is None else "是" if cell else "否" for cell in drafts.values(draft, field.name)]
            draft = drafts.with_values(draft, field.name, cells)
    return draft


def _dates(draft: Draft, *, how: str) -> Draft:
    """Write dates as people do, or as the number of days that a workbook keeps."""
    ways: dict[str, Callable[[date], Any]] = {
        "words": lambda day: f"{day.year}年{day.month}月{day.day}日",
        "digits": lambda day: day.strftime("%Y%m%d"),
        "month": lambda day: f"{day.year}年{day.month}月",
        "serial": lambda day: (day - date(1899, 12, 30)).days,
    }
    for field in draft.layer.fields:
        if field.type != "date":
            continue
        cells = drafts.values(draft, field.name)
        draft = drafts.with_values(draft, field.name, [None if cell is None else ways[how](cell) for cell in cells])
        if how in {"month", "serial"}:
            draft = drafts.marked(draft, [row for row, cell in enumerate(cells) if cell is not None], field.name)
    return draft


def _unknown_code(draft: Draft) -> Draft:
    """Write a code that is in no list."""
    field = next(one for one in draft.layer.fields if one.codes is not None and one.required)
    cells = drafts.values(draft, field.name)
    return drafts.with_values(drafts.marked(draft, [1], field.name), field.name, [cells[0], "其他X9", *cells[2:]])


def _square_degrees(draft: Draft) -> Draft:
    """Fill the area with what a program measured on degrees."""
    name = drafts.area_field(draft)
    areas = shapely.area(draft.shapes) / _SQUARE_DEGREE
    draft = drafts.marked(draft, range(len(draft.cells)), name)
    return drafts.with_values(draft, name, [float(np.round(area, 9)) for area in areas])


_SAID = "the unit stands in the column's name"
_MEASURED = "the area measured on the ground differs from it by one factor in all rows"
_DIGITS = "a number stands where a code should; its missing digits can be told, not found"
_MISFIT = "the value is none of the field's type"
_PLAIN = "one reading only"


def _spoiling(trap: str, why: str, apply: Callable[[Draft], Draft]) -> Spoiling:
    """Return a spoiling of values that the file itself settles."""
    return Spoiling(trap, 2, "file", why, apply)


SPOILINGS = {
    "area_mu": Spoiling("areas", 8, "file", _SAID, partial(_unit_said, unit="亩")),
    "area_hectares": Spoiling("areas", 8, "file", _SAID, partial(_unit_said, unit="公顷")),
    "area_wan": Spoiling("areas", 8, "file", _SAID, partial(_unit_said, unit="万平方米")),
    "area_km2": Spoiling("areas", 8, "file", _SAID, partial(_unit_said, unit="km²")),
    "area_unsaid_mu": _spoiling("areas", _MEASURED, partial(_unit_unsaid, factor=1 / _UNITS["亩"])),
    "area_unsaid_hectares": _spoiling("areas", _MEASURED, partial(_unit_unsaid, factor=1 / _UNITS["公顷"])),
    "area_unsaid_km2": _spoiling("areas", _MEASURED, partial(_unit_unsaid, factor=1 / _UNITS["km²"])),
    "area_mercator": _spoiling("areas", _MEASURED, partial(_unit_unsaid, factor=_MERCATOR)),
    "area_square_degrees": _spoiling("areas", _MEASURED, _square_degrees),
    "area_one_row": _spoiling("areas", "one row's area is far from what its line encloses", _unit_one_row),
    "area_commas": _spoiling("areas", _PLAIN, _thousands),
    "zeros_lost": _spoiling("codes as numbers", _DIGITS, _zeros_lost),
    "key_zeros_lost": _spoiling("codes as numbers", _DIGITS, partial(_keys, make=_short_key, write=int, lost=True)),
    "key_18_float": _spoiling("codes as numbers", _DIGITS, partial(_keys, make=_long_key, write=float, lost=True)),
    "key_18_power": _spoiling("codes as numbers", _DIGITS,
                              partial(_keys, make=_long_key, write=lambda text: f"{float(text):.5E}", lost=True)),
    "key_18_whole": _spoiling("codes as numbers", _PLAIN, partial(_keys, make=_long_key, write=int, lost=False)),
    "key_decimals": _spoiling("codes as numbers", _PLAIN,
                              partial(_keys, make=lambda row: str(4100 + row), write=float, lost=False)),
    "blanks": _spoiling("blanks and words", _PLAIN, _blanks),
    "blanks_floats": _spoiling("blanks and words", _PLAIN, lambda draft: _floats(_blanks(draft))),
    "blanks_dashes": _spoiling("blanks and words", _MISFIT, partial(_blanks, blank="—")),
    "blanks_9999": _spoiling("blanks and words", "no such number is in the range", partial(_blanks, blank=-9999)),
    "yes_no": _spoiling("blanks and words", _PLAIN, _yes_no),
    "dates_words": _spoiling("blanks and words", _PLAIN, partial(_dates, how="words")),
    "dates_digits": _spoiling("blanks and words", _PLAIN, partial(_dates, how="digits")),
    "dates_month": _spoiling("blanks and words", _MISFIT, partial(_dates, how="month")),
    "dates_serial": _spoiling("blanks and words", _MISFIT, partial(_dates, how="serial")),
    "unknown_code": _spoiling("blanks and words", "the code is in no list", _unknown_code),
}  # fmt: skip
