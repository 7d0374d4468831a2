"""What a verdict is: how much was judged, and what was wrong of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from tests.truth.exact.specimens import Members, Specimen

CRS = 4548
LAYERS = ("one", "two", "three", "four")
# m², and m² for each metre of outlines, by which a tuple's area may be off, so that as much may be missing
BASE_M2 = 1e-6
PER_METRE_M2 = 1e-9
# what double precision allows, and docs/bench-overlay.md states: what is further off is counted as imprecise
PRECISE_PER_METRE_M2 = 1e-10
# m² for each metre of outlines, by which the area of a shape may be off whose corners are rounded to coordinates
SHAPE_PER_METRE_M2 = 1e-8
# units in the last place by which two corners of cells that are one may differ
NOISE = 8
# characters of a shape that a fault holds
LONG = 4000


@dataclass(frozen=True)
class Fault:
    """Say what is wrong: who was asked, of which shapes, the truth and the answer (m²), and the shapes as WKT."""

    judge: str
    kind: str
    where: tuple[object, ...]
    truth: float
    got: float
    shapes: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = f"{self.judge} {self.where}: {self.kind}, truth {self.truth!r} m², got {self.got!r} m²"
        return "\n  ".join([said, *self.shapes])


@dataclass
class Verdict:
    """Count what was judged and what of it is right but imprecise, and hold what was wrong."""

    judged: int = 0
    imprecise: int = 0
    worst_m2: float = 0.0
    faults: list[Fault] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        """Take in another verdict."""
        self.judged += other.judged
        self.imprecise += other.imprecise
        self.worst_m2 = max(self.worst_m2, other.worst_m2)
        self.faults += other.faults

    def check(
        self, judge: str, where: tuple[object, ...], truth: float, got: float, bound: float, shapes: NDArray[np.object_]
    ) -> None:
        """Judge one area (m²)."""
        self.judged += 1
        off = abs(truth - got)
        self.worst_m2 = max(self.worst_m2, off)
        # so that NaN is wrong too
        if not off <= bound:
            kind = "lost" if got == 0 else "invented" if truth <= bound else "measured wrongly"
            self.faults.append(Fault(judge, kind, where, float(truth), float(got), wkt(shapes)))


def wkt(shapes: Iterable[shapely.Geometry]) -> tuple[str, ...]:
    """Write shapes with all digits, of long ones only how they begin."""
    return tuple(shapely.to_wkt(shape, rounding_precision=-1)[:LONG] for shape in shapes)


def compared(
    judge: str,
    truth: Mapping[Members, float],
    got: Mapping[Members, float],
    bound: Callable[[Members], float],
    shapes: Callable[[Members], Iterable[shapely.Geometry]],
) -> Verdict:
    """Hold areas by key against the truth; what is not in it is 0 there, and what is next to nothing may be missing."""
    verdict = Verdict()
    for key in truth.keys() | got.keys():
        true, found, most = truth.get(key, 0.0), got.get(key, 0.0), bound(key)
        off = abs(true - found)
        if off <= most:
            verdict.judged += 1
            verdict.worst_m2 = max(verdict.worst_m2, float(off))
            precise = BASE_M2 + (most - BASE_M2) * PRECISE_PER_METRE_M2 / PER_METRE_M2
            verdict.imprecise += int(key in got and off > precise)
        else:
            verdict.check(judge, key, true, found, most, np.array(shapes(key), dtype=object))
    return verdict


def unit(specimen: Specimen) -> float:
    """Return a unit in the last place of the largest coordinate, m."""
    return float(np.spacing(np.abs(shapely.get_coordinates(specimen.shapes)).max()))


def frames(specimen: Specimen) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers as frames with keys "0000", "0001", ... of their shapes' positions."""
    return {
        name: gpd.GeoDataFrame({f"{name}_id": [f"{n:04d}" for n in range(len(layer))]}, geometry=layer, crs=CRS)
        for name, layer in zip(LAYERS, specimen.layers, strict=False)
    }


def keyed(table: pd.DataFrame, names: Iterable[str]) -> dict[Members, float]:
    """Return a table's areas by position; -1 stands for a key that is missing."""
    columns = [[-1 if pd.isna(key) else int(key) for key in table[f"{name}_id"]] for name in names]
    return dict(zip(zip(*columns, strict=True), table["area_m2"].tolist(), strict=True))


def pair_bound(specimen: Specimen, second: int, per_metre_m2: float = PER_METRE_M2) -> Callable[[Members], float]:
    """Return by how much the area of a pair may be off.

    Parameters
    ----------
    second
        Where in the specimen's shapes the pair's other one is counted from.
    per_metre_m2
        For each metre of outlines.
    """
    length = specimen.perimeter
    return lambda key: BASE_M2 + per_metre_m2 * float(length[key[0]] + length[key[1] + second])


def both(specimen: Specimen, second: int = 0) -> Callable[[Members], list[shapely.Geometry]]:
    """Return what finds the shapes of a pair."""
    return lambda key: [specimen.shapes[key[0]], specimen.shapes[key[1] + second]]


def two_layered(specimen: Specimen) -> tuple[dict[Members, float], Callable[[str, Mapping[Members, float]], Verdict]]:
    """Return the ground of the pairs of a specimen's first two layers, and what holds answers against it."""
    _, second, end, *_ = specimen.starts
    truth = {(i, j - second): area for (i, j), area in specimen.within.items() if i < second <= j < end}
    bound, shapes = pair_bound(specimen, second), both(specimen, second)
    return truth, lambda judge, got: compared(judge, truth, got, bound, shapes)
