"""How numbers are shown, in tables, on sheets and on pages: unit, factor, digits, and rounding that adds up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gis.catalogue import Field, Layer


@dataclass(frozen=True)
class Display:
    """Say how numbers of one kind are shown: unit, what the value is multiplied with, digits, Excel's format."""

    unit: str
    factor: float
    digits: int
    format: str


LAND = Display("公顷", 1e-4, 2, "#,##0.00")
FLOOR = Display("万m²", 1e-4, 2, "#,##0.00")
SQUARE_METRES = Display("m²", 1.0, 0, "#,##0")
SHARE = Display("%", 1.0, 3, "0.0%")
RATIO = Display("", 1.0, 2, "0.00")
AMOUNT = Display("", 1.0, 2, "#,##0.00")
COUNT = Display("", 1.0, 0, "#,##0")
# a year or a serial number is no amount: no separators
PLAIN = Display("", 1.0, 0, "0")
METRES = Display("m", 1.0, 0, "0")
KILOMETRES = Display("km", 1e-3, 2, "#,##0.00")
MINUTES = Display("分钟", 1.0, 1, "0.0")
PLACE = Display("m", 1.0, 3, "0.000")
# heights and widths of single things
TENTHS = Display("m", 1.0, 1, "0.0")
_BY_NAME = {"x": PLACE, "y": PLACE, "minutes": COUNT, "capacity": COUNT}
_BY_NAME |= {"height_m": TENTHS, "planned_height_m": TENTHS, "width_m": TENTHS}
# how the figures of a station's programme are shown
PROGRAMME = {"sequence": PLAIN, "year": PLAIN, "walk_minutes": MINUTES, "floor_area_m2": SQUARE_METRES}


# rows that are single things, not areas of planning: their floor area is in m², and so is what ground they have
_SINGLE: Mapping[str, tuple[str, ...]] = {
    "projects": (
        "existing_floor_m2",
        "demolished_floor_m2",
        "exempt_demolished_m2",
        "new_controlled_m2",
        "new_exempt_m2",
    ),
    "buildings": ("floor_area_above_m2", "floor_area_below_m2"),
    "facilities": ("floor_area_m2", "land_area_m2"),
    "vacated_spaces": ("floor_area_m2",),
}


def of_field(item: Field, layer: Layer) -> Display | None:
    """Return how numbers of a field are shown, on a page as in a table.

    Parameters
    ----------
    item
        The field.
    layer
        Its layer.

    Returns
    -------
    Display or None
        None where the field has no numbers.
    """
    if item.type not in {"integer", "real"}:
        return None
    if item.name in _SINGLE.get(layer.name, ()):
        return SQUARE_METRES
    return _BY_NAME.get(item.name) or by_unit(item)


def rounded(series: pd.Series, display: Display) -> pd.Series:
    """Return a column's numbers in the unit and with the digits in which they are shown.

    Parameters
    ----------
    series
        Numbers.
    display
        Factor and digits.

    Returns
    -------
    pandas.Series
        float64, NaN where there is none; RangeIndex.
    """
    return exact(series, display).round(display.digits)


def exact(series: pd.Series, display: Display) -> pd.Series:
    """Return a column's numbers in the unit in which they are shown.

    Parameters
    ----------
    series
        Numbers.
    display
        Factor.

    Returns
    -------
    pandas.Series
        float64, NaN where there is none; RangeIndex.
    """
    numbers = pd.Series(pd.to_numeric(series, errors="coerce").astype("Float64").to_numpy(float, na_value=np.nan))
    return (numbers * display.factor).where(np.isfinite(numbers))


def rounded_to_total(values: pd.Series, digits: int) -> pd.Series:
    """Round values so that they add up to their exact total, rounded half up.

    Parameters
    ----------
    values
        Numbers of either sign; missing values stay missing.
    digits
        Digits after the point.

    Returns
    -------
    pandas.Series
        On the caller's index; each differs from the exact value by less than one unit of the last digit.

    Notes
    -----
    Largest remainder (Hare-Niemeyer): all are rounded down, then those with the largest remainders up; of equal ones
    the earlier row.
    """
    given = values.astype("float64")
    known = given.notna().to_numpy()
    steps = given.to_numpy()[known] * 10.0**digits
    # what is a whole number of steps but for the noise of a product is that number
    steps = np.where(np.abs(steps - np.round(steps)) < 1e-6, np.round(steps), steps)
    down = np.floor(steps)
    missing = math.floor(math.fsum(steps) + 0.5) - int(math.fsum(down))
    order = np.argsort(-(steps - down), kind="stable")
    down[order[:missing]] += 1
    result = given.copy()
    result[known] = np.round(down / 10.0**digits, digits)
    return result


def by_unit(field: Field) -> Display:
    """Return how a field's numbers are shown, by its unit and name.

    Parameters
    ----------
    field
        A field with numbers.

    Returns
    -------
    Display
    """
    if field.unit == "m²":
        return FLOOR if _is_floor(field.name) else LAND
    if field.unit == "share":
        return SHARE
    if field.unit == "m":
        return METRES
    if field.type == "integer":
        return PLAIN if field.unit == "年" else COUNT
    return AMOUNT if field.unit else RATIO


def _is_floor(name: str) -> bool:
    """Tell floor area from land by the words of the canonical name."""
    words = ("floor", "controlled", "exempt", "transferred", "control_total", "remaining", "quota", "renewable")
    return any(word in name for word in words)
