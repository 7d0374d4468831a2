"""Pairs: which two features truly meet.

Invariant: two features meet if and only if a cover that is clearly wide holds both, or all the strips that hold both
make up ground that is wide. Feature by feature: first everything that shares wide ground with it, then what is left
open in its strips. A group that was seen beside a feature is not looked at again, which spares most of the work.
Guarded by `tests/unit/analysis/test_pairs.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gis.analysis.groups import Groups
from gis.analysis.strips import Strips
from gis.analysis.wide_sets import Sets, indexed
from gis.analysis.widths import FEATURES, KNOWN, clear, take
from gis.compiled import Flags, Floats, Ints, Places, inlined, kernel
from gis.geometry import keyed
from gis.geometry.tally import longer, longer_rows


class _Pairs(NamedTuple):
    """Hold pairs of features i < j as i × number of features + j.

    Parameters
    ----------
    wide
        Those that share a face that is clearly wide.
    narrow, known
        Those that share strips only, and what is known of their common ground, as `take` wrote it down.
    cover, pair
        Each strip with each such pair that it holds: the cover, and the position in `narrow`.
    """

    wide: Ints
    narrow: Ints
    known: Floats
    cover: Ints
    pair: Ints


def pairs(
    groups: Groups,
    wide: Sets,
    strips: Strips,
    layer_of: Places,
    asked: Callable[[Ints, Floats], Flags],
    run: Callable[[object], Callable],
) -> tuple[Ints, Flags]:
    """Decide which two features meet.

    Parameters
    ----------
    groups
        Who covers ground together.
    wide, strips
        The covers that are clearly wide somewhere, and the others.
    layer_of
        Position of each feature's layer.
    asked
        Answers whether ground is wide, from who is asked about and what is known of the ground.
    run
        Says how a kernel is to be run.

    Returns
    -------
    tuple
        Table of the pairs of features i < j that meet, as i × number of features + j, and whether each cover holds a
        pair that does not.
    """
    on_wide = np.zeros(len(groups.start) - 1, dtype=np.bool_)
    on_wide[groups.of[np.diff(strips.face_start) == 0]] = True
    alike = indexed(groups.start, groups.member, len(layer_of), run, on_wide)
    found = run(_shared)(groups, alike, wide, strips, layer_of)
    what = np.full((len(found.narrow), 3), -1, dtype=np.int64)
    what[:, FEATURES], what[:, FEATURES + 1] = np.divmod(found.narrow, len(layer_of))
    yes = asked(what, found.known)
    apart = np.zeros(len(groups.of), dtype=np.bool_)
    apart[found.cover[~yes[found.pair]]] = True
    return run(keyed.filled)(np.concatenate([found.wide, found.narrow[yes]])), apart


@kernel
def _shared(groups: Groups, alike: Sets, wide: Sets, strips: Strips, layer_of: Places) -> _Pairs:
    """Return the pairs that share wide ground, and those that share strips only with what is known of them.

    Of a feature's own layer all groups that are on wide ground are known (`alike`); of later layers they are looked up
    cover by cover.
    """
    start, member, of = groups
    features, layers = len(layer_of), of.shape[1]
    pair, pairs = np.empty(1024, dtype=np.int64), 0
    narrow, known, count = np.empty(1024, dtype=np.int64), np.empty((1024, KNOWN)), 0
    in_cover, in_pair, places = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64), 0
    # the last feature that each feature was seen to meet, that each group was seen to meet whole, and that each feature
    # was asked about with, and the number of that pair
    met, seen = np.full(features, -1, dtype=np.int32), np.full(len(start), -1, dtype=np.int32)
    beside, number = np.full(features, -1, dtype=np.int32), np.empty(features, dtype=np.int64)
    for i in range(features):
        own = layer_of[i]
        for at in range(alike.start[i], alike.start[i + 1]):
            pair = _with_room(pair, pairs, groups, alike.having[at])
            pairs = _met(groups, alike.having[at], i, features, met, seen, pair, pairs)
        for at in range(wide.start[i], wide.start[i + 1] if own + 1 < layers else wide.start[i]):
            for layer in range(own + 1, layers):
                group = of[wide.having[at], layer]
                if seen[group] != i:
                    pair = _with_room(pair, pairs, groups, group)
                    pairs = _met(groups, group, i, features, met, seen, pair, pairs)
        for at in range(strips.covers.start[i], strips.covers.start[i + 1]):
            cover = strips.covers.having[at]
            for layer in range(own, layers):
                group = of[cover, layer]
                if seen[group] == i:
                    continue
                seen[group] = i
                for m in range(start[group], start[group + 1]):
                    j = member[m]
                    if j <= i or met[j] == i:
                        continue
                    # to be looked at in its other strips too
                    seen[group] = -1
                    if beside[j] != i:
                        if count == len(narrow):
                            narrow, known = longer(narrow, 2 * count), longer_rows(known, 2 * count)
                        beside[j], number[j], narrow[count] = i, count, np.int64(i) * features + j
                        clear(known, count)
                        count += 1
                    for k in range(strips.face_start[cover], strips.face_start[cover + 1]):
                        take(known, number[j], strips.face[k], strips.area, strips.place, strips.box)
                    if places == len(in_cover):
                        in_cover, in_pair = longer(in_cover, 2 * places), longer(in_pair, 2 * places)
                    in_cover[places], in_pair[places] = cover, number[j]
                    places += 1
    of_strips = narrow[:count].copy(), known[:count].copy()
    return _Pairs(pair[:pairs].copy(), *of_strips, in_cover[:places].copy(), in_pair[:places].copy())


@inlined
def _with_room(pair: Ints, pairs: int, groups: Groups, group: int) -> Ints:
    """Return room for the pairs of a feature with a group."""
    wanted = pairs + groups.start[group + 1] - groups.start[group]
    return pair if wanted <= len(pair) else longer(pair, 2 * wanted)


@inlined
def _met(groups: Groups, group: int, i: int, features: int, met: Places, seen: Places, pair: Ints, pairs: int) -> int:
    """Write down the pairs of a feature with the later ones of a group; return how many pairs there are."""
    count = pairs
    seen[group] = i
    for m in range(groups.start[group], groups.start[group + 1]):
        j = groups.member[m]
        if j > i and met[j] != i:
            met[j], pair[count] = i, np.int64(i) * features + j
            count += 1
    return count
