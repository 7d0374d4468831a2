"""Short lists sorted in place, without an array being made: by insertion, and only long ones by more than that."""

from __future__ import annotations

import numpy as np

from gis.compiled import Floats, Places, inlined, kernel

# lists longer than this are sorted by more than insertion
_SHORT = 48


@inlined
def alone(values: Places, count: int) -> None:
    """Sort the first few entries.

    Parameters
    ----------
    values
        What is sorted.
    count
        How many of them.
    """
    if count > _SHORT:
        _many(values, count)
    else:
        for n in range(1, count):
            one, k = values[n], n - 1
            while k >= 0 and values[k] > one:
                values[k + 1] = values[k]
                k -= 1
            values[k + 1] = one


@inlined
def together(at: Floats | Places, other: Places, count: int) -> None:
    """Sort the first few entries, and those of another list with them; equal ones keep their order.

    Parameters
    ----------
    at
        What is sorted.
    other
        Moved alike.
    count
        How many entries.
    """
    if count > _SHORT:
        _many_together(at, other, count)
    else:
        for n in range(1, count):
            one, with_it, k = at[n], other[n], n - 1
            while k >= 0 and at[k] > one:
                at[k + 1], other[k + 1] = at[k], other[k]
                k -= 1
            at[k + 1], other[k + 1] = one, with_it


@kernel
def _many(values: Places, count: int) -> None:
    """Sort the first entries of a long list."""
    values[:count] = np.sort(values[:count])


@kernel
def _many_together(at: Floats | Places, other: Places, count: int) -> None:
    """Sort the first entries of a long list, and those of another one with them."""
    order = np.argsort(at[:count], kind="mergesort")
    at[:count], other[:count] = at[:count][order], other[:count][order]
