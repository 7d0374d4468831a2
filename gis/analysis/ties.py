"""Ties: which features truly meet, and where a feature truly reaches ground that a layer leaves open.

Two features meet if their common ground survives erosion by half the tolerance; so must the ground of a feature that a
layer leaves open, piece by piece. Both are decided on the shapes as drawn, before anything is given away. Area and
perimeter decide most of it (`gis.geometry.parts.clearly_survives`); what they leave open is asked of the shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gis.geometry import keyed
from gis.geometry.compiled import inlined, kernel
from gis.geometry.faces import Faces
from gis.geometry.slabs import mark_of

# question columns: one feature, another (or -1), or a layer that leaves ground open (or -1)
ONE, OTHER, LAYER = range(3)


class Groups(NamedTuple):
    """Hold the features of one layer that cover ground together.

    Parameters
    ----------
    start, member
        Where each group begins in `member`, and its features, sorted. Group 0 is nobody.
    of
        The group of each cover (row) in each layer (column).
    """

    start: NDArray[np.int64]
    member: NDArray[np.int32]
    of: NDArray[np.int32]


@dataclass(frozen=True)
class Questions:
    """Ask whether ground is wide enough for a disc.

    Parameters
    ----------
    what
        Rows of a feature and either another one (their common ground) or a layer (the feature's ground that the layer
        leaves open); -1 for what is not asked.
    place
        A point inside the piece that is asked about, m.
    box
        West, south, east and north of that ground, m.
    """

    what: NDArray[np.int64]
    place: NDArray[np.float64]
    box: NDArray[np.float64]


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
    together: NDArray[np.int64]
    beyond: NDArray[np.bool_]
    lost: NDArray[np.int64]
    slivers: NDArray[np.bool_]


def ties(
    faces: Faces,
    layer_of: NDArray[np.int32],
    layers: int,
    tolerance: float,
    wide: Callable[[Questions], NDArray[np.bool_]],
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
    pair, first, second = run(_group_pairs)(groups.start, groups.of)
    together, open_pair = run(_meeting)(groups.start, groups.member, pair, first, second, faces.cover, sure, features)
    asked, area, place, box = run(_open)(
        groups.start, groups.member, pair, first, second, open_pair, faces.cover, faces.area_m2, faces.place, faces.box,
        together, features,
    )  # fmt: skip
    questions = np.stack([*np.divmod(asked, features), np.full(len(asked), -1)], axis=1)
    passed = _answered(questions, area, place, box, disc, wide)
    together = run(_added)(together, asked[passed])
    apart = run(_apart)(groups.start, groups.member, pair, first, second, open_pair, together, features)
    beyond, lost, lost_face = _residuals(faces, groups, layers, sure, disc, wide, run, features)
    slivers = apart[faces.cover] | lost_face
    return Ties(groups, together, beyond, lost, slivers)


def covers(
    faces: Faces, layer_of: NDArray[np.int32], layers: int, run: Callable[[object], Callable]
) -> Groups:
    """Number the groups of features of one layer that cover ground together.

    Parameters
    ----------
    faces
        Faces and their covers.
    layer_of
        Position of each feature's layer.
    layers
        Number of layers.
    run
        Says how a kernel is to be run.

    Returns
    -------
    Groups
    """
    return Groups(*run(_groups)(faces.cover_start, faces.member, layer_of, layers))


def _answered(
    what: NDArray[np.int64],
    area: NDArray[np.float64],
    place: NDArray[np.float64],
    box: NDArray[np.float64],
    disc: float,
    wide: Callable[[Questions], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Answer questions by area where that is enough, else by shape."""
    passed = area > disc
    side = 2 * np.sqrt(disc / np.pi)
    passed &= (box[:, 2] - box[:, 0] > side) & (box[:, 3] - box[:, 1] > side)
    ask = np.flatnonzero(passed)
    passed[ask] = wide(Questions(what[ask], place[ask], box[ask]))
    return passed


def _residuals(
    faces: Faces,
    groups: Groups,
    layers: int,
    sure: NDArray[np.bool_],
    disc: float,
    wide: Callable[[Questions], NDArray[np.bool_]],
    run: Callable[[object], Callable],
    features: int,
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.bool_]]:
    """Return who reaches beyond which layer, the table of lost residuals, and the faces that have one."""
    ground = (faces.cover, faces.cover_start, faces.member, groups.of)
    node_start, node_feature, key, first = run(_unanchored)(*ground, sure, faces.near_start, faces.near, layers)
    root, anchored = run(_joined)(
        *ground, sure, faces.near_start, faces.near, layers, node_start, node_feature, key, first
    )
    asked, area, place, box, name = run(_pieces)(
        root, anchored, node_start, key, faces.area_m2, faces.place, faces.box, layers
    )
    node_key = np.repeat(key, np.diff(node_start))
    what = np.stack([node_feature[asked], np.full(len(asked), -1), node_key[asked] % layers], axis=1).astype(np.int64)
    # pieces of the same faces are one question: that of the first feature
    code = np.stack([name, what[:, LAYER].astype(np.uint64)], axis=1)
    _, one, inverse = np.unique(code, axis=0, return_index=True, return_inverse=True)
    answer = _answered(what[one], area[one], place[one], box[one], disc, wide)[inverse.ravel()]
    passed = anchored[root]
    failing = np.zeros(len(root), dtype=bool)
    failing[asked] = ~answer
    lost = failing[root] & ~passed
    beyond = run(_beyond)(*ground, sure, layers, features)
    good = ~lost
    beyond[node_feature[good], node_key[good] % layers] = True
    # narrow ground that hangs together with wide ground of the same kind is beyond through it
    table = run(_table_of)(node_key[lost] * features + node_feature[lost])
    lost_face = np.zeros(len(faces), dtype=bool)
    lost_face[node_key[lost] // layers] = True
    return beyond, table, lost_face


@kernel
def _groups(cover_start, member, layer_of, layers):  # type: ignore[no-untyped-def]
    """Number the groups of features of one layer that occur in covers."""
    covers = len(cover_start) - 1
    of = np.zeros((covers, layers), dtype=np.int32)
    start, members = np.zeros(covers * layers + 2, dtype=np.int64), np.empty(len(member), dtype=np.int32)
    keys = keyed.table(1024)
    values = np.zeros(len(keys), dtype=np.int32)
    count, used = 1, 0
    for cover in range(covers):
        at, end = cover_start[cover], cover_start[cover + 1]
        while at < end:
            layer, begin, name = layer_of[member[at]], at, np.uint64(0)
            while at < end and layer_of[member[at]] == layer:
                name = name * np.uint64(3) + mark_of(member[at])
                at += 1
            if 4 * count > len(keys):
                keys, values = keyed.larger_with(keys, values)
            key = np.int64(name & np.uint64(0x3FFFFFFFFFFFFFFF))
            slot = keyed.place(keys, key)
            # two groups of one name take the next one
            while keys[slot] >= 0 and not _same(start, members, values[slot], member, begin, at):
                key = (key + 1) & 0x3FFFFFFFFFFFFFFF
                slot = keyed.place(keys, key)
            if keys[slot] < 0:
                keys[slot], values[slot] = key, count
                for n in range(begin, at):
                    members[used] = member[n]
                    used += 1
                count += 1
                start[count] = used
            of[cover, layer] = values[slot]
    return start[: count + 1].copy(), members[:used].copy(), of


@inlined
def _same(start, members, group, member, begin, end):  # type: ignore[no-untyped-def]
    """Tell whether a group has just these members."""
    same = start[group + 1] - start[group] == end - begin
    n = 0
    while same and n < end - begin:
        same = members[start[group] + n] == member[begin + n]
        n += 1
    return same


@kernel
def _group_pairs(start, of):  # type: ignore[no-untyped-def]
    """Number the pairs of groups that cover ground together; return those of each cover (-1: no pair there)."""
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
                        first, second = _longer(first), _longer(second)
                    keys[slot], values[slot] = key, count
                    first[count], second[count] = a, b
                    count += 1
                pair[cover, column] = values[slot]
    return pair, first[:count].copy(), second[:count].copy()


@kernel
def _longer(array):  # type: ignore[no-untyped-def]
    """Return a copy with room for twice as much."""
    longer = np.empty(2 * len(array), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


@kernel
def _meeting(start, member, pair, first, second, cover, sure, features):  # type: ignore[no-untyped-def]
    """Return the table of features that share a face that is clearly wide, and the pairs of groups left open."""
    wide = np.zeros(len(first), dtype=np.bool_)
    for face in range(len(cover)):
        if sure[face]:
            for column in range(pair.shape[1]):
                if pair[cover[face], column] >= 0:
                    wide[pair[cover[face], column]] = True
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
    left = _not_all(start, member, first, second, ~wide, keys, features)
    return keys, left


@kernel
def _not_all(start, member, first, second, asked, keys, features):  # type: ignore[no-untyped-def]
    """Tell which of the pairs of groups asked for hold a pair of features that is not in a table."""
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
def _open(start, member, pair, first, second, left, cover, area, place, box, keys, features):  # type: ignore[no-untyped-def]
    """Return the pairs of features left open with area, place and box of their common ground."""
    table = keyed.table(1024)
    values = np.zeros(len(table), dtype=np.int64)
    count = 0
    found, total, largest = np.empty(1024, dtype=np.int64), np.zeros(1024), np.zeros(1024)
    at, around = np.zeros((1024, 2)), np.zeros((1024, 4))
    for face in range(len(cover)):
        for column in range(pair.shape[1]):
            n = pair[cover[face], column]
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
                            found, total, largest = _longer(found), _longer(total), _longer(largest)
                            at, around = _longer_rows(at), _longer_rows(around)
                        table[slot], values[slot] = key, count
                        found[count], total[count], largest[count] = key, 0.0, -1.0
                        around[count] = box[face]
                        count += 1
                        if 2 * count > len(table):
                            table, values = keyed.larger_with(table, values)
                            slot = keyed.place(table, key)
                    _take(values[slot], face, area, place, box, total, largest, at, around)
    return found[:count].copy(), total[:count].copy(), at[:count].copy(), around[:count].copy()


@inlined
def _take(n, face, area, place, box, total, largest, at, around):  # type: ignore[no-untyped-def]
    """Add a face to ground number n."""
    total[n] += area[face]
    if area[face] > largest[n]:
        largest[n] = area[face]
        at[n, 0], at[n, 1] = place[face, 0], place[face, 1]
    around[n, 0], around[n, 1] = min(around[n, 0], box[face, 0]), min(around[n, 1], box[face, 1])
    around[n, 2], around[n, 3] = max(around[n, 2], box[face, 2]), max(around[n, 3], box[face, 3])


@kernel
def _longer_rows(array):  # type: ignore[no-untyped-def]
    """Return a copy of rows with room for twice as many."""
    longer = np.empty((2 * len(array), array.shape[1]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer


@kernel
def _added(keys, more):  # type: ignore[no-untyped-def]
    """Return the table with more keys."""
    count = 0
    for key in keys:
        count += key >= 0
    for key in more:
        slot = keyed.place(keys, key)
        if keys[slot] < 0:
            keys[slot] = key
            count += 1
            if 2 * count > len(keys):
                keys = keyed.larger(keys)
    return keys


@kernel
def _apart(start, member, pair, first, second, left, keys, features):  # type: ignore[no-untyped-def]
    """Tell which covers hold a pair of features that does not meet."""
    still = _not_all(start, member, first, second, left, keys, features)
    apart = np.zeros(len(pair), dtype=np.bool_)
    for cover in range(len(pair)):
        for column in range(pair.shape[1]):
            if pair[cover, column] >= 0 and still[pair[cover, column]]:
                apart[cover] = True
    return apart


@kernel
def _unanchored(cover, cover_start, member, of, sure, near_start, near, layers):  # type: ignore[no-untyped-def]
    """Return narrow residual ground that does not touch wide ground of the same kind.

    Returns where each (face, layer) begins among the features, the features, and the keys face × layers + layer; and
    the table of keys with their positions.
    """
    start, feature = np.zeros(1024, dtype=np.int64), np.empty(1024, dtype=np.int32)
    key, count, used = np.empty(1024, dtype=np.int64), 0, 0
    table = keyed.table(1024)
    values = np.zeros(len(table), dtype=np.int64)
    touches = np.empty(1024, dtype=np.bool_)
    for face in range(len(cover)):
        if sure[face]:
            continue
        begin, end = cover_start[cover[face]], cover_start[cover[face] + 1]
        if end - begin > len(touches):
            touches = np.empty(2 * (end - begin), dtype=np.bool_)
        for layer in range(layers):
            if of[cover[face], layer] != 0:
                continue
            left = end - begin
            touches[:left] = False
            for n in range(near_start[face], near_start[face + 1]):
                other = near[n]
                if left and other >= 0 and sure[other] and of[cover[other], layer] == 0:
                    left -= _touched(member, begin, end, cover_start, cover[other], touches)
            if left == 0:
                continue
            while used + left > len(feature):
                feature = _longer(feature)
            if count + 2 > len(start):
                start, key = _longer(start), _longer(key)
            for n in range(begin, end):
                if not touches[n - begin]:
                    feature[used] = member[n]
                    used += 1
            key[count] = np.int64(face) * layers + layer
            if 2 * (count + 1) > len(table):
                table, values = keyed.larger_with(table, values)
            slot = keyed.place(table, key[count])
            table[slot], values[slot] = key[count], count
            count += 1
            start[count] = used
    first = np.stack((table, values))
    return start[: count + 1].copy(), feature[:used].copy(), key[:count].copy(), first


@inlined
def _touched(member, begin, end, cover_start, other, touches):  # type: ignore[no-untyped-def]
    """Note which members of one cover another has too; return how many are new."""
    new, m, last = 0, cover_start[other], cover_start[other + 1]
    n = begin
    while n < end and m < last:
        if member[n] == member[m]:
            if not touches[n - begin]:
                touches[n - begin] = True
                new += 1
            n += 1
            m += 1
        elif member[n] < member[m]:
            n += 1
        else:
            m += 1
    return new


@kernel
def _joined(  # type: ignore[no-untyped-def]
    cover, cover_start, member, of, sure, near_start, near, layers, node_start, node_feature, key, first
):
    """Join residual ground of one feature and layer across faces; tell which of it touches what is anchored."""
    root = np.arange(len(node_feature))
    anchored = np.zeros(len(node_feature), dtype=np.bool_)
    for n in range(len(key)):
        face, layer = key[n] // layers, key[n] % layers
        for k in range(near_start[face], near_start[face + 1]):
            other = near[k]
            if other < 0 or sure[other] or of[cover[other], layer] != 0:
                continue
            slot = keyed.place(first[0], np.int64(other) * layers + layer)
            there = first[1][slot] if first[0][slot] >= 0 else -1
            for node in range(node_start[n], node_start[n + 1]):
                if not _within(member, cover_start, cover[other], node_feature[node]):
                    continue
                found = -1
                if there >= 0:
                    for m in range(node_start[there], node_start[there + 1]):
                        if node_feature[m] == node_feature[node]:
                            found = m
                if found < 0:
                    anchored[node] = True
                else:
                    _unite(root, node, found)
    for node in range(len(root)):
        root[node] = _root(root, node)
    for node in range(len(root)):
        if anchored[node]:
            anchored[root[node]] = True
    return root, anchored


@inlined
def _within(member, cover_start, cover, feature):  # type: ignore[no-untyped-def]
    """Tell whether a cover has a feature."""
    found = False
    for n in range(cover_start[cover], cover_start[cover + 1]):
        if member[n] == feature:
            found = True
    return found


@inlined
def _root(root, n):  # type: ignore[no-untyped-def]
    """Return the first member of a set."""
    while root[n] != n:
        root[n] = root[root[n]]
        n = root[n]
    return n


@inlined
def _unite(root, a, b):  # type: ignore[no-untyped-def]
    """Make one set of two."""
    a, b = _root(root, a), _root(root, b)
    if a < b:
        root[b] = a
    else:
        root[a] = b


@kernel
def _pieces(root, anchored, node_start, key, area, place, box, layers):  # type: ignore[no-untyped-def]
    """Return the pieces of residual ground that touch nothing wide: their roots, measures and names."""
    number = np.full(len(root), -1, dtype=np.int64)
    asked = np.empty(len(root), dtype=np.int64)
    count = 0
    for node in range(len(root)):
        if root[node] == node and not anchored[node]:
            number[node] = count
            asked[count] = node
            count += 1
    total, largest, at = np.zeros(count), np.full(count, -1.0), np.zeros((count, 2))
    around, name = np.empty((count, 4)), np.zeros(count, dtype=np.uint64)
    around[:, :2], around[:, 2:] = np.inf, -np.inf
    for n in range(len(key)):
        face = key[n] // layers
        for node in range(node_start[n], node_start[n + 1]):
            k = number[root[node]]
            if k >= 0:
                _take(k, face, area, place, box, total, largest, at, around)
                name[k] += mark_of(face)
    return asked[:count].copy(), total, at, around, name


@kernel
def _beyond(cover, cover_start, member, of, sure, layers, features):  # type: ignore[no-untyped-def]
    """Tell which features have clearly wide ground that a layer leaves open."""
    beyond = np.zeros((features, layers), dtype=np.bool_)
    seen = np.zeros(len(of), dtype=np.bool_)
    for face in range(len(cover)):
        c = cover[face]
        if not sure[face] or seen[c]:
            continue
        seen[c] = True
        for layer in range(layers):
            if of[c, layer] == 0:
                for n in range(cover_start[c], cover_start[c + 1]):
                    beyond[member[n], layer] = True
    return beyond


@kernel
def _table_of(keys):  # type: ignore[no-untyped-def]
    """Return a table of keys."""
    table = keyed.table(len(keys))
    for key in keys:
        table[keyed.place(table, key)] = key
    return table
