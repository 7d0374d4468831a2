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

# pairs are the business of `gis.analysis.ties`
LEAST = 3
_NAME = 0x3FFFFFFFFFFFFFFF


class WideSets(NamedTuple):
    """Say which features meet all at once.

    Parameters
    ----------
    start, wide
        Where each feature begins in `wide`, and the sets with it that share wide ground.
    set_start, member
        Where each set begins in `member`, and its features, sorted.
    narrow
        Table of the names of tuples that were asked about and do not meet; there is no set to look for.
    last
        The set that held the last tuple that meets, -1 for none: it often holds the next one too.
    chosen
        Room for a feature of each layer.
    """

    start: Ints
    wide: Places
    set_start: Ints
    member: Places
    narrow: Ints
    last: Places
    chosen: Places


def indexed(
    chosen: Flags,
    set_start: Ints,
    member: Places,
    narrow: Ints,
    features: int,
    layers: int,
    run: Callable[[object], Callable],
) -> WideSets:
    """Find sets by their features.

    Parameters
    ----------
    chosen
        Which of the sets are meant.
    set_start, member
        Where each set begins in `member`, and its features, sorted.
    narrow
        Table of the names of tuples that do not meet.
    features, layers
        How many there are.
    run
        Says how a kernel is to be run.

    Returns
    -------
    WideSets
    """
    start, having = run(_with_each)(chosen, set_start, member, features)
    return WideSets(
        start, having, set_start, member, narrow, np.full(1, -1, dtype=np.int32), np.empty(layers, dtype=np.int32)
    )


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
    if known.last[0] >= 0 and holds(known, known.last[0], count):
        return True
    if keyed.has(known.narrow, name_of(known.chosen, count)):
        return False
    rarest = rarest_of(known, count)
    for n in range(known.start[rarest], known.start[rarest + 1]):
        if holds(known, known.wide[n], count):
            known.last[0] = known.wide[n]
            return True
    return False


@inlined
def rarest_of(known: WideSets, count: int) -> int:
    """Return which of the features chosen is in the fewest sets.

    Parameters
    ----------
    known
        The sets; the features are in `chosen`.
    count
        How many there are.

    Returns
    -------
    int
        A feature.
    """
    start, chosen = known.start, known.chosen
    rarest = chosen[0]
    for n in range(1, count):
        if start[chosen[n] + 1] - start[chosen[n]] < start[rarest + 1] - start[rarest]:
            rarest = chosen[n]
    return rarest


@inlined
def holds(known: WideSets, one: int, count: int) -> bool:
    """Tell whether a set holds all the features chosen; those of the last layers, which vary most, come first.

    Parameters
    ----------
    known
        The sets; the features are in `chosen`, sorted.
    one
        The set.
    count
        How many features there are.

    Returns
    -------
    bool
    """
    begin, member, chosen = known.set_start[one], known.member, known.chosen
    n, k = known.set_start[one + 1] - 1, count - 1
    while k >= 0 and n >= begin and member[n] >= chosen[k]:
        k -= member[n] == chosen[k]
        n -= 1
    return k < 0


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
