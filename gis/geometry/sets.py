"""Sets of shapes in a window, each by the exclusive or of its shapes' marks, numbered as they are met."""

from __future__ import annotations

import numpy as np

from gis.compiled import Flags, Marks, Places, inlined
from gis.geometry.room import OWNER, Space


@inlined
def corner(mark: Marks, inside: Flags, shapes: int) -> np.uint64:
    """Return the name of the set that holds a window's south-west corner.

    Parameters
    ----------
    mark
        A number for each local shape.
    inside
        Which of them hold the corner.
    shapes
        How many there are.

    Returns
    -------
    numpy.uint64
    """
    name = np.uint64(0)
    for n in range(shapes):
        if inside[n]:
            name ^= mark[n]
    return name


@inlined
def find(slot: Places, known: Marks, covers: int, name: np.uint64) -> int:
    """Return the number of a set; the next one if it has not been met yet, which it then has.

    Parameters
    ----------
    slot
        Sets by the low bits of their names, at most half full.
    known
        Their names by number, with room for one more.
    covers
        How many have been met.
    name
        The set's.

    Returns
    -------
    int
    """
    mask = len(slot) - 1
    at = np.int64(name & np.uint64(mask))
    while slot[at] >= 0 and known[slot[at]] != name:
        at = (at + 1) & mask
    if slot[at] < 0:
        slot[at], known[covers] = covers, name
    return slot[at]


@inlined
def turn(tie: Places, line: Places, count: int, inside: Flags) -> None:
    """Turn the shapes of the first lines from the south on or off.

    Parameters
    ----------
    tie
        What pieces of edges belong to.
    line
        A piece of each line, from south to north.
    count
        How many lines.
    inside
        Which local shapes are on.
    """
    for n in range(count):
        one = tie[line[n], OWNER]
        inside[one] = not inside[one]


@inlined
def listed(inside: Flags, shapes: int, member: Places, members: int) -> int:
    """Write down the shapes that are on; return how many members there are then.

    Parameters
    ----------
    inside
        Which local shapes are on.
    shapes
        How many there are.
    member
        Takes them.
    members
        How many it has.

    Returns
    -------
    int
    """
    for n in range(shapes):
        if inside[n]:
            member[members] = n
            members += 1
    return members


@inlined
def number(
    room: Space, name: np.uint64, lines: int, shapes: int, known: tuple[int, int]
) -> tuple[int, int, int]:
    """Return the number of the set above the first lines from the south, and write its members down if it is new.

    Parameters
    ----------
    room
        With the lines, and who holds the ground along the south side.
    name
        The set's.
    lines
        How many lines are below it.
    shapes
        Number of local shapes.
    known
        How many sets have been met, and how many members they have in all.

    Returns
    -------
    tuple
        The number, -1 where the room is too small, and what is known then.
    """
    covers, members = known
    if covers + 2 > len(room.cover_mark) or 2 * covers > len(room.slot) or members + shapes > len(room.member):
        return -1, covers, members
    found = find(room.slot, room.cover_mark, covers, name)
    if found == covers:
        turn(room.tie, room.active, lines, room.inside)
        members, covers = listed(room.inside, shapes, room.member, members), covers + 1
        turn(room.tie, room.active, lines, room.inside)
        room.area[found], room.lost[found], room.cover[covers] = 0.0, 0.0, members
    return found, covers, members


@inlined
def forget(slot: Places, known: Marks, covers: int) -> None:
    """Forget the sets of the last window.

    Parameters
    ----------
    slot, known
        As in `find`.
    covers
        How many were met.
    """
    mask = len(slot) - 1
    for n in range(covers):
        # a chain of slots that met is emptied from the front
        at = np.int64(known[n] & np.uint64(mask))
        while slot[at] >= 0:
            slot[at] = -1
            at = (at + 1) & mask
