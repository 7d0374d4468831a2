"""Ties: which features truly meet.

Two features meet if their common ground survives erosion by half the tolerance; so must the ground that features of
three layers and more have in common (`gis.analysis.joint`), and the ground of a feature that a layer leaves open, piece
by piece (`gis.analysis.residuals`). All is decided on the shapes as drawn, before anything
is given away. Area and perimeter decide most of it, by the bound of `gis.geometry.parts.clearly_survives`; what they
leave open is asked of the shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from gis.analysis.groups import Groups, covers
from gis.analysis.joint import joint
from gis.analysis.residuals import residuals
from gis.analysis.wide_sets import WideSets
from gis.analysis.widths import FEATURES, KNOWN, Questions, answered, clear, take
from gis.compiled import Flags, Floats, Ints, Places, kernel
from gis.geometry import keyed
from gis.geometry.faces import Faces
from gis.geometry.tally import longer, longer_rows


@dataclass(frozen=True)
class Ties:
    """Say who meets whom on ground as drawn.

    Parameters
    ----------
    groups
        Who covers ground together.
    together
        Table of the pairs of features i < j that meet, as i × number of features + j.
    joint
        Who meets of three features and more, one a layer.
    beyond
        Whether a feature (row) truly reaches ground that a layer (column) leaves open.
    lost
        Table of (face × layers + layer) × features + feature where that residual piece is too narrow to count.
    slivers
        Whether each face has a cover that holds features that do not meet, or a lost residual.
    """

    groups: Groups
    together: Ints
    joint: WideSets
    beyond: Flags
    lost: Ints
    slivers: Flags


class _Pairs(NamedTuple):
    """Hold the pairs of groups that cover ground together; a group of several features is a pair with itself.

    Parameters
    ----------
    start, member
        Where each group begins in `member`, and its features.
    of
        The pairs of each cover (row), -1 for none.
    first, second
        The groups of each pair, sorted by the first.
    features
        Number of features.
    """

    start: Ints
    member: Places
    of: Places
    first: Places
    second: Places
    features: int


def ties(
    faces: Faces,
    layer_of: Places,
    layers: int,
    tolerance: float,
    wide: Callable[[Questions], Flags],
    run: Callable[[object], Callable],
) -> Ties:
    """Decide who meets whom.

    Parameters
    ----------
    faces
        Faces, their covers and neighbours.
    layer_of
        Position of each feature's layer.
    layers
        Number of layers.
    tolerance
        Width below which common ground is noise of digitising, m.
    wide
        Answers whether a disc as wide as the tolerance fits.
    run
        Says how a kernel is to be run.

    Returns
    -------
    Ties
    """
    radius = tolerance / 2
    disc = np.pi * radius**2
    sure = faces.area_m2 > radius * faces.perimeter_m + disc * faces.holes
    features = len(layer_of)
    groups = covers(faces, layer_of, layers, run)
    of, first, second = run(_group_pairs)(groups.start, groups.of)
    pairs = _Pairs(groups.start, groups.member, of, first, second, features)
    wide_covers = np.zeros(len(of), dtype=bool)
    wide_covers[faces.cover[sure]] = True
    together, left = run(_meeting)(pairs, wide_covers)
    # on a face that is clearly wide all pairs meet
    narrow = np.flatnonzero(~sure)
    asked, known = run(_open)(pairs, left, together, narrow, faces.cover, faces.area_m2, faces.place, faces.box)
    what = np.full((len(asked), 3), -1, dtype=np.int64)
    what[:, FEATURES], what[:, FEATURES + 1] = np.divmod(asked, features)
    together = run(keyed.added)(together, asked[answered(what, known, disc, wide)])
    apart = run(_apart)(pairs, left, together)
    wide_enough = partial(answered, disc=disc, wide=wide)
    all_at_once, torn = joint(faces, groups, features, sure, apart, together, wide_enough, run)
    rest = residuals(faces, groups, features, sure, disc, wide, run)
    slivers = (apart | torn)[faces.cover] | rest.narrow
    return Ties(groups, together, all_at_once, rest.beyond, rest.lost, slivers)


@kernel
def _group_pairs(start: Ints, of: Places) -> tuple[Places, Places, Places]:
    """Give numbers to the pairs of groups that cover ground together; return those of each cover, and their groups."""
    covers, layers = of.shape
    pair = np.full((covers, layers * (layers + 1) // 2), -1, dtype=np.int32)
    first, second, count = np.empty(1024, dtype=np.int32), np.empty(1024, dtype=np.int32), 0
    groups = len(start) - 1
    begin, has = _having(of.ravel(), groups)
    # the group that each was last seen with, and the number of that pair
    beside, number = np.zeros(groups, dtype=np.int32), np.empty(groups, dtype=np.int32)
    for a in range(1, groups):
        for n in range(begin[a], begin[a + 1]):
            cover, one = has[n] // layers, has[n] % layers
            column = one * layers - one * (one - 1) // 2
            for other in range(one, layers):
                b = of[cover, other]
                if b != 0 and (b != a or start[a + 1] - start[a] > 1):
                    if beside[b] != a:
                        if count == len(first):
                            first, second = longer(first, 2 * count), longer(second, 2 * count)
                        beside[b], number[b], first[count], second[count] = a, count, a, b
                        count += 1
                    pair[cover, column] = number[b]
                column += 1
    return pair, first[:count].copy(), second[:count].copy()


@kernel
def _having(values: Places, count: int) -> tuple[Ints, Places]:
    """Return where the positions of each value begin in an order of all, and the order."""
    begin, order = np.zeros(count + 1, dtype=np.int64), np.empty(len(values), dtype=np.int32)
    for value in values:
        begin[value + 1] += 1
    for n in range(count):
        begin[n + 1] += begin[n]
    place = begin[:-1].copy()
    for n in range(len(values)):
        order[place[values[n]]] = n
        place[values[n]] += 1
    return begin, order


@kernel
def _meeting(pairs: _Pairs, wide_covers: Flags) -> tuple[Ints, Flags]:
    """Return the table of features that share a face that is clearly wide, and the pairs of groups left open."""
    start, member, of, first, second, features = pairs
    wide, left = np.zeros(len(first), dtype=np.bool_), np.zeros(len(first), dtype=np.bool_)
    for cover in range(len(of)):
        if wide_covers[cover]:
            for n in of[cover]:
                if n >= 0:
                    wide[n] = True
    groups = len(start) - 1
    begin, _ = _having(first, groups)
    spot, has = _having(member, features)
    group = np.empty(len(member), dtype=np.int32)
    for a in range(groups):
        group[start[a] : start[a + 1]] = a
    found, count = np.empty(1024, dtype=np.int64), 0
    # the last feature that each was seen to meet
    met = np.full(features, -1, dtype=np.int32)
    for i in range(features):
        # what is left open is known when all wide ground of a feature is
        for wanted in (True, False):
            for k in range(spot[i], spot[i + 1]):
                a = group[has[k]]
                for n in range(begin[a], begin[a + 1]):
                    if wide[n] != wanted or left[n]:
                        continue
                    for m in range(has[k] + 1 if second[n] == a else start[second[n]], start[second[n] + 1]):
                        j = member[m]
                        if met[j] == i:
                            continue
                        if not wanted:
                            left[n] = True
                            break
                        if count == len(found):
                            found = longer(found, 2 * count)
                        met[j], found[count] = i, np.int64(i) * features + j
                        count += 1
    return keyed.filled(found[:count]), left


@kernel
def _not_all(pairs: _Pairs, asked: Flags, keys: Ints) -> Flags:
    """Tell which of the pairs of groups asked for hold a pair of features that is not in a table."""
    start, member, _, first, second, features = pairs
    left = np.zeros(len(first), dtype=np.bool_)
    for n in range(len(first)):
        if not asked[n]:
            continue
        a, b = first[n], second[n]
        for i in range(start[a], start[a + 1]):
            for j in range(i + 1 if a == b else start[b], start[b + 1]):
                if not keyed.has(keys, np.int64(member[i]) * features + member[j]):
                    left[n] = True
                    break
            if left[n]:
                break
    return left


@kernel
def _open(
    pairs: _Pairs, left: Flags, keys: Ints, narrow: Ints, cover: Places, area: Floats, place: Floats, box: Floats
) -> tuple[Ints, Floats]:
    """Return the pairs of features left open and what is known of their common ground."""
    start, member, of, first, second, features = pairs
    table = keyed.table(1024)
    values = np.zeros(len(table), dtype=np.int64)
    found, known, count = np.empty(1024, dtype=np.int64), np.empty((1024, KNOWN)), 0
    for face in narrow:
        for column in range(of.shape[1]):
            n = of[cover[face], column]
            if n < 0 or not left[n]:
                continue
            a, b = first[n], second[n]
            for i in range(start[a], start[a + 1]):
                for j in range(i + 1 if a == b else start[b], start[b + 1]):
                    key = np.int64(member[i]) * features + member[j]
                    if keyed.has(keys, key):
                        continue
                    slot = keyed.place(table, key)
                    if table[slot] < 0:
                        if count == len(found):
                            found, known = longer(found, 2 * count), longer_rows(known, 2 * count)
                        table[slot], values[slot], found[count] = key, count, key
                        clear(known, count)
                        count += 1
                        if 2 * count > len(table):
                            table, values = keyed.larger_with(table, values)
                            slot = keyed.place(table, key)
                    take(known, values[slot], face, area, place, box)
    return found[:count].copy(), known[:count].copy()


@kernel
def _apart(pairs: _Pairs, left: Flags, keys: Ints) -> Flags:
    """Tell which covers hold a pair of features that does not meet."""
    of, still = pairs.of, _not_all(pairs, left, keys)
    apart = np.zeros(len(of), dtype=np.bool_)
    for cover in range(len(of)):
        for column in range(of.shape[1]):
            if of[cover, column] >= 0 and still[of[cover, column]]:
                apart[cover] = True
    return apart
