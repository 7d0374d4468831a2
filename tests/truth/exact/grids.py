"""Layers of whole cells of one grid, turned, sheared and moved, with every vertex some units in the last place off.

The ground of every tuple is a number of cells; noise moves it by a few units in the last place for each metre of
outline. A layer is an array of labels, one a cell, -1 for ground that it leaves open: shapes of one layer touch, they
do not overlap. Parts and holes may touch in a corner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage

from tests.truth.exact.pairs import Place, noisy

Labels = NDArray[np.int64]
# cells of a grid whose outlines have all their vertices
MANY = 1000


@dataclass(frozen=True)
class Grid:
    """Hold labels of every layer, all of one size, and the matrix that lays the cells on the ground (m)."""

    layers: tuple[Labels, ...]
    matrix: NDArray[np.float64]

    @property
    def cell_m2(self) -> float:
        """Area of one cell, m²."""
        return float(abs(np.linalg.det(self.matrix)))


def matrix(rng: Generator, scale: float) -> NDArray[np.float64]:
    """Return a matrix with entries that are sums of few powers of two, or turned by the angle of 3 to 4.

    Parameters
    ----------
    scale
        Size of a cell is 10 to 120 times as much, m.
    """
    size = float(rng.choice([10, 37.25, 120]))
    made = np.array(
        [
            [[1.0, 0.0], [0.0, 1.0]],
            [[1.0, 0.25], [0.0, 1.0]],
            [[1.0, 0.0], [-0.5, 1.0]],
            [[1.0, 1.0], [-1.0, 1.0]],
            [[0.6, -0.8], [0.8, 0.6]],
            [[0.0, -1.0], [1.0, 0.0]],
            [[-1.0, 0.0], [0.1, 0.7]],
        ]
    )
    return made[rng.integers(len(made))] * size * scale


def shapes(rng: Generator, labels: Labels, lay: NDArray[np.float64], place: Place, most: int) -> NDArray[np.object_]:
    """Return the shapes of a layer, in the order of labels, each with noise of its own.

    Parameters
    ----------
    labels
        0 to n - 1 and -1, one a cell.
    lay
        The grid's matrix.
    place
        Where the grid's first corner stands.
    most
        Noise of every coordinate, units in the last place.
    """
    i, j = np.indices(labels.shape).reshape(2, -1)
    flat = labels.ravel()
    cells = shapely.box(i, j, i + 1, j + 1)
    sizes = np.array(labels.shape) + 1
    made = []
    for label in range(flat.max() + 1):
        # whole numbers: GEOS computes no point here, it only drops the borders that two cells share
        united = shapely.coverage_union_all(cells[flat == label])
        dense = shapely.segmentize(united, 1.0) if rng.random() < 0.7 or labels.size > MANY else united
        corners = np.stack(np.meshgrid(*(np.arange(size) for size in sizes), indexing="ij"), axis=-1)
        points = noisy(rng, corners @ lay.T + [place.x, place.y], most)

        def laid(coordinates: NDArray[np.float64], points: NDArray[np.float64] = points) -> NDArray[np.float64]:
            nodes = np.rint(coordinates).astype(int)
            return points[nodes[:, 0], nodes[:, 1]]

        made.append(shapely.transform(dense, laid))
    return np.array(made, dtype=object)


def _renumbered(labels: Labels) -> Labels:
    """Return labels that leave no number out."""
    found, again = np.unique(labels, return_inverse=True)
    return (again - (found[0] < 0)).reshape(labels.shape).astype(np.int64)


def blobs(rng: Generator, layers: int) -> tuple[Labels, ...]:
    """Polyominoes grown from a few cells each, with open ground between some of them."""
    size = tuple(rng.integers(3, 8, 2))
    return tuple(_renumbered(_grown(rng, size, int(rng.integers(2, 7)))) for _ in range(layers))


def _grown(rng: Generator, size: tuple[int, ...], count: int) -> Labels:
    labels = np.full(size, -1)
    labels.ravel()[rng.choice(labels.size, min(count, labels.size), replace=False)] = np.arange(min(count, labels.size))
    for _ in range(int(rng.integers(2, 9))):
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            beside = np.roll(labels, step, axis)
            grows = (labels < 0) & (rng.random(size) < 0.4)
            labels[grows] = beside[grows]
    return labels


def scattered(rng: Generator, layers: int) -> tuple[Labels, ...]:
    """Cells dealt out at random: many parts, holes, and corners in which they touch."""
    size = tuple(rng.integers(3, 7, 2))
    return tuple(_renumbered(rng.integers(-1, 3, size)) for _ in range(layers))


def checkerboards(rng: Generator, layers: int) -> tuple[Labels, ...]:
    """Boards of black and white, over boards of larger fields, or with open ground for white."""
    size = tuple(rng.integers(3, 8, 2))
    i, j = np.indices(size)
    made = []
    for _ in range(layers):
        field = rng.integers(1, 4, 2)
        made.append((i // field[0] + j // field[1] + rng.integers(2)) % 2 - int(rng.random() < 0.3))
    return tuple(_renumbered(each) for each in made)


def staircases(rng: Generator, layers: int) -> tuple[Labels, ...]:
    """Bands along the diagonal, of another width and beginning in each layer."""
    size = tuple(rng.integers(4, 11, 2))
    i, j = np.indices(size)
    made = []
    for _ in range(layers):
        way = i + j if rng.random() < 0.5 else i - j + size[1]
        made.append((way + rng.integers(5)) // rng.integers(1, 6))
    return tuple(_renumbered(each) for each in made)


def one_line(rng: Generator, layers: int) -> tuple[Labels, ...]:
    """10 to 60 shapes on one line: two columns, cut across at other places in each layer and on each side."""
    length = int(rng.integers(10, 61))
    made = []
    for _ in range(layers):
        cut = np.cumsum(rng.random((2, length)) < rng.uniform(0.2, 1), axis=1)
        made.append(cut + np.array([[0], [length + 1]]))
    return tuple(_renumbered(each) for each in made)


def long_outlines(rng: Generator, layers: int) -> tuple[Labels, ...]:
    """A comb of some 10,000 vertices, and strips across it."""
    length = int(rng.integers(3300, 3500))
    comb = np.zeros((length, 3), dtype=np.int64)
    comb[::2, 1] = rng.integers(0, 2)
    comb[1::2, 1] = 1 - comb[0, 1]
    comb[:, 2] = 1
    strips = np.repeat(np.arange(length) // rng.integers(40, 400), 3).reshape(length, 3)
    return _renumbered(comb), _renumbered(strips)


FAMILIES: dict[str, Callable[[Generator, int], tuple[Labels, ...]]] = {
    family.__name__: family for family in (blobs, scattered, checkerboards, staircases, one_line, long_outlines)
}


def counted(layers: tuple[Labels, ...]) -> dict[tuple[int, ...], int]:
    """Count the cells of every tuple of labels; -1 stands for open ground.

    Parameters
    ----------
    layers
        Labels of one size.
    """
    labels, cells = np.unique(np.stack([each.ravel() for each in layers]), axis=1, return_counts=True)
    return dict(zip(map(tuple, labels.T.tolist()), cells.tolist(), strict=True))


def enclosed(labels: Labels) -> tuple[list[int], list[int]]:
    """Return the sizes of gaps in cells: those that lie within one shape, and all that there may be.

    Parameters
    ----------
    labels
        Of one layer. A gap between shapes is closed but for the noise of their sides, so that it may be found or not,
        and gaps that meet at a corner may be found as one.
    """
    padded = np.pad(labels, 1, constant_values=-1)
    parts, _ = ndimage.label(padded < 0)
    within, every = [], []
    cornered, count = ndimage.label((parts > 0) & (parts != parts[0, 0]), np.ones((3, 3)))
    for corner in range(1, count + 1):
        sizes = np.unique(parts[cornered == corner], return_counts=True)[1].tolist()
        every += [sum(some) for n in range(2, len(sizes) + 1) for some in combinations(sizes, n)]
    for part in set(np.unique(parts)) - {0, parts[0, 0]}:
        gap = parts == part
        around = np.unique(padded[ndimage.binary_dilation(gap, np.ones((3, 3))) & ~gap])
        every.append(int(gap.sum()))
        if len(around) == 1 and around[0] >= 0:
            within.append(every[-1])
    return within, every
