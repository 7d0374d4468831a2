"""The types of fields: which values a text, a number, a flag, a day or JSON can be without losing something."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# the days that ISO words, SQLite and PostgreSQL all have
_FIRST_DAY, _LAST_DAY = np.datetime64("0001-01-01"), np.datetime64("9999-12-31")
# whole numbers of 64 bits, and those that a real keeps to the last digit
_INTEGERS, _EXACT = 2**63, 2**53


def misfits(column: pd.Series, type_: str) -> NDArray[np.bool_]:
    """Tell which values of a column cannot be of a type without losing something.

    Parameters
    ----------
    column
        Any column; missing values fit every type.
    type_
        "text", "integer", "real", "boolean", "date" or "json".

    Returns
    -------
    numpy.ndarray
        True where the value does not fit: a number in a text column, a half in an integer column, a time of day in a
        date column, a day of a year before 1 or after 9999, an integer that a real would round, text that is no JSON.
    """
    column = plain(column)
    present = column.notna().to_numpy(dtype=bool)
    if _fits_by_dtype(column, type_):
        return np.zeros(len(column), dtype=bool)
    fits = _FITS[type_]
    return np.array([bool(there) and not fits(value) for value, there in zip(column, present, strict=True)], dtype=bool)


def plain(column: pd.Series) -> pd.Series:
    """Return a column of categories or of Arrow's types as one of plain values, which all rules look at alike.

    Parameters
    ----------
    column
        Any column.

    Returns
    -------
    pandas.Series
        Any other column as it is.
    """
    return column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype | pd.ArrowDtype) else column


def _fits_by_dtype(column: pd.Series, type_: str) -> bool:
    """Tell from the dtype, and one look at the extremes, that every value fits, which spares looking at each."""
    dtype = column.dtype
    if type_ == "text":
        return isinstance(dtype, pd.StringDtype)
    whole = pd.api.types.is_integer_dtype(dtype)
    if type_ == "integer":
        return whole and _within(column, -_INTEGERS, _INTEGERS - 1)
    if type_ == "real":
        return (whole and _within(column, -_EXACT, _EXACT)) or (
            pd.api.types.is_float_dtype(dtype) and not np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).any()
        )
    if type_ == "date":
        naive = isinstance(dtype, np.dtype) and dtype.kind == "M"
        return naive and _all_days(column.to_numpy())
    return type_ == "boolean" and pd.api.types.is_bool_dtype(dtype) and not pd.api.types.is_object_dtype(dtype)


def _within(column: pd.Series, low: int, high: int) -> bool:
    """Tell whether all whole numbers of a column lie between two, both included."""
    there = column.dropna()
    return there.empty or (int(there.min()) >= low and int(there.max()) <= high)


def _all_days(moments: NDArray[np.datetime64]) -> bool:
    """Tell whether all moments are days without a time, in the years that both homes can keep."""
    there = moments[~np.isnat(moments)]
    days = there.astype("datetime64[D]")
    return bool(((days == there) & (days >= _FIRST_DAY) & (days <= _LAST_DAY)).all())


def _is_integer(value: Any) -> bool:
    """Tell whether a value is a whole number that 64 bits hold."""
    if not isinstance(value, Integral):
        return _is_real(value) and float(value).is_integer() and abs(float(value)) < _INTEGERS
    return not isinstance(value, bool) and -_INTEGERS <= int(value) < _INTEGERS


def _is_real(value: Any) -> bool:
    """Tell whether a value is a finite number that 64 bits hold to the last digit."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return False
    try:
        return bool(np.isfinite(float(value))) and (not isinstance(value, Integral) or int(float(value)) == int(value))
    except OverflowError:
        return False


def _is_date(value: Any) -> bool:
    """Tell whether a value is a day: without a time of day and without a time zone, or such a day in ISO words."""
    if isinstance(value, np.datetime64):
        return _all_days(np.array([value]))
    if isinstance(value, datetime):
        # pandas' own datetimes know years that no calendar of ours has
        day = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0) and 1 <= value.year <= 9999
        return value.tzinfo is None and day
    if isinstance(value, str) and _ISO_DATE.fullmatch(value):
        try:
            date.fromisoformat(value)
        except ValueError:
            return False
        return True
    return isinstance(value, date)


def is_json(value: Any) -> bool:
    """Tell whether a value is JSON text.

    Parameters
    ----------
    value
        Any value.

    Returns
    -------
    bool
        False for NaN and Infinity, which are no JSON though some programs write them.
    """
    try:
        json.loads(value, parse_constant=_refuse)
    except (TypeError, ValueError, RecursionError):
        return False
    return isinstance(value, str)


def _refuse(word: str) -> None:
    """Refuse a word that JSON does not have."""
    raise ValueError(word)


_FITS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "integer": _is_integer,
    "real": _is_real,
    "boolean": lambda value: isinstance(value, bool | np.bool_),
    "date": _is_date,
    "json": is_json,
}
