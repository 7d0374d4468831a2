"""Tables of whole numbers for kernels: which place a key has, open addressing in one array."""

from __future__ import annotations

import numpy as np

from gis.geometry.compiled import inlined, kernel


@kernel
def table(wanted):  # type: ignore[no-untyped-def]
    """Return an empty table for so many keys of 0 or more."""
    size = 16
    while size < 2 * wanted:
        size *= 2
    return np.full(size, -1, dtype=np.int64)


@inlined
def place(keys, key):  # type: ignore[no-untyped-def]
    """Return where a key is or would be; `keys` there is the key or -1."""
    mask = len(keys) - 1
    # the golden ratio spreads neighbouring keys (Knuth, The Art of Computer Programming 3, 6.4)
    mixed = key * 11400714819
    at = (mixed ^ (mixed >> 29)) & mask
    while keys[at] != key and keys[at] >= 0:
        at = (at + 1) & mask
    return at


@inlined
def has(keys, key):  # type: ignore[no-untyped-def]
    """Tell whether a table has a key."""
    return keys[place(keys, key)] == key


@kernel
def larger(keys):  # type: ignore[no-untyped-def]
    """Return the table with room for twice as many keys."""
    grown = np.full(2 * len(keys), -1, dtype=np.int64)
    for key in keys:
        if key >= 0:
            grown[place(grown, key)] = key
    return grown


@kernel
def larger_with(keys, values):  # type: ignore[no-untyped-def]
    """Return the table and what stands beside its keys with room for twice as many."""
    grown, beside = np.full(2 * len(keys), -1, dtype=np.int64), np.empty(2 * len(keys), dtype=values.dtype)
    for n in range(len(keys)):
        if keys[n] >= 0:
            at = place(grown, keys[n])
            grown[at], beside[at] = keys[n], values[n]
    return grown, beside
