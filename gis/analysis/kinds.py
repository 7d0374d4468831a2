"""Kinds of figures: what may be split with the ground, what is averaged, what stays whole, what is a name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gis.analysis.acceptance import require_columns
from gis.errors import FrameError, UsageError

EXTENSIVE = "extensive"
INTENSIVE = "intensive"
COUNT = "count"
CATEGORY = "category"
KINDS = (EXTENSIVE, INTENSIVE, COUNT, CATEGORY)


def require_kinds(name: str, frame: pd.DataFrame, kinds: Mapping[str, str], *, key: str) -> None:
    """Refuse fields whose values cannot be of the kind that they are said to be.

    Parameters
    ----------
    name
        What the frame is called in the message.
    frame
        Any frame; missing values are of every kind.
    kinds
        Kind by field: "extensive" (a sum over the ground: floor area), "intensive" (a ratio or density: FAR), "count"
        (whole things: households), "category" (a code: land use).
    key
        Column that names the features in the message.

    Raises
    ------
    UsageError
        A kind that does not exist.
    FrameError
        A field that is not there; text or infinite numbers where figures are needed; fractions or negative numbers as a
        count; fractional numbers as a code. The message names field and feature.
    """
    for field, kind in kinds.items():
        if kind not in KINDS:
            raise UsageError(
                f"{field} is said to be {kind!r}; allowed are {', '.join(KINDS)} (leave other fields out)", field=field
            )
    require_columns(name, frame, [key, *kinds])
    for field, kind in kinds.items():
        if kind == CATEGORY:
            _require_codes(name, frame[field])
        else:
            _require_numbers(name, frame, field, kind, key)


def numbers(values: pd.Series) -> pd.Series:
    """Return a field's figures as floats.

    Parameters
    ----------
    values
        Figures that `require_kinds` let through.

    Returns
    -------
    pandas.Series
        float64 on the caller's index; missing values are NaN.
    """
    return values.astype("float64")


def _require_codes(name: str, values: pd.Series) -> None:
    """Refuse a category in fractional numbers: equal codes would not be equal, and leading zeros are gone."""
    found = pd.api.types.infer_dtype(values, skipna=True)
    if values.notna().any() and found in {"floating", "mixed-integer-float", "decimal", "complex"}:
        raise FrameError(
            f"{name}: {values.name} holds fractional numbers ({values.dtype}) and is said to be a category; codes are "
            "text, or it is extensive or intensive",
            field=values.name,
        )


def _require_numbers(name: str, frame: pd.DataFrame, field: str, kind: str, key: str) -> None:
    """Refuse a figure that is no number, or no number of its kind."""
    values = frame[field]
    real = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_complex_dtype(values)
    # a column without values has no type to speak of
    if values.notna().any() and (not real or pd.api.types.is_bool_dtype(values)):
        raise FrameError(
            f"{name}: {field} is {values.dtype} and is said to be {kind}, which needs numbers; a code is a category",
            field=field,
        )
    known = numbers(values).to_numpy()
    wrong = np.isinf(known)
    if kind == COUNT:
        wrong |= (known < 0) | (known != np.floor(known)) & ~np.isnan(known)
    if wrong.any():
        feature, value = frame[key].to_numpy()[wrong][0], known[wrong][0]
        allowed = "whole numbers of 0 or more; a measured figure is extensive" if kind == COUNT else "finite numbers"
        raise FrameError(f"{name} {feature}: {field} is {value}; {kind} means {allowed}", field=field, feature=feature)
