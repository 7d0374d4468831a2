"""Choices: the ways to take one shape of each layer in a window, by number, and the ground that each of them shares.

The shapes in a window are listed layer by layer. A choice is a number whose digits, one a layer, say which shape of the
layer it takes; that of the first layer counts most, so that numbers in order are choices in order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gis.compiled import Floats, Ints, Places, inlined, kernel, lean
from gis.geometry import tally
from gis.geometry.room import COVERS, THIN, Space
from gis.geometry.windows import Near

# choices up to which each has a place of its own
_PLACES = 1 << 14
# entry of Choices.size
FOUND = 0


class Choices(NamedTuple):
    """Hold the shapes in a window and the choices among them; one a thread, used again for every window.

    Parameters
    ----------
    size
        How many choices share ground.
    begin, listed
        Where each layer's shapes begin in `listed`, and the shapes.
    weight
        What a digit of each layer counts.
    crossing, steady
        Where in `listed` the shapes with an edge in the window are, and those that hold all of it.
    number, area
        Choices that share ground, in order, and how much, m².
    part
        Room for numbers of choices among the first few layers.
    """

    size: Ints
    begin: Ints
    listed: Places
    weight: Ints
    crossing: Places
    steady: Places
    number: Ints
    area: Floats
    part: Ints


@kernel
def choosing(layers: int) -> Choices:
    """Make room for choices.

    Parameters
    ----------
    layers
        How many layers there are to choose from.

    Returns
    -------
    Choices
        Empty.
    """
    return Choices(
        np.zeros(1, dtype=np.int64),
        np.zeros(layers + 1, dtype=np.int64),
        np.empty(64, dtype=np.int32),
        np.empty(layers, dtype=np.int64),
        np.empty(64, dtype=np.int32),
        np.empty(64, dtype=np.int32),
        np.empty(256, dtype=np.int64),
        np.empty(256),
        np.empty(256, dtype=np.int64),
    )


@lean
def listed(choices: Choices, near: Near, crossing: int, covering: int, layer_of: Places) -> None:
    """List the shapes in a window.

    Parameters
    ----------
    choices
        Takes them; there is room for one more.
    near
        The shapes, both kinds sorted; those of a layer follow each other.
    crossing, covering
        How many have an edge in the window, and how many hold all of it.
    layer_of
        The layer of each shape.
    """
    begin, shapes, ours, steady, weight = (
        choices.begin, choices.listed, choices.crossing, choices.steady, choices.weight
    )  # fmt: skip
    some, all_of = near.crossing, near.covering
    layers = len(weight)
    i, j, layer = 0, 0, 0
    begin[0] = 0
    for n in range(crossing + covering):
        if j == covering or (i < crossing and some[i] < all_of[j]):
            one = some[i]
            ours[i] = n
            i += 1
        else:
            one = all_of[j]
            steady[j] = n
            j += 1
        shapes[n] = one
        while layer < layer_of[one]:
            layer += 1
            begin[layer] = n
    # one that belongs to no layer, so that a search ends there
    steady[covering] = crossing + covering
    for rest in range(layer + 1, layers + 1):
        begin[rest] = crossing + covering
    weight[layers - 1] = 1
    for rest in range(layers - 2, -1, -1):
        weight[rest] = weight[rest + 1] * (begin[rest + 2] - begin[rest + 1])
    choices.size[FOUND] = 0


@inlined
def ways(choices: Choices) -> int:
    """Return how many choices there are, less than 0 for more than can be counted.

    Parameters
    ----------
    choices
        With the shapes listed.

    Returns
    -------
    int
    """
    begin, total, possible = choices.begin, 1, 1.0
    for layer in range(len(begin) - 1):
        total *= begin[layer + 1] - begin[layer]
        possible *= begin[layer + 1] - begin[layer]
    return total if possible < 2.0**62 else -1


@lean
def whole(choices: Choices, area_m2: float) -> int:
    """Give every choice the same ground: no shape has an edge in the window.

    Parameters
    ----------
    choices
        With the shapes listed.
    area_m2
        Of the window's owner.

    Returns
    -------
    int
        0, or for how many choices there must be room.
    """
    found = ways(choices)
    if found > len(choices.number):
        return found
    number, area = choices.number, choices.area
    for n in range(found):
        number[n], area[n] = n, area_m2
    choices.size[FOUND] = found
    return 0


@lean
def measured(choices: Choices, room: Space) -> int:
    """Add the ground of the sets of shapes up to that of the choices they allow.

    Parameters
    ----------
    choices
        With the shapes listed.
    room
        A window that was swept; the owner is local shape 0, those with an edge in it follow in order.

    Returns
    -------
    int
        0, or for how many choices there must be room.
    """
    possible = ways(choices)
    # few choices have a place each; of many only those that occur are written down, and sorted
    dense = 0 <= possible <= _PLACES
    if dense and possible > len(choices.number):
        return possible
    number, area, part = choices.number, choices.area, choices.part
    begin, weight, crossing, steady = choices.begin, choices.weight, choices.crossing, choices.steady
    if dense:
        area[:possible] = 0.0
    used, start, member, ground, lost = 0, room.cover, room.member, room.area, room.lost
    for n in range(room.size[COVERS]):
        first, end = start[n], start[n + 1]
        parts, m2 = _allowed(begin, weight, crossing, steady, part, member, first + 1, end), ground[n] + lost[n]
        if parts > len(part) or (not dense and used + parts > len(number)):
            return max(used + parts, len(number) + 1)
        if dense:
            for k in range(parts):
                area[part[k]] += m2
        else:
            for k in range(parts):
                number[used], area[used] = part[k], m2
                used += 1
    if not dense:
        _summed(choices, used)
        return 0
    found = 0
    for n in range(possible):
        if area[n] > 0.0:
            number[found], area[found] = n, area[n]
            found += 1
    choices.size[FOUND] = found
    return 0


@inlined
def _allowed(
    begin: Ints, weight: Ints, crossing: Places, steady: Places, part: Ints, member: Places, m: int, end: int
) -> int:
    """Write down the choices among the shapes that hold the window and those of a set; return how many there are."""
    count, s, room = 1, 0, len(part)
    part[0] = 0
    for layer in range(len(weight)):
        m0, s0, last, base, unit = m, s, begin[layer + 1], begin[layer], weight[layer]
        while m < end and crossing[member[m] - 1] < last:
            m += 1
        while steady[s] < last:
            s += 1
        digits = m - m0 + s - s0
        if count * digits <= room:
            # from the last one on, so that none is written over before it has been read
            for p in range(count - 1, -1, -1):
                before, at = part[p], p * digits
                for k in range(m0, m):
                    part[at] = before + (crossing[member[k] - 1] - base) * unit
                    at += 1
                for k in range(s0, s):
                    part[at] = before + (steady[k] - base) * unit
                    at += 1
        count *= digits
    return count


@kernel
def _summed(choices: Choices, used: int) -> None:
    """Sort choices by number and add up those of one."""
    number, area, count = choices.number, choices.area, 0
    order = np.argsort(number[:used], kind="mergesort")
    sorted_number, sorted_area = number[:used][order], area[:used][order]
    for n in range(used):
        if count == 0 or number[count - 1] != sorted_number[n]:
            number[count], area[count] = sorted_number[n], 0.0
            count += 1
        area[count - 1] += sorted_area[n]
    choices.size[FOUND] = count


@kernel
def wider(choices: Choices, shapes: int, numbers: int) -> Choices:
    """Return a copy with more room.

    Parameters
    ----------
    choices
        What is too small.
    shapes, numbers
        For how many shapes, and how many choices.

    Returns
    -------
    Choices
    """
    return Choices(
        choices.size,
        choices.begin,
        tally.longer(choices.listed, shapes),
        choices.weight,
        tally.longer(choices.crossing, shapes),
        tally.longer(choices.steady, shapes),
        tally.longer(choices.number, numbers),
        tally.longer(choices.area, numbers),
        tally.longer(choices.part, numbers),
    )


@lean
def write(choices: Choices, boxes: Floats, own: int, dust: float, rows: Places, area: Floats, used: int) -> int:
    """Write the choices down that share ground.

    Parameters
    ----------
    choices
        With the ground of each.
    boxes
        West, south, east and north of every shape, m.
    own
        Owner of the window.
    dust
        What is no ground for it, m².
    rows, area
        Take the owner with the shapes, and m²; there is room enough.
    used
        How many rows there are.

    Returns
    -------
    int
        How many rows there are then.
    """
    begin, shapes, weight, number, m2 = (
        choices.begin, choices.listed, choices.weight, choices.number, choices.area
    )  # fmt: skip
    last = len(weight) - 1
    base, beyond, told = 0, -1, used
    for n in range(choices.size[FOUND]):
        if number[n] >= beyond:
            # the digits of all layers but the last stay until that has run through
            left = number[n]
            for layer in range(last):
                digit = left // weight[layer]
                rows[used, layer + 1] = shapes[begin[layer] + digit]
                left -= digit * weight[layer]
            base, told = number[n] - left, used
            beyond = base + begin[last + 1] - begin[last]
        else:
            for layer in range(last):
                rows[used, layer + 1] = rows[told, layer + 1]
        rows[used, 0], rows[used, last + 1] = own, shapes[begin[last] + number[n] - base]
        # what is dust for a large owner may be ground for a small shape
        if m2[n] > dust or m2[n] > _least(boxes, rows, used, dust):
            area[used] = m2[n]
            used += 1
    return used


@inlined
def _least(boxes: Floats, rows: Places, at: int, dust: float) -> float:
    """Return the area that counts as ground for the smallest shape of a row."""
    for k in range(1, rows.shape[1]):
        one = rows[at, k]
        dust = min(dust, THIN * (boxes[one, 2] - boxes[one, 0] + boxes[one, 3] - boxes[one, 1]))
    return dust
