"""Joint ground: which features of three layers and more truly meet, all of them at once.

Pairs that meet elsewhere do not make a tuple: block and unit, unit and project, block and project may each share wide
ground, and all three no more than a strip. Invariant: a tuple, one feature a layer, meets if and only if the ground
that all its features have in common is wide: a cover that is clearly wide somewhere holds them all, or it was asked.
Guarded by `tests/unit/analysis/test_joint.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gis.analysis.groups import Groups
from gis.analysis.widths import FEATURES, KNOWN, Questions, answered, clear, take
from gis.compiled import Flags, Floats, Ints, Places, inlined, kernel, lean
from gis.geometry import keyed
from gis.geometry.faces import Faces
from gis.geometry.room import mark_of
from gis.geometry.tally import longer, longer_rows

# pairs are the business of `gis.analysis.ties`
_LEAST = 3
_NAME = 0x3FFFFFFFFFFFFFFF


class Joint(NamedTuple):
    """Say which features meet all at once.

    Parameters
    ----------
    start, wide
        Where each feature begins in `wide`, and the covers with it that have a face that is clearly wide.
    cover_start, member
        Where each cover begins in `member`, and its features, sorted.
    asked
        Table of the keys of other tuples that meet (`key`).
    chosen
        Room for a feature of each layer.
    """

    start: Ints
    wide: Places
    cover_start: Ints
    member: Places
    asked: Ints
    chosen: Places


class _Covers(NamedTuple):
    """Hold covers as kernels take them.

    Parameters
    ----------
    start, member
        Where each group begins in `member`, and its features.
    of
        The group of each cover (row) in each layer (column), 0 for nobody.
    """

    start: Ints
    member: Places
    of: Places


def joint(
    faces: Faces,
    groups: Groups,
    features: int,
    sure: Flags,
    apart: Flags,
    disc: float,
    wide: Callable[[Questions], Flags],
    run: Callable[[object], Callable],
) -> tuple[Joint, Flags]:
    """Decide which features of three layers and more meet.

    Parameters
    ----------
    faces
        Faces, their covers and neighbours.
    groups
        Who covers ground together.
    features
        Number of features.
    sure
        Whether each face is clearly wide.
    apart
        Whether each cover holds a pair that does not meet.
    disc
        Area of the disc that fits where ground is wide, m².
    wide
        Answers whether it fits.
    run
        Says how a kernel is to be run.

    Returns
    -------
    tuple
        Who meets, and whether each cover holds a tuple that does not.
    """
    layers, nobody = groups.of.shape[1], run(keyed.table)(1)
    clearly = np.zeros(len(groups.of), dtype=np.bool_)
    if layers >= _LEAST and not sure.all():
        clearly[faces.cover[sure]] = True
    start, having = run(_having)(clearly, faces.cover_start, faces.member, features)
    known = Joint(start, having, faces.cover_start, faces.member, nobody, np.empty(layers, dtype=np.int32))
    covers, torn = _Covers(groups.start, groups.member, groups.of), np.zeros(len(groups.of), dtype=np.bool_)

    def asked(narrow: Ints, parts: bool) -> tuple[Ints, Flags]:
        what, measures, keys, doubted = run(_asked)(
            covers, known, narrow, parts, faces.cover, faces.area_m2, faces.place, faces.box
        )
        return keys[answered(what, measures, disc, wide)], doubted

    # what a pair keeps apart, or a wide face joins, need not be asked
    open_ = np.flatnonzero(~(sure | clearly[faces.cover] | apart[faces.cover]))
    if layers >= _LEAST and len(open_):
        yes, doubted = asked(open_, False)
        known = known._replace(asked=run(keyed.filled)(yes))
        torn = run(_torn)(covers, known, doubted)
        # those who can't stay together may yet do so without one of them
        left = open_[torn[faces.cover[open_]]]
        if layers > _LEAST and len(left):
            known = known._replace(asked=run(keyed.added)(known.asked, asked(left, True)[0]))
    return known, torn


@lean
def meet(known: Joint, count: int) -> bool:
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
    if count < _LEAST:
        return True
    start, wide, chosen = known.start, known.wide, known.chosen
    rarest = chosen[0]
    for n in range(1, count):
        if start[chosen[n] + 1] - start[chosen[n]] < start[rarest + 1] - start[rarest]:
            rarest = chosen[n]
    for n in range(start[rarest], start[rarest + 1]):
        if _held(known, wide[n], count):
            return True
    return keyed.has(known.asked, key(known, count))


@inlined
def _held(known: Joint, cover: int, count: int) -> bool:
    """Tell whether a cover holds all the features chosen; those of the last layers, which vary most, come first."""
    begin, member, chosen = known.cover_start[cover], known.member, known.chosen
    n, k = known.cover_start[cover + 1] - 1, count - 1
    while k >= 0 and n >= begin and member[n] >= chosen[k]:
        k -= member[n] == chosen[k]
        n -= 1
    return k < 0


@inlined
def key(known: Joint, count: int) -> np.int64:
    """Return the key of the features chosen, in any order.

    Parameters
    ----------
    known
        The features are in `chosen`.
    count
        How many there are.

    Returns
    -------
    numpy.int64
        0 or more: 62 bits, so that two tuples of a large city share one by a chance of 1e-6 at most.
    """
    name = np.uint64(0)
    for n in range(count):
        name += mark_of(known.chosen[n])
    return np.int64(name & np.uint64(_NAME))


@kernel
def _having(clearly: Flags, cover_start: Ints, member: Places, features: int) -> tuple[Ints, Places]:
    """Return which of some covers hold each feature."""
    start = np.zeros(features + 1, dtype=np.int64)
    for cover in range(len(clearly)):
        if clearly[cover]:
            for n in range(cover_start[cover], cover_start[cover + 1]):
                start[member[n] + 1] += 1
    for n in range(features):
        start[n + 1] += start[n]
    place, having = start[:-1].copy(), np.empty(start[-1], dtype=np.int32)
    for cover in range(len(clearly)):
        if clearly[cover]:
            for n in range(cover_start[cover], cover_start[cover + 1]):
                having[place[member[n]]] = cover
                place[member[n]] += 1
    return start, having


@inlined
def _choices(covers: _Covers, cover: int, parts: bool) -> int:
    """Return in how many ways one feature of each layer of a cover can be taken, or of some of its layers."""
    count = 1
    for layer in range(covers.of.shape[1]):
        group = covers.of[cover, layer]
        if group != 0:
            count *= covers.start[group + 1] - covers.start[group] + parts
    return count


@inlined
def _choose(covers: _Covers, cover: int, choice: int, parts: bool, chosen: Places) -> tuple[int, int]:
    """Write down the features of a choice; return how many there are, and of how many layers they could be."""
    left, count, layers = choice, 0, 0
    for layer in range(covers.of.shape[1]):
        group = covers.of[cover, layer]
        if group != 0:
            size = covers.start[group + 1] - covers.start[group]
            digit = left % (size + parts)
            left //= size + parts
            layers += 1
            if digit < size:
                chosen[count] = covers.member[covers.start[group] + digit]
                count += 1
    return count, layers


@kernel
def _asked(
    covers: _Covers,
    known: Joint,
    narrow: Ints,
    parts: bool,
    cover: Places,
    area: Floats,
    place: Floats,
    box: Floats,
) -> tuple[Ints, Floats, Ints, Flags]:
    """Return the tuples left open as questions, what is known of their common ground, their keys, and their covers."""
    layers = covers.of.shape[1]
    table = keyed.table(1024)
    values = np.zeros(len(table), dtype=np.int64)
    what, measures = np.full((1024, layers + FEATURES), -1, dtype=np.int64), np.empty((1024, KNOWN))
    keys, count = np.empty(1024, dtype=np.int64), 0
    # what is known of a cover need not be found again for its next face
    settled, doubted = np.zeros(len(covers.of), dtype=np.bool_), np.zeros(len(covers.of), dtype=np.bool_)
    for face in narrow:
        if settled[cover[face]]:
            continue
        settled[cover[face]] = True
        for choice in range(_choices(covers, cover[face], parts)):
            size, whole = _choose(covers, cover[face], choice, parts, known.chosen)
            if size < _LEAST or (parts and size == whole) or meet(known, size):
                continue
            settled[cover[face]], doubted[cover[face]] = False, True
            name = key(known, size)
            slot = keyed.place(table, name)
            if table[slot] < 0:
                if count == len(keys):
                    what, measures = longer_rows(what, 2 * count), longer_rows(measures, 2 * count)
                    keys = longer(keys, 2 * count)
                table[slot], values[slot], keys[count] = name, count, name
                what[count] = -1
                what[count, FEATURES : FEATURES + size] = known.chosen[:size]
                clear(measures, count)
                count += 1
                if 2 * count > len(table):
                    table, values = keyed.larger_with(table, values)
                    slot = keyed.place(table, name)
            take(measures, values[slot], face, area, place, box)
    return what[:count].copy(), measures[:count].copy(), keys[:count].copy(), doubted


@kernel
def _torn(covers: _Covers, known: Joint, asked: Flags) -> Flags:
    """Tell which of the covers asked for hold a tuple that does not meet."""
    torn = np.zeros(len(covers.of), dtype=np.bool_)
    for cover in range(len(asked)):
        for choice in range(_choices(covers, cover, False) if asked[cover] else 0):
            size, _ = _choose(covers, cover, choice, False, known.chosen)
            if not meet(known, size):
                torn[cover] = True
                break
    return torn
