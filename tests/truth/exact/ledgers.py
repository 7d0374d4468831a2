"""Laws of a ledger that hold by truth: who owns what, what a cell's shape covers, and what a grid's cells add up to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.random import Generator

from gis.analysis import overlay
from tests.truth.exact.arithmetic import Shapes
from tests.truth.exact.grids import counted
from tests.truth.exact.judging import (
    BASE_M2,
    LAYERS,
    NOISE,
    PER_METRE_M2,
    SHAPE_PER_METRE_M2,
    Fault,
    Verdict,
    compared,
    frames,
    keyed,
    unit,
    wkt,
)
from tests.truth.exact.specimens import Members, Specimen

# tolerance of a ledger as a part of its largest shape, and the least one, m
TOLERANCE = 1e-4
LEAST_M = 1e-6
# coordinates above which facets are held against their areas alone, not against each other
MANY = 4000


def tolerance(specimen: Specimen) -> float:
    """Return a width that is small beside the shapes and large beside a rounding, m."""
    box = shapely.bounds(specimen.shapes)
    return max(LEAST_M, TOLERANCE * float((box[:, 2:] - box[:, :2]).max()))


def ledger(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask for a ledger with facets, and hold its accounts, its cells and their shapes against the truth."""
    layers = {name: frame.iloc[rng.permutation(len(frame))] for name, frame in frames(specimen).items()}
    width = tolerance(specimen)
    book = overlay.ledger(layers, tolerance=width, facets=True, workers=int(rng.integers(1, 4)))
    verdict = _accounts(specimen, book)
    verdict.add(_meetings(specimen, book, width))
    if specimen.grid is not None:
        verdict.add(_cells(specimen, book))
    verdict.add(_facets(specimen, book, width))
    return verdict


def _accounts(specimen: Specimen, book: overlay.Ledger) -> Verdict:
    """A feature owns its ground, and what its cells have is that, less what it gave and more what it received."""
    verdict = Verdict()
    for row in book.balance.itertuples():
        n = specimen.starts[LAYERS.index(row.layer)] + int(row.feature)
        own, bound = specimen.exact.area(n), BASE_M2 + PER_METRE_M2 * float(specimen.perimeter[n])
        verdict.check("ledger.balance, own_m2", (n,), own, row.own_m2, bound, specimen.shapes[[n]])
        account = row.cells_m2 + row.given_m2 - row.received_m2
        loose = BASE_M2 + SHAPE_PER_METRE_M2 * float(specimen.perimeter[n])
        verdict.check("ledger.balance", (n,), own, account, loose, specimen.shapes[[n]])
    return verdict


def _meetings(specimen: Specimen, book: overlay.Ledger, width: float) -> Verdict:
    """Tuples that no disc of the tolerance fits into are no meetings; all others are, but for hairlines' ground."""
    got = keyed(book.meetings, LAYERS[: len(specimen.layers)])
    verdict = Verdict()
    for key in specimen.tuples.keys() | got.keys():
        true, found = specimen.tuples.get(key, 0.0), got.get(key, 0.0)
        shapes = np.array([layer[n] for layer, n in zip(specimen.layers, key, strict=True)], dtype=object)
        moved = BASE_M2 + 2 * width * specimen.around(key)
        if true < np.pi * width**2 / 4 and not len(book.findings):
            # no ground, whatever it received: a tuple that does not meet
            verdict.check("ledger.meetings, too narrow", key, 0.0, found, BASE_M2, shapes)
        else:
            verdict.check("ledger.meetings", key, true, found, moved, shapes)
    return verdict


def _cells(specimen: Specimen, book: overlay.Ledger) -> Verdict:
    """Cells of a grid are whole, and nothing changes hands but noise."""
    grid = specimen.grid
    assert grid is not None
    truth = {key: n * grid.cell_m2 for key, n in counted(grid.layers).items() if max(key) >= 0}
    got = keyed(book.cells, LAYERS[: len(specimen.layers)])
    step = NOISE * unit(specimen)
    lengths = specimen.perimeter

    def noise(key: Members) -> float:
        around = sum(lengths[start + n] for start, n in zip(specimen.starts, key, strict=False) if n >= 0)
        return BASE_M2 + step * float(around)

    def shapes(key: Members) -> list[shapely.Geometry]:
        return [layer[n] for layer, n in zip(specimen.layers, key, strict=True) if n >= 0]

    verdict = compared("ledger.cells", truth, got, noise, shapes)
    moved, most = float(book.slivers["area_m2"].sum()), BASE_M2 + step * float(lengths.sum())
    verdict.check("ledger.slivers", (), 0.0, moved, most, specimen.shapes[:6])
    return verdict


def _facets(specimen: Specimen, book: overlay.Ledger, width: float) -> Verdict:
    """A facet is valid, covers its area, meets no other one, and lies in its features and in no other."""
    facets = book.facets
    assert facets is not None
    shapes = np.asarray(facets.geometry.to_numpy(), dtype=object)
    exact, length = Shapes(np.concatenate([shapes, specimen.shapes])), shapely.length(shapes)
    covers = [frozenset(cover) for cover in _covers(specimen, book)]
    # a hairline that its coordinates have no digits for is drawn as nothing: it is as long as its features at most
    own = np.array([min(float(specimen.perimeter[n]) for n in cover) for cover in covers])
    bound = BASE_M2 + max(SHAPE_PER_METRE_M2, 2 * unit(specimen)) * np.maximum(length, own)
    verdict = Verdict()
    for n, (shape, area) in enumerate(zip(shapes, facets["area_m2"].tolist(), strict=True)):
        drawn = np.append(specimen.shapes[sorted(covers[n])], shape)
        verdict.check("ledger.facets, area", tuple(sorted(covers[n])), area, exact.area(n), bound[n], drawn)
        if not shapely.is_valid(shape):
            said = f"invalid: {shapely.is_valid_reason(shape)}"
            verdict.faults.append(Fault("ledger.facets", said, tuple(sorted(covers[n])), area, area, wkt(drawn)))
    if shapely.get_num_coordinates(shapes).sum() > MANY:
        return verdict
    for a, b in _beside(shapes, shapes):
        if a < b:
            drawn = np.append(specimen.shapes[sorted(covers[a] | covers[b])], shapes[[a, b]])
            verdict.check("ledger.facets, disjoint", (a, b), 0.0, exact.area(a, b), bound[a] + bound[b], drawn)
    for a, n in _beside(shapes, specimen.shapes):
        # hairlines change hands
        slack = bound[a] + width * length[a]
        whole = exact.area(a) if n in covers[a] else 0.0
        common = exact.area(a, len(shapes) + n)
        drawn = np.append(specimen.shapes[[n]], shapes[a])
        verdict.check("ledger.facets, in its features", (a, n), whole, common, slack, drawn)
    return verdict


def _covers(specimen: Specimen, book: overlay.Ledger) -> Iterator[list[int]]:
    """Yield the features of every facet by position in a specimen's shapes."""
    assert book.facets is not None
    names = LAYERS[: len(specimen.layers)]
    for row in book.facets[[f"{name}_ids" for name in names]].itertuples(index=False):
        yield [start + int(key) for start, keys in zip(specimen.starts, row, strict=False) for key in keys]


def _beside(one: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of shapes whose boxes meet."""
    found = shapely.STRtree(other).query(one)
    return list(zip(*found.tolist(), strict=True))
