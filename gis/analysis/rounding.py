"""Published figures: rounded so that the rows add up to the total that is printed below them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from gis.errors import UsageError

# 0.01 ha
_HECTARE_STEP_M2 = 100.0
# 100.0 % in steps of 0.1 %
_SHARE_STEPS = 1000


def hectares(areas_m2: pd.Series) -> pd.Series:
    """Round areas to 0.01 ha so that they add up to their rounded total.

    Parameters
    ----------
    areas_m2
        Areas in m², 0 or more; missing values stay missing.

    Returns
    -------
    pandas.Series
        公顷 to 0.01 on the caller's index; each differs from the exact value by less than 0.01, and together they make
        the exact total rounded half up. An area of 0 stays 0.

    Raises
    ------
    UsageError
        An area is negative or infinite.

    Notes
    -----
    Largest remainder (Hare-Niemeyer); of equal remainders the larger area, then the earlier row, is rounded up. The
    exact m² belong beside the figure, in the table's own column.

    Examples
    --------
    >>> hectares(pd.Series([3333.3, 3333.3, 3333.4])).tolist()
    [0.33, 0.33, 0.34]
    """
    values = _amounts(areas_m2)
    steps = values / _HECTARE_STEP_M2
    total = math.floor(math.fsum(steps.dropna()) + 0.5)
    return (_apportioned(steps, total) / 100).round(2)


def shares(amounts: pd.Series) -> pd.Series:
    """Return shares in per cent to 0.1 that add up to 100.0.

    Parameters
    ----------
    amounts
        Amounts of any one unit, 0 or more; missing values stay missing.

    Returns
    -------
    pandas.Series
        Per cent to 0.1 on the caller's index, adding up to 100.0; all missing where there is nothing to share.

    Raises
    ------
    UsageError
        An amount is negative or infinite.

    Notes
    -----
    Largest remainder, as in `hectares`.

    Examples
    --------
    >>> shares(pd.Series([1.0, 1.0, 1.0])).tolist()
    [33.4, 33.3, 33.3]
    """
    values = _amounts(amounts)
    total = math.fsum(values.dropna())
    if total == 0:
        return pd.Series(np.nan, index=amounts.index, name=amounts.name, dtype="float64")
    return (_apportioned(values / total * _SHARE_STEPS, _SHARE_STEPS) / 10).round(1)


def _amounts(given: pd.Series) -> pd.Series:
    """Return amounts as floats; refuse what cannot be a share of anything."""
    values = given.astype("float64")
    wrong = values[(values < 0) | np.isinf(values)]
    if len(wrong):
        raise UsageError(f"{given.name or 'amounts'} holds {wrong.iloc[0]}; amounts of 0 or more can be published")
    return values


def _apportioned(steps: pd.Series, total: int) -> pd.Series:
    """Round to whole steps that add up to `total`, the largest remainders up."""
    exact = steps.to_numpy()
    known = np.flatnonzero(~np.isnan(exact))
    whole = np.floor(exact)
    remainder = exact[known] - whole[known]
    # lexsort's last key counts most; the sort is stable, so earlier rows come first among equals
    order = known[np.lexsort((-exact[known], -remainder.round(9)))]
    whole[order[: total - int(whole[known].sum())]] += 1
    return pd.Series(whole, index=steps.index, name=steps.name)
