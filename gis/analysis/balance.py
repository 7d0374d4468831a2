"""The account of the ground: cells, meetings, and for every feature what it owned, gave and received."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from gis.analysis.ground import Ground
from gis.analysis.groups import Groups, compared
from gis.analysis.keys import columns, named
from gis.analysis.settlement import Settlement
from gis.compiled import Floats, Ints, Places, inlined, kernel
from gis.geometry.coverage import DUST_M2
from gis.geometry.faces import gathered
from gis.geometry.parts import Shapes

# (face, layer, giver, receiver)
Transfer = tuple[int, int, int | None, int | None]


@dataclass(frozen=True)
class Account:
    """Hold the ground after the slivers are settled: which faces each cover has.

    Parameters
    ----------
    ground
        The ground as drawn.
    settlement
        What changed.
    start, member
        Where each group of features begins in `member`, and its features; groups sorted by their features, group 0 is
        nobody.
    before, now
        The group of each face (row) in each layer (column), as drawn and after settling.
    cover
        The groups of each cover that has ground, sorted.
    cell
        The cover of each face, -1 where nobody covers it any more.
    area_m2
        Area of each cover, m².
    """

    ground: Ground
    settlement: Settlement
    start: Ints
    member: Places
    before: Places
    now: Places
    cover: Places
    cell: Ints
    area_m2: Floats

    @cached_property
    def ground_m2(self) -> Floats:
        """Ground of each feature after settling, m²."""
        features = len(self.ground.layer_of)
        run = self.ground.run
        return np.asarray(run(_by_feature)(self.start, self.member, self.cover, self.area_m2, features))

    @cached_property
    def transfers(self) -> list[Transfer]:
        """Each change of hands: face, layer, giver and receiver, None for nobody."""
        rows: list[Transfer] = []
        for face, layer in zip(*np.nonzero(self.before != self.now), strict=True):
            old, new = self._members(self.before[face, layer]), self._members(self.now[face, layer])
            gone, come = sorted(old - new), sorted(new - old)
            rows += [(int(face), int(layer), giver, receiver) for giver, receiver in zip_longest(gone, come)]
        return rows

    def _members(self, group: int) -> set[int]:
        """Return the features of a group."""
        return set(self.member[self.start[group] : self.start[group + 1]].tolist())


def account(ground: Ground, settlement: Settlement) -> Account:
    """Gather the faces of each cover.

    Parameters
    ----------
    ground
        The ground as drawn.
    settlement
        Which faces have a new cover.

    Returns
    -------
    Account
    """
    rank, start, member = _ranked(settlement.groups, ground.run)
    before = rank[settlement.groups.of[ground.faces.cover]]
    now = rank[settlement.now]
    cover, cell = _distinct_rows(now)
    # ground that a feature gave to nobody is no longer anyone's
    if len(cover) and not cover[0].any():
        cover, cell = cover[1:], cell - 1
    held = cell >= 0
    area = sums(cell[held], ground.faces.area_m2[held], len(cover), ground)
    return Account(ground, settlement, start, member, before, now, cover, cell, area)


def sums(code: Ints, values: Floats, count: int, ground: Ground) -> Floats:
    """Add values up by code without losing digits.

    Parameters
    ----------
    code
        Which sum each value belongs to, from 0.
    values
        What is added, in the order given.
    count
        Number of sums.
    ground
        Says how a kernel is to be run.

    Returns
    -------
    numpy.ndarray
        One sum a code.

    Notes
    -----
    Compensated summation (Neumaier 1974): as good as `math.fsum` to the last bit or two, and as fast as a plain sum.
    """
    return np.asarray(ground.run(_by_code)(code, values, count))


def cells(of: Account) -> pd.DataFrame:
    """Tabulate the partition of the ground.

    Parameters
    ----------
    of
        The account.

    Returns
    -------
    pandas.DataFrame
        For each layer `<layer>_id` (missing where the layer has none or several there) and `<layer>_ids` (sorted
        tuple of all), then area_m2; one row a cover, sorted; RangeIndex.
    """
    size = np.diff(of.start)
    single = np.full(len(size), -1, dtype=np.int64)
    single[size == 1] = of.member[of.start[:-1][size == 1]]
    names = np.empty(len(size), dtype=object)
    flat, starts = of.ground.names[of.member].tolist(), of.start.tolist()
    names[:] = [tuple(flat[a:b]) for a, b in pairwise(starts)]
    table: dict[str, pd.Series] = {}
    for position, layer in enumerate(of.ground.layers):
        groups = of.cover[:, position]
        table[f"{layer}_id"] = named(of.ground.keys, single[groups])
        table[f"{layer}_ids"] = pd.Series(names[groups], dtype=object)
    return pd.DataFrame(table | {"area_m2": pd.Series(of.area_m2, dtype="float64")})


def facets(of: Account) -> Shapes:
    """Return the geometry of each cell in the layers' own coordinates.

    Parameters
    ----------
    of
        The account.

    Returns
    -------
    numpy.ndarray
        A polygon or multipolygon for each row of `cells`.
    """
    return of.ground.united(of.cell, len(of.cover))


def meetings(of: Account, layers: tuple[str, ...]) -> pd.DataFrame:
    """Tabulate the tuples of features, one of each layer named, that share ground.

    Parameters
    ----------
    of
        The account.
    layers
        Two or more of its layers, or one.

    Returns
    -------
    pandas.DataFrame
        `<layer>_id` for each layer, area_m2, and `<layer>_share` (of the feature's ground after settling, 0 to 1);
        sorted by the keys; RangeIndex. Where a layer overlaps itself the same ground is in several rows.
    """
    positions = np.array([of.ground.layers.index(layer) for layer in layers])
    members, area = _tuples(of, of.cover[:, positions], of.area_m2)
    names = columns([of.ground.keys] * len(layers), members)
    table = {f"{layer}_id": name for layer, name in zip(layers, names, strict=True)}
    table["area_m2"] = pd.Series(area, dtype="float64")
    for n, layer in enumerate(layers):
        table[f"{layer}_share"] = pd.Series(area / of.ground_m2[members[:, n]], dtype="float64")
    return pd.DataFrame(table)


def residual(of: Account, layer: str, outside: tuple[str, ...]) -> pd.DataFrame:
    """Tabulate the ground of one layer's features that lies in no feature of other layers.

    Parameters
    ----------
    of
        The account.
    layer
        Whose ground.
    outside
        Layers that leave it open, all of them.

    Returns
    -------
    pandas.DataFrame
        `<layer>_id`, area_m2, `<layer>_share` (0 to 1) for the features that have such ground; sorted; RangeIndex.
    """
    position = of.ground.layers.index(layer)
    open_layers = [of.ground.layers.index(name) for name in outside]
    bare = (of.cover[:, open_layers] == 0).all(axis=1)
    members, area = _tuples(of, of.cover[bare][:, [position]], of.area_m2[bare])
    return pd.DataFrame(
        {
            f"{layer}_id": named(of.ground.keys, members[:, 0]),
            "area_m2": pd.Series(area, dtype="float64"),
            f"{layer}_share": pd.Series(area / of.ground_m2[members[:, 0]], dtype="float64"),
        }
    )


def overlapping(of: Account) -> tuple[str, ...]:
    """Name the layers that overlap themselves after the slivers are settled.

    Parameters
    ----------
    of
        The account.

    Returns
    -------
    tuple of str
        In order of precedence.
    """
    several = np.any(np.diff(of.start)[of.cover] > 1, axis=0)
    return tuple(layer for layer, many in zip(of.ground.layers, several, strict=True) if many)


def slivers(of: Account) -> pd.DataFrame:
    """Name every sliver that changed hands.

    Parameters
    ----------
    of
        The account.

    Returns
    -------
    pandas.DataFrame
        layer, giver and receiver (keys; a missing giver is a gap that was filled, a missing receiver is ground that
        another feature of the layer already covers or that nobody covers now), area_m2, x, y (a point inside);
        sorted; RangeIndex. Dust of rounding below 1e-6 m² is left out here, not in the balance.
    """
    rows = []
    area, keys = of.ground.faces.area_m2, of.ground.names
    for face, layer, given, received in of.transfers:
        if area[face] >= DUST_M2:
            names = (None if feature is None else keys[feature] for feature in (given, received))
            rows.append((layer, of.ground.layers[layer], *names, float(area[face]), *of.ground.place(face)))
    rows.sort(key=lambda row: (row[0], row[2] or "", row[3] or "", *row[5:]))
    frame = pd.DataFrame([row[1:] for row in rows], columns=["layer", "giver", "receiver", "area_m2", "x", "y"])
    kinds = dict.fromkeys(["layer", "giver", "receiver"], "str") | dict.fromkeys(["area_m2", "x", "y"], "float64")
    return frame.astype(kinds)


def balance(of: Account) -> pd.DataFrame:
    """Account for every feature: own area = cells + given - received.

    Parameters
    ----------
    of
        The account.

    Returns
    -------
    pandas.DataFrame
        layer, feature (key), own_m2 (as drawn), cells_m2, given_m2, received_m2, difference_m2 (own - cells - given +
        received, what rounding left); in order of layers, then keys; RangeIndex.
    """
    ground = of.ground
    given: dict[int, list[float]] = defaultdict(list)
    received: dict[int, list[float]] = defaultdict(list)
    for face, _, giver, receiver in of.transfers:
        if giver is not None:
            given[giver].append(float(ground.faces.area_m2[face]))
        if receiver is not None:
            received[receiver].append(float(ground.faces.area_m2[face]))
    features = len(ground.layer_of)
    layers = pa.array(ground.layers, type=pa.large_string())
    frame = pd.DataFrame(
        {
            "layer": named(layers, ground.layer_of),
            "feature": named(ground.keys, np.arange(features)),
            "own_m2": ground.own_m2,
            "cells_m2": of.ground_m2,
            "given_m2": _totals(given, features),
            "received_m2": _totals(received, features),
        }
    )
    return frame.assign(difference_m2=frame.own_m2 - frame.cells_m2 - frame.given_m2 + frame.received_m2)


def _totals(amounts: dict[int, list[float]], count: int) -> Floats:
    """Return the exact sum of each feature's amounts."""
    total = np.zeros(count)
    for feature, values in amounts.items():
        total[feature] = math.fsum(values)
    return total


def _ranked(groups: Groups, run: Callable[[object], Callable]) -> tuple[Places, Ints, Places]:
    """Return the rank of each group by its features, equal groups alike, and the groups in that order."""
    order, rank = run(_group_order)(groups.start, groups.member)
    first = np.searchsorted(rank[order], np.arange(int(rank.max(initial=-1)) + 1))
    start, member = run(gathered)(groups.start[:-1], np.diff(groups.start), groups.member, order[first])
    return rank, start, member


def _distinct_rows(rows: Places) -> tuple[Places, Ints]:
    """Return the different rows, sorted, and which of them each row is."""
    order = row_order(rows)
    ranked = rows[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
    which = np.empty(len(rows), dtype=np.int64)
    which[order] = np.cumsum(new) - 1
    return ranked[new], which


def row_order(rows: Places) -> NDArray[np.intp]:
    """Return the order of rows of numbers, by the first column first; equal rows keep theirs.

    Parameters
    ----------
    rows
        Whole numbers of 0 or more.

    Returns
    -------
    numpy.ndarray
        Positions of the rows.
    """
    spans = [int(column.max()) + 1 if len(column) else 1 for column in rows.T]
    if math.prod(spans) < 2**63:
        code = np.zeros(len(rows), dtype=np.int64)
        for column, span in zip(rows.T, spans, strict=True):
            code = code * span + column
        return np.argsort(code, kind="stable")
    return np.lexsort(rows.T[::-1])


def _tuples(of: Account, groups: Places, area: Floats) -> tuple[Places, Floats]:
    """Return every choice of one feature from each group of a row, sorted, with the area of all its rows."""
    members, row = of.ground.run(_expanded)(of.start, of.member, groups)
    order = row_order(members)
    members, row = members[order], row[order]
    new = np.ones(len(members), dtype=bool)
    new[1:] = (members[1:] != members[:-1]).any(axis=1)
    code = np.cumsum(new) - 1
    return members[new], sums(code, area[row], int(new.sum()), of.ground)


@kernel
def _group_order(start: Ints, member: Places) -> tuple[Ints, Places]:
    """Return the order of groups as sorted tuples, by merging runs, and the rank of each."""
    count = len(start) - 1
    order, other = np.arange(count), np.empty(count, dtype=np.int64)
    width = 1
    while width < count:
        for low in range(0, count, 2 * width):
            i, j, k = low, min(low + width, count), low
            middle, high = j, min(low + 2 * width, count)
            while k < high:
                if j == high or (i < middle and compared(start, member, order[i], order[j]) <= 0):
                    other[k] = order[i]
                    i += 1
                else:
                    other[k] = order[j]
                    j += 1
                k += 1
        order, other = other, order
        width *= 2
    rank = np.zeros(count, dtype=np.int32)
    for n in range(1, count):
        more = compared(start, member, order[n - 1], order[n]) != 0
        rank[order[n]] = rank[order[n - 1]] + (1 if more else 0)
    return order, rank


@kernel
def _expanded(start: Ints, member: Places, groups: Places) -> tuple[Places, Ints]:
    """Return every choice of one member from each group of a row, and the row."""
    rows, layers = groups.shape
    total = 0
    for n in range(rows):
        choices = 1
        for k in range(layers):
            choices *= start[groups[n, k] + 1] - start[groups[n, k]]
        total += choices
    chosen, row = np.empty((total, layers), dtype=np.int32), np.empty(total, dtype=np.int64)
    at = 0
    for n in range(rows):
        choices = 1
        for k in range(layers):
            choices *= start[groups[n, k] + 1] - start[groups[n, k]]
        for c in range(choices):
            left = c
            for k in range(layers - 1, -1, -1):
                size = start[groups[n, k] + 1] - start[groups[n, k]]
                chosen[at, k] = member[start[groups[n, k]] + left % size]
                left //= size
            row[at] = n
            at += 1
    return chosen, row


@kernel
def _by_code(code: Ints, values: Floats, count: int) -> Floats:
    """Add values up by code."""
    total, lost = np.zeros(count), np.zeros(count)
    for n in range(len(values)):
        _add(total, lost, code[n], values[n])
    return total + lost


@kernel
def _by_feature(start: Ints, member: Places, cover: Places, area: Floats, features: int) -> Floats:
    """Add up the cells of each feature."""
    total, lost = np.zeros(features), np.zeros(features)
    for n in range(len(cover)):
        for group in cover[n]:
            for m in range(start[group], start[group + 1]):
                _add(total, lost, member[m], area[n])
    return total + lost


@inlined
def _add(total: Floats, lost: Floats, k: int, value: float) -> None:
    """Add a value to sum k, and keep what rounding takes away apart until the end."""
    new = total[k] + value
    if abs(total[k]) >= abs(value):
        lost[k] += (total[k] - new) + value
    else:
        lost[k] += (value - new) + total[k]
    total[k] = new
