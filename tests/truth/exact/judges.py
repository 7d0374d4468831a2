"""What gis says of a specimen, held against the ground that its shapes truly share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import geopandas as gpd
import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from gis.analysis import apportionment, assignment, overlay
from gis.geometry import areas, coverage
from tests.truth.exact.arithmetic import Shapes
from tests.truth.exact.grids import enclosed
from tests.truth.exact.judging import (
    BASE_M2,
    CRS,
    NOISE,
    PER_METRE_M2,
    SHAPE_PER_METRE_M2,
    Verdict,
    both,
    compared,
    frames,
    keyed,
    pair_bound,
    two_layered,
    unit,
)
from tests.truth.exact.ledgers import ledger
from tests.truth.exact.specimens import Members, Specimen


def _tuples(judge: str, specimen: Specimen, got: Mapping[Members, float]) -> Verdict:
    def shapes(key: Members) -> list[shapely.Geometry]:
        return [layer[n] for layer, n in zip(specimen.layers, key, strict=False)]

    return compared(judge, specimen.tuples, got, lambda key: BASE_M2 + PER_METRE_M2 * specimen.around(key), shapes)


def _pairs(judge: str, specimen: Specimen, got: Mapping[Members, float]) -> Verdict:
    """Hold pairs of shapes of two layers against the truth, whatever other layers there are."""
    return two_layered(specimen)[1](judge, got)


def _rows(i: NDArray, j: NDArray, area: NDArray) -> dict[Members, float]:
    return dict(zip(zip(i.tolist(), j.tolist(), strict=True), area.tolist(), strict=True))


def two_layers(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask `pair_areas` for the pairs of two layers, owned by either, with any number of threads."""
    one, two = specimen.layers[:2]
    owner = [None, 0, 1][rng.integers(3)]
    found = areas.pair_areas(one, two, owner=owner, workers=int(rng.integers(1, 4)))
    return _pairs("pair_areas(a, b)", specimen, _rows(*found))


def one_layer(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask `pair_areas` for the pairs within one layer: the shapes of all layers in any order, and an empty one."""
    order = rng.permutation(len(specimen.shapes))
    shapes = np.concatenate([specimen.shapes[order], [shapely.Polygon()]])
    i, j, area = areas.pair_areas(shapes, workers=int(rng.integers(1, 4)))
    ends = np.sort(np.stack([order[i], order[j]]), axis=0)
    bound = pair_bound(specimen, 0)
    return compared("pair_areas(a)", specimen.within, _rows(*ends, area), bound, both(specimen))


def beside_others(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask again with layers and shapes in another order, and a shape far off in each: rows don't depend on these."""
    one, two = specimen.layers[:2]
    orders = [rng.permutation(len(layer)) for layer in (one, two)]
    box = shapely.total_bounds(specimen.shapes)
    size = max(box[2] - box[0], box[3] - box[1])
    aside = box[:2] + rng.choice([-1, 1], 2) * (3 * size + rng.choice([0, 30_000], 2))
    far = shapely.box(*aside, *(aside + size))
    left, right = (np.append(layer[order], far) for layer, order in zip((one, two), orders, strict=True))
    j, i, area = areas.pair_areas(right, left)
    own = (i < len(one)) & (j < len(two))
    return _pairs("pair_areas(b, a) with a far shape", specimen, _rows(orders[0][i[own]], orders[1][j[own]], area[own]))


def common_ground(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask `common_ground` for the tuples of all layers, owned by any, in any order of rows."""
    layers = {name: frame.iloc[rng.permutation(len(frame))] for name, frame in frames(specimen).items()}
    owner = [None, *layers][rng.integers(len(layers) + 1)]
    table = overlay.common_ground(layers, owner=owner, workers=int(rng.integers(1, 4)))
    return _tuples("common_ground", specimen, keyed(table, layers))


def shares(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask `assign` and `by_area` for the shares of one layer's shapes in another's."""
    layers = frames(specimen)
    things, targets = layers["one"], layers["two"]
    own = np.array([specimen.exact.area(n) for n in range(len(things))])
    table = assignment.pairs(things, targets, key="one_id", to="two_id")
    assigned = {
        (int(a), int(b)): share * own[int(a)] for a, b, share in table[["one_id", "two_id", "one_share"]].values
    }
    found = apportionment.by_area(specimen.layers[1], things)
    split = _rows(found.thing, found.ring, found.share * own[found.thing])
    verdict = _pairs("assignment.pairs", specimen, _enough(specimen, own, assigned))
    verdict.add(_pairs("apportionment.by_area", specimen, split))
    return verdict


def _enough(specimen: Specimen, own: NDArray[np.float64], found: dict[Members, float]) -> dict[Members, float]:
    """Put back what is less than 10⁻⁹ of a thing, which is left out by agreement."""
    second = specimen.starts[1]
    for (i, j), area in specimen.within.items():
        if i < second <= j < specimen.starts[2] and (i, j - second) not in found and area <= 1.001e-9 * own[i]:
            found[i, j - second] = area
    return found


def overlaps(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask `coverage.overlaps` where shapes of one layer lie over each other: by area, and by its shape."""
    frame = gpd.GeoDataFrame(
        {"key": [f"{n:04d}" for n in range(len(specimen.shapes))]}, geometry=specimen.shapes, crs=CRS
    ).iloc[rng.permutation(len(specimen.shapes))]
    table = coverage.overlaps(frame, "key")
    keys = list(zip(table["first"].astype(int), table["second"].astype(int), strict=True))
    verdict = Verdict()
    for name, areas_m2 in (("area_m2", table["area_m2"].tolist()), ("geometry", map(_drawn, table.geometry))):
        found = dict(zip(keys, areas_m2, strict=True))
        bound = pair_bound(specimen, 0, SHAPE_PER_METRE_M2)
        verdict.add(compared(f"coverage.overlaps, {name}", specimen.within, found, bound, both(specimen)))
    return verdict


def _drawn(shape: shapely.Geometry) -> float:
    """Return the area of a shape without rounding, m²."""
    return Shapes([shape]).area(0)


def gaps(specimen: Specimen, rng: Generator) -> Verdict:
    """Ask `coverage.gaps` for ground that cells enclose: what lies within one shape is found, nothing made up."""
    verdict = Verdict()
    if specimen.grid is None:
        return verdict
    for layer, labels in zip(specimen.layers, specimen.grid.layers, strict=True):
        frame = gpd.GeoDataFrame({"key": [f"{n:04d}" for n in range(len(layer))]}, geometry=layer, crs=CRS)
        table = coverage.gaps(frame.iloc[rng.permutation(len(frame))], "key")
        noise = BASE_M2 + NOISE * unit(specimen) * float(shapely.length(layer).sum())
        found = [area for area in table["area_m2"].tolist() if area > noise]
        within, every = ([n * specimen.grid.cell_m2 for n in sizes] for sizes in enclosed(labels))
        for area in within:
            verdict.check("coverage.gaps", (), area, _nearest(area, found), noise, layer)
        for area in found:
            verdict.check("coverage.gaps", (), _nearest(area, every), area, noise, layer)
    return verdict


def _nearest(area: float, others: list[float]) -> float:
    return min(others, key=lambda other: abs(other - area), default=0.0)


JUDGES: dict[str, Callable[[Specimen, Generator], Verdict]] = {
    judge.__name__: judge
    for judge in (two_layers, one_layer, beside_others, common_ground, shares, overlaps, gaps, ledger)
}
