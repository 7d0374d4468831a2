"""Tables of whole numbers for kernels: which place a key has, open addressing in one array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.compiled import Ints, inlined, kernel

Values = NDArray[np.integer[Any]]


@kernel
def table(wanted: int) -> Ints:
    """Return an empty table.

    Parameters
    ----------
    wanted
        How many keys it will have; it stays half empty.

    Returns
    -------
    numpy.ndarray
        -1 everywhere; as long as a power of two.
    """
    size = 16
    while size < 2 * wanted:
        size *= 2
    return np.full(size, -1, dtype=np.int64)


@kernel
def filled(more: Ints) -> Ints:
    """Return a table of keys.

    Parameters
    ----------
    more
        Keys of 0 or more; one that comes twice is in the table once.

    Returns
    -------
    numpy.ndarray
        The table.
    """
    return added(table(len(more)), more)


@inlined
def place(keys: Ints, key: int) -> int:
    """Return where a key is or would be.

    Parameters
    ----------
    keys
        The table.
    key
        A number of 0 or more.

    Returns
    -------
    int
        A position at which the table has the key or -1.
    """
    mask = len(keys) - 1
    # the golden ratio spreads neighbouring keys (Knuth, The Art of Computer Programming 3, 6.4)
    mixed = key * 11400714819
    at = (mixed ^ (mixed >> 29)) & mask
    while keys[at] != key and keys[at] >= 0:
        at = (at + 1) & mask
    return at


@inlined
def has(keys: Ints, key: int) -> bool:
    """Tell whether a table has a key.

    Parameters
    ----------
    keys
        The table.
    key
        A number of 0 or more.

    Returns
    -------
    bool
        True for a key that was added.
    """
    return keys[place(keys, key)] == key


@kernel
def added(keys: Ints, more: Ints) -> Ints:
    """Add keys to a table.

    Parameters
    ----------
    keys
        The table; it is written to.
    more
        Keys of 0 or more.

    Returns
    -------
    numpy.ndarray
        The same table, or a larger one.
    """
    count = 0
    for key in keys:
        count += key >= 0
    for key in more:
        at = place(keys, key)
        if keys[at] < 0:
            keys[at] = key
            count += 1
            if 2 * count > len(keys):
                keys = larger(keys)
    return keys


@kernel
def larger(keys: Ints) -> Ints:
    """Make room for twice as many keys.

    Parameters
    ----------
    keys
        The table.

    Returns
    -------
    numpy.ndarray
        Another table with the same keys.
    """
    grown = np.full(2 * len(keys), -1, dtype=np.int64)
    for key in keys:
        if key >= 0:
            grown[place(grown, key)] = key
    return grown


@kernel
def larger_with(keys: Ints, values: Values) -> tuple[Ints, Values]:
    """Make room for twice as many keys and what stands beside them.

    Parameters
    ----------
    keys
        The table.
    values
        A number at the position of each key.

    Returns
    -------
    tuple of numpy.ndarray
        Another table with the same keys, and their values.
    """
    grown, beside = np.full(2 * len(keys), -1, dtype=np.int64), np.empty(2 * len(keys), dtype=values.dtype)
    for n in range(len(keys)):
        if keys[n] >= 0:
            at = place(grown, keys[n])
            grown[at], beside[at] = keys[n], values[n]
    return grown, beside
