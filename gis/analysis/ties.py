"""Ties: which features truly meet.

Two features meet if their common ground survives erosion by half the tolerance; so must the ground of a feature that a
layer leaves open, piece by piece (`gis.analysis.residuals`). Both are decided on the shapes as drawn, before anything
is given away. Area and perimeter decide most of it, by the bound of `gis.geometry.parts.clearly_survives`; what they
leave open is asked of the shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gis.analysis.groups import Groups, covers
from gis.analysis.residuals import residuals
from gis.analysis.widths import KNOWN, LAYER, ONE, OTHER, Questions, answered, clear, take
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
    beyond
        Whether a feature (row) truly reaches ground that a layer (column) leaves open.
    lost
        Table of (face × layers + layer) × features + feature where that residual piece is too narrow to count.
    slivers
        Whether each face has a cover that holds a pair that does not meet, or a lost residual.
    """

    groups: Groups
    together: Ints
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
        The groups of each pair.
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
    together, left = run(_meeting)(pairs, faces.cover, sure)
    asked, known = run(_open)(pairs, left, together, faces.cover, faces.area_m2, faces.place, faces.box)
    what = np.empty((len(asked), 3), dtype=np.int64)
    what[:, ONE], what[:, OTHER] = np.divmod(asked, features)
    what[:, LAYER] = -1
    together = run(keyed.added)(together, asked[answered(what, known, disc, wide)])
    apart = run(_apart)(pairs, left, together)
    rest = residuals(faces, groups, features, sure, disc, wide, run)
    return Ties(groups, together, rest.beyond, rest.lost, apart[faces.cover] | rest.narrow)


@kernel
def _group_pairs(start: Ints, of: Places) -> tuple[Places, Places, Places]:
    """Give numbers to the pairs of groups that cover ground together; return those of each cover, and their groups."""
    covers, layers = of.shape
    pair = np.full((covers, layers * (layers + 1) // 2), -1, dtype=np.int32)
    first, second = np.empty(1024, dtype=np.int32), np.empty(1024, dtype=np.int32)
    groups = len(start) - 1
    keys = keyed.table(1024)
    values = np.zeros(len(keys), dtype=np.int32)
    count = 0
    for cover in range(covers):
        column = -1
        for one in range(layers):
            for other in range(one, layers):
                column += 1
                a, b = of[cover, one], of[cover, other]
                if a == 0 or b == 0 or (one == other and start[a + 1] - start[a] < 2):
                    continue
                if 2 * count >= len(keys) - 2:
                    keys, values = keyed.larger_with(keys, values)
                key = np.int64(a) * groups + b
                slot = keyed.place(keys, key)
                if keys[slot] < 0:
                    if count == len(first):
                        first, second = longer(first, 2 * count), longer(second, 2 * count)
                    keys[slot], values[slot] = key, count
                    first[count], second[count] = a, b
                    count += 1
                pair[cover, column] = values[slot]
    return pair, first[:count].copy(), second[:count].copy()


@kernel
def _meeting(pairs: _Pairs, cover: Places, sure: Flags) -> tuple[Ints, Flags]:
    """Return the table of features that share a face that is clearly wide, and the pairs of groups left open."""
    start, member, of, first, second, features = pairs
    wide = np.zeros(len(first), dtype=np.bool_)
    for face in range(len(cover)):
        if sure[face]:
            for column in range(of.shape[1]):
                if of[cover[face], column] >= 0:
                    wide[of[cover[face], column]] = True
    keys, count = keyed.table(1024), 0
    for n in range(len(first)):
        if wide[n]:
            a, b = first[n], second[n]
            for i in range(start[a], start[a + 1]):
                for j in range(i + 1 if a == b else start[b], start[b + 1]):
                    key = np.int64(member[i]) * features + member[j]
                    slot = keyed.place(keys, key)
                    if keys[slot] < 0:
                        keys[slot] = key
                        count += 1
                        if 2 * count > len(keys):
                            keys = keyed.larger(keys)
    return keys, _not_all(pairs, ~wide, keys)


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
    pairs: _Pairs, left: Flags, keys: Ints, cover: Places, area: Floats, place: Floats, box: Floats
) -> tuple[Ints, Floats]:
    """Return the pairs of features left open and what is known of their common ground."""
    start, member, of, first, second, features = pairs
    table = keyed.table(1024)
    values = np.zeros(len(table), dtype=np.int64)
    found, known, count = np.empty(1024, dtype=np.int64), np.empty((1024, KNOWN)), 0
    for face in range(len(cover)):
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
