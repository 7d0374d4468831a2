"""Renewal in the sample town: where units lie, which projects they hold, and what went wrong on purpose.

Units are groups of neighbouring street blocks, projects are plots or groups of plots in them. The defects that a
planner finds in every real register are planted: projects that overlap, two outside every unit, one in several parts,
one on a far slope outside every block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.sample.buildings import Buildings
from gis.sample.parcels import Parcels
from gis.sample.people import People
from gis.sample.streets import Streets
from gis.sample.territories import Territories

QUOTA = {"old_estate": 16, "dangerous_building": 4, "commercial": 5, "industrial": 6, "shanty": 4, "public_space": 5}
_USES = {
    "old_estate": ("old_estate",),
    "dangerous_building": ("simple",),
    "commercial": ("retail", "office"),
    "industrial": ("works", "storage"),
    "public_space": ("park", "buffer", "square"),
}
# hectares, then households, that a project of the type may have
_SIZES = {
    "old_estate": ((0.92, 4.1), (140, 740)),
    "dangerous_building": ((0.2, 0.72), (27, 120)),
    "commercial": ((0.4, 1.3), None),
    "industrial": ((2.0, 8.5), None),
    "public_space": ((0.4, 12.0), None),
}
_UNIT_HA = (30, 30, 28, 28, 38, 32, 26, 30, 26, 22, 18, 24, 20, 16, 12)
_UNIT_KINDS = (
    ("shanty",) * 4 + ("industrial",) * 3 + ("dangerous_building",) * 4 + ("commercial",) * 3 + ("old_estate",)
)
_MOST = 6
# pairs of project types that are made to overlap, until there are four; the first one is drawn too large
CONFLICTS = (
    ("public_space", "old_estate"),
    ("commercial", "old_estate"),
    ("industrial", "public_space"),
    ("old_estate", "dangerous_building"),
    ("old_estate", "commercial"),
    ("public_space", "commercial"),
    ("industrial", "commercial"),
    ("commercial", "public_space"),
)
_PLANTED = 4
_CONFLICT_M2 = 300.0
_GROWTH_M2 = 8_000.0
_REACH_M = 24.0
_MOUTH_M = 50.0
_APART_M = 140.0


@dataclass(frozen=True)
class Project:
    """A project on the ground; frozen, changed with ``dataclasses.replace``.

    Parameters
    ----------
    kind : str
        Project type.
    shape : BaseGeometry
        Its ground.
    unit : int
        Position of its unit, -1 for none.
    parcels : tuple of int
        Parcels that it takes in.
    title : str
        What it renews, for its name.
    """

    kind: str
    shape: BaseGeometry
    unit: int
    parcels: tuple[int, ...]
    title: str = ""


@dataclass(frozen=True)
class Renewal:
    """Units and projects; frozen because the register is written from it.

    Parameters
    ----------
    units : list of tuple of int
        Street blocks of each unit.
    projects : list of Project
        The projects.
    """

    units: list[tuple[int, ...]]
    projects: list[Project]


@dataclass(frozen=True)
class _Site:
    """What renewal may choose from."""

    parcels: Parcels
    uses: np.ndarray
    areas: np.ndarray
    households: np.ndarray
    faces: np.ndarray
    face_areas: np.ndarray
    block_of: np.ndarray
    borders: dict[int, dict[int, float]]


def plan(
    parcels: Parcels,
    uses: np.ndarray,
    buildings: Buildings,
    people: People,
    streets: Streets,
    territories: Territories,
    rng: np.random.Generator,
) -> Renewal:
    """Delineate units and choose projects.

    Parameters
    ----------
    parcels, uses, buildings, people, streets, territories
        The town.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Renewal
        15 units and 40 projects.
    """
    counted = np.nan_to_num(people.households)
    site = _Site(
        parcels=parcels,
        uses=uses,
        areas=shapely.area(parcels.shapes) / 1e4,
        households=np.bincount(buildings.parcels, weights=counted, minlength=len(uses)),
        faces=streets.faces,
        face_areas=shapely.area(streets.faces) / 1e4,
        block_of=territories.block_of,
        borders=_borders(streets.faces),
    )
    units = _units(site, rng)
    projects = _shanty(site, units)
    projects += _ordinary(site, units, rng)
    used = {parcel for project in projects for parcel in project.parcels}
    projects += _stray(site, units, territories, used, rng)
    return Renewal(units, _overlap(projects))


def _borders(faces: np.ndarray) -> dict[int, dict[int, float]]:
    tree = shapely.STRtree(faces)
    first, second = tree.query(faces, predicate="touches")
    length = shapely.length(shapely.intersection(faces[first], faces[second]))
    borders: dict[int, dict[int, float]] = {i: {} for i in range(len(faces))}
    for a, b, shared in zip(first.tolist(), second.tolist(), length.tolist(), strict=True):
        if shared > 80.0:
            borders[a][b] = shared
    return borders


def _candidates(site: _Site, kind: str) -> list[int]:
    (low, high), people = _SIZES[kind]
    fits = np.isin(site.uses, _USES[kind]) & (site.areas >= low) & (site.areas <= high)
    if people is not None:
        fits &= (site.households >= people[0]) & (site.households <= people[1])
    return [int(i) for i in np.flatnonzero(fits)]


def _worth(site: _Site, kind: str) -> np.ndarray:
    # how much a street block offers to a unit of the kind
    worth = np.zeros(len(site.faces))
    if kind == "shanty":
        np.add.at(worth, site.parcels.street_blocks, np.where(site.uses == "shanty", site.areas, 0.0))
        return np.asarray(np.where(worth > 0.4 * site.face_areas, worth, 0.0))
    for other, weight in ((kind, 1.0), ("old_estate", 0.8), ("public_space", 0.2)):
        found = _candidates(site, other)
        np.add.at(worth, site.parcels.street_blocks[found], weight)
    main = np.zeros(len(site.faces))
    np.add.at(main, site.parcels.street_blocks[_candidates(site, kind)], 1.0)
    return np.asarray(np.where(main > 0, worth, 0.0))


def _units(site: _Site, rng: np.random.Generator) -> list[tuple[int, ...]]:
    taken: set[int] = set()
    units: list[tuple[int, ...]] = []
    plain = 2.0 * _worth(site, "old_estate") + _worth(site, "commercial") + _worth(site, "industrial")
    for kind, target in zip(_UNIT_KINDS, _UNIT_HA, strict=True):
        worth = _worth(site, kind) + 0.01 * rng.random(len(site.faces))
        cluster = _together(site, worth, taken) if kind == "shanty" else worth
        start = max((i for i in range(len(site.faces)) if i not in taken), key=lambda i: cluster[i] + 1e-3 * worth[i])
        unit = [start]
        taken.add(start)
        while True:
            size = site.face_areas[unit].sum()
            around = {
                b for a in unit for b in site.borders[a] if b not in taken and size + site.face_areas[b] < target + 6.0
            }
            gain = {b: _gain(site, unit, b, worth, plain, 12.0 if kind == "shanty" else 2.0) for b in sorted(around)}
            best = max(gain, key=lambda b: gain[b], default=None)
            # a shanty area is one cluster: it is never left in two units
            whole = kind == "shanty" and best is not None and worth[best] >= 1.0
            if best is None or (size >= target - 5.0 and not whole):
                break
            unit.append(best)
            taken.add(best)
        units.append(tuple(sorted(unit)))
    return units


def _together(site: _Site, worth: np.ndarray, taken: set[int]) -> np.ndarray:
    # what a street block offers together with its neighbours
    joint = worth.copy()
    for block, around in site.borders.items():
        joint[block] += sum(worth[b] for b in around if b not in taken) if worth[block] >= 1.0 else 0.0
    return joint


def _gain(site: _Site, unit: list[int], b: int, worth: np.ndarray, plain: np.ndarray, weight: float) -> float:
    same = 0.5 if site.block_of[b] == site.block_of[unit[0]] else 0.0
    shared = sum(site.borders[b].get(a, 0.0) for a in unit) / site.faces[b].length
    return float(weight * worth[b] + 2.5 * plain[b]) / float(site.face_areas[b]) * 5.0 + same + 2.0 * float(shared)


def _shanty(site: _Site, units: list[tuple[int, ...]]) -> list[Project]:
    projects = []
    worth = _worth(site, "shanty")
    for number in range(QUOTA["shanty"]):
        blocks = [b for b in units[number] if worth[b] > 0.0]
        inside = np.flatnonzero(np.isin(site.parcels.street_blocks, blocks))
        shape = shapely.coverage_union_all(site.faces[blocks])
        projects.append(Project("shanty", shape, number, tuple(int(i) for i in inside)))
    return projects


def _ordinary(site: _Site, units: list[tuple[int, ...]], rng: np.random.Generator) -> list[Project]:
    unit_of = {block: number for number, unit in enumerate(units) for block in unit}
    worth = _worth(site, "shanty")
    count = np.zeros(len(units), dtype=int)
    count[: QUOTA["shanty"]] = 1
    projects: list[Project] = []
    for kind in ("dangerous_building", "industrial", "commercial", "public_space", "old_estate"):
        wanted = {"old_estate": 15, "public_space": 3}.get(kind, QUOTA[kind])
        blocks = site.parcels.street_blocks
        free = [i for i in _candidates(site, kind) if int(blocks[i]) in unit_of and worth[blocks[i]] == 0.0]
        free = [free[i] for i in rng.permutation(len(free))]
        # plots of unusual size stand in reserve
        spare = [int(i) for i in np.flatnonzero(np.isin(site.uses, _USES[kind])) if int(blocks[i]) in unit_of]
        spare = [i for i in spare if i not in free and worth[blocks[i]] == 0.0]
        for _ in range(wanted):
            open_ = [i for i in free or spare if count[unit_of[int(blocks[i])]] < _MOST]
            open_ = open_ or [i for i in spare if count[unit_of[int(blocks[i])]] < _MOST]
            if not open_:
                break
            # the unit with the fewest projects comes first
            chosen = min(open_, key=lambda i: count[unit_of[int(blocks[i])]])
            (free if chosen in free else spare).remove(chosen)
            unit = unit_of[int(blocks[chosen])]
            count[unit] += 1
            projects.append(Project(kind, site.parcels.shapes[chosen], unit, (chosen,)))
    return projects


def _stray(
    site: _Site, units: list[tuple[int, ...]], territories: Territories, used: set[int], rng: np.random.Generator
) -> list[Project]:
    inside = {block for unit in units for block in unit}
    blocks = site.parcels.street_blocks
    lone = [i for i in _candidates(site, "old_estate") if int(blocks[i]) not in inside]
    chosen = lone[int(rng.integers(len(lone)))]
    unit, pockets = _pockets(site, units, used)
    slope = _quarry(territories)
    return [
        Project("old_estate", site.parcels.shapes[chosen], -1, (chosen,)),
        Project("public_space", shapely.union_all(site.parcels.shapes[pockets]), unit, tuple(pockets), "口袋公园群"),
        Project("public_space", slope, -1, (), "旧采石场"),
    ]


def _pockets(site: _Site, units: list[tuple[int, ...]], used: set[int]) -> tuple[int, list[int]]:
    # corner plots of one unit, made into small parks by one project in several parts
    small = np.isin(site.uses, ["park", "buffer", "square", "utility", "community", "kindergarten"]) & (
        site.areas < 1.6
    )
    best: tuple[int, list[int]] = (0, [])
    for number, unit in enumerate(units):
        mine = np.flatnonzero(small & np.isin(site.parcels.street_blocks, unit))
        found = [int(i) for i in mine if int(i) not in used]
        found.sort(key=lambda i: (site.uses[i] not in ("park", "buffer", "square"), site.areas[i]))
        apart: list[int] = []
        for i in found:
            if all(site.parcels.shapes[i].distance(site.parcels.shapes[j]) > 5.0 for j in apart):
                apart.append(i)
        if len(apart) > len(best[1]):
            best = (number, apart[:4])
    return best


def _quarry(territories: Territories) -> shapely.Polygon:
    part = max(shapely.get_parts(territories.far_slopes), key=shapely.area)
    spot = shapely.maximum_inscribed_circle(part)
    centre = shapely.get_coordinates(spot)[0]
    turn = np.linspace(0.0, 2 * np.pi, 37)[:-1]
    radius = 0.82 * spot.length * (0.78 + 0.12 * np.sin(2 * turn + 0.5) + 0.08 * np.sin(3 * turn))
    ring = centre + np.stack([radius * np.cos(turn) * 0.8, radius * np.sin(turn)], axis=1)
    return shapely.Polygon(np.round(ring, 3))


def _overlap(projects: list[Project]) -> list[Project]:
    changed = list(projects)
    touched: set[int] = set()
    for first, second in CONFLICTS:
        if len(touched) == 2 * _PLANTED:
            break
        for i, j in _pairs(changed, first, second, touched):
            others = shapely.union_all([p.shape for k, p in enumerate(changed) if k not in (i, j)])
            shape = _encroach(changed[i].shape, changed[j].shape, others)
            grown = shape.area - changed[i].shape.area
            if shape.intersection(changed[j].shape).area > _CONFLICT_M2 and grown < _GROWTH_M2:
                changed[i] = replace(changed[i], shape=shape)
                touched |= {i, j}
                break
    return changed


def _pairs(projects: list[Project], first: str, second: str, touched: set[int]) -> list[tuple[int, int]]:
    # nearest neighbours first, those of one unit before others
    found = []
    for i, a in enumerate(projects):
        for j, b in enumerate(projects):
            free = min(a.unit, b.unit) >= 0 and not {i, j} & touched and not a.title
            if free and (a.kind, b.kind) == (first, second) and a.shape.distance(b.shape) < _APART_M:
                found.append((a.shape.distance(b.shape) + (0.0 if a.unit == b.unit else 60.0), i, j))
    return [(i, j) for _, i, j in sorted(found)]


def _encroach(shape: BaseGeometry, other: BaseGeometry, others: BaseGeometry) -> BaseGeometry:
    # the project reaches into its neighbour, across the lane between them if there is one, and into nobody else
    gap = shape.distance(other)
    link = shapely.shortest_line(other, shape)
    mouth = shapely.Point(link.coords[0]).buffer(_MOUTH_M, quad_segs=4)
    front = other.intersection(shape.buffer(gap + _REACH_M, join_style="mitre")).intersection(mouth)
    front = max(shapely.get_parts(front), key=shapely.area)
    bridge = shapely.union_all([shape, front])
    if gap > 0.0:
        span = link.buffer(14.0, cap_style="square")
        bridge = shapely.union_all([shape, front, span])
    grown = bridge.difference(others.buffer(0.5)) if others.intersects(bridge) else bridge
    largest = max(shapely.get_parts(grown), key=shapely.area)
    return shapely.transform(largest, lambda xy: np.round(xy, 3))
