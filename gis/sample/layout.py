"""How buildings stand on a plot: in rows that face south, along lanes, or along the street."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

# outlines in a unit square: x along the row, y across it
_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "bar": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "ell": [(0, 0), (1, 0), (1, 0.55), (0.46, 0.55), (0.46, 1), (0, 1)],
    "court": [(0, 0), (0.34, 0), (0.34, 0.52), (0.68, 0.52), (0.68, 0), (1, 0), (1, 1), (0, 1)],
    "tower": [(0.22, 0), (0.42, 0), (0.42, 0.12), (0.58, 0.12), (0.58, 0), (0.78, 0), (0.78, 0.2), (1, 0.2),
              (1, 0.8), (0.78, 0.8), (0.78, 1), (0.22, 1), (0.22, 0.8), (0, 0.8), (0, 0.2), (0.22, 0.2)],
    "comb": [(0, 0), (1, 0), (1, 0.26), (0.26, 0.26), (0.26, 0.4), (0.92, 0.4), (0.92, 0.62), (0.26, 0.62), (0.26,
    0.76),
             (1, 0.76), (1, 1), (0, 1)],
}  # fmt: skip


@dataclass(frozen=True)
class Pattern:
    """A way of building; frozen because it is a convention, not a state.

    Parameters
    ----------
    outline : str
        Shape of a building: bar, ell, court, tower or comb.
    depth_m, pitch_m : float
        Depth of a building and distance from row to row.
    length_m : tuple of float
        Shortest and longest building.
    gap_m : float
        Distance between neighbours in a row.
    setback_m : float
        Distance from the border of the plot.
    facing : str
        "south" (rows within 28° of east-west), "plot" (along the plot's long side) or "across" (along its short side).
    loose : float
        Share of places left empty.
    jitter_m : float
        How far a building may stand off its place.
    stagger : bool
        Shift every second row by half a step.
    """

    outline: str
    depth_m: float
    pitch_m: float
    length_m: tuple[float, float]
    gap_m: float
    setback_m: float = 6.0
    facing: str = "south"
    loose: float = 0.0
    jitter_m: float = 0.0
    stagger: bool = False


def fill(ground: shapely.Polygon, pattern: Pattern, rng: np.random.Generator) -> list[np.ndarray]:
    """Fill a piece of ground with buildings.

    Parameters
    ----------
    ground : shapely.Polygon
        The plot, or what is left of it.
    pattern : Pattern
        The way of building.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    list of numpy.ndarray
        Outline of each building, closed, shape (n, 2).
    """
    buildable = ground.buffer(-pattern.setback_m, join_style="mitre")
    outlines: list[np.ndarray] = []
    for part in shapely.get_parts(buildable):
        if part.area > 60.0:
            outlines += _rows(part, pattern, rng)
    if not outlines:
        return []
    kept = shapely.contains(buildable.buffer(0.6), [shapely.Polygon(outline) for outline in outlines])
    return [outline for outline, keep in zip(outlines, kept, strict=True) if keep]


def line_street(
    ground: shapely.Polygon, street: BaseGeometry, depth_m: float, rng: np.random.Generator
) -> tuple[list[np.ndarray], BaseGeometry]:
    """Put shops along the sides of a plot that face a street.

    Parameters
    ----------
    ground : shapely.Polygon
        The plot.
    street : BaseGeometry
        Ground of the streets that attract shops.
    depth_m : float
        Depth of the shops.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    tuple
        Outlines of the shops, and the ground that they leave.
    """
    ring = shapely.get_coordinates(ground.exterior.simplify(1.5))
    outlines: list[np.ndarray] = []
    left: BaseGeometry = ground
    for start, end in pairwise(ring):
        side = end - start
        length = float(np.hypot(side[0], side[1]))
        if length < 55.0 or not street.contains(shapely.Point((start + end) / 2)):
            continue
        along = side / length
        inward = np.array([-along[1], along[0]]) * (1.0 if ground.exterior.is_ccw else -1.0)
        place = 9.0
        while place < length - 22.0:
            size = min(float(rng.uniform(14.0, 38.0)), length - 9.0 - place)
            if rng.random() > 0.22:
                corner = start + along * place + inward * 3.0
                box = [
                    corner,
                    corner + along * size,
                    corner + along * size + inward * depth_m,
                    corner + inward * depth_m,
                ]
                outlines.append(np.array([*box, corner]))
            place += size + 5.0
        band = [start, end, end + inward * (depth_m + 8.0), start + inward * (depth_m + 8.0)]
        left = left.difference(shapely.Polygon(band))
    shops = [outline for outline in outlines if ground.contains(shapely.Polygon(outline))]
    return shops, left


def _heading(ground: shapely.Polygon, facing: str) -> float:
    ring = shapely.get_coordinates(shapely.minimum_rotated_rectangle(ground))
    sides = np.diff(ring[:3], axis=0)
    longest = int(np.argmax(np.hypot(sides[:, 0], sides[:, 1])))
    side = sides[1 - longest] if facing == "across" else sides[longest]
    angle = float(np.arctan2(side[1], side[0]))
    if facing != "south":
        return angle
    # of the plot's two directions the one nearer to east-west, and never far from it
    turned = (angle + np.pi / 4) % (np.pi / 2) - np.pi / 4
    return float(np.clip(turned, -0.49, 0.49))


def _rows(ground: shapely.Polygon, pattern: Pattern, rng: np.random.Generator) -> list[np.ndarray]:
    angle = _heading(ground, pattern.facing)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    ring = shapely.get_coordinates(ground.exterior) @ turn.T
    low, high = ring[:, 1].min(), ring[:, 1].max()
    count = max(int((high - low - pattern.depth_m) // pattern.pitch_m) + 1, 1)
    spare = (high - low) - pattern.depth_m - (count - 1) * pattern.pitch_m
    unit = np.array(_OUTLINES[pattern.outline], dtype=float)
    unit = np.concatenate([unit, unit[:1]])
    outlines = []
    for row in range(count):
        base = low + 0.5 * spare + row * pattern.pitch_m
        for left, right in _clear(ring, base, base + pattern.depth_m):
            for start, length in _places(left, right, row, pattern, rng):
                outlines.append(_stand(unit, start, base, length, pattern, rng) @ turn)
    return outlines


def _places(
    left: float, right: float, row: int, pattern: Pattern, rng: np.random.Generator
) -> list[tuple[float, float]]:
    shortest, longest = pattern.length_m
    if pattern.stagger and row % 2:
        left += 0.5 * (shortest + pattern.gap_m)
    places = []
    while right - left >= shortest:
        length = float(rng.uniform(shortest, longest))
        rest = right - left - length
        if rest < shortest + pattern.gap_m:
            # the last building takes what is left, or two share it
            length = min(right - left, longest)
        if rng.random() >= pattern.loose:
            places.append((left, length))
        left += length + pattern.gap_m * float(rng.uniform(0.85, 1.2))
    return places


def _stand(
    unit: np.ndarray, start: float, base: float, length: float, pattern: Pattern, rng: np.random.Generator
) -> np.ndarray:
    outline = unit * (length, pattern.depth_m)
    if pattern.jitter_m:
        if pattern.outline in ("ell", "court"):
            flip = rng.random(2) < 0.5
            outline = np.where(flip, (length, pattern.depth_m) - outline, outline)
        slack = rng.uniform(-pattern.jitter_m, pattern.jitter_m, 2)
        tilt = rng.uniform(-0.03, 0.03)
        middle = np.array([length, pattern.depth_m]) / 2
        outline = (
            (outline - middle) @ np.array([[1.0, tilt], [-tilt, 1.0]]) * rng.uniform(0.86, 1.0, 2) + middle + slack
        )
    return np.asarray(outline + np.array([start, base]))


def _clear(ring: np.ndarray, low: float, high: float) -> list[tuple[float, float]]:
    # stretches of a row that lie inside the ring at its lower, middle and upper edge
    stretches = _crossings(ring, low + 1e-6)
    for level in (0.5 * (low + high), high - 1e-6):
        stretches = [
            (max(a, c), min(b, d)) for a, b in stretches for c, d in _crossings(ring, level) if min(b, d) > max(a, c)
        ]
    return stretches


def _crossings(ring: np.ndarray, level: float) -> list[tuple[float, float]]:
    below = ring[:, 1] <= level
    cross = np.flatnonzero(below[:-1] != below[1:])
    first, second = ring[cross], ring[cross + 1]
    xs = np.sort(first[:, 0] + (level - first[:, 1]) / (second[:, 1] - first[:, 1]) * (second[:, 0] - first[:, 0]))
    return list(zip(xs[::2].tolist(), xs[1::2].tolist(), strict=False))
