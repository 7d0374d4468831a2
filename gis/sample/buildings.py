"""Buildings of the sample town: which stand on which plot, how high and how old they are.

The footprints follow from the use of the plot. Storeys are then set so that each kind of building reaches the floor
area
of a planner's table, and years so that each period has its share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.sample.layout import Pattern, fill, line_street
from gis.sample.parcels import Parcels
from gis.sample.streets import WIDTHS, Streets


@dataclass(frozen=True)
class Kind:
    """How one kind of building fills the table; frozen because it is a decision.

    Parameters
    ----------
    floor_m2 : float
        Floor area above ground of all buildings of the kind.
    storeys : tuple of float
        Lowest, usual and highest number of storeys.
    storey_m : float
        Height of a storey, m.
    ages : tuple of float
        Shares of floor area built before 1980, 1980-2000, 2001-2010 and later.
    """

    floor_m2: float
    storeys: tuple[float, float, float]
    storey_m: float
    ages: tuple[float, float, float, float]


KINDS = {
    "old_estate": Kind(130e4, (4, 5.6, 6), 2.8, (0.0, 1.0, 0.0, 0.0)),
    "shanty": Kind(31e4, (1, 1.25, 3), 3.2, (0.52, 0.38, 0.10, 0.0)),
    "courts": Kind(24e4, (1, 1.2, 3), 3.2, (0.48, 0.38, 0.14, 0.0)),
    "village": Kind(21e4, (1, 1.4, 3), 3.3, (0.08, 0.34, 0.36, 0.22)),
    "simple": Kind(1.6e4, (2, 3, 4), 2.8, (1.0, 0.0, 0.0, 0.0)),
    "estate": Kind(211e4, (6, 13, 18), 2.9, (0.0, 0.0, 0.47, 0.53)),
    "resettlement": Kind(121e4, (11, 16, 26), 2.9, (0.0, 0.0, 0.0, 1.0)),
    "public": Kind(88e4, (2, 3.6, 12), 3.7, (0.03, 0.24, 0.32, 0.41)),
    "shops": Kind(12e4, (1, 1.7, 3), 3.6, (0.05, 0.40, 0.30, 0.25)),
    "retail": Kind(46e4, (2, 3.4, 8), 4.4, (0.0, 0.10, 0.26, 0.64)),
    "office": Kind(46e4, (3, 7.0, 20), 3.8, (0.0, 0.05, 0.22, 0.73)),
    "works": Kind(60e4, (1, 1.3, 3), 6.0, (0.14, 0.46, 0.27, 0.13)),
    "storage": Kind(12e4, (1, 1.2, 2), 7.0, (0.0, 0.25, 0.40, 0.35)),
    "utility": Kind(13e4, (1, 1.8, 4), 4.0, (0.05, 0.25, 0.35, 0.35)),
    "special": Kind(18e4, (2, 3.0, 5), 3.6, (0.10, 0.30, 0.30, 0.30)),
    "ancillary": Kind(15e4, (1, 1.3, 3), 3.6, (0.02, 0.30, 0.35, 0.33)),
}
_SHANTY_FAR = 0.56
_SELF_BUILT_M2 = 55e4
_ERAS = ((1952, 1979), (1980, 2000), (2001, 2010), (2011, 2024))
_PUBLIC = ("government", "research", "culture", "sport", "health", "welfare", "community", "secondary_school",
           "primary_school", "kindergarten")  # fmt: skip
_PATTERNS: dict[str, tuple[Pattern, ...]] = {
    "old_estate": (Pattern("bar", 12.6, 32.5, (46, 74), 10.0, 5.0), Pattern("bar", 12.6, 34.0, (50, 80), 11.0, 5.0)),
    "shanty": (
        Pattern("bar", 6.8, 10.4, (11, 24), 1.8, 3.0, "plot", 0.05, 0.4),
        Pattern("bar", 6.6, 10.2, (10, 28), 1.8, 3.0, "south", 0.05, 0.4),
        Pattern("ell", 11.0, 15.0, (12, 22), 1.8, 3.0, "across", 0.04, 0.4),
    ),
    "courts": (
        Pattern("bar", 7.2, 11.6, (11, 25), 1.9, 3.0, "plot", 0.07, 0.5),
        Pattern("bar", 6.6, 10.8, (10, 28), 1.9, 3.0, "south", 0.06, 0.4),
        Pattern("ell", 11.0, 15.6, (12, 22), 1.9, 3.0, "across", 0.05, 0.5),
    ),
    "village": (
        Pattern("ell", 12.5, 20.5, (12, 18), 6.0, 8.0, "plot", 0.16, 1.3),
        Pattern("court", 12.5, 21.0, (12, 17), 6.0, 8.0, "plot", 0.18, 1.3),
    ),
    "simple": (Pattern("bar", 11.0, 25.0, (22, 46), 8.0, 5.0),),
    "estate": (
        Pattern("tower", 21.0, 56.0, (26, 34), 24.0, 9.0, stagger=True),
        Pattern("bar", 14.0, 50.0, (34, 62), 17.0, 9.0),
        Pattern("tower", 19.0, 50.0, (30, 40), 22.0, 9.0),
        Pattern("bar", 13.5, 41.0, (42, 70), 14.0, 9.0),
    ),
    "resettlement": (
        Pattern("bar", 15.5, 52.0, (36, 56), 20.0, 9.0, stagger=True),
        Pattern("tower", 22.0, 54.0, (26, 32), 22.0, 9.0),
    ),
    "public": (
        Pattern("bar", 14.0, 38.0, (28, 54), 13.0, 8.0, loose=0.12),
        Pattern("comb", 44.0, 66.0, (38, 60), 18.0, 9.0, loose=0.1),
    ),
    "retail": (
        Pattern("bar", 24.0, 39.0, (26, 62), 11.0, 5.0, "plot"),
        Pattern("ell", 42.0, 56.0, (38, 66), 13.0, 5.0, "plot"),
    ),
    "office": (
        Pattern("bar", 25.0, 49.0, (30, 48), 17.0, 8.0, "plot"),
        Pattern("tower", 34.0, 54.0, (34, 44), 20.0, 8.0, "plot"),
    ),
    "works": (
        Pattern("bar", 30.0, 43.0, (48, 108), 12.0, 9.0, "plot", 0.08),
        Pattern("bar", 20.0, 31.0, (34, 90), 11.0, 9.0, "plot", 0.06),
        Pattern("bar", 44.0, 58.0, (60, 130), 14.0, 10.0, "plot", 0.05),
    ),
    "storage": (Pattern("bar", 34.0, 56.0, (60, 120), 16.0, 10.0, "plot", 0.04),),
    "utility": (Pattern("bar", 15.0, 36.0, (16, 42), 18.0, 9.0, "plot", 0.25),),
    "special": (Pattern("bar", 13.0, 36.0, (40, 60), 18.0, 14.0, loose=0.15),),
    "depot": (Pattern("bar", 22.0, 60.0, (40, 70), 18.0, 10.0, "plot", 0.2),),
    "reserved": (Pattern("bar", 13.0, 60.0, (20, 46), 50.0, 14.0, "plot", 0.45),),
    "park": (Pattern("bar", 9.0, 110.0, (9, 18), 120.0, 18.0, "plot", 0.5),),
}  # fmt: skip


@dataclass(frozen=True)
class Buildings:
    """Buildings with their size and age; frozen because people and projects are counted from it.

    Parameters
    ----------
    shapes : numpy.ndarray of shapely.Polygon
        Footprints.
    parcels : numpy.ndarray of int
        Position of the parcel of each building.
    kinds : numpy.ndarray of str
        One of the keys of :data:`KINDS`.
    storeys, years : numpy.ndarray of int
        Storeys above ground and year of completion.
    floor_m2 : numpy.ndarray of float
        Floor area above ground.
    """

    shapes: np.ndarray
    parcels: np.ndarray
    kinds: np.ndarray
    storeys: np.ndarray
    years: np.ndarray
    floor_m2: np.ndarray


def put_up(parcels: Parcels, uses: np.ndarray, streets: Streets, rng: np.random.Generator) -> Buildings:
    """Put up the buildings.

    Parameters
    ----------
    parcels : Parcels
        Parcels of the town.
    uses : numpy.ndarray of str
        Use of each parcel.
    streets : Streets
        Streets, for the shops along them.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Buildings
        About 7,000 buildings, ordered by parcel.
    """
    outlines, owners, kinds = _footprints(parcels, uses, streets, rng)
    shapes = np.array([shapely.Polygon(np.round(outline, 3)) for outline in outlines])
    owner, kind = np.array(owners), np.array(kinds, dtype=object)
    areas = shapely.area(shapes)
    storeys = np.ones(len(shapes), dtype=int)
    years = np.full(len(shapes), 2000)
    land = float(shapely.area(parcels.shapes[uses == "shanty"]).sum())
    for name, spec in KINDS.items():
        # shanties keep their density, the other courts take the rest of what people built themselves
        if name in ("shanty", "courts"):
            spec = replace(
                spec, floor_m2=_SHANTY_FAR * land if name == "shanty" else _SELF_BUILT_M2 - _SHANTY_FAR * land
            )
        mask = kind == name
        if mask.any():
            storeys[mask] = _storeys(
                areas[mask], owner[mask], spec, name in ("courts", "shanty", "village", "public"), rng
            )
            years[mask] = _years(areas[mask] * storeys[mask], owner[mask], spec, rng)
    return Buildings(shapes, owner, kind, storeys, years, np.round(areas * storeys, 1))


def _footprints(
    parcels: Parcels, uses: np.ndarray, streets: Streets, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[int], list[str]]:
    outlines: list[np.ndarray] = []
    owners: list[int] = []
    kinds: list[str] = []
    fronts = _fronts(streets)
    for position in np.flatnonzero(parcels.kinds == "plot"):
        use = str(uses[position])
        for found, kind in _build(parcels.shapes[position], use, fronts, rng):
            outlines += found
            owners += [int(position)] * len(found)
            kinds += [kind] * len(found)
    return outlines, owners, kinds


def _fronts(streets: Streets) -> BaseGeometry:
    main = np.isin(streets.classes, ["arterial", "secondary"])
    widths = np.array([WIDTHS[kind] for kind in streets.classes[main]])
    ground = shapely.union_all(shapely.buffer(streets.lines[main], widths / 2 + 4.0, quad_segs=4))
    shapely.prepare(ground)
    return ground


def _build(
    plot: shapely.Polygon, use: str, fronts: BaseGeometry, rng: np.random.Generator
) -> list[tuple[list[np.ndarray], str]]:
    if use in ("buffer", "square"):
        return []
    groups: list[tuple[list[np.ndarray], str]] = []
    kind = "public" if use in _PUBLIC else use
    left: BaseGeometry = plot
    if kind in ("old_estate", "courts", "shanty", "estate", "resettlement"):
        shops, left = line_street(plot, fronts, 10.0, rng)
        groups.append((shops, "shops"))
    patterns = _PATTERNS[kind]
    pattern = patterns[int(rng.integers(len(patterns)))]
    found: list[np.ndarray] = []
    for part in shapely.get_parts(_school_half(left, use)):
        found += fill(part, pattern, rng)
    if not found and plot.area > 900.0:
        found = fill(plot, Pattern("bar", 12.0, 30.0, (12, 36), 9.0, 4.0, "plot"), rng)
    name = kind if kind in KINDS else "ancillary"
    groups.append((found, name))
    if kind in ("old_estate", "estate", "resettlement", "works"):
        groups.append((_sheds(left, found, rng), "ancillary"))
    return groups


def _school_half(plot: BaseGeometry, use: str) -> BaseGeometry:
    # schools keep the southern half for the sports ground
    if use not in ("primary_school", "secondary_school", "sport"):
        return plot
    west, south, east, north = plot.bounds
    return plot.intersection(shapely.box(west, south + 0.42 * (north - south), east, north))


def _sheds(plot: BaseGeometry, found: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    # boiler houses, substations, bicycle sheds: small, between the others
    west, south, east, north = plot.bounds
    count = max(1, int(plot.area / 9_000.0))
    taken = shapely.union_all([shapely.Polygon(outline) for outline in found]).buffer(4.0)
    free = plot.buffer(-3.0).difference(taken)
    sheds: list[np.ndarray] = []
    for _ in range(6 * count):
        x, y = rng.uniform(west, east), rng.uniform(south, north)
        width, depth = rng.uniform(7.0, 20.0), rng.uniform(6.0, 10.0)
        box = shapely.box(x, y, x + width, y + depth)
        if len(sheds) < count and free.contains(box):
            sheds.append(shapely.get_coordinates(box))
            free = free.difference(box.buffer(5.0))
    return sheds


def _storeys(areas: np.ndarray, owners: np.ndarray, spec: Kind, single: bool, rng: np.random.Generator) -> np.ndarray:
    low, usual, high = spec.storeys
    # neighbours on a plot are alike; houses that people built themselves are not
    plots, member = np.unique(owners, return_inverse=True)
    spread = np.exp(rng.normal(0.0, 0.22, len(plots)))[member] * np.exp(
        rng.normal(0.0, 0.30 if single else 0.08, len(areas))
    )
    bottom, top = 0.05, 6.0
    for _ in range(40):
        scale = 0.5 * (bottom + top)
        storeys = np.clip(np.round(usual * scale * spread), low, high)
        if float((areas * storeys).sum()) < spec.floor_m2:
            bottom = scale
        else:
            top = scale
    return np.asarray(np.clip(np.round(usual * scale * spread), low, high).astype(int))


def _years(floor: np.ndarray, owners: np.ndarray, spec: Kind, rng: np.random.Generator) -> np.ndarray:
    plots, member = np.unique(owners, return_inverse=True)
    weight = np.bincount(member, weights=floor)
    need = np.array(spec.ages) * weight.sum()
    era = np.zeros(len(plots), dtype=int)
    # large plots first, each into the period that still lacks most
    for plot in np.argsort(-weight * np.exp(rng.normal(0.0, 0.4, len(plots))), kind="stable"):
        era[plot] = int(np.argmax(need))
        need[era[plot]] -= weight[plot]
    start, end = np.array(_ERAS).T
    year = rng.integers(start[era], end[era] + 1)
    spread = rng.integers(-2, 3, len(floor))
    return np.asarray(np.clip(year[member] + spread, start[era][member], end[era][member]))
