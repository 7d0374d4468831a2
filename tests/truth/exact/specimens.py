"""Specimens: layers of shapes by family and number, and the ground that their tuples share without rounding."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from tests.truth.exact import cities, general, grids, pairs
from tests.truth.exact.arithmetic import Shapes
from tests.truth.exact.pairs import Place

Members = tuple[int, ...]
Layers = tuple[NDArray[np.object_], ...]

# where shapes stand: x and y, m. Beside the origin a unit in the last place is of another size for every coordinate
PLACES = (
    (0.0, 0.0),
    (0.01, 0.01),
    (0.1, 0.2),
    (-3.7, 8.1),
    (428_052.25, 4_415_424.0),
    (428_052.3, 4_415_424.7),
    (4_400_000.0, 4_400_000.0),
    (39_428_052.25, 4_415_424.0),
    (4_415_424.0, 39_428_052.3),
)
SCALES = (1e-3, 1e-1, 1.0, 1.0, 1.0, 10.0, 1e3)
# layers, shapes of each, and how far these stand apart, m: alone, in a heap, here and there
AMOUNTS = ((2, 1, 0.0), (2, 12, 0.0), (3, 8, 0.0), (4, 4, 0.0), (2, 40, 20_000.0), (2, 40, 20_000.0))
# whether x and y change places, and which of them point the other way
TURNS = tuple(itertools.product([False, True], [1.0, -1.0], [1.0, -1.0]))
# units in the last place by which the corners of cells are off
NOISE = (0, 1, 3, 3)

PAIRS = pairs.FAMILIES | general.FAMILIES
FAMILIES = (*PAIRS, *grids.FAMILIES, *cities.FAMILIES)


@dataclass(frozen=True)
class Specimen:
    """Hold layers of valid shapes.

    Parameters
    ----------
    family, number
        From which `make` makes it again.
    layers
        Shapes of two layers or more.
    grid
        The labels that the layers were made from, where they are whole cells of one grid.
    parted
        Whether the shapes of a layer were meant not to overlap.
    """

    family: str
    number: int
    layers: Layers
    grid: grids.Grid | None = None
    parted: bool = False

    @cached_property
    def shapes(self) -> NDArray[np.object_]:
        """The shapes of all layers in a row."""
        return np.concatenate(self.layers)

    @cached_property
    def starts(self) -> list[int]:
        """Where each layer begins in `shapes`, and where the last one ends."""
        return [0, *np.cumsum([len(layer) for layer in self.layers]).tolist()]

    @cached_property
    def exact(self) -> Shapes:
        """All shapes as whole numbers."""
        return Shapes(self.shapes)

    @cached_property
    def perimeter(self) -> NDArray[np.float64]:
        """Length of each shape's outlines, m."""
        return shapely.length(self.shapes)

    @cached_property
    def within(self) -> dict[Members, float]:
        """Ground of every two shapes whose boxes meet, of whatever layers, by position in `shapes`, m²."""
        i, j = shapely.STRtree(self.shapes).query(self.shapes)
        found = sorted((a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True) if a < b)
        return {pair: self.exact.area(*pair) for pair in found}

    @cached_property
    def tuples(self) -> dict[Members, float]:
        """Ground of every tuple, one shape of each layer by position in it, m².

        Those whose boxes don't meet are left out, and of three or more those of which two share nothing.
        """
        layer = np.repeat(np.arange(len(self.layers)), np.diff(self.starts)).tolist()
        beside: dict[int, list[int]] = {}
        for (i, j), area in self.within.items():
            if layer[i] != layer[j] and (area > 0 or len(self.layers) == 2):
                beside.setdefault(i, []).append(j)
        found = [(i,) for i in range(self.starts[1])]
        for n in range(1, len(self.layers)):
            found = [
                (*row, j)
                for row in found
                for j in beside.get(row[0], [])
                if layer[j] == n and all(j in beside.get(i, []) for i in row[1:])
            ]
        return {
            tuple(i - start for i, start in zip(row, self.starts, strict=False)): (
                self.within[row] if len(row) == 2 else self.exact.area(*row)
            )
            for row in found
        }

    def around(self, members: Members) -> float:
        """Return the length of the outlines of a tuple's shapes together, m."""
        return float(sum(self.perimeter[start + i] for start, i in zip(self.starts, members, strict=False)))


def make(family: str, number: int) -> Specimen:
    """Make a specimen: always the same one.

    Parameters
    ----------
    family
        One of FAMILIES.
    number
        Any number from 0.

    Returns
    -------
    Specimen
        With a shape in every layer, all of them valid.
    """
    rng = np.random.default_rng([zlib.crc32(family.encode()), number])
    while True:
        grid, parted = None, family not in PAIRS
        if family in PAIRS:
            layers = _paired(PAIRS[family], rng)
        elif family in grids.FAMILIES:
            layers, grid = _gridded(grids.FAMILIES[family], rng)
        else:
            layers = cities.FAMILIES[family](rng)
        if all(len(layer) and shapely.is_valid(layer).all() for layer in layers):
            return Specimen(family, number, _turned(rng, layers, cities.FAMILIES.get(family)), grid, parted)


def _paired(family: Callable[[Generator, Place, int], pairs.Pairs], rng: Generator) -> Layers:
    """Make two layers or more of one family in one place."""
    layers, count, spread = AMOUNTS[rng.integers(len(AMOUNTS))]
    place = Place(*PLACES[rng.integers(len(PLACES))], spread, SCALES[rng.integers(len(SCALES))])
    sides = [side for _ in range(0, layers, 2) for side in family(rng, place, count)]
    sound = [side[shapely.is_valid(side) & ~shapely.is_empty(side)] for side in sides]
    return tuple(sound[:layers])


def _gridded(family: Callable[[Generator, int], tuple[grids.Labels, ...]], rng: Generator) -> tuple[Layers, grids.Grid]:
    """Make two layers or more of cells of one grid."""
    labels = family(rng, int(rng.integers(2, 5)))
    place = Place(*PLACES[rng.integers(len(PLACES))])
    grid = grids.Grid(labels, grids.matrix(rng, float(rng.choice(SCALES))))
    most = int(rng.choice(NOISE))
    return tuple(grids.shapes(rng, each, grid.matrix, place, most) for each in labels), grid


def _turned(rng: Generator, layers: Layers, stays: object) -> Layers:
    """Mirror layers and turn them by right angles, which changes no digit; put their shapes into any order."""
    swaps, *signs = TURNS[0 if stays else rng.integers(len(TURNS))]

    def turned(points: NDArray[np.float64]) -> NDArray[np.float64]:
        # 0 keeps its sign: it has none for who reads a file
        return (points[:, ::-1] if swaps else points) * signs + 0.0

    return tuple(shapely.transform(layer, turned) for layer in layers)
