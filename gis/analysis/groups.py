"""Groups: the features of one layer that cover ground together, numbered once wherever they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gis.compiled import Ints, Marks, Places, inlined, kernel, lean
from gis.geometry import keyed
from gis.geometry.faces import Faces
from gis.geometry.room import marks


class Groups(NamedTuple):
    """Hold the features of one layer that cover ground together.

    Parameters
    ----------
    start, member
        Where each group begins in `member`, and its features, sorted. Group 0 is nobody.
    of
        The group of each cover (row) in each layer (column).
    """

    start: Ints
    member: Places
    of: Places


def covers(faces: Faces, layer_of: Places, layers: int, run: Callable[[object], Callable]) -> Groups:
    """Find the groups of features of one layer that cover ground together.

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
    return Groups(*run(_numbered)(faces.cover_start, faces.member, layer_of, layers, marks(len(layer_of))))


@lean
def compared(start: Ints, member: Places, one: int, other: int) -> int:
    """Compare two groups as tuples of features.

    Parameters
    ----------
    start, member
        Where each group begins in `member`, and its features, sorted.
    one, other
        The groups.

    Returns
    -------
    int
        Below 0 if the one comes first, 0 if both have the same features.
    """
    if one == other:
        return 0
    i, j = start[one], start[other]
    while i < start[one + 1] and j < start[other + 1]:
        if member[i] != member[j]:
            return -1 if member[i] < member[j] else 1
        i += 1
        j += 1
    return (start[one + 1] - i) - (start[other + 1] - j)


@kernel
def _numbered(
    cover_start: Ints, member: Places, layer_of: Places, layers: int, mark: Marks
) -> tuple[Ints, Places, Places]:
    """Give groups numbers in the order of the covers; return their starts and features, and those of each cover."""
    covers = len(cover_start) - 1
    of = np.zeros((covers, layers), dtype=np.int32)
    start, members = np.zeros(covers * layers + 2, dtype=np.int64), np.empty(len(member), dtype=np.int32)
    # most groups are one feature, and need no table
    alone = np.zeros(len(layer_of), dtype=np.int32)
    keys = keyed.table(1024)
    values = np.zeros(len(keys), dtype=np.int32)
    count, used, several = 1, 0, 0
    for cover in range(covers):
        at, end = cover_start[cover], cover_start[cover + 1]
        while at < end:
            layer, begin, name = layer_of[member[at]], at, np.uint64(0)
            while at < end and layer_of[member[at]] == layer:
                name = name * np.uint64(3) + mark[member[at]]
                at += 1
            group = alone[member[begin]] if at == begin + 1 else 0
            if at > begin + 1:
                if 4 * several + 4 > len(keys):
                    keys, values = keyed.larger_with(keys, values)
                key = np.int64(name & np.uint64(0x3FFFFFFFFFFFFFFF))
                slot = keyed.place(keys, key)
                # two groups of one name take the next one
                while keys[slot] >= 0 and not _same(start, members, values[slot], member, begin, at):
                    key = (key + 1) & 0x3FFFFFFFFFFFFFFF
                    slot = keyed.place(keys, key)
                if keys[slot] >= 0:
                    group = values[slot]
                else:
                    keys[slot], values[slot] = key, count
                    several += 1
            if group == 0:
                group = count
                if at == begin + 1:
                    alone[member[begin]] = group
                for n in range(begin, at):
                    members[used] = member[n]
                    used += 1
                count += 1
                start[count] = used
            of[cover, layer] = group
    return start[: count + 1].copy(), members[:used].copy(), of


@inlined
def _same(start: Ints, members: Places, group: int, member: Places, begin: int, end: int) -> bool:
    """Tell whether a group has just these members."""
    same = start[group + 1] - start[group] == end - begin
    n = 0
    while same and n < end - begin:
        same = members[start[group] + n] == member[begin + n]
        n += 1
    return same
