"""The ground the sample town stands on: a river, a range of hills, and the direction streets take on them.

Everything here is in town coordinates: metres east and north of :data:`ORIGIN`, which lies on invented ground. The
shapes are drawn by hand as functions of the northing; nothing is random, so that every seed builds on the same valley.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.interpolate import CubicSpline
from shapely.geometry.base import BaseGeometry

# fictional ground: inside the validity of EPSG:4548, far from any town that could be meant
ORIGIN = (498_000.0, 4_395_000.0)
LENGTH = 5_700.0
BUILT_UP_M2 = 13.0e6
DISTRICT_M2 = 18.0e6
_CELL = 20.0
_EXTENT = (-400.0, -400.0, 4_600.0, 6_200.0)


@dataclass(frozen=True)
class Terrain:
    """The natural ground, before anybody builds on it; frozen because every later step reads it.

    Parameters
    ----------
    river : shapely.Polygon
        Water surface of the river.
    river_line : shapely.LineString
        Centre line of the river, running south.
    foot : shapely.LineString
        Foot of the western hills, from south to north.
    west_town, east_town : shapely.Polygon
        Ground that can be built on, west and east of the river.
    district : shapely.Polygon
        Outline of the district, in which all of the above lies.
    field : numpy.ndarray
        Raster of street directions, radians from east, 20 m cells.
    """

    river: shapely.Polygon
    river_line: shapely.LineString
    foot: shapely.LineString
    west_town: shapely.Polygon
    east_town: shapely.Polygon
    district: shapely.Polygon
    field: np.ndarray

    def direction(self, x: float, y: float) -> float:
        """Return the prevailing street direction at a point.

        Parameters
        ----------
        x, y : float
            Town coordinates, m.

        Returns
        -------
        float
            Radians from east; streets run along it and across it.
        """
        column = min(max(int((x - _EXTENT[0]) / _CELL), 0), self.field.shape[1] - 1)
        row = min(max(int((y - _EXTENT[1]) / _CELL), 0), self.field.shape[0] - 1)
        return float(self.field[row, column])


def smooth(points: Sequence[tuple[float, float]], step: float = 22.0) -> np.ndarray:
    """Draw a smooth curve through control points.

    Parameters
    ----------
    points : list of (float, float)
        Control points, m.
    step : float
        Distance between vertices of the curve, m.

    Returns
    -------
    numpy.ndarray
        Vertices, shape (n, 2).
    """
    knots = np.asarray(points, dtype=float)
    chord = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    count = max(round(chord[-1] / step), 2)
    return np.asarray(CubicSpline(chord, knots, bc_type="natural")(np.linspace(0.0, chord[-1], count + 1)))


def survey() -> Terrain:
    """Survey the ground of the sample town.

    Returns
    -------
    Terrain
        River, hill foot, ground to build on, district outline and the field of street directions.

    Notes
    -----
    The built-up ground is 13.0 km² and the district 18.0 km² (practice.md, sample town); the outer lines are moved
    until both hold to 100 m².
    """
    river_line = shapely.LineString(_river_course())
    river = _river_surface(_river_course())
    window = _limits(0.0)
    east_town = _east_bank(river, window)
    foot_shift = _solve(
        lambda shift: _west_bank(_foot_line(shift), river, window).area + east_town.area, BUILT_UP_M2, -600.0, 600.0
    )
    foot = _foot_line(foot_shift)
    west_town = _west_bank(foot, river, window)
    core = shapely.union_all([west_town, east_town, river.intersection(window)])
    ridge_shift = _solve(lambda shift: _outline(core, foot_shift, shift).area, DISTRICT_M2, 100.0, 2_000.0, rising=True)
    return Terrain(
        river=river,
        river_line=river_line,
        foot=foot,
        west_town=west_town,
        east_town=east_town,
        district=_outline(core, foot_shift, ridge_shift),
        field=_street_field(river_line, foot_shift),
    )


def elevation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Give the height of the ground above the river.

    Parameters
    ----------
    x, y : numpy.ndarray
        Town coordinates, m.

    Returns
    -------
    numpy.ndarray
        Height, m.
    """
    beyond = np.maximum(_foot(np.asarray(y, dtype=float), 0.0) - np.asarray(x, dtype=float), 0.0)
    return 6.0 + 0.30 * beyond + 0.00012 * beyond**2


def _river_course() -> np.ndarray:
    # the plain opens to the south: the river leaves the gorge, swings twice and widens
    return smooth(
        [
            (2_960, 6_300), (3_020, 5_900), (3_120, 5_450), (3_020, 5_000), (3_090, 4_560), (3_400, 4_180), (3_470,
            3_740),
            (3_250, 3_330), (3_060, 2_930), (3_170, 2_470), (3_500, 2_120), (3_690, 1_720), (3_580, 1_280),
            (3_330, 900), (3_280, 480), (3_430, 60), (3_560, -380),
        ]
    )  # fmt: skip


def _river_surface(course: np.ndarray) -> shapely.Polygon:
    along = np.gradient(course, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / np.hypot(along[:, 0], along[:, 1])[:, None]
    run = np.linspace(0.0, 1.0, len(course))
    east = 62.0 + 30.0 * run + 9.0 * np.sin(run * 31.0)
    west = 62.0 + 30.0 * run + 11.0 * np.sin(run * 23.0 + 1.0)
    ring = np.concatenate([course + normal * east[:, None], (course - normal * west[:, None])[::-1]])
    return shapely.Polygon(ring).buffer(0)


def _limits(margin: float) -> shapely.Polygon:
    # in the south the town ends at a country lane, in the north where the gorge closes
    x = np.linspace(-3_000.0, 8_000.0, 221)
    south = 120.0 - 0.035 * x + 70.0 * np.sin(x / 520.0 + 0.4) - margin
    north = 5_600.0 + 75.0 * np.sin(x / 430.0) + margin
    return shapely.Polygon([*np.stack([x, south], axis=1), *np.stack([x, north], axis=1)[::-1]])


def _foot(northing: np.ndarray, shift: float) -> np.ndarray:
    y = northing
    line = 420.0 + 2_250.0 * np.clip((y + 300.0) / 6_000.0, 0.0, 1.0) ** 1.9
    line = line + 85.0 * np.sin(y / 330.0 + 0.7) + 60.0 * np.sin(y / 171.0 + 2.0)
    # two valleys reach into the hills, two spurs stand out into the plain
    for centre, depth, width in (
        (1_990, -430, 150),
        (3_480, -520, 150),
        (2_700, 170, 230),
        (4_330, 130, 190),
        (1_250, 90, 200),
    ):
        line = line + depth * np.exp(-(((y - centre) / width) ** 2))
    return line + shift


def _foot_line(shift: float) -> shapely.LineString:
    y = np.linspace(-600.0, LENGTH + 600.0, 346)
    return shapely.LineString(np.stack([_foot(y, shift), y], axis=1))


def _west_bank(foot: shapely.LineString, river: shapely.Polygon, window: shapely.Polygon) -> shapely.Polygon:
    edge = shapely.get_coordinates(foot)
    land = shapely.Polygon([*edge, (9_000.0, edge[-1, 1]), (9_000.0, edge[0, 1])]).intersection(window)
    parts = shapely.get_parts(land.difference(river))
    return min((part for part in parts if part.area > 1e5), key=lambda part: part.centroid.x)


def _east_bank(river: shapely.Polygon, window: shapely.Polygon) -> shapely.Polygon:
    settled = shapely.Polygon(
        smooth([(3_150, 1_950), (3_560, 2_080), (3_990, 2_230), (4_160, 2_620), (4_120, 3_050), (4_020, 3_400),
        (3_700, 3_560),
                (3_100, 3_500)])
    )  # fmt: skip
    parts = shapely.get_parts(settled.difference(river).intersection(window))
    return max(parts, key=lambda part: part.centroid.x if part.area > 2e5 else 0.0)


def _outline(core: BaseGeometry, foot_shift: float, ridge: float) -> shapely.Polygon:
    y = np.linspace(-400.0, LENGTH + 400.0, 110)
    west = _foot(y, foot_shift)
    # the watershed is smoother than the hill foot
    west = np.convolve(np.pad(west, 12, mode="edge"), np.ones(25) / 25.0, mode="valid") - ridge
    west = np.minimum(west, _foot(y, foot_shift) - 60.0) + 60.0 * np.sin(y / 410.0)
    hills = shapely.Polygon([*np.stack([west, y], axis=1), (3_000.0, LENGTH + 400.0), (3_000.0, -400.0)])
    bank = core.buffer(70.0, quad_segs=4)
    river_side = shapely.union_all([bank, hills.difference(shapely.box(2_900.0, -900.0, 9_000.0, LENGTH + 900.0))])
    whole = river_side.buffer(60.0).buffer(-60.0).intersection(_limits(45.0))
    largest: shapely.Polygon = max(shapely.get_parts(whole), key=shapely.area)
    return shapely.Polygon(largest.exterior)


def _solve(measure: Callable[[float], float], target: float, low: float, high: float, *, rising: bool = False) -> float:
    for _ in range(40):
        middle = 0.5 * (low + high)
        miss = measure(middle) - target
        if abs(miss) < 20.0:
            return middle
        low, high = (middle, high) if (miss < 0.0) == rising else (low, middle)
    return 0.5 * (low + high)


def _street_field(river_line: shapely.LineString, foot_shift: float) -> np.ndarray:
    columns = np.arange(_EXTENT[0], _EXTENT[2], _CELL) + _CELL / 2
    rows = np.arange(_EXTENT[1], _EXTENT[3], _CELL) + _CELL / 2
    x, y = np.meshgrid(columns, rows)
    course = shapely.get_coordinates(river_line)
    # each influence pulls the double angle towards its own direction; a cross field needs no sign
    pulls = [_pull(x, y, np.deg2rad(84.0), 0.55)]
    pulls.append(_river_pull(x, y, course))
    slope = np.arctan2(np.full_like(y, 40.0), _foot(y + 20.0, foot_shift) - _foot(y - 20.0, foot_shift))
    distance = np.maximum(x - _foot(y, foot_shift), 0.0)
    pulls.append(_pull(x, y, slope, 1.5 * np.exp(-distance / 260.0)))
    # quarters laid out at different times have grids of their own
    for east, north, radius, degrees, weight in (
        (1_050, 820, 620, 99, 1.5), (2_150, 650, 600, 66, 1.4), (2_550, 4_000, 520, 97, 1.6), (2_500, 2_300, 520,
        72, 1.2),
        (3_800, 2_750, 500, 106, 1.2), (2_700, 4_900, 420, 86, 1.2), (1_700, 2_600, 480, 108, 1.0),
    ):  # fmt: skip
        near = np.exp(-(((x - east) ** 2 + (y - north) ** 2) / radius**2))
        pulls.append(_pull(x, y, np.deg2rad(degrees), weight * near))
    total = np.sum(pulls, axis=0)
    return 0.5 * np.arctan2(total[..., 1], total[..., 0])


def _pull(x: np.ndarray, y: np.ndarray, angle: np.ndarray | float, weight: np.ndarray | float) -> np.ndarray:
    return np.stack(
        [weight * np.cos(2 * angle) * np.ones_like(x), weight * np.sin(2 * angle) * np.ones_like(y)], axis=-1
    )


def _river_pull(x: np.ndarray, y: np.ndarray, course: np.ndarray) -> np.ndarray:
    order = np.argsort(course[:, 1], kind="stable")
    nearest = np.clip(np.searchsorted(course[order, 1], y), 1, len(course) - 2)
    along = course[order][nearest + 1] - course[order][nearest - 1]
    distance = np.abs(x - course[order][nearest, 0])
    return _pull(x, y, np.arctan2(along[..., 1], along[..., 0]), 1.3 * np.exp(-distance / 420.0))
