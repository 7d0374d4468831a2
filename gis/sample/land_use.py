"""Land use of the sample town: which plot serves what, within the land balance of a planner's table.

Uses are dealt out one after another, the choosiest first. Each takes the plots that suit it best until its share of the
13 km² is used up; housing takes what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis.sample.parcels import Parcels
from gis.sample.quarters import QUARTERS
from gis.sample.rail import Stations
from gis.sample.streets import Streets
from gis.sample.terrain import Terrain

# hectares of the table in practice.md; roads and railway lie outside the plots
_QUOTA_HA = {
    "special": 26.0, "village": 65.0, "works": 105.0, "storage": 25.0, "courts": 60.0, "simple": 2.2,
    "secondary_school": 19.0, "primary_school": 22.0, "kindergarten": 7.5, "government": 17.0, "research": 12.0,
    "culture": 6.0, "sport": 8.0, "health": 11.0, "welfare": 6.0, "community": 8.5, "retail": 35.0, "office": 30.0,
    "old_estate": 100.0, "utility": 26.0, "depot": 4.0, "park": 131.0, "buffer": 31.0, "square": 7.0,
    "reserved": 65.0, "resettlement": 58.0,
}  # fmt: skip
CODES = {
    "special": "15", "village": "0703", "works": "1001", "storage": "1101", "shanty": "0701", "courts": "0701",
    "simple": "0701", "secondary_school": "080403", "primary_school": "080403", "kindergarten": "080404",
    "government": "0801", "research": "0802", "culture": "0803", "sport": "0805", "health": "0806", "welfare": "0807",
    "community": "0702", "retail": "0901", "office": "0902", "old_estate": "0701", "utility": "13", "depot": "1208",
    "park": "1401", "buffer": "1402", "square": "1403", "reserved": "16", "resettlement": "0701", "estate": "0701",
    "road": "1207", "rail": "1201",
}  # fmt: skip
ESTATES = 62
_SHANTY_SEEDS = ((2_620, 4_260), (2_020, 3_780), (2_640, 3_420), (1_180, 2_700))


@dataclass
class _Ground:
    """Plots that are still free, and what is known of their place."""

    shapes: np.ndarray
    area: np.ndarray
    x: np.ndarray
    y: np.ndarray
    quarter: np.ndarray
    street_block: np.ndarray
    station: np.ndarray
    river: np.ndarray
    foot: np.ndarray
    railway: np.ndarray
    main: np.ndarray
    use: np.ndarray
    free: np.ndarray
    noise: np.ndarray


def allot(
    parcels: Parcels, streets: Streets, stations: Stations, terrain: Terrain, rng: np.random.Generator
) -> np.ndarray:
    """Decide the use of every parcel.

    Parameters
    ----------
    parcels, streets, stations, terrain
        The town so far.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    numpy.ndarray of str
        One of the keys of :data:`CODES` for each parcel.
    """
    ground = _look(parcels, streets, stations, terrain, rng)
    ground.use[parcels.kinds == "road"] = "road"
    ground.use[parcels.kinds == "rail"] = "rail"
    _allot_landscape(ground)
    _allot_work(ground)
    _allot_old_housing(ground)
    _allot_services(ground)
    _allot_new_housing(ground)
    return ground.use


def _look(
    parcels: Parcels, streets: Streets, stations: Stations, terrain: Terrain, rng: np.random.Generator
) -> _Ground:
    spots = shapely.point_on_surface(parcels.shapes)
    x, y = shapely.get_coordinates(spots).T
    main = shapely.union_all(streets.lines[np.isin(streets.classes, ["arterial", "secondary"])])
    rapid = shapely.multipoints(stations.points[stations.states == "operating"])
    return _Ground(
        shapes=parcels.shapes,
        area=shapely.area(parcels.shapes) / 1e4,
        x=x,
        y=y,
        quarter=np.array([quarter.name for quarter in QUARTERS], dtype=object)[streets.quarters[parcels.street_blocks]],
        street_block=parcels.street_blocks,
        station=shapely.distance(spots, rapid),
        river=shapely.distance(spots, terrain.river),
        foot=shapely.distance(spots, terrain.foot),
        railway=shapely.distance(spots, streets.railway),
        main=shapely.distance(parcels.shapes, main),
        use=np.full(len(x), "", dtype=object),
        free=parcels.kinds == "plot",
        noise=rng.normal(0.0, 1.0, len(x)),
    )


def _near(ground: _Ground, x: float, y: float, reach: float) -> np.ndarray:
    return np.exp(-((ground.x - x) ** 2 + (ground.y - y) ** 2) / reach**2)


def _is(ground: _Ground, *names: str) -> np.ndarray:
    return np.isin(ground.quarter, names).astype(float)


def _take(
    ground: _Ground, use: str, score: np.ndarray, *, size: tuple[float, float] = (0.1, 40.0), count: int | None = None,
    spread: float = 0.0,
) -> None:  # fmt: skip
    # best plots first, until the quota is full; a plot that would overfill it is passed over
    quota, taken = _QUOTA_HA[use], 0.0
    score = score + 0.12 * ground.noise
    spots: list[tuple[float, float]] = []
    fits = ground.free & (ground.area >= size[0]) & (ground.area <= size[1])
    for candidate in np.argsort(-score, kind="stable"):
        if not fits[candidate] or taken + ground.area[candidate] > quota * 1.02 + 0.15:
            continue
        here = (float(ground.x[candidate]), float(ground.y[candidate]))
        if spread and any(np.hypot(here[0] - a, here[1] - b) < spread for a, b in spots):
            continue
        ground.use[candidate], ground.free[candidate] = use, False
        taken += ground.area[candidate]
        spots.append(here)
        if count is not None and len(spots) >= count:
            return
    if spread > 60.0 and taken < 0.93 * quota:
        _fill(ground, use, score, size, quota - taken, None if count is None else count - len(spots))


def _fill(
    ground: _Ground, use: str, score: np.ndarray, size: tuple[float, float], left: float, count: int | None
) -> None:
    fits = ground.free & (ground.area >= size[0]) & (ground.area <= size[1])
    for candidate in np.argsort(-score, kind="stable"):
        if count == 0:
            return
        if fits[candidate] and ground.area[candidate] <= left * 1.05:
            ground.use[candidate], ground.free[candidate] = use, False
            left -= ground.area[candidate]
            count = None if count is None else count - 1


def _allot_landscape(ground: _Ground) -> None:
    belt = ground.free & (ground.river < 105.0)
    ground.use[belt], ground.free[belt] = "park", False
    _take(
        ground, "special", _near(ground, 2_700, 5_450, 420) + 0.7 * _near(ground, 4_050, 3_150, 260), size=(2.0, 14.0)
    )
    hill = _is(ground, "hillside") * 1.6 + np.exp(-ground.foot / 170.0)
    _take(ground, "village", hill - 0.8 * (ground.y > 4_300) - 0.9 * (ground.y < 1_500), size=(0.8, 9.0))


def _allot_work(ground: _Ground) -> None:
    works = 2.0 * _is(ground, "works") + np.exp(-ground.railway / 260.0) - 0.8 * np.exp(-ground.station / 350.0)
    _take(ground, "works", works, size=(0.9, 12.0))
    _take(ground, "storage", works + 0.6 * _near(ground, 2_900, 900, 700), size=(0.9, 9.0))


def _allot_old_housing(ground: _Ground) -> None:
    chosen: list[int] = []
    for x, y in _SHANTY_SEEDS:
        chosen += _cluster(ground, x, y, chosen)
    shanty = np.isin(ground.street_block, chosen) & ground.free
    ground.use[shanty], ground.free[shanty] = "shanty", False
    old = 1.3 * _is(ground, "old_town") + 0.9 * _is(ground, "estates") + 0.3 * _is(ground, "gorge")
    _take(ground, "simple", old + 0.4 * _is(ground, "centre"), size=(0.36, 0.62), count=4, spread=300.0)
    _take(
        ground, "courts", old + 0.5 * np.exp(-ground.railway / 200.0) + 0.25 * _is(ground, "hillside"), size=(0.5, 6.5)
    )


def _cluster(ground: _Ground, x: float, y: float, chosen: list[int]) -> list[int]:
    # one to three neighbouring street blocks, 16 to 30 hectares together with their streets
    blocks = [int(b) for b in np.unique(ground.street_block) if b not in chosen]
    members = {b: ground.street_block == b for b in blocks}
    gross_of = {b: float(ground.area[members[b]].sum()) for b in blocks}
    open_ = {b: float(ground.area[members[b] & ground.free].sum()) / gross_of[b] for b in blocks}
    blocks = [b for b in blocks if open_[b] >= 0.66 and gross_of[b] >= 7.0]
    spot = {b: np.array([ground.x[members[b]].mean(), ground.y[members[b]].mean()]) for b in blocks}
    first = min(blocks, key=lambda b: np.hypot(*(spot[b] - (x, y))))
    cluster, gross = [first], gross_of[first]
    shape = shapely.union_all(ground.shapes[members[first]])
    for b in sorted(blocks, key=lambda b: np.hypot(*(spot[b] - spot[first])))[:9]:
        touching = b != first and shape.intersection(shapely.union_all(ground.shapes[members[b]])).length > 60.0
        if touching and gross < 16.0 and gross + gross_of[b] <= 30.0:
            cluster.append(b)
            gross += gross_of[b]
            shape = shape.union(shapely.union_all(ground.shapes[members[b]]))
    return cluster


def _allot_services(ground: _Ground) -> None:
    lived = 1.0 - 0.8 * _is(ground, "works", "gorge") - 0.2 * _is(ground, "hillside")
    _take(ground, "secondary_school", lived, size=(2.2, 4.4), count=6, spread=700.0)
    _take(ground, "primary_school", lived, size=(1.2, 2.6), count=12, spread=480.0)
    centre = (
        np.exp(-ground.station / 300.0) + 0.5 * np.exp(-ground.main / 60.0) + 0.5 * _is(ground, "centre", "old_town")
    )
    _take(ground, "health", lived + 0.4 * centre, size=(1.0, 5.5), count=5, spread=700.0)
    _take(ground, "government", centre + 0.4 * _near(ground, 2_350, 2_500, 500), size=(0.6, 3.6))
    _take(ground, "culture", centre, size=(0.7, 3.0), count=4, spread=500.0)
    _take(ground, "retail", 1.2 * centre + 0.3 * lived, size=(0.3, 2.9), spread=70.0)
    _take(ground, "office", centre + 0.6 * np.exp(-ground.station / 300.0), size=(0.4, 2.4), spread=70.0)
    _take(ground, "kindergarten", lived, size=(0.35, 1.0), count=11, spread=360.0)
    _take(ground, "community", lived, size=(0.2, 1.2), count=14, spread=330.0)
    _take(ground, "welfare", lived, size=(0.8, 2.4), count=4, spread=650.0)
    _take(ground, "sport", lived, size=(1.2, 4.5), count=3, spread=800.0)
    _take(ground, "research", _near(ground, 1_250, 1_500, 500) + _is(ground, "new_town"), size=(2.0, 9.0))
    edge = np.exp(-ground.railway / 90.0) + 0.7 * np.exp(-ground.foot / 90.0) + 0.4 * _is(ground, "works")
    _take(ground, "utility", 0.6 * edge + 0.3, size=(0.4, 3.6), spread=230.0)
    _take(ground, "depot", _is(ground, "works", "new_town"), size=(0.6, 3.2), spread=500.0)


def _allot_new_housing(ground: _Ground) -> None:
    old = 1.4 * _is(ground, "estates") + 1.0 * _is(ground, "old_town") + 0.5 * _is(ground, "centre", "gorge")
    _take_estates(ground, old - 0.8 * np.exp(-((ground.station / 800.0) ** 2)))
    _take_park(ground, _QUOTA_HA["park"] - float(ground.area[ground.use == "park"].sum()))
    edge = np.exp(-ground.railway / 90.0) + 0.7 * np.exp(-ground.foot / 90.0) + 0.4 * _is(ground, "works")
    _take(ground, "buffer", edge, size=(0.2, 4.0))
    _take(ground, "square", np.exp(-ground.station / 250.0), size=(0.2, 1.6), spread=300.0)
    waiting = 0.5 * _is(ground, "east_bank") + 0.9 * np.exp(-((ground.station / 600.0) ** 2))
    _take(ground, "reserved", waiting + 0.3 * _near(ground, 2_200, 200, 600), size=(1.0, 9.0))
    new = 1.0 * _is(ground, "new_town") + 0.5 * _is(ground, "gorge", "estates") + 0.5 * _near(ground, 2_400, 4_850, 600)
    _take(ground, "resettlement", new - 2.2 * np.exp(-((ground.station / 850.0) ** 2)), size=(1.4, 9.0))
    ground.use[ground.free], ground.free[ground.free] = "estate", False


def _take_park(ground: _Ground, quota: float) -> None:
    lived = 0.6 - 0.3 * _is(ground, "works") + 0.4 * np.exp(-ground.foot / 140.0)
    lived = lived + 0.3 * np.exp(-((ground.station / 700.0) ** 2))
    taken: list[tuple[float, float]] = []
    for candidate in np.argsort(-(lived + 0.3 * ground.noise), kind="stable"):
        area = ground.area[candidate]
        here = (ground.x[candidate], ground.y[candidate])
        far = all(np.hypot(here[0] - a, here[1] - b) > 230.0 for a, b in taken)
        if ground.free[candidate] and far and 0.3 < area < 9.0 and area <= quota * 1.05:
            ground.use[candidate], ground.free[candidate] = "park", False
            quota -= area
            taken.append(here)


def _take_estates(ground: _Ground, score: np.ndarray) -> None:
    score = score + 0.12 * ground.noise
    fits = ground.free & (ground.area >= 0.45) & (ground.area <= 3.9)
    ranked = [i for i in np.argsort(-score, kind="stable") if fits[i]]
    chosen, spare = ranked[:ESTATES], ranked[ESTATES:]
    # exchange plots until 62 estates cover about 100 hectares
    for _ in range(200):
        surplus = float(ground.area[chosen].sum()) - _QUOTA_HA["old_estate"]
        if abs(surplus) < 1.0:
            break
        pairs = [
            (abs(surplus + ground.area[b] - ground.area[a]), i, j)
            for i, a in enumerate(chosen)
            for j, b in enumerate(spare)
        ]
        if not pairs:
            break
        _, i, j = min(pairs)
        chosen[i], spare[j] = spare[j], chosen[i]
    ground.use[chosen], ground.free[chosen] = "old_estate", False
