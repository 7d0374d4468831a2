"""Published figures: rounded so that the rows, and the columns of a table, add up to the totals printed with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from gis.errors import UsageError

TOTAL = "合计"
# 0.01 ha
_HECTARE_STEP_M2 = 100.0
# 100.0 % in steps of 0.1 %
_SHARE_STEPS = 1000
# remainders closer to a whole number are the noise of floating point, in steps
_NOISE = 1e-9
# above it neighbouring whole numbers are one float
_LARGEST = 2.0**53
# the solver takes costs below 1e-7 for none: deviations are counted in thousandths of a step, and ties in 1e-5
_COST = 1e3
_TIE = 1e-2


@dataclass(frozen=True)
class Table:
    """Hold a table with its totals as it is printed, and the exact areas under the same labels.

    Parameters
    ----------
    hectares
        公顷 to 0.01 with the totals as last row and last column; every total is the sum of its printed cells.
    area_m2
        The exact m² with their totals.
    partial
        True where a cell is missing and where a total leaves out a missing cell.
    """

    hectares: pd.DataFrame
    area_m2: pd.DataFrame
    partial: pd.DataFrame


def whole(exact: pd.Series, *, by: pd.Series | None = None) -> pd.Series:
    """Round amounts to whole numbers that add up to their rounded total.

    Parameters
    ----------
    exact
        Amounts of any one unit, 0 or more; missing values stay missing.
    by
        What each amount is a part of, one value a row; every group adds up by itself. None means one group.

    Returns
    -------
    pandas.Series
        Int64 on the caller's index; each differs from the exact amount by less than 1, and each group makes its exact
        total rounded half up. An amount of 0 stays 0.

    Raises
    ------
    UsageError
        An amount is negative, infinite, or so large that whole numbers are not told apart (2⁵³).

    Notes
    -----
    Largest remainder (Hare-Niemeyer), the one way in which this package splits what is indivisible; of equal
    remainders the larger amount, then the earlier row, is rounded up.

    Examples
    --------
    >>> whole(pd.Series([1.5, 0.75, 0.75])).tolist()
    [1, 1, 1]
    """
    amounts = _amounts(exact)
    numbers = amounts.to_numpy()
    if (numbers > _LARGEST).any():
        raise UsageError(f"{exact.name or 'amounts'} holds {np.nanmax(numbers)}; whole numbers end at 2**53")
    group = np.zeros(len(numbers), dtype=np.intp) if by is None else pd.factorize(by, use_na_sentinel=False)[0]
    known = np.flatnonzero(~np.isnan(numbers))
    floors = np.floor(numbers)
    remainder = (numbers - floors).round(9)
    # lexsort's last key counts most; the sort is stable, so earlier rows come first among equals
    order = known[np.lexsort((-numbers[known], -remainder[known], group[known]))]
    if len(order):
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        sizes = np.diff([*starts, len(order)])
        parts = numbers[order].tolist()
        totals = [math.floor(math.fsum(parts[a:b]) + 0.5) for a, b in pairwise([*starts.tolist(), len(parts)])]
        up = np.array(totals) - np.add.reduceat(floors[order], starts)
        place = np.arange(len(order)) - np.repeat(starts, sizes)
        floors[order[place < np.repeat(up, sizes)]] += 1
    return pd.Series(floors, index=exact.index, name=exact.name).astype("Int64")


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
    Largest remainder, as in `whole`. The exact m² belong beside the figure, in the table's own column.

    Examples
    --------
    >>> hectares(pd.Series([3333.3, 3333.3, 3333.4])).tolist()
    [0.33, 0.33, 0.34]
    """
    return (whole(_amounts(areas_m2) / _HECTARE_STEP_M2).astype("float64") / 100).round(2)


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
    Largest remainder, as in `whole`.

    Examples
    --------
    >>> shares(pd.Series([1.0, 1.0, 1.0])).tolist()
    [33.4, 33.3, 33.3]
    """
    values = _amounts(amounts)
    total = math.fsum(values.dropna())
    if total == 0:
        return pd.Series(np.nan, index=amounts.index, name=amounts.name, dtype="float64")
    return (whole(values / total * _SHARE_STEPS).astype("float64") / 10).round(1)


def column_shares(amounts: pd.DataFrame) -> pd.DataFrame:
    """Return the shares within each column of a table in per cent to 0.1; every column adds up to 100.0.

    Parameters
    ----------
    amounts
        Exact amounts (m², not rounded hectares) without totals, 0 or more; missing cells stay missing.

    Returns
    -------
    pandas.DataFrame
        Per cent to 0.1 under the caller's labels; a column with nothing to share is all missing.

    Raises
    ------
    UsageError
        An amount is negative or infinite.
    """
    columns = [shares(amounts.iloc[:, position]).to_numpy() for position in range(amounts.shape[1])]
    cells = np.array(columns, dtype=float).T.reshape(amounts.shape)
    return pd.DataFrame(cells, index=amounts.index, columns=amounts.columns)


def table(areas_m2: pd.DataFrame, *, total: str = TOTAL) -> Table:
    """Round a table of areas to 0.01 ha so that rows, columns and totals agree.

    Parameters
    ----------
    areas_m2
        Areas in m² without totals, 0 or more; missing cells stay missing. Row and column labels are unique.
    total
        Label of the row and the column of totals.

    Returns
    -------
    Table
        What is guaranteed: every printed total is the sum of its printed cells, along rows, along columns and for the
        whole; the grand total is the exact one rounded half up; each cell and each row or column total differs from its
        exact value by less than 0.01 ha; zeros and exact hundredths stay as they are.

    Raises
    ------
    UsageError
        An area is negative or infinite, or a label is repeated or the same as `total`.

    Notes
    -----
    Zero-restricted controlled rounding, which always exists for two-way tables. Each figure goes down or up to the next
    0.01 ha; which ones go up is a flow from rows to columns, so that the linear programme has whole numbers at its
    corners. First the row and column totals are chosen with the least summed deviation from their exact values, then
    the cells that make these totals with the least. Ties go to the earlier label in text order, so that the order of
    rows and columns does not matter. Meant for tables that are printed (some thousand cells).

    References
    ----------
    L. H. Cox and L. R. Ernst, "Controlled rounding", INFOR 20 (1982) 423-432.

    Examples
    --------
    >>> printed = table(pd.DataFrame({"居住": [50.0, 50.0], "绿地": [50.0, 50.0]}, index=["B1", "B2"]))
    >>> printed.hectares.to_numpy().tolist()
    [[0.01, 0.0, 0.01], [0.0, 0.01, 0.01], [0.01, 0.01, 0.02]]
    """
    for labels in (areas_m2.index, areas_m2.columns):
        wrong = labels[labels.duplicated() | (labels == total)].tolist()
        if wrong:
            raise UsageError(f"label {wrong[0]!r} is repeated or names the totals; labels are unique", labels=wrong)
    exact = np.column_stack([np.zeros((len(areas_m2), 0)), *(_amounts(column) for _, column in areas_m2.items())])
    missing = np.isnan(exact)
    base, remainder = _split(np.where(missing, 0.0, exact) / _HECTARE_STEP_M2)
    rows = np.argsort(areas_m2.index.map(str).to_numpy(dtype=str), kind="stable")
    columns = np.argsort(areas_m2.columns.map(str).to_numpy(dtype=str), kind="stable")
    base[np.ix_(rows, columns)] += _rounded_up(remainder[np.ix_(rows, columns)])
    index = pd.Index([*areas_m2.index, total], name=areas_m2.index.name)
    header = pd.Index([*areas_m2.columns, total], name=areas_m2.columns.name)
    steps = _with_totals(np.where(missing, np.nan, base))
    return Table(
        hectares=pd.DataFrame((steps / 100).round(2), index=index, columns=header),
        area_m2=pd.DataFrame(_with_totals(exact), index=index, columns=header),
        partial=pd.DataFrame(_with_totals(missing.astype(float)) > 0, index=index, columns=header),
    )


def _with_totals(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Append the totals of the known cells as last column and last row; a total of missing cells only is missing."""
    right = np.array([_sum(row) for row in cells], dtype=float).reshape(-1, 1)
    below = np.array([_sum(column) for column in cells.T] + [_sum(cells.ravel())], dtype=float)
    return np.vstack([np.hstack([cells, right]), below])


def _sum(cells: NDArray[np.float64]) -> float:
    """Add up the known cells exactly."""
    known = cells[~np.isnan(cells)]
    return math.fsum(known) if len(known) or not len(cells) else math.nan


def _split(steps: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take amounts apart into whole steps and a remainder, 0 where it is noise."""
    base = np.floor(steps + _NOISE)
    remainder = (steps - base).round(9)
    return base, np.where(remainder > _NOISE, remainder, 0.0)


def _rounded_up(remainder: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose the cells to round up (1, else 0), first for the totals of rows and columns, then for the cells."""
    up = np.zeros(remainder.shape)
    row, column = np.nonzero(remainder)
    if not len(row):
        return up
    height, width = remainder.shape
    row_base, row_rest = _split(np.array([math.fsum(line) for line in remainder]))
    column_base, column_rest = _split(np.array([math.fsum(line) for line in remainder.T]))
    total = math.floor(math.fsum(remainder.ravel()) + _NOISE + 0.5)
    ones = np.ones(len(row))
    balance = _balance(row, column, height, width)
    wanted = np.concatenate([row_base, column_base, [total]])
    rest = np.concatenate([row_rest, column_rest])
    later = np.concatenate([np.arange(height) / height, np.arange(width) / width])
    costs = np.concatenate([np.zeros(len(row)), _COST * (1 - 2 * rest) + _TIE * later])
    lower, upper = np.zeros(len(costs)), np.concatenate([ones, rest > 0])
    totals = _solved(costs, balance, wanted, lower, upper)[len(row) :]
    lower[len(row) :] = upper[len(row) :] = totals
    # a supermodular tie: of equally good tables the earlier row takes the earlier column
    costs[: len(row)] = _COST * (1 - 2 * remainder[row, column]) - _TIE * row * column / (height * width)
    up[row, column] = _solved(costs, balance, wanted, lower, upper)[: len(row)]
    return up


def _balance(row: NDArray[np.intp], column: NDArray[np.intp], height: int, width: int) -> sparse.csr_array:
    """Return what flows through each row, each column and the whole table.

    One unknown a cell, then one a row and one a column: whether its total is rounded up.
    """
    cells, ends = len(row), height + width
    unknown = np.arange(cells + ends)
    of_cells = np.concatenate([row, height + column, np.full(cells, ends)])
    values = np.concatenate([np.ones(3 * cells), -np.ones(ends)])
    places = np.concatenate([of_cells, np.arange(ends)]), np.concatenate([np.tile(unknown[:cells], 3), unknown[cells:]])
    return sparse.csr_array((values, places), shape=(ends + 1, cells + ends))


def _solved(
    costs: NDArray[np.float64],
    balance: sparse.csr_array,
    wanted: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the cheapest whole-number solution, which is a corner of the flow's polytope."""
    constraint = LinearConstraint(balance, wanted, wanted)
    integral = np.ones(len(costs), dtype=np.int8)
    bounds = Bounds(lower, upper)
    found = milp(costs, integrality=integral, bounds=bounds, constraints=constraint, options={"mip_rel_gap": 0.0})
    if found.x is None:
        raise UsageError(f"the solver rounded no table: {found.message}; hand in a smaller one")
    return np.rint(found.x)


def _amounts(given: pd.Series) -> pd.Series:
    """Return amounts as floats; refuse what cannot be a share of anything."""
    values = given.astype("float64")
    wrong = values[(values < 0) | np.isinf(values)]
    if len(wrong):
        raise UsageError(f"{given.name or 'amounts'} holds {wrong.iloc[0]}; amounts of 0 or more can be published")
    return values
