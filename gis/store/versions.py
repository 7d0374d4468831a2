"""Versions: the number that a row is read with, which no other state, feature or store has.

A version joins the number of the state in history to a mark of the change set that made it. The mark comes from the
moment of the change set, to the microsecond, so that a version of another store, or of a copy that has gone its own
way, is known for what it is. It stays below 2⁵³: tables that keep it as a real lose nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from gis.store.home import CHANGES, Home
from gis.store.records import Row

_STATES = 10**9
_MARKS = 10**6


def marks(home: Home) -> dict[int, int]:
    """Return the mark of every change set.

    Parameters
    ----------
    home
        The store's home.

    Returns
    -------
    dict
        Mark by number of the change set.
    """
    found = home.run(f"SELECT number, at, author, operation FROM {home.table(CHANGES)}")
    return {row[0]: 1 + zlib.crc32("|".join(map(str, row)).encode()) % (_MARKS - 1) for row in found}


def of(state: int | None, change: int | None, known: Mapping[int, int]) -> int:
    """Return the version of one state.

    Parameters
    ----------
    state
        Its number in history, None for a row that history does not know.
    change
        The change set that made it.
    known
        As `marks` returns them.

    Returns
    -------
    int
        0 for a row that history does not know.
    """
    return 0 if state is None or change is None else known.get(change, 0) * _STATES + state


def listed(home: Home, found: Sequence[Row]) -> list[int]:
    """Return the versions of rows that end with their state and change set.

    Parameters
    ----------
    home
        The store's home.
    found
        Rows as `gis.store.reading` returns them.

    Returns
    -------
    list of int
    """
    known = marks(home)
    return [of(row[-2], row[-1], known) for row in found]


def state(version: int) -> int:
    """Return the number in history of the state that a version names.

    Parameters
    ----------
    version
        As `read` hands it out, or any number that somebody took for one.

    Returns
    -------
    int
    """
    return version % _STATES
