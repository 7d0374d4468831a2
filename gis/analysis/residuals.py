"""Residuals: where a feature truly reaches ground that a layer leaves open.

The ground of a feature that a layer leaves open counts piece by piece: a piece is faces that touch. A piece with a face
that is clearly wide is wide; any other is measured, and asked of the shapes if it must be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gis.analysis.groups import Groups
from gis.analysis.widths import FEATURES, KNOWN, LAYER, Questions, answered, clear, take
from gis.compiled import Flags, Floats, Ints, Marks, Places, inlined, kernel
from gis.geometry import keyed
from gis.geometry.faces import Faces
from gis.geometry.room import mark_of
from gis.geometry.tally import longer
from gis.geometry.tiles import find, unite


class Residuals(NamedTuple):
    """Say who reaches beyond which layer.

    Parameters
    ----------
    beyond
        Whether a feature (row) truly reaches ground that a layer (column) leaves open.
    lost
        Table of (face × layers + layer) × features + feature where that piece is too narrow to count.
    narrow
        Whether each face is in a piece that is lost.
    """

    beyond: Flags
    lost: Ints
    narrow: Flags


class _Ground(NamedTuple):
    """Hold the faces as kernels take them.

    Parameters
    ----------
    cover, cover_start, member
        The cover of each face, where each cover begins in `member`, and its features, sorted.
    of
        The group of each cover (row) in each layer (column), 0 where the layer leaves it open.
    sure
        Whether each face is clearly wide.
    near_start, near
        Where the neighbours of each face begin in `near`, and the neighbours, -1 for the ground outside.
    """

    cover: Places
    cover_start: Ints
    member: Places
    of: Places
    sure: Flags
    near_start: Ints
    near: Places


class _Nodes(NamedTuple):
    """Hold narrow ground that a layer leaves open, a node for each feature of each face.

    Parameters
    ----------
    start, feature
        Where each face and layer begins in `feature`, and the feature of each node.
    key
        Each face and layer as face × layers + layer.
    table, position
        Table of the keys, and where in `key` each is.
    """

    start: Ints
    feature: Places
    key: Ints
    table: Ints
    position: Ints


def residuals(
    faces: Faces,
    groups: Groups,
    features: int,
    sure: Flags,
    disc: float,
    wide: Callable[[Questions], Flags],
    run: Callable[[object], Callable],
) -> Residuals:
    """Decide who reaches beyond which layer.

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
    disc
        Area of the disc that fits where ground is wide, m².
    wide
        Answers whether it fits.
    run
        Says how a kernel is to be run.

    Returns
    -------
    Residuals
    """
    layers = groups.of.shape[1]
    ground = _Ground(faces.cover, faces.cover_start, faces.member, groups.of, sure, faces.near_start, faces.near)
    nodes = run(_unanchored)(ground)
    root, anchored = run(_joined)(ground, nodes)
    asked, known, name = run(_pieces)(root, anchored, nodes, layers, faces.area_m2, faces.place, faces.box)
    key = np.repeat(nodes.key, np.diff(nodes.start))
    face, layer = np.divmod(key, layers)
    what = np.empty((len(asked), 2), dtype=np.int64)
    what[:, LAYER], what[:, FEATURES] = layer[asked], nodes.feature[asked]
    # pieces of the same faces are one question: that of the first feature
    code = np.stack([name, what[:, LAYER].astype(np.uint64)], axis=1)
    _, one, inverse = np.unique(code, axis=0, return_index=True, return_inverse=True)
    failing = np.zeros(len(root), dtype=bool)
    failing[asked] = ~answered(what[one], known[one], disc, wide)[inverse.ravel()]
    lost = failing[root] & ~anchored[root]
    beyond = run(_clearly_beyond)(ground, features)
    # narrow ground that hangs together with wide ground of the same kind is beyond through it
    beyond[nodes.feature[~lost], layer[~lost]] = True
    narrow = np.zeros(len(faces), dtype=bool)
    narrow[face[lost]] = True
    return Residuals(beyond, run(keyed.filled)(key[lost] * features + nodes.feature[lost]), narrow)


@kernel
def _unanchored(ground: _Ground) -> _Nodes:
    """Return the narrow ground that a layer leaves open and that does not touch wide ground of the same kind."""
    cover, cover_start, member, of, sure, near_start, near = ground
    layers = of.shape[1]
    start, feature = np.zeros(1024, dtype=np.int64), np.empty(1024, dtype=np.int32)
    key, count, used = np.empty(1024, dtype=np.int64), 0, 0
    table = keyed.table(1024)
    position = np.zeros(len(table), dtype=np.int64)
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
            if used + left > len(feature):
                feature = longer(feature, 2 * (used + left))
            if count + 2 > len(start):
                start, key = longer(start, 2 * count), longer(key, 2 * count)
            for n in range(begin, end):
                if not touches[n - begin]:
                    feature[used] = member[n]
                    used += 1
            key[count] = np.int64(face) * layers + layer
            if 2 * (count + 1) > len(table):
                table, position = keyed.larger_with(table, position)
            slot = keyed.place(table, key[count])
            table[slot], position[slot] = key[count], count
            count += 1
            start[count] = used
    return _Nodes(start[: count + 1].copy(), feature[:used].copy(), key[:count].copy(), table, position)


@inlined
def _touched(member: Places, begin: int, end: int, cover_start: Ints, other: int, touches: Flags) -> int:
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
def _joined(ground: _Ground, nodes: _Nodes) -> tuple[Ints, Flags]:
    """Join nodes of one feature and layer across faces; tell which pieces touch what is anchored."""
    cover, cover_start, member, of, sure, near_start, near = ground
    start, feature, key, table, position = nodes
    layers = of.shape[1]
    root = np.arange(len(feature))
    anchored = np.zeros(len(feature), dtype=np.bool_)
    for n in range(len(key)):
        face, layer = key[n] // layers, key[n] % layers
        for k in range(near_start[face], near_start[face + 1]):
            other = near[k]
            if other < 0 or sure[other] or of[cover[other], layer] != 0:
                continue
            slot = keyed.place(table, np.int64(other) * layers + layer)
            there = position[slot] if table[slot] >= 0 else -1
            for node in range(start[n], start[n + 1]):
                if not _within(member, cover_start, cover[other], feature[node]):
                    continue
                found = -1
                if there >= 0:
                    for m in range(start[there], start[there + 1]):
                        if feature[m] == feature[node]:
                            found = m
                if found < 0:
                    anchored[node] = True
                else:
                    unite(root, node, found)
    for node in range(len(root)):
        root[node] = find(root, node)
    for node in range(len(root)):
        if anchored[node]:
            anchored[root[node]] = True
    return root, anchored


@inlined
def _within(member: Places, cover_start: Ints, cover: int, feature: int) -> bool:
    """Tell whether a cover has a feature."""
    found = False
    for n in range(cover_start[cover], cover_start[cover + 1]):
        if member[n] == feature:
            found = True
    return found


@kernel
def _pieces(
    root: Ints, anchored: Flags, nodes: _Nodes, layers: int, area: Floats, place: Floats, box: Floats
) -> tuple[Ints, Floats, Marks]:
    """Return the pieces that touch nothing wide: their roots, what is known of them, and a name for their faces."""
    start, key = nodes.start, nodes.key
    number = np.full(len(root), -1, dtype=np.int64)
    asked, count = np.empty(len(root), dtype=np.int64), 0
    for node in range(len(root)):
        if root[node] == node and not anchored[node]:
            number[node], asked[count] = count, node
            count += 1
    known, name = np.empty((count, KNOWN)), np.zeros(count, dtype=np.uint64)
    for n in range(count):
        clear(known, n)
    for n in range(len(key)):
        face = key[n] // layers
        for node in range(start[n], start[n + 1]):
            k = number[root[node]]
            if k >= 0:
                take(known, k, face, area, place, box)
                name[k] += mark_of(face)
    return asked[:count].copy(), known, name


@kernel
def _clearly_beyond(ground: _Ground, features: int) -> Flags:
    """Tell which features have clearly wide ground that a layer leaves open."""
    cover, cover_start, member, of, sure = ground.cover, ground.cover_start, ground.member, ground.of, ground.sure
    layers = of.shape[1]
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
