"""The account of the ground: cells, meetings, and for every feature what it owned, gave and received."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import product, zip_longest

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gis.analysis.ground import Cover, Ground
from gis.analysis.slivers import Settlement
from gis.geometry import areas
from gis.geometry.coverage import DUST_M2
from gis.geometry.parts import Shapes


@dataclass(frozen=True)
class Account:
    """Hold the ground after the slivers are settled: which faces each cover has.

    Parameters
    ----------
    ground
        The ground as drawn.
    settlement
        What changed.
    covers
        Every cover that has ground, sorted.
    faces
        Positions of the faces of each cover.
    area_m2
        Area of each cover, m².
    """

    ground: Ground
    settlement: Settlement
    covers: tuple[Cover, ...]
    faces: tuple[list[int], ...]
    area_m2: tuple[float, ...]


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
    found: dict[Cover, list[int]] = defaultdict(list)
    for face in range(len(ground.faces)):
        cover = settlement.cover.get(face)
        found[ground.cover(face) if cover is None else cover].append(face)
    # ground that a feature gave to nobody is no longer anyone's
    covers = tuple(sorted(cover for cover in found if any(cover)))
    faces = tuple(found[cover] for cover in covers)
    return Account(ground, settlement, covers, faces, tuple(math.fsum(ground.area_m2[group]) for group in faces))


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
    columns: dict[str, pd.Series] = {}
    keys = of.ground.keys.tolist()
    for position, layer in enumerate(of.ground.layers):
        names = [tuple(keys[feature] for feature in cover[position]) for cover in of.covers]
        single = [ids[0] if len(ids) == 1 else None for ids in names]
        columns[f"{layer}_id"] = pd.Series(single, dtype="str")
        columns[f"{layer}_ids"] = pd.Series(names, dtype=object)
    return pd.DataFrame(columns | {"area_m2": pd.Series(of.area_m2, dtype="float64")})


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
    shapes = np.empty(len(of.covers), dtype=object)
    for position, group in enumerate(of.faces):
        members = of.ground.faces[group]
        shapes[position] = members[0] if len(group) == 1 else shapely.coverage_union_all(members)
    return areas.moved(shapes, of.ground.origin)


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
    positions = [of.ground.layers.index(layer) for layer in layers]
    found: dict[tuple[int, ...], list[float]] = defaultdict(list)
    for cover, area in zip(of.covers, of.area_m2, strict=True):
        for features in product(*(cover[position] for position in positions)):
            found[features].append(area)
    tuples = sorted(found)
    area_m2 = np.array([math.fsum(found[row]) for row in tuples], dtype=float)
    members = np.array(tuples, dtype=np.intp).reshape(len(tuples), len(layers))
    whole = ground_m2(of)
    table = {f"{layer}_id": pd.Series(of.ground.keys[members[:, n]], dtype="str") for n, layer in enumerate(layers)}
    table["area_m2"] = pd.Series(area_m2, dtype="float64")
    for n, layer in enumerate(layers):
        table[f"{layer}_share"] = pd.Series(area_m2 / whole[members[:, n]], dtype="float64")
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
    found: dict[int, list[float]] = defaultdict(list)
    for cover, area in zip(of.covers, of.area_m2, strict=True):
        if not any(cover[other] for other in open_layers):
            for feature in cover[position]:
                found[feature].append(area)
    rows = sorted(found)
    area_m2 = np.array([math.fsum(found[row]) for row in rows], dtype=float)
    return pd.DataFrame({
        f"{layer}_id": pd.Series(of.ground.keys[rows], dtype="str"),
        "area_m2": pd.Series(area_m2, dtype="float64"),
        f"{layer}_share": pd.Series(area_m2 / ground_m2(of)[rows], dtype="float64"),
    })


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
    return tuple(
        layer for position, layer in enumerate(of.ground.layers) if any(len(cover[position]) > 1 for cover in of.covers)
    )


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
    for face, layer, given, received in _transfers(of):
        if of.ground.area_m2[face] >= DUST_M2:
            name = of.ground.layers[layer]
            names = (None if feature is None else of.ground.keys[feature] for feature in (given, received))
            rows.append((layer, name, *names, float(of.ground.area_m2[face]), *of.ground.place(face)))
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
    given, received = _sums(ground), _sums(ground)
    for face, _, giver, receiver in _transfers(of):
        if giver is not None:
            given[giver].append(float(ground.area_m2[face]))
        if receiver is not None:
            received[receiver].append(float(ground.area_m2[face]))
    frame = pd.DataFrame({
        "layer": pd.Series(np.array(ground.layers, dtype=object)[ground.layer_of], dtype="str"),
        "feature": pd.Series(ground.keys, dtype="str"),
        "own_m2": ground.own_m2,
        "cells_m2": ground_m2(of),
        "given_m2": np.array([math.fsum(values) for values in given], dtype=float),
        "received_m2": np.array([math.fsum(values) for values in received], dtype=float),
    })
    return frame.assign(difference_m2=frame.own_m2 - frame.cells_m2 - frame.given_m2 + frame.received_m2)


def ground_m2(of: Account) -> NDArray[np.float64]:
    """Add up each feature's cells.

    Parameters
    ----------
    of
        The account.

    Returns
    -------
    numpy.ndarray
        m² by position of the feature.
    """
    sums = _sums(of.ground)
    for cover, area in zip(of.covers, of.area_m2, strict=True):
        for features in cover:
            for feature in features:
                sums[feature].append(area)
    return np.array([math.fsum(values) for values in sums], dtype=float)


def _sums(ground: Ground) -> list[list[float]]:
    """Return an empty list of amounts for every feature."""
    return [[] for _ in ground.keys]


def _transfers(of: Account) -> list[tuple[int, int, int | None, int | None]]:
    """Return (face, layer, giver, receiver) for each change of hands."""
    rows: list[tuple[int, int, int | None, int | None]] = []
    for face, after in of.settlement.cover.items():
        for layer, (old, new) in enumerate(zip(of.ground.cover(face), after, strict=True)):
            gone, come = sorted(set(old) - set(new)), sorted(set(new) - set(old))
            rows += [(face, layer, giver, receiver) for giver, receiver in zip_longest(gone, come)]
    return rows
