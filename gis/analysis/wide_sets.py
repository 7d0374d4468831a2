"""Wide sets: features that are known to share wide ground, all of them at once, and who is in one of them together.

Invariant: features chosen, one of each of three layers and more, meet if and only if one set holds them all. Guarded by
`tests/unit/analysis/test_joint.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gis.compiled import Flags, Ints, Places, inlined, kernel, lean
from gis.geometry import keyed
from gis.geometry.room import mark_of

# pairs are the business of `gis.analysis.pairs`
LEAST = 3
_NAME = 0x3FFFFFFFFFFFFFFF


class Sets(NamedTuple):
    """Hold sets of features, to be found by any of theirs.

    Parameters
    ----------
    start, having
        Where each feature begins in `having`, and the sets with it, by number.
    set_start, member
        Where each set begins in `member`, and its features, sorted.
    """

    start: Ints
    having: Places
    set_start: Ints
    member: Places


class WideSets(NamedTuple):
    """Say which features meet all at once.

    Parameters
    ----------
    covers
        The covers that are clearly wide somewhere.
    found
        What ground that was asked about and is wide has in common; their numbers go on behind those of all covers.
    narrow
        Table of the names of tuples that were asked about and do not meet; there is no set to look for.
    last
        The clearly wide cover that held the last tuple that meets, -1 for none: it often holds the next one too.
    chosen
        Room for a feature of each layer.
    """

    covers: Sets
    found: Sets
    narrow: Ints
    last: Places
    chosen: Places


def indexed(
    set_start: Ints, member: Places, features: int, run: Callable[[object], Callable], chosen: Flags | None = None
) -> Sets:
    """Find sets by their features.

    Parameters
    ----------
    set_start, member
        Where each set begins in `member`, and its features, sorted.
    features
        How many there are.
    run
        Says how a kernel is to be run.
    chosen
        Which of the sets are meant; all of them if not said.

    Returns
    -------
    Sets
    """
    these = np.ones(len(set_start) - 1, dtype=np.bool_) if chosen is None else chosen
    start, having = run(_with_each)(these, set_start, member, features)
    return Sets(start, having, set_start, member)


@lean
def meet(known: WideSets, count: int) -> bool:
    """Tell whether the features chosen meet all at once.

    Parameters
    ----------
    known
        Who meets; the features are in `chosen`, sorted.
    count
        How many there are, of as many layers.

    Returns
    -------
    bool
        True for fewer than three.
    """
    if count < LEAST:
        return True
    chosen, last = known.chosen, known.last
    if last[0] >= 0 and holds(known.covers, last[0], chosen, count):
        return True
    if keyed.has(known.narrow, name_of(chosen, count)):
        return False
    one = _holder(known.covers, chosen, count)
    if one >= 0:
        last[0] = one
    return one >= 0 or _holder(known.found, chosen, count) >= 0


@lean
def _holder(sets: Sets, chosen: Places, count: int) -> int:
    """Return the first set that holds all the features chosen, -1 for none."""
    rarest = rarest_of(sets, chosen, count)
    for n in range(sets.start[rarest], sets.start[rarest + 1]):
        if holds(sets, sets.having[n], chosen, count):
            return sets.having[n]
    return -1


@inlined
def rarest_of(sets: Sets, chosen: Places, count: int) -> int:
    """Return which of the features chosen is in the fewest sets.

    Parameters
    ----------
    sets
        The sets.
    chosen, count
        The features, and how many of them count.

    Returns
    -------
    int
        A feature.
    """
    start = sets.start
    rarest = chosen[0]
    for n in range(1, count):
        if start[chosen[n] + 1] - start[chosen[n]] < start[rarest + 1] - start[rarest]:
            rarest = chosen[n]
    return rarest


@inlined
def holds(sets: Sets, one: int, chosen: Places, count: int) -> bool:
    """Tell whether a set holds all the features chosen.

    Parameters
    ----------
    sets
        The sets.
    one
        The set.
    chosen, count
        The features, sorted, and how many of them count.

    Returns
    -------
    bool
    """
    n, end, member = sets.set_start[one], sets.set_start[one + 1], sets.member
    k = 0
    while k < count and n < end and member[n] <= chosen[k]:
        k += member[n] == chosen[k]
        n += 1
    return k == count


@kernel
def _with_each(chosen: Flags, set_start: Ints, member: Places, features: int) -> tuple[Ints, Places]:
    """Return which of the sets chosen hold each feature."""
    start = np.zeros(features + 1, dtype=np.int64)
    for one in range(len(chosen)):
        if chosen[one]:
            for n in range(set_start[one], set_start[one + 1]):
                start[member[n] + 1] += 1
    for n in range(features):
        start[n + 1] += start[n]
    place, having = start[:-1].copy(), np.empty(start[-1], dtype=np.int32)
    for one in range(len(chosen)):
        if chosen[one]:
            for n in range(set_start[one], set_start[one + 1]):
                having[place[member[n]]] = one
                place[member[n]] += 1
    return start, having


@inlined
def name_of(numbers: Places, count: int) -> np.int64:
    """Return the name of some numbers, in any order.

    Parameters
    ----------
    numbers
        Each of 0 or more.
    count
        How many of them count.

    Returns
    -------
    numpy.int64
        0 or more: 62 bits, so that two tuples of a large city share one by a chance of 1e-6 at most.
    """
    name = np.uint64(0)
    for n in range(count):
        name += mark_of(numbers[n])
    return np.int64(name & np.uint64(_NAME))
